#pragma once

/* Weights as they are stored. A format tells how a lane takes its piece of a row, 16 bytes at a time, and what numbers
 * the piece holds. */

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
    case STEER_CUDA_Q4_0:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q4_0> ());
    case STEER_CUDA_Q4_K:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q4_K> ());
    case STEER_CUDA_Q5_K:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q5_K> ());
    case STEER_CUDA_Q6_K:
      return use (std::integral_constant<SteerCudaType, STEER_CUDA_Q6_K> ());
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
 * base: what expand() adds to the numbers, because it is cheaper to leave it there than to take it off each
 * has_minimum: the minimum is more than 0
 * unroll: pieces of each row that a lane asks for before it uses the first
 * Raw: a piece in registers
 * load (matrix, row, k): elements k .. k + n - 1 of a row; k is a multiple of n
 * expand (raw, w): the piece's numbers, and base added to each
 * scale (raw, i): the i-th scale
 */
template <SteerCudaType type> struct SteerFormat;

/* What formats have whose numbers are simply multiplied by a scale. */
struct SteerPlainFormat
{
  enum
  {
    n_scales = 1,
    base = 0,
    has_minimum = 0,
  };
};

template <SteerCudaType type> struct SteerFormat16 : SteerPlainFormat
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

  static __device__ __forceinline__ SteerScale
  scale (const Raw &, int)
  {
    return { 1.0f, 0.0f };
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

  static __device__ __forceinline__ SteerScale
  scale (const Raw &, int)
  {
    return { 1.0f, 0.0f };
  }
};

template <> struct SteerFormat<STEER_CUDA_Q8> : SteerPlainFormat
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

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return { raw.scale, 0.0f };
  }
};

/* What the types of less than 8 bits share: a piece is 32 elements, 16 bytes of the data plane. */
struct SteerNibbles
{
  enum
  {
    n = 32,
    unroll = 2,
  };

  static __device__ __forceinline__ size_t
  find (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    return (row * matrix.n_columns + k) / n;
  }

  static __device__ __forceinline__ uint4
  load_data (const SteerCudaMatrix &matrix, size_t piece)
  {
    return steer_load_weights (static_cast<const uint4 *> (matrix.data) + piece);
  }
};

template <typename T>
static __device__ __forceinline__ T
steer_load_plane (const void *plane, size_t i)
{
  return __ldg (static_cast<const T *> (plane) + i);
}

/* Four bytes to floats, each byte to be the second of a float whose first is @first. */
static __device__ __forceinline__ void
steer_make_floats (unsigned bytes, unsigned first, float *out)
{
#pragma unroll
  for (int i = 0; i < 4; i++)
    out[i] = __uint_as_float (__byte_perm (bytes, first << 24, 0x7044 + (i << 8)));
}

/* 0x418 begins the floats from 16, which count in steps of 1/8 in the rest of their second byte: 16 + quant. */
static __device__ __forceinline__ void
steer_widen_nibbles (const uint4 &quants, float *w)
{
  const unsigned words[4] = { quants.x, quants.y, quants.z, quants.w };

#pragma unroll
  for (int t = 0; t < 4; t++)
    {
      steer_make_floats ((words[t] << 3 & 0x78787878u) | 0x80808080u, 0x41, w + 4 * t);
      steer_make_floats ((words[t] >> 1 & 0x78787878u) | 0x80808080u, 0x41, w + 16 + 4 * t);
    }
}

template <> struct SteerFormat<STEER_CUDA_Q4_0> : SteerNibbles
{
  enum
  {
    n_scales = 1,
    base = 16 + 8,
    has_minimum = 0,
  };
  struct Raw
  {
    uint4 quants;
    float scale;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);

    return { load_data (matrix, piece), steer_load_half (matrix.scales, piece) };
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
    steer_widen_nibbles (raw.quants, w);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return { raw.scale, 0.0f };
  }
};

/* {scale, minimum} of a piece, and the {super, super} of its block. */
static __device__ __forceinline__ SteerScale
steer_scale_piece (unsigned short scales, unsigned supers)
{
  float2 super = SteerNumber<STEER_CUDA_F16>::widen (supers);

  return { __fmul_rn (super.x, (float) (scales & 0xff)), __fmul_rn (super.y, (float) (scales >> 8)) };
}

template <> struct SteerFormat<STEER_CUDA_Q4_K> : SteerNibbles
{
  enum
  {
    n_scales = 1,
    base = 16,
    has_minimum = 1,
  };
  struct Raw
  {
    uint4 quants;
    unsigned short scales;
    unsigned supers;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);

    return { load_data (matrix, piece), steer_load_plane<unsigned short> (matrix.scales, piece),
             steer_load_plane<unsigned> (matrix.supers, piece / 8) };
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
    steer_widen_nibbles (raw.quants, w);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return steer_scale_piece (raw.scales, raw.supers);
  }
};

template <> struct SteerFormat<STEER_CUDA_Q5_K> : SteerNibbles
{
  enum
  {
    n_scales = 1,
    base = 32,
    has_minimum = 1,
  };
  struct Raw
  {
    uint4 quants;
    unsigned high;
    unsigned short scales;
    unsigned supers;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);

    return { load_data (matrix, piece), steer_load_plane<unsigned> (matrix.high, piece),
             steer_load_plane<unsigned short> (matrix.scales, piece),
             steer_load_plane<unsigned> (matrix.supers, piece / 8) };
  }

  /* 0x420 begins the floats from 32, which count in steps of 1/4. */
  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
    const unsigned words[4] = { raw.quants.x, raw.quants.y, raw.quants.z, raw.quants.w };
    /* The fifth bit of word t's elements is at bit 6 after 6 - t places, that of the later 16 after 2 - t. */
    const unsigned later[4] = { raw.high << 2, raw.high << 1, raw.high, raw.high >> 1 };

#pragma unroll
    for (int t = 0; t < 4; t++)
      {
        steer_make_floats ((words[t] << 2 & 0x3c3c3c3cu) | (raw.high << (6 - t) & 0x40404040u), 0x42, w + 4 * t);
        steer_make_floats ((words[t] >> 2 & 0x3c3c3c3cu) | (later[t] & 0x40404040u), 0x42, w + 16 + 4 * t);
      }
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return steer_scale_piece (raw.scales, raw.supers);
  }
};

template <> struct SteerFormat<STEER_CUDA_Q6_K> : SteerNibbles
{
  enum
  {
    n_scales = 2,
    base = 64 + 32,
    has_minimum = 0,
  };
  struct Raw
  {
    uint4 quants;
    uint2 high;
    unsigned short scales;
    float super;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);

    return { load_data (matrix, piece), steer_load_plane<uint2> (matrix.high, piece),
             steer_load_plane<unsigned short> (matrix.scales, piece), steer_load_half (matrix.supers, piece / 8) };
  }

  /* 0x428 begins the floats from 64, which count in steps of 1/2. The high bits go to bits 5 and 6. */
  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
    const unsigned words[4] = { raw.quants.x, raw.quants.y, raw.quants.z, raw.quants.w };
    const unsigned first[4] = { raw.high.x << 5, raw.high.x << 3, raw.high.x << 1, raw.high.x >> 1 };
    const unsigned later[4] = { raw.high.y << 5, raw.high.y << 3, raw.high.y << 1, raw.high.y >> 1 };

#pragma unroll
    for (int t = 0; t < 4; t++)
      {
        steer_make_floats ((words[t] << 1 & 0x1e1e1e1eu) | (first[t] & 0x60606060u) | 0x80808080u, 0x42, w + 4 * t);
        steer_make_floats ((words[t] >> 3 & 0x1e1e1e1eu) | (later[t] & 0x60606060u) | 0x80808080u, 0x42,
                           w + 16 + 4 * t);
      }
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int i)
  {
    return { __fmul_rn (raw.super, (float) (signed char) (raw.scales >> (8 * i))), 0.0f };
  }
};

/* Bytes of a row in the data plane. */
static __host__ __device__ __forceinline__ size_t
steer_row_bytes (SteerCudaType type, int n_columns)
{
  return type == STEER_CUDA_F32  ? (size_t) n_columns * 4
         : type < STEER_CUDA_Q8  ? (size_t) n_columns * 2
         : type == STEER_CUDA_Q8 ? (size_t) n_columns
                                 : (size_t) n_columns / 2;
}

/* Elements k .. k + n - 1 of a row, n those of a piece; to the bit what steer_dequantize() makes of them. */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_expand_piece (const SteerCudaMatrix &matrix, size_t row, int k, float *w)
{
  typedef SteerFormat<type> Format;
  typename Format::Raw raw = Format::load (matrix, row, k);

  Format::expand (raw, w);
#pragma unroll
  for (int i = 0; i < Format::n; i++)
    {
      SteerScale scale = Format::scale (raw, i / (Format::n / Format::n_scales));

      w[i] = __fsub_rn (__fmul_rn (w[i] - (float) Format::base, scale.factor), scale.minimum);
    }
}
