#include "steer-tensor.h"

#include "steer-dequantize.h"

#include <string.h>

G_DEFINE_QUARK (steer_tensor_error_quark, steer_tensor_error)

/* Elements of the largest block of any quantised type. */
#define MAX_BLOCK_ELEMENTS 256

gint64
steer_tensor_get_n_elements (const SteerTensor *tensor)
{
  gint64 n = 1;

  /* A reader may have met the 0 before sizes whose product overflows. */
  for (guint i = 0; i < tensor->n_dims; i++)
    if (tensor->shape[i] == 0)
      return 0;
  for (guint i = 0; i < tensor->n_dims; i++)
    n *= tensor->shape[i];
  return n;
}

gboolean
steer_tensor_is_contiguous (const SteerTensor *tensor)
{
  gint64 expected = 1;

  if (steer_tensor_get_n_elements (tensor) == 0)
    return TRUE;
  for (guint i = tensor->n_dims; i-- > 0;)
    {
      /* The stride of a dimension of one element is never used. */
      if (tensor->shape[i] != 1 && tensor->stride[i] != expected)
        return FALSE;
      expected *= tensor->shape[i];
    }
  return TRUE;
}

char *
steer_tensor_dup_shape_string (const SteerTensor *tensor)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < tensor->n_dims; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT, i > 0 ? ", " : "", tensor->shape[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

/* Files are little-endian and need not align their elements: loads go through memcpy, which compiles to one move. */
#define LOAD_LE(type, from_le)                                                                                         \
  ({                                                                                                                   \
    type raw;                                                                                                          \
    memcpy (&raw, source, sizeof raw);                                                                                 \
    from_le (raw);                                                                                                     \
  })

#define CONVERT_RUN(expression)                                                                                        \
  for (gint64 i = 0; i < count; i++, source += step)                                                                   \
    out[i] = (float) (expression);                                                                                     \
  break

static inline float
f32_from_bits (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

static inline double
f64_from_bits (guint64 bits)
{
  double value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

/* @count elements of a plain type, @step bytes apart. */
static void
convert_run (SteerDtype dtype, const guint8 *source, gint64 step, gint64 count, float *out)
{
  switch (dtype)
    {
    case STEER_DTYPE_F64:
      CONVERT_RUN (f64_from_bits (LOAD_LE (guint64, GUINT64_FROM_LE)));
    case STEER_DTYPE_F32:
      if (G_BYTE_ORDER == G_LITTLE_ENDIAN && step == sizeof (float))
        {
          memcpy (out, source, (gsize) count * sizeof (float));
          break;
        }
      CONVERT_RUN (f32_from_bits (LOAD_LE (guint32, GUINT32_FROM_LE)));
    case STEER_DTYPE_F16:
      CONVERT_RUN (steer_f16_to_f32 (LOAD_LE (guint16, GUINT16_FROM_LE)));
    case STEER_DTYPE_BF16:
      CONVERT_RUN (f32_from_bits ((guint32) LOAD_LE (guint16, GUINT16_FROM_LE) << 16));
    case STEER_DTYPE_I64:
      CONVERT_RUN ((gint64) LOAD_LE (guint64, GUINT64_FROM_LE));
    case STEER_DTYPE_I32:
      CONVERT_RUN ((gint32) LOAD_LE (guint32, GUINT32_FROM_LE));
    case STEER_DTYPE_I16:
      CONVERT_RUN ((gint16) LOAD_LE (guint16, GUINT16_FROM_LE));
    case STEER_DTYPE_I8:
      CONVERT_RUN ((gint8) *source);
    case STEER_DTYPE_U8:
      CONVERT_RUN (*source);
    case STEER_DTYPE_BOOL:
      CONVERT_RUN (*source != 0);
    default:
      g_assert_not_reached ();
    }
}

/* Whole blocks go straight to @out; the blocks that the range cuts go through a block of their own. */
static void
read_quantized (const SteerTensor *tensor, gint64 first, gint64 count, float *out)
{
  gint64 block_elements = (gint64) steer_dtype_get_block_elements (tensor->dtype);
  gsize block_bytes = steer_dtype_get_block_bytes (tensor->dtype);
  float block[MAX_BLOCK_ELEMENTS];

  while (count > 0)
    {
      const guint8 *source = tensor->data + (gsize) (first / block_elements) * block_bytes;
      gint64 offset = first % block_elements;
      gint64 n;

      if (offset == 0 && count >= block_elements)
        {
          n = count - count % block_elements;
          steer_dequantize (tensor->dtype, source, (gsize) (n / block_elements), out);
        }
      else
        {
          n = MIN (block_elements - offset, count);
          steer_dequantize (tensor->dtype, source, 1, block);
          memcpy (out, block + offset, (gsize) n * sizeof (float));
        }
      first += n;
      count -= n;
      out += n;
    }
}

/* Walks the innermost dimension as one run after another. */
static void
read_strided (const SteerTensor *tensor, gint64 first, gint64 count, float *out)
{
  gint64 size = (gint64) steer_dtype_get_block_bytes (tensor->dtype);
  guint inner = tensor->n_dims - 1;
  gint64 at[STEER_TENSOR_MAX_DIMS]; /* [n_dims]: coordinates of the next element */
  gint64 rest = first;

  for (guint i = tensor->n_dims; i-- > 0;)
    {
      at[i] = rest % tensor->shape[i];
      rest /= tensor->shape[i];
    }

  while (count > 0)
    {
      gint64 n = MIN (tensor->shape[inner] - at[inner], count);
      gint64 offset = 0;

      for (guint i = 0; i < tensor->n_dims; i++)
        offset += at[i] * tensor->stride[i];
      convert_run (tensor->dtype, tensor->data + offset * size, tensor->stride[inner] * size, n, out);
      count -= n;
      out += n;

      at[inner] = 0;
      for (guint i = inner; i-- > 0;)
        {
          if (++at[i] < tensor->shape[i])
            break;
          at[i] = 0;
        }
    }
}

void
steer_tensor_read_f32 (const SteerTensor *tensor, gint64 first, gint64 count, float *out)
{
  g_return_if_fail (tensor != NULL);
  g_return_if_fail (first >= 0 && count >= 0);
  g_return_if_fail (first <= steer_tensor_get_n_elements (tensor) - count);

  if (count == 0)
    return;
  if (steer_dtype_is_quantized (tensor->dtype))
    {
      read_quantized (tensor, first, count, out);
    }
  else if (steer_tensor_is_contiguous (tensor))
    {
      gint64 size = (gint64) steer_dtype_get_block_bytes (tensor->dtype);
      convert_run (tensor->dtype, tensor->data + first * size, size, count, out);
    }
  else
    {
      read_strided (tensor, first, count, out);
    }
}
