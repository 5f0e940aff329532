#pragma once

/* The formats of types whose blocks are as long as a unit: their scales are whole numbers, which super-scales multiply.
 */

#include "steer-tile-formats.cuh"

/* Scales of a unit, super-scales, and the high bits of a quarter. */
template <int group_pieces, typename Scales, typename Supers, typename High>
struct SteerTileSupers : SteerTileData<group_pieces>
{
  typedef SteerTileData<group_pieces> Data;
  struct Row
  {
    const uint4 *data;
    const Scales *scales;
    const High *high;
    const Supers *supers;
  };
  Scales scales;
  High high;
  Supers supers;

  static __device__ __forceinline__ Row
  find (const SteerCudaMatrix &matrix, int row, int n_pieces)
  {
    size_t first = (size_t) row * (n_pieces / STEER_TILE_PIECES);

    return { Data::find_data (matrix, row, n_pieces), static_cast<const Scales *> (matrix.scales) + first,
             std::is_empty<High>::value ? nullptr : static_cast<const High *> (matrix.high) + first * 4,
             static_cast<const Supers *> (matrix.supers) + first };
  }

  template <bool whole>
  __device__ __forceinline__ void
  load (const Row &row, int unit, int t, int n_pieces)
  {
    this->template load_data<true> (row.data, unit, t, n_pieces);
    load_vector (row.scales + unit, &scales);
    supers = __ldg (row.supers + unit);
    if (!std::is_empty<High>::value)
      load_vector (row.high + unit * 4 + t, &high);
  }

  static __device__ __forceinline__ void
  load_vector (const uint2 *from, uint2 *to)
  {
    *to = __ldg (from);
  }

  static __device__ __forceinline__ void
  load_vector (const uint4 *from, uint4 *to)
  {
    *to = steer_load_weights (from);
  }

  static __device__ __forceinline__ void
  load_vector (const void *, void *)
  {
  }

  __device__ __forceinline__ float2
  get_supers () const
  {
    return SteerNumber<STEER_CUDA_F16>::widen (supers);
  }

  template <int n_units>
  static __device__ __forceinline__ void
  prefetch (const Row &row, int unit, int t)
  {
    Data::template prefetch_data<n_units> (row.data, unit, t);
    if (t < 2)
      steer_prefetch (t == 0 ? static_cast<const void *> (row.scales + unit) : row.supers + unit);
    else if (!std::is_empty<High>::value)
      steer_prefetch (row.high + unit * 4 + (t - 2) * n_units * 2);
  }
};

struct SteerNoHighBits
{
};

/* Two bits of a quarter's elements, of which four pieces share a word, in their byte from bit @to on. */
static __device__ __forceinline__ unsigned
steer_get_two_bits (const uint4 &words, int j, int other, int to)
{
  return steer_shift (steer_get_word (words, 2 * other + j / 4), to - j % 4 * 2);
}

/* Scales of a byte with a sign. */
template <int group_pieces, typename High>
struct SteerTileSigned : SteerTileSupers<group_pieces, uint4, unsigned short, High>
{
  enum
  {
    n_scales = 2,
    is_signed = 1,
  };

  __device__ __forceinline__ int
  get_scale (int i) const
  {
    return (int) (steer_get_word (this->scales, i / 4) << (24 - i % 4 * 8)) >> 24;
  }
};

template <> struct SteerTileFormat<STEER_CUDA_Q2_K> : SteerTileSupers<8, uint4, unsigned, SteerNoHighBits>
{
  enum
  {
    units = 2,
    at_once = 2,
    n_scales = 2,
    n_minima = 2,
  };

  __device__ __forceinline__ unsigned
  get_bytes (int j, int other) const
  {
    return steer_get_two_bits (data[0], j, other, 0) & 0x03030303u;
  }

  __device__ __forceinline__ int
  get_scale (int i) const
  {
    return (int) (steer_get_word (scales, i / 4) >> (i % 4 * 8) & 15);
  }

  __device__ __forceinline__ unsigned
  get_minima (int i) const
  {
    return __byte_perm (steer_get_word (scales, i / 4), 0, 0x1111 * (i % 4)) >> 4 & 0x0f0f0f0fu;
  }
};

template <> struct SteerTileFormat<STEER_CUDA_Q3_K> : SteerTileSigned<8, uint2>
{
  enum
  {
    units = 2,
    at_once = 2,
    unit = 32,
  };

  __device__ __forceinline__ unsigned
  get_bytes (int j, int other) const
  {
    unsigned low = steer_get_two_bits (data[0], j, other, 5) & 0x60606060u;

    return steer_and_or (steer_shift (other ? high.y : high.x, 7 - j), 0x80808080u, low);
  }
};

/* {scale, minimum} of each piece. */
template <typename High> struct SteerTileMinima : SteerTileSupers<4, uint4, unsigned, High>
{
  enum
  {
    n_minima = 1,
  };

  __device__ __forceinline__ int
  get_scale (int i) const
  {
    return (int) __byte_perm (steer_get_word (this->scales, i / 2), 0, i % 2 == 0 ? 0x4440 : 0x4442);
  }

  __device__ __forceinline__ unsigned
  get_minima (int i) const
  {
    return __byte_perm (steer_get_word (this->scales, i / 2), 0, i % 2 == 0 ? 0x1111 : 0x3333);
  }
};

template <> struct SteerTileFormat<STEER_CUDA_Q4_K> : SteerTileMinima<SteerNoHighBits>
{
  enum
  {
    units = 2,
    at_once = 2,
  };

  __device__ __forceinline__ unsigned
  get_bytes (int j, int other) const
  {
    return steer_shift (get_data (j, 0), other ? -4 : 0) & 0x0f0f0f0fu;
  }
};

template <> struct SteerTileFormat<STEER_CUDA_Q5_K> : SteerTileMinima<uint2>
{
  enum
  {
    units = 2,
    at_once = 1,
  };

  __device__ __forceinline__ unsigned
  get_bytes (int j, int other) const
  {
    unsigned low = steer_shift (get_data (j, 0), other ? -4 : 0) & 0x0f0f0f0fu;

    return steer_and_or (steer_shift (other ? high.y : high.x, 4 - j), 0x10101010u, low);
  }
};

template <> struct SteerTileFormat<STEER_CUDA_Q6_K> : SteerTileSigned<4, uint4>
{
  enum
  {
    units = 2,
    at_once = 1,
    unit = 4,
  };

  __device__ __forceinline__ unsigned
  get_bytes (int j, int other) const
  {
    unsigned low = steer_shift (get_data (j, 0), other ? -2 : 2) & 0x3c3c3c3cu;

    return steer_and_or (steer_get_two_bits (high, j, other, 6), 0xc0c0c0c0u, low);
  }
};

template <> struct SteerTileFormat<STEER_CUDA_IQ4_XS> : SteerTileSupers<4, uint2, unsigned short, SteerNoHighBits>
{
  enum
  {
    units = 2,
    at_once = 2,
    is_signed = 1,
  };

  __device__ __forceinline__ unsigned
  get_bytes (int j, int other) const
  {
    return steer_find_levels (steer_shift (get_data (j, 0), other ? -16 : 0));
  }

  __device__ __forceinline__ int
  get_scale (int i) const
  {
    return (int) ((i < 4 ? scales.x : scales.y) << (24 - i % 4 * 8)) >> 24;
  }
};
