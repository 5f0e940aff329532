/* Products of a few rows with keys or values as the cache has them, written over the vector of steer-cpu-vector.h.
 * Unpacking a block first would pay only for more rows. */

#include "steer-cpu-machine.h"

/* In the order of operations of tile_rows(). */
INLINE void
cache_tile_rows (const gboolean half, const guint rows, const SteerCpuCacheTile tile)
{
  Vector sum[STEER_CPU_CACHE_ROWS][TILE_VECTORS];
  const gsize size = half ? sizeof (guint16) : sizeof (float);

  UNROLL
  for (guint r = 0; r < rows; r++)
    UNROLL
  for (guint v = 0; v < TILE_VECTORS; v++)
    sum[r][v] = tile.accumulate ? v_load (tile.c + r * tile.c_stride + v * V_LANES) : v_set (0.0f);

  for (gsize i = 0; i < tile.depth; i++)
    {
      Vector right[TILE_VECTORS];

      for (gsize line = 0; line < size * TILE_COLUMNS; line += STEER_CPU_CACHE_LINE)
        __builtin_prefetch (tile.next + i * size * TILE_COLUMNS + line, 0, STEER_CPU_CACHE_LOCALITY);
      UNROLL
      for (guint v = 0; v < TILE_VECTORS; v++)
        {
          const guint8 *p = tile.b + (i * tile.b_stride + v * V_LANES) * size;

          right[v] = half ? v_load_f16 (p) : v_load_bytes (p);
        }
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

#define CACHE_CASE(half, rows)                                                                                         \
  case rows:                                                                                                           \
    if (rows <= TILE_ROWS)                                                                                             \
      cache_tile_rows (half, MIN (rows, TILE_ROWS), *tile);                                                            \
    break;

#define DEFINE_CACHE_TILE(suffix, half)                                                                                \
  static void cache_tile_##suffix (const SteerCpuCacheTile *tile)                                                      \
  {                                                                                                                    \
    switch (tile->n_rows)                                                                                              \
      {                                                                                                                \
        CACHE_CASE (half, 1)                                                                                           \
        CACHE_CASE (half, 2)                                                                                           \
        CACHE_CASE (half, 3)                                                                                           \
        CACHE_CASE (half, 4)                                                                                           \
        CACHE_CASE (half, 5)                                                                                           \
        CACHE_CASE (half, 6)                                                                                           \
        CACHE_CASE (half, 7)                                                                                           \
        CACHE_CASE (half, 8)                                                                                           \
      default:                                                                                                         \
        break;                                                                                                         \
      }                                                                                                                \
  }

DEFINE_CACHE_TILE (f16, TRUE)
DEFINE_CACHE_TILE (f32, FALSE)

G_STATIC_ASSERT (STEER_CPU_CACHE_ROWS == 8);
