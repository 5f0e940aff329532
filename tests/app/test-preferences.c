/* The preferences: every control is bound to its setting, with the setting's own range. */
#include "app-test-util.h"
#include "test-util.h"

#include "app/steer-preferences.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerPreferences *preferences;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  steer_init ();
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = steer_workspace_new (f->settings, f->dir);
  f->preferences = steer_preferences_new (NULL, f->workspace);
  gtk_window_present (GTK_WINDOW (f->preferences));
  app_test_settle ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  gtk_window_destroy (GTK_WINDOW (f->preferences));
  app_test_settle ();
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

/* The spin button of the row with that title; pages that are not shown are built all the same. */
static GtkSpinButton *
find_spin (Fixture *f, const char *title)
{
  GtkWidget *row = app_test_find (GTK_WIDGET (f->preferences), ADW_TYPE_ACTION_ROW, "title", title);

  g_assert_nonnull (row);
  return GTK_SPIN_BUTTON (app_test_find (row, GTK_TYPE_SPIN_BUTTON, NULL, NULL));
}

static const struct
{
  const char *title;
  const char *key;
} spins[] = {
  { "Temperature", "temperature" },
  { "Top P", "top-p" },
  { "Top K", "top-k" },
  { "Min P", "min-p" },
  { "Longest Reply", "max-tokens" },
  { "Repetition Penalty", "repetition-penalty" },
  { "Text Size", "text-scale" },
  { "Threads", "threads" },
  { "Context", "context-size" },
};

static double
get_number (GVariant *value)
{
  return g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32) ? g_variant_get_uint32 (value)
                                                             : g_variant_get_double (value);
}

static void
test_ranges (Fixture *f, gconstpointer data)
{
  g_autoptr (GSettingsSchema) schema = NULL;

  g_object_get (f->settings, "settings-schema", &schema, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (spins); i++)
    {
      GtkSpinButton *spin = find_spin (f, spins[i].title);
      g_autoptr (GSettingsSchemaKey) key = g_settings_schema_get_key (schema, spins[i].key);
      g_autoptr (GVariant) range = g_settings_schema_key_get_range (key), limits = NULL, low = NULL, high = NULL;
      double lower, upper;

      g_variant_get (range, "(sv)", NULL, &limits);
      low = g_variant_get_child_value (limits, 0);
      high = g_variant_get_child_value (limits, 1);
      gtk_spin_button_get_range (spin, &lower, &upper);
      g_test_message ("%s", spins[i].key);
      g_assert_cmpfloat (lower, ==, get_number (low));
      g_assert_cmpfloat (upper, ==, get_number (high));
    }
}

static void
test_bound (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (spins); i++)
    {
      GtkSpinButton *spin = find_spin (f, spins[i].title);
      g_autoptr (GVariant) before = g_settings_get_value (f->settings, spins[i].key), after = NULL;

      gtk_spin_button_spin (
        spin, get_number (before) > 0.99 && get_number (before) < 1 ? GTK_SPIN_STEP_BACKWARD : GTK_SPIN_STEP_FORWARD,
        0);
      after = g_settings_get_value (f->settings, spins[i].key);
      g_test_message ("%s", spins[i].key);
      g_assert_cmpfloat (get_number (after), ==, gtk_spin_button_get_value (spin));
      g_assert_cmpfloat (get_number (after), !=, get_number (before));
    }
}

static void
test_reset (Fixture *f, gconstpointer data)
{
  GtkWidget *button = app_test_find (GTK_WIDGET (f->preferences), GTK_TYPE_BUTTON, "label", "_Reset");

  g_settings_set_double (f->settings, "temperature", 1.5);
  g_settings_set_uint (f->settings, "top-k", 7);
  g_settings_set_double (f->settings, "text-scale", 1.5);
  g_signal_emit_by_name (button, "clicked");
  g_assert_cmpfloat (g_settings_get_double (f->settings, "temperature"), ==, 0.7);
  g_assert_cmpuint (g_settings_get_uint (f->settings, "top-k"), ==, 0);
  /* Only sampling is meant. */
  g_assert_cmpfloat (g_settings_get_double (f->settings, "text-scale"), ==, 1.5);
}

static gboolean
shows_advice (gpointer spin)
{
  return gtk_spin_button_get_value (spin) == 0.5;
}

/* The bundled model's authors advise a temperature of 0.5. */
static void
test_advice (Fixture *f, gconstpointer data)
{
  GtkWidget *reset = app_test_find (GTK_WIDGET (f->preferences), GTK_TYPE_BUTTON, "label", "_Reset");
  GtkSpinButton *spin = find_spin (f, "Temperature");
  g_autoptr (GVariant) untouched = NULL;

  g_assert_cmpfloat (gtk_spin_button_get_value (spin), ==, 0.7);
  steer_workspace_load_model (f->workspace, NULL);
  test_wait_until (shows_advice, spin, 20);
  untouched = g_settings_get_user_value (f->settings, "temperature");
  g_assert_null (untouched);

  gtk_spin_button_spin (spin, GTK_SPIN_STEP_FORWARD, 0);
  g_assert_cmpfloat (g_settings_get_double (f->settings, "temperature"), ==, 0.55);
  g_signal_emit_by_name (reset, "clicked");
  g_assert_cmpfloat (gtk_spin_button_get_value (spin), ==, 0.5);
}

/* What is left of the window after it, and libadwaita 1.2 leaves much, does not look for it. */
static void
test_gone (Fixture *f, gconstpointer data)
{
  SteerPreferences *gone = steer_preferences_new (NULL, f->workspace);
  GtkSpinButton *spin = GTK_SPIN_BUTTON (app_test_find (
    app_test_find (GTK_WIDGET (gone), ADW_TYPE_ACTION_ROW, "title", "Temperature"), GTK_TYPE_SPIN_BUTTON, NULL, NULL));

  g_object_ref (spin);
  app_test_settle ();
  gtk_window_destroy (GTK_WINDOW (gone));
  app_test_settle ();
  g_settings_set_double (f->settings, "temperature", 1.5);
  g_assert_cmpfloat (gtk_spin_button_get_value (spin), ==, 0.7);
  g_assert_cmpfloat (gtk_spin_button_get_value (find_spin (f, "Temperature")), ==, 1.5);
  g_object_unref (spin);
}

static void
test_system_prompt (Fixture *f, gconstpointer data)
{
  GtkWidget *view = app_test_find (GTK_WIDGET (f->preferences), GTK_TYPE_TEXT_VIEW, NULL, NULL);
  g_autofree char *prompt = NULL;

  gtk_text_buffer_set_text (gtk_text_view_get_buffer (GTK_TEXT_VIEW (view)), "Be brief.", -1);
  prompt = g_settings_get_string (f->settings, "system-prompt");
  g_assert_cmpstr (prompt, ==, "Be brief.");
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (view), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                       "System prompt of new chats");
}

/* What a preset sets counts, whatever is chosen here; markup in its name is none. */
static void
test_preset (Fixture *f, gconstpointer data)
{
  SteerPreset *preset = steer_workspace_get_preset (f->workspace);
  SteerSampling sampling = { .temperature = 0.5, .seed = 16 };
  GtkWidget *group = app_test_find (GTK_WIDGET (f->preferences), ADW_TYPE_PREFERENCES_GROUP, "title", "Sampling");
  GtkWidget *prompt = app_test_find (GTK_WIDGET (f->preferences), ADW_TYPE_PREFERENCES_GROUP, "title", "System Prompt");

  g_assert_null (strstr (adw_preferences_group_get_description (ADW_PREFERENCES_GROUP (group)), "in use"));
  steer_preset_set_name (preset, "Eiffel <Tower>");
  steer_preset_set_sampling_fields (preset, &sampling, STEER_SAMPLING_TEMPERATURE | STEER_SAMPLING_SEED);
  g_assert_true (g_str_has_suffix (adw_preferences_group_get_description (ADW_PREFERENCES_GROUP (group)),
                                   "The preset in use, “Eiffel <Tower>”, sets: Temperature, Seed."));
  g_assert_null (strstr (adw_preferences_group_get_description (ADW_PREFERENCES_GROUP (prompt)), "in use"));
  steer_preset_set_system_prompt (preset, "Be tall.");
  g_assert_nonnull (strstr (adw_preferences_group_get_description (ADW_PREFERENCES_GROUP (prompt)), "in use"));
}

static void
assert_rows_are_apart (GtkWidget *widget)
{
  if (ADW_IS_PREFERENCES_ROW (widget))
    g_assert_null (gtk_widget_get_ancestor (gtk_widget_get_parent (widget), ADW_TYPE_PREFERENCES_ROW));
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    assert_rows_are_apart (child);
}

static void
test_rows (Fixture *f, gconstpointer data)
{
  assert_rows_are_apart (GTK_WIDGET (f->preferences));
}

static gboolean
has_devices (gpointer data)
{
  Fixture *f = data;
  GtkWidget *row = app_test_find (GTK_WIDGET (f->preferences), ADW_TYPE_COMBO_ROW, NULL, NULL);

  return g_list_model_get_n_items (adw_combo_row_get_model (ADW_COMBO_ROW (row))) > 1;
}

static void
test_device (Fixture *f, gconstpointer data)
{
  GtkWidget *row = app_test_find (GTK_WIDGET (f->preferences), ADW_TYPE_COMBO_ROW, NULL, NULL);
  g_autofree char *device = NULL, *automatic = NULL;

  test_wait_until (has_devices, f, 20);
  adw_combo_row_set_selected (ADW_COMBO_ROW (row), 1);
  device = g_settings_get_string (f->settings, "device");
  g_assert_cmpstr (device, !=, "auto");
  adw_combo_row_set_selected (ADW_COMBO_ROW (row), 0);
  automatic = g_settings_get_string (f->settings, "device");
  g_assert_cmpstr (automatic, ==, "auto");
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);

  ADD ("/preferences/numbers have the ranges of their settings", test_ranges);
  ADD ("/preferences/a number is kept as it is changed", test_bound);
  ADD ("/preferences/reset brings the usual sampling back", test_reset);
  ADD ("/preferences/what was not chosen is shown as the model's authors advise it", test_advice);
  ADD ("/preferences/a window that is gone is not looked for when a number changes", test_gone);
  ADD ("/preferences/the system prompt is kept as it is typed", test_system_prompt);
  ADD ("/preferences/what the preset in use sets is told", test_preset);
  ADD ("/preferences/the devices of this machine can be chosen", test_device);
  ADD ("/preferences/no row stands in another", test_rows);
  return g_test_run ();
}
