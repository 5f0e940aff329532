#pragma once

#include <json-glib/json-glib.h>

#include "steer-cli-options.h"

G_BEGIN_DECLS

/**
 * SteerCliSteering:
 *
 * What steers in this process: where vectors come from, the preset with its features, and the plan that the engine
 * takes up at every step. Main thread.
 */
typedef struct
{
  SteerLibrary *library;
  SteerPreset *preset;
  SteerLivePlan *live;
  guint d_model; /* of the model; 0 until it is bound */
  guint n_layers;
  /* The model's advice, once it is bound: it counts where neither preset nor command line says anything. */
  SteerSampling model_sampling;
  SteerSamplingFields model_sampling_fields;
} SteerCliSteering;

/* Opens the vector files and the preset that @options name, adds the features of the command line, and gives the preset
 * the sampling settings. The bundled model at @model_path brings its own vectors. Nothing is steered until
 * steer_cli_steering_bind(). */
SteerCliSteering *steer_cli_steering_new (const SteerCliOptions *options, const char *model_path, GError **error);
void steer_cli_steering_free (SteerCliSteering *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerCliSteering, steer_cli_steering_free)

/* Makes @preset the one that steers: the command line's wishes for prompt, special tokens and sampling hold for it too.
 * The old one stays after an error. */
gboolean steer_cli_steering_take_preset (SteerCliSteering *self,
                                         const SteerCliOptions *options,
                                         SteerPreset *preset,
                                         GError **error);

/* What the command line says of every preset, whichever is in use: of prompt, special tokens and sampling. */
void steer_cli_steering_apply_options (const SteerCliOptions *options, SteerPreset *preset);

/* Checks the preset against the model, puts its plan in force, and takes the model's advice on sampling. */
gboolean steer_cli_steering_bind (SteerCliSteering *self, SteerModel *model, GError **error);

/* The sampling in force: the command line's, else the preset's, else the model's. */
void steer_cli_steering_get_sampling (SteerCliSteering *self, SteerSampling *sampling);

/* Makes the plan of this moment and puts it in force; the old one stays after an error. */
gboolean steer_cli_steering_update (SteerCliSteering *self, GError **error);

/* The plan of another preset under the same library, its features described by it. */
SteerPlan *steer_cli_steering_make_plan (SteerCliSteering *self, SteerPreset *preset, GError **error);

/* The first feature with that address, and its position; NULL when the preset has none. (transfer full) */
SteerFeature *steer_cli_steering_find (SteerCliSteering *self, guint layer, guint64 index, guint *position);

/* The first feature that a source calls so, in whatever case; the error names such as hold the word. */
gboolean
steer_cli_steering_find_label (SteerCliSteering *self, const char *label, guint *layer, guint64 *index, GError **error);

/* Appends a feature, described by the library. Nothing changes when no vector is known for it. */
gboolean steer_cli_steering_add (SteerCliSteering *self, const SteerCliFeature *feature, GError **error);

/* A preset from a file, or by its name one that the desktop app keeps, or a bundled one. Names are those of files,
 * without ".yaml" and without the number of a bundled one, or what the window shows: "eiffel-tower", "Eiffel Tower". */
SteerPreset *steer_cli_open_preset (const char *name, GError **error);

/* The same by its name alone: no other file is opened, whatever @name is. */
SteerPreset *steer_cli_open_known_preset (const char *name, GError **error);

/* Names of the presets that are known by name, in order of their files; free with g_strfreev(). Never NULL. */
char **steer_cli_list_presets (void);

/* "  8.5 clamp where activation(7) > 2.0 (off)", what there is to tell. */
void steer_cli_append_strength (GString *text, SteerFeature *feature);

/* The features of a plan as JSON: [{"layer", "index", "label", "strength", "mode", "when"}], "when" if it has one; an
 * empty array without any. */
JsonNode *steer_cli_describe_plan (SteerPlan *plan);

G_END_DECLS
