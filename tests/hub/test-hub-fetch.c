/* Downloads: whole, broken, damaged, resumed, cancelled, and by two at once. */
#include "hub/steer-hub-client.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "hub/steer-hub-cache.h"
#include "hub/steer-hub-name.h"
#include "hub-fake.h"
#include "test-util.h"

#define REPO "owner/name"
#define N_BYTES (1024 * 1024 + 7)

typedef struct
{
  HubFake *hub;
  char *cache;
  SteerHubClient *client;
  guint8 *bytes; /* [N_BYTES], of model.safetensors */

  guint64 done; /* what progress said last */
  guint64 total;
  guint64 cancel_at; /* 0: never */
  GCancellable *cancellable;
} Fixture;

/* A model of a large file and three small ones. */
static void
set_up (Fixture *self, gconstpointer data)
{
  SteerHubOptions options = { .token = "hf_secret" };
  g_autoptr (GError) error = NULL;

  self->hub = hub_fake_new ();
  self->cache = test_make_dir ();
  self->cancellable = g_cancellable_new ();
  self->bytes = g_malloc (N_BYTES);
  for (gsize i = 0; i < N_BYTES; i++)
    self->bytes[i] = (guint8) (i * 2654435761u >> 13);
  hub_fake_add_file (self->hub, REPO, "config.json", "{\"a\":1}", 7, FALSE);
  hub_fake_add_file (self->hub, REPO, "tokenizer.json", "{}", 2, FALSE);
  hub_fake_add_file (self->hub, REPO, "generation_config.json", "", 0, FALSE);
  hub_fake_add_file (self->hub, REPO, "model.safetensors", self->bytes, N_BYTES, TRUE);
  options.endpoint = hub_fake_get_endpoint (self->hub);
  options.cache = self->cache;
  self->client = steer_hub_client_new (&options, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  steer_hub_client_unref (self->client);
  hub_fake_free (self->hub);
  g_object_unref (self->cancellable);
  g_free (self->bytes);
  test_remove_dir (self->cache);
}

static void
on_progress (guint64 done, guint64 total, guint64 received, gpointer data)
{
  Fixture *self = data;

  g_assert_cmpuint (done, <=, total);
  self->done = done;
  self->total = total;
  if (self->cancel_at > 0 && done >= self->cancel_at)
    g_cancellable_cancel (self->cancellable);
}

static char *
fetch (Fixture *self, GError **error)
{
  g_autoptr (SteerHubRepo) repo = steer_hub_client_read_repo (self->client, REPO, NULL, self->cancellable, error);

  return repo != NULL ? steer_hub_client_fetch (self->client, repo, NULL, g_ptr_array_index (repo->choices, 0),
                                                on_progress, self, self->cancellable, error)
                      : NULL;
}

static char *
dup_blob (Fixture *self, const char *suffix)
{
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, self->bytes, N_BYTES);
  g_autofree char *blob = steer_hub_cache_dup_blob_path (self->cache, REPO, sum);

  return g_strconcat (blob, suffix, NULL);
}

/* Puts what is as large as the beginning of the large file where an earlier try would have left it. */
static void
leave_partial (Fixture *self, const void *bytes, gsize length)
{
  g_autofree char *path = dup_blob (self, ".incomplete"), *folder = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0777), ==, 0);
  g_assert_true (g_file_set_contents (path, bytes, (gssize) length, NULL));
}

static void
check_file (const char *folder, const char *name, const void *bytes, gsize length)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *found = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &found, &n, NULL));
  g_assert_cmpmem (found, n, bytes, length);
}

/* All of it is there, under its names and no other. */
static void
check_whole (Fixture *self, const char *path)
{
  g_autofree char *expected = steer_hub_cache_dup_snapshot_path (self->cache, REPO, hub_fake_get_commit (self->hub));
  g_autofree char *partial = dup_blob (self, ".incomplete");

  g_assert_cmpstr (path, ==, expected);
  check_file (path, "config.json", "{\"a\":1}", 7);
  check_file (path, "tokenizer.json", "{}", 2);
  check_file (path, "generation_config.json", "", 0);
  check_file (path, "model.safetensors", self->bytes, N_BYTES);
  g_assert_false (g_file_test (partial, G_FILE_TEST_EXISTS));
  g_assert_cmpuint (self->done, ==, N_BYTES + 9);
  g_assert_cmpuint (self->total, ==, N_BYTES + 9);
}

static void
fetch_whole (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = fetch (self, &error);

  g_assert_no_error (error);
  check_whole (self, path);
}

/* Nothing has the name of a whole file. */
static void
fetch_in_vain (Fixture *self, GQuark domain, int code, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = fetch (self, &error), *blob = dup_blob (self, "");

  g_assert_null (path);
  g_assert_error (error, domain, code);
  if (strstr (error->message, words) == NULL)
    g_error ("\"%s\" is not in: %s", words, error->message);
  g_assert_false (g_file_test (blob, G_FILE_TEST_EXISTS));
}

static void
test_whole (Fixture *self, gconstpointer data)
{
  guint64 n_bytes;

  fetch_whole (self);
  g_assert_false (hub_fake_leaked_token (self->hub));
  n_bytes = hub_fake_get_n_bytes (self->hub);
  g_assert_cmpuint (n_bytes, ==, N_BYTES + 9);
  fetch_whole (self); /* nothing comes twice */
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, n_bytes);
}

/* Small files come first: a model that is not for this program shows it before its gigabytes. */
static void
test_small_first (Fixture *self, gconstpointer data)
{
  g_autofree char *snapshot = NULL, *config = NULL;

  hub_fake_redirect (self->hub, "/nowhere");
  fetch_in_vain (self, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND, REPO);
  hub_fake_redirect (self->hub, NULL);
  self->cancel_at = 10;
  fetch_in_vain (self, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
  snapshot = steer_hub_cache_dup_snapshot_path (self->cache, REPO, hub_fake_get_commit (self->hub));
  config = g_build_filename (snapshot, "config.json", NULL);
  g_assert_true (g_file_test (config, G_FILE_TEST_EXISTS));
}

static void
test_broken_connections (Fixture *self, gconstpointer data)
{
  hub_fake_break_after (self->hub, "model.safetensors", N_BYTES / 3, 2);
  fetch_whole (self);
  /* what had arrived did not come again */
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, N_BYTES + 9);
}

static void
test_ignored_ranges (Fixture *self, gconstpointer data)
{
  hub_fake_break_after (self->hub, "model.safetensors", N_BYTES / 2, 1);
  hub_fake_ignore_ranges (self->hub);
  fetch_whole (self);
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, N_BYTES / 2 + N_BYTES + 9);
}

static void
test_shifted_ranges (Fixture *self, gconstpointer data)
{
  leave_partial (self, self->bytes, 1000);
  hub_fake_shift_ranges (self->hub);
  fetch_in_vain (self, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "another part");
}

static void
test_busy (Fixture *self, gconstpointer data)
{
  g_autoptr (SteerHubRepo) repo = steer_hub_client_read_repo (self->client, REPO, NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  hub_fake_fail (self->hub, 503, "0", 1);
  path = steer_hub_client_fetch (self->client, repo, NULL, g_ptr_array_index (repo->choices, 0), on_progress, self,
                                 NULL, &error);
  g_assert_no_error (error);
  check_whole (self, path);
}

static void
test_goes_on (Fixture *self, gconstpointer data)
{
  self->cancel_at = N_BYTES / 2;
  fetch_in_vain (self, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
  self->cancel_at = 0;
  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  leave_partial (self, self->bytes, N_BYTES - 1000);
  hub_fake_break_after (self->hub, "model.safetensors", 0, 0);
  {
    guint64 before = hub_fake_get_n_bytes (self->hub);

    fetch_whole (self);
    g_assert_cmpuint (hub_fake_get_n_bytes (self->hub) - before, ==, 1000);
  }
}

/* All bytes are there, and only its name is not. */
static void
test_only_the_name (Fixture *self, gconstpointer data)
{
  leave_partial (self, self->bytes, N_BYTES);
  fetch_whole (self);
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, 9);
}

/* Where a machine lost its power while it wrote: it begins again by itself. */
static void
test_wrong_beginning (Fixture *self, gconstpointer data)
{
  leave_partial (self, "not what it should be", 21);
  fetch_whole (self);
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, 2 * N_BYTES - 21 + 9);
}

static void
test_too_long_beginning (Fixture *self, gconstpointer data)
{
  g_autofree guint8 *more = g_malloc0 (N_BYTES + 1);

  leave_partial (self, more, N_BYTES + 1);
  fetch_whole (self);
}

static void
test_damage (Fixture *self, gconstpointer data)
{
  const char *path = data;

  hub_fake_corrupt (self->hub, path, 1);
  fetch_in_vain (self, STEER_HUB_ERROR, STEER_HUB_ERROR_DAMAGED, path);
  fetch_whole (self);
}

static void
test_overflow (Fixture *self, gconstpointer data)
{
  hub_fake_overflow (self->hub, "model.safetensors");
  fetch_in_vain (self, STEER_HUB_ERROR, STEER_HUB_ERROR_DAMAGED, "more of model.safetensors");
}

static void
test_redirects (Fixture *self, gconstpointer data)
{
  static const char *const places[]
    = { "file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "http://", "mailto:a@b.c" };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      hub_fake_redirect (self->hub, places[i]);
      fetch_in_vain (self, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "only from addresses of https");
    }
  hub_fake_redirect (self->hub, "/" REPO "/resolve/0123456789abcdef0123456789abcdef01234567/config.json");
  fetch_in_vain (self, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "circle");
}

static void
test_gate (Fixture *self, gconstpointer data)
{
  hub_fake_set_gated (self->hub, REPO, "hf_other");
  fetch_in_vain (self, STEER_HUB_ERROR, STEER_HUB_ERROR_FORBIDDEN, "accept them at http://127.0.0.1");
  hub_fake_set_gated (self->hub, REPO, "hf_secret");
  fetch_whole (self);
  g_assert_false (hub_fake_leaked_token (self->hub));
}

/* The links are what is written last, so a blob without one is whole too. */
static void
test_blob_is_there (Fixture *self, gconstpointer data)
{
  g_autofree char *blob = dup_blob (self, ""), *folder = g_path_get_dirname (blob);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0777), ==, 0);
  g_assert_true (g_file_set_contents (blob, (const char *) self->bytes, N_BYTES, NULL));
  fetch_whole (self);
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, 9);
}

/* On a disk without links the snapshot has the content itself. */
static void
test_content_in_snapshot (Fixture *self, gconstpointer data)
{
  g_autofree char *snapshot = steer_hub_cache_dup_snapshot_path (self->cache, REPO, hub_fake_get_commit (self->hub));
  g_autofree char *path = g_build_filename (snapshot, "model.safetensors", NULL), *link = NULL;

  g_assert_cmpint (g_mkdir_with_parents (snapshot, 0777), ==, 0);
  g_assert_true (g_file_set_contents (path, (const char *) self->bytes, N_BYTES, NULL));
  fetch_whole (self);
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, 9);
  link = g_file_read_link (path, NULL);
  g_assert_null (link);
}

/* What cannot be remembered for other programs is there all the same. */
static void
test_no_ref (Fixture *self, gconstpointer data)
{
  g_autofree char *repo = steer_hub_cache_dup_repo_path (self->cache, REPO),
                  *refs = g_build_filename (repo, "refs", NULL);

  g_assert_cmpint (g_mkdir_with_parents (repo, 0777), ==, 0);
  g_assert_true (g_file_set_contents (refs, "a file", -1, NULL));
  fetch_whole (self);
}

static void
test_folder_in_its_place (Fixture *self, gconstpointer data)
{
  g_autofree char *blob = dup_blob (self, "");
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  g_assert_cmpint (g_mkdir_with_parents (blob, 0777), ==, 0);
  path = fetch (self, &error);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR);
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, 9);
}

static gboolean
refuse (const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "config.json", NULL);

  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "no such model");
  return FALSE;
}

/* What is wrong with a configuration need not wait for gigabytes. */
static void
test_check (Fixture *self, gconstpointer data)
{
  SteerHubOptions options
    = { .endpoint = hub_fake_get_endpoint (self->hub), .token = "", .cache = self->cache, .check_model = refuse };

  steer_hub_client_unref (self->client);
  self->client = steer_hub_client_new (&options, NULL);
  fetch_in_vain (self, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "no such model");
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, 9);
}

/* A link in the place of the unfinished file would have its target written over. */
static void
test_link_in_its_place (Fixture *self, gconstpointer data)
{
  g_autofree char *partial = dup_blob (self, ".incomplete"), *folder = g_path_get_dirname (partial);
  g_autofree char *victim = g_build_filename (self->cache, "victim", NULL), *text = NULL;

  g_assert_true (g_file_set_contents (victim, "precious", -1, NULL));
  g_assert_cmpint (g_mkdir_with_parents (folder, 0777), ==, 0);
  g_assert_cmpint (symlink (victim, partial), ==, 0);
  fetch_in_vain (self, G_FILE_ERROR, G_FILE_ERROR_LOOP, partial);
  g_assert_true (g_file_get_contents (victim, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "precious");
}

static gpointer
fetch_in_thread (gpointer data)
{
  Fixture *self = data;
  g_autoptr (SteerHubRepo) repo = steer_hub_client_read_repo (self->client, REPO, NULL, NULL, NULL);

  return steer_hub_client_fetch (self->client, repo, NULL, g_ptr_array_index (repo->choices, 0), NULL, NULL, NULL,
                                 NULL);
}

static void
test_two_at_once (Fixture *self, gconstpointer data)
{
  GThread *threads[2];

  hub_fake_slow_down (self->hub, 64 * 1024, 2);
  for (guint i = 0; i < 2; i++)
    threads[i] = g_thread_new ("fetch", fetch_in_thread, self);
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *path = g_thread_join (threads[i]);

      g_assert_nonnull (path);
      self->done = self->total = N_BYTES + 9;
      check_whole (self, path);
    }
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, N_BYTES + 9);
}

static gpointer
cancel_soon (gpointer data)
{
  g_usleep (50 * 1000);
  g_cancellable_cancel (data);
  return NULL;
}

/* Another program is at it: one waits for it, unless one does not want to. */
static void
test_held_lock (Fixture *self, gconstpointer data)
{
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, self->bytes, N_BYTES);
  g_autofree char *path = steer_hub_cache_dup_lock_path (self->cache, REPO, sum), *folder = g_path_get_dirname (path);
  GThread *thread;
  int fd;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0777), ==, 0);
  fd = g_open (path, O_RDWR | O_CREAT, 0666);
  g_assert_cmpint (flock (fd, LOCK_EX), ==, 0);
  thread = g_thread_new ("cancel", cancel_soon, self->cancellable);
  fetch_in_vain (self, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
  g_thread_join (thread);
  close (fd);
  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  fetch_whole (self);
}

/* More than any disk has. */
static void
test_no_space (Fixture *self, gconstpointer data)
{
  g_autofree char *text = g_strdup_printf ("{\"siblings\":[{\"rfilename\":\"m.gguf\",\"size\":%" G_GINT64_FORMAT
                                           ",\"blobId\":\"0123456789abcdef0123456789abcdef01234567\"}]}",
                                           G_MAXINT64);

  hub_fake_set_info (self->hub, REPO, text);
  fetch_in_vain (self, STEER_HUB_ERROR, STEER_HUB_ERROR_NO_SPACE, "HF_HUB_CACHE");
}

static void
test_read_only_cache (Fixture *self, gconstpointer data)
{
  SteerHubOptions options
    = { .token = "", .cache = "/proc/no/such/folder", .endpoint = hub_fake_get_endpoint (self->hub) };
  g_autoptr (SteerHubClient) client = steer_hub_client_new (&options, NULL);

  steer_hub_client_unref (self->client);
  self->client = steer_hub_client_ref (client);
  fetch_in_vain (self, G_FILE_ERROR, G_FILE_ERROR_NOENT, "/proc/no/such/folder");
}

#define ADD(name, data, test) g_test_add ("/hub/fetch/" name, Fixture, data, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("whole", NULL, test_whole);
  ADD ("small-first", NULL, test_small_first);
  ADD ("broken-connections", NULL, test_broken_connections);
  ADD ("ignored-ranges", NULL, test_ignored_ranges);
  ADD ("shifted-ranges", NULL, test_shifted_ranges);
  ADD ("busy", NULL, test_busy);
  ADD ("goes-on", NULL, test_goes_on);
  ADD ("only-the-name", NULL, test_only_the_name);
  ADD ("wrong-beginning", NULL, test_wrong_beginning);
  ADD ("too-long-beginning", NULL, test_too_long_beginning);
  ADD ("damage/of-lfs", "model.safetensors", test_damage);
  ADD ("damage/of-git", "config.json", test_damage);
  ADD ("overflow", NULL, test_overflow);
  ADD ("redirects", NULL, test_redirects);
  ADD ("gate", NULL, test_gate);
  ADD ("blob-is-there", NULL, test_blob_is_there);
  ADD ("link-in-its-place", NULL, test_link_in_its_place);
  ADD ("content-in-snapshot", NULL, test_content_in_snapshot);
  ADD ("no-ref", NULL, test_no_ref);
  ADD ("folder-in-its-place", NULL, test_folder_in_its_place);
  ADD ("check", NULL, test_check);
  ADD ("two-at-once", NULL, test_two_at_once);
  ADD ("held-lock", NULL, test_held_lock);
  ADD ("no-space", NULL, test_no_space);
  ADD ("read-only-cache", NULL, test_read_only_cache);
  return g_test_run ();
}
