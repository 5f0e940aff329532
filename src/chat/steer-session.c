#include "steer-session.h"

#include <string.h>

/* Prompts are computed in pieces of this many tokens where the device has no wish of its own, so that progress is told
 * and a cancel is seen in between; large enough that a piece is a matrix product and not a row of vector products. */
#define PREFILL_CHUNK 256

struct _SteerSession
{
  SteerContext *context; /* not owned */
  guint slot;

  /* What the slot's cache holds. A position's plan is NULL where nothing was steered: no plan, an empty one, or a
   * position that the plan leaves alone. So two positions are alike when token and plan are. */
  GArray *tokens;   /* gint32 [length] */
  GPtrArray *plans; /* SteerPlan [length], with NULLs */

  guint32 *special;      /* bit set [(n_vocab + 31) / 32], nullable */
  float *logits;         /* [n_vocab] */
  gboolean logits_valid; /* they belong to the last cached token */
  gint32 token;          /* chosen by the device */
  gboolean token_valid;  /* it follows the last cached token, and nobody took it */
  GArray *mask;          /* guint8, scratch */

  const guint *hook_layers; /* [n_hooks], not owned */
  guint n_hooks;
  SteerHookFunc hook;
  gpointer hook_data;
};

static void
plan_free (gpointer plan)
{
  if (plan != NULL)
    steer_plan_unref (plan);
}

SteerSession *
steer_session_new (SteerContext *context, guint slot)
{
  SteerSession *self = g_new0 (SteerSession, 1);
  guint n_vocab = steer_model_get_config (context->model)->n_vocab;

  self->context = context;
  self->slot = slot;
  self->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->plans = g_ptr_array_new_with_free_func (plan_free);
  self->logits = g_new0 (float, n_vocab);
  self->mask = g_array_new (FALSE, FALSE, sizeof (guint8));
  return self;
}

void
steer_session_free (SteerSession *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->tokens);
  g_ptr_array_unref (self->plans);
  g_array_unref (self->mask);
  g_free (self->special);
  g_free (self->logits);
  g_free (self);
}

void
steer_session_set_special (SteerSession *self, const guint32 *special)
{
  guint n_vocab = steer_model_get_config (self->context->model)->n_vocab;

  g_free (self->special);
  self->special = g_memdup2 (special, (n_vocab + 31) / 32 * sizeof (guint32));
}

void
steer_session_set_hooks (SteerSession *self,
                         const guint *layers,
                         guint n_layers,
                         SteerHookFunc hook,
                         gpointer hook_data)
{
  self->hook_layers = layers;
  self->n_hooks = n_layers;
  self->hook = hook;
  self->hook_data = hook_data;
}

float *
steer_session_get_logits (SteerSession *self)
{
  /* The caller may change them: they do not serve a second time. */
  self->logits_valid = FALSE;
  return self->logits;
}

gboolean
steer_session_take_token (SteerSession *self, gint32 *token)
{
  if (!self->token_valid)
    return FALSE;
  *token = self->token;
  self->token_valid = FALSE;
  return TRUE;
}

guint
steer_session_get_length (SteerSession *self)
{
  return self->tokens->len;
}

static void
truncate_to (SteerSession *self, guint length)
{
  if (length < self->tokens->len)
    {
      g_array_set_size (self->tokens, length);
      g_ptr_array_set_size (self->plans, (int) length);
      self->logits_valid = FALSE;
      self->token_valid = FALSE;
    }
}

static gboolean
is_steered (const SteerTimeline *timeline, guint position)
{
  const guint32 *special = timeline->session->special;
  guint32 token = (guint32) timeline->tokens[position];

  if (timeline->plan == NULL || steer_plan_get_n_ops (timeline->plan) == 0)
    return FALSE;
  if (position < timeline->n_prompt && !steer_plan_get_steer_prompt (timeline->plan))
    return FALSE;
  if (special != NULL && steer_plan_get_skip_special (timeline->plan) && (special[token / 32] >> (token % 32) & 1) != 0)
    return FALSE;
  return TRUE;
}

guint
steer_session_count_reusable (const SteerTimeline *timeline)
{
  SteerSession *self = timeline->session;
  const gint32 *cached = (const gint32 *) (gpointer) self->tokens->data;
  guint limit = MIN (self->tokens->len, timeline->n_tokens);
  SteerPlan *known_equal = NULL;
  guint i;

  for (i = 0; i < limit && cached[i] == timeline->tokens[i]; i++)
    {
      SteerPlan *had = g_ptr_array_index (self->plans, i);
      SteerPlan *wanted = is_steered (timeline, i) ? timeline->plan : NULL;

      if (timeline->reuse == STEER_REUSE_ANY_PLAN || had == wanted
          || (had != NULL && wanted != NULL && had == known_equal))
        continue;
      if (!steer_plan_equal (had, wanted))
        break;
      /* Comparing vectors costs something, and a whole prompt usually shares one plan: compare it once. */
      known_equal = had;
    }
  return i;
}

/* The run for positions @first .. @first + @n - 1; @mask backs it and must outlive it. */
static SteerRun
make_run (const SteerTimeline *timeline, guint first, guint n)
{
  SteerSession *self = timeline->session;
  gboolean any = FALSE;
  gboolean all = TRUE;
  SteerRun run = {
    .slot = self->slot,
    .position = first,
    .tokens = timeline->tokens + first,
    .n_tokens = n,
    .want = STEER_WANT_NOTHING,
    .hook_layers = self->hook_layers,
    .n_hooks = self->n_hooks,
    .hook = self->hook,
    .hook_data = self->hook_data,
  };

  g_array_set_size (self->mask, n);
  for (guint i = 0; i < n; i++)
    {
      gboolean steered = is_steered (timeline, first + i);

      g_array_index (self->mask, guint8, i) = (guint8) steered;
      any |= steered;
      all &= steered;
    }
  if (any)
    {
      run.plan = timeline->plan;
      run.steer_mask = all ? NULL : (const guint8 *) self->mask->data;
    }
  if (first + n < timeline->n_tokens)
    return run;
  if (timeline->choice != NULL && self->context->backend->can_choose)
    {
      run.want = STEER_WANT_TOKEN;
      run.sampling = timeline->choice->sampling;
      run.seen = timeline->choice->seen;
      run.uniform = timeline->choice->uniform;
    }
  else
    {
      run.want = STEER_WANT_LAST_LOGITS;
      run.logits = self->logits;
    }
  return run;
}

/* Remembers what a run that succeeded has put into the cache. */
static void
record_run (const SteerTimeline *timeline, const SteerRun *run)
{
  SteerSession *self = timeline->session;

  g_array_append_vals (self->tokens, run->tokens, run->n_tokens);
  for (guint i = 0; i < run->n_tokens; i++)
    {
      gboolean steered = run->plan != NULL && (run->steer_mask == NULL || run->steer_mask[i] != 0);

      g_ptr_array_add (self->plans, steered ? steer_plan_ref (run->plan) : NULL);
    }
  self->logits_valid = run->want == STEER_WANT_LAST_LOGITS;
  self->token_valid = run->want == STEER_WANT_TOKEN;
  self->token = run->token;
}

static gboolean
prefill (const SteerTimeline *timeline,
         SteerPrefillFunc progress,
         gpointer progress_data,
         GCancellable *cancellable,
         GError **error)
{
  SteerSession *self = timeline->session;
  guint chunk = self->context->chunk > 0 ? self->context->chunk : PREFILL_CHUNK;

  while (self->tokens->len < timeline->n_tokens)
    {
      guint first = self->tokens->len;
      guint n_left = timeline->n_tokens - first;
      /* Of even length, so that none is left with a few tokens for which all weights are read again. */
      guint n_chunks = (n_left + chunk - 1) / chunk;
      SteerRun run = make_run (timeline, first, (n_left + n_chunks - 1) / n_chunks);

      if (!steer_context_forward (self->context, &run, 1, cancellable, error))
        return FALSE;
      record_run (timeline, &run);
      if (progress != NULL)
        progress (self->tokens->len, timeline->n_tokens, progress_data);
    }
  return TRUE;
}

gboolean
steer_session_set_tokens (const SteerTimeline *timelines,
                          guint n_timelines,
                          SteerPrefillFunc progress,
                          gpointer progress_data,
                          GCancellable *cancellable,
                          GError **error)
{
  SteerRun runs[STEER_MAX_SLOTS];
  const SteerTimeline *stepping[STEER_MAX_SLOTS];
  guint n_runs = 0;

  g_return_val_if_fail (n_timelines >= 1 && n_timelines <= STEER_MAX_SLOTS, FALSE);

  for (guint i = 0; i < n_timelines; i++)
    {
      const SteerTimeline *timeline = &timelines[i];
      SteerSession *self = timeline->session;
      guint reusable = steer_session_count_reusable (timeline);

      g_return_val_if_fail (timeline->n_tokens >= 1, FALSE);

      self->token_valid = FALSE;

      /* All is there but perhaps the logits: then the last token is computed again for them. */
      if (reusable == timeline->n_tokens && !(self->logits_valid && self->tokens->len == reusable))
        reusable--;
      truncate_to (self, reusable);

      if (timeline->n_tokens - reusable == 1)
        stepping[n_runs++] = timeline;
      else if (!prefill (timeline, progress, progress_data, cancellable, error))
        return FALSE;
    }

  if (n_runs == 0)
    return TRUE;
  for (guint i = 0; i < n_runs; i++)
    runs[i] = make_run (stepping[i], stepping[i]->n_tokens - 1, 1);
  if (!steer_context_forward (stepping[0]->session->context, runs, n_runs, cancellable, error))
    return FALSE;
  for (guint i = 0; i < n_runs; i++)
    record_run (stepping[i], &runs[i]);
  return TRUE;
}

gboolean
steer_session_trace_range (const SteerTimeline *timeline,
                           guint first,
                           guint n_tokens,
                           const guint *layers,
                           guint n_layers,
                           SteerWant want,
                           float *logits,
                           float *residual,
                           GCancellable *cancellable,
                           GError **error)
{
  SteerSession *self = timeline->session;
  SteerRun run;

  g_return_val_if_fail (first <= steer_session_get_length (self), FALSE);

  truncate_to (self, first);
  run = make_run (timeline, first, n_tokens);
  run.want = want;
  run.logits = logits;
  run.tap_layers = layers;
  run.n_taps = n_layers;
  run.taps = residual;
  if (!steer_context_forward (self->context, &run, 1, cancellable, error))
    return FALSE;
  record_run (timeline, &run);
  self->logits_valid = FALSE; /* they are the caller's */
  return TRUE;
}

gboolean
steer_session_trace (const SteerTimeline *timeline,
                     const guint *layers,
                     guint n_layers,
                     float *logits,
                     float *residual,
                     GCancellable *cancellable,
                     GError **error)
{
  return steer_session_trace_range (timeline, 0, timeline->n_tokens, layers, n_layers,
                                    logits != NULL ? STEER_WANT_ALL_LOGITS : STEER_WANT_NOTHING, logits, residual,
                                    cancellable, error);
}
