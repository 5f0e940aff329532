/* Whoever has no mouse comes to everything: Tab goes through a window and round to where it began, and every stop says
 * what it is. */
#include "ui-app.h"

#ifdef STEER_HAS_HUB
#include "hub-fake.h"
#endif

#define KEYSYM_TAB 0xff09
#define KEYSYM_BACK_TAB 0xfe20 /* Shift and Tab */
#define KEYSYM_RETURN 0xff0d
#define KEYSYM_HOME 0xff50
#define KEYSYM_LEFT 0xff51
#define KEYSYM_UP 0xff52
#define KEYSYM_RIGHT 0xff53
#define KEYSYM_DOWN 0xff54
#define KEYSYM_END 0xff57
#define KEYSYM_DELETE 0xffff

/* Fewer than the bundled features have rows: a list is one stop, and arrows go through it. */
#define MAX_STOPS 50

/* No window manager runs here: keys go to the window that the pointer is over, and the newest is on top. */
#define INSIDE_X 300
#define INSIDE_Y 300

/* A window that opens moves its focus about for a moment. */
#define SETTLED_MS 300

static GPtrArray *focused; /* (element-type Node): what has had the focus, the newest last */

static void
on_focused (AtspiEvent *event, gpointer data)
{
  if (event->detail1 == 1)
    g_ptr_array_add (focused, g_object_ref (event->source));
  g_boxed_free (ATSPI_TYPE_EVENT, event);
}

/* (transfer full) (nullable): below @root, which may be what everything else is below. */
static Node *
find_focused (Node *root)
{
  int n = atspi_accessible_get_child_count (root, NULL);

  for (int i = 0; i < n; i++)
    {
      g_autoptr (Node) child = atspi_accessible_get_child_at_index (root, i, NULL);
      Node *found = child != NULL && ui_has_state (child, ATSPI_STATE_VISIBLE) ? find_focused (child) : NULL;

      if (found != NULL)
        return found;
    }
  return ui_has_state (root, ATSPI_STATE_FOCUSED) ? g_object_ref (root) : NULL;
}

/* The program's window has the keys, or for @dialog another one of it. */
static gboolean
has_keys (App *app, gpointer dialog)
{
  g_autoptr (Node) application = atspi_accessible_get_parent (app->window, NULL);
  gboolean found = FALSE;
  int n;

  n = atspi_accessible_get_child_count (application, NULL);
  for (int i = 0; i < n && !found; i++)
    {
      g_autoptr (Node) window = atspi_accessible_get_child_at_index (application, i, NULL);
      g_autoptr (Node) node = NULL;

      if (window != NULL && (window != app->window) == GPOINTER_TO_INT (dialog))
        node = find_focused (window);
      found = node != NULL;
    }
  return found;
}

/* @n: how many have had it before. */
static gboolean
has_moved (App *app, gpointer n)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return focused->len > GPOINTER_TO_UINT (n);
}

static void
settle (App *app)
{
  gint64 end = g_get_monotonic_time () + SETTLED_MS * G_TIME_SPAN_MILLISECOND;

  while (g_get_monotonic_time () < end)
    {
      if (has_moved (app, GUINT_TO_POINTER (focused->len)))
        end = g_get_monotonic_time () + SETTLED_MS * G_TIME_SPAN_MILLISECOND;
      g_usleep (5000);
    }
  g_ptr_array_set_size (focused, 0);
}

static void
press (guint keysym)
{
  g_assert_true (atspi_generate_keyboard_event (keysym, NULL, ATSPI_KEY_SYM, NULL));
}

static void
press_with_control (guint keysym)
{
  const glong control = 1 << ATSPI_MODIFIER_CONTROL;

  g_assert_true (atspi_generate_keyboard_event (control, NULL, ATSPI_KEY_LOCKMODIFIERS, NULL));
  press (keysym);
  g_assert_true (atspi_generate_keyboard_event (control, NULL, ATSPI_KEY_UNLOCKMODIFIERS, NULL));
}

/* A key that moves the focus on. Returns what it came to. (transfer none) */
static Node *
move (App *app, guint keysym, const char *after)
{
  g_autofree char *what = g_strdup_printf ("the focus to go on from %s", after);
  guint n = focused->len;

  press (keysym);
  ui_wait_for (has_moved, app, GUINT_TO_POINTER (n), what);
  return g_ptr_array_index (focused, focused->len - 1);
}

static char *
describe (Node *node)
{
  g_autofree char *name = atspi_accessible_get_name (node, NULL);
  g_autofree char *role = atspi_accessible_get_role_name (node, NULL);

  g_assert_nonnull (name);
  g_assert_nonnull (role);
  if (*name == '\0')
    g_error ("a %s without a name has the focus", role);
  return g_strdup_printf ("%s: %s", role, name);
}

/* From here on keys go to the window, or to @dialog. */
static void
take_keys (App *app, gboolean dialog)
{
  g_assert_true (atspi_generate_mouse_event (INSIDE_X, INSIDE_Y, "abs", NULL));
  ui_wait_for (has_keys, app, GINT_TO_POINTER (dialog), "a focus");
  settle (app);
}

/* (transfer full) (element-type char *): what Tab stops at until it is where it first was, as "role: name". */
static GPtrArray *
walk (App *app, gboolean dialog)
{
  g_autofree char *after = g_strdup ("the beginning");
  GPtrArray *stops = g_ptr_array_new_with_free_func (g_free);
  Node *node;

  take_keys (app, dialog);
  do
    {
      node = move (app, KEYSYM_TAB, after);
      g_free (after);
      after = describe (node);
      g_test_message ("%s", after);
      g_assert_cmpuint (focused->len, <, MAX_STOPS);
    }
  while (focused->len == 1 || node != g_ptr_array_index (focused, 0));
  for (guint i = 0; i < focused->len; i++)
    g_ptr_array_add (stops, describe (g_ptr_array_index (focused, i)));
  return stops;
}

/* After walk(): the same stops the other way round. */
static void
assert_goes_back (App *app, GPtrArray *stops)
{
  g_autofree char *after = g_strdup (g_ptr_array_index (stops, stops->len - 1));

  /* The last stop is the first one again. */
  for (guint i = stops->len - 1; i-- > 0;)
    {
      g_free (after);
      after = describe (move (app, KEYSYM_BACK_TAB, g_ptr_array_index (stops, i + 1)));
      g_assert_cmpstr (after, ==, g_ptr_array_index (stops, i));
    }
}

/* Presses Tab until it stops at what @pattern describes. (transfer none) */
static Node *
tab_to (App *app, const char *pattern)
{
  take_keys (app, FALSE);
  for (guint i = 0; i < MAX_STOPS; i++)
    {
      Node *node = move (app, KEYSYM_TAB, pattern);
      g_autofree char *stop = describe (node);

      g_test_message ("%s", stop);
      if (g_pattern_match_simple (pattern, stop))
        return node;
    }
  g_error ("Tab does not come to %s", pattern);
}

/* Both ways. @patterns: as g_pattern_match_simple() takes them, in the order of the walk or any other. */
static void
assert_stops_at (App *app, gboolean dialog, const char *const *patterns)
{
  g_autoptr (GPtrArray) stops = walk (app, dialog);
  g_autoptr (GString) missed = g_string_new (NULL);

  for (guint i = 0; patterns[i] != NULL; i++)
    {
      gboolean met = FALSE;

      for (guint j = 0; j < stops->len && !met; j++)
        met = g_pattern_match_simple (patterns[i], g_ptr_array_index (stops, j));
      if (!met)
        g_string_append_printf (missed, "\n%s", patterns[i]);
    }
  if (missed->len > 0)
    g_error ("Tab does not come to:%s", missed->str);
  assert_goes_back (app, stops);
}

static gboolean
has_reply (App *app, gpointer data)
{
  return ui_is_there (app, &(Wanted){ ATSPI_ROLE_LABEL, "* tokens/s" });
}

static void
type (App *app, const char *text)
{
  g_autoptr (Node) entry = ui_wait_for_node (app, ATSPI_ROLE_TEXT, "Message");
  g_autoptr (NodeEditable) editable = atspi_accessible_get_editable_text_iface (entry);

  atspi_editable_text_set_text_contents (editable, text, NULL);
}

static void
test_window (void)
{
  static const char *const wanted[] = {
    "text: Message",
    "*: Send",
    "slider: Strength of The Eiffel Tower",
    "spin button: Strength of The Eiffel Tower",
    "*: Clamp The Eiffel Tower",
    "*: Use The Eiffel Tower",
    "*: Menu of The Eiffel Tower",
    "*: Label of The Eiffel Tower",
    "*: Add Feature…",
    "*: Preset Menu",
    "slider: All strengths",
    "*: Steering",
    "*: New Chat",
    "*: Search chats",
    "list item: The Eiffel Tower",
    "list item: How was your day?*",
    "*: Choose a Model",
    "*: Main Menu",
    NULL,
  };
  g_autofree char *preset = g_build_filename (g_getenv ("STEER_DATA_DIR"), "presets", "01-eiffel-tower.yaml", NULL);
  App app = { 0 };

  ui_start (&app, preset);
  type (&app, "How was your day?");
  ui_press (&app, "Send");
  ui_wait_for (has_reply, &app, NULL, "a reply");
  type (&app, "And tomorrow?"); /* an empty message cannot be sent */
  assert_stops_at (&app, FALSE, wanted);
  ui_quit (&app);
}

typedef struct
{
  Node *node;
  double value;
} Wish;

static gboolean
is_above (App *app, gpointer data)
{
  Wish *wish = data;

  return ui_get_value (wish->node) > wish->value;
}

static gboolean
is_below (App *app, gpointer data)
{
  Wish *wish = data;

  return ui_get_value (wish->node) < wish->value;
}

/* Returns the value after it. */
static double
press_on (App *app, Node *slider, guint keysym, gboolean (*condition) (App *app, gpointer data), const char *what)
{
  Wish wish = { slider, ui_get_value (slider) };

  press (keysym);
  ui_wait_for (condition, app, &wish, what);
  return ui_get_value (slider);
}

/* The slider of a strength: arrows are a step of it, Home and End its ends. */
static void
test_slider (void)
{
  g_autofree char *preset = g_build_filename (g_getenv ("STEER_DATA_DIR"), "presets", "01-eiffel-tower.yaml", NULL);
  double first, more, least, most;
  App app = { 0 };
  Node *slider;

  ui_start (&app, preset);
  slider = tab_to (&app, "slider: Strength of The Eiffel Tower");
  first = ui_get_value (slider);
  more = press_on (&app, slider, KEYSYM_RIGHT, is_above, "more strength");
  g_assert_cmpfloat_with_epsilon (press_on (&app, slider, KEYSYM_LEFT, is_below, "less strength"), first, 1e-6);
  g_assert_cmpfloat_with_epsilon (press_on (&app, slider, KEYSYM_UP, is_above, "more strength"), more, 1e-6);
  g_assert_cmpfloat_with_epsilon (press_on (&app, slider, KEYSYM_DOWN, is_below, "less strength"), first, 1e-6);
  least = press_on (&app, slider, KEYSYM_HOME, is_below, "the least strength");
  most = press_on (&app, slider, KEYSYM_END, is_above, "the most strength");
  g_assert_cmpfloat (least, <, first);
  g_assert_cmpfloat (most, >, more);
  g_assert_cmpfloat (more - first, <, 0.05 * (most - least)); /* a fine step */
  ui_quit (&app);
}

static gboolean
has_question (App *app, gpointer text)
{
  return ui_is_there (app, &(Wanted){ ATSPI_ROLE_LABEL, text });
}

/* The window is called after the chat. */
static gboolean
is_open (App *app, gpointer title)
{
  g_autofree char *name = atspi_accessible_get_name (app->window, NULL);

  return name != NULL && g_str_has_prefix (name, title);
}

/* In a chat of its own, which has no name before. */
static void
ask (App *app, const char *question)
{
  if (!is_open (app, (char *) "Steer Chat"))
    {
      ui_press (app, "New Chat");
      /* A button acts a quarter of a second after it was pressed so; words would go to the chat before. */
      ui_wait_for (is_open, app, (char *) "Steer Chat", "the new chat");
    }
  type (app, question);
  ui_press (app, "Send");
  ui_wait_for (has_question, app, (char *) question, question);
  ui_wait_for (has_reply, app, NULL, "a reply");
}

/* An arrow opens the chat that it comes to and stays in the list; Enter goes on to the message. */
static void
test_chat_list (void)
{
  g_autofree char *older = NULL, *newer = NULL, *entry = NULL;
  App app = { 0 };

  ui_start (&app, NULL);
  ask (&app, "The first question");
  ask (&app, "The second question");

  tab_to (&app, "entry: Search chats");
  move (&app, KEYSYM_TAB, "the search");
  press (KEYSYM_HOME);
  settle (&app);
  older = describe (move (&app, KEYSYM_DOWN, "the newest chat"));
  g_assert_cmpstr (older, ==, "list item: The first question");
  ui_wait_for (is_open, &app, (char *) "The first question", "the older chat");
  newer = describe (move (&app, KEYSYM_UP, older));
  g_assert_cmpstr (newer, ==, "list item: The second question");
  ui_wait_for (is_open, &app, (char *) "The second question", "the newer chat");
  entry = describe (move (&app, KEYSYM_RETURN, newer));
  g_assert_cmpstr (entry, ==, "text: Message");
  ui_quit (&app);
}

static gboolean
says (App *app, gpointer expected)
{
  g_autoptr (Node) entry = ui_find (app->window, ATSPI_ROLE_TEXT, "Message");
  g_autoptr (NodeText) text = entry != NULL ? atspi_accessible_get_text_iface (entry) : NULL;
  g_autofree char *found = text != NULL ? atspi_text_get_text (text, 0, -1, NULL) : NULL;

  return g_strcmp0 (found, expected) == 0;
}

static gboolean
is_listed (App *app, gpointer title)
{
  return ui_is_there (app, &(Wanted){ ATSPI_ROLE_LIST_ITEM, title });
}

static gboolean
is_not_listed (App *app, gpointer title)
{
  return !is_listed (app, title);
}

/* The keys that delete a word in a text delete a chat only where the chats are. */
static void
test_delete (void)
{
  App app = { 0 };

  ui_start (&app, NULL);
  ask (&app, "The third question");
  type (&app, "half a thought");
  tab_to (&app, "text: Message");
  press_with_control (KEYSYM_HOME);
  press_with_control (KEYSYM_DELETE);
  ui_wait_for (says, &app, (char *) " a thought", "a word less");
  g_assert_true (is_open (&app, (char *) "The third question"));
  g_assert_true (is_listed (&app, (char *) "The third question"));

  tab_to (&app, "list item: The third question");
  press_with_control (KEYSYM_DELETE);
  ui_wait_for (is_not_listed, &app, (char *) "The third question", "the chat to be deleted");
  ui_quit (&app);
}

static void
test_preferences (void)
{
  static const char *const wanted[] = {
    "page tab: Replies",  "page tab: Steering",
    "page tab: Sources",  "page tab: Model",
    "*: Search",          "*: System prompt of new chats",
    "push button: Reset", "spin button: Temperature",
    "spin button: Seed",  NULL,
  };
  App app = { 0 };

  ui_start (&app, NULL);
  ui_activate ("preferences", NULL);
  assert_stops_at (&app, TRUE, wanted);
  ui_quit (&app);
}

static void
test_add_feature (void)
{
  static const char *const wanted[] = {
    "*: Search features",
    "list item: Apples, layer 2*",
    "spin button: Layer",
    "spin button: Feature",
    "*: From a File",
    "*: From Examples",
    NULL,
  };
  g_autoptr (Node) panel = NULL;
  App app = { 0 };

  ui_start (&app, NULL);
  panel = ui_wait_for_node (&app, ATSPI_ROLE_PANEL, "Steering");
  ui_act (&app, panel, "steering.add-feature");
  assert_stops_at (&app, TRUE, wanted);
  ui_quit (&app);
}

static void
test_make_feature (void)
{
  static const char *const wanted[] = { "text: Name", "text: More Like This", "text: Less Like This", NULL };
  g_autoptr (Node) panel = NULL;
  App app = { 0 };

  ui_start (&app, NULL);
  panel = ui_wait_for_node (&app, ATSPI_ROLE_PANEL, "Steering");
  ui_act (&app, panel, "steering.make-feature");
  assert_stops_at (&app, TRUE, wanted);
  ui_quit (&app);
}

static gboolean
has_row (App *app, gpointer data)
{
  Node **found = data;

  *found = ui_find_acting (app->window, "feature.sweep");
  return *found != NULL;
}

/* A strength is proposed: there is something to be used. */
static gboolean
can_use (App *app, gpointer data)
{
  g_autoptr (Node) desktop = atspi_get_desktop (0);
  g_autoptr (Node) use = ui_find (desktop, ATSPI_ROLE_PUSH_BUTTON, "Use");

  return use != NULL && ui_has_state (use, ATSPI_STATE_SENSITIVE);
}

static void
test_sweep (void)
{
  static const char *const wanted[]
    = { "spin button: Strength", "push button: Use", "push button: Change What Is Tried", NULL };
  g_autofree char *preset = g_build_filename (g_getenv ("STEER_DATA_DIR"), "presets", "01-eiffel-tower.yaml", NULL);
  g_autoptr (Node) row = NULL;
  App app = { 0 };

  ui_start (&app, preset);
  ui_wait_for (has_row, &app, &row, "a row");
  ui_act (&app, row, "feature.sweep");
  ui_wait_for (can_use, &app, NULL, "a strength");
  assert_stops_at (&app, TRUE, wanted);
  ui_quit (&app);
}

#ifdef STEER_HAS_HUB
static gboolean
has_search (App *app, gpointer data)
{
  g_autoptr (Node) desktop = atspi_get_desktop (0);
  Node **found = data;

  *found = ui_find (desktop, ATSPI_ROLE_TEXT, "Search Hugging Face");
  return *found != NULL;
}

static gboolean
has_download (App *app, gpointer data)
{
  g_autoptr (Node) desktop = atspi_get_desktop (0);
  g_autoptr (Node) button = ui_find (desktop, ATSPI_ROLE_PUSH_BUTTON, "Download small-Q4_K_M");

  return button != NULL;
}

/* (transfer full): the search of the dialog. */
static Node *
open_get_models (App *app)
{
  Node *found = NULL;

  ui_start (app, NULL);
  ui_act (app, app->window, "win.get-models");
  ui_wait_for (has_search, app, &found, "the search of the Hub");
  return found;
}

static void
test_get_models (void)
{
  static const char *const wanted[]
    = { "*: Search Hugging Face", "list item: Llama 3.1 8B Instruct*", "list item: SmolLM2 1.7B Instruct*", NULL };
  g_autoptr (Node) search = NULL;
  App app = { 0 };

  search = open_get_models (&app);
  assert_stops_at (&app, TRUE, wanted);
  ui_quit (&app);
}

static void
test_repository (void)
{
  static const char *const wanted[]
    = { "*: Back", "list item: Open Its Page*", "push button: Download small-Q4_K_M", NULL };
  g_autoptr (HubFake) hub = hub_fake_new ();
  g_autoptr (Node) search = NULL;
  g_autoptr (NodeEditable) editable = NULL;
  App app = { 0 };

  hub_fake_add_file (hub, "owner/name", "small-Q4_K_M.gguf", "GGUF", 4, TRUE);
  g_setenv ("HF_ENDPOINT", hub_fake_get_endpoint (hub), TRUE);
  search = open_get_models (&app);
  editable = atspi_accessible_get_editable_text_iface (search);
  atspi_editable_text_set_text_contents (editable, "https://huggingface.co/owner/name", NULL);
  take_keys (&app, TRUE);
  press (KEYSYM_RETURN);
  ui_wait_for (has_download, &app, NULL, "a choice");
  assert_stops_at (&app, TRUE, wanted);
  ui_quit (&app);
  g_unsetenv ("HF_ENDPOINT");
}
#endif

int
main (int argc, char **argv)
{
  AtspiEventListener *listener;
  int failed;

  ui_init (&argc, &argv);
  focused = g_ptr_array_new_with_free_func (g_object_unref);
  listener = atspi_event_listener_new (on_focused, NULL, NULL);
  g_assert_true (atspi_event_listener_register (listener, "object:state-changed:focused", NULL));
  g_test_add_func ("/keyboard/tab goes through the window", test_window);
  g_test_add_func ("/keyboard/arrows move a slider", test_slider);
  g_test_add_func ("/keyboard/arrows go through the list of chats", test_chat_list);
  g_test_add_func ("/keyboard/the keys that delete a word delete a chat in the list alone", test_delete);
  g_test_add_func ("/keyboard/tab goes through the preferences", test_preferences);
  g_test_add_func ("/keyboard/tab goes through adding a feature", test_add_feature);
  g_test_add_func ("/keyboard/tab goes through a feature from examples", test_make_feature);
  g_test_add_func ("/keyboard/tab goes through a sweep", test_sweep);
#ifdef STEER_HAS_HUB
  g_test_add_func ("/keyboard/tab goes through getting models", test_get_models);
  g_test_add_func ("/keyboard/tab goes through a repository", test_repository);
#endif
  failed = g_test_run ();
  g_object_unref (listener);
  g_ptr_array_unref (focused);
  return failed;
}
