#pragma once

/* The products of decoding: one kernel for all of a layer's, since they differ only in what comes before and after.
 * Here is what the kernels share; steer-gemv-lanes.cuh multiplies numbers that are what they are, steer-gemv-tiles.cuh
 * those that are quantised.
 *
 * Rows are computed in pairs, because pairs are what the ends of the products want: the two elements that rotate with
 * each other, a row of gate with its row of up. The activations lie in shared memory, in the order in which the lanes
 * read them. */

#include "steer-gemv-job.cuh"
#include "steer-hook.cuh"
#include "steer-weights.cuh"

#define STEER_GEMV_WARPS 8
#define STEER_GEMV_THREADS (STEER_GEMV_WARPS * STEER_WARP)

/* Bytes of a row that are asked for ahead: all blocks' together are to fit into a second-level cache. */
#define STEER_GEMV_AHEAD 4096

/* Which rows a pair is. */
struct SteerPair
{
  int part;   /* of QKV: 0, 1, 2; else 0 */
  int index;  /* of the pair within its part */
  int row[2]; /* of matrices[part]; GATE_UP: of gate and of up */
  int n;      /* 1 when the last row has no partner */
};

static __device__ __forceinline__ SteerPair
steer_find_pair (const SteerGemv &job, int p)
{
  SteerPair pair = { 0, p, { 2 * p, 2 * p + 1 }, 2 };

  if (job.end == STEER_GEMV_GATE_UP)
    pair.row[0] = pair.row[1] = p;
  else if (job.end == STEER_GEMV_QKV)
    {
      int half = job.head_dim / 2;

      while (pair.part < 2 && pair.index >= job.n_pairs[pair.part])
        pair.index -= job.n_pairs[pair.part++];
      pair.row[0] = 2 * pair.index;
      pair.row[1] = pair.row[0] + 1;
      if (pair.part < 2 && !job.interleaved)
        {
          pair.row[0] = pair.index / half * job.head_dim + pair.index % half;
          pair.row[1] = pair.row[0] + half;
        }
    }
  else if (pair.row[1] >= job.matrices[0].n_rows)
    {
      pair.row[1] = pair.row[0];
      pair.n = 1;
    }
  return pair;
}

static __device__ __forceinline__ const SteerCudaMatrix &
steer_get_matrix (const SteerGemv &job, const SteerPair &pair, int r)
{
  return job.matrices[job.end == STEER_GEMV_GATE_UP ? r : pair.part];
}

/* Steering of row c, into @row, and this thread's part of its sum of squares. */
static __device__ STEER_NOINLINE float
steer_stage_residual (const SteerGemv &job, int c, SteerRow row, double *room)
{
  const float4 *x = reinterpret_cast<const float4 *> (job.x + (size_t) c * job.depth);
  int n_vectors = job.depth / 4;
  float squares = 0.0f;

  for (int i = threadIdx.x; i < n_vectors; i += STEER_GEMV_THREADS)
    row.at (i) = x[i];
  if (job.steer_layer >= 0)
    steer_apply_plan (row, n_vectors, job.tokens[c].plan, job.steer_layer, room);
  for (int i = threadIdx.x; i < n_vectors; i += STEER_GEMV_THREADS)
    {
      float4 h = row.at (i);

      squares += h.x * h.x + h.y * h.y + (h.z * h.z + h.w * h.w);
      if (job.steered != nullptr && blockIdx.x == 0)
        reinterpret_cast<float4 *> (job.steered + (size_t) c * job.depth)[i] = h;
    }
  return squares;
}

/* Steering of all rows, column c's to staged + c * stride, and what RMS norm multiplies each by. */
static __device__ __forceinline__ void
steer_stage_residuals (const SteerGemv &job, float4 *staged, int stride, int parts, double *room, float *factors)
{
#pragma unroll
  for (int c = 0; c < STEER_CUDA_MAX_COLUMNS; c++)
    factors[c] = c < job.n_columns ? steer_stage_residual (job, c, { staged + c * stride, parts }, room) : 0.0f;
  steer_sum_block<STEER_CUDA_MAX_COLUMNS> (factors, reinterpret_cast<float *> (room));
#pragma unroll
  for (int c = 0; c < STEER_CUDA_MAX_COLUMNS; c++)
    factors[c] = 1.0f / sqrtf (factors[c] / (float) job.depth + job.eps);
}

static __device__ __forceinline__ float4
steer_normalise (float4 h, float factor, float4 weight)
{
  return make_float4 (weight.x * (h.x * factor), weight.y * (h.y * factor), weight.z * (h.z * factor),
                      weight.w * (h.w * factor));
}

/* Column c of a finished pair, by one lane. */
static __device__ __forceinline__ void
steer_end_qkv (const SteerGemv &job, const SteerPair &pair, int c, float a, float b)
{
  int head = pair.row[0] / job.head_dim;
  int in_head[2] = { pair.row[0] % job.head_dim, pair.row[1] % job.head_dim };

  if (pair.part < 2)
    {
      int half = job.head_dim / 2;
      float2 turn = reinterpret_cast<const float2 *> (job.turns)[c * half + pair.index % half];
      float turned = a * turn.x - b * turn.y;

      b = b * turn.x + a * turn.y;
      a = turned;
    }
  if (pair.part == 0)
    {
      float *query = job.out + (size_t) c * job.matrices[0].n_rows;

      query[pair.row[0]] = a;
      query[pair.row[1]] = b;
    }
  else
    {
      SteerCudaToken token = job.tokens[c];
      size_t i = (((size_t) token.slot * job.n_kv_heads + head) * job.cache.n_context + token.position) * job.head_dim;
      void *plane = pair.part == 1 ? job.cache.keys : job.cache.values;

      steer_store (job.cache.type, plane, i + in_head[0], a);
      steer_store (job.cache.type, plane, i + in_head[1], b);
    }
}

static __device__ STEER_NOINLINE void
steer_end_pair (const SteerGemv &job, const SteerPair &pair, int c, float a, float b)
{
  const float *bias0 = steer_get_matrix (job, pair, 0).bias;
  const float *bias1 = steer_get_matrix (job, pair, 1).bias;
  float *out = job.out + (size_t) c * job.matrices[0].n_rows;

  if (bias0 != nullptr)
    a += bias0[pair.row[0]];
  if (bias1 != nullptr)
    b += bias1[pair.row[1]];
  switch (job.end)
    {
    case STEER_GEMV_STORE:
      out[pair.row[0]] = a;
      if (pair.n > 1)
        out[pair.row[1]] = b;
      break;
    case STEER_GEMV_ADD:
      out[pair.row[0]] += a;
      if (pair.n > 1)
        out[pair.row[1]] += b;
      break;
    case STEER_GEMV_GATE_UP:
      out[pair.row[0]] = a / (1.0f + expf (-a)) * b;
      break;
    case STEER_GEMV_QKV:
      steer_end_qkv (job, pair, c, a, b);
      break;
    }
}

/* The 128-byte lines of one row's plane, by a warp. */
static __device__ __forceinline__ void
steer_prefetch_bytes (const void *plane, int row, int n_bytes)
{
  const char *bytes = static_cast<const char *> (plane) + (size_t) row * n_bytes;

  for (int i = threadIdx.x % STEER_WARP * 128; i < min (n_bytes, STEER_GEMV_AHEAD); i += STEER_WARP * 128)
    steer_prefetch (bytes + i);
}

/* Bytes of a row in the data plane. */
static __host__ __device__ __forceinline__ int
steer_get_row_bytes (SteerCudaType type, int n_columns)
{
  return type == STEER_CUDA_F32  ? n_columns * 4
         : type < STEER_CUDA_Q8  ? n_columns * 2
         : type == STEER_CUDA_Q8 ? n_columns
                                 : n_columns / 2;
}

/* A pair's weights into the second-level cache: they do not depend on the kernel before. */
static __device__ STEER_NOINLINE void
steer_prefetch_pair (const SteerGemv &job, SteerCudaType type, int p)
{
  SteerPair pair = steer_find_pair (job, p);

  for (int r = 0; r < pair.n; r++)
    {
      const SteerCudaMatrix &matrix = steer_get_matrix (job, pair, r);

      steer_prefetch_bytes (matrix.data, pair.row[r], steer_get_row_bytes (type, job.depth));
      if (type >= STEER_CUDA_Q8)
        steer_prefetch_bytes (matrix.scales, pair.row[r], job.depth / 16);
      if (type == STEER_CUDA_Q5_K || type == STEER_CUDA_Q6_K)
        steer_prefetch_bytes (matrix.high, pair.row[r], job.depth / (type == STEER_CUDA_Q5_K ? 8 : 4));
    }
}

/* Doubles of shared memory that steering and norm need, before the staged activations. */
#define STEER_GEMV_ROOM STEER_HOOK_ROOM (STEER_GEMV_THREADS)

/* Columns first .. first + n - 1 of a job. */
static inline SteerGemv
steer_cut_columns (const SteerGemv *job, int first, int n)
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

/* Launches @kernel with as many blocks as run at once, so that each stages its activations once; no more than there is
 * work of STEER_GEMV_WARPS pairs. @arguments: the kernel's after the job. */
template <typename... Parameters, typename... Arguments>
static cudaError_t
steer_launch_job (const SteerCudaQueue *queue,
                  const SteerGemv *job,
                  void (*kernel) (SteerGemv, Parameters...),
                  size_t n_shared,
                  Arguments... arguments)
{
  int n_pairs = job->n_pairs[0] + job->n_pairs[1] + job->n_pairs[2];
  int n_blocks = 0;
  cudaError_t error = steer_allow_shared (queue, kernel, n_shared);

  if (error == cudaSuccess)
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor (&n_blocks, kernel, STEER_GEMV_THREADS, n_shared);
  if (error != cudaSuccess)
    return error;
  n_blocks = max (n_blocks, 1) * queue->n_processors;
  return steer_launch (queue, kernel, dim3 (min (n_blocks, steer_divide_up (n_pairs, STEER_GEMV_WARPS))),
                       STEER_GEMV_THREADS, n_shared, *job, arguments...);
}
