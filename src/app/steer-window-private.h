#pragma once

#include "steer-chat-list.h"
#include "steer-composer.h"
#include "steer-transcript.h"
#include "steer-window.h"

G_BEGIN_DECLS

struct _SteerWindow
{
  AdwApplicationWindow parent_instance;

  SteerChat *chat;
  SteerConversation *conversation; /* nullable: the chat's, whose signals are heard */
  gboolean empty;
  gboolean folding;      /* the flaps open and close by themselves, which is nobody's choice */
  GCancellable *opening; /* nullable: of the chat that is being loaded */

  AdwToastOverlay *side_toasts; /* over all of the window */
  AdwToastOverlay *toasts;      /* over the transcript */
  AdwFlap *steering_flap;
  AdwFlap *chats_flap;
  AdwHeaderBar *header;
  GtkBox *middle;
  GtkStack *stack;
  SteerChatList *chat_list;
  SteerTranscript *transcript;
  GtkWidget *panel;
  SteerComposer *composer;
};

SteerWorkspace *steer_window_get_workspace (SteerWindow *self);
GSettings *steer_window_get_settings (SteerWindow *self);

/* steer-window-actions.c */
void steer_window_add_actions (SteerWindow *self);
/* Those on the window's own parts hold them, and those hold the window's actions: without this neither would go. */
void steer_window_remove_actions (SteerWindow *self);
void steer_window_update_actions (SteerWindow *self);

#ifdef STEER_HAS_HUB
/* steer-window-downloads.c: an action, and toasts. */
void steer_window_watch_downloads (SteerWindow *self);
#endif

/* steer-window-dnd.c */
void steer_window_add_drop_target (SteerWindow *self);

G_END_DECLS
