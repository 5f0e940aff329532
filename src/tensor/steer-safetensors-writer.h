#pragma once

#include <gio/gio.h>

#include "steer-tensor.h"

G_BEGIN_DECLS

/**
 * steer_safetensors_write:
 * @path: the file to make or replace
 * @tensors: [n_tensors] contiguous, of plain types; names must be unique and non-empty
 * @metadata: (nullable): string to string, stored as `__metadata__`
 *
 * Writes a safetensors file beside @path and renames it into place, so that @path is the old file or the new one and
 * never half of either. Tensors are stored with larger elements first, then by name, so that each is aligned
 * to its element size. Errors: STEER_TENSOR_ERROR_INVALID, G_FILE_ERROR (no space, no permission),
 * G_IO_ERROR_CANCELLED. Any thread; blocks until the data is on the disk.
 */
gboolean steer_safetensors_write (const char *path,
                                  const SteerTensor *tensors,
                                  guint n_tensors,
                                  GHashTable *metadata,
                                  GCancellable *cancellable,
                                  GError **error);

G_END_DECLS
