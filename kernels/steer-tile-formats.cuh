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
 * units: that a warp takes at a time
 * at_once: of these, how many it loads before it multiplies the first: what registers hold
 * n_scales: of a piece
 * n_parts: numbers that a quant is the sum of
 * base: of all parts together
 * has_supers, has_minima
 * always_whole: rows are whole units
 * Row: where a row lies
 * load<whole> (row, unit, t, n_pieces): quarter t of a unit; n_pieces: of the row, which may end within a unit where it
 * is not @whole
 * prefetch<n_units> (row, unit, t): what one of four lanes asks for of so many units
 * get_pairs (j, h, part, pairs): two pairs of half h of piece j
 * get_scale (i): of the unit
 * get_supers: {of the scales, of the minima}
 * get_scale_pairs (t, pairs), get_minimum_pairs (t, pairs): with supers: numbers 2 t and the next, 2 t + 8 and the next
 * of the unit's scales or minima, in bfloat16
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

/* Byte @i of @bytes in the mantissa of 2^23, where it is that number plus 2^23: two cheap instructions with what is
 * then taken off, where a conversion is a slow one. */
static __device__ __forceinline__ float
steer_add_byte (unsigned bytes, int i)
{
  /* An instruction takes one constant: the exponent is to be in a register, and the place of the byte the constant. */
  unsigned exponent = 0x4b000000u | threadIdx.x >> 31;

  return __uint_as_float (__byte_perm (bytes, exponent, 0x7540 + i));
}

static __device__ __forceinline__ float
steer_widen_byte (const uint4 &bytes, int i)
{
  return steer_add_byte (steer_get_word (bytes, i / 4), i % 4) - 8388608.0f;
}

/* Word @i where that is not known before. */
static __device__ __forceinline__ unsigned
steer_pick_word (const uint4 &words, int i)
{
  unsigned low = i % 2 == 0 ? words.x : words.y;
  unsigned high = i % 2 == 0 ? words.z : words.w;

  return i < 2 ? low : high;
}

/* Whole numbers up to 256 are numbers of bfloat16: the upper halves of the floats. */
static __device__ __forceinline__ unsigned
steer_pack_numbers (float first, float second)
{
  return __byte_perm (__float_as_uint (first), __float_as_uint (second), 0x7632);
}

static __device__ __forceinline__ float
steer_widen_half (const uint4 &halves, int i)
{
  float2 two = SteerNumber<STEER_CUDA_F16>::widen (steer_get_word (halves, i / 2));

  return i % 2 == 0 ? two.x : two.y;
}

/* The data plane of a unit: [n_groups] of 16 bytes a lane, 64 the four lanes that have a row together. */
template <int piece_words> struct SteerTileData
{
  enum
  {
    n_scales = 1,
    n_parts = 1,
    has_supers = 1,
    has_minima = 0,
    always_whole = 1,
    group_pieces = 4 / piece_words,
    n_groups = STEER_TILE_PIECES / group_pieces,
  };
  uint4 data[n_groups];

  /* words: of the row; t: which quarter of a group is the lane's */
  template <bool whole>
  __device__ __forceinline__ void
  load_data (const uint4 *words, int unit, int t, int n_pieces)
  {
    words += (size_t) unit * (n_groups * 4);
#pragma unroll
    for (int i = 0; i < n_groups; i++)
      {
        int left = n_pieces - (unit * n_groups + i) * group_pieces;

        if (whole || left >= group_pieces)
          data[i] = steer_load_weights (words + i * 4 + t);
        else if (left > 0)
          data[i] = load_end (reinterpret_cast<const unsigned *> (words + i * 4) + t * left * piece_words,
                              left * piece_words);
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

  template <int n_units>
  static __device__ __forceinline__ void
  prefetch_data (const uint4 *words, int unit, int t)
  {
    const char *bytes
      = reinterpret_cast<const char *> (words + (size_t) unit * (n_groups * 4)) + t * STEER_PREFETCH_BYTES;

#pragma unroll
    for (int i = 0; i < n_units * n_groups * 64; i += 4 * STEER_PREFETCH_BYTES)
      steer_prefetch (bytes + i);
  }

  static __device__ __forceinline__ const uint4 *
  find_data (const SteerCudaMatrix &matrix, int row, int n_pieces)
  {
    return static_cast<const uint4 *> (matrix.data) + (size_t) row * n_pieces * piece_words;
  }
};

/* Scales of float16, one a piece. */
template <int piece_words> struct SteerTileHalves : SteerTileData<piece_words>
{
  enum
  {
    has_supers = 0,
    always_whole = 0,
  };
  struct Row
  {
    const uint4 *data;
    const unsigned short *scales;
  };
  uint4 scales;

  static __device__ __forceinline__ Row
  find (const SteerCudaMatrix &matrix, int row, int n_pieces)
  {
    return { SteerTileData<piece_words>::find_data (matrix, row, n_pieces),
             static_cast<const unsigned short *> (matrix.scales) + (size_t) row * n_pieces };
  }

  /* A row's scales are aligned to 16 bytes only where its units are whole. */
  template <bool whole>
  __device__ __forceinline__ void
  load (const Row &row, int unit, int t, int n_pieces)
  {
    const unsigned short *halves = row.scales + unit * STEER_TILE_PIECES;

    this->template load_data<whole> (row.data, unit, t, n_pieces);
    scales = whole ? steer_load_weights (halves) : load_halves (halves, n_pieces - unit * STEER_TILE_PIECES);
  }

  static __device__ __forceinline__ uint4
  load_halves (const unsigned short *halves, int n)
  {
    unsigned words[4] = {};

#pragma unroll
    for (int i = 0; i < STEER_TILE_PIECES; i++)
      if (i < n)
        words[i / 2] |= (unsigned) __ldg (halves + i) << (i % 2 * 16);
    return make_uint4 (words[0], words[1], words[2], words[3]);
  }

  __device__ __forceinline__ float
  get_scale (int i) const
  {
    return steer_widen_half (scales, i);
  }

  __device__ __forceinline__ float2
  get_supers () const
  {
    return make_float2 (1.0f, 0.0f);
  }

  template <int n_units>
  static __device__ __forceinline__ void
  prefetch (const Row &row, int unit, int t)
  {
    SteerTileData<piece_words>::template prefetch_data<n_units> (row.data, unit, t);
    if (t == 0)
      steer_prefetch (row.scales + unit * STEER_TILE_PIECES);
  }
};

/* The lower seven bits count in steps of 1 from 128; the sign, which is the lowest bit of bfloat16's exponent, takes
 * 256 to 128. */
template <> struct SteerTileFormat<STEER_CUDA_Q8> : SteerTileHalves<2>
{
  enum
  {
    units = 1,
    at_once = 1,
    n_parts = 2,
    base = 128 + 256,
  };

  __device__ __forceinline__ void
  get_pairs (int j, int h, int part, unsigned *pairs) const
  {
    unsigned word = get_data (j, h);

#pragma unroll
    for (int i = 0; i < 2; i++)
      pairs[i] = part == 0 ? steer_and_or (word >> (8 * i), 0x007f007fu, 0x43004300u)
                           : steer_and_xor (word >> (8 * i), 0x00800080u, 0x43804380u);
  }
};

/* 16 counts in steps of 1/8. */
static __device__ __forceinline__ void
steer_get_nibble_pairs (unsigned word, int h, unsigned *pairs)
{
#pragma unroll
  for (int i = 0; i < 2; i++)
    pairs[i] = steer_and_or (steer_shift (word, 3 - 8 * i - 4 * h), 0x00780078u, 0x41804180u);
}

/* The quant is what lies in the planes less 8. */
template <> struct SteerTileFormat<STEER_CUDA_Q4_0> : SteerTileHalves<1>
{
  enum
  {
    units = 2,
    at_once = 2,
    base = 16 + 8,
  };

  __device__ __forceinline__ void
  get_pairs (int j, int h, int, unsigned *pairs) const
  {
    steer_get_nibble_pairs (get_data (j, 0), h, pairs);
  }
};

/* Sixteen bytes of scales a unit, super-scales, and the high bits of a quarter. */
template <typename Supers, typename High> struct SteerTileSupers : SteerTileData<1>
{
  struct Row
  {
    const uint4 *data;
    const uint4 *scales;
    const High *high;
    const Supers *supers;
  };
  uint4 scales;
  High high;
  Supers supers;

  static __device__ __forceinline__ Row
  find (const SteerCudaMatrix &matrix, int row, int n_pieces)
  {
    size_t first = (size_t) row * (n_pieces / STEER_TILE_PIECES);

    return { find_data (matrix, row, n_pieces), static_cast<const uint4 *> (matrix.scales) + first,
             std::is_empty<High>::value ? nullptr : static_cast<const High *> (matrix.high) + first * 4,
             static_cast<const Supers *> (matrix.supers) + first };
  }

  template <bool whole>
  __device__ __forceinline__ void
  load (const Row &row, int unit, int t, int n_pieces)
  {
    load_data<true> (row.data, unit, t, n_pieces);
    scales = steer_load_weights (row.scales + unit);
    supers = __ldg (row.supers + unit);
    if (!std::is_empty<High>::value)
      load_high (row.high + unit * 4 + t, &high);
  }

  static __device__ __forceinline__ void
  load_high (const uint2 *from, uint2 *high)
  {
    *high = __ldg (from);
  }

  static __device__ __forceinline__ void
  load_high (const uint4 *from, uint4 *high)
  {
    *high = steer_load_weights (from);
  }

  static __device__ __forceinline__ void
  load_high (const void *, void *)
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
    prefetch_data<n_units> (row.data, unit, t);
    if (t < 2)
      steer_prefetch (t == 0 ? static_cast<const void *> (row.scales + unit) : row.supers + unit);
    else if (!std::is_empty<High>::value)
      steer_prefetch (row.high + unit * 4 + (t - 2) * n_units * 2);
  }
};

struct SteerNoHighBits
{
};

/* {scale, minimum} of each piece. */
template <typename High> struct SteerTileMinima : SteerTileSupers<unsigned, High>
{
  enum
  {
    has_minima = 1,
  };

  __device__ __forceinline__ float
  get_scale (int i) const
  {
    return steer_widen_byte (this->scales, 2 * i);
  }

  __device__ __forceinline__ void
  get_scale_pairs (int t, unsigned *pairs) const
  {
    get_pairs_of (0, t, pairs);
  }

  __device__ __forceinline__ void
  get_minimum_pairs (int t, unsigned *pairs) const
  {
    get_pairs_of (1, t, pairs);
  }

private:
  __device__ __forceinline__ void
  get_pairs_of (int byte, int t, unsigned *pairs) const
  {
    unsigned word = steer_pick_word (this->scales, t);

    pairs[0]
      = steer_pack_numbers (steer_add_byte (word, byte) - 8388608.0f, steer_add_byte (word, 2 + byte) - 8388608.0f);
    pairs[1] = 0; /* there are eight */
  }
};

template <> struct SteerTileFormat<STEER_CUDA_Q4_K> : SteerTileMinima<SteerNoHighBits>
{
  enum
  {
    units = 2,
    at_once = 2,
    base = 16,
  };

  __device__ __forceinline__ void
  get_pairs (int j, int h, int, unsigned *pairs) const
  {
    steer_get_nibble_pairs (get_data (j, 0), h, pairs);
  }
};

/* 32 counts in steps of 1/4. The high bits are of four pieces a word: a piece's four pairs in bits 4 j on, their second
 * numbers 16 bits further. */
template <> struct SteerTileFormat<STEER_CUDA_Q5_K> : SteerTileMinima<uint2>
{
  enum
  {
    units = 2,
    at_once = 1,
    base = 32,
  };

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

/* 64 counts in steps of 1/2. The quant is what lies in the planes less 32. The high bits are of two pieces a word: a
 * piece's four pairs in bits 8 j on, two bits a number. */
template <> struct SteerTileFormat<STEER_CUDA_Q6_K> : SteerTileSupers<unsigned short, uint4>
{
  enum
  {
    units = 2,
    at_once = 1,
    n_scales = 2,
    base = 64 + 32,
  };

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

  /* Signed: 128 more, which the highest bit is. */
  __device__ __forceinline__ float
  get_scale (int i) const
  {
    return steer_add_byte (steer_get_word (scales, i / 4) ^ 0x80808080u, i % 4) - 8388736.0f;
  }

  __device__ __forceinline__ void
  get_scale_pairs (int t, unsigned *pairs) const
  {
#pragma unroll
    for (int i = 0; i < 2; i++)
      {
        unsigned word = (t < 2 ? steer_get_word (scales, 2 * i) : steer_get_word (scales, 2 * i + 1)) ^ 0x80808080u;

        pairs[i] = steer_pack_numbers (steer_add_byte (word, t % 2 * 2) - 8388736.0f,
                                       steer_add_byte (word, t % 2 * 2 + 1) - 8388736.0f);
      }
  }

  __device__ __forceinline__ void
  get_minimum_pairs (int, unsigned *) const
  {
  }
};
