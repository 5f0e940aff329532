/* Replies, as a stream of events or in one piece. */
#include "steer-server-private.h"

#include "chat/steer-message.h"

/* One reply and the connection that waits for it; ends with whichever ends first, and with the server. */
typedef struct
{
  SteerServer *server; /* borrowed */
  SoupServerMessage *message;
  SteerRequest *request;
  SteerServerReading *reading; /* (nullable): of vectors, before there is a reply */
  SteerReply *reply;           /* nullable */
  gboolean chat;
  gboolean streams;
  gboolean include_usage;
  SteerServerStream stream; /* zero where it does not */
  gboolean has_role;        /* the stream's first event is sent */
  SteerServerWatch *watch;  /* nullable */
  char *id;
  char *model; /* nullable */
  gint64 created;
  SteerPlan *plan; /* (nullable): of the tokens that were told last */
  gboolean has_plan;
  GString *text;          /* of the whole reply */
  SteerServerParts parts; /* of a chat's text */
  JsonArray *steering;    /* the same: what held from which token on */
} Exchange;

static void
exchange_free (Exchange *self)
{
  g_ptr_array_remove_fast (self->server->exchanges, self);
  g_signal_handlers_disconnect_by_data (self->message, self);
  if (self->reading != NULL)
    steer_server_reading_forget (self->reading);
  if (self->reply != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->reply, self);
      steer_reply_stop (self->reply);
      g_object_unref (self->reply);
    }
  steer_server_stream_clear (&self->stream);
  g_clear_pointer (&self->watch, steer_server_watch_free);
  steer_request_unref (self->request);
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

/* "content" is there where there is nothing else, too: clients look for it. */
static JsonObject *
make_delta (Exchange *self, const GString *thought, const GString *answer)
{
  JsonObject *delta = json_object_new ();

  if (!self->has_role)
    json_object_set_string_member (delta, "role", "assistant");
  self->has_role = TRUE;
  if (thought->len > 0)
    json_object_set_string_member (delta, "reasoning_content", thought->str);
  if (answer->len > 0 || thought->len == 0)
    json_object_set_string_member (delta, "content", answer->str);
  return delta;
}

/* @steering: (nullable) (transfer full) */
static void
send_text (Exchange *self, const char *text, gboolean complete, JsonObject *steering)
{
  g_autoptr (GString) thought = g_string_new (NULL);
  g_autoptr (GString) content = g_string_new (NULL);
  JsonObject *answer, *delta = NULL;

  if (self->chat)
    steer_server_parts_read (&self->parts, self->text, complete, thought, content);
  if (complete && thought->len == 0 && content->len == 0)
    return;
  answer = make_answer (self, "chat.completion.chunk", "text_completion");
  if (self->chat)
    delta = make_delta (self, thought, content);
  add_choice (self, answer, "delta", delta, text, NULL);
  if (steering != NULL)
    json_object_set_object_member (answer, "steering", steering);
  steer_server_stream_send_object (&self->stream, answer);
}

static void
on_chunk (SteerReply *reply, const SteerChunk *chunk, Exchange *self)
{
  JsonObject *steering = take_steering (self, chunk->plan, chunk->first_token);
  const char *text = append_text (self, chunk);

  if (!self->streams)
    {
      g_clear_pointer (&steering, json_object_unref);
      return;
    }
  send_text (self, text, FALSE, steering);
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
  SteerServerStream *stream = &self->stream;

  send_text (self, "", TRUE, NULL);
  if (error != NULL)
    {
      g_autoptr (JsonNode) node = steer_server_describe_error (error);
      g_autofree char *text = json_to_string (node, FALSE);

      steer_server_stream_send (stream, text);
    }
  else
    {
      JsonObject *answer = make_answer (self, "chat.completion.chunk", "text_completion");

      add_choice (self, answer, "delta", self->chat ? json_object_new () : NULL, "", get_finish_reason (self->reply));
      steer_server_stream_send_object (stream, answer);
    }
  if (error == NULL && self->include_usage)
    {
      JsonObject *answer = make_answer (self, "chat.completion.chunk", "text_completion");

      json_object_set_array_member (answer, "choices", json_array_new ());
      add_usage (self, answer);
      steer_server_stream_send_object (stream, answer);
    }
  steer_server_stream_end (stream);
}

static JsonObject *
make_message (Exchange *self)
{
  g_autoptr (GString) thought = g_string_new (NULL);
  g_autoptr (GString) content = g_string_new (NULL);
  JsonObject *message = json_object_new ();

  steer_server_parts_read (&self->parts, self->text, TRUE, thought, content);
  json_object_set_string_member (message, "role", "assistant");
  if (thought->len > 0)
    json_object_set_string_member (message, "reasoning_content", thought->str);
  json_object_set_string_member (message, "content", content->str);
  return message;
}

static void
answer_whole (Exchange *self)
{
  JsonObject *answer = make_answer (self, "chat.completion", "text_completion");
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);

  add_choice (self, answer, "message", self->chat ? make_message (self) : NULL, self->text->str,
              get_finish_reason (self->reply));
  add_usage (self, answer);
  json_object_set_array_member (answer, "steering", json_array_ref (self->steering));
  json_node_take_object (node, answer);
  steer_server_answer (self->message, node);
}

/* @error: (nullable) */
static void
end (Exchange *self, const GError *error)
{
  if (self->streams && (self->stream.begun || error == NULL))
    end_stream (self, error);
  else if (error != NULL)
    steer_server_answer_error (self->message, error);
  else
    answer_whole (self);
  steer_server_stream_clear (&self->stream);
  soup_server_message_unpause (self->message);
}

/* Half of a reply is none: somebody else stopped it, or a client that has closed its side still reads. */
static void
end_stopped (Exchange *self)
{
  g_autoptr (GError) error
    = g_error_new_literal (STEER_SERVER_ERROR, STEER_SERVER_ERROR_FAILED, "the reply was stopped");

  end (self, error);
}

static void
on_replied (SteerReply *reply, Exchange *self)
{
  if (steer_reply_get_stop_reason (reply) == STEER_STOP_CANCELLED)
    end_stopped (self);
  else
    end (self, steer_reply_get_error (reply));
}

static void
begin_reply (Exchange *self)
{
  self->reply = steer_engine_reply (self->server->engine, self->request);
  g_signal_connect (self->reply, "chunk", G_CALLBACK (on_chunk), self);
  g_signal_connect (self->reply, "finished", G_CALLBACK (on_replied), self);
}

static void
on_vectors_read (gpointer data, SteerPlan *plan, const GError *error)
{
  Exchange *self = data;

  self->reading = NULL;
  if (plan == NULL)
    {
      end (self, error);
      return;
    }
  steer_request_schedule_plan (self->request, 0, plan);
  begin_reply (self);
}

/* The client is gone. */
static void
stop (gpointer data)
{
  Exchange *self = data;

  if (self->reply != NULL)
    {
      steer_reply_stop (self->reply);
      return;
    }
  if (self->reading == NULL)
    return;
  steer_server_reading_forget (g_steal_pointer (&self->reading));
  end_stopped (self);
}

void
steer_server_end_replies (SteerServer *self)
{
  while (self->exchanges->len > 0)
    exchange_free (g_ptr_array_index (self->exchanges, 0));
}

static Exchange *
exchange_new (SteerServer *server, SoupServerMessage *message, const SteerServerAsk *ask, gboolean chat)
{
  Exchange *self = g_new0 (Exchange, 1);

  self->server = server;
  self->message = g_object_ref (message);
  self->request = steer_request_ref (ask->request);
  self->chat = chat;
  self->streams = ask->stream;
  self->include_usage = ask->include_usage;
  self->id = g_strdup_printf ("%s-%" G_GUINT64_FORMAT, chat ? "chatcmpl" : "cmpl", ++server->n_answers);
  self->created = g_get_real_time () / G_USEC_PER_SEC;
  self->steering = json_array_new ();
  self->text = g_string_new (NULL);
  self->model = steer_server_dup_model_name (server);
  if (self->streams)
    steer_server_stream_init (&self->stream, message, server->keep_alive);
  g_ptr_array_add (server->exchanges, self);
  /* One that is cut off is not always finished. */
  g_signal_connect_swapped (message, "finished", G_CALLBACK (exchange_free), self);
  g_signal_connect_swapped (message, "disconnected", G_CALLBACK (exchange_free), self);
  return self;
}

void
steer_server_serve_completion (SteerServer *self, SoupServerMessage *message, gboolean chat)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) body = NULL;
  g_autoptr (SteerPlan) plan = NULL;
  g_auto (SteerServerAsk) ask = { 0 };
  gboolean reads;
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
  reads = ask.is_steered && steer_preset_plan_would_read (ask.preset, self->library);
  if (ask.is_steered && !reads)
    {
      plan = steer_server_make_plan (self, ask.preset, &error);
      if (plan == NULL)
        {
          steer_server_answer_error (message, error);
          return;
        }
      steer_request_schedule_plan (ask.request, 0, plan);
    }
  exchange = exchange_new (self, message, &ask, chat);
  if (reads)
    exchange->reading = steer_server_read_vectors (self, ask.preset, on_vectors_read, exchange);
  else
    begin_reply (exchange);
  if (self->door != NULL)
    exchange->watch = steer_server_door_watch (self->door, message, stop, exchange);
  soup_server_message_pause (message);
}
