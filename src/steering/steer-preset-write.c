#include "steer-preset-private.h"

#include <glib/gstdio.h>
#include <string.h>

#include "steer-feature-private.h"
#include "steer-yaml-writer.h"

static void
write_feature (SteerYamlWriter *writer, SteerFeature *feature)
{
  steer_yaml_writer_begin_mapping (writer, steer_feature_get_extras (feature));
  steer_yaml_writer_put_uint64 (writer, "layer", TRUE, steer_feature_get_layer (feature));
  steer_yaml_writer_put_uint64 (writer, "index", TRUE, steer_feature_get_index (feature));
  steer_yaml_writer_put_string (writer, "source", steer_feature_get_source (feature));
  steer_yaml_writer_put_string (writer, "label", steer_feature_get_label (feature));
  steer_yaml_writer_put_double (writer, "strength", TRUE, steer_feature_get_strength (feature));
  steer_yaml_writer_put_string (writer, "mode", steer_mode_get_name (steer_feature_get_mode (feature)));
  steer_yaml_writer_extras_after (writer, "clamp");
  steer_yaml_writer_put_string (writer, "when", steer_feature_get_when (feature));
  steer_yaml_writer_put_boolean (writer, "enabled", TRUE, steer_feature_get_enabled (feature));
  steer_yaml_writer_end_mapping (writer);
}

static void
write_features (SteerYamlWriter *writer, SteerPreset *self)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self));

  steer_yaml_writer_key (writer, "features");
  steer_yaml_writer_begin_sequence (writer, n == 0);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (self), i);

      write_feature (writer, feature);
    }
  steer_yaml_writer_end_sequence (writer);
  steer_yaml_writer_extras_after (writer, "features");
}

static void
write_sampling (SteerYamlWriter *writer, SteerPreset *self)
{
  const SteerSampling *sampling = steer_preset_get_sampling (self);
  SteerSamplingFields fields = steer_preset_get_sampling_fields (self);
  GPtrArray *extras = steer_preset_get_sampling_extras (self);

  if (fields != 0 || extras != NULL)
    {
      steer_yaml_writer_key (writer, "sampling");
      steer_yaml_writer_begin_mapping (writer, extras);
      steer_yaml_writer_put_double (writer, "temperature", fields & STEER_SAMPLING_TEMPERATURE, sampling->temperature);
      steer_yaml_writer_put_uint64 (writer, "top_k", fields & STEER_SAMPLING_TOP_K, sampling->top_k);
      steer_yaml_writer_put_double (writer, "top_p", fields & STEER_SAMPLING_TOP_P, sampling->top_p);
      steer_yaml_writer_put_double (writer, "min_p", fields & STEER_SAMPLING_MIN_P, sampling->min_p);
      steer_yaml_writer_put_double (writer, "repetition_penalty", fields & STEER_SAMPLING_REPETITION_PENALTY,
                                    sampling->repetition_penalty);
      steer_yaml_writer_put_uint64 (writer, "seed", fields & STEER_SAMPLING_SEED, sampling->seed);
      steer_yaml_writer_put_uint64 (writer, "max_tokens", fields & STEER_SAMPLING_MAX_TOKENS, sampling->max_tokens);
      steer_yaml_writer_end_mapping (writer);
    }
  steer_yaml_writer_extras_after (writer, "sampling");
}

char *
steer_preset_to_yaml (SteerPreset *self)
{
  SteerYamlWriter *writer;
  double multiplier;
  gboolean enabled;
  gboolean default_clamp;

  g_return_val_if_fail (STEER_IS_PRESET (self), NULL);
  writer = steer_yaml_writer_new ();
  multiplier = steer_preset_get_master_multiplier (self);
  enabled = steer_preset_get_master_enabled (self);
  default_clamp = steer_preset_get_default_clamp (self);

  steer_yaml_writer_begin_mapping (writer, steer_preset_get_extras (self));
  steer_yaml_writer_put_uint64 (writer, "version", TRUE, 1);
  steer_yaml_writer_put_string (writer, "name", steer_preset_get_name (self));
  steer_yaml_writer_put_string (writer, "description", steer_preset_get_description (self));
  steer_yaml_writer_put_string (writer, "model", steer_preset_get_model_hint (self));
  steer_yaml_writer_put_string (writer, "system_prompt", steer_preset_get_system_prompt (self));
  steer_yaml_writer_put_boolean (writer, "steer_prompt", TRUE, steer_preset_get_steer_prompt (self));
  steer_yaml_writer_put_boolean (writer, "skip_special_tokens", TRUE, steer_preset_get_skip_special (self));
  steer_yaml_writer_put_boolean (writer, "default_clamp", default_clamp, default_clamp);
  steer_yaml_writer_put_boolean (writer, "master_enabled", !enabled, enabled);
  steer_yaml_writer_put_double (writer, "master_multiplier", multiplier != 1.0, multiplier);
  write_features (writer, self);
  write_sampling (writer, self);
  steer_yaml_writer_end_mapping (writer);
  return steer_yaml_writer_end (writer);
}

gboolean
steer_preset_save (SteerPreset *self, const char *path, GError **error)
{
  g_autofree char *yaml = steer_preset_to_yaml (self);

  return g_file_set_contents_full (path, yaml, (gssize) strlen (yaml),
                                   G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644, error);
}
