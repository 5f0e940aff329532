#pragma once

#include "steer-sae.h"

G_BEGIN_DECLS

/* A feature that fires, and how strongly. */
typedef struct
{
  guint32 feature;
  float value; /* above 0 */
} SteerSaeActive;

/**
 * SteerSaeCodes:
 *
 * Which features fire on each of some tokens. Those of token t are active[begin[t]] to active[begin[t + 1] - 1], in
 * order of their indices.
 */
typedef struct
{
  guint n_tokens;
  gsize *begin;           /* [n_tokens + 1] */
  SteerSaeActive *active; /* [begin[n_tokens]] */
} SteerSaeCodes;

void steer_sae_codes_free (SteerSaeCodes *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerSaeCodes, steer_sae_codes_free)

/* @fraction: 0 to 1. Called from one of the threads that work. */
typedef void (*SteerSaeProgressFunc) (double fraction, gpointer data);

/**
 * steer_sae_encode:
 * @residual: [n_tokens, d_model], the residual stream behind the SAE's layer
 * @n_threads: 0: one a core
 * @progress: (nullable)
 *
 * The activations that the format's own library computes, in float32. The encoder is read once, in tiles, whatever its
 * type and order in the file are. Errors: STEER_STEERING_ERROR_INVALID (the encoder cannot be used, see
 * steer_sae_get_encoder_problem()), STEER_TENSOR_ERROR_NO_MEMORY, G_IO_ERROR_CANCELLED. Any thread; blocks.
 */
SteerSaeCodes *steer_sae_encode (SteerSae *self,
                                 const float *residual,
                                 guint n_tokens,
                                 guint n_threads,
                                 SteerSaeProgressFunc progress,
                                 gpointer progress_data,
                                 GCancellable *cancellable,
                                 GError **error);

G_END_DECLS
