#include "steer-hub-repo-page.h"

#include <glib/gi18n.h>

#include "cpu/steer-cpu-machine.h"
#include "hub/steer-hub-name.h"
#include "steer-accessible.h"
#include "steer-hub-closures.h"
#include "steer-hub-row.h"
#include "steer-hub-suggestions.h"

/* As many as one looks through without a filter. */
#define MAX_UNFILTERED 12

/* Some repositories have thousands. */
#define MAX_ROWS 50

struct _SteerHubRepoPage
{
  GtkBox parent_instance;

  SteerWorkspace *workspace;
  char *repo_id;  /* nullable: the text names none */
  char *revision; /* nullable */
  char *path;     /* nullable: what of it the address is of */
  char *page;     /* nullable: its address */
  SteerHubRepo *repo;
  const SteerHubChoice *suggested; /* nullable: of `repo` */
  guint64 memory;                  /* of this machine, bytes */
  GCancellable *cancellable;

  AdwWindowTitle *title;
  GtkStack *pages;
  AdwActionRow *license;
  AdwActionRow *page_row;
  AdwActionRow *features_row;
  GtkWidget *filter_group;
  GtkEditable *filter;
  GtkWidget *models_group;
  GtkListBox *models;
  GtkWidget *features_group;
  GtkListBox *features;
  GtkLabel *note;
  AdwStatusPage *problem;
  GtkWidget *try_again;
};

G_DEFINE_FINAL_TYPE (SteerHubRepoPage, steer_hub_repo_page, GTK_TYPE_BOX)

/* --- the choices --- */

typedef struct
{
  SteerHubRepoPage *page;
  const SteerHubChoice *choice; /* of the page's repository */
} Begin;

static void
on_begin (GtkWidget *row, Begin *begin)
{
  steer_downloads_begin (steer_workspace_get_downloads (begin->page->workspace), begin->page->repo,
                         begin->page->revision, begin->choice);
}

static void
begin_free (gpointer data, GClosure *closure)
{
  g_free (data);
}

static GtkWidget *
make_row (SteerHubRepoPage *self, const SteerHubChoice *choice)
{
  g_autofree char *title = steer_hub_dup_title (self->repo->id, choice->name);
  g_autofree char *detail = steer_hub_dup_choice_detail (choice, self->memory);
  g_autofree char *problem = steer_hub_dup_problem (self->repo, choice);
  GtkWidget *row = steer_hub_row_new (self->workspace, &(SteerHubRowInfo){ .kind = choice->kind,
                                                                           .repo_id = self->repo->id,
                                                                           .name = choice->name,
                                                                           .title = title,
                                                                           .detail = detail,
                                                                           .problem = problem,
                                                                           .page = self->page,
                                                                           .suggested = choice == self->suggested });
  Begin *begin = g_new0 (Begin, 1);

  begin->page = self;
  begin->choice = choice;
  g_signal_connect_data (row, "begin", G_CALLBACK (on_begin), begin, begin_free, 0);
  return row;
}

static void
clear (GtkListBox *list)
{
  GtkWidget *row;

  while ((row = gtk_widget_get_first_child (GTK_WIDGET (list))) != NULL)
    gtk_list_box_remove (list, row);
}

/* Adds those that the filter lets through. Returns how many there are, shown or not. */
static guint
add_choices (SteerHubRepoPage *self, SteerHubKind kind, GtkListBox *list, guint *n_shown)
{
  const char *filter = gtk_editable_get_text (self->filter);
  guint n = 0;

  if (self->suggested != NULL && self->suggested->kind == kind && steer_hub_matches (self->suggested->name, filter))
    {
      gtk_list_box_append (list, make_row (self, self->suggested));
      n++;
    }
  for (guint i = 0; i < self->repo->choices->len; i++)
    {
      const SteerHubChoice *choice = g_ptr_array_index (self->repo->choices, i);

      if (choice->kind != kind || choice == self->suggested || !steer_hub_matches (choice->name, filter))
        continue;
      if (n++ < MAX_ROWS)
        gtk_list_box_append (list, make_row (self, choice));
    }
  *n_shown += MIN (n, MAX_ROWS);
  return n;
}

static char *
dup_note (SteerHubRepoPage *self, guint n_shown, guint n)
{
  if (self->repo->choices->len == 0)
    return g_strdup (_ ("Nothing in this repository can be used here: no GGUF file, no safetensors of a model with its "
                        "tokenizer, no file of features."));
  if (n == 0)
    return g_strdup (_ ("Nothing is called that."));
  if (n > n_shown)
    return g_strdup_printf (_ ("%u of %u are shown. The filter finds the others."), n_shown, n);
  return g_strdup ("");
}

static void
show_choices (SteerHubRepoPage *self)
{
  guint n_models, n_features, n_shown = 0;
  g_autofree char *note = NULL;

  if (self->repo == NULL)
    return;
  clear (self->models);
  clear (self->features);
  n_models = add_choices (self, STEER_HUB_MODEL, self->models, &n_shown);
  n_features = add_choices (self, STEER_HUB_FEATURES, self->features, &n_shown);
  gtk_widget_set_visible (self->models_group, n_models > 0);
  gtk_widget_set_visible (self->features_group, n_features > 0);
  note = dup_note (self, n_shown, n_models + n_features);
  gtk_label_set_text (self->note, note);
  gtk_widget_set_visible (GTK_WIDGET (self->note), *note != '\0');
}

/* --- the repository --- */

/* What the address is of, else what the table of suggestions has. */
static const SteerHubChoice *
find_suggested (SteerHubRepoPage *self)
{
  const SteerHubSuggestion *suggestion = steer_hub_suggestion_find (self->repo->id);

  if (self->path != NULL)
    return steer_hub_find_choice (self->repo->choices, self->path, NULL);
  if (suggestion != NULL && suggestion->best != NULL)
    return steer_hub_find_choice (self->repo->choices, suggestion->best, NULL);
  return NULL;
}

static void
show_about (SteerHubRepoPage *self)
{
  const SteerHubSuggestion *suggestion = steer_hub_suggestion_find (self->repo->id);

  adw_window_title_set_title (self->title, self->repo->id);
  if (self->repo->license != NULL)
    adw_action_row_set_subtitle (self->license, self->repo->license);
  gtk_widget_set_visible (GTK_WIDGET (self->license), self->repo->license != NULL);
  adw_action_row_set_subtitle (self->page_row,
                               self->repo->gated ? _ ("Its terms have to be accepted there") : self->page);
  gtk_widget_set_visible (GTK_WIDGET (self->features_row), suggestion != NULL && suggestion->features != NULL);
  if (suggestion != NULL && suggestion->features != NULL)
    {
      adw_action_row_set_subtitle (self->features_row, suggestion->features);
      gtk_actionable_set_action_target (GTK_ACTIONABLE (self->features_row), "s", suggestion->features);
      gtk_actionable_set_action_name (GTK_ACTIONABLE (self->features_row), "hub.open");
    }
}

static void
show_problem (SteerHubRepoPage *self, const GError *error)
{
  g_autofree char *sentence = steer_hub_dup_sentence (error->message);
  g_autofree char *escaped = g_markup_escape_text (sentence, -1);

  adw_status_page_set_title (self->problem, steer_hub_get_problem_title (error));
  adw_status_page_set_description (self->problem, escaped);
  gtk_widget_set_visible (self->try_again, self->repo_id != NULL);
  gtk_stack_set_visible_child_name (self->pages, "problem");
}

/* What a thread needs to read it, and has read. */
typedef struct
{
  SteerHubClient *client;
  char *repo_id;
  char *revision;
  guint64 memory;
  SteerHubRepo *repo; /* nullable */
} Reading;

static void
reading_free (gpointer data)
{
  Reading *reading = data;

  steer_hub_client_unref (reading->client);
  g_free (reading->repo_id);
  g_free (reading->revision);
  g_clear_pointer (&reading->repo, steer_hub_repo_unref);
  g_free (reading);
}

static void
read_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Reading *reading = data;
  g_auto (SteerCpuMachine) machine = { 0 };
  GError *error = NULL;

  steer_cpu_machine_init (&machine);
  reading->memory = machine.memory_total;
  reading->repo
    = steer_hub_client_read_repo (reading->client, reading->repo_id, reading->revision, cancellable, &error);
  if (reading->repo != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* The callback holds no reference: a page that goes has cancelled what it waited for. */
static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerHubRepoPage *self = data;
  Reading *reading = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;

  g_task_propagate_boolean (G_TASK (result), &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (error != NULL)
    {
      show_problem (self, error);
      return;
    }
  self->repo = g_steal_pointer (&reading->repo);
  self->memory = reading->memory;
  self->suggested = find_suggested (self);
  gtk_widget_set_visible (self->filter_group, self->repo->choices->len > MAX_UNFILTERED);
  show_about (self);
  show_choices (self);
  gtk_stack_set_visible_child_name (self->pages, "content");
}

static void
start (SteerHubRepoPage *self)
{
  g_autoptr (GError) error = NULL;
  SteerHubClient *client = steer_downloads_get_client (steer_workspace_get_downloads (self->workspace), &error);
  g_autoptr (GTask) task = NULL;
  Reading *reading;

  if (client == NULL)
    {
      show_problem (self, error);
      return;
    }
  self->page = steer_hub_client_dup_page (client, self->repo_id);
  reading = g_new0 (Reading, 1);
  reading->client = steer_hub_client_ref (client);
  reading->repo_id = g_strdup (self->repo_id);
  reading->revision = g_strdup (self->revision);
  task = g_task_new (NULL, self->cancellable, on_read, self);
  g_task_set_task_data (task, reading, reading_free);
  g_task_run_in_thread (task, read_in_thread);
  gtk_stack_set_visible_child_name (self->pages, "reading");
}

static void
on_try_again (SteerHubRepoPage *self)
{
  g_clear_pointer (&self->page, g_free);
  start (self);
}

static void
on_page_activated (SteerHubRepoPage *self)
{
  gtk_show_uri (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), self->page, GDK_CURRENT_TIME);
}

static void
on_row_activated (GtkListBox *list, SteerHubRow *row)
{
  steer_hub_row_activate (row);
}

static void
steer_hub_repo_page_dispose (GObject *object)
{
  SteerHubRepoPage *self = STEER_HUB_REPO_PAGE (object);

  g_cancellable_cancel (self->cancellable);
  G_OBJECT_CLASS (steer_hub_repo_page_parent_class)->dispose (object);
}

static void
steer_hub_repo_page_finalize (GObject *object)
{
  SteerHubRepoPage *self = STEER_HUB_REPO_PAGE (object);

  g_clear_object (&self->cancellable);
  g_clear_object (&self->workspace);
  g_clear_pointer (&self->repo, steer_hub_repo_unref);
  g_free (self->repo_id);
  g_free (self->revision);
  g_free (self->path);
  g_free (self->page);
  G_OBJECT_CLASS (steer_hub_repo_page_parent_class)->finalize (object);
}

static void
steer_hub_repo_page_class_init (SteerHubRepoPageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_hub_repo_page_dispose;
  object_class->finalize = steer_hub_repo_page_finalize;
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-hub-repo-page.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, title);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, pages);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, license);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, page_row);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, features_row);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, filter_group);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, filter);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, models_group);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, models);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, features_group);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, features);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, note);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, problem);
  gtk_widget_class_bind_template_child (widget_class, SteerHubRepoPage, try_again);
  gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
  gtk_widget_class_bind_template_callback (widget_class, show_choices);
  gtk_widget_class_bind_template_callback (widget_class, on_try_again);
  gtk_widget_class_bind_template_callback (widget_class, on_page_activated);
}

static void
steer_hub_repo_page_init (SteerHubRepoPage *self)
{
  self->cancellable = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  steer_accessible_name_mnemonics (GTK_WIDGET (self));
}

GtkWidget *
steer_hub_repo_page_new (SteerWorkspace *workspace, const char *text)
{
  SteerHubRepoPage *self = g_object_new (STEER_TYPE_HUB_REPO_PAGE, NULL);
  g_autoptr (GError) error = NULL;

  self->workspace = g_object_ref (workspace);
  if (steer_hub_parse_name (text, &self->repo_id, &self->revision, &self->path, &error))
    {
      adw_window_title_set_title (self->title, self->repo_id);
      start (self);
    }
  else
    show_problem (self, error);
  return GTK_WIDGET (self);
}
