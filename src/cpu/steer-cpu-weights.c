#include "steer-cpu-weights.h"

#include "steer-cpu-machine.h"
#include "steer-cpu-memory.h"

/* Pages are made present in pieces of this size, and asked for from the disk a window ahead; a cancel waits for one of
 * either at most. */
#define TOUCH_BYTES (4 * 1024 * 1024)
#define WINDOW_BYTES (4 * TOUCH_BYTES)

gsize
steer_cpu_matrix_get_offset (const SteerCpuMatrix *self, gsize row, gsize column)
{
  return row * self->row_bytes
         + column / steer_dtype_get_block_elements (self->dtype) * steer_dtype_get_block_bytes (self->dtype);
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

gsize
steer_cpu_weights_get_vector_bytes (SteerModel *model)
{
  return count_vectors (model) * sizeof (float);
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

guint64
steer_cpu_weights_get_mapped_bytes (SteerModel *model)
{
  g_autofree const SteerTensor **tensors = NULL;
  guint64 n_bytes = 0;
  guint n;

  tensors = g_new (const SteerTensor *, (gsize) steer_model_get_config (model)->n_layers * 7 + 2);
  n = list_matrices (model, tensors);
  for (guint i = 0; i < n; i++)
    n_bytes += tensors[i]->n_bytes;
  return n_bytes;
}

gboolean
steer_cpu_weights_init (SteerCpuContext *self, SteerModel *model, GError **error)
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

static void
prefetch_window (SteerModel *model, const SteerTensor *tensor, gsize first)
{
  SteerTensor window = *tensor;

  if (first >= tensor->n_bytes)
    return;
  window.data += first;
  window.n_bytes = MIN (WINDOW_BYTES, tensor->n_bytes - first);
  steer_archive_prefetch (steer_model_get_archive (model), &window);
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
  prefetch_window (model, tensor, 0);
  for (gsize i = 0; i < tensor->n_bytes; i += TOUCH_BYTES)
    {
      gsize n = MIN (TOUCH_BYTES, tensor->n_bytes - i);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      if (i % WINDOW_BYTES == 0)
        prefetch_window (model, tensor, i + WINDOW_BYTES);
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

gboolean
steer_cpu_weights_touch (SteerModel *model,
                         SteerProgressFunc progress,
                         gpointer progress_data,
                         GCancellable *cancellable,
                         GError **error)
{
  g_autofree const SteerTensor **tensors = NULL;
  g_auto (SteerCpuMachine) machine = { 0 };
  guint64 total = steer_cpu_weights_get_mapped_bytes (model);
  guint64 done = 0;
  guint n;

  tensors = g_new (const SteerTensor *, (gsize) steer_model_get_config (model)->n_layers * 7 + 2);
  n = list_matrices (model, tensors);
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
