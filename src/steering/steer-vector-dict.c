#include "steer-vector-dict.h"

#include <math.h>
#include <string.h>

#include "steer-feature.h"
#include "steer-sae-private.h"
#include "tensor/steer-archive.h"

/* A vector that is there, found by bisection. Ordered by layer, then index. */
typedef struct
{
  guint layer;
  guint64 index;
  const SteerTensor *tensor; /* owned by the archive */
  gint64 row;                /* of a matrix; 0 for a vector */
  double norm;               /* of the vector as it is in the file; 0: it has no direction */
} Entry;

struct _SteerVectorDict
{
  GObject parent_instance;

  SteerArchive *archive;
  char *id;
  guint d_model;
  GArray *entries; /* (element-type Entry) */
};

/* While a file is read. */
typedef struct
{
  SteerVectorDict *dict;
  const SteerSourceHints *hints;
  int layer;         /* of tensors whose names tell none; -1: not known */
  guint64 n_unnamed; /* that were given an index of that layer */
} Reader;

static void steer_vector_dict_source_init (SteerVectorSourceInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerVectorDict,
                               steer_vector_dict,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (STEER_TYPE_VECTOR_SOURCE, steer_vector_dict_source_init))

static void
steer_vector_dict_finalize (GObject *object)
{
  SteerVectorDict *self = STEER_VECTOR_DICT (object);

  g_array_unref (self->entries);
  g_clear_object (&self->archive);
  g_free (self->id);
  G_OBJECT_CLASS (steer_vector_dict_parent_class)->finalize (object);
}

static void
steer_vector_dict_class_init (SteerVectorDictClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_vector_dict_finalize;
}

static void
steer_vector_dict_init (SteerVectorDict *self)
{
  self->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
}

static gboolean fail (SteerVectorDict *self, SteerSteeringError code, GError **error, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

static gboolean
fail (SteerVectorDict *self, SteerSteeringError code, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, STEER_STEERING_ERROR, code, "%s: %s", steer_archive_get_path (self->archive), text);
  return FALSE;
}

static gboolean
is_behind_layer (const char *name, const char *at)
{
  gsize length = strlen ("layer");

  return (gsize) (at - name) >= length && g_ascii_strncasecmp (at - length, "layer", length) == 0;
}

/* The numbers that stand as whole parts of a name: 2 of "15.21576", 1 of "layer_15" and of "model.layers.15". */
static guint
parse_numbers (const char *name, guint64 numbers[2])
{
  guint n = 0;

  for (const char *at = name; *at != '\0';)
    {
      char *end;
      guint64 number;

      if (!g_ascii_isdigit (*at))
        {
          at++;
          continue;
        }
      number = g_ascii_strtoull (at, &end, 10);
      /* Digits behind a letter are part of a word, such as v2, unless the word is "layer". */
      if (at > name && g_ascii_isalpha (at[-1]) && !is_behind_layer (name, at))
        {
          at = end;
          continue;
        }
      if (n == 2)
        return 3;
      numbers[n++] = number;
      at = end;
    }
  return n;
}

static gboolean
add_entry (SteerVectorDict *self, guint64 layer, guint64 index, const SteerTensor *tensor, gint64 row, GError **error)
{
  Entry entry = { .layer = (guint) layer, .index = index, .tensor = tensor, .row = row };

  if (layer > STEER_FEATURE_MAX_LAYER)
    return fail (self, STEER_STEERING_ERROR_INVALID, error, "tensor \"%s\": layer %" G_GUINT64_FORMAT " is over %d",
                 tensor->name, layer, STEER_FEATURE_MAX_LAYER);
  g_array_append_val (self->entries, entry);
  return TRUE;
}

static gboolean
need_layer (Reader *reader, const SteerTensor *tensor, GError **error)
{
  if (reader->layer >= 0)
    return TRUE;
  return fail (reader->dict, STEER_STEERING_ERROR_INVALID, error,
               "neither the name of tensor \"%s\" nor that of the file tells the layer it is for: give it (layer=15)",
               tensor->name);
}

static gboolean
add_vector (Reader *reader, const SteerTensor *tensor, GError **error)
{
  guint64 numbers[2] = { 0, 0 };
  guint n = parse_numbers (tensor->name, numbers);

  if (n == 2)
    return add_entry (reader->dict, numbers[0], numbers[1], tensor, 0, error);
  if (n == 1)
    return add_entry (reader->dict, numbers[0], 0, tensor, 0, error);
  return need_layer (reader, tensor, error)
         && add_entry (reader->dict, (guint64) reader->layer, reader->n_unnamed++, tensor, 0, error);
}

/* A row a layer when the hints say so, or when nothing names a layer and there are as many rows as the model has. */
static gboolean
add_matrix (Reader *reader, const SteerTensor *tensor, GError **error)
{
  const SteerSourceHints *hints = reader->hints;
  guint64 numbers[2];
  gboolean named = parse_numbers (tensor->name, numbers) == 1;
  gboolean layers = hints->rows == STEER_ROWS_ARE_LAYERS;
  gint64 n = tensor->shape[0];

  if (hints->rows == STEER_ROWS_UNKNOWN && !named && reader->layer < 0)
    {
      if (hints->n_layers == 0 || n != hints->n_layers)
        return fail (reader->dict, STEER_STEERING_ERROR_INVALID, error,
                     "tensor \"%s\" has %" G_GINT64_FORMAT
                     " rows: say whether they are layers (rows=layers), or features of which layer (layer=15)",
                     tensor->name, n);
      layers = TRUE;
    }
  if (!layers && !named && !need_layer (reader, tensor, error))
    return FALSE;
  for (gint64 row = 0; row < n; row++)
    {
      guint64 layer = layers ? (guint64) row : named ? numbers[0] : (guint64) reader->layer;
      guint64 index = layers ? 0 : named ? (guint64) row : reader->n_unnamed++;

      if (!add_entry (reader->dict, layer, index, tensor, row, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
add_tensor (Reader *reader, const SteerTensor *tensor, GError **error)
{
  SteerVectorDict *self = reader->dict;
  g_autofree char *shape = steer_tensor_dup_shape_string (tensor);
  gint64 width = tensor->n_dims > 0 ? tensor->shape[tensor->n_dims - 1] : 0;

  /* Numbers beside the vectors, such as a loss, are no vectors. */
  if (steer_tensor_get_n_elements (tensor) == 1)
    return TRUE;
  if (tensor->n_dims > 2 || width < 1 || width > G_MAXINT || tensor->dtype > STEER_DTYPE_BF16)
    return fail (self, STEER_STEERING_ERROR_INVALID, error,
                 "tensor \"%s\" is %s of shape %s where a vector of floating-point numbers is expected", tensor->name,
                 steer_dtype_get_name (tensor->dtype), shape);
  if (self->d_model == 0)
    self->d_model = (guint) width;
  if (width != self->d_model)
    return fail (self, STEER_STEERING_ERROR_MISMATCH, error,
                 "tensor \"%s\" has shape %s, but the others have vectors of %u numbers", tensor->name, shape,
                 self->d_model);
  return tensor->n_dims == 1 ? add_vector (reader, tensor, error) : add_matrix (reader, tensor, error);
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *left = a;
  const Entry *right = b;

  if (left->layer != right->layer)
    return left->layer < right->layer ? -1 : 1;
  return left->index < right->index ? -1 : left->index > right->index;
}

static float *
read_row (SteerVectorDict *self, const Entry *entry, GError **error)
{
  g_autofree float *vector = g_try_new (float, self->d_model); /* [d_model] */

  if (vector == NULL)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                   "not enough memory for a vector of %u numbers", self->d_model);
      return NULL;
    }
  steer_tensor_read_f32 (entry->tensor, entry->row * self->d_model, self->d_model, vector);
  return g_steal_pointer (&vector);
}

static gboolean
finish_entries (SteerVectorDict *self, GCancellable *cancellable, GError **error)
{
  if (self->entries->len == 0)
    return fail (self, STEER_STEERING_ERROR_INVALID, error, "there is no vector in it");
  g_array_sort (self->entries, compare_entries);
  for (guint i = 0; i < self->entries->len; i++)
    {
      Entry *entry = &g_array_index (self->entries, Entry, i);
      g_autofree float *vector = NULL;

      if (i > 0 && compare_entries (entry - 1, entry) == 0)
        return fail (self, STEER_STEERING_ERROR_INVALID, error,
                     "tensors \"%s\" and \"%s\" are both feature %" G_GUINT64_FORMAT " of layer %u",
                     (entry - 1)->tensor->name, entry->tensor->name, entry->index, entry->layer);
      if (g_cancellable_set_error_if_cancelled (cancellable, error) || (vector = read_row (self, entry, error)) == NULL)
        return FALSE;
      entry->norm = steer_normalise (vector, self->d_model);
    }
  return TRUE;
}

static char *
make_id (const char *path)
{
  char *id = g_path_get_basename (path);
  char *dot = strrchr (id, '.');

  if (dot != NULL && dot > id)
    *dot = '\0';
  return id;
}

SteerVectorDict *
steer_vector_dict_open (const char *path, const SteerSourceHints *hints, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerVectorDict) self = NULL;
  SteerSourceHints none;
  Reader reader;

  g_return_val_if_fail (path != NULL, NULL);
  if (hints == NULL)
    {
      steer_source_hints_init (&none);
      hints = &none;
    }
  self = g_object_new (STEER_TYPE_VECTOR_DICT, NULL);
  self->archive = steer_archive_open (path, cancellable, error);
  if (self->archive == NULL)
    return NULL;
  self->id = hints->id != NULL ? g_strdup (hints->id) : make_id (path);
  reader = (Reader){ .dict = self,
                     .hints = hints,
                     .layer = hints->layer >= 0 ? hints->layer : steer_layer_from_path (path) };
  if (reader.layer < 0)
    reader.layer = hints->fallback_layer;
  for (guint i = 0; i < steer_archive_get_n_tensors (self->archive); i++)
    if (!add_tensor (&reader, steer_archive_get_tensor (self->archive, i), error))
      return NULL;
  if (!finish_entries (self, cancellable, error)
      || !steer_vector_source_check_model (STEER_VECTOR_SOURCE (self), hints->d_model, hints->n_layers, error))
    return NULL;
  return g_steal_pointer (&self);
}

static const Entry *
find_entry (SteerVectorDict *self, guint layer, guint64 index)
{
  Entry key = { .layer = layer, .index = index };
  guint position;

  return g_array_binary_search (self->entries, &key, compare_entries, &position)
           ? &g_array_index (self->entries, Entry, position)
           : NULL;
}

static const char *
get_id (SteerVectorSource *source)
{
  return STEER_VECTOR_DICT (source)->id;
}

static guint
get_d_model (SteerVectorSource *source)
{
  return STEER_VECTOR_DICT (source)->d_model;
}

static gboolean
has_vector (SteerVectorSource *source, guint layer, guint64 index)
{
  return find_entry (STEER_VECTOR_DICT (source), layer, index) != NULL;
}

static GBytes *
load_vector (SteerVectorSource *source, guint layer, guint64 index, GCancellable *cancellable, GError **error)
{
  SteerVectorDict *self = STEER_VECTOR_DICT (source);
  const Entry *entry = find_entry (self, layer, index);
  g_autofree float *vector = NULL; /* [d_model] */

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  if (entry == NULL)
    {
      fail (self, STEER_STEERING_ERROR_NOT_FOUND, error, "no vector for layer %u, feature %" G_GUINT64_FORMAT, layer,
            index);
      return NULL;
    }
  vector = read_row (self, entry, error);
  if (vector == NULL)
    return NULL;
  if (steer_normalise (vector, self->d_model) == 0.0)
    {
      fail (self, STEER_STEERING_ERROR_INVALID, error,
            "tensor \"%s\" has no direction: its numbers are all zero or not finite", entry->tensor->name);
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&vector), self->d_model * sizeof (float));
}

static SteerFeatureInfo *
make_info (SteerVectorDict *self, const Entry *entry)
{
  SteerFeatureInfo *info = g_new0 (SteerFeatureInfo, 1);

  info->layer = entry->layer;
  info->index = entry->index;
  info->label = entry->tensor->n_dims == 1 ? g_strdup_printf ("%s: %s", self->id, entry->tensor->name)
                                           : g_strdup_printf ("%s: row %" G_GINT64_FORMAT, self->id, entry->row);
  info->recommended = entry->norm <= STEER_FEATURE_MAX_STRENGTH ? entry->norm : 0.0;
  return info;
}

static SteerFeatureInfo *
dup_info (SteerVectorSource *source, guint layer, guint64 index)
{
  SteerVectorDict *self = STEER_VECTOR_DICT (source);
  const Entry *entry = find_entry (self, layer, index);

  return entry != NULL ? make_info (self, entry) : NULL;
}

static GPtrArray *
list_infos (SteerVectorSource *source)
{
  SteerVectorDict *self = STEER_VECTOR_DICT (source);
  GPtrArray *list = g_ptr_array_new_full (self->entries->len, (GDestroyNotify) steer_feature_info_free);

  for (guint i = 0; i < self->entries->len; i++)
    g_ptr_array_add (list, make_info (self, &g_array_index (self->entries, Entry, i)));
  return list;
}

static void
steer_vector_dict_source_init (SteerVectorSourceInterface *iface)
{
  iface->get_id = get_id;
  iface->get_d_model = get_d_model;
  iface->has_vector = has_vector;
  iface->load_vector = load_vector;
  iface->dup_info = dup_info;
  iface->list_infos = list_infos;
}
