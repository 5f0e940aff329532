#include "steer-gemv-tiles.cuh"

template cudaError_t steer_gemv_launch<STEER_CUDA_Q8> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_Q8_1> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_Q4_0> (const SteerCudaQueue *queue, const SteerGemv *job);
template cudaError_t steer_gemv_launch<STEER_CUDA_IQ4_NL> (const SteerCudaQueue *queue, const SteerGemv *job);
