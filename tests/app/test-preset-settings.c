/* What a preset sets beside its features: shown, changed and given back to the preferences. */
#include "panel-test-util.h"

#include "app/steer-preset-settings.h"

/* The panel's preset sets temperature and seed, and is saved. Opens the dialog from the options of the panel. */
static GtkWidget *
open_settings (PanelTest *fixture)
{
  SteerSampling sampling = { .temperature = 0.5, .seed = 16 };
  GtkWidget *dialog;

  steer_preset_set_sampling_fields (panel_test_get_preset (fixture), &sampling,
                                    STEER_SAMPLING_TEMPERATURE | STEER_SAMPLING_SEED);
  panel_test_act (fixture, "steering.settings");
  dialog = panel_test_get_dialog (STEER_TYPE_PRESET_SETTINGS);
  g_assert_nonnull (dialog);
  app_test_settle ();
  return dialog;
}

static GtkWidget *
find_in_row (GtkWidget *dialog, const char *title, GType type)
{
  GtkWidget *row = app_test_find (dialog, ADW_TYPE_ACTION_ROW, "title", title);

  g_assert_nonnull (row);
  return panel_test_find (row, type);
}

static void
assert_row (GtkWidget *dialog, const char *title, gboolean own, double number)
{
  GtkWidget *row = app_test_find (dialog, ADW_TYPE_ACTION_ROW, "title", title);
  GtkWidget *check = find_in_row (dialog, title, GTK_TYPE_CHECK_BUTTON);
  GtkWidget *spin = find_in_row (dialog, title, GTK_TYPE_SPIN_BUTTON);

  g_test_message ("%s", title);
  g_assert_cmpint (gtk_check_button_get_active (GTK_CHECK_BUTTON (check)), ==, own);
  g_assert_cmpint (gtk_widget_get_sensitive (spin), ==, own);
  g_assert_cmpfloat (gtk_spin_button_get_value (GTK_SPIN_BUTTON (spin)), ==, number);
  g_assert_cmpint (g_str_equal (adw_action_row_get_subtitle (ADW_ACTION_ROW (row)), "As in Preferences"), ==, !own);
}

static void
test_shows_what_counts (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *dialog = open_settings (fixture);

  g_settings_set_uint (fixture->settings, "top-k", 7);
  g_settings_set_double (fixture->settings, "temperature", 1.5);
  steer_preset_set_name (panel_test_get_preset (fixture), "Tower"); /* looked at again */
  assert_row (dialog, "Temperature", TRUE, 0.5);
  assert_row (dialog, "Seed", TRUE, 16.0);
  assert_row (dialog, "Top P", FALSE, 0.95);
  assert_row (dialog, "Top K", FALSE, 7.0);
  assert_row (dialog, "Longest Reply", FALSE, 512.0);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (find_in_row (dialog, "Top P", GTK_TYPE_CHECK_BUTTON)),
                                       GTK_ACCESSIBLE_PROPERTY_LABEL, "Top P of this preset");
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
test_sets_and_gives_back (PanelTest *fixture, gconstpointer data)
{
  SteerPreset *preset = panel_test_get_preset (fixture);
  GtkWidget *dialog = open_settings (fixture);
  GtkWidget *own = find_in_row (dialog, "Top P", GTK_TYPE_CHECK_BUTTON);
  GtkWidget *number = find_in_row (dialog, "Top P", GTK_TYPE_SPIN_BUTTON);
  SteerSampling sampling;

  gtk_check_button_set_active (GTK_CHECK_BUTTON (own), TRUE);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (number), 0.8);
  g_assert_cmpint (steer_preset_get_sampling_fields (preset), ==,
                   STEER_SAMPLING_TEMPERATURE | STEER_SAMPLING_SEED | STEER_SAMPLING_TOP_P);
  g_assert_cmpfloat (steer_preset_get_sampling (preset)->top_p, ==, 0.8);
  g_assert_cmpfloat (steer_preset_get_sampling (preset)->temperature, ==, 0.5);
  steer_workspace_get_sampling (fixture->workspace, &sampling);
  g_assert_cmpfloat (sampling.top_p, ==, 0.8);

  gtk_check_button_set_active (GTK_CHECK_BUTTON (find_in_row (dialog, "Temperature", GTK_TYPE_CHECK_BUTTON)), FALSE);
  g_assert_cmpint (steer_preset_get_sampling_fields (preset), ==, STEER_SAMPLING_SEED | STEER_SAMPLING_TOP_P);
  assert_row (dialog, "Temperature", FALSE, 0.7);
  gtk_window_destroy (GTK_WINDOW (dialog));
}

/* A file may have more decimals than the dialog shows. */
static void
test_rounds_nothing (PanelTest *fixture, gconstpointer data)
{
  SteerPreset *preset = panel_test_get_preset (fixture);
  GtkWidget *dialog = open_settings (fixture);
  SteerSampling sampling = { .temperature = 0.123 };

  steer_preset_set_sampling_fields (preset, &sampling, STEER_SAMPLING_TEMPERATURE);
  gtk_spin_button_update (GTK_SPIN_BUTTON (find_in_row (dialog, "Temperature", GTK_TYPE_SPIN_BUTTON)));
  g_assert_cmpfloat (steer_preset_get_sampling (preset)->temperature, ==, 0.123);
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
test_typed_number_counts (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *dialog = open_settings (fixture);
  GtkWidget *number = find_in_row (dialog, "Temperature", GTK_TYPE_SPIN_BUTTON);

  gtk_widget_grab_focus (number);
  gtk_editable_set_text (GTK_EDITABLE (number), "0.90");
  gtk_window_close (GTK_WINDOW (dialog));
  app_test_settle ();
  g_assert_null (panel_test_get_dialog (STEER_TYPE_PRESET_SETTINGS));
  g_assert_cmpfloat (steer_preset_get_sampling (panel_test_get_preset (fixture))->temperature, ==, 0.9);
}

static void
test_system_prompt (PanelTest *fixture, gconstpointer data)
{
  SteerPreset *preset = panel_test_get_preset (fixture);
  GtkWidget *dialog = open_settings (fixture);
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (panel_test_find (dialog, GTK_TYPE_TEXT_VIEW)));
  g_autofree char *before = steer_preset_to_yaml (preset);
  g_autofree char *after = NULL;

  gtk_text_buffer_set_text (buffer, "You are a tower.", -1);
  g_assert_cmpstr (steer_preset_get_system_prompt (preset), ==, "You are a tower.");
  gtk_text_buffer_set_text (buffer, "", -1);
  after = steer_preset_to_yaml (preset);
  g_assert_cmpstr (after, ==, before);
  /* As when a file is changed by another program. */
  steer_preset_set_system_prompt (preset, "You are small.");
  {
    g_autofree char *text = NULL;

    g_object_get (buffer, "text", &text, NULL);
    g_assert_cmpstr (text, ==, "You are small.");
  }
  gtk_window_destroy (GTK_WINDOW (dialog));
}

/* Like any other change: marked, and gone with the preset's file. */
static void
test_is_a_change_of_the_preset (PanelTest *fixture, gconstpointer data)
{
  g_autofree char *path = panel_test_keep (fixture, "Sea", 2.0);
  g_autoptr (GError) error = NULL;
  GtkWidget *dialog;

  g_assert_true (steer_workspace_open_preset (fixture->workspace, path, &error));
  g_assert_no_error (error);
  g_assert_false (steer_workspace_get_preset_modified (fixture->workspace));
  dialog = open_settings (fixture);
  g_assert_true (steer_workspace_get_preset_modified (fixture->workspace));
  g_assert_true (steer_workspace_open_preset (fixture->workspace, path, &error));
  assert_row (dialog, "Temperature", FALSE, 0.7);
  gtk_window_destroy (GTK_WINDOW (dialog));
}

static void
test_options_tell_it (PanelTest *fixture, gconstpointer data)
{
  GtkMenuButton *button
    = GTK_MENU_BUTTON (app_test_find (fixture->panel, GTK_TYPE_MENU_BUTTON, "icon-name", "emblem-system-symbolic"));
  GtkWidget *row;

  gtk_window_destroy (GTK_WINDOW (open_settings (fixture)));
  gtk_menu_button_popup (button);
  row = app_test_find (GTK_WIDGET (gtk_menu_button_get_popover (button)), ADW_TYPE_ACTION_ROW, "title",
                       "System prompt and sampling…");
  g_assert_nonnull (row);
  g_assert_cmpstr (adw_action_row_get_subtitle (ADW_ACTION_ROW (row)), ==, "Its own: Temperature, Seed");
  gtk_menu_button_popdown (button);
  app_test_settle ();
}

#define ADD(name, function)                                                                                            \
  g_test_add ("/preset settings/" name, PanelTest, NULL, panel_test_set_up, function, panel_test_tear_down)

int
main (int argc, char *argv[])
{
  app_test_init (&argc, &argv);
  ADD ("are shown with what the preferences add", test_shows_what_counts);
  ADD ("are set, and given back to the preferences", test_sets_and_gives_back);
  ADD ("are not rounded by being shown", test_rounds_nothing);
  ADD ("take a number that is typed when the dialog is closed", test_typed_number_counts);
  ADD ("have a system prompt", test_system_prompt);
  ADD ("are part of the preset", test_is_a_change_of_the_preset);
  ADD ("are told by the panel's options", test_options_tell_it);
  return g_test_run ();
}
