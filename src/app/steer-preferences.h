#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

/**
 * SteerPreferences: defaults of sampling, system prompt, steering's effect on cached context, device, threads, context,
 * text size. Everything is kept in GSettings as it is changed; what concerns the model takes effect when it is loaded
 * again, which a button offers.
 */
#define STEER_TYPE_PREFERENCES (steer_preferences_get_type ())
G_DECLARE_FINAL_TYPE (SteerPreferences, steer_preferences, STEER, PREFERENCES, AdwPreferencesWindow)

SteerPreferences *steer_preferences_new (GtkWindow *parent, SteerWorkspace *workspace);

/* Asks for the devices anew, which may have changed since the window was made. */
void steer_preferences_list_devices (SteerPreferences *self);

G_END_DECLS
