#include "steer-cli-measure.h"

#include <math.h>
#include <time.h>

/* Passes over the prompt, each once with and once without steering; fewer when they take longer than the budget. */
#define MAX_PREFILL_PAIRS 5
#define PREFILL_BUDGET_SECONDS 10.0

/* Tokens before anything is measured: pages of the weights are fetched, threads are awake. */
#define N_WARM_UP 8

#define SEED 1

typedef struct
{
  SteerContext *context;
  SteerPlan *plan;
  GCancellable *cancellable;
  float *logits; /* [n_vocab] */
} Bench;

static double
get_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

/* Seconds that one pass takes; negative after an error. */
static double
time_forward (Bench *bench, const gint32 *tokens, guint n_tokens, guint position, gboolean steered, GError **error)
{
  SteerRun run = {
    .position = position,
    .tokens = tokens,
    .n_tokens = n_tokens,
    .plan = steered ? bench->plan : NULL,
    .want = STEER_WANT_LAST_LOGITS,
    .logits = bench->logits,
  };
  double start = get_seconds ();

  if (!steer_context_forward (bench->context, &run, 1, bench->cancellable, error))
    return -1.0;
  return get_seconds () - start;
}

/* Both kinds, the one or the other first: whatever drifts while it runs hits both alike. */
static gboolean
time_pair (Bench *bench,
           const gint32 *tokens,
           guint n_tokens,
           guint position,
           gboolean steered_first,
           double *plain,
           double *steered,
           GError **error)
{
  for (guint i = 0; i < 2; i++)
    {
      gboolean now_steered = steered_first == (i == 0);
      double seconds = time_forward (bench, tokens, n_tokens, position, now_steered, error);

      if (seconds < 0.0)
        return FALSE;
      *(now_steered ? steered : plain) = seconds;
    }
  return TRUE;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
get_median (GArray *values)
{
  g_array_sort (values, compare_doubles);
  return values->len % 2 == 1 ? g_array_index (values, double, values->len / 2)
                              : 0.5
                                  * (g_array_index (values, double, values->len / 2 - 1)
                                     + g_array_index (values, double, values->len / 2));
}

/* Pairs of times of the same work. */
typedef struct
{
  GArray *plain;      /* double */
  GArray *steered;    /* double */
  GArray *difference; /* double */
} Pairs;

static void
pairs_init (Pairs *self)
{
  self->plain = g_array_new (FALSE, FALSE, sizeof (double));
  self->steered = g_array_new (FALSE, FALSE, sizeof (double));
  self->difference = g_array_new (FALSE, FALSE, sizeof (double));
}

static void
pairs_clear (Pairs *self)
{
  g_array_unref (self->plain);
  g_array_unref (self->steered);
  g_array_unref (self->difference);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pairs, pairs_clear)

static void
pairs_add (Pairs *self, double plain, double steered)
{
  double difference = steered - plain;

  g_array_append_val (self->plain, plain);
  g_array_append_val (self->steered, steered);
  g_array_append_val (self->difference, difference);
}

/* @n: how many pieces of work the whole has. */
static SteerCliTiming
pairs_summarize (Pairs *self, guint n)
{
  SteerCliTiming timing = { 0 };

  timing.plain = get_median (self->plain) * n;
  timing.steered = get_median (self->steered) * n;
  timing.cost = timing.plain > 0.0 ? get_median (self->difference) * n / timing.plain : 0.0;
  return timing;
}

static gboolean
measure_prefill (Bench *bench, const gint32 *tokens, SteerCliMeasurement *measurement, GError **error)
{
  g_auto (Pairs) pairs;
  double spent = 0.0;

  pairs_init (&pairs);
  for (guint i = 0; i < MAX_PREFILL_PAIRS && (i == 0 || spent < PREFILL_BUDGET_SECONDS); i++)
    {
      double plain, steered;

      if (!time_pair (bench, tokens, measurement->n_prompt, 0, i % 2 == 1, &plain, &steered, error))
        return FALSE;
      pairs_add (&pairs, plain, steered);
      spent += plain + steered;
    }
  measurement->prefill = pairs_summarize (&pairs, 1);
  return TRUE;
}

static gboolean
measure_decode (Bench *bench, const gint32 *tokens, SteerCliMeasurement *measurement, GError **error)
{
  g_auto (Pairs) pairs;

  pairs_init (&pairs);
  for (guint i = 0; i < measurement->n_generated; i++)
    {
      guint position = measurement->n_prompt + i;
      double plain, steered;

      if (!time_pair (bench, tokens + position, 1, position, i % 2 == 1, &plain, &steered, error))
        return FALSE;
      pairs_add (&pairs, plain, steered);
    }
  measurement->decode = pairs_summarize (&pairs, measurement->n_generated);
  return TRUE;
}

gboolean
steer_cli_measure (SteerContext *context,
                   SteerPlan *plan,
                   guint n_prompt,
                   guint n_generated,
                   SteerCliMeasurement *measurement,
                   GCancellable *cancellable,
                   GError **error)
{
  guint n_vocab = steer_model_get_config (context->model)->n_vocab;
  guint n_tokens = n_prompt + n_generated;
  g_autofree gint32 *tokens = g_new (gint32, n_tokens);
  g_autofree float *logits = g_new (float, n_vocab);
  g_autoptr (GRand) random = g_rand_new_with_seed (SEED);
  Bench bench = { context, plan, cancellable, logits };

  *measurement = (SteerCliMeasurement){ .n_prompt = n_prompt, .n_generated = n_generated };
  for (guint i = 0; i < n_tokens; i++)
    tokens[i] = g_rand_int_range (random, 0, (gint32) n_vocab);
  for (guint i = 0; i < MIN (N_WARM_UP, n_tokens); i++)
    {
      if (time_forward (&bench, tokens + i, 1, i, i % 2 == 1, error) < 0.0)
        return FALSE;
    }
  return measure_prefill (&bench, tokens, measurement, error) && measure_decode (&bench, tokens, measurement, error);
}

static GBytes *
make_random_direction (GRand *random, guint d_model)
{
  float *vector = g_new (float, d_model);
  double sum = 0.0;

  for (guint i = 0; i < d_model; i++)
    {
      vector[i] = (float) g_rand_double_range (random, -1.0, 1.0);
      sum += (double) vector[i] * vector[i];
    }
  for (guint i = 0; i < d_model; i++)
    vector[i] = (float) (vector[i] / sqrt (sum));
  return g_bytes_new_take (vector, d_model * sizeof (float));
}

SteerPlan *
steer_cli_make_random_plan (const SteerModelConfig *config, guint n_features, guint n_layers)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (config->d_model);
  g_autoptr (GRand) random = g_rand_new_with_seed (SEED);

  n_layers = MIN (n_layers, config->n_layers);
  for (guint i = 0; i < n_features; i++)
    {
      g_autoptr (GBytes) direction = make_random_direction (random, config->d_model);
      guint layer = (guint) ((guint64) (i % n_layers) * config->n_layers / n_layers);

      steer_plan_builder_add (builder, layer, i, i % 2 == 1 ? STEER_MODE_CLAMP : STEER_MODE_ADD, 0.01f, direction);
    }
  return steer_plan_builder_end (builder);
}
