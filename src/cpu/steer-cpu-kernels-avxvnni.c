#include <immintrin.h>

/* Kernels for AVX2 with the dot products of AVX-VNNI. */

#ifndef KERNELS_SYMBOL
#define KERNELS_SYMBOL steer_cpu_kernels_avxvnni
#endif
#define KERNELS_ISA STEER_CPU_ISA_AVXVNNI
#define KERNELS_NAME "AVX-VNNI"

#include "steer-cpu-vector-avx2.h"

/* The left operand is unsigned, so signed weights are moved up by 128. */
#define Q_BLOCKS_OF(kind) TRUE
#define Q_PAIRS 0
#define Q_BIAS 128

INLINE VectorInt
q_begin_add (const QKind kind, VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) _mm256_dpbusd_avx_epi32 ((__m256i) sum, (__m256i) w, (__m256i) x);
}

INLINE VectorInt
q_end (const QKind kind, VectorInt sum)
{
  return sum;
}

/* Two sums, because one dot product takes as long as four can be begun. */
INLINE VectorInt
q_dot (const QKind kind, const VectorBits *w, const gint8 *x, const guint n)
{
  VectorInt sums[2] = { { 0 }, { 0 } };

  UNROLL
  for (guint k = 0; k < n; k++)
    sums[k % 2] = q_begin_add (kind, sums[k % 2], w[k], (VectorInt) q_quad_256 (x + 4 * k));
  return sums[0] + sums[1];
}

INLINE VectorInt
q_add_words (VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) _mm256_dpwssd_avx_epi32 ((__m256i) sum, (__m256i) w, (__m256i) x);
}

#include "steer-cpu-weight-kernels.h"

#include "steer-cpu-cache-kernels.h"

#include "steer-cpu-quant-kernels.h"

#include "steer-cpu-row-kernels.h"
