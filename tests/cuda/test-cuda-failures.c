#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "cuda-model.h"
#include "steer-cuda-backend.h"
#include "steer-shim.h"

/* Memory that runs out at any moment, a device that is lost at any moment, files that are cut off, and cancelled
 * loads. */

static SteerContext *
open_context (CpuModel *model, SteerDtype weight_type, GCancellable *cancellable, GError **error)
{
  SteerContextOptions options;

  steer_context_options_init (&options);
  options.n_slots = 2;
  options.n_context = 64;
  options.weight_type = weight_type;
  return steer_cuda_module_backend ()->open (model->model, "cuda:0", &options, NULL, NULL, cancellable, error);
}

static void
assert_same_bits (const float *a, const float *b, gsize n)
{
  g_assert_cmpmem (a, n * sizeof (float), b, n * sizeof (float));
}

/* Each allocation in turn: an error that says what to do, nothing left behind, and a context that was open before
 * computes as before. */
static void
test_out_of_memory (gconstpointer data)
{
  SteerDtype weight_type = GPOINTER_TO_INT (data);
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) previous = open_context (model, 0, NULL, NULL);
  gsize n_vocab = model->config->n_vocab;
  g_autofree float *expected = cpu_context_run_last (previous, model, 0, 0, 4, NULL);
  gsize before = steer_shim_get_memory_used ();
  gboolean opened = FALSE;
  guint n_failed = 0;

  for (int n = 0; !opened; n++)
    {
      g_autoptr (GError) error = NULL;
      SteerContext *context;

      g_assert_cmpint (n, <, 200);
      steer_shim_fail_allocation_after (n);
      context = open_context (model, weight_type, NULL, &error);
      steer_shim_fail_allocation_after (-1);
      opened = context != NULL;
      steer_context_close (context);
      if (!opened)
        {
          g_autofree float *actual = NULL;

          g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY);
          n_failed++;
          actual = cpu_context_run_last (previous, model, 0, 0, 4, NULL);
          assert_same_bits (actual, expected, n_vocab);
        }
      g_assert_cmpuint (steer_shim_get_memory_used (), ==, before);
    }
  /* Weights, cache, work areas, what the host shares, and a pair of buffers a thread. */
  g_assert_cmpuint (n_failed, >=, 6);
}

/* New vectors need room, and there is none: the step fails, the next one under the old plan is what it was. */
static void
test_no_room_for_vectors (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = open_context (model, 0, NULL, NULL);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "0:0:add:2.0");
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (model->config->d_model);
  g_autoptr (SteerPlan) large = NULL;
  g_autoptr (GError) error = NULL;
  gsize d_model = model->config->d_model;
  gsize n_vocab = model->config->n_vocab;
  g_autofree float *before = NULL;
  g_autofree float *after = NULL;
  g_autofree float *logits = g_new (float, n_vocab);
  SteerRun run = {
    .position = 4,
    .tokens = model->tokens + 4,
    .n_tokens = 1,
    .want = STEER_WANT_LAST_LOGITS,
    .logits = logits,
  };

  for (guint i = 0; i < 200; i++)
    {
      g_autofree float *vector = g_new0 (float, d_model);
      g_autoptr (GBytes) bytes = NULL;

      vector[i % d_model] = 1.0f;
      bytes = g_bytes_new (vector, d_model * sizeof (float));
      steer_plan_builder_add (builder, 0, i, STEER_MODE_ADD, 0.5f, bytes);
    }
  large = steer_plan_builder_end (builder);
  g_free (cpu_context_run_last (context, model, 0, 0, 4, plan));
  before = cpu_context_run_last (context, model, 0, 4, 1, plan);

  run.plan = large;
  steer_shim_fail_allocation_after (0);
  g_assert_false (steer_context_forward (context, &run, 1, NULL, &error));
  steer_shim_fail_allocation_after (-1);
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY);
  after = cpu_context_run_last (context, model, 0, 4, 1, plan);
  assert_same_bits (after, before, n_vocab);
  steer_context_forward (context, &run, 1, NULL, NULL);
}

/* At any operation of a prompt and of a step: an error of the device, at once and from then on, and closing works. */
static void
test_lost (gconstpointer data)
{
  guint n_tokens = GPOINTER_TO_UINT (data);
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autofree guint32 *seen = g_new0 (guint32, (model->config->n_vocab + 31) / 32);
  SteerSampling sampling;
  gboolean done = FALSE;

  steer_sampling_init (&sampling);
  for (int n = 0; !done; n += 3)
    {
      g_autoptr (SteerContext) context = open_context (model, 0, NULL, NULL);
      g_autoptr (GError) error = NULL;
      SteerRun run = {
        .tokens = model->tokens,
        .n_tokens = n_tokens,
        .want = STEER_WANT_TOKEN,
        .sampling = &sampling,
        .seen = seen,
      };

      g_assert_cmpint (n, <, 500);
      steer_shim_lose_device_after (n, cudaErrorIllegalAddress);
      done = steer_context_forward (context, &run, 1, NULL, &error);
      if (!done)
        {
          g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
          g_assert_nonnull (strstr (error->message, "CPU"));
          g_clear_error (&error);
          g_assert_false (steer_context_forward (context, &run, 1, NULL, &error));
          g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
        }
      steer_shim_lose_device_after (-1, cudaSuccess);
      steer_context_close (g_steal_pointer (&context));
      cudaDeviceReset ();
    }
}

static void
test_cancel_load (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gsize before = steer_shim_get_memory_used ();

  g_cancellable_cancel (cancellable);
  g_assert_null (open_context (model, 0, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (steer_shim_get_memory_used (), ==, before);
}

static void
on_progress (double fraction, gpointer data)
{
  double *last = data;

  g_assert_cmpfloat (fraction, >=, *last);
  g_assert_cmpfloat (fraction, <=, 1.0);
  *last = fraction;
}

static void
test_progress (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;
  double fraction = 0.0;
  g_autoptr (SteerContext) context = NULL;

  steer_context_options_init (&options);
  context = steer_cuda_module_backend ()->open (model->model, "cuda:0", &options, on_progress, &fraction, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (fraction, ==, 1.0);
}

/* Between opening the model and loading its weights. */
static void
test_cut_file (void)
{
  g_autofree char *source = test_fixture_path ("cpu/llama-gqa");
  char *dir = test_make_dir ();
  static const char *const files[] = { "config.json", "model.safetensors" };
  g_autofree char *weights = g_build_filename (dir, files[1], NULL);
  g_autoptr (CpuModel) other = cpu_model_load ("llama-gqa");
  g_autoptr (SteerModel) model = NULL;
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;
  gsize before = steer_shim_get_memory_used ();

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *from = g_build_filename (source, files[i], NULL);
      g_autofree char *to = g_build_filename (dir, files[i], NULL);
      g_autofree char *bytes = NULL;
      gsize length;

      g_assert_true (g_file_get_contents (from, &bytes, &length, NULL));
      g_assert_true (g_file_set_contents (to, bytes, (gssize) length, NULL));
    }
  model = steer_model_open (dir, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (truncate (weights, 8192), ==, 0);
  steer_context_options_init (&options);
  g_assert_null (steer_cuda_module_backend ()->open (model, "cuda:0", &options, NULL, NULL, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "cut off"));
  g_assert_cmpuint (steer_shim_get_memory_used (), ==, before);
  test_remove_dir (dir);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/cuda/failures/each allocation may fail", NULL, test_out_of_memory);
  g_test_add_data_func ("/cuda/failures/each allocation may fail while weights are quantised",
                        GINT_TO_POINTER (STEER_DTYPE_Q8_0), test_out_of_memory);
  g_test_add_func ("/cuda/failures/no room for new vectors", test_no_room_for_vectors);
  g_test_add_data_func ("/cuda/failures/the device is lost in a step", GUINT_TO_POINTER (1), test_lost);
  g_test_add_data_func ("/cuda/failures/the device is lost in a prompt", GUINT_TO_POINTER (12), test_lost);
  g_test_add_func ("/cuda/failures/a load is cancelled", test_cancel_load);
  g_test_add_func ("/cuda/failures/progress rises to one", test_progress);
  g_test_add_func ("/cuda/failures/a file is cut off while it is open", test_cut_file);
  return g_test_run ();
}
