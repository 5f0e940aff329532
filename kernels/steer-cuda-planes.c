/* GGUF's blocks, in which scales and quants of all widths alternate, taken apart for kernels that want aligned loads:
 * steer-cuda-kernels.h says how each type's planes are. */
#include "steer-cuda-planes.h"

#include <string.h>

#include "tensor/steer-dequantize.h"

#define ONE_AS_F16 0x3c00

static const SteerCudaPlanes planes_of[] = {
  [STEER_CUDA_F32] = { { 4 }, 1 },
  [STEER_CUDA_F16] = { { 2 }, 1 },
  [STEER_CUDA_BF16] = { { 2 }, 1 },
  [STEER_CUDA_Q8] = { { 32, 2 }, 32 },
  [STEER_CUDA_Q4_0] = { { 16, 2 }, 32 },
  [STEER_CUDA_Q4_K] = { { 128, 16, 0, 4 }, 256 },
  [STEER_CUDA_Q5_K] = { { 128, 16, 32, 4 }, 256 },
  [STEER_CUDA_Q6_K] = { { 128, 16, 64, 2 }, 256 },
};

const SteerCudaPlanes *
steer_cuda_planes_get (SteerCudaType type)
{
  return &planes_of[type];
}

/* --- Blocks of 32: a scale, and what it scales --- */

static void
split_q8_0 (const guint8 *block, guint8 *const planes[])
{
  memcpy (planes[STEER_CUDA_SCALES], block, 2);
  memcpy (planes[STEER_CUDA_DATA], block + 2, 32);
}

static void
split_q4_0 (const guint8 *block, guint8 *const planes[])
{
  memcpy (planes[STEER_CUDA_SCALES], block, 2);
  memcpy (planes[STEER_CUDA_DATA], block + 2, 16);
}

/* Whole numbers within 8 bits times a scale at the block's beginning: a block whose scale is one tells the numbers. */
static void
split_whole_numbers (SteerDtype dtype, const guint8 *block, guint8 *const planes[])
{
  const guint16 one = ONE_AS_F16;
  guint8 unscaled[32];
  float values[32];

  memcpy (unscaled, block, steer_dtype_get_block_bytes (dtype));
  memcpy (unscaled, &one, sizeof one);
  steer_dequantize (dtype, unscaled, 1, values);
  memcpy (planes[STEER_CUDA_SCALES], block, 2);
  for (guint i = 0; i < 32; i++)
    planes[STEER_CUDA_DATA][i] = (guint8) (gint8) values[i];
}

static void
split_q5_0 (const guint8 *block, guint8 *const planes[])
{
  split_whole_numbers (STEER_DTYPE_Q5_0, block, planes);
}

static void
split_iq4_nl (const guint8 *block, guint8 *const planes[])
{
  split_whole_numbers (STEER_DTYPE_IQ4_NL, block, planes);
}

/* --- Blocks of 256 --- */

/* 32 quants below 16 to 16 bytes. */
static void
pack_nibbles (const guint8 *quants, guint8 *data)
{
  for (guint j = 0; j < 16; j++)
    data[j] = (guint8) (quants[j] | quants[j + 16] << 4);
}

/* The eight 6-bit scales and minima that Q4_K and Q5_K pack into 12 bytes, to {scale, minimum} of each. */
static void
unpack_scales (const guint8 *packed, guint8 *scales)
{
  for (guint j = 0; j < 4; j++)
    {
      scales[2 * j] = packed[j] & 63;
      scales[2 * j + 1] = packed[j + 4] & 63;
      scales[2 * (j + 4)] = (guint8) ((packed[j + 8] & 15) | packed[j] >> 6 << 4);
      scales[2 * (j + 4) + 1] = (guint8) (packed[j + 8] >> 4 | packed[j + 4] >> 6 << 4);
    }
}

/* [128] bytes, whose nibbles are those of 64 elements by 32 bytes, to one piece of 32 after the other. */
static void
split_k_nibbles (const guint8 *qs, guint8 *data)
{
  for (guint group = 0; group < 8; group++)
    {
      const guint8 *q = qs + group / 2 * 32; /* [32] */
      guint shift = group % 2 * 4;
      guint8 quants[32];

      for (guint l = 0; l < 32; l++)
        quants[l] = q[l] >> shift & 15;
      pack_nibbles (quants, data + group * 16);
    }
}

static void
split_q4_k (const guint8 *block, guint8 *const planes[])
{
  memcpy (planes[STEER_CUDA_SUPERS], block, 4);
  unpack_scales (block + 4, planes[STEER_CUDA_SCALES]);
  split_k_nibbles (block + 16, planes[STEER_CUDA_DATA]);
}

static void
split_q5_k (const guint8 *block, guint8 *const planes[])
{
  const guint8 *qh = block + 16; /* [32]: bit k of byte l: the fifth bit of element l of group k */

  memcpy (planes[STEER_CUDA_SUPERS], block, 4);
  unpack_scales (block + 4, planes[STEER_CUDA_SCALES]);
  split_k_nibbles (block + 48, planes[STEER_CUDA_DATA]);
  for (guint group = 0; group < 8; group++)
    for (guint j = 0; j < 4; j++)
      {
        guint bits = 0;

        for (guint t = 0; t < 8; t++)
          bits |= (guint) (qh[4 * t + j] >> group & 1) << t;
        planes[STEER_CUDA_HIGH][group * 4 + j] = (guint8) bits;
      }
}

static void
split_q6_k (const guint8 *block, guint8 *const planes[])
{
  memcpy (planes[STEER_CUDA_SCALES], block + 192, 16);
  memcpy (planes[STEER_CUDA_SUPERS], block + 208, 2);
  for (guint group = 0; group < 8; group++)
    {
      guint half = group / 4, quarter = group % 4;
      const guint8 *ql = block + half * 64 + quarter % 2 * 32; /* [32] */
      const guint8 *qh = block + 128 + half * 32;              /* [32] */
      guint8 *high = planes[STEER_CUDA_HIGH] + group * 8;      /* [8] */
      guint8 quants[32], tops[32];

      for (guint l = 0; l < 32; l++)
        {
          quants[l] = ql[l] >> (quarter / 2 * 4) & 15;
          tops[l] = qh[l] >> (quarter * 2) & 3;
        }
      pack_nibbles (quants, planes[STEER_CUDA_DATA] + group * 16);
      for (guint j = 0; j < 4; j++)
        {
          high[j] = (guint8) (tops[j] | tops[4 + j] << 2 | tops[8 + j] << 4 | tops[12 + j] << 6);
          high[4 + j] = (guint8) (tops[16 + j] | tops[20 + j] << 2 | tops[24 + j] << 4 | tops[28 + j] << 6);
        }
    }
}

static const struct
{
  SteerDtype dtype;
  SteerCudaType type;
  void (*split) (const guint8 *block, guint8 *const planes[]);
} splits[] = {
  { STEER_DTYPE_Q8_0, STEER_CUDA_Q8, split_q8_0 },   { STEER_DTYPE_Q5_0, STEER_CUDA_Q8, split_q5_0 },
  { STEER_DTYPE_Q4_0, STEER_CUDA_Q4_0, split_q4_0 }, { STEER_DTYPE_IQ4_NL, STEER_CUDA_Q8, split_iq4_nl },
  { STEER_DTYPE_Q4_K, STEER_CUDA_Q4_K, split_q4_k }, { STEER_DTYPE_Q5_K, STEER_CUDA_Q5_K, split_q5_k },
  { STEER_DTYPE_Q6_K, STEER_CUDA_Q6_K, split_q6_k },
};

gboolean
steer_cuda_planes_find (SteerDtype dtype, SteerCudaType *type)
{
  for (guint i = 0; i < G_N_ELEMENTS (splits); i++)
    if (splits[i].dtype == dtype)
      {
        *type = splits[i].type;
        return TRUE;
      }
  return FALSE;
}

void
steer_cuda_planes_split (SteerDtype dtype,
                         const guint8 *blocks,
                         gsize n_blocks,
                         guint8 *const planes[STEER_CUDA_N_PLANES])
{
  gsize block_bytes = steer_dtype_get_block_bytes (dtype);
  guint kind = 0;
  guint8 *at[STEER_CUDA_N_PLANES];

  while (kind < G_N_ELEMENTS (splits) && splits[kind].dtype != dtype)
    kind++;
  g_return_if_fail (kind < G_N_ELEMENTS (splits));
  memcpy (at, planes, sizeof at);
  for (gsize i = 0; i < n_blocks; i++)
    {
      splits[kind].split (blocks + i * block_bytes, at);
      for (guint plane = 0; plane < STEER_CUDA_N_PLANES; plane++)
        if (at[plane] != NULL)
          at[plane] += planes_of[splits[kind].type].n_bytes[plane];
    }
}
