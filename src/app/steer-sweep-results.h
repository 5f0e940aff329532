#pragma once

#include <adwaita.h>

#include "chat/steer-sweep.h"

G_BEGIN_DECLS

#define STEER_TYPE_SWEEP_RESULTS (steer_sweep_results_get_type ())

/**
 * SteerSweepResults:
 *
 * What a sweep has found, while it is under way and after: a chart, the measures and the replies of the strength that
 * is chosen. Until a person chooses, it is the best so far.
 *
 * Properties: usable (boolean, read-only: what is chosen is a strength, not being without the feature).
 */
G_DECLARE_FINAL_TYPE (SteerSweepResults, steer_sweep_results, STEER, SWEEP_RESULTS, GtkWidget)

/* @sweep: (nullable): which has not begun; NULL: none any more. @norm: of the layer's stream, 0: unknown.
 * @strength_norm: what a strength of the feature is a share of, 0: of nothing that is known. */
void steer_sweep_results_set_sweep (SteerSweepResults *self, SteerSweep *sweep, double norm, double strength_norm);

/* What is chosen, with what was typed last. FALSE where that is no strength. */
gboolean steer_sweep_results_get_strength (SteerSweepResults *self, double *strength);

/* One chooses there from now on. */
void steer_sweep_results_focus (SteerSweepResults *self);

G_END_DECLS
