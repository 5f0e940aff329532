#pragma once

#include "steer-dtype.h"

G_BEGIN_DECLS

#define STEER_TENSOR_MAX_DIMS 8

#define STEER_TENSOR_ERROR (steer_tensor_error_quark ())

/**
 * SteerTensorError:
 * @STEER_TENSOR_ERROR_INVALID: the file breaks its format's rules; the message names file, tensor and byte
 * @STEER_TENSOR_ERROR_UNSUPPORTED: a valid file, but of a kind or type this program does not read
 * @STEER_TENSOR_ERROR_TRUNCATED: the file ends before its own index says it should
 * @STEER_TENSOR_ERROR_POINTER: a Git LFS pointer stands where the weights should be
 * @STEER_TENSOR_ERROR_NOT_FOUND: no such file, folder, shard or tensor
 * @STEER_TENSOR_ERROR_NO_MEMORY: an allocation failed; nothing was changed
 */
typedef enum
{
  STEER_TENSOR_ERROR_INVALID,
  STEER_TENSOR_ERROR_UNSUPPORTED,
  STEER_TENSOR_ERROR_TRUNCATED,
  STEER_TENSOR_ERROR_POINTER,
  STEER_TENSOR_ERROR_NOT_FOUND,
  STEER_TENSOR_ERROR_NO_MEMORY,
} SteerTensorError;

GQuark steer_tensor_error_quark (void);

/**
 * SteerTensor:
 *
 * A view of typed, shaped elements in bytes that somebody else owns (an archive's mapping). It is a plain value:
 * copy it freely, but use it only while its owner lives.
 *
 * shape[0] is the outermost dimension, as in PyTorch; a weight of a linear layer is [n_out, n_in]. Strides count
 * elements, not bytes. Quantised tensors are always contiguous, and their innermost dimension is a multiple of the
 * block. A reader has checked that every element lies inside @n_bytes before a view leaves its archive. The data
 * is not necessarily aligned to its element size.
 */
typedef struct
{
  const char *name; /* owned by the archive */
  SteerDtype dtype;
  guint n_dims;                         /* 0 for a scalar */
  gint64 shape[STEER_TENSOR_MAX_DIMS];  /* [n_dims] */
  gint64 stride[STEER_TENSOR_MAX_DIMS]; /* [n_dims], in elements */
  const guint8 *data;                   /* element [0, 0, ...] */
  gsize n_bytes;                        /* bytes readable from @data */
} SteerTensor;

/* Product of the shape; 1 for a scalar, 0 where any size is 0, whatever the others are. Cannot overflow otherwise:
 * readers have checked it. */
gint64 steer_tensor_get_n_elements (const SteerTensor *tensor);

gboolean steer_tensor_is_contiguous (const SteerTensor *tensor);

/* "[4096, 14336]"; free with g_free(). For messages. */
char *steer_tensor_dup_shape_string (const SteerTensor *tensor);

/**
 * steer_tensor_read_f32:
 * @first: index of the first element, in row-major order of the shape whatever the strides are
 * @count: how many elements
 * @out: [count] receives them as float32, exact for F32, F16, BF16 and integers up to 24 bits
 *
 * The range must lie inside the tensor. A quantised tensor is dequantised as its format defines.
 */
void steer_tensor_read_f32 (const SteerTensor *tensor, gint64 first, gint64 count, float *out);

G_END_DECLS
