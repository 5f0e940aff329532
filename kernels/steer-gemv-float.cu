#include "steer-gemv-lanes.cuh"

template cudaError_t steer_gemv_launch<STEER_CUDA_F32> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_F16> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_BF16> (const SteerCudaQueue *queue, const SteerGemv *job);
