#include "steer-steering-panel-private.h"

#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-column-layout.h"
#include "steer-feature-row.h"
#include "steer-preset-menu.h"
#include "steer-preset-settings.h"
#include "steer-steering-closures.h"
#include "steer-strength-scale.h"

/* To make a row, to lay it out and to draw it takes most of a frame's time. */
#define N_ROWS_A_FRAME 1

enum
{
  PROP_0,
  PROP_WORKSPACE,
  PROP_SHOW_CLOSE_BUTTON,
  PROP_EMPTY,
  N_PROPS,
};

enum
{
  TOAST,
  CLOSE_REQUESTED,
  N_SIGNALS,
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerSteeringPanel, steer_steering_panel, GTK_TYPE_WIDGET)

static void
on_solo_notify (SteerFeatureRow *row, GParamSpec *pspec, SteerSteeringPanel *self)
{
  SteerFeature *feature = steer_feature_row_get_feature (row);
  SteerFeature *current = self->solo != NULL ? steer_solo_get_feature (self->solo) : NULL;
  gboolean solo;

  g_object_get (row, "solo", &solo, NULL);
  if (solo != (current == feature))
    steer_steering_panel_set_solo (self, solo ? feature : NULL);
}

static GtkWidget *
make_row (gpointer item, gpointer data)
{
  SteerSteeringPanel *self = data;
  GtkWidget *row = steer_feature_row_new (item);

  if (self->solo != NULL && steer_solo_get_feature (self->solo) == item)
    steer_feature_row_set_solo (STEER_FEATURE_ROW (row), TRUE);
  g_signal_connect_object (row, "notify::solo", G_CALLBACK (on_solo_notify), self, 0);
  return row;
}

void
steer_steering_panel_set_solo (SteerSteeringPanel *self, SteerFeature *feature)
{
  SteerPreset *preset = steer_workspace_get_preset (self->workspace);

  g_clear_pointer (&self->solo, steer_solo_end);
  if (feature != NULL)
    self->solo = steer_solo_begin (preset, feature);
  for (int i = 0;; i++)
    {
      GtkListBoxRow *row = gtk_list_box_get_row_at_index (self->list, i);

      if (row == NULL)
        break;
      steer_feature_row_set_solo (STEER_FEATURE_ROW (row),
                                  steer_feature_row_get_feature (STEER_FEATURE_ROW (row)) == feature);
    }
}

void
steer_steering_panel_focus_row (SteerSteeringPanel *self, guint position)
{
  GtkListBoxRow *row;

  steer_paced_list_reach (self->features, position);
  row = gtk_list_box_get_row_at_index (self->list, (int) position);
  if (row != NULL)
    gtk_widget_grab_focus (GTK_WIDGET (row));
}

static void
update_empty (SteerSteeringPanel *self)
{
  gboolean empty = g_list_model_get_n_items (steer_workspace_get_features (self->workspace)) == 0;

  if (self->empty == empty)
    return;
  self->empty = empty;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EMPTY]);
}

/* A solo belongs to the preset it was begun in, and its enabled rows with it. */
static void
on_preset_changed (SteerSteeringPanel *self)
{
  SteerPreset *preset = steer_workspace_get_preset (self->workspace);

  if (g_set_object (&self->shown, preset))
    steer_steering_panel_set_solo (self, NULL);
  g_binding_group_set_source (self->options, preset);
  steer_steering_panel_update_actions (self);
}

static int
on_multiplier_input (SteerSteeringPanel *self, double *value, GtkSpinButton *number)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (number));

  if (g_str_has_prefix (text, "×"))
    text += strlen ("×");
  return steer_steering_parse_strength (text, value) ? TRUE : GTK_INPUT_ERROR;
}

static gboolean
on_multiplier_output (SteerSteeringPanel *self, GtkSpinButton *number)
{
  g_autofree char *text = steer_steering_dup_multiplier (self, gtk_spin_button_get_value (number));

  if (!g_str_equal (text, gtk_editable_get_text (GTK_EDITABLE (number))))
    gtk_editable_set_text (GTK_EDITABLE (number), text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->multiplier_scale), GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text,
                                  -1);
  return TRUE;
}

/* Whoever opens the options sees what the preset sets, and that it wins over the preferences. */
static void
on_options_shown (SteerSteeringPanel *self)
{
  g_autofree char *text = steer_preset_settings_dup_summary (steer_workspace_get_preset (self->workspace));

  adw_action_row_set_subtitle (self->settings_row, text);
}

static void
on_close_clicked (SteerSteeringPanel *self)
{
  g_signal_emit (self, signals[CLOSE_REQUESTED], 0);
}

static void
bind_options (SteerSteeringPanel *self)
{
  GBindingFlags both = G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE;

  self->options = g_binding_group_new ();
  g_binding_group_bind (self->options, "master-enabled", self->master, "active", both);
  g_binding_group_bind (self->options, "master-multiplier", self->multiplier, "value", both);
  g_binding_group_bind (self->options, "steer-prompt", self->steer_prompt, "active", both);
  g_binding_group_bind (self->options, "skip-special", self->skip_special, "active", both);
  g_binding_group_bind (self->options, "default-clamp", self->default_clamp, "active", both);
}

static void
hide_buttons (GtkWidget *widget)
{
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    if (GTK_IS_BUTTON (child))
      gtk_widget_set_visible (child, FALSE);
}

static void
make_preset_menu (GtkMenuButton *button, gpointer data)
{
  SteerSteeringPanel *self = data;

  if (gtk_menu_button_get_popover (button) == NULL)
    gtk_menu_button_set_popover (button, steer_preset_menu_new (self->workspace));
}

static void
steer_steering_panel_constructed (GObject *object)
{
  SteerSteeringPanel *self = STEER_STEERING_PANEL (object);
  GListModel *features = steer_workspace_get_features (self->workspace);

  G_OBJECT_CLASS (steer_steering_panel_parent_class)->constructed (object);
  bind_options (self);
  steer_steering_panel_add_actions (self);
  self->features = steer_paced_list_new (features, GTK_WIDGET (self), N_ROWS_A_FRAME);
  gtk_list_box_bind_model (self->list, G_LIST_MODEL (self->features), make_row, self, NULL);
  steer_preset_menu_fill (self->preset_list, self->workspace);
  gtk_menu_button_set_create_popup_func (self->preset_button, make_preset_menu, self, NULL);

  g_signal_connect_object (features, "items-changed", G_CALLBACK (update_empty), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->workspace, "notify::preset", G_CALLBACK (on_preset_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->workspace, "notify::preset-path", G_CALLBACK (steer_steering_panel_update_actions),
                           self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->workspace, "notify::preset-modified", G_CALLBACK (steer_steering_panel_update_actions),
                           self, G_CONNECT_SWAPPED);
  g_signal_connect_object (steer_workspace_get_presets (self->workspace), "items-changed",
                           G_CALLBACK (steer_steering_panel_update_actions), self, G_CONNECT_SWAPPED);
  update_empty (self);
  on_preset_changed (self);
}

static void
steer_steering_panel_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerSteeringPanel *self = STEER_STEERING_PANEL (object);

  switch (id)
    {
    case PROP_WORKSPACE:
      g_value_set_object (value, self->workspace);
      break;
    case PROP_SHOW_CLOSE_BUTTON:
      g_value_set_boolean (value, self->show_close_button);
      break;
    case PROP_EMPTY:
      g_value_set_boolean (value, self->empty);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_steering_panel_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerSteeringPanel *self = STEER_STEERING_PANEL (object);

  switch (id)
    {
    case PROP_WORKSPACE:
      self->workspace = g_value_dup_object (value);
      break;
    case PROP_SHOW_CLOSE_BUTTON:
      self->show_close_button = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_steering_panel_dispose (GObject *object)
{
  SteerSteeringPanel *self = STEER_STEERING_PANEL (object);
  GtkWidget *child;

  g_clear_pointer (&self->solo, steer_solo_end);
  if (self->options != NULL)
    g_binding_group_set_source (self->options, NULL);
  g_clear_object (&self->options);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  g_clear_object (&self->features);
  g_clear_object (&self->actions);
  g_clear_object (&self->shown);
  g_clear_object (&self->workspace);
  G_OBJECT_CLASS (steer_steering_panel_parent_class)->dispose (object);
}

static void
bind_template (GtkWidgetClass *widget_class)
{
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-steering-panel.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, list);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, preset_list);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, preset_button);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, master);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, multiplier_scale);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, multiplier_number);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, multiplier);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, options_button);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, settings_row);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, steer_prompt);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, skip_special);
  gtk_widget_class_bind_template_child (widget_class, SteerSteeringPanel, default_clamp);
  gtk_widget_class_bind_template_callback (widget_class, on_multiplier_input);
  gtk_widget_class_bind_template_callback (widget_class, on_multiplier_output);
  gtk_widget_class_bind_template_callback (widget_class, on_close_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_options_shown);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_dup_preset_name);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_dup_list_classes);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_dup_page);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_is_text);
}

static void
steer_steering_panel_class_init (SteerSteeringPanelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_STATIC_STRINGS;

  object_class->constructed = steer_steering_panel_constructed;
  object_class->dispose = steer_steering_panel_dispose;
  object_class->get_property = steer_steering_panel_get_property;
  object_class->set_property = steer_steering_panel_set_property;
  properties[PROP_WORKSPACE] = g_param_spec_object ("workspace", NULL, NULL, STEER_TYPE_WORKSPACE,
                                                    G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | flags);
  properties[PROP_SHOW_CLOSE_BUTTON]
    = g_param_spec_boolean ("show-close-button", NULL, NULL, FALSE, G_PARAM_READWRITE | flags);
  properties[PROP_EMPTY]
    = g_param_spec_boolean ("empty", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  signals[TOAST] = g_signal_new ("toast", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, ADW_TYPE_TOAST);
  signals[CLOSE_REQUESTED] = g_signal_new ("close-requested", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                           NULL, NULL, G_TYPE_NONE, 0);
  g_type_ensure (STEER_TYPE_COLUMN_LAYOUT);
  g_type_ensure (STEER_TYPE_STRENGTH_SCALE);
  bind_template (GTK_WIDGET_CLASS (klass));
}

static void
steer_steering_panel_init (SteerSteeringPanel *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  steer_accessible_name_mnemonics (GTK_WIDGET (self));
  hide_buttons (GTK_WIDGET (self->multiplier_number));
  steer_strength_scale_ignore_wheel (GTK_WIDGET (self->multiplier_number));
  steer_strength_scale_set_marks (STEER_STRENGTH_SCALE (self->multiplier_scale), NULL, "");
}

GtkWidget *
steer_steering_panel_new (SteerWorkspace *workspace)
{
  return g_object_new (STEER_TYPE_STEERING_PANEL, "workspace", workspace, NULL);
}

GActionGroup *
steer_steering_panel_get_actions (SteerSteeringPanel *self)
{
  g_return_val_if_fail (STEER_IS_STEERING_PANEL (self), NULL);
  return G_ACTION_GROUP (self->actions);
}
