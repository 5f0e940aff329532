/* Products of rows of words with a block of keys or values of bytes, written over the vector of steer-cpu-vector.h and
 * the steps of steer-cpu-quant-codes.h and steer-cpu-quant-tile.h.
 *
 * The sums of a group are integers, which no order of operations can change, and one instruction multiplies and adds a
 * pair a lane: where bytes were made floats first, that took longer than reading them. */

/* What is below it counts as nothing: what it is divided by would overflow. */
#define CACHE_SMALLEST 1e-30f

#define CACHE_WORD_LIMIT 32767.0f

/* The largest magnitude. n is a multiple of V_LANES. */
INLINE float
cache_largest (const float *x, gsize n)
{
  Vector most = v_set (0.0f);
  float largest;

  for (gsize i = 0; i < n; i += V_LANES)
    {
      Vector magnitude = (Vector) ((VectorInt) v_load (x + i) & 0x7fffffff);

      most = v_larger (magnitude, most);
    }
  largest = v_largest (most);
  return largest > CACHE_SMALLEST ? largest : 0.0f;
}

/* Words of two vectors, whose products are rounded to nearest even: adding a number whose unit is 1 leaves the integer
 * in the low bits. */
INLINE void
cache_store_words (Vector low, Vector low_factor, Vector high, Vector high_factor, gint16 *words)
{
  const Vector round = v_set (0x1.8p23f);
  VectorInt first = (VectorInt) (low * low_factor + round) & 0xffff;
  VectorInt second = (VectorInt) ((VectorBits) (high * high_factor + round) << 16);

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
cache_factors (float *factors, guint n_groups, float *scales)
{
  for (guint g = 0; g < n_groups; g++, factors += STEER_CPU_BLOCK)
    {
      float largest = cache_largest (factors, STEER_CPU_BLOCK);
      Vector factor = v_set (largest > 0.0f ? CACHE_WORD_LIMIT / largest : 0.0f);

      for (gsize i = 0; i < STEER_CPU_BLOCK; i += V_LANES)
        v_store (factors + i, v_load (factors + i) * factor);
      scales[g] = largest / CACHE_WORD_LIMIT;
    }
}

static void
cache_weights (const float *x,
               const float *factors,
               const float *factor_scales,
               guint n_groups,
               gint16 *words,
               float *scales)
{
  float largest = cache_largest (x, STEER_CPU_BLOCK);
  Vector factor = v_set (largest > 0.0f ? 1.0f / largest : 0.0f);
  Vector parts[STEER_CPU_BLOCK / V_LANES];

  UNROLL
  for (gsize i = 0; i < STEER_CPU_BLOCK / V_LANES; i++)
    parts[i] = v_load (x + i * V_LANES) * factor;
  for (guint g = 0; g < n_groups; g++, factors += STEER_CPU_BLOCK, words += STEER_CPU_BLOCK)
    {
      UNROLL
      for (gsize i = 0; i < STEER_CPU_BLOCK / 2 / V_LANES; i++)
        cache_store_words (parts[i], v_load (factors + i * V_LANES), parts[STEER_CPU_BLOCK / 2 / V_LANES + i],
                           v_load (factors + STEER_CPU_BLOCK / 2 + i * V_LANES), words + 2 * i * V_LANES);
      scales[g] = largest * factor_scales[g];
    }
}

/* One group's integers times its scales, onto c or alone. column_scales: [TILE_COLUMNS], or NULL. */
INLINE void
cache_bytes_finish (const guint rows,
                    const SteerCpuCacheBytes *tile,
                    guint group,
                    const float *column_scales,
                    gboolean accumulate,
                    float *c,
                    VectorInt sum[STEER_CPU_CACHE_ROWS][TILE_VECTORS])
{
  UNROLL
  for (guint r = 0; r < rows; r++)
    {
      Vector scale = v_set (tile->scales[r * tile->n_groups + group]);

      UNROLL
      for (guint v = 0; v < TILE_VECTORS; v++)
        {
          float *to = c + r * tile->c_stride + v * V_LANES;
          Vector both = column_scales == NULL ? scale : scale * v_load (column_scales + v * V_LANES);

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
  const guint8 *next = tile->next;

  for (guint panel = 0; panel < tile->n_groups * n_panels; panel++)
    for (guint j = 0; j < CACHE_PANEL; j += TILE_COLUMNS)
      {
        const guint g = panel / n_panels;
        const guint column = panel * CACHE_PANEL + j;
        const gint8 *b = tile->block + (gsize) panel * group_words * CACHE_PANEL + 2 * j;
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
        cache_bytes_finish (rows, tile, g, keys ? tile->column_scales + column : NULL, !keys || g > 0,
                            tile->c + (keys ? column % STEER_CPU_BLOCK : column), sum);
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
