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

/* Where a block goes. */
typedef struct
{
  guint8 *planes[STEER_CUDA_N_PLANES]; /* its own, but of the data plane its group's */
  guint in_group;                      /* which piece of its group */
  guint n_together;                    /* pieces of the group */
} Place;

/* Four bytes, the first in the lowest bits. */
static inline guint32
read_word (const guint8 *bytes, guint i)
{
  guint32 word;

  memcpy (&word, bytes + i * sizeof word, sizeof word);
  return GUINT32_FROM_LE (word);
}

static inline void
write_word (guint8 *bytes, guint i, guint32 word)
{
  word = GUINT32_TO_LE (word);
  memcpy (bytes + i * sizeof word, &word, sizeof word);
}

/* --- Pieces of 32, in four quarters --- */

/* 32 quants of 8 bits. */
static void
put_bytes (const Place *place, const guint8 *quants)
{
  for (guint t = 0; t < 4; t++)
    {
      guint8 *quarter = place->planes[STEER_CUDA_DATA] + (t * place->n_together + place->in_group) * 8;

      write_word (quarter, 0, read_word (quants, t));
      write_word (quarter, 1, read_word (quants, t + 4));
    }
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
  for (guint t = 0; t < 4; t++)
    write_word (place->planes[STEER_CUDA_DATA], t * place->n_together + place->in_group, read_word (block + 2, t));
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

#define LOW_NIBBLES 0x0f0f0f0fu

/* The low four bits of piece @j: in bytes @shift of @quants, [32]. */
static void
put_nibbles (const Place *place, guint j, const guint8 *quants, guint shift)
{
  guint8 *group = place->planes[STEER_CUDA_DATA] + j / 4 * GROUP_BYTES;

  for (guint t = 0; t < 4; t++)
    write_word (group, t * 4 + j % 4,
                (read_word (quants, t) >> shift & LOW_NIBBLES)
                  | (read_word (quants, t + 4) >> shift & LOW_NIBBLES) << 4);
}

/* What piece @j's quants have above four bits, @n_bits of each at @shift of the bytes of @bits, [32]. */
static void
put_high_bits (const Place *place, guint j, const guint8 *bits, guint shift, guint n_bits)
{
  const guint32 each = n_bits == 1 ? 0x01010101u : 0x03030303u;
  const guint32 pairs = n_bits == 1 ? 0x00030003u : 0x000f000fu;
  guint word_pieces = 4 / n_bits;

  for (guint t = 0; t < 4; t++)
    {
      guint i = t * 8 / word_pieces + j / word_pieces;
      guint32 first = read_word (bits, t) >> shift & each;
      guint32 other = read_word (bits, t + 4) >> shift & each;

      /* Bytes 1 and 3 beside bytes 0 and 2. */
      first = (first | first >> (8 - n_bits)) & pairs;
      other = (other | other >> (8 - n_bits)) & pairs;
      write_word (place->planes[STEER_CUDA_HIGH], i,
                  read_word (place->planes[STEER_CUDA_HIGH], i)
                    | (first | other << (2 * n_bits)) << (j % word_pieces * 4 * n_bits));
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
    put_nibbles (place, j, block + 16 + j / 2 * 32, j % 2 * 4);
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
      put_nibbles (place, j, block + 48 + j / 2 * 32, j % 2 * 4);
      put_high_bits (place, j, qh, j, 1);
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

      put_nibbles (place, j, block + half * 64 + quarter % 2 * 32, quarter / 2 * 4);
      put_high_bits (place, j, block + 128 + half * 32, quarter * 2, 2);
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
  guint n_row_blocks = (guint) (n_columns / steer_dtype_get_block_elements (dtype));
  const SteerCudaPlanes *sizes;
  Place place = { .in_group = 0 };
  guint kind = 0;
  guint group_blocks;

  while (kind < G_N_ELEMENTS (splits) && splits[kind].dtype != dtype)
    kind++;
  g_return_if_fail (kind < G_N_ELEMENTS (splits));
  sizes = &planes_of[splits[kind].type];
  group_blocks = MAX (1, GROUP_BYTES / sizes->n_bytes[STEER_CUDA_DATA]);
  memcpy (place.planes, planes, sizeof place.planes);
  for (gsize row = 0; row < n_rows; row++)
    for (guint first = 0; first < n_row_blocks; first += group_blocks)
      {
        place.n_together = MIN (group_blocks, n_row_blocks - first);
        for (place.in_group = 0; place.in_group < place.n_together; place.in_group++)
          {
            splits[kind].split (blocks, &place);
            blocks += block_bytes;
            for (guint plane = STEER_CUDA_DATA + 1; plane < STEER_CUDA_N_PLANES; plane++)
              if (planes[plane] != NULL)
                place.planes[plane] += sizes->n_bytes[plane];
          }
        place.planes[STEER_CUDA_DATA] += place.n_together * sizes->n_bytes[STEER_CUDA_DATA];
      }
}
