#include "steer-sweep-results.h"

#include <glib/gi18n.h>
#include <math.h>

#include "steer-bar-chart.h"
#include "steer-steering-closures.h"

struct _SteerSweepResults
{
  GtkWidget parent_instance;

  SteerSweep *sweep; /* nullable */
  double norm;
  double strength_norm;
  gboolean usable;
  gboolean choosing; /* the program moves the choice */
  gboolean chosen;   /* a person has */
  GPtrArray *rows;   /* (element-type AdwActionRow): the replies */

  SteerBarChart *chart;
  GtkAdjustment *point;
  GtkSpinButton *strength;
  AdwActionRow *strength_row;
  GtkLabel *heard;
  GtkLabel *surprisal;
  GtkLabel *repetition;
  AdwPreferencesGroup *replies;
};

enum
{
  PROP_0,
  PROP_USABLE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerSweepResults, steer_sweep_results, GTK_TYPE_WIDGET)

static guint
get_point (SteerSweepResults *self)
{
  return (guint) gtk_adjustment_get_value (self->point);
}

/* Of the feature's stream, in the layer's typical norm where that is known. */
static char *
dup_gain (SteerSweepResults *self, guint point)
{
  double gain = steer_sweep_get_gain (self->sweep, point);

  if (self->norm > 0.0)
    return g_strdup_printf (_ ("%.0f %%"), 100.0 * gain / self->norm);
  return g_strdup_printf ("%.3g", gain);
}

static gboolean
is_running (SteerSweepResults *self)
{
  gboolean running;

  g_object_get (self->sweep, "running", &running, NULL);
  return running;
}

static gboolean
is_complete (SteerSweepResults *self, guint point)
{
  return steer_sweep_get_point (self->sweep, point)->n_replies == steer_sweep_get_n_prompts (self->sweep);
}

/* Whether the replies of a point are to be trusted; "" as long as nobody knows. */
static const char *
get_verdict (SteerSweepResults *self, guint point)
{
  guint best = 0;

  if (!is_complete (self, point))
    return "";
  if (point == 0 && (is_running (self) || steer_sweep_suggest (self->sweep, &best)))
    return _ ("Without the feature");
  if (point == 0)
    return _ ("At none of these strengths more of it is heard while the replies hold together");
  if (steer_sweep_suggest (self->sweep, &best) && best == point)
    return _ ("Most is heard here while the replies hold together");
  return steer_sweep_holds (self->sweep, point) ? _ ("The replies hold together") : _ ("The replies fall apart");
}

/* What the chosen strength is, and whether it may be used. */
static void
tell_strength (SteerSweepResults *self)
{
  guint point = get_point (self);
  const SteerSweepPoint *told = steer_sweep_get_point (self->sweep, point);
  const char *verdict = get_verdict (self, point);
  g_autoptr (GString) text = g_string_new (NULL);

  if (point > 0 && self->strength_norm > 0.0)
    g_string_append_printf (text, _ ("%.0f %% of the layer’s typical norm"),
                            100.0 * fabs (told->strength) / self->strength_norm);
  if (text->len > 0 && *verdict != '\0')
    g_string_append_c (text, '\n');
  g_string_append (text, verdict);
  adw_action_row_set_subtitle (self->strength_row, text->str);
  if (self->usable == (point > 0))
    return;
  self->usable = point > 0;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_USABLE]);
}

static void
tell_measures (SteerSweepResults *self)
{
  guint point = get_point (self);
  const SteerSweepPoint *told = steer_sweep_get_point (self->sweep, point);
  const SteerSweepPoint *without = steer_sweep_get_point (self->sweep, 0);
  g_autofree char *heard = told->n_tokens > 0 && point > 0 ? dup_gain (self, point) : g_strdup ("–");
  g_autofree char *surprisal = NULL;
  g_autofree char *repetition
    = told->n_tokens > 0 ? g_strdup_printf (_ ("%.0f %%"), 100.0 * told->repetition) : g_strdup ("–");

  if (told->n_tokens == 0)
    surprisal = g_strdup ("–");
  else if (point == 0)
    surprisal = g_strdup_printf ("%.2f", told->surprisal);
  else /* Translators: nats a token; the second number is without the feature */
    surprisal = g_strdup_printf (_ ("%.2f, without %.2f"), told->surprisal, without->surprisal);
  gtk_label_set_text (self->heard, heard);
  gtk_label_set_text (self->surprisal, surprisal);
  gtk_label_set_text (self->repetition, repetition);
}

static void
tell_replies (SteerSweepResults *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    {
      const char *reply = steer_sweep_get_reply (self->sweep, get_point (self), i);
      g_autofree char *text = g_strstrip (g_strdup (reply != NULL ? reply : ""));

      if (reply == NULL)
        adw_action_row_set_subtitle (g_ptr_array_index (self->rows, i), is_running (self) ? "…" : _ ("Not tried"));
      else
        adw_action_row_set_subtitle (g_ptr_array_index (self->rows, i), *text != '\0' ? text : _ ("No word"));
    }
}

static void
tell_point (SteerSweepResults *self)
{
  tell_strength (self);
  tell_measures (self);
  tell_replies (self);
}

static void
on_point_changed (SteerSweepResults *self)
{
  if (self->sweep == NULL)
    return;
  self->chosen |= !self->choosing;
  tell_point (self);
}

/* The spin button counts points and shows strengths. */
static gboolean
on_output (SteerSweepResults *self)
{
  g_autofree char *text = NULL;

  if (self->sweep == NULL)
    return FALSE;
  if (get_point (self) == 0)
    text = g_strdup (C_ ("strength", "off"));
  else
    text = steer_steering_dup_strength (NULL, steer_sweep_get_point (self->sweep, get_point (self))->strength);
  if (!g_str_equal (text, gtk_editable_get_text (GTK_EDITABLE (self->strength))))
    {
      gboolean choosing = self->choosing;

      self->choosing = TRUE;
      gtk_editable_set_text (GTK_EDITABLE (self->strength), text);
      self->choosing = choosing;
    }
  return TRUE;
}

/* Who types has begun to choose. */
static void
on_typed (SteerSweepResults *self)
{
  self->chosen |= !self->choosing;
}

/* What was typed is as good as the nearest strength that was tried. */
static int
on_input (SteerSweepResults *self, double *value)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (self->strength));
  double typed = 0.0;
  guint nearest = 0;

  if (self->sweep == NULL
      || (!g_str_equal (text, C_ ("strength", "off")) && !steer_steering_parse_strength (text, &typed)))
    return GTK_INPUT_ERROR;
  for (guint i = 1; i < steer_sweep_get_n_points (self->sweep); i++)
    if (fabs (steer_sweep_get_point (self->sweep, i)->strength - typed)
        < fabs (steer_sweep_get_point (self->sweep, nearest)->strength - typed))
      nearest = i;
  *value = nearest;
  return TRUE;
}

static void
choose (SteerSweepResults *self, guint point)
{
  self->choosing = TRUE;
  gtk_adjustment_set_value (self->point, point);
  self->choosing = FALSE;
}

static void
show_chart (SteerSweepResults *self)
{
  guint n = steer_sweep_get_n_points (self->sweep);
  g_autofree double *heard = g_new0 (double, n);      /* [n] */
  g_autofree double *surprisal = g_new0 (double, n);  /* [n] */
  g_autofree double *repetition = g_new0 (double, n); /* [n] */
  g_autofree gboolean *marked = g_new0 (gboolean, n); /* [n] */
  g_autoptr (GPtrArray) labels = g_ptr_array_new_with_free_func (g_free);
  double strangest = 0.0;

  for (guint i = 0; i < n; i++)
    {
      const SteerSweepPoint *told = steer_sweep_get_point (self->sweep, i);

      /* Some replies of a point beside all of another would mislead. */
      heard[i] = is_complete (self, i) ? steer_sweep_get_gain (self->sweep, i) : 0.0;
      surprisal[i] = is_complete (self, i) && told->n_tokens > 0 ? told->surprisal : NAN;
      repetition[i] = is_complete (self, i) && told->n_tokens > 0 ? told->repetition : NAN;
      if (!isnan (surprisal[i]))
        strangest = MAX (strangest, told->surprisal);
      marked[i] = i > 0 && is_complete (self, i) && !steer_sweep_holds (self->sweep, i);
      g_ptr_array_add (labels,
                       i > 0 ? steer_steering_dup_strength (NULL, told->strength) : g_strdup (C_ ("strength", "off")));
    }
  steer_bar_chart_set_bars (self->chart, heard, (const char *const *) labels->pdata, n);
  steer_bar_chart_set_marked (self->chart, marked);
  steer_bar_chart_set_line (self->chart, 0, surprisal, strangest, "orange_3");
  steer_bar_chart_set_line (self->chart, 1, repetition, 1.0, "purple_3");
}

/* Until a person has chosen, the best so far; without one, what came last, and in the end none. */
static void
choose_best (SteerSweepResults *self, guint last)
{
  guint best = last;

  if (self->chosen)
    return;
  if (!steer_sweep_suggest (self->sweep, &best))
    best = is_running (self) ? last : 0;
  choose (self, best);
}

static void
on_progressed (SteerSweepResults *self, guint point)
{
  show_chart (self);
  choose_best (self, point);
  tell_point (self);
}

static void
fill_replies (SteerSweepResults *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    adw_preferences_group_remove (self->replies, g_ptr_array_index (self->rows, i));
  g_ptr_array_set_size (self->rows, 0);
  for (guint i = 0; i < steer_sweep_get_n_prompts (self->sweep); i++)
    {
      GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title-lines", 0, "subtitle-lines", 0,
                                     "title", steer_sweep_get_prompt (self->sweep, i), NULL);

      gtk_widget_add_css_class (row, "reply");
      adw_preferences_group_add (self->replies, row);
      g_ptr_array_add (self->rows, row);
    }
}

static void
on_finished (SteerSweepResults *self)
{
  if (steer_sweep_get_error (self->sweep) != NULL)
    return;
  choose_best (self, 0);
  tell_point (self);
}

void
steer_sweep_results_set_sweep (SteerSweepResults *self, SteerSweep *sweep, double norm, double strength_norm)
{
  if (self->sweep != NULL)
    g_signal_handlers_disconnect_by_data (self->sweep, self);
  g_set_object (&self->sweep, sweep);
  if (sweep == NULL)
    return;
  self->norm = norm;
  self->strength_norm = strength_norm;
  self->chosen = FALSE;
  fill_replies (self);
  gtk_adjustment_set_upper (self->point, steer_sweep_get_n_points (sweep) - 1);
  choose (self, 0);
  on_output (self);
  show_chart (self);
  tell_point (self);
  g_signal_connect_swapped (sweep, "progressed", G_CALLBACK (on_progressed), self);
  g_signal_connect_swapped (sweep, "finished", G_CALLBACK (on_finished), self);
}

gboolean
steer_sweep_results_get_strength (SteerSweepResults *self, double *strength)
{
  gtk_spin_button_update (self->strength);
  if (self->sweep == NULL || get_point (self) == 0)
    return FALSE;
  *strength = steer_sweep_get_point (self->sweep, get_point (self))->strength;
  return TRUE;
}

void
steer_sweep_results_focus (SteerSweepResults *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self->strength));
}

static void
steer_sweep_results_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerSweepResults *self = STEER_SWEEP_RESULTS (object);

  if (id == PROP_USABLE)
    g_value_set_boolean (value, self->usable);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_sweep_results_dispose (GObject *object)
{
  SteerSweepResults *self = STEER_SWEEP_RESULTS (object);
  GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self));

  steer_sweep_results_set_sweep (self, NULL, 0.0, 0.0);
  g_ptr_array_set_size (self->rows, 0);
  if (child != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (steer_sweep_results_parent_class)->dispose (object);
}

static void
steer_sweep_results_finalize (GObject *object)
{
  g_ptr_array_unref (STEER_SWEEP_RESULTS (object)->rows);
  G_OBJECT_CLASS (steer_sweep_results_parent_class)->finalize (object);
}

static void
steer_sweep_results_class_init (SteerSweepResultsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_sweep_results_dispose;
  object_class->finalize = steer_sweep_results_finalize;
  object_class->get_property = steer_sweep_results_get_property;

  properties[PROP_USABLE]
    = g_param_spec_boolean ("usable", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  g_type_ensure (STEER_TYPE_BAR_CHART);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-sweep-results.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerSweepResults, chart);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepResults, point);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepResults, strength);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepResults, strength_row);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepResults, heard);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepResults, surprisal);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepResults, repetition);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepResults, replies);
  gtk_widget_class_bind_template_callback (widget_class, on_point_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_output);
  gtk_widget_class_bind_template_callback (widget_class, on_input);
  gtk_widget_class_bind_template_callback (widget_class, on_typed);
}

static void
steer_sweep_results_init (SteerSweepResults *self)
{
  self->rows = g_ptr_array_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
}
