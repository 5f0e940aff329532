#pragma once

#include <gio/gio.h>

#include "tensor/steer-archive.h"
#include "steer-model-config.h"

G_BEGIN_DECLS

/* The weights of one decoder layer, by role; each checked for shape and dtype. Biases are NULL where there is none. Of
 * norms see SteerModelConfig.norms_add_one.
 * A linear layer's weight is [n_out, n_in]. */
typedef struct
{
  const SteerTensor *attn_norm; /* [d_model] */
  const SteerTensor *q;         /* [n_heads * head_dim, d_model] */
  const SteerTensor *k;         /* [n_kv_heads * head_dim, d_model] */
  const SteerTensor *v;         /* [n_kv_heads * head_dim, d_model] */
  const SteerTensor *o;         /* [d_model, n_heads * head_dim] */
  const SteerTensor *q_bias;
  const SteerTensor *k_bias;
  const SteerTensor *v_bias;
  const SteerTensor *o_bias;
  const SteerTensor *q_norm;           /* [head_dim] (nullable) */
  const SteerTensor *k_norm;           /* [head_dim] (nullable) */
  const SteerTensor *mlp_norm;         /* [d_model] */
  const SteerTensor *attn_branch_norm; /* [d_model] (nullable): of what attention gives */
  const SteerTensor *mlp_branch_norm;  /* [d_model] (nullable): of what the MLP gives */
  const SteerTensor *gate;             /* [d_ff, d_model] */
  const SteerTensor *up;               /* [d_ff, d_model] */
  const SteerTensor *down;             /* [d_model, d_ff] */
  const SteerTensor *gate_bias;
  const SteerTensor *up_bias;
  const SteerTensor *down_bias;
} SteerLayerWeights;

typedef struct
{
  const SteerTensor *embed;      /* [n_vocab, d_model] */
  const SteerTensor *final_norm; /* [d_model] */
  const SteerTensor *output;     /* [n_vocab, d_model]; the same tensor as embed when tied */
  SteerLayerWeights *layers;     /* [n_layers] */
} SteerWeights;

#define STEER_TYPE_MODEL (steer_model_get_type ())

/**
 * SteerModel:
 *
 * A model's files, opened and checked, nothing computed and nothing copied: its hyper-parameters and a view of every
 * weight by role. A backend makes a context of it. Immutable; any thread.
 */
G_DECLARE_FINAL_TYPE (SteerModel, steer_model, STEER, MODEL, GObject)

/* @path: a Hugging Face directory, or a GGUF file (of a split one, any part). Errors: STEER_MODEL_ERROR,
 * STEER_TENSOR_ERROR. Blocks on I/O; reads only headers. */
SteerModel *steer_model_open (const char *path, GCancellable *cancellable, GError **error);

/* The name of the directory, or of the file without its ending, for people. */
const char *steer_model_get_name (SteerModel *self);
const char *steer_model_get_path (SteerModel *self);
const SteerModelConfig *steer_model_get_config (SteerModel *self);
const SteerWeights *steer_model_get_weights (SteerModel *self);
SteerArchive *steer_model_get_archive (SteerModel *self);

/* Bytes that one decode step reads: all weights but the rows of the input embedding. */
guint64 steer_model_get_decode_bytes (SteerModel *self);

G_END_DECLS
