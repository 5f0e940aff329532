#include "cuda-model.h"

#include <string.h>

#include "steer-cuda-context.h"
#include "steer-shim.h"

/* What only shows from inside, or on the shim: graphs, the room for vectors, prompts without cuBLAS, and that the order
 * in which the threads of a block run changes nothing. */

static void
assert_same_bits (const float *a, const float *b, gsize n)
{
  g_assert_cmpmem (a, n * sizeof (float), b, n * sizeof (float));
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

/* More vectors than there is room for at first, and more than may be at once. */
static void
test_many_vectors (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 1);
  const guint counts[] = { 5, STEER_CUDA_N_VECTORS + 40, 3, STEER_CUDA_N_VECTORS + 41, STEER_CUDA_MAX_OPS + 1 };
  gsize d_model = model->config->d_model;

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (model->config->d_model);
      g_autoptr (SteerPlan) plan = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree float *actual = g_new (float, model->config->n_vocab);
      g_autofree float *expected = NULL;
      SteerRun run;

      for (guint j = 0; j < counts[i]; j++)
        {
          g_autofree float *vector = g_new0 (float, d_model);
          g_autoptr (GBytes) bytes = NULL;

          vector[j % d_model] = 1.0f;
          bytes = g_bytes_new (vector, d_model * sizeof (float));
          steer_plan_builder_add (builder, j % 2, j, j % 3 == 0 ? STEER_MODE_CLAMP : STEER_MODE_ADD,
                                  0.1f * (float) (j % 7) - 0.3f, bytes);
        }
      plan = steer_plan_builder_end (builder);
      run = make_step (model, 0, i, plan, actual);
      if (steer_plan_get_n_ops (plan) > STEER_CUDA_MAX_OPS)
        {
          g_assert_false (steer_context_forward (gpu, &run, 1, NULL, &error));
          g_assert_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID);
          continue;
        }
      forward (gpu, &run, 1);
      expected = cpu_context_run_last (cpu, model, 0, i, 1, plan);
      assert_near (actual, expected, model->config->n_vocab, CUDA_TOLERANCE);
    }
}

/* The second step of a number of columns is captured, and no other; from then on positions, plans and sampling change,
 * and it does not. Without graphs every bit is the same. */
static void
test_graphs (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("llama-gqa");
  g_autoptr (SteerContext) with = cuda_context_open (model->model, 2, STEER_DTYPE_F16, 0);
  g_autoptr (SteerContext) without = cuda_context_open (model->model, 2, STEER_DTYPE_F16, 0);
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "0:0:add:3.0 1:1:clamp:-1.0");
  SteerCudaContext *self = (SteerCudaContext *) with;
  cudaGraphExec_t captured = NULL;

  ((SteerCudaContext *) without)->graphs_fail = TRUE;
  for (guint i = 0; i < model->n_tokens; i++)
    {
      SteerPlan *now = i % 3 == 0 ? NULL : plan;
      g_autofree float *a = cpu_context_run_last (with, model, i % 2, i / 2, 1, now);
      g_autofree float *b = cpu_context_run_last (without, model, i % 2, i / 2, 1, now);

      assert_same_bits (a, b, model->config->n_vocab);
      g_assert_true ((self->graphs[0].step.exec == NULL) == (i == 0));
      g_assert_true (captured == NULL || captured == self->graphs[0].step.exec);
      captured = self->graphs[0].step.exec;
    }
  g_assert_null (self->graphs[1].step.exec);
  g_assert_null (((SteerCudaContext *) without)->graphs[0].step.exec);
}

/* Without cuBLAS a prompt goes through the kernels that decode. */
static void
test_without_blas (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("qwen2");
  g_autoptr (SteerContext) gpu = cuda_context_open (model->model, 1, STEER_DTYPE_F16, 0);
  g_autoptr (SteerContext) cpu = cpu_context_open (model->model, 1, STEER_DTYPE_F16, 1);
  SteerCudaContext *self = (SteerCudaContext *) gpu;
  g_autofree float *actual = NULL;
  g_autofree float *expected = cpu_context_run (cpu, model, 0, 0, model->n_tokens, NULL);

  g_clear_pointer (&self->blas, steer_cuda_blas_free);
  actual = cpu_context_run (gpu, model, 0, 0, model->n_tokens, NULL);
  assert_near (actual, expected, (gsize) model->n_tokens * model->config->n_vocab, CUDA_TOLERANCE);
}

/* Threads of a block in another order: a barrier too few would show. */
static void
test_orders (void)
{
  g_autoptr (CpuModel) model = cpu_model_load ("qwen2");
  gsize n = (gsize) model->n_tokens * model->config->n_vocab;
  g_autoptr (SteerPlan) plan = cpu_model_make_plan (model, "0:0:clamp:3.0");
  g_autofree float *expected = run_prompt_and_decode (model, plan);

  for (guint64 seed = 1; seed <= 2; seed++)
    {
      g_autofree float *actual = NULL;

      steer_shim_set_seed (seed);
      actual = run_prompt_and_decode (model, plan);
      steer_shim_set_seed (0);
      assert_same_bits (actual, expected, n);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cuda/inside/vectors beyond the first room are taken in", test_many_vectors);
  g_test_add_func ("/cuda/inside/a step is captured once", test_graphs);
  g_test_add_func ("/cuda/inside/without cuBLAS prompts are computed too", test_without_blas);
  g_test_add_func ("/cuda/inside/the order of threads changes no bit", test_orders);
  return g_test_run ();
}
