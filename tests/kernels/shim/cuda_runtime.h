#pragma once

/* CUDA C++ as host C++: what the kernels use of the language and of the runtime's templates. A kernel's threads are
 * fibers of one CPU thread (shim-block.cc), so the variables below are those of the fiber that runs. */

#include "cuda_runtime_api.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
#include <vector>

#define STEER_SHIM 1

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__ ((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__ ((aligned (n)))

/* --- Vector types --- */

#define STEER_SHIM_VECTOR2(type, element, alignment)                                                                   \
  struct alignas (alignment) type                                                                                      \
  {                                                                                                                    \
    element x, y;                                                                                                      \
  };                                                                                                                   \
  static inline type make_##type (element x, element y)                                                                \
  {                                                                                                                    \
    return { x, y };                                                                                                   \
  }
#define STEER_SHIM_VECTOR4(type, element, alignment)                                                                   \
  struct alignas (alignment) type                                                                                      \
  {                                                                                                                    \
    element x, y, z, w;                                                                                                \
  };                                                                                                                   \
  static inline type make_##type (element x, element y, element z, element w)                                          \
  {                                                                                                                    \
    return { x, y, z, w };                                                                                             \
  }

STEER_SHIM_VECTOR2 (float2, float, 8)
STEER_SHIM_VECTOR2 (int2, int, 8)
STEER_SHIM_VECTOR2 (uint2, unsigned, 8)
STEER_SHIM_VECTOR4 (float4, float, 16)
STEER_SHIM_VECTOR4 (int4, int, 16)
STEER_SHIM_VECTOR4 (uint4, unsigned, 16)

struct uint3
{
  unsigned x, y, z;
};

struct dim3
{
  unsigned x, y, z;

  dim3 (unsigned width = 1, unsigned height = 1, unsigned depth = 1) : x (width), y (height), z (depth)
  {
  }
};

/* --- The running thread --- */

extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;

/* The block's dynamic shared memory: exactly as many bytes as the launch asked for, filled with 0xff. */
unsigned char *steer_shim_get_shared ();

void __syncthreads ();

/* Every lane of @mask leaves @size bytes, at most STEER_SHIM_SLOT, and gets those of all: lane l's are at l *
 * STEER_SHIM_SLOT, valid until this thread's next call. Aborts when lanes of a warp meet in different calls. */
#define STEER_SHIM_SLOT 32
const unsigned char *steer_shim_share (unsigned mask, const void *data, unsigned size);

static inline unsigned
steer_shim_get_lane ()
{
  return threadIdx.x % 32;
}

static inline void
__syncwarp (unsigned mask = 0xffffffffu)
{
  steer_shim_share (mask, nullptr, 0);
}

template <typename T>
static inline T
steer_shim_read_lane (unsigned mask, T value, unsigned lane)
{
  const unsigned char *all = steer_shim_share (mask, &value, sizeof value);
  T other;

  std::memcpy (&other, all + lane * STEER_SHIM_SLOT, sizeof other);
  return other;
}

template <typename T>
static inline T
__shfl_sync (unsigned mask, T value, int lane, int width = 32)
{
  unsigned first = steer_shim_get_lane () / width * width;

  return steer_shim_read_lane (mask, value, first + (unsigned) lane % width);
}

template <typename T>
static inline T
__shfl_xor_sync (unsigned mask, T value, int bits, int width = 32)
{
  unsigned lane = steer_shim_get_lane ();
  unsigned other = lane ^ bits;

  return steer_shim_read_lane (mask, value, other / width > lane / width ? lane : other);
}

template <typename T>
static inline T
__shfl_down_sync (unsigned mask, T value, unsigned delta, int width = 32)
{
  unsigned lane = steer_shim_get_lane ();

  return steer_shim_read_lane (mask, value, lane % width + delta < (unsigned) width ? lane + delta : lane);
}

template <typename T>
static inline T
__shfl_up_sync (unsigned mask, T value, unsigned delta, int width = 32)
{
  unsigned lane = steer_shim_get_lane ();

  return steer_shim_read_lane (mask, value, lane % width >= delta ? lane - delta : lane);
}

static inline unsigned
__reduce_max_sync (unsigned mask, unsigned value)
{
  const unsigned char *all = steer_shim_share (mask, &value, sizeof value);

  for (unsigned lane = 0; lane < 32; lane++)
    {
      unsigned other;

      std::memcpy (&other, all + lane * STEER_SHIM_SLOT, sizeof other);
      if ((mask >> lane & 1) != 0 && other > value)
        value = other;
    }
  return value;
}

static inline unsigned
__ballot_sync (unsigned mask, int predicate)
{
  int value = predicate != 0;
  const unsigned char *all = steer_shim_share (mask, &value, sizeof value);
  unsigned bits = 0;

  for (unsigned lane = 0; lane < 32; lane++)
    if ((mask >> lane & 1) != 0 && all[lane * STEER_SHIM_SLOT] != 0)
      bits |= 1u << lane;
  return bits;
}

static inline int
__any_sync (unsigned mask, int predicate)
{
  return __ballot_sync (mask, predicate) != 0;
}

/* --- Atomics: fibers change only at barriers, so plain arithmetic is atomic --- */

template <typename T>
static inline T
atomicAdd (T *at, std::common_type_t<T> value)
{
  T old = *at;

  *at = old + value;
  return old;
}

template <typename T>
static inline T
atomicMax (T *at, std::common_type_t<T> value)
{
  T old = *at;

  *at = old < value ? value : old;
  return old;
}

template <typename T>
static inline T
atomicOr (T *at, std::common_type_t<T> value)
{
  T old = *at;

  *at = old | value;
  return old;
}

static inline void
__threadfence ()
{
}

static inline void
__threadfence_system ()
{
}

/* --- Arithmetic, forced into its place also where a sanitizer keeps functions apart --- */

template <typename T>
static __forceinline__ T
__ldg (const T *p)
{
  return *p;
}

template <typename T>
static __forceinline__ T
__ldcg (const T *p)
{
  return *p;
}

static __forceinline__ float
__fmul_rn (float a, float b)
{
  return a * b; /* compiled without contraction */
}

static __forceinline__ float
__fsub_rn (float a, float b)
{
  return a - b; /* compiled without contraction */
}

static __forceinline__ float
__fadd_rn (float a, float b)
{
  return a + b;
}

static __forceinline__ float
__fmaf_rn (float a, float b, float c)
{
  return std::fmaf (a, b, c);
}

static __forceinline__ float
__fdividef (float a, float b)
{
  return a / b;
}

static __forceinline__ float
rsqrtf (float x)
{
  return 1.0f / std::sqrt (x);
}

static __forceinline__ unsigned
__float_as_uint (float x)
{
  unsigned bits;

  std::memcpy (&bits, &x, sizeof bits);
  return bits;
}

static __forceinline__ float
__uint_as_float (unsigned bits)
{
  float x;

  std::memcpy (&x, &bits, sizeof x);
  return x;
}

static __forceinline__ float
__int_as_float (int bits)
{
  return __uint_as_float ((unsigned) bits);
}

static __forceinline__ int
__clz (int x)
{
  return x == 0 ? 32 : __builtin_clz ((unsigned) x);
}

static __forceinline__ int
__popc (unsigned x)
{
  return __builtin_popcount (x);
}

static __forceinline__ int
__ffs (int x)
{
  return __builtin_ffs (x);
}

static __forceinline__ unsigned
__byte_perm (unsigned a, unsigned b, unsigned selector)
{
  uint64_t both = (uint64_t) b << 32 | a;
  unsigned result = 0;

  for (int i = 0; i < 4; i++)
    result |= (unsigned) (both >> (8 * (selector >> (4 * i) & 7)) & 0xff) << (8 * i);
  return result;
}

template <typename T>
static __forceinline__ T
min (T a, std::common_type_t<T> b)
{
  return a < b ? a : b;
}

template <typename T>
static __forceinline__ T
max (T a, std::common_type_t<T> b)
{
  return a < b ? b : a;
}

/* --- Launching --- */

typedef enum cudaLaunchAttributeID
{
  cudaLaunchAttributeProgrammaticStreamSerialization = 6,
} cudaLaunchAttributeID;

typedef enum cudaSharedCarveout
{
  cudaSharedmemCarveoutMaxShared = 100,
} cudaSharedCarveout;

typedef union cudaLaunchAttributeValue
{
  char pad[64];
  int programmaticStreamSerializationAllowed;
} cudaLaunchAttributeValue;

typedef struct cudaLaunchAttribute
{
  cudaLaunchAttributeID id;
  cudaLaunchAttributeValue val;
} cudaLaunchAttribute;

typedef struct cudaLaunchConfig_t
{
  dim3 gridDim;
  dim3 blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute *attrs;
  unsigned numAttrs;
} cudaLaunchConfig_t;

typedef enum cudaFuncAttribute
{
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9,
} cudaFuncAttribute;

typedef struct cudaFuncAttributes
{
  int ptxVersion;
} cudaFuncAttributes;

template <typename... Parameters>
static inline cudaError_t
cudaFuncGetAttributes (cudaFuncAttributes *attributes, void (*) (Parameters...))
{
  attributes->ptxVersion = 90;
  return cudaSuccess;
}

/* @parameters: as a kernel of a GPU gets them, one behind the other. */
cudaError_t steer_shim_launch (const cudaLaunchConfig_t *config,
                               const void *kernel,
                               const std::function<void ()> &thread,
                               std::vector<unsigned char> parameters);
cudaError_t steer_shim_set_max_shared (const void *kernel, int bytes);

template <typename T>
static inline void
steer_shim_pack (std::vector<unsigned char> *bytes, const T &parameter)
{
  size_t at = (bytes->size () + alignof (T) - 1) / alignof (T) * alignof (T);

  bytes->resize (at + sizeof parameter);
  std::memcpy (bytes->data () + at, &parameter, sizeof parameter);
}

template <typename... Parameters, typename... Arguments>
static inline cudaError_t
cudaLaunchKernelEx (const cudaLaunchConfig_t *config, void (*kernel) (Parameters...), Arguments &&...arguments)
{
  std::tuple<Parameters...> copies (std::forward<Arguments> (arguments)...);
  std::vector<unsigned char> bytes;

  std::apply ([&bytes] (const Parameters &...parameters) { (steer_shim_pack (&bytes, parameters), ...); }, copies);
  return steer_shim_launch (
    config, (const void *) kernel, [kernel, copies] { std::apply (kernel, copies); }, std::move (bytes));
}

template <typename... Parameters>
static inline cudaError_t
cudaFuncSetAttribute (void (*kernel) (Parameters...), cudaFuncAttribute attribute, int value)
{
  switch (attribute)
    {
    case cudaFuncAttributeMaxDynamicSharedMemorySize:
      return steer_shim_set_max_shared ((const void *) kernel, value);
    case cudaFuncAttributePreferredSharedMemoryCarveout:
      return value >= 0 && value <= 100 ? cudaSuccess : cudaErrorInvalidValue;
    }
  return cudaErrorInvalidValue;
}

template <typename... Parameters>
static inline cudaError_t
cudaOccupancyMaxActiveBlocksPerMultiprocessor (int *n_blocks, void (*) (Parameters...), int, size_t)
{
  *n_blocks = 1;
  return cudaSuccess;
}
