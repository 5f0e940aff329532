#include <immintrin.h>

/* Kernels for AVX-512 without its dot products. */

#ifndef KERNELS_SYMBOL
#define KERNELS_SYMBOL steer_cpu_kernels_avx512
#endif
#define KERNELS_ISA STEER_CPU_ISA_AVX512
#define KERNELS_NAME "AVX-512"

#include "steer-cpu-vector-avx512.h"

#define PAIRS_REGISTER __m512i
#define pairs_multiply _mm512_maddubs_epi16
#define pairs_add _mm512_add_epi16
#define pairs_widen _mm512_madd_epi16
#define pairs_set _mm512_set1_epi16
#define pairs_quad q_quad_512

INLINE __m512i
pairs_multiply_signed (__m512i a, __m512i b)
{
  __m512i negated = _mm512_mask_sub_epi8 (b, _mm512_movepi8_mask (a), _mm512_setzero_si512 (), b);

  return _mm512_maddubs_epi16 (_mm512_abs_epi8 (a), negated);
}

#include "steer-cpu-quant-pairs.h"

#include "steer-cpu-weight-kernels.h"

#include "steer-cpu-cache-kernels.h"

#include "steer-cpu-quant-kernels.h"

#include "steer-cpu-cache-bytes.h"

#include "steer-cpu-row-kernels.h"
