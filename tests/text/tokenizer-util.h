#pragma once

#include "text/steer-tokenizer.h"

/* The tokenizer fixtures/text/@name.json. */
SteerTokenizer *tokenizer_load_fixture (const char *name);

/* A tokenizer.json that is written in the test. */
SteerTokenizer *tokenizer_parse (const char *json, GError **error);

/* The smallest model there is, for such a text. */
#define TOKENIZER_MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"

/* The ids of @text; an error fails the test. */
GArray *tokenizer_encode (SteerTokenizer *tokenizer, const char *text, gsize length, SteerEncodeFlags flags);

const gint32 *tokenizer_ids (const GArray *ids);

/* Adds the test "/text/tokenizer/FIXTURE/@sentence" for each of the fixtures, with its name as the data. */
void tokenizer_add_for_fixtures (const char *sentence, GTestDataFunc func);
