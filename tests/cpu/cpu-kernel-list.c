#include "cpu-kernel-list.h"

guint
cpu_kernel_list (const SteerCpuKernels *tables[CPU_KERNEL_LIST_MAX], const char *names[CPU_KERNEL_LIST_MAX])
{
  guint n = 0;

  for (guint isa = 0; isa < STEER_CPU_N_ISAS; isa++)
    {
      const SteerCpuKernels *kernels = steer_cpu_kernels_get ((SteerCpuIsa) isa);

      if (kernels == NULL)
        continue;
      names[n] = kernels->name;
      tables[n++] = kernels;
    }
  return n;
}
