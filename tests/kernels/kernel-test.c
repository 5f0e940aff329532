#include "kernel-test.h"

#include <math.h>
#include <string.h>

#include "tensor/steer-dtype.h"

const SteerCudaQueue *
kernel_test_get_queue (void)
{
  static SteerCudaQueue queue;

  if (queue.n_processors == 0)
    kernel_test_check (steer_cuda_queue_init (&queue, NULL));
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

  for (gsize i = 0; i < n; i++)
    values[i] = (float) g_test_rand_double_range (-scale, scale);
  return values;
}

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

/* Any bytes with any scales. */
static void
init_q8 (KernelTestMatrix *self, gsize n)
{
  g_autofree gint8 *quants = g_new (gint8, n);
  g_autofree guint16 *scales = g_new (guint16, n / 32);

  for (gsize i = 0; i < n / 32; i++)
    scales[i] = steer_f32_to_f16 ((float) g_test_rand_double_range (-0.01, 0.01));
  for (gsize i = 0; i < n; i++)
    {
      quants[i] = (gint8) g_test_rand_int_range (-128, 128);
      self->values[i] = (float) quants[i] * steer_f16_to_f32 (scales[i / 32]);
    }
  self->matrix.data = kernel_test_upload (quants, n);
  self->matrix.scales = kernel_test_upload (scales, n / 32 * 2);
}

void
kernel_test_matrix_init (KernelTestMatrix *self, SteerCudaType type, int n_rows, int n_columns, gboolean with_bias)
{
  gsize n = (gsize) n_rows * (gsize) n_columns;

  memset (self, 0, sizeof *self);
  self->matrix.type = type;
  self->matrix.n_rows = n_rows;
  self->matrix.n_columns = n_columns;
  if (type == STEER_CUDA_Q8)
    {
      self->values = g_new (float, n);
      init_q8 (self, n);
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
  cudaFree ((gpointer) self->matrix.data);
  cudaFree ((gpointer) self->matrix.scales);
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
kernel_test_compare (const char *what, const float *actual, const double *expected, gsize n, double tolerance)
{
  for (gsize i = 0; i < n; i++)
    if (!(fabs ((double) actual[i] - expected[i]) <= tolerance * (1.0 + fabs (expected[i]))))
      g_error ("%s: element %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " is %.9g, should be %.9g", what, i, n,
               (double) actual[i], expected[i]);
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
