#pragma once

#include <adwaita.h>

#include "steer-chat.h"

G_BEGIN_DECLS

/**
 * SteerChatList: the left side of the window, header bar included: new chat, search, the list of chats.
 *
 * Property: chat (SteerChat): the conversation that is open in it is the selected row, and activating a row opens it
 * there. Actions `chats.*`, on the chat that is selected or whose menu was opened: rename, delete, export-markdown,
 * export-json, import. Signals: `toast` (AdwToast), `opened`: a chat was chosen, so a panel that covers the transcript
 * should go; `hit` (int64 id of a message, string of what was searched for): a chat was opened for what was found in
 * it.
 */
#define STEER_TYPE_CHAT_LIST (steer_chat_list_get_type ())
G_DECLARE_FINAL_TYPE (SteerChatList, steer_chat_list, STEER, CHAT_LIST, GtkWidget)

GtkWidget *steer_chat_list_new (SteerChat *chat);

/* Someone goes through its rows by keys, and would lose the place if the focus went elsewhere. */
gboolean steer_chat_list_has_keys (SteerChatList *self);

/* Moves the focus into the search entry. */
void steer_chat_list_search (SteerChatList *self);

/* Opens the next (+1) or previous (-1) chat of the list. */
void steer_chat_list_step (SteerChatList *self, int step);

/* Deletes the chat that is open, with Undo. */
void steer_chat_list_delete_open (SteerChatList *self);

/* Writes a chat into @file, and takes one from it; what came of it is told in a toast. */
void steer_chat_list_export (SteerChatList *self, gint64 id, gboolean markdown, GFile *file);
void steer_chat_list_import (SteerChatList *self, GFile *file);

/* A hit's text, its bytes between \001 and \002, as Pango markup with the hit in bold; other text is only escaped. */
char *steer_chat_list_dup_preview_markup (gpointer self, const char *preview);

/* Which page is shown: "list", "empty" (no chats yet) or "nothing" (nothing found). */
char *steer_chat_list_dup_page (gpointer self, guint n_items, gboolean searching);

G_END_DECLS
