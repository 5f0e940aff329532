#pragma once

#include "steer-tokenizer-private.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/*
 * The parts of a tokenizer.json other than the model, each from its JSON value into @tokenizer. A null value or an
 * absent one (NULL) means that there is no such part. @name stands for the file.
 *
 * Errors: STEER_TEXT_ERROR_UNSUPPORTED for a kind that is not known, which the message names;
 * STEER_TEXT_ERROR_INVALID for one that lacks what it needs.
 */
gboolean steer_tokenizer_read_normalizer (SteerTokenizer *tokenizer, JsonNode *node, const char *name, GError **error);

/* @byte_level is set when the words are spelled as bytes. */
gboolean steer_tokenizer_read_pretokenizer (SteerTokenizer *tokenizer,
                                            JsonNode *node,
                                            const char *name,
                                            gboolean *byte_level,
                                            GError **error);

gboolean
steer_tokenizer_read_post_processor (SteerTokenizer *tokenizer, JsonNode *node, const char *name, GError **error);

gboolean steer_tokenizer_read_decoder (SteerTokenizer *tokenizer, JsonNode *node, const char *name, GError **error);

/* The added tokens: of SteerAddedEntry, which own their contents. NULL on error. */
GArray *steer_tokenizer_read_added (JsonNode *node, const char *name, GError **error);

G_END_DECLS
