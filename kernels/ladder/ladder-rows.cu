/* What lies between the products, the choice of a token, and weights on their way. */

#include "ladder.cuh"

#include <cmath>
#include <cstdio>
#include <cstring>

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
    return steer_cuda_gate_rows (&ladder->queue, &shape, gate.as<const float> (), up.as<const float> (), nullptr,
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

/* --- GGUF's blocks, taken apart as they come --- */

static float
read_half (const std::vector<uint8_t> &bytes, size_t at)
{
  uint16_t bits = (uint16_t) (bytes[at] | bytes[at + 1] << 8);
  __half half;

  std::memcpy (&half, &bits, sizeof half);
  return __half2float (half);
}

/* Element @i of a block of Q8_0 that begins at @at. */
static double
compute_q8_0 (const std::vector<uint8_t> &bytes, size_t at, int i)
{
  return (double) read_half (bytes, at) * (int8_t) bytes[at + 2 + i];
}

/* Of Q4_K: halves that scale scales and minima, twelve bytes of those, quants. */
static double
compute_q4_k (const std::vector<uint8_t> &bytes, size_t at, int i)
{
  int j = i / 32;
  size_t packed = at + 4 + j % 4;
  int scale = j < 4 ? bytes[packed] & 63 : (bytes[packed + 8] & 15) | bytes[packed] >> 6 << 4;
  int minimum = j < 4 ? bytes[packed + 4] & 63 : bytes[packed + 8] >> 4 | bytes[packed + 4] >> 6 << 4;
  int quant = bytes[at + 16 + j / 2 * 32 + i % 32] >> (j % 2 * 4) & 15;

  return (double) read_half (bytes, at) * scale * quant - (double) read_half (bytes, at + 2) * minimum;
}

static const struct
{
  const char *name;
  SteerCudaBlocks kind;
  SteerCudaType type;
  int n_columns;
  int n_bytes;
  double (*compute) (const std::vector<uint8_t> &bytes, size_t at, int i);
} block_kinds[] = {
  { "q8_0 taken apart", STEER_CUDA_BLOCKS_Q8_0, STEER_CUDA_Q8, 32, 34, compute_q8_0 },
  { "q4_k taken apart", STEER_CUDA_BLOCKS_Q4_K, STEER_CUDA_Q4_K, 256, 144, compute_q4_k },
};

/* Of the first row the numbers, of all the time: it has to keep up with the host. */
static void
climb_split (Ladder *ladder, int n_rows, int depth)
{
  size_t n = (size_t) n_rows * depth;
  DeviceBuffer blocks (n / 32 * 34);
  DeviceBuffer data (n);
  DeviceBuffer scales (n / 16);
  DeviceBuffer supers (n / 64);
  DeviceBuffer expanded ((size_t) depth * sizeof (float));

  /* Halves, so that those among the bytes that scale are numbers. */
  ladder_fill (ladder, STEER_CUDA_F16, blocks.as<void> (), n / 32 * 17, 0.01f, 61);
  for (const auto &kind : block_kinds)
    {
      SteerCudaMatrix matrix = {};
      size_t row_bytes = (size_t) depth / kind.n_columns * kind.n_bytes;
      std::vector<uint8_t> bytes (row_bytes);
      std::vector<double> exact (depth);
      double seconds;

      matrix.type = kind.type;
      matrix.data = data.as<void> ();
      matrix.scales = scales.as<void> ();
      matrix.supers = supers.as<void> ();
      matrix.n_rows = n_rows;
      matrix.n_columns = depth;
      seconds = ladder_time (
        ladder, [&] { return steer_cuda_split (&ladder->queue, kind.kind, blocks.as<void> (), &matrix, 0, n_rows); });
      ladder_check (steer_cuda_expand (&ladder->queue, &matrix, 0, 1, STEER_CUDA_F32, expanded.as<void> ()));
      blocks.download (bytes.data (), 0, row_bytes);
      for (int i = 0; i < depth; i++)
        exact[i] = kind.compute (bytes, (size_t) i / kind.n_columns * kind.n_bytes, i % kind.n_columns);
      ladder_report (ladder, kind.name,
                     ladder_compare (ladder_read (STEER_CUDA_F32, expanded, 0, (size_t) depth), exact), 1e-6, seconds,
                     2.0 * n_rows * row_bytes);
    }
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
  climb_split (ladder, ladder->small ? 3 : 8192, ladder->small ? 512 : 14336);
}

/* --- Choosing --- */

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
