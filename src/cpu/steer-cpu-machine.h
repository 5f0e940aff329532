#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes that caches fetch together. */
#define STEER_CPU_CACHE_LINE 64

/**
 * SteerCpuMachine:
 *
 * What this process may use of the machine it runs on: the affinity mask and the limits of its control group are
 * already taken into account. A plain value, read once when a context is opened.
 */
typedef struct
{
  guint *cores;         /* [n_cores]: one logical CPU number of each physical core of the affinity mask */
  guint n_cores;        /* at least 1 */
  guint n_usable;       /* n_cores, or the control group's CPU time in whole cores, rounded up, where that is less */
  guint64 memory_total; /* bytes */
  guint64 memory_free;  /* bytes that can be taken without swapping */
} SteerCpuMachine;

void steer_cpu_machine_init (SteerCpuMachine *self);
void steer_cpu_machine_clear (SteerCpuMachine *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerCpuMachine, steer_cpu_machine_clear)

/* The processor's own name, "Intel(R) Xeon(R) Processor". Free with g_free(). */
char *steer_cpu_machine_dup_name (void);

/* The current thread runs on logical CPU @cpu from now on. Does nothing where the system has no such call. */
void steer_cpu_machine_pin_thread (guint cpu);

G_END_DECLS
