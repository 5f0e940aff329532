/* Reference for the layout: huggingface.co/docs/hub/local-cache, and huggingface_hub's file_download.py. */
#include "steer-hub-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "steer-hub-file.h"
#include "steer-hub-name.h"

/* As all caches have it (bford.info/cachedir). */
#define CACHE_TAG "Signature: 8a477f597d28d172789f06886806bc55\n# This file marks a folder that can be made again.\n"

/* Inside a Flatpak the user's cache is one of its own; what is shared with other programs is the host's. */
static char *
dup_user_cache (void)
{
  const char *host = steer_hub_get_variable ("HOST_XDG_CACHE_HOME");

  if (!g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS))
    return g_strdup (g_get_user_cache_dir ());
  return host != NULL ? g_strdup (host) : g_build_filename (g_get_home_dir (), ".cache", NULL);
}

char *
steer_hub_cache_dup_home (void)
{
  char *home = steer_hub_dup_path_variable ("HF_HOME");
  g_autofree char *cache = home == NULL ? dup_user_cache () : NULL;

  return home != NULL ? home : g_build_filename (cache, "huggingface", NULL);
}

char *
steer_hub_cache_dup_default_path (void)
{
  char *cache = steer_hub_dup_path_variable ("HF_HUB_CACHE");
  g_autofree char *home = NULL;

  if (cache == NULL)
    cache = steer_hub_dup_path_variable ("HUGGINGFACE_HUB_CACHE");
  if (cache != NULL)
    return cache;
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

/* Whatever lies there is not to be waited for, and what is no commit is not read to its end. */
char *
steer_hub_cache_read_ref (const char *path)
{
  int fd = g_open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
  char text[64] = { 0 };
  struct stat status;
  gssize n = -1;

  if (fd >= 0 && fstat (fd, &status) == 0 && S_ISREG (status.st_mode))
    n = read (fd, text, sizeof text - 1);
  if (fd >= 0)
    close (fd);
  return n > 0 && steer_hub_is_commit (g_strstrip (text)) ? g_strdup (text) : NULL;
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
  there = steer_hub_cache_read_ref (path);
  return g_strcmp0 (there, commit) == 0
         || (steer_hub_make_parent (path, error) && g_file_set_contents (path, commit, -1, error));
}

/* --- snapshots --- */

/* What a link at @path of a snapshot says: as many folders up as it takes to the repository's. */
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

/* Whether errno says that no link can be made there, by whoever. */
static gboolean
has_no_links (void)
{
  return errno == EPERM || errno == ENOTSUP || errno == ENOSYS || errno == EINVAL;
}

/* A disk without links (FAT, some shares) has the content itself in the snapshot, as huggingface_hub does it there. */
static gboolean
move_blob (const char *cache, const char *repo_id, const char *path, const char *sum, GError **error)
{
  g_autofree char *blob = steer_hub_cache_dup_blob_path (cache, repo_id, sum);

  return g_rename (blob, path) == 0 || steer_hub_fail_errno ("could not move a file to", path, error);
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
  g_autofree char *beside = g_strdup_printf ("%s.%08x", link_path, g_random_int ());

  g_return_val_if_fail (steer_hub_is_path (path) && steer_hub_is_commit (commit), FALSE);
  if (g_strcmp0 (there, text) == 0)
    return TRUE;
  if (!steer_hub_make_parent (link_path, error))
    return FALSE;
  /* What is there stays until the link is, under another name. */
  if (symlink (text, beside) != 0)
    return has_no_links () ? move_blob (cache, repo_id, link_path, sum, error)
                           : steer_hub_fail_errno ("could not make the link", link_path, error);
  if (g_rename (beside, link_path) == 0)
    return TRUE;
  steer_hub_fail_errno ("could not make the link", link_path, error);
  g_unlink (beside);
  return FALSE;
}

gboolean
steer_hub_cache_has_file (const char *cache, const char *repo_id, const char *commit, const char *path, guint64 size)
{
  g_autofree char *snapshot = steer_hub_cache_dup_snapshot_path (cache, repo_id, commit);
  g_autofree char *file = g_build_filename (snapshot, path, NULL);
  GStatBuf status;

  return g_lstat (file, &status) == 0 && S_ISREG (status.st_mode) && (guint64) status.st_size == size;
}

gboolean
steer_hub_cache_make (const char *cache, GError **error)
{
  g_autofree char *tag = g_build_filename (cache, "CACHEDIR.TAG", NULL);

  if (g_mkdir_with_parents (cache, 0777) != 0)
    return steer_hub_fail_errno ("could not make", cache, error);
  if (!g_file_test (tag, G_FILE_TEST_EXISTS))
    g_file_set_contents (tag, CACHE_TAG, -1, NULL); /* a nicety */
  return TRUE;
}
