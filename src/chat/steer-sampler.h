#pragma once

#include "steering/steer-sampling.h"

G_BEGIN_DECLS

/**
 * SteerSampler:
 *
 * Chooses the next token. The order and the definitions are those of transformers' logits processors and warpers.
 * Scratch memory is kept between calls. One thread at a time.
 */
typedef struct _SteerSampler SteerSampler;

SteerSampler *steer_sampler_new (guint n_vocab);
void steer_sampler_free (SteerSampler *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerSampler, steer_sampler_free)

/**
 * steer_sampler_choose:
 * @logits: [n_vocab], changed by the call
 * @seen: (nullable): bit set [(n_vocab + 31) / 32] of the tokens that the repetition penalty applies to
 * @uniform: [0, 1): greedy does not use it; else the token whose interval of the cumulative distribution, in order of
 *   falling probability and then rising id, holds it
 *
 * Logits that are NaN are never chosen.
 */
gint32 steer_sampler_choose (SteerSampler *self,
                             const SteerSampling *sampling,
                             float *logits,
                             const guint32 *seen,
                             double uniform);

/* The n-th uniform number of a seed: counter-based, so a reply can be resumed at any token. */
double steer_sampler_uniform (guint64 seed, guint64 n);

G_END_DECLS
