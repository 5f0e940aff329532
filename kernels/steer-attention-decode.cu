/* Attention of single tokens over a long cache ("flash decoding", Dao et al. 2023). The positions that a token sees are
 * cut into spans, and a block takes one span of one key/value head for up to four of the query heads that share it. A
 * few lanes take one position, 16 bytes of its key a lane, and keep their own running maximum, sum and weighted values;
 * these are joined at the end of the block. Which block finishes a head last joins the spans. */

#include "steer-numbers.cuh"

#define N_WARPS 4
#define N_THREADS (N_WARPS * STEER_WARP)

/* A lane for each, when they are joined. */
#define MAX_SPANS STEER_WARP

/* Positions whose keys and values a lane asks for before it uses the first. */
#define UNROLL 4

/* Elements of a head that a lane holds: 16 bytes. */
#define N 8

struct AttentionJob
{
  SteerCudaCache cache;
  const SteerCudaToken *tokens;
  const float *query; /* [n_columns, n_heads * head_dim] */
  float *attended;    /* [n_columns, n_heads * head_dim] */
  unsigned *n_ended;  /* [n_columns, gridDim.y]: spans of a head that are done; 0 between launches */
  float *partials;    /* [n_columns, n_heads, MAX_SPANS, get_row_floats()] */
  int n_heads;
  int n_kv_heads;
  int head_dim;
  int window;
  float scale; /* of scores in base 2 */
  float cap;   /* of them, where the kernel has one */
  int lanes;   /* that share a position: a power of two, at least head_dim / N */
};

/* Of a partial result: weighted values, maximum and sum, and what keeps the next row aligned. */
static __host__ __device__ __forceinline__ int
get_row_floats (int head_dim)
{
  return head_dim + 4;
}

/* How the positions of a token are cut; depends on nothing else but the heads' width. */
struct Spans
{
  int first;
  int end;
  int length;
  int n;
};

/* Into what a block takes at a time, or several times that. */
static __device__ __forceinline__ Spans
cut_into_spans (const AttentionJob &job, int position)
{
  int at_a_time = N_WARPS * (STEER_WARP / job.lanes) * UNROLL;
  Spans spans;
  int n;

  spans.first = job.window > 0 && position >= job.window ? position - job.window + 1 : 0;
  spans.end = position + 1;
  n = spans.end - spans.first;
  spans.length = steer_divide_up (steer_divide_up (n, MAX_SPANS), at_a_time) * at_a_time;
  spans.n = steer_divide_up (n, spans.length);
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

static __device__ __forceinline__ float4
add_scaled (float4 sum, float4 values, float factor)
{
  return make_float4 (__fmaf_rn (values.x, factor, sum.x), __fmaf_rn (values.y, factor, sum.y),
                      __fmaf_rn (values.z, factor, sum.z), __fmaf_rn (values.w, factor, sum.w));
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

/* capped: a kernel of its own, since the others need the registers. */
template <SteerCudaType type, int heads, bool capped>
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
  if (capped)
#pragma unroll
    for (int h = 0; h < heads; h++)
#pragma unroll
      for (int u = 0; u < UNROLL; u++)
        scores[h][u] = steer_cap (scores[h][u], job.cap);
}

/* Positions begin .. end - 1 of one slot and key/value head, by the whole block. */
template <SteerCudaType type, int heads, bool capped>
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
      score_positions<type, heads, capped> (job, q, raw_keys, scores);
#pragma unroll
      for (int u = 0; u < UNROLL; u++)
        if (base + u * n_groups + group >= end)
#pragma unroll
          for (int h = 0; h < heads; h++)
            scores[h][u] = -INFINITY;
      add_positions<type, heads> (state, scores, raw_values);
    }
}

/* Asks for what the block takes first of its span. The newest position may not be there yet: it is asked for in the
 * second-level cache, where it will be written. */
static __device__ __forceinline__ void
prefetch_span (const AttentionJob &job, size_t cache_row, int begin, int end)
{
  size_t first = (cache_row + begin) * job.head_dim * sizeof (uint16_t);
  unsigned n_bytes = (unsigned) min (end - begin, N_WARPS * (STEER_WARP / job.lanes) * UNROLL)
                     * (unsigned) (job.head_dim * sizeof (uint16_t));

  for (unsigned i = threadIdx.x * STEER_PREFETCH_BYTES; i < n_bytes; i += N_THREADS * STEER_PREFETCH_BYTES)
    {
      steer_prefetch (static_cast<const char *> (job.cache.keys) + first + i);
      steer_prefetch (static_cast<const char *> (job.cache.values) + first + i);
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

/* Four elements from @i on of what the warps' rows in shared memory, @stride floats apart, come to. */
static __device__ __forceinline__ float4
join_warps (const float *rows, int stride, int head_dim, int i, Softmax *softmax)
{
  float4 values = make_float4 (0.0f, 0.0f, 0.0f, 0.0f);

  *softmax = { -INFINITY, 0.0f };
#pragma unroll
  for (int w = 0; w < N_WARPS; w++)
    softmax->max = fmaxf (softmax->max, rows[w * stride + head_dim]);
#pragma unroll
  for (int w = 0; w < N_WARPS; w++)
    {
      const float *row = rows + w * stride;
      float factor = rescale (row[head_dim], softmax->max);

      softmax->sum = __fmaf_rn (row[head_dim + 1], factor, softmax->sum);
      values = add_scaled (values, *reinterpret_cast<const float4 *> (row + i), factor);
    }
  return values;
}

/* What the values of each span of a head are multiplied with, by a warp. Rows that other blocks wrote are read past the
 * first-level cache. factors: out: [MAX_SPANS] */
static __device__ __forceinline__ void
weigh_spans (const float *partial, int n_spans, int head_dim, float *factors)
{
  int lane = threadIdx.x % STEER_WARP;
  float2 softmax = make_float2 (-INFINITY, 0.0f);
  float max;
  float factor;

  if (lane < n_spans)
    softmax = __ldcg (reinterpret_cast<const float2 *> (partial + lane * get_row_floats (head_dim) + head_dim));
  max = softmax.x;
  for (int offset = STEER_WARP / 2; offset > 0; offset /= 2)
    max = fmaxf (max, __shfl_xor_sync (STEER_ALL_LANES, max, offset));
  factor = rescale (softmax.x, max);
  factors[lane] = factor / steer_sum_lanes (__fmul_rn (softmax.y, factor));
}

/* Four elements of a head from all its spans, of which some are asked for at once. The factors of spans that are not
 * there are 0. */
static __device__ __forceinline__ float4
join_spans (const float *partial, int n_spans, int head_dim, const float *factors)
{
  const int at_once = 8;
  float4 values = make_float4 (0.0f, 0.0f, 0.0f, 0.0f);

  for (int first = 0; first < n_spans; first += at_once)
    {
      float4 rows[at_once];

#pragma unroll
      for (int r = 0; r < at_once; r++)
        rows[r] = first + r < n_spans
                    ? __ldcg (reinterpret_cast<const float4 *> (partial + (first + r) * get_row_floats (head_dim)))
                    : make_float4 (0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll
      for (int r = 0; r < at_once; r++)
        values = add_scaled (values, rows[r], factors[first + r]);
    }
  return values;
}

static __device__ __forceinline__ float *
get_partial (const AttentionJob &job, int column, int head, int span)
{
  return job.partials + ((size_t) (column * job.n_heads + head) * MAX_SPANS + span) * get_row_floats (job.head_dim);
}

/* Of all blocks of a column and its heads, the one that comes here last. */
static __device__ __forceinline__ bool
ends_last (unsigned *n_ended, int n_blocks, int *room)
{
  __syncthreads ();
  if (threadIdx.x == 0)
    {
      /* What the others wrote comes before the barrier, and so before this fence; what they will read comes after. */
      steer_fence ();
      *room = atomicAdd (n_ended, 1u) == (unsigned) n_blocks - 1;
      if (*room)
        *n_ended = 0;
      steer_fence ();
    }
  __syncthreads ();
  return *room != 0;
}

/* A lane's elements of the queries, scaled for a softmax in base 2; zeros where there is no head or element. */
template <int heads>
static __device__ __forceinline__ void
load_queries (const AttentionJob &job, int first_head, int n_heads, int element, float (*q)[N])
{
#pragma unroll
  for (int h = 0; h < heads; h++)
    {
      const float *query = job.query + ((size_t) blockIdx.z * job.n_heads + first_head + h) * job.head_dim + element;
      bool inside = h < n_heads && element < job.head_dim;

#pragma unroll
      for (int i = 0; i < N; i += 4)
        {
          float4 four = inside ? *reinterpret_cast<const float4 *> (query + i) : make_float4 (0.0f, 0.0f, 0.0f, 0.0f);

          q[h][i] = four.x * job.scale;
          q[h][i + 1] = four.y * job.scale;
          q[h][i + 2] = four.z * job.scale;
          q[h][i + 3] = four.w * job.scale;
        }
    }
}

/* What a warp has of its heads, to shared memory. rows: [heads, get_row_floats()] */
template <int heads>
static __device__ __forceinline__ void
store_rows (const AttentionJob &job, int element, const LaneState<heads> &state, float *rows)
{
  if ((int) threadIdx.x % STEER_WARP >= job.lanes || element >= job.head_dim)
    return;
#pragma unroll
  for (int h = 0; h < heads; h++)
    {
      float *row = rows + h * get_row_floats (job.head_dim);

#pragma unroll
      for (int i = 0; i < N; i += 4)
        *reinterpret_cast<float4 *> (row + element + i)
          = make_float4 (state.values[h][i], state.values[h][i + 1], state.values[h][i + 2], state.values[h][i + 3]);
      if (element == 0)
        *reinterpret_cast<float2 *> (row + job.head_dim) = make_float2 (state.softmax[h].max, state.softmax[h].sum);
    }
}

/* grid: spans, groups of heads, columns. shared memory: int room[4], then the warps' rows. */
template <SteerCudaType type, int heads, bool capped>
static __global__ void
__launch_bounds__ (N_THREADS) steer_attention_decode (const __grid_constant__ AttentionJob job)
{
  STEER_SHARED (int, room);
  float *rows = reinterpret_cast<float *> (room + 4); /* [N_WARPS, heads, get_row_floats()], later [heads, MAX_SPANS] */
  int column = blockIdx.z;
  int group = job.n_heads / job.n_kv_heads;
  int parts = (group + heads - 1) / heads;
  int kv_head = blockIdx.y / parts;
  int first_head = kv_head * group + blockIdx.y % parts * heads;
  int n_heads = min (heads, (kv_head + 1) * group - first_head);
  int stride = get_row_floats (job.head_dim);
  int warp = threadIdx.x / STEER_WARP;
  int element = threadIdx.x % job.lanes * N;
  LaneState<heads> state;
  float q[heads][N];

  /* Only the host writes tokens. */
  SteerCudaToken token = job.tokens[column];
  Spans spans = cut_into_spans (job, token.position);
  int begin = spans.first + blockIdx.x * spans.length;
  int end = min (begin + spans.length, spans.end);
  size_t cache_row = ((size_t) token.slot * job.n_kv_heads + kv_head) * job.cache.n_context;

  steer_let_next_begin ();
  if ((int) blockIdx.x < spans.n)
    prefetch_span (job, cache_row, begin, end);
  steer_wait_for_previous ();
  if ((int) blockIdx.x >= spans.n)
    return;
  load_queries<heads> (job, first_head, n_heads, element, q);
#pragma unroll
  for (int h = 0; h < heads; h++)
    {
      state.softmax[h] = { -INFINITY, 0.0f };
#pragma unroll
      for (int i = 0; i < N; i++)
        state.values[h][i] = 0.0f;
    }
  attend_span<type, heads, capped> (job, cache_row, begin, end, q, &state);
  join_lanes<heads> (job.lanes, &state);
  store_rows<heads> (job, element, state, rows + warp * heads * stride);
  __syncthreads ();
  for (int at = threadIdx.x * 4; at < n_heads * job.head_dim; at += N_THREADS * 4)
    {
      int h = at / job.head_dim;
      int i = at % job.head_dim;
      Softmax softmax;
      float4 values = join_warps (rows + h * stride, heads * stride, job.head_dim, i, &softmax);

      if (spans.n == 1)
        {
          float *attended = job.attended + ((size_t) column * job.n_heads + first_head + h) * job.head_dim + i;

          *reinterpret_cast<float4 *> (attended) = make_float4 (values.x / softmax.sum, values.y / softmax.sum,
                                                                values.z / softmax.sum, values.w / softmax.sum);
        }
      else
        {
          float *partial = get_partial (job, column, first_head + h, blockIdx.x);

          *reinterpret_cast<float4 *> (partial + i) = values;
          if (i == 0)
            *reinterpret_cast<float2 *> (partial + job.head_dim) = make_float2 (softmax.max, softmax.sum);
        }
    }
  if (spans.n == 1 || !ends_last (job.n_ended + column * gridDim.y + blockIdx.y, spans.n, room))
    return;
  for (int h = warp; h < n_heads; h += N_WARPS)
    weigh_spans (get_partial (job, column, first_head + h, 0), spans.n, job.head_dim, rows + h * MAX_SPANS);
  __syncthreads ();
  for (int at = threadIdx.x * 4; at < n_heads * job.head_dim; at += N_THREADS * 4)
    {
      int h = at / job.head_dim;
      int i = at % job.head_dim;
      float *attended = job.attended + ((size_t) column * job.n_heads + first_head + h) * job.head_dim + i;

      *reinterpret_cast<float4 *> (attended)
        = join_spans (get_partial (job, column, first_head + h, 0) + i, spans.n, job.head_dim, rows + h * MAX_SPANS);
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
         + (size_t) n_columns * shape->n_heads * MAX_SPANS * get_row_floats (shape->head_dim) * sizeof (float);
}

template <SteerCudaType type, int heads, bool capped>
static cudaError_t
launch_kernel (const SteerCudaQueue *queue, const SteerCudaShape *shape, int n_columns, const AttentionJob &job)
{
  size_t n_rows = (size_t) N_WARPS * heads * get_row_floats (shape->head_dim);
  size_t n_factors = (size_t) heads * MAX_SPANS;
  size_t n_shared = 4 * sizeof (int) + (n_rows > n_factors ? n_rows : n_factors) * sizeof (float);

  return steer_launch (queue, steer_attention_decode<type, heads, capped>,
                       dim3 (MAX_SPANS, count_head_groups (shape), n_columns), N_THREADS, n_shared, job);
}

template <SteerCudaType type, int heads>
static cudaError_t
launch (const SteerCudaQueue *queue, const SteerCudaShape *shape, int n_columns, const AttentionJob &job)
{
  return job.cap > 0.0f ? launch_kernel<type, heads, true> (queue, shape, n_columns, job)
                        : launch_kernel<type, heads, false> (queue, shape, n_columns, job);
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
  job.scale = STEER_LOG2_E * steer_get_score_scale (shape);
  job.cap = STEER_LOG2_E * shape->attention_softcap;
  for (job.lanes = 1; job.lanes * N < shape->head_dim;)
    job.lanes *= 2;
  return cache->type == STEER_CUDA_F16 ? launch_heads<STEER_CUDA_F16> (queue, shape, n_columns, job)
                                       : launch_heads<STEER_CUDA_BF16> (queue, shape, n_columns, job);
}
