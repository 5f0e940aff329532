/* config.json as transformers reads it. Where the file is silent, the defaults are those of the configuration classes
 * LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config, GemmaConfig, Gemma2Config and Gemma3TextConfig. */

#include "steer-model-config-private.h"

#include <string.h>

G_DEFINE_QUARK (steer_model_error_quark, steer_model_error)

static gboolean G_GNUC_PRINTF (4, 5)
  fail (const SteerJsonConfig *json, int code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_MODEL_ERROR, code, "%s: %s", json->name, what);
  return FALSE;
}

/* The first of "architectures", or NULL. */
static gboolean
get_architecture (const SteerJsonConfig *json, const char **architecture, GError **error)
{
  JsonArray *list;
  JsonNode *first;

  *architecture = NULL;
  if (!steer_json_config_has (json, "architectures"))
    return TRUE;
  if (!JSON_NODE_HOLDS_ARRAY (json_object_get_member (json->object, "architectures")))
    return fail (json, STEER_MODEL_ERROR_INVALID, error, "\"architectures\" is not a list");
  list = json_object_get_array_member (json->object, "architectures");
  if (json_array_get_length (list) == 0)
    return TRUE;
  first = json_array_get_element (list, 0);
  if (!JSON_NODE_HOLDS_VALUE (first) || json_node_get_value_type (first) != G_TYPE_STRING)
    return fail (json, STEER_MODEL_ERROR_INVALID, error, "\"architectures\" holds something other than names");
  *architecture = json_node_get_string (first);
  return TRUE;
}

static gboolean
read_arch (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  const char *architecture, *model_type = NULL;
  SteerArch arch;

  if (!get_architecture (json, &architecture, error)
      || !steer_json_config_get_string (json, "model_type", &model_type, error))
    return FALSE;
  if (steer_arch_find (architecture, model_type, &arch))
    {
      steer_model_config_init_arch (self, arch);
      return TRUE;
    }
  if (architecture == NULL && model_type == NULL)
    return fail (json, STEER_MODEL_ERROR_INVALID, error, "\"architectures\" and \"model_type\" are missing");
  return fail (json, STEER_MODEL_ERROR_UNSUPPORTED, error,
               "the architecture \"%s\" is not supported; supported are " STEER_ARCHITECTURES,
               architecture != NULL ? architecture : model_type);
}

static gboolean
read_sizes (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  static const char *const required[] = { "hidden_size", "intermediate_size", "num_hidden_layers" };
  const SteerArchInfo *info = steer_arch_get_info (self->arch);

  for (guint i = 0; i < G_N_ELEMENTS (required); i++)
    if (!steer_json_config_require (json, required[i], error))
      return FALSE;
  self->n_heads = info->heads;
  self->n_vocab = info->vocab;
  if ((info->heads == 0 && !steer_json_config_require (json, "num_attention_heads", error))
      || (info->vocab == 0 && !steer_json_config_require (json, "vocab_size", error)))
    return FALSE;
  if (!steer_json_config_get_uint (json, "hidden_size", 1, STEER_MODEL_MAX_WIDTH, &self->d_model, error)
      || !steer_json_config_get_uint (json, "intermediate_size", 1, STEER_MODEL_MAX_FF, &self->d_ff, error)
      || !steer_json_config_get_uint (json, "num_hidden_layers", 1, STEER_MODEL_MAX_LAYERS, &self->n_layers, error)
      || !steer_json_config_get_uint (json, "num_attention_heads", 1, STEER_MODEL_MAX_WIDTH, &self->n_heads, error)
      || !steer_json_config_get_uint (json, "vocab_size", 1, STEER_MODEL_MAX_VOCAB, &self->n_vocab, error))
    return FALSE;

  self->n_context = info->context;
  if (!steer_json_config_get_uint (json, "max_position_embeddings", 1, G_MAXINT32, &self->n_context, error))
    return FALSE;
  self->n_context = MIN (self->n_context, STEER_MODEL_MAX_CONTEXT);

  self->n_kv_heads = info->kv_heads;
  if (self->n_kv_heads == 0 || steer_json_config_is_null (json, "num_key_value_heads"))
    self->n_kv_heads = self->n_heads;
  return steer_json_config_get_uint (json, "num_key_value_heads", 1, STEER_MODEL_MAX_WIDTH, &self->n_kv_heads, error);
}

static gboolean
read_head_dim (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  if (self->n_heads % self->n_kv_heads != 0)
    return fail (json, STEER_MODEL_ERROR_INVALID, error,
                 "\"num_attention_heads\" is %u, which is not a multiple of \"num_key_value_heads\", %u", self->n_heads,
                 self->n_kv_heads);
  if (!steer_json_config_is_null (json, "head_dim"))
    self->head_dim = steer_arch_get_info (self->arch)->head_dim;
  if (!steer_json_config_get_uint (json, "head_dim", 1, STEER_MODEL_MAX_WIDTH, &self->head_dim, error))
    return FALSE;
  if (self->head_dim == 0 && self->d_model % self->n_heads != 0)
    return fail (json, STEER_MODEL_ERROR_INVALID, error,
                 "\"hidden_size\" is %u, which is not a multiple of \"num_attention_heads\", %u; "
                 "then \"head_dim\" must be given",
                 self->d_model, self->n_heads);
  if (self->head_dim == 0)
    self->head_dim = self->d_model / self->n_heads;
  if (self->head_dim % 2 != 0)
    return fail (json, STEER_MODEL_ERROR_INVALID, error, "heads have %u dimensions, but rotation needs an even number",
                 self->head_dim);
  if (self->head_dim > STEER_MODEL_MAX_WIDTH / self->n_heads)
    return fail (json, STEER_MODEL_ERROR_INVALID, error,
                 "\"num_attention_heads\" and \"head_dim\" make %u x %u dimensions, but at most %u are possible",
                 self->n_heads, self->head_dim, STEER_MODEL_MAX_WIDTH);
  return TRUE;
}

static gboolean
read_biases (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  switch (self->arch)
    {
    case STEER_ARCH_LLAMA:
      if (!steer_json_config_get_bool (json, "attention_bias", &self->qkv_bias, error)
          || !steer_json_config_get_bool (json, "mlp_bias", &self->mlp_bias, error))
        return FALSE;
      self->output_bias = self->qkv_bias;
      return TRUE;
    case STEER_ARCH_QWEN3:
    case STEER_ARCH_GEMMA:
    case STEER_ARCH_GEMMA2:
    case STEER_ARCH_GEMMA3:
      if (!steer_json_config_get_bool (json, "attention_bias", &self->qkv_bias, error))
        return FALSE;
      self->output_bias = self->qkv_bias;
      return TRUE;
    case STEER_ARCH_QWEN2:
      self->qkv_bias = TRUE;
      return TRUE;
    case STEER_ARCH_MISTRAL:
    default:
      return TRUE;
    }
}

static gboolean
check_supported (const SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  const char *activation = "silu";
  const char *method = NULL;
  g_autoptr (SteerJsonConfig) quantization = NULL;

  if (!steer_json_config_get_string (json, "hidden_act", &activation, error)
      || !steer_json_config_get_object (json, "quantization_config", &quantization, error))
    return FALSE;
  if (self->gate == STEER_GATE_SILU && strcmp (activation, "silu") != 0 && strcmp (activation, "swish") != 0)
    return fail (json, STEER_MODEL_ERROR_UNSUPPORTED, error, "\"hidden_act\" is \"%s\", but only silu is supported",
                 activation);
  if (quantization == NULL)
    return TRUE;
  if (!steer_json_config_get_string (quantization, "quant_method", &method, error))
    return FALSE;
  return fail (json, STEER_MODEL_ERROR_UNSUPPORTED, error,
               "weights quantised with %s are not supported: take the model in BF16, F16 or F32",
               method != NULL ? method : "an unnamed method");
}

/* Ids outside the vocabulary can never come out of the model and are left out. */
static gboolean
take_eos_ids (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  g_autoptr (GArray) ids = NULL;

  if (!steer_json_config_get_ids (json, "eos_token_id", &ids, error))
    return FALSE;
  if (ids == NULL)
    return TRUE;
  self->n_eos_ids = 0;
  for (guint i = 0; i < ids->len; i++)
    {
      gint64 id = g_array_index (ids, gint64, i);

      if (id < 0 || id >= self->n_vocab)
        continue;
      if (self->n_eos_ids == STEER_MAX_EOS_IDS)
        return fail (json, STEER_MODEL_ERROR_UNSUPPORTED, error, "\"eos_token_id\" lists more than %d tokens",
                     STEER_MAX_EOS_IDS);
      self->eos_ids[self->n_eos_ids++] = (gint32) id;
    }
  return TRUE;
}

static gboolean
take_bos_id (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  g_autoptr (GArray) ids = NULL;
  gint64 id;

  if (!steer_json_config_get_ids (json, "bos_token_id", &ids, error))
    return FALSE;
  if (ids == NULL || ids->len == 0)
    return TRUE;
  id = g_array_index (ids, gint64, 0);
  if (id >= 0 && id < self->n_vocab)
    self->bos_id = (gint32) id;
  return TRUE;
}

/* generation_config.json, where it speaks, overrides config.json, and that its own part on text. @whole: the same as
 * @json, or what @json is a part of. */
static gboolean
read_generation (SteerModelConfig *self,
                 const SteerJsonConfig *json,
                 const SteerJsonConfig *whole,
                 const char *directory,
                 GError **error)
{
  g_autofree char *path = g_build_filename (directory, "generation_config.json", NULL);
  g_autoptr (SteerJsonConfig) generation = NULL;
  const SteerArchInfo *info = steer_arch_get_info (self->arch);

  self->bos_id = -1;
  if (!json_object_has_member (json->object, "bos_token_id"))
    self->bos_id = info->bos;
  if (!json_object_has_member (json->object, "eos_token_id") && info->eos >= 0)
    self->eos_ids[self->n_eos_ids++] = info->eos;
  if (!take_eos_ids (self, json, error) || !take_bos_id (self, json, error))
    return FALSE;
  if (whole != json && (!take_eos_ids (self, whole, error) || !take_bos_id (self, whole, error)))
    return FALSE;
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  generation = steer_json_config_read (path, error);
  if (generation == NULL)
    return FALSE;
  steer_model_config_read_sampling (self, generation);
  return take_eos_ids (self, generation, error) && take_bos_id (self, generation, error);
}

static gboolean
read_file (SteerModelConfig *self, const char *path, GError **error)
{
  g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, error);

  return archive != NULL && steer_model_config_read_gguf (self, archive, error);
}

/* @json: the part of config.json that is about text, which in most files is the whole. */
static gboolean
read_text (SteerModelConfig *self,
           const SteerJsonConfig *json,
           const SteerJsonConfig *whole,
           const char *directory,
           GError **error)
{
  return check_supported (self, json, error) && read_sizes (self, json, error) && read_head_dim (self, json, error)
         && read_biases (self, json, error) && steer_model_config_read_gemma (self, json, error)
         && steer_model_config_read_window (self, json, error)
         && steer_json_config_get_double (json, "rms_norm_eps", 0.0, &self->rms_norm_eps, error)
         && steer_json_config_get_bool (json, "tie_word_embeddings", &self->tie_embeddings, error)
         && steer_model_config_read_rope (self, json, error) && read_generation (self, json, whole, directory, error);
}

gboolean
steer_model_config_read (SteerModelConfig *self, const char *path, GError **error)
{
  g_autofree char *json_path = NULL;
  g_autoptr (SteerJsonConfig) json = NULL;
  g_autoptr (SteerJsonConfig) text = NULL;

  g_return_val_if_fail (self != NULL && path != NULL, FALSE);

  memset (self, 0, sizeof *self);
  if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return read_file (self, path, error);
  self->rms_norm_eps = 1e-6;
  steer_sampling_init (&self->sampling);
  json_path = g_build_filename (path, "config.json", NULL);
  json = steer_json_config_read (json_path, error);
  if (json == NULL || !read_arch (self, json, error))
    return FALSE;
  /* A model that also sees pictures: its text is a Gemma 3 like any other. */
  if (self->arch == STEER_ARCH_GEMMA3 && !steer_json_config_get_object (json, "text_config", &text, error))
    return FALSE;
  if (text == NULL)
    return read_text (self, json, json, path, error);
  return check_supported (self, json, error)
         && steer_json_config_get_bool (json, "tie_word_embeddings", &self->tie_embeddings, error)
         && read_text (self, text, json, path, error);
}

gboolean
steer_model_config_check (const char *path, GError **error)
{
  SteerModelConfig config;

  return steer_model_config_read (&config, path, error);
}
