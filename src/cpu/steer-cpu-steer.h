#pragma once

#include "steering/steer-plan.h"

#include "steer-cpu-kernels.h"

G_BEGIN_DECLS

/* Does one operation to the residual stream @h [d_model] of one position, as steer-plan.h defines it. */
void steer_cpu_apply_op (const SteerCpuKernels *kernels, const SteerPlanOp *op, gsize d_model, float *h);

G_END_DECLS
