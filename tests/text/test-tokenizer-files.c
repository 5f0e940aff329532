/* Tokenizer files that are broken, cut short, or of a kind that is not known. */

#include "json-lines.h"
#include "test-util.h"
#include "tokenizer-util.h"

#include "text/steer-tokenizer.h"

#include <string.h>

static void
assert_fails (const char *json, int code, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_parse (json, &error);

  if (tokenizer != NULL)
    g_error ("accepted: %s", json);
  g_assert_error (error, STEER_TEXT_ERROR, code);
  g_assert_true (g_str_has_prefix (error->message, "tokenizer.json: "));
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, part);
}

static void
test_unsupported (void)
{
  static const char *const parts[][2] = {
    { "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", "WordPiece" },
    { "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "Unigram" },
    { "{\"model\":{\"vocab\":[[\"a\",0.0]]}}", "Unigram" },
    { "{\"normalizer\":{\"type\":\"Precompiled\"}," TOKENIZER_MODEL "}", "Precompiled" },
    { "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"}]}," TOKENIZER_MODEL "}",
      "Lowercase" },
    { "{\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}," TOKENIZER_MODEL "}", "BertPreTokenizer" },
    { "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[\\\\S]\"},\"behavior\":\"Isolated\"}"
      "," TOKENIZER_MODEL "}",
      "[\\S]" },
    { "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"Digits\"}]}"
      "," TOKENIZER_MODEL "}",
      "Digits" },
    { "{\"post_processor\":{\"type\":\"RobertaProcessing\"}," TOKENIZER_MODEL "}", "RobertaProcessing" },
    { "{\"decoder\":{\"type\":\"WordPiece\"}," TOKENIZER_MODEL "}", "WordPiece" },
    { "{\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"ByteFallback\"}]}"
      "," TOKENIZER_MODEL "}",
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
    { "{" TOKENIZER_MODEL "}x", "byte" },
    { "{" TOKENIZER_MODEL "," TOKENIZER_MODEL "}", "second \"model\"" },
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
    { "{\"added_tokens\":[{\"id\":1}]," TOKENIZER_MODEL "}", "added token 0" },
    { "{\"added_tokens\":[{\"id\":1,\"content\":\"<x>\"}]," TOKENIZER_MODEL "}", "id 1" },
    { "{\"normalizer\":7," TOKENIZER_MODEL "}", "normalizer" },
    { "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"x\"}," TOKENIZER_MODEL "}",
      "empty pattern" },
    { "{\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"ab\"}," TOKENIZER_MODEL "}", "one character" },
    { "{\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"\"}," TOKENIZER_MODEL "}", "one character" },
    { "{\"decoder\":{\"type\":\"Strip\",\"content\":\"ab\",\"start\":1,\"stop\":0}," TOKENIZER_MODEL "}", "Strip" },
    { "{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},{"
      "\"Sequence\":{"
      "\"id\":\"A\"}}],\"special_tokens\":{}}," TOKENIZER_MODEL "}",
      "<s>" },
    { "{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},{"
      "\"Sequence\":{"
      "\"id\":\"A\"}}],\"special_tokens\":{\"<s>\":{\"ids\":[77]}}}," TOKENIZER_MODEL "}",
      "77" },
    { "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9085657\n", "git lfs pull" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    assert_fails (parts[i][0], STEER_TEXT_ERROR_INVALID, parts[i][1]);
}

/* A tokenizer.json whose @member is a Sequence of @n times @part. */
static char *
write_sequence (const char *member, const char *list, guint n, const char *part, const char *model)
{
  g_autoptr (GString) parts = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (parts, "%s%s", i > 0 ? "," : "", part);
  return g_strdup_printf ("{\"%s\":{\"type\":\"Sequence\",\"%s\":[%s]},%s}", member, list, parts->str, model);
}

static void
test_steps (void)
{
  static const char *const kinds[][4] = {
    { "normalizer", "normalizers", "{\"type\":\"NFC\"}", "the normalizer has 65 steps" },
    { "pre_tokenizer", "pretokenizers", "{\"type\":\"Digits\"}", "the pre-tokenizer has 65 steps" },
    { "decoder", "decoders", "{\"type\":\"ByteFallback\"}", "the decoder has 65 steps" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *most = write_sequence (kinds[i][0], kinds[i][1], 64, kinds[i][2], TOKENIZER_MODEL);
      g_autofree char *more = write_sequence (kinds[i][0], kinds[i][1], 65, kinds[i][2], TOKENIZER_MODEL);
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerTokenizer) tokenizer = tokenizer_parse (most, &error);

      g_assert_no_error (error);
      assert_fails (more, STEER_TEXT_ERROR_UNSUPPORTED, kinds[i][3]);
    }
}

#define MULTIPLY                                                                                                       \
  "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"

static void
assert_multiplies (const char *json)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_parse (json, &error);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  g_assert_no_error (error);
  g_assert_false (steer_tokenizer_encode (tokenizer, "a", 1, STEER_ENCODE_DEFAULT, ids, &error));
  g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED);
}

/* Each step makes little of a text; one behind the other they would make more than there is memory for. */
static void
test_growth (void)
{
  static const char added[] = "\"added_tokens\":[{\"id\":3,\"content\":\"<aa>\",\"normalized\":true}]";
  static const char model[] = "\"model\":{\"vocab\":{\"a\":0,\"x\":1,\"y\":2},\"merges\":[]}";
  g_autofree char *once = write_sequence ("normalizer", "normalizers", 1, MULTIPLY, model);
  g_autofree char *often = write_sequence ("normalizer", "normalizers", 40, MULTIPLY, model);
  g_autofree char *marks
    = write_sequence ("pre_tokenizer", "pretokenizers", 15,
                      "{\"type\":\"Metaspace\",\"replacement\":\"x\",\"prepend_scheme\":\"always\"},"
                      "{\"type\":\"Split\",\"pattern\":{\"Regex\":\".\"},\"behavior\":\"Isolated\"},"
                      "{\"type\":\"Metaspace\",\"replacement\":\"y\",\"prepend_scheme\":\"always\"},"
                      "{\"type\":\"Split\",\"pattern\":{\"Regex\":\".\"},\"behavior\":\"Isolated\"}",
                      model);
  g_autofree char *both = g_strjoin (",", added, model, NULL);
  g_autofree char *token = write_sequence ("normalizer", "normalizers", 40, MULTIPLY, both);
  g_autofree char *decoder = write_sequence ("decoder", "decoders", 40, MULTIPLY, model);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_parse (once, &error);
  g_autoptr (SteerTokenizer) decoding = NULL;
  g_autoptr (GArray) ids = NULL;
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  ids = tokenizer_encode (tokenizer, "a", 1, STEER_ENCODE_DEFAULT);
  g_assert_cmpuint (ids->len, ==, 32);
  assert_multiplies (often);
  assert_multiplies (marks);
  assert_fails (token, STEER_TEXT_ERROR_UNSUPPORTED, "the added token \"<aa>\"");

  /* A reply is not given up for it: what would be too long is left as it is. */
  decoding = tokenizer_parse (decoder, &error);
  g_assert_no_error (error);
  text = steer_tokenizer_decode (decoding, (const gint32[]){ 0 }, 1, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (text), ==, 32 * 32 * 32);
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
    "{" TOKENIZER_MODEL "}",
    "{\"model\":{\"merges\":[\"a b\"],\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"type\":\"BPE\"}}",
    "{\"model\":{\"merges\":[[\"a\",\"b\"]],\"vocab\":{\"ab\":2,\"b\":1,\"a\":0}},\"added_tokens\":[]}",
    "{\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"#version: 0.2\",\"a b\"]},\"x\":[{}]}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (models); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerTokenizer) tokenizer = tokenizer_parse (models[i], &error);
      g_autoptr (GArray) ids = NULL;

      g_assert_no_error (error);
      ids = tokenizer_encode (tokenizer, "aabb", 4, STEER_ENCODE_DEFAULT);
      g_assert_cmpuint (ids->len, ==, 3);
      g_assert_cmpint (tokenizer_ids (ids)[0], ==, 0);
      g_assert_cmpint (tokenizer_ids (ids)[1], ==, 2);
      g_assert_cmpint (tokenizer_ids (ids)[2], ==, 1);
    }
}

static void
test_unknown (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_parse ("{" TOKENIZER_MODEL "}", &error);
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
              text = steer_tokenizer_decode (tokenizer, tokenizer_ids (ids), ids->len, FALSE, &error);
              g_assert_no_error (error);
            }
        }
    }
  g_assert_cmpuint (n_loaded, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/tokenizer/what-is-not-supported-is-named", test_unsupported);
  g_test_add_func ("/text/tokenizer/a-broken-file-is-an-error-that-says-where", test_invalid);
  g_test_add_func ("/text/tokenizer/a-file-may-have-64-steps-of-a-kind", test_steps);
  g_test_add_func ("/text/tokenizer/no-file-makes-a-text-grow-without-end", test_growth);
  g_test_add_func ("/text/tokenizer/a-missing-file-is-a-file-error", test_missing);
  g_test_add_func ("/text/tokenizer/members-may-come-in-any-order", test_orders);
  g_test_add_func ("/text/tokenizer/what-the-vocabulary-lacks-is-an-error", test_unknown);
  g_test_add_func ("/text/tokenizer/no-truncation-of-a-real-file-loads", test_truncations);
  g_test_add_func ("/text/tokenizer/no-truncation-of-any-part-loads", test_truncations_of_parts);
  tokenizer_add_for_fixtures ("a-changed-byte-is-an-error-or-harmless", test_changed_bytes);
  return g_test_run ();
}
