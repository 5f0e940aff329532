#pragma once

#include "steer-hub-choice.h"

G_BEGIN_DECLS

/* The folder in which programs of the Hugging Face world keep what they downloaded, in its published layout
 * (huggingface.co/docs/hub/local-cache), so that nothing is downloaded or stored twice:
 *
 *     models--OWNER--NAME/blobs/SUM               a file's content
 *                         refs/REVISION           the commit that a revision was last seen at
 *                         snapshots/COMMIT/PATH   symbolic links to blobs
 *     .locks/models--OWNER--NAME/SUM.lock         held while a blob is written
 *
 * Any thread. */

/* $HF_HOME, else $XDG_CACHE_HOME/huggingface: the cache is in it, and the token. Free with g_free(). */
char *steer_hub_cache_dup_home (void);

/* $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub. Need not exist. Free with g_free(). */
char *steer_hub_cache_dup_default_path (void);

/* CACHE/models--OWNER--NAME. Free with g_free(). */
char *steer_hub_cache_dup_repo_path (const char *cache, const char *repo_id);
char *steer_hub_cache_dup_blob_path (const char *cache, const char *repo_id, const char *sum);
char *steer_hub_cache_dup_lock_path (const char *cache, const char *repo_id, const char *sum);
char *steer_hub_cache_dup_snapshot_path (const char *cache, const char *repo_id, const char *commit);

/* The commit that a file of refs/ holds; NULL where it holds none. Free with g_free(). */
char *steer_hub_cache_read_ref (const char *path);

/* Makes @path of the snapshot of @commit a link to the blob @sum, which is there; on a disk that has no links it
 * becomes the blob itself. Errors: G_FILE_ERROR. */
gboolean steer_hub_cache_link (const char *cache,
                               const char *repo_id,
                               const char *commit,
                               const char *path,
                               const char *sum,
                               GError **error);

/* Whether the snapshot has the file itself there, and no link. */
gboolean
steer_hub_cache_has_file (const char *cache, const char *repo_id, const char *commit, const char *path, guint64 size);

/* Remembers that @revision was at @commit. Nothing for a revision that is a commit. Errors: G_FILE_ERROR. */
gboolean steer_hub_cache_set_ref (const char *cache,
                                  const char *repo_id,
                                  const char *revision,
                                  const char *commit,
                                  GError **error);

/* The cache's folder is there, and backups know what it is (CACHEDIR.TAG). Errors: G_FILE_ERROR. */
gboolean steer_hub_cache_make (const char *cache, GError **error);

/* Something whole in the cache that this program can use. */
typedef struct
{
  SteerHubKind kind;
  char *repo_id;
  char *name; /* the choice's, see SteerHubChoice */
  char *path; /* absolute: what to open */
  guint64 bytes;
} SteerHubHeld;

void steer_hub_held_free (SteerHubHeld *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerHubHeld, steer_hub_held_free)

/* Of each repository all snapshots, those that its revisions are at first; of several that hold something of the same
 * name the first one's. In order of their names. (transfer full) (element-type SteerHubHeld); what cannot be read is
 * left out. Blocks on I/O. */
GPtrArray *steer_hub_cache_list (const char *cache, GCancellable *cancellable);

G_END_DECLS
