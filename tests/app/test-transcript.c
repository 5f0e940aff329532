#include "steer-transcript.h"

#include <string.h>

#include "app-test-util.h"
#include "chat/chat-test-util.h"
#include "steer-compare-view.h"
#include "steer-message-view.h"
#include "steer-transcript-closures.h"
#include "test-util.h"

typedef struct
{
  char *dir;
  GSettings *settings;
  SteerWorkspace *workspace;
  SteerChat *chat;
  SteerConversation *conversation;
  GtkWidget *transcript;
  GtkWindow *window;
  AdwToast *toast;           /* the last one */
  SteerConversation *branch; /* the last one */
} Fixture;

static void
on_toast (Fixture *f, AdwToast *toast)
{
  g_set_object (&f->toast, toast);
}

static void
on_branched (Fixture *f, SteerConversation *branch)
{
  g_set_object (&f->branch, branch);
}

static void
set_up (Fixture *f, gconstpointer max_tokens)
{
  f->dir = test_make_dir ();
  f->settings = app_test_settings ();
  f->workspace = max_tokens != NULL ? app_test_workspace (f->settings, f->dir, GPOINTER_TO_UINT (max_tokens))
                                    : steer_workspace_new (f->settings, f->dir);
  f->chat = steer_chat_new (f->workspace);
  f->conversation = g_object_ref (steer_chat_get_conversation (f->chat));
  f->transcript = steer_transcript_new (f->chat);
  g_signal_connect_swapped (f->transcript, "toast", G_CALLBACK (on_toast), f);
  g_signal_connect_swapped (f->transcript, "branched", G_CALLBACK (on_branched), f);
  f->window = app_test_show (f->transcript, 700, 600);
}

static gboolean
is_idle (gpointer chat)
{
  return !steer_chat_get_writing (chat);
}

static void
tear_down (Fixture *f, gconstpointer max_tokens)
{
  gtk_window_destroy (f->window);
  steer_chat_stop_all (f->chat);
  test_wait_until (is_idle, f->chat, 30);
  g_clear_object (&f->toast);
  g_clear_object (&f->branch);
  g_clear_object (&f->conversation);
  app_test_settle ();
  test_assert_finalizes (f->chat);
  test_assert_finalizes (f->workspace);
  g_clear_object (&f->settings);
  test_remove_dir (f->dir);
}

static void
fill (Fixture *f, guint n_messages)
{
  for (guint i = 0; i < n_messages; i++)
    {
      g_autofree char *text
        = g_strdup_printf ("Message %u.\n\nIt has a second paragraph, which is longer than the first.", i);

      steer_conversation_append (f->conversation, i % 2 == 0 ? STEER_ROLE_USER : STEER_ROLE_ASSISTANT, text);
    }
  app_test_settle ();
}

static void
collect (GtkWidget *widget, GType type, GPtrArray *found)
{
  if (g_type_is_a (G_OBJECT_TYPE (widget), type))
    g_ptr_array_add (found, widget);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    collect (child, type, found);
}

/* (element-type SteerMessageView): without those whose place is hidden, which are on their way out. */
static GPtrArray *
list_views (Fixture *f)
{
  GPtrArray *views = g_ptr_array_new ();

  collect (f->transcript, STEER_TYPE_MESSAGE_VIEW, views);
  for (guint i = views->len; i > 0; i--)
    if (!gtk_widget_get_visible (gtk_widget_get_parent (g_ptr_array_index (views, i - 1))))
      g_ptr_array_remove_index (views, i - 1);
  return views;
}

static guint
count_views (Fixture *f)
{
  g_autoptr (GPtrArray) views = list_views (f);

  return views->len;
}

static SteerMessageView *
get_view (Fixture *f, guint index)
{
  g_autoptr (GPtrArray) views = list_views (f);

  g_assert_cmpuint (index, <, views->len);
  return g_ptr_array_index (views, index);
}

static const char *
get_text (SteerMessageView *view)
{
  return steer_message_get_text (steer_message_view_get_message (view));
}

static gboolean
shows (GtkWidget *root, const char *text)
{
  return app_test_find (root, GTK_TYPE_LABEL, "label", text) != NULL;
}

static GtkAdjustment *
get_adjustment (Fixture *f)
{
  GtkWidget *scrolled = app_test_find (f->transcript, GTK_TYPE_SCROLLED_WINDOW, NULL, NULL);

  return gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (scrolled));
}

/* As the adjustment has it; and what is on the screen must agree with it. */
static double
get_distance_to_end (Fixture *f)
{
  GtkAdjustment *adjustment = get_adjustment (f);
  GtkWidget *scrolled = app_test_find (f->transcript, GTK_TYPE_SCROLLED_WINDOW, NULL, NULL);
  GtkWidget *column = app_test_find (scrolled, ADW_TYPE_CLAMP, NULL, NULL);
  double y, distance = gtk_adjustment_get_upper (adjustment) - gtk_adjustment_get_page_size (adjustment)
                       - gtk_adjustment_get_value (adjustment);

  g_assert_true (gtk_widget_translate_coordinates (column, scrolled, 0, gtk_widget_get_height (column), NULL, &y));
  g_assert_cmpfloat_with_epsilon (y - gtk_widget_get_height (scrolled), distance, 1.0);
  return distance;
}

static void
test_newest_first (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) views = NULL;

  fill (f, 300);
  steer_transcript_scroll_to_end (STEER_TRANSCRIPT (f->transcript));
  app_test_settle ();
  views = list_views (f);
  g_assert_cmpuint (views->len, >=, 20);
  g_assert_cmpuint (views->len, <=, 64);
  g_assert_true (g_str_has_prefix (get_text (g_ptr_array_index (views, views->len - 1)), "Message 299."));
  g_assert_cmpfloat (get_distance_to_end (f), <, 1.0);
}

static void
test_scrolling_up (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) empty = steer_conversation_new ();
  GtkAdjustment *adjustment = get_adjustment (f);
  guint before;

  fill (f, 100);
  /* As it is when it is opened. */
  steer_chat_set_conversation (f->chat, empty);
  steer_chat_set_conversation (f->chat, f->conversation);
  app_test_settle ();
  before = count_views (f);
  g_assert_cmpuint (before, <, 60);
  for (guint i = 0; i < 40 && count_views (f) < 100; i++)
    {
      gtk_adjustment_set_value (adjustment, 0.0);
      app_test_settle ();
    }
  g_assert_cmpuint (count_views (f), ==, 100);
  g_assert_true (g_str_has_prefix (get_text (get_view (f, 0)), "Message 0."));
}

typedef struct
{
  Fixture *fixture;
  guint n_frames;
  guint n_in_first; /* views there after the first frame */
} Frames;

static void
on_after_paint (Frames *frames)
{
  if (frames->n_frames++ == 0)
    frames->n_in_first = count_views (frames->fixture);
}

static gboolean
has_filled (gpointer data)
{
  Frames *frames = data;

  return frames->n_frames > 1 && count_views (frames->fixture) >= 20;
}

/* What is made when a chat is opened is enough for the first frame to lay out; what lies above comes in later ones. */
static void
test_first_frame (Fixture *f, gconstpointer data)
{
  GdkFrameClock *clock = gtk_widget_get_frame_clock (f->transcript);
  g_autoptr (SteerConversation) empty = steer_conversation_new ();
  Frames frames = { f };
  guint n_made;

  fill (f, 100);
  steer_chat_set_conversation (f->chat, empty);
  app_test_settle ();
  steer_chat_set_conversation (f->chat, f->conversation);
  n_made = count_views (f);
  g_assert_cmpuint (n_made, >, 0);
  g_signal_connect_swapped (clock, "after-paint", G_CALLBACK (on_after_paint), &frames);
  test_wait_until (has_filled, &frames, 30);
  g_assert_cmpuint (frames.n_in_first, ==, n_made);
  g_signal_handlers_disconnect_by_data (clock, &frames);
}

/* What is read stays under the eye while more is put above it. */
static void
test_place_is_kept (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) empty = steer_conversation_new ();
  GtkAdjustment *adjustment = get_adjustment (f);
  g_autoptr (GPtrArray) views = NULL;
  GtkWidget *seen;
  double before, after, x;
  guint n_before;

  fill (f, 100);
  steer_chat_set_conversation (f->chat, empty);
  steer_chat_set_conversation (f->chat, f->conversation);
  app_test_settle ();
  views = list_views (f);
  n_before = views->len;
  seen = g_ptr_array_index (views, 5);
  gtk_adjustment_set_value (adjustment, 300.0);
  gtk_widget_translate_coordinates (seen, gtk_widget_get_ancestor (seen, ADW_TYPE_CLAMP), 0, 0, &x, &before);
  before -= gtk_adjustment_get_value (adjustment);
  app_test_settle ();
  g_assert_cmpuint (count_views (f), >, n_before);
  gtk_widget_translate_coordinates (seen, gtk_widget_get_ancestor (seen, ADW_TYPE_CLAMP), 0, 0, &x, &after);
  after -= gtk_adjustment_get_value (adjustment);
  g_assert_cmpfloat_with_epsilon (before, after, 2.0);
}

static void
test_streaming (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  SteerMessageView *view;

  fill (f, 11);
  steer_conversation_begin_reply (f->conversation, NULL, reply, 0, "Preset");
  app_test_settle ();
  view = get_view (f, count_views (f) - 1);
  g_assert_nonnull (app_test_find (GTK_WIDGET (view), GTK_TYPE_SPINNER, NULL, NULL));
  test_reply_write (reply, "# Title\n\nA **bold** wo", NULL);
  steer_message_view_flush (view);
  g_assert_null (app_test_find (GTK_WIDGET (view), GTK_TYPE_SPINNER, NULL, NULL));
  g_assert_nonnull (app_test_find (GTK_WIDGET (view), GTK_TYPE_LABEL, "css-name", "label"));
  test_reply_write (reply, "rd\n\nThe next", NULL);
  app_test_settle ();
  g_assert_cmpfloat (get_distance_to_end (f), <, 1.0);
  test_reply_finish (reply, STEER_STOP_EOS);
  app_test_settle ();
  g_assert_true (shows (GTK_WIDGET (view), "A <b>bold</b> word"));
  g_assert_true (shows (GTK_WIDGET (view), "The next"));
  g_assert_true (shows (GTK_WIDGET (view), "2 tokens"));
  g_assert_cmpfloat (get_distance_to_end (f), <, 1.0);
}

/* The box of a reply's blocks is empty, and hidden, until the first of them is finished. */
static void
test_height (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  GtkWidget *view, *label;

  steer_conversation_append (f->conversation, STEER_ROLE_USER, "Hello.");
  steer_conversation_begin_reply (f->conversation, NULL, reply, 0, NULL);
  app_test_settle ();
  view = GTK_WIDGET (get_view (f, 1));
  test_reply_write (reply, "One line.", NULL);
  steer_message_view_flush (STEER_MESSAGE_VIEW (view));
  app_test_settle ();
  test_reply_finish (reply, STEER_STOP_EOS);
  app_test_settle ();
  label = app_test_find (view, GTK_TYPE_LABEL, "label", "One line.");
  g_assert_nonnull (label);
  g_assert_cmpint (gtk_widget_get_height (label), >, 8);
  g_assert_cmpint (gtk_widget_get_height (gtk_widget_get_parent (label)), >=, gtk_widget_get_height (label));
}

/* A long block is a text view meanwhile; finished, it is the same widgets as any other. */
static void
test_streaming_long (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerPlan) plan = test_plan_new (8.5f, STEER_MODE_CLAMP);
  g_autoptr (GString) expected = g_string_new (NULL);
  SteerMessageView *view;
  GtkWidget *tail;
  GtkTextIter start, end;
  g_autofree char *shown = NULL;

  steer_conversation_begin_reply (f->conversation, NULL, reply, 0, NULL);
  view = get_view (f, 0);
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *words = g_strdup_printf ("word %u and some more, ", i);

      test_reply_write (reply, words, i % 2 == 0 ? plan : NULL);
      g_string_append (expected, words);
    }
  steer_message_view_flush (view);
  tail = app_test_find (GTK_WIDGET (view), GTK_TYPE_TEXT_VIEW, NULL, NULL);
  g_assert_nonnull (tail);
  gtk_text_buffer_get_bounds (gtk_text_view_get_buffer (GTK_TEXT_VIEW (tail)), &start, &end);
  gtk_text_iter_backward_char (&end);
  shown = gtk_text_iter_get_text (&start, &end);
  g_assert_cmpstr (shown, ==, expected->str);
  test_reply_finish (reply, STEER_STOP_EOS);
  g_assert_null (app_test_find (GTK_WIDGET (view), GTK_TYPE_TEXT_VIEW, NULL, NULL));
}

static void
test_reader_is_left_alone (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  GtkAdjustment *adjustment = get_adjustment (f);
  double value;

  fill (f, 30);
  steer_transcript_scroll_to_end (STEER_TRANSCRIPT (f->transcript));
  app_test_settle ();
  steer_conversation_begin_reply (f->conversation, NULL, reply, 0, NULL);
  value = gtk_adjustment_get_value (adjustment) - 400.0;
  gtk_adjustment_set_value (adjustment, value);
  app_test_settle ();
  value = gtk_adjustment_get_value (adjustment);
  for (guint i = 0; i < 10; i++)
    {
      test_reply_write (reply, "one more paragraph\n\n", NULL);
      app_test_settle ();
    }
  g_assert_cmpfloat_with_epsilon (gtk_adjustment_get_value (adjustment), value, 1.0);
  /* Going back to the end is staying there. */
  gtk_widget_activate_action (f->transcript, "transcript.scroll-to-end", NULL);
  test_reply_write (reply, "and more\n\nand more\n\nand more", NULL);
  app_test_settle ();
  g_assert_cmpfloat (get_distance_to_end (f), <, 1.0);
  test_reply_finish (reply, STEER_STOP_EOS);
}

static void
test_delete (Fixture *f, gconstpointer data)
{
  fill (f, 6);
  gtk_widget_activate_action (GTK_WIDGET (get_view (f, 3)), "message.delete", NULL);
  app_test_settle ();
  g_assert_cmpuint (count_views (f), ==, 3);
  g_assert_cmpstr (adw_toast_get_button_label (f->toast), ==, "_Undo");
  g_signal_emit_by_name (f->toast, "button-clicked");
  app_test_settle ();
  g_assert_cmpuint (count_views (f), ==, 6);
  g_assert_true (g_str_has_prefix (get_text (get_view (f, 5)), "Message 5."));
}

static void
test_alternatives (Fixture *f, gconstpointer data)
{
  fill (f, 4);
  steer_conversation_edit (f->conversation, steer_message_view_get_message (get_view (f, 1)), "Other");
  app_test_settle ();
  g_assert_cmpuint (count_views (f), ==, 2);
  g_assert_true (shows (GTK_WIDGET (get_view (f, 1)), "2/2"));
  gtk_widget_activate_action (GTK_WIDGET (get_view (f, 1)), "message.next-alternative", NULL);
  app_test_settle ();
  g_assert_cmpuint (count_views (f), ==, 4);
  g_assert_true (shows (GTK_WIDGET (get_view (f, 1)), "1/2"));
  gtk_widget_activate_action (GTK_WIDGET (get_view (f, 1)), "message.previous-alternative", NULL);
  app_test_settle ();
  g_assert_cmpstr (get_text (get_view (f, 1)), ==, "Other");
}

/* Switching far up shows that place, and does not build all that follows it. */
static void
test_long_alternative (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerMessage) old = NULL;
  SteerMessage *first;

  fill (f, 200);
  old = g_list_model_get_item (G_LIST_MODEL (f->conversation), 0);
  first = steer_conversation_edit (f->conversation, old, "Other");
  app_test_settle ();
  g_assert_cmpuint (count_views (f), ==, 1);
  steer_conversation_select_alternative (f->conversation, first, 0);
  app_test_settle ();
  g_assert_cmpuint (count_views (f), <, 100);
  g_assert_true (g_str_has_prefix (get_text (get_view (f, 0)), "Message 0."));
  steer_transcript_scroll_to_end (STEER_TRANSCRIPT (f->transcript));
  app_test_settle ();
  g_assert_cmpuint (count_views (f), <, 100);
  g_assert_true (g_str_has_prefix (get_text (get_view (f, count_views (f) - 1)), "Message 199."));
  g_assert_cmpfloat (get_distance_to_end (f), <, 1.0);
}

static void
test_branch (Fixture *f, gconstpointer data)
{
  fill (f, 4);
  gtk_widget_activate_action (GTK_WIDGET (get_view (f, 1)), "message.branch", NULL);
  g_assert_nonnull (f->branch);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (f->branch)), ==, 2);
}

static void
test_edit (Fixture *f, gconstpointer data)
{
  SteerMessageView *view;
  GtkWidget *entry;

  fill (f, 2);
  view = get_view (f, 1);
  gtk_widget_activate_action (GTK_WIDGET (view), "message.edit", NULL);
  entry = app_test_find (GTK_WIDGET (view), GTK_TYPE_TEXT_VIEW, NULL, NULL);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, "Edited Message");
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (GTK_TEXT_VIEW (entry)), "Changed", -1);
  g_signal_emit_by_name (app_test_find (GTK_WIDGET (view), GTK_TYPE_BUTTON, "label", "_Cancel"), "clicked");
  g_assert_cmpuint (steer_message_get_n_alternatives (steer_message_view_get_message (view)), ==, 1);

  gtk_widget_activate_action (GTK_WIDGET (view), "message.edit", NULL);
  entry = app_test_find (GTK_WIDGET (view), GTK_TYPE_TEXT_VIEW, NULL, NULL);
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (GTK_TEXT_VIEW (entry)), "Changed", -1);
  g_signal_emit_by_name (app_test_find (GTK_WIDGET (view), GTK_TYPE_BUTTON, "label", "_Save"), "clicked");
  app_test_settle ();
  g_assert_cmpstr (get_text (get_view (f, 1)), ==, "Changed");
  g_assert_true (shows (GTK_WIDGET (get_view (f, 1)), "2/2"));
}

static gboolean
is_later (gpointer data)
{
  return g_get_monotonic_time () >= *(gint64 *) data;
}

/* Its message may go while it is open. */
static void
test_menu (Fixture *f, gconstpointer data)
{
  GtkWidget *view, *menu;
  gint64 later;

  fill (f, 2);
  view = GTK_WIDGET (get_view (f, 1));
  g_signal_emit_by_name (app_test_find (view, GTK_TYPE_BUTTON, "tooltip-text", "More"), "clicked");
  app_test_settle ();
  menu = app_test_find (view, GTK_TYPE_POPOVER_MENU, NULL, NULL);
  g_assert_nonnull (menu);
  g_assert_true (gtk_widget_get_visible (menu));
  gtk_widget_activate_action (view, "message.delete", NULL);
  app_test_settle ();
  g_assert_false (gtk_widget_get_mapped (view));
  later = g_get_monotonic_time () + 3 * G_USEC_PER_SEC / 2;
  test_wait_until (is_later, &later, 5);
  g_assert_cmpuint (count_views (f), ==, 1);
}

static gboolean
is_writing (gpointer chat)
{
  return steer_chat_get_writing (chat);
}

static void
test_stop (Fixture *f, gconstpointer data)
{
  steer_chat_send (f->chat, "Hello");
  test_wait_until (is_writing, f->chat, 30);
  gtk_widget_activate_action (f->transcript, "transcript.stop", NULL);
  test_wait_until (is_idle, f->chat, 30);
}

static void
test_copy (Fixture *f, gconstpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  fill (f, 2);
  /* Without a message in focus, the last one is meant. */
  gtk_widget_activate_action (f->transcript, "transcript.copy", NULL);
  g_value_init (&value, G_TYPE_STRING);
  g_assert_true (gdk_content_provider_get_value (gdk_clipboard_get_content (gtk_widget_get_clipboard (f->transcript)),
                                                 &value, NULL));
  g_assert_cmpstr (g_value_get_string (&value), ==, get_text (get_view (f, 1)));
}

static gboolean
has_announcement (gpointer data)
{
  Fixture *f = data;
  GtkWidget *label = app_test_find (f->transcript, GTK_TYPE_LABEL, "css-name", "label");

  return label != NULL && is_idle (f->chat);
}

static GtkWidget *
find_announcement (Fixture *f)
{
  g_autoptr (GPtrArray) labels = g_ptr_array_new ();

  collect (f->transcript, GTK_TYPE_LABEL, labels);
  for (guint i = 0; i < labels->len; i++)
    {
      GtkWidget *label = g_ptr_array_index (labels, i);

      if (gtk_accessible_get_accessible_role (GTK_ACCESSIBLE (label)) == GTK_ACCESSIBLE_ROLE_ALERT)
        return label;
    }
  return NULL;
}

static void
test_announcement (Fixture *f, gconstpointer data)
{
  GtkWidget *announcement = find_announcement (f);
  g_autoptr (SteerMessage) answer = NULL;

  g_assert_nonnull (announcement);
  g_assert_false (gtk_widget_get_visible (announcement));
  steer_chat_send (f->chat, "Hello");
  g_assert_false (gtk_widget_get_visible (announcement));
  test_wait_until (has_announcement, f, 30);
  answer = g_list_model_get_item (G_LIST_MODEL (f->conversation), 1);
  g_assert_true (gtk_widget_get_visible (announcement));
  g_assert_cmpstr (gtk_label_get_text (GTK_LABEL (announcement)), ==, steer_message_get_text (answer));
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (announcement), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                       steer_message_get_text (answer));
}

static void
test_compare (Fixture *f, gconstpointer data)
{
  GtkWidget *compare;
  GPtrArray *buttons;
  SteerMessage *plain;

  steer_chat_set_comparing (f->chat, TRUE);
  steer_chat_send (f->chat, "Hello");
  app_test_settle ();
  compare = app_test_find (f->transcript, STEER_TYPE_COMPARE_VIEW, NULL, NULL);
  g_assert_nonnull (compare);
  g_assert_true (gtk_widget_get_mapped (compare));
  /* The question, and the steered reply, which the columns stand in for. */
  g_assert_true (gtk_widget_get_visible (GTK_WIDGET (get_view (f, 0))));
  g_assert_false (gtk_widget_get_visible (GTK_WIDGET (get_view (f, 1))));
  test_wait_until (is_idle, f->chat, 30);
  plain = steer_compare_view_get_plain (STEER_COMPARE_VIEW (compare));
  buttons = g_ptr_array_new ();
  collect (compare, GTK_TYPE_BUTTON, buttons);
  for (guint i = 0; i < buttons->len; i++)
    {
      GtkWidget *button = g_ptr_array_index (buttons, i);

      if (g_strcmp0 (gtk_button_get_label (GTK_BUTTON (button)), "Keep This Reply") != 0)
        continue;
      gtk_test_accessible_assert_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                           "Keep the plain reply");
      g_signal_emit_by_name (button, "clicked");
      break;
    }
  g_ptr_array_unref (buttons);
  app_test_settle ();
  g_assert_null (app_test_find (f->transcript, STEER_TYPE_COMPARE_VIEW, NULL, NULL));
  g_assert_true (steer_message_view_get_message (get_view (f, 1)) == plain);
  g_assert_true (gtk_widget_get_visible (GTK_WIDGET (get_view (f, 1))));
}

static void
test_narrow (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  int minimum;

  steer_conversation_append (f->conversation, STEER_ROLE_USER, "Hello");
  steer_conversation_begin_reply (f->conversation, NULL, reply, 0, "A preset with a name that is long enough");
  test_reply_write (
    reply,
    "# A heading of several words\n\n| a | b | c | d | e | f |\n|-|-|-|-|-|-|\n| one | two | three | four | "
    "five | six |\n\n```\nsome code that is wider than three hundred and sixty pixels, surely\n```\n\n> 1. - "
    "nested\n\nhttps://a.very.long.example/address/without/any/place/where/it/could/be/broken/into/lines",
    NULL);
  test_reply_finish (reply, STEER_STOP_EOS);
  app_test_settle ();
  gtk_widget_measure (f->transcript, GTK_ORIENTATION_HORIZONTAL, -1, &minimum, NULL, NULL, NULL);
  g_assert_cmpint (minimum, <=, 360);
}

static void
test_marks (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerPlan) plan = test_plan_new (8.5f, STEER_MODE_CLAMP);
  GtkWidget *label;

  steer_conversation_begin_reply (f->conversation, NULL, reply, 0, "Eiffel");
  test_reply_write (reply, "plain ", NULL);
  test_reply_write (reply, "steered", plan);
  test_reply_finish (reply, STEER_STOP_EOS);
  app_test_settle ();
  g_assert_true (shows (f->transcript, "Eiffel · changed in reply"));
  label = app_test_find (GTK_WIDGET (get_view (f, 0)), GTK_TYPE_LABEL, "tooltip-text", NULL);
  while (label != NULL && !g_str_has_prefix (gtk_label_get_text (GTK_LABEL (label)), "plain"))
    label = gtk_widget_get_next_sibling (label);
  g_assert_nonnull (label);
  g_assert_nonnull (strstr (gtk_label_get_label (GTK_LABEL (label)), "underline"));
  g_object_set (f->transcript, "show-steering", FALSE, NULL);
  g_assert_null (strstr (gtk_label_get_label (GTK_LABEL (label)), "underline"));
}

static void
test_names (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) buttons = g_ptr_array_new ();

  fill (f, 2);
  gtk_test_accessible_assert_role (GTK_ACCESSIBLE (f->transcript), GTK_ACCESSIBLE_ROLE_LOG);
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (get_view (f, 0)), GTK_ACCESSIBLE_PROPERTY_LABEL, "Your message");
  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (get_view (f, 1)), GTK_ACCESSIBLE_PROPERTY_LABEL, "Reply");
  /* A tooltip is the name of a button with an icon. */
  collect (f->transcript, GTK_TYPE_BUTTON, buttons);
  g_assert_cmpuint (buttons->len, >, 6);
  for (guint i = 0; i < buttons->len; i++)
    if (gtk_button_get_icon_name (g_ptr_array_index (buttons, i)) != NULL)
      g_assert_nonnull (gtk_widget_get_tooltip_text (g_ptr_array_index (buttons, i)));
}

static gboolean
is_seen (gpointer view)
{
  GtkWidget *scrolled = gtk_widget_get_ancestor (view, GTK_TYPE_SCROLLED_WINDOW);
  double y;

  return gtk_widget_get_height (view) > 0 && gtk_widget_translate_coordinates (view, scrolled, 0, 0, NULL, &y) && y >= 0
         && y < gtk_widget_get_height (scrolled) / 2.0;
}

/* Far from the end, where there are no widgets yet. */
static void
test_found (Fixture *f, gconstpointer data)
{
  GtkWidget *view = NULL;
  g_autoptr (GPtrArray) views = NULL;

  fill (f, 150);
  steer_transcript_show_message (STEER_TRANSCRIPT (f->transcript), 40, NULL);
  views = list_views (f);
  for (guint i = 0; i < views->len; i++)
    {
      SteerMessage *message = steer_message_view_get_message (g_ptr_array_index (views, i));

      if (g_str_has_prefix (steer_message_get_text (message), "Message 40."))
        view = g_ptr_array_index (views, i);
    }
  g_assert_nonnull (view);
  g_assert_true (gtk_widget_has_css_class (view, "found"));
  test_wait_until (is_seen, view, 20);
  for (guint i = 0; i < 20; i++)
    app_test_settle ();
  g_assert_true (is_seen (view));
}

static gboolean
can_scroll (gpointer f)
{
  GtkAdjustment *adjustment = get_adjustment (f);

  return gtk_adjustment_get_upper (adjustment) > 1.5 * gtk_adjustment_get_page_size (adjustment);
}

/* What is made first around a message near the beginning is less than a page. */
static void
test_found_at_the_beginning (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) empty = steer_conversation_new ();

  for (guint i = 0; i < 24; i++)
    steer_conversation_append (f->conversation, i % 2 == 0 ? STEER_ROLE_USER : STEER_ROLE_ASSISTANT, "Short.");
  steer_chat_set_conversation (f->chat, empty);
  app_test_settle ();
  steer_chat_set_conversation (f->chat, f->conversation);
  steer_transcript_show_message (STEER_TRANSCRIPT (f->transcript), 1, NULL);
  g_assert_cmpuint (count_views (f), <, 24);
  test_wait_until (can_scroll, f, 20);
  app_test_settle ();
  g_assert_true (is_seen (get_view (f, 1)));
}

/* Of a chat that fits on a page the end is seen, whatever was looked for; and what hides it is opened. */
static void
test_found_in_a_short_chat (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerConversation) empty = steer_conversation_new ();
  GtkRevealer *to_end = GTK_REVEALER (app_test_find (f->transcript, GTK_TYPE_REVEALER, NULL, NULL));

  g_assert_nonnull (app_test_find (GTK_WIDGET (to_end), GTK_TYPE_BUTTON, "icon-name", "go-bottom-symbolic"));
  for (guint i = 0; i < 4; i++)
    steer_conversation_append (f->conversation, i % 2 == 0 ? STEER_ROLE_USER : STEER_ROLE_ASSISTANT,
                               i == 1 ? "<think>Hidden.</think>Short." : "Short.");
  steer_chat_set_conversation (f->chat, empty);
  app_test_settle ();
  steer_chat_set_conversation (f->chat, f->conversation);
  steer_transcript_show_message (STEER_TRANSCRIPT (f->transcript), 1, "hidden");
  app_test_settle ();
  g_assert_cmpuint (count_views (f), ==, 4);
  g_assert_false (gtk_revealer_get_reveal_child (to_end));
  g_assert_true (shows (f->transcript, "Hidden."));
}

static gboolean
is_button_shown (Fixture *f, const char *label)
{
  GtkWidget *button = app_test_find (f->transcript, GTK_TYPE_BUTTON, "label", label);

  return button != NULL && gtk_widget_get_mapped (button);
}

/* One sees for good that there is no answer, why, and what helps. */
static void
test_unanswered (Fixture *f, gconstpointer data)
{
  g_autofree char *question = g_strnfill (20000, 'x');
  GtkWidget *label;

  steer_chat_send (f->chat, question);
  app_test_settle ();
  test_wait_until (is_idle, f->chat, 30);
  app_test_settle ();
  label = app_test_find (f->transcript, GTK_TYPE_LABEL, "name", "steer-notice");
  g_assert_true (gtk_widget_get_mapped (label));
  g_assert_true (g_str_has_prefix (gtk_label_get_text (GTK_LABEL (label)), "The conversation takes "));
  g_assert_true (g_str_has_suffix (gtk_label_get_text (GTK_LABEL (label)), "."));
  g_assert_true (is_button_shown (f, "Try Again"));
  g_assert_true (is_button_shown (f, "New Chat"));
  g_assert_true (is_button_shown (f, "Longer Context…"));
  g_assert_cmpfloat (get_distance_to_end (f), <, 1.0);

  steer_chat_edit (f->chat, steer_message_view_get_message (get_view (f, 0)), "x");
  app_test_settle ();
  g_assert_false (gtk_widget_get_mapped (label));
  test_wait_until (is_idle, f->chat, 30);
  app_test_settle ();
  g_assert_false (gtk_widget_get_mapped (label));
}

/* From an earlier day, or taken back: nobody knows why. */
static void
test_unanswered_of_old (Fixture *f, gconstpointer data)
{
  fill (f, 3);
  g_assert_true (shows (f->transcript, "Not answered"));
  g_assert_true (is_button_shown (f, "Answer"));
  g_assert_false (is_button_shown (f, "Longer Context…"));
  steer_conversation_append (f->conversation, STEER_ROLE_ASSISTANT, "An answer.");
  app_test_settle ();
  g_assert_false (is_button_shown (f, "Answer"));
}

/* @tokens: the longest reply; 0: without a model */
#define ADD(name, tokens, function)                                                                                    \
  g_test_add ("/transcript/" name, Fixture, GUINT_TO_POINTER (tokens), set_up, function, tear_down)

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
  ADD ("a-long-chat-opens-with-its-last-messages", 0, test_newest_first);
  ADD ("a-long-chat-opens-a-few-messages-a-frame", 0, test_first_frame);
  ADD ("scrolling-up-brings-the-others", 0, test_scrolling_up);
  ADD ("what-is-read-stays-in-its-place", 0, test_place_is_kept);
  ADD ("a-reply-shows-as-it-is-written", 0, test_streaming);
  ADD ("a-finished-reply-has-the-height-of-its-text", 0, test_height);
  ADD ("a-long-block-shows-as-it-is-written", 0, test_streaming_long);
  ADD ("a-reader-is-not-pulled-to-the-end", 0, test_reader_is_left_alone);
  ADD ("a-deleted-message-comes-back-by-undo", 0, test_delete);
  ADD ("alternatives-are-stepped-through", 0, test_alternatives);
  ADD ("another-long-path-is-shown-from-where-it-begins", 0, test_long_alternative);
  ADD ("a-branch-is-handed-over", 0, test_branch);
  ADD ("an-edit-is-an-alternative", 0, test_edit);
  ADD ("the-menu-of-a-message-opens-and-goes-with-it", 0, test_menu);
  ADD ("a-reply-is-stopped-from-the-transcript-too", 8000, test_stop);
  ADD ("copy-takes-the-text-as-it-was-written", 0, test_copy);
  ADD ("a-finished-reply-is-announced-once", 12, test_announcement);
  ADD ("a-comparison-shows-two-columns-until-one-is-kept", 24, test_compare);
  ADD ("it-fits-360-pixels", 0, test_narrow);
  ADD ("steered-text-is-marked-and-the-marks-can-be-hidden", 0, test_marks);
  ADD ("what-a-search-found-is-scrolled-to-and-marked", 0, test_found);
  ADD ("what-follows-a-hit-near-the-beginning-is-there", 0, test_found_at_the_beginning);
  ADD ("of-a-short-chat-the-end-is-seen-whatever-was-looked-for", 0, test_found_in_a_short_chat);
  ADD ("why-there-is-no-answer-stays-to-be-read", 12, test_unanswered);
  ADD ("a-question-without-an-answer-is-seen-to-be-one", 0, test_unanswered_of_old);
  ADD ("everything-has-a-name", 0, test_names);
  return g_test_run ();
}
