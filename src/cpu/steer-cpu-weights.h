#pragma once

#include "steer-cpu-context.h"

G_BEGIN_DECLS

/* Sets everything of a context that comes from the model's tensors: matrices as views of the mapped files, norms and
 * biases as copies. Errors: STEER_MODEL_ERROR_UNSUPPORTED for a matrix that no kernel reads, _NO_MEMORY. The context
 * frees what was allocated, also after an error. */
gboolean steer_cpu_weights_init (SteerCpuContext *context, SteerModel *model, GError **error);

/* Bytes that the copies take, and bytes that are used in place. */
gsize steer_cpu_weights_get_vector_bytes (SteerModel *model);
guint64 steer_cpu_weights_get_mapped_bytes (SteerModel *model);

/* Brings the matrices into memory before the first token needs them. Where they do not fit, touching the last would
 * drop the first, so they are left to come as they are used. Errors: G_IO_ERROR_CANCELLED,
 * STEER_MODEL_ERROR_INVALID when a file was cut off meanwhile. */
gboolean steer_cpu_weights_touch (SteerModel *model,
                                  SteerProgressFunc progress,
                                  gpointer progress_data,
                                  GCancellable *cancellable,
                                  GError **error);

G_END_DECLS
