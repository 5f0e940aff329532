/* Attention of single tokens over a long cache ("flash decoding", Dao et al. 2023). The positions that a token sees are
 * cut into spans, and a block takes one span of one key/value head for up to four of the query heads that share it. A
 * few lanes take one position, 16 bytes of its key a lane, and keep their own running maximum, sum and weighted values;
 * these are joined at the end of the block. Which block finishes a head last joins the spans. */

#include "steer-numbers.cuh"

#define N_WARPS 4
#define N_THREADS (N_WARPS * STEER_WARP)

/* At most so many spans, and no span shorter than that many positions. */
#define MAX_SPANS 32
#define MIN_SPAN 64

/* Positions whose keys and values a lane asks for before it uses the first. */
#define UNROLL 4

/* Elements of a head that a lane holds: 16 bytes. */
#define N 8

#define LOG2_E 1.4426950408889634f

struct AttentionJob
{
  SteerCudaCache cache;
  const SteerCudaToken *tokens;
  const float *query; /* [n_columns, n_heads * head_dim] */
  float *attended;    /* [n_columns, n_heads * head_dim] */
  unsigned *n_ended;  /* [n_columns, gridDim.y]: spans of a head that are done; 0 between launches */
  float *partials;    /* [n_columns, n_heads, MAX_SPANS, head_dim + 2]: weighted values, maximum, sum */
  int n_heads;
  int n_kv_heads;
  int head_dim;
  int window;
  int lanes; /* that share a position: a power of two, at least head_dim / N */
};

/* How the positions of a token are cut; depends on nothing else. */
struct Spans
{
  int first;
  int end;
  int length;
  int n;
};

static __device__ __forceinline__ Spans
cut_into_spans (int position, int window)
{
  Spans spans;
  int n;

  spans.first = window > 0 && position >= window ? position - window + 1 : 0;
  spans.end = position + 1;
  n = spans.end - spans.first;
  spans.length = max (MIN_SPAN, (n + MAX_SPANS - 1) / MAX_SPANS);
  spans.n = (n + spans.length - 1) / spans.length;
  return spans;
}

/* Softmax in base 2 of some positions of one head. */
struct Softmax
{
  float max;
  float sum;
};

/* What a sum under the old maximum is multiplied with under the new one. Nothing was seen yet: 0. */
static __device__ __forceinline__ float
rescale (float old_max, float new_max)
{
  return old_max == -INFINITY ? 0.0f : exp2f (old_max - new_max);
}

template <int heads> struct LaneState
{
  Softmax softmax[heads];
  float values[heads][N];
};

/* UNROLL positions of which scores and values are here; a score is -INFINITY where there is no position. */
template <SteerCudaType type, int heads>
static __device__ __forceinline__ void
add_positions (LaneState<heads> *state, const float (*scores)[UNROLL], const uint4 *raw_values)
{
  float factors[heads][UNROLL];

#pragma unroll
  for (int h = 0; h < heads; h++)
    {
      Softmax *softmax = &state->softmax[h];
      float new_max = softmax->max;
      float factor;

#pragma unroll
      for (int u = 0; u < UNROLL; u++)
        new_max = fmaxf (new_max, scores[h][u]);
      factor = rescale (softmax->max, new_max);
      softmax->sum *= factor;
#pragma unroll
      for (int u = 0; u < UNROLL; u++)
        {
          factors[h][u] = scores[h][u] == -INFINITY ? 0.0f : exp2f (scores[h][u] - new_max);
          softmax->sum += factors[h][u];
        }
      softmax->max = new_max;
#pragma unroll
      for (int i = 0; i < N; i++)
        state->values[h][i] *= factor;
    }
#pragma unroll
  for (int u = 0; u < UNROLL; u++)
    {
      float v[N];

      steer_widen8<type> (raw_values[u], v);
#pragma unroll
      for (int h = 0; h < heads; h++)
#pragma unroll
        for (int i = 0; i < N; i++)
          state->values[h][i] = __fmaf_rn (factors[h][u], v[i], state->values[h][i]);
    }
}

template <SteerCudaType type, int heads>
static __device__ __forceinline__ void
score_positions (const AttentionJob &job, const float (*q)[N], const uint4 *raw_keys, float (*scores)[UNROLL])
{
#pragma unroll
  for (int u = 0; u < UNROLL; u++)
    {
      float k[N];

      steer_widen8<type> (raw_keys[u], k);
#pragma unroll
      for (int h = 0; h < heads; h++)
        {
          float sum = 0.0f;

#pragma unroll
          for (int i = 0; i < N; i++)
            sum = __fmaf_rn (q[h][i], k[i], sum);
          scores[h][u] = sum;
        }
    }
  for (int offset = job.lanes / 2; offset > 0; offset /= 2)
#pragma unroll
    for (int h = 0; h < heads; h++)
#pragma unroll
      for (int u = 0; u < UNROLL; u++)
        scores[h][u] += __shfl_xor_sync (STEER_ALL_LANES, scores[h][u], offset);
}

/* Positions begin .. end - 1 of one slot and key/value head, by the whole block. */
template <SteerCudaType type, int heads>
static __device__ __forceinline__ void
attend_span (const AttentionJob &job,
             size_t cache_row,
             int begin,
             int end,
             const float (*q)[N],
             LaneState<heads> *state)
{
  int per_warp = STEER_WARP / job.lanes;
  int group = threadIdx.x / STEER_WARP * per_warp + threadIdx.x % STEER_WARP / job.lanes;
  int n_groups = N_WARPS * per_warp;
  int column = threadIdx.x % job.lanes * N;
  const uint16_t *keys = static_cast<const uint16_t *> (job.cache.keys) + cache_row * job.head_dim + column;
  const uint16_t *values = static_cast<const uint16_t *> (job.cache.values) + cache_row * job.head_dim + column;

  for (int base = begin; base < end; base += n_groups * UNROLL)
    {
      uint4 raw_keys[UNROLL];
      uint4 raw_values[UNROLL];
      float scores[heads][UNROLL];

#pragma unroll
      for (int u = 0; u < UNROLL; u++)
        {
          int position = base + u * n_groups + group;
          bool inside = position < end && column < job.head_dim;

          raw_keys[u] = raw_values[u] = make_uint4 (0, 0, 0, 0);
          if (inside)
            {
              raw_keys[u] = *reinterpret_cast<const uint4 *> (keys + (size_t) position * job.head_dim);
              raw_values[u] = *reinterpret_cast<const uint4 *> (values + (size_t) position * job.head_dim);
            }
        }
      score_positions<type, heads> (job, q, raw_keys, scores);
#pragma unroll
      for (int u = 0; u < UNROLL; u++)
        if (base + u * n_groups + group >= end)
#pragma unroll
          for (int h = 0; h < heads; h++)
            scores[h][u] = -INFINITY;
      add_positions<type, heads> (state, scores, raw_values);
    }
}

/* Joins what the lanes of a warp have that hold the same elements of a head. */
template <int heads>
static __device__ __forceinline__ void
join_lanes (int lanes, LaneState<heads> *state)
{
  for (int offset = lanes; offset < STEER_WARP; offset *= 2)
#pragma unroll
    for (int h = 0; h < heads; h++)
      {
        Softmax *softmax = &state->softmax[h];
        float other_max = __shfl_xor_sync (STEER_ALL_LANES, softmax->max, offset);
        float other_sum = __shfl_xor_sync (STEER_ALL_LANES, softmax->sum, offset);
        float new_max = fmaxf (softmax->max, other_max);
        float mine = rescale (softmax->max, new_max);
        float its = rescale (other_max, new_max);

        softmax->max = new_max;
        softmax->sum = softmax->sum * mine + other_sum * its;
#pragma unroll
        for (int i = 0; i < N; i++)
          {
            float other = __shfl_xor_sync (STEER_ALL_LANES, state->values[h][i], offset);

            state->values[h][i] = state->values[h][i] * mine + other * its;
          }
      }
}

/* Row of a partial result: values, then maximum and sum. Joins @n rows, @stride floats apart, into element i of the
 * result. Rows in global memory were written by other blocks, so they are read past the first-level cache. */
template <bool global>
static __device__ __forceinline__ float
load_row (const float *p)
{
  return global ? __ldcg (p) : *p;
}

template <bool global>
static __device__ __forceinline__ float
join_rows (const float *rows, int n, int stride, int head_dim, int i, Softmax *softmax)
{
  float value = 0.0f;

  softmax->max = -INFINITY;
  softmax->sum = 0.0f;
  for (int r = 0; r < n; r++)
    softmax->max = fmaxf (softmax->max, load_row<global> (rows + r * stride + head_dim));
  for (int r = 0; r < n; r++)
    {
      const float *row = rows + r * stride;
      float factor = rescale (load_row<global> (row + head_dim), softmax->max);

      softmax->sum += load_row<global> (row + head_dim + 1) * factor;
      value += load_row<global> (row + i) * factor;
    }
  return value;
}

static __device__ __forceinline__ float *
get_partial (const AttentionJob &job, int column, int head, int span)
{
  return job.partials + ((size_t) (column * job.n_heads + head) * MAX_SPANS + span) * (job.head_dim + 2);
}

/* Of all blocks of a column and its heads, the one that comes here last. */
static __device__ __forceinline__ bool
ends_last (unsigned *n_ended, int n_blocks, int *room)
{
  __threadfence ();
  __syncthreads ();
  if (threadIdx.x == 0)
    {
      *room = atomicAdd (n_ended, 1u) == (unsigned) n_blocks - 1;
      if (*room)
        *n_ended = 0;
    }
  __syncthreads ();
  __threadfence ();
  return *room != 0;
}

/* grid: spans, groups of heads, columns. shared memory: int room[4], then the warps' rows. */
template <SteerCudaType type, int heads>
static __global__ void
__launch_bounds__ (N_THREADS) steer_attention_decode (const __grid_constant__ AttentionJob job)
{
  STEER_SHARED (int, room);
  float *rows = reinterpret_cast<float *> (room + 4); /* [N_WARPS, heads, head_dim + 2] */
  int column = blockIdx.z;
  int group = job.n_heads / job.n_kv_heads;
  int parts = (group + heads - 1) / heads;
  int kv_head = blockIdx.y / parts;
  int first_head = kv_head * group + blockIdx.y % parts * heads;
  int n_heads = min (heads, (kv_head + 1) * group - first_head);
  int stride = job.head_dim + 2;
  int lane = threadIdx.x % STEER_WARP;
  int element = threadIdx.x % job.lanes * N;
  LaneState<heads> state;
  float q[heads][N] = {};

  steer_let_next_begin ();
  steer_wait_for_previous ();

  SteerCudaToken token = job.tokens[column];
  Spans spans = cut_into_spans (token.position, job.window);
  int begin = spans.first + blockIdx.x * spans.length;

  if ((int) blockIdx.x >= spans.n)
    return;
#pragma unroll
  for (int h = 0; h < heads; h++)
    {
      const float *query = job.query + ((size_t) column * job.n_heads + first_head + h) * job.head_dim + element;

      state.softmax[h] = { -INFINITY, 0.0f };
#pragma unroll
      for (int i = 0; i < N; i++)
        {
          q[h][i] = h < n_heads && element < job.head_dim ? query[i] * (LOG2_E / sqrtf ((float) job.head_dim)) : 0.0f;
          state.values[h][i] = 0.0f;
        }
    }
  attend_span<type, heads> (job, ((size_t) token.slot * job.n_kv_heads + kv_head) * job.cache.n_context, begin,
                            min (begin + spans.length, spans.end), q, &state);
  join_lanes<heads> (job.lanes, &state);
  if (lane < job.lanes && element < job.head_dim)
#pragma unroll
    for (int h = 0; h < heads; h++)
      {
        float *row = rows + (threadIdx.x / STEER_WARP * heads + h) * stride;

#pragma unroll
        for (int i = 0; i < N; i++)
          row[element + i] = state.values[h][i];
        if (lane == 0)
          {
            row[job.head_dim] = state.softmax[h].max;
            row[job.head_dim + 1] = state.softmax[h].sum;
          }
      }
  __syncthreads ();
  for (int at = threadIdx.x; at < n_heads * job.head_dim; at += N_THREADS)
    {
      int h = at / job.head_dim;
      int i = at % job.head_dim;
      Softmax softmax;
      float value = join_rows<false> (rows + h * stride, N_WARPS, heads * stride, job.head_dim, i, &softmax);

      if (spans.n == 1)
        job.attended[((size_t) column * job.n_heads + first_head + h) * job.head_dim + i] = value / softmax.sum;
      else
        {
          float *partial = get_partial (job, column, first_head + h, blockIdx.x);

          partial[i] = value;
          if (i == 0)
            {
              partial[job.head_dim] = softmax.max;
              partial[job.head_dim + 1] = softmax.sum;
            }
        }
    }
  if (spans.n == 1 || !ends_last (job.n_ended + column * gridDim.y + blockIdx.y, spans.n, room))
    return;
  for (int at = threadIdx.x; at < n_heads * job.head_dim; at += N_THREADS)
    {
      int h = at / job.head_dim;
      int i = at % job.head_dim;
      Softmax softmax;
      float value
        = join_rows<true> (get_partial (job, column, first_head + h, 0), spans.n, stride, job.head_dim, i, &softmax);

      job.attended[((size_t) column * job.n_heads + first_head + h) * job.head_dim + i] = value / softmax.sum;
    }
}

/* Query heads that a block takes together. */
static int
choose_heads (const SteerCudaShape *shape)
{
  int group = shape->n_heads / shape->n_kv_heads;

  return group == 1 ? 1 : group == 2 ? 2 : 4;
}

static int
count_head_groups (const SteerCudaShape *shape)
{
  return shape->n_kv_heads * steer_divide_up (shape->n_heads / shape->n_kv_heads, choose_heads (shape));
}

/* Those of all columns that there may be: calls for different numbers of columns share the counters. */
static size_t
get_counter_bytes (const SteerCudaShape *shape)
{
  return ((size_t) STEER_CUDA_MAX_COLUMNS * count_head_groups (shape) * sizeof (unsigned) + 255) / 256 * 256;
}

size_t
steer_cuda_decode_attention_get_scratch (const SteerCudaShape *shape, int n_columns)
{
  return get_counter_bytes (shape)
         + (size_t) n_columns * shape->n_heads * MAX_SPANS * (shape->head_dim + 2) * sizeof (float);
}

template <SteerCudaType type, int heads>
static cudaError_t
launch (const SteerCudaQueue *queue, const SteerCudaShape *shape, int n_columns, const AttentionJob &job)
{
  size_t n_shared = 4 * sizeof (int) + (size_t) N_WARPS * heads * (shape->head_dim + 2) * sizeof (float);

  return steer_launch (queue, steer_attention_decode<type, heads>,
                       dim3 (MAX_SPANS, count_head_groups (shape), n_columns), N_THREADS, n_shared, job);
}

template <SteerCudaType type>
static cudaError_t
launch_heads (const SteerCudaQueue *queue, const SteerCudaShape *shape, int n_columns, const AttentionJob &job)
{
  switch (choose_heads (shape))
    {
    case 1:
      return launch<type, 1> (queue, shape, n_columns, job);
    case 2:
      return launch<type, 2> (queue, shape, n_columns, job);
    default:
      return launch<type, 4> (queue, shape, n_columns, job);
    }
}

cudaError_t
steer_cuda_decode_attention (const SteerCudaQueue *queue,
                             const SteerCudaShape *shape,
                             const SteerCudaCache *cache,
                             const SteerCudaToken *tokens,
                             int n_columns,
                             const float *query,
                             void *scratch,
                             float *attended)
{
  AttentionJob job = {};

  job.cache = *cache;
  job.tokens = tokens;
  job.query = query;
  job.attended = attended;
  job.n_ended = static_cast<unsigned *> (scratch);
  job.partials = reinterpret_cast<float *> (static_cast<char *> (scratch) + get_counter_bytes (shape));
  job.n_heads = shape->n_heads;
  job.n_kv_heads = shape->n_kv_heads;
  job.head_dim = shape->head_dim;
  job.window = shape->sliding_window;
  for (job.lanes = 1; job.lanes * N < shape->head_dim;)
    job.lanes *= 2;
  return cache->type == STEER_CUDA_F16 ? launch_heads<STEER_CUDA_F16> (queue, shape, n_columns, job)
                                       : launch_heads<STEER_CUDA_BF16> (queue, shape, n_columns, job);
}
