#pragma once

#include "model/steer-backend.h"

G_BEGIN_DECLS

/* The CPU backend; register it with steer_backend_register(). Environment: STEER_CPU_ISA=avx512|avx2|plain forces an
 * instruction set (for tests; one the machine lacks is refused with a message). */
const SteerBackend *steer_cpu_backend (void);

G_END_DECLS
