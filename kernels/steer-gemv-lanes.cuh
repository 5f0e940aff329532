#pragma once

/* Products with weights that are floats. A warp computes a pair of rows at a time; a lane asks for several pieces of
 * both before it uses the first. */

#include "steer-gemv.cuh"

/* Bytes of activations that a block keeps when they need not be there whole. Fewer bytes, more blocks at a time. */
#define STEER_GEMV_TILE_BYTES (32 * 1024)

/* Bytes of a row that are asked for ahead of those that are loaded: all blocks' together are to fit into a second-level
 * cache. */
#define STEER_GEMV_AHEAD 4096u

/* Where the rows of pair p lie. */
struct SteerLaneRows
{
  const char *rows[2];
};

template <SteerCudaType type>
static __device__ __forceinline__ unsigned
steer_get_row_bytes (int depth)
{
  return (unsigned) depth * (type == STEER_CUDA_F32 ? 4 : 2);
}

template <SteerCudaType type>
static __device__ __forceinline__ SteerLaneRows
steer_find_lane_rows (const SteerGemv &job, int p)
{
  size_t n_bytes = steer_get_row_bytes<type> (job.depth);
  SteerPair pair = steer_find_pair (job, p);
  SteerLaneRows found;

#pragma unroll
  for (int r = 0; r < 2; r++)
    found.rows[r] = static_cast<const char *> (steer_get_matrix (job, pair, r).data) + pair.row[r] * n_bytes;
  return found;
}

/* What a warp loads at a time of a row: what each lane asks of it for once, too. */
#define STEER_GEMV_CHUNK_BYTES (STEER_WARP * STEER_PREFETCH_BYTES)

/* Weights do not depend on the kernel before, so they may be asked for early. */
static __device__ __forceinline__ void
steer_prefetch_rows (const SteerLaneRows &rows, unsigned from, unsigned n_bytes)
{
  unsigned at = from + threadIdx.x % STEER_WARP * STEER_PREFETCH_BYTES;

  if (at >= n_bytes)
    return;
  steer_prefetch (rows.rows[0] + at);
  steer_prefetch (rows.rows[1] + at);
}

/* Steering and RMS norm of whole rows. */
template <int columns, unsigned parts>
static __device__ __forceinline__ void
steer_stage_normed (const SteerGemv &job, const SteerHookOps *ops, float4 *staged, int stride, double *room)
{
  const float4 *norm = reinterpret_cast<const float4 *> (job.norm);
  float factors[columns];
  int n_vectors = job.depth / 4;

  steer_stage_residuals<columns, parts> (job, ops, staged, stride, room, factors);
#pragma unroll
  for (int c = 0; c < columns; c++)
    {
      SteerRow<parts> row = { staged + c * stride };

      if (c >= job.n_columns)
        break;
      for (int begin = threadIdx.x; begin < n_vectors; begin += STEER_STAGE_AHEAD * STEER_GEMV_THREADS)
        {
          float4 w[STEER_STAGE_AHEAD];

#pragma unroll
          for (int i = 0; i < STEER_STAGE_AHEAD; i++)
            if (begin + i * STEER_GEMV_THREADS < n_vectors)
              w[i] = __ldg (norm + begin + i * STEER_GEMV_THREADS);
#pragma unroll
          for (int i = 0; i < STEER_STAGE_AHEAD; i++)
            if (begin + i * STEER_GEMV_THREADS < n_vectors)
              {
                float4 &h = row.at (begin + i * STEER_GEMV_THREADS);

                h = steer_normalise (h, factors[c], w[i]);
              }
        }
    }
}

/* Elements first .. first + depth - 1 as they are. */
template <unsigned parts>
static __device__ __forceinline__ void
steer_stage_plain (const SteerGemv &job, int first, int depth, float4 *staged, int stride)
{
  int n_vectors = depth / 4;

  for (int c = 0; c < job.n_columns; c++)
    {
      const float4 *x = reinterpret_cast<const float4 *> (job.x + (size_t) c * job.depth + first);
      SteerRow<parts> row = { staged + c * stride };

      for (int begin = threadIdx.x; begin < n_vectors; begin += STEER_STAGE_AHEAD * STEER_GEMV_THREADS)
        {
          float4 h[STEER_STAGE_AHEAD];

#pragma unroll
          for (int i = 0; i < STEER_STAGE_AHEAD; i++)
            if (begin + i * STEER_GEMV_THREADS < n_vectors)
              h[i] = x[begin + i * STEER_GEMV_THREADS];
#pragma unroll
          for (int i = 0; i < STEER_STAGE_AHEAD; i++)
            if (begin + i * STEER_GEMV_THREADS < n_vectors)
              row.at (begin + i * STEER_GEMV_THREADS) = h[i];
        }
    }
}

/* A lane's Format::unroll pieces of both rows, a warp's step apart, the first at byte @at; n_bytes: of the rows. whole:
 * all lie before their ends; addresses and loads then follow each other without a branch. */
template <SteerCudaType type, int columns, bool whole>
static __device__ __forceinline__ void
steer_multiply_pieces (const SteerLaneRows &rows,
                       unsigned at,
                       unsigned n_bytes,
                       const float4 *staged,
                       int stride,
                       float (*sums)[columns])
{
  typedef SteerFormat<type> Format;
  const int parts = Format::n / 4;
  const unsigned step = STEER_WARP * sizeof (typename Format::Raw);
  int lane = threadIdx.x % STEER_WARP;
  typename Format::Raw raw[Format::unroll][2];

#pragma unroll
  for (int u = 0; u < Format::unroll; u++)
    if (whole || at + u * step < n_bytes)
      {
        raw[u][0] = steer_load_weights (rows.rows[0] + at + u * step);
        raw[u][1] = steer_load_weights (rows.rows[1] + at + u * step);
      }
#pragma unroll
  for (int u = 0; u < Format::unroll; u++)
    if (whole || at + u * step < n_bytes)
      {
        float w[2][Format::n];

        Format::expand (raw[u][0], w[0]);
        Format::expand (raw[u][1], w[1]);
#pragma unroll
        for (int c = 0; c < columns; c++)
          {
            float dots[2] = { 0.0f, 0.0f };

#pragma unroll
            for (int p = 0; p < parts; p++)
              {
                float4 x = staged[c * stride + (u * parts + p) * STEER_WARP + lane];

#pragma unroll
                for (int r = 0; r < 2; r++)
                  {
                    dots[r] = __fmaf_rn (w[r][4 * p], x.x, dots[r]);
                    dots[r] = __fmaf_rn (w[r][4 * p + 1], x.y, dots[r]);
                    dots[r] = __fmaf_rn (w[r][4 * p + 2], x.z, dots[r]);
                    dots[r] = __fmaf_rn (w[r][4 * p + 3], x.w, dots[r]);
                  }
              }
#pragma unroll
            for (int r = 0; r < 2; r++)
              sums[r][c] = __fadd_rn (sums[r][c], dots[r]);
          }
      }
}

/* sums[r][c] += row r . x[c] over elements first .. first + depth - 1 of the rows. What lies ahead is asked for
 * meanwhile, of these rows and then of @next, those that the warp takes after them, if it takes any. */
template <SteerCudaType type, int columns>
static __device__ __forceinline__ void
steer_multiply_pair (const SteerGemv &job,
                     const SteerLaneRows &rows,
                     const SteerLaneRows &next,
                     bool has_next,
                     int first,
                     int depth,
                     const float4 *staged,
                     int stride,
                     float (*sums)[columns])
{
  typedef SteerFormat<type> Format;
  const int chunk = STEER_WARP * Format::n * Format::unroll;
  static_assert (STEER_WARP * Format::unroll * sizeof (typename Format::Raw) == STEER_GEMV_CHUNK_BYTES, "");
  unsigned row_bytes = steer_get_row_bytes<type> (job.depth);
  unsigned whole_bytes = (row_bytes + STEER_GEMV_CHUNK_BYTES - 1) / STEER_GEMV_CHUNK_BYTES * STEER_GEMV_CHUNK_BYTES;
  unsigned at = steer_get_row_bytes<type> (first);
  unsigned end = at + steer_get_row_bytes<type> (depth);
  unsigned mine = threadIdx.x % STEER_WARP * (unsigned) sizeof (typename Format::Raw);

  for (; at < end; at += STEER_GEMV_CHUNK_BYTES, staged += chunk / 4)
    {
      unsigned ahead = at + min (STEER_GEMV_AHEAD, whole_bytes);

      if (ahead < whole_bytes)
        steer_prefetch_rows (rows, ahead, row_bytes);
      else if (has_next)
        steer_prefetch_rows (next, ahead - whole_bytes, row_bytes);
      if (at + STEER_GEMV_CHUNK_BYTES <= end)
        steer_multiply_pieces<type, columns, true> (rows, at + mine, end, staged, stride, sums);
      else
        steer_multiply_pieces<type, columns, false> (rows, at + mine, end, staged, stride, sums);
    }
}

/**
 * tile: elements of a row that are staged at a time; all of them when there is a norm
 * shared memory: double room[STEER_GEMV_ROOM], then the staged activations
 */
template <SteerCudaType type, int columns>
__global__ void
__launch_bounds__ (STEER_GEMV_THREADS, columns == 1 ? 3 : 2)
  steer_gemv_lanes (const __grid_constant__ SteerGemv job, int tile)
{
  const int parts = SteerFormat<type>::n / 4;
  STEER_SHARED (double, room);
  float4 *staged = reinterpret_cast<float4 *> (room + STEER_GEMV_ROOM);
  int stride = steer_get_staged_vectors (tile, parts);
  int warp = threadIdx.x / STEER_WARP;
  int lane = threadIdx.x % STEER_WARP;
  int n_pairs = job.n_pairs[0] + job.n_pairs[1] + job.n_pairs[2];
  int n_at_once = gridDim.x * STEER_GEMV_WARPS;
  int p = blockIdx.x * STEER_GEMV_WARPS + warp; /* the pair that the warp is at */
  SteerLaneRows rows = steer_find_lane_rows<type> (job, min (p, n_pairs - 1));
  SteerHookOps ops[columns];

  steer_let_next_begin ();
  steer_prepare_staging<columns> (job, ops);
  if (p < n_pairs)
    for (unsigned from = 0; from < STEER_GEMV_AHEAD; from += STEER_GEMV_CHUNK_BYTES)
      steer_prefetch_rows (rows, from, steer_get_row_bytes<type> (job.depth));
  steer_wait_for_previous ();

  if (job.norm != nullptr)
    steer_stage_normed<columns, parts> (job, ops, staged, stride, room);
  else if (tile >= job.depth)
    steer_stage_plain<parts> (job, 0, job.depth, staged, stride);
  __syncthreads ();

  for (; p - warp < n_pairs; p += n_at_once)
    {
      bool active = p < n_pairs;
      SteerLaneRows next = steer_find_lane_rows<type> (job, min (p + n_at_once, n_pairs - 1));
      float sums[2][columns] = {};

      for (int first = 0; first < job.depth; first += tile)
        {
          int depth = min (tile, job.depth - first);

          if (tile < job.depth)
            {
              __syncthreads (); /* the tile before may still be read */
              steer_stage_plain<parts> (job, first, depth, staged, stride);
              __syncthreads ();
            }
          if (active)
            steer_multiply_pair<type, columns> (job, rows, next, p + n_at_once < n_pairs, first, depth, staged, stride,
                                                sums);
        }
      if (!active)
        break;

      float mine[2] = { 0.0f, 0.0f }; /* lane c ends column c */

#pragma unroll
      for (int c = 0; c < columns; c++)
        {
          float a = steer_sum_lanes (sums[0][c]);
          float b = steer_sum_lanes (sums[1][c]);

          mine[0] = lane == c ? a : mine[0];
          mine[1] = lane == c ? b : mine[1];
        }
      if (lane < job.n_columns)
        steer_end_pair (job, steer_find_pair (job, p), lane, mine[0], mine[1]);
      rows = next;
    }
}

template <SteerCudaType type, int columns>
static size_t
get_shared_bytes (int tile)
{
  return STEER_GEMV_ROOM * sizeof (double)
         + (size_t) columns * steer_get_staged_vectors (tile, SteerFormat<type>::n / 4) * sizeof (float4);
}

/* The largest tile that keeps within STEER_GEMV_TILE_BYTES, in whole chunks of a warp. */
template <SteerCudaType type, int columns>
static int
choose_tile (const SteerGemv *job)
{
  const int chunk = STEER_WARP * SteerFormat<type>::n;
  int tile = STEER_GEMV_TILE_BYTES / (int) sizeof (float) / columns / chunk * chunk;

  return job->norm != nullptr || tile >= job->depth ? job->depth : tile;
}

template <SteerCudaType type, int columns>
static cudaError_t
launch (const SteerCudaQueue *queue, const SteerGemv *job)
{
  int tile = choose_tile<type, columns> (job);

  return steer_launch_job (queue, job, steer_gemv_lanes<type, columns>, get_shared_bytes<type, columns> (tile), tile);
}

template <SteerCudaType type>
cudaError_t
steer_gemv_launch (const SteerCudaQueue *queue, const SteerGemv *job)
{
  int together = 4;

  if (job->norm != nullptr)
    {
      size_t limit = (size_t) queue->n_shared;

      if (get_shared_bytes<type, 4> (job->depth) > limit)
        together = get_shared_bytes<type, 2> (job->depth) > limit ? 1 : 2;
      if (get_shared_bytes<type, 1> (job->depth) > limit)
        return cudaErrorInvalidValue;
    }
  for (int first = 0; first < job->n_columns; first += together)
    {
      SteerGemv part = steer_cut_columns (job, first, min (together, job->n_columns - first));
      cudaError_t error = part.n_columns == 1   ? launch<type, 1> (queue, &part)
                          : part.n_columns == 2 ? launch<type, 2> (queue, &part)
                                                : launch<type, 4> (queue, &part);

      if (error != cudaSuccess)
        return error;
    }
  return cudaSuccess;
}
