#pragma once

#include "tensor/steer-dtype.h"

#include "steer-cuda-kernels.h"

G_BEGIN_DECLS

/* The planes that a matrix lies in, in the order of SteerCudaMatrix. */
typedef enum
{
  STEER_CUDA_DATA,
  STEER_CUDA_SCALES,
  STEER_CUDA_HIGH,
  STEER_CUDA_SUPERS,

  STEER_CUDA_N_PLANES
} SteerCudaPlane;

/* What a type takes in each plane for @n_columns of a row, its smallest part; 0 where it has no such plane. */
typedef struct
{
  guint8 n_bytes[STEER_CUDA_N_PLANES];
  guint16 n_columns;
} SteerCudaPlanes;

/* Any thread. */
const SteerCudaPlanes *steer_cuda_planes_get (SteerCudaType type);

/* How the device calls blocks of GGUF's @dtype, and the type that holds their numbers to the bit. FALSE when there is
 * none. Any thread. */
gboolean steer_cuda_planes_find (SteerDtype dtype, SteerCudaBlocks *blocks, SteerCudaType *type);

G_END_DECLS
