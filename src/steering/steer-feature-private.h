#pragma once

#include "steer-feature.h"
#include "steer-yaml.h"

G_BEGIN_DECLS

/* Unknown keys of the feature's mapping, (element-type SteerYamlExtra) (nullable); shared and immutable. */
GPtrArray *steer_feature_get_extras (SteerFeature *self);
void steer_feature_set_extras (SteerFeature *self, GPtrArray *extras);

/* The keys of a feature's mapping, in the order in which they are written; ends with NULL. "clamp" is read only: a file
 * of before there were other modes has it. */
extern const char *const steer_feature_keys[];

/* Would a saved file show this property? */
gboolean steer_feature_property_is_saved (const char *name);

G_END_DECLS
