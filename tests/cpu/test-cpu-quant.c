#include "cpu/steer-cpu-kernels.h"

#include <math.h>
#include <string.h>

#include "cpu-kernel-list.h"
#include "tensor/steer-dequantize.h"
#include "test-util.h"

/* Products with packed quantised weights. Two references: the weights as tensor/steer-dequantize.c defines them, in
 * float64, with activations as they were before they were quantised; and plain C, whose bits every other instruction
 * set must give. */

#define POISON 12345.678f

static const SteerDtype dtypes[] = {
  STEER_DTYPE_Q4_0, STEER_DTYPE_Q4_1, STEER_DTYPE_Q5_0, STEER_DTYPE_Q5_1, STEER_DTYPE_Q8_0,   STEER_DTYPE_Q2_K,
  STEER_DTYPE_Q3_K, STEER_DTYPE_Q4_K, STEER_DTYPE_Q5_K, STEER_DTYPE_Q6_K, STEER_DTYPE_IQ4_NL, STEER_DTYPE_IQ4_XS,
};

/* Where the halves are that scale a stored block; the second is -1 where there is only one. */
static void
find_halves (SteerDtype dtype, int *d, int *m)
{
  *d = 0;
  *m = -1;
  switch (dtype)
    {
    case STEER_DTYPE_Q4_1:
    case STEER_DTYPE_Q5_1:
    case STEER_DTYPE_Q4_K:
    case STEER_DTYPE_Q5_K:
      *m = 2;
      break;
    case STEER_DTYPE_Q2_K:
      *d = 80;
      *m = 82;
      break;
    case STEER_DTYPE_Q3_K:
      *d = 108;
      break;
    case STEER_DTYPE_Q6_K:
      *d = 208;
      break;
    default:
      break;
    }
}

static void
put_random_half (guint8 *p)
{
  guint16 half = steer_f32_to_f16 ((float) g_test_rand_double_range (-0.01, 0.01));

  memcpy (p, &half, sizeof half);
}

/* Random quantised weights, as stored, as numbers and packed. */
typedef struct
{
  SteerDtype dtype;
  gsize n_rows;
  gsize depth;
  gsize row_bytes;
  guint8 *stored; /* [n_rows, row_bytes] */
  float *values;  /* [n_rows, depth] */
  guint panel_rows;
  gsize n_panels;
  gsize panel_bytes;
  guint8 *panels; /* [n_panels, panel_bytes] */
} Weights;

static void
weights_pack (Weights *self, guint panel_rows)
{
  g_free (self->panels);
  self->panel_rows = panel_rows;
  self->n_panels = (self->n_rows + panel_rows - 1) / panel_rows;
  self->panel_bytes = steer_cpu_packed_get_panel_bytes (self->dtype, panel_rows, self->depth);
  self->panels = g_malloc (self->n_panels * self->panel_bytes);
  for (gsize p = 0; p < self->n_panels; p++)
    steer_cpu_pack_panel (self->dtype, self->stored + p * panel_rows * self->row_bytes, self->row_bytes,
                          (guint) MIN (panel_rows, self->n_rows - p * panel_rows), self->depth, panel_rows,
                          self->panels + p * self->panel_bytes);
}

static void
weights_init (Weights *self, SteerDtype dtype, gsize n_rows, gsize depth)
{
  gsize block_bytes = steer_dtype_get_block_bytes (dtype);
  gsize n_blocks = depth / steer_dtype_get_block_elements (dtype);
  int d, m;

  *self = (Weights){ .dtype = dtype, .n_rows = n_rows, .depth = depth, .row_bytes = n_blocks * block_bytes };
  self->stored = g_malloc (n_rows * self->row_bytes);
  self->values = g_new (float, n_rows *depth);
  test_fill_random_bytes (self->stored, n_rows * self->row_bytes);
  find_halves (dtype, &d, &m);
  for (gsize i = 0; i < n_rows * n_blocks; i++)
    {
      put_random_half (self->stored + i * block_bytes + d);
      if (m >= 0)
        put_random_half (self->stored + i * block_bytes + m);
    }
  steer_dequantize (dtype, self->stored, n_rows * n_blocks, self->values);
}

static void
weights_clear (Weights *self)
{
  g_free (self->stored);
  g_free (self->values);
  g_free (self->panels);
}

/* Random activations, whose blocks differ much in size, before and after they are quantised. */
typedef struct
{
  guint n_tokens;
  gsize depth;
  float *values; /* [n_tokens, depth] */
  gint8 *bytes;
  gint16 *words;
  SteerCpuQuantBlock *blocks;
  SteerCpuQuantRows rows;
} Activations;

static void
activations_init (Activations *self, const SteerCpuKernels *kernels, guint n_tokens, gsize depth)
{
  gsize stride = depth + 2 * STEER_CPU_QUANT_BLOCK;
  gsize n_blocks = stride / STEER_CPU_QUANT_BLOCK;

  self->n_tokens = n_tokens;
  self->depth = depth;
  self->values = g_new (float, n_tokens *depth);
  self->bytes = g_new0 (gint8, n_tokens * stride);
  self->words = g_new0 (gint16, n_tokens * stride);
  self->blocks = g_new0 (SteerCpuQuantBlock, n_tokens * n_blocks);
  self->rows = (SteerCpuQuantRows){ self->bytes, self->words, self->blocks, stride };
  test_fill_random (self->values, n_tokens * depth, 1.0);
  for (gsize i = 0; i < n_tokens * depth; i++)
    self->values[i] *= i / 32 % 3 == 1 ? 30.0f : 0.1f;
  for (guint t = 0; t < n_tokens; t++)
    kernels->quantize (self->values + t * depth, depth, self->bytes + t * stride, self->words + t * stride,
                       self->blocks + t * n_blocks);
}

static void
activations_clear (Activations *self)
{
  g_free (self->values);
  g_free (self->bytes);
  g_free (self->words);
  g_free (self->blocks);
}

static SteerCpuQuantRows
rows_from (SteerCpuQuantRows rows, gsize token, gsize block)
{
  rows.bytes += token * rows.stride + block * STEER_CPU_QUANT_BLOCK;
  rows.words += token * rows.stride + block * STEER_CPU_QUANT_BLOCK;
  rows.blocks += token * (rows.stride / STEER_CPU_QUANT_BLOCK) + block;
  return rows;
}

/* A number is rounded by half its block's scale at most, so a product is off by half of the sum of scale * |w|. What
 * float32 adds is far less: a millionth or so of the largest terms. */
static void
check_against_float64 (const Weights *w, const Activations *x, const float *y, gsize y_stride)
{
  for (guint t = 0; t < x->n_tokens; t++)
    for (gsize r = 0; r < w->n_rows; r++)
      {
        double expected = 0.0;
        double bound = 0.0;
        double largest = 0.0;

        for (gsize i = 0; i < w->depth; i++)
          largest = fmax (largest, fabs ((double) w->values[r * w->depth + i]));
        for (gsize i = 0; i < w->depth; i++)
          {
            double weight = (double) w->values[r * w->depth + i];
            double value = (double) x->values[t * x->depth + i];
            const SteerCpuQuantBlock *block = x->blocks + t * (x->rows.stride / 32) + i / 32;

            expected += weight * value;
            bound += fabs (weight) * (double) block->scale / 2.0 + 4e-6 * largest * fabs (value);
          }
        if (!(fabs ((double) y[t * y_stride + r] - expected) <= bound))
          g_error ("%s: %.9g instead of %.9g, at most %.3g off", steer_dtype_get_name (w->dtype),
                   (double) y[t * y_stride + r], expected, bound);
      }
}

static float *
poisoned (gsize n)
{
  float *values = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    values[i] = POISON;
  return values;
}

static gsize
depth_for (SteerDtype dtype, guint n)
{
  return n * steer_dtype_get_block_elements (dtype);
}

static void
test_float64 (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint n = 1; n <= 4; n++)
      {
        const gsize n_rows = (gsize) g_test_rand_int_range (1, 40);
        Weights w;
        Activations x;
        g_autofree float *y = NULL;
        gsize y_stride;

        weights_init (&w, dtypes[d], n_rows, depth_for (dtypes[d], n));
        weights_pack (&w, kernels->panel_rows);
        activations_init (&x, kernels, 1, w.depth);
        y_stride = w.n_panels * w.panel_rows;
        y = poisoned (y_stride + 1);
        kernels->quant[dtypes[d]].gemv (w.panels, w.panel_bytes, w.n_panels, w.depth, &x.rows, 1, y, y_stride);
        check_against_float64 (&w, &x, y, y_stride);
        for (gsize r = n_rows; r < y_stride; r++)
          g_assert_cmpfloat (y[r], ==, 0.0f);
        g_assert_cmpfloat (y[y_stride], ==, POISON);
        weights_clear (&w);
        activations_clear (&x);
      }
}

/* The first of two tables multiplies as the second does, whatever the width of their panels. */
static void
test_same_bits (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const SteerCpuKernels *plain = steer_cpu_kernels_get (STEER_CPU_ISA_PLAIN);

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint n = 1; n <= 5; n += 2)
      {
        const gsize n_rows = 37;
        g_autofree float *y = poisoned (48);
        g_autofree float *expected = poisoned (48);
        Weights w;
        Activations x;

        weights_init (&w, dtypes[d], n_rows, depth_for (dtypes[d], n));
        activations_init (&x, kernels, 1, w.depth);
        weights_pack (&w, kernels->panel_rows);
        kernels->quant[dtypes[d]].gemv (w.panels, w.panel_bytes, w.n_panels, w.depth, &x.rows, 1, y, 48);
        weights_pack (&w, plain->panel_rows);
        plain->quant[dtypes[d]].gemv (w.panels, w.panel_bytes, w.n_panels, w.depth, &x.rows, 1, expected, 48);
        g_assert_cmpmem (y, n_rows * sizeof (float), expected, n_rows * sizeof (float));
        weights_clear (&w);
        activations_clear (&x);
      }
}

static void
test_alone (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const gsize n_rows = 2 * kernels->panel_rows;

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint columns = 2; columns <= STEER_CPU_GEMV_COLUMNS; columns++)
      {
        g_autofree float *together = poisoned (columns * n_rows);
        g_autofree float *alone = poisoned (n_rows);
        Weights w;
        Activations x;

        weights_init (&w, dtypes[d], n_rows, depth_for (dtypes[d], 3));
        weights_pack (&w, kernels->panel_rows);
        activations_init (&x, kernels, columns, w.depth);
        kernels->quant[dtypes[d]].gemv (w.panels, w.panel_bytes, w.n_panels, w.depth, &x.rows, columns, together,
                                        n_rows);
        for (guint c = 0; c < columns; c++)
          {
            SteerCpuQuantRows row = rows_from (x.rows, c, 0);

            for (guint p = 0; p < 2; p++)
              kernels->quant[dtypes[d]].gemv (w.panels + p * w.panel_bytes, w.panel_bytes, 1, w.depth, &row, 1,
                                              alone + p * kernels->panel_rows, n_rows);
            g_assert_cmpmem (together + c * n_rows, n_rows * sizeof (float), alone, n_rows * sizeof (float));
          }
        weights_clear (&w);
        activations_clear (&x);
      }
}

/* All tokens times two panels, in pieces of at most a tile's depth. */
static void
multiply_tiles (const SteerCpuKernels *kernels, const Weights *w, const Activations *x, float *y, gsize y_stride)
{
  const SteerCpuQuantKernels *quant = &kernels->quant[w->dtype];
  gsize bytes = STEER_CPU_EXPANDED_BYTES (kernels->panel_rows);
  g_autofree guint8 *expanded = g_malloc (2 * bytes);

  for (gsize column = 0; column < w->depth; column += STEER_CPU_TILE_DEPTH)
    {
      gsize n_blocks = MIN (STEER_CPU_TILE_DEPTH, w->depth - column) / STEER_CPU_QUANT_BLOCK;
      SteerCpuQuantTile tile = {
        .n_tokens = x->n_tokens,
        .accumulate = column > 0,
        .n_blocks = n_blocks,
        .x = rows_from (x->rows, 0, column / STEER_CPU_QUANT_BLOCK),
        .panels = expanded,
        .panel_bytes = bytes,
        .c = y,
        .c_stride = y_stride,
      };

      for (guint p = 0; p < 2; p++)
        quant->expand (w->panels + p * w->panel_bytes
                         + steer_cpu_packed_get_panel_bytes (w->dtype, kernels->panel_rows, column),
                       n_blocks, expanded + p * bytes);
      quant->tile (&tile);
    }
}

static void
test_tile (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  static const guint counts[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 39 };
  const gsize n_rows = 2 * kernels->panel_rows;

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
      {
        const guint tokens = counts[i];
        g_autofree float *y = poisoned (tokens * (n_rows + 1));
        g_autofree float *expected = poisoned (n_rows);
        Weights w;
        Activations x;

        weights_init (&w, dtypes[d], n_rows, tokens % 2 == 0 ? 768 : 256);
        weights_pack (&w, kernels->panel_rows);
        activations_init (&x, kernels, tokens, w.depth);
        multiply_tiles (kernels, &w, &x, y, n_rows + 1);
        for (guint t = 0; t < tokens; t++)
          {
            SteerCpuQuantRows row = rows_from (x.rows, t, 0);

            kernels->quant[dtypes[d]].gemv (w.panels, w.panel_bytes, 2, w.depth, &row, 1, expected, n_rows);
            g_assert_cmpmem (y + t * (n_rows + 1), n_rows * sizeof (float), expected, n_rows * sizeof (float));
            g_assert_cmpfloat (y[t * (n_rows + 1) + n_rows], ==, POISON);
          }
        weights_clear (&w);
        activations_clear (&x);
      }
}

/* The largest codes and activations there are: what 16-bit sums must hold. */
static void
test_extremes (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const SteerCpuKernels *plain = steer_cpu_kernels_get (STEER_CPU_ISA_PLAIN);
  static const guint8 fills[] = { 0xff, 0x80, 0x7f, 0x00 };

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint f = 0; f < G_N_ELEMENTS (fills); f++)
      {
        const gsize n_rows = 2 * kernels->panel_rows;
        g_autofree float *y = poisoned (n_rows);
        g_autofree float *tiled = poisoned (n_rows);
        g_autofree float *expected = poisoned (n_rows);
        int at, m;
        Weights w;
        Activations x;

        weights_init (&w, dtypes[d], n_rows, 256);
        find_halves (dtypes[d], &at, &m);
        for (gsize i = 0; i < n_rows * w.row_bytes; i++)
          {
            gsize offset = i % steer_dtype_get_block_bytes (dtypes[d]);

            if ((offset - (gsize) at) > 1 && (m < 0 || (offset - (gsize) m) > 1))
              w.stored[i] = fills[f];
          }
        activations_init (&x, kernels, 1, w.depth);
        for (gsize i = 0; i < w.depth; i++)
          x.values[i] = i % 64 < 40 ? 1.0f : -1.0f;
        kernels->quantize (x.values, w.depth, x.bytes, x.words, x.blocks);
        weights_pack (&w, kernels->panel_rows);
        kernels->quant[dtypes[d]].gemv (w.panels, w.panel_bytes, 2, w.depth, &x.rows, 1, y, n_rows);
        multiply_tiles (kernels, &w, &x, tiled, n_rows);
        weights_pack (&w, plain->panel_rows);
        plain->quant[dtypes[d]].gemv (w.panels, w.panel_bytes, w.n_panels, w.depth, &x.rows, 1, expected, n_rows);
        g_assert_cmpmem (y, n_rows * sizeof (float), expected, n_rows * sizeof (float));
        g_assert_cmpmem (tiled, n_rows * sizeof (float), expected, n_rows * sizeof (float));
        weights_clear (&w);
        activations_clear (&x);
      }
}

static void
test_quantize (gconstpointer data)
{
  const SteerCpuKernels *kernels = data;
  const SteerCpuKernels *plain = steer_cpu_kernels_get (STEER_CPU_ISA_PLAIN);
  Activations x, same;

  activations_init (&x, kernels, 1, 32 * 50);
  activations_init (&same, plain, 1, 32 * 50);
  memset (x.values + 64, 0, 32 * sizeof (float));
  kernels->quantize (x.values, x.depth, x.bytes, NULL, x.blocks);
  kernels->quantize (x.values, x.depth, x.bytes, x.words, x.blocks);
  plain->quantize (x.values, x.depth, same.bytes, same.words, same.blocks);
  g_assert_cmpmem (x.bytes, x.depth, same.bytes, x.depth);
  g_assert_cmpmem (x.words, x.depth * sizeof (gint16), same.words, x.depth * sizeof (gint16));
  g_assert_cmpmem (x.blocks, 50 * sizeof *x.blocks, same.blocks, 50 * sizeof *x.blocks);
  for (gsize b = 0; b < 50; b++)
    {
      gint32 sums[2] = { 0, 0 };
      float largest = 0.0f;

      for (gsize i = 0; i < 32; i++)
        {
          double off = (double) x.values[b * 32 + i] - (double) x.blocks[b].scale * x.bytes[b * 32 + i];

          g_assert_cmpfloat (fabs (off), <=, 0.50001 * (double) x.blocks[b].scale);
          g_assert_cmpint (x.words[b * 32 + i], ==, x.bytes[b * 32 + i]);
          sums[i / 16] += x.bytes[b * 32 + i];
          largest = fmaxf (largest, fabsf (x.values[b * 32 + i]));
        }
      g_assert_cmpint (x.blocks[b].sums[0], ==, sums[0]);
      g_assert_cmpint (x.blocks[b].sums[1], ==, sums[1]);
      g_assert_cmpfloat (x.blocks[b].sum, ==, (float) (sums[0] + sums[1]));
      g_assert_cmpfloat (x.blocks[b].scale, ==, largest / 127.0f);
    }
  activations_clear (&x);
  activations_clear (&same);
}

/* The sizes that a file of this type has, or a little more where bits of scales are kept apart. */
static void
test_sizes (void)
{
  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint rows = 4; rows <= 16; rows *= 2)
      {
        gsize packed = steer_cpu_packed_get_panel_bytes (dtypes[d], rows, 4096);
        gsize stored
          = rows * 4096 / steer_dtype_get_block_elements (dtypes[d]) * steer_dtype_get_block_bytes (dtypes[d]);

        g_assert_cmpuint (packed, >=, stored);
        g_assert_cmpfloat ((double) packed, <=, (double) stored * 1.06);
      }
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *sentence;
    GTestDataFunc func;
  } tests[] = {
    { "products equal float64 but for the rounding of activations", test_float64 },
    { "products have the bits of plain C", test_same_bits },
    { "a product has the same bits alone and among others", test_alone },
    { "a tile has the bits of single products", test_tile },
    { "the largest codes and activations do not overflow", test_extremes },
    { "activations are rounded to the nearest of 255 steps a block", test_quantize },
  };
  const SteerCpuKernels *list[CPU_KERNEL_LIST_MAX];
  const char *names[CPU_KERNEL_LIST_MAX];
  guint n;

  g_test_init (&argc, &argv, NULL);
  n = cpu_kernel_list (list, names);
  for (guint k = 0; k < n; k++)
    for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path = g_strdup_printf ("/cpu/quant/%s/%s", names[k], tests[i].sentence);

        g_test_add_data_func (path, list[k], tests[i].func);
      }
  g_test_add_func ("/cpu/quant/packed weights are as small as stored ones", test_sizes);
  return g_test_run ();
}
