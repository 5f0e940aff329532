#include "steer-feature-search.h"

#include "steer-steering-edit.h"

/* What is asked of the database: some of it is of features that no source has. */
#define MAX_ASKED 600

struct _SteerFeatureSearch
{
  GPtrArray *sources;    /* (element-type SteerVectorSource) */
  GPtrArray *candidates; /* (element-type Candidate) */
  SteerLabelTies *ties;
  char *text;
  char *folded; /* without quotes */
  SteerFeatureQuery *query;
  GArray *hits;     /* SteerFeatureHit */
  GHashTable *seen; /* "source layer:index" */
};

static void
candidate_free (gpointer data)
{
  SteerFeatureCandidate *candidate = data;

  g_object_unref (candidate->source);
  steer_feature_info_free (candidate->info);
  g_free (candidate->folded);
  g_free (candidate);
}

static void
hit_clear (gpointer data)
{
  g_free (((SteerFeatureHit *) data)->label);
}

void
steer_feature_search_free (SteerFeatureSearch *search)
{
  g_ptr_array_unref (search->sources);
  g_ptr_array_unref (search->candidates);
  steer_label_ties_unref (search->ties);
  g_free (search->text);
  g_free (search->folded);
  steer_feature_query_free (search->query);
  g_array_unref (search->hits);
  g_hash_table_unref (search->seen);
  g_free (search);
}

static gboolean
is_word_at (const char *text, const char *at)
{
  return at == text || !g_unichar_isalnum (g_utf8_get_char (g_utf8_find_prev_char (text, at)));
}

static guint
measure_likeness (const SteerFeatureSearch *search, const char *label)
{
  g_autofree char *folded = steer_steering_fold (label != NULL ? label : "");
  const char *at = strstr (folded, search->folded);

  if (g_str_equal (folded, search->folded))
    return 0;
  if (at == NULL)
    return 4;
  return at == folded ? 1 : is_word_at (folded, at) ? 2 : 3;
}

/* Takes @label. The first of several hits on one feature counts. */
static void
add_hit (SteerFeatureSearch *search,
         SteerVectorSource *source,
         guint layer,
         guint64 index,
         char *label,
         gboolean by_user)
{
  SteerFeatureHit hit = { .source = source, .layer = layer, .index = index, .label = label, .by_user = by_user };
  g_autofree char *key
    = g_strdup_printf ("%s %u:%" G_GUINT64_FORMAT, steer_vector_source_get_id (source), layer, index);

  if (!g_hash_table_add (search->seen, g_steal_pointer (&key)))
    {
      g_free (label);
      return;
    }
  hit.likeness = measure_likeness (search, label);
  hit.length = label != NULL ? g_utf8_strlen (label, -1) : 0;
  hit.order = search->hits->len;
  g_array_append_val (search->hits, hit);
}

static SteerVectorSource *
find_source (const SteerFeatureSearch *search, const char *id)
{
  for (guint i = 0; i < search->sources->len; i++)
    if (g_str_equal (steer_vector_source_get_id (g_ptr_array_index (search->sources, i)), id))
      return g_ptr_array_index (search->sources, i);
  return NULL;
}

/* What the user has named for a model may be of several sources: of each that has such a feature. */
static void
add_own (SteerFeatureSearch *search, const SteerLabel *label)
{
  for (guint i = 0; i < search->sources->len; i++)
    {
      SteerVectorSource *source = g_ptr_array_index (search->sources, i);
      g_auto (GStrv) models = NULL;

      if (label->layer < 0 || !steer_vector_source_has_vector (source, (guint) label->layer, label->index))
        continue;
      models = steer_label_ties_dup_models (search->ties, steer_vector_source_get_id (source), (guint) label->layer);
      if (g_strv_contains ((const char *const *) models, label->model))
        add_hit (search, source, (guint) label->layer, label->index, g_strdup (label->label), TRUE);
    }
}

/* A feature that the user calls otherwise is not found by what others call it. */
static void
add_imported (SteerFeatureSearch *search, const SteerLabel *label)
{
  guint layer;
  const char *id = steer_label_ties_get_source_id (search->ties, label->source, &layer);
  SteerVectorSource *source = id != NULL ? find_source (search, id) : NULL;
  g_auto (GStrv) models = NULL;
  g_autofree char *own = NULL;

  if (source == NULL || !steer_vector_source_has_vector (source, layer, label->index))
    return;
  models = steer_label_ties_dup_models (search->ties, id, layer);
  own = steer_label_store_find_user_label (steer_label_ties_get_store (search->ties), (const char *const *) models,
                                           (int) layer, label->index, NULL);
  if (own == NULL)
    add_hit (search, source, layer, label->index, g_strdup (label->label), FALSE);
}

static void
ask_store (SteerFeatureSearch *search, GCancellable *cancellable)
{
  SteerLabelStore *store = steer_label_ties_get_store (search->ties);
  g_autoptr (GArray) sources = steer_label_ties_list_sources (search->ties);
  SteerLabelFilter filter = { .layer = -1, .sources = sources };
  g_autoptr (GPtrArray) labels = NULL;
  g_autoptr (GError) error = NULL;

  if (store == NULL || *search->text == '\0')
    return;
  labels = steer_label_store_search (store, search->text, &filter, MAX_ASKED, cancellable, &error);
  if (labels == NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_message ("labels cannot be searched: %s", error->message);
  for (guint i = 0; labels != NULL && i < labels->len; i++)
    {
      const SteerLabel *label = g_ptr_array_index (labels, i);

      if (label->by_user)
        add_own (search, label);
      else
        add_imported (search, label);
    }
}

/* What the database calls a feature stands before what its own source calls it. */
static void
look_through_lists (SteerFeatureSearch *search, GCancellable *cancellable)
{
  guint n = 0;

  for (guint i = 0; i < search->candidates->len && n < STEER_FEATURE_SEARCH_MAX_FOUND; i++)
    {
      const SteerFeatureCandidate *candidate = g_ptr_array_index (search->candidates, i);
      const SteerFeatureInfo *info = candidate->info;
      g_autofree char *label = NULL;
      gboolean by_user;

      if (i % 1024 == 0 && g_cancellable_is_cancelled (cancellable))
        return;
      if (!steer_feature_query_matches (search->query, candidate->folded, info->layer, info->index))
        continue;
      label = steer_label_ties_dup_label (search->ties, steer_vector_source_get_id (candidate->source), info->layer,
                                          info->index, &by_user);
      if (label != NULL)
        {
          g_autofree char *folded = steer_steering_fold (label);

          if (!steer_feature_query_matches (search->query, folded, info->layer, info->index))
            continue;
        }
      else
        label = g_strdup (info->label);
      add_hit (search, candidate->source, info->layer, info->index, g_steal_pointer (&label), by_user);
      n++;
    }
}

static int
compare_hits (gconstpointer a, gconstpointer b)
{
  const SteerFeatureHit *x = a;
  const SteerFeatureHit *y = b;

  if (x->by_user != y->by_user)
    return x->by_user ? -1 : 1;
  if (x->likeness != y->likeness)
    return x->likeness < y->likeness ? -1 : 1;
  if (x->length != y->length)
    return x->length < y->length ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

/* Of a feature that several sources have, only the first offers it: the library would take it from there. What has a
 * name of its own in a later one is another feature of the same number. */
static gboolean
is_covered_before (GPtrArray *sources, guint position, const SteerFeatureInfo *info)
{
  gboolean named = info->label != NULL && *info->label != '\0';

  for (guint i = 0; i < position; i++)
    {
      SteerVectorSource *source = g_ptr_array_index (sources, i);
      g_autoptr (SteerFeatureInfo) earlier = NULL;

      if (!steer_vector_source_has_vector (source, info->layer, info->index))
        continue;
      if (!named)
        return TRUE;
      earlier = steer_vector_source_dup_info (source, info->layer, info->index);
      if (earlier != NULL && g_strcmp0 (earlier->label, info->label) == 0)
        return TRUE;
    }
  return FALSE;
}

GPtrArray *
steer_feature_search_list (GPtrArray *sources, GCancellable *cancellable)
{
  GPtrArray *candidates = g_ptr_array_new_with_free_func (candidate_free);

  for (guint i = 0; i < sources->len && !g_cancellable_is_cancelled (cancellable); i++)
    {
      SteerVectorSource *source = g_ptr_array_index (sources, i);
      g_autoptr (GPtrArray) infos = steer_vector_source_list_infos (source);

      for (guint k = 0; k < infos->len; k++)
        {
          SteerFeatureCandidate *candidate;

          if (is_covered_before (sources, i, g_ptr_array_index (infos, k)))
            continue;
          candidate = g_new0 (SteerFeatureCandidate, 1);
          candidate->source = g_object_ref (source);
          candidate->info = g_steal_pointer (&g_ptr_array_index (infos, k));
          candidate->folded = steer_steering_fold (candidate->info->label != NULL ? candidate->info->label : "");
          g_ptr_array_add (candidates, candidate);
        }
    }
  return candidates;
}

SteerFeatureSearch *
steer_feature_search_new (const char *text, GPtrArray *sources, GPtrArray *candidates, SteerLabelTies *ties)
{
  SteerFeatureSearch *search = g_new0 (SteerFeatureSearch, 1);

  search->sources = g_ptr_array_ref (sources);
  search->candidates = g_ptr_array_ref (candidates);
  search->ties = steer_label_ties_ref (ties);
  search->text = g_strstrip (g_strdup (text));
  search->query = steer_feature_query_new (search->text);
  search->folded = steer_steering_fold (search->text);
  g_strstrip (g_strdelimit (search->folded, "\"", ' '));
  search->hits = g_array_new (FALSE, FALSE, sizeof (SteerFeatureHit));
  g_array_set_clear_func (search->hits, hit_clear);
  search->seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return search;
}

GArray *
steer_feature_search_run (SteerFeatureSearch *search, GCancellable *cancellable)
{
  ask_store (search, cancellable);
  look_through_lists (search, cancellable);
  if (*search->text != '\0')
    g_array_sort (search->hits, compare_hits);
  return search->hits;
}
