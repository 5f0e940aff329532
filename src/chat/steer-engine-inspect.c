/* What the worker does to look into a model: which features fire on tokens, and how long the residual stream is. */
#include "steer-engine-private.h"

#include <math.h>
#include <stdlib.h>

#include "steer-inspection-private.h"
#include "steer-norm-cache.h"

/* Tokens a chunk: enough for the encoder's products to be worth a reading of it, and few enough to give way soon. */
#define CHUNK_TOKENS 512

/* Layers that are tapped at a time when norms are measured, so that the residual streams take tens of megabytes. */
#define NORM_LAYERS 8

static gboolean
fail_invalid (GError **error, const char *what)
{
  g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID, what);
  return FALSE;
}

static gboolean
check_inspection (SteerWorker *self, SteerJob *job, GError **error)
{
  const SteerModelConfig *config;

  if (!steer_worker_check_loaded (self, g_task_get_cancellable (job->task), error))
    return FALSE;
  if (job->tokens->len == 0 || job->saes->len == 0)
    return fail_invalid (error, "there is nothing to inspect: tokens and an SAE are needed");
  if (job->tokens->len > self->context->options.n_context)
    {
      g_set_error (
        error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_CONTEXT_FULL,
        "the text has %u tokens; the context holds %u: inspect a part of it, or load the model with a longer "
        "context",
        job->tokens->len, self->context->options.n_context);
      return FALSE;
    }
  if (!steer_worker_check_tokens (self, job->tokens, error))
    return FALSE;
  config = steer_model_get_config (self->loaded->model);
  for (guint i = 0; i < job->saes->len; i++)
    if (!steer_vector_source_check_model (g_ptr_array_index (job->saes, i), config->d_model, config->n_layers, error))
      return FALSE;
  return TRUE;
}

/* @residual: [n_saes, n, d_model] */
static gboolean
encode_chunk (SteerInspection *inspection,
              GPtrArray *saes,
              const float *residual,
              guint n,
              GCancellable *cancellable,
              GError **error)
{
  for (guint i = 0; i < saes->len; i++)
    {
      SteerSae *sae = g_ptr_array_index (saes, i);
      const float *own = residual + (gsize) i * n * steer_sae_get_d_model (sae);
      g_autoptr (SteerSaeCodes) codes = steer_sae_encode (sae, own, n, 0, NULL, NULL, cancellable, error);

      if (codes == NULL)
        return FALSE;
      steer_inspection_append (inspection, i, codes, own);
    }
  return TRUE;
}

static SteerInspection *
inspect (SteerWorker *self, SteerJob *job, GError **error)
{
  GCancellable *cancellable = g_task_get_cancellable (job->task);
  g_autoptr (SteerInspection) inspection = NULL;
  g_autofree float *residual = NULL; /* [n_saes, CHUNK_TOKENS, d_model] */
  g_autofree guint *layers = NULL;   /* [n_saes] */
  SteerTimeline timeline;

  if (!check_inspection (self, job, error))
    return NULL;
  timeline = steer_worker_make_timeline (self, job->tokens, job->plan);
  layers = g_new (guint, job->saes->len);
  for (guint i = 0; i < job->saes->len; i++)
    layers[i] = steer_sae_get_layer (g_ptr_array_index (job->saes, i));
  residual = steer_worker_allocate_residual (job->saes->len, MIN (CHUNK_TOKENS, timeline.n_tokens),
                                             steer_model_get_config (self->loaded->model)->d_model, error);
  if (residual == NULL)
    return NULL;
  inspection = steer_inspection_new (timeline.tokens, timeline.n_tokens, job->saes, self->loaded->text.tokenizer);
  for (guint first = 0; first < timeline.n_tokens; first += CHUNK_TOKENS)
    {
      guint n = MIN (CHUNK_TOKENS, timeline.n_tokens - first);

      if (!steer_session_trace_range (&timeline, first, n, layers, job->saes->len, STEER_WANT_NOTHING, NULL, residual,
                                      cancellable, error)
          || !encode_chunk (inspection, job->saes, residual, n, cancellable, error))
        return NULL;
    }
  return g_steal_pointer (&inspection);
}

void
steer_worker_inspect (SteerWorker *self, SteerJob *job)
{
  GError *error = NULL;
  SteerInspection *inspection = inspect (self, job, &error);

  if (g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE))
    steer_worker_leave_device (self);
  if (inspection != NULL)
    g_task_return_pointer (job->task, inspection, (GDestroyNotify) steer_inspection_unref);
  else
    g_task_return_error (job->task, error);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return x < y ? -1 : x > y;
}

/* Median length of rows 1 to n - 1 of @residual [n, d_model]. */
static double
find_median_norm (const float *residual, guint n, guint d_model)
{
  g_autofree double *norms = g_new (double, n);

  for (guint t = 1; t < n; t++)
    {
      const float *h = residual + (gsize) t * d_model;
      double squares = 0.0;

      for (guint i = 0; i < d_model; i++)
        squares += (double) h[i] * (double) h[i];
      norms[t - 1] = sqrt (squares);
    }
  qsort (norms, n - 1, sizeof (double), compare_doubles);
  return n % 2 == 0 ? norms[(n - 1) / 2] : (norms[(n - 1) / 2 - 1] + norms[(n - 1) / 2]) / 2.0;
}

static GArray *
measure_norms (SteerWorker *self, GArray *tokens, GCancellable *cancellable, GError **error)
{
  const SteerModelConfig *config = steer_model_get_config (self->loaded->model);
  SteerTimeline timeline = steer_worker_make_timeline (self, tokens, NULL);
  g_autoptr (GArray) norms = g_array_new (FALSE, FALSE, sizeof (double));
  g_autofree float *residual
    = steer_worker_allocate_residual (MIN (NORM_LAYERS, config->n_layers), tokens->len, config->d_model, error);

  if (residual == NULL)
    return NULL;
  for (guint first = 0; first < config->n_layers; first += NORM_LAYERS)
    {
      guint n = MIN (NORM_LAYERS, config->n_layers - first);
      guint layers[NORM_LAYERS];

      for (guint i = 0; i < n; i++)
        layers[i] = first + i;
      if (!steer_session_trace_range (&timeline, 0, tokens->len, layers, n, STEER_WANT_NOTHING, NULL, residual,
                                      cancellable, error))
        return NULL;
      for (guint i = 0; i < n; i++)
        {
          double norm
            = find_median_norm (residual + (gsize) i * tokens->len * config->d_model, tokens->len, config->d_model);

          g_array_append_val (norms, norm);
        }
    }
  return g_steal_pointer (&norms);
}

static GArray *
find_norms (SteerWorker *self, SteerJob *job, GError **error)
{
  g_autoptr (SteerRequest) request = NULL;
  g_autoptr (GArray) tokens = NULL;
  g_autoptr (GArray) norms = NULL;
  guint n_layers;

  if (!steer_worker_check_loaded (self, g_task_get_cancellable (job->task), error))
    return NULL;
  n_layers = steer_model_get_config (self->loaded->model)->n_layers;
  norms = steer_norm_cache_read (steer_model_get_files (self->loaded->model), n_layers);
  if (norms != NULL)
    return g_steal_pointer (&norms);
  request = steer_request_new ();
  steer_request_set_text (request, steer_norm_text);
  tokens = steer_loaded_encode (self->loaded, request, error);
  if (tokens == NULL)
    return NULL;
  if (tokens->len > self->context->options.n_context)
    g_array_set_size (tokens, self->context->options.n_context);
  if (tokens->len < 2)
    {
      fail_invalid (error, "the context is too short to measure norms in");
      return NULL;
    }
  norms = measure_norms (self, tokens, g_task_get_cancellable (job->task), error);
  if (norms != NULL)
    steer_norm_cache_write (steer_model_get_files (self->loaded->model), norms);
  return g_steal_pointer (&norms);
}

void
steer_worker_measure_norms (SteerWorker *self, SteerJob *job)
{
  GError *error = NULL;
  GArray *norms = find_norms (self, job, &error);

  if (g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE))
    steer_worker_leave_device (self);
  if (norms != NULL)
    g_task_return_pointer (job->task, norms, (GDestroyNotify) g_array_unref);
  else
    g_task_return_error (job->task, error);
}

void
steer_engine_inspect_async (SteerEngine *self,
                            const gint32 *tokens,
                            guint n_tokens,
                            GPtrArray *saes,
                            SteerPlan *plan,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  SteerJob *job;

  g_return_if_fail (STEER_IS_ENGINE (self));
  g_return_if_fail (saes != NULL);

  job = steer_job_new (STEER_JOB_INSPECT);
  job->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (job->task, steer_engine_inspect_async);
  job->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_vals (job->tokens, tokens, n_tokens);
  job->saes = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < saes->len; i++)
    g_ptr_array_add (job->saes, g_object_ref (g_ptr_array_index (saes, i)));
  job->plan = plan != NULL ? steer_plan_ref (plan) : NULL;
  steer_engine_push (self, job);
}

SteerInspection *
steer_engine_inspect_finish (SteerEngine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
steer_engine_measure_norms_async (SteerEngine *self,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  SteerJob *job;

  g_return_if_fail (STEER_IS_ENGINE (self));

  job = steer_job_new (STEER_JOB_NORMS);
  job->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (job->task, steer_engine_measure_norms_async);
  steer_engine_push (self, job);
}

GArray *
steer_engine_measure_norms_finish (SteerEngine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
