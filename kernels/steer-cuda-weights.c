#include "steer-cuda-weights.h"

typedef struct
{
  SteerCudaWeights *weights;
  SteerArchive *archive;
  SteerDtype weight_type;
  gboolean norms_add_one;
  SteerCudaArena *arena;
  GArray *transfers; /* SteerCudaTransfer */
} Layout;

/* How a matrix is to lie in the device's memory. @quantise: whether plain numbers become 8 bits. FALSE when there is no
 * way. */
static gboolean
choose_form (const SteerTensor *tensor, gboolean quantise, SteerCudaTransfer *transfer)
{
  if (steer_dtype_is_quantized (tensor->dtype))
    {
      transfer->form = STEER_CUDA_SPLIT;
      return steer_cuda_planes_find (tensor->dtype, &transfer->blocks, &transfer->type);
    }
  quantise = quantise && tensor->shape[1] % steer_cuda_planes_get (STEER_CUDA_Q8)->n_columns == 0;
  transfer->form = quantise ? STEER_CUDA_QUANTISE : STEER_CUDA_COPY;
  switch (tensor->dtype)
    {
    case STEER_DTYPE_F32:
      transfer->type = STEER_CUDA_F32;
      break;
    case STEER_DTYPE_F16:
      transfer->type = STEER_CUDA_F16;
      break;
    case STEER_DTYPE_BF16:
      transfer->type = STEER_CUDA_BF16;
      break;
    default:
      return FALSE;
    }
  if (quantise)
    transfer->type = STEER_CUDA_Q8;
  return steer_tensor_is_contiguous (tensor);
}

static const float *
take_numbers (const Layout *layout, const SteerTensor *tensor, gboolean add_one)
{
  SteerCudaTransfer transfer
    = { .tensor = tensor, .form = STEER_CUDA_VECTOR, .type = STEER_CUDA_F32, .add_one = add_one, .n_rows = 1 };

  if (tensor == NULL)
    return NULL;
  transfer.n_columns = (gsize) steer_tensor_get_n_elements (tensor);
  transfer.planes[STEER_CUDA_DATA] = steer_cuda_arena_take (layout->arena, transfer.n_columns, sizeof (float));
  g_array_append_val (layout->transfers, transfer);
  return (const float *) (gconstpointer) transfer.planes[STEER_CUDA_DATA];
}

static const float *
take_vector (const Layout *layout, const SteerTensor *tensor)
{
  return take_numbers (layout, tensor, FALSE);
}

/* What a norm multiplies with. */
static const float *
take_norm (const Layout *layout, const SteerTensor *tensor)
{
  return take_numbers (layout, tensor, layout->norms_add_one);
}

static gboolean
take_matrix (const Layout *layout,
             SteerCudaMatrix *matrix,
             const SteerTensor *tensor,
             const SteerTensor *bias,
             GError **error)
{
  gboolean quantise = layout->weight_type == STEER_DTYPE_Q8_0;
  SteerCudaTransfer transfer = { .tensor = tensor };
  const SteerCudaPlanes *planes;

  if (tensor->shape[0] > G_MAXINT || tensor->shape[1] > G_MAXINT || !choose_form (tensor, quantise, &transfer))
    {
      g_autofree char *shape = steer_tensor_dup_shape_string (tensor);

      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: the GPU does not compute with tensor \"%s\", stored as %s %s%s",
                   steer_archive_get_tensor_file (layout->archive, tensor), tensor->name,
                   steer_dtype_get_name (tensor->dtype), shape,
                   steer_tensor_is_contiguous (tensor) ? "" : ", not contiguous");
      return FALSE;
    }
  transfer.n_rows = (gsize) tensor->shape[0];
  transfer.n_columns = (gsize) tensor->shape[1];
  planes = steer_cuda_planes_get (transfer.type);
  for (guint i = 0; i < STEER_CUDA_N_PLANES; i++)
    if (planes->n_bytes[i] > 0)
      transfer.planes[i] = steer_cuda_arena_take_rows (layout->arena, transfer.n_rows,
                                                       transfer.n_columns / planes->n_columns, planes->n_bytes[i]);
  g_array_append_val (layout->transfers, transfer);
  *matrix = (SteerCudaMatrix){
    .type = transfer.type,
    .data = transfer.planes[STEER_CUDA_DATA],
    .scales = transfer.planes[STEER_CUDA_SCALES],
    .high = transfer.planes[STEER_CUDA_HIGH],
    .supers = transfer.planes[STEER_CUDA_SUPERS],
    .bias = take_vector (layout, bias),
    .n_rows = (int) transfer.n_rows,
    .n_columns = (int) transfer.n_columns,
  };
  layout->weights->any_f32 |= transfer.type == STEER_CUDA_F32;
  layout->weights->any_quantised |= transfer.type >= STEER_CUDA_Q8;
  return TRUE;
}

static gboolean
take_layer (const Layout *layout, SteerCudaLayer *layer, const SteerLayerWeights *from, GError **error)
{
  layer->attn_norm = take_norm (layout, from->attn_norm);
  layer->mlp_norm = take_norm (layout, from->mlp_norm);
  layer->attn_branch_norm = take_norm (layout, from->attn_branch_norm);
  layer->mlp_branch_norm = take_norm (layout, from->mlp_branch_norm);
  layer->q_norm = take_norm (layout, from->q_norm);
  layer->k_norm = take_norm (layout, from->k_norm);
  return take_matrix (layout, &layer->q, from->q, from->q_bias, error)
         && take_matrix (layout, &layer->k, from->k, from->k_bias, error)
         && take_matrix (layout, &layer->v, from->v, from->v_bias, error)
         && take_matrix (layout, &layer->o, from->o, from->o_bias, error)
         && take_matrix (layout, &layer->gate, from->gate, from->gate_bias, error)
         && take_matrix (layout, &layer->up, from->up, from->up_bias, error)
         && take_matrix (layout, &layer->down, from->down, from->down_bias, error);
}

gboolean
steer_cuda_weights_lay_out (SteerCudaWeights *self,
                            SteerModel *model,
                            SteerDtype weight_type,
                            SteerCudaArena *arena,
                            GArray *transfers,
                            GError **error)
{
  const SteerWeights *from = steer_model_get_weights (model);
  const SteerModelConfig *config = steer_model_get_config (model);
  const Layout layout = { self, steer_model_get_archive (model), weight_type, config->norms_add_one, arena, transfers };

  *self = (SteerCudaWeights){ .layers = g_try_new0 (SteerCudaLayer, config->n_layers) };
  if (self->layers == NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY, "no memory for the table of %u layers",
                   config->n_layers);
      return FALSE;
    }
  self->n_turns = config->rope_local_theta > 0.0 ? 2 : 1;
  self->inv_freq = steer_cuda_arena_take_rows (arena, (gsize) self->n_turns, config->head_dim / 2, sizeof (float));
  self->final_norm = take_norm (&layout, from->final_norm);
  if (!take_matrix (&layout, &self->embed, from->embed, NULL, error))
    return FALSE;
  self->output = self->embed;
  if (from->output->data != from->embed->data && !take_matrix (&layout, &self->output, from->output, NULL, error))
    return FALSE;
  for (guint i = 0; i < config->n_layers; i++)
    if (!take_layer (&layout, &self->layers[i], &from->layers[i], error))
      return FALSE;
  return TRUE;
}

void
steer_cuda_weights_clear (SteerCudaWeights *self)
{
  g_clear_pointer (&self->layers, g_free);
}
