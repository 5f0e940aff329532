/* Importing labels and extracting directions, each cancelled at random moments: what an import left is nothing or all,
 * and the next call does what the first did. STEER_TEST_ROUNDS=1000 makes it so many. How quickly a call is back is
 * told, not judged: build-aux/test-hard asks for the numbers. */
#include <string.h>

#include "steering/steer-label-store.h"
#include "steering/steer-sae-keep.h"
#include "steering/steer-sae.h"
#include "test-util.h"

#ifdef __SANITIZE_ADDRESS__
#define N_ROUNDS 8
#else
#define N_ROUNDS 20
#endif
/* A cancelled call that has not come back by then never will. */
#define MAX_SECONDS 20
#define MAX_DELAY_US 60000
/* Pages that an allocator may keep. */
#define MAX_GROWTH ((gsize) 32 << 20)

#define N_LABELS 4000

typedef struct
{
  char *dir;
  char *labels; /* the file to import */
  SteerLabelStore *store;
  GAsyncResult *result;
} Fixture;

static void
write_labels (const char *path)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < N_LABELS; i++)
    g_string_append_printf (text,
                            "{\"modelId\":\"toy\",\"layer\":\"2-res\",\"index\":\"%u\",\"description\":\"word %u of "
                            "many\",\"typeName\":\"t\"}\n",
                            i, i);
  g_assert_true (g_file_set_contents (path, text->str, (gssize) text->len, &error));
  g_string_free (text, TRUE);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  f->dir = test_make_dir ();
  f->labels = g_build_filename (f->dir, "labels.jsonl", NULL);
  write_labels (f->labels);
  path = g_build_filename (f->dir, "labels.sqlite", NULL);
  f->store = steer_label_store_open (path, &error);
  g_assert_no_error (error);
  g_assert_true (steer_label_store_set_user_label (f->store, "toy", 2, 7, "mine", &error));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  test_assert_finalizes (f->store);
  g_free (f->labels);
  test_remove_dir (f->dir);
}

/* Lets the main context turn for a random while, then cancels and waits; returns the seconds that took. */
static double
cancel_and_wait (Fixture *f, GCancellable *cancellable)
{
  gint64 until = g_get_monotonic_time () + g_test_rand_int_range (0, MAX_DELAY_US);
  gint64 cancelled_at;

  while (g_get_monotonic_time () < until)
    g_main_context_iteration (NULL, FALSE);
  cancelled_at = g_get_monotonic_time ();
  g_cancellable_cancel (cancellable);
  test_wait_for_result (&f->result, MAX_SECONDS);
  return (double) (g_get_monotonic_time () - cancelled_at) / G_USEC_PER_SEC;
}

/* It was done before the cancel came, or it was cancelled: nothing else. */
static void
assert_outcome (gboolean ok, GError *error)
{
  if (ok)
    g_assert_no_error (error);
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static guint64
count_labels (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) sources = steer_label_store_list_sources (f->store, &error);
  guint64 n = 0;

  g_assert_no_error (error);
  for (guint i = 0; i < sources->len; i++)
    {
      const SteerLabelSource *source = g_ptr_array_index (sources, i);

      n += (guint64) source->n_labels;
      g_assert_true (steer_label_store_remove_source (f->store, source->id, &error));
    }
  return n;
}

static void
import (GTask *task, gpointer store, gpointer path, GCancellable *cancellable)
{
  SteerLabelImport counts;
  GError *error = NULL;

  if (steer_label_store_import (store, path, NULL, NULL, &counts, NULL, NULL, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static GTask *
begin_import (Fixture *f, GCancellable *cancellable)
{
  GTask *task = g_task_new (f->store, cancellable, test_keep_result, &f->result);

  g_task_set_task_data (task, f->labels, NULL);
  /* A cancel that comes after the last row was committed takes nothing back, so it must not be told as one. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_run_in_thread (task, import);
  return task;
}

static double
cancel_import (Fixture *f)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GTask) task = NULL;
  const char *const models[] = { "toy", NULL };
  g_autofree char *mine = NULL;
  g_autoptr (GError) error = NULL;
  double seconds;
  gboolean ok;
  guint64 n;

  task = begin_import (f, cancellable);
  seconds = cancel_and_wait (f, cancellable);
  ok = g_task_propagate_boolean (task, &error);
  assert_outcome (ok, error);
  g_clear_object (&f->result);
  n = count_labels (f);
  g_assert_cmpuint (n, ==, (ok ? N_LABELS : 0));
  mine = steer_label_store_find_user_label (f->store, models, 2, 7, NULL);
  g_assert_cmpstr (mine, ==, "mine");
  return seconds;
}

/* What `steer extract` and the app do with an SAE: open it, read directions, keep its encoder. Returns the sum of the
 * numbers in its first directions. */
static void
extract (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  SteerSourceHints hints;
  g_autoptr (SteerSae) sae = NULL;
  g_autoptr (SteerSae) kept = NULL;
  g_autofree float *vector = NULL; /* [d_model] */
  double *sum = g_new0 (double, 1);
  double norm;
  GError *error = NULL;

  steer_source_hints_init (&hints);
  sae = steer_sae_open (path, &hints, cancellable, &error);
  if (sae != NULL)
    vector = g_new (float, steer_sae_get_d_model (sae));
  for (guint64 i = 0; error == NULL && i < steer_sae_get_n_features (sae); i++)
    if (steer_sae_read_direction (sae, i, vector, &norm, cancellable, &error))
      for (guint k = 0; k < steer_sae_get_d_model (sae); k++)
        *sum += (double) vector[k];
  if (error == NULL)
    kept = steer_sae_keep (sae, STEER_SAE_KEEP_INT8, NULL, NULL, cancellable, &error);
  if (error == NULL)
    g_task_return_pointer (task, g_steal_pointer (&sum), g_free);
  else
    g_task_return_error (task, error);
  g_free (sum);
}

static GTask *
begin_extract (Fixture *f, GCancellable *cancellable)
{
  GTask *task = g_task_new (NULL, cancellable, test_keep_result, &f->result);
  const char *demo = g_getenv ("STEER_TEST_DEMO");

  g_task_set_task_data (task, g_build_filename (demo, "sae", "resid_post_layer_2", "trainer_0", "ae.pt", NULL), g_free);
  /* The call itself is to come back, and not merely the news of it. */
  g_task_set_return_on_cancel (task, FALSE);
  g_task_set_check_cancellable (task, FALSE);
  g_task_run_in_thread (task, extract);
  return task;
}

static double
finish_extract (Fixture *f, GTask *task, GError **error)
{
  g_autofree double *sum = g_task_propagate_pointer (task, error);

  g_clear_object (&f->result);
  return sum != NULL ? *sum : 0.0;
}

static double
cancel_extract (Fixture *f)
{
  static double expected;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GTask) task = begin_extract (f, cancellable);
  g_autoptr (GError) error = NULL;
  double seconds = cancel_and_wait (f, cancellable);

  finish_extract (f, task, &error);
  assert_outcome (error == NULL, error);
  g_clear_error (&error);
  g_clear_object (&task);

  task = begin_extract (f, NULL);
  test_wait_for_result (&f->result, MAX_SECONDS);
  if (expected == 0.0)
    expected = finish_extract (f, task, &error);
  else
    g_assert_true (finish_extract (f, task, &error) == expected);
  g_assert_no_error (error);
  return seconds;
}

static void
run_rounds (Fixture *f, const char *name, double (*cancel_once) (Fixture *f))
{
  guint n_rounds = test_get_n_rounds (N_ROUNDS);
  gsize before = 0;
  double slowest = 0.0;

  for (guint round = 0; round < n_rounds; round++)
    {
      slowest = MAX (slowest, cancel_once (f));
      if (round == n_rounds / 4)
        before = test_get_resident ();
    }
  g_test_message ("%s: %u times cancelled, back after %.1f ms at most, %+.1f MB", name, n_rounds, slowest * 1e3,
                  ((double) test_get_resident () - (double) before) / 1e6);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
  g_assert_cmpuint (test_get_resident (), <, before + MAX_GROWTH);
#endif
}

static void
test_import (Fixture *f, gconstpointer data)
{
  run_rounds (f, "importing labels", cancel_import);
}

static void
test_extract (Fixture *f, gconstpointer data)
{
  run_rounds (f, "extracting directions", cancel_extract);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/cancel/importing labels at random moments", Fixture, NULL, set_up, test_import, tear_down);
  g_test_add ("/cancel/extracting directions at random moments", Fixture, NULL, set_up, test_extract, tear_down);
  return g_test_run ();
}
