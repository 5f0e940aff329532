#pragma once

#include "../cpu/cpu-model.h"

G_BEGIN_DECLS

/* As cpu_context_open(), on the CUDA backend itself, whose device is the shim. @weight_type: of the options. */
SteerContext *cuda_context_open (SteerModel *model, guint n_slots, SteerDtype kv_dtype, SteerDtype weight_type);

/* Without an F32 cache of its own, the GPU is compared with a CPU that keeps F16 too. Sums run in another order there,
 * and one that rounds to another half shows in what follows. */
#define CUDA_TOLERANCE 2e-3

G_END_DECLS
