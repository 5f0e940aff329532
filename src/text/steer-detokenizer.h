#pragma once

#include "steer-tokenizer.h"

G_BEGIN_DECLS

/**
 * SteerDetokenizer:
 *
 * Turns a stream of token ids into text that can be shown at once: never half a UTF-8 character, and at the end the
 * same text as decoding all ids together. One thread at a time.
 *
 * A run of byte tokens ("<0xE2>") of a SentencePiece-style model comes out when it ends: only then is it certain that
 * all of it is text, as the reference decodes runs as wholes.
 */
typedef struct _SteerDetokenizer SteerDetokenizer;

SteerDetokenizer *steer_detokenizer_new (SteerTokenizer *tokenizer, gboolean skip_special);
void steer_detokenizer_free (SteerDetokenizer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerDetokenizer, steer_detokenizer_free)

/* Appends to @text what has become certain with @id: possibly nothing. FALSE for an id outside the vocabulary. */
gboolean steer_detokenizer_push (SteerDetokenizer *self, gint32 id, GString *text, GError **error);

/* The stream has ended: what was held back is appended, incomplete characters as U+FFFD. */
void steer_detokenizer_finish (SteerDetokenizer *self, GString *text);

G_END_DECLS
