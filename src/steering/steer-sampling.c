#include "steer-sampling.h"

const char *const steer_sampling_keys[]
  = { "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "max_tokens", NULL };

void
steer_sampling_init (SteerSampling *self)
{
  *self = (SteerSampling){
    .temperature = 0.7,
    .top_k = 0,
    .top_p = 0.95,
    .min_p = 0.0,
    .repetition_penalty = 1.0,
    .seed = 0,
    .max_tokens = 512,
  };
}

void
steer_sampling_merge (SteerSampling *self, const SteerSampling *from, SteerSamplingFields fields)
{
  if (fields & STEER_SAMPLING_TEMPERATURE)
    self->temperature = from->temperature;
  if (fields & STEER_SAMPLING_TOP_K)
    self->top_k = from->top_k;
  if (fields & STEER_SAMPLING_TOP_P)
    self->top_p = from->top_p;
  if (fields & STEER_SAMPLING_MIN_P)
    self->min_p = from->min_p;
  if (fields & STEER_SAMPLING_REPETITION_PENALTY)
    self->repetition_penalty = from->repetition_penalty;
  if (fields & STEER_SAMPLING_SEED)
    self->seed = from->seed;
  if (fields & STEER_SAMPLING_MAX_TOKENS)
    self->max_tokens = from->max_tokens;
}

/* NaN is in no range. */
gboolean
steer_sampling_set (SteerSampling *self, SteerSamplingFields field, double value)
{
  switch (field)
    {
    case STEER_SAMPLING_TEMPERATURE:
      if (!(value >= 0.0 && value <= STEER_SAMPLING_MAX_TEMPERATURE))
        return FALSE;
      self->temperature = value;
      return TRUE;
    case STEER_SAMPLING_TOP_K:
      if (!(value >= 0.0 && value <= G_MAXINT && value == (guint) value))
        return FALSE;
      self->top_k = (guint) value;
      return TRUE;
    case STEER_SAMPLING_TOP_P:
      if (!(value >= STEER_SAMPLING_ABOVE_ZERO && value <= 1.0))
        return FALSE;
      self->top_p = value;
      return TRUE;
    case STEER_SAMPLING_MIN_P:
      if (!(value >= 0.0 && value <= 1.0))
        return FALSE;
      self->min_p = value;
      return TRUE;
    case STEER_SAMPLING_REPETITION_PENALTY:
      if (!(value >= STEER_SAMPLING_ABOVE_ZERO && value <= STEER_SAMPLING_MAX_PENALTY))
        return FALSE;
      self->repetition_penalty = value;
      return TRUE;
    case STEER_SAMPLING_SEED:
    case STEER_SAMPLING_MAX_TOKENS:
    case STEER_SAMPLING_ALL:
    default:
      g_return_val_if_reached (FALSE);
    }
}

double
steer_sampling_get (const SteerSampling *self, SteerSamplingFields field)
{
  switch (field)
    {
    case STEER_SAMPLING_TEMPERATURE:
      return self->temperature;
    case STEER_SAMPLING_TOP_K:
      return self->top_k;
    case STEER_SAMPLING_TOP_P:
      return self->top_p;
    case STEER_SAMPLING_MIN_P:
      return self->min_p;
    case STEER_SAMPLING_REPETITION_PENALTY:
      return self->repetition_penalty;
    case STEER_SAMPLING_SEED:
    case STEER_SAMPLING_MAX_TOKENS:
    case STEER_SAMPLING_ALL:
    default:
      g_return_val_if_reached (0.0);
    }
}

gboolean
steer_sampling_equal (const SteerSampling *a, const SteerSampling *b)
{
  return a->temperature == b->temperature && a->top_k == b->top_k && a->top_p == b->top_p && a->min_p == b->min_p
         && a->repetition_penalty == b->repetition_penalty && a->seed == b->seed && a->max_tokens == b->max_tokens;
}
