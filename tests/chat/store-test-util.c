#include "store-test-util.h"

#include "test-util.h"

void
store_set_up (StorePlace *place, gconstpointer data)
{
  place->dir = test_make_dir ();
  place->path = g_build_filename (place->dir, "folder", "chats.db", NULL);
}

void
store_tear_down (StorePlace *place, gconstpointer data)
{
  g_free (place->path);
  test_remove_dir (place->dir);
}

SteerStore *
store_open (StorePlace *place)
{
  g_autoptr (GError) error = NULL;
  SteerStore *store = steer_store_open (place->path, &error);

  g_assert_no_error (error);
  return store;
}

/* A question that was answered lets go of the store over the main context, so the end may be an iteration away. */
void
store_close (SteerStore *store)
{
  test_assert_finalizes (store);
}

void
store_flush (SteerStore *store)
{
  g_autoptr (GError) error = NULL;

  steer_store_flush (store, &error);
  g_assert_no_error (error);
}

SteerConversation *
store_load_or_fail (SteerStore *store, gint64 id, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  steer_store_load_async (store, id, NULL, test_keep_result, &result);
  test_wait_for_result (&result, 20);
  return steer_store_load_finish (store, result, error);
}

SteerConversation *
store_load (SteerStore *store, gint64 id)
{
  g_autoptr (GError) error = NULL;
  SteerConversation *conversation = store_load_or_fail (store, id, &error);

  g_assert_no_error (error);
  return conversation;
}

GListModel *
store_search (SteerStore *store, const char *query)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GListModel *hits;

  store_flush (store);
  steer_store_search_async (store, query, NULL, test_keep_result, &result);
  test_wait_for_result (&result, 20);
  hits = steer_store_search_finish (store, result, &error);
  g_assert_no_error (error);
  return hits;
}

SteerChatEntry *
store_get_entry (gpointer model, guint position)
{
  /* The model keeps it alive. */
  SteerChatEntry *entry = g_list_model_get_item (G_LIST_MODEL (model), position);

  g_assert_nonnull (entry);
  g_object_unref (entry);
  return entry;
}

guint
store_count (gpointer model)
{
  return g_list_model_get_n_items (G_LIST_MODEL (model));
}

/* A chat of one question in a store; returns its id. */
gint64
store_add_chat (SteerStore *store, const char *text)
{
  g_autoptr (SteerConversation) conversation = steer_store_create (store);

  steer_conversation_append (conversation, STEER_ROLE_USER, text);
  return steer_conversation_get_id (conversation);
}

/* Everything that JSON can tell of it. */
char *
store_dump (SteerConversation *conversation)
{
  return steer_conversation_to_json (conversation);
}
