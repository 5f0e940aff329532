#include "chat-test-util.h"

#include <string.h>

#include "chat/steer-sampler.h"
#include "test-util.h"

static SteerConversation *
make_conversation (void)
{
  SteerConversation *conversation = steer_conversation_new ();
  g_autoptr (SteerReply) reply = test_reply_new ();
  g_autoptr (SteerPlan) plan = test_plan_new (8.5f, STEER_MODE_CLAMP);
  SteerMessage *question, *answer;

  steer_conversation_set_title (conversation, "A *title*");
  steer_conversation_set_system_prompt (conversation, "Be brief.");
  question = steer_conversation_append (conversation, STEER_ROLE_USER, "Hi \"there\"\n\\o/");
  answer = steer_conversation_begin_reply (conversation, question, reply, G_MAXUINT64, "Eiffel");
  test_reply_write (reply, "Bon", NULL);
  test_reply_write (reply, "jour", plan);
  test_reply_finish (reply, STEER_STOP_LENGTH);
  steer_conversation_append (conversation, STEER_ROLE_USER, "More");
  steer_conversation_edit (conversation, answer, "Other");
  steer_conversation_select_alternative (conversation, answer, 0);
  return conversation;
}

static void
test_round_trip (void)
{
  g_autoptr (SteerConversation) conversation = make_conversation ();
  g_autofree char *json = steer_conversation_to_json (conversation);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) copy = steer_conversation_new_from_json (json, -1, &error);
  g_autofree char *again = NULL;
  g_autofree char *path = NULL;
  g_autoptr (SteerMessage) answer = NULL;
  const GArray *runs;

  g_assert_no_error (error);
  again = steer_conversation_to_json (copy);
  g_assert_cmpstr (json, ==, again);
  path = test_conversation_dup_path (copy);
  g_assert_cmpstr (path, ==, "u:Hi \"there\"\n\\o/|a:Bonjour|u:More");
  answer = g_list_model_get_item (G_LIST_MODEL (copy), 1);
  g_assert_cmpuint (steer_message_get_n_alternatives (answer), ==, 2);
  g_assert_cmpuint (steer_message_get_seed (answer), ==, G_MAXUINT64);
  g_assert_cmpint (steer_message_get_stop_reason (answer), ==, STEER_STOP_LENGTH);
  runs = steer_message_get_runs (answer);
  g_assert_cmpuint (runs->len, ==, 2);
  g_assert_cmpstr (g_array_index (runs, SteerTextRun, 1).steering, ==,
                   "[{\"layer\":15,\"index\":21576,\"label\":\"\",\"strength\":8.5,\"mode\":\"clamp\"}]");
  g_assert_cmpstr (steer_conversation_get_system_prompt (copy), ==, "Be brief.");
}

static void
test_markdown (void)
{
  g_autoptr (SteerConversation) conversation = make_conversation ();
  g_autofree char *markdown = steer_conversation_to_markdown (conversation);

  g_assert_cmpstr (markdown, ==,
                   "# A \\*title\\*\n\n**System**\n\nBe brief.\n\n**You**\n\nHi \"there\"\n\\o/\n\n"
                   "**Assistant** (Eiffel)\n\nBonjour\n\n**You**\n\nMore\n");
}

/* What was thought is a quotation before the answer, and nothing that is open in it reaches further. */
static void
test_markdown_of_thoughts (void)
{
  static const char *const cases[][2] = {
    { "<think>\nOne.\n\n```\nx\n</think>\n\nPi.", "> **Thought:**\n>\n> One.\n>\n> ```\n> x\n\nPi.\n" },
    { "<think>\nOne", "> **Thought:**\n>\n> One\n" },
    { "<think>\n\n</think>\n\nPi.", "Pi.\n" },
    { "Pi. <think>One</think>", "Pi. <think>One</think>\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SteerConversation) conversation = steer_conversation_new ();
      g_autofree char *expected
        = g_strconcat ("# u\n\n**You**\n\n<think>u</think>\n\n**Assistant**\n\n", cases[i][1], NULL);
      g_autofree char *markdown = NULL;

      steer_conversation_set_title (conversation, "u");
      steer_conversation_append (conversation, STEER_ROLE_USER, "<think>u</think>");
      steer_conversation_append (conversation, STEER_ROLE_ASSISTANT, cases[i][0]);
      markdown = steer_conversation_to_markdown (conversation);
      g_assert_cmpstr (markdown, ==, expected);
    }
}

static void
test_common_form (void)
{
  const char *json = "{\"messages\": [{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": "
                     "\"u\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}";
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) conversation = steer_conversation_new_from_json (json, -1, &error);
  g_autofree char *path = NULL;

  g_assert_no_error (error);
  path = test_conversation_dup_path (conversation);
  g_assert_cmpstr (path, ==, "u:u|a:a");
  g_assert_cmpstr (steer_conversation_get_system_prompt (conversation), ==, "s");
  g_assert_cmpstr (steer_conversation_get_title (conversation), ==, "u");
}

static void
test_runs_that_lie (void)
{
  const char *const runs[] = {
    "[{\"start\": 0, \"length\": 99}]",
    "[{\"start\": 0, \"length\": 2}]", /* inside a character */
    "[{\"start\": 1, \"length\": 1}]",
    "[{\"start\": 0, \"length\": 1}, {\"start\": 0, \"length\": 1}]",
    "[{\"start\": -5, \"length\": 9223372036854775807}]",
    "[7]",
    "{}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    {
      g_autofree char *json
        = g_strdup_printf ("{\"messages\": [{\"role\": \"assistant\", \"text\": \"aö\", \"runs\": %s}]}", runs[i]);
      g_autoptr (GError) error = NULL;
      g_autoptr (SteerConversation) conversation = steer_conversation_new_from_json (json, -1, &error);
      g_autoptr (SteerMessage) message = NULL;

      g_assert_no_error (error);
      message = g_list_model_get_item (G_LIST_MODEL (conversation), 0);
      g_assert_cmpuint (steer_message_get_runs (message)->len, ==, 0);
      g_assert_cmpstr (steer_message_get_text (message), ==, "aö");
    }
}

static void
assert_refused (const char *json, gssize length, const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) conversation = steer_conversation_new_from_json (json, length, &error);

  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
  g_assert_null (conversation);
  g_assert_nonnull (strstr (error->message, reason));
}

static void
test_refusals (void)
{
  assert_refused ("", -1, "not JSON");
  /* Found by the fuzzer: json-glib takes both values and loses the first. */
  assert_refused ("9{\"messages\": []}", -1, "not JSON");
  assert_refused ("[]", -1, "not a JSON object");
  assert_refused ("{\"messages\": [", -1, "not JSON");
  assert_refused ("{\"x\": \"\xff\"}", -1, "not UTF-8");
  assert_refused ("{\"a\":0}\0", 8, "not UTF-8");
  assert_refused ("{}", -1, "no list of messages");
  assert_refused ("{\"messages\": 5}", -1, "no list of messages");
  assert_refused ("{\"format\": \"other\", \"messages\": []}", -1, "format");
  assert_refused ("{\"version\": 2, \"messages\": []}", -1, "newer version");
  assert_refused ("{\"messages\": [5]}", -1, "message 0 has no role");
  assert_refused ("{\"messages\": [{\"role\": \"king\", \"text\": \"\"}]}", -1, "message 0 has no role");
  assert_refused ("{\"messages\": [{\"role\": 1, \"text\": \"\"}]}", -1, "message 0 has no role");
  assert_refused ("{\"messages\": [{\"role\": \"user\", \"text\": 5}]}", -1, "message 0 has no text");
  assert_refused ("{\"messages\": [{\"role\": \"user\", \"text\": \"\", \"parent\": \"x\"}]}", -1, "not a number");
}

static void
test_cycles (void)
{
  assert_refused ("{\"messages\": [{\"id\": 1, \"parent\": 1, \"role\": \"user\", \"text\": \"\"}]}", -1,
                  "does not come before it");
  assert_refused ("{\"messages\": [{\"id\": 1, \"parent\": 2, \"role\": \"user\", \"text\": \"\"},"
                  "{\"id\": 2, \"parent\": 1, \"role\": \"user\", \"text\": \"\"}]}",
                  -1, "does not come before it");
  assert_refused ("{\"messages\": [{\"id\": 1, \"parent\": null, \"role\": \"user\", \"text\": \"\"},"
                  "{\"id\": 1, \"parent\": 1, \"role\": \"user\", \"text\": \"\"}]}",
                  -1, "two messages have the id 1");
}

static void
test_nesting (void)
{
  g_autofree char *open = g_strnfill (1000000, '[');
  g_autofree char *json = g_strdup_printf ("{\"messages\": %s", open);
  g_autofree char *harmless = g_strdup_printf ("{\"messages\": [{\"role\": \"user\", \"text\": \"\\\"%s\"}]}", open);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) conversation = NULL;

  assert_refused (json, -1, "nested");
  conversation = steer_conversation_new_from_json (harmless, -1, &error);
  g_assert_no_error (error);
}

/* Spaces without end; counts what is read of it. */

#define TEST_TYPE_ENDLESS (test_endless_get_type ())
G_DECLARE_FINAL_TYPE (TestEndless, test_endless, TEST, ENDLESS, GInputStream)

struct _TestEndless
{
  GInputStream parent_instance;
  gsize n_read;
};

G_DEFINE_FINAL_TYPE (TestEndless, test_endless, G_TYPE_INPUT_STREAM)

static gssize
test_endless_read (GInputStream *stream, void *buffer, gsize size, GCancellable *cancellable, GError **error)
{
  memset (buffer, ' ', size);
  TEST_ENDLESS (stream)->n_read += size;
  return (gssize) size;
}

static void
test_endless_class_init (TestEndlessClass *klass)
{
  G_INPUT_STREAM_CLASS (klass)->read_fn = test_endless_read;
}

static void
test_endless_init (TestEndless *self)
{
}

static void
test_no_more_is_read_than_may_be (void)
{
  g_autoptr (TestEndless) endless = g_object_new (TEST_TYPE_ENDLESS, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) conversation
    = steer_conversation_new_from_stream (G_INPUT_STREAM (endless), NULL, &error);

  g_assert_null (conversation);
  g_assert_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "larger than 256 MiB"));
  g_assert_cmpuint (endless->n_read, ==, ((gsize) 256 << 20) + 1);
}

static void
test_a_stream_is_read_to_its_end (void)
{
  g_autoptr (SteerConversation) conversation = make_conversation ();
  char *json = steer_conversation_to_json (conversation);
  g_autofree char *again = NULL;
  g_autoptr (GInputStream) stream = g_memory_input_stream_new_from_data (json, (gssize) strlen (json), g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) copy = steer_conversation_new_from_stream (stream, NULL, &error);

  g_assert_no_error (error);
  again = steer_conversation_to_json (copy);
  g_assert_cmpstr (json, ==, again);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/export/json-brings-the-whole-tree-back", test_round_trip);
  g_test_add_func ("/export/markdown-shows-the-path", test_markdown);
  g_test_add_func ("/export/markdown-quotes-what-was-thought", test_markdown_of_thoughts);
  g_test_add_func ("/import/the-common-form-is-understood", test_common_form);
  g_test_add_func ("/import/runs-that-contradict-the-text-are-dropped", test_runs_that_lie);
  g_test_add_func ("/import/what-is-no-conversation-is-refused-with-a-reason", test_refusals);
  g_test_add_func ("/import/messages-follow-earlier-ones-only", test_cycles);
  g_test_add_func ("/import/deep-nesting-is-refused-before-it-is-parsed", test_nesting);
  g_test_add_func ("/import/a-stream-is-read-to-its-end", test_a_stream_is_read_to_its_end);
  g_test_add_func ("/import/no-more-is-read-than-a-conversation-may-have", test_no_more_is_read_than_may_be);
  return g_test_run ();
}
