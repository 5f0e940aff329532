#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

#define STEER_TYPE_FEATURE (steer_feature_get_type ())

/**
 * SteerFeature:
 *
 * One row of the steering panel: a direction and how strongly it is used. Main thread only; a backend never sees it.
 *
 * Properties: layer (uint), index (uint64), source (string, nullable: id of the source its vector comes from),
 * label (string), strength (double), clamp (boolean), enabled (boolean, TRUE), and what is known about its range,
 * from the source: recommended, minimum, maximum, layer-norm (double, 0 when unknown). All notify.
 */
G_DECLARE_FINAL_TYPE (SteerFeature, steer_feature, STEER, FEATURE, GObject)

SteerFeature *steer_feature_new (guint layer,
                                 guint64 index);
SteerFeature *steer_feature_copy (SteerFeature *self);

guint steer_feature_get_layer (SteerFeature *self);
guint64 steer_feature_get_index (SteerFeature *self);
const char *steer_feature_get_source (SteerFeature *self);
const char *steer_feature_get_label (SteerFeature *self);
void steer_feature_set_label (SteerFeature *self,
                              const char *label);
double steer_feature_get_strength (SteerFeature *self);
void steer_feature_set_strength (SteerFeature *self,
                                 double strength);
gboolean steer_feature_get_clamp (SteerFeature *self);
void steer_feature_set_clamp (SteerFeature *self,
                              gboolean clamp);
gboolean steer_feature_get_enabled (SteerFeature *self);
void steer_feature_set_enabled (SteerFeature *self,
                                gboolean enabled);
double steer_feature_get_recommended (SteerFeature *self);
double steer_feature_get_minimum (SteerFeature *self);
double steer_feature_get_maximum (SteerFeature *self);
double steer_feature_get_layer_norm (SteerFeature *self);

G_END_DECLS
