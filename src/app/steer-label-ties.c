#include "steer-label-ties.h"

#include "steering/steer-sae-folder.h"

typedef struct
{
  gint64 labels;
  guint64 n_labels;
  char *model; /* as Neuronpedia calls it */
  char *source_id;
  guint layer;
} Tie;

struct _SteerLabelTies
{
  gatomicrefcount refs;
  SteerLabelStore *store; /* nullable */
  char *model;
  GArray *ties; /* Tie */
};

static void
tie_clear (gpointer data)
{
  Tie *tie = data;

  g_free (tie->model);
  g_free (tie->source_id);
}

SteerLabelTies *
steer_label_ties_new (SteerLabelStore *store, const char *model)
{
  SteerLabelTies *self = g_new0 (SteerLabelTies, 1);

  g_atomic_ref_count_init (&self->refs);
  g_set_object (&self->store, store);
  self->model = g_strdup (model != NULL ? model : "");
  self->ties = g_array_new (FALSE, FALSE, sizeof (Tie));
  g_array_set_clear_func (self->ties, tie_clear);
  return self;
}

SteerLabelTies *
steer_label_ties_ref (SteerLabelTies *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
steer_label_ties_unref (SteerLabelTies *self)
{
  if (self == NULL || !g_atomic_ref_count_dec (&self->refs))
    return;
  g_clear_object (&self->store);
  g_free (self->model);
  g_array_unref (self->ties);
  g_free (self);
}

void
steer_label_ties_add (SteerLabelTies *self, const SteerLabelSource *labels, const char *source_id, guint layer)
{
  Tie tie = { .labels = labels->id,
              .n_labels = (guint64) labels->n_labels,
              .model = g_strdup (labels->model),
              .source_id = g_strdup (source_id),
              .layer = layer };

  g_array_append_val (self->ties, tie);
}

/* Owners are left out: copies are kept in folders that name the repository alone, and the Hub's cache writes "--". */
static gboolean
is_in_path (const char *path, const char *name)
{
  const char *slash = name != NULL ? strrchr (name, '/') : NULL;
  g_autofree char *folded_path = g_utf8_casefold (path, -1);
  g_autofree char *folded_name = g_utf8_casefold (slash != NULL ? slash + 1 : name != NULL ? name : "", -1);

  return *folded_name != '\0' && strstr (folded_path, folded_name) != NULL;
}

gboolean
steer_label_ties_guess (const SteerLabelSource *labels, SteerVectorSource *source)
{
  SteerSae *sae = labels->layer >= 0 ? steer_sae_find (source, (guint) labels->layer) : NULL;
  const char *suffix;
  int layer;

  if (sae == NULL)
    return FALSE;
  if (is_in_path (steer_sae_get_path (sae), labels->sae))
    return TRUE;
  /* A layer's number alone is in many a path. */
  return steer_label_source_parse (labels->name, &layer, &suffix) && *suffix != '\0'
         && is_in_path (steer_sae_get_path (sae), labels->name);
}

SteerLabelStore *
steer_label_ties_get_store (SteerLabelTies *self)
{
  return self->store;
}

GArray *
steer_label_ties_list_sources (SteerLabelTies *self)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (gint64));

  for (guint i = 0; i < self->ties->len; i++)
    g_array_append_val (list, g_array_index (self->ties, Tie, i).labels);
  return list;
}

guint64
steer_label_ties_count (SteerLabelTies *self)
{
  guint64 n = 0;

  for (guint i = 0; i < self->ties->len; i++)
    n += g_array_index (self->ties, Tie, i).n_labels;
  return n;
}

const char *
steer_label_ties_get_source_id (SteerLabelTies *self, gint64 labels, guint *layer)
{
  for (guint i = 0; i < self->ties->len; i++)
    {
      const Tie *tie = &g_array_index (self->ties, Tie, i);

      if (tie->labels != labels)
        continue;
      *layer = tie->layer;
      return tie->source_id;
    }
  return NULL;
}

static gboolean
is_of (const Tie *tie, const char *source_id, guint layer)
{
  return tie->layer == layer && g_str_equal (tie->source_id, source_id);
}

char **
steer_label_ties_dup_models (SteerLabelTies *self, const char *source_id, guint layer)
{
  GStrvBuilder *builder = g_strv_builder_new ();
  g_autofree char *own = g_strconcat (self->model, "/", source_id, NULL);
  char **models;

  g_strv_builder_add (builder, own);
  for (guint i = 0; i < self->ties->len; i++)
    {
      const Tie *tie = &g_array_index (self->ties, Tie, i);

      if (is_of (tie, source_id, layer) && *tie->model != '\0')
        g_strv_builder_add (builder, tie->model);
    }
  g_strv_builder_add (builder, "");
  models = g_strv_builder_end (builder);
  g_strv_builder_unref (builder);
  return models;
}

char *
steer_label_ties_dup_imported (SteerLabelTies *self, const char *source_id, guint layer, guint64 index)
{
  for (guint i = 0; i < self->ties->len; i++)
    {
      const Tie *tie = &g_array_index (self->ties, Tie, i);
      g_autoptr (SteerLabel) found = NULL;

      if (is_of (tie, source_id, layer))
        found = steer_label_store_find_imported (self->store, tie->labels, index, NULL);
      if (found != NULL)
        return g_strdup (found->label);
    }
  return NULL;
}

char *
steer_label_ties_dup_label (SteerLabelTies *self, const char *source_id, guint layer, guint64 index, gboolean *by_user)
{
  g_auto (GStrv) models = NULL;
  char *label;

  if (by_user != NULL)
    *by_user = FALSE;
  if (self->store == NULL || source_id == NULL)
    return NULL;
  models = steer_label_ties_dup_models (self, source_id, layer);
  label = steer_label_store_find_user_label (self->store, (const char *const *) models, (int) layer, index, NULL);
  if (by_user != NULL)
    *by_user = label != NULL;
  return label != NULL ? label : steer_label_ties_dup_imported (self, source_id, layer, index);
}
