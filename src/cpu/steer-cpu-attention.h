#pragma once

#include "steer-cpu-step.h"

G_BEGIN_DECLS

/* Deals the step's attention out to work items: once for every layer with the window, and once for those without. */
void steer_cpu_attention_plan (SteerCpuContext *self, const SteerCpuStep *step);
void steer_cpu_attention_clear (SteerCpuContext *self);

/* work.attended = softmax(work.query keys' / sqrt(head_dim)) values, with the model's query_scalar and
 * attention_softcap where it has them, over the cached positions each token may see, which
 * include those of this step, already written. */
void steer_cpu_attention_run (SteerCpuContext *self, const SteerCpuStep *step, guint layer);

G_END_DECLS
