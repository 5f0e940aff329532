#include "steer-cuda-blas.h"

#include <cublas_v2.h>
#include <gmodule.h>

/* The functions of cuBLAS in use. */
typedef struct
{
  cublasStatus_t (*create) (cublasHandle_t *handle);
  cublasStatus_t (*destroy) (cublasHandle_t handle);
  cublasStatus_t (*set_stream) (cublasHandle_t handle, cudaStream_t stream);
  cublasStatus_t (*set_workspace) (cublasHandle_t handle, void *workspace, size_t n_bytes);
  cublasStatus_t (*gemm) (cublasHandle_t handle,
                          cublasOperation_t transa,
                          cublasOperation_t transb,
                          int m,
                          int n,
                          int k,
                          const void *alpha,
                          const void *A,
                          cudaDataType Atype,
                          int lda,
                          const void *B,
                          cudaDataType Btype,
                          int ldb,
                          const void *beta,
                          void *C,
                          cudaDataType Ctype,
                          int ldc,
                          cublasComputeType_t computeType,
                          cublasGemmAlgo_t algo);
} Library;

struct _SteerCudaBlas
{
  GModule *module; /* nullable */
  Library library;
  cublasHandle_t handle;
};

#ifdef STEER_CUDA_SHIM
static gboolean
open_library (SteerCudaBlas *self, char **why)
{
  self->library = (Library){ cublasCreate, cublasDestroy, cublasSetStream, cublasSetWorkspace, cublasGemmEx };
  return TRUE;
}
#else
#define STRINGIFY(x) #x
#define NAME(major) "libcublas.so." STRINGIFY (major)

static gboolean
open_library (SteerCudaBlas *self, char **why)
{
  Library *library = &self->library;

  self->module = g_module_open (NAME (CUBLAS_VER_MAJOR), G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL);
  if (self->module != NULL && g_module_symbol (self->module, "cublasCreate_v2", (gpointer *) &library->create)
      && g_module_symbol (self->module, "cublasDestroy_v2", (gpointer *) &library->destroy)
      && g_module_symbol (self->module, "cublasSetStream_v2", (gpointer *) &library->set_stream)
      && g_module_symbol (self->module, "cublasSetWorkspace_v2", (gpointer *) &library->set_workspace)
      && g_module_symbol (self->module, "cublasGemmEx", (gpointer *) &library->gemm))
    {
      /* It leaves destructors with the process and its threads. */
      g_module_make_resident (self->module);
      return TRUE;
    }
  *why = g_strdup (g_module_error ());
  return FALSE;
}
#endif

SteerCudaBlas *
steer_cuda_blas_new (cudaStream_t stream, void *workspace, gsize n_bytes, char **why)
{
  g_autoptr (SteerCudaBlas) self = g_new0 (SteerCudaBlas, 1);
  cublasStatus_t status;

  if (!open_library (self, why))
    return NULL;
  status = self->library.create (&self->handle);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = self->library.set_stream (self->handle, stream);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = self->library.set_workspace (self->handle, workspace, n_bytes);
  if (status == CUBLAS_STATUS_SUCCESS)
    return g_steal_pointer (&self);
  *why = g_strdup_printf ("cuBLAS does not start (status %d)", (int) status);
  return NULL;
}

void
steer_cuda_blas_free (SteerCudaBlas *self)
{
  if (self == NULL)
    return;
  if (self->handle != NULL)
    self->library.destroy (self->handle);
  g_clear_pointer (&self->module, g_module_close);
  g_free (self);
}

static cudaDataType
get_data_type (SteerCudaType type)
{
  switch (type)
    {
    case STEER_CUDA_F16:
      return CUDA_R_16F;
    case STEER_CUDA_BF16:
      return CUDA_R_16BF;
    default:
      return CUDA_R_32F;
    }
}

static cudaError_t
translate (cublasStatus_t status)
{
  switch (status)
    {
    case CUBLAS_STATUS_SUCCESS:
      return cudaSuccess;
    case CUBLAS_STATUS_ALLOC_FAILED:
      return cudaErrorMemoryAllocation;
    default:
      {
        /* cuBLAS hides what happened; the runtime may know. */
        cudaError_t last = cudaPeekAtLastError ();

        return last != cudaSuccess ? last : cudaErrorUnknown;
      }
    }
}

/* cuBLAS counts columns first: it sees the transposed matrices, y^T [n_rows, n_tokens] = weights x^T. */
cudaError_t
steer_cuda_blas_multiply (SteerCudaBlas *self,
                          SteerCudaType type,
                          const void *weights,
                          int n_rows,
                          int n_columns,
                          const void *x,
                          int n_tokens,
                          gboolean add,
                          float *y,
                          int y_stride)
{
  const float one = 1.0f;
  const float beta = add ? 1.0f : 0.0f;
  cudaDataType data_type = get_data_type (type);

  return translate (self->library.gemm (self->handle, CUBLAS_OP_T, CUBLAS_OP_N, n_rows, n_tokens, n_columns, &one,
                                        weights, data_type, n_columns, x, data_type, n_columns, &beta, y, CUDA_R_32F,
                                        y_stride, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}
