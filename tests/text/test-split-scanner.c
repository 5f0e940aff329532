/* The hand-written scanner against the regular expression engine, and the tables that both stand on. */

#include "text/steer-regex.h"
#include "text/steer-split-scanner.h"
#include "text/steer-unicode.h"

#include <string.h>

/* --- letters, numbers and spaces --- */

/* Characters that the engine at hand, whose Unicode may be older or newer, puts into another class: [0x110000]. */
static guint8 *differs;

static GRegex *
compile (const char *pattern)
{
  g_autoptr (GError) error = NULL;
  GRegex *regex = steer_regex_new (pattern, "test", &error);

  g_assert_no_error (error);
  return regex;
}

static gboolean
matches (GRegex *regex, gunichar c)
{
  char text[6];

  return g_regex_match_full (regex, text, g_unichar_to_utf8 (c, text), 0, G_REGEX_MATCH_ANCHORED, NULL, NULL);
}

/* Sets @value in @classes ([0x110000]) for every character that @pattern matches. */
static void
mark (guint8 *classes, const char *pattern, guint8 value)
{
  g_autoptr (GRegex) regex = compile (pattern);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (SteerMatch));
  g_autoptr (GError) error = NULL;

  for (gunichar base = 0; base < 0x110000; base += 0x1000)
    {
      g_string_truncate (text, 0);
      g_array_set_size (found, 0);
      for (gunichar c = base; c < base + 0x1000; c++)
        if (g_unichar_validate (c))
          g_string_append_unichar (text, c);
      steer_regex_find_all (regex, text->str, text->len, found, &error);
      g_assert_no_error (error);
      for (guint i = 0; i < found->len; i++)
        classes[g_utf8_get_char (text->str + g_array_index (found, SteerMatch, i).start)] = value;
    }
}

static guint n_classes[4];

/* Fills @differs. Only characters that one side does not know yet may differ. */
static void
compare_classes (void)
{
  g_autofree guint8 *by_engine = g_new0 (guint8, 0x110000);
  g_autofree guint8 *unassigned = g_new0 (guint8, 0x110000);

  if (differs != NULL)
    return;
  differs = g_new0 (guint8, 0x110000);
  mark (by_engine, "\\p{L}", STEER_CHAR_LETTER);
  mark (by_engine, "\\p{N}", STEER_CHAR_NUMBER);
  mark (by_engine, "\\s", STEER_CHAR_SPACE);
  mark (unassigned, "\\p{Cn}", TRUE);
  for (gunichar c = 0; c < 0x110000; c++)
    {
      SteerCharClass class;

      if (!g_unichar_validate (c))
        continue;
      class = steer_unicode_classify (c);
      n_classes[class]++;
      differs[c] = by_engine[c] != class;
      if (differs[c] && !unassigned[c] && class != STEER_CHAR_OTHER)
        g_error ("U+%04X is of class %d, and of another to the engine, which knows it", c, class);
    }
}

static void
test_classes (void)
{
  guint n_different = 0;

  compare_classes ();
  for (gunichar c = 0; c < 0x110000; c++)
    n_different += differs[c];
  g_test_message ("%u characters are of another class to the engine at hand", n_different);
  g_assert_cmpuint (n_classes[STEER_CHAR_SPACE], ==, 25);
  g_assert_cmpuint (n_classes[STEER_CHAR_LETTER], >, 140000);
  g_assert_cmpuint (n_classes[STEER_CHAR_NUMBER], >, 1900);
  g_assert_cmpuint (n_different, <, 20000);
}

/* --- splitting --- */

static gunichar
random_character (void)
{
  static const char *const pools[] = { "abzAZsStTdDmMlLvVeErR",
                                       "0123456789",
                                       " ",
                                       " \t\v\f",
                                       "\r\n",
                                       "'",
                                       ".,;!?-_$<|>{}",
                                       "éßñſÅ",
                                       "жя",
                                       "日本語",
                                       "²½Ⅷ٣५",
                                       "\302\240\343\200\200\342\200\250\302\205",
                                       "\314\201\340\244\274\342\200\215",
                                       "😀🦙" };
  const char *pool;
  gunichar c;

  if (g_test_rand_int_range (0, 12) > 0)
    {
      pool = pools[g_test_rand_int_range (0, G_N_ELEMENTS (pools))];
      return g_utf8_get_char (
        g_utf8_offset_to_pointer (pool, g_test_rand_int_range (0, (gint32) g_utf8_strlen (pool, -1))));
    }
  do
    c = (gunichar) g_test_rand_int_range (1, g_test_rand_bit () ? 0x3000 : 0x110000);
  while (!g_unichar_validate (c) || differs[c]);
  return c;
}

static void
test_split (gconstpointer data)
{
  SteerSplitKind kind = (SteerSplitKind) GPOINTER_TO_INT (data);
  g_autoptr (GRegex) regex = compile (steer_split_kind_get_pattern (kind));
  g_autoptr (GArray) expected = g_array_new (FALSE, FALSE, sizeof (SteerMatch));
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  guint n_pieces = 0;

  compare_classes ();
  for (guint round = 0; round < 5000; round++)
    {
      guint i = 0;

      g_string_truncate (text, 0);
      for (gint32 n = g_test_rand_int_range (0, 24); n > 0; n--)
        {
          gunichar c = random_character ();

          for (gint32 repeat = g_test_rand_int_range (0, 5) == 0 ? g_test_rand_int_range (1, 5) : 1; repeat > 0;
               repeat--)
            g_string_append_unichar (text, c);
        }
      g_array_set_size (expected, 0);
      steer_regex_find_all (regex, text->str, text->len, expected, &error);
      g_assert_no_error (error);
      for (gsize at = 0; at < text->len; i++)
        {
          gsize end = steer_split_next (kind, text->str, text->len, at);

          if (i >= expected->len || g_array_index (expected, SteerMatch, i).start != at
              || g_array_index (expected, SteerMatch, i).end != end)
            {
              g_autofree char *shown = g_strescape (text->str, NULL);

              g_error ("\"%s\": the scanner's piece %u is %zu to %zu", shown, i, at, end);
            }
          at = end;
          n_pieces++;
        }
      g_assert_cmpuint (i, ==, expected->len);
    }
  g_assert_cmpuint (n_pieces, >, 30000);
}

static void
test_known (void)
{
  SteerSplitKind kind;

  for (guint i = 0; i < STEER_N_SPLITS; i++)
    {
      g_assert_true (steer_split_kind_from_pattern (steer_split_kind_get_pattern ((SteerSplitKind) i), &kind));
      g_assert_cmpint (kind, ==, i);
    }
  g_assert_false (steer_split_kind_from_pattern ("\\p{L}+", &kind));
}

/* --- regular expressions --- */

static void
test_translation (void)
{
  g_autoptr (GRegex) space = compile ("[^\\sx]+|\\S");
  static const char *const refused[] = { "[^(\\s|[.,])]+", "[\\S]", "\\h+", "[a-z&&[aeiou]]", "(" };

  /* U+180E is no white space to the reference, though PCRE2 has it in \s */
  g_assert_true (matches (space, 0x180e));
  g_assert_false (matches (space, 0x3000));
  g_assert_false (matches (space, 0x85));
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (steer_regex_new (refused[i], "tokenizer.json", &error));
      g_assert_nonnull (strstr (error->message, refused[i]));
    }
}

/* --- UTF-8 --- */

static void
assert_lossy (const char *bytes, gsize length, gboolean final, gsize used, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_assert_cmpuint (steer_utf8_append_lossy (text, bytes, length, final), ==, used);
  g_assert_cmpstr (text->str, ==, expected);
}

static void
test_lossy (void)
{
#define BAD "\357\277\275"
  assert_lossy ("abc", 3, FALSE, 3, "abc");
  assert_lossy ("a\303", 2, FALSE, 1, "a");
  assert_lossy ("a\303", 2, TRUE, 2, "a" BAD);
  assert_lossy ("\303\251", 2, FALSE, 2, "é");
  assert_lossy ("\360\237\246", 3, FALSE, 0, "");
  assert_lossy ("\360\237\246", 3, TRUE, 3, BAD);
  assert_lossy ("\360\237\246x", 4, FALSE, 4, BAD "x");
  /* the table of Unicode's section 3.9 */
  assert_lossy ("\360\200\200\101", 4, TRUE, 4, BAD BAD BAD "A");
  assert_lossy ("\355\240\200\101", 4, TRUE, 4, BAD BAD BAD "A");
  assert_lossy ("\341\200\342\360\221\222\361\277\101", 9, TRUE, 9, BAD BAD BAD BAD "A");
  assert_lossy ("\364\221\222\223\377\101\200\277B", 9, TRUE, 9, BAD BAD BAD BAD BAD "A" BAD BAD "B");
#undef BAD
  g_assert_true (steer_utf8_is_valid ("a\0b\0", 4));
  g_assert_true (steer_utf8_is_valid ("", 0));
  g_assert_false (steer_utf8_is_valid ("a\0\377", 3));
  g_assert_false (steer_utf8_is_valid ("a\303", 2));
}

static void
test_excerpt (void)
{
  g_autoptr (GString) text = g_string_new ("x");
  g_autofree char *whole = NULL, *cut = NULL, *broken = NULL;

  whole = steer_utf8_excerpt ("été", strlen ("été"));
  g_assert_cmpstr (whole, ==, "été");
  for (guint i = 0; i < 40; i++)
    g_string_append (text, "é");
  cut = steer_utf8_excerpt (text->str, text->len);
  g_assert_true (g_utf8_validate (cut, -1, NULL));
  g_assert_true (g_str_has_suffix (cut, "é…"));
  g_assert_cmpuint (strlen (cut), ==, 63 + strlen ("…"));
  broken = steer_utf8_excerpt ("a\377", 2);
  g_assert_cmpstr (broken, ==, "a\357\277\275");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/scanner/only-characters-unknown-to-one-side-differ-in-class", test_classes);
  g_test_add_data_func ("/text/scanner/gpt-2-splits-as-its-regular-expression-does", GINT_TO_POINTER (STEER_SPLIT_GPT2),
                        test_split);
  g_test_add_data_func ("/text/scanner/llama-3-splits-as-its-regular-expression-does",
                        GINT_TO_POINTER (STEER_SPLIT_LLAMA3), test_split);
  g_test_add_data_func ("/text/scanner/qwen-2-splits-as-its-regular-expression-does",
                        GINT_TO_POINTER (STEER_SPLIT_QWEN2), test_split);
  g_test_add_func ("/text/scanner/published-patterns-are-recognised", test_known);
  g_test_add_func ("/text/regex/the-reference-engine's-white-space-is-meant", test_translation);
  g_test_add_func ("/text/utf8/each-ill-formed-part-becomes-one-replacement-character", test_lossy);
  g_test_add_func ("/text/utf8/an-excerpt-for-a-message-ends-with-a-character", test_excerpt);
  status = g_test_run ();
  g_free (differs);
  return status;
}
