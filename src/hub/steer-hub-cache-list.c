/* What is whole in the cache. */
#include "steer-hub-cache.h"

#include <glib/gstdio.h>
#include <string.h>

#include "steer-hub-name.h"

/* No repository has its models deeper, and a loop of links ends. */
#define MAX_DEPTH 8
/* What is looked at in one snapshot. */
#define MAX_ENTRIES (2 * STEER_HUB_MAX_FILES)

void
steer_hub_held_free (SteerHubHeld *self)
{
  g_free (self->repo_id);
  g_free (self->name);
  g_free (self->path);
  g_free (self);
}

/* "models--owner--name" is "owner/name"; NULL for other folders. */
static char *
dup_repo_id (const char *folder_name)
{
  g_auto (GStrv) parts = NULL;
  g_autofree char *id = NULL;

  if (!g_str_has_prefix (folder_name, "models--"))
    return NULL;
  parts = g_strsplit (folder_name + strlen ("models--"), "--", -1);
  id = g_strjoinv ("/", parts);
  return steer_hub_is_repo_id (id) ? g_steal_pointer (&id) : NULL;
}

/* Commits that the files below refs/ name. */
static void
add_refs (const char *folder, guint depth, GHashTable *commits)
{
  g_autoptr (GDir) dir = depth < MAX_DEPTH ? g_dir_open (folder, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL), *commit = NULL;
      GStatBuf status;

      if (g_lstat (path, &status) != 0)
        continue;
      if (S_ISDIR (status.st_mode))
        add_refs (path, depth + 1, commits);
      else if ((commit = steer_hub_cache_read_ref (path)) != NULL)
        g_hash_table_add (commits, g_steal_pointer (&commit));
    }
}

/* Files of a snapshot, those alone whose content is there. @prefix: the path of @folder inside the snapshot, "" or
 * "FOLDER/". @n_left: entries that may still be looked at. Links lead to files, not to folders: those may be anywhere.
 */
static void
add_files (const char *folder, const char *prefix, guint depth, guint *n_left, GArray *files)
{
  g_autoptr (GDir) dir = depth < MAX_DEPTH ? g_dir_open (folder, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && *n_left > 0 && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autofree char *inside = g_strconcat (prefix, name, NULL);
      GStatBuf status;

      (*n_left)--;
      if (g_lstat (path, &status) != 0)
        continue;
      if (S_ISDIR (status.st_mode))
        {
          g_autofree char *below = g_strconcat (inside, "/", NULL);

          add_files (path, below, depth + 1, n_left, files);
        }
      else if (g_stat (path, &status) == 0 && S_ISREG (status.st_mode) && steer_hub_is_path (inside))
        {
          SteerHubFile file = { .path = g_steal_pointer (&inside), .size = (guint64) MAX (status.st_size, 0) };

          g_array_append_val (files, file);
        }
    }
}

static gint64
get_time (const char *path)
{
  GStatBuf status;

  return g_stat (path, &status) == 0 ? (gint64) status.st_mtime : 0;
}

typedef struct
{
  char *path;
  gint64 time;
  gboolean is_named; /* a revision is at it */
} Snapshot;

static void
snapshot_clear (Snapshot *self)
{
  g_free (self->path);
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  const Snapshot *x = a, *y = b;

  if (x->is_named != y->is_named)
    return x->is_named ? -1 : 1;
  return x->time != y->time ? (x->time > y->time ? -1 : 1) : strcmp (x->path, y->path);
}

/* Those first that a revision is at, of each kind the newest. */
static GArray *
list_snapshots (const char *repo)
{
  g_autofree char *refs = g_build_filename (repo, "refs", NULL), *folder = g_build_filename (repo, "snapshots", NULL);
  g_autoptr (GHashTable) commits = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GArray *snapshots = g_array_new (FALSE, FALSE, sizeof (Snapshot));
  const char *name;

  g_array_set_clear_func (snapshots, (GDestroyNotify) snapshot_clear);
  add_refs (refs, 0, commits);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      Snapshot snapshot;

      if (!steer_hub_is_commit (name))
        continue;
      snapshot.is_named = g_hash_table_contains (commits, name);
      snapshot.path = g_build_filename (folder, name, NULL);
      snapshot.time = get_time (snapshot.path);
      g_array_append_val (snapshots, snapshot);
    }
  g_array_sort (snapshots, compare_times);
  return snapshots;
}

/* @seen: names that a snapshot before it has. */
static void
add_snapshot (const char *repo_id, const char *snapshot, GHashTable *seen, GPtrArray *list)
{
  g_autoptr (GArray) files = g_array_new (FALSE, FALSE, sizeof (SteerHubFile));
  g_autoptr (GPtrArray) choices = NULL;
  guint n_left = MAX_ENTRIES;

  g_array_set_clear_func (files, (GDestroyNotify) steer_hub_file_clear);
  add_files (snapshot, "", 0, &n_left, files);
  choices = steer_hub_list_choices ((const SteerHubFile *) (gpointer) files->data, files->len);
  for (guint i = 0; i < choices->len; i++)
    {
      const SteerHubChoice *choice = g_ptr_array_index (choices, i);
      SteerHubHeld *held;

      if (choice->problem != NULL || !g_hash_table_add (seen, g_strdup (choice->name)))
        continue;
      held = g_new0 (SteerHubHeld, 1);
      held->kind = choice->kind;
      held->repo_id = g_strdup (repo_id);
      held->name = g_strdup (choice->name);
      held->path = *choice->target != '\0' ? g_build_filename (snapshot, choice->target, NULL) : g_strdup (snapshot);
      held->bytes = choice->bytes;
      g_ptr_array_add (list, held);
    }
}

static int
compare_held (gconstpointer a, gconstpointer b)
{
  const SteerHubHeld *x = *(const SteerHubHeld *const *) a, *y = *(const SteerHubHeld *const *) b;
  int order = g_ascii_strcasecmp (x->repo_id, y->repo_id);

  return order != 0 ? order : strcmp (x->name, y->name);
}

GPtrArray *
steer_hub_cache_list (const char *cache, GCancellable *cancellable)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_hub_held_free);
  g_autoptr (GDir) dir = g_dir_open (cache, 0, NULL);
  const char *name;

  while (dir != NULL && !g_cancellable_is_cancelled (cancellable) && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *repo_id = dup_repo_id (name), *repo = g_build_filename (cache, name, NULL);
      g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_autoptr (GArray) snapshots = repo_id != NULL ? list_snapshots (repo) : NULL;

      for (guint i = 0; snapshots != NULL && i < snapshots->len; i++)
        add_snapshot (repo_id, g_array_index (snapshots, Snapshot, i).path, seen, list);
    }
  g_ptr_array_sort (list, compare_held);
  return list;
}
