#include "cpu/steer-cpu-product.h"

#include <math.h>
#include <string.h>

#include "cpu/steer-cpu-work.h"
#include "test-util.h"

/* Products of whole matrices, dealt out to threads, against float64: more rows than an item, deeper than a tile, with
 * and without a bias, and everything that may happen to a result. */

#define POISON 4321.5f
#define MAX_ROWS 200
#define MAX_DEPTH 1100

typedef struct
{
  SteerCpuContext context;
  SteerModelConfig config;
} Fixture;

static void
fixture_init (Fixture *self, const SteerCpuKernels *kernels, guint n_threads)
{
  memset (self, 0, sizeof *self);
  self->config = (SteerModelConfig){
    .n_layers = 1, .d_model = MAX_DEPTH, .n_heads = 2, .n_kv_heads = 1, .head_dim = 8, .d_ff = MAX_DEPTH, .n_vocab = 8
  };
  self->context.kernels = kernels;
  self->context.config = &self->config;
  self->context.pool = steer_thread_pool_new (n_threads);
  g_assert_true (steer_cpu_work_measure (&self->context.work, &self->config, 64, n_threads));
  g_assert_true (steer_cpu_work_allocate (&self->context.work, &self->config, 64, n_threads));
}

static void
fixture_clear (Fixture *self)
{
  steer_thread_pool_free (self->context.pool);
  steer_cpu_work_clear (&self->context.work);
}

typedef struct
{
  SteerCpuMatrix matrix;
  guint16 *stored; /* [rows, depth] BF16 */
  float *values;   /* [rows, depth] */
  float *bias;     /* [rows] (nullable) */
} Weights;

static void
weights_init (Weights *self, const SteerCpuKernels *kernels, gsize rows, gsize depth, gboolean with_bias)
{
  self->stored = g_new (guint16, rows * depth);
  self->values = g_new (float, rows *depth);
  self->bias = with_bias ? g_new (float, rows) : NULL;
  for (gsize i = 0; i < rows * depth; i++)
    {
      self->stored[i] = steer_f32_to_bf16 ((float) g_test_rand_double_range (-1.0, 1.0));
      self->values[i] = steer_bf16_to_f32 (self->stored[i]);
    }
  for (gsize i = 0; with_bias && i < rows; i++)
    self->bias[i] = (float) g_test_rand_double_range (-30.0, 30.0);
  self->matrix = (SteerCpuMatrix){
    .dtype = STEER_DTYPE_BF16,
    .kernels = &kernels->weights[STEER_DTYPE_BF16],
    .data = (const guint8 *) self->stored,
    .n_rows = rows,
    .n_columns = depth,
    .row_bytes = depth * sizeof (guint16),
  };
}

static void
weights_clear (Weights *self)
{
  g_free (self->stored);
  g_free (self->values);
  g_free (self->bias);
}

static double
multiply_row (const Weights *weights, gsize row, const float *x)
{
  gsize depth = weights->matrix.n_columns;
  double sum = weights->bias != NULL ? (double) weights->bias[row] : 0.0;

  for (gsize i = 0; i < depth; i++)
    sum += (double) weights->values[row * depth + i] * (double) x[i];
  return sum;
}

static void
check (Fixture *fixture,
       gsize rows,
       gsize depth,
       guint n_tokens,
       gboolean short_run,
       SteerCpuEpilogue epilogue,
       gboolean with_bias)
{
  const gsize x_stride = depth + 3;
  const gsize out_stride = rows + 5;
  /* Two more products of other sizes beside the first, or its partner. */
  const gsize all_rows[3] = { rows, epilogue == STEER_CPU_SILU_MUL ? rows : 7, 65 };
  guint n_products = epilogue == STEER_CPU_STORE ? 3 : epilogue == STEER_CPU_ADD ? 1 : 2;
  g_autofree float *x = g_new (float, n_tokens *x_stride);
  float *out[3];
  Weights weights[3];
  SteerCpuProduct products[3];

  for (gsize i = 0; i < n_tokens * x_stride; i++)
    x[i] = (float) g_test_rand_double_range (-1.0, 1.0);
  for (guint p = 0; p < n_products; p++)
    {
      weights_init (&weights[p], fixture->context.kernels, all_rows[p], depth, with_bias);
      out[p] = g_new (float, n_tokens *MAX (out_stride, 70));
      for (gsize i = 0; i < n_tokens * MAX (out_stride, 70); i++)
        out[p][i] = POISON;
      products[p] = (SteerCpuProduct){ &weights[p].matrix, weights[p].bias, out[p], MAX (out_stride, 70) };
    }
  steer_cpu_multiply (&fixture->context, x, x_stride, n_tokens, short_run, epilogue, products, n_products);

  for (guint p = 0; p < (epilogue == STEER_CPU_SILU_MUL ? 1 : n_products); p++)
    for (guint t = 0; t < n_tokens; t++)
      {
        const float *row = out[p] + t * products[p].out_stride;

        for (gsize r = 0; r < all_rows[p]; r++)
          {
            double expected = multiply_row (&weights[p], r, x + t * x_stride);
            double scale = fabs (expected) + sqrt ((double) depth);

            if (epilogue == STEER_CPU_ADD)
              {
                expected += (double) POISON;
                scale += (double) POISON;
              }
            else if (epilogue == STEER_CPU_SILU_MUL)
              {
                double up = multiply_row (&weights[1], r, x + t * x_stride);

                scale *= fabs (up) + sqrt ((double) depth);
                expected = expected / (1.0 + exp (-expected)) * up;
              }
            g_assert_cmpfloat (fabs ((double) row[r] - expected), <=, 4e-6 * scale);
          }
        for (gsize r = all_rows[p]; r < products[p].out_stride; r++)
          g_assert_cmpfloat (row[r], ==, POISON);
      }
  for (guint p = 0; p < n_products; p++)
    {
      weights_clear (&weights[p]);
      g_free (out[p]);
    }
}

static const gsize shapes[][2]
  = { { 1, 1 }, { 3, 17 }, { 64, 512 }, { 65, 513 }, { MAX_ROWS, MAX_DEPTH }, { 130, 40 } };
static const SteerCpuEpilogue epilogues[] = { STEER_CPU_STORE, STEER_CPU_ADD, STEER_CPU_SILU_MUL };

static void
check_all (const SteerCpuKernels *kernels, gboolean short_run, const guint *tokens, guint n)
{
  Fixture fixture;

  fixture_init (&fixture, kernels, 3);
  for (guint s = 0; s < G_N_ELEMENTS (shapes); s++)
    for (guint t = 0; t < n; t++)
      for (guint e = 0; e < G_N_ELEMENTS (epilogues); e++)
        check (&fixture, shapes[s][0], shapes[s][1], tokens[t], short_run, epilogues[e], (s + t) % 2 == 0);
  fixture_clear (&fixture);
}

static void
test_short (gconstpointer data)
{
  static const guint tokens[] = { 1, 2, 3, 4, 5, STEER_CPU_SHORT_TOKENS };

  check_all (data, TRUE, tokens, G_N_ELEMENTS (tokens));
}

static void
test_chunk (gconstpointer data)
{
  static const guint tokens[] = { 1, 5, 14, 15, 29, 64 };

  check_all (data, FALSE, tokens, G_N_ELEMENTS (tokens));
}

static void
test_full_chunk (gconstpointer data)
{
  Fixture fixture;

  fixture_init (&fixture, data, 2);
  check (&fixture, 100, 600, STEER_CPU_CHUNK, FALSE, STEER_CPU_SILU_MUL, TRUE);
  fixture_clear (&fixture);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  for (guint isa = 0; isa < STEER_CPU_N_ISAS; isa++)
    {
      const SteerCpuKernels *kernels = steer_cpu_kernels_get ((SteerCpuIsa) isa);
      static const struct
      {
        const char *sentence;
        GTestDataFunc func;
      } tests[] = {
        { "a few tokens times stored weights equal float64", test_short },
        { "a chunk of tokens times unpacked weights equals float64", test_chunk },
        { "the longest chunk has room", test_full_chunk },
      };

      for (guint i = 0; kernels != NULL && i < G_N_ELEMENTS (tests); i++)
        {
          g_autofree char *path = g_strdup_printf ("/cpu/product/%s/%s", kernels->name, tests[i].sentence);

          g_test_add_data_func (path, kernels, tests[i].func);
        }
    }
  return g_test_run ();
}
