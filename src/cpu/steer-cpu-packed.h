#pragma once

#include "tensor/steer-dtype.h"

G_BEGIN_DECLS

/**
 * SECTION: packed weights
 *
 * Quantised weights as kernels read them: exact, and as small as in the file, but in an order in which a vector's
 * lanes are rows. A panel is some rows of a matrix, as many as an instruction set's vector has lanes of 32 bits, and
 * one contiguous stream of memory.
 *
 * A row is a sequence of blocks of 32 elements. An element's code has 2 to 8 bits; with the code q, the format's zero
 * point z, a scale S a group of 16 or 32 elements, and floats d and m:
 *
 *   groups of 32: w = s * (q - z) - m, s = d * S (or d), m = dmin * M (or the stored -m, or 0), rounded to float32
 *   groups of 16: w = d * S * (q - z) - m, S an integer
 *
 * which is how the formats define themselves; see tensor/steer-dequantize.c. A product with activations that were
 * quantised in blocks of 32 as x = scale * p, p an integer, is computed by every kernel as
 *
 *   groups of 32: t = s * (float) (sum of (q - z) * p)
 *   groups of 16: t = d * (float) (sum over groups of S * sum of (q - z) * p)
 *   t = fused (-m * sum of p + t), for each group that has an m
 *   y = fused (scale * t + y), over blocks in their order
 *
 * with exact integers inside the parentheses, so that all instruction sets give the same bits.
 *
 * In units of a vector, V bytes (one 32-bit lane a row), a panel is a sequence of
 *
 *   64 elements of a type with blocks of 32:      d, two blocks as F16 | the same of m where there is one
 *   256 elements of a type with blocks of 256:    d and dmin as F16, or d as F32 | scales
 *
 * (a vector has the scales of four groups, a byte each in a row's lane) followed by the codes of each block: `bits`
 * vectors. The low bits come first. A vector holds four elements a lane in bytes, and further groups of four in the
 * bytes' higher bits: with 4 low bits, vector v has the groups v and v + 4; with 2 of them, v, v + 2, v + 4 and v + 6.
 * High bits are packed the same way.
 */

typedef enum
{
  STEER_CPU_SCALES_NONE,
  STEER_CPU_SCALES_SIX,     /* S and M of 6 bits for 8 groups: low bits, then high bits of both, 3 vectors */
  STEER_CPU_SCALES_INT8,    /* S: a byte a group */
  STEER_CPU_SCALES_NIBBLES, /* S and M of 4 bits: a byte a group */
} SteerCpuScales;

typedef struct
{
  guint low_bits;  /* 2, 4 or 8; 8 are signed */
  guint high_bits; /* 0, 1 or 2 */
  gboolean levels; /* codes index the levels of the IQ4 types */
  gint zero;
  guint unit;  /* elements between two headers: 64 or 256 */
  guint group; /* elements that share a scale: 16 or 32 */
  SteerCpuScales scales;
  gboolean minimum;
} SteerCpuPacking;

/* Elements of activations, and of weights, that share a float scale. */
#define STEER_CPU_QUANT_BLOCK 32

static inline SteerCpuPacking
steer_cpu_packing_get (SteerDtype dtype)
{
  switch (dtype)
    {
    case STEER_DTYPE_Q4_0:
      return (SteerCpuPacking){ 4, 0, FALSE, 8, 64, 32, STEER_CPU_SCALES_NONE, FALSE };
    case STEER_DTYPE_Q4_1:
      return (SteerCpuPacking){ 4, 0, FALSE, 0, 64, 32, STEER_CPU_SCALES_NONE, TRUE };
    case STEER_DTYPE_Q5_0:
      return (SteerCpuPacking){ 4, 1, FALSE, 16, 64, 32, STEER_CPU_SCALES_NONE, FALSE };
    case STEER_DTYPE_Q5_1:
      return (SteerCpuPacking){ 4, 1, FALSE, 0, 64, 32, STEER_CPU_SCALES_NONE, TRUE };
    case STEER_DTYPE_Q8_0:
      return (SteerCpuPacking){ 8, 0, FALSE, 0, 64, 32, STEER_CPU_SCALES_NONE, FALSE };
    case STEER_DTYPE_Q2_K:
      return (SteerCpuPacking){ 2, 0, FALSE, 0, 256, 16, STEER_CPU_SCALES_NIBBLES, TRUE };
    case STEER_DTYPE_Q3_K:
      return (SteerCpuPacking){ 2, 1, FALSE, 4, 256, 16, STEER_CPU_SCALES_INT8, FALSE };
    case STEER_DTYPE_Q4_K:
      return (SteerCpuPacking){ 4, 0, FALSE, 0, 256, 32, STEER_CPU_SCALES_SIX, TRUE };
    case STEER_DTYPE_Q5_K:
      return (SteerCpuPacking){ 4, 1, FALSE, 0, 256, 32, STEER_CPU_SCALES_SIX, TRUE };
    case STEER_DTYPE_Q6_K:
      return (SteerCpuPacking){ 4, 2, FALSE, 32, 256, 16, STEER_CPU_SCALES_INT8, FALSE };
    case STEER_DTYPE_IQ4_NL:
      return (SteerCpuPacking){ 4, 0, TRUE, 0, 64, 32, STEER_CPU_SCALES_NONE, FALSE };
    case STEER_DTYPE_IQ4_XS:
      return (SteerCpuPacking){ 4, 0, TRUE, 0, 256, 32, STEER_CPU_SCALES_INT8, FALSE };
    default:
      return (SteerCpuPacking){ 0 };
    }
}

/* Vectors before a unit's codes. */
static inline guint
steer_cpu_packing_get_header (SteerCpuPacking packing)
{
  switch (packing.scales)
    {
    case STEER_CPU_SCALES_SIX:
      return 1 + 3;
    case STEER_CPU_SCALES_INT8:
    case STEER_CPU_SCALES_NIBBLES:
      return 1 + packing.unit / packing.group / 4;
    default:
      return packing.minimum ? 2 : 1;
    }
}

/* Vectors of a block's codes. */
static inline guint
steer_cpu_packing_get_bits (SteerCpuPacking packing)
{
  return packing.low_bits + packing.high_bits;
}

/* Bytes of a panel of @n_rows rows, 4 to 16, of @n_columns elements, whole blocks of their type. */
gsize steer_cpu_packed_get_panel_bytes (SteerDtype dtype, guint n_rows, gsize n_columns);

/**
 * steer_cpu_pack_panel:
 * @rows: the first of @n_given rows as they are stored, @row_bytes apart, at any alignment
 * @panel_rows: rows of the panel, 4, 8 or 16; those beyond @n_given are zero
 * @panel: [steer_cpu_packed_get_panel_bytes()], aligned to 4 bytes
 *
 * Any thread.
 */
void steer_cpu_pack_panel (SteerDtype dtype,
                           const guint8 *rows,
                           gsize row_bytes,
                           guint n_given,
                           gsize n_columns,
                           guint panel_rows,
                           guint8 *panel);

/* The levels of the IQ4 types. */
extern const gint8 steer_cpu_levels[16];

G_END_DECLS
