#pragma once

#include "cpu/steer-cpu-kernels.h"

G_BEGIN_DECLS

#define CPU_KERNEL_LIST_MAX 16

/* The tables of kernels to test: those that this machine can run, and those of other instruction sets compiled against
 * an emulation of their intrinsics. Returns how many were written to @tables and @names. */
guint cpu_kernel_list (const SteerCpuKernels *tables[CPU_KERNEL_LIST_MAX], const char *names[CPU_KERNEL_LIST_MAX]);

G_END_DECLS
