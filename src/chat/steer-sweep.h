#pragma once

#include "steering/steer-preset.h"

#include "steer-engine.h"
#include "steer-sweep-point.h"

G_BEGIN_DECLS

/* What a sweep is where nobody says otherwise: so many strengths, up to that share of the layer's typical norm, replies
 * of so many tokens at most. */
#define STEER_SWEEP_N_STRENGTHS 8
#define STEER_SWEEP_NORM_SHARE 0.8
#define STEER_SWEEP_N_TOKENS 48

#define STEER_SWEEP_MAX_STRENGTHS 100
#define STEER_SWEEP_MAX_PROMPTS 200

/* What is asked where nobody asks anything else: NULL-terminated. */
extern const char *const steer_sweep_prompts[];

/* What is tried. Everything is borrowed during the call. */
typedef struct
{
  SteerPreset *preset;             /* the feature and what else steers; its master switch counts as on */
  guint feature;                   /* the feature's position in it */
  SteerLibrary *library;           /* where directions come from */
  const double *strengths;         /* [n_strengths] that the feature is given; the master multiplier acts on them */
  guint n_strengths;               /* 1 .. STEER_SWEEP_MAX_STRENGTHS */
  const char *const *prompts;      /* NULL-terminated, at least one: what the user says, each in a chat of its own */
  const char *const *stop_strings; /* (nullable) */
  const SteerSampling *sampling;   /* max_tokens above 0 */
  gboolean all_slots;              /* nothing else uses the engine: not even a chat's slot is left alone */
} SteerSweepOptions;

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
 * steer_preset_make_plan()'s, STEER_CHAT_ERROR_NO_MODEL, _INVALID (too many strengths or prompts, a multiplier of 0).
 */
SteerSweep *steer_sweep_new (SteerEngine *engine, const SteerSweepOptions *options, GError **error);

/* Once. */
void steer_sweep_start (SteerSweep *self);
/* What is there stays. Safe in any state; who lets go of a sweep that runs stops it first. */
void steer_sweep_stop (SteerSweep *self);

/* (nullable) (transfer none), after `finished`: STEER_CHAT_ERROR (_NO_MODEL where another model came),
 * STEER_MODEL_ERROR, STEER_TEXT_ERROR. One that steer_sweep_stop() ended has none. */
const GError *steer_sweep_get_error (SteerSweep *self);

guint steer_sweep_get_n_points (SteerSweep *self);
guint steer_sweep_get_n_prompts (SteerSweep *self);
const char *steer_sweep_get_prompt (SteerSweep *self, guint prompt);
/* (transfer none) */
const SteerSweepPoint *steer_sweep_get_point (SteerSweep *self, guint point);
/* (nullable) (transfer none): NULL until it is there */
const char *steer_sweep_get_reply (SteerSweep *self, guint point, guint prompt);

/* By the rules of steer-sweep-point.h. */
double steer_sweep_get_gain (SteerSweep *self, guint point);
gboolean steer_sweep_holds (SteerSweep *self, guint point);
gboolean steer_sweep_suggest (SteerSweep *self, guint *point);

G_END_DECLS
