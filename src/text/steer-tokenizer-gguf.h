#pragma once

#include "steer-tokenizer.h"
#include "tensor/steer-archive.h"
#include "tensor/steer-gguf-writer.h"

G_BEGIN_DECLS

/**
 * steer_tokenizer_new_from_archive:
 * @archive: a GGUF file with the keys tokenizer.ggml.*
 *
 * The models "llama" (SentencePiece) and "gpt2" (byte-level) with its ways to cut words, tokenizer.ggml.pre. Where a
 * file is silent, what llama.cpp assumes holds, except that byte-level models have no BOS, EOS or unknown token then.
 * Errors: STEER_TEXT_ERROR_NOT_FOUND, _INVALID, _UNSUPPORTED. Any thread.
 */
SteerTokenizer *steer_tokenizer_new_from_archive (SteerArchive *archive, GError **error);

/* @path: a model's folder, which holds tokenizer.json, a tokenizer.json, or a GGUF file. Errors: those of the
 * constructors, STEER_TENSOR_ERROR; STEER_TEXT_ERROR_NOT_FOUND when the model has no tokenizer. */
SteerTokenizer *steer_tokenizer_new_for_model (const char *path, GError **error);

/**
 * steer_tokenizer_write_gguf:
 * @tokenizer: made from a tokenizer.json
 * @n_vocab: rows of the model's embedding; places without a token are filled with unused ones
 * @name: stands for the tokenizer's file in messages
 *
 * Adds the keys tokenizer.ggml.* but for the special tokens' ids. A tokenizer made from what was written gives the same
 * ids. Errors: STEER_TEXT_ERROR_UNSUPPORTED, where GGUF has no word for what the tokenizer does, _INVALID (more tokens
 * than rows).
 */
gboolean steer_tokenizer_write_gguf (SteerTokenizer *tokenizer,
                                     SteerGgufWriter *writer,
                                     guint n_vocab,
                                     const char *name,
                                     GError **error);

G_END_DECLS
