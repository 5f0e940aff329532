#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * SteerMode:
 * @STEER_MODE_ADD: h = h + a*v
 * @STEER_MODE_CLAMP: h = h + (a - h.v)*v, with the h that the earlier features of the layer have already changed
 */
typedef enum
{
  STEER_MODE_ADD,
  STEER_MODE_CLAMP,
} SteerMode;

/* One intervention on the output of decoder layer @layer (after the MLP's residual add). */
typedef struct
{
  guint layer; /* decoder layer, from 0 */
  SteerMode mode;
  float strength;      /* raw units of the residual stream, master multiplier included */
  const float *vector; /* [d_model], unit length in f32; owned by the plan */
  guint64 index;       /* feature index, for people: the plan's arithmetic does not use it */
} SteerPlanOp;

/**
 * SteerPlan:
 *
 * What a backend gets: an immutable, reference-counted snapshot of the interventions that are in force, grouped by
 * layer, in the preset's order inside a layer. Operations that cannot change anything (add with strength 0, disabled
 * features) are left out when the plan is made, so that an empty plan is the same as none. Any thread.
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

/* @vector: d_model floats of unit length; must be exactly that many bytes. Returns FALSE, adding nothing, when the
 * size is wrong or the strength is not finite. */
gboolean steer_plan_builder_add (SteerPlanBuilder *self,
                                 guint layer,
                                 guint64 index,
                                 SteerMode mode,
                                 float strength,
                                 GBytes *vector);

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

/* Same effect on every token: same operations with the same vectors, and the same options. NULL and an empty plan
 * are equal to each other. */
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

/* @plan: (nullable): no steering. */
void steer_live_plan_set (SteerLivePlan *self, SteerPlan *plan);

/* A new reference, or NULL. */
SteerPlan *steer_live_plan_dup (SteerLivePlan *self);

G_END_DECLS
