#pragma once

#include "steer-chat-entry.h"
#include "steer-conversation.h"

G_BEGIN_DECLS

#define STEER_TYPE_STORE (steer_store_get_type ())

/**
 * SteerStore:
 *
 * Conversations in one SQLite file (WAL), with full-text search. A thread of its own writes; the main thread never
 * waits for the disk except in steer_store_flush(). Each batch of a reply is one transaction: after kill -9 at any
 * moment the file opens and holds everything up to the last committed batch. A file made by a newer version is
 * refused with a message, never changed; an older one is migrated. Several programs may have the file open: who is not
 * alone leaves what is unfinished, hidden or unsent to the others, until somebody is. Where files cannot be locked each
 * takes itself for alone.
 *
 * It is itself a GListModel of SteerChatEntry, newest first, kept current as conversations change.
 *
 * Signal `failed` (const GError *): a write failed (disk full, read-only); it is kept and tried again.
 */
G_DECLARE_FINAL_TYPE (SteerStore, steer_store, STEER, STORE, GObject)

/* Opens or makes the file; its folder is made too. Errors: STEER_CHAT_ERROR_STORE. */
SteerStore *steer_store_open (const char *path, GError **error);

/* Waits until everything asked for so far is on disk. */
gboolean steer_store_flush (SteerStore *self, GError **error);

/* A new, empty conversation kept in the store. It enters the list with its first message. */
SteerConversation *steer_store_create (SteerStore *self);

/* Loads a conversation with all its alternatives. The same object for the same id while it lives. One that is deleted
 * does not load: what was written into it would be erased with it. */
void steer_store_load_async (SteerStore *self,
                             gint64 id,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
SteerConversation *steer_store_load_finish (SteerStore *self, GAsyncResult *result, GError **error);

/* Text of a conversation for other programs, as steer_conversation_to_markdown() or steer_conversation_to_json() write
 * it, made by the store's thread from what is on disk. Free with g_free(). */
void steer_store_export_async (SteerStore *self,
                               gint64 id,
                               gboolean markdown,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
char *steer_store_export_finish (SteerStore *self, GAsyncResult *result, GError **error);

/* What takes long of steer_store_adopt(), in any thread, while nobody else knows @conversation; until it is adopted
 * nothing may change it. */
void steer_store_prepare_adoption (SteerConversation *conversation);

/* Takes an imported conversation into the store. */
void steer_store_adopt (SteerStore *self, SteerConversation *conversation);

void steer_store_rename (SteerStore *self, gint64 id, const char *title);

/* Hides the conversation at once; it is erased by steer_store_purge() or when the store closes, and comes back with
 * steer_store_undelete() until then. FALSE when it is not in the list. */
gboolean steer_store_delete (SteerStore *self, gint64 id);
void steer_store_undelete (SteerStore *self, gint64 id);
/* Hidden by this store, and not yet erased: FALSE again once it came back, and for what was purged, which does not load
 * either. */
gboolean steer_store_is_deleted (SteerStore *self, gint64 id);
void steer_store_purge (SteerStore *self);

/* Full-text search in titles and messages (prefixes match): (element-type SteerChatEntry), best first. */
void steer_store_search_async (SteerStore *self,
                               const char *query,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
GListModel *steer_store_search_finish (SteerStore *self, GAsyncResult *result, GError **error);

G_END_DECLS
