/* Where text with a word of hundreds of letters is broken. */
#include "app/steer-long-words.h"

#include <string.h>

#include "app-test-util.h"
#include "app/steer-rich-label.h"

/* @n times @piece. */
static char *
repeat (const char *piece, guint n)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append (text, piece);
  return g_string_free (text, FALSE);
}

static void
assert_wrap (const char *piece, guint n, PangoWrapMode expected)
{
  g_autofree char *text = repeat (piece, n);

  g_assert_cmpint (steer_long_words_choose_wrap (text, strlen (text)), ==, expected);
}

static void
test_only_long_words_are_broken_anywhere (void)
{
  assert_wrap ("", 0, PANGO_WRAP_WORD_CHAR);
  assert_wrap ("x", 400, PANGO_WRAP_WORD_CHAR);
  assert_wrap ("x", 401, PANGO_WRAP_CHAR);
  assert_wrap ("é", 401, PANGO_WRAP_CHAR);
  assert_wrap ("word ", 1000, PANGO_WRAP_WORD_CHAR);
  assert_wrap ("word\n", 1000, PANGO_WRAP_WORD_CHAR);
  assert_wrap ("漢", 1000, PANGO_WRAP_WORD_CHAR);
  assert_wrap ("xxxxxxxxxx漢", 1000, PANGO_WRAP_WORD_CHAR);
}

static void
test_an_entry_follows_its_text (void)
{
  GtkTextView *view = GTK_TEXT_VIEW (g_object_ref_sink (gtk_text_view_new ()));
  g_autofree char *word = repeat ("x", 500);

  gtk_text_buffer_set_text (gtk_text_view_get_buffer (view), word, -1);
  steer_long_words_follow (view);
  g_assert_cmpint (gtk_text_view_get_wrap_mode (view), ==, GTK_WRAP_CHAR);
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (view), "some words", -1);
  g_assert_cmpint (gtk_text_view_get_wrap_mode (view), ==, GTK_WRAP_WORD_CHAR);
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (view), word, -1);
  g_assert_cmpint (gtk_text_view_get_wrap_mode (view), ==, GTK_WRAP_CHAR);
  g_object_unref (view);
}

static void
test_a_message_too (void)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  SteerMessage *message = steer_conversation_append (conversation, STEER_ROLE_USER, "");
  g_autoptr (SteerTextStyle) style = steer_text_style_new (message, NULL);
  g_autofree char *word = repeat ("x", 500);
  GtkWidget *label = g_object_ref_sink (steer_rich_label_new_plain (word, strlen (word), 0, style));
  GArray *words = steer_rich_text_new ();

  g_assert_cmpint (gtk_label_get_wrap_mode (GTK_LABEL (label)), ==, PANGO_WRAP_CHAR);
  steer_rich_text_append (words, "some words", 10, 0, NULL, 0, TRUE);
  steer_rich_label_set_segments (GTK_LABEL (label), words);
  g_assert_cmpint (gtk_label_get_wrap_mode (GTK_LABEL (label)), ==, PANGO_WRAP_WORD_CHAR);
  g_object_unref (label);
}

int
main (int argc, char *argv[])
{
  app_test_init (&argc, &argv);
  g_test_add_func ("/long words/only long words are broken anywhere", test_only_long_words_are_broken_anywhere);
  g_test_add_func ("/long words/an entry follows its text", test_an_entry_follows_its_text);
  g_test_add_func ("/long words/a message too", test_a_message_too);
  return g_test_run ();
}
