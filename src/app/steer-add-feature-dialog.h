#pragma once

#include <adwaita.h>

#include "steer-label-book.h"

G_BEGIN_DECLS

/**
 * SteerAddFeatureDialog: finds a feature in the sources that are loaded, by words of its label as they are typed
 * (steer-feature-finder.h) or by layer and index.
 *
 * Signal `chosen` (SteerFeature): a new feature, described, at its recommended strength (0 where none is known). The
 * dialog closes after it. Signal `file-chosen` (GFile): a file of vectors is to be added to the sources. Signal
 * `examples-chosen`: a feature is to be made of examples; the dialog closes after it.
 */
#define STEER_TYPE_ADD_FEATURE_DIALOG (steer_add_feature_dialog_get_type ())
G_DECLARE_FINAL_TYPE (SteerAddFeatureDialog, steer_add_feature_dialog, STEER, ADD_FEATURE_DIALOG, AdwWindow)

GtkWidget *steer_add_feature_dialog_new (GtkWindow *parent, SteerLibrary *library, SteerLabelBook *labels);

/* Lists what the sources have now. */
void steer_add_feature_dialog_refresh (SteerAddFeatureDialog *self);

G_END_DECLS
