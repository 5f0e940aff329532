#include "steer-cpu-packed.h"

#include <string.h>

#define MAX_ROWS 16
#define MAX_UNIT 256
#define MAX_GROUPS 16
#define QUADS (STEER_CPU_QUANT_BLOCK / 4)

const gint8 steer_cpu_levels[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

/* Stored blocks taken apart: the codes of one unit of one row in the order of its elements, and what scales them. */
typedef struct
{
  guint8 codes[MAX_UNIT];
  guint8 scales[MAX_GROUPS];   /* S, of INT8 in two's complement */
  guint8 minimums[MAX_GROUPS]; /* M */
  guint16 d[2];                /* F16, of each 32 elements; d[0] alone for a unit of 256 */
  guint16 m[2];                /* F16, the same */
} Unit;

static guint16
load_u16 (const guint8 *p)
{
  return (guint16) (p[0] | p[1] << 8);
}

static guint32
load_u32 (const guint8 *p)
{
  return (guint32) load_u16 (p) | (guint32) load_u16 (p + 2) << 16;
}

static void
take_nibbles (const guint8 *qs, guint8 *codes)
{
  for (guint j = 0; j < 16; j++)
    {
      codes[j] = qs[j] & 15;
      codes[j + 16] = qs[j] >> 4;
    }
}

static void
take_fifth_bits (guint32 high, guint8 *codes)
{
  for (guint j = 0; j < 32; j++)
    codes[j] |= (guint8) ((high >> j & 1) << 4);
}

/* A stored block of 32 as half a unit. */
static void
take_small (SteerDtype dtype, const guint8 *block, guint half, Unit *unit)
{
  guint8 *codes = unit->codes + half * 32;

  unit->d[half] = load_u16 (block);
  switch (dtype)
    {
    case STEER_DTYPE_Q4_1:
      unit->m[half] = load_u16 (block + 2);
      take_nibbles (block + 4, codes);
      break;
    case STEER_DTYPE_Q5_0:
      take_nibbles (block + 6, codes);
      take_fifth_bits (load_u32 (block + 2), codes);
      break;
    case STEER_DTYPE_Q5_1:
      unit->m[half] = load_u16 (block + 2);
      take_nibbles (block + 8, codes);
      take_fifth_bits (load_u32 (block + 4), codes);
      break;
    case STEER_DTYPE_Q8_0:
      memcpy (codes, block + 2, 32);
      break;
    default:
      take_nibbles (block + 2, codes);
    }
}

static void
take_six_bit_scales (const guint8 *packed, Unit *unit)
{
  for (guint j = 0; j < 4; j++)
    {
      unit->scales[j] = packed[j] & 63;
      unit->minimums[j] = packed[j + 4] & 63;
      unit->scales[j + 4] = (guint8) ((packed[j + 8] & 15) | packed[j] >> 6 << 4);
      unit->minimums[j + 4] = (guint8) (packed[j + 8] >> 4 | packed[j + 4] >> 6 << 4);
    }
}

static void
take_q2_k (const guint8 *block, Unit *unit)
{
  for (guint i = 0; i < 256; i++)
    unit->codes[i] = block[16 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
  for (guint g = 0; g < 16; g++)
    {
      unit->scales[g] = block[g] & 15;
      unit->minimums[g] = block[g] >> 4;
    }
  unit->d[0] = load_u16 (block + 80);
  unit->m[0] = load_u16 (block + 82);
}

static void
take_q3_k (const guint8 *block, Unit *unit)
{
  const guint8 *scales = block + 96;

  for (guint i = 0; i < 256; i++)
    unit->codes[i]
      = (guint8) ((block[32 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3) | (block[i % 32] >> (i / 32) & 1) << 2);
  for (guint g = 0; g < 16; g++)
    {
      int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
      int high = scales[8 + g % 4] >> (g / 4 * 2) & 3;

      unit->scales[g] = (guint8) ((low | high << 4) - 32);
    }
  unit->d[0] = load_u16 (block + 108);
}

static void
take_q4_k (const guint8 *block, Unit *unit)
{
  for (guint c = 0; c < 4; c++)
    for (guint l = 0; l < 32; l++)
      {
        unit->codes[c * 64 + l] = block[16 + c * 32 + l] & 15;
        unit->codes[c * 64 + 32 + l] = block[16 + c * 32 + l] >> 4;
      }
  take_six_bit_scales (block + 4, unit);
  unit->d[0] = load_u16 (block);
  unit->m[0] = load_u16 (block + 2);
}

static void
take_q5_k (const guint8 *block, Unit *unit)
{
  for (guint c = 0; c < 4; c++)
    for (guint l = 0; l < 32; l++)
      {
        guint8 low = block[48 + c * 32 + l];
        guint8 high = block[16 + l];

        unit->codes[c * 64 + l] = (guint8) ((low & 15) | (high >> (2 * c) & 1) << 4);
        unit->codes[c * 64 + 32 + l] = (guint8) (low >> 4 | (high >> (2 * c + 1) & 1) << 4);
      }
  take_six_bit_scales (block + 4, unit);
  unit->d[0] = load_u16 (block);
  unit->m[0] = load_u16 (block + 2);
}

static void
take_q6_k (const guint8 *block, Unit *unit)
{
  for (guint half = 0; half < 2; half++)
    for (guint l = 0; l < 32; l++)
      {
        const guint8 *low = block + half * 64 + l;
        guint8 high = block[128 + half * 32 + l];
        guint8 *codes = unit->codes + half * 128 + l;

        codes[0] = (guint8) ((low[0] & 15) | (high & 3) << 4);
        codes[32] = (guint8) ((low[32] & 15) | (high >> 2 & 3) << 4);
        codes[64] = (guint8) (low[0] >> 4 | (high >> 4 & 3) << 4);
        codes[96] = (guint8) (low[32] >> 4 | (high >> 6) << 4);
      }
  memcpy (unit->scales, block + 192, 16);
  unit->d[0] = load_u16 (block + 208);
}

static void
take_iq4_xs (const guint8 *block, Unit *unit)
{
  guint high = load_u16 (block + 2);

  for (guint g = 0; g < 8; g++)
    {
      int scale = (block[4 + g / 2] >> (g % 2 * 4) & 15) | (int) (high >> (g * 2) & 3) << 4;

      take_nibbles (block + 8 + g * 16, unit->codes + g * 32);
      unit->scales[g] = (guint8) (scale - 32);
    }
  unit->d[0] = load_u16 (block);
}

/* @n_blocks: stored blocks in this unit: of the last one of a row, one may be missing and is zero. */
static void
take_unit (SteerDtype dtype, const guint8 *blocks, guint n_blocks, Unit *unit)
{
  gsize block_bytes = steer_dtype_get_block_bytes (dtype);

  switch (dtype)
    {
    case STEER_DTYPE_Q2_K:
      take_q2_k (blocks, unit);
      break;
    case STEER_DTYPE_Q3_K:
      take_q3_k (blocks, unit);
      break;
    case STEER_DTYPE_Q4_K:
      take_q4_k (blocks, unit);
      break;
    case STEER_DTYPE_Q5_K:
      take_q5_k (blocks, unit);
      break;
    case STEER_DTYPE_Q6_K:
      take_q6_k (blocks, unit);
      break;
    case STEER_DTYPE_IQ4_XS:
      take_iq4_xs (blocks, unit);
      break;
    default:
      if (n_blocks < 2)
        memset (unit, 0, sizeof *unit);
      for (guint i = 0; i < n_blocks; i++)
        take_small (dtype, blocks + i * block_bytes, i, unit);
    }
}

/* Some bits of a block's codes, @bits of them from bit @shift on, as @bits vectors of @n_rows lanes.
 * quads: [QUADS, n_rows], a lane's four elements as bytes. */
static void
put_plane (const guint32 *quads, guint n_rows, guint bits, guint shift, guint32 *plane)
{
  guint32 mask = (guint32) ((1u << bits) - 1) * 0x01010101u;

  for (guint i = 0; i < bits * n_rows; i++)
    {
      guint32 lane = 0;

      for (guint k = 0; k < 8 / bits; k++)
        lane |= (quads[k * bits * n_rows + i] >> shift & mask) << (k * bits);
      plane[i] = lane;
    }
}

static void
put_codes (SteerCpuPacking packing, const Unit *units, guint n_rows, guint block, guint32 *out)
{
  guint32 quads[QUADS * MAX_ROWS] = { 0 }; /* [QUADS, n_rows] */

  for (guint r = 0; r < n_rows; r++)
    {
      guint32 row[QUADS];

      memcpy (row, units[r].codes + block * STEER_CPU_QUANT_BLOCK, sizeof row);
      for (guint k = 0; k < QUADS; k++)
        quads[k * n_rows + r] = GUINT32_FROM_LE (row[k]);
    }
  put_plane (quads, n_rows, packing.low_bits, 0, out);
  if (packing.high_bits > 0)
    put_plane (quads, n_rows, packing.high_bits, packing.low_bits, out + packing.low_bits * n_rows);
  /* Lanes are read as bytes. */
  for (guint i = 0; i < steer_cpu_packing_get_bits (packing) * n_rows; i++)
    out[i] = GUINT32_TO_LE (out[i]);
}

/* Where the scales of vectors of scales have a group's byte. */
static gsize
scale_index (guint n_rows, guint row, guint group)
{
  return (gsize) group / 4 * 4 * n_rows + 4 * row + group % 4;
}

/* out: 3 vectors, low bits of the groups 0-3, of 4-7, then the high bits of all: S of g, S of g + 4, M, M. */
static void
put_six_bit_scales (const Unit *units, guint n_rows, guint8 *out)
{
  guint8 *high = out + 8 * n_rows;

  for (guint g = 0; g < 8; g++)
    for (guint r = 0; r < n_rows; r++)
      out[scale_index (n_rows, r, g)] = (guint8) ((units[r].scales[g] & 15) | units[r].minimums[g] << 4);
  for (guint g = 0; g < 4; g++)
    for (guint r = 0; r < n_rows; r++)
      high[scale_index (n_rows, r, g)]
        = (guint8) (units[r].scales[g] >> 4 | units[r].scales[g + 4] >> 4 << 2 | units[r].minimums[g] >> 4 << 4
                    | units[r].minimums[g + 4] >> 4 << 6);
}

static void
put_header (SteerCpuPacking packing, const Unit *units, guint n_rows, guint8 *out)
{
  guint16 *halves = (gpointer) out;
  float *floats = (gpointer) out;
  guint8 *scales = out + 4 * n_rows;
  gboolean small = packing.unit == 64;

  for (guint r = 0; r < n_rows; r++)
    {
      if (!small && !packing.minimum)
        {
          floats[r] = steer_f16_to_f32 (units[r].d[0]);
          continue;
        }
      halves[r] = units[r].d[0];
      halves[n_rows + r] = small ? units[r].d[1] : units[r].m[0];
      if (small && packing.minimum)
        {
          halves[2 * n_rows + r] = units[r].m[0];
          halves[3 * n_rows + r] = units[r].m[1];
        }
    }
  if (packing.scales == STEER_CPU_SCALES_SIX)
    put_six_bit_scales (units, n_rows, scales);
  else if (packing.scales != STEER_CPU_SCALES_NONE)
    for (guint g = 0; g < packing.unit / packing.group; g++)
      for (guint r = 0; r < n_rows; r++)
        scales[scale_index (n_rows, r, g)] = packing.scales == STEER_CPU_SCALES_INT8
                                               ? units[r].scales[g]
                                               : (guint8) (units[r].scales[g] | units[r].minimums[g] << 4);
}

gsize
steer_cpu_packed_get_panel_bytes (SteerDtype dtype, guint n_rows, gsize n_columns)
{
  SteerCpuPacking packing = steer_cpu_packing_get (dtype);
  gsize n_units = (n_columns + packing.unit - 1) / packing.unit;
  gsize n_blocks = n_columns / STEER_CPU_QUANT_BLOCK;

  return (n_units * steer_cpu_packing_get_header (packing) + n_blocks * steer_cpu_packing_get_bits (packing)) * 4
         * n_rows;
}

static inline __attribute__ ((always_inline)) void
pack_panel (SteerDtype dtype,
            const guint8 *rows,
            gsize row_bytes,
            guint n_given,
            gsize n_columns,
            const guint panel_rows,
            guint8 *panel)
{
  SteerCpuPacking packing = steer_cpu_packing_get (dtype);
  gsize block_elements = steer_dtype_get_block_elements (dtype);
  gsize block_bytes = steer_dtype_get_block_bytes (dtype);
  Unit units[MAX_ROWS]; /* [panel_rows] */

  for (guint r = 0; r < panel_rows; r++)
    memset (&units[r], 0, sizeof units[r]);
  for (gsize column = 0; column < n_columns; column += packing.unit)
    {
      guint n = (guint) MIN (packing.unit, n_columns - column);

      for (guint r = 0; r < n_given; r++)
        take_unit (dtype, rows + r * row_bytes + column / block_elements * block_bytes, n / (guint) block_elements,
                   &units[r]);
      put_header (packing, units, panel_rows, panel);
      panel += steer_cpu_packing_get_header (packing) * 4 * panel_rows;
      for (guint block = 0; block < n / STEER_CPU_QUANT_BLOCK; block++)
        {
          put_codes (packing, units, panel_rows, block, (gpointer) panel);
          panel += steer_cpu_packing_get_bits (packing) * 4 * panel_rows;
        }
    }
}

void
steer_cpu_pack_panel (SteerDtype dtype,
                      const guint8 *rows,
                      gsize row_bytes,
                      guint n_given,
                      gsize n_columns,
                      guint panel_rows,
                      guint8 *panel)
{
  /* The number of rows as a constant lets the compiler use vectors. */
  switch (panel_rows)
    {
    case 4:
      pack_panel (dtype, rows, row_bytes, n_given, n_columns, 4, panel);
      break;
    case 8:
      pack_panel (dtype, rows, row_bytes, n_given, n_columns, 8, panel);
      break;
    case 16:
      pack_panel (dtype, rows, row_bytes, n_given, n_columns, 16, panel);
      break;
    default:
      g_assert_not_reached ();
    }
}
