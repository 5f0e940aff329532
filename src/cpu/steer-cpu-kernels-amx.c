#include <immintrin.h>

/* What AMX adds to the kernels of AVX-512 VNNI: products of many tokens. A matrix tile has up to 16 rows of 64 bytes;
 * one instruction adds the product of two of them, a group of tokens and a panel of 16 rows of weights, to a third. */

#ifndef KERNELS_SYMBOL
#define KERNELS_SYMBOL steer_cpu_kernels_make_amx
#else
#define KERNELS_EMULATED
#endif

#include "steer-cpu-vector-avx512.h"

/* Bytes are multiplied as they are, signed by unsigned, so signed weights are moved up by 128. A matrix product has no
 * use for words: of groups of 16 the sums are kept apart. */
#define Q_BLOCKS_OF(kind) TRUE
#define Q_PAIRS 1
#define Q_BIAS 128

INLINE VectorInt
q_add_words (VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) _mm512_dpwssd_epi32 ((__m512i) sum, (__m512i) w, (__m512i) x);
}

#include "steer-cpu-quant-codes.h"

#include "steer-cpu-quant-expand.h"

#define GROUP 16 /* rows of a tile */
#define ROW_BYTES 64

#ifdef KERNELS_EMULATED
void KERNELS_SYMBOL (SteerCpuKernels *self);
#endif

/* The operand of ldtilecfg: for each tile its rows and their bytes. */
typedef struct
{
  guint8 palette;
  guint8 start_row;
  guint8 reserved[14];
  guint16 row_bytes[16];
  guint8 rows[16];
} Shapes;

G_STATIC_ASSERT (sizeof (Shapes) == 64);

/* To the compiler the instruction reads the first bytes only. */
static void
load_shapes (const Shapes *shapes)
{
  __asm__ volatile("" : : "r"(shapes) : "memory");
  _tile_loadconfig (shapes);
}

static void
set_shape (Shapes *self, guint tile, guint rows, guint row_bytes)
{
  self->rows[tile] = (guint8) rows;
  self->row_bytes[tile] = (guint16) row_bytes;
}

/* --- quantised weights --- */

/* Sums in the tiles 0 to 3, tokens in 4 and 5, weights in 6 and 7. @depth: bytes of a token that one product takes. */
static void
configure_bytes (guint n_tokens, guint depth)
{
  Shapes shapes = { .palette = 1 };

  for (guint tile = 0; tile < 4; tile++)
    set_shape (&shapes, tile, n_tokens, ROW_BYTES);
  for (guint tile = 4; tile < 6; tile++)
    set_shape (&shapes, tile, n_tokens, depth);
  for (guint tile = 6; tile < 8; tile++)
    set_shape (&shapes, tile, depth / 4, ROW_BYTES);
  load_shapes (&shapes);
}

/* sums: [panel, GROUP, V_LANES] */
static void
multiply_block (const guint8 *codes, gsize panel_bytes, const gint8 *x, gsize stride, gint32 *sums)
{
  _tile_zero (0);
  _tile_zero (1);
  _tile_loadd (4, x, stride);
  _tile_loadd (6, codes, ROW_BYTES);
  _tile_loadd (7, codes + panel_bytes, ROW_BYTES);
  _tile_dpbsud (0, 4, 6);
  _tile_dpbsud (1, 4, 7);
  _tile_stored (0, sums, ROW_BYTES);
  _tile_stored (1, sums + GROUP * V_LANES, ROW_BYTES);
}

/* The same for the two halves of a block, whose scales differ. sums: [half, panel, GROUP, V_LANES] */
static void
multiply_halves (const guint8 *codes, gsize panel_bytes, const gint8 *x, gsize stride, gint32 *sums)
{
  const guint8 *second = codes + Q_STEPS / 2 * V_BYTES;

  _tile_zero (0);
  _tile_zero (1);
  _tile_zero (2);
  _tile_zero (3);
  _tile_loadd (4, x, stride);
  _tile_loadd (5, x + STEER_CPU_QUANT_BLOCK / 2, stride);
  _tile_loadd (6, codes, ROW_BYTES);
  _tile_loadd (7, codes + panel_bytes, ROW_BYTES);
  _tile_dpbsud (0, 4, 6);
  _tile_dpbsud (1, 4, 7);
  _tile_loadd (6, second, ROW_BYTES);
  _tile_loadd (7, second + panel_bytes, ROW_BYTES);
  _tile_dpbsud (2, 5, 6);
  _tile_dpbsud (3, 5, 7);
  _tile_stored (0, sums, ROW_BYTES);
  _tile_stored (1, sums + GROUP * V_LANES, ROW_BYTES);
  _tile_stored (2, sums + 2 * GROUP * V_LANES, ROW_BYTES);
  _tile_stored (3, sums + 3 * GROUP * V_LANES, ROW_BYTES);
}

/* @tokens from @t on of the group whose sums these are; @first is the group's first token. */
INLINE void
finish_tokens (const QTile is,
               const SteerCpuQuantTile tile,
               const guint tokens,
               guint first,
               guint t,
               gsize block,
               const gint32 *sums)
{
  const SteerCpuQuantBlock *x = tile.x.blocks + (first + t) * (tile.x.stride / STEER_CPU_QUANT_BLOCK);
  VectorInt scales[Q_PANELS];
  VectorInt sum[Q_TOKENS][Q_PANELS];

  UNROLL
  for (guint p = 0; p < Q_PANELS; p++)
    scales[p] = (VectorInt) q_load (tile.panels + p * tile.panel_bytes + Q_MINIMUMS + 2 * block * V_BYTES);
  UNROLL
  for (guint i = 0; i < tokens; i++)
    UNROLL
  for (guint p = 0; p < Q_PANELS; p++)
    {
      const gint32 *from = sums + (p * GROUP + t + i) * V_LANES;

      sum[i][p] = (VectorInt) q_load ((const guint8 *) from);
      if (is.groups)
        sum[i][p] = sum[i][p] * ((VectorInt) ((VectorBits) scales[p] << 16) >> 16)
                    + (VectorInt) q_load ((const guint8 *) (from + 2 * GROUP * V_LANES)) * (scales[p] >> 16);
    }
  q_finish_block (is, tile, tokens, block, scales, x, tile.c + (first + t) * tile.c_stride, sum);
}

INLINE void
multiply_group (const QTile is, const SteerCpuQuantTile tile, guint first, guint n)
{
  const gint8 *x = tile.x.bytes + first * tile.x.stride;
  gint32 sums[4 * GROUP * V_LANES] __attribute__ ((aligned (ROW_BYTES)));

  for (guint t = 0; t < n && !tile.accumulate; t++)
    memset (tile.c + (first + t) * tile.c_stride, 0, Q_PANELS * V_BYTES);
  for (gsize block = 0; block < tile.n_blocks; block++)
    {
      const guint8 *codes = tile.panels + Q_CODES + block * Q_STEPS * V_BYTES;
      guint t = 0;

      if (is.groups)
        multiply_halves (codes, tile.panel_bytes, x + block * STEER_CPU_QUANT_BLOCK, tile.x.stride, sums);
      else
        multiply_block (codes, tile.panel_bytes, x + block * STEER_CPU_QUANT_BLOCK, tile.x.stride, sums);
      for (; t + Q_TOKENS <= n; t += Q_TOKENS)
        finish_tokens (is, tile, Q_TOKENS, first, t, block, sums);
      for (; t < n; t++)
        finish_tokens (is, tile, 1, first, t, block, sums);
    }
}

INLINE void
multiply_bytes (const QTile is, const SteerCpuQuantTile *tile)
{
  const SteerCpuQuantTile copy = *tile;
  const guint depth = is.groups ? STEER_CPU_QUANT_BLOCK / 2 : STEER_CPU_QUANT_BLOCK;

  for (guint first = 0; first < copy.n_tokens; first += GROUP)
    {
      guint n = MIN (GROUP, copy.n_tokens - first);

      if (first == 0 || n < GROUP)
        configure_bytes (n, depth);
      multiply_group (is, copy, first, n);
    }
  _tile_release ();
}

#define DEFINE_TILE(suffix, dtype)                                                                                     \
  static void tile_##suffix (const SteerCpuQuantTile *tile)                                                            \
  {                                                                                                                    \
    multiply_bytes (q_tile_of (steer_cpu_packing_get (dtype)), tile);                                                  \
  }

DEFINE_TILE (q4_0, STEER_DTYPE_Q4_0)
DEFINE_TILE (q4_k, STEER_DTYPE_Q4_K) /* and Q4_1, Q5_1, Q5_K */
DEFINE_TILE (q5_0, STEER_DTYPE_Q5_0)
DEFINE_TILE (q8_0, STEER_DTYPE_Q8_0) /* and IQ4_NL, IQ4_XS */
DEFINE_TILE (q3_k, STEER_DTYPE_Q3_K)
DEFINE_TILE (q6_k, STEER_DTYPE_Q6_K)

static void
expand_q3_k (const guint8 *panel, gsize n_blocks, guint8 *out)
{
  q_expand (steer_cpu_packing_get (STEER_DTYPE_Q3_K), panel, n_blocks, out);
}

static void
expand_q6_k (const guint8 *panel, gsize n_blocks, guint8 *out)
{
  q_expand (steer_cpu_packing_get (STEER_DTYPE_Q6_K), panel, n_blocks, out);
}

/* --- BF16 weights --- */

#define STEP 32 /* elements of one product */

/* A panel of 16 rows of weights, [STEER_CPU_TILE_DEPTH / 2, 16, 2]. */
#define PANEL_BYTES (STEER_CPU_TILE_DEPTH / 2 * ROW_BYTES)

/* To the nearest even, in the upper half of each lane. */
INLINE VectorBits
round_to_bf16 (Vector x)
{
  VectorBits bits = (VectorBits) x;

  return (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
}

static void
split (const float *x, gsize n, guint16 *parts)
{
  typedef guint16 Halves __attribute__ ((vector_size (V_LANES * sizeof (guint16)), aligned (2), may_alias));

  for (gsize i = 0; i < (n + STEP - 1) / STEP * STEP; i += V_LANES)
    {
      Vector left = i + V_LANES <= n ? v_load (x + i) : i < n ? v_load_some (x + i, n - i) : v_set (0.0f);

      UNROLL
      for (guint p = 0; p < STEER_CPU_PARTS; p++)
        {
          VectorBits part = round_to_bf16 (left);

          *(Halves *) (gpointer) (parts + p * STEER_CPU_TILE_DEPTH + i) = __builtin_convertvector(part >> 16, Halves);
          left -= (Vector) part; /* exact */
        }
    }
}

/* Neighbouring elements of a row stay together, so rows are transposed as if of 32 bits. */
static void
pack_pairs (const guint8 *w, gsize row_bytes, gsize n_rows, gsize depth, guint8 *panel)
{
  for (gsize first = 0; first < STEER_CPU_MAX_TILE_COLUMNS; first += GROUP)
    for (gsize i = 0; i < depth; i += STEP)
      {
        guint8 *out = panel + first / GROUP * PANEL_BYTES + i / 2 * ROW_BYTES;
        gsize n_bytes = MIN (STEP, depth - i) * sizeof (guint16);
        Vector rows[V_LANES];

        for (gsize r = 0; r < GROUP; r++)
          {
            guint8 room[ROW_BYTES] = { 0 };

            if (first + r < n_rows)
              memcpy (room, w + (first + r) * row_bytes + i * sizeof (guint16), n_bytes);
            rows[r] = v_load_bytes (room);
          }
        v_transpose (rows);
        for (gsize r = 0; r < GROUP; r++)
          v_store ((float *) (gpointer) (out + r * ROW_BYTES), rows[r]);
      }
}

/* Sums in the tiles 0 to 3, [group of tokens, panel], tokens in 4 and 5, weights in 6 and 7. */
static void
configure_pairs (guint n_first, guint n_second)
{
  Shapes shapes = { .palette = 1 };

  for (guint tile = 0; tile < 6; tile++)
    {
      guint rows = tile < 2 || tile == 4 ? n_first : n_second;

      set_shape (&shapes, tile, rows, rows > 0 ? ROW_BYTES : 0);
    }
  set_shape (&shapes, 6, GROUP, ROW_BYTES);
  set_shape (&shapes, 7, GROUP, ROW_BYTES);
  load_shapes (&shapes);
}

/* All parts of all steps. The smallest parts would be better added first, but the sums are of float32 either way. */
static void
add_pairs (gboolean both, gsize depth, const guint16 *a, const guint8 *b)
{
  const gsize stride = STEER_CPU_PARTS_STRIDE * sizeof (guint16);
  const guint16 *second = a + GROUP * STEER_CPU_PARTS_STRIDE;

  for (gsize i = 0; i < depth; i += STEP)
    {
      _tile_loadd (6, b + i / 2 * ROW_BYTES, ROW_BYTES);
      _tile_loadd (7, b + PANEL_BYTES + i / 2 * ROW_BYTES, ROW_BYTES);
      for (gsize part = 0; part < STEER_CPU_PARTS; part++)
        {
          _tile_loadd (4, a + part * STEER_CPU_TILE_DEPTH + i, stride);
          _tile_dpbf16ps (0, 4, 6);
          _tile_dpbf16ps (1, 4, 7);
          if (!both)
            continue;
          _tile_loadd (5, second + part * STEER_CPU_TILE_DEPTH + i, stride);
          _tile_dpbf16ps (2, 5, 6);
          _tile_dpbf16ps (3, 5, 7);
        }
    }
}

static void
multiply_pairs (guint n_rows,
                gsize depth,
                const guint16 *a,
                const guint8 *b,
                float *c,
                gsize c_stride,
                gboolean accumulate)
{
  const gboolean both = n_rows > GROUP;
  const gsize stride = c_stride * sizeof (float);
  float *second = c + GROUP * c_stride;

  configure_pairs (MIN (n_rows, GROUP), both ? n_rows - GROUP : 0);
  /* A configuration clears the tiles. */
  if (accumulate)
    {
      _tile_loadd (0, c, stride);
      _tile_loadd (1, c + GROUP, stride);
      if (both)
        {
          _tile_loadd (2, second, stride);
          _tile_loadd (3, second + GROUP, stride);
        }
    }
  add_pairs (both, depth, a, b);
  _tile_stored (0, c, stride);
  _tile_stored (1, c + GROUP, stride);
  if (both)
    {
      _tile_stored (2, second, stride);
      _tile_stored (3, second + GROUP, stride);
    }
  _tile_release ();
}

void
KERNELS_SYMBOL (SteerCpuKernels *self)
{
  SteerCpuQuantKernels *quant = self->quant;

  self->isa = STEER_CPU_ISA_AMX;
  self->name = "AMX";
  quant[STEER_DTYPE_Q4_0].tile = tile_q4_0;
  quant[STEER_DTYPE_Q4_1].tile = tile_q4_k;
  quant[STEER_DTYPE_Q4_K].tile = tile_q4_k;
  quant[STEER_DTYPE_Q5_0].tile = tile_q5_0;
  quant[STEER_DTYPE_Q5_1].tile = tile_q4_k;
  quant[STEER_DTYPE_Q5_K].tile = tile_q4_k;
  quant[STEER_DTYPE_Q8_0].tile = tile_q8_0;
  quant[STEER_DTYPE_IQ4_NL].tile = tile_q8_0;
  quant[STEER_DTYPE_IQ4_XS].tile = tile_q8_0;
  quant[STEER_DTYPE_Q3_K].tile = tile_q3_k;
  quant[STEER_DTYPE_Q3_K].expand = expand_q3_k;
  quant[STEER_DTYPE_Q6_K].tile = tile_q6_k;
  quant[STEER_DTYPE_Q6_K].expand = expand_q6_k;
  self->parts = (SteerCpuPartsKernels){ split, pack_pairs, multiply_pairs };
}

G_STATIC_ASSERT (STEER_CPU_MAX_TILE_COLUMNS == 2 * GROUP);
G_STATIC_ASSERT (STEER_CPU_PARTS_ROWS == 2 * GROUP);
G_STATIC_ASSERT (STEER_CPU_PARTS *STEER_CPU_TILE_DEPTH <= STEER_CPU_PARTS_STRIDE);
G_STATIC_ASSERT (STEER_CPU_TILE_DEPTH % STEP == 0);
