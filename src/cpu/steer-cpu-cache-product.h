#pragma once

#include "steer-cpu-context.h"

G_BEGIN_DECLS

/* Products of attention's rows with one block of the cache, for one head of keys and values. */

typedef struct
{
  guint layer;
  guint slot;
  guint block;
  guint kv_head;
} SteerCpuCacheBlock;

/* scratch->scores [n_rows, STEER_CPU_TILE_STRIDE], the first STEER_CPU_BLOCK of each row, = scratch->query times the
 * block's keys. */
void
steer_cpu_cache_score (const SteerCpuContext *self, SteerCpuCacheBlock place, guint n_rows, SteerCpuScratch *scratch);

/* rows [n_rows, head_stride + 2], but for the last two of each row, += scratch->scores times the values of the block's
 * first @n_positions. */
void steer_cpu_cache_weigh (const SteerCpuContext *self,
                            SteerCpuCacheBlock place,
                            guint n_rows,
                            guint n_positions,
                            SteerCpuScratch *scratch,
                            float *rows);

G_END_DECLS
