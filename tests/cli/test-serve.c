/* `steer serve`, from its first line to the signal that ends it. What it serves is tests/serve's. */
#include <signal.h>
#include <string.h>

#include "cli-test-util.h"
#include "test-util.h"

/* Its first line; *@process: (transfer full). Free with g_free(). */
static char *
start (GSubprocess **process, const char *const *args)
{
  g_autoptr (GSubprocessLauncher) launcher
    = cli_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GDataInputStream) lines = NULL;

  *process = cli_spawn (launcher, args);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (*process));
  g_filter_input_stream_set_close_base_stream (G_FILTER_INPUT_STREAM (lines), FALSE);
  return g_data_input_stream_read_line (lines, NULL, NULL, NULL);
}

static guint16
get_port (const char *uri)
{
  return (guint16) g_ascii_strtoull (strrchr (uri, ':') + 1, NULL, 10);
}

/* The whole answer. @header, @body: nullable. Free with g_free(). */
static char *
send (guint16 port, const char *method, const char *path, const char *header, const char *body)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) connection = g_socket_client_connect_to_host (client, "127.0.0.1", port, NULL, &error);
  g_autofree char *request
    = g_strdup_printf ("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n%s\r\n%s", method, path,
                       body != NULL ? strlen (body) : 0, header != NULL ? header : "", body != NULL ? body : "");
  g_autoptr (GString) answer = g_string_new (NULL);
  char buffer[4096];
  gssize n;

  g_assert_no_error (error);
  g_assert_true (g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), request,
                                            strlen (request), NULL, NULL, NULL));
  while ((n = g_input_stream_read (g_io_stream_get_input_stream (G_IO_STREAM (connection)), buffer, sizeof buffer, NULL,
                                   NULL))
         > 0)
    g_string_append_len (answer, buffer, n);
  return g_string_free (g_steal_pointer (&answer), FALSE);
}

static char *
get (guint16 port, const char *path, const char *header)
{
  return send (port, "GET", path, header, NULL);
}

static void
end (GSubprocess *process, int number)
{
  g_subprocess_send_signal (process, number);
  g_assert_true (g_subprocess_wait (process, NULL, NULL));
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 0);
  g_object_unref (process);
}

static void
test_serves_until_it_is_told (void)
{
  static const int signals[] = { SIGINT, SIGTERM };

  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    {
      GSubprocess *process;
      g_autofree char *uri
        = start (&process, (const char *const[]){ "serve", "--model", cli_model (), "--vectors", cli_vectors (),
                                                  "--steer", "2:97=30", "--port", "0", NULL });
      g_autofree char *steering = NULL, *page = NULL;

      g_assert_true (g_str_has_prefix (uri, "http://127.0.0.1:"));
      steering = get (get_port (uri), "/v1/steering", NULL);
      page = get (get_port (uri), "/", NULL);
      g_assert_true (g_str_has_prefix (steering, "HTTP/1.1 200 "));
      g_assert_nonnull (strstr (steering, "\"index\":97"));
      g_assert_nonnull (strstr (page, "<!doctype html>"));
      end (process, signals[i]);
    }
}

/* Bundled presets go by what the window calls them; no file does. */
static void
test_presets_are_the_programs (void)
{
  GSubprocess *process;
  g_autofree char *uri
    = start (&process, (const char *const[]){ "serve", "--model", cli_model (), "--port", "0", NULL });
  g_autofree char *listed = get (get_port (uri), "/v1/presets", NULL);

  g_assert_nonnull (strstr (listed, "\"Eiffel Tower\""));
  end (process, SIGINT);
}

static void
test_the_command_line_counts (void)
{
  GSubprocess *process;
  g_autofree char *uri
    = start (&process, (const char *const[]){ "serve", "--model", cli_model (), "--vectors", cli_vectors (), "--port",
                                              "0", "--max-tokens", "5", "--stop", "zz", NULL });
  g_autofree char *reply = NULL;
  const char *body = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"steering\":{\"features\":["
                     "{\"layer\":2,\"index\":97,\"strength\":80}]}}";

  reply = send (get_port (uri), "POST", "/v1/chat/completions", NULL, body);
  g_assert_nonnull (strstr (reply, "\"content\":\"aaaaa\""));
  end (process, SIGINT);
}

static void
test_a_token_is_asked_for (void)
{
  GSubprocess *process;
  g_autofree char *uri = start (
    &process, (const char *const[]){ "serve", "--model", cli_model (), "--port", "0", "--token", "a+b/c", NULL });
  g_autofree char *without = get (get_port (uri), "/v1/models", NULL);
  g_autofree char *with = get (get_port (uri), "/v1/models", "Authorization: Bearer a+b/c\r\n");

  /* Nobody reads it in a log. */
  g_assert_null (strstr (uri, "a%2Bb"));
  g_assert_true (g_str_has_prefix (without, "HTTP/1.1 401 "));
  g_assert_true (g_str_has_prefix (with, "HTTP/1.1 200 "));
  end (process, SIGINT);
}

static void
test_mistakes_are_told (void)
{
  static const char *const mistakes[][5] = {
    { "--port", "70000", NULL },
    { "--port", "http", NULL },
    { "--host", "0.0.0.0", NULL },
    { "--token", "", NULL },
    { "--token", "two words", NULL },
    { "--allow-origin", "https://friend.example/", NULL },
    { "--allow-origin", "*", NULL },
    { "--allow-origin", "null", NULL },
    { "--allow-origin", "https://Friend.example", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      const char *args[10] = { "serve", "--model", cli_model (), NULL };
      g_auto (CliResult) result = { 0 };

      for (guint j = 0; mistakes[i][j] != NULL; j++)
        args[3 + j] = mistakes[i][j];
      cli_run (&result, NULL, args);
      g_assert_cmpint (result.status, ==, 2);
      g_assert_cmpstr (result.out, ==, "");
      g_assert_true (g_str_has_prefix (result.err, "steer serve: "));
    }
}

static void
test_a_port_that_is_taken_is_told (void)
{
  GSubprocess *process;
  g_autofree char *uri
    = start (&process, (const char *const[]){ "serve", "--model", cli_model (), "--port", "0", NULL });
  g_autofree char *port = g_strdup_printf ("%u", get_port (uri));
  g_auto (CliResult) taken = { 0 }, unknown = { 0 };

  CLI_RUN (&taken, NULL, "serve", "--model", cli_model (), "--port", port);
  g_assert_cmpint (taken.status, ==, 1);
  g_assert_nonnull (strstr (taken.err, port));
  CLI_RUN (&unknown, NULL, "serve", "--model", cli_model (), "--host", "nowhere", "--token", "x");
  g_assert_cmpint (unknown.status, ==, 1);
  g_assert_nonnull (strstr (unknown.err, "nowhere"));
  end (process, SIGINT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add_func ("/cli serve/" name, func)
  ADD ("it serves until it is told", test_serves_until_it_is_told);
  ADD ("presets are the program's", test_presets_are_the_programs);
  ADD ("the command line counts", test_the_command_line_counts);
  ADD ("a token is asked for", test_a_token_is_asked_for);
  ADD ("mistakes are told", test_mistakes_are_told);
  ADD ("a port that is taken is told", test_a_port_that_is_taken_is_told);
  return g_test_run ();
}
