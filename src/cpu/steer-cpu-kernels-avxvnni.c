#include <immintrin.h>

/* Kernels for AVX2 with the dot products of AVX-VNNI. */

#ifdef KERNELS_SYMBOL
#define KERNELS_EMULATED
#else
#define KERNELS_SYMBOL steer_cpu_kernels_make_avxvnni
#define KERNELS_BASE steer_cpu_kernels_avx2
#endif
#define KERNELS_ISA STEER_CPU_ISA_AVXVNNI
#define KERNELS_NAME "AVX-VNNI"

#include "steer-cpu-vector-avx2.h"

#ifdef KERNELS_EMULATED
void KERNELS_SYMBOL (SteerCpuKernels *self);
#endif

#define VNNI_REGISTER __m256i
#define vnni_bytes _mm256_dpbusd_avx_epi32
#define vnni_words _mm256_dpwssd_avx_epi32
#define vnni_quad q_quad_256

#include "steer-cpu-kernels-vnni.h"
