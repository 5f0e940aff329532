#include "tensor/steer-tensor.h"

#include <math.h>
#include <string.h>

/* One element by its definition, byte by byte. */
static double
read_element (SteerDtype dtype, const guint8 *bytes)
{
  guint size = (guint) steer_dtype_get_block_bytes (dtype);
  guint64 raw = 0;
  double f64;
  float f32;
  guint32 raw32;

  for (guint i = 0; i < size; i++)
    raw |= (guint64) bytes[i] << 8 * i;
  raw32 = (guint32) raw;
  switch (dtype)
    {
    case STEER_DTYPE_F64:
      memcpy (&f64, &raw, sizeof f64);
      return f64;
    case STEER_DTYPE_F32:
      memcpy (&f32, &raw32, sizeof f32);
      return (double) f32;
    case STEER_DTYPE_F16:
      return (double) steer_f16_to_f32 ((guint16) raw);
    case STEER_DTYPE_BF16:
      return (double) steer_bf16_to_f32 ((guint16) raw);
    case STEER_DTYPE_U8:
      return (double) raw;
    case STEER_DTYPE_BOOL:
      return raw != 0 ? 1.0 : 0.0;
    default:
      /* Two's complement. */
      return size < 8 && raw >> (8 * size - 1) != 0 ? (double) raw - ldexp (1.0, (int) (8 * size))
                                                    : (double) (gint64) raw;
    }
}

static void
assert_same (float actual, double expected)
{
  float rounded = (float) expected;

  if (isnan (rounded))
    g_assert_true (isnan (actual));
  else
    g_assert_true (actual == rounded && !signbit (actual) == !signbit (rounded));
}

static void
check_against_naive (const SteerTensor *tensor, gint64 first, gint64 count)
{
  g_autofree float *values = g_new (float, count + 1);
  gint64 size = (gint64) steer_dtype_get_block_bytes (tensor->dtype);

  values[count] = 4321.0f;
  steer_tensor_read_f32 (tensor, first, count, values);
  for (gint64 i = 0; i < count; i++)
    {
      gint64 rest = first + i;
      gint64 offset = 0;

      for (guint d = tensor->n_dims; d-- > 0;)
        {
          offset += rest % tensor->shape[d] * tensor->stride[d];
          rest /= tensor->shape[d];
        }
      assert_same (values[i], read_element (tensor->dtype, tensor->data + offset * size));
    }
  g_assert_cmpfloat (values[count], ==, 4321.0f);
}

/* A random shape whose dimensions lie in memory in a random order, with gaps, or repeat with stride 0. */
static gint64
make_random_view (SteerTensor *tensor)
{
  guint order[STEER_TENSOR_MAX_DIMS];
  gint64 extent = 1;

  tensor->n_dims = (guint) g_test_rand_int_range (0, 6);
  for (guint i = 0; i < tensor->n_dims; i++)
    {
      guint j = (guint) g_test_rand_int_range (0, (gint32) i + 1);

      tensor->shape[i] = g_test_rand_int_range (1, 6);
      order[i] = order[j];
      order[j] = i;
    }
  for (guint i = 0; i < tensor->n_dims; i++)
    {
      guint d = order[i];

      if (g_test_rand_int_range (0, 8) == 0)
        {
          tensor->stride[d] = 0;
          continue;
        }
      tensor->stride[d] = extent;
      extent *= tensor->shape[d];
      if (g_test_rand_int_range (0, 4) == 0)
        extent += g_test_rand_int_range (1, 4);
    }
  return extent;
}

static void
test_random_views (void)
{
  for (guint round = 0; round < 4000; round++)
    {
      SteerTensor tensor = { .name = "t", .dtype = (SteerDtype) g_test_rand_int_range (0, STEER_DTYPE_BOOL + 1) };
      gsize size = steer_dtype_get_block_bytes (tensor.dtype);
      gsize n_bytes = (gsize) make_random_view (&tensor) * size;
      gsize misalignment = (gsize) g_test_rand_int_range (0, 8);
      g_autofree guint8 *bytes = g_malloc (n_bytes + misalignment);
      gint64 n = steer_tensor_get_n_elements (&tensor);
      gint64 first = g_test_rand_int_range (0, (gint32) n);

      for (gsize i = 0; i < n_bytes + misalignment; i++)
        bytes[i] = (guint8) g_test_rand_int ();
      tensor.data = bytes + misalignment;
      tensor.n_bytes = n_bytes;
      check_against_naive (&tensor, 0, n);
      check_against_naive (&tensor, first, g_test_rand_int_range (0, (gint32) (n - first) + 1));
    }
}

static void
test_column (void)
{
  /* A [3, 4] matrix stored column by column, as an encoder made by decoder.T.clone() is. */
  const float stored[12] = { 0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23 };
  SteerTensor tensor = { .name = "t",
                         .dtype = STEER_DTYPE_F32,
                         .n_dims = 2,
                         .shape = { 3, 4 },
                         .stride = { 1, 3 },
                         .data = (const guint8 *) stored,
                         .n_bytes = sizeof stored };
  float row[4];

  g_assert_false (steer_tensor_is_contiguous (&tensor));
  steer_tensor_read_f32 (&tensor, 4, 4, row);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpfloat (row[i], ==, 10.0f + (float) i);
}

static void
test_contiguous (void)
{
  SteerTensor tensor = { .dtype = STEER_DTYPE_F32, .n_dims = 3, .shape = { 2, 1, 3 }, .stride = { 3, 77, 1 } };

  g_assert_true (steer_tensor_is_contiguous (&tensor));
  tensor.stride[0] = 4;
  g_assert_false (steer_tensor_is_contiguous (&tensor));
  tensor.shape[1] = 0;
  g_assert_true (steer_tensor_is_contiguous (&tensor));
  tensor.n_dims = 0;
  g_assert_true (steer_tensor_is_contiguous (&tensor));
}

static void
test_shape_text (void)
{
  SteerTensor tensor = { .n_dims = 2, .shape = { 4096, 14336 } };
  g_autofree char *matrix = steer_tensor_dup_shape_string (&tensor);
  g_autofree char *scalar = NULL;

  tensor.n_dims = 0;
  scalar = steer_tensor_dup_shape_string (&tensor);
  g_assert_cmpstr (matrix, ==, "[4096, 14336]");
  g_assert_cmpstr (scalar, ==, "[]");
  g_assert_cmpint (steer_tensor_get_n_elements (&tensor), ==, 1);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tensor/any-range-of-any-strided-view-equals-a-naive-reading", test_random_views);
  g_test_add_func ("/tensor/a-column-major-matrix-is-read-by-rows", test_column);
  g_test_add_func ("/tensor/contiguity-ignores-dimensions-of-one-element", test_contiguous);
  g_test_add_func ("/tensor/a-shape-prints-as-python-prints-it", test_shape_text);
  return g_test_run ();
}
