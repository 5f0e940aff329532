#include "steer-preset-menu.h"

#include <glib/gi18n.h>

#include "steer-growing-list.h"

static SteerPresetEntry *
get_entry (GtkListBoxRow *row)
{
  return g_object_get_data (G_OBJECT (row), "steer-preset-entry");
}

static gboolean
is_in_use (GBinding *binding, const GValue *from, GValue *to, gpointer path)
{
  g_value_set_boolean (to, g_strcmp0 (g_value_get_string (from), path) == 0);
  return TRUE;
}

static gboolean
has_no_error (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  g_value_set_boolean (to, g_value_get_string (from) == NULL);
  return TRUE;
}

static gboolean
has_error (GBinding *binding, const GValue *from, GValue *to, gpointer data)
{
  g_value_set_boolean (to, g_value_get_string (from) != NULL);
  return TRUE;
}

/* A row takes no name from what it shows. */
static void
on_named (GtkLabel *name, GParamSpec *pspec, GtkAccessible *row)
{
  gtk_accessible_update_property (row, GTK_ACCESSIBLE_PROPERTY_LABEL, gtk_label_get_text (name), -1);
}

static GtkWidget *
make_row (gpointer item, gpointer data)
{
  SteerPresetEntry *entry = item;
  SteerWorkspace *workspace = data;
  /* A tooltip of what is visible has GTK ask the display for its pointer. */
  GtkWidget *row = g_object_new (GTK_TYPE_LIST_BOX_ROW, "visible", FALSE, NULL);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *name = gtk_label_new (NULL);
  GtkWidget *warning = gtk_image_new_from_icon_name ("dialog-warning-symbolic");
  GtkWidget *check = gtk_image_new_from_icon_name ("object-select-symbolic");

  gtk_label_set_xalign (GTK_LABEL (name), 0);
  gtk_label_set_ellipsize (GTK_LABEL (name), PANGO_ELLIPSIZE_END);
  gtk_widget_set_hexpand (name, TRUE);
  gtk_box_append (GTK_BOX (box), name);
  gtk_box_append (GTK_BOX (box), warning);
  gtk_box_append (GTK_BOX (box), check);
  gtk_widget_add_css_class (box, "preset-row");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (row), box);

  g_object_set_data_full (G_OBJECT (row), "steer-preset-entry", g_object_ref (entry), g_object_unref);
  g_signal_connect_object (name, "notify::label", G_CALLBACK (on_named), row, 0);
  g_object_bind_property (entry, "name", name, "label", G_BINDING_SYNC_CREATE);
  g_object_bind_property (entry, "error", row, "tooltip-text", G_BINDING_SYNC_CREATE);
  g_object_bind_property_full (entry, "error", row, "activatable", G_BINDING_SYNC_CREATE, has_no_error, NULL, NULL,
                               NULL);
  g_object_bind_property_full (entry, "error", warning, "visible", G_BINDING_SYNC_CREATE, has_error, NULL, NULL, NULL);
  g_object_bind_property_full (workspace, "preset-path", check, "visible", G_BINDING_SYNC_CREATE, is_in_use, NULL,
                               g_strdup (steer_preset_entry_get_path (entry)), g_free);
  gtk_widget_set_visible (row, TRUE);
  return row;
}

static void
set_heading (GtkListBoxRow *row, GtkListBoxRow *before, gpointer data)
{
  gboolean bundled = steer_preset_entry_get_bundled (get_entry (row));
  GtkWidget *heading;

  if (before != NULL && steer_preset_entry_get_bundled (get_entry (before)) == bundled)
    {
      gtk_list_box_row_set_header (row, NULL);
      return;
    }
  heading = gtk_label_new (bundled ? _ ("Bundled") : _ ("Yours"));
  gtk_label_set_xalign (GTK_LABEL (heading), 0);
  gtk_widget_add_css_class (heading, "caption-heading");
  gtk_widget_add_css_class (heading, "dim-label");
  gtk_widget_add_css_class (heading, "preset-heading");
  gtk_list_box_row_set_header (row, heading);
}

static void
on_row_activated (GtkListBox *list, GtkListBoxRow *row)
{
  g_autofree char *path = g_strdup (steer_preset_entry_get_path (get_entry (row)));
  GtkWidget *popover = gtk_widget_get_ancestor (GTK_WIDGET (list), GTK_TYPE_POPOVER);

  gtk_widget_activate_action (GTK_WIDGET (list), "steering.load", "s", path);
  if (popover != NULL)
    gtk_popover_popdown (GTK_POPOVER (popover));
}

void
steer_preset_menu_fill (GtkListBox *list, SteerWorkspace *workspace)
{
  GtkWidget *scrolled = gtk_widget_get_ancestor (GTK_WIDGET (list), GTK_TYPE_SCROLLED_WINDOW);
  g_autoptr (GtkSliceListModel) shown
    = steer_growing_list_new (G_LIST_MODEL (steer_workspace_get_presets (workspace)), GTK_SCROLLED_WINDOW (scrolled));

  gtk_list_box_set_selection_mode (list, GTK_SELECTION_NONE);
  gtk_list_box_bind_model (list, G_LIST_MODEL (shown), make_row, g_object_ref (workspace), g_object_unref);
  gtk_list_box_set_header_func (list, set_heading, NULL, NULL);
  g_signal_connect (list, "row-activated", G_CALLBACK (on_row_activated), NULL);
}

GtkWidget *
steer_preset_menu_new (SteerWorkspace *workspace)
{
  GtkWidget *popover = gtk_popover_new ();
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  GtkWidget *list = gtk_list_box_new ();

  gtk_widget_add_css_class (list, "navigation-sidebar");
  gtk_accessible_update_property (GTK_ACCESSIBLE (list), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Presets"), -1);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scrolled), 420);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_scrolled_window_set_min_content_width (GTK_SCROLLED_WINDOW (scrolled), 220);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), list);
  steer_preset_menu_fill (GTK_LIST_BOX (list), workspace);
  gtk_popover_set_child (GTK_POPOVER (popover), scrolled);
  gtk_widget_add_css_class (popover, "menu");
  gtk_widget_add_css_class (popover, "preset-menu");
  return popover;
}
