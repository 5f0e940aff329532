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
 * never half of either. Tensors are stored in order of name, data aligned to 8 bytes. Errors: STEER_TENSOR_ERROR,
 * G_IO_ERROR (no space, cancelled), G_FILE_ERROR.
 */
gboolean steer_safetensors_write (const char *path,
                                  const SteerTensor *tensors,
                                  guint n_tensors,
                                  GHashTable *metadata,
                                  GCancellable *cancellable,
                                  GError **error);

G_END_DECLS
