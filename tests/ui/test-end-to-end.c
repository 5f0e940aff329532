/* The real program with the bundled model, used as a screen reader's user would: everything goes through AT-SPI. */
#include "ui-app.h"

#define QUESTION "What should I do this weekend?"
#define MAX_MOVES 30

/* Seconds after Send was pressed. */
#define EARLIEST_MOVE 0.2
#define LATEST_MOVE 0.8

static const char *data_dir; /* with demo/ and presets/ */

static void
type (Node *entry, const char *text)
{
  g_autoptr (NodeEditable) editable = atspi_accessible_get_editable_text_iface (entry);

  g_assert_nonnull (editable);
  g_assert_true (atspi_editable_text_set_text_contents (editable, text, NULL));
}

static char *
get_text (Node *accessible)
{
  g_autoptr (NodeText) text = atspi_accessible_get_text_iface (accessible);

  /* What is gone by now says nothing. */
  if (text == NULL)
    return g_strdup ("");
  return atspi_text_get_text (text, 0, atspi_text_get_character_count (text, NULL), NULL);
}

typedef struct
{
  GString *text;
  gboolean complete; /* the count of its tokens follows the text */
} Reading;

static void
read_labels (Node *root, Reading *reading)
{
  int n = atspi_accessible_get_child_count (root, NULL);
  AtspiRole role = atspi_accessible_get_role (root, NULL);

  /* What is still being written is a text, what is finished are labels. */
  if (role == ATSPI_ROLE_LABEL && !reading->complete)
    {
      g_autofree char *text = get_text (root);

      if (g_pattern_match_simple ("* tokens", text) && g_ascii_isdigit (text[0]))
        reading->complete = TRUE;
      else
        g_string_append_printf (reading->text, "%s%s", reading->text->len > 0 ? "\n" : "", text);
    }
  for (int i = 0; i < n; i++)
    {
      g_autoptr (Node) child = atspi_accessible_get_child_at_index (root, i, NULL);

      if (child != NULL)
        read_labels (child, reading);
    }
}

static Node *
find_reply (App *app)
{
  g_autoptr (Node) transcript = ui_find (app->window, ATSPI_ROLE_LOG, "Transcript");

  return ui_find_last (transcript, ATSPI_ROLE_PANEL, "Reply");
}

/* What stands there, and whether it is finished: the cursor of a reply that is being written is part of its text. */
static char *
dup_reply (App *app, gboolean *complete)
{
  g_autoptr (Node) reply = find_reply (app);
  g_autoptr (Node) rate = reply != NULL ? ui_find (reply, ATSPI_ROLE_LABEL, "* tokens/s") : NULL;
  Reading reading = { g_string_new (NULL), FALSE };

  if (reply != NULL)
    read_labels (reply, &reading);
  *complete = rate != NULL && reading.complete && strstr (reading.text->str, "\342\226\215") == NULL;
  return g_string_free (reading.text, FALSE);
}

/* Twice the same: the tree may change while it is being read. */
static gboolean
is_complete (App *app, gpointer data)
{
  gboolean first, second;
  g_autofree char *before = dup_reply (app, &first);
  char **text = data;

  g_usleep (30000);
  g_free (*text);
  *text = dup_reply (app, &second);
  return first && second && g_str_equal (before, *text);
}

static char *
read_reply (App *app)
{
  char *text = NULL;

  ui_wait_for (is_complete, app, &text, "the reply's end");
  return text;
}

static gboolean
has_no_reply (App *app, gpointer data)
{
  g_autoptr (Node) reply = find_reply (app);

  return reply == NULL;
}

static void
start_chat (App *app)
{
  ui_press (app, "New Chat");
  ui_wait_for (has_no_reply, app, NULL, "an empty chat");
}

static void
ask (App *app, const char *question)
{
  g_autoptr (Node) entry = ui_wait_for_node (app, ATSPI_ROLE_TEXT, "Message");

  type (entry, question);
  ui_press (app, "Send");
}

static void
set_value (Node *accessible, double to)
{
  g_autoptr (NodeValue) value = atspi_accessible_get_value_iface (accessible);

  g_assert_true (atspi_value_set_current_value (value, to, NULL));
}

static gsize
common_prefix (const char *a, const char *b)
{
  gsize n = 0;

  while (a[n] != '\0' && a[n] == b[n])
    n++;
  return n;
}

/* Moves the slider while the reply is being written, as often as it takes to hit the middle of one: a small model
 * answers within a tenth of a second, about a quarter of a second after its button was pressed. Too early and the whole
 * reply is written under the new strength, too late and it is as it was. */
static void
check_move_in_reply (App *app, Node *slider, const char *unmoved)
{
  const double strength = ui_get_value (slider);
  double low = EARLIEST_MOVE, high = LATEST_MOVE;

  for (guint i = 0; i < MAX_MOVES; i++)
    {
      double delay = 0.5 * (low + high);
      g_autofree char *moved = NULL;
      g_autoptr (Node) reply = NULL, mark = NULL;
      gsize n;

      start_chat (app);
      ask (app, QUESTION);
      g_usleep ((gulong) (delay * G_USEC_PER_SEC));
      set_value (slider, -strength);
      moved = read_reply (app);
      reply = find_reply (app);
      mark = ui_find (reply, ATSPI_ROLE_LABEL, "*changed in reply");
      set_value (slider, strength);
      n = common_prefix (unmoved, moved);
      g_test_message ("moved after %.0f ms: %zu bytes of %zu are the same, %s", 1000 * delay, n, strlen (unmoved),
                      mark != NULL ? "marked" : "not marked");
      if (mark != NULL && n > 0 && unmoved[n] != moved[n])
        return;
      if (unmoved[n] == moved[n])
        high = delay;
      else
        low = delay;
      /* The machine's own haste changes from try to try. */
      if (high - low < 0.004)
        {
          low = EARLIEST_MOVE;
          high = LATEST_MOVE + 0.1 * i;
        }
    }
  g_error ("no move of the slider hit a reply while it was written");
}

static char *
dup_bundled_preset (void)
{
  g_autofree char *folder = g_build_filename (data_dir, "presets", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autofree char *first = NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, ".yaml") && (first == NULL || g_strcmp0 (name, first) < 0))
      {
        g_free (first);
        first = g_strdup (name);
      }
  return first != NULL ? g_build_filename (folder, first, NULL) : NULL;
}

static gboolean
is_pressed (App *app, gpointer data)
{
  g_autoptr (Node) clamp = ui_find (app->window, ATSPI_ROLE_PUSH_BUTTON, "Clamp *");

  return clamp != NULL && ui_has_state (clamp, ATSPI_STATE_PRESSED);
}

static gboolean
find_dialog (App *app, gpointer data)
{
  g_autoptr (Node) desktop = atspi_get_desktop (0);
  Node **dialog = data;

  *dialog = ui_find (desktop, ATSPI_ROLE_DIALOG, "Save Preset As");
  return *dialog != NULL;
}

static void
save_preset (App *app, const char *name)
{
  g_autoptr (Node) panel = ui_wait_for_node (app, ATSPI_ROLE_PANEL, "Steering");
  g_autoptr (Node) dialog = NULL, entry = NULL, button = NULL;

  ui_act (app, panel, "steering.save-as");
  ui_wait_for (find_dialog, app, &dialog, "the question for a name");
  entry = ui_find (dialog, ATSPI_ROLE_TEXT, "Name");
  g_assert_nonnull (entry);
  type (entry, name);
  button = ui_find (dialog, ATSPI_ROLE_PUSH_BUTTON, "*Save*");
  g_assert_nonnull (button);
  ui_act (app, button, NULL);
}

static void
check_saved (App *app, const char *name)
{
  g_autofree char *folder = g_build_filename (g_get_user_data_dir (), "steer-chat", "presets", NULL);
  g_autofree char *yaml = NULL;

  ui_wait_for (ui_is_there, app, &(Wanted){ ATSPI_ROLE_LABEL, name }, "the preset's new name");
  for (guint i = 0; yaml == NULL && i < 500; i++)
    {
      g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
      const char *file = dir != NULL ? g_dir_read_name (dir) : NULL;
      g_autofree char *path = file != NULL ? g_build_filename (folder, file, NULL) : NULL;

      if (path == NULL || !g_file_get_contents (path, &yaml, NULL, NULL))
        g_usleep (10000);
    }
  g_assert_nonnull (yaml);
  g_assert_nonnull (strstr (yaml, name));
  g_assert_nonnull (strstr (yaml, "mode: clamp"));
}

static void
test_session (void)
{
  g_autofree char *model = g_build_filename (data_dir, "demo", "model", "config.json", NULL);
  g_autofree char *preset = dup_bundled_preset ();
  g_autofree char *unmoved = NULL, *again = NULL, *last = NULL, *found = NULL;
  g_autoptr (Node) slider = NULL, kept = NULL, title = NULL;
  App app = { 0 };

  if (!g_file_test (model, G_FILE_TEST_EXISTS) || preset == NULL)
    {
      g_test_skip ("the bundled model is not there");
      return;
    }

  ui_start (&app, preset);
  ask (&app, QUESTION);
  unmoved = read_reply (&app);
  g_assert_cmpuint (strlen (unmoved), >, 0);
  start_chat (&app);
  ask (&app, QUESTION);
  again = read_reply (&app);
  g_assert_cmpstr (again, ==, unmoved);

  slider = ui_wait_for_node (&app, ATSPI_ROLE_SLIDER, "Strength of *");
  check_move_in_reply (&app, slider, unmoved);

  if (!is_pressed (&app, NULL))
    ui_press (&app, "Clamp *");
  ui_wait_for (is_pressed, &app, NULL, "clamp to be on");
  save_preset (&app, "My Own Preset");
  check_saved (&app, "My Own Preset");
  last = read_reply (&app);
  ui_quit (&app);

  ui_start (&app, NULL);
  kept = ui_wait_for_node (&app, ATSPI_ROLE_LABEL, "My Own Preset");
  ui_wait_for (is_pressed, &app, NULL, "clamp to be on after the restart");
  title = ui_wait_for_node (&app, ATSPI_ROLE_LABEL, QUESTION);
  found = read_reply (&app);
  g_assert_cmpstr (found, ==, last);
  ui_quit (&app);
}

int
main (int argc, char **argv)
{
  ui_init (&argc, &argv);
  data_dir = g_getenv ("STEER_DATA_DIR");
  g_assert_nonnull (data_dir);

  g_test_add_func ("/end-to-end/what is typed is answered, a slider moved in mid-reply changes what follows, and a "
                   "restart finds chat and preset again",
                   test_session);
  return g_test_run ();
}
