#include "steer-sweep-dialog.h"

#include <glib/gi18n.h>
#include <math.h>

#include "chat/steer-inspection.h"
#include "chat/steer-sweep.h"
#include "steer-accessible.h"
#include "steer-dialogs.h"
#include "steer-lines-edit.h"
#include "steer-steering-closures.h"
#include "steer-sweep-results.h"

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

  GtkStack *pages;
  AdwWindowTitle *title;
  GtkWidget *edit;
  GtkWidget *back;
  GtkWidget *measure;
  GtkWidget *use;
  GtkProgressBar *progress;
  SteerSweepResults *results;
  SteerLinesEdit *prompts;
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
  steer_sweep_results_set_sweep (self->results, NULL, 0.0, 0.0);
  g_signal_handlers_disconnect_by_data (self->sweep, self);
  steer_sweep_stop (self->sweep);
  g_clear_object (&self->sweep);
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
    show_problem (self, error->message);
}

static void
begin (SteerSweepDialog *self, SteerSweep *sweep)
{
  self->sweep = sweep;
  steer_sweep_results_set_sweep (self->results, sweep, self->norm, self->strength_norm);
  g_signal_connect_swapped (sweep, "finished", G_CALLBACK (on_finished), self);
  g_signal_connect_swapped (sweep, "notify::progress", G_CALLBACK (tell_progress), self);
  show_page (self, "results");
  if (gtk_widget_get_mapped (GTK_WIDGET (self)))
    steer_sweep_results_focus (self->results);
  steer_sweep_start (sweep);
  tell_progress (self);
}

static void
begin_sweep (SteerSweepDialog *self)
{
  g_auto (GStrv) prompts = steer_lines_edit_dup_lines (self->prompts);
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
  g_auto (GStrv) prompts = steer_lines_edit_dup_lines (self->prompts);

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
  steer_lines_edit_focus (self->prompts);
}

/* To what was found before. */
static void
on_back (SteerSweepDialog *self)
{
  show_page (self, "results");
  steer_sweep_results_focus (self->results);
}

static void
on_use (SteerSweepDialog *self)
{
  double strength;

  if (!steer_sweep_results_get_strength (self->results, &strength))
    return;
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

  g_type_ensure (STEER_TYPE_LINES_EDIT);
  g_type_ensure (STEER_TYPE_SWEEP_RESULTS);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-sweep-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, pages);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, title);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, edit);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, back);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, measure);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, use);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, progress);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, results);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, prompts);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, last);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, steps);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, tokens);
  gtk_widget_class_bind_template_child (widget_class, SteerSweepDialog, problem);
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
    steer_sweep_results_focus (self->results);
}

static void
steer_sweep_dialog_init (SteerSweepDialog *self)
{
  self->cancellable = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  steer_accessible_name_mnemonics (GTK_WIDGET (self));
  gtk_spin_button_set_value (self->steps, STEER_SWEEP_N_STRENGTHS);
  gtk_spin_button_set_value (self->tokens, STEER_SWEEP_N_TOKENS);
  g_signal_connect (self, "map", G_CALLBACK (on_map), NULL);
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
  g_autofree char *title
    = steer_steering_dup_title (NULL, steer_feature_get_label (feature), steer_feature_get_index (feature));

  steer_dialog_forget_parent (GTK_WINDOW (self));
  self->workspace = g_object_ref (workspace);
  self->preset = steer_preset_copy (preset);
  self->position = find_position (preset, feature);
  self->feature = g_list_model_get_item (G_LIST_MODEL (self->preset), self->position);
  adw_window_title_set_subtitle (self->title, title);
  steer_lines_edit_set_lines (self->prompts, prompts[0] != NULL ? (const char *const *) prompts : steer_sweep_prompts);
  find_norm (self);
  return GTK_WIDGET (self);
}
