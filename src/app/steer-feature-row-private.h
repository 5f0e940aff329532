#pragma once

#include "steer-feature-row.h"
#include "steer-steering-closures.h"
#include "steer-strength-scale.h"

G_BEGIN_DECLS

struct _SteerFeatureRow
{
  GtkListBoxRow parent_instance;

  SteerFeature *feature;
  SteerStrengthRange range;
  double side; /* hardly a strength: of the sign that the feature came with, for which there is always room */
  gboolean beyond;
  gboolean solo;
  char *label_before; /* nullable: when it began to be edited */
  gboolean showing;   /* the widgets are being set from the feature, not the other way round */

  GtkWidget *handle;
  GtkEditableLabel *title;
  GtkWidget *toggle;
  GtkMenuButton *menu_button;
  GMenuModel *menu;
  GtkMenuButton *mode_button;
  GMenuModel *mode_menu;
  SteerStrengthScale *scale;
  GtkAdjustment *scale_adjustment;
  GtkSpinButton *number;
  GtkAdjustment *number_adjustment;
  GtkWidget *clamp;
  gpointer title_focus; /* a controller of @title, not a reference */
};

/* steer-feature-row-actions.c */
void steer_feature_row_install_actions (GtkWidgetClass *widget_class);

/* steer-feature-row-dnd.c: rows change their order by being dragged. */
void steer_feature_row_add_drag_and_drop (SteerFeatureRow *self);

G_END_DECLS
