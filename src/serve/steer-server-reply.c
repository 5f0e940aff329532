/* Replies, as a stream of events or in one piece. */
#include "steer-server-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "chat/steer-message.h"

/* One reply and the connection that waits for it; ends with whichever ends first, and with the server. */
typedef struct
{
  SteerServer *server; /* borrowed */
  SoupServerMessage *message;
  SteerReply *reply;
  gboolean chat;
  gboolean stream;
  gboolean include_usage;
  gboolean begun;   /* the answer's head is sent */
  GSource *hang_up; /* (nullable): tells whether the client goes while nothing is read of it or written to it */
  char *id;
  char *model; /* nullable */
  gint64 created;
  SteerPlan *plan; /* (nullable): of the tokens that were told last */
  gboolean has_plan;
  GString *text;       /* of the whole reply */
  JsonArray *steering; /* the same: what held from which token on */
} Exchange;

static void
exchange_free (Exchange *self)
{
  g_ptr_array_remove_fast (self->server->exchanges, self);
  g_signal_handlers_disconnect_by_data (self->reply, self);
  g_signal_handlers_disconnect_by_data (self->message, self);
  if (self->hang_up != NULL)
    {
      g_source_destroy (self->hang_up);
      g_source_unref (self->hang_up);
    }
  steer_reply_stop (self->reply);
  g_object_unref (self->reply);
  g_object_unref (self->message);
  g_clear_pointer (&self->plan, steer_plan_unref);
  json_array_unref (self->steering);
  g_string_free (self->text, TRUE);
  g_free (self->id);
  g_free (self->model);
  g_free (self);
}

/* The members that an answer begins with. */
static JsonObject *
make_answer (Exchange *self, const char *chat, const char *text)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "id", self->id);
  json_object_set_string_member (object, "object", self->chat ? chat : text);
  json_object_set_int_member (object, "created", self->created);
  json_object_set_string_member (object, "model", self->model != NULL ? self->model : "");
  return object;
}

/* @content: (transfer full): "delta" or "message" of a chat; @text: of a completion. @reason: (nullable) */
static void
add_choice (Exchange *self,
            JsonObject *answer,
            const char *name,
            JsonObject *content,
            const char *text,
            const char *reason)
{
  JsonArray *choices = json_array_new ();
  JsonObject *choice = json_object_new ();

  json_object_set_int_member (choice, "index", 0);
  if (content != NULL)
    json_object_set_object_member (choice, name, content);
  else
    json_object_set_string_member (choice, "text", text);
  if (reason != NULL)
    json_object_set_string_member (choice, "finish_reason", reason);
  else
    json_object_set_null_member (choice, "finish_reason");
  json_array_add_object_element (choices, choice);
  json_object_set_array_member (answer, "choices", choices);
}

static void
add_usage (Exchange *self, JsonObject *answer)
{
  JsonObject *usage = json_object_new ();
  SteerReplyStats stats;

  steer_reply_get_stats (self->reply, &stats);
  json_object_set_int_member (usage, "prompt_tokens", stats.n_prompt_tokens);
  json_object_set_int_member (usage, "completion_tokens", stats.n_tokens);
  json_object_set_int_member (usage, "total_tokens", (gint64) stats.n_prompt_tokens + stats.n_tokens);
  json_object_set_object_member (answer, "usage", usage);
}

static void
send_event (Exchange *self, const char *data)
{
  SoupMessageBody *body = soup_server_message_get_response_body (self->message);
  char *text = g_strconcat ("data: ", data, "\n\n", NULL);

  soup_message_body_append (body, SOUP_MEMORY_TAKE, text, strlen (text));
}

/* @object: (transfer full) */
static void
send_object (Exchange *self, JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *text = NULL;

  json_node_take_object (node, object);
  text = json_to_string (node, FALSE);
  send_event (self, text);
}

static void
begin_stream (Exchange *self)
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

/* What holds from @first_token on, where that is news; else NULL. */
static JsonObject *
take_steering (Exchange *self, SteerPlan *plan, guint first_token)
{
  JsonObject *steering;
  g_autofree char *text = NULL;
  JsonNode *features;

  if (self->has_plan && steer_plan_equal (self->plan, plan))
    return NULL;
  self->has_plan = TRUE;
  g_clear_pointer (&self->plan, steer_plan_unref);
  self->plan = plan != NULL ? steer_plan_ref (plan) : NULL;
  text = plan != NULL ? steer_plan_describe (plan) : NULL;
  features = text != NULL ? json_from_string (text, NULL) : NULL;
  if (features == NULL)
    {
      features = json_node_new (JSON_NODE_ARRAY);
      json_node_take_array (features, json_array_new ());
    }
  steering = json_object_new ();
  json_object_set_int_member (steering, "from_token", first_token);
  json_object_set_member (steering, "features", features);
  json_array_add_object_element (self->steering, json_object_ref (steering));
  return steering;
}

/* What came of @chunk, at the end of the text. json-glib's strings end at a NUL, which a model can write; it becomes
 * U+FFFD. */
static const char *
append_text (Exchange *self, const SteerChunk *chunk)
{
  gsize start = self->text->len;

  for (gsize i = 0; i < chunk->length; i++)
    if (chunk->text[i] != '\0')
      g_string_append_c (self->text, chunk->text[i]);
    else
      g_string_append (self->text, "\357\277\275");
  return self->text->str + start;
}

static void
on_chunk (SteerReply *reply, const SteerChunk *chunk, Exchange *self)
{
  JsonObject *steering = take_steering (self, chunk->plan, chunk->first_token);
  JsonObject *answer, *delta = NULL;
  const char *text = append_text (self, chunk);
  gboolean first = !self->begun;

  if (!self->stream)
    {
      g_clear_pointer (&steering, json_object_unref);
      return;
    }
  begin_stream (self);
  answer = make_answer (self, "chat.completion.chunk", "text_completion");
  if (self->chat)
    {
      delta = json_object_new ();
      if (first)
        json_object_set_string_member (delta, "role", "assistant");
      json_object_set_string_member (delta, "content", text);
    }
  add_choice (self, answer, "delta", delta, text, NULL);
  if (steering != NULL)
    json_object_set_object_member (answer, "steering", steering);
  send_object (self, answer);
  soup_server_message_unpause (self->message);
}

static const char *
get_finish_reason (SteerReply *reply)
{
  SteerStopReason reason = steer_reply_get_stop_reason (reply);

  return reason == STEER_STOP_LENGTH || reason == STEER_STOP_CONTEXT ? "length" : "stop";
}

static void
end_stream (Exchange *self, const GError *error)
{
  begin_stream (self);
  if (error != NULL)
    {
      g_autoptr (JsonNode) node = steer_server_describe_error (error);
      g_autofree char *text = json_to_string (node, FALSE);

      send_event (self, text);
    }
  else
    {
      JsonObject *answer = make_answer (self, "chat.completion.chunk", "text_completion");

      add_choice (self, answer, "delta", self->chat ? json_object_new () : NULL, "", get_finish_reason (self->reply));
      send_object (self, answer);
    }
  if (error == NULL && self->include_usage)
    {
      JsonObject *answer = make_answer (self, "chat.completion.chunk", "text_completion");

      json_object_set_array_member (answer, "choices", json_array_new ());
      add_usage (self, answer);
      send_object (self, answer);
    }
  send_event (self, "[DONE]");
  soup_message_body_complete (soup_server_message_get_response_body (self->message));
}

static void
answer_whole (Exchange *self)
{
  JsonObject *answer = make_answer (self, "chat.completion", "text_completion");
  JsonObject *content = NULL;
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);

  if (self->chat)
    {
      content = json_object_new ();
      json_object_set_string_member (content, "role", "assistant");
      json_object_set_string_member (content, "content", self->text->str);
    }
  add_choice (self, answer, "message", content, self->text->str, get_finish_reason (self->reply));
  add_usage (self, answer);
  json_object_set_array_member (answer, "steering", json_array_ref (self->steering));
  json_node_take_object (node, answer);
  steer_server_answer (self->message, node);
}

static void
on_replied (SteerReply *reply, Exchange *self)
{
  const GError *error = steer_reply_get_error (reply);
  g_autoptr (GError) stopped = NULL;

  /* Half of a reply is none: somebody else stopped it, or a client that has closed its side still reads. */
  if (steer_reply_get_stop_reason (reply) == STEER_STOP_CANCELLED)
    error = stopped = g_error_new_literal (STEER_SERVER_ERROR, STEER_SERVER_ERROR_FAILED, "the reply was stopped");
  if (self->stream && (self->begun || error == NULL))
    end_stream (self, error);
  else if (error != NULL)
    steer_server_answer_error (self->message, error);
  else
    answer_whole (self);
  soup_server_message_unpause (self->message);
}

static void watch (Exchange *self, GSocket *socket, GIOCondition condition);

/* What can be read is the client's end, or more than it has asked by now: then only its end is waited for. */
static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  Exchange *self = data;
  char byte;
  gssize n = recv (g_socket_get_fd (socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
    return TRUE;
  if (n <= 0 || (condition & (G_IO_HUP | G_IO_ERR)) != 0)
    steer_reply_stop (self->reply);
  else
    watch (self, socket, G_IO_HUP | G_IO_ERR);
  return FALSE;
}

static void
watch (Exchange *self, GSocket *socket, GIOCondition condition)
{
  if (self->hang_up != NULL)
    g_source_unref (self->hang_up);
  self->hang_up = g_socket_create_source (socket, condition, NULL);
  g_source_set_callback (self->hang_up, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->hang_up, g_main_context_get_thread_default ());
}

/* libsoup does not look at the socket while an answer is waited for. */
static void
watch_socket (Exchange *self)
{
  GSocket *socket = self->server->door != NULL ? steer_server_door_find (self->server->door, self->message) : NULL;

  if (socket != NULL)
    watch (self, socket, G_IO_IN);
}

void
steer_server_end_replies (SteerServer *self)
{
  while (self->exchanges->len > 0)
    exchange_free (g_ptr_array_index (self->exchanges, 0));
}

void
steer_server_serve_completion (SteerServer *self, SoupServerMessage *message, gboolean chat)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) body = NULL;
  g_auto (SteerServerAsk) ask = { 0 };
  Exchange *exchange;

  if (self->exchanges->len >= STEER_SERVER_MAX_REPLIES)
    {
      error = g_error_new (STEER_SERVER_ERROR, STEER_SERVER_ERROR_BUSY, "%u replies are waiting: ask again later",
                           self->exchanges->len);
      steer_server_answer_error (message, error);
      return;
    }
  body = steer_server_read_body (message, &error);
  if (body == NULL || !steer_server_ask_read (&ask, self, body, chat, &error))
    {
      steer_server_answer_error (message, error);
      return;
    }
  exchange = g_new0 (Exchange, 1);
  exchange->server = self;
  exchange->message = g_object_ref (message);
  exchange->chat = chat;
  exchange->stream = ask.stream;
  exchange->include_usage = ask.include_usage;
  exchange->id = g_strdup_printf ("%s-%" G_GUINT64_FORMAT, chat ? "chatcmpl" : "cmpl", ++self->n_answers);
  exchange->created = g_get_real_time () / G_USEC_PER_SEC;
  exchange->steering = json_array_new ();
  exchange->text = g_string_new (NULL);
  exchange->model = steer_server_dup_model_name (self);
  exchange->reply = steer_engine_reply (self->engine, ask.request);
  g_ptr_array_add (self->exchanges, exchange);
  g_signal_connect (exchange->reply, "chunk", G_CALLBACK (on_chunk), exchange);
  g_signal_connect (exchange->reply, "finished", G_CALLBACK (on_replied), exchange);
  /* One that is cut off is not always finished. */
  g_signal_connect_swapped (message, "finished", G_CALLBACK (exchange_free), exchange);
  g_signal_connect_swapped (message, "disconnected", G_CALLBACK (exchange_free), exchange);
  watch_socket (exchange);
  soup_server_message_pause (message);
}
