/* A row of the steering panel: one feature, its slider, number, switch, mode and label; and rows among each other. */
#include "app/steer-condition-dialog.h"
#include "panel-test-util.h"
#include "steer-strength-scale.h"
#include "test-util.h"

static GtkRange *
get_scale (PanelTest *fixture, int row)
{
  return GTK_RANGE (panel_test_find (GTK_WIDGET (panel_test_get_row (fixture, row)), STEER_TYPE_STRENGTH_SCALE));
}

static GtkSpinButton *
get_number (PanelTest *fixture, int row)
{
  return GTK_SPIN_BUTTON (panel_test_find (GTK_WIDGET (panel_test_get_row (fixture, row)), GTK_TYPE_SPIN_BUTTON));
}

static void
count (gpointer object, guint *n)
{
  ++*n;
}

static void
test_has_a_row_a_feature (PanelTest *fixture, gconstpointer data)
{
  g_assert_true (steer_feature_row_get_feature (panel_test_get_row (fixture, 0))
                 == panel_test_get_feature (fixture, 0));
  g_assert_true (steer_feature_row_get_feature (panel_test_get_row (fixture, 2))
                 == panel_test_get_feature (fixture, 2));
  steer_preset_move (panel_test_get_preset (fixture), 0, 2);
  for (int i = 0; i < 3; i++)
    g_assert_true (steer_feature_row_get_feature (panel_test_get_row (fixture, i))
                   == panel_test_get_feature (fixture, (guint) i));
  steer_preset_remove (panel_test_get_preset (fixture), 1);
  g_assert_null (panel_test_get_row (fixture, 2));
}

static void
test_slider_acts_at_once (PanelTest *fixture, gconstpointer data)
{
  SteerLivePlan *live = steer_workspace_get_live_plan (fixture->workspace);
  g_autoptr (SteerPlan) plan = NULL;
  guint n = 0;

  g_signal_connect (panel_test_get_preset (fixture), "changed", G_CALLBACK (count), &n);
  gtk_range_set_value (get_scale (fixture, 0), 5.25);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 5.25);
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
test_number_takes_what_people_type (PanelTest *fixture, gconstpointer data)
{
  SteerFeature *feature = panel_test_get_feature (fixture, 0);
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
test_number_rounds_nothing_on_the_way_out (PanelTest *fixture, gconstpointer data)
{
  guint n = 0;

  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 1.0 / 3.0);
  g_signal_connect (panel_test_get_preset (fixture), "changed", G_CALLBACK (count), &n);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (get_number (fixture, 0))), ==, "0.33");
  gtk_spin_button_update (get_number (fixture, 0));
  g_assert_cmpuint (n, ==, 0);
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 1.0 / 3.0);
}

static void
assert_ends (GtkRange *scale, double lower, double upper)
{
  GtkAdjustment *adjustment = gtk_range_get_adjustment (scale);

  g_assert_cmpfloat_with_epsilon (gtk_adjustment_get_lower (adjustment), lower, 1e-9);
  g_assert_cmpfloat_with_epsilon (gtk_adjustment_get_upper (adjustment), upper, 1e-9);
}

static void
test_slider_makes_room_and_shrinks_back (PanelTest *fixture, gconstpointer data)
{
  GtkRange *scale = get_scale (fixture, 0);

  assert_ends (scale, -22.4, 22.4); /* 16 and a fifth of 32 beyond */
  type_number (get_number (fixture, 0), "1244");
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 1244.0);
  assert_ends (scale, -1368.4, 1368.4);
  type_number (get_number (fixture, 0), "12.44");
  assert_ends (scale, -22.4, 22.4);
  type_number (get_number (fixture, 0), "100");
  assert_ends (scale, -110.0, 110.0);
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (panel_test_get_row (fixture, 0)), "feature.recommend", NULL));
  assert_ends (scale, -22.4, 22.4);
}

/* The preset "Anything but Chocolate" is of a feature that was tried with positive strengths only. */
static void
test_negative_strength_is_no_danger (PanelTest *fixture, gconstpointer data)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();
  g_autoptr (SteerFeature) feature = steer_feature_new (2, 5);
  GtkRange *scale;
  gboolean beyond;

  steer_feature_set_range (feature, 10.37, 4.0, 15.0);
  steer_feature_set_strength (feature, -10.37);
  steer_preset_append (preset, feature);
  steer_workspace_set_preset (fixture->workspace, preset);
  app_test_settle ();
  g_object_get (panel_test_get_row (fixture, 0), "beyond", &beyond, NULL);
  g_assert_false (beyond);
  scale = get_scale (fixture, 0);
  assert_ends (scale, -17.2, 17.2);
  /* There is a way back to where it came from. */
  gtk_range_set_value (scale, 3.0);
  assert_ends (scale, -17.2, 17.2);
  gtk_range_set_value (scale, -16.0);
  g_object_get (panel_test_get_row (fixture, 0), "beyond", &beyond, NULL);
  g_assert_true (beyond);
}

/* GTK marks what is under a pressed button as active. */
static void
test_slider_stays_while_it_is_held (PanelTest *fixture, gconstpointer data)
{
  GtkRange *scale = get_scale (fixture, 0);

  type_number (get_number (fixture, 0), "100");
  gtk_widget_set_state_flags (GTK_WIDGET (scale), GTK_STATE_FLAG_ACTIVE, FALSE);
  gtk_range_set_value (scale, 1.0);
  assert_ends (scale, -110.0, 110.0);
  gtk_widget_unset_state_flags (GTK_WIDGET (scale), GTK_STATE_FLAG_ACTIVE);
  assert_ends (scale, -22.4, 22.4);
  g_assert_cmpfloat (gtk_range_get_value (scale), ==, 1.0);
}

/* The number shows more decimals of a shorter slider. */
static void
test_shrinking_rounds_nothing (PanelTest *fixture, gconstpointer data)
{
  SteerFeature *feature = panel_test_get_feature (fixture, 0);
  GtkRange *scale = get_scale (fixture, 0);

  steer_feature_set_range (feature, 0.05, -0.1, 0.1);
  type_number (get_number (fixture, 0), "50");
  gtk_widget_set_state_flags (GTK_WIDGET (scale), GTK_STATE_FLAG_ACTIVE, FALSE);
  steer_feature_set_strength (feature, 0.05678);
  gtk_widget_unset_state_flags (GTK_WIDGET (scale), GTK_STATE_FLAG_ACTIVE);
  g_assert_cmpfloat (gtk_adjustment_get_upper (gtk_range_get_adjustment (scale)), <, 1.0);
  gtk_spin_button_update (get_number (fixture, 0));
  g_assert_cmpfloat (steer_feature_get_strength (feature), ==, 0.05678);
}

/* A hand that drags over pixels of six each cannot be expected to hit what is useful. */
static void
test_slider_shrinks_in_steps (PanelTest *fixture, gconstpointer data)
{
  GtkRange *scale = get_scale (fixture, 0);

  type_number (get_number (fixture, 0), "1000");
  assert_ends (scale, -1100.0, 1100.0);
  gtk_range_set_value (scale, 600.0);
  assert_ends (scale, -1100.0, 1100.0);
  gtk_range_set_value (scale, 30.0);
  assert_ends (scale, -33.0, 33.0);
}

/* The middle of the label of a mark, and where the knob would be for @value; in the scale's pixels. */
static void
assert_mark_at (GtkRange *scale, const char *label, double value)
{
  GtkAdjustment *adjustment = gtk_range_get_adjustment (scale);
  double lower = gtk_adjustment_get_lower (adjustment), upper = gtk_adjustment_get_upper (adjustment);
  GtkWidget *mark = app_test_find (GTK_WIDGET (scale), GTK_TYPE_LABEL, "label", label);
  GdkRectangle trough;
  graphene_rect_t bounds;

  g_assert_nonnull (mark);
  g_assert_true (gtk_widget_compute_bounds (mark, GTK_WIDGET (scale), &bounds));
  gtk_range_get_range_rect (scale, &trough);
  g_assert_cmpfloat_with_epsilon (bounds.origin.x + bounds.size.width / 2.0f,
                                  trough.x + trough.width * (value - lower) / (upper - lower), 4.0);
}

static void
test_marks_follow_the_range (PanelTest *fixture, gconstpointer data)
{
  static const char *const typed[] = { "20", "-5", "60", "3" };
  SteerFeature *feature = panel_test_get_feature (fixture, 0);

  steer_feature_set_range (feature, 10.72, 0.0, 13.4);
  for (guint i = 0; i < G_N_ELEMENTS (typed); i++)
    {
      type_number (get_number (fixture, 0), typed[i]);
      app_test_settle ();
      assert_mark_at (get_scale (fixture, 0), "<small>0</small>", 0.0);
      assert_mark_at (get_scale (fixture, 0), "<small>10.72</small>", 10.72);
    }
}

static void
test_double_click_recommends (PanelTest *fixture, gconstpointer data)
{
  for (int row = 0; row < 2; row++)
    {
      g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (GTK_WIDGET (get_scale (fixture, row)));

      steer_feature_set_strength (panel_test_get_feature (fixture, (guint) row), 3.0);
      for (guint i = 0; i < g_list_model_get_n_items (controllers); i++)
        {
          g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

          if (GTK_IS_GESTURE_CLICK (controller)
              && gtk_event_controller_get_propagation_phase (controller) == GTK_PHASE_CAPTURE)
            g_signal_emit_by_name (controller, "pressed", 2, 10.0, 10.0);
        }
    }
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 8.5);
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 1)), ==, 0.0);
}

static void
test_wheel_moves_nothing (PanelTest *fixture, gconstpointer data)
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
test_modes (PanelTest *fixture, gconstpointer data)
{
  SteerFeature *feature = panel_test_get_feature (fixture, 0);
  GtkWidget *row = GTK_WIDGET (panel_test_get_row (fixture, 0));
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

/* The dialog of the first row. (transfer none) */
static GtkWidget *
open_condition (PanelTest *fixture)
{
  GtkWidget *dialog;

  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (panel_test_get_row (fixture, 0)), "feature.condition", NULL));
  dialog = panel_test_get_dialog (STEER_TYPE_CONDITION_DIALOG);
  g_assert_nonnull (dialog);
  return dialog;
}

static GtkEditable *
get_entry (GtkWidget *dialog, const char *title)
{
  return GTK_EDITABLE (app_test_find (dialog, ADW_TYPE_ENTRY_ROW, "title", title));
}

static void
choose (GtkWidget *dialog, const char *title, guint selected)
{
  adw_combo_row_set_selected (ADW_COMBO_ROW (app_test_find (dialog, ADW_TYPE_COMBO_ROW, "title", title)), selected);
}

static void
respond (GtkWidget *dialog, const char *response)
{
  adw_message_dialog_response (ADW_MESSAGE_DIALOG (dialog), response);
  gtk_window_destroy (GTK_WINDOW (dialog)); /* as a button of it does */
}

/* From the menu to the plan and back; what cannot be read is not accepted. */
static void
test_acts_only_where (PanelTest *fixture, gconstpointer data)
{
  SteerFeature *feature = panel_test_get_feature (fixture, 0);
  GtkWidget *row = GTK_WIDGET (panel_test_get_row (fixture, 0));
  GtkWidget *dialog = open_condition (fixture);
  AdwMessageDialog *question = ADW_MESSAGE_DIALOG (dialog);
  g_autoptr (SteerPlan) plan = NULL;

  g_assert_false (adw_message_dialog_get_response_enabled (question, "everywhere"));
  gtk_editable_set_text (get_entry (dialog, "Bound"), "much");
  g_assert_false (adw_message_dialog_get_response_enabled (question, "accept"));
  gtk_editable_set_text (get_entry (dialog, "Bound"), "2,5");
  gtk_editable_set_text (get_entry (dialog, "Number of another feature of this layer"), "-3");
  g_assert_false (adw_message_dialog_get_response_enabled (question, "accept"));
  gtk_editable_set_text (get_entry (dialog, "Number of another feature of this layer"), "");
  choose (dialog, "What Is Measured", 1);
  choose (dialog, "Acts Where It Is", 1);
  g_assert_true (adw_message_dialog_get_response_enabled (question, "accept"));
  respond (dialog, "accept");
  g_assert_cmpstr (steer_feature_get_when (feature), ==, "projection <= 2.5");
  g_assert_true (
    gtk_widget_is_visible (app_test_find (row, GTK_TYPE_LABEL, "label", "Only where its projection is at most 2.50")));
  plan = steer_live_plan_dup (steer_workspace_get_live_plan (fixture->workspace));
  g_assert_cmpint (steer_plan_get_ops (plan)[2].gate.when, ==, STEER_WHEN_BELOW);

  dialog = open_condition (fixture);
  g_assert_cmpstr (gtk_editable_get_text (get_entry (dialog, "Bound")), ==, "2.50");
  gtk_editable_set_text (get_entry (dialog, "Bound"), "4");
  respond (dialog, "cancel");
  g_assert_cmpstr (steer_feature_get_when (feature), ==, "projection <= 2.5");
  respond (open_condition (fixture), "everywhere");
  g_assert_null (steer_feature_get_when (feature));
}

static void
test_switch_and_clamp_act (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *row = GTK_WIDGET (panel_test_get_row (fixture, 0));
  GtkWidget *card = gtk_list_box_row_get_child (GTK_LIST_BOX_ROW (row));

  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (app_test_find (row, GTK_TYPE_TOGGLE_BUTTON, "label", "Clamp")),
                                TRUE);
  g_assert_true (steer_feature_get_clamp (panel_test_get_feature (fixture, 0)));
  g_assert_true (gtk_widget_has_css_class (card, "on"));
  gtk_switch_set_active (GTK_SWITCH (panel_test_find (row, GTK_TYPE_SWITCH)), FALSE);
  g_assert_false (steer_feature_get_enabled (panel_test_get_feature (fixture, 0)));
  g_assert_true (gtk_widget_has_css_class (card, "off"));
}

static void
test_label_is_edited_in_place (PanelTest *fixture, gconstpointer data)
{
  GtkEditable *title
    = GTK_EDITABLE (panel_test_find (GTK_WIDGET (panel_test_get_row (fixture, 2)), GTK_TYPE_EDITABLE_LABEL));
  SteerFeature *feature = panel_test_get_feature (fixture, 2);

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
test_says_label_value_and_unit (PanelTest *fixture, gconstpointer data)
{
  GtkAccessible *scale = GTK_ACCESSIBLE (get_scale (fixture, 1));

  gtk_test_accessible_assert_role (scale, GTK_ACCESSIBLE_ROLE_SLIDER);
  gtk_test_accessible_assert_property (scale, GTK_ACCESSIBLE_PROPERTY_LABEL, "Strength of Formal register");
  gtk_test_accessible_assert_property (scale, GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT,
                                       "−2.81, −0.86 times the layer’s typical norm");
  steer_feature_set_strength (panel_test_get_feature (fixture, 1), 4.0);
  gtk_test_accessible_assert_property (scale, GTK_ACCESSIBLE_PROPERTY_VALUE_TEXT,
                                       "4.00, 1.23 times the layer’s typical norm, beyond the useful range");
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (get_number (fixture, 1)), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                       "Strength of Formal register");
}

static void
test_removes_with_undo (PanelTest *fixture, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = g_object_ref (panel_test_get_feature (fixture, 1));

  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (panel_test_get_row (fixture, 1)), "feature.remove", NULL));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (panel_test_get_preset (fixture))), ==, 2);
  g_assert_cmpstr (adw_toast_get_title (fixture->toast), ==, "Removed “Formal register”");
  panel_test_undo (fixture);
  g_assert_true (panel_test_get_feature (fixture, 1) == feature);
}

/* GTK looks a tenth of a second later whether the focus has come back. */
static void
test_goes_after_its_label_was_left (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *row = GTK_WIDGET (panel_test_get_row (fixture, 1));
  gint64 end = g_get_monotonic_time () + 200 * G_TIME_SPAN_MILLISECOND;

  g_object_add_weak_pointer (G_OBJECT (row), (gpointer *) &row);
  g_assert_true (gtk_widget_grab_focus (panel_test_find (row, GTK_TYPE_EDITABLE_LABEL)));
  g_assert_true (gtk_widget_grab_focus (GTK_WIDGET (panel_test_get_row (fixture, 0))));
  g_assert_true (gtk_widget_activate_action (row, "feature.remove", NULL));
  g_clear_object (&fixture->toast);
  g_assert_null (row);
  while (g_get_monotonic_time () < end)
    if (!g_main_context_iteration (NULL, FALSE))
      g_usleep (1000);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (panel_test_get_preset (fixture))), ==, 2);
}

static void
test_duplicates_and_moves (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *focus;

  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (panel_test_get_row (fixture, 0)), "feature.duplicate", NULL));
  g_assert_cmpuint (steer_feature_get_layer (panel_test_get_feature (fixture, 1)), ==, 15);
  g_assert_true (panel_test_get_feature (fixture, 1) != panel_test_get_feature (fixture, 0));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (panel_test_get_row (fixture, 3)), "feature.move-up", NULL));
  g_assert_cmpuint (steer_feature_get_layer (panel_test_get_feature (fixture, 2)), ==, 7);
  focus = gtk_window_get_focus (fixture->window);
  g_assert_true (focus == GTK_WIDGET (panel_test_get_row (fixture, 2)));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (panel_test_get_row (fixture, 0)), "feature.move-up", NULL));
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (panel_test_get_row (fixture, 3)), "feature.move-down", NULL));
  g_assert_cmpuint (steer_feature_get_layer (panel_test_get_feature (fixture, 3)), ==, 2);
}

/* Lets go of row @from over row @to, in its upper or lower half. */
static void
drop (PanelTest *fixture, int from, int to, gboolean below)
{
  GtkWidget *target = GTK_WIDGET (panel_test_get_row (fixture, to));
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
      g_value_set_object (&value, panel_test_get_row (fixture, from));
      g_signal_emit_by_name (controller, "motion", 10.0, y, &action);
      g_assert_cmpint (action, ==, GDK_ACTION_MOVE);
      g_signal_emit_by_name (controller, "drop", &value, 10.0, y, &taken);
      g_assert_true (taken);
      return;
    }
  g_assert_not_reached ();
}

static void
assert_layers (PanelTest *fixture, guint first, guint second, guint third)
{
  g_assert_cmpuint (steer_feature_get_layer (panel_test_get_feature (fixture, 0)), ==, first);
  g_assert_cmpuint (steer_feature_get_layer (panel_test_get_feature (fixture, 1)), ==, second);
  g_assert_cmpuint (steer_feature_get_layer (panel_test_get_feature (fixture, 2)), ==, third);
}

static void
test_rows_are_dragged_into_another_order (PanelTest *fixture, gconstpointer data)
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
set_solo (PanelTest *fixture, int row, gboolean solo)
{
  steer_feature_row_set_solo (panel_test_get_row (fixture, row), solo);
}

static void
assert_enabled (PanelTest *fixture, const char *expected)
{
  for (guint i = 0; expected[i] != '\0'; i++)
    g_assert_cmpint (steer_feature_get_enabled (panel_test_get_feature (fixture, i)), ==, expected[i] == '1');
}

static void
test_solo_lets_one_feature_work (PanelTest *fixture, gconstpointer data)
{
  steer_feature_set_enabled (panel_test_get_feature (fixture, 1), FALSE);
  set_solo (fixture, 1, TRUE);
  assert_enabled (fixture, "010");
  set_solo (fixture, 2, TRUE);
  assert_enabled (fixture, "001");
  set_solo (fixture, 2, FALSE);
  assert_enabled (fixture, "101");
  set_solo (fixture, 0, TRUE);
  g_assert_true (gtk_widget_activate_action (GTK_WIDGET (panel_test_get_row (fixture, 0)), "feature.remove", NULL));
  assert_enabled (fixture, "01");
}

#define ADD(name, function)                                                                                            \
  g_test_add ("/feature rows/" name, PanelTest, NULL, panel_test_set_up, function, panel_test_tear_down)

int
main (int argc, char *argv[])
{
  app_test_init (&argc, &argv);
  ADD ("has a row a feature, in the preset's order", test_has_a_row_a_feature);
  ADD ("has sliders that act at once", test_slider_acts_at_once);
  ADD ("has numbers that take what people type", test_number_takes_what_people_type);
  ADD ("rounds nothing when a number is left", test_number_rounds_nothing_on_the_way_out);
  ADD ("has sliders that make room for a strength, and shrink back", test_slider_makes_room_and_shrinks_back);
  ADD ("takes a negative strength for as useful as a positive one", test_negative_strength_is_no_danger);
  ADD ("has sliders whose ends stay while they are held", test_slider_stays_while_it_is_held);
  ADD ("rounds nothing when a slider shrinks", test_shrinking_rounds_nothing);
  ADD ("has sliders that shrink to half, and not at every step", test_slider_shrinks_in_steps);
  ADD ("has marks that follow the ends of a slider", test_marks_follow_the_range);
  ADD ("returns to the recommended strength on a double click", test_double_click_recommends);
  ADD ("lets the wheel scroll and change nothing", test_wheel_moves_nothing);
  ADD ("has switches and clamps that act", test_switch_and_clamp_act);
  ADD ("offers the further modes in a menu, and shows which one is in force", test_modes);
  ADD ("acts only where its condition holds, which a dialog asks for", test_acts_only_where);
  ADD ("has labels that are edited in place", test_label_is_edited_in_place);
  ADD ("says label, value and unit", test_says_label_value_and_unit);
  ADD ("removes a row, and Undo brings it back", test_removes_with_undo);
  ADD ("goes though its label has just been left", test_goes_after_its_label_was_left);
  ADD ("duplicates rows and moves them by key, focus included", test_duplicates_and_moves);
  ADD ("has rows that are dragged into another order", test_rows_are_dragged_into_another_order);
  ADD ("lets one feature work alone, and the others again", test_solo_lets_one_feature_work);
  return g_test_run ();
}
