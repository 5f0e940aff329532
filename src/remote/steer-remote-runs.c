#include "steer-remote-runs.h"

#include "steer-wire.h"

#include <string.h>

/* A pass taps each layer once, or a few times over. */
#define MAX_TAPS 4096

static gsize
count_words (guint n_vocab)
{
  return ((gsize) n_vocab + 31) / 32;
}

/* Floats that a run wants; FALSE where they are beyond counting. */
static gboolean
count_floats (const SteerRun *run, const SteerModelConfig *config, gsize *n_logits, gsize *n_taps)
{
  gsize n_rows = run->want == STEER_WANT_ALL_LOGITS ? run->n_tokens : run->want == STEER_WANT_LAST_LOGITS ? 1 : 0;

  return g_size_checked_mul (n_logits, n_rows, config->n_vocab)
         && g_size_checked_mul (n_taps, run->n_taps, config->d_model)
         && g_size_checked_mul (n_taps, *n_taps, run->n_tokens);
}

/* The penalty alone looks at what was seen. */
static gboolean
needs_seen (const SteerRun *run)
{
  return run->want == STEER_WANT_TOKEN && run->sampling->repetition_penalty != 1.0;
}

static GVariant *
run_to_variant (SteerPlanSender *plans, const SteerRun *run, guint n_vocab)
{
  SteerSampling none = { 0 };
  const SteerSampling *sampling = run->want == STEER_WANT_TOKEN ? run->sampling : &none;
  guint n_mask = run->steer_mask != NULL ? run->n_tokens : 0;
  gsize n_seen = needs_seen (run) ? count_words (n_vocab) : 0;

  return g_variant_new (
    "(uu@ayu@ayu@au(dudddtu)@ayd)", run->slot, run->position,
    steer_wire_new_numbers (run->tokens, run->n_tokens, sizeof (gint32)), steer_plan_sender_name (plans, run->plan),
    steer_wire_new_numbers (run->steer_mask, n_mask, 1), (guint32) run->want,
    g_variant_new_fixed_array (G_VARIANT_TYPE_UINT32, run->tap_layers, run->n_taps, sizeof (guint32)),
    sampling->temperature, sampling->top_k, sampling->top_p, sampling->min_p, sampling->repetition_penalty,
    sampling->seed, sampling->max_tokens, steer_wire_new_numbers (run->seen, n_seen, sizeof (guint32)), run->uniform);
}

GVariant *
steer_remote_runs_to_variant (SteerPlanSender *plans, const SteerRun *runs, guint n_runs, guint n_vocab)
{
  GVariantBuilder list;
  GVariant *all;

  g_variant_builder_init (&list, G_VARIANT_TYPE_ARRAY);
  for (guint i = 0; i < n_runs; i++)
    g_variant_builder_add_value (&list, run_to_variant (plans, &runs[i], n_vocab));
  all = g_variant_builder_end (&list);
  return g_variant_new ("(@*@*)", steer_plan_sender_take_news (plans), all);
}

/* Room for @n floats; NULL with an error. */
static float *
allocate (gsize n, GError **error)
{
  float *values = g_try_new (float, MAX (n, 1));

  if (values == NULL)
    g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY, "no memory for %" G_GSIZE_FORMAT " results", n);
  return values;
}

static gboolean
make_room (SteerRun *run, const SteerModelConfig *config, GError **error)
{
  SteerRun sized = *run;
  gsize n_logits, n_taps;

  /* Whoever samples on the host needs the logits. */
  if (run->want == STEER_WANT_TOKEN)
    sized.want = STEER_WANT_LAST_LOGITS;
  if (!count_floats (&sized, config, &n_logits, &n_taps))
    {
      g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY, "more results than memory can hold");
      return FALSE;
    }
  if (n_logits > 0 && (run->logits = allocate (n_logits, error)) == NULL)
    return FALSE;
  return n_taps == 0 || (run->taps = allocate (n_taps, error)) != NULL;
}

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "a run that arrived is damaged: %s", what);
  return FALSE;
}

/* *@words: a copy of the bits, all 0 where none were sent. */
static gboolean
read_seen (GVariant *bytes, guint n_vocab, guint32 **words, GError **error)
{
  gsize n = count_words (n_vocab);
  const void *sent = "";

  if (g_variant_get_size (bytes) > 0 && (sent = steer_wire_get_numbers (bytes, n, sizeof (guint32), error)) == NULL)
    return FALSE;
  *words = g_new0 (guint32, n);
  if (g_variant_get_size (bytes) > 0)
    memcpy (*words, sent, n * sizeof (guint32));
  return TRUE;
}

/* What samplers divide by and compare with is what a preset could have said. */
static gboolean
check_choice (const SteerRun *run, const SteerSampling *sampling, GError **error)
{
  SteerSampling checked;

  steer_sampling_init (&checked);
  for (guint i = 0; i < STEER_SAMPLING_N_MEASURES; i++)
    if (!steer_sampling_set (&checked, 1 << i, steer_sampling_get (sampling, 1 << i)))
      return fail (error, "a sampling setting is out of its range");
  return (run->uniform >= 0 && run->uniform < 1) || fail (error, "its random number is none");
}

static gboolean
read_run (SteerRun *run,
          SteerSampling *sampling,
          GVariant *variant,
          SteerPlanReceiver *plans,
          const SteerModelConfig *config,
          guint n_context,
          GError **error)
{
  g_autoptr (GVariant) tokens = NULL, mask = NULL, layers = NULL, seen = NULL;
  const void *numbers;
  guint32 plan, want;
  gsize n_layers;

  g_variant_get (variant, "(uu@ayu@ayu@au(dudddtu)@ayd)", &run->slot, &run->position, &tokens, &plan, &mask, &want,
                 &layers, &sampling->temperature, &sampling->top_k, &sampling->top_p, &sampling->min_p,
                 &sampling->repetition_penalty, &sampling->seed, &sampling->max_tokens, &seen, &run->uniform);
  if (want > STEER_WANT_TOKEN)
    return fail (error, "an unknown kind of result is wanted");
  run->want = (SteerWant) want;
  run->sampling = sampling;
  if (!steer_plan_receiver_find (plans, plan, &run->plan, error))
    return FALSE;

  if (g_variant_get_size (tokens) / sizeof (gint32) > n_context)
    return fail (error, "it has more tokens than the context");
  run->n_tokens = (guint) (g_variant_get_size (tokens) / sizeof (gint32));
  numbers = steer_wire_get_numbers (tokens, run->n_tokens, sizeof (gint32), error);
  if (numbers == NULL)
    return FALSE;
  run->tokens = g_memdup2 (numbers, run->n_tokens * sizeof (gint32));
  if (g_variant_get_size (mask) > 0)
    {
      numbers = steer_wire_get_numbers (mask, run->n_tokens, 1, error);
      if (numbers == NULL)
        return FALSE;
      run->steer_mask = g_memdup2 (numbers, run->n_tokens);
    }
  numbers = g_variant_get_fixed_array (layers, &n_layers, sizeof (guint32));
  if (n_layers > MAX_TAPS)
    return fail (error, "it taps too many layers");
  run->n_taps = (guint) n_layers;
  run->tap_layers = g_memdup2 (numbers, n_layers * sizeof (guint32));
  if (run->want == STEER_WANT_TOKEN)
    {
      guint32 *words = NULL;

      if (!check_choice (run, sampling, error) || !read_seen (seen, config->n_vocab, &words, error))
        return FALSE;
      run->seen = words;
    }
  return make_room (run, config, error);
}

gboolean
steer_remote_runs_read (SteerRemoteRuns *self,
                        GVariant *variant,
                        SteerPlanReceiver *plans,
                        const SteerModelConfig *config,
                        guint n_context,
                        GError **error)
{
  gsize n = g_variant_n_children (variant);

  *self = (SteerRemoteRuns){ 0 };
  if (n == 0 || n > STEER_MAX_SLOTS)
    return fail (error, "there are none, or too many at once");
  for (; self->n_runs < n; self->n_runs++)
    {
      g_autoptr (GVariant) run = g_variant_get_child_value (variant, self->n_runs);

      if (!read_run (&self->runs[self->n_runs], &self->sampling[self->n_runs], run, plans, config, n_context, error))
        {
          self->n_runs++; /* what it has by now is freed with the others */
          return FALSE;
        }
    }
  return TRUE;
}

void
steer_remote_runs_clear (SteerRemoteRuns *self)
{
  for (guint i = 0; i < self->n_runs; i++)
    {
      SteerRun *run = &self->runs[i];

      g_free ((gpointer) run->tokens);
      g_free ((gpointer) run->steer_mask);
      g_free ((gpointer) run->tap_layers);
      g_free ((gpointer) run->seen);
      g_free (run->logits);
      g_free (run->taps);
    }
  self->n_runs = 0;
}

GVariant *
steer_remote_runs_results (const SteerRemoteRuns *self, const SteerModelConfig *config)
{
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(ayayi)"));
  for (guint i = 0; i < self->n_runs; i++)
    {
      const SteerRun *run = &self->runs[i];
      gsize n_logits = 0, n_taps = 0;

      count_floats (run, config, &n_logits, &n_taps); /* counted before room was made */
      g_variant_builder_add (&list, "(@ay@ayi)", steer_wire_new_numbers (run->logits, n_logits, sizeof (float)),
                             steer_wire_new_numbers (run->taps, n_taps, sizeof (float)), run->token);
    }
  return g_variant_builder_end (&list);
}

static gboolean
take_floats (GVariant *bytes, gsize n, float *values)
{
  const void *sent = steer_wire_get_numbers (bytes, n, sizeof (float), NULL);

  if (sent != NULL && n > 0)
    memcpy (values, sent, n * sizeof (float));
  return sent != NULL;
}

/* FALSE when it is not what @run wants. */
static gboolean
take_result (SteerRun *run, const SteerModelConfig *config, GVariant *result)
{
  g_autoptr (GVariant) logits = NULL, taps = NULL;
  gsize n_logits, n_taps;
  gint32 token;

  g_variant_get (result, "(@ay@ayi)", &logits, &taps, &token);
  if (!count_floats (run, config, &n_logits, &n_taps) || !take_floats (logits, n_logits, run->logits)
      || !take_floats (taps, n_taps, run->taps))
    return FALSE;
  if (run->want != STEER_WANT_TOKEN)
    return TRUE;
  run->token = token;
  return token >= 0 && (guint) token < config->n_vocab;
}

gboolean
steer_remote_runs_take_results (SteerRun *runs,
                                guint n_runs,
                                const SteerModelConfig *config,
                                GVariant *results,
                                GError **error)
{
  gboolean right = g_variant_n_children (results) == n_runs;

  for (guint i = 0; right && i < n_runs; i++)
    {
      g_autoptr (GVariant) result = g_variant_get_child_value (results, i);

      right = take_result (&runs[i], config, result);
    }
  if (!right)
    g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
                         "what the other computer computed is not what was asked for");
  return right;
}

gsize
steer_remote_runs_count_bytes (const SteerRun *runs, guint n_runs, const SteerModelConfig *config)
{
  gsize all = 4096; /* tokens, and where in the message each thing stands */

  for (guint i = 0; i < n_runs; i++)
    {
      gsize n_logits, n_taps, n;

      if (!count_floats (&runs[i], config, &n_logits, &n_taps) || !g_size_checked_add (&n, n_logits, n_taps)
          || !g_size_checked_mul (&n, n, sizeof (float)) || !g_size_checked_add (&all, all, n))
        return G_MAXSIZE;
    }
  return all;
}
