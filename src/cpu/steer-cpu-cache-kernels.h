/* Products of a few rows with keys or values as the cache has them, written over the vector of steer-cpu-vector.h.
 * Unpacking a block first would pay only for more rows. */

typedef enum
{
  CACHE_F16,
  CACHE_KEYS,   /* bytes; a scale a column and 32 rows */
  CACHE_VALUES, /* bytes; a scale a row */
} CacheKind;

/* What lies ahead is asked for into the second level cache. */
#define CACHE_LOCALITY 2

INLINE Vector
cache_load (const CacheKind kind, const SteerCpuCacheTile *tile, gsize i, guint v, const Vector *scales)
{
  gsize index = i * tile->b_stride + v * V_LANES;

  if (kind == CACHE_F16)
    return v_load_f16 (tile->b + index * sizeof (guint16));
  return __builtin_convertvector(v_load_i8 ((const gint8 *) tile->b + index), Vector) * scales[v];
}

INLINE void
cache_load_scales (const CacheKind kind, const SteerCpuCacheTile *tile, gsize i, Vector *scales)
{
  UNROLL
  for (guint v = 0; v < TILE_VECTORS; v++)
    if (kind == CACHE_VALUES)
      scales[v] = v_set (tile->scales[i * tile->scale_stride]);
    else if (kind == CACHE_KEYS && i % STEER_CPU_QUANT_BLOCK == 0)
      scales[v] = v_load (tile->scales + i / STEER_CPU_QUANT_BLOCK * tile->scale_stride + v * V_LANES);
}

/* In the order of operations of tile_rows(). */
INLINE void
cache_tile_rows (const CacheKind kind, const guint rows, const SteerCpuCacheTile tile)
{
  Vector sum[STEER_CPU_CACHE_ROWS][TILE_VECTORS];
  Vector scales[TILE_VECTORS];

  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
  for (guint v = 0; v < TILE_VECTORS; v++)
    sum[r][v] = tile.accumulate ? v_load (tile.c + r * tile.c_stride + v * V_LANES) : v_set (0.0f);

  for (gsize i = 0; i < tile.depth; i++)
    {
      Vector right[TILE_VECTORS];

      __builtin_prefetch (tile.next + i * (kind == CACHE_F16 ? 2 : 1) * TILE_COLUMNS, 0, CACHE_LOCALITY);
      cache_load_scales (kind, &tile, i, scales);
      UNROLL
      for (guint v = 0; v < TILE_VECTORS; v++)
        right[v] = cache_load (kind, &tile, i, v, scales);
      UNROLL
      for (guint r = 0; r < rows; r++)
        {
          Vector left = v_set (tile.a[r * STEER_CPU_TILE_STRIDE + i]);

          UNROLL
          for (guint v = 0; v < TILE_VECTORS; v++)
            sum[r][v] = v_fma (left, right[v], sum[r][v]);
        }
    }

  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
  for (guint v = 0; v < TILE_VECTORS; v++)
    v_store (tile.c + r * tile.c_stride + v * V_LANES, sum[r][v]);
}

#define CACHE_CASE(kind, rows)                                                                                         \
  case rows:                                                                                                           \
    if (rows <= TILE_ROWS)                                                                                             \
      cache_tile_rows (kind, MIN (rows, TILE_ROWS), *tile);                                                            \
    break;

#define DEFINE_CACHE_TILE(suffix, kind)                                                                                \
  static void cache_tile_##suffix (const SteerCpuCacheTile *tile)                                                      \
  {                                                                                                                    \
    switch (tile->n_rows)                                                                                              \
      {                                                                                                                \
        CACHE_CASE (kind, 1)                                                                                           \
        CACHE_CASE (kind, 2)                                                                                           \
        CACHE_CASE (kind, 3)                                                                                           \
        CACHE_CASE (kind, 4)                                                                                           \
        CACHE_CASE (kind, 5)                                                                                           \
        CACHE_CASE (kind, 6)                                                                                           \
        CACHE_CASE (kind, 7)                                                                                           \
        CACHE_CASE (kind, 8)                                                                                           \
      default:                                                                                                         \
        break;                                                                                                         \
      }                                                                                                                \
  }

DEFINE_CACHE_TILE (f16, CACHE_F16)
DEFINE_CACHE_TILE (keys, CACHE_KEYS)
DEFINE_CACHE_TILE (values, CACHE_VALUES)

G_STATIC_ASSERT (STEER_CPU_CACHE_ROWS == 8);
