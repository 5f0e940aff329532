#include "steer-cpu-context.h"

#include <string.h>

#include "steer-cpu-machine.h"
#include "steer-cpu-memory.h"
#include "steer-cpu-work.h"
#include "steer-cpu.h"

#define DEVICE_ID "cpu"
#define DEFAULT_CONTEXT 8192

/* Pages are made present in pieces of this size; a cancel waits for one piece at most. */
#define TOUCH_BYTES (8 * 1024 * 1024)

gsize
steer_cpu_matrix_get_offset (const SteerCpuMatrix *self, gsize row, gsize column)
{
  return row * self->row_bytes
         + column / steer_dtype_get_block_elements (self->dtype) * steer_dtype_get_block_bytes (self->dtype);
}

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
  if (options->kv_dtype != STEER_DTYPE_F16 && options->kv_dtype != STEER_DTYPE_F32)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "a KV cache of type %s; the CPU has F16 and F32", steer_dtype_get_name (options->kv_dtype));
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
         SteerCpuCache *cache,
         SteerCpuWork *work,
         GError **error)
{
  if (steer_cpu_cache_measure (cache, options->kv_dtype, config->n_layers, options->n_slots, options->n_context,
                               config->n_kv_heads, config->head_dim)
      && steer_cpu_work_measure (work, config, options->n_context, options->n_threads))
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
               "a context of %u tokens in %u slots is larger than any memory; ask for a shorter one",
               options->n_context, options->n_slots);
  return FALSE;
}

static gboolean
init_matrix (SteerCpuMatrix *self, const SteerCpuKernels *kernels, const SteerTensor *tensor, GError **error)
{
  const SteerCpuWeightKernels *weights = &kernels->weights[tensor->dtype];

  if (weights->gemv == NULL || !steer_tensor_is_contiguous (tensor))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "tensor “%s” is stored as %s%s; the CPU computes with weights stored as F32, F16 or BF16",
                   tensor->name, steer_dtype_get_name (tensor->dtype),
                   steer_tensor_is_contiguous (tensor) ? "" : ", not contiguous");
      return FALSE;
    }
  self->dtype = tensor->dtype;
  self->kernels = weights;
  self->data = tensor->data;
  self->n_rows = (gsize) tensor->shape[0];
  self->n_columns = (gsize) tensor->shape[1];
  self->row_bytes
    = self->n_columns / steer_dtype_get_block_elements (tensor->dtype) * steer_dtype_get_block_bytes (tensor->dtype);
  return TRUE;
}

static gboolean
init_layer_matrices (SteerCpuLayer *self,
                     const SteerCpuKernels *kernels,
                     const SteerLayerWeights *weights,
                     GError **error)
{
  return init_matrix (&self->q, kernels, weights->q, error) && init_matrix (&self->k, kernels, weights->k, error)
         && init_matrix (&self->v, kernels, weights->v, error) && init_matrix (&self->o, kernels, weights->o, error)
         && init_matrix (&self->gate, kernels, weights->gate, error)
         && init_matrix (&self->up, kernels, weights->up, error)
         && init_matrix (&self->down, kernels, weights->down, error);
}

/* Norms and biases, copied one after the other into @room; with no room, only counted. */
static const float *
take_vector (const SteerTensor *tensor, float *room, gsize *n_floats)
{
  gsize first = *n_floats;
  gsize n;

  if (tensor == NULL)
    return NULL;
  n = (gsize) steer_tensor_get_n_elements (tensor);
  *n_floats += n;
  if (room == NULL)
    return NULL;
  steer_tensor_read_f32 (tensor, 0, (gint64) n, room + first);
  return room + first;
}

static void
take_layer_vectors (SteerCpuLayer *self, const SteerLayerWeights *weights, float *room, gsize *n_floats)
{
  self->attn_norm = take_vector (weights->attn_norm, room, n_floats);
  self->mlp_norm = take_vector (weights->mlp_norm, room, n_floats);
  self->q_bias = take_vector (weights->q_bias, room, n_floats);
  self->k_bias = take_vector (weights->k_bias, room, n_floats);
  self->v_bias = take_vector (weights->v_bias, room, n_floats);
  self->o_bias = take_vector (weights->o_bias, room, n_floats);
  self->gate_bias = take_vector (weights->gate_bias, room, n_floats);
  self->up_bias = take_vector (weights->up_bias, room, n_floats);
  self->down_bias = take_vector (weights->down_bias, room, n_floats);
}

static gsize
count_vectors (SteerModel *model)
{
  const SteerWeights *weights = steer_model_get_weights (model);
  guint n_layers = steer_model_get_config (model)->n_layers;
  SteerCpuLayer ignored;
  gsize n_floats = 0;

  for (guint i = 0; i < n_layers; i++)
    take_layer_vectors (&ignored, &weights->layers[i], NULL, &n_floats);
  take_vector (weights->final_norm, NULL, &n_floats);
  return n_floats;
}

/* Every matrix of the model once. Returns how many were written to @tensors, [7 * n_layers + 2]. */
static guint
list_matrices (SteerModel *model, const SteerTensor **tensors)
{
  const SteerWeights *weights = steer_model_get_weights (model);
  guint n_layers = steer_model_get_config (model)->n_layers;
  guint n = 0;

  tensors[n++] = weights->embed;
  for (guint i = 0; i < n_layers; i++)
    {
      const SteerLayerWeights *layer = &weights->layers[i];
      const SteerTensor *const matrices[]
        = { layer->q, layer->k, layer->v, layer->o, layer->gate, layer->up, layer->down };

      for (guint j = 0; j < G_N_ELEMENTS (matrices); j++)
        tensors[n++] = matrices[j];
    }
  if (weights->output->data != weights->embed->data)
    tensors[n++] = weights->output;
  return n;
}

gboolean
steer_cpu_context_estimate (SteerModel *model,
                            const char *device_id,
                            const SteerContextOptions *options,
                            SteerMemoryEstimate *estimate,
                            GError **error)
{
  const SteerModelConfig *config = steer_model_get_config (model);
  const SteerTensor **tensors = NULL;
  g_auto (SteerCpuMachine) machine = { 0 };
  SteerContextOptions resolved = *options;
  SteerCpuCache cache;
  SteerCpuWork work;
  guint n;

  memset (estimate, 0, sizeof *estimate);
  if (!resolve (model, device_id, &resolved, error) || !measure (config, &resolved, &cache, &work, error))
    return FALSE;
  tensors = g_new (const SteerTensor *, (gsize) config->n_layers * 7 + 2);
  n = list_matrices (model, tensors);
  for (guint i = 0; i < n; i++)
    estimate->mapped += (guint64) steer_tensor_get_n_elements (tensors[i])
                        / steer_dtype_get_block_elements (tensors[i]->dtype)
                        * steer_dtype_get_block_bytes (tensors[i]->dtype);
  g_free (tensors);
  steer_cpu_machine_init (&machine);
  estimate->weights = count_vectors (model) * sizeof (float);
  estimate->kv_cache = cache.n_bytes;
  estimate->work = work.n_bytes;
  estimate->available = machine.memory_free;
  return TRUE;
}

static gboolean
init_weights (SteerCpuContext *self, SteerModel *model, GError **error)
{
  const SteerWeights *weights = steer_model_get_weights (model);
  gsize n_floats = 0;

  self->layers = g_try_new0 (SteerCpuLayer, self->config->n_layers);
  self->vectors = g_try_new (float, count_vectors (model));
  self->inv_freq = g_try_new (float, self->config->head_dim / 2);
  if (self->layers == NULL || self->vectors == NULL || self->inv_freq == NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
                   "no memory for the norms and biases of %s; close other programs", steer_model_get_path (model));
      return FALSE;
    }
  for (guint i = 0; i < self->config->n_layers; i++)
    {
      if (!init_layer_matrices (&self->layers[i], self->kernels, &weights->layers[i], error))
        return FALSE;
      take_layer_vectors (&self->layers[i], &weights->layers[i], self->vectors, &n_floats);
    }
  self->final_norm = take_vector (weights->final_norm, self->vectors, &n_floats);
  steer_model_config_get_inv_freq (self->config, self->inv_freq);
  return init_matrix (&self->embed, self->kernels, weights->embed, error)
         && init_matrix (&self->output, self->kernels, weights->output, error);
}

static gboolean
allocate (SteerCpuContext *self, GError **error)
{
  const SteerContextOptions *options = &self->parent.options;

  if (!measure (self->config, options, &self->cache, &self->work, error))
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

static gboolean
touch_tensor (SteerModel *model,
              const SteerTensor *tensor,
              guint64 *done,
              guint64 total,
              SteerProgressFunc progress,
              gpointer progress_data,
              GCancellable *cancellable,
              GError **error)
{
  steer_archive_prefetch (steer_model_get_archive (model), tensor);
  for (gsize i = 0; i < tensor->n_bytes; i += TOUCH_BYTES)
    {
      gsize n = MIN (TOUCH_BYTES, tensor->n_bytes - i);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      if (!steer_cpu_memory_touch (tensor->data + i, n))
        {
          g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                       "%s: tensor “%s” can no longer be read; the file was cut off while it was open",
                       steer_model_get_path (model), tensor->name);
          return FALSE;
        }
      *done += n;
      if (progress != NULL)
        progress ((double) *done / (double) total, progress_data);
    }
  return TRUE;
}

/* Brings the weights into memory before the first token needs them. Where they do not fit, touching the last would
 * drop the first, so they are left to come as they are used. */
static gboolean
touch_weights (SteerModel *model,
               SteerProgressFunc progress,
               gpointer progress_data,
               GCancellable *cancellable,
               GError **error)
{
  g_autofree const SteerTensor **tensors = NULL;
  g_auto (SteerCpuMachine) machine = { 0 };
  guint64 total = 0;
  guint64 done = 0;
  guint n;

  tensors = g_new (const SteerTensor *, (gsize) steer_model_get_config (model)->n_layers * 7 + 2);
  n = list_matrices (model, tensors);
  for (guint i = 0; i < n; i++)
    total += tensors[i]->n_bytes;
  steer_cpu_machine_init (&machine);
  if (progress != NULL)
    progress (0.0, progress_data);
  if (total < machine.memory_free)
    for (guint i = 0; i < n; i++)
      if (!touch_tensor (model, tensors[i], &done, total, progress, progress_data, cancellable, error))
        return FALSE;
  if (progress != NULL)
    progress (1.0, progress_data);
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
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
  if (!init_weights (self, model, error) || !allocate (self, error)
      || !touch_weights (model, progress, progress_data, cancellable, error))
    {
      steer_cpu_context_close (&self->parent);
      return NULL;
    }
  /* Fewer threads than there is scratch room for when the system refuses some. */
  self->pool = steer_thread_pool_new (resolved.n_threads);
  self->parent.options.n_threads = steer_thread_pool_get_n_threads (self->pool);
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
  g_clear_pointer (&self->attention_units, g_array_unref);
  g_clear_pointer (&self->attention_items, g_array_unref);
  g_free (self->layers);
  g_free (self->vectors);
  g_free (self->inv_freq);
  g_clear_object (&self->parent.model);
  g_free (self->parent.device_id);
  g_free (self->parent.device_name);
  g_free (self);
}
