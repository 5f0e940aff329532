#include "cpu/steer-cpu-product.h"

#include <math.h>
#include <string.h>

#include "cpu-kernel-list.h"
#include "cpu/steer-cpu-work.h"
#include "tensor/steer-dequantize.h"
#include "test-util.h"

/* Products of whole matrices, dealt out to threads, against float64: more rows than an item, deeper than a tile, with
 * and without a bias, and everything that may happen to a result. */

#define POISON 4321.5f
#define SOFTCAP 12.0
#define MAX_ROWS 140
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
  self->config.logit_softcap = SOFTCAP;
  self->context.kernels = kernels;
  self->context.config = &self->config;
  self->context.pool = steer_thread_pool_new (n_threads);
  g_assert_true (steer_cpu_work_measure (&self->context.work, &self->config, STEER_CPU_CHUNK, 64, n_threads));
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
  guint8 *stored; /* [rows, depth] as stored, or packed panels */
  float *values;  /* [rows, depth] */
  float *bias;    /* [rows] (nullable) */
  double *slack;  /* [rows], what a product may be off beside the rounding of floats */
} Weights;

static void
make_plain (Weights *self, const SteerCpuKernels *kernels, gsize rows, gsize depth)
{
  guint16 *stored = g_new (guint16, rows * depth);

  test_fill_random (self->values, rows * depth, 1.0);
  for (gsize i = 0; i < rows * depth; i++)
    {
      stored[i] = steer_f32_to_bf16 (self->values[i]);
      self->values[i] = steer_bf16_to_f32 (stored[i]);
    }
  self->stored = (guint8 *) stored;
  self->matrix = (SteerCpuMatrix){
    .dtype = STEER_DTYPE_BF16,
    .kernels = &kernels->weights[STEER_DTYPE_BF16],
    .data = self->stored,
    .n_rows = rows,
    .n_columns = depth,
    .row_bytes = depth * sizeof (guint16),
  };
}

/* Random bytes under scales that make weights of about 1. */
static void
make_quantised (Weights *self, const SteerCpuKernels *kernels, SteerDtype dtype, gsize rows, gsize depth)
{
  gsize n_blocks = depth / steer_dtype_get_block_elements (dtype);
  gsize block_bytes = steer_dtype_get_block_bytes (dtype);
  gsize n_panels = (rows + kernels->panel_rows - 1) / kernels->panel_rows;
  g_autofree guint8 *blocks = g_malloc (rows * n_blocks * block_bytes);
  const guint16 half = steer_f32_to_f16 (dtype == STEER_DTYPE_Q6_K ? 1.0f / 4096.0f : 1.0f / 128.0f);
  gsize at = dtype == STEER_DTYPE_Q6_K ? 208 : 0;

  test_fill_random_bytes (blocks, rows * n_blocks * block_bytes);
  for (gsize i = 0; i < rows * n_blocks; i++)
    {
      memcpy (blocks + i * block_bytes + at, &half, sizeof half);
      if (dtype == STEER_DTYPE_Q4_K)
        memcpy (blocks + i * block_bytes + 2, &half, sizeof half);
    }
  steer_dequantize (dtype, blocks, rows * n_blocks, self->values);

  self->matrix = (SteerCpuMatrix){
    .dtype = dtype,
    .quant = &kernels->quant[dtype],
    .n_rows = rows,
    .n_columns = depth,
    .panel_bytes = steer_cpu_packed_get_panel_bytes (dtype, kernels->panel_rows, depth),
  };
  self->matrix.row_bytes = self->matrix.panel_bytes / kernels->panel_rows;
  self->stored = g_malloc (n_panels * self->matrix.panel_bytes);
  self->matrix.data = self->stored;
  for (gsize p = 0; p < n_panels; p++)
    steer_cpu_pack_panel (dtype, blocks + p * kernels->panel_rows * n_blocks * block_bytes, n_blocks * block_bytes,
                          (guint) MIN (kernels->panel_rows, rows - p * kernels->panel_rows), depth, kernels->panel_rows,
                          self->stored + p * self->matrix.panel_bytes);
}

static void
weights_init (Weights *self,
              const SteerCpuKernels *kernels,
              SteerDtype dtype,
              gsize rows,
              gsize depth,
              gboolean with_bias)
{
  self->values = g_new (float, rows *depth);
  self->bias = with_bias ? g_new (float, rows) : NULL;
  if (with_bias)
    test_fill_random (self->bias, rows, 30.0);
  if (steer_dtype_is_quantized (dtype))
    make_quantised (self, kernels, dtype, rows, depth);
  else
    make_plain (self, kernels, rows, depth);
  /* Activations from -1 to 1, quantised, are off by half of a 127th. */
  self->slack = g_new0 (double, rows);
  for (gsize i = 0; self->matrix.quant != NULL && i < rows * depth; i++)
    self->slack[i / depth] += fabs ((double) self->values[i]) / 254.0;
}

static void
weights_clear (Weights *self)
{
  g_free (self->stored);
  g_free (self->values);
  g_free (self->bias);
  g_free (self->slack);
}

/* The reference, of which there is more than of what is tested. It reads what this test made, so no sanitizer need
 * look, and has sums side by side, so that none waits for the one before. */
__attribute__ ((no_sanitize ("address", "undefined"))) static double
multiply_row (const Weights *weights, gsize row, const float *x)
{
  gsize depth = weights->matrix.n_columns;
  const float *values = weights->values + row * depth;
  double sums[4] = { weights->bias != NULL ? (double) weights->bias[row] : 0.0 };
  gsize i;

  for (i = 0; i + 4 <= depth; i += 4)
    for (guint j = 0; j < 4; j++)
      sums[j] += (double) values[i + j] * (double) x[i + j];
  for (; i < depth; i++)
    sums[0] += (double) values[i] * (double) x[i];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

static gboolean
is_gated (SteerCpuEpilogue epilogue)
{
  return epilogue == STEER_CPU_SILU_MUL || epilogue == STEER_CPU_GELU_MUL;
}

static double
gate (SteerCpuEpilogue epilogue, double x)
{
  if (epilogue == STEER_CPU_SILU_MUL)
    return x / (1.0 + exp (-x));
  return 0.5 * x * (1.0 + tanh (sqrt (2.0 / G_PI) * (x + 0.044715 * x * x * x)));
}

static void
check (Fixture *fixture,
       const SteerDtype dtypes[3],
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
  const gsize all_rows[3] = { rows, is_gated (epilogue) ? rows : 7, 65 };
  guint n_products = epilogue == STEER_CPU_STORE ? 3 : is_gated (epilogue) ? 2 : 1;
  g_autofree float *x = g_new (float, n_tokens *x_stride);
  float *out[3];
  Weights weights[3];
  SteerCpuProduct products[3];

  test_fill_random (x, n_tokens * x_stride, 1.0);
  for (guint p = 0; p < n_products; p++)
    {
      weights_init (&weights[p], fixture->context.kernels, dtypes[p], all_rows[p], depth, with_bias);
      out[p] = g_new (float, n_tokens *MAX (out_stride, 70));
      for (gsize i = 0; i < n_tokens * MAX (out_stride, 70); i++)
        out[p][i] = POISON;
      products[p] = (SteerCpuProduct){ &weights[p].matrix, weights[p].bias, out[p], MAX (out_stride, 70) };
    }
  steer_cpu_multiply (&fixture->context, x, x_stride, n_tokens, short_run, epilogue, products, n_products);

  for (guint p = 0; p < (is_gated (epilogue) ? 1 : n_products); p++)
    for (guint t = 0; t < n_tokens; t++)
      {
        const float *row = out[p] + t * products[p].out_stride;

        for (gsize r = 0; r < all_rows[p]; r++)
          {
            double expected = multiply_row (&weights[p], r, x + t * x_stride);
            double scale = fabs (expected) + sqrt ((double) depth);
            double slack = weights[p].slack[r];

            if (epilogue == STEER_CPU_ADD)
              {
                expected += (double) POISON;
                scale += (double) POISON;
              }
            else if (epilogue == STEER_CPU_SOFTCAP)
              {
                expected = SOFTCAP * tanh (expected / SOFTCAP);
              }
            else if (is_gated (epilogue))
              {
                double up = multiply_row (&weights[1], r, x + t * x_stride);

                scale *= fabs (up) + sqrt ((double) depth);
                /* The slope of SiLU is at most 1.1, that of GELU 1.13. */
                slack = 1.13 * slack * (fabs (up) + weights[1].slack[r]) + fabs (expected) * weights[1].slack[r];
                expected = gate (epilogue, expected) * up;
              }
            g_assert_cmpfloat (fabs ((double) row[r] - expected), <=, 4e-6 * scale + slack);
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
static const SteerDtype plain[3] = { STEER_DTYPE_BF16, STEER_DTYPE_BF16, STEER_DTYPE_BF16 };
static const SteerDtype mixed[3] = { STEER_DTYPE_Q4_K, STEER_DTYPE_Q6_K, STEER_DTYPE_BF16 };
static const SteerDtype small[3] = { STEER_DTYPE_Q8_0, STEER_DTYPE_Q4_0, STEER_DTYPE_Q8_0 };
static const SteerCpuEpilogue epilogues[] = { STEER_CPU_STORE, STEER_CPU_ADD, STEER_CPU_SILU_MUL };

static void
check_all (const SteerCpuKernels *kernels, gboolean short_run, const guint *tokens, guint n)
{
  Fixture fixture;

  fixture_init (&fixture, kernels, 3);
  for (guint s = 0; s < G_N_ELEMENTS (shapes); s++)
    for (guint t = 0; t < n; t++)
      for (guint e = 0; e < G_N_ELEMENTS (epilogues); e++)
        check (&fixture, plain, shapes[s][0], shapes[s][1], tokens[t], short_run, epilogues[e], (s + t) % 2 == 0);
  for (guint t = 0; t < n; t++)
    for (guint e = 0; e < G_N_ELEMENTS (epilogues); e++)
      {
        check (&fixture, mixed, 130, 256, tokens[t], short_run, epilogues[e], t % 2 == 0);
        check (&fixture, mixed, 37, 768, tokens[t], short_run, epilogues[e], FALSE);
        check (&fixture, small, 77, 608, tokens[t], short_run, epilogues[e], t % 2 == 1);
      }
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
  static const guint few[] = { 40 }; /* a whole tile and a part of one: an emulation takes its time */
  const SteerCpuKernels *kernels = data;

  if (kernels->parts.tile != NULL)
    check_all (kernels, FALSE, few, G_N_ELEMENTS (few));
  else
    check_all (kernels, FALSE, tokens, G_N_ELEMENTS (tokens));
}

/* What only some models ask for: where the numbers come from is the same. */
static void
test_other_epilogues (gconstpointer data)
{
  static const SteerCpuEpilogue others[] = { STEER_CPU_GELU_MUL, STEER_CPU_SOFTCAP };
  Fixture fixture;

  fixture_init (&fixture, data, 3);
  for (guint e = 0; e < G_N_ELEMENTS (others); e++)
    {
      check (&fixture, plain, 65, 65, 3, TRUE, others[e], TRUE);
      check (&fixture, small, 77, 96, 1, TRUE, others[e], FALSE);
      check (&fixture, plain, 65, 40, 15, FALSE, others[e], TRUE);
    }
  fixture_clear (&fixture);
}

static void
test_full_chunk (gconstpointer data)
{
  Fixture fixture;

  fixture_init (&fixture, data, 2);
  check (&fixture, mixed, 100, 512, STEER_CPU_CHUNK, FALSE, STEER_CPU_SILU_MUL, TRUE);
  check (&fixture, plain, 100, 600, STEER_CPU_CHUNK, FALSE, STEER_CPU_SILU_MUL, TRUE);
  fixture_clear (&fixture);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *sentence;
    GTestDataFunc func;
  } tests[] = {
    { "a few tokens times stored weights equal float64", test_short },
    { "a chunk of tokens times unpacked weights equals float64", test_chunk },
    { "what becomes of a product is as in float64", test_other_epilogues },
    { "the longest chunk has room", test_full_chunk },
  };
  const SteerCpuKernels *list[CPU_KERNEL_LIST_MAX];
  const char *names[CPU_KERNEL_LIST_MAX];
  guint n;

  g_test_init (&argc, &argv, NULL);
  n = cpu_kernel_list (list, names);
  for (guint k = 0; k < n; k++)
    for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path = g_strdup_printf ("/cpu/product/%s/%s", names[k], tests[i].sentence);

        /* Of the emulated ones, which are slow, those that are multiplied with in a way of their own. */
        if (strstr (names[k], "emulated") == NULL || (list[k]->parts.tile != NULL && tests[i].func == test_chunk))
          g_test_add_data_func (path, list[k], tests[i].func);
      }
  return g_test_run ();
}
