#pragma once

#include "steer-vector-source-open.h"

G_BEGIN_DECLS

#define STEER_TYPE_VECTOR_DICT (steer_vector_dict_get_type ())

/**
 * SteerVectorDict:
 *
 * Vectors that carry no more than a name: a dict of tensors, or one tensor, in .pt, safetensors, .npz, .npy or a
 * control vector in GGUF. How a tensor becomes features:
 *
 *   `15.21576` [d_model]        feature 21576 of layer 15
 *   `layer_15`, `direction.15`  feature 0 of layer 15
 *   any other name [d_model]    a feature of the layer that the hints or the path name; its index counts such tensors
 *   [n, d_model]                rows are the features of that layer, or the vectors of all layers, as the hints say or
 *                               the model's number of layers tells
 *
 * Vectors need not be of unit length; the length is what `recommended` says, so that a vector used at its recommended
 * strength is the one in the file. Immutable; any thread.
 */
G_DECLARE_FINAL_TYPE (SteerVectorDict, steer_vector_dict, STEER, VECTOR_DICT, GObject)

/* Errors as steer_vector_source_open(). */
SteerVectorDict *
steer_vector_dict_open (const char *path, const SteerSourceHints *hints, GCancellable *cancellable, GError **error);

G_END_DECLS
