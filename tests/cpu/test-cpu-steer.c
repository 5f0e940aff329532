/* What each mode does to the residual stream of one position, against the definitions of steer-plan.h in float64. */
#include "cpu/steer-cpu-steer.h"

#include <math.h>
#include <string.h>

#define MAX_D_MODEL 515
#define N_ROUNDS 40

/* Widths that vectors divide and that they do not. */
static const guint widths[] = { 1, 2, 7, 16, 64, 100, 257, MAX_D_MODEL };

typedef struct
{
  GRand *rand;
  guint d_model;
  float h[MAX_D_MODEL];
  float v[MAX_D_MODEL]; /* of unit length */
  float w[MAX_D_MODEL]; /* an encoder's */
  SteerEncoder encoder;
} Fixture;

static void
fill (Fixture *self, float *values, double scale)
{
  for (guint i = 0; i < self->d_model; i++)
    values[i] = (float) (scale * g_rand_double_range (self->rand, -1.0, 1.0));
}

static double
dot (const float *a, const float *b, guint n)
{
  double sum = 0.0;

  for (guint i = 0; i < n; i++)
    sum += (double) a[i] * (double) b[i];
  return sum;
}

static void
set_up (Fixture *self, guint d_model, guint32 seed)
{
  double norm;

  self->rand = g_rand_new_with_seed (seed);
  self->d_model = d_model;
  fill (self, self->h, 12.0);
  fill (self, self->v, 1.0);
  fill (self, self->w, 0.2);
  norm = sqrt (dot (self->v, self->v, d_model));
  for (guint i = 0; i < d_model; i++)
    self->v[i] = (float) ((double) self->v[i] / norm);
  self->encoder = (SteerEncoder){ .d_model = d_model,
                                  .input = (SteerEncoderInput) (seed % 3),
                                  .bias = (float) g_rand_double_range (self->rand, -1.0, 1.0),
                                  .threshold = (float) g_rand_double_range (self->rand, 0.0, 0.5),
                                  .gain = (float) g_rand_double_range (self->rand, 0.1, 3.0),
                                  .weights = self->w };
}

static void
tear_down (Fixture *self)
{
  g_rand_free (self->rand);
}

/* f(h) and scale (h), written out by format and not by sums. */
static double
activate (const Fixture *self, const float *h, double *scale)
{
  const SteerEncoder *encoder = &self->encoder;
  double n = self->d_model;
  double mean = 0.0;
  double variance = 0.0;
  double pre;

  *scale = 1.0;
  if (encoder->input == STEER_ENCODER_CONSTANT_NORM)
    *scale = sqrt (n) / sqrt (dot (h, h, self->d_model));
  if (encoder->input == STEER_ENCODER_LAYER_NORM)
    {
      for (guint i = 0; i < self->d_model; i++)
        mean += (double) h[i] / n;
      for (guint i = 0; i < self->d_model; i++)
        variance += pow ((double) h[i] - mean, 2.0) / MAX (n - 1.0, 1.0);
      *scale = 1.0 / (sqrt (variance) + 1e-5);
    }
  pre = *scale * dot (encoder->weights, h, self->d_model) + (double) encoder->bias;
  return pre > (double) encoder->threshold ? pre : 0.0;
}

/* The projection on v that h has afterwards. */
static double
aim (const Fixture *self, SteerMode mode, double a, double p)
{
  double scale, activation;

  switch (mode)
    {
    case STEER_MODE_ADD:
      return p + a;
    case STEER_MODE_MINIMUM:
      return p < a ? a : p;
    case STEER_MODE_MAXIMUM:
      return p > a ? a : p;
    case STEER_MODE_CAP:
      return p > fabs (a) ? fabs (a) : p < -fabs (a) ? -fabs (a) : p;
    case STEER_MODE_SAE_CLAMP:
      activation = activate (self, self->h, &scale);
      return p + (a - activation) * (double) self->encoder.gain / scale;
    case STEER_MODE_CLAMP:
    case STEER_MODE_ORTHOGONAL:
    default:
      return a;
    }
}

/* out [d_model]: what the definition makes of self->h. */
static void
define (const Fixture *self, SteerMode mode, float strength, float *out)
{
  guint n = self->d_model;
  double a = (double) strength;
  double squares = dot (self->h, self->h, n);
  double p = dot (self->h, self->v, n);
  double target = aim (self, mode, a, p);
  double rest = squares - p * p;
  double s = 1.0;

  if (mode == STEER_MODE_ORTHOGONAL)
    s = rest > 1e-4 * squares && squares > a * a ? sqrt ((squares - a * a) / rest) : 0.0;
  for (guint i = 0; i < n; i++)
    out[i] = (float) (s * ((double) self->h[i] - p * (double) self->v[i]) + target * (double) self->v[i]);
}

static void
apply (const Fixture *self, SteerMode mode, float strength, float *h)
{
  SteerPlanOp op = { .mode = mode,
                     .strength = strength,
                     .vector = self->v,
                     .encoder = mode == STEER_MODE_SAE_CLAMP ? &self->encoder : NULL };

  memcpy (h, self->h, self->d_model * sizeof (float));
  steer_cpu_apply_op (steer_cpu_kernels_choose (NULL), &op, self->d_model, h);
}

static void
assert_close (const Fixture *self, const float *got, const float *expected)
{
  double scale = sqrt (dot (self->h, self->h, self->d_model)) + sqrt (dot (expected, expected, self->d_model));

  for (guint i = 0; i < self->d_model; i++)
    g_assert_cmpfloat_with_epsilon ((double) got[i], (double) expected[i], 3e-6 * scale);
}

static void
test_follows_its_definition (gconstpointer data)
{
  SteerMode mode = (SteerMode) GPOINTER_TO_INT (data);

  for (guint w = 0; w < G_N_ELEMENTS (widths); w++)
    for (guint round = 0; round < N_ROUNDS; round++)
      {
        Fixture self;
        float got[MAX_D_MODEL];
        float expected[MAX_D_MODEL];
        float strength;

        set_up (&self, widths[w], round * 977u + w);
        strength = (float) g_rand_double_range (self.rand, -8.0, 8.0);
        apply (&self, mode, strength, got);
        define (&self, mode, strength, expected);
        assert_close (&self, got, expected);
        tear_down (&self);
      }
}

/* On one side of the bound a gate lets the operation act as if there were none, on the other it leaves every bit. */
static void
test_gates (gconstpointer data)
{
  gboolean by_encoder = GPOINTER_TO_INT (data);

  for (guint round = 0; round < N_ROUNDS; round++)
    for (guint side = 0; side < 4; side++)
      {
        Fixture self;
        float got[MAX_D_MODEL], ungated[MAX_D_MODEL];
        double scale, measured;
        SteerPlanOp op;

        set_up (&self, widths[1 + round % (G_N_ELEMENTS (widths) - 1)], round);
        measured = by_encoder ? activate (&self, self.h, &scale) : dot (self.h, self.w, self.d_model);
        apply (&self, STEER_MODE_ADD, 2.5f, ungated);
        op = (SteerPlanOp){ .strength = 2.5f, .vector = self.v };
        op.gate.when = side < 2 ? STEER_WHEN_ABOVE : STEER_WHEN_BELOW;
        op.gate.bound = (float) measured + (side % 2 == 0 ? -1e-3f : 1e-3f);
        op.gate.vector = by_encoder ? NULL : self.w;
        op.gate.encoder = by_encoder ? &self.encoder : NULL;
        memcpy (got, self.h, sizeof got);
        steer_cpu_apply_op (steer_cpu_kernels_choose (NULL), &op, self.d_model, got);
        g_assert_cmpmem (got, self.d_model * sizeof (float), side == 0 || side == 3 ? ungated : self.h,
                         self.d_model * sizeof (float));
        tear_down (&self);
      }
}

/* What is just at the bound is not above it: a silent feature is not above 0. */
static void
test_gate_at_its_bound (void)
{
  Fixture self;
  float got[MAX_D_MODEL];
  SteerPlanOp op;

  set_up (&self, 64, 0);
  self.encoder.threshold = 1e6f;
  for (guint i = 0; i < 2; i++)
    {
      op = (SteerPlanOp){ .strength = 2.5f, .vector = self.v };
      op.gate = (SteerPlanGate){ i == 0 ? STEER_WHEN_ABOVE : STEER_WHEN_BELOW, 0.0f, NULL, &self.encoder };
      memcpy (got, self.h, sizeof got);
      steer_cpu_apply_op (steer_cpu_kernels_choose (NULL), &op, self.d_model, got);
      g_assert_cmpint (memcmp (got, self.h, 64 * sizeof (float)) == 0, ==, i == 0);
    }
  tear_down (&self);
}

/* Where the formula says h' = h no bit may change. */
static void
test_leaves_what_is_right_already (void)
{
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      Fixture self;
      float got[MAX_D_MODEL];
      float p;

      set_up (&self, 100, round);
      p = (float) dot (self.h, self.v, self.d_model);
      apply (&self, STEER_MODE_MINIMUM, p - 0.1f, got);
      g_assert_cmpmem (got, 400, self.h, 400);
      apply (&self, STEER_MODE_MAXIMUM, p + 0.1f, got);
      g_assert_cmpmem (got, 400, self.h, 400);
      apply (&self, STEER_MODE_CAP, -fabsf (p) - 0.1f, got);
      g_assert_cmpmem (got, 400, self.h, 400);
      self.encoder.threshold = 1e6f; /* silent, and asked to be so */
      apply (&self, STEER_MODE_SAE_CLAMP, 0.0f, got);
      g_assert_cmpmem (got, 400, self.h, 400);
      tear_down (&self);
    }
}

/* The point of the mode: the length of h and the projection are both as asked. */
static void
test_orthogonal_keeps_the_length (void)
{
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      Fixture self;
      float got[MAX_D_MODEL];
      double length;
      float strength;

      set_up (&self, 257, round);
      length = sqrt (dot (self.h, self.h, self.d_model));
      strength = (float) g_rand_double_range (self.rand, -0.99 * length, 0.99 * length);
      apply (&self, STEER_MODE_ORTHOGONAL, strength, got);
      g_assert_cmpfloat_with_epsilon (sqrt (dot (got, got, self.d_model)), length, 1e-5 * length);
      g_assert_cmpfloat_with_epsilon (dot (got, self.v, self.d_model), (double) strength, 1e-5 * length);
      tear_down (&self);
    }
}

/* No rest to rescale, a strength beyond the length, and nothing at all: h becomes a*v. */
static void
test_orthogonal_at_its_edges (void)
{
  Fixture self;
  float got[MAX_D_MODEL];

  set_up (&self, 64, 1);
  for (guint edge = 0; edge < 3; edge++)
    {
      double length = sqrt (dot (self.h, self.h, self.d_model));
      float strength = edge == 0 ? (float) (1.5 * length) : -3.0f;

      for (guint i = 0; edge > 0 && i < self.d_model; i++)
        self.h[i] = edge == 1 ? 7.0f * self.v[i] : 0.0f;
      apply (&self, STEER_MODE_ORTHOGONAL, strength, got);
      for (guint i = 0; i < self.d_model; i++)
        g_assert_cmpfloat_with_epsilon ((double) got[i], (double) (strength * self.v[i]),
                                        1e-5 * (double) fabsf (strength));
    }
  tear_down (&self);
}

/* A feature that its own encoder reads back: after the clamp it measures what was asked. */
static void
test_sae_clamp_sets_the_activation (void)
{
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      Fixture self;
      float got[MAX_D_MODEL];
      double scale;

      set_up (&self, 64, 3 * round); /* a plain input: scaling changes with h */
      for (guint i = 0; i < self.d_model; i++)
        self.w[i] = self.v[i] / self.encoder.gain;
      self.encoder.bias = 0.0f;
      self.encoder.threshold = 0.0f;
      while (activate (&self, self.h, &scale) == 0.0)
        fill (&self, self.h, 12.0);
      apply (&self, STEER_MODE_SAE_CLAMP, 5.0f, got);
      g_assert_cmpfloat_with_epsilon (steer_encoder_activate (&self.encoder, got, NULL), 5.0, 1e-4);
      tear_down (&self);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < STEER_N_MODES; i++)
    {
      g_autofree char *path
        = g_strdup_printf ("/cpu/steer/%s/follows its definition", steer_mode_get_name ((SteerMode) i));

      g_test_add_data_func (path, GINT_TO_POINTER (i), test_follows_its_definition);
    }
  g_test_add_data_func ("/cpu/steer/a gate by projection opens on one side of its bound", GINT_TO_POINTER (FALSE),
                        test_gates);
  g_test_add_data_func ("/cpu/steer/a gate by activation opens on one side of its bound", GINT_TO_POINTER (TRUE),
                        test_gates);
  g_test_add_func ("/cpu/steer/what is at the bound is not above it", test_gate_at_its_bound);
  g_test_add_func ("/cpu/steer/leaves every bit where nothing is to do", test_leaves_what_is_right_already);
  g_test_add_func ("/cpu/steer/orthogonal keeps the length of h", test_orthogonal_keeps_the_length);
  g_test_add_func ("/cpu/steer/orthogonal without a rest leaves a*v", test_orthogonal_at_its_edges);
  g_test_add_func ("/cpu/steer/sae-clamp sets what the encoder measures", test_sae_clamp_sets_the_activation);
  return g_test_run ();
}
