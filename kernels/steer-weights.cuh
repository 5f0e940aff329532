#pragma once

/* Weights as they are stored. A format tells how a lane takes its piece of a row, and what numbers the piece holds. The
 * products with quantised weights have formats of their own: steer-tile-formats.cuh. */

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

template <typename T>
static __device__ __forceinline__ T
steer_load_plane (const void *plane, size_t i)
{
  return __ldg (static_cast<const T *> (plane) + i);
}

/* Of quantised types a piece is 32 elements, four quarters of eight. Quarter t lies in piece_words words, at those of
 * the other pieces of its group: the data plane holds [groups of 16 / (4 piece_words) pieces, 4 quarters, pieces of the
 * group, piece_words], the last group of a row as many pieces as are left. */
template <int piece_words> struct SteerBlocks
{
  enum
  {
    n = 32,
    n_scales = 1,
    group_pieces = 4 / piece_words,
  };

  static __device__ __forceinline__ size_t
  find (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    return (row * matrix.n_columns + k) / n;
  }

  /* words: [4, piece_words] */
  static __device__ __forceinline__ void
  load_words (const SteerCudaMatrix &matrix, size_t row, int k, unsigned *words)
  {
    int n_pieces = matrix.n_columns / n;
    int in_group = k / n % group_pieces;
    int first = k / n - in_group;
    int n_together = min ((int) group_pieces, n_pieces - first);
    size_t begin = (row * n_pieces + first) * 4 * piece_words;

#pragma unroll
    for (int t = 0; t < 4; t++)
#pragma unroll
      for (int i = 0; i < piece_words; i++)
        words[t * piece_words + i]
          = steer_load_plane<unsigned> (matrix.data, begin + (size_t) (t * n_together + in_group) * piece_words + i);
  }
};

template <> struct SteerFormat<STEER_CUDA_Q8> : SteerBlocks<2>
{
  struct Raw
  {
    unsigned words[8];
    float scale;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    Raw raw;

    load_words (matrix, row, k, raw.words);
    raw.scale = steer_load_half (matrix.scales, find (matrix, row, k));
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      w[i] = (float) (signed char) (raw.words[i % 16 / 4 * 2 + i / 16] >> (i % 4 * 8));
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return { raw.scale, 0.0f };
  }
};

/* The low four bits of element i of a piece. */
static __device__ __forceinline__ unsigned
steer_get_nibble (const unsigned *words, int i)
{
  return words[i % 16 / 4] >> (i % 4 * 8 + i / 16 * 4) & 15;
}

template <> struct SteerFormat<STEER_CUDA_Q4_0> : SteerBlocks<1>
{
  struct Raw
  {
    unsigned words[4];
    float scale;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    Raw raw;

    load_words (matrix, row, k, raw.words);
    raw.scale = steer_load_half (matrix.scales, find (matrix, row, k));
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      w[i] = (float) ((int) (steer_get_nibble (raw.words, i) ^ 8) - 8);
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

template <> struct SteerFormat<STEER_CUDA_Q4_K> : SteerBlocks<1>
{
  struct Raw
  {
    unsigned words[4];
    unsigned short scales;
    unsigned supers;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);
    Raw raw;

    load_words (matrix, row, k, raw.words);
    raw.scales = steer_load_plane<unsigned short> (matrix.scales, piece);
    raw.supers = steer_load_plane<unsigned> (matrix.supers, piece / 8);
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      w[i] = (float) steer_get_nibble (raw.words, i);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return steer_scale_piece (raw.scales, raw.supers);
  }
};

template <> struct SteerFormat<STEER_CUDA_Q5_K> : SteerBlocks<1>
{
  struct Raw
  {
    unsigned words[4];
    unsigned high[8]; /* of quarter t the first four elements and the other four; the piece's are bits 0 of the bytes */
    unsigned short scales;
    unsigned supers;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);
    Raw raw;

    load_words (matrix, row, k, raw.words);
#pragma unroll
    for (int i = 0; i < 8; i++)
      raw.high[i] = steer_load_plane<unsigned> (matrix.high, piece / 8 * 8 + i) >> (piece % 8);
    raw.scales = steer_load_plane<unsigned short> (matrix.scales, piece);
    raw.supers = steer_load_plane<unsigned> (matrix.supers, piece / 8);
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      {
        unsigned bit = raw.high[i % 16 / 4 * 2 + i / 16] >> (i % 4 * 8) & 1;

        w[i] = (float) (steer_get_nibble (raw.words, i) | bit << 4);
      }
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return steer_scale_piece (raw.scales, raw.supers);
  }
};

template <> struct SteerFormat<STEER_CUDA_Q6_K> : SteerBlocks<1>
{
  enum
  {
    n_scales = 2,
  };
  struct Raw
  {
    unsigned words[4];
    unsigned high[8]; /* as those of Q5_K, two bits an element */
    unsigned short scales;
    float super;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);
    Raw raw;

    load_words (matrix, row, k, raw.words);
#pragma unroll
    for (int i = 0; i < 8; i++)
      raw.high[i] = steer_load_plane<unsigned> (matrix.high, piece / 8 * 16 + i * 2 + piece % 8 / 4) >> (piece % 4 * 2);
    raw.scales = steer_load_plane<unsigned short> (matrix.scales, piece);
    raw.super = steer_load_half (matrix.supers, piece / 8);
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      {
        unsigned bits = raw.high[i % 16 / 4 * 2 + i / 16] >> (i % 4 * 8) & 3;

        w[i] = (float) ((int) (steer_get_nibble (raw.words, i) | (bits ^ 2) << 4) - 32);
      }
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int i)
  {
    return { __fmul_rn (raw.super, (float) (signed char) (raw.scales >> (8 * i))), 0.0f };
  }
};

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

      w[i] = __fsub_rn (__fmul_rn (w[i], scale.factor), scale.minimum);
    }
}
