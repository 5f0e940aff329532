/* What the worker does to find a direction between two lists of examples: the residual stream of all layers, example by
 * example. */
#include "steer-contrasting.h"

#include <string.h>

#include "steer-engine-private.h"
#include "steer-norm-cache.h"

/* Tokens whose residual stream of all layers is held at a time: 34 MB of a model of 32 layers and 4,096 numbers. */
#define CHUNK_TOKENS 64

/* What all examples answer. It is the same for each, so that it does not tell them apart. */
#define REQUEST "Say something."

/* Tokens before each example: of the template, or the BOS that the tokenizer adds. */
static GArray *
encode_opening (SteerWorker *self, SteerJob *job, GError **error)
{
  g_autoptr (SteerRequest) request = steer_request_new ();

  if (job->as_text || self->loaded->text.template == NULL)
    steer_request_set_text (request, "");
  else
    steer_request_add_message (request, STEER_ROLE_USER, REQUEST);
  /* An example is an answer, not a thought. */
  steer_request_set_thinking (request, FALSE);
  return steer_loaded_encode (self->loaded, request, error);
}

/* @opening and the example. */
static GArray *
encode_example (SteerWorker *self, const GArray *opening, const char *example, GError **error)
{
  g_autoptr (GArray) tokens = g_array_copy ((GArray *) opening);

  if (!steer_tokenizer_encode (self->loaded->text.tokenizer, example, strlen (example), STEER_ENCODE_DEFAULT, tokens,
                               error))
    return NULL;
  if (tokens->len == opening->len)
    {
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                   "there is an example without a word: leave it out");
      return NULL;
    }
  if (tokens->len > self->context->options.n_context)
    {
      g_autofree char *start = g_utf8_substring (example, 0, MIN (g_utf8_strlen (example, -1), 40));

      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_CONTEXT_FULL,
                   "the example that begins with “%s” has %u tokens with what stands before it; the context holds %u: "
                   "give a part of it, or load the model with a longer context",
                   start, tokens->len, self->context->options.n_context);
      return NULL;
    }
  return steer_worker_check_tokens (self, tokens, error) ? g_steal_pointer (&tokens) : NULL;
}

typedef struct
{
  SteerWorker *worker;
  SteerContrast *contrast;
  GArray *opening;
  guint *layers;   /* [n_layers]: 0, 1, ... */
  float *residual; /* [n_layers, CHUNK_TOKENS, d_model] */
  guint n_cached;  /* tokens of the opening that are in the cache */
  guint n_read;    /* examples */
  guint n_examples;
} Reading;

/* Where an example has no template before it, its first token is what everything fires on and tells nothing of it. */
static guint
count_skipped (const Reading *self, const GArray *tokens)
{
  return self->opening->len > 0 || tokens->len == 1 ? self->opening->len : 1;
}

static gboolean
read_example (Reading *self, const char *example, GCancellable *cancellable, GError **error)
{
  guint n_layers = steer_contrast_get_n_layers (self->contrast);
  g_autoptr (GArray) tokens = encode_example (self->worker, self->opening, example, error);
  SteerTimeline timeline;
  guint n_skipped;

  if (tokens == NULL)
    return FALSE;
  timeline = steer_worker_make_timeline (self->worker, tokens, NULL);
  n_skipped = count_skipped (self, tokens);
  for (guint first = self->n_cached; first < tokens->len;)
    {
      guint n = MIN (CHUNK_TOKENS, tokens->len - first);

      if (!steer_session_trace_range (&timeline, first, n, self->layers, n_layers, STEER_WANT_NOTHING, NULL,
                                      self->residual, cancellable, error))
        return FALSE;
      steer_contrast_add_tokens (self->contrast, self->residual, n, n_skipped > first ? MIN (n_skipped - first, n) : 0);
      first += n;
    }
  self->n_cached = self->opening->len;
  steer_contrast_end_example (self->contrast);
  return TRUE;
}

static gboolean
read_examples (Reading *self, char **examples, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; examples[i] != NULL; i++)
    {
      if (!read_example (self, examples[i], cancellable, error))
        return FALSE;
      steer_engine_post_progress (&self->worker->owner, (double) ++self->n_read / self->n_examples);
    }
  return TRUE;
}

static SteerContrast *
contrast (SteerWorker *self, SteerJob *job, GError **error)
{
  GCancellable *cancellable = g_task_get_cancellable (job->task);
  const SteerModelConfig *config;
  g_auto (GStrv) prose = NULL;
  char **without = job->without;
  g_autoptr (GArray) opening = NULL;
  g_autoptr (SteerContrast) result = NULL;
  g_autofree guint *layers = NULL;
  g_autofree float *residual = NULL;
  guint n_with, n_without;
  Reading reading;

  if (!steer_worker_check_loaded (self, g_task_get_cancellable (job->task), error))
    return NULL;
  if (job->with == NULL || job->with[0] == NULL)
    {
      g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                           "there is no example of what the feature is about: give at least one");
      return NULL;
    }
  if (without == NULL || without[0] == NULL)
    without = prose = steer_split_examples (steer_norm_text);
  opening = encode_opening (self, job, error);
  if (opening == NULL)
    return NULL;
  config = steer_model_get_config (self->loaded->model);
  n_with = g_strv_length (job->with);
  n_without = g_strv_length (without);
  result = steer_contrast_new (config->n_layers, config->d_model, n_with, n_without, error);
  residual
    = result != NULL ? steer_worker_allocate_residual (config->n_layers, CHUNK_TOKENS, config->d_model, error) : NULL;
  if (residual == NULL)
    return NULL;
  layers = g_new (guint, config->n_layers);
  for (guint i = 0; i < config->n_layers; i++)
    layers[i] = i;
  reading = (Reading){ self, result, opening, layers, residual, 0, 0, n_with + n_without };
  steer_engine_post_progress (&self->owner, 0.0);
  if (!read_examples (&reading, job->with, cancellable, error)
      || !read_examples (&reading, without, cancellable, error))
    return NULL;
  steer_contrast_finish (result);
  return g_steal_pointer (&result);
}

void
steer_worker_contrast (SteerWorker *self, SteerJob *job)
{
  GError *error = NULL;
  SteerContrast *result = contrast (self, job, &error);

  if (g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE))
    steer_worker_leave_device (self);
  if (result != NULL)
    g_task_return_pointer (job->task, result, (GDestroyNotify) steer_contrast_unref);
  else
    g_task_return_error (job->task, error);
}

void
steer_engine_contrast_async (SteerEngine *self,
                             const char *const *with,
                             const char *const *without,
                             SteerExampleForm form,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  SteerJob *job;

  g_return_if_fail (STEER_IS_ENGINE (self));

  job = steer_job_new (STEER_JOB_CONTRAST);
  job->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (job->task, steer_engine_contrast_async);
  job->with = g_strdupv ((char **) with);
  job->without = g_strdupv ((char **) without);
  job->as_text = form == STEER_EXAMPLES_AS_TEXT;
  steer_engine_push (self, job);
}

SteerContrast *
steer_engine_contrast_finish (SteerEngine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

char **
steer_split_examples (const char *text)
{
  g_auto (GStrv) lines = g_strsplit_set (text, "\r\n", -1);
  GStrvBuilder *examples = g_strv_builder_new ();
  char **result;

  for (guint i = 0; lines[i] != NULL; i++)
    if (*g_strstrip (lines[i]) != '\0')
      g_strv_builder_add (examples, lines[i]);
  result = g_strv_builder_end (examples);
  g_strv_builder_unref (examples);
  return result;
}
