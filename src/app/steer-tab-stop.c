#include "steer-tab-stop.h"

struct _SteerTabStop
{
  AdwBin parent_instance;
};

G_DEFINE_FINAL_TYPE (SteerTabStop, steer_tab_stop, ADW_TYPE_BIN)

/* A list has widgets only for rows in or near the part that is seen. */
static GtkWidget *
find_selected_row (GtkWidget *widget)
{
  GtkWidget *list = gtk_widget_get_first_child (widget);

  while (list != NULL && !GTK_IS_LIST_VIEW (list))
    list = gtk_widget_get_first_child (list);
  if (list == NULL)
    return NULL;
  for (GtkWidget *row = gtk_widget_get_first_child (list); row != NULL; row = gtk_widget_get_next_sibling (row))
    if ((gtk_widget_get_state_flags (row) & GTK_STATE_FLAG_SELECTED) != 0)
      return row;
  return NULL;
}

static gboolean
steer_tab_stop_focus (GtkWidget *widget, GtkDirectionType direction)
{
  if (direction == GTK_DIR_TAB_FORWARD || direction == GTK_DIR_TAB_BACKWARD)
    {
      GtkWidget *row;

      if (gtk_widget_get_focus_child (widget) != NULL)
        return FALSE;
      row = find_selected_row (widget);
      if (row != NULL && gtk_widget_grab_focus (row))
        return TRUE;
    }
  return GTK_WIDGET_CLASS (steer_tab_stop_parent_class)->focus (widget, direction);
}

static void
steer_tab_stop_class_init (SteerTabStopClass *klass)
{
  GTK_WIDGET_CLASS (klass)->focus = steer_tab_stop_focus;
}

static void
steer_tab_stop_init (SteerTabStop *self)
{
}
