#include "steer-cuda-arena.h"

gpointer
steer_cuda_arena_take (SteerCudaArena *self, gsize count, gsize size)
{
  gsize first = self->used;
  gsize n_bytes;

  if (!g_size_checked_mul (&n_bytes, count, size) || !g_size_checked_add (&n_bytes, n_bytes, STEER_CUDA_ALIGNMENT - 1)
      || !g_size_checked_add (&self->used, first, n_bytes / STEER_CUDA_ALIGNMENT * STEER_CUDA_ALIGNMENT))
    {
      self->overflow = TRUE;
      return NULL;
    }
  return self->memory != NULL ? self->memory + first : NULL;
}

gpointer
steer_cuda_arena_take_rows (SteerCudaArena *self, gsize n_rows, gsize n_columns, gsize size)
{
  gsize row;

  if (g_size_checked_mul (&row, n_columns, size))
    return steer_cuda_arena_take (self, n_rows, row);
  self->overflow = TRUE;
  return NULL;
}
