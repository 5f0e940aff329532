#pragma once

#include "steering/steer-preset.h"

#include "steer-engine.h"

G_BEGIN_DECLS

/* What is tried. Everything is borrowed during the call. */
typedef struct
{
  SteerPreset *preset;           /* the feature and what else steers; its master switch counts as on */
  guint feature;                 /* the feature's position in it */
  SteerLibrary *library;         /* where directions come from */
  const double *strengths;       /* [n_strengths] that the feature is given */
  guint n_strengths;             /* at least 1 */
  const char *const *prompts;    /* NULL-terminated, at least one: what the user says, each in a chat of its own */
  const SteerSampling *sampling; /* max_tokens above 0 */
  gboolean all_slots;            /* nothing else uses the engine: not even a chat's slot is left alone */
} SteerSweepOptions;

/* What one strength makes of the prompts, over the replies that are there. */
typedef struct
{
  double strength;
  guint n_replies; /* that are there, 0 .. n_prompts */
  guint n_tokens;  /* of them all; the rest is 0 where there is none */

  /* Mean of h.v over the tokens, h being the residual stream behind the feature's layer while the unsteered model reads
   * them: how much of the feature is in what was written. Raw units. */
  double projection;

  /* Mean of -ln p (token) under the unsteered model: how strange it finds what was written. Nats. */
  double surprisal;

  /* 1 - distinct 3-grams of tokens / all 3-grams, 0 .. 1: Welleck et al. 2020, arXiv:1908.04319, seq-rep-3. */
  double repetition;
} SteerSweepPoint;

#define STEER_TYPE_SWEEP (steer_sweep_get_type ())

/**
 * SteerSweep:
 *
 * Replies to the same prompts without one feature of a preset and under several strengths of it, and measures of them
 * that tell where the feature is heard and where the text breaks down. Drives an engine by its public calls: a request
 * that comes meanwhile has its turn after at most a few replies. Main context of the engine.
 *
 * Points: number 0 is without the feature, number i has the i-th strength, from 1.
 *
 * Properties (read-only, notifying): progress (double, 0 .. 1), running (boolean).
 *
 * Signals:
 * - progressed (uint): another reply of the point with this number is there
 * - finished: all is there, or it was stopped, or failed; exactly once for each start
 */
G_DECLARE_FINAL_TYPE (SteerSweep, steer_sweep, STEER, SWEEP, GObject)

/* Makes the plans and the direction; files may be read for them. Errors: STEER_STEERING_ERROR as
 * steer_preset_make_plan()'s, STEER_CHAT_ERROR_NO_MODEL. */
SteerSweep *steer_sweep_new (SteerEngine *engine, const SteerSweepOptions *options, GError **error);

/* Once. */
void steer_sweep_start (SteerSweep *self);
/* What is there stays. Safe in any state; who lets go of a sweep that runs stops it first. */
void steer_sweep_stop (SteerSweep *self);

/* (nullable) (transfer none), after `finished`: STEER_CHAT_ERROR, STEER_MODEL_ERROR, STEER_TEXT_ERROR. */
const GError *steer_sweep_get_error (SteerSweep *self);

guint steer_sweep_get_n_points (SteerSweep *self);
guint steer_sweep_get_n_prompts (SteerSweep *self);
const char *steer_sweep_get_prompt (SteerSweep *self, guint prompt);
/* (transfer none) */
const SteerSweepPoint *steer_sweep_get_point (SteerSweep *self, guint point);
/* (nullable) (transfer none): NULL until it is there */
const char *steer_sweep_get_reply (SteerSweep *self, guint point, guint prompt);

/* How much more of the feature is heard at a point than without it, in the direction that it is steered to. Raw units;
 * 0 until both have replies. */
double steer_sweep_get_gain (SteerSweep *self, guint point);

/* Whether the replies of a point hold together: they are hardly stranger to the unsteered model than those without the
 * feature, and hardly repeat themselves more. FALSE until both have all their replies. */
gboolean steer_sweep_holds (SteerSweep *self, guint point);

/* The point at which most of the feature is heard, short of where the replies begin to fall apart. FALSE where none is
 * better than to do without it. */
gboolean steer_sweep_suggest (SteerSweep *self, guint *point);

/* The arithmetic of SteerSweepPoint.repetition. */
double steer_sweep_find_repetition (const gint32 *tokens, guint n_tokens);

/* What is asked where nobody asks anything else: NULL-terminated. */
extern const char *const steer_sweep_prompts[];

G_END_DECLS
