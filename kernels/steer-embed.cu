/* What a step begins with: rows of the embedding, and the angles by which the tokens' queries and keys turn. */

#include "steer-superblocks.cuh"

#define N_THREADS 128

template <SteerCudaType type>
static __global__ void
steer_embed (const SteerCudaMatrix embed,
             const float *inv_freq,
             int n_turns,
             int half,
             float scale,
             const SteerCudaToken *tokens,
             float *residual,
             float *turns)
{
  const int n = SteerFormat<type>::n;
  size_t t = blockIdx.x;
  float4 *row = reinterpret_cast<float4 *> (residual + t * embed.n_columns);

  steer_let_next_begin ();
  steer_wait_for_previous ();
  SteerCudaToken token = tokens[t];

  for (int k = threadIdx.x * n; k < embed.n_columns; k += N_THREADS * n)
    {
      float w[n];

      steer_expand_piece<type> (embed, token.token, k, w);
#pragma unroll
      for (int i = 0; i < n; i += 4)
        row[(k + i) / 4] = make_float4 (w[i] * scale, w[i + 1] * scale, w[i + 2] * scale, w[i + 3] * scale);
    }
  /* The angle is a float32 product, as in transformers: at large positions its rounding matters more than the sine's.
   */
  for (int i = threadIdx.x; i < n_turns * half; i += N_THREADS)
    {
      float angle = __fmul_rn ((float) token.position, inv_freq[i]);

      reinterpret_cast<float2 *> (turns)[((size_t) (i / half) * gridDim.x + t) * half + i % half]
        = make_float2 (cosf (angle), sinf (angle));
    }
}

cudaError_t
steer_cuda_embed (const SteerCudaQueue *queue,
                  const SteerCudaShape *shape,
                  const SteerCudaMatrix *embed,
                  const float *inv_freq,
                  int n_turns,
                  const SteerCudaToken *tokens,
                  int n_tokens,
                  float *residual,
                  float *turns)
{
  return steer_for_type (embed->type, [&] (auto type) {
    return steer_launch (queue, steer_embed<decltype (type)::value>, dim3 (n_tokens), N_THREADS, 0, *embed, inv_freq,
                         n_turns, shape->head_dim / 2, shape->embed_scale > 0.0f ? shape->embed_scale : 1.0f, tokens,
                         residual, turns);
  });
}
