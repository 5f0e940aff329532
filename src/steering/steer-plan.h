#pragma once

#include "steer-encoder.h"
#include "steer-mode.h"

G_BEGIN_DECLS

/**
 * SteerWhen:
 * @STEER_WHEN_ALWAYS: on every h
 * @STEER_WHEN_ABOVE: where m > bound
 * @STEER_WHEN_BELOW: where not m > bound: what ABOVE leaves, so that the two make an "if" and its "else"
 *
 * On which h an operation acts, m being what its gate measures of the same h that the operation would change.
 */
typedef enum
{
  STEER_WHEN_ALWAYS,
  STEER_WHEN_ABOVE,
  STEER_WHEN_BELOW,
} SteerWhen;

/* Where it is shut every bit of h stays. Two backends may differ where m is within rounding of the bound. */
typedef struct
{
  SteerWhen when;
  float bound;
  const float *vector;         /* [d_model] (nullable), unit length: m = h.vector; owned by the plan */
  const SteerEncoder *encoder; /* (nullable): m = f(h) of it; owned by the plan. One of the two but for ALWAYS */
  const char *text;            /* (nullable): "activation(7) > 2", for people, as labels are; owned by the plan */
} SteerPlanGate;

/* One intervention on the output of decoder layer @layer (after the MLP's residual add). */
typedef struct
{
  guint layer; /* decoder layer, from 0 */
  SteerMode mode;
  float strength; /* a: raw units of the residual stream, for SAE_CLAMP of the activation; master multiplier included */
  const float *vector;         /* [d_model], unit length in f32; owned by the plan */
  const SteerEncoder *encoder; /* SAE_CLAMP, else NULL; owned by the plan */
  guint64 index;               /* feature index, for people: the plan's arithmetic does not use it */
  const char *label;           /* (nullable): the same; owned by the plan */
  SteerPlanGate gate;
} SteerPlanOp;

/**
 * SteerPlan:
 *
 * What a backend gets: an immutable, reference-counted snapshot of the interventions that are in force, grouped by
 * layer, in the preset's order inside a layer. Operations that cannot change anything are left out when the plan is
 * made, so that an empty plan is the same as none: those of disabled features, and ADD with strength 0. Every other
 * mode does something to some h, whatever its strength. Any thread.
 */
#define STEER_TYPE_PLAN (steer_plan_get_type ())
typedef struct _SteerPlan SteerPlan;

GType steer_plan_get_type (void);

SteerPlan *steer_plan_ref (SteerPlan *self);
void steer_plan_unref (SteerPlan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerPlan, steer_plan_unref)

/* Collects operations; a vector is held by reference (GBytes of d_model floats), never copied per slider move. */
typedef struct _SteerPlanBuilder SteerPlanBuilder;

SteerPlanBuilder *steer_plan_builder_new (guint d_model);
void steer_plan_builder_free (SteerPlanBuilder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerPlanBuilder, steer_plan_builder_free)

/* What the features of the operations that are added next are called; NULL, as at first: nothing. */
void steer_plan_builder_set_label (SteerPlanBuilder *self, const char *label);

/* The gate of the operations that are added next; at first ALWAYS, which needs nothing more. The others measure by
 * @vector (d_model floats of unit length) or by @encoder, one of which is given. @text: (nullable): what people read.
 * Returns FALSE, leaving ALWAYS, when the bound is not finite or the width is another one. */
gboolean steer_plan_builder_set_gate (SteerPlanBuilder *self,
                                      SteerWhen when,
                                      float bound,
                                      GBytes *vector,
                                      SteerEncoder *encoder,
                                      const char *text);

/* @vector: d_model floats of unit length; must be exactly that many bytes. Returns FALSE, adding nothing, when the
 * size is wrong, the strength is not finite, or @mode is SAE_CLAMP, which needs an encoder. */
gboolean steer_plan_builder_add (SteerPlanBuilder *self,
                                 guint layer,
                                 guint64 index,
                                 SteerMode mode,
                                 float strength,
                                 GBytes *vector);

/* SAE_CLAMP: @activation is what the feature's activation becomes. FALSE as above, and when @encoder has another width.
 */
gboolean steer_plan_builder_add_sae_clamp (SteerPlanBuilder *self,
                                           guint layer,
                                           guint64 index,
                                           float activation,
                                           GBytes *vector,
                                           SteerEncoder *encoder);

/* Options of a preset. Defaults: the prompt is steered, special tokens too. */
void steer_plan_builder_set_steer_prompt (SteerPlanBuilder *self, gboolean steer_prompt);
void steer_plan_builder_set_skip_special (SteerPlanBuilder *self, gboolean skip_special);

/* Never NULL; the builder is empty afterwards. */
SteerPlan *steer_plan_builder_end (SteerPlanBuilder *self);

guint steer_plan_get_d_model (SteerPlan *self);
guint steer_plan_get_n_ops (SteerPlan *self);

/* All operations, ordered by layer. (transfer none) */
const SteerPlanOp *steer_plan_get_ops (SteerPlan *self);

/* The operations of one layer; *n_ops is 0 where there is none. O(1) amortised, safe for a NULL plan. */
const SteerPlanOp *steer_plan_get_layer_ops (SteerPlan *self, guint layer, guint *n_ops);

gboolean steer_plan_get_steer_prompt (SteerPlan *self);
gboolean steer_plan_get_skip_special (SteerPlan *self);

/* Same effect on every token: same operations with the same vectors, encoders and gates, and the same options. NULL and
 * an empty plan are equal to each other. */
gboolean steer_plan_equal (SteerPlan *a, SteerPlan *b);

/* The highest layer of the plan + 1, or 0. For checking against a model. */
guint steer_plan_get_n_layers (SteerPlan *self);

/**
 * SteerLivePlan:
 *
 * The place where the interface leaves the newest plan and the worker finds it, at every decode step. Thread-safe,
 * reference-counted, one writer or many.
 */
typedef struct _SteerLivePlan SteerLivePlan;

SteerLivePlan *steer_live_plan_new (SteerPlan *plan);
SteerLivePlan *steer_live_plan_ref (SteerLivePlan *self);
void steer_live_plan_unref (SteerLivePlan *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerLivePlan, steer_live_plan_unref)

/* @plan: (nullable): no steering. A plan that is equal, and of the same features by the same labels, leaves the one
 * that is there: what is told of it, a reply's record for one, stays true. */
void steer_live_plan_set (SteerLivePlan *self, SteerPlan *plan);

/* A new reference, or NULL. */
SteerPlan *steer_live_plan_dup (SteerLivePlan *self);

G_END_DECLS
