/* Downloads: from the button in a row to the model that answers. */
#include <string.h>

#include "app-test-util.h"
#include "hub-test-util.h"
#include "test-util.h"

#include "app/steer-hub-dialog.h"
#include "app/steer-sources-page.h"
#include "app/steer-window.h"

#define BIG "small-Q8_0"
#define BIG_BYTES 80000

static gboolean
is_closed (gpointer data)
{
  return ((HubTest *) data)->dialog == NULL;
}

static char *
dup_model_path (HubTest *f)
{
  char *path;

  g_object_get (steer_workspace_get_engine (f->workspace), "model-path", &path, NULL);
  return path;
}

static gboolean
has_downloaded_model (gpointer data)
{
  HubTest *f = data;
  g_autofree char *path = dup_model_path (f);

  return path != NULL && g_str_has_prefix (path, f->cache);
}

static void
test_model (HubTest *f, gconstpointer data)
{
  g_autofree char *title = NULL;

  hub_test_open_dialog (f);
  hub_test_open_repo (f, HUB_TEST_MODEL);
  hub_test_press (f, "tiny-model", "Download", "Use");
  g_assert_cmpint (steer_download_get_state (hub_test_get_download (f)), ==, STEER_DOWNLOAD_DONE);
  hub_test_press (f, "tiny-model", "Use", NULL);
  test_wait_until (is_closed, f, 20);
  test_wait_until (has_downloaded_model, f, 30);
  /* And the dialog knows. */
  hub_test_open_dialog (f);
  hub_test_open_repo (f, HUB_TEST_MODEL);
  g_assert_cmpstr (hub_test_get_label (f, "tiny-model"), ==, "In Use");
}

static gboolean
has_source (gpointer data)
{
  HubTest *f = data;
  GListModel *sources = steer_workspace_get_sources (f->workspace);

  for (guint i = 0; i < g_list_model_get_n_items (sources); i++)
    {
      g_autoptr (SteerSourceEntry) entry = g_list_model_get_item (sources, i);

      if (g_str_has_prefix (steer_source_entry_get_path (entry), f->cache))
        {
          g_assert_cmpstr (steer_source_entry_get_error (entry), ==, NULL);
          return TRUE;
        }
    }
  return FALSE;
}

/* The dialog stays: a model may want those of several layers. */
static void
test_features (HubTest *f, gconstpointer data)
{
  hub_test_open_dialog (f);
  hub_test_open_repo (f, HUB_TEST_FEATURES);
  hub_test_press (f, "vectors.safetensors", "Download", "Use");
  hub_test_press (f, "vectors.safetensors", "Use", "In Use");
  test_wait_until (has_source, f, 30);
  g_assert_nonnull (f->dialog);
}

#define SAES "andyrdt/saes-llama-3.1-8b-instruct"
#define SAE "resid_post_layer_7/trainer_1"
#define LABELS "v1/llama3.1-8b-it/7-resid-post-aa/explanations/batch-0.jsonl"

static GtkWidget *
find_labels_button (HubTest *f)
{
  return app_test_find (hub_test_find_row (f, SAE), GTK_TYPE_BUTTON, "tooltip-text",
                        "What the features are called, from Neuronpedia");
}

static gboolean
is_labels_button_gone (gpointer data)
{
  return !gtk_widget_get_visible (find_labels_button (data));
}

static gboolean
can_get_labels_again (gpointer data)
{
  return gtk_widget_get_sensitive (find_labels_button (data));
}

/* Offered for features that are there and have none, until they are in the list of labels. */
static void
test_labels (HubTest *f, gconstpointer data)
{
  const char *text
    = "{\"modelId\":\"llama3.1-8b-it\",\"layer\":\"7-resid-post-aa\",\"index\":\"3\",\"description\":\"bridges\"}\n";
  GListModel *entries = steer_label_book_get_entries (steer_workspace_get_labels (f->workspace));
  g_autoptr (SteerLabelEntry) entry = NULL;

  g_setenv ("STEER_LABELS_ENDPOINT", hub_fake_get_endpoint (f->hub), TRUE);
  hub_test_add_file (f, SAES, SAE "/ae.pt", 1000);
  hub_test_open_dialog (f);
  hub_test_open_repo (f, SAES);
  g_assert_true (is_labels_button_gone (f));
  hub_test_press (f, SAE, "Download", "Use");

  g_assert_cmpstr (gtk_button_get_label (GTK_BUTTON (find_labels_button (f))), ==, "Get Labels");
  g_signal_emit_by_name (find_labels_button (f), "clicked");
  test_wait_until (can_get_labels_again, f, 30); /* there were none */
  g_assert_cmpuint (g_list_model_get_n_items (entries), ==, 0);

  hub_fake_add_object (f->hub, LABELS, text, strlen (text));
  g_signal_emit_by_name (find_labels_button (f), "clicked");
  g_assert_cmpstr (gtk_button_get_label (GTK_BUTTON (find_labels_button (f))), ==, "Getting Labels…");
  test_wait_until (is_labels_button_gone, f, 30);
  entry = g_list_model_get_item (entries, 0);
  g_assert_cmpstr (steer_label_entry_get_key (entry), ==, "llama3.1-8b-it/7-resid-post-aa");
}

static gboolean
has_begun (gpointer data)
{
  return steer_download_get_done (hub_test_get_download (data)) > 0;
}

/* Begins with one that takes long, and waits for its first bytes. */
static void
begin (HubTest *f)
{
  hub_fake_slow_down (f->hub, 200, 50);
  hub_test_open_dialog (f);
  hub_test_open_repo (f, HUB_TEST_GGUF);
  hub_test_press (f, BIG, "Download", "Cancel");
  test_wait_until (has_begun, f, 20);
}

static void
hurry (HubTest *f)
{
  hub_fake_slow_down (f->hub, 0, 0);
}

static void
test_progress (HubTest *f, gconstpointer data)
{
  GtkWidget *bar;

  begin (f);
  bar = app_test_find (hub_test_find_row (f, BIG), GTK_TYPE_PROGRESS_BAR, NULL, NULL);
  g_assert_true (gtk_widget_get_mapped (bar));
  g_assert_cmpfloat (gtk_progress_bar_get_fraction (GTK_PROGRESS_BAR (bar)), >, 0.0);
  g_assert_nonnull (strstr (hub_test_get_detail (f, BIG), " of 80.0\302\240kB"));
  hurry (f);
  hub_test_wait_for_label (f, BIG, "Use");
  g_assert_false (gtk_widget_get_visible (bar));
  g_assert_cmpstr (hub_test_get_detail (f, BIG), ==, "80.0\302\240kB");
}

/* What has arrived is not fetched again. */
static void
test_cancel (HubTest *f, gconstpointer data)
{
  begin (f);
  hub_test_press (f, BIG, "Cancel", "Download");
  g_assert_true (g_str_has_prefix (hub_test_get_detail (f, BIG), "Stopped at "));
  hurry (f);
  hub_test_press (f, BIG, "Download", "Use");
  g_assert_cmpuint (hub_fake_get_n_bytes (f->hub), <, BIG_BYTES + 20000);
}

static void
test_once (HubTest *f, gconstpointer data)
{
  SteerDownloads *downloads = steer_workspace_get_downloads (f->workspace);
  g_autoptr (GError) error = NULL;
  SteerHubClient *client = steer_downloads_get_client (downloads, &error);
  g_autoptr (SteerHubRepo) repo = steer_hub_client_read_repo (client, HUB_TEST_GGUF, NULL, NULL, &error);
  SteerDownload *first, *other;

  g_assert_no_error (error);
  hub_fake_slow_down (f->hub, 200, 50);
  first = steer_downloads_begin (downloads, repo, NULL, g_ptr_array_index (repo->choices, 0));
  g_assert_true (steer_downloads_begin (downloads, repo, NULL, g_ptr_array_index (repo->choices, 0)) == first);
  other = steer_downloads_begin (downloads, repo, NULL, g_ptr_array_index (repo->choices, 1));
  g_assert_true (other != first);
  g_assert_cmpuint (g_list_model_get_n_items (steer_downloads_get_list (downloads)), ==, 2);
}

static void
test_failure (HubTest *f, gconstpointer data)
{
  hub_fake_corrupt (f->hub, BIG ".gguf", 100);
  hub_test_open_dialog (f);
  hub_test_open_repo (f, HUB_TEST_GGUF);
  hub_test_press (f, BIG, "Download", "Try Again");
  g_assert_nonnull (strstr (hub_test_get_detail (f, BIG), "damaged"));
  /* Also from the first page. */
  gtk_widget_activate_action (f->dialog, "hub.back", NULL);
  app_test_settle ();
  hub_fake_corrupt (f->hub, BIG ".gguf", 0);
  hub_test_press (f, BIG, "Try Again", "Use");
}

/* Who has to accept terms is led to where. */
static void
test_gated (HubTest *f, gconstpointer data)
{
  GtkWidget *button;

  hub_fake_set_gated (f->hub, HUB_TEST_GGUF, "token");
  hub_test_open_dialog (f);
  hub_test_open_repo (f, HUB_TEST_GGUF);
  button = app_test_find (hub_test_find_row (f, BIG), GTK_TYPE_BUTTON, "tooltip-text", "Open Its Page");
  g_assert_false (gtk_widget_get_mapped (button));
  hub_test_press (f, BIG, "Download", "Try Again");
  app_test_settle ();
  g_assert_true (gtk_widget_get_mapped (button));
  g_assert_nonnull (strstr (hub_test_get_detail (f, BIG), hub_fake_get_endpoint (f->hub)));
}

static gboolean
is_done (gpointer data)
{
  return steer_download_get_state (hub_test_get_download (data)) == STEER_DOWNLOAD_DONE;
}

static void
test_goes_on (HubTest *f, gconstpointer data)
{
  begin (f);
  hub_test_close_dialog (f);
  hub_test_open_dialog (f);
  g_assert_cmpstr (hub_test_get_label (f, BIG), ==, "Cancel");
  hub_test_close_dialog (f);
  hurry (f);
  test_wait_until (is_done, f, 20);
  hub_test_open_dialog (f);
  g_assert_cmpstr (hub_test_get_label (f, BIG), ==, "Use");
}

/* It goes while its downloads run, and they with it. */
static void
test_workspace_goes (HubTest *f, gconstpointer data)
{
  begin (f);
}

/* --- the window --- */

static GtkApplication *application;

static gboolean
is_mapped (gpointer widget)
{
  return gtk_widget_get_mapped (widget);
}

static GtkWidget *
open_window (HubTest *f)
{
  gtk_window_destroy (f->window);
  g_settings_set_int (f->settings, "window-width", 1240);
  f->window = GTK_WINDOW (steer_window_new (application, f->workspace));
  gtk_window_present (f->window);
  test_wait_until (is_mapped, f->window, 20);
  app_test_settle ();
  return GTK_WIDGET (f->window);
}

static GtkWidget *
find_toast (HubTest *f)
{
  GtkWidget *toast = app_test_find (GTK_WIDGET (f->window), g_type_from_name ("AdwToastWidget"), NULL, NULL);

  return toast != NULL && gtk_widget_get_mapped (toast) ? toast : NULL;
}

static gboolean
has_toast (gpointer data)
{
  return find_toast (data) != NULL;
}

static void
download (HubTest *f, const char *repo_id, const char *title)
{
  hub_test_open_dialog (f);
  hub_test_open_repo (f, repo_id);
  hub_test_press (f, title, "Download", NULL);
  hub_test_close_dialog (f);
  test_wait_until (has_toast, f, 20);
}

static void
test_toast (HubTest *f, gconstpointer data)
{
  open_window (f);
  download (f, HUB_TEST_MODEL, "tiny-model");
  g_assert_nonnull (app_test_find (find_toast (f), GTK_TYPE_LABEL, "label", "“tiny-model” is downloaded"));
  g_signal_emit_by_name (app_test_find (find_toast (f), GTK_TYPE_BUTTON, "label", "_Use"), "clicked");
  test_wait_until (has_downloaded_model, f, 30);
}

static void
test_toast_of_features (HubTest *f, gconstpointer data)
{
  open_window (f);
  download (f, HUB_TEST_FEATURES, "vectors.safetensors");
  g_signal_emit_by_name (app_test_find (find_toast (f), GTK_TYPE_BUTTON, "label", "_Use"), "clicked");
  test_wait_until (has_source, f, 30);
}

static void
test_toast_of_failure (HubTest *f, gconstpointer data)
{
  GtkWidget *label;

  open_window (f);
  hub_fake_corrupt (f->hub, BIG ".gguf", 100);
  download (f, HUB_TEST_GGUF, BIG);
  label = app_test_find (find_toast (f), GTK_TYPE_LABEL, NULL, NULL);
  g_assert_true (g_str_has_prefix (gtk_label_get_text (GTK_LABEL (label)), "“" BIG "” was not downloaded: "));
}

/* The newest dialog of the program. */
static gboolean
has_dialog (gpointer data)
{
  GListModel *windows = gtk_window_get_toplevels ();
  HubTest *f = data;

  for (guint i = 0; i < g_list_model_get_n_items (windows) && f->dialog == NULL; i++)
    {
      g_autoptr (GtkWidget) window = g_list_model_get_item (windows, i);

      if (STEER_IS_HUB_DIALOG (window) && gtk_widget_get_mapped (window))
        {
          f->dialog = window;
          g_object_add_weak_pointer (G_OBJECT (window), (gpointer *) &f->dialog);
        }
    }
  return f->dialog != NULL;
}

/* The menu of models tells what is on its way, and leads to where more are. */
static void
test_menu (HubTest *f, gconstpointer data)
{
  GtkWidget *window = open_window (f), *button, *popover, *row, *label;

  begin (f);
  hub_test_close_dialog (f);
  button = app_test_find (window, GTK_TYPE_MENU_BUTTON, "tooltip-text", "Choose a Model");
  gtk_menu_button_popup (GTK_MENU_BUTTON (button));
  app_test_settle ();
  popover = GTK_WIDGET (gtk_menu_button_get_popover (GTK_MENU_BUTTON (button)));
  g_assert_nonnull (app_test_find (popover, GTK_TYPE_BUTTON, "action-name", "win.get-models"));
  row = app_test_find (popover, GTK_TYPE_BUTTON, "action-name", "win.get-models");
  label = gtk_widget_get_first_child (gtk_button_get_child (GTK_BUTTON (row)));
  g_assert_cmpstr (gtk_label_get_text (GTK_LABEL (label)), ==, BIG);
  label = gtk_widget_get_next_sibling (label);
  g_assert_true (g_str_has_prefix (gtk_label_get_text (GTK_LABEL (label)), "Downloading… "));
  hurry (f);
  test_wait_until (is_done, f, 20);
  g_assert_false (gtk_widget_get_visible (row));
  gtk_menu_button_popdown (GTK_MENU_BUTTON (button));
  app_test_settle ();
  label = app_test_find (popover, GTK_TYPE_LABEL, "label", "Get _Models…");
  g_assert_true (gtk_widget_get_visible (gtk_widget_get_parent (label)));
  g_action_group_activate_action (G_ACTION_GROUP (window), "get-models", NULL);
  test_wait_until (has_dialog, f, 20);
}

static void
test_sources (HubTest *f, gconstpointer data)
{
  SteerSourcesPage *page = g_object_new (STEER_TYPE_SOURCES_PAGE, NULL);

  gtk_window_destroy (f->window);
  steer_sources_page_set_workspace (page, f->workspace);
  f->window = app_test_show (GTK_WIDGET (page), 640, 480);
  gtk_widget_activate_action (GTK_WIDGET (page), "sources.get", NULL);
  test_wait_until (has_dialog, f, 20);
}

int
main (int argc, char **argv)
{
  int failed;

  app_test_init (&argc, &argv);
  application = g_object_new (ADW_TYPE_APPLICATION, "application-id", "com.example.SteerChat.TestHub", "flags",
                              G_APPLICATION_NON_UNIQUE, NULL);
  g_application_register (G_APPLICATION (application), NULL, NULL);
#define ADD(name, func, data)                                                                                          \
  g_test_add ("/hub downloads/" name, HubTest, data, hub_test_set_up, func, hub_test_tear_down)
  ADD ("a model is downloaded and used", test_model, NULL);
  ADD ("features become a source", test_features, "with a model");
  ADD ("what features are called comes, too", test_labels, NULL);
  ADD ("progress is told", test_progress, NULL);
  ADD ("what has arrived stays", test_cancel, NULL);
  ADD ("one that is running is not begun again", test_once, NULL);
  ADD ("a failure is told, and it is tried again", test_failure, NULL);
  ADD ("terms can be accepted", test_gated, NULL);
  ADD ("closing stops nothing", test_goes_on, NULL);
  ADD ("all end with the workspace", test_workspace_goes, NULL);
  ADD ("a toast tells that one is there", test_toast, NULL);
  ADD ("a toast makes features a source", test_toast_of_features, "with a model");
  ADD ("a toast tells why one failed", test_toast_of_failure, NULL);
  ADD ("the menu of models tells what is on its way", test_menu, NULL);
  ADD ("the page of sources leads to features", test_sources, NULL);
  failed = g_test_run ();
  g_object_unref (application);
  return failed;
}
