#include "steer-preset-private.h"

/*
 * The configuration file of the Eiffel Tower demonstration:
 *
 *   llm_name, sae_path, sae_filename_prefix, sae_filename_suffix: where its model and SAEs come from
 *   features: [[layer, feature, strength], ...]
 *   reduced_strengths: true means that the strength in force is strength * layer
 *   clamp_intensity: true clamps every feature, false adds it
 *   temperature, seed, max_new_tokens, repetition_penalty
 */

/* The demonstration's program has this in its code and not in its file. */
#define SYSTEM_PROMPT "You are a helpful assistant."

static const char *const demo_keys[] = { "llm_name",
                                         "reduced_strengths",
                                         "features",
                                         "clamp_intensity",
                                         "temperature",
                                         "top_k",
                                         "top_p",
                                         "min_p",
                                         "seed",
                                         "max_new_tokens",
                                         "repetition_penalty",
                                         NULL };

gboolean
steer_preset_is_demo (SteerYaml *root)
{
  SteerYaml *features = steer_yaml_lookup (root, "features");
  SteerYaml *first = NULL;

  if (steer_yaml_lookup (root, "version") != NULL)
    return FALSE;
  if (features != NULL && features->kind == STEER_YAML_SEQUENCE && features->children->len > 0)
    first = g_ptr_array_index (features->children, 0);
  return (first != NULL && first->kind == STEER_YAML_SEQUENCE) || steer_yaml_lookup (root, "reduced_strengths") != NULL
         || steer_yaml_lookup (root, "clamp_intensity") != NULL;
}

static gboolean
read_feature (SteerPreset *self, SteerYaml *item, gboolean reduced, gboolean clamp, const char *name, GError **error)
{
  g_autoptr (SteerFeature) feature = NULL;
  guint64 layer, index;
  double strength;

  if (item->kind != STEER_YAML_SEQUENCE || item->children->len != 3)
    {
      g_autofree char *found = steer_yaml_describe (item);

      return steer_yaml_fail (item, name, error, "expected [layer, feature, strength], found %s%s", found,
                              item->kind == STEER_YAML_SEQUENCE ? " of another length" : "");
    }
  if (!steer_yaml_to_uint64 (g_ptr_array_index (item->children, 0), name, "a feature's layer", STEER_FEATURE_MAX_LAYER,
                             &layer, error)
      || !steer_yaml_to_uint64 (g_ptr_array_index (item->children, 1), name, "a feature's index", G_MAXUINT64, &index,
                                error)
      || !steer_yaml_to_double (g_ptr_array_index (item->children, 2), name, "a feature's strength",
                                -STEER_FEATURE_MAX_STRENGTH, STEER_FEATURE_MAX_STRENGTH, &strength, error))
    return FALSE;
  feature = steer_feature_new ((guint) layer, index);
  steer_feature_set_strength (feature, reduced ? strength * (double) layer : strength);
  steer_feature_set_clamp (feature, clamp);
  steer_preset_append (self, feature);
  return TRUE;
}

static gboolean
read_features (SteerPreset *self, const SteerYamlReader *reader, GError **error)
{
  SteerYaml *list = steer_yaml_lookup (reader->mapping, "features");
  gboolean reduced = FALSE;
  gboolean clamp = FALSE;

  if (!steer_yaml_read_boolean (reader, "reduced_strengths", &reduced, error)
      || !steer_yaml_read_boolean (reader, "clamp_intensity", &clamp, error))
    return FALSE;
  if (list == NULL || list->kind != STEER_YAML_SEQUENCE)
    {
      g_autofree char *found = list != NULL ? steer_yaml_describe (list) : g_strdup ("none");

      return steer_yaml_fail (list != NULL ? list : reader->mapping, reader->name, error,
                              "expected a list of [layer, feature, strength] for 'features', found %s", found);
    }
  for (guint i = 0; i < list->children->len; i++)
    if (!read_feature (self, g_ptr_array_index (list->children, i), reduced, clamp, reader->name, error))
      return FALSE;
  steer_preset_set_default_clamp (self, clamp);
  return TRUE;
}

/* Where the SAEs come from is kept for people, beside the model, when the preset is written in our schema. A key that
 * means nothing here but something there ("name") is not: the file would have it twice and could not be read again. */
static GPtrArray *
collect_extras (SteerYaml *root)
{
  GPtrArray *extras = steer_yaml_collect_extras (root, demo_keys);

  for (guint i = extras != NULL ? extras->len : 0; i-- > 0;)
    {
      SteerYamlExtra *extra = g_ptr_array_index (extras, i);

      extra->after = "model";
      if (g_strv_contains (steer_preset_keys, extra->key->value))
        g_ptr_array_remove_index (extras, i);
    }
  return extras;
}

gboolean
steer_preset_read_demo (SteerPreset *self, SteerYaml *root, const char *name, GError **error)
{
  SteerYamlReader reader = { root, name };
  SteerSamplingFields fields = 0;
  SteerSampling sampling;
  g_autofree char *llm_name = NULL;
  g_autoptr (GPtrArray) extras = NULL;

  steer_sampling_init (&sampling);
  if (!steer_yaml_read_string (&reader, "llm_name", &llm_name, error)
      || !steer_preset_read_sampling (&reader, "max_new_tokens", &sampling, &fields, error)
      || !read_features (self, &reader, error))
    return FALSE;
  steer_preset_set_model_hint (self, llm_name);
  steer_preset_set_system_prompt (self, SYSTEM_PROMPT);
  steer_preset_set_sampling_fields (self, &sampling, fields);
  extras = collect_extras (root);
  steer_preset_set_extras (self, extras);
  return TRUE;
}
