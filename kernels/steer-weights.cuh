#pragma once

/* Weights as they are stored. A format tells how a lane takes its piece of a row, and what numbers the piece holds:
 * here those that are what they are, in steer-blocks.cuh those that are quantised. */

#include "steer-numbers.cuh"

#include <type_traits>

/* Reads once what nobody reads again. */
static __device__ __forceinline__ uint4
steer_load_weights (const void *p)
{
#ifdef __CUDA_ARCH__
  uint4 raw;

  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(raw.x), "=r"(raw.y), "=r"(raw.z), "=r"(raw.w)
               : "l"(p));
  return raw;
#else
  return *static_cast<const uint4 *> (p);
#endif
}

/* Calls @use with a std::integral_constant of the type. */
template <typename Use>
static inline cudaError_t
steer_for_type (SteerCudaType type, Use use)
{
  switch (type)
    {
    case STEER_CUDA_F32:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_F32> ());
    case STEER_CUDA_F16:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_F16> ());
    case STEER_CUDA_BF16:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_BF16> ());
    case STEER_CUDA_Q8:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q8> ());
    case STEER_CUDA_Q8_1:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q8_1> ());
    case STEER_CUDA_Q4_0:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q4_0> ());
    case STEER_CUDA_IQ4_NL:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_IQ4_NL> ());
    case STEER_CUDA_Q2_K:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q2_K> ());
    case STEER_CUDA_Q3_K:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q3_K> ());
    case STEER_CUDA_Q4_K:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q4_K> ());
    case STEER_CUDA_Q5_K:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q5_K> ());
    case STEER_CUDA_Q6_K:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q6_K> ());
    case STEER_CUDA_IQ4_XS:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_IQ4_XS> ());
    }
  return cudaErrorInvalidValue;
}

/* What a piece's numbers are scaled by: value = number * factor - minimum. */
struct SteerScale
{
  float factor;
  float minimum;
};

/**
 * SteerFormat:
 *
 * n: elements of a piece
 * n_scales: of a piece, each of n / n_scales elements
 * Raw: a piece in registers
 * load (matrix, row, k): elements k .. k + n - 1 of a row; k is a multiple of n
 * expand (raw, w): the piece's numbers
 * scale (raw, i): the i-th scale
 */
template <SteerCudaType type> struct SteerFormat;

/* Numbers that are what they are. unroll: pieces of each row that a lane asks for before it uses the first. */
struct SteerPlainFormat
{
  enum
  {
    n_scales = 1,
    unroll = 4,
  };
  typedef uint4 Raw;

  static __device__ __forceinline__ SteerScale
  scale (const Raw &, int)
  {
    return { 1.0f, 0.0f };
  }
};

template <SteerCudaType type> struct SteerFormat16 : SteerPlainFormat
{
  enum
  {
    n = 8,
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    return steer_load_weights (static_cast<const uint16_t *> (matrix.data) + row * matrix.n_columns + k);
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
    steer_widen8<type> (raw, w);
  }
};

template <> struct SteerFormat<STEER_CUDA_F16> : SteerFormat16<STEER_CUDA_F16>
{
};

template <> struct SteerFormat<STEER_CUDA_BF16> : SteerFormat16<STEER_CUDA_BF16>
{
};

template <> struct SteerFormat<STEER_CUDA_F32> : SteerPlainFormat
{
  enum
  {
    n = 4,
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    return steer_load_weights (static_cast<const float *> (matrix.data) + row * matrix.n_columns + k);
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
    w[0] = __uint_as_float (raw.x);
    w[1] = __uint_as_float (raw.y);
    w[2] = __uint_as_float (raw.z);
    w[3] = __uint_as_float (raw.w);
  }
};
