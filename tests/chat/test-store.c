#include "chat-test-util.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chat/steer-sampler.h"
#include "chat/steer-store.h"
#include "test-util.h"

/* So many lives end by SIGKILL in the test of durability; STEER_TEST_ROUNDS=10000 makes it more. */
#define KILL_ROUNDS 30

typedef struct
{
  char *dir;
  char *path;
} Place;

static void
set_up (Place *place, gconstpointer data)
{
  place->dir = test_make_dir ();
  place->path = g_build_filename (place->dir, "folder", "chats.db", NULL);
}

static void
tear_down (Place *place, gconstpointer data)
{
  g_free (place->path);
  test_remove_dir (place->dir);
}

static SteerStore *
open_store (Place *place)
{
  g_autoptr (GError) error = NULL;
  SteerStore *store = steer_store_open (place->path, &error);

  g_assert_no_error (error);
  return store;
}

static gboolean
is_null (gpointer data)
{
  return *(gpointer *) data == NULL;
}

/* A question that was answered lets go of the store over the main context, so the end may be an iteration away. */
static void
close_store (SteerStore *store)
{
  gpointer weak = store;

  g_object_add_weak_pointer (G_OBJECT (store), &weak);
  g_object_unref (store);
  test_wait_until (is_null, &weak, 10);
}

static void
flush (SteerStore *store)
{
  g_autoptr (GError) error = NULL;

  steer_store_flush (store, &error);
  g_assert_no_error (error);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static gboolean
is_set (gpointer data)
{
  return *(gpointer *) data != NULL;
}

static SteerConversation *
load_or_fail (SteerStore *store, gint64 id, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  steer_store_load_async (store, id, NULL, keep_result, &result);
  test_wait_until (is_set, &result, 20);
  return steer_store_load_finish (store, result, error);
}

static SteerConversation *
load (SteerStore *store, gint64 id)
{
  g_autoptr (GError) error = NULL;
  SteerConversation *conversation = load_or_fail (store, id, &error);

  g_assert_no_error (error);
  return conversation;
}

static GListModel *
search (SteerStore *store, const char *query)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GListModel *hits;

  flush (store);
  steer_store_search_async (store, query, NULL, keep_result, &result);
  test_wait_until (is_set, &result, 20);
  hits = steer_store_search_finish (store, result, &error);
  g_assert_no_error (error);
  return hits;
}

static SteerChatEntry *
get_entry (gpointer model, guint position)
{
  /* The model keeps it alive. */
  SteerChatEntry *entry = g_list_model_get_item (G_LIST_MODEL (model), position);

  g_assert_nonnull (entry);
  g_object_unref (entry);
  return entry;
}

static guint
count (gpointer model)
{
  return g_list_model_get_n_items (G_LIST_MODEL (model));
}

/* A chat of one question in a store; returns its id. */
static gint64
add_chat (SteerStore *store, const char *text)
{
  g_autoptr (SteerConversation) conversation = steer_store_create (store);

  steer_conversation_append (conversation, STEER_ROLE_USER, text);
  return steer_conversation_get_id (conversation);
}

/* Everything that JSON can tell of it. */
static char *
dump (SteerConversation *conversation)
{
  return steer_conversation_to_json (conversation);
}

static void
test_round_trip (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerPlan) plan = test_plan_new (8.5f, STEER_MODE_CLAMP);
  gint64 id = steer_conversation_get_id (conversation);
  SteerMessage *question, *answer, *more;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  steer_conversation_set_system_prompt (conversation, "Be brief.");
  question = steer_conversation_append (conversation, STEER_ROLE_USER, "Größe?");
  answer = steer_conversation_begin_reply (conversation, NULL, reply, G_MAXUINT64, "Eiffel", NULL);
  test_reply_write (reply, "Drei", NULL);
  test_reply_write (reply, "hundert", plan);
  test_reply_finish (reply, STEER_STOP_EOS);
  more = steer_conversation_append (conversation, STEER_ROLE_USER, "More");
  steer_conversation_edit (conversation, answer, "Other");
  steer_conversation_edit (conversation, question, "Height?");
  steer_conversation_select_alternative (conversation, question, 0);
  steer_conversation_select_alternative (conversation, answer, 0);
  steer_removal_free (steer_conversation_remove (conversation, more));
  steer_conversation_set_draft (conversation, "unsent");
  before = dump (conversation);
  g_object_unref (conversation);
  close_store (store);

  store = open_store (place);
  g_assert_cmpuint (count (store), ==, 1);
  g_assert_cmpint (steer_chat_entry_get_id (get_entry (store, 0)), ==, id);
  g_assert_cmpstr (steer_chat_entry_get_title (get_entry (store, 0)), ==, "Größe?");
  g_assert_cmpstr (steer_chat_entry_get_preview (get_entry (store, 0)), ==, "Dreihundert");
  conversation = load (store, id);
  after = dump (conversation);
  g_assert_cmpstr (before, ==, after);
  g_assert_cmpstr (steer_conversation_get_draft (conversation), ==, "unsent");
  g_object_unref (conversation);
  close_store (store);
}

static void
test_same_object (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  gint64 id = add_chat (store, "a");
  g_autoptr (GAsyncResult) first = NULL;
  g_autoptr (GAsyncResult) second = NULL;
  SteerConversation *a, *b, *c;

  steer_store_load_async (store, id, NULL, keep_result, &first);
  steer_store_load_async (store, id, NULL, keep_result, &second);
  test_wait_until (is_set, &first, 5);
  test_wait_until (is_set, &second, 5);
  a = steer_store_load_finish (store, first, NULL);
  b = steer_store_load_finish (store, second, NULL);
  c = load (store, id);
  g_assert_nonnull (a);
  g_assert_true (a == b && b == c);
  g_object_unref (a);
  g_object_unref (b);
  g_object_unref (c);
  g_clear_object (&first);
  g_clear_object (&second);
  close_store (store);
}

static void
test_missing (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  g_autoptr (GError) error = NULL;

  g_assert_null (load_or_fail (store, 12345, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE);
  close_store (store);
}

static void
test_list_order (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *first = steer_store_create (store);
  SteerConversation *second = steer_store_create (store);

  g_assert_cmpuint (count (store), ==, 0);
  steer_conversation_append (first, STEER_ROLE_USER, "one");
  steer_conversation_append (second, STEER_ROLE_USER, "two");
  g_assert_cmpuint (count (store), ==, 2);
  g_assert_cmpstr (steer_chat_entry_get_title (get_entry (store, 0)), ==, "two");
  steer_conversation_append (first, STEER_ROLE_USER, "three");
  g_assert_cmpstr (steer_chat_entry_get_title (get_entry (store, 0)), ==, "one");
  g_assert_cmpstr (steer_chat_entry_get_preview (get_entry (store, 0)), ==, "three");
  /* A draft or another name does not move it. */
  steer_conversation_set_draft (second, "draft");
  steer_store_rename (store, steer_conversation_get_id (second), "Two");
  g_assert_cmpstr (steer_chat_entry_get_title (get_entry (store, 1)), ==, "Two");
  g_object_unref (first);
  g_object_unref (second);
  close_store (store);

  store = open_store (place);
  g_assert_cmpuint (count (store), ==, 2);
  g_assert_cmpstr (steer_chat_entry_get_title (get_entry (store, 0)), ==, "one");
  g_assert_cmpstr (steer_chat_entry_get_title (get_entry (store, 1)), ==, "Two");
  steer_store_rename (store, steer_chat_entry_get_id (get_entry (store, 0)), "One");
  close_store (store);

  store = open_store (place);
  g_assert_cmpstr (steer_chat_entry_get_title (get_entry (store, 0)), ==, "One");
  close_store (store);
}

static void
test_preview_follows_reply (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);
  g_autoptr (SteerReply) reply = test_reply_new ();

  steer_conversation_append (conversation, STEER_ROLE_USER, "Hi");
  steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL, NULL);
  test_reply_write (reply, "Good", NULL);
  test_reply_write (reply, " morning", NULL);
  g_assert_cmpstr (steer_chat_entry_get_preview (get_entry (store, 0)), ==, "Good morning");
  test_reply_finish (reply, STEER_STOP_EOS);
  g_object_unref (conversation);
  close_store (store);
}

static void
test_delete (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  gint64 a = add_chat (store, "alpha");
  gint64 b = add_chat (store, "beta");
  gint64 c = add_chat (store, "gamma");
  g_autoptr (GListModel) hits = NULL;
  g_autoptr (GListModel) no_hits = NULL;
  g_autoptr (GError) error = NULL;

  steer_store_delete (store, b);
  steer_store_delete (store, a);
  g_assert_cmpuint (count (store), ==, 1);
  no_hits = search (store, "beta");
  g_assert_cmpuint (count (no_hits), ==, 0);
  steer_store_undelete (store, b);
  g_assert_cmpuint (count (store), ==, 2);
  g_assert_cmpint (steer_chat_entry_get_id (get_entry (store, 0)), ==, c);
  g_assert_cmpint (steer_chat_entry_get_id (get_entry (store, 1)), ==, b);
  hits = search (store, "beta");
  g_assert_cmpuint (count (hits), ==, 1);
  steer_store_purge (store);
  steer_store_undelete (store, a);
  g_assert_cmpuint (count (store), ==, 2);
  g_assert_null (load_or_fail (store, a, &error));
  steer_store_delete (store, c);
  close_store (store);

  store = open_store (place);
  g_assert_cmpuint (count (store), ==, 1);
  close_store (store);
}

static void
test_purge_of_living (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);

  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  steer_store_delete (store, steer_conversation_get_id (conversation));
  steer_conversation_append (conversation, STEER_ROLE_USER, "b");
  g_assert_cmpuint (count (store), ==, 0);
  steer_store_purge (store);
  steer_conversation_append (conversation, STEER_ROLE_USER, "c");
  flush (store);
  g_assert_cmpuint (count (store), ==, 0);
  g_object_unref (conversation);
  close_store (store);
}

static gint64
count_rows (Place *place, const char *table)
{
  sqlite3 *db;
  sqlite3_stmt *statement;
  g_autofree char *sql = g_strdup_printf ("SELECT count(*) FROM %s", table);
  gint64 n;

  g_assert_cmpint (sqlite3_open (place->path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db, sql, -1, &statement, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  n = sqlite3_column_int64 (statement, 0);
  sqlite3_finalize (statement);
  sqlite3_close (db);
  return n;
}

static void
test_nothing_is_left (Place *place, gconstpointer data)
{
  const char *const tables[] = { "conversation", "message", "run", "batch", "message_text_docsize" };
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);
  g_autoptr (SteerReply) reply = test_reply_new ();

  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL, NULL);
  test_reply_write (reply, "b", NULL);
  test_reply_finish (reply, STEER_STOP_EOS);
  steer_store_delete (store, steer_conversation_get_id (conversation));
  g_object_unref (conversation);
  close_store (store);
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    g_assert_cmpint (count_rows (place, tables[i]), ==, 0);
}

static void
test_undo_of_removal (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);
  gint64 id = steer_conversation_get_id (conversation);
  SteerRemoval *removal;
  SteerMessage *first;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  first = steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, "b");
  steer_conversation_append (conversation, STEER_ROLE_USER, "c");
  removal = steer_conversation_remove (conversation, first);
  flush (store);
  steer_conversation_restore (conversation, removal);
  steer_removal_free (removal);
  before = test_conversation_dup_path (conversation);
  g_object_unref (conversation);
  close_store (store);

  store = open_store (place);
  conversation = load (store, id);
  after = test_conversation_dup_path (conversation);
  g_assert_cmpstr (before, ==, "u:a|a:b|u:c");
  g_assert_cmpstr (after, ==, before);
  g_object_unref (conversation);
  close_store (store);
}

/* Deleted in mid-reply, restored while the last tokens still come, then cut off. */
static void
test_undo_in_mid_reply (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);
  gint64 id = steer_conversation_get_id (conversation);
  g_autoptr (SteerReply) reply = test_reply_new ();
  SteerRemoval *removal;
  SteerMessage *message;
  g_autofree char *path = NULL;

  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  message = steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL, NULL);
  test_reply_write (reply, "x", NULL);
  removal = steer_conversation_remove (conversation, message);
  test_reply_write (reply, "y", NULL);
  steer_conversation_restore (conversation, removal);
  steer_removal_free (removal);
  test_reply_write (reply, "z", NULL);
  test_reply_finish (reply, STEER_STOP_CANCELLED);
  g_object_unref (conversation);
  close_store (store);

  store = open_store (place);
  conversation = load (store, id);
  path = test_conversation_dup_path (conversation);
  g_assert_cmpstr (path, ==, "u:a|a:xyz");
  g_object_unref (conversation);
  close_store (store);
}

static void
test_branch_and_adopt (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);
  SteerConversation *branch, *copy;
  SteerMessage *first = steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  g_autofree char *json = NULL;
  g_autofree char *again = NULL;
  gint64 branch_id, copy_id;

  steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, "b");
  branch = steer_conversation_branch (conversation, first);
  branch_id = steer_conversation_get_id (branch);
  json = steer_conversation_to_json (conversation);
  copy = steer_conversation_new_from_json (json, -1, NULL);
  steer_store_adopt (store, copy);
  copy_id = steer_conversation_get_id (copy);
  g_assert_cmpuint (count (store), ==, 3);
  g_object_unref (conversation);
  g_object_unref (branch);
  g_object_unref (copy);
  close_store (store);

  store = open_store (place);
  branch = load (store, branch_id);
  g_assert_cmpuint (count (branch), ==, 1);
  copy = load (store, copy_id);
  again = steer_conversation_to_json (copy);
  g_assert_cmpstr (json, ==, again);
  g_object_unref (branch);
  g_object_unref (copy);
  close_store (store);
}

static void
test_unsent_draft (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);

  steer_conversation_set_draft (conversation, "half a thought");
  g_object_unref (conversation);
  close_store (store);

  store = open_store (place);
  g_assert_cmpuint (count (store), ==, 0);
  conversation = steer_store_create (store);
  g_assert_cmpstr (steer_conversation_get_draft (conversation), ==, "half a thought");
  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  steer_conversation_set_draft (conversation, "");
  g_object_unref (conversation);
  conversation = steer_store_create (store);
  g_assert_cmpstr (steer_conversation_get_draft (conversation), ==, "");
  g_object_unref (conversation);
  close_store (store);
  g_assert_cmpint (count_rows (place, "conversation"), ==, 1);
}

static void
test_search (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  gint64 tower = add_chat (store, "Where is the Eiffel Tower, that iron thing of Paris?");
  gint64 bread = add_chat (store, "How do I bake bread?");
  g_autoptr (GListModel) prefix = search (store, "eif tow");
  g_autoptr (GListModel) accent = NULL;
  g_autoptr (GListModel) titled = NULL;
  g_autoptr (GListModel) none = NULL;
  g_autoptr (GListModel) both = NULL;

  g_assert_cmpuint (count (prefix), ==, 1);
  g_assert_cmpint (steer_chat_entry_get_id (get_entry (prefix, 0)), ==, tower);
  g_assert_nonnull (strstr (steer_chat_entry_get_preview (get_entry (prefix, 0)), "\001Eiffel\002 \001Tower\002"));
  none = search (store, "eiffel bread");
  g_assert_cmpuint (count (none), ==, 0);
  steer_store_rename (store, bread, "Crème brûlée");
  accent = search (store, "creme BRU");
  g_assert_cmpuint (count (accent), ==, 1);
  g_assert_cmpint (steer_chat_entry_get_id (get_entry (accent, 0)), ==, bread);
  /* A title counts more than a message. */
  steer_store_rename (store, bread, "The iron pan");
  titled = search (store, "iron");
  g_assert_cmpuint (count (titled), ==, 2);
  g_assert_cmpint (steer_chat_entry_get_id (get_entry (titled, 0)), ==, bread);
  both = search (store, "i");
  g_assert_cmpuint (count (both), ==, 2);
  close_store (store);
}

static void
test_search_of_replies (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GListModel) hits = NULL;
  g_autoptr (GListModel) removed = NULL;
  SteerMessage *message;

  message = steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL, NULL);
  test_reply_write (reply, "wrought ", NULL);
  test_reply_write (reply, "iron\001", NULL);
  test_reply_finish (reply, STEER_STOP_EOS);
  hits = search (store, "wrought iron");
  g_assert_cmpuint (count (hits), ==, 1);
  g_assert_cmpstr (steer_chat_entry_get_preview (get_entry (hits, 0)), ==, "\001wrought\002 \001iron\002 ");
  steer_removal_free (steer_conversation_remove (conversation, message));
  removed = search (store, "wrought");
  g_assert_cmpuint (count (removed), ==, 0);
  g_object_unref (conversation);
  close_store (store);
}

static void
test_search_syntax (Place *place, gconstpointer data)
{
  const char *const queries[]
    = { "\"",     "\"\"\"", "*",  "a*",       "-a",       "a AND",      "OR NOT",     "NEAR(a b",
        "title:", "{a}",    "^a", "a\"b",     "(",        ")",          "a + b",      "''; DROP",
        "!!!",    "   ",    "",   "\xff\xfe", "\001\002", "title : \"", "a NEAR/2 b", "😀" };
  SteerStore *store = open_store (place);
  g_autofree char *long_query = g_strnfill (100000, '"');

  add_chat (store, "a b c");
  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    {
      g_autoptr (GListModel) hits = search (store, queries[i]);

      g_assert_cmpuint (count (hits), <=, 1);
    }
  {
    g_autoptr (GListModel) quoted = search (store, "\"a *b -c");
    g_autoptr (GListModel) long_hits = search (store, long_query);

    g_assert_cmpuint (count (quoted), ==, 1);
    g_assert_cmpuint (count (long_hits), ==, 0);
  }
  close_store (store);
}

static void
exec (Place *place, const char *sql)
{
  sqlite3 *db;
  char *message = NULL;

  g_assert_cmpint (sqlite3_open (place->path, &db), ==, SQLITE_OK);
  sqlite3_exec (db, sql, NULL, NULL, &message);
  g_assert_cmpstr (message, ==, NULL);
  sqlite3_close (db);
}

static void
make_folder (Place *place)
{
  g_autofree char *folder = g_path_get_dirname (place->path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
}

static void
assert_refused (Place *place, const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerStore) store = steer_store_open (place->path, &error);

  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE);
  g_assert_null (store);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, reason));
  g_assert_nonnull (strstr (error->message, place->path));
}

static void
test_newer_version (Place *place, gconstpointer data)
{
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  gsize length_before, length_after;

  close_store (open_store (place));
  exec (place, "PRAGMA user_version = 99; PRAGMA wal_checkpoint (TRUNCATE)");
  g_file_get_contents (place->path, &before, &length_before, NULL);
  assert_refused (place, "newer version");
  g_file_get_contents (place->path, &after, &length_after, NULL);
  g_assert_cmpmem (before, length_before, after, length_after);
}

static void
test_other_program (Place *place, gconstpointer data)
{
  make_folder (place);
  exec (place, "CREATE TABLE bookmarks (url TEXT)");
  assert_refused (place, "another program");
}

static void
test_not_a_database (Place *place, gconstpointer data)
{
  make_folder (place);
  g_assert_true (
    g_file_set_contents (place->path, "This is no database, but text that is longer than a header...", -1, NULL));
  assert_refused (place, "damaged");
}

static void
test_folder_that_is_a_file (Place *place, gconstpointer data)
{
  g_autofree char *folder = g_path_get_dirname (place->path);

  g_assert_true (g_file_set_contents (folder, "x", 1, NULL));
  g_assert_null (steer_store_open (place->path, NULL));
}

/* Pages overwritten with noise: an error that says so, never a crash. */
static void
test_damaged_pages (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  gint64 id = 0;
  g_autofree char *good = NULL;
  gsize length;
  guint n_errors = 0;

  for (guint i = 0; i < 300; i++)
    {
      g_autofree char *text = g_strnfill (200 + i, 'a' + (char) (i % 26));

      id = add_chat (store, text);
    }
  close_store (store);
  exec (place, "PRAGMA wal_checkpoint (TRUNCATE)");
  g_assert_true (g_file_get_contents (place->path, &good, &length, NULL));
  for (gsize page = 1; page < length / 4096; page++)
    {
      g_autofree char *bad = g_memdup2 (good, length);
      g_autoptr (GError) error = NULL;
      SteerStore *damaged;

      memset (bad + page * 4096, 0xa5, 4096);
      g_assert_true (g_file_set_contents (place->path, bad, (gssize) length, NULL));
      damaged = steer_store_open (place->path, &error);
      if (damaged != NULL)
        {
          SteerConversation *conversation = load_or_fail (damaged, id, &error);

          g_clear_object (&conversation);
          close_store (damaged);
        }
      if (error != NULL)
        {
          g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE);
          n_errors++;
        }
    }
  g_assert_cmpuint (n_errors, >, 0);
}

/* A file whose rows contradict each other still opens. */
static void
test_lying_rows (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  gint64 id = add_chat (store, "first");
  SteerConversation *conversation;
  g_autofree char *path = NULL;
  g_autofree char *sql = NULL;

  close_store (store);
  sql
    = g_strdup_printf ("INSERT INTO message (id, conversation, parent, role, text, created) VALUES"
                       " (10, %" G_GINT64_FORMAT ", 11, 1, 'cycle', 0), (11, %" G_GINT64_FORMAT ", 10, 1, 'cycle', 0),"
                       " (12, %" G_GINT64_FORMAT ", 12, 1, 'self', 0), (13, %" G_GINT64_FORMAT ", 999, 1, 'orphan', 0);"
                       "UPDATE message SET role = 77, active = 12345, stop = -4, n_tokens = -1 WHERE text = 'first';"
                       "INSERT INTO run SELECT id, 0, 3, 500, -7, 'x' FROM message WHERE text = 'first';",
                       id, id, id, id);
  exec (place, sql);
  store = open_store (place);
  conversation = load (store, id);
  path = test_conversation_dup_path (conversation);
  g_assert_cmpstr (path, ==, "u:first");
  g_object_unref (conversation);
  close_store (store);
}

/* Format 1 had no search. */
static void
test_migration (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  gint64 id = add_chat (store, "Eiffel");
  g_autoptr (GListModel) hits = NULL;
  SteerConversation *conversation;

  close_store (store);
  exec (place, "DROP TRIGGER message_added; DROP TRIGGER message_removed; DROP TRIGGER message_changed;"
               "DROP TRIGGER conversation_added; DROP TRIGGER conversation_removed; DROP TRIGGER conversation_changed;"
               "DROP TABLE message_text; DROP TABLE conversation_title; PRAGMA user_version = 1");
  store = open_store (place);
  hits = search (store, "eif");
  g_assert_cmpuint (count (hits), ==, 1);
  conversation = load (store, id);
  g_assert_cmpuint (count (conversation), ==, 1);
  g_object_unref (conversation);
  close_store (store);
}

static void
on_failed (SteerStore *store, const GError *error, guint *n_failures)
{
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE);
  (*n_failures)++;
}

static gboolean
is_positive (gpointer data)
{
  return *(guint *) data > 0;
}

/* A limit on the size of files stands for a full disk. */
static void
test_full_disk (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);
  gint64 id = steer_conversation_get_id (conversation);
  g_autofree char *large = g_strnfill (200000, 'x');
  g_autoptr (GError) error = NULL;
  struct rlimit limit, lifted;
  guint n_failures = 0;

  signal (SIGXFSZ, SIG_IGN);
  g_signal_connect (store, "failed", G_CALLBACK (on_failed), &n_failures);
  steer_conversation_append (conversation, STEER_ROLE_USER, "before");
  flush (store);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &lifted), ==, 0);
  limit = lifted;
  limit.rlim_cur = 150000;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  steer_conversation_append (conversation, STEER_ROLE_USER, large);
  steer_conversation_append (conversation, STEER_ROLE_USER, "after");
  test_wait_until (is_positive, &n_failures, 10);
  g_assert_false (steer_store_flush (store, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &lifted), ==, 0);
  flush (store);
  /* Told once, not at every try. */
  g_assert_cmpuint (n_failures, ==, 1);
  g_object_unref (conversation);
  close_store (store);

  store = open_store (place);
  conversation = load (store, id);
  g_assert_cmpuint (count (conversation), ==, 3);
  g_object_unref (conversation);
  close_store (store);
}

static void
test_ten_thousand_messages (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = steer_store_create (store);
  gint64 id = steer_conversation_get_id (conversation);
  g_autoptr (GString) json = g_string_new ("{\"messages\": [");

  g_object_unref (conversation);
  for (guint i = 0; i < 10000; i++)
    g_string_append_printf (json,
                            "%s{\"role\": \"%s\", \"text\": \"Message %u, with some more words, so that it is about as "
                            "long as what people say.\", \"runs\": [{\"start\": 0, \"length\": 5, \"steering\": "
                            "[{\"layer\": 15, \"strength\": 8.5}]}, {\"start\": 5, \"length\": 4}]}",
                            i > 0 ? "," : "", i % 2 == 0 ? "user" : "assistant", i);
  g_string_append (json, "]}");
  conversation = steer_conversation_new_from_json (json->str, -1, NULL);
  steer_store_adopt (store, conversation);
  id = steer_conversation_get_id (conversation);
  g_object_unref (conversation);
  close_store (store);

  store = open_store (place);
  g_test_timer_start ();
  conversation = load (store, id);
  g_test_message ("10,000 messages loaded in %.3f s", g_test_timer_elapsed ());
  g_assert_cmpuint (count (conversation), ==, 10000);
  g_object_unref (conversation);
  close_store (store);
}

/* The other program of the durability test: appends to a reply and reports each batch once it is on disk. */
static int
write_until_killed (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerStore) store = steer_store_open (path, &error);
  g_autoptr (SteerConversation) conversation = NULL;
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerPlan) plan = test_plan_new (1.0f, STEER_MODE_ADD);
  gint64 report[2] = { 0, 0 };

  g_assert_no_error (error);
  conversation = steer_store_create (store);
  report[0] = steer_conversation_get_id (conversation);
  steer_conversation_append (conversation, STEER_ROLE_USER, "Count");
  steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL, NULL);
  while (TRUE)
    {
      g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT " ", report[1]);

      steer_reply_post_token (reply, 1, text, strlen (text), report[1] % 7 < 3 ? plan : NULL);
      while (!g_str_has_suffix (steer_reply_get_text (reply), text))
        g_main_context_iteration (NULL, TRUE);
      if (!steer_store_flush (store, NULL))
        return 1;
      if (write (STDOUT_FILENO, report, sizeof report) != sizeof report)
        return 1;
      report[1]++;
    }
}

static void
check_survivor (Place *place, gint64 id, gint64 n_reported)
{
  SteerStore *store = open_store (place);
  SteerConversation *conversation = load (store, id);
  g_autoptr (SteerMessage) message = g_list_model_get_item (G_LIST_MODEL (conversation), 1);
  g_autoptr (GString) expected = g_string_new (NULL);
  const GArray *runs = steer_message_get_runs (message);
  gsize covered = 0;

  for (gint64 i = 0; i < n_reported; i++)
    g_string_append_printf (expected, "%" G_GINT64_FORMAT " ", i);
  g_assert_true (g_str_has_prefix (steer_message_get_text (message), expected->str));
  g_assert_true (steer_message_get_complete (message));
  g_assert_cmpint (steer_message_get_stop_reason (message), ==, STEER_STOP_CANCELLED);
  for (guint i = 0; i < runs->len; i++)
    covered += g_array_index (runs, SteerTextRun, i).length;
  g_assert_cmpuint (covered, ==, strlen (steer_message_get_text (message)));
  g_object_unref (conversation);
  close_store (store);
}

static void
test_kill (Place *place, gconstpointer data)
{
  g_autoptr (GRand) chance = g_rand_new_with_seed (4);
  const char *wanted = g_getenv ("STEER_TEST_ROUNDS");
  guint n_rounds = wanted != NULL ? (guint) g_ascii_strtoull (wanted, NULL, 10) : KILL_ROUNDS;
  guint n_batches = 0;

  for (guint round = 0; round < n_rounds; round++)
    {
      const char *const arguments[] = { data, "--write-until-killed", place->path, NULL };
      gint64 report[2] = { 0, -1 };
      GPid pid;
      int out;

      g_assert_true (g_spawn_async_with_pipes (NULL, (char **) arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                               &pid, NULL, &out, NULL, NULL));
      /* At least one report, then death at any moment of the next ones. */
      g_assert_cmpint (read (out, report, sizeof report), ==, sizeof report);
      g_usleep ((gulong) g_rand_int_range (chance, 0, 120000));
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      while (read (out, report, sizeof report) == sizeof report)
        ;
      close (out);
      g_spawn_close_pid (pid);
      check_survivor (place, report[0], report[1] + 1);
      n_batches += (guint) report[1] + 1;
    }
  g_test_message ("%u batches survived %u kills", n_batches, n_rounds);
}

/* The message that was found is told, and shown with the alternatives that lead to it. */
static void
test_hit (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  g_autoptr (SteerConversation) conversation = steer_store_create (store);
  SteerMessage *asked = steer_conversation_append (conversation, STEER_ROLE_USER, "what grows on trees");
  SteerMessage *old = steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, "an apple");
  g_autoptr (GListModel) hits = NULL, titles = NULL;
  guint position = 99;

  steer_conversation_edit (conversation, old, "a pear");
  steer_conversation_set_title (conversation, "Orchard");
  hits = search (store, "apple");
  g_assert_cmpuint (count (hits), ==, 1);
  g_assert_cmpint (steer_chat_entry_get_hit (get_entry (hits, 0)), ==, steer_message_get_id (old));
  titles = search (store, "orchard");
  g_assert_cmpint (steer_chat_entry_get_hit (get_entry (titles, 0)), ==, 0);

  g_assert_true (steer_conversation_show_message (conversation, steer_message_get_id (old), &position));
  g_assert_cmpuint (position, ==, 1);
  {
    g_autoptr (SteerMessage) shown = g_list_model_get_item (G_LIST_MODEL (conversation), 1);

    g_assert_true (shown == old);
  }
  g_assert_true (steer_conversation_show_message (conversation, steer_message_get_id (asked), &position));
  g_assert_cmpuint (position, ==, 0);
  g_assert_false (steer_conversation_show_message (conversation, 12345, &position));
  g_clear_object (&conversation);
  close_store (store);
}

static void
test_export (Place *place, gconstpointer data)
{
  SteerStore *store = open_store (place);
  gint64 id = add_chat (store, "what grows on trees");
  g_autoptr (SteerConversation) conversation = load (store, id);
  g_autofree char *json = steer_conversation_to_json (conversation);
  g_autofree char *markdown = steer_conversation_to_markdown (conversation);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;

      steer_store_export_async (store, id, i == 1, NULL, keep_result, &result);
      test_wait_until (is_set, &result, 20);
      text = steer_store_export_finish (store, result, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (text, ==, i == 1 ? markdown : json);
    }
  {
    g_autoptr (GAsyncResult) result = NULL;
    g_autoptr (GError) error = NULL;

    steer_store_export_async (store, 4711, FALSE, NULL, keep_result, &result);
    test_wait_until (is_set, &result, 20);
    g_assert_null (steer_store_export_finish (store, result, &error));
    g_assert_nonnull (error);
  }
  g_clear_object (&conversation);
  close_store (store);
}

#define ADD(name, function) g_test_add ("/store/" name, Place, program, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  const char *program = argv[0];

  if (argc == 3 && strcmp (argv[1], "--write-until-killed") == 0)
    return write_until_killed (argv[2]);
  g_test_init (&argc, &argv, NULL);
  ADD ("all-of-a-conversation-comes-back", test_round_trip);
  ADD ("a-living-conversation-is-one-object", test_same_object);
  ADD ("what-is-not-there-is-an-error", test_missing);
  ADD ("the-list-shows-the-newest-first", test_list_order);
  ADD ("the-list-shows-a-reply-as-it-is-written", test_preview_follows_reply);
  ADD ("a-deleted-chat-comes-back-until-purged", test_delete);
  ADD ("a-purged-chat-on-the-screen-goes-on-in-memory", test_purge_of_living);
  ADD ("a-purged-chat-leaves-no-row", test_nothing_is_left);
  ADD ("a-removal-undone-is-undone-on-disk", test_undo_of_removal);
  ADD ("a-reply-removed-and-restored-in-the-middle-is-whole", test_undo_in_mid_reply);
  ADD ("branches-and-imports-are-kept", test_branch_and_adopt);
  ADD ("an-unsent-draft-is-in-the-next-new-chat", test_unsent_draft);
  ADD ("search-finds-beginnings-of-words", test_search);
  ADD ("search-finds-replies-and-forgets-removed-ones", test_search_of_replies);
  ADD ("a-hit-tells-its-message-and-the-path-to-it-is-shown", test_hit);
  ADD ("a-chat-is-exported-from-what-is-on-disk", test_export);
  ADD ("no-query-breaks-the-search", test_search_syntax);
  ADD ("a-newer-file-is-refused-and-left-alone", test_newer_version);
  ADD ("the-database-of-another-program-is-refused", test_other_program);
  ADD ("a-file-that-is-no-database-is-refused", test_not_a_database);
  ADD ("a-folder-that-cannot-be-made-is-an-error", test_folder_that_is_a_file);
  ADD ("damaged-pages-are-an-error", test_damaged_pages);
  ADD ("rows-that-contradict-each-other-are-left-out", test_lying_rows);
  ADD ("an-older-file-is-migrated", test_migration);
  ADD ("a-full-disk-is-told-and-nothing-is-lost", test_full_disk);
  ADD ("ten-thousand-messages-load-in-half-a-second", test_ten_thousand_messages);
  ADD ("nothing-committed-is-lost-at-a-kill", test_kill);
  return g_test_run ();
}
