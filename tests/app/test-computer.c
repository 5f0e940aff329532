/* Models of another computer, from the dialog that finds them to the chat. */
#include "app/steer-computer-dialog.h"
#include "app/steer-model-names.h"
#include "app-test-util.h"
#include "lend-test-util.h"
#include "test-util.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  GtkWindow *window;
  GtkWidget *dialog; /* nullable: closed */
} Fixture;

static char *home;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_unsetenv ("STEER_TEST_SSH");
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = app_test_workspace (f->settings, f->dir, 8);
  f->window = app_test_show (gtk_label_new ("a window"), 400, 300);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  if (f->dialog != NULL)
    gtk_window_destroy (GTK_WINDOW (f->dialog));
  gtk_window_destroy (f->window);
  app_test_settle ();
  test_assert_finalizes (f->workspace);
  g_object_unref (f->settings);
  test_remove_dir (f->dir);
}

static void
open_dialog (Fixture *f)
{
  f->dialog = steer_computer_dialog_new (f->window, f->workspace);
  g_object_add_weak_pointer (G_OBJECT (f->dialog), (gpointer *) &f->dialog);
  gtk_window_present (GTK_WINDOW (f->dialog));
  app_test_settle ();
}

static const char *
get_page (Fixture *f)
{
  return gtk_stack_get_visible_child_name (GTK_STACK (app_test_find (f->dialog, GTK_TYPE_STACK, NULL, NULL)));
}

static GtkWidget *
find_button (Fixture *f)
{
  return app_test_find (f->dialog, GTK_TYPE_BUTTON, "label", "_Connect");
}

static void
type_name (Fixture *f, const char *name)
{
  gtk_editable_set_text (GTK_EDITABLE (app_test_find (f->dialog, ADW_TYPE_ENTRY_ROW, NULL, NULL)), name);
}

static gboolean
has_answer (gpointer data)
{
  return !g_str_equal (get_page (data), "asking");
}

static void
connect_to (Fixture *f, const char *name)
{
  open_dialog (f);
  g_assert_cmpstr (get_page (f), ==, "start");
  type_name (f, name);
  g_signal_emit_by_name (find_button (f), "clicked");
  test_wait_until (has_answer, f, 30);
}

static gboolean
is_closed (gpointer data)
{
  return ((Fixture *) data)->dialog == NULL;
}

static gboolean
is_there (gpointer data)
{
  Fixture *f = data;
  g_autofree char *id = NULL, *loading = NULL;

  g_object_get (steer_workspace_get_engine (f->workspace), "device-id", &id, NULL);
  g_object_get (f->workspace, "loading-path", &loading, NULL);
  return loading == NULL && g_strcmp0 (id, "remote:cpu") == 0;
}

static gboolean
has_vectors (gpointer data)
{
  g_autoptr (GPtrArray) sources
    = steer_library_list_sources (steer_workspace_get_library (((Fixture *) data)->workspace));

  return sources->len > 0;
}

static char *
dup_model_path (Fixture *f)
{
  char *path;

  g_object_get (steer_workspace_get_engine (f->workspace), "model-path", &path, NULL);
  return path;
}

static void
test_button (Fixture *f, gconstpointer data)
{
  open_dialog (f);
  g_assert_false (gtk_widget_get_sensitive (find_button (f)));
  type_name (f, "  ");
  g_assert_false (gtk_widget_get_sensitive (find_button (f)));
  type_name (f, "anna@box");
  g_assert_true (gtk_widget_get_sensitive (find_button (f)));
}

/* The model is chosen from the list, loaded, remembered, and has the features that this computer has for it. */
static void
test_chosen (Fixture *f, gconstpointer data)
{
  g_autofree char *expected = g_strdup_printf ("ssh://anna@box%s/models/tiny", home), *path = NULL, *computer = NULL;
  g_autofree char *remembered = NULL;
  g_auto (GStrv) recent = NULL;
  GtkWidget *row;

  connect_to (f, "anna@box");
  g_assert_cmpstr (get_page (f), ==, "models");
  g_assert_nonnull (app_test_find (f->dialog, ADW_TYPE_PREFERENCES_GROUP, "title", "anna@box"));
  row = app_test_find (f->dialog, ADW_TYPE_ACTION_ROW, "title", "tiny");
  g_assert_true (g_str_has_suffix (adw_action_row_get_subtitle (ADW_ACTION_ROW (row)), "/models/tiny"));
  gtk_widget_activate (row);
  test_wait_until (is_closed, f, 20);
  test_wait_until (is_there, f, 30);
  test_wait_until (has_vectors, f, 30);

  path = dup_model_path (f);
  g_assert_cmpstr (path, ==, expected);
  computer = g_settings_get_string (f->settings, "computer");
  g_assert_cmpstr (computer, ==, "anna@box");
  remembered = g_settings_get_string (f->settings, "model-path");
  recent = g_settings_get_strv (f->settings, "recent-models");
  g_assert_cmpstr (remembered, ==, expected);
  g_assert_cmpstr (recent[0], ==, expected);
}

static void
test_typed (Fixture *f, gconstpointer data)
{
  GtkWidget *entry;
  g_autofree char *path = NULL;

  connect_to (f, "box");
  entry = app_test_find (f->dialog, ADW_TYPE_ENTRY_ROW, "title", "Folder or GGUF file of another model there");
  gtk_editable_set_text (GTK_EDITABLE (entry), " models/tiny ");
  g_signal_emit_by_name (entry, "apply");
  test_wait_until (is_closed, f, 20);
  test_wait_until (is_there, f, 30);
  path = dup_model_path (f);
  g_assert_cmpstr (path, ==, "ssh://box/~/models/tiny");
}

static gboolean
has_hosts (gpointer data)
{
  return app_test_find (((Fixture *) data)->dialog, ADW_TYPE_ACTION_ROW, "title", "big") != NULL;
}

/* Names that ssh has are there to be chosen. */
static void
test_hosts (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (home, ".ssh", NULL), *config = g_build_filename (folder, "config", NULL);
  GtkWidget *row;

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (config, "Host big *.org\n", -1, NULL));
  open_dialog (f);
  test_wait_until (has_hosts, f, 20);
  row = app_test_find (f->dialog, ADW_TYPE_ACTION_ROW, "title", "big");
  gtk_widget_activate (row);
  test_wait_until (has_answer, f, 30);
  g_assert_cmpstr (get_page (f), ==, "models");
  g_assert_nonnull (app_test_find (f->dialog, ADW_TYPE_PREFERENCES_GROUP, "title", "big"));
}

static void
test_no_models (Fixture *f, gconstpointer data)
{
  g_autofree char *models = g_build_filename (home, "models", NULL), *away = g_strconcat (models, "-away", NULL);
  GtkWidget *entry;

  g_assert_cmpint (g_rename (models, away), ==, 0);
  connect_to (f, "box");
  g_assert_cmpint (g_rename (away, models), ==, 0);
  g_assert_cmpstr (get_page (f), ==, "models");
  g_assert_null (app_test_find (f->dialog, ADW_TYPE_ACTION_ROW, "title", "tiny"));
  entry = app_test_find (f->dialog, ADW_TYPE_ENTRY_ROW, "title", "Folder or GGUF file of another model there");
  g_assert_true (gtk_widget_get_mapped (entry));
}

static void
test_problem (Fixture *f, gconstpointer data)
{
  GtkWidget *page;
  const char *text;

  g_setenv ("STEER_TEST_SSH", "refused", TRUE);
  connect_to (f, "anna@box");
  g_assert_cmpstr (get_page (f), ==, "problem");
  page = app_test_find (f->dialog, ADW_TYPE_STATUS_PAGE, "title", "No Connection");
  text = adw_status_page_get_description (ADW_STATUS_PAGE (page));
  g_assert_nonnull (strstr (text, "Permission denied"));
  g_assert_nonnull (strstr (text, "ssh-copy-id anna@box"));

  type_name (f, "-oProxyCommand=x");
  g_signal_emit_by_name (find_button (f), "clicked");
  g_assert_cmpstr (get_page (f), ==, "problem");
  g_assert_nonnull (strstr (adw_status_page_get_description (ADW_STATUS_PAGE (page)), "names no computer"));
}

static gboolean
has_ended (gpointer data)
{
  g_autofree char *loading = NULL;

  g_object_get (((Fixture *) data)->workspace, "loading-path", &loading, NULL);
  return loading == NULL;
}

/* What could not be reached is tried again, and not the model that is in use. */
static void
test_again (Fixture *f, gconstpointer data)
{
  g_autofree char *error = NULL, *before = dup_model_path (f), *path = NULL;

  g_setenv ("STEER_TEST_SSH", "refused", TRUE);
  steer_workspace_load_model (f->workspace, "ssh://box/~/models/tiny");
  test_wait_until (has_ended, f, 30);
  g_object_get (f->workspace, "load-error", &error, NULL);
  g_assert_nonnull (strstr (error, "Permission denied"));
  path = dup_model_path (f);
  g_assert_cmpstr (path, ==, before);
  g_clear_pointer (&path, g_free);

  g_unsetenv ("STEER_TEST_SSH");
  steer_workspace_retry_load (f->workspace);
  test_wait_until (is_there, f, 30);
  path = dup_model_path (f);
  g_assert_cmpstr (path, ==, "ssh://box/~/models/tiny");

  /* And loaded once more, it looks for its features once more. */
  test_wait_until (has_vectors, f, 30);
  steer_workspace_retry_load (f->workspace);
  test_wait_until (has_ended, f, 30);
  test_wait_until (has_vectors, f, 30);
}

/* Whoever closes the window waits for nobody. */
static void
test_closed (Fixture *f, gconstpointer data)
{
  g_setenv ("STEER_TEST_SSH", "waiting", TRUE);
  open_dialog (f);
  type_name (f, "box");
  g_signal_emit_by_name (find_button (f), "clicked");
  g_assert_cmpstr (get_page (f), ==, "asking");
  gtk_window_close (GTK_WINDOW (f->dialog));
  test_wait_until (is_closed, f, 20);
}

static void
test_names (void)
{
  const char *address = "ssh://anna@box:22/~/.cache/huggingface/hub/models--o--Llama%201/snapshots/abc";
  g_autofree char *title = steer_model_dup_title (address), *place = steer_model_dup_place (address);
  g_autofree char *file = steer_model_dup_title ("ssh://box/m/tiny.gguf"), *here = steer_model_dup_place ("/m/tiny");
  g_autofree char *gpu = steer_model_dup_subtitle ("remote:cuda:0", "NVIDIA H200 on box", 12);
  g_autofree char *cpu = steer_model_dup_subtitle ("remote:cpu", "AMD EPYC, 2 cores, AVX2 on box", 0);

  g_assert_cmpstr (title, ==, "o/Llama 1");
  g_assert_cmpstr (place, ==, "anna@box: ~/.cache/huggingface/hub/models--o--Llama 1/snapshots/abc");
  g_assert_cmpstr (file, ==, "tiny");
  g_assert_cmpstr (here, ==, "/m/tiny");
  g_assert_cmpstr (gpu, ==, "GPU · NVIDIA H200 on box · 12 tokens/s");
  g_assert_cmpstr (cpu, ==, "CPU · AVX2 on box");
}

int
main (int argc, char **argv)
{
  int status;

  home = test_make_dir ();
  g_setenv ("HOME", home, TRUE); /* before anybody asks for it */
  app_test_init (&argc, &argv);
  test_lend (home);

#define ADD(name, function) g_test_add ("/computer/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("there is nothing to connect to without a name", test_button);
  ADD ("a model is chosen from what a computer has", test_chosen);
  ADD ("one that is not found is typed", test_typed);
  ADD ("names that ssh knows are offered", test_hosts);
  ADD ("a computer without models is asked for a path", test_no_models);
  ADD ("what keeps from it is told", test_problem);
  ADD ("what failed is tried again", test_again);
  ADD ("closing the window ends the question", test_closed);
#undef ADD
  g_test_add_func ("/computer/names tell the model and where it is", test_names);

  status = g_test_run ();
  test_remove_dir (g_steal_pointer (&home));
  return status;
}
