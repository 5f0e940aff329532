/* What the steering panel does with presets: saving, renaming, deleting, resetting, and what is changed. */
#include "panel-test-util.h"
#include "steer-steering-panel.h"
#include "test-util.h"

static void
show_empty (PanelTest *fixture)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();

  steer_workspace_set_preset (fixture->workspace, preset);
  app_test_settle ();
}

static void
open_kept (PanelTest *fixture, const char *name, double strength)
{
  g_autofree char *path = panel_test_keep (fixture, name, strength);

  g_assert_true (steer_workspace_open_preset (fixture->workspace, path, NULL));
  app_test_settle ();
}

static void
answer (const char *text, const char *response)
{
  GtkWidget *dialog = panel_test_get_dialog (ADW_TYPE_MESSAGE_DIALOG);

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

static gboolean
has_file (gpointer workspace)
{
  return steer_workspace_get_preset_path (workspace) != NULL;
}

static void
test_reset_can_be_undone (PanelTest *fixture, gconstpointer data)
{
  open_kept (fixture, "Sea", 2.0);
  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 7.0);
  steer_preset_set_master_multiplier (panel_test_get_preset (fixture), 1.75);
  panel_test_act (fixture, "steering.reset");
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 2.0);
  g_assert_false (steer_workspace_get_preset_modified (fixture->workspace));
  panel_test_undo (fixture);
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 7.0);
  g_assert_cmpfloat (steer_preset_get_master_multiplier (panel_test_get_preset (fixture)), ==, 1.75);
  g_assert_true (steer_workspace_get_preset_modified (fixture->workspace));
}

static void
test_resets_to_recommended_without_a_file (PanelTest *fixture, gconstpointer data)
{
  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 1.0);
  panel_test_act (fixture, "steering.reset");
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 8.5);
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 1)), ==, 0.0);
  panel_test_undo (fixture);
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 1.0);
}

static void
test_saves_and_shows_what_is_changed (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *mark = app_test_find (fixture->panel, GTK_TYPE_LABEL, "label", "changed");
  g_autoptr (SteerPreset) saved = NULL;

  open_kept (fixture, "Sea", 2.0);
  g_assert_false (gtk_widget_get_visible (mark));
  g_assert_false (g_action_group_get_action_enabled (
    steer_steering_panel_get_actions (STEER_STEERING_PANEL (fixture->panel)), "save"));
  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 7.0);
  g_assert_true (gtk_widget_get_visible (mark));
  panel_test_act (fixture, "steering.save");
  test_wait_until (is_unmodified, fixture->workspace, 5);
  g_assert_false (gtk_widget_get_visible (mark));
  saved = steer_preset_new_from_file (steer_workspace_get_preset_path (fixture->workspace), NULL);
  g_assert_true (steer_preset_equal (saved, panel_test_get_preset (fixture)));
}

static gboolean
says_7 (gpointer path)
{
  g_autoptr (SteerPreset) preset = steer_preset_new_from_file (path, NULL);
  g_autoptr (SteerFeature) feature = preset != NULL ? g_list_model_get_item (G_LIST_MODEL (preset), 0) : NULL;

  return feature != NULL && steer_feature_get_strength (feature) == 7.0;
}

/* Saving takes a thread's time; what is chosen meanwhile keeps its own file, and the file its own preset. */
static void
test_another_is_chosen_while_it_saves (PanelTest *fixture, gconstpointer data)
{
  g_autofree char *sea = NULL, *other = panel_test_keep (fixture, "Sky", 3.0);

  open_kept (fixture, "Sea", 2.0);
  sea = g_strdup (steer_workspace_get_preset_path (fixture->workspace));
  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 7.0);
  panel_test_act (fixture, "steering.save");
  g_assert_true (steer_workspace_open_preset (fixture->workspace, other, NULL));
  test_wait_until (says_7, sea, 5);
  app_test_settle ();
  g_assert_cmpstr (steer_preset_get_name (panel_test_get_preset (fixture)), ==, "Sky");
  g_assert_cmpstr (steer_workspace_get_preset_path (fixture->workspace), ==, other);
  g_assert_false (steer_workspace_get_preset_modified (fixture->workspace));
  g_assert_nonnull (strstr (adw_toast_get_title (fixture->toast), "Sea.yaml"));
}

static void
test_slider_moves_while_it_saves (PanelTest *fixture, gconstpointer data)
{
  g_autofree char *path = NULL;

  open_kept (fixture, "Sea", 2.0);
  path = g_strdup (steer_workspace_get_preset_path (fixture->workspace));
  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 7.0);
  panel_test_act (fixture, "steering.save");
  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 9.0);
  app_test_settle ();
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 9.0);
  g_assert_true (steer_workspace_get_preset_modified (fixture->workspace));
  g_assert_cmpstr (steer_workspace_get_preset_path (fixture->workspace), ==, path);
  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 7.0);
  test_wait_until (is_unmodified, fixture->workspace, 5);
}

static void
test_saves_as_another (PanelTest *fixture, gconstpointer data)
{
  g_autofree char *path = NULL;

  panel_test_act (fixture, "steering.save");
  answer ("The <i>Tower</i>", "accept");
  path = steer_preset_folder_dup_path (steer_workspace_get_presets (fixture->workspace), "The <i>Tower</i>");
  test_wait_until (has_file, fixture->workspace, 5);
  g_assert_cmpstr (steer_workspace_get_preset_path (fixture->workspace), ==, path);
  g_assert_nonnull (app_test_find (fixture->panel, GTK_TYPE_LABEL, "label", "The <i>Tower</i>"));
  g_assert_false (steer_workspace_get_preset_modified (fixture->workspace));
}

static void
test_asks_before_it_replaces (PanelTest *fixture, gconstpointer data)
{
  g_autofree char *path = panel_test_keep (fixture, "Sea", 2.0);
  g_autoptr (SteerPreset) kept = NULL, replaced = NULL;

  panel_test_act (fixture, "steering.save-as");
  answer ("Sea", "accept");
  answer (NULL, "cancel");
  g_assert_cmpstr (steer_preset_get_name (panel_test_get_preset (fixture)), ==, "Eiffel Tower");
  kept = steer_preset_new_from_file (path, NULL);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (kept)), ==, 1);
  panel_test_act (fixture, "steering.save-as");
  answer ("Sea", "accept");
  answer (NULL, "accept");
  test_wait_until (has_file, fixture->workspace, 5);
  g_assert_cmpstr (steer_preset_get_name (panel_test_get_preset (fixture)), ==, "Sea");
  replaced = steer_preset_new_from_file (path, NULL);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (replaced)), ==, 3);
}

static void
test_renames_and_keeps_what_is_changed (PanelTest *fixture, gconstpointer data)
{
  g_autoptr (SteerPreset) renamed = NULL;

  open_kept (fixture, "Sea", 2.0);
  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 7.0);
  panel_test_act (fixture, "steering.rename");
  answer ("Ocean", "accept");
  g_assert_cmpstr (steer_preset_get_name (panel_test_get_preset (fixture)), ==, "Ocean");
  g_assert_true (g_str_has_suffix (steer_workspace_get_preset_path (fixture->workspace), "Ocean.yaml"));
  g_assert_true (steer_workspace_get_preset_modified (fixture->workspace));
  renamed = steer_preset_new_from_file (steer_workspace_get_preset_path (fixture->workspace), NULL);
  g_assert_cmpstr (steer_preset_get_name (renamed), ==, "Ocean");
}

static void
test_deletes_with_undo (PanelTest *fixture, gconstpointer data)
{
  SteerPresetFolder *folder = steer_workspace_get_presets (fixture->workspace);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (folder));
  g_autofree char *path = NULL;

  open_kept (fixture, "Sea", 2.0);
  path = g_strdup (steer_workspace_get_preset_path (fixture->workspace));
  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 7.0);
  panel_test_act (fixture, "steering.delete");
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (folder)), ==, n);
  g_assert_null (steer_workspace_get_preset_path (fixture->workspace));
  panel_test_undo (fixture);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (folder)), ==, n + 1);
  g_assert_cmpstr (steer_workspace_get_preset_path (fixture->workspace), ==, path);
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 7.0);
}

static void
test_loading_loses_no_changes (PanelTest *fixture, gconstpointer data)
{
  g_autofree char *path = panel_test_keep (fixture, "Sea", 2.0);

  steer_feature_set_strength (panel_test_get_feature (fixture, 0), 7.0);
  g_assert_true (gtk_widget_activate_action (fixture->panel, "steering.load", "s", path));
  g_assert_cmpstr (steer_preset_get_name (panel_test_get_preset (fixture)), ==, "Sea");
  panel_test_undo (fixture);
  g_assert_cmpstr (steer_preset_get_name (panel_test_get_preset (fixture)), ==, "Eiffel Tower");
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 0)), ==, 7.0);
}

static void
test_says_why_a_preset_does_not_load (PanelTest *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->dir, "bad.yaml", NULL);

  g_assert_true (g_file_set_contents (path, "version: 1\nfeatures: <b>\n", -1, NULL));
  g_assert_true (gtk_widget_activate_action (fixture->panel, "steering.load", "s", path));
  g_assert_nonnull (strstr (adw_toast_get_title (fixture->toast), "bad.yaml:2:11"));
  g_assert_nonnull (strstr (adw_toast_get_title (fixture->toast), "&lt;b&gt;"));
  g_assert_cmpstr (steer_preset_get_name (panel_test_get_preset (fixture)), ==, "Eiffel Tower");
}

static void
test_offers_presets_when_empty (PanelTest *fixture, gconstpointer data)
{
  g_autofree char *path = panel_test_keep (fixture, "Sea & Sand", 2.0);
  GtkWidget *label;
  GtkWidget *row;
  GtkWidget *list;

  show_empty (fixture);
  label = app_test_find (fixture->panel, GTK_TYPE_LABEL, "label", "Sea & Sand");
  row = gtk_widget_get_ancestor (label, GTK_TYPE_LIST_BOX_ROW);
  list = gtk_widget_get_parent (row);
  g_assert_true (gtk_widget_get_mapped (app_test_find (fixture->panel, GTK_TYPE_BUTTON, "label", "_Add Feature…")));
  g_signal_emit_by_name (list, "row-activated", row);
  app_test_settle ();
  g_assert_cmpstr (steer_workspace_get_preset_path (fixture->workspace), ==, path);
  g_assert_true (gtk_widget_get_mapped (GTK_WIDGET (panel_test_get_row (fixture, 0))));
}

#define ADD(name, function)                                                                                            \
  g_test_add ("/presets in the panel/" name, PanelTest, NULL, panel_test_set_up, function, panel_test_tear_down)

int
main (int argc, char *argv[])
{
  app_test_init (&argc, &argv);
  ADD ("resets to the file, and Undo goes back", test_reset_can_be_undone);
  ADD ("resets to what is recommended where there is no file", test_resets_to_recommended_without_a_file);
  ADD ("saves, and shows what is changed", test_saves_and_shows_what_is_changed);
  ADD ("saves a file that stays what it was when another preset is chosen meanwhile",
       test_another_is_chosen_while_it_saves);
  ADD ("saves, and what moves meanwhile is a change", test_slider_moves_while_it_saves);
  ADD ("saves as another preset", test_saves_as_another);
  ADD ("asks before it replaces a preset", test_asks_before_it_replaces);
  ADD ("renames, and keeps what is changed", test_renames_and_keeps_what_is_changed);
  ADD ("deletes, and Undo brings file and changes back", test_deletes_with_undo);
  ADD ("loads another preset without losing changes", test_loading_loses_no_changes);
  ADD ("says why a preset does not load", test_says_why_a_preset_does_not_load);
  ADD ("offers presets when nothing is steered", test_offers_presets_when_empty);
  return g_test_run ();
}
