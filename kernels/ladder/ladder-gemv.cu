/* Products of a matrix with one to four columns: y += W x. */

#include "ladder.cuh"

#include "steer-weights.cuh"

#include <algorithm>
#include <cstdio>

#define N_THREADS 256

/* A thread a row. Neighbours read far apart. */
static __global__ void
by_threads (const __nv_bfloat16 *w, int n_rows, int depth, const float *x, float *y)
{
  int row = blockIdx.x * N_THREADS + threadIdx.x;
  float sum = 0.0f;

  steer_wait_for_previous ();
  if (row >= n_rows)
    return;
  for (int k = 0; k < depth; k++)
    sum += __bfloat162float (w[(size_t) row * depth + k]) * x[k];
  y[row] += sum;
}

/* A warp a row, an element at a time. */
static __global__ void
by_warps (const __nv_bfloat16 *w, int n_rows, int depth, const float *x, float *y)
{
  int row = (blockIdx.x * N_THREADS + threadIdx.x) / STEER_WARP;
  float sum = 0.0f;

  steer_wait_for_previous ();
  if (row >= n_rows)
    return;
  for (int k = threadIdx.x % STEER_WARP; k < depth; k += STEER_WARP)
    sum += __bfloat162float (w[(size_t) row * depth + k]) * x[k];
  sum = steer_sum_lanes (sum);
  if (threadIdx.x % STEER_WARP == 0)
    y[row] += sum;
}

/* A warp a row, 16 bytes at a time. */
static __global__ void
by_vectors (const __nv_bfloat16 *w, int n_rows, int depth, const float *x, float *y)
{
  int row = (blockIdx.x * N_THREADS + threadIdx.x) / STEER_WARP;
  float sum = 0.0f;

  steer_wait_for_previous ();
  if (row >= n_rows)
    return;
  for (int k = threadIdx.x % STEER_WARP * 8; k < depth; k += STEER_WARP * 8)
    {
      float values[8];

      steer_widen8<STEER_CUDA_BF16> (*reinterpret_cast<const uint4 *> (w + (size_t) row * depth + k), values);
#pragma unroll
      for (int i = 0; i < 8; i++)
        sum += values[i] * x[k + i];
    }
  sum = steer_sum_lanes (sum);
  if (threadIdx.x % STEER_WARP == 0)
    y[row] += sum;
}

/* Some rows in float64. */
static std::vector<double>
compute_rows (const std::vector<float> &w, const std::vector<float> &x, int n_rows, int depth, int n_columns)
{
  std::vector<double> y ((size_t) n_rows * n_columns);

  for (int c = 0; c < n_columns; c++)
    for (int r = 0; r < n_rows; r++)
      for (int k = 0; k < depth; k++)
        y[(size_t) c * n_rows + r] += (double) w[(size_t) r * depth + k] * x[(size_t) c * depth + k];
  return y;
}

struct Product
{
  SteerCudaMatrix matrix;
  const DeviceBuffer *data; /* of a type that is not quantised */
  double n_bytes;
};

static std::vector<float>
read_rows (Ladder *ladder, const Product &product, int n_rows)
{
  size_t n = (size_t) n_rows * product.matrix.n_columns;
  DeviceBuffer expanded (n * sizeof (float));

  if (product.matrix.type < STEER_CUDA_Q8)
    return ladder_read (product.matrix.type, *product.data, 0, n);
  ladder_check (steer_cuda_expand (&ladder->queue, &product.matrix, 0, n_rows, STEER_CUDA_F32, expanded.as<void> ()));
  return ladder_read (STEER_CUDA_F32, expanded, 0, n);
}

static void
run_rung (Ladder *ladder,
          const char *name,
          const Product &product,
          int n_columns,
          const DeviceBuffer &x,
          const std::function<cudaError_t (float *y)> &run)
{
  int n_rows = product.matrix.n_rows;
  int depth = product.matrix.n_columns;
  int n_checked = std::min (n_rows, 64);
  DeviceBuffer y ((size_t) n_rows * n_columns * sizeof (float));
  std::vector<float> actual;
  std::vector<double> exact
    = compute_rows (read_rows (ladder, product, n_checked),
                    ladder_read (STEER_CUDA_F32, x, 0, (size_t) depth * n_columns), n_checked, depth, n_columns);
  double error;

  y.clear ();
  ladder_check (run (y.as<float> ()));
  for (int c = 0; c < n_columns; c++)
    {
      std::vector<float> column = ladder_read (STEER_CUDA_F32, y, (size_t) c * n_rows, n_checked);

      actual.insert (actual.end (), column.begin (), column.end ());
    }
  error = ladder_compare (actual, exact);
  ladder_report (ladder, name, error, 1e-5, ladder_time (ladder, [&] { return run (y.as<float> ()); }),
                 product.n_bytes);
}

static void
climb_naive (Ladder *ladder, const Product &product, const DeviceBuffer &x)
{
  const __nv_bfloat16 *w = static_cast<const __nv_bfloat16 *> (product.matrix.data);
  int n_rows = product.matrix.n_rows;
  int depth = product.matrix.n_columns;
  dim3 per_row (steer_divide_up (n_rows, N_THREADS));
  dim3 per_warp (steer_divide_up (n_rows, N_THREADS / STEER_WARP));

  run_rung (ladder, "product bf16, a thread a row", product, 1, x, [&] (float *y) {
    return steer_launch (&ladder->queue, by_threads, per_row, N_THREADS, 0, w, n_rows, depth, x.as<const float> (), y);
  });
  run_rung (ladder, "product bf16, a warp a row", product, 1, x, [&] (float *y) {
    return steer_launch (&ladder->queue, by_warps, per_warp, N_THREADS, 0, w, n_rows, depth, x.as<const float> (), y);
  });
  run_rung (ladder, "product bf16, 16 bytes a lane", product, 1, x, [&] (float *y) {
    return steer_launch (&ladder->queue, by_vectors, per_warp, N_THREADS, 0, w, n_rows, depth, x.as<const float> (), y);
  });
}

static void
climb_columns (Ladder *ladder, const char *type, const Product &product, const DeviceBuffer &x)
{
  for (int n_columns = 1; n_columns <= STEER_CUDA_MAX_COLUMNS; n_columns *= 2)
    {
      char name[64];

      std::snprintf (name, sizeof name, "product %s, in use, %d column%s", type, n_columns, n_columns == 1 ? "" : "s");
      run_rung (ladder, name, product, n_columns, x, [&] (float *y) {
        return steer_cuda_decode_add (&ladder->queue, &product.matrix, x.as<const float> (), n_columns, y);
      });
    }
}

/* Bytes that 256 columns take in each plane. */
static const struct
{
  const char *name;
  SteerCudaType type;
  int data, scales, high, supers;
} block_types[] = {
  { "q8", STEER_CUDA_Q8, 256, 16, 0, 0 },      { "q8_1", STEER_CUDA_Q8_1, 256, 32, 0, 0 },
  { "q4_0", STEER_CUDA_Q4_0, 128, 16, 0, 0 },  { "iq4_nl", STEER_CUDA_IQ4_NL, 128, 16, 0, 0 },
  { "q2_k", STEER_CUDA_Q2_K, 64, 16, 0, 4 },   { "q3_k", STEER_CUDA_Q3_K, 64, 16, 32, 2 },
  { "q4_k", STEER_CUDA_Q4_K, 128, 16, 0, 4 },  { "q5_k", STEER_CUDA_Q5_K, 128, 16, 32, 4 },
  { "q6_k", STEER_CUDA_Q6_K, 128, 16, 64, 2 }, { "iq4_xs", STEER_CUDA_IQ4_XS, 128, 8, 0, 2 },
};

/* Any bytes, with halves among them where those scale. */
static void
climb_blocks (Ladder *ladder, int n_rows, int depth, const DeviceBuffer &x)
{
  size_t n = (size_t) n_rows * depth / 256;
  DeviceBuffer data (n * 256);
  DeviceBuffer scales (n * 32);
  DeviceBuffer high (n * 64);
  DeviceBuffer supers (n * 4);

  ladder_fill (ladder, STEER_CUDA_F32, data.as<void> (), n * 64, 1.0f, 11);
  ladder_fill (ladder, STEER_CUDA_F32, high.as<void> (), n * 16, 1.0f, 12);
  ladder_fill (ladder, STEER_CUDA_F16, supers.as<void> (), n * 2, 0.001f, 13);
  for (const auto &type : block_types)
    {
      Product product = {};

      ladder_fill (ladder, type.supers > 0 ? STEER_CUDA_F32 : STEER_CUDA_F16, scales.as<void> (),
                   n * (size_t) type.scales / (type.supers > 0 ? 4 : 2), type.supers > 0 ? 1.0f : 0.01f, 14);
      product.matrix.type = type.type;
      product.matrix.data = data.as<void> ();
      product.matrix.scales = scales.as<void> ();
      product.matrix.high = type.high > 0 ? high.as<void> () : nullptr;
      product.matrix.supers = type.supers > 0 ? supers.as<void> () : nullptr;
      product.matrix.n_rows = n_rows;
      product.matrix.n_columns = depth;
      product.n_bytes = (double) n * (type.data + type.scales + type.high + type.supers);
      climb_columns (ladder, type.name, product, x);
    }
}

/* The shape of an 8B model's down projection, twice as high, and for quantised weights four times that: larger than any
 * second-level cache. */
void
ladder_gemv (Ladder *ladder)
{
  int n_rows = ladder->small ? 24 : 8192;
  int depth = ladder->small ? 512 : 14336;
  size_t n = (size_t) n_rows * depth;
  DeviceBuffer x ((size_t) depth * STEER_CUDA_MAX_COLUMNS * sizeof (float));
  DeviceBuffer data (n * sizeof (float));
  Product product = { {}, &data, 0.0 };

  ladder_fill (ladder, STEER_CUDA_F32, x.as<void> (), (size_t) depth * STEER_CUDA_MAX_COLUMNS, 1.0f, 7);
  product.matrix.data = data.as<void> ();
  product.matrix.n_rows = n_rows;
  product.matrix.n_columns = depth;

  product.matrix.type = STEER_CUDA_BF16;
  product.n_bytes = 2.0 * n;
  ladder_fill (ladder, STEER_CUDA_BF16, data.as<void> (), n, 1.0f, 8);
  climb_naive (ladder, product, x);
  climb_columns (ladder, "bf16", product, x);
  product.matrix.type = STEER_CUDA_F16;
  ladder_fill (ladder, STEER_CUDA_F16, data.as<void> (), n, 1.0f, 9);
  climb_columns (ladder, "f16", product, x);
  product.matrix.type = STEER_CUDA_F32;
  product.n_bytes = 4.0 * n;
  ladder_fill (ladder, STEER_CUDA_F32, data.as<void> (), n, 1.0f, 10);
  climb_columns (ladder, "f32", product, x);

  climb_blocks (ladder, ladder->small ? n_rows : 4 * n_rows, depth, x);
}
