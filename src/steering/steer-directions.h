#pragma once

#include "steer-sae.h"

G_BEGIN_DECLS

/* What directions of features have to do with each other and with the model. Vectors are float32 of unit length; sums
 * are float64. Any thread. */

/* From here on two directions of one layer are near-duplicates: clamping both sets the same component twice. */
#define STEER_NEAR_DUPLICATE 0.9

/* Cosine of the angle between two vectors [n]; they need not be of unit length. 0 where one of them is 0. */
double steer_cosine (const float *a, const float *b, guint n);

/* Two features of one layer. */
typedef struct
{
  guint a; /* positions in the list that was given, a < b */
  guint b;
  double cosine;
} SteerSimilarity;

/**
 * steer_list_similarities:
 * @layers: [n]
 * @vectors: [n] of [d_model] each; a NULL is left out
 * @least: smallest |cosine| that is listed
 *
 * Each pair of one layer, largest |cosine| first. (transfer full) (element-type SteerSimilarity)
 */
GArray *
steer_list_similarities (const guint *layers, const float *const *vectors, guint n, guint d_model, double least);

/* A feature and its likeness to another. */
typedef struct
{
  guint64 index;
  double cosine;
} SteerNeighbour;

/**
 * steer_sae_list_neighbours:
 * @n_top: how many at most
 *
 * The features whose decoder directions are nearest to that of @index by cosine, nearest first, itself left out. Reads
 * the whole decoder once, on all cores. (transfer full) (element-type SteerNeighbour). Errors: as
 * steer_sae_read_direction().
 */
GArray *
steer_sae_list_neighbours (SteerSae *self, guint64 index, guint n_top, GCancellable *cancellable, GError **error);

/* Length in the residual stream of one unit of a feature's activation: its decoder's norm, over the scale of the SAE's
 * input. @layer_norm: of the stream, for SAEs that normalise their input (0: their scale is taken for 1). Errors: as
 * steer_sae_read_direction(), with 0. */
double steer_sae_get_unit (SteerSae *self, guint64 index, double layer_norm, GError **error);

/**
 * steer_suggest_strength:
 * @activation: typical of the feature where it fires
 * @unit: length of one unit of it; see steer_sae_get_unit()
 * @layer_norm: typical of the layer; 0: unknown
 *
 * A strength in mode add to begin with: what the feature itself contributes where it fires, kept from a quarter to
 * four fifths of the layer's typical norm: below, nobody sees an effect; above, text falls apart.
 */
double steer_suggest_strength (double activation, double unit, double layer_norm);

G_END_DECLS
