/* The window as a whole: it folds, it has its actions, its controls have names, files that are opened have an effect.
 */
#include "app-test-util.h"
#include "test-util.h"

#include "app/steer-composer.h"
#include "app/steer-steering-panel.h"
#include "app/steer-transcript.h"
#include "app/steer-window.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerWindow *window;
} Fixture;

static GtkApplication *application;

static gboolean
is_mapped (gpointer window)
{
  return gtk_widget_get_mapped (window);
}

static void
open_window (Fixture *f, int width, int height)
{
  g_settings_set_int (f->settings, "window-width", width);
  g_settings_set_int (f->settings, "window-height", height);
  f->window = steer_window_new (application, f->workspace);
  gtk_window_present (GTK_WINDOW (f->window));
  test_wait_until (is_mapped, f->window, 10);
  app_test_settle ();
}

static void
close_window (Fixture *f)
{
  gpointer window = f->window;

  g_object_add_weak_pointer (window, &window);
  gtk_window_close (GTK_WINDOW (f->window));
  app_test_settle ();
  g_assert_null (window);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace
    = data != NULL ? app_test_workspace (f->settings, f->dir, 24) : steer_workspace_new (f->settings, f->dir);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  close_window (f);
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

static AdwFlap *
get_flap (Fixture *f, GType side)
{
  return ADW_FLAP (gtk_widget_get_ancestor (app_test_find (GTK_WIDGET (f->window), side, NULL, NULL), ADW_TYPE_FLAP));
}

static gboolean
is_shown (Fixture *f, GType type)
{
  GtkWidget *widget = app_test_find (GTK_WIDGET (f->window), type, NULL, NULL);

  return widget != NULL && gtk_widget_get_mapped (widget);
}

static void
test_wide (Fixture *f, gconstpointer data)
{
  open_window (f, 1240, 800);
  g_assert_true (is_shown (f, g_type_from_name ("SteerChatList")));
  g_assert_true (is_shown (f, STEER_TYPE_STEERING_PANEL));
  g_assert_true (is_shown (f, STEER_TYPE_COMPOSER));
}

static void
test_narrow (Fixture *f, gconstpointer data)
{
  AdwFlap *chats, *steering;

  open_window (f, 360, 640);
  chats = get_flap (f, g_type_from_name ("SteerChatList"));
  steering = get_flap (f, STEER_TYPE_STEERING_PANEL);
  g_assert_cmpint (gtk_widget_get_width (GTK_WIDGET (f->window)), <=, 360);
  g_assert_true (adw_flap_get_folded (chats));
  g_assert_true (adw_flap_get_folded (steering));
  g_assert_false (is_shown (f, STEER_TYPE_STEERING_PANEL));
  g_assert_true (is_shown (f, STEER_TYPE_COMPOSER));

  g_action_group_activate_action (G_ACTION_GROUP (f->window), "show-steering", NULL);
  app_test_settle ();
  g_assert_true (is_shown (f, STEER_TYPE_STEERING_PANEL));
  /* Opening it over the transcript is no wish for a wide window. */
  g_assert_true (g_settings_get_boolean (f->settings, "show-steering"));
}

static void
test_middling (Fixture *f, gconstpointer data)
{
  open_window (f, 800, 640);
  /* Steering stays longer than the list of chats: it is what the program is for. */
  g_assert_true (is_shown (f, STEER_TYPE_STEERING_PANEL));
  g_assert_false (is_shown (f, g_type_from_name ("SteerChatList")));
}

static void
test_remembers (Fixture *f, gconstpointer data)
{
  int width, height;

  open_window (f, 1240, 800);
  g_action_group_activate_action (G_ACTION_GROUP (f->window), "show-chats", NULL);
  app_test_settle ();
  g_assert_false (g_settings_get_boolean (f->settings, "show-chats"));
  gtk_window_set_default_size (GTK_WINDOW (f->window), 1111, 777);
  app_test_settle ();
  close_window (f);
  g_assert_cmpint (g_settings_get_int (f->settings, "window-width"), ==, 1111);
  g_assert_cmpint (g_settings_get_int (f->settings, "window-height"), ==, 777);

  f->window = steer_window_new (application, f->workspace);
  gtk_window_present (GTK_WINDOW (f->window));
  app_test_settle ();
  g_assert_false (is_shown (f, g_type_from_name ("SteerChatList")));
  gtk_window_get_default_size (GTK_WINDOW (f->window), &width, &height);
  g_assert_cmpint (width, ==, 1111);
}

/* Of the first toast that is shown. FALSE: none is. */
static gboolean
get_toast (Fixture *f, graphene_rect_t *place, GtkWidget **label)
{
  GtkWidget *toast = app_test_find (GTK_WIDGET (f->window), g_type_from_name ("AdwToastWidget"), NULL, NULL);

  if (toast == NULL || !gtk_widget_get_mapped (toast))
    return FALSE;
  *label = app_test_find (toast, GTK_TYPE_LABEL, NULL, NULL);
  return gtk_widget_compute_bounds (toast, GTK_WIDGET (f->window), place);
}

static GtkWindow *
find_dialog (Fixture *f)
{
  GListModel *windows = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (windows); i++)
    {
      g_autoptr (GtkWindow) window = g_list_model_get_item (windows, i);

      if (ADW_IS_MESSAGE_DIALOG (window) && gtk_window_get_transient_for (window) == GTK_WINDOW (f->window))
        return window;
    }
  return NULL;
}

static void
close_dialog (Fixture *f)
{
  gtk_window_close (find_dialog (f));
  app_test_settle ();
  g_assert_null (find_dialog (f));
}

static void
test_toasts_leave_composer (Fixture *f, gconstpointer data)
{
  graphene_rect_t toast, composer;
  GtkWidget *label;

  open_window (f, 1240, 800);
  steer_window_show_message (f->window, "It is done");
  app_test_settle ();
  g_assert_true (get_toast (f, &toast, &label));
  g_assert_true (gtk_widget_compute_bounds (app_test_find (GTK_WIDGET (f->window), STEER_TYPE_COMPOSER, NULL, NULL),
                                            GTK_WIDGET (f->window), &composer));
  g_assert_cmpfloat (toast.origin.y + toast.size.height, <=, composer.origin.y);
}

/* Which lies over the transcript then, and over what it would show. */
static void
test_toasts_over_side (Fixture *f, gconstpointer data)
{
  graphene_rect_t toast;
  GtkWidget *label;

  open_window (f, 360, 640);
  g_action_group_activate_action (G_ACTION_GROUP (f->window), "show-steering", NULL);
  app_test_settle ();
  steer_window_show_message (f->window, "It is done");
  app_test_settle ();
  g_assert_true (get_toast (f, &toast, &label));
  g_assert_null (gtk_widget_get_ancestor (label, ADW_TYPE_FLAP));
}

static void
click_toast (GtkWidget *label, const char *property, const char *value)
{
  GtkWidget *toast = gtk_widget_get_ancestor (label, g_type_from_name ("AdwToastWidget"));

  g_signal_emit_by_name (app_test_find (toast, GTK_TYPE_BUTTON, property, value), "clicked");
  app_test_settle ();
}

/* In a toast or in the dialog that it leads to: of no text is the end missing. No dialog comes by itself, to whoever is
 * writing. */
static void
test_long_messages (Fixture *f, gconstpointer data)
{
  guint n_long = 0;

  open_window (f, 1000, 640);
  for (guint n_words = 1; n_words < 30; n_words++)
    {
      g_autoptr (GString) text = g_string_new ("A");
      GtkWidget *label = NULL;
      graphene_rect_t place;

      for (guint i = 0; i < n_words; i++)
        g_string_append (text, " word & more");
      steer_window_show_message (f->window, text->str);
      app_test_settle ();
      g_assert_null (find_dialog (f));
      g_assert_true (get_toast (f, &place, &label));
      g_assert_cmpstr (gtk_label_get_text (GTK_LABEL (label)), ==, text->str);
      if (!pango_layout_is_ellipsized (gtk_label_get_layout (GTK_LABEL (label))))
        {
          click_toast (label, "icon-name", "window-close-symbolic");
          continue;
        }
      n_long++;
      click_toast (label, "label", "_Details");
      g_assert_cmpstr (adw_message_dialog_get_body (ADW_MESSAGE_DIALOG (find_dialog (f))), ==, text->str);
      close_dialog (f);
    }
  g_assert_cmpuint (n_long, >, 10);
  g_assert_cmpuint (n_long, <, 28);
}

/* The display of the tests is drawn by the CPU. */
static void
test_animations (Fixture *f, gconstpointer data)
{
  GtkSettings *settings = gtk_settings_get_default ();
  gboolean animated = TRUE;

  g_object_set (settings, "gtk-enable-animations", TRUE, NULL);
  open_window (f, 1200, 700);
  g_assert_true (GSK_IS_CAIRO_RENDERER (gtk_native_get_renderer (GTK_NATIVE (f->window))));
  g_object_get (settings, "gtk-enable-animations", &animated, NULL);
  g_assert_false (animated);
}

static void
test_actions (Fixture *f, gconstpointer data)
{
  g_auto (GStrv) described = gtk_application_list_action_descriptions (application);

  open_window (f, 1240, 800);
  g_assert_cmpuint (g_strv_length (described), >, 15);
  for (guint i = 0; described[i] != NULL; i++)
    {
      const char *name = strchr (described[i], '.') + 1;

      g_test_message ("%s", described[i]);
      if (g_str_has_prefix (described[i], "win.") && !g_str_equal (name, "show-help-overlay"))
        g_assert_nonnull (g_action_map_lookup_action (G_ACTION_MAP (f->window), name));
    }
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (f->window), "stop"));
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (f->window), "suggest"));
}

static void
test_master_switch (Fixture *f, gconstpointer data)
{
  SteerPreset *preset = steer_workspace_get_preset (f->workspace);

  open_window (f, 1240, 800);
  g_assert_true (steer_preset_get_master_enabled (preset));
  g_action_group_activate_action (G_ACTION_GROUP (f->window), "toggle-steering", NULL);
  g_assert_false (steer_preset_get_master_enabled (preset));
}

static gboolean
is_idle (gpointer chat)
{
  return !steer_chat_get_writing (chat);
}

static void
test_conversation (Fixture *f, gconstpointer data)
{
  SteerChat *chat;
  GtkStack *stack;

  open_window (f, 1240, 800);
  chat = steer_window_get_chat (f->window);
  stack = GTK_STACK (gtk_widget_get_ancestor (app_test_find (GTK_WIDGET (f->window), STEER_TYPE_TRANSCRIPT, NULL, NULL),
                                              GTK_TYPE_STACK));
  g_assert_cmpstr (gtk_stack_get_visible_child_name (stack), ==, "status");
  g_action_group_activate_action (G_ACTION_GROUP (f->window), "suggest", g_variant_new ("(ss)", "", "Hello there"));
  g_assert_cmpstr (gtk_stack_get_visible_child_name (stack), ==, "transcript");
  g_assert_cmpstr (gtk_window_get_title (GTK_WINDOW (f->window)), ==, "Hello there");
  g_assert_true (g_action_group_get_action_enabled (G_ACTION_GROUP (f->window), "stop"));
  test_wait_until (is_idle, chat, 20);
  g_assert_false (g_action_group_get_action_enabled (G_ACTION_GROUP (f->window), "stop"));
  app_test_settle ();

  g_action_group_activate_action (G_ACTION_GROUP (f->window), "regenerate", NULL);
  test_wait_until (is_idle, chat, 20);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (steer_chat_get_conversation (chat))), ==, 2);

  g_action_group_activate_action (G_ACTION_GROUP (f->window), "new-chat", NULL);
  g_assert_cmpstr (gtk_stack_get_visible_child_name (stack), ==, "status");
  app_test_settle ();
}

static void
test_regenerates_answers_only (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  GActionGroup *actions;

  open_window (f, 1240, 800);
  actions = G_ACTION_GROUP (f->window);
  g_assert_false (g_action_group_get_action_enabled (actions, "regenerate"));
  steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, "Welcome");
  steer_chat_set_conversation (steer_window_get_chat (f->window), conversation);
  g_assert_false (g_action_group_get_action_enabled (actions, "regenerate"));
  steer_conversation_append (conversation, STEER_ROLE_USER, "Hello");
  g_assert_true (g_action_group_get_action_enabled (actions, "regenerate"));
  steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, "Hello");
  g_assert_true (g_action_group_get_action_enabled (actions, "regenerate"));
  app_test_settle ();
}

static void
test_suggestions (Fixture *f, gconstpointer data)
{
  static const char *const presets[] = { "Eiffel Tower", "Pirate at Sea", "Cowboy with a Guitar", "Only Cats" };
  g_autofree char *bundled = steer_dup_presets_path ();
  GtkWidget *box;

  if (bundled == NULL)
    {
      open_window (f, 1240, 800);
      g_test_skip ("the bundled presets are not there");
      return;
    }
  open_window (f, 1240, 800);
  box = app_test_find (GTK_WIDGET (f->window), GTK_TYPE_FLOW_BOX, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (presets); i++)
    {
      g_test_message ("%s", presets[i]);
      g_assert_nonnull (app_test_find (box, GTK_TYPE_LABEL, "label", presets[i]));
    }
}

static void
test_tells_of_labels_that_are_not_kept (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = g_error_new_literal (STEER_LABEL_ERROR, STEER_LABEL_ERROR_STORE, "no room");

  open_window (f, 1240, 800);
  g_signal_emit_by_name (steer_workspace_get_labels (f->workspace), "failed", error);
  app_test_settle ();
  g_assert_nonnull (
    app_test_find (GTK_WIDGET (f->window), GTK_TYPE_LABEL, "label", "Your label could not be kept: no room"));
}

static void
test_suggested_preset (Fixture *f, gconstpointer data)
{
  g_autofree char *path = NULL;
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 98, 80);
  g_autoptr (SteerMessage) reply = NULL;
  SteerChat *chat;

  path = app_test_keep_preset (steer_workspace_get_presets (f->workspace), preset);
  open_window (f, 1240, 800);
  chat = steer_window_get_chat (f->window);
  g_action_group_activate_action (G_ACTION_GROUP (f->window), "suggest", g_variant_new ("(ss)", "Letter", "Hello"));
  test_wait_until (is_idle, chat, 20);
  g_assert_cmpstr (steer_preset_get_name (steer_workspace_get_preset (f->workspace)), ==, "Letter");
  reply = g_list_model_get_item (G_LIST_MODEL (steer_chat_get_conversation (chat)), 1);
  g_assert_cmpstr (steer_message_get_text (reply), ==, "bbbbbbbbbbbbbbbbbbbbbbbb");
  app_test_settle ();
}

static void
test_opens_preset (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "letter.yaml", NULL);
  g_autofree char *broken = g_build_filename (f->dir, "broken.yaml", NULL);
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 97, 4);
  g_autoptr (GFile) file = g_file_new_for_path (path), bad = g_file_new_for_path (broken);

  g_assert_true (steer_preset_save (preset, path, NULL));
  g_assert_true (g_file_set_contents (broken, "[", -1, NULL));
  open_window (f, 1240, 800);
  steer_window_open_file (f->window, file);
  g_assert_cmpstr (steer_preset_get_name (steer_workspace_get_preset (f->workspace)), ==, "Letter");
  steer_window_open_file (f->window, bad);
  g_assert_cmpstr (steer_preset_get_name (steer_workspace_get_preset (f->workspace)), ==, "Letter");
}

/* "Letter" at 7 where its file says 4. */
static void
change_letter (Fixture *f)
{
  g_autofree char *path = g_build_filename (f->dir, "letter.yaml", NULL);
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 97, 4);
  g_autoptr (SteerFeature) feature = NULL;

  g_assert_true (steer_preset_save (preset, path, NULL));
  g_assert_true (steer_workspace_open_preset (f->workspace, path, NULL));
  feature = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (f->workspace)), 0);
  steer_feature_set_strength (feature, 7);
}

static void
assert_undo_brings_letter_back (Fixture *f)
{
  g_autoptr (SteerFeature) feature = NULL;
  GtkWidget *undo;

  app_test_settle ();
  undo = app_test_find (GTK_WIDGET (f->window), GTK_TYPE_BUTTON, "label", "_Undo");
  g_assert_nonnull (undo);
  g_signal_emit_by_name (undo, "clicked");
  g_assert_cmpstr (steer_preset_get_name (steer_workspace_get_preset (f->workspace)), ==, "Letter");
  g_assert_true (steer_workspace_get_preset_modified (f->workspace));
  feature = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (f->workspace)), 0);
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, 7);
}

/* By Open Preset, by a drop, or by the desktop. */
static void
test_opened_preset_can_be_undone (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "number.yaml", NULL);
  g_autoptr (SteerPreset) preset = app_test_preset ("Number", 98, 2);
  g_autoptr (GFile) file = g_file_new_for_path (path);

  g_assert_true (steer_preset_save (preset, path, NULL));
  open_window (f, 1240, 800);
  change_letter (f);
  steer_window_open_file (f->window, file);
  g_assert_cmpstr (steer_preset_get_name (steer_workspace_get_preset (f->workspace)), ==, "Number");
  assert_undo_brings_letter_back (f);
}

static void
test_suggested_preset_can_be_undone (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerPreset) preset = app_test_preset ("Number", 98, 2);
  g_autofree char *path = app_test_keep_preset (steer_workspace_get_presets (f->workspace), preset);

  g_assert_nonnull (path);
  open_window (f, 1240, 800);
  change_letter (f);
  g_action_group_activate_action (G_ACTION_GROUP (f->window), "suggest", g_variant_new ("(ss)", "Number", "Hello"));
  g_assert_cmpstr (steer_preset_get_name (steer_workspace_get_preset (f->workspace)), ==, "Number");
  test_wait_until (is_idle, steer_window_get_chat (f->window), 20);
  assert_undo_brings_letter_back (f);
}

static gboolean
has_model (gpointer workspace)
{
  g_autofree char *path = NULL;

  g_object_get (steer_workspace_get_engine (workspace), "model-path", &path, NULL);
  return path != NULL;
}

static void
test_opens_model (Fixture *f, gconstpointer data)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autoptr (GFile) folder = g_file_new_for_path (model);
  GtkWidget *title;

  g_settings_set_string (f->settings, "device", "cpu");
  open_window (f, 1240, 800);
  g_assert_nonnull (app_test_find (GTK_WIDGET (f->window), GTK_TYPE_LABEL, "label", "No Model"));
  steer_window_open_file (f->window, folder);
  test_wait_until (has_model, f->workspace, 20);
  app_test_settle ();
  title = app_test_find (GTK_WIDGET (f->window), GTK_TYPE_LABEL, "label", "model");
  g_assert_nonnull (title);
  g_assert_true (g_action_group_get_action_enabled (G_ACTION_GROUP (f->window), "suggest"));
}

static void
test_load_error (Fixture *f, gconstpointer data)
{
  GtkWidget *label;

  open_window (f, 1240, 800);
  g_action_group_activate_action (G_ACTION_GROUP (f->window), "load-model", g_variant_new_string ("/no/such/model"));
  for (guint i = 0; i < 20; i++)
    app_test_settle ();
  label = app_test_find (GTK_WIDGET (f->window), GTK_TYPE_LABEL, "label", "The Model Did Not Load");
  g_assert_nonnull (label);
  g_assert_true (gtk_widget_get_mapped (label));
}

/* A control that someone who does not see it would find without a name. */
static void
check_names (GtkWidget *widget)
{
  gboolean control = GTK_IS_BUTTON (widget) || GTK_IS_MENU_BUTTON (widget) || GTK_IS_SWITCH (widget)
                     || (GTK_IS_RANGE (widget) && !GTK_IS_SCROLLBAR (gtk_widget_get_parent (widget)))
                     || GTK_IS_TEXT_VIEW (widget) || GTK_IS_EDITABLE (widget);

  if (!gtk_widget_get_mapped (widget))
    return;
  /* What a composite is made of is named by the composite. */
  if (control && !GTK_IS_TEXT (widget) && !GTK_IS_MENU_BUTTON (gtk_widget_get_parent (widget))
      && !GTK_IS_SPIN_BUTTON (gtk_widget_get_parent (widget))
      && gtk_widget_get_ancestor (widget, GTK_TYPE_WINDOW_CONTROLS) == NULL)
    {
      g_autofree char *label = NULL, *tooltip = gtk_widget_get_tooltip_text (widget) != NULL
                                                  ? g_strdup (gtk_widget_get_tooltip_text (widget))
                                                  : NULL;

      if (g_object_class_find_property (G_OBJECT_GET_CLASS (widget), "label") != NULL)
        g_object_get (widget, "label", &label, NULL);
      if ((label == NULL || *label == '\0') && tooltip == NULL
          && !gtk_test_accessible_has_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL)
          && !gtk_test_accessible_has_relation (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_RELATION_LABELLED_BY))
        {
          g_test_message ("%s in %s has no name", G_OBJECT_TYPE_NAME (widget),
                          G_OBJECT_TYPE_NAME (gtk_widget_get_parent (widget)));
          g_test_fail ();
        }
    }
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    check_names (child);
}

static void
test_names (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 97, 4);

  steer_workspace_set_preset (f->workspace, preset);
  open_window (f, 1240, 800);
  check_names (GTK_WIDGET (f->window));
  steer_chat_send (steer_window_get_chat (f->window), "Hello");
  test_wait_until (is_idle, steer_window_get_chat (f->window), 20);
  app_test_settle ();
  check_names (GTK_WIDGET (f->window));
}

static GtkEventController *
find_drop_target (GtkWidget *widget)
{
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (widget);

  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
    {
      g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

      /* The widget keeps it alive. */
      if (GTK_IS_DROP_TARGET (controller))
        return controller;
    }
  return NULL;
}

/* What GTK does when a file manager's files are let go over the window. */
static void
test_drop (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "Dropped.yaml", NULL);
  g_autoptr (SteerPreset) preset = app_test_preset ("Dropped", 97, 3);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_auto (GValue) value = G_VALUE_INIT;
  GSList list = { .data = file };
  gboolean taken = FALSE;

  g_assert_true (steer_preset_save (preset, path, NULL));
  open_window (f, 1000, 700);
  g_value_init (&value, GDK_TYPE_FILE_LIST);
  g_value_take_boxed (&value, gdk_file_list_new_from_list (&list));
  g_signal_emit_by_name (find_drop_target (GTK_WIDGET (f->window)), "drop", &value, 5.0, 5.0, &taken);
  g_assert_true (taken);
  g_assert_cmpstr (steer_preset_get_name (steer_workspace_get_preset (f->workspace)), ==, "Dropped");
}

#define ADD(path, model, function) g_test_add (path, Fixture, GINT_TO_POINTER (model), set_up, function, tear_down)

int
main (int argc, char **argv)
{
  int result;

  app_test_init (&argc, &argv);
  steer_init ();
  application = GTK_APPLICATION (adw_application_new ("com.example.SteerChat.Test", G_APPLICATION_NON_UNIQUE));
  g_assert_true (g_application_register (G_APPLICATION (application), NULL, NULL));
  steer_window_install_accels (application);

  ADD ("/window/a wide window shows chats, transcript and steering", FALSE, test_wide);
  ADD ("/window/at 360 pixels both sides are folded and open over the transcript", FALSE, test_narrow);
  ADD ("/window/between the two steering stays", FALSE, test_middling);
  ADD ("/window/size and sides are as they were left", FALSE, test_remembers);
  ADD ("/window/every shortcut's action exists", FALSE, test_actions);
  ADD ("/window/nothing is animated where the CPU paints", FALSE, test_animations);
  ADD ("/window/one action switches all steering", FALSE, test_master_switch);
  ADD ("/window/a suggestion asks and the window follows the conversation", TRUE, test_conversation);
  ADD ("/window/what answers nothing cannot be regenerated", TRUE, test_regenerates_answers_only);
  ADD ("/window/the suggestions are of presets that are there", FALSE, test_suggestions);
  ADD ("/window/a suggestion puts its preset in force", TRUE, test_suggested_preset);
  ADD ("/window/a preset that is opened is in use and a broken one changes nothing", FALSE, test_opens_preset);
  ADD ("/window/a preset that is dropped is in use", FALSE, test_drop);
  ADD ("/window/a preset that is opened over unsaved changes can be undone", FALSE, test_opened_preset_can_be_undone);
  ADD ("/window/a suggestion over unsaved changes can be undone", TRUE, test_suggested_preset_can_be_undone);
  ADD ("/window/labels that could not be kept are told of", FALSE, test_tells_of_labels_that_are_not_kept);
  ADD ("/window/a folder that is opened is loaded as a model", FALSE, test_opens_model);
  ADD ("/window/a model that does not load leaves a page that says so", FALSE, test_load_error);
  ADD ("/window/a toast stands above the message that is written", FALSE, test_toasts_leave_composer);
  ADD ("/window/a toast stands over a side that covers the transcript", FALSE, test_toasts_over_side);
  ADD ("/window/all of a message is shown however long it is", FALSE, test_long_messages);
  ADD ("/window/every control has a name", TRUE, test_names);
  result = g_test_run ();
  g_object_unref (application);
  return result;
}
