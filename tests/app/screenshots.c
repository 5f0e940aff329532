/* screenshots FOLDER: renders every state of the window with the bundled model into PNG files. Not a test: someone has
 * to look at them. build-aux/screenshots builds and runs it. */
#include "app-test-util.h"
#include "lend-test-util.h"
#include "chat/chat-test-util.h"
#include "test-util.h"

#include <stdlib.h>

#include "screenshots.h"

#include "app/steer-add-feature-dialog.h"
#include "app/steer-application.h"
#include "app/steer-composer.h"
#include "app/steer-computer-dialog.h"
#include "app/steer-condition-dialog.h"
#include "app/steer-contrast-dialog.h"
#include "app/steer-firing-dialog.h"
#include "app/steer-preferences.h"
#include "app/steer-preset-settings.h"
#include "app/steer-steering-panel.h"
#include "app/steer-sweep-dialog.h"

#define WIDTH 1240
#define HEIGHT 800

/* As a screen of high resolution shows it. */
#define SCALE 2

/* Around a window, for its shadow. */
#define MARGIN 36
#define RADIUS 12

static char *
dup_path (Studio *studio, const char *name)
{
  g_autofree char *file = g_strconcat (name, ".png", NULL);

  return g_build_filename (studio->folder, file, NULL);
}

/* Without a compositor a window has a frame instead of a shadow and round corners. */
static void
dress (GtkWidget *window)
{
  gtk_widget_remove_css_class (window, "solid-csd");
  gtk_widget_add_css_class (window, "csd");
}

/* NULL while the window waits to be laid out or drawn again. */
static GskRenderNode *
draw (GtkWidget *window)
{
  float width = (float) gtk_widget_get_width (window), height = (float) gtk_widget_get_height (window);
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (window);
  g_autoptr (GtkSnapshot) content = gtk_snapshot_new (), snapshot = gtk_snapshot_new ();
  g_autoptr (GskRenderNode) node = NULL;
  GskRoundedRect edge;

  gdk_paintable_snapshot (paintable, content, width, height);
  node = gtk_snapshot_to_node (content);
  if (node == NULL)
    return NULL;
  gsk_rounded_rect_init_from_rect (&edge, &GRAPHENE_RECT_INIT (0, 0, width, height), RADIUS);
  gtk_snapshot_scale (snapshot, SCALE, SCALE);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (MARGIN, MARGIN));
  gtk_snapshot_append_outset_shadow (snapshot, &edge, &(GdkRGBA){ 0, 0, 0, 0.28f }, 0, 6, 0, 24);
  gtk_snapshot_append_outset_shadow (snapshot, &edge, &(GdkRGBA){ 0, 0, 0, 0.14f }, 0, 0, 1, 0);
  gtk_snapshot_push_rounded_clip (snapshot, &edge);
  gtk_snapshot_append_node (snapshot, node);
  gtk_snapshot_pop (snapshot);
  return gtk_snapshot_to_node (snapshot);
}

/* As it stands, without waiting for anything to end. */
static void
shoot_now (GtkWidget *window, Studio *studio, const char *name)
{
  g_autofree char *path = dup_path (studio, name);
  int width = (gtk_widget_get_width (window) + 2 * MARGIN) * SCALE;
  int height = (gtk_widget_get_height (window) + 2 * MARGIN) * SCALE;
  g_autoptr (GskRenderNode) node = NULL;
  g_autoptr (GdkTexture) texture = NULL;

  while ((node = draw (window)) == NULL)
    g_main_context_iteration (NULL, TRUE);
  texture = gsk_renderer_render_texture (gtk_native_get_renderer (GTK_NATIVE (window)), node,
                                         &GRAPHENE_RECT_INIT (0, 0, (float) width, (float) height));
  g_assert_true (gdk_texture_save_to_png (texture, path));
  g_print ("%s\n", path);
}

void
shoot (GtkWidget *window, Studio *studio, const char *name)
{
  dress (window);
  app_test_settle ();
  shoot_now (window, studio, name);
}

static gboolean
is_mapped (gpointer widget)
{
  return gtk_widget_get_mapped (widget);
}

static void
open_window (Studio *studio, int width, int height)
{
  g_settings_set_int (studio->settings, "window-width", width);
  g_settings_set_int (studio->settings, "window-height", height);
  studio->window = steer_window_new (studio->application, studio->workspace);
  studio->chat = steer_window_get_chat (studio->window);
  gtk_window_present (GTK_WINDOW (studio->window));
  test_wait_until (is_mapped, studio->window, 20);
  dress (GTK_WIDGET (studio->window));
  app_test_settle ();
}

static void
close_window (Studio *studio)
{
  gtk_window_destroy (GTK_WINDOW (g_steal_pointer (&studio->window)));
  app_test_settle ();
}

static gboolean
is_settled (gpointer workspace)
{
  g_autofree char *loading = NULL;

  g_object_get (workspace, "loading-path", &loading, NULL);
  return loading == NULL;
}

static gboolean
is_idle (gpointer chat)
{
  return !steer_chat_get_writing (chat);
}

static void
use_preset (Studio *studio, const char *name)
{
  GListModel *presets = G_LIST_MODEL (steer_workspace_get_presets (studio->workspace));

  for (guint i = 0; i < g_list_model_get_n_items (presets); i++)
    {
      g_autoptr (SteerPresetEntry) entry = g_list_model_get_item (presets, i);
      g_autoptr (GError) error = NULL;

      if (g_strcmp0 (steer_preset_entry_get_name (entry), name) != 0)
        continue;
      steer_workspace_open_preset (studio->workspace, steer_preset_entry_get_path (entry), &error);
      g_assert_no_error (error);
      return;
    }
  g_printerr ("there is no preset “%s”\n", name);
}

/* Chats of earlier days, so that the list looks like someone's. */
static void
add_chats (Studio *studio)
{
  static const char *const chats[][2] = {
    { "Letter to my landlord", "Dear Sir or Madam, I am writing about the window in the kitchen." },
    { "The sea, as a pirate", "Arr, the salt be in me beard and the wind be in me sails." },
    { "Bread for beginners", "Warm water, flour, patience: begin the evening before." },
  };
  SteerStore *store = steer_workspace_get_store (studio->workspace);

  for (guint i = 0; i < G_N_ELEMENTS (chats); i++)
    {
      g_autoptr (SteerConversation) conversation = steer_store_create (store);

      steer_conversation_append (conversation, STEER_ROLE_USER, chats[i][0]);
      steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, chats[i][1]);
    }
}

/* Runs until the reply that is being written has @n_tokens, or has ended. */
static void
run_until (Studio *studio, guint n_tokens)
{
  while (steer_chat_get_busy (studio->chat))
    {
      guint n;

      g_object_get (steer_chat_get_reply (studio->chat), "n-tokens", &n, NULL);
      if (n >= n_tokens)
        return;
      g_main_context_iteration (NULL, TRUE);
    }
}

/* Of the preset's own strength, which is @full. */
static void
set_strength (Studio *studio, double full, double share)
{
  g_autoptr (SteerFeature) feature
    = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (studio->workspace)), 0);

  if (feature != NULL)
    steer_feature_set_strength (feature, share * full);
}

static double
get_strength (Studio *studio)
{
  g_autoptr (SteerFeature) feature
    = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (studio->workspace)), 0);

  return feature != NULL ? steer_feature_get_strength (feature) : 0;
}

static void
add_feature (Studio *studio, guint layer, guint64 index, double strength, gboolean enabled)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (layer, index);

  steer_feature_set_source (feature, "demo");
  steer_label_book_describe (steer_workspace_get_labels (studio->workspace), feature);
  steer_library_describe (steer_workspace_get_library (studio->workspace), feature);
  steer_feature_set_strength (feature, strength);
  steer_feature_set_enabled (feature, enabled);
  steer_preset_append (steer_workspace_get_preset (studio->workspace), feature);
}

static void
shoot_conversation (Studio *studio)
{
  double full;

  use_preset (studio, "Eiffel Tower");
  add_feature (studio, 3, 51, 2.5, TRUE);   /* poetic and dreamy */
  add_feature (studio, 2, 41, 9.51, FALSE); /* the sea */
  full = get_strength (studio);
  set_strength (studio, full, 0);
  steer_chat_send (studio->chat, "Can you tell me a story?");
  run_until (studio, 26);
  set_strength (studio, full, 0.7);
  run_until (studio, 44);
  set_strength (studio, full, 1);
  test_wait_until (is_idle, studio->chat, 60);
  shoot (GTK_WIDGET (studio->window), studio, "steered");

  /* A story is long enough not to end within a frame. */
  set_strength (studio, full, 0.3);
  steer_chat_send (studio->chat, "Can you tell me another story?");
  run_until (studio, 16);
  shoot_now (GTK_WIDGET (studio->window), studio, "streaming");
  set_strength (studio, full, 1);
  test_wait_until (is_idle, studio->chat, 60);
}

/* A condition, and the dialog that asks for it. */
static void
shoot_condition (Studio *studio)
{
  g_autoptr (SteerFeature) feature
    = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (studio->workspace)), 1);
  SteerCondition condition;
  GtkWidget *dialog;

  g_assert_true (steer_condition_parse ("activation(41) > 1.5", &condition, NULL));
  steer_feature_set_condition (feature, &condition);
  dialog = steer_condition_dialog_new (GTK_WINDOW (studio->window), feature);
  gtk_window_present (GTK_WINDOW (dialog));
  shoot (dialog, studio, "condition");
  gtk_window_destroy (GTK_WINDOW (dialog));
  shoot (GTK_WIDGET (studio->window), studio, "only-where");
  steer_feature_set_condition (feature, NULL);
}

static gboolean
has_problem (gpointer dialog)
{
  GtkStack *pages = GTK_STACK (app_test_find (dialog, GTK_TYPE_STACK, NULL, NULL));

  return g_str_equal (gtk_stack_get_visible_child_name (pages), "problem");
}

static gboolean
has_models (gpointer dialog)
{
  return app_test_find (dialog, ADW_TYPE_ACTION_ROW, "title", "tiny") != NULL;
}

/* Another computer: before it is asked, what it has, and why it cannot be reached. */
static void
shoot_computer (Studio *studio, const char *home)
{
  GtkWidget *dialog = steer_computer_dialog_new (GTK_WINDOW (studio->window), studio->workspace);
  GtkWidget *name = app_test_find (dialog, ADW_TYPE_ENTRY_ROW, NULL, NULL);
  GtkWidget *connect = app_test_find (dialog, GTK_TYPE_BUTTON, "label", "_Connect");

  test_lend (home);
  gtk_window_present (GTK_WINDOW (dialog));
  shoot (dialog, studio, "computer");
  gtk_editable_set_text (GTK_EDITABLE (name), "anna@big.example.org");
  g_signal_emit_by_name (connect, "clicked");
  test_wait_until (has_models, dialog, 60);
  shoot (dialog, studio, "computer-models");
  g_setenv ("STEER_TEST_SSH", "refused", TRUE);
  g_signal_emit_by_name (connect, "clicked");
  test_wait_until (has_problem, dialog, 60);
  shoot (dialog, studio, "computer-problem");
  g_unsetenv ("STEER_TEST_SSH");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static gboolean
has_firings (gpointer dialog)
{
  return app_test_find (dialog, ADW_TYPE_ACTION_ROW, NULL, NULL) != NULL;
}

static void
shoot_firings (Studio *studio)
{
  SteerConversation *conversation = steer_chat_get_conversation (studio->chat);
  g_autoptr (SteerMessage) reply = g_list_model_get_item (G_LIST_MODEL (conversation), 1);
  GtkWidget *dialog = steer_firing_dialog_new (
    GTK_WINDOW (studio->window), steer_workspace_get_inspector (studio->workspace), conversation, reply, NULL);

  gtk_window_present (GTK_WINDOW (dialog));
  test_wait_until (has_firings, dialog, 60);
  shoot (dialog, studio, "features-in-text");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
shoot_compare (Studio *studio, const char *name)
{
  steer_chat_start_new (studio->chat);
  steer_chat_set_comparing (studio->chat, TRUE);
  steer_chat_send (studio->chat, "What makes you happy?");
  test_wait_until (is_idle, studio->chat, 60);
  shoot (GTK_WIDGET (studio->window), studio, name);
  steer_chat_set_comparing (studio->chat, FALSE);
}

/* The bundled model does not think: what one that does would write, under strengths that change in mid-thought. */
static void
shoot_thoughts (Studio *studio)
{
  static const char *const thought[] = {
    "<think>\nOkay, the person wants to know how high the tower is. ",
    "The iron lattice alone is 300 metres, and the antennas on top add to that.\n\nLet me list what I know:\n\n"
    "- built **1889** for the World's Fair\n- 324 metres with its antenna, ",
    "and more than that where it sparkles above the Seine\n\nSo 330 metres since the new antenna of 2022. I should ",
    "say both"
  };
  static const char answer[] = ".\n</think>\n\nThe Eiffel Tower is **330 metres** high, antenna included. The iron "
                               "lattice itself, without anything on its top, is 300 metres.";
  g_autoptr (SteerConversation) open = g_object_ref (steer_chat_get_conversation (studio->chat));
  g_autoptr (SteerConversation) conversation = steer_store_create (steer_workspace_get_store (studio->workspace));
  g_autoptr (SteerReply) reply = test_reply_new ();
  SteerPlan *plans[] = { test_plan_new (1.0f, STEER_MODE_CLAMP), test_plan_new (8.5f, STEER_MODE_CLAMP) };

  steer_conversation_append (conversation, STEER_ROLE_USER, "How high is the Eiffel Tower?");
  steer_chat_set_conversation (studio->chat, conversation);
  steer_conversation_begin_reply (conversation, NULL, reply, 0, "Eiffel Tower");
  for (guint i = 0; i < G_N_ELEMENTS (thought); i++)
    test_reply_write (reply, thought[i], i == 0 ? NULL : plans[(i - 1) % 2]);
  shoot (GTK_WIDGET (studio->window), studio, "thinking");
  test_reply_write (reply, answer, plans[1]);
  test_reply_finish (reply, STEER_STOP_EOS);
  shoot (GTK_WIDGET (studio->window), studio, "thought-open");
  steer_chat_set_conversation (studio->chat, open);
  steer_chat_set_conversation (studio->chat, conversation);
  shoot (GTK_WIDGET (studio->window), studio, "thought");
  steer_chat_set_conversation (studio->chat, open);
  for (guint i = 0; i < G_N_ELEMENTS (plans); i++)
    steer_plan_unref (plans[i]);
}

static gboolean
has_found (gpointer dialog)
{
  GtkWidget *list = app_test_find (dialog, GTK_TYPE_LIST_VIEW, NULL, NULL);

  return g_list_model_get_n_items (G_LIST_MODEL (gtk_list_view_get_model (GTK_LIST_VIEW (list)))) > 0;
}

static void
shoot_adding (Studio *studio)
{
  GtkWidget *dialog
    = steer_add_feature_dialog_new (GTK_WINDOW (studio->window), steer_workspace_get_library (studio->workspace),
                                    steer_workspace_get_labels (studio->workspace));

  gtk_window_present (GTK_WINDOW (dialog));
  test_wait_until (has_found, dialog, 20);
  shoot (dialog, studio, "add-feature");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static gboolean
has_layers (gpointer dialog)
{
  GtkWidget *stack = app_test_find (dialog, GTK_TYPE_STACK, NULL, NULL);

  return g_strcmp0 (gtk_stack_get_visible_child_name (GTK_STACK (stack)), "layers") == 0;
}

static void
shoot_making (Studio *studio)
{
  char *with[] = { (char *) "The puppy wags its tail and barks.", (char *) "My dog loves to fetch a stick in the park.",
                   (char *) "A good dog sleeps by the fire and guards the house.",
                   (char *) "We took the dog for a walk and it chased a ball.", NULL };
  char *without[] = { (char *) "The kettle is on the stove.", (char *) "She walked to the office in the morning.",
                      (char *) "They planted beans behind the shed.", NULL };
  SteerMadeFeature made = { .label = (char *) "Dogs", .with = with, .without = without };
  GtkWidget *dialog = steer_contrast_dialog_new (GTK_WINDOW (studio->window), studio->workspace, &made);

  g_signal_connect_swapped (dialog, "chosen", G_CALLBACK (steer_preset_append),
                            steer_workspace_get_preset (studio->workspace));
  gtk_window_present (GTK_WINDOW (dialog));
  test_wait_until (is_mapped, dialog, 20);
  shoot (dialog, studio, "feature-from-examples");
  gtk_widget_activate (app_test_find (dialog, GTK_TYPE_BUTTON, "label", "_Next"));
  test_wait_until (has_layers, dialog, 60);
  shoot (dialog, studio, "feature-layers");
  g_object_add_weak_pointer (G_OBJECT (dialog), (gpointer *) &dialog);
  gtk_widget_activate (app_test_find (dialog, GTK_TYPE_BUTTON, "label", "_Add"));
  while (dialog != NULL)
    app_test_settle ();
  shoot (GTK_WIDGET (studio->window), studio, "feature-made");
}

static gboolean
has_swept (gpointer dialog)
{
  return !gtk_widget_get_visible (app_test_find (dialog, GTK_TYPE_PROGRESS_BAR, NULL, NULL))
         && gtk_widget_is_sensitive (app_test_find (dialog, GTK_TYPE_BUTTON, "label", "_Use"));
}

static void
shoot_sweep (Studio *studio)
{
  g_autoptr (SteerFeature) feature
    = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (studio->workspace)), 0);
  GtkWidget *dialog = steer_sweep_dialog_new (GTK_WINDOW (studio->window), studio->workspace, feature);

  gtk_window_present (GTK_WINDOW (dialog));
  test_wait_until (is_mapped, dialog, 20);
  shoot (dialog, studio, "sweep-running");
  test_wait_until (has_swept, dialog, 120);
  shoot (dialog, studio, "sweep");
  g_signal_emit_by_name (app_test_find (dialog, GTK_TYPE_BUTTON, "icon-name", "document-edit-symbolic"), "clicked");
  for (guint i = 0; i < 10; i++)
    app_test_settle ();
  shoot (dialog, studio, "sweep-prompts");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
shoot_shortcuts (Studio *studio)
{
  g_autoptr (GtkBuilder) builder = gtk_builder_new_from_resource ("/com/example/SteerChat/gtk/help-overlay.ui");
  GtkWidget *shortcuts = GTK_WIDGET (gtk_builder_get_object (builder, "help_overlay"));

  gtk_window_set_transient_for (GTK_WINDOW (shortcuts), GTK_WINDOW (studio->window));
  gtk_window_present (GTK_WINDOW (shortcuts));
  test_wait_until (is_mapped, shortcuts, 20);
  shoot (shortcuts, studio, "shortcuts");
  gtk_window_destroy (GTK_WINDOW (shortcuts));
}

static void
shoot_search (Studio *studio)
{
  GtkWidget *search = app_test_find (GTK_WIDGET (studio->window), GTK_TYPE_SEARCH_ENTRY, NULL, NULL);

  gtk_editable_set_text (GTK_EDITABLE (search), "wind");
  for (guint i = 0; i < 10; i++)
    app_test_settle ();
  shoot (GTK_WIDGET (studio->window), studio, "search");
  gtk_editable_set_text (GTK_EDITABLE (search), "xylophone");
  for (guint i = 0; i < 10; i++)
    app_test_settle ();
  shoot (GTK_WIDGET (studio->window), studio, "nothing-found");
  gtk_editable_set_text (GTK_EDITABLE (search), "");
  app_test_settle ();
}

static void
shoot_dialogs (Studio *studio)
{
  static const char *const pages[] = { "replies", "steering", "sources", "model" };
  SteerPreferences *preferences = steer_preferences_new (GTK_WINDOW (studio->window), studio->workspace);

  gtk_window_present (GTK_WINDOW (preferences));
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      g_autofree char *name = g_strconcat ("preferences-", pages[i], NULL);

      adw_preferences_window_set_visible_page_name (ADW_PREFERENCES_WINDOW (preferences), pages[i]);
      shoot (GTK_WIDGET (preferences), studio, name);
    }
  gtk_window_destroy (GTK_WINDOW (preferences));
}

static void
shoot_preset_settings (Studio *studio)
{
  GtkWidget *dialog = steer_preset_settings_new (GTK_WINDOW (studio->window), studio->workspace);

  gtk_window_present (GTK_WINDOW (dialog));
  shoot (dialog, studio, "preset-settings");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
shoot_narrow (Studio *studio)
{
  g_autoptr (SteerConversation) conversation = g_object_ref (steer_chat_get_conversation (studio->chat));

  close_window (studio);
  open_window (studio, 360, 720);
  steer_chat_set_conversation (studio->chat, conversation);
  shoot (GTK_WIDGET (studio->window), studio, "narrow");
  g_action_group_activate_action (G_ACTION_GROUP (studio->window), "show-steering", NULL);
  shoot (GTK_WIDGET (studio->window), studio, "narrow-steering");
  g_action_group_activate_action (G_ACTION_GROUP (studio->window), "show-steering", NULL);
  g_action_group_activate_action (G_ACTION_GROUP (studio->window), "show-chats", NULL);
  shoot (GTK_WIDGET (studio->window), studio, "narrow-chats");
  close_window (studio);
  open_window (studio, WIDTH, HEIGHT);
  steer_chat_set_conversation (studio->chat, conversation);
}

/* On a whole screen, and where the desktop's text is half as large again. */
static void
shoot_large (Studio *studio)
{
  GtkSettings *desktop = gtk_settings_get_default ();
  g_autoptr (SteerConversation) conversation = g_object_ref (steer_chat_get_conversation (studio->chat));
  int resolution;

  close_window (studio);
  open_window (studio, 1600, 960);
  steer_chat_set_conversation (studio->chat, conversation);
  shoot (GTK_WIDGET (studio->window), studio, "wide");
  close_window (studio);
  g_object_get (desktop, "gtk-xft-dpi", &resolution, NULL);
  g_object_set (desktop, "gtk-xft-dpi", 144 * 1024, NULL);
  open_window (studio, WIDTH, HEIGHT);
  steer_chat_set_conversation (studio->chat, conversation);
  shoot (GTK_WIDGET (studio->window), studio, "large-text");
  close_window (studio);
  open_window (studio, 400, 720);
  steer_chat_set_conversation (studio->chat, conversation);
  shoot (GTK_WIDGET (studio->window), studio, "large-text-narrow");
  g_action_group_activate_action (G_ACTION_GROUP (studio->window), "show-steering", NULL);
  shoot (GTK_WIDGET (studio->window), studio, "large-text-steering");
  close_window (studio);
  g_object_set (desktop, "gtk-xft-dpi", resolution, NULL);
  open_window (studio, WIDTH, HEIGHT);
}

static gboolean
shows_loading (gpointer window)
{
  GtkWidget *bar = app_test_find (window, GTK_TYPE_PROGRESS_BAR, NULL, NULL);

  return bar != NULL && gtk_widget_get_mapped (bar) && gtk_widget_get_height (bar) > 0;
}

/* As the window shows it before its first frame. */
static void
shoot_loading (Studio *studio)
{
  steer_workspace_prepare_load (studio->workspace, NULL);
  test_wait_until (shows_loading, studio->window, 20);
  shoot (GTK_WIDGET (studio->window), studio, "loading");
  steer_workspace_start_load (studio->workspace);
  test_wait_until (is_settled, studio->workspace, 60);
}

static void
shoot_without_model (Studio *studio)
{
  open_window (studio, WIDTH, HEIGHT);
  shoot (GTK_WIDGET (studio->window), studio, "no-model");
  steer_workspace_load_model (studio->workspace, "/home/you/models/Llama-3.1-8B");
  test_wait_until (is_settled, studio->workspace, 20);
  shoot (GTK_WIDGET (studio->window), studio, "error");
  shoot_loading (studio);
}

int
main (int argc, char **argv)
{
  Studio studio = { 0 };
  g_autofree char *dir = NULL;

  app_test_init (&argc, &argv);
  if (argc < 2 || g_mkdir_with_parents (argv[1], 0755) != 0)
    {
      g_printerr ("usage: screenshots FOLDER\n");
      return EXIT_FAILURE;
    }
  steer_init ();
  /* What the desktop would set. */
  g_object_set (gtk_settings_get_default (), "gtk-font-name", "Cantarell 11", "gtk-decoration-layout", ":close", NULL);
  dir = test_make_dir ();
  studio.folder = argv[1];
  studio.settings = app_test_settings ();
  /* A small model wanders when it is left free. */
  g_settings_set_double (studio.settings, "temperature", 0.2);
  studio.application = g_object_new (ADW_TYPE_APPLICATION, "application-id", "com.example.SteerChat.Screenshots",
                                     "flags", G_APPLICATION_NON_UNIQUE, NULL);
  g_application_register (G_APPLICATION (studio.application), NULL, NULL);
  studio.workspace = steer_workspace_new (studio.settings, dir);
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), ADW_COLOR_SCHEME_FORCE_LIGHT);

  shoot_without_model (&studio);
  for (guint i = 0; i < 20; i++)
    app_test_settle ();
  shoot (GTK_WIDGET (studio.window), &studio, "empty");
  add_chats (&studio);
  shoot_conversation (&studio);
  shoot_condition (&studio);
  shoot_computer (&studio, dir);
  shoot_firings (&studio);
  shoot_thoughts (&studio);
  shoot_search (&studio);
  shoot_sweep (&studio);
  shoot_making (&studio);
  shoot_dialogs (&studio);
  shoot_preset_settings (&studio);
#ifdef STEER_HAS_HUB
  shoot_hub (&studio);
#endif
  shoot_adding (&studio);
  shoot_shortcuts (&studio);
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), ADW_COLOR_SCHEME_FORCE_DARK);
  shoot (GTK_WIDGET (studio.window), &studio, "dark");
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), ADW_COLOR_SCHEME_FORCE_LIGHT);
  shoot_narrow (&studio);
  shoot_large (&studio);
  shoot_compare (&studio, "compare");
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), ADW_COLOR_SCHEME_FORCE_DARK);
  shoot_compare (&studio, "compare-dark");

  close_window (&studio);
  g_object_unref (studio.workspace);
  g_object_unref (studio.settings);
  g_object_unref (studio.application);
  test_remove_dir (g_steal_pointer (&dir));
  return EXIT_SUCCESS;
}
