#pragma once

/* Quantised weights as tensor cores take them: numbers of bfloat16 made of bits, a base more than the quant that they
 * stand for. A quant's bits are moved into the mantissa of a power of two, where they count as many steps of one, so a
 * pair of numbers costs one shift and one logical operation.
 *
 * A lane has a quarter of each of a row's pieces of 32, and of it at a time two pairs: elements 0 and 2, 1 and 3 of
 * four neighbours. Which half of a piece they are of, the halves' bytes tell: steer-weights.cuh. */

#include "steer-weights.cuh"

/* Elements of a unit, what is loaded at a time: as many as share a super-scale, where there is one. */
#define STEER_TILE_UNIT 256
#define STEER_TILE_PIECE 32
#define STEER_TILE_PIECES (STEER_TILE_UNIT / STEER_TILE_PIECE)

/**
 * SteerTileFormat:
 *
 * A quarter of a unit, in registers (the scales are those of the whole unit), and:
 *
 * units: that a warp loads before it multiplies
 * n_scales: of a piece
 * n_parts: numbers that a quant is the sum of
 * base: of all parts together
 * has_supers, has_minima
 * whole: rows are whole units
 * load (matrix, row, unit, n_pieces): t: which quarter; n_pieces: of the row
 * get_pairs (j, h, part, pairs): two pairs of half h of piece j
 * get_scale (i), get_minimum (i): of the unit
 * get_supers: {of the scales, of the minima}
 */
template <SteerCudaType type> struct SteerTileFormat;

static __device__ __forceinline__ unsigned
steer_get_word (const uint4 &words, int i)
{
  return i == 0 ? words.x : i == 1 ? words.y : i == 2 ? words.z : words.w;
}

static __device__ __forceinline__ unsigned
steer_shift (unsigned word, int left)
{
  return left >= 0 ? word << left : word >> -left;
}

/* One instruction each, which compilers do not find where both others are constants. */
static __device__ __forceinline__ unsigned
steer_and_or (unsigned word, unsigned mask, unsigned bits)
{
#ifdef __CUDA_ARCH__
  asm("lop3.b32 %0, %0, %1, %2, 0xea;" : "+r"(word) : "r"(mask), "r"(bits));
  return word;
#else
  return (word & mask) | bits;
#endif
}

static __device__ __forceinline__ unsigned
steer_and_xor (unsigned word, unsigned mask, unsigned bits)
{
#ifdef __CUDA_ARCH__
  asm("lop3.b32 %0, %0, %1, %2, 0x6a;" : "+r"(word) : "r"(mask), "r"(bits));
  return word;
#else
  return (word & mask) ^ bits;
#endif
}

/* Byte @i of @bytes as a number. Put into the mantissa of 2^23 it is that number plus 2^23: two cheap instructions
 * where a conversion is a slow one. */
static __device__ __forceinline__ float
steer_widen_byte (const uint4 &bytes, int i)
{
  return __uint_as_float (__byte_perm (steer_get_word (bytes, i / 4), 0x4b000000u, 0x7540 + i % 4)) - 8388608.0f;
}

static __device__ __forceinline__ float
steer_widen_half (const uint4 &halves, int i)
{
  float2 two = SteerNumber<STEER_CUDA_F16>::widen (steer_get_word (halves, i / 2));

  return i % 2 == 0 ? two.x : two.y;
}

/* The data plane of a unit: [n_groups] of 16 bytes a lane. */
template <int piece_words> struct SteerTileData
{
  enum
  {
    n_scales = 1,
    n_parts = 1,
    has_supers = 1,
    has_minima = 0,
    whole = 1,
    group_pieces = 4 / piece_words,
    n_groups = STEER_TILE_PIECES / group_pieces,
  };
  uint4 data[n_groups];

  __device__ __forceinline__ void
  load_data (const SteerCudaMatrix &matrix, int row, int unit, int t, int n_pieces, bool whole)
  {
    const unsigned *words = static_cast<const unsigned *> (matrix.data) + (size_t) row * n_pieces * 4 * piece_words;

#pragma unroll
    for (int i = 0; i < n_groups; i++)
      {
        int group = unit * n_groups + i;
        int left = n_pieces - group * group_pieces;

        if (whole || left >= group_pieces)
          data[i] = steer_load_weights (words + group * 16 + t * 4);
        else if (left > 0)
          data[i] = load_end (words + group * 16 + t * left * piece_words, left * piece_words);
      }
  }

  static __device__ __forceinline__ uint4
  load_end (const unsigned *words, int n)
  {
    return make_uint4 (__ldg (words), n > 1 ? __ldg (words + 1) : 0, n > 2 ? __ldg (words + 2) : 0, 0);
  }

  __device__ __forceinline__ unsigned
  get_data (int j, int word) const
  {
    return steer_get_word (data[j / group_pieces], j % group_pieces * piece_words + word);
  }
};

/* Scales of float16, one a piece. */
template <int piece_words> struct SteerTileHalves : SteerTileData<piece_words>
{
  enum
  {
    has_supers = 0,
    whole = 0,
  };
  uint4 scales;

  /* A row's scales are aligned to 16 bytes only where its units are whole. */
  __device__ __forceinline__ void
  load_scales (const SteerCudaMatrix &matrix, int row, int unit, int n_pieces)
  {
    const unsigned short *halves
      = static_cast<const unsigned short *> (matrix.scales) + (size_t) row * n_pieces + unit * STEER_TILE_PIECES;
    unsigned words[4] = {};

    if (n_pieces % STEER_TILE_PIECES == 0)
      {
        scales = steer_load_weights (halves);
        return;
      }
#pragma unroll
    for (int i = 0; i < STEER_TILE_PIECES; i++)
      if (unit * STEER_TILE_PIECES + i < n_pieces)
        words[i / 2] |= (unsigned) __ldg (halves + i) << (i % 2 * 16);
    scales = make_uint4 (words[0], words[1], words[2], words[3]);
  }

  __device__ __forceinline__ void
  load (const SteerCudaMatrix &matrix, int row, int unit, int t, int n_pieces)
  {
    this->load_data (matrix, row, unit, t, n_pieces, false);
    load_scales (matrix, row, unit, n_pieces);
  }

  __device__ __forceinline__ float
  get_scale (int i) const
  {
    return steer_widen_half (scales, i);
  }

  __device__ __forceinline__ float
  get_minimum (int) const
  {
    return 0.0f;
  }

  __device__ __forceinline__ float2
  get_supers () const
  {
    return make_float2 (1.0f, 0.0f);
  }
};

/* -128 + 16 times the high four bits of quant + 128, and the low four: 256 counts in steps of 2, 16 in steps of 1/8. */
template <> struct SteerTileFormat<STEER_CUDA_Q8> : SteerTileHalves<2>
{
  enum
  {
    units = 1,
    n_parts = 2,
    base = 256 + 16 + 128,
  };

  __device__ __forceinline__ void
  get_pairs (int j, int h, int part, unsigned *pairs) const
  {
    unsigned word = get_data (j, h);

#pragma unroll
    for (int i = 0; i < 2; i++)
      pairs[i] = part == 0 ? steer_and_or (steer_shift (word, 3 - 8 * i), 0x00780078u, 0x41804180u)
                           : steer_and_xor (steer_shift (word, -1 - 8 * i), 0x00780078u, 0x43c043c0u);
  }
};

/* 16 counts in steps of 1/8: 16 + quant + 8. */
template <> struct SteerTileFormat<STEER_CUDA_Q4_0> : SteerTileHalves<1>
{
  enum
  {
    units = 2,
    base = 16 + 8,
  };

  __device__ __forceinline__ void
  get_pairs (int j, int h, int, unsigned *pairs) const
  {
    unsigned word = get_data (j, 0);

#pragma unroll
    for (int i = 0; i < 2; i++)
      pairs[i] = steer_and_or (steer_shift (word, 3 - 8 * i - 4 * h), 0x00780078u, 0x41804180u);
  }
};

/* Sixteen bytes of scales a unit, and @super_bytes of super-scales. */
template <int super_bytes> struct SteerTileSupers : SteerTileData<1>
{
  uint4 scales;
  unsigned supers;

  __device__ __forceinline__ void
  load_scales (const SteerCudaMatrix &matrix, int row, int unit, int n_pieces)
  {
    size_t i = (size_t) row * (n_pieces / STEER_TILE_PIECES) + unit;

    scales = steer_load_weights (static_cast<const uint4 *> (matrix.scales) + i);
    supers = super_bytes == 4 ? steer_load_plane<unsigned> (matrix.supers, i)
                              : steer_load_plane<unsigned short> (matrix.supers, i);
  }

  __device__ __forceinline__ float2
  get_supers () const
  {
    return SteerNumber<STEER_CUDA_F16>::widen (supers);
  }
};

/* {scale, minimum} of each piece. */
struct SteerTileMinima : SteerTileSupers<4>
{
  enum
  {
    has_minima = 1,
  };

  __device__ __forceinline__ float
  get_scale (int i) const
  {
    return steer_widen_byte (scales, 2 * i);
  }

  __device__ __forceinline__ float
  get_minimum (int i) const
  {
    return steer_widen_byte (scales, 2 * i + 1);
  }
};

template <> struct SteerTileFormat<STEER_CUDA_Q4_K> : SteerTileMinima
{
  enum
  {
    units = 2,
    base = 16,
  };

  __device__ __forceinline__ void
  load (const SteerCudaMatrix &matrix, int row, int unit, int t, int n_pieces)
  {
    load_data (matrix, row, unit, t, n_pieces, true);
    load_scales (matrix, row, unit, n_pieces);
  }

  __device__ __forceinline__ void
  get_pairs (int j, int h, int, unsigned *pairs) const
  {
    unsigned word = get_data (j, 0);

#pragma unroll
    for (int i = 0; i < 2; i++)
      pairs[i] = steer_and_or (steer_shift (word, 3 - 8 * i - 4 * h), 0x00780078u, 0x41804180u);
  }
};

/* 32 counts in steps of 1/4. */
template <> struct SteerTileFormat<STEER_CUDA_Q5_K> : SteerTileMinima
{
  enum
  {
    units = 2,
    base = 32,
  };
  uint2 high; /* of four pieces each: a piece's four pairs in bits 4 j on, their second numbers 16 bits further */

  __device__ __forceinline__ void
  load (const SteerCudaMatrix &matrix, int row, int unit, int t, int n_pieces)
  {
    load_data (matrix, row, unit, t, n_pieces, true);
    load_scales (matrix, row, unit, n_pieces);
    high = steer_load_plane<uint2> (matrix.high, ((size_t) row * (n_pieces / STEER_TILE_PIECES) + unit) * 4 + t);
  }

  __device__ __forceinline__ void
  get_pairs (int j, int h, int, unsigned *pairs) const
  {
    unsigned word = get_data (j, 0);
    unsigned top = j < 4 ? high.x : high.y;

#pragma unroll
    for (int i = 0; i < 2; i++)
      pairs[i] = steer_and_or (steer_shift (top, 6 - 4 * (j % 4) - 2 * h - i), 0x00400040u,
                               steer_and_or (steer_shift (word, 2 - 8 * i - 4 * h), 0x003c003cu, 0x42004200u));
  }
};

/* 64 counts in steps of 1/2. The quant is what lies in the planes less 32. */
template <> struct SteerTileFormat<STEER_CUDA_Q6_K> : SteerTileSupers<2>
{
  enum
  {
    units = 2,
    n_scales = 2,
    base = 64 + 32,
  };
  uint4 high; /* of two pieces each: a piece's four pairs in bits 8 j on, two bits a number */

  __device__ __forceinline__ void
  load (const SteerCudaMatrix &matrix, int row, int unit, int t, int n_pieces)
  {
    load_data (matrix, row, unit, t, n_pieces, true);
    load_scales (matrix, row, unit, n_pieces);
    high = steer_load_weights (static_cast<const uint4 *> (matrix.high)
                               + ((size_t) row * (n_pieces / STEER_TILE_PIECES) + unit) * 4 + t);
  }

  __device__ __forceinline__ void
  get_pairs (int j, int h, int, unsigned *pairs) const
  {
    unsigned word = get_data (j, 0);
    unsigned top = steer_get_word (high, j / 2);

#pragma unroll
    for (int i = 0; i < 2; i++)
      pairs[i] = steer_and_or (steer_shift (top, 5 - 8 * (j % 2) - 4 * h - 2 * i), 0x00600060u,
                               steer_and_or (steer_shift (word, 1 - 8 * i - 4 * h), 0x001e001eu, 0x42804280u));
  }

  __device__ __forceinline__ float
  get_scale (int i) const
  {
    unsigned word = steer_get_word (scales, i / 4) ^ 0x80808080u;

    return __uint_as_float (__byte_perm (word, 0x4b000000u, 0x7540 + i % 4)) - 8388736.0f;
  }

  __device__ __forceinline__ float
  get_minimum (int) const
  {
    return 0.0f;
  }
};
