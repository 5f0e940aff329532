/* What lies between the matrix products of a prefill, a block or a few threads a token. */

#include "steer-hook.cuh"
#include "steer-numbers.cuh"

#define N_THREADS 256

/* What is left to multiply a score by, so that 2^score is wanted and not e^score: log2 (e). */
#define LOG2_E 1.4426950408889634f

static __global__ void
steer_norm_rows (const float *residual, const float *weight, int d_model, float eps, SteerCudaType type, void *out)
{
  STEER_SHARED (float, room); /* [warps] */
  const float4 *row = reinterpret_cast<const float4 *> (residual + (size_t) blockIdx.x * d_model);
  const float4 *weights = reinterpret_cast<const float4 *> (weight);
  float squares[1] = { 0.0f };
  float factor;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  for (int i = threadIdx.x; i < d_model / 4; i += N_THREADS)
    {
      float4 h = row[i];

      squares[0] += h.x * h.x + h.y * h.y + (h.z * h.z + h.w * h.w);
    }
  steer_sum_block<1> (squares, room);
  factor = 1.0f / sqrtf (squares[0] / (float) d_model + eps);
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
  const float *rows[3]; /* q, k, v: [n_tokens, heads of each * head_dim] */
  const float *biases[3];
  int n_heads[3];
  const SteerCudaToken *tokens;
  const float *turns;
  void *query;
  SteerCudaCache cache;
  int head_dim;
  int interleaved;
  float query_scale;
};

/* One pair of elements of one head. */
static __device__ void
rotate_pair (const RotateJob &job, size_t t, int part, int head, int i)
{
  int n = job.head_dim;
  bool neighbours = job.interleaved || part == 2;
  int first = head * n + (neighbours ? 2 * i : i);
  int second = neighbours ? first + 1 : first + n / 2;
  const float *row = job.rows[part] + t * job.n_heads[part] * n;
  const float *bias = job.biases[part];
  float a = row[first] + (bias != nullptr ? bias[first] : 0.0f);
  float b = row[second] + (bias != nullptr ? bias[second] : 0.0f);

  if (part < 2)
    {
      float2 turn = reinterpret_cast<const float2 *> (job.turns)[t * (n / 2) + i];

      steer_turn (turn, &a, &b);
    }
  if (part == 0)
    {
      size_t at = t * job.n_heads[0] * n;

      steer_store (job.cache.type, job.query, at + first, a * job.query_scale);
      steer_store (job.cache.type, job.query, at + second, b * job.query_scale);
    }
  else
    {
      SteerCudaToken token = job.tokens[t];
      size_t at = (((size_t) token.slot * job.n_heads[1] + head) * job.cache.n_context + token.position) * n;
      void *plane = part == 1 ? job.cache.keys : job.cache.values;

      steer_store (job.cache.type, plane, at + first - head * n, a);
      steer_store (job.cache.type, plane, at + second - head * n, b);
    }
}

static __global__ void
steer_rotate_rows (const __grid_constant__ RotateJob job)
{
  int half = job.head_dim / 2;
  int n_pairs = (job.n_heads[0] + 2 * job.n_heads[1]) * half;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  for (int p = threadIdx.x; p < n_pairs; p += N_THREADS)
    {
      int head = p / half;
      int part = 0;

      while (part < 2 && head >= job.n_heads[part])
        head -= job.n_heads[part++];
      rotate_pair (job, blockIdx.x, part, head, p % half);
    }
}

cudaError_t
steer_cuda_rotate_rows (const SteerCudaQueue *queue,
                        const SteerCudaShape *shape,
                        const float *q,
                        const float *k,
                        const float *v,
                        const float *q_bias,
                        const float *k_bias,
                        const float *v_bias,
                        const SteerCudaToken *tokens,
                        int n_tokens,
                        const float *turns,
                        void *query,
                        const SteerCudaCache *cache)
{
  RotateJob job = {};

  job.rows[0] = q;
  job.rows[1] = k;
  job.rows[2] = v;
  job.biases[0] = q_bias;
  job.biases[1] = k_bias;
  job.biases[2] = v_bias;
  job.n_heads[0] = shape->n_heads;
  job.n_heads[1] = job.n_heads[2] = shape->n_kv_heads;
  job.tokens = tokens;
  job.turns = turns;
  job.query = query;
  job.cache = *cache;
  job.head_dim = shape->head_dim;
  job.interleaved = shape->rope_interleaved;
  job.query_scale = LOG2_E / sqrtf ((float) shape->head_dim);
  return steer_launch (queue, steer_rotate_rows, dim3 (n_tokens), N_THREADS, 0, job);
}

static __global__ void
steer_silu_rows (const float *gate,
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
      g[j] = g[j] / (1.0f + expf (-g[j])) * u[j];
    }
  steer_store4 (type, out, first + i, make_float4 (g[0], g[1], g[2], g[3]));
}

cudaError_t
steer_cuda_silu_rows (const SteerCudaQueue *queue,
                      const SteerCudaShape *shape,
                      const float *gate,
                      const float *up,
                      const float *gate_bias,
                      const float *up_bias,
                      int n_tokens,
                      SteerCudaType out_type,
                      void *out)
{
  return steer_launch (queue, steer_silu_rows, dim3 (n_tokens, steer_divide_up (shape->d_ff, 4 * N_THREADS)), N_THREADS,
                       0, gate, up, gate_bias, up_bias, shape->d_ff, out_type, out);
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
