/* What the kernels can run, and where. */

#include <cuda_runtime.h>

#include "steer-cuda-kernels.h"

const char *
steer_cuda_check_shape (const SteerCudaShape *shape)
{
  if (shape->d_model < 8 || shape->d_model % 8 != 0)
    return "the width of the model is not a multiple of 8";
  if (shape->d_model > STEER_CUDA_MAX_D_MODEL)
    return "the model is wider than 16,384";
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

cudaError_t
steer_cuda_queue_init (SteerCudaQueue *queue, cudaStream_t stream)
{
  int device, major;
  cudaError_t error = cudaGetDevice (&device);

  queue->stream = stream;
  if (error == cudaSuccess)
    error = cudaDeviceGetAttribute (&queue->n_processors, cudaDevAttrMultiProcessorCount, device);
  if (error == cudaSuccess)
    error = cudaDeviceGetAttribute (&major, cudaDevAttrComputeCapabilityMajor, device);
  if (error == cudaSuccess)
    queue->overlap = major >= 9;
  return error;
}
