/* Looking into a loaded model through the engine: what fires on tokens, and how long the residual stream is. */
#include "chat/steer-inspection.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "cpu/steer-cpu.h"
#include "steering/steer-sae-encode.h"
#include "engine-test-util.h"
#include "test-util.h"

/* "Hell" and more: a token a character, so that texts and tokens can be counted. */
#define TEXT "Hello, hello! Is the letter a or b here? "
#define WORDS "Don't stop: it’s Für Élise! ... hello HELLO 日本語のとても長い文章。"
#define LAYER 2

typedef struct
{
  SteerEngine *engine;
  SteerSae *sae;
  GPtrArray *saes;
  GArray *tokens;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autofree char *sae = test_fixture_path ("cli/sae/resid_post_layer_2/trainer_0");
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  SteerLoadOptions options;

  f->engine = steer_engine_new ();
  test_load_options_init (&options, model);
  test_engine_load_or_fail (f->engine, &options);
  f->sae = steer_sae_open (sae, NULL, NULL, &error);
  g_assert_no_error (error);
  f->saes = g_ptr_array_new ();
  g_ptr_array_add (f->saes, f->sae);

  /* More than a chunk of tokens, where the model's context allows. */
  while (text->len < (g_strcmp0 (data, "long") == 0 ? 600 : 1))
    g_string_append (text, g_strcmp0 (data, "words") == 0 ? WORDS : TEXT);
  steer_request_set_text (request, text->str);
  f->tokens = steer_engine_encode (f->engine, request, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_array_unref (f->tokens);
  g_ptr_array_unref (f->saes);
  g_object_unref (f->sae);
  test_assert_finalizes (f->engine);
}

static SteerInspection *
inspect (Fixture *f, SteerPlan *plan, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  steer_engine_inspect_async (f->engine, (const gint32 *) (gpointer) f->tokens->data, f->tokens->len, f->saes, plan,
                              NULL, test_keep_result, &result);
  test_wait_for_result (&result, 60);
  return steer_engine_inspect_finish (f->engine, result, error);
}

static SteerInspection *
inspect_ok (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  SteerInspection *inspection = inspect (f, NULL, &error);

  g_assert_no_error (error);
  return inspection;
}

/* The whole stream at once, for comparison: [n_tokens, d_model]. */
static SteerTrace *
trace (Fixture *f)
{
  static const guint layers[] = { LAYER };
  g_autoptr (GError) error = NULL;
  SteerTrace *traced = test_engine_trace (f->engine, (const gint32 *) (gpointer) f->tokens->data, f->tokens->len,
                                          layers, 1, FALSE, &error);

  g_assert_no_error (error);
  return traced;
}

static void
test_tokens_fire_as_the_whole_stream_says (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerInspection) inspection = inspect_ok (f);
  g_autoptr (SteerTrace) traced = trace (f);
  g_autoptr (SteerSaeCodes) codes
    = steer_sae_encode (f->sae, traced->residual, traced->n_tokens, 1, NULL, NULL, NULL, NULL);
  double norm = 0.0;

  g_assert_cmpuint (steer_inspection_get_n_tokens (inspection), ==, f->tokens->len);
  for (guint t = 0; t < f->tokens->len; t++)
    {
      g_autoptr (GArray) list = steer_inspection_list_token (inspection, t, NULL, 0);
      const float *h = traced->residual + (gsize) t * traced->d_model;
      double squares = 0.0;

      g_assert_cmpuint (list->len, ==, codes->begin[t + 1] - codes->begin[t]);
      for (guint i = 0; i < list->len; i++)
        {
          const SteerActivation *activation = &g_array_index (list, SteerActivation, i);
          gsize j = codes->begin[t];

          g_assert_true (activation->sae == f->sae);
          g_assert_true (i == 0 || activation[-1].value >= activation->value);
          while (codes->active[j].feature != activation->feature)
            g_assert_cmpuint (++j, <, codes->begin[t + 1]);
          g_assert_cmpfloat_with_epsilon (activation->value, codes->active[j].value, 1e-4f * codes->active[j].value);
        }
      for (guint i = 0; i < traced->d_model; i++)
        squares += (double) h[i] * (double) h[i];
      norm += t > 0 ? sqrt (squares) / (f->tokens->len - 1.0) : 0.0;
    }
  g_assert_cmpfloat_with_epsilon (steer_inspection_get_norm (inspection, f->sae), norm, 1e-4 * norm);
}

/* Sums over a range, from the tokens one by one. */
static void
assert_firings (SteerInspection *inspection, guint first, guint n, guint counted_from, GArray *firings)
{
  for (guint i = 0; i < firings->len; i++)
    {
      const SteerFiring *firing = &g_array_index (firings, SteerFiring, i);
      double sum = 0.0;
      double total = 0.0;
      float largest = 0.0f;
      guint n_tokens = 0;

      for (guint t = 0; t < steer_inspection_get_n_tokens (inspection); t++)
        {
          g_autoptr (GArray) list = steer_inspection_list_token (inspection, t, NULL, 0);

          for (guint j = 0; j < list->len; j++)
            {
              const SteerActivation *activation = &g_array_index (list, SteerActivation, j);

              if (activation->feature != firing->feature)
                continue;
              total += t >= counted_from ? (double) activation->value : 0.0;
              if (t < first || t >= first + n)
                continue;
              n_tokens++;
              sum += (double) activation->value;
              largest = MAX (largest, activation->value);
              if (t == firing->peak)
                g_assert_cmpfloat (activation->value, ==, firing->largest);
            }
        }
      g_assert_cmpuint (firing->n_tokens, ==, n_tokens);
      g_assert_cmpfloat (firing->largest, ==, largest);
      g_assert_cmpfloat_with_epsilon (firing->sum, sum, 1e-9 * sum);
      g_assert_cmpfloat_with_epsilon (firing->specificity, (double) largest * (double) largest / total, 1e-6);
    }
}

static void
test_ranges_are_sums_of_their_tokens (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerInspection) inspection = inspect_ok (f);
  g_autoptr (GArray) whole
    = steer_inspection_list_firings (inspection, 0, f->tokens->len, NULL, STEER_FIRING_BY_SUM, 7);
  g_autoptr (GArray) part = steer_inspection_list_firings (inspection, 5, 4, f->sae, STEER_FIRING_BY_SPECIFICITY, 0);
  g_autoptr (GArray) alone = steer_inspection_list_firings (inspection, 0, 1, NULL, STEER_FIRING_BY_SUM, 0);

  g_assert_cmpuint (whole->len, ==, 7);
  for (guint i = 1; i < whole->len; i++)
    g_assert_cmpfloat (g_array_index (whole, SteerFiring, i - 1).sum, >=, g_array_index (whole, SteerFiring, i).sum);
  assert_firings (inspection, 1, f->tokens->len - 1, 1, whole);
  g_assert_cmpuint (part->len, >, 0);
  for (guint i = 1; i < part->len; i++)
    g_assert_cmpfloat (g_array_index (part, SteerFiring, i - 1).specificity, >=,
                       g_array_index (part, SteerFiring, i).specificity);
  assert_firings (inspection, 5, 4, 1, part);
  assert_firings (inspection, 0, 1, 0, alone); /* the first token counts where it is all there is */
}

/* The words as a regular expression finds them; of Japanese the characters that a token brought. A token that completes
 * no character is of the one that comes. */
static char *
find_word (const char *text, gsize begin, gsize end)
{
  g_autoptr (GRegex) regex = g_regex_new ("[^\\W\\x{2e80}-\\x{ffff}]+(['’]\\w+)*|[\\x{2e80}-\\x{ffff}]", 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  end = MAX (end, MIN (begin + 1, strlen (text)));
  g_regex_match (regex, text, 0, &match);
  for (; g_match_info_matches (match); g_match_info_next (match, NULL))
    {
      int from, to;

      g_match_info_fetch_pos (match, 0, &from, &to);
      if ((gsize) from < end && (gsize) to > begin && g_unichar_isalnum (g_utf8_get_char (text + from)))
        return g_match_info_fetch (match, 0);
    }
  end = MAX (end, (gsize) (g_utf8_find_next_char (text + end - 1, NULL) - text));
  return g_strstrip (g_strndup (text + begin, end - begin));
}

static void
test_firings_are_told_by_their_words (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerInspection) inspection = inspect_ok (f);
  const char *text = steer_inspection_get_text (inspection);
  g_autoptr (GArray) firings
    = steer_inspection_list_firings (inspection, 1, f->tokens->len - 1, NULL, STEER_FIRING_BY_SUM, 0);

  g_assert_cmpuint (firings->len, >, 10);
  for (guint i = 0; i < firings->len; i++)
    {
      const SteerFiring *firing = &g_array_index (firings, SteerFiring, i);
      g_auto (GStrv) words = steer_inspection_dup_words (inspection, firing, 1, f->tokens->len - 1, 3);
      g_auto (GStrv) all = steer_inspection_dup_words (inspection, firing, 1, f->tokens->len - 1, 1000);
      g_autoptr (GHashTable) expected = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_autofree char *peak = NULL;
      gsize begin, end;

      for (guint t = 1; t < f->tokens->len; t++)
        if (steer_inspection_get_value (inspection, t, firing->sae, firing->feature) > 0)
          {
            g_autofree char *word = NULL;

            steer_inspection_get_place (inspection, t, &begin, &end);
            word = find_word (text, begin, end);
            if (*word != '\0')
              g_hash_table_add (expected, g_utf8_casefold (word, -1));
          }
      g_assert_cmpuint (g_strv_length (all), ==, g_hash_table_size (expected));
      for (guint j = 0; all[j] != NULL; j++)
        {
          g_autofree char *folded = g_utf8_casefold (all[j], -1);

          g_assert_true (g_hash_table_remove (expected, folded));
          g_assert_true (j >= 3 || g_strcmp0 (words[j], all[j]) == 0);
        }
      steer_inspection_get_place (inspection, firing->peak, &begin, &end);
      peak = find_word (text, begin, end);
      g_assert_true (*peak == '\0' || g_strcmp0 (all[0], peak) == 0);
      g_assert_cmpuint (g_strv_length (words), ==, MIN (3, g_strv_length (all)));
    }
}

static void
test_text_and_tokens_find_each_other (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerInspection) inspection = inspect_ok (f);
  const char *text = steer_inspection_get_text (inspection);
  gsize begin, end;
  guint first, n;

  g_assert_nonnull (strstr (text, "letter a"));
  g_assert_true (steer_inspection_find_text (inspection, "letter a", &first, &n, &begin));
  g_assert_cmpuint (begin, ==, strstr (text, "letter a") - text);
  for (guint t = 0; t < f->tokens->len; t++)
    {
      gsize from, to;

      steer_inspection_get_place (inspection, t, &from, &to);
      g_assert_cmpuint (from, <=, to);
      g_assert_true ((t >= first && t < first + n) == (to > begin && from < begin + strlen ("letter a") && to > from));
    }
  steer_inspection_get_place (inspection, f->tokens->len - 1, &begin, &end);
  g_assert_cmpuint (end, ==, strlen (text));
  g_assert_false (steer_inspection_find_text (inspection, "nowhere", &first, &n, NULL));
}

static void
test_strengths_are_a_share_of_the_norm (Fixture *f, gconstpointer data)
{
  g_autoptr (SteerInspection) inspection = inspect_ok (f);
  g_autoptr (GArray) firings
    = steer_inspection_list_firings (inspection, 0, f->tokens->len, NULL, STEER_FIRING_BY_SUM, 0);

  for (guint i = 0; i < firings->len; i++)
    {
      const SteerFiring *firing = &g_array_index (firings, SteerFiring, i);
      double strength = steer_inspection_suggest_strength (inspection, firing, 100.0);

      g_assert_cmpfloat (strength, >=, 25.0);
      g_assert_cmpfloat (strength, <=, 80.0);
    }
}

static void
test_what_does_not_fit_is_told (Fixture *f, gconstpointer data)
{
  g_autofree char *path = test_fixture_path ("steering/sae/saelens-standard");
  g_autoptr (SteerSae) other = steer_sae_open (path, NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (f->saes, other);
  g_assert_null (inspect (f, NULL, &error));
  g_assert_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_MISMATCH);
  g_clear_error (&error);
  g_ptr_array_set_size (f->saes, 0);
  g_assert_null (inspect (f, NULL, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
}

static void
test_cancelled (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  g_cancellable_cancel (cancellable);
  steer_engine_inspect_async (f->engine, (const gint32 *) (gpointer) f->tokens->data, f->tokens->len, f->saes, NULL,
                              cancellable, test_keep_result, &result);
  test_wait_for_result (&result, 20);
  g_assert_null (steer_engine_inspect_finish (f->engine, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static GArray *
measure_norms (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  GArray *norms;

  steer_engine_measure_norms_async (f->engine, NULL, test_keep_result, &result);
  test_wait_for_result (&result, 60);
  norms = steer_engine_measure_norms_finish (f->engine, result, &error);
  g_assert_no_error (error);
  return norms;
}

static void
test_norms_are_measured_once (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "steer-chat", "norms", NULL);
  g_autoptr (GArray) norms = measure_norms (f);
  g_autoptr (GArray) again = measure_norms (f);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);

  g_assert_cmpuint (norms->len, ==, steer_model_get_config (steer_engine_get_model (f->engine))->n_layers);
  for (guint i = 0; i < norms->len; i++)
    {
      g_assert_cmpfloat (g_array_index (norms, double, i), >, 0.0);
      g_assert_cmpfloat (g_array_index (norms, double, i), ==, g_array_index (again, double, i));
    }
  g_assert_nonnull (g_dir_read_name (dir));
}

int
main (int argc, char **argv)
{
  char *cache;
  int status;

  g_test_init (&argc, &argv, NULL);
  cache = test_make_dir ();
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  steer_backend_register (steer_cpu_backend ());
#define ADD(name, func, data) g_test_add ("/inspection/" name, Fixture, data, set_up, func, tear_down)
  ADD ("tokens fire as the whole stream says", test_tokens_fire_as_the_whole_stream_says, NULL);
  ADD ("tokens of several chunks fire as the whole stream says", test_tokens_fire_as_the_whole_stream_says, "long");
  ADD ("ranges are sums of their tokens", test_ranges_are_sums_of_their_tokens, NULL);
  ADD ("firings are told by their words", test_firings_are_told_by_their_words, NULL);
  ADD ("words are of any script", test_firings_are_told_by_their_words, "words");
  ADD ("text and tokens find each other", test_text_and_tokens_find_each_other, NULL);
  ADD ("strengths are a share of the norm", test_strengths_are_a_share_of_the_norm, NULL);
  ADD ("what does not fit is told", test_what_does_not_fit_is_told, NULL);
  ADD ("stops when cancelled", test_cancelled, NULL);
  ADD ("norms are measured once", test_norms_are_measured_once, NULL);
  status = g_test_run ();
  test_remove_dir (cache);
  return status;
}
