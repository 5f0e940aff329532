#include "steer-cpu-step.h"

/* A forward pass cuts its runs into steps: all short runs together, then the long ones in chunks. */

const SteerCpuSegment *
steer_cpu_step_find_segment (const SteerCpuStep *self, guint column)
{
  const SteerCpuSegment *segment = self->segments;

  while (column >= segment->column + segment->n)
    segment++;
  return segment;
}

static void
add_segment (SteerCpuStep *step, SteerRun *run, guint first, guint n)
{
  SteerCpuSegment *segment = &step->segments[step->n_segments++];

  segment->run = run;
  segment->first = first;
  segment->n = n;
  segment->column = step->n_tokens;
  step->n_tokens += n;
}

static gboolean
is_short (const SteerRun *run)
{
  return run->n_tokens <= STEER_CPU_SHORT_RUN;
}

static gboolean
run_short (SteerCpuContext *self, SteerRun *runs, guint n_runs, GCancellable *cancellable, GError **error)
{
  SteerCpuStep step = { .short_run = TRUE };

  for (guint i = 0; i < n_runs; i++)
    if (is_short (&runs[i]))
      add_segment (&step, &runs[i], 0, runs[i].n_tokens);
  return step.n_tokens == 0 || steer_cpu_step_run (self, &step, cancellable, error);
}

static gboolean
wants_ends_only (const SteerCpuContext *self, const SteerRun *run)
{
  for (guint i = 0; i < run->n_taps; i++)
    if (run->tap_layers[i] == self->config->n_layers - 1)
      return FALSE;
  return run->want != STEER_WANT_ALL_LOGITS && !steer_run_has_hook (run, self->config->n_layers - 1);
}

/* The long runs of one kind, in chunks of even length, so that none is left with a few tokens for which all weights are
 * unpacked again. Short prompts of several sequences share a chunk. */
static gboolean
run_long (SteerCpuContext *self,
          SteerRun *runs,
          guint n_runs,
          gboolean ends_only,
          GCancellable *cancellable,
          GError **error)
{
  SteerCpuStep step = { .short_run = FALSE, .ends_only = ends_only };
  gboolean chosen[STEER_MAX_SLOTS];
  gsize n_left = 0;
  gsize n_steps;

  for (guint i = 0; i < n_runs; i++)
    {
      chosen[i] = !is_short (&runs[i]) && wants_ends_only (self, &runs[i]) == ends_only;
      n_left += chosen[i] ? runs[i].n_tokens : 0;
    }
  n_steps = (n_left + self->work.chunk - 1) / self->work.chunk;

  for (guint i = 0; i < n_runs; i++)
    for (guint first = 0; chosen[i] && first < runs[i].n_tokens;)
      {
        guint length = (guint) ((n_left + n_steps - 1) / n_steps);
        guint n = MIN (length - step.n_tokens, runs[i].n_tokens - first);

        add_segment (&step, &runs[i], first, n);
        first += n;
        if (step.n_tokens < length)
          continue;
        if (!steer_cpu_step_run (self, &step, cancellable, error))
          return FALSE;
        n_left -= length;
        n_steps--;
        step.n_segments = 0;
        step.n_tokens = 0;
      }
  return TRUE;
}

static gboolean
check_runs (const SteerCpuContext *self, const SteerRun *runs, guint n_runs, GError **error)
{
  if (n_runs > STEER_MAX_SLOTS)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                   "%u sequences in one pass; the CPU takes %u", n_runs, STEER_MAX_SLOTS);
      return FALSE;
    }
  for (guint i = 0; i < n_runs; i++)
    {
      const SteerRun *run = &runs[i];

      if (run->n_tokens == 0)
        {
          g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "a run without tokens");
          return FALSE;
        }
      if (run->want == STEER_WANT_TOKEN)
        {
          g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                               "the CPU does not choose tokens; ask for the last logits");
          return FALSE;
        }
      if (run->slot >= self->parent.options.n_slots || run->n_tokens > self->parent.options.n_context
          || run->position > self->parent.options.n_context - run->n_tokens)
        {
          g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED,
                       "positions %u to %u of slot %u; the context holds %u positions in %u slots", run->position,
                       run->position + run->n_tokens, run->slot, self->parent.options.n_context,
                       self->parent.options.n_slots);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
steer_cpu_context_forward (SteerContext *context,
                           SteerRun *runs,
                           guint n_runs,
                           GCancellable *cancellable,
                           GError **error)
{
  SteerCpuContext *self = (SteerCpuContext *) context;

  return check_runs (self, runs, n_runs, error) && run_short (self, runs, n_runs, cancellable, error)
         && run_long (self, runs, n_runs, TRUE, cancellable, error)
         && run_long (self, runs, n_runs, FALSE, cancellable, error);
}
