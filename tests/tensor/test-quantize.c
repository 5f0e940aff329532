#include "tensor-test-util.h"
#include "test-util.h"

#include "tensor/steer-dequantize.h"
#include "tensor/steer-quantize.h"

#include <math.h>
#include <string.h>

#define N_RANDOM (64 * 256)

static SteerArchive *
open_fixture (void)
{
  g_autofree char *path = test_fixture_path ("tensor/quantize.safetensors");
  g_autoptr (GError) error = NULL;
  SteerArchive *archive = steer_archive_open (path, NULL, &error);

  g_assert_no_error (error);
  return archive;
}

static float *
read_values (SteerArchive *archive, gsize *n)
{
  const SteerTensor *tensor = steer_archive_find (archive, "values");
  float *values;

  *n = (gsize) steer_tensor_get_n_elements (tensor);
  values = g_new (float, *n);
  steer_tensor_read_f32 (tensor, 0, (gint64) *n, values);
  return values;
}

static guint8 *
quantize (SteerDtype dtype, const float *values, gsize n, gsize *n_bytes)
{
  gsize n_blocks = n / steer_dtype_get_block_elements (dtype);
  guint8 *blocks;

  *n_bytes = n_blocks * steer_dtype_get_block_bytes (dtype);
  blocks = g_malloc (*n_bytes + 1);
  blocks[*n_bytes] = 0xa5;
  steer_quantize (dtype, values, n_blocks, blocks);
  g_assert_cmphex (blocks[*n_bytes], ==, 0xa5);
  return blocks;
}

static float *
there_and_back (SteerDtype dtype, const float *values, gsize n)
{
  gsize n_bytes;
  g_autofree guint8 *blocks = quantize (dtype, values, n, &n_bytes);
  float *back = g_new (float, n);

  steer_dequantize (dtype, blocks, n / steer_dtype_get_block_elements (dtype), back);
  return back;
}

static void
test_reference (gconstpointer data)
{
  SteerDtype dtype = (SteerDtype) GPOINTER_TO_UINT (data);
  g_autoptr (SteerArchive) archive = open_fixture ();
  g_autofree char *name = g_strconcat (steer_dtype_get_name (dtype), ".blocks", NULL);
  const SteerTensor *expected = steer_archive_find (archive, name);
  gsize n, n_bytes;
  g_autofree float *values = read_values (archive, &n);
  g_autofree guint8 *blocks = quantize (dtype, values, n, &n_bytes);

  g_assert_cmpuint (n_bytes, ==, expected->n_bytes);
  g_assert_cmpmem (blocks, n_bytes, expected->data, expected->n_bytes);
}

static float *
random_normal (gsize n)
{
  float *x = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    x[i] = (float) (sqrt (-2.0 * log (1.0 - g_test_rand_double ())) * cos (2.0 * G_PI * g_test_rand_double ()));
  return x;
}

static double
get_relative_rms (const float *x, const float *y, gsize n)
{
  double error = 0.0, size = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      error += ((double) x[i] - (double) y[i]) * ((double) x[i] - (double) y[i]);
      size += (double) x[i] * (double) x[i];
    }
  return sqrt (error / size);
}

/* What a type costs, for weights of a normal distribution; measured over a million of them and rounded up. */
static void
test_quality (void)
{
  static const struct
  {
    SteerDtype dtype;
    double rms;
  } bounds[] = {
    { STEER_DTYPE_Q8_0, 0.0056 }, { STEER_DTYPE_Q4_0, 0.088 }, { STEER_DTYPE_Q5_0, 0.044 },
    { STEER_DTYPE_Q4_K, 0.072 },  { STEER_DTYPE_Q6_K, 0.018 },
  };
  g_autofree float *x = random_normal (N_RANDOM);

  for (guint i = 0; i < G_N_ELEMENTS (bounds); i++)
    {
      g_autofree float *y = there_and_back (bounds[i].dtype, x, N_RANDOM);

      g_assert_cmpfloat (get_relative_rms (x, y, N_RANDOM), <, bounds[i].rms);
    }
}

/* Also for rows that are no bell: Q4_K is not worse than Q4_0, nor Q6_K than Q5_0, and zeros stay zeros. Rows of tiny
 * numbers are left out: a scale of scales is smaller still, and half precision has few bits for it. */
static void
test_odd_rows (void)
{
  g_autoptr (SteerArchive) archive = open_fixture ();
  gsize n;
  g_autofree float *x = read_values (archive, &n);
  g_autofree float *q4_0 = there_and_back (STEER_DTYPE_Q4_0, x, n);
  g_autofree float *q4_k = there_and_back (STEER_DTYPE_Q4_K, x, n);
  g_autofree float *q5_0 = there_and_back (STEER_DTYPE_Q5_0, x, n);
  g_autofree float *q6_k = there_and_back (STEER_DTYPE_Q6_K, x, n);

  for (gsize row = 0; row < n; row += 256)
    {
      float largest = 0.0f;

      for (gsize i = row; i < row + 256; i++)
        largest = MAX (largest, fabsf (x[i]));
      if (largest < 0.1f)
        continue;
      g_assert_cmpfloat (get_relative_rms (x + row, q4_k + row, 256), <, get_relative_rms (x + row, q4_0 + row, 256));
      g_assert_cmpfloat (get_relative_rms (x + row, q6_k + row, 256), <, get_relative_rms (x + row, q5_0 + row, 256));
    }
  for (gsize i = 7 * 256; i < 7 * 256 + 128; i++)
    g_assert_true (x[i] == 0.0f && q4_k[i] == 0.0f && q6_k[i] == 0.0f);
}

static void
test_strange_values (void)
{
  static const SteerDtype dtypes[]
    = { STEER_DTYPE_Q8_0, STEER_DTYPE_Q4_0, STEER_DTYPE_Q5_0, STEER_DTYPE_Q4_K, STEER_DTYPE_Q6_K };
  static const float fills[] = { 0.0f, NAN, INFINITY, 1e-42f, 1e38f, -1e38f };

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++)
    for (guint f = 0; f < G_N_ELEMENTS (fills); f++)
      {
        float x[256];
        g_autofree float *y = NULL;

        for (guint i = 0; i < 256; i++)
          x[i] = i % 3 == 0 ? fills[f] : 0.0f;
        y = there_and_back (dtypes[d], x, 256);
        for (guint i = 0; i < 256; i++)
          g_assert_true (isfinite (y[i]));
      }
}

static void
test_plain (void)
{
  static const float x[] = { 1.0f, -2.5f, 1.00390625f, 65504.0f };
  guint16 halves[4], brains[4];
  float same[4];

  steer_quantize (STEER_DTYPE_F16, x, 4, (guint8 *) halves);
  steer_quantize (STEER_DTYPE_BF16, x, 4, (guint8 *) brains);
  steer_quantize (STEER_DTYPE_F32, x, 4, (guint8 *) same);
  for (guint i = 0; i < 4; i++)
    {
      g_assert_cmphex (GUINT16_FROM_LE (halves[i]), ==, steer_f32_to_f16 (x[i]));
      g_assert_cmphex (GUINT16_FROM_LE (brains[i]), ==, steer_f32_to_bf16 (x[i]));
      g_assert_cmpfloat (same[i], ==, x[i]);
    }
  g_assert_true (steer_can_quantize (STEER_DTYPE_Q4_K));
  g_assert_false (steer_can_quantize (STEER_DTYPE_Q2_K));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/quantize/to-the-bit/Q8_0", GUINT_TO_POINTER (STEER_DTYPE_Q8_0), test_reference);
  g_test_add_data_func ("/quantize/to-the-bit/Q4_0", GUINT_TO_POINTER (STEER_DTYPE_Q4_0), test_reference);
  g_test_add_data_func ("/quantize/to-the-bit/Q5_0", GUINT_TO_POINTER (STEER_DTYPE_Q5_0), test_reference);
  g_test_add_func ("/quantize/little-is-lost-of-weights", test_quality);
  g_test_add_func ("/quantize/larger-types-lose-less-of-any-row", test_odd_rows);
  g_test_add_func ("/quantize/what-is-not-finite-spoils-nothing", test_strange_values);
  g_test_add_func ("/quantize/plain-types-round-to-nearest", test_plain);
  return g_test_run ();
}
