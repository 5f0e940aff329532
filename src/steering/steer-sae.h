#pragma once

#include "steer-vector-source-open.h"

G_BEGIN_DECLS

#define STEER_TYPE_SAE (steer_sae_get_type ())

/* What turns pre-activations into activations. */
typedef enum
{
  STEER_SAE_RELU,      /* max (pre, 0) */
  STEER_SAE_THRESHOLD, /* max (pre, 0) where it is above one threshold for all features */
  STEER_SAE_JUMPRELU,  /* max (pre, 0) where pre is above the feature's own threshold */
  STEER_SAE_TOPK,      /* the k largest of max (pre, 0) */
  STEER_SAE_GATED,     /* a gate of its own decides which magnitudes count */
} SteerSaeActivation;

/**
 * SteerSae:
 *
 * A sparse autoencoder on the residual stream behind one layer, as a source of vectors: feature i's is its decoder
 * direction, L2-normalised in float32. Recognised from names and shapes of the tensors and from the config beside
 * them: dictionary_learning, SAELens, Gemma Scope 1 and 2, Llama Scope, EleutherAI's sparsify, Goodfire, Qwen-Scope.
 *
 * The file stays mapped; a vector touches the pages it lies in and no others. Labels come from a `labels.jsonl` in the
 * file's folder or one of the two above it, in the form of Neuronpedia's exports.
 *
 * Immutable; any thread.
 */
G_DECLARE_FINAL_TYPE (SteerSae, steer_sae, STEER, SAE, GObject)

/* @path: the weights, or their folder. Errors as steer_vector_source_open(). */
SteerSae *steer_sae_open (const char *path, const SteerSourceHints *hints, GCancellable *cancellable, GError **error);

/* "dictionary_learning BatchTopKSAE", for people. */
const char *steer_sae_get_format (SteerSae *self);
/* The file of the weights. */
const char *steer_sae_get_path (SteerSae *self);
guint steer_sae_get_layer (SteerSae *self);
guint steer_sae_get_d_model (SteerSae *self);
guint64 steer_sae_get_n_features (SteerSae *self);
SteerSaeActivation steer_sae_get_activation (SteerSae *self);
/* Features that fire on one token, as the SAE was trained; 0: not told. */
guint steer_sae_get_k (SteerSae *self);

/* Tells the system that the direction of a feature will be read soon. Whoever reads several asks for all of them first,
 * so that the disk fetches them together. */
void steer_sae_prefetch_direction (SteerSae *self, guint64 index);

/* The decoder direction of a feature, L2-normalised in float32. @vector: [d_model]; @norm: (out): its length in the
 * file. Errors: STEER_STEERING_ERROR_NOT_FOUND (no such feature), _INVALID (all zero, or not finite),
 * G_IO_ERROR_CANCELLED. */
gboolean steer_sae_read_direction (SteerSae *self,
                                   guint64 index,
                                   float *vector,
                                   double *norm,
                                   GCancellable *cancellable,
                                   GError **error);

/* The same for steer_sae_load_encoder(). */
void steer_sae_prefetch_encoder (SteerSae *self, guint64 index);

/* How this feature's activation is computed, by itself. Errors: STEER_STEERING_ERROR_NOT_FOUND (no such feature, no
 * usable encoder, or a top-k SAE, in which it depends on all others), _INVALID (numbers that are not finite),
 * STEER_TENSOR_ERROR_NO_MEMORY, G_IO_ERROR_CANCELLED. */
SteerEncoder *steer_sae_load_encoder (SteerSae *self, guint64 index, GCancellable *cancellable, GError **error);

/* NULL when the activations can be computed, else why they cannot: "encoder.weight is missing". */
const char *steer_sae_get_encoder_problem (SteerSae *self);

G_END_DECLS
