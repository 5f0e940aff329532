/* Attention: one token over a long cache, and many tokens at once. */

#include "ladder.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>

#define N_THREADS 256

struct Attention
{
  SteerCudaShape shape;
  SteerCudaCache cache;
};

/* A block a token and head, a thread an element of the output, all positions one after the other. query: scaled, and in
 * base 2. */
static __global__ void
by_elements (Attention job, const float *query, int first_position, float *out)
{
  int n = job.shape.head_dim;
  int head = blockIdx.y;
  int kv_head = head / (job.shape.n_heads / job.shape.n_kv_heads);
  size_t row = ((size_t) blockIdx.x * job.shape.n_heads + head) * n;
  size_t plane = (size_t) kv_head * job.cache.n_context * n;
  const __half *keys = static_cast<const __half *> (job.cache.keys) + plane;
  const __half *values = static_cast<const __half *> (job.cache.values) + plane;
  float max = -INFINITY;
  float sum = 0.0f;
  float value = 0.0f;

  steer_wait_for_previous ();
  if ((int) threadIdx.x >= n)
    return;
  for (int p = 0; p <= first_position + (int) blockIdx.x; p++)
    {
      float score = 0.0f;
      float new_max, factor, weight;

      for (int i = 0; i < n; i++)
        score += query[row + i] * __half2float (keys[(size_t) p * n + i]);
      new_max = fmaxf (max, score);
      factor = exp2f (max - new_max);
      weight = exp2f (score - new_max);
      sum = sum * factor + weight;
      value = value * factor + weight * __half2float (values[(size_t) p * n + threadIdx.x]);
      max = new_max;
    }
  out[row + threadIdx.x] = value / sum;
}

static std::vector<double>
widen (const std::vector<float> &values)
{
  return std::vector<double> (values.begin (), values.end ());
}

static cudaError_t
run_naive (Ladder *ladder, const Attention &job, const float *query, int position, int n_tokens, float *out)
{
  return steer_launch (&ladder->queue, by_elements, dim3 (n_tokens, job.shape.n_heads), N_THREADS, 0, job, query,
                       position, out);
}

/* One token at the end of @n_context positions. The plain kernel is the reference of the one in use. */
static void
climb_decode (Ladder *ladder, Attention job, int n_context)
{
  size_t n = (size_t) job.shape.n_heads * job.shape.head_dim;
  SteerCudaToken token = {};
  DeviceBuffer tokens (sizeof token);
  DeviceBuffer query (n * sizeof (float));
  DeviceBuffer scaled (n * sizeof (float));
  DeviceBuffer plain (n * sizeof (float));
  DeviceBuffer out (n * sizeof (float));
  DeviceBuffer scratch (steer_cuda_decode_attention_get_scratch (&job.shape, 1));
  double n_bytes = 2.0 * n_context * job.shape.n_kv_heads * job.shape.head_dim * 2;
  float scale = 1.4426950408889634f / sqrtf ((float) job.shape.head_dim);
  std::vector<float> values;
  double seconds;
  char name[64];

  token.position = n_context - 1;
  tokens.upload (&token, sizeof token);
  scratch.clear ();
  ladder_fill (ladder, STEER_CUDA_F32, query.as<void> (), n, 2.0f, 21);
  values = ladder_read (STEER_CUDA_F32, query, 0, n);
  for (float &value : values)
    value *= scale;
  scaled.upload (values.data (), n * sizeof (float));

  seconds = ladder_time (
    ladder, [&] { return run_naive (ladder, job, scaled.as<const float> (), n_context - 1, 1, plain.as<float> ()); });
  std::snprintf (name, sizeof name, "attention of 1 token over %d, plain", n_context);
  ladder_report (ladder, name, 0.0, 0.0, seconds, n_bytes);
  seconds = ladder_time (ladder, [&] {
    return steer_cuda_decode_attention (&ladder->queue, &job.shape, &job.cache, tokens.as<const SteerCudaToken> (), 1,
                                        query.as<const float> (), scratch.as<void> (), out.as<float> ());
  });
  std::snprintf (name, sizeof name, "attention of 1 token over %d, in use", n_context);
  ladder_report (
    ladder, name,
    ladder_compare (ladder_read (STEER_CUDA_F32, out, 0, n), widen (ladder_read (STEER_CUDA_F32, plain, 0, n))), 1e-5,
    seconds, n_bytes);
}

static void
climb_prefill (Ladder *ladder, Attention job, int n_tokens)
{
  size_t n = (size_t) n_tokens * job.shape.n_heads * job.shape.head_dim;
  DeviceBuffer query (n * 2);
  DeviceBuffer wide (n * sizeof (float));
  DeviceBuffer plain (n * sizeof (float));
  DeviceBuffer out (n * sizeof (float));
  double n_bytes = 2.0 * n_tokens * job.shape.n_kv_heads * job.shape.head_dim * 2 + 6.0 * n;
  double n_operations = 2.0 * n * (n_tokens + 1);
  std::vector<float> values;
  double seconds;
  char name[64];

  ladder_fill (ladder, STEER_CUDA_F16, query.as<void> (), n, 0.3f, 22);
  values = ladder_read (STEER_CUDA_F16, query, 0, n);
  wide.upload (values.data (), n * sizeof (float));
  seconds = ladder_time (
    ladder, [&] { return run_naive (ladder, job, wide.as<const float> (), 0, n_tokens, plain.as<float> ()); });
  std::snprintf (name, sizeof name, "attention of %d tokens, plain", n_tokens);
  ladder_report (ladder, name, 0.0, 0.0, seconds, n_bytes, n_operations);
  seconds = ladder_time (ladder, [&] {
    return steer_cuda_attend_rows (&ladder->queue, &job.shape, &job.cache, 0, 0, query.as<const void> (), n_tokens,
                                   STEER_CUDA_F32, out.as<void> ());
  });
  std::snprintf (name, sizeof name, "attention of %d tokens, in use", n_tokens);
  ladder_report (
    ladder, name,
    ladder_compare (ladder_read (STEER_CUDA_F32, out, 0, n), widen (ladder_read (STEER_CUDA_F32, plain, 0, n))), 1e-3,
    seconds, n_bytes, n_operations);
}

/* The heads of an 8B model. */
void
ladder_attention (Ladder *ladder)
{
  static const int large[] = { 512, 4096, 16384 };
  static const int tiny[] = { 40, 150 };
  int n_context = ladder->small ? 150 : 16384;
  Attention job = {};
  size_t n;

  job.shape.n_heads = ladder->small ? 4 : 32;
  job.shape.n_kv_heads = ladder->small ? 2 : 8;
  job.shape.head_dim = ladder->small ? 32 : 128;
  n = (size_t) job.shape.n_kv_heads * n_context * job.shape.head_dim;

  DeviceBuffer keys (n * 2);
  DeviceBuffer values (n * 2);

  job.cache = { STEER_CUDA_F16, keys.as<void> (), values.as<void> (), 1, n_context };
  ladder_fill (ladder, STEER_CUDA_F16, keys.as<void> (), n, 1.0f, 31);
  ladder_fill (ladder, STEER_CUDA_F16, values.as<void> (), n, 1.0f, 32);
  if (ladder->small)
    for (int length : tiny)
      climb_decode (ladder, job, length);
  else
    for (int length : large)
      climb_decode (ladder, job, length);
  climb_prefill (ladder, job, ladder->small ? 70 : 2048);
}
