#pragma once

/* Products with weights that are floats. A warp computes a pair of rows at a time; a lane asks for several pieces of
 * both before it uses the first. */

#include "steer-gemv.cuh"

/* Bytes of activations that a block keeps when they need not be there whole. Fewer bytes, more blocks at a time. */
#define STEER_GEMV_TILE_BYTES (32 * 1024)

/* Bytes of a row that are asked for ahead: all blocks' together are to fit into a second-level cache. */
#define STEER_GEMV_AHEAD 4096

/* A pair's weights into the second-level cache, by a warp: they do not depend on the kernel before. */
template <SteerCudaType type>
static __device__ STEER_NOINLINE void
steer_prefetch_pair (const SteerGemv &job, int p)
{
  SteerPair pair = steer_find_pair (job, p);
  size_t n_bytes = (size_t) job.depth * (type == STEER_CUDA_F32 ? 4 : 2);

  for (int r = 0; r < pair.n; r++)
    {
      const char *row = static_cast<const char *> (steer_get_matrix (job, pair, r).data) + pair.row[r] * n_bytes;

      for (size_t i = threadIdx.x % STEER_WARP * STEER_PREFETCH_BYTES; i < min (n_bytes, (size_t) STEER_GEMV_AHEAD);
           i += STEER_WARP * STEER_PREFETCH_BYTES)
        steer_prefetch (row + i);
    }
}

/* Steering and RMS norm of whole rows. */
template <int columns>
static __device__ STEER_NOINLINE void
steer_stage_normed (const SteerGemv &job, float4 *staged, int stride, int parts, double *room)
{
  const float4 *norm = reinterpret_cast<const float4 *> (job.norm);
  float factors[columns];
  int n_vectors = job.depth / 4;

  steer_stage_residuals<columns> (job, staged, stride, parts, room, factors);
#pragma unroll
  for (int c = 0; c < columns; c++)
    {
      SteerRow row = { staged + c * stride, parts };

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
static __device__ STEER_NOINLINE void
steer_stage_plain (const SteerGemv &job, int first, int depth, float4 *staged, int stride, int parts)
{
  for (int c = 0; c < job.n_columns; c++)
    {
      const float4 *x = reinterpret_cast<const float4 *> (job.x + (size_t) c * job.depth + first);
      SteerRow row = { staged + c * stride, parts };

      for (int i = threadIdx.x; i < depth / 4; i += STEER_GEMV_THREADS)
        row.at (i) = x[i];
    }
}

/* A lane's Format::unroll pieces of both rows, a warp's step apart, of which the first begins at element @k. whole: all
 * lie before @depth; addresses and loads then follow each other without a branch. */
template <SteerCudaType type, int columns, bool whole>
static __device__ __forceinline__ void
steer_multiply_pieces (const SteerCudaMatrix &matrix0,
                       const SteerCudaMatrix &matrix1,
                       const SteerPair &pair,
                       int first,
                       int k,
                       int depth,
                       const float4 *staged,
                       int stride,
                       float (*sums)[columns])
{
  typedef SteerFormat<type> Format;
  const int parts = Format::n / 4;
  const int step = STEER_WARP * Format::n;
  int lane = threadIdx.x % STEER_WARP;
  typename Format::Raw raw[Format::unroll][2];

#pragma unroll
  for (int u = 0; u < Format::unroll; u++)
    if (whole || k + u * step < depth)
      {
        raw[u][0] = Format::load (matrix0, pair.row[0], first + k + u * step);
        raw[u][1] = Format::load (matrix1, pair.row[1], first + k + u * step);
      }
#pragma unroll
  for (int u = 0; u < Format::unroll; u++)
    if (whole || k + u * step < depth)
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

/* sums[r][c] += row r . x[c] over elements first .. first + depth - 1 of the rows. */
template <SteerCudaType type, int columns>
static __device__ __forceinline__ void
steer_multiply_pair (const SteerGemv &job,
                     const SteerPair &pair,
                     int first,
                     int depth,
                     const float4 *staged,
                     int stride,
                     float (*sums)[columns])
{
  typedef SteerFormat<type> Format;
  const int chunk = STEER_WARP * Format::n * Format::unroll;
  const SteerCudaMatrix &matrix0 = steer_get_matrix (job, pair, 0);
  const SteerCudaMatrix &matrix1 = steer_get_matrix (job, pair, 1);
  int k = threadIdx.x % STEER_WARP * Format::n;
  int begin = 0;

  for (; begin + chunk <= depth; begin += chunk, staged += chunk / 4)
    steer_multiply_pieces<type, columns, true> (matrix0, matrix1, pair, first, begin + k, depth, staged, stride, sums);
  if (begin < depth)
    steer_multiply_pieces<type, columns, false> (matrix0, matrix1, pair, first, begin + k, depth, staged, stride, sums);
}

/**
 * tile: elements of a row that are staged at a time; all of them when there is a norm
 * shared memory: double room[STEER_GEMV_ROOM], then the staged activations
 */
template <SteerCudaType type, int columns>
__global__ void
__launch_bounds__ (STEER_GEMV_THREADS) steer_gemv_lanes (const __grid_constant__ SteerGemv job, int tile)
{
  const int parts = SteerFormat<type>::n / 4;
  STEER_SHARED (double, room);
  float4 *staged = reinterpret_cast<float4 *> (room + STEER_GEMV_ROOM);
  int stride = steer_get_staged_vectors (tile, parts);
  int warp = threadIdx.x / STEER_WARP;
  int lane = threadIdx.x % STEER_WARP;
  int n_pairs = job.n_pairs[0] + job.n_pairs[1] + job.n_pairs[2];

  steer_let_next_begin ();
  if ((int) blockIdx.x * STEER_GEMV_WARPS + warp < n_pairs)
    steer_prefetch_pair<type> (job, blockIdx.x * STEER_GEMV_WARPS + warp);
  steer_wait_for_previous ();

  if (job.norm != nullptr)
    steer_stage_normed<columns> (job, staged, stride, parts, room);
  else if (tile >= job.depth)
    steer_stage_plain (job, 0, job.depth, staged, stride, parts);
  __syncthreads ();

  for (int begin = blockIdx.x * STEER_GEMV_WARPS; begin < n_pairs; begin += gridDim.x * STEER_GEMV_WARPS)
    {
      bool active = begin + warp < n_pairs;
      SteerPair pair = steer_find_pair (job, active ? begin + warp : 0);
      float sums[2][columns] = {};

      for (int first = 0; first < job.depth; first += tile)
        {
          int depth = min (tile, job.depth - first);

          if (tile < job.depth)
            {
              __syncthreads (); /* the tile before may still be read */
              steer_stage_plain (job, first, depth, staged, stride, parts);
              __syncthreads ();
            }
          if (active)
            steer_multiply_pair<type, columns> (job, pair, first, depth, staged, stride, sums);
        }
      if (!active)
        continue;

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
        steer_end_pair (job, pair, lane, mine[0], mine[1]);
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
