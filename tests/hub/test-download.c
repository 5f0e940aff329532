/* A download as an interface sees it. */
#include "hub/steer-download.h"

#include <string.h>

#include "hub/steer-hub-name.h"
#include "hub-fake.h"
#include "test-util.h"

#define REPO "owner/name"
#define N_BYTES 100000

typedef struct
{
  HubFake *hub;
  char *cache;
  SteerHubClient *client;
  SteerDownload *download;
  guint n_states;
  guint n_done;
  guint64 last;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  SteerHubOptions options = { .token = "" };
  g_autofree char *bytes = g_strnfill (N_BYTES, 'x');

  self->hub = hub_fake_new ();
  self->cache = test_make_dir ();
  hub_fake_add_file (self->hub, REPO, "m.gguf", bytes, N_BYTES, TRUE);
  options.endpoint = hub_fake_get_endpoint (self->hub);
  options.cache = self->cache;
  self->client = steer_hub_client_new (&options, NULL);
}

/* Its thread may hold it for a moment after it has ended. */
static void
let_go (Fixture *self)
{
  gpointer weak = self->download;

  if (weak == NULL)
    return;
  g_signal_handlers_disconnect_by_data (weak, self);
  g_object_add_weak_pointer (weak, &weak);
  g_clear_object (&self->download);
  while (g_atomic_pointer_get (&weak) != NULL)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (1000);
    }
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  let_go (self);
  steer_hub_client_unref (self->client);
  hub_fake_free (self->hub);
  test_remove_dir (self->cache);
}

static void
on_state (SteerDownload *download, GParamSpec *pspec, Fixture *self)
{
  self->n_states++;
}

static void
on_done (SteerDownload *download, GParamSpec *pspec, Fixture *self)
{
  g_assert_cmpuint (steer_download_get_done (download), >, self->last);
  self->last = steer_download_get_done (download);
  self->n_done++;
}

static void
start (Fixture *self)
{
  SteerHubRepo *repo = steer_hub_client_read_repo (self->client, REPO, NULL, NULL, NULL);

  self->download = steer_download_new (self->client, repo, NULL, g_ptr_array_index (repo->choices, 0));
  g_signal_connect (self->download, "notify::state", G_CALLBACK (on_state), self);
  g_signal_connect (self->download, "notify::done", G_CALLBACK (on_done), self);
}

static gboolean
has_ended (gpointer data)
{
  Fixture *self = data;

  return steer_download_get_state (self->download) != STEER_DOWNLOAD_RUNNING;
}

static gboolean
has_begun (gpointer data)
{
  Fixture *self = data;

  return steer_download_get_done (self->download) > 0;
}

static void
test_done (Fixture *self, gconstpointer data)
{
  g_autofree char *path = NULL, *repo_id = NULL, *name = NULL, *error = NULL;
  guint64 done, total;
  int kind;

  start (self);
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_RUNNING);
  g_assert_null (steer_download_get_path (self->download));
  test_wait_until (has_ended, self, 30);
  g_object_get (self->download, "path", &path, "repo-id", &repo_id, "name", &name, "error", &error, "done", &done,
                "total", &total, "kind", &kind, NULL);
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_DONE);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (g_str_has_suffix (path, "/m.gguf"));
  g_assert_cmpstr (repo_id, ==, REPO);
  g_assert_cmpstr (name, ==, "m");
  g_assert_null (error);
  g_assert_cmpuint (done, ==, N_BYTES);
  g_assert_cmpuint (total, ==, N_BYTES);
  g_assert_cmpint (kind, ==, STEER_HUB_MODEL);
  g_assert_cmpuint (self->n_states, ==, 1);
  g_assert_cmpuint (self->n_done, >=, 1);
}

static void
test_failed (Fixture *self, gconstpointer data)
{
  hub_fake_corrupt (self->hub, "m.gguf", 1);
  start (self);
  test_wait_until (has_ended, self, 30);
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_FAILED);
  g_assert_nonnull (strstr (steer_download_get_error (self->download), "damaged"));
  g_assert_null (steer_download_get_path (self->download));
  g_assert_cmpfloat (steer_download_get_rate (self->download), ==, 0.0);
}

/* It is told of on the way, and stops where it is. */
static void
test_cancelled (Fixture *self, gconstpointer data)
{
  hub_fake_slow_down (self->hub, 100, 20);
  start (self);
  test_wait_until (has_begun, self, 30);
  g_assert_cmpuint (steer_download_get_done (self->download), <, N_BYTES);
  steer_download_cancel (self->download);
  test_wait_until (has_ended, self, 30);
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_CANCELLED);
  g_assert_null (steer_download_get_error (self->download));
  steer_download_cancel (self->download); /* nothing more */
}

/* A download that has failed goes on from there when it is asked to; one that is running or done does not. */
static void
test_restarted (Fixture *self, gconstpointer data)
{
  hub_fake_break_after (self->hub, "m.gguf", 40000, 1);
  start (self);
  steer_download_cancel (self->download);
  test_wait_until (has_ended, self, 30);
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_CANCELLED);
  steer_download_restart (self->download);
  steer_download_restart (self->download); /* once is enough */
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_RUNNING);
  test_wait_until (has_ended, self, 30);
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_DONE);
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, N_BYTES);
  steer_download_restart (self->download);
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_DONE);
}

/* Of one repository several are on their way, and whoever read it lets go of it. */
static void
test_shared (Fixture *self, gconstpointer data)
{
  SteerHubRepo *repo = steer_hub_client_read_repo (self->client, REPO, NULL, NULL, NULL);

  self->download
    = steer_download_new (self->client, steer_hub_repo_ref (repo), NULL, g_ptr_array_index (repo->choices, 0));
  steer_hub_repo_unref (repo);
  test_wait_until (has_ended, self, 30);
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_DONE);
}

/* Whoever began it may let go of it. */
static void
test_let_go (Fixture *self, gconstpointer data)
{
  g_autoptr (SteerHubRepo) repo = steer_hub_client_read_repo (self->client, REPO, NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  guint64 n_bytes;

  start (self);
  let_go (self);
  n_bytes = hub_fake_get_n_bytes (self->hub);
  path
    = steer_hub_client_fetch (self->client, repo, NULL, g_ptr_array_index (repo->choices, 0), NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_bytes, ==, N_BYTES); /* it went on to its end */
  g_assert_cmpuint (hub_fake_get_n_bytes (self->hub), ==, N_BYTES);
}

/* What features are called comes the same way. */
static void
test_labels (Fixture *self, gconstpointer data)
{
  const char *repo_id = "andyrdt/saes-llama-3.1-8b-instruct", *name = "resid_post_layer_7/trainer_1";

  hub_fake_add_object (self->hub, "v1/llama3.1-8b-it/7-resid-post-aa/explanations/batch-0.jsonl.gz", "12345", 5);
  g_setenv ("STEER_LABELS_ENDPOINT", hub_fake_get_endpoint (self->hub), TRUE);
  g_assert_null (steer_download_new_labels (REPO, "m", self->cache));
  self->download = steer_download_new_labels (repo_id, name, self->cache);
  test_wait_until (has_ended, self, 30);
  g_assert_cmpstr (steer_download_get_error (self->download), ==, NULL);
  g_assert_cmpint (steer_download_get_state (self->download), ==, STEER_DOWNLOAD_DONE);
  g_assert_cmpint (steer_download_get_kind (self->download), ==, STEER_HUB_LABELS);
  g_assert_cmpstr (steer_download_get_repo_id (self->download), ==, repo_id);
  g_assert_cmpstr (steer_download_get_name (self->download), ==, name);
  g_assert_true (g_str_has_suffix (steer_download_get_path (self->download), "/llama3.1-8b-it/7-resid-post-aa"));
  g_assert_cmpuint (steer_download_get_total (self->download), ==, 5);
  g_assert_cmpuint (steer_download_get_done (self->download), ==, 5);
}

#define ADD(name, test) g_test_add ("/hub/download/" name, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("done", test_done);
  ADD ("failed", test_failed);
  ADD ("cancelled", test_cancelled);
  ADD ("restarted", test_restarted);
  ADD ("shared", test_shared);
  ADD ("let-go", test_let_go);
  ADD ("labels", test_labels);
  return g_test_run ();
}
