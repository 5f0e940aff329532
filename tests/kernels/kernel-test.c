#include "kernel-test.h"

#include <math.h>
#include <string.h>

#include "steer-shim.h"
#include "tensor/steer-dequantize.h"
#include "test-util.h"

const SteerCudaQueue *
kernel_test_get_queue (void)
{
  static const int n_processors[] = { 1, 2, 3, 7, 46 };
  static SteerCudaQueue queue;

  if (queue.n_processors == 0)
    {
      kernel_test_check (steer_cuda_queue_init (&queue, NULL));
      queue.n_processors = kernel_test_pick (n_processors);
      steer_shim_set_seed ((guint64) g_test_rand_int ());
    }
  return &queue;
}

void
kernel_test_check (cudaError_t error)
{
  if (error == cudaSuccess)
    error = cudaDeviceSynchronize ();
  if (error != cudaSuccess)
    g_error ("%s: %s", cudaGetErrorName (error), cudaGetErrorString (error));
}

gpointer
kernel_test_alloc (gsize n_bytes)
{
  gpointer device;

  kernel_test_check (cudaMalloc (&device, n_bytes));
  return device;
}

gpointer
kernel_test_upload (gconstpointer bytes, gsize n_bytes)
{
  gpointer device = kernel_test_alloc (n_bytes);

  kernel_test_check (cudaMemcpy (device, bytes, n_bytes, cudaMemcpyHostToDevice));
  return device;
}

void
kernel_test_download (gconstpointer device, gpointer bytes, gsize n_bytes)
{
  kernel_test_check (cudaMemcpy (bytes, device, n_bytes, cudaMemcpyDeviceToHost));
}

float *
kernel_test_random (gsize n, double scale)
{
  float *values = g_new (float, n);

  test_fill_random (values, n, scale);
  return values;
}

const SteerCudaType kernel_test_types[KERNEL_TEST_N_TYPES] = {
  STEER_CUDA_F32,  STEER_CUDA_F16,    STEER_CUDA_BF16,   STEER_CUDA_Q8,   STEER_CUDA_Q8_1,
  STEER_CUDA_Q4_0, STEER_CUDA_IQ4_NL, STEER_CUDA_Q2_K,   STEER_CUDA_Q3_K, STEER_CUDA_Q4_K,
  STEER_CUDA_Q5_K, STEER_CUDA_Q6_K,   STEER_CUDA_IQ4_XS,
};

gsize
kernel_test_get_bytes (SteerCudaType type)
{
  return type == STEER_CUDA_F32 ? 4 : 2;
}

gpointer
kernel_test_store (SteerCudaType type, const float *values, gsize n)
{
  guint16 *stored = g_malloc (n * kernel_test_get_bytes (type));

  if (type == STEER_CUDA_F32)
    memcpy (stored, values, n * sizeof (float));
  for (gsize i = 0; type != STEER_CUDA_F32 && i < n; i++)
    stored[i] = type == STEER_CUDA_F16 ? steer_f32_to_f16 (values[i]) : steer_f32_to_bf16 (values[i]);
  return stored;
}

void
kernel_test_load (SteerCudaType type, gconstpointer stored, gsize n, float *values)
{
  const guint16 *halves = stored;

  if (type == STEER_CUDA_F32)
    memcpy (values, stored, n * sizeof (float));
  for (gsize i = 0; type != STEER_CUDA_F32 && i < n; i++)
    values[i] = type == STEER_CUDA_F16 ? steer_f16_to_f32 (halves[i]) : steer_bf16_to_f32 (halves[i]);
}

float
kernel_test_round (SteerCudaType type, float value)
{
  g_autofree gpointer stored = kernel_test_store (type, &value, 1);

  kernel_test_load (type, stored, 1, &value);
  return value;
}

/* GGUF's blocks, where they have the halves that scale them, and how large these may be. */
static const struct
{
  SteerDtype dtype;
  int halves[2]; /* -1: no more */
  double largest;
} blocks_of[] = {
  { STEER_DTYPE_Q8_0, { 0, -1 }, 0.01 },   { STEER_DTYPE_Q5_0, { 0, -1 }, 0.1 },
  { STEER_DTYPE_Q5_1, { 0, 2 }, 0.1 },     { STEER_DTYPE_Q4_1, { 0, 2 }, 0.1 },
  { STEER_DTYPE_IQ4_NL, { 0, -1 }, 0.01 }, { STEER_DTYPE_Q4_0, { 0, -1 }, 0.1 },
  { STEER_DTYPE_Q2_K, { 80, 82 }, 0.02 },  { STEER_DTYPE_Q3_K, { 108, -1 }, 0.01 },
  { STEER_DTYPE_Q4_K, { 0, 2 }, 0.001 },   { STEER_DTYPE_Q5_K, { 0, 2 }, 0.0005 },
  { STEER_DTYPE_Q6_K, { 208, -1 }, 3e-4 }, { STEER_DTYPE_IQ4_XS, { 0, -1 }, 3e-4 },
};

guint8 *
kernel_test_random_blocks (SteerDtype dtype, gsize n_blocks)
{
  gsize n_bytes = steer_dtype_get_block_bytes (dtype);
  guint8 *blocks = g_malloc (n_blocks * n_bytes);
  guint kind = 0;

  while (blocks_of[kind].dtype != dtype)
    kind++;
  test_fill_random_bytes (blocks, n_blocks * n_bytes);
  for (gsize i = 0; i < n_blocks; i++)
    for (guint j = 0; j < 2 && blocks_of[kind].halves[j] >= 0; j++)
      {
        double largest = blocks_of[kind].largest;
        guint16 half = steer_f32_to_f16 ((float) g_test_rand_double_range (-largest, largest));

        memcpy (blocks + i * n_bytes + blocks_of[kind].halves[j], &half, sizeof half);
      }
  return blocks;
}

void
kernel_test_alloc_planes (SteerCudaMatrix *matrix)
{
  const SteerCudaPlanes *planes = steer_cuda_planes_get (matrix->type);
  const void **places[] = { &matrix->data, &matrix->scales, &matrix->high, &matrix->supers };
  gsize n_parts = (gsize) matrix->n_rows * (gsize) (matrix->n_columns / planes->n_columns);

  for (guint i = 0; i < STEER_CUDA_N_PLANES; i++)
    *places[i] = planes->n_bytes[i] > 0 ? kernel_test_alloc (n_parts * planes->n_bytes[i]) : NULL;
}

void
kernel_test_free_planes (SteerCudaMatrix *matrix)
{
  cudaFree ((gpointer) matrix->data);
  cudaFree ((gpointer) matrix->scales);
  cudaFree ((gpointer) matrix->high);
  cudaFree ((gpointer) matrix->supers);
}

static void
init_quantised (KernelTestMatrix *self, gsize n)
{
  static const SteerDtype dtypes[]
    = { STEER_DTYPE_Q8_0, STEER_DTYPE_Q5_1, STEER_DTYPE_Q4_0, STEER_DTYPE_IQ4_NL, STEER_DTYPE_Q2_K,
        STEER_DTYPE_Q3_K, STEER_DTYPE_Q4_K, STEER_DTYPE_Q5_K, STEER_DTYPE_Q6_K,   STEER_DTYPE_IQ4_XS };
  SteerDtype dtype = dtypes[self->matrix.type - STEER_CUDA_Q8];
  gsize n_blocks = n / steer_dtype_get_block_elements (dtype);
  g_autofree guint8 *blocks = kernel_test_random_blocks (dtype, n_blocks);
  gpointer device_blocks = kernel_test_upload (blocks, n_blocks * steer_dtype_get_block_bytes (dtype));
  SteerCudaBlocks kind;
  SteerCudaType type;

  g_assert_true (steer_cuda_planes_find (dtype, &kind, &type));
  g_assert_cmpint (type, ==, self->matrix.type);
  steer_dequantize (dtype, blocks, n_blocks, self->values);
  kernel_test_alloc_planes (&self->matrix);
  kernel_test_check (
    steer_cuda_split (kernel_test_get_queue (), kind, device_blocks, &self->matrix, 0, self->matrix.n_rows));
  cudaFree (device_blocks);
}

int
kernel_test_fit_columns (SteerCudaType type, int n_columns)
{
  int step = steer_cuda_planes_get (type)->n_columns;

  return (n_columns + step - 1) / step * step;
}

void
kernel_test_matrix_init (KernelTestMatrix *self, SteerCudaType type, int n_rows, int n_columns, gboolean with_bias)
{
  gsize n = (gsize) n_rows * (gsize) n_columns;

  g_assert_cmpint (n_columns, ==, kernel_test_fit_columns (type, n_columns));
  memset (self, 0, sizeof *self);
  self->matrix.type = type;
  self->matrix.n_rows = n_rows;
  self->matrix.n_columns = n_columns;
  if (type >= STEER_CUDA_Q8)
    {
      self->values = g_new (float, n);
      init_quantised (self, n);
    }
  else
    {
      g_autofree gpointer stored = NULL;

      self->values = kernel_test_random (n, 1.0);
      stored = kernel_test_store (type, self->values, n);
      kernel_test_load (type, stored, n, self->values);
      self->matrix.data = kernel_test_upload (stored, n * kernel_test_get_bytes (type));
    }
  if (with_bias)
    {
      self->bias = kernel_test_random ((gsize) n_rows, 1.0);
      self->matrix.bias = kernel_test_upload (self->bias, (gsize) n_rows * sizeof (float));
    }
}

void
kernel_test_matrix_clear (KernelTestMatrix *self)
{
  kernel_test_free_planes (&self->matrix);
  cudaFree ((gpointer) self->matrix.bias);
  g_free (self->values);
  g_free (self->bias);
}

double
kernel_test_matrix_dot (const KernelTestMatrix *self, int row, const double *x)
{
  const float *w = self->values + (gsize) row * (gsize) self->matrix.n_columns;
  double sum = self->bias != NULL ? (double) self->bias[row] : 0.0;

  for (int i = 0; i < self->matrix.n_columns; i++)
    sum += (double) w[i] * x[i];
  return sum;
}

void
kernel_test_compare_sized (const char *what,
                           const float *actual,
                           const double *expected,
                           const double *sizes,
                           gsize n,
                           double tolerance)
{
  for (gsize i = 0; i < n; i++)
    if (!(fabs ((double) actual[i] - expected[i]) <= tolerance * sizes[i]))
      g_error ("%s: element %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " is %.9g, should be %.9g", what, i, n,
               (double) actual[i], expected[i]);
}

void
kernel_test_compare (const char *what, const float *actual, const double *expected, gsize n, double tolerance)
{
  g_autofree double *sizes = g_new (double, n);

  for (gsize i = 0; i < n; i++)
    sizes[i] = 1.0 + fabs (expected[i]);
  kernel_test_compare_sized (what, actual, expected, sizes, n, tolerance);
}

double
kernel_test_activate (SteerCudaGate kind, double gate, double *slope)
{
  double root = sqrt (2.0 / G_PI);
  double tangent = tanh (root * (gate + 0.044715 * gate * gate * gate));
  double sigmoid = 1.0 / (1.0 + exp (-gate));

  if (slope != NULL)
    *slope = kind == STEER_CUDA_SILU
               ? sigmoid * (1.0 + gate * (1.0 - sigmoid))
               : 0.5 * (1.0 + tangent) + 0.5 * gate * (1.0 - tangent * tangent) * root * (1.0 + 0.134145 * gate * gate);
  return kind == STEER_CUDA_SILU ? gate * sigmoid : 0.5 * gate * (1.0 + tangent);
}

void
kernel_test_norm (const double *x, const float *weight, int n, double eps, double *out)
{
  double squares = 0.0;

  for (int i = 0; i < n; i++)
    squares += x[i] * x[i];
  for (int i = 0; i < n; i++)
    out[i] = (double) weight[i] * x[i] / sqrt (squares / n + eps);
}
