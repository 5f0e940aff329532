#pragma once

#include "steer-cpu-context.h"

G_BEGIN_DECLS

/* Sets all strides and n_bytes for chunks of up to @chunk tokens. FALSE when a size overflows. */
gboolean steer_cpu_work_measure (SteerCpuWork *self,
                                 const SteerModelConfig *config,
                                 guint chunk,
                                 guint n_context,
                                 guint n_threads);

/* After measuring. FALSE when the memory cannot be had. */
gboolean steer_cpu_work_allocate (SteerCpuWork *self, const SteerModelConfig *config, guint n_context, guint n_threads);
void steer_cpu_work_clear (SteerCpuWork *self);

/* Of a partial result's row, [span_stride]: the largest score so far, and the sum of exp(score - largest). */
static inline float *
steer_cpu_work_row_max (const SteerCpuWork *self, float *row)
{
  return row + self->head_stride;
}

static inline float *
steer_cpu_work_row_sum (const SteerCpuWork *self, float *row)
{
  return row + self->head_stride + 1;
}

G_END_DECLS
