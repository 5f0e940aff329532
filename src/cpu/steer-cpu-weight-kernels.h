/* Products with weights, written over the vector of steer-cpu-vector.h. */
#include "steer-cpu-machine.h"

/* Rows of weights that one pass over the activations takes; each is a stream of its own for the prefetcher. */
#define GEMV_ROWS 4

/* How far ahead of its use a row of weights is asked for, in bytes: more than a page's worth of the streams together,
 * because the hardware's own prefetcher stops at the end of a page. */
#define GEMV_PREFETCH 1024

/* The same where rows are packed for tiles: as many streams as a panel has rows, so each one may be shorter. */
#define PACK_PREFETCH 512

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

INLINE gsize
gemv_span (SteerDtype dtype,
           const guint rows,
           const guint columns,
           const guint8 *w,
           gsize row_bytes,
           gsize first,
           gsize end,
           gsize ahead,
           const float *x,
           gsize x_stride,
           Vector sum[GEMV_ROWS][STEER_CPU_GEMV_COLUMNS])
{
  gsize i;

  for (i = first; i + V_LANES <= end; i += V_LANES)
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

          __builtin_prefetch (p + ahead);
          UNROLL
          for (guint c = 0; c < columns; c++)
            sum[r][c] = v_fma (weights, part[c], sum[r][c]);
        }
    }
  return i;
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
  gsize prefetched = GEMV_PREFETCH / element_bytes (dtype);
  gsize i;

  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
  for (guint c = 0; c < columns; c++)
    sum[r][c] = v_set (0.0f);

  /* Behind the end of a row lies the next, which is under way already; the row to ask for comes after the block. */
  i = gemv_span (dtype, rows, columns, w, row_bytes, 0, depth > prefetched ? depth - prefetched : 0, GEMV_PREFETCH, x,
                 x_stride, sum);
  i = gemv_span (dtype, rows, columns, w, row_bytes, i, depth, GEMV_PREFETCH + (rows - 1) * row_bytes, x, x_stride,
                 sum);
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
pack_block (SteerDtype dtype,
            const guint8 *w,
            gsize row_bytes,
            gsize n_rows,
            gsize first,
            gsize i,
            gsize count,
            float *panel)
{
  Vector rows[V_LANES];

  UNROLL
  for (gsize r = 0; r < V_LANES; r++)
    rows[r] = pack_load (dtype, w, row_bytes, n_rows, first + r, i, count);
  v_transpose (rows);
  for (gsize j = 0; j < count; j++)
    v_store (panel + (i + j) * TILE_COLUMNS + first, rows[j]);
}

/* Two neighbouring BF16 elements are moved as one, which halves the work of transposing, and parted afterwards. */
INLINE void
pack_pairs_block (const guint8 *w, gsize row_bytes, gsize n_rows, gsize first, gsize i, float *panel)
{
  Vector rows[V_LANES];

  UNROLL
  for (gsize r = 0; r < V_LANES; r++)
    {
      const guint8 *p = w + (first + r) * row_bytes + i * sizeof (guint16);

      rows[r] = first + r < n_rows ? v_load_bytes (p) : v_set (0.0f);
      __builtin_prefetch (p + PACK_PREFETCH);
    }
  v_transpose (rows);
  UNROLL
  for (gsize j = 0; j < V_LANES; j++)
    {
      float *to = panel + (i + 2 * j) * TILE_COLUMNS + first;

      v_store (to, (Vector) ((VectorInt) rows[j] << 16));
      v_store (to + TILE_COLUMNS, (Vector) ((VectorInt) rows[j] & (gint32) 0xffff0000));
    }
}

INLINE void
pack_any (SteerDtype dtype, const guint8 *w, gsize row_bytes, gsize n_rows, gsize depth, float *panel)
{
  gsize i = 0;

  for (; dtype == STEER_DTYPE_BF16 && i + 2 * V_LANES <= depth; i += 2 * V_LANES)
    for (gsize first = 0; first < TILE_COLUMNS; first += V_LANES)
      pack_pairs_block (w, row_bytes, n_rows, first, i, panel);
  for (; i < depth; i += V_LANES)
    for (gsize first = 0; first < TILE_COLUMNS; first += V_LANES)
      pack_block (dtype, w, row_bytes, n_rows, first, i, MIN (V_LANES, depth - i), panel);
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

/* All sums of a tile stay in registers while the panel streams by. Behind its rows lie those of the next tile, which
 * are asked for meanwhile, a line a step: too many streams, each too short, for the hardware's prefetcher. */
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
  const guint8 *next = (const guint8 *) (a + (gsize) rows * STEER_CPU_TILE_STRIDE);

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
      __builtin_prefetch (next + i * STEER_CPU_CACHE_LINE);
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
