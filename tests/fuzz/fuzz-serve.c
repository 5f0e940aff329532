/* The body of a request to the server: for a reply of either kind, and for other steering. What is accepted is a
 * request that an engine can be given, or a preset that can be written. */
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

/* What steers, with the features that the seeds name. */
static SteerPreset *
make_preset (void)
{
  SteerPreset *preset = steer_preset_new ();

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (SteerFeature) feature = steer_feature_new (2, 97);

      steer_preset_append (preset, feature);
    }
  return preset;
}

static void
read_steering (JsonObject *body, gboolean patch)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerServerWish) wish = steer_server_wish_new (body, patch, NULL, &error);
  g_autoptr (SteerPreset) preset = make_preset ();
  g_autoptr (SteerPreset) before = steer_preset_copy (preset);
  g_autofree char *yaml = NULL;
  gboolean applied;

  check_told (wish != NULL, error);
  if (wish == NULL)
    return;
  applied = steer_server_wish_apply (wish, preset, &error);
  check_told (applied, error);
  fuzz_accepted |= applied;
  g_assert_true (applied || steer_preset_equal (preset, before));
  yaml = steer_preset_to_yaml (preset);
  g_assert_true (g_utf8_validate (yaml, -1, NULL));
  g_assert_true (!applied || wish->kind != STEER_SERVER_WISH_CHANGE || steer_server_wish_covers (wish, wish));
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
  read_steering (body, FALSE);
  read_steering (body, TRUE);
  return 0;
}
