#include "steer-tab-stop.h"

struct _SteerTabStop
{
  AdwBin parent_instance;
};

G_DEFINE_FINAL_TYPE (SteerTabStop, steer_tab_stop, ADW_TYPE_BIN)

static gboolean
steer_tab_stop_focus (GtkWidget *widget, GtkDirectionType direction)
{
  gboolean is_tab = direction == GTK_DIR_TAB_FORWARD || direction == GTK_DIR_TAB_BACKWARD;

  if (is_tab && gtk_widget_get_focus_child (widget) != NULL)
    return FALSE;
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
