#include "cpu-kernel-list.h"

#if defined(STEER_CPU_EMULATED)
extern const SteerCpuKernels steer_cpu_kernels_emulated_avx512;
void steer_cpu_kernels_emulated_avxvnni (SteerCpuKernels *self);
void steer_cpu_kernels_emulated_avx512vnni (SteerCpuKernels *self);
void steer_cpu_kernels_emulated_amx (SteerCpuKernels *self);

/* Both are made of the same source, and the sanitizers need to see it run once. */
static gboolean
is_seen_already (SteerCpuIsa isa)
{
#if defined(__SANITIZE_ADDRESS__)
  return steer_cpu_kernels_get (isa) != NULL;
#else
  return FALSE;
#endif
}
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
      const struct
      {
        SteerCpuIsa isa;
        const char *name;
        const SteerCpuKernels *table;
      } emulated[] = {
        { STEER_CPU_ISA_AVXVNNI, "AVX-VNNI, emulated", &avxvnni },
        { STEER_CPU_ISA_AVX512, "AVX-512, emulated", &steer_cpu_kernels_emulated_avx512 },
        { STEER_CPU_ISA_AVX512VNNI, "AVX-512 VNNI, emulated", &avx512vnni },
        { STEER_CPU_ISA_AMX, "AMX, emulated", &amx },
      };

      steer_cpu_kernels_emulated_avxvnni (&avxvnni);
      steer_cpu_kernels_emulated_avx512vnni (&avx512vnni);
      amx = avx512vnni;
      steer_cpu_kernels_emulated_amx (&amx);
      for (guint i = 0; i < G_N_ELEMENTS (emulated); i++)
        if (!is_seen_already (emulated[i].isa))
          {
            names[n] = emulated[i].name;
            tables[n++] = emulated[i].table;
          }
    }
#endif
  return n;
}
