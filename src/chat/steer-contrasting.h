#pragma once

#include "steering/steer-made-feature.h"

#include "steer-engine.h"

G_BEGIN_DECLS

/**
 * steer_engine_contrast_async:
 * @with: (array zero-terminated=1): examples of what a feature of one's own is to be about, at least one
 * @without: (array zero-terminated=1) (nullable): examples of what it is not about; NULL or none: English prose that
 * the program brings along
 *
 * Finds what tells the examples apart in the loaded model, unsteered, in each of its layers: see #SteerContrast. On the
 * engine's worker: a reply that is asked for meanwhile waits, and cancelling gives way to it within a chunk. Computes
 * in the last slot, so that with more than one a chat keeps its cache. The engine's `progress` follows the examples.
 *
 * Errors: STEER_CHAT_ERROR_NO_MODEL, _NO_TEXT, _INVALID (no examples, one without a token), _CONTEXT_FULL,
 * STEER_TEXT_ERROR, STEER_MODEL_ERROR, STEER_TENSOR_ERROR_NO_MEMORY, G_IO_ERROR_CANCELLED.
 */
void steer_engine_contrast_async (SteerEngine *self,
                                  const char *const *with,
                                  const char *const *without,
                                  SteerExampleForm form,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
SteerContrast *steer_engine_contrast_finish (SteerEngine *self, GAsyncResult *result, GError **error);

/* The lines of a text that are not blank, as examples, without the spaces around them. (transfer full) */
char **steer_split_examples (const char *text);

G_END_DECLS
