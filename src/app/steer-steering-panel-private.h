#pragma once

#include "steer-steering-edit.h"
#include "steer-steering-panel.h"

G_BEGIN_DECLS

struct _SteerSteeringPanel
{
  GtkWidget parent_instance;

  SteerWorkspace *workspace;
  GSimpleActionGroup *actions;
  GBindingGroup *options; /* the switches and sliders that show the preset in use */
  SteerSolo *solo;        /* nullable */
  SteerPreset *shown;     /* whose features the list shows */
  gboolean show_close_button;
  gboolean empty;

  GtkListBox *list;
  GtkListBox *preset_list;
  GtkMenuButton *preset_button;
  GtkSwitch *master;
  GtkWidget *multiplier_scale;
  GtkSpinButton *multiplier_number;
  GtkAdjustment *multiplier;
  GtkSwitch *steer_prompt;
  GtkSwitch *skip_special;
  GtkSwitch *default_clamp;
};

/* Makes the `steering.*` actions and keeps them enabled where they make sense. */
void steer_steering_panel_add_actions (SteerSteeringPanel *self);
void steer_steering_panel_update_actions (SteerSteeringPanel *self);

/* Nothing but a row is shown as soloed; NULL: none. */
void steer_steering_panel_set_solo (SteerSteeringPanel *self, SteerFeature *feature);

void steer_steering_panel_focus_row (SteerSteeringPanel *self, guint position);

G_END_DECLS
