/* Tokenizers made from plain lists, as GGUF files carry them, against SentencePiece and against tokenizer.json. */

#include "json-lines.h"
#include "test-util.h"

#include "text/steer-tokenizer-vocab.h"

#include <string.h>

/* --- SentencePiece --- */

typedef struct
{
  SteerTokenizer *tokenizer;
  gint32 unknown;
  gboolean bytes;
  guint n;
} Sentence;

static void
begin_vocab (Sentence *sentence, JsonObject *line)
{
  JsonArray *tokens = json_object_get_array_member (line, "tokens");
  JsonArray *scores = json_object_get_array_member (line, "scores");
  g_autoptr (GArray) types = json_lines_get_ids (line, "types");
  guint n = json_array_get_length (tokens);
  g_autofree const char **contents = g_new (const char *, n);
  g_autofree float *values = g_new (float, n);
  SteerVocabOptions options = STEER_VOCAB_OPTIONS_INIT;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    {
      contents[i] = json_array_get_string_element (tokens, i);
      values[i] = (float) json_array_get_double_element (scores, i);
    }
  options.model = STEER_VOCAB_SENTENCEPIECE;
  options.tokens = contents;
  options.n_tokens = n;
  options.types = (const gint32 *) (gpointer) types->data;
  options.scores = values;
  options.unknown = (gint32) json_object_get_int_member (line, "unknown");
  options.bos = 1;
  options.eos = 2;
  options.add_bos = TRUE;
  sentence->unknown = options.unknown;
  sentence->tokenizer = steer_tokenizer_new_from_vocab (&options, "test", &error);
  g_assert_no_error (error);
}

static void
check_sentence (JsonObject *line, gpointer data)
{
  Sentence *sentence = data;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) expected = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *back = NULL;
  const char *text;

  if (json_object_has_member (line, "tokens"))
    {
      begin_vocab (sentence, line);
      return;
    }
  text = json_lines_get_text (line, "text");
  expected = json_lines_get_ids (line, "ids");
  steer_tokenizer_encode (sentence->tokenizer, text, strlen (text), STEER_ENCODE_DEFAULT, ids, &error);
  g_assert_no_error (error);
  json_lines_assert_ids (text, ids, expected);
  sentence->n++;

  /* what is unknown has no text to compare */
  if (!sentence->bytes)
    return;
  back = steer_tokenizer_decode (sentence->tokenizer, (const gint32 *) (gpointer) ids->data, ids->len, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (back, ==, json_lines_get_text (line, "decoded"));
}

static void
test_sentencepiece (gconstpointer name)
{
  g_autofree char *relative = g_strdup_printf ("text/%s.jsonl.gz", (const char *) name);
  g_autofree char *path = test_fixture_path (relative);
  Sentence sentence = { .bytes = g_str_equal (name, "vocab-bytes") };
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;
  gint32 eot;

  json_lines_foreach (path, check_sentence, &sentence);
  g_assert_cmpuint (sentence.n, >, 300);

  eot = steer_tokenizer_find (sentence.tokenizer, "<|eot|>");
  g_assert_true (steer_tokenizer_is_special (sentence.tokenizer, eot));
  steer_tokenizer_encode (sentence.tokenizer, "<|eot|>", 7, STEER_ENCODE_PARSE_SPECIAL | STEER_ENCODE_ADD_BOS, ids,
                          &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ids->len, ==, 2);
  g_assert_cmpint (g_array_index (ids, gint32, 0), ==, 1);
  g_assert_cmpint (g_array_index (ids, gint32, 1), ==, eot);
  g_object_unref (sentence.tokenizer);
}

/* --- byte-level --- */

typedef struct
{
  GPtrArray *tokens;
  GArray *types;
  GPtrArray *merges;
} Lists;

/* The lists of a tokenizer.json. */
static void
read_lists (const char *name, Lists *lists)
{
  g_autofree char *relative = g_strdup_printf ("text/%s.json", name);
  g_autofree char *path = test_fixture_path (relative);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = steer_tokenizer_new_from_file (path, &error);
  JsonObject *root;
  JsonArray *merges, *added;

  g_assert_no_error (error);
  json_parser_load_from_file (parser, path, &error);
  g_assert_no_error (error);
  root = json_node_get_object (json_parser_get_root (parser));

  lists->tokens = g_ptr_array_new_with_free_func (g_free);
  lists->types = g_array_new (FALSE, FALSE, sizeof (gint32));
  for (guint i = 0; i < steer_tokenizer_get_n_tokens (tokenizer); i++)
    {
      gint32 type = steer_tokenizer_is_special (tokenizer, (gint32) i) ? STEER_TOKEN_CONTROL : STEER_TOKEN_NORMAL;

      g_ptr_array_add (lists->tokens, g_strdup (steer_tokenizer_get_content (tokenizer, (gint32) i)));
      g_array_append_val (lists->types, type);
    }
  added = json_object_get_array_member (root, "added_tokens");
  for (guint i = 0; i < json_array_get_length (added); i++)
    {
      JsonObject *entry = json_array_get_object_element (added, i);
      guint id = (guint) json_object_get_int_member (entry, "id");

      if (!json_object_get_boolean_member (entry, "special"))
        g_array_index (lists->types, gint32, id) = STEER_TOKEN_USER_DEFINED;
    }
  lists->merges = g_ptr_array_new_with_free_func (g_free);
  merges = json_object_get_array_member (json_object_get_object_member (root, "model"), "merges");
  for (guint i = 0; i < json_array_get_length (merges); i++)
    {
      JsonNode *node = json_array_get_element (merges, i);

      if (JSON_NODE_HOLDS_ARRAY (node))
        g_ptr_array_add (lists->merges,
                         g_strjoin (" ", json_array_get_string_element (json_node_get_array (node), 0),
                                    json_array_get_string_element (json_node_get_array (node), 1), NULL));
      else
        g_ptr_array_add (lists->merges, g_strdup (json_node_get_string (node)));
    }
}

static SteerVocabOptions
get_options (const Lists *lists, const char *pre)
{
  SteerVocabOptions options = STEER_VOCAB_OPTIONS_INIT;

  options.model = STEER_VOCAB_BYTE_LEVEL;
  options.tokens = (const char *const *) lists->tokens->pdata;
  options.n_tokens = lists->tokens->len;
  options.types = (const gint32 *) (gpointer) lists->types->data;
  options.merges = (const char *const *) lists->merges->pdata;
  options.n_merges = lists->merges->len;
  options.pre = pre;
  return options;
}

static void
lists_clear (Lists *lists)
{
  g_ptr_array_unref (lists->tokens);
  g_array_unref (lists->types);
  g_ptr_array_unref (lists->merges);
}

static void
check_byte_level (JsonObject *line, gpointer data)
{
  SteerTokenizer *tokenizer = data;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) expected = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *back = NULL;
  const char *text;

  if (json_object_has_member (line, "random"))
    return;
  text = json_lines_get_text (line, "text");
  /* GGUF has no word for "only as a word of its own" */
  if (strstr (text, "alone") != NULL)
    return;
  expected = json_lines_get_ids (line, "ids");
  steer_tokenizer_encode (tokenizer, text, strlen (text), STEER_ENCODE_DEFAULT, ids, &error);
  g_assert_no_error (error);
  json_lines_assert_ids (text, ids, expected);
  back = steer_tokenizer_decode (tokenizer, (const gint32 *) (gpointer) ids->data, ids->len, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (back, ==, json_lines_get_text (line, "decoded"));
}

static void
test_byte_level (gconstpointer data)
{
  gboolean llama = g_str_equal (data, "byte-llama3");
  g_autofree char *relative = g_strdup_printf ("text/%s.jsonl.gz", (const char *) data);
  g_autofree char *path = test_fixture_path (relative);
  Lists lists;
  SteerVocabOptions options;
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  g_autoptr (GError) error = NULL;

  read_lists (data, &lists);
  options = get_options (&lists, llama ? "llama-bpe" : "qwen2");
  tokenizer = steer_tokenizer_new_from_vocab (&options, "test", &error);
  g_assert_no_error (error);
  lists_clear (&lists);
  g_assert_cmpuint (json_lines_foreach (path, check_byte_level, tokenizer), >, 300);
}

static void
test_pre (void)
{
  static const char *const known[]
    = { NULL,     "default",      "gpt-2",          "llama-bpe",        "qwen2",  "smollm",
        "tekken", "deepseek-llm", "deepseek-coder", "deepseek-r1-qwen", "falcon3" };
  Lists lists;

  read_lists ("byte-llama3", &lists);
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      SteerVocabOptions options = get_options (&lists, known[i]);
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerTokenizer) tokenizer = steer_tokenizer_new_from_vocab (&options, "test", &error);
      g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
      g_autofree char *back = NULL;
      const char *text = "It's 1234 Straße,\n\n  Ünïcode 🦙";

      g_assert_no_error (error);
      steer_tokenizer_encode (tokenizer, text, strlen (text), STEER_ENCODE_DEFAULT, ids, &error);
      g_assert_no_error (error);
      back = steer_tokenizer_decode (tokenizer, (const gint32 *) (gpointer) ids->data, ids->len, FALSE, &error);
      g_assert_cmpstr (back, ==, text);
    }
  lists_clear (&lists);
}

static void
assert_refused (const SteerVocabOptions *options, int code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_tokenizer_new_from_vocab (options, "model.gguf", &error));
  g_assert_error (error, STEER_TEXT_ERROR, code);
  g_assert_true (g_str_has_prefix (error->message, "model.gguf: "));
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, part);
}

static void
test_refused (void)
{
  static const char *const tokens[] = { "a", "b", "ab", "\377" };
  static const char *const merges[] = { "a b", "a c", "ab" };
  SteerVocabOptions options = STEER_VOCAB_OPTIONS_INIT;

  options.tokens = tokens;
  options.n_tokens = 4;
  assert_refused (&options, STEER_TEXT_ERROR_INVALID, "token 3 is not valid UTF-8");
  options.n_tokens = 3;
  options.merges = merges;
  options.n_merges = 2;
  assert_refused (&options, STEER_TEXT_ERROR_INVALID, "merge 1");
  options.merges = merges + 2;
  options.n_merges = 1;
  assert_refused (&options, STEER_TEXT_ERROR_INVALID, "merge 0");
  options.merges = merges;
  options.pre = "jais";
  assert_refused (&options, STEER_TEXT_ERROR_UNSUPPORTED, "\"jais\"");
  options.pre = NULL;
  options.bos = 3;
  assert_refused (&options, STEER_TEXT_ERROR_INVALID, "BOS id 3");
  options.bos = -1;
  options.model = STEER_VOCAB_SENTENCEPIECE;
  assert_refused (&options, STEER_TEXT_ERROR_INVALID, "scores");
}

/* Fillers that all have the same name keep their ids. */
static void
test_repeated (void)
{
  static const char *const tokens[] = { "a", "[PAD]", "[PAD]", "b" };
  static const gint32 types[] = { 1, 3, 3, 1 };
  const gint32 ids[] = { 0, 2, 3 };
  SteerVocabOptions options = STEER_VOCAB_OPTIONS_INIT;
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *all = NULL, *plain = NULL;

  options.tokens = tokens;
  options.types = types;
  options.n_tokens = 4;
  tokenizer = steer_tokenizer_new_from_vocab (&options, "test", &error);
  g_assert_no_error (error);
  g_assert_cmpint (steer_tokenizer_find (tokenizer, "[PAD]"), ==, 1);
  all = steer_tokenizer_decode (tokenizer, ids, 3, FALSE, &error);
  g_assert_cmpstr (all, ==, "a[PAD]b");
  plain = steer_tokenizer_decode (tokenizer, ids, 3, TRUE, &error);
  g_assert_cmpstr (plain, ==, "ab");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/text/vocab/scores-merge-as-sentencepiece-does", "vocab-bytes", test_sentencepiece);
  g_test_add_data_func ("/text/vocab/scores-merge-as-sentencepiece-does-without-bytes", "vocab-unknown",
                        test_sentencepiece);
  g_test_add_data_func ("/text/vocab/llama-3-from-lists-is-llama-3-from-json", "byte-llama3", test_byte_level);
  g_test_add_data_func ("/text/vocab/qwen-2-from-lists-is-qwen-2-from-json", "byte-qwen2", test_byte_level);
  g_test_add_func ("/text/vocab/every-named-way-of-cutting-words-round-trips", test_pre);
  g_test_add_func ("/text/vocab/broken-lists-are-refused", test_refused);
  g_test_add_func ("/text/vocab/repeated-fillers-keep-their-ids", test_repeated);
  return g_test_run ();
}
