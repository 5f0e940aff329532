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
load (ServerTest *f)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  SteerLoadOptions options;

  steer_load_options_init (&options, model);
  options.device = "cpu";
  options.context.n_context = 2048;
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
  f->preset = steer_preset_new ();
  if (g_strcmp0 (data, "without a model") != 0)
    load (f);
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
  f->session = soup_session_new ();
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
