#pragma once

#include <gio/gio.h>

#include "steer-feature.h"
#include "steer-library.h"
#include "steer-plan.h"
#include "steer-sampling.h"
#include "steer-vector-source.h"

G_BEGIN_DECLS

#define STEER_TYPE_PRESET (steer_preset_get_type ())

#define STEER_PRESET_MAX_MULTIPLIER 2.0

/**
 * SteerPreset:
 *
 * A GListModel of SteerFeature, in the order in which they apply, with sampling settings, a system prompt and
 * options. Read from and written to YAML: our own schema (docs/preset-format.md), and the `demo.yaml` schema of the
 * Eiffel Tower demonstration, which is read only. Main thread.
 *
 * Properties: name, description, model-hint, system-prompt (strings, nullable), master-enabled (boolean, TRUE),
 * master-multiplier (double, 1, 0 .. 2), steer-prompt (boolean, TRUE), skip-special (boolean, FALSE), default-clamp
 * (boolean, FALSE: new rows of the panel begin in clamp mode).
 *
 * Signal `changed`: something that a plan depends on, or that a saved file would hold, has changed, a feature's own
 * properties included. Emitted once a change, so a slider's drag emits it once a step. Setting a value to what it is
 * already changes nothing; neither does what a source tells of a feature's range.
 */
G_DECLARE_FINAL_TYPE (SteerPreset, steer_preset, STEER, PRESET, GObject)

SteerPreset *steer_preset_new (void);
/**
 * steer_preset_copy:
 *
 * Returns: (transfer full): another one with copies of its features
 */
SteerPreset *steer_preset_copy (SteerPreset *self);

/* Makes @self hold what @from holds, with copies of its features. Emits `changed` once, when something differed. */
void steer_preset_assign (SteerPreset *self, SteerPreset *from);

/* What a file would hold is the same. */
gboolean steer_preset_equal (SteerPreset *a, SteerPreset *b);

/* Either schema. A file without a name is called after its stem. Errors: STEER_STEERING_ERROR_INVALID
 * "file:line:column: ...", G_FILE_ERROR. */
SteerPreset *steer_preset_new_from_file (const char *path, GError **error);
SteerPreset *steer_preset_new_from_yaml (const char *yaml, gsize length, const char *name, GError **error);

/* Our schema. Keys we did not know when reading are written again where they were. */
char *steer_preset_to_yaml (SteerPreset *self);

/* Atomically: the old file or the new one, never half. */
gboolean steer_preset_save (SteerPreset *self, const char *path, GError **error);

/* List editing. Positions are those of the list model. */
void steer_preset_insert (SteerPreset *self, guint position, SteerFeature *feature);
void steer_preset_append (SteerPreset *self, SteerFeature *feature);
void steer_preset_remove (SteerPreset *self, guint position);
void steer_preset_move (SteerPreset *self, guint from, guint to);

const char *steer_preset_get_name (SteerPreset *self);
void steer_preset_set_name (SteerPreset *self, const char *name);
const char *steer_preset_get_description (SteerPreset *self);
void steer_preset_set_description (SteerPreset *self, const char *description);
const char *steer_preset_get_model_hint (SteerPreset *self);
void steer_preset_set_model_hint (SteerPreset *self, const char *model_hint);
const char *steer_preset_get_system_prompt (SteerPreset *self);
void steer_preset_set_system_prompt (SteerPreset *self, const char *system_prompt);
gboolean steer_preset_get_master_enabled (SteerPreset *self);
void steer_preset_set_master_enabled (SteerPreset *self, gboolean enabled);
double steer_preset_get_master_multiplier (SteerPreset *self);
void steer_preset_set_master_multiplier (SteerPreset *self, double multiplier);

gboolean steer_preset_get_steer_prompt (SteerPreset *self);
void steer_preset_set_steer_prompt (SteerPreset *self, gboolean steer_prompt);
gboolean steer_preset_get_skip_special (SteerPreset *self);
void steer_preset_set_skip_special (SteerPreset *self, gboolean skip_special);
gboolean steer_preset_get_default_clamp (SteerPreset *self);
void steer_preset_set_default_clamp (SteerPreset *self, gboolean default_clamp);

/* (transfer none); change through the setters so that `changed` is emitted. Members that the preset does not state
 * have the defaults of steer_sampling_init(). */
const SteerSampling *steer_preset_get_sampling (SteerPreset *self);
/* States every member; NULL: none. */
void steer_preset_set_sampling (SteerPreset *self, const SteerSampling *sampling);

/* The members that the preset states; where it states none, the program's preferences count. */
SteerSamplingFields steer_preset_get_sampling_fields (SteerPreset *self);
void steer_preset_set_sampling_fields (SteerPreset *self, const SteerSampling *sampling, SteerSamplingFields fields);

/**
 * steer_preset_make_plan: (skip)
 * @d_model, @n_layers: of the model; 0 for any
 *
 * The plan of this moment: enabled features, strength times the master multiplier (in every mode), empty with the
 * master switch off. Errors: STEER_STEERING_ERROR_NOT_FOUND (a vector, or the encoder that sae-clamp or a condition
 * needs), _MISMATCH, naming the feature.
 */
SteerPlan *
steer_preset_make_plan (SteerPreset *self, SteerLibrary *library, guint d_model, guint n_layers, GError **error);

/**
 * steer_preset_plan_would_read: (skip)
 *
 * Whether that would read files now, which may take its time: what it has read once, the library keeps.
 */
gboolean steer_preset_plan_would_read (SteerPreset *self, SteerLibrary *library);

G_END_DECLS
