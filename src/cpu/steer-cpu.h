#pragma once

#include "model/steer-backend.h"

G_BEGIN_DECLS

/* The CPU backend; register it with steer_backend_register(). The environment variable STEER_CPU_ISA forces an
 * instruction set, for tests: avx512vnni, avx512, avxvnni, avx2, neon or plain. One that the machine lacks is refused
 * with a message. */
const SteerBackend *steer_cpu_backend (void);

/* How fast this machine reads memory with @n_threads (0: one a physical core), in bytes a second: the best of a few
 * passes over an area of up to 1 GiB, which is taken and given back. Takes about a second. 0 when there is no memory
 * for it. What decoding is measured against. */
double steer_cpu_measure_bandwidth (guint n_threads);

G_END_DECLS
