#pragma once

/* What numbers the planes of quantised types hold, a piece at a time: for whoever wants the numbers. The products of
 * decoding have formats of their own: steer-tile-formats.cuh. */

#include "steer-weights.cuh"

template <typename T>
static __device__ __forceinline__ T
steer_load_plane (const void *plane, size_t i)
{
  return __ldg (static_cast<const T *> (plane) + i);
}

/* Of quantised types a piece is 32 elements, four quarters of eight. */
struct SteerPieces
{
  enum
  {
    n = 32,
    n_scales = 1,
  };

  static __device__ __forceinline__ size_t
  find (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    return (row * matrix.n_columns + k) / n;
  }
};

/* Quarter t lies in piece_words words, at those of the other pieces of its group: the data plane holds [groups of 16 /
 * (4 piece_words) pieces, 4 quarters, pieces of the group, piece_words], the last group of a row as many pieces as are
 * left. */
template <int piece_words> struct SteerBlocks : SteerPieces
{
  enum
  {
    group_pieces = 4 / piece_words,
  };

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

/* Bytes: words are of quarter t the first four elements and the other four. */
static __device__ __forceinline__ unsigned
steer_get_byte (const unsigned *words, int i)
{
  return words[i % 16 / 4 * 2 + i / 16] >> (i % 4 * 8);
}

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
      w[i] = (float) (signed char) steer_get_byte (raw.words, i);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return { raw.scale, 0.0f };
  }
};

template <> struct SteerFormat<STEER_CUDA_Q8_1> : SteerBlocks<2>
{
  struct Raw
  {
    unsigned words[8];
    float2 scale;
  };

  static __device__ __forceinline__ Raw
  load (const SteerCudaMatrix &matrix, size_t row, int k)
  {
    Raw raw;

    load_words (matrix, row, k, raw.words);
    raw.scale = SteerNumber<STEER_CUDA_F16>::widen (steer_load_plane<unsigned> (matrix.scales, find (matrix, row, k)));
    return raw;
  }

  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      w[i] = (float) (steer_get_byte (raw.words, i) & 0xff);
  }

  static __device__ __forceinline__ SteerScale
  scale (const Raw &raw, int)
  {
    return { raw.scale.x, -raw.scale.y };
  }
};

/* Four bits an element and a scale a piece. */
struct SteerHalfBytes : SteerBlocks<1>
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

template <> struct SteerFormat<STEER_CUDA_Q4_0> : SteerHalfBytes
{
  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
#pragma unroll
    for (int i = 0; i < n; i++)
      w[i] = (float) ((int) (steer_get_nibble (raw.words, i) ^ 8) - 8);
  }
};

/* The levels of a piece. */
static __device__ __forceinline__ void
steer_expand_levels (const unsigned *words, float *w)
{
#pragma unroll
  for (int i = 0; i < 32; i += 4)
    {
      unsigned levels = steer_find_levels (words[i % 16 / 4] >> (i / 16 * 16));

#pragma unroll
      for (int b = 0; b < 4; b++)
        w[i + b] = (float) (signed char) (levels >> (b * 8));
    }
}

template <> struct SteerFormat<STEER_CUDA_IQ4_NL> : SteerHalfBytes
{
  static __device__ __forceinline__ void
  expand (const Raw &raw, float *w)
  {
    steer_expand_levels (raw.words, w);
  }
};
