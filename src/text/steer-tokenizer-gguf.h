#pragma once

#include "steer-tokenizer.h"
#include "tensor/steer-archive.h"

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

G_END_DECLS
