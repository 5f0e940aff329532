/* The workspace: the preset in use, the live plan made of it, and the model. No widgets. */
#include "app-test-util.h"
#include "steering/test-source.h"
#include "test-util.h"

#include <glib/gstdio.h>

/* Of another width than the vectors of the tests. */
#define OTHER_MODEL "cpu/llama-odd-sizes"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = app_test_workspace (f->settings, f->dir, 16);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

static guint
count_ops (SteerWorkspace *workspace)
{
  g_autoptr (SteerPlan) plan = steer_live_plan_dup (steer_workspace_get_live_plan (workspace));

  return plan != NULL ? steer_plan_get_n_ops (plan) : 0;
}

static void
on_changed (SteerPreset *preset, gpointer data)
{
  Fixture *f = data;
  g_autoptr (SteerPlan) plan = steer_live_plan_dup (steer_workspace_get_live_plan (f->workspace));

  g_assert_cmpfloat (steer_plan_get_ops (plan)[0].strength, ==, 12.5f);
  g_object_set_data (G_OBJECT (preset), "seen", GINT_TO_POINTER (1));
}

static void
test_live_plan (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 97, 4);
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), 0);

  g_assert_cmpuint (count_ops (f->workspace), ==, 0);
  steer_workspace_set_preset (f->workspace, preset);
  g_assert_cmpuint (count_ops (f->workspace), ==, 1);

  /* Whoever hears of the change after the workspace finds it in force already. */
  g_signal_connect (preset, "changed", G_CALLBACK (on_changed), f);
  steer_feature_set_strength (feature, 12.5);
  g_assert_nonnull (g_object_get_data (G_OBJECT (preset), "seen"));
  g_signal_handlers_disconnect_by_func (preset, on_changed, f);

  steer_preset_set_master_enabled (preset, FALSE);
  g_assert_cmpuint (count_ops (f->workspace), ==, 0);
  steer_preset_set_master_enabled (preset, TRUE);
  g_assert_cmpuint (count_ops (f->workspace), ==, 1);
}

static void
test_another_preset (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerPreset) first = app_test_preset ("First", 97, 4);
  g_autoptr (SteerPreset) second = steer_preset_new ();
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (first), 0);

  steer_workspace_set_preset (f->workspace, first);
  g_assert_cmpuint (g_list_model_get_n_items (steer_workspace_get_features (f->workspace)), ==, 1);
  steer_workspace_set_preset (f->workspace, second);
  g_assert_cmpuint (g_list_model_get_n_items (steer_workspace_get_features (f->workspace)), ==, 0);

  steer_feature_set_strength (feature, 9);
  g_assert_cmpuint (count_ops (f->workspace), ==, 0);
}

static gboolean
has_read_all (gpointer live)
{
  g_autoptr (SteerPlan) plan = steer_live_plan_dup (live);

  return plan != NULL && steer_plan_get_n_ops (plan) == 3;
}

/* A disk may take longer than a frame for a vector. */
static void
test_vectors_are_read_by_a_thread (Fixture *f, gconstpointer data)
{
  SteerLivePlan *live = steer_workspace_get_live_plan (f->workspace);
  g_autoptr (TestSource) source = test_source_new ("letters", 32, 3);
  g_autoptr (SteerPreset) preset = app_test_preset ("Letters", 1, 4);
  g_autoptr (SteerFeature) second = steer_feature_new (1, 2), third = steer_feature_new (1, 3);

  steer_library_add (steer_workspace_get_library (f->workspace), STEER_VECTOR_SOURCE (source));
  steer_workspace_set_preset (f->workspace, preset);
  steer_feature_set_strength (second, 2);
  steer_preset_append (preset, second);
  steer_feature_set_strength (third, 2);
  steer_preset_append (preset, third);
  test_wait_until (has_read_all, live, 10);
  g_assert_cmpuint (test_source_get_n_loads (source), ==, 3);
  g_assert_true (test_source_get_reader (source) != g_thread_self ());

  /* What has been read once is there at once. */
  steer_feature_set_enabled (second, FALSE);
  steer_preset_remove (preset, 2);
  steer_feature_set_enabled (second, TRUE);
  steer_preset_append (preset, third);
  g_assert_true (has_read_all (live));
}

/* A reply may be asked for before the thread is through. */
static void
test_plan_does_not_wait (Fixture *f, gconstpointer data)
{
  g_autoptr (TestSource) source = test_source_new ("letters", 32, 3);
  g_autoptr (SteerPreset) preset = app_test_preset ("Letters", 1, 4);

  steer_library_add (steer_workspace_get_library (f->workspace), STEER_VECTOR_SOURCE (source));
  steer_workspace_set_preset (f->workspace, preset);
  g_assert_cmpuint (count_ops (f->workspace), ==, 1);
}

static gboolean
has_no_plan_error (gpointer workspace)
{
  g_autofree char *error = NULL;

  g_object_get (workspace, "plan-error", &error, NULL);
  return error == NULL;
}

static void
test_plan_error (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerPreset) unknown = app_test_preset ("Unknown", 4711, 4);
  g_autoptr (SteerPreset) known = app_test_preset ("Known", 97, 4);
  g_autofree char *error = NULL;

  steer_workspace_set_preset (f->workspace, unknown);
  g_object_get (f->workspace, "plan-error", &error, NULL);
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error, "4711"));
  g_assert_cmpuint (count_ops (f->workspace), ==, 0);

  steer_workspace_set_preset (f->workspace, known);
  test_wait_until (has_no_plan_error, f->workspace, 10);
}

static void
test_descriptions (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 97, 4);
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), 0);

  steer_workspace_set_preset (f->workspace, preset);
  g_assert_cmpstr (steer_feature_get_label (feature), ==, "the letter a");
  g_assert_false (steer_workspace_get_preset_modified (f->workspace));
}

static void
test_modified (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "letter.yaml", NULL);
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 97, 4);
  g_autoptr (SteerFeature) feature = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (steer_preset_save (preset, path, &error));
  g_assert_true (steer_workspace_open_preset (f->workspace, path, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (steer_workspace_get_preset_path (f->workspace), ==, path);
  g_assert_false (steer_workspace_get_preset_modified (f->workspace));

  feature = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (f->workspace)), 0);
  steer_feature_set_strength (feature, 5);
  g_assert_true (steer_workspace_get_preset_modified (f->workspace));
  steer_feature_set_strength (feature, 4);
  g_assert_false (steer_workspace_get_preset_modified (f->workspace));

  steer_feature_set_strength (feature, 6);
  steer_workspace_preset_saved (f->workspace, path);
  g_assert_false (steer_workspace_get_preset_modified (f->workspace));
}

static gboolean
has_strength_9 (gpointer workspace)
{
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (workspace)), 0);

  return steer_feature_get_strength (feature) == 9;
}

static gboolean
is_unmodified (gpointer workspace)
{
  return !steer_workspace_get_preset_modified (workspace);
}

static void
test_changed_file (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "letter.yaml", NULL);
  g_autoptr (SteerPreset) first = app_test_preset ("Letter", 97, 4), second = app_test_preset ("Letter", 97, 9);
  g_autoptr (SteerPreset) third = app_test_preset ("Letter", 97, 2);
  g_autoptr (SteerFeature) feature = NULL;

  g_assert_true (steer_preset_save (first, path, NULL));
  g_assert_true (steer_workspace_open_preset (f->workspace, path, NULL));
  g_assert_true (steer_preset_save (second, path, NULL));
  test_wait_until (has_strength_9, f->workspace, 10);
  g_assert_cmpstr (steer_workspace_get_preset_path (f->workspace), ==, path);

  /* Unsaved changes win over those of another program; only what they are compared with is new. */
  feature = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (f->workspace)), 0);
  steer_feature_set_strength (feature, 2);
  g_assert_true (steer_workspace_get_preset_modified (f->workspace));
  g_assert_true (steer_preset_save (third, path, NULL));
  test_wait_until (is_unmodified, f->workspace, 10);
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, 2);
}

static void
test_bad_preset (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "broken.yaml", NULL);
  g_autoptr (SteerPreset) before = g_object_ref (steer_workspace_get_preset (f->workspace));
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, "features: 3\n", -1, NULL));
  g_assert_false (steer_workspace_open_preset (f->workspace, path, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID);
  g_assert_true (steer_workspace_get_preset (f->workspace) == before);
}

static void
test_restart (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "letter.yaml", NULL);
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 97, 4);
  g_autoptr (SteerFeature) changed = NULL, found = NULL;

  g_assert_true (steer_preset_save (preset, path, NULL));
  g_assert_true (steer_workspace_open_preset (f->workspace, path, NULL));
  changed = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (f->workspace)), 0);
  steer_feature_set_strength (changed, 7.5);
  g_clear_object (&changed);
  g_object_run_dispose (G_OBJECT (f->workspace));
  test_assert_finalizes (f->workspace);

  f->workspace = app_test_workspace (f->settings, f->dir, 16);
  found = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (f->workspace)), 0);
  g_assert_nonnull (found);
  g_assert_cmpfloat (steer_feature_get_strength (found), ==, 7.5);
  g_assert_cmpstr (steer_workspace_get_preset_path (f->workspace), ==, path);
  g_assert_true (steer_workspace_get_preset_modified (f->workspace));
}

static void
test_sampling (Fixture *f, gconstpointer data)
{
  static const char yaml[] = "version: 1\nname: Hot\nfeatures: []\nsampling:\n  temperature: 1.25\n";
  g_autoptr (SteerPreset) hot = steer_preset_new_from_yaml (yaml, strlen (yaml), "hot", NULL);
  SteerSampling sampling;

  g_assert_nonnull (hot);
  g_settings_set_double (f->settings, "temperature", 0.3);
  g_settings_set_uint (f->settings, "top-k", 40);
  steer_workspace_get_sampling (f->workspace, &sampling);
  g_assert_cmpfloat (sampling.temperature, ==, 0.3);
  g_assert_cmpuint (sampling.top_k, ==, 40);

  steer_workspace_set_preset (f->workspace, hot);
  steer_workspace_get_sampling (f->workspace, &sampling);
  g_assert_cmpfloat (sampling.temperature, ==, 1.25);
  g_assert_cmpuint (sampling.top_k, ==, 40);
}

static gboolean
is_advised (gpointer workspace)
{
  SteerSampling sampling;

  steer_workspace_get_sampling (workspace, &sampling);
  return sampling.repetition_penalty == 1.1;
}

/* A model whose authors advise, and a person who chose one of the numbers. */
static void
test_advice (Fixture *f, gconstpointer data)
{
  g_autofree char *demo = g_build_filename (g_getenv ("STEER_TEST_DEMO"), "model", NULL);
  SteerSampling sampling;

  g_settings_reset (f->settings, "temperature");
  steer_workspace_get_sampling (f->workspace, &sampling);
  g_assert_cmpfloat (sampling.temperature, ==, 0.7);

  g_settings_set_uint (f->settings, "context-size", 0);
  steer_workspace_load_model (f->workspace, demo);
  test_wait_until (is_advised, f->workspace, 20);
  steer_workspace_get_sampling (f->workspace, &sampling);
  g_assert_cmpfloat (sampling.temperature, ==, 0.5);
  g_settings_set_double (f->settings, "temperature", 0.7);
  steer_workspace_get_sampling (f->workspace, &sampling);
  g_assert_cmpfloat (sampling.temperature, ==, 0.7);
  g_assert_cmpfloat (sampling.repetition_penalty, ==, 1.1);
}

static gboolean
has_load_error (gpointer workspace)
{
  g_autofree char *error = NULL;

  g_object_get (workspace, "load-error", &error, NULL);
  return error != NULL;
}

static void
test_failed_load (Fixture *f, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (f->dir, "no-such-model", NULL);
  g_autofree char *error = NULL, *model = NULL, *loading = NULL;

  steer_workspace_load_model (f->workspace, missing);
  test_wait_until (has_load_error, f->workspace, 10);
  g_object_get (f->workspace, "load-error", &error, "loading-path", &loading, NULL);
  g_assert_nonnull (strstr (error, "no-such-model"));
  g_assert_cmpstr (loading, ==, NULL);

  /* The model that was there still is, and it is not forgotten. */
  g_object_get (steer_workspace_get_engine (f->workspace), "model-path", &model, NULL);
  g_assert_nonnull (model);
}

static void
test_recent (Fixture *f, gconstpointer data)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autofree char *path = g_settings_get_string (f->settings, "model-path");
  g_auto (GStrv) recent = g_settings_get_strv (f->settings, "recent-models");

  g_assert_cmpstr (path, ==, model);
  g_assert_cmpuint (g_strv_length (recent), ==, 1);
  g_assert_cmpstr (recent[0], ==, model);
}

static gboolean
is_idle (gpointer workspace)
{
  return steer_engine_get_state (steer_workspace_get_engine (workspace)) == STEER_ENGINE_READY;
}

static SteerSourceEntry *
find_source (SteerWorkspace *workspace, const char *path)
{
  GListModel *sources = steer_workspace_get_sources (workspace);

  for (guint i = 0; i < g_list_model_get_n_items (sources); i++)
    {
      g_autoptr (SteerSourceEntry) entry = g_list_model_get_item (sources, i);

      /* The list keeps it alive. */
      if (g_str_equal (steer_source_entry_get_path (entry), path))
        return entry;
    }
  return NULL;
}

static void
load_other (Fixture *f)
{
  g_autofree char *path = test_fixture_path (OTHER_MODEL);

  g_settings_set_uint (f->settings, "context-size", 0);
  steer_workspace_load_model (f->workspace, path);
}

static char *
dup_model_path (SteerWorkspace *workspace)
{
  char *path;

  g_object_get (steer_workspace_get_engine (workspace), "model-path", &path, NULL);
  return path;
}

/* The one source of the tests fits its model alone. */
static SteerSourceEntry *
get_letters (Fixture *f)
{
  g_autofree char *path = g_build_filename (f->dir, "vectors", "letters.safetensors", NULL);
  SteerSourceEntry *entry = find_source (f->workspace, path);

  g_assert_nonnull (entry);
  return entry;
}

static void
test_cancelled_load (Fixture *f, gconstpointer data)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autofree char *error = NULL, *loading = NULL, *loaded = NULL;

  load_other (f);
  steer_workspace_cancel_load (f->workspace);
  g_object_get (f->workspace, "loading-path", &loading, NULL);
  g_assert_cmpstr (loading, ==, NULL);
  test_wait_until (is_idle, f->workspace, 10);
  app_test_settle ();
  g_object_get (f->workspace, "load-error", &error, NULL);
  g_assert_cmpstr (error, ==, NULL);
  loaded = dup_model_path (f->workspace);
  g_assert_cmpstr (loaded, ==, model);
  g_assert_null (steer_source_entry_get_error (get_letters (f)));
}

static gboolean
letters_do_not_fit (gpointer fixture)
{
  return steer_source_entry_get_error (get_letters (fixture)) != NULL;
}

static gboolean
letters_fit (gpointer fixture)
{
  return !letters_do_not_fit (fixture);
}

/* Its sources, its labels and its plan; and it is what the next start begins with. */
static void
assert_other_model_is_in_use (Fixture *f)
{
  g_autofree char *other = test_fixture_path (OTHER_MODEL), *loaded = dup_model_path (f->workspace);
  g_autofree char *remembered = g_settings_get_string (f->settings, "model-path");
  g_autoptr (SteerPreset) preset = app_test_preset ("Letter", 97, 4);
  g_autofree char *error = NULL;

  g_assert_cmpstr (loaded, ==, other);
  g_assert_cmpstr (remembered, ==, other);
  test_wait_until (letters_do_not_fit, f, 10);
  steer_workspace_set_preset (f->workspace, preset);
  g_assert_cmpuint (count_ops (f->workspace), ==, 0);
  g_object_get (f->workspace, "plan-error", &error, NULL);
  g_assert_nonnull (error);
}

static void
cancel_once (SteerEngine *engine, GParamSpec *pspec, SteerWorkspace *workspace)
{
  g_signal_handlers_disconnect_by_func (engine, cancel_once, workspace);
  steer_workspace_cancel_load (workspace);
}

static void
test_cancelled_too_late (Fixture *f, gconstpointer data)
{
  g_autofree char *model = test_fixture_path ("cli/model");

  /* The engine has the model, and is about to say that the load ended. */
  g_signal_connect (steer_workspace_get_engine (f->workspace), "notify::model-path", G_CALLBACK (cancel_once),
                    f->workspace);
  load_other (f);
  test_wait_until (is_idle, f->workspace, 10);
  app_test_settle ();
  assert_other_model_is_in_use (f);

  steer_workspace_load_model (f->workspace, model);
  test_wait_until (letters_fit, f, 10);
}

static void
load_missing_once (SteerEngine *engine, GParamSpec *pspec, SteerWorkspace *workspace)
{
  g_signal_handlers_disconnect_by_func (engine, load_missing_once, workspace);
  steer_workspace_load_model (workspace, "/no/such/model");
}

static void
test_overtaken_by_a_failure (Fixture *f, gconstpointer data)
{
  g_signal_connect (steer_workspace_get_engine (f->workspace), "notify::model-path", G_CALLBACK (load_missing_once),
                    f->workspace);
  load_other (f);
  test_wait_until (has_load_error, f->workspace, 10);
  test_wait_until (is_idle, f->workspace, 10);
  app_test_settle ();
  assert_other_model_is_in_use (f);
}

typedef struct
{
  SteerWorkspace *workspace;
  const char *path;
} Listing;

static gboolean
is_listed (gpointer data)
{
  Listing *listing = data;

  return find_source (listing->workspace, listing->path) != NULL;
}

static gboolean
is_not_listed (gpointer data)
{
  return !is_listed (data);
}

static guint
count_sources (SteerWorkspace *workspace)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (steer_workspace_get_library (workspace));

  return sources->len;
}

static void
test_sources (Fixture *f, gconstpointer data)
{
  g_autofree char *own = g_build_filename (f->dir, "vectors", "letters.safetensors", NULL);
  g_autofree char *added = g_build_filename (f->dir, "more.safetensors", NULL);
  g_autofree char *broken = g_build_filename (f->dir, "broken.safetensors", NULL);
  g_autofree char *bytes = NULL;
  gsize length;
  SteerSourceEntry *entry = find_source (f->workspace, own);

  g_assert_nonnull (entry);
  g_assert_false (steer_source_entry_get_removable (entry));
  g_assert_nonnull (strstr (steer_source_entry_get_detail (entry), "vectors"));
  g_assert_cmpuint (count_sources (f->workspace), ==, 1);

  g_assert_true (g_file_get_contents (own, &bytes, &length, NULL));
  g_assert_true (g_file_set_contents (added, bytes, (gssize) length, NULL));
  g_assert_true (g_file_set_contents (broken, "no vectors at all", -1, NULL));
  steer_workspace_add_source (f->workspace, added);
  test_wait_until (is_listed, &(Listing){ f->workspace, added }, 20);
  entry = find_source (f->workspace, added);
  g_assert_true (steer_source_entry_get_removable (entry));
  g_assert_cmpstr (steer_source_entry_get_error (entry), ==, NULL);
  g_assert_cmpuint (count_sources (f->workspace), ==, 2);

  steer_workspace_add_source (f->workspace, broken);
  test_wait_until (is_listed, &(Listing){ f->workspace, broken }, 20);
  g_assert_nonnull (steer_source_entry_get_error (find_source (f->workspace, broken)));
  g_assert_cmpuint (count_sources (f->workspace), ==, 2);

  steer_workspace_remove_source (f->workspace, added);
  test_wait_until (is_not_listed, &(Listing){ f->workspace, added }, 20);
  g_assert_cmpuint (count_sources (f->workspace), ==, 1);
  g_assert_nonnull (find_source (f->workspace, broken));
}

static void
test_prepared_load (Fixture *f, gconstpointer data)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autofree char *shown = NULL, *cancelled = NULL;

  steer_workspace_prepare_load (f->workspace, model);
  g_object_get (f->workspace, "loading-path", &shown, NULL);
  g_assert_cmpstr (shown, ==, model);
  steer_workspace_cancel_load (f->workspace);
  steer_workspace_start_load (f->workspace);
  g_object_get (f->workspace, "loading-path", &cancelled, NULL);
  g_assert_cmpstr (cancelled, ==, NULL);
}

static gboolean
is_settled (gpointer workspace)
{
  g_autofree char *path = NULL;

  g_object_get (workspace, "loading-path", &path, NULL);
  return path == NULL;
}

static void
test_eight_bits (Fixture *f, gconstpointer data)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autofree char *error = NULL;

  g_settings_set_boolean (f->settings, "quantise-weights", TRUE);
  g_settings_set_boolean (f->settings, "small-cache", TRUE);
  steer_workspace_load_model (f->workspace, model);
  test_wait_until (is_settled, f->workspace, 20);
  g_object_get (f->workspace, "load-error", &error, NULL);
  g_assert_cmpstr (error, ==, NULL);
  g_assert_cmpint (steer_engine_get_state (steer_workspace_get_engine (f->workspace)), ==, STEER_ENGINE_READY);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);

  ADD ("/workspace/a change of the preset is in the live plan before its signal ends", test_live_plan);
  ADD ("/workspace/vectors are read by a thread", test_vectors_are_read_by_a_thread);
  ADD ("/workspace/the plan is there for a reply that begins before they are read", test_plan_does_not_wait);
  ADD ("/workspace/only the preset in use steers", test_another_preset);
  ADD ("/workspace/a feature that no source covers is named", test_plan_error);
  ADD ("/workspace/features get their labels from the model's vectors without counting as changed", test_descriptions);
  ADD ("/workspace/a preset is modified while it differs from its file", test_modified);
  ADD ("/workspace/a preset that another program changes is taken over unless it was changed here", test_changed_file);
  ADD ("/workspace/a preset that cannot be read leaves the one in use alone", test_bad_preset);
  ADD ("/workspace/the preset in use is there after a restart with its unsaved changes", test_restart);
  ADD ("/workspace/the preset's sampling wins over the preferences where it states any", test_sampling);
  ADD ("/workspace/the authors' advice counts where nothing was chosen", test_advice);
  ADD ("/workspace/a model that does not load leaves the one before", test_failed_load);
  ADD ("/workspace/a model that loaded is remembered", test_recent);
  ADD ("/workspace/a cancelled load is no error and leaves the model before with its sources", test_cancelled_load);
  ADD ("/workspace/a load that is cancelled too late brings all that belongs to its model", test_cancelled_too_late);
  ADD ("/workspace/so does one that was given up for a model that then does not load", test_overtaken_by_a_failure);
  ADD ("/workspace/a load that is prepared is shown, and can be cancelled before it begins", test_prepared_load);
  ADD ("/workspace/weights and cache are kept in 8 bits when that is preferred", test_eight_bits);
  ADD ("/workspace/sources are added and removed, and what is wrong with one is told", test_sources);
  return g_test_run ();
}
