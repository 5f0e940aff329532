/* The hyper-parameters of a GGUF file, from its metadata: keys of the architecture ("llama.block_count") and of the
 * tokenizer. Reference: llama.cpp, src/llama-model.cpp (load_hparams) and src/llama-vocab.cpp. */

#include "steer-model-config-private.h"

#include <math.h>
#include <string.h>

static gboolean
read_arch (SteerModelConfig *self, SteerGgufConfig *reader, GError **error)
{
  static const struct
  {
    const char *name;
    SteerArch arch;
    gboolean interleaved;
  } archs[] = {
    { "llama", STEER_ARCH_LLAMA, TRUE },    { "mistral", STEER_ARCH_MISTRAL, TRUE },
    { "qwen2", STEER_ARCH_QWEN2, FALSE },   { "qwen3", STEER_ARCH_QWEN3, FALSE },
    { "gemma", STEER_ARCH_GEMMA, FALSE },   { "gemma2", STEER_ARCH_GEMMA2, FALSE },
    { "gemma3", STEER_ARCH_GEMMA3, FALSE },
  };
  guint n_experts = 0;

  reader->arch = steer_archive_get_string (reader->archive, "general.architecture");
  if (reader->arch == NULL)
    return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_INVALID, error,
                                   "the key \"general.architecture\" is missing: this is no model");
  for (guint i = 0; i < G_N_ELEMENTS (archs); i++)
    {
      if (strcmp (reader->arch, archs[i].name) != 0)
        continue;
      steer_model_config_init_arch (self, archs[i].arch);
      self->norms_add_one = FALSE;
      self->rope_interleaved = archs[i].interleaved;
      if (!steer_gguf_config_get_uint (reader, "expert_count", 0, G_MAXUINT, &n_experts, error))
        return FALSE;
      if (n_experts > 0)
        return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_UNSUPPORTED, error,
                                       "a mixture of %u experts is not supported, only models without", n_experts);
      return TRUE;
    }
  return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_UNSUPPORTED, error,
                                 "the architecture \"%s\" is not supported; supported are " STEER_GGUF_ARCHITECTURES,
                                 reader->arch);
}

/* [*n_rows, *n_cols] of a matrix, with or without data. */
static gboolean
find_matrix (const SteerGgufConfig *self, const char *name, guint64 *n_rows, guint64 *n_cols)
{
  const SteerTensor *tensor = steer_archive_find (self->archive, name);
  const SteerOpaqueTensor *opaque = steer_archive_find_opaque (self->archive, name);
  const gint64 *shape = tensor != NULL ? tensor->shape : opaque != NULL ? opaque->shape : NULL;

  if (shape == NULL || (tensor != NULL ? tensor->n_dims : opaque->n_dims) != 2)
    return FALSE;
  *n_rows = (guint64) shape[0];
  *n_cols = (guint64) shape[1];
  return TRUE;
}

static gboolean
has_tensor (const SteerGgufConfig *self, const char *name)
{
  return steer_archive_find (self->archive, name) != NULL || steer_archive_find_opaque (self->archive, name) != NULL;
}

/* The vocabulary is as large as its matrix; the list of tokens may be shorter, where the matrix was padded. */
static gboolean
read_vocabulary (SteerModelConfig *self, const SteerGgufConfig *reader, GError **error)
{
  guint64 n_rows, n_cols;

  if (!find_matrix (reader, "token_embd.weight", &n_rows, &n_cols))
    return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_MISSING, error,
                                   "the tensor \"token_embd.weight\" is missing");
  if (n_rows < 1 || n_rows > STEER_MODEL_MAX_VOCAB)
    return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_INVALID, error,
                                   "a vocabulary of %" G_GUINT64_FORMAT " tokens, but it must be from 1 to %u", n_rows,
                                   STEER_MODEL_MAX_VOCAB);
  self->n_vocab = (guint) n_rows;
  self->tie_embeddings = !has_tensor (reader, "output.weight");
  return TRUE;
}

static gboolean
read_heads (SteerModelConfig *self, const SteerGgufConfig *reader, GError **error)
{
  guint value_length, n_rotated;

  self->n_kv_heads = self->n_heads;
  if (!steer_gguf_config_get_uint (reader, "attention.head_count_kv", 1, STEER_MODEL_MAX_WIDTH, &self->n_kv_heads,
                                   error)
      || !steer_gguf_config_get_uint (reader, "attention.key_length", 1, STEER_MODEL_MAX_WIDTH, &self->head_dim, error))
    return FALSE;
  if (self->n_heads % self->n_kv_heads != 0)
    return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_INVALID, error,
                                   "%u attention heads, which is not a multiple of the %u heads of keys and values",
                                   self->n_heads, self->n_kv_heads);
  if (self->head_dim == 0 && self->d_model % self->n_heads != 0)
    return steer_gguf_config_fail (
      reader, STEER_MODEL_ERROR_INVALID, error,
      "%u dimensions are not a multiple of %u heads; then \"%s.attention.key_length\" must be given", self->d_model,
      self->n_heads, reader->arch);
  if (self->head_dim == 0)
    self->head_dim = self->d_model / self->n_heads;
  if (self->head_dim % 2 != 0 || self->head_dim > STEER_MODEL_MAX_WIDTH / self->n_heads)
    return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_INVALID, error,
                                   "%u heads of %u dimensions; their number must be even, and at most %u in all",
                                   self->n_heads, self->head_dim, STEER_MODEL_MAX_WIDTH);
  value_length = n_rotated = self->head_dim;
  if (!steer_gguf_config_get_uint (reader, "attention.value_length", 1, STEER_MODEL_MAX_WIDTH, &value_length, error)
      || !steer_gguf_config_get_uint (reader, "rope.dimension_count", 0, STEER_MODEL_MAX_WIDTH, &n_rotated, error))
    return FALSE;
  if (value_length != self->head_dim || n_rotated != self->head_dim)
    return steer_gguf_config_fail (
      reader, STEER_MODEL_ERROR_UNSUPPORTED, error,
      "heads with keys of %u, values of %u and rotation of %u dimensions are not supported, only all equal",
      self->head_dim, value_length, n_rotated);
  return TRUE;
}

static gboolean
read_sizes (SteerModelConfig *self, const SteerGgufConfig *reader, GError **error)
{
  g_autofree char *epsilon = steer_gguf_config_dup_key (reader, "attention.layer_norm_rms_epsilon");

  if (self->arch == STEER_ARCH_GEMMA2)
    self->sliding_window = steer_arch_get_info (self->arch)->window;
  if (!steer_gguf_config_require_uint (reader, "block_count", STEER_MODEL_MAX_LAYERS, &self->n_layers, error)
      || !steer_gguf_config_require_uint (reader, "embedding_length", STEER_MODEL_MAX_WIDTH, &self->d_model, error)
      || !steer_gguf_config_require_uint (reader, "feed_forward_length", STEER_MODEL_MAX_FF, &self->d_ff, error)
      || !steer_gguf_config_require_uint (reader, "attention.head_count", STEER_MODEL_MAX_WIDTH, &self->n_heads, error)
      || !steer_gguf_config_require_uint (reader, "context_length", G_MAXINT32, &self->n_context, error)
      || !steer_gguf_config_get_uint (reader, "attention.sliding_window", 0, G_MAXINT32, &self->sliding_window, error)
      || !read_vocabulary (self, reader, error) || !read_heads (self, reader, error))
    return FALSE;
  self->n_context = MIN (self->n_context, STEER_MODEL_MAX_CONTEXT);
  if (self->sliding_window >= self->n_context)
    self->sliding_window = 0;
  if (steer_archive_get_metadata (reader->archive, epsilon) == NULL)
    return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_INVALID, error, "the key \"%s\" is missing", epsilon);
  return steer_gguf_config_get_double (reader, "attention.layer_norm_rms_epsilon", 0.0, &self->rms_norm_eps, error);
}

/* The metadata says nothing about biases: they are there or they are not. */
static void
read_biases (SteerModelConfig *self, const SteerGgufConfig *reader)
{
  self->qkv_bias = self->arch == STEER_ARCH_QWEN2 || has_tensor (reader, "blk.0.attn_q.bias");
  self->output_bias = has_tensor (reader, "blk.0.attn_output.bias");
  self->mlp_bias = has_tensor (reader, "blk.0.ffn_gate.bias") || has_tensor (reader, "blk.0.ffn_down.bias");
}

/* --- the rotary embedding --- */

/* The tensor into which the converter of Llama 3.1 and later computes its scaling. */
static gboolean
read_factors (SteerModelConfig *self, const SteerGgufConfig *reader, GError **error)
{
  const SteerTensor *tensor = steer_archive_find (reader->archive, STEER_MODEL_ROPE_FACTORS);
  guint n = self->head_dim / 2;

  if (tensor == NULL)
    return TRUE;
  if (tensor->n_dims != 1 || tensor->shape[0] != n || n > STEER_MAX_ROPE_FACTORS
      || steer_dtype_is_quantized (tensor->dtype))
    {
      g_autofree char *shape = steer_tensor_dup_shape_string (tensor);

      return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_INVALID, error,
                                     "the tensor \"" STEER_MODEL_ROPE_FACTORS
                                     "\" has the shape %s, but must have one of the %u frequencies a place",
                                     shape, n);
    }
  steer_tensor_read_f32 (tensor, 0, n, self->rope_factors);
  for (guint i = 0; i < n; i++)
    {
      if (!isfinite (self->rope_factors[i]) || self->rope_factors[i] <= 0.0f)
        return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_INVALID, error,
                                       "element %u of \"" STEER_MODEL_ROPE_FACTORS "\" is %g", i,
                                       (double) self->rope_factors[i]);
      /* both may be there, and both count */
      self->rope_factors[i] *= (float) self->rope_factor;
    }
  self->rope_type = STEER_ROPE_FACTORS;
  return TRUE;
}

static gboolean
read_rope (SteerModelConfig *self, const SteerGgufConfig *reader, GError **error)
{
  g_autofree char *type_key = steer_gguf_config_dup_key (reader, "rope.scaling.type");
  const char *type = steer_archive_get_string (reader->archive, type_key);
  double factor = 1.0;

  self->rope_type = STEER_ROPE_DEFAULT;
  self->rope_theta = 10000.0;
  self->rope_factor = 1.0;
  self->rope_original_context = self->n_context;
  /* scale_linear is the older key; 0 stands for no scaling */
  if (!steer_gguf_config_get_double (reader, "rope.freq_base", 0.0, &self->rope_theta, error)
      || !steer_gguf_config_get_double (reader, "rope.scale_linear", -1.0, &factor, error)
      || !steer_gguf_config_get_double (reader, "rope.scaling.factor", -1.0, &factor, error))
    return FALSE;
  if (type != NULL && strcmp (type, "none") != 0 && strcmp (type, "linear") != 0)
    return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_UNSUPPORTED, error,
                                   "the key \"%s\" is \"%s\", which is not supported; supported are none and linear",
                                   type_key, type);
  if (factor < 0.0)
    return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_INVALID, error,
                                   "the rotary embedding's scaling factor is %g", factor);
  if (g_strcmp0 (type, "none") != 0 && factor > 0.0 && factor != 1.0)
    {
      self->rope_type = STEER_ROPE_LINEAR;
      self->rope_factor = factor;
    }
  return read_factors (self, reader, error);
}

/* --- special tokens --- */

static void
add_end (SteerModelConfig *self, guint64 id)
{
  if (id >= self->n_vocab || self->n_eos_ids == STEER_MAX_EOS_IDS)
    return;
  for (guint i = 0; i < self->n_eos_ids; i++)
    if (self->eos_ids[i] == (gint32) id)
      return;
  self->eos_ids[self->n_eos_ids++] = (gint32) id;
}

/* Converters often name one end only, that of a document or that of a turn; the others are known by their text. */
static void
add_known_ends (SteerModelConfig *self, const SteerGgufConfig *reader)
{
  static const char *const ends[] = {
    "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|im_end|>", "<|endoftext|>", "<|end|>", "<end_of_turn>",
  };
  gsize n;
  g_autofree SteerArchiveString *tokens = steer_archive_get_string_array (reader->archive, "tokenizer.ggml.tokens", &n);

  for (gsize id = 0; tokens != NULL && id < n; id++)
    for (guint i = 0; tokens[id].length > 4 && tokens[id].bytes[0] == '<' && i < G_N_ELEMENTS (ends); i++)
      if (tokens[id].length == strlen (ends[i]) && memcmp (tokens[id].bytes, ends[i], tokens[id].length) == 0)
        add_end (self, id);
}

static void
read_special_ids (SteerModelConfig *self, const SteerGgufConfig *reader)
{
  static const char *const keys[]
    = { "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id" };
  const char *model = steer_archive_get_string (reader->archive, "tokenizer.ggml.model");
  gboolean is_sentencepiece = g_strcmp0 (model, "llama") == 0;
  guint64 id;

  self->bos_id = -1;
  if (steer_archive_get_uint (reader->archive, "tokenizer.ggml.bos_token_id", &id) && id < self->n_vocab)
    self->bos_id = (gint32) id;
  else if (is_sentencepiece && self->n_vocab > 2)
    self->bos_id = 1;
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (steer_archive_get_uint (reader->archive, keys[i], &id))
      add_end (self, id);
  if (self->n_eos_ids == 0 && is_sentencepiece)
    add_end (self, 2);
  add_known_ends (self, reader);
}

gboolean
steer_model_config_read_gguf (SteerModelConfig *self, SteerArchive *archive, GError **error)
{
  g_autofree char *display = NULL;
  SteerGgufConfig reader = { .archive = archive };

  g_return_val_if_fail (self != NULL && STEER_IS_ARCHIVE (archive), FALSE);

  memset (self, 0, sizeof *self);
  reader.file = display = g_filename_display_name (steer_archive_get_path (archive));
  if (!read_arch (self, &reader, error) || !read_sizes (self, &reader, error)
      || !steer_model_config_read_gemma_gguf (self, &reader, error) || !read_rope (self, &reader, error))
    return FALSE;
  read_biases (self, &reader);
  read_special_ids (self, &reader);
  steer_sampling_init (&self->sampling);
  steer_model_config_read_sampling_gguf (self, archive);
  return TRUE;
}
