#include "steer-encoder.h"

#include <math.h>

#include "steer-vector-source.h"

/* Of SAELens' layer_norm. */
#define LAYER_NORM_EPSILON 1e-5

G_DEFINE_BOXED_TYPE (SteerEncoder, steer_encoder, steer_encoder_ref, steer_encoder_unref)

static const char *const input_names[] = { "plain", "constant-norm", "layer-norm" };

static SteerEncoder *
fail (const char *name, GError **error, const char *what)
{
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID, "%s: its encoder cannot be used: %s", name,
               what);
  return NULL;
}

SteerEncoder *
steer_encoder_new (const char *name,
                   GBytes *weights,
                   SteerEncoderInput input,
                   float bias,
                   float threshold,
                   float gain,
                   GError **error)
{
  gsize size;
  const float *values = g_bytes_get_data (weights, &size);
  gsize d_model = size / sizeof (float);
  SteerEncoder *self;

  g_return_val_if_fail (name != NULL && d_model > 0 && d_model <= G_MAXINT && size % sizeof (float) == 0, NULL);
  g_return_val_if_fail ((guintptr) values % sizeof (float) == 0, NULL);

  for (gsize i = 0; i < d_model; i++)
    if (!isfinite (values[i]))
      return fail (name, error, "a weight is not finite");
  if (!isfinite (bias))
    return fail (name, error, "its bias is not finite");
  if (!isfinite (threshold) || threshold < 0.0f)
    return fail (name, error, "its threshold is not a number from 0 up");
  if (!isfinite (gain) || !(gain > 0.0f))
    return fail (name, error, "the norm of its direction is not above 0");

  self = g_new0 (SteerEncoder, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->d_model = (guint) d_model;
  self->input = input;
  self->bias = bias;
  self->threshold = threshold;
  self->gain = gain;
  self->bytes = g_bytes_ref (weights);
  self->weights = values;
  return self;
}

SteerEncoder *
steer_encoder_ref (SteerEncoder *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
steer_encoder_unref (SteerEncoder *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_bytes_unref (self->bytes);
  g_free (self);
}

gboolean
steer_encoder_equal (const SteerEncoder *a, const SteerEncoder *b)
{
  if (a == b)
    return TRUE;
  return a != NULL && b != NULL && a->input == b->input && a->bias == b->bias && a->threshold == b->threshold
         && a->gain == b->gain && g_bytes_equal (a->bytes, b->bytes);
}

const char *
steer_encoder_input_get_name (SteerEncoderInput input)
{
  g_return_val_if_fail ((guint) input < G_N_ELEMENTS (input_names), NULL);
  return input_names[input];
}

gboolean
steer_encoder_input_from_name (const char *name, SteerEncoderInput *input)
{
  for (guint i = 0; i < G_N_ELEMENTS (input_names); i++)
    if (g_str_equal (name, input_names[i]))
      {
        *input = (SteerEncoderInput) i;
        return TRUE;
      }
  return FALSE;
}

double
steer_encoder_get_scale (const SteerEncoder *self, double squares, double sum)
{
  double n = self->d_model;

  switch (self->input)
    {
    case STEER_ENCODER_CONSTANT_NORM:
      return squares > 0.0 ? sqrt (n / squares) : 1.0;
    case STEER_ENCODER_LAYER_NORM:
      return 1.0 / (sqrt (MAX (squares - sum * sum / n, 0.0) / MAX (n - 1.0, 1.0)) + LAYER_NORM_EPSILON);
    case STEER_ENCODER_PLAIN:
    default:
      return 1.0;
    }
}

double
steer_encoder_activate (const SteerEncoder *self, const float *residual, double *scale)
{
  double product = 0.0;
  double squares = 0.0;
  double sum = 0.0;
  double factor, pre;

  for (guint i = 0; i < self->d_model; i++)
    {
      product += (double) self->weights[i] * (double) residual[i];
      squares += (double) residual[i] * (double) residual[i];
      sum += (double) residual[i];
    }
  factor = steer_encoder_get_scale (self, squares, sum);
  pre = factor * product + (double) self->bias;
  if (scale != NULL)
    *scale = factor;
  return pre > (double) self->threshold ? pre : 0.0;
}
