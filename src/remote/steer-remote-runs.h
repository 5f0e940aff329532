#pragma once

#include "model/steer-backend.h"
#include "steer-remote-plans.h"

G_BEGIN_DECLS

/**
 * SECTION: runs on the wire
 *
 * What steer_context_forward() takes, and what it gives. Both directions allocate only what they checked to be
 * possible.
 */

/* STEER_WIRE_FORWARD with the plans' news; (transfer floating). */
GVariant *steer_remote_runs_to_variant (SteerPlanSender *plans, const SteerRun *runs, guint n_runs, guint n_vocab);

/* Runs that arrived, with all that they point to, and room for what they give. */
typedef struct
{
  SteerRun runs[STEER_MAX_SLOTS]; /* [n_runs] */
  guint n_runs;

  /*< private >*/
  SteerSampling sampling[STEER_MAX_SLOTS];
} SteerRemoteRuns;

/* @n_context: tokens that a run may have. Checks what the sizes of the arrays depend on; the rest is
 * steer_context_forward()'s to check. A plan that @plans has stays its. A run that wants a token gets room for the last
 * logits too, whoever chooses. Errors: STEER_MODEL_ERROR. */
gboolean steer_remote_runs_read (SteerRemoteRuns *self,
                                 GVariant *variant,
                                 SteerPlanReceiver *plans,
                                 const SteerModelConfig *config,
                                 guint n_context,
                                 GError **error);
void steer_remote_runs_clear (SteerRemoteRuns *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerRemoteRuns, steer_remote_runs_clear)

/* STEER_WIRE_RESULTS; (transfer floating). */
GVariant *steer_remote_runs_results (const SteerRemoteRuns *self, const SteerModelConfig *config);

/* Puts what arrived where the runs want it. FALSE with STEER_MODEL_ERROR_DEVICE when it is not what they want. */
gboolean steer_remote_runs_take_results (SteerRun *runs,
                                         guint n_runs,
                                         const SteerModelConfig *config,
                                         GVariant *results,
                                         GError **error);

/* Bytes of the results, at most; G_MAXSIZE where they are beyond counting. */
gsize steer_remote_runs_count_bytes (const SteerRun *runs, guint n_runs, const SteerModelConfig *config);

G_END_DECLS
