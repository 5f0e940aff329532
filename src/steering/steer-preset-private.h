#pragma once

#include "steer-preset.h"
#include "steer-yaml.h"

G_BEGIN_DECLS

/* The keys of a preset's mapping, in the order in which they are written; ends with NULL. Those of its sampling are
 * steer_sampling_keys. */
extern const char *const steer_preset_keys[];

/* Unknown keys, (element-type SteerYamlExtra) (nullable); shared and immutable. */
GPtrArray *steer_preset_get_extras (SteerPreset *self);
void steer_preset_set_extras (SteerPreset *self, GPtrArray *extras);
GPtrArray *steer_preset_get_sampling_extras (SteerPreset *self);
void steer_preset_set_sampling_extras (SteerPreset *self, GPtrArray *extras);

/* Fill a new preset from the root of a file's tree. @name: the file's, for errors. */
gboolean steer_preset_read_own (SteerPreset *self, SteerYaml *root, const char *name, GError **error);
gboolean steer_preset_read_demo (SteerPreset *self, SteerYaml *root, const char *name, GError **error);
gboolean steer_preset_is_demo (SteerYaml *root);

/* @reader: the mapping that holds the members under these names, as both schemas call them. Adds to *fields. */
gboolean steer_preset_read_sampling (const SteerYamlReader *reader,
                                     const char *max_tokens_key,
                                     SteerSampling *sampling,
                                     SteerSamplingFields *fields,
                                     GError **error);

G_END_DECLS
