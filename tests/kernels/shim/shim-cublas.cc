/* Matrix products, computed when the stream gets to them. */

#include "cublas_v2.h"
#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "shim-device.h"

#include <vector>

struct cublasContext
{
  cudaStream_t stream = nullptr;
};

namespace
{

struct Operand
{
  const void *data;
  cudaDataType type;
  size_t step;   /* elements from one place of the inner dimension to the next */
  size_t stride; /* from one row of a, or column of b, to the next */
};

float
load (const void *data, cudaDataType type, size_t i)
{
  switch (type)
    {
    case CUDA_R_16F:
      return __half2float (((const __half *) data)[i]);
    case CUDA_R_16BF:
      return __bfloat162float (((const __nv_bfloat16 *) data)[i]);
    default:
      return ((const float *) data)[i];
    }
}

void
store (void *data, cudaDataType type, size_t i, float value)
{
  switch (type)
    {
    case CUDA_R_16F:
      ((__half *) data)[i] = __float2half_rn (value);
      break;
    case CUDA_R_16BF:
      ((__nv_bfloat16 *) data)[i] = __float2bfloat16_rn (value);
      break;
    default:
      ((float *) data)[i] = value;
      break;
    }
}

/* [n, k] in float32, so that the inner loop runs over plain arrays. */
std::vector<float>
unpack (const Operand &operand, int n, int k)
{
  std::vector<float> rows ((size_t) n * k);

  for (int i = 0; i < n; i++)
    for (int j = 0; j < k; j++)
      rows[(size_t) i * k + j] = load (operand.data, operand.type, i * operand.stride + j * operand.step);
  return rows;
}

void
multiply (const Operand &a,
          const Operand &b,
          int m,
          int n,
          int k,
          float alpha,
          float beta,
          void *c,
          cudaDataType c_type,
          int ldc)
{
  std::vector<float> left = unpack (a, m, k);
  std::vector<float> right = unpack (b, n, k);

  for (int j = 0; j < n; j++)
    for (int i = 0; i < m; i++)
      {
        size_t at = (size_t) j * ldc + i;
        float sum = 0.0f;

        for (int l = 0; l < k; l++)
          sum += left[(size_t) i * k + l] * right[(size_t) j * k + l];
        store (c, c_type, at, beta == 0.0f ? alpha * sum : alpha * sum + beta * load (c, c_type, at));
      }
}

} // namespace

cublasStatus_t
cublasCreate (cublasHandle_t *handle)
{
  if (steer_shim_report (cudaSuccess) != cudaSuccess)
    return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasDestroy (cublasHandle_t handle)
{
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasSetStream (cublasHandle_t handle, cudaStream_t stream)
{
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasSetWorkspace (cublasHandle_t, void *, size_t)
{
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasSetMathMode (cublasHandle_t, cublasMath_t)
{
  return CUBLAS_STATUS_SUCCESS;
}

const char *
cublasGetStatusName (cublasStatus_t status)
{
  return status == CUBLAS_STATUS_SUCCESS ? "CUBLAS_STATUS_SUCCESS" : "CUBLAS_STATUS_ERROR";
}

const char *
cublasGetStatusString (cublasStatus_t status)
{
  return status == CUBLAS_STATUS_SUCCESS ? "success" : "an error";
}

cublasStatus_t
cublasGemmEx (cublasHandle_t handle,
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
              cublasComputeType_t,
              cublasGemmAlgo_t)
{
  bool ta = transa == CUBLAS_OP_T;
  bool tb = transb == CUBLAS_OP_T;
  Operand left = { a, a_type, ta ? 1 : (size_t) lda, ta ? (size_t) lda : 1 };
  Operand right = { b, b_type, tb ? (size_t) ldb : 1, tb ? 1 : (size_t) ldb };
  float scale = *(const float *) alpha;
  float keep = *(const float *) beta;

  if (m < 0 || n < 0 || k < 0 || lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m)
    return CUBLAS_STATUS_INVALID_VALUE;
  /* cuBLAS takes two operands of one type, and float32 results of 16-bit ones. */
  if (a_type != b_type || (c_type != CUDA_R_32F && c_type != a_type))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (m == 0 || n == 0)
    return CUBLAS_STATUS_SUCCESS;
  return steer_shim_enqueue (handle->stream, [=] { multiply (left, right, m, n, k, scale, keep, c, c_type, ldc); })
             == cudaSuccess
           ? CUBLAS_STATUS_SUCCESS
           : CUBLAS_STATUS_EXECUTION_FAILED;
}
