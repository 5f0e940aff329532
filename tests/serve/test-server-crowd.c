/* The server, as strangers with plain sockets meet it: too many, too large, silent, half gone. */
#include "server-test-util.h"

#include <string.h>

#include "cpu/steer-cpu.h"
#include "test-util.h"

static guint16
get_port (ServerTest *f)
{
  return (guint16) g_ascii_strtoull (strrchr (f->base, ':') + 1, NULL, 10);
}

/* What strangers do with plain sockets, in a thread of their own. */
typedef struct
{
  guint16 port;
  const char *request;  /* its head and body; nullable: nothing is sent */
  guint n_connections;  /* one after the other, or */
  gboolean at_once;     /* together */
  gboolean half_closed; /* the client has nothing more to say */
  guint n_read;         /* of these, from the last: the answers are read */
  GPtrArray *answers;   /* (element-type utf8), their first 4 kB */
  int done;             /* atomic */
} Crowd;

static GSocketConnection *
connect_one (Crowd *self, GSocketClient *client)
{
  GSocketConnection *connection = g_socket_client_connect_to_host (client, "127.0.0.1", self->port, NULL, NULL);

  g_assert_nonnull (connection);
  if (self->request != NULL)
    g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), self->request,
                               strlen (self->request), NULL, NULL, NULL);
  if (self->half_closed)
    g_socket_shutdown (g_socket_connection_get_socket (connection), FALSE, TRUE, NULL);
  return connection;
}

static void
read_answer (Crowd *self, GSocketConnection *connection)
{
  char answer[4096] = { 0 };

  /* One of a crowd may have its turn late. */
  if (self->at_once)
    g_socket_set_timeout (g_socket_connection_get_socket (connection), 1);
  g_input_stream_read_all (g_io_stream_get_input_stream (G_IO_STREAM (connection)), answer, sizeof answer - 1, NULL,
                           NULL, NULL);
  g_ptr_array_add (self->answers, g_strdup (answer));
}

static gpointer
be_crowd (gpointer data)
{
  Crowd *self = data;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GPtrArray) connections = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->n_connections; i++)
    {
      GSocketConnection *connection = connect_one (self, client);

      g_ptr_array_add (connections, connection);
      if (self->at_once)
        continue;
      if (self->n_read > 0)
        read_answer (self, connection);
      g_ptr_array_set_size (connections, 0);
    }
  for (guint i = 0; self->at_once && i < self->n_read; i++)
    read_answer (self, g_ptr_array_index (connections, self->n_connections - 1 - i));
  g_ptr_array_unref (g_steal_pointer (&connections));
  g_atomic_int_set (&self->done, TRUE);
  g_main_context_wakeup (NULL);
  return NULL;
}

static gboolean
is_crowd_done (gpointer data)
{
  return g_atomic_int_get (&((Crowd *) data)->done);
}

static void
let_in (ServerTest *f, Crowd *crowd)
{
  GThread *thread;

  crowd->port = get_port (f);
  crowd->answers = g_ptr_array_new_with_free_func (g_free);
  thread = g_thread_new ("crowd", be_crowd, crowd);
  test_wait_until (is_crowd_done, crowd, 60);
  g_thread_join (thread);
}

static guint
count_files (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static gboolean
are_files_closed (gpointer data)
{
  return count_files () <= GPOINTER_TO_UINT (data);
}

#define ANSWERED "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
#define LONG_REPLY "{" HELLO ",\"temperature\":0,\"max_tokens\":1900}"

static char *
make_request (const char *body, const char *version)
{
  return g_strdup_printf ("POST /v1/chat/completions HTTP/%s\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n%s",
                          version, strlen (body), body);
}

/* Those that were answered, that said nothing, and that left in the middle. */
static void
test_connections_do_not_add_up (ServerTest *f, gconstpointer data)
{
  Crowd crowds[]
    = { { .request = ANSWERED, .n_connections = 60, .n_read = 60 },
        { .n_connections = 60, .at_once = TRUE },
        { .request = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\n{",
          .n_connections = 60,
          .at_once = TRUE } };
  guint n_before;

  json_object_unref (server_test_ask (f, "GET", "/health", NULL, 200));
  n_before = count_files ();
  for (guint i = 0; i < G_N_ELEMENTS (crowds); i++)
    {
      let_in (f, &crowds[i]);
      test_wait_until (are_files_closed, GUINT_TO_POINTER (n_before + 4), 20);
      g_ptr_array_unref (crowds[i].answers);
    }
}

/* More than the 256 that are let in at a time, all of them silent. */
static void
test_the_door_opens_again (ServerTest *f, gconstpointer data)
{
  Crowd crowd = { .n_connections = 260, .at_once = TRUE };

  let_in (f, &crowd);
  json_object_unref (server_test_ask (f, "GET", "/health", NULL, 200));
  g_ptr_array_unref (crowd.answers);
}

static void
test_files_are_not_multiplied (ServerTest *f, gconstpointer data)
{
  g_autoptr (GString) request = g_string_new ("GET /page.js HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-");
  Crowd crowd = { .n_connections = 1, .n_read = 1 };

  for (guint i = 0; i < 1000; i++)
    g_string_append (request, ",0-");
  g_string_append (request, "\r\n\r\n");
  crowd.request = request->str;
  let_in (f, &crowd);
  g_assert_true (g_str_has_prefix (g_ptr_array_index (crowd.answers, 0), "HTTP/1.1 200 "));
  g_assert_null (strstr (g_ptr_array_index (crowd.answers, 0), "multipart"));
  g_ptr_array_unref (crowd.answers);
}

/* What libsoup itself refuses is not kept either. */
static void
test_bodies_to_nowhere_are_not_kept (ServerTest *f, gconstpointer data)
{
  g_autofree char *body = g_strnfill (48 * 1024 * 1024, 'a');
  g_autofree char *request = g_strdup_printf (
    "POST /a%%2f..%%2fb HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n%s", strlen (body), body);
  gsize before = test_get_resident ();
  Crowd crowd = { .request = request, .n_connections = 1, .n_read = 1 };

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  g_test_skip ("the sanitizer keeps what is freed");
  return;
#endif
  let_in (f, &crowd);
  g_assert_cmpuint (test_get_resident (), <, before + 24 * 1024 * 1024);
  g_ptr_array_unref (crowd.answers);
}

/* Who closes one side is not told that a reply of no word was all. */
static void
test_half_a_reply_is_none (ServerTest *f, gconstpointer data)
{
  g_autofree char *request = make_request (LONG_REPLY, "1.1");
  Crowd crowd = { .request = request, .n_connections = 1, .n_read = 1, .half_closed = TRUE };

  let_in (f, &crowd);
  g_assert_false (g_str_has_prefix (g_ptr_array_index (crowd.answers, 0), "HTTP/1.1 200 "));
  g_ptr_array_unref (crowd.answers);
}

static void
test_an_old_client_gets_no_chunks (ServerTest *f, gconstpointer data)
{
  g_autofree char *request = make_request ("{" HELLO ",\"max_tokens\":9,\"stream\":true}", "1.0");
  Crowd crowd = { .request = request, .n_connections = 1, .n_read = 1 };

  let_in (f, &crowd);
  g_assert_null (strstr (g_ptr_array_index (crowd.answers, 0), "Transfer-Encoding"));
  g_assert_nonnull (strstr (g_ptr_array_index (crowd.answers, 0), "data: [DONE]"));
  g_ptr_array_unref (crowd.answers);
}

/* Those that wait end with their connections, also before they have begun: one after the other they would take as long
 * as so many replies. */
static void
test_only_so_many_wait (ServerTest *f, gconstpointer data)
{
  g_autofree char *request = make_request (LONG_REPLY, "1.1");
  Crowd crowd = { .request = request, .n_connections = 100, .at_once = TRUE, .n_read = 2 };
  guint n_refused = 0;
  gint64 one, all;

  one = g_get_monotonic_time ();
  json_object_unref (server_test_ask (f, "POST", "/v1/chat/completions", LONG_REPLY, 200));
  one = g_get_monotonic_time () - one;
  let_in (f, &crowd);
  all = g_get_monotonic_time ();
  for (guint i = 0; i < crowd.answers->len; i++)
    n_refused += g_str_has_prefix (g_ptr_array_index (crowd.answers, i), "HTTP/1.1 429 ");
  g_assert_cmpuint (n_refused, >, 0);
  test_wait_until (server_test_is_idle, f, 60);
  all = g_get_monotonic_time () - all;
  g_assert_cmpint (all, <, 30 * one);
  g_ptr_array_unref (crowd.answers);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
#define ADD(name, func, data)                                                                                          \
  g_test_add ("/server crowd/" name, ServerTest, data, server_test_set_up, func, server_test_tear_down)
  ADD ("only so many wait", test_only_so_many_wait, NULL);
  ADD ("connections do not add up", test_connections_do_not_add_up, NULL);
  ADD ("the door opens again", test_the_door_opens_again, NULL);
  ADD ("files are not multiplied", test_files_are_not_multiplied, NULL);
  ADD ("bodies to nowhere are not kept", test_bodies_to_nowhere_are_not_kept, NULL);
  ADD ("half a reply is none", test_half_a_reply_is_none, NULL);
  ADD ("an old client gets no chunks", test_an_old_client_gets_no_chunks, NULL);
  return g_test_run ();
}
