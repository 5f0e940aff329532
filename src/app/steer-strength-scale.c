#include "steer-strength-scale.h"

/* The trough is drawn here rather than by the theme, because the theme fills it from one end. */
#define TROUGH_HEIGHT 5.0f

/* Half the room that a knob takes of its trough: steering.css gives it 20 pixels and margins of -8 on both sides. */
#define KNOB_HALF 2.0f

#define DANGER_ALPHA 0.42f
#define TROUGH_ALPHA 0.14f

struct _SteerStrengthScale
{
  GtkScale parent_instance;

  double recommended;
  double useful_lower;
  double useful_upper;
  char *zero_label;
  char *recommended_label;
};

enum
{
  PROP_0,
  PROP_RECOMMENDED,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerStrengthScale, steer_strength_scale, GTK_TYPE_SCALE)

/* The line along which the knob's centre travels. */
typedef struct
{
  float start; /* x of the lower end */
  float end;   /* x of the upper end; left of start in right-to-left languages */
  float y;
  double lower;
  double upper;
} Track;

static Track
get_track (SteerStrengthScale *self)
{
  GtkRange *range = GTK_RANGE (self);
  GtkAdjustment *adjustment = gtk_range_get_adjustment (range);
  GdkRectangle trough;
  Track track;

  gtk_range_get_range_rect (range, &trough);
  track.start = (float) trough.x + KNOB_HALF;
  track.end = (float) (trough.x + trough.width) - KNOB_HALF;
  track.y = (float) trough.y + (float) trough.height / 2.0f;
  track.lower = gtk_adjustment_get_lower (adjustment);
  track.upper = gtk_adjustment_get_upper (adjustment);
  if (gtk_range_get_flippable (range) && gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL)
    {
      float start = track.start;

      track.start = track.end;
      track.end = start;
    }
  return track;
}

static float
track_x (const Track *track, double value)
{
  double share = track->upper > track->lower ? (value - track->lower) / (track->upper - track->lower) : 0.0;

  return track->start + (float) CLAMP (share, 0.0, 1.0) * (track->end - track->start);
}

static void
draw_segment (GtkSnapshot *snapshot, const Track *track, double from, double to, const GdkRGBA *color)
{
  float left = MIN (track_x (track, from), track_x (track, to));
  float right = MAX (track_x (track, from), track_x (track, to));

  if (right > left)
    gtk_snapshot_append_color (
      snapshot, color, &GRAPHENE_RECT_INIT (left, track->y - TROUGH_HEIGHT / 2.0f, right - left, TROUGH_HEIGHT));
}

static void
look_up_color (GtkWidget *widget, const char *name, const char *fallback, GdkRGBA *color)
{
  if (!gtk_style_context_lookup_color (gtk_widget_get_style_context (widget), name, color))
    gdk_rgba_parse (color, fallback);
}

static void
draw_trough (SteerStrengthScale *self, GtkSnapshot *snapshot)
{
  GtkWidget *widget = GTK_WIDGET (self);
  double value = gtk_range_get_value (GTK_RANGE (self));
  Track track = get_track (self);
  float left = MIN (track.start, track.end) - TROUGH_HEIGHT / 2.0f;
  float width = ABS (track.end - track.start) + TROUGH_HEIGHT;
  GdkRGBA trough, danger, fill;
  GskRoundedRect clip;

  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &trough);
  trough.alpha *= TROUGH_ALPHA;
  look_up_color (widget, "error_bg_color", "#e01b24", &danger);
  danger.alpha *= DANGER_ALPHA;
  look_up_color (widget, "accent_bg_color", "#3584e4", &fill);
  if (value < self->useful_lower || value > self->useful_upper)
    look_up_color (widget, "error_bg_color", "#e01b24", &fill);
  if (!gtk_widget_is_sensitive (widget))
    fill.alpha *= 0.5f;

  gsk_rounded_rect_init_from_rect (
    &clip, &GRAPHENE_RECT_INIT (left, track.y - TROUGH_HEIGHT / 2.0f, width, TROUGH_HEIGHT), TROUGH_HEIGHT / 2.0f);
  gtk_snapshot_push_rounded_clip (snapshot, &clip);
  gtk_snapshot_append_color (snapshot, &trough, &clip.bounds);
  draw_segment (snapshot, &track, track.lower, self->useful_lower, &danger);
  draw_segment (snapshot, &track, self->useful_upper, track.upper, &danger);
  draw_segment (snapshot, &track, 0.0, value, &fill);
  gtk_snapshot_pop (snapshot);
}

static void
steer_strength_scale_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  draw_trough (STEER_STRENGTH_SCALE (widget), snapshot);
  GTK_WIDGET_CLASS (steer_strength_scale_parent_class)->snapshot (widget, snapshot);
}

/* A mark's label may be "", for a tick alone. */
static void
add_mark (SteerStrengthScale *self, double value, const char *label)
{
  if (label != NULL)
    gtk_scale_add_mark (GTK_SCALE (self), value, GTK_POS_BOTTOM, *label != '\0' ? label : NULL);
}

static void
update_marks (SteerStrengthScale *self)
{
  gtk_scale_clear_marks (GTK_SCALE (self));
  add_mark (self, 0.0, self->zero_label);
  if (self->recommended != 0.0)
    add_mark (self, self->recommended, self->recommended_label);
}

/* GTK 4.8 places marks when they are added, and leaves them there when the ends of the range move. */
static void
on_adjustment_notify (SteerStrengthScale *self)
{
  g_signal_connect_object (gtk_range_get_adjustment (GTK_RANGE (self)), "changed", G_CALLBACK (update_marks), self,
                           G_CONNECT_SWAPPED);
}

static void
on_pressed (GtkGestureClick *gesture, int n_press, double x, double y, SteerStrengthScale *self)
{
  if (n_press != 2)
    return;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  gtk_range_set_value (GTK_RANGE (self), self->recommended);
}

static void
steer_strength_scale_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_RECOMMENDED)
    g_value_set_double (value, STEER_STRENGTH_SCALE (object)->recommended);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_strength_scale_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_RECOMMENDED)
    steer_strength_scale_set_recommended (STEER_STRENGTH_SCALE (object), g_value_get_double (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_strength_scale_finalize (GObject *object)
{
  SteerStrengthScale *self = STEER_STRENGTH_SCALE (object);

  g_free (self->zero_label);
  g_free (self->recommended_label);
  G_OBJECT_CLASS (steer_strength_scale_parent_class)->finalize (object);
}

static void
steer_strength_scale_class_init (SteerStrengthScaleClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = steer_strength_scale_finalize;
  object_class->get_property = steer_strength_scale_get_property;
  object_class->set_property = steer_strength_scale_set_property;
  GTK_WIDGET_CLASS (klass)->snapshot = steer_strength_scale_snapshot;
  properties[PROP_RECOMMENDED]
    = g_param_spec_double ("recommended", NULL, NULL, -G_MAXDOUBLE, G_MAXDOUBLE, 0.0,
                           G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_strength_scale_init (SteerStrengthScale *self)
{
  GtkGesture *click = gtk_gesture_click_new ();

  self->useful_lower = -G_MAXDOUBLE;
  self->useful_upper = G_MAXDOUBLE;
  gtk_scale_set_draw_value (GTK_SCALE (self), FALSE);
  gtk_scale_set_has_origin (GTK_SCALE (self), FALSE);
  gtk_widget_add_css_class (GTK_WIDGET (self), "strength-scale");
  gtk_event_controller_set_propagation_phase (GTK_EVENT_CONTROLLER (click), GTK_PHASE_CAPTURE);
  g_signal_connect (click, "pressed", G_CALLBACK (on_pressed), self);
  g_signal_connect (self, "notify::adjustment", G_CALLBACK (on_adjustment_notify), NULL);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  steer_strength_scale_ignore_wheel (GTK_WIDGET (self));
}

void
steer_strength_scale_set_useful (SteerStrengthScale *self, double lower, double upper)
{
  g_return_if_fail (STEER_IS_STRENGTH_SCALE (self));

  self->useful_lower = lower;
  self->useful_upper = upper;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

double
steer_strength_scale_get_recommended (SteerStrengthScale *self)
{
  g_return_val_if_fail (STEER_IS_STRENGTH_SCALE (self), 0.0);
  return self->recommended;
}

void
steer_strength_scale_set_recommended (SteerStrengthScale *self, double recommended)
{
  g_return_if_fail (STEER_IS_STRENGTH_SCALE (self));

  if (self->recommended == recommended)
    return;
  self->recommended = recommended;
  update_marks (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RECOMMENDED]);
}

void
steer_strength_scale_set_marks (SteerStrengthScale *self, const char *zero, const char *recommended)
{
  g_return_if_fail (STEER_IS_STRENGTH_SCALE (self));

  if (g_strcmp0 (self->zero_label, zero) == 0 && g_strcmp0 (self->recommended_label, recommended) == 0)
    return;
  g_free (self->zero_label);
  g_free (self->recommended_label);
  self->zero_label = g_strdup (zero);
  self->recommended_label = g_strdup (recommended);
  update_marks (self);
}

void
steer_strength_scale_ignore_wheel (GtkWidget *widget)
{
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (widget);

  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
    {
      g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

      if (GTK_IS_EVENT_CONTROLLER_SCROLL (controller))
        gtk_event_controller_set_propagation_phase (controller, GTK_PHASE_NONE);
    }
}
