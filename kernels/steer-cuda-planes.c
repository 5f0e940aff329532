#include "steer-cuda-planes.h"

static const SteerCudaPlanes planes_of[] = {
  [STEER_CUDA_F32] = { { 4 }, 1 },
  [STEER_CUDA_F16] = { { 2 }, 1 },
  [STEER_CUDA_BF16] = { { 2 }, 1 },
  [STEER_CUDA_Q8] = { { 32, 2 }, 32 },
  [STEER_CUDA_Q8_1] = { { 32, 4 }, 32 },
  [STEER_CUDA_Q4_0] = { { 16, 2 }, 32 },
  [STEER_CUDA_IQ4_NL] = { { 16, 2 }, 32 },
  [STEER_CUDA_Q2_K] = { { 64, 16, 0, 4 }, 256 },
  [STEER_CUDA_Q3_K] = { { 64, 16, 32, 2 }, 256 },
  [STEER_CUDA_Q4_K] = { { 128, 16, 0, 4 }, 256 },
  [STEER_CUDA_Q5_K] = { { 128, 16, 32, 4 }, 256 },
  [STEER_CUDA_Q6_K] = { { 128, 16, 64, 2 }, 256 },
  [STEER_CUDA_IQ4_XS] = { { 128, 8, 0, 2 }, 256 },
};

const SteerCudaPlanes *
steer_cuda_planes_get (SteerCudaType type)
{
  return &planes_of[type];
}

static const struct
{
  SteerDtype dtype;
  SteerCudaBlocks blocks;
  SteerCudaType type;
} kinds[] = {
  { STEER_DTYPE_Q8_0, STEER_CUDA_BLOCKS_Q8_0, STEER_CUDA_Q8 },
  { STEER_DTYPE_Q5_0, STEER_CUDA_BLOCKS_Q5_0, STEER_CUDA_Q8 },
  { STEER_DTYPE_Q5_1, STEER_CUDA_BLOCKS_Q5_1, STEER_CUDA_Q8_1 },
  { STEER_DTYPE_Q4_1, STEER_CUDA_BLOCKS_Q4_1, STEER_CUDA_Q8_1 },
  { STEER_DTYPE_Q4_0, STEER_CUDA_BLOCKS_Q4_0, STEER_CUDA_Q4_0 },
  { STEER_DTYPE_IQ4_NL, STEER_CUDA_BLOCKS_IQ4_NL, STEER_CUDA_IQ4_NL },
  { STEER_DTYPE_Q2_K, STEER_CUDA_BLOCKS_Q2_K, STEER_CUDA_Q2_K },
  { STEER_DTYPE_Q3_K, STEER_CUDA_BLOCKS_Q3_K, STEER_CUDA_Q3_K },
  { STEER_DTYPE_Q4_K, STEER_CUDA_BLOCKS_Q4_K, STEER_CUDA_Q4_K },
  { STEER_DTYPE_Q5_K, STEER_CUDA_BLOCKS_Q5_K, STEER_CUDA_Q5_K },
  { STEER_DTYPE_Q6_K, STEER_CUDA_BLOCKS_Q6_K, STEER_CUDA_Q6_K },
  { STEER_DTYPE_IQ4_XS, STEER_CUDA_BLOCKS_IQ4_XS, STEER_CUDA_IQ4_XS },
};

gboolean
steer_cuda_planes_find (SteerDtype dtype, SteerCudaBlocks *blocks, SteerCudaType *type)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (kinds[i].dtype == dtype)
      {
        *blocks = kinds[i].blocks;
        *type = kinds[i].type;
        return TRUE;
      }
  return FALSE;
}
