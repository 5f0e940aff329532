#include "cpu-model.h"

#include <string.h>

#include "cpu/steer-cpu-kernels.h"
#include "cpu/steer-cpu.h"

/* What a forward pass promises whatever the model: the same bits for any number of threads, chunks, neighbours and for
 * an empty plan; a cache that may be rewound; masks, taps, cancelling and refusals. */

/* Two roundings of the same sums, by row and by panel. */
#define TOLERANCE 1e-5

static void
assert_same_bits (const float *a, const float *b, gsize n)
{
  g_assert_cmpmem (a, n * sizeof (float), b, n * sizeof (float));
}

static gboolean
have_same_bits (const float *a, const float *b, gsize n)
{
  return memcmp (a, b, n * sizeof (float)) == 0;
}

/* A prompt and then three tokens one by one: [n_tokens, n_vocab]. */
static float *
run_prompt_and_decode (CpuModel *model, guint n_threads, SteerPlan *plan)
{
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F16, n_threads);
  gsize n_vocab = model->config->n_vocab;
  guint n_prompt = model->n_tokens - 3;
  float *all = cpu_context_run (context, model, 0, 0, n_prompt, plan);

  all = g_renew (float, all, model->n_tokens *n_vocab);
  for (guint i = n_prompt; i < model->n_tokens; i++)
    {
      g_autofree float *logits = cpu_context_run_last (context, model, 0, i, 1, plan);

      memcpy (all + i * n_vocab, logits, n_vocab * sizeof (float));
    }
  return all;
}

static void
test_threads (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "0:0:clamp:1.5 1:1:add:2.0");
  g_autofree float *one = run_prompt_and_decode (model, 1, plan);

  for (guint n_threads = 2; n_threads <= 5; n_threads++)
    {
      g_autofree float *many = run_prompt_and_decode (model, n_threads, plan);

      assert_same_bits (many, one, (gsize) model->n_tokens * model->config->n_vocab);
    }
}

static void
test_chunks (gconstpointer name)
{
  static const guint lengths[] = { 5, 7, 63, 64, 100, 257, 300 };
  g_autoptr (CpuModel) model = cpu_model_load (name);
  gsize n_vocab = model->config->n_vocab;
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 2, STEER_DTYPE_F32, 2);
  g_autofree float *whole = cpu_context_run (context, model, 0, 0, model->n_tokens, NULL);

  /* A piece of four tokens or fewer is decoding, which rounds differently; the next test has it. */
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    for (guint first = 0; first + 4 < model->n_tokens; first += lengths[i])
      {
        guint n = MIN (lengths[i], model->n_tokens - first);
        g_autofree float *part = cpu_context_run (context, model, 1, first, n, NULL);

        assert_same_bits (part, whole + first * n_vocab, n * n_vocab);
      }
}

static void
test_decode_equals_prompt (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  gsize n_vocab = model->config->n_vocab;
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 2, STEER_DTYPE_F32, 2);
  g_autofree float *whole = cpu_context_run (context, model, 0, 0, model->n_tokens, NULL);

  for (guint first = 0; first < model->n_tokens;)
    {
      guint n_wanted = (guint) g_test_rand_int_range (1, 5);
      guint n = MIN (n_wanted, model->n_tokens - first);
      g_autofree float *part = cpu_context_run (context, model, 1, first, n, NULL);

      assert_near (part, whole + first * n_vocab, n * n_vocab, TOLERANCE);
      first += n;
    }
}

/* Of the last layer a prompt's last logits need the last token only, and all logits every token. */
static void
test_last_equals_all (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "0:0:clamp:1.5 1:1:add:2.0 1:0:clamp:-1.0");
  gsize n_vocab = model->config->n_vocab;
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  g_autofree float *all = cpu_context_run (context, model, 0, 0, model->n_tokens, plan);
  g_autofree float *last = cpu_context_run_last (context, model, 0, 0, model->n_tokens, plan);

  assert_near (last, all + (model->n_tokens - 1) * n_vocab, n_vocab, TOLERANCE);
}

static float *
decode_batch (SteerContext *context, CpuModel *model, SteerPlan *const *plans, guint n_runs, guint position)
{
  g_autoptr (GError) error = NULL;
  gsize n_vocab = model->config->n_vocab;
  float *logits = g_new0 (float, n_runs *n_vocab);
  SteerRun runs[STEER_MAX_SLOTS];

  memset (runs, 0, sizeof runs);
  for (guint i = 0; i < n_runs; i++)
    {
      runs[i].slot = i;
      runs[i].position = position;
      runs[i].tokens = model->tokens + position;
      runs[i].n_tokens = 1;
      runs[i].plan = plans[i];
      runs[i].want = STEER_WANT_LAST_LOGITS;
      runs[i].logits = logits + i * n_vocab;
    }
  steer_context_forward (context, runs, n_runs, NULL, &error);
  g_assert_no_error (error);
  return logits;
}

static void
test_batch (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerPlan) first = cpu_model_make_plan (model, "0:0:add:3.0");
  g_autoptr (SteerPlan) second = cpu_model_make_plan (model, "1:1:clamp:2.0 0:2:add:-4.0");
  SteerPlan *plans[] = { first, NULL, second, first };
  gsize n_vocab = model->config->n_vocab;
  guint n = model->n_tokens - 1;

  for (guint n_runs = 2; n_runs <= STEER_MAX_SLOTS; n_runs++)
    {
      g_autoptr (SteerContext) together = cpu_context_open (model->model, n_runs, STEER_DTYPE_F16, 2);
      g_autofree float *batch = NULL;

      for (guint i = 0; i < n_runs; i++)
        g_free (cpu_context_run_last (together, model, i, 0, n, plans[i]));
      batch = decode_batch (together, model, plans, n_runs, n);
      for (guint i = 0; i < n_runs; i++)
        {
          g_autoptr (SteerContext) alone = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 1);
          g_autofree float *logits = NULL;

          g_free (cpu_context_run_last (alone, model, 0, 0, n, plans[i]));
          logits = cpu_context_run_last (alone, model, 0, n, 1, plans[i]);
          assert_same_bits (batch + i * n_vocab, logits, n_vocab);
        }
      g_assert_false (have_same_bits (batch, batch + n_vocab, n_vocab));
    }
}

/* A long prompt, a short one and a single token in one call. */
static void
test_mixed_batch (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-long");
  gsize n_vocab = model->config->n_vocab;
  g_autoptr (SteerContext) together = cpu_context_open (model->model, 3, STEER_DTYPE_F32, 2);
  g_autoptr (SteerContext) alone = cpu_context_open (model->model, 3, STEER_DTYPE_F32, 2);
  g_autoptr (GError) error = NULL;
  const guint n_long = 400;
  const guint n_short = 11;
  g_autofree float *logits = g_new0 (float, (n_long + 2) * n_vocab);
  SteerRun runs[] = {
    { .slot = 0, .tokens = model->tokens, .n_tokens = n_long, .want = STEER_WANT_ALL_LOGITS, .logits = logits },
    { .slot = 1,
      .position = n_short,
      .tokens = model->tokens + n_short,
      .n_tokens = 1,
      .want = STEER_WANT_LAST_LOGITS,
      .logits = logits + n_long * n_vocab },
    { .slot = 2,
      .tokens = model->tokens,
      .n_tokens = n_short,
      .want = STEER_WANT_LAST_LOGITS,
      .logits = logits + (n_long + 1) * n_vocab },
  };
  g_autofree float *first = NULL;
  g_autofree float *second = NULL;
  g_autofree float *third = NULL;

  g_free (cpu_context_run_last (together, model, 1, 0, n_short, NULL));
  g_free (cpu_context_run_last (alone, model, 1, 0, n_short, NULL));
  steer_context_forward (together, runs, G_N_ELEMENTS (runs), NULL, &error);
  g_assert_no_error (error);
  first = cpu_context_run (alone, model, 0, 0, n_long, NULL);
  second = cpu_context_run_last (alone, model, 1, n_short, 1, NULL);
  third = cpu_context_run_last (alone, model, 2, 0, n_short, NULL);
  assert_same_bits (logits, first, n_long * n_vocab);
  assert_same_bits (logits + n_long * n_vocab, second, n_vocab);
  assert_same_bits (logits + (n_long + 1) * n_vocab, third, n_vocab);
}

/* Three prompts share the chunks of one call; the one that asks for nothing is decoded from afterwards. */
static void
test_prompts_in_batch (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "1:1:add:2.0");
  gsize n_vocab = model->config->n_vocab;
  g_autoptr (SteerContext) together = cpu_context_open (model->model, 3, STEER_DTYPE_F32, 2);
  g_autoptr (SteerContext) alone = cpu_context_open (model->model, 3, STEER_DTYPE_F32, 2);
  g_autoptr (GError) error = NULL;
  g_autofree float *logits = g_new0 (float, 2 * n_vocab);
  guint n = model->n_tokens - 1;
  SteerRun runs[] = {
    { .slot = 0, .tokens = model->tokens, .n_tokens = n, .want = STEER_WANT_LAST_LOGITS, .logits = logits },
    { .slot = 1, .tokens = model->tokens, .n_tokens = n - 1, .plan = plan, .want = STEER_WANT_NOTHING },
    { .slot = 2,
      .tokens = model->tokens,
      .n_tokens = n - 2,
      .plan = plan,
      .want = STEER_WANT_LAST_LOGITS,
      .logits = logits + n_vocab },
  };
  g_autofree float *first = cpu_context_run_last (alone, model, 0, 0, n, NULL);
  g_autofree float *third = cpu_context_run_last (alone, model, 2, 0, n - 2, plan);
  g_autofree float *next = NULL;
  g_autofree float *expected = NULL;

  steer_context_forward (together, runs, G_N_ELEMENTS (runs), NULL, &error);
  g_assert_no_error (error);
  assert_same_bits (logits, first, n_vocab);
  assert_same_bits (logits + n_vocab, third, n_vocab);

  g_free (cpu_context_run (alone, model, 1, 0, n - 1, plan));
  expected = cpu_context_run_last (alone, model, 1, n - 1, 1, plan);
  next = cpu_context_run_last (together, model, 1, n - 1, 1, plan);
  assert_same_bits (next, expected, n_vocab);
}

static void
test_half_cache (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerContext) half = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 2);
  g_autoptr (SteerContext) full = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  g_autofree float *a = cpu_context_run (half, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *b = cpu_context_run (full, model, 0, 0, model->n_tokens, NULL);
  gsize n = (gsize) model->n_tokens * model->config->n_vocab;

  assert_near (a, b, n, 2e-3);
  g_assert_false (have_same_bits (a, b, n));
}

/* A group of 32 elements keeps 8 bits of its largest. */
static void
test_q8_0_cache (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerContext) coarse = cpu_context_open (model->model, 1, STEER_DTYPE_Q8_0, 2);
  g_autoptr (SteerContext) full = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  g_autofree float *a = cpu_context_run (coarse, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *b = cpu_context_run (full, model, 0, 0, model->n_tokens, NULL);
  gsize n = (gsize) model->n_tokens * model->config->n_vocab;

  assert_near (a, b, n, 6e-2);
  g_assert_false (have_same_bits (a, b, n));
}

static SteerContext *
open_quantised (CpuModel *model, guint n_threads)
{
  g_autoptr (GError) error = NULL;
  SteerContextOptions options;
  SteerContext *context;

  steer_context_options_init (&options);
  options.kv_dtype = STEER_DTYPE_F32;
  options.n_threads = n_threads;
  options.weight_type = STEER_DTYPE_Q8_0;
  context = steer_cpu_backend ()->open (model->model, "cpu", &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return context;
}

static void
test_quantised_weights (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerContext) one = open_quantised (model, 1);
  g_autoptr (SteerContext) three = open_quantised (model, 3);
  g_autoptr (SteerContext) full = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  g_autofree float *a = cpu_context_run (one, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *b = cpu_context_run (three, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *c = cpu_context_run (full, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *step = cpu_context_run_last (one, model, 0, model->n_tokens - 1, 1, NULL);
  gsize n_vocab = model->config->n_vocab;
  gsize n = (gsize) model->n_tokens * n_vocab;

  assert_same_bits (a, b, n);
  assert_near (a, c, n, 0.12);
  assert_near (step, a + n - n_vocab, n_vocab, 5e-2);
  /* The model of odd sizes has no row of whole blocks and stays as it is. */
  g_assert_cmpint (have_same_bits (a, c, n), ==, model->config->d_model % 32 != 0);
}

static void
test_empty_plan (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerPlan) strength_zero = cpu_model_make_plan (model, "0:0:add:0.0 1:1:add:0.0");
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (model->config->d_model);
  g_autoptr (SteerPlan) empty = steer_plan_builder_end (builder);
  gsize n = (gsize) model->n_tokens * model->config->n_vocab;
  g_autofree float *none = run_prompt_and_decode (model, 2, NULL);
  g_autofree float *with_zero = run_prompt_and_decode (model, 2, strength_zero);
  g_autofree float *with_empty = run_prompt_and_decode (model, 2, empty);

  assert_same_bits (with_zero, none, n);
  assert_same_bits (with_empty, none, n);
}

/* Layers below the steered one, and positions before it, keep every bit. */
static void
test_mask (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 2, STEER_DTYPE_F32, 2);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "0:0:add:5.0 1:1:clamp:3.0");
  g_autoptr (GError) error = NULL;
  gsize n_vocab = model->config->n_vocab;
  const guint from = 9;
  g_autofree guint8 *mask = g_new0 (guint8, model->n_tokens);
  g_autofree float *plain = cpu_context_run (context, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *masked = g_new0 (float, model->n_tokens *n_vocab);
  g_autofree float *unmasked = NULL;
  SteerRun run = {
    .tokens = model->tokens,
    .n_tokens = model->n_tokens,
    .plan = plan,
    .steer_mask = mask,
    .want = STEER_WANT_ALL_LOGITS,
    .logits = masked,
  };

  steer_context_forward (context, &run, 1, NULL, &error);
  g_assert_no_error (error);
  assert_same_bits (masked, plain, model->n_tokens * n_vocab);

  memset (mask + from, 1, model->n_tokens - from);
  steer_context_forward (context, &run, 1, NULL, &error);
  g_assert_no_error (error);
  assert_same_bits (masked, plain, from * n_vocab);
  for (guint i = from; i < model->n_tokens; i++)
    g_assert_false (have_same_bits (masked + i * n_vocab, plain + i * n_vocab, n_vocab));

  /* The same as an unsteered prompt that a steered run continues. */
  g_free (cpu_context_run (context, model, 1, 0, from, NULL));
  unmasked = cpu_context_run (context, model, 1, from, model->n_tokens - from, plan);
  assert_same_bits (masked + from * n_vocab, unmasked, (model->n_tokens - from) * n_vocab);
}

/* The mask belongs to the run's tokens, also in its later chunks. */
static void
test_long_mask (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-long");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 2, STEER_DTYPE_F32, 2);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "1:1:add:6.0");
  g_autoptr (GError) error = NULL;
  gsize n_vocab = model->config->n_vocab;
  const guint n = 600;
  g_autofree guint8 *mask = g_new0 (guint8, n);
  g_autofree float *plain = cpu_context_run (context, model, 0, 0, n, NULL);
  g_autofree float *masked = g_new0 (float, n *n_vocab);
  SteerRun run = {
    .tokens = model->tokens,
    .n_tokens = n,
    .plan = plan,
    .steer_mask = mask,
    .want = STEER_WANT_ALL_LOGITS,
    .logits = masked,
  };

  for (guint i = 0; i < n; i++)
    mask[i] = i % 7 == 3;
  steer_context_forward (context, &run, 1, NULL, &error);
  g_assert_no_error (error);
  /* On the last layer a steered position changes nothing but itself. */
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (have_same_bits (masked + i * n_vocab, plain + i * n_vocab, n_vocab), ==, mask[i] == 0);
}

static void
test_taps (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 2);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "1:0:clamp:-6.5");
  g_autoptr (GError) error = NULL;
  const float *vector = g_bytes_get_data (model->vectors[0], NULL);
  gsize d_model = model->config->d_model;
  const guint layers[] = { 1, 0, 1 };
  g_autofree float *taps = g_new0 (float, 3 * model->n_tokens * d_model);
  SteerRun run = {
    .tokens = model->tokens,
    .n_tokens = model->n_tokens,
    .plan = plan,
    .want = STEER_WANT_NOTHING,
    .tap_layers = layers,
    .n_taps = 3,
    .taps = taps,
  };

  steer_context_forward (context, &run, 1, NULL, &error);
  g_assert_no_error (error);
  for (guint t = 0; t < model->n_tokens; t++)
    {
      double along[2] = { 0.0, 0.0 };

      for (guint i = 0; i < 2; i++)
        for (gsize j = 0; j < d_model; j++)
          along[i] += (double) taps[(i * model->n_tokens + t) * d_model + j] * (double) vector[j];
      g_assert_cmpfloat_with_epsilon (along[0], -6.5, 1e-5);
      g_assert_cmpfloat (ABS (along[1] + 6.5), >, 1e-3);
    }
  assert_same_bits (taps, taps + 2 * model->n_tokens * d_model, model->n_tokens * d_model);
}

static void
test_rewind (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-long");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 2);
  gsize n_vocab = model->config->n_vocab;
  const guint kept = 70;
  const guint n = 40;
  g_autofree float *before = NULL;
  g_autofree float *after = NULL;

  g_free (cpu_context_run (context, model, 0, 0, kept, NULL));
  before = cpu_context_run (context, model, 0, kept, n, NULL);
  /* Other tokens over the same and later positions. */
  model->tokens += 300;
  g_free (cpu_context_run (context, model, 0, kept, 200, NULL));
  model->tokens -= 300;
  after = cpu_context_run (context, model, 0, kept, n, NULL);
  assert_same_bits (after, before, n * n_vocab);
}

typedef struct
{
  GCancellable *cancellable;
  gulong delay; /* us */
} Cancel;

/* Somewhere in the middle of the pass, or after it. */
static gpointer
cancel_soon (gpointer data)
{
  const Cancel *cancel = data;

  g_usleep (cancel->delay);
  g_cancellable_cancel (cancel->cancellable);
  return NULL;
}

static void
test_cancel (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-long");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 2);
  gsize n_vocab = model->config->n_vocab;
  const guint kept = 70;
  g_autofree float *expected = NULL;
  g_autofree float *actual = NULL;
  g_autofree float *last = g_new (float, n_vocab);
  g_autofree float *logits = g_new (float, n_vocab);
  SteerRun run = {
    .position = kept,
    .tokens = model->tokens + 100,
    .n_tokens = 600,
    .want = STEER_WANT_LAST_LOGITS,
    .logits = last,
  };
  guint n_cancelled = 0;

  g_free (cpu_context_run (context, model, 0, 0, kept, NULL));
  expected = cpu_context_run (context, model, 0, kept, 30, NULL);
  g_assert_true (steer_context_forward (context, &run, 1, NULL, NULL));
  run.logits = logits;
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Cancel cancel = { cancellable, 1000 * i };
      g_autoptr (GThread) thread = NULL;
      g_autoptr (GError) error = NULL;

      if (i == 0)
        g_cancellable_cancel (cancellable);
      else
        thread = g_thread_new ("cancel", cancel_soon, &cancel);
      if (!steer_context_forward (context, &run, 1, cancellable, &error))
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          n_cancelled++;
        }
      else
        assert_same_bits (logits, last, n_vocab); /* nothing was left out */
      if (thread != NULL)
        g_thread_join (g_steal_pointer (&thread));
    }
  g_assert_cmpuint (n_cancelled, >, 0);
  actual = cpu_context_run (context, model, 0, kept, 30, NULL);
  assert_same_bits (actual, expected, 30 * n_vocab);
}

static void
test_refusals (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 1);
  const SteerBackend *backend = steer_cpu_backend ();
  g_autoptr (GError) error = NULL;
  SteerRun run = { .tokens = model->tokens, .n_tokens = 2, .want = STEER_WANT_TOKEN };

  g_assert_false (backend->forward (context, &run, 1, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  run.want = STEER_WANT_NOTHING;
  run.position = context->options.n_context - 1;
  g_assert_false (backend->forward (context, &run, 1, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  run.position = context->options.n_context - 2;
  g_assert_true (backend->forward (context, &run, 1, NULL, &error));
  g_assert_no_error (error);

  run.slot = 1;
  g_assert_false (backend->forward (context, &run, 1, NULL, &error));
  g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_UNSUPPORTED);
}

static void
add (const char *name, const char *sentence, GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/cpu/forward/%s/%s", name, sentence);

  g_test_add_data_func (path, name, func);
}

int
main (int argc, char *argv[])
{
  static const char *const names[]
    = { "llama-gqa", "llama-llama3-rope", "llama-odd-sizes", "mistral-window", "qwen2", "qwen3", "gemma2", "gemma3" };
  static const char *const long_names[] = { "llama-long", "mistral-long-window", "gemma2-long", "gemma3-long" };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names) + G_N_ELEMENTS (long_names); i++)
    {
      const char *name = i < G_N_ELEMENTS (names) ? names[i] : long_names[i - G_N_ELEMENTS (names)];

      add (name, "one thread and many give the same bits", test_threads);
      add (name, "a prompt in pieces gives the bits of the whole", test_chunks);
      add (name, "decoding gives what the prompt gives", test_decode_equals_prompt);
      add (name, "the last logits are the last of all logits", test_last_equals_all);
      add (name, "a sequence in a batch gets the bits it gets alone", test_batch);
      add (name, "prompts in one call get the bits they get alone", test_prompts_in_batch);
      add (name, "an F16 cache stays close to an F32 cache", test_half_cache);
      add (name, "a Q8_0 cache stays close to an F32 cache", test_q8_0_cache);
      add (name, "weights quantised while loading stay close to those stored", test_quantised_weights);
      add (name, "strength zero and an empty plan give the bits of no plan", test_empty_plan);
    }
  g_test_add_func ("/cpu/forward/runs of any length share one call", test_mixed_batch);
  g_test_add_func ("/cpu/forward/a mask leaves positions unsteered", test_mask);
  g_test_add_func ("/cpu/forward/a mask reaches into the later chunks of a long prompt", test_long_mask);
  g_test_add_func ("/cpu/forward/a tap shows the residual after steering", test_taps);
  g_test_add_func ("/cpu/forward/positions before a run are intact after others were replaced", test_rewind);
  g_test_add_func ("/cpu/forward/a cancelled prompt leaves the cache usable", test_cancel);
  g_test_add_func ("/cpu/forward/what cannot be done is refused with an error", test_refusals);
  return g_test_run ();
}
