#include "steer-cpu-context.h"

#include <string.h>

#include "steer-cpu-attention.h"
#include "steer-cpu-machine.h"
#include "steer-cpu-memory.h"
#include "steer-cpu-weights.h"
#include "steer-cpu-work.h"
#include "steer-cpu.h"

#define DEVICE_ID "cpu"
#define DEFAULT_CONTEXT 8192

char *
steer_cpu_context_dup_device_name (const SteerCpuKernels *kernels)
{
  g_auto (SteerCpuMachine) machine = { 0 };
  g_autofree char *name = steer_cpu_machine_dup_name ();

  steer_cpu_machine_init (&machine);
  return g_strdup_printf ("%s, %u %s, %s", name, machine.n_usable, machine.n_usable == 1 ? "core" : "cores",
                          kernels->name);
}

/* Everything about a context that follows from its model and options before anything is allocated. */
static gboolean
resolve (SteerModel *model, const char *device_id, SteerContextOptions *options, GError **error)
{
  const SteerModelConfig *config = steer_model_get_config (model);
  g_auto (SteerCpuMachine) machine = { 0 };

  if (g_strcmp0 (device_id, DEVICE_ID) != 0)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
                   "there is no device “%s”; the CPU is “" DEVICE_ID "”", device_id != NULL ? device_id : "");
      return FALSE;
    }
  if (options->kv_dtype != STEER_DTYPE_F16 && options->kv_dtype != STEER_DTYPE_F32
      && options->kv_dtype != STEER_DTYPE_Q8_0)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "a KV cache of type %s; the CPU has F16, F32 and Q8_0", steer_dtype_get_name (options->kv_dtype));
      return FALSE;
    }
  if (options->n_slots < 1 || options->n_slots > STEER_MAX_SLOTS)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%u sequences at a time; there can be 1 to %u", options->n_slots, STEER_MAX_SLOTS);
      return FALSE;
    }
  if (config->head_dim > STEER_CPU_MAX_HEAD_DIM)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: attention heads of %u elements; the CPU has up to %u", steer_model_get_path (model),
                   config->head_dim, STEER_CPU_MAX_HEAD_DIM);
      return FALSE;
    }
  steer_cpu_machine_init (&machine);
  if (options->n_context == 0)
    options->n_context = MIN (config->n_context, DEFAULT_CONTEXT);
  if (options->n_threads == 0)
    options->n_threads = machine.n_usable;
  options->n_threads = MIN (options->n_threads, STEER_THREAD_POOL_MAX);
  return TRUE;
}

static gboolean
measure (const SteerModelConfig *config,
         const SteerContextOptions *options,
         guint64 n_packed,
         SteerCpuCache *cache,
         SteerCpuWork *work,
         GError **error)
{
  guint chunk = n_packed > 0 ? STEER_CPU_PACKED_CHUNK : STEER_CPU_CHUNK;

  if (steer_cpu_cache_measure (cache, options->kv_dtype, config->n_layers, options->n_slots, options->n_context,
                               config->n_kv_heads, config->head_dim)
      && steer_cpu_work_measure (work, config, chunk, options->n_context, options->n_threads))
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
               "a context of %u tokens in %u slots is larger than any memory; ask for a shorter one",
               options->n_context, options->n_slots);
  return FALSE;
}

gboolean
steer_cpu_context_estimate (SteerModel *model,
                            const char *device_id,
                            const SteerContextOptions *options,
                            SteerMemoryEstimate *estimate,
                            GError **error)
{
  const SteerModelConfig *config = steer_model_get_config (model);
  const SteerCpuKernels *kernels = steer_cpu_kernels_choose (error);
  g_auto (SteerCpuMachine) machine = { 0 };
  SteerContextOptions resolved = *options;
  SteerCpuCache cache;
  SteerCpuWork work;

  memset (estimate, 0, sizeof *estimate);
  if (kernels == NULL || !resolve (model, device_id, &resolved, error))
    return FALSE;
  steer_cpu_weights_measure (model, options->weight_type, kernels->panel_rows, &estimate->weights, &estimate->mapped);
  if (!measure (config, &resolved, estimate->weights, &cache, &work, error))
    return FALSE;
  steer_cpu_machine_init (&machine);
  estimate->weights += steer_cpu_weights_get_vector_bytes (model);
  estimate->kv_cache = cache.n_bytes;
  estimate->work = work.n_bytes;
  estimate->available = machine.memory_free;
  return TRUE;
}

static gboolean
allocate (SteerCpuContext *self, GError **error)
{
  const SteerContextOptions *options = &self->parent.options;

  if (!measure (self->config, options, self->n_packed, &self->cache, &self->work, error))
    return FALSE;
  if (steer_cpu_cache_allocate (&self->cache)
      && steer_cpu_work_allocate (&self->work, self->config, options->n_context, options->n_threads))
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
               "no memory for a context of %u tokens in %u slots (%" G_GSIZE_FORMAT " MiB of KV cache, %" G_GSIZE_FORMAT
               " MiB of work areas); ask for a shorter context or an F16 cache",
               options->n_context, options->n_slots, self->cache.n_bytes >> 20, self->work.n_bytes >> 20);
  return FALSE;
}

SteerContext *
steer_cpu_context_open (SteerModel *model,
                        const char *device_id,
                        const SteerContextOptions *options,
                        SteerProgressFunc progress,
                        gpointer progress_data,
                        GCancellable *cancellable,
                        GError **error)
{
  const SteerCpuKernels *kernels = steer_cpu_kernels_choose (error);
  SteerContextOptions resolved = *options;
  SteerCpuContext *self;

  if (kernels == NULL || g_cancellable_set_error_if_cancelled (cancellable, error)
      || !resolve (model, device_id, &resolved, error))
    return NULL;

  self = g_new0 (SteerCpuContext, 1);
  self->parent.backend = steer_cpu_backend ();
  self->parent.model = g_object_ref (model);
  self->parent.options = resolved;
  self->parent.device_id = g_strdup (DEVICE_ID);
  self->parent.device_name = steer_cpu_context_dup_device_name (kernels);
  self->config = steer_model_get_config (model);
  self->kernels = kernels;
  /* Fewer threads than there is scratch room for when the system refuses some. */
  self->pool = steer_thread_pool_new (resolved.n_threads);
  if (!steer_cpu_weights_init (self, model, error) || !allocate (self, error)
      || !steer_cpu_weights_load (self, model, progress, progress_data, cancellable, error))
    {
      steer_cpu_context_close (&self->parent);
      return NULL;
    }
  self->parent.options.n_threads = steer_thread_pool_get_n_threads (self->pool);
  self->parent.chunk = self->work.chunk;
  return &self->parent;
}

void
steer_cpu_context_close (SteerContext *context)
{
  SteerCpuContext *self = (SteerCpuContext *) context;

  if (self == NULL)
    return;
  steer_thread_pool_free (self->pool);
  steer_cpu_cache_clear (&self->cache);
  steer_cpu_work_clear (&self->work);
  steer_cpu_attention_clear (self);
  steer_cpu_memory_release (self->packed, self->n_packed);
  g_free (self->layers);
  g_free (self->vectors);
  g_free (self->inv_freq);
  g_clear_object (&self->parent.model);
  g_free (self->parent.device_id);
  g_free (self->parent.device_name);
  g_free (self);
}
