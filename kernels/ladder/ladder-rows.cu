/* What lies between the products, and the choice of a token. */

#include "ladder.cuh"

#include <cmath>
#include <cstdio>

static void
climb_norm (Ladder *ladder, const SteerCudaShape &shape, int n_tokens)
{
  size_t n = (size_t) n_tokens * shape.d_model;
  DeviceBuffer residual (n * sizeof (float));
  DeviceBuffer weight ((size_t) shape.d_model * sizeof (float));
  DeviceBuffer out (n * 2);
  std::vector<float> h, w;
  std::vector<double> exact (shape.d_model);
  double squares = 0.0;
  double seconds;

  ladder_fill (ladder, STEER_CUDA_F32, residual.as<void> (), n, 1.0f, 41);
  ladder_fill (ladder, STEER_CUDA_F32, weight.as<void> (), shape.d_model, 1.0f, 42);
  seconds = ladder_time (ladder, [&] {
    return steer_cuda_norm_rows (&ladder->queue, &shape, residual.as<const float> (), weight.as<const float> (),
                                 n_tokens, STEER_CUDA_BF16, out.as<void> ());
  });
  h = ladder_read (STEER_CUDA_F32, residual, n - shape.d_model, shape.d_model);
  w = ladder_read (STEER_CUDA_F32, weight, 0, shape.d_model);
  for (float x : h)
    squares += (double) x * x;
  for (int i = 0; i < shape.d_model; i++)
    exact[i] = w[i] * (double) h[i] / std::sqrt (squares / shape.d_model + (double) shape.rms_norm_eps);
  ladder_report (ladder, "norm of rows",
                 ladder_compare (ladder_read (STEER_CUDA_BF16, out, n - shape.d_model, shape.d_model), exact), 5e-3,
                 seconds, 6.0 * n);
}

static void
climb_silu (Ladder *ladder, const SteerCudaShape &shape, int n_tokens)
{
  size_t n = (size_t) n_tokens * shape.d_ff;
  DeviceBuffer gate (n * sizeof (float));
  DeviceBuffer up (n * sizeof (float));
  DeviceBuffer out (n * 2);
  std::vector<float> g, u;
  std::vector<double> exact (shape.d_ff);
  double seconds;

  ladder_fill (ladder, STEER_CUDA_F32, gate.as<void> (), n, 5.0f, 43);
  ladder_fill (ladder, STEER_CUDA_F32, up.as<void> (), n, 1.0f, 44);
  seconds = ladder_time (ladder, [&] {
    return steer_cuda_silu_rows (&ladder->queue, &shape, gate.as<const float> (), up.as<const float> (), nullptr,
                                 nullptr, n_tokens, STEER_CUDA_BF16, out.as<void> ());
  });
  g = ladder_read (STEER_CUDA_F32, gate, n - shape.d_ff, shape.d_ff);
  u = ladder_read (STEER_CUDA_F32, up, n - shape.d_ff, shape.d_ff);
  for (int i = 0; i < shape.d_ff; i++)
    exact[i] = g[i] / (1.0 + std::exp (-(double) g[i])) * u[i];
  ladder_report (ladder, "silu of gate times up",
                 ladder_compare (ladder_read (STEER_CUDA_BF16, out, n - shape.d_ff, shape.d_ff), exact), 5e-3, seconds,
                 10.0 * n);
}

void
ladder_rows (Ladder *ladder)
{
  SteerCudaShape shape = {};

  shape.d_model = ladder->small ? 264 : 4096;
  shape.d_ff = ladder->small ? 264 : 14336;
  shape.rms_norm_eps = 1e-5f;
  climb_norm (ladder, shape, ladder->small ? 2 : 2048);
  climb_silu (ladder, shape, ladder->small ? 2 : 2048);
}

/* The largest of the logits greedily, and by chance with a top-p that leaves only it. */
static void
climb_choice (Ladder *ladder, const char *name, double temperature, int n_vocab)
{
  size_t n = n_vocab;
  DeviceBuffer logits (n * sizeof (float));
  DeviceBuffer original (n * sizeof (float));
  DeviceBuffer choices (sizeof (SteerCudaChoice));
  DeviceBuffer scratch (steer_cuda_choose_get_scratch (n_vocab, 1));
  DeviceBuffer chosen (sizeof (uint64_t));
  SteerCudaChoice choice = {};
  std::vector<float> values;
  uint64_t token;
  size_t best = 0;
  double seconds;

  choice.temperature = temperature;
  choice.top_p = 1e-9;
  choice.repetition_penalty = 1.0;
  choice.uniform = 0.5;
  choices.upload (&choice, sizeof choice);
  scratch.clear ();
  ladder_fill (ladder, STEER_CUDA_F32, original.as<void> (), n, 12.0f, 51);
  ladder_fill (ladder, STEER_CUDA_F32, logits.as<void> (), n, 12.0f, 51);
  values = ladder_read (STEER_CUDA_F32, original, 0, n);
  for (size_t i = 1; i < n; i++)
    if (values[i] > values[best])
      best = i;
  seconds = ladder_time (ladder, [&] {
    return steer_cuda_choose (&ladder->queue, logits.as<float> (), n_vocab, choices.as<const SteerCudaChoice> (), 1,
                              scratch.as<void> (), chosen.as<uint64_t> ());
  });
  chosen.download (&token, 0, sizeof token);
  ladder_report (ladder, name, (uint32_t) token == best ? 0.0 : 1.0, 0.0, seconds, 4.0 * n);
}

void
ladder_choose (Ladder *ladder)
{
  int n_vocab = ladder->small ? 1000 : 128256;

  climb_choice (ladder, "choice of a token, greedy", 0.0, n_vocab);
  climb_choice (ladder, "choice of a token, by chance", 1.0, n_vocab);
}
