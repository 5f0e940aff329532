#pragma once

/* How the products of decoding are launched. The files that include this share the types among them, so that a compiler
 * works on them side by side: they are the longest of the module. */

#include "steer-gemv.cuh"

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

/* As many blocks as run at once, so that each stages its activations once; no more than there is work. */
template <SteerCudaType type, int columns>
static cudaError_t
launch (const SteerCudaQueue *queue, const SteerGemv *job)
{
  int n_pairs = job->n_pairs[0] + job->n_pairs[1] + job->n_pairs[2];
  int tile = choose_tile<type, columns> (job);
  size_t n_shared = get_shared_bytes<type, columns> (tile);
  int n_blocks = 0;
  cudaError_t error = cudaSuccess;

  if (n_shared > STEER_SHARED_DEFAULT)
    error
      = cudaFuncSetAttribute (steer_gemv<type, columns>, cudaFuncAttributeMaxDynamicSharedMemorySize, (int) n_shared);
  if (error == cudaSuccess)
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor (&n_blocks, steer_gemv<type, columns>, STEER_GEMV_THREADS,
                                                           n_shared);
  if (error != cudaSuccess)
    return error;
  n_blocks = max (n_blocks, 1) * queue->n_processors;
  return steer_launch (queue, steer_gemv<type, columns>,
                       dim3 (min (n_blocks, steer_divide_up (n_pairs, STEER_GEMV_WARPS))), STEER_GEMV_THREADS, n_shared,
                       *job, tile);
}

/* Columns first .. first + n - 1 of a job. */
static inline SteerGemv
cut_columns (const SteerGemv *job, int first, int n)
{
  SteerGemv part = *job;

  part.n_columns = n;
  part.x += (size_t) first * job->depth;
  part.out += (size_t) first * job->matrices[0].n_rows;
  if (part.tokens != nullptr)
    part.tokens += first;
  if (part.steered != nullptr)
    part.steered += (size_t) first * job->depth;
  if (part.turns != nullptr)
    part.turns += (size_t) first * job->head_dim;
  return part;
}

template <SteerCudaType type>
cudaError_t
steer_gemv_launch (const SteerCudaQueue *queue, const SteerGemv *job)
{
  int together = 4;

  if (job->norm != nullptr)
    {
      if (get_shared_bytes<type, 4> (job->depth) > STEER_SHARED_MAX)
        together = get_shared_bytes<type, 2> (job->depth) > STEER_SHARED_MAX ? 1 : 2;
      if (get_shared_bytes<type, 1> (job->depth) > STEER_SHARED_MAX)
        return cudaErrorInvalidValue;
    }
  for (int first = 0; first < job->n_columns; first += together)
    {
      SteerGemv part = cut_columns (job, first, min (together, job->n_columns - first));
      cudaError_t error = part.n_columns == 1   ? launch<type, 1> (queue, &part)
                          : part.n_columns == 2 ? launch<type, 2> (queue, &part)
                                                : launch<type, 4> (queue, &part);

      if (error != cudaSuccess)
        return error;
    }
  return cudaSuccess;
}
