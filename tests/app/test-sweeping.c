/* Finding a strength, from the menu of a row to its slider, with the tiny model. */
#include <math.h>
#include <string.h>

#include "app-test-util.h"
#include "app/steer-bar-chart.h"
#include "app/steer-feature-row.h"
#include "app/steer-steering-panel.h"
#include "app/steer-sweep-dialog.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  GtkWindow *window;
  SteerFeature *feature; /* "the letter a" */
  GtkWidget *dialog;     /* nullable */
  double chosen;
} Sweeping;

static void
on_chosen (Sweeping *f, double strength)
{
  f->chosen = strength;
}

static void
open_dialog (Sweeping *f)
{
  f->dialog = steer_sweep_dialog_new (f->window, f->workspace, f->feature);
  g_object_add_weak_pointer (G_OBJECT (f->dialog), (gpointer *) &f->dialog);
  g_signal_connect_swapped (f->dialog, "chosen", G_CALLBACK (on_chosen), f);
  gtk_window_present (GTK_WINDOW (f->dialog));
  app_test_settle ();
}

static void
set_up (Sweeping *f, gconstpointer data)
{
  static const char *const prompts[] = { "Write a short story.", NULL };
  g_autoptr (SteerPreset) preset = app_test_preset ("Letters", 97, 40.0);

  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = g_strcmp0 (data, "without a model") == 0 ? steer_workspace_new (f->settings, f->dir)
                                                          : app_test_workspace (f->settings, f->dir, 8);
  f->window = app_test_show (gtk_label_new ("parent"), 640, 480);
  steer_workspace_set_preset (f->workspace, preset);
  f->feature = g_list_model_get_item (G_LIST_MODEL (steer_workspace_get_preset (f->workspace)), 0);
  f->chosen = NAN;
  /* One is enough where it is not asked what is asked. */
  if (g_strcmp0 (data, "usual prompts") != 0)
    g_settings_set_strv (f->settings, "sweep-prompts", prompts);
}

static void
close_dialog (Sweeping *f)
{
  if (f->dialog != NULL)
    gtk_window_close (GTK_WINDOW (f->dialog));
  for (guint i = 0; i < 5; i++)
    app_test_settle ();
  g_assert_null (f->dialog);
}

static void
tear_down (Sweeping *f, gconstpointer data)
{
  close_dialog (f);
  g_object_unref (f->feature);
  gtk_window_destroy (f->window);
  app_test_settle ();
  test_assert_finalizes (g_steal_pointer (&f->workspace));
  g_object_unref (f->settings);
  test_remove_dir (f->dir);
}

static gboolean
is_closed (gpointer data)
{
  return ((Sweeping *) data)->dialog == NULL;
}

static GtkWidget *
find (Sweeping *f, GType type, const char *property, const char *value)
{
  GtkWidget *found = app_test_find (f->dialog, type, property, value);

  g_assert_nonnull (found);
  return found;
}

static const char *
get_page (Sweeping *f)
{
  return gtk_stack_get_visible_child_name (GTK_STACK (find (f, GTK_TYPE_STACK, NULL, NULL)));
}

static GtkSpinButton *
find_spin (Sweeping *f, const char *row)
{
  return GTK_SPIN_BUTTON (
    app_test_find (find (f, ADW_TYPE_ACTION_ROW, "title", row), GTK_TYPE_SPIN_BUTTON, NULL, NULL));
}

static void
press (Sweeping *f, const char *property, const char *value)
{
  GtkWidget *button = find (f, GTK_TYPE_BUTTON, property, value);

  g_assert_true (gtk_widget_is_sensitive (button) && gtk_widget_get_mapped (button));
  g_signal_emit_by_name (button, "clicked");
  app_test_settle ();
}

static gboolean
has_swept (gpointer data)
{
  return !gtk_widget_get_visible (find (data, GTK_TYPE_PROGRESS_BAR, NULL, NULL))
         && gtk_adjustment_get_upper (gtk_spin_button_get_adjustment (find_spin (data, "Strength"))) > 0.0;
}

static gboolean
can_edit (gpointer data)
{
  return gtk_widget_is_sensitive (find (data, GTK_TYPE_BUTTON, "icon-name", "document-edit-symbolic"));
}

static void
sweep (Sweeping *f)
{
  open_dialog (f);
  test_wait_until (has_swept, f, 60);
}

static GtkTextBuffer *
get_prompts (Sweeping *f)
{
  return gtk_text_view_get_buffer (GTK_TEXT_VIEW (find (f, GTK_TYPE_TEXT_VIEW, NULL, NULL)));
}

static const char *
get_reply (Sweeping *f, const char *prompt)
{
  return adw_action_row_get_subtitle (ADW_ACTION_ROW (find (f, ADW_TYPE_ACTION_ROW, "title", prompt)));
}

/* As a person would; the nearest that was tried is taken. */
static void
type_strength (Sweeping *f, const char *text)
{
  gtk_editable_set_text (GTK_EDITABLE (find_spin (f, "Strength")), text);
  gtk_spin_button_update (find_spin (f, "Strength"));
  app_test_settle ();
}

static void
ask (Sweeping *f, const char *prompts, double last, double steps)
{
  test_wait_until (can_edit, f, 20);
  press (f, "icon-name", "document-edit-symbolic");
  g_assert_cmpstr (get_page (f), ==, "prompts");
  gtk_text_buffer_set_text (get_prompts (f), prompts, -1);
  gtk_spin_button_set_value (find_spin (f, "Up to a Strength Of"), last);
  gtk_spin_button_set_value (find_spin (f, "Strengths"), steps);
  gtk_spin_button_set_value (find_spin (f, "Tokens of a Reply"), 8);
  press (f, "label", "_Try");
  test_wait_until (has_swept, f, 60);
  g_assert_cmpstr (get_page (f), ==, "results");
}

static void
test_begins_by_itself (Sweeping *f, gconstpointer data)
{
  GtkAdjustment *point;

  sweep (f);
  g_assert_cmpstr (get_page (f), ==, "results");
  point = gtk_spin_button_get_adjustment (find_spin (f, "Strength"));
  g_assert_cmpfloat (gtk_adjustment_get_upper (point), ==, 8.0);
  g_assert_cmpstr (get_reply (f, "Write a short story."), !=, "…");
}

static void
test_what_is_asked_can_be_changed (Sweeping *f, gconstpointer data)
{
  open_dialog (f);
  ask (f, "Hello!\n\nTowers?\n", 90.0, 3.0);
  g_assert_null (app_test_find (f->dialog, ADW_TYPE_ACTION_ROW, "title", "Write a short story."));
  type_strength (f, "88");
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find_spin (f, "Strength"))), ==, "90.00");
  g_assert_cmpstr (get_reply (f, "Towers?"), ==, "aaaaaaaa");
  g_assert_nonnull (
    strstr (adw_action_row_get_subtitle (ADW_ACTION_ROW (find (f, ADW_TYPE_ACTION_ROW, "title", "Strength"))),
            "The replies fall apart"));
  type_strength (f, "0");
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find_spin (f, "Strength"))), ==, "off");
  g_assert_cmpstr (get_reply (f, "Towers?"), !=, "aaaaaaaa");
  g_assert_false (gtk_widget_get_sensitive (find (f, GTK_TYPE_BUTTON, "label", "_Use")));
  /* What is no number changes nothing. */
  type_strength (f, "60");
  type_strength (f, "much");
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find_spin (f, "Strength"))), ==, "60.00");
}

static void
test_nothing_to_ask_is_not_tried (Sweeping *f, gconstpointer data)
{
  GtkWidget *button;

  sweep (f);
  press (f, "icon-name", "document-edit-symbolic");
  button = find (f, GTK_TYPE_BUTTON, "label", "_Try");
  gtk_text_buffer_set_text (get_prompts (f), " \n", -1);
  g_assert_false (gtk_widget_get_sensitive (button));
  gtk_text_buffer_set_text (get_prompts (f), "Hello!", -1);
  g_assert_true (gtk_widget_get_sensitive (button));
  gtk_spin_button_set_value (find_spin (f, "Up to a Strength Of"), 0.0);
  g_assert_false (gtk_widget_get_sensitive (button));
  /* What was found is still there. */
  press (f, "icon-name", "go-previous-symbolic");
  g_assert_cmpstr (get_page (f), ==, "results");
  g_assert_cmpstr (get_reply (f, "Write a short story."), !=, "…");
}

static void
test_a_strength_is_used (Sweeping *f, gconstpointer data)
{
  open_dialog (f);
  ask (f, "Hello!", 90.0, 3.0);
  type_strength (f, "60");
  press (f, "label", "_Use");
  test_wait_until (is_closed, f, 20);
  g_assert_cmpfloat (f->chosen, ==, 60.0);
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
test_a_bar_is_clicked (Sweeping *f, gconstpointer data)
{
  GtkWidget *chart;

  open_dialog (f);
  ask (f, "Hello!", 90.0, 3.0);
  chart = find (f, STEER_TYPE_BAR_CHART, NULL, NULL);
  click (chart, 1.0);
  g_assert_cmpstr (get_reply (f, "Hello!"), ==, "aaaaaaaa");
  click (chart, 0.0);
  g_assert_cmpstr (get_reply (f, "Hello!"), !=, "aaaaaaaa");
}

static void
test_a_negative_strength_is_swept_below_zero (Sweeping *f, gconstpointer data)
{
  double last;

  steer_feature_set_strength (f->feature, -3.0);
  sweep (f);
  last = gtk_spin_button_get_value (find_spin (f, "Up to a Strength Of"));
  g_assert_cmpfloat (last, <, 0.0);
  type_strength (f, "-1000");
  press (f, "label", "_Use");
  test_wait_until (is_closed, f, 20);
  g_assert_cmpfloat_with_epsilon (f->chosen, last, 1e-9);
}

/* Also while replies are still coming, which otherwise move the choice. */
static void
test_a_choice_stays (Sweeping *f, gconstpointer data)
{
  sweep (f);
  press (f, "icon-name", "document-edit-symbolic");
  press (f, "label", "_Try");
  gtk_editable_set_text (GTK_EDITABLE (find_spin (f, "Strength")), "12");
  test_wait_until (has_swept, f, 60);
  g_assert_cmpstr (gtk_editable_get_text (GTK_EDITABLE (find_spin (f, "Strength"))), ==, "12");
}

/* Looking at what is asked stops nothing, and what was typed is there the next time. */
static void
test_prompts_are_kept (Sweeping *f, gconstpointer data)
{
  g_autofree char *text = NULL;

  open_dialog (f);
  test_wait_until (can_edit, f, 20);
  press (f, "icon-name", "document-edit-symbolic");
  gtk_text_buffer_set_text (get_prompts (f), "One?\nTwo?", -1);
  test_wait_until (has_swept, f, 60);
  close_dialog (f);
  open_dialog (f);
  g_object_get (get_prompts (f), "text", &text, NULL);
  g_assert_cmpstr (text, ==, "One?\nTwo?");
  test_wait_until (has_swept, f, 60);
  g_assert_cmpstr (get_reply (f, "Two?"), !=, "Not tried");
}

static void
test_leaving_stops (Sweeping *f, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    {
      open_dialog (f);
      for (guint k = 0; k < i; k++)
        app_test_settle ();
      close_dialog (f);
    }
}

static void
test_without_a_model (Sweeping *f, gconstpointer data)
{
  open_dialog (f);
  g_assert_cmpstr (get_page (f), ==, "problem");
  g_assert_false (gtk_widget_get_visible (find (f, GTK_TYPE_BUTTON, "label", "_Use")));
}

static gboolean
has_dialog (gpointer data)
{
  GListModel *windows = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (windows); i++)
    {
      g_autoptr (GtkWidget) window = g_list_model_get_item (windows, i);

      if (STEER_IS_SWEEP_DIALOG (window) && gtk_widget_get_mapped (window))
        ((Sweeping *) data)->dialog = window;
    }
  return ((Sweeping *) data)->dialog != NULL;
}

/* From the row's menu. */
static void
test_a_row_gets_the_strength (Sweeping *f, gconstpointer data)
{
  GtkWidget *panel = steer_steering_panel_new (f->workspace);
  GtkWindow *window = app_test_show (panel, 420, 600);

  steer_feature_set_enabled (f->feature, FALSE);
  g_assert_true (
    gtk_widget_activate_action (app_test_find (panel, STEER_TYPE_FEATURE_ROW, NULL, NULL), "feature.sweep", NULL));
  test_wait_until (has_dialog, f, 20);
  g_object_add_weak_pointer (G_OBJECT (f->dialog), (gpointer *) &f->dialog);
  test_wait_until (has_swept, f, 60);
  ask (f, "Hello!", 90.0, 3.0);
  type_strength (f, "30");
  press (f, "label", "_Use");
  test_wait_until (is_closed, f, 20);
  g_assert_cmpfloat (steer_feature_get_strength (f->feature), ==, 30.0);
  g_assert_true (steer_feature_get_enabled (f->feature));
  gtk_window_destroy (window);
}

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
#define ADD(name, func, data) g_test_add ("/sweeping/" name, Sweeping, data, set_up, func, tear_down)
  ADD ("begins by itself", test_begins_by_itself, "usual prompts");
  ADD ("what is asked can be changed", test_what_is_asked_can_be_changed, NULL);
  ADD ("nothing to ask is not tried", test_nothing_to_ask_is_not_tried, NULL);
  ADD ("a strength is used", test_a_strength_is_used, NULL);
  ADD ("a bar is clicked", test_a_bar_is_clicked, NULL);
  ADD ("a negative strength is swept below zero", test_a_negative_strength_is_swept_below_zero, NULL);
  ADD ("a choice stays", test_a_choice_stays, NULL);
  ADD ("prompts are kept", test_prompts_are_kept, NULL);
  ADD ("leaving stops", test_leaving_stops, NULL);
  ADD ("without a model there is a problem", test_without_a_model, "without a model");
  ADD ("a row gets the strength", test_a_row_gets_the_strength, NULL);
  return g_test_run ();
}
