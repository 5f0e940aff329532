#include "steer-steering-panel.h"

#include "app-test-util.h"
#include "steer-add-feature-dialog.h"
#include "steer-feature-row.h"
#include "steer-strength-scale.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  GtkWidget *panel;
  GtkWindow *window;
  AdwToast *toast; /* the newest */
} Fixture;

/* With STEER_TEST_PICTURES naming a folder, every test leaves pictures of what it saw. */
static void
picture (GtkWidget *widget, const char *name)
{
  const char *dir = g_getenv ("STEER_TEST_PICTURES");
  g_autofree char *file = g_strconcat (name, ".png", NULL);
  g_autofree char *path = dir != NULL ? g_build_filename (dir, file, NULL) : NULL;

  app_test_settle ();
  if (path != NULL)
    app_test_save_png (GTK_WIDGET (gtk_widget_get_root (widget)), path);
}

static void
on_toast (GtkWidget *panel, AdwToast *toast, Fixture *fixture)
{
  g_set_object (&fixture->toast, toast);
}

static void
add (SteerPreset *preset, guint layer, guint64 index, const char *label, double strength)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (layer, index);

  steer_feature_set_label (feature, label);
  steer_feature_set_strength (feature, strength);
  steer_preset_append (preset, feature);
}

static SteerPreset *
get_preset (Fixture *fixture)
{
  return steer_workspace_get_preset (fixture->workspace);
}

static SteerFeature *
get_feature (Fixture *fixture, guint position)
{
  SteerFeature *feature = g_list_model_get_item (G_LIST_MODEL (get_preset (fixture)), position);

  g_object_unref (feature);
  return feature;
}

static void
set_up_size (Fixture *fixture, int width, int height)
{
  g_autofree char *vectors = test_fixture_path ("steering/vectors.safetensors");
  g_autoptr (SteerVectorLibrary) source = steer_vector_library_open (vectors, NULL, NULL);

  fixture->dir = test_make_dir ();
  fixture->settings = app_test_settings ();
  fixture->workspace = steer_workspace_new (fixture->settings, fixture->dir);
  steer_library_add (steer_workspace_get_library (fixture->workspace), STEER_VECTOR_SOURCE (source));
  fixture->panel = steer_steering_panel_new (fixture->workspace);
  g_signal_connect (fixture->panel, "toast", G_CALLBACK (on_toast), fixture);
  fixture->window = app_test_show (fixture->panel, width, height);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();

  set_up_size (fixture, 344, 780);
  steer_preset_set_name (preset, "Eiffel Tower");
  add (preset, 15, 21576, NULL, 8.5);
  add (preset, 2, 5, "Formal register", -2.81);
  add (preset, 7, 3, "Seaside", 3.2);
  steer_workspace_set_preset (fixture->workspace, preset);
  app_test_settle ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  GtkWidget *panel = fixture->panel;

  g_object_add_weak_pointer (G_OBJECT (panel), (gpointer *) &panel);
  g_clear_object (&fixture->toast);
  gtk_window_destroy (fixture->window);
  app_test_settle ();
  g_assert_null (panel);
  g_assert_finalize_object (fixture->workspace);
  g_assert_finalize_object (fixture->settings);
  test_remove_dir (fixture->dir);
}

static GtkWidget *
find (GtkWidget *root, GType type)
{
  GtkWidget *found = app_test_find (root, type, NULL, NULL);

  g_assert_nonnull (found);
  return found;
}

static SteerFeatureRow *
get_row (Fixture *fixture, int position)
{
  GtkListBox *list = GTK_LIST_BOX (gtk_widget_get_parent (find (fixture->panel, STEER_TYPE_FEATURE_ROW)));

  return STEER_FEATURE_ROW (gtk_list_box_get_row_at_index (list, position));
}

static void
test_pictures (Fixture *fixture, gconstpointer data)
{
  AdwStyleManager *style = adw_style_manager_get_default ();

  steer_feature_set_enabled (get_feature (fixture, 2), FALSE);
  steer_feature_set_clamp (get_feature (fixture, 0), TRUE);
  picture (fixture->panel, "panel-light");
  adw_style_manager_set_color_scheme (style, ADW_COLOR_SCHEME_FORCE_DARK);
  picture (fixture->panel, "panel-dark");
  steer_feature_set_strength (get_feature (fixture, 0), 18.0);
  steer_preset_set_master_enabled (get_preset (fixture), FALSE);
  picture (fixture->panel, "panel-dark-off");
  adw_style_manager_set_color_scheme (style, ADW_COLOR_SCHEME_FORCE_LIGHT);
  steer_preset_set_master_enabled (get_preset (fixture), TRUE);
  gtk_window_set_default_size (fixture->window, 300, 640);
  picture (fixture->panel, "panel-narrow");
}

#define ADD(name, function) g_test_add ("/steering panel/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char *argv[])
{
  app_test_init (&argc, &argv);
  ADD ("pictures", test_pictures);
  return g_test_run ();
}
