/* Every control of every window says what it is: assistive technology reads nothing else of an icon. */
#include "ui-app.h"

/* Roles of things that are operated. */
static gboolean
is_control (AtspiRole role)
{
  switch (role)
    {
    case ATSPI_ROLE_PUSH_BUTTON:
    case ATSPI_ROLE_TOGGLE_BUTTON:
    case ATSPI_ROLE_CHECK_BOX:
    case ATSPI_ROLE_RADIO_BUTTON:
    case ATSPI_ROLE_COMBO_BOX:
    case ATSPI_ROLE_SLIDER:
    case ATSPI_ROLE_SPIN_BUTTON:
    case ATSPI_ROLE_TEXT:
    case ATSPI_ROLE_ENTRY:
    case ATSPI_ROLE_PASSWORD_TEXT:
    case ATSPI_ROLE_LIST_BOX:
    case ATSPI_ROLE_MENU_ITEM:
    case ATSPI_ROLE_LINK:
      return TRUE;
    default:
      return FALSE;
    }
}

/* A class's name stands in where nobody gave one. */
static gboolean
is_name (const char *name)
{
  return name != NULL && *name != '\0' && !g_pattern_match_simple ("Gtk[A-Z]*", name) && !g_str_has_prefix (name, "Gtk")
         && !g_str_has_prefix (name, "Adw") && !g_pattern_match_simple ("Steer?*[a-z][A-Z]*", name);
}

static void
collect (Node *node, const char *path, GString *unnamed)
{
  AtspiRole role = atspi_accessible_get_role (node, NULL);
  g_autofree char *name = atspi_accessible_get_name (node, NULL);
  g_autofree char *kind = atspi_accessible_get_role_name (node, NULL);
  g_autofree char *here = g_strdup_printf ("%s/%s “%s”", path, kind, name != NULL ? name : "");
  int n = atspi_accessible_get_child_count (node, NULL);

  if (is_control (role) && ui_has_state (node, ATSPI_STATE_VISIBLE) && !is_name (name))
    g_string_append_printf (unnamed, "\n%s", here);
  for (int i = 0; i < n; i++)
    {
      g_autoptr (Node) child = atspi_accessible_get_child_at_index (node, i, NULL);

      if (child != NULL)
        collect (child, here, unnamed);
    }
}

static void
assert_named (Node *root)
{
  g_autoptr (GString) unnamed = g_string_new (NULL);

  collect (root, "", unnamed);
  if (unnamed->len > 0)
    g_error ("controls without a name:%s", unnamed->str);
}

static gboolean
find_dialog (App *app, gpointer data)
{
  g_autoptr (Node) application = atspi_accessible_get_parent (app->window, NULL);
  Node **dialog = data;
  int n;

  if (application == NULL)
    return FALSE;
  atspi_accessible_clear_cache (application); /* no main loop runs here that would hear of a new window */
  n = atspi_accessible_get_child_count (application, NULL);
  for (int i = 0; i < n && *dialog == NULL; i++)
    {
      g_autoptr (Node) child = atspi_accessible_get_child_at_index (application, i, NULL);

      if (child != NULL && child != app->window && ui_has_state (child, ATSPI_STATE_SHOWING))
        *dialog = g_steal_pointer (&child);
    }
  return *dialog != NULL;
}

static gboolean
has_reply (App *app, gpointer data)
{
  g_autoptr (Node) rate = ui_find (app->window, ATSPI_ROLE_LABEL, "* tokens/s");

  return rate != NULL;
}

static void
test_window (void)
{
  g_autofree char *preset = g_build_filename (g_getenv ("STEER_DATA_DIR"), "presets", "01-eiffel-tower.yaml", NULL);
  g_autoptr (Node) entry = NULL;
  g_autoptr (NodeEditable) editable = NULL;
  App app = { 0 };

  ui_start (&app, preset);
  assert_named (app.window);
  entry = ui_wait_for_node (&app, ATSPI_ROLE_TEXT, "Message");
  editable = atspi_accessible_get_editable_text_iface (entry);
  atspi_editable_text_set_text_contents (editable, "How was your day?", NULL);
  ui_press (&app, "Send");
  ui_wait_for (has_reply, &app, NULL, "a reply");
  assert_named (app.window);
  ui_quit (&app);
}

/* @data: an action of the program that opens it. */
static void
test_dialog (gconstpointer data)
{
  const char *action = data;
  g_autoptr (Node) dialog = NULL;
  App app = { 0 };

  ui_start (&app, NULL);
  ui_activate (action, NULL);
  ui_wait_for (find_dialog, &app, &dialog, action);
  assert_named (dialog);
  ui_quit (&app);
}

/* What a dialog is called, where it is, and which action of the panel opens it. */
typedef struct
{
  const char *action;
  AtspiRole role;
  const char *title;
  Node *found;
} Dialog;

static const Dialog save_preset = { "steering.save-as", ATSPI_ROLE_DIALOG, "Save Preset As" };
static const Dialog shortcuts = { "win.show-help-overlay", ATSPI_ROLE_FRAME, "*hortcuts*" };
static const Dialog firing = { "message.inspect", ATSPI_ROLE_FRAME, "Features in This Text" };

/* GTK 4.8 shows some dialogs only from the desktop down, newer ones only as windows of the program. */
static gboolean
find_opened (App *app, gpointer data)
{
  g_autoptr (Node) desktop = atspi_get_desktop (0);
  Dialog *dialog = data;

  dialog->found = ui_find (desktop, dialog->role, dialog->title);
  return dialog->found != NULL || find_dialog (app, &dialog->found);
}

/* Does the action on @node and looks at the dialog that comes of it. (transfer full) */
static Node *
open_dialog (App *app, Node *node, const Dialog *dialog)
{
  Dialog opened = *dialog;

  ui_act (app, node, dialog->action);
  ui_wait_for (find_opened, app, &opened, dialog->title);
  return opened.found;
}

static void
test_panel_dialog (gconstpointer data)
{
  g_autoptr (Node) dialog = NULL, panel = NULL;
  App app = { 0 };

  ui_start (&app, NULL);
  panel = ui_wait_for_node (&app, ATSPI_ROLE_PANEL, "Steering");
  dialog = open_dialog (&app, panel, data);
  assert_named (dialog);
  ui_quit (&app);
}

static void
test_shortcuts (void)
{
  g_autoptr (Node) dialog = NULL;
  App app = { 0 };

  ui_start (&app, NULL);
  dialog = open_dialog (&app, app.window, &shortcuts);
  assert_named (dialog);
  ui_quit (&app);
}

static gboolean
has_firing (App *app, gpointer dialog)
{
  g_autoptr (Node) button = ui_find (dialog, ATSPI_ROLE_PUSH_BUTTON, "Add *");

  return button != NULL;
}

/* The last node that has that action. (transfer full) (nullable) */
static Node *
find_acting (Node *root, const char *action)
{
  g_autoptr (NodeAction) actions = atspi_accessible_get_action_iface (root);
  int n_actions = actions != NULL ? atspi_action_get_n_actions (actions, NULL) : 0;
  int n = atspi_accessible_get_child_count (root, NULL);

  for (int i = n - 1; i >= 0; i--)
    {
      g_autoptr (Node) child = atspi_accessible_get_child_at_index (root, i, NULL);
      Node *found = child != NULL ? find_acting (child, action) : NULL;

      if (found != NULL)
        return found;
    }
  for (int i = 0; i < n_actions; i++)
    {
      g_autofree char *name = atspi_action_get_action_name (actions, i, NULL);

      if (g_strcmp0 (name, action) == 0)
        return g_object_ref (root);
    }
  return NULL;
}

/* The tree changes while it is walked: rows are filled in the frames after a reply, and one walk may miss a branch. */
static gboolean
has_acting (App *app, gpointer data)
{
  Node **found = data;

  *found = find_acting (app->window, firing.action);
  return *found != NULL;
}

static void
test_features_in_text (void)
{
  g_autoptr (Node) entry = NULL, view = NULL, dialog = NULL;
  g_autoptr (NodeEditable) editable = NULL;
  App app = { 0 };

  ui_start (&app, NULL);
  entry = ui_wait_for_node (&app, ATSPI_ROLE_TEXT, "Message");
  editable = atspi_accessible_get_editable_text_iface (entry);
  atspi_editable_text_set_text_contents (editable, "How was your day?", NULL);
  ui_press (&app, "Send");
  ui_wait_for (has_reply, &app, NULL, "a reply");
  ui_wait_for (has_acting, &app, &view, "a message");
  dialog = open_dialog (&app, view, &firing);
  ui_wait_for (has_firing, &app, dialog, "a feature");
  assert_named (dialog);
  ui_quit (&app);
}

int
main (int argc, char **argv)
{
  ui_init (&argc, &argv);
  g_test_add_func ("/accessibility/every control of the window has a name", test_window);
  g_test_add_data_func ("/accessibility/every control of the preferences has a name", "preferences", test_dialog);
  g_test_add_data_func ("/accessibility/every control of the about window has a name", "about", test_dialog);
  g_test_add_func ("/accessibility/every control of the shortcuts has a name", test_shortcuts);
  g_test_add_data_func ("/accessibility/every control of saving a preset has a name", &save_preset, test_panel_dialog);
  g_test_add_func ("/accessibility/every control of the features in a text has a name", test_features_in_text);
  return g_test_run ();
}
