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

G_END_DECLS
