/* What the unsteered model makes of a text, against the logits and the residual stream that a trace gives of it. */
#include "chat/steer-score.h"

#include <math.h>
#include <string.h>

#include "cpu/steer-cpu.h"
#include "chat-test-util.h"
#include "engine-test-util.h"
#include "test-model.h"
#include "test-util.h"

#define N_VOCAB 96
#define D_MODEL 32

/* More than two chunks. */
#define N_TOKENS 150

typedef struct
{
  char *dir;
  SteerEngine *engine;
  gint32 tokens[N_TOKENS];
} Fixture;

static void
load (Fixture *f, guint n_slots)
{
  SteerLoadOptions options;

  test_load_options_init (&options, f->dir);
  options.context.n_context = N_TOKENS;
  options.context.n_slots = n_slots;
  options.context.kv_dtype = STEER_DTYPE_F32;
  test_engine_load_or_fail (f->engine, &options);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = test_make_dir ();
  f->engine = steer_engine_new ();
  for (guint i = 0; i < N_TOKENS; i++)
    f->tokens[i] = g_test_rand_int_range (0, N_VOCAB);
  if (data != NULL)
    return;
  test_write_model (f->dir, &(TestModelShape){ .n_vocab = N_VOCAB, .d_model = D_MODEL });
  load (f, 2);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  test_assert_finalizes (f->engine);
  test_remove_dir (f->dir);
}

static gboolean
score (Fixture *f, guint n, guint first, guint layer, GBytes *vector, SteerScore *told, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  steer_engine_score_async (f->engine, f->tokens, n, first, layer, vector, NULL, test_keep_result, &result);
  test_wait_for_result (&result, 60);
  return steer_engine_score_finish (f->engine, result, told, error);
}

/* -ln p, by the definition. */
static double
find_surprisal (const float *logits, gint32 token)
{
  double sum = 0.0;

  for (guint i = 0; i < N_VOCAB; i++)
    sum += exp ((double) logits[i]);
  return -log (exp ((double) logits[token]) / sum);
}

static SteerTrace *
trace (Fixture *f, guint n, guint layer)
{
  g_autoptr (GError) error = NULL;
  SteerTrace *traced = test_engine_trace (f->engine, f->tokens, n, &layer, 1, TRUE, &error);

  g_assert_no_error (error);
  return traced;
}

static void
test_scores_are_those_of_a_trace (Fixture *f, gconstpointer data)
{
  static const struct
  {
    guint n;
    guint first;
  } texts[]
    = { { 2, 1 }, { 40, 1 }, { 40, 39 }, { 64, 1 }, { 65, 64 }, { 66, 1 }, { 129, 65 }, { 150, 66 }, { 150, 149 } };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      guint layer = i % 3;
      g_autoptr (GBytes) vector = test_make_unit_vector (D_MODEL, i);
      const float *v = g_bytes_get_data (vector, NULL);
      g_autoptr (SteerTrace) traced = trace (f, texts[i].n, layer);
      guint n = texts[i].n - texts[i].first;
      double surprisal = 0.0, projection = 0.0;
      g_autoptr (GError) error = NULL;
      SteerScore told, unprojected;

      for (guint t = texts[i].first; t < texts[i].n; t++)
        {
          surprisal += find_surprisal (traced->logits + (gsize) (t - 1) * N_VOCAB, f->tokens[t]) / n;
          for (guint k = 0; k < D_MODEL; k++)
            projection += (double) traced->residual[t * D_MODEL + k] * (double) v[k] / n;
        }
      score (f, texts[i].n, texts[i].first, layer, vector, &told, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (told.n_tokens, ==, n);
      g_assert_cmpfloat_with_epsilon (told.surprisal, surprisal, 1e-4);
      g_assert_cmpfloat_with_epsilon (told.projection, projection, 1e-4);

      g_assert_true (score (f, texts[i].n, texts[i].first, 0, NULL, &unprojected, NULL));
      g_assert_cmpfloat (unprojected.surprisal, ==, told.surprisal);
      g_assert_cmpfloat (unprojected.projection, ==, 0.0);
    }
}

/* Tokens of the prompt that a reply finds in the cache. */
static guint
reply_reusing (Fixture *f)
{
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autoptr (SteerReply) reply = NULL;
  SteerReplyStats stats;
  SteerSampling sampling;

  steer_sampling_init (&sampling);
  sampling.max_tokens = 1;
  steer_request_set_ids (request, f->tokens, 20);
  steer_request_set_sampling (request, &sampling);
  reply = steer_engine_reply (f->engine, request);
  test_reply_wait (reply, 60);
  steer_reply_get_stats (reply, &stats);
  return stats.n_reused_tokens;
}

static void
test_a_chat_keeps_its_cache (Fixture *f, gconstpointer data)
{
  SteerScore told;

  reply_reusing (f);
  g_assert_true (score (f, 50, 10, 0, NULL, &told, NULL));
  g_assert_cmpuint (reply_reusing (f), ==, 20);
}

static void
test_what_cannot_be_scored_is_told (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) narrow = test_make_unit_vector (D_MODEL - 1, 1);
  g_autoptr (GBytes) vector = test_make_unit_vector (D_MODEL, 1);
  static const struct
  {
    guint n;
    guint first;
    guint layer;
    gint32 token;
    int code;
  } mistakes[] = {
    { 10, 0, 0, 1, STEER_CHAT_ERROR_INVALID },       { 10, 10, 0, 1, STEER_CHAT_ERROR_INVALID },
    { 0, 1, 0, 1, STEER_CHAT_ERROR_INVALID },        { 10, 1, 3, 1, STEER_CHAT_ERROR_INVALID },
    { 10, 1, 0, N_VOCAB, STEER_CHAT_ERROR_INVALID }, { 10, 1, 0, -1, STEER_CHAT_ERROR_INVALID },
  };
  g_autoptr (GError) error = NULL;
  SteerScore told;

  for (guint i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      f->tokens[5] = mistakes[i].token;
      g_assert_false (score (f, mistakes[i].n, mistakes[i].first, mistakes[i].layer, vector, &told, &error));
      g_assert_error (error, STEER_CHAT_ERROR, mistakes[i].code);
      g_clear_error (&error);
    }
  f->tokens[5] = 1;
  g_assert_false (score (f, 10, 1, 0, narrow, &told, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_true (score (f, 10, 1, 0, vector, &told, &error));
}

static void
test_a_text_longer_than_the_context_is_refused (Fixture *f, gconstpointer data)
{
  gint32 tokens[N_TOKENS + 1] = { 0 };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  SteerScore told;

  steer_engine_score_async (f->engine, tokens, N_TOKENS + 1, 1, 0, NULL, NULL, test_keep_result, &result);
  test_wait_for_result (&result, 60);
  g_assert_false (steer_engine_score_finish (f->engine, result, &told, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_CONTEXT_FULL);
}

static void
test_without_a_model (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  SteerScore told;

  g_assert_false (score (f, 10, 1, 0, NULL, &told, &error));
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_MODEL);
}

static void
test_cancelled (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  SteerScore told;

  g_cancellable_cancel (cancellable);
  steer_engine_score_async (f->engine, f->tokens, 100, 1, 0, NULL, cancellable, test_keep_result, &result);
  test_wait_for_result (&result, 60);
  g_assert_false (steer_engine_score_finish (f->engine, result, &told, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
#define ADD(name, func, data) g_test_add ("/score/" name, Fixture, data, set_up, func, tear_down)
  ADD ("scores are those of a trace", test_scores_are_those_of_a_trace, NULL);
  ADD ("a chat keeps its cache", test_a_chat_keeps_its_cache, NULL);
  ADD ("what cannot be scored is told", test_what_cannot_be_scored_is_told, NULL);
  ADD ("a text longer than the context is refused", test_a_text_longer_than_the_context_is_refused, NULL);
  ADD ("without a model there is an error", test_without_a_model, "empty");
  ADD ("one that was cancelled says so", test_cancelled, NULL);
  return g_test_run ();
}
