#include "steer-preset.h"

static void
fail_mismatch (SteerFeature *feature, GError **error, const char *what)
{
  const char *label = steer_feature_get_label (feature);

  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_MISMATCH,
               "feature %" G_GUINT64_FORMAT " of layer %u%s%s%s does not fit this model: %s",
               steer_feature_get_index (feature), steer_feature_get_layer (feature), label != NULL ? " (" : "",
               label != NULL ? label : "", label != NULL ? ")" : "", what);
}

/* Of feature @index of the same layer and source as @feature. */
static GBytes *
load_vector (SteerFeature *feature, guint64 index, SteerLibrary *library, guint d_model, guint n_layers, GError **error)
{
  guint layer = steer_feature_get_layer (feature);
  g_autoptr (GBytes) vector = NULL;
  guint width;

  if (n_layers > 0 && layer >= n_layers)
    {
      g_autofree char *what = g_strdup_printf ("the model's layers are 0 to %u", n_layers - 1);

      fail_mismatch (feature, error, what);
      return NULL;
    }
  vector = steer_library_load_vector (library, steer_feature_get_source (feature), layer, index, error);
  if (vector == NULL)
    return NULL;
  width = (guint) (g_bytes_get_size (vector) / sizeof (float));
  if (d_model > 0 && width != d_model)
    {
      g_autofree char *what = g_strdup_printf ("its vector has %u numbers where %u are needed", width, d_model);

      fail_mismatch (feature, error, what);
      return NULL;
    }
  return g_steal_pointer (&vector);
}

static gboolean
add_sae_clamp (SteerPlanBuilder *builder,
               SteerFeature *feature,
               SteerLibrary *library,
               float activation,
               GBytes *vector,
               GError **error)
{
  guint layer = steer_feature_get_layer (feature);
  guint64 index = steer_feature_get_index (feature);
  g_autoptr (SteerEncoder) encoder
    = steer_library_load_encoder (library, steer_feature_get_source (feature), layer, index, error);

  if (encoder == NULL)
    return FALSE;
  if (steer_plan_builder_add_sae_clamp (builder, layer, index, activation, vector, encoder))
    return TRUE;
  fail_mismatch (feature, error, "its encoder has another width than its vector");
  return FALSE;
}

static guint64
get_gate_index (SteerFeature *feature)
{
  const SteerCondition *condition = steer_feature_get_condition (feature);

  return condition != NULL && condition->other ? condition->index : steer_feature_get_index (feature);
}

static gboolean
set_gate (SteerPlanBuilder *builder,
          SteerFeature *feature,
          SteerLibrary *library,
          guint d_model,
          guint n_layers,
          GError **error)
{
  const SteerCondition *condition = steer_feature_get_condition (feature);
  guint64 index = get_gate_index (feature);
  g_autoptr (GBytes) vector = NULL;
  g_autoptr (SteerEncoder) encoder = NULL;
  SteerWhen when = STEER_WHEN_ALWAYS;

  if (condition != NULL)
    {
      /* That the feature fits the model is seen of its vector, of whatever is measured. */
      vector = load_vector (feature, index, library, d_model, n_layers, error);
      if (vector == NULL)
        return FALSE;
      if (!condition->projection)
        encoder = steer_library_load_encoder (library, steer_feature_get_source (feature),
                                              steer_feature_get_layer (feature), index, error);
      if (!condition->projection && encoder == NULL)
        return FALSE;
      when = condition->above ? STEER_WHEN_ABOVE : STEER_WHEN_BELOW;
    }
  if (steer_plan_builder_set_gate (builder, when, condition != NULL ? (float) condition->bound : 0.0f,
                                   encoder == NULL ? vector : NULL, encoder, steer_feature_get_when (feature)))
    return TRUE;
  fail_mismatch (feature, error, "what its condition measures has another width than its vector");
  return FALSE;
}

static guint
count_steering (SteerPreset *self)
{
  return steer_preset_get_master_enabled (self) ? g_list_model_get_n_items (G_LIST_MODEL (self)) : 0;
}

gboolean
steer_preset_plan_would_read (SteerPreset *self, SteerLibrary *library)
{
  guint n;

  g_return_val_if_fail (STEER_IS_PRESET (self), FALSE);
  g_return_val_if_fail (STEER_IS_LIBRARY (library), FALSE);
  n = count_steering (self);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (self), i);
      gboolean encoder = steer_feature_get_mode (feature) == STEER_MODE_SAE_CLAMP;

      const SteerCondition *condition = steer_feature_get_condition (feature);
      const char *source = steer_feature_get_source (feature);
      guint layer = steer_feature_get_layer (feature);

      if (!steer_feature_get_enabled (feature))
        continue;
      if (steer_library_would_read (library, source, layer, steer_feature_get_index (feature), encoder)
          || (condition != NULL
              && steer_library_would_read (library, source, layer, get_gate_index (feature), !condition->projection)))
        return TRUE;
    }
  return FALSE;
}

static SteerPlanBuilder *
new_builder (SteerPreset *self, guint d_model)
{
  SteerPlanBuilder *builder = steer_plan_builder_new (d_model);

  steer_plan_builder_set_steer_prompt (builder, steer_preset_get_steer_prompt (self));
  steer_plan_builder_set_skip_special (builder, steer_preset_get_skip_special (self));
  return builder;
}

/* Vectors of features with strength 0 are loaded too, so that leaving 0 does not wait for a file. */
SteerPlan *
steer_preset_make_plan (SteerPreset *self, SteerLibrary *library, guint d_model, guint n_layers, GError **error)
{
  g_autoptr (SteerPlanBuilder) builder = NULL;
  double multiplier;
  guint n;

  g_return_val_if_fail (STEER_IS_PRESET (self), NULL);
  g_return_val_if_fail (STEER_IS_LIBRARY (library), NULL);
  multiplier = steer_preset_get_master_multiplier (self);
  n = count_steering (self);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (self), i);
      g_autoptr (GBytes) vector = NULL;
      float strength;

      if (!steer_feature_get_enabled (feature))
        continue;
      vector = load_vector (feature, steer_feature_get_index (feature), library, d_model, n_layers, error);
      if (vector == NULL)
        return NULL;
      d_model = (guint) (g_bytes_get_size (vector) / sizeof (float));
      if (builder == NULL)
        builder = new_builder (self, d_model);
      steer_plan_builder_set_label (builder, steer_feature_get_label (feature));
      if (!set_gate (builder, feature, library, d_model, n_layers, error))
        return NULL;
      strength = (float) (steer_feature_get_strength (feature) * multiplier);
      if (steer_feature_get_mode (feature) != STEER_MODE_SAE_CLAMP)
        steer_plan_builder_add (builder, steer_feature_get_layer (feature), steer_feature_get_index (feature),
                                steer_feature_get_mode (feature), strength, vector);
      else if (!add_sae_clamp (builder, feature, library, strength, vector, error))
        return NULL;
    }
  if (builder == NULL)
    builder = new_builder (self, d_model);
  return steer_plan_builder_end (builder);
}
