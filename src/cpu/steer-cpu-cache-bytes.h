/* Products of rows of words with a block of keys or values of bytes, written over the vector of steer-cpu-vector.h and
 * the steps of steer-cpu-quant-codes.h and steer-cpu-quant-tile.h.
 *
 * The sums of a group are integers, which no order of operations can change, and one instruction multiplies and adds a
 * pair a lane: where bytes were made floats first, that took longer than reading them. */

#include "steer-cpu-machine.h"

/* What is below it counts as nothing: what it is divided by would overflow. */
#define CACHE_SMALLEST 1e-30f

#define CACHE_WORD_LIMIT 32767.0f

INLINE Vector
v_magnitude (Vector x)
{
  return (Vector) ((VectorInt) x & 0x7fffffff);
}

INLINE float
cache_countable (float largest)
{
  return largest > CACHE_SMALLEST ? largest : 0.0f;
}

/* The largest magnitude. n is a multiple of V_LANES. */
INLINE float
cache_largest (const float *x, gsize n)
{
  Vector most = v_set (0.0f);

  for (gsize i = 0; i < n; i += V_LANES)
    most = v_larger (v_magnitude (v_load (x + i)), most);
  return cache_countable (v_largest (most));
}

/* Words of two vectors, whose products are rounded to nearest even: adding a number whose unit is 1 leaves the integer
 * in the low bits. */
INLINE void
cache_store_words (Vector low, Vector low_factor, Vector high, Vector high_factor, gint16 *words)
{
  const Vector round = v_set (0x1.8p23f);
  VectorInt first = (VectorInt) v_fma (low, low_factor, round) & 0xffff;
  VectorInt second = (VectorInt) ((VectorBits) v_fma (high, high_factor, round) << 16);

  v_store ((float *) (gpointer) words, (Vector) (first | second));
}

static void
cache_query (const float *x, guint n_groups, gint16 *words, float *scales)
{
  const gsize n = STEER_CPU_QUANT_BLOCK;

  for (guint g = 0; g < n_groups; g++, x += n, words += n)
    {
      float largest = cache_largest (x, n);
      Vector factor = v_set (largest > 0.0f ? CACHE_WORD_LIMIT / largest : 0.0f);

      for (gsize i = 0; i < n / 2; i += V_LANES)
        cache_store_words (v_load (x + i), factor, v_load (x + n / 2 + i), factor, words + 2 * i);
      scales[g] = largest / CACHE_WORD_LIMIT;
    }
}

static void
cache_factors (const guint16 *block_scales, guint n_groups, guint n_positions, float *factors, float *scales)
{
  guint16 seen[STEER_CPU_BLOCK] = { 0 };

  for (guint g = 0; g < n_groups; g++, block_scales += STEER_CPU_BLOCK, factors += STEER_CPU_BLOCK)
    {
      const guint16 *from = block_scales;
      Vector parts[STEER_CPU_BLOCK / V_LANES];
      Vector most = v_set (0.0f);
      float largest, factor;

      if (n_positions < STEER_CPU_BLOCK)
        from = memcpy (seen, block_scales, n_positions * sizeof *seen);
      UNROLL
      for (gsize i = 0; i < STEER_CPU_BLOCK / V_LANES; i++)
        {
          parts[i] = v_load_f16 ((const guint8 *) (from + i * V_LANES));
          most = v_larger (v_magnitude (parts[i]), most);
        }
      largest = cache_countable (v_largest (most));
      factor = largest > 0.0f ? CACHE_WORD_LIMIT / largest : 0.0f;
      UNROLL
      for (gsize i = 0; i < STEER_CPU_BLOCK / V_LANES; i++)
        v_store (factors + i * V_LANES, parts[i] * factor);
      scales[g] = largest / CACHE_WORD_LIMIT;
    }
}

/* exp() is taken against the block's own largest score, so that the largest weight is 1 and all words have their bits,
 * and the scale brings them to the maximum so far: of that and of what was summed before, one changes. */
static float
cache_weights (const float *scores,
               const float *factors,
               const float *factor_scales,
               guint n_groups,
               float *max,
               float *sum,
               gint16 *words,
               float *scales)
{
  enum
  {
    N = STEER_CPU_BLOCK / V_LANES
  };
  Vector parts[N];
  Vector most, total;
  float largest, ratio, factor, share;

  UNROLL
  for (gsize i = 0; i < N; i++)
    parts[i] = v_load (scores + i * V_LANES);
  most = parts[0];
  UNROLL
  for (gsize i = 1; i < N; i++)
    most = v_larger (parts[i], most);
  largest = v_largest (most);
  if (largest == -INFINITY)
    {
      memset (words, 0, (gsize) n_groups * STEER_CPU_BLOCK * sizeof *words);
      memset (scales, 0, n_groups * sizeof *scales);
      return 1.0f;
    }
  total = v_set (0.0f);
  UNROLL
  for (gsize i = 0; i < N; i++)
    {
      parts[i] = v_exp_falling (parts[i] - largest);
      total += parts[i];
    }
  ratio = v_exp_falling (v_set (largest > *max ? *max - largest : largest - *max))[0];
  factor = largest > *max ? ratio : 1.0f;
  share = largest > *max ? 1.0f : ratio;
  *max = largest > *max ? largest : *max;
  *sum = *sum * factor + share * v_sum (total);
  for (guint g = 0; g < n_groups; g++, factors += STEER_CPU_BLOCK, words += STEER_CPU_BLOCK)
    {
      UNROLL
      for (gsize i = 0; i < N / 2; i++)
        cache_store_words (parts[i], v_load (factors + i * V_LANES), parts[N / 2 + i],
                           v_load (factors + STEER_CPU_BLOCK / 2 + i * V_LANES), words + 2 * i * V_LANES);
      scales[g] = share * factor_scales[g];
    }
  return factor;
}

/* One group's integers times its scales, onto c or alone. column_scales: [TILE_COLUMNS], or NULL. */
INLINE void
cache_bytes_finish (const guint rows,
                    const SteerCpuCacheBytes *tile,
                    guint group,
                    const guint16 *column_scales,
                    gboolean accumulate,
                    float *c,
                    VectorInt sum[STEER_CPU_CACHE_ROWS][TILE_VECTORS])
{
  Vector columns[TILE_VECTORS];

  UNROLL
  for (guint v = 0; v < TILE_VECTORS; v++)
    columns[v] = column_scales == NULL ? v_set (1.0f) : v_load_f16 ((const guint8 *) (column_scales + v * V_LANES));
  UNROLL
  for (guint r = 0; r < rows; r++)
    {
      Vector scale = v_set (tile->scales[r * tile->n_groups + group]);

      UNROLL
      for (guint v = 0; v < TILE_VECTORS; v++)
        {
          float *to = c + r * tile->c_stride + v * V_LANES;
          Vector both = column_scales == NULL ? scale : scale * columns[v];

          v_store (to, both * q_to_float (sum[r][v]) + (accumulate ? v_load (to) : v_set (0.0f)));
        }
    }
}

/* How far ahead of its use a block is asked for into the first level cache, in bytes. */
#define CACHE_AHEAD 1024

/* A panel: pairs of bytes of 32 columns. */
#define CACHE_PANEL 32

/* A block is read in the order of memory. */
INLINE void
cache_bytes (const guint rows, const SteerCpuCacheBytes *tile, const gboolean keys, const guint n_pairs)
{
  const guint n_panels = keys ? STEER_CPU_BLOCK / CACHE_PANEL : 1; /* of a group */
  const guint group_words = keys ? STEER_CPU_QUANT_BLOCK : STEER_CPU_BLOCK;
  const gsize scale_bytes = STEER_CPU_BLOCK * sizeof (guint16); /* of a group */
  const guint16 *scales = (gconstpointer) tile->block;
  const gint8 *bytes = (gconstpointer) (tile->block + tile->n_groups * scale_bytes);
  const guint8 *next_scales = tile->next;
  const guint8 *next = tile->next + tile->n_groups * scale_bytes;

  for (guint panel = 0; panel < tile->n_groups * n_panels; panel++)
    {
      const guint g = panel / n_panels;

      for (gsize i = 0; i < scale_bytes / n_panels; i += STEER_CPU_CACHE_LINE, next_scales += STEER_CPU_CACHE_LINE)
        __builtin_prefetch (next_scales, 0, STEER_CPU_CACHE_LOCALITY);
      for (guint j = 0; j < CACHE_PANEL; j += TILE_COLUMNS)
        {
          const guint column = panel * CACHE_PANEL + j;
          const gint8 *b = bytes + (gsize) panel * group_words * CACHE_PANEL + 2 * j;
          VectorInt sum[STEER_CPU_CACHE_ROWS][TILE_VECTORS];

          UNROLL
          for (guint r = 0; r < rows; r++)
            UNROLL
          for (guint v = 0; v < TILE_VECTORS; v++)
            sum[r][v] = q_set (0);
          for (guint k = 0; k < n_pairs; k++, b += 2 * CACHE_PANEL, next += 2 * TILE_COLUMNS)
            {
              VectorBits right[TILE_VECTORS];

              __builtin_prefetch (b + CACHE_AHEAD);
              __builtin_prefetch (next, 0, STEER_CPU_CACHE_LOCALITY);
              UNROLL
              for (guint v = 0; v < TILE_VECTORS; v++)
                right[v] = v_load_words (b + 2 * v * V_LANES);
              UNROLL
              for (guint r = 0; r < rows; r++)
                {
                  VectorInt left = q_set (q_load_quad (tile->words + (r * tile->n_groups + g) * group_words + 2 * k));

                  UNROLL
                  for (guint v = 0; v < TILE_VECTORS; v++)
                    {
                      sum[r][v] = q_add_words (sum[r][v], right[v], left);
                      Q_KEEP (sum[r][v]);
                    }
                }
            }
          cache_bytes_finish (rows, tile, g, keys ? scales + column : NULL, !keys || g > 0,
                              tile->c + (keys ? column % STEER_CPU_BLOCK : column), sum);
        }
    }
}

INLINE void
cache_bytes_rows (const guint rows, const SteerCpuCacheBytes tile, const gboolean keys)
{
  if (keys)
    cache_bytes (rows, &tile, TRUE, STEER_CPU_QUANT_BLOCK / 2);
  else
    cache_bytes (rows, &tile, FALSE, MIN (tile.n_positions, STEER_CPU_BLOCK / 2));
}

#define CACHE_BYTES_CASE(keys, rows)                                                                                   \
  case rows:                                                                                                           \
    if (rows <= TILE_ROWS)                                                                                             \
      cache_bytes_rows (MIN (rows, TILE_ROWS), *tile, keys);                                                           \
    break;

#define DEFINE_CACHE_BYTES(suffix, keys)                                                                               \
  static void cache_bytes_##suffix (const SteerCpuCacheBytes *tile)                                                    \
  {                                                                                                                    \
    switch (tile->n_rows)                                                                                              \
      {                                                                                                                \
        CACHE_BYTES_CASE (keys, 1)                                                                                     \
        CACHE_BYTES_CASE (keys, 2)                                                                                     \
        CACHE_BYTES_CASE (keys, 3)                                                                                     \
        CACHE_BYTES_CASE (keys, 4)                                                                                     \
        CACHE_BYTES_CASE (keys, 5)                                                                                     \
        CACHE_BYTES_CASE (keys, 6)                                                                                     \
        CACHE_BYTES_CASE (keys, 7)                                                                                     \
        CACHE_BYTES_CASE (keys, 8)                                                                                     \
      default:                                                                                                         \
        break;                                                                                                         \
      }                                                                                                                \
  }

DEFINE_CACHE_BYTES (keys, TRUE)
DEFINE_CACHE_BYTES (values, FALSE)

#define CACHE_BYTES_KERNELS                                                                                            \
  {                                                                                                                    \
    cache_query, cache_factors, cache_weights, cache_bytes_keys, cache_bytes_values                                    \
  }
