#include "steer-cpu-kernels.h"

#include <gio/gio.h>

#include "model/steer-model-config.h"

#if defined(STEER_CPU_X86)
#include <cpuid.h>
#endif
#if defined(STEER_CPU_ARM)
#include <sys/auxv.h>
#endif

#define ISA_VARIABLE "STEER_CPU_ISA"

static const struct
{
  SteerCpuIsa isa;
  const char *name; /* as the environment variable spells it */
} isa_names[] = {
  { STEER_CPU_ISA_AVX512VNNI, "avx512vnni" },
  { STEER_CPU_ISA_AVX512, "avx512" },
  { STEER_CPU_ISA_AVXVNNI, "avxvnni" },
  { STEER_CPU_ISA_AVX2, "avx2" },
  { STEER_CPU_ISA_NEON, "neon" },
  { STEER_CPU_ISA_PLAIN, "plain" },
};

#if defined(STEER_CPU_X86)
/* __builtin_cpu_supports() also asks whether the system saves the registers. Not every compiler's version knows
 * F16C, which has no registers of its own. */
static gboolean
has_f16c (void)
{
  unsigned int eax, ebx, ecx, edx;

  return __get_cpuid (1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C) != 0;
}

static gboolean
has_avx2 (void)
{
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma") && has_f16c ();
}

static gboolean
has_avx512 (void)
{
  return has_avx2 () && __builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512bw")
         && __builtin_cpu_supports ("avx512dq") && __builtin_cpu_supports ("avx512vl");
}

static gboolean
has_avxvnni (void)
{
  unsigned int eax, ebx, ecx, edx;

  return has_avx2 () && __get_cpuid_count (7, 1, &eax, &ebx, &ecx, &edx) && (eax & 1u << 4) != 0;
}

static gboolean
has_avx512vnni (void)
{
  return has_avx512 () && __builtin_cpu_supports ("avx512vnni");
}
#endif

#if defined(STEER_CPU_ARM)
static gboolean
has_dot_product (void)
{
  return (getauxval (AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}
#endif

const SteerCpuKernels *
steer_cpu_kernels_get (SteerCpuIsa isa)
{
  switch (isa)
    {
    case STEER_CPU_ISA_PLAIN:
      return &steer_cpu_kernels_plain;
#if defined(STEER_CPU_X86)
    case STEER_CPU_ISA_AVX2:
      return has_avx2 () ? &steer_cpu_kernels_avx2 : NULL;
    case STEER_CPU_ISA_AVX512:
      return has_avx512 () ? &steer_cpu_kernels_avx512 : NULL;
    case STEER_CPU_ISA_AVXVNNI:
      return has_avxvnni () ? &steer_cpu_kernels_avxvnni : NULL;
    case STEER_CPU_ISA_AVX512VNNI:
      return has_avx512vnni () ? &steer_cpu_kernels_avx512vnni : NULL;
#endif
#if defined(STEER_CPU_ARM)
    case STEER_CPU_ISA_NEON:
      return has_dot_product () ? &steer_cpu_kernels_neon : NULL;
#endif
    default:
      return NULL;
    }
}

const SteerCpuKernels *
steer_cpu_kernels_choose (GError **error)
{
  const char *wanted = g_getenv (ISA_VARIABLE);

  for (guint i = 0; i < G_N_ELEMENTS (isa_names); i++)
    {
      const SteerCpuKernels *kernels = steer_cpu_kernels_get (isa_names[i].isa);

      if (wanted != NULL && *wanted != '\0' && !g_str_equal (wanted, isa_names[i].name))
        continue;
      if (kernels != NULL)
        return kernels;
      if (wanted != NULL && *wanted != '\0')
        {
          g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
                       ISA_VARIABLE "=%s: this machine does not have that instruction set; unset it to have one chosen",
                       wanted);
          return NULL;
        }
    }
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
               ISA_VARIABLE "=%s: no such instruction set; there are avx512vnni, avx512, avxvnni, avx2, "
                            "neon and plain",
               wanted);
  return NULL;
}
