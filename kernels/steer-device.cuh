#pragma once

/* What all kernels share: launching, waiting for the kernel before, shared memory, reductions. */

#include "steer-cuda-kernels.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define STEER_WARP 32
#define STEER_ALL_LANES 0xffffffffu

/* More than this a kernel must ask for. */
#define STEER_SHARED_DEFAULT (48 * 1024)

/* For code that is reached seldom, lest every kernel be compiled with it anew. */
#define STEER_NOINLINE __attribute__ ((noinline))

/* The block's dynamic shared memory. Kernels have no other: the shim of the tests gives exactly as much as a launch
 * asks for, and sees what goes beyond. */
#ifdef STEER_SHIM
#define STEER_SHARED(type, name) type *name = reinterpret_cast<type *> (steer_shim_get_shared ())
#else
extern __shared__ __align__ (16) unsigned char steer_shared_bytes[];
#define STEER_SHARED(type, name) type *name = reinterpret_cast<type *> (steer_shared_bytes)
#endif

/* A kernel that may begin early must call this before it touches anything that an earlier kernel writes, or writes
 * anything that an earlier kernel reads. All blocks must call it, so that what follows this kernel may rely on
 * everything before it. */
static __device__ __forceinline__ void
steer_wait_for_previous ()
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/* The next kernel may take the places of blocks that have ended. */
static __device__ __forceinline__ void
steer_let_next_begin ()
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

/* What one request brings into the second-level cache. A line has 128 bytes, of which 64 come together unless a limit
 * of the device is changed. */
#define STEER_PREFETCH_BYTES 64

/* Asks for the bytes around @p to come into the second-level cache. */
static __device__ __forceinline__ void
steer_prefetch (const void *p)
{
#ifdef __CUDA_ARCH__
  asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
#else
  (void) p;
#endif
}

/* What this thread wrote, and what it knows of others' writes, is there for whoever has met it in the order of the
 * device: as __threadfence(), which also orders all such fences among each other and takes longer. */
static __device__ __forceinline__ void
steer_fence ()
{
#ifdef __CUDA_ARCH__
  asm volatile("fence.acq_rel.gpu;" ::: "memory");
#else
  __threadfence ();
#endif
}

/* Lets a kernel have @n_shared bytes of dynamic shared memory. The limit is set to all there is: it is the kernel's,
 * not the launch's, and another thread may be about to launch with more. So is the wish for as much shared memory as a
 * multiprocessor has: one that is to divide its memory between cache and blocks in another way must be empty first, and
 * no kernel would begin beside the one before. */
template <typename... Parameters>
static cudaError_t
steer_allow_shared (const SteerCudaQueue *queue, void (*kernel) (Parameters...), size_t n_shared)
{
  cudaError_t error
    = cudaFuncSetAttribute (kernel, cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared);

  if (error == cudaSuccess && n_shared > STEER_SHARED_DEFAULT)
    error = cudaFuncSetAttribute (kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, queue->n_shared);
  return error;
}

template <typename... Parameters, typename... Arguments>
static cudaError_t
steer_launch (const SteerCudaQueue *queue,
              void (*kernel) (Parameters...),
              dim3 grid,
              int n_threads,
              size_t n_shared,
              Arguments... arguments)
{
  cudaLaunchAttribute attribute = {};
  cudaLaunchConfig_t config = {};
  cudaError_t error = steer_allow_shared (queue, kernel, n_shared);

  if (error != cudaSuccess)
    return error;
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  config.gridDim = grid;
  config.blockDim = dim3 (n_threads);
  config.dynamicSmemBytes = n_shared;
  config.stream = queue->stream;
  config.attrs = &attribute;
  config.numAttrs = queue->overlap != 0 ? 1 : 0;
  return cudaLaunchKernelEx (&config, kernel, arguments...);
}

static __host__ __device__ __forceinline__ int
steer_divide_up (int a, int b)
{
  return a / b + (a % b != 0);
}

template <typename T>
static __device__ __forceinline__ T
steer_sum_lanes (T value)
{
  for (int offset = STEER_WARP / 2; offset > 0; offset /= 2)
    value += __shfl_xor_sync (STEER_ALL_LANES, value, offset);
  return value;
}

/* Sums values[0 .. n - 1] over the block; every thread gets the sums, of the same bits. room: [n, warps of the block]
 * in shared memory. */
template <int n, typename T>
static __device__ __forceinline__ void
steer_sum_block (T *values, T *room)
{
  int n_warps = blockDim.x / STEER_WARP;
  int warp = threadIdx.x / STEER_WARP;

  __syncthreads (); /* the room may still be read from the last time */
  for (int i = 0; i < n; i++)
    {
      T sum = steer_sum_lanes (values[i]);

      if (threadIdx.x % STEER_WARP == 0)
        room[i * n_warps + warp] = sum;
    }
  __syncthreads ();
  for (int i = 0; i < n; i++)
    {
      values[i] = room[i * n_warps];
      for (int w = 1; w < n_warps; w++)
        values[i] += room[i * n_warps + w];
    }
}

/* Turns (a, b) by the angle with cosine @turn.x and sine @turn.y; rounded alike wherever it is compiled into. */
static __device__ __forceinline__ void
steer_turn (float2 turn, float *a, float *b)
{
  float turned = __fmaf_rn (*a, turn.x, -__fmul_rn (*b, turn.y));

  *b = __fmaf_rn (*b, turn.x, __fmul_rn (*a, turn.y));
  *a = turned;
}
