#pragma once

#include "tensor/steer-gguf-writer.h"
#include "steer-model.h"

G_BEGIN_DECLS

/* What the matrices of an exported model are stored as. Vectors are always F32. */
typedef enum
{
  STEER_EXPORT_F32,
  STEER_EXPORT_F16,
  STEER_EXPORT_BF16,
  STEER_EXPORT_Q8_0,
  STEER_EXPORT_Q4_0,   /* the output matrix in Q6_K */
  STEER_EXPORT_Q4_K_M, /* as llama.cpp mixes it: Q4_K, and Q6_K where it matters most */

  STEER_N_EXPORTS
} SteerExportType;

/* "f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m" and back, whatever their case; FALSE when unknown. */
const char *steer_export_type_get_name (SteerExportType type);
gboolean steer_export_type_from_name (const char *name, SteerExportType *type);

typedef enum
{
  STEER_EXPORT_ROLE_OTHER,
  STEER_EXPORT_ROLE_OUTPUT, /* or the embedding, where it is the output too */
  STEER_EXPORT_ROLE_VALUE,  /* attn_v */
  STEER_EXPORT_ROLE_DOWN,   /* ffn_down */
} SteerExportRole;

/* What a matrix with rows of @n_columns becomes: the type's own choice, or where the rows are no multiple of its block,
 * the nearest type with smaller blocks. @layer: of @n_layers. */
SteerDtype
steer_export_type_choose (SteerExportType type, SteerExportRole role, guint layer, guint n_layers, gint64 n_columns);

/* @fraction: 0 .. 1. Called from the thread that exports. */
typedef void (*SteerExportProgress) (double fraction, gpointer data);

/**
 * steer_model_export_gguf:
 * @writer: with the keys of the tokenizer, when @self is a folder; a GGUF file's own keys are taken along
 * @n_threads: 0: one a processor. The file does not depend on it
 * @progress: (nullable)
 *
 * Writes @self as a GGUF file of the architecture llama (also for Mistral), qwen2, qwen3, gemma, gemma2 or gemma3, as
 * llama.cpp reads it: rows of q and k of the llama architecture in pairs that turn together, llama3's scaling as
 * rope_freqs.weight, a Gemma's norms as what they multiply with. At most a few rows of one tensor are in memory.
 * Errors: STEER_MODEL_ERROR, _UNSUPPORTED also where GGUF cannot tell an option of the model; STEER_TENSOR_ERROR,
 * G_FILE_ERROR, G_IO_ERROR_CANCELLED; no file is left then. Any thread; blocks.
 */
gboolean steer_model_export_gguf (SteerModel *self,
                                  SteerExportType type,
                                  SteerGgufWriter *writer,
                                  guint n_threads,
                                  SteerExportProgress progress,
                                  gpointer progress_data,
                                  GCancellable *cancellable,
                                  GError **error);

G_END_DECLS
