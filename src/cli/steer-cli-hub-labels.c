/* `steer hub labels`: labels of features, from Neuronpedia into the database that `steer features` searches. */
#include "steer-cli-hub-labels.h"

#include <glib/gstdio.h>
#include <string.h>

#include "hub/steer-hub-labels.h"
#include "hub/steer-hub-name.h"
#include "steering/steer-label-store.h"

/* Which labels: as Neuronpedia names them, or of an SAE on the Hub. */
typedef struct
{
  char *model;
  char *source;
  char *repo_id; /* (nullable) */
  char *name;    /* (nullable) */
} Wanted;

static void
wanted_clear (Wanted *self)
{
  g_free (self->model);
  g_free (self->source);
  g_free (self->repo_id);
  g_free (self->name);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Wanted, wanted_clear)

/* "llama3.1-8b-it/15-resid-post-aa" */
static gboolean
parse_labels (const char *text, Wanted *wanted)
{
  g_auto (GStrv) parts = g_strsplit (text, "/", -1);
  const char *suffix;
  int layer;

  if (g_strv_length (parts) != 2 || !steer_hub_is_label_name (parts[0]) || !steer_hub_is_label_name (parts[1])
      || !steer_label_source_parse (parts[1], &layer, &suffix))
    return FALSE;
  wanted->model = g_strdup (parts[0]);
  wanted->source = g_strdup (parts[1]);
  return TRUE;
}

/* The whole name of what is called @what there, in part. */
static char *
dup_whole_name (SteerHubClient *client,
                const char *repo_id,
                const char *what,
                GCancellable *cancellable,
                GError **error)
{
  g_autoptr (SteerHubRepo) repo = steer_hub_client_read_repo (client, repo_id, NULL, cancellable, error);
  const SteerHubChoice *choice = repo != NULL ? steer_hub_find_choice (repo->choices, what, error) : NULL;

  return choice != NULL ? g_strdup (choice->name) : NULL;
}

static gboolean
parse (SteerHubClient *client,
       const char *text,
       const char *what,
       Wanted *wanted,
       GCancellable *cancellable,
       GError **error)
{
  g_autofree char *revision = NULL, *path = NULL;

  if (what == NULL && parse_labels (text, wanted))
    return TRUE;
  if (!steer_hub_parse_name (text, &wanted->repo_id, &revision, &path, error))
    return FALSE;
  wanted->name = g_strdup (what != NULL ? what : path != NULL ? path : "");
  if (steer_hub_guess_labels (wanted->repo_id, wanted->name, &wanted->model, &wanted->source))
    return TRUE;
  g_free (wanted->name);
  wanted->name = dup_whole_name (client, wanted->repo_id, what != NULL ? what : path, cancellable, error);
  if (wanted->name == NULL)
    return FALSE;
  if (steer_hub_guess_labels (wanted->repo_id, wanted->name, &wanted->model, &wanted->source))
    return TRUE;
  g_set_error (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
               "where Neuronpedia has labels of %s in %s is not known here: say MODEL/SOURCE as it names them, such as "
               "llama3.1-8b-it/15-resid-post-aa",
               wanted->name, wanted->repo_id);
  return FALSE;
}

/* What was downloaded is in the database now. */
static void
remove_folder (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

gboolean
steer_cli_hub_fetch_labels (SteerHubClient *client,
                            const char *text,
                            const char *what,
                            SteerLabelImport *counts,
                            SteerHubProgress progress,
                            gpointer data,
                            GCancellable *cancellable,
                            GError **error)
{
  g_auto (Wanted) wanted = { 0 };
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "steer-chat", "labels", NULL), *folder = NULL;
  g_autoptr (SteerLabelStore) store = NULL;
  SteerHubLabels labels = { 0 };

  if (!parse (client, text, what, &wanted, cancellable, error))
    return FALSE;
  store = steer_label_store_open (NULL, error);
  if (store == NULL)
    return FALSE;
  labels = (SteerHubLabels){ NULL, wanted.model, wanted.source, wanted.repo_id, wanted.name };
  folder = steer_hub_fetch_labels (&labels, cache, progress, data, cancellable, error);
  if (folder == NULL
      || !steer_label_store_import (store, folder, wanted.model, wanted.source, counts, NULL, NULL, cancellable, error))
    return FALSE;
  remove_folder (folder);
  return TRUE;
}
