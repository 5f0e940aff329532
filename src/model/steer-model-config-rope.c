/* The frequencies of the rotary position embedding. Reference: transformers, modeling_rope_utils.py. */

#include "steer-model-config-private.h"

#include <math.h>
#include <string.h>

#define SUPPORTED_TYPES "default, linear and llama3"

static gboolean
read_linear (SteerModelConfig *self, const SteerJsonConfig *scaling, GError **error)
{
  return steer_json_config_require (scaling, "factor", error)
         && steer_json_config_get_double (scaling, "factor", 0.0, &self->rope_factor, error);
}

static gboolean
read_llama3 (SteerModelConfig *self, const SteerJsonConfig *scaling, GError **error)
{
  static const char *const keys[] = { "factor", "low_freq_factor", "high_freq_factor" };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (!steer_json_config_require (scaling, keys[i], error))
      return FALSE;
  if (!steer_json_config_get_double (scaling, "factor", 0.0, &self->rope_factor, error)
      || !steer_json_config_get_double (scaling, "low_freq_factor", 0.0, &self->rope_low_freq_factor, error)
      || !steer_json_config_get_double (scaling, "high_freq_factor", 0.0, &self->rope_high_freq_factor, error)
      || !steer_json_config_get_uint (scaling, "original_max_position_embeddings", 1, STEER_MODEL_MAX_CONTEXT,
                                      &self->rope_original_context, error))
    return FALSE;
  if (self->rope_high_freq_factor <= self->rope_low_freq_factor)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "%s: \"high_freq_factor\" is %g, but must be above \"low_freq_factor\", which is %g", scaling->name,
                   self->rope_high_freq_factor, self->rope_low_freq_factor);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_not_partial (const SteerJsonConfig *json, GError **error)
{
  double fraction = 1.0;

  if (!steer_json_config_get_double (json, "partial_rotary_factor", 0.0, &fraction, error))
    return FALSE;
  if (fraction == 1.0)
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
               "%s: \"partial_rotary_factor\" is %g, but only 1 is supported", json->name, fraction);
  return FALSE;
}

static gboolean
check_not_nested (const SteerJsonConfig *scaling, GError **error)
{
  if (!steer_json_config_has (scaling, "full_attention") && !steer_json_config_has (scaling, "sliding_attention"))
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
               "%s: different rotary embeddings for different layers are not supported", scaling->name);
  return FALSE;
}

static gboolean
read_scaling (SteerModelConfig *self, const SteerJsonConfig *scaling, GError **error)
{
  const char *type = NULL;

  if (!check_not_partial (scaling, error) || !check_not_nested (scaling, error)
      || !steer_json_config_get_string (scaling, "type", &type, error)
      || !steer_json_config_get_string (scaling, "rope_type", &type, error)
      || !steer_json_config_get_double (scaling, "rope_theta", 0.0, &self->rope_theta, error))
    return FALSE;
  /* An object that only holds rope_theta, or nothing, scales nothing; one with a factor must say how. */
  if (type == NULL && steer_json_config_has (scaling, "factor"))
    return steer_json_config_require (scaling, "rope_type", error);

  if (type == NULL || strcmp (type, "default") == 0)
    return TRUE;
  if (strcmp (type, "linear") == 0)
    {
      self->rope_type = STEER_ROPE_LINEAR;
      return read_linear (self, scaling, error);
    }
  if (strcmp (type, "llama3") == 0)
    {
      self->rope_type = STEER_ROPE_LLAMA3;
      return read_llama3 (self, scaling, error);
    }
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
               "%s: the type \"%s\" is not supported; supported are " SUPPORTED_TYPES, scaling->name, type);
  return FALSE;
}

/* Gemma 3: one embedding for layers without the window, and another one for those with it, which is never scaled. */
static gboolean
read_nested (SteerModelConfig *self, const SteerJsonConfig *parameters, GError **error)
{
  g_autoptr (SteerJsonConfig) full = NULL;
  g_autoptr (SteerJsonConfig) local = NULL;
  const char *type = "default";

  if (!steer_json_config_get_object (parameters, "full_attention", &full, error)
      || !steer_json_config_get_object (parameters, "sliding_attention", &local, error))
    return FALSE;
  if (full != NULL && !read_scaling (self, full, error))
    return FALSE;
  if (local == NULL)
    return TRUE;
  if (!check_not_partial (local, error) || !steer_json_config_get_string (local, "rope_type", &type, error)
      || !steer_json_config_get_double (local, "rope_theta", 0.0, &self->rope_local_theta, error))
    return FALSE;
  if (strcmp (type, "default") == 0)
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
               "%s: the type \"%s\" is not supported for layers with a window; supported is default", local->name,
               type);
  return FALSE;
}

/* transformers 5 writes rope_parameters, which hold rope_theta too. Where both are, it takes rope_scaling, unless
 * that is empty. */
static gboolean
read_objects (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  g_autoptr (SteerJsonConfig) scaling = NULL;
  g_autoptr (SteerJsonConfig) parameters = NULL;
  gboolean is_nested;

  if (!steer_json_config_get_object (json, "rope_scaling", &scaling, error)
      || !steer_json_config_get_object (json, "rope_parameters", &parameters, error))
    return FALSE;
  is_nested = self->rope_local_theta > 0.0 && parameters != NULL
              && (steer_json_config_has (parameters, "full_attention")
                  || steer_json_config_has (parameters, "sliding_attention"));
  if (is_nested && !read_nested (self, parameters, error))
    return FALSE;
  if (scaling != NULL && json_object_get_size (scaling->object) > 0)
    return read_scaling (self, scaling, error);
  return parameters == NULL || is_nested || read_scaling (self, parameters, error);
}

gboolean
steer_model_config_read_rope (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  gboolean is_local = self->arch == STEER_ARCH_GEMMA3;

  self->rope_type = STEER_ROPE_DEFAULT;
  self->rope_theta = is_local ? 1000000.0 : 10000.0;
  self->rope_local_theta = is_local ? 10000.0 : 0.0;
  self->rope_factor = 1.0;
  self->rope_original_context = self->n_context;
  return check_not_partial (json, error)
         && steer_json_config_get_double (json, "rope_theta", 0.0, &self->rope_theta, error)
         && (!is_local
             || steer_json_config_get_double (json, "rope_local_base_freq", 0.0, &self->rope_local_theta, error))
         && steer_json_config_get_uint (json, "original_max_position_embeddings", 1, STEER_MODEL_MAX_CONTEXT,
                                        &self->rope_original_context, error)
         && read_objects (self, json, error);
}

/* Long wavelengths are stretched by the factor, short ones left alone, and those between are blended by how many
 * wavelengths fit into the original context. */
static double
scale_llama3 (const SteerModelConfig *self, double frequency)
{
  double wavelength = 2.0 * G_PI / frequency;
  double fits = self->rope_original_context / wavelength;
  double blend;

  if (fits > self->rope_high_freq_factor)
    return frequency;
  if (fits < self->rope_low_freq_factor)
    return frequency / self->rope_factor;
  blend = (fits - self->rope_low_freq_factor) / (self->rope_high_freq_factor - self->rope_low_freq_factor);
  return (1.0 - blend) * frequency / self->rope_factor + blend * frequency;
}

void
steer_model_config_get_inv_freq (const SteerModelConfig *self, float *inv_freq)
{
  for (guint i = 0; i < self->head_dim / 2; i++)
    {
      double frequency = pow (self->rope_theta, -2.0 * i / self->head_dim);

      if (self->rope_type == STEER_ROPE_LINEAR)
        frequency /= self->rope_factor;
      else if (self->rope_type == STEER_ROPE_LLAMA3)
        frequency = scale_llama3 (self, frequency);
      else if (self->rope_type == STEER_ROPE_FACTORS)
        frequency /= (double) self->rope_factors[i];
      inv_freq[i] = (float) frequency;
    }
}

void
steer_model_config_get_local_inv_freq (const SteerModelConfig *self, float *inv_freq)
{
  SteerModelConfig local = *self;

  local.rope_type = STEER_ROPE_DEFAULT;
  local.rope_theta = self->rope_local_theta;
  steer_model_config_get_inv_freq (&local, inv_freq);
}
