#pragma once

#include <gio/gio.h>

#include "steer-tensor.h"

G_BEGIN_DECLS

/* A vector for a file of steering vectors: what PyTorch sees under the key (layer, index). */
typedef struct
{
  guint layer;
  guint64 index;
  const float *values; /* [d_model] */
} SteerTorchVector;

/**
 * steer_torch_write_vectors:
 * @path: the file to make or replace
 * @vectors: [n_vectors]; no two of the same layer and index
 *
 * Writes what torch.save() of `{(layer, index): tensor[d_model], ...}` writes, float32 on the CPU, as
 * steering_vectors.pt of the Eiffel Tower demonstration is; torch.load() reads it with weights_only=True. @path is the
 * old file or the new one and never half of either. Errors: STEER_TENSOR_ERROR_UNSUPPORTED (over 1 GiB), G_FILE_ERROR,
 * G_IO_ERROR_CANCELLED. Any thread; blocks until the data is on the disk.
 */
gboolean steer_torch_write_vectors (const char *path,
                                    const SteerTorchVector *vectors,
                                    guint n_vectors,
                                    guint d_model,
                                    GCancellable *cancellable,
                                    GError **error);

G_END_DECLS
