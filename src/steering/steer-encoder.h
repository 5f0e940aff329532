#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* How the residual stream is scaled before the encoder sees it. */
typedef enum
{
  STEER_ENCODER_PLAIN,         /* scale (h) = 1 */
  STEER_ENCODER_CONSTANT_NORM, /* scale (h) = sqrt (d_model) / |h|, and 1 where h is 0 */
  STEER_ENCODER_LAYER_NORM,    /* scale (h) = 1 / (s + 1e-5), s^2 = (|h|^2 - sum (h)^2 / d_model) / (d_model - 1) */
} SteerEncoderInput;

/**
 * SteerEncoder:
 *
 * How strongly one feature of an SAE fires, and what it weighs in the residual stream, folded into one rule for every
 * format:
 *
 *     pre  = scale (h) * (w . h) + bias
 *     f(h) = pre > threshold ? pre : 0
 *
 * and one unit of f is gain / scale (h) times the unit vector v of the feature's decoder direction in the stream.
 *
 * Folded in are: b_dec (bias = b_enc - w . b_dec where the format subtracts it), a scaling of the input by a constant
 * (w and gain), a mean that is subtracted from the input (w is centred), the decoder's norm (w, bias and gain where the
 * format scales pre-activations by it; the threshold where it only gates by it), and a gate of its own (w, bias
 * and threshold). The threshold is never below 0, so that the rule is a ReLU too.
 *
 * Immutable, reference-counted; any thread.
 */
#define STEER_TYPE_ENCODER (steer_encoder_get_type ())
typedef struct
{
  guint d_model;
  SteerEncoderInput input;
  float bias;
  float threshold;      /* at least 0 */
  float gain;           /* above 0 */
  const float *weights; /* [d_model]: w */

  /*< private >*/
  gatomicrefcount ref_count;
  GBytes *bytes;
} SteerEncoder;

GType steer_encoder_get_type (void);

/* @weights: d_model floats. Errors: STEER_STEERING_ERROR_INVALID when a number is not finite, @threshold is negative,
 * or
 * @gain not above 0; the message begins with @name. */
SteerEncoder *steer_encoder_new (const char *name,
                                 GBytes *weights,
                                 SteerEncoderInput input,
                                 float bias,
                                 float threshold,
                                 float gain,
                                 GError **error);
SteerEncoder *steer_encoder_ref (SteerEncoder *self);
void steer_encoder_unref (SteerEncoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerEncoder, steer_encoder_unref)

/* Same numbers. NULL equals NULL. */
gboolean steer_encoder_equal (const SteerEncoder *a, const SteerEncoder *b);

/* "plain", "constant-norm", "layer-norm": as files name them. */
const char *steer_encoder_input_get_name (SteerEncoderInput input);
gboolean steer_encoder_input_from_name (const char *name, SteerEncoderInput *input);

/* scale (h) from the sums that a backend has of h. @squares: |h|^2; @sum: sum (h). */
double steer_encoder_get_scale (const SteerEncoder *self, double squares, double sum);

/* f(h), in float64. @residual: [d_model]. @scale: (out) (nullable): scale (h). */
double steer_encoder_activate (const SteerEncoder *self, const float *residual, double *scale);

G_END_DECLS
