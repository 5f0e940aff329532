#include "steer-cpu-cache-product.h"

#include <string.h>

/* Few rows are multiplied with a block as it is, more with a block that was unpacked. */
static gboolean
takes_stored (const SteerCpuContext *self, guint n_rows)
{
  return self->cache.dtype != STEER_DTYPE_F32 && n_rows <= MIN (STEER_CPU_CACHE_ROWS, self->kernels->tile_rows)
         && self->cache.head_dim % self->kernels->tile_columns == 0;
}

/* The scales of a block of Q8_0 as floats: keys [n_groups, STEER_CPU_BLOCK], values [STEER_CPU_BLOCK, n_groups]. */
static const float *
read_scales (const SteerCpuContext *self, const guint8 *block, float *room)
{
  const SteerCpuCache *cache = &self->cache;

  if (cache->dtype == STEER_DTYPE_Q8_0)
    self->kernels->weights[STEER_DTYPE_F16].expand ((const guint8 *) steer_cpu_cache_get_scales (cache, block),
                                                    (gsize) cache->n_groups * STEER_CPU_BLOCK, room);
  return room;
}

/* scores: [n_rows, STEER_CPU_TILE_STRIDE]. The block's values lie behind its keys, and are asked for meanwhile. */
static void
score_stored (const SteerCpuContext *self, guint n_rows, const guint8 *keys, SteerCpuScratch *scratch)
{
  const SteerCpuKernels *kernels = self->kernels;
  gboolean bytes = self->cache.dtype == STEER_DTYPE_Q8_0;
  gsize size = bytes ? sizeof (gint8) : sizeof (guint16);
  const float *scales = read_scales (self, keys, scratch->keys);

  for (gsize j = 0; j < STEER_CPU_BLOCK; j += kernels->tile_columns)
    {
      SteerCpuCacheTile tile = {
        .n_rows = n_rows,
        .depth = self->cache.head_dim,
        .a = scratch->query,
        .b = keys + j * size,
        .b_stride = STEER_CPU_BLOCK,
        .scales = scales + j,
        .scale_stride = STEER_CPU_BLOCK,
        .c = scratch->scores + j,
        .c_stride = STEER_CPU_TILE_STRIDE,
        .next = keys + self->cache.block_bytes + j * size * self->cache.head_dim,
      };

      if (bytes)
        kernels->cache_tile_keys (&tile);
      else
        kernels->cache_tile_f16 (&tile);
    }
}

/* Onto rows, [n_rows, head_stride + 2]. The next block's keys are asked for meanwhile. */
static void
weigh_stored (const SteerCpuContext *self,
              guint n_rows,
              const guint8 *values,
              guint n_positions,
              SteerCpuScratch *scratch,
              float *rows)
{
  const SteerCpuCache *cache = &self->cache;
  const SteerCpuKernels *kernels = self->kernels;
  gboolean bytes = cache->dtype == STEER_DTYPE_Q8_0;
  gsize size = bytes ? sizeof (gint8) : sizeof (guint16);
  const float *scales = read_scales (self, values, scratch->values);
  const guint8 *next = values + (2 * (gsize) cache->n_kv_heads - 1) * cache->block_bytes;

  for (gsize j = 0; j < cache->head_dim; j += kernels->tile_columns)
    {
      SteerCpuCacheTile tile = {
        .n_rows = n_rows,
        .depth = n_positions,
        .a = scratch->scores,
        .b = values + j * size,
        .b_stride = bytes ? (gsize) cache->n_groups * STEER_CPU_QUANT_BLOCK : cache->head_dim,
        .scales = scales + j / STEER_CPU_QUANT_BLOCK,
        .scale_stride = cache->n_groups,
        .c = rows + j,
        .c_stride = self->work.head_stride + 2,
        .accumulate = TRUE,
        .next = next + j * size * STEER_CPU_BLOCK,
      };

      if (bytes)
        kernels->cache_tile_values (&tile);
      else
        kernels->cache_tile_f16 (&tile);
    }
}

/* A block of keys or values as the right operand of tiles. F32 is copied too: tiles walk down columns, and reading
 * memory in its own order once is faster than walking it so. */

/* Q8_0: a block of keys, [head_dim, STEER_CPU_BLOCK]. */
static void
expand_keys (const SteerCpuContext *self, const guint8 *block, float *room)
{
  const SteerCpuCache *cache = &self->cache;
  const guint16 *scales = steer_cpu_cache_get_scales (cache, block);
  float factors[STEER_CPU_BLOCK];

  for (guint i = 0; i < cache->head_dim; i++)
    {
      if (i % STEER_CPU_QUANT_BLOCK == 0)
        self->kernels->weights[STEER_DTYPE_F16].expand (
          (const guint8 *) (scales + i / STEER_CPU_QUANT_BLOCK * STEER_CPU_BLOCK), STEER_CPU_BLOCK, factors);
      self->kernels->scale_bytes ((const gint8 *) block + (gsize) i * STEER_CPU_BLOCK, factors, STEER_CPU_BLOCK,
                                  room + (gsize) i * STEER_CPU_BLOCK);
    }
}

/* Q8_0: one position's values, [head_dim]. */
static void
expand_values (const SteerCpuContext *self, const guint8 *block, guint position, float *room)
{
  const SteerCpuCache *cache = &self->cache;
  const guint16 *scales = steer_cpu_cache_get_scales (cache, block) + (gsize) position * cache->n_groups;
  const gint8 *bytes = (const gint8 *) block + (gsize) position * cache->n_groups * STEER_CPU_QUANT_BLOCK;
  float factors[STEER_CPU_QUANT_BLOCK];

  for (guint first = 0; first < cache->head_dim; first += STEER_CPU_QUANT_BLOCK)
    {
      float factor = steer_f16_to_f32 (scales[first / STEER_CPU_QUANT_BLOCK]);

      for (guint i = 0; i < STEER_CPU_QUANT_BLOCK; i++)
        factors[i] = factor;
      self->kernels->scale_bytes (bytes + first, factors, MIN (STEER_CPU_QUANT_BLOCK, cache->head_dim - first),
                                  room + first);
    }
}

static const float *
unpack_keys (const SteerCpuContext *self, const guint8 *keys, float *room)
{
  const SteerCpuCache *cache = &self->cache;

  if (cache->dtype == STEER_DTYPE_Q8_0)
    expand_keys (self, keys, room);
  else
    self->kernels->weights[cache->dtype].expand (keys, (gsize) cache->head_dim * STEER_CPU_BLOCK, room);
  return room;
}

static const float *
unpack_values (const SteerCpuContext *self, const guint8 *values, guint n_positions, float *room)
{
  const SteerCpuCache *cache = &self->cache;
  gsize stride = self->work.head_stride;
  gsize n = cache->head_dim;
  gsize row_bytes = n * steer_dtype_get_block_bytes (cache->dtype);

  if (n == stride && cache->dtype != STEER_DTYPE_Q8_0)
    {
      self->kernels->weights[cache->dtype].expand (values, n * n_positions, room);
      return room;
    }
  for (guint i = 0; i < n_positions; i++)
    {
      if (cache->dtype == STEER_DTYPE_Q8_0)
        expand_values (self, values, i, room + i * stride);
      else
        self->kernels->weights[cache->dtype].expand (values + i * row_bytes, n, room + i * stride);
      memset (room + i * stride + n, 0, (stride - n) * sizeof (float));
    }
  return room;
}

/* c[rows, columns] (+)= a[rows, depth] b[depth, columns] */
static void
multiply (const SteerCpuKernels *kernels,
          guint n_rows,
          gsize depth,
          gsize n_columns,
          const float *a,
          const float *b,
          gsize b_stride,
          float *c,
          gsize c_stride,
          gboolean accumulate)
{
  guint n_groups = (n_rows + kernels->tile_rows - 1) / kernels->tile_rows;

  for (guint group = 0; group < n_groups; group++)
    {
      guint r = group * n_rows / n_groups;
      guint n = (group + 1) * n_rows / n_groups - r;

      for (gsize j = 0; j < n_columns; j += kernels->tile_columns)
        kernels->tile (n, depth, a + (gsize) r * STEER_CPU_TILE_STRIDE, b + j, b_stride, c + r * c_stride + j, c_stride,
                       accumulate);
    }
}

void
steer_cpu_cache_score (const SteerCpuContext *self, SteerCpuCacheBlock place, guint n_rows, SteerCpuScratch *scratch)
{
  const guint8 *keys = steer_cpu_cache_get_keys (&self->cache, place.layer, place.slot, place.block, place.kv_head);

  if (takes_stored (self, n_rows))
    score_stored (self, n_rows, keys, scratch);
  else
    multiply (self->kernels, n_rows, self->cache.head_dim, STEER_CPU_BLOCK, scratch->query,
              unpack_keys (self, keys, scratch->keys), STEER_CPU_BLOCK, scratch->scores, STEER_CPU_TILE_STRIDE, FALSE);
}

void
steer_cpu_cache_weigh (const SteerCpuContext *self,
                       SteerCpuCacheBlock place,
                       guint n_rows,
                       guint n_positions,
                       SteerCpuScratch *scratch,
                       float *rows)
{
  const guint8 *values = steer_cpu_cache_get_values (&self->cache, place.layer, place.slot, place.block, place.kv_head);
  gsize stride = self->work.head_stride;

  if (takes_stored (self, n_rows))
    weigh_stored (self, n_rows, values, n_positions, scratch, rows);
  else
    multiply (self->kernels, n_rows, n_positions, stride, scratch->scores,
              unpack_values (self, values, n_positions, scratch->values), stride, rows, stride + 2, TRUE);
}
