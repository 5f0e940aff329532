#include "steer-hub-dialog.h"

#include <string.h>

#include "hub/steer-hub-name.h"
#include "steer-dialogs.h"
#include "steer-hub-repo-page.h"
#include "steer-hub-results.h"
#include "steer-hub-start-page.h"

struct _SteerHubDialog
{
  AdwWindow parent_instance;

  SteerWorkspace *workspace;
  AdwLeaflet *leaflet; /* the first page, and the repositories that were gone to from there on */
  GtkWidget *first;
  GtkWidget *search;
  GtkStack *pages;
  SteerHubStartPage *start;
  SteerHubResults *results;
};

G_DEFINE_FINAL_TYPE (SteerHubDialog, steer_hub_dialog, ADW_TYPE_WINDOW)

/* (transfer none): the one that was gone to last. */
static GtkWidget *
get_last (SteerHubDialog *self)
{
  g_autoptr (GtkSelectionModel) pages = adw_leaflet_get_pages (self->leaflet);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (pages));
  g_autoptr (AdwLeafletPage) last = g_list_model_get_item (G_LIST_MODEL (pages), n - 1);

  return adw_leaflet_page_get_child (last);
}

/* Those that were left. */
static void
drop_pages (SteerHubDialog *self)
{
  GtkWidget *visible = adw_leaflet_get_visible_child (self->leaflet);
  GtkWidget *last;

  if (visible == NULL || adw_leaflet_get_child_transition_running (self->leaflet))
    return;
  while ((last = get_last (self)) != visible)
    adw_leaflet_remove (self->leaflet, last);
}

static void
go_to (SteerHubDialog *self, const char *text)
{
  GtkWidget *page = steer_hub_repo_page_new (self->workspace, text);

  drop_pages (self);
  adw_leaflet_append (self->leaflet, page);
  adw_leaflet_set_visible_child (self->leaflet, page);
  gtk_widget_child_focus (page, GTK_DIR_TAB_FORWARD);
}

static void
open_repo (GtkWidget *widget, const char *name, GVariant *parameter)
{
  go_to (STEER_HUB_DIALOG (widget), g_variant_get_string (parameter, NULL));
}

static void
go_back (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerHubDialog *self = STEER_HUB_DIALOG (widget);

  if (!adw_leaflet_navigate (self->leaflet, ADW_NAVIGATION_DIRECTION_BACK))
    return;
  if (adw_leaflet_get_visible_child (self->leaflet) == self->first)
    gtk_widget_grab_focus (self->search);
  else
    gtk_widget_child_focus (adw_leaflet_get_visible_child (self->leaflet), GTK_DIR_TAB_FORWARD);
  drop_pages (self);
}

static void
on_search_changed (SteerHubDialog *self)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (self->search));
  gboolean empty = text[strspn (text, " \t\n")] == '\0';

  if (self->workspace == NULL)
    return;
  steer_hub_results_search (self->results, text);
  gtk_stack_set_visible_child_name (self->pages, empty ? "start" : "results");
}

/* An address leads to its repository; words are not waited for any longer. */
static void
on_search_activate (SteerHubDialog *self)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (self->search));
  g_autofree char *repo_id = NULL, *revision = NULL, *path = NULL;

  if (strchr (text, '/') != NULL && steer_hub_parse_name (text, &repo_id, &revision, &path, NULL))
    go_to (self, text);
  else
    on_search_changed (self);
}

static void
on_stop_search (SteerHubDialog *self)
{
  if (*gtk_editable_get_text (GTK_EDITABLE (self->search)) != '\0')
    gtk_editable_set_text (GTK_EDITABLE (self->search), "");
  else
    gtk_window_close (GTK_WINDOW (self));
}

/* Not sooner: GTK 4.8 would tell assistive technology of the search before it tells of the window, which then is not
 * known to be one. */
static void
steer_hub_dialog_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (steer_hub_dialog_parent_class)->map (widget);
  gtk_widget_grab_focus (STEER_HUB_DIALOG (widget)->search);
}

static void
steer_hub_dialog_dispose (GObject *object)
{
  g_clear_object (&STEER_HUB_DIALOG (object)->workspace);
  G_OBJECT_CLASS (steer_hub_dialog_parent_class)->dispose (object);
}

static void
steer_hub_dialog_class_init (SteerHubDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_hub_dialog_dispose;
  widget_class->map = steer_hub_dialog_map;
  g_type_ensure (STEER_TYPE_HUB_START_PAGE);
  g_type_ensure (STEER_TYPE_HUB_RESULTS);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-hub-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerHubDialog, leaflet);
  gtk_widget_class_bind_template_child (widget_class, SteerHubDialog, first);
  gtk_widget_class_bind_template_child (widget_class, SteerHubDialog, search);
  gtk_widget_class_bind_template_child (widget_class, SteerHubDialog, pages);
  gtk_widget_class_bind_template_child (widget_class, SteerHubDialog, start);
  gtk_widget_class_bind_template_child (widget_class, SteerHubDialog, results);
  gtk_widget_class_bind_template_callback (widget_class, drop_pages);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_search_activate);
  gtk_widget_class_bind_template_callback (widget_class, on_stop_search);
  gtk_widget_class_install_action (widget_class, "hub.open", "s", open_repo);
  gtk_widget_class_install_action (widget_class, "hub.back", NULL, go_back);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Left, GDK_ALT_MASK, "hub.back", NULL);
}

static void
steer_hub_dialog_init (SteerHubDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
steer_hub_dialog_new (GtkWindow *parent, SteerWorkspace *workspace)
{
  SteerHubDialog *self = g_object_new (STEER_TYPE_HUB_DIALOG, "transient-for", parent, NULL);

  steer_dialog_forget_parent (GTK_WINDOW (self));
  self->workspace = g_object_ref (workspace);
  steer_hub_start_page_set_workspace (self->start, workspace);
  steer_hub_results_set_workspace (self->results, workspace);
  return GTK_WIDGET (self);
}
