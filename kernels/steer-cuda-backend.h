#pragma once

#include "model/steer-backend.h"

G_BEGIN_DECLS

/* The CUDA backend itself, as the module hands it out. */
const SteerBackend *steer_cuda_module_backend (void);

G_END_DECLS
