#include <immintrin.h>

/* Kernels for AVX2, FMA and F16C. */

#define KERNELS_SYMBOL steer_cpu_kernels_avx2
#define KERNELS_ISA STEER_CPU_ISA_AVX2
#define KERNELS_NAME "AVX2"

#include "steer-cpu-vector-avx2.h"

#define Q_BLOCKS_OF(kind) ((kind) == Q_UNSIGNED_4)
#define Q_PAIRS 1
#define Q_BIAS 0

/* Products of neighbours, added in 16 bits. They saturate beyond 32767: two products of codes up to 15 may be added up
 * eight times, of codes up to 63 twice, and of signed weights once, the sign having been moved to the activation. */
INLINE __m256i
q_pairs (const QKind kind, VectorBits w, __m256i x)
{
  if (kind == Q_SIGNED_8)
    return _mm256_maddubs_epi16 (_mm256_abs_epi8 ((__m256i) w), _mm256_sign_epi8 (x, (__m256i) w));
  return _mm256_maddubs_epi16 ((__m256i) w, x);
}

INLINE VectorInt
q_dot (const QKind kind, const VectorBits *w, const gint8 *x, const guint n)
{
  const guint together = kind == Q_UNSIGNED_4 ? 8 : kind == Q_UNSIGNED_6 ? 2 : 1;
  VectorInt sum = { 0 };

  UNROLL
  for (guint k = 0; k < n; k += together)
    {
      __m256i pairs = q_pairs (kind, w[k], q_quad_256 (x + 4 * k));

      UNROLL
      for (guint i = k + 1; i < MIN (k + together, n); i++)
        pairs = _mm256_add_epi16 (pairs, q_pairs (kind, w[i], q_quad_256 (x + 4 * i)));
      sum += (VectorInt) _mm256_madd_epi16 (pairs, _mm256_set1_epi16 (1));
    }
  return sum;
}

/* Codes up to 63 only. */
INLINE VectorBits
q_add_two (VectorBits w0, VectorInt x0, VectorBits w1, VectorInt x1)
{
  return (VectorBits) _mm256_add_epi16 (q_pairs (Q_UNSIGNED_6, w0, (__m256i) x0),
                                        q_pairs (Q_UNSIGNED_6, w1, (__m256i) x1));
}

/* Of 4-bit codes alone: the sums of a whole block fit into 16 bits. */
INLINE VectorInt
q_begin_add (const QKind kind, VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) _mm256_add_epi16 ((__m256i) sum, q_pairs (kind, w, (__m256i) x));
}

INLINE VectorInt
q_end (const QKind kind, VectorInt sum)
{
  return (VectorInt) _mm256_madd_epi16 ((__m256i) sum, _mm256_set1_epi16 (1));
}

INLINE VectorInt
q_add_words (VectorInt sum, VectorBits w, VectorInt x)
{
  return sum + (VectorInt) _mm256_madd_epi16 ((__m256i) w, (__m256i) x);
}

#include "steer-cpu-weight-kernels.h"

#include "steer-cpu-cache-kernels.h"

#include "steer-cpu-quant-kernels.h"

#include "steer-cpu-row-kernels.h"
