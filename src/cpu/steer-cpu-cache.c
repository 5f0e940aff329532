#include "steer-cpu-cache.h"

#include <math.h>
#include <string.h>

#include "steer-cpu-memory.h"

/* Elements that share a scale in Q8_0. */
#define GROUP 32

gboolean
steer_cpu_cache_measure (SteerCpuCache *self,
                         SteerDtype dtype,
                         guint n_layers,
                         guint n_slots,
                         guint n_context,
                         guint n_kv_heads,
                         guint head_dim)
{
  memset (self, 0, sizeof *self);
  self->dtype = dtype;
  self->n_layers = n_layers;
  self->n_slots = n_slots;
  self->n_blocks = n_context / STEER_CPU_BLOCK + (n_context % STEER_CPU_BLOCK != 0);
  self->n_kv_heads = n_kv_heads;
  self->head_dim = head_dim;
  self->n_groups = head_dim / GROUP + (head_dim % GROUP != 0);
  self->block_bytes = steer_dtype_get_block_bytes (dtype) * STEER_CPU_BLOCK;
  return g_size_checked_mul (&self->block_bytes, self->block_bytes,
                             dtype == STEER_DTYPE_Q8_0 ? self->n_groups : head_dim)
         && g_size_checked_mul (&self->n_bytes, self->block_bytes, 2)
         && g_size_checked_mul (&self->n_bytes, self->n_bytes, n_kv_heads)
         && g_size_checked_mul (&self->n_bytes, self->n_bytes, self->n_blocks)
         && g_size_checked_mul (&self->n_bytes, self->n_bytes, n_slots)
         && g_size_checked_mul (&self->n_bytes, self->n_bytes, n_layers) && self->n_bytes <= G_MAXSSIZE;
}

gboolean
steer_cpu_cache_allocate (SteerCpuCache *self)
{
  /* Attention reads all of it for each token; with small pages, finding them takes up to a tenth of that time. */
  self->data = steer_cpu_memory_reserve_large (self->n_bytes);
  return self->data != NULL;
}

void
steer_cpu_cache_clear (SteerCpuCache *self)
{
  steer_cpu_memory_release (self->data, self->n_bytes);
  self->data = NULL;
}

static guint8 *
get_block (const SteerCpuCache *self, guint layer, guint slot, guint block, guint kv_head)
{
  const guint n = STEER_CPU_SPAN / STEER_CPU_BLOCK;
  guint first = block / n * n; /* of the span; the last span may be shorter */
  guint n_span = MIN (n, self->n_blocks - first);
  gsize index = ((gsize) layer * self->n_slots + slot) * self->n_blocks * self->n_kv_heads
                + (gsize) first * self->n_kv_heads + (gsize) kv_head * n_span + (block - first);

  return self->data + index * 2 * self->block_bytes;
}

const guint8 *
steer_cpu_cache_get_keys (const SteerCpuCache *self, guint layer, guint slot, guint block, guint kv_head)
{
  return get_block (self, layer, slot, block, kv_head);
}

const guint8 *
steer_cpu_cache_get_values (const SteerCpuCache *self, guint layer, guint slot, guint block, guint kv_head)
{
  return get_block (self, layer, slot, block, kv_head) + self->block_bytes;
}

/* Q8_0: where a block's bytes begin, behind its scales. */
static gsize
get_bytes_offset (const SteerCpuCache *self)
{
  return (gsize) self->n_groups * STEER_CPU_BLOCK * sizeof (guint16);
}

/* Where element @i of a position's key lies, and of its value. */
static gsize
get_key_byte (guint i, guint column)
{
  gsize panel = i / GROUP * (STEER_CPU_BLOCK / GROUP) + column / GROUP;
  gsize pair = panel * (GROUP / 2) + i % (GROUP / 2);

  return (pair * GROUP + column % GROUP) * 2 + i % GROUP / (GROUP / 2);
}

static gsize
get_value_byte (guint i, guint column)
{
  gsize pair = i / GROUP * (STEER_CPU_BLOCK / 2) + column % (STEER_CPU_BLOCK / 2);

  return (pair * GROUP + i % GROUP) * 2 + column / (STEER_CPU_BLOCK / 2);
}

/* Quantises one head's vector. scales[group * STEER_CPU_BLOCK] are written. */
static void
write_q8_0 (const float *x, guint n, gint8 *out, guint16 *scales)
{
  for (guint first = 0; first < n; first += GROUP)
    {
      guint count = MIN (GROUP, n - first);
      float largest = 0.0f;
      float factor;
      guint16 half;

      for (guint i = first; i < first + count; i++)
        largest = MAX (largest, fabsf (x[i]));
      half = steer_f32_to_f16 (largest / 127.0f);
      scales[first / GROUP * STEER_CPU_BLOCK] = half;
      /* By the scale as it was rounded. */
      factor = half != 0 ? 1.0f / steer_f16_to_f32 (half) : 0.0f;
      for (guint i = first; i < first + count; i++)
        out[i] = (gint8) CLAMP (lrintf (x[i] * factor), -127, 127);
    }
}

void
steer_cpu_cache_write (SteerCpuCache *self,
                       const SteerCpuKernels *kernels,
                       guint layer,
                       guint slot,
                       guint position,
                       guint kv_head,
                       const float *key,
                       const float *value)
{
  guint8 *keys = get_block (self, layer, slot, position / STEER_CPU_BLOCK, kv_head);
  guint8 *values = keys + self->block_bytes;
  guint column = position % STEER_CPU_BLOCK;
  guint n = self->head_dim;

  if (self->dtype == STEER_DTYPE_Q8_0)
    {
      gint8 bytes[2 * STEER_CPU_MAX_HEAD_DIM]; /* key, value */

      write_q8_0 (key, n, bytes, (guint16 *) (gpointer) keys + column);
      write_q8_0 (value, n, bytes + n, (guint16 *) (gpointer) values + column);
      keys += get_bytes_offset (self);
      values += get_bytes_offset (self);
      for (guint i = 0; i < n; i++)
        {
          keys[get_key_byte (i, column)] = (guint8) bytes[i];
          values[get_value_byte (i, column)] = (guint8) bytes[n + i];
        }
    }
  else if (self->dtype == STEER_DTYPE_F16)
    {
      guint16 narrow[STEER_CPU_MAX_HEAD_DIM];
      guint16 *k = (gpointer) keys;

      kernels->narrow_f16 (value, n, (guint16 *) (gpointer) values + (gsize) column * n);
      kernels->narrow_f16 (key, n, narrow);
      for (guint i = 0; i < n; i++)
        k[(gsize) i * STEER_CPU_BLOCK + column] = narrow[i];
    }
  else
    {
      float *k = (gpointer) keys;

      memcpy ((float *) (gpointer) values + (gsize) column * n, value, n * sizeof (float));
      for (guint i = 0; i < n; i++)
        k[(gsize) i * STEER_CPU_BLOCK + column] = key[i];
    }
}
