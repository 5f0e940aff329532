#include "cuda-model.h"

#include <string.h>

/* Hooks between the layers of a pass on the GPU: rows come to the host and go back. */

static const guint both[] = { 0, 1 };

/* Adds @strength times a vector at each layer. */
typedef struct
{
  const float *vector; /* [d_model] */
  guint d_model;
  float strength;
  guint n_calls;
} Hook;

static void
add_vector (guint layer, guint first, guint n_tokens, float *rows, gsize stride, gpointer data)
{
  Hook *self = data;

  self->n_calls++;
  for (guint t = 0; t < n_tokens; t++)
    for (guint i = 0; i < self->d_model; i++)
      rows[t * stride + i] += self->strength * self->vector[i];
}

static Hook
make_hook (CpuModel *model, float strength)
{
  return (Hook){ g_bytes_get_data (model->vectors[0], NULL), model->config->d_model, strength, 0 };
}

static SteerRun
make_run (CpuModel *model, guint n_tokens, SteerPlan *plan, float *logits, Hook *hook)
{
  return (SteerRun){
    .tokens = model->tokens,
    .n_tokens = n_tokens,
    .plan = plan,
    .want = STEER_WANT_ALL_LOGITS,
    .logits = logits,
    .hook_layers = both,
    .n_hooks = hook != NULL ? G_N_ELEMENTS (both) : 0,
    .hook = add_vector,
    .hook_data = hook,
  };
}

static void
forward (SteerContext *context, SteerRun *runs, guint n_runs)
{
  g_autoptr (GError) error = NULL;

  steer_context_forward (context, runs, n_runs, NULL, &error);
  g_assert_no_error (error);
}

/* A short run, which is decoded, and a long one, whose prompt is computed in matrix products. */
static void
test_as_on_cpu (gconstpointer name)
{
  g_autoptr (CpuModel) model = cpu_model_load (name);
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 1);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "0:1:clamp:2.0 1:1:add:-3.0");
  const guint lengths[] = { 3, model->n_tokens };
  const double tolerances[] = { CUDA_TOLERANCE, 3e-2 }; /* products of 16-bit activations, as of any prompt */
  gsize n_vocab = model->config->n_vocab;

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      gsize n = lengths[i] * n_vocab;
      g_autofree float *expected = g_new0 (float, n);
      g_autofree float *unhooked = g_new0 (float, n);
      g_autofree float *logits = g_new0 (float, n);
      Hook hook = make_hook (model, 4.0f);
      SteerRun run = make_run (model, lengths[i], plan, expected, &hook);

      forward (cpu, &run, 1);
      run.logits = logits;
      forward (gpu, &run, 1);
      assert_near (logits, expected, n, tolerances[i]);
      run.logits = unhooked;
      run.n_hooks = 0;
      forward (gpu, &run, 1);
      g_assert_cmpfloat (test_max_relative_error (unhooked, expected, n), >, 0.1);
    }
}

static void
test_looking (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 2, STEER_DTYPE_F16, 0);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "0:0:add:5.0 1:1:clamp:3.0");
  const guint lengths[] = { 2, model->n_tokens };
  gsize n_vocab = model->config->n_vocab;

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      gsize n = lengths[i] * n_vocab;
      g_autofree float *alone = g_new0 (float, n);
      g_autofree float *neighbour = g_new0 (float, n);
      g_autofree float *seen = g_new0 (float, n);
      Hook hook = make_hook (model, 0.0f);
      SteerRun runs[] = {
        make_run (model, lengths[i], plan, seen, &hook),
        make_run (model, lengths[i], plan, neighbour, NULL),
      };
      SteerRun plain = make_run (model, lengths[i], plan, alone, NULL);

      forward (gpu, &plain, 1);
      runs[1].slot = 1;
      forward (gpu, runs, G_N_ELEMENTS (runs));
      g_assert_cmpuint (hook.n_calls, >=, G_N_ELEMENTS (both));
      g_assert_cmpmem (seen, n * sizeof (float), alone, n * sizeof (float));
      g_assert_cmpmem (neighbour, n * sizeof (float), alone, n * sizeof (float));
    }
}

/* Taps see what the hook left, and so does the choice of a token. */
static void
test_after (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  gsize n_vocab = model->config->n_vocab;
  gsize d_model = model->config->d_model;
  const guint lengths[] = { 1, model->n_tokens };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      gsize n = lengths[i];
      g_autofree float *logits = g_new0 (float, n *n_vocab);
      g_autofree float *plain = g_new0 (float, n *d_model);
      g_autofree float *taps = g_new0 (float, n *d_model);
      g_autofree guint32 *seen = g_new0 (guint32, (n_vocab + 31) / 32);
      SteerSampling greedy;
      Hook hook = make_hook (model, 6.0f);
      SteerRun run = make_run (model, (guint) n, NULL, logits, &hook);
      guint best = 0;

      /* At the first layer alone, where the residual before the hook is that of a run without one. */
      run.n_hooks = 1;
      run.tap_layers = both;
      run.n_taps = 1;
      run.taps = taps;
      forward (gpu, &run, 1);
      for (guint token = 1; token < n_vocab; token++)
        if (logits[(n - 1) * n_vocab + token] > logits[(n - 1) * n_vocab + best])
          best = token;
      run.n_hooks = 0;
      run.taps = plain;
      forward (gpu, &run, 1);
      for (gsize j = 0; j < n * d_model; j++)
        g_assert_cmpfloat (taps[j], ==, plain[j] + 6.0f * hook.vector[j % d_model]);

      steer_sampling_init (&greedy);
      greedy.temperature = 0.0;
      run.n_hooks = 1;
      run.n_taps = 0;
      run.want = STEER_WANT_TOKEN;
      run.sampling = &greedy;
      run.seen = seen;
      forward (gpu, &run, 1);
      g_assert_cmpint (run.token, ==, (gint32) best);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/cuda/hooks/llama-gqa/change what they change on the CPU", "llama-gqa", test_as_on_cpu);
  g_test_add_data_func ("/cuda/hooks/qwen2/change what they change on the CPU", "qwen2", test_as_on_cpu);
  g_test_add_func ("/cuda/hooks/one that only looks leaves every bit, and its neighbours'", test_looking);
  g_test_add_func ("/cuda/hooks/come before taps and the choice of a token", test_after);
  return g_test_run ();
}
