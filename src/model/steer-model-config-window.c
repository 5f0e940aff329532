#include "steer-model-config-private.h"

/* How many layers use the window: newer files list the layers' types, older ones say from which layer on. */
static gboolean
count_window_layers (SteerModelConfig *self, const SteerJsonConfig *json, guint *n_window_layers, GError **error)
{
  guint first = 28;
  JsonNode *types = json_object_get_member (json->object, "layer_types");

  *n_window_layers = 0;
  if (types != NULL && JSON_NODE_HOLDS_ARRAY (types))
    {
      JsonArray *list = json_node_get_array (types);

      for (guint i = 0; i < MIN (json_array_get_length (list), self->n_layers); i++)
        {
          JsonNode *type = json_array_get_element (list, i);

          if (JSON_NODE_HOLDS_VALUE (type) && g_strcmp0 (json_node_get_string (type), "sliding_attention") == 0)
            (*n_window_layers)++;
        }
      return TRUE;
    }
  if (!steer_json_config_get_uint (json, "max_window_layers", 0, G_MAXINT32, &first, error))
    return FALSE;
  *n_window_layers = first < self->n_layers ? self->n_layers - first : 0;
  return TRUE;
}

static gboolean
read_qwen_window (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  gboolean use_window = FALSE;
  guint window = steer_json_config_is_null (json, "sliding_window") ? 0 : 4096;
  guint n_window_layers;

  if (!steer_json_config_get_bool (json, "use_sliding_window", &use_window, error)
      || !steer_json_config_get_uint (json, "sliding_window", 1, G_MAXINT32, &window, error)
      || !count_window_layers (self, json, &n_window_layers, error))
    return FALSE;
  if (!use_window || window == 0 || window >= self->n_context || n_window_layers == 0)
    return TRUE;
  if (n_window_layers < self->n_layers)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: \"use_sliding_window\" for %u of %u layers is not supported, only for all or none", json->name,
                   n_window_layers, self->n_layers);
      return FALSE;
    }
  self->sliding_window = window;
  return TRUE;
}

/* full_period of a list of the layers' types. */
static gboolean
read_layer_types (SteerModelConfig *self, const SteerJsonConfig *json, JsonArray *types, GError **error)
{
  g_autofree gboolean *full = g_new0 (gboolean, self->n_layers);

  if (json_array_get_length (types) != self->n_layers)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "%s: \"layer_types\" names %u layers, but \"num_hidden_layers\" is %u", json->name,
                   json_array_get_length (types), self->n_layers);
      return FALSE;
    }
  for (guint i = 0; i < self->n_layers; i++)
    {
      JsonNode *node = json_array_get_element (types, i);
      const char *type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;

      full[i] = g_strcmp0 (type, "full_attention") == 0;
      if (full[i] || g_strcmp0 (type, "sliding_attention") == 0)
        continue;
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%s: \"layer_types\" calls layer %u \"%s\"; supported are full_attention and sliding_attention",
                   json->name, i, type != NULL ? type : "something that is no name");
      return FALSE;
    }
  if (steer_model_config_set_full_layers (self, full))
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
               "%s: \"layer_types\" is not supported where the layers of full_attention are not every second, third "
               "and so on",
               json->name);
  return FALSE;
}

static gboolean
read_gemma_window (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  JsonNode *types = json_object_get_member (json->object, "layer_types");

  if (types != NULL && JSON_NODE_HOLDS_ARRAY (types))
    return read_layer_types (self, json, json_node_get_array (types), error);
  return self->arch != STEER_ARCH_GEMMA3
         || steer_json_config_get_uint (json, "sliding_window_pattern", 1, STEER_MODEL_MAX_LAYERS, &self->full_period,
                                        error);
}

gboolean
steer_model_config_set_full_layers (SteerModelConfig *self, const gboolean *full)
{
  guint first = 0;

  while (first < self->n_layers && !full[first])
    first++;
  self->full_period = first < self->n_layers ? first + 1 : 0;
  for (guint i = 0; i < self->n_layers; i++)
    if (full[i] == steer_model_config_is_local_layer (self, i))
      return FALSE;
  return TRUE;
}

gboolean
steer_model_config_read_window (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  if (self->arch == STEER_ARCH_QWEN2 || self->arch == STEER_ARCH_QWEN3)
    return read_qwen_window (self, json, error);
  if (steer_arch_get_info (self->arch)->window == 0)
    return TRUE;
  if (!steer_json_config_is_null (json, "sliding_window"))
    self->sliding_window = steer_arch_get_info (self->arch)->window;
  if (!steer_json_config_get_uint (json, "sliding_window", 1, G_MAXINT32, &self->sliding_window, error))
    return FALSE;
  if (self->sliding_window >= self->n_context)
    self->sliding_window = 0;
  return self->arch == STEER_ARCH_MISTRAL || read_gemma_window (self, json, error);
}
