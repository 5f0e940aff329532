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

/* Vectors that a thread asks for before it uses the first. */
#define STEER_STAGE_AHEAD 4

/* What is asked for before the kernel before has ended, since only the host writes it: where the columns' operations
 * lie, and the norm's weights. */
template <int columns>
static __device__ __forceinline__ void
steer_prepare_staging (const SteerGemv &job, SteerHookOps *ops)
{
  int i = (blockIdx.x * STEER_GEMV_THREADS + threadIdx.x) * (STEER_PREFETCH_BYTES / (int) sizeof (float));

#pragma unroll
  for (int c = 0; c < columns; c++)
    ops[c] = job.steer_layer >= 0 && c < job.n_columns ? steer_find_ops (job.tokens[c].plan, job.steer_layer)
                                                       : SteerHookOps{ nullptr, 0 };
  if (job.norm != nullptr && i < job.depth)
    steer_prefetch (job.norm + i);
}

/* Rounded alike wherever it is compiled into. */
static __device__ __forceinline__ float
steer_add_squares (float sum, float4 h)
{
  float first = __fmaf_rn (h.x, h.x, __fmul_rn (h.y, h.y));
  float last = __fmaf_rn (h.z, h.z, __fmul_rn (h.w, h.w));

  return __fadd_rn (sum, __fadd_rn (first, last));
}

/* Steering of row c, into @row, and this thread's part of its sum of squares. */
template <unsigned parts>
static __device__ __forceinline__ float
steer_stage_residual (const SteerGemv &job, int c, const SteerHookOps &ops, SteerRow<parts> row, double *room)
{
  const float4 *x = reinterpret_cast<const float4 *> (job.x + (size_t) c * job.depth);
  /* By one block: the last, which never has more to do than others. */
  float4 *steered = job.steered != nullptr && blockIdx.x == gridDim.x - 1
                      ? reinterpret_cast<float4 *> (job.steered + (size_t) c * job.depth)
                      : nullptr;
  int n_vectors = job.depth / 4;
  float squares = 0.0f;

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
          {
            row.at (begin + i * STEER_GEMV_THREADS) = h[i];
            squares = steer_add_squares (squares, h[i]);
            if (steered != nullptr && ops.n == 0)
              steered[begin + i * STEER_GEMV_THREADS] = h[i];
          }
    }
  if (ops.n == 0)
    return squares;

  steer_apply_ops (row, n_vectors, ops, room);
  squares = 0.0f;
  for (int i = threadIdx.x; i < n_vectors; i += STEER_GEMV_THREADS)
    {
      float4 h = row.at (i);

      squares = steer_add_squares (squares, h);
      if (steered != nullptr)
        steered[i] = h;
    }
  return squares;
}

/* Steering of all rows, column c's to staged + c * stride, and what RMS norm multiplies each by: [columns]. */
template <int columns, unsigned parts>
static __device__ __forceinline__ void
steer_stage_residuals (const SteerGemv &job,
                       const SteerHookOps *ops,
                       float4 *staged,
                       int stride,
                       double *room,
                       float *factors)
{
#pragma unroll
  for (int c = 0; c < columns; c++)
    factors[c]
      = c < job.n_columns ? steer_stage_residual (job, c, ops[c], SteerRow<parts>{ staged + c * stride }, room) : 0.0f;
  steer_sum_block<columns> (factors, reinterpret_cast<float *> (room));
#pragma unroll
  for (int c = 0; c < columns; c++)
    factors[c] = 1.0f / sqrtf (factors[c] / (float) job.depth + job.eps);
}

/* Rounded wherever it is compiled into: what follows is a sum, and fused with it a column's bits would depend on how
 * many are computed at once. */
static __device__ __forceinline__ float4
steer_normalise (float4 h, float factor, float4 weight)
{
  return make_float4 (__fmul_rn (weight.x, __fmul_rn (h.x, factor)), __fmul_rn (weight.y, __fmul_rn (h.y, factor)),
                      __fmul_rn (weight.z, __fmul_rn (h.z, factor)), __fmul_rn (weight.w, __fmul_rn (h.w, factor)));
}

/* The pair of column c, by one lane. */
static __device__ __forceinline__ void
steer_end_qkv (const SteerGemv &job, const SteerPair &pair, int c, float a, float b)
{
  int head = pair.row[0] / job.head_dim;
  int in_head[2] = { pair.row[0] % job.head_dim, pair.row[1] % job.head_dim };

  if (job.n_raw > 0)
    {
      float *rows = job.out + (size_t) c * job.n_raw + job.first_raw[pair.part];

      rows[pair.row[0]] = a;
      rows[pair.row[1]] = b;
      return;
    }
  if (pair.part < 2)
    {
      int half = job.head_dim / 2;
      float2 turn = reinterpret_cast<const float2 *> (job.turns)[c * half + pair.index % half];

      steer_turn (turn, &a, &b);
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

/* A finished pair of column c, by one lane. */
static __device__ __forceinline__ void
steer_end_pair (const SteerGemv &job, const SteerPair &pair, int c, float a, float b)
{
  const float *bias0 = steer_get_matrix (job, pair, 0).bias;
  const float *bias1 = steer_get_matrix (job, pair, 1).bias;
  float *out = job.out + (size_t) c * job.matrices[0].n_rows;

  if (bias0 != nullptr)
    a += bias0[pair.row[0]];
  if (bias1 != nullptr)
    b += bias1[pair.row[1]];
  if (job.end == STEER_GEMV_QKV)
    {
      steer_end_qkv (job, pair, c, a, b);
      return;
    }
  if (job.end == STEER_GEMV_GATE_UP)
    {
      out[pair.row[0]] = steer_activate (job.gate, a) * b;
      return;
    }
  if (job.end == STEER_GEMV_ADD)
    {
      float old[2] = { out[pair.row[0]], out[pair.row[1]] };

      a += old[0];
      b += old[1];
    }
  out[pair.row[0]] = a;
  if (pair.n > 1)
    out[pair.row[1]] = b;
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
  part.out += (size_t) first * (job->n_raw > 0 ? job->n_raw : job->matrices[0].n_rows);
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
  cudaError_t error = steer_allow_shared (queue, kernel, n_shared); /* or no block would fit */

  if (error == cudaSuccess)
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor (&n_blocks, kernel, STEER_GEMV_THREADS, n_shared);
  if (error != cudaSuccess)
    return error;
  n_blocks = max (n_blocks, 1) * queue->n_processors;
  return steer_launch (queue, kernel, dim3 (min (n_blocks, steer_divide_up (n_pairs, STEER_GEMV_WARPS))),
                       STEER_GEMV_THREADS, n_shared, *job, arguments...);
}
