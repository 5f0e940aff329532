/* Which features fire on a text, asked of the bundled model and its autoencoders. */
#include "app-test-util.h"
#include "steer-firing-dialog.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerConversation *conversation;
  SteerMessage *message;
  gboolean ready;
} Fixture;

static gboolean
is_loaded (gpointer workspace)
{
  g_autofree char *path = NULL;

  g_object_get (workspace, "loading-path", &path, NULL);
  return path == NULL && g_list_model_get_n_items (steer_workspace_get_sources (workspace)) > 0;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  g_settings_set_string (f->settings, "device", "cpu");
  g_settings_set_uint (f->settings, "threads", 1);
  steer_init ();
  f->workspace = steer_workspace_new (f->settings, f->dir);
  steer_workspace_load_model (f->workspace, NULL);
  test_wait_until (is_loaded, f->workspace, 40);
  f->conversation = steer_conversation_new ();
  steer_conversation_append (f->conversation, STEER_ROLE_USER, "What should I see?");
  f->message = steer_conversation_append (f->conversation, STEER_ROLE_ASSISTANT,
                                          "  The Eiffel Tower stands in Paris. I like pizza with cheese.");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->conversation);
  app_test_settle ();
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

static void
on_ready (Fixture *f)
{
  f->ready = TRUE;
}

static gboolean
is_ready (gpointer data)
{
  return ((Fixture *) data)->ready;
}

static char *
ask_at (Fixture *f, const char *word)
{
  const char *text = steer_message_get_text (f->message);

  return steer_inspector_dup_token_text (steer_workspace_get_inspector (f->workspace), f->conversation, f->message,
                                         (gsize) (strstr (text, word) - text));
}

static void
test_pointing (Fixture *f, gconstpointer data)
{
  SteerInspector *inspector = steer_workspace_get_inspector (f->workspace);
  g_autofree char *tower = NULL, *pizza = NULL;

  g_assert_true (steer_inspector_is_able (inspector));
  g_signal_connect_swapped (inspector, "ready", G_CALLBACK (on_ready), f);
  g_assert_null (ask_at (f, "Tower"));
  test_wait_until (is_ready, f, 40);
  tower = ask_at (f, "Tower");
  pizza = ask_at (f, "pizza");
  g_test_message ("Tower: %s; pizza: %s", tower, pizza);
  g_assert_nonnull (tower);
  g_assert_nonnull (pizza);
  g_assert_cmpstr (tower, !=, pizza);
  /* What is bundled is of two layers, which both have a feature of any number. */
  g_assert_true (g_regex_match_simple ("^(.+, layer [23]  [0-9.]+(\n|$))+$", tower, 0, 0));
  /* What stands before the text is no word of it. */
  g_assert_null (ask_at (f, "  The"));
}

static gboolean
has_row (gpointer dialog)
{
  return app_test_find (dialog, ADW_TYPE_ACTION_ROW, NULL, NULL) != NULL;
}

static void
on_chosen (SteerFiringDialog *dialog, SteerFeature *feature, SteerFeature **chosen)
{
  g_set_object (chosen, feature);
}

static void
test_dialog (Fixture *f, gconstpointer data)
{
  GtkWidget *dialog = steer_firing_dialog_new (NULL, steer_workspace_get_inspector (f->workspace), f->conversation,
                                               f->message, "Eiffel Tower");
  g_autoptr (SteerFeature) chosen = NULL;
  GtkWidget *row, *button;
  const char *subtitle;

  g_signal_connect (dialog, "chosen", G_CALLBACK (on_chosen), &chosen);
  gtk_window_present (GTK_WINDOW (dialog));
  test_wait_until (has_row, dialog, 40);
  row = app_test_find (dialog, ADW_TYPE_ACTION_ROW, NULL, NULL);
  subtitle = adw_action_row_get_subtitle (ADW_ACTION_ROW (row));
  g_assert_true (g_str_has_prefix (subtitle, "“Eiffel”") || g_str_has_prefix (subtitle, "“Tower”"));
  button = app_test_find (row, GTK_TYPE_BUTTON, NULL, NULL);
  g_assert_true (g_str_has_prefix (gtk_button_get_label (GTK_BUTTON (button)), "Add at "));
  g_signal_emit_by_name (button, "clicked");
  g_assert_nonnull (chosen);
  g_assert_cmpfloat (steer_feature_get_strength (chosen), !=, 0);
  g_assert_cmpstr (steer_feature_get_source (chosen), ==, STEER_DEMO_SOURCE_ID);
  g_assert_false (gtk_widget_get_sensitive (button));
  gtk_window_destroy (GTK_WINDOW (dialog));
  app_test_settle ();
}

/* Nobody waits for what it was about to show: it ends, and the window that it belonged to takes it along. */
static void
test_goes_with_its_window (Fixture *f, gconstpointer data)
{
  GtkWidget *parent = adw_window_new ();
  GtkWidget *dialog = steer_firing_dialog_new (GTK_WINDOW (parent), steer_workspace_get_inspector (f->workspace),
                                               f->conversation, f->message, NULL);

  g_object_add_weak_pointer (G_OBJECT (dialog), (gpointer *) &dialog);
  g_object_add_weak_pointer (G_OBJECT (parent), (gpointer *) &parent);
  gtk_window_present (GTK_WINDOW (parent));
  gtk_window_present (GTK_WINDOW (dialog));
  gtk_window_destroy (GTK_WINDOW (parent));
  g_assert_null (dialog);
  g_assert_null (parent);
  app_test_settle ();
}

#define ADD(name, function) g_test_add ("/inspector/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
  ADD ("pointing at a word tells what fires there, once that is known", test_pointing);
  ADD ("the list of features goes with its window, done or not", test_goes_with_its_window);
  ADD ("features of selected words are listed and added at a suggested strength", test_dialog);
  return g_test_run ();
}
