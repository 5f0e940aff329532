#pragma once

#include "model/steer-backend.h"

G_BEGIN_DECLS

/**
 * steer_cuda_backend:
 *
 * A stand-in for the CUDA backend. The module with the real one, and with it NVIDIA's libraries, is opened when devices
 * are first asked for, so that a program starts as fast as without it. Where there is no such module, or no driver,
 * its only device is one that cannot be used and says why.
 *
 * The module is looked for in the file that STEER_CUDA_MODULE names, in the build folder of a program that still lies
 * there, in lib/ beside the program, and where it is installed.
 */
const SteerBackend *steer_cuda_backend (void);

/**
 * steer_cuda_module_open:
 * @driver: (nullable): name of the driver's library, "libcuda.so.1", that must be there; NULL: none
 * @path: (nullable): the module
 *
 * The module's backend, which is never unloaded. Errors: STEER_MODEL_ERROR_MISSING when this machine has no NVIDIA GPU
 * at all, STEER_MODEL_ERROR_DEVICE with the remedy otherwise.
 */
const SteerBackend *steer_cuda_module_open (const char *driver, const char *path, GError **error);

G_END_DECLS
