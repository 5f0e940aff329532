/* What a model thinks before it answers, as the transcript shows it. */
#include "steer-message-view.h"

#include <string.h>

#include "app-test-util.h"
#include "chat/chat-test-util.h"
#include "steer-thought-block.h"
#include "steer-transcript.h"
#include "test-util.h"

#define THOUGHT "<think>\nLet *me* see.\n\n- one\n\n```\nx = 3\n</think>\n\nPi is **3**."

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerChat *chat;
  SteerConversation *conversation;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = steer_workspace_new (f->settings, f->dir);
  f->chat = steer_chat_new (f->workspace);
  f->conversation = g_object_ref (steer_chat_get_conversation (f->chat));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->conversation);
  test_assert_finalizes (f->chat);
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

/* (transfer full) */
static GtkWidget *
view_message (Fixture *f, SteerMessage *message)
{
  return g_object_ref_sink (steer_message_view_new (f->chat, message, FALSE, TRUE));
}

/* As it is when a chat is opened again. (transfer full) */
static GtkWidget *
view_text (Fixture *f, SteerRole role, const char *text)
{
  return view_message (f, steer_conversation_append (f->conversation, role, text));
}

static GtkWidget *
view_reply (Fixture *f, SteerReply *reply)
{
  return view_message (f, steer_conversation_begin_reply (f->conversation, NULL, reply, 0, NULL));
}

static void
write_piece (GtkWidget *view, SteerReply *reply, const char *piece)
{
  test_reply_write (reply, piece, NULL);
  steer_message_view_flush (STEER_MESSAGE_VIEW (view));
}

static SteerThoughtBlock *
get_block (GtkWidget *view)
{
  return (SteerThoughtBlock *) app_test_find (view, STEER_TYPE_THOUGHT_BLOCK, NULL, NULL);
}

static GtkWidget *
get_header (GtkWidget *view)
{
  return app_test_find (GTK_WIDGET (get_block (view)), GTK_TYPE_BUTTON, NULL, NULL);
}

static void
append_line (GString *look, const char *text)
{
  g_string_append_printf (look, "%s%s", look->len > 0 ? "|" : "", text);
}

static void
append_look (GtkWidget *widget, GString *look)
{
  if (!gtk_widget_get_visible (widget))
    return;
  if (GTK_IS_SPINNER (widget))
    append_line (look, "waiting");
  if (GTK_IS_LABEL (widget) && *gtk_label_get_text (GTK_LABEL (widget)) != '\0')
    append_line (look, gtk_label_get_text (GTK_LABEL (widget)));
  if (gtk_widget_has_css_class (widget, "thought-body"))
    g_string_append (look, "{");
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    append_look (child, look);
  if (gtk_widget_has_css_class (widget, "thought-body"))
    g_string_append (look, "}");
}

/* What can be seen of the text, block by block; of an open thought in braces. */
static char *
dup_look (GtkWidget *view)
{
  GtkWidget *bubble = gtk_widget_get_first_child (gtk_widget_get_first_child (view));
  GString *look = g_string_new (NULL);

  while (!gtk_widget_has_css_class (bubble, "message-bubble"))
    bubble = gtk_widget_get_next_sibling (bubble);
  append_look (bubble, look);
  return g_string_free (look, FALSE);
}

#define assert_look(view, expected)                                                                                    \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    g_autofree char *look = dup_look (view);                                                                           \
    g_assert_cmpstr (look, ==, expected);                                                                              \
  }                                                                                                                    \
  G_STMT_END

/* A fence that was not closed in it ends with it. */
static void
test_streaming (Fixture *f, gconstpointer data)
{
  static const char *const steps[][2] = {
    { "<thi", "waiting" },
    { "nk>\n", "waiting" },
    { "Let *me*", "Thinking…{|Let me▍}" },
    { " see.\n\n- one", "Thinking…{|Let me see.|- one▍}" },
    { "\n\n```\nx = 3\n</thi", "Thinking…{|Let me see.|•|one|```\nx = 3\n▍}" },
    { "nk>", "Thought{|Let me see.|•|one|x = 3}" },
    { "\n\n", "Thought{|Let me see.|•|one|x = 3}" },
    { "Pi is **3**", "Thought{|Let me see.|•|one|x = 3}|Pi is 3▍" },
    { ".\n\nOr so", "Thought{|Let me see.|•|one|x = 3}|Pi is 3.|Or so▍" },
  };
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GtkWidget) view = view_reply (f, reply);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      write_piece (view, reply, steps[i][0]);
      assert_look (view, steps[i][1]);
    }
  test_reply_finish (reply, STEER_STOP_EOS);
  assert_look (view, "Thought{|Let me see.|•|one|x = 3}|Pi is 3.|Or so");
}

/* However few frames there were. */
static void
test_at_once (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GtkWidget) view = view_reply (f, reply);

  write_piece (view, reply, "<think>\nHm");
  test_reply_write (reply, ".\n\nSo.\n</think>\n\nPi", NULL);
  test_reply_finish (reply, STEER_STOP_EOS);
  assert_look (view, "Thought{|Hm.|So.}|Pi");
}

static void
assert_header (GtkWidget *view, const char *name, gboolean expanded)
{
  GtkWidget *header = get_header (view);

  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (header), GTK_ACCESSIBLE_PROPERTY_LABEL, name);
  gtk_test_accessible_assert_state (GTK_ACCESSIBLE (header), GTK_ACCESSIBLE_STATE_EXPANDED, expanded);
}

static void
click (GtkWidget *view)
{
  g_signal_emit_by_name (get_header (view), "clicked");
}

/* The person's choice outlives what is written; what was written behind it is there. */
static void
test_choice (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GtkWidget) view = view_reply (f, reply);

  write_piece (view, reply, "<think>\nHm");
  assert_header (view, "Thinking…", TRUE);
  click (view);
  assert_header (view, "Thinking…", FALSE);
  write_piece (view, reply, ", so.\n\nYes");
  assert_look (view, "Thinking…");
  write_piece (view, reply, "</think>Pi");
  assert_header (view, "Thought", FALSE);
  assert_look (view, "Thought|Pi▍");
  test_reply_finish (reply, STEER_STOP_EOS);
  click (view);
  assert_look (view, "Thought{|Hm, so.|Yes}|Pi");
}

/* The views of messages beyond the edges are given to others. */
static void
test_another_view (Fixture *f, gconstpointer data)
{
  SteerMessage *message = steer_conversation_append (f->conversation, STEER_ROLE_ASSISTANT, THOUGHT);
  g_autoptr (GtkWidget) first = view_message (f, message);
  g_autoptr (GtkWidget) second = NULL, third = NULL;

  click (first);
  second = view_message (f, message);
  assert_header (second, "Thought", TRUE);
  click (second);
  third = view_message (f, message);
  assert_header (third, "Thought", FALSE);
}

static void
test_whole (Fixture *f, gconstpointer data)
{
  g_autoptr (GtkWidget) view = view_text (f, STEER_ROLE_ASSISTANT, THOUGHT);

  assert_look (view, "Thought|Pi is 3.");
  assert_header (view, "Thought", FALSE);
  g_assert_null (gtk_widget_get_first_child (GTK_WIDGET (steer_thought_block_get_blocks (get_block (view)))));
  for (guint i = 0; i < 2; i++)
    {
      click (view);
      assert_look (view, "Thought{|Let me see.|•|one|x = 3}|Pi is 3.");
      assert_header (view, "Thought", TRUE);
      click (view);
      assert_look (view, "Thought|Pi is 3.");
      assert_header (view, "Thought", FALSE);
    }
}

static void
test_empty (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GtkWidget) whole = view_text (f, STEER_ROLE_ASSISTANT, "<think>\n\n</think>\n\nPi");
  g_autoptr (GtkWidget) view = view_reply (f, reply);
  static const char *const pieces[] = { "<think>", "\n\n", "</think>", "\n\n" };

  assert_look (whole, "Pi");
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      write_piece (view, reply, pieces[i]);
      assert_look (view, "waiting");
    }
  write_piece (view, reply, "Pi");
  assert_look (view, "Pi▍");
  test_reply_finish (reply, STEER_STOP_EOS);
  assert_look (view, "Pi");
}

/* Opened again it is open: there is nothing else to be seen. */
static void
test_stopped (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GtkWidget) view = view_reply (f, reply);
  g_autoptr (GtkWidget) again = NULL;

  write_piece (view, reply, "<think>\nHm.\n\nSo");
  test_reply_finish (reply, STEER_STOP_CANCELLED);
  assert_look (view, "Thought{|Hm.|So}");
  again = view_message (f, steer_message_view_get_message (STEER_MESSAGE_VIEW (view)));
  assert_look (again, "Thought{|Hm.|So}");
}

static void
test_text (Fixture *f, gconstpointer data)
{
  g_autoptr (GtkWidget) question = view_text (f, STEER_ROLE_USER, "<think>a</think>b");
  g_autoptr (GtkWidget) later = view_text (f, STEER_ROLE_ASSISTANT, "See <think>a</think>b");
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GtkWidget) half = view_reply (f, reply);

  assert_look (question, "<think>a</think>b");
  assert_look (later, "See <think>a</think>b");
  write_piece (half, reply, "<thi");
  test_reply_finish (reply, STEER_STOP_CANCELLED);
  assert_look (half, "<thi");
}

/* What is finished of a thought is never made again. */
static void
test_blocks_stay (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (GtkWidget) view = view_reply (f, reply);
  GtkWidget *blocks, *first, *last;

  write_piece (view, reply, "<think>\nOne.\n\nTwo.\n\nThree.");
  blocks = GTK_WIDGET (steer_thought_block_get_blocks (get_block (view)));
  first = gtk_widget_get_first_child (blocks);
  g_assert_nonnull (first);
  write_piece (view, reply, "\n</think>\n\n");
  last = gtk_widget_get_last_child (blocks);
  for (guint i = 0; i < 20; i++)
    write_piece (view, reply, "Four.\n\n");
  test_reply_finish (reply, STEER_STOP_EOS);
  g_assert_true (gtk_widget_get_first_child (blocks) == first);
  g_assert_true (gtk_widget_get_last_child (blocks) == last);
}

static const char *
find_markup (GtkWidget *view, const char *text)
{
  GtkWidget *found = NULL;
  GPtrArray *labels = g_ptr_array_new ();

  g_ptr_array_add (labels, view);
  for (guint i = 0; i < labels->len && found == NULL; i++)
    {
      GtkWidget *widget = g_ptr_array_index (labels, i);

      if (GTK_IS_LABEL (widget) && g_str_has_prefix (gtk_label_get_text (GTK_LABEL (widget)), text))
        found = widget;
      for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
           child = gtk_widget_get_next_sibling (child))
        g_ptr_array_add (labels, child);
    }
  g_ptr_array_unref (labels);
  g_assert_nonnull (found);
  return gtk_label_get_label (GTK_LABEL (found));
}

static void
assert_marked (GtkWidget *view, const char *text, const char *plain, const char *steered)
{
  const char *markup = find_markup (view, text);
  g_autofree char *marked = g_strdup_printf (">%s</span>", steered);

  g_assert_true (g_str_has_prefix (markup, plain));
  g_assert_nonnull (strstr (markup, marked));
}

/* By the bytes of the whole message: while it is written, and when it is made anew. */
static void
test_marks (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerPlan) plan = test_plan_new (8.5f, STEER_MODE_CLAMP);
  g_autoptr (GtkWidget) view = view_reply (f, reply);
  g_autoptr (GtkWidget) again = NULL;

  test_reply_write (reply, "<think>\n\nFirst ", NULL);
  test_reply_write (reply, "steered", plan);
  steer_message_view_flush (STEER_MESSAGE_VIEW (view));
  assert_marked (view, "First steered", "First <span", "steered");
  test_reply_write (reply, "</think>\n\n", NULL);
  test_reply_write (reply, "Second ", NULL);
  test_reply_write (reply, "too", plan);
  steer_message_view_flush (STEER_MESSAGE_VIEW (view));
  assert_marked (view, "First steered", "First <span", "steered");
  assert_marked (view, "Second too", "Second <span", "too");
  test_reply_finish (reply, STEER_STOP_EOS);

  again = view_message (f, steer_message_view_get_message (STEER_MESSAGE_VIEW (view)));
  click (again);
  assert_marked (again, "First steered", "First <span", "steered");
  assert_marked (again, "Second too", "Second <span", "too");
}

static void
assert_copied (Fixture *f, const char *reply, const char *expected)
{
  g_autoptr (GtkWidget) view = view_text (f, STEER_ROLE_ASSISTANT, reply);
  g_auto (GValue) value = G_VALUE_INIT;

  gtk_widget_activate_action (view, "message.copy", NULL);
  g_value_init (&value, G_TYPE_STRING);
  g_assert_true (
    gdk_content_provider_get_value (gdk_clipboard_get_content (gtk_widget_get_clipboard (view)), &value, NULL));
  g_assert_cmpstr (g_value_get_string (&value), ==, expected);
}

static void
test_copy (Fixture *f, gconstpointer data)
{
  assert_copied (f, THOUGHT, "Pi is **3**.");
  assert_copied (f, "<think>\nHm.", "Hm.");
}

/* Words as the search of chats takes them: beginnings, whatever their case. */
static void
test_found (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *words;
    gboolean opens;
  } cases[] = { { NULL, FALSE }, { "pi", FALSE }, { "LET", TRUE }, { "pi le", TRUE }, { "", FALSE } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GtkWidget) view = view_text (f, STEER_ROLE_ASSISTANT, THOUGHT);

      steer_message_view_reveal (STEER_MESSAGE_VIEW (view), cases[i].words);
      g_assert_true (steer_thought_block_get_open (get_block (view)) == cases[i].opens);
    }
}

static double
get_top (GtkWidget *widget, GtkWidget *transcript)
{
  double y;

  g_assert_true (gtk_widget_translate_coordinates (widget, transcript, 0, 0, NULL, &y));
  return y;
}

/* At the end of a chat, which else stays in sight; and once it is closed, the end does so again. */
static void
test_place (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) text = g_string_new ("<think>\n");
  GtkWidget *transcript = steer_transcript_new (f->chat);
  GtkWindow *window = app_test_show (transcript, 600, 500);
  GtkWidget *to_end = app_test_find (transcript, GTK_TYPE_REVEALER, NULL, NULL);
  GtkWidget *header;
  double top;

  for (guint i = 0; i < 40; i++)
    g_string_append_printf (text, "Paragraph %u.\n\n", i);
  g_string_append (text, "</think>\n\nPi");
  for (guint i = 0; i < 6; i++)
    steer_conversation_append (f->conversation, STEER_ROLE_USER, "A\nquestion\nof\nlines");
  steer_conversation_append (f->conversation, STEER_ROLE_ASSISTANT, text->str);
  app_test_settle ();
  header = get_header (transcript);
  top = get_top (header, transcript);
  g_assert_cmpfloat (top, >, 250);
  click (transcript);
  app_test_settle ();
  g_assert_cmpfloat_with_epsilon (get_top (header, transcript), top, 1.0);
  g_assert_true (gtk_revealer_get_reveal_child (GTK_REVEALER (to_end)));
  click (transcript);
  app_test_settle ();
  g_assert_cmpfloat_with_epsilon (get_top (header, transcript), top, 1.0);
  g_assert_false (gtk_revealer_get_reveal_child (GTK_REVEALER (to_end)));
  steer_conversation_append (f->conversation, STEER_ROLE_USER, "More");
  app_test_settle ();
  g_assert_cmpfloat (get_top (header, transcript), <, top);
  gtk_window_destroy (window);
}

/* What is announced is the answer. Tab reaches the line above a thought. */
static void
test_transcript (Fixture *f, gconstpointer data)
{
  GtkWidget *transcript = steer_transcript_new (f->chat);
  GtkWindow *window = app_test_show (transcript, 600, 500);
  SteerMessage *message = steer_conversation_append (f->conversation, STEER_ROLE_ASSISTANT, THOUGHT);
  GtkWidget *view;

  app_test_settle ();
  view = app_test_find (transcript, STEER_TYPE_MESSAGE_VIEW, NULL, NULL);
  gtk_window_set_focus (window, NULL);
  g_assert_true (gtk_widget_child_focus (view, GTK_DIR_TAB_FORWARD));
  g_assert_true (gtk_window_get_focus (window) == get_header (view));
  g_signal_emit_by_name (f->chat, "replied", f->conversation, message);
  g_assert_nonnull (app_test_find (transcript, GTK_TYPE_LABEL, "label", "Pi is **3**."));
  gtk_window_destroy (window);
}

#define ADD(name, function) g_test_add ("/thoughts/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
  ADD ("a-thought-is-seen-as-it-is-written", test_streaming);
  ADD ("a-thought-may-end-between-two-frames", test_at_once);
  ADD ("it-stays-open-or-closed-as-the-person-has-it", test_choice);
  ADD ("another-view-has-it-as-the-person-does", test_another_view);
  ADD ("it-is-closed-when-a-chat-is-opened-again", test_whole);
  ADD ("an-empty-thought-is-not-seen", test_empty);
  ADD ("of-a-reply-stopped-in-mid-thought-one-sees-that", test_stopped);
  ADD ("other-tags-are-text", test_text);
  ADD ("the-answer-leaves-the-thought-alone", test_blocks_stay);
  ADD ("marks-are-where-the-strengths-were", test_marks);
  ADD ("copy-takes-the-answer", test_copy);
  ADD ("what-is-looked-for-opens-it", test_found);
  ADD ("it-opens-downwards", test_place);
  ADD ("it-is-reached-by-tab-and-not-announced", test_transcript);
  return g_test_run ();
}
