/* The tokenizer of Llama 3.1 against ids from two independent tokenizers. */

#include "json-lines.h"
#include "test-util.h"

#include "text/steer-detokenizer.h"
#include "text/steer-tokenizer.h"

#include <string.h>

static SteerTokenizer *
load (void)
{
  g_autofree char *path = test_shared_path ("llama-3.1-8b-instruct/tokenizer.json");
  g_autoptr (GError) error = NULL;
  SteerTokenizer *tokenizer;

  if (path == NULL)
    return NULL;
  tokenizer = steer_tokenizer_new_from_file (path, &error);
  g_assert_no_error (error);
  return tokenizer;
}

static void
check_case (JsonObject *line, gpointer data)
{
  SteerTokenizer *tokenizer = data;
  const char *text = json_lines_get_text (line, "text");
  g_autoptr (GArray) expected = json_lines_get_ids (line, "ids");
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;
  g_autofree char *back = NULL;

  steer_tokenizer_encode (tokenizer, text, strlen (text), STEER_ENCODE_DEFAULT, ids, &error);
  g_assert_no_error (error);
  json_lines_assert_ids (text, ids, expected);

  back = steer_tokenizer_decode (tokenizer, (const gint32 *) (gpointer) ids->data, ids->len, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (back, ==, text);
}

static void
test_cases (void)
{
  g_autoptr (SteerTokenizer) tokenizer = load ();
  g_autofree char *path = tokenizer != NULL ? test_shared_path ("tokenizer/llama3-cases.jsonl.gz") : NULL;

  if (path == NULL)
    return;
  g_assert_cmpuint (json_lines_foreach (path, check_case, tokenizer), ==, 22649);
}

static void
test_questions (void)
{
  g_autoptr (SteerTokenizer) tokenizer = load ();

  if (tokenizer == NULL)
    return;
  g_assert_cmpuint (steer_tokenizer_get_n_tokens (tokenizer), ==, 128256);
  g_assert_cmpint (steer_tokenizer_find (tokenizer, "<|eot_id|>"), ==, 128009);
  g_assert_cmpint (steer_tokenizer_find (tokenizer, "Ġthe"), ==, 279);
  g_assert_cmpint (steer_tokenizer_find (tokenizer, " the"), ==, -1);
  g_assert_cmpstr (steer_tokenizer_get_content (tokenizer, 279), ==, "Ġthe");
  g_assert_null (steer_tokenizer_get_content (tokenizer, 128256));
  g_assert_null (steer_tokenizer_get_content (tokenizer, -1));
  g_assert_true (steer_tokenizer_is_special (tokenizer, 128009));
  g_assert_false (steer_tokenizer_is_special (tokenizer, 279));
  g_assert_false (steer_tokenizer_is_special (tokenizer, 1 << 30));
}

static void
test_memory (void)
{
  g_autoptr (SteerTokenizer) tokenizer = load ();

  if (tokenizer != NULL)
    g_assert_cmpuint (steer_tokenizer_get_memory_size (tokenizer), <, 20 << 20);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/llama3/every-string-gives-the-reference-ids-and-decodes-back", test_cases);
  g_test_add_func ("/text/llama3/tokens-are-found-by-content-and-by-id", test_questions);
  g_test_add_func ("/text/llama3/the-vocabulary-takes-less-than-20-MiB", test_memory);
  return g_test_run ();
}
