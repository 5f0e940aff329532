#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

/**
 * SteerPresetSettings: a dialog with what the preset in use sets of its own, beside its features: the system prompt,
 * and the sampling settings one by one. What it leaves open is shown as the preferences have it. Changes go into the
 * preset at once, which is then saved as after any other change.
 */
#define STEER_TYPE_PRESET_SETTINGS (steer_preset_settings_get_type ())
G_DECLARE_FINAL_TYPE (SteerPresetSettings, steer_preset_settings, STEER, PRESET_SETTINGS, AdwWindow)

GtkWidget *steer_preset_settings_new (GtkWindow *parent, SteerWorkspace *workspace);

/* "Temperature, Seed": what the preset sets, as the dialog calls it; "" where it sets nothing. */
char *steer_preset_settings_dup_sampling (SteerPreset *preset);
/* "Its own: System Prompt, Seed": the same in a sentence, with the system prompt. */
char *steer_preset_settings_dup_summary (SteerPreset *preset);

/* An empty one is none: the preferences' counts. */
gboolean steer_preset_settings_has_prompt (SteerPreset *preset);

G_END_DECLS
