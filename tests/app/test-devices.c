/* What is said of devices: of a GPU that the engine passes over the reason, of one that is not there nothing. */
#include "app-test-util.h"
#include "steer-preferences.h"
#include "test-util.h"

static gboolean absent;

static void
refuse (GError **error)
{
  g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY, "Toy GPU: 3 GiB more are needed");
}

static GPtrArray *
list_devices (void)
{
  GPtrArray *devices = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_device_free);
  SteerDevice *device = g_new0 (SteerDevice, 1);

  device->id = g_strdup ("toy");
  device->name = g_strdup ("Toy GPU");
  device->usable = !absent;
  device->absent = absent;
  device->why_not = absent ? g_strdup ("there is no such toy") : NULL;
  g_ptr_array_add (devices, device);
  return devices;
}

static gboolean
estimate (SteerModel *model,
          const char *device_id,
          const SteerContextOptions *options,
          SteerMemoryEstimate *memory,
          GError **error)
{
  refuse (error);
  return FALSE;
}

static SteerContext *
open_context (SteerModel *model,
              const char *device_id,
              const SteerContextOptions *options,
              SteerProgressFunc progress,
              gpointer progress_data,
              GCancellable *cancellable,
              GError **error)
{
  refuse (error);
  return NULL;
}

static const SteerBackend toy
  = { .name = "toy", .list_devices = list_devices, .estimate = estimate, .open = open_context };

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
} Fixture;

static gboolean
is_loaded (gpointer workspace)
{
  g_autofree char *path = NULL;

  g_object_get (workspace, "loading-path", &path, NULL);
  return path == NULL && steer_engine_get_state (steer_workspace_get_engine (workspace)) == STEER_ENGINE_READY;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autofree char *model = test_fixture_path ("cli/model");

  absent = GPOINTER_TO_INT (data);
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  g_settings_set_uint (f->settings, "threads", 1);
  f->workspace = steer_workspace_new (f->settings, f->dir);
  steer_workspace_load_model (f->workspace, model);
  test_wait_until (is_loaded, f->workspace, 20);
  app_test_settle ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  app_test_settle ();
  g_object_run_dispose (G_OBJECT (f->workspace));
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

static void
test_passed_over (Fixture *f, gconstpointer data)
{
  g_autofree char *note = NULL;

  g_object_get (f->workspace, "device-note", &note, NULL);
  g_assert_nonnull (note);
  g_assert_nonnull (strstr (note, "Toy GPU"));
  g_assert_nonnull (strstr (note, "3 GiB"));
}

static GtkStringList *
get_choices (gpointer preferences)
{
  GtkWidget *row = app_test_find (preferences, ADW_TYPE_COMBO_ROW, "title", "Device");

  return GTK_STRING_LIST (adw_combo_row_get_model (ADW_COMBO_ROW (row)));
}

/* "Automatic" alone is there until the devices are listed. */
static gboolean
has_choices (gpointer preferences)
{
  return g_list_model_get_n_items (G_LIST_MODEL (get_choices (preferences))) > 1;
}

static void
test_absent (Fixture *f, gconstpointer data)
{
  GtkWidget *preferences = GTK_WIDGET (steer_preferences_new (NULL, f->workspace));
  g_autofree char *note = NULL;

  g_object_get (f->workspace, "device-note", &note, NULL);
  g_assert_true (note == NULL || strstr (note, "Toy") == NULL);
  test_wait_until (has_choices, preferences, 20);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (get_choices (preferences))); i++)
    g_assert_null (strstr (gtk_string_list_get_string (get_choices (preferences), i), "Toy"));
  gtk_window_destroy (GTK_WINDOW (preferences));
}

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
  steer_backend_register (&toy);
  steer_init ();
  g_test_add ("/devices/one that the model does not fit on is told with the reason", Fixture, GINT_TO_POINTER (FALSE),
              set_up, test_passed_over, tear_down);
  g_test_add ("/devices/one that is not there is not spoken of", Fixture, GINT_TO_POINTER (TRUE), set_up, test_absent,
              tear_down);
  return g_test_run ();
}
