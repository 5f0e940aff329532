#pragma once

#include <cuda_runtime_api.h>

#include "model/steer-backend.h"

G_BEGIN_DECLS

/* TRUE for cudaSuccess. Else sets an error that says what failed while @doing, "copying weights": running out of
 * memory is STEER_MODEL_ERROR_NO_MEMORY, everything else STEER_MODEL_ERROR_DEVICE. Also clears the thread's last
 * error, so that one that can be survived is not met again by the next call. */
gboolean steer_cuda_check (cudaError_t status, const char *doing, GError **error);

G_END_DECLS
