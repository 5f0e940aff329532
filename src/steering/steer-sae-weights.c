/* Which tensors an SAE is made of, and which way round they lie. Names alone never decide that: Qwen-Scope and SAELens
 * use the same names for matrices that are each other's transpose. */

#include "steer-sae-private.h"

#include <string.h>

static const char *const decoder_names[] = { "decoder.weight", "W_dec", "w_dec", "decoder_linear.weight", NULL };
static const char *const encoder_names[] = { "encoder.weight", "W_enc", "w_enc", "encoder_linear.weight", NULL };
static const char *const b_enc_names[] = { "encoder.bias", "b_enc", "encoder_linear.bias", NULL };
static const char *const b_dec_names[]
  = { "b_dec", "decoder.bias", "decoder_linear.bias", "decoder_bias", "bias", NULL };
static const char *const threshold_names[] = { "threshold", NULL };
static const char *const b_gate_names[] = { "b_gate", "gate_bias", NULL };
static const char *const b_mag_names[] = { "b_mag", "mag_bias", NULL };
static const char *const r_mag_names[] = { "r_mag", NULL };

/* Reading the archive once, with what is known so far. */
typedef struct
{
  SteerSaeWeights *weights;
  SteerArchive *archive;
  const SteerSaeConfig *config;
  const SteerSourceHints *hints;
  char *prefix; /* before all names: "state_dict." */
} Reader;

static gboolean G_GNUC_PRINTF (4, 5)
  fail (const Reader *self, SteerSteeringError code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_STEERING_ERROR, code, "%s: %s", steer_archive_get_path (self->archive), what);
  return FALSE;
}

const SteerTensor *
steer_sae_find_tensor (SteerArchive *archive, const char *prefix, const char *const *names)
{
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *name = g_strconcat (prefix, names[i], NULL);
      const SteerTensor *tensor = steer_archive_find (archive, name);

      if (tensor != NULL)
        return tensor;
    }
  return NULL;
}

/* What stands before a decoder's name in @name, or NULL when it is no decoder. */
static char *
dup_prefix (const char *name)
{
  for (guint i = 0; decoder_names[i] != NULL; i++)
    {
      gsize length = strlen (name);
      gsize tail = strlen (decoder_names[i]);

      if (g_str_has_suffix (name, decoder_names[i]) && (length == tail || name[length - tail - 1] == '.'))
        return g_strndup (name, length - tail);
    }
  return NULL;
}

gboolean
steer_sae_is_sae (SteerArchive *archive)
{
  for (guint i = 0; i < steer_archive_get_n_tensors (archive); i++)
    {
      g_autofree char *prefix = dup_prefix (steer_archive_get_tensor (archive, i)->name);

      if (prefix != NULL)
        return TRUE;
    }
  return FALSE;
}

static const SteerTensor *
find_decoder (Reader *self, GError **error)
{
  const SteerTensor *found = steer_sae_find_tensor (self->archive, "", decoder_names);

  self->prefix = g_strdup ("");
  for (guint i = 0; found == NULL && i < steer_archive_get_n_tensors (self->archive); i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (self->archive, i);
      g_autofree char *prefix = dup_prefix (tensor->name);

      if (prefix == NULL)
        continue;
      if (*self->prefix != '\0')
        {
          fail (self, STEER_STEERING_ERROR_INVALID, error,
                "several SAEs are in it (\"%s\" and \"%s\"); save the one you need as a file of its own", self->prefix,
                prefix);
          return NULL;
        }
      g_free (self->prefix);
      self->prefix = g_steal_pointer (&prefix);
    }
  if (found == NULL)
    found = steer_sae_find_tensor (self->archive, self->prefix, decoder_names);
  if (found == NULL)
    fail (self, STEER_STEERING_ERROR_INVALID, error, "it holds no decoder of an SAE: no %s, %s, %s or %s",
          decoder_names[0], decoder_names[1], decoder_names[2], decoder_names[3]);
  return found;
}

static gboolean
check_matrix (const Reader *self, const SteerTensor *tensor, GError **error)
{
  g_autofree char *shape = steer_tensor_dup_shape_string (tensor);

  if (tensor->n_dims == 2 && !steer_dtype_is_quantized (tensor->dtype) && tensor->shape[0] >= 1 && tensor->shape[1] >= 1
      && tensor->shape[0] <= G_MAXINT && tensor->shape[1] <= G_MAXINT)
    return TRUE;
  return fail (self, STEER_STEERING_ERROR_INVALID, error, "tensor \"%s\" is %s of shape %s where a matrix is expected",
               tensor->name, steer_dtype_get_name (tensor->dtype), shape);
}

/* Length of the vector that one of the names has; 0 when there is none. */
static gint64
get_length (const Reader *self, const char *const *names)
{
  const SteerTensor *tensor = steer_sae_find_tensor (self->archive, self->prefix, names);

  return tensor != NULL && tensor->n_dims == 1 ? tensor->shape[0] : 0;
}

/* A number that is known to be d_model or n_features. */
typedef struct
{
  const char *what;
  gint64 value; /* 0: not known */
  gboolean is_d_model;
} Evidence;

/* 0 or 1: the side of the decoder that runs along d_model; -1 after an error. */
static int
find_side (const Reader *self, const SteerTensor *decoder, const Evidence *evidence, guint n, GError **error)
{
  g_autofree char *shape = steer_tensor_dup_shape_string (decoder);
  int side = -1;

  for (guint i = 0; i < n; i++)
    {
      gint64 value = evidence[i].value;
      int found;

      if (value == 0)
        continue;
      if (value != decoder->shape[0] && value != decoder->shape[1])
        {
          fail (self, STEER_STEERING_ERROR_MISMATCH, error,
                "%s is %" G_GINT64_FORMAT ", but \"%s\" has shape %s: they do not belong together", evidence[i].what,
                value, decoder->name, shape);
          return -1;
        }
      if (decoder->shape[0] == decoder->shape[1])
        continue;
      found = (value == decoder->shape[0]) == evidence[i].is_d_model ? 0 : 1;
      if (side >= 0 && side != found)
        {
          fail (self, STEER_STEERING_ERROR_MISMATCH, error,
                "%s is %" G_GINT64_FORMAT ", which contradicts the other shapes beside \"%s\" of shape %s",
                evidence[i].what, value, decoder->name, shape);
          return -1;
        }
      side = found;
    }
  if (side < 0 && self->hints->rows == STEER_ROWS_ARE_FEATURES)
    side = 1;
  if (side < 0 && self->hints->rows == STEER_COLUMNS_ARE_FEATURES)
    side = 0;
  if (side < 0)
    fail (
      self, STEER_STEERING_ERROR_INVALID, error,
      "\"%s\" has shape %s, of which both sides could be the model's width: say whether its rows or its columns are "
      "the features (rows=features or rows=width)",
      decoder->name, shape);
  return side;
}

static int
find_d_model_side (const Reader *self, const SteerTensor *decoder, GError **error)
{
  guint64 config_d_model = 0;
  guint64 config_n_features = 0;
  const Evidence evidence[] = {
    { "the length of the decoder's bias", get_length (self, b_dec_names), TRUE },
    { "the length of the encoder's bias", get_length (self, b_enc_names), FALSE },
    { "the number of thresholds", get_length (self, threshold_names), FALSE },
    { "the number of gates", get_length (self, b_gate_names), FALSE },
    { "the model's width", self->hints->d_model, TRUE },
  };
  Evidence all[G_N_ELEMENTS (evidence) + 2];
  guint n = G_N_ELEMENTS (evidence);

  if (!steer_sae_config_get_uint (self->config, "activation_dim", &config_d_model)
      && !steer_sae_config_get_uint (self->config, "d_in", &config_d_model))
    steer_sae_config_get_uint (self->config, "d_model", &config_d_model);
  if (!steer_sae_config_get_uint (self->config, "dict_size", &config_n_features)
      && !steer_sae_config_get_uint (self->config, "d_sae", &config_n_features))
    steer_sae_config_get_uint (self->config, "num_latents", &config_n_features);
  memcpy (all, evidence, sizeof evidence);
  all[n++] = (Evidence){ "the width that the config names", (gint64) config_d_model, TRUE };
  all[n++] = (Evidence){ "the number of features that the config names", (gint64) config_n_features, FALSE };
  return find_side (self, decoder, all, n, error);
}

/* The view with features as rows. */
static SteerTensor
turn (const SteerTensor *tensor, gboolean transposed)
{
  SteerTensor view = *tensor;

  if (!transposed)
    return view;
  view.shape[0] = tensor->shape[1];
  view.shape[1] = tensor->shape[0];
  view.stride[0] = tensor->stride[1];
  view.stride[1] = tensor->stride[0];
  return view;
}

/* An encoder's matrix beside a decoder whose sides are known. A square one says nothing itself: a module's weight has a
 * row an output, and a bare matrix named W_enc is multiplied from the right, so it is the decoder's transpose. */
static gboolean
place_encoder (Reader *self,
               const SteerTensor *encoder,
               gboolean decoder_transposed,
               gboolean *transposed,
               GError **error)
{
  SteerSaeWeights *weights = self->weights;
  gint64 n_features = (gint64) weights->n_features;
  gint64 d_model = weights->d_model;
  g_autofree char *shape = steer_tensor_dup_shape_string (encoder);

  if (!check_matrix (self, encoder, error))
    return FALSE;
  if (n_features == d_model)
    *transposed = g_str_has_suffix (encoder->name, ".weight") ? FALSE : !decoder_transposed;
  else
    *transposed = encoder->shape[0] == d_model;
  weights->encoder = turn (encoder, *transposed);
  if (weights->encoder.shape[0] == n_features && weights->encoder.shape[1] == d_model)
    return TRUE;
  return fail (self, STEER_STEERING_ERROR_MISMATCH, error,
               "\"%s\" has shape %s, which does not belong to %" G_GINT64_FORMAT " features of width %" G_GINT64_FORMAT,
               encoder->name, shape, n_features, d_model);
}

/* A vector of the given length, where there is one. */
static gboolean
place_vector (const Reader *self, const char *const *names, gint64 length, SteerTensor *view, GError **error)
{
  const SteerTensor *tensor = steer_sae_find_tensor (self->archive, self->prefix, names);
  g_autofree char *shape = NULL;

  if (tensor == NULL || tensor->n_dims == 0)
    return TRUE;
  *view = *tensor;
  if (tensor->n_dims == 1 && tensor->shape[0] == length && !steer_dtype_is_quantized (tensor->dtype))
    return TRUE;
  shape = steer_tensor_dup_shape_string (tensor);
  return fail (self, STEER_STEERING_ERROR_MISMATCH, error,
               "\"%s\" has shape %s where [%" G_GINT64_FORMAT "] is expected", tensor->name, shape, length);
}

static gboolean
place_vectors (const Reader *self, GError **error)
{
  SteerSaeWeights *weights = self->weights;
  gint64 n_features = (gint64) weights->n_features;

  return place_vector (self, b_enc_names, n_features, &weights->b_enc, error)
         && place_vector (self, b_dec_names, weights->d_model, &weights->b_dec, error)
         && place_vector (self, threshold_names, n_features, &weights->threshold, error)
         && place_vector (self, b_gate_names, n_features, &weights->b_gate, error)
         && place_vector (self, b_mag_names, n_features, &weights->b_mag, error)
         && place_vector (self, r_mag_names, n_features, &weights->r_mag, error);
}

/* A number that stands among the tensors, as dictionary_learning's k and threshold do. */
static gboolean
read_scalar (const Reader *self, const char *name, double *value)
{
  const char *const names[] = { name, NULL };
  const SteerTensor *tensor = steer_sae_find_tensor (self->archive, self->prefix, names);
  float number;

  if (tensor == NULL || steer_tensor_get_n_elements (tensor) != 1 || steer_dtype_is_quantized (tensor->dtype))
    return FALSE;
  steer_tensor_read_f32 (tensor, 0, 1, &number);
  *value = (double) number;
  return TRUE;
}

static void
read_numbers (const Reader *self)
{
  SteerSaeWeights *weights = self->weights;
  guint64 config_k = 0;
  double k = 0.0;

  if (read_scalar (self, "k", &k) && k >= 1.0 && k <= (double) weights->n_features)
    weights->k = (guint) k;
  else if ((steer_sae_config_get_uint (self->config, "k", &config_k)
            || steer_sae_config_get_uint (self->config, "top_k", &config_k)
            || steer_sae_config_get_uint (self->config, "activation_fn_kwargs.k", &config_k))
           && config_k <= weights->n_features)
    weights->k = (guint) config_k;
  if (weights->k == 0)
    weights->k = (guint) MIN (self->hints->k, weights->n_features);
  weights->scalar_threshold = -1.0;
  if (weights->threshold.data == NULL)
    read_scalar (self, "threshold", &weights->scalar_threshold);
}

static gboolean
read_weights (Reader *self, GError **error)
{
  SteerSaeWeights *weights = self->weights;
  const SteerTensor *decoder = find_decoder (self, error);
  const SteerTensor *encoder;
  gboolean encoder_transposed = FALSE;
  int side;

  if (decoder == NULL || !check_matrix (self, decoder, error))
    return FALSE;
  side = find_d_model_side (self, decoder, error);
  if (side < 0)
    return FALSE;
  weights->decoder = turn (decoder, side == 0);
  weights->n_features = (guint64) weights->decoder.shape[0];
  weights->d_model = (guint) weights->decoder.shape[1];
  encoder = steer_sae_find_tensor (self->archive, self->prefix, encoder_names);
  if (encoder != NULL && !place_encoder (self, encoder, side == 0, &encoder_transposed, error))
    return FALSE;
  if (!place_vectors (self, error))
    return FALSE;
  read_numbers (self);
  steer_sae_weights_set_encoder (weights, self->config, self->hints, self->archive,
                                 decoder->name + strlen (self->prefix),
                                 encoder != NULL ? encoder->name + strlen (self->prefix) : NULL, encoder_transposed);
  return TRUE;
}

gboolean
steer_sae_weights_read (SteerSaeWeights *self,
                        SteerArchive *archive,
                        const SteerSaeConfig *config,
                        const SteerSourceHints *hints,
                        GError **error)
{
  Reader reader = { .weights = self, .archive = archive, .config = config, .hints = hints };
  gboolean read;

  memset (self, 0, sizeof *self);
  read = read_weights (&reader, error);
  g_free (reader.prefix);
  return read;
}

void
steer_sae_weights_clear (SteerSaeWeights *self)
{
  g_clear_pointer (&self->format, g_free);
  g_clear_pointer (&self->encoder_problem, g_free);
}
