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

static gboolean
is_shown (gpointer widget)
{
  return gtk_widget_get_mapped (widget) && gtk_widget_get_width (widget) > 0;
}

/* With STEER_TEST_PICTURES naming a folder, every test leaves pictures of what it saw. */
static void
picture (GtkWidget *widget, const char *name)
{
  const char *dir = g_getenv ("STEER_TEST_PICTURES");
  g_autofree char *file = g_strconcat (name, ".png", NULL);
  g_autofree char *path = dir != NULL ? g_build_filename (dir, file, NULL) : NULL;

  test_wait_until (is_shown, gtk_widget_get_root (widget), 10);
  app_test_settle ();
  if (path != NULL)
    app_test_save_png (GTK_WIDGET (gtk_widget_get_root (widget)), 1, path);
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

static void
show_empty (Fixture *fixture)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();

  steer_workspace_set_preset (fixture->workspace, preset);
  app_test_settle ();
}

/* A preset in the user's folder; its path. */
static char *
keep (Fixture *fixture, const char *name, double strength)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();
  g_autoptr (GError) error = NULL;
  char *path;

  steer_preset_set_name (preset, name);
  add (preset, 2, 5, NULL, strength);
  path = steer_preset_folder_save (steer_workspace_get_presets (fixture->workspace), preset, FALSE, &error);
  g_assert_no_error (error);
  return path;
}

static void
open_kept (Fixture *fixture, const char *name, double strength)
{
  g_autofree char *path = keep (fixture, name, strength);

  g_assert_true (steer_workspace_open_preset (fixture->workspace, path, NULL));
  app_test_settle ();
}

static void
act (Fixture *fixture, const char *name)
{
  g_assert_true (gtk_widget_activate_action (fixture->panel, name, NULL));
}

static void
undo (Fixture *fixture)
{
  g_assert_nonnull (fixture->toast);
  g_signal_emit_by_name (fixture->toast, "button-clicked");
  app_test_settle ();
}

/* The dialog that is open. */
static GtkWidget *
get_dialog (GType type)
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

static void
answer (const char *text, const char *response)
{
  GtkWidget *dialog = get_dialog (ADW_TYPE_MESSAGE_DIALOG);

  g_assert_nonnull (dialog);
  if (text != NULL)
    gtk_editable_set_text (GTK_EDITABLE (adw_message_dialog_get_extra_child (ADW_MESSAGE_DIALOG (dialog))), text);
  adw_message_dialog_response (ADW_MESSAGE_DIALOG (dialog), response);
  gtk_window_destroy (GTK_WINDOW (dialog)); /* which a press of the button would have done */
  app_test_settle ();
}

static gboolean
is_unmodified (gpointer workspace)
{
  return !steer_workspace_get_preset_modified (workspace);
}

static GtkRange *
get_scale (Fixture *fixture, int row)
{
  return GTK_RANGE (find (GTK_WIDGET (get_row (fixture, row)), STEER_TYPE_STRENGTH_SCALE));
}

static GtkSpinButton *
get_number (Fixture *fixture, int row)
{
  return GTK_SPIN_BUTTON (find (GTK_WIDGET (get_row (fixture, row)), GTK_TYPE_SPIN_BUTTON));
}

static void
count (gpointer object, guint *n)
{
  ++*n;
}

static void
test_has_a_row_a_feature (Fixture *fixture, gconstpointer data)
{
  g_assert_true (steer_feature_row_get_feature (get_row (fixture, 0)) == get_feature (fixture, 0));
  g_assert_true (steer_feature_row_get_feature (get_row (fixture, 2)) == get_feature (fixture, 2));
  steer_preset_move (get_preset (fixture), 0, 2);
  for (int i = 0; i < 3; i++)
    g_assert_true (steer_feature_row_get_feature (get_row (fixture, i)) == get_feature (fixture, (guint) i));
  steer_preset_remove (get_preset (fixture), 1);
  g_assert_null (get_row (fixture, 2));
}

static void
test_slider_acts_at_once (Fixture *fixture, gconstpointer data)
{
  SteerLivePlan *live = steer_workspace_get_live_plan (fixture->workspace);
  g_autoptr (SteerPlan) plan = NULL;
  guint n = 0;

  g_signal_connect (get_preset (fixture), "changed", G_CALLBACK (count), &n);
  gtk_range_set_value (get_scale (fixture, 0), 5.25);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 5.25);
  g_assert_cmpfloat (gtk_spin_button_get_value (get_number (fixture, 0)), ==, 5.25);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (get_number (fixture, 0))), ==, "5.25");
  plan = steer_live_plan_dup (live);
  g_assert_cmpfloat (steer_plan_get_ops (plan)[2].strength, ==, 5.25f);
}

static void
type_number (GtkSpinButton *number, const char *text)
{
  gtk_editable_set_text (GTK_EDITABLE (number), text);
  gtk_spin_button_update (number);
}

static void
test_number_takes_what_people_type (Fixture *fixture, gconstpointer data)
{
  SteerFeature *feature = get_feature (fixture, 0);
  GtkSpinButton *number = get_number (fixture, 0);

  type_number (number, " -3,5 ");
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, -3.5);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (number)), ==, "−3.50");
  type_number (number, "−1.25");
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, -1.25);
  type_number (number, "much");
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, -1.25);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (number)), ==, "−1.25");
}

static void
test_number_rounds_nothing_on_the_way_out (Fixture *fixture, gconstpointer data)
{
  guint n = 0;

  steer_feature_set_strength (get_feature (fixture, 0), 1.0 / 3.0);
  g_signal_connect (get_preset (fixture), "changed", G_CALLBACK (count), &n);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (get_number (fixture, 0))), ==, "0.33");
  gtk_spin_button_update (get_number (fixture, 0));
  g_assert_cmpuint (n, ==, 0);
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 1.0 / 3.0);
}

static void
test_slider_grows_and_never_shrinks (Fixture *fixture, gconstpointer data)
{
  GtkAdjustment *adjustment = gtk_range_get_adjustment (get_scale (fixture, 0));

  g_assert_cmpfloat_with_epsilon (gtk_adjustment_get_upper (adjustment), 22.4, 1e-9); /* 16 and a fifth of 32 beyond */
  type_number (get_number (fixture, 0), "100");
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 100.0);
  g_assert_cmpfloat_with_epsilon (gtk_adjustment_get_upper (adjustment), 110.0, 1e-9);
  g_assert_cmpfloat_with_epsilon (gtk_adjustment_get_lower (adjustment), -110.0, 1e-9);
  gtk_range_set_value (get_scale (fixture, 0), 1.0);
  g_assert_cmpfloat_with_epsilon (gtk_adjustment_get_upper (adjustment), 110.0, 1e-9);
}

static void
test_double_click_recommends (Fixture *fixture, gconstpointer data)
{
  for (int row = 0; row < 2; row++)
    {
      g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (GTK_WIDGET (get_scale (fixture, row)));

      steer_feature_set_strength (get_feature (fixture, (guint) row), 3.0);
      for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
        {
          g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

          if (GTK_IS_GESTURE_CLICK (controller)
              && gtk_event_controller_get_propagation_phase (controller) == GTK_PHASE_CAPTURE)
            g_signal_emit_by_name (controller, "pressed", 2, 10.0, 10.0);
        }
    }
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 8.5);
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 1)), ==, 0.0);
}

static void
test_wheel_moves_nothing (Fixture *fixture, gconstpointer data)
{
  GtkWidget *widgets[] = { GTK_WIDGET (get_scale (fixture, 0)), GTK_WIDGET (get_number (fixture, 0)) };

  for (guint w = 0; w < G_N_ELEMENTS (widgets); w++)
    {
      g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (widgets[w]);
      guint n = 0;

      for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
        {
          g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

          if (!GTK_IS_EVENT_CONTROLLER_SCROLL (controller))
            continue;
          n++;
          g_assert_cmpint (gtk_event_controller_get_propagation_phase (controller), ==, GTK_PHASE_NONE);
        }
      g_assert_cmpuint (n, >, 0);
    }
}

static void
test_modes (Fixture *fixture, gconstpointer data)
{
  SteerFeature *feature = get_feature (fixture, 0);
  GtkWidget *row = GTK_WIDGET (get_row (fixture, 0));
  GtkWidget *button = app_test_find (row, GTK_TYPE_TOGGLE_BUTTON, "label", "Clamp");

  g_assert_true (gtk_widget_activate_action (row, "feature.mode", "s", "minimum"));
  g_assert_cmpint (steer_feature_get_mode (feature), ==, STEER_MODE_MINIMUM);
  g_assert_cmpstr (gtk_button_get_label (GTK_BUTTON (button)), ==, "Minimum");
  g_assert_true (gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (button)));
  /* Released it adds, pressed it clamps. */
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (button), FALSE);
  g_assert_cmpint (steer_feature_get_mode (feature), ==, STEER_MODE_ADD);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (button), TRUE);
  g_assert_cmpint (steer_feature_get_mode (feature), ==, STEER_MODE_CLAMP);
  steer_feature_set_mode (feature, STEER_MODE_CAP);
  g_assert_cmpstr (gtk_button_get_label (GTK_BUTTON (button)), ==, "Cap");
  g_assert_true (gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (button)));
}

static void
test_switch_and_clamp_act (Fixture *fixture, gconstpointer data)
{
  GtkWidget *row = GTK_WIDGET (get_row (fixture, 0));
  GtkWidget *card = gtk_list_box_row_get_child (GTK_LIST_BOX_ROW (row));

  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (app_test_find (row, GTK_TYPE_TOGGLE_BUTTON, "label", "Clamp")),
                                TRUE);
  g_assert_true (steer_feature_get_clamp (get_feature (fixture, 0)));
  g_assert_true (gtk_widget_has_css_class (card, "on"));
  gtk_switch_set_active (GTK_SWITCH (find (row, GTK_TYPE_SWITCH)), FALSE);
  g_assert_false (steer_feature_get_enabled (get_feature (fixture, 0)));
  g_assert_true (gtk_widget_has_css_class (card, "off"));
}

static void
test_label_is_edited_in_place (Fixture *fixture, gconstpointer data)
{
  GtkEditable *title = GTK_EDITABLE (find (GTK_WIDGET (get_row (fixture, 2)), GTK_TYPE_EDITABLE_LABEL));
  SteerFeature *feature = get_feature (fixture, 2);

  gtk_editable_set_text (title, "  The <b>sea</b> ");
  g_assert_cmpstr (steer_feature_get_label (feature), ==, "The <b>sea</b>");
  gtk_editable_set_text (title, "");
  g_assert_null (steer_feature_get_label (feature));
  steer_feature_set_label (feature, "Sea");
  g_assert_cmpstr (gtk_editable_get_text (title), ==, "Sea");
  steer_feature_set_label (feature, NULL);
  g_assert_cmpstr (gtk_editable_get_text (title), ==, "Feature 3");
  g_assert_null (steer_feature_get_label (feature));
}

static void
test_says_label_value_and_unit (Fixture *fixture, gconstpointer data)
{
  GtkAccessible *scale = GTK_ACCESSIBLE (get_scale (fixture, 1));

  gtk_test_accessible_assert_role (scale, GTK_ACCESSIBLE_ROLE_SLIDER);
  gtk_test_accessible_assert_property (scale, GTK_ACCESSIBLE_PROPERTY_LABEL, "Strength of Formal register");
  gtk_test_accessible_assert_property (scale, GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT,
                                       "−2.81, −0.86 times the layer’s typical norm");
  steer_feature_set_strength (get_feature (fixture, 1), 4.0);
  gtk_test_accessible_assert_property (scale, GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT,
                                       "4.00, 1.23 times the layer’s typical norm, beyond the useful range");
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (get_number (fixture, 1)), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                       "Strength of Formal register");
}

static void
test_removes_with_undo (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = g_object_ref (get_feature (fixture, 1));

  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (get_row (fixture, 1)), "feature.remove", NULL));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (get_preset (fixture))), ==, 2);
  g_assert_cmpstr (adw_toast_get_title (fixture->toast), ==, "Removed “Formal register”");
  undo (fixture);
  g_assert_true (get_feature (fixture, 1) == feature);
}

static void
test_duplicates_and_moves (Fixture *fixture, gconstpointer data)
{
  GtkWidget *focus;

  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (get_row (fixture, 0)), "feature.duplicate", NULL));
  g_assert_cmpuint (steer_feature_get_layer (get_feature (fixture, 1)), ==, 15);
  g_assert_true (get_feature (fixture, 1) != get_feature (fixture, 0));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (get_row (fixture, 3)), "feature.move-up", NULL));
  g_assert_cmpuint (steer_feature_get_layer (get_feature (fixture, 2)), ==, 7);
  focus = gtk_window_get_focus (fixture->window);
  g_assert_true (focus == GTK_WIDGET (get_row (fixture, 2)));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (get_row (fixture, 0)), "feature.move-up", NULL));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (get_row (fixture, 3)), "feature.move-down", NULL));
  g_assert_cmpuint (steer_feature_get_layer (get_feature (fixture, 3)), ==, 2);
}

/* Lets go of row @from over row @to, in its upper or lower half. */
static void
drop (Fixture *fixture, int from, int to, gboolean below)
{
  GtkWidget *target = GTK_WIDGET (get_row (fixture, to));
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (target);
  double y = gtk_widget_get_height (target) * (below ? 0.9 : 0.1);

  for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
    {
      g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);
      g_auto (GValue) value = G_VALUE_INIT;
      GdkDragAction action;
      gboolean taken;

      if (!GTK_IS_DROP_TARGET (controller))
        continue;
      g_value_init (&value, STEER_TYPE_FEATURE_ROW);
      g_value_set_object (&value, get_row (fixture, from));
      g_signal_emit_by_name (controller, "motion", 10.0, y, &action);
      g_assert_cmpint (action, ==, GDK_ACTION_MOVE);
      g_signal_emit_by_name (controller, "drop", &value, 10.0, y, &taken);
      g_assert_true (taken);
      return;
    }
  g_assert_not_reached ();
}

static void
assert_layers (Fixture *fixture, guint first, guint second, guint third)
{
  g_assert_cmpuint (steer_feature_get_layer (get_feature (fixture, 0)), ==, first);
  g_assert_cmpuint (steer_feature_get_layer (get_feature (fixture, 1)), ==, second);
  g_assert_cmpuint (steer_feature_get_layer (get_feature (fixture, 2)), ==, third);
}

static void
test_rows_are_dragged_into_another_order (Fixture *fixture, gconstpointer data)
{
  assert_layers (fixture, 15, 2, 7);
  drop (fixture, 0, 2, TRUE);
  assert_layers (fixture, 2, 7, 15);
  drop (fixture, 2, 0, FALSE);
  assert_layers (fixture, 15, 2, 7);
  drop (fixture, 0, 2, FALSE);
  assert_layers (fixture, 2, 15, 7);
  drop (fixture, 1, 0, TRUE);
  assert_layers (fixture, 2, 15, 7);
}

static void
set_solo (Fixture *fixture, int row, gboolean solo)
{
  steer_feature_row_set_solo (get_row (fixture, row), solo);
}

static void
assert_enabled (Fixture *fixture, const char *expected)
{
  for (guint i = 0; expected[i] != '\0'; i++)
    g_assert_cmpint (steer_feature_get_enabled (get_feature (fixture, i)), ==, expected[i] == '1');
}

static void
test_solo_lets_one_feature_work (Fixture *fixture, gconstpointer data)
{
  steer_feature_set_enabled (get_feature (fixture, 1), FALSE);
  set_solo (fixture, 1, TRUE);
  assert_enabled (fixture, "010");
  set_solo (fixture, 2, TRUE);
  assert_enabled (fixture, "001");
  set_solo (fixture, 2, FALSE);
  assert_enabled (fixture, "101");
  set_solo (fixture, 0, TRUE);
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (get_row (fixture, 0)), "feature.remove", NULL));
  assert_enabled (fixture, "01");
}

static void
test_master_switch_and_multiplier (Fixture *fixture, gconstpointer data)
{
  GtkSwitch *master = GTK_SWITCH (find (fixture->panel, GTK_TYPE_SWITCH));
  g_autoptr (SteerPreset) preset = g_object_ref (get_preset (fixture));
  g_autoptr (SteerPreset) other = steer_preset_new ();

  gtk_switch_set_active (master, FALSE);
  g_assert_false (steer_preset_get_master_enabled (preset));
  act (fixture, "steering.toggle");
  g_assert_true (gtk_switch_get_active (master));
  steer_preset_set_master_enabled (other, FALSE);
  steer_preset_set_master_multiplier (other, 0.5);
  add (other, 2, 5, NULL, 1.0);
  steer_workspace_set_preset (fixture->workspace, other);
  g_assert_false (gtk_switch_get_active (master));
  g_assert_nonnull (app_test_find (fixture->panel, GTK_TYPE_SPIN_BUTTON, "text", "× 0.50"));
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (app_test_find (fixture->panel, GTK_TYPE_SPIN_BUTTON, "text", "× 0.50")),
                             1.5);
  g_assert_cmpfloat (steer_preset_get_master_multiplier (other), ==, 1.5);
  g_assert_cmpfloat (steer_preset_get_master_multiplier (preset), ==, 1.0);
}

static void
test_reset_can_be_undone (Fixture *fixture, gconstpointer data)
{
  open_kept (fixture, "Sea", 2.0);
  steer_feature_set_strength (get_feature (fixture, 0), 7.0);
  steer_preset_set_master_multiplier (get_preset (fixture), 1.75);
  act (fixture, "steering.reset");
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 2.0);
  g_assert_false (steer_workspace_get_preset_modified (fixture->workspace));
  undo (fixture);
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 7.0);
  g_assert_cmpfloat (steer_preset_get_master_multiplier (get_preset (fixture)), ==, 1.75);
  g_assert_true (steer_workspace_get_preset_modified (fixture->workspace));
}

static void
test_resets_to_recommended_without_a_file (Fixture *fixture, gconstpointer data)
{
  steer_feature_set_strength (get_feature (fixture, 0), 1.0);
  act (fixture, "steering.reset");
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 8.5);
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 1)), ==, 0.0);
  undo (fixture);
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 1.0);
}

static void
test_saves_and_shows_what_is_changed (Fixture *fixture, gconstpointer data)
{
  GtkWidget *mark = app_test_find (fixture->panel, GTK_TYPE_LABEL, "label", "changed");
  g_autoptr (SteerPreset) saved = NULL;

  open_kept (fixture, "Sea", 2.0);
  g_assert_false (gtk_widget_get_visible (mark));
  g_assert_false (g_action_group_get_action_enabled (
    steer_steering_panel_get_actions (STEER_STEERING_PANEL (fixture->panel)), "save"));
  steer_feature_set_strength (get_feature (fixture, 0), 7.0);
  g_assert_true (gtk_widget_get_visible (mark));
  act (fixture, "steering.save");
  test_wait_until (is_unmodified, fixture->workspace, 5);
  g_assert_false (gtk_widget_get_visible (mark));
  saved = steer_preset_new_from_file (steer_workspace_get_preset_path (fixture->workspace), NULL);
  g_assert_true (steer_preset_equal (saved, get_preset (fixture)));
}

static void
test_saves_as_another (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = NULL;

  act (fixture, "steering.save");
  answer ("The <i>Tower</i>", "accept");
  path = steer_preset_folder_dup_path (steer_workspace_get_presets (fixture->workspace), "The <i>Tower</i>");
  test_wait_until (is_unmodified, fixture->workspace, 5);
  g_assert_cmpstr (steer_workspace_get_preset_path (fixture->workspace), ==, path);
  g_assert_nonnull (app_test_find (fixture->panel, GTK_TYPE_LABEL, "label", "The <i>Tower</i>"));
}

static void
test_asks_before_it_replaces (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = keep (fixture, "Sea", 2.0);
  g_autoptr (SteerPreset) kept = NULL, replaced = NULL;

  act (fixture, "steering.save-as");
  answer ("Sea", "accept");
  answer (NULL, "cancel");
  kept = steer_preset_new_from_file (path, NULL);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (kept)), ==, 1);
  act (fixture, "steering.save-as");
  answer ("Sea", "accept");
  answer (NULL, "accept");
  test_wait_until (is_unmodified, fixture->workspace, 5);
  replaced = steer_preset_new_from_file (path, NULL);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (replaced)), ==, 3);
}

static void
test_renames_and_keeps_what_is_changed (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SteerPreset) renamed = NULL;

  open_kept (fixture, "Sea", 2.0);
  steer_feature_set_strength (get_feature (fixture, 0), 7.0);
  act (fixture, "steering.rename");
  answer ("Ocean", "accept");
  g_assert_cmpstr (steer_preset_get_name (get_preset (fixture)), ==, "Ocean");
  g_assert_true (g_str_has_suffix (steer_workspace_get_preset_path (fixture->workspace), "Ocean.yaml"));
  g_assert_true (steer_workspace_get_preset_modified (fixture->workspace));
  renamed = steer_preset_new_from_file (steer_workspace_get_preset_path (fixture->workspace), NULL);
  g_assert_cmpstr (steer_preset_get_name (renamed), ==, "Ocean");
}

static void
test_deletes_with_undo (Fixture *fixture, gconstpointer data)
{
  SteerPresetFolder *folder = steer_workspace_get_presets (fixture->workspace);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (folder));
  g_autofree char *path = NULL;

  open_kept (fixture, "Sea", 2.0);
  path = g_strdup (steer_workspace_get_preset_path (fixture->workspace));
  steer_feature_set_strength (get_feature (fixture, 0), 7.0);
  act (fixture, "steering.delete");
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (folder)), ==, n);
  g_assert_null (steer_workspace_get_preset_path (fixture->workspace));
  undo (fixture);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (folder)), ==, n + 1);
  g_assert_cmpstr (steer_workspace_get_preset_path (fixture->workspace), ==, path);
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 7.0);
}

static void
test_loading_loses_no_changes (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = keep (fixture, "Sea", 2.0);

  steer_feature_set_strength (get_feature (fixture, 0), 7.0);
  g_assert_true (gtk_widget_activate_action (fixture->panel, "steering.load", "s", path));
  g_assert_cmpstr (steer_preset_get_name (get_preset (fixture)), ==, "Sea");
  undo (fixture);
  g_assert_cmpstr (steer_preset_get_name (get_preset (fixture)), ==, "Eiffel Tower");
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 0)), ==, 7.0);
}

static void
test_says_why_a_preset_does_not_load (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "bad.yaml", NULL);

  g_assert_true (g_file_set_contents (path, "version: 1\nfeatures: <b>\n", -1, NULL));
  g_assert_true (gtk_widget_activate_action (fixture->panel, "steering.load", "s", path));
  g_assert_nonnull (strstr (adw_toast_get_title (fixture->toast), "bad.yaml:2:11"));
  g_assert_nonnull (strstr (adw_toast_get_title (fixture->toast), "&lt;b&gt;"));
  g_assert_cmpstr (steer_preset_get_name (get_preset (fixture)), ==, "Eiffel Tower");
}

static void
test_offers_presets_when_empty (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = keep (fixture, "Sea & Sand", 2.0);
  GtkWidget *label;
  GtkWidget *row;
  GtkWidget *list;

  show_empty (fixture);
  picture (fixture->panel, "panel-empty");
  label = app_test_find (fixture->panel, GTK_TYPE_LABEL, "label", "Sea & Sand");
  row = gtk_widget_get_ancestor (label, GTK_TYPE_LIST_BOX_ROW);
  list = gtk_widget_get_parent (row);
  g_assert_true (gtk_widget_get_mapped (app_test_find (fixture->panel, GTK_TYPE_BUTTON, "label", "_Add Feature…")));
  g_signal_emit_by_name (list, "row-activated", row);
  app_test_settle ();
  g_assert_cmpstr (steer_workspace_get_preset_path (fixture->workspace), ==, path);
  g_assert_true (gtk_widget_get_mapped (GTK_WIDGET (get_row (fixture, 0))));
}

static gboolean
has_found (gpointer dialog)
{
  GtkWidget *list = app_test_find (dialog, GTK_TYPE_LIST_VIEW, NULL, NULL);

  return g_list_model_get_n_items (G_LIST_MODEL (gtk_list_view_get_model (GTK_LIST_VIEW (list)))) > 0;
}

static void
test_adds_a_feature_found_by_label (Fixture *fixture, gconstpointer data)
{
  GtkWidget *dialog;
  GtkWidget *search;

  steer_preset_set_default_clamp (get_preset (fixture), TRUE);
  act (fixture, "steering.add-feature");
  dialog = get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG);
  test_wait_until (has_found, dialog, 10);
  picture (dialog, "add-feature");
  search = find (dialog, GTK_TYPE_SEARCH_ENTRY);
  gtk_editable_set_text (GTK_EDITABLE (search), "TOWER eif");
  g_signal_emit_by_name (search, "search-changed");
  g_signal_emit_by_name (search, "activate");
  app_test_settle ();
  g_assert_null (get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG));
  g_assert_cmpuint (steer_feature_get_index (get_feature (fixture, 3)), ==, 21576);
  g_assert_cmpfloat (steer_feature_get_strength (get_feature (fixture, 3)), ==, 8.5);
  g_assert_true (steer_feature_get_clamp (get_feature (fixture, 3)));
  g_assert_cmpstr (steer_feature_get_source (get_feature (fixture, 3)), ==, "vectors");
}

static void
test_adds_a_feature_by_its_numbers (Fixture *fixture, gconstpointer data)
{
  GtkWidget *dialog, *layer, *index, *button;

  act (fixture, "steering.add-feature");
  dialog = get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG);
  layer = app_test_find (dialog, GTK_TYPE_SPIN_BUTTON, NULL, NULL);
  index = app_test_find (gtk_widget_get_next_sibling (gtk_widget_get_next_sibling (layer)), GTK_TYPE_SPIN_BUTTON, NULL,
                         NULL);
  button = app_test_find (dialog, GTK_TYPE_BUTTON, "label", "_Add");
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (layer), 7);
  g_assert_false (gtk_widget_get_sensitive (button));
  g_assert_nonnull (app_test_find (dialog, GTK_TYPE_LABEL, "label", "No loaded source has this feature"));
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (index), 3);
  g_assert_true (gtk_widget_get_sensitive (button));
  g_signal_emit_by_name (button, "clicked");
  app_test_settle ();
  g_assert_cmpuint (steer_feature_get_layer (get_feature (fixture, 3)), ==, 7);
  g_assert_cmpuint (steer_feature_get_index (get_feature (fixture, 3)), ==, 3);
}

static void
on_close_requested (GtkWidget *panel, guint *n)
{
  ++*n;
}

static void
test_has_a_way_back_where_it_covers_the_chat (Fixture *fixture, gconstpointer data)
{
  GtkWidget *button = app_test_find (fixture->panel, GTK_TYPE_BUTTON, "icon-name", "go-previous-symbolic");
  guint n = 0;

  g_signal_connect (fixture->panel, "close-requested", G_CALLBACK (on_close_requested), &n);
  g_assert_false (gtk_widget_get_visible (button));
  g_object_set (fixture->panel, "show-close-button", TRUE, NULL);
  g_assert_true (gtk_widget_get_visible (button));
  g_signal_emit_by_name (button, "clicked");
  g_assert_cmpuint (n, ==, 1);
}

static void
test_fits_into_300_pixels (Fixture *fixture, gconstpointer data)
{
  int minimum;

  steer_feature_set_label (get_feature (fixture, 0),
                           "A label that is far longer than any panel of any window will ever be");
  steer_preset_set_name (get_preset (fixture), "A name that is far longer than any panel of any window will ever be");
  app_test_settle ();
  gtk_widget_measure (fixture->panel, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, NULL, NULL, NULL);
  g_assert_cmpint (minimum, <=, 300);
}

static void
test_popovers (Fixture *fixture, gconstpointer data)
{
  GtkWidget *list = GTK_WIDGET (get_row (fixture, 0));
  GtkWidget *buttons[] = {
    app_test_find (fixture->panel, GTK_TYPE_MENU_BUTTON, "icon-name", "pan-down-symbolic"),
    app_test_find (fixture->panel, GTK_TYPE_MENU_BUTTON, "icon-name", "emblem-system-symbolic"),
    app_test_find (fixture->panel, GTK_TYPE_MENU_BUTTON, "icon-name", "view-more-symbolic"),
    app_test_find (list, GTK_TYPE_MENU_BUTTON, "icon-name", "view-more-symbolic"),
  };
  static const char *const names[] = { "preset-menu", "options", "panel-menu", "row-menu" };

  g_free (keep (fixture, "Sea", 2.0));
  for (guint i = 0; i < G_N_ELEMENTS (buttons); i++)
    {
      GtkWidget *popover;
      const char *dir = g_getenv ("STEER_TEST_PICTURES");

      /* Menus are made when they are opened. */
      gtk_menu_button_popup (GTK_MENU_BUTTON (buttons[i]));
      popover = GTK_WIDGET (gtk_menu_button_get_popover (GTK_MENU_BUTTON (buttons[i])));
      test_wait_until (is_shown, popover, 10);
      app_test_settle ();
      if (dir != NULL)
        {
          g_autofree char *file = g_strdup_printf ("%s/%s.png", dir, names[i]);

          app_test_save_png (popover, 1, file);
        }
      gtk_menu_button_popdown (GTK_MENU_BUTTON (buttons[i]));
      app_test_settle ();
    }
}

#define ADD(name, function) g_test_add ("/steering panel/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char *argv[])
{
  app_test_init (&argc, &argv);
  ADD ("is drawn in light and dark, off and narrow", test_pictures);
  ADD ("has a row a feature, in the preset's order", test_has_a_row_a_feature);
  ADD ("has sliders that act at once", test_slider_acts_at_once);
  ADD ("has numbers that take what people type", test_number_takes_what_people_type);
  ADD ("rounds nothing when a number is left", test_number_rounds_nothing_on_the_way_out);
  ADD ("has sliders that grow and never shrink", test_slider_grows_and_never_shrinks);
  ADD ("returns to the recommended strength on a double click", test_double_click_recommends);
  ADD ("lets the wheel scroll and change nothing", test_wheel_moves_nothing);
  ADD ("has switches and clamps that act", test_switch_and_clamp_act);
  ADD ("offers the further modes in a menu, and shows which one is in force", test_modes);
  ADD ("has labels that are edited in place", test_label_is_edited_in_place);
  ADD ("says label, value and unit", test_says_label_value_and_unit);
  ADD ("removes a row, and Undo brings it back", test_removes_with_undo);
  ADD ("duplicates rows and moves them by key, focus included", test_duplicates_and_moves);
  ADD ("has rows that are dragged into another order", test_rows_are_dragged_into_another_order);
  ADD ("lets one feature work alone, and the others again", test_solo_lets_one_feature_work);
  ADD ("has a master switch and a multiplier", test_master_switch_and_multiplier);
  ADD ("resets to the file, and Undo goes back", test_reset_can_be_undone);
  ADD ("resets to what is recommended where there is no file", test_resets_to_recommended_without_a_file);
  ADD ("saves, and shows what is changed", test_saves_and_shows_what_is_changed);
  ADD ("saves as another preset", test_saves_as_another);
  ADD ("asks before it replaces a preset", test_asks_before_it_replaces);
  ADD ("renames, and keeps what is changed", test_renames_and_keeps_what_is_changed);
  ADD ("deletes, and Undo brings file and changes back", test_deletes_with_undo);
  ADD ("loads another preset without losing changes", test_loading_loses_no_changes);
  ADD ("says why a preset does not load", test_says_why_a_preset_does_not_load);
  ADD ("offers presets when nothing is steered", test_offers_presets_when_empty);
  ADD ("adds a feature found by its label", test_adds_a_feature_found_by_label);
  ADD ("adds a feature by layer and index", test_adds_a_feature_by_its_numbers);
  ADD ("has a way back where it covers the chat", test_has_a_way_back_where_it_covers_the_chat);
  ADD ("fits into 300 pixels", test_fits_into_300_pixels);
  ADD ("opens its menus", test_popovers);
  return g_test_run ();
}
