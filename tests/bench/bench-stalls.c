/* How long the main loop is away while the program works: the longest turn of it in each phase, as time on the clock
 * and as time that the main thread computed. Needs a display:
 *
 *   tests/app/with-display build/tests/bench/bench-stalls [--chats=N] [--messages=N] [--presets=N]
 *
 * The folder that it works in has as many chats and presets as asked for, and one chat of that many messages. */
#include <adwaita.h>

#ifdef HAVE_X11
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "app/steer-application.h"
#include "app/steer-chat-list.h"
#include "app/steer-window.h"
#include "loop-watch.h"
#include "stall-labels.h"

#define WAIT_SECONDS 60

static int n_chats = 1000;
static int n_messages = 10000;
static int n_presets = 200;
static gboolean named = FALSE;
static char *labels = NULL;

static const GOptionEntry entries[] = {
  { "chats", 0, 0, G_OPTION_ARG_INT, &n_chats, "how many chats there are", "N" },
  { "messages", 0, 0, G_OPTION_ARG_INT, &n_messages, "how long the longest of them is", "N" },
  { "presets", 0, 0, G_OPTION_ARG_INT, &n_presets, "how many presets there are", "N" },
  { "labels", 0, 0, G_OPTION_ARG_FILENAME, &labels, "search the labels that bench-labels has made there, too",
    "FOLDER" },
  { "verbose", 'v', 0, G_OPTION_ARG_NONE, &named, "name every turn that is too long", NULL },
  { NULL },
};

/* A display as people have it has a window manager. Where none says that it is there, GDK asks for one several times a
 * frame and waits for the answer each time. */
static void
pose_as_window_manager (void)
{
#ifdef HAVE_X11
  Display *display = XOpenDisplay (NULL);
  Window root, window;
  Atom check;

  if (display == NULL)
    return;
  root = DefaultRootWindow (display);
  window = XCreateSimpleWindow (display, root, 0, 0, 1, 1, 0, 0, 0);
  check = XInternAtom (display, "_NET_SUPPORTING_WM_CHECK", False);
  XChangeProperty (display, root, check, XA_WINDOW, 32, PropModeReplace, (const unsigned char *) &window, 1);
  XChangeProperty (display, window, check, XA_WINDOW, 32, PropModeReplace, (const unsigned char *) &window, 1);
  XSync (display, False); /* the connection stays open, and with it the window */
#endif
}

static void
run_for (guint ms)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_timeout_add_once (ms, (GSourceOnceFunc) g_main_loop_quit, loop);
  g_main_loop_run (loop);
}

static gboolean
give_up (gpointer data)
{
  g_error ("%s did not end", loop_watch_get_phase ());
  return G_SOURCE_REMOVE;
}

static void
run_until (gboolean (*condition) (gpointer data), gpointer data)
{
  guint end = g_timeout_add_seconds (WAIT_SECONDS, give_up, NULL);

  while (!condition (data))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (end);
}

/* What the program finds when it starts. */

static void
fill_conversation (SteerConversation *conversation, guint n)
{
  for (guint i = 0; i < n; i++)
    steer_conversation_append (conversation, i % 2 == 0 ? STEER_ROLE_USER : STEER_ROLE_ASSISTANT,
                               i % 2 == 0 ? "What should I do this weekend, if it rains?"
                                          : "Go up **anyway**. The rain makes the iron shine, the queues are short.\n\n"
                                            "- an umbrella\n- good shoes\n\nThe brasserie on the first floor serves a "
                                            "hot chocolate that is worth the climb.");
}

/* Returns the id of the long chat. */
static gint64
fill_store (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, "conversations.db", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerStore) store = steer_store_open (path, &error);
  g_autoptr (SteerConversation) longest = NULL;

  g_assert_no_error (error);
  longest = steer_store_create (store);
  fill_conversation (longest, (guint) n_messages);
  for (int i = 0; i < n_chats; i++)
    {
      g_autoptr (SteerConversation) conversation = steer_store_create (store);

      fill_conversation (conversation, 4);
    }
  steer_store_flush (store, &error);
  g_assert_no_error (error);
  return steer_conversation_get_id (longest);
}

static void
fill_presets (const char *dir)
{
  g_autofree char *folder = g_build_filename (dir, "presets", NULL);

  g_mkdir_with_parents (folder, 0700);
  for (int i = 0; i < n_presets; i++)
    {
      g_autofree char *name = g_strdup_printf ("Preset %d", i);
      g_autofree char *file = g_strdup_printf ("%s.yaml", name);
      g_autofree char *path = g_build_filename (folder, file, NULL);
      g_autoptr (SteerPreset) preset = steer_preset_new ();

      steer_preset_set_name (preset, name);
      for (guint64 index = 0; index < 8; index++)
        {
          g_autoptr (SteerFeature) feature = steer_feature_new (2, index);

          steer_feature_set_strength (feature, 1.5);
          steer_preset_append (preset, feature);
        }
      g_assert_true (steer_preset_save (preset, path, NULL));
    }
}

typedef struct
{
  SteerWorkspace *workspace;
  SteerWindow *window;
  SteerChat *chat;
  gint64 wanted; /* id of a conversation */
} Bench;

static gboolean
is_loaded (gpointer data)
{
  Bench *bench = data;
  g_autofree char *path = NULL;

  g_object_get (bench->workspace, "loading-path", &path, NULL);
  return path == NULL && steer_chat_get_can_send (bench->chat);
}

static gboolean
is_open (gpointer data)
{
  Bench *bench = data;

  return steer_conversation_get_id (steer_chat_get_conversation (bench->chat)) == bench->wanted;
}

static gboolean
is_idle (gpointer data)
{
  return !steer_chat_get_writing (((Bench *) data)->chat);
}

static GtkWidget *
find (GtkWidget *root, const char *type)
{
  if (g_str_equal (G_OBJECT_TYPE_NAME (root), type))
    return root;
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find (child, type);

      if (found != NULL)
        return found;
    }
  return NULL;
}

static void
act (Bench *bench, const char *type, const char *action, GVariant *target)
{
  gtk_widget_activate_action_variant (find (GTK_WIDGET (bench->window), type), action,
                                      target != NULL ? g_variant_ref_sink (target) : NULL);
}

static void
measure_start (Bench *bench, GtkApplication *application, GSettings *settings, const char *dir)
{
  loop_watch_begin_phase ("start: chats and presets");
  bench->workspace = steer_workspace_new (settings, dir);
  run_for (300);
  loop_watch_end_phase ();

  loop_watch_begin_phase ("start: the window (GTK's own work)");
  bench->window = steer_window_new (application, bench->workspace);
  bench->chat = steer_window_get_chat (bench->window);
  gtk_window_present (GTK_WINDOW (bench->window));
  run_for (1000);
  loop_watch_end_phase ();

  loop_watch_begin_phase ("load the bundled model");
  steer_workspace_load_model (bench->workspace, NULL);
  run_until (is_loaded, bench);
  run_for (300);
  loop_watch_end_phase ();
}

static void
measure_chats (Bench *bench, gint64 longest)
{
  GtkWidget *search = find (GTK_WIDGET (bench->window), "GtkSearchEntry");
  static const char *const typed[] = { "b", "br", "bra", "bras", "choc", "chocolate rain", "nothing at all" };

  loop_watch_begin_phase ("open the long chat");
  bench->wanted = longest;
  steer_window_open_chat (bench->window, longest);
  run_until (is_open, bench);
  run_for (700);
  loop_watch_end_phase ();

  loop_watch_begin_phase ("search as one types");
  for (guint i = 0; i < G_N_ELEMENTS (typed); i++)
    {
      /* As by a hand: all that is there is never replaced by nothing first. */
      const char *text = gtk_editable_get_text (GTK_EDITABLE (search));
      int position = g_str_has_prefix (typed[i], text) ? (int) strlen (text) : 0;

      gtk_editable_insert_text (GTK_EDITABLE (search), typed[i] + position, -1, &position);
      gtk_editable_delete_text (GTK_EDITABLE (search), position, -1);
      run_for (350);
    }
  gtk_editable_set_text (GTK_EDITABLE (search), "");
  run_for (350);
  loop_watch_end_phase ();
}

static void
measure_reply (Bench *bench)
{
  SteerPreset *preset;

  loop_watch_begin_phase ("a new preset, four features, a new chat");
  act (bench, "SteerSteeringPanel", "steering.new", NULL);
  run_for (300);
  preset = steer_workspace_get_preset (bench->workspace);
  for (guint64 i = 0; i < 4; i++)
    {
      g_autoptr (SteerFeature) feature = steer_feature_new (2, 180 + i);

      steer_preset_append (preset, feature);
      run_for (100);
    }
  steer_chat_start_new (bench->chat);
  run_for (500);
  loop_watch_end_phase ();

  loop_watch_begin_phase ("write replies, a slider moving");
  for (guint reply = 0; reply < 3; reply++)
    {
      steer_chat_send (bench->chat, "Can you tell me a story?");
      for (guint i = 0; !is_idle (bench); i++)
        {
          g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), i % 4);

          steer_feature_set_strength (feature, 0.01 * (i % 100));
          run_for (8);
        }
      run_for (300); /* nobody sends in the very turn in which a reply ends: until then there is nothing to send with */
    }
  loop_watch_end_phase ();

  loop_watch_begin_phase ("write a reply into the long chat");
  steer_window_open_chat (bench->window, bench->wanted);
  run_until (is_open, bench);
  run_for (500);
  steer_chat_send (bench->chat, "And if it rains?");
  run_until (is_idle, bench);
  run_for (500);
  loop_watch_end_phase ();
}

static void
measure_presets (Bench *bench, const char *dir)
{
  g_autofree char *path = g_build_filename (dir, "presets", "Preset 7.yaml", NULL);
  SteerPresetFolder *folder = steer_workspace_get_presets (bench->workspace);

  loop_watch_begin_phase ("load, save and delete a preset");
  act (bench, "SteerSteeringPanel", "steering.load", g_variant_new_string (path));
  run_for (300);
  steer_preset_set_master_multiplier (steer_workspace_get_preset (bench->workspace), 1.5);
  run_for (100);
  act (bench, "SteerSteeringPanel", "steering.save", NULL);
  run_for (500);
  act (bench, "SteerSteeringPanel", "steering.delete", NULL);
  run_for (500);
  loop_watch_end_phase ();

  loop_watch_begin_phase ("another program touches all presets");
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (folder)); i++)
    {
      g_autoptr (SteerPresetEntry) entry = g_list_model_get_item (G_LIST_MODEL (folder), i);
      g_autoptr (GFile) file = g_file_new_for_path (steer_preset_entry_get_path (entry));

      if (!steer_preset_entry_get_bundled (entry))
        g_file_set_attribute_uint64 (file, G_FILE_ATTRIBUTE_TIME_MODIFIED, 1000000000 + i, 0, NULL, NULL);
    }
  loop_watch_begin_phase (loop_watch_get_phase ());
  run_for (1000);
  loop_watch_end_phase ();
}

static void
measure_export (Bench *bench)
{
  g_autoptr (GFile) file = g_file_new_build_filename (g_get_tmp_dir (), "steer-bench-export.json", NULL);

  loop_watch_begin_phase ("export the long chat, and import it");
  steer_chat_list_export (STEER_CHAT_LIST (find (GTK_WIDGET (bench->window), "SteerChatList")), bench->wanted, FALSE,
                          file);
  run_for (2000);
  steer_window_open_file (bench->window, file);
  run_for (3000);
  loop_watch_end_phase ();
  g_file_delete (file, NULL, NULL);
}

static void
measure_deletion (Bench *bench)
{
  loop_watch_begin_phase ("delete chats, and bring one back");
  for (guint i = 0; i < 5; i++)
    {
      g_action_group_activate_action (G_ACTION_GROUP (bench->window), "delete-chat", NULL);
      run_for (150);
      g_action_group_activate_action (G_ACTION_GROUP (bench->window), "next-chat", NULL);
      run_for (300);
    }
  loop_watch_end_phase ();
}

static GtkWindow *
find_dialog (const char *type)
{
  GListModel *windows = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (windows); i++)
    {
      g_autoptr (GtkWindow) window = g_list_model_get_item (windows, i);

      if (g_str_equal (G_OBJECT_TYPE_NAME (window), type))
        return window;
    }
  g_error ("%s: there is no %s", loop_watch_get_phase (), type);
}

static void
measure_labels (Bench *bench, const char *dir)
{
  static const char *const typed[] = { "eiffel tower", "references to the" };
  GtkWindow *dialog;

  stall_labels_add_sae (bench->workspace, dir);
  run_for (500);
  loop_watch_begin_phase ("search features by their labels");
  act (bench, "SteerSteeringPanel", "steering.add-feature", NULL);
  run_for (500);
  dialog = find_dialog ("SteerAddFeatureDialog");
  for (guint i = 0; i < G_N_ELEMENTS (typed); i++)
    {
      GtkEditable *search = GTK_EDITABLE (find (GTK_WIDGET (dialog), "GtkSearchEntry"));
      int position = 0;

      gtk_editable_delete_text (search, 0, -1);
      while (typed[i][position] != '\0')
        {
          gtk_editable_insert_text (search, typed[i] + position, 1, &position);
          run_for (180);
        }
    }
  run_for (300);
  loop_watch_end_phase ();
  gtk_window_destroy (dialog);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GtkApplication) application = NULL;
  g_autoptr (GSettings) settings = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("steer-stalls-XXXXXX", NULL);
  Bench bench = { 0 };
  gint64 longest;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  g_setenv ("GSETTINGS_BACKEND", "memory", TRUE);
  g_setenv ("GSK_RENDERER", "cairo", FALSE);
  pose_as_window_manager ();
  steer_application_prepare ();
  steer_init ();
  steer_niceness_put_tasks_behind ();
  longest = fill_store (dir);
  fill_presets (dir);
  if (labels != NULL)
    stall_labels_take (labels, dir);

  application = g_object_new (ADW_TYPE_APPLICATION, "application-id", "com.example.SteerChat.Stalls", "flags",
                              G_APPLICATION_NON_UNIQUE, "resource-base-path", "/com/example/SteerChat", NULL);
  g_application_register (G_APPLICATION (application), NULL, NULL);
  settings = g_settings_new ("com.example.SteerChat");
  loop_watch_start (named);

  g_print ("%d chats, one of %d messages, %d presets; times in ms, of the longest turn of the main loop\n", n_chats,
           n_messages, n_presets);
  loop_watch_print_head ();
  measure_start (&bench, application, settings, dir);
  measure_chats (&bench, longest);
  measure_reply (&bench);
  measure_presets (&bench, dir);
  measure_export (&bench);
  measure_deletion (&bench);
  if (labels != NULL)
    measure_labels (&bench, dir);

  loop_watch_begin_phase ("close");
  gtk_window_destroy (GTK_WINDOW (bench.window));
  run_for (100);
  loop_watch_end_phase ();
  g_object_unref (bench.workspace);
  return EXIT_SUCCESS;
}
