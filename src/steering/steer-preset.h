#pragma once

#include <gio/gio.h>

#include "steer-feature.h"
#include "steer-plan.h"
#include "steer-sampling.h"
#include "steer-vector-source.h"

G_BEGIN_DECLS

#define STEER_TYPE_PRESET (steer_preset_get_type ())

/**
 * SteerPreset:
 *
 * A GListModel of SteerFeature, in the order in which they apply, with sampling settings, a system prompt and
 * options. Read from and written to YAML: our own schema (docs/preset-format.md), and the `demo.yaml` schema of the
 * Eiffel Tower demonstration, which is read only. Main thread.
 *
 * Properties: name, description, model-hint, system-prompt (strings, nullable), master-enabled (boolean, TRUE),
 * master-multiplier (double, 1, 0 .. 2), steer-prompt (boolean, TRUE), skip-special (boolean, FALSE).
 *
 * Signal `changed`: something that a plan depends on has changed, a feature's own properties included. Emitted once
 * a change, so a slider's drag emits it once a step.
 */
G_DECLARE_FINAL_TYPE (SteerPreset, steer_preset, STEER, PRESET, GObject)

SteerPreset *steer_preset_new (void);
SteerPreset *steer_preset_copy (SteerPreset *self);

/* Either schema. Errors: STEER_STEERING_ERROR_INVALID "file:line:column: ...", G_FILE_ERROR. */
SteerPreset *steer_preset_new_from_file (const char *path,
                                         GError **error);
SteerPreset *steer_preset_new_from_yaml (const char *yaml,
                                         gsize length,
                                         const char *name,
                                         GError **error);

/* Our schema. Keys we did not know when reading are written again where they were. */
char *steer_preset_to_yaml (SteerPreset *self);

/* Atomically: the old file or the new one, never half. */
gboolean steer_preset_save (SteerPreset *self,
                            const char *path,
                            GError **error);

/* List editing. Positions are those of the list model. */
void steer_preset_insert (SteerPreset *self,
                          guint position,
                          SteerFeature *feature);
void steer_preset_append (SteerPreset *self,
                          SteerFeature *feature);
void steer_preset_remove (SteerPreset *self,
                          guint position);
void steer_preset_move (SteerPreset *self,
                        guint from,
                        guint to);

const char *steer_preset_get_name (SteerPreset *self);
void steer_preset_set_name (SteerPreset *self,
                            const char *name);
const char *steer_preset_get_description (SteerPreset *self);
const char *steer_preset_get_model_hint (SteerPreset *self);
const char *steer_preset_get_system_prompt (SteerPreset *self);
void steer_preset_set_system_prompt (SteerPreset *self,
                                     const char *system_prompt);
gboolean steer_preset_get_master_enabled (SteerPreset *self);
void steer_preset_set_master_enabled (SteerPreset *self,
                                      gboolean enabled);
double steer_preset_get_master_multiplier (SteerPreset *self);
void steer_preset_set_master_multiplier (SteerPreset *self,
                                         double multiplier);

/* (transfer none); change through the setter so that `changed` is emitted. */
const SteerSampling *steer_preset_get_sampling (SteerPreset *self);
void steer_preset_set_sampling (SteerPreset *self,
                                const SteerSampling *sampling);

/**
 * SteerLibrary:
 *
 * The vector sources that are loaded, in order of preference. A feature that names its source gets it from there;
 * one that names none, from the first source that covers it. Vectors are cached once loaded, so that a slider's
 * move never touches a file. Thread-safe.
 */
#define STEER_TYPE_LIBRARY (steer_library_get_type ())
G_DECLARE_FINAL_TYPE (SteerLibrary, steer_library, STEER, LIBRARY, GObject)

SteerLibrary *steer_library_new (void);
void steer_library_add (SteerLibrary *self,
                        SteerVectorSource *source);
void steer_library_remove (SteerLibrary *self,
                           SteerVectorSource *source);
/* (transfer full) (element-type SteerVectorSource) */
GPtrArray *steer_library_list_sources (SteerLibrary *self);

/* @source_id: (nullable). Errors: STEER_STEERING_ERROR_NOT_FOUND, naming layer, index and source. */
GBytes *steer_library_load_vector (SteerLibrary *self,
                                   const char *source_id,
                                   guint layer,
                                   guint64 index,
                                   GError **error);

/* Fills label, recommended, minimum, maximum and layer-norm where the feature has none and a source knows them. */
void steer_library_describe (SteerLibrary *self,
                             SteerFeature *feature);

/**
 * steer_preset_make_plan:
 * @d_model, @n_layers: of the model; 0 for any
 *
 * The plan of this moment: enabled features, strength times the master multiplier (in clamp mode too), empty with the
 * master switch off. Errors: STEER_STEERING_ERROR_NOT_FOUND, _MISMATCH, naming the feature.
 */
SteerPlan *steer_preset_make_plan (SteerPreset *self,
                                   SteerLibrary *library,
                                   guint d_model,
                                   guint n_layers,
                                   GError **error);

G_END_DECLS
