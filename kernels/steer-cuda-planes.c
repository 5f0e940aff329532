/* GGUF's blocks, in which scales and quants of all widths alternate, taken apart for kernels that want aligned loads:
 * steer-cuda-kernels.h says how each type's planes are. */
#include "steer-cuda-planes.h"

#include <string.h>

#include "tensor/steer-dequantize.h"

#define ONE_AS_F16 0x3c00

/* Of the data plane; what four lanes load at a time. */
#define GROUP_BYTES 64

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

/* Where in the planes of its row a block goes. */
typedef struct
{
  guint8 *planes[STEER_CUDA_N_PLANES]; /* of the block's group, or of the block where it is wider than that */
  guint in_group;                      /* which piece of its group */
  guint n_together;                    /* pieces of the group */
} Place;

/* --- Pieces of 32, in four quarters --- */

/* quarters: [4, n_bytes] */
static void
put_quarters (guint8 *group, guint in_group, guint n_together, const guint8 *quarters, guint n_bytes)
{
  for (guint t = 0; t < 4; t++)
    memcpy (group + (t * n_together + in_group) * n_bytes, quarters + t * n_bytes, n_bytes);
}

/* 32 quants of 8 bits. */
static void
put_bytes (const Place *place, const guint8 *quants)
{
  guint8 quarters[32];

  for (guint t = 0; t < 4; t++)
    {
      memcpy (quarters + t * 8, quants + 4 * t, 4);
      memcpy (quarters + t * 8 + 4, quants + 16 + 4 * t, 4);
    }
  put_quarters (place->planes[STEER_CUDA_DATA], place->in_group, place->n_together, quarters, 8);
}

static void
split_q8_0 (const guint8 *block, const Place *place)
{
  memcpy (place->planes[STEER_CUDA_SCALES], block, 2);
  put_bytes (place, block + 2);
}

static void
split_q4_0 (const guint8 *block, const Place *place)
{
  memcpy (place->planes[STEER_CUDA_SCALES], block, 2);
  put_quarters (place->planes[STEER_CUDA_DATA], place->in_group, place->n_together, block + 2, 4);
}

/* Whole numbers within 8 bits times a scale at the block's beginning: a block whose scale is one tells the numbers. */
static void
split_whole_numbers (SteerDtype dtype, const guint8 *block, const Place *place)
{
  const guint16 one = ONE_AS_F16;
  guint8 unscaled[32], quants[32];
  float values[32];

  memcpy (unscaled, block, steer_dtype_get_block_bytes (dtype));
  memcpy (unscaled, &one, sizeof one);
  steer_dequantize (dtype, unscaled, 1, values);
  memcpy (place->planes[STEER_CUDA_SCALES], block, 2);
  for (guint i = 0; i < 32; i++)
    quants[i] = (guint8) (gint8) values[i];
  put_bytes (place, quants);
}

static void
split_q5_0 (const guint8 *block, const Place *place)
{
  split_whole_numbers (STEER_DTYPE_Q5_0, block, place);
}

static void
split_iq4_nl (const guint8 *block, const Place *place)
{
  split_whole_numbers (STEER_DTYPE_IQ4_NL, block, place);
}

/* --- Blocks of 256: eight pieces, two groups --- */

/* The low four bits of piece @j's 32 quants. */
static void
put_nibbles (const Place *place, guint j, const guint8 *quants)
{
  guint8 quarters[16];

  for (guint i = 0; i < 16; i++)
    quarters[i] = (guint8) ((quants[i] & 15) | (quants[i + 16] & 15) << 4);
  put_quarters (place->planes[STEER_CUDA_DATA] + j / 4 * 64, j % 4, 4, quarters, 4);
}

/* What piece @j's 32 quants have above four bits, @n_bits of each. */
static void
put_high_bits (const Place *place, guint j, const guint8 *quants, guint n_bits)
{
  guint word_pieces = 4 / n_bits;

  for (guint t = 0; t < 4; t++)
    {
      guint8 *at = place->planes[STEER_CUDA_HIGH] + (t * 8 / word_pieces + j / word_pieces) * 4;
      guint32 word;

      memcpy (&word, at, sizeof word);
      word = GUINT32_FROM_LE (word);
      for (guint i = 0; i < 8; i++)
        {
          guint first = i / 4 * 2 + i % 2; /* of the pairs that begin in a piece's bits */
          guint shift = (j % word_pieces * 4 + first) * n_bits + i % 4 / 2 * 16;

          word |= (guint32) (quants[i / 4 * 16 + 4 * t + i % 4] >> 4) << shift;
        }
      word = GUINT32_TO_LE (word);
      memcpy (at, &word, sizeof word);
    }
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

static void
split_q4_k (const guint8 *block, const Place *place)
{
  memcpy (place->planes[STEER_CUDA_SUPERS], block, 4);
  unpack_scales (block + 4, place->planes[STEER_CUDA_SCALES]);
  for (guint j = 0; j < 8; j++)
    {
      const guint8 *q = block + 16 + j / 2 * 32; /* [32] */
      guint8 quants[32];

      for (guint l = 0; l < 32; l++)
        quants[l] = (guint8) (q[l] >> (j % 2 * 4));
      put_nibbles (place, j, quants);
    }
}

static void
split_q5_k (const guint8 *block, const Place *place)
{
  const guint8 *qh = block + 16; /* [32]: bit j of byte l: the fifth bit of element l of piece j */

  memcpy (place->planes[STEER_CUDA_SUPERS], block, 4);
  unpack_scales (block + 4, place->planes[STEER_CUDA_SCALES]);
  memset (place->planes[STEER_CUDA_HIGH], 0, planes_of[STEER_CUDA_Q5_K].n_bytes[STEER_CUDA_HIGH]);
  for (guint j = 0; j < 8; j++)
    {
      const guint8 *q = block + 48 + j / 2 * 32; /* [32] */
      guint8 quants[32];

      for (guint l = 0; l < 32; l++)
        quants[l] = (guint8) ((q[l] >> (j % 2 * 4) & 15) | (qh[l] >> j & 1) << 4);
      put_nibbles (place, j, quants);
      put_high_bits (place, j, quants, 1);
    }
}

static void
split_q6_k (const guint8 *block, const Place *place)
{
  memcpy (place->planes[STEER_CUDA_SCALES], block + 192, 16);
  memcpy (place->planes[STEER_CUDA_SUPERS], block + 208, 2);
  memset (place->planes[STEER_CUDA_HIGH], 0, planes_of[STEER_CUDA_Q6_K].n_bytes[STEER_CUDA_HIGH]);
  for (guint j = 0; j < 8; j++)
    {
      guint half = j / 4, quarter = j % 4;
      const guint8 *ql = block + half * 64 + quarter % 2 * 32; /* [32] */
      const guint8 *qh = block + 128 + half * 32;              /* [32] */
      guint8 quants[32];

      for (guint l = 0; l < 32; l++)
        quants[l] = (guint8) ((ql[l] >> (quarter / 2 * 4) & 15) | (qh[l] >> (quarter * 2) & 3) << 4);
      put_nibbles (place, j, quants);
      put_high_bits (place, j, quants, 2);
    }
}

static const struct
{
  SteerDtype dtype;
  SteerCudaType type;
  void (*split) (const guint8 *block, const Place *place);
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
                         gsize n_rows,
                         gsize n_columns,
                         guint8 *const planes[STEER_CUDA_N_PLANES])
{
  gsize block_bytes = steer_dtype_get_block_bytes (dtype);
  gsize n_row_blocks = n_columns / steer_dtype_get_block_elements (dtype);
  guint8 *at[STEER_CUDA_N_PLANES];
  guint kind = 0;
  guint group_blocks;

  while (kind < G_N_ELEMENTS (splits) && splits[kind].dtype != dtype)
    kind++;
  g_return_if_fail (kind < G_N_ELEMENTS (splits));
  group_blocks = MAX (1, GROUP_BYTES / planes_of[splits[kind].type].n_bytes[STEER_CUDA_DATA]);
  memcpy (at, planes, sizeof at);
  for (gsize i = 0; i < n_rows * n_row_blocks; i++)
    {
      gsize in_row = i % n_row_blocks;
      guint in_group = (guint) (in_row % group_blocks);
      Place place
        = { .in_group = in_group, .n_together = (guint) MIN (group_blocks, n_row_blocks - (in_row - in_group)) };

      memcpy (place.planes, at, sizeof at);
      place.planes[STEER_CUDA_DATA] -= in_group * planes_of[splits[kind].type].n_bytes[STEER_CUDA_DATA];
      splits[kind].split (blocks + i * block_bytes, &place);
      for (guint plane = 0; plane < STEER_CUDA_N_PLANES; plane++)
        if (at[plane] != NULL)
          at[plane] += planes_of[splits[kind].type].n_bytes[plane];
    }
}
