/* What must hold for any tokenizer: safety and speed on awkward text, streams, threads. */

#include "json-lines.h"
#include "test-util.h"
#include "tokenizer-util.h"

#include "text/steer-detokenizer.h"
#include "text/steer-tokenizer.h"

#include <string.h>
#include <time.h>

/* --- awkward text --- */

static void
test_random_bytes (gconstpointer name)
{
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_load_fixture (name);
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
      ids = tokenizer_encode (tokenizer, noise, length, STEER_ENCODE_DEFAULT);
      steer_tokenizer_decode_append (tokenizer, tokenizer_ids (ids), ids->len, FALSE, text, &error);
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
  ids = tokenizer_encode (tokenizer, text->str, text->len, STEER_ENCODE_DEFAULT);
  /* white space alone may be stripped */
  g_assert_true (ids->len > 0 || g_ascii_isspace (unit[0]));
  /* A guard against time that grows with the square of the length, which would be minutes, not a measurement. */
  g_assert_cmpfloat (get_cpu_seconds () - start, <, 20.0);
}

static void
test_repetition (gconstpointer name)
{
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_load_fixture (name);

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
  g_autoptr (SteerTokenizer) across = tokenizer_load_fixture ("sp-across");
  g_autoptr (SteerTokenizer) prepend = tokenizer_load_fixture ("sp-prepend");

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
      one = tokenizer_encode (prepend, word->str, word->len, STEER_ENCODE_DEFAULT);
      many = tokenizer_encode (prepend, text->str, text->len, STEER_ENCODE_DEFAULT);
      g_assert_cmpuint (many->len, ==, one->len * n_words);
      for (guint i = 0; i < many->len; i++)
        g_assert_cmpint (tokenizer_ids (many)[i], ==, tokenizer_ids (one)[i % one->len]);

      /* where some do, decoding still gives the text */
      g_array_unref (g_steal_pointer (&many));
      many = tokenizer_encode (across, text->str, text->len, STEER_ENCODE_DEFAULT);
      {
        g_autoptr (GError) error = NULL;
        g_autofree char *back = steer_tokenizer_decode (across, tokenizer_ids (many), many->len, FALSE, &error);

        g_assert_no_error (error);
        g_assert_cmpstr (back, ==, text->str);
      }
    }
}

/* --- decoders --- */

static void
assert_decodes (const char *decoder, const char *expected)
{
  const gint32 ids[] = { 0, 1, 0, 2, 0, 0 }; /* a b a ab a a */
  g_autofree char *json = g_strdup_printf ("{%s" TOKENIZER_MODEL "}", decoder);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerTokenizer) tokenizer = tokenizer_parse (json, &error);
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
      g_autoptr (GArray) ids = tokenizer_encode (job->tokenizer, job->text, strlen (job->text), STEER_ENCODE_DEFAULT);

      json_lines_assert_ids (job->text, ids, job->expected);
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (SteerTokenizer) alone = tokenizer_load_fixture ("byte-gpt2");
  g_autoptr (SteerTokenizer) shared = tokenizer_load_fixture ("byte-gpt2");
  const char *text = "It's raining again, and every evening he read what he had written. Größe 123 灯台守";
  g_autoptr (GArray) expected = tokenizer_encode (alone, text, strlen (text), STEER_ENCODE_DEFAULT);
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
  ids = tokenizer_encode (tokenizer, prompt, strlen (prompt), STEER_ENCODE_ADD_BOS);
  json_lines_assert_ids (prompt, ids, expected);

  g_array_unref (g_steal_pointer (&ids));
  ids = json_lines_get_ids (answers, "greedy_ids");
  back = steer_tokenizer_decode (tokenizer, tokenizer_ids (ids), ids->len, FALSE, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (back, ==, json_lines_get_text (answers, "text"));
  g_free (back);
  back = steer_tokenizer_decode (tokenizer, tokenizer_ids (ids), ids->len, TRUE, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (back, prompt));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  tokenizer_add_for_fixtures ("random-bytes-encode-and-decode-to-valid-text", test_random_bytes);
  tokenizer_add_for_fixtures ("long-repetitions-take-no-second", test_repetition);
  g_test_add_func ("/text/tokenizer/long-words-merge-as-short-ones-do", test_long_words);
  g_test_add_func ("/text/tokenizer/every-decoder-streams-what-it-decodes", test_decoders);
  g_test_add_func ("/text/tokenizer/threads-may-share-it", test_threads);
  g_test_add_func ("/text/tokenizer/tinystories-gives-the-reference-ids-and-text", test_tinystories);
  return g_test_run ();
}
