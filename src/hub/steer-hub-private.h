#pragma once

#include <libsoup/soup.h>

#include "steer-hub-client.h"

G_BEGIN_DECLS

struct _SteerHubClient
{
  gatomicrefcount n_refs;
  char *endpoint; /* without a slash at its end */
  GUri *uri;      /* of the endpoint */
  char *token;    /* (nullable) */
  char *cache;
  gboolean (*check_model) (const char *folder, GError **error); /* nullable */
};

/* --- steer-hub-http.c --- */

/* For one call of the interface, on one thread. */
SoupSession *steer_hub_http_new_session (void);

/* The answer to a GET whose headers have arrived. */
typedef struct
{
  GInputStream *body;     /* NULL where @is_beyond */
  char *host;             /* whose it is */
  guint64 offset;         /* of the body's first byte in the whole */
  gboolean is_redirected; /* it is of another address than the one that was asked */
  gboolean is_beyond;     /* there is nothing at the offset that was asked for */
} SteerHubAnswer;

void steer_hub_answer_clear (SteerHubAnswer *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerHubAnswer, steer_hub_answer_clear)

/**
 * steer_hub_http_open:
 * @path: what follows the endpoint, with its slash, escaped
 * @repo_id: (nullable): whose it is, for messages
 * @offset: from which byte on the body is wanted; the answer may begin at the first all the same
 * @wait: (out): how many seconds the Hub wants to be left alone after an error, 0 where it does not say
 *
 * Errors: STEER_HUB_ERROR, of which _FAILED and _BUSY may pass; G_IO_ERROR_CANCELLED.
 */
gboolean steer_hub_http_open (SteerHubClient *client,
                              SoupSession *session,
                              const char *path,
                              const char *repo_id,
                              guint64 offset,
                              SteerHubAnswer *answer,
                              guint *wait,
                              GCancellable *cancellable,
                              GError **error);

/* A body of at most @max bytes, whole. @is_redirected: (out) (nullable). Errors: as above. */
GBytes *steer_hub_http_read (SteerHubClient *client,
                             SoupSession *session,
                             const char *path,
                             const char *repo_id,
                             gsize max,
                             gboolean *is_redirected,
                             GCancellable *cancellable,
                             GError **error);

/* Gives an error of the connection to @host the domain STEER_HUB_ERROR and words that tell what to do; one of
 * cancellation stays what it is. @error: (transfer full). */
void steer_hub_http_propagate (const char *host, GError **dest, GError *error);

/* Sleeps. FALSE when it was cancelled meanwhile. */
gboolean steer_hub_wait (guint milliseconds, GCancellable *cancellable, GError **error);

G_END_DECLS
