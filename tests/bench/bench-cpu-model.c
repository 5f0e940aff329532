#include <stdio.h>
#include <stdlib.h>

#include "cpu/steer-cpu.h"

/* Measures a model on the CPU backend: opening, a prompt, decoding one and two sequences, and what steering costs.
 *
 *   bench-cpu-model MODEL [THREADS]
 */

#define N_PROMPT 512
#define N_DECODE 32
#define N_FEATURES 8

typedef struct
{
  SteerContext *context;
  guint n_runs;
  SteerPlan *plan; /* (nullable): of the first sequence */
  gint32 tokens[N_PROMPT];
  float *logits; /* [2, n_vocab] */
} Bench;

static double
now (void)
{
  return (double) g_get_monotonic_time () / G_USEC_PER_SEC;
}

static void
forward (Bench *self, guint position, guint n_tokens)
{
  g_autoptr (GError) error = NULL;
  gsize n_vocab = steer_model_get_config (self->context->model)->n_vocab;
  SteerRun runs[2] = { { 0 }, { 0 } };

  for (guint i = 0; i < self->n_runs; i++)
    runs[i] = (SteerRun){
      .slot = i,
      .position = position,
      .tokens = self->tokens,
      .n_tokens = n_tokens,
      .plan = i == 0 ? self->plan : NULL,
      .want = STEER_WANT_LAST_LOGITS,
      .logits = self->logits + i * n_vocab,
    };
  if (!steer_context_forward (self->context, runs, self->n_runs, NULL, &error))
    g_error ("%s", error->message);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double difference = *(const double *) a - *(const double *) b;

  return difference < 0.0 ? -1 : difference > 0.0;
}

/* Median seconds of a decoding step after the prompt. */
static double
decode (Bench *self)
{
  double seconds[N_DECODE];

  for (guint i = 0; i < N_DECODE; i++)
    {
      double start = now ();

      forward (self, N_PROMPT + i, 1);
      seconds[i] = now () - start;
    }
  qsort (seconds, N_DECODE, sizeof *seconds, compare_doubles);
  return seconds[N_DECODE / 2];
}

static SteerPlan *
make_plan (const SteerModelConfig *config)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (config->d_model);
  g_autofree float *vector = g_new0 (float, config->d_model);

  vector[0] = 1.0f;
  for (guint i = 0; i < N_FEATURES; i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (vector, config->d_model * sizeof (float));

      steer_plan_builder_add (builder, config->n_layers * i / N_FEATURES, i,
                              i % 2 == 0 ? STEER_MODE_ADD : STEER_MODE_CLAMP, 0.01f, bytes);
    }
  return steer_plan_builder_end (builder);
}

int
main (int argc, char *argv[])
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerModel) model = NULL;
  g_autoptr (SteerContext) context = NULL;
  g_autoptr (SteerPlan) plan = NULL;
  g_autofree float *logits = NULL;
  SteerContextOptions options;
  Bench bench = { 0 };
  double bandwidth, start, seconds, steered;
  double n_bytes;

  if (argc < 2)
    {
      fprintf (stderr, "usage: bench-cpu-model MODEL [THREADS]\n");
      return 2;
    }
  steer_context_options_init (&options);
  options.n_slots = 2;
  options.n_threads = argc > 2 ? (guint) strtoul (argv[2], NULL, 10) : 0;
  steer_backend_register (steer_cpu_backend ());
  model = steer_model_open (argv[1], NULL, &error);
  start = now ();
  if (model != NULL)
    context = steer_context_open (model, "cpu", &options, NULL, NULL, NULL, &error);
  if (context == NULL)
    {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }
  seconds = now () - start;
  n_bytes = (double) steer_model_get_decode_bytes (model);
  bandwidth = steer_cpu_measure_bandwidth (options.n_threads);
  printf ("%s; %u threads; read bandwidth %.1f GB/s\n", context->device_name, context->options.n_threads,
          bandwidth / 1e9);
  printf ("open      %8.3f s\n", seconds);

  logits = g_new (float, 2 * (gsize) steer_model_get_config (model)->n_vocab);
  bench.context = context;
  bench.logits = logits;
  for (guint i = 0; i < N_PROMPT; i++)
    bench.tokens[i] = (gint32) (i * 7919u % steer_model_get_config (model)->n_vocab);

  bench.n_runs = 2;
  forward (&bench, 0, N_PROMPT);
  bench.n_runs = 1;
  start = now ();
  forward (&bench, 0, N_PROMPT);
  seconds = now () - start;
  printf ("prompt    %8.1f tokens/s  %7.1f GFLOP/s\n", N_PROMPT / seconds,
          2.0 * N_PROMPT * (double) steer_model_config_get_n_parameters (steer_model_get_config (model)) / seconds
            / 1e9);

  seconds = decode (&bench);
  printf ("decode    %8.2f tokens/s  %7.2f GB/s of weights, %.1f %% of the bandwidth\n", 1.0 / seconds,
          n_bytes / seconds / 1e9, n_bytes / seconds / bandwidth * 100.0);
  bench.plan = plan = make_plan (steer_model_get_config (model));
  steered = decode (&bench);
  printf ("steered   %8.2f tokens/s  %+.2f %%\n", 1.0 / steered, (steered / seconds - 1.0) * 100.0);
  bench.n_runs = 2;
  steered = decode (&bench);
  printf ("two       %8.2f tokens/s  %.2f times the time of one\n", 2.0 / steered, steered / seconds);
  return 0;
}
