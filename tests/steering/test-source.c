#include "test-source.h"

struct _TestSource
{
  GObject parent_instance;

  char *id;
  guint d_model;
  guint n_layers;
  guint n_loads;   /* atomic */
  GThread *reader; /* atomic: of the newest load */
};

static void test_source_init_interface (SteerVectorSourceInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TestSource,
                               test_source,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (STEER_TYPE_VECTOR_SOURCE, test_source_init_interface))

static void
test_source_finalize (GObject *object)
{
  g_free (TEST_SOURCE (object)->id);
  G_OBJECT_CLASS (test_source_parent_class)->finalize (object);
}

static void
test_source_class_init (TestSourceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_source_finalize;
}

static void
test_source_init (TestSource *self)
{
}

TestSource *
test_source_new (const char *id, guint d_model, guint n_layers)
{
  TestSource *self = g_object_new (TEST_TYPE_SOURCE, NULL);

  self->id = g_strdup (id);
  self->d_model = d_model;
  self->n_layers = n_layers;
  return self;
}

guint
test_source_get_n_loads (TestSource *self)
{
  return g_atomic_int_get (&self->n_loads);
}

GThread *
test_source_get_reader (TestSource *self)
{
  return g_atomic_pointer_get (&self->reader);
}

static const char *
get_id (SteerVectorSource *source)
{
  return TEST_SOURCE (source)->id;
}

static guint
get_d_model (SteerVectorSource *source)
{
  return TEST_SOURCE (source)->d_model;
}

static gboolean
has_vector (SteerVectorSource *source, guint layer, guint64 index)
{
  return layer < TEST_SOURCE (source)->n_layers;
}

static GBytes *
load_vector (SteerVectorSource *source, guint layer, guint64 index, GCancellable *cancellable, GError **error)
{
  TestSource *self = TEST_SOURCE (source);
  float *vector = g_new0 (float, self->d_model);

  g_atomic_int_inc (&self->n_loads);
  g_atomic_pointer_set (&self->reader, g_thread_self ());
  vector[index % self->d_model] = 1.0f;
  return g_bytes_new_take (vector, self->d_model * sizeof (float));
}

static SteerFeatureInfo *
dup_info (SteerVectorSource *source, guint layer, guint64 index)
{
  SteerFeatureInfo *info = g_new0 (SteerFeatureInfo, 1);

  info->layer = layer;
  info->index = index;
  info->label = g_strdup_printf ("%s %" G_GUINT64_FORMAT, TEST_SOURCE (source)->id, index);
  info->recommended = 8.5;
  info->minimum = -16.0;
  info->maximum = 16.0;
  return info;
}

static double
get_layer_norm (SteerVectorSource *source, guint layer)
{
  return 10.0 + layer;
}

static void
test_source_init_interface (SteerVectorSourceInterface *iface)
{
  iface->get_id = get_id;
  iface->get_d_model = get_d_model;
  iface->has_vector = has_vector;
  iface->load_vector = load_vector;
  iface->dup_info = dup_info;
  iface->get_layer_norm = get_layer_norm;
}
