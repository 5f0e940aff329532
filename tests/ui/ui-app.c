#include "ui-app.h"

#include <glib/gstdio.h>
#include <locale.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_SECONDS 40

/* How a program with AddressSanitizer tells that it leaked, and what it says when only GLib did: a program with this
 * many names outgrows the first table of quarks, which GLib leaves behind by design. A suppression could name that
 * place only by exact stacks of all allocations, which take four times as long as the test. */
#define STATUS_LEAKS 23
#define LEAK_OF_GLIB "SUMMARY: AddressSanitizer: 16384 byte(s) leaked in 1 allocation(s)."

#ifdef __SANITIZE_ADDRESS__
const char *__asan_default_options (void);

/* Of the test, not of the program that it starts: libatspi leaks the paths of objects that went away meanwhile. */
const char *
__asan_default_options (void)
{
  return "detect_leaks=0";
}
#endif

/* Newer Mesons have set options by themselves, among them to end with a signal, which tells nothing of the cause. */
static void
set_leak_status (void)
{
  const char *options = g_getenv ("ASAN_OPTIONS");
  g_autofree char *own
    = g_strconcat (options != NULL ? options : "", ":abort_on_error=0:exitcode=" G_STRINGIFY (STATUS_LEAKS), NULL);

  g_setenv ("ASAN_OPTIONS", own, TRUE);
}

void
ui_init (int *argc, char ***argv)
{
  setlocale (LC_ALL, "");
  g_test_init (argc, argv, NULL);
  /* A program that is just starting cannot answer everything yet, and the library says so. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  /* The program keeps what it is told between its starts. */
  g_setenv ("GSETTINGS_BACKEND", "keyfile", TRUE);
  g_setenv ("GTK_A11Y", "atspi", TRUE);
  set_leak_status ();
  g_assert_cmpint (atspi_init (), ==, 0);
}

/* What the program said goes on to the test's own stderr where it did not end well. */
static void
assert_good_end (App *app, int status)
{
  g_autofree char *said = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (app->said_path, &said, NULL, &error);
  g_assert_no_error (error);
  g_unlink (app->said_path);
  g_clear_pointer (&app->said_path, g_free);
  if (WIFEXITED (status) && WEXITSTATUS (status) == STATUS_LEAKS
      && (app->gtk_leaks || strstr (said, LEAK_OF_GLIB) != NULL))
    return;
  g_printerr ("%s", said);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* What the program shows, for whoever reads why a test failed. */
static void
print_tree (Node *node, guint depth)
{
  g_autofree char *name = atspi_accessible_get_name (node, NULL);
  g_autofree char *role = atspi_accessible_get_role_name (node, NULL);

  g_printerr ("%*s%s: %s\n", (int) (2 * depth), "", role, name);
  for (int i = 0; i < atspi_accessible_get_child_count (node, NULL); i++)
    {
      g_autoptr (Node) child = atspi_accessible_get_child_at_index (node, i, NULL);

      if (child != NULL)
        print_tree (child, depth + 1);
    }
}

void
ui_wait_for (gboolean (*condition) (App *app, gpointer data), App *app, gpointer data, const char *what)
{
  gint64 end = g_get_monotonic_time () + WAIT_SECONDS * G_TIME_SPAN_SECOND;
  int status;

  for (;;)
    {
      gint64 start = g_get_monotonic_time ();
      gint64 took;

      if (condition (app, data))
        return;
      took = g_get_monotonic_time () - start;
      if (g_get_monotonic_time () > end)
        {
          if (app->window != NULL)
            print_tree (app->window, 0);
          g_error ("waited %d s for %s", WAIT_SECONDS, what);
        }
      if (waitpid (app->pid, &status, WNOHANG) != 0)
        {
          assert_good_end (app, status);
          g_error ("the program ended before %s", what);
        }

      /* Asking takes the program's time too: it has most of it for what is waited for. */
      g_usleep (MAX (5000, 3 * took));
    }
}

typedef gboolean (*Match) (Node *accessible, gpointer data);

/* Depth first, the last one when @last. (transfer full) (nullable) */
static Node *
search (Node *root, Match match, gpointer data, gboolean last)
{
  int n = root != NULL ? atspi_accessible_get_child_count (root, NULL) : 0;
  Node *found = NULL;

  if (root == NULL)
    return NULL;
  if (match (root, data))
    found = g_object_ref (root);
  for (int i = 0; i < n && (found == NULL || last); i++)
    {
      g_autoptr (Node) child = atspi_accessible_get_child_at_index (root, i, NULL);
      Node *below = child != NULL ? search (child, match, data, last) : NULL;

      if (below != NULL)
        {
          g_clear_object (&found);
          found = below;
        }
    }
  return found;
}

/* As GTK 4.8 tells them: newer ones know groups from panels, search entries from texts, and toggles from buttons. */
static gboolean
has_role (Node *accessible, AtspiRole wanted)
{
  AtspiRole role = atspi_accessible_get_role (accessible, NULL);

  return role == wanted || (role == ATSPI_ROLE_GROUPING && wanted == ATSPI_ROLE_PANEL)
         || (role == ATSPI_ROLE_ENTRY && wanted == ATSPI_ROLE_TEXT)
         || (role == ATSPI_ROLE_TOGGLE_BUTTON && wanted == ATSPI_ROLE_PUSH_BUTTON);
}

static gboolean
matches (Node *accessible, gpointer data)
{
  const Wanted *wanted = data;
  g_autofree char *name = NULL;

  if (!has_role (accessible, wanted->role))
    return FALSE;
  name = atspi_accessible_get_name (accessible, NULL);
  return name != NULL && g_pattern_match_simple (wanted->name, name);
}

Node *
ui_find (Node *root, AtspiRole role, const char *name)
{
  return search (root, matches, &(Wanted){ role, name }, FALSE);
}

Node *
ui_find_last (Node *root, AtspiRole role, const char *name)
{
  return search (root, matches, &(Wanted){ role, name }, TRUE);
}

gboolean
ui_is_there (App *app, gpointer data)
{
  const Wanted *wanted = data;
  g_autoptr (Node) found = ui_find (app->window, wanted->role, wanted->name);

  return found != NULL;
}

Node *
ui_wait_for_node (App *app, AtspiRole role, const char *name)
{
  ui_wait_for (ui_is_there, app, &(Wanted){ role, name }, name);
  return ui_find (app->window, role, name);
}

double
ui_get_value (Node *node)
{
  g_autoptr (NodeValue) value = atspi_accessible_get_value_iface (node);

  return atspi_value_get_current_value (value, NULL);
}

gboolean
ui_has_state (Node *accessible, AtspiStateType state)
{
  g_autoptr (GObject) states = G_OBJECT (atspi_accessible_get_state_set (accessible));

  return atspi_state_set_contains ((AtspiStateSet *) states, state);
}

typedef struct
{
  NodeAction *actions;
  int index;
} Act;

static gboolean
does (App *app, gpointer data)
{
  Act *act = data;

  return atspi_action_do_action (act->actions, act->index, NULL);
}

/* Newer GTKs refuse where a button cannot be pressed yet. */
void
ui_act (App *app, Node *accessible, const char *name)
{
  g_autoptr (NodeAction) actions = atspi_accessible_get_action_iface (accessible);
  int n;

  g_assert_nonnull (actions);
  /* GTK 4.8 leaks the list of a widget's own actions whenever one asks for them. */
  app->gtk_leaks = app->gtk_leaks || name != NULL;
  n = atspi_action_get_n_actions (actions, NULL);
  for (int i = 0; i < n; i++)
    {
      g_autofree char *found = atspi_action_get_action_name (actions, i, NULL);

      if (name != NULL && g_strcmp0 (found, name) != 0)
        continue;
      ui_wait_for (does, app, &(Act){ actions, i }, found);
      return;
    }
  g_error ("there is no action %s", name);
}

void
ui_press (App *app, const char *name)
{
  g_autoptr (Node) button = ui_wait_for_node (app, ATSPI_ROLE_PUSH_BUTTON, name);

  ui_act (app, button, NULL);
}

static gboolean
find_window (App *app, gpointer data)
{
  g_autoptr (Node) desktop = atspi_get_desktop (0);
  g_autoptr (Node) application = ui_find (desktop, ATSPI_ROLE_APPLICATION, "steer-chat");

  g_clear_object (&app->window);
  /* The composer is there when everything is. */
  app->window = application != NULL ? ui_find (application, ATSPI_ROLE_FRAME, "*") : NULL;
  return app->window != NULL && ui_is_there (app, &(Wanted){ ATSPI_ROLE_TEXT, "Message" });
}

static gboolean
is_ready (App *app, gpointer data)
{
  g_autoptr (Node) device = ui_find (app->window, ATSPI_ROLE_LABEL, "CPU *");
  g_autoptr (Node) other = device == NULL ? ui_find (app->window, ATSPI_ROLE_LABEL, "GPU *") : NULL;

  return device != NULL || other != NULL;
}

void
ui_start (App *app, const char *preset)
{
  const char *arguments[] = { g_getenv ("STEER_TEST_APP"), preset != NULL ? "--preset" : NULL, preset, NULL };
  g_autoptr (GError) error = NULL;
  int said;

  g_free (app->said_path);
  app->gtk_leaks = FALSE;
  said = g_file_open_tmp ("steer-ui-XXXXXX", &app->said_path, &error);
  g_assert_no_error (error);
  g_spawn_async_with_fds (NULL, (char **) arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                          NULL, &app->pid, -1, -1, said, &error);
  g_assert_no_error (error);
  close (said);
  ui_wait_for (find_window, app, NULL, "the window");
  ui_wait_for (is_ready, app, NULL, "the model");
}

void
ui_activate (const char *action, GVariant *parameters)
{
  g_autoptr (GDBusConnection) bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, NULL);
  g_autoptr (GVariant) done = NULL;
  g_autoptr (GError) error = NULL;

  if (parameters == NULL)
    parameters = g_variant_new ("av", NULL);
  done = g_dbus_connection_call_sync (bus, "com.example.SteerChat", "/com/example/SteerChat", "org.gtk.Actions",
                                      "Activate", g_variant_new ("(s@ava{sv})", action, parameters, NULL), NULL,
                                      G_DBUS_CALL_FLAGS_NONE, 60 * 1000, NULL, &error);
  g_assert_no_error (error);
}

void
ui_quit (App *app)
{
  int status;

  ui_activate ("quit", NULL);
  g_clear_object (&app->window);
  for (guint i = 0; waitpid (app->pid, &status, WNOHANG) == 0; i++)
    {
      g_assert_cmpuint (i, <, 10000);
      g_usleep (1000);
    }
  assert_good_end (app, status);
}

Node *
ui_find_acting (Node *root, const char *action)
{
  g_autoptr (NodeAction) actions = atspi_accessible_get_action_iface (root);
  int n_actions = actions != NULL ? atspi_action_get_n_actions (actions, NULL) : 0;
  int n = atspi_accessible_get_child_count (root, NULL);

  for (int i = n - 1; i >= 0; i--)
    {
      g_autoptr (Node) child = atspi_accessible_get_child_at_index (root, i, NULL);
      Node *found = child != NULL ? ui_find_acting (child, action) : NULL;

      if (found != NULL)
        return found;
    }
  for (int i = 0; i < n_actions; i++)
    {
      g_autofree char *name = atspi_action_get_action_name (actions, i, NULL);

      if (g_strcmp0 (name, action) == 0)
        return g_object_ref (root);
    }
  return NULL;
}
