/* What the kernels can run, and where. */

#include <cuda_runtime.h>

#include "steer-cuda-kernels.h"

const char *
steer_cuda_check_shape (const SteerCudaShape *shape)
{
  if (shape->d_model < 8 || shape->d_model % 8 != 0)
    return "the width of the model is not a multiple of 8";
  if (shape->d_model > STEER_CUDA_MAX_D_MODEL)
    return "the model is wider than 12,288";
  if (shape->d_ff < 8 || shape->d_ff % 8 != 0)
    return "the width of the MLP is not a multiple of 8";
  if (shape->head_dim < 8 || shape->head_dim % 8 != 0)
    return "the width of a head is not a multiple of 8";
  if (shape->head_dim > STEER_CUDA_MAX_HEAD_DIM)
    return "a head is wider than 256";
  if (shape->n_kv_heads < 1 || shape->n_heads < 1 || shape->n_heads % shape->n_kv_heads != 0)
    return "the number of heads is not a multiple of the number of key/value heads";
  if (shape->n_vocab < 1 || shape->n_vocab > STEER_CUDA_MAX_VOCAB)
    return "the vocabulary is larger than 16,777,216";
  return nullptr;
}

/* Of the kernels' code; only that for 9.0 or later waits for the kernel before, and may begin early. */
static __global__ void
steer_tell_version ()
{
}

cudaError_t
steer_cuda_queue_init (SteerCudaQueue *queue, cudaStream_t stream)
{
  int device, major;
  cudaFuncAttributes attributes;
  cudaError_t error = cudaGetDevice (&device);

  queue->stream = stream;
  if (error == cudaSuccess)
    error = cudaDeviceGetAttribute (&queue->n_processors, cudaDevAttrMultiProcessorCount, device);
  if (error == cudaSuccess)
    error = cudaDeviceGetAttribute (&queue->n_shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  if (error == cudaSuccess)
    error = cudaDeviceGetAttribute (&major, cudaDevAttrComputeCapabilityMajor, device);
  if (error == cudaSuccess)
    error = cudaFuncGetAttributes (&attributes, steer_tell_version);
  if (error == cudaSuccess)
    queue->overlap = major >= 9 && attributes.ptxVersion >= 90;
  return error;
}
