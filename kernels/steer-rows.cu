/* What lies between the matrix products of a prefill, a block or a few threads a token. */

#include "steer-hook.cuh"
#include "steer-numbers.cuh"

#define N_THREADS 256

/* What RMS norm multiplies a row with, before its weights. By the block. */
static __device__ __forceinline__ float
find_row_factor (const float4 *row, int d_model, float eps, float *room)
{
  float squares[1] = { 0.0f };

  for (int i = threadIdx.x; i < d_model / 4; i += N_THREADS)
    {
      float4 h = row[i];

      squares[0] += h.x * h.x + h.y * h.y + (h.z * h.z + h.w * h.w);
    }
  steer_sum_block<1> (squares, room);
  return 1.0f / sqrtf (squares[0] / (float) d_model + eps);
}

static __global__ void
steer_norm_rows (const float *residual, const float *weight, int d_model, float eps, SteerCudaType type, void *out)
{
  STEER_SHARED (float, room); /* [warps] */
  const float4 *row = reinterpret_cast<const float4 *> (residual + (size_t) blockIdx.x * d_model);
  const float4 *weights = reinterpret_cast<const float4 *> (weight);

  steer_let_next_begin ();
  steer_wait_for_previous ();

  float factor = find_row_factor (row, d_model, eps, room);

  for (int i = threadIdx.x; i < d_model / 4; i += N_THREADS)
    {
      float4 h = row[i];
      float4 w = __ldg (weights + i);

      steer_store4 (
        type, out, (size_t) blockIdx.x * d_model + 4 * (size_t) i,
        make_float4 (w.x * (h.x * factor), w.y * (h.y * factor), w.z * (h.z * factor), w.w * (h.w * factor)));
    }
}

cudaError_t
steer_cuda_norm_rows (const SteerCudaQueue *queue,
                      const SteerCudaShape *shape,
                      const float *residual,
                      const float *weight,
                      int n_tokens,
                      SteerCudaType out_type,
                      void *out)
{
  return steer_launch (queue, steer_norm_rows, dim3 (n_tokens), N_THREADS, N_THREADS / STEER_WARP * sizeof (float),
                       residual, weight, shape->d_model, shape->rms_norm_eps, out_type, out);
}

struct RotateJob
{
  SteerCudaHeads heads[3]; /* q, k, v */
  int n_heads[3];
  const SteerCudaToken *tokens;
  const float *turns;
  SteerCudaType query_type;
  void *query;
  SteerCudaCache cache;
  int head_dim;
  int interleaved;
  float eps;
  float query_scale;
};

/* Two elements of a head that turn together, or neighbours where nothing turns. */
struct HeadPair
{
  int first;
  int second;
};

static __device__ __forceinline__ HeadPair
find_pair (const RotateJob &job, int part, int i)
{
  if (job.interleaved || part == 2)
    return { 2 * i, 2 * i + 1 };
  return { i, i + job.head_dim / 2 };
}

/* With the bias. */
static __device__ __forceinline__ float
load_element (const RotateJob &job, size_t t, int part, int head, int element)
{
  const SteerCudaHeads &heads = job.heads[part];
  int at = head * job.head_dim + element;
  float x = heads.rows[t * heads.stride + at];

  return heads.bias != nullptr ? x + heads.bias[at] : x;
}

/* What a head's elements are multiplied with, before the norm's weights. By a warp. */
static __device__ __forceinline__ float
find_factor (const RotateJob &job, size_t t, int part, int head)
{
  float squares = 0.0f;

  for (int i = threadIdx.x % STEER_WARP; i < job.head_dim; i += STEER_WARP)
    {
      float x = load_element (job, t, part, head, i);

      squares = __fmaf_rn (x, x, squares);
    }
  return 1.0f / sqrtf (steer_sum_lanes (squares) / (float) job.head_dim + job.eps);
}

static __device__ __forceinline__ void
store_pair (const RotateJob &job, size_t t, int part, int head, HeadPair pair, float a, float b)
{
  SteerCudaType type = job.cache.type;
  void *to = part == 1 ? job.cache.keys : job.cache.values;
  size_t row;

  if (part == 0)
    {
      type = job.query_type;
      to = job.query;
      row = t * job.n_heads[0] + head;
      a *= job.query_scale;
      b *= job.query_scale;
    }
  else
    {
      SteerCudaToken token = job.tokens[t];

      row = ((size_t) token.slot * job.n_heads[1] + head) * job.cache.n_context + token.position;
    }
  steer_store (type, to, row * job.head_dim + pair.first, a);
  steer_store (type, to, row * job.head_dim + pair.second, b);
}

/* A warp a head. grid: tokens, heads of all three. */
static __global__ void
steer_rotate_rows (const __grid_constant__ RotateJob job)
{
  size_t t = blockIdx.x;
  int head = blockIdx.y * (N_THREADS / STEER_WARP) + threadIdx.x / STEER_WARP;
  int part = 0;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  while (part < 2 && head >= job.n_heads[part])
    head -= job.n_heads[part++];
  if (head >= job.n_heads[part])
    return;

  const float *norm = job.heads[part].norm;
  float factor = norm != nullptr ? find_factor (job, t, part, head) : 1.0f;

  for (int i = threadIdx.x % STEER_WARP; i < job.head_dim / 2; i += STEER_WARP)
    {
      HeadPair pair = find_pair (job, part, i);
      float a = load_element (job, t, part, head, pair.first);
      float b = load_element (job, t, part, head, pair.second);

      if (norm != nullptr)
        {
          a = norm[pair.first] * (a * factor);
          b = norm[pair.second] * (b * factor);
        }
      if (part < 2)
        steer_turn (reinterpret_cast<const float2 *> (job.turns)[t * (job.head_dim / 2) + i], &a, &b);
      store_pair (job, t, part, head, pair, a, b);
    }
}

cudaError_t
steer_cuda_rotate_rows (const SteerCudaQueue *queue,
                        const SteerCudaShape *shape,
                        const SteerCudaHeads *q,
                        const SteerCudaHeads *k,
                        const SteerCudaHeads *v,
                        const SteerCudaToken *tokens,
                        int n_tokens,
                        const float *turns,
                        SteerCudaType query_type,
                        void *query,
                        const SteerCudaCache *cache)
{
  RotateJob job = {};
  int n_heads = shape->n_heads + 2 * shape->n_kv_heads;

  job.heads[0] = *q;
  job.heads[1] = *k;
  job.heads[2] = *v;
  job.n_heads[0] = shape->n_heads;
  job.n_heads[1] = job.n_heads[2] = shape->n_kv_heads;
  job.tokens = tokens;
  job.turns = turns;
  job.query_type = query_type;
  job.query = query;
  job.cache = *cache;
  job.head_dim = shape->head_dim;
  job.interleaved = shape->rope_interleaved;
  job.eps = shape->rms_norm_eps;
  job.query_scale = query_type == STEER_CUDA_F32 ? 1.0f : STEER_LOG2_E * steer_get_score_scale (shape);
  return steer_launch (queue, steer_rotate_rows, dim3 (n_tokens, steer_divide_up (n_heads, N_THREADS / STEER_WARP)),
                       N_THREADS, 0, job);
}

static __global__ void
steer_gate_rows (SteerCudaGate kind,
                 const float *gate,
                 const float *up,
                 const float *gate_bias,
                 const float *up_bias,
                 int n,
                 SteerCudaType type,
                 void *out)
{
  size_t first = (size_t) blockIdx.x * n;
  int i = 4 * (blockIdx.y * N_THREADS + threadIdx.x);
  float g[4], u[4];

  steer_let_next_begin ();
  steer_wait_for_previous ();
  if (i >= n)
    return;
  *reinterpret_cast<float4 *> (g) = *reinterpret_cast<const float4 *> (gate + first + i);
  *reinterpret_cast<float4 *> (u) = *reinterpret_cast<const float4 *> (up + first + i);
#pragma unroll
  for (int j = 0; j < 4; j++)
    {
      if (gate_bias != nullptr)
        g[j] += gate_bias[i + j];
      if (up_bias != nullptr)
        u[j] += up_bias[i + j];
      g[j] = steer_activate (kind, g[j]) * u[j];
    }
  steer_store4 (type, out, first + i, make_float4 (g[0], g[1], g[2], g[3]));
}

cudaError_t
steer_cuda_gate_rows (const SteerCudaQueue *queue,
                      const SteerCudaShape *shape,
                      const float *gate,
                      const float *up,
                      const float *gate_bias,
                      const float *up_bias,
                      int n_tokens,
                      SteerCudaType out_type,
                      void *out)
{
  return steer_launch (queue, steer_gate_rows, dim3 (n_tokens, steer_divide_up (shape->d_ff, 4 * N_THREADS)), N_THREADS,
                       0, shape->gate, gate, up, gate_bias, up_bias, shape->d_ff, out_type, out);
}

static __global__ void
steer_add_bias_rows (const float *bias, int n, float *rows)
{
  int i = blockIdx.y * N_THREADS + threadIdx.x;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  if (i < n)
    rows[(size_t) blockIdx.x * n + i] += bias[i];
}

cudaError_t
steer_cuda_add_bias_rows (const SteerCudaQueue *queue, const float *bias, int n, int n_tokens, float *rows)
{
  return steer_launch (queue, steer_add_bias_rows, dim3 (n_tokens, steer_divide_up (n, N_THREADS)), N_THREADS, 0, bias,
                       n, rows);
}

static __global__ void
steer_add_normed_rows (const float *rows, const float *weight, int d_model, float eps, float *residual)
{
  STEER_SHARED (float, room); /* [warps] */
  size_t first = (size_t) blockIdx.x * d_model;
  const float4 *row = reinterpret_cast<const float4 *> (rows + first);
  const float4 *weights = reinterpret_cast<const float4 *> (weight);
  float4 *sums = reinterpret_cast<float4 *> (residual + first);

  steer_let_next_begin ();
  steer_wait_for_previous ();

  float factor = find_row_factor (row, d_model, eps, room);

  for (int i = threadIdx.x; i < d_model / 4; i += N_THREADS)
    {
      float4 x = row[i];
      float4 w = __ldg (weights + i);
      float4 h = sums[i];

      sums[i] = make_float4 (h.x + w.x * (x.x * factor), h.y + w.y * (x.y * factor), h.z + w.z * (x.z * factor),
                             h.w + w.w * (x.w * factor));
    }
}

cudaError_t
steer_cuda_add_normed_rows (const SteerCudaQueue *queue,
                            const SteerCudaShape *shape,
                            const float *rows,
                            const float *weight,
                            int n_tokens,
                            float *residual)
{
  return steer_launch (queue, steer_add_normed_rows, dim3 (n_tokens), N_THREADS,
                       N_THREADS / STEER_WARP * sizeof (float), rows, weight, shape->d_model, shape->rms_norm_eps,
                       residual);
}

static __global__ void
steer_cap_logits (float cap, size_t n, float *logits)
{
  size_t i = (size_t) blockIdx.x * N_THREADS + threadIdx.x;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  if (i < n)
    logits[i] = steer_cap (logits[i], cap);
}

cudaError_t
steer_cuda_cap (const SteerCudaQueue *queue, float cap, size_t n, float *logits)
{
  return steer_launch (queue, steer_cap_logits, dim3 ((unsigned) ((n + N_THREADS - 1) / N_THREADS)), N_THREADS, 0, cap,
                       n, logits);
}

static __global__ void
steer_steer_rows (int layer, const SteerCudaToken *tokens, int d_model, float *residual)
{
  STEER_SHARED (double, room);
  SteerRow<1> row = { reinterpret_cast<float4 *> (residual + (size_t) blockIdx.x * d_model) };

  steer_let_next_begin ();
  steer_wait_for_previous ();
  steer_apply_ops (row, d_model / 4, steer_find_ops (tokens[blockIdx.x].plan, layer), room);
}

cudaError_t
steer_cuda_steer_rows (const SteerCudaQueue *queue,
                       const SteerCudaShape *shape,
                       int layer,
                       const SteerCudaToken *tokens,
                       int n_tokens,
                       float *residual)
{
  return steer_launch (queue, steer_steer_rows, dim3 (n_tokens), N_THREADS,
                       STEER_HOOK_ROOM (N_THREADS) * sizeof (double), layer, tokens, shape->d_model, residual);
}
