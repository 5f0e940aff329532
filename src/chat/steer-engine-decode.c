/* The worker's generation loop: from a request to a finished reply. */
#include "steer-engine-private.h"

#include <string.h>

#include "text/steer-detokenizer.h"

/* One reply while it is written. */
typedef struct
{
  SteerReply *reply;
  SteerRequest *request;
  SteerSession *session;
  GArray *tokens; /* gint32: prompt and reply */
  guint n_prompt;
  guint32 *seen;                 /* bit set [(n_vocab + 31) / 32]: what the repetition penalty applies to */
  SteerDetokenizer *detokenizer; /* nullable: a model without a tokenizer */
  GString *held;                 /* text that is certain but may be the beginning of a stop string */
  SteerPlan *plan;               /* nullable: in force for the token that comes next */
  gint64 started;
  gint64 first_token;
  gboolean active;
  gboolean device_failed;
} Writer;

static guint
count_written (const Writer *writer)
{
  return writer->tokens->len - writer->n_prompt;
}

static void
finish_writer (Writer *writer, SteerStopReason reason, GError *error)
{
  gint64 now = g_get_monotonic_time ();
  gint64 first = writer->first_token != 0 ? writer->first_token : now;

  if (writer->detokenizer != NULL && reason != STEER_STOP_STRING)
    steer_detokenizer_finish (writer->detokenizer, writer->held);
  steer_reply_post_done (writer->reply, reason, reason != STEER_STOP_STRING ? writer->held->str : NULL,
                         (double) (first - writer->started) / 1e6, (double) (now - first) / 1e6, error);
  writer->active = FALSE;
}

static void
fail_writer (Writer *writer, GError *error)
{
  writer->device_failed = g_error_matches (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_error_free (error);
      finish_writer (writer, STEER_STOP_CANCELLED, NULL);
    }
  else
    finish_writer (writer, STEER_STOP_ERROR, error);
}

static void
clear_writer (Writer *writer)
{
  g_clear_pointer (&writer->tokens, g_array_unref);
  g_clear_pointer (&writer->seen, g_free);
  g_clear_pointer (&writer->detokenizer, steer_detokenizer_free);
  g_clear_pointer (&writer->plan, steer_plan_unref);
  if (writer->held != NULL)
    g_string_free (writer->held, TRUE);
}

static void
mark_seen (Writer *writer, gint32 token)
{
  writer->seen[token / 32] |= 1u << (token % 32);
}

static void
take_plan (Writer *writer)
{
  g_clear_pointer (&writer->plan, steer_plan_unref);
  writer->plan = steer_request_dup_plan (writer->request, count_written (writer));
}

/* @choice: out: of the token that the timeline leads to; to outlive its use. */
static SteerTimeline
get_timeline (const Writer *writer, SteerReusePolicy reuse, SteerChoice *choice)
{
  const SteerSampling *sampling = &writer->request->sampling;

  *choice = (SteerChoice){
    .sampling = sampling,
    .seen = writer->seen,
    .uniform = steer_sampler_uniform (sampling->seed, count_written (writer)),
  };

  return (SteerTimeline){
    .session = writer->session,
    .tokens = (const gint32 *) (gpointer) writer->tokens->data,
    .n_tokens = writer->tokens->len,
    .n_prompt = writer->n_prompt,
    .plan = writer->plan,
    .reuse = reuse,
    .choice = choice,
  };
}

static void
on_prefilled (guint done, guint total, gpointer data)
{
  Writer *writer = data;

  steer_reply_post_prefilled (writer->reply, done);
}

static gboolean
check_request (SteerWorker *worker, SteerRequest *request, const GArray *tokens, GError **error)
{
  if (tokens->len == 0)
    {
      g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                           "the prompt is empty: give it at least one token");
      return FALSE;
    }
  if (tokens->len >= worker->loaded->n_context)
    {
      g_set_error (
        error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_CONTEXT_FULL,
        "the conversation takes %u tokens and the context holds %u: start a new chat, shorten this one, or load the "
        "model with a longer context",
        tokens->len, worker->loaded->n_context);
      return FALSE;
    }
  return steer_worker_check_tokens (worker, tokens, error);
}

/* @not_loaded: (nullable): why there is no model. Encodes the prompt and computes it; on return the session has the
 * logits of its last token, or the first one of the reply. */
static gboolean
start_writer (SteerWorker *worker, Writer *writer, guint slot, const GError *not_loaded, GError **error)
{
  guint n_vocab;
  SteerChoice choice;
  SteerTimeline timeline;

  if (g_cancellable_set_error_if_cancelled (steer_reply_get_cancellable (writer->reply), error))
    return FALSE;
  if (not_loaded != NULL)
    {
      g_propagate_error (error, g_error_copy (not_loaded));
      return FALSE;
    }
  writer->session = worker->sessions[slot];
  if (writer->session == NULL)
    {
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
                   "the model was loaded for %u replies at a time: load it with more slots to compare",
                   worker->loaded->n_slots);
      return FALSE;
    }
  writer->tokens = steer_loaded_encode (worker->loaded, writer->request, error);
  if (writer->tokens == NULL || !check_request (worker, writer->request, writer->tokens, error))
    return FALSE;

  n_vocab = steer_model_get_config (worker->loaded->model)->n_vocab;
  writer->n_prompt = writer->tokens->len;
  writer->seen = g_new0 (guint32, (n_vocab + 31) / 32);
  for (guint i = 0; i < writer->n_prompt; i++)
    mark_seen (writer, g_array_index (writer->tokens, gint32, i));
  if (worker->loaded->text.tokenizer != NULL)
    writer->detokenizer = steer_detokenizer_new (worker->loaded->text.tokenizer, TRUE);

  take_plan (writer);
  timeline = get_timeline (writer, writer->request->reuse, &choice);
  steer_reply_post_prompt (writer->reply, timeline.tokens, timeline.n_tokens, steer_session_count_reusable (&timeline));
  return steer_session_set_tokens (&timeline, 1, on_prefilled, writer, steer_reply_get_cancellable (writer->reply),
                                   error);
}

static gboolean
ends_reply (SteerWorker *worker, const Writer *writer, gint32 token)
{
  const SteerModelConfig *config = steer_model_get_config (worker->loaded->model);

  for (guint i = 0; i < config->n_eos_ids; i++)
    {
      if (config->eos_ids[i] == token)
        return TRUE;
    }
  for (guint i = 0; writer->request->messages->len > 0 && i < worker->loaded->text.ends->len; i++)
    {
      if (g_array_index (worker->loaded->text.ends, gint32, i) == token)
        return TRUE;
    }
  return FALSE;
}

/* Where @text begins to be a stop string that may still be completed; its length when nowhere. *@found: a whole one. */
static gsize
find_stop (const GString *text, char **stop_strings, gboolean *found)
{
  gsize hold = text->len;

  *found = FALSE;
  for (guint i = 0; stop_strings != NULL && stop_strings[i] != NULL; i++)
    {
      gsize length = strlen (stop_strings[i]);
      const char *hit = length > 0 ? strstr (text->str, stop_strings[i]) : NULL;

      if (hit != NULL && (!*found || (gsize) (hit - text->str) < hold))
        {
          hold = (gsize) (hit - text->str);
          *found = TRUE;
        }
      for (gsize n = MIN (length, text->len); !*found && n > 0; n--)
        {
          if (memcmp (text->str + text->len - n, stop_strings[i], n) == 0)
            {
              hold = MIN (hold, text->len - n);
              break;
            }
        }
    }
  return hold;
}

/* The device has chosen where it can, with the same random number as the sampler would. */
static gint32
choose (SteerWorker *worker, Writer *writer)
{
  const SteerSampling *sampling = &writer->request->sampling;
  gint32 token;

  if (steer_session_take_token (writer->session, &token))
    return token;
  return steer_sampler_choose (worker->sampler, sampling, steer_session_get_logits (writer->session), writer->seen,
                               steer_sampler_uniform (sampling->seed, count_written (writer)));
}

/* What the prompt has already written of the reply belongs to its text: it goes with the first token. */
static void
post_token (SteerWorker *worker, Writer *writer, gint32 token, gsize certain)
{
  SteerChatTemplate *template = worker->loaded->text.template;
  gboolean first = count_written (writer) == 1 && writer->request->messages->len > 0 && template != NULL;
  g_autoptr (GString) text = g_string_new (first ? steer_chat_template_get_written (template) : NULL);

  g_string_append_len (text, writer->held->str, (gssize) certain);
  steer_reply_post_token (writer->reply, token, text->str, text->len, writer->plan);
  g_string_erase (writer->held, 0, (gssize) certain);
}

/* Takes the token that comes next and hands it over. The writer is inactive when it was the last. */
static void
write_token (SteerWorker *worker, Writer *writer)
{
  const SteerSampling *sampling = &writer->request->sampling;
  guint step = count_written (writer);
  gboolean stopped = FALSE;
  gint32 token;
  gsize certain;

  token = choose (worker, writer);
  if (writer->first_token == 0)
    writer->first_token = g_get_monotonic_time ();
  if (ends_reply (worker, writer, token))
    {
      finish_writer (writer, STEER_STOP_EOS, NULL);
      return;
    }

  g_array_append_val (writer->tokens, token);
  mark_seen (writer, token);
  if (writer->detokenizer != NULL)
    {
      g_autoptr (GError) error = NULL;

      /* A vocabulary smaller than the model's output can meet an id it has no text for; the reply goes on without. */
      if (!steer_detokenizer_push (writer->detokenizer, token, writer->held, &error))
        g_debug ("%s", error->message);
    }
  certain = find_stop (writer->held, writer->request->stop_strings, &stopped);
  post_token (worker, writer, token, certain);

  if (stopped)
    finish_writer (writer, STEER_STOP_STRING, NULL);
  else if (sampling->max_tokens > 0 && step + 1 >= sampling->max_tokens)
    finish_writer (writer, STEER_STOP_LENGTH, NULL);
  else if (writer->tokens->len >= worker->loaded->n_context)
    finish_writer (writer, STEER_STOP_CONTEXT, NULL);
}

/* One decode step of every active writer, as one batch. */
static void
step_writers (Writer *writers, guint n_writers)
{
  SteerTimeline timelines[STEER_MAX_SLOTS];
  SteerChoice choices[STEER_MAX_SLOTS];
  Writer *active[STEER_MAX_SLOTS];
  guint n_active = 0;
  GError *error = NULL;

  for (guint i = 0; i < n_writers; i++)
    {
      if (!writers[i].active)
        continue;
      if (g_cancellable_is_cancelled (steer_reply_get_cancellable (writers[i].reply)))
        {
          finish_writer (&writers[i], STEER_STOP_CANCELLED, NULL);
          continue;
        }
      /* The newest plan acts on this step; what is already cached keeps the steering it was computed with. */
      take_plan (&writers[i]);
      active[n_active] = &writers[i];
      timelines[n_active] = get_timeline (&writers[i], STEER_REUSE_ANY_PLAN, &choices[n_active]);
      n_active++;
    }
  if (n_active == 0)
    return;

  /* A batch goes on for the others when one of its replies is stopped. */
  if (!steer_session_set_tokens (timelines, n_active, NULL, NULL,
                                 n_active == 1 ? steer_reply_get_cancellable (active[0]->reply) : NULL, &error))
    {
      for (guint i = 0; i < n_active; i++)
        fail_writer (active[i], g_error_copy (error));
      g_error_free (error);
    }
}

void
steer_worker_write_replies (SteerWorker *self, SteerJob *job)
{
  Writer writers[STEER_MAX_SLOTS] = { 0 };
  g_autoptr (GError) not_loaded = NULL;
  gboolean loaded = steer_worker_check_loaded (self, steer_reply_get_cancellable (job->replies[0]), &not_loaded);
  guint n_slots = loaded ? self->loaded->n_slots : 0;
  guint first_slot = job->aside && n_slots > job->n_replies ? n_slots - job->n_replies : 0;
  gboolean device_failed = FALSE;
  gboolean any;

  for (guint i = 0; i < job->n_replies; i++)
    {
      GError *error = NULL;

      writers[i].reply = job->replies[i];
      writers[i].request = steer_reply_get_request (job->replies[i]);
      writers[i].held = g_string_new (NULL);
      writers[i].started = g_get_monotonic_time ();
      writers[i].active = TRUE;
      if (!start_writer (self, &writers[i], first_slot + i, not_loaded, &error))
        fail_writer (&writers[i], error);
    }

  do
    {
      any = FALSE;
      for (guint i = 0; i < job->n_replies; i++)
        {
          if (writers[i].active)
            write_token (self, &writers[i]);
          any |= writers[i].active;
        }
      if (any)
        step_writers (writers, job->n_replies);
    }
  while (any);

  for (guint i = 0; i < job->n_replies; i++)
    {
      device_failed |= writers[i].device_failed;
      clear_writer (&writers[i]);
    }
  if (device_failed)
    steer_worker_leave_device (self);
}
