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

/* null switches off what the architecture has. */
static gboolean
read_softcap (const SteerJsonConfig *json, const char *key, double usual, double *softcap, GError **error)
{
  *softcap = steer_json_config_is_null (json, key) ? 0.0 : usual;
  return steer_json_config_get_double (json, key, 0.0, softcap, error);
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
  if (!steer_json_config_get_double (json, "query_pre_attn_scalar", 0.0, &self->query_scalar, error))
    return FALSE;
  /* The attention of Gemma 3 takes no notice of a limit of its scores. */
  if (self->arch == STEER_ARCH_GEMMA3)
    return read_softcap (json, "final_logit_softcapping", 0.0, &self->logit_softcap, error);
  return read_softcap (json, "attn_logit_softcapping", 50.0, &self->attention_softcap, error)
         && read_softcap (json, "final_logit_softcapping", 30.0, &self->logit_softcap, error);
}

/* The largest model of a generation, known by its layers, is the one that does not take the width of a head. */
double
steer_model_config_get_gguf_query_scalar (const SteerModelConfig *self)
{
  gboolean is_largest = (self->arch == STEER_ARCH_GEMMA2 && self->n_layers == 46)
                        || (self->arch == STEER_ARCH_GEMMA3 && self->n_layers == 62);

  return is_largest ? self->d_model / self->n_heads : self->head_dim;
}
