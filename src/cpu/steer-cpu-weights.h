#pragma once

#include "steer-cpu-context.h"

G_BEGIN_DECLS

typedef enum
{
  STEER_CPU_ROLE_EMBEDDING, /* a few rows a step are read, so it is never packed */
  STEER_CPU_ROLE_LAYER,
  STEER_CPU_ROLE_OUTPUT,
} SteerCpuRole;

/* A matrix of the model and what a context computes with: its view of the file, or a packed copy. */
typedef struct
{
  const SteerTensor *tensor;
  SteerCpuRole role;
  SteerCpuMatrix *matrix; /* NULL for the embedding, and where there is no context */
  gboolean packed;        /* copied into panels, because it is quantised or will be */
  SteerDtype dtype;       /* what the context computes with */
} SteerCpuWeight;

/* All matrices in the order in which they are used. @context: (nullable). @weight_type: of SteerContextOptions.
 * @list: [steer_cpu_weights_count()]. Returns how many there are. */
guint
steer_cpu_weights_list (SteerModel *model, SteerCpuContext *context, SteerDtype weight_type, SteerCpuWeight *list);
guint steer_cpu_weights_count (SteerModel *model);

gsize steer_cpu_weight_get_packed_bytes (const SteerCpuWeight *self, guint panel_rows);

/* Bytes of all packed matrices, and of all that are used in place. */
void steer_cpu_weights_measure (SteerModel *model,
                                SteerDtype weight_type,
                                guint panel_rows,
                                guint64 *n_packed,
                                guint64 *n_mapped);

/* Bytes that norms and biases take. */
gsize steer_cpu_weights_get_vector_bytes (SteerModel *model);

/* Sets everything of a context that comes from the model's tensors: matrices as views of the mapped files or of memory
 * that is reserved for their panels, norms and biases as copies. Errors: STEER_MODEL_ERROR_UNSUPPORTED for a matrix
 * that no kernel reads, _NO_MEMORY. The context frees what was allocated, also after an error. */
gboolean steer_cpu_weights_init (SteerCpuContext *context, SteerModel *model, GError **error);

/* After init, with the context's threads: packs the quantised matrices and brings the others into memory before the
 * first token needs them. What has been packed is dropped from memory as it lay in the file, piece by piece, so the two
 * never lie there together. Matrices that do not fit are left to come as they are used; touching the last would drop
 * the first. Errors: G_IO_ERROR_CANCELLED, STEER_MODEL_ERROR_INVALID when a file was cut off meanwhile. */
gboolean steer_cpu_weights_load (SteerCpuContext *context,
                                 SteerModel *model,
                                 SteerProgressFunc progress,
                                 gpointer progress_data,
                                 GCancellable *cancellable,
                                 GError **error);

G_END_DECLS
