#include "kernel-test.h"

#include <math.h>
#include <string.h>

#include "cpu/steer-cpu-steer.h"
#include "steering/steer-plan.h"

/* Steering on the device does what it does on the CPU: in every mode, behind every gate, in the order of the plan, to
 * the same positions, at the end of a prefill's layer and at the beginning of a decode step's next one. */

#define MAX_OPS 12
#define N_LAYERS 3

typedef struct
{
  int d_model;
  SteerPlan *plan;
  float *vectors[MAX_OPS];  /* on the device, as the rest */
  float *encoders[MAX_OPS]; /* (nullable) */
  float *gates[MAX_OPS];    /* (nullable) */
  int32_t *first;
  SteerCudaOp *ops;
  SteerCudaPlan *device_plan;
} Plan;

static GBytes *
draw_vector (int d_model, gboolean unit)
{
  float *v = kernel_test_random ((gsize) d_model, 1.0);
  double squares = 0.0;

  for (int i = 0; i < d_model; i++)
    squares += (double) v[i] * (double) v[i];
  for (int i = 0; unit && i < d_model; i++)
    v[i] = (float) ((double) v[i] / sqrt (squares));
  return g_bytes_new_take (v, (gsize) d_model * sizeof (float));
}

/* (transfer full) */
static SteerEncoder *
draw_encoder (int d_model)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) weights = draw_vector (d_model, TRUE);
  SteerEncoder *encoder = steer_encoder_new ("test", weights, (SteerEncoderInput) g_test_rand_int_range (0, 3),
                                             (float) g_test_rand_double_range (-0.5, 0.5), 0.1f, 1.7f, &error);

  g_assert_no_error (error);
  return encoder;
}

/* About as often open as shut. */
static void
draw_gate (SteerPlanBuilder *builder, int d_model)
{
  SteerWhen when = (SteerWhen) g_test_rand_int_range (0, 3);
  float bound = (float) g_test_rand_double_range (-0.5, 0.5);

  if (g_test_rand_bit ())
    {
      g_autoptr (GBytes) vector = draw_vector (d_model, TRUE);

      g_assert_true (steer_plan_builder_set_gate (builder, when, bound, vector, NULL, NULL));
    }
  else
    {
      g_autoptr (SteerEncoder) encoder = draw_encoder (d_model);

      g_assert_true (steer_plan_builder_set_gate (builder, when, fabsf (bound), NULL, encoder, NULL));
    }
}

static void
add_op (SteerPlanBuilder *builder, int d_model, guint layer, SteerMode mode, float strength)
{
  g_autoptr (GBytes) vector = draw_vector (d_model, TRUE);

  if (mode == STEER_MODE_SAE_CLAMP)
    {
      g_autoptr (SteerEncoder) encoder = draw_encoder (d_model);

      g_assert_true (steer_plan_builder_add_sae_clamp (builder, layer, 0, strength, vector, encoder));
      return;
    }
  g_assert_true (steer_plan_builder_add (builder, layer, 0, mode, strength, vector));
}

static SteerCudaEncoder
make_encoder (const SteerEncoder *encoder, const float *weights)
{
  return (SteerCudaEncoder){ weights, (int32_t) encoder->input, encoder->bias, encoder->threshold, encoder->gain };
}

static void
plan_upload (Plan *self)
{
  guint n_ops = steer_plan_get_n_ops (self->plan);
  const SteerPlanOp *ops = steer_plan_get_ops (self->plan);
  gsize n_bytes = (gsize) self->d_model * sizeof (float);
  int32_t first[N_LAYERS + 1] = { 0 };
  SteerCudaOp device_ops[MAX_OPS];
  SteerCudaPlan device_plan;

  g_assert_cmpuint (n_ops, <=, MAX_OPS);
  memset (device_ops, 0, sizeof device_ops);
  for (guint i = 0; i < n_ops; i++)
    {
      const SteerEncoder *encoder = ops[i].encoder;
      const SteerPlanGate *gate = &ops[i].gate;
      const float *measure = gate->encoder != NULL ? gate->encoder->weights : gate->vector;

      self->vectors[i] = kernel_test_upload (ops[i].vector, n_bytes);
      self->encoders[i] = encoder != NULL ? kernel_test_upload (encoder->weights, n_bytes) : NULL;
      self->gates[i] = measure != NULL ? kernel_test_upload (measure, n_bytes) : NULL;
      device_ops[i] = (SteerCudaOp){ .mode = (int32_t) ops[i].mode,
                                     .strength = ops[i].strength,
                                     .vector = self->vectors[i],
                                     .when = (int32_t) gate->when,
                                     .bound = gate->bound };
      if (encoder != NULL)
        device_ops[i].encoder = make_encoder (encoder, self->encoders[i]);
      if (gate->encoder != NULL)
        device_ops[i].gate = make_encoder (gate->encoder, self->gates[i]);
      else if (measure != NULL)
        device_ops[i].gate = (SteerCudaEncoder){ .weights = self->gates[i], .threshold = -INFINITY, .gain = 1.0f };
      for (guint layer = ops[i].layer + 1; layer <= N_LAYERS; layer++)
        first[layer]++;
    }
  self->first = kernel_test_upload (first, sizeof first);
  self->ops = kernel_test_upload (device_ops, sizeof device_ops);
  device_plan = (SteerCudaPlan){ .first = self->first, .ops = self->ops };
  self->device_plan = kernel_test_upload (&device_plan, sizeof device_plan);
}

static void
plan_clear (Plan *self)
{
  for (guint i = 0; i < MAX_OPS; i++)
    {
      cudaFree (self->vectors[i]);
      cudaFree (self->encoders[i]);
      cudaFree (self->gates[i]);
    }
  cudaFree (self->first);
  cudaFree (self->ops);
  cudaFree (self->device_plan);
  steer_plan_unref (self->plan);
}

/* Some operations of @mode on layer 1, and one of another layer that must not be applied. */
static void
plan_init (Plan *self, int d_model, SteerMode mode, guint n_ops)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new ((guint) d_model);

  memset (self, 0, sizeof *self);
  self->d_model = d_model;
  add_op (builder, d_model, 0, STEER_MODE_ADD, 100.0f);
  for (guint i = 0; i < n_ops; i++)
    add_op (builder, d_model, 1, mode, (float) g_test_rand_double_range (-4.0, 4.0));
  self->plan = steer_plan_builder_end (builder);
  plan_upload (self);
}

/* Every mode, in any order, and behind any gate if @gated. */
static void
plan_init_mixed (Plan *self, int d_model, gboolean gated)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new ((guint) d_model);

  memset (self, 0, sizeof *self);
  self->d_model = d_model;
  for (guint i = 0; i < 9; i++)
    {
      if (gated)
        draw_gate (builder, d_model);
      add_op (builder, d_model, 1, (SteerMode) g_test_rand_int_range (0, STEER_N_MODES),
              (float) g_test_rand_double_range (-4.0, 4.0));
    }
  self->plan = steer_plan_builder_end (builder);
  plan_upload (self);
}

static void
apply_on_cpu (const Plan *self, float *h)
{
  const SteerCpuKernels *kernels = steer_cpu_kernels_get (STEER_CPU_ISA_PLAIN);
  guint n_ops;
  const SteerPlanOp *ops = steer_plan_get_layer_ops (self->plan, 1, &n_ops);

  for (guint i = 0; i < n_ops; i++)
    steer_cpu_apply_op (kernels, &ops[i], (gsize) self->d_model, h);
}

/* Row @steered of [n, d_model] is steered, the others keep their bits. */
static void
compare_rows (const Plan *self, const float *before, const float *after, int n, int steered)
{
  for (int row = 0; row < n; row++)
    {
      gsize n_bytes = (gsize) self->d_model * sizeof (float);
      g_autofree float *expected = g_memdup2 (before + row * self->d_model, n_bytes);
      const float *actual = after + row * self->d_model;
      g_autofree double *wide = g_new (double, self->d_model);

      if (row == steered)
        apply_on_cpu (self, expected);
      for (int i = 0; i < self->d_model; i++)
        wide[i] = (double) expected[i];
      if (row == steered)
        kernel_test_compare ("steered", actual, wide, (gsize) self->d_model, 2e-6);
      else
        g_assert_cmpmem (actual, n_bytes, expected, n_bytes);
    }
}

/* As prefill does it: rows in place, all but one of them masked or without a plan. */
static void
check_rows (const Plan *plan)
{
  enum
  {
    n = 3,
  };
  SteerCudaShape shape = { .d_model = plan->d_model };
  gsize n_bytes = (gsize) (n * plan->d_model) * sizeof (float);
  g_autofree float *before = kernel_test_random ((gsize) (n * plan->d_model), 2.0);
  g_autofree float *after = g_malloc (n_bytes);
  SteerCudaToken tokens[n] = { { 0 }, { .plan = plan->device_plan }, { 0 } };
  float *residual = kernel_test_upload (before, n_bytes);
  SteerCudaToken *device_tokens = kernel_test_upload (tokens, sizeof tokens);

  kernel_test_check (steer_cuda_steer_rows (kernel_test_get_queue (), &shape, 1, device_tokens, n, residual));
  kernel_test_download (residual, after, n_bytes);
  compare_rows (plan, before, after, n, 1);
  cudaFree (residual);
  cudaFree (device_tokens);
}

/* As decode does it: on the way into the logits, from one buffer to another. */
static void
check_columns (const Plan *plan)
{
  enum
  {
    n = 4,
  };
  SteerCudaShape shape = { .d_model = plan->d_model, .n_vocab = 9, .rms_norm_eps = 1e-5f };
  gsize n_bytes = (gsize) (n * plan->d_model) * sizeof (float);
  g_autofree float *before = kernel_test_random ((gsize) (n * plan->d_model), 2.0);
  g_autofree float *after = g_malloc (n_bytes);
  g_autofree float *ones = g_new (float, plan->d_model);
  g_autofree float *logits = g_new (float, n *shape.n_vocab);
  KernelTestMatrix output;
  SteerCudaToken tokens[n] = { { 0 }, { 0 }, { .plan = plan->device_plan }, { 0 } };
  float *in = kernel_test_upload (before, n_bytes);
  float *out = kernel_test_alloc (n_bytes);
  float *device_logits = kernel_test_alloc ((gsize) (n * shape.n_vocab) * sizeof (float));
  SteerCudaToken *device_tokens = kernel_test_upload (tokens, sizeof tokens);
  float *norm;

  for (int i = 0; i < plan->d_model; i++)
    ones[i] = 1.0f;
  norm = kernel_test_upload (ones, (gsize) plan->d_model * sizeof (float));
  kernel_test_matrix_init (&output, STEER_CUDA_F32, shape.n_vocab, plan->d_model, FALSE);
  kernel_test_check (steer_cuda_decode_logits (kernel_test_get_queue (), &shape, 2, &output.matrix, norm, device_tokens,
                                               n, in, out, device_logits));
  kernel_test_download (out, after, n_bytes);
  compare_rows (plan, before, after, n, 2);

  /* The logits are those of what was steered. */
  kernel_test_download (device_logits, logits, (gsize) (n * shape.n_vocab) * sizeof (float));
  for (int c = 0; c < n; c++)
    {
      g_autofree double *normed = g_new (double, plan->d_model);
      double exact[9];

      for (int i = 0; i < plan->d_model; i++)
        normed[i] = (double) after[c * plan->d_model + i];
      kernel_test_norm (normed, ones, plan->d_model, 1e-5, normed);
      for (int r = 0; r < shape.n_vocab; r++)
        exact[r] = kernel_test_matrix_dot (&output, r, normed);
      kernel_test_compare ("logits", logits + c * shape.n_vocab, exact, (gsize) shape.n_vocab, 1e-4);
    }
  kernel_test_matrix_clear (&output);
  cudaFree (in);
  cudaFree (out);
  cudaFree (device_logits);
  cudaFree (device_tokens);
  cudaFree (norm);
}

static void
test_mode (gconstpointer data)
{
  static const int widths[] = { 8, 72, 520, 1096 };

  for (guint i = 0; i < G_N_ELEMENTS (widths); i++)
    {
      Plan plan;

      plan_init (&plan, widths[i], (SteerMode) GPOINTER_TO_INT (data), 1 + i);
      check_rows (&plan);
      check_columns (&plan);
      plan_clear (&plan);
    }
}

static void
test_mixed (gconstpointer gated)
{
  for (guint i = 0; i < 10; i++)
    {
      Plan plan;

      plan_init_mixed (&plan, 520, GPOINTER_TO_INT (gated));
      check_rows (&plan);
      check_columns (&plan);
      plan_clear (&plan);
    }
}

/* A row that the formula leaves alone keeps every bit: here its projection is above a minimum already, or the gate is
 * shut. */
static void
test_nothing_to_do (void)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (64);
  g_autofree float *h = kernel_test_random (64, 1.0);
  g_autofree float *after = g_new (float, 64);
  g_autoptr (GBytes) gate = NULL;
  SteerCudaShape shape = { .d_model = 64 };
  SteerCudaToken token = { 0 };
  SteerCudaToken *device_token;
  float *residual;
  Plan plan;

  memset (&plan, 0, sizeof plan);
  plan.d_model = 64;
  add_op (builder, 64, 1, STEER_MODE_MINIMUM, -100.0f);
  add_op (builder, 64, 1, STEER_MODE_MAXIMUM, 100.0f);
  add_op (builder, 64, 1, STEER_MODE_CAP, 100.0f);
  gate = draw_vector (64, TRUE);
  g_assert_true (steer_plan_builder_set_gate (builder, STEER_WHEN_ABOVE, 100.0f, gate, NULL, NULL));
  add_op (builder, 64, 1, STEER_MODE_ADD, 3.0f);
  add_op (builder, 64, 1, STEER_MODE_ORTHOGONAL, 3.0f);
  plan.plan = steer_plan_builder_end (builder);
  plan_upload (&plan);
  token.plan = plan.device_plan;
  residual = kernel_test_upload (h, 64 * sizeof (float));
  device_token = kernel_test_upload (&token, sizeof token);
  kernel_test_check (steer_cuda_steer_rows (kernel_test_get_queue (), &shape, 1, device_token, 1, residual));
  kernel_test_download (residual, after, 64 * sizeof (float));
  g_assert_cmpmem (after, 64 * sizeof (float), h, 64 * sizeof (float));
  cudaFree (residual);
  cudaFree (device_token);
  plan_clear (&plan);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (int mode = 0; mode < (int) STEER_N_MODES; mode++)
    {
      g_autofree char *path = g_strconcat ("/kernels/steer/", steer_mode_get_name ((SteerMode) mode), NULL);

      g_test_add_data_func (path, GINT_TO_POINTER (mode), test_mode);
    }
  g_test_add_data_func ("/kernels/steer/mixed", GINT_TO_POINTER (FALSE), test_mixed);
  g_test_add_data_func ("/kernels/steer/gated", GINT_TO_POINTER (TRUE), test_mixed);
  g_test_add_func ("/kernels/steer/nothing-to-do", test_nothing_to_do);
  return g_test_run ();
}
