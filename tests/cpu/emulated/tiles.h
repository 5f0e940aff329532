#pragma once

/* The matrix tiles of AMX, in plain C, as Intel's manual defines them; for emulated/immintrin.h. Using a tile that is
 * not configured, or in a shape that does not fit, ends the program, as it does on a machine. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} EmuShapes;

typedef struct
{
  uint8_t bytes[16][64];
} EmuTile;

static __thread EmuShapes emu_shapes;
static __thread EmuTile emu_tiles[8];

EMULATED void
emu_tile_require (int condition)
{
  if (!condition)
    abort ();
}

EMULATED void
emu_tile_loadconfig (const void *memory)
{
  memcpy (&emu_shapes, memory, sizeof emu_shapes);
  memset (emu_tiles, 0, sizeof emu_tiles);
  emu_tile_require (emu_shapes.palette == 1 && emu_shapes.start_row == 0);
  for (int i = 0; i < 16; i++)
    {
      emu_tile_require (emu_shapes.rows[i] <= 16 && emu_shapes.row_bytes[i] <= 64);
      emu_tile_require ((emu_shapes.rows[i] == 0) == (emu_shapes.row_bytes[i] == 0)
                        && (i < 8 || emu_shapes.rows[i] == 0));
    }
}

EMULATED void
emu_tile_release (void)
{
  memset (&emu_shapes, 0, sizeof emu_shapes);
}

EMULATED void
emu_tile_zero (int tile)
{
  emu_tile_require (emu_shapes.rows[tile] > 0);
  memset (&emu_tiles[tile], 0, sizeof emu_tiles[tile]);
}

EMULATED void
emu_tile_loadd (int tile, const void *memory, long stride)
{
  emu_tile_zero (tile);
  for (int r = 0; r < emu_shapes.rows[tile]; r++)
    memcpy (emu_tiles[tile].bytes[r], (const char *) memory + r * stride, emu_shapes.row_bytes[tile]);
}

EMULATED void
emu_tile_stored (int tile, void *memory, long stride)
{
  emu_tile_require (emu_shapes.rows[tile] > 0);
  for (int r = 0; r < emu_shapes.rows[tile]; r++)
    memcpy ((char *) memory + r * stride, emu_tiles[tile].bytes[r], emu_shapes.row_bytes[tile]);
}

/* sum [m, n], a [m, k], b [k, n], in units of 32 bits. */
EMULATED void
emu_tile_check_product (int sum, int a, int b)
{
  emu_tile_require (emu_shapes.rows[sum] > 0 && emu_shapes.rows[a] > 0 && emu_shapes.rows[b] > 0);
  emu_tile_require (emu_shapes.rows[sum] == emu_shapes.rows[a] && emu_shapes.row_bytes[sum] == emu_shapes.row_bytes[b]);
  emu_tile_require (emu_shapes.row_bytes[a] == 4 * emu_shapes.rows[b] && sum != a && sum != b && a != b);
}

/* Signed bytes of a times unsigned bytes of b. */
EMULATED void
emu_tile_dpbsud (int sum, int a, int b)
{
  emu_tile_check_product (sum, a, b);
  for (int m = 0; m < emu_shapes.rows[sum]; m++)
    for (int n = 0; n < emu_shapes.row_bytes[sum] / 4; n++)
      {
        int32_t total;

        memcpy (&total, &emu_tiles[sum].bytes[m][4 * n], 4);
        for (int k = 0; k < emu_shapes.rows[b]; k++)
          for (int i = 0; i < 4; i++)
            total += (int8_t) emu_tiles[a].bytes[m][4 * k + i] * emu_tiles[b].bytes[k][4 * n + i];
        memcpy (&emu_tiles[sum].bytes[m][4 * n], &total, 4);
      }
}

/* Denormals count as zeros. */
EMULATED float
emu_bf16_to_float (const uint8_t *p)
{
  uint16_t half;
  uint32_t bits;
  float value;

  memcpy (&half, p, 2);
  bits = (uint32_t) half << 16;
  if ((bits & 0x7f800000) == 0)
    bits &= 0x80000000;
  memcpy (&value, &bits, 4);
  return value;
}

/* Even and odd elements are summed up apart, and then added to what was there. */
EMULATED void
emu_tile_dpbf16ps (int sum, int a, int b)
{
  emu_tile_check_product (sum, a, b);
  for (int m = 0; m < emu_shapes.rows[sum]; m++)
    for (int n = 0; n < emu_shapes.row_bytes[sum] / 4; n++)
      {
        float halves[2] = { 0.0f, 0.0f };
        float total;

        for (int k = 0; k < emu_shapes.rows[b]; k++)
          for (int i = 0; i < 2; i++)
            halves[i] = fmaf (emu_bf16_to_float (&emu_tiles[a].bytes[m][4 * k + 2 * i]),
                              emu_bf16_to_float (&emu_tiles[b].bytes[k][4 * n + 2 * i]), halves[i]);
        memcpy (&total, &emu_tiles[sum].bytes[m][4 * n], 4);
        total += halves[0] + halves[1];
        memcpy (&emu_tiles[sum].bytes[m][4 * n], &total, 4);
      }
}

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbsud
#undef _tile_dpbf16ps
#define _tile_loadconfig emu_tile_loadconfig
#define _tile_release emu_tile_release
#define _tile_loadd emu_tile_loadd
#define _tile_stored emu_tile_stored
#define _tile_zero emu_tile_zero
#define _tile_dpbsud emu_tile_dpbsud
#define _tile_dpbf16ps emu_tile_dpbf16ps
