/* What the menu and the keys of a row do. */
#include "steer-feature-row-private.h"

#include <adwaita.h>
#include <glib/gi18n.h>

#include "steer-condition-dialog.h"

static void
on_recommend (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerFeature *feature = STEER_FEATURE_ROW (widget)->feature;

  steer_feature_set_strength (feature, steer_steering_get_recommended (feature));
}

static void
on_rename (GtkWidget *widget, const char *name, GVariant *parameter)
{
  steer_feature_row_rename (STEER_FEATURE_ROW (widget));
}

static void
on_condition (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerFeature *feature = STEER_FEATURE_ROW (widget)->feature;

  gtk_window_present (GTK_WINDOW (steer_condition_dialog_new (GTK_WINDOW (gtk_widget_get_root (widget)), feature)));
}

static void
append_number (GString *text, const char *what, double value)
{
  g_autofree char *number = steer_steering_dup_strength (NULL, value);

  g_string_append_printf (text, "\n%s: %s", what, number);
}

static char *
dup_details (SteerFeature *feature)
{
  g_autofree char *place
    = steer_steering_dup_place (NULL, steer_feature_get_layer (feature), steer_feature_get_index (feature));
  const char *source = steer_feature_get_source (feature);
  GString *text = g_string_new (place);

  g_string_append_c (text, '\n');
  if (source != NULL)
    g_string_append_printf (text, _ ("from “%s”"), source);
  else
    g_string_append (text, _ ("from whichever source has it"));
  g_string_append_c (text, '\n');
  append_number (text, _ ("Strength"), steer_feature_get_strength (feature));
  if (steer_feature_get_recommended (feature) != 0.0)
    append_number (text, _ ("Recommended"), steer_feature_get_recommended (feature));
  if (steer_feature_get_minimum (feature) < steer_feature_get_maximum (feature))
    {
      append_number (text, _ ("Useful from"), steer_feature_get_minimum (feature));
      append_number (text, _ ("Useful up to"), steer_feature_get_maximum (feature));
    }
  if (steer_feature_get_layer_norm (feature) > 0.0)
    append_number (text, _ ("Typical norm of the layer"), steer_feature_get_layer_norm (feature));
  return g_string_free (text, FALSE);
}

static void
on_details (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerFeature *feature = STEER_FEATURE_ROW (widget)->feature;
  g_autofree char *title
    = steer_steering_dup_title (NULL, steer_feature_get_label (feature), steer_feature_get_index (feature));
  g_autofree char *details = dup_details (feature);
  GtkWidget *dialog = adw_message_dialog_new (GTK_WINDOW (gtk_widget_get_root (widget)), title, details);

  adw_message_dialog_add_response (ADW_MESSAGE_DIALOG (dialog), "close", _ ("_Close"));
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
pass_on (GtkWidget *widget, const char *name, GVariant *parameter)
{
  guint position = (guint) gtk_list_box_row_get_index (GTK_LIST_BOX_ROW (widget));

  if (g_str_equal (name, "feature.duplicate"))
    gtk_widget_activate_action (widget, "steering.duplicate-row", "u", position);
  else if (g_str_equal (name, "feature.sweep"))
    gtk_widget_activate_action (widget, "steering.sweep-row", "u", position);
  else if (g_str_equal (name, "feature.remove"))
    gtk_widget_activate_action (widget, "steering.remove-row", "u", position);
  else if (g_str_equal (name, "feature.move-down"))
    gtk_widget_activate_action (widget, "steering.move-row", "(uu)", position, position + 1);
  else if (position > 0)
    gtk_widget_activate_action (widget, "steering.move-row", "(uu)", position, position - 1);
}

void
steer_feature_row_install_actions (GtkWidgetClass *widget_class)
{
  static const char *const passed_on[]
    = { "feature.duplicate", "feature.sweep", "feature.remove", "feature.move-up", "feature.move-down" };

  for (guint i = 0; i < G_N_ELEMENTS (passed_on); i++)
    gtk_widget_class_install_action (widget_class, passed_on[i], NULL, pass_on);
  gtk_widget_class_install_action (widget_class, "feature.recommend", NULL, on_recommend);
  gtk_widget_class_install_action (widget_class, "feature.rename", NULL, on_rename);
  gtk_widget_class_install_action (widget_class, "feature.condition", NULL, on_condition);
  gtk_widget_class_install_action (widget_class, "feature.details", NULL, on_details);
  gtk_widget_class_install_property_action (widget_class, "feature.solo", "solo");
  gtk_widget_class_install_property_action (widget_class, "feature.mode", "mode");
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Up, GDK_ALT_MASK, "feature.move-up", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Down, GDK_ALT_MASK, "feature.move-down", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_F2, 0, "feature.rename", NULL);
}
