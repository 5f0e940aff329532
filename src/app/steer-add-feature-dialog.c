#include "steer-add-feature-dialog.h"

#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-dialogs.h"
#include "steer-feature-finder.h"
#include "steer-growing-list.h"
#include "steer-steering-closures.h"
#include "steer-tab-stop.h"

/* More than any model has. */
#define MAX_LAYERS 1000

struct _SteerAddFeatureDialog
{
  AdwWindow parent_instance;

  SteerLibrary *library;
  SteerLabelBook *labels;
  SteerFeatureFinder *finder;
  GtkSliceListModel *shown; /* the beginning of what was found */
  gboolean choosing;        /* the first that is found is wanted */
  gboolean proposed;        /* the numbers are somebody's, or those to begin with */
  gboolean by_number;       /* they are what was said last, not the search */
  gboolean setting;         /* they are being set by us */

  GtkEditable *search;
  GtkStack *pages;
  AdwStatusPage *unasked;
  GtkListView *list;
  GtkSpinButton *layer;
  GtkSpinButton *index;
  GtkLabel *verdict;
  GtkWidget *add_button;
};

enum
{
  CHOSEN,
  FILE_CHOSEN,
  EXAMPLES_CHOSEN,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerAddFeatureDialog, steer_add_feature_dialog, ADW_TYPE_WINDOW)

static void
choose (SteerAddFeatureDialog *self, SteerFeature *found)
{
  g_autoptr (SteerFeature) feature = steer_feature_copy (found);

  steer_library_describe (self->library, feature);
  steer_feature_set_strength (feature, steer_feature_get_recommended (feature));
  g_signal_emit (self, signals[CHOSEN], 0, feature);
  gtk_window_close (GTK_WINDOW (self));
}

static void
on_row_activated (SteerAddFeatureDialog *self, guint position)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (steer_feature_finder_get_found (self->finder), position);

  if (feature != NULL)
    choose (self, feature);
}

/* Whoever types and presses Enter means what was typed, not what had been found before. */
static void
on_search_activate (SteerAddFeatureDialog *self)
{
  self->choosing = TRUE;
  steer_feature_finder_search (self->finder, gtk_editable_get_text (self->search));
}

static void
on_search_changed (SteerAddFeatureDialog *self)
{
  self->by_number = FALSE;
  if (self->finder != NULL && !self->choosing)
    steer_feature_finder_search (self->finder, gtk_editable_get_text (self->search));
}

/* Nobody has said them. */
static void
set_numbers (SteerAddFeatureDialog *self, SteerFeature *feature)
{
  self->setting = TRUE;
  gtk_spin_button_set_value (self->layer, steer_feature_get_layer (feature));
  gtk_spin_button_set_value (self->index, (double) steer_feature_get_index (feature));
  self->setting = FALSE;
  self->proposed = TRUE;
}

/* Somewhere to begin: the first that is listed, or else the first feature of the first layer of an autoencoder. */
static void
propose_numbers (SteerAddFeatureDialog *self)
{
  g_autoptr (SteerFeature) first = g_list_model_get_item (G_LIST_MODEL (self->shown), 0);
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);

  if (first != NULL)
    {
      set_numbers (self, first);
      return;
    }
  for (guint i = 0; i < sources->len; i++)
    for (guint layer = 0; layer < MAX_LAYERS; layer++)
      if (steer_vector_source_has_vector (g_ptr_array_index (sources, i), layer, 0))
        {
          g_autoptr (SteerFeature) feature = steer_feature_new (layer, 0);

          set_numbers (self, feature);
          return;
        }
}

/* Whether Add means what was found, not the numbers. */
static gboolean
is_by_search (SteerAddFeatureDialog *self)
{
  return !self->by_number && *gtk_editable_get_text (self->search) != '\0';
}

/* (transfer full) (nullable) */
static SteerFeature *
get_first_found (SteerAddFeatureDialog *self)
{
  return g_list_model_get_item (steer_feature_finder_get_found (self->finder), 0);
}

/* The numbers are those of what Add would add, whoever chose it. */
static void
follow_search (SteerAddFeatureDialog *self)
{
  g_autoptr (SteerFeature) first = is_by_search (self) ? get_first_found (self) : NULL;

  if (first != NULL)
    set_numbers (self, first);
}

/* (transfer full): the feature that the two numbers name, as the first source that has it knows it; or NULL. */
static SteerFeature *
find_by_number (SteerAddFeatureDialog *self)
{
  guint layer = (guint) gtk_spin_button_get_value_as_int (self->layer);
  guint64 index = (guint64) gtk_spin_button_get_value (self->index);
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self->library);

  for (guint i = 0; i < sources->len; i++)
    if (steer_vector_source_has_vector (g_ptr_array_index (sources, i), layer, index))
      {
        SteerFeature *feature = steer_feature_new (layer, index);

        steer_feature_set_source (feature, steer_vector_source_get_id (g_ptr_array_index (sources, i)));
        steer_label_book_describe (self->labels, feature);
        steer_library_describe (self->library, feature);
        return feature;
      }
  return NULL;
}

/* What Add would add is told beside it. */
static void
update_verdict (SteerAddFeatureDialog *self)
{
  gboolean by_search = is_by_search (self);
  g_autoptr (SteerFeature) feature = by_search ? get_first_found (self) : find_by_number (self);
  g_autofree char *verdict = NULL;

  if (feature == NULL && by_search)
    verdict = g_strdup ("");
  else if (feature == NULL)
    verdict = g_strdup (_ ("No loaded source has this feature"));
  else
    {
      g_autofree char *title
        = steer_steering_dup_title (self, steer_feature_get_label (feature), steer_feature_get_index (feature));

      verdict = g_strdup_printf (_ ("“%s” from %s"), title, steer_feature_get_source (feature));
    }
  gtk_label_set_text (self->verdict, verdict);
  gtk_widget_set_sensitive (self->add_button, feature != NULL);
}

static void
on_found (SteerAddFeatureDialog *self)
{
  static const char *const pages[] = { [STEER_FINDER_LISTING] = "listing",
                                       [STEER_FINDER_EMPTY] = "empty",
                                       [STEER_FINDER_UNASKED] = "unasked",
                                       [STEER_FINDER_NOTHING] = "nothing",
                                       [STEER_FINDER_FOUND] = "list" };
  SteerFinderState state = steer_feature_finder_get_state (self->finder);

  if (state == STEER_FINDER_UNASKED)
    {
      guint64 n = steer_feature_finder_count_labels (self->finder);
      g_autofree char *title = g_strdup_printf (
        g_dngettext (GETTEXT_PACKAGE, "%'llu Label", "%'llu Labels", (gulong) n), (unsigned long long) n);

      adw_status_page_set_title (self->unasked, title);
    }
  steer_growing_list_set_model (self->shown, steer_feature_finder_get_found (self->finder));
  gtk_stack_set_visible_child_name (self->pages, pages[state]);
  if (!self->proposed && state != STEER_FINDER_LISTING)
    propose_numbers (self);
  follow_search (self);
  update_verdict (self);
  if (self->choosing && state != STEER_FINDER_LISTING)
    {
      self->choosing = FALSE;
      on_row_activated (self, 0);
    }
}

static void
on_number_changed (SteerAddFeatureDialog *self)
{
  /* A dialog that goes drops its focus, and the number that had it is read once more. */
  if (self->setting || self->library == NULL)
    return;
  self->by_number = self->proposed = TRUE;
  update_verdict (self);
}

/* Where nothing was found the numbers are what is left, as they stand. */
static void
on_number_focused (SteerAddFeatureDialog *self)
{
  g_autoptr (SteerFeature) first = self->finder != NULL ? get_first_found (self) : NULL;

  if (first != NULL || self->library == NULL)
    return;
  self->by_number = TRUE;
  update_verdict (self);
}

static void
on_add_clicked (SteerAddFeatureDialog *self)
{
  g_autoptr (SteerFeature) feature = NULL;

  gtk_spin_button_update (self->layer);
  gtk_spin_button_update (self->index);
  if (is_by_search (self))
    {
      on_search_activate (self);
      return;
    }
  feature = find_by_number (self);
  if (feature != NULL)
    choose (self, feature);
}

static void
on_setup (GtkListItemFactory *factory, GtkListItem *item)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 1);
  GtkWidget *title = gtk_label_new (NULL);
  GtkWidget *place = gtk_label_new (NULL);

  gtk_label_set_xalign (GTK_LABEL (title), 0);
  gtk_label_set_xalign (GTK_LABEL (place), 0);
  gtk_label_set_ellipsize (GTK_LABEL (title), PANGO_ELLIPSIZE_END);
  gtk_label_set_ellipsize (GTK_LABEL (place), PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (place, "caption");
  gtk_widget_add_css_class (place, "dim-label");
  gtk_widget_add_css_class (place, "numeric");
  gtk_widget_add_css_class (box, "found-feature");
  gtk_box_append (GTK_BOX (box), title);
  gtk_box_append (GTK_BOX (box), place);
  gtk_list_item_set_child (item, box);
}

static void
on_bind (GtkListItemFactory *factory, GtkListItem *item)
{
  SteerFeature *feature = gtk_list_item_get_item (item);
  GtkWidget *box = gtk_list_item_get_child (item);
  const char *source = steer_feature_get_source (feature);
  g_autofree char *title
    = steer_steering_dup_title (NULL, steer_feature_get_label (feature), steer_feature_get_index (feature));
  g_autofree char *place
    = steer_steering_dup_place (NULL, steer_feature_get_layer (feature), steer_feature_get_index (feature));
  g_autofree char *line = g_strdup_printf ("%s · %s", place, source);
  g_autofree char *name = g_strdup_printf ("%s, %s", title, line);

  gtk_label_set_text (GTK_LABEL (gtk_widget_get_first_child (box)), title);
  gtk_label_set_text (GTK_LABEL (gtk_widget_get_last_child (box)), line);
  /* The row around the box has the focus, and takes no name from what it shows. */
  gtk_accessible_update_property (GTK_ACCESSIBLE (gtk_widget_get_parent (box)), GTK_ACCESSIBLE_PROPERTY_LABEL, name,
                                  -1);
}

void
steer_add_feature_dialog_refresh (SteerAddFeatureDialog *self)
{
  g_return_if_fail (STEER_IS_ADD_FEATURE_DIALOG (self));

  if (self->library == NULL)
    return;
  steer_feature_finder_refresh (self->finder);
  update_verdict (self);
}

static void
on_file (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerAddFeatureDialog) self = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);

  if (file != NULL)
    g_signal_emit (self, signals[FILE_CHOSEN], 0, file);
}

static void
on_file_clicked (SteerAddFeatureDialog *self)
{
  steer_dialog_open_file_async (GTK_WINDOW (self), _ ("Add Vectors or an Autoencoder"), STEER_FILES_VECTORS, on_file,
                                g_object_ref (self));
}

static void
on_examples_clicked (SteerAddFeatureDialog *self)
{
  g_signal_emit (self, signals[EXAMPLES_CHOSEN], 0);
  gtk_window_close (GTK_WINDOW (self));
}

static void
steer_add_feature_dialog_dispose (GObject *object)
{
  SteerAddFeatureDialog *self = STEER_ADD_FEATURE_DIALOG (object);

  if (self->finder != NULL)
    steer_feature_finder_stop (self->finder);
  g_clear_object (&self->finder);
  g_clear_object (&self->shown);
  g_clear_object (&self->library);
  g_clear_object (&self->labels);
  G_OBJECT_CLASS (steer_add_feature_dialog_parent_class)->dispose (object);
}

static void
steer_add_feature_dialog_class_init (SteerAddFeatureDialogClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_add_feature_dialog_dispose;
  signals[CHOSEN] = g_signal_new ("chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, STEER_TYPE_FEATURE);
  signals[FILE_CHOSEN] = g_signal_new ("file-chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                       G_TYPE_NONE, 1, G_TYPE_FILE);
  signals[EXAMPLES_CHOSEN] = g_signal_new ("examples-chosen", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                           NULL, NULL, G_TYPE_NONE, 0);

  g_type_ensure (STEER_TYPE_TAB_STOP);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-add-feature-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerAddFeatureDialog, search);
  gtk_widget_class_bind_template_child (widget_class, SteerAddFeatureDialog, pages);
  gtk_widget_class_bind_template_child (widget_class, SteerAddFeatureDialog, unasked);
  gtk_widget_class_bind_template_child (widget_class, SteerAddFeatureDialog, list);
  gtk_widget_class_bind_template_child (widget_class, SteerAddFeatureDialog, layer);
  gtk_widget_class_bind_template_child (widget_class, SteerAddFeatureDialog, index);
  gtk_widget_class_bind_template_child (widget_class, SteerAddFeatureDialog, verdict);
  gtk_widget_class_bind_template_child (widget_class, SteerAddFeatureDialog, add_button);
  gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
  gtk_widget_class_bind_template_callback (widget_class, on_search_activate);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_number_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_number_focused);
  gtk_widget_class_bind_template_callback (widget_class, on_add_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_file_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_examples_clicked);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
steer_add_feature_dialog_init (SteerAddFeatureDialog *self)
{
  g_autoptr (GtkListItemFactory) factory = gtk_signal_list_item_factory_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  steer_accessible_name_mnemonics (GTK_WIDGET (self));
  g_signal_connect (factory, "setup", G_CALLBACK (on_setup), NULL);
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind), NULL);
  gtk_list_view_set_factory (self->list, factory);
}

GtkWidget *
steer_add_feature_dialog_new (GtkWindow *parent, SteerLibrary *library, SteerLabelBook *labels)
{
  SteerAddFeatureDialog *self = g_object_new (STEER_TYPE_ADD_FEATURE_DIALOG, "transient-for", parent, NULL);
  GtkWidget *scrolled;

  steer_dialog_forget_parent (GTK_WINDOW (self));
  self->library = g_object_ref (library);
  self->labels = g_object_ref (labels);
  self->finder = steer_feature_finder_new (library, labels);
  g_signal_connect_object (self->finder, "found", G_CALLBACK (on_found), self, G_CONNECT_SWAPPED);
  scrolled = gtk_widget_get_ancestor (GTK_WIDGET (self->list), GTK_TYPE_SCROLLED_WINDOW);
  self->shown = steer_growing_list_new (NULL, GTK_SCROLLED_WINDOW (scrolled));
  gtk_list_view_set_model (self->list,
                           GTK_SELECTION_MODEL (gtk_no_selection_new (G_LIST_MODEL (g_object_ref (self->shown)))));
  on_found (self);
  update_verdict (self);
  gtk_widget_grab_focus (GTK_WIDGET (self->search));
  return GTK_WIDGET (self);
}
