#include "steer-layer-chart.h"

#include <math.h>

/* Pixels. A bar is at least as wide as one can see; between bars is a third of what each has. */
#define HEIGHT 110
#define FOOT 20.0f
#define LEAST_WIDTH 200
#define WIDEST_BAR 36.0f
#define GAP_SHARE 0.3f
#define LEAST_BAR 2.0f
#define ROUNDING 3.0f

/* That two numbers need beside each other. */
#define NUMBER_WIDTH 28.0f

#define BAR_ALPHA 0.22f
#define TEXT_ALPHA 0.7f

struct _SteerLayerChart
{
  GtkWidget parent_instance;

  GtkAdjustment *adjustment; /* nullable */
  double *values;            /* [n_values] */
  guint n_values;
};

enum
{
  PROP_0,
  PROP_ADJUSTMENT,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerLayerChart, steer_layer_chart, GTK_TYPE_WIDGET)

/* Where the bars stand: each has @step pixels, the first from @start on, the others to the right of it, or to the left
 * in right-to-left languages. */
typedef struct
{
  float start;
  float step;
  gboolean mirrored;
} Places;

static Places
get_places (SteerLayerChart *self)
{
  float width = (float) gtk_widget_get_width (GTK_WIDGET (self));
  Places places = { .mirrored = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL };

  places.step = MIN (width / (float) self->n_values, WIDEST_BAR / (1.0f - GAP_SHARE));
  places.start = (width - places.step * (float) self->n_values) / 2.0f;
  return places;
}

static float
get_bar_x (const Places *places, guint n_values, guint layer)
{
  guint place = places->mirrored ? n_values - 1 - layer : layer;

  return places->start + ((float) place + GAP_SHARE / 2.0f) * places->step;
}

/* The number of a layer below its bar. */
static void
draw_number (SteerLayerChart *self, GtkSnapshot *snapshot, const Places *places, guint layer, const GdkRGBA *color)
{
  g_autofree char *text = g_strdup_printf ("%u", layer);
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
  float center = get_bar_x (places, self->n_values, layer) + places->step * (1.0f - GAP_SHARE) / 2.0f;
  float room = (float) gtk_widget_get_width (GTK_WIDGET (self));
  int width, height;

  pango_layout_get_pixel_size (layout, &width, &height);
  center = CLAMP (center, (float) width / 2.0f, MAX (room - (float) width / 2.0f, (float) width / 2.0f));
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot,
                          &GRAPHENE_POINT_INIT (floorf (center - (float) width / 2.0f),
                                                (float) (gtk_widget_get_height (GTK_WIDGET (self)) - height)));
  gtk_snapshot_append_layout (snapshot, layout, color);
  gtk_snapshot_restore (snapshot);
}

/* The first, the last and the chosen one, where they do not meet. */
static void
draw_numbers (SteerLayerChart *self, GtkSnapshot *snapshot, const Places *places, guint chosen, const GdkRGBA *color)
{
  guint last = self->n_values - 1;
  guint room = (guint) ceilf (NUMBER_WIDTH / places->step);

  if (chosen <= last)
    draw_number (self, snapshot, places, chosen, color);
  if (chosen > last || chosen >= room)
    draw_number (self, snapshot, places, 0, color);
  if (last >= room && (chosen > last || last - chosen >= room))
    draw_number (self, snapshot, places, last, color);
}

static void
steer_layer_chart_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  SteerLayerChart *self = STEER_LAYER_CHART (widget);
  GtkStyleContext *style = gtk_widget_get_style_context (widget);
  float height = (float) gtk_widget_get_height (widget) - FOOT;
  guint chosen = self->adjustment != NULL ? (guint) gtk_adjustment_get_value (self->adjustment) : G_MAXUINT;
  double largest = 0.0;
  GdkRGBA text, bar, accent;
  Places places;

  if (self->n_values == 0)
    return;
  gtk_style_context_get_color (style, &text);
  bar = text;
  bar.alpha *= BAR_ALPHA;
  if (!gtk_style_context_lookup_color (style, "accent_bg_color", &accent))
    gdk_rgba_parse (&accent, "#3584e4");
  for (guint i = 0; i < self->n_values; i++)
    largest = MAX (largest, self->values[i]);
  places = get_places (self);
  for (guint i = 0; i < self->n_values; i++)
    {
      float share = largest > 0.0 ? (float) (MAX (self->values[i], 0.0) / largest) : 0.0f;
      float bar_height = MAX (share * height, LEAST_BAR);
      float bar_width = places.step * (1.0f - GAP_SHARE);
      float radius = MIN (ROUNDING, MIN (bar_width, bar_height) / 2.0f);
      GskRoundedRect rounded;

      gsk_rounded_rect_init_from_rect (
        &rounded,
        &GRAPHENE_RECT_INIT (get_bar_x (&places, self->n_values, i), height - bar_height, bar_width, bar_height),
        radius);
      gtk_snapshot_push_rounded_clip (snapshot, &rounded);
      gtk_snapshot_append_color (snapshot, i == chosen ? &accent : &bar, &rounded.bounds);
      gtk_snapshot_pop (snapshot);
    }
  text.alpha *= TEXT_ALPHA;
  draw_numbers (self, snapshot, &places, chosen, &text);
}

static void
steer_layer_chart_measure (GtkWidget *widget,
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
on_pressed (GtkGestureClick *gesture, int n_press, double x, double y, SteerLayerChart *self)
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
set_adjustment (SteerLayerChart *self, GtkAdjustment *adjustment)
{
  if (self->adjustment != NULL)
    g_signal_handlers_disconnect_by_data (self->adjustment, self);
  g_set_object (&self->adjustment, adjustment);
  if (adjustment != NULL)
    g_signal_connect_swapped (adjustment, "value-changed", G_CALLBACK (gtk_widget_queue_draw), self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
steer_layer_chart_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_ADJUSTMENT)
    g_value_set_object (value, STEER_LAYER_CHART (object)->adjustment);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_layer_chart_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_ADJUSTMENT)
    set_adjustment (STEER_LAYER_CHART (object), g_value_get_object (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_layer_chart_dispose (GObject *object)
{
  set_adjustment (STEER_LAYER_CHART (object), NULL);
  G_OBJECT_CLASS (steer_layer_chart_parent_class)->dispose (object);
}

static void
steer_layer_chart_finalize (GObject *object)
{
  g_free (STEER_LAYER_CHART (object)->values);
  G_OBJECT_CLASS (steer_layer_chart_parent_class)->finalize (object);
}

static void
steer_layer_chart_class_init (SteerLayerChartClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_layer_chart_dispose;
  object_class->finalize = steer_layer_chart_finalize;
  object_class->get_property = steer_layer_chart_get_property;
  object_class->set_property = steer_layer_chart_set_property;
  widget_class->snapshot = steer_layer_chart_snapshot;
  widget_class->measure = steer_layer_chart_measure;
  properties[PROP_ADJUSTMENT]
    = g_param_spec_object ("adjustment", NULL, NULL, GTK_TYPE_ADJUSTMENT, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
  /* What it shows is told in words beside it. */
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_PRESENTATION);
}

static void
steer_layer_chart_init (SteerLayerChart *self)
{
  GtkGesture *click = gtk_gesture_click_new ();

  gtk_widget_add_css_class (GTK_WIDGET (self), "caption");
  gtk_widget_add_css_class (GTK_WIDGET (self), "numeric");
  g_signal_connect (click, "pressed", G_CALLBACK (on_pressed), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
}

void
steer_layer_chart_set_values (SteerLayerChart *self, const double *values, guint n_values)
{
  g_return_if_fail (STEER_IS_LAYER_CHART (self));

  g_free (self->values);
  self->values = g_memdup2 (values, n_values * sizeof (double));
  self->n_values = n_values;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}
