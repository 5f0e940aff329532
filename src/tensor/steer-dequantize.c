/* This file must be compiled without contraction of a*b-c to a fused operation (meson.build passes
 * -ffp-contract=off): the definition rounds the product. */

#include "steer-dequantize.h"

/* The non-uniform levels of IQ4_NL and IQ4_XS. */
static const gint8 iq4_levels[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

static inline guint16
load_u16 (const guint8 *bytes)
{
  return (guint16) (bytes[0] | bytes[1] << 8);
}

static inline guint32
load_u32 (const guint8 *bytes)
{
  return (guint32) load_u16 (bytes) | (guint32) load_u16 (bytes + 2) << 16;
}

static inline float
load_half (const guint8 *bytes)
{
  return steer_f16_to_f32 (load_u16 (bytes));
}

/* Blocks of 32: the low nibbles are the first 16 elements, the high nibbles the last 16. */

static void
dequantize_q4_0 (const guint8 *block, float *y)
{
  const guint8 *qs = block + 2; /* [16] */
  float d = load_half (block);

  for (guint j = 0; j < 16; j++)
    {
      y[j] = (float) ((qs[j] & 15) - 8) * d;
      y[j + 16] = (float) ((qs[j] >> 4) - 8) * d;
    }
}

static void
dequantize_q4_1 (const guint8 *block, float *y)
{
  const guint8 *qs = block + 4; /* [16] */
  float d = load_half (block);
  float m = load_half (block + 2);

  for (guint j = 0; j < 16; j++)
    {
      y[j] = (float) (qs[j] & 15) * d + m;
      y[j + 16] = (float) (qs[j] >> 4) * d + m;
    }
}

static void
dequantize_q5_0 (const guint8 *block, float *y)
{
  guint32 high = load_u32 (block + 2); /* bit j: the fifth bit of element j */
  const guint8 *qs = block + 6;        /* [16] */
  float d = load_half (block);

  for (guint j = 0; j < 16; j++)
    {
      int low_half = (qs[j] & 15) | (int) ((high >> j & 1) << 4);
      int high_half = (qs[j] >> 4) | (int) ((high >> (j + 16) & 1) << 4);

      y[j] = (float) (low_half - 16) * d;
      y[j + 16] = (float) (high_half - 16) * d;
    }
}

static void
dequantize_q5_1 (const guint8 *block, float *y)
{
  guint32 high = load_u32 (block + 4);
  const guint8 *qs = block + 8; /* [16] */
  float d = load_half (block);
  float m = load_half (block + 2);

  for (guint j = 0; j < 16; j++)
    {
      int low_half = (qs[j] & 15) | (int) ((high >> j & 1) << 4);
      int high_half = (qs[j] >> 4) | (int) ((high >> (j + 16) & 1) << 4);

      y[j] = (float) low_half * d + m;
      y[j + 16] = (float) high_half * d + m;
    }
}

static void
dequantize_q8_0 (const guint8 *block, float *y)
{
  float d = load_half (block);

  for (guint j = 0; j < 32; j++)
    y[j] = (float) (gint8) block[2 + j] * d;
}

static void
dequantize_iq4_nl (const guint8 *block, float *y)
{
  const guint8 *qs = block + 2; /* [16] */
  float d = load_half (block);

  for (guint j = 0; j < 16; j++)
    {
      y[j] = d * (float) iq4_levels[qs[j] & 15];
      y[j + 16] = d * (float) iq4_levels[qs[j] >> 4];
    }
}

/* Blocks of 256. */

static void
dequantize_q2_k (const guint8 *block, float *y)
{
  const guint8 *scales = block;  /* [16]: scale in the low nibble, minimum in the high one, of 16 elements */
  const guint8 *qs = block + 16; /* [64] */
  float d = load_half (block + 80);
  float dmin = load_half (block + 82);

  for (guint group = 0; group < 16; group++)
    {
      /* Two halves of 128; in each, four bit pairs by two runs of 16 bytes. */
      const guint8 *q = qs + group / 8 * 32 + group % 2 * 16; /* [16] */
      guint shift = group % 8 / 2 * 2;
      float scale = d * (float) (scales[group] & 15);
      float minimum = dmin * (float) (scales[group] >> 4);

      for (guint l = 0; l < 16; l++)
        *y++ = scale * (float) (q[l] >> shift & 3) - minimum;
    }
}

static void
dequantize_q3_k (const guint8 *block, float *y)
{
  const guint8 *high = block;        /* [32]: bit k of byte l: the third bit, inverted, of group pair k */
  const guint8 *qs = block + 32;     /* [64] */
  const guint8 *scales = block + 96; /* [12]: sixteen 6-bit numbers */
  float d = load_half (block + 108);

  for (guint group = 0; group < 16; group++)
    {
      const guint8 *q = qs + group / 8 * 32 + group % 2 * 16; /* [16] */
      const guint8 *h = high + group % 2 * 16;                /* [16] */
      guint shift = group % 8 / 2 * 2;
      int low4 = group < 8 ? scales[group] & 15 : scales[group - 8] >> 4;
      int high2 = scales[8 + group % 4] >> (group / 4 * 2) & 3;
      float scale = d * (float) ((low4 | high2 << 4) - 32);

      for (guint l = 0; l < 16; l++)
        *y++ = scale * (float) ((q[l] >> shift & 3) - ((h[l] >> group / 2 & 1) != 0 ? 0 : 4));
    }
}

/* The j-th of eight 6-bit scales and minima that Q4_K and Q5_K pack into 12 bytes. */
static void
unpack_scale_and_minimum (const guint8 *packed, guint j, float *scale, float *minimum)
{
  if (j < 4)
    {
      *scale = (float) (packed[j] & 63);
      *minimum = (float) (packed[j + 4] & 63);
    }
  else
    {
      *scale = (float) ((packed[j + 4] & 15) | packed[j - 4] >> 6 << 4);
      *minimum = (float) (packed[j + 4] >> 4 | packed[j] >> 6 << 4);
    }
}

static void
dequantize_q4_k (const guint8 *block, float *y)
{
  const guint8 *packed = block + 4; /* [12] */
  const guint8 *qs = block + 16;    /* [128] */
  float d = load_half (block);
  float dmin = load_half (block + 2);

  for (guint group = 0; group < 8; group++)
    {
      const guint8 *q = qs + group / 2 * 32; /* [32] */
      guint shift = group % 2 * 4;
      float scale, minimum;

      unpack_scale_and_minimum (packed, group, &scale, &minimum);
      scale = d * scale;
      minimum = dmin * minimum;
      for (guint l = 0; l < 32; l++)
        *y++ = scale * (float) (q[l] >> shift & 15) - minimum;
    }
}

static void
dequantize_q5_k (const guint8 *block, float *y)
{
  const guint8 *packed = block + 4; /* [12] */
  const guint8 *high = block + 16;  /* [32]: bit k of byte l: the fifth bit of element l of group k */
  const guint8 *qs = block + 48;    /* [128] */
  float d = load_half (block);
  float dmin = load_half (block + 2);

  for (guint group = 0; group < 8; group++)
    {
      const guint8 *q = qs + group / 2 * 32; /* [32] */
      guint shift = group % 2 * 4;
      float scale, minimum;

      unpack_scale_and_minimum (packed, group, &scale, &minimum);
      scale = d * scale;
      minimum = dmin * minimum;
      for (guint l = 0; l < 32; l++)
        *y++ = scale * (float) ((q[l] >> shift & 15) + (high[l] >> group & 1) * 16) - minimum;
    }
}

static void
dequantize_q6_k (const guint8 *block, float *y)
{
  float d = load_half (block + 208);

  for (guint half = 0; half < 2; half++)
    {
      const guint8 *ql = block + half * 64;          /* [64] */
      const guint8 *qh = block + 128 + half * 32;    /* [32] */
      const guint8 *scales = block + 192 + half * 8; /* [8], signed */

      for (guint quarter = 0; quarter < 4; quarter++)
        {
          const guint8 *low = ql + quarter % 2 * 32; /* [32] */
          guint shift = quarter / 2 * 4;

          for (guint l = 0; l < 32; l++)
            {
              int q = (low[l] >> shift & 15) | (qh[l] >> quarter * 2 & 3) << 4;
              float scale = d * (float) (gint8) scales[l / 16 + quarter * 2];

              *y++ = scale * (float) (q - 32);
            }
        }
    }
}

static void
dequantize_iq4_xs (const guint8 *block, float *y)
{
  guint high = load_u16 (block + 2); /* two bits a group */
  const guint8 *scales = block + 4;  /* [4]: four bits a group */
  const guint8 *qs = block + 8;      /* [128] */
  float d = load_half (block);

  for (guint group = 0; group < 8; group++, qs += 16, y += 32)
    {
      int scale6 = (scales[group / 2] >> (group % 2 * 4) & 15) | (int) (high >> (group * 2) & 3) << 4;
      float scale = d * (float) (scale6 - 32);

      for (guint j = 0; j < 16; j++)
        {
          y[j] = scale * (float) iq4_levels[qs[j] & 15];
          y[j + 16] = scale * (float) iq4_levels[qs[j] >> 4];
        }
    }
}

typedef void (*DequantizeBlock) (const guint8 *block, float *y);

static const DequantizeBlock dequantize_block[STEER_N_DTYPES] = {
  [STEER_DTYPE_Q4_0] = dequantize_q4_0,     [STEER_DTYPE_Q4_1] = dequantize_q4_1,
  [STEER_DTYPE_Q5_0] = dequantize_q5_0,     [STEER_DTYPE_Q5_1] = dequantize_q5_1,
  [STEER_DTYPE_Q8_0] = dequantize_q8_0,     [STEER_DTYPE_Q2_K] = dequantize_q2_k,
  [STEER_DTYPE_Q3_K] = dequantize_q3_k,     [STEER_DTYPE_Q4_K] = dequantize_q4_k,
  [STEER_DTYPE_Q5_K] = dequantize_q5_k,     [STEER_DTYPE_Q6_K] = dequantize_q6_k,
  [STEER_DTYPE_IQ4_NL] = dequantize_iq4_nl, [STEER_DTYPE_IQ4_XS] = dequantize_iq4_xs,
};

void
steer_dequantize (SteerDtype dtype, const guint8 *blocks, gsize n_blocks, float *out)
{
  gsize block_bytes = steer_dtype_get_block_bytes (dtype);
  gsize block_elements = steer_dtype_get_block_elements (dtype);
  DequantizeBlock one = dequantize_block[dtype];

  g_return_if_fail (one != NULL);

  for (gsize i = 0; i < n_blocks; i++)
    one (blocks + i * block_bytes, out + i * block_elements);
}
