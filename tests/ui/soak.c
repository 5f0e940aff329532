/* soak [WINDOWS]: opens and closes that many windows and dialogs (default: 1,000) while a model loads and while a reply
 * is written, each at a random moment, and tells what memory did. A critical message, a window that is not freed, or
 * memory that grows ends it with a failure. Not a test of the suite: build-aux/soak builds and runs it. */
#include <malloc.h>
#include <stdlib.h>

#include "app-test-util.h"
#include "test-util.h"

#include "app/steer-about.h"
#include "app/steer-add-feature-dialog.h"
#include "app/steer-firing-dialog.h"
#include "app/steer-preferences.h"
#include "app/steer-window.h"

/* Fonts, icons, styles and types are there once all kinds have been open a few times. */
#define N_WARM_UP 60

/* GTK 4.8 keeps the items of each menu that a template names: 16 KB a main window. */
#define MAX_GROWTH 24000 /* bytes a window */

/* libadwaita 1.2 keeps 0.4 MB of a window of preferences, be it empty or not: counted apart. */
#define N_KINDS 5
#define KIND_PREFERENCES 4

typedef struct
{
  GtkApplication *application;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerWindow *window; /* (nullable) */
  GRand *random;
  guint n_opened;
  guint n_freed;
  guint n_mid_load;
  guint n_mid_reply;
} Soak;

static void
on_freed (gpointer data, GObject *window)
{
  ((Soak *) data)->n_freed++;
}

static void
watch (Soak *soak, GtkWidget *window)
{
  soak->n_opened++;
  g_object_weak_ref (G_OBJECT (window), on_freed, soak);
}

/* As SteerApplication does it. */
static void
on_window_removed (GtkApplication *application, GtkWindow *window)
{
  if (STEER_IS_WINDOW (window) && steer_window_get_chat (STEER_WINDOW (window)) != NULL)
    steer_chat_stop_all (steer_window_get_chat (STEER_WINDOW (window)));
}

/* Any moment of the next frames. */
static void
run_a_moment (Soak *soak)
{
  gint64 end = g_get_monotonic_time () + g_rand_int_range (soak->random, 0, 60) * G_TIME_SPAN_MILLISECOND;

  do
    g_main_context_iteration (NULL, FALSE);
  while (g_get_monotonic_time () < end);
}

static gboolean
is_loading (Soak *soak)
{
  g_autofree char *path = NULL;

  g_object_get (soak->workspace, "loading-path", &path, NULL);
  return path != NULL;
}

static gboolean
is_loaded (gpointer soak)
{
  return !is_loading (soak);
}

static gboolean
has_ended (gpointer soak)
{
  return steer_engine_get_state (steer_workspace_get_engine (((Soak *) soak)->workspace)) != STEER_ENGINE_BUSY;
}

static void
note_moment (Soak *soak)
{
  soak->n_mid_load += is_loading (soak);
  soak->n_mid_reply += !has_ended (soak);
}

static void
close_window (Soak *soak, GtkWidget *window)
{
  note_moment (soak);
  if (g_rand_boolean (soak->random))
    gtk_window_close (GTK_WINDOW (window));
  else
    gtk_window_destroy (GTK_WINDOW (window));
}

static void
open_main (Soak *soak)
{
  soak->window = steer_window_new (soak->application, soak->workspace);
  watch (soak, GTK_WIDGET (soak->window));
  gtk_window_present (GTK_WINDOW (soak->window));
}

/* What was said in it goes with it: memory is watched, not the store. */
static void
close_main (Soak *soak)
{
  SteerStore *store = steer_workspace_get_store (soak->workspace);
  gint64 id = steer_conversation_get_id (steer_chat_get_conversation (steer_window_get_chat (soak->window)));

  close_window (soak, GTK_WIDGET (g_steal_pointer (&soak->window)));
  run_a_moment (soak);
  test_wait_until (is_loaded, soak, 60);
  test_wait_until (has_ended, soak, 60);
  if (id != 0)
    steer_store_delete (store, id);
  steer_store_purge (store);
}

/* The newest window that is not the main one: About and the shortcuts keep theirs to themselves. */
static GtkWidget *
find_dialog (Soak *soak)
{
  GListModel *windows = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (windows); i++)
    {
      g_autoptr (GtkWidget) window = g_list_model_get_item (windows, i);

      if (window != GTK_WIDGET (soak->window))
        return window;
    }
  return NULL;
}

static GtkWidget *
open_dialog (Soak *soak, guint kind)
{
  GtkWindow *parent = GTK_WINDOW (soak->window);
  SteerConversation *conversation = steer_chat_get_conversation (steer_window_get_chat (soak->window));
  g_autoptr (SteerMessage) message = g_list_model_get_item (G_LIST_MODEL (conversation), 0);
  g_autoptr (GtkBuilder) builder = NULL;
  GtkWidget *dialog = NULL;

  switch (kind)
    {
    case KIND_PREFERENCES:
      dialog = GTK_WIDGET (steer_preferences_new (parent, soak->workspace));
      break;
    case 1:
      dialog = steer_add_feature_dialog_new (parent, steer_workspace_get_library (soak->workspace),
                                             steer_workspace_get_labels (soak->workspace));
      break;
    case 2:
      builder = gtk_builder_new_from_resource ("/com/example/SteerChat/gtk/help-overlay.ui");
      dialog = GTK_WIDGET (gtk_builder_get_object (builder, "help_overlay"));
      gtk_window_set_transient_for (GTK_WINDOW (dialog), parent);
      break;
    case 0:
      if (message != NULL)
        dialog = steer_firing_dialog_new (parent, steer_workspace_get_inspector (soak->workspace), conversation,
                                          message, NULL);
      break;
    default:
      break;
    }
  if (dialog != NULL)
    gtk_window_present (GTK_WINDOW (dialog));
  else
    {
      steer_about_show (parent);
      dialog = find_dialog (soak);
    }
  watch (soak, dialog);
  return dialog;
}

/* A main window in one of the states that it is closed in, with dialogs that come and go in front of it. */
static void
run_round (Soak *soak, guint round, gboolean preferences)
{
  SteerChat *chat;
  guint n_dialogs = g_rand_int_range (soak->random, round % 4 == 0 ? 0 : 1, 4);

  open_main (soak);
  chat = steer_window_get_chat (soak->window);
  run_a_moment (soak);
  if (round % 2 == 0)
    steer_workspace_load_model (soak->workspace, NULL);
  else if (steer_chat_get_can_send (chat))
    {
      steer_chat_set_comparing (chat, round % 4 == 1);
      steer_chat_send (chat, "Can you tell me a long story?");
    }
  for (guint i = 0; i < n_dialogs; i++)
    {
      GtkWidget *dialog;

      if (steer_chat_get_can_send (chat) && g_rand_boolean (soak->random))
        steer_chat_send (chat, "And then?");
      dialog = open_dialog (soak, preferences ? KIND_PREFERENCES : (round + i) % (N_KINDS - 1));
      run_a_moment (soak);
      /* Now and then the window goes first, and takes its dialog with it. */
      if (g_rand_int_range (soak->random, 0, 4) == 0)
        break;
      close_window (soak, dialog);
      run_a_moment (soak);
    }
  close_main (soak);
}

/* Bytes that are in use, once everything that goes has gone. */
static gsize
measure (Soak *soak)
{
  for (guint i = 0; i < 10; i++)
    app_test_settle ();
  malloc_trim (0);
  return mallinfo2 ().uordblks;
}

/* Tells what memory did over @n windows. Returns bytes a window. */
static double
run (Soak *soak, const char *what, guint n, gboolean preferences)
{
  gsize before = measure (soak), after;
  guint first = soak->n_opened, n_done;
  double growth;

  for (guint round = 0; soak->n_opened < first + n; round++)
    run_round (soak, round, preferences);
  after = measure (soak);
  n_done = soak->n_opened - first;
  growth = ((double) after - (double) before) / n_done;
  g_print ("%s: %u windows; memory in use: %.2f MB, then %.2f MB: %.0f bytes a window\n", what, n_done,
           (double) before / 1e6, (double) after / 1e6, growth);
  return growth;
}

int
main (int argc, char **argv)
{
  Soak soak = { 0 };
  char *dir;
  guint n = 1000, n_preferences;
  double growth;

  app_test_init (&argc, &argv);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  if (argc > 1)
    n = (guint) g_ascii_strtoull (argv[1], NULL, 10);
  n_preferences = n / 10;
  steer_init ();
  dir = test_make_dir ();
  soak.random = g_rand_new_with_seed (1);
  soak.settings = app_test_settings ();
  soak.workspace = steer_workspace_new (soak.settings, dir);
  soak.application = g_object_new (ADW_TYPE_APPLICATION, "application-id", "com.example.SteerChat.Soak", "flags",
                                   G_APPLICATION_NON_UNIQUE, NULL);
  g_signal_connect (soak.application, "window-removed", G_CALLBACK (on_window_removed), NULL);
  g_application_register (G_APPLICATION (soak.application), NULL, NULL);

  run (&soak, "to begin with", N_WARM_UP, FALSE);
  growth = run (&soak, "main windows, features, shortcuts, inspector, About", n - n_preferences, FALSE);
  run (&soak, "main windows and preferences", n_preferences, TRUE);
  g_print ("closed in mid-load: %u, in mid-reply: %u; not freed: %u of %u\n", soak.n_mid_load, soak.n_mid_reply,
           soak.n_opened - soak.n_freed, soak.n_opened);
  g_object_unref (soak.workspace);
  g_object_unref (soak.settings);
  g_object_unref (soak.application);
  g_rand_free (soak.random);
  test_remove_dir (dir);
  return soak.n_freed == soak.n_opened && growth <= MAX_GROWTH ? EXIT_SUCCESS : EXIT_FAILURE;
}
