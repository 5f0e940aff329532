#include "server-test-util.h"

#include <string.h>

#include "cpu/steer-cpu.h"
#include "steering/steer-vector-source-open.h"
#include "test-util.h"

void
server_test_on_result (GObject *object, GAsyncResult *result, gpointer data)
{
  ((ServerTest *) data)->result = g_object_ref (result);
}

static gboolean
has_result (gpointer data)
{
  return ((ServerTest *) data)->result != NULL;
}

GAsyncResult *
server_test_wait (ServerTest *f)
{
  test_wait_until (has_result, f, 60);
  return g_steal_pointer (&f->result);
}

static void
load (ServerTest *f, gboolean thinks)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  SteerLoadOptions options;

  steer_load_options_init (&options, model);
  options.device = "cpu";
  options.context.n_context = 2048;
  options.template = thinks ? "deepseek" : NULL;
  steer_engine_load_async (f->engine, &options, NULL, server_test_on_result, f);
  result = server_test_wait (f);
  steer_engine_load_finish (f->engine, result, &error);
  g_assert_no_error (error);
}

static char **
list_presets (void)
{
  static const char *const names[] = { "Letters", NULL };

  return g_strdupv ((char **) names);
}

static SteerPreset *
open_preset (const char *name, GError **error)
{
  g_autofree char *path = test_fixture_path ("cli/calm.yaml");

  if (g_str_equal (name, "Letters"))
    return steer_preset_new_from_file (path, error);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "there is no preset \"%s\"", name);
  return NULL;
}

void
server_test_set_up (ServerTest *f, gconstpointer data)
{
  static const char *const origins[] = { "https://friend.example", NULL };
  g_autofree char *vectors = test_fixture_path ("cli/vectors.safetensors");
  g_autoptr (SteerVectorSource) source = steer_vector_source_open (vectors, NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;

  f->engine = steer_engine_new ();
  f->library = steer_library_new ();
  steer_library_add (f->library, source);
  f->slow = slow_source_new (source);
  steer_library_add (f->library, STEER_VECTOR_SOURCE (f->slow));
  f->preset = steer_preset_new ();
  if (g_strcmp0 (data, "without a model") != 0)
    load (f, g_strcmp0 (data, "with thoughts") == 0);
  f->server = steer_server_new (&(SteerServerOptions){ .engine = f->engine,
                                                       .library = f->library,
                                                       .preset = f->preset,
                                                       .list_presets = list_presets,
                                                       .open_preset = open_preset,
                                                       .token = g_strcmp0 (data, "with a token") == 0 ? TOKEN : NULL,
                                                       .origins = origins });
  steer_server_listen (f->server, "127.0.0.1", 0, &error);
  g_assert_no_error (error);
  f->base = steer_server_dup_uri (f->server);
  f->base[strlen (f->base) - 1] = '\0';
  f->session = soup_session_new_with_options ("max-conns", 200, "max-conns-per-host", 200, NULL);
}

void
server_test_tear_down (ServerTest *f, gconstpointer data)
{
  if (f->server != NULL)
    {
      steer_server_stop (f->server);
      g_object_add_weak_pointer (G_OBJECT (f->server), (gpointer *) &f->server);
      g_object_unref (f->server);
    }
  soup_session_abort (f->session);
  g_object_unref (f->session);
  for (guint i = 0; i < 3000 && f->server != NULL; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_usleep (1000);
    }
  g_assert_null (f->server);
  g_object_unref (f->preset);
  g_object_unref (f->library);
  g_object_unref (f->slow);
  g_object_unref (f->engine);
  g_free (f->base);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

SoupMessage *
server_test_make_message (ServerTest *f, const char *method, const char *path, const char *body)
{
  g_autofree char *uri = g_strconcat (f->base, path, NULL);
  SoupMessage *message = soup_message_new (method, uri);

  if (body != NULL)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (body, strlen (body));

      soup_message_set_request_body_from_bytes (message, "application/json", bytes);
    }
  return message;
}

/* The whole answer, NUL-terminated. Free with g_free(). */
char *
server_test_send (ServerTest *f, SoupMessage *message)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  soup_session_send_and_read_async (f->session, message, G_PRIORITY_DEFAULT, NULL, server_test_on_result, f);
  result = server_test_wait (f);
  bytes = soup_session_send_and_read_finish (f->session, result, &error);
  g_assert_no_error (error);
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

JsonObject *
server_test_parse (const char *text)
{
  g_autoptr (JsonNode) node = json_from_string (text, NULL);

  g_assert_true (node != NULL && JSON_NODE_HOLDS_OBJECT (node));
  return json_object_ref (json_node_get_object (node));
}

/* @status: expected. (transfer full) */
JsonObject *
server_test_ask (ServerTest *f, const char *method, const char *path, const char *body, guint status)
{
  g_autoptr (SoupMessage) message = server_test_make_message (f, method, path, body);
  g_autofree char *text = server_test_send (f, message);

  if (soup_message_get_status (message) != status)
    g_error ("%s %s: status %u: %s", method, path, soup_message_get_status (message), text);
  return server_test_parse (text);
}

gboolean
server_test_is_idle (gpointer data)
{
  return steer_engine_get_state (((ServerTest *) data)->engine) == STEER_ENGINE_READY;
}

const char *
server_test_get_error (JsonObject *object)
{
  return json_object_get_string_member (json_object_get_object_member (object, "error"), "message");
}

const char *
server_test_get_content (JsonObject *reply)
{
  JsonObject *choice = json_array_get_object_element (json_object_get_array_member (reply, "choices"), 0);

  return json_object_get_string_member (json_object_get_object_member (choice, "message"), "content");
}

GPtrArray *
server_test_split_events (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "\n\n", -1);
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) json_object_unref);
  gboolean done = FALSE;

  for (guint i = 0; parts[i] != NULL && *parts[i] != '\0'; i++)
    {
      g_assert_false (done);
      if (*parts[i] == ':')
        continue;
      g_assert_true (g_str_has_prefix (parts[i], "data: "));
      done = g_str_equal (parts[i] + 6, "[DONE]");
      if (!done)
        g_ptr_array_add (events, server_test_parse (parts[i] + 6));
    }
  g_assert_true (done);
  return events;
}

char *
server_test_join (GPtrArray *events, const char *name)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < events->len; i++)
    {
      JsonArray *choices = json_object_get_array_member (g_ptr_array_index (events, i), "choices");
      JsonObject *piece = json_array_get_length (choices) > 0 ? json_array_get_object_element (choices, 0) : NULL;

      if (piece != NULL && json_object_has_member (piece, "delta"))
        piece = json_object_get_object_member (piece, "delta");
      if (piece != NULL && json_object_has_member (piece, name))
        g_string_append (text, json_object_get_string_member (piece, name));
    }
  return g_string_free (text, FALSE);
}

static void
on_read (GObject *object, GAsyncResult *result, gpointer data)
{
  ServerTestStream *self = data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (object), result, NULL);

  self->ended = n <= 0;
  if (self->ended)
    return;
  g_string_append_len (self->text, self->buffer, n);
  g_input_stream_read_async (self->input, self->buffer, sizeof self->buffer, 0, NULL, on_read, self);
}

void
server_test_stream_begin (ServerTestStream *self, ServerTest *f, const char *body)
{
  g_autoptr (SoupMessage) message = server_test_make_message (f, "POST", "/v1/chat/completions", body);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  soup_session_send_async (f->session, message, G_PRIORITY_DEFAULT, NULL, server_test_on_result, f);
  result = server_test_wait (f);
  *self = (ServerTestStream){ .f = f,
                              .input = soup_session_send_finish (f->session, result, &error),
                              .text = g_string_new (NULL) };
  g_assert_no_error (error);
  g_assert_cmpuint (soup_message_get_status (message), ==, 200);
  g_input_stream_read_async (self->input, self->buffer, sizeof self->buffer, 0, NULL, on_read, self);
}

gboolean
server_test_stream_has_text (gpointer data)
{
  return ((ServerTestStream *) data)->text->len > 0;
}

gboolean
server_test_stream_has_ended (gpointer data)
{
  return ((ServerTestStream *) data)->ended;
}

void
server_test_stream_end (ServerTestStream *self)
{
  test_wait_until (server_test_stream_has_ended, self, 60);
  g_object_unref (self->input);
}

static void
on_answered (GObject *object, GAsyncResult *result, gpointer data)
{
  ServerTestCall *self = data;

  self->bytes = soup_session_send_and_read_finish (SOUP_SESSION (object), result, NULL);
  self->answered = TRUE;
}

ServerTestCall *
server_test_call (ServerTest *f, const char *method, const char *path, const char *body)
{
  ServerTestCall *self = g_new0 (ServerTestCall, 1);

  self->message = server_test_make_message (f, method, path, body);
  soup_session_send_and_read_async (f->session, self->message, G_PRIORITY_DEFAULT, NULL, on_answered, self);
  return self;
}

gboolean
server_test_call_is_answered (gpointer data)
{
  return ((ServerTestCall *) data)->answered;
}

JsonObject *
server_test_call_end (ServerTestCall *self, guint status)
{
  JsonObject *object = NULL;

  test_wait_until (server_test_call_is_answered, self, 60);
  if (self->bytes != NULL)
    {
      g_autofree char *text = g_strndup (g_bytes_get_data (self->bytes, NULL), g_bytes_get_size (self->bytes));

      if (soup_message_get_status (self->message) != status)
        g_error ("status %u: %s", soup_message_get_status (self->message), text);
      object = server_test_parse (text);
    }
  g_assert_true ((object == NULL) == (status == 0));
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_object_unref (self->message);
  g_free (self);
  return object;
}
