/* The worker thread: one job after the other, and the loading of models. */
#include "steer-engine-private.h"

#include <string.h>

#include "steer-niceness.h"

SteerJob *
steer_job_new (SteerJobKind kind)
{
  SteerJob *job = g_new0 (SteerJob, 1);

  job->kind = kind;
  return job;
}

void
steer_job_free (SteerJob *job)
{
  g_clear_object (&job->task);
  g_free (job->path);
  g_clear_object (&job->model);
  g_free (job->device);
  g_free (job->template);
  for (guint i = 0; i < job->n_replies; i++)
    g_object_unref (job->replies[i]);
  g_clear_pointer (&job->tokens, g_array_unref);
  g_clear_pointer (&job->layers, g_array_unref);
  g_clear_pointer (&job->plan, steer_plan_unref);
  g_clear_pointer (&job->saes, g_ptr_array_unref);
  g_strfreev (job->with);
  g_strfreev (job->without);
  g_clear_pointer (&job->vector, g_bytes_unref);
  g_free (job);
}

SteerLoaded *
steer_loaded_ref (SteerLoaded *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
steer_loaded_unref (SteerLoaded *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_object (&self->model);
  steer_model_text_clear (&self->text);
  g_free (self->device_id);
  g_free (self->device_name);
  g_free (self->device_note);
  g_free (self);
}

GArray *
steer_loaded_encode (SteerLoaded *self, SteerRequest *request, GError **error)
{
  g_autoptr (GArray) turns = NULL;

  if (request->ids != NULL)
    return g_array_copy (request->ids);
  if (request->text != NULL)
    return steer_model_text_encode (&self->text, request->text, error);

  turns = g_array_new (FALSE, FALSE, sizeof (SteerTurn));
  for (guint i = 0; i < request->messages->len; i++)
    {
      SteerRole role = g_array_index (request->messages, SteerRequestMessage, i).role;
      SteerTurn turn = { role, steer_request_get_content (request, i) };

      g_array_append_val (turns, turn);
    }
  return steer_model_text_encode_turns (&self->text, (const SteerTurn *) (gpointer) turns->data, turns->len,
                                        request->thinking ? STEER_OPENING_REPLY : STEER_OPENING_ANSWER, request->date,
                                        error);
}

static gboolean
load (SteerWorker *self, SteerJob *job, GError **error)
{
  GCancellable *cancellable = g_task_get_cancellable (job->task);
  g_autoptr (SteerLoaded) loaded = g_new0 (SteerLoaded, 1);
  SteerContext *context;
  gint64 start = g_get_monotonic_time ();

  g_atomic_ref_count_init (&loaded->ref_count);
  steer_engine_post_progress (&self->owner, 0.0);

  loaded->model = job->model != NULL ? g_object_ref (job->model) : steer_model_open (job->path, cancellable, error);
  if (loaded->model == NULL
      || !steer_model_text_load (&loaded->text, steer_model_get_files (loaded->model), job->template, error))
    return FALSE;

  context = steer_worker_open (self, loaded->model, job->device, &job->options, cancellable, error);
  if (context == NULL)
    return FALSE;

  loaded->load_seconds = (double) (g_get_monotonic_time () - start) / 1e6;
  steer_worker_install (self, context, loaded);
  steer_engine_post_loaded (&self->owner, loaded);
  return TRUE;
}

void
steer_worker_load (SteerWorker *self, SteerJob *job)
{
  GError *error = NULL;
  gboolean loaded = load (self, job, &error);

  steer_engine_post_load_ended (&self->owner);
  if (loaded)
    g_task_return_boolean (job->task, TRUE);
  else
    g_task_return_error (job->task, error);
}

gboolean
steer_worker_check_loaded (SteerWorker *self, GCancellable *cancellable, GError **error)
{
  if (self->context != NULL)
    return !steer_context_is_lost (self->context) || steer_worker_reopen (self, cancellable, error);
  g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_MODEL, "no model is loaded: open one first");
  return FALSE;
}

SteerTimeline
steer_worker_make_timeline (SteerWorker *self, GArray *tokens, SteerPlan *plan)
{
  return (SteerTimeline){ .session = self->sessions[self->context->options.n_slots - 1],
                          .tokens = (const gint32 *) (gpointer) tokens->data,
                          .n_tokens = tokens->len,
                          .n_prompt = tokens->len,
                          .plan = plan };
}

float *
steer_worker_allocate_residual (guint n_layers, guint n_tokens, guint d_model, GError **error)
{
  gsize n;
  float *residual = NULL;

  if (g_size_checked_mul (&n, (gsize) n_layers * d_model, n_tokens))
    residual = g_try_new (float, n);
  if (residual == NULL)
    g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
                 "not enough memory for the residual stream of %u layers and %u tokens", n_layers, n_tokens);
  return residual;
}

gboolean
steer_worker_check_tokens (SteerWorker *self, const GArray *tokens, GError **error)
{
  guint n_vocab = steer_model_get_config (self->loaded->model)->n_vocab;

  for (guint i = 0; i < tokens->len; i++)
    {
      gint32 token = g_array_index (tokens, gint32, i);

      if (token >= 0 && (guint) token < n_vocab)
        continue;
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                   "token %d at position %u is outside the model's vocabulary of %u", token, i, n_vocab);
      return FALSE;
    }
  return TRUE;
}

void
steer_trace_free (SteerTrace *trace)
{
  if (trace == NULL)
    return;
  g_free (trace->layers);
  g_free (trace->tokens);
  g_free (trace->logits);
  g_free (trace->residual);
  g_free (trace);
}

/* *@array: [a, b, c]. FALSE with an error where there is no memory for it. */
static gboolean
allocate (float **array, gsize a, gsize b, gsize c, const char *what, GError **error)
{
  gsize n;

  if (g_size_checked_mul (&n, a, b) && g_size_checked_mul (&n, n, c) && (*array = g_try_new (float, n)) != NULL)
    return TRUE;
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
               "%zu x %zu x %zu numbers for the %s do not fit in memory: trace fewer tokens or layers", a, b, c, what);
  return FALSE;
}

static SteerTrace *
make_trace (SteerWorker *self, SteerJob *job, GError **error)
{
  const SteerModelConfig *config;
  g_autoptr (SteerTrace) trace = g_new0 (SteerTrace, 1);
  SteerTimeline timeline;

  if (!steer_worker_check_loaded (self, g_task_get_cancellable (job->task), error))
    return NULL;
  if (job->tokens->len == 0)
    {
      g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID, "there are no tokens to trace");
      return NULL;
    }
  if (!steer_worker_check_tokens (self, job->tokens, error))
    return NULL;
  config = steer_model_get_config (self->loaded->model);
  for (guint i = 0; i < job->layers->len; i++)
    {
      guint layer = g_array_index (job->layers, guint, i);

      if (layer >= config->n_layers)
        {
          g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                       "layer %u does not exist: the model has layers 0 to %u", layer, config->n_layers - 1);
          return NULL;
        }
    }
  trace->n_tokens = job->tokens->len;
  trace->n_vocab = config->n_vocab;
  trace->d_model = config->d_model;
  trace->n_layers = job->layers->len;
  trace->layers = g_memdup2 (job->layers->data, job->layers->len * sizeof (guint));
  trace->tokens = g_memdup2 (job->tokens->data, job->tokens->len * sizeof (gint32));
  if (job->want_logits && !allocate (&trace->logits, 1, trace->n_tokens, trace->n_vocab, "logits", error))
    return NULL;
  if (trace->n_layers > 0
      && !allocate (&trace->residual, trace->n_layers, trace->n_tokens, trace->d_model, "residual stream", error))
    return NULL;

  timeline = (SteerTimeline){
    .session = self->sessions[0],
    .tokens = trace->tokens,
    .n_tokens = trace->n_tokens,
    .n_prompt = trace->n_tokens,
    .plan = job->plan,
  };
  if (!steer_session_trace (&timeline, trace->layers, trace->n_layers, trace->logits, trace->residual,
                            g_task_get_cancellable (job->task), error))
    return NULL;
  return g_steal_pointer (&trace);
}

static void
run_trace (SteerWorker *self, SteerJob *job)
{
  GError *error = NULL;
  SteerTrace *trace = make_trace (self, job, &error);

  if (g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE))
    steer_worker_leave_device (self);
  if (trace != NULL)
    g_task_return_pointer (job->task, trace, (GDestroyNotify) steer_trace_free);
  else
    g_task_return_error (job->task, error);
}

gpointer
steer_worker_run (gpointer data)
{
  SteerWorker *self = data;
  gboolean running = TRUE;

  steer_niceness_add (self->niceness);
  while (running)
    {
      SteerJob *job = g_async_queue_pop (self->queue);

      switch (job->kind)
        {
        case STEER_JOB_LOAD:
          steer_worker_load (self, job);
          break;
        case STEER_JOB_UNLOAD:
          steer_worker_unload (self);
          steer_engine_post_loaded (&self->owner, NULL);
          g_task_return_boolean (job->task, TRUE);
          break;
        case STEER_JOB_REPLIES:
          steer_worker_write_replies (self, job);
          break;
        case STEER_JOB_TRACE:
          run_trace (self, job);
          break;
        case STEER_JOB_INSPECT:
          steer_worker_inspect (self, job);
          break;
        case STEER_JOB_NORMS:
          steer_worker_measure_norms (self, job);
          break;
        case STEER_JOB_CONTRAST:
          steer_worker_contrast (self, job);
          break;
        case STEER_JOB_SCORE:
          steer_worker_score (self, job);
          break;
        case STEER_JOB_QUIT:
        default:
          running = FALSE;
          break;
        }
      steer_job_drop (&self->owner, job);
    }

  steer_worker_unload (self);
  g_async_queue_unref (self->queue);
  g_main_context_unref (self->owner.context);
  g_object_unref (self->owner.leaving);
  g_weak_ref_clear (self->owner.engine);
  g_free (self->owner.engine);
  g_free (self);
  return NULL;
}
