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

typedef struct _SteerBackend SteerBackend; /* steer-backend.h */

#define STEER_TYPE_MODEL (steer_model_get_type ())

/**
 * SteerModel:
 *
 * A model's files, opened and checked, nothing computed and nothing copied: its hyper-parameters and a view of every
 * weight by role. A backend makes a context of it. Immutable; any thread.
 */
G_DECLARE_FINAL_TYPE (SteerModel, steer_model, STEER, MODEL, GObject)

/* @path: a Hugging Face directory, a GGUF file (of a split one, any part), or an address that an opener knows. Errors:
 * STEER_MODEL_ERROR, STEER_TENSOR_ERROR. Blocks on I/O; reads only headers. */
SteerModel *steer_model_open (const char *path, GCancellable *cancellable, GError **error);

/* The name of the directory, or of the file without its ending, for people. */
const char *steer_model_get_name (SteerModel *self);
/* What it was opened by. */
const char *steer_model_get_path (SteerModel *self);

/**
 * SteerModelElsewhere:
 *
 * A model whose weights are not on this computer: all that its files tell but the values in them is here, so that
 * everything but a forward pass works as with any other. The backend that reaches the weights is the only one that
 * opens a context of it.
 */
typedef struct
{
  const char *address; /* what steer_model_get_path() gives */
  const char *name;
  const char *files; /* directory or GGUF file as of any model, with holes for the weights' values */
  const SteerBackend *backend;
  GObject *link; /* what the backend reaches the weights by; lives as long as the model */
} SteerModelElsewhere;

/* Errors as steer_model_open() has them. */
SteerModel *steer_model_new_elsewhere (const SteerModelElsewhere *elsewhere, GCancellable *cancellable, GError **error);

/* Where its files are on this computer: the path, but of a model elsewhere its files' place here. */
const char *steer_model_get_files (SteerModel *self);

/* Of a model elsewhere; NULL of any other. (transfer none) */
const SteerBackend *steer_model_get_backend (SteerModel *self);
GObject *steer_model_get_link (SteerModel *self);

/* Opens what begins with a scheme, "ssh://". Registering is for start-up only. */
typedef SteerModel *(*SteerModelOpener) (const char *address, GCancellable *cancellable, GError **error);
void steer_model_register_opener (const char *scheme, SteerModelOpener opener);

/* Whether @path begins with a scheme, so that it is no file's path. */
gboolean steer_model_is_address (const char *path);

const SteerModelConfig *steer_model_get_config (SteerModel *self);
const SteerWeights *steer_model_get_weights (SteerModel *self);
SteerArchive *steer_model_get_archive (SteerModel *self);

/* Bytes that one decode step reads: all weights but the rows of the input embedding. */
guint64 steer_model_get_decode_bytes (SteerModel *self);

G_END_DECLS
