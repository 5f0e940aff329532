#include "steer-sources-page.h"

#include <glib/gi18n.h>

#include "steer-accessible.h"
#include "steer-contrast-dialog.h"
#include "steer-dialogs.h"
#include "steer-label-row.h"
#include "steer-source-entry.h"
#include "steer-workspace-made.h"

#ifdef STEER_HAS_HUB
#include "steer-hub-dialog.h"
#endif

struct _SteerSourcesPage
{
  AdwPreferencesPage parent_instance;

  SteerWorkspace *workspace;
  GtkListBox *list;
  GtkListBox *labels;
  GtkWidget *no_sources;
  GtkWidget *no_labels;
};

G_DEFINE_FINAL_TYPE (SteerSourcesPage, steer_sources_page, ADW_TYPE_PREFERENCES_PAGE)

static GtkWindow *
get_window (SteerSourcesPage *self)
{
  return GTK_WINDOW (gtk_widget_get_ancestor (GTK_WIDGET (self), GTK_TYPE_WINDOW));
}

static void
on_chosen (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSourcesPage) self = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);

  if (file != NULL)
    steer_sources_page_add (self, file);
}

static void
add_file (GtkWidget *widget, const char *name, GVariant *parameter)
{
  steer_dialog_open_file_async (get_window (STEER_SOURCES_PAGE (widget)), _ ("Add Vectors or an Autoencoder"),
                                STEER_FILES_VECTORS, on_chosen, g_object_ref (widget));
}

static void
add_folder (GtkWidget *widget, const char *name, GVariant *parameter)
{
  steer_dialog_open_folder_async (get_window (STEER_SOURCES_PAGE (widget)), _ ("Add a Folder of Autoencoders"),
                                  on_chosen, g_object_ref (widget));
}

static void
on_labels_chosen (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSourcesPage) self = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);

  if (file != NULL)
    steer_sources_page_import (self, file);
}

static void
add_labels_file (GtkWidget *widget, const char *name, GVariant *parameter)
{
  steer_dialog_open_file_async (get_window (STEER_SOURCES_PAGE (widget)), _ ("Import Labels"), STEER_FILES_LABELS,
                                on_labels_chosen, g_object_ref (widget));
}

static void
add_labels_folder (GtkWidget *widget, const char *name, GVariant *parameter)
{
  steer_dialog_open_folder_async (get_window (STEER_SOURCES_PAGE (widget)), _ ("Import a Folder of Labels"),
                                  on_labels_chosen, g_object_ref (widget));
}

typedef struct
{
  SteerSourcesPage *page;
  char *path;
} Discarding;

static void
on_discard_answered (GObject *source, GAsyncResult *result, gpointer data)
{
  Discarding *discarding = data;
  g_autoptr (GError) error = NULL;

  if (steer_dialog_confirm_finish (result, NULL) && discarding->page->workspace != NULL
      && !steer_workspace_discard_made (discarding->page->workspace, discarding->path, &error))
    steer_dialog_tell (get_window (discarding->page), error->message);
  g_object_unref (discarding->page);
  g_free (discarding->path);
  g_free (discarding);
}

/* Its examples go with it. */
static void
ask_to_discard (SteerSourcesPage *self, const char *path)
{
  Discarding *discarding = g_new0 (Discarding, 1);

  discarding->page = g_object_ref (self);
  discarding->path = g_strdup (path);
  steer_dialog_confirm_async (get_window (self), _ ("Delete This Feature?"),
                              _ ("Its examples go with it, and presets that use it will not find it any more."),
                              _ ("_Delete"), TRUE, on_discard_answered, discarding);
}

static void
remove_source (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerSourcesPage *self = STEER_SOURCES_PAGE (widget);
  const char *path = g_variant_get_string (parameter, NULL);

  if (steer_workspace_is_made (self->workspace, path))
    ask_to_discard (self, path);
  else
    steer_workspace_remove_source (self->workspace, path);
}

static void
on_made (SteerSourcesPage *self, SteerFeature *feature)
{
  if (self->workspace != NULL)
    steer_preset_append (steer_workspace_get_preset (self->workspace), feature);
}

/* @examples: (nullable) */
static void
show_contrast_dialog (SteerSourcesPage *self, const SteerMadeFeature *examples)
{
  GtkWidget *dialog = steer_contrast_dialog_new (get_window (self), self->workspace, examples);

  g_signal_connect_object (dialog, "chosen", G_CALLBACK (on_made), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

#ifdef STEER_HAS_HUB
static void
get_features (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerSourcesPage *self = STEER_SOURCES_PAGE (widget);
  GtkWidget *dialog = steer_hub_dialog_new (get_window (self), self->workspace);

  gtk_window_present (GTK_WINDOW (dialog));
}
#endif

static void
make_feature (GtkWidget *widget, const char *name, GVariant *parameter)
{
  show_contrast_dialog (STEER_SOURCES_PAGE (widget), NULL);
}

/* What a feature was made from, to be made better, or for another model. */
static void
show_examples (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerSourcesPage *self = STEER_SOURCES_PAGE (widget);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerMadeFeature) made = steer_made_feature_read (g_variant_get_string (parameter, NULL), NULL, &error);

  if (made != NULL)
    show_contrast_dialog (self, made);
  else
    steer_dialog_tell (get_window (self), error->message);
}

/* @name, @text: what the button does to @entry, for assistive technology and for all. */
static void
add_button (GtkWidget *row, SteerSourceEntry *entry, const char *icon, const char *action, char *name, const char *text)
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon);

  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_set_tooltip_text (button, text);
  gtk_widget_add_css_class (button, "flat");
  gtk_actionable_set_action_name (GTK_ACTIONABLE (button), action);
  gtk_actionable_set_action_target (GTK_ACTIONABLE (button), "s", steer_source_entry_get_path (entry));
  steer_accessible_set_name (button, name);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  g_free (name);
}

static GtkWidget *
make_row (gpointer item, gpointer data)
{
  SteerSourceEntry *entry = item;
  const char *error = steer_source_entry_get_error (entry);
  g_autofree char *title = g_markup_escape_text (steer_source_entry_get_title (entry), -1);
  g_autofree char *subtitle = g_markup_escape_text (error != NULL ? error : steer_source_entry_get_detail (entry), -1);
  GtkWidget *row = adw_action_row_new ();

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  gtk_widget_set_tooltip_text (row, steer_source_entry_get_path (entry));
  if (error != NULL)
    {
      GtkWidget *warning = gtk_image_new_from_icon_name ("dialog-warning-symbolic");

      gtk_widget_add_css_class (warning, "error");
      adw_action_row_add_prefix (ADW_ACTION_ROW (row), warning);
    }
  /* An action takes text alone. */
  if (!g_utf8_validate (steer_source_entry_get_path (entry), -1, NULL))
    return row;
  if (steer_source_entry_get_made (entry))
    add_button (row, entry, "document-edit-symbolic", "sources.examples",
                g_strdup_printf (_ ("Examples of %s"), steer_source_entry_get_title (entry)), _ ("Its Examples…"));
  if (steer_source_entry_get_removable (entry))
    add_button (row, entry, "user-trash-symbolic", "sources.remove",
                g_strdup_printf (_ ("Remove %s"), steer_source_entry_get_title (entry)), _ ("Remove"));
  return row;
}

static GtkWidget *
make_label_row (gpointer item, gpointer data)
{
  return steer_label_row_new (steer_workspace_get_labels (STEER_SOURCES_PAGE (data)->workspace), item);
}

static void
on_rows_changed (GListModel *model, guint position, guint n_removed, guint n_added, GtkWidget *placeholder)
{
  gtk_widget_set_visible (placeholder, g_list_model_get_n_items (model) == 0);
}

/* A placeholder that is merely not mapped still is the last child to the style, which then rounds no row's corners. */
static void
hide_beside_rows (GtkWidget *placeholder, GListModel *model)
{
  g_signal_connect_object (model, "items-changed", G_CALLBACK (on_rows_changed), placeholder, 0);
  on_rows_changed (model, 0, 0, 0, placeholder);
}

static void
steer_sources_page_dispose (GObject *object)
{
  g_clear_object (&STEER_SOURCES_PAGE (object)->workspace);
  G_OBJECT_CLASS (steer_sources_page_parent_class)->dispose (object);
}

static void
steer_sources_page_class_init (SteerSourcesPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_sources_page_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-sources-page.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerSourcesPage, list);
  gtk_widget_class_bind_template_child (widget_class, SteerSourcesPage, labels);
  gtk_widget_class_bind_template_child (widget_class, SteerSourcesPage, no_sources);
  gtk_widget_class_bind_template_child (widget_class, SteerSourcesPage, no_labels);
  gtk_widget_class_install_action (widget_class, "sources.add-file", NULL, add_file);
  gtk_widget_class_install_action (widget_class, "sources.add-folder", NULL, add_folder);
  gtk_widget_class_install_action (widget_class, "sources.add-labels-file", NULL, add_labels_file);
  gtk_widget_class_install_action (widget_class, "sources.add-labels-folder", NULL, add_labels_folder);
  gtk_widget_class_install_action (widget_class, "sources.remove", "s", remove_source);
  gtk_widget_class_install_action (widget_class, "sources.make", NULL, make_feature);
  gtk_widget_class_install_action (widget_class, "sources.examples", "s", show_examples);
#ifdef STEER_HAS_HUB
  gtk_widget_class_install_action (widget_class, "sources.get", NULL, get_features);
#endif
}

static void
steer_sources_page_init (SteerSourcesPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  steer_accessible_name_mnemonics (GTK_WIDGET (self));
}

void
steer_sources_page_set_workspace (SteerSourcesPage *self, SteerWorkspace *workspace)
{
  GListModel *sources, *labels;

  g_return_if_fail (STEER_IS_SOURCES_PAGE (self));

  if (!g_set_object (&self->workspace, workspace))
    return;
  sources = steer_workspace_get_sources (workspace);
  labels = steer_label_book_get_entries (steer_workspace_get_labels (workspace));
  gtk_list_box_bind_model (self->list, sources, make_row, NULL, NULL);
  gtk_list_box_bind_model (self->labels, labels, make_label_row, self, NULL);
  hide_beside_rows (self->no_sources, sources);
  hide_beside_rows (self->no_labels, labels);
}

void
steer_sources_page_add (SteerSourcesPage *self, GFile *file)
{
  g_return_if_fail (STEER_IS_SOURCES_PAGE (self));

  if (g_file_peek_path (file) != NULL && self->workspace != NULL)
    steer_workspace_add_source (self->workspace, g_file_peek_path (file));
}

void
steer_sources_page_import (SteerSourcesPage *self, GFile *file)
{
  g_return_if_fail (STEER_IS_SOURCES_PAGE (self));

  if (g_file_peek_path (file) != NULL && self->workspace != NULL)
    steer_label_book_import (steer_workspace_get_labels (self->workspace), g_file_peek_path (file), NULL);
}
