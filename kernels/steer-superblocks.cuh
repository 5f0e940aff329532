#pragma once

/* What numbers the planes hold of the types with super-scales, and of all types. */

#include "steer-blocks.cuh"

template <> struct SteerFormat<STEER_CUDA_IQ4_XS> : SteerBlocks<1>
{
  struct Raw
  {
    unsigned words[4];
    signed char scale;
    float super;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);
    Raw raw;

    load_words (matrix, row, k, raw.words);
    raw.scale = steer_load_plane<signed char> (matrix.scales, piece);
    raw.super = steer_load_half (matrix.supers, piece / 8);
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
    steer_expand_levels (raw.words, w);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return { __fmul_rn (raw.super, (float) raw.scale), 0.0f };
  }
};

/* Bits of a piece that share their bytes with those of other pieces. words: [8]: of quarter t the first four elements
 * and the other four; the piece's bits are the lowest of each byte. */
template <int n_bits>
static __device__ __forceinline__ void
steer_load_bits (const void *plane, size_t piece, unsigned *words)
{
  const int together = 8 / n_bits;

#pragma unroll
  for (int i = 0; i < 8; i++)
    words[i] = steer_load_plane<unsigned> (plane, (piece / 8 * 8 + i) * n_bits + piece % 8 / together)
               >> (piece % together * n_bits);
}

template <int n_bits>
static __device__ __forceinline__ unsigned
steer_get_bits (const unsigned *words, int i)
{
  return steer_get_byte (words, i) & ((1 << n_bits) - 1);
}

/* {scale, minimum} of elements, and the {super, super} of their block. */
static __device__ __forceinline__ SteerScale
steer_scale_piece (unsigned scale, unsigned minimum, unsigned supers)
{
  float2 super = SteerNumber<STEER_CUDA_F16>::widen (supers);

  return { __fmul_rn (super.x, (float) scale), __fmul_rn (super.y, (float) minimum) };
}

/* The i-th of two scales with a sign. */
static __device__ __forceinline__ SteerScale
steer_scale_half_piece (unsigned scales, int i, float super)
{
  return { __fmul_rn (super, (float) (signed char) (scales >> (8 * i))), 0.0f };
}

template <> struct SteerFormat<STEER_CUDA_Q2_K> : SteerPieces
{
  enum
  {
    n_scales = 2,
  };
  struct Raw
  {
    unsigned low[8];
    unsigned short scales;
    unsigned supers;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);
    Raw raw;

    steer_load_bits<2> (matrix.data, piece, raw.low);
    raw.scales = steer_load_plane<unsigned short> (matrix.scales, piece);
    raw.supers = steer_load_plane<unsigned> (matrix.supers, piece / 8);
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      w[i] = (float) steer_get_bits<2> (raw.low, i);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int i)
  {
    unsigned both = raw.scales >> (8 * i);

    return steer_scale_piece (both & 15, both >> 4 & 15, raw.supers);
  }
};

template <> struct SteerFormat<STEER_CUDA_Q3_K> : SteerPieces
{
  enum
  {
    n_scales = 2,
  };
  struct Raw
  {
    unsigned low[8];
    unsigned high[8];
    unsigned short scales;
    float super;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);
    Raw raw;

    steer_load_bits<2> (matrix.data, piece, raw.low);
    steer_load_bits<1> (matrix.high, piece, raw.high);
    raw.scales = steer_load_plane<unsigned short> (matrix.scales, piece);
    raw.super = steer_load_half (matrix.supers, piece / 8);
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      w[i] = (float) ((int) steer_get_bits<2> (raw.low, i) - (int) steer_get_bits<1> (raw.high, i) * 4);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int i)
  {
    return steer_scale_half_piece (raw.scales, i, raw.super);
  }
};

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
    return steer_scale_piece (raw.scales & 0xff, raw.scales >> 8, raw.supers);
  }
};

template <> struct SteerFormat<STEER_CUDA_Q5_K> : SteerBlocks<1>
{
  struct Raw
  {
    unsigned words[4];
    unsigned high[8];
    unsigned short scales;
    unsigned supers;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);
    Raw raw;

    load_words (matrix, row, k, raw.words);
    steer_load_bits<1> (matrix.high, piece, raw.high);
    raw.scales = steer_load_plane<unsigned short> (matrix.scales, piece);
    raw.supers = steer_load_plane<unsigned> (matrix.supers, piece / 8);
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      w[i] = (float) (steer_get_nibble (raw.words, i) | steer_get_bits<1> (raw.high, i) << 4);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return steer_scale_piece (raw.scales & 0xff, raw.scales >> 8, raw.supers);
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
    unsigned high[8];
    unsigned short scales;
    float super;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    size_t piece = find (matrix, row, k);
    Raw raw;

    load_words (matrix, row, k, raw.words);
    steer_load_bits<2> (matrix.high, piece, raw.high);
    raw.scales = steer_load_plane<unsigned short> (matrix.scales, piece);
    raw.super = steer_load_half (matrix.supers, piece / 8);
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      w[i] = (float) ((int) (steer_get_nibble (raw.words, i) | (steer_get_bits<2> (raw.high, i) ^ 2) << 4) - 32);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int i)
  {
    return steer_scale_half_piece (raw.scales, i, raw.super);
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
