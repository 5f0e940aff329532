/* Server-sent events. */
#include "steer-server-private.h"

#include <string.h>

static void
append (SteerServerStream *self, char *text)
{
  soup_message_body_append (soup_server_message_get_response_body (self->message), SOUP_MEMORY_TAKE, text,
                            strlen (text));
  self->quiet = FALSE;
}

void
steer_server_stream_begin (SteerServerStream *self)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (self->message);

  if (self->begun)
    return;
  self->begun = TRUE;
  soup_server_message_set_status (self->message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_content_type (headers, "text/event-stream", NULL);
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_replace (headers, "X-Accel-Buffering", "no");
  soup_message_headers_set_encoding (headers, soup_server_message_get_http_version (self->message) == SOUP_HTTP_1_0
                                                ? SOUP_ENCODING_EOF
                                                : SOUP_ENCODING_CHUNKED);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (self->message), FALSE);
}

/* A line that begins with a colon is a comment, which clients ignore and proxies count as life. */
static gboolean
on_interval (gpointer data)
{
  SteerServerStream *self = data;

  if (self->quiet)
    {
      steer_server_stream_begin (self);
      append (self, g_strdup (": keep-alive\n\n"));
      soup_server_message_unpause (self->message);
    }
  self->quiet = TRUE;
  return G_SOURCE_CONTINUE;
}

void
steer_server_stream_init (SteerServerStream *self, SoupServerMessage *message, guint interval)
{
  *self = (SteerServerStream){ .message = message, .quiet = TRUE };
  self->interval = g_timeout_source_new (interval);
  g_source_set_callback (self->interval, on_interval, self, NULL);
  g_source_attach (self->interval, g_main_context_get_thread_default ());
}

void
steer_server_stream_clear (SteerServerStream *self)
{
  if (self->interval != NULL)
    g_source_destroy (self->interval);
  g_clear_pointer (&self->interval, g_source_unref);
}

void
steer_server_stream_send (SteerServerStream *self, const char *data)
{
  steer_server_stream_begin (self);
  append (self, g_strconcat ("data: ", data, "\n\n", NULL));
}

void
steer_server_stream_send_object (SteerServerStream *self, JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *text = NULL;

  json_node_take_object (node, object);
  text = json_to_string (node, FALSE);
  steer_server_stream_send (self, text);
}

void
steer_server_stream_end (SteerServerStream *self)
{
  steer_server_stream_send (self, "[DONE]");
  soup_message_body_complete (soup_server_message_get_response_body (self->message));
  steer_server_stream_clear (self);
}
