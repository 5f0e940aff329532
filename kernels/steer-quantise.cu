/* Weights from one type to another: to 8 bits when a model is loaded, and back when cuBLAS is to multiply them. */

#include "steer-superblocks.cuh"

#define N_THREADS 256

/* Elements of one scale, and of one thread's part of them. */
#define BLOCK 32
#define PART 8

template <SteerCudaType type>
static __global__ void
steer_expand (const SteerCudaMatrix matrix, int first_row, int n_rows, SteerCudaType out_type, void *out)
{
  const int n = SteerFormat<type>::n;
  size_t piece = (size_t) blockIdx.x * N_THREADS + threadIdx.x;
  int n_pieces = (matrix.n_columns + n - 1) / n;
  float w[n];

  steer_let_next_begin ();
  steer_wait_for_previous ();
  if (piece >= (size_t) n_rows * n_pieces)
    return;

  size_t row = piece / n_pieces;
  int k = (int) (piece % n_pieces) * n;

  steer_expand_piece<type> (matrix, first_row + row, k, w);
#pragma unroll
  for (int i = 0; i < n; i += 4)
    steer_store4 (out_type, out, row * matrix.n_columns + k + i, make_float4 (w[i], w[i + 1], w[i + 2], w[i + 3]));
}

template <SteerCudaType type>
static cudaError_t
launch_expand (const SteerCudaQueue *queue,
               const SteerCudaMatrix *matrix,
               int first_row,
               int n_rows,
               SteerCudaType out_type,
               void *out)
{
  size_t n_pieces = (size_t) n_rows * steer_divide_up (matrix->n_columns, SteerFormat<type>::n);

  return steer_launch (queue, steer_expand<type>, dim3 ((unsigned) ((n_pieces + N_THREADS - 1) / N_THREADS)), N_THREADS,
                       0, *matrix, first_row, n_rows, out_type, out);
}

cudaError_t
steer_cuda_expand (const SteerCudaQueue *queue,
                   const SteerCudaMatrix *matrix,
                   int first_row,
                   int n_rows,
                   SteerCudaType out_type,
                   void *out)
{
  return steer_for_type (matrix->type, [&] (auto type) {
    return launch_expand<decltype (type)::value> (queue, matrix, first_row, n_rows, out_type, out);
  });
}

static __device__ __forceinline__ void
load_part (SteerCudaType type, const void *weights, size_t i, float *x)
{
  if (type == STEER_CUDA_F32)
    for (int j = 0; j < PART; j++)
      x[j] = static_cast<const float *> (weights)[i + j];
  else if (type == STEER_CUDA_F16)
    steer_widen8<STEER_CUDA_F16> (static_cast<const uint4 *> (weights)[i / PART], x);
  else
    steer_widen8<STEER_CUDA_BF16> (static_cast<const uint4 *> (weights)[i / PART], x);
}

/* Where four neighbours of a piece go: words of the data plane of STEER_CUDA_Q8, whose groups are of two pieces. */
static __device__ __forceinline__ size_t
find_word (size_t word, int n_row_pieces)
{
  int in_piece = (int) (word % 8);
  size_t piece = word / 8;
  size_t row = piece / n_row_pieces;
  int in_row = (int) (piece % n_row_pieces);
  int first = in_row / 2 * 2;
  int n_together = min (2, n_row_pieces - first);

  return (row * n_row_pieces + first) * 8 + (in_piece % 4 * n_together + in_row % 2) * 2 + in_piece / 4;
}

/* Four threads a scale. The quants are those of the scale after its rounding. */
static __global__ void
steer_quantise (SteerCudaType type,
                const void *weights,
                size_t n_parts,
                int n_row_pieces,
                unsigned *quants,
                __half *scales)
{
  size_t part = (size_t) blockIdx.x * N_THREADS + threadIdx.x;
  float x[PART] = {};
  float largest = 0.0f;
  unsigned packed[2] = { 0, 0 };
  __half scale;
  float inverse;

  steer_let_next_begin ();
  steer_wait_for_previous ();
  if (part < n_parts)
    load_part (type, weights, part * PART, x);
  for (int j = 0; j < PART; j++)
    largest = fmaxf (largest, fabsf (x[j]));
  for (int offset = 1; offset < BLOCK / PART; offset *= 2)
    largest = fmaxf (largest, __shfl_xor_sync (STEER_ALL_LANES, largest, offset));
  if (part >= n_parts)
    return;
  scale = __float2half_rn (largest / 127.0f);
  inverse = __half2float (scale) > 0.0f ? 1.0f / __half2float (scale) : 0.0f;
  for (int j = 0; j < PART; j++)
    {
      int quant = (int) rintf (fminf (fmaxf (x[j] * inverse, -127.0f), 127.0f));

      packed[j / 4] |= (unsigned) (quant & 0xff) << (8 * (j % 4));
    }
  for (int j = 0; j < PART / 4; j++)
    quants[find_word (part * (PART / 4) + j, n_row_pieces)] = packed[j];
  if (part % (BLOCK / PART) == 0)
    scales[part / (BLOCK / PART)] = scale;
}

cudaError_t
steer_cuda_quantise (const SteerCudaQueue *queue,
                     SteerCudaType type,
                     const void *weights,
                     int n_rows,
                     int n_columns,
                     int8_t *quants,
                     void *scales)
{
  size_t n_parts = (size_t) n_rows * (n_columns / PART);

  if (n_columns % BLOCK != 0 || type >= STEER_CUDA_Q8)
    return cudaErrorInvalidValue;
  return steer_launch (queue, steer_quantise, dim3 ((unsigned) ((n_parts + N_THREADS - 1) / N_THREADS)), N_THREADS, 0,
                       type, weights, n_parts, n_columns / BLOCK, reinterpret_cast<unsigned *> (quants),
                       static_cast<__half *> (scales));
}
