#pragma once

#include <adwaita.h>

#include "steering/steer-made-feature.h"

#include "steer-workspace.h"

G_BEGIN_DECLS

#define STEER_TYPE_CONTRAST_DIALOG (steer_contrast_dialog_get_type ())

/**
 * SteerContrastDialog:
 *
 * Makes a feature of examples: they are typed, the model reads them, a layer and a strength are chosen, and the feature
 * is kept (steer-workspace-made.h). What was typed and not used is there again when the next dialog opens.
 *
 * Signal `chosen` (SteerFeature): it was made and is to be added to the preset.
 */
G_DECLARE_FINAL_TYPE (SteerContrastDialog, steer_contrast_dialog, STEER, CONTRAST_DIALOG, AdwWindow)

/* @examples: (nullable): what is shown to begin with. */
GtkWidget *steer_contrast_dialog_new (GtkWindow *parent, SteerWorkspace *workspace, const SteerMadeFeature *examples);

G_END_DECLS
