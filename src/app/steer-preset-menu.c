#include "steer-preset-menu.h"

#include <glib/gi18n.h>

#include "steer-growing-list.h"

/* Of the rows and the bar: GTK 4.8 makes no room for the bar, and would shift the rows by as much. */
#define WIDTH 260

/* Frames that a list is waited for. */
#define MAX_TRIES 20

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

/* (transfer full): what of the presets the list shows. */
static GtkSliceListModel *
fill (GtkListBox *list, SteerWorkspace *workspace)
{
  GtkWidget *scrolled = gtk_widget_get_ancestor (GTK_WIDGET (list), GTK_TYPE_SCROLLED_WINDOW);
  GtkSliceListModel *shown
    = steer_growing_list_new (G_LIST_MODEL (steer_workspace_get_presets (workspace)), GTK_SCROLLED_WINDOW (scrolled));

  gtk_list_box_set_selection_mode (list, GTK_SELECTION_NONE);
  gtk_list_box_bind_model (list, G_LIST_MODEL (shown), make_row, g_object_ref (workspace), g_object_unref);
  gtk_list_box_set_header_func (list, set_heading, NULL, NULL);
  g_signal_connect (list, "row-activated", G_CALLBACK (on_row_activated), NULL);
  return shown;
}

void
steer_preset_menu_fill (GtkListBox *list, SteerWorkspace *workspace)
{
  g_object_unref (fill (list, workspace));
}

/* A popover's list, which begins at the preset in use. */
typedef struct
{
  SteerWorkspace *workspace;
  GtkListBox *list; /* not owned */
  GtkSliceListModel *shown;
  guint position; /* of the preset in use */
  guint n_tries;
} Opening;

static void
opening_free (gpointer data, GClosure *closure)
{
  Opening *self = data;

  g_object_unref (self->workspace);
  g_object_unref (self->shown);
  g_free (self);
}

/* In the middle, and focused, so that the keys go on from there. */
static void
center (GtkListBoxRow *row, GtkAdjustment *adjustment)
{
  float half = (float) gtk_widget_get_height (GTK_WIDGET (row)) / 2.0f;
  graphene_point_t middle;

  if (!gtk_widget_compute_point (GTK_WIDGET (row), gtk_widget_get_parent (GTK_WIDGET (row)),
                                 &GRAPHENE_POINT_INIT (0.0f, half), &middle))
    return;
  gtk_adjustment_set_value (adjustment, (double) middle.y - gtk_adjustment_get_page_size (adjustment) / 2.0);
  gtk_widget_grab_focus (GTK_WIDGET (row));
}

/* A row has a place once it was laid out. */
static gboolean
reveal (GtkWidget *scrolled, GdkFrameClock *clock, gpointer data)
{
  Opening *self = data;
  GtkListBoxRow *row = gtk_list_box_get_row_at_index (self->list, (int) self->position);
  gboolean is_laid_out = row != NULL && gtk_widget_get_height (GTK_WIDGET (row)) > 0;

  if (!is_laid_out && ++self->n_tries < MAX_TRIES)
    return G_SOURCE_CONTINUE;
  if (is_laid_out)
    center (row, gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (scrolled)));
  return G_SOURCE_REMOVE;
}

static void
on_map (GtkWidget *scrolled, Opening *self)
{
  GListModel *presets = G_LIST_MODEL (steer_workspace_get_presets (self->workspace));
  const char *path = steer_workspace_get_preset_path (self->workspace);

  for (guint i = 0; path != NULL && i < g_list_model_get_n_items (presets); i++)
    {
      g_autoptr (SteerPresetEntry) entry = g_list_model_get_item (presets, i);

      if (!g_str_equal (steer_preset_entry_get_path (entry), path))
        continue;
      self->position = i;
      self->n_tries = 0;
      steer_growing_list_reach (self->shown, i);
      gtk_widget_add_tick_callback (scrolled, reveal, self, NULL);
      return;
    }
}

static void
open_at_preset_in_use (GtkWidget *scrolled, GtkListBox *list, SteerWorkspace *workspace)
{
  Opening *opening = g_new0 (Opening, 1);

  opening->workspace = g_object_ref (workspace);
  opening->list = list;
  opening->shown = fill (list, workspace);
  g_signal_connect_data (scrolled, "map", G_CALLBACK (on_map), opening, opening_free, 0);
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
  gtk_widget_set_size_request (scrolled, WIDTH, -1);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), list);
  /* A bar that stays tells of what lies below. */
  gtk_scrolled_window_set_overlay_scrolling (GTK_SCROLLED_WINDOW (scrolled), FALSE);
  open_at_preset_in_use (scrolled, GTK_LIST_BOX (list), workspace);
  gtk_popover_set_child (GTK_POPOVER (popover), scrolled);
  gtk_widget_add_css_class (popover, "menu");
  gtk_widget_add_css_class (popover, "preset-menu");
  return popover;
}
