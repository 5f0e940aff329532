#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerCondition:
 *
 * On which positions a feature acts, as people write it: "activation(4711) > 2.5". What is measured is of a feature of
 * the same layer and the same source, or, without a number, of the feature itself:
 *
 * - activation: how strongly the feature fires, as its SAE measures it; needs a source with encoders
 * - projection: h.v on its unit vector, in raw units of the residual stream
 *
 * h is the residual stream behind the layer, as the features before this one in the preset have made it. There are two
 * comparisons, of which one is the other's "else": "> BOUND" and "<= BOUND". See #SteerPlanGate for what a backend
 * makes of it.
 */
typedef struct
{
  gboolean projection; /* else the activation */
  gboolean other;      /* of feature @index, else of the feature itself */
  guint64 index;
  gboolean above; /* "> bound", else "<= bound" */
  double bound;   /* finite */
} SteerCondition;

/* "activation > 2", "projection(17) <= -0.5"; white space is free. Errors: STEER_STEERING_ERROR_INVALID; the message
 * tells how a condition is written. */
gboolean steer_condition_parse (const char *text, SteerCondition *condition, GError **error);

/* What steer_condition_parse() reads, in one way of writing it. (transfer full) */
char *steer_condition_to_string (const SteerCondition *self);

/* NULL is no condition, and equal to itself. */
gboolean steer_condition_equal (const SteerCondition *a, const SteerCondition *b);

G_END_DECLS
