#include "steer-dtype.h"

#include <math.h>
#include <string.h>

typedef struct
{
  const char *name;
  guint16 block_elements;
  guint16 block_bytes;
} DtypeInfo;

/* [STEER_N_DTYPES] */
static const DtypeInfo dtype_infos[] = {
  [STEER_DTYPE_F64] = { "F64", 1, 8 },         [STEER_DTYPE_F32] = { "F32", 1, 4 },
  [STEER_DTYPE_F16] = { "F16", 1, 2 },         [STEER_DTYPE_BF16] = { "BF16", 1, 2 },
  [STEER_DTYPE_I64] = { "I64", 1, 8 },         [STEER_DTYPE_I32] = { "I32", 1, 4 },
  [STEER_DTYPE_I16] = { "I16", 1, 2 },         [STEER_DTYPE_I8] = { "I8", 1, 1 },
  [STEER_DTYPE_U8] = { "U8", 1, 1 },           [STEER_DTYPE_BOOL] = { "BOOL", 1, 1 },
  [STEER_DTYPE_Q4_0] = { "Q4_0", 32, 18 },     [STEER_DTYPE_Q4_1] = { "Q4_1", 32, 20 },
  [STEER_DTYPE_Q5_0] = { "Q5_0", 32, 22 },     [STEER_DTYPE_Q5_1] = { "Q5_1", 32, 24 },
  [STEER_DTYPE_Q8_0] = { "Q8_0", 32, 34 },     [STEER_DTYPE_Q2_K] = { "Q2_K", 256, 84 },
  [STEER_DTYPE_Q3_K] = { "Q3_K", 256, 110 },   [STEER_DTYPE_Q4_K] = { "Q4_K", 256, 144 },
  [STEER_DTYPE_Q5_K] = { "Q5_K", 256, 176 },   [STEER_DTYPE_Q6_K] = { "Q6_K", 256, 210 },
  [STEER_DTYPE_IQ4_NL] = { "IQ4_NL", 32, 18 }, [STEER_DTYPE_IQ4_XS] = { "IQ4_XS", 256, 136 },
};

G_STATIC_ASSERT (G_N_ELEMENTS (dtype_infos) == STEER_N_DTYPES);

const char *
steer_dtype_get_name (SteerDtype dtype)
{
  g_return_val_if_fail ((guint) dtype < STEER_N_DTYPES, "?");

  return dtype_infos[dtype].name;
}

gboolean
steer_dtype_from_name (const char *name, SteerDtype *dtype)
{
  g_return_val_if_fail (name != NULL && dtype != NULL, FALSE);

  for (guint i = 0; i < STEER_N_DTYPES; i++)
    if (strcmp (dtype_infos[i].name, name) == 0)
      {
        *dtype = (SteerDtype) i;
        return TRUE;
      }
  return FALSE;
}

gsize
steer_dtype_get_block_elements (SteerDtype dtype)
{
  g_return_val_if_fail ((guint) dtype < STEER_N_DTYPES, 1);

  return dtype_infos[dtype].block_elements;
}

gsize
steer_dtype_get_block_bytes (SteerDtype dtype)
{
  g_return_val_if_fail ((guint) dtype < STEER_N_DTYPES, 1);

  return dtype_infos[dtype].block_bytes;
}

gboolean
steer_dtype_is_quantized (SteerDtype dtype)
{
  return steer_dtype_get_block_elements (dtype) > 1;
}

static inline float
float_from_bits (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

static inline guint32
float_to_bits (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

float
steer_f16_to_f32 (guint16 half)
{
  guint32 sign = (guint32) (half & 0x8000) << 16;
  guint32 exponent = (half >> 10) & 0x1f;
  guint32 fraction = half & 0x3ff;

  if (exponent == 0x1f)
    return float_from_bits (sign | 0x7f800000 | (fraction << 13));
  if (exponent == 0)
    {
      /* Subnormal: fraction * 2^-24, exact in float. */
      float magnitude = (float) fraction * 0x1p-24f;
      return sign != 0 ? -magnitude : magnitude;
    }
  return float_from_bits (sign | ((exponent + 112) << 23) | (fraction << 13));
}

guint16
steer_f32_to_f16 (float value)
{
  guint32 bits = float_to_bits (value);
  guint16 sign = (guint16) ((bits >> 16) & 0x8000);
  guint32 magnitude = bits & 0x7fffffff;

  if (magnitude > 0x7f800000)
    return sign | 0x7e00 | (guint16) ((magnitude >> 13) & 0x1ff);
  /* From 65520, halfway between the largest half and 2^16, everything rounds to infinity. */
  if (magnitude >= 0x477ff000)
    return sign | 0x7c00;
  if (magnitude < 0x38800000)
    {
      /* Below 2^-14: adding 0.5 leaves the fraction in units of 2^-24, rounded to nearest even by the addition. */
      float shifted = float_from_bits (magnitude) + 0.5f;
      return sign | (guint16) (float_to_bits (shifted) - 0x3f000000);
    }
  magnitude += 0xfff + ((magnitude >> 13) & 1);
  return sign | (guint16) ((magnitude - 0x38000000) >> 13);
}

float
steer_bf16_to_f32 (guint16 brain)
{
  return float_from_bits ((guint32) brain << 16);
}

guint16
steer_f32_to_bf16 (float value)
{
  guint32 bits = float_to_bits (value);

  /* A NaN whose payload lies in the lower half would become an infinity: keep it quiet. */
  if ((bits & 0x7fffffff) > 0x7f800000)
    return (guint16) ((bits >> 16) | 0x40);
  bits += 0x7fff + ((bits >> 16) & 1);
  return (guint16) (bits >> 16);
}
