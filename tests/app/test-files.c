/* What is done with the files that choosers come back with: presets and chats go out and come in again. */
#include "app-test-util.h"
#include "steer-chat-list.h"
#include "steer-steering-panel.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerChat *chat;
  GtkWidget *panel;
  GtkWidget *list;
  GtkWindow *window;
  AdwToast *toast; /* the newest */
} Fixture;

static void
on_toast (GtkWidget *widget, AdwToast *toast, Fixture *f)
{
  g_set_object (&f->toast, toast);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);

  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = steer_workspace_new (f->settings, f->dir);
  f->chat = steer_chat_new (f->workspace);
  f->panel = steer_steering_panel_new (f->workspace);
  f->list = steer_chat_list_new (f->chat);
  g_signal_connect (f->panel, "toast", G_CALLBACK (on_toast), f);
  g_signal_connect (f->list, "toast", G_CALLBACK (on_toast), f);
  gtk_box_append (GTK_BOX (box), f->list);
  gtk_box_append (GTK_BOX (box), f->panel);
  f->window = app_test_show (box, 700, 600);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  gtk_window_destroy (f->window);
  app_test_settle ();
  g_clear_object (&f->toast);
  test_assert_finalizes (f->chat);
  g_object_run_dispose (G_OBJECT (f->workspace));
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

static GFile *
get_file (Fixture *f, const char *name)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);

  return g_file_new_for_path (path);
}

static gboolean
exists (gpointer file)
{
  return g_file_query_exists (file, NULL);
}

static gboolean
has_toast (gpointer data)
{
  return ((Fixture *) data)->toast != NULL;
}

static void
test_preset (Fixture *f, gconstpointer data)
{
  g_autoptr (GFile) file = get_file (f, "out.yaml");
  g_autoptr (SteerPreset) preset = app_test_preset ("Letters", 97, 4.5);
  g_autoptr (SteerPreset) other = steer_preset_new ();
  g_autoptr (SteerFeature) feature = NULL;
  const char *path;

  steer_workspace_set_preset (f->workspace, preset);
  steer_steering_panel_export (STEER_STEERING_PANEL (f->panel), file);
  test_wait_until (exists, file, 10);
  /* A copy for somebody else: what is in use is no file of the user's for that. */
  g_assert_cmpstr (steer_workspace_get_preset_path (f->workspace), ==, NULL);

  steer_workspace_set_preset (f->workspace, other);
  steer_steering_panel_import (STEER_STEERING_PANEL (f->panel), file);
  app_test_settle ();
  g_assert_cmpstr (steer_preset_get_name (steer_workspace_get_preset (f->workspace)), ==, "Letters");
  feature = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (f->workspace)), 0);
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, 4.5);
  path = steer_workspace_get_preset_path (f->workspace);
  g_assert_nonnull (path);
  g_assert_nonnull (strstr (path, "presets"));
  g_assert_cmpstr (path, !=, g_file_peek_path (file));
}

static void
test_bad_preset (Fixture *f, gconstpointer data)
{
  g_autoptr (GFile) file = get_file (f, "broken.yaml");
  g_autoptr (GFile) nowhere = get_file (f, "no/such/folder/out.yaml");
  g_autoptr (GFile) remote = g_file_new_for_uri ("https://example.com/preset.yaml");
  SteerPreset *before = steer_workspace_get_preset (f->workspace);

  g_assert_true (g_file_replace_contents (file, "features: 3\n", 12, NULL, FALSE, 0, NULL, NULL, NULL));
  steer_steering_panel_import (STEER_STEERING_PANEL (f->panel), file);
  g_assert_nonnull (f->toast);
  g_assert_true (steer_workspace_get_preset (f->workspace) == before);

  g_clear_object (&f->toast);
  steer_steering_panel_export (STEER_STEERING_PANEL (f->panel), nowhere);
  test_wait_until (has_toast, f, 10);

  g_clear_object (&f->toast);
  steer_steering_panel_import (STEER_STEERING_PANEL (f->panel), remote);
  g_assert_nonnull (f->toast);
}

static gboolean
is_another_chat (gpointer data)
{
  Fixture *f = data;

  return g_list_model_get_n_items (G_LIST_MODEL (steer_chat_get_conversation (f->chat))) == 2;
}

static gint64
write_chat (Fixture *f)
{
  SteerConversation *conversation = steer_chat_get_conversation (f->chat);

  steer_conversation_append (conversation, STEER_ROLE_USER, "Which tower is it?");
  steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, "The *tall* one.");
  app_test_settle ();
  return steer_conversation_get_id (conversation);
}

static void
test_chat (Fixture *f, gconstpointer data)
{
  g_autoptr (GFile) json = get_file (f, "chat.json"), markdown = get_file (f, "chat.md");
  g_autoptr (SteerMessage) reply = NULL;
  g_autofree char *text = NULL;
  gint64 id = write_chat (f);

  steer_chat_list_export (STEER_CHAT_LIST (f->list), id, FALSE, json);
  test_wait_until (has_toast, f, 10);
  g_clear_object (&f->toast);
  steer_chat_list_export (STEER_CHAT_LIST (f->list), id, TRUE, markdown);
  test_wait_until (has_toast, f, 10);
  g_assert_true (g_file_load_contents (markdown, NULL, &text, NULL, NULL, NULL));
  g_assert_nonnull (strstr (text, "Which tower is it?"));
  g_assert_nonnull (strstr (text, "The *tall* one."));

  steer_chat_start_new (f->chat);
  g_assert_false (is_another_chat (f));
  steer_chat_list_import (STEER_CHAT_LIST (f->list), json);
  test_wait_until (is_another_chat, f, 10);
  reply = g_list_model_get_item (G_LIST_MODEL (steer_chat_get_conversation (f->chat)), 1);
  g_assert_cmpstr (steer_message_get_text (reply), ==, "The *tall* one.");
  /* A chat of its own, beside the one it was exported from. */
  g_assert_cmpint (steer_conversation_get_id (steer_chat_get_conversation (f->chat)), !=, id);
}

static void
test_bad_chat (Fixture *f, gconstpointer data)
{
  g_autoptr (GFile) file = get_file (f, "broken.json");
  SteerConversation *before = steer_chat_get_conversation (f->chat);

  g_assert_true (g_file_replace_contents (file, "{\"messages\": 3}", 15, NULL, FALSE, 0, NULL, NULL, NULL));
  steer_chat_list_import (STEER_CHAT_LIST (f->list), file);
  test_wait_until (has_toast, f, 10);
  g_assert_true (steer_chat_get_conversation (f->chat) == before);
}

static void
test_lost_chat (Fixture *f, gconstpointer data)
{
  g_autoptr (GFile) nowhere = get_file (f, "no/such/folder/chat.json");
  g_autoptr (GFile) missing = get_file (f, "missing.json");
  SteerConversation *before = steer_chat_get_conversation (f->chat);
  gint64 id = write_chat (f);

  steer_chat_list_export (STEER_CHAT_LIST (f->list), id, FALSE, nowhere);
  test_wait_until (has_toast, f, 10);
  g_assert_nonnull (strstr (adw_toast_get_title (f->toast), "chat.json"));
  g_assert_false (exists (nowhere));

  g_clear_object (&f->toast);
  steer_chat_list_import (STEER_CHAT_LIST (f->list), missing);
  test_wait_until (has_toast, f, 10);
  g_assert_true (steer_chat_get_conversation (f->chat) == before);
}

#define ADD(name, function) g_test_add ("/files/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
  ADD ("a preset goes out and comes in again", test_preset);
  ADD ("a preset that cannot be read or written is told", test_bad_preset);
  ADD ("a chat goes out and comes in again", test_chat);
  ADD ("a chat that cannot be read is told", test_bad_chat);
  ADD ("a chat that cannot be written or found is told", test_lost_chat);
  return g_test_run ();
}
