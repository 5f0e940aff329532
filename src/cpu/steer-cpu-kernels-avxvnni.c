#include <immintrin.h>

/* Kernels for AVX2 with the dot products of AVX-VNNI. */

#ifndef KERNELS_SYMBOL
#define KERNELS_SYMBOL steer_cpu_kernels_avxvnni
#endif
#define KERNELS_ISA STEER_CPU_ISA_AVXVNNI
#define KERNELS_NAME "AVX-VNNI"

#include "steer-cpu-vector-avx2.h"

#define VNNI_REGISTER __m256i
#define vnni_bytes _mm256_dpbusd_avx_epi32
#define vnni_words _mm256_dpwssd_avx_epi32
#define vnni_quad q_quad_256

#include "steer-cpu-quant-vnni.h"

#include "steer-cpu-weight-kernels.h"

#include "steer-cpu-cache-kernels.h"

#include "steer-cpu-quant-kernels.h"

#include "steer-cpu-row-kernels.h"
