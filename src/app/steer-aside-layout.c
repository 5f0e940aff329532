#include "steer-aside-layout.h"

struct _SteerAsideLayout
{
  GtkLayoutManager parent_instance;
};

G_DEFINE_FINAL_TYPE (SteerAsideLayout, steer_aside_layout, GTK_TYPE_LAYOUT_MANAGER)

static GtkSizeRequestMode
get_request_mode (GtkLayoutManager *layout, GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
measure_width (GtkWidget *child, int *minimum, int *natural)
{
  *minimum = *natural = 0;
  if (gtk_widget_should_layout (child))
    gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, minimum, natural, NULL, NULL);
}

static int
get_height (GtkWidget *child, int width)
{
  int height = 0;

  if (gtk_widget_should_layout (child))
    gtk_widget_measure (child, GTK_ORIENTATION_VERTICAL, width, NULL, &height, NULL, NULL);
  return height;
}

/* Of the last child, where both have @width. */
static int
get_main_width (GtkWidget *aside, GtkWidget *main_child, int width)
{
  int aside_minimum, aside_natural, minimum, natural;

  measure_width (aside, &aside_minimum, &aside_natural);
  measure_width (main_child, &minimum, &natural);
  if (gtk_widget_get_hexpand (main_child))
    natural = MAX (natural, width);
  return CLAMP (width - aside_minimum, minimum, natural);
}

static void
measure (GtkLayoutManager *layout,
         GtkWidget *widget,
         GtkOrientation orientation,
         int for_size,
         int *minimum,
         int *natural,
         int *minimum_baseline,
         int *natural_baseline)
{
  GtkWidget *aside = gtk_widget_get_first_child (widget), *main_child = gtk_widget_get_last_child (widget);
  int aside_minimum, aside_natural, width;

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      measure_width (aside, &aside_minimum, &aside_natural);
      measure_width (main_child, minimum, natural);
      *minimum += aside_minimum;
      *natural += aside_natural;
      return;
    }
  width = for_size >= 0 ? get_main_width (aside, main_child, for_size) : -1;
  *minimum = *natural
    = MAX (get_height (main_child, width), get_height (aside, for_size >= 0 ? MAX (for_size - width, 0) : -1));
}

static void
allocate (GtkLayoutManager *layout, GtkWidget *widget, int width, int height, int baseline)
{
  GtkWidget *aside = gtk_widget_get_first_child (widget), *main_child = gtk_widget_get_last_child (widget);
  gboolean mirrored = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  int main_width = get_main_width (aside, main_child, width);
  int rest = MAX (width - main_width, 0);

  if (gtk_widget_should_layout (main_child))
    gtk_widget_size_allocate (main_child, &(GtkAllocation){ mirrored ? 0 : rest, 0, main_width, height }, -1);
  if (gtk_widget_should_layout (aside))
    gtk_widget_size_allocate (aside, &(GtkAllocation){ mirrored ? main_width : 0, 0, rest, height }, -1);
}

static void
steer_aside_layout_class_init (SteerAsideLayoutClass *klass)
{
  GtkLayoutManagerClass *layout_class = GTK_LAYOUT_MANAGER_CLASS (klass);

  layout_class->get_request_mode = get_request_mode;
  layout_class->measure = measure;
  layout_class->allocate = allocate;
}

static void
steer_aside_layout_init (SteerAsideLayout *self)
{
}
