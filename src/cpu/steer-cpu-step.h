#pragma once

#include "steer-cpu-context.h"

G_BEGIN_DECLS

/* Consecutive tokens of one run inside a step. */
typedef struct
{
  SteerRun *run;
  guint first; /* of the run's tokens */
  guint n;
  guint column; /* the first token's place in the step */
} SteerCpuSegment;

/* The tokens that go through the layers together. */
typedef struct
{
  SteerCpuSegment segments[STEER_MAX_SLOTS]; /* [n_segments] */
  guint n_segments;
  guint n_tokens;
  gboolean short_run; /* which kind of product; see STEER_CPU_SHORT_RUN */
  gboolean ends_only; /* of the last layer's output, at most the runs' last tokens are wanted */
} SteerCpuStep;

/* The segment in which @column lies. */
const SteerCpuSegment *steer_cpu_step_find_segment (const SteerCpuStep *self, guint column);

/* Takes the step through all layers and hands out what its runs want. Errors: G_IO_ERROR_CANCELLED. */
gboolean
steer_cpu_step_run (SteerCpuContext *context, const SteerCpuStep *step, GCancellable *cancellable, GError **error);

G_END_DECLS
