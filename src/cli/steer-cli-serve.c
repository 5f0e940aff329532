/* `steer serve`: the model over HTTP, with its steering. */
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "serve/steer-server.h"
#include "steer-cli-engine.h"
#include "steer-cli-output.h"
#include "steer-cli-steering.h"

#define DEFAULT_PORT 8017

static SteerCliOptions options;
static char *host;
static char *port_text;
static char *token;
static char **origins;

static const GOptionEntry entries[] = {
  { "host", 0, 0, G_OPTION_ARG_FILENAME, &host, "The address to listen on; default: 127.0.0.1, this machine alone",
    "ADDRESS" },
  { "port", 0, 0, G_OPTION_ARG_FILENAME, &port_text, "Default: 8017; 0: any that is free", "N" },
  { "token", 0, 0, G_OPTION_ARG_FILENAME, &token,
    "Clients must present it; default: that of STEER_TOKEN, or none is needed", "TEXT" },
  { "allow-origin", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &origins, "Let web pages from there ask, too; repeatable",
    "https://HOST" },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "serve",
  .arguments = "[OPTION…]",
  .description
  = "Serves the model over HTTP until it is interrupted: OpenAI's chat completions for programs, with steering in the\n"
    "request, and a page for a browser, whose sliders act while a reply is written. The first line on standard output\n"
    "is the page's address. Without --host only this machine is served. Another address needs a token.",
  .examples = "  steer serve\n"
              "  steer serve --model DIR --vectors vectors.safetensors --preset demo.yaml --port 9000\n"
              "  STEER_TOKEN=secret steer serve --host 0.0.0.0",
  .groups = STEER_CLI_GROUP_STEERING | STEER_CLI_GROUP_SAMPLING | STEER_CLI_GROUP_MODEL | STEER_CLI_GROUP_DEVICE,
};

static gboolean
is_loopback (const char *name)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (name);

  return strcmp (name, "localhost") == 0 || (address != NULL && g_inet_address_get_is_loopback (address));
}

static gboolean
fail_usage (GError **error, const char *text)
{
  g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, text);
  return FALSE;
}

/* SCHEME://HOST[:PORT] in lower case, and nothing behind it. */
static gboolean
is_origin (const char *text)
{
  return g_regex_match_simple ("^https?://[a-z0-9.:\\[\\]-]+$", text, 0, 0);
}

static gboolean
read_task (guint64 *port, GError **error)
{
  *port = DEFAULT_PORT;
  if (port_text != NULL && !steer_cli_parse_uint (port_text, "--port", 0, G_MAXUINT16, port, error))
    return FALSE;
  if (host == NULL)
    host = g_strdup ("127.0.0.1");
  if (token == NULL)
    token = g_strdup (g_getenv ("STEER_TOKEN"));
  if (token != NULL && *token == '\0')
    return fail_usage (error, "the token is empty");
  for (const char *c = token; c != NULL && *c != '\0'; c++)
    if (!g_ascii_isgraph (*c))
      return fail_usage (error, "a token is letters, digits and signs of ASCII, without spaces");
  for (guint i = 0; origins != NULL && origins[i] != NULL; i++)
    if (!is_origin (origins[i]))
      return fail_usage (error, "--allow-origin takes an origin as browsers send it: https://host or http://host:port");
  if (token == NULL && !is_loopback (host))
    return fail_usage (error, "others can reach this address: set a token with --token or STEER_TOKEN");
  return TRUE;
}

/* By what the window calls them, which opens them, too. */
static char **
list_presets (void)
{
  char **names = steer_cli_list_presets ();

  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autoptr (SteerPreset) preset = steer_cli_open_known_preset (names[i], NULL);
      const char *shown = preset != NULL ? steer_preset_get_name (preset) : NULL;

      if (shown == NULL)
        continue;
      g_free (names[i]);
      names[i] = g_strdup (shown);
    }
  return names;
}

/* What the command line says holds for it, too. */
static SteerPreset *
open_preset (const char *name, GError **error)
{
  SteerPreset *preset = steer_cli_open_known_preset (name, error);

  if (preset != NULL)
    steer_cli_steering_apply_options (&options, preset);
  return preset;
}

static gboolean
on_signal (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_CONTINUE;
}

/* The token is in the part of the address that a browser keeps to itself; for a person alone, not for a log. */
static void
print_address (SteerServer *server)
{
  g_autofree char *uri = steer_server_dup_uri (server);
  gboolean told = token != NULL && isatty (STDOUT_FILENO);
  g_autofree char *escaped = told ? g_uri_escape_string (token, NULL, FALSE) : NULL;

  steer_cli_print ("%s%s%s\n", uri, told ? "#token=" : "", told ? escaped : "");
}

static gboolean
serve (SteerEngine *engine, SteerCliSteering *steering, gboolean bundled, guint port, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SteerServer) server
    = steer_server_new (&(SteerServerOptions){ .engine = engine,
                                               .model_name = bundled ? "Steer Demo" : NULL,
                                               .library = steering->library,
                                               .preset = steering->preset,
                                               .list_presets = list_presets,
                                               .open_preset = open_preset,
                                               .stop_strings = (const char *const *) options.stop,
                                               .token = token,
                                               .origins = (const char *const *) origins });
  guint interrupt, terminate;

  if (!steer_server_listen (server, host, port, error))
    {
      g_prefix_error (error, "cannot listen on %s, port %u (--host and --port name others): ", host, port);
      return FALSE;
    }
  print_address (server);
  steer_cli_note ("serving; Ctrl+C ends it\n");
  interrupt = g_unix_signal_add (SIGINT, on_signal, loop);
  terminate = g_unix_signal_add (SIGTERM, on_signal, loop);
  g_main_loop_run (loop);
  g_source_remove (interrupt);
  g_source_remove (terminate);
  steer_server_stop (server);
  return TRUE;
}

SteerCliStatus
steer_cli_serve (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_autoptr (SteerCliSteering) steering = NULL;
  g_autoptr (SteerEngine) engine = NULL;
  SteerCliStatus status;
  guint64 port;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (!read_task (&port, &error) || (model = steer_cli_options_dup_model (&options, &error)) == NULL
      || (steering = steer_cli_steering_new (&options, model, &error)) == NULL
      || (engine = steer_cli_engine_load (&options, model, &error)) == NULL
      || !steer_cli_steering_bind (steering, steer_engine_get_model (engine), &error)
      || !serve (engine, steering, options.model == NULL, (guint) port, &error))
    return steer_cli_fail (usage.name, error);
  steer_cli_options_clear (&options);
  return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
}
