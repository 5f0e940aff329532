#pragma once

/* Products with quantised weights, on tensor cores: there a weight of Q4_K costs three instructions where lanes that
 * multiply need five, more than a GPU with fast memory can issue in the time in which the weights arrive; and two
 * columns of activations cost what one does.
 *
 * A block computes a tile of eight pairs of rows, the 16 rows of an mma, of which each warp takes every eighth part of
 * the columns. The weights are numbers of bfloat16, exactly. A column of activations is the exact sum of three such
 * numbers, its digits, which fill three columns of the mma, so products are as those of float32.
 *
 * What the weights' base adds is taken off before: a piece's sum begins with -base times the sum of its activations. */

#include "steer-gemv.cuh"
#include "steer-tensor-core.cuh"
#include "steer-tile-formats.cuh"

#define STEER_TILE_DIGITS 3
#define STEER_TILE_SET_COLUMNS 2 /* of activations that the eight columns of an mma hold */
#define STEER_TILE_FRAGMENT 4    /* sums that a lane has of a tile */

/* Where the parts of shared memory begin, after the room. */
struct SteerTileRoom
{
  uint4 *digits; /* [n_columns, stride]: of a column [n_pieces, 3, 4]: of digit d, quarter t: its four pairs */
  float *totals; /* [n_sets, n_pieces, n_scales, 8]: of each column of the mma, times -base */
  float4 *sums;  /* [2, n_sets, warps, lanes] */
  int stride;    /* in vectors of digits */
  int n_pieces;  /* that are staged at a time */
};

/* The two columns whose digits are read at once are not to lie in the same banks. */
static __host__ __device__ __forceinline__ int
steer_get_digits_stride (int n_pieces)
{
  return n_pieces * STEER_TILE_DIGITS * 4 + (n_pieces % 2 == 0 ? 4 : 0);
}

template <SteerCudaType type>
static __host__ __device__ __forceinline__ size_t
steer_get_tile_bytes (int staged, int n_columns)
{
  int n_sets = (n_columns + STEER_TILE_SET_COLUMNS - 1) / STEER_TILE_SET_COLUMNS;
  int n_pieces = staged / STEER_TILE_PIECE;

  return STEER_GEMV_ROOM * sizeof (double) + (size_t) n_columns * steer_get_digits_stride (n_pieces) * sizeof (uint4)
         + (size_t) n_sets * n_pieces * SteerTileFormat<type>::n_scales * 8 * sizeof (float)
         + (size_t) 2 * n_sets * STEER_GEMV_THREADS * sizeof (float4);
}

/* The three digits of two numbers, the first in the lower half. */
static __device__ __forceinline__ void
steer_split_pair (float a, float b, unsigned *digits, float *totals)
{
#pragma unroll
  for (int d = 0; d < STEER_TILE_DIGITS; d++)
    {
      float high_a = __uint_as_float (__float_as_uint (a) & 0xffff0000u);
      float high_b = __uint_as_float (__float_as_uint (b) & 0xffff0000u);

      digits[d] = __byte_perm (__float_as_uint (high_a), __float_as_uint (high_b), 0x7632);
      totals[d] += high_a + high_b;
      a -= high_a;
      b -= high_b;
    }
}

/* Vector i of column c. Every lane of a warp must call it, with neighbouring vectors; @inside: there is such one. */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_stage_vector (const SteerTileRoom &room, int c, int i, bool inside, float4 x)
{
  typedef SteerTileFormat<type> Format;
  const int scale_vectors = 8 / Format::n_scales;
  int piece = i / 8;
  uint4 *at = room.digits + c * room.stride + piece * STEER_TILE_DIGITS * 4 + i % 4;
  unsigned even[STEER_TILE_DIGITS], odd[STEER_TILE_DIGITS];
  float totals[STEER_TILE_DIGITS] = {};

  steer_split_pair (x.x, x.z, even, totals);
  steer_split_pair (x.y, x.w, odd, totals);
#pragma unroll
  for (int d = 0; d < STEER_TILE_DIGITS; d++)
    {
      if (inside)
        reinterpret_cast<uint2 *> (at + d * 4)[i % 8 / 4] = make_uint2 (even[d], odd[d]);
#pragma unroll
      for (int offset = 1; offset < scale_vectors; offset *= 2)
        totals[d] += __shfl_xor_sync (STEER_ALL_LANES, totals[d], offset);
    }
  if (inside && i % scale_vectors == 0)
    {
      int set = c / STEER_TILE_SET_COLUMNS;
      float *out = room.totals + (set * room.n_pieces * Format::n_scales + i / scale_vectors) * 8
                   + c % STEER_TILE_SET_COLUMNS * STEER_TILE_DIGITS;

#pragma unroll
      for (int d = 0; d < STEER_TILE_DIGITS; d++)
        out[d] = -(float) Format::base * totals[d];
    }
}

/* Elements first .. first + depth - 1 as they are. */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_stage_columns (const SteerGemv &job, const SteerTileRoom &room, int first, int depth)
{
  for (int c = 0; c < job.n_columns; c++)
    {
      const float4 *x = reinterpret_cast<const float4 *> (job.x + (size_t) c * job.depth + first);

      for (int begin = 0; begin < depth / 4; begin += STEER_GEMV_THREADS)
        {
          int i = begin + threadIdx.x;
          bool inside = i < depth / 4;

          steer_stage_vector<type> (room, c, i, inside, inside ? x[i] : make_float4 (0.0f, 0.0f, 0.0f, 0.0f));
        }
    }
}

/* Steering and RMS norm of whole columns. The floats lie at the end of the place of their digits, which are written
 * from its beginning on, 192 bytes for 128: never beyond the floats that have been read. */
template <SteerCudaType type>
static __device__ STEER_NOINLINE void
steer_stage_normed_columns (const SteerGemv &job, const SteerTileRoom &room, double *sum_room)
{
  const float4 *norm = reinterpret_cast<const float4 *> (job.norm);
  int n_vectors = job.depth / 4;
  float4 *floats = reinterpret_cast<float4 *> (room.digits) + room.stride - n_vectors;
  float factors[STEER_CUDA_MAX_COLUMNS];

  steer_stage_residuals (job, floats, room.stride, 1, sum_room, factors);
#pragma unroll
  for (int c = 0; c < STEER_CUDA_MAX_COLUMNS; c++)
    {
      if (c >= job.n_columns)
        break;
      for (int begin = 0; begin < n_vectors; begin += STEER_GEMV_THREADS)
        {
          int i = begin + threadIdx.x;
          bool inside = i < n_vectors;
          float4 x = make_float4 (0.0f, 0.0f, 0.0f, 0.0f);

          if (inside)
            x = steer_normalise (floats[c * room.stride + i], factors[c], __ldg (norm + i));
          __syncthreads ();
          steer_stage_vector<type> (room, c, i, inside, x);
        }
    }
}

/* What a lane reads of the staged columns. */
template <int n_sets> struct SteerTileColumns
{
  const uint4 *digits[n_sets];
  const float2 *totals[n_sets];
};

template <SteerCudaType type, int n_sets>
static __device__ __forceinline__ SteerTileColumns<n_sets>
steer_find_columns (const SteerTileRoom &room, int n_columns)
{
  int lane = threadIdx.x % STEER_WARP;
  int column = min (lane / 4, STEER_TILE_SET_COLUMNS * STEER_TILE_DIGITS - 1);
  SteerTileColumns<n_sets> columns;

#pragma unroll
  for (int s = 0; s < n_sets; s++)
    {
      /* Where there is no such column, any will do: nobody reads its sums. */
      int c = min (s * STEER_TILE_SET_COLUMNS + column / STEER_TILE_DIGITS, n_columns - 1);

      columns.digits[s] = room.digits + c * room.stride + column % STEER_TILE_DIGITS * 4 + lane % 4;
      columns.totals[s] = reinterpret_cast<const float2 *> (room.totals)
                          + s * room.n_pieces * SteerTileFormat<type>::n_scales * 4 + lane % 4;
    }
  return columns;
}

/* sums += scale * products, where rows g and g + 8 have different scales. */
static __device__ __forceinline__ void
steer_add_scaled (float *sums, const float *products, float scale0, float scale1)
{
  sums[0] = __fmaf_rn (scale0, products[0], sums[0]);
  sums[1] = __fmaf_rn (scale0, products[1], sums[1]);
  sums[2] = __fmaf_rn (scale1, products[2], sums[2]);
  sums[3] = __fmaf_rn (scale1, products[3], sums[3]);
}

/* sums += a unit of 16 rows times the columns from @piece on. raw: of rows g and g + 8; n_pieces: of the unit. */
template <SteerCudaType type, int n_sets>
static __device__ __forceinline__ void
steer_multiply_unit (const SteerTileFormat<type> *raw,
                     const SteerTileColumns<n_sets> &columns,
                     int piece,
                     int n_pieces,
                     float (*sums)[STEER_TILE_FRAGMENT])
{
  typedef SteerTileFormat<type> Format;
  float scaled[n_sets][STEER_TILE_FRAGMENT] = {};
  float minima[n_sets][STEER_TILE_FRAGMENT] = {};

#pragma unroll
  for (int j = 0; j < STEER_TILE_PIECES; j++)
    {
      uint4 x[n_sets];
      float products[n_sets][STEER_TILE_FRAGMENT];

      if (!Format::whole && j >= n_pieces)
        break;
#pragma unroll
      for (int s = 0; s < n_sets; s++)
        x[s] = columns.digits[s][(piece + j) * STEER_TILE_DIGITS * 4];
#pragma unroll
      for (int h = 0; h < 2; h++)
        {
          const int scale = j * Format::n_scales + h * (Format::n_scales - 1);
          const bool begins = h == 0 || Format::n_scales == 2;
          const bool ends = h == 1 || Format::n_scales == 2;

#pragma unroll
          for (int s = 0; begins && s < n_sets; s++)
            {
              float2 total = columns.totals[s][(piece * Format::n_scales + scale) * 4];

              products[s][0] = products[s][2] = total.x;
              products[s][1] = products[s][3] = total.y;
              if (Format::has_minima)
                steer_add_scaled (minima[s], products[s], raw[0].get_minimum (scale), raw[1].get_minimum (scale));
            }
#pragma unroll
          for (int part = 0; part < Format::n_parts; part++)
            {
              unsigned pairs0[2], pairs1[2];

              raw[0].get_pairs (j, h, part, pairs0);
              raw[1].get_pairs (j, h, part, pairs1);
              const unsigned a[4] = { pairs0[0], pairs1[0], pairs0[1], pairs1[1] };
#pragma unroll
              for (int s = 0; s < n_sets; s++)
                steer_multiply_fragments<STEER_CUDA_BF16> (products[s], a, h == 0 ? x[s].x : x[s].z,
                                                           h == 0 ? x[s].y : x[s].w);
            }
#pragma unroll
          for (int s = 0; ends && s < n_sets; s++)
            steer_add_scaled (Format::has_supers ? scaled[s] : sums[s], products[s], raw[0].get_scale (scale),
                              raw[1].get_scale (scale));
        }
    }
  if (!Format::has_supers)
    return;

  float2 supers0 = raw[0].get_supers ();
  float2 supers1 = raw[1].get_supers ();

#pragma unroll
  for (int s = 0; s < n_sets; s++)
    {
      steer_add_scaled (sums[s], scaled[s], supers0.x, supers1.x);
      if (Format::has_minima) /* of which -base times the activations is known */
        steer_add_scaled (sums[s], minima[s], supers0.y / Format::base, supers1.y / Format::base);
    }
}

/* The warps' sums of a tile, each [16, 8] in fragments, to its eight pairs: the first four warps, of which 16 lanes
 * have a pair, and each of these adds up one element of its two rows. */
static __device__ __forceinline__ void
steer_end_tile (const SteerGemv &job, int tile, int set, const float *sums)
{
  int element = threadIdx.x; /* of the fragments of 32 lanes */
  int lane = threadIdx.x % STEER_WARP;
  int p = tile * STEER_GEMV_WARPS + element / 16;
  float sum = 0.0f;

  for (int w = 0; w < STEER_GEMV_WARPS; w++)
    sum += sums[w * STEER_WARP * STEER_TILE_FRAGMENT + element];
#pragma unroll
  for (int s = 0; s < STEER_TILE_SET_COLUMNS; s++)
    {
      float rows[2];
      int c = set * STEER_TILE_SET_COLUMNS + s;

#pragma unroll
      for (int r = 0; r < 2; r++)
        {
          float digits[STEER_TILE_DIGITS];

#pragma unroll
          for (int d = 0; d < STEER_TILE_DIGITS; d++)
            {
              const int column = s * STEER_TILE_DIGITS + d;

              digits[d] = __shfl_sync (STEER_ALL_LANES, sum, lane / 16 * 16 + column / 2 * 4 + r * 2 + column % 2);
            }
          rows[r] = digits[0] + (digits[1] + digits[2]);
        }
      if (lane % 16 == s && c < job.n_columns && p < job.n_pairs[0] + job.n_pairs[1] + job.n_pairs[2])
        steer_end_pair (job, steer_find_pair (job, p), c, rows[0], rows[1]);
    }
}

/* Elements of a row that a block takes at a time, each warp its neighbouring units: so many, whatever is computed at
 * once, lest a column's bits depend on what is beside it. */
template <SteerCudaType type>
static __host__ __device__ constexpr int
steer_get_span ()
{
  return SteerTileFormat<type>::units * STEER_GEMV_WARPS * STEER_TILE_UNIT;
}

/**
 * staged: elements of the columns that are staged at a time: all of them when there is a norm, or no more than a span
 * shared memory: double room[STEER_GEMV_ROOM], then what SteerTileRoom tells
 */
template <SteerCudaType type, int n_sets>
__global__ void
__launch_bounds__ (STEER_GEMV_THREADS, 2) steer_gemv_tiles (const __grid_constant__ SteerGemv job, int staged)
{
  typedef SteerTileFormat<type> Format;
  const int units = Format::units;
  const int at_once = n_sets == 1 ? units : 1; /* units that are loaded before any is multiplied */
  STEER_SHARED (double, shared);
  SteerTileRoom room;
  SteerTileColumns<n_sets> columns;
  int warp = threadIdx.x / STEER_WARP;
  int lane = threadIdx.x % STEER_WARP;
  int n_pairs = job.n_pairs[0] + job.n_pairs[1] + job.n_pairs[2];
  int n_tiles = (n_pairs + STEER_GEMV_WARPS - 1) / STEER_GEMV_WARPS;
  int n_row_pieces = job.depth / STEER_TILE_PIECE;
  int first_staged = job.norm != nullptr ? 0 : -1;
  int turn = 0;

  room.n_pieces = staged / STEER_TILE_PIECE;
  room.stride = steer_get_digits_stride (room.n_pieces);
  room.digits = reinterpret_cast<uint4 *> (shared + STEER_GEMV_ROOM);
  room.sums = reinterpret_cast<float4 *> (room.digits + job.n_columns * room.stride);
  room.totals = reinterpret_cast<float *> (room.sums + 2 * n_sets * STEER_GEMV_THREADS);
  columns = steer_find_columns<type, n_sets> (room, job.n_columns);

  steer_let_next_begin ();
  if ((int) blockIdx.x * STEER_GEMV_WARPS + warp < n_pairs)
    steer_prefetch_pair (job, type, blockIdx.x * STEER_GEMV_WARPS + warp);
  steer_wait_for_previous ();
  if (job.norm != nullptr)
    {
      steer_stage_normed_columns<type> (job, room, shared);
      __syncthreads ();
    }

  for (int tile = blockIdx.x; tile < n_tiles; tile += gridDim.x)
    {
      SteerPair pair = steer_find_pair (job, min (tile * STEER_GEMV_WARPS + lane / 4, n_pairs - 1));
      const SteerCudaMatrix &matrix0 = steer_get_matrix (job, pair, 0);
      const SteerCudaMatrix &matrix1 = steer_get_matrix (job, pair, 1);
      int next = (tile + gridDim.x) * STEER_GEMV_WARPS + warp;
      float sums[n_sets][STEER_TILE_FRAGMENT] = {};
      float4 *out;

      if (next < n_pairs)
        steer_prefetch_pair (job, type, next);
      for (int first = 0; first < job.depth; first += steer_get_span<type> ())
        {
          int first_unit = first / STEER_TILE_UNIT + warp * units;

#pragma unroll
          for (int begin = 0; begin < units; begin += at_once)
            {
              Format raw[at_once][2];
              int unit = first_unit + begin;

#pragma unroll
              for (int u = 0; u < at_once; u++)
                if ((unit + u) * STEER_TILE_PIECES < n_row_pieces)
                  {
                    raw[u][0].load (matrix0, pair.row[0], unit + u, lane % 4, n_row_pieces);
                    raw[u][1].load (matrix1, pair.row[1], unit + u, lane % 4, n_row_pieces);
                  }
              if (job.norm == nullptr && first_staged != first)
                {
                  __syncthreads (); /* what is staged may still be read */
                  steer_stage_columns<type> (job, room, first, min (steer_get_span<type> (), job.depth - first));
                  __syncthreads ();
                  first_staged = first;
                }
#pragma unroll
              for (int u = 0; u < at_once; u++)
                if ((unit + u) * STEER_TILE_PIECES < n_row_pieces)
                  steer_multiply_unit<type, n_sets> (raw[u], columns,
                                                     (unit + u) * STEER_TILE_PIECES - first_staged / STEER_TILE_PIECE,
                                                     n_row_pieces - (unit + u) * STEER_TILE_PIECES, sums);
            }
        }

      /* Two places in turn, so that one barrier is enough. */
      out = room.sums + turn * n_sets * STEER_GEMV_THREADS;
      turn ^= 1;
#pragma unroll
      for (int s = 0; s < n_sets; s++)
        out[s * STEER_GEMV_THREADS + threadIdx.x] = make_float4 (sums[s][0], sums[s][1], sums[s][2], sums[s][3]);
      __syncthreads ();
      if (threadIdx.x < STEER_WARP * STEER_TILE_FRAGMENT)
#pragma unroll
        for (int s = 0; s < n_sets; s++)
          steer_end_tile (job, tile, s, reinterpret_cast<const float *> (out + s * STEER_GEMV_THREADS));
    }
}

template <SteerCudaType type>
cudaError_t
steer_gemv_launch (const SteerCudaQueue *queue, const SteerGemv *job)
{
  int staged = job->norm != nullptr ? job->depth : min (job->depth, steer_get_span<type> ());
  int together = 4;

  while (together > 1 && steer_get_tile_bytes<type> (staged, together) > (size_t) queue->n_shared)
    together /= 2;
  for (int first = 0; first < job->n_columns; first += together)
    {
      SteerGemv part = steer_cut_columns (job, first, min (together, job->n_columns - first));
      size_t n_shared = steer_get_tile_bytes<type> (staged, part.n_columns);
      cudaError_t error = n_shared > (size_t) queue->n_shared ? cudaErrorInvalidValue
                          : part.n_columns <= STEER_TILE_SET_COLUMNS
                            ? steer_launch_job (queue, &part, steer_gemv_tiles<type, 1>, n_shared, staged)
                            : steer_launch_job (queue, &part, steer_gemv_tiles<type, 2>, n_shared, staged);

      if (error != cudaSuccess)
        return error;
    }
  return cudaSuccess;
}
