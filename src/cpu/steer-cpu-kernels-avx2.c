#include <immintrin.h>

/* Kernels for AVX2, FMA and F16C. */

#define KERNELS_SYMBOL steer_cpu_kernels_avx2
#define KERNELS_ISA STEER_CPU_ISA_AVX2
#define KERNELS_NAME "AVX2"

#include "steer-cpu-vector-avx2.h"

#define PAIRS_REGISTER __m256i
#define pairs_multiply _mm256_maddubs_epi16
#define pairs_add _mm256_add_epi16
#define pairs_widen _mm256_madd_epi16
#define pairs_set _mm256_set1_epi16
#define pairs_quad q_quad_256

INLINE __m256i
pairs_multiply_signed (__m256i a, __m256i b)
{
  return _mm256_maddubs_epi16 (_mm256_abs_epi8 (a), _mm256_sign_epi8 (b, a));
}

#include "steer-cpu-quant-pairs.h"

#include "steer-cpu-weight-kernels.h"

#include "steer-cpu-cache-kernels.h"

#include "steer-cpu-quant-kernels.h"

#include "steer-cpu-cache-bytes.h"

#include "steer-cpu-row-kernels.h"
