#pragma once

#include <json-glib/json-glib.h>

#include "steer-cli.h"

G_BEGIN_DECLS

/* How a device is told: some lines, and an object. */
void steer_cli_append_device (GString *text, const SteerDevice *device);
void steer_cli_add_device (JsonBuilder *json, const SteerDevice *device);

G_END_DECLS
