#pragma once

#include "chat/steer-store.h"

G_BEGIN_DECLS

/* Where the store of a test lives. */
typedef struct
{
  char *dir;
  char *path;
} StorePlace;

/* A folder that does not exist yet, in a new empty one. */
void store_set_up (StorePlace *place, gconstpointer data);
void store_tear_down (StorePlace *place, gconstpointer data);
SteerStore *store_open (StorePlace *place);

/* Lets go of the store and waits for its end: a question that was answered lets go of it over the main context. */
void store_close (SteerStore *store);
void store_flush (SteerStore *store);

/* Waits for the conversation; caller unrefs. */
SteerConversation *store_load_or_fail (SteerStore *store, gint64 id, GError **error);
SteerConversation *store_load (SteerStore *store, gint64 id);

/* What is on disk and matches: a list of SteerChatEntry, caller unrefs. */
GListModel *store_search (SteerStore *store, const char *query);

/* The model keeps it alive. */
SteerChatEntry *store_get_entry (gpointer model, guint position);
guint store_count (gpointer model);

/* A chat of one question; returns its id. */
gint64 store_add_chat (SteerStore *store, const char *text);

/* Everything that JSON can tell of it. */
char *store_dump (SteerConversation *conversation);

G_END_DECLS
