#pragma once

#include "steering/steer-plan.h"

G_BEGIN_DECLS

/* What one strength makes of the prompts of a sweep, over the replies that are there. */
typedef struct
{
  double strength;
  guint n_replies; /* that are there */
  guint n_empty;   /* of them, without a token */
  guint n_tokens;  /* of them all; what follows is 0 where there is none */

  /* Mean of h.v over the tokens, h being the residual stream behind the feature's layer while the unsteered model reads
   * them: how much of the feature is in what was written. Raw units. */
  double projection;

  /* Standard error, over the prompts, of the difference of @projection to that without the feature; 0 where there are
   * not two replies of each. */
  double error;

  /* Mean of -ln p (token) under the unsteered model: how strange it finds what was written. Nats. */
  double surprisal;

  /* 1 - distinct 3-grams of tokens / all 3-grams, 0 .. 1: Welleck et al. 2020, arXiv:1908.04319, seq-rep-3. */
  double repetition;
} SteerSweepPoint;

/*
 * The rules by which points are judged. @points: [n_points], of which the first is without the feature. A point that
 * has not got @n_prompts replies yet is not judged.
 */

/* How much more of the feature is heard at a point than without it, in the direction in which its mode works: that of
 * the strength's sign where it is added, up to a minimum, down to a maximum, towards 0 with a cap, and where the
 * projection is set, from what it is without the feature to there. Raw units; 0 where one of them has no token. */
double steer_sweep_point_get_gain (const SteerSweepPoint *points, guint number, SteerMode mode);

/* Whether the replies hold together: their surprisal is at most 1.8 times that without the feature, or 0.4 nats above
 * it, they repeat at most 0.15 more of themselves, have a quarter of its tokens at least, and no more of them are
 * empty. FALSE where there is nothing to compare with. */
gboolean steer_sweep_point_holds (const SteerSweepPoint *points, guint number, guint n_prompts);

/* The point at which most of the feature is heard, by more than its error, short of the gentlest whose replies fall
 * apart. FALSE where there is none. */
gboolean steer_sweep_points_suggest (const SteerSweepPoint *points,
                                     guint n_points,
                                     guint n_prompts,
                                     SteerMode mode,
                                     guint *number);

/* The arithmetic of SteerSweepPoint.repetition. */
double steer_sweep_find_repetition (const gint32 *tokens, guint n_tokens);

G_END_DECLS
