#pragma once

#include "steer-condition.h"
#include "steer-plan.h"

G_BEGIN_DECLS

#define STEER_TYPE_FEATURE (steer_feature_get_type ())

/**
 * SteerFeature:
 *
 * One row of the steering panel: a direction and how strongly it is used. Main thread only; a backend never sees it.
 *
 * Properties: layer (uint, construct-only), index (uint64, construct-only), source (string, nullable: id of the source
 * its vector comes from), label (string, nullable), strength (double: raw units of the residual stream, in mode
 * SAE_CLAMP units of the feature's activation), mode (SteerMode), clamp (boolean: mode is CLAMP), when (string,
 * nullable, read-only: its condition as text), enabled (boolean, TRUE), and what is known about its range, from the
 * source: recommended, minimum, maximum, layer-norm (double, 0 when unknown). All notify, and only when their value
 * differs. What is known about the range is not written to a file.
 */
G_DECLARE_FINAL_TYPE (SteerFeature, steer_feature, STEER, FEATURE, GObject)

/* Strengths outside, and NaN, do not get into a feature: a setter bounds them, a file that has them is refused. */
#define STEER_FEATURE_MAX_STRENGTH 1e9

/* Layers and indices that a plan and a file accept. */
#define STEER_FEATURE_MAX_LAYER 65535

SteerFeature *steer_feature_new (guint layer, guint64 index);
/**
 * steer_feature_copy:
 *
 * Returns: (transfer full): another one that is alike
 */
SteerFeature *steer_feature_copy (SteerFeature *self);

guint steer_feature_get_layer (SteerFeature *self);
guint64 steer_feature_get_index (SteerFeature *self);
const char *steer_feature_get_source (SteerFeature *self);
void steer_feature_set_source (SteerFeature *self, const char *source);
const char *steer_feature_get_label (SteerFeature *self);
void steer_feature_set_label (SteerFeature *self, const char *label);
double steer_feature_get_strength (SteerFeature *self);
void steer_feature_set_strength (SteerFeature *self, double strength);
SteerMode steer_feature_get_mode (SteerFeature *self);
void steer_feature_set_mode (SteerFeature *self, SteerMode mode);
/* Short for mode CLAMP; setting FALSE makes CLAMP into ADD and leaves other modes. */
gboolean steer_feature_get_clamp (SteerFeature *self);
void steer_feature_set_clamp (SteerFeature *self, gboolean clamp);
/**
 * steer_feature_get_condition: (skip)
 *
 * Where it acts; NULL: everywhere. Valid until the next change.
 */
const SteerCondition *steer_feature_get_condition (SteerFeature *self);
/**
 * steer_feature_set_condition: (skip)
 */
void steer_feature_set_condition (SteerFeature *self, const SteerCondition *condition);
/* The same as text, as property when. */
const char *steer_feature_get_when (SteerFeature *self);
gboolean steer_feature_get_enabled (SteerFeature *self);
void steer_feature_set_enabled (SteerFeature *self, gboolean enabled);
double steer_feature_get_recommended (SteerFeature *self);
double steer_feature_get_minimum (SteerFeature *self);
double steer_feature_get_maximum (SteerFeature *self);
double steer_feature_get_layer_norm (SteerFeature *self);

/* What a source knows. @recommended: 0 when unknown; @minimum, @maximum: both 0 when unknown. */
void steer_feature_set_range (SteerFeature *self, double recommended, double minimum, double maximum);
void steer_feature_set_layer_norm (SteerFeature *self, double layer_norm);

G_END_DECLS
