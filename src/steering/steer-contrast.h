#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* How well a layer tells the two lists of examples apart. */
typedef struct
{
  double distance; /* |d|, in raw units of the residual stream: how far the lists' means lie apart */
  double norm;     /* mean length of the residual stream over the tokens of all examples */
  guint n_right;   /* examples that lie on their own list's side of the middle, when they are left out of the means */
  guint n_judged;  /* of so many; 0 where a list has a single example, of which none can be left out */
  double margin;   /* of the judged: mean over standard deviation of how far they lie on their own side; 0: unknown */
} SteerContrastLayer;

/**
 * SteerContrast:
 *
 * What tells two lists of examples apart in a model's residual stream. An example is the mean of the stream over its
 * tokens, so that a long one counts no more than a short one, and a layer's direction is the difference of the lists'
 * means: d = mean (with) - mean (without). (Contrastive activation addition: Rimsky et al. 2024, arXiv:2312.06681,
 * section 3; "difference in means" in Wu et al. 2025, arXiv:2501.17148.)
 *
 * Made by steer_engine_contrast_async(). From then on immutable, reference-counted; any thread.
 */
#define STEER_TYPE_CONTRAST (steer_contrast_get_type ())
typedef struct _SteerContrast SteerContrast;

GType steer_contrast_get_type (void);

SteerContrast *steer_contrast_ref (SteerContrast *self);
void steer_contrast_unref (SteerContrast *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerContrast, steer_contrast_unref)

guint steer_contrast_get_n_layers (SteerContrast *self);
guint steer_contrast_get_d_model (SteerContrast *self);
const SteerContrastLayer *steer_contrast_get_layer (SteerContrast *self, guint layer);

/* [d_model], of unit length in float32; NULL where the lists have the same mean. (transfer none) */
const float *steer_contrast_get_direction (SteerContrast *self, guint layer);

/* Of the layers from a quarter to half of the way, where directions stand for meanings rather than for words and enough
 * layers follow to make sentences of them (Rimsky et al. steered 7B and 13B models best at two fifths), the one that
 * tells most of the examples apart, and of those the one with the widest margin. One without a direction only where
 * none has. */
guint steer_contrast_get_best_layer (SteerContrast *self);

/* A strength in mode add to begin with: five quarters of the distance, kept from a third to three fifths of the layer's
 * typical norm. docs/benchmarks.md tells what it does to the bundled model and to a published one.
 * @layer_norm: 0: that of the examples. */
double steer_contrast_suggest_strength (SteerContrast *self, guint layer, double layer_norm);

/* Making one: for each example, first those with, then those without, the residual stream of its tokens in as many
 * calls as one likes, then the end. One thread. */

/* @n_with, @n_without: at least 1. Errors: STEER_TENSOR_ERROR_NO_MEMORY. */
SteerContrast *steer_contrast_new (guint n_layers, guint d_model, guint n_with, guint n_without, GError **error);
/* @residual: [n_layers, n_tokens, d_model], decoder layers' outputs; the first @n_skipped tokens do not count. */
void steer_contrast_add_tokens (SteerContrast *self, const float *residual, guint n_tokens, guint n_skipped);
/* Of an example with at least one token that counts. */
void steer_contrast_end_example (SteerContrast *self);
/* After the last example. */
void steer_contrast_finish (SteerContrast *self);

G_END_DECLS
