#pragma once

#include <adwaita.h>

#include "steer-chat.h"

G_BEGIN_DECLS

/**
 * SteerWindow: chats on the left, transcript and composer in the middle, steering on the right. Both sides fold; what
 * the person last chose and the size are restored.
 *
 * Properties: chat (SteerChat); empty (boolean, read-only: the chat has no messages).
 * Actions `win.*`: see steer-window-actions.c. Dropped presets and model folders are loaded.
 */
#define STEER_TYPE_WINDOW (steer_window_get_type ())
G_DECLARE_FINAL_TYPE (SteerWindow, steer_window, STEER, WINDOW, AdwApplicationWindow)

SteerWindow *steer_window_new (GtkApplication *application, SteerWorkspace *workspace);

SteerChat *steer_window_get_chat (SteerWindow *self);
/* What does not fit into a toast, and has nothing to be pressed, is told in a dialog. */
void steer_window_add_toast (SteerWindow *self, AdwToast *toast);
/* The same for @text, which is plain. */
void steer_window_show_message (SteerWindow *self, const char *text);

/* Opens a conversation of the store, when there is one of that id. */
void steer_window_open_chat (SteerWindow *self, gint64 id);
/* A preset's file, or a model's folder. */
void steer_window_open_file (SteerWindow *self, GFile *file);

/* Closures of the template. */
gboolean steer_window_has_notice (gpointer self,
                                  gboolean empty,
                                  const char *loading_path,
                                  const char *load_error,
                                  const char *model_path);
char *steer_window_dup_notice (gpointer self, const char *loading_path, const char *load_error);

/* Action names and their keys in one column. */
void steer_window_install_accels (GtkApplication *application);

G_END_DECLS
