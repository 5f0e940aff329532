#pragma once

#include "steer-engine.h"

G_BEGIN_DECLS

/**
 * SteerScore:
 *
 * What the unsteered model makes of the end of a text, its tokens from one on, T of them.
 */
typedef struct
{
  guint n_tokens;    /* T */
  double surprisal;  /* mean of -ln p (token | all tokens before it), nats; exp of it is the perplexity */
  double projection; /* mean of h.v behind the layer, raw units of the residual stream; 0 without a vector */
} SteerScore;

/**
 * steer_engine_score_async:
 * @tokens: [n_tokens]
 * @first: the first token that is judged, at least 1, as the first of all has nothing before it
 * @layer: whose output is projected
 * @vector: (nullable): d_model floats
 *
 * Reads the tokens once, unsteered and from the beginning. On the engine's worker, in the last slot, so that with more
 * than one a chat keeps its cache.
 *
 * Errors: STEER_CHAT_ERROR_NO_MODEL, _INVALID (no token to judge, one that the model has not, a layer that it has not,
 * a vector of another width), _CONTEXT_FULL, STEER_MODEL_ERROR, G_IO_ERROR_CANCELLED.
 */
void steer_engine_score_async (SteerEngine *self,
                               const gint32 *tokens,
                               guint n_tokens,
                               guint first,
                               guint layer,
                               GBytes *vector,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
/* @score: out */
gboolean steer_engine_score_finish (SteerEngine *self, GAsyncResult *result, SteerScore *score, GError **error);

G_END_DECLS
