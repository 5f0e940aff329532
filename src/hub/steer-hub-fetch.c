/* From the Hub to the cache: what is there stays, what comes is checked. */
#include "steer-hub-private.h"

#include <string.h>
#include <sys/statvfs.h>

#include "steer-hub-arrival.h"
#include "steer-hub-cache.h"
#include "steer-hub-name.h"

/* Less than this is no progress: a byte a connection would go on for ever. */
#define PROGRESS_BYTES (64 * 1024)
/* Tries without progress; the pauses between them are 1, 2, 4, 8 seconds. */
#define MAX_TRIES 5
/* Before a connection that broke on the way is made again. */
#define PAUSE_MS 100
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

static void
report (Fetch *self, guint64 done)
{
  if (self->progress != NULL)
    self->progress (MIN (self->before + done, self->total), self->total, self->received, self->data);
}

/* --- the bytes of a file --- */

static void
on_read (guint64 length, gpointer data)
{
  report (data, length);
}

static char *
dup_address (Fetch *self, const SteerHubFile *file)
{
  g_autofree char *escaped = g_uri_escape_string (file->path, "/", FALSE);

  return g_strdup_printf ("/%s/resolve/%s/%s", self->repo->id, self->repo->commit, escaped);
}

static gboolean
receive (Fetch *self, SteerHubArrival *arrival, SteerHubAnswer *answer, GError **error)
{
  guint64 length = steer_hub_arrival_get_length (arrival);
  g_autoptr (GError) local_error = NULL;
  gssize n;

  /* The whole comes although the rest was asked for. */
  if (answer->offset != length && !steer_hub_arrival_start_over (arrival, error))
    return FALSE;
  while ((n = g_input_stream_read (answer->body, self->part, PART_BYTES, self->cancellable, &local_error)) > 0)
    {
      length = steer_hub_arrival_get_length (arrival) + (guint64) n;
      if (length > arrival->file->size)
        {
          steer_hub_arrival_start_over (arrival, NULL);
          g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_DAMAGED,
                       "more of %s comes than the %" G_GUINT64_FORMAT " bytes that the Hub tells of",
                       arrival->file->path, arrival->file->size);
          return FALSE;
        }
      if (!steer_hub_arrival_write (arrival, self->part, (gsize) n, error))
        return FALSE;
      self->received += (guint64) n;
      report (self, length);
    }
  if (n == 0 && steer_hub_arrival_get_length (arrival) == arrival->file->size)
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
ask (Fetch *self, SteerHubArrival *arrival, guint *wait, GError **error)
{
  g_auto (SteerHubAnswer) answer = { 0 };
  g_autofree char *address = dup_address (self, arrival->file);

  if (!steer_hub_http_open (self->client, self->session, address, self->repo->id,
                            steer_hub_arrival_get_length (arrival), &answer, wait, self->cancellable, error))
    return FALSE;
  if (!answer.is_beyond)
    return receive (self, arrival, &answer, error);
  /* What is there is more than the whole: another file's, or the Hub has shortened it. */
  if (steer_hub_arrival_start_over (arrival, error))
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
ask_until_whole (Fetch *self, SteerHubArrival *arrival, GError **error)
{
  guint n_tries = 0;

  while (steer_hub_arrival_get_length (arrival) < arrival->file->size || arrival->file->size == 0)
    {
      g_autoptr (GError) local_error = NULL;
      guint64 before = steer_hub_arrival_get_length (arrival);
      guint wait = 0;

      if (ask (self, arrival, &wait, &local_error))
        return TRUE;
      n_tries = steer_hub_arrival_get_length (arrival) >= before + PROGRESS_BYTES ? 0 : n_tries + 1;
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

/* Bytes that have the sum that is told. What an earlier try left may be damaged, by a machine that lost its power while
 * it wrote; what has all come now may be so once. */
static gboolean
receive_whole (Fetch *self, SteerHubArrival *arrival, GError **error)
{
  for (;;)
    {
      gboolean is_resumed;

      if (!ask_until_whole (self, arrival, error))
        return FALSE;
      is_resumed = arrival->is_resumed;
      if (steer_hub_sum_is_right (arrival->sum))
        return TRUE;
      if (!steer_hub_arrival_start_over (arrival, error))
        return FALSE;
      if (is_resumed)
        continue;
      steer_hub_arrival_throw_away (arrival);
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_DAMAGED,
                   "%s arrived damaged (its sum is not the one that the Hub tells), and was thrown away: try again",
                   arrival->file->path);
      return FALSE;
    }
}

static gboolean
fetch_file (Fetch *self, const SteerHubFile *file, GError **error)
{
  g_auto (SteerHubArrival) arrival = STEER_HUB_ARRIVAL_INIT;

  if (steer_hub_cache_has_file (self->client->cache, self->repo->id, self->repo->commit, file->path, file->size))
    {
      self->before += file->size;
      report (self, 0);
      return TRUE;
    }

  steer_hub_arrival_begin (&arrival, self->client->cache, self->repo->id, file);
  if (!steer_hub_arrival_is_there (&arrival)
      && (!steer_hub_arrival_lock (&arrival, self->cancellable, error)
          /* Whoever had the lock may have fetched it. */
          || (!steer_hub_arrival_is_there (&arrival)
              && (!steer_hub_arrival_open (&arrival, on_read, self, self->cancellable, error)
                  || !receive_whole (self, &arrival, error) || !steer_hub_arrival_settle (&arrival, error)))))
    return FALSE;
  self->before += file->size;
  report (self, 0);
  return steer_hub_cache_link (self->client->cache, self->repo->id, self->repo->commit, file->path, file->sum, error);
}

/* --- all files --- */

/* Bytes of @file that have still to come. */
static guint64
get_missing (Fetch *self, const SteerHubFile *file)
{
  g_auto (SteerHubArrival) arrival = STEER_HUB_ARRIVAL_INIT;

  if (steer_hub_cache_has_file (self->client->cache, self->repo->id, self->repo->commit, file->path, file->size))
    return 0;
  steer_hub_arrival_begin (&arrival, self->client->cache, self->repo->id, file);
  return steer_hub_arrival_get_missing (&arrival);
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
  g_autofree char *config = NULL;
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
  config = g_build_filename (target, "config.json", NULL);
  for (guint i = 0; i < choice->n_files; i++)
    {
      const SteerHubFile *file = &repo->files[choice->files[i]];

      if (!is_checked && choice->kind == STEER_HUB_MODEL && g_str_has_suffix (file->path, ".safetensors")
          && g_file_test (config, G_FILE_TEST_EXISTS))
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
