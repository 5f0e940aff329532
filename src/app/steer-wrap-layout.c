#include "steer-wrap-layout.h"

struct _SteerWrapLayout
{
  GtkLayoutManager parent_instance;

  int spacing;
  gboolean align_end;
};

enum
{
  PROP_0,
  PROP_SPACING,
  PROP_ALIGN_END,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerWrapLayout, steer_wrap_layout, GTK_TYPE_LAYOUT_MANAGER)

static GtkSizeRequestMode
get_request_mode (GtkLayoutManager *layout, GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

/* What a child takes of a line of @width: its natural width where that fits. */
static int
get_child_width (GtkWidget *child, int width)
{
  int minimum, natural;

  gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, &natural, NULL, NULL);
  return CLAMP (natural, minimum, MAX (width, minimum));
}

/* The next child that takes part, @child itself included. */
static GtkWidget *
skip_hidden (GtkWidget *child)
{
  while (child != NULL && !gtk_widget_should_layout (child))
    child = gtk_widget_get_next_sibling (child);
  return child;
}

/* The line that begins with @first: its width and height; returns the first child of the next one. */
static GtkWidget *
measure_line (SteerWrapLayout *self, GtkWidget *first, int width, int *line_width, int *line_height)
{
  GtkWidget *child;

  *line_width = *line_height = 0;
  for (child = first; child != NULL; child = skip_hidden (gtk_widget_get_next_sibling (child)))
    {
      int child_width = get_child_width (child, width), height;
      int needed = child == first ? child_width : *line_width + self->spacing + child_width;

      if (child != first && needed > width)
        break;
      gtk_widget_measure (child, GTK_ORIENTATION_VERTICAL, child_width, NULL, &height, NULL, NULL);
      *line_width = needed;
      *line_height = MAX (*line_height, height);
    }
  return child;
}

static void
measure_width (SteerWrapLayout *self, GtkWidget *widget, int *minimum, int *natural)
{
  for (GtkWidget *child = skip_hidden (gtk_widget_get_first_child (widget)); child != NULL;
       child = skip_hidden (gtk_widget_get_next_sibling (child)))
    {
      int child_minimum, child_natural;

      gtk_widget_measure (child, GTK_ORIENTATION_HORIZONTAL, -1, &child_minimum, &child_natural, NULL, NULL);
      *minimum = MAX (*minimum, child_minimum);
      *natural += child_natural + (*natural > 0 ? self->spacing : 0);
    }
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
  SteerWrapLayout *self = STEER_WRAP_LAYOUT (layout);
  GtkWidget *line = skip_hidden (gtk_widget_get_first_child (widget));
  int width, height, total = 0;

  *minimum = *natural = 0;
  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      measure_width (self, widget, minimum, natural);
      return;
    }
  while (line != NULL)
    {
      line = measure_line (self, line, for_size < 0 ? G_MAXINT / 2 : for_size, &width, &height);
      total += height + (line != NULL ? self->spacing : 0);
    }
  *minimum = *natural = total;
}

static void
allocate (GtkLayoutManager *layout, GtkWidget *widget, int width, int height, int baseline)
{
  SteerWrapLayout *self = STEER_WRAP_LAYOUT (layout);
  gboolean mirrored = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  GtkWidget *line = skip_hidden (gtk_widget_get_first_child (widget));
  int y = 0;

  while (line != NULL)
    {
      int line_width, line_height;
      GtkWidget *next = measure_line (self, line, width, &line_width, &line_height);
      int x = self->align_end ? MAX (width - line_width, 0) : 0;

      for (GtkWidget *child = line; child != next; child = skip_hidden (gtk_widget_get_next_sibling (child)))
        {
          int child_width = get_child_width (child, width);
          GtkAllocation area = { mirrored ? width - x - child_width : x, y, child_width, line_height };

          gtk_widget_size_allocate (child, &area, -1);
          x += child_width + self->spacing;
        }
      y += line_height + self->spacing;
      line = next;
    }
}

static void
steer_wrap_layout_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerWrapLayout *self = STEER_WRAP_LAYOUT (object);

  if (id == PROP_SPACING)
    g_value_set_int (value, self->spacing);
  else if (id == PROP_ALIGN_END)
    g_value_set_boolean (value, self->align_end);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_wrap_layout_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerWrapLayout *self = STEER_WRAP_LAYOUT (object);

  if (id == PROP_SPACING)
    self->spacing = g_value_get_int (value);
  else if (id == PROP_ALIGN_END)
    self->align_end = g_value_get_boolean (value);
  else
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }
  gtk_layout_manager_layout_changed (GTK_LAYOUT_MANAGER (self));
}

static void
steer_wrap_layout_class_init (SteerWrapLayoutClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkLayoutManagerClass *layout_class = GTK_LAYOUT_MANAGER_CLASS (klass);

  object_class->get_property = steer_wrap_layout_get_property;
  object_class->set_property = steer_wrap_layout_set_property;
  layout_class->get_request_mode = get_request_mode;
  layout_class->measure = measure;
  layout_class->allocate = allocate;

  properties[PROP_SPACING]
    = g_param_spec_int ("spacing", NULL, NULL, 0, 1000, 0, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  properties[PROP_ALIGN_END]
    = g_param_spec_boolean ("align-end", NULL, NULL, FALSE, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_wrap_layout_init (SteerWrapLayout *self)
{
}
