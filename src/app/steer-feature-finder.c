#include "steer-feature-finder.h"

#include "steer-feature-search.h"

struct _SteerFeatureFinder
{
  GObject parent_instance;

  SteerLibrary *library;
  SteerLabelBook *labels;
  GPtrArray *candidates; /* (nullable): not listed yet */
  char *text;
  GListStore *found; /* (element-type SteerFeature) */
  SteerFinderState state;
  GCancellable *searching; /* nullable */
  GCancellable *stopped;
};

enum
{
  FOUND,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerFeatureFinder, steer_feature_finder, G_TYPE_OBJECT)

static void
search_in_thread (GTask *task, gpointer object, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, steer_feature_search_run (data, cancellable), NULL);
}

static SteerFeature *
make_feature (const SteerFeatureHit *hit)
{
  SteerFeature *feature = steer_feature_new (hit->layer, hit->index);

  steer_feature_set_source (feature, steer_vector_source_get_id (hit->source));
  steer_feature_set_label (feature, hit->label);
  return feature;
}

static SteerFinderState
choose_state (SteerFeatureFinder *self, guint n_found)
{
  if (n_found > 0)
    return STEER_FINDER_FOUND;
  if (self->candidates == NULL)
    return STEER_FINDER_LISTING;
  if (*self->text != '\0')
    return STEER_FINDER_NOTHING;
  return steer_feature_finder_count_labels (self) > 0 ? STEER_FINDER_UNASKED : STEER_FINDER_EMPTY;
}

static void
on_searched (GObject *object, GAsyncResult *result, gpointer data)
{
  SteerFeatureFinder *self = STEER_FEATURE_FINDER (object);
  GArray *hits = g_task_propagate_pointer (G_TASK (result), NULL);
  g_autoptr (GPtrArray) features = g_ptr_array_new_with_free_func (g_object_unref);

  if (hits == NULL || g_task_get_cancellable (G_TASK (result)) != self->searching)
    return;
  g_clear_object (&self->searching);
  for (guint i = 0; i < hits->len && i < STEER_FEATURE_SEARCH_MAX_FOUND; i++)
    g_ptr_array_add (features, make_feature (&g_array_index (hits, SteerFeatureHit, i)));
  g_object_unref (self->found);
  self->found = g_list_store_new (STEER_TYPE_FEATURE);
  g_list_store_splice (self->found, 0, 0, features->pdata, features->len);
  self->state = choose_state (self, features->len);
  g_signal_emit (self, signals[FOUND], 0);
}

static void
start_search (SteerFeatureFinder *self)
{
  g_autoptr (GPtrArray) sources = NULL;
  g_autoptr (GPtrArray) candidates = NULL;
  g_autoptr (SteerLabelTies) ties = NULL;
  g_autoptr (GTask) task = NULL;

  g_cancellable_cancel (self->searching);
  g_clear_object (&self->searching);
  if (g_cancellable_is_cancelled (self->stopped))
    return;
  self->searching = g_cancellable_new ();

  sources = steer_library_list_sources (self->library);
  candidates = self->candidates != NULL ? g_ptr_array_ref (self->candidates) : g_ptr_array_new ();
  ties = steer_label_book_dup_ties (self->labels);
  task = g_task_new (self, self->searching, on_searched, NULL);
  g_task_set_task_data (task, steer_feature_search_new (self->text, sources, candidates, ties),
                        (GDestroyNotify) steer_feature_search_free);
  g_task_run_in_thread (task, search_in_thread);
}

static void
list_in_thread (GTask *task, gpointer object, gpointer sources, GCancellable *cancellable)
{
  g_task_return_pointer (task, steer_feature_search_list (sources, cancellable), (GDestroyNotify) g_ptr_array_unref);
}

static void
on_listed (GObject *object, GAsyncResult *result, gpointer data)
{
  SteerFeatureFinder *self = STEER_FEATURE_FINDER (object);
  GPtrArray *candidates = g_task_propagate_pointer (G_TASK (result), NULL);

  if (candidates == NULL) /* stopped */
    return;
  g_clear_pointer (&self->candidates, g_ptr_array_unref);
  self->candidates = candidates;
  start_search (self);
}

static void
steer_feature_finder_finalize (GObject *object)
{
  SteerFeatureFinder *self = STEER_FEATURE_FINDER (object);

  g_clear_pointer (&self->candidates, g_ptr_array_unref);
  g_clear_object (&self->searching);
  g_object_unref (self->stopped);
  g_object_unref (self->found);
  g_clear_object (&self->library);
  g_clear_object (&self->labels);
  g_free (self->text);
  G_OBJECT_CLASS (steer_feature_finder_parent_class)->finalize (object);
}

static void
steer_feature_finder_class_init (SteerFeatureFinderClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_feature_finder_finalize;
  signals[FOUND]
    = g_signal_new ("found", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
steer_feature_finder_init (SteerFeatureFinder *self)
{
  self->text = g_strdup ("");
  self->found = g_list_store_new (STEER_TYPE_FEATURE);
  self->stopped = g_cancellable_new ();
}

SteerFeatureFinder *
steer_feature_finder_new (SteerLibrary *library, SteerLabelBook *labels)
{
  SteerFeatureFinder *self = g_object_new (STEER_TYPE_FEATURE_FINDER, NULL);

  self->library = g_object_ref (library);
  self->labels = g_object_ref (labels);
  g_signal_connect_object (labels, "changed", G_CALLBACK (start_search), self, G_CONNECT_SWAPPED);
  steer_feature_finder_refresh (self);
  return self;
}

void
steer_feature_finder_refresh (SteerFeatureFinder *self)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (STEER_IS_FEATURE_FINDER (self));

  task = g_task_new (self, self->stopped, on_listed, NULL);
  g_task_set_task_data (task, steer_library_list_sources (self->library), (GDestroyNotify) g_ptr_array_unref);
  g_task_run_in_thread (task, list_in_thread);
}

void
steer_feature_finder_search (SteerFeatureFinder *self, const char *text)
{
  g_return_if_fail (STEER_IS_FEATURE_FINDER (self));
  g_return_if_fail (text != NULL);

  g_free (self->text);
  self->text = g_utf8_make_valid (text, -1);
  start_search (self);
}

GListModel *
steer_feature_finder_get_found (SteerFeatureFinder *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE_FINDER (self), NULL);
  return G_LIST_MODEL (self->found);
}

SteerFinderState
steer_feature_finder_get_state (SteerFeatureFinder *self)
{
  g_return_val_if_fail (STEER_IS_FEATURE_FINDER (self), STEER_FINDER_EMPTY);
  return self->state;
}

guint64
steer_feature_finder_count_labels (SteerFeatureFinder *self)
{
  g_autoptr (SteerLabelTies) ties = NULL;

  g_return_val_if_fail (STEER_IS_FEATURE_FINDER (self), 0);
  ties = steer_label_book_dup_ties (self->labels);
  return steer_label_ties_count (ties);
}

void
steer_feature_finder_stop (SteerFeatureFinder *self)
{
  g_return_if_fail (STEER_IS_FEATURE_FINDER (self));

  g_cancellable_cancel (self->stopped);
  g_cancellable_cancel (self->searching);
  g_clear_object (&self->searching);
}
