/* A feature of one's own, from typing examples to a row of the preset, with the tiny model. */
#include <string.h>

#include "panel-test-util.h"

#include "app/steer-bar-chart.h"
#include "app/steer-contrast-dialog.h"
#include "app/steer-preferences.h"
#include "app/steer-workspace-made.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  GtkWindow *window;
  GtkWidget *dialog;
  SteerFeature *chosen; /* nullable */
} Making;

static void
on_chosen (Making *f, SteerFeature *feature)
{
  g_set_object (&f->chosen, feature);
}

static void
open_dialog (Making *f, const SteerMadeFeature *examples)
{
  f->dialog = steer_contrast_dialog_new (f->window, f->workspace, examples);
  g_object_add_weak_pointer (G_OBJECT (f->dialog), (gpointer *) &f->dialog);
  g_signal_connect_swapped (f->dialog, "chosen", G_CALLBACK (on_chosen), f);
  gtk_window_present (GTK_WINDOW (f->dialog));
  app_test_settle ();
}

static void
set_up (Making *f, gconstpointer data)
{
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  /* Not the whole program: there is nothing to answer. */
  f->workspace = g_strcmp0 (data, "without a model") == 0 ? steer_workspace_new (f->settings, f->dir)
                                                          : app_test_workspace (f->settings, f->dir, 8);
  f->window = app_test_show (gtk_label_new ("parent"), 640, 480);
  open_dialog (f, NULL);
}

static void
close_dialog (Making *f)
{
  if (f->dialog != NULL)
    gtk_window_close (GTK_WINDOW (f->dialog));
  for (guint i = 0; i < 5; i++)
    app_test_settle ();
  g_assert_null (f->dialog);
}

static void
tear_down (Making *f, gconstpointer data)
{
  close_dialog (f);
  g_clear_object (&f->chosen);
  gtk_window_destroy (f->window);
  app_test_settle ();
  test_assert_finalizes (g_steal_pointer (&f->workspace));
  g_object_unref (f->settings);
  test_remove_dir (f->dir);
}

static GtkWidget *
find (Making *f, GType type, const char *property, const char *value)
{
  GtkWidget *found = app_test_find (f->dialog, type, property, value);

  g_assert_nonnull (found);
  return found;
}

static const char *
get_page (Making *f)
{
  return gtk_stack_get_visible_child_name (GTK_STACK (find (f, GTK_TYPE_STACK, NULL, NULL)));
}

/* The second text view is the first's next in the order of widgets. */
static GtkTextBuffer *
get_buffer (Making *f, const char *label)
{
  GtkWidget *group = find (f, ADW_TYPE_PREFERENCES_GROUP, "title", label);

  return gtk_text_view_get_buffer (GTK_TEXT_VIEW (app_test_find (group, GTK_TYPE_TEXT_VIEW, NULL, NULL)));
}

static void
type_examples (Making *f, const char *name, const char *with, const char *without)
{
  gtk_editable_set_text (GTK_EDITABLE (find (f, GTK_TYPE_ENTRY, NULL, NULL)), name);
  gtk_text_buffer_set_text (get_buffer (f, "More Like This"), with, -1);
  gtk_text_buffer_set_text (get_buffer (f, "Less Like This"), without, -1);
}

static gboolean
has_left_examples (gpointer data)
{
  return !g_str_equal (get_page (data), "examples") && !g_str_equal (get_page (data), "working");
}

static gboolean
is_closed (gpointer data)
{
  return ((Making *) data)->dialog == NULL;
}

static void
press_button (GtkWidget *button)
{
  g_assert_true (gtk_widget_is_sensitive (button) && gtk_widget_get_mapped (button));
  g_signal_emit_by_name (button, "clicked");
}

static void
press (Making *f, const char *label)
{
  press_button (find (f, GTK_TYPE_BUTTON, "label", label));
}

static void
go_back (Making *f)
{
  press_button (find (f, GTK_TYPE_BUTTON, "icon-name", "go-previous-symbolic"));
}

static void
find_layers (Making *f)
{
  press (f, "_Next");
  test_wait_until (has_left_examples, f, 60);
}

static void
make (Making *f, const char *name)
{
  type_examples (f, name, "The tower is tall.\nA tower of iron.\nTowers!", "The kettle sings.\nShe eats beans.");
  find_layers (f);
  g_assert_cmpstr (get_page (f), ==, "layers");
  press (f, "_Add");
  test_wait_until (is_closed, f, 20);
  g_assert_nonnull (f->chosen);
}

static void
test_texts_have_names (Making *f, gconstpointer data)
{
  static const char *const texts[] = { "More Like This", "Less Like This" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    gtk_test_accessible_assert_property (
      GTK_ACCESSIBLE (
        app_test_find (find (f, ADW_TYPE_PREFERENCES_GROUP, "title", texts[i]), GTK_TYPE_TEXT_VIEW, NULL, NULL)),
      GTK_ACCESSIBLE_PROPERTY_LABEL, texts[i]);
}

static void
test_needs_a_name_and_an_example (Making *f, gconstpointer data)
{
  GtkWidget *next = find (f, GTK_TYPE_BUTTON, "label", "_Next");

  g_assert_false (gtk_widget_get_sensitive (next));
  type_examples (f, "Towers", " \n", "Beans");
  g_assert_false (gtk_widget_get_sensitive (next));
  type_examples (f, "  ", "A tower", "");
  g_assert_false (gtk_widget_get_sensitive (next));
  type_examples (f, "Towers", "A tower", "");
  g_assert_true (gtk_widget_get_sensitive (next));
}

static void
test_becomes_a_feature (Making *f, gconstpointer data)
{
  SteerLibrary *library = steer_workspace_get_library (f->workspace);
  g_autofree char *path = g_build_filename (f->dir, "made", "Towers.safetensors", NULL);
  g_autoptr (SteerMadeFeature) made = NULL;
  g_autoptr (GBytes) vector = NULL;
  g_autoptr (GError) error = NULL;

  make (f, "Towers");
  g_assert_cmpuint (steer_feature_get_layer (f->chosen), ==, 1);
  g_assert_cmpstr (steer_feature_get_label (f->chosen), ==, "Towers");
  g_assert_cmpstr (steer_feature_get_source (f->chosen), ==, "Towers");
  g_assert_cmpfloat (steer_feature_get_strength (f->chosen), >, 0.0);
  vector = steer_library_load_vector (library, "Towers", 1, steer_feature_get_index (f->chosen), &error);
  g_assert_no_error (error);

  made = steer_made_feature_read (path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (made->with[1], ==, "A tower of iron.");
  g_assert_cmpstr (made->without[0], ==, "The kettle sings.");
  g_assert_cmpfloat (made->strength, ==, steer_feature_get_strength (f->chosen));
}

/* @property: "title" or "path". */
static SteerSourceEntry *
find_entry (Making *f, const char *property, const char *value)
{
  GListModel *sources = steer_workspace_get_sources (f->workspace);

  for (guint i = 0; i < g_list_model_get_n_items (sources); i++)
    {
      g_autoptr (SteerSourceEntry) entry = g_list_model_get_item (sources, i);
      g_autofree char *text = NULL;

      g_object_get (entry, property, &text, NULL);
      if (g_str_equal (text, value))
        return entry; /* the list has it */
    }
  return NULL;
}

static gboolean
has_towers (gpointer data)
{
  return find_entry (data, "title", "Towers") != NULL;
}

static void
test_is_there_at_the_next_start (Making *f, gconstpointer data)
{
  g_autoptr (SteerSourceEntry) last = NULL;

  make (f, "Towers");
  test_assert_finalizes (g_steal_pointer (&f->workspace));
  f->workspace = app_test_workspace (f->settings, f->dir, 8);
  test_wait_until (has_towers, f, 20);
  g_assert_true (steer_source_entry_get_made (find_entry (f, "title", "Towers")));
  g_assert_null (steer_source_entry_get_error (find_entry (f, "title", "Towers")));
  /* Behind all others. */
  g_assert_cmpuint (g_list_model_get_n_items (steer_workspace_get_sources (f->workspace)), ==, 2);
  last = g_list_model_get_item (steer_workspace_get_sources (f->workspace), 1);
  g_assert_true (last == find_entry (f, "title", "Towers"));
}

static void
test_two_of_one_name_are_two (Making *f, gconstpointer data)
{
  guint64 first;

  make (f, "letters"); /* which is what presets call the fixture's vectors */
  g_assert_cmpstr (steer_feature_get_source (f->chosen), ==, "letters 2");
  first = steer_feature_get_index (f->chosen);
  g_assert_cmpuint (first, >=, STEER_MADE_FEATURE_FIRST);
  g_assert_cmpuint (first, <=, G_MAXUINT32);
  open_dialog (f, NULL);
  make (f, "letters");
  g_assert_cmpstr (steer_feature_get_source (f->chosen), ==, "letters 3");
  g_assert_cmpuint (steer_feature_get_index (f->chosen), !=, first);
}

static void
test_a_long_name_is_no_trouble (Making *f, gconstpointer data)
{
  g_autoptr (GString) name = g_string_new (NULL);
  g_autofree char *first = NULL;

  for (guint i = 0; i < 100; i++)
    g_string_append (name, "𝔗");
  make (f, name->str);
  g_assert_cmpstr (steer_feature_get_label (f->chosen), ==, name->str);
  first = g_strdup (steer_feature_get_source (f->chosen));
  open_dialog (f, NULL);
  make (f, name->str);
  g_assert_cmpstr (steer_feature_get_source (f->chosen), !=, first);
}

static void
test_what_was_typed_is_kept (Making *f, gconstpointer data)
{
  g_autofree char *text = NULL;

  type_examples (f, "Towers", "A tower", "");
  close_dialog (f);
  open_dialog (f, NULL);
  g_object_get (get_buffer (f, "More Like This"), "text", &text, NULL);
  g_assert_cmpstr (text, ==, "A tower");
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find (f, GTK_TYPE_ENTRY, NULL, NULL))), ==, "Towers");

  /* Also when the program has ended. */
  close_dialog (f);
  test_assert_finalizes (g_steal_pointer (&f->workspace));
  f->workspace = app_test_workspace (f->settings, f->dir, 8);
  open_dialog (f, NULL);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find (f, GTK_TYPE_ENTRY, NULL, NULL))), ==, "Towers");

  /* What has become a feature is not. */
  make (f, "Towers");
  open_dialog (f, NULL);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find (f, GTK_TYPE_ENTRY, NULL, NULL))), ==, "");
}

static void
test_old_examples_leave_the_draft (Making *f, gconstpointer data)
{
  char *with[] = { (char *) "The sea", NULL };
  SteerMadeFeature old = { .label = (char *) "Sea", .with = with };

  type_examples (f, "Towers", "A tower", "");
  close_dialog (f);
  open_dialog (f, &old);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find (f, GTK_TYPE_ENTRY, NULL, NULL))), ==, "Sea");
  close_dialog (f);
  open_dialog (f, &old);
  make (f, "Sea");
  open_dialog (f, NULL);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find (f, GTK_TYPE_ENTRY, NULL, NULL))), ==, "Towers");
}

static gboolean
has_no_model (gpointer data)
{
  return steer_engine_get_model (steer_workspace_get_engine (((Making *) data)->workspace)) == NULL;
}

static void
test_another_model_is_noticed (Making *f, gconstpointer data)
{
  type_examples (f, "Towers", "The tower is tall.\nA tower of iron.", "The kettle sings.\nShe eats beans.");
  find_layers (f);
  steer_engine_unload_async (steer_workspace_get_engine (f->workspace), NULL, NULL, NULL);
  test_wait_until (has_no_model, f, 20);
  press (f, "_Add");
  g_assert_cmpstr (get_page (f), ==, "problem");
  g_assert_null (f->chosen);
  go_back (f);
}

static void
test_an_error_leads_back (Making *f, gconstpointer data)
{
  type_examples (f, "Towers", "A tower", "");
  find_layers (f);
  g_assert_cmpstr (get_page (f), ==, "problem");
  g_assert_false (gtk_widget_get_visible (find (f, GTK_TYPE_BUTTON, "label", "_Add")));
  go_back (f);
  g_assert_cmpstr (get_page (f), ==, "examples");
  g_assert_true (gtk_widget_get_sensitive (find (f, GTK_TYPE_BUTTON, "label", "_Next")));
}

static void
test_leaving_stops (Making *f, gconstpointer data)
{
  type_examples (f, "Towers", "A tower", "");
  press (f, "_Next");
  g_assert_cmpstr (get_page (f), ==, "working");
  go_back (f);
  g_assert_cmpstr (get_page (f), ==, "examples");
  press (f, "_Next");
  close_dialog (f);
}

/* As a click at that part of the chart's width. */
static void
click (GtkWidget *chart, double share)
{
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (chart);
  g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, 0);

  g_signal_emit_by_name (controller, "pressed", 1, share * gtk_widget_get_width (chart), 10.0);
}

static void
test_another_layer_can_be_chosen (Making *f, gconstpointer data)
{
  GtkWidget *chart, *row;
  GtkAdjustment *layer;
  double strength;

  type_examples (f, "Towers", "The tower is tall.\nA tower of iron.", "The kettle sings.\nShe eats beans.");
  find_layers (f);
  chart = find (f, STEER_TYPE_BAR_CHART, NULL, NULL);
  row = find (f, ADW_TYPE_ACTION_ROW, "title", "Strength to Begin With");
  g_object_get (chart, "adjustment", &layer, NULL);
  app_test_settle ();
  strength = gtk_spin_button_get_value (GTK_SPIN_BUTTON (app_test_find (row, GTK_TYPE_SPIN_BUTTON, NULL, NULL)));
  g_assert_cmpfloat (gtk_adjustment_get_value (layer), ==, 1.0);
  click (chart, 1.0);
  g_assert_cmpfloat (gtk_adjustment_get_value (layer), ==, 2.0);
  g_assert_cmpfloat (
    gtk_spin_button_get_value (GTK_SPIN_BUTTON (app_test_find (row, GTK_TYPE_SPIN_BUTTON, NULL, NULL))), !=, strength);
  click (chart, 0.0);
  g_assert_cmpfloat (gtk_adjustment_get_value (layer), ==, 0.0);
  /* As it is typed, before anything else has the focus. */
  gtk_editable_set_text (
    GTK_EDITABLE (app_test_find (find (f, ADW_TYPE_ACTION_ROW, "title", "Layer"), GTK_TYPE_SPIN_BUTTON, NULL, NULL)),
    "2");
  press (f, "_Add");
  test_wait_until (is_closed, f, 20);
  g_assert_cmpuint (steer_feature_get_layer (f->chosen), ==, 2);
  g_object_unref (layer);
}

static void
test_is_listed_and_discarded (Making *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  SteerPreset *preset = steer_workspace_get_preset (f->workspace);
  g_autoptr (SteerFeature) added = NULL;
  GtkWidget *preferences, *row;

  make (f, "Towers");
  path = g_strdup (steer_source_entry_get_path (find_entry (f, "title", "Towers")));
  preferences = GTK_WIDGET (steer_preferences_new (f->window, f->workspace));
  adw_preferences_window_set_visible_page_name (ADW_PREFERENCES_WINDOW (preferences), "sources");
  gtk_window_present (GTK_WINDOW (preferences));
  app_test_settle ();
  row = app_test_find (preferences, ADW_TYPE_ACTION_ROW, "title", "Towers");
  g_assert_nonnull (row);

  /* Its examples, to be made better. */
  press_button (app_test_find (row, GTK_TYPE_BUTTON, "icon-name", "document-edit-symbolic"));
  app_test_settle ();
  f->dialog = panel_test_get_dialog (STEER_TYPE_CONTRAST_DIALOG);
  g_assert_nonnull (f->dialog);
  g_object_add_weak_pointer (G_OBJECT (f->dialog), (gpointer *) &f->dialog);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find (f, GTK_TYPE_ENTRY, NULL, NULL))), ==, "Towers");

  /* A better one goes into the preset, at the strength that was made for adding. */
  steer_preset_set_default_clamp (preset, TRUE);
  find_layers (f);
  press (f, "_Add");
  test_wait_until (is_closed, f, 20);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (preset)), ==, 1);
  added = g_list_model_get_item (G_LIST_MODEL (preset), 0);
  g_assert_cmpstr (steer_feature_get_source (added), ==, "Towers 2");
  g_assert_false (steer_feature_get_clamp (added));
  gtk_window_destroy (GTK_WINDOW (preferences));

  g_assert_true (steer_workspace_is_made (f->workspace, path));
  g_assert_true (steer_workspace_discard_made (f->workspace, path, &error));
  g_assert_null (find_entry (f, "path", path));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

#define ADD(name, function, data) g_test_add ("/making/" name, Making, data, set_up, function, tear_down)

int
main (int argc, char *argv[])
{
  app_test_init (&argc, &argv);
  ADD ("has a name for each text", test_texts_have_names, NULL);
  ADD ("needs a name and an example", test_needs_a_name_and_an_example, NULL);
  ADD ("becomes a feature", test_becomes_a_feature, NULL);
  ADD ("is there at the next start", test_is_there_at_the_next_start, NULL);
  ADD ("gives two of one name a file and a number each", test_two_of_one_name_are_two, NULL);
  ADD ("takes a long name", test_a_long_name_is_no_trouble, NULL);
  ADD ("keeps what was typed", test_what_was_typed_is_kept, NULL);
  ADD ("leaves the draft alone when old examples are shown", test_old_examples_leave_the_draft, NULL);
  ADD ("notices another model", test_another_model_is_noticed, NULL);
  ADD ("leads back from an error", test_an_error_leads_back, "without a model");
  ADD ("stops when it is left", test_leaving_stops, NULL);
  ADD ("lets another layer be chosen", test_another_layer_can_be_chosen, NULL);
  ADD ("is listed among the sources, made better, and discarded", test_is_listed_and_discarded, NULL);
  return g_test_run ();
}
