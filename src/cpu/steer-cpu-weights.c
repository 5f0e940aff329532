#include "steer-cpu-weights.h"

#include "steer-cpu-memory.h"

gsize
steer_cpu_matrix_get_offset (const SteerCpuMatrix *self, gsize row, gsize column)
{
  return row * self->row_bytes + column * steer_dtype_get_block_bytes (self->dtype);
}

gsize
steer_cpu_weight_get_packed_bytes (const SteerCpuWeight *self, guint panel_rows)
{
  gsize n_rows = (gsize) self->tensor->shape[0];
  gsize n_columns = (gsize) self->tensor->shape[1];

  return (n_rows + panel_rows - 1) / panel_rows * steer_cpu_packed_get_panel_bytes (self->dtype, panel_rows, n_columns);
}

guint
steer_cpu_weights_count (SteerModel *model)
{
  return steer_model_get_config (model)->n_layers * 7 + 2;
}

static SteerCpuWeight
make_weight (const SteerTensor *tensor, SteerCpuRole role, SteerCpuMatrix *matrix, SteerDtype weight_type)
{
  SteerCpuWeight weight = { tensor, role, matrix, FALSE, tensor->dtype };

  if (role == STEER_CPU_ROLE_EMBEDDING)
    return weight;
  weight.packed = steer_dtype_is_quantized (tensor->dtype);
  /* A row that is not whole blocks of 32 stays as it is. */
  if (!weight.packed && weight_type == STEER_DTYPE_Q8_0 && tensor->shape[1] % STEER_CPU_QUANT_BLOCK == 0)
    {
      weight.packed = TRUE;
      weight.dtype = STEER_DTYPE_Q8_0;
    }
  return weight;
}

guint
steer_cpu_weights_list (SteerModel *model, SteerCpuContext *context, SteerDtype weight_type, SteerCpuWeight *list)
{
  const SteerWeights *weights = steer_model_get_weights (model);
  guint n_layers = steer_model_get_config (model)->n_layers;
  guint n = 0;

  list[n++] = make_weight (weights->embed, STEER_CPU_ROLE_EMBEDDING, NULL, weight_type);
  for (guint i = 0; i < n_layers; i++)
    {
      const SteerLayerWeights *layer = &weights->layers[i];
      SteerCpuLayer *to = context != NULL ? &context->layers[i] : NULL;
      const struct
      {
        const SteerTensor *tensor;
        SteerCpuMatrix *matrix;
      } matrices[] = {
        { layer->q, to != NULL ? &to->q : NULL },       { layer->k, to != NULL ? &to->k : NULL },
        { layer->v, to != NULL ? &to->v : NULL },       { layer->o, to != NULL ? &to->o : NULL },
        { layer->gate, to != NULL ? &to->gate : NULL }, { layer->up, to != NULL ? &to->up : NULL },
        { layer->down, to != NULL ? &to->down : NULL },
      };

      for (guint j = 0; j < G_N_ELEMENTS (matrices); j++)
        list[n++] = make_weight (matrices[j].tensor, STEER_CPU_ROLE_LAYER, matrices[j].matrix, weight_type);
    }
  list[n++]
    = make_weight (weights->output, STEER_CPU_ROLE_OUTPUT, context != NULL ? &context->output : NULL, weight_type);
  return n;
}

/* An output matrix that is the embedding's is there once, unless it is packed. */
static gboolean
is_counted_already (SteerModel *model, const SteerCpuWeight *weight)
{
  return weight->role == STEER_CPU_ROLE_OUTPUT && !weight->packed
         && weight->tensor->data == steer_model_get_weights (model)->embed->data;
}

void
steer_cpu_weights_measure (SteerModel *model,
                           SteerDtype weight_type,
                           guint panel_rows,
                           guint64 *n_packed,
                           guint64 *n_mapped)
{
  g_autofree SteerCpuWeight *list = g_new (SteerCpuWeight, steer_cpu_weights_count (model));
  guint n = steer_cpu_weights_list (model, NULL, weight_type, list);

  *n_packed = *n_mapped = 0;
  for (guint i = 0; i < n; i++)
    if (list[i].packed)
      *n_packed += steer_cpu_weight_get_packed_bytes (&list[i], panel_rows);
    else if (!is_counted_already (model, &list[i]))
      *n_mapped += list[i].tensor->n_bytes;
}

static gboolean
check_tensor (const SteerCpuKernels *kernels, const SteerTensor *tensor, GError **error)
{
  if ((kernels->weights[tensor->dtype].gemv != NULL || kernels->quant[tensor->dtype].gemv != NULL)
      && steer_tensor_is_contiguous (tensor))
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
               "tensor “%s” is stored as %s%s; the CPU computes with weights stored as F32, F16, BF16 or a quantised "
               "type of GGUF",
               tensor->name, steer_dtype_get_name (tensor->dtype),
               steer_tensor_is_contiguous (tensor) ? "" : ", not contiguous");
  return FALSE;
}

/* @packed: where a packed matrix lies. Returns the bytes it takes there. */
static gsize
init_matrix (const SteerCpuWeight *weight, const SteerCpuKernels *kernels, guint8 *packed)
{
  const SteerTensor *tensor = weight->tensor;
  SteerCpuMatrix *self = weight->matrix;

  self->dtype = weight->dtype;
  self->n_rows = (gsize) tensor->shape[0];
  self->n_columns = (gsize) tensor->shape[1];
  if (!weight->packed)
    {
      self->kernels = &kernels->weights[tensor->dtype];
      self->data = tensor->data;
      self->row_bytes = self->n_columns * steer_dtype_get_block_bytes (tensor->dtype);
      return 0;
    }
  self->quant = &kernels->quant[weight->dtype];
  self->data = packed;
  self->panel_bytes = steer_cpu_packed_get_panel_bytes (weight->dtype, kernels->panel_rows, self->n_columns);
  self->row_bytes = self->panel_bytes / kernels->panel_rows;
  return steer_cpu_weight_get_packed_bytes (weight, kernels->panel_rows);
}

static void
init_embedding (SteerCpuEmbedding *self, const SteerCpuKernels *kernels, const SteerTensor *tensor)
{
  self->dtype = tensor->dtype;
  self->kernels = steer_dtype_is_quantized (tensor->dtype) ? NULL : &kernels->weights[tensor->dtype];
  self->data = tensor->data;
  self->row_bytes = (gsize) tensor->shape[1] / steer_dtype_get_block_elements (tensor->dtype)
                    * steer_dtype_get_block_bytes (tensor->dtype);
}

static gboolean
init_matrices (SteerCpuContext *self, SteerModel *model, GError **error)
{
  g_autofree SteerCpuWeight *list = g_new (SteerCpuWeight, steer_cpu_weights_count (model));
  guint n = steer_cpu_weights_list (model, self, self->parent.options.weight_type, list);
  guint64 n_packed, n_mapped;
  gsize offset = 0;

  for (guint i = 0; i < n; i++)
    if (!check_tensor (self->kernels, list[i].tensor, error))
      return FALSE;
  steer_cpu_weights_measure (model, self->parent.options.weight_type, self->kernels->panel_rows, &n_packed, &n_mapped);
  if (n_packed > 0)
    {
      self->n_packed = (gsize) n_packed;
      self->packed = n_packed <= G_MAXSSIZE ? steer_cpu_memory_reserve_large (self->n_packed) : NULL;
      if (self->packed == NULL)
        {
          g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
                       "no memory for the %" G_GUINT64_FORMAT " MiB of weights of %s; close other programs",
                       n_packed >> 20, steer_model_get_path (model));
          return FALSE;
        }
    }
  init_embedding (&self->embed, self->kernels, list[0].tensor);
  for (guint i = 1; i < n; i++)
    offset += init_matrix (&list[i], self->kernels, self->packed != NULL ? self->packed + offset : NULL);
  return TRUE;
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

/* What a norm multiplies with. */
static const float *
take_norm (const SteerTensor *tensor, gboolean adds_one, float *room, gsize *n_floats)
{
  float *first = room != NULL ? room + *n_floats : NULL;
  const float *norm = take_vector (tensor, room, n_floats);

  if (norm != NULL && adds_one)
    for (gint64 i = 0; i < tensor->shape[0]; i++)
      first[i] += 1.0f;
  return norm;
}

static void
take_layer_vectors (SteerCpuLayer *self,
                    const SteerLayerWeights *weights,
                    gboolean adds_one,
                    float *room,
                    gsize *n_floats)
{
  self->attn_norm = take_norm (weights->attn_norm, adds_one, room, n_floats);
  self->mlp_norm = take_norm (weights->mlp_norm, adds_one, room, n_floats);
  self->attn_branch_norm = take_norm (weights->attn_branch_norm, adds_one, room, n_floats);
  self->mlp_branch_norm = take_norm (weights->mlp_branch_norm, adds_one, room, n_floats);
  self->q_norm = take_norm (weights->q_norm, adds_one, room, n_floats);
  self->k_norm = take_norm (weights->k_norm, adds_one, room, n_floats);
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
    take_layer_vectors (&ignored, &weights->layers[i], FALSE, NULL, &n_floats);
  take_vector (weights->final_norm, NULL, &n_floats);
  return n_floats;
}

gsize
steer_cpu_weights_get_vector_bytes (SteerModel *model)
{
  return count_vectors (model) * sizeof (float);
}

gboolean
steer_cpu_weights_init (SteerCpuContext *self, SteerModel *model, GError **error)
{
  const SteerWeights *weights = steer_model_get_weights (model);
  gsize n_floats = 0;

  self->layers = g_try_new0 (SteerCpuLayer, self->config->n_layers);
  self->vectors = g_try_new (float, count_vectors (model));
  self->n_turns = self->config->rope_local_theta > 0.0 ? 2 : 1;
  self->inv_freq = g_try_new (float, (gsize) self->n_turns *(self->config->head_dim / 2));
  if (self->layers == NULL || self->vectors == NULL || self->inv_freq == NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
                   "no memory for the norms and biases of %s; close other programs", steer_model_get_path (model));
      return FALSE;
    }
  for (guint i = 0; i < self->config->n_layers; i++)
    take_layer_vectors (&self->layers[i], &weights->layers[i], self->config->norms_add_one, self->vectors, &n_floats);
  self->final_norm = take_norm (weights->final_norm, self->config->norms_add_one, self->vectors, &n_floats);
  steer_model_config_get_inv_freq (self->config, self->inv_freq);
  if (self->n_turns > 1)
    steer_model_config_get_local_inv_freq (self->config, self->inv_freq + self->config->head_dim / 2);
  return init_matrices (self, model, error);
}
