#pragma once

/* Weights as they are stored. A format tells how a lane takes its piece of a row, 16 bytes at a time, and what numbers
 * the piece holds. */

#include "steer-numbers.cuh"

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

/**
 * SteerFormat:
 *
 * n: elements of a piece
 * unroll: pieces of each row that a lane asks for before it uses the first
 * Raw: a piece in registers
 * load (matrix, row, k): elements k .. k + n - 1 of a row; k is a multiple of n
 * expand (raw, w): the piece's numbers, to be multiplied by scale (raw)
 */
template <SteerCudaType type> struct SteerFormat;

template <SteerCudaType type> struct SteerFormat16
{
  enum
  {
    n = 8,
    unroll = 4,
  };
  typedef uint4 Raw;

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

  static __device__ __forceinline__ float
  scale (const Raw &)
  {
    return 1.0f;
  }
};

template <> struct SteerFormat<STEER_CUDA_F16> : SteerFormat16<STEER_CUDA_F16>
{
};

template <> struct SteerFormat<STEER_CUDA_BF16> : SteerFormat16<STEER_CUDA_BF16>
{
};

template <> struct SteerFormat<STEER_CUDA_F32>
{
  enum
  {
    n = 4,
    unroll = 4,
  };
  typedef uint4 Raw;

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

  static __device__ __forceinline__ float
  scale (const Raw &)
  {
    return 1.0f;
  }
};

template <> struct SteerFormat<STEER_CUDA_Q8>
{
  enum
  {
    n = 16,
    unroll = 2,
  };
  struct Raw
  {
    uint4 quants;
    float scale;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t i = row * matrix.n_columns + k;

    return { steer_load_weights (static_cast<const int8_t *> (matrix.data) + i),
             steer_load_half (matrix.scales, i / 32) };
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
    steer_widen_bytes (raw.quants.x, w);
    steer_widen_bytes (raw.quants.y, w + 4);
    steer_widen_bytes (raw.quants.z, w + 8);
    steer_widen_bytes (raw.quants.w, w + 12);
  }

  static __device__ __forceinline__ float
  scale (const Raw &raw)
  {
    return raw.scale;
  }
};

/* Bytes of a row in the data plane. */
static __host__ __device__ __forceinline__ size_t
steer_row_bytes (SteerCudaType type, int n_columns)
{
  return type == STEER_CUDA_F32  ? (size_t) n_columns * 4
         : type == STEER_CUDA_Q8 ? (size_t) n_columns
                                 : (size_t) n_columns * 2;
}

/* Elements k .. k + n - 1 of a row, n those of a piece. */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_expand_piece (const SteerCudaMatrix &matrix, size_t row, int k, float *w)
{
  typename SteerFormat<type>::Raw raw = SteerFormat<type>::load (matrix, row, k);
  float scale = SteerFormat<type>::scale (raw);

  SteerFormat<type>::expand (raw, w);
  for (int i = 0; i < SteerFormat<type>::n; i++)
    w[i] *= scale;
}
