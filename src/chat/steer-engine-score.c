/* What the worker does to judge a text: how likely the unsteered model finds each token, and how far the residual
 * stream points along a direction while it reads them. */
#include "steer-score.h"

#include <math.h>

#include "steer-engine-private.h"

/* Tokens whose logits are held at a time: 33 MB with a vocabulary of 128,256. */
#define CHUNK_TOKENS 64

static gboolean
check_job (SteerWorker *self, SteerJob *job, GError **error)
{
  const SteerModelConfig *config;

  if (!steer_worker_check_loaded (self, g_task_get_cancellable (job->task), error))
    return FALSE;
  config = steer_model_get_config (self->loaded->model);
  if (job->first_token == 0 || job->first_token >= job->tokens->len)
    {
      g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                           "there is no token to judge: one with another before it is needed");
      return FALSE;
    }
  if (job->tokens->len > self->context->options.n_context)
    {
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_CONTEXT_FULL,
                   "the text has %u tokens; the context holds %u: judge a part of it, or load the model with a longer "
                   "context",
                   job->tokens->len, self->context->options.n_context);
      return FALSE;
    }
  if (job->vector != NULL && job->layer >= config->n_layers)
    {
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                   "layer %u does not exist: the model has layers 0 to %u", job->layer, config->n_layers - 1);
      return FALSE;
    }
  if (job->vector != NULL && g_bytes_get_size (job->vector) != config->d_model * sizeof (float))
    {
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                   "the direction has %zu numbers and the model's residual stream %u",
                   g_bytes_get_size (job->vector) / sizeof (float), config->d_model);
      return FALSE;
    }
  return steer_worker_check_tokens (self, job->tokens, error);
}

/* -ln of the probability of @token by softmax. @logits: [n_vocab] */
static double
find_surprisal (const float *logits, guint n_vocab, gint32 token)
{
  double largest = logits[0];
  double sum = 0.0;

  for (guint i = 1; i < n_vocab; i++)
    largest = MAX (largest, (double) logits[i]);
  for (guint i = 0; i < n_vocab; i++)
    sum += exp ((double) logits[i] - largest);
  return largest + log (sum) - (double) logits[token];
}

static double
find_product (const float *a, const float *b, guint n)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += (double) a[i] * (double) b[i];
  return sum;
}

/* The logits of a token tell of the next one, its residual stream of itself. */
static gboolean
score_tokens (SteerWorker *self, SteerJob *job, float *logits, float *residual, SteerScore *score, GError **error)
{
  const SteerModelConfig *config = steer_model_get_config (self->loaded->model);
  SteerTimeline timeline = steer_worker_make_timeline (self, job->tokens, NULL);
  const float *vector = job->vector != NULL ? g_bytes_get_data (job->vector, NULL) : NULL;
  guint n_taps = vector != NULL ? 1 : 0;
  guint before = job->first_token - 1; /* what is only read */

  for (guint at = 0; at < timeline.n_tokens;)
    {
      gboolean judged = at >= before;
      guint n = MIN (CHUNK_TOKENS, (judged ? timeline.n_tokens : before) - at);

      if (!steer_session_trace_range (&timeline, at, n, &job->layer, judged ? n_taps : 0,
                                      judged ? STEER_WANT_ALL_LOGITS : STEER_WANT_NOTHING, judged ? logits : NULL,
                                      judged ? residual : NULL, g_task_get_cancellable (job->task), error))
        return FALSE;
      for (guint i = 0; judged && i < n; i++)
        {
          if (at + i + 1 < timeline.n_tokens)
            score->surprisal
              += find_surprisal (logits + (gsize) i * config->n_vocab, config->n_vocab, timeline.tokens[at + i + 1]);
          if (vector != NULL && at + i >= job->first_token)
            score->projection += find_product (residual + (gsize) i * config->d_model, vector, config->d_model);
        }
      at += n;
    }
  return TRUE;
}

static gboolean
score_job (SteerWorker *self, SteerJob *job, SteerScore *score, GError **error)
{
  const SteerModelConfig *config;
  g_autofree float *logits = NULL;   /* [CHUNK_TOKENS, n_vocab] */
  g_autofree float *residual = NULL; /* [CHUNK_TOKENS, d_model] */

  if (!check_job (self, job, error))
    return FALSE;
  config = steer_model_get_config (self->loaded->model);
  logits = g_try_new (float, (gsize) CHUNK_TOKENS * config->n_vocab);
  if (logits == NULL)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
                   "not enough memory for the logits of %u tokens", CHUNK_TOKENS);
      return FALSE;
    }
  residual = steer_worker_allocate_residual (1, CHUNK_TOKENS, config->d_model, error);
  if (residual == NULL || !score_tokens (self, job, logits, residual, score, error))
    return FALSE;
  score->n_tokens = job->tokens->len - job->first_token;
  score->surprisal /= score->n_tokens;
  score->projection /= score->n_tokens;
  return TRUE;
}

void
steer_worker_score (SteerWorker *self, SteerJob *job)
{
  GError *error = NULL;
  SteerScore score = { 0 };
  gboolean scored = score_job (self, job, &score, &error);

  if (g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE))
    steer_worker_leave_device (self);
  if (scored)
    g_task_return_pointer (job->task, g_memdup2 (&score, sizeof score), g_free);
  else
    g_task_return_error (job->task, error);
}

void
steer_engine_score_async (SteerEngine *self,
                          const gint32 *tokens,
                          guint n_tokens,
                          guint first,
                          guint layer,
                          GBytes *vector,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  SteerJob *job;

  g_return_if_fail (STEER_IS_ENGINE (self));

  job = steer_job_new (STEER_JOB_SCORE);
  job->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (job->task, steer_engine_score_async);
  job->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_vals (job->tokens, tokens, n_tokens);
  job->first_token = first;
  job->layer = layer;
  job->vector = vector != NULL ? g_bytes_ref (vector) : NULL;
  steer_engine_push (self, job);
}

gboolean
steer_engine_score_finish (SteerEngine *self, GAsyncResult *result, SteerScore *score, GError **error)
{
  g_autofree SteerScore *told = NULL;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  told = g_task_propagate_pointer (G_TASK (result), error);
  if (told == NULL)
    return FALSE;
  *score = *told;
  return TRUE;
}
