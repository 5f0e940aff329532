/* What the models called Gemma do beside what Llama does. Reference: transformers, configuration_gemma.py,
 * configuration_gemma2.py and configuration_gemma3.py; llama.cpp, src/llama-model.cpp (load_hparams). */

#include "steer-model-config-private.h"

#include <string.h>

/* Without a query_pre_attn_scalar, as transformers has it. */
#define DEFAULT_QUERY_SCALAR 256.0

static gboolean G_GNUC_PRINTF (3, 4) fail (const SteerJsonConfig *json, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED, "%s: %s", json->name, what);
  return FALSE;
}

/* Files of the first Gemma say gelu and mean its tanh formula; later ones have a key of their own. */
static gboolean
check_activation (const SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  gboolean is_first = self->arch == STEER_ARCH_GEMMA;
  const char *key = is_first ? "hidden_act" : "hidden_activation";
  const char *activation = "gelu_pytorch_tanh";

  if (!steer_json_config_get_string (json, key, &activation, error))
    return FALSE;
  return strcmp (activation, "gelu_pytorch_tanh") == 0 || (is_first && strcmp (activation, "gelu") == 0)
         || fail (json, error, "\"%s\" is \"%s\", but only gelu_pytorch_tanh is supported", key, activation);
}

static gboolean
check_causal (const SteerJsonConfig *json, GError **error)
{
  gboolean both_ways = FALSE;

  if (!steer_json_config_get_bool (json, "use_bidirectional_attention", &both_ways, error))
    return FALSE;
  return !both_ways
         || fail (json, error, "\"use_bidirectional_attention\" is not supported: such a model writes no text");
}

/* Scores and logits are float32. */
static gboolean
is_in_range (double value)
{
  return value >= 1e-6 && value <= 1e9;
}

static gboolean
read_scale (const SteerJsonConfig *json, const char *key, double *value, GError **error)
{
  if (!steer_json_config_get_double (json, key, 0.0, value, error))
    return FALSE;
  if (*value == 0.0 || is_in_range (*value))
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "%s: \"%s\" is %g, but must be from 1e-06 to 1e+09",
               json->name, key, *value);
  return FALSE;
}

/* null switches off what the architecture has. */
static gboolean
read_softcap (const SteerJsonConfig *json, const char *key, double usual, double *softcap, GError **error)
{
  *softcap = steer_json_config_is_null (json, key) ? 0.0 : usual;
  return read_scale (json, key, softcap, error);
}

gboolean
steer_model_config_read_gemma (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  if (self->gate != STEER_GATE_GELU)
    return TRUE;
  if (!check_activation (self, json, error) || !check_causal (json, error))
    return FALSE;
  if (self->arch == STEER_ARCH_GEMMA)
    return TRUE;
  self->query_scalar = DEFAULT_QUERY_SCALAR;
  if (!read_scale (json, "query_pre_attn_scalar", &self->query_scalar, error))
    return FALSE;
  /* The attention of Gemma 3 takes no notice of a limit of its scores. */
  if (self->arch == STEER_ARCH_GEMMA3)
    return read_softcap (json, "final_logit_softcapping", 0.0, &self->logit_softcap, error);
  return read_softcap (json, "attn_logit_softcapping", 50.0, &self->attention_softcap, error)
         && read_softcap (json, "final_logit_softcapping", 30.0, &self->logit_softcap, error);
}

/* --- GGUF --- */

/* The largest model of a generation, known by its layers, is the one that does not take the width of a head. */
double
steer_model_config_get_gguf_query_scalar (const SteerModelConfig *self)
{
  gboolean is_largest = (self->arch == STEER_ARCH_GEMMA2 && self->n_layers == 46)
                        || (self->arch == STEER_ARCH_GEMMA3 && self->n_layers == 62);

  return is_largest ? self->d_model / self->n_heads : self->head_dim;
}

/* A number n, where each n-th layer is without the window, or a list that says of each layer whether it has it. */
static gboolean
read_full_period (SteerModelConfig *self, const SteerGgufConfig *reader, GError **error)
{
  g_autofree char *key = steer_gguf_config_dup_key (reader, "attention.sliding_window_pattern");
  g_autofree gboolean *full = NULL;
  g_autofree gint64 *list = NULL;
  guint64 found;
  gsize n;

  if (steer_archive_get_metadata (reader->archive, key) == NULL
      || steer_archive_get_uint (reader->archive, key, &found))
    return steer_gguf_config_get_uint (reader, "attention.sliding_window_pattern", 0, STEER_MODEL_MAX_LAYERS,
                                       &self->full_period, error);
  list = steer_archive_get_int_array (reader->archive, key, &n);
  if (list == NULL || n < self->n_layers)
    return steer_gguf_config_fail (reader, STEER_MODEL_ERROR_INVALID, error,
                                   "the key \"%s\" is neither a number nor a list of all layers", key);
  full = g_new0 (gboolean, self->n_layers);
  for (guint i = 0; i < self->n_layers; i++)
    full[i] = list[i] == 0;
  return steer_model_config_set_full_layers (self, full)
         || steer_gguf_config_fail (
           reader, STEER_MODEL_ERROR_UNSUPPORTED, error,
           "the key \"%s\" is not supported where the layers without the window are not every n-th", key);
}

/* Without a window no layer of Gemma 3 is another than the others. */
static gboolean
read_local_layers (SteerModelConfig *self, const SteerGgufConfig *reader, GError **error)
{
  guint window = 0;

  if (!steer_gguf_config_get_uint (reader, "attention.sliding_window", 0, G_MAXINT32, &window, error))
    return FALSE;
  if (window == 0)
    {
      self->full_period = 0;
      return TRUE;
    }
  self->rope_local_theta = 10000.0;
  return read_full_period (self, reader, error)
         && steer_gguf_config_get_double (reader, "rope.freq_base_swa", 0.0, &self->rope_local_theta, error);
}

/* 0 stands for none. */
static gboolean
read_softcap_key (const SteerGgufConfig *self, const char *name, double usual, double *softcap, GError **error)
{
  *softcap = usual;
  if (!steer_gguf_config_get_double (self, name, -1.0, softcap, error))
    return FALSE;
  return *softcap == 0.0 || is_in_range (*softcap)
         || steer_gguf_config_fail (self, STEER_MODEL_ERROR_INVALID, error,
                                    "the key \"%s.%s\" is %g, but must be 0 or from 1e-06 to 1e+09", self->arch, name,
                                    *softcap);
}

gboolean
steer_model_config_read_gemma_gguf (SteerModelConfig *self, const SteerGgufConfig *reader, GError **error)
{
  if (!self->branch_norms)
    return TRUE;
  self->query_scalar = steer_model_config_get_gguf_query_scalar (self);
  if (self->arch == STEER_ARCH_GEMMA3)
    return read_local_layers (self, reader, error)
           && read_softcap_key (reader, "final_logit_softcapping", 0.0, &self->logit_softcap, error);
  return read_full_period (self, reader, error)
         && read_softcap_key (reader, "attn_logit_softcapping", 50.0, &self->attention_softcap, error)
         && read_softcap_key (reader, "final_logit_softcapping", 30.0, &self->logit_softcap, error);
}
