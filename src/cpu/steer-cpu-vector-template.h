/* The kernels of one instruction set, written once over a vector of floats. It is no header in the usual sense: a file
 * that includes it has defined, for its instruction set,
 *
 *   V_BYTES, TILE_ROWS, TILE_VECTORS       size of a vector, shape of a tile (TILE_VECTORS vectors wide)
 *   Vector                                 float vector of V_BYTES
 *   v_set (x)                              x in every lane
 *   v_fma (a, b, c)                        a * b + c; fused or not, but always the same
 *   v_sum (v), v_largest (v)               over the lanes, the upper half onto the lower until one is left
 *   v_load_bf16 (p), v_load_f16 (p)        V_LANES elements at any address, as float
 *   v_transpose (rows)                     transposes [V_LANES] vectors in place
 *   v_store_f16 (p, v)                     rounds to nearest even
 *   KERNELS_SYMBOL, KERNELS_ISA, KERNELS_NAME
 */

#include <math.h>
#include <string.h>

#define V_LANES (V_BYTES / 4)
#define TILE_COLUMNS (TILE_VECTORS * V_LANES)

/* Rows of weights that one pass over the activations takes; each is a stream of its own for the prefetcher. */
#define GEMV_ROWS 4

/* How far ahead of its use a row of weights is asked for, in bytes: more than a page's worth of the streams together,
 * because the hardware's own prefetcher stops at the end of a page. */
#define GEMV_PREFETCH 1024

#define INLINE static inline __attribute__ ((always_inline))
#ifdef __clang__
#define UNROLL _Pragma ("unroll")
#else
#define UNROLL _Pragma ("GCC unroll 16")
#endif

typedef gint32 VectorInt __attribute__ ((vector_size (V_BYTES)));
typedef float VectorAny __attribute__ ((vector_size (V_BYTES), aligned (1), may_alias));

INLINE Vector
v_load_bytes (gconstpointer p)
{
  return (Vector) * (const VectorAny *) p;
}

INLINE Vector
v_load (const float *p)
{
  return v_load_bytes (p);
}

INLINE void
v_store (float *p, Vector v)
{
  *(VectorAny *) (gpointer) p = (VectorAny) v;
}

/* The first @n lanes; the others are zero. */
INLINE Vector
v_load_some (const float *p, gsize n)
{
  float lanes[V_LANES] = { 0.0f };

  memcpy (lanes, p, n * sizeof (float));
  return v_load (lanes);
}

INLINE void
v_store_some (float *p, Vector v, gsize n)
{
  float lanes[V_LANES];

  v_store (lanes, v);
  memcpy (p, lanes, n * sizeof (float));
}

/* Where @mask is all ones, @a, else @b. */
INLINE Vector
v_choose (VectorInt mask, Vector a, Vector b)
{
  return (Vector) (((VectorInt) a & mask) | ((VectorInt) b & ~mask));
}

/* exp(x) to about one unit in the last place: 2^n * exp(r) with |r| <= ln(2)/2 and the polynomial of Cephes' expf.
 * Below the smallest normal number 0, so that a masked score of -INFINITY counts exactly nothing. */
INLINE Vector
v_exp (Vector x)
{
  const Vector round = v_set (0x1.8p23f); /* adding it leaves the nearest integer in the low bits */
  const Vector lowest = v_set (-87.33654f);
  const Vector highest = v_set (88.37626f);
  VectorInt too_low = (VectorInt) (x < lowest);
  VectorInt too_high = (VectorInt) (x > highest);
  Vector clamped = v_choose (too_low, lowest, v_choose (too_high, highest, x));
  Vector shifted = v_fma (clamped, v_set (1.44269504f), round);
  Vector n = shifted - round;
  Vector r = v_fma (n, v_set (-0.693359375f), clamped);
  VectorInt exponent = ((VectorInt) shifted - (VectorInt) round + 127) << 23;
  Vector p;

  r = v_fma (n, v_set (2.12194440e-4f), r);
  p = v_fma (v_set (1.9875691500e-4f), r, v_set (1.3981999507e-3f));
  p = v_fma (p, r, v_set (8.3334519073e-3f));
  p = v_fma (p, r, v_set (4.1665795894e-2f));
  p = v_fma (p, r, v_set (1.6666665459e-1f));
  p = v_fma (p, r, v_set (5.0000001201e-1f));
  p = v_fma (p * r, r, r) + 1.0f;
  return (Vector) ((VectorInt) (p * (Vector) exponent) & ~too_low);
}

INLINE gsize
element_bytes (SteerDtype dtype)
{
  return dtype == STEER_DTYPE_F32 ? 4 : 2;
}

INLINE Vector
v_load_weights (SteerDtype dtype, const guint8 *p)
{
  switch (dtype)
    {
    case STEER_DTYPE_BF16:
      return v_load_bf16 (p);
    case STEER_DTYPE_F16:
      return v_load_f16 (p);
    default:
      return v_load_bytes (p);
    }
}

INLINE Vector
v_load_some_weights (SteerDtype dtype, const guint8 *p, gsize n)
{
  guint8 bytes[V_LANES * 4] = { 0 };

  memcpy (bytes, p, n * element_bytes (dtype));
  return v_load_weights (dtype, bytes);
}

/* One running sum a row and column, so that neither the number of rows nor of columns in a call shows in a result. */
INLINE void
gemv_block (SteerDtype dtype,
            const guint rows,
            const guint columns,
            const guint8 *w,
            gsize row_bytes,
            gsize depth,
            const float *x,
            gsize x_stride,
            float *y,
            gsize y_stride)
{
  Vector sum[GEMV_ROWS][STEER_CPU_GEMV_COLUMNS];
  gsize i;

  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
  for (guint c = 0; c < columns; c++)
    sum[r][c] = v_set (0.0f);

  for (i = 0; i + V_LANES <= depth; i += V_LANES)
    {
      Vector part[STEER_CPU_GEMV_COLUMNS];

      UNROLL
      for (guint c = 0; c < columns; c++)
        part[c] = v_load (x + c * x_stride + i);
      UNROLL
      for (guint r = 0; r < rows; r++)
        {
          const guint8 *p = w + r * row_bytes + i * element_bytes (dtype);
          Vector weights = v_load_weights (dtype, p);

          __builtin_prefetch (p + GEMV_PREFETCH);
          UNROLL
          for (guint c = 0; c < columns; c++)
            sum[r][c] = v_fma (weights, part[c], sum[r][c]);
        }
    }
  if (i < depth)
    {
      gsize rest = depth - i;

      UNROLL
      for (guint r = 0; r < rows; r++)
        UNROLL
      for (guint c = 0; c < columns; c++)
        sum[r][c] = v_fma (v_load_some_weights (dtype, w + r * row_bytes + i * element_bytes (dtype), rest),
                           v_load_some (x + c * x_stride + i, rest), sum[r][c]);
    }
  for (guint r = 0; r < rows; r++)
    for (guint c = 0; c < columns; c++)
      y[c * y_stride + r] = v_sum (sum[r][c]);
}

INLINE void
gemv_columns (SteerDtype dtype,
              const guint columns,
              const guint8 *w,
              gsize row_bytes,
              gsize n_rows,
              gsize depth,
              const float *x,
              gsize x_stride,
              float *y,
              gsize y_stride)
{
  gsize r = 0;

  for (; r + GEMV_ROWS <= n_rows; r += GEMV_ROWS)
    gemv_block (dtype, GEMV_ROWS, columns, w + r * row_bytes, row_bytes, depth, x, x_stride, y + r, y_stride);
  for (; r < n_rows; r++)
    gemv_block (dtype, 1, columns, w + r * row_bytes, row_bytes, depth, x, x_stride, y + r, y_stride);
}

INLINE void
gemv_any (SteerDtype dtype,
          const guint8 *w,
          gsize row_bytes,
          gsize n_rows,
          gsize depth,
          const float *x,
          gsize x_stride,
          guint n_columns,
          float *y,
          gsize y_stride)
{
  switch (n_columns)
    {
    case 1:
      gemv_columns (dtype, 1, w, row_bytes, n_rows, depth, x, x_stride, y, y_stride);
      break;
    case 2:
      gemv_columns (dtype, 2, w, row_bytes, n_rows, depth, x, x_stride, y, y_stride);
      break;
    case 3:
      gemv_columns (dtype, 3, w, row_bytes, n_rows, depth, x, x_stride, y, y_stride);
      break;
    default:
      gemv_columns (dtype, 4, w, row_bytes, n_rows, depth, x, x_stride, y, y_stride);
      break;
    }
}

INLINE Vector
pack_load (SteerDtype dtype, const guint8 *w, gsize row_bytes, gsize n_rows, gsize r, gsize i, gsize count)
{
  const guint8 *p = w + r * row_bytes + i * element_bytes (dtype);

  if (r >= n_rows)
    return v_set (0.0f);
  return count == V_LANES ? v_load_weights (dtype, p) : v_load_some_weights (dtype, p, count);
}

INLINE void
pack_any (SteerDtype dtype, const guint8 *w, gsize row_bytes, gsize n_rows, gsize depth, float *panel)
{
  for (gsize i = 0; i < depth; i += V_LANES)
    for (gsize first = 0; first < TILE_COLUMNS; first += V_LANES)
      {
        gsize count = MIN (V_LANES, depth - i);
        Vector rows[V_LANES];

        UNROLL
        for (gsize r = 0; r < V_LANES; r++)
          rows[r] = pack_load (dtype, w, row_bytes, n_rows, first + r, i, count);
        v_transpose (rows);
        for (gsize j = 0; j < count; j++)
          v_store (panel + (i + j) * TILE_COLUMNS + first, rows[j]);
      }
}

INLINE void
expand_any (SteerDtype dtype, const guint8 *w, gsize n, float *out)
{
  gsize i = 0;

  for (; i + V_LANES <= n; i += V_LANES)
    {
      __builtin_prefetch (w + i * element_bytes (dtype) + GEMV_PREFETCH);
      v_store (out + i, v_load_weights (dtype, w + i * element_bytes (dtype)));
    }
  if (i < n)
    v_store_some (out + i, v_load_some_weights (dtype, w + i * element_bytes (dtype), n - i), n - i);
}

#define DEFINE_WEIGHT_KERNELS(suffix, dtype)                                                                           \
  static void gemv_##suffix (const guint8 *w, gsize row_bytes, gsize n_rows, gsize depth, const float *x,              \
                             gsize x_stride, guint n_columns, float *y, gsize y_stride)                                \
  {                                                                                                                    \
    gemv_any (dtype, w, row_bytes, n_rows, depth, x, x_stride, n_columns, y, y_stride);                                \
  }                                                                                                                    \
  static void pack_##suffix (const guint8 *w, gsize row_bytes, gsize n_rows, gsize depth, float *panel)                \
  {                                                                                                                    \
    pack_any (dtype, w, row_bytes, n_rows, depth, panel);                                                              \
  }                                                                                                                    \
  static void expand_##suffix (const guint8 *w, gsize n, float *out)                                                   \
  {                                                                                                                    \
    expand_any (dtype, w, n, out);                                                                                     \
  }

DEFINE_WEIGHT_KERNELS (f32, STEER_DTYPE_F32)
DEFINE_WEIGHT_KERNELS (bf16, STEER_DTYPE_BF16)
DEFINE_WEIGHT_KERNELS (f16, STEER_DTYPE_F16)

/* All sums of a tile stay in registers while the panel streams by. */
INLINE void
tile_rows (const guint rows,
           gsize depth,
           const float *a,
           const float *b,
           gsize b_stride,
           float *c,
           gsize c_stride,
           gboolean accumulate)
{
  Vector sum[TILE_ROWS][TILE_VECTORS];

  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
  for (guint v = 0; v < TILE_VECTORS; v++)
    sum[r][v] = accumulate ? v_load (c + r * c_stride + v * V_LANES) : v_set (0.0f);

  for (gsize i = 0; i < depth; i++)
    {
      Vector right[TILE_VECTORS];

      UNROLL
      for (guint v = 0; v < TILE_VECTORS; v++)
        right[v] = v_load (b + v * V_LANES);
      UNROLL
      for (guint r = 0; r < rows; r++)
        {
          Vector left = v_set (a[r * STEER_CPU_TILE_STRIDE + i]);

          UNROLL
          for (guint v = 0; v < TILE_VECTORS; v++)
            sum[r][v] = v_fma (left, right[v], sum[r][v]);
        }
      b += b_stride;
    }

  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
  for (guint v = 0; v < TILE_VECTORS; v++)
    v_store (c + r * c_stride + v * V_LANES, sum[r][v]);
}

#define TILE_CASE(rows)                                                                                                \
  case rows:                                                                                                           \
    if (rows <= TILE_ROWS)                                                                                             \
      tile_rows (MIN (rows, TILE_ROWS), depth, a, b, b_stride, c, c_stride, accumulate);                               \
    break;

static void
tile (guint n_rows,
      gsize depth,
      const float *a,
      const float *b,
      gsize b_stride,
      float *c,
      gsize c_stride,
      gboolean accumulate)
{
  switch (n_rows)
    {
      TILE_CASE (1)
      TILE_CASE (2)
      TILE_CASE (3)
      TILE_CASE (4)
      TILE_CASE (5)
      TILE_CASE (6)
      TILE_CASE (7)
      TILE_CASE (8)
      TILE_CASE (9)
      TILE_CASE (10)
      TILE_CASE (11)
      TILE_CASE (12)
      TILE_CASE (13)
      TILE_CASE (14)
    default:
      break;
    }
}

static void
rms_norm (const float *x, const float *weight, gsize n, float eps, float *out)
{
  Vector squares[2] = { v_set (0.0f), v_set (0.0f) };
  gsize i = 0;
  float factor;

  for (; i + 2 * V_LANES <= n; i += 2 * V_LANES)
    {
      Vector first = v_load (x + i);
      Vector second = v_load (x + i + V_LANES);

      squares[0] = v_fma (first, first, squares[0]);
      squares[1] = v_fma (second, second, squares[1]);
    }
  for (; i < n; i += V_LANES)
    {
      Vector rest = v_load_some (x + i, MIN (V_LANES, n - i));

      squares[0] = v_fma (rest, rest, squares[0]);
    }
  factor = 1.0f / sqrtf (v_sum (squares[0] + squares[1]) / (float) n + eps);
  for (i = 0; i < n; i++)
    out[i] = weight[i] * (x[i] * factor);
}

static void
rope (float *x, const float *cosine, const float *sine, gsize n)
{
  gsize half = n / 2;
  float *low = x;
  float *high = x + half;

  for (gsize i = 0; i < half; i++)
    {
      float a = low[i];
      float b = high[i];

      low[i] = a * cosine[i] - b * sine[i];
      high[i] = b * cosine[i] + a * sine[i];
    }
}

static void
silu_mul (const float *gate, const float *up, gsize n, float *out)
{
  for (gsize i = 0; i < n; i += V_LANES)
    {
      gsize count = MIN (V_LANES, n - i);
      Vector g = count == V_LANES ? v_load (gate + i) : v_load_some (gate + i, count);
      Vector u = count == V_LANES ? v_load (up + i) : v_load_some (up + i, count);
      Vector y = g / (1.0f + v_exp (-g)) * u;

      if (count == V_LANES)
        v_store (out + i, y);
      else
        v_store_some (out + i, y, count);
    }
}

static float
softmax_block (float *scores, gsize n, float *max, float *sum)
{
  Vector most = v_set (-INFINITY);
  Vector total = v_set (0.0f);
  float new_max, factor;

  for (gsize i = 0; i < n; i += V_LANES)
    {
      Vector s = v_load (scores + i);

      most = v_choose ((VectorInt) (s > most), s, most);
    }
  new_max = v_largest (most);
  new_max = new_max > *max ? new_max : *max;
  if (new_max == -INFINITY)
    {
      memset (scores, 0, n * sizeof (float));
      return 1.0f;
    }
  for (gsize i = 0; i < n; i += V_LANES)
    {
      Vector p = v_exp (v_load (scores + i) - new_max);

      v_store (scores + i, p);
      total += p;
    }
  factor = *max == new_max ? 1.0f : *max == -INFINITY ? 0.0f : expf (*max - new_max);
  *max = new_max;
  *sum = *sum * factor + v_sum (total);
  return factor;
}

static void
scale (float *x, gsize n, float factor)
{
  for (gsize i = 0; i < n; i++)
    x[i] *= factor;
}

static void
axpy (float a, const float *x, gsize n, float *y)
{
  for (gsize i = 0; i < n; i++)
    y[i] += a * x[i];
}

#define DOT_LANES 16

static double
dot (const float *x, const float *y, gsize n)
{
  double sum[DOT_LANES] = { 0.0 };
  gsize i = 0;

  for (; i + DOT_LANES <= n; i += DOT_LANES)
    for (guint j = 0; j < DOT_LANES; j++)
      sum[j] += (double) x[i + j] * (double) y[i + j];
  for (guint j = 0; i + j < n; j++)
    sum[j] += (double) x[i + j] * (double) y[i + j];
  for (guint half = DOT_LANES / 2; half > 0; half /= 2)
    for (guint j = 0; j < half; j++)
      sum[j] += sum[j + half];
  return sum[0];
}

static gsize
argmax (const float *x, gsize n)
{
  Vector most = v_set (-INFINITY);
  gsize i = 0;
  float max;

  for (; i + V_LANES <= n; i += V_LANES)
    {
      Vector v = v_load (x + i);

      most = v_choose ((VectorInt) (v > most), v, most);
    }
  max = v_largest (most);
  for (; i < n; i++)
    max = x[i] > max ? x[i] : max;
  for (i = 0; i < n; i++)
    if (x[i] == max)
      return i;
  return 0;
}

static void
narrow_f16 (const float *x, gsize n, guint16 *out)
{
  gsize i = 0;

  for (; i + V_LANES <= n; i += V_LANES)
    v_store_f16 (out + i, v_load (x + i));
  if (i < n)
    {
      guint16 lanes[V_LANES];

      v_store_f16 (lanes, v_load_some (x + i, n - i));
      memcpy (out + i, lanes, (n - i) * sizeof (guint16));
    }
}

const SteerCpuKernels KERNELS_SYMBOL = {
  .isa = KERNELS_ISA,
  .name = KERNELS_NAME,
  .tile_rows = TILE_ROWS,
  .tile_columns = TILE_COLUMNS,
  .weights = {
    [STEER_DTYPE_F32] = { gemv_f32, pack_f32, expand_f32 },
    [STEER_DTYPE_BF16] = { gemv_bf16, pack_bf16, expand_bf16 },
    [STEER_DTYPE_F16] = { gemv_f16, pack_f16, expand_f16 },
  },
  .tile = tile,
  .rms_norm = rms_norm,
  .rope = rope,
  .silu_mul = silu_mul,
  .softmax_block = softmax_block,
  .scale = scale,
  .axpy = axpy,
  .dot = dot,
  .argmax = argmax,
  .narrow_f16 = narrow_f16,
};

G_STATIC_ASSERT (TILE_ROWS <= STEER_CPU_MAX_TILE_ROWS);
G_STATIC_ASSERT (STEER_CPU_MAX_TILE_COLUMNS % TILE_COLUMNS == 0);
