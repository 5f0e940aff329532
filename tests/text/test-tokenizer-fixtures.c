/* Small tokenizers of every kind against Hugging Face's library; fixtures/text/make-tokenizers.py made the answers. */

#include "json-lines.h"
#include "test-util.h"

#include "text/steer-detokenizer.h"
#include "text/steer-tokenizer.h"

#include <string.h>

typedef struct
{
  SteerTokenizer *tokenizer;
  guint n_texts;
  guint n_random;
} Fixture;

static void
run_fixture (const char *name, void (*check) (JsonObject *line, gpointer data))
{
  g_autofree char *tokenizer_name = g_strdup_printf ("text/%s.json", name);
  g_autofree char *lines_name = g_strdup_printf ("text/%s.jsonl.gz", name);
  g_autofree char *tokenizer_path = test_fixture_path (tokenizer_name);
  g_autofree char *lines_path = test_fixture_path (lines_name);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = steer_tokenizer_new_from_file (tokenizer_path, &error);
  Fixture fixture = { .tokenizer = tokenizer };

  g_assert_no_error (error);
  json_lines_foreach (lines_path, check, &fixture);
  g_assert_cmpuint (fixture.n_texts, >, 300);
  g_assert_cmpuint (fixture.n_random, >, 60);
}

static void
assert_text (const char *what, const char *text, const char *expected)
{
  g_autofree char *shown_what = NULL, *shown_text = NULL, *shown_expected = NULL;

  if (strcmp (text, expected) == 0)
    return;
  shown_what = g_strescape (what, NULL);
  shown_text = g_strescape (text, NULL);
  shown_expected = g_strescape (expected, NULL);
  g_error ("\"%s\": got \"%s\", expected \"%s\"", shown_what, shown_text, shown_expected);
}

/* --- encoding --- */

static void
check_encode (SteerTokenizer *tokenizer, const char *text, SteerEncodeFlags flags, const GArray *expected)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GError) error = NULL;

  steer_tokenizer_encode (tokenizer, text, strlen (text), flags, ids, &error);
  g_assert_no_error (error);
  json_lines_assert_ids (text, ids, expected);
}

static void
check_encoding (JsonObject *line, gpointer data)
{
  Fixture *fixture = data;
  g_autoptr (GArray) ids = NULL;
  g_autoptr (GArray) parsed = NULL;
  const char *text;

  if (json_object_has_member (line, "random"))
    {
      fixture->n_random++;
      return;
    }
  fixture->n_texts++;
  text = json_lines_get_text (line, "text");
  ids = json_lines_get_ids (line, "ids");
  parsed = json_lines_get_ids (line, "parsed");
  check_encode (fixture->tokenizer, text, STEER_ENCODE_DEFAULT, ids);
  check_encode (fixture->tokenizer, text, STEER_ENCODE_PARSE_SPECIAL | STEER_ENCODE_ADD_BOS, parsed);
}

static void
test_encoding (gconstpointer name)
{
  run_fixture (name, check_encoding);
}

/* --- decoding, whole and streamed --- */

static void
check_decode (SteerTokenizer *tokenizer, const GArray *ids, gboolean skip_special, const char *expected)
{
  const gint32 *values = (const gint32 *) (gpointer) ids->data;
  g_autoptr (SteerDetokenizer) detokenizer = steer_detokenizer_new (tokenizer, skip_special);
  g_autoptr (GString) streamed = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *whole = steer_tokenizer_decode (tokenizer, values, ids->len, skip_special, &error);

  g_assert_no_error (error);
  assert_text ("decoding", whole, expected);

  for (guint i = 0; i < ids->len; i++)
    {
      steer_detokenizer_push (detokenizer, values[i], streamed, &error);
      g_assert_no_error (error);
      g_assert_true (g_utf8_validate (streamed->str, (gssize) streamed->len, NULL));
      g_assert_true (g_str_has_prefix (expected, streamed->str));
    }
  steer_detokenizer_finish (detokenizer, streamed);
  assert_text ("streaming", streamed->str, expected);
}

static void
check_decoding (JsonObject *line, gpointer data)
{
  Fixture *fixture = data;
  gboolean random = json_object_has_member (line, "random");
  g_autoptr (GArray) ids = json_lines_get_ids (line, random ? "random" : "ids");

  check_decode (fixture->tokenizer, ids, FALSE, json_lines_get_text (line, "decoded"));
  fixture->n_random += random;
  fixture->n_texts += !random;
  if (!random)
    {
      g_autoptr (GArray) parsed = json_lines_get_ids (line, "parsed");

      check_decode (fixture->tokenizer, parsed, TRUE, json_lines_get_text (line, "parsed_decoded"));
    }
}

static void
test_decoding (gconstpointer name)
{
  run_fixture (name, check_decoding);
}

int
main (int argc, char **argv)
{
  static const char *const names[] = { "byte-gpt2", "byte-llama3",  "byte-qwen2", "byte-other", "sp-prepend",
                                       "sp-across", "sp-metaspace", "sp-words",   "sp-gemma" };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *encoding = g_strdup_printf ("/text/tokenizer/%s/texts-give-the-reference-ids", names[i]);
      g_autofree char *decoding
        = g_strdup_printf ("/text/tokenizer/%s/ids-give-the-reference-text-whole-and-streamed", names[i]);

      g_test_add_data_func (encoding, names[i], test_encoding);
      g_test_add_data_func (decoding, names[i], test_decoding);
    }
  return g_test_run ();
}
