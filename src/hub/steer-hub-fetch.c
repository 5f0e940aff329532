/* From the Hub to the cache: what is there stays, what comes is checked, and two programs that want the same file fetch
 * it once. */
#include "steer-hub-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "steer-hub-cache.h"
#include "steer-hub-file.h"
#include "steer-hub-name.h"
#include "steer-hub-sum.h"

/* Less than this is no progress: a byte a connection would go on for ever. */
#define PROGRESS_BYTES (64 * 1024)
/* Tries without progress; the pauses between them are 1, 2, 4, 8 seconds. */
#define MAX_TRIES 5
/* Before a connection that broke on the way is made again. */
#define PAUSE_MS 100
#define LOCK_POLL_MS 200
#define PART_BYTES (256 * 1024)
/* Beside what is downloaded: other programs live on that disk too. */
#define SPARE_BYTES (64 * 1024 * 1024)

typedef struct
{
  SteerHubClient *client;
  SoupSession *session;
  const SteerHubRepo *repo;
  GCancellable *cancellable;
  guint8 *part; /* [PART_BYTES] */

  SteerHubProgress progress;
  gpointer data;
  guint64 before;   /* bytes of the files that are done */
  guint64 received; /* bytes that came from the Hub */
  guint64 total;
} Fetch;

/* A file on its way. */
typedef struct
{
  const SteerHubFile *file;
  char *blob;          /* where it will be */
  char *partial;       /* where it is until then */
  int fd;              /* of @partial */
  int lock;            /* of the lock */
  gboolean is_private; /* nobody else goes on with @partial */
  gboolean is_resumed; /* an earlier try left its beginning */
  SteerHubSum *sum;
} Arrival;

static void
report (Fetch *self, guint64 done)
{
  if (self->progress != NULL)
    self->progress (MIN (self->before + done, self->total), self->total, self->received, self->data);
}

/* --- the file until it is whole --- */

static void
arrival_clear (Arrival *self)
{
  if (self->is_private)
    g_unlink (self->partial);
  g_free (self->blob);
  g_free (self->partial);
  if (self->fd >= 0)
    close (self->fd);
  /* The file of the lock stays: one that was deleted can be held by two. */
  if (self->lock >= 0)
    close (self->lock);
  g_clear_pointer (&self->sum, steer_hub_sum_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Arrival, arrival_clear)

/* A file system that cannot lock: some shares, some of FUSE. */
static gboolean
has_no_locks (void)
{
  return errno == ENOLCK || errno == ENOSYS || errno == ENOTSUP;
}

/* As filelock of Python takes it, which other programs use for the same files: flock() on the whole. Another user's
 * file can be locked, too, where it can be read. */
static gboolean
take_lock (Fetch *self, Arrival *arrival, GError **error)
{
  g_autofree char *path = steer_hub_cache_dup_lock_path (self->client->cache, self->repo->id, arrival->file->sum);

  if (!steer_hub_make_parent (path, error))
    return FALSE;
  arrival->lock = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (arrival->lock < 0 && errno == EACCES)
    arrival->lock = g_open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
  if (arrival->lock < 0)
    return steer_hub_fail_errno ("could not open", path, error);
  while (flock (arrival->lock, LOCK_EX | LOCK_NB) != 0)
    {
      if (has_no_locks ())
        {
          /* A name that nobody else has takes the lock's place; what arrives there does not outlive this try. */
          g_free (arrival->partial);
          arrival->partial = g_strdup_printf ("%s.%08x.incomplete", arrival->blob, g_random_int ());
          arrival->is_private = TRUE;
          return TRUE;
        }
      if (errno != EWOULDBLOCK && errno != EINTR)
        return steer_hub_fail_errno ("could not lock", path, error);
      if (!steer_hub_wait (LOCK_POLL_MS, self->cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* Adds what an earlier try left to the sum, and stands behind it. */
static gboolean
read_partial (Fetch *self, Arrival *arrival, GError **error)
{
  gssize n = 0;

  do
    {
      if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
        return FALSE;
      n = read (arrival->fd, self->part, PART_BYTES);
      if (n <= 0)
        continue;
      steer_hub_sum_add (arrival->sum, self->part, (gsize) n);
      report (self, steer_hub_sum_get_length (arrival->sum));
    }
  while (n > 0 || (n < 0 && errno == EINTR));
  return n == 0 || steer_hub_fail_errno ("could not read", arrival->partial, error);
}

static gboolean
start_over (Arrival *arrival, GError **error)
{
  arrival->is_resumed = FALSE;
  steer_hub_sum_reset (arrival->sum);
  return (ftruncate (arrival->fd, 0) == 0 && lseek (arrival->fd, 0, SEEK_SET) == 0)
         || steer_hub_fail_errno ("could not empty", arrival->partial, error);
}

static gboolean
open_partial (Fetch *self, Arrival *arrival, GError **error)
{
  struct stat status;

  if (!steer_hub_make_parent (arrival->partial, error))
    return FALSE;
  arrival->fd = g_open (arrival->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (arrival->fd < 0 || fstat (arrival->fd, &status) != 0)
    return steer_hub_fail_errno ("could not open", arrival->partial, error);
  if (!S_ISREG (status.st_mode))
    {
      errno = EEXIST;
      return steer_hub_fail_errno ("could not open", arrival->partial, error);
    }
  arrival->sum = steer_hub_sum_new (arrival->file->sum, arrival->file->size);
  if ((guint64) status.st_size > arrival->file->size)
    return start_over (arrival, error);
  arrival->is_resumed = status.st_size > 0;
  return read_partial (self, arrival, error);
}

static gboolean
write_all (Arrival *arrival, const guint8 *bytes, gsize length, GError **error)
{
  while (length > 0)
    {
      gssize n = write (arrival->fd, bytes, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno == ENOSPC)
        {
          g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NO_SPACE,
                       "the disk is full; what has arrived of %s is kept for when there is room", arrival->file->path);
          return FALSE;
        }
      if (n < 0)
        return steer_hub_fail_errno ("could not write", arrival->partial, error);
      bytes += n;
      length -= (gsize) n;
    }
  return TRUE;
}

/* --- its bytes --- */

static char *
dup_address (Fetch *self, const SteerHubFile *file)
{
  g_autofree char *escaped = g_uri_escape_string (file->path, "/", FALSE);

  return g_strdup_printf ("/%s/resolve/%s/%s", self->repo->id, self->repo->commit, escaped);
}

static gboolean
receive (Fetch *self, Arrival *arrival, SteerHubAnswer *answer, GError **error)
{
  guint64 length = steer_hub_sum_get_length (arrival->sum);
  g_autoptr (GError) local_error = NULL;
  gssize n;

  /* The whole comes although the rest was asked for. */
  if (answer->offset != length && !start_over (arrival, error))
    return FALSE;
  while ((n = g_input_stream_read (answer->body, self->part, PART_BYTES, self->cancellable, &local_error)) > 0)
    {
      length = steer_hub_sum_get_length (arrival->sum) + (guint64) n;
      if (length > arrival->file->size)
        {
          start_over (arrival, NULL);
          g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_DAMAGED,
                       "more of %s comes than the %" G_GUINT64_FORMAT " bytes that the Hub tells of",
                       arrival->file->path, arrival->file->size);
          return FALSE;
        }
      if (!write_all (arrival, self->part, (gsize) n, error))
        return FALSE;
      steer_hub_sum_add (arrival->sum, self->part, (gsize) n);
      self->received += (guint64) n;
      report (self, length);
    }
  if (n == 0 && steer_hub_sum_get_length (arrival->sum) == arrival->file->size)
    return TRUE;
  if (n < 0)
    steer_hub_http_propagate (answer->host, error, g_steal_pointer (&local_error));
  else
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED, "the connection ended before all of %s had come",
                 arrival->file->path);
  return FALSE;
}

/* One try. */
static gboolean
ask (Fetch *self, Arrival *arrival, guint *wait, GError **error)
{
  g_auto (SteerHubAnswer) answer = { 0 };
  g_autofree char *address = dup_address (self, arrival->file);

  if (!steer_hub_http_open (self->client, self->session, address, self->repo->id,
                            steer_hub_sum_get_length (arrival->sum), &answer, wait, self->cancellable, error))
    return FALSE;
  if (!answer.is_beyond)
    return receive (self, arrival, &answer, error);
  /* What is there is more than the whole: another file's, or the Hub has shortened it. */
  if (start_over (arrival, error))
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED, "%s has no more of %s than is there", answer.host,
                 arrival->file->path);
  return FALSE;
}

static gboolean
may_pass (const GError *error)
{
  return g_error_matches (error, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED)
         || g_error_matches (error, STEER_HUB_ERROR, STEER_HUB_ERROR_BUSY);
}

/* Until all bytes are there, or something is wrong that does not pass. */
static gboolean
ask_until_whole (Fetch *self, Arrival *arrival, GError **error)
{
  guint n_tries = 0;

  while (steer_hub_sum_get_length (arrival->sum) < arrival->file->size || arrival->file->size == 0)
    {
      g_autoptr (GError) local_error = NULL;
      guint64 before = steer_hub_sum_get_length (arrival->sum);
      guint wait = 0;

      if (ask (self, arrival, &wait, &local_error))
        return TRUE;
      n_tries = steer_hub_sum_get_length (arrival->sum) >= before + PROGRESS_BYTES ? 0 : n_tries + 1;
      if (!may_pass (local_error) || n_tries >= MAX_TRIES)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      if (!steer_hub_wait (n_tries == 0 ? PAUSE_MS : 1000 * MAX (wait, 1u << (n_tries - 1)), self->cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* --- the file when it is whole --- */

static gboolean
settle (Arrival *arrival, GError **error)
{
  /* Its name says that it is whole, so it has to be on the disk before it has that name. */
  if (fsync (arrival->fd) != 0)
    return steer_hub_fail_errno ("could not write", arrival->partial, error);
  if (g_rename (arrival->partial, arrival->blob) != 0)
    return steer_hub_fail_errno ("could not name", arrival->blob, error);
  arrival->is_private = FALSE;
  return TRUE;
}

/* Bytes that have the sum that is told. What an earlier try left may be damaged, by a machine that lost its power while
 * it wrote; what has all come now may be so once. */
static gboolean
receive_whole (Fetch *self, Arrival *arrival, GError **error)
{
  for (;;)
    {
      gboolean is_resumed;

      if (!ask_until_whole (self, arrival, error))
        return FALSE;
      is_resumed = arrival->is_resumed;
      if (steer_hub_sum_is_right (arrival->sum))
        return TRUE;
      if (!start_over (arrival, error))
        return FALSE;
      if (is_resumed)
        continue;
      g_unlink (arrival->partial);
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_DAMAGED,
                   "%s arrived damaged (its sum is not the one that the Hub tells), and was thrown away: try again",
                   arrival->file->path);
      return FALSE;
    }
}

static gboolean
is_there (const char *blob, guint64 size)
{
  GStatBuf status;

  return g_stat (blob, &status) == 0 && S_ISREG (status.st_mode) && (guint64) status.st_size == size;
}

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

static gboolean
fetch_file (Fetch *self, const SteerHubFile *file, GError **error)
{
  g_auto (Arrival) arrival = { .file = file, .fd = -1, .lock = -1 };

  if (steer_hub_cache_has_file (self->client->cache, self->repo->id, self->repo->commit, file->path, file->size))
    {
      self->before += file->size;
      report (self, 0);
      return TRUE;
    }

  arrival.blob = steer_hub_cache_dup_blob_path (self->client->cache, self->repo->id, file->sum);
  arrival.partial = g_strconcat (arrival.blob, ".incomplete", NULL);
  if (!is_there (arrival.blob, file->size))
    {
      if (!check_place (arrival.blob, error))
        return FALSE;
      if (!take_lock (self, &arrival, error))
        return FALSE;
      /* Whoever had the lock may have fetched it. */
      if (!is_there (arrival.blob, file->size)
          && (!open_partial (self, &arrival, error) || !receive_whole (self, &arrival, error)
              || !settle (&arrival, error)))
        return FALSE;
    }
  self->before += file->size;
  report (self, 0);
  return steer_hub_cache_link (self->client->cache, self->repo->id, self->repo->commit, file->path, file->sum, error);
}

/* --- all files --- */

/* Bytes of @file that have still to come. */
static guint64
get_missing (Fetch *self, const SteerHubFile *file)
{
  g_autofree char *blob = steer_hub_cache_dup_blob_path (self->client->cache, self->repo->id, file->sum);
  g_autofree char *partial = g_strconcat (blob, ".incomplete", NULL);
  GStatBuf status;
  guint64 there = 0;

  if (is_there (blob, file->size)
      || steer_hub_cache_has_file (self->client->cache, self->repo->id, self->repo->commit, file->path, file->size))
    return 0;
  if (g_stat (partial, &status) == 0)
    there = (guint64) MAX (status.st_size, 0);
  return there <= file->size ? file->size - there : file->size;
}

static gboolean
check_space (Fetch *self, const SteerHubChoice *choice, GError **error)
{
  guint64 missing = 0, room;
  struct statvfs status;

  for (guint i = 0; i < choice->n_files; i++)
    {
      guint64 more = get_missing (self, &self->repo->files[choice->files[i]]);

      missing = more > G_MAXUINT64 - missing ? G_MAXUINT64 : missing + more;
    }
  if (missing == 0 || statvfs (self->client->cache, &status) != 0
      || !g_uint64_checked_mul (&room, status.f_bavail, status.f_frsize)
      || (room > SPARE_BYTES && room - SPARE_BYTES >= missing))
    return TRUE;
  else
    {
      g_autofree char *wanted = g_format_size (missing), *have = g_format_size (room);

      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NO_SPACE,
                   "%s are to come, and the disk of %s has room for %s: make room, or set HF_HUB_CACHE to a folder on "
                   "another disk",
                   wanted, self->client->cache, have);
      return FALSE;
    }
}

char *
steer_hub_client_fetch (SteerHubClient *self,
                        const SteerHubRepo *repo,
                        const char *revision,
                        const SteerHubChoice *choice,
                        SteerHubProgress progress,
                        gpointer data,
                        GCancellable *cancellable,
                        GError **error)
{
  g_autoptr (SoupSession) session = steer_hub_http_new_session ();
  g_autofree guint8 *part = g_malloc (PART_BYTES);
  g_autofree char *snapshot = steer_hub_cache_dup_snapshot_path (self->cache, repo->id, repo->commit), *target = NULL;
  gboolean is_checked = FALSE;
  Fetch fetch = {
    .client = self,
    .session = session,
    .repo = repo,
    .cancellable = cancellable,
    .part = part,
    .progress = progress,
    .data = data,
    .total = choice->bytes,
  };

  if (choice->problem != NULL)
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "%s of %s cannot be used: %s", choice->name,
                   repo->id, choice->problem);
      return NULL;
    }
  if (!steer_hub_cache_make (self->cache, error) || !check_space (&fetch, choice, error))
    return NULL;
  report (&fetch, 0);
  target = *choice->target != '\0' ? g_build_filename (snapshot, choice->target, NULL) : g_strdup (snapshot);
  for (guint i = 0; i < choice->n_files; i++)
    {
      const SteerHubFile *file = &repo->files[choice->files[i]];

      if (!is_checked && choice->kind == STEER_HUB_MODEL && g_str_has_suffix (file->path, ".safetensors"))
        {
          if (self->check_model != NULL && !self->check_model (target, error))
            return NULL;
          is_checked = TRUE;
        }
      if (!fetch_file (&fetch, file, error))
        return NULL;
    }
  /* A convenience for other programs: the files are there all the same. */
  steer_hub_cache_set_ref (self->cache, repo->id, revision != NULL ? revision : "main", repo->commit, NULL);
  return g_steal_pointer (&target);
}
