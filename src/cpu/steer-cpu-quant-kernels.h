/* The kernels of packed quantised weights as an instruction set's table has them. What the including file must have
 * defined is listed in steer-cpu-quant-codes.h. */

#include "steer-cpu-quant-codes.h"

#include "steer-cpu-quant-gemv.h"

#include "steer-cpu-quant-expand.h"

#include "steer-cpu-quant-tile.h"

/* Tiles, one for all types that it reads alike. */
#define DEFINE_QUANT_TILE(suffix, dtype)                                                                               \
  static void quant_tile_##suffix (const SteerCpuQuantTile *tile)                                                      \
  {                                                                                                                    \
    q_tile (q_tile_of (steer_cpu_packing_get (dtype)), tile);                                                          \
  }

DEFINE_QUANT_TILE (q4_0, STEER_DTYPE_Q4_0)
DEFINE_QUANT_TILE (q4_k, STEER_DTYPE_Q4_K) /* and Q4_1 */
DEFINE_QUANT_TILE (q5_0, STEER_DTYPE_Q5_0)
DEFINE_QUANT_TILE (q5_k, STEER_DTYPE_Q5_K) /* and Q5_1 */
DEFINE_QUANT_TILE (q8_0, STEER_DTYPE_Q8_0) /* and IQ4_NL, IQ4_XS */
DEFINE_QUANT_TILE (q2_k, STEER_DTYPE_Q2_K)
DEFINE_QUANT_TILE (q3_k, STEER_DTYPE_Q3_K)
DEFINE_QUANT_TILE (q6_k, STEER_DTYPE_Q6_K)

#define DEFINE_QUANT_GEMV(suffix, dtype, single)                                                                       \
  static void quant_gemv_##suffix (const guint8 *panels, gsize panel_bytes, gsize n_panels, gsize depth,               \
                                   const SteerCpuQuantRows *x, guint n_columns, float *y, gsize y_stride)              \
  {                                                                                                                    \
    const SteerCpuPacking packing = steer_cpu_packing_get (dtype);                                                     \
                                                                                                                       \
    if (single && n_columns == 1)                                                                                      \
      q_gemv (packing, 1, panels, panel_bytes, n_panels, depth, x, y, y_stride);                                       \
    else                                                                                                               \
      q_gemv (packing, n_columns, panels, panel_bytes, n_panels, depth, x, y, y_stride);                               \
  }                                                                                                                    \
  static void quant_expand_##suffix (const guint8 *panel, gsize n_blocks, guint8 *out)                                 \
  {                                                                                                                    \
    q_expand (steer_cpu_packing_get (dtype), panel, n_blocks, out);                                                    \
  }

/* The types that most files have get a function of their own for a single column. */
DEFINE_QUANT_GEMV (q4_0, STEER_DTYPE_Q4_0, TRUE)
DEFINE_QUANT_GEMV (q4_1, STEER_DTYPE_Q4_1, FALSE)
DEFINE_QUANT_GEMV (q5_0, STEER_DTYPE_Q5_0, FALSE)
DEFINE_QUANT_GEMV (q5_1, STEER_DTYPE_Q5_1, FALSE)
DEFINE_QUANT_GEMV (q8_0, STEER_DTYPE_Q8_0, TRUE)
DEFINE_QUANT_GEMV (q2_k, STEER_DTYPE_Q2_K, FALSE)
DEFINE_QUANT_GEMV (q3_k, STEER_DTYPE_Q3_K, FALSE)
DEFINE_QUANT_GEMV (q4_k, STEER_DTYPE_Q4_K, TRUE)
DEFINE_QUANT_GEMV (q5_k, STEER_DTYPE_Q5_K, TRUE)
DEFINE_QUANT_GEMV (q6_k, STEER_DTYPE_Q6_K, TRUE)
DEFINE_QUANT_GEMV (iq4_nl, STEER_DTYPE_IQ4_NL, FALSE)
DEFINE_QUANT_GEMV (iq4_xs, STEER_DTYPE_IQ4_XS, FALSE)

#define QUANT_KERNELS                                                                                                  \
  {                                                                                                                    \
    [STEER_DTYPE_Q4_0] = { quant_gemv_q4_0, quant_expand_q4_0, quant_tile_q4_0 },                                      \
    [STEER_DTYPE_Q4_1] = { quant_gemv_q4_1, quant_expand_q4_1, quant_tile_q4_k },                                      \
    [STEER_DTYPE_Q5_0] = { quant_gemv_q5_0, quant_expand_q5_0, quant_tile_q5_0 },                                      \
    [STEER_DTYPE_Q5_1] = { quant_gemv_q5_1, quant_expand_q5_1, quant_tile_q5_k },                                      \
    [STEER_DTYPE_Q8_0] = { quant_gemv_q8_0, quant_expand_q8_0, quant_tile_q8_0 },                                      \
    [STEER_DTYPE_Q2_K] = { quant_gemv_q2_k, quant_expand_q2_k, quant_tile_q2_k },                                      \
    [STEER_DTYPE_Q3_K] = { quant_gemv_q3_k, quant_expand_q3_k, quant_tile_q3_k },                                      \
    [STEER_DTYPE_Q4_K] = { quant_gemv_q4_k, quant_expand_q4_k, quant_tile_q4_k },                                      \
    [STEER_DTYPE_Q5_K] = { quant_gemv_q5_k, quant_expand_q5_k, quant_tile_q5_k },                                      \
    [STEER_DTYPE_Q6_K] = { quant_gemv_q6_k, quant_expand_q6_k, quant_tile_q6_k },                                      \
    [STEER_DTYPE_IQ4_NL] = { quant_gemv_iq4_nl, quant_expand_iq4_nl, quant_tile_q8_0 },                                \
    [STEER_DTYPE_IQ4_XS] = { quant_gemv_iq4_xs, quant_expand_iq4_xs, quant_tile_q8_0 },                                \
  }

/* The block's largest magnitude becomes 127; rounding to nearest even by adding a number whose unit is 1. */
static void
quantize (const float *x, gsize n, gint8 *bytes, gint16 *words, SteerCpuQuantBlock *blocks)
{
  typedef gint8 Bytes __attribute__ ((vector_size (16), aligned (1), may_alias));
  typedef gint16 Words __attribute__ ((vector_size (32), aligned (1), may_alias));
  enum
  {
    N = STEER_CPU_QUANT_BLOCK / V_LANES
  };
  const Vector round = v_set (0x1.8p23f);

  for (gsize i = 0; i < n; i += STEER_CPU_QUANT_BLOCK, blocks++)
    {
      Vector values[N];
      VectorInt integers[N];
      Vector most = v_set (0.0f);
      Vector halves[2] = { v_set (0.0f), v_set (0.0f) };
      float largest, factor;

      UNROLL
      for (guint j = 0; j < N; j++)
        {
          Vector magnitude;

          values[j] = v_load (x + i + j * V_LANES);
          magnitude = (Vector) ((VectorInt) values[j] & 0x7fffffff);
          most = v_larger (magnitude, most);
        }
      largest = v_largest (most);
      factor = largest > 0.0f ? 127.0f / largest : 0.0f;
      UNROLL
      for (guint j = 0; j < N; j++)
        {
          Vector shifted = values[j] * factor + round;

          integers[j] = (VectorInt) shifted - (VectorInt) round;
          halves[2 * j / N] += shifted - round; /* exact */
        }
      q_store_bytes (bytes + i, integers);
      if (words != NULL)
        for (guint half = 0; half < 2; half++)
          *(Words *) (gpointer) (words + i + 16 * half)
            = __builtin_convertvector(*(const Bytes *) (gconstpointer) (bytes + i + 16 * half), Words);
      blocks->scale = largest / 127.0f;
      for (guint half = 0; half < 2; half++)
        blocks->sums[half] = (gint32) v_sum (halves[half]);
      blocks->sum = (float) (blocks->sums[0] + blocks->sums[1]);
    }
}
