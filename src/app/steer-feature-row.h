#pragma once

#include <gtk/gtk.h>

#include "steering/steer-feature.h"

G_BEGIN_DECLS

/**
 * SteerFeatureRow: a card of the steering panel's list: label, place, slider and number, clamp, switch and menu of one
 * feature. What is done here acts on the feature at once.
 *
 * Properties: feature (SteerFeature, construct-only); beyond (boolean, read-only: the strength is in a danger zone);
 * solo (boolean: the panel lets only this feature work).
 *
 * Actions of the menu are `feature.*`. Those that concern the list are passed on to the panel as `steering.*-row` with
 * this row's position: duplicate-row (u), remove-row (u), move-row (uu: from, to). Alt+Up and Alt+Down move the row, as
 * does dragging its heading.
 */
#define STEER_TYPE_FEATURE_ROW (steer_feature_row_get_type ())
G_DECLARE_FINAL_TYPE (SteerFeatureRow, steer_feature_row, STEER, FEATURE_ROW, GtkListBoxRow)

GtkWidget *steer_feature_row_new (SteerFeature *feature);

SteerFeature *steer_feature_row_get_feature (SteerFeatureRow *self);
void steer_feature_row_set_solo (SteerFeatureRow *self, gboolean solo);

/* Begins to edit the label. */
void steer_feature_row_rename (SteerFeatureRow *self);

G_END_DECLS
