#pragma once

#include "steer-encoder.h"

G_BEGIN_DECLS

/* A feature as a library of steering vectors keeps it. What is 0 or NULL is not known and not written. */
typedef struct
{
  guint layer;
  guint64 index;
  const char *label; /* nullable */
  double strength;   /* recommended, in mode add */
  double minimum;    /* useful range; both 0: not known */
  double maximum;
  double layer_norm;     /* typical norm of the layer's residual stream */
  const float *vector;   /* [d_model] */
  SteerEncoder *encoder; /* (nullable): [d_model] */
} SteerLibraryVector;

/**
 * steer_vector_library_write:
 * @path: the file to make or replace
 * @vectors: [n_vectors], at least one; each address once
 * @more: (nullable): string to string, further metadata; a key of the library's own is the library's
 *
 * Writes the file that steer_vector_library_open() reads. The old file or the new one is there, never half of either.
 * Errors: STEER_TENSOR_ERROR, G_FILE_ERROR, G_IO_ERROR_CANCELLED. Any thread; blocks until the data is on the disk.
 */
gboolean steer_vector_library_write (const char *path,
                                     const SteerLibraryVector *vectors,
                                     guint n_vectors,
                                     guint d_model,
                                     GHashTable *more,
                                     GCancellable *cancellable,
                                     GError **error);

G_END_DECLS
