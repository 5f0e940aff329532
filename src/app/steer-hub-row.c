#include "steer-hub-row.h"

#include <glib/gi18n.h>
#include <string.h>

#include "hub/steer-hub-labels.h"
#include "steer-accessible.h"
#include "steer-hub-closures.h"
#include "steer-wrap-layout.h"

/* What has become of it. */
typedef enum
{
  UNUSABLE,
  ABSENT,
  RUNNING,
  STOPPED,
  FAILED,
  THERE,
  IN_USE,
} State;

struct _SteerHubRow
{
  AdwPreferencesRow parent_instance;

  SteerWorkspace *workspace;
  SteerHubKind kind;
  char *repo_id;
  char *name;
  char *title;
  char *detail;
  char *problem; /* nullable */
  char *page;    /* nullable */
  gboolean suggested;
  const char *label;      /* nullable: what the button was told to say */
  GSignalGroup *download; /* of the one that there is, if any */
  char *labels_key;       /* nullable: "llama3.1-8b-it/15-resid-post-aa": where labels of these features would be */
  GSignalGroup *labels;   /* of their download, if any */

  GtkLabel *title_label;
  GtkLabel *detail_label;
  GtkProgressBar *progress;
  GtkWidget *page_button;
  GtkWidget *labels_button;
  GtkWidget *button;
};

enum
{
  BEGIN,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerHubRow, steer_hub_row, ADW_TYPE_PREFERENCES_ROW)

void
steer_hub_use (SteerWorkspace *workspace, SteerHubKind kind, const char *path)
{
  if (kind == STEER_HUB_MODEL)
    steer_workspace_load_model (workspace, path);
  else
    steer_workspace_add_source (workspace, path);
}

gboolean
steer_hub_is_in_use (SteerWorkspace *workspace, SteerHubKind kind, const char *path)
{
  g_auto (GStrv) sources = NULL;
  g_autofree char *model = NULL;

  if (kind == STEER_HUB_FEATURES)
    {
      sources = g_settings_get_strv (steer_workspace_get_settings (workspace), "sources");
      return g_strv_contains ((const char *const *) sources, path);
    }
  g_object_get (steer_workspace_get_engine (workspace), "model-path", &model, NULL);
  return g_strcmp0 (model, path) == 0;
}

/* (transfer none) (nullable) */
static SteerDownload *
get_download (SteerHubRow *self)
{
  return steer_downloads_find (steer_workspace_get_downloads (self->workspace), self->repo_id, self->name);
}

static const char *
get_path (SteerHubRow *self)
{
  return steer_downloads_find_path (steer_workspace_get_downloads (self->workspace), self->repo_id, self->name);
}

static State
get_state (SteerHubRow *self)
{
  SteerDownload *download = get_download (self);
  const char *path = get_path (self);

  if (self->problem != NULL)
    return UNUSABLE;
  if (download != NULL && steer_download_get_state (download) == STEER_DOWNLOAD_RUNNING)
    return RUNNING;
  if (path != NULL)
    return steer_hub_is_in_use (self->workspace, self->kind, path) ? IN_USE : THERE;
  if (download == NULL)
    return ABSENT;
  return steer_download_get_state (download) == STEER_DOWNLOAD_FAILED ? FAILED : STOPPED;
}

/* The second line tells what there is to be told. */
static char *
dup_detail (SteerHubRow *self, State state)
{
  SteerDownload *download = get_download (self);
  g_autofree char *sentence = NULL, *some = NULL, *all = NULL;

  switch (state)
    {
    case UNUSABLE:
      return g_strdup_printf ("%s\n%s", self->detail, self->problem);
    case RUNNING:
      return steer_hub_dup_progress (steer_download_get_done (download), steer_download_get_total (download),
                                     steer_download_get_rate (download));
    case STOPPED:
      some = g_format_size (steer_download_get_done (download));
      all = g_format_size (steer_download_get_total (download));
      /* Translators: how much of a download has arrived */
      return g_strdup_printf (_ ("Stopped at %s of %s"), some, all);
    case FAILED:
      return steer_hub_dup_sentence (steer_download_get_error (download));
    case ABSENT:
    case THERE:
    case IN_USE:
    default:
      return g_strdup (self->detail);
    }
}

static const char *
get_label (State state)
{
  static const char *const labels[] = {
    [UNUSABLE] = N_ ("Download"), [ABSENT] = N_ ("Download"), [RUNNING] = N_ ("Cancel"), [STOPPED] = N_ ("Download"),
    [FAILED] = N_ ("Try Again"),  [THERE] = N_ ("Use"),       [IN_USE] = N_ ("In Use"),
  };

  return _ (labels[state]);
}

static void
set_class (gpointer widget, const char *name, gboolean set)
{
  if (set)
    gtk_widget_add_css_class (widget, name);
  else
    gtk_widget_remove_css_class (widget, name);
}

static void
update_button (SteerHubRow *self, State state)
{
  const char *label = get_label (state);
  g_autofree char *name = NULL;

  if (label == self->label)
    return;
  self->label = label;
  gtk_button_set_label (GTK_BUTTON (self->button), label);
  /* Translators: what a button does and to what, for assistive technology: "Download Llama-3.1-8B" */
  name = g_strdup_printf (C_ ("button", "%s %s"), label, self->title);
  steer_accessible_set_name (self->button, name);
}

/* Whether it is known what the features are called. */
static gboolean
has_labels (SteerHubRow *self)
{
  GListModel *entries = steer_label_book_get_entries (steer_workspace_get_labels (self->workspace));

  for (guint i = 0; i < g_list_model_get_n_items (entries); i++)
    {
      g_autoptr (SteerLabelEntry) entry = g_list_model_get_item (entries, i);

      if (steer_label_entry_get_id (entry) != 0 && g_strcmp0 (steer_label_entry_get_key (entry), self->labels_key) == 0)
        return TRUE;
    }
  return FALSE;
}

/* Labels are of use for features that are there. */
static void
update_labels (SteerHubRow *self, State state)
{
  SteerDownload *download
    = steer_downloads_find_labels (steer_workspace_get_downloads (self->workspace), self->repo_id, self->name);
  gboolean running = download != NULL && steer_download_get_state (download) == STEER_DOWNLOAD_RUNNING;
  gboolean offered = self->labels_key != NULL && (state == THERE || state == IN_USE) && !has_labels (self);

  gtk_widget_set_visible (self->labels_button, offered);
  gtk_widget_set_sensitive (self->labels_button, !running);
  gtk_button_set_label (GTK_BUTTON (self->labels_button), running ? _ ("Getting Labels…") : _ ("Get Labels"));
}

static void
update (SteerHubRow *self)
{
  SteerDownload *download = get_download (self);
  State state = get_state (self);
  g_autofree char *detail = dup_detail (self, state);
  gboolean asks
    = state == FAILED && self->page != NULL && strstr (steer_download_get_error (download), self->page) != NULL;

  gtk_label_set_text (self->detail_label, detail);
  set_class (self->detail_label, "numeric", state == RUNNING);
  set_class (self->detail_label, "error", state == FAILED);
  gtk_widget_set_visible (GTK_WIDGET (self->detail_label), *detail != '\0');
  gtk_widget_set_visible (GTK_WIDGET (self->progress), state == RUNNING);
  if (state == RUNNING)
    gtk_progress_bar_set_fraction (
      self->progress, steer_hub_get_fraction (steer_download_get_done (download), steer_download_get_total (download)));
  gtk_widget_set_visible (self->page_button, asks);
  update_button (self, state);
  set_class (self->button, "suggested-action", self->suggested && state == ABSENT);
  gtk_widget_set_visible (self->button, state != UNUSABLE);
  gtk_widget_set_sensitive (self->button, state != IN_USE);
  update_labels (self, state);
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (self), state == THERE);
  gtk_widget_set_sensitive (GTK_WIDGET (self), state != UNUSABLE);
}

static void
on_downloads_changed (SteerHubRow *self)
{
  g_signal_group_set_target (self->download, get_download (self));
  g_signal_group_set_target (self->labels, steer_downloads_find_labels (steer_workspace_get_downloads (self->workspace),
                                                                        self->repo_id, self->name));
  update (self);
}

static void
use (SteerHubRow *self)
{
  SteerHubKind kind = self->kind;

  steer_hub_use (self->workspace, kind, get_path (self));
  if (kind == STEER_HUB_MODEL)
    gtk_widget_activate_action (GTK_WIDGET (self), "window.close", NULL);
}

static void
on_clicked (SteerHubRow *self)
{
  switch (get_state (self))
    {
    case ABSENT:
    case STOPPED:
    case FAILED:
      g_signal_emit (self, signals[BEGIN], 0);
      break;
    case RUNNING:
      steer_download_cancel (get_download (self));
      break;
    case THERE:
      use (self);
      break;
    case UNUSABLE:
    case IN_USE:
    default:
      break;
    }
}

void
steer_hub_row_activate (SteerHubRow *self)
{
  g_return_if_fail (STEER_IS_HUB_ROW (self));

  if (get_state (self) == THERE)
    use (self);
}

static void
on_labels_clicked (SteerHubRow *self)
{
  steer_downloads_begin_labels (steer_workspace_get_downloads (self->workspace), self->repo_id, self->name);
}

static void
on_page_clicked (SteerHubRow *self)
{
  gtk_show_uri (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), self->page, GDK_CURRENT_TIME);
}

static void
steer_hub_row_dispose (GObject *object)
{
  SteerHubRow *self = STEER_HUB_ROW (object);

  g_clear_object (&self->download);
  g_clear_object (&self->labels);
  g_clear_pointer (&self->labels_key, g_free);
  g_clear_object (&self->workspace);
  g_clear_pointer (&self->repo_id, g_free);
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->title, g_free);
  g_clear_pointer (&self->detail, g_free);
  g_clear_pointer (&self->problem, g_free);
  g_clear_pointer (&self->page, g_free);
  G_OBJECT_CLASS (steer_hub_row_parent_class)->dispose (object);
}

static void
steer_hub_row_class_init (SteerHubRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_hub_row_dispose;
  signals[BEGIN]
    = g_signal_new ("begin", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_type_ensure (STEER_TYPE_WRAP_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-hub-row.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerHubRow, title_label);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRow, detail_label);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRow, progress);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRow, page_button);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRow, labels_button);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRow, button);
  gtk_widget_class_bind_template_callback (widget_class, on_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_page_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_labels_clicked);
}

static void
steer_hub_row_init (SteerHubRow *self)
{
  static const char *const properties[] = { "notify::state", "notify::done", "notify::rate" };

  gtk_widget_init_template (GTK_WIDGET (self));
  self->download = g_signal_group_new (STEER_TYPE_DOWNLOAD);
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    g_signal_group_connect_swapped (self->download, properties[i], G_CALLBACK (update), self);
  self->labels = g_signal_group_new (STEER_TYPE_DOWNLOAD);
  g_signal_group_connect_swapped (self->labels, "notify::state", G_CALLBACK (update), self);
}

static void
watch_labels (SteerHubRow *self)
{
  g_autofree char *model = NULL, *source = NULL, *name = NULL;

  if (!steer_hub_guess_labels (self->repo_id, self->name, &model, &source))
    return;
  self->labels_key = g_strconcat (model, "/", source, NULL);
  /* Translators: what a button does and to what, for assistive technology */
  name = g_strdup_printf (_ ("Get labels of %s"), self->title);
  steer_accessible_set_name (self->labels_button, name);
  g_signal_connect_object (steer_workspace_get_labels (self->workspace), "changed", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
}

GtkWidget *
steer_hub_row_new (SteerWorkspace *workspace, const SteerHubRowInfo *info)
{
  SteerHubRow *self = g_object_new (STEER_TYPE_HUB_ROW, "use-markup", FALSE, NULL);

  self->workspace = g_object_ref (workspace);
  self->kind = info->kind;
  self->repo_id = g_strdup (info->repo_id);
  self->name = g_strdup (info->name);
  self->title = g_strdup (info->title != NULL ? info->title : info->name);
  self->detail = g_strdup (info->detail);
  self->problem = g_strdup (info->problem);
  self->page = g_strdup (info->page);
  self->suggested = info->suggested;
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self), self->title);
  gtk_label_set_text (self->title_label, self->title);
  g_signal_connect_object (steer_workspace_get_downloads (workspace), "changed", G_CALLBACK (on_downloads_changed),
                           self, G_CONNECT_SWAPPED);
  if (info->kind == STEER_HUB_FEATURES)
    watch_labels (self);
  if (info->kind == STEER_HUB_MODEL)
    g_signal_connect_object (steer_workspace_get_engine (workspace), "notify::model-path", G_CALLBACK (update), self,
                             G_CONNECT_SWAPPED);
  else
    g_signal_connect_object (steer_workspace_get_settings (workspace), "changed::sources", G_CALLBACK (update), self,
                             G_CONNECT_SWAPPED);
  on_downloads_changed (self);
  return GTK_WIDGET (self);
}
