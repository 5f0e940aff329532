#include <immintrin.h>

/* Kernels for AVX-512 with the dot products of VNNI. */

#ifdef KERNELS_SYMBOL
#define KERNELS_EMULATED
#else
#define KERNELS_SYMBOL steer_cpu_kernels_make_avx512vnni
#define KERNELS_BASE steer_cpu_kernels_avx512
#endif
#define KERNELS_ISA STEER_CPU_ISA_AVX512VNNI
#define KERNELS_NAME "AVX-512 VNNI"

#include "steer-cpu-vector-avx512.h"

#ifdef KERNELS_EMULATED
extern const SteerCpuKernels KERNELS_BASE;
void KERNELS_SYMBOL (SteerCpuKernels *self);
#endif

#define VNNI_REGISTER __m512i
#define vnni_bytes _mm512_dpbusd_epi32
#define vnni_words _mm512_dpwssd_epi32
#define vnni_quad q_quad_512

#include "steer-cpu-kernels-vnni.h"
