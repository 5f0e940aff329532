#pragma once

#include "steer-cpu-step.h"

G_BEGIN_DECLS

/* Deals the step's attention out to work items; the same for every layer. */
void steer_cpu_attention_plan (SteerCpuContext *self, const SteerCpuStep *step);

/* work.attended = softmax(work.query keys' / sqrt(head_dim)) values over the cached positions each token may see, which
 * include those of this step, already written. */
void steer_cpu_attention_run (SteerCpuContext *self, const SteerCpuStep *step, guint layer);

G_END_DECLS
