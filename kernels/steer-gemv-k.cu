#include "steer-gemv-tiles.cuh"

template cudaError_t steer_gemv_launch<STEER_CUDA_Q4_K> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_Q5_K> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_Q6_K> (const SteerCudaQueue *queue, const SteerGemv *job);

bool
steer_gemv_can_mix (const SteerGemv *job)
{
  SteerCudaType type = job->matrices[0].type;

  /* A tile is of one type. */
  return job->end == STEER_GEMV_QKV && (type == STEER_CUDA_Q4_K || type == STEER_CUDA_Q5_K)
         && job->matrices[1].type == type && job->matrices[2].type == STEER_CUDA_Q6_K
         && (job->n_pairs[0] + job->n_pairs[1]) % STEER_GEMV_WARPS == 0;
}

cudaError_t
steer_gemv_launch_mixed (const SteerCudaQueue *queue, const SteerGemv *job)
{
  return job->matrices[0].type == STEER_CUDA_Q4_K ? launch_columns<STEER_CUDA_Q4_K, STEER_CUDA_Q6_K> (queue, job)
                                                  : launch_columns<STEER_CUDA_Q5_K, STEER_CUDA_Q6_K> (queue, job);
}
