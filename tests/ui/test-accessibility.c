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
  g_autofree char *kind = atspi_role_get_name (role);
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

/* Windows that were looked at already and are still there. */
typedef struct
{
  Node *seen[8];
  guint n_seen;
  const Wanted *wanted; /* what the next one is */
  Node *found;
} Windows;

static gboolean
is_seen (const Windows *windows, Node *node)
{
  for (guint i = 0; i < windows->n_seen; i++)
    if (windows->seen[i] == node)
      return TRUE;
  return FALSE;
}

static gboolean
find_dialog (App *app, gpointer data)
{
  g_autoptr (Node) application = atspi_accessible_get_parent (app->window, NULL);
  Windows *windows = data;
  int n;

  if (application == NULL)
    return FALSE;
  n = atspi_accessible_get_child_count (application, NULL);
  for (int i = 0; i < n && windows->found == NULL; i++)
    {
      g_autoptr (Node) child = atspi_accessible_get_child_at_index (application, i, NULL);

      if (child != NULL && child != app->window && !is_seen (windows, child)
          && ui_has_state (child, ATSPI_STATE_SHOWING))
        windows->found = g_steal_pointer (&child);
    }
  return windows->found != NULL;
}

static gboolean
has_reply (App *app, gpointer data)
{
  g_autoptr (Node) rate = ui_find (app->window, ATSPI_ROLE_LABEL, "* tokens/s");

  return rate != NULL;
}

/* A dialog, and what opens it: an action of the program, or one of @owner in the window. */
typedef struct
{
  const char *action;
  Wanted owner; /* no name: the program */
  Wanted dialog;
} Opening;

static const Opening sweeping = { "feature.sweep", { 0 }, { ATSPI_ROLE_FRAME, "Find a Strength" } };
static const Opening condition = { "feature.condition", { 0 }, { ATSPI_ROLE_DIALOG, "Steer*Only Where*" } };
static const Opening firing = { "message.inspect", { 0 }, { ATSPI_ROLE_FRAME, "Features in This Text" } };

/* The last one can be left only by an answer. */
static const Opening dialogs[] = {
  { "preferences", { 0 }, { ATSPI_ROLE_FRAME, "Preferences" } },
  { "about", { 0 }, { ATSPI_ROLE_FRAME, "*About*" } },
  { "win.show-help-overlay", { ATSPI_ROLE_FRAME, "*" }, { ATSPI_ROLE_FRAME, "*hortcuts*" } },
  { "steering.make-feature", { ATSPI_ROLE_PANEL, "Steering" }, { ATSPI_ROLE_FRAME, "Feature from Examples" } },
  { "win.find-computer", { ATSPI_ROLE_FRAME, "*" }, { ATSPI_ROLE_FRAME, "Model on Another Computer" } },
#ifdef STEER_HAS_HUB
  { "win.get-models", { ATSPI_ROLE_FRAME, "*" }, { ATSPI_ROLE_FRAME, "Get Models" } },
#endif
  { "steering.save-as", { ATSPI_ROLE_PANEL, "Steering" }, { ATSPI_ROLE_DIALOG, "Save Preset As" } },
};

/* GTK 4.8 shows some dialogs only from the desktop down, newer ones only as windows of the program. */
static gboolean
find_opened (App *app, gpointer data)
{
  g_autoptr (Node) desktop = atspi_get_desktop (0);
  Windows *windows = data;

  windows->found = ui_find (desktop, windows->wanted->role, windows->wanted->name);
  return windows->found != NULL || find_dialog (app, windows);
}

/* (transfer full): does the action on @node, or that of the program, and looks at the dialog that comes of it. */
static Node *
open_dialog (App *app, Node *node, const Opening *opening, Windows *windows)
{
  windows->wanted = &opening->dialog;
  windows->found = NULL;
  if (node != NULL)
    ui_act (app, node, opening->action);
  else
    ui_activate (opening->action, NULL);
  ui_wait_for (node != NULL ? find_opened : find_dialog, app, windows, opening->dialog.name);
  return windows->found;
}

static gboolean
has_firing (App *app, gpointer dialog)
{
  g_autoptr (Node) button = ui_find (dialog, ATSPI_ROLE_PUSH_BUTTON, "Add *");

  return button != NULL;
}

/* The tree changes while it is walked: rows are filled in the frames after a reply, and one walk may miss a branch. */
static gboolean
has_acting (App *app, gpointer data)
{
  Node **found = data;

  *found = ui_find_acting (app->window, firing.action);
  return *found != NULL;
}

static gboolean
has_row (App *app, gpointer data)
{
  Node **found = data;

  *found = ui_find_acting (app->window, sweeping.action);
  return *found != NULL;
}

static gboolean
has_swept (App *app, gpointer dialog)
{
  g_autoptr (Node) row = ui_find (dialog, ATSPI_ROLE_LIST_ITEM, "*Describe something beautiful.*");

  return row != NULL;
}

static void
test_chat (void)
{
  g_autofree char *preset = g_build_filename (g_getenv ("STEER_DATA_DIR"), "presets", "01-eiffel-tower.yaml", NULL);
  g_autoptr (Node) entry = NULL, view = NULL, dialog = NULL;
  g_autoptr (NodeEditable) editable = NULL;
  Windows windows = { 0 };
  App app = { 0 };

  ui_start (&app, preset);
  assert_named (app.window);
  entry = ui_wait_for_node (&app, ATSPI_ROLE_TEXT, "Message");
  editable = atspi_accessible_get_editable_text_iface (entry);
  atspi_editable_text_set_text_contents (editable, "How was your day?", NULL);
  ui_press (&app, "Send");
  ui_wait_for (has_reply, &app, NULL, "a reply");
  assert_named (app.window);

  ui_wait_for (has_acting, &app, &view, "a message");
  dialog = open_dialog (&app, view, &firing, &windows);
  ui_wait_for (has_firing, &app, dialog, "a feature");
  assert_named (dialog);
  ui_quit (&app);
}

/* What is asked about a row. */
static void
test_row_dialogs (void)
{
  g_autofree char *preset = g_build_filename (g_getenv ("STEER_DATA_DIR"), "presets", "01-eiffel-tower.yaml", NULL);
  g_autoptr (Node) row = NULL, sweep = NULL, question = NULL;
  Windows windows = { 0 };
  App app = { 0 };

  ui_start (&app, preset);
  ui_wait_for (has_row, &app, &row, "a row");
  sweep = open_dialog (&app, row, &sweeping, &windows);
  ui_wait_for (has_swept, &app, sweep, "replies");
  assert_named (sweep);
  windows.seen[windows.n_seen++] = sweep;
  question = open_dialog (&app, row, &condition, &windows);
  assert_named (question);
  ui_quit (&app);
}

static void
test_dialogs (void)
{
  Windows windows = { 0 };
  App app = { 0 };

  ui_start (&app, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (dialogs); i++)
    {
      const Wanted *owner = &dialogs[i].owner;
      g_autoptr (Node) node = owner->name != NULL ? ui_wait_for_node (&app, owner->role, owner->name) : NULL;
      Node *dialog = open_dialog (&app, node, &dialogs[i], &windows);

      g_test_message ("%s", dialogs[i].dialog.name);
      assert_named (dialog);
      g_assert_cmpuint (windows.n_seen, <, G_N_ELEMENTS (windows.seen));
      windows.seen[windows.n_seen++] = dialog;
    }
  for (guint i = 0; i < windows.n_seen; i++)
    g_object_unref (windows.seen[i]);
  ui_quit (&app);
}

int
main (int argc, char **argv)
{
  ui_init (&argc, &argv);
  g_test_add_func ("/accessibility/every control of a chat and of the features in its text has a name", test_chat);
  g_test_add_func ("/accessibility/every control of a row's dialogs has a name", test_row_dialogs);
  g_test_add_func ("/accessibility/every control of every dialog has a name", test_dialogs);
  return g_test_run ();
}
