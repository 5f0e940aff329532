#include "steer-markdown.h"

#include <string.h>

#include "app-test-util.h"
#include "chat/chat-test-util.h"
#include "chat/steer-conversation.h"
#include "steer-rich-label.h"
#include "steer-transcript-closures.h"

/* A message of which the first @n_plain bytes are unsteered and the rest is not. */
static SteerTextStyle *
make_style (const char *text, gsize n_plain)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerPlan) plan = test_plan_new (8.5f, STEER_MODE_CLAMP);
  g_autofree char *plain = g_strndup (text, n_plain);
  SteerMessage *message = steer_conversation_begin_reply (conversation, NULL, reply, 0, NULL);
  SteerTextStyle *style = steer_text_style_new (message, NULL);

  if (n_plain > 0)
    test_reply_write (reply, plain, NULL);
  if (text[n_plain] != '\0')
    test_reply_write (reply, text + n_plain, plan);
  test_reply_finish (reply, STEER_STOP_EOS);
  steer_text_style_update (style);
  return style;
}

static GtkWidget *
build (const char *text, gsize n_plain)
{
  g_autoptr (SteerTextStyle) style = make_style (text, n_plain);
  GtkWidget *box = g_object_ref_sink (gtk_box_new (GTK_ORIENTATION_VERTICAL, 0));

  steer_markdown_append_blocks (GTK_BOX (box), text, strlen (text), 0, style);
  return box;
}

/* The text of every label in order, one a line. */
static void
collect_labels (GtkWidget *widget, GString *text)
{
  if (GTK_IS_LABEL (widget))
    g_string_append_printf (text, "%s\n", gtk_label_get_text (GTK_LABEL (widget)));
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    collect_labels (child, text);
}

static void
assert_labels (const char *markdown, const char *expected)
{
  GtkWidget *box = build (markdown, 0);
  g_autoptr (GString) text = g_string_new (NULL);

  collect_labels (box, text);
  g_assert_cmpstr (text->str, ==, expected);
  g_object_unref (box);
}

static void
test_blocks (void)
{
  assert_labels ("# One\n\nTwo *three*\nfour\n", "One\nTwo three\nfour\n");
  assert_labels ("3. a\n4. b\n   - c\n", "3.\na\n4.\nb\n◦\nc\n");
  assert_labels ("> quoted\n", "quoted\n");
  assert_labels ("```c\nint x;\n```\n", "c\nint x;\n");
  assert_labels ("a & b < c &amp; &lt;d&gt; \\*e\\*\n", "a & b < c & <d> *e*\n");
  assert_labels ("", "");
}

static void
test_nothing_is_markup (void)
{
  assert_labels ("<b>bold</b> <span foreground='red'>x</span> <script>alert(1)</script>\n",
                 "<b>bold</b> <span foreground='red'>x</span> <script>alert(1)</script>\n");
  assert_labels ("<div>\nblock & more\n</div>\n", "<div>\nblock & more\n</div>\n");
  assert_labels ("`<i>&amp;</i>`\n", "<i>&amp;</i>\n");
  assert_labels ("```\n</span><a href=\"x\">\n```\n", "\n</span><a href=\"x\">\n");
  assert_labels ("# <b>\n", "<b>\n");
}

static char *
dup_markup (const char *markdown, gsize n_plain)
{
  g_autoptr (SteerTextStyle) style = make_style (markdown, n_plain);
  g_autoptr (GArray) segments = steer_markdown_parse_inlines (markdown, strlen (markdown), 0);

  return steer_rich_text_to_markup (segments, style);
}

static void
assert_markup (const char *markdown, const char *expected)
{
  g_autofree char *markup = dup_markup (markdown, strlen (markdown));

  g_assert_cmpstr (markup, ==, expected);
}

static void
test_links (void)
{
  assert_markup ("[x](https://example.org/?a=1&b=2)", "<a href=\"https://example.org/?a=1&amp;b=2\">x</a>");
  assert_markup ("[x](javascript:alert%281%29)", "x");
  assert_markup ("[x](file:///etc/passwd)", "x");
  assert_markup ("[x](https://a.example/\"onclick=\"y)", "<a href=\"https://a.example/&quot;onclick=&quot;y\">x</a>");
  assert_markup ("![picture](https://a.example/x.png)", "<a href=\"https://a.example/x.png\"><i>picture</i></a>");
  assert_markup ("**b *i***", "<b>b </b><b><i>i</i></b>");
}

/* "[steered]" for what is underlined. */
static char *
dup_marked (const char *markdown, gsize n_plain)
{
  g_autofree char *markup = dup_markup (markdown, n_plain);
  g_autoptr (GRegex) open = g_regex_new ("<span underline[^>]*>", 0, 0, NULL);
  g_autoptr (GRegex) rest = g_regex_new ("<(?!/span)[^>]*>|</[abi]>", 0, 0, NULL);
  g_autofree char *opened = g_regex_replace_literal (open, markup, -1, 0, "[", 0, NULL);
  GString *text = g_string_new (NULL);

  {
    g_autofree char *stripped = g_regex_replace_literal (rest, opened, -1, 0, "", 0, NULL);

    g_string_append (text, stripped);
  }
  g_string_replace (text, "</span>", "]", 0);
  return g_string_free (text, FALSE);
}

static void
assert_marked (const char *markdown, gsize n_plain, const char *expected)
{
  g_autofree char *marked = dup_marked (markdown, n_plain);

  g_assert_cmpstr (marked, ==, expected);
}

static void
test_marks (void)
{
  assert_marked ("one two three", 4, "one [two three]");
  /* The change lies inside of emphasis, behind syntax that is not shown, behind an entity. */
  assert_marked ("one **two three** four", 10, "one two [three][ four]");
  assert_marked ("a [link](https://a.example/a-a-a) b a", 35, "a link b[ a]");
  assert_marked ("&amp; a &amp; b", 14, "&amp; a &amp; [b]");
  assert_marked ("öä ü", 5, "öä [ü]");
  assert_marked ("one\n  two", 2, "on[e]\n[two]");
  assert_marked ("one", 3, "one");
}

static void
test_marks_can_be_hidden (void)
{
  g_autoptr (SteerTextStyle) style = make_style ("one two", 4);
  GtkWidget *label = g_object_ref_sink (steer_rich_label_new_plain ("one two", 7, 0, style));

  g_assert_nonnull (strstr (gtk_label_get_label (GTK_LABEL (label)), "underline"));
  steer_text_style_set_show (style, FALSE);
  g_assert_null (strstr (gtk_label_get_label (GTK_LABEL (label)), "underline"));
  g_assert_cmpstr (gtk_label_get_text (GTK_LABEL (label)), ==, "one two");
  steer_text_style_set_show (style, TRUE);
  g_assert_nonnull (strstr (gtk_label_get_label (GTK_LABEL (label)), "underline"));
  g_object_unref (label);
}

static void
test_tooltip (void)
{
  g_autoptr (SteerTextStyle) style = make_style ("one two", 4);
  g_autoptr (SteerTextStyle) plain = make_style ("one two", 7);
  g_autofree char *before = steer_text_style_dup_tooltip (style, 2);
  g_autofree char *after = steer_text_style_dup_tooltip (style, 5);

  g_assert_cmpstr (before, ==, "No steering");
  g_assert_cmpstr (after, ==, "Layer 15, feature 21576  +8.5, clamped");
  g_assert_null (steer_text_style_dup_tooltip (style, 1000));
  g_assert_null (steer_text_style_dup_tooltip (plain, 2));
}

static char *
dup_table (const char *text)
{
  gsize start = 0;
  g_autoptr (SteerMarkdownTable) table = steer_markdown_parse_table (text, strlen (text), &start);
  GString *cells;

  if (table == NULL)
    return NULL;
  cells = g_string_new (NULL);
  g_string_append_printf (cells, "@%zu", start);
  for (guint i = 0; i < table->n_columns; i++)
    g_string_append_printf (cells, " %g", (double) g_array_index (table->alignments, float, i));
  for (guint i = 0; i < table->cells->len; i++)
    g_string_append_printf (cells, "%s%s", i % table->n_columns == 0 ? "\n" : "|",
                            ((SteerMarkdownCell *) g_ptr_array_index (table->cells, i))->text);
  return g_string_free (cells, FALSE);
}

static void
assert_table (const char *text, const char *expected)
{
  g_autofree char *table = dup_table (text);

  g_assert_cmpstr (table, ==, expected);
}

static void
test_tables (void)
{
  assert_table ("| a | b |\n|---|:-:|\n| 1 | 2 |\n", "@0 0 0.5\na|b\n1|2");
  assert_table ("a | b\n--|--:\n1 | 2", "@0 0 1\na|b\n1|2");
  assert_table ("text\n| a |\n|---|\n| x \\| y |", "@5 0\na\nx | y");
  assert_table ("| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | 3 |\n", "@0 0 0\na|b\n1|\n1|2");
  assert_table ("| a | b |\n|---|\n", NULL);
  assert_table ("a | b\nc | d\n", NULL);
  assert_table ("| a |\n| - - |\n", NULL);
  assert_table ("| a |", NULL);
  assert_table ("|", NULL);
  assert_table ("|\n|\n", NULL);
  assert_table ("|\\\n-\n", NULL);
  assert_labels ("| a | **b** |\n|---|---|\n| <i> | `x` |\n", "a\nb\n<i>\nx\n");
}

static void
assert_boundary (const char *text, const char *expected)
{
  gsize n = steer_markdown_find_boundary (text, strlen (text));
  g_autofree char *head = g_strndup (text, n);

  g_assert_cmpstr (head, ==, expected);
}

static void
test_boundary (void)
{
  assert_boundary ("one", "");
  assert_boundary ("one\n", "");
  assert_boundary ("one\n\n", "");
  assert_boundary ("one\n\nt", "one\n\n");
  assert_boundary ("one\n\ntwo\n\nthree", "one\n\ntwo\n\n");
  /* A blank line in code or in a list ends nothing. */
  assert_boundary ("```\na\n\nb", "");
  assert_boundary ("```\na\n\nb\n```\n\nc", "```\na\n\nb\n```\n\n");
  assert_boundary ("````\n```\n\nb", "");
  assert_boundary ("- a\n\n- b\n", "");
  assert_boundary ("- a\n\n  more\n\n", "");
  assert_boundary ("1. a\n\n2", "");
  assert_boundary ("1. a\n\nThat was the list.", "1. a\n\n");
  assert_boundary ("- a\n\nNo", "");
  assert_boundary ("one\n\n    code", "");
}

/* Cut where it says, the pieces give the same blocks as the whole, whatever arrives when. */
static void
test_boundary_is_safe (void)
{
  const char *text
    = "# H\n\nText *a*\nb\n\n- x\n\n  y\n- z\n\nAfter that, more text.\n\n```c\nint a;\n\nint b;\n```\n\n> q\n\n"
      "1. one\n2. two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThe end.\n";
  g_autoptr (SteerTextStyle) style = make_style (text, 0);
  GtkWidget *whole = build (text, 0);
  g_autoptr (GString) expected = g_string_new (NULL);

  collect_labels (whole, expected);
  for (gsize step = 1; step < 40; step++)
    {
      GtkWidget *box = g_object_ref_sink (gtk_box_new (GTK_ORIENTATION_VERTICAL, 0));
      g_autoptr (GString) pieces = g_string_new (NULL);
      gsize done = 0;

      for (gsize arrived = step; arrived < strlen (text); arrived += step)
        {
          gsize n = steer_markdown_find_boundary (text + done, arrived - done);

          steer_markdown_append_blocks (GTK_BOX (box), text + done, n, done, style);
          done += n;
        }
      g_assert_cmpuint (done, >, 0);
      steer_markdown_append_blocks (GTK_BOX (box), text + done, strlen (text) - done, done, style);
      collect_labels (box, pieces);
      g_assert_cmpstr (pieces->str, ==, expected->str);
      g_object_unref (box);
    }
  g_object_unref (whole);
}

/* Deeper than anyone writes, it is shown as it was written; nothing of it is lost. */
static void
test_hostile (void)
{
  g_autofree char *quotes = g_strnfill (3000, '>'), *quoted = g_strconcat (quotes, " deep\n", NULL);
  g_autofree char *stars = g_strnfill (3000, '*'), *starred = g_strconcat (stars, "deep", stars, "\n", NULL);
  g_autofree char *brackets = g_strnfill (3000, '['), *bracketed = g_strconcat (brackets, "deep\n", NULL);
  g_autofree char *pipes = g_strnfill (3000, '|'), *piped = g_strconcat (pipes, "deep\n", NULL);

  assert_labels (quoted, quoted);
  assert_labels (starred, "deep\n");
  assert_labels (bracketed, bracketed);
  assert_labels (piped, piped);
  assert_labels ("\r\r\n\r", "");
  assert_labels ("- - - - - - -\n", "");
  assert_labels ("\xef\xbb\xbf# x", "x\n");
  assert_labels ("&#0;&#x110000;", "\xef\xbf\xbd\xef\xbf\xbd\n");
}

static guint
count (const char *text, char c)
{
  guint n = 0;

  for (; *text != '\0'; text++)
    n += *text == c;
  return n;
}

static void
test_hostile_lists (void)
{
  g_autoptr (GString) lists = g_string_new (NULL), text = g_string_new (NULL);
  GtkWidget *box;

  for (guint i = 0; i < 400; i++)
    g_string_append_printf (lists, "%*s- x\n", (int) i * 2, "");
  box = build (lists->str, 0);
  collect_labels (box, text);
  g_assert_cmpuint (count (text->str, 'x'), ==, 400);
  g_object_unref (box);
}

/* Makes @text [n + 1] of the characters of @alphabet. */
static void
fill (GRand *random, const char *alphabet, char *text, gsize n)
{
  for (gsize i = 0; i < n; i++)
    text[i] = alphabet[g_rand_int_range (random, 0, (gint32) strlen (alphabet))];
  text[n] = '\0';
}

/* The letters that are shown, in order. */
static char *
dup_letters (const char *markdown, gsize n_plain)
{
  GtkWidget *box = build (markdown, n_plain);
  g_autoptr (GString) text = g_string_new (NULL);
  GString *letters = g_string_new (NULL);

  collect_labels (box, text);
  for (gsize i = 0; i < text->len; i++)
    if (g_ascii_isalpha (text->str[i]))
      g_string_append_c (letters, text->str[i]);
  g_object_unref (box);
  return g_string_free (letters, FALSE);
}

/* Any bytes that are UTF-8, whatever is cut where: what is shown is what was written. Only links, tables and fences
 * have parts that are not shown. */
static void
test_random (void)
{
  static const char *const alphabets[] = { "ab *_\n\n#>1.<&\\!:\t-]()", "ab *_`[]()|-\n\n#>1.<&\\!~:\t" };
  g_autoptr (GRand) random = g_rand_new_with_seed (7);

  for (guint round = 0; round < 200; round++)
    {
      char text[120];
      const gsize n = sizeof text - 1;
      g_autofree char *shown = NULL;
      const char *next = text;

      fill (random, alphabets[round % 2], text, n);
      g_assert_cmpuint (steer_markdown_find_boundary (text, n), <, n);
      shown = dup_letters (text, (gsize) g_rand_int_range (random, 0, (gint32) n));
      for (const char *letter = shown; *letter != '\0'; letter++)
        {
          next = strchr (next, *letter);
          g_assert_nonnull (next);
          next++;
        }
      if (round % 2 == 0)
        g_assert_cmpuint (strlen (shown), ==, count (text, 'a') + count (text, 'b'));
    }
}

static void
test_code_is_copied (void)
{
  GtkWidget *box = build ("```python\nprint (1)\n\nprint (2)\n```\n", 0);
  GtkWindow *window = app_test_show (box, 400, 300);
  GtkWidget *button = app_test_find (box, GTK_TYPE_BUTTON, "tooltip-text", "Copy Code");
  GdkContentProvider *content;
  g_auto (GValue) value = G_VALUE_INIT;

  gtk_test_accessible_assert_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, "Copy Code");
  g_signal_emit_by_name (button, "clicked");
  content = gdk_clipboard_get_content (gtk_widget_get_clipboard (box));
  g_value_init (&value, G_TYPE_STRING);
  g_assert_true (gdk_content_provider_get_value (content, &value, NULL));
  g_assert_cmpstr (g_value_get_string (&value), ==, "print (1)\n\nprint (2)");
  gtk_window_destroy (window);
  g_object_unref (box);
}

int
main (int argc, char **argv)
{
  app_test_init (&argc, &argv);
  g_test_add_func ("/markdown/blocks-become-widgets", test_blocks);
  g_test_add_func ("/markdown/nothing-in-a-text-is-markup", test_nothing_is_markup);
  g_test_add_func ("/markdown/only-safe-links-are-links", test_links);
  g_test_add_func ("/markdown/marks-begin-at-the-byte-where-strengths-changed", test_marks);
  g_test_add_func ("/markdown/marks-can-be-hidden", test_marks_can_be_hidden);
  g_test_add_func ("/markdown/pointing-tells-the-strengths", test_tooltip);
  g_test_add_func ("/markdown/pipes-make-tables", test_tables);
  g_test_add_func ("/markdown/a-block-is-final-where-nothing-can-change-it", test_boundary);
  g_test_add_func ("/markdown/pieces-give-what-the-whole-gives", test_boundary_is_safe);
  g_test_add_func ("/markdown/hostile-nesting-is-shown", test_hostile);
  g_test_add_func ("/markdown/hostile-lists-are-shown", test_hostile_lists);
  g_test_add_func ("/markdown/any-text-is-shown", test_random);
  g_test_add_func ("/markdown/code-is-copied-as-it-was-written", test_code_is_copied);
  return g_test_run ();
}
