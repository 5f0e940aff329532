#include "chat-test-util.h"
#include "store-test-util.h"

#include <sqlite3.h>
#include <string.h>

#include "chat/steer-sampler.h"
#include "test-util.h"

static void
test_round_trip (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerPlan) plan = test_plan_new (8.5f, STEER_MODE_CLAMP);
  gint64 id = steer_conversation_get_id (conversation);
  SteerMessage *question, *answer, *more;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  steer_conversation_set_system_prompt (conversation, "Be brief.");
  question = steer_conversation_append (conversation, STEER_ROLE_USER, "Größe?");
  answer = steer_conversation_begin_reply (conversation, NULL, reply, G_MAXUINT64, "Eiffel");
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
  before = store_dump (conversation);
  g_object_unref (conversation);
  store_close (store);

  store = store_open (place);
  g_assert_cmpuint (store_count (store), ==, 1);
  g_assert_cmpint (steer_chat_entry_get_id (store_get_entry (store, 0)), ==, id);
  g_assert_cmpstr (steer_chat_entry_get_title (store_get_entry (store, 0)), ==, "Größe?");
  g_assert_cmpstr (steer_chat_entry_get_preview (store_get_entry (store, 0)), ==, "Dreihundert");
  conversation = store_load (store, id);
  after = store_dump (conversation);
  g_assert_cmpstr (before, ==, after);
  g_assert_cmpstr (steer_conversation_get_draft (conversation), ==, "unsent");
  g_object_unref (conversation);
  store_close (store);
}

static void
test_same_object (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  gint64 id = store_add_chat (store, "a");
  g_autoptr (GAsyncResult) first = NULL;
  g_autoptr (GAsyncResult) second = NULL;
  SteerConversation *a, *b, *c;

  steer_store_load_async (store, id, NULL, test_keep_result, &first);
  steer_store_load_async (store, id, NULL, test_keep_result, &second);
  test_wait_for_result (&first, 5);
  test_wait_for_result (&second, 5);
  a = steer_store_load_finish (store, first, NULL);
  b = steer_store_load_finish (store, second, NULL);
  c = store_load (store, id);
  g_assert_nonnull (a);
  g_assert_true (a == b && b == c);
  g_object_unref (a);
  g_object_unref (b);
  g_object_unref (c);
  g_clear_object (&first);
  g_clear_object (&second);
  store_close (store);
}

static void
test_missing (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  g_autoptr (GError) error = NULL;

  g_assert_null (store_load_or_fail (store, 12345, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE);
  store_close (store);
}

static void
test_list_order (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  SteerConversation *first = steer_store_create (store);
  SteerConversation *second = steer_store_create (store);

  g_assert_cmpuint (store_count (store), ==, 0);
  steer_conversation_append (first, STEER_ROLE_USER, "one");
  steer_conversation_append (second, STEER_ROLE_USER, "two");
  g_assert_cmpuint (store_count (store), ==, 2);
  g_assert_cmpstr (steer_chat_entry_get_title (store_get_entry (store, 0)), ==, "two");
  steer_conversation_append (first, STEER_ROLE_USER, "three");
  g_assert_cmpstr (steer_chat_entry_get_title (store_get_entry (store, 0)), ==, "one");
  g_assert_cmpstr (steer_chat_entry_get_preview (store_get_entry (store, 0)), ==, "three");
  /* A draft or another name does not move it. */
  steer_conversation_set_draft (second, "draft");
  steer_store_rename (store, steer_conversation_get_id (second), "Two");
  g_assert_cmpstr (steer_chat_entry_get_title (store_get_entry (store, 1)), ==, "Two");
  g_object_unref (first);
  g_object_unref (second);
  store_close (store);

  store = store_open (place);
  g_assert_cmpuint (store_count (store), ==, 2);
  g_assert_cmpstr (steer_chat_entry_get_title (store_get_entry (store, 0)), ==, "one");
  g_assert_cmpstr (steer_chat_entry_get_title (store_get_entry (store, 1)), ==, "Two");
  steer_store_rename (store, steer_chat_entry_get_id (store_get_entry (store, 0)), "One");
  store_close (store);

  store = store_open (place);
  g_assert_cmpstr (steer_chat_entry_get_title (store_get_entry (store, 0)), ==, "One");
  store_close (store);
}

static void
test_preview_follows_reply (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);
  g_autoptr (SteerReply) reply = test_reply_new ();

  steer_conversation_append (conversation, STEER_ROLE_USER, "Hi");
  steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
  test_reply_write (reply, "Good", NULL);
  test_reply_write (reply, " morning", NULL);
  g_assert_cmpstr (steer_chat_entry_get_preview (store_get_entry (store, 0)), ==, "Good morning");
  test_reply_finish (reply, STEER_STOP_EOS);
  g_object_unref (conversation);
  store_close (store);
}

/* What a person typed stays as it is. */
static void
test_preview_without_marks (StorePlace *place, gconstpointer data)
{
  static const char *const texts[][2] = {
    { "# Towers\n\nThe **Eiffel Tower** is `330 m` high", "Towers The Eiffel Tower is 330 m high" },
    { "(**Strong**), **very `much` so**", "(Strong), very much so" },
    { "> Quoted\n\n- one\n* two\n  + three", "Quoted one two three" },
    { "In Python:\n```python\nx = 2**10\n```\n", "In Python: x = 2**10" },
    { "2 ** 3 is 8, 2**3 too, `a**b**c` and **kwargs", "2 ** 3 is 8, 2**3 too, a**b**c and **kwargs" },
    { "-1 is less, #3 and a*b, glob **/*.c", "-1 is less, #3 and a*b, glob **/*.c" },
    { "**", "**" },
    { "#", "#" },
    { "`", "`" },
  };
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      steer_conversation_append (conversation, STEER_ROLE_USER, texts[0][0]);
      g_assert_cmpstr (steer_chat_entry_get_preview (store_get_entry (store, 0)), ==,
                       "# Towers The **Eiffel Tower** is `330 m` high");
      steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, texts[i][0]);
      g_assert_cmpstr (steer_chat_entry_get_preview (store_get_entry (store, 0)), ==, texts[i][1]);
    }
  g_object_unref (conversation);
  store_close (store);
}

/* Until the answer begins the question stands there. */
static void
test_preview_without_thought (StorePlace *place, gconstpointer data)
{
  static const char *const pieces[][2] = {
    { "<thi", "Hi" },  { "nk>\nThe person", "Hi" },        { " greets.\n</think", "Hi" },
    { ">\n\n", "Hi" }, { "Good morning", "Good morning" },
  };
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);
  g_autoptr (SteerReply) reply = test_reply_new ();

  steer_conversation_append (conversation, STEER_ROLE_USER, "Hi");
  steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      test_reply_write (reply, pieces[i][0], NULL);
      g_assert_cmpstr (steer_chat_entry_get_preview (store_get_entry (store, 0)), ==, pieces[i][1]);
    }
  test_reply_finish (reply, STEER_STOP_EOS);
  g_assert_cmpstr (steer_chat_entry_get_preview (store_get_entry (store, 0)), ==, "Good morning");
  g_object_unref (conversation);
  store_close (store);
}

static void
test_delete (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  gint64 a = store_add_chat (store, "alpha");
  gint64 b = store_add_chat (store, "beta");
  gint64 c = store_add_chat (store, "gamma");
  g_autoptr (GListModel) hits = NULL;
  g_autoptr (GListModel) no_hits = NULL;
  g_autoptr (GError) error = NULL;

  steer_store_delete (store, b);
  steer_store_delete (store, a);
  g_assert_cmpuint (store_count (store), ==, 1);
  no_hits = store_search (store, "beta");
  g_assert_cmpuint (store_count (no_hits), ==, 0);
  steer_store_undelete (store, b);
  g_assert_cmpuint (store_count (store), ==, 2);
  g_assert_cmpint (steer_chat_entry_get_id (store_get_entry (store, 0)), ==, c);
  g_assert_cmpint (steer_chat_entry_get_id (store_get_entry (store, 1)), ==, b);
  hits = store_search (store, "beta");
  g_assert_cmpuint (store_count (hits), ==, 1);
  steer_store_purge (store);
  steer_store_undelete (store, a);
  g_assert_cmpuint (store_count (store), ==, 2);
  g_assert_null (store_load_or_fail (store, a, &error));
  steer_store_delete (store, c);
  store_close (store);

  store = store_open (place);
  g_assert_cmpuint (store_count (store), ==, 1);
  store_close (store);
}

/* What would be said in it would be erased with it. */
static void
test_deleted_does_not_open (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  g_autoptr (SteerConversation) conversation = steer_store_create (store);
  gint64 id = steer_conversation_get_id (conversation);
  g_autoptr (GAsyncResult) late = NULL;
  g_autoptr (GError) error = NULL, late_error = NULL;

  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  steer_store_load_async (store, id, NULL, test_keep_result, &late);
  steer_store_delete (store, id);
  g_assert_true (steer_store_is_deleted (store, id));
  g_assert_null (store_load_or_fail (store, id, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE);
  /* One that was on its way. */
  test_wait_for_result (&late, 20);
  g_assert_null (steer_store_load_finish (store, late, &late_error));
  g_assert_error (late_error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE);

  steer_store_undelete (store, id);
  g_assert_false (steer_store_is_deleted (store, id));
  g_object_unref (store_load (store, id));
  g_clear_object (&conversation);
  g_clear_object (&late); /* holds the store */
  store_close (store);
}

/* Without waiting for the disk. */
static void
test_search_after_undelete (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  gint64 id = store_add_chat (store, "alpha");
  gint64 other = store_add_chat (store, "beta");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GListModel) hits = NULL;

  steer_store_delete (store, id);
  store_flush (store);
  for (guint i = 0; i < 100; i++)
    steer_store_rename (store, other, i % 2 == 0 ? "one" : "two");
  steer_store_undelete (store, id);
  steer_store_search_async (store, "alpha", NULL, test_keep_result, &result);
  test_wait_for_result (&result, 20);
  hits = steer_store_search_finish (store, result, NULL);
  g_assert_cmpuint (store_count (hits), ==, 1);
  g_clear_object (&result); /* holds the store */
  store_close (store);
}

static void
test_purge_of_living (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);

  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  steer_store_delete (store, steer_conversation_get_id (conversation));
  steer_conversation_append (conversation, STEER_ROLE_USER, "b");
  g_assert_cmpuint (store_count (store), ==, 0);
  steer_store_purge (store);
  steer_conversation_append (conversation, STEER_ROLE_USER, "c");
  store_flush (store);
  g_assert_cmpuint (store_count (store), ==, 0);
  g_object_unref (conversation);
  store_close (store);
}

static gint64
count_rows (StorePlace *place, const char *table)
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
test_nothing_is_left (StorePlace *place, gconstpointer data)
{
  const char *const tables[] = { "conversation", "message", "run", "batch", "message_text_docsize" };
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);
  g_autoptr (SteerReply) reply = test_reply_new ();

  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
  test_reply_write (reply, "b", NULL);
  test_reply_finish (reply, STEER_STOP_EOS);
  steer_store_delete (store, steer_conversation_get_id (conversation));
  g_object_unref (conversation);
  store_close (store);
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    g_assert_cmpint (count_rows (place, tables[i]), ==, 0);
}

static void
test_undo_of_removal (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
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
  store_flush (store);
  steer_conversation_restore (conversation, removal);
  steer_removal_free (removal);
  before = test_conversation_dup_path (conversation);
  g_object_unref (conversation);
  store_close (store);

  store = store_open (place);
  conversation = store_load (store, id);
  after = test_conversation_dup_path (conversation);
  g_assert_cmpstr (before, ==, "u:a|a:b|u:c");
  g_assert_cmpstr (after, ==, before);
  g_object_unref (conversation);
  store_close (store);
}

/* Deleted in mid-reply, restored while the last tokens still come, then cut off. */
static void
test_undo_in_mid_reply (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);
  gint64 id = steer_conversation_get_id (conversation);
  g_autoptr (SteerReply) reply = test_reply_new ();
  SteerRemoval *removal;
  SteerMessage *message;
  g_autofree char *path = NULL;

  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  message = steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
  test_reply_write (reply, "x", NULL);
  removal = steer_conversation_remove (conversation, message);
  test_reply_write (reply, "y", NULL);
  steer_conversation_restore (conversation, removal);
  steer_removal_free (removal);
  test_reply_write (reply, "z", NULL);
  test_reply_finish (reply, STEER_STOP_CANCELLED);
  g_object_unref (conversation);
  store_close (store);

  store = store_open (place);
  conversation = store_load (store, id);
  path = test_conversation_dup_path (conversation);
  g_assert_cmpstr (path, ==, "u:a|a:xyz");
  g_object_unref (conversation);
  store_close (store);
}

static void
test_branch_and_adopt (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
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
  g_assert_cmpuint (store_count (store), ==, 3);
  g_object_unref (conversation);
  g_object_unref (branch);
  g_object_unref (copy);
  store_close (store);

  store = store_open (place);
  branch = store_load (store, branch_id);
  g_assert_cmpuint (store_count (branch), ==, 1);
  copy = store_load (store, copy_id);
  again = steer_conversation_to_json (copy);
  g_assert_cmpstr (json, ==, again);
  g_object_unref (branch);
  g_object_unref (copy);
  store_close (store);
}

static void
test_unsent_draft (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);

  steer_conversation_set_draft (conversation, "half a thought");
  g_object_unref (conversation);
  store_close (store);

  store = store_open (place);
  g_assert_cmpuint (store_count (store), ==, 0);
  conversation = steer_store_create (store);
  g_assert_cmpstr (steer_conversation_get_draft (conversation), ==, "half a thought");
  steer_conversation_append (conversation, STEER_ROLE_USER, "a");
  steer_conversation_set_draft (conversation, "");
  g_object_unref (conversation);
  conversation = steer_store_create (store);
  g_assert_cmpstr (steer_conversation_get_draft (conversation), ==, "");
  g_object_unref (conversation);
  store_close (store);
  g_assert_cmpint (count_rows (place, "conversation"), ==, 1);
}

static void
test_search (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  gint64 tower = store_add_chat (store, "Where is the Eiffel Tower, that iron thing of Paris?");
  gint64 bread = store_add_chat (store, "How do I bake bread?");
  g_autoptr (GListModel) prefix = store_search (store, "eif tow");
  g_autoptr (GListModel) accent = NULL;
  g_autoptr (GListModel) titled = NULL;
  g_autoptr (GListModel) none = NULL;
  g_autoptr (GListModel) both = NULL;

  g_assert_cmpuint (store_count (prefix), ==, 1);
  g_assert_cmpint (steer_chat_entry_get_id (store_get_entry (prefix, 0)), ==, tower);
  g_assert_nonnull (
    strstr (steer_chat_entry_get_preview (store_get_entry (prefix, 0)), "\001Eiffel\002 \001Tower\002"));
  none = store_search (store, "eiffel bread");
  g_assert_cmpuint (store_count (none), ==, 0);
  steer_store_rename (store, bread, "Crème brûlée");
  accent = store_search (store, "creme BRU");
  g_assert_cmpuint (store_count (accent), ==, 1);
  g_assert_cmpint (steer_chat_entry_get_id (store_get_entry (accent, 0)), ==, bread);
  /* A title counts more than a message. */
  steer_store_rename (store, bread, "The iron pan");
  titled = store_search (store, "iron");
  g_assert_cmpuint (store_count (titled), ==, 2);
  g_assert_cmpint (steer_chat_entry_get_id (store_get_entry (titled, 0)), ==, bread);
  both = store_search (store, "i");
  g_assert_cmpuint (store_count (both), ==, 2);
  store_close (store);
}

static void
test_search_of_replies (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GListModel) hits = NULL;
  g_autoptr (GListModel) removed = NULL;
  SteerMessage *message;

  message = steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
  test_reply_write (reply, "wrought ", NULL);
  test_reply_write (reply, "iron\001", NULL);
  test_reply_finish (reply, STEER_STOP_EOS);
  hits = store_search (store, "wrought iron");
  g_assert_cmpuint (store_count (hits), ==, 1);
  g_assert_cmpstr (steer_chat_entry_get_preview (store_get_entry (hits, 0)), ==, "\001wrought\002 \001iron\002 ");
  steer_removal_free (steer_conversation_remove (conversation, message));
  removed = store_search (store, "wrought");
  g_assert_cmpuint (store_count (removed), ==, 0);
  g_object_unref (conversation);
  store_close (store);
}

static void
test_search_syntax (StorePlace *place, gconstpointer data)
{
  const char *const queries[]
    = { "\"",     "\"\"\"", "*",  "a*",       "-a",       "a AND",      "OR NOT",     "NEAR(a b",
        "title:", "{a}",    "^a", "a\"b",     "(",        ")",          "a + b",      "''; DROP",
        "!!!",    "   ",    "",   "\xff\xfe", "\001\002", "title : \"", "a NEAR/2 b", "😀" };
  SteerStore *store = store_open (place);
  g_autofree char *long_query = g_strnfill (100000, '"');

  store_add_chat (store, "a b c");
  for (guint i = 0; i < G_N_ELEMENTS (queries); i++)
    {
      g_autoptr (GListModel) hits = store_search (store, queries[i]);

      g_assert_cmpuint (store_count (hits), <=, 1);
    }
  {
    g_autoptr (GListModel) quoted = store_search (store, "\"a *b -c");
    g_autoptr (GListModel) long_hits = store_search (store, long_query);

    g_assert_cmpuint (store_count (quoted), ==, 1);
    g_assert_cmpuint (store_count (long_hits), ==, 0);
  }
  store_close (store);
}

static void
test_hit (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  g_autoptr (SteerConversation) conversation = steer_store_create (store);
  SteerMessage *asked = steer_conversation_append (conversation, STEER_ROLE_USER, "what grows on trees");
  SteerMessage *old = steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, "an apple");
  g_autoptr (GListModel) hits = NULL, titles = NULL;
  guint position = 99;

  steer_conversation_edit (conversation, old, "a pear");
  steer_conversation_set_title (conversation, "Orchard");
  hits = store_search (store, "apple");
  g_assert_cmpuint (store_count (hits), ==, 1);
  g_assert_cmpint (steer_chat_entry_get_hit (store_get_entry (hits, 0)), ==, steer_message_get_id (old));
  titles = store_search (store, "orchard");
  g_assert_cmpint (steer_chat_entry_get_hit (store_get_entry (titles, 0)), ==, 0);

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
  store_close (store);
}

static void
test_export (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  gint64 id = store_add_chat (store, "what grows on trees");
  g_autoptr (SteerConversation) conversation = store_load (store, id);
  g_autofree char *json = steer_conversation_to_json (conversation);
  g_autofree char *markdown = steer_conversation_to_markdown (conversation);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;

      steer_store_export_async (store, id, i == 1, NULL, test_keep_result, &result);
      test_wait_for_result (&result, 20);
      text = steer_store_export_finish (store, result, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (text, ==, i == 1 ? markdown : json);
    }
  {
    g_autoptr (GAsyncResult) result = NULL;
    g_autoptr (GError) error = NULL;

    steer_store_export_async (store, 4711, FALSE, NULL, test_keep_result, &result);
    test_wait_for_result (&result, 20);
    g_assert_null (steer_store_export_finish (store, result, &error));
    g_assert_nonnull (error);
  }
  g_clear_object (&conversation);
  store_close (store);
}

static gpointer
prepare_adoption (gpointer conversation)
{
  steer_store_prepare_adoption (conversation);
  return NULL;
}

/* Imported as the app does it: a thread prepares what the main thread hands to the store. */
static void
test_ten_thousand_messages (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
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
  g_thread_join (g_thread_new ("prepare", prepare_adoption, conversation));
  steer_store_adopt (store, conversation);
  id = steer_conversation_get_id (conversation);
  g_object_unref (conversation);
  store_close (store);

  store = store_open (place);
  g_test_timer_start ();
  conversation = store_load (store, id);
  g_test_message ("10,000 messages loaded in %.3f s", g_test_timer_elapsed ());
  g_assert_cmpuint (store_count (conversation), ==, 10000);
  g_object_unref (conversation);
  store_close (store);
}

/* Two stores on one file lock each other out as two programs do. */

static void
count_failure (SteerStore *store, const GError *error, guint *n_failures)
{
  (*n_failures)++;
}

static void
test_second_program_in_mid_reply (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place), *second;
  SteerConversation *conversation = steer_store_create (store), *seen;
  gint64 id = steer_conversation_get_id (conversation);
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerMessage) message = NULL;
  g_autofree char *seen_path = NULL;
  g_autofree char *path = NULL;
  guint n_failures = 0;

  g_signal_connect (store, "failed", G_CALLBACK (count_failure), &n_failures);
  steer_conversation_append (conversation, STEER_ROLE_USER, "Count");
  steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
  test_reply_write (reply, "one", NULL);
  store_flush (store);

  second = store_open (place);
  seen = store_load (second, id);
  seen_path = test_conversation_dup_path (seen);
  g_assert_cmpstr (seen_path, ==, "u:Count|a:one");
  test_reply_write (reply, " two", NULL);
  test_reply_finish (reply, STEER_STOP_EOS);
  store_flush (store);
  g_object_unref (seen);
  g_object_unref (conversation);
  store_close (second);
  store_close (store);
  g_assert_cmpuint (n_failures, ==, 0);

  store = store_open (place);
  conversation = store_load (store, id);
  path = test_conversation_dup_path (conversation);
  g_assert_cmpstr (path, ==, "u:Count|a:one two");
  message = g_list_model_get_item (G_LIST_MODEL (conversation), 1);
  g_assert_cmpint (steer_message_get_stop_reason (message), ==, STEER_STOP_EOS);
  g_object_unref (conversation);
  store_close (store);
}

static void
test_second_program_and_what_is_hidden (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place), *second;
  gint64 deleted = store_add_chat (store, "deleted");
  SteerConversation *unsent = steer_store_create (store), *other;
  gint64 id = steer_conversation_get_id (unsent);

  g_assert_true (steer_store_delete (store, deleted));
  steer_conversation_set_draft (unsent, "not sent yet");
  store_flush (store);

  second = store_open (place);
  g_assert_cmpuint (store_count (second), ==, 0);
  other = steer_store_create (second);
  g_assert_cmpint (steer_conversation_get_id (other), !=, id);
  g_assert_cmpstr (steer_conversation_get_draft (other), ==, "");
  steer_store_undelete (store, deleted);
  steer_conversation_append (unsent, STEER_ROLE_USER, "sent");
  g_object_unref (other);
  g_object_unref (unsent);
  store_close (second);
  store_close (store);

  store = store_open (place);
  g_assert_cmpuint (store_count (store), ==, 2);
  unsent = store_load (store, id);
  g_assert_cmpuint (store_count (unsent), ==, 1);
  g_object_unref (unsent);
  store_close (store);
}

/* What one program left is mended by the first that is alone, not only by the next. */
static void
test_mended_when_alone (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place), *second;
  SteerConversation *unsent = steer_store_create (store);

  steer_conversation_set_draft (unsent, "kept");
  store_flush (store);
  second = store_open (place);
  g_object_unref (unsent);
  store_close (store);
  store_close (second);

  store = store_open (place);
  unsent = steer_store_create (store);
  g_assert_cmpstr (steer_conversation_get_draft (unsent), ==, "kept");
  g_object_unref (unsent);
  store_close (store);
}

#define ADD(name, function) g_test_add ("/store/" name, StorePlace, NULL, store_set_up, function, store_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("all-of-a-conversation-comes-back", test_round_trip);
  ADD ("a-living-conversation-is-one-object", test_same_object);
  ADD ("what-is-not-there-is-an-error", test_missing);
  ADD ("the-list-shows-the-newest-first", test_list_order);
  ADD ("the-list-shows-a-reply-as-it-is-written", test_preview_follows_reply);
  ADD ("the-list-shows-no-marks-of-a-reply", test_preview_without_marks);
  ADD ("the-list-shows-nothing-of-a-thought", test_preview_without_thought);
  ADD ("a-deleted-chat-comes-back-until-purged", test_delete);
  ADD ("a-deleted-chat-does-not-open", test_deleted_does_not_open);
  ADD ("search-finds-what-has-just-come-back", test_search_after_undelete);
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
  ADD ("ten-thousand-messages-come-back", test_ten_thousand_messages);
  ADD ("a-second-program-leaves-the-reply-of-the-first-alone", test_second_program_in_mid_reply);
  ADD ("a-second-program-leaves-what-is-deleted-or-unsent-alone", test_second_program_and_what_is_hidden);
  ADD ("whoever-is-alone-takes-up-what-others-left", test_mended_when_alone);
  return g_test_run ();
}
