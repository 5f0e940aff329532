/* What streams are made of: events, and signs of life. */
#include <string.h>

#include "cpu/steer-cpu.h"
#include "serve/steer-server-private.h"
#include "server-test-util.h"
#include "test-util.h"

static gboolean
has_comments (gpointer data)
{
  return strstr (((ServerTestStream *) data)->text->str, "\n\n: keep-alive\n\n") != NULL;
}

/* Nothing can be said of a reply whose vectors are being read, as of one whose prompt is. */
static void
test_a_silent_stream_is_alive (ServerTest *f, gconstpointer data)
{
  ServerTestStream reading;
  g_autoptr (GPtrArray) events = NULL;
  g_autofree char *joined = NULL;

  f->server->keep_alive = 1;
  server_test_stream_begin (&reading, f,
                            "{" HELLO ",\"max_tokens\":8,\"stream\":true,\"steering\":{\"features\":[{\"layer\":2,"
                            "\"index\":97,\"strength\":80,\"source\":\"slow\"}]}}");
  test_wait_until (has_comments, &reading, 20);
  g_assert_true (g_str_has_prefix (reading.text->str, ": keep-alive\n\n"));
  g_assert_null (strstr (reading.text->str, "data:"));
  slow_source_let (f->slow, 97);
  server_test_stream_end (&reading);
  events = server_test_split_events (reading.text->str);
  joined = server_test_join (events, "content");
  g_assert_cmpstr (joined, ==, "aaaaaaaa");
  g_string_free (reading.text, TRUE);
}

/* The head has been sent by then. */
static void
test_an_error_after_a_comment_is_an_event (ServerTest *f, gconstpointer data)
{
  ServerTestStream reading;

  f->server->keep_alive = 1;
  server_test_stream_begin (&reading, f,
                            "{" HELLO ",\"stream\":true,\"steering\":{\"features\":[{\"layer\":2,\"index\":97,"
                            "\"strength\":80,\"source\":\"slow\"}]}}");
  test_wait_until (server_test_stream_has_text, &reading, 20);
  slow_source_break (f->slow, 97);
  server_test_stream_end (&reading);
  g_assert_nonnull (strstr (reading.text->str, "data: {\"error\":{\"message\":\"the disk is scratched\""));
  g_assert_true (g_str_has_suffix (reading.text->str, "\n\ndata: [DONE]\n\n"));
  g_string_free (reading.text, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
#define ADD(name, func, data)                                                                                          \
  g_test_add ("/server stream/" name, ServerTest, data, server_test_set_up, func, server_test_tear_down)
  ADD ("a silent stream is alive", test_a_silent_stream_is_alive, NULL);
  ADD ("an error after a comment is an event", test_an_error_after_a_comment_is_an_event, NULL);
  return g_test_run ();
}
