#pragma once

#include "steer-cpu-context.h"

G_BEGIN_DECLS

/* What attention does with one block of the cache, for one head of keys and values: scores, softmax, weighted values.
 * How depends on the cache's type. */

typedef struct
{
  guint layer;
  guint slot;
  guint block;
  guint kv_head;
} SteerCpuCacheBlock;

/* After scratch->query was set: makes what the cache's type needs of it. */
void steer_cpu_cache_load_query (const SteerCpuContext *self, guint n_rows, SteerCpuScratch *scratch);

/* scratch->scores [n_rows, STEER_CPU_TILE_STRIDE], the first STEER_CPU_BLOCK of each row, = scratch->query times the
 * keys of @place. Those of @next, where they are likely wanted next, are asked for meanwhile. */
void steer_cpu_cache_score (const SteerCpuContext *self,
                            const SteerCpuCacheBlock *place,
                            const SteerCpuCacheBlock *next,
                            guint n_rows,
                            SteerCpuScratch *scratch);

/* One block of an online softmax of scratch->scores: out, the partial results [n_rows, span_stride], += the weights
 * times the values of @place. The rows are the heads of a group for one token after another, the first of which is at
 * @position; scores of positions that a token does not see are -INFINITY. */
void steer_cpu_cache_weigh (const SteerCpuContext *self,
                            const SteerCpuCacheBlock *place,
                            const SteerCpuCacheBlock *next,
                            guint n_rows,
                            guint position,
                            SteerCpuScratch *scratch,
                            float *out);

G_END_DECLS
