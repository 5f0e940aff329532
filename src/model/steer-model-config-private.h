#pragma once

#include "tensor/steer-gguf-writer.h"
#include "steer-gguf-config.h"
#include "steer-json-config.h"

G_BEGIN_DECLS

/* Far above every real model, and small enough that each product that sizes an array fits in a gint64: the largest,
 * a KV cache in F32, is 2 * layers * context * width * 4 < 2^62 bytes. */
#define STEER_MODEL_MAX_LAYERS (1u << 12)
#define STEER_MODEL_MAX_WIDTH (1u << 20) /* of the residual stream and of all heads together */
#define STEER_MODEL_MAX_FF (1u << 22)
#define STEER_MODEL_MAX_VOCAB (1u << 24)
#define STEER_MODEL_MAX_CONTEXT (1u << 27)

/* What an architecture is called, and what its configuration class in transformers takes where config.json is silent.
 */
typedef struct
{
  const char *name;      /* for people */
  const char *gguf_name; /* as a file of ours calls it */
  guint heads;           /* 0: config.json must tell */
  guint kv_heads;        /* 0: as many as heads */
  guint head_dim;        /* 0: d_model / n_heads */
  guint vocab;           /* 0: config.json must tell */
  guint context;
  guint window; /* 0: none */
  gint32 bos;   /* -1: none */
  gint32 eos;
  gboolean ties;     /* the output matrix is the embedding's */
  guint full_period; /* of SteerModelConfig, also where a GGUF file is silent */
} SteerArchInfo;

const SteerArchInfo *steer_arch_get_info (SteerArch arch);

/* By the first of "architectures" or, where that is NULL, by "model_type". */
gboolean steer_arch_find (const char *architecture, const char *model_type, SteerArch *arch);

/* "LlamaForCausalLM, ... and ...", and the same of GGUF's names. */
#define STEER_ARCHITECTURES                                                                                            \
  "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM, GemmaForCausalLM, Gemma2ForCausalLM, "    \
  "Gemma3ForCausalLM and Gemma3ForConditionalGeneration"
#define STEER_GGUF_ARCHITECTURES "llama (Mistral's models among them), qwen2, qwen3, gemma, gemma2 and gemma3"

/* Sets what an architecture does in every model of it, as Hugging Face's files have it. */
void steer_model_config_init_arch (SteerModelConfig *self, SteerArch arch);

/* What config.json of a Gemma says beside what all do; nothing of another architecture. */
gboolean steer_model_config_read_gemma (SteerModelConfig *self, const SteerJsonConfig *json, GError **error);
gboolean steer_model_config_read_gemma_gguf (SteerModelConfig *self, const SteerGgufConfig *reader, GError **error);

/* query_scalar as llama.cpp takes it, which no key of a GGUF file tells. */
double steer_model_config_get_gguf_query_scalar (const SteerModelConfig *self);

/* Which layers of config.json see only a window, and how wide it is. */
gboolean steer_model_config_read_window (SteerModelConfig *self, const SteerJsonConfig *json, GError **error);

/* full: [n_layers], those without the window. FALSE where they are not every n-th. */
gboolean steer_model_config_set_full_layers (SteerModelConfig *self, const gboolean *full);

/* Reads the rotary embedding's part of config.json: rope_theta with rope_scaling, or rope_parameters. */
gboolean steer_model_config_read_rope (SteerModelConfig *self, const SteerJsonConfig *json, GError **error);

/* What generation_config.json, or a GGUF file's metadata, says of sampling; and into such metadata. */
void steer_model_config_read_sampling (SteerModelConfig *self, const SteerJsonConfig *json);
void steer_model_config_read_sampling_gguf (SteerModelConfig *self, SteerArchive *archive);
void steer_model_config_write_sampling_gguf (const SteerModelConfig *self, SteerGgufWriter *writer);

G_END_DECLS
