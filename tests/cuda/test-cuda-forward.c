#include "cuda-model.h"

#include <string.h>

#include "chat/steer-sampler.h"

/* What a forward pass on the GPU promises whatever the model: a sequence is not touched by its neighbours, an empty
 * plan changes no bit; masks, the choice of tokens, cancelling. Nothing here knows whether the device is real. */

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

static void
forward (SteerContext *context, SteerRun *runs, guint n_runs)
{
  g_autoptr (GError) error = NULL;

  steer_context_forward (context, runs, n_runs, NULL, &error);
  g_assert_no_error (error);
}

static SteerRun
make_step (CpuModel *model, guint slot, guint position, SteerPlan *plan, float *logits)
{
  return (SteerRun){
    .slot = slot,
    .position = position,
    .tokens = model->tokens + position,
    .n_tokens = 1,
    .plan = plan,
    .want = STEER_WANT_LAST_LOGITS,
    .logits = logits,
  };
}

/* Any number of neighbours under any plans. */
static void
test_batch (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerPlan) first = cpu_model_make_plan (model, "0:0:add:3.0");
  g_autoptr (SteerPlan) second = cpu_model_make_plan (model, "1:1:clamp:2.0 0:1:add:-4.0");
  SteerPlan *plans[] = { first, NULL, second, first };
  gsize n_vocab = model->config->n_vocab;
  const guint n = 6;

  for (guint n_runs = 2; n_runs <= STEER_MAX_SLOTS; n_runs++)
    {
      g_autoptr (SteerContext) together = cuda_context_open (model->model, n_runs, STEER_DTYPE_F16, 0);
      g_autofree float *logits = g_new (float, n_runs *n_vocab);
      SteerRun runs[STEER_MAX_SLOTS];

      for (guint i = 0; i < n_runs; i++)
        {
          g_free (cpu_context_run_last (together, model, i, 0, n, plans[i]));
          runs[i] = make_step (model, i, n, plans[i], logits + i * n_vocab);
        }
      forward (together, runs, n_runs);
      for (guint i = 0; i < n_runs; i++)
        {
          g_autoptr (SteerContext) alone = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
          g_autofree float *expected = NULL;

          g_free (cpu_context_run_last (alone, model, 0, 0, n, plans[i]));
          expected = cpu_context_run_last (alone, model, 0, n, 1, plans[i]);
          assert_same_bits (logits + i * n_vocab, expected, n_vocab);
        }
      g_assert_false (have_same_bits (logits, logits + n_vocab, n_vocab));
    }
}

static float *
run_prompt_and_decode (CpuModel *model, SteerPlan *plan)
{
  g_autoptr (SteerContext) context = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
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
test_empty_plan (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (model->config->d_model);
  g_autoptr (SteerPlan) empty = steer_plan_builder_end (builder);
  g_autoptr (SteerPlan) strength_zero = cpu_model_make_plan (model, "0:0:add:0.0 1:1:add:0.0");
  gsize n = (gsize) model->n_tokens * model->config->n_vocab;
  g_autofree float *none = run_prompt_and_decode (model, NULL);
  g_autofree float *with_empty = run_prompt_and_decode (model, empty);
  g_autofree float *with_zero = run_prompt_and_decode (model, strength_zero);

  assert_same_bits (with_empty, none, n);
  assert_same_bits (with_zero, none, n);
}

/* In steps of decoding and, longer than these, in a prompt. */
static void
test_mask (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "0:0:add:5.0 1:1:clamp:3.0");
  gsize n_vocab = model->config->n_vocab;
  const guint lengths[] = { 4, model->n_tokens };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autoptr (SteerContext) context = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
      guint n = lengths[i];
      guint from = n / 2;
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

      forward (context, &run, 1);
      assert_same_bits (masked, plain, n * n_vocab);
      memset (mask + from, 1, n - from);
      forward (context, &run, 1);
      assert_same_bits (masked, plain, from * n_vocab);
      for (guint t = from; t < n; t++)
        g_assert_false (have_same_bits (masked + t * n_vocab, plain + t * n_vocab, n_vocab));
    }
}

/* One moved slider after the other: the table on the device follows, and so do new vectors among known ones. */
static void
test_sliders (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 1);
  static const char *const plans[]
    = { "0:0:add:1.0", "0:0:add:1.5", "", "1:1:clamp:2.0", "0:0:add:1.0 1:1:add:-2.0", "1:0:clamp:0.0" };

  for (guint i = 0; i < model->n_tokens; i++)
    {
      const char *text = plans[i % G_N_ELEMENTS (plans)];
      g_autoptr (SteerPlan) plan = *text != '\0' ? cpu_model_make_plan (model, text) : NULL;
      g_autofree float *actual = cpu_context_run_last (gpu, model, 0, i, 1, plan);
      g_autofree float *expected = cpu_context_run_last (cpu, model, 0, i, 1, plan);

      assert_near (actual, expected, model->config->n_vocab, CUDA_TOLERANCE);
    }
}

/* By turns above and below, by projection and by activation; also of a vector that no operation is of. */
static void
set_gate (SteerPlanBuilder *builder, CpuModel *model, guint i, SteerEncoder *encoder)
{
  GBytes *vector = model->vectors[(i + 1) % model->n_vectors];

  g_assert_true (steer_plan_builder_set_gate (builder, i % 2 == 0 ? STEER_WHEN_ABOVE : STEER_WHEN_BELOW, 0.05f,
                                              i % 3 != 0 ? vector : NULL, i % 3 == 0 ? encoder : NULL, NULL));
}

/* All modes on one layer and the next, in the order of the plan; behind gates if @gated. */
static SteerPlan *
make_plan_of_all_modes (CpuModel *model, gboolean gated)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (model->config->d_model);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerEncoder) encoder = steer_encoder_new ("the test's encoder", model->vectors[0],
                                                        STEER_ENCODER_CONSTANT_NORM, 0.25f, 0.01f, 1.5f, &error);

  g_assert_no_error (error);
  for (guint mode = 0; mode < STEER_MODE_SAE_CLAMP; mode++)
    {
      if (gated)
        set_gate (builder, model, mode, encoder);
      g_assert_true (steer_plan_builder_add (builder, mode % 2, mode, mode, 0.7f + 0.1f * (float) mode,
                                             model->vectors[mode % model->n_vectors]));
    }
  g_assert_true (
    steer_plan_builder_add_sae_clamp (builder, 1, 99, 2.0f, model->vectors[1 % model->n_vectors], encoder));
  return steer_plan_builder_end (builder);
}

static void
test_modes (gconstpointer gated)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerPlan) plan = make_plan_of_all_modes (model, GPOINTER_TO_INT (gated));
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 1);
  const guint pieces[] = { 1, model->n_tokens };

  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    for (guint first = 0; first < model->n_tokens; first += pieces[i])
      {
        g_autofree float *actual = cpu_context_run_last (gpu, model, 0, first, pieces[i], plan);
        g_autofree float *expected = cpu_context_run_last (cpu, model, 0, first, pieces[i], plan);

        assert_near (actual, expected, model->config->n_vocab, CUDA_TOLERANCE);
      }
}

/* The same step twice: once for logits, which the sampler chooses from, once for a token. */
static void
check_choice (SteerContext *context, CpuModel *model, guint position, guint n_tokens, guint trial)
{
  guint n_vocab = model->config->n_vocab;
  g_autofree float *logits = g_new (float, n_vocab);
  g_autofree guint32 *seen = g_new0 (guint32, (n_vocab + 31) / 32);
  g_autoptr (SteerSampler) sampler = steer_sampler_new (n_vocab);
  SteerSampling sampling;
  SteerRun run = {
    .position = position,
    .tokens = model->tokens + position,
    .n_tokens = n_tokens,
    .want = STEER_WANT_LAST_LOGITS,
    .logits = logits,
    .sampling = &sampling,
    .seen = seen,
    .uniform = g_test_rand_double (),
  };
  gint32 expected;

  steer_sampling_init (&sampling);
  sampling.temperature = trial % 4 == 0 ? 0.0 : 0.3 + 2.0 * g_test_rand_double ();
  sampling.top_p = trial % 3 == 0 ? 1.0 : 0.2 + 0.8 * g_test_rand_double ();
  sampling.top_k = trial % 5 == 0 ? (guint) g_test_rand_int_range (1, 40) : 0;
  sampling.min_p = trial % 7 == 0 ? 0.1 * g_test_rand_double () : 0.0;
  sampling.repetition_penalty = trial % 2 == 0 ? 1.0 : 1.0 + g_test_rand_double ();
  for (guint i = 0; i < 12; i++)
    {
      guint id = (guint) g_test_rand_int_range (0, (gint32) n_vocab);

      seen[id / 32] |= 1u << (id % 32);
    }
  forward (context, &run, 1);
  expected = steer_sampler_choose (sampler, &sampling, logits, seen, run.uniform);
  run.want = STEER_WANT_TOKEN;
  run.logits = NULL;
  run.token = -1;
  forward (context, &run, 1);
  g_assert_cmpint (run.token, ==, expected);
}

static void
test_choice (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerContext) context = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);

  check_choice (context, model, 0, 9, 1);
  for (guint trial = 0; trial < 12; trial++)
    check_choice (context, model, 9, 1 + trial % 3, trial);
}

/* Tokens, logits and nothing at all in one step. */
static void
test_mixed_wants (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cuda_context_open (model->model, 4, STEER_DTYPE_F16, 0);
  gsize n_vocab = model->config->n_vocab;
  g_autofree float *logits = g_new (float, n_vocab);
  g_autofree guint32 *seen = g_new0 (guint32, (n_vocab + 31) / 32);
  g_autofree float *expected = NULL;
  SteerSampling greedy;
  SteerRun runs[4];
  guint best = 0;

  steer_sampling_init (&greedy);
  greedy.temperature = 0.0;
  for (guint i = 0; i < 4; i++)
    {
      g_free (cpu_context_run_last (context, model, i, 0, 3, NULL));
      runs[i] = make_step (model, i, 3, NULL, logits);
    }
  expected = cpu_context_run_last (context, model, 0, 3, 1, NULL);
  runs[0].want = STEER_WANT_NOTHING;
  runs[2].want = runs[3].want = STEER_WANT_TOKEN;
  for (guint i = 2; i < 4; i++)
    {
      runs[i].sampling = &greedy;
      runs[i].seen = seen;
    }
  forward (context, runs, 4);
  assert_same_bits (logits, expected, n_vocab);
  for (guint id = 1; id < n_vocab; id++)
    if (expected[id] > expected[best])
      best = id;
  g_assert_cmpint (runs[2].token, ==, (gint32) best);
  g_assert_cmpint (runs[3].token, ==, (gint32) best);
}

/* A long run, a short one and a single token in one call. */
static void
test_mixed_lengths (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) together = cuda_context_open (model->model, 3, STEER_DTYPE_F16, 0);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 3, STEER_DTYPE_F16, 1);
  gsize n_vocab = model->config->n_vocab;
  g_autofree float *logits = g_new0 (float, 3 * n_vocab);
  const guint lengths[] = { model->n_tokens, 3, 1 };

  SteerRun runs[3];

  for (guint i = 0; i < 3; i++)
    {
      runs[i] = make_step (model, i, 0, NULL, logits + i * n_vocab);
      runs[i].n_tokens = lengths[i];
    }
  forward (together, runs, 3);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree float *expected = cpu_context_run_last (cpu, model, i, 0, lengths[i], NULL);

      assert_near (logits + i * n_vocab, expected, n_vocab, CUDA_TOLERANCE);
    }
}

static void
test_rewind (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) context = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  gsize n_vocab = model->config->n_vocab;
  const guint kept = 7;
  const guint n = 4;
  g_autofree float *before = NULL;
  g_autofree float *after = NULL;

  g_free (cpu_context_run (context, model, 0, 0, kept, NULL));
  before = cpu_context_run (context, model, 0, kept, n, NULL);
  model->tokens += 2;
  g_free (cpu_context_run (context, model, 0, kept, 8, NULL));
  model->tokens -= 2;
  after = cpu_context_run (context, model, 0, kept, n, NULL);
  assert_same_bits (after, before, n * n_vocab);
}

/* Several chunks; a cancel is seen between layers, and what was cached before the run is as it was. */
static void
test_cancel (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-long");
  g_autoptr (SteerContext) context = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gsize n_vocab = model->config->n_vocab;
  const guint kept = 10;
  g_autofree float *before = NULL;
  g_autofree float *after = NULL;
  SteerRun run = { .position = kept, .tokens = model->tokens + 100, .n_tokens = 120, .want = STEER_WANT_NOTHING };

  g_free (cpu_context_run (context, model, 0, 0, kept, NULL));
  before = cpu_context_run_last (context, model, 0, kept, 1, NULL);
  g_cancellable_cancel (cancellable);
  /* The backend itself: the boundary would not let a cancelled call through. */
  g_assert_false (context->backend->forward (context, &run, 1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  after = cpu_context_run_last (context, model, 0, kept, 1, NULL);
  assert_same_bits (after, before, n_vocab);
}

static void
test_long_prompt (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 2);
  const guint n = 200;
  g_autofree float *actual = cpu_context_run_last (gpu, model, 0, 0, n, NULL);
  g_autofree float *expected = cpu_context_run_last (cpu, model, 0, 0, n, NULL);
  g_autofree float *next = cpu_context_run_last (gpu, model, 0, n, 1, NULL);
  g_autofree float *expected_next = cpu_context_run_last (cpu, model, 0, n, 1, NULL);

  assert_near (actual, expected, model->config->n_vocab, 3e-2);
  assert_near (next, expected_next, model->config->n_vocab, 3e-2);
}

/* Of what a prompt's last layer makes of its tokens, only what is asked for is computed: nothing, the last one's, or,
 * for a tap, all of it. Steering acts on what is left. */
static void
test_last_layer (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-long");
  g_autoptr (SteerContext) context = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  const guint n = 200;
  const gsize n_vocab = model->config->n_vocab;
  const gsize d_model = model->config->d_model;
  const guint last_layer = model->config->n_layers - 1;
  g_autofree char *ops = g_strdup_printf ("0:0:add:2.0 %u:1:clamp:4.0", last_layer);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, ops);
  g_autofree float *all = cpu_context_run (context, model, 0, 0, n, plan);
  g_autofree float *next = cpu_context_run_last (context, model, 0, n, 1, plan);
  const float *vector = g_bytes_get_data (model->vectors[1], NULL);
  g_autofree float *taps = g_new0 (float, n *d_model);
  g_autofree float *logits = g_new0 (float, n_vocab);
  SteerRun run = {
    .tokens = model->tokens,
    .n_tokens = n,
    .plan = plan,
    .want = STEER_WANT_LAST_LOGITS,
    .logits = logits,
  };

  for (guint tapped = 0; tapped < 2; tapped++)
    {
      g_autofree float *after = NULL;

      run.n_taps = tapped;
      run.tap_layers = &last_layer;
      run.taps = taps;
      forward (context, &run, 1);
      assert_near (logits, all + (n - 1) * n_vocab, n_vocab, CUDA_TOLERANCE);
      after = cpu_context_run_last (context, model, 0, n, 1, plan);
      assert_near (after, next, n_vocab, CUDA_TOLERANCE);
    }
  for (guint i = 0; i < n; i++)
    {
      double along = 0.0;

      for (gsize j = 0; j < d_model; j++)
        along += (double) taps[i * d_model + j] * (double) vector[j];
      g_assert_cmpfloat_with_epsilon (along, 4.0, 1e-2); /* every token's was computed, and clamped */
    }

  run.want = STEER_WANT_NOTHING;
  run.n_taps = 0;
  forward (context, &run, 1);
  g_free (g_steal_pointer (&logits));
  logits = cpu_context_run_last (context, model, 0, n, 1, plan);
  assert_near (logits, next, n_vocab, CUDA_TOLERANCE);
}

/* The larger range of bf16 costs precision. */
static void
test_brain_cache (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) brain = cuda_context_open (model->model, 1, STEER_DTYPE_BF16, 0);
  g_autoptr (SteerContext) asked = cuda_context_open (model->model, 1, STEER_DTYPE_F32, 0);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F32, 1);
  gsize n = (gsize) model->n_tokens * model->config->n_vocab;
  g_autofree float *actual = cpu_context_run (brain, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *half = cpu_context_run (asked, model, 0, 0, model->n_tokens, NULL);
  g_autofree float *expected = cpu_context_run (cpu, model, 0, 0, model->n_tokens, NULL);

  g_assert_cmpint (brain->options.kv_dtype, ==, STEER_DTYPE_BF16);
  g_assert_cmpint (asked->options.kv_dtype, ==, STEER_DTYPE_F16);
  assert_near (actual, expected, n, 2e-2);
  assert_near (half, expected, n, 2e-3);
}

static void
add (const char *name, gboolean stood_for, const char *sentence, GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/cuda/forward/%s/%s", name, sentence);

  if (test_part_has (stood_for))
    g_test_add_data_func (path, name, func);
}

static void
add_one (const char *sentence, GTestFunc func)
{
  g_autofree char *path = g_strdup_printf ("/cuda/forward/%s", sentence);

  if (test_part_has (FALSE))
    g_test_add_func (path, func);
}

int
main (int argc, char *argv[])
{
  static const char *const names[] = { "llama-gqa", "qwen2" };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      gboolean second = i > 0;

      add (names[i], TRUE, "a sequence in a batch gets the bits it gets alone", test_batch);
      add (names[i], second, "strength zero and an empty plan give the bits of no plan", test_empty_plan);
      add (names[i], second, "a mask leaves positions unsteered", test_mask);
      add (names[i], second, "the device chooses what the sampler chooses", test_choice);
    }
  add ("gemma2", FALSE, "a sequence in a batch gets the bits it gets alone", test_batch);
  add ("gemma2", FALSE, "the device chooses what the sampler chooses", test_choice);
  add ("llama-long", FALSE, "a prompt of several chunks as the CPU computes it", test_long_prompt);
  add ("mistral-long-window", TRUE, "a prompt of several chunks as the CPU computes it", test_long_prompt);
  add ("gemma2-long", TRUE, "a prompt of several chunks as the CPU computes it", test_long_prompt);
  add_one ("of a prompt's last layer what is wanted is computed", test_last_layer);
  add_one ("every step has the plan it was given", test_sliders);
  if (test_part_has (FALSE))
    {
      g_test_add_data_func ("/cuda/forward/every mode steers as on the CPU", GINT_TO_POINTER (FALSE), test_modes);
      g_test_add_data_func ("/cuda/forward/every mode behind gates steers as on the CPU", GINT_TO_POINTER (TRUE),
                            test_modes);
    }
  add_one ("one step gives logits, tokens and nothing", test_mixed_wants);
  add_one ("runs of any length share one call", test_mixed_lengths);
  add_one ("positions before a run are intact after others were replaced", test_rewind);
  add_one ("a cancelled prompt leaves the cache usable", test_cancel);
  add_one ("the cache is kept in f16 or bf16", test_brain_cache);
  return g_test_run ();
}
