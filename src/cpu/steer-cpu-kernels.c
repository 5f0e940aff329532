#include "steer-cpu-kernels.h"

#include <gio/gio.h>

#include "model/steer-model-config.h"

#if defined(STEER_CPU_X86)
#include <cpuid.h>
#endif
#if defined(STEER_CPU_AMX)
#include <sys/syscall.h>
#include <unistd.h>
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
  { STEER_CPU_ISA_AMX, "amx" },       { STEER_CPU_ISA_AVX512VNNI, "avx512vnni" },
  { STEER_CPU_ISA_AVX512, "avx512" }, { STEER_CPU_ISA_AVXVNNI, "avxvnni" },
  { STEER_CPU_ISA_AVX2, "avx2" },     { STEER_CPU_ISA_NEON, "neon" },
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

#if defined(STEER_CPU_AMX)
#define REQUEST_PERMISSION 0x1023 /* ARCH_REQ_XCOMP_PERM of Linux 5.16 */
#define TILE_DATA 18              /* XFEATURE_XTILEDATA */

/* The system hands out the tiles' registers, 8 KiB a thread, to processes that ask for them. */
static gboolean
has_amx (void)
{
  const unsigned int wanted = 1u << 22 | 1u << 24 | 1u << 25; /* BF16, tiles, bytes */
  unsigned int eax, ebx, ecx, edx;

  return has_avx512vnni () && __get_cpuid_count (7, 0, &eax, &ebx, &ecx, &edx) && (edx & wanted) == wanted
         && syscall (SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

#if defined(STEER_CPU_X86)
/* Tables that are those of other instruction sets in most places, made when one is first asked for. */
static SteerCpuKernels made_avxvnni;
static SteerCpuKernels made_avx512vnni;
#if defined(STEER_CPU_AMX)
static SteerCpuKernels made_amx;
#endif

static gpointer
make_tables (gpointer data)
{
  if (has_avxvnni ())
    steer_cpu_kernels_make_avxvnni (&made_avxvnni);
  if (has_avx512vnni ())
    steer_cpu_kernels_make_avx512vnni (&made_avx512vnni);
#if defined(STEER_CPU_AMX)
  if (has_amx ())
    {
      made_amx = made_avx512vnni;
      steer_cpu_kernels_make_amx (&made_amx);
    }
#endif
  return NULL;
}

static const SteerCpuKernels *
get_made (const SteerCpuKernels *table)
{
  static GOnce once = G_ONCE_INIT;

  g_once (&once, make_tables, NULL);
  return table->name != NULL ? table : NULL;
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
      return get_made (&made_avxvnni);
    case STEER_CPU_ISA_AVX512VNNI:
      return get_made (&made_avx512vnni);
#endif
#if defined(STEER_CPU_AMX)
    case STEER_CPU_ISA_AMX:
      return get_made (&made_amx);
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
               ISA_VARIABLE "=%s: no such instruction set; there are amx, avx512vnni, avx512, avxvnni, avx2, "
                            "neon and plain",
               wanted);
  return NULL;
}
