/* The program is started with files, as a file manager does: what becomes of them, and of what would have been loaded
 * without them. */
#include "app-test-util.h"
#include "cpu/steer-cpu.h"
#include "steer-application.h"
#include "steer-preferences.h"
#include "steer-window.h"
#include "test-util.h"

#define PATIENCE_SECONDS 30
/* Longer than anyone should wait for a device. */
#define HANG_SECONDS 10

typedef gboolean (*Condition) (SteerWorkspace *workspace, const char *wanted);

typedef struct
{
  SteerApplication *application;
  const char *later; /* (nullable): a second start asks to open it once the first condition holds */
  Condition condition;
  const char *wanted;
  gint64 end;
  gboolean met;
  guint n_windows;
} Run;

static gboolean
check (gpointer data)
{
  Run *run = data;
  SteerWorkspace *workspace = steer_application_get_workspace (run->application);

  run->met = workspace != NULL && run->condition (workspace, run->wanted);
  if (!run->met && g_get_monotonic_time () < run->end)
    return G_SOURCE_CONTINUE;
  run->n_windows = g_list_length (gtk_application_get_windows (GTK_APPLICATION (run->application)));
  g_application_quit (G_APPLICATION (run->application));
  return G_SOURCE_REMOVE;
}

/* Asks the running program, once it has a window, to open @later: what a second start hands over to the first. */
static gboolean
open_later (gpointer data)
{
  Run *run = data;
  g_autoptr (GFile) file = g_file_new_for_path (run->later);

  if (gtk_application_get_windows (GTK_APPLICATION (run->application)) == NULL)
    return G_SOURCE_CONTINUE;
  g_application_open (G_APPLICATION (run->application), &file, 1, "");
  return G_SOURCE_REMOVE;
}

/* Runs `steer-chat FILE...` until @condition holds, and fails when it never does. There is one window. */
static void
start_with (const char *first, const char *second, const char *later, Condition condition, const char *wanted)
{
  char *arguments[] = { (char *) "steer-chat", (char *) first, (char *) second, NULL };
  Run run = { .application = steer_application_new (),
              .later = later,
              .condition = condition,
              .wanted = wanted,
              .end = g_get_monotonic_time () + PATIENCE_SECONDS * G_TIME_SPAN_SECOND };

  g_application_set_flags (G_APPLICATION (run.application), G_APPLICATION_HANDLES_OPEN | G_APPLICATION_NON_UNIQUE);
  if (later != NULL)
    g_timeout_add (5, open_later, &run);
  g_timeout_add (5, check, &run);
  g_assert_cmpint (g_application_run (G_APPLICATION (run.application), second != NULL ? 3 : 2, arguments), ==, 0);
  g_assert_true (run.met);
  g_assert_cmpuint (run.n_windows, ==, 1);
  test_assert_finalizes (run.application);
}

static gboolean
is_steered_by (SteerWorkspace *workspace, const char *name)
{
  return g_strcmp0 (steer_preset_get_name (steer_workspace_get_preset (workspace)), name) == 0;
}

/* Loaded, and nothing else comes after it. */
static gboolean
has_model (SteerWorkspace *workspace, const char *path)
{
  g_autofree char *loaded = NULL, *loading = NULL;

  g_object_get (steer_workspace_get_engine (workspace), "model-path", &loaded, NULL);
  g_object_get (workspace, "loading-path", &loading, NULL);
  return loading == NULL && g_strcmp0 (loaded, path) == 0;
}

static gboolean
has_letter_and_model (SteerWorkspace *workspace, const char *path)
{
  return is_steered_by (workspace, "Letter") && has_model (workspace, path);
}

static gboolean
says_why (SteerWorkspace *workspace, const char *path)
{
  g_autofree char *error = NULL;

  g_object_get (workspace, "load-error", &error, NULL);
  return error != NULL && strstr (error, path) != NULL;
}

static char *
save_preset (const char *dir, const char *name)
{
  g_autofree char *file = g_strconcat (name, ".yaml", NULL);
  char *path = g_build_filename (dir, file, NULL);
  g_autoptr (SteerPreset) preset = app_test_preset (name, 97, 4);

  g_assert_true (steer_preset_save (preset, path, NULL));
  return path;
}

static void
test_preset (void)
{
  char *dir = test_make_dir ();
  g_autofree char *path = save_preset (dir, "Letter");

  start_with (path, NULL, NULL, is_steered_by, "Letter");
  test_remove_dir (dir);
}

static void
test_preset_of_second_start (void)
{
  char *dir = test_make_dir ();
  g_autofree char *first = save_preset (dir, "Letter");
  g_autofree char *second = save_preset (dir, "Number");

  start_with (first, NULL, second, is_steered_by, "Number");
  test_remove_dir (dir);
}

static void
test_folder (void)
{
  g_autofree char *path = test_fixture_path ("cli/model");

  start_with (path, NULL, NULL, has_model, path);
}

static void
test_gguf (void)
{
  g_autofree char *path = test_fixture_path ("cpu/llama-gqa/model.gguf");

  start_with (path, NULL, NULL, has_model, path);
}

static void
test_both (void)
{
  char *dir = test_make_dir ();
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autofree char *preset = save_preset (dir, "Letter");

  start_with (preset, model, NULL, has_letter_and_model, model);
  test_remove_dir (dir);
}

static void
test_no_model (void)
{
  char *dir = test_make_dir ();

  start_with (dir, NULL, NULL, says_why, dir);
  test_remove_dir (dir);
}

typedef struct
{
  SteerApplication *application;
  gpointer preferences; /* (nullable): the first time they were shown */
  guint step;
} Showing;

static GtkWindow *
find_window (GType type)
{
  GListModel *windows = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (windows); i++)
    {
      g_autoptr (GtkWindow) window = g_list_model_get_item (windows, i);

      if (G_TYPE_CHECK_INSTANCE_TYPE (window, type))
        return window;
    }
  return NULL;
}

/* Whether what is loaded at the start, the bundled model, is there. */
static gboolean
has_loaded (SteerApplication *application)
{
  SteerWorkspace *workspace = steer_application_get_workspace (application);
  g_autofree char *loaded = NULL;

  if (workspace != NULL)
    g_object_get (steer_workspace_get_engine (workspace), "model-path", &loaded, NULL);
  return loaded != NULL;
}

/* Shows the preferences twice, and closes the main window while they are hidden. */
static gboolean
show_twice (gpointer data)
{
  Showing *self = data;
  GtkWindow *window = find_window (STEER_TYPE_WINDOW);

  if (window == NULL || !gtk_widget_get_mapped (GTK_WIDGET (window)) || !has_loaded (self->application))
    return G_SOURCE_CONTINUE;
  if (self->step == 0)
    g_action_group_activate_action (G_ACTION_GROUP (self->application), "preferences", NULL);
  else if (self->step == 2)
    g_action_group_activate_action (G_ACTION_GROUP (self->application), "preferences-page",
                                    g_variant_new_string ("model"));
  else
    {
      GtkWindow *preferences = find_window (STEER_TYPE_PREFERENCES);

      g_assert_nonnull (preferences);
      g_assert_true (gtk_widget_get_visible (GTK_WIDGET (preferences)));
      g_assert_true (self->preferences == NULL || self->preferences == preferences);
      g_set_weak_pointer (&self->preferences, preferences);
      g_assert_cmpstr (adw_preferences_window_get_visible_page_name (ADW_PREFERENCES_WINDOW (preferences)), ==,
                       self->step == 1 ? "replies" : "model");
      gtk_window_close (preferences);
      g_assert_false (gtk_widget_get_visible (GTK_WIDGET (preferences)));
    }
  if (++self->step < 4)
    return G_SOURCE_CONTINUE;
  gtk_window_close (window);
  return G_SOURCE_REMOVE;
}

static void G_GNUC_UNUSED
test_preferences (void)
{
  char *arguments[] = { (char *) "steer-chat", NULL };
  Showing self = { .application = steer_application_new () };

  g_application_set_flags (G_APPLICATION (self.application), G_APPLICATION_HANDLES_OPEN | G_APPLICATION_NON_UNIQUE);
  g_timeout_add (20, show_twice, &self);
  g_assert_cmpint (g_application_run (G_APPLICATION (self.application), 1, arguments), ==, 0);
  g_assert_cmpuint (self.step, ==, 4);
  g_assert_null (self.preferences);
  test_assert_finalizes (self.application);
}

/* A device that is the CPU until it is told to hang. */
static struct
{
  gint hangs;    /* atomic */
  gint hanging;  /* atomic: it does */
  gint left;     /* atomic: the workspace has written what it had to write */
  gint released; /* atomic: and that ended the hang */
} toy;

static const SteerBackend toy_backend;

static GPtrArray *
list_toys (void)
{
  GPtrArray *devices = steer_cpu_backend ()->list_devices ();
  SteerDevice *device = g_ptr_array_index (devices, 0);

  g_free (device->id);
  device->id = g_strdup ("toy:0");
  return devices;
}

static gboolean
estimate_toy (SteerModel *model,
              const char *device,
              const SteerContextOptions *options,
              SteerMemoryEstimate *result,
              GError **error)
{
  return steer_cpu_backend ()->estimate (model, "cpu", options, result, error);
}

static SteerContext *
open_toy (SteerModel *model,
          const char *device,
          const SteerContextOptions *options,
          SteerProgressFunc progress,
          gpointer data,
          GCancellable *cancellable,
          GError **error)
{
  SteerContext *context = steer_cpu_backend ()->open (model, "cpu", options, progress, data, cancellable, error);

  if (context == NULL)
    return NULL;
  context->backend = &toy_backend;
  g_free (context->device_id);
  context->device_id = g_strdup ("toy:0");
  return context;
}

static void
close_toy (SteerContext *context)
{
  steer_cpu_backend ()->close (context);
}

static gboolean
forward_toy (SteerContext *context, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  gint64 end = g_get_monotonic_time () + HANG_SECONDS * G_TIME_SPAN_SECOND;

  if (g_atomic_int_compare_and_exchange (&toy.hangs, TRUE, FALSE))
    {
      g_atomic_int_set (&toy.hanging, TRUE);
      while (!g_atomic_int_get (&toy.left) && g_get_monotonic_time () < end)
        g_usleep (1000);
      g_atomic_int_set (&toy.released, g_atomic_int_get (&toy.left));
    }
  return steer_cpu_backend ()->forward (context, runs, n_runs, cancellable, error);
}

static const SteerBackend toy_backend = {
  .name = "toy",
  .list_devices = list_toys,
  .estimate = estimate_toy,
  .open = open_toy,
  .close = close_toy,
  .forward = forward_toy,
};

static void
on_left (gpointer data, GObject *workspace)
{
  g_atomic_int_set (&toy.left, TRUE);
}

/* Asks something, and closes the window while the device hangs. */
static gboolean
quit_while_it_hangs (gpointer application)
{
  SteerWindow *window = STEER_WINDOW (find_window (STEER_TYPE_WINDOW));

  if (window == NULL || !steer_chat_get_can_send (steer_window_get_chat (window)))
    return G_SOURCE_CONTINUE;
  g_atomic_int_set (&toy.hangs, TRUE);
  steer_chat_send (steer_window_get_chat (window), "Hello");
  while (!g_atomic_int_get (&toy.hanging))
    g_usleep (1000);
  g_object_weak_ref (G_OBJECT (steer_application_get_workspace (application)), on_left, NULL);
  gtk_window_close (GTK_WINDOW (window));
  return G_SOURCE_REMOVE;
}

static void
test_hanging_device (void)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  char *arguments[] = { (char *) "steer-chat", model, NULL };
  SteerApplication *application = steer_application_new ();
  g_autoptr (GSettings) settings = g_settings_new (STEER_APPLICATION_ID);

  g_settings_set_string (settings, "device", "toy");
  g_application_set_flags (G_APPLICATION (application), G_APPLICATION_HANDLES_OPEN | G_APPLICATION_NON_UNIQUE);
  g_timeout_add (20, quit_while_it_hangs, application);
  g_assert_cmpint (g_application_run (G_APPLICATION (application), 2, arguments), ==, 0);
  g_assert_true (toy.released);
  g_settings_set_string (settings, "device", "cpu");
  test_assert_finalizes (application);
}

int
main (int argc, char **argv)
{
  g_autoptr (GSettings) settings = NULL;

  app_test_init (&argc, &argv);
  steer_init ();
  steer_backend_register (&toy_backend);
  /* The backend in memory is one for the whole process. */
  settings = g_settings_new (STEER_APPLICATION_ID);
  g_settings_set_string (settings, "device", "cpu");
  g_settings_set_uint (settings, "threads", 1);

  g_test_add_func ("/application/a preset that it is started with is in use", test_preset);
  g_test_add_func ("/application/what a second start opens comes to the window of the first",
                   test_preset_of_second_start);
  g_test_add_func ("/application/a folder that it is started with is loaded instead of the bundled model", test_folder);
  g_test_add_func ("/application/a GGUF file that it is started with is loaded", test_gguf);
  g_test_add_func ("/application/a model and a preset can come together", test_both);
  g_test_add_func ("/application/a folder without a model says so", test_no_model);
  g_test_add_func ("/application/a device that hangs does not keep from disk what is to be kept", test_hanging_device);
#ifndef __SANITIZE_ADDRESS__ /* with so much of GTK in use GLib's table of quarks grows, and leaves the first behind   \
                              */
  g_test_add_func ("/application/the preferences are one window, which goes with the main one", test_preferences);
#endif
  return g_test_run ();
}
