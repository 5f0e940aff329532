#include "steer-hub-arrival.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "steer-hub-cache.h"
#include "steer-hub-file.h"
#include "steer-hub-name.h"
#include "steer-hub-private.h"

#define LOCK_POLL_MS 200
#define PART_BYTES (256 * 1024)

void
steer_hub_arrival_begin (SteerHubArrival *self, const char *cache, const char *repo_id, const SteerHubFile *file)
{
  self->file = file;
  self->cache = g_strdup (cache);
  self->repo_id = g_strdup (repo_id);
  self->blob = steer_hub_cache_dup_blob_path (cache, repo_id, file->sum);
  self->partial = g_strconcat (self->blob, ".incomplete", NULL);
}

void
steer_hub_arrival_clear (SteerHubArrival *self)
{
  if (self->is_private)
    g_unlink (self->partial);
  g_free (self->cache);
  g_free (self->repo_id);
  g_free (self->blob);
  g_free (self->partial);
  if (self->fd >= 0)
    close (self->fd);
  /* The file of the lock stays: one that was deleted can be held by two. */
  if (self->lock >= 0)
    close (self->lock);
  g_clear_pointer (&self->sum, steer_hub_sum_free);
}

gboolean
steer_hub_arrival_is_there (SteerHubArrival *self)
{
  GStatBuf status;

  return g_stat (self->blob, &status) == 0 && S_ISREG (status.st_mode) && (guint64) status.st_size == self->file->size;
}

guint64
steer_hub_arrival_get_missing (SteerHubArrival *self)
{
  guint64 size = self->file->size, there = 0;
  GStatBuf status;

  if (steer_hub_arrival_is_there (self))
    return 0;
  if (g_stat (self->partial, &status) == 0)
    there = (guint64) MAX (status.st_size, 0);
  return there <= size ? size - there : size;
}

guint64
steer_hub_arrival_get_length (SteerHubArrival *self)
{
  return steer_hub_sum_get_length (self->sum);
}

/* --- one at a time --- */

/* What has the blob's name and is none would be in the way only when all has come. */
static gboolean
check_place (const char *blob, GError **error)
{
  GStatBuf status;

  if (g_lstat (blob, &status) != 0 || !S_ISDIR (status.st_mode))
    return TRUE;
  errno = EISDIR;
  return steer_hub_fail_errno ("could not write", blob, error);
}

/* A file system that cannot lock: some shares, some of FUSE. */
static gboolean
has_no_locks (void)
{
  return errno == ENOLCK || errno == ENOSYS || errno == ENOTSUP;
}

/* As filelock of Python takes it, which other programs use for the same files: flock() on the whole. Another user's
 * file can be locked, too, where it can be read. */
gboolean
steer_hub_arrival_lock (SteerHubArrival *self, GCancellable *cancellable, GError **error)
{
  g_autofree char *path = steer_hub_cache_dup_lock_path (self->cache, self->repo_id, self->file->sum);

  if (!check_place (self->blob, error) || !steer_hub_make_parent (path, error))
    return FALSE;
  self->lock = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (self->lock < 0 && errno == EACCES)
    self->lock = g_open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
  if (self->lock < 0)
    return steer_hub_fail_errno ("could not open", path, error);
  while (flock (self->lock, LOCK_EX | LOCK_NB) != 0)
    {
      if (has_no_locks ())
        {
          /* A name that nobody else has takes the lock's place; what arrives there does not outlive this try. */
          g_free (self->partial);
          self->partial = g_strdup_printf ("%s.%08x.incomplete", self->blob, g_random_int ());
          self->is_private = TRUE;
          return TRUE;
        }
      if (errno != EWOULDBLOCK && errno != EINTR)
        return steer_hub_fail_errno ("could not lock", path, error);
      if (!steer_hub_wait (LOCK_POLL_MS, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* --- its bytes --- */

gboolean
steer_hub_arrival_start_over (SteerHubArrival *self, GError **error)
{
  self->is_resumed = FALSE;
  steer_hub_sum_reset (self->sum);
  return (ftruncate (self->fd, 0) == 0 && lseek (self->fd, 0, SEEK_SET) == 0)
         || steer_hub_fail_errno ("could not empty", self->partial, error);
}

/* Adds what an earlier try left to the sum, and stands behind it. */
static gboolean
read_partial (SteerHubArrival *self,
              SteerHubArrivalProgress progress,
              gpointer data,
              GCancellable *cancellable,
              GError **error)
{
  g_autofree guint8 *part = g_malloc (PART_BYTES);
  gssize n = 0;

  do
    {
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      n = read (self->fd, part, PART_BYTES);
      if (n <= 0)
        continue;
      steer_hub_sum_add (self->sum, part, (gsize) n);
      progress (steer_hub_sum_get_length (self->sum), data);
    }
  while (n > 0 || (n < 0 && errno == EINTR));
  return n == 0 || steer_hub_fail_errno ("could not read", self->partial, error);
}

gboolean
steer_hub_arrival_open (SteerHubArrival *self,
                        SteerHubArrivalProgress progress,
                        gpointer data,
                        GCancellable *cancellable,
                        GError **error)
{
  struct stat status;

  if (!steer_hub_make_parent (self->partial, error))
    return FALSE;
  self->fd = g_open (self->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (self->fd < 0 || fstat (self->fd, &status) != 0)
    return steer_hub_fail_errno ("could not open", self->partial, error);
  if (!S_ISREG (status.st_mode))
    {
      errno = EEXIST;
      return steer_hub_fail_errno ("could not open", self->partial, error);
    }
  self->sum = steer_hub_sum_new (self->file->sum, self->file->size);
  if ((guint64) status.st_size > self->file->size)
    return steer_hub_arrival_start_over (self, error);
  self->is_resumed = status.st_size > 0;
  return read_partial (self, progress, data, cancellable, error);
}

gboolean
steer_hub_arrival_write (SteerHubArrival *self, const guint8 *bytes, gsize length, GError **error)
{
  while (length > 0)
    {
      gssize n = write (self->fd, bytes, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == ENOSPC)
        {
          g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NO_SPACE,
                       "the disk is full; what has arrived of %s is kept for when there is room", self->file->path);
          return FALSE;
        }
      if (n < 0)
        return steer_hub_fail_errno ("could not write", self->partial, error);
      steer_hub_sum_add (self->sum, bytes, (gsize) n);
      bytes += n;
      length -= (gsize) n;
    }
  return TRUE;
}

/* --- when it is whole --- */

gboolean
steer_hub_arrival_settle (SteerHubArrival *self, GError **error)
{
  /* Its name says that it is whole, so it has to be on the disk before it has that name. */
  if (fsync (self->fd) != 0)
    return steer_hub_fail_errno ("could not write", self->partial, error);
  if (g_rename (self->partial, self->blob) != 0)
    return steer_hub_fail_errno ("could not name", self->blob, error);
  self->is_private = FALSE;
  return TRUE;
}

void
steer_hub_arrival_throw_away (SteerHubArrival *self)
{
  g_unlink (self->partial);
}
