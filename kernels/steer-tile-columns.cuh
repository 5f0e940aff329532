#pragma once

/* The activations as tensor cores take them: each the exact sum of three numbers of bfloat16, its digits, which are
 * columns of an mma side by side. */

#include "steer-gemv.cuh"
#include "steer-tile-formats.cuh"

#define STEER_TILE_DIGITS 3
#define STEER_TILE_SET_COLUMNS 2 /* of activations that the eight columns of an mma hold */

/* Where the parts of shared memory begin, after the room. */
struct SteerTileRoom
{
  uint4 *digits; /* [n_columns, stride]: of a column [n_pieces, 3, 4]: of digit d, quarter t: its four pairs */
  /* Of what shares a scale, times -base. Without super-scales [n_columns + 1, totals_stride] floats, of which the last
   * are zeros; with them [n_columns, 3, totals_stride] words: digit d of two of them. */
  void *totals;
  float4 *sums; /* [2, n_sets, warps, lanes] */
  int stride;   /* in vectors of digits */
  int totals_stride;
};

static __host__ __device__ __forceinline__ int
steer_get_digits_stride (int n_pieces)
{
  return n_pieces * STEER_TILE_DIGITS * 4;
}

/* At least what n_pieces need. What a warp reads at once must lie in different banks: the same total of several
 * columns, or four words of each of several digits. */
template <SteerCudaType type>
static __host__ __device__ __forceinline__ int
steer_get_totals_stride (int n_pieces)
{
  int n = n_pieces * SteerTileFormat<type>::n_scales;

  return SteerTileFormat<type>::has_supers ? (n / 2 + 31 - 4) / 32 * 32 + 4 : n | 1;
}

template <SteerCudaType type>
static __host__ __device__ __forceinline__ int
steer_get_n_total_rows (int n_columns)
{
  return SteerTileFormat<type>::has_supers ? n_columns * STEER_TILE_DIGITS : n_columns + 1;
}

static __host__ __device__ __forceinline__ int
steer_get_n_sets (int n_columns)
{
  return (n_columns + STEER_TILE_SET_COLUMNS - 1) / STEER_TILE_SET_COLUMNS;
}

template <SteerCudaType type>
static __host__ __device__ __forceinline__ size_t
steer_get_tile_bytes (int staged, int n_columns)
{
  int n_pieces = staged / STEER_TILE_PIECE;

  return STEER_GEMV_ROOM * sizeof (double) + (size_t) n_columns * steer_get_digits_stride (n_pieces) * sizeof (uint4)
         + (size_t) 2 * steer_get_n_sets (n_columns) * STEER_GEMV_THREADS * sizeof (float4)
         + (size_t) steer_get_n_total_rows<type> (n_columns) * steer_get_totals_stride<type> (n_pieces)
             * sizeof (float);
}

/* The three digits of two numbers, the first in the lower half. What the first two leave is such a number itself. */
static __device__ __forceinline__ void
steer_split_pair (float a, float b, unsigned *digits)
{
#pragma unroll
  for (int d = 0; d < STEER_TILE_DIGITS; d++)
    {
      digits[d] = __byte_perm (__float_as_uint (a), __float_as_uint (b), 0x7632);
      a -= __uint_as_float (__float_as_uint (a) & 0xffff0000u);
      b -= __uint_as_float (__float_as_uint (b) & 0xffff0000u);
    }
}

/* Total @i of column c. */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_stage_total (const SteerTileRoom &room, int c, unsigned i, float total)
{
  if constexpr (SteerTileFormat<type>::has_supers)
    for (int d = 0; d < STEER_TILE_DIGITS; d++)
      {
        unsigned row = (c * STEER_TILE_DIGITS + d) * room.totals_stride;

        static_cast<uint16_t *> (room.totals)[2 * row + i] = (uint16_t) (__float_as_uint (total) >> 16);
        total -= __uint_as_float (__float_as_uint (total) & 0xffff0000u);
      }
  else
    static_cast<float *> (room.totals)[c * room.totals_stride + i] = total;
}

/* Vector i of column c. Every lane of a warp must call it, with neighbouring vectors; @inside: there is such one. */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_stage_vector (const SteerTileRoom &room, int c, unsigned i, bool inside, float4 x)
{
  typedef SteerTileFormat<type> Format;
  const unsigned scale_vectors = 8 / Format::n_scales;
  unsigned even[STEER_TILE_DIGITS], odd[STEER_TILE_DIGITS];
  float total = (x.x + x.y) + (x.z + x.w);

  steer_split_pair (x.x, x.z, even);
  steer_split_pair (x.y, x.w, odd);
  if (inside)
    {
      uint4 *at = room.digits + c * room.stride + i / 8 * STEER_TILE_DIGITS * 4 + i % 4;

#pragma unroll
      for (int d = 0; d < STEER_TILE_DIGITS; d++)
        reinterpret_cast<uint2 *> (at + d * 4)[i % 8 / 4] = make_uint2 (even[d], odd[d]);
    }
#pragma unroll
  for (unsigned offset = 1; offset < scale_vectors; offset *= 2)
    total += __shfl_xor_sync (STEER_ALL_LANES, total, offset);
  if (inside && i % scale_vectors == 0)
    steer_stage_total<type> (room, c, i / scale_vectors, __fmul_rn (-(float) Format::base, total));
}

/* What every thread has of column c from vector @begin on. ahead: [STEER_STAGE_AHEAD] */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_stage_vectors (const SteerTileRoom &room, int c, unsigned begin, unsigned n_vectors, const float4 *ahead)
{
#pragma unroll
  for (unsigned j = 0; j < STEER_STAGE_AHEAD; j++)
    if (begin + j * STEER_GEMV_THREADS < n_vectors)
      {
        unsigned i = begin + j * STEER_GEMV_THREADS + threadIdx.x;

        steer_stage_vector<type> (room, c, i, i < n_vectors, ahead[j]);
      }
}

/* Elements first .. first + depth - 1 as they are, in place of what is staged and may still be read. */
template <SteerCudaType type>
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
          steer_stage_vectors<type> (room, c, begin, n_vectors, ahead);
        }
    }
  __syncthreads ();
}

/* Steering and RMS norm of whole columns. The floats lie at the end of the place of their digits, which are written
 * from its beginning on, 192 bytes for 128: never beyond the floats that have been read. */
template <SteerCudaType type, int columns>
static __device__ __forceinline__ void
steer_stage_normed_columns (const SteerGemv &job, const SteerHookOps *ops, const SteerTileRoom &room, double *sum_room)
{
  const float4 *norm = reinterpret_cast<const float4 *> (job.norm);
  unsigned n_vectors = (unsigned) job.depth / 4;
  float4 *floats = reinterpret_cast<float4 *> (room.digits) + room.stride - n_vectors;
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
          steer_stage_vectors<type> (room, c, begin, n_vectors, ahead);
        }
    }
  __syncthreads ();
}

/* What a lane reads of the staged columns. */
template <int n_sets> struct SteerTileColumns
{
  const uint4 *digits[n_sets];
  const float *totals[n_sets];          /* without super-scales */
  const unsigned *total_digits[n_sets]; /* with them */
};

/* Column 0 of an mma is the first digit of a column of activations, column 4 that of the other: the two that begin with
 * a total, in different lanes' first sums. Columns 1, 2 and 5, 6 are their other digits, 3 and 7 nobody's. */
static __device__ __forceinline__ int
steer_get_mma_column (int s, int digit)
{
  return 4 * s + digit;
}

template <SteerCudaType type, int n_sets>
static __device__ __forceinline__ SteerTileColumns<n_sets>
steer_find_columns (const SteerTileRoom &room, int n_columns)
{
  int lane = threadIdx.x % STEER_WARP;
  int column = lane / 4;
  SteerTileColumns<n_sets> columns;

#pragma unroll
  for (int s = 0; s < n_sets; s++)
    {
      /* Where there is no such column, any will do: nobody reads its sums. */
      int c = min (s * STEER_TILE_SET_COLUMNS + column / 4, n_columns - 1);
      int digit = min (column % 4, STEER_TILE_DIGITS - 1);
      int begins = s * STEER_TILE_SET_COLUMNS + lane % 4 / 2;

      columns.digits[s] = room.digits + c * room.stride + digit * 4 + lane % 4;
      if (SteerTileFormat<type>::has_supers)
        columns.total_digits[s] = static_cast<const unsigned *> (room.totals)
                                  + (c * STEER_TILE_DIGITS + digit) * room.totals_stride + lane % 4;
      else
        columns.totals[s] = static_cast<const float *> (room.totals)
                            + (lane % 2 == 0 && begins < n_columns ? begins : n_columns) * room.totals_stride;
    }
  return columns;
}
