#include "steer-contrast-dialog.h"

#include <glib/gi18n.h>
#include <math.h>

#include "chat/steer-contrasting.h"
#include "chat/steer-inspection.h"
#include "steer-accessible.h"
#include "steer-bar-chart.h"
#include "steer-dialogs.h"
#include "steer-lines-edit.h"
#include "steer-model-names.h"
#include "steer-workspace-made.h"

struct _SteerContrastDialog
{
  AdwWindow parent_instance;

  SteerWorkspace *workspace;
  GCancellable *cancellable; /* nullable: of what is under way */
  SteerExampleForm form;
  SteerMadeFeature *shown; /* to begin with */
  gboolean is_old;         /* that was a feature, not a draft */
  SteerContrast *contrast; /* nullable: not there yet */
  SteerModel *model;       /* (nullable): that it is of */
  GArray *norms;           /* (nullable) (element-type double), [n_layers] */
  gboolean keeping;        /* a file is being written */
  gboolean kept;           /* what was typed has become a feature */

  GtkStack *pages;
  GtkWidget *back;
  GtkWidget *next;
  GtkWidget *add;
  GtkEditable *name;
  SteerLinesEdit *with;
  SteerLinesEdit *without;
  AdwStatusPage *problem;
  GtkProgressBar *progress;
  SteerBarChart *chart;
  GtkAdjustment *layer;
  GtkSpinButton *layer_number;
  AdwActionRow *layer_row;
  AdwActionRow *strength_row;
  GtkSpinButton *strength;
};

enum
{
  CHOSEN,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerContrastDialog, steer_contrast_dialog, ADW_TYPE_WINDOW)

static char *
dup_name (SteerContrastDialog *self)
{
  return g_strstrip (g_strdup (gtk_editable_get_text (self->name)));
}

/* As it stands in the dialog. */
static SteerMadeFeature *
make_feature (SteerContrastDialog *self)
{
  SteerMadeFeature *made = g_new0 (SteerMadeFeature, 1);

  made->label = dup_name (self);
  made->with = steer_lines_edit_dup_lines (self->with);
  made->without = steer_lines_edit_dup_lines (self->without);
  made->form = self->form;
  return made;
}

static void
show_page (SteerContrastDialog *self, const char *page)
{
  gboolean typing = g_str_equal (page, "examples");
  gboolean choosing = g_str_equal (page, "layers");

  gtk_stack_set_visible_child_name (self->pages, page);
  gtk_widget_set_visible (self->back, !typing);
  gtk_widget_set_visible (self->next, typing);
  gtk_widget_set_visible (self->add, choosing);
}

static void
show_problem (SteerContrastDialog *self, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  adw_status_page_set_description (self->problem, escaped);
  show_page (self, "problem");
}

static void
stop (SteerContrastDialog *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->contrast, steer_contrast_unref);
  g_clear_pointer (&self->norms, g_array_unref);
  g_clear_object (&self->model);
}

static void
update_next (SteerContrastDialog *self)
{
  g_auto (GStrv) with = steer_lines_edit_dup_lines (self->with);
  g_autofree char *name = dup_name (self);

  gtk_widget_set_sensitive (self->next, with[0] != NULL && *name != '\0');
}

static guint
get_layer (SteerContrastDialog *self)
{
  return (guint) gtk_adjustment_get_value (self->layer);
}

static double
get_norm (SteerContrastDialog *self)
{
  guint layer = get_layer (self);

  if (self->norms != NULL && layer < self->norms->len)
    return g_array_index (self->norms, double, layer);
  return steer_contrast_get_layer (self->contrast, layer)->norm;
}

static void
on_strength_changed (SteerContrastDialog *self)
{
  g_autofree char *text = NULL;

  if (self->contrast == NULL)
    return;
  text = g_strdup_printf (_ ("%.0f %% of the layer’s typical norm"),
                          100.0 * gtk_spin_button_get_value (self->strength) / get_norm (self));
  adw_action_row_set_subtitle (self->strength_row, text);
}

/* Models have streams of every length. */
static void
scale_strength (SteerContrastDialog *self)
{
  double norm = get_norm (self);
  double step = pow (10.0, floor (log10 (MAX (norm, 1e-6))) - 2.0);

  gtk_spin_button_set_digits (self->strength, (guint) CLAMP (1.0 - log10 (step), 2.0, 8.0));
  gtk_spin_button_set_increments (self->strength, step, 10.0 * step);
  gtk_spin_button_set_range (self->strength, -20.0 * norm, 20.0 * norm);
}

static void
on_layer_changed (SteerContrastDialog *self)
{
  const SteerContrastLayer *told;
  g_autofree char *text = NULL;

  if (self->contrast == NULL)
    return;
  told = steer_contrast_get_layer (self->contrast, get_layer (self));
  if (told->distance <= 0.0)
    text = g_strdup (_ ("Does not tell the examples apart"));
  else if (told->n_judged == 0)
    text = g_strdup (_ ("With two examples of each kind and more, this tells how well it knows them"));
  else /* Translators: "11 of 12": examples; each was judged by what was learned of the others alone */
    text = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "Knows the kind of %u of %u example that it had not seen",
                                         "Knows the kind of %u of %u examples that it had not seen", told->n_judged),
                            told->n_right, told->n_judged);
  adw_action_row_set_subtitle (self->layer_row, text);
  gtk_widget_set_sensitive (self->add, told->distance > 0.0);
  scale_strength (self);
  gtk_spin_button_set_value (self->strength,
                             steer_contrast_suggest_strength (self->contrast, get_layer (self), get_norm (self)));
  on_strength_changed (self);
}

/* How clearly each layer tells them apart; where none can be judged, how far apart it has them. */
static void
show_chart (SteerContrastDialog *self)
{
  guint n_layers = steer_contrast_get_n_layers (self->contrast);
  g_autofree double *values = g_new (double, n_layers);

  for (guint i = 0; i < n_layers; i++)
    {
      const SteerContrastLayer *told = steer_contrast_get_layer (self->contrast, i);

      values[i] = told->n_judged > 0 ? told->margin : told->norm > 0.0 ? told->distance / told->norm : 0.0;
    }
  steer_bar_chart_set_bars (self->chart, values, NULL, n_layers);
}

static void
show_layers (SteerContrastDialog *self)
{
  gtk_adjustment_set_upper (self->layer, steer_contrast_get_n_layers (self->contrast) - 1.0);
  gtk_adjustment_set_value (self->layer, steer_contrast_get_best_layer (self->contrast));
  show_chart (self);
  on_layer_changed (self);
  show_page (self, "layers");
}

/* The callbacks hold no reference: a dialog that is closed, or went back, has cancelled what it waited for. */
static void
on_measured (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerContrastDialog *self = data;
  g_autoptr (GError) error = NULL;
  GArray *norms = steer_engine_measure_norms_finish (STEER_ENGINE (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  self->norms = norms;
  show_layers (self);
}

static void
on_contrasted (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerContrastDialog *self = data;
  g_autoptr (GError) error = NULL;
  SteerContrast *contrast = steer_engine_contrast_finish (STEER_ENGINE (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (contrast == NULL)
    {
      show_problem (self, error->message);
      return;
    }
  self->contrast = contrast;
  g_set_object (&self->model, steer_engine_get_model (STEER_ENGINE (source)));
  steer_engine_measure_norms_async (STEER_ENGINE (source), self->cancellable, on_measured, self);
}

static void
on_progress (SteerContrastDialog *self)
{
  double progress;

  if (self->workspace == NULL)
    return;
  g_object_get (steer_workspace_get_engine (self->workspace), "progress", &progress, NULL);
  gtk_progress_bar_set_fraction (self->progress, progress);
}

static void
on_next (SteerContrastDialog *self)
{
  g_autoptr (SteerMadeFeature) made = make_feature (self);

  if (!gtk_widget_get_sensitive (self->next))
    return;
  stop (self);
  self->cancellable = g_cancellable_new ();
  gtk_progress_bar_set_fraction (self->progress, 0.0);
  show_page (self, "working");
  steer_engine_contrast_async (steer_workspace_get_engine (self->workspace), (const char *const *) made->with,
                               (const char *const *) made->without, made->form, self->cancellable, on_contrasted, self);
}

static void
on_back (SteerContrastDialog *self)
{
  stop (self);
  show_page (self, "examples");
  steer_lines_edit_focus (self->with);
}

/* Nothing changes, and the window stays, while the file is written. */
static void
set_keeping (SteerContrastDialog *self, gboolean keeping)
{
  self->keeping = keeping;
  gtk_widget_set_sensitive (GTK_WIDGET (self->pages), !keeping);
  gtk_widget_set_sensitive (self->back, !keeping);
  gtk_widget_set_sensitive (self->add, !keeping);
}

static gboolean
on_close_request (SteerContrastDialog *self)
{
  return self->keeping ? GDK_EVENT_STOP : GDK_EVENT_PROPAGATE;
}

static void
on_kept (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerContrastDialog) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerFeature) feature = steer_workspace_keep_made_finish (STEER_WORKSPACE (source), result, &error);

  set_keeping (self, FALSE);
  self->kept = feature != NULL;
  if (feature == NULL)
    {
      show_problem (self, error->message);
      return;
    }
  g_signal_emit (self, signals[CHOSEN], 0, feature);
  gtk_window_close (GTK_WINDOW (self));
}

static void
on_add (SteerContrastDialog *self)
{
  SteerMadeFeature *made;

  if (steer_engine_get_model (steer_workspace_get_engine (self->workspace)) != self->model)
    {
      show_problem (self, _ ("Another model was opened meanwhile. Go back, and it reads the examples, too."));
      return;
    }
  gtk_spin_button_update (self->layer_number);
  gtk_spin_button_update (self->strength);
  if (!gtk_widget_get_sensitive (self->add)) /* of the layer that was typed last */
    return;
  made = make_feature (self);
  made->layer = get_layer (self);
  made->strength = gtk_spin_button_get_value (self->strength);
  made->model = steer_model_dup_name (steer_model_get_path (self->model));
  set_keeping (self, TRUE);
  steer_workspace_keep_made_async (self->workspace, made, self->contrast, get_norm (self), NULL, on_kept,
                                   g_object_ref (self));
}

static void
show_made (SteerContrastDialog *self, const SteerMadeFeature *made)
{
  self->form = made->form;
  gtk_editable_set_text (self->name, made->label);
  steer_lines_edit_set_lines (self->with, (const char *const *) made->with);
  steer_lines_edit_set_lines (self->without, (const char *const *) made->without);
}

static gboolean
is_same (const SteerMadeFeature *a, const SteerMadeFeature *b)
{
  return g_str_equal (a->label, b->label) && g_strv_equal ((const char *const *) a->with, (const char *const *) b->with)
         && g_strv_equal ((const char *const *) a->without, (const char *const *) b->without);
}

/* For the next dialog. A feature that was only looked at leaves the draft alone, and so does one that was changed where
 * there is a draft: the feature is still there, the draft would be gone. */
static void
keep_draft (SteerContrastDialog *self)
{
  g_autoptr (SteerMadeFeature) typed = make_feature (self);
  g_autoptr (SteerMadeFeature) draft = self->is_old ? steer_workspace_dup_draft (self->workspace) : NULL;

  if (self->is_old && (self->kept || draft != NULL || is_same (typed, self->shown)))
    return;
  if (self->kept || (*typed->label == '\0' && typed->with[0] == NULL && typed->without[0] == NULL))
    steer_workspace_set_draft (self->workspace, NULL);
  else if (!is_same (typed, self->shown))
    steer_workspace_set_draft (self->workspace, typed);
}

static void
steer_contrast_dialog_dispose (GObject *object)
{
  SteerContrastDialog *self = STEER_CONTRAST_DIALOG (object);

  stop (self);
  if (self->workspace != NULL)
    keep_draft (self);
  g_clear_pointer (&self->shown, steer_made_feature_free);
  g_clear_object (&self->workspace);
  G_OBJECT_CLASS (steer_contrast_dialog_parent_class)->dispose (object);
}

static void
steer_contrast_dialog_class_init (SteerContrastDialogClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_contrast_dialog_dispose;
  signals[CHOSEN] = g_signal_new ("chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, STEER_TYPE_FEATURE);

  g_type_ensure (STEER_TYPE_BAR_CHART);
  g_type_ensure (STEER_TYPE_LINES_EDIT);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-contrast-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, pages);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, back);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, next);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, add);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, name);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, with);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, without);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, problem);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, progress);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, chart);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, layer);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, layer_number);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, layer_row);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, strength_row);
  gtk_widget_class_bind_template_child (widget_class, SteerContrastDialog, strength);
  gtk_widget_class_bind_template_callback (widget_class, update_next);
  gtk_widget_class_bind_template_callback (widget_class, on_next);
  gtk_widget_class_bind_template_callback (widget_class, on_back);
  gtk_widget_class_bind_template_callback (widget_class, on_add);
  gtk_widget_class_bind_template_callback (widget_class, on_close_request);
  gtk_widget_class_bind_template_callback (widget_class, on_layer_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_strength_changed);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

/* Not sooner: assistive technology would meet a window that is not shown, and be told no more of it. */
static void
on_map (SteerContrastDialog *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self->name));
}

static void
steer_contrast_dialog_init (SteerContrastDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  steer_accessible_name_mnemonics (GTK_WIDGET (self));
  g_signal_connect (self, "map", G_CALLBACK (on_map), NULL);
}

GtkWidget *
steer_contrast_dialog_new (GtkWindow *parent, SteerWorkspace *workspace, const SteerMadeFeature *examples)
{
  SteerContrastDialog *self = g_object_new (STEER_TYPE_CONTRAST_DIALOG, "transient-for", parent, NULL);
  g_autoptr (SteerMadeFeature) draft = steer_workspace_dup_draft (workspace);

  steer_dialog_forget_parent (GTK_WINDOW (self));
  self->is_old = examples != NULL;
  if (examples != NULL || draft != NULL)
    show_made (self, examples != NULL ? examples : draft);
  self->shown = make_feature (self);
  self->workspace = g_object_ref (workspace);
  g_signal_connect_object (steer_workspace_get_engine (workspace), "notify::progress", G_CALLBACK (on_progress), self,
                           G_CONNECT_SWAPPED);
  update_next (self);
  show_page (self, "examples");
  return GTK_WIDGET (self);
}
