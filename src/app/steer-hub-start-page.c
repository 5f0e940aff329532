#include "steer-hub-start-page.h"

#include <glib/gi18n.h>

#include "steer-hub-closures.h"
#include "steer-hub-row.h"
#include "steer-hub-suggestions.h"

/* More than anybody looks through. */
#define MAX_HELD 100

struct _SteerHubStartPage
{
  AdwPreferencesPage parent_instance;

  SteerWorkspace *workspace;
  GPtrArray *held; /* nullable: what is shown */

  GtkWidget *downloads_group;
  GtkWidget *held_group;
  GtkListBox *downloads;
  GtkListBox *suggestions;
  GtkListBox *held_list;
};

G_DEFINE_FINAL_TYPE (SteerHubStartPage, steer_hub_start_page, ADW_TYPE_PREFERENCES_PAGE)

static GtkWidget *
make_suggestion_row (const SteerHubSuggestion *suggestion)
{
  GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", suggestion->title, "subtitle",
                                 _ (suggestion->description), "subtitle-lines", 0, "activatable", TRUE, "action-name",
                                 "hub.open", NULL);
  GtkWidget *arrow = gtk_image_new_from_icon_name ("go-next-symbolic");

  gtk_actionable_set_action_target (GTK_ACTIONABLE (row), "s", suggestion->repo_id);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), arrow);
  return row;
}

static void
restart (SteerDownload *download)
{
  steer_download_restart (download);
}

static GtkWidget *
make_download_row (gpointer item, gpointer data)
{
  SteerHubStartPage *self = data;
  SteerDownload *download = item;
  const char *repo_id = steer_download_get_repo_id (download), *name = steer_download_get_name (download);
  SteerHubClient *client = steer_downloads_get_client (steer_workspace_get_downloads (self->workspace), NULL);
  g_autofree char *title = steer_hub_dup_title (repo_id, name), *page = steer_hub_client_dup_page (client, repo_id);
  GtkWidget *row = steer_hub_row_new (self->workspace, &(SteerHubRowInfo){ .kind = steer_download_get_kind (download),
                                                                           .repo_id = repo_id,
                                                                           .name = name,
                                                                           .title = title,
                                                                           .detail = repo_id,
                                                                           .page = page });

  g_signal_connect_object (row, "begin", G_CALLBACK (restart), download, G_CONNECT_SWAPPED);
  return row;
}

static GtkWidget *
make_held_row (SteerHubStartPage *self, const SteerHubHeld *held)
{
  g_autofree char *title = steer_hub_dup_title (held->repo_id, held->name), *size = g_format_size (held->bytes);
  g_autofree char *detail = g_strdup_printf ("%s · %s", held->repo_id, size);

  return steer_hub_row_new (
    self->workspace,
    &(SteerHubRowInfo){
      .kind = held->kind, .repo_id = held->repo_id, .name = held->name, .title = title, .detail = detail });
}

static void
show_held (SteerHubStartPage *self)
{
  GPtrArray *held = steer_downloads_get_held (steer_workspace_get_downloads (self->workspace));
  GtkWidget *row;

  if (held == self->held)
    return;
  g_clear_pointer (&self->held, g_ptr_array_unref);
  self->held = g_ptr_array_ref (held);
  while ((row = gtk_widget_get_first_child (GTK_WIDGET (self->held_list))) != NULL)
    gtk_list_box_remove (self->held_list, row);
  for (guint i = 0; i < MIN (held->len, MAX_HELD); i++)
    gtk_list_box_append (self->held_list, make_held_row (self, g_ptr_array_index (held, i)));
  gtk_widget_set_visible (self->held_group, held->len > 0);
}

static void
show_downloads (SteerHubStartPage *self)
{
  GListModel *list = steer_downloads_get_list (steer_workspace_get_downloads (self->workspace));

  gtk_widget_set_visible (self->downloads_group, g_list_model_get_n_items (list) > 0);
}

static void
on_row_activated (GtkListBox *list, SteerHubRow *row)
{
  steer_hub_row_activate (row);
}

static void
steer_hub_start_page_dispose (GObject *object)
{
  SteerHubStartPage *self = STEER_HUB_START_PAGE (object);

  g_clear_pointer (&self->held, g_ptr_array_unref);
  g_clear_object (&self->workspace);
  G_OBJECT_CLASS (steer_hub_start_page_parent_class)->dispose (object);
}

static void
steer_hub_start_page_class_init (SteerHubStartPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_hub_start_page_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-hub-start-page.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerHubStartPage, downloads_group);
  gtk_widget_class_bind_template_child (widget_class, SteerHubStartPage, held_group);
  gtk_widget_class_bind_template_child (widget_class, SteerHubStartPage, downloads);
  gtk_widget_class_bind_template_child (widget_class, SteerHubStartPage, suggestions);
  gtk_widget_class_bind_template_child (widget_class, SteerHubStartPage, held_list);
  gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
}

static void
steer_hub_start_page_init (SteerHubStartPage *self)
{
  const SteerHubSuggestion *suggestion;

  gtk_widget_init_template (GTK_WIDGET (self));
  for (guint i = 0; (suggestion = steer_hub_suggestion_get (i)) != NULL; i++)
    gtk_list_box_append (self->suggestions, make_suggestion_row (suggestion));
}

void
steer_hub_start_page_set_workspace (SteerHubStartPage *self, SteerWorkspace *workspace)
{
  SteerDownloads *downloads = steer_workspace_get_downloads (workspace);
  GListModel *list = steer_downloads_get_list (downloads);

  g_return_if_fail (STEER_IS_HUB_START_PAGE (self) && self->workspace == NULL);

  self->workspace = g_object_ref (workspace);
  gtk_list_box_bind_model (self->downloads, list, make_download_row, self, NULL);
  g_signal_connect_object (list, "items-changed", G_CALLBACK (show_downloads), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (downloads, "changed", G_CALLBACK (show_held), self, G_CONNECT_SWAPPED);
  show_downloads (self);
  show_held (self);
  steer_downloads_look (downloads);
}
