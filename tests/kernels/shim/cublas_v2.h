#pragma once

/* The part of cuBLAS that the backend uses, on the CPU: naive products, accumulated in float32. */

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C"
{
#endif

  typedef struct cublasContext *cublasHandle_t;

  typedef enum cublasStatus_t
  {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_ALLOC_FAILED = 3,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_EXECUTION_FAILED = 13,
    CUBLAS_STATUS_INTERNAL_ERROR = 14,
    CUBLAS_STATUS_NOT_SUPPORTED = 15,
  } cublasStatus_t;

  typedef enum cublasOperation_t
  {
    CUBLAS_OP_N,
    CUBLAS_OP_T,
  } cublasOperation_t;

  typedef enum cudaDataType
  {
    CUDA_R_32F = 0,
    CUDA_R_16F = 2,
    CUDA_R_16BF = 14,
  } cudaDataType;
  typedef cudaDataType cudaDataType_t;

  typedef enum cublasComputeType_t
  {
    CUBLAS_COMPUTE_32F = 68,
    CUBLAS_COMPUTE_32F_PEDANTIC = 69,
    CUBLAS_COMPUTE_32F_FAST_TF32 = 77,
  } cublasComputeType_t;

  typedef enum cublasGemmAlgo_t
  {
    CUBLAS_GEMM_DEFAULT = -1,
  } cublasGemmAlgo_t;

  typedef enum cublasMath_t
  {
    CUBLAS_DEFAULT_MATH = 0,
    CUBLAS_PEDANTIC_MATH = 2,
    CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION = 16,
  } cublasMath_t;

  cublasStatus_t cublasCreate (cublasHandle_t *handle);
  cublasStatus_t cublasDestroy (cublasHandle_t handle);
  cublasStatus_t cublasSetStream (cublasHandle_t handle, cudaStream_t stream);
  cublasStatus_t cublasSetWorkspace (cublasHandle_t handle, void *workspace, size_t size);
  cublasStatus_t cublasSetMathMode (cublasHandle_t handle, cublasMath_t mode);
  const char *cublasGetStatusName (cublasStatus_t status);
  const char *cublasGetStatusString (cublasStatus_t status);

  /* c = alpha * op (a) op (b) + beta * c, column by column; alpha and beta are host floats. a and b are of one type. */
  cublasStatus_t cublasGemmEx (cublasHandle_t handle,
                               cublasOperation_t transa,
                               cublasOperation_t transb,
                               int m,
                               int n,
                               int k,
                               const void *alpha,
                               const void *a,
                               cudaDataType a_type,
                               int lda,
                               const void *b,
                               cudaDataType b_type,
                               int ldb,
                               const void *beta,
                               void *c,
                               cudaDataType c_type,
                               int ldc,
                               cublasComputeType_t compute,
                               cublasGemmAlgo_t algo);

#ifdef __cplusplus
}
#endif
