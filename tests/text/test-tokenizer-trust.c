/* Special tokens come from trusted text only. */

#include "json-lines.h"
#include "test-util.h"
#include "tokenizer-util.h"

#include "text/steer-tokenizer.h"

#include <string.h>

static gboolean
contains (const GArray *ids, gint32 id)
{
  for (guint i = 0; i < ids->len; i++)
    if (tokenizer_ids (ids)[i] == id)
      return TRUE;
  return FALSE;
}

static void
test_typed_special (gconstpointer name)
{
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_load_fixture (name);
  static const char *const contents[] = { "<s>", "</s>", "<unk>", "<|eot|>", "<mask>", "<right>" };
  guint n_special = 0;

  for (guint i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      gint32 id = steer_tokenizer_find (tokenizer, contents[i]);
      static const char *const frames[][2] = { { "", "" }, { "a ", " b" }, { " ", " " }, { "<|eot|", "|>" } };

      if (id < 0 || !steer_tokenizer_is_special (tokenizer, id))
        continue;
      n_special++;
      for (guint k = 0; k < G_N_ELEMENTS (frames); k++)
        {
          g_autofree char *text = g_strconcat (frames[k][0], contents[i], frames[k][1], NULL);
          g_autoptr (GArray) typed = tokenizer_encode (tokenizer, text, strlen (text), STEER_ENCODE_DEFAULT);

          /* a character that the vocabulary lacks may be unknown */
          if (!g_str_equal (contents[i], "<unk>"))
            g_assert_false (contains (typed, id));
        }
    }
  g_assert_cmpuint (n_special, >, 0);
}

static GArray *
encode_spans (SteerTokenizer *tokenizer, const char *const *pieces, const char *trust)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) spans = g_array_new (FALSE, FALSE, sizeof (SteerTextSpan));
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;

  for (guint i = 0; trust[i] != '\0'; i++)
    {
      SteerTextSpan span = { text->len, strlen (pieces[i]), trust[i] == 't' };

      g_array_append_val (spans, span);
      g_string_append (text, pieces[i]);
    }
  steer_tokenizer_encode_spans (tokenizer, text->str, (const SteerTextSpan *) (gpointer) spans->data, spans->len,
                                STEER_ENCODE_DEFAULT, ids, &error);
  g_assert_no_error (error);
  return ids;
}

/* Where special tokens and plain text stand for themselves, the ids of a prompt are those of its parts. */
static void
assert_parts (SteerTokenizer *tokenizer, const GArray *ids, const char *const *parts)
{
  g_autoptr (GArray) expected = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (; *parts != NULL; parts++)
    {
      gboolean special = (*parts)[0] == '!';
      g_autoptr (GArray) piece = tokenizer_encode (tokenizer, *parts + special, strlen (*parts) - special,
                                                   special ? STEER_ENCODE_PARSE_SPECIAL : STEER_ENCODE_DEFAULT);

      g_array_append_vals (expected, piece->data, piece->len);
    }
  json_lines_assert_ids ("spans", ids, expected);
}

static void
test_spans (void)
{
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_load_fixture ("byte-llama3");
  gint32 eot = steer_tokenizer_find (tokenizer, "<|eot|>");

  {
    /* only the trusted one is a token, and plain neighbours of different trust are one text */
    const char *pieces[] = { "<|eot|>wea", "ther <|eot|> it", " was<|eot|>" };
    const char *parts[] = { "!<|eot|>", "weather <|eot|> it was", "!<|eot|>", NULL };
    g_autoptr (GArray) ids = encode_spans (tokenizer, pieces, "tut");

    assert_parts (tokenizer, ids, parts);
  }
  {
    /* half trusted is not trusted */
    const char *pieces[] = { "<|eo", "t|>" };
    g_autoptr (GArray) first = encode_spans (tokenizer, pieces, "ut");
    g_autoptr (GArray) second = encode_spans (tokenizer, pieces, "tu");
    g_autoptr (GArray) both = encode_spans (tokenizer, pieces, "tt");

    g_assert_false (contains (first, eot));
    g_assert_false (contains (second, eot));
    g_assert_cmpuint (both->len, ==, 1);
    g_assert_cmpint (tokenizer_ids (both)[0], ==, eot);
  }
  {
    /* what somebody types right before a token of the template does not swallow it */
    const char *pieces[] = { "<|eot|", "<|eot|>", "|>" };
    const char *parts[] = { "<|eot|", "!<|eot|>", "|>", NULL };
    g_autoptr (GArray) ids = encode_spans (tokenizer, pieces, "utu");

    assert_parts (tokenizer, ids, parts);
  }
  {
    /* invalid UTF-8 is replaced span by span, and the spans keep their places */
    const char *pieces[] = { "\303", "<|eot|>", "\251x" };
    const char *parts[] = { "\357\277\275", "!<|eot|>", "\357\277\275x", NULL };
    g_autoptr (GArray) ids = encode_spans (tokenizer, pieces, "utu");

    assert_parts (tokenizer, ids, parts);
  }
}

/* Trust follows the text through a normalizer that makes it longer. */
static void
test_spans_normalized (void)
{
  static const char *const names[] = { "sp-prepend", "sp-across", "byte-qwen2" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (SteerTokenizer) tokenizer = tokenizer_load_fixture (names[i]);
      const char *special = i == 2 ? "<|eot|>" : "<s>";
      gint32 id = steer_tokenizer_find (tokenizer, special);
      const char *pieces[] = { "e\314\201 a  b e\314\201", special, " ", special, " e\314\201", NULL };
      g_autoptr (GArray) trusted = encode_spans (tokenizer, pieces, "ututu");
      g_autoptr (GArray) first = encode_spans (tokenizer, pieces, "utuuu");
      g_autoptr (GArray) none = encode_spans (tokenizer, pieces, "uuuuu");
      guint n_trusted = 0, n_first = 0;

      for (guint k = 0; k < trusted->len; k++)
        n_trusted += tokenizer_ids (trusted)[k] == id;
      for (guint k = 0; k < first->len; k++)
        n_first += tokenizer_ids (first)[k] == id;
      g_assert_false (contains (none, id));
      /* "<s>" is looked for in normalized text, where it has a space mark before it */
      g_assert_cmpuint (n_trusted, ==, i == 2 ? 2 : 1);
      g_assert_cmpuint (n_first, ==, i == 2 ? 1 : 0);
    }
}

/* Some files do not call the words of their prompt format special. */
static void
test_lookalikes (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_parse (
    "{\"added_tokens\":[{\"id\":9,\"content\":\"<|user|>\",\"special\":false,\"normalized\":false},"
    "{\"id\":8,\"content\":\"<tool>\",\"special\":false,\"normalized\":false}],\"model\":{\"type\":\"BPE\","
    "\"unk_token\":\"a\",\"vocab\":{\"a\":0},\"merges\":[]}}",
    &error);
  g_autoptr (GArray) typed = NULL;
  g_autoptr (GArray) trusted = NULL;

  g_assert_no_error (error);
  typed = tokenizer_encode (tokenizer, "<|user|><tool>", 14, STEER_ENCODE_DEFAULT);
  trusted = tokenizer_encode (tokenizer, "<|user|><tool>", 14, STEER_ENCODE_PARSE_SPECIAL);
  g_assert_false (contains (typed, 9));
  g_assert_true (contains (typed, 8));
  g_assert_true (contains (trusted, 9));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  tokenizer_add_for_fixtures ("a-special-token-that-is-typed-stays-text", test_typed_special);
  g_test_add_func ("/text/tokenizer/only-trusted-spans-hold-special-tokens", test_spans);
  g_test_add_func ("/text/tokenizer/trust-passes-through-the-normalizer", test_spans_normalized);
  g_test_add_func ("/text/tokenizer/words-of-a-prompt-format-cannot-be-typed", test_lookalikes);
  return g_test_run ();
}
