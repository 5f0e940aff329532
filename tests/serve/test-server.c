/* The server, as programs and browsers meet it, with the tiny model. */
#include "server-test-util.h"

#include <string.h>

#include "cpu/steer-cpu.h"
#include "test-util.h"

static gboolean
is_done (gpointer reply)
{
  return steer_reply_get_state (reply) == STEER_REPLY_DONE;
}

/* A NUL, which this model likes to write, is no character of JSON's. */
static void
on_chunk (SteerReply *reply, const SteerChunk *chunk, GString *text)
{
  for (gsize i = 0; i < chunk->length; i++)
    g_string_append (text, chunk->text[i] != '\0' ? (char[]){ chunk->text[i], '\0' } : "\357\277\275");
}

/* What the engine itself says, with @strength of "the letter a" (0: without it). Free with g_free(). */
static char *
say (ServerTest *f, double temperature, guint64 seed, guint max_tokens, double strength)
{
  const SteerModelConfig *config = steer_model_get_config (steer_engine_get_model (f->engine));
  g_autoptr (SteerRequest) request = steer_request_new ();
  g_autoptr (SteerPreset) preset = steer_preset_new ();
  g_autoptr (SteerFeature) feature = steer_feature_new (2, 97);
  g_autoptr (SteerPlan) plan = NULL;
  g_autoptr (SteerReply) reply = NULL;
  GString *text = g_string_new (NULL);
  SteerSampling sampling;

  steer_feature_set_strength (feature, strength);
  steer_preset_append (preset, feature);
  plan = steer_preset_make_plan (preset, f->library, config->d_model, config->n_layers, NULL);
  steer_sampling_init (&sampling);
  sampling.temperature = temperature;
  sampling.seed = seed;
  sampling.max_tokens = max_tokens;
  steer_request_add_message (request, STEER_ROLE_USER, "Hello!");
  steer_request_set_sampling (request, &sampling);
  steer_request_schedule_plan (request, 0, plan);
  reply = steer_engine_reply (f->engine, request);
  g_signal_connect (reply, "chunk", G_CALLBACK (on_chunk), text);
  test_wait_until (is_done, reply, 60);
  return g_string_free (text, FALSE);
}

static void
test_replies_are_the_engines (ServerTest *f, gconstpointer data)
{
  for (guint seed = 0; seed < 4; seed++)
    {
      g_autofree char *body = g_strdup_printf (
        "{" HELLO ",\"temperature\":%s,\"seed\":%u,\"max_tokens\":20%s}", seed % 2 ? "1.5" : "0", seed,
        seed > 1 ? ",\"steering\":{\"features\":[{\"layer\":2,\"index\":97,\"strength\":15}]}" : "");
      g_autoptr (JsonObject) reply = server_test_ask (f, "POST", "/v1/chat/completions", body, 200);
      g_autofree char *expected = say (f, seed % 2 ? 1.5 : 0.0, seed, 20, seed > 1 ? 15.0 : 0.0);
      JsonObject *usage = json_object_get_object_member (reply, "usage");

      g_assert_cmpstr (server_test_get_content (reply), ==, expected);
      g_assert_cmpstr (json_object_get_string_member (reply, "object"), ==, "chat.completion");
      g_assert_cmpint (json_object_get_int_member (usage, "total_tokens"), ==,
                       json_object_get_int_member (usage, "prompt_tokens")
                         + json_object_get_int_member (usage, "completion_tokens"));
    }
}

static void
test_a_stream_is_the_same_reply (ServerTest *f, gconstpointer data)
{
  g_autoptr (SoupMessage) message
    = server_test_make_message (f, "POST", "/v1/chat/completions",
                                "{" HELLO ",\"temperature\":0,\"max_tokens\":40,\"stream\":true,"
                                "\"stream_options\":{\"include_usage\":true}}");
  g_autofree char *text = server_test_send (f, message);
  g_autoptr (GPtrArray) events = server_test_split_events (text);
  g_autofree char *joined = server_test_join (events, "content");
  g_autofree char *expected = say (f, 0.0, 0, 40, 0.0);
  JsonObject *first = g_ptr_array_index (events, 0);
  JsonObject *last = g_ptr_array_index (events, events->len - 1);
  JsonObject *end = g_ptr_array_index (events, events->len - 2);

  g_assert_cmpstr (soup_message_headers_get_content_type (soup_message_get_response_headers (message), NULL), ==,
                   "text/event-stream");
  g_assert_cmpstr (joined, ==, expected);
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (first, "steering"), "from_token"), ==, 0);
  g_assert_cmpstr (json_object_get_string_member (
                     json_array_get_object_element (json_object_get_array_member (end, "choices"), 0), "finish_reason"),
                   ==, "length");
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (last, "usage"), "completion_tokens"), ==,
                   40);
}

static void
test_plain_text_is_continued (ServerTest *f, gconstpointer data)
{
  g_autoptr (JsonObject) whole = server_test_ask (f, "POST", "/v1/completions",
                                                  "{\"prompt\":[\"Once\"],\"temperature\":0,\"max_tokens\":12}", 200);
  g_autoptr (SoupMessage) message = server_test_make_message (
    f, "POST", "/v1/completions", "{\"prompt\":\"Once\",\"temperature\":0,\"max_tokens\":12,\"stream\":true}");
  g_autofree char *text = server_test_send (f, message);
  g_autoptr (GPtrArray) events = server_test_split_events (text);
  g_autofree char *joined = server_test_join (events, "text");
  JsonObject *choice = json_array_get_object_element (json_object_get_array_member (whole, "choices"), 0);

  g_assert_cmpstr (json_object_get_string_member (choice, "text"), ==, joined);
  g_assert_cmpuint (strlen (joined), >, 0);
}

static void
test_a_strength_acts_in_mid_reply (ServerTest *f, gconstpointer data)
{
  ServerTestStream reading;
  g_autoptr (JsonObject) steering = NULL;
  g_autoptr (GPtrArray) events = NULL;
  g_autofree char *joined = NULL;
  guint changes = 0;

  server_test_stream_begin (&reading, f, "{" HELLO ",\"temperature\":0,\"max_tokens\":1500,\"stream\":true}");
  test_wait_until (server_test_stream_has_text, &reading, 20);
  steering
    = server_test_ask (f, "PUT", "/v1/steering", "{\"features\":[{\"layer\":2,\"index\":97,\"strength\":80}]}", 200);
  server_test_stream_end (&reading);
  events = server_test_split_events (reading.text->str);
  joined = server_test_join (events, "content");
  g_assert_true (g_str_has_suffix (joined, "aaaaaaaaaa"));
  for (guint i = 0; i < events->len; i++)
    {
      JsonObject *event = g_ptr_array_index (events, i);
      JsonObject *told
        = json_object_has_member (event, "steering") ? json_object_get_object_member (event, "steering") : NULL;

      if (told == NULL)
        continue;
      g_assert_cmpuint (json_array_get_length (json_object_get_array_member (told, "features")), ==, changes);
      g_assert_true ((json_object_get_int_member (told, "from_token") > 0) == (changes > 0));
      changes++;
    }
  g_assert_cmpuint (changes, ==, 2);
  g_string_free (reading.text, TRUE);
}

/* Its own steering is a reply's own: nothing of the server's acts on it, nor is the server's changed. */
static void
test_steering_in_the_request (ServerTest *f, gconstpointer data)
{
  g_autoptr (JsonObject) put
    = server_test_ask (f, "PUT", "/v1/steering", "{\"features\":[{\"layer\":2,\"index\":98,\"strength\":80}]}", 200);
  g_autoptr (JsonObject) theirs = server_test_ask (
    f, "POST", "/v1/chat/completions",
    "{" HELLO ",\"max_tokens\":8,\"steering\":{\"features\":[{\"layer\":2,\"index\":97,\"strength\":80}]}}", 200);
  g_autoptr (JsonObject) unsteered
    = server_test_ask (f, "POST", "/v1/chat/completions",
                       "{" HELLO ",\"temperature\":0,\"max_tokens\":8,\"steering\":{\"enabled\":false}}", 200);
  g_autoptr (JsonObject) ours
    = server_test_ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"max_tokens\":8}", 200);
  g_autofree char *plain = say (f, 0.0, 0, 8, 0.0);

  g_assert_cmpstr (server_test_get_content (theirs), ==, "aaaaaaaa");
  g_assert_cmpstr (server_test_get_content (unsteered), ==, plain);
  g_assert_cmpstr (server_test_get_content (ours), ==, "bbbbbbbb");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (ours, "steering")), ==, 1);
}

static void
test_steering_is_told_and_changed (ServerTest *f, gconstpointer data)
{
  g_autoptr (JsonObject) empty = server_test_ask (f, "GET", "/v1/steering", NULL, 200);
  g_autoptr (JsonObject) put = server_test_ask (
    f, "PUT", "/v1/steering",
    "{\"multiplier\":0.5,\"features\":[{\"layer\":2,\"index\":97,\"strength\":-4.5,\"mode\":\"clamp\","
    "\"enabled\":false,\"label\":\"A!\"},{\"layer\":1,\"index\":10}]}",
    200);
  g_autoptr (JsonObject) part = server_test_ask (f, "PUT", "/v1/steering", "{\"enabled\":false}", 200);
  JsonObject *first = json_array_get_object_element (json_object_get_array_member (part, "features"), 0);
  JsonObject *second = json_array_get_object_element (json_object_get_array_member (part, "features"), 1);

  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (empty, "features")), ==, 0);
  g_assert_true (json_object_get_null_member (empty, "error"));
  g_assert_true (json_object_get_boolean_member (put, "enabled"));
  g_assert_false (json_object_get_boolean_member (part, "enabled"));
  g_assert_cmpfloat (json_object_get_double_member (part, "multiplier"), ==, 0.5);
  g_assert_cmpfloat (json_object_get_double_member (first, "strength"), ==, -4.5);
  g_assert_cmpstr (json_object_get_string_member (first, "mode"), ==, "clamp");
  g_assert_cmpstr (json_object_get_string_member (first, "label"), ==, "A!");
  g_assert_false (json_object_get_boolean_member (first, "enabled"));
  g_assert_cmpfloat (json_object_get_double_member (first, "recommended"), ==, 60.0);
  g_assert_cmpfloat (json_object_get_double_member (first, "maximum"), ==, 100.0);
  /* What a source calls it. */
  g_assert_cmpstr (json_object_get_string_member (second, "label"), ==, "new lines");
  /* Others change it, too. */
  steer_preset_set_master_enabled (f->preset, TRUE);
  g_clear_pointer (&part, json_object_unref);
  part = server_test_ask (f, "GET", "/v1/steering", NULL, 200);
  g_assert_true (json_object_get_boolean_member (part, "enabled"));
}

static void
test_a_wrong_change_changes_nothing (ServerTest *f, gconstpointer data)
{
  static const char *const wrong[] = {
    "{\"multiplier\":2.5}",
    "{\"multiplier\":\"1\"}",
    "{\"enabled\":1}",
    "{\"features\":{}}",
    "{\"features\":[7]}",
    "{\"features\":[{\"index\":97,\"strength\":1}]}",
    "{\"features\":[{\"layer\":2,\"strength\":1}]}",
    "{\"features\":[{\"layer\":-1,\"index\":97}]}",
    "{\"features\":[{\"layer\":3,\"index\":97,\"strength\":1}]}",
    "{\"features\":[{\"layer\":2,\"index\":12345,\"strength\":1}]}",
    "{\"features\":[{\"layer\":2,\"index\":97,\"strength\":1e999}]}",
    "{\"features\":[{\"layer\":2,\"index\":97,\"mode\":\"louder\"}]}",
    "{\"preset\":\"nothing of the kind\"}",
    "{\"preset\":\"../../etc/passwd\"}",
    "{\"preset\":3}",
    "{\"features\":[{\"layer\":2,\"index\":97,\"strength\":18446744073709551615}]}",
    "[]",
    "",
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (JsonObject) kept
        = server_test_ask (f, "PUT", "/v1/steering",
                           "{\"enabled\":true,\"multiplier\":1.5,\"features\":[{\"layer\":2,\"index\":97,"
                           "\"strength\":3}]}",
                           200);
      g_autoptr (JsonObject) error = server_test_ask (f, "PUT", "/v1/steering", wrong[i], 400);
      g_autoptr (JsonObject) now = server_test_ask (f, "GET", "/v1/steering", NULL, 200);
      g_autoptr (JsonNode) a = json_node_init_object (json_node_alloc (), kept);
      g_autoptr (JsonNode) b = json_node_init_object (json_node_alloc (), now);

      g_assert_cmpuint (strlen (server_test_get_error (error)), >, 5);
      g_assert_true (json_node_equal (a, b));
    }
}

/* Of the server's preset, and of the one that a request opens. */
static void
test_a_presets_prompt_and_sampling_count (ServerTest *f, gconstpointer data)
{
  g_autoptr (JsonObject) plain
    = server_test_ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"temperature\":0,\"max_tokens\":9}", 200);
  g_autoptr (JsonObject) asked = server_test_ask (
    f, "POST", "/v1/chat/completions",
    "{\"messages\":[{\"role\":\"system\",\"content\":\"Speak of towers.\"},{\"role\":\"user\",\"content\":"
    "\"Hello!\"}],\"temperature\":0,\"max_tokens\":9}",
    200);
  g_autoptr (JsonObject) opened
    = server_test_ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"steering\":{\"preset\":\"Letters\"}}", 200);
  g_autoptr (JsonObject) prompted = NULL, own = NULL;

  /* calm.yaml has at most 16. */
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (opened, "usage"), "completion_tokens"),
                   ==, 16);
  g_assert_cmpstr (server_test_get_content (plain), !=, server_test_get_content (asked));
  steer_preset_set_system_prompt (f->preset, "Speak of towers.");
  prompted = server_test_ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"temperature\":0,\"max_tokens\":9}", 200);
  g_assert_cmpstr (server_test_get_content (prompted), ==, server_test_get_content (asked));
  steer_preset_set_system_prompt (f->preset, "Speak of nothing.");
  own = server_test_ask (
    f, "POST", "/v1/chat/completions",
    "{\"messages\":[{\"role\":\"system\",\"content\":\"Speak of towers.\"},{\"role\":\"user\",\"content\":"
    "\"Hello!\"}],\"temperature\":0,\"max_tokens\":9}",
    200);
  g_assert_cmpstr (server_test_get_content (own), ==, server_test_get_content (asked));
}

static void
test_presets_are_opened_by_name (ServerTest *f, gconstpointer data)
{
  g_autoptr (JsonObject) listed = server_test_ask (f, "GET", "/v1/presets", NULL, 200);
  g_autoptr (JsonObject) put
    = server_test_ask (f, "PUT", "/v1/steering", "{\"preset\":\"Letters\",\"multiplier\":2}", 200);

  g_assert_cmpstr (json_array_get_string_element (json_object_get_array_member (listed, "presets"), 0), ==, "Letters");
  g_assert_cmpstr (json_object_get_string_member (put, "name"), ==, "calm");
  g_assert_cmpfloat (json_object_get_double_member (put, "multiplier"), ==, 2.0);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (put, "features")), ==, 1);
}

static guint
count_found (ServerTest *f, const char *query)
{
  g_autofree char *path = g_strconcat ("/v1/features?", query, NULL);
  g_autoptr (JsonObject) found = server_test_ask (f, "GET", path, NULL, 200);

  return json_array_get_length (json_object_get_array_member (found, "features"));
}

static void
test_features_are_found (ServerTest *f, gconstpointer data)
{
  g_autofree char *long_query = NULL, *path = NULL;

  g_assert_cmpuint (count_found (f, ""), ==, 8);
  g_assert_cmpuint (count_found (f, "q=LETTER"), ==, 4);
  g_assert_cmpuint (count_found (f, "q=letter%20b"), ==, 2);
  g_assert_cmpuint (count_found (f, "q=2:9"), ==, 2);
  g_assert_cmpuint (count_found (f, "q=letter&limit=3"), ==, 3);
  g_assert_cmpuint (count_found (f, "q=%ff"), ==, 8);
  g_assert_cmpuint (count_found (f, "q=zebra"), ==, 0);
  long_query = g_strnfill (300, 'e');
  path = g_strconcat ("/v1/features?q=", long_query, NULL);
  json_object_unref (server_test_ask (f, "GET", path, NULL, 400));
}

static void
test_wrong_requests_are_refused (ServerTest *f, gconstpointer data)
{
  static const char *const wrong[] = {
    "{}",
    "{\"messages\":[]}",
    "{\"messages\":\"Hello\"}",
    "{\"messages\":[\"Hello\"]}",
    "{\"messages\":[{\"content\":\"Hello\"}]}",
    "{\"messages\":[{\"role\":\"tool\",\"content\":\"Hello\"}]}",
    "{\"messages\":[{\"role\":\"user\"}]}",
    "{\"messages\":[{\"role\":\"user\",\"content\":3}]}",
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]}",
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
    "{\"messages\":[{\"role\":\"user\",\"content\":\"NUL \\u0000\"}]}",
    "{\"messages\":[{\"role\":\"user\",\"content\":\"half \\ud800\"}]}",
    "{" HELLO ",\"temperature\":-1}",
    "{" HELLO ",\"temperature\":\"warm\"}",
    "{" HELLO ",\"top_p\":0}",
    "{" HELLO ",\"top_p\":1.5}",
    "{" HELLO ",\"top_k\":-3}",
    "{" HELLO ",\"min_p\":2}",
    "{" HELLO ",\"repetition_penalty\":0}",
    "{" HELLO ",\"seed\":18446744073709551615}",
    "{" HELLO ",\"max_tokens\":-18446744073709551613}",
    "{" HELLO ",\"max_tokens\":-1}",
    "{" HELLO ",\"frequency_penalty\":0.5}",
    "{" HELLO ",\"response_format\":{\"type\":\"json_object\"}}",
    "{" HELLO ",\"tool_choice\":\"required\"}",
    "{" HELLO ",\"best_of\":2}",
    "{" HELLO ",\"seed\":0.5}",
    "{" HELLO ",\"max_tokens\":\"all\"}",
    "{" HELLO ",\"stop\":7}",
    "{" HELLO ",\"stop\":[7]}",
    "{" HELLO ",\"stream\":\"yes\"}",
    "{" HELLO ",\"stream_options\":[]}",
    "{" HELLO ",\"n\":2}",
    "{" HELLO ",\"logprobs\":true}",
    "{" HELLO ",\"tools\":[{\"type\":\"function\"}]}",
    "{" HELLO ",\"logit_bias\":{\"5\":1}}",
    "{" HELLO ",\"steering\":true}",
    "{" HELLO ",\"steering\":{\"features\":[{\"layer\":9,\"index\":97,\"strength\":1}]}}",
    "{" HELLO "",
    "nonsense",
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (JsonObject) error = server_test_ask (f, "POST", "/v1/chat/completions", wrong[i], 400);

      g_assert_cmpuint (strlen (server_test_get_error (error)), >, 5);
    }
}

/* What asks for nothing that is refused. */
static void
test_empty_wishes_are_none (ServerTest *f, gconstpointer data)
{
  g_autoptr (JsonObject) reply = server_test_ask (
    f, "POST", "/v1/chat/completions",
    "{" HELLO ",\"max_tokens\":2,\"tools\":[],\"logit_bias\":{},\"logprobs\":false,\"n\":1,\"stop\":null,"
    "\"seed\":-1,\"response_format\":{\"type\":\"text\"},\"presence_penalty\":0,\"tool_choice\":\"auto\","
    "\"temperature\":null,\"user\":\"me\",\"model\":\"any\"}",
    200);
  g_autoptr (JsonObject) parts = server_test_ask (
    f, "POST", "/v1/chat/completions",
    "{\"messages\":[{\"role\":\"developer\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":[{\"type\":"
    "\"text\",\"text\":\"Hel\"},{\"type\":\"text\",\"text\":\"lo!\"}]}],\"temperature\":0,\"max_tokens\":9}",
    200);
  g_autoptr (JsonObject) whole = server_test_ask (
    f, "POST", "/v1/chat/completions",
    "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hello!\"}],"
    "\"temperature\":0,\"max_completion_tokens\":9}",
    200);

  g_assert_nonnull (server_test_get_content (reply));
  g_assert_cmpstr (server_test_get_content (parts), ==, server_test_get_content (whole));
}

static void
test_a_stop_string_ends_a_reply (ServerTest *f, gconstpointer data)
{
  g_autoptr (JsonObject) reply = server_test_ask (
    f, "POST", "/v1/chat/completions",
    "{" HELLO ",\"max_tokens\":30,\"stop\":[\"aaaa\",\"zz\"],\"steering\":{\"features\":[{\"layer\":2,\"index\":97,"
    "\"strength\":80}]}}",
    200);

  g_assert_cmpstr (server_test_get_content (reply), ==, "");
}

static void
test_a_prompt_that_is_too_long_is_refused (ServerTest *f, gconstpointer data)
{
  g_autofree char *long_text = g_strnfill (5000, 'x');
  g_autofree char *body
    = g_strdup_printf ("{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}", long_text);
  g_autoptr (JsonObject) error = server_test_ask (f, "POST", "/v1/chat/completions", body, 400);

  g_assert_nonnull (strstr (server_test_get_error (error), "context"));
}

static void
test_large_and_deep_bodies_are_refused (ServerTest *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (9 * 1024 * 1024, ' ');
  g_autofree char *deep = g_strnfill (1024 * 1024, '[');
  g_autoptr (GString) many = g_string_new ("[");
  g_autoptr (JsonObject) too_many = NULL;
  g_autoptr (JsonObject) too_large = server_test_ask (f, "POST", "/v1/chat/completions", large, 413);
  g_autoptr (JsonObject) too_deep = server_test_ask (f, "POST", "/v1/chat/completions", deep, 400);
  g_autoptr (JsonObject) after = server_test_ask (f, "GET", "/v1/models", NULL, 200);

  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (after, "data")), ==, 1);
  for (guint i = 0; i < 150000; i++)
    g_string_append (many, "{},");
  too_many = server_test_ask (f, "POST", "/v1/chat/completions", many->str, 400);
}

/* As a browser sends it for a page. (nullable) headers */
static guint
get_status (ServerTest *f, const char *method, const char *path, const char *name, const char *value)
{
  g_autoptr (SoupMessage) message = server_test_make_message (f, method, path, NULL);
  g_autofree char *text = NULL;

  if (name != NULL)
    soup_message_headers_replace (soup_message_get_request_headers (message), name, value);
  text = server_test_send (f, message);
  return soup_message_get_status (message);
}

static void
test_other_pages_may_not_ask (ServerTest *f, gconstpointer data)
{
  g_assert_cmpuint (get_status (f, "GET", "/v1/models", "Origin", f->base), ==, 200);
  g_assert_cmpuint (get_status (f, "GET", "/v1/models", "Origin", "https://friend.example"), ==, 200);
  g_assert_cmpuint (get_status (f, "GET", "/v1/models", "Origin", "https://evil.example"), ==, 403);
  g_assert_cmpuint (get_status (f, "GET", "/v1/models", "Origin", "null"), ==, 403);
  g_assert_cmpuint (get_status (f, "PUT", "/v1/steering", "Origin", "http://127.0.0.1:1"), ==, 403);
  /* A picture, and a link. */
  g_assert_cmpuint (get_status (f, "GET", "/v1/features", "Sec-Fetch-Site", "cross-site"), ==, 403);
  g_assert_cmpuint (get_status (f, "GET", "/v1/features", "Sec-Fetch-Site", "same-origin"), ==, 200);
  /* A page whose name was made to point here. */
  g_assert_cmpuint (get_status (f, "GET", "/v1/models", "Host", "evil.example"), ==, 403);
  g_assert_cmpuint (get_status (f, "GET", "/", "Host", "evil.example:80"), ==, 403);
  g_assert_cmpuint (get_status (f, "GET", "/v1/models", "Host", "localhost:80"), ==, 200);
  g_assert_cmpuint (get_status (f, "GET", "/v1/models", "Host", "[::1]:80"), ==, 200);
}

static void
test_a_friend_is_told_so (ServerTest *f, gconstpointer data)
{
  g_autoptr (SoupMessage) message = server_test_make_message (f, "OPTIONS", "/v1/chat/completions", NULL);
  SoupMessageHeaders *answer;
  g_autofree char *text = NULL;

  soup_message_headers_replace (soup_message_get_request_headers (message), "Origin", "https://friend.example");
  soup_message_headers_replace (soup_message_get_request_headers (message), "Access-Control-Request-Headers",
                                "authorization, x-stainless-os");
  text = server_test_send (f, message);
  answer = soup_message_get_response_headers (message);
  g_assert_cmpuint (soup_message_get_status (message), ==, 204);
  g_assert_cmpstr (soup_message_headers_get_one (answer, "Access-Control-Allow-Origin"), ==, "https://friend.example");
  g_assert_nonnull (strstr (soup_message_headers_get_one (answer, "Access-Control-Allow-Headers"), "x-stainless-os"));
  g_assert_nonnull (strstr (soup_message_headers_get_one (answer, "Access-Control-Allow-Methods"), "PATCH"));
}

static void
test_a_token_is_asked_for (ServerTest *f, gconstpointer data)
{
  static const char *const wrong[]
    = { "Bearer", "Bearer ", "Bearer open-sesam", "Bearer open-sesame2", "Basic open-sesame", "Bearer open-sesamE" };

  g_assert_cmpuint (get_status (f, "GET", "/v1/models", NULL, NULL), ==, 401);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_cmpuint (get_status (f, "GET", "/v1/models", "Authorization", wrong[i]), ==, 401);
  g_assert_cmpuint (get_status (f, "GET", "/v1/models", "Authorization", "Bearer " TOKEN), ==, 200);
  g_assert_cmpuint (get_status (f, "GET", "/v1/steering", "Authorization", "bearer " TOKEN), ==, 200);
  /* The page is where it is typed. */
  g_assert_cmpuint (get_status (f, "GET", "/", NULL, NULL), ==, 200);
  g_assert_cmpuint (get_status (f, "GET", "/health", NULL, NULL), ==, 200);
}

static void
test_the_page_is_closed_to_strangers (ServerTest *f, gconstpointer data)
{
  static const char *const paths[] = { "/", "/page.css", "/page.js", "/changes.js", "/icon.svg" };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (SoupMessage) message = server_test_make_message (f, "GET", paths[i], NULL);
      g_autofree char *text = server_test_send (f, message);
      SoupMessageHeaders *answer = soup_message_get_response_headers (message);

      g_assert_cmpuint (soup_message_get_status (message), ==, 200);
      g_assert_nonnull (
        strstr (soup_message_headers_get_one (answer, "Content-Security-Policy"), "default-src 'self'"));
      g_assert_cmpstr (soup_message_headers_get_one (answer, "X-Content-Type-Options"), ==, "nosniff");
      /* Nothing of it comes from elsewhere, and nothing is made of a model's words. */
      g_assert_null (strstr (text, "https://"));
      g_assert_null (strstr (text, "innerHTML"));
    }
  g_assert_cmpuint (get_status (f, "HEAD", "/", NULL, NULL), ==, 200);
  g_assert_cmpuint (get_status (f, "GET", "/page.txt", NULL, NULL), ==, 404);
  g_assert_cmpuint (get_status (f, "GET", "/../meson.build", NULL, NULL), ==, 404);
  g_assert_cmpuint (get_status (f, "POST", "/v1/steering", NULL, NULL), ==, 405);
}

static void
test_who_hangs_up_stops_the_reply (ServerTest *f, gconstpointer data)
{
  ServerTestStream reading;

  server_test_stream_begin (&reading, f, "{" HELLO ",\"temperature\":0,\"max_tokens\":1900,\"stream\":true}");
  test_wait_until (server_test_stream_has_text, &reading, 20);
  g_assert_false (server_test_is_idle (f));
  soup_session_abort (f->session);
  test_wait_until (server_test_is_idle, f, 20);
  test_wait_until (server_test_stream_has_ended, &reading, 20);
  g_object_unref (reading.input);
  g_assert_null (strstr (reading.text->str, "[DONE]"));
  g_string_free (reading.text, TRUE);
}

/* Whoever made it may also just let go of it. */
static void
test_a_server_that_is_dropped_stops (ServerTest *f, gconstpointer data)
{
  ServerTestStream reading;

  server_test_stream_begin (&reading, f, "{" HELLO ",\"temperature\":0,\"max_tokens\":1900,\"stream\":true}");
  test_wait_until (server_test_stream_has_text, &reading, 20);
  g_object_add_weak_pointer (G_OBJECT (f->server), (gpointer *) &f->server);
  g_object_unref (f->server);
  g_assert_null (f->server);
  test_wait_until (server_test_is_idle, f, 20);
  test_wait_until (server_test_stream_has_ended, &reading, 20);
  g_object_unref (reading.input);
  g_string_free (reading.text, TRUE);
}

static void
test_without_a_model (ServerTest *f, gconstpointer data)
{
  g_autoptr (JsonObject) models = server_test_ask (f, "GET", "/v1/models", NULL, 200);
  g_autoptr (JsonObject) error = server_test_ask (f, "POST", "/v1/chat/completions", "{" HELLO "}", 503);

  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (models, "data")), ==, 0);
  g_assert_nonnull (server_test_get_error (error));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
#define ADD(name, func, data)                                                                                          \
  g_test_add ("/server/" name, ServerTest, data, server_test_set_up, func, server_test_tear_down)
  ADD ("replies are the engine's", test_replies_are_the_engines, NULL);
  ADD ("a stream is the same reply", test_a_stream_is_the_same_reply, NULL);
  ADD ("plain text is continued", test_plain_text_is_continued, NULL);
  ADD ("a strength acts in mid-reply", test_a_strength_acts_in_mid_reply, NULL);
  ADD ("steering in the request is its own", test_steering_in_the_request, NULL);
  ADD ("steering is told and changed", test_steering_is_told_and_changed, NULL);
  ADD ("a wrong change changes nothing", test_a_wrong_change_changes_nothing, NULL);
  ADD ("a preset's prompt and sampling count", test_a_presets_prompt_and_sampling_count, NULL);
  ADD ("presets are opened by name", test_presets_are_opened_by_name, NULL);
  ADD ("features are found", test_features_are_found, NULL);
  ADD ("wrong requests are refused", test_wrong_requests_are_refused, NULL);
  ADD ("empty wishes are none", test_empty_wishes_are_none, NULL);
  ADD ("a stop string ends a reply", test_a_stop_string_ends_a_reply, NULL);
  ADD ("a prompt that is too long is refused", test_a_prompt_that_is_too_long_is_refused, NULL);
  ADD ("large and deep bodies are refused", test_large_and_deep_bodies_are_refused, NULL);
  ADD ("other pages may not ask", test_other_pages_may_not_ask, NULL);
  ADD ("a friend is told so", test_a_friend_is_told_so, NULL);
  ADD ("a token is asked for", test_a_token_is_asked_for, "with a token");
  ADD ("the page is closed to strangers", test_the_page_is_closed_to_strangers, NULL);
  ADD ("who hangs up stops the reply", test_who_hangs_up_stops_the_reply, NULL);
  ADD ("a server that is dropped stops", test_a_server_that_is_dropped_stops, NULL);
  ADD ("without a model there is an error", test_without_a_model, "without a model");
  return g_test_run ();
}
