#pragma once

#include <glib.h>

#include "steer-cuda-kernels.h"

G_BEGIN_DECLS

/**
 * SteerCudaBlas:
 *
 * The matrix products of a prompt. cuBLAS is opened when a model is, and not linked: it is ten times as large as all
 * else together, and without it prompts are only slower.
 */
typedef struct _SteerCudaBlas SteerCudaBlas;

/* @workspace: device memory, [n_bytes], used by all products. NULL with *@why, free with g_free(), where there is no
 * cuBLAS of the version that is needed. */
SteerCudaBlas *steer_cuda_blas_new (cudaStream_t stream, void *workspace, gsize n_bytes, char **why);
void steer_cuda_blas_free (SteerCudaBlas *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerCudaBlas, steer_cuda_blas_free)

/**
 * steer_cuda_blas_multiply:
 * @type: of @weights and @x: F32, F16 or BF16
 * @weights: [n_rows, n_columns]
 * @x: [n_tokens, n_columns]
 * @add: add to what @y holds
 * @y: [n_tokens, y_stride] float32, of which n_rows columns are written
 *
 * y = x weights^T, sums in float32 whatever the type.
 */
cudaError_t steer_cuda_blas_multiply (SteerCudaBlas *self,
                                      SteerCudaType type,
                                      const void *weights,
                                      int n_rows,
                                      int n_columns,
                                      const void *x,
                                      int n_tokens,
                                      gboolean add,
                                      float *y,
                                      int y_stride);

G_END_DECLS
