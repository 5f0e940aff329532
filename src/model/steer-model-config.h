#pragma once

#include <gio/gio.h>

#include "steering/steer-sampling.h"
#include "tensor/steer-archive.h"

G_BEGIN_DECLS

#define STEER_MODEL_ERROR (steer_model_error_quark ())

/**
 * SteerModelError:
 * @STEER_MODEL_ERROR_INVALID: config.json, a GGUF file's metadata or the weights break their rules; the message names
 * file and key or tensor
 * @STEER_MODEL_ERROR_UNSUPPORTED: an architecture or option this program does not have; the message names what it has
 * @STEER_MODEL_ERROR_MISSING: a file or tensor that the model needs
 * @STEER_MODEL_ERROR_NO_MEMORY: does not fit; the message says what is needed, what there is, and what would help
 * @STEER_MODEL_ERROR_DEVICE: the device cannot be used or was lost
 */
typedef enum
{
  STEER_MODEL_ERROR_INVALID,
  STEER_MODEL_ERROR_UNSUPPORTED,
  STEER_MODEL_ERROR_MISSING,
  STEER_MODEL_ERROR_NO_MEMORY,
  STEER_MODEL_ERROR_DEVICE,
} SteerModelError;

GQuark steer_model_error_quark (void);

typedef enum
{
  STEER_ARCH_LLAMA,
  STEER_ARCH_MISTRAL,
  STEER_ARCH_QWEN2,
  STEER_ARCH_QWEN3,
  STEER_ARCH_GEMMA,
  STEER_ARCH_GEMMA2,
  STEER_ARCH_GEMMA3,
} SteerArch;

/* What the MLP makes of its gate before it multiplies it with the other half. */
typedef enum
{
  STEER_GATE_SILU,
  STEER_GATE_GELU, /* by the tanh formula */
} SteerGate;

typedef enum
{
  STEER_ROPE_DEFAULT,
  STEER_ROPE_LINEAR,
  STEER_ROPE_LLAMA3,
  STEER_ROPE_FACTORS, /* a divisor for each frequency, as GGUF files carry them */
} SteerRopeType;

#define STEER_MAX_EOS_IDS 8
#define STEER_MAX_ROPE_FACTORS 256

/**
 * SteerModelConfig:
 *
 * The hyper-parameters of a decoder-only transformer of the Llama family. A plain value, checked as a whole when it
 * is read: every product of its fields that sizes an array fits in a gint64.
 */
typedef struct
{
  SteerArch arch;
  guint n_layers;
  guint d_model;
  guint n_heads;
  guint n_kv_heads; /* divides n_heads */
  guint head_dim;   /* even; n_heads * head_dim need not equal d_model */
  guint d_ff;
  guint n_vocab;
  guint n_context;      /* longest context the model was trained for */
  guint sliding_window; /* 0: none. In a layer with the window, a position sees this many, itself included */
  guint full_period; /* each layer whose number, from 1 on, is a multiple of this is without the window; 0: none is */
  double rms_norm_eps;
  gboolean tie_embeddings;
  gboolean qkv_bias;
  gboolean output_bias; /* bias of the attention's output projection */
  gboolean mlp_bias;
  gboolean qk_norm; /* the query and the key of each head are normalised before they turn */

  /* Gemma */
  SteerGate gate;
  gboolean scales_embedding; /* by sqrt (d_model) */
  gboolean norms_add_one;    /* a norm multiplies with 1 + its stored weight; GGUF files store the sum */
  gboolean branch_norms;     /* what attention and MLP give is normalised before it is added to the residual stream */
  double query_scalar;       /* scores are divided by its square root; 0: head_dim */
  double attention_softcap;  /* 0: none; a score s becomes softcap * tanh (s / softcap) */
  double logit_softcap;      /* the same of logits */

  SteerRopeType rope_type;
  double rope_theta;
  double rope_local_theta;      /* of layers with the window, without any scaling; 0: they turn as the others */
  double rope_factor;           /* linear and llama3 */
  double rope_low_freq_factor;  /* llama3 */
  double rope_high_freq_factor; /* llama3 */
  guint rope_original_context;  /* llama3 */
  /* Rotation turns elements 2i and 2i+1 of a head together instead of i and i + head_dim/2: the rows of q and k (and
   * their biases) lie so in GGUF files of the llama architecture. Keys are cached in the same order. */
  gboolean rope_interleaved;
  float rope_factors[STEER_MAX_ROPE_FACTORS]; /* [head_dim / 2], with STEER_ROPE_FACTORS: frequency i is divided by */

  gint32 bos_id;                     /* -1: none */
  gint32 eos_ids[STEER_MAX_EOS_IDS]; /* [n_eos_ids], generation_config.json first, config.json else */
  guint n_eos_ids;

  /* How its authors ask for it to be sampled, where they say so; the other members have steer_sampling_init()'s values.
   */
  SteerSampling sampling;
  SteerSamplingFields sampling_fields;
} SteerModelConfig;

/* The one tensor whose values are part of a configuration, where a GGUF file has it: [head_dim / 2]. */
#define STEER_MODEL_ROPE_FACTORS "rope_freqs.weight"

/* @path: a folder, of which config.json and, where present, generation_config.json are read, or a GGUF file. Errors:
 * STEER_MODEL_ERROR; of a file STEER_TENSOR_ERROR too. */
gboolean steer_model_config_read (SteerModelConfig *self, const char *path, GError **error);

/* Whether it can be read, for those who want no more of it. Errors: as above. */
gboolean steer_model_config_check (const char *path, GError **error);

/* steer_model_config_read() from a GGUF file's metadata; sizes that the metadata does not tell are those of the
 * tensors, which may be without data. */
gboolean steer_model_config_read_gguf (SteerModelConfig *self, SteerArchive *archive, GError **error);

/* Whether models of a family are run here, by any name that a family has: "LlamaForCausalLM" of "architectures",
 * "llama" of "model_type" or of a GGUF file. */
gboolean steer_model_config_knows_family (const char *name);

/* inv_freq: [head_dim / 2], after the scaling that rope_type asks for, computed in double as transformers does in
 * float32 to the last bit that matters (relative 1e-7). */
void steer_model_config_get_inv_freq (const SteerModelConfig *self, float *inv_freq);

/* The same of layers with the window, where rope_local_theta is not 0. */
void steer_model_config_get_local_inv_freq (const SteerModelConfig *self, float *inv_freq);

/* Whether layer @layer has the window, and what else goes with that. */
static inline gboolean
steer_model_config_is_local_layer (const SteerModelConfig *self, guint layer)
{
  return self->full_period == 0 || (layer + 1) % self->full_period != 0;
}

/* A short line for people: "Llama, 32 layers, d 4096, 8.03 B parameters". Free with g_free(). */
char *steer_model_config_dup_summary (const SteerModelConfig *self);

guint64 steer_model_config_get_n_parameters (const SteerModelConfig *self);

G_END_DECLS
