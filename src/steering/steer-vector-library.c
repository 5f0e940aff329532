#include "steer-vector-library.h"

#include <math.h>
#include <string.h>

#include "steer-feature.h"
#include "steer-sae-private.h"

/* A tensor that is there, found by bisection. Ordered by layer, then index. */
typedef struct
{
  guint layer;
  guint64 index;
  const SteerTensor *tensor; /* [d_model]; owned by the archive */
} Entry;

struct _SteerVectorLibrary
{
  GObject parent_instance;

  SteerArchive *archive;
  char *id;
  guint d_model;
  GArray *entries;         /* (element-type Entry) */
  GPtrArray *infos;        /* (element-type SteerFeatureInfo), one an entry, same order */
  GHashTable *layer_norms; /* layer -> double* */
};

static void steer_vector_library_source_init (SteerVectorSourceInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerVectorLibrary,
                               steer_vector_library,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (STEER_TYPE_VECTOR_SOURCE, steer_vector_library_source_init))

static void
steer_vector_library_finalize (GObject *object)
{
  SteerVectorLibrary *self = STEER_VECTOR_LIBRARY (object);

  g_clear_object (&self->archive);
  g_free (self->id);
  g_array_unref (self->entries);
  g_ptr_array_unref (self->infos);
  g_hash_table_unref (self->layer_norms);
  G_OBJECT_CLASS (steer_vector_library_parent_class)->finalize (object);
}

static void
steer_vector_library_class_init (SteerVectorLibraryClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_vector_library_finalize;
}

static void
steer_vector_library_init (SteerVectorLibrary *self)
{
  self->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  self->infos = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_feature_info_free);
  self->layer_norms = g_hash_table_new_full (NULL, NULL, NULL, g_free);
}

static gboolean fail (SteerVectorLibrary *self, SteerSteeringError code, GError **error, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

static gboolean
fail (SteerVectorLibrary *self, SteerSteeringError code, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  message = g_utf8_make_valid (text, -1); /* a precision may have cut a character */
  g_set_error (error, STEER_STEERING_ERROR, code, "%s: %s", steer_archive_get_path (self->archive), message);
  return FALSE;
}

/* "15.21576", digits without leading zeros, so that a feature has one name only. */
static gboolean
parse_name (const char *name, guint *layer, guint64 *index)
{
  g_auto (GStrv) parts = g_strsplit (name, ".", 3);
  guint64 wide;

  if (g_strv_length (parts) != 2)
    return FALSE;
  for (guint i = 0; i < 2; i++)
    if (!g_ascii_isdigit (parts[i][0]) || (parts[i][0] == '0' && parts[i][1] != '\0'))
      return FALSE;
  if (!g_ascii_string_to_unsigned (parts[0], 10, 0, STEER_FEATURE_MAX_LAYER, &wide, NULL)
      || !g_ascii_string_to_unsigned (parts[1], 10, 0, G_MAXUINT64, index, NULL))
    return FALSE;
  *layer = (guint) wide;
  return TRUE;
}

static gboolean
check_tensor (SteerVectorLibrary *self, const SteerTensor *tensor, GError **error)
{
  g_autofree char *shape = steer_tensor_dup_shape_string (tensor);

  if (tensor->dtype > STEER_DTYPE_BF16)
    return fail (self, STEER_STEERING_ERROR_INVALID, error, "tensor '%s' has type %s where F32 is expected",
                 tensor->name, steer_dtype_get_name (tensor->dtype));
  if (tensor->n_dims != 1 || tensor->shape[0] < 1 || tensor->shape[0] > G_MAXINT)
    return fail (self, STEER_STEERING_ERROR_INVALID, error, "tensor '%s' has shape %s where [d_model] is expected",
                 tensor->name, shape);
  if (self->d_model == 0)
    self->d_model = (guint) tensor->shape[0];
  if (tensor->shape[0] != self->d_model)
    return fail (self, STEER_STEERING_ERROR_MISMATCH, error,
                 "tensor '%s' has shape %s where [%u] is expected like the others", tensor->name, shape, self->d_model);
  return TRUE;
}

static gboolean
add_tensor (SteerVectorLibrary *self, const SteerTensor *tensor, GError **error)
{
  Entry entry = { .tensor = tensor };

  if (!parse_name (tensor->name, &entry.layer, &entry.index))
    return fail (self, STEER_STEERING_ERROR_INVALID, error,
                 "tensor '%s' is not named LAYER.INDEX; this is not a library of steering vectors", tensor->name);
  if (!check_tensor (self, tensor, error))
    return FALSE;
  g_array_append_val (self->entries, entry);
  return TRUE;
}

static int
compare_places (guint layer_a, guint64 index_a, guint layer_b, guint64 index_b)
{
  if (layer_a != layer_b)
    return layer_a < layer_b ? -1 : 1;
  return index_a < index_b ? -1 : index_a > index_b;
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *left = a;
  const Entry *right = b;

  return compare_places (left->layer, left->index, right->layer, right->index);
}

static gboolean
is_encoder (const SteerTensor *tensor)
{
  return g_str_has_suffix (tensor->name, STEER_VECTOR_LIBRARY_ENCODER);
}

/* An encoder belongs to a vector that is there. Entries are sorted. */
static gboolean
check_encoder (SteerVectorLibrary *self, const SteerTensor *tensor, GError **error)
{
  g_autofree char *name = g_strndup (tensor->name, strlen (tensor->name) - strlen (STEER_VECTOR_LIBRARY_ENCODER));
  Entry key = { 0 };

  if (!parse_name (name, &key.layer, &key.index) || !g_array_binary_search (self->entries, &key, compare_entries, NULL))
    return fail (self, STEER_STEERING_ERROR_INVALID, error, "tensor '%s' is an encoder without a vector '%s'",
                 tensor->name, name);
  return check_tensor (self, tensor, error);
}

/* A metadata value that must be a finite number; *out keeps its value where there is no such key. */
static gboolean
read_number (SteerVectorLibrary *self, const char *key, double *out, GError **error)
{
  const char *text = steer_archive_get_metadata (self->archive, key);
  char *end;
  double value;

  if (text == NULL)
    return TRUE;
  value = g_ascii_strtod (text, &end);
  if (end == text || *end != '\0' || !isfinite (value) || fabs (value) > STEER_FEATURE_MAX_STRENGTH)
    return fail (self, STEER_STEERING_ERROR_INVALID, error, "metadata '%s' is \"%.40s\" where a number is expected",
                 key, text);
  *out = value;
  return TRUE;
}

static gboolean
read_feature_number (SteerVectorLibrary *self, const char *what, const char *name, double *out, GError **error)
{
  g_autofree char *key = g_strconcat (what, ".", name, NULL);

  return read_number (self, key, out, error);
}

static gboolean
add_info (SteerVectorLibrary *self, const Entry *entry, GError **error)
{
  g_autoptr (SteerFeatureInfo) info = g_new0 (SteerFeatureInfo, 1);
  const char *name = entry->tensor->name;
  g_autofree char *label_key = g_strconcat ("label.", name, NULL);

  info->layer = entry->layer;
  info->index = entry->index;
  info->label = g_strdup (steer_archive_get_metadata (self->archive, label_key));
  if (!read_feature_number (self, "strength", name, &info->recommended, error)
      || !read_feature_number (self, "min", name, &info->minimum, error)
      || !read_feature_number (self, "max", name, &info->maximum, error))
    return FALSE;
  if (info->minimum > info->maximum)
    return fail (self, STEER_STEERING_ERROR_INVALID, error, "metadata 'min.%s' is greater than 'max.%s'", name, name);
  g_ptr_array_add (self->infos, g_steal_pointer (&info));
  return TRUE;
}

static gboolean
read_layer_norms (SteerVectorLibrary *self, GError **error)
{
  g_autofree const char **keys = steer_archive_list_metadata (self->archive);

  for (guint i = 0; keys[i] != NULL; i++)
    {
      guint64 layer;
      double norm = 0.0;

      if (!g_str_has_prefix (keys[i], "layer_norm."))
        continue;
      if (!g_ascii_string_to_unsigned (keys[i] + strlen ("layer_norm."), 10, 0, STEER_FEATURE_MAX_LAYER, &layer, NULL))
        return fail (self, STEER_STEERING_ERROR_INVALID, error, "metadata '%s' does not name a layer", keys[i]);
      if (!read_number (self, keys[i], &norm, error))
        return FALSE;
      if (norm < 0.0)
        return fail (self, STEER_STEERING_ERROR_INVALID, error, "metadata '%s' is negative", keys[i]);
      g_hash_table_insert (self->layer_norms, GUINT_TO_POINTER ((guint) layer), g_memdup2 (&norm, sizeof norm));
    }
  return TRUE;
}

static gboolean
check_metadata (SteerVectorLibrary *self, GError **error)
{
  const char *format = steer_archive_get_metadata (self->archive, "format");
  double d_model = self->d_model;

  /* "pt" is what PyTorch's own writer puts there. */
  if (format != NULL && !g_str_equal (format, "steer-vectors") && !g_str_equal (format, "pt"))
    return fail (self, STEER_STEERING_ERROR_INVALID, error,
                 "metadata 'format' is \"%.40s\" where \"steer-vectors\" is expected", format);
  if (!read_number (self, "d_model", &d_model, error))
    return FALSE;
  if (d_model != self->d_model)
    return fail (self, STEER_STEERING_ERROR_MISMATCH, error,
                 "metadata 'd_model' is %g, but the vectors have %u numbers", d_model, self->d_model);
  return TRUE;
}

static gboolean
read_archive (SteerVectorLibrary *self, GError **error)
{
  guint n_tensors = steer_archive_get_n_tensors (self->archive);

  if (n_tensors == 0)
    return fail (self, STEER_STEERING_ERROR_INVALID, error, "there is no vector in it");
  for (guint i = 0; i < n_tensors; i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (self->archive, i);

      if (!is_encoder (tensor) && !add_tensor (self, tensor, error))
        return FALSE;
    }
  g_array_sort (self->entries, compare_entries);
  for (guint i = 0; i < n_tensors; i++)
    {
      const SteerTensor *tensor = steer_archive_get_tensor (self->archive, i);

      if (is_encoder (tensor) && !check_encoder (self, tensor, error))
        return FALSE;
    }
  for (guint i = 0; i < self->entries->len; i++)
    if (!add_info (self, &g_array_index (self->entries, Entry, i), error))
      return FALSE;
  return check_metadata (self, error) && read_layer_norms (self, error);
}

static char *
make_id (const char *path)
{
  char *id = g_path_get_basename (path);

  if (g_str_has_suffix (id, ".safetensors"))
    id[strlen (id) - strlen (".safetensors")] = '\0';
  return id;
}

SteerVectorLibrary *
steer_vector_library_open (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerVectorLibrary) self = NULL;
  g_autoptr (SteerArchive) archive = NULL;

  g_return_val_if_fail (path != NULL, NULL);
  archive = steer_archive_open (path, cancellable, error);
  if (archive == NULL)
    return NULL;
  self = g_object_new (STEER_TYPE_VECTOR_LIBRARY, NULL);
  self->archive = g_steal_pointer (&archive);
  self->id = make_id (path);
  return read_archive (self, error) ? g_steal_pointer (&self) : NULL;
}

void
steer_vector_library_set_id (SteerVectorLibrary *self, const char *id)
{
  g_return_if_fail (STEER_IS_VECTOR_LIBRARY (self));
  g_return_if_fail (id != NULL);
  g_free (self->id);
  self->id = g_strdup (id);
}

const char *
steer_vector_library_get_metadata (SteerVectorLibrary *self, const char *key)
{
  g_return_val_if_fail (STEER_IS_VECTOR_LIBRARY (self), NULL);
  return steer_archive_get_metadata (self->archive, key);
}

/* Position among the entries, or -1. */
static int
find_entry (SteerVectorLibrary *self, guint layer, guint64 index)
{
  Entry key = { .layer = layer, .index = index };
  guint position;

  return g_array_binary_search (self->entries, &key, compare_entries, &position) ? (int) position : -1;
}

static const char *
get_id (SteerVectorSource *source)
{
  return STEER_VECTOR_LIBRARY (source)->id;
}

static guint
get_d_model (SteerVectorSource *source)
{
  return STEER_VECTOR_LIBRARY (source)->d_model;
}

static gboolean
has_vector (SteerVectorSource *source, guint layer, guint64 index)
{
  return find_entry (STEER_VECTOR_LIBRARY (source), layer, index) >= 0;
}

static GBytes *
load_vector (SteerVectorSource *source, guint layer, guint64 index, GCancellable *cancellable, GError **error)
{
  SteerVectorLibrary *self = STEER_VECTOR_LIBRARY (source);
  int position = find_entry (self, layer, index);
  const SteerTensor *tensor;
  g_autofree float *vector = NULL; /* [d_model] */

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  if (position < 0)
    {
      fail (self, STEER_STEERING_ERROR_NOT_FOUND, error, "no vector for layer %u, feature %" G_GUINT64_FORMAT, layer,
            index);
      return NULL;
    }
  tensor = g_array_index (self->entries, Entry, position).tensor;
  vector = g_try_new (float, self->d_model);
  if (vector == NULL)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                   "not enough memory for a vector of %u numbers", self->d_model);
      return NULL;
    }
  steer_tensor_read_f32 (tensor, 0, self->d_model, vector);
  if (steer_normalise (vector, self->d_model) == 0.0)
    {
      fail (self, STEER_STEERING_ERROR_INVALID, error,
            "tensor '%s' has no direction: its numbers are all zero or not finite", tensor->name);
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&vector), self->d_model * sizeof (float));
}

static SteerEncoder *
read_encoder (SteerVectorLibrary *self, const SteerTensor *tensor, const char *name, GError **error)
{
  g_autofree float *weights = g_try_new (float, self->d_model); /* [d_model] */
  g_autofree char *input_key = g_strconcat ("input.", name, NULL);
  g_autofree char *place = g_strdup_printf ("%s: tensor '%s'", steer_archive_get_path (self->archive), tensor->name);
  const char *input_name = steer_archive_get_metadata (self->archive, input_key);
  g_autoptr (GBytes) bytes = NULL;
  SteerEncoderInput input = STEER_ENCODER_PLAIN;
  double bias = 0.0;
  double threshold = 0.0;
  double gain = 1.0;

  if (weights == NULL)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                   "not enough memory for an encoder of %u numbers", self->d_model);
      return NULL;
    }
  if (input_name != NULL && !steer_encoder_input_from_name (input_name, &input))
    {
      fail (self, STEER_STEERING_ERROR_INVALID, error,
            "metadata '%s' is \"%.40s\" where plain, constant-norm or layer-norm is expected", input_key, input_name);
      return NULL;
    }
  if (!read_feature_number (self, "bias", name, &bias, error)
      || !read_feature_number (self, "threshold", name, &threshold, error)
      || !read_feature_number (self, "gain", name, &gain, error))
    return NULL;
  steer_tensor_read_f32 (tensor, 0, self->d_model, weights);
  bytes = g_bytes_new_take (g_steal_pointer (&weights), self->d_model * sizeof (float));
  return steer_encoder_new (place, bytes, input, (float) bias, (float) threshold, (float) gain, error);
}

static SteerEncoder *
load_encoder (SteerVectorSource *source, guint layer, guint64 index, GCancellable *cancellable, GError **error)
{
  SteerVectorLibrary *self = STEER_VECTOR_LIBRARY (source);
  g_autofree char *name = g_strdup_printf ("%u.%" G_GUINT64_FORMAT, layer, index);
  g_autofree char *tensor_name = g_strconcat (name, STEER_VECTOR_LIBRARY_ENCODER, NULL);
  const SteerTensor *tensor = steer_archive_find (self->archive, tensor_name);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  if (tensor != NULL)
    return read_encoder (self, tensor, name, error);
  fail (self, STEER_STEERING_ERROR_NOT_FOUND, error,
        "feature %" G_GUINT64_FORMAT
        " of layer %u has no encoder, so neither sae-clamp nor a condition on its activation can be used: use "
        "clamp, or a projection, or extract it anew from its SAE",
        index, layer);
  return NULL;
}

static SteerFeatureInfo *
dup_info (SteerVectorSource *source, guint layer, guint64 index)
{
  SteerVectorLibrary *self = STEER_VECTOR_LIBRARY (source);
  int position = find_entry (self, layer, index);

  return position >= 0 ? steer_feature_info_copy (g_ptr_array_index (self->infos, position)) : NULL;
}

static GPtrArray *
list_infos (SteerVectorSource *source)
{
  SteerVectorLibrary *self = STEER_VECTOR_LIBRARY (source);
  GPtrArray *list = g_ptr_array_new_full (self->infos->len, (GDestroyNotify) steer_feature_info_free);

  for (guint i = 0; i < self->infos->len; i++)
    g_ptr_array_add (list, steer_feature_info_copy (g_ptr_array_index (self->infos, i)));
  return list;
}

static double
get_layer_norm (SteerVectorSource *source, guint layer)
{
  double *norm = g_hash_table_lookup (STEER_VECTOR_LIBRARY (source)->layer_norms, GUINT_TO_POINTER (layer));

  return norm != NULL ? *norm : 0.0;
}

static void
steer_vector_library_source_init (SteerVectorSourceInterface *iface)
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
