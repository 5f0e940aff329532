#pragma once

#include "steer-hub-choice.h"
#include "steer-hub-sum.h"

G_BEGIN_DECLS

/**
 * SteerHubArrival:
 *
 * A file on its way into the cache, on this side: its beginning, which an earlier try may have left, its sum, and the
 * lock by which two programs that want it fetch it once. One thread.
 */
typedef struct
{
  const SteerHubFile *file; /* borrowed */
  char *cache;
  char *repo_id;
  char *blob;          /* where it will be */
  char *partial;       /* where it is until then */
  int fd;              /* of @partial */
  int lock;            /* of the lock */
  gboolean is_private; /* nobody else goes on with @partial */
  gboolean is_resumed; /* an earlier try left its beginning */
  SteerHubSum *sum;
} SteerHubArrival;

#define STEER_HUB_ARRIVAL_INIT                                                                                         \
  {                                                                                                                    \
    .fd = -1, .lock = -1                                                                                               \
  }

/* @self: of STEER_HUB_ARRIVAL_INIT. */
void steer_hub_arrival_begin (SteerHubArrival *self, const char *cache, const char *repo_id, const SteerHubFile *file);
void steer_hub_arrival_clear (SteerHubArrival *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerHubArrival, steer_hub_arrival_clear)

/* Whether all of it has its name. */
gboolean steer_hub_arrival_is_there (SteerHubArrival *self);
/* Bytes that are to come. */
guint64 steer_hub_arrival_get_missing (SteerHubArrival *self);

/* Waits for other programs that fetch it. Errors: G_FILE_ERROR, G_IO_ERROR_CANCELLED. */
gboolean steer_hub_arrival_lock (SteerHubArrival *self, GCancellable *cancellable, GError **error);

/* @length: how much of the beginning has been read. */
typedef void (*SteerHubArrivalProgress) (guint64 length, gpointer data);

/* Under the lock: what is there is its beginning. Errors: as above. */
gboolean steer_hub_arrival_open (SteerHubArrival *self,
                                 SteerHubArrivalProgress progress,
                                 gpointer data,
                                 GCancellable *cancellable,
                                 GError **error);
/* Bytes that are there. */
guint64 steer_hub_arrival_get_length (SteerHubArrival *self);
/* @bytes: [length], what comes next. Errors: G_FILE_ERROR, STEER_HUB_ERROR_NO_SPACE. */
gboolean steer_hub_arrival_write (SteerHubArrival *self, const guint8 *bytes, gsize length, GError **error);
/* Nothing is there any more. */
gboolean steer_hub_arrival_start_over (SteerHubArrival *self, GError **error);

/* It is on the disk and has its name; or it goes, and none. */
gboolean steer_hub_arrival_settle (SteerHubArrival *self, GError **error);
void steer_hub_arrival_throw_away (SteerHubArrival *self);

G_END_DECLS
