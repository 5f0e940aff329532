/* Tokenizers and templates out of GGUF files that the gguf package wrote, against the cases of what they were made
 * from, whose ids come from Hugging Face's tokenizers and from SentencePiece. */

#include "json-lines.h"
#include "test-util.h"

#include "text/steer-chat-template.h"
#include "text/steer-tokenizer-gguf.h"

#include <string.h>

typedef struct
{
  SteerTokenizer *tokenizer;
  guint n;
} Cases;

static SteerTokenizer *
open_tokenizer (const char *name)
{
  g_autofree char *relative = g_strdup_printf ("text/%s.gguf", name);
  g_autofree char *path = test_fixture_path (relative);
  g_autoptr (GError) error = NULL;
  SteerTokenizer *tokenizer = steer_tokenizer_new_for_model (path, &error);

  g_assert_no_error (error);
  return tokenizer;
}

static void
check_case (JsonObject *line, gpointer data)
{
  Cases *cases = data;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) expected = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *back = NULL;
  const char *text;

  if (json_object_has_member (line, "random") || json_object_has_member (line, "tokens"))
    return;
  text = json_lines_get_text (line, "text");
  /* GGUF has no word for "only as a word of its own" */
  if (strstr (text, "alone") != NULL)
    return;
  expected = json_lines_get_ids (line, "ids");
  steer_tokenizer_encode (cases->tokenizer, text, strlen (text), STEER_ENCODE_DEFAULT, ids, &error);
  g_assert_no_error (error);
  json_lines_assert_ids (text, ids, expected);
  back = steer_tokenizer_decode (cases->tokenizer, (const gint32 *) (gpointer) ids->data, ids->len, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (back, ==, json_lines_get_text (line, "decoded"));
  cases->n++;
}

static void
check_cases (const char *gguf, const char *lines)
{
  g_autofree char *relative = g_strdup_printf ("text/%s.jsonl.gz", lines);
  g_autofree char *path = test_fixture_path (relative);
  Cases cases = { .tokenizer = open_tokenizer (gguf) };

  json_lines_foreach (path, check_case, &cases);
  g_assert_cmpuint (cases.n, >, 300);
  g_object_unref (cases.tokenizer);
}

static void
test_llama3 (void)
{
  check_cases ("gguf-llama3", "byte-llama3");
}

static void
test_qwen2 (void)
{
  check_cases ("gguf-qwen2", "byte-qwen2");
}

static void
test_sentencepiece (void)
{
  check_cases ("gguf-sentencepiece", "vocab-bytes");
}

/* A tokenizer.json written as GGUF and read back. */
static SteerTokenizer *
write_and_read (const char *json)
{
  g_autofree char *folder = test_make_dir ();
  g_autofree char *path = g_build_filename (folder, "a.gguf", NULL);
  g_autoptr (SteerGgufWriter) writer = steer_gguf_writer_new (path);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = steer_tokenizer_new_from_file (json, &error);
  SteerTokenizer *back;

  g_assert_no_error (error);
  /* with places for tokens that are not there */
  steer_tokenizer_write_gguf (tokenizer, writer, steer_tokenizer_get_n_tokens (tokenizer) + 3, json, &error);
  g_assert_no_error (error);
  g_assert_true (steer_gguf_writer_begin (writer, &error) && steer_gguf_writer_end (writer, &error));
  back = steer_tokenizer_new_for_model (path, &error);
  g_assert_no_error (error);
  test_remove_dir (g_steal_pointer (&folder));
  return back;
}

static void
test_written (void)
{
  static const char *const names[] = { "byte-llama3", "byte-qwen2", "sp-gemma" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *relative = g_strdup_printf ("text/%s.json", names[i]);
      g_autofree char *lines_relative = g_strdup_printf ("text/%s.jsonl.gz", names[i]);
      g_autofree char *json = test_fixture_path (relative);
      g_autofree char *lines = test_fixture_path (lines_relative);
      Cases cases = { .tokenizer = write_and_read (json) };

      json_lines_foreach (lines, check_case, &cases);
      g_assert_cmpuint (cases.n, >, 300);
      g_object_unref (cases.tokenizer);
    }
}

/* Gemma's tokens of several spaces are found in a text as such: the marks that they are listed with come later. */
static void
test_written_spaces (void)
{
  static const char *const texts[] = { "a b", "a  b", "a   b", "  a", "b   " };
  g_autofree char *folder = test_make_dir ();
  g_autofree char *json = g_build_filename (folder, "tokenizer.json", NULL);
  g_autoptr (SteerTokenizer) before = NULL;
  g_autoptr (SteerTokenizer) after = NULL;
  g_autoptr (GError) error = NULL;

  g_file_set_contents (json,
                       "{\"added_tokens\":[{\"id\":4,\"content\":\"▁▁\",\"normalized\":false,\"special\":false},"
                       "{\"id\":5,\"content\":\"▁▁▁\",\"normalized\":false,\"special\":false}],"
                       "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"▁\"},"
                       "\"pre_tokenizer\":null,\"post_processor\":null,\"decoder\":null,"
                       "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":true,"
                       "\"vocab\":{\"<unk>\":0,\"a\":1,\"b\":2,\"▁\":3,\"▁▁\":4,\"▁▁▁\":5,\"▁a\":6,\"▁b\":7},"
                       "\"merges\":[\"▁ ▁\",\"▁▁ ▁\",\"▁ ▁▁\",\"▁ a\",\"▁ b\"]}}",
                       -1, &error);
  g_assert_no_error (error);
  before = steer_tokenizer_new_from_file (json, &error);
  g_assert_no_error (error);
  after = write_and_read (json);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GArray) expected = g_array_new (FALSE, FALSE, sizeof (gint32));
      g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

      g_assert_true (
        steer_tokenizer_encode (before, texts[i], strlen (texts[i]), STEER_ENCODE_DEFAULT, expected, &error));
      g_assert_true (steer_tokenizer_encode (after, texts[i], strlen (texts[i]), STEER_ENCODE_DEFAULT, ids, &error));
      json_lines_assert_ids (texts[i], ids, expected);
    }
  test_remove_dir (g_steal_pointer (&folder));
}

static void
check_outside_case (JsonObject *line, gpointer data)
{
  const char *text = json_lines_get_text (line, "text");
  g_autoptr (GArray) expected = json_lines_get_ids (line, "ids");
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;

  steer_tokenizer_encode (data, text, strlen (text), STEER_ENCODE_DEFAULT, ids, &error);
  g_assert_no_error (error);
  json_lines_assert_ids (text, ids, expected);
}

static void
test_written_llama31 (void)
{
  g_autofree char *json = test_shared_path ("llama-3.1-8b-instruct/tokenizer.json");
  g_autofree char *lines = json != NULL ? test_shared_path ("tokenizer/llama3-cases.jsonl.gz") : NULL;
  g_autoptr (SteerTokenizer) tokenizer = NULL;

  if (lines == NULL)
    return;
  tokenizer = write_and_read (json);
  g_assert_cmpuint (json_lines_foreach (lines, check_outside_case, tokenizer), ==, 22649);
}

/* A SentencePiece vocabulary whose tokenizer.json lists merges becomes one with scores: the texts of the other test
 * encode alike before and after. */
typedef struct
{
  SteerTokenizer *before;
  SteerTokenizer *after;
} Pair;

static void
check_alike (JsonObject *line, gpointer data)
{
  Pair *pair = data;
  g_autoptr (GArray) before = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) after = g_array_new (FALSE, FALSE, sizeof (gint32));
  const char *text;

  if (!json_object_has_member (line, "text"))
    return;
  text = json_lines_get_text (line, "text");
  steer_tokenizer_encode (pair->before, text, strlen (text), STEER_ENCODE_ADD_BOS, before, NULL);
  steer_tokenizer_encode (pair->after, text, strlen (text), STEER_ENCODE_ADD_BOS, after, NULL);
  json_lines_assert_ids (text, after, before);
}

static void
test_written_tinystories (void)
{
  g_autofree char *json = test_shared_path ("models/tinystories-656k/tokenizer.json");
  g_autofree char *lines = test_fixture_path ("text/vocab-bytes.jsonl.gz");
  g_autoptr (SteerTokenizer) before = NULL;
  g_autoptr (SteerTokenizer) after = NULL;
  Pair pair;

  if (json == NULL)
    return;
  pair.before = before = steer_tokenizer_new_from_file (json, NULL);
  pair.after = after = write_and_read (json);
  g_assert_cmpuint (json_lines_foreach (lines, check_alike, &pair), >, 300);
}

/* Where the file does not say, SentencePiece begins with BOS and Qwen2 does not. */
static void
test_bos (void)
{
  static const struct
  {
    const char *name;
    gint32 bos;
  } files[] = { { "gguf-sentencepiece", 1 }, { "gguf-qwen2", -1 } };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (SteerTokenizer) tokenizer = open_tokenizer (files[i].name);
      g_autoptr (GArray) plain = g_array_new (FALSE, FALSE, sizeof (gint32));
      g_autoptr (GArray) begun = g_array_new (FALSE, FALSE, sizeof (gint32));

      g_assert_true (steer_tokenizer_encode (tokenizer, "a", 1, STEER_ENCODE_DEFAULT, plain, NULL));
      g_assert_true (steer_tokenizer_encode (tokenizer, "a", 1, STEER_ENCODE_ADD_BOS, begun, NULL));
      g_assert_cmpuint (begun->len, ==, plain->len + (files[i].bos >= 0 ? 1 : 0));
      if (files[i].bos >= 0)
        g_assert_cmpint (g_array_index (begun, gint32, 0), ==, files[i].bos);
    }
}

static void
test_template (void)
{
  g_autofree char *path = test_fixture_path ("text/gguf-qwen2.gguf");
  g_autofree char *without = test_fixture_path ("text/gguf-llama3.gguf");
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerChatTemplate) template = steer_chat_template_new_for_model (path, &error);
  g_autoptr (SteerRendering) rendering = NULL;
  const SteerTurn turn = { STEER_ROLE_USER, "Hello" };

  g_assert_no_error (error);
  g_assert_cmpint (steer_chat_template_get_family (template), ==, STEER_TEMPLATE_CHATML);
  rendering = steer_chat_template_render (template, &turn, 1, STEER_OPENING_REPLY, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (rendering->text, ==, "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n");

  g_assert_null (steer_chat_template_new_for_model (without, &error));
  g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_NOT_FOUND);
}

static void
test_none (void)
{
  g_autofree char *path = test_fixture_path ("cpu/qwen2/model.gguf");
  g_autofree char *folder = test_make_dir ();
  g_autoptr (GError) error = NULL;

  g_assert_null (steer_tokenizer_new_for_model (path, &error));
  g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (steer_tokenizer_new_for_model (folder, &error));
  g_assert_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_NOT_FOUND);
  test_remove_dir (g_steal_pointer (&folder));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/gguf/llama-3-gives-the-ids-of-its-tokenizer-json", test_llama3);
  g_test_add_func ("/text/gguf/qwen-2-gives-the-ids-of-its-tokenizer-json", test_qwen2);
  g_test_add_func ("/text/gguf/sentencepiece-gives-the-ids-of-its-model", test_sentencepiece);
  g_test_add_func ("/text/gguf/what-we-write-gives-the-ids-of-the-tokenizer-json", test_written);
  g_test_add_func ("/text/gguf/tokens-of-several-spaces-are-written-with-spaces", test_written_spaces);
  g_test_add_func ("/text/gguf/what-we-write-of-llama-3.1-gives-its-ids", test_written_llama31);
  g_test_add_func ("/text/gguf/what-we-write-of-merges-with-spaces-marked-gives-their-ids", test_written_tinystories);
  g_test_add_func ("/text/gguf/a-silent-file-begins-as-its-kind-does", test_bos);
  g_test_add_func ("/text/gguf/the-chat-template-comes-along", test_template);
  g_test_add_func ("/text/gguf/a-model-without-a-tokenizer-is-told-apart-from-a-broken-one", test_none);
  return g_test_run ();
}
