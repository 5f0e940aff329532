#define G_SETTINGS_ENABLE_BACKEND

#include "app-test-util.h"

#include <gio/gsettingsbackend.h>

#include "steer/steer.h"
#include "test-util.h"

/* GLib's first table of names is made when it is loaded and left behind, for whoever may be reading it, when there are
 * more than it holds, as in all of the application. It is kept in reach here, or LeakSanitizer would report it: of a
 * stack that begins before main() the sanitizer sees nothing that tells one table from another. */
#ifdef __SANITIZE_ADDRESS__
#define NAMES_IN_TABLE 2048

void __sanitizer_malloc_hook (const volatile void *block, size_t size);

void
__sanitizer_malloc_hook (const volatile void *block, size_t size)
{
  static const volatile void *first_table;

  if (first_table == NULL && size == NAMES_IN_TABLE * sizeof (char *))
    first_table = block;
}
#endif

void
app_test_init (int *argc, char ***argv)
{
  g_autoptr (GtkCssProvider) styles = NULL;

  g_test_init (argc, argv, NULL);
  steer_init_types (); /* some tests register a backend of their own */
  adw_init ();

  /* Neither may keep frames coming: a test waits until there are none. */
  g_object_set (gtk_settings_get_default (), "gtk-enable-animations", FALSE, "gtk-cursor-blink", FALSE, NULL);
  styles = gtk_css_provider_new ();
  gtk_css_provider_load_from_resource (styles, "/com/example/SteerChat/style.css");
  gtk_style_context_add_provider_for_display (gdk_display_get_default (), GTK_STYLE_PROVIDER (styles),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
  gtk_icon_theme_add_resource_path (gtk_icon_theme_get_for_display (gdk_display_get_default ()),
                                    "/com/example/SteerChat/icons");
}

void
app_test_settle (void)
{
  const gint64 start = g_get_monotonic_time ();
  gint64 end = start + 50 * G_TIME_SPAN_MILLISECOND;

  /* A frame clock is idle between frames, so "nothing pending" has to hold for longer than a frame; and a spinner never
   * lets it hold. */
  while (g_get_monotonic_time () < MIN (end, start + G_TIME_SPAN_SECOND))
    if (g_main_context_iteration (NULL, FALSE))
      end = MAX (end, g_get_monotonic_time () + 20 * G_TIME_SPAN_MILLISECOND);
    else
      g_usleep (1000);
}

static gboolean
is_mapped (gpointer widget)
{
  return gtk_widget_get_mapped (widget);
}

GtkWindow *
app_test_show (GtkWidget *widget, int width, int height)
{
  GtkWindow *window = GTK_WINDOW (adw_window_new ());

  gtk_window_set_default_size (window, width, height);
  adw_window_set_content (ADW_WINDOW (window), widget);
  gtk_window_present (window);
  test_wait_until (is_mapped, widget, 10);
  app_test_settle ();
  return window;
}

GtkWidget *
app_test_find (GtkWidget *root, GType type, const char *property, const char *value)
{
  if (g_type_is_a (G_OBJECT_TYPE (root), type))
    {
      g_autofree char *found = NULL;

      if (property == NULL)
        return root;
      if (g_object_class_find_property (G_OBJECT_GET_CLASS (root), property) != NULL)
        g_object_get (root, property, &found, NULL);
      if (g_strcmp0 (found, value) == 0)
        return root;
    }
  for (GtkWidget *child = gtk_widget_get_first_child (root); child != NULL; child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = app_test_find (child, type, property, value);

      if (found != NULL)
        return found;
    }
  return NULL;
}

/* NULL while the widget waits to be laid out or drawn again. */
static GskRenderNode *
snapshot (GtkWidget *widget)
{
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (widget);
  g_autoptr (GtkSnapshot) snapshot = gtk_snapshot_new ();

  gdk_paintable_snapshot (paintable, snapshot, gtk_widget_get_width (widget), gtk_widget_get_height (widget));
  return gtk_snapshot_to_node (snapshot);
}

GdkTexture *
app_test_draw (GtkWidget *widget)
{
  float width = (float) gtk_widget_get_width (widget), height = (float) gtk_widget_get_height (widget);
  g_autoptr (GskRenderNode) node = NULL;

  for (guint i = 0; node == NULL && i < 1000; i++)
    {
      node = snapshot (widget);
      if (node == NULL && !g_main_context_iteration (NULL, FALSE))
        g_usleep (1000);
    }
  g_assert_nonnull (node);
  return gsk_renderer_render_texture (gtk_native_get_renderer (gtk_widget_get_native (widget)), node,
                                      &GRAPHENE_RECT_INIT (0, 0, width, height));
}

GSettings *
app_test_settings (void)
{
  g_autoptr (GSettingsBackend) backend = g_memory_settings_backend_new ();

  return g_settings_new_with_backend ("com.example.SteerChat", backend);
}

static gboolean
is_loaded (gpointer workspace)
{
  g_autofree char *path = NULL;

  g_object_get (workspace, "loading-path", &path, NULL);
  return path == NULL;
}

static gboolean
has_vectors (gpointer workspace)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (steer_workspace_get_library (workspace));

  return sources->len > 0;
}

SteerWorkspace *
app_test_workspace (GSettings *settings, const char *data_dir, guint max_tokens)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autofree char *vectors = test_fixture_path ("cli/vectors.safetensors");
  g_autofree char *folder = g_build_filename (data_dir, "vectors", NULL);
  g_autofree char *path = g_build_filename (folder, "letters.safetensors", NULL);
  g_autofree char *bytes = NULL, *error = NULL;
  gsize length;
  SteerWorkspace *workspace;

  g_assert_true (g_file_get_contents (vectors, &bytes, &length, NULL));
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, bytes, (gssize) length, NULL));

  steer_init ();
  g_settings_set_string (settings, "device", "cpu");
  g_settings_set_uint (settings, "threads", 1);
  g_settings_set_uint (settings, "context-size", 8192);
  g_settings_set_double (settings, "temperature", 0);
  g_settings_set_uint (settings, "max-tokens", max_tokens);
  workspace = steer_workspace_new (settings, data_dir);
  steer_workspace_load_model (workspace, model);
  test_wait_until (is_loaded, workspace, 20);
  g_object_get (workspace, "load-error", &error, NULL);
  g_assert_cmpstr (error, ==, NULL);
  test_wait_until (has_vectors, workspace, 20);
  return workspace;
}

SteerPreset *
app_test_preset (const char *name, guint64 index, double strength)
{
  SteerPreset *preset = steer_preset_new ();
  g_autoptr (SteerFeature) feature = steer_feature_new (2, index);

  steer_feature_set_strength (feature, strength);
  steer_preset_append (preset, feature);
  steer_preset_set_name (preset, name);
  return preset;
}

char *
app_test_keep_preset (SteerPresetFolder *folder, SteerPreset *preset)
{
  g_autoptr (GError) error = NULL;
  char *path = steer_preset_folder_dup_path (folder, steer_preset_get_name (preset));

  steer_preset_save (preset, path, &error);
  g_assert_no_error (error);
  steer_preset_folder_refresh (folder);
  return path;
}
