#pragma once

#include "steer-tokenizer-parts.h"

#include "tensor/steer-json-scanner.h"

G_BEGIN_DECLS

/* The file is read in one pass. Vocabulary and merges, 9 MB of it, go straight into their tables; the rest is small
 * and is kept as a tree until all of it is there. */
typedef struct
{
  SteerTokenizer *tokenizer;
  SteerJsonScanner *scanner;
  const char *json; /* [length] */
  gsize length;
  const char *name;

  JsonNode *added;
  JsonNode *normalizer;
  JsonNode *pretokenizer;
  JsonNode *post_processor;
  JsonNode *decoder;
  gboolean have_model;
  gboolean have_vocab;
  gboolean have_merges;
  gsize merges_offset; /* of merges that stand before the vocabulary; 0: none */
  char *unknown;
} SteerTokenizerReader;

/* Sets an error that names the file and the byte; returns FALSE. */
gboolean steer_reader_fail (SteerTokenizerReader *reader, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* The next token; the scanner's errors become this room's. */
SteerJsonToken steer_reader_next (SteerTokenizerReader *reader, GError **error);

gboolean steer_reader_skip (SteerTokenizerReader *reader, GError **error);

/* Fails with @what where @token is not @expected; an error that is already there stands. */
gboolean steer_reader_expect (SteerTokenizerReader *reader,
                              SteerJsonToken token,
                              SteerJsonToken expected,
                              const char *what,
                              GError **error);

/* The value of "model". */
gboolean steer_reader_read_model (SteerTokenizerReader *reader, GError **error);

G_END_DECLS
