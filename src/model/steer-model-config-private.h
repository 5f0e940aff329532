#pragma once

#include "steer-json-config.h"

G_BEGIN_DECLS

/* Reads the rotary embedding's part of config.json: rope_theta with rope_scaling, or rope_parameters. */
gboolean steer_model_config_read_rope (SteerModelConfig *self, const SteerJsonConfig *json, GError **error);

G_END_DECLS
