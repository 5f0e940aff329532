#pragma once

#include <glib.h>

#include "kernels/steer-cuda-planes.h"

G_BEGIN_DECLS

/* Tests of the CUDA kernels, which run on the shim. Every output buffer begins poisoned, as the shim allocates it. */

/* The queue that tests launch on, of the null stream. How many multiprocessors there are, and in which order blocks and
 * threads run, follows from the test's seed. */
const SteerCudaQueue *kernel_test_get_queue (void);

/* Fails the test when @error is one, or when what was launched so far fails. */
void kernel_test_check (cudaError_t error);

/* Device memory; poisoned, or a copy of @bytes. Freed with cudaFree(). */
gpointer kernel_test_alloc (gsize n_bytes);
gpointer kernel_test_upload (gconstpointer bytes, gsize n_bytes);
void kernel_test_download (gconstpointer device, gpointer bytes, gsize n_bytes);

/* [n] uniform in -scale .. scale. Free with g_free(). */
float *kernel_test_random (gsize n, double scale);

/* One of @n. */
#define kernel_test_pick(array) ((array)[g_test_rand_int_range (0, G_N_ELEMENTS (array))])

/* All types, in their order. */
#define KERNEL_TEST_N_TYPES (STEER_CUDA_IQ4_XS + 1)
extern const SteerCudaType kernel_test_types[KERNEL_TEST_N_TYPES];

/* What is stored of @value in a type, and its bits. */
float kernel_test_round (SteerCudaType type, float value);
gsize kernel_test_get_bytes (SteerCudaType type); /* of an element; not of a quantised type */
gpointer kernel_test_store (SteerCudaType type, const float *values, gsize n); /* free with g_free() */
void kernel_test_load (SteerCudaType type, gconstpointer stored, gsize n, float *values);

/* [n_blocks] of any bytes, with scales that leave numbers small. @dtype: a quantised one. Free with g_free(). */
guint8 *kernel_test_random_blocks (SteerDtype dtype, gsize n_blocks);

/* The planes of a matrix whose type and shape are set, poisoned. */
void kernel_test_alloc_planes (SteerCudaMatrix *matrix);
void kernel_test_free_planes (SteerCudaMatrix *matrix);

/* The least number of columns from @n_columns on that a matrix of this type may have. */
int kernel_test_fit_columns (SteerCudaType type, int n_columns);

/* A random matrix on the device, and its numbers. */
typedef struct
{
  SteerCudaMatrix matrix;
  float *values; /* [n_rows, n_columns] */
  float *bias;   /* (nullable): [n_rows] */
} KernelTestMatrix;

void
kernel_test_matrix_init (KernelTestMatrix *self, SteerCudaType type, int n_rows, int n_columns, gboolean with_bias);
void kernel_test_matrix_clear (KernelTestMatrix *self);

/* row . x + bias in float64. */
double kernel_test_matrix_dot (const KernelTestMatrix *self, int row, const double *x);

/* |actual - expected| <= tolerance * (1 + |expected|) for all [n]; names the first that is not. */
void kernel_test_compare (const char *what, const float *actual, const double *expected, gsize n, double tolerance);

/* The same where an element's error has another size than the element: <= tolerance * sizes[i]. */
void kernel_test_compare_sized (const char *what,
                                const float *actual,
                                const double *expected,
                                const double *sizes,
                                gsize n,
                                double tolerance);

/* What @kind makes of a gate in float64, and its derivative (nullable). */
double kernel_test_activate (SteerCudaGate kind, double gate, double *slope);

/* RMS norm in float64. */
void kernel_test_norm (const double *x, const float *weight, int n, double eps, double *out);

G_END_DECLS
