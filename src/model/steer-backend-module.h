#pragma once

#include "steer-backend.h"

G_BEGIN_DECLS

/**
 * SECTION: a backend in a module
 *
 * A backend that needs libraries which few machines have is a GModule: the program links none of them and opens the
 * module when the machine has the device. The module uses libsteer and GLib as the program that opened it has them.
 * It exports one function, STEER_BACKEND_MODULE_ENTRY.
 */

#define STEER_BACKEND_MODULE_ENTRY "steer_backend_module_enter"

/* Raised when the meaning of something that crosses the boundary changes without changing a size. */
#define STEER_BACKEND_MODULE_ABI 1

/* Program and module must have been compiled with the same structures: two sizes that differ give two versions. */
#define STEER_BACKEND_MODULE_VERSION                                                                                   \
  ((guint64) STEER_BACKEND_MODULE_ABI << 48                                                                            \
   ^ (guint64) (sizeof (SteerBackend) + 3 * sizeof (SteerDevice) + 7 * sizeof (SteerMemoryEstimate)) << 32             \
   ^ (guint64) (sizeof (SteerRun) + 3 * sizeof (SteerContext) + 7 * sizeof (SteerContextOptions)) << 16                \
   ^ (guint64) (sizeof (SteerModelConfig) + 3 * sizeof (SteerWeights) + 5 * sizeof (SteerLayerWeights)                 \
                + 7 * sizeof (SteerTensor) + 11 * sizeof (SteerPlanOp) + 13 * sizeof (SteerSampling)))

/* @version: out: STEER_BACKEND_MODULE_VERSION as the module was compiled. The backend lives as long as the program. */
typedef const SteerBackend *(*SteerBackendModuleEntry) (guint64 *version);

G_END_DECLS
