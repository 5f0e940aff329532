#include "steer-feature-row-private.h"

#include <adwaita.h>
#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-aside-layout.h"
#include "steer-steering-closures.h"
#include "steer-whole-box.h"

/* A slider that shrank at every step would keep its knob where it is. */
#define LARGEST_FIT 0.5

enum
{
  PROP_0,
  PROP_FEATURE,
  PROP_BEYOND,
  PROP_SOLO,
  PROP_MODE,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerFeatureRow, steer_feature_row, GTK_TYPE_LIST_BOX_ROW)

static void
set_beyond (SteerFeatureRow *self, gboolean beyond)
{
  if (self->beyond == beyond)
    return;
  self->beyond = beyond;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_BEYOND]);
}

/* A slider says its label, its value and its unit. */
static void
update_accessible (SteerFeatureRow *self)
{
  g_autofree char *title
    = steer_steering_dup_title (self, steer_feature_get_label (self->feature), steer_feature_get_index (self->feature));
  g_autofree char *strength = g_strdup_printf (_ ("Strength of %s"), title);
  g_autofree char *mode = steer_steering_dup_mode_label (self, steer_feature_get_mode (self->feature));
  /* Translators: the button that changes how a feature is applied: "Clamp Eiffel Tower", "Minimum Eiffel Tower" */
  g_autofree char *clamp = g_strdup_printf (_ ("%s %s"), mode, title);
  g_autofree char *modes = g_strdup_printf (_ ("Mode of %s"), title);
  g_autofree char *enabled = g_strdup_printf (_ ("Use %s"), title);
  g_autofree char *menu = g_strdup_printf (_ ("Menu of %s"), title);
  g_autofree char *label = g_strdup_printf (_ ("Label of %s"), title);
  g_autofree char *value = steer_steering_dup_value_text (self, steer_feature_get_strength (self->feature),
                                                          steer_steering_get_layer_norm (self->feature), self->beyond);

  gtk_accessible_update_property (GTK_ACCESSIBLE (self->scale), GTK_ACCESSIBLE_PROPERTY_LABEL, strength,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, value, -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->number), GTK_ACCESSIBLE_PROPERTY_LABEL, strength, -1);
  steer_accessible_set_name (GTK_WIDGET (self->clamp), clamp);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->mode_button), GTK_ACCESSIBLE_PROPERTY_LABEL, modes, -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->toggle), GTK_ACCESSIBLE_PROPERTY_LABEL, enabled, -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->menu_button), GTK_ACCESSIBLE_PROPERTY_LABEL, menu, -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->title), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
}

/* Those of a step of the slider; a drag is finer than that. */
static int
get_shown_digits (SteerFeatureRow *self)
{
  return self->range.digits - 1;
}

static void
update_marks (SteerFeatureRow *self)
{
  double recommended = steer_steering_get_recommended (self->feature);
  g_autofree char *number = steer_steering_dup_rounded (self, recommended, get_shown_digits (self));
  g_autofree char *label = g_markup_printf_escaped ("<small>%s</small>", number);

  steer_strength_scale_set_marks (self->scale, "<small>0</small>", label);
  steer_strength_scale_set_recommended (self->scale, recommended);
}

static gboolean
is_held (SteerFeatureRow *self)
{
  return (gtk_widget_get_state_flags (GTK_WIDGET (self->scale)) & GTK_STATE_FLAG_ACTIVE) != 0;
}

/* A slider grows for a strength that lies outside, and shrinks once the strength fits into what is known of the feature
 * again, or would do with half of it; not while it is held, so that it does not run away under the hand that drags it.
 */
static gboolean
find_range (SteerFeatureRow *self, SteerStrengthRange *range)
{
  double strength = steer_feature_get_strength (self->feature);

  if (!steer_strength_range_holds (&self->range, strength))
    {
      steer_strength_range_init_for_feature (range, self->feature, strength);
      return TRUE;
    }
  if (is_held (self))
    return FALSE;
  steer_strength_range_init_for_feature (range, self->feature, self->side);
  if (steer_strength_range_holds (range, strength))
    return TRUE;
  steer_strength_range_init_for_feature (range, self->feature, strength);
  return range->upper - range->lower < LARGEST_FIT * (self->range.upper - self->range.lower);
}

static char *
dup_number (SteerFeatureRow *self)
{
  return steer_steering_dup_rounded (self, gtk_adjustment_get_value (self->number_adjustment), get_shown_digits (self));
}

static gboolean
on_number_output (SteerFeatureRow *self, GtkSpinButton *number)
{
  g_autofree char *text = dup_number (self);

  if (!g_str_equal (text, gtk_editable_get_text (GTK_EDITABLE (number))))
    gtk_editable_set_text (GTK_EDITABLE (number), text);
  return TRUE;
}

static void
set_range (SteerFeatureRow *self, const SteerStrengthRange *range)
{
  double strength = steer_feature_get_strength (self->feature);

  self->range = *range;
  gtk_adjustment_configure (self->scale_adjustment, strength, range->lower, range->upper, range->step, range->page,
                            0.0);
  gtk_adjustment_set_step_increment (self->number_adjustment, range->step);
  gtk_adjustment_set_page_increment (self->number_adjustment, range->page);
  gtk_range_set_round_digits (GTK_RANGE (self->scale), range->digits);
  steer_strength_scale_set_useful (self->scale, range->useful_lower, range->useful_upper);
  update_marks (self);
  /* It may show another number of decimals now, by which on_number_input() knows that nothing was typed. */
  on_number_output (self, self->number);
}

static void
update_range (SteerFeatureRow *self, gboolean anew)
{
  SteerStrengthRange range;

  if (anew)
    steer_strength_range_init_for_feature (&range, self->feature, steer_feature_get_strength (self->feature));
  else if (!find_range (self, &range) || (range.lower == self->range.lower && range.upper == self->range.upper))
    return;
  set_range (self, &range);
}

static void
show_strength (SteerFeatureRow *self, gboolean anew)
{
  double strength = steer_feature_get_strength (self->feature);

  self->showing = TRUE;
  update_range (self, anew);
  gtk_adjustment_set_value (self->scale_adjustment, strength);
  gtk_adjustment_set_value (self->number_adjustment, strength);
  set_beyond (self, steer_strength_range_is_beyond (&self->range, strength));
  self->showing = FALSE;
  update_accessible (self);
}

static void
on_strength_notify (SteerFeatureRow *self)
{
  show_strength (self, FALSE);
}

/* The slider may have been let go. */
static void
on_scale_state_changed (SteerFeatureRow *self)
{
  show_strength (self, FALSE);
}

static void
on_range_notify (SteerFeatureRow *self)
{
  show_strength (self, TRUE);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "feature.recommend",
                                 steer_steering_get_recommended (self->feature) != 0.0);
}

static void
on_value_changed (GtkAdjustment *adjustment, SteerFeatureRow *self)
{
  if (!self->showing)
    steer_feature_set_strength (self->feature, gtk_adjustment_get_value (adjustment));
}

/* The text shows a few decimals only; leaving the entry must not round the strength to them. */
static int
on_number_input (SteerFeatureRow *self, double *value, GtkSpinButton *number)
{
  g_autofree char *shown = dup_number (self);
  const char *text = gtk_editable_get_text (GTK_EDITABLE (number));

  *value = gtk_adjustment_get_value (self->number_adjustment);
  if (g_str_equal (text, shown))
    return TRUE;
  return steer_steering_parse_strength (text, value) ? TRUE : GTK_INPUT_ERROR;
}

static gboolean
mode_to_active (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  g_value_set_boolean (to, g_value_get_enum (from) != STEER_MODE_ADD);
  return TRUE;
}

/* Pressed, the button clamps; released, it adds. The other modes are chosen from the menu and shown as pressed. */
static gboolean
active_to_mode (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  SteerMode mode = steer_feature_get_mode (data);

  if (!g_value_get_boolean (from))
    mode = STEER_MODE_ADD;
  else if (mode == STEER_MODE_ADD)
    mode = STEER_MODE_CLAMP;
  g_value_set_enum (to, mode);
  return TRUE;
}

/* What is known of the range may be of other units than the mode's. */
static void
on_mode_notify (SteerFeatureRow *self)
{
  on_range_notify (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MODE]);
}

static gboolean
label_to_title (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  SteerFeature *feature = data;

  g_value_take_string (to,
                       steer_steering_dup_title (NULL, g_value_get_string (from), steer_feature_get_index (feature)));
  return TRUE;
}

/* A title that only stands in for a label, or shows it with a capital letter, is not made one. */
static gboolean
title_to_label (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  SteerFeature *feature = data;
  const char *label = steer_feature_get_label (feature);
  g_autofree char *fallback = steer_steering_dup_title (NULL, NULL, steer_feature_get_index (feature));
  g_autofree char *shown = steer_steering_dup_title (NULL, label, steer_feature_get_index (feature));
  g_autofree char *text = g_strstrip (g_value_dup_string (from));

  if (*text == '\0' || g_str_equal (text, fallback))
    g_value_set_string (to, NULL);
  else
    g_value_set_string (to, g_str_equal (text, shown) ? label : text);
  return TRUE;
}

/* GtkEditableLabel's own label asks for the whole width of its text. */
static void
ellipsize (GtkWidget *widget)
{
  if (GTK_IS_LABEL (widget))
    gtk_label_set_ellipsize (GTK_LABEL (widget), PANGO_ELLIPSIZE_END);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    ellipsize (child);
}

/* Arrow keys and typing change a number; its buttons would take the room of the slider. */
static void
hide_buttons (GtkWidget *widget)
{
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    if (GTK_IS_BUTTON (child))
      gtk_widget_set_visible (child, FALSE);
}

/* The label follows what is typed; once that is done it is what the user calls the feature. */
static void
on_editing_notify (SteerFeatureRow *self)
{
  g_autofree char *before = g_steal_pointer (&self->label_before);
  const char *label = steer_feature_get_label (self->feature);

  if (gtk_editable_label_get_editing (self->title))
    self->label_before = g_strdup (label != NULL ? label : "");
  else if (before != NULL && !g_str_equal (before, label != NULL ? label : ""))
    gtk_widget_activate_action (GTK_WIDGET (self), "steering.name-row", "u",
                                (guint) gtk_list_box_row_get_index (GTK_LIST_BOX_ROW (self)));
}

static void
steer_feature_row_constructed (GObject *object)
{
  SteerFeatureRow *self = STEER_FEATURE_ROW (object);
  GBindingFlags both = G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE;

  G_OBJECT_CLASS (steer_feature_row_parent_class)->constructed (object);
  self->side = steer_feature_get_strength (self->feature) < 0.0 ? -G_MINDOUBLE : G_MINDOUBLE;
  g_object_bind_property (self->feature, "enabled", self->toggle, "active", both);
  g_object_bind_property_full (self->feature, "mode", self->clamp, "active", both, mode_to_active, active_to_mode,
                               self->feature, NULL);
  g_object_bind_property_full (self->feature, "label", self->title, "text", both, label_to_title, title_to_label,
                               self->feature, NULL);
  g_signal_connect_object (self->title, "notify::editing", G_CALLBACK (on_editing_notify), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->feature, "notify::strength", G_CALLBACK (on_strength_notify), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->feature, "notify::mode", G_CALLBACK (on_mode_notify), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->feature, "notify::label", G_CALLBACK (update_accessible), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->feature, "notify::recommended", G_CALLBACK (on_range_notify), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->feature, "notify::minimum", G_CALLBACK (on_range_notify), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->feature, "notify::maximum", G_CALLBACK (on_range_notify), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->feature, "notify::layer-norm", G_CALLBACK (on_range_notify), self, G_CONNECT_SWAPPED);
  g_signal_connect (self->scale_adjustment, "value-changed", G_CALLBACK (on_value_changed), self);
  g_signal_connect (self->number_adjustment, "value-changed", G_CALLBACK (on_value_changed), self);
  g_signal_connect_object (self->scale, "state-flags-changed", G_CALLBACK (on_scale_state_changed), self,
                           G_CONNECT_SWAPPED);
  on_range_notify (self);
  gtk_widget_show (self->clamp);
}

static void
steer_feature_row_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerFeatureRow *self = STEER_FEATURE_ROW (object);

  switch (id)
    {
    case PROP_FEATURE:
      g_value_set_object (value, self->feature);
      break;
    case PROP_BEYOND:
      g_value_set_boolean (value, self->beyond);
      break;
    case PROP_SOLO:
      g_value_set_boolean (value, self->solo);
      break;
    case PROP_MODE:
      g_value_set_enum (value, steer_feature_get_mode (self->feature));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_feature_row_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerFeatureRow *self = STEER_FEATURE_ROW (object);

  switch (id)
    {
    case PROP_FEATURE:
      self->feature = g_value_dup_object (value);
      break;
    case PROP_SOLO:
      steer_feature_row_set_solo (self, g_value_get_boolean (value));
      break;
    case PROP_MODE:
      steer_feature_set_mode (self->feature, (SteerMode) g_value_get_enum (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_feature_row_dispose (GObject *object)
{
  SteerFeatureRow *self = STEER_FEATURE_ROW (object);

  if (self->scale_adjustment != NULL)
    g_signal_handlers_disconnect_by_data (self->scale_adjustment, self);
  if (self->number_adjustment != NULL)
    g_signal_handlers_disconnect_by_data (self->number_adjustment, self);
  g_clear_object (&self->feature);
  g_clear_pointer (&self->label_before, g_free);
  G_OBJECT_CLASS (steer_feature_row_parent_class)->dispose (object);
  /* GTK 4.8: a label that lost its focus a moment ago leaves a timeout for its controller behind. */
  if (self->title_focus != NULL)
    g_source_remove_by_user_data (g_steal_pointer (&self->title_focus));
}

static void
steer_feature_row_class_init (SteerFeatureRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->constructed = steer_feature_row_constructed;
  object_class->dispose = steer_feature_row_dispose;
  object_class->get_property = steer_feature_row_get_property;
  object_class->set_property = steer_feature_row_set_property;
  properties[PROP_FEATURE] = g_param_spec_object ("feature", NULL, NULL, STEER_TYPE_FEATURE,
                                                  G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_BEYOND] = g_param_spec_boolean ("beyond", NULL, NULL, FALSE, G_PARAM_READABLE | flags);
  properties[PROP_SOLO] = g_param_spec_boolean ("solo", NULL, NULL, FALSE, G_PARAM_READWRITE | flags);
  properties[PROP_MODE]
    = g_param_spec_enum ("mode", NULL, NULL, STEER_TYPE_MODE, STEER_MODE_ADD, G_PARAM_READWRITE | flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  g_type_ensure (STEER_TYPE_ASIDE_LAYOUT);
  g_type_ensure (STEER_TYPE_STRENGTH_SCALE);
  g_type_ensure (STEER_TYPE_WHOLE_BOX);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-feature-row.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, handle);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, title);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, toggle);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, menu_button);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, menu);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, mode_button);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, mode_menu);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, scale);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, scale_adjustment);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, number);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, number_adjustment);
  gtk_widget_class_bind_template_child (widget_class, SteerFeatureRow, clamp);
  gtk_widget_class_bind_template_callback (widget_class, on_number_input);
  gtk_widget_class_bind_template_callback (widget_class, on_number_output);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_dup_mode_label);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_dup_mode_text);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_dup_place);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_dup_when);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_is_text);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_dup_measure);
  gtk_widget_class_bind_template_callback (widget_class, steer_steering_dup_row_classes);
  steer_feature_row_install_actions (widget_class);
}

/* A menu's widgets cost more than the rest of the row, and few are ever opened. */
static void
make_menu (GtkMenuButton *button, gpointer data)
{
  SteerFeatureRow *self = data;

  if (gtk_menu_button_get_menu_model (button) == NULL)
    gtk_menu_button_set_menu_model (button, button == self->menu_button ? self->menu : self->mode_menu);
}

/* (transfer none) (nullable) */
static gpointer
find_focus_controller (GtkWidget *widget)
{
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (widget);

  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
    {
      g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

      if (GTK_IS_EVENT_CONTROLLER_FOCUS (controller))
        return controller;
    }
  return NULL;
}

static void
steer_feature_row_init (SteerFeatureRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_widget_show (self->handle);
  gtk_widget_show (self->toggle);
  gtk_widget_show (GTK_WIDGET (self->menu_button));
  gtk_widget_show (GTK_WIDGET (self->scale));
  gtk_widget_show (GTK_WIDGET (self->mode_button));
  gtk_menu_button_set_create_popup_func (self->menu_button, make_menu, self, NULL);
  gtk_menu_button_set_create_popup_func (self->mode_button, make_menu, self, NULL);
  self->title_focus = find_focus_controller (GTK_WIDGET (self->title));
  ellipsize (GTK_WIDGET (self->title));
  hide_buttons (GTK_WIDGET (self->number));
  steer_strength_scale_ignore_wheel (GTK_WIDGET (self->number));
  steer_feature_row_add_drag_and_drop (self);
}

GtkWidget *
steer_feature_row_new (SteerFeature *feature)
{
  return g_object_new (STEER_TYPE_FEATURE_ROW, "feature", feature, NULL);
}

SteerFeature *
steer_feature_row_get_feature (SteerFeatureRow *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE_ROW (self), NULL);
  return self->feature;
}

void
steer_feature_row_set_solo (SteerFeatureRow *self, gboolean solo)
{
  g_return_if_fail (STEER_IS_FEATURE_ROW (self));

  if (self->solo == !!solo)
    return;
  self->solo = !!solo;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SOLO]);
}

void
steer_feature_row_rename (SteerFeatureRow *self)
{
  g_return_if_fail (STEER_IS_FEATURE_ROW (self));
  gtk_widget_grab_focus (GTK_WIDGET (self->title));
  gtk_editable_label_start_editing (self->title);
}
