/* The steering panel around its rows: how it looks, its menus, the master switch, and adding a feature. */
#include "panel-test-util.h"
#include "steer-add-feature-dialog.h"
#include "test-util.h"

static void
test_light_and_dark (PanelTest *fixture, gconstpointer data)
{
  AdwStyleManager *style = adw_style_manager_get_default ();
  PanelLook light, dark;

  adw_style_manager_set_color_scheme (style, ADW_COLOR_SCHEME_FORCE_LIGHT);
  light = panel_test_look (fixture->panel);
  adw_style_manager_set_color_scheme (style, ADW_COLOR_SCHEME_FORCE_DARK);
  dark = panel_test_look (fixture->panel);
  adw_style_manager_set_color_scheme (style, ADW_COLOR_SCHEME_FORCE_LIGHT);
  g_assert_cmpfloat (light.light, >, 0.8);
  g_assert_cmpfloat (dark.light, <, 0.3);
  /* The strengths are told by color in both. */
  g_assert_cmpfloat (light.color, >, 0.003);
  g_assert_cmpfloat (dark.color, >, 0.003);
}

/* What does not steer is pale: a row that is off, and all of them with the master switch. */
static void
test_pales_when_off (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *row = GTK_WIDGET (panel_test_get_row (fixture, 0)), *list = gtk_widget_get_parent (row);
  PanelLook on = panel_test_look (row), all = panel_test_look (list);

  steer_feature_set_enabled (panel_test_get_feature (fixture, 0), FALSE);
  g_assert_cmpfloat (panel_test_look (row).color, <, 0.8 * on.color);
  steer_feature_set_enabled (panel_test_get_feature (fixture, 0), TRUE);
  steer_preset_set_master_enabled (panel_test_get_preset (fixture), FALSE);
  g_assert_cmpfloat (panel_test_look (list).color, <, 0.8 * all.color);
}

static void
test_master_switch_and_multiplier (PanelTest *fixture, gconstpointer data)
{
  GtkSwitch *master = GTK_SWITCH (panel_test_find (fixture->panel, GTK_TYPE_SWITCH));
  g_autoptr (SteerPreset) preset = g_object_ref (panel_test_get_preset (fixture));
  g_autoptr (SteerPreset) other = steer_preset_new ();

  gtk_switch_set_active (master, FALSE);
  g_assert_false (steer_preset_get_master_enabled (preset));
  panel_test_act (fixture, "steering.toggle");
  g_assert_true (gtk_switch_get_active (master));
  steer_preset_set_master_enabled (other, FALSE);
  steer_preset_set_master_multiplier (other, 0.5);
  panel_test_add (other, 2, 5, NULL, 1.0);
  steer_workspace_set_preset (fixture->workspace, other);
  g_assert_false (gtk_switch_get_active (master));
  g_assert_nonnull (app_test_find (fixture->panel, GTK_TYPE_SPIN_BUTTON, "text", "× 0.50"));
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (app_test_find (fixture->panel, GTK_TYPE_SPIN_BUTTON, "text", "× 0.50")),
                             1.5);
  g_assert_cmpfloat (steer_preset_get_master_multiplier (other), ==, 1.5);
  g_assert_cmpfloat (steer_preset_get_master_multiplier (preset), ==, 1.0);
}

static gboolean
has_found (gpointer dialog)
{
  GtkWidget *list = app_test_find (dialog, GTK_TYPE_LIST_VIEW, NULL, NULL);

  return g_list_model_get_n_items (G_LIST_MODEL (gtk_list_view_get_model (GTK_LIST_VIEW (list)))) > 0;
}

static void
test_adds_a_feature_found_by_label (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *dialog;
  GtkWidget *search;

  steer_preset_set_default_clamp (panel_test_get_preset (fixture), TRUE);
  panel_test_act (fixture, "steering.add-feature");
  dialog = panel_test_get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG);
  test_wait_until (has_found, dialog, 10);
  panel_test_wait_until_drawn (dialog);
  search = panel_test_find (dialog, GTK_TYPE_SEARCH_ENTRY);
  gtk_editable_set_text (GTK_EDITABLE (search), "TOWER eif");
  g_signal_emit_by_name (search, "search-changed");
  g_signal_emit_by_name (search, "activate");
  app_test_settle ();
  g_assert_null (panel_test_get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG));
  g_assert_cmpuint (steer_feature_get_index (panel_test_get_feature (fixture, 3)), ==, 21576);
  g_assert_cmpfloat (steer_feature_get_strength (panel_test_get_feature (fixture, 3)), ==, 8.5);
  g_assert_true (steer_feature_get_clamp (panel_test_get_feature (fixture, 3)));
  g_assert_cmpstr (steer_feature_get_source (panel_test_get_feature (fixture, 3)), ==, "vectors");
}

static gboolean
has_one (gpointer dialog)
{
  GtkWidget *list = app_test_find (dialog, GTK_TYPE_LIST_VIEW, NULL, NULL);

  return g_list_model_get_n_items (G_LIST_MODEL (gtk_list_view_get_model (GTK_LIST_VIEW (list)))) == 1;
}

static gboolean
has_none (gpointer dialog)
{
  GtkWidget *list = app_test_find (dialog, GTK_TYPE_LIST_VIEW, NULL, NULL);

  return g_list_model_get_n_items (G_LIST_MODEL (gtk_list_view_get_model (GTK_LIST_VIEW (list)))) == 0;
}

/* What was looked for last is what the button means, and it says so. */
static void
test_adds_what_a_search_shows (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *dialog, *search, *button, *layer, *index;

  panel_test_act (fixture, "steering.add-feature");
  dialog = panel_test_get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG);
  search = panel_test_find (dialog, GTK_TYPE_SEARCH_ENTRY);
  button = app_test_find (dialog, GTK_TYPE_BUTTON, "label", "_Add");
  layer = app_test_find (dialog, GTK_TYPE_SPIN_BUTTON, NULL, NULL);
  index = app_test_find (gtk_widget_get_next_sibling (gtk_widget_get_next_sibling (layer)), GTK_TYPE_SPIN_BUTTON, NULL,
                         NULL);
  test_wait_until (has_found, dialog, 10);
  gtk_editable_set_text (GTK_EDITABLE (search), "xylophone");
  test_wait_until (has_none, dialog, 10);
  g_assert_false (gtk_widget_get_sensitive (button));
  /* Numbers are another way to say it. */
  gtk_widget_grab_focus (index);
  g_assert_true (gtk_widget_get_sensitive (button));

  gtk_editable_set_text (GTK_EDITABLE (search), "tower eif");
  test_wait_until (has_one, dialog, 10);
  g_assert_true (gtk_widget_get_sensitive (button));
  g_assert_cmpint (gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (index)), ==, 21576);
  g_assert_nonnull (app_test_find (dialog, GTK_TYPE_LABEL, "label", "“Eiffel Tower — Turm” from vectors"));
  g_signal_emit_by_name (button, "clicked");
  app_test_settle ();
  g_assert_null (panel_test_get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG));
  g_assert_cmpuint (steer_feature_get_index (panel_test_get_feature (fixture, 3)), ==, 21576);
}

/* Of what was found and what was counted to, the latter came last. */
static void
test_adds_numbers_after_a_search (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *dialog, *search, *layer, *index;

  panel_test_act (fixture, "steering.add-feature");
  dialog = panel_test_get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG);
  search = panel_test_find (dialog, GTK_TYPE_SEARCH_ENTRY);
  layer = app_test_find (dialog, GTK_TYPE_SPIN_BUTTON, NULL, NULL);
  index = app_test_find (gtk_widget_get_next_sibling (gtk_widget_get_next_sibling (layer)), GTK_TYPE_SPIN_BUTTON, NULL,
                         NULL);
  test_wait_until (has_found, dialog, 10);
  gtk_editable_set_text (GTK_EDITABLE (search), "tower eif");
  test_wait_until (has_one, dialog, 10);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (layer), 7);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (index), 3);
  g_signal_emit_by_name (app_test_find (dialog, GTK_TYPE_BUTTON, "label", "_Add"), "clicked");
  app_test_settle ();
  g_assert_cmpuint (steer_feature_get_layer (panel_test_get_feature (fixture, 3)), ==, 7);
  g_assert_cmpuint (steer_feature_get_index (panel_test_get_feature (fixture, 3)), ==, 3);
}

/* It is read once more when the dialog goes. */
static void
test_closes_with_a_number_typed (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *dialog, *layer;

  panel_test_act (fixture, "steering.add-feature");
  dialog = panel_test_get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG);
  layer = app_test_find (dialog, GTK_TYPE_SPIN_BUTTON, NULL, NULL);
  test_wait_until (has_found, dialog, 10);
  gtk_widget_grab_focus (layer);
  gtk_editable_set_text (GTK_EDITABLE (layer), "7");
  gtk_window_close (GTK_WINDOW (dialog));
  app_test_settle ();
  g_assert_null (panel_test_get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (panel_test_get_preset (fixture))), ==, 3);
}

static void
test_adds_a_feature_by_its_numbers (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *dialog, *layer, *index, *button;

  panel_test_act (fixture, "steering.add-feature");
  dialog = panel_test_get_dialog (STEER_TYPE_ADD_FEATURE_DIALOG);
  layer = app_test_find (dialog, GTK_TYPE_SPIN_BUTTON, NULL, NULL);
  index = app_test_find (gtk_widget_get_next_sibling (gtk_widget_get_next_sibling (layer)), GTK_TYPE_SPIN_BUTTON, NULL,
                         NULL);
  button = app_test_find (dialog, GTK_TYPE_BUTTON, "label", "_Add");
  test_wait_until (has_found, dialog, 10);
  /* At first they name a feature that there is. */
  g_assert_true (gtk_widget_get_sensitive (button));
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (layer), 7);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (index), 0);
  g_assert_false (gtk_widget_get_sensitive (button));
  g_assert_nonnull (app_test_find (dialog, GTK_TYPE_LABEL, "label", "No loaded source has this feature"));
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (index), 3);
  g_assert_true (gtk_widget_get_sensitive (button));
  g_signal_emit_by_name (button, "clicked");
  app_test_settle ();
  g_assert_cmpuint (steer_feature_get_layer (panel_test_get_feature (fixture, 3)), ==, 7);
  g_assert_cmpuint (steer_feature_get_index (panel_test_get_feature (fixture, 3)), ==, 3);
}

static void
on_close_requested (GtkWidget *panel, guint *n)
{
  ++*n;
}

static void
test_has_a_way_back_where_it_covers_the_chat (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *button = app_test_find (fixture->panel, GTK_TYPE_BUTTON, "tooltip-text", "Back to the Chat");
  guint n = 0;

  g_signal_connect (fixture->panel, "close-requested", G_CALLBACK (on_close_requested), &n);
  g_assert_false (gtk_widget_get_visible (button));
  g_object_set (fixture->panel, "show-close-button", TRUE, NULL);
  g_assert_true (gtk_widget_get_visible (button));
  g_signal_emit_by_name (button, "clicked");
  g_assert_cmpuint (n, ==, 1);
}

static void
test_fits_into_300_pixels (PanelTest *fixture, gconstpointer data)
{
  int minimum;

  steer_feature_set_label (panel_test_get_feature (fixture, 0),
                           "A label that is far longer than any panel of any window will ever be");
  steer_preset_set_name (panel_test_get_preset (fixture),
                         "A name that is far longer than any panel of any window will ever be");
  app_test_settle ();
  gtk_widget_measure (fixture->panel, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, NULL, NULL, NULL);
  g_assert_cmpint (minimum, <=, 300);
}

static void
test_popovers (PanelTest *fixture, gconstpointer data)
{
  GtkWidget *list = GTK_WIDGET (panel_test_get_row (fixture, 0));
  GtkWidget *buttons[] = {
    app_test_find (fixture->panel, GTK_TYPE_MENU_BUTTON, "icon-name", "pan-down-symbolic"),
    app_test_find (fixture->panel, GTK_TYPE_MENU_BUTTON, "icon-name", "emblem-system-symbolic"),
    app_test_find (fixture->panel, GTK_TYPE_MENU_BUTTON, "icon-name", "view-more-symbolic"),
    app_test_find (list, GTK_TYPE_MENU_BUTTON, "icon-name", "view-more-symbolic"),
  };

  g_free (panel_test_keep (fixture, "Sea", 2.0));
  for (guint i = 0; i < G_N_ELEMENTS (buttons); i++)
    {
      GtkWidget *popover;

      /* Menus are made when they are opened. */
      gtk_menu_button_popup (GTK_MENU_BUTTON (buttons[i]));
      popover = GTK_WIDGET (gtk_menu_button_get_popover (GTK_MENU_BUTTON (buttons[i])));
      test_wait_until (panel_test_is_shown, popover, 10);
      app_test_settle ();
      gtk_menu_button_popdown (GTK_MENU_BUTTON (buttons[i]));
      app_test_settle ();
    }
}

static gboolean
is_focused (gpointer row)
{
  return gtk_widget_has_focus (row);
}

/* Twelve bundled ones are more than there is room for: the list shows that it goes on, one's own stand first, and the
 * one in use is where it begins. */
static void
test_preset_menu_begins_at_what_is_in_use (PanelTest *fixture, gconstpointer data)
{
  GtkMenuButton *button
    = GTK_MENU_BUTTON (app_test_find (fixture->panel, GTK_TYPE_MENU_BUTTON, "icon-name", "pan-down-symbolic"));
  SteerPresetFolder *presets = steer_workspace_get_presets (fixture->workspace);
  g_autoptr (SteerPresetEntry) first = NULL, last = NULL;
  GtkWidget *popover, *scrolled, *label, *row;
  graphene_rect_t bounds;

  g_free (panel_test_keep (fixture, "Sea", 2.0));
  first = g_list_model_get_item (G_LIST_MODEL (presets), 0);
  last = g_list_model_get_item (G_LIST_MODEL (presets), g_list_model_get_n_items (G_LIST_MODEL (presets)) - 1);
  g_assert_cmpstr (steer_preset_entry_get_name (first), ==, "Sea");
  g_assert_true (steer_workspace_open_preset (fixture->workspace, steer_preset_entry_get_path (last), NULL));

  gtk_menu_button_popup (button);
  popover = GTK_WIDGET (gtk_menu_button_get_popover (button));
  scrolled = panel_test_find (popover, GTK_TYPE_SCROLLED_WINDOW);
  g_assert_false (gtk_scrolled_window_get_overlay_scrolling (GTK_SCROLLED_WINDOW (scrolled)));
  test_wait_until (panel_test_is_shown, popover, 10);
  app_test_settle ();
  label = app_test_find (popover, GTK_TYPE_LABEL, "label", steer_preset_entry_get_name (last));
  g_assert_nonnull (label);
  row = gtk_widget_get_ancestor (label, GTK_TYPE_LIST_BOX_ROW);
  test_wait_until (is_focused, row, 10);
  g_assert_true (gtk_widget_compute_bounds (row, scrolled, &bounds));
  g_assert_cmpfloat (bounds.origin.x, >=, 0.0f); /* the bar takes no room of the rows */
  g_assert_cmpfloat (bounds.origin.y, >=, 0.0f);
  g_assert_cmpfloat (bounds.origin.y + bounds.size.height, <=, (float) gtk_widget_get_height (scrolled));
  gtk_menu_button_popdown (button);
  app_test_settle ();
}

#define ADD(name, function)                                                                                            \
  g_test_add ("/steering panel/" name, PanelTest, NULL, panel_test_set_up, function, panel_test_tear_down)

int
main (int argc, char *argv[])
{
  app_test_init (&argc, &argv);
  ADD ("is drawn in light and dark", test_light_and_dark);
  ADD ("pales where it is off", test_pales_when_off);
  ADD ("has a master switch and a multiplier", test_master_switch_and_multiplier);
  ADD ("adds a feature found by its label", test_adds_a_feature_found_by_label);
  ADD ("adds what a search shows", test_adds_what_a_search_shows);
  ADD ("adds what the numbers name after a search", test_adds_numbers_after_a_search);
  ADD ("adds a feature by layer and index", test_adds_a_feature_by_its_numbers);
  ADD ("closes what adds features with a number half typed", test_closes_with_a_number_typed);
  ADD ("has a way back where it covers the chat", test_has_a_way_back_where_it_covers_the_chat);
  ADD ("fits into 300 pixels", test_fits_into_300_pixels);
  ADD ("opens its menus", test_popovers);
  ADD ("lists presets from the one in use", test_preset_menu_begins_at_what_is_in_use);
  return g_test_run ();
}
