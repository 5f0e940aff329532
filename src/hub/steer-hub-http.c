/* Requests to the Hub. Its own headers are told in huggingface_hub (utils/_http.py): X-Error-Code says what a status
 * alone does not. */
#include "steer-hub-private.h"

#include <string.h>

#include "steer-hub-file.h"
#include "steer-hub-name.h"

/* Of a connection that says nothing. */
#define TIMEOUT_SECONDS 30
#define MAX_REDIRECTS 5
#define MAX_WAIT_SECONDS 300         /* the Hub counts requests over five minutes */
#define STATUS_TOO_MANY_REQUESTS 429 /* which SoupStatus lacks */

SoupSession *
steer_hub_http_new_session (void)
{
  /* No timers of idle connections: they would run on the main context, beside the thread that uses the session. */
  return soup_session_new_with_options ("timeout", TIMEOUT_SECONDS, "idle-timeout", 0, "user-agent",
                                        "SteerChat/" STEER_VERSION, NULL);
}

void
steer_hub_answer_clear (SteerHubAnswer *self)
{
  g_clear_object (&self->body);
  g_clear_pointer (&self->host, g_free);
}

gboolean
steer_hub_wait (guint milliseconds, GCancellable *cancellable, GError **error)
{
  GPollFD fd;

  if (g_cancellable_make_pollfd (cancellable, &fd))
    {
      g_poll (&fd, 1, (int) milliseconds);
      g_cancellable_release_fd (cancellable);
    }
  else
    g_usleep ((gulong) milliseconds * 1000);
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

void
steer_hub_http_propagate (const char *host, GError **dest, GError *error)
{
  if (error->domain == STEER_HUB_ERROR || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_propagate_error (dest, error);
      return;
    }
  if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_UNAVAILABLE))
    g_set_error (dest, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED,
                 "could not reach %s: encrypted connections need the package glib-networking", host);
  else if (error->domain == G_TLS_ERROR)
    g_set_error (dest, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED,
                 "what answers for %s cannot prove that it is (%s): a network that asks to log in does that, and a "
                 "clock that is wrong",
                 host, error->message);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_set_error (dest, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED, "%s has not answered for %d seconds", host,
                 TIMEOUT_SECONDS);
  else
    g_set_error (dest, STEER_HUB_ERROR, STEER_HUB_ERROR_FAILED, "could not reach %s: %s", host, error->message);
  g_error_free (error);
}

/* --- one request --- */

static gboolean
is_endpoint (SteerHubClient *client, GUri *uri)
{
  return strcmp (g_uri_get_scheme (client->uri), g_uri_get_scheme (uri)) == 0
         && g_ascii_strcasecmp (g_uri_get_host (client->uri), g_uri_get_host (uri)) == 0
         && g_uri_get_port (client->uri) == g_uri_get_port (uri);
}

/* Where a redirect leads; NULL with an error where it must not. */
static GUri *
follow (GUri *from, SoupMessage *message, GError **error)
{
  const char *location = soup_message_headers_get_one (soup_message_get_response_headers (message), "Location");
  g_autoptr (GUri) uri = location != NULL ? g_uri_parse_relative (from, location, SOUP_HTTP_URI_FLAGS, NULL) : NULL;
  const char *scheme = uri != NULL ? g_uri_get_scheme (uri) : "";

  if (uri != NULL && g_uri_get_host (uri) != NULL && *g_uri_get_host (uri) != '\0'
      && (strcmp (scheme, "https") == 0
          || (strcmp (scheme, "http") == 0 && strcmp (g_uri_get_scheme (from), "http") == 0)))
    return g_steal_pointer (&uri);
  if (location == NULL)
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "%s leads elsewhere, and does not say where",
                 g_uri_get_host (from));
  else
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
                 "%s leads to \"%s\", where nothing is fetched from: only from addresses of https",
                 g_uri_get_host (from), location);
  return NULL;
}

static SoupMessage *
make_message (SteerHubClient *client, GUri *uri, guint64 offset)
{
  SoupMessage *message = soup_message_new_from_uri (SOUP_METHOD_GET, uri);
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  /* Sizes, offsets and sums are those of the plain content. */
  soup_message_headers_replace (headers, "Accept-Encoding", "identity");
  if (client->token != NULL && is_endpoint (client, uri))
    {
      g_autofree char *value = g_strconcat ("Bearer ", client->token, NULL);

      soup_message_headers_replace (headers, "Authorization", value);
    }
  if (offset > 0)
    soup_message_headers_set_range (headers, (goffset) offset, -1);
  return message;
}

/* The Hub's own header is `ratelimit: "api";r=0;t=55`: none are left, for 55 seconds. */
static guint
get_wait (SoupMessage *message)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  const char *text = soup_message_headers_get_one (headers, "Retry-After");
  const char *limit = soup_message_headers_get_list (headers, "RateLimit");
  const char *seconds = limit != NULL && strstr (limit, "r=0") != NULL ? strstr (limit, "t=") : NULL;

  if (text == NULL)
    text = seconds != NULL ? seconds + 2 : "0";
  return (guint) MIN (g_ascii_strtoull (text, NULL, 10), MAX_WAIT_SECONDS);
}

/* What the Hub itself means by a status that has no code of its own. */
static void
set_plain_error (SteerHubClient *client, SoupMessage *message, const char *repo_id, const char *host, GError **error)
{
  guint status = soup_message_get_status (message);
  const char *why = soup_message_headers_get_one (soup_message_get_response_headers (message), "X-Error-Message");
  gboolean is_refused = status == SOUP_STATUS_UNAUTHORIZED || status == SOUP_STATUS_FORBIDDEN;

  if (is_refused && why != NULL && strstr (why, "Invalid credentials") != NULL)
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_FORBIDDEN,
                 "%s does not know the token (any more): make another one, or take it away (the variable HF_TOKEN, or "
                 "`hf auth logout`)",
                 host);
  else if (is_refused && why != NULL && strstr (why, "disabled") != NULL)
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_FORBIDDEN, "%s has been disabled on %s",
                 repo_id != NULL ? repo_id : "it", host);
  else if (repo_id != NULL && (status == SOUP_STATUS_NOT_FOUND || status == SOUP_STATUS_UNAUTHORIZED))
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND, "%s has no repository %s, or it is private%s", host,
                 repo_id, client->token != NULL ? " and the token may not see it" : "");
  else if (is_refused)
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_FORBIDDEN, "%s refuses%s%s: is the token still good?", host,
                 repo_id != NULL ? " " : "", repo_id != NULL ? repo_id : "");
  else
    g_set_error (error, STEER_HUB_ERROR,
                 status == SOUP_STATUS_NOT_FOUND ? STEER_HUB_ERROR_NOT_FOUND
                 : status >= 500                 ? STEER_HUB_ERROR_FAILED
                                                 : STEER_HUB_ERROR_INVALID,
                 "%s answered with status %u (%s)", host, status, soup_status_get_phrase (status));
}

/* What @message's status means, of the Hub or of a host that it led to. */
static void
set_status_error (SteerHubClient *client, SoupMessage *message, const char *repo_id, guint wait, GError **error)
{
  GUri *uri = soup_message_get_uri (message);
  const char *host = g_uri_get_host (uri);
  guint status = soup_message_get_status (message);
  const char *code = soup_message_headers_get_one (soup_message_get_response_headers (message), "X-Error-Code");
  g_autofree char *page = repo_id != NULL ? steer_hub_client_dup_page (client, repo_id) : NULL;
  gboolean is_hub = is_endpoint (client, uri);

  if (repo_id == NULL || !is_hub)
    code = NULL;
  if (status == STATUS_TOO_MANY_REQUESTS)
    {
      g_autofree char *time = wait > 0 ? g_strdup_printf (" %u seconds", wait) : g_strdup ("");

      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_BUSY, "%s asks to wait%s: too many requests came from here",
                   host, time);
    }
  else if (g_strcmp0 (code, "GatedRepo") == 0)
    g_set_error (
      error, STEER_HUB_ERROR, STEER_HUB_ERROR_FORBIDDEN,
      "%s is only for those who accepted its terms: accept them at %s%s", repo_id, page,
      client->token == NULL ? ", and let a token tell who you are (the variable HF_TOKEN, or `hf auth login`)" : "");
  else if (g_strcmp0 (code, "RevisionNotFound") == 0)
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND, "%s has no such revision", repo_id);
  else if (g_strcmp0 (code, "EntryNotFound") == 0)
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_NOT_FOUND, "%s has not that file any more", repo_id);
  else if (is_hub)
    set_plain_error (client, message, repo_id, host, error);
  else
    g_set_error (error, STEER_HUB_ERROR, status >= 500 ? STEER_HUB_ERROR_FAILED : STEER_HUB_ERROR_INVALID,
                 "%s, where the files are, answered with status %u (%s)", host, status,
                 soup_status_get_phrase (status));
}

/* FALSE where the part of the whole that comes is another than the one that was asked for. */
static gboolean
check_range (SteerHubClient *client, SoupMessage *message, SteerHubAnswer *answer, guint64 offset, GError **error)
{
  goffset start, end, total;

  answer->offset = 0;
  if (soup_message_get_status (message) != SOUP_STATUS_PARTIAL_CONTENT)
    return TRUE;
  if (soup_message_headers_get_content_range (soup_message_get_response_headers (message), &start, &end, &total)
      && start >= 0 && (guint64) start == offset)
    {
      answer->offset = offset;
      return TRUE;
    }
  g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "%s sent another part of a file than was asked for",
               g_uri_get_host (client->uri));
  return FALSE;
}

gboolean
steer_hub_http_open (SteerHubClient *client,
                     SoupSession *session,
                     const char *path,
                     const char *repo_id,
                     guint64 offset,
                     SteerHubAnswer *answer,
                     guint *wait,
                     GCancellable *cancellable,
                     GError **error)
{
  g_autofree char *text = g_strconcat (client->endpoint, path, NULL);
  g_autoptr (GUri) uri = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, error);

  *wait = 0;
  if (steer_hub_is_offline ())
    {
      g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
                   "nothing is fetched: the variable HF_HUB_OFFLINE says that there is no connection");
      return FALSE;
    }
  for (guint i = 0; uri != NULL && i <= MAX_REDIRECTS; i++)
    {
      g_autoptr (SoupMessage) message = make_message (client, uri, offset);
      g_autoptr (GError) local_error = NULL;
      g_autoptr (GUri) next = NULL;
      g_autoptr (GInputStream) body = soup_session_send (session, message, cancellable, &local_error);
      guint status = soup_message_get_status (message);

      if (body == NULL)
        {
          steer_hub_http_propagate (g_uri_get_host (uri), error, g_steal_pointer (&local_error));
          return FALSE;
        }
      if (status == SOUP_STATUS_OK || status == SOUP_STATUS_PARTIAL_CONTENT)
        {
          if (!check_range (client, message, answer, offset, error))
            return FALSE;
          answer->body = g_steal_pointer (&body);
          answer->host = g_strdup (g_uri_get_host (uri));
          answer->is_redirected = i > 0;
          return TRUE;
        }
      if (status == SOUP_STATUS_REQUESTED_RANGE_NOT_SATISFIABLE && offset > 0)
        {
          answer->is_beyond = TRUE;
          answer->host = g_strdup (g_uri_get_host (uri));
          return TRUE;
        }
      if (!SOUP_STATUS_IS_REDIRECTION (status))
        {
          *wait = get_wait (message);
          set_status_error (client, message, repo_id, *wait, error);
          return FALSE;
        }
      next = follow (uri, message, error);
      g_clear_pointer (&uri, g_uri_unref);
      uri = g_steal_pointer (&next);
    }
  if (uri != NULL)
    g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID, "%s leads in a circle", g_uri_get_host (client->uri));
  return FALSE;
}

GBytes *
steer_hub_http_read (SteerHubClient *client,
                     SoupSession *session,
                     const char *path,
                     const char *repo_id,
                     gsize max,
                     gboolean *is_redirected,
                     GCancellable *cancellable,
                     GError **error)
{
  g_auto (SteerHubAnswer) answer = { 0 };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) local_error = NULL;
  guint8 part[16384];
  gssize n;
  guint wait;

  if (!steer_hub_http_open (client, session, path, repo_id, 0, &answer, &wait, cancellable, error))
    return NULL;
  while ((n = g_input_stream_read (answer.body, part, sizeof part, cancellable, &local_error)) > 0)
    {
      if (bytes->len + (gsize) n > max)
        {
          g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
                       "the answer of %s is larger than %" G_GSIZE_FORMAT " bytes", g_uri_get_host (client->uri), max);
          return NULL;
        }
      g_byte_array_append (bytes, part, (guint) n);
    }
  if (n < 0)
    {
      steer_hub_http_propagate (answer.host, error, g_steal_pointer (&local_error));
      return NULL;
    }
  if (is_redirected != NULL)
    *is_redirected = answer.is_redirected;
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}
