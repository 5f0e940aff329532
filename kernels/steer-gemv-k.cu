#include "steer-gemv-tiles.cuh"

template cudaError_t steer_gemv_launch<STEER_CUDA_Q4_K> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_Q5_K> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_Q6_K> (const SteerCudaQueue *queue, const SteerGemv *job);
