#include "steer-context-gauge.h"

#include <glib/gi18n.h>
#include <math.h>

#include "steer-transcript-closures.h"

#define DIAMETER 22
#define THICKNESS 3.5

/* From here on the ring warns. */
#define NEARLY_FULL 0.8
#define FULL 0.97

struct _SteerContextGauge
{
  GtkWidget parent_instance;

  guint used;
  guint size;
};

enum
{
  PROP_0,
  PROP_USED,
  PROP_SIZE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerContextGauge, steer_context_gauge, GTK_TYPE_WIDGET)

static double
get_share (SteerContextGauge *self)
{
  return self->size > 0 ? MIN ((double) self->used / self->size, 1.0) : 0.0;
}

static void
set_class (GtkWidget *widget, const char *name, gboolean on)
{
  if (on)
    gtk_widget_add_css_class (widget, name);
  else
    gtk_widget_remove_css_class (widget, name);
}

static void
update (SteerContextGauge *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  g_autofree char *text = steer_transcript_dup_context (NULL, self->used, self->size);
  double share = get_share (self);

  gtk_widget_set_visible (widget, self->size > 0);
  set_class (widget, "warning", share >= NEARLY_FULL && share < FULL);
  set_class (widget, "error", share >= FULL);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_VALUE_MAX, (double) self->size,
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_NOW, (double) MIN (self->used, self->size),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT, text, -1);
  gtk_widget_queue_draw (widget);
}

static void
draw_arc (cairo_t *cr, const GdkRGBA *color, double alpha, double share)
{
  cairo_set_source_rgba (cr, color->red, color->green, color->blue, color->alpha * alpha);
  cairo_arc (cr, DIAMETER / 2.0, DIAMETER / 2.0, (DIAMETER - THICKNESS) / 2.0, -G_PI_2, -G_PI_2 + 2 * G_PI * share);
  cairo_stroke (cr);
}

/* Asked for when it is wanted: a text that is set has GTK ask the display for its pointer, with each token. */
static gboolean
query_tooltip (GtkWidget *widget, int x, int y, gboolean keyboard, GtkTooltip *tooltip)
{
  SteerContextGauge *self = STEER_CONTEXT_GAUGE (widget);
  g_autofree char *text = steer_transcript_dup_context (NULL, self->used, self->size);

  gtk_tooltip_set_text (tooltip, text);
  return TRUE;
}

static void
snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  SteerContextGauge *self = STEER_CONTEXT_GAUGE (widget);
  GtkStyleContext *style = gtk_widget_get_style_context (widget);
  float x = (float) (gtk_widget_get_width (widget) - DIAMETER) / 2;
  float y = (float) (gtk_widget_get_height (widget) - DIAMETER) / 2;
  cairo_t *cr;
  GdkRGBA color;

  gtk_style_context_get_color (style, &color);
  cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (x, y, DIAMETER, DIAMETER));
  cairo_translate (cr, (double) x, (double) y);
  cairo_set_line_width (cr, THICKNESS);
  draw_arc (cr, &color, 0.18, 1.0);
  if (self->used > 0)
    draw_arc (cr, &color, 1.0, MAX (get_share (self), 0.015));
  cairo_destroy (cr);
}

static void
measure (GtkWidget *widget,
         GtkOrientation orientation,
         int for_size,
         int *minimum,
         int *natural,
         int *minimum_baseline,
         int *natural_baseline)
{
  *minimum = *natural = DIAMETER;
}

static void
steer_context_gauge_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerContextGauge *self = STEER_CONTEXT_GAUGE (object);

  if (id == PROP_USED)
    g_value_set_uint (value, self->used);
  else if (id == PROP_SIZE)
    g_value_set_uint (value, self->size);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_context_gauge_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerContextGauge *self = STEER_CONTEXT_GAUGE (object);

  if (id == PROP_USED)
    self->used = g_value_get_uint (value);
  else if (id == PROP_SIZE)
    self->size = g_value_get_uint (value);
  else
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      return;
    }
  update (self);
}

static void
steer_context_gauge_class_init (SteerContextGaugeClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = steer_context_gauge_get_property;
  object_class->set_property = steer_context_gauge_set_property;
  widget_class->measure = measure;
  widget_class->snapshot = snapshot;
  widget_class->query_tooltip = query_tooltip;

  properties[PROP_USED] = g_param_spec_uint ("used", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_SIZE] = g_param_spec_uint ("size", NULL, NULL, 0, G_MAXUINT, 0, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_METER);
  gtk_widget_class_set_css_name (widget_class, "contextgauge");
}

static void
steer_context_gauge_init (SteerContextGauge *self)
{
  gtk_widget_set_has_tooltip (GTK_WIDGET (self), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Context"),
                                  GTK_ACCESSIBLE_PROPERTY_VALUE_MIN, 0.0, -1);
  update (self);
}

GtkWidget *
steer_context_gauge_new (void)
{
  return g_object_new (STEER_TYPE_CONTEXT_GAUGE, NULL);
}
