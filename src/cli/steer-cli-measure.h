#pragma once

#include "steer-cli.h"

G_BEGIN_DECLS

/* What one kind of pass took, with and without steering, measured in turns in the same run. */
typedef struct
{
  double plain;   /* seconds for all tokens, unsteered */
  double steered; /* the same, steered */
  double cost;    /* what steering adds, as a fraction of the unsteered time: median of the pairs */
} SteerCliTiming;

/**
 * SteerCliMeasurement:
 *
 * Speed of a context. Tokens are drawn at random: what they say does not change what they cost.
 */
typedef struct
{
  guint n_prompt;
  guint n_generated;
  SteerCliTiming prefill; /* of n_prompt tokens */
  SteerCliTiming decode;  /* of n_generated tokens, one by one, behind the prompt */
} SteerCliMeasurement;

/* Measures @context, which must hold n_prompt + n_generated tokens. Blocks. @plan: what "steered" means. Errors: those
 * of steer_context_forward(). */
gboolean steer_cli_measure (SteerContext *context,
                            SteerPlan *plan,
                            guint n_prompt,
                            guint n_generated,
                            SteerCliMeasurement *measurement,
                            GCancellable *cancellable,
                            GError **error);

/* A plan of @n_features random directions, spread over @n_layers of the model's layers, weak enough to change nothing
 * that matters. Fewer where the model has fewer layers. */
SteerPlan *steer_cli_make_random_plan (const SteerModelConfig *config, guint n_features, guint n_layers);

G_END_DECLS
