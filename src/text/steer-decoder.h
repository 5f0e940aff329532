#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerDecoder:
 *
 * How token contents become text: the steps of a tokenizer.json's decoder. Each token goes through the steps one by
 * one as it arrives, so that decoding a stream and decoding a whole list are the same thing. Immutable once built.
 *
 * A SteerDecodeState is one stream: a decoder may serve many at once, each on one thread at a time.
 */
typedef struct _SteerDecoder SteerDecoder;

SteerDecoder *steer_decoder_new (void);
void steer_decoder_free (SteerDecoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerDecoder, steer_decoder_free)

/* "<0xE2>" is a byte. A run of them that is not UTF-8 as a whole becomes one U+FFFD a byte, as the reference has it;
 * therefore text waits for the end of its run. */
void steer_decoder_add_byte_fallback (SteerDecoder *self);

/* Takes @regex; with NULL, @literal is replaced. */
void steer_decoder_add_replace (SteerDecoder *self, const char *literal, GRegex *regex, const char *content);

/* Takes up to @start and @stop times @character from the ends of each token, or after a Fuse of the whole text. */
void steer_decoder_add_strip (SteerDecoder *self, gunichar character, guint start, guint stop);

/* @mark is a space, or in the first token nothing where @drop_first is set. */
void steer_decoder_add_metaspace (SteerDecoder *self, gunichar mark, gboolean drop_first);

/* From here on the tokens are one text. */
void steer_decoder_add_fuse (SteerDecoder *self);

/* Reads GPT-2's byte alphabet; the bytes are one text from here on, in which what is not UTF-8 becomes U+FFFD. */
void steer_decoder_add_byte_level (SteerDecoder *self);

/* A space between tokens: what the reference does where a file has no decoder. */
void steer_decoder_add_join (SteerDecoder *self);

guint steer_decoder_get_n_steps (const SteerDecoder *self);

/* TRUE when a step of this name may not follow those already there: only Strip may come after the text is fused. */
gboolean steer_decoder_is_fused (const SteerDecoder *self);

typedef struct _SteerDecodeState SteerDecodeState;

SteerDecodeState *steer_decode_state_new (const SteerDecoder *decoder);
void steer_decode_state_free (SteerDecodeState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerDecodeState, steer_decode_state_free)

/* Appends to @text (UTF-8) what is certain after the token @content ([length]). */
void steer_decode_state_push (SteerDecodeState *state, const char *content, gsize length, GString *text);

/* The last token has come: appends what was held back. The state is then as new. */
void steer_decode_state_finish (SteerDecodeState *state, GString *text);

G_END_DECLS
