#include "steer-sweep-dialog.h"

#include <glib/gi18n.h>
#include <math.h>

#include "chat/steer-contrasting.h"
#include "chat/steer-inspection.h"
#include "chat/steer-sweep.h"
#include "steer-accessible.h"
#include "steer-bar-chart.h"
#include "steer-dialogs.h"
#include "steer-steering-closures.h"

/* What was asked last, as it was typed; empty: the usual. */
#define PROMPTS_KEY "sweep-prompts"

struct _SteerSweepDialog
{
  AdwWindow parent_instance;

  SteerWorkspace *workspace;
  SteerPreset *preset;       /* a copy */
  guint position;            /* of the feature in it */
  SteerFeature *feature;     /* there */
  GCancellable *cancellable; /* of the norm that is measured */
  double norm;               /* of the layer's stream; 0: unknown */
  double strength_norm;      /* what a strength of the feature is a share of; 0: of nothing that is known */
  gboolean has_range;        /* it is known how far to go */
  SteerSweep *sweep;         /* nullable */
  gboolean choosing;         /* the program moves the choice */
  gboolean chosen;           /* a person has */
  GPtrArray *rows;           /* (element-type AdwActionRow): the replies */

  GtkStack *pages;
  AdwWindowTitle *title;
  GtkWidget *edit;
  GtkWidget *back;
  GtkWidget *measure;
  GtkWidget *use;
  GtkProgressBar *progress;
  SteerBarChart *chart;
  GtkAdjustment *point;
  GtkSpinButton *strength;
  AdwActionRow *strength_row;
  GtkLabel *heard;
  GtkLabel *surprisal;
  GtkLabel *repetition;
  AdwPreferencesGroup *replies;
  GtkTextView *prompts;
  GtkSpinButton *last;
  GtkSpinButton *steps;
  GtkSpinButton *tokens;
  AdwStatusPage *problem;
};

enum
{
  CHOSEN,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerSweepDialog, steer_sweep_dialog, ADW_TYPE_WINDOW)

static guint
get_point (SteerSweepDialog *self)
{
  return (guint) gtk_adjustment_get_value (self->point);
}

static void
show_page (SteerSweepDialog *self, const char *page)
{
  gboolean asking = g_str_equal (page, "prompts");

  gtk_stack_set_visible_child_name (self->pages, page);
  gtk_widget_set_visible (self->edit, !asking);
  gtk_widget_set_visible (self->back, asking && self->sweep != NULL);
  gtk_widget_set_visible (self->measure, asking);
  gtk_widget_set_visible (self->use, g_str_equal (page, "results"));
}

static void
show_problem (SteerSweepDialog *self, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  adw_status_page_set_description (self->problem, escaped);
  show_page (self, "problem");
}

static void
stop (SteerSweepDialog *self)
{
  if (self->sweep == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->sweep, self);
  steer_sweep_stop (self->sweep);
  g_clear_object (&self->sweep);
}

/* Of the feature's stream, in the layer's typical norm where that is known. */
static char *
dup_gain (SteerSweepDialog *self, guint point)
{
  double gain = steer_sweep_get_gain (self->sweep, point);

  if (self->norm > 0.0)
    return g_strdup_printf (_ ("%.0f %%"), 100.0 * gain / self->norm);
  return g_strdup_printf ("%.3g", gain);
}

static gboolean
is_running (SteerSweepDialog *self)
{
  gboolean running;

  g_object_get (self->sweep, "running", &running, NULL);
  return running;
}

static gboolean
is_complete (SteerSweepDialog *self, guint point)
{
  return steer_sweep_get_point (self->sweep, point)->n_replies == steer_sweep_get_n_prompts (self->sweep);
}

/* Whether the replies of a point are to be trusted; "" as long as nobody knows. */
static const char *
get_verdict (SteerSweepDialog *self, guint point)
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
tell_strength (SteerSweepDialog *self)
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
  gtk_widget_set_sensitive (self->use, point > 0);
}

static void
tell_measures (SteerSweepDialog *self)
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
tell_replies (SteerSweepDialog *self)
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
tell_point (SteerSweepDialog *self)
{
  tell_strength (self);
  tell_measures (self);
  tell_replies (self);
}

static void
on_point_changed (SteerSweepDialog *self)
{
  if (self->sweep == NULL)
    return;
  self->chosen |= !self->choosing;
  tell_point (self);
}

/* The spin button counts points and shows strengths. */
static gboolean
on_output (SteerSweepDialog *self)
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
on_typed (SteerSweepDialog *self)
{
  self->chosen |= !self->choosing;
}

/* What was typed is as good as the nearest strength that was tried. */
static int
on_input (SteerSweepDialog *self, double *value)
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
choose (SteerSweepDialog *self, guint point)
{
  self->choosing = TRUE;
  gtk_adjustment_set_value (self->point, point);
  self->choosing = FALSE;
}

static void
show_chart (SteerSweepDialog *self)
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
choose_best (SteerSweepDialog *self, guint last)
{
  guint best = last;

  if (self->chosen)
    return;
  if (!steer_sweep_suggest (self->sweep, &best))
    best = is_running (self) ? last : 0;
  choose (self, best);
}

static void
on_progressed (SteerSweepDialog *self, guint point)
{
  show_chart (self);
  choose_best (self, point);
  tell_point (self);
}

static void
tell_progress (SteerSweepDialog *self)
{
  g_autofree char *title
    = steer_steering_dup_title (NULL, steer_feature_get_label (self->feature), steer_feature_get_index (self->feature));
  double fraction = 0.0;
  gboolean running = FALSE;

  if (self->sweep != NULL)
    g_object_get (self->sweep, "progress", &fraction, "running", &running, NULL);
  gtk_progress_bar_set_fraction (self->progress, fraction);
  gtk_widget_set_visible (GTK_WIDGET (self->progress), running);
  adw_window_title_set_subtitle (self->title, title);
}

static void
on_finished (SteerSweepDialog *self)
{
  const GError *error = steer_sweep_get_error (self->sweep);

  tell_progress (self);
  if (error != NULL)
    {
      show_problem (self, error->message);
      return;
    }
  choose_best (self, 0);
  tell_point (self);
}

static void
fill_replies (SteerSweepDialog *self)
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
begin (SteerSweepDialog *self, SteerSweep *sweep)
{
  self->sweep = sweep;
  self->chosen = FALSE;
  fill_replies (self);
  gtk_adjustment_set_upper (self->point, steer_sweep_get_n_points (sweep) - 1);
  choose (self, 0);
  on_output (self);
  show_chart (self);
  tell_point (self);
  g_signal_connect_swapped (sweep, "progressed", G_CALLBACK (on_progressed), self);
  g_signal_connect_swapped (sweep, "finished", G_CALLBACK (on_finished), self);
  g_signal_connect_swapped (sweep, "notify::progress", G_CALLBACK (tell_progress), self);
  show_page (self, "results");
  if (gtk_widget_get_mapped (GTK_WIDGET (self)))
    gtk_widget_grab_focus (GTK_WIDGET (self->strength));
  steer_sweep_start (sweep);
  tell_progress (self);
}

static char **
dup_prompts (SteerSweepDialog *self)
{
  g_autofree char *text = NULL;

  g_object_get (gtk_text_view_get_buffer (self->prompts), "text", &text, NULL);
  return steer_split_examples (text);
}

static void
begin_sweep (SteerSweepDialog *self)
{
  g_auto (GStrv) prompts = dup_prompts (self);
  guint n = (guint) gtk_spin_button_get_value_as_int (self->steps);
  g_autofree double *strengths = g_new (double, n);
  g_autoptr (GError) error = NULL;
  SteerSampling sampling;
  SteerSweep *sweep;

  stop (self);
  for (guint i = 0; i < n; i++)
    strengths[i] = gtk_spin_button_get_value (self->last) * (i + 1) / n;
  steer_workspace_get_sampling (self->workspace, &sampling);
  sampling.max_tokens = (guint) gtk_spin_button_get_value_as_int (self->tokens);
  sweep = steer_sweep_new (steer_workspace_get_engine (self->workspace),
                           &(SteerSweepOptions){ .preset = self->preset,
                                                 .feature = self->position,
                                                 .library = steer_workspace_get_library (self->workspace),
                                                 .strengths = strengths,
                                                 .n_strengths = n,
                                                 .prompts = (const char *const *) prompts,
                                                 .sampling = &sampling },
                           &error);
  if (sweep == NULL)
    show_problem (self, error->message);
  else
    begin (self, sweep);
}

/* A vector may lie scattered over a file's pages: the library keeps what a thread has read of it. The callback holds no
 * reference: a dialog that is closed has cancelled what it waited for. */
static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_task_propagate_boolean (G_TASK (result), &error);
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    begin_sweep (data);
}

static void
read_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_autoptr (SteerPlan) plan = steer_preset_make_plan (data, source, 0, 0, NULL);

  g_task_return_boolean (task, plan != NULL); /* if not, the sweep tells why */
}

static void
start (SteerSweepDialog *self)
{
  SteerLibrary *library = steer_workspace_get_library (self->workspace);
  SteerPreset *preset = steer_preset_copy (self->preset);
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), self->position);
  g_autoptr (GTask) task = g_task_new (library, self->cancellable, on_read, self);

  steer_preset_set_master_enabled (preset, TRUE);
  steer_feature_set_enabled (feature, TRUE);
  g_task_set_task_data (task, preset, g_object_unref);
  if (steer_preset_plan_would_read (preset, library))
    g_task_run_in_thread (task, read_in_thread);
  else
    begin_sweep (self);
}

static void
update_measure (SteerSweepDialog *self)
{
  g_auto (GStrv) prompts = dup_prompts (self);

  gtk_widget_set_sensitive (self->measure, prompts[0] != NULL && gtk_spin_button_get_value (self->last) != 0.0);
  if (self->has_range)
    g_settings_set_strv (steer_workspace_get_settings (self->workspace), PROMPTS_KEY, (const char *const *) prompts);
}

static void
on_measure (SteerSweepDialog *self)
{
  gtk_spin_button_update (self->last);
  gtk_spin_button_update (self->steps);
  gtk_spin_button_update (self->tokens);
  if (gtk_widget_get_sensitive (self->measure)) /* with what was typed last */
    start (self);
}

static void
on_edit (SteerSweepDialog *self)
{
  show_page (self, "prompts");
  gtk_widget_grab_focus (GTK_WIDGET (self->prompts));
}

/* To what was found before. */
static void
on_back (SteerSweepDialog *self)
{
  show_page (self, "results");
  gtk_widget_grab_focus (GTK_WIDGET (self->strength));
}

static void
on_use (SteerSweepDialog *self)
{
  double strength;

  gtk_spin_button_update (self->strength);
  if (self->sweep == NULL || get_point (self) == 0)
    return;
  strength = steer_sweep_get_point (self->sweep, get_point (self))->strength;
  g_signal_emit (self, signals[CHOSEN], 0, strength);
  gtk_window_close (GTK_WINDOW (self));
}

/* To two digits. */
static double
round_step (double step)
{
  double unit = pow (10.0, floor (log10 (MAX (step, 1e-6))) - 1.0);

  return MAX (round (step / unit), 1.0) * unit;
}

/* To where a strength is likely to be too much, on the side on which the feature is now, in steps that can be read. */
static void
fill_range (SteerSweepDialog *self)
{
  double strength = steer_feature_get_strength (self->feature);
  double n = gtk_spin_button_get_value (self->steps);
  SteerStrengthRange range;
  double last, step;

  steer_strength_range_init_for_feature (&range, self->feature, strength < 0.0 ? -G_MINDOUBLE : G_MINDOUBLE);
  last = self->strength_norm > 0.0 ? STEER_SWEEP_NORM_SHARE * self->strength_norm
                                   : MAX (range.useful_upper, -range.useful_lower);
  step = round_step (last / n);
  gtk_spin_button_set_digits (self->last, (guint) CLAMP (1.0 - floor (log10 (MAX (step, 1e-6))), 1.0, 8.0));
  gtk_spin_button_set_increments (self->last, step, n * step / 2.0);
  gtk_spin_button_set_value (self->last, strength < 0.0 ? -n * step : n * step);
  self->has_range = TRUE;
}

/* The callback holds no reference: a dialog that is closed has cancelled what it waited for. */
static void know_norm (SteerSweepDialog *self);

static void
on_norms_measured (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerSweepDialog *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) norms = steer_engine_measure_norms_finish (STEER_ENGINE (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (norms != NULL && steer_feature_get_layer (self->feature) < norms->len)
    self->norm = g_array_index (norms, double, steer_feature_get_layer (self->feature));
  know_norm (self);
}

/* What an activation is clamped to is not of the stream. */
static void
know_norm (SteerSweepDialog *self)
{
  double multiplier = steer_preset_get_master_multiplier (self->preset);

  if (steer_feature_get_mode (self->feature) != STEER_MODE_SAE_CLAMP && multiplier > 0.0)
    self->strength_norm = self->norm / multiplier;
  fill_range (self);
  gtk_widget_set_sensitive (self->edit, TRUE);
  start (self);
}

/* Until it is known how far to go, nothing can be tried. */
static void
find_norm (SteerSweepDialog *self)
{
  self->norm = steer_feature_get_layer_norm (self->feature);
  if (self->norm > 0.0)
    {
      know_norm (self);
      return;
    }
  gtk_widget_set_sensitive (self->edit, FALSE);
  show_page (self, "waiting");
  steer_engine_measure_norms_async (steer_workspace_get_engine (self->workspace), self->cancellable, on_norms_measured,
                                    self);
}

static void
steer_sweep_dialog_dispose (GObject *object)
{
  SteerSweepDialog *self = STEER_SWEEP_DIALOG (object);

  g_cancellable_cancel (self->cancellable);
  stop (self);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->feature);
  g_clear_object (&self->preset);
  g_clear_object (&self->workspace);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  G_OBJECT_CLASS (steer_sweep_dialog_parent_class)->dispose (object);
}

static void
steer_sweep_dialog_class_init (SteerSweepDialogClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_sweep_dialog_dispose;
  signals[CHOSEN] = g_signal_new ("chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_DOUBLE);

  g_type_ensure (STEER_TYPE_BAR_CHART);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-sweep-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, pages);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, title);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, edit);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, back);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, measure);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, use);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, progress);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, chart);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, point);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, strength);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, strength_row);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, heard);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, surprisal);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, repetition);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, replies);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, prompts);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, last);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, steps);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, tokens);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, problem);
  gtk_widget_class_bind_template_callback (widget_class, on_point_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_output);
  gtk_widget_class_bind_template_callback (widget_class, on_input);
  gtk_widget_class_bind_template_callback (widget_class, on_typed);
  gtk_widget_class_bind_template_callback (widget_class, on_measure);
  gtk_widget_class_bind_template_callback (widget_class, on_edit);
  gtk_widget_class_bind_template_callback (widget_class, on_back);
  gtk_widget_class_bind_template_callback (widget_class, on_use);
  gtk_widget_class_bind_template_callback (widget_class, update_measure);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

/* Not sooner: assistive technology would meet a window that is not shown, and be told no more of it. */
static void
on_map (SteerSweepDialog *self)
{
  if (self->sweep != NULL)
    gtk_widget_grab_focus (GTK_WIDGET (self->strength));
}

static void
steer_sweep_dialog_init (SteerSweepDialog *self)
{
  self->cancellable = g_cancellable_new ();
  self->rows = g_ptr_array_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  steer_accessible_name_mnemonics (GTK_WIDGET (self));
  gtk_spin_button_set_value (self->steps, STEER_SWEEP_N_STRENGTHS);
  gtk_spin_button_set_value (self->tokens, STEER_SWEEP_N_TOKENS);
  g_signal_connect (self, "map", G_CALLBACK (on_map), NULL);
  g_signal_connect_object (gtk_text_view_get_buffer (self->prompts), "changed", G_CALLBACK (update_measure), self,
                           G_CONNECT_SWAPPED);
}

static guint
find_position (SteerPreset *preset, SteerFeature *feature)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (preset)); i++)
    {
      g_autoptr (SteerFeature) other = g_list_model_get_item (G_LIST_MODEL (preset), i);

      if (other == feature)
        return i;
    }
  g_return_val_if_reached (0);
}

GtkWidget *
steer_sweep_dialog_new (GtkWindow *parent, SteerWorkspace *workspace, SteerFeature *feature)
{
  SteerSweepDialog *self = g_object_new (STEER_TYPE_SWEEP_DIALOG, "transient-for", parent, NULL);
  SteerPreset *preset = steer_workspace_get_preset (workspace);
  g_auto (GStrv) prompts = g_settings_get_strv (steer_workspace_get_settings (workspace), PROMPTS_KEY);
  g_autofree char *text = g_strjoinv ("\n", prompts[0] != NULL ? prompts : (char **) steer_sweep_prompts);
  g_autofree char *title
    = steer_steering_dup_title (NULL, steer_feature_get_label (feature), steer_feature_get_index (feature));

  steer_dialog_forget_parent (GTK_WINDOW (self));
  self->workspace = g_object_ref (workspace);
  self->preset = steer_preset_copy (preset);
  self->position = find_position (preset, feature);
  self->feature = g_list_model_get_item (G_LIST_MODEL (self->preset), self->position);
  adw_window_title_set_subtitle (self->title, title);
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (self->prompts), text, -1);
  find_norm (self);
  return GTK_WIDGET (self);
}
