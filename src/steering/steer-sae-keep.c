#include "steer-sae-keep.h"

#include <math.h>
#include <string.h>

#include "steer-sae-private.h"
#include "steer-sae-product.h"

#define WIDTH STEER_SAE_TILE_FEATURES

/* A block of Q8_0: a float16 scale, then as many numbers from -127 to 127. */
#define BLOCK 32

gboolean
steer_sae_keep_from_name (const char *name, SteerSaeKeep *keep)
{
  *keep = strcmp (name, "int8") == 0 ? STEER_SAE_KEEP_INT8 : STEER_SAE_KEEP_BF16;
  return strcmp (name, "bf16") == 0 || strcmp (name, "int8") == 0;
}

static void
write_bf16 (const float *values, guint n, guint8 *out)
{
  for (guint i = 0; i < n; i++)
    {
      guint16 rounded = steer_f32_to_bf16 (values[i]);

      memcpy (out + 2 * i, &rounded, sizeof rounded);
    }
}

static void
write_int8 (const float *values, guint n, guint8 *out)
{
  for (guint first = 0; first < n; first += BLOCK, out += 2 + BLOCK)
    {
      float largest = 0.0f;
      guint16 scale;
      double step;

      for (guint i = 0; i < BLOCK; i++)
        largest = MAX (largest, fabsf (values[first + i]));
      scale = steer_f32_to_f16 (largest / 127.0f);
      step = (double) steer_f16_to_f32 (scale);
      memcpy (out, &scale, sizeof scale);
      for (guint i = 0; i < BLOCK; i++)
        {
          double level = step > 0.0 && isfinite (step) ? nearbyint ((double) values[first + i] / step) : 0.0;

          out[2 + i] = (guint8) (gint8) CLAMP (level, -127.0, 127.0);
        }
    }
}

/* @out: [n_features, row_bytes]. */
static gboolean
pack (const SteerSaeWeights *weights,
      SteerSaeKeep keep,
      gsize row_bytes,
      guint8 *out,
      SteerSaeProgressFunc progress,
      gpointer progress_data,
      GCancellable *cancellable,
      GError **error)
{
  gint64 n_features = (gint64) weights->n_features;
  g_autofree float *tile = g_new (float, STEER_SAE_TILE_DEPTH *WIDTH);
  float row[STEER_SAE_TILE_DEPTH];

  for (gint64 feature = 0; feature < n_features; feature += WIDTH)
    {
      guint n = (guint) MIN (WIDTH, n_features - feature);

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      for (guint depth = 0; depth < weights->d_model; depth += STEER_SAE_TILE_DEPTH)
        {
          guint n_depth = MIN (STEER_SAE_TILE_DEPTH, weights->d_model - depth);

          steer_sae_load_tile (&weights->encoder, feature, n, depth, n_depth, tile);
          for (guint f = 0; f < n; f++)
            {
              guint8 *to = out + (gsize) (feature + f) * row_bytes;

              for (guint k = 0; k < n_depth; k++)
                row[k] = tile[k * WIDTH + f];
              if (keep == STEER_SAE_KEEP_BF16)
                write_bf16 (row, n_depth, to + 2 * (gsize) depth);
              else
                write_int8 (row, n_depth, to + (gsize) depth / BLOCK * (2 + BLOCK));
            }
        }
      if (progress != NULL && feature / WIDTH % 64 == 0)
        progress ((double) feature / (double) n_features, progress_data);
    }
  return TRUE;
}

static gboolean
check (SteerSae *self, const SteerSaeWeights *weights, SteerSaeKeep keep, GError **error)
{
  const char *problem = weights->encoder_problem;

  if (problem == NULL && keep == STEER_SAE_KEEP_INT8 && weights->d_model % BLOCK != 0)
    problem = "32 does not divide its width: keep it as bf16";
  if (problem == NULL)
    return TRUE;
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
               "%s: its encoder cannot be kept in memory: %s", steer_sae_get_path (self), problem);
  return FALSE;
}

SteerSae *
steer_sae_keep (SteerSae *self,
                SteerSaeKeep keep,
                SteerSaeProgressFunc progress,
                gpointer progress_data,
                GCancellable *cancellable,
                GError **error)
{
  const SteerSaeWeights *weights;
  g_autofree guint8 *packed = NULL;
  SteerTensor encoder;
  gsize row_bytes, size;

  g_return_val_if_fail (STEER_IS_SAE (self), NULL);

  weights = steer_sae_get_weights (self);
  if (!check (self, weights, keep, error))
    return NULL;
  row_bytes
    = keep == STEER_SAE_KEEP_BF16 ? 2 * (gsize) weights->d_model : (gsize) weights->d_model / BLOCK * (2 + BLOCK);
  if (g_size_checked_mul (&size, row_bytes, weights->n_features))
    packed = g_try_malloc (size);
  if (packed == NULL)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                   "%s: not enough memory to keep its encoder of %" G_GUINT64_FORMAT " x %" G_GSIZE_FORMAT " bytes",
                   steer_sae_get_path (self), weights->n_features, row_bytes);
      return NULL;
    }
  if (!pack (weights, keep, row_bytes, packed, progress, progress_data, cancellable, error))
    return NULL;
  encoder = weights->encoder;
  encoder.dtype = keep == STEER_SAE_KEEP_BF16 ? STEER_DTYPE_BF16 : STEER_DTYPE_Q8_0;
  encoder.stride[0] = encoder.shape[1];
  encoder.stride[1] = 1;
  encoder.data = packed;
  encoder.n_bytes = size;
  return steer_sae_copy_with_encoder (self, &encoder, g_bytes_new_take (g_steal_pointer (&packed), size));
}
