#include "steer-feature-row-private.h"

static GdkContentProvider *
on_drag_prepare (GtkDragSource *source, double x, double y, SteerFeatureRow *self)
{
  g_autoptr (GdkPaintable) picture = gtk_widget_paintable_new (GTK_WIDGET (self));
  g_autoptr (GdkPaintable) still = gdk_paintable_get_current_image (picture);

  gtk_drag_source_set_icon (source, still, (int) x, (int) y);
  return gdk_content_provider_new_typed (STEER_TYPE_FEATURE_ROW, self);
}

static void
show_drop_place (SteerFeatureRow *self, gboolean above, gboolean below)
{
  GtkWidget *card = gtk_list_box_row_get_child (GTK_LIST_BOX_ROW (self));

  (above ? gtk_widget_add_css_class : gtk_widget_remove_css_class) (card, "drop-above");
  (below ? gtk_widget_add_css_class : gtk_widget_remove_css_class) (card, "drop-below");
}

static GdkDragAction
on_drag_motion (GtkDropTarget *target, double x, double y, SteerFeatureRow *self)
{
  gboolean below = y > gtk_widget_get_height (GTK_WIDGET (self)) / 2.0;

  show_drop_place (self, !below, below);
  return GDK_ACTION_MOVE;
}

static void
on_drag_leave (GtkDropTarget *target, SteerFeatureRow *self)
{
  show_drop_place (self, FALSE, FALSE);
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, SteerFeatureRow *self)
{
  GtkListBoxRow *row = g_value_get_object (value);
  int from = gtk_list_box_row_get_index (row);
  int to = gtk_list_box_row_get_index (GTK_LIST_BOX_ROW (self));

  show_drop_place (self, FALSE, FALSE);
  if (gtk_widget_get_parent (GTK_WIDGET (row)) != gtk_widget_get_parent (GTK_WIDGET (self)))
    return FALSE;
  if (y > gtk_widget_get_height (GTK_WIDGET (self)) / 2.0)
    to++;
  if (from < to)
    to--;
  if (from != to)
    gtk_widget_activate_action (GTK_WIDGET (self), "steering.move-row", "(uu)", (guint) from, (guint) to);
  return TRUE;
}

void
steer_feature_row_add_drag_and_drop (SteerFeatureRow *self)
{
  GtkDragSource *source = gtk_drag_source_new ();
  GtkDropTarget *target = gtk_drop_target_new (STEER_TYPE_FEATURE_ROW, GDK_ACTION_MOVE);

  gtk_drag_source_set_actions (source, GDK_ACTION_MOVE);
  g_signal_connect (source, "prepare", G_CALLBACK (on_drag_prepare), self);
  gtk_widget_add_controller (self->handle, GTK_EVENT_CONTROLLER (source));
  g_signal_connect (target, "motion", G_CALLBACK (on_drag_motion), self);
  g_signal_connect (target, "leave", G_CALLBACK (on_drag_leave), self);
  g_signal_connect (target, "drop", G_CALLBACK (on_drop), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (target));
}
