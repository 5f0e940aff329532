#pragma once

#include "steer-workspace.h"

G_BEGIN_DECLS

#define STEER_TYPE_SWEEP_DIALOG (steer_sweep_dialog_get_type ())

/**
 * SteerSweepDialog:
 *
 * Lets the model reply to a few prompts under rising strengths of one feature, shows what came of each, and offers the
 * one at which most of the feature is heard while the replies hold together. Begins at once; what is asked and how far
 * it goes can be changed. Closing it stops what is under way.
 *
 * Signals:
 * - chosen (double): this strength is to be used. The dialog closes itself.
 */
G_DECLARE_FINAL_TYPE (SteerSweepDialog, steer_sweep_dialog, STEER, SWEEP_DIALOG, AdwWindow)

/* @feature: one of the preset in use. What else steers in it, as it is now, steers here, too. */
GtkWidget *steer_sweep_dialog_new (GtkWindow *parent, SteerWorkspace *workspace, SteerFeature *feature);

G_END_DECLS
