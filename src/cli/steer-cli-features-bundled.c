/* What is bundled has labels of its own, which the window knows without an import. */
#include "steer-cli-features.h"

#include <string.h>

#include "steer-cli-output.h"

/* As the bundled labels name it. */
#define MODEL "steer-demo"

SteerLabelStore *
steer_cli_features_open_bundled (void)
{
  g_autofree char *folder = steer_dup_demo_sae_path ();
  g_autoptr (SteerLabelStore) store = NULL;
  g_autoptr (GError) error = NULL;

  if (folder == NULL)
    return NULL;
  store = steer_label_store_open_in_memory (&error);
  if (store != NULL && steer_label_store_import (store, folder, NULL, NULL, NULL, NULL, NULL, NULL, &error))
    return g_steal_pointer (&store);
  steer_cli_note ("the bundled labels cannot be read: %s\n", error->message);
  return NULL;
}

/* What the user calls a bundled feature, else what labels that were imported of its model do; NULL: nothing. */
static char *
dup_told_label (SteerLabelStore *store, int layer, guint64 index)
{
  const char *const models[] = { MODEL "/" STEER_DEMO_SOURCE_ID, MODEL, "", NULL };
  SteerLabelFilter filter = { .model = MODEL, .layer = -1 };
  char *own = steer_label_store_find_user_label (store, models, layer, index, NULL);
  g_autoptr (SteerLabel) label = own == NULL ? steer_label_store_find (store, layer, index, &filter, NULL) : NULL;

  return label != NULL ? g_strdup (label->label) : own;
}

/* Such a feature is not found by what is bundled. */
static gboolean
is_told_by (SteerLabelStore *store, const SteerLabel *bundled)
{
  g_autofree char *told = dup_told_label (store, bundled->layer, bundled->index);

  return told != NULL;
}

gboolean
steer_cli_features_add_bundled (GPtrArray *found,
                                SteerLabelStore *store,
                                const char *query,
                                const SteerLabelFilter *filter,
                                guint n_most,
                                GError **error)
{
  g_autoptr (SteerLabelStore) bundled = steer_cli_features_open_bundled ();
  g_autoptr (GPtrArray) more = NULL;

  if (bundled == NULL)
    return TRUE;
  more = steer_label_store_search (bundled, query, filter, n_most, NULL, error);
  for (guint i = 0; more != NULL && i < more->len && found->len < n_most; i++)
    if (!is_told_by (store, g_ptr_array_index (more, i)))
      g_ptr_array_add (found, g_steal_pointer (&g_ptr_array_index (more, i)));
  return more != NULL;
}

/* Other labels of the same address are of other features. */
static gboolean
may_be_bundled (const SteerCliShown *shown, const char *model)
{
  if (model != NULL && strcmp (model, MODEL) != 0)
    return FALSE;
  return shown->label == NULL
         || g_strv_contains ((const char *const[]){ MODEL "/" STEER_DEMO_SOURCE_ID, MODEL, "", NULL },
                             shown->label->model);
}

static SteerSae *
open_sae (guint layer, guint64 index)
{
  g_autofree char *folder = steer_dup_demo_sae_path ();
  g_autoptr (SteerVectorSource) source = NULL;
  SteerSourceHints hints;

  steer_source_hints_init (&hints);
  source = folder != NULL ? steer_vector_source_open (folder, &hints, NULL, NULL) : NULL;
  if (source == NULL || !steer_vector_source_has_vector (source, layer, index))
    return NULL;
  return g_object_ref (steer_sae_find (source, layer));
}

/* A name of one's own says nothing of how the feature fires. */
static void
add_numbers (SteerLabel *label, const SteerLabel *bundled)
{
  if (label->density < 0.0)
    label->density = bundled->density;
  if (label->activation <= 0.0)
    label->activation = bundled->activation;
}

gboolean
steer_cli_features_find_bundled (SteerCliShown *shown, const char *model, GError **error)
{
  g_autoptr (SteerLabel) label = NULL;
  g_autoptr (GError) local = NULL;

  if (!may_be_bundled (shown, model))
    return TRUE;
  shown->sae = open_sae (shown->layer, shown->index);
  shown->bundled = shown->sae != NULL ? steer_cli_features_open_bundled () : NULL;
  if (shown->bundled == NULL)
    return TRUE;
  label = steer_label_store_find (shown->bundled, (int) shown->layer, shown->index, NULL, &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (shown->label == NULL)
    shown->label = g_steal_pointer (&label);
  else if (label != NULL)
    add_numbers (shown->label, label);
  return TRUE;
}

char *
steer_cli_features_dup_neighbour_label (const SteerCliShown *shown, guint64 index)
{
  char *told;

  if (shown->bundled == NULL)
    return steer_cli_features_dup_label (shown->store, shown->sae, shown->layer, index);
  told = dup_told_label (shown->store, (int) shown->layer, index);
  return told != NULL ? told : steer_cli_features_dup_label (shown->bundled, shown->sae, shown->layer, index);
}
