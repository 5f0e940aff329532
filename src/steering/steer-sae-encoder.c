/* One feature's encoder, folded into the rule of steer-encoder.h, whatever the SAE's format is. */

#include "steer-sae-private.h"

#include <math.h>

typedef struct
{
  float *w;       /* [d_model]: the file's row, then the folded one */
  double w_b_dec; /* w . b_dec where the format subtracts it, else 0 */
  double mean;    /* of w */
  double norm;    /* of the decoder's direction */
  double b_enc;   /* these five 0 where the format has none */
  double b_gate;
  double b_mag;
  double r_mag; /* exponential of the file's */
  double threshold;
} Row;

static double
read_number (const SteerTensor *tensor, guint64 index)
{
  float value = 0.0f;

  if (tensor->data != NULL)
    steer_tensor_read_f32 (tensor, (gint64) index, 1, &value);
  return (double) value;
}

/* Also reads the decoder's row, of which only the norm is kept. @row->w is d_model floats of room. */
static void
read_row (const SteerSaeWeights *weights, guint64 index, float *room, Row *row)
{
  guint d_model = weights->d_model;
  double squares = 0.0;

  steer_tensor_read_f32 (&weights->decoder, (gint64) index * d_model, d_model, room);
  for (guint i = 0; i < d_model; i++)
    squares += (double) room[i] * (double) room[i];
  row->norm = sqrt (squares);

  steer_tensor_read_f32 (&weights->encoder, (gint64) index * d_model, d_model, row->w);
  if (weights->subtract_b_dec)
    steer_tensor_read_f32 (&weights->b_dec, 0, d_model, room);
  for (guint i = 0; i < d_model; i++)
    {
      row->mean += (double) row->w[i] / d_model;
      row->w_b_dec += weights->subtract_b_dec ? (double) row->w[i] * (double) room[i] : 0.0;
    }
  row->b_enc = read_number (&weights->b_enc, index);
  row->b_gate = read_number (&weights->b_gate, index);
  row->b_mag = read_number (&weights->b_mag, index);
  row->r_mag = exp (read_number (&weights->r_mag, index));
  row->threshold = read_number (&weights->threshold, index);
}

/* pre = factor * (w . x) + bias, with x what the format's encoder takes. */
static void
fold (const SteerSaeWeights *weights, const Row *row, double *factor, double *bias, double *threshold)
{
  *factor = 1.0;
  *bias = row->b_enc;
  *threshold = 0.0;
  if (weights->activation == STEER_SAE_GATED)
    {
      /* w.x + b_gate > 0 says that e*w.x + b_mag > b_mag - e*b_gate. */
      *factor = row->r_mag;
      *bias = row->b_mag;
      *threshold = row->b_mag - row->r_mag * row->b_gate;
    }
  else
    {
      if (weights->activation == STEER_SAE_THRESHOLD)
        *threshold = weights->scalar_threshold;
      else if (weights->activation == STEER_SAE_JUMPRELU)
        *threshold = row->threshold;
      if (weights->norms == STEER_SAE_NORMS_SCALE)
        {
          *factor = row->norm;
          *bias *= row->norm;
        }
      else if (weights->norms == STEER_SAE_NORMS_GATE)
        *threshold /= row->norm;
    }
  /* max (pre, 0) where pre is above t is pre where pre is above max (t, 0). */
  *threshold = MAX (*threshold, 0.0);
  *bias -= *factor * row->w_b_dec;
}

static SteerEncoder *
make_encoder (SteerSae *self, const SteerSaeWeights *weights, Row *row, GError **error)
{
  SteerEncoderInput input = STEER_ENCODER_PLAIN;
  double gain = row->norm;
  double factor, bias, threshold;
  g_autoptr (GBytes) bytes = NULL;

  fold (weights, row, &factor, &bias, &threshold);
  if (weights->input == STEER_SAE_INPUT_SCALED)
    {
      factor *= weights->input_scale;
      gain /= weights->input_scale;
    }
  else if (weights->input == STEER_SAE_INPUT_CONSTANT_NORM)
    input = STEER_ENCODER_CONSTANT_NORM;
  else if (weights->input == STEER_SAE_INPUT_LAYER_NORM)
    input = STEER_ENCODER_LAYER_NORM;
  for (guint i = 0; i < weights->d_model; i++)
    {
      double w = (double) row->w[i] - (input == STEER_ENCODER_LAYER_NORM ? row->mean : 0.0);

      row->w[i] = (float) (factor * w);
    }
  bytes = g_bytes_new_take (g_steal_pointer (&row->w), weights->d_model * sizeof (float));
  return steer_encoder_new (steer_sae_get_path (self), bytes, input, (float) bias, (float) threshold, (float) gain,
                            error);
}

/* NULL when one feature's activation can be computed by itself. */
static const char *
find_problem (const SteerSaeWeights *weights)
{
  if (weights->encoder_problem != NULL)
    return weights->encoder_problem;
  if (weights->activation == STEER_SAE_TOPK)
    return "in a top-k SAE whether a feature fires depends on all others; use clamp";
  return NULL;
}

SteerEncoder *
steer_sae_load_encoder (SteerSae *self, guint64 index, GCancellable *cancellable, GError **error)
{
  const SteerSaeWeights *weights;
  const char *problem;
  Row row = { 0 };
  g_autofree float *room = NULL; /* [d_model] */
  SteerEncoder *encoder = NULL;

  g_return_val_if_fail (STEER_IS_SAE (self), NULL);

  weights = steer_sae_get_weights (self);
  problem = find_problem (weights);
  if (problem != NULL || index >= weights->n_features)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                   "%s: the activation of feature %" G_GUINT64_FORMAT " alone cannot be computed: %s",
                   steer_sae_get_path (self), index, problem != NULL ? problem : "there is no such feature");
      return NULL;
    }
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  room = g_try_new (float, weights->d_model);
  row.w = g_try_new (float, weights->d_model);
  if (room == NULL || row.w == NULL)
    g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                 "not enough memory for an encoder of %u numbers", weights->d_model);
  else
    {
      steer_sae_prefetch_encoder (self, index);
      read_row (weights, index, room, &row);
      encoder = make_encoder (self, weights, &row, error);
    }
  g_free (row.w);
  return encoder;
}
