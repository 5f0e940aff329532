#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What kernels and cuBLAS like a pointer to be aligned to. */
#define STEER_CUDA_ALIGNMENT 256

/**
 * SteerCudaArena:
 *
 * One block of memory cut into pieces. Everything a context needs is taken twice by the same code: first with no
 * memory, which only counts, so that the sum is known before anything is allocated; then with it. So there is one
 * allocation to fail, and what was promised is what is taken.
 */
typedef struct
{
  guint8 *memory; /* NULL: count only */
  gsize used;
  gboolean overflow; /* a size did not fit into a gsize; `used` means nothing */
} SteerCudaArena;

/* @count elements of @size bytes. NULL when counting. */
gpointer steer_cuda_arena_take (SteerCudaArena *self, gsize count, gsize size);

/* The same for a product of three. */
gpointer steer_cuda_arena_take_rows (SteerCudaArena *self, gsize n_rows, gsize n_columns, gsize size);

G_END_DECLS
