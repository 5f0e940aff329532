#include "steer-contrast.h"

#include <math.h>
#include <string.h>

#include "tensor/steer-tensor.h"

/* Of a strength to begin with: the distance between the lists is what an example has of it, and a reply needs more to
 * come to it by itself; less than the least share of the layer's norm is not seen, more than the largest breaks the
 * language. */
#define DISTANCES 1.25
#define LEAST_SHARE 0.33
#define LARGEST_SHARE 0.6

struct _SteerContrast
{
  gatomicrefcount ref_count;
  guint n_layers;
  guint d_model;
  guint n_with;
  guint n_without;
  SteerContrastLayer *layers; /* [n_layers] */
  float *directions;          /* [n_layers, d_model] */

  /* Until it is finished. */
  float *means;   /* [n_with + n_without, n_layers, d_model] */
  double *sum;    /* [n_layers, d_model]: of the example under way */
  double *norms;  /* [n_layers]: of all tokens so far */
  guint n_ended;  /* examples */
  guint n_tokens; /* of the example under way */
  guint64 n_all;  /* tokens so far */
};

G_DEFINE_BOXED_TYPE (SteerContrast, steer_contrast, steer_contrast_ref, steer_contrast_unref)

static void
forget_examples (SteerContrast *self)
{
  g_clear_pointer (&self->means, g_free);
  g_clear_pointer (&self->sum, g_free);
  g_clear_pointer (&self->norms, g_free);
}

SteerContrast *
steer_contrast_ref (SteerContrast *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
steer_contrast_unref (SteerContrast *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->ref_count))
    return;
  forget_examples (self);
  g_free (self->layers);
  g_free (self->directions);
  g_free (self);
}

SteerContrast *
steer_contrast_new (guint n_layers, guint d_model, guint n_with, guint n_without, GError **error)
{
  g_autoptr (SteerContrast) self = g_new0 (SteerContrast, 1);
  gsize n_numbers, n_means, n_examples;

  g_return_val_if_fail (n_layers > 0 && d_model > 0 && n_with > 0 && n_without > 0, NULL);

  g_atomic_ref_count_init (&self->ref_count);
  self->n_layers = n_layers;
  self->d_model = d_model;
  self->n_with = n_with;
  self->n_without = n_without;
  if (g_size_checked_mul (&n_numbers, n_layers, d_model) && g_size_checked_add (&n_examples, n_with, n_without)
      && g_size_checked_mul (&n_means, n_numbers, n_examples))
    {
      self->layers = g_try_new0 (SteerContrastLayer, n_layers);
      self->directions = g_try_new0 (float, n_numbers);
      self->means = g_try_new (float, n_means);
      self->sum = g_try_new0 (double, n_numbers);
      self->norms = g_try_new0 (double, n_layers);
    }
  if (self->layers != NULL && self->directions != NULL && self->means != NULL && self->sum != NULL
      && self->norms != NULL)
    return g_steal_pointer (&self);
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
               "not enough memory for %u and %u examples in %u layers of %u numbers: give fewer", n_with, n_without,
               n_layers, d_model);
  return NULL;
}

void
steer_contrast_add_tokens (SteerContrast *self, const float *residual, guint n_tokens, guint n_skipped)
{
  g_return_if_fail (self->means != NULL);

  for (guint layer = 0; layer < self->n_layers; layer++)
    for (guint t = n_skipped; t < n_tokens; t++)
      {
        const float *h = residual + ((gsize) layer * n_tokens + t) * self->d_model;
        double *sum = self->sum + (gsize) layer * self->d_model;
        double squares = 0.0;

        for (guint i = 0; i < self->d_model; i++)
          {
            sum[i] += (double) h[i];
            squares += (double) h[i] * (double) h[i];
          }
        self->norms[layer] += sqrt (squares);
      }
  self->n_tokens += n_tokens - n_skipped;
  self->n_all += n_tokens - n_skipped;
}

void
steer_contrast_end_example (SteerContrast *self)
{
  gsize n_numbers = (gsize) self->n_layers * self->d_model;
  float *mean = self->means + self->n_ended * n_numbers;

  g_return_if_fail (self->n_ended < self->n_with + self->n_without);
  g_return_if_fail (self->n_tokens > 0);

  for (gsize i = 0; i < n_numbers; i++)
    mean[i] = (float) (self->sum[i] / self->n_tokens);
  memset (self->sum, 0, n_numbers * sizeof (double));
  self->n_tokens = 0;
  self->n_ended++;
}

static const float *
get_mean (SteerContrast *self, guint example, guint layer)
{
  return self->means + ((gsize) example * self->n_layers + layer) * self->d_model;
}

/* Of examples @first to @first + @n - 1. @sum: [d_model] */
static void
sum_examples (SteerContrast *self, guint layer, guint first, guint n, double *sum)
{
  memset (sum, 0, self->d_model * sizeof (double));
  for (guint e = first; e < first + n; e++)
    {
      const float *mean = get_mean (self, e, layer);

      for (guint i = 0; i < self->d_model; i++)
        sum[i] += (double) mean[i];
    }
}

static void
find_direction (SteerContrast *self, guint layer, const double *with, const double *without)
{
  float *direction = self->directions + (gsize) layer * self->d_model;
  double squares = 0.0;

  for (guint i = 0; i < self->d_model; i++)
    {
      double difference = with[i] / self->n_with - without[i] / self->n_without;

      squares += difference * difference;
    }
  if (!(squares > 0.0) || !isfinite (squares))
    return;
  self->layers[layer].distance = sqrt (squares);
  for (guint i = 0; i < self->d_model; i++)
    direction[i] = (float) ((with[i] / self->n_with - without[i] / self->n_without) / self->layers[layer].distance);
}

/* Where example @e lies between the means of the lists without it: 1 at its own, -1 at the other. @own, @other: the
 * lists' sums, [d_model]; @n_own: more than 1. 0 where the means are the same. */
static double
place_example (SteerContrast *self,
               guint layer,
               guint e,
               const double *own,
               guint n_own,
               const double *other,
               guint n_other)
{
  const float *x = get_mean (self, e, layer);
  double along = 0.0;
  double squares = 0.0;

  for (guint i = 0; i < self->d_model; i++)
    {
      double mean = (own[i] - (double) x[i]) / (n_own - 1);
      double other_mean = other[i] / n_other;

      along += ((double) x[i] - (mean + other_mean) / 2.0) * (mean - other_mean);
      squares += (mean - other_mean) * (mean - other_mean);
    }
  return squares > 0.0 ? 2.0 * along / squares : 0.0;
}

static void
judge (SteerContrast *self, guint layer, const double *with, const double *without)
{
  SteerContrastLayer *judged = &self->layers[layer];
  double sum = 0.0;
  double squares = 0.0;
  double mean, variance;

  if (self->n_with < 2 || self->n_without < 2)
    return;
  for (guint e = 0; e < self->n_with + self->n_without; e++)
    {
      double place = e < self->n_with ? place_example (self, layer, e, with, self->n_with, without, self->n_without)
                                      : place_example (self, layer, e, without, self->n_without, with, self->n_with);

      judged->n_judged++;
      judged->n_right += place > 0.0;
      sum += place;
      squares += place * place;
    }
  mean = sum / judged->n_judged;
  variance = squares / judged->n_judged - mean * mean;
  judged->margin = variance > 0.0 ? mean / sqrt (variance) : 0.0;
}

void
steer_contrast_finish (SteerContrast *self)
{
  g_autofree double *with = NULL, *without = NULL; /* [d_model] */

  g_return_if_fail (self->means != NULL && self->n_ended == self->n_with + self->n_without);

  with = g_new (double, self->d_model);
  without = g_new (double, self->d_model);
  for (guint layer = 0; layer < self->n_layers; layer++)
    {
      self->layers[layer].norm = self->norms[layer] / (double) self->n_all;
      sum_examples (self, layer, 0, self->n_with, with);
      sum_examples (self, layer, self->n_with, self->n_without, without);
      find_direction (self, layer, with, without);
      judge (self, layer, with, without);
    }
  forget_examples (self);
}

guint
steer_contrast_get_n_layers (SteerContrast *self)
{
  return self->n_layers;
}

guint
steer_contrast_get_d_model (SteerContrast *self)
{
  return self->d_model;
}

const SteerContrastLayer *
steer_contrast_get_layer (SteerContrast *self, guint layer)
{
  g_return_val_if_fail (layer < self->n_layers, NULL);
  return &self->layers[layer];
}

const float *
steer_contrast_get_direction (SteerContrast *self, guint layer)
{
  g_return_val_if_fail (layer < self->n_layers, NULL);
  return self->layers[layer].distance > 0.0 ? self->directions + (gsize) layer * self->d_model : NULL;
}

static gboolean
is_better (const SteerContrastLayer *a, const SteerContrastLayer *b)
{
  if ((a->distance > 0.0) != (b->distance > 0.0))
    return a->distance > 0.0;
  if (a->n_right != b->n_right)
    return a->n_right > b->n_right;
  return a->margin > b->margin;
}

guint
steer_contrast_get_best_layer (SteerContrast *self)
{
  guint first = (self->n_layers + 3) / 4;
  guint end = self->n_layers / 2 + 1;
  guint best;

  if (first >= end)
    {
      first = 0;
      end = self->n_layers;
    }
  /* Where nothing tells them apart, the middle of those. */
  best = first + (end - first) / 2;
  for (guint layer = first; layer < end; layer++)
    if (is_better (&self->layers[layer], &self->layers[best]))
      best = layer;
  return best;
}

double
steer_contrast_suggest_strength (SteerContrast *self, guint layer, double layer_norm)
{
  double distance;

  g_return_val_if_fail (layer < self->n_layers, 0.0);

  distance = self->layers[layer].distance;
  if (layer_norm <= 0.0)
    layer_norm = self->layers[layer].norm;
  return distance > 0.0 ? CLAMP (DISTANCES * distance, LEAST_SHARE * layer_norm, LARGEST_SHARE * layer_norm) : 0.0;
}
