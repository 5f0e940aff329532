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

gboolean
steer_model_config_read_window (SteerModelConfig *self, const SteerJsonConfig *json, GError **error)
{
  if (self->arch == STEER_ARCH_QWEN2 || self->arch == STEER_ARCH_QWEN3)
    return read_qwen_window (self, json, error);
  if (self->arch != STEER_ARCH_MISTRAL)
    return TRUE;
  if (!steer_json_config_is_null (json, "sliding_window"))
    self->sliding_window = steer_arch_get_info (self->arch)->window;
  if (!steer_json_config_get_uint (json, "sliding_window", 1, G_MAXINT32, &self->sliding_window, error))
    return FALSE;
  if (self->sliding_window >= self->n_context)
    self->sliding_window = 0;
  return TRUE;
}
