#include "cpu-kernel-list.h"

#if defined(STEER_CPU_EMULATED)
extern const SteerCpuKernels steer_cpu_kernels_emulated_avx512;
void steer_cpu_kernels_emulated_avxvnni (SteerCpuKernels *self);
void steer_cpu_kernels_emulated_avx512vnni (SteerCpuKernels *self);
void steer_cpu_kernels_emulated_amx (SteerCpuKernels *self);
#endif

guint
cpu_kernel_list (const SteerCpuKernels *tables[CPU_KERNEL_LIST_MAX], const char *names[CPU_KERNEL_LIST_MAX])
{
#if defined(STEER_CPU_EMULATED)
  static SteerCpuKernels avxvnni, avx512vnni, amx;
#endif
  guint n = 0;

  for (guint isa = 0; isa < STEER_CPU_N_ISAS; isa++)
    {
      const SteerCpuKernels *kernels = steer_cpu_kernels_get ((SteerCpuIsa) isa);

      if (kernels == NULL)
        continue;
      names[n] = kernels->name;
      tables[n++] = kernels;
    }
#if defined(STEER_CPU_EMULATED)
  /* The emulation itself is built on AVX2. */
  if (steer_cpu_kernels_get (STEER_CPU_ISA_AVX2) != NULL)
    {
      names[n] = "AVX-VNNI, emulated";
      steer_cpu_kernels_emulated_avxvnni (&avxvnni);
      tables[n++] = &avxvnni;
      names[n] = "AVX-512, emulated";
      tables[n++] = &steer_cpu_kernels_emulated_avx512;
      names[n] = "AVX-512 VNNI, emulated";
      steer_cpu_kernels_emulated_avx512vnni (&avx512vnni);
      tables[n++] = &avx512vnni;
      amx = avx512vnni;
      steer_cpu_kernels_emulated_amx (&amx);
      names[n] = "AMX, emulated";
      tables[n++] = &amx;
    }
#endif
  return n;
}
