#pragma once

/* The activations as tensor cores take them, in whole numbers. 128 neighbours of a column have a step, a power of two;
 * an activation is that times a sum of four digits, bytes with a sign and different weights, and so exact to the 29th
 * bit of the largest of the 128. The digits are columns of an mma side by side, of which each adds up to a whole
 * number. */

#include "steer-gemv.cuh"
#include "steer-tile-supers.cuh"

#define STEER_TILE_DIGITS 4
#define STEER_TILE_SET_COLUMNS 2 /* of activations that the eight columns of an mma hold */

/* Columns that have a step: what a warp stages at a time. */
#define STEER_TILE_GROUP 128
#define STEER_TILE_GROUP_PIECES (STEER_TILE_GROUP / STEER_TILE_PIECE)

/* What a digit counts, in steps. */
static __device__ __forceinline__ float
steer_get_digit_weight (int digit)
{
  return digit == 0 ? 1.0f : digit == 1 ? 0x1p-8f : digit == 2 ? 0x1p-15f : 0x1p-23f;
}

/* Where the parts of shared memory begin, after the room. */
struct SteerTileRoom
{
  uint4 *digits; /* [n_columns, stride]: of a column [n_pieces, 4 quarters, 2]: the digits of four neighbours */
  float *steps;  /* [n_columns, steps_stride]: of each group */
  float4 *sums;  /* [2, n_sets, warps, lanes] */
  int stride;
  int steps_stride;
};

/* As many as of floats: digits are written over the activations that they are of. And one more, so that what a warp
 * reads at once of two columns lies in different banks. */
static __host__ __device__ __forceinline__ int
steer_get_digits_stride (int n_pieces)
{
  return n_pieces * (STEER_TILE_PIECE / 4) + 1;
}

static __host__ __device__ __forceinline__ int
steer_get_steps_stride (int n_pieces)
{
  return (n_pieces + STEER_TILE_GROUP_PIECES - 1) / STEER_TILE_GROUP_PIECES;
}

static __host__ __device__ __forceinline__ int
steer_get_n_sets (int n_columns)
{
  return (n_columns + STEER_TILE_SET_COLUMNS - 1) / STEER_TILE_SET_COLUMNS;
}

static __host__ __device__ __forceinline__ size_t
steer_get_tile_bytes (int staged, int n_columns)
{
  int n_pieces = staged / STEER_TILE_PIECE;

  return STEER_GEMV_ROOM * sizeof (double) + (size_t) n_columns * steer_get_digits_stride (n_pieces) * sizeof (uint4)
         + (size_t) 2 * steer_get_n_sets (n_columns) * STEER_GEMV_THREADS * sizeof (float4)
         + (size_t) n_columns * steer_get_steps_stride (n_pieces) * sizeof (float);
}

/* A group's step, where the largest of its numbers has the bits @largest without the sign: that one is below 64 steps.
 * NaN where a number is none, or infinite. inverse: 1 / step. */
static __device__ __forceinline__ float
steer_find_step (unsigned largest, float *inverse)
{
  /* Both are to be normal numbers, and so is 256 times the inverse. */
  unsigned exponent = max (largest >> 23, 16u);

  *inverse = __uint_as_float ((259 - exponent) << 23);
  return exponent == 255 ? __uint_as_float (0x7fffffffu) : __uint_as_float ((exponent - 5) << 23);
}

/* In whose mantissa a number within +-2^14 becomes whole: its low byte is the second digit and 128, the next one the
 * first digit, which is what is nearest. */
#define STEER_TILE_SPLIT (12582912.0f + 128.0f)

/* The digits of four neighbours: of the i-th in byte i of each word. inverse: 1 / step */
static __device__ __forceinline__ uint4
steer_split_vector (float4 x, float inverse)
{
  const float numbers[4] = { x.x, x.y, x.z, x.w };
  unsigned high[4], low[4];
  unsigned words[2][2];

#pragma unroll
  for (int i = 0; i < 4; i++)
    {
      float first = __fmaf_rn (numbers[i], inverse * 256.0f, STEER_TILE_SPLIT);
      float rest = __fmaf_rn (numbers[i], inverse * 256.0f, -__fadd_rn (first, -STEER_TILE_SPLIT));

      high[i] = __float_as_uint (first);
      low[i] = __float_as_uint (__fmaf_rn (rest, 0x1p15f, STEER_TILE_SPLIT));
    }
#pragma unroll
  for (int d = 0; d < 2; d++)
    {
      const unsigned *from = d == 0 ? high : low;
      unsigned first = __byte_perm (from[0], from[1], 0x5140); /* bytes 0 of both, bytes 1 of both */
      unsigned last = __byte_perm (from[2], from[3], 0x5140);

      words[d][0] = __byte_perm (first, last, 0x7632);
      words[d][1] = __byte_perm (first, last, 0x5410) ^ 0x80808080u;
    }
  return make_uint4 (words[0][0], words[0][1], words[1][0], words[1][1]);
}

/* Vector i of column c. Every lane of a warp must call it, with neighbouring vectors of one group; @inside: there is
 * such one, else x is zeros. */
static __device__ __forceinline__ void
steer_stage_vector (const SteerTileRoom &room, int c, unsigned i, bool inside, float4 x)
{
  const unsigned piece_vectors = STEER_TILE_PIECE / 4;
  unsigned largest = max (max (__float_as_uint (x.x) & 0x7fffffffu, __float_as_uint (x.y) & 0x7fffffffu),
                          max (__float_as_uint (x.z) & 0x7fffffffu, __float_as_uint (x.w) & 0x7fffffffu));
  float inverse;
  float step = steer_find_step (__reduce_max_sync (STEER_ALL_LANES, largest), &inverse);

  if (!inside)
    return;
  room.digits[c * room.stride + i / piece_vectors * piece_vectors + i % 4 * 2 + i % piece_vectors / 4]
    = steer_split_vector (x, inverse);
  if (threadIdx.x % STEER_WARP == 0)
    room.steps[c * room.steps_stride + i / STEER_WARP] = step;
}

/* What every thread has of column c from vector @begin on. ahead: [STEER_STAGE_AHEAD] */
static __device__ __forceinline__ void
steer_stage_vectors (const SteerTileRoom &room, int c, unsigned begin, unsigned n_vectors, const float4 *ahead)
{
#pragma unroll
  for (unsigned j = 0; j < STEER_STAGE_AHEAD; j++)
    if (begin + j * STEER_GEMV_THREADS < n_vectors)
      {
        unsigned i = begin + j * STEER_GEMV_THREADS + threadIdx.x;

        steer_stage_vector (room, c, i, i < n_vectors, ahead[j]);
      }
}

/* Elements first .. first + depth - 1 as they are, in place of what is staged and may still be read. */
static __device__ __forceinline__ void
steer_stage_columns (const SteerGemv &job, const SteerTileRoom &room, int first, int depth)
{
  unsigned n_vectors = (unsigned) depth / 4;

  for (int c = 0; c < job.n_columns; c++)
    {
      const float4 *x = reinterpret_cast<const float4 *> (job.x + (size_t) c * job.depth + first);

      for (unsigned begin = 0; begin < n_vectors; begin += STEER_STAGE_AHEAD * STEER_GEMV_THREADS)
        {
          float4 ahead[STEER_STAGE_AHEAD];

#pragma unroll
          for (unsigned j = 0; j < STEER_STAGE_AHEAD; j++)
            {
              unsigned i = begin + j * STEER_GEMV_THREADS + threadIdx.x;

              ahead[j] = i < n_vectors ? x[i] : make_float4 (0.0f, 0.0f, 0.0f, 0.0f);
            }
          if (c == 0 && begin == 0)
            __syncthreads ();
          steer_stage_vectors (room, c, begin, n_vectors, ahead);
        }
    }
  __syncthreads ();
}

/* Steering and RMS norm of whole columns. The floats lie where their digits will, which are written over those that
 * have been read. */
template <int columns>
static __device__ __forceinline__ void
steer_stage_normed_columns (const SteerGemv &job, const SteerHookOps *ops, const SteerTileRoom &room, double *sum_room)
{
  const float4 *norm = reinterpret_cast<const float4 *> (job.norm);
  unsigned n_vectors = (unsigned) job.depth / 4;
  float4 *floats = reinterpret_cast<float4 *> (room.digits);
  float factors[columns];

  steer_stage_residuals<columns, 1> (job, ops, floats, room.stride, sum_room, factors);
#pragma unroll
  for (int c = 0; c < columns; c++)
    {
      if (c >= job.n_columns)
        break;
      for (unsigned begin = 0; begin < n_vectors; begin += STEER_STAGE_AHEAD * STEER_GEMV_THREADS)
        {
          float4 ahead[STEER_STAGE_AHEAD];

#pragma unroll
          for (unsigned j = 0; j < STEER_STAGE_AHEAD; j++)
            {
              unsigned i = begin + j * STEER_GEMV_THREADS + threadIdx.x;

              ahead[j] = i < n_vectors ? __ldg (norm + i) : make_float4 (0.0f, 0.0f, 0.0f, 0.0f);
            }
#pragma unroll
          for (unsigned j = 0; j < STEER_STAGE_AHEAD; j++)
            {
              unsigned i = begin + j * STEER_GEMV_THREADS + threadIdx.x;

              if (i < n_vectors)
                ahead[j] = steer_normalise (floats[c * room.stride + i], factors[c], ahead[j]);
            }
          __syncthreads ();
          steer_stage_vectors (room, c, begin, n_vectors, ahead);
        }
    }
  __syncthreads ();
}

/* What a lane reads of the staged columns. */
template <int n_sets> struct SteerTileColumns
{
  const unsigned *digits[n_sets];
  const float *steps[n_sets];

  /* Digits of a quarter of a piece: of its first four elements, or of its other four. */
  __device__ __forceinline__ unsigned
  get_digits (int s, int piece, int other) const
  {
    return digits[s][piece * (STEER_TILE_PIECE / 4 * 4) + other * 4];
  }
};

/* Digit d of the s-th column of a set is column 4 s + d of the mma. */
static __device__ __forceinline__ int
steer_get_mma_column (int s, int digit)
{
  return STEER_TILE_DIGITS * s + digit;
}

template <int n_sets>
static __device__ __forceinline__ SteerTileColumns<n_sets>
steer_find_columns (const SteerTileRoom &room, int n_columns)
{
  int lane = threadIdx.x % STEER_WARP;
  SteerTileColumns<n_sets> columns;

#pragma unroll
  for (int s = 0; s < n_sets; s++)
    {
      /* Where there is no such column, any will do: nobody reads its sums. */
      int c = min (s * STEER_TILE_SET_COLUMNS + lane / 4 / STEER_TILE_DIGITS, n_columns - 1);
      int mine = min (s * STEER_TILE_SET_COLUMNS + lane % 4 / 2, n_columns - 1); /* whose sums the lane has */

      columns.digits[s] = reinterpret_cast<const unsigned *> (room.digits + c * room.stride + lane % 4 * 2)
                          + lane / 4 % STEER_TILE_DIGITS;
      columns.steps[s] = room.steps + mine * room.steps_stride;
    }
  return columns;
}
