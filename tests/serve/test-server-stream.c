/* What streams are made of: signs of life, and thoughts apart from answers. */
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

/* Cut at every place, and in single bytes, it is the same: tags, white space and all. */
static void
test_parts_do_not_depend_on_cuts (void)
{
  static const struct
  {
    const char *reply, *thought, *answer;
  } replies[] = {
    { "<think>\nWhy?\n</think>\n\nSo.", "Why?", "So." },
    { " \n<think>  \n  one\n\n two \n \n</think>So.\n", "  one\n\n two", "So.\n" },
    { "<think></think>So.", "", "So." },
    { "<think>\n\n</think>\n\n  So.", "", "  So." },
    { "<think>a < b </thin </think></think>So.", "a < b </thin", "</think>So." },
    { "<think>a <</think>So.", "a <", "So." },
    { "<think>never ends </thi", "never ends </thi", "" },
    { "<think>only\n</think>\n\n", "only", "" },
    { "<thin air", "", "<thin air" },
    { "<thi", "", "<thi" },
    { "  \n", "", "  \n" },
    { " So <think>it</think> is.", "", " So <think>it</think> is." },
    { "", "", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    for (gsize cut = 0; cut <= strlen (replies[i].reply) + 1; cut++)
      {
        g_autoptr (GString) reply = g_string_new (NULL), thought = g_string_new (NULL), answer = g_string_new (NULL);
        SteerServerParts parts = { 0 };

        for (gsize k = 0; replies[i].reply[k] != '\0'; k++)
          {
            g_string_append_c (reply, replies[i].reply[k]);
            /* The last round reads every byte by itself. */
            if (reply->len == cut || cut > strlen (replies[i].reply))
              steer_server_parts_read (&parts, reply, FALSE, thought, answer);
          }
        steer_server_parts_read (&parts, reply, TRUE, thought, answer);
        g_assert_cmpstr (thought->str, ==, replies[i].thought);
        g_assert_cmpstr (answer->str, ==, replies[i].answer);
      }
}

/* What is certain is told: a thought that goes on, and not what may be its end. */
static void
test_parts_are_told_at_once (void)
{
  g_autoptr (GString) reply = g_string_new ("<think>\nWhy? </thi"), thought = g_string_new (NULL);
  g_autoptr (GString) answer = g_string_new (NULL);
  SteerServerParts parts = { 0 };

  steer_server_parts_read (&parts, reply, FALSE, thought, answer);
  g_assert_cmpstr (thought->str, ==, "Why?");
  g_string_append (reply, "s ");
  steer_server_parts_read (&parts, reply, FALSE, thought, answer);
  g_assert_cmpstr (thought->str, ==, "Why? </this");
  g_string_append (reply, "</think>S");
  steer_server_parts_read (&parts, reply, FALSE, thought, answer);
  g_assert_cmpstr (answer->str, ==, "S");
}

#define SURE "\"steering\":{\"features\":[{\"layer\":2,\"index\":97,\"strength\":80}]}"

/* A model that cannot but think: its thought, which nothing ends here, is no answer, and as plain text all of it is. */
static void
test_thoughts_are_apart (ServerTest *f, gconstpointer data)
{
  g_autoptr (JsonObject) whole
    = server_test_ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"max_tokens\":8," SURE "}", 200);
  g_autoptr (JsonObject) text
    = server_test_ask (f, "POST", "/v1/completions", "{\"prompt\":\"<think>\",\"max_tokens\":8," SURE "}", 200);
  JsonArray *choices = json_object_get_array_member (whole, "choices");
  JsonObject *message = json_object_get_object_member (json_array_get_object_element (choices, 0), "message");
  ServerTestStream reading;
  g_autoptr (GPtrArray) events = NULL;
  g_autofree char *thought = NULL, *answer = NULL;

  g_assert_cmpstr (json_object_get_string_member (message, "reasoning_content"), ==, "aaaaaaaa");
  g_assert_cmpstr (json_object_get_string_member (message, "content"), ==, "");
  choices = json_object_get_array_member (text, "choices");
  g_assert_cmpstr (json_object_get_string_member (json_array_get_object_element (choices, 0), "text"), ==, "aaaaaaaa");
  server_test_stream_begin (&reading, f, "{" HELLO ",\"max_tokens\":8,\"stream\":true," SURE "}");
  server_test_stream_end (&reading);
  events = server_test_split_events (reading.text->str);
  thought = server_test_join (events, "reasoning_content");
  answer = server_test_join (events, "content");
  g_assert_cmpstr (thought, ==, "aaaaaaaa");
  g_assert_cmpstr (answer, ==, "");
  g_string_free (reading.text, TRUE);
}

/* As it was written, for templates that tell it again. */
static void
test_thoughts_can_be_given_back (ServerTest *f, gconstpointer data)
{
#define CHAT(reply)                                                                                                    \
  "{\"temperature\":0,\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hello!\"},{\"role\":"            \
  "\"assistant\"," reply "},{\"role\":\"user\",\"content\":\"Why?\"}]}"
  g_autoptr (JsonObject) apart = server_test_ask (f, "POST", "/v1/chat/completions",
                                                  CHAT ("\"reasoning_content\":\"Hm.\",\"content\":\"Hi!\""), 200);
  g_autoptr (JsonObject) written = server_test_ask (f, "POST", "/v1/chat/completions",
                                                    CHAT ("\"content\":\"<think>\\nHm.\\n</think>\\n\\nHi!\""), 200);
  g_autoptr (JsonObject) without
    = server_test_ask (f, "POST", "/v1/chat/completions", CHAT ("\"content\":\"Hi!\""), 200);

  g_assert_cmpstr (server_test_get_content (apart), ==, server_test_get_content (written));
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (apart, "usage"), "prompt_tokens"), >,
                   json_object_get_int_member (json_object_get_object_member (without, "usage"), "prompt_tokens"));
  json_object_unref (
    server_test_ask (f, "POST", "/v1/chat/completions", CHAT ("\"reasoning_content\":7,\"content\":\"Hi!\""), 400));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
  g_test_add_func ("/server stream/parts do not depend on cuts", test_parts_do_not_depend_on_cuts);
  g_test_add_func ("/server stream/parts are told at once", test_parts_are_told_at_once);
#define ADD(name, func, data)                                                                                          \
  g_test_add ("/server stream/" name, ServerTest, data, server_test_set_up, func, server_test_tear_down)
  ADD ("a silent stream is alive", test_a_silent_stream_is_alive, NULL);
  ADD ("an error after a comment is an event", test_an_error_after_a_comment_is_an_event, NULL);
  ADD ("thoughts are apart", test_thoughts_are_apart, "with thoughts");
  ADD ("thoughts can be given back", test_thoughts_can_be_given_back, NULL);
  return g_test_run ();
}
