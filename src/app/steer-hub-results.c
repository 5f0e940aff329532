#include "steer-hub-results.h"

#include <glib/gi18n.h>
#include <string.h>

#include "hub/steer-hub-name.h"
#include "steer-hub-closures.h"

struct _SteerHubResults
{
  AdwBin parent_instance;

  SteerWorkspace *workspace;
  GCancellable *cancellable; /* nullable: of the search that is under way */
  char *text;
  char *named; /* nullable: the repository that the text is the name or address of */

  GtkStack *pages;
  GtkListBox *list;
  AdwStatusPage *problem;
};

G_DEFINE_FINAL_TYPE (SteerHubResults, steer_hub_results, ADW_TYPE_BIN)

/* @target: what to open. */
static void
add_row (SteerHubResults *self, const char *title, const char *subtitle, const char *target)
{
  GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", title, "subtitle", subtitle,
                                 "activatable", TRUE, "action-name", "hub.open", NULL);

  gtk_actionable_set_action_target (GTK_ACTIONABLE (row), "s", target);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), gtk_image_new_from_icon_name ("go-next-symbolic"));
  gtk_list_box_append (self->list, row);
}

static gboolean
has (GPtrArray *found, const char *id)
{
  for (guint i = 0; i < found->len; i++)
    if (g_ascii_strcasecmp (((SteerHubFound *) g_ptr_array_index (found, i))->id, id) == 0)
      return TRUE;
  return FALSE;
}

static void
show_found (SteerHubResults *self, GPtrArray *found)
{
  GtkWidget *row;

  while ((row = gtk_widget_get_first_child (GTK_WIDGET (self->list))) != NULL)
    gtk_list_box_remove (self->list, row);
  if (self->named != NULL && !has (found, self->named))
    add_row (self, self->named, _ ("Open This Repository"), self->text);
  for (guint i = 0; i < found->len; i++)
    {
      const SteerHubFound *one = g_ptr_array_index (found, i);
      g_autofree char *detail = steer_hub_dup_found_detail (one);

      add_row (self, one->id, detail, one->id);
    }
  row = gtk_widget_get_first_child (GTK_WIDGET (self->list));
  gtk_stack_set_visible_child_name (self->pages, row != NULL ? "list" : "nothing");
}

static void
show_problem (SteerHubResults *self, const GError *error)
{
  g_autofree char *sentence = steer_hub_dup_sentence (error->message);
  g_autofree char *escaped = g_markup_escape_text (sentence, -1);

  adw_status_page_set_title (self->problem, steer_hub_get_problem_title (error));
  adw_status_page_set_description (self->problem, escaped);
  gtk_stack_set_visible_child_name (self->pages, "problem");
}

/* What a thread needs to search. */
typedef struct
{
  SteerHubClient *client;
  char *words;
} Search;

static void
search_free (gpointer data)
{
  Search *search = data;

  steer_hub_client_unref (search->client);
  g_free (search->words);
  g_free (search);
}

static void
search_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Search *search = data;
  GError *error = NULL;
  GPtrArray *found = steer_hub_client_search (search->client, search->words, cancellable, &error);

  if (found != NULL)
    g_task_return_pointer (task, found, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

/* The callback holds no reference: who goes has cancelled what it waited for. */
static void
on_searched (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) found = g_task_propagate_pointer (G_TASK (result), &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&((SteerHubResults *) data)->cancellable);
  if (found != NULL)
    show_found (data, found);
  else
    show_problem (data, error);
}

static void
stop (SteerHubResults *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
}

static void
start (SteerHubResults *self)
{
  g_autoptr (GError) error = NULL;
  SteerHubClient *client = steer_downloads_get_client (steer_workspace_get_downloads (self->workspace), &error);
  g_autoptr (GTask) task = NULL;
  Search *search;

  if (client == NULL)
    {
      show_problem (self, error);
      return;
    }
  search = g_new0 (Search, 1);
  search->client = steer_hub_client_ref (client);
  search->words = g_strdup (self->named != NULL ? self->named : self->text);
  self->cancellable = g_cancellable_new ();
  task = g_task_new (NULL, self->cancellable, on_searched, self);
  g_task_set_task_data (task, search, search_free);
  g_task_run_in_thread (task, search_in_thread);
  gtk_stack_set_visible_child_name (self->pages, "searching");
}

void
steer_hub_results_search (SteerHubResults *self, const char *text)
{
  g_autofree char *stripped = g_strstrip (g_strdup (text)), *revision = NULL, *path = NULL;

  g_return_if_fail (STEER_IS_HUB_RESULTS (self));

  stop (self);
  g_clear_pointer (&self->named, g_free);
  g_free (self->text);
  self->text = g_steal_pointer (&stripped);
  /* A single word may be a name, too, but is rather the beginning of many. */
  if (strchr (self->text, '/') != NULL)
    steer_hub_parse_name (self->text, &self->named, &revision, &path, NULL);
  if (*self->text != '\0')
    start (self);
}

static void
on_try_again (SteerHubResults *self)
{
  stop (self);
  start (self);
}

static void
steer_hub_results_dispose (GObject *object)
{
  SteerHubResults *self = STEER_HUB_RESULTS (object);

  stop (self);
  g_clear_object (&self->workspace);
  g_clear_pointer (&self->text, g_free);
  g_clear_pointer (&self->named, g_free);
  G_OBJECT_CLASS (steer_hub_results_parent_class)->dispose (object);
}

static void
steer_hub_results_class_init (SteerHubResultsClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_hub_results_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-hub-results.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerHubResults, pages);
  gtk_widget_class_bind_template_child (widget_class, SteerHubResults, list);
  gtk_widget_class_bind_template_child (widget_class, SteerHubResults, problem);
  gtk_widget_class_bind_template_callback (widget_class, on_try_again);
}

static void
steer_hub_results_init (SteerHubResults *self)
{
  self->text = g_strdup ("");
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
steer_hub_results_set_workspace (SteerHubResults *self, SteerWorkspace *workspace)
{
  g_return_if_fail (STEER_IS_HUB_RESULTS (self));
  g_set_object (&self->workspace, workspace);
}
