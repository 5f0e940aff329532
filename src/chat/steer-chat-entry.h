#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* A line of the list of chats. */
#define STEER_TYPE_CHAT_ENTRY (steer_chat_entry_get_type ())

/**
 * SteerChatEntry:
 *
 * Properties (notifying): id (int64), title, preview (strings), modified (int64). `preview` is the beginning of the
 * last message, or, in a search result, the hit with its surroundings and the hit's bytes between \001 and \002.
 * `hit` (int64, of a search result) is the id of the message that was found; 0: the title was.
 */
G_DECLARE_FINAL_TYPE (SteerChatEntry, steer_chat_entry, STEER, CHAT_ENTRY, GObject)

gint64 steer_chat_entry_get_id (SteerChatEntry *self);
const char *steer_chat_entry_get_title (SteerChatEntry *self);
const char *steer_chat_entry_get_preview (SteerChatEntry *self);
gint64 steer_chat_entry_get_modified (SteerChatEntry *self);
gint64 steer_chat_entry_get_hit (SteerChatEntry *self);

/* For the store. */
SteerChatEntry *steer_chat_entry_new (gint64 id, const char *title, const char *preview, gint64 modified);
void steer_chat_entry_set_hit (SteerChatEntry *self, gint64 message);
void steer_chat_entry_update (SteerChatEntry *self, const char *title, const char *preview, gint64 modified);

G_END_DECLS
