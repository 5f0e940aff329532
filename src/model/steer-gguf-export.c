#include "steer-gguf-export.h"

#include <math.h>
#include <string.h>

#include "steer-model-config-private.h"
#include "tensor/steer-quantize.h"

/* Elements that are converted before they are written: 16 MiB of float32. */
#define CHUNK_ELEMENTS (4 * 1024 * 1024)
#define MAX_THREADS 64

/* One tensor of the file. */
typedef struct
{
  const SteerTensor *tensor; /* NULL: rope_freqs.weight, out of @values */
  SteerDtype dtype;
  gboolean adds_one;    /* a norm's weights, which are written as what it multiplies with */
  guint n_turned_heads; /* rows of this many heads are put in pairs that turn together; 0: left as they are */
} Item;

typedef struct
{
  SteerModel *model;
  const SteerModelConfig *config;
  SteerExportType type;
  SteerGgufWriter *writer;
  guint n_threads;
  GArray *items;  /* of Item */
  float *factors; /* [head_dim / 2] of rope_freqs.weight, or NULL */
  SteerExportProgress progress;
  gpointer progress_data;
  guint64 n_done; /* elements */
  guint64 n_all;
} Export;

/* --- keys --- */

static gboolean
is_gguf (SteerModel *model)
{
  return g_str_has_prefix (steer_archive_get_format (steer_model_get_archive (model)), "GGUF");
}

static guint32
get_file_type (SteerExportType type)
{
  static const guint32 numbers[STEER_N_EXPORTS] = {
    [STEER_EXPORT_F32] = 0,  [STEER_EXPORT_F16] = 1,  [STEER_EXPORT_BF16] = 32,
    [STEER_EXPORT_Q8_0] = 7, [STEER_EXPORT_Q4_0] = 2, [STEER_EXPORT_Q4_K_M] = 15,
  };

  return numbers[type];
}

static void
copy_keys (Export *self)
{
  SteerArchive *archive = steer_model_get_archive (self->model);
  g_autofree const char **keys = steer_archive_list_metadata (archive);

  for (guint i = 0; keys[i] != NULL; i++)
    if (strcmp (keys[i], "general.file_type") != 0 && strcmp (keys[i], "general.quantization_version") != 0
        && strcmp (keys[i], "general.alignment") != 0 && !g_str_has_prefix (keys[i], "split."))
      steer_gguf_writer_copy_key (self->writer, archive, keys[i]);
}

static void
add_uint (Export *self, const char *arch, const char *name, guint32 value)
{
  g_autofree char *key = g_strconcat (arch, ".", name, NULL);

  steer_gguf_writer_add_uint (self->writer, key, value);
}

static void
add_float (Export *self, const char *arch, const char *name, double value)
{
  g_autofree char *key = g_strconcat (arch, ".", name, NULL);

  steer_gguf_writer_add_float (self->writer, key, (float) value);
}

static void
add_config (Export *self)
{
  const SteerModelConfig *config = self->config;
  const char *arch = steer_arch_get_info (config->arch)->gguf_name;

  steer_gguf_writer_add_string (self->writer, "general.architecture", arch);
  steer_gguf_writer_add_string (self->writer, "general.type", "model");
  steer_gguf_writer_add_string (self->writer, "general.name", steer_model_get_name (self->model));
  add_uint (self, arch, "block_count", config->n_layers);
  add_uint (self, arch, "context_length", config->n_context);
  add_uint (self, arch, "embedding_length", config->d_model);
  add_uint (self, arch, "feed_forward_length", config->d_ff);
  add_uint (self, arch, "vocab_size", config->n_vocab);
  add_uint (self, arch, "attention.head_count", config->n_heads);
  add_uint (self, arch, "attention.head_count_kv", config->n_kv_heads);
  add_uint (self, arch, "attention.key_length", config->head_dim);
  add_uint (self, arch, "attention.value_length", config->head_dim);
  add_float (self, arch, "attention.layer_norm_rms_epsilon", config->rms_norm_eps);
  add_uint (self, arch, "rope.dimension_count", config->head_dim);
  add_float (self, arch, "rope.freq_base", config->rope_theta);
  /* Layers that turn in another way are told by a window, be it as wide as the context; and of a Gemma 2 that says
   * nothing, readers take that of the published ones. */
  if (config->sliding_window > 0 || config->rope_local_theta > 0.0 || config->arch == STEER_ARCH_GEMMA2)
    add_uint (self, arch, "attention.sliding_window",
              config->sliding_window > 0 ? config->sliding_window : config->n_context);
  if (config->rope_local_theta > 0.0)
    add_float (self, arch, "rope.freq_base_swa", config->rope_local_theta);
  if (config->full_period != steer_arch_get_info (config->arch)->full_period)
    add_uint (self, arch, "attention.sliding_window_pattern", config->full_period);
  if (config->arch == STEER_ARCH_GEMMA2)
    {
      add_float (self, arch, "attn_logit_softcapping", config->attention_softcap);
      add_float (self, arch, "final_logit_softcapping", config->logit_softcap);
    }
  if (config->arch == STEER_ARCH_GEMMA3 && config->logit_softcap > 0.0)
    add_float (self, arch, "final_logit_softcapping", config->logit_softcap);
  if (config->rope_type == STEER_ROPE_LINEAR)
    {
      g_autofree char *key = g_strconcat (arch, ".rope.scaling.type", NULL);

      steer_gguf_writer_add_string (self->writer, key, "linear");
      add_float (self, arch, "rope.scaling.factor", config->rope_factor);
    }
  if (config->bos_id >= 0)
    steer_gguf_writer_add_uint (self->writer, "tokenizer.ggml.bos_token_id", (guint32) config->bos_id);
  steer_model_config_write_sampling_gguf (config, self->writer);
}

static void
add_keys (Export *self)
{
  if (is_gguf (self->model))
    copy_keys (self);
  else
    add_config (self);
  steer_gguf_writer_add_uint (self->writer, "general.file_type", get_file_type (self->type));
  if (self->type >= STEER_EXPORT_Q8_0)
    steer_gguf_writer_add_uint (self->writer, "general.quantization_version", 2);
}

/* --- tensors --- */

/* Files of the llama architecture have the rows of q and k in pairs that turn together; the others as they were. */
static gboolean
is_turned (SteerArch arch)
{
  return g_str_equal (steer_arch_get_info (arch)->gguf_name, "llama");
}

static void
add_tensor (Export *self, const char *name, const SteerTensor *tensor, SteerExportRole role, guint layer, guint heads)
{
  Item item = { .tensor = tensor, .dtype = STEER_DTYPE_F32 };

  if (tensor == NULL)
    return;
  /* A GGUF file's rows lie in its own order already. */
  if (!self->config->rope_interleaved && is_turned (self->config->arch))
    item.n_turned_heads = heads;
  item.adds_one = self->config->norms_add_one && g_str_has_suffix (name, "_norm.weight");
  if (tensor->n_dims == 2)
    item.dtype
      = steer_export_type_choose (self->type, role, layer, self->config->n_layers, tensor->shape[tensor->n_dims - 1]);
  self->n_all += (guint64) steer_tensor_get_n_elements (tensor);
  g_array_append_val (self->items, item);
  steer_gguf_writer_add_tensor (self->writer, name, item.dtype, tensor->n_dims, tensor->shape);
}

static void
add_layer (Export *self, guint index)
{
  const SteerLayerWeights *layer = &steer_model_get_weights (self->model)->layers[index];
  guint n_heads = self->config->n_heads;
  guint n_kv_heads = self->config->n_kv_heads;
  const struct
  {
    const char *name;
    const SteerTensor *tensor;
    SteerExportRole role;
    guint heads;
  } parts[] = {
    { "attn_norm.weight", layer->attn_norm, STEER_EXPORT_ROLE_OTHER, 0 },
    { "attn_q.weight", layer->q, STEER_EXPORT_ROLE_OTHER, n_heads },
    { "attn_q.bias", layer->q_bias, STEER_EXPORT_ROLE_OTHER, n_heads },
    { "attn_k.weight", layer->k, STEER_EXPORT_ROLE_OTHER, n_kv_heads },
    { "attn_k.bias", layer->k_bias, STEER_EXPORT_ROLE_OTHER, n_kv_heads },
    { "attn_q_norm.weight", layer->q_norm, STEER_EXPORT_ROLE_OTHER, 0 },
    { "attn_k_norm.weight", layer->k_norm, STEER_EXPORT_ROLE_OTHER, 0 },
    { "attn_v.weight", layer->v, STEER_EXPORT_ROLE_VALUE, 0 },
    { "attn_v.bias", layer->v_bias, STEER_EXPORT_ROLE_OTHER, 0 },
    { "attn_output.weight", layer->o, STEER_EXPORT_ROLE_OTHER, 0 },
    { "attn_output.bias", layer->o_bias, STEER_EXPORT_ROLE_OTHER, 0 },
    { "ffn_norm.weight", layer->mlp_norm, STEER_EXPORT_ROLE_OTHER, 0 },
    { "post_attention_norm.weight", layer->attn_branch_norm, STEER_EXPORT_ROLE_OTHER, 0 },
    { "post_ffw_norm.weight", layer->mlp_branch_norm, STEER_EXPORT_ROLE_OTHER, 0 },
    { "ffn_gate.weight", layer->gate, STEER_EXPORT_ROLE_OTHER, 0 },
    { "ffn_gate.bias", layer->gate_bias, STEER_EXPORT_ROLE_OTHER, 0 },
    { "ffn_up.weight", layer->up, STEER_EXPORT_ROLE_OTHER, 0 },
    { "ffn_up.bias", layer->up_bias, STEER_EXPORT_ROLE_OTHER, 0 },
    { "ffn_down.weight", layer->down, STEER_EXPORT_ROLE_DOWN, 0 },
    { "ffn_down.bias", layer->down_bias, STEER_EXPORT_ROLE_OTHER, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *name = g_strdup_printf ("blk.%u.%s", index, parts[i].name);

      add_tensor (self, name, parts[i].tensor, parts[i].role, index, parts[i].heads);
    }
}

/* The divisors of the frequencies that a GGUF file carries instead of llama3's four numbers. */
static void
add_factors (Export *self)
{
  SteerModelConfig plain = *self->config;
  guint n = plain.head_dim / 2;
  g_autofree float *scaled = NULL;
  gint64 shape = n;
  Item item = { .dtype = STEER_DTYPE_F32 };

  if (plain.rope_type != STEER_ROPE_LLAMA3 && plain.rope_type != STEER_ROPE_FACTORS)
    return;
  plain.rope_type = STEER_ROPE_DEFAULT;
  scaled = g_new (float, n);
  self->factors = g_new (float, n);
  steer_model_config_get_inv_freq (self->config, scaled);
  steer_model_config_get_inv_freq (&plain, self->factors);
  for (guint i = 0; i < n; i++)
    self->factors[i] /= scaled[i];
  g_array_append_val (self->items, item);
  steer_gguf_writer_add_tensor (self->writer, STEER_MODEL_ROPE_FACTORS, STEER_DTYPE_F32, 1, &shape);
}

static void
add_tensors (Export *self)
{
  const SteerWeights *weights = steer_model_get_weights (self->model);
  gboolean tied = weights->output == weights->embed;

  add_factors (self);
  add_tensor (self, "token_embd.weight", weights->embed, tied ? STEER_EXPORT_ROLE_OUTPUT : STEER_EXPORT_ROLE_OTHER, 0,
              0);
  for (guint i = 0; i < self->config->n_layers; i++)
    add_layer (self, i);
  add_tensor (self, "output_norm.weight", weights->final_norm, STEER_EXPORT_ROLE_OTHER, 0, 0);
  if (!tied)
    add_tensor (self, "output.weight", weights->output, STEER_EXPORT_ROLE_OUTPUT, 0, 0);
}

/* --- conversion --- */

/* Rows first .. first + n - 1 of a tensor; a vector's elements are rows of one. */
typedef struct
{
  const Item *item;
  gint64 n_rows; /* of the whole tensor */
  gint64 n_columns;
  gint64 first;
  gint64 n;
  float *values; /* [n, n_columns] */
  guint8 *out;   /* [n, row_bytes] */
  gsize row_bytes;
} Piece;

/* The source's row that comes to @row: 2i + s of a head is its half * s + i. */
static gint64
find_row (const Piece *piece, gint64 row)
{
  gint64 head_dim, in_head;

  if (piece->item->n_turned_heads == 0)
    return row;
  head_dim = piece->n_rows / piece->item->n_turned_heads;
  in_head = row % head_dim;
  return row - in_head + in_head % 2 * (head_dim / 2) + in_head / 2;
}

static gpointer
convert (gpointer data)
{
  const Piece *piece = data;
  const SteerTensor *tensor = piece->item->tensor;
  gboolean as_stored
    = tensor->dtype == piece->item->dtype && steer_tensor_is_contiguous (tensor) && !piece->item->adds_one;

  for (gint64 i = 0; i < piece->n; i++)
    {
      gint64 row = find_row (piece, piece->first + i);

      if (as_stored)
        memcpy (piece->out + (gsize) i * piece->row_bytes, tensor->data + (gsize) row * piece->row_bytes,
                piece->row_bytes);
      else
        steer_tensor_read_f32 (tensor, row * piece->n_columns, piece->n_columns, piece->values + i * piece->n_columns);
    }
  for (gint64 i = 0; piece->item->adds_one && i < piece->n * piece->n_columns; i++)
    piece->values[i] += 1.0f;
  if (!as_stored)
    steer_quantize (piece->item->dtype, piece->values,
                    (gsize) (piece->n * piece->n_columns) / steer_dtype_get_block_elements (piece->item->dtype),
                    piece->out);
  return NULL;
}

/* Deals the rows out to threads; which thread takes which row does not change a byte. */
static void
convert_together (const Piece *whole, guint n_threads)
{
  Piece pieces[MAX_THREADS];
  GThread *threads[MAX_THREADS] = { NULL };
  guint n = (guint) MIN ((gint64) n_threads, whole->n);

  for (guint t = 0; t < n; t++)
    {
      gint64 start = whole->n * t / n;

      pieces[t] = *whole;
      pieces[t].first += start;
      pieces[t].n = whole->n * (t + 1) / n - start;
      pieces[t].values += start * whole->n_columns;
      pieces[t].out += (gsize) start * whole->row_bytes;
      if (t > 0)
        threads[t] = g_thread_try_new ("quantize", convert, &pieces[t], NULL);
    }
  convert (&pieces[0]);
  for (guint t = 1; t < n; t++)
    if (threads[t] != NULL)
      g_thread_join (threads[t]);
    else
      convert (&pieces[t]);
}

static gboolean
fail_no_memory (const Item *item, GError **error)
{
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
               "no memory to convert the tensor \"%s\"; close other programs", item->tensor->name);
  return FALSE;
}

static gboolean
write_item (Export *self, const Item *item, GCancellable *cancellable, GError **error)
{
  const SteerTensor *tensor = item->tensor;
  Piece piece = { .item = item };
  g_autofree float *values = NULL;
  g_autofree guint8 *out = NULL;
  gint64 n_together;

  if (tensor == NULL)
    return steer_gguf_writer_write (self->writer, (const guint8 *) self->factors,
                                    self->config->head_dim / 2 * sizeof (float), error);
  piece.n_rows = tensor->shape[0];
  piece.n_columns = tensor->n_dims == 2 ? tensor->shape[1] : 1;
  piece.row_bytes = (gsize) piece.n_columns / steer_dtype_get_block_elements (item->dtype)
                    * steer_dtype_get_block_bytes (item->dtype);
  n_together = CLAMP (CHUNK_ELEMENTS / piece.n_columns, 1, piece.n_rows);
  piece.values = values = g_try_new (float, n_together *piece.n_columns);
  piece.out = out = g_try_malloc ((gsize) n_together * piece.row_bytes);
  if (values == NULL || out == NULL)
    return fail_no_memory (item, error);

  for (; piece.first < piece.n_rows; piece.first += piece.n)
    {
      piece.n = MIN (n_together, piece.n_rows - piece.first);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      convert_together (&piece, self->n_threads);
      if (!steer_gguf_writer_write (self->writer, out, (gsize) piece.n * piece.row_bytes, error))
        return FALSE;
      self->n_done += (guint64) (piece.n * piece.n_columns);
      if (self->progress != NULL)
        self->progress ((double) self->n_done / (double) self->n_all, self->progress_data);
    }
  steer_archive_release (steer_model_get_archive (self->model), tensor);
  return TRUE;
}

/* What no key of a file tells, its readers take from the published models. */
static gboolean
check_can_be_told (const Export *self, GError **error)
{
  const SteerModelConfig *config = self->config;
  const SteerWeights *weights = steer_model_get_weights (self->model);
  double scalar = steer_model_config_get_gguf_query_scalar (config);

  if (steer_model_get_backend (self->model) != NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: the weights are on another computer: make the file there", steer_model_get_path (self->model));
      return FALSE;
    }
  if (config->query_scalar > 0.0 && config->query_scalar != scalar)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: \"query_pre_attn_scalar\" is %g, but a GGUF file of this architecture and size means %g; keep "
                   "the model as it is",
                   steer_model_get_path (self->model), config->query_scalar, scalar);
      return FALSE;
    }
  if (config->arch == STEER_ARCH_GEMMA2 && (config->attention_softcap == 0.0 || config->logit_softcap == 0.0))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: \"attn_logit_softcapping\" or \"final_logit_softcapping\" is null, but a GGUF file of this "
                   "architecture has both limits; keep the model as it is",
                   steer_model_get_path (self->model));
      return FALSE;
    }
  if ((config->arch == STEER_ARCH_GEMMA || config->arch == STEER_ARCH_GEMMA2) && weights->output != weights->embed)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: the tensor \"%s\" is not the embedding's, but a GGUF file of this architecture has no other; "
                   "keep the model as it is",
                   steer_model_get_path (self->model), weights->output->name);
      return FALSE;
    }
  return TRUE;
}

gboolean
steer_model_export_gguf (SteerModel *model,
                         SteerExportType type,
                         SteerGgufWriter *writer,
                         guint n_threads,
                         SteerExportProgress progress,
                         gpointer progress_data,
                         GCancellable *cancellable,
                         GError **error)
{
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (Item));
  g_autofree float *factors = NULL;
  Export self = {
    .model = model, .type = type, .writer = writer, .items = items, .progress = progress, .progress_data = progress_data
  };

  g_return_val_if_fail (STEER_IS_MODEL (model) && writer != NULL, FALSE);

  self.config = steer_model_get_config (model);
  self.n_threads = CLAMP (n_threads > 0 ? n_threads : g_get_num_processors (), 1, MAX_THREADS);
  if (!check_can_be_told (&self, error))
    return FALSE;
  add_keys (&self);
  add_tensors (&self);
  factors = self.factors;
  if (!steer_gguf_writer_begin (writer, error))
    return FALSE;
  for (guint i = 0; i < items->len; i++)
    if (!write_item (&self, &g_array_index (items, Item, i), cancellable, error))
      return FALSE;
  return !g_cancellable_set_error_if_cancelled (cancellable, error) && steer_gguf_writer_end (writer, error);
}
