#include "steer-cuda-error.h"

gboolean
steer_cuda_check (cudaError_t status, const char *doing, GError **error)
{
  if (status == cudaSuccess)
    return TRUE;
  cudaGetLastError ();
  if (status == cudaErrorMemoryAllocation)
    g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_NO_MEMORY,
                 "the GPU has no memory left (%s): take a shorter context or quantised weights, or close other "
                 "programs that use it",
                 doing);
  else
    g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
                 "the GPU failed (%s): %s; load the model again, or use the CPU", doing, cudaGetErrorString (status));
  return FALSE;
}
