#include "slow-source.h"

#define PATIENCE (30 * G_TIME_SPAN_SECOND)

struct _SlowSource
{
  GObject parent_instance;

  SteerVectorSource *inner;
  GMutex mutex; /* guards what follows */
  GCond changed;
  GHashTable *let; /* index -> whether it can be read */
  guint n_reads;
  GThread *reader;
};

static void slow_source_init_interface (SteerVectorSourceInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SlowSource,
                               slow_source,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (STEER_TYPE_VECTOR_SOURCE, slow_source_init_interface))

static void
slow_source_finalize (GObject *object)
{
  SlowSource *self = SLOW_SOURCE (object);

  g_object_unref (self->inner);
  g_hash_table_unref (self->let);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->mutex);
  G_OBJECT_CLASS (slow_source_parent_class)->finalize (object);
}

static void
slow_source_class_init (SlowSourceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = slow_source_finalize;
}

static void
slow_source_init (SlowSource *self)
{
  g_mutex_init (&self->mutex);
  g_cond_init (&self->changed);
  self->let = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
}

SlowSource *
slow_source_new (SteerVectorSource *inner)
{
  SlowSource *self = g_object_new (SLOW_TYPE_SOURCE, NULL);

  self->inner = g_object_ref (inner);
  return self;
}

static void
set_let (SlowSource *self, guint64 index, gboolean can_be_read)
{
  g_mutex_lock (&self->mutex);
  g_hash_table_insert (self->let, g_memdup2 (&index, sizeof index), GINT_TO_POINTER (can_be_read));
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
}

void
slow_source_let (SlowSource *self, guint64 index)
{
  set_let (self, index, TRUE);
}

void
slow_source_break (SlowSource *self, guint64 index)
{
  set_let (self, index, FALSE);
}

guint
slow_source_get_n_reads (SlowSource *self)
{
  guint n;

  g_mutex_lock (&self->mutex);
  n = self->n_reads;
  g_mutex_unlock (&self->mutex);
  return n;
}

GThread *
slow_source_get_reader (SlowSource *self)
{
  GThread *reader;

  g_mutex_lock (&self->mutex);
  reader = self->reader;
  g_mutex_unlock (&self->mutex);
  return reader;
}

static const char *
get_id (SteerVectorSource *source)
{
  return "slow";
}

static guint
get_d_model (SteerVectorSource *source)
{
  return steer_vector_source_get_d_model (SLOW_SOURCE (source)->inner);
}

static gboolean
has_vector (SteerVectorSource *source, guint layer, guint64 index)
{
  return steer_vector_source_has_vector (SLOW_SOURCE (source)->inner, layer, index);
}

static GBytes *
load_vector (SteerVectorSource *source, guint layer, guint64 index, GCancellable *cancellable, GError **error)
{
  SlowSource *self = SLOW_SOURCE (source);
  gint64 end = g_get_monotonic_time () + PATIENCE;
  gboolean can_be_read;

  g_mutex_lock (&self->mutex);
  self->n_reads++;
  self->reader = g_thread_self ();
  g_main_context_wakeup (NULL); /* whoever waits for this looks again */
  while (!g_hash_table_contains (self->let, &index) && g_cond_wait_until (&self->changed, &self->mutex, end))
    continue;
  can_be_read = GPOINTER_TO_INT (g_hash_table_lookup (self->let, &index));
  g_mutex_unlock (&self->mutex);
  if (can_be_read)
    return steer_vector_source_load_vector (self->inner, layer, index, cancellable, error);
  g_set_error_literal (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID, "the disk is scratched");
  return NULL;
}

static SteerFeatureInfo *
dup_info (SteerVectorSource *source, guint layer, guint64 index)
{
  return steer_vector_source_dup_info (SLOW_SOURCE (source)->inner, layer, index);
}

static GPtrArray *
list_infos (SteerVectorSource *source)
{
  return steer_vector_source_list_infos (SLOW_SOURCE (source)->inner);
}

static double
get_layer_norm (SteerVectorSource *source, guint layer)
{
  return steer_vector_source_get_layer_norm (SLOW_SOURCE (source)->inner, layer);
}

static void
slow_source_init_interface (SteerVectorSourceInterface *iface)
{
  iface->get_id = get_id;
  iface->get_d_model = get_d_model;
  iface->has_vector = has_vector;
  iface->load_vector = load_vector;
  iface->dup_info = dup_info;
  iface->list_infos = list_infos;
  iface->get_layer_norm = get_layer_norm;
}
