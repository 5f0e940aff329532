#pragma once

/* Quantised weights as tensor cores take them: as bytes, whole numbers that are the quants, or a multiple of them where
 * that is cheaper: a quant that lies in the upper bits of its byte has its sign there.
 *
 * A lane has a quarter of each of a row's pieces of 32: two words, its first four elements and its other four. */

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
 * n_scales: of a piece, and n_minima where it has some
 * unit: what a byte is of its quant
 * is_signed: whether bytes are
 * has_supers: scales are whole numbers; else they are floats
 * has_offsets: each piece has a float that is added to its numbers
 * always_whole: rows are whole units
 * Row: where a row lies
 * load<whole> (row, unit, t, n_pieces): quarter t of a unit; n_pieces: of the row, which may end within a unit where it
 * is not @whole
 * prefetch<n_units> (row, unit, t): what one of four lanes asks for of so many units
 * get_bytes (j, other): the first four elements or the other four of piece j
 * get_scale (i): of the unit
 * get_supers: {of the scales, of the minima}
 * get_minima (i): a minimum of the unit, four times
 * get_offset (j): of piece j
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

/* One instruction, which compilers do not find where both others are constants. */
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

static __device__ __forceinline__ float
steer_widen_half (const uint4 &halves, int i)
{
  float2 two = SteerNumber<STEER_CUDA_F16>::widen (steer_get_word (halves, i / 2));

  return i % 2 == 0 ? two.x : two.y;
}

/* The data plane of a unit: [n_groups] of 16 bytes a lane, 64 the four lanes that have a row together, each of
 * group_pieces. */
template <int group_pieces> struct SteerTileData
{
  enum
  {
    n_scales = 1,
    n_minima = 0,
    is_signed = 0,
    unit = 1,
    has_supers = 1,
    has_offsets = 0,
    always_whole = 1,
    piece_words = 4 / group_pieces, /* of a lane; 0 where pieces share words */
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
      if (i + t * STEER_PREFETCH_BYTES < n_units * n_groups * 64)
        steer_prefetch (bytes + i);
  }

  static __device__ __forceinline__ const uint4 *
  find_data (const SteerCudaMatrix &matrix, int row, int n_pieces)
  {
    return static_cast<const uint4 *> (matrix.data) + (size_t) row * n_pieces * 4 / group_pieces;
  }
};

/* Scales of float16, one a piece. */
template <int group_pieces> struct SteerTileHalves : SteerTileData<group_pieces>
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
    return { SteerTileData<group_pieces>::find_data (matrix, row, n_pieces),
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
    SteerTileData<group_pieces>::template prefetch_data<n_units> (row.data, unit, t);
    if (t == 0)
      steer_prefetch (row.scales + unit * STEER_TILE_PIECES);
  }
};

template <> struct SteerTileFormat<STEER_CUDA_Q8> : SteerTileHalves<2>
{
  enum
  {
    units = 1,
    at_once = 1,
    is_signed = 1,
  };

  __device__ __forceinline__ unsigned
  get_bytes (int j, int other) const
  {
    return get_data (j, other);
  }
};

/* {scale, offset} of float16. */
template <> struct SteerTileFormat<STEER_CUDA_Q8_1> : SteerTileData<2>
{
  enum
  {
    units = 1,
    at_once = 1,
    has_supers = 0,
    has_offsets = 1,
    always_whole = 0,
  };
  struct Row
  {
    const uint4 *data;
    const unsigned *scales;
  };
  uint4 scales[2]; /* four pieces each */

  static __device__ __forceinline__ Row
  find (const SteerCudaMatrix &matrix, int row, int n_pieces)
  {
    return { find_data (matrix, row, n_pieces),
             static_cast<const unsigned *> (matrix.scales) + (size_t) row * n_pieces };
  }

  template <bool whole>
  __device__ __forceinline__ void
  load (const Row &row, int unit, int t, int n_pieces)
  {
    const unsigned *from = row.scales + unit * STEER_TILE_PIECES;
    int left = n_pieces - unit * STEER_TILE_PIECES;

    load_data<whole> (row.data, unit, t, n_pieces);
#pragma unroll
    for (int i = 0; i < 2; i++)
      scales[i] = whole ? steer_load_weights (from + 4 * i) : load_pairs (from + 4 * i, left - 4 * i);
  }

  static __device__ __forceinline__ uint4
  load_pairs (const unsigned *pairs, int n)
  {
    return make_uint4 (n > 0 ? __ldg (pairs) : 0, n > 1 ? __ldg (pairs + 1) : 0, n > 2 ? __ldg (pairs + 2) : 0,
                       n > 3 ? __ldg (pairs + 3) : 0);
  }

  __device__ __forceinline__ unsigned
  get_bytes (int j, int other) const
  {
    return get_data (j, other);
  }

  __device__ __forceinline__ float2
  get_pair (int j) const
  {
    return SteerNumber<STEER_CUDA_F16>::widen (steer_get_word (scales[j / 4], j % 4));
  }

  __device__ __forceinline__ float
  get_scale (int i) const
  {
    return get_pair (i).x;
  }

  __device__ __forceinline__ float
  get_offset (int j) const
  {
    return get_pair (j).y;
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
    prefetch_data<n_units> (row.data, unit, t);
    if (t == 0)
      steer_prefetch (row.scales + unit * STEER_TILE_PIECES);
  }
};

template <> struct SteerTileFormat<STEER_CUDA_Q4_0> : SteerTileHalves<4>
{
  enum
  {
    units = 2,
    at_once = 2,
    is_signed = 1,
    unit = 16,
  };

  __device__ __forceinline__ unsigned
  get_bytes (int j, int other) const
  {
    return steer_shift (get_data (j, 0), other ? 0 : 4) & 0xf0f0f0f0u;
  }
};

template <> struct SteerTileFormat<STEER_CUDA_IQ4_NL> : SteerTileHalves<4>
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
};
