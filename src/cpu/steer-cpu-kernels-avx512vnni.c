#include <immintrin.h>

/* Kernels for AVX-512 with the dot products of VNNI. */

#ifndef KERNELS_SYMBOL
#define KERNELS_SYMBOL steer_cpu_kernels_avx512vnni
#endif
#define KERNELS_ISA STEER_CPU_ISA_AVX512VNNI
#define KERNELS_NAME "AVX-512 VNNI"

#include "steer-cpu-vector-avx512.h"

#define VNNI_REGISTER __m512i
#define vnni_bytes _mm512_dpbusd_epi32
#define vnni_words _mm512_dpwssd_epi32
#define vnni_quad q_quad_512

#include "steer-cpu-quant-vnni.h"

#include "steer-cpu-weight-kernels.h"

#include "steer-cpu-cache-kernels.h"

#include "steer-cpu-quant-kernels.h"

#include "steer-cpu-row-kernels.h"
