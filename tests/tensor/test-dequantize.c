#include "tensor-test-util.h"
#include "test-util.h"

#include <string.h>

#define N_BLOCKS 6

/* The fixture holds, for each type, TYPE.blocks as bytes and TYPE.values, computed by an independent program. */
static void
load_case (SteerArchive *archive, SteerDtype dtype, SteerTensor *quantized, const SteerTensor **values)
{
  g_autofree char *blocks_name = g_strconcat (steer_dtype_get_name (dtype), ".blocks", NULL);
  g_autofree char *values_name = g_strconcat (steer_dtype_get_name (dtype), ".values", NULL);
  const SteerTensor *blocks = steer_archive_find (archive, blocks_name);
  gint64 block_elements = (gint64) steer_dtype_get_block_elements (dtype);

  *values = steer_archive_find (archive, values_name);
  g_assert_nonnull (blocks);
  g_assert_nonnull (*values);
  g_assert_cmpint (blocks->shape[0], ==, N_BLOCKS);
  g_assert_cmpint (blocks->shape[1], ==, (gint64) steer_dtype_get_block_bytes (dtype));
  g_assert_cmpint (steer_tensor_get_n_elements (*values), ==, N_BLOCKS * block_elements);
  *quantized = (SteerTensor){ .name = "t",
                              .dtype = dtype,
                              .n_dims = 2,
                              .shape = { 2, N_BLOCKS / 2 * block_elements },
                              .stride = { N_BLOCKS / 2 * block_elements, 1 },
                              .data = blocks->data,
                              .n_bytes = blocks->n_bytes };
}

static SteerArchive *
open_fixture (void)
{
  g_autofree char *path = test_fixture_path ("tensor/dequantize.safetensors");
  g_autoptr (GError) error = NULL;
  SteerArchive *archive = steer_archive_open (path, NULL, &error);

  g_assert_no_error (error);
  return archive;
}

static void
test_values (gconstpointer data)
{
  SteerDtype dtype = (SteerDtype) GPOINTER_TO_UINT (data);
  g_autoptr (SteerArchive) archive = open_fixture ();
  const SteerTensor *values;
  SteerTensor quantized;
  gint64 n;
  g_autofree float *expected = NULL;
  g_autofree float *actual = NULL;

  load_case (archive, dtype, &quantized, &values);
  n = steer_tensor_get_n_elements (values);
  expected = g_new (float, n);
  actual = g_new (float, n);
  steer_tensor_read_f32 (values, 0, n, expected);
  steer_tensor_read_f32 (&quantized, 0, n, actual);
  for (gint64 i = 0; i < n; i++)
    if (memcmp (&actual[i], &expected[i], sizeof (float)) != 0)
      g_error ("element %" G_GINT64_FORMAT " is %.9g, but should be %.9g", i, (double) actual[i], (double) expected[i]);
}

/* Any range gives the same bits as the whole, also one that begins and ends inside a block. */
static void
test_ranges (void)
{
  g_autoptr (SteerArchive) archive = open_fixture ();

  for (guint dtype = STEER_DTYPE_Q4_0; dtype < STEER_N_DTYPES; dtype++)
    {
      const SteerTensor *values;
      SteerTensor quantized;
      float whole[N_BLOCKS * 256];
      float part[N_BLOCKS * 256];
      gint64 n;

      load_case (archive, (SteerDtype) dtype, &quantized, &values);
      n = steer_tensor_get_n_elements (&quantized);
      steer_tensor_read_f32 (&quantized, 0, n, whole);
      for (guint i = 0; i < 300; i++)
        {
          gint64 first = g_test_rand_int_range (0, (gint32) n);
          gint64 count = g_test_rand_int_range (0, (gint32) (n - first + 1));

          part[count < n ? count : 0] = 12345.0f;
          steer_tensor_read_f32 (&quantized, first, count, part);
          g_assert_cmpmem (part, (gsize) count * sizeof (float), whole + first, (gsize) count * sizeof (float));
          if (count < n)
            g_assert_cmpfloat (part[count], ==, 12345.0f);
        }
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (guint dtype = STEER_DTYPE_Q4_0; dtype < STEER_N_DTYPES; dtype++)
    {
      g_autofree char *name = g_strconcat ("/dequantize/to-the-bit/", steer_dtype_get_name ((SteerDtype) dtype), NULL);
      g_test_add_data_func (name, GUINT_TO_POINTER (dtype), test_values);
    }
  g_test_add_func ("/dequantize/any-range-equals-that-part-of-the-whole", test_ranges);
  return g_test_run ();
}
