#include "steer-bar-chart.h"

#include <math.h>

/* Pixels. A bar is at least as wide as one can see; between bars is a third of what each has. */
#define HEIGHT 110
#define FOOT 20.0f
#define LEAST_WIDTH 200
#define WIDEST_BAR 36.0f
#define GAP_SHARE 0.3f
#define LEAST_BAR 2.0f
#define ROUNDING 3.0f

#define LABEL_GAP 8

#define BAR_ALPHA 0.22f
#define MARKED_ALPHA 0.42f
#define TEXT_ALPHA 0.7f

#define LINE_WIDTH 2.0f
#define DOT 7.0f

/* One line. */
typedef struct
{
  double *values; /* [n_values] (nullable) */
  double top;
  const char *color;
} Line;

struct _SteerBarChart
{
  GtkWidget parent_instance;

  GtkAdjustment *adjustment; /* nullable */
  double *values;            /* [n_values] */
  char **labels;             /* [n_values] (nullable) */
  gboolean *marked;          /* [n_values] (nullable) */
  guint n_values;
  Line lines[STEER_BAR_CHART_N_LINES];
};

enum
{
  PROP_0,
  PROP_ADJUSTMENT,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerBarChart, steer_bar_chart, GTK_TYPE_WIDGET)

/* Where the bars stand: each has @step pixels, the first from @start on, the others to the right of it, or to the left
 * in right-to-left languages. */
typedef struct
{
  float start;
  float step;
  gboolean mirrored;
} Places;

static Places
get_places (SteerBarChart *self)
{
  float width = (float) gtk_widget_get_width (GTK_WIDGET (self));
  Places places = { .mirrored = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL };

  places.step = MIN (width / (float) self->n_values, WIDEST_BAR / (1.0f - GAP_SHARE));
  places.start = (width - places.step * (float) self->n_values) / 2.0f;
  return places;
}

static float
get_bar_x (const Places *places, guint n_values, guint bar)
{
  guint place = places->mirrored ? n_values - 1 - bar : bar;

  return places->start + ((float) place + GAP_SHARE / 2.0f) * places->step;
}

static float
get_center_x (SteerBarChart *self, const Places *places, guint bar)
{
  return get_bar_x (places, self->n_values, bar) + places->step * (1.0f - GAP_SHARE) / 2.0f;
}

/* What a bar is called. (transfer full) */
static PangoLayout *
make_label (SteerBarChart *self, guint bar)
{
  g_autofree char *text = self->labels != NULL ? g_strdup (self->labels[bar]) : g_strdup_printf ("%u", bar);

  return gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
}

/* Below the bar, within the chart. */
static graphene_rect_t
place_label (SteerBarChart *self, const Places *places, guint bar, PangoLayout *label)
{
  float center = get_center_x (self, places, bar);
  float room = (float) gtk_widget_get_width (GTK_WIDGET (self));
  int width, height;

  pango_layout_get_pixel_size (label, &width, &height);
  center = CLAMP (center, (float) width / 2.0f, MAX (room - (float) width / 2.0f, (float) width / 2.0f));
  return GRAPHENE_RECT_INIT (floorf (center - (float) width / 2.0f),
                             (float) (gtk_widget_get_height (GTK_WIDGET (self)) - height), (float) width,
                             (float) height);
}

/* That of the chosen bar, the first and the last, as far as they do not meet. */
static void
draw_labels (SteerBarChart *self, GtkSnapshot *snapshot, const Places *places, guint chosen, const GdkRGBA *color)
{
  guint bars[] = { chosen, 0, self->n_values - 1 };
  graphene_rect_t taken[G_N_ELEMENTS (bars)];
  guint n_taken = 0;

  for (guint i = 0; i < G_N_ELEMENTS (bars); i++)
    {
      g_autoptr (PangoLayout) label = bars[i] < self->n_values ? make_label (self, bars[i]) : NULL;
      graphene_rect_t place, around;
      gboolean meets = FALSE;

      if (label == NULL)
        continue;
      place = place_label (self, places, bars[i], label);
      around = place;
      graphene_rect_inset (&around, -LABEL_GAP, 0.0f);
      for (guint k = 0; k < n_taken; k++)
        meets |= graphene_rect_intersection (&around, &taken[k], NULL);
      if (meets)
        continue;
      taken[n_taken++] = place;
      gtk_snapshot_save (snapshot);
      gtk_snapshot_translate (snapshot, &place.origin);
      gtk_snapshot_append_layout (snapshot, label, color);
      gtk_snapshot_restore (snapshot);
    }
}

static void
look_up_color (GtkWidget *widget, const char *name, GdkRGBA *color)
{
  if (!gtk_style_context_lookup_color (gtk_widget_get_style_context (widget), name, color))
    gdk_rgba_parse (color, "#3584e4");
}

static void
draw_rounded (GtkSnapshot *snapshot, const graphene_rect_t *rect, float radius, const GdkRGBA *color)
{
  GskRoundedRect rounded;

  gsk_rounded_rect_init_from_rect (&rounded, rect, radius);
  gtk_snapshot_push_rounded_clip (snapshot, &rounded);
  gtk_snapshot_append_color (snapshot, color, &rounded.bounds);
  gtk_snapshot_pop (snapshot);
}

static void
draw_bars (SteerBarChart *self, GtkSnapshot *snapshot, const Places *places, guint chosen, const GdkRGBA *text)
{
  float height = (float) gtk_widget_get_height (GTK_WIDGET (self)) - FOOT;
  float width = places->step * (1.0f - GAP_SHARE);
  GdkRGBA plain = *text, accent, danger;
  double largest = 0.0;

  plain.alpha *= BAR_ALPHA;
  look_up_color (GTK_WIDGET (self), "accent_bg_color", &accent);
  look_up_color (GTK_WIDGET (self), "error_bg_color", &danger);
  for (guint i = 0; i < self->n_values; i++)
    largest = MAX (largest, self->values[i]);
  for (guint i = 0; i < self->n_values; i++)
    {
      float share = largest > 0.0 ? (float) (MAX (self->values[i], 0.0) / largest) : 0.0f;
      float bar_height = MAX (share * height, LEAST_BAR);
      gboolean marked = self->marked != NULL && self->marked[i];
      GdkRGBA color = marked ? danger : i == chosen ? accent : plain;

      if (marked && i != chosen)
        color.alpha *= MARKED_ALPHA;
      draw_rounded (snapshot,
                    &GRAPHENE_RECT_INIT (get_bar_x (places, self->n_values, i), height - bar_height, width, bar_height),
                    MIN (ROUNDING, MIN (width, bar_height) / 2.0f), &color);
    }
}

/* From the middle of each bar to that of the next. */
static void
draw_line (SteerBarChart *self, GtkSnapshot *snapshot, const Places *places, const Line *line)
{
  float height = (float) gtk_widget_get_height (GTK_WIDGET (self)) - FOOT - DOT;
  float width = (float) gtk_widget_get_width (GTK_WIDGET (self));
  graphene_point_t last = { NAN, NAN };
  GdkRGBA color;
  cairo_t *cr;

  look_up_color (GTK_WIDGET (self), line->color, &color);
  cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, 0, width, height + DOT));
  gdk_cairo_set_source_rgba (cr, &color);
  cairo_set_line_width (cr, LINE_WIDTH);
  for (guint i = 0; i < self->n_values; i++)
    {
      float share = line->top > 0.0 ? (float) CLAMP (line->values[i] / line->top, 0.0, 1.0) : 0.0f;
      graphene_point_t here = { get_center_x (self, places, i), DOT / 2.0f + height * (1.0f - share) };

      if (isnan (line->values[i]))
        here = (graphene_point_t){ NAN, NAN };
      else
        {
          if (!isnan (last.x))
            {
              cairo_move_to (cr, last.x, last.y);
              cairo_line_to (cr, here.x, here.y);
              cairo_stroke (cr);
            }
          cairo_arc (cr, here.x, here.y, DOT / 2.0f, 0.0, 2.0 * G_PI);
          cairo_fill (cr);
        }
      last = here;
    }
  cairo_destroy (cr);
}

static void
steer_bar_chart_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  SteerBarChart *self = STEER_BAR_CHART (widget);
  guint chosen = self->adjustment != NULL ? (guint) gtk_adjustment_get_value (self->adjustment) : G_MAXUINT;
  GdkRGBA text;
  Places places;

  if (self->n_values == 0)
    return;
  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &text);
  places = get_places (self);
  draw_bars (self, snapshot, &places, chosen, &text);
  for (guint i = 0; i < STEER_BAR_CHART_N_LINES; i++)
    if (self->lines[i].values != NULL)
      draw_line (self, snapshot, &places, &self->lines[i]);
  text.alpha *= TEXT_ALPHA;
  draw_labels (self, snapshot, &places, chosen, &text);
}

static void
steer_bar_chart_measure (GtkWidget *widget,
                         GtkOrientation orientation,
                         int for_size,
                         int *minimum,
                         int *natural,
                         int *minimum_baseline,
                         int *natural_baseline)
{
  *minimum = *natural = orientation == GTK_ORIENTATION_VERTICAL ? HEIGHT : LEAST_WIDTH;
}

/* The bar, or the air above it. */
static void
on_pressed (GtkGestureClick *gesture, int n_press, double x, double y, SteerBarChart *self)
{
  Places places;
  int place;

  if (self->n_values == 0 || self->adjustment == NULL)
    return;
  places = get_places (self);
  place = (int) (((float) x - places.start) / places.step);
  place = CLAMP (place, 0, (int) self->n_values - 1);
  gtk_adjustment_set_value (self->adjustment, places.mirrored ? (int) self->n_values - 1 - place : place);
}

static void
set_adjustment (SteerBarChart *self, GtkAdjustment *adjustment)
{
  if (self->adjustment != NULL)
    g_signal_handlers_disconnect_by_data (self->adjustment, self);
  g_set_object (&self->adjustment, adjustment);
  if (adjustment != NULL)
    g_signal_connect_swapped (adjustment, "value-changed", G_CALLBACK (gtk_widget_queue_draw), self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
steer_bar_chart_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_ADJUSTMENT)
    g_value_set_object (value, STEER_BAR_CHART (object)->adjustment);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_bar_chart_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_ADJUSTMENT)
    set_adjustment (STEER_BAR_CHART (object), g_value_get_object (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_bar_chart_dispose (GObject *object)
{
  set_adjustment (STEER_BAR_CHART (object), NULL);
  G_OBJECT_CLASS (steer_bar_chart_parent_class)->dispose (object);
}

static void
clear (SteerBarChart *self)
{
  for (guint i = 0; i < STEER_BAR_CHART_N_LINES; i++)
    g_clear_pointer (&self->lines[i].values, g_free);
  for (guint i = 0; self->labels != NULL && i < self->n_values; i++)
    g_free (self->labels[i]);
  g_clear_pointer (&self->labels, g_free);
  g_clear_pointer (&self->marked, g_free);
  g_clear_pointer (&self->values, g_free);
  self->n_values = 0;
}

static void
steer_bar_chart_finalize (GObject *object)
{
  clear (STEER_BAR_CHART (object));
  G_OBJECT_CLASS (steer_bar_chart_parent_class)->finalize (object);
}

static void
steer_bar_chart_class_init (SteerBarChartClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_bar_chart_dispose;
  object_class->finalize = steer_bar_chart_finalize;
  object_class->get_property = steer_bar_chart_get_property;
  object_class->set_property = steer_bar_chart_set_property;
  widget_class->snapshot = steer_bar_chart_snapshot;
  widget_class->measure = steer_bar_chart_measure;
  properties[PROP_ADJUSTMENT]
    = g_param_spec_object ("adjustment", NULL, NULL, GTK_TYPE_ADJUSTMENT, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
  /* What it shows is told in words beside it. */
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_PRESENTATION);
}

static void
steer_bar_chart_init (SteerBarChart *self)
{
  GtkGesture *click = gtk_gesture_click_new ();

  gtk_widget_add_css_class (GTK_WIDGET (self), "caption");
  gtk_widget_add_css_class (GTK_WIDGET (self), "numeric");
  g_signal_connect (click, "pressed", G_CALLBACK (on_pressed), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
}

void
steer_bar_chart_set_bars (SteerBarChart *self, const double *values, const char *const *labels, guint n_values)
{
  g_return_if_fail (STEER_IS_BAR_CHART (self));

  clear (self);
  self->values = g_memdup2 (values, n_values * sizeof (double));
  self->n_values = n_values;
  if (labels != NULL)
    self->labels = g_new (char *, n_values);
  for (guint i = 0; labels != NULL && i < n_values; i++)
    self->labels[i] = g_strdup (labels[i]);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
steer_bar_chart_set_line (SteerBarChart *self, guint line, const double *values, double top, const char *color)
{
  g_return_if_fail (STEER_IS_BAR_CHART (self));
  g_return_if_fail (line < STEER_BAR_CHART_N_LINES);

  g_free (self->lines[line].values);
  self->lines[line]
    = (Line){ values != NULL ? g_memdup2 (values, self->n_values * sizeof (double)) : NULL, top, color };
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
steer_bar_chart_set_marked (SteerBarChart *self, const gboolean *marked)
{
  g_return_if_fail (STEER_IS_BAR_CHART (self));

  g_free (self->marked);
  self->marked = g_memdup2 (marked, self->n_values * sizeof (gboolean));
  gtk_widget_queue_draw (GTK_WIDGET (self));
}
