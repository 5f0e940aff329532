#include "steer-gemv-tiles.cuh"

template cudaError_t steer_gemv_launch<STEER_CUDA_Q2_K> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_Q3_K> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_IQ4_XS> (const SteerCudaQueue *queue, const SteerGemv *job);
