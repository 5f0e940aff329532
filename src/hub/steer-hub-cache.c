/* Reference for the layout: huggingface.co/docs/hub/local-cache, and huggingface_hub's file_download.py. */
#include "steer-hub-cache.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "steer-hub-name.h"

/* As all caches have it (bford.info/cachedir). */
#define CACHE_TAG "Signature: 8a477f597d28d172789f06886806bc55\n# This file marks a folder that can be made again.\n"

static const char *
get_variable (const char *name)
{
  const char *value = g_getenv (name);

  return value != NULL && *value != '\0' ? value : NULL;
}

/* Inside a Flatpak the user's cache is one of its own; what is shared with other programs is the host's. */
static char *
dup_user_cache (void)
{
  const char *host = get_variable ("HOST_XDG_CACHE_HOME");

  if (!g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS))
    return g_strdup (g_get_user_cache_dir ());
  return host != NULL ? g_strdup (host) : g_build_filename (g_get_home_dir (), ".cache", NULL);
}

char *
steer_hub_cache_dup_home (void)
{
  const char *home = get_variable ("HF_HOME");
  g_autofree char *cache = home == NULL ? dup_user_cache () : NULL;

  return home != NULL ? g_canonicalize_filename (home, NULL) : g_build_filename (cache, "huggingface", NULL);
}

char *
steer_hub_cache_dup_default_path (void)
{
  const char *cache = get_variable ("HF_HUB_CACHE");
  g_autofree char *home = NULL;

  if (cache == NULL)
    cache = get_variable ("HUGGINGFACE_HUB_CACHE");
  if (cache != NULL)
    return g_canonicalize_filename (cache, NULL);
  home = steer_hub_cache_dup_home ();
  return g_build_filename (home, "hub", NULL);
}

static char *
dup_folder_name (const char *repo_id)
{
  g_auto (GStrv) parts = g_strsplit (repo_id, "/", -1);
  g_autofree char *joined = g_strjoinv ("--", parts);

  return g_strconcat ("models--", joined, NULL);
}

char *
steer_hub_cache_dup_repo_path (const char *cache, const char *repo_id)
{
  g_autofree char *name = dup_folder_name (repo_id);

  return g_build_filename (cache, name, NULL);
}

char *
steer_hub_cache_dup_blob_path (const char *cache, const char *repo_id, const char *sum)
{
  g_autofree char *name = dup_folder_name (repo_id);

  return g_build_filename (cache, name, "blobs", sum, NULL);
}

char *
steer_hub_cache_dup_lock_path (const char *cache, const char *repo_id, const char *sum)
{
  g_autofree char *name = dup_folder_name (repo_id);
  g_autofree char *file = g_strconcat (sum, ".lock", NULL);

  return g_build_filename (cache, ".locks", name, file, NULL);
}

char *
steer_hub_cache_dup_snapshot_path (const char *cache, const char *repo_id, const char *commit)
{
  g_autofree char *name = dup_folder_name (repo_id);

  return g_build_filename (cache, name, "snapshots", commit, NULL);
}

/* --- revisions --- */

/* The commit that a file of refs/ holds; NULL where it holds none. */
static char *
read_ref (const char *repo, const char *revision)
{
  g_autofree char *path = g_build_filename (repo, "refs", revision, NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  g_strstrip (text);
  return steer_hub_is_commit (text) ? g_steal_pointer (&text) : NULL;
}

static char *
find_only_snapshot (const char *repo)
{
  g_autofree char *folder = g_build_filename (repo, "snapshots", NULL), *only = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      if (!steer_hub_is_commit (name))
        continue;
      if (only != NULL)
        return NULL;
      only = g_strdup (name);
    }
  return g_steal_pointer (&only);
}

char *
steer_hub_cache_find_snapshot (const char *cache, const char *repo_id, const char *revision)
{
  g_autofree char *repo = NULL, *commit = NULL, *path = NULL;

  g_return_val_if_fail (cache != NULL, NULL);
  if (!steer_hub_is_repo_id (repo_id) || (revision != NULL && !steer_hub_is_revision (revision)))
    return NULL;
  repo = steer_hub_cache_dup_repo_path (cache, repo_id);
  if (steer_hub_is_commit (revision))
    commit = g_strdup (revision);
  else
    commit = read_ref (repo, revision != NULL ? revision : "main");
  if (commit == NULL && revision == NULL)
    commit = find_only_snapshot (repo);
  if (commit == NULL)
    return NULL;
  path = g_build_filename (repo, "snapshots", commit, NULL);
  return g_file_test (path, G_FILE_TEST_IS_DIR) ? g_steal_pointer (&path) : NULL;
}

/* --- writing --- */

static gboolean
fail (const char *what, const char *path, GError **error)
{
  int code = errno;

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "%s %s: %s", what, path, g_strerror (code));
  return FALSE;
}

static gboolean
make_parent (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  return g_mkdir_with_parents (folder, 0777) == 0 || fail ("could not make", folder, error);
}

/* Where the last part of a relative link stands, `depth` folders below what it is relative to. */
static char *
dup_link_text (const char *path, const char *sum)
{
  g_autoptr (GString) text = g_string_new ("../../");

  for (const char *p = path; *p != '\0'; p++)
    if (*p == '/')
      g_string_append (text, "../");
  g_string_append_printf (text, "blobs/%s", sum);
  return g_strdup (text->str);
}

gboolean
steer_hub_cache_link (const char *cache,
                      const char *repo_id,
                      const char *commit,
                      const char *path,
                      const char *sum,
                      GError **error)
{
  g_autofree char *snapshot = steer_hub_cache_dup_snapshot_path (cache, repo_id, commit);
  g_autofree char *link_path = g_build_filename (snapshot, path, NULL);
  g_autofree char *text = dup_link_text (path, sum), *there = g_file_read_link (link_path, NULL);

  g_return_val_if_fail (steer_hub_is_path (path) && steer_hub_is_commit (commit), FALSE);
  if (g_strcmp0 (there, text) == 0)
    return TRUE;
  if (!make_parent (link_path, error))
    return FALSE;
  /* Another program may make the same link at the same time: whose it is does not matter. */
  if (g_unlink (link_path) != 0 && errno != ENOENT)
    return fail ("could not replace", link_path, error);
  return symlink (text, link_path) == 0 || errno == EEXIST || fail ("could not make the link", link_path, error);
}

gboolean
steer_hub_cache_set_ref (const char *cache,
                         const char *repo_id,
                         const char *revision,
                         const char *commit,
                         GError **error)
{
  g_autofree char *repo = steer_hub_cache_dup_repo_path (cache, repo_id);
  g_autofree char *path = g_build_filename (repo, "refs", revision, NULL), *there = NULL;

  g_return_val_if_fail (steer_hub_is_revision (revision) && steer_hub_is_commit (commit), FALSE);
  if (steer_hub_is_commit (revision))
    return TRUE;
  there = read_ref (repo, revision);
  return g_strcmp0 (there, commit) == 0 || (make_parent (path, error) && g_file_set_contents (path, commit, -1, error));
}

gboolean
steer_hub_cache_make (const char *cache, GError **error)
{
  g_autofree char *tag = g_build_filename (cache, "CACHEDIR.TAG", NULL);

  if (g_mkdir_with_parents (cache, 0777) != 0)
    return fail ("could not make", cache, error);
  if (!g_file_test (tag, G_FILE_TEST_EXISTS))
    g_file_set_contents (tag, CACHE_TAG, -1, NULL); /* a nicety */
  return TRUE;
}
