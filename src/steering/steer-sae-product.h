#pragma once

#include "tensor/steer-tensor.h"

G_BEGIN_DECLS

/* Features of a tile: what a worker takes at a time. */
#define STEER_SAE_TILE_FEATURES 64
/* Depth of a tile, so that it stays in the nearest cache but one: 512 * 64 floats are 128 KiB. */
#define STEER_SAE_TILE_DEPTH 512

/* Copies columns @depth to @depth + @n_depth - 1 of rows @feature to @feature + @n_features - 1 of @matrix
 * [n_features, d_model], as float32, to @tile [n_depth, STEER_SAE_TILE_FEATURES]; features that are missing become 0.
 */
void steer_sae_load_tile (const SteerTensor *matrix,
                          gint64 feature,
                          guint n_features,
                          gint64 depth,
                          guint n_depth,
                          float *tile);

/* out [n_tokens, STEER_SAE_TILE_FEATURES] += input [n_tokens, n_depth] * tile [n_depth, STEER_SAE_TILE_FEATURES].
 * @input_stride: floats from one token to the next. */
typedef void (*SteerSaeProduct) (const float *input,
                                 gsize input_stride,
                                 guint n_tokens,
                                 const float *tile,
                                 guint n_depth,
                                 float *out);

/* The products that this machine can run, fastest first, ended by NULL. */
const SteerSaeProduct *steer_sae_list_products (void);

G_END_DECLS
