/* Searching the Hub, and what of a repository can be had. */
#include <string.h>

#include "app-test-util.h"
#include "hub-test-util.h"
#include "test-util.h"

static GtkWidget *
find_result (HubTest *f, const char *id)
{
  return app_test_find (hub_test_get_shown (f), ADW_TYPE_ACTION_ROW, "title", id);
}

static void
test_start (HubTest *f, gconstpointer data)
{
  GtkWidget *suggestion;

  hub_test_open_dialog (f);
  g_assert_cmpstr (hub_test_get_page (f), ==, "start");
  suggestion = hub_test_find (f, ADW_TYPE_ACTION_ROW, "title", "SmolLM2 1.7B Instruct");
  g_assert_true (gtk_widget_get_mapped (suggestion));
  g_assert_false (gtk_widget_get_visible (hub_test_find (f, ADW_TYPE_PREFERENCES_GROUP, "title", "Downloads")));
  g_assert_false (gtk_widget_get_visible (hub_test_find (f, ADW_TYPE_PREFERENCES_GROUP, "title", "On This Computer")));
  g_assert_cmpuint (hub_fake_get_n_requests (f->hub), ==, 0); /* nobody has asked for anything */
}

static gboolean
has_held (gpointer data)
{
  HubTest *f = data;

  return gtk_widget_get_visible (hub_test_find (f, ADW_TYPE_PREFERENCES_GROUP, "title", "On This Computer"));
}

static gboolean
is_closed (gpointer data)
{
  return ((HubTest *) data)->dialog == NULL;
}

static gboolean
has_model (gpointer data)
{
  HubTest *f = data;
  g_autofree char *path = NULL;

  g_object_get (steer_workspace_get_engine (f->workspace), "model-path", &path, NULL);
  return path != NULL && g_str_has_prefix (path, f->cache);
}

/* Whoever downloaded it. */
static void
fetch (HubTest *f, const char *repo_id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerHubClient) client = steer_hub_client_new (NULL, &error);
  g_autoptr (SteerHubRepo) repo = steer_hub_client_read_repo (client, repo_id, NULL, NULL, &error);
  g_autofree char *path = NULL;

  g_assert_no_error (error);
  path = steer_hub_client_fetch (client, repo, NULL, g_ptr_array_index (repo->choices, 0), NULL, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
test_on_this_computer (HubTest *f, gconstpointer data)
{
  fetch (f, HUB_TEST_MODEL);
  hub_test_open_dialog (f);
  test_wait_until (has_held, f, 20);
  g_assert_cmpstr (hub_test_get_label (f, "tiny-model"), ==, "Use");
  g_assert_true (g_str_has_prefix (hub_test_get_detail (f, "tiny-model"), HUB_TEST_MODEL " · "));
  hub_test_open_repo (f, HUB_TEST_MODEL);
  g_assert_cmpstr (hub_test_get_label (f, "tiny-model"), ==, "Use");
  gtk_widget_activate_action (f->dialog, "hub.back", NULL);
  app_test_settle ();
  /* A click anywhere in the row. */
  gtk_widget_activate (hub_test_find_row (f, "tiny-model"));
  test_wait_until (is_closed, f, 20);
  test_wait_until (has_model, f, 30);
}

static void
test_search (HubTest *f, gconstpointer data)
{
  g_autofree char *words = NULL;
  GtkWidget *result;

  hub_fake_set_gated (f->hub, HUB_TEST_FEATURES, "token");
  hub_test_open_dialog (f);
  hub_test_type (f, "tiny ");
  hub_test_wait_for_page (f, "list");
  words = hub_fake_dup_search (f->hub);
  g_assert_cmpstr (words, ==, "tiny");
  result = find_result (f, HUB_TEST_MODEL);
  g_assert_cmpstr (adw_action_row_get_subtitle (ADW_ACTION_ROW (result)), ==, "safetensors · 1.2 M downloads");
  result = find_result (f, HUB_TEST_FEATURES);
  g_assert_true (g_str_has_suffix (adw_action_row_get_subtitle (ADW_ACTION_ROW (result)), "asks to accept its terms"));
  g_assert_null (find_result (f, HUB_TEST_GGUF));
  hub_test_type (f, "");
  hub_test_wait_for_page (f, "start");
}

/* As many as a person types in a moment. */
static void
test_typing (HubTest *f, gconstpointer data)
{
  static const char *const texts[] = { "t", "ti", "tin", "tiny", "tiny-f" };
  g_autofree char *words = NULL;

  hub_test_open_dialog (f);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    hub_test_type (f, texts[i]);
  hub_test_wait_for_page (f, "list");
  words = hub_fake_dup_search (f->hub);
  g_assert_cmpstr (words, ==, "tiny-f");
  g_assert_nonnull (find_result (f, HUB_TEST_FEATURES));
  g_assert_null (find_result (f, HUB_TEST_MODEL));
  g_assert_cmpuint (hub_fake_get_n_requests (f->hub), ==, 1);
}

static void
test_nothing (HubTest *f, gconstpointer data)
{
  hub_test_open_dialog (f);
  hub_test_type (f, "xylophone");
  hub_test_wait_for_page (f, "nothing");
}

static void
test_unreachable (HubTest *f, gconstpointer data)
{
  GtkWidget *problem;

  hub_fake_fail (f->hub, 503, NULL, 1000);
  hub_test_open_dialog (f);
  hub_test_type (f, "tiny");
  hub_test_wait_for_page (f, "problem");
  problem = hub_test_find (f, ADW_TYPE_STATUS_PAGE, "icon-name", "dialog-warning-symbolic");
  g_assert_cmpstr (adw_status_page_get_title (ADW_STATUS_PAGE (problem)), ==, "Hugging Face Cannot Be Reached");
  hub_fake_fail (f->hub, 503, NULL, 0);
  g_signal_emit_by_name (app_test_find (problem, GTK_TYPE_BUTTON, "label", "_Try Again"), "clicked");
  hub_test_wait_for_page (f, "list");
  g_assert_nonnull (find_result (f, HUB_TEST_MODEL));
}

/* Closing stops a search, and a repository that is being read. */
static void
test_closing (HubTest *f, gconstpointer data)
{
  hub_test_open_dialog (f);
  hub_test_type (f, "tiny");
  hub_test_close_dialog (f);
  hub_test_open_dialog (f);
  hub_test_type (f, "tiny");
  hub_test_wait_for_page (f, "list");
  gtk_widget_activate_action (f->dialog, "hub.open", "s", HUB_TEST_MODEL);
  hub_test_close_dialog (f);
}

static void
activate (HubTest *f, const char *text)
{
  hub_test_type (f, text);
  g_signal_emit_by_name (hub_test_find (f, GTK_TYPE_SEARCH_ENTRY, NULL, NULL), "activate");
  hub_test_wait_for_page (f, "content");
}

static const char *
get_title (HubTest *f)
{
  return adw_window_title_get_title (ADW_WINDOW_TITLE (hub_test_find (f, ADW_TYPE_WINDOW_TITLE, NULL, NULL)));
}

static gboolean
is_suggested (HubTest *f, const char *title)
{
  return app_test_find (hub_test_find_row (f, title), GTK_TYPE_BUTTON, "label", "Download") != NULL
         && gtk_widget_has_css_class (
           app_test_find (hub_test_find_row (f, title), GTK_TYPE_BUTTON, "label", "Download"), "suggested-action");
}

/* Of a file that an address is of, too. */
static void
test_addresses (HubTest *f, gconstpointer data)
{
  hub_test_open_dialog (f);
  activate (f, HUB_TEST_GGUF);
  g_assert_cmpstr (get_title (f), ==, HUB_TEST_GGUF);
  g_assert_false (is_suggested (f, "small-Q8_0"));
  gtk_widget_activate_action (f->dialog, "hub.back", NULL);
  app_test_settle ();
  activate (f, "https://huggingface.co/" HUB_TEST_GGUF "/blob/main/small-Q8_0.gguf?download=true");
  g_assert_cmpstr (get_title (f), ==, HUB_TEST_GGUF);
  g_assert_true (is_suggested (f, "small-Q8_0"));
  g_assert_false (is_suggested (f, "small-Q2_K"));
}

/* Whatever a search makes of it. */
static void
test_name_is_offered (HubTest *f, gconstpointer data)
{
  hub_test_open_dialog (f);
  hub_test_type (f, "someone/else");
  hub_test_wait_for_page (f, "list");
  g_assert_nonnull (find_result (f, "someone/else"));
  hub_test_open_repo (f, "someone/else");
  g_assert_cmpstr (hub_test_get_page (f), ==, "problem");
  hub_test_open_repo (f, "not/a/<b>name</b>/at all");
  g_assert_nonnull (hub_test_get_page (f));
}

static void
test_choices (HubTest *f, gconstpointer data)
{
  GtkWidget *licence;

  hub_test_open_dialog (f);
  hub_test_open_repo (f, HUB_TEST_GGUF);
  g_assert_cmpstr (hub_test_get_page (f), ==, "content");
  g_assert_cmpstr (hub_test_get_detail (f, "small-Q4_K_M"), ==, "40.0\302\240kB");
  g_assert_cmpstr (hub_test_get_label (f, "small-Q4_K_M"), ==, "Download");
  g_assert_true (gtk_widget_get_mapped (hub_test_find (f, ADW_TYPE_PREFERENCES_GROUP, "title", "Models")));
  g_assert_false (gtk_widget_get_mapped (hub_test_find (f, ADW_TYPE_PREFERENCES_GROUP, "title", "Features")));
  licence = hub_test_find (f, ADW_TYPE_ACTION_ROW, "title", "Licence");
  g_assert_cmpstr (adw_action_row_get_subtitle (ADW_ACTION_ROW (licence)), ==, "a <b>licence</b>");
  g_assert_false (adw_preferences_row_get_use_markup (ADW_PREFERENCES_ROW (licence)));
  /* As few are looked through at once. */
  g_assert_false (gtk_widget_get_mapped (hub_test_find (f, GTK_TYPE_SEARCH_ENTRY, NULL, NULL)));
}

static void
test_not_usable (HubTest *f, gconstpointer data)
{
  hub_test_add_file (f, "owner/mamba", "mamba.gguf", 1000);
  hub_fake_set_info (f->hub, "owner/mamba", "{\"gguf\": {\"architecture\": \"mamba\"}}");
  hub_test_add_file (f, "owner/parts", "big-00001-of-00002.gguf", 1000);
  hub_test_add_file (f, "owner/parts", "README.md", 1000);
  hub_test_add_file (f, "owner/words", "README.md", 1000);
  hub_test_open_dialog (f);
  hub_test_open_repo (f, "owner/mamba");
  g_assert_false (gtk_widget_get_sensitive (hub_test_find_row (f, "mamba")));
  g_assert_nonnull (strstr (hub_test_get_detail (f, "mamba"), "Models of the family mamba do not run here."));
  hub_test_open_repo (f, "owner/parts");
  g_assert_false (gtk_widget_get_sensitive (hub_test_find_row (f, "big")));
  g_assert_nonnull (strstr (hub_test_get_detail (f, "big"), "Parts of it are missing."));
  hub_test_open_repo (f, "owner/words");
  g_assert_null (app_test_find (hub_test_get_shown (f), STEER_TYPE_HUB_ROW, NULL, NULL));
}

static void
test_names_are_no_markup (HubTest *f, gconstpointer data)
{
  hub_test_add_file (f, "owner/odd", "<b>a & b.gguf", 1000);
  hub_test_open_dialog (f);
  hub_test_open_repo (f, "owner/odd");
  g_assert_nonnull (app_test_find (hub_test_find_row (f, "<b>a & b"), GTK_TYPE_LABEL, "label", "<b>a & b"));
}

static guint
count_rows (HubTest *f)
{
  GtkWidget *list = gtk_widget_get_ancestor (hub_test_find (f, STEER_TYPE_HUB_ROW, NULL, NULL), GTK_TYPE_LIST_BOX);
  guint n = 0;

  for (GtkWidget *row = gtk_widget_get_first_child (list); row != NULL; row = gtk_widget_get_next_sibling (row))
    n++;
  return n;
}

static gboolean
is_filtered (gpointer data)
{
  return count_rows (data) == 1;
}

/* As many as are shown at once; the filter finds all. */
static void
test_many (HubTest *f, gconstpointer data)
{
  GtkWidget *filter;

  for (guint i = 0; i < 60; i++)
    {
      g_autofree char *path = g_strdup_printf ("layer_%u/ae.pt", i);

      hub_test_add_file (f, "owner/saes", path, 100);
    }
  hub_test_open_dialog (f);
  hub_test_open_repo (f, "owner/saes");
  g_assert_cmpuint (count_rows (f), ==, 50);
  hub_test_find (f, GTK_TYPE_LABEL, "label", "50 of 60 are shown. The filter finds the others.");
  filter = hub_test_find (f, GTK_TYPE_SEARCH_ENTRY, NULL, NULL);
  g_assert_true (gtk_widget_get_mapped (filter));
  gtk_editable_set_text (GTK_EDITABLE (filter), "LAYER_59");
  test_wait_until (is_filtered, f, 20);
  hub_test_find_row (f, "layer_59");
}

/* The best choice is the first, and its features are a step away. */
static void
test_suggested (HubTest *f, gconstpointer data)
{
  static const char model[] = "bartowski/gemma-2-2b-it-GGUF", features[] = "google/gemma-scope-2b-pt-res";
  GtkWidget *row;

  hub_test_add_file (f, model, "gemma-2-2b-it-IQ3_M.gguf", 1000);
  hub_test_add_file (f, model, "gemma-2-2b-it-Q4_K_M.gguf", 1000);
  hub_test_add_file (f, features, "layer_20/width_16k/average_l0_71/params.npz", 1000);
  hub_test_open_dialog (f);
  row = hub_test_find (f, ADW_TYPE_ACTION_ROW, "title", "Gemma 2 2B");
  gtk_widget_activate (row);
  hub_test_wait_for_page (f, "content");
  g_assert_cmpstr (get_title (f), ==, model);
  g_assert_true (is_suggested (f, "gemma-2-2b-it-Q4_K_M"));
  g_assert_true (hub_test_find (f, STEER_TYPE_HUB_ROW, NULL, NULL) == hub_test_find_row (f, "gemma-2-2b-it-Q4_K_M"));
  gtk_widget_activate (hub_test_find (f, ADW_TYPE_ACTION_ROW, "title", "Suggested Features"));
  hub_test_wait_for_page (f, "content");
  g_assert_cmpstr (get_title (f), ==, features);
  hub_test_find_row (f, "layer_20/width_16k/average_l0_71");
  /* And back. */
  gtk_widget_activate_action (f->dialog, "hub.back", NULL);
  app_test_settle ();
  g_assert_cmpstr (get_title (f), ==, model);
  gtk_widget_activate_action (f->dialog, "hub.back", NULL);
  app_test_settle ();
  g_assert_cmpstr (hub_test_get_page (f), ==, "start");
  gtk_widget_activate_action (f->dialog, "hub.back", NULL);
  g_assert_cmpstr (hub_test_get_page (f), ==, "start");
}

static void
test_no_endpoint (HubTest *f, gconstpointer data)
{
  g_setenv ("HF_ENDPOINT", "no address", TRUE);
  hub_test_open_dialog (f);
  hub_test_type (f, "tiny");
  hub_test_wait_for_page (f, "problem");
  hub_test_open_repo (f, HUB_TEST_MODEL);
  g_assert_cmpstr (hub_test_get_page (f), ==, "problem");
}

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
#define ADD(name, func) g_test_add ("/hub dialog/" name, HubTest, NULL, hub_test_set_up, func, hub_test_tear_down)
  ADD ("begins with models that are good to start with", test_start);
  ADD ("tells what is on this computer", test_on_this_computer);
  ADD ("searches", test_search);
  ADD ("searches for what was typed last", test_typing);
  ADD ("tells that nothing was found", test_nothing);
  ADD ("tells that nobody answers, and tries again", test_unreachable);
  ADD ("can be closed at any time", test_closing);
  ADD ("addresses lead to their repositories", test_addresses);
  ADD ("a name is offered as it is", test_name_is_offered);
  ADD ("choices have a size", test_choices);
  ADD ("what cannot be used says why", test_not_usable);
  ADD ("names are no markup", test_names_are_no_markup);
  ADD ("many choices are filtered", test_many);
  ADD ("a suggested model leads to its features", test_suggested);
  ADD ("an environment that names no Hub is told", test_no_endpoint);
  return g_test_run ();
}
