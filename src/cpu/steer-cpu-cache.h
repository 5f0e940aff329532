#pragma once

#include "steer-cpu-limits.h"

G_BEGIN_DECLS

/**
 * SteerCpuCache:
 *
 * Keys and values of all layers and slots, [n_layers, n_slots, n_blocks / span, n_kv_heads, span] pairs of blocks,
 * where a span is STEER_CPU_SPAN positions, and the last one what is left: what attention reads for one head at a time
 * is contiguous, and no page, which may be a large one, is taken before a position in it, or in its span, is written. A
 * block of keys is stored transposed, [head_dim, STEER_CPU_BLOCK], because scores are then computed for all its
 * positions at once; a block of values is [STEER_CPU_BLOCK, head_dim].
 *
 * In Q8_0, groups of 32 elements of a head's key or value share a scale, and a head is made up to whole groups. The
 * block's scales come first, as F16 [n_groups, STEER_CPU_BLOCK], so that they are asked for along with the end of the
 * block before. Then come its bytes, in panels of 32 columns, two that a product sums up beside each other: keys
 * [n_groups, STEER_CPU_BLOCK / 32, 16, 32, 2], elements i and i + 16 of a group for 32 positions, and values
 * [n_groups, STEER_CPU_BLOCK / 2, 32, 2], positions i and i + STEER_CPU_BLOCK / 2 for a group's elements.
 */
typedef struct
{
  SteerDtype dtype; /* F16, F32 or Q8_0 */
  guint n_layers;
  guint n_slots;
  guint n_blocks;
  guint n_kv_heads;
  guint head_dim;
  guint n_groups;    /* of a head, in Q8_0 */
  gsize block_bytes; /* of one head's keys, or of its values */
  gsize n_bytes;
  guint8 *data; /* [n_bytes], owned */
} SteerCpuCache;

/* Sets everything but data. FALSE when the size overflows. */
gboolean steer_cpu_cache_measure (SteerCpuCache *self,
                                  SteerDtype dtype,
                                  guint n_layers,
                                  guint n_slots,
                                  guint n_context,
                                  guint n_kv_heads,
                                  guint head_dim);

/* After measuring. FALSE when the memory cannot be had. */
gboolean steer_cpu_cache_allocate (SteerCpuCache *self);
void steer_cpu_cache_clear (SteerCpuCache *self);

const guint8 *steer_cpu_cache_get_keys (const SteerCpuCache *self, guint layer, guint slot, guint block, guint kv_head);
const guint8 *
steer_cpu_cache_get_values (const SteerCpuCache *self, guint layer, guint slot, guint block, guint kv_head);

/* key, value: [head_dim] */
void steer_cpu_cache_write (SteerCpuCache *self,
                            const SteerCpuKernels *kernels,
                            guint layer,
                            guint slot,
                            guint position,
                            guint kv_head,
                            const float *key,
                            const float *value);

G_END_DECLS
