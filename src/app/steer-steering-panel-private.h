#pragma once

#include "steer-steering-edit.h"
#include "steer-paced-list.h"
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
  SteerPacedList *features;
  gboolean show_close_button;
  gboolean empty;

  GtkListBox *list;
  GtkListBox *preset_list;
  GtkMenuButton *preset_button;
  GtkSwitch *master;
  GtkWidget *multiplier_scale;
  GtkSpinButton *multiplier_number;
  GtkAdjustment *multiplier;
  GtkMenuButton *options_button;
  AdwActionRow *settings_row;
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

/* steer-steering-panel-presets.c */
void steer_steering_panel_add_preset_actions (SteerSteeringPanel *self);

/* steer-steering-panel-save.c */
void steer_steering_panel_add_save_actions (SteerSteeringPanel *self);

/* steer-steering-panel-undo.c */

/* (nullable) */
GtkWindow *steer_steering_panel_get_window (SteerSteeringPanel *self);
SteerPreset *steer_steering_panel_get_preset (SteerSteeringPanel *self);
/* The user's own file of the preset in use; NULL when it has none or came with the program. */
SteerPresetEntry *steer_steering_panel_get_own_entry (SteerSteeringPanel *self);
gboolean steer_steering_panel_is_bundled (SteerSteeringPanel *self);

/* Names and errors come from strangers' files: never markup. */
AdwToast *steer_steering_make_toast (const char *text);
/* @toast: (transfer full) */
void steer_steering_panel_take_toast (SteerSteeringPanel *self, AdwToast *toast);
void steer_steering_panel_show_text (SteerSteeringPanel *self, const char *text);
void steer_steering_panel_show_error (SteerSteeringPanel *self, const char *what, GError *error);
/* Tells it where FALSE comes back. */
gboolean steer_steering_panel_is_local (SteerSteeringPanel *self, GFile *file);

/* What Undo goes back to: the preset as it is now, and the file it belongs to. */
typedef struct _SteerSteeringUndo SteerSteeringUndo;
SteerSteeringUndo *steer_steering_undo_new (SteerSteeringPanel *self);
void steer_steering_undo_free (SteerSteeringUndo *undo);
/* @token: (transfer full): of a deleted file, to be brought back first. */
void steer_steering_undo_set_token (SteerSteeringUndo *undo, char *token);
/* @undo: (transfer full) */
void steer_steering_panel_show_undo (SteerSteeringPanel *self, const char *text, SteerSteeringUndo *undo);

G_END_DECLS
