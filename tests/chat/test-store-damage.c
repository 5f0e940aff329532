#include "chat-test-util.h"
#include "store-test-util.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-util.h"

/* So many lives end by SIGKILL in the test of durability; STEER_TEST_ROUNDS=10000 makes it more. */
#define KILL_ROUNDS 30

static void
exec (StorePlace *place, const char *sql)
{
  sqlite3 *db;
  char *message = NULL;

  g_assert_cmpint (sqlite3_open (place->path, &db), ==, SQLITE_OK);
  sqlite3_exec (db, sql, NULL, NULL, &message);
  g_assert_cmpstr (message, ==, NULL);
  sqlite3_close (db);
}

static void
make_folder (StorePlace *place)
{
  g_autofree char *folder = g_path_get_dirname (place->path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
}

static void
assert_refused (StorePlace *place, const char *reason)
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
test_newer_version (StorePlace *place, gconstpointer data)
{
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  gsize length_before, length_after;

  store_close (store_open (place));
  exec (place, "PRAGMA user_version = 99; PRAGMA wal_checkpoint (TRUNCATE)");
  g_file_get_contents (place->path, &before, &length_before, NULL);
  assert_refused (place, "newer version");
  g_file_get_contents (place->path, &after, &length_after, NULL);
  g_assert_cmpmem (before, length_before, after, length_after);
}

static void
test_other_program (StorePlace *place, gconstpointer data)
{
  make_folder (place);
  exec (place, "CREATE TABLE bookmarks (url TEXT)");
  assert_refused (place, "another program");
}

static void
test_not_a_database (StorePlace *place, gconstpointer data)
{
  make_folder (place);
  g_assert_true (
    g_file_set_contents (place->path, "This is no database, but text that is longer than a header...", -1, NULL));
  assert_refused (place, "damaged");
}

static void
test_folder_that_is_a_file (StorePlace *place, gconstpointer data)
{
  g_autofree char *folder = g_path_get_dirname (place->path);

  g_assert_true (g_file_set_contents (folder, "x", 1, NULL));
  g_assert_null (steer_store_open (place->path, NULL));
}

/* Pages overwritten with noise: an error that says so, never a crash. */
static void
test_damaged_pages (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  gint64 id = 0;
  g_autofree char *good = NULL;
  gsize length;
  guint n_errors = 0;

  for (guint i = 0; i < 300; i++)
    {
      g_autofree char *text = g_strnfill (200 + i, 'a' + (char) (i % 26));

      id = store_add_chat (store, text);
    }
  store_close (store);
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
          SteerConversation *conversation = store_load_or_fail (damaged, id, &error);

          g_clear_object (&conversation);
          store_close (damaged);
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
test_lying_rows (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  gint64 id = store_add_chat (store, "first");
  SteerConversation *conversation;
  g_autofree char *path = NULL;
  g_autofree char *sql = NULL;

  store_close (store);
  sql
    = g_strdup_printf ("INSERT INTO message (id, conversation, parent, role, text, created) VALUES"
                       " (10, %" G_GINT64_FORMAT ", 11, 1, 'cycle', 0), (11, %" G_GINT64_FORMAT ", 10, 1, 'cycle', 0),"
                       " (12, %" G_GINT64_FORMAT ", 12, 1, 'self', 0), (13, %" G_GINT64_FORMAT ", 999, 1, 'orphan', 0);"
                       "UPDATE message SET role = 77, active = 12345, stop = -4, n_tokens = -1 WHERE text = 'first';"
                       "INSERT INTO run SELECT id, 0, 3, 500, -7, 'x' FROM message WHERE text = 'first';",
                       id, id, id, id);
  exec (place, sql);
  store = store_open (place);
  conversation = store_load (store, id);
  path = test_conversation_dup_path (conversation);
  g_assert_cmpstr (path, ==, "u:first");
  g_object_unref (conversation);
  store_close (store);
}

/* Format 1 had no search. */
static void
test_migration (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  gint64 id = store_add_chat (store, "Eiffel");
  g_autoptr (GListModel) hits = NULL;
  SteerConversation *conversation;

  store_close (store);
  exec (place, "DROP TRIGGER message_added; DROP TRIGGER message_removed; DROP TRIGGER message_changed;"
               "DROP TRIGGER conversation_added; DROP TRIGGER conversation_removed; DROP TRIGGER conversation_changed;"
               "DROP TABLE message_text; DROP TABLE conversation_title; PRAGMA user_version = 1");
  store = store_open (place);
  hits = store_search (store, "eif");
  g_assert_cmpuint (store_count (hits), ==, 1);
  conversation = store_load (store, id);
  g_assert_cmpuint (store_count (conversation), ==, 1);
  g_object_unref (conversation);
  store_close (store);
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
test_full_disk (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);
  gint64 id = steer_conversation_get_id (conversation);
  g_autofree char *large = g_strnfill (200000, 'x');
  g_autoptr (GError) error = NULL;
  struct rlimit limit, lifted;
  guint n_failures = 0;

  signal (SIGXFSZ, SIG_IGN);
  g_signal_connect (store, "failed", G_CALLBACK (on_failed), &n_failures);
  steer_conversation_append (conversation, STEER_ROLE_USER, "before");
  store_flush (store);
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
  store_flush (store);
  /* Told once, not at every try. */
  g_assert_cmpuint (n_failures, ==, 1);
  g_object_unref (conversation);
  store_close (store);

  store = store_open (place);
  conversation = store_load (store, id);
  g_assert_cmpuint (store_count (conversation), ==, 3);
  g_object_unref (conversation);
  store_close (store);
}

/* What the list of chats shows of a reply that was cut off: not what was thought before it. */
static void
test_cut_off_in_thought (StorePlace *place, gconstpointer data)
{
  static const char *const cases[][2] = {
    { "<think>\nHm", "Hi" },
    { "<think>\nHm.\n</think>\n\nPi", "Pi" },
    { "Pi", "Pi" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SteerStore *store = store_open (place);
      SteerConversation *conversation = steer_store_create (store);

      steer_conversation_append (conversation, STEER_ROLE_USER, "Hi");
      steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, cases[i][0]);
      g_object_unref (conversation);
      store_close (store);
      exec (place, "UPDATE conversation SET preview = 'Hi';"
                   "UPDATE message SET complete = 0 WHERE id = (SELECT max (id) FROM message);"
                   "INSERT INTO batch (message, sequence, text, n_tokens) SELECT id, 0, text, 1 FROM message"
                   " WHERE complete = 0");
      store = store_open (place);
      g_assert_cmpstr (steer_chat_entry_get_preview (store_get_entry (store, 0)), ==, cases[i][1]);
      store_close (store);
    }
}

/* A program of an older version takes a reply that is being written for one that was interrupted. */
static void
test_completed_by_another (StorePlace *place, gconstpointer data)
{
  SteerStore *store = store_open (place);
  SteerConversation *conversation = steer_store_create (store);
  gint64 id = steer_conversation_get_id (conversation);
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autofree char *path = NULL;

  steer_conversation_append (conversation, STEER_ROLE_USER, "Count");
  steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
  test_reply_write (reply, "one", NULL);
  store_flush (store);
  exec (place, "INSERT INTO run SELECT id, 0, 0, 3, 1, NULL FROM message WHERE complete = 0;"
               "UPDATE message SET text = 'one', complete = 1 WHERE complete = 0; DELETE FROM batch");
  test_reply_write (reply, " two", NULL);
  test_reply_finish (reply, STEER_STOP_EOS);
  g_object_unref (conversation);
  store_close (store);

  store = store_open (place);
  conversation = store_load (store, id);
  path = test_conversation_dup_path (conversation);
  g_assert_cmpstr (path, ==, "u:Count|a:one two");
  g_object_unref (conversation);
  store_close (store);
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
  steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
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
check_survivor (StorePlace *place, gint64 id, gint64 n_reported)
{
  SteerStore *store = store_open (place);
  SteerConversation *conversation = store_load (store, id);
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
  store_close (store);
}

/* @delay: in microseconds, after the first report. @report: the last that was read */
static void
kill_writer (StorePlace *place, const char *program, gulong delay, gint64 *report)
{
  const char *const arguments[] = { program, "--write-until-killed", place->path, NULL };
  const gsize size = 2 * sizeof *report;
  GPid pid;
  int out;

  g_assert_true (g_spawn_async_with_pipes (NULL, (char **) arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                                           NULL, &out, NULL, NULL));
  g_assert_cmpint (read (out, report, size), ==, size);
  g_usleep (delay);
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  while (read (out, report, size) == (gssize) size)
    ;
  close (out);
  g_spawn_close_pid (pid);
}

static void
test_kill (StorePlace *place, gconstpointer data)
{
  g_autoptr (GRand) chance = g_rand_new_with_seed (4);
  guint n_rounds = test_get_n_rounds (KILL_ROUNDS);
  guint n_batches = 0;

  for (guint round = 0; round < n_rounds; round++)
    {
      gint64 report[2] = { 0, -1 };

      /* At least one report, then death at any moment of the next ones. */
      kill_writer (place, data, (gulong) g_rand_int_range (chance, 0, 120000), report);
      check_survivor (place, report[0], report[1] + 1);
      n_batches += (guint) report[1] + 1;
    }
  g_test_message ("%u batches survived %u kills", n_batches, n_rounds);
}

/* A program that is alone mends what was cut off also where it cannot know that it is. */
static void
test_kill_without_locks (StorePlace *place, gconstpointer data)
{
  g_autofree char *lock = g_strconcat (place->path, "-lock", NULL);
  g_autoptr (GListModel) hits = NULL;
  gint64 report[2] = { 0, -1 };
  SteerStore *store;

  make_folder (place);
  g_assert_cmpint (g_mkdir (lock, 0700), ==, 0);
  kill_writer (place, data, 0, report);
  check_survivor (place, report[0], report[1] + 1);
  /* Only what is no longer in batches is found. */
  store = store_open (place);
  hits = store_search (store, "0");
  g_assert_cmpuint (store_count (hits), ==, 1);
  store_close (store);
}

#define ADD(name, function)                                                                                            \
  g_test_add ("/store-damage/" name, StorePlace, program, store_set_up, function, store_tear_down)

int
main (int argc, char **argv)
{
  const char *program = argv[0];

  if (argc == 3 && strcmp (argv[1], "--write-until-killed") == 0)
    return write_until_killed (argv[2]);
  g_test_init (&argc, &argv, NULL);
  ADD ("a-newer-file-is-refused-and-left-alone", test_newer_version);
  ADD ("the-database-of-another-program-is-refused", test_other_program);
  ADD ("a-file-that-is-no-database-is-refused", test_not_a_database);
  ADD ("a-folder-that-cannot-be-made-is-an-error", test_folder_that_is_a_file);
  ADD ("damaged-pages-are-an-error", test_damaged_pages);
  ADD ("rows-that-contradict-each-other-are-left-out", test_lying_rows);
  ADD ("an-older-file-is-migrated", test_migration);
  ADD ("a-full-disk-is-told-and-nothing-is-lost", test_full_disk);
  ADD ("nothing-committed-is-lost-at-a-kill", test_kill);
  ADD ("where-nothing-can-be-locked-cut-off-replies-end-too", test_kill_without_locks);
  ADD ("of-a-reply-cut-off-in-its-thought-the-question-is-listed", test_cut_off_in_thought);
  ADD ("a-reply-that-another-program-completed-is-kept-as-it-ended", test_completed_by_another);
  return g_test_run ();
}
