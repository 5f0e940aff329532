#include "steer-cpu-cache-product.h"

#include <string.h>

#include "steer-cpu-machine.h"
#include "steer-cpu-work.h"

static const guint8 *
get_keys (const SteerCpuContext *self, const SteerCpuCacheBlock *place)
{
  return steer_cpu_cache_get_keys (&self->cache, place->layer, place->slot, place->block, place->kv_head);
}

static const guint8 *
get_values (const SteerCpuContext *self, const SteerCpuCacheBlock *place)
{
  return steer_cpu_cache_get_values (&self->cache, place->layer, place->slot, place->block, place->kv_head);
}

/* Rows of attention: the heads of a group for one token after another. */
typedef struct
{
  guint n;
  guint group;
  guint position; /* of the first token */
  guint block;    /* the block of the cache that they meet */
} Rows;

/* Positions of the block up to the row's own. */
static guint
get_n_visible (const Rows *self, guint row)
{
  guint end = self->position + row / self->group + 1;
  guint start = self->block * STEER_CPU_BLOCK;

  return end <= start ? 0 : MIN (end - start, STEER_CPU_BLOCK);
}

static gboolean
is_bytes (const SteerCpuContext *self)
{
  return self->cache.dtype == STEER_DTYPE_Q8_0;
}

/* The rows of one call for a block as it is stored, at most. */
static guint
get_most_rows (const SteerCpuContext *self)
{
  return MIN (STEER_CPU_CACHE_ROWS, self->kernels->tile_rows);
}

/* Few rows of floats are multiplied with a block as it is, more with a block that was unpacked. */
static gboolean
takes_stored (const SteerCpuContext *self, guint n_rows)
{
  return n_rows <= get_most_rows (self) && self->cache.head_dim % self->kernels->tile_columns == 0;
}

/* scores: [n_rows, STEER_CPU_TILE_STRIDE] */
static void
score_stored (const SteerCpuContext *self,
              guint n_rows,
              const guint8 *keys,
              const guint8 *next,
              SteerCpuScratch *scratch)
{
  const SteerCpuKernels *kernels = self->kernels;
  gsize size = steer_dtype_get_block_bytes (self->cache.dtype);

  for (gsize j = 0; j < STEER_CPU_BLOCK; j += kernels->tile_columns)
    {
      SteerCpuCacheTile tile = {
        .n_rows = n_rows,
        .depth = self->cache.head_dim,
        .a = scratch->query,
        .b = keys + j * size,
        .b_stride = STEER_CPU_BLOCK,
        .c = scratch->scores + j,
        .c_stride = STEER_CPU_TILE_STRIDE,
        .next = next + j * size * self->cache.head_dim,
      };

      if (self->cache.dtype == STEER_DTYPE_F16)
        kernels->cache_tile_f16 (&tile);
      else
        kernels->cache_tile_f32 (&tile);
    }
}

/* Onto rows, [n_rows, span_stride]. */
static void
weigh_stored (const SteerCpuContext *self,
              guint n_rows,
              const guint8 *values,
              const guint8 *next,
              guint n_positions,
              SteerCpuScratch *scratch,
              float *rows)
{
  const SteerCpuCache *cache = &self->cache;
  const SteerCpuKernels *kernels = self->kernels;
  gsize size = steer_dtype_get_block_bytes (cache->dtype);

  for (gsize j = 0; j < cache->head_dim; j += kernels->tile_columns)
    {
      SteerCpuCacheTile tile = {
        .n_rows = n_rows,
        .depth = n_positions,
        .a = scratch->scores,
        .b = values + j * size,
        .b_stride = cache->head_dim,
        .c = rows + j,
        .c_stride = self->work.span_stride,
        .accumulate = TRUE,
        .next = next + j * size * STEER_CPU_BLOCK,
      };

      if (cache->dtype == STEER_DTYPE_F16)
        kernels->cache_tile_f16 (&tile);
      else
        kernels->cache_tile_f32 (&tile);
    }
}

static void
score_bytes (const SteerCpuContext *self,
             guint n_rows,
             const guint8 *keys,
             const guint8 *next,
             SteerCpuScratch *scratch)
{
  const SteerCpuCache *cache = &self->cache;
  guint most = get_most_rows (self);

  for (guint r = 0; r < n_rows; r += most)
    {
      SteerCpuCacheBytes tile = {
        .n_rows = MIN (most, n_rows - r),
        .n_groups = cache->n_groups,
        .words = scratch->query_words + (gsize) r * cache->n_groups * STEER_CPU_QUANT_BLOCK,
        .scales = scratch->query_scales + (gsize) r * cache->n_groups,
        .block = keys,
        .c = scratch->scores + (gsize) r * STEER_CPU_TILE_STRIDE,
        .c_stride = STEER_CPU_TILE_STRIDE,
        .next = r == 0 ? next : keys,
      };

      self->kernels->cache_bytes.keys (&tile);
    }
}

/* What was summed up under the maximum before, brought to the one now. */
static void
scale_row (const SteerCpuContext *self, float factor, float *row)
{
  if (factor != 1.0f)
    self->kernels->scale (row, self->work.head_stride, factor);
}

/* The values' scales go into the words. Of positions that a row does not see nothing may be taken, not even how large
 * the largest scale is: they may have been written, or not. */
static void
weigh_bytes (const SteerCpuContext *self,
             const Rows *rows,
             const guint8 *values,
             const guint8 *next,
             SteerCpuScratch *scratch,
             float *out)
{
  const SteerCpuCache *cache = &self->cache;
  const SteerCpuWork *work = &self->work;
  const SteerCpuCacheBytesKernels *kernels = &self->kernels->cache_bytes;
  guint most = get_most_rows (self);
  float factor_scales[STEER_CPU_MAX_HEAD_DIM / STEER_CPU_QUANT_BLOCK];
  guint n_positions = G_MAXUINT; /* of the factors */

  for (guint r = 0; r < rows->n; r += most)
    {
      SteerCpuCacheBytes tile = {
        .n_rows = MIN (most, rows->n - r),
        .n_groups = cache->n_groups,
        .n_positions = get_n_visible (rows, rows->n - 1),
        .words = scratch->score_words,
        .scales = scratch->score_scales,
        .block = values,
        .c = out + r * work->span_stride,
        .c_stride = work->span_stride,
        .next = r == 0 ? next : values,
      };

      for (guint i = 0; i < tile.n_rows; i++)
        {
          float *row = tile.c + i * work->span_stride;

          if (get_n_visible (rows, r + i) != n_positions)
            {
              n_positions = get_n_visible (rows, r + i);
              kernels->factors ((const guint16 *) (gconstpointer) values, cache->n_groups, n_positions, scratch->values,
                                factor_scales);
            }
          scale_row (self,
                     kernels->weights (scratch->scores + (gsize) (r + i) * STEER_CPU_TILE_STRIDE, scratch->values,
                                       factor_scales, cache->n_groups, steer_cpu_work_row_max (work, row),
                                       steer_cpu_work_row_sum (work, row),
                                       scratch->score_words + (gsize) i * cache->n_groups * STEER_CPU_BLOCK,
                                       scratch->score_scales + (gsize) i * cache->n_groups),
                     row);
        }
      kernels->values (&tile);
    }
}

/* A block of keys or values of floats as the right operand of tiles. */

static const float *
unpack_keys (const SteerCpuContext *self, const guint8 *keys, float *room)
{
  const SteerCpuCache *cache = &self->cache;

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

  if (n == stride)
    {
      self->kernels->weights[cache->dtype].expand (values, n * n_positions, room);
      return room;
    }
  for (guint i = 0; i < n_positions; i++)
    {
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
steer_cpu_cache_load_query (const SteerCpuContext *self, guint n_rows, SteerCpuScratch *scratch)
{
  const SteerCpuCache *cache = &self->cache;
  gsize n = (gsize) cache->n_groups * STEER_CPU_QUANT_BLOCK;

  if (!is_bytes (self))
    return;
  for (guint r = 0; r < n_rows; r++)
    {
      float *row = scratch->query + (gsize) r * STEER_CPU_TILE_STRIDE;

      memset (row + cache->head_dim, 0, (n - cache->head_dim) * sizeof (float));
      self->kernels->cache_bytes.query (row, cache->n_groups, scratch->query_words + r * n,
                                        scratch->query_scales + (gsize) r * cache->n_groups);
    }
}

void
steer_cpu_cache_score (const SteerCpuContext *self,
                       const SteerCpuCacheBlock *place,
                       const SteerCpuCacheBlock *next,
                       guint n_rows,
                       SteerCpuScratch *scratch)
{
  const guint8 *keys = get_keys (self, place);

  if (is_bytes (self))
    score_bytes (self, n_rows, keys, get_keys (self, next), scratch);
  else if (takes_stored (self, n_rows))
    score_stored (self, n_rows, keys, get_keys (self, next), scratch);
  else
    multiply (self->kernels, n_rows, self->cache.head_dim, STEER_CPU_BLOCK, scratch->query,
              unpack_keys (self, keys, scratch->keys), STEER_CPU_BLOCK, scratch->scores, STEER_CPU_TILE_STRIDE, FALSE);
}

void
steer_cpu_cache_weigh (const SteerCpuContext *self,
                       const SteerCpuCacheBlock *place,
                       const SteerCpuCacheBlock *next,
                       guint n_rows,
                       guint position,
                       SteerCpuScratch *scratch,
                       float *out)
{
  const Rows rows = { n_rows, self->config->n_heads / self->config->n_kv_heads, position, place->block };
  const guint8 *values = get_values (self, place);
  gsize stride = self->work.head_stride;
  guint n_positions;

  if (is_bytes (self))
    {
      weigh_bytes (self, &rows, values, get_values (self, next), scratch, out);
      return;
    }
  for (guint r = 0; r < n_rows; r++)
    {
      float *row = out + r * self->work.span_stride;

      scale_row (self,
                 self->kernels->softmax_block (scratch->scores + (gsize) r * STEER_CPU_TILE_STRIDE, STEER_CPU_BLOCK,
                                               steer_cpu_work_row_max (&self->work, row),
                                               steer_cpu_work_row_sum (&self->work, row)),
                 row);
    }
  /* Positions that were never written may hold anything, and 0 times anything need not be 0. */
  n_positions = get_n_visible (&rows, n_rows - 1);
  if (takes_stored (self, n_rows))
    weigh_stored (self, n_rows, values, get_values (self, next), n_positions, scratch, out);
  else
    multiply (self->kernels, n_rows, n_positions, stride, scratch->scores,
              unpack_values (self, values, n_positions, scratch->values), stride, out, self->work.span_stride, TRUE);
}
