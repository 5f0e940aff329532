#pragma once

#include <adwaita.h>

#include "steer-workspace.h"

G_BEGIN_DECLS

/**
 * SteerSteeringPanel: the right side of the window, header bar included: master switch, preset menu, feature rows, add
 * feature, master multiplier, preset options. Everything acts on the workspace's preset at once.
 *
 * Properties: workspace; show-close-button (boolean: a "back" button when the panel covers the window).
 * Actions `steering.*`: toggle, reset, add-feature, new, load (s: a preset's path), save, save-as, rename, delete,
 * import, export; and of rows, by position: duplicate-row (u), remove-row (u), move-row (uu: from, to). They work for
 * the panel and what is in it; a window that wants to bind keys to them inserts the group into itself.
 * Signals: `toast` (AdwToast), `close-requested`.
 */
#define STEER_TYPE_STEERING_PANEL (steer_steering_panel_get_type ())
G_DECLARE_FINAL_TYPE (SteerSteeringPanel, steer_steering_panel, STEER, STEERING_PANEL, GtkWidget)

GtkWidget *steer_steering_panel_new (SteerWorkspace *workspace);

/* Appends @feature to the preset in use, in the mode of new ones; says so when it is nearly another row's direction. */
void steer_steering_panel_add (SteerSteeringPanel *self, SteerFeature *feature);

/* Puts the preset of a file in use: every way to another preset leads through it. A toast offers Undo where unsaved
 * changes were left, and says what was wrong where FALSE comes back. */
gboolean steer_steering_panel_use (SteerSteeringPanel *self, const char *path);

/* Takes a preset from a file into the user's folder and uses it, and writes the one in use to a file. What came of it
 * is told in a toast. */
void steer_steering_panel_import (SteerSteeringPanel *self, GFile *file);
void steer_steering_panel_export (SteerSteeringPanel *self, GFile *file);

/* (transfer none) */
GActionGroup *steer_steering_panel_get_actions (SteerSteeringPanel *self);

G_END_DECLS
