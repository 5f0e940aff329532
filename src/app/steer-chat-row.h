#pragma once

#include <gtk/gtk.h>

#include "chat/steer-store.h"

G_BEGIN_DECLS

/**
 * SteerChatRow: a line of the list of chats, with its menu. Property: entry (SteerChatEntry, nullable). Its menu calls
 * the actions `chats.*` of the list around it with the entry's id.
 */
#define STEER_TYPE_CHAT_ROW (steer_chat_row_get_type ())
G_DECLARE_FINAL_TYPE (SteerChatRow, steer_chat_row, STEER, CHAT_ROW, GtkBox)

GtkWidget *steer_chat_row_new (void);
SteerChatEntry *steer_chat_row_get_entry (SteerChatRow *self);
void steer_chat_row_set_entry (SteerChatRow *self, SteerChatEntry *entry);
void steer_chat_row_popup (SteerChatRow *self);

G_END_DECLS
