#pragma once

#include "steer-chat-list.h"

G_BEGIN_DECLS

struct _SteerChatList
{
  GtkWidget parent_instance;

  SteerChat *chat;
  GtkSingleSelection *selection; /* of `shown` */
  GtkSliceListModel *shown;      /* the beginning of the chats, or of what was found */
  GListModel *chats;             /* the store, or an empty list without one */
  GtkFilter *deleted;            /* of what was found: what is deleted is not shown */
  guint search_id;               /* the text of the search has changed */
  GCancellable *searching;       /* nullable: of the search that runs */
  GCancellable *opening;         /* nullable: of the chat that is being loaded */
  gboolean in_search;            /* the list shows what was found */
  gint64 hit;                    /* message to be shown when the chat is loaded; 0: none */

  GtkSearchEntry *search;
  GtkListView *list;
};

SteerStore *steer_chat_list_get_store (SteerChatList *self);
/* Shows the conversation in the chat. Its loading gives way to a newer one's. */
void steer_chat_list_open (SteerChatList *self, gint64 id);
/* What is shown of a search is what would be found now. */
void steer_chat_list_search_again (SteerChatList *self);
/* @format: printf. Emits `toast`. */
void steer_chat_list_toast (SteerChatList *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void steer_chat_list_emit_toast (SteerChatList *self, AdwToast *toast);

/* Renaming, deleting, export and import: the actions `chats.*`. */
void steer_chat_list_install_actions (GtkWidgetClass *widget_class);
void steer_chat_list_delete (SteerChatList *self, gint64 id);

G_END_DECLS
