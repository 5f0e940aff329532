/* What must hold for any tokenizer and any file: errors, safety, speed on awkward text, trust. */

#include "json-lines.h"
#include "test-util.h"

#include "text/steer-detokenizer.h"
#include "text/steer-tokenizer.h"

#include <string.h>
#include <time.h>

/* --- helpers --- */

static SteerTokenizer *
load_fixture (const char *name)
{
  g_autofree char *relative = g_strdup_printf ("text/%s.json", name);
  g_autofree char *path = test_fixture_path (relative);
  g_autoptr (GError) error = NULL;
  SteerTokenizer *tokenizer = steer_tokenizer_new_from_file (path, &error);

  g_assert_no_error (error);
  return tokenizer;
}

static GArray *
encode (SteerTokenizer *tokenizer, const char *text, gsize length, SteerEncodeFlags flags)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;

  steer_tokenizer_encode (tokenizer, text, length, flags, ids, &error);
  g_assert_no_error (error);
  return ids;
}

static const gint32 *
values (const GArray *ids)
{
  return (const gint32 *) (gconstpointer) ids->data;
}

static SteerTokenizer *
parse (const char *json, GError **error)
{
  return steer_tokenizer_new_from_json (json, strlen (json), "tokenizer.json", error);
}

static void
assert_fails (const char *json, int code, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = parse (json, &error);

  if (tokenizer != NULL)
    g_error ("accepted: %s", json);
  g_assert_error (error, STEER_TEXT_ERROR, code);
  g_assert_true (g_str_has_prefix (error->message, "tokenizer.json: "));
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, part);
}

#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"

/* --- files --- */

static void
test_unsupported (void)
{
  static const char *const parts[][2] = {
    { "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", "WordPiece" },
    { "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "Unigram" },
    { "{\"model\":{\"vocab\":[[\"a\",0.0]]}}", "Unigram" },
    { "{\"normalizer\":{\"type\":\"Precompiled\"}," MODEL "}", "Precompiled" },
    { "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"}]}," MODEL "}", "Lowercase" },
    { "{\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}," MODEL "}", "BertPreTokenizer" },
    { "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[\\\\S]\"},\"behavior\":\"Isolated\"}," MODEL
      "}",
      "[\\S]" },
    { "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"Digits\"}]}"
      "," MODEL "}",
      "Digits" },
    { "{\"post_processor\":{\"type\":\"RobertaProcessing\"}," MODEL "}", "RobertaProcessing" },
    { "{\"decoder\":{\"type\":\"WordPiece\"}," MODEL "}", "WordPiece" },
    { "{\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"ByteFallback\"}]}," MODEL "}",
      "ByteFallback" },
    { "{\"model\":{\"type\":\"BPE\",\"dropout\":0.5,\"vocab\":{},\"merges\":[]}}", "dropout" },
    { "{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\",\"vocab\":{},\"merges\":[]}}",
      "end_of_word_suffix" },
    { "{\"model\":{\"type\":\"BPE\",\"continuing_subword_prefix\":\"##\",\"vocab\":{},\"merges\":[]}}",
      "continuing_subword_prefix" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    assert_fails (parts[i][0], STEER_TEXT_ERROR_UNSUPPORTED, parts[i][1]);
}

static void
test_invalid (void)
{
  static const char *const parts[][2] = {
    { "", "ends too early" },
    { "[]", "no object" },
    { "{}", "no \"model\"" },
    { "{\"model\":{}}", "vocab" },
    { "{\"model\":{\"vocab\":{}}}", "merges" },
    { "{" MODEL "}x", "byte" },
    { "{" MODEL "," MODEL "}", "second \"model\"" },
    { "{\"model\":{\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]}}", "\"a\" has both" },
    { "{\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "id 0 belongs to both" },
    { "{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "\"a\"" },
    { "{\"model\":{\"vocab\":{\"a\":4194304},\"merges\":[]}}", "\"a\"" },
    { "{\"model\":{\"vocab\":{\"a\":1e3},\"merges\":[]}}", "\"a\"" },
    { "{\"model\":{\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}}", "\"ab\"" },
    { "{\"model\":{\"vocab\":{\"a\":0,\"ab\":1},\"merges\":[\"a b\"]}}", "\"b\"" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}", "merge 0" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}}", "pair" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\",\"a\",\"a\"]]}}", "pair" },
    { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[7]}}", "merge 0" },
    { "{\"added_tokens\":[{\"id\":1}]," MODEL "}", "added token 0" },
    { "{\"added_tokens\":[{\"id\":1,\"content\":\"<x>\"}]," MODEL "}", "id 1" },
    { "{\"normalizer\":7," MODEL "}", "normalizer" },
    { "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"x\"}," MODEL "}",
      "empty pattern" },
    { "{\"decoder\":{\"type\":\"Strip\",\"content\":\"ab\",\"start\":1,\"stop\":0}," MODEL "}", "Strip" },
    { "{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},{"
      "\"Sequence\":{"
      "\"id\":\"A\"}}],\"special_tokens\":{}}," MODEL "}",
      "<s>" },
    { "{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},{"
      "\"Sequence\":{"
      "\"id\":\"A\"}}],\"special_tokens\":{\"<s>\":{\"ids\":[77]}}}," MODEL "}",
      "77" },
    { "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9085657\n", "git lfs pull" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    assert_fails (parts[i][0], STEER_TEXT_ERROR_INVALID, parts[i][1]);
}

static void
test_missing (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_tokenizer_new_from_file ("/nonexistent/tokenizer.json", &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

static void
test_orders (void)
{
  static const char *const models[] = {
    "{" MODEL "}",
    "{\"model\":{\"merges\":[\"a b\"],\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"type\":\"BPE\"}}",
    "{\"model\":{\"merges\":[[\"a\",\"b\"]],\"vocab\":{\"ab\":2,\"b\":1,\"a\":0}},\"added_tokens\":[]}",
    "{\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"#version: 0.2\",\"a b\"]},\"x\":[{}]}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerTokenizer) tokenizer = parse (models[i], &error);
      g_autoptr (GArray) ids = NULL;

      g_assert_no_error (error);
      ids = encode (tokenizer, "aabb", 4, STEER_ENCODE_DEFAULT);
      g_assert_cmpuint (ids->len, ==, 3);
      g_assert_cmpint (values (ids)[0], ==, 0);
      g_assert_cmpint (values (ids)[1], ==, 2);
      g_assert_cmpint (values (ids)[2], ==, 1);
    }
}

static void
test_unknown (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = parse ("{" MODEL "}", &error);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const gint32 beyond = 3;

  g_assert_no_error (error);
  g_assert_false (steer_tokenizer_encode (tokenizer, "abc", 3, STEER_ENCODE_DEFAULT, ids, &error));
  g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNKNOWN_TOKEN);
  g_assert_nonnull (strstr (error->message, "'c' (U+0063)"));
  g_assert_cmpuint (ids->len, ==, 0);
  g_clear_error (&error);

  g_assert_null (steer_tokenizer_decode (tokenizer, &beyond, 1, FALSE, &error));
  g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNKNOWN_TOKEN);
}

/* Every beginning of a file: as it ends in the middle of an object, none may load but the whole. */
static void
assert_no_truncation_loads (const char *json, gsize length)
{
  gsize whole = length;

  while (g_ascii_isspace (json[whole - 1]))
    whole--;
  for (gsize cut = 0; cut <= length; cut++)
    {
      g_autofree char *copy = g_memdup2 (json, MAX (cut, 1)); /* of its own, so that reading too far is seen */
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerTokenizer) tokenizer = steer_tokenizer_new_from_json (copy, cut, "tokenizer.json", &error);

      if (cut < whole)
        g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID);
      else
        g_assert_no_error (error);
      g_assert_true ((tokenizer != NULL) == (cut >= whole));
    }
}

static void
test_truncations (void)
{
  g_autofree char *path = test_fixture_path ("text/byte-llama3.json");
  gsize length;
  g_autofree char *json = json_lines_read_file (path, &length);

  assert_no_truncation_loads (json, length);
}

/* A small file with every part that a file can have. */
static void
test_truncations_of_parts (void)
{
  static const char json[]
    = "{\"version\": \"1.0\", \"truncation\": null, \"added_tokens\": [{\"id\": 0, \"content\": \"<unk>\", "
      "\"special\": true, "
      "\"normalized\": false, \"lstrip\": true, \"rstrip\": true, \"single_word\": false}, {\"id\": 9, \"content\": "
      "\"<\\u007cx\\ud83d\\ude00|>\"}], \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": "
      "\"NFC\"}, {\"type\": "
      "\"Prepend\", \"prepend\": \"\u2581\"}, {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": "
      "\"\u2581\"}, "
      "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"x{2,}\"}, \"content\": \"x\"}, {\"type\": \"Strip\", "
      "\"strip_left\": "
      "false, \"strip_right\": true}]}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
      "\"Digits\", "
      "\"individual_digits\": true}, {\"type\": \"Split\", \"pattern\": {\"Regex\": \"[aeiou]\"}, \"behavior\": "
      "\"Isolated\", "
      "\"invert\": false}, {\"type\": \"Metaspace\", \"replacement\": \"\u2581\", \"prepend_scheme\": \"first\", "
      "\"split\": false}]}, "
      "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"<unk>\", "
      "\"type_id\": 0}}, "
      "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}], \"special_tokens\": {\"<unk>\": {\"id\": \"<unk>\", \"ids\": "
      "[0], \"tokens\": "
      "[\"<unk>\"]}}}, \"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": "
      "{\"String\": "
      "\"\u2581\"}, \"content\": \" \"}, {\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}, {\"type\": \"Strip\", "
      "\"content\": \" \", "
      "\"start\": 1, \"stop\": 0}]}, \"model\": {\"merges\": [[\"a\", \"b\"], \"ab c\"], \"type\": \"BPE\", "
      "\"dropout\": null, "
      "\"unk_token\": \"<unk>\", \"fuse_unk\": true, \"byte_fallback\": true, \"ignore_merges\": false, \"vocab\": "
      "{\"<unk>\": 0, \"a\": 1, "
      "\"b\": 2, \"c\": 3, \"ab\": 4, \"abc\": 5, \"\u2581\": 6}}}";

  assert_no_truncation_loads (json, sizeof json - 1);
}

/* A byte changed anywhere: an error or a tokenizer that can be used. */
static void
test_changed_bytes (gconstpointer name)
{
  g_autofree char *relative = g_strdup_printf ("text/%s.json", (const char *) name);
  g_autofree char *path = test_fixture_path (relative);
  static const char replacements[] = "\"\\{}[],:0-9xn \0\377";
  gsize length;
  g_autofree char *json = json_lines_read_file (path, &length);
  guint n_loaded = 0;

  for (guint round = 0; round < 800; round++)
    {
      gsize at = (gsize) g_test_rand_int_range (0, (gint32) length);
      char old = json[at];
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerTokenizer) tokenizer = NULL;

      json[at] = replacements[g_test_rand_int_range (0, sizeof replacements - 1)];
      tokenizer = steer_tokenizer_new_from_json (json, length, "tokenizer.json", &error);
      json[at] = old;
      g_assert_true ((tokenizer != NULL) == (error == NULL));
      if (tokenizer != NULL)
        {
          g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
          g_autofree char *text = NULL;

          n_loaded++;
          if (steer_tokenizer_encode (tokenizer, "The weather,\nété 🦙 12", 25, STEER_ENCODE_PARSE_SPECIAL, ids,
                                      NULL))
            {
              text = steer_tokenizer_decode (tokenizer, values (ids), ids->len, FALSE, &error);
              g_assert_no_error (error);
            }
        }
    }
  g_assert_cmpuint (n_loaded, >, 0);
}

/* --- awkward text --- */

static void
test_random_bytes (gconstpointer name)
{
  g_autoptr (SteerTokenizer) tokenizer = load_fixture (name);
  gboolean bytes = g_str_has_prefix (name, "byte-");

  for (guint round = 0; round < 1500; round++)
    {
      gsize length = (gsize) g_test_rand_int_range (0, 40);
      g_autofree char *noise = g_malloc (length + 1);
      g_autoptr (GArray) ids = NULL;
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (GError) error = NULL;

      for (gsize i = 0; i < length; i++)
        noise[i] = (char) (g_test_rand_bit () ? g_test_rand_int_range (0, 256) : g_test_rand_int_range (0, 128));
      ids = encode (tokenizer, noise, length, STEER_ENCODE_DEFAULT);
      steer_tokenizer_decode_append (tokenizer, values (ids), ids->len, FALSE, text, &error);
      g_assert_no_error (error);
      g_assert_true (g_utf8_validate (text->str, -1, NULL));

      /* NUL included, what is valid comes back; "other" drops nothing either, and "gpt2" puts a space before */
      if (bytes && g_str_equal (name, "byte-llama3"))
        {
          g_autofree char *valid = g_utf8_make_valid (noise, (gssize) length);

          if (strlen (valid) == length && memcmp (valid, noise, length) == 0)
            g_assert_cmpmem (text->str, text->len, noise, length);
        }
    }
}

/* Seconds of this thread alone: the machine may be busy. */
static double
get_cpu_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
assert_quick (SteerTokenizer *tokenizer, const char *unit, gsize times)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) ids = NULL;
  double start;

  for (gsize i = 0; i < times; i++)
    g_string_append (text, unit);
  start = get_cpu_seconds ();
  ids = encode (tokenizer, text->str, text->len, STEER_ENCODE_DEFAULT);
  /* white space alone may be stripped */
  g_assert_true (ids->len > 0 || g_ascii_isspace (unit[0]));
  g_assert_cmpfloat (get_cpu_seconds () - start, <, 1.0);
}

static void
test_repetition (gconstpointer name)
{
  g_autoptr (SteerTokenizer) tokenizer = load_fixture (name);

  assert_quick (tokenizer, "a", 100000);
  assert_quick (tokenizer, " ", 100000);
  assert_quick (tokenizer, "\n", 100000);
  assert_quick (tokenizer, "1", 100000);
  assert_quick (tokenizer, "\314\201", 100000);
  assert_quick (tokenizer, "🦙", 100000);
  assert_quick (tokenizer, "the ", 100000);
  assert_quick (tokenizer, "<|eot|", 50000);
  assert_quick (tokenizer, "\377", 100000);
}

/* A long word is merged with a heap, a short one without: the same text must not depend on it. */
static void
test_long_words (void)
{
  g_autoptr (SteerTokenizer) across = load_fixture ("sp-across");
  g_autoptr (SteerTokenizer) prepend = load_fixture ("sp-prepend");

  for (guint round = 0; round < 300; round++)
    {
      static const char *const words[] = { "the", "weather", "he", "aaa", "'d", "writ", "ten", "x", "é", "🦙" };
      g_autoptr (GString) word = g_string_new (NULL);
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (GArray) one = NULL;
      g_autoptr (GArray) many = NULL;
      guint n_words = (guint) g_test_rand_int_range (1, 60);

      for (gint32 n = g_test_rand_int_range (1, 5); n > 0; n--)
        g_string_append (word, words[g_test_rand_int_range (0, G_N_ELEMENTS (words))]);
      for (guint i = 0; i < n_words; i++)
        g_string_append_printf (text, "%s%s", i > 0 ? " " : "", word->str);

      /* where no merge reaches over a space, n words have n times the ids of one */
      one = encode (prepend, word->str, word->len, STEER_ENCODE_DEFAULT);
      many = encode (prepend, text->str, text->len, STEER_ENCODE_DEFAULT);
      g_assert_cmpuint (many->len, ==, one->len * n_words);
      for (guint i = 0; i < many->len; i++)
        g_assert_cmpint (values (many)[i], ==, values (one)[i % one->len]);

      /* where some do, decoding still gives the text */
      g_array_unref (g_steal_pointer (&many));
      many = encode (across, text->str, text->len, STEER_ENCODE_DEFAULT);
      {
        g_autoptr (GError) error = NULL;
        g_autofree char *back = steer_tokenizer_decode (across, values (many), many->len, FALSE, &error);

        g_assert_no_error (error);
        g_assert_cmpstr (back, ==, text->str);
      }
    }
}

/* --- trust --- */

static gboolean
contains (const GArray *ids, gint32 id)
{
  for (guint i = 0; i < ids->len; i++)
    if (values (ids)[i] == id)
      return TRUE;
  return FALSE;
}

static void
test_typed_special (gconstpointer name)
{
  g_autoptr (SteerTokenizer) tokenizer = load_fixture (name);
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
          g_autoptr (GArray) typed = encode (tokenizer, text, strlen (text), STEER_ENCODE_DEFAULT);

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
      g_autoptr (GArray) piece = encode (tokenizer, *parts + special, strlen (*parts) - special,
                                         special ? STEER_ENCODE_PARSE_SPECIAL : STEER_ENCODE_DEFAULT);

      g_array_append_vals (expected, piece->data, piece->len);
    }
  json_lines_assert_ids ("spans", ids, expected);
}

static void
test_spans (void)
{
  g_autoptr (SteerTokenizer) tokenizer = load_fixture ("byte-llama3");
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
    g_assert_cmpint (values (both)[0], ==, eot);
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
      g_autoptr (SteerTokenizer) tokenizer = load_fixture (names[i]);
      const char *special = i == 2 ? "<|eot|>" : "<s>";
      gint32 id = steer_tokenizer_find (tokenizer, special);
      const char *pieces[] = { "e\314\201 a  b e\314\201", special, " ", special, " e\314\201", NULL };
      g_autoptr (GArray) trusted = encode_spans (tokenizer, pieces, "ututu");
      g_autoptr (GArray) first = encode_spans (tokenizer, pieces, "utuuu");
      g_autoptr (GArray) none = encode_spans (tokenizer, pieces, "uuuuu");
      guint n_trusted = 0, n_first = 0;

      for (guint k = 0; k < trusted->len; k++)
        n_trusted += values (trusted)[k] == id;
      for (guint k = 0; k < first->len; k++)
        n_first += values (first)[k] == id;
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
  g_autoptr (SteerTokenizer) tokenizer
    = parse ("{\"added_tokens\":[{\"id\":9,\"content\":\"<|user|>\",\"special\":false,\"normalized\":false},"
             "{\"id\":8,\"content\":\"<tool>\",\"special\":false,\"normalized\":false}],\"model\":{\"type\":\"BPE\","
             "\"unk_token\":\"a\",\"vocab\":{\"a\":0},\"merges\":[]}}",
             &error);
  g_autoptr (GArray) typed = NULL;
  g_autoptr (GArray) trusted = NULL;

  g_assert_no_error (error);
  typed = encode (tokenizer, "<|user|><tool>", 14, STEER_ENCODE_DEFAULT);
  trusted = encode (tokenizer, "<|user|><tool>", 14, STEER_ENCODE_PARSE_SPECIAL);
  g_assert_false (contains (typed, 9));
  g_assert_true (contains (typed, 8));
  g_assert_true (contains (trusted, 9));
}

/* --- decoders --- */

static void
assert_decodes (const char *decoder, const char *expected)
{
  const gint32 ids[] = { 0, 1, 0, 2, 0, 0 }; /* a b a ab a a */
  g_autofree char *json = g_strdup_printf ("{%s" MODEL "}", decoder);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = parse (json, &error);
  g_autoptr (SteerDetokenizer) stream = NULL;
  g_autoptr (GString) streamed = g_string_new (NULL);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = steer_tokenizer_decode (tokenizer, ids, G_N_ELEMENTS (ids), FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, expected);

  /* a stream can be used again after its end */
  stream = steer_detokenizer_new (tokenizer, FALSE);
  for (guint round = 0; round < 2; round++)
    {
      g_string_truncate (streamed, 0);
      for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
        {
          g_assert_true (steer_detokenizer_push (stream, ids[i], streamed, &error));
          g_assert_true (g_str_has_prefix (expected, streamed->str));
        }
      steer_detokenizer_finish (stream, streamed);
      g_assert_cmpstr (streamed->str, ==, expected);
    }
}

/* The answers are those of the reference library. */
static void
test_decoders (void)
{
  assert_decodes ("", "a b a ab a a");
  assert_decodes ("\"decoder\":null,", "a b a ab a a");
  assert_decodes ("\"decoder\":{\"type\":\"Fuse\"},", "abaabaa");
  assert_decodes ("\"decoder\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"^a\"},\"content\":\"xy\"},",
                  "xybxyxybxyxy");
  assert_decodes ("\"decoder\":{\"type\":\"Strip\",\"content\":\"a\",\"start\":1,\"stop\":0},", "bb");
  assert_decodes ("\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"a\",\"prepend_scheme\":\"always\"},",
                  "b  b  ");
  assert_decodes ("\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"a\",\"prepend_scheme\":\"never\"},",
                  " b  b  ");
  assert_decodes (
    "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\"a\","
    "\"start\":2,\"stop\":1}]},",
    "baaba");
  assert_decodes (
    "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\"a\","
    "\"start\":0,\"stop\":5}]},",
    "abaab");
}

/* --- the rest --- */

typedef struct
{
  SteerTokenizer *tokenizer;
  const char *text;
  const GArray *expected;
} Job;

static gpointer
encode_often (gpointer data)
{
  Job *job = data;

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (GArray) ids = encode (job->tokenizer, job->text, strlen (job->text), STEER_ENCODE_DEFAULT);

      json_lines_assert_ids (job->text, ids, job->expected);
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (SteerTokenizer) alone = load_fixture ("byte-gpt2");
  g_autoptr (SteerTokenizer) shared = load_fixture ("byte-gpt2");
  const char *text = "It's raining again, and every evening he read what he had written. Größe 123 灯台守";
  g_autoptr (GArray) expected = encode (alone, text, strlen (text), STEER_ENCODE_DEFAULT);
  Job job = { shared, text, expected };
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("encode", encode_often, &job);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

static void
test_tinystories (void)
{
  g_autofree char *path = test_shared_path ("models/tinystories-656k/tokenizer.json");
  g_autofree char *answers_path
    = path != NULL ? test_shared_path ("models/tinystories-656k/expected-greedy.json") : NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  g_autoptr (GArray) ids = NULL;
  g_autoptr (GArray) expected = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *back = NULL;
  JsonObject *answers;
  const char *prompt;

  if (answers_path == NULL)
    return;
  tokenizer = steer_tokenizer_new_from_file (path, &error);
  g_assert_no_error (error);
  json_parser_load_from_file (parser, answers_path, &error);
  g_assert_no_error (error);
  answers = json_node_get_object (json_parser_get_root (parser));
  prompt = json_lines_get_text (answers, "prompt");
  expected = json_lines_get_ids (answers, "prompt_ids");
  ids = encode (tokenizer, prompt, strlen (prompt), STEER_ENCODE_ADD_BOS);
  json_lines_assert_ids (prompt, ids, expected);

  g_array_unref (g_steal_pointer (&ids));
  ids = json_lines_get_ids (answers, "greedy_ids");
  back = steer_tokenizer_decode (tokenizer, values (ids), ids->len, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (back, ==, json_lines_get_text (answers, "text"));
  g_free (back);
  back = steer_tokenizer_decode (tokenizer, values (ids), ids->len, TRUE, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (back, prompt));
}

static void
add_for_fixtures (const char *sentence, GTestDataFunc func)
{
  static const char *const names[]
    = { "byte-gpt2", "byte-llama3", "byte-qwen2", "byte-other", "sp-prepend", "sp-across", "sp-metaspace", "sp-words" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_strdup_printf ("/text/tokenizer/%s/%s", names[i], sentence);

      g_test_add_data_func (path, names[i], func);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/tokenizer/what-is-not-supported-is-named", test_unsupported);
  g_test_add_func ("/text/tokenizer/a-broken-file-is-an-error-that-says-where", test_invalid);
  g_test_add_func ("/text/tokenizer/a-missing-file-is-a-file-error", test_missing);
  g_test_add_func ("/text/tokenizer/members-may-come-in-any-order", test_orders);
  g_test_add_func ("/text/tokenizer/what-the-vocabulary-lacks-is-an-error", test_unknown);
  g_test_add_func ("/text/tokenizer/no-truncation-of-a-real-file-loads", test_truncations);
  g_test_add_func ("/text/tokenizer/no-truncation-of-any-part-loads", test_truncations_of_parts);
  add_for_fixtures ("a-changed-byte-is-an-error-or-harmless", test_changed_bytes);
  add_for_fixtures ("random-bytes-encode-and-decode-to-valid-text", test_random_bytes);
  add_for_fixtures ("long-repetitions-take-no-second", test_repetition);
  g_test_add_func ("/text/tokenizer/long-words-merge-as-short-ones-do", test_long_words);
  add_for_fixtures ("a-special-token-that-is-typed-stays-text", test_typed_special);
  g_test_add_func ("/text/tokenizer/only-trusted-spans-hold-special-tokens", test_spans);
  g_test_add_func ("/text/tokenizer/trust-passes-through-the-normalizer", test_spans_normalized);
  g_test_add_func ("/text/tokenizer/words-of-a-prompt-format-cannot-be-typed", test_lookalikes);
  g_test_add_func ("/text/tokenizer/every-decoder-streams-what-it-decodes", test_decoders);
  g_test_add_func ("/text/tokenizer/threads-may-share-it", test_threads);
  g_test_add_func ("/text/tokenizer/tinystories-gives-the-reference-ids-and-text", test_tinystories);
  return g_test_run ();
}
