#include "steer-gemv.cuh"

cudaError_t
steer_gemv_launch (const SteerCudaQueue *queue, const SteerGemv *job, SteerCudaType type)
{
  if (job->n_columns < 1 || job->n_columns > STEER_CUDA_MAX_COLUMNS)
    return cudaErrorInvalidValue;
  return steer_for_type (
    type, [&] (auto constant) { return steer_gemv_launch_type<decltype (constant)::value> (queue, job); });
}
