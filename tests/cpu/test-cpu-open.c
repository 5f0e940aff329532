#include "cpu-model.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cpu/steer-cpu-cache.h"
#include "cpu/steer-cpu.h"

static SteerContext *
open_with (CpuModel *model,
           const char *device,
           const SteerContextOptions *options,
           SteerProgressFunc progress,
           gpointer progress_data,
           GCancellable *cancellable,
           GError **error)
{
  return steer_cpu_backend ()->open (model->model, device, options, progress, progress_data, cancellable, error);
}

/* @which: 0 for the address space, 1 for memory; 0 where the system does not tell. */
static gsize
get_statm_bytes (guint which)
{
  g_autofree char *text = NULL;
  unsigned long pages[2] = { 0, 0 };

  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL)
      || sscanf (text, "%lu %lu", &pages[0], &pages[1]) != 2)
    return 0;
  return pages[which] * (gsize) sysconf (_SC_PAGESIZE);
}

static void
test_device (void)
{
  g_autoptr (GPtrArray) devices = steer_cpu_backend ()->list_devices ();
  const SteerDevice *device;

  g_assert_cmpuint (devices->len, ==, 1);
  device = g_ptr_array_index (devices, 0);
  g_assert_cmpstr (device->id, ==, "cpu");
  g_assert_true (device->usable);
  g_assert_null (device->why_not);
  g_assert_cmpuint (device->memory_total, >, 64 << 20);
  g_assert_cmpuint (device->memory_free, >, 0);
  g_assert_cmpuint (device->memory_free, <=, device->memory_total);
  g_assert_nonnull (strstr (device->name, " core"));
}

static void
test_defaults (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = NULL;
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;

  steer_context_options_init (&options);
  context = open_with (model, "cpu", &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (context->backend == steer_cpu_backend ());
  g_assert_true (context->model == model->model);
  g_assert_cmpuint (context->options.n_context, ==, 1024);
  g_assert_cmpuint (context->options.n_threads, >, 0);
  g_assert_cmpuint (context->options.n_slots, ==, 1);
  g_assert_cmpint (context->options.kv_dtype, ==, STEER_DTYPE_F16);
  g_assert_cmpstr (context->device_id, ==, "cpu");
}

static void
test_model_outlives (void)
{
  CpuModel *model = cpu_model_load ("llama-gqa");
  SteerContext *context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 1);
  GWeakRef weak;

  g_weak_ref_init (&weak, model->model);
  cpu_model_free (model);
  {
    g_autoptr (SteerModel) alive = g_weak_ref_get (&weak);

    g_assert_nonnull (alive);
  }
  steer_context_close (context);
  g_assert_null (g_weak_ref_get (&weak));
  g_weak_ref_clear (&weak);
}

static void
test_estimate (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-tied-wide-heads");
  g_autoptr (GError) error = NULL;
  SteerMemoryEstimate one, two;
  SteerContextOptions options;
  guint64 matrices = 0;

  for (guint i = 0; i < steer_archive_get_n_tensors (steer_model_get_archive (model->model)); i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (steer_model_get_archive (model->model), i);

      matrices += tensor->n_dims == 2 ? tensor->n_bytes : 0;
    }
  steer_context_options_init (&options);
  options.kv_dtype = STEER_DTYPE_F32;
  options.n_context = 640;
  g_assert_true (steer_cpu_backend ()->estimate (model->model, "cpu", &options, &one, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (one.mapped, ==, matrices);
  g_assert_cmpuint (one.weights, ==, (2 * 2 + 1) * 32 * sizeof (float));
  g_assert_cmpuint (one.kv_cache, ==, (guint64) 2 * 640 * 4 * 12 * 2 * sizeof (float));
  g_assert_cmpuint (one.work, >, 0);
  g_assert_cmpuint (one.available, >, 0);

  options.n_slots = 3;
  options.kv_dtype = STEER_DTYPE_F16;
  g_assert_true (steer_cpu_backend ()->estimate (model->model, "cpu", &options, &two, &error));
  g_assert_cmpuint (two.kv_cache, ==, one.kv_cache / 2 * 3);
}

/* What is quantised is no longer used in place, and takes 34 bytes for 32 elements. */
static void
test_estimate_quantised (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (GError) error = NULL;
  SteerArchive *archive = steer_model_get_archive (model->model);
  SteerMemoryEstimate stored, quantised;
  SteerContextOptions options;
  guint64 n_elements = 0;
  guint64 n_bytes = 0;

  for (guint i = 0; i < steer_archive_get_n_tensors (archive); i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (archive, i);

      if (tensor->n_dims != 2 || tensor->shape[1] % 32 != 0 || strstr (tensor->name, "embed") != NULL)
        continue;
      n_bytes += tensor->n_bytes;
      /* Rows come in panels of up to 16. */
      n_elements += (guint64) (tensor->shape[0] + 15) / 16 * 16 * (guint64) tensor->shape[1];
    }
  steer_context_options_init (&options);
  g_assert_true (steer_cpu_backend ()->estimate (model->model, "cpu", &options, &stored, &error));
  options.weight_type = STEER_DTYPE_Q8_0;
  g_assert_true (steer_cpu_backend ()->estimate (model->model, "cpu", &options, &quantised, &error));
  g_assert_cmpuint (n_bytes, >, 0);
  g_assert_cmpuint (stored.mapped - quantised.mapped, ==, n_bytes);
  g_assert_cmpuint (quantised.weights - stored.weights, >, 0);
  /* Two blocks share a header, of which a lone block of 32 wastes half. */
  g_assert_cmpuint (quantised.weights - stored.weights, <=, n_elements / 32 * 36);
}

static void
check_refused (CpuModel *model, const char *device, const SteerContextOptions *options, SteerModelError code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerContext) context = open_with (model, device, options, NULL, NULL, NULL, &error);

  g_assert_null (context);
  g_assert_error (error, STEER_MODEL_ERROR, (int) code);
}

static void
test_refusals (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  SteerContextOptions options;

  steer_context_options_init (&options);
  check_refused (model, "cpu:7", &options, STEER_MODEL_ERROR_DEVICE);
  options.kv_dtype = STEER_DTYPE_I8;
  check_refused (model, "cpu", &options, STEER_MODEL_ERROR_UNSUPPORTED);
  options.kv_dtype = STEER_DTYPE_F16;
  options.n_slots = STEER_MAX_SLOTS + 1;
  check_refused (model, "cpu", &options, STEER_MODEL_ERROR_UNSUPPORTED);
}

static void
test_no_memory (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  SteerContextOptions options;
  struct rlimit before, tight;
  gsize n_mapped;

  steer_context_options_init (&options);
  options.n_slots = 2;
  options.n_context = 4000000;
  n_mapped = get_statm_bytes (0);
  if (n_mapped == 0 || getrlimit (RLIMIT_AS, &before) != 0)
    {
      g_test_skip ("the system does not tell how much address space a process has taken");
      return;
    }
  tight = before;
  tight.rlim_cur = n_mapped + (64 << 20);
  g_assert_cmpint (setrlimit (RLIMIT_AS, &tight), ==, 0);
  check_refused (model, "cpu", &options, STEER_MODEL_ERROR_NO_MEMORY);
  g_assert_cmpint (setrlimit (RLIMIT_AS, &before), ==, 0);
}

/* Whatever is left of a context behind its whole spans. */
static void
test_cache_places (void)
{
  const guint contexts[] = { 1, 64, 512, 640, 1100 };
  const SteerDtype dtypes[] = { STEER_DTYPE_F16, STEER_DTYPE_F32, STEER_DTYPE_Q8_0 };

  for (guint c = 0; c < G_N_ELEMENTS (contexts); c++)
    for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
      {
        g_autoptr (GHashTable) taken = g_hash_table_new (NULL, NULL);
        SteerCpuCache cache;

        g_assert_true (steer_cpu_cache_measure (&cache, dtypes[d], 2, 3, contexts[c], 2, 40));
        g_assert_true (steer_cpu_cache_allocate (&cache));
        for (guint layer = 0; layer < 2; layer++)
          for (guint slot = 0; slot < 3; slot++)
            for (guint block = 0; block < cache.n_blocks; block++)
              for (guint head = 0; head < 2; head++)
                {
                  gsize keys = (gsize) (steer_cpu_cache_get_keys (&cache, layer, slot, block, head) - cache.data);
                  gsize values = (gsize) (steer_cpu_cache_get_values (&cache, layer, slot, block, head) - cache.data);

                  g_assert_cmpuint (keys % cache.block_bytes, ==, 0);
                  g_assert_cmpuint (values % cache.block_bytes, ==, 0);
                  g_assert_cmpuint (MAX (keys, values) + cache.block_bytes, <=, cache.n_bytes);
                  g_assert_true (g_hash_table_add (taken, GSIZE_TO_POINTER (keys)));
                  g_assert_true (g_hash_table_add (taken, GSIZE_TO_POINTER (values)));
                }
        g_assert_cmpuint (g_hash_table_size (taken) * cache.block_bytes, ==, cache.n_bytes);
        steer_cpu_cache_clear (&cache);
      }
}

static void
test_overflow (void)
{
  SteerCpuCache cache;

  g_assert_true (steer_cpu_cache_measure (&cache, STEER_DTYPE_F16, 32, 4, 131072, 8, 128));
  g_assert_cmpuint (cache.n_bytes, ==, (gsize) 32 * 4 * 131072 * 8 * 128 * 2 * sizeof (guint16));
  g_assert_false (steer_cpu_cache_measure (&cache, STEER_DTYPE_F32, G_MAXUINT, 4, G_MAXUINT, 8, 128));
  g_assert_false (steer_cpu_cache_measure (&cache, STEER_DTYPE_F32, 1, 1, G_MAXUINT, G_MAXUINT, 1));
}

static void
test_isa (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = NULL;
  g_autoptr (GPtrArray) devices = NULL;
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;

  steer_context_options_init (&options);
  g_setenv ("STEER_CPU_ISA", "abacus", TRUE);
  check_refused (model, "cpu", &options, STEER_MODEL_ERROR_DEVICE);
  devices = steer_cpu_backend ()->list_devices ();
  g_assert_false (((SteerDevice *) g_ptr_array_index (devices, 0))->usable);
  g_assert_nonnull (strstr (((SteerDevice *) g_ptr_array_index (devices, 0))->why_not, "abacus"));

  g_setenv ("STEER_CPU_ISA", "plain", TRUE);
  context = open_with (model, "cpu", &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (strstr (context->device_name, "plain C"));
  g_unsetenv ("STEER_CPU_ISA");
}

typedef struct
{
  double last;
  guint n_calls;
  GCancellable *cancellable; /* (nullable): cancelled at the second call */
} Progress;

static void
on_progress (double fraction, gpointer data)
{
  Progress *self = data;

  g_assert_cmpfloat (fraction, >=, self->last);
  g_assert_cmpfloat (fraction, <=, 1.0);
  self->last = fraction;
  self->n_calls++;
  if (self->n_calls == 2 && self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
}

static void
test_progress (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = NULL;
  g_autoptr (GError) error = NULL;
  Progress progress = { 0 };
  SteerContextOptions options;

  steer_context_options_init (&options);
  context = open_with (model, "cpu", &options, on_progress, &progress, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (progress.last, ==, 1.0);
  g_assert_cmpuint (progress.n_calls, >, 5);
}

static void
test_cancel (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (SteerContext) context = NULL;
  g_autoptr (GError) error = NULL;
  Progress progress = { .cancellable = cancellable };
  SteerContextOptions options;

  steer_context_options_init (&options);
  context = open_with (model, "cpu", &options, on_progress, &progress, cancellable, &error);
  g_assert_null (context);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (progress.n_calls, ==, 2);
}

static void
test_large_context (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree float *logits = NULL;
  SteerContextOptions options;
  gsize before = get_statm_bytes (1);

  steer_context_options_init (&options);
  options.n_slots = 2;
  options.n_context = 4000000;
  context = open_with (model, "cpu", &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  logits = cpu_context_run (context, model, 1, 0, model->n_tokens, NULL);
  if (before > 0)
    g_assert_cmpuint (get_statm_bytes (1), <, before + (16 << 20));
}

static void
test_bandwidth (void)
{
  double one = steer_cpu_measure_bandwidth (1);

  g_assert_cmpfloat (one, >, 1e8);
  g_assert_cmpfloat (one, <, 1e12);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpu/open/the processor is listed as a device with its memory", test_device);
  g_test_add_func ("/cpu/open/options left open are filled in", test_defaults);
  g_test_add_func ("/cpu/open/a context keeps its model alive, and lets go of it when closed", test_model_outlives);
  g_test_add_func ("/cpu/open/the estimate tells what is mapped and what is allocated", test_estimate);
  g_test_add_func ("/cpu/open/the estimate counts weights that will be quantised", test_estimate_quantised);
  g_test_add_func ("/cpu/open/an unknown device, cache type or number of slots is refused", test_refusals);
  g_test_add_func ("/cpu/open/a context for which there is no memory is refused", test_no_memory);
  g_test_add_func ("/cpu/open/every block of a cache has a place of its own", test_cache_places);
  g_test_add_func ("/cpu/open/the size of a cache never overflows", test_overflow);
  g_test_add_func ("/cpu/open/an instruction set can be forced, an unknown one is refused", test_isa);
  g_test_add_func ("/cpu/open/progress goes from nothing to all", test_progress);
  g_test_add_func ("/cpu/open/loading can be cancelled half way", test_cancel);
  g_test_add_func ("/cpu/open/a large context takes no memory until it is used", test_large_context);
  g_test_add_func ("/cpu/open/the bandwidth of memory is measured", test_bandwidth);
  return g_test_run ();
}
