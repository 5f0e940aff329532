#include "steer-library.h"

struct _SteerLibrary
{
  GObject parent_instance;

  GMutex mutex;       /* guards both below; never held while a source reads its file */
  GPtrArray *sources; /* (element-type SteerVectorSource) */
  GHashTable *cache;  /* Cached -> itself */
};

/* A vector (G_TYPE_BYTES, [d_model] f32) or an encoder (STEER_TYPE_ENCODER); copying these boxed types is a reference.
 */
typedef struct
{
  SteerVectorSource *source; /* not owned: entries go when their source does */
  guint layer;
  guint64 index;
  GType type;
  gpointer value;
} Cached;

G_DEFINE_FINAL_TYPE (SteerLibrary, steer_library, G_TYPE_OBJECT)

static guint
cached_hash (gconstpointer data)
{
  const Cached *cached = data;

  return g_direct_hash (cached->source) ^ g_int64_hash (&cached->index) ^ cached->layer * 2654435761u;
}

static gboolean
cached_equal (gconstpointer a, gconstpointer b)
{
  const Cached *left = a;
  const Cached *right = b;

  return left->source == right->source && left->layer == right->layer && left->index == right->index
         && left->type == right->type;
}

static void
cached_free (gpointer data)
{
  Cached *cached = data;

  g_boxed_free (cached->type, cached->value);
  g_free (cached);
}

static void
steer_library_finalize (GObject *object)
{
  SteerLibrary *self = STEER_LIBRARY (object);

  g_hash_table_unref (self->cache);
  g_ptr_array_unref (self->sources);
  g_mutex_clear (&self->mutex);
  G_OBJECT_CLASS (steer_library_parent_class)->finalize (object);
}

static void
steer_library_class_init (SteerLibraryClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_library_finalize;
}

static void
steer_library_init (SteerLibrary *self)
{
  g_mutex_init (&self->mutex);
  self->sources = g_ptr_array_new_with_free_func (g_object_unref);
  self->cache = g_hash_table_new_full (cached_hash, cached_equal, NULL, cached_free);
}

SteerLibrary *
steer_library_new (void)
{
  return g_object_new (STEER_TYPE_LIBRARY, NULL);
}

void
steer_library_add (SteerLibrary *self, SteerVectorSource *source)
{
  g_return_if_fail (STEER_IS_LIBRARY (self));
  g_return_if_fail (STEER_IS_VECTOR_SOURCE (source));
  g_mutex_lock (&self->mutex);
  if (!g_ptr_array_find (self->sources, source, NULL))
    g_ptr_array_add (self->sources, g_object_ref (source));
  g_mutex_unlock (&self->mutex);
}

static gboolean
is_of_source (gpointer key, gpointer value, gpointer source)
{
  return ((Cached *) value)->source == source;
}

void
steer_library_remove (SteerLibrary *self, SteerVectorSource *source)
{
  g_return_if_fail (STEER_IS_LIBRARY (self));
  g_mutex_lock (&self->mutex);
  g_hash_table_foreach_remove (self->cache, is_of_source, source);
  g_ptr_array_remove (self->sources, source);
  g_mutex_unlock (&self->mutex);
}

GPtrArray *
steer_library_list_sources (SteerLibrary *self)
{
  GPtrArray *copy;

  g_return_val_if_fail (STEER_IS_LIBRARY (self), NULL);
  g_mutex_lock (&self->mutex);
  copy = g_ptr_array_new_full (self->sources->len, g_object_unref);
  for (guint i = 0; i < self->sources->len; i++)
    g_ptr_array_add (copy, g_object_ref (g_ptr_array_index (self->sources, i)));
  g_mutex_unlock (&self->mutex);
  return copy;
}

static SteerVectorSource *
find_source (SteerLibrary *self, const char *source_id, guint layer, guint64 index)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self);

  for (guint i = 0; i < sources->len; i++)
    {
      SteerVectorSource *source = g_ptr_array_index (sources, i);

      if ((source_id == NULL || g_str_equal (source_id, steer_vector_source_get_id (source)))
          && steer_vector_source_has_vector (source, layer, index))
        return g_object_ref (source);
    }
  return NULL;
}

/* Says which of the three things is missing, because the remedies differ. */
static void
set_not_found (SteerLibrary *self, const char *source_id, guint layer, guint64 index, GError **error)
{
  g_autoptr (GPtrArray) sources = steer_library_list_sources (self);
  gboolean is_loaded = FALSE;

  for (guint i = 0; i < sources->len && source_id != NULL; i++)
    is_loaded |= g_str_equal (source_id, steer_vector_source_get_id (g_ptr_array_index (sources, i)));
  if (sources->len == 0)
    g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                 "no vector for layer %u, feature %" G_GUINT64_FORMAT ": no source of vectors is loaded", layer, index);
  else if (source_id == NULL)
    g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                 "no vector for layer %u, feature %" G_GUINT64_FORMAT " in any of the %u loaded sources", layer, index,
                 sources->len);
  else if (is_loaded)
    g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                 "no vector for layer %u, feature %" G_GUINT64_FORMAT " in the source '%s'", layer, index, source_id);
  else
    g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_NOT_FOUND,
                 "no vector for layer %u, feature %" G_GUINT64_FORMAT ": its source '%s' is not loaded", layer, index,
                 source_id);
}

static gpointer
look_up (SteerLibrary *self, const Cached *key)
{
  Cached *cached;
  gpointer value;

  g_mutex_lock (&self->mutex);
  cached = g_hash_table_lookup (self->cache, key);
  value = cached != NULL ? g_boxed_copy (key->type, cached->value) : NULL;
  g_mutex_unlock (&self->mutex);
  return value;
}

/* Two threads may have loaded the same value: the first one stays, so that plans share it. Steals @value. */
static gpointer
remember (SteerLibrary *self, const Cached *key, gpointer value)
{
  Cached *cached;

  g_mutex_lock (&self->mutex);
  cached = g_hash_table_lookup (self->cache, key);
  if (cached == NULL && g_ptr_array_find (self->sources, key->source, NULL))
    {
      cached = g_memdup2 (key, sizeof *key);
      cached->value = g_boxed_copy (key->type, value);
      g_hash_table_add (self->cache, cached);
    }
  else if (cached != NULL)
    {
      g_boxed_free (key->type, value);
      value = g_boxed_copy (key->type, cached->value);
    }
  g_mutex_unlock (&self->mutex);
  return value;
}

static gpointer
load (SteerLibrary *self, GType type, const char *source_id, guint layer, guint64 index, GError **error)
{
  g_autoptr (SteerVectorSource) source = find_source (self, source_id, layer, index);
  Cached key = { .source = source, .layer = layer, .index = index, .type = type };
  gpointer value;

  if (source == NULL)
    {
      set_not_found (self, source_id, layer, index, error);
      return NULL;
    }
  value = look_up (self, &key);
  if (value != NULL)
    return value;
  if (type == G_TYPE_BYTES)
    value = steer_vector_source_load_vector (source, layer, index, NULL, error);
  else
    value = steer_vector_source_load_encoder (source, layer, index, NULL, error);
  return value != NULL ? remember (self, &key, value) : NULL;
}

GBytes *
steer_library_load_vector (SteerLibrary *self, const char *source_id, guint layer, guint64 index, GError **error)
{
  g_return_val_if_fail (STEER_IS_LIBRARY (self), NULL);
  return load (self, G_TYPE_BYTES, source_id, layer, index, error);
}

SteerEncoder *
steer_library_load_encoder (SteerLibrary *self, const char *source_id, guint layer, guint64 index, GError **error)
{
  g_return_val_if_fail (STEER_IS_LIBRARY (self), NULL);
  return load (self, STEER_TYPE_ENCODER, source_id, layer, index, error);
}

static gboolean
is_cached (SteerLibrary *self, const Cached *key)
{
  gboolean cached;

  g_mutex_lock (&self->mutex);
  cached = g_hash_table_contains (self->cache, key);
  g_mutex_unlock (&self->mutex);
  return cached;
}

gboolean
steer_library_would_read (SteerLibrary *self, const char *source_id, guint layer, guint64 index, gboolean encoder)
{
  g_autoptr (SteerVectorSource) source = NULL;
  Cached key = { .layer = layer, .index = index, .type = G_TYPE_BYTES };

  g_return_val_if_fail (STEER_IS_LIBRARY (self), FALSE);
  source = find_source (self, source_id, layer, index);
  if (source == NULL)
    return FALSE;
  key.source = source;
  if (!is_cached (self, &key))
    return TRUE;
  key.type = STEER_TYPE_ENCODER;
  return encoder && STEER_VECTOR_SOURCE_GET_IFACE (source)->load_encoder != NULL && !is_cached (self, &key);
}

void
steer_library_describe (SteerLibrary *self, SteerFeature *feature)
{
  guint layer = steer_feature_get_layer (feature);
  g_autoptr (SteerVectorSource) source = NULL;
  g_autoptr (SteerFeatureInfo) info = NULL;

  g_return_if_fail (STEER_IS_LIBRARY (self));
  source = find_source (self, steer_feature_get_source (feature), layer, steer_feature_get_index (feature));
  if (source == NULL)
    return;
  info = steer_vector_source_dup_info (source, layer, steer_feature_get_index (feature));
  g_object_freeze_notify (G_OBJECT (feature));
  if (info != NULL)
    {
      double recommended = steer_feature_get_recommended (feature);
      double minimum = steer_feature_get_minimum (feature);
      double maximum = steer_feature_get_maximum (feature);
      gboolean has_range = minimum != 0.0 || maximum != 0.0;

      if (steer_feature_get_label (feature) == NULL)
        steer_feature_set_label (feature, info->label);
      steer_feature_set_range (feature, recommended != 0.0 ? recommended : info->recommended,
                               has_range ? minimum : info->minimum, has_range ? maximum : info->maximum);
    }
  if (steer_feature_get_layer_norm (feature) == 0.0)
    steer_feature_set_layer_norm (feature, steer_vector_source_get_layer_norm (source, layer));
  g_object_thaw_notify (G_OBJECT (feature));
}
