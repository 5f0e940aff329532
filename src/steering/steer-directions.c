#include "steer-directions.h"

#include <math.h>
#include <string.h>

#include "steer-sae-private.h"
#include "steer-sae-product.h"

#define WIDTH STEER_SAE_TILE_FEATURES
#define MAX_THREADS 64

/* A strength below this share of the layer's norm is hardly seen; above the other, text falls apart. */
#define LEAST_SHARE 0.25
#define LARGEST_SHARE 0.8

double
steer_cosine (const float *a, const float *b, guint n)
{
  double product = 0.0;
  double squares_a = 0.0;
  double squares_b = 0.0;

  for (guint i = 0; i < n; i++)
    {
      product += (double) a[i] * (double) b[i];
      squares_a += (double) a[i] * (double) a[i];
      squares_b += (double) b[i] * (double) b[i];
    }
  return squares_a > 0.0 && squares_b > 0.0 ? product / sqrt (squares_a * squares_b) : 0.0;
}

static int
compare_similarities (gconstpointer a, gconstpointer b)
{
  const SteerSimilarity *x = a;
  const SteerSimilarity *y = b;

  if (fabs (x->cosine) != fabs (y->cosine))
    return fabs (x->cosine) > fabs (y->cosine) ? -1 : 1;
  return x->a != y->a ? (x->a < y->a ? -1 : 1) : (x->b < y->b ? -1 : x->b > y->b);
}

GArray *
steer_list_similarities (const guint *layers, const float *const *vectors, guint n, guint d_model, double least)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (SteerSimilarity));

  for (guint a = 0; a < n; a++)
    for (guint b = a + 1; b < n; b++)
      {
        SteerSimilarity pair = { .a = a, .b = b };

        if (layers[a] != layers[b] || vectors[a] == NULL || vectors[b] == NULL)
          continue;
        pair.cosine = steer_cosine (vectors[a], vectors[b], d_model);
        if (fabs (pair.cosine) >= least)
          g_array_append_val (list, pair);
      }
  g_array_sort (list, compare_similarities);
  return list;
}

/* The decoder is walked in the encoder's tiles, whichever way it lies in its file. */
typedef struct
{
  const SteerSaeWeights *weights;
  const float *direction; /* [d_model], of unit length */
  float *cosines;         /* out: [n_features] */
  guint n_tiles;
  gint next_tile; /* atomic */
  GCancellable *cancellable;
} Search;

static gpointer
search_tiles (gpointer data)
{
  Search *self = data;
  guint d_model = self->weights->d_model;
  g_autofree float *tile = g_try_new (float, STEER_SAE_TILE_DEPTH *WIDTH);

  for (;;)
    {
      guint number = tile != NULL ? (guint) g_atomic_int_add (&self->next_tile, 1) : self->n_tiles;
      gint64 feature = (gint64) number * WIDTH;
      double products[WIDTH] = { 0.0 };
      double squares[WIDTH] = { 0.0 };
      guint n;

      if (number >= self->n_tiles || g_cancellable_is_cancelled (self->cancellable))
        return NULL;
      n = (guint) MIN (WIDTH, (gint64) self->weights->n_features - feature);
      for (guint depth = 0; depth < d_model; depth += STEER_SAE_TILE_DEPTH)
        {
          guint n_depth = MIN (STEER_SAE_TILE_DEPTH, d_model - depth);

          steer_sae_load_tile (&self->weights->decoder, feature, n, depth, n_depth, tile);
          for (guint k = 0; k < n_depth; k++)
            for (guint f = 0; f < WIDTH; f++)
              {
                double value = (double) tile[k * WIDTH + f];

                products[f] += value * (double) self->direction[depth + k];
                squares[f] += value * value;
              }
        }
      for (guint f = 0; f < n; f++)
        self->cosines[feature + f] = squares[f] > 0.0 ? (float) (products[f] / sqrt (squares[f])) : 0.0f;
    }
}

static gboolean
search (Search *self, GError **error)
{
  guint n_threads = CLAMP (g_get_num_processors (), 1, MIN (MAX_THREADS, self->n_tiles));
  GThread *threads[MAX_THREADS] = { NULL };

  for (guint i = 1; i < n_threads; i++)
    threads[i] = g_thread_try_new ("sae-neighbours", search_tiles, self, NULL);
  search_tiles (self);
  for (guint i = 1; i < n_threads; i++)
    g_clear_pointer (&threads[i], g_thread_join);
  if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  if ((guint) self->next_tile >= self->n_tiles)
    return TRUE;
  g_set_error_literal (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                       "not enough memory to compare features");
  return FALSE;
}

static int
compare_neighbours (gconstpointer a, gconstpointer b)
{
  const SteerNeighbour *x = a;
  const SteerNeighbour *y = b;

  if (x->cosine != y->cosine)
    return x->cosine > y->cosine ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

GArray *
steer_sae_list_neighbours (SteerSae *self, guint64 index, guint n_top, GCancellable *cancellable, GError **error)
{
  const SteerSaeWeights *weights;
  g_autofree float *direction = NULL; /* [d_model] */
  g_autofree float *cosines = NULL;   /* [n_features] */
  GArray *list;
  double norm;
  Search job;

  g_return_val_if_fail (STEER_IS_SAE (self), NULL);

  weights = steer_sae_get_weights (self);
  direction = g_try_new (float, weights->d_model);
  cosines = g_try_new0 (float, weights->n_features);
  if (direction == NULL || cosines == NULL)
    {
      g_set_error_literal (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                           "not enough memory to compare features");
      return NULL;
    }
  if (!steer_sae_read_direction (self, index, direction, &norm, cancellable, error))
    return NULL;
  job = (Search){ .weights = weights,
                  .direction = direction,
                  .cosines = cosines,
                  .n_tiles = (guint) ((weights->n_features + WIDTH - 1) / WIDTH),
                  .cancellable = cancellable };
  if (!search (&job, error))
    return NULL;
  list = g_array_new (FALSE, FALSE, sizeof (SteerNeighbour));
  for (guint64 i = 0; i < weights->n_features; i++)
    {
      SteerNeighbour neighbour = { i, (double) cosines[i] };

      if (i != index && isfinite (cosines[i]))
        g_array_append_val (list, neighbour);
    }
  g_array_sort (list, compare_neighbours);
  g_array_set_size (list, MIN (list->len, n_top));
  return list;
}

double
steer_sae_get_unit (SteerSae *self, guint64 index, double layer_norm, GError **error)
{
  const SteerSaeWeights *weights;
  g_autofree float *direction = NULL; /* [d_model] */
  double norm;

  g_return_val_if_fail (STEER_IS_SAE (self), 0.0);

  weights = steer_sae_get_weights (self);
  direction = g_new (float, weights->d_model);
  if (!steer_sae_read_direction (self, index, direction, &norm, NULL, error))
    return 0.0;
  switch (weights->input)
    {
    case STEER_SAE_INPUT_SCALED:
      return norm / weights->input_scale;
    case STEER_SAE_INPUT_CONSTANT_NORM:
    case STEER_SAE_INPUT_LAYER_NORM: /* which differs by the mean alone */
      return layer_norm > 0.0 ? norm * layer_norm / sqrt ((double) weights->d_model) : norm;
    case STEER_SAE_INPUT_PLAIN:
    default:
      return norm;
    }
}

double
steer_suggest_strength (double activation, double unit, double layer_norm)
{
  double strength = activation * unit;

  if (layer_norm > 0.0 && strength > 0.0)
    strength = CLAMP (strength, LEAST_SHARE * layer_norm, LARGEST_SHARE * layer_norm);
  return strength;
}
