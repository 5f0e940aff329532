#include "steer-firing-dialog.h"

#include <glib/gi18n.h>
#include <string.h>

#include "steer-dialogs.h"
#include "steer-paced-list.h"
#include "steer-steering-closures.h"

#define N_SHOWN 40
#define N_ROWS_A_FRAME 3
#define N_WORDS 4

struct _SteerFiringDialog
{
  AdwWindow parent_instance;

  SteerInspector *inspector;
  GCancellable *cancellable;
  SteerInspection *inspection; /* nullable: not there yet */
  char *words;
  guint first; /* tokens of the words */
  guint n_tokens;

  GtkStack *pages;
  GtkListBox *list;
  GtkLabel *quote;
  AdwStatusPage *problem;
  GtkSizeGroup *buttons; /* all as wide as the widest */
};

enum
{
  CHOSEN,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerFiringDialog, steer_firing_dialog, ADW_TYPE_WINDOW)

static void
on_add (GtkButton *button, SteerFiringDialog *self)
{
  g_autoptr (SteerFeature) feature = steer_feature_copy (g_object_get_data (G_OBJECT (button), "steer-feature"));

  g_signal_emit (self, signals[CHOSEN], 0, feature);
  gtk_button_set_label (button, _ ("Added"));
  gtk_widget_set_sensitive (GTK_WIDGET (button), FALSE);
}

static double
choose_strength (SteerInspection *inspection, const SteerFiring *firing, SteerFeature *feature)
{
  if (steer_feature_get_recommended (feature) != 0.0)
    return steer_feature_get_recommended (feature);
  return steer_inspection_suggest_strength (inspection, firing, steer_feature_get_layer_norm (feature));
}

/* Where there is no label the title is the number, and is not said twice. */
static char *
dup_place (SteerFeature *feature)
{
  const char *label = steer_feature_get_label (feature);
  guint layer = steer_feature_get_layer (feature);

  if (label == NULL || *label == '\0')
    return g_strdup_printf (_ ("layer %u"), layer);
  return steer_steering_dup_place (NULL, layer, steer_feature_get_index (feature));
}

/* Markup: where it fires most. */
static char *
dup_words (SteerFiringDialog *self, const SteerFiring *firing)
{
  g_auto (GStrv) words = steer_inspection_dup_words (self->inspection, firing, self->first, self->n_tokens, N_WORDS);
  GString *text = g_string_new (NULL);

  for (guint i = 0; words[i] != NULL; i++)
    {
      g_autofree char *escaped = g_markup_escape_text (words[i], -1);

      g_string_append (text, i > 0 ? ", " : "");
      g_string_append_printf (text, _ ("“%s”"), escaped);
    }
  return g_string_free (text, FALSE);
}

static GtkWidget *
make_row (gpointer item, gpointer data)
{
  SteerFiringDialog *self = data;
  SteerFeature *feature = item;
  const SteerFiring *firing = g_object_get_data (item, "steer-firing");
  g_autofree char *title
    = steer_steering_dup_title (NULL, steer_feature_get_label (feature), steer_feature_get_index (feature));
  g_autofree char *escaped = g_markup_escape_text (title, -1);
  g_autofree char *place = dup_place (feature);
  g_autofree char *peak = steer_steering_dup_rounded (NULL, firing->largest, 2);
  g_autofree char *words = dup_words (self, firing);
  g_autofree char *strength = NULL, *measured = NULL, *subtitle = NULL, *label = NULL;
  GtkWidget *row = adw_action_row_new (), *button;

  steer_feature_set_strength (feature, choose_strength (self->inspection, firing, feature));
  strength = steer_steering_dup_rounded (NULL, steer_feature_get_strength (feature), 2);
  /* Translators: "layer 15 · feature 21576 · fires up to 4.20 on 3 words" */
  measured = g_strdup_printf (
    g_dngettext (GETTEXT_PACKAGE, "%s · up to %s on %u token", "%s · up to %s on %u tokens", firing->n_tokens), place,
    peak, firing->n_tokens);
  subtitle = g_strconcat (words, *words != '\0' ? "\n" : "", measured, NULL);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), escaped);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);

  /* Translators: adds the feature at that strength */
  label = g_strdup_printf (_ ("Add at %s"), strength);
  button = gtk_button_new_with_label (label);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "numeric");
  gtk_size_group_add_widget (self->buttons, button);
  g_object_set_data_full (G_OBJECT (button), "steer-feature", g_object_ref (feature), g_object_unref);
  g_signal_connect (button, "clicked", G_CALLBACK (on_add), self);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  return row;
}

static void
show_problem (SteerFiringDialog *self, const char *title, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  adw_status_page_set_title (self->problem, title);
  adw_status_page_set_description (self->problem, escaped);
  gtk_stack_set_visible_child_name (self->pages, "problem");
}

/* (element-type SteerFeature) (transfer full), each with its firing. What has a name tells more than a number. */
static GListModel *
list_features (SteerFiringDialog *self, GArray *firings)
{
  GListStore *features = g_list_store_new (STEER_TYPE_FEATURE);
  guint n_named = 0;

  for (guint i = 0; i < firings->len; i++)
    {
      const SteerFiring *firing = &g_array_index (firings, SteerFiring, i);
      g_autoptr (SteerFeature) feature = steer_inspector_make_feature (self->inspector, firing->sae, firing->feature);

      g_object_set_data_full (G_OBJECT (feature), "steer-firing", g_memdup2 (firing, sizeof *firing), g_free);
      if (steer_feature_get_label (feature) != NULL)
        g_list_store_insert (features, n_named++, feature);
      else
        g_list_store_append (features, feature);
    }
  return G_LIST_MODEL (features);
}

static void
show (SteerFiringDialog *self, SteerInspection *inspection)
{
  g_autoptr (GArray) firings = NULL;
  g_autoptr (GListModel) features = NULL;
  g_autoptr (SteerPacedList) shown = NULL;

  if (!steer_inspection_find_text (inspection, self->words, &self->first, &self->n_tokens, NULL))
    {
      show_problem (self, _ ("Not Found"), _ ("The model read these words in another form."));
      return;
    }
  firings = steer_inspection_list_firings (inspection, self->first, self->n_tokens, NULL, STEER_FIRING_BY_SPECIFICITY,
                                           N_SHOWN);
  self->inspection = steer_inspection_ref (inspection);
  features = list_features (self, firings);
  shown = steer_paced_list_new (features, GTK_WIDGET (self), N_ROWS_A_FRAME);
  gtk_list_box_bind_model (self->list, G_LIST_MODEL (shown), make_row, self, NULL);
  if (firings->len == 0)
    show_problem (self, _ ("Nothing Fires"), _ ("No feature of the autoencoders in use fires on these words."));
  else
    gtk_stack_set_visible_child_name (self->pages, "list");
}

static void
on_inspected (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerFiringDialog *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerInspection) inspection = steer_inspector_inspect_finish (STEER_INSPECTOR (source), result, &error);

  if (inspection != NULL)
    show (self, inspection);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) /* which says that there is no dialog any more */
    show_problem (self, _ ("Not Possible Now"), error->message);
}

static void
steer_firing_dialog_dispose (GObject *object)
{
  SteerFiringDialog *self = STEER_FIRING_DIALOG (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->inspector);
  g_clear_pointer (&self->words, g_free);
  g_clear_pointer (&self->inspection, steer_inspection_unref);
  G_OBJECT_CLASS (steer_firing_dialog_parent_class)->dispose (object);
}

static void
steer_firing_dialog_class_init (SteerFiringDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_firing_dialog_dispose;
  signals[CHOSEN] = g_signal_new ("chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, STEER_TYPE_FEATURE);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-firing-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerFiringDialog, pages);
  gtk_widget_class_bind_template_child (widget_class, SteerFiringDialog, list);
  gtk_widget_class_bind_template_child (widget_class, SteerFiringDialog, quote);
  gtk_widget_class_bind_template_child (widget_class, SteerFiringDialog, problem);
  gtk_widget_class_bind_template_child (widget_class, SteerFiringDialog, buttons);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
steer_firing_dialog_init (SteerFiringDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
steer_firing_dialog_new (GtkWindow *parent,
                         SteerInspector *inspector,
                         SteerConversation *conversation,
                         SteerMessage *message,
                         const char *words)
{
  SteerFiringDialog *self = g_object_new (STEER_TYPE_FIRING_DIALOG, "transient-for", parent, NULL);
  g_autofree char *quote = NULL;

  self->inspector = g_object_ref (inspector);
  self->cancellable = g_cancellable_new ();
  self->words = g_strstrip (g_strdup (words != NULL ? words : steer_message_get_text (message)));
  quote = g_strdup_printf (_ ("“%s”"), self->words);
  g_strdelimit (quote, "\n\r\t", ' ');
  gtk_label_set_text (self->quote, quote);
  steer_dialog_forget_parent (GTK_WINDOW (self));
  /* Without a reference: closing the dialog ends it. */
  steer_inspector_inspect_async (inspector, conversation, message, self->cancellable, on_inspected, self);
  return GTK_WIDGET (self);
}
