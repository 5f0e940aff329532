/* One file, though long: each kernel is a case of a few lines against the same float64 reference, and all of them run for
 * each instruction set in turn. */
#include "cpu/steer-cpu-kernels.h"

#include <math.h>
#include <string.h>

#include "cpu-kernel-list.h"
#include "test-util.h"

/* Every kernel of every instruction set that this machine has, against float64. Shapes include single elements and
 * sizes that no vector divides; outputs are filled with a poison before, and what lies behind them is checked after.
 *
 * The file is long and stays one, as the table of kernels that it proves is one: each kernel is a case of a few lines,
 * and all share the sizes, the poison, the tolerance and the matrices of each dtype. */

#define POISON 12345.678f
#define ROOM 8

static const gsize sizes[] = { 1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 200, 255, 256, 300, 512 };

static const SteerDtype dtypes[] = { STEER_DTYPE_F32, STEER_DTYPE_BF16, STEER_DTYPE_F16 };

static float
random_float (void)
{
  return (float) g_test_rand_double_range (-1.0, 1.0);
}

static float *
random_floats (gsize n)
{
  float *values = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    values[i] = random_float ();
  return values;
}

static float *
poisoned (gsize n)
{
  float *values = g_new (float, n + ROOM);

  for (gsize i = 0; i < n + ROOM; i++)
    values[i] = POISON;
  return values;
}

static void
assert_room_untouched (const float *values, gsize n)
{
  for (gsize i = n; i < n + ROOM; i++)
    g_assert_cmpfloat (values[i], ==, POISON);
}

static void
assert_close (double actual, double expected, double scale)
{
  if (!(fabs (actual - expected) <= 2e-6 * scale + 1e-30))
    g_error ("%.9g instead of %.9g, at a scale of %.3g", actual, expected, scale);
}

static gsize
element_bytes (SteerDtype dtype)
{
  return steer_dtype_get_block_bytes (dtype);
}

/* A random matrix as stored, beginning at an odd address, and what it holds. */
typedef struct
{
  guint8 *memory;
  guint8 *data;   /* [rows, row_bytes] */
  double *values; /* [rows, columns] */
  gsize row_bytes;
} Matrix;

static void
matrix_init (Matrix *self, SteerDtype dtype, gsize rows, gsize columns)
{
  self->row_bytes = columns * element_bytes (dtype);
  self->memory = g_malloc (rows * self->row_bytes + 1);
  self->data = self->memory + 1;
  self->values = g_new (double, rows *columns);
  for (gsize i = 0; i < rows * columns; i++)
    {
      guint8 *p = self->data + i * element_bytes (dtype);
      float value = random_float ();
      guint16 half;

      switch (dtype)
        {
        case STEER_DTYPE_BF16:
          half = steer_f32_to_bf16 (value);
          value = steer_bf16_to_f32 (half);
          memcpy (p, &half, 2);
          break;
        case STEER_DTYPE_F16:
          half = steer_f32_to_f16 (value);
          value = steer_f16_to_f32 (half);
          memcpy (p, &half, 2);
          break;
        default:
          memcpy (p, &value, 4);
        }
      self->values[i] = (double) value;
    }
}

static void
matrix_clear (Matrix *self)
{
  g_free (self->memory);
  g_free (self->values);
}

static void
check_gemv (const SteerCpuKernels *kernels, SteerDtype dtype, gsize rows, gsize depth, guint columns)
{
  gsize x_stride = depth + 3;
  gsize y_stride = rows + 2;
  g_autofree float *x = random_floats (columns * x_stride);
  g_autofree float *y = poisoned (columns * y_stride);
  Matrix w;

  matrix_init (&w, dtype, rows, depth);
  kernels->weights[dtype].gemv (w.data, w.row_bytes, rows, depth, x, x_stride, columns, y, y_stride);
  for (guint c = 0; c < columns; c++)
    for (gsize r = 0; r < rows; r++)
      {
        double expected = 0.0;
        double scale = 0.0;

        for (gsize i = 0; i < depth; i++)
          {
            expected += w.values[r * depth + i] * (double) x[c * x_stride + i];
            scale += fabs (w.values[r * depth + i] * (double) x[c * x_stride + i]);
          }
        assert_close ((double) y[c * y_stride + r], expected, scale);
      }
  for (guint c = 0; c < columns; c++)
    for (gsize r = rows; r < y_stride; r++)
      g_assert_cmpfloat (y[c * y_stride + r], ==, POISON);
  assert_room_untouched (y, columns * y_stride);
  matrix_clear (&w);
}

static void
test_gemv (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint columns = 1; columns <= STEER_CPU_GEMV_COLUMNS; columns++)
      for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
        check_gemv (kernels, dtypes[d], (gsize) g_test_rand_int_range (1, 20), sizes[s], columns);
}

static void
test_gemv_alone (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const gsize rows = 23;
  const gsize depth = 1037;

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    {
      g_autofree float *x = random_floats (STEER_CPU_GEMV_COLUMNS * depth);
      g_autofree float *together = poisoned (STEER_CPU_GEMV_COLUMNS * rows);
      Matrix w;

      matrix_init (&w, dtypes[d], rows, depth);
      kernels->weights[dtypes[d]].gemv (w.data, w.row_bytes, rows, depth, x, depth, STEER_CPU_GEMV_COLUMNS, together,
                                        rows);
      for (gsize r = 0; r < rows; r++)
        for (guint c = 0; c < STEER_CPU_GEMV_COLUMNS; c++)
          {
            float alone = POISON;

            kernels->weights[dtypes[d]].gemv (w.data + r * w.row_bytes, w.row_bytes, 1, depth, x + c * depth, depth, 1,
                                              &alone, 1);
            g_assert_cmpmem (&alone, sizeof alone, &together[c * rows + r], sizeof alone);
          }
      matrix_clear (&w);
    }
}

static void
test_pack (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  guint width = kernels->tile_columns;

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      for (guint rows = 1; rows <= width; rows += rows == 1 ? width - 2 : 1)
        {
          gsize depth = sizes[s];
          g_autofree float *panel = poisoned (depth * width);
          Matrix w;

          matrix_init (&w, dtypes[d], rows, depth);
          kernels->weights[dtypes[d]].pack (w.data, w.row_bytes, rows, depth, panel);
          for (gsize i = 0; i < depth; i++)
            for (guint r = 0; r < width; r++)
              g_assert_cmpfloat ((double) panel[i * width + r], ==, r < rows ? w.values[r * depth + i] : 0.0);
          assert_room_untouched (panel, depth * width);
          matrix_clear (&w);
        }
}

static void
test_expand (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      {
        g_autofree float *out = poisoned (sizes[s]);
        Matrix w;

        matrix_init (&w, dtypes[d], 1, sizes[s]);
        kernels->weights[dtypes[d]].expand (w.data, sizes[s], out);
        for (gsize i = 0; i < sizes[s]; i++)
          g_assert_cmpfloat ((double) out[i], ==, w.values[i]);
        assert_room_untouched (out, sizes[s]);
        matrix_clear (&w);
      }
}

/* All 65,536 bit patterns, infinities, subnormals and NaNs among them. */
static void
test_every_half (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  g_autofree guint16 *halves = g_new (guint16, 65536);
  g_autofree float *out = g_new (float, 65536);

  for (guint i = 0; i < 65536; i++)
    halves[i] = (guint16) i;
  kernels->weights[STEER_DTYPE_F16].expand ((const guint8 *) halves, 65536, out);
  for (guint i = 0; i < 65536; i++)
    {
      float expected = steer_f16_to_f32 (halves[i]);

      g_assert_true (isnan (expected) ? isnan (out[i]) : memcmp (&expected, &out[i], sizeof expected) == 0);
    }
  kernels->weights[STEER_DTYPE_BF16].expand ((const guint8 *) halves, 65536, out);
  for (guint i = 0; i < 65536; i++)
    {
      float expected = steer_bf16_to_f32 (halves[i]);

      g_assert_true (isnan (expected) ? isnan (out[i]) : memcmp (&expected, &out[i], sizeof expected) == 0);
    }
}

static void
test_narrow (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      g_autofree float *x = random_floats (sizes[s]);
      g_autofree guint16 *out = g_new0 (guint16, sizes[s] + 1);

      x[0] = g_test_rand_bit () ? 1e-7f : 70000.0f;
      out[sizes[s]] = 0xdead;
      kernels->narrow_f16 (x, sizes[s], out);
      for (gsize i = 0; i < sizes[s]; i++)
        g_assert_cmphex (out[i], ==, steer_f32_to_f16 (x[i]));
      g_assert_cmphex (out[sizes[s]], ==, 0xdead);
    }
}

static void
check_tile (const SteerCpuKernels *kernels, guint rows, gsize depth, gboolean accumulate)
{
  guint width = kernels->tile_columns;
  gsize b_stride = width + 5;
  gsize c_stride = width + 1;
  g_autofree float *a = random_floats ((gsize) rows * STEER_CPU_TILE_STRIDE);
  g_autofree float *b = random_floats (depth * b_stride);
  g_autofree float *c = poisoned (rows * c_stride);

  for (guint r = 0; accumulate && r < rows; r++)
    for (guint j = 0; j < width; j++)
      c[r * c_stride + j] = (float) r - (float) j;
  kernels->tile (rows, depth, a, b, b_stride, c, c_stride, accumulate);
  for (guint r = 0; r < rows; r++)
    {
      for (guint j = 0; j < width; j++)
        {
          double expected = accumulate ? (double) r - (double) j : 0.0;
          double scale = fabs (expected);

          for (gsize i = 0; i < depth; i++)
            {
              double product = (double) a[r * STEER_CPU_TILE_STRIDE + i] * (double) b[i * b_stride + j];

              expected += product;
              scale += fabs (product);
            }
          assert_close ((double) c[r * c_stride + j], expected, scale);
        }
      g_assert_cmpfloat (c[r * c_stride + width], ==, POISON);
    }
}

static void
test_tile (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint rows = 1; rows <= kernels->tile_rows; rows++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s += 4)
      {
        check_tile (kernels, rows, sizes[s], FALSE);
        check_tile (kernels, rows, sizes[s], TRUE);
      }
}

static void
test_tile_alone (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  guint width = kernels->tile_columns;
  const gsize depth = 77;
  g_autofree float *a = random_floats ((gsize) kernels->tile_rows * STEER_CPU_TILE_STRIDE);
  g_autofree float *b = random_floats (depth * width);
  g_autofree float *together = poisoned (kernels->tile_rows * width);
  g_autofree float *alone = poisoned (width);

  kernels->tile (kernels->tile_rows, depth, a, b, width, together, width, FALSE);
  for (guint r = 0; r < kernels->tile_rows; r++)
    {
      kernels->tile (1, depth, a + (gsize) r * STEER_CPU_TILE_STRIDE, b, width, alone, width, FALSE);
      g_assert_cmpmem (alone, width * sizeof (float), together + r * width, width * sizeof (float));
    }
}

static void
test_rms_norm (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize n = sizes[s];
      g_autofree float *x = random_floats (n);
      g_autofree float *weight = random_floats (n);
      g_autofree float *out = poisoned (n);
      double squares = 0.0;

      for (gsize i = 0; i < n; i++)
        squares += (double) x[i] * (double) x[i];
      kernels->rms_norm (x, weight, n, 1e-5f, out);
      for (gsize i = 0; i < n; i++)
        {
          double expected = (double) weight[i] * (double) x[i] / sqrt (squares / (double) n + (double) 1e-5f);

          assert_close ((double) out[i], expected, fabs (expected));
        }
      assert_room_untouched (out, n);
    }
}

static void
test_rope (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (gsize half = 1; half <= 65; half += half < 5 ? 1 : 15)
    {
      g_autofree float *x = random_floats (2 * half);
      g_autofree float *cosine = random_floats (half);
      g_autofree float *sine = random_floats (half);
      g_autofree float *before = g_memdup2 (x, 2 * half * sizeof (float));

      kernels->rope (x, cosine, sine, 2 * half);
      for (gsize i = 0; i < half; i++)
        {
          double a = (double) before[i];
          double b = (double) before[i + half];

          assert_close ((double) x[i], a * (double) cosine[i] - b * (double) sine[i], 1.0);
          assert_close ((double) x[i + half], b * (double) cosine[i] + a * (double) sine[i], 1.0);
        }
    }
}

static void
test_rope_interleaved (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (gsize half = 1; half <= 65; half += half < 5 ? 1 : 15)
    {
      g_autofree float *x = random_floats (2 * half);
      g_autofree float *cosine = random_floats (half);
      g_autofree float *sine = random_floats (half);
      g_autofree float *before = g_memdup2 (x, 2 * half * sizeof (float));

      kernels->rope_interleaved (x, cosine, sine, 2 * half);
      for (gsize i = 0; i < half; i++)
        {
          double a = (double) before[2 * i];
          double b = (double) before[2 * i + 1];

          assert_close ((double) x[2 * i], a * (double) cosine[i] - b * (double) sine[i], 1.0);
          assert_close ((double) x[2 * i + 1], b * (double) cosine[i] + a * (double) sine[i], 1.0);
        }
    }
}

static void
test_silu (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize n = sizes[s];
      g_autofree float *gate = random_floats (n);
      g_autofree float *up = random_floats (n);
      g_autofree float *out = poisoned (n);

      for (gsize i = 0; i < n; i++)
        gate[i] *= (float) g_test_rand_double_range (0.0, 30.0);
      kernels->silu_mul (gate, up, n, out);
      for (gsize i = 0; i < n; i++)
        {
          double expected = (double) gate[i] / (1.0 + exp (-(double) gate[i])) * (double) up[i];

          assert_close ((double) out[i], expected, fabs (expected));
        }
      assert_room_untouched (out, n);
    }
}

static void
test_silu_extremes (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const float gate[] = { -1e30f, -200.0f, -88.0f, 0.0f, 88.0f, 200.0f, 1e30f };
  const float up[] = { 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f };
  float out[G_N_ELEMENTS (gate)];

  kernels->silu_mul (gate, up, G_N_ELEMENTS (gate), out);
  for (guint i = 1; i < 3; i++)
    g_assert_cmpfloat_with_epsilon (out[i], 0.0, 1e-30);
  g_assert_cmpfloat (out[3], ==, 0.0f);
  for (guint i = 4; i < G_N_ELEMENTS (gate); i++)
    g_assert_cmpfloat (out[i], ==, gate[i]);
}

static void
test_gelu (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize n = sizes[s];
      g_autofree float *gate = random_floats (n);
      g_autofree float *up = random_floats (n);
      g_autofree float *out = poisoned (n);

      for (gsize i = 0; i < n; i++)
        gate[i] *= (float) g_test_rand_double_range (0.0, 8.0);
      kernels->gelu_mul (gate, up, n, out);
      for (gsize i = 0; i < n; i++)
        {
          double x = (double) gate[i];
          double inner = sqrt (2.0 / G_PI) * (x + 0.044715 * x * x * x);
          double expected = 0.5 * x * (1.0 + tanh (inner)) * (double) up[i];

          /* where the exponent is large, its rounding is the result's */
          assert_close ((double) out[i], expected, fabs (expected) * (1.0 + fabs (inner)) + 1e-10);
        }
      assert_room_untouched (out, n);
    }
}

static void
test_gelu_extremes (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const float gate[] = { -1e12f, -200.0f, -20.0f, 0.0f, 20.0f, 200.0f, 1e12f };
  const float up[] = { 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f };
  float out[G_N_ELEMENTS (gate)];

  kernels->gelu_mul (gate, up, G_N_ELEMENTS (gate), out);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpfloat_with_epsilon (out[i], 0.0, 1e-25);
  for (guint i = 3; i < G_N_ELEMENTS (gate); i++)
    g_assert_cmpfloat (out[i], ==, gate[i]);
}

/* Also in place, and of numbers of any size: small ones keep all their bits. */
static void
test_softcap (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const float cap = 30.0f;

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize n = sizes[s];
      g_autofree float *x = random_floats (n);
      g_autofree float *out = poisoned (n);

      for (gsize i = 0; i < n; i++)
        x[i] *= (float) exp (g_test_rand_double_range (-12.0, 8.0));
      x[0] = s % 3 == 0 ? -INFINITY : s % 3 == 1 ? 1e30f : -0.0f;
      kernels->softcap (x, n, cap, out);
      for (gsize i = 0; i < n; i++)
        {
          double expected = (double) cap * tanh ((double) x[i] / (double) cap);

          assert_close ((double) out[i], expected, fabs (expected));
        }
      assert_room_untouched (out, n);
      kernels->softcap (x, n, cap, x);
      g_assert_cmpmem (x, n * sizeof (float), out, n * sizeof (float));
    }
}

static void
test_softmax (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const gsize n_blocks = 5;
  const gsize n = 64;
  g_autofree float *scores = random_floats (n_blocks * n);
  g_autofree float *before = NULL;
  float max = -INFINITY;
  float sum = 0.0f;
  double kept = 0.0; /* what the caller has accumulated: here, the same sum */
  double top = -INFINITY;
  double expected = 0.0;

  for (gsize i = 0; i < n_blocks * n; i++)
    scores[i] = i < n || i % 7 == 0 ? -INFINITY : scores[i] * 40.0f;
  before = g_memdup2 (scores, n_blocks * n * sizeof (float));
  for (gsize i = 0; i < n_blocks * n; i++)
    top = MAX (top, (double) before[i]);
  for (gsize i = 0; i < n_blocks * n; i++)
    expected += exp ((double) before[i] - top);

  for (gsize block = 0; block < n_blocks; block++)
    {
      float factor = kernels->softmax_block (scores + block * n, n, &max, &sum);

      kept *= (double) factor;
      for (gsize i = block * n; i < (block + 1) * n; i++)
        {
          g_assert_true (isfinite (scores[i]));
          if (before[i] == -INFINITY)
            g_assert_cmpfloat (scores[i], ==, 0.0f);
          else
            assert_close ((double) scores[i], exp ((double) before[i] - (double) max),
                          exp ((double) before[i] - (double) max));
          kept += (double) scores[i];
        }
      if (block == 0)
        g_assert_cmpfloat (factor, ==, 1.0f);
    }
  assert_close ((double) max, top, fabs (top));
  assert_close ((double) sum, expected, expected);
  assert_close (kept, expected, expected);
}

static void
test_linear (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize n = sizes[s];
      g_autofree float *x = random_floats (n);
      g_autofree float *y = random_floats (n);
      g_autofree float *sum = g_memdup2 (y, n * sizeof (float));
      g_autofree float *scaled = g_memdup2 (y, n * sizeof (float));
      double dot = 0.0;

      kernels->axpy (0.37f, x, n, sum);
      kernels->scale (scaled, n, 0.37f);
      for (gsize i = 0; i < n; i++)
        {
          volatile float product = 0.37f * x[i]; /* rounded by itself, as PyTorch does */

          g_assert_cmpfloat (sum[i], ==, y[i] + product);
          g_assert_cmpfloat (scaled[i], ==, y[i] * 0.37f);
          dot += (double) x[i] * (double) y[i];
        }
      g_assert_cmpfloat_with_epsilon (kernels->dot (x, y, n), dot, 1e-12);
      g_assert_true (kernels->dot (x, y, n) == steer_cpu_kernels_get (STEER_CPU_ISA_PLAIN)->dot (x, y, n));
    }
}

static void
test_argmax (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      gsize n = sizes[s];
      g_autofree float *x = random_floats (n);
      gsize at = (gsize) g_test_rand_int_range (0, (gint32) n);

      x[at] = 2.0f;
      if (at + 1 < n)
        x[n - 1] = 2.0f;
      if (at > 0)
        x[at - 1] = NAN;
      g_assert_cmpuint (kernels->argmax (x, n), ==, at);
    }
}

/* A block of a cache of floats gives the bits of the block unpacked. */
static void
check_cache_tile (const SteerCpuKernels *kernels, gboolean half, guint n_rows, gsize depth)
{
  const gsize columns = 64;
  const gsize c_stride = columns + 2;
  const gsize size = half ? sizeof (guint16) : sizeof (float);
  g_autofree float *a = random_floats (n_rows * STEER_CPU_TILE_STRIDE);
  g_autofree float *b = random_floats (depth * columns);
  g_autofree float *c = poisoned (n_rows * c_stride);
  g_autofree float *expected = poisoned (n_rows * c_stride);
  g_autofree guint8 *stored = g_malloc (depth * columns * size);

  for (gsize i = 0; i < depth * columns; i++)
    {
      guint16 narrow = steer_f32_to_f16 (b[i]);

      if (half)
        b[i] = steer_f16_to_f32 (narrow);
      memcpy (stored + i * size, half ? (gconstpointer) &narrow : &b[i], size);
    }
  for (gsize j = 0; j < columns; j += kernels->tile_columns)
    {
      SteerCpuCacheTile tile = {
        .n_rows = n_rows,
        .depth = depth,
        .a = a,
        .b = stored + j * size,
        .b_stride = columns,
        .c = c + j,
        .c_stride = c_stride,
        .accumulate = n_rows % 2 == 0,
        .next = stored,
      };

      if (half)
        kernels->cache_tile_f16 (&tile);
      else
        kernels->cache_tile_f32 (&tile);
      kernels->tile (n_rows, depth, a, b + j, columns, expected + j, c_stride, n_rows % 2 == 0);
    }
  g_assert_cmpmem (c, n_rows * c_stride * sizeof (float), expected, n_rows * c_stride * sizeof (float));
  assert_room_untouched (c, n_rows * c_stride);
}

static void
test_cache_tile (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  static const gsize depths[] = { 1, 31, 32, 64, 100, 128 };

  for (guint n_rows = 1; n_rows <= MIN (STEER_CPU_CACHE_ROWS, kernels->tile_rows); n_rows++)
    for (guint d = 0; d < G_N_ELEMENTS (depths); d++)
      {
        check_cache_tile (kernels, FALSE, n_rows, depths[d]);
        check_cache_tile (kernels, TRUE, n_rows, depths[d]);
      }
}

/* Where word @i of a group of @n lies. */
static gsize
get_word (gsize i, gsize n)
{
  return i % (n / 2) * 2 + i / (n / 2);
}

/* Rounding takes half a unit; the factor and its product are floats of 24 bits, as the scale is: up to 32767 units,
 * that is another 32767 * 3 * 2^-24. */
static void
test_cache_query (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const guint n_groups = 3;
  g_autofree float *x = random_floats (n_groups * 32);
  gint16 words[3 * 32];
  float scales[3];

  for (guint i = 0; i < 32; i++)
    x[32 + i] *= 1e-35f;
  x[64 + 17] = -3.5f;
  kernels->cache_bytes.query (x, n_groups, words, scales);
  g_assert_cmpint (words[64 + get_word (17, 32)], ==, -32767);
  g_assert_cmpfloat (scales[1], ==, 0.0f);
  for (guint i = 0; i < n_groups * 32; i++)
    {
      double error = (double) scales[i / 32] * words[i / 32 * 32 + get_word (i % 32, 32)] - (double) x[i];

      g_assert_cmpfloat (fabs (error), <=, 0.506 * (double) scales[i / 32] + 1e-30);
    }
}

enum
{
  N_WEIGHT_GROUPS = 3
};

/* softmax_block() of a block of scores, of which the first @n_positions are seen, in words of the weights times the
 * values' scales. Blocks long after the one that matters keep their bits, too. The largest weight is 1 there: seven
 * floats are rounded on the way to a word and its scale, exp() is exact to its last bits, and so is how far the block
 * lies below the maximum. */
static void
check_cache_weights (const SteerCpuKernels *kernels, guint n_positions, float *scores, float *max, float *sum)
{
  const guint n = STEER_CPU_BLOCK;
  guint16 block_scales[N_WEIGHT_GROUPS * STEER_CPU_BLOCK];
  float factors[N_WEIGHT_GROUPS * STEER_CPU_BLOCK], factor_scales[N_WEIGHT_GROUPS], scales[N_WEIGHT_GROUPS];
  gint16 words[N_WEIGHT_GROUPS * STEER_CPU_BLOCK];
  float old_max = *max;
  double old_sum = (double) *sum;
  double largest = -INFINITY;
  double expected_sum = 0.0;
  float factor;

  for (guint i = 0; i < N_WEIGHT_GROUPS * n; i++)
    block_scales[i] = i / n == 1 ? 0 : steer_f32_to_f16 (fabsf (random_float ()) * 0.02f);
  for (guint i = n_positions; i < n; i++)
    {
      scores[i] = -INFINITY;
      for (guint g = 0; g < N_WEIGHT_GROUPS; g++)
        block_scales[g * n + i] = 0x7e00; /* not a number: never written */
    }
  for (guint i = 0; i < n; i++)
    largest = MAX (largest, (double) scores[i]);

  kernels->cache_bytes.factors (block_scales, N_WEIGHT_GROUPS, n_positions, factors, factor_scales);
  factor = kernels->cache_bytes.weights (scores, factors, factor_scales, N_WEIGHT_GROUPS, max, sum, words, scales);

  g_assert_cmpfloat (*max, ==, MAX (old_max, (float) largest));
  assert_close ((double) factor, old_max == *max ? 1.0 : exp ((double) old_max - (double) *max), 1.0);
  for (guint i = 0; i < n; i++)
    expected_sum += exp ((double) scores[i] - (double) *max);
  expected_sum += old_sum * exp ((double) old_max - (double) *max);
  assert_close ((double) *sum, expected_sum, expected_sum);
  for (guint g = 0; g < N_WEIGHT_GROUPS; g++)
    {
      double most = 0.0;
      double units = 0.53 + ((double) *max - largest) * 32767 * 0x1p-24;

      for (guint i = 0; i < n_positions; i++)
        most = MAX (most, (double) steer_f16_to_f32 (block_scales[g * n + i]));
      most *= exp (largest - (double) *max);
      for (guint i = 0; i < n; i++)
        {
          double weight = exp ((double) scores[i] - (double) *max);
          double scale = i < n_positions ? (double) steer_f16_to_f32 (block_scales[g * n + i]) : 0.0;
          double error = (double) scales[g] * words[g * n + get_word (i, n)] - weight * scale;

          g_assert_cmpfloat (fabs (error), <=, units * most / 32767 + 1e-30);
        }
    }
}

static void
test_cache_weights (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  /* One after the other: a first one, a larger one, one far below, one that counts nothing, one a little above. */
  const float shifts[] = { 0.0f, 8.0f, -40.0f, -300.0f, 9.0f };
  float scores[STEER_CPU_BLOCK];
  float max = -INFINITY;
  float sum = 0.0f;

  for (guint s = 0; s < G_N_ELEMENTS (shifts); s++)
    {
      for (guint i = 0; i < STEER_CPU_BLOCK; i++)
        scores[i] = random_float () * 4.0f + shifts[s];
      check_cache_weights (kernels, s % 2 == 0 ? STEER_CPU_BLOCK : (guint) g_test_rand_int_range (1, STEER_CPU_BLOCK),
                           scores, &max, &sum);
    }
}

/* As a token has them of a block that lies outside its window. */
static void
test_cache_weights_of_nothing (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  g_autofree float *factors = random_floats (N_WEIGHT_GROUPS * STEER_CPU_BLOCK);
  const float factor_scales[N_WEIGHT_GROUPS] = { 1.0f, 1.0f, 1.0f };
  float scores[STEER_CPU_BLOCK], scales[N_WEIGHT_GROUPS];
  gint16 words[N_WEIGHT_GROUPS * STEER_CPU_BLOCK];
  const float maxima[] = { -INFINITY, 3.0f };

  for (guint i = 0; i < STEER_CPU_BLOCK; i++)
    scores[i] = -INFINITY;
  for (guint m = 0; m < G_N_ELEMENTS (maxima); m++)
    {
      float max = maxima[m];
      float sum = 2.0f;

      memset (words, 1, sizeof words);
      g_assert_cmpfloat (
        kernels->cache_bytes.weights (scores, factors, factor_scales, N_WEIGHT_GROUPS, &max, &sum, words, scales), ==,
        1.0f);
      g_assert_cmpfloat (max, ==, maxima[m]);
      g_assert_cmpfloat (sum, ==, 2.0f);
      for (guint i = 0; i < N_WEIGHT_GROUPS * STEER_CPU_BLOCK; i++)
        g_assert_cmpint (words[i], ==, 0);
      for (guint g = 0; g < N_WEIGHT_GROUPS; g++)
        g_assert_cmpfloat (scales[g], ==, 0.0f);
    }
}

/* c, [n_rows, c_stride], as the definition has it. */
static void
add_bytes (const SteerCpuCacheBytes *tile, gboolean keys, float *c)
{
  const guint n = keys ? 32 : STEER_CPU_BLOCK;
  const guint n_columns = keys ? STEER_CPU_BLOCK : 32;
  const guint16 *block_scales = (gconstpointer) tile->block;
  const gint8 *bytes = (gconstpointer) (block_scales + tile->n_groups * STEER_CPU_BLOCK);

  for (guint r = 0; r < tile->n_rows; r++)
    for (guint g = 0; g < tile->n_groups; g++)
      for (guint j = 0; j < n_columns; j++)
        {
          float *to = c + r * tile->c_stride + (keys ? j : g * 32 + j);
          float scale = tile->scales[r * tile->n_groups + g];
          gint32 sum = 0;

          for (guint i = 0; i < n; i++)
            {
              gsize pair = i % (n / 2);
              gsize panel = keys ? g * (STEER_CPU_BLOCK / 32) + j / 32 : g;
              gsize at = (panel * (n / 2) + pair) * 32 + j % 32;

              sum += tile->words[(r * tile->n_groups + g) * n + get_word (i, n)] * bytes[2 * at + i / (n / 2)];
            }
          if (keys)
            scale *= steer_f16_to_f32 (block_scales[g * STEER_CPU_BLOCK + j]);
          *to = scale * (float) sum + (keys && g == 0 ? 0.0f : *to); /* a first sum of zero is +0 */
        }
}

static void
check_cache_bytes (const SteerCpuKernels *kernels, gboolean keys, guint n_rows, guint n_groups, guint n_positions)
{
  const gsize n = (gsize) n_groups * 32 * STEER_CPU_BLOCK;
  const gsize n_words = (gsize) n_rows * n_groups * (keys ? 32 : STEER_CPU_BLOCK);
  const gsize c_stride = MAX (STEER_CPU_BLOCK, n_groups * 32) + 2;
  const gsize n_scales = (gsize) n_groups * STEER_CPU_BLOCK;
  g_autofree guint8 *block = g_malloc (n_scales * sizeof (guint16) + n);
  guint16 *block_scales = (guint16 *) (gpointer) block;
  gint8 *bytes = (gint8 *) (gpointer) (block_scales + n_scales);
  g_autofree gint16 *words = g_new (gint16, n_words);
  g_autofree float *scales = random_floats ((gsize) n_rows * n_groups);
  g_autofree float *c = poisoned (n_rows * c_stride);
  g_autofree float *expected = poisoned (n_rows * c_stride);
  SteerCpuCacheBytes tile = {
    .n_rows = n_rows,
    .n_groups = n_groups,
    .n_positions = n_positions,
    .words = words,
    .scales = scales,
    .block = block,
    .c = c,
    .c_stride = c_stride,
    .next = block,
  };

  for (gsize i = 0; i < n; i++)
    bytes[i] = (gint8) g_test_rand_int_range (-127, 128);
  for (gsize i = 0; i < n_scales; i++)
    block_scales[i] = steer_f32_to_f16 (random_float ());
  for (gsize i = 0; i < n_words; i++)
    words[i] = (gint16) g_test_rand_int_range (-32767, 32768);
  if (n_words > 8) /* the largest sums there can be */
    {
      memset (bytes, 127, n / 2);
      for (gsize i = 0; i < n_words / 2; i++)
        words[i] = 32767;
    }
  if (!keys)
    for (gsize i = 0; i < n_words; i++)
      if (i % STEER_CPU_BLOCK / 2 + i % 2 * (STEER_CPU_BLOCK / 2) >= n_positions)
        words[i] = 0;
  for (gsize i = 0; i < n_rows * c_stride; i++)
    if (i % c_stride < (keys ? STEER_CPU_BLOCK : n_groups * 32))
      c[i] = expected[i] = random_float ();
  add_bytes (&tile, keys, expected);
  if (keys)
    kernels->cache_bytes.keys (&tile);
  else
    kernels->cache_bytes.values (&tile);
  g_assert_cmpmem (c, n_rows * c_stride * sizeof (float), expected, n_rows * c_stride * sizeof (float));
  assert_room_untouched (c, n_rows * c_stride);
}

static void
test_cache_bytes (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  static const guint groups[] = { 1, 3, 4 };

  for (guint n_rows = 1; n_rows <= MIN (STEER_CPU_CACHE_ROWS, kernels->tile_rows); n_rows++)
    for (guint g = 0; g < G_N_ELEMENTS (groups); g++)
      {
        check_cache_bytes (kernels, TRUE, n_rows, groups[g], STEER_CPU_BLOCK);
        check_cache_bytes (kernels, FALSE, n_rows, groups[g], STEER_CPU_BLOCK);
        check_cache_bytes (kernels, FALSE, n_rows, groups[g], (guint) g_test_rand_int_range (1, STEER_CPU_BLOCK));
      }
}

/* Products of BF16 weights in parts, where there are any: as exact as those of floats. */
static void
check_parts (const SteerCpuPartsKernels *parts, guint n_rows, guint n_columns, gsize depth, gboolean accumulate)
{
  const gsize c_stride = STEER_CPU_MAX_TILE_COLUMNS + 3;
  g_autofree float *x = random_floats (n_rows * depth);
  g_autofree float *c = poisoned (n_rows * c_stride);
  g_autofree guint16 *a = g_new (guint16, n_rows * STEER_CPU_PARTS_STRIDE);
  g_autofree guint8 *b = g_malloc (STEER_CPU_MAX_TILE_COLUMNS * STEER_CPU_TILE_DEPTH * sizeof (guint16));
  Matrix w;

  matrix_init (&w, STEER_DTYPE_BF16, n_columns, depth);
  for (guint r = 0; r < n_rows; r++)
    {
      parts->split (x + r * depth, depth, a + r * STEER_CPU_PARTS_STRIDE);
      for (gsize i = 0; i < depth; i++)
        {
          double sum = 0.0;

          for (guint p = 0; p < STEER_CPU_PARTS; p++)
            sum += (double) steer_bf16_to_f32 (a[r * STEER_CPU_PARTS_STRIDE + p * STEER_CPU_TILE_DEPTH + i]);
          g_assert_cmpfloat (sum, ==, (double) x[r * depth + i]);
        }
    }
  parts->pack (w.data, w.row_bytes, n_columns, depth, b);
  parts->tile (n_rows, depth, a, b, c, c_stride, accumulate);
  for (guint r = 0; r < n_rows; r++)
    for (guint j = 0; j < c_stride; j++)
      {
        double expected = accumulate ? (double) POISON : 0.0;

        for (gsize i = 0; j < n_columns && i < depth; i++)
          expected += (double) x[r * depth + i] * w.values[j * depth + i];
        if (j < STEER_CPU_MAX_TILE_COLUMNS)
          assert_close ((double) c[r * c_stride + j], expected,
                        fabs (expected) + sqrt ((double) depth) + (accumulate ? (double) POISON : 0.0));
        else
          g_assert_cmpfloat (c[r * c_stride + j], ==, POISON);
      }
  assert_room_untouched (c, n_rows * c_stride);
  matrix_clear (&w);
}

static void
test_parts (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  static const guint rows[] = { 1, 7, 16, 17, 32 };

  for (guint r = 0; r < G_N_ELEMENTS (rows); r++)
    for (gsize s = 0; s < G_N_ELEMENTS (sizes); s++)
      check_parts (&kernels->parts, rows[r], s % 2 == 0 ? 32 : 1 + (guint) (sizes[s] % 31), sizes[s], r % 2 == 0);
}

static void
add (const SteerCpuKernels *kernels, const char *name, const char *sentence, GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/cpu/kernels/%s/%s", name, sentence);

  g_test_add_data_func (path, kernels, func);
}

int
main (int argc, char *argv[])
{
  const SteerCpuKernels *list[CPU_KERNEL_LIST_MAX];
  const char *names[CPU_KERNEL_LIST_MAX];
  guint n;

  g_test_init (&argc, &argv, NULL);
  n = cpu_kernel_list (list, names);
  for (guint i = 0; i < n; i++)
    {
      const SteerCpuKernels *kernels = list[i];
      const char *name = names[i];

      add (kernels, name, "a row of weights times activations equals float64", test_gemv);
      add (kernels, name, "a row's product has the same bits alone and among others", test_gemv_alone);
      add (kernels, name, "a panel holds its rows transposed and zeros behind them", test_pack);
      add (kernels, name, "stored weights become float32 exactly", test_expand);
      add (kernels, name, "every bit pattern of a 16-bit type is converted", test_every_half);
      add (kernels, name, "float32 is rounded to the nearest float16", test_narrow);
      add (kernels, name, "a tile of products equals float64", test_tile);
      add (kernels, name, "a tile's row has the same bits alone and among others", test_tile_alone);
      add (kernels, name, "a block of the cache gives the bits of the block unpacked", test_cache_tile);
      add (kernels, name, "words of a query keep 15 bits of a group's largest", test_cache_query);
      add (kernels, name, "words of weights keep 15 bits of the largest, however small it is", test_cache_weights);
      add (kernels, name, "a block of bytes that a token does not see weighs nothing", test_cache_weights_of_nothing);
      add (kernels, name, "a block of bytes gives the bits of integers summed up", test_cache_bytes);
      if (kernels->parts.tile != NULL)
        add (kernels, name, "a tile of products in parts equals float64", test_parts);
      add (kernels, name, "RMS norm equals float64", test_rms_norm);
      add (kernels, name, "rotary embedding equals float64", test_rope);
      add (kernels, name, "rotary embedding of neighbours equals float64", test_rope_interleaved);
      add (kernels, name, "SiLU times up equals float64", test_silu);
      add (kernels, name, "GELU times up equals float64", test_gelu);
      add (kernels, name, "GELU of very large and very small numbers is finite", test_gelu_extremes);
      add (kernels, name, "a soft limit equals float64", test_softcap);
      add (kernels, name, "SiLU of very large and very small numbers is finite", test_silu_extremes);
      add (kernels, name, "softmax block by block equals softmax over the whole", test_softmax);
      add (kernels, name, "scaling, adding and dot products equal their definitions", test_linear);
      add (kernels, name, "the first of the largest elements is found", test_argmax);
    }
  return g_test_run ();
}
