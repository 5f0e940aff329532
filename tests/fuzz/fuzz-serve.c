/* The body of a request to the server: for a reply of either kind, and for other steering. What is accepted is a request
 * that an engine can be given, or a preset that can be written. */
#include "fuzz.h"

#include "serve/steer-server-private.h"

/* One for all inputs: it has no model, and what is read changes nothing of it. */
static SteerServer *
get_server (void)
{
  static SteerServer *server;
  g_autoptr (SteerEngine) engine = NULL;
  g_autoptr (SteerLibrary) library = NULL;
  g_autoptr (SteerPreset) preset = NULL;

  if (server != NULL)
    return server;
  engine = steer_engine_new ();
  library = steer_library_new ();
  preset = steer_preset_new ();
  server = steer_server_new (&(SteerServerOptions){ .engine = engine, .library = library, .preset = preset });
  return server;
}

static void
check_told (gboolean accepted, GError *error)
{
  g_assert_true (accepted == (error == NULL));
  g_assert_true (error == NULL || g_utf8_validate (error->message, -1, NULL));
}

static void
read_request (JsonObject *body, gboolean chat)
{
  g_auto (SteerServerAsk) ask = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean accepted = steer_server_ask_read (&ask, get_server (), body, chat, &error);

  check_told (accepted, error);
  fuzz_accepted |= accepted;
}

static void
read_steering (JsonObject *body)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPreset) preset = steer_server_make_preset (get_server (), body, &error);
  g_autofree char *yaml = preset != NULL ? steer_preset_to_yaml (preset) : NULL;

  check_told (preset != NULL, error);
  fuzz_accepted |= preset != NULL;
  g_assert_true (yaml == NULL || g_utf8_validate (yaml, -1, NULL));
}

int
fuzz_one_input (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) body = steer_server_parse_body ((const char *) data, size, &error);

  check_told (body != NULL, error);
  fuzz_accepted = FALSE;
  if (body == NULL)
    return 0;
  read_request (body, TRUE);
  read_request (body, FALSE);
  read_steering (body);
  return 0;
}
