#include "panel-test-util.h"

#include "app/steer-steering-panel.h"
#include "test-util.h"

gboolean
panel_test_is_shown (gpointer widget)
{
  return gtk_widget_get_mapped (widget) && gtk_widget_get_width (widget) > 0;
}

void
panel_test_wait_until_drawn (GtkWidget *widget)
{
  test_wait_until (panel_test_is_shown, gtk_widget_get_root (widget), 10);
  app_test_settle ();
}

PanelLook
panel_test_look (GtkWidget *widget)
{
  g_autoptr (GdkTexture) texture = NULL;
  g_autofree guint32 *pixels = NULL; /* [n], as cairo's CAIRO_FORMAT_ARGB32 */
  PanelLook look = { 0 };
  gsize width, n;

  panel_test_wait_until_drawn (widget);
  texture = app_test_draw (widget);
  width = (gsize) gdk_texture_get_width (texture);
  n = width * (gsize) gdk_texture_get_height (texture);
  pixels = g_new (guint32, n);
  gdk_texture_download (texture, (guchar *) pixels, width * sizeof *pixels);
  for (gsize i = 0; i < n; i++)
    {
      guint red = pixels[i] >> 16 & 255, green = pixels[i] >> 8 & 255, blue = pixels[i] & 255;
      guint most = MAX (red, MAX (green, blue)), least = MIN (red, MIN (green, blue));

      look.light += (most + least) / 510.0;
      look.color += (most - least) / 255.0;
    }
  look.light /= (double) n;
  look.color /= (double) n;
  return look;
}

static void
on_toast (GtkWidget *panel, AdwToast *toast, PanelTest *fixture)
{
  g_set_object (&fixture->toast, toast);
}

void
panel_test_add (SteerPreset *preset, guint layer, guint64 index, const char *label, double strength)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (layer, index);

  steer_feature_set_label (feature, label);
  steer_feature_set_strength (feature, strength);
  steer_preset_append (preset, feature);
}

SteerPreset *
panel_test_get_preset (PanelTest *fixture)
{
  return steer_workspace_get_preset (fixture->workspace);
}

SteerFeature *
panel_test_get_feature (PanelTest *fixture, guint position)
{
  SteerFeature *feature = g_list_model_get_item (G_LIST_MODEL (panel_test_get_preset (fixture)), position);

  g_object_unref (feature);
  return feature;
}

static void
set_up_size (PanelTest *fixture, int width, int height)
{
  g_autofree char *vectors = test_fixture_path ("steering/vectors.safetensors");
  g_autoptr (SteerVectorLibrary) source = steer_vector_library_open (vectors, NULL, NULL);

  /* As the program does, before any thread: threads that meet types for the first time may wait for each other. */
  steer_init ();
  fixture->dir = test_make_dir ();
  fixture->settings = app_test_settings ();
  fixture->workspace = steer_workspace_new (fixture->settings, fixture->dir);
  steer_library_add (steer_workspace_get_library (fixture->workspace), STEER_VECTOR_SOURCE (source));
  fixture->panel = steer_steering_panel_new (fixture->workspace);
  g_signal_connect (fixture->panel, "toast", G_CALLBACK (on_toast), fixture);
  fixture->window = app_test_show (fixture->panel, width, height);
}

void
panel_test_set_up (PanelTest *fixture, gconstpointer data)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();

  /* A window as narrow as the panel would be too narrow for its dialogs. */
  set_up_size (fixture, 480, 780);
  steer_preset_set_name (preset, "Eiffel Tower");
  panel_test_add (preset, 15, 21576, NULL, 8.5);
  panel_test_add (preset, 2, 5, "Formal register", -2.81);
  panel_test_add (preset, 7, 3, "Seaside", 3.2);
  steer_workspace_set_preset (fixture->workspace, preset);
  app_test_settle ();
}

void
panel_test_tear_down (PanelTest *fixture, gconstpointer data)
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

GtkWidget *
panel_test_find (GtkWidget *root, GType type)
{
  GtkWidget *found = app_test_find (root, type, NULL, NULL);

  g_assert_nonnull (found);
  return found;
}

SteerFeatureRow *
panel_test_get_row (PanelTest *fixture, int position)
{
  GtkListBox *list = GTK_LIST_BOX (gtk_widget_get_parent (panel_test_find (fixture->panel, STEER_TYPE_FEATURE_ROW)));

  return STEER_FEATURE_ROW (gtk_list_box_get_row_at_index (list, position));
}

char *
panel_test_keep (PanelTest *fixture, const char *name, double strength)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();

  steer_preset_set_name (preset, name);
  panel_test_add (preset, 2, 5, NULL, strength);
  return app_test_keep_preset (steer_workspace_get_presets (fixture->workspace), preset);
}

void
panel_test_act (PanelTest *fixture, const char *name)
{
  g_assert_true (gtk_widget_activate_action (fixture->panel, name, NULL));
}

void
panel_test_undo (PanelTest *fixture)
{
  g_assert_nonnull (fixture->toast);
  g_signal_emit_by_name (fixture->toast, "button-clicked");
  app_test_settle ();
}

GtkWidget *
panel_test_get_dialog (GType type)
{
  g_autoptr (GListModel) toplevels = g_object_ref (gtk_window_get_toplevels ());

  for (guint i = 0; i < g_list_model_get_n_items (toplevels); i++)
    {
      g_autoptr (GtkWidget) window = g_list_model_get_item (toplevels, i);

      if (g_type_is_a (G_OBJECT_TYPE (window), type))
        return window;
    }
  return NULL;
}
