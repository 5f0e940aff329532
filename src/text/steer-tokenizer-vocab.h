#pragma once

#include "steer-tokenizer.h"

G_BEGIN_DECLS

/* What a token is, with GGUF's numbers (tokenizer.ggml.token_type). Control, unknown and user-defined tokens are added
 * tokens: they are found in text as wholes, control tokens only where special tokens are parsed. */
typedef enum
{
  STEER_TOKEN_NORMAL = 1,
  STEER_TOKEN_UNKNOWN = 2,
  STEER_TOKEN_CONTROL = 3,
  STEER_TOKEN_USER_DEFINED = 4,
  STEER_TOKEN_UNUSED = 5,
  STEER_TOKEN_BYTE = 6, /* "<0x0A>" */
} SteerTokenType;

typedef enum
{
  STEER_VOCAB_BYTE_LEVEL,    /* GGUF's tokenizer.ggml.model "gpt2": bytes in GPT-2's alphabet, a list of merges */
  STEER_VOCAB_SENTENCEPIECE, /* "llama": U+2581 for a space, merging by the best score, bytes for what is left */
} SteerVocabModel;

/**
 * SteerVocabOptions:
 *
 * A vocabulary as plain lists, in the order of the ids. Nothing of it is kept. Begin with STEER_VOCAB_OPTIONS_INIT.
 */
typedef struct
{
  SteerVocabModel model;
  const char *const *tokens; /* [n_tokens] contents, UTF-8 */
  guint n_tokens;
  const gint32 *types;       /* [n_tokens] of SteerTokenType, or NULL: all are normal */
  const float *scores;       /* [n_tokens]; needed for SentencePiece */
  const char *const *merges; /* [n_merges] "left right", the first is done first; byte-level */
  guint n_merges;
  const char *pre; /* byte-level, how words are cut, with GGUF's names: "llama-bpe", "gpt-2", "qwen2", "smollm",
                      "tekken", "deepseek-llm"...; NULL: "default", which is as "gpt-2" */
  gboolean add_space_prefix; /* SentencePiece: a space before each text */
  gint32 bos;                /* ids; -1: none */
  gint32 eos;
  gint32 unknown;
  gboolean add_bos; /* with STEER_ENCODE_ADD_BOS */
  gboolean add_eos;
} SteerVocabOptions;

#define STEER_VOCAB_OPTIONS_INIT                                                                                       \
  {                                                                                                                    \
    .add_space_prefix = TRUE, .bos = -1, .eos = -1, .unknown = -1                                                      \
  }

/* Whether a byte-level vocabulary cut by @pre (nullable) begins texts with BOS where nobody says if it does. */
gboolean steer_vocab_pre_begins_with_bos (const char *pre);

/* GGUF's name of how @tokenizer, a byte-level one, cuts words; NULL when it has none. */
const char *steer_vocab_find_pre (SteerTokenizer *tokenizer);

/* @name stands for the file in messages. Errors: STEER_TEXT_ERROR_INVALID, _UNSUPPORTED (an unknown @pre). */
SteerTokenizer *steer_tokenizer_new_from_vocab (const SteerVocabOptions *options, const char *name, GError **error);

G_END_DECLS
