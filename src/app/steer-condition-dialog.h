#pragma once

#include <adwaita.h>

#include "steering/steer-feature.h"

G_BEGIN_DECLS

#define STEER_TYPE_CONDITION_DIALOG (steer_condition_dialog_get_type ())

/**
 * SteerConditionDialog:
 *
 * Asks where a feature is to act (steering/steer-condition.h), and sets the feature's condition when that is accepted.
 */
G_DECLARE_FINAL_TYPE (SteerConditionDialog, steer_condition_dialog, STEER, CONDITION_DIALOG, AdwMessageDialog)

GtkWidget *steer_condition_dialog_new (GtkWindow *parent, SteerFeature *feature);

G_END_DECLS
