#include "steer-sae-private.h"

#include <math.h>
#include <string.h>

#include "steer-feature.h"

struct _SteerSae
{
  GObject parent_instance;

  SteerArchive *archive;
  char *path; /* of the weights */
  char *id;
  guint layer;
  SteerSaeWeights weights;
  SteerLabels labels;
  GBytes *kept; /* (nullable): the encoder, where it is not the file's */
};

static void steer_sae_source_init (SteerVectorSourceInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerSae,
                               steer_sae,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (STEER_TYPE_VECTOR_SOURCE, steer_sae_source_init))

static void
steer_sae_finalize (GObject *object)
{
  SteerSae *self = STEER_SAE (object);

  steer_sae_weights_clear (&self->weights);
  steer_labels_clear (&self->labels);
  g_clear_pointer (&self->kept, g_bytes_unref);
  g_clear_object (&self->archive);
  g_free (self->path);
  g_free (self->id);
  G_OBJECT_CLASS (steer_sae_parent_class)->finalize (object);
}

static void
steer_sae_class_init (SteerSaeClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_sae_finalize;
}

static void
steer_sae_init (SteerSae *self)
{
}

/* What the known formats call their weights, inside the folder that they come in. */
char *
steer_sae_find_weights (const char *folder)
{
  static const char *const names[] = {
    "ae.pt",
    "sae_weights.safetensors",
    "params.safetensors",
    "params.npz",
    "sae.safetensors",
    "final.safetensors",
    "checkpoints/final.safetensors",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (folder, names[i], NULL);

      if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&path);
    }
  return NULL;
}

/* The last names of the path that say which SAE it is: "resid_post_layer_15-trainer_1". */
static char *
make_id (const char *path)
{
  static const char *const plain[] = { "ae", "sae", "sae_weights", "params", "final", "checkpoints" };
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_auto (GStrv) parts = g_strsplit (absolute, G_DIR_SEPARATOR_S, -1);
  guint n = g_strv_length (parts);
  char *dot = n > 0 ? strrchr (parts[n - 1], '.') : NULL;

  if (dot != NULL && dot > parts[n - 1])
    *dot = '\0';
  while (n > 1
         && g_strv_contains ((const char *const[]){ plain[0], plain[1], plain[2], plain[3], plain[4], plain[5], NULL },
                             parts[n - 1]))
    n--;
  if (n > 1 && (g_str_has_prefix (parts[n - 1], "trainer_") || g_str_has_prefix (parts[n - 1], "average_l0_")))
    return g_strconcat (parts[n - 2], "-", parts[n - 1], NULL);
  return g_strdup (n > 0 ? parts[n - 1] : "sae");
}

static gboolean
set_layer (SteerSae *self, const SteerSaeConfig *config, const SteerSourceHints *hints, GError **error)
{
  int layer = -1;

  if (!steer_sae_find_layer (config, self->path, &layer, error))
    return FALSE;
  if (hints->layer >= 0)
    layer = hints->layer;
  if (layer < 0)
    layer = hints->fallback_layer;
  if (layer < 0)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                   "%s: neither its config nor its name tells the layer it was made for: give it (layer=15)",
                   self->path);
      return FALSE;
    }
  self->layer = (guint) layer;
  return TRUE;
}

static gboolean
load (SteerSae *self, const SteerSourceHints *hints, GCancellable *cancellable, GError **error)
{
  g_auto (SteerSaeConfig) config = { 0 };

  self->archive = steer_archive_open (self->path, cancellable, error);
  if (self->archive == NULL || !steer_sae_config_read (&config, self->path, self->archive, error)
      || !steer_sae_weights_read (&self->weights, self->archive, &config, hints, error)
      || !set_layer (self, &config, hints, error))
    return FALSE;
  if (!steer_labels_read_beside (&self->labels, self->path, self->layer, self->weights.n_features, cancellable, error))
    return FALSE;
  return steer_vector_source_check_model (STEER_VECTOR_SOURCE (self), hints->d_model, hints->n_layers, error);
}

SteerSae *
steer_sae_open (const char *path, const SteerSourceHints *hints, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerSae) self = NULL;
  SteerSourceHints none;

  g_return_val_if_fail (path != NULL, NULL);
  if (hints == NULL)
    {
      steer_source_hints_init (&none);
      hints = &none;
    }
  self = g_object_new (STEER_TYPE_SAE, NULL);
  self->path = g_file_test (path, G_FILE_TEST_IS_DIR) ? steer_sae_find_weights (path) : g_strdup (path);
  if (self->path == NULL)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                   "%s: there is no SAE in this folder under one of the known names; name its file", path);
      return NULL;
    }
  self->id = hints->id != NULL ? g_strdup (hints->id) : make_id (self->path);
  return load (self, hints, cancellable, error) ? g_steal_pointer (&self) : NULL;
}

SteerSae *
steer_sae_copy_with_encoder (SteerSae *self, const SteerTensor *encoder, GBytes *owner)
{
  SteerSae *copy = g_object_new (STEER_TYPE_SAE, NULL);

  copy->archive = g_object_ref (self->archive);
  copy->path = g_strdup (self->path);
  copy->id = g_strdup (self->id);
  copy->layer = self->layer;
  copy->weights = self->weights;
  copy->weights.format = g_strdup (self->weights.format);
  copy->weights.encoder_problem = g_strdup (self->weights.encoder_problem);
  copy->weights.encoder = *encoder;
  copy->labels = self->labels;
  copy->labels.infos = g_ptr_array_ref (self->labels.infos);
  copy->kept = owner;
  return copy;
}

const char *
steer_sae_get_format (SteerSae *self)
{
  g_return_val_if_fail (STEER_IS_SAE (self), NULL);
  return self->weights.format;
}

const char *
steer_sae_get_path (SteerSae *self)
{
  g_return_val_if_fail (STEER_IS_SAE (self), NULL);
  return self->path;
}

guint
steer_sae_get_layer (SteerSae *self)
{
  g_return_val_if_fail (STEER_IS_SAE (self), 0);
  return self->layer;
}

guint
steer_sae_get_d_model (SteerSae *self)
{
  g_return_val_if_fail (STEER_IS_SAE (self), 0);
  return self->weights.d_model;
}

guint64
steer_sae_get_n_features (SteerSae *self)
{
  g_return_val_if_fail (STEER_IS_SAE (self), 0);
  return self->weights.n_features;
}

SteerSaeActivation
steer_sae_get_activation (SteerSae *self)
{
  g_return_val_if_fail (STEER_IS_SAE (self), STEER_SAE_RELU);
  return self->weights.activation;
}

guint
steer_sae_get_k (SteerSae *self)
{
  g_return_val_if_fail (STEER_IS_SAE (self), 0);
  return self->weights.k;
}

const char *
steer_sae_get_encoder_problem (SteerSae *self)
{
  g_return_val_if_fail (STEER_IS_SAE (self), NULL);
  return self->weights.encoder_problem;
}

const SteerSaeWeights *
steer_sae_get_weights (SteerSae *self)
{
  return &self->weights;
}

static const char *
get_id (SteerVectorSource *source)
{
  return STEER_SAE (source)->id;
}

static guint
get_d_model (SteerVectorSource *source)
{
  return STEER_SAE (source)->weights.d_model;
}

static gboolean
has_vector (SteerVectorSource *source, guint layer, guint64 index)
{
  SteerSae *self = STEER_SAE (source);

  return layer == self->layer && index < self->weights.n_features;
}

/* A row that lies across the rows of the file's matrix has each of its numbers on a page of its own. Asking for all of
 * those pages before reading the first lets the disk fetch them together rather than one after another. @matrix:
 * [n_features, d_model]. */
static void
prefetch_row (SteerSae *self, const SteerTensor *matrix, guint64 index)
{
  gint64 size = (gint64) steer_dtype_get_block_bytes (matrix->dtype);
  SteerTensor number = *matrix;

  if (matrix->data == NULL || index >= self->weights.n_features
      || (matrix == &self->weights.encoder && self->kept != NULL))
    return;
  number.n_dims = 0;
  number.n_bytes = (gsize) size;
  number.data = matrix->data + (gint64) index * matrix->stride[0] * size;
  if (matrix->stride[1] == 1)
    {
      number.n_bytes = (gsize) size * self->weights.d_model;
      steer_archive_prefetch (self->archive, &number);
      return;
    }
  for (guint i = 0; i < self->weights.d_model; i++, number.data += matrix->stride[1] * size)
    steer_archive_prefetch (self->archive, &number);
}

void
steer_sae_prefetch_direction (SteerSae *self, guint64 index)
{
  g_return_if_fail (STEER_IS_SAE (self));
  prefetch_row (self, &self->weights.decoder, index);
}

void
steer_sae_prefetch_encoder (SteerSae *self, guint64 index)
{
  g_return_if_fail (STEER_IS_SAE (self));
  prefetch_row (self, &self->weights.encoder, index);
}

gboolean
steer_sae_read_direction (SteerSae *self,
                          guint64 index,
                          float *vector,
                          double *norm,
                          GCancellable *cancellable,
                          GError **error)
{
  guint d_model;

  g_return_val_if_fail (STEER_IS_SAE (self) && vector != NULL && norm != NULL, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (index >= self->weights.n_features)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                   "%s: there is no feature %" G_GUINT64_FORMAT ": it has 0 to %" G_GUINT64_FORMAT, self->path, index,
                   self->weights.n_features - 1);
      return FALSE;
    }
  d_model = self->weights.d_model;
  steer_sae_prefetch_direction (self, index);
  steer_tensor_read_f32 (&self->weights.decoder, (gint64) index * d_model, d_model, vector);
  *norm = steer_normalise (vector, d_model);
  if (*norm > 0.0)
    return TRUE;
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
               "%s: feature %" G_GUINT64_FORMAT " has no direction: its numbers are all zero or not finite", self->path,
               index);
  return FALSE;
}

static GBytes *
load_vector (SteerVectorSource *source, guint layer, guint64 index, GCancellable *cancellable, GError **error)
{
  SteerSae *self = STEER_SAE (source);
  guint d_model = self->weights.d_model;
  g_autofree float *vector = NULL; /* [d_model] */
  double norm;

  if (layer != self->layer)
    {
      g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                   "%s: no vector for layer %u: it was made for layer %u", self->path, layer, self->layer);
      return NULL;
    }
  vector = g_try_new (float, d_model);
  if (vector == NULL)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                   "not enough memory for a vector of %u numbers", d_model);
      return NULL;
    }
  if (!steer_sae_read_direction (self, index, vector, &norm, cancellable, error))
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&vector), d_model * sizeof (float));
}

static SteerEncoder *
load_encoder (SteerVectorSource *source, guint layer, guint64 index, GCancellable *cancellable, GError **error)
{
  SteerSae *self = STEER_SAE (source);

  if (layer == self->layer)
    return steer_sae_load_encoder (self, index, cancellable, error);
  g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
               "%s: no encoder for layer %u: it was made for layer %u", self->path, layer, self->layer);
  return NULL;
}

static SteerFeatureInfo *
dup_info (SteerVectorSource *source, guint layer, guint64 index)
{
  SteerSae *self = STEER_SAE (source);
  const SteerFeatureInfo *info = layer == self->layer ? steer_labels_find (&self->labels, index) : NULL;

  return info != NULL ? steer_feature_info_copy (info) : NULL;
}

static GPtrArray *
list_infos (SteerVectorSource *source)
{
  SteerSae *self = STEER_SAE (source);
  GPtrArray *list = g_ptr_array_new_full (self->labels.infos->len, (GDestroyNotify) steer_feature_info_free);

  for (guint i = 0; i < self->labels.infos->len; i++)
    g_ptr_array_add (list, steer_feature_info_copy (g_ptr_array_index (self->labels.infos, i)));
  return list;
}

static double
get_layer_norm (SteerVectorSource *source, guint layer)
{
  SteerSae *self = STEER_SAE (source);

  return layer == self->layer ? self->labels.layer_norm : 0.0;
}

static void
steer_sae_source_init (SteerVectorSourceInterface *iface)
{
  iface->get_id = get_id;
  iface->get_d_model = get_d_model;
  iface->has_vector = has_vector;
  iface->load_vector = load_vector;
  iface->load_encoder = load_encoder;
  iface->dup_info = dup_info;
  iface->list_infos = list_infos;
  iface->get_layer_norm = get_layer_norm;
}
