#pragma once

/* Products with quantised weights, in whole numbers on tensor cores: there a weight costs a third of what it costs
 * lanes that multiply, more than which a GPU with fast memory cannot issue in the time in which the weights arrive; and
 * two columns of activations cost what one does.
 *
 * A block computes a tile of eight pairs of rows, the 16 rows of an mma, of which each warp takes every eighth part of
 * the columns. The weights are their quants, the activations four digits each; sums of their products are exact, as
 * long as they have one scale, and with scales that are whole numbers for a group of activations. What minima take off
 * is a product of its own, of these and sums of activations. */

#include "steer-tensor-core.cuh"
#include "steer-tile-columns.cuh"

#define STEER_TILE_FRAGMENT 4 /* sums that a lane has of a tile */

/* sums += scale * products, where rows g and g + 8 have different scales. */
static __device__ __forceinline__ void
steer_add_scaled (float *sums, const float *products, float scale0, float scale1)
{
  sums[0] = __fmaf_rn (scale0, products[0], sums[0]);
  sums[1] = __fmaf_rn (scale0, products[1], sums[1]);
  sums[2] = __fmaf_rn (scale1, products[2], sums[2]);
  sums[3] = __fmaf_rn (scale1, products[3], sums[3]);
}

/* What is 3 * 2^22 as a float, in whose mantissa a whole number counts as much. */
#define STEER_TILE_WHOLE 0x4b400000

/* What a piece's products are as floats: whole numbers below 2^22. */
template <bool is_signed>
static __device__ __forceinline__ void
steer_multiply_as_floats (float *numbers, const unsigned *a, unsigned b0, unsigned b1)
{
  int products[STEER_TILE_FRAGMENT];

  steer_multiply_bytes<is_signed, 32> (products, a, b0, b1, STEER_TILE_WHOLE);
#pragma unroll
  for (int i = 0; i < STEER_TILE_FRAGMENT; i++)
    numbers[i] = __fadd_rn (__int_as_float (products[i]), -12582912.0f);
}

/* sums: what a group of a unit's pieces, from @first on, comes to in steps; @n pieces of the unit are there. For scales
 * that are floats. */
template <SteerCudaType type, int n_sets, bool whole, int first>
static __device__ __forceinline__ void
steer_multiply_scaled (const SteerTileFormat<type> *raw,
                       const SteerTileColumns<n_sets> &columns,
                       int piece,
                       int n,
                       float (*sums)[STEER_TILE_FRAGMENT])
{
#pragma unroll
  for (int j = first; j < first + STEER_TILE_GROUP_PIECES; j++)
    {
      if (!whole && j >= n)
        break;
      const unsigned a[4]
        = { raw[0].get_bytes (j, 0), raw[1].get_bytes (j, 0), raw[0].get_bytes (j, 1), raw[1].get_bytes (j, 1) };

#pragma unroll
      for (int s = 0; s < n_sets; s++)
        {
          unsigned x = columns.get_digits (s, piece + j, 0);
          unsigned y = columns.get_digits (s, piece + j, 1);
          float numbers[STEER_TILE_FRAGMENT];

          steer_multiply_as_floats<SteerTileFormat<type>::is_signed> (numbers, a, x, y);
          steer_add_scaled (sums[s], numbers, raw[0].get_scale (j), raw[1].get_scale (j));
          if constexpr (SteerTileFormat<type>::has_offsets)
            {
              const unsigned ones[4] = { 0x01010101u, 0x01010101u, 0x01010101u, 0x01010101u };

              steer_multiply_as_floats<false> (numbers, ones, x, y);
              steer_add_scaled (sums[s], numbers, raw[0].get_offset (j), raw[1].get_offset (j));
            }
        }
    }
}

/* sums += scale * products in whole numbers. */
static __device__ __forceinline__ void
steer_add_whole (int *sums, const int *products, int scale0, int scale1)
{
  sums[0] += scale0 * products[0];
  sums[1] += scale0 * products[1];
  sums[2] += scale1 * products[2];
  sums[3] += scale1 * products[3];
}

/* The same for scales that are whole numbers; a group's sums are below 2^29. taken: with minima: the sums of these
 * times the activations. */
template <SteerCudaType type, int n_sets, int first>
static __device__ __forceinline__ void
steer_multiply_whole (const SteerTileFormat<type> *raw,
                      const SteerTileColumns<n_sets> &columns,
                      int piece,
                      float (*sums)[STEER_TILE_FRAGMENT],
                      float (*taken)[STEER_TILE_FRAGMENT])
{
  typedef SteerTileFormat<type> Format;
  int whole[n_sets][STEER_TILE_FRAGMENT] = {};
  int minima[n_sets][STEER_TILE_FRAGMENT] = {};

#pragma unroll
  for (int j = first; j < first + STEER_TILE_GROUP_PIECES; j++)
    {
      const unsigned a[4]
        = { raw[0].get_bytes (j, 0), raw[1].get_bytes (j, 0), raw[0].get_bytes (j, 1), raw[1].get_bytes (j, 1) };

#pragma unroll
      for (int s = 0; s < n_sets; s++)
        {
          unsigned x = columns.get_digits (s, piece + j, 0);
          unsigned y = columns.get_digits (s, piece + j, 1);
          int products[STEER_TILE_FRAGMENT];

          if constexpr (Format::n_minima > 0)
            {
              const int first_of_j = Format::n_minima * j, last_of_j = first_of_j + Format::n_minima - 1;
              const unsigned four[4] = { raw[0].get_minima (first_of_j), raw[1].get_minima (first_of_j),
                                         raw[0].get_minima (last_of_j), raw[1].get_minima (last_of_j) };

              steer_add_bytes (minima[s], four, x, y);
            }
          if constexpr (Format::n_scales == 1)
            {
              steer_multiply_bytes<Format::is_signed, 32> (products, a, x, y, 0);
              steer_add_whole (whole[s], products, raw[0].get_scale (j), raw[1].get_scale (j));
            }
          else
            {
              steer_multiply_bytes<Format::is_signed, 16> (products, a, x, 0, 0);
              steer_add_whole (whole[s], products, raw[0].get_scale (2 * j), raw[1].get_scale (2 * j));
              steer_multiply_bytes<Format::is_signed, 16> (products, a + 2, y, 0, 0);
              steer_add_whole (whole[s], products, raw[0].get_scale (2 * j + 1), raw[1].get_scale (2 * j + 1));
            }
        }
    }
#pragma unroll
  for (int s = 0; s < n_sets; s++)
#pragma unroll
    for (int i = 0; i < STEER_TILE_FRAGMENT; i++)
      {
        sums[s][i] = (float) whole[s][i];
        taken[s][i] = (float) minima[s][i];
      }
}

/* sums += such a group, with the super-scales of rows g and g + 8. */
template <SteerCudaType type, int n_sets, bool whole, int first>
static __device__ __forceinline__ void
steer_multiply_group (const SteerTileFormat<type> *raw,
                      const SteerTileColumns<n_sets> &columns,
                      int piece,
                      int n,
                      float2 supers0,
                      float2 supers1,
                      float (*sums)[STEER_TILE_FRAGMENT])
{
  typedef SteerTileFormat<type> Format;
  float group[n_sets][STEER_TILE_FRAGMENT] = {};
  float taken[n_sets][STEER_TILE_FRAGMENT];

  if (!whole && first >= n)
    return;
  if constexpr (Format::has_supers)
    steer_multiply_whole<type, n_sets, first> (raw, columns, piece, group, taken);
  else
    steer_multiply_scaled<type, n_sets, whole, first> (raw, columns, piece, n, group);
#pragma unroll
  for (int s = 0; s < n_sets; s++)
    {
      float step = columns.steps[s][(piece + first) / STEER_TILE_GROUP_PIECES] * (1.0f / Format::unit);

      steer_add_scaled (sums[s], group[s], __fmul_rn (supers0.x, step), __fmul_rn (supers1.x, step));
      if (Format::n_minima > 0)
        steer_add_scaled (sums[s], taken[s], -__fmul_rn (supers0.y, step), -__fmul_rn (supers1.y, step));
    }
}

/* sums += a unit of 16 rows times the columns from @piece on. raw: of rows g and g + 8; n_pieces: that are left of the
 * row, which may be fewer than the unit has where it is not @whole. */
template <SteerCudaType type, int n_sets, bool whole>
static __device__ __forceinline__ void
steer_multiply_unit (const SteerTileFormat<type> *raw,
                     const SteerTileColumns<n_sets> &columns,
                     int piece,
                     int n_pieces,
                     float (*sums)[STEER_TILE_FRAGMENT])
{
  const int half = STEER_TILE_GROUP_PIECES;
  static_assert (STEER_TILE_PIECES == 2 * half, "a unit is two groups");
  float2 supers0 = raw[0].get_supers ();
  float2 supers1 = raw[1].get_supers ();

  steer_multiply_group<type, n_sets, whole, 0> (raw, columns, piece, n_pieces, supers0, supers1, sums);
  steer_multiply_group<type, n_sets, whole, half> (raw, columns, piece, n_pieces, supers0, supers1, sums);
}

/* The warps' sums of a tile, each [16, 8] in fragments, to its eight pairs: the first four warps, of which 16 lanes
 * have a pair, and each of these adds up one element of its two rows. */
template <int n_sets>
static __device__ __forceinline__ void
steer_end_tile (const SteerGemv &job, int tile, const float *sums)
{
  int element = threadIdx.x; /* of the fragments of 32 lanes */
  int lane = threadIdx.x % STEER_WARP;
  int p = tile * STEER_GEMV_WARPS + element / 16;
  int c = lane % 16; /* this lane ends column c of the pair */
  float mine[2] = { 0.0f, 0.0f };

#pragma unroll
  for (int s = 0; s < n_sets; s++)
    {
      float sum = 0.0f;

#pragma unroll
      for (int w = 0; w < STEER_GEMV_WARPS; w++)
        sum += sums[(s * STEER_GEMV_WARPS + w) * STEER_WARP * STEER_TILE_FRAGMENT + element];
#pragma unroll
      for (int r = 0; r < 2; r++)
        {
          float digits[STEER_TILE_DIGITS];

#pragma unroll
          for (int d = 0; d < STEER_TILE_DIGITS; d++)
            {
              int column = steer_get_mma_column (c % STEER_TILE_SET_COLUMNS, d);

              digits[d]
                = __fmul_rn (__shfl_sync (STEER_ALL_LANES, sum, lane / 16 * 16 + column / 2 * 4 + r * 2 + column % 2),
                             steer_get_digit_weight (d));
            }
          if (c / STEER_TILE_SET_COLUMNS == s)
            mine[r] = __fadd_rn (digits[0], __fadd_rn (digits[1], __fadd_rn (digits[2], digits[3])));
        }
    }
  if (c < job.n_columns && p < job.n_pairs[0] + job.n_pairs[1] + job.n_pairs[2])
    steer_end_pair (job, steer_find_pair (job, p), c, mine[0], mine[1]);
}

/* Elements of a row that a block takes at a time, each warp its neighbouring units: so many, whatever is computed at
 * once, lest a column's bits depend on what is beside it. */
template <SteerCudaType type>
static __host__ __device__ constexpr int
steer_get_span ()
{
  return SteerTileFormat<type>::units * STEER_GEMV_WARPS * STEER_TILE_UNIT;
}

/* The units of a span that a warp takes. Of a last span that is not whole all warps have about as many: they wait for
 * each other at its end. */
struct SteerTileShare
{
  int unit; /* the first */
  int n;
};

template <SteerCudaType type>
static __device__ __forceinline__ SteerTileShare
steer_find_share (int first, int n_units)
{
  const int units = SteerTileFormat<type>::units;
  int left = n_units - first / STEER_TILE_UNIT;
  int n = min (units, steer_divide_up (left, STEER_GEMV_WARPS));
  int before = (int) threadIdx.x / STEER_WARP * n;

  return { first / STEER_TILE_UNIT + before, max (min (n, left - before), 0) };
}

static __device__ __forceinline__ int
steer_count_units (const SteerGemv &job)
{
  return (job.depth / STEER_TILE_PIECE + STEER_TILE_PIECES - 1) / STEER_TILE_PIECES;
}

/* Rows g and g + 8 of a tile, of which lane 4 g + t has quarter t. */
template <SteerCudaType type> struct SteerTileRows
{
  typename SteerTileFormat<type>::Row rows[2];

  __device__ __forceinline__
  SteerTileRows (const SteerGemv &job, int tile, int n_pairs)
  {
    int p = tile * STEER_GEMV_WARPS + threadIdx.x % STEER_WARP / 4;
    SteerPair pair = steer_find_pair (job, min (p, n_pairs - 1));

#pragma unroll
    for (int r = 0; r < 2; r++)
      rows[r]
        = SteerTileFormat<type>::find (steer_get_matrix (job, pair, r), pair.row[r], job.depth / STEER_TILE_PIECE);
  }

  template <bool whole>
  __device__ __forceinline__ void
  load (SteerTileFormat<type> *raw, int unit, int n_pieces) const
  {
    raw[0].template load<whole> (rows[0], unit, threadIdx.x % 4, n_pieces);
    raw[1].template load<whole> (rows[1], unit, threadIdx.x % 4, n_pieces);
  }

  /* A warp's share of a span. */
  __device__ __forceinline__ void
  prefetch (const SteerTileShare &share) const
  {
    const int units = SteerTileFormat<type>::units;

    if (share.n == units)
      prefetch_units<units> (share.unit);
    else if (share.n == 1)
      prefetch_units<1> (share.unit);
  }

private:
  template <int n_units>
  __device__ __forceinline__ void
  prefetch_units (int unit) const
  {
    SteerTileFormat<type>::template prefetch<n_units> (rows[0], unit, threadIdx.x % 4);
    SteerTileFormat<type>::template prefetch<n_units> (rows[1], unit, threadIdx.x % 4);
  }
};

/* Asks for the warp's share of one span of a tile. */
template <SteerCudaType type>
static __device__ __forceinline__ void
steer_prefetch_tile (const SteerGemv &job, int tile, int n_pairs, int first)
{
  SteerTileRows<type> (job, tile, n_pairs).prefetch (steer_find_share<type> (first, steer_count_units (job)));
}

/* The block's tiles from *tile on that are before @end. normed: there is a norm, so the columns are staged already;
 * prefetch (tile, first): asks for the warp's share of a span of a tile; staged: as the kernel has it; turn: of the two
 * places for sums. */
template <SteerCudaType type, int n_sets, bool whole, bool normed, typename Prefetch>
static __device__ __forceinline__ void
steer_compute_tiles (const SteerGemv &job,
                     const SteerTileRoom &room,
                     const SteerTileColumns<n_sets> &columns,
                     int *tile,
                     int end,
                     Prefetch prefetch,
                     int staged,
                     int *turn)
{
  typedef SteerTileFormat<type> Format;
  const int units = Format::units;
  const int at_once = n_sets == 1 ? (int) Format::at_once : 1;
  const int span = steer_get_span<type> ();
  int n_pairs = job.n_pairs[0] + job.n_pairs[1] + job.n_pairs[2];
  int n_pieces = job.depth / STEER_TILE_PIECE;
  int n_units = steer_count_units (job);
  int first_staged = normed || job.norm != nullptr ? 0 : -1;

  for (; *tile < end; *tile += gridDim.x)
    {
      const SteerTileRows<type> rows (job, *tile, n_pairs);
      float sums[n_sets][STEER_TILE_FRAGMENT] = {};
      float4 *out;

      for (int first = 0; first < job.depth; first += span)
        {
          const SteerTileShare share = steer_find_share<type> (first, n_units);

#pragma unroll
          for (int begin = 0; begin < units; begin += at_once)
            {
              Format raw[at_once][2];
              int unit = share.unit + begin;

#pragma unroll
              for (int u = 0; u < at_once; u++)
                if (begin + u < share.n)
                  rows.template load<whole> (raw[u], unit + u, n_pieces);
              if (begin == 0)
                {
                  /* What this warp will load next. Of the first tile the first two spans were asked for before. */
                  if (first + span >= job.depth)
                    prefetch (*tile + gridDim.x, 0);
                  else if (first > 0 || *tile != (int) blockIdx.x)
                    rows.prefetch (steer_find_share<type> (first + span, n_units));
                  if (!normed && job.norm == nullptr
                      && (first_staged < 0 || (staged < job.depth && first_staged != first)))
                    {
                      steer_stage_columns (job, room, first, min (staged, job.depth - first));
                      first_staged = first;
                    }
                }
#pragma unroll
              for (int u = 0; u < at_once; u++)
                if (begin + u < share.n)
                  steer_multiply_unit<type, n_sets, whole> (
                    raw[u], columns, (unit + u) * STEER_TILE_PIECES - first_staged / STEER_TILE_PIECE,
                    n_pieces - (unit + u) * STEER_TILE_PIECES, sums);
            }
        }

      /* Two places in turn, so that one barrier is enough. */
      out = room.sums + *turn * n_sets * STEER_GEMV_THREADS;
      *turn ^= 1;
#pragma unroll
      for (int s = 0; s < n_sets; s++)
        out[s * STEER_GEMV_THREADS + threadIdx.x] = make_float4 (sums[s][0], sums[s][1], sums[s][2], sums[s][3]);
      __syncthreads ();
      if (threadIdx.x < STEER_WARP * STEER_TILE_FRAGMENT)
        steer_end_tile<n_sets> (job, *tile, reinterpret_cast<const float *> (out));
    }
}

/**
 * type, other: of the matrices; where they differ, @other is that of QKV's last one, whose tiles begin with @n_of_type,
 * and there is a norm
 * staged: elements of the columns that are staged at a time: all of them, or where there is no norm at least a span
 * shared memory: double room[STEER_GEMV_ROOM], then what SteerTileRoom tells
 */
template <SteerCudaType type, SteerCudaType other, int n_sets, bool whole>
__global__ void
__launch_bounds__ (STEER_GEMV_THREADS, 2)
  steer_gemv_tiles (const __grid_constant__ SteerGemv job, int staged, int n_of_type)
{
  const int span = steer_get_span<type> ();
  static_assert (span == steer_get_span<other> (), "both are prefetched alike");
  STEER_SHARED (double, shared);
  SteerTileRoom room;
  SteerTileColumns<n_sets> columns;
  int n_pairs = job.n_pairs[0] + job.n_pairs[1] + job.n_pairs[2];
  int n_tiles = (n_pairs + STEER_GEMV_WARPS - 1) / STEER_GEMV_WARPS;
  SteerHookOps ops[n_sets * STEER_TILE_SET_COLUMNS];
  int tile = blockIdx.x;
  int turn = 0;

  auto prefetch = [=, &job] (int of_tile, int first) {
    if (of_tile >= n_tiles)
      return;
    if (type != other && of_tile >= n_of_type)
      steer_prefetch_tile<other> (job, of_tile, n_pairs, first);
    else
      steer_prefetch_tile<type> (job, of_tile, n_pairs, first);
  };

  room.stride = steer_get_digits_stride (staged / STEER_TILE_PIECE);
  room.steps_stride = steer_get_steps_stride (staged / STEER_TILE_PIECE);
  room.digits = reinterpret_cast<uint4 *> (shared + STEER_GEMV_ROOM);
  room.sums = reinterpret_cast<float4 *> (room.digits + job.n_columns * room.stride);
  room.steps = reinterpret_cast<float *> (room.sums + 2 * n_sets * STEER_GEMV_THREADS);
  columns = steer_find_columns<n_sets> (room, job.n_columns);

  steer_let_next_begin ();
  steer_prepare_staging<n_sets * STEER_TILE_SET_COLUMNS> (job, ops);
  for (int first = 0; first < min (job.depth, 2 * span); first += span)
    prefetch (tile, first);
  steer_wait_for_previous ();
  if (job.norm != nullptr)
    steer_stage_normed_columns<n_sets * STEER_TILE_SET_COLUMNS> (job, ops, room, shared);

  steer_compute_tiles<type, n_sets, whole, type != other> (
    job, room, columns, &tile, type != other ? n_of_type : n_tiles, prefetch, staged, &turn);
  if (type != other)
    steer_compute_tiles<other, n_sets, whole, true> (job, room, columns, &tile, n_tiles, prefetch, staged, &turn);
}

/* What is staged of columns without a norm: all, as long as two blocks fit onto a multiprocessor, else spans. */
template <SteerCudaType type>
static int
choose_staged (const SteerCudaQueue *queue, const SteerGemv *job, int n_columns)
{
  const size_t reserved = 1024; /* of shared memory, by each block */
  bool twice = 2 * (steer_get_tile_bytes (job->depth, n_columns) + reserved) <= queue->n_shared + reserved;

  return job->norm != nullptr || twice ? job->depth : min (job->depth, steer_get_span<type> ());
}

template <SteerCudaType type, SteerCudaType other>
static cudaError_t
launch (const SteerCudaQueue *queue, const SteerGemv *job)
{
  typedef SteerTileFormat<type> Format;
  int staged = choose_staged<type> (queue, job, job->n_columns);
  size_t n_shared = steer_get_tile_bytes (staged, job->n_columns);
  bool one_set = job->n_columns <= STEER_TILE_SET_COLUMNS;
  int n_of_type = (job->n_pairs[0] + job->n_pairs[1]) / STEER_GEMV_WARPS;

  if (n_shared > (size_t) queue->n_shared)
    return cudaErrorInvalidValue;
  if (Format::always_whole || job->depth % STEER_TILE_UNIT == 0)
    return one_set ? steer_launch_job (queue, job, steer_gemv_tiles<type, other, 1, true>, n_shared, staged, n_of_type)
                   : steer_launch_job (queue, job, steer_gemv_tiles<type, other, 2, true>, n_shared, staged, n_of_type);
  /* Types whose rows are always whole have no other kernel. */
  return one_set ? steer_launch_job (queue, job, steer_gemv_tiles<type, other, 1, Format::always_whole>, n_shared,
                                     staged, n_of_type)
                 : steer_launch_job (queue, job, steer_gemv_tiles<type, other, 2, Format::always_whole>, n_shared,
                                     staged, n_of_type);
}

template <SteerCudaType type, SteerCudaType other>
static cudaError_t
launch_columns (const SteerCudaQueue *queue, const SteerGemv *job)
{
  int together = 4;

  while (together > 1
         && steer_get_tile_bytes (choose_staged<type> (queue, job, together), together) > (size_t) queue->n_shared)
    together /= 2;
  for (int first = 0; first < job->n_columns; first += together)
    {
      SteerGemv part = steer_cut_columns (job, first, min (together, job->n_columns - first));
      cudaError_t error = launch<type, other> (queue, &part);

      if (error != cudaSuccess)
        return error;
    }
  return cudaSuccess;
}

template <SteerCudaType type>
cudaError_t
steer_gemv_launch (const SteerCudaQueue *queue, const SteerGemv *job)
{
  return launch_columns<type, type> (queue, job);
}
