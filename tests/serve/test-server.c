/* The server, as programs and browsers meet it, with the tiny model. */
#include "serve/steer-server.h"

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>
#include <string.h>

#include "cpu/steer-cpu.h"
#include "steering/steer-vector-source-open.h"
#include "test-util.h"

#define TOKEN "open-sesame"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hello!\"}]"

typedef struct
{
  SteerEngine *engine;
  SteerLibrary *library;
  SteerPreset *preset;
  SteerServer *server;
  SoupSession *session;
  char *base; /* without the slash in the end */
  GAsyncResult *result;
} Fixture;

static void
on_result (GObject *object, GAsyncResult *result, gpointer data)
{
  ((Fixture *) data)->result = g_object_ref (result);
}

static gboolean
has_result (gpointer data)
{
  return ((Fixture *) data)->result != NULL;
}

static GAsyncResult *
wait_for_result (Fixture *f)
{
  test_wait_until (has_result, f, 60);
  return g_steal_pointer (&f->result);
}

static void
load (Fixture *f)
{
  g_autofree char *model = test_fixture_path ("cli/model");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  SteerLoadOptions options;

  steer_load_options_init (&options, model);
  options.device = "cpu";
  options.context.n_context = 2048;
  steer_engine_load_async (f->engine, &options, NULL, on_result, f);
  result = wait_for_result (f);
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

static void
set_up (Fixture *f, gconstpointer data)
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

static void
tear_down (Fixture *f, gconstpointer data)
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

static SoupMessage *
make_message (Fixture *f, const char *method, const char *path, const char *body)
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
static char *
send (Fixture *f, SoupMessage *message)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  soup_session_send_and_read_async (f->session, message, G_PRIORITY_DEFAULT, NULL, on_result, f);
  result = wait_for_result (f);
  bytes = soup_session_send_and_read_finish (f->session, result, &error);
  g_assert_no_error (error);
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static JsonObject *
parse (const char *text)
{
  g_autoptr (JsonNode) node = json_from_string (text, NULL);

  g_assert_true (node != NULL && JSON_NODE_HOLDS_OBJECT (node));
  return json_object_ref (json_node_get_object (node));
}

/* @status: expected. (transfer full) */
static JsonObject *
ask (Fixture *f, const char *method, const char *path, const char *body, guint status)
{
  g_autoptr (SoupMessage) message = make_message (f, method, path, body);
  g_autofree char *text = send (f, message);

  if (soup_message_get_status (message) != status)
    g_error ("%s %s: status %u: %s", method, path, soup_message_get_status (message), text);
  return parse (text);
}

static const char *
get_error (JsonObject *object)
{
  return json_object_get_string_member (json_object_get_object_member (object, "error"), "message");
}

static const char *
get_content (JsonObject *reply)
{
  JsonObject *choice = json_array_get_object_element (json_object_get_array_member (reply, "choices"), 0);

  return json_object_get_string_member (json_object_get_object_member (choice, "message"), "content");
}

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
say (Fixture *f, double temperature, guint64 seed, guint max_tokens, double strength)
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
test_replies_are_the_engines (Fixture *f, gconstpointer data)
{
  for (guint seed = 0; seed < 4; seed++)
    {
      g_autofree char *body = g_strdup_printf (
        "{" HELLO ",\"temperature\":%s,\"seed\":%u,\"max_tokens\":20%s}", seed % 2 ? "1.5" : "0", seed,
        seed > 1 ? ",\"steering\":{\"features\":[{\"layer\":2,\"index\":97,\"strength\":15}]}" : "");
      g_autoptr (JsonObject) reply = ask (f, "POST", "/v1/chat/completions", body, 200);
      g_autofree char *expected = say (f, seed % 2 ? 1.5 : 0.0, seed, 20, seed > 1 ? 15.0 : 0.0);
      JsonObject *usage = json_object_get_object_member (reply, "usage");

      g_assert_cmpstr (get_content (reply), ==, expected);
      g_assert_cmpstr (json_object_get_string_member (reply, "object"), ==, "chat.completion");
      g_assert_cmpint (json_object_get_int_member (usage, "total_tokens"), ==,
                       json_object_get_int_member (usage, "prompt_tokens")
                         + json_object_get_int_member (usage, "completion_tokens"));
    }
}

/* The events of a stream. (element-type JsonObject) */
static GPtrArray *
split_events (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "\n\n", -1);
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) json_object_unref);
  gboolean done = FALSE;

  for (guint i = 0; parts[i] != NULL && *parts[i] != '\0'; i++)
    {
      g_assert_false (done);
      g_assert_true (g_str_has_prefix (parts[i], "data: "));
      done = g_str_equal (parts[i] + 6, "[DONE]");
      if (!done)
        g_ptr_array_add (events, parse (parts[i] + 6));
    }
  g_assert_true (done);
  return events;
}

static char *
join_events (GPtrArray *events, gboolean chat)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < events->len; i++)
    {
      JsonArray *choices = json_object_get_array_member (g_ptr_array_index (events, i), "choices");
      JsonObject *choice = json_array_get_length (choices) > 0 ? json_array_get_object_element (choices, 0) : NULL;
      JsonObject *piece = choice != NULL && chat ? json_object_get_object_member (choice, "delta") : choice;

      if (piece != NULL && json_object_has_member (piece, chat ? "content" : "text"))
        g_string_append (text, json_object_get_string_member (piece, chat ? "content" : "text"));
    }
  return g_string_free (text, FALSE);
}

static void
test_a_stream_is_the_same_reply (Fixture *f, gconstpointer data)
{
  g_autoptr (SoupMessage) message = make_message (f, "POST", "/v1/chat/completions",
                                                  "{" HELLO ",\"temperature\":0,\"max_tokens\":40,\"stream\":true,"
                                                  "\"stream_options\":{\"include_usage\":true}}");
  g_autofree char *text = send (f, message);
  g_autoptr (GPtrArray) events = split_events (text);
  g_autofree char *joined = join_events (events, TRUE);
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
test_plain_text_is_continued (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) whole
    = ask (f, "POST", "/v1/completions", "{\"prompt\":[\"Once\"],\"temperature\":0,\"max_tokens\":12}", 200);
  g_autoptr (SoupMessage) message = make_message (
    f, "POST", "/v1/completions", "{\"prompt\":\"Once\",\"temperature\":0,\"max_tokens\":12,\"stream\":true}");
  g_autofree char *text = send (f, message);
  g_autoptr (GPtrArray) events = split_events (text);
  g_autofree char *joined = join_events (events, FALSE);
  JsonObject *choice = json_array_get_object_element (json_object_get_array_member (whole, "choices"), 0);

  g_assert_cmpstr (json_object_get_string_member (choice, "text"), ==, joined);
  g_assert_cmpuint (strlen (joined), >, 0);
}

/* A stream that is read while other things are asked. */
typedef struct
{
  Fixture *f;
  GInputStream *stream;
  GString *text;
  char buffer[256];
  gboolean ended;
} Reading;

static void
on_read (GObject *object, GAsyncResult *result, gpointer data)
{
  Reading *self = data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (object), result, NULL);

  self->ended = n <= 0;
  if (self->ended)
    return;
  g_string_append_len (self->text, self->buffer, n);
  g_input_stream_read_async (self->stream, self->buffer, sizeof self->buffer, 0, NULL, on_read, self);
}

static void
reading_begin (Reading *self, Fixture *f, const char *body)
{
  g_autoptr (SoupMessage) message = make_message (f, "POST", "/v1/chat/completions", body);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  soup_session_send_async (f->session, message, G_PRIORITY_DEFAULT, NULL, on_result, f);
  result = wait_for_result (f);
  *self
    = (Reading){ .f = f, .stream = soup_session_send_finish (f->session, result, &error), .text = g_string_new (NULL) };
  g_assert_no_error (error);
  g_assert_cmpuint (soup_message_get_status (message), ==, 200);
  g_input_stream_read_async (self->stream, self->buffer, sizeof self->buffer, 0, NULL, on_read, self);
}

static gboolean
has_text (gpointer data)
{
  return ((Reading *) data)->text->len > 0;
}

static gboolean
has_ended (gpointer data)
{
  return ((Reading *) data)->ended;
}

static void
reading_end (Reading *self)
{
  test_wait_until (has_ended, self, 60);
  g_object_unref (self->stream);
}

static void
test_a_strength_acts_in_mid_reply (Fixture *f, gconstpointer data)
{
  Reading reading;
  g_autoptr (JsonObject) steering = NULL;
  g_autoptr (GPtrArray) events = NULL;
  g_autofree char *joined = NULL;
  guint changes = 0;

  reading_begin (&reading, f, "{" HELLO ",\"temperature\":0,\"max_tokens\":1500,\"stream\":true}");
  test_wait_until (has_text, &reading, 20);
  steering = ask (f, "PUT", "/v1/steering", "{\"features\":[{\"layer\":2,\"index\":97,\"strength\":80}]}", 200);
  reading_end (&reading);
  events = split_events (reading.text->str);
  joined = join_events (events, TRUE);
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
test_steering_in_the_request (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) put
    = ask (f, "PUT", "/v1/steering", "{\"features\":[{\"layer\":2,\"index\":98,\"strength\":80}]}", 200);
  g_autoptr (JsonObject) theirs = ask (
    f, "POST", "/v1/chat/completions",
    "{" HELLO ",\"max_tokens\":8,\"steering\":{\"features\":[{\"layer\":2,\"index\":97,\"strength\":80}]}}", 200);
  g_autoptr (JsonObject) unsteered
    = ask (f, "POST", "/v1/chat/completions",
           "{" HELLO ",\"temperature\":0,\"max_tokens\":8,\"steering\":{\"enabled\":false}}", 200);
  g_autoptr (JsonObject) ours = ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"max_tokens\":8}", 200);
  g_autofree char *plain = say (f, 0.0, 0, 8, 0.0);

  g_assert_cmpstr (get_content (theirs), ==, "aaaaaaaa");
  g_assert_cmpstr (get_content (unsteered), ==, plain);
  g_assert_cmpstr (get_content (ours), ==, "bbbbbbbb");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (ours, "steering")), ==, 1);
}

static void
test_steering_is_told_and_changed (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) empty = ask (f, "GET", "/v1/steering", NULL, 200);
  g_autoptr (JsonObject) put
    = ask (f, "PUT", "/v1/steering",
           "{\"multiplier\":0.5,\"features\":[{\"layer\":2,\"index\":97,\"strength\":-4.5,\"mode\":\"clamp\","
           "\"enabled\":false,\"label\":\"A!\"},{\"layer\":1,\"index\":10}]}",
           200);
  g_autoptr (JsonObject) part = ask (f, "PUT", "/v1/steering", "{\"enabled\":false}", 200);
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
  part = ask (f, "GET", "/v1/steering", NULL, 200);
  g_assert_true (json_object_get_boolean_member (part, "enabled"));
}

static void
test_a_wrong_change_changes_nothing (Fixture *f, gconstpointer data)
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
      g_autoptr (JsonObject) kept = ask (f, "PUT", "/v1/steering",
                                         "{\"enabled\":true,\"multiplier\":1.5,\"features\":[{\"layer\":2,\"index\":97,"
                                         "\"strength\":3}]}",
                                         200);
      g_autoptr (JsonObject) error = ask (f, "PUT", "/v1/steering", wrong[i], 400);
      g_autoptr (JsonObject) now = ask (f, "GET", "/v1/steering", NULL, 200);
      g_autoptr (JsonNode) a = json_node_init_object (json_node_alloc (), kept);
      g_autoptr (JsonNode) b = json_node_init_object (json_node_alloc (), now);

      g_assert_cmpuint (strlen (get_error (error)), >, 5);
      g_assert_true (json_node_equal (a, b));
    }
}

/* Of the server's preset, and of the one that a request opens. */
static void
test_a_presets_prompt_and_sampling_count (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) plain
    = ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"temperature\":0,\"max_tokens\":9}", 200);
  g_autoptr (JsonObject) asked
    = ask (f, "POST", "/v1/chat/completions",
           "{\"messages\":[{\"role\":\"system\",\"content\":\"Speak of towers.\"},{\"role\":\"user\",\"content\":"
           "\"Hello!\"}],\"temperature\":0,\"max_tokens\":9}",
           200);
  g_autoptr (JsonObject) opened
    = ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"steering\":{\"preset\":\"Letters\"}}", 200);
  g_autoptr (JsonObject) prompted = NULL, own = NULL;

  /* calm.yaml has at most 16. */
  g_assert_cmpint (json_object_get_int_member (json_object_get_object_member (opened, "usage"), "completion_tokens"),
                   ==, 16);
  g_assert_cmpstr (get_content (plain), !=, get_content (asked));
  steer_preset_set_system_prompt (f->preset, "Speak of towers.");
  prompted = ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"temperature\":0,\"max_tokens\":9}", 200);
  g_assert_cmpstr (get_content (prompted), ==, get_content (asked));
  steer_preset_set_system_prompt (f->preset, "Speak of nothing.");
  own = ask (f, "POST", "/v1/chat/completions",
             "{\"messages\":[{\"role\":\"system\",\"content\":\"Speak of towers.\"},{\"role\":\"user\",\"content\":"
             "\"Hello!\"}],\"temperature\":0,\"max_tokens\":9}",
             200);
  g_assert_cmpstr (get_content (own), ==, get_content (asked));
}

static void
test_presets_are_opened_by_name (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) listed = ask (f, "GET", "/v1/presets", NULL, 200);
  g_autoptr (JsonObject) put = ask (f, "PUT", "/v1/steering", "{\"preset\":\"Letters\",\"multiplier\":2}", 200);

  g_assert_cmpstr (json_array_get_string_element (json_object_get_array_member (listed, "presets"), 0), ==, "Letters");
  g_assert_cmpstr (json_object_get_string_member (put, "name"), ==, "calm");
  g_assert_cmpfloat (json_object_get_double_member (put, "multiplier"), ==, 2.0);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (put, "features")), ==, 1);
}

static guint
count_found (Fixture *f, const char *query)
{
  g_autofree char *path = g_strconcat ("/v1/features?", query, NULL);
  g_autoptr (JsonObject) found = ask (f, "GET", path, NULL, 200);

  return json_array_get_length (json_object_get_array_member (found, "features"));
}

static void
test_features_are_found (Fixture *f, gconstpointer data)
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
  json_object_unref (ask (f, "GET", path, NULL, 400));
}

static void
test_wrong_requests_are_refused (Fixture *f, gconstpointer data)
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
      g_autoptr (JsonObject) error = ask (f, "POST", "/v1/chat/completions", wrong[i], 400);

      g_assert_cmpuint (strlen (get_error (error)), >, 5);
    }
}

/* What asks for nothing that is refused. */
static void
test_empty_wishes_are_none (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) reply
    = ask (f, "POST", "/v1/chat/completions",
           "{" HELLO ",\"max_tokens\":2,\"tools\":[],\"logit_bias\":{},\"logprobs\":false,\"n\":1,\"stop\":null,"
           "\"seed\":-1,\"response_format\":{\"type\":\"text\"},\"presence_penalty\":0,\"tool_choice\":\"auto\","
           "\"temperature\":null,\"user\":\"me\",\"model\":\"any\"}",
           200);
  g_autoptr (JsonObject) parts = ask (
    f, "POST", "/v1/chat/completions",
    "{\"messages\":[{\"role\":\"developer\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":[{\"type\":"
    "\"text\",\"text\":\"Hel\"},{\"type\":\"text\",\"text\":\"lo!\"}]}],\"temperature\":0,\"max_tokens\":9}",
    200);
  g_autoptr (JsonObject) whole
    = ask (f, "POST", "/v1/chat/completions",
           "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hello!\"}],"
           "\"temperature\":0,\"max_completion_tokens\":9}",
           200);

  g_assert_nonnull (get_content (reply));
  g_assert_cmpstr (get_content (parts), ==, get_content (whole));
}

static void
test_a_stop_string_ends_a_reply (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) reply = ask (
    f, "POST", "/v1/chat/completions",
    "{" HELLO ",\"max_tokens\":30,\"stop\":[\"aaaa\",\"zz\"],\"steering\":{\"features\":[{\"layer\":2,\"index\":97,"
    "\"strength\":80}]}}",
    200);

  g_assert_cmpstr (get_content (reply), ==, "");
}

static void
test_a_prompt_that_is_too_long_is_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *long_text = g_strnfill (5000, 'x');
  g_autofree char *body
    = g_strdup_printf ("{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}", long_text);
  g_autoptr (JsonObject) error = ask (f, "POST", "/v1/chat/completions", body, 400);

  g_assert_nonnull (strstr (get_error (error), "context"));
}

static void
test_large_and_deep_bodies_are_refused (Fixture *f, gconstpointer data)
{
  g_autofree char *large = g_strnfill (9 * 1024 * 1024, ' ');
  g_autofree char *deep = g_strnfill (1024 * 1024, '[');
  g_autoptr (GString) many = g_string_new ("[");
  g_autoptr (JsonObject) too_many = NULL;
  g_autoptr (JsonObject) too_large = ask (f, "POST", "/v1/chat/completions", large, 413);
  g_autoptr (JsonObject) too_deep = ask (f, "POST", "/v1/chat/completions", deep, 400);
  g_autoptr (JsonObject) after = ask (f, "GET", "/v1/models", NULL, 200);

  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (after, "data")), ==, 1);
  for (guint i = 0; i < 150000; i++)
    g_string_append (many, "{},");
  too_many = ask (f, "POST", "/v1/chat/completions", many->str, 400);
}

/* As a browser sends it for a page. (nullable) headers */
static guint
get_status (Fixture *f, const char *method, const char *path, const char *name, const char *value)
{
  g_autoptr (SoupMessage) message = make_message (f, method, path, NULL);
  g_autofree char *text = NULL;

  if (name != NULL)
    soup_message_headers_replace (soup_message_get_request_headers (message), name, value);
  text = send (f, message);
  return soup_message_get_status (message);
}

static void
test_other_pages_may_not_ask (Fixture *f, gconstpointer data)
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
test_a_friend_is_told_so (Fixture *f, gconstpointer data)
{
  g_autoptr (SoupMessage) message = make_message (f, "OPTIONS", "/v1/chat/completions", NULL);
  SoupMessageHeaders *answer;
  g_autofree char *text = NULL;

  soup_message_headers_replace (soup_message_get_request_headers (message), "Origin", "https://friend.example");
  soup_message_headers_replace (soup_message_get_request_headers (message), "Access-Control-Request-Headers",
                                "authorization, x-stainless-os");
  text = send (f, message);
  answer = soup_message_get_response_headers (message);
  g_assert_cmpuint (soup_message_get_status (message), ==, 204);
  g_assert_cmpstr (soup_message_headers_get_one (answer, "Access-Control-Allow-Origin"), ==, "https://friend.example");
  g_assert_nonnull (strstr (soup_message_headers_get_one (answer, "Access-Control-Allow-Headers"), "x-stainless-os"));
}

static void
test_a_token_is_asked_for (Fixture *f, gconstpointer data)
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
test_the_page_is_closed_to_strangers (Fixture *f, gconstpointer data)
{
  static const char *const paths[] = { "/", "/page.css", "/page.js", "/icon.svg" };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (SoupMessage) message = make_message (f, "GET", paths[i], NULL);
      g_autofree char *text = send (f, message);
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

static gboolean
is_idle (gpointer data)
{
  return steer_engine_get_state (((Fixture *) data)->engine) == STEER_ENGINE_READY;
}

static void
test_who_hangs_up_stops_the_reply (Fixture *f, gconstpointer data)
{
  Reading reading;

  reading_begin (&reading, f, "{" HELLO ",\"temperature\":0,\"max_tokens\":1900,\"stream\":true}");
  test_wait_until (has_text, &reading, 20);
  g_assert_false (is_idle (f));
  soup_session_abort (f->session);
  test_wait_until (is_idle, f, 20);
  test_wait_until (has_ended, &reading, 20);
  g_object_unref (reading.stream);
  g_assert_null (strstr (reading.text->str, "[DONE]"));
  g_string_free (reading.text, TRUE);
}

static guint16
get_port (Fixture *f)
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
let_in (Fixture *f, Crowd *crowd)
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
test_connections_do_not_add_up (Fixture *f, gconstpointer data)
{
  Crowd crowds[]
    = { { .request = ANSWERED, .n_connections = 60, .n_read = 60 },
        { .n_connections = 60, .at_once = TRUE },
        { .request = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\n{",
          .n_connections = 60,
          .at_once = TRUE } };
  guint n_before;

  json_object_unref (ask (f, "GET", "/health", NULL, 200));
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
test_the_door_opens_again (Fixture *f, gconstpointer data)
{
  Crowd crowd = { .n_connections = 260, .at_once = TRUE };

  let_in (f, &crowd);
  json_object_unref (ask (f, "GET", "/health", NULL, 200));
  g_ptr_array_unref (crowd.answers);
}

static void
test_files_are_not_multiplied (Fixture *f, gconstpointer data)
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
test_bodies_to_nowhere_are_not_kept (Fixture *f, gconstpointer data)
{
  g_autofree char *body = g_strnfill (48 * 1024 * 1024, 'a');
  g_autofree char *request = g_strdup_printf (
    "POST /a%%2f..%%2fb HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n%s", strlen (body), body);
  gsize before = test_get_resident ();
  Crowd crowd = { .request = request, .n_connections = 1, .n_read = 1 };

#ifdef __SANITIZE_ADDRESS__
  g_test_skip ("the sanitizer keeps what is freed");
  return;
#endif
  let_in (f, &crowd);
  g_assert_cmpuint (test_get_resident (), <, before + 24 * 1024 * 1024);
  g_ptr_array_unref (crowd.answers);
}

/* Who closes one side is not told that a reply of no word was all. */
static void
test_half_a_reply_is_none (Fixture *f, gconstpointer data)
{
  g_autofree char *request = make_request (LONG_REPLY, "1.1");
  Crowd crowd = { .request = request, .n_connections = 1, .n_read = 1, .half_closed = TRUE };

  let_in (f, &crowd);
  g_assert_false (g_str_has_prefix (g_ptr_array_index (crowd.answers, 0), "HTTP/1.1 200 "));
  g_ptr_array_unref (crowd.answers);
}

static void
test_an_old_client_gets_no_chunks (Fixture *f, gconstpointer data)
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
test_only_so_many_wait (Fixture *f, gconstpointer data)
{
  g_autofree char *request = make_request (LONG_REPLY, "1.1");
  Crowd crowd = { .request = request, .n_connections = 80, .at_once = TRUE, .n_read = 10 };
  guint n_refused = 0;
  gint64 one, all;

  one = g_get_monotonic_time ();
  json_object_unref (ask (f, "POST", "/v1/chat/completions", LONG_REPLY, 200));
  one = g_get_monotonic_time () - one;
  let_in (f, &crowd);
  all = g_get_monotonic_time ();
  for (guint i = 0; i < crowd.answers->len; i++)
    n_refused += g_str_has_prefix (g_ptr_array_index (crowd.answers, i), "HTTP/1.1 429 ");
  g_assert_cmpuint (n_refused, >, 0);
  test_wait_until (is_idle, f, 60);
  all = g_get_monotonic_time () - all;
  g_assert_cmpint (all, <, 30 * one);
  g_ptr_array_unref (crowd.answers);
}

/* Whoever made it may also just let go of it. */
static void
test_a_server_that_is_dropped_stops (Fixture *f, gconstpointer data)
{
  Reading reading;

  reading_begin (&reading, f, "{" HELLO ",\"temperature\":0,\"max_tokens\":1900,\"stream\":true}");
  test_wait_until (has_text, &reading, 20);
  g_object_add_weak_pointer (G_OBJECT (f->server), (gpointer *) &f->server);
  g_object_unref (f->server);
  g_assert_null (f->server);
  test_wait_until (is_idle, f, 20);
  test_wait_until (has_ended, &reading, 20);
  g_object_unref (reading.stream);
  g_string_free (reading.text, TRUE);
}

static void
test_without_a_model (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) models = ask (f, "GET", "/v1/models", NULL, 200);
  g_autoptr (JsonObject) error = ask (f, "POST", "/v1/chat/completions", "{" HELLO "}", 503);

  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (models, "data")), ==, 0);
  g_assert_nonnull (get_error (error));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
#define ADD(name, func, data) g_test_add ("/server/" name, Fixture, data, set_up, func, tear_down)
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
  ADD ("only so many wait", test_only_so_many_wait, NULL);
  ADD ("connections do not add up", test_connections_do_not_add_up, NULL);
  ADD ("the door opens again", test_the_door_opens_again, NULL);
  ADD ("files are not multiplied", test_files_are_not_multiplied, NULL);
  ADD ("bodies to nowhere are not kept", test_bodies_to_nowhere_are_not_kept, NULL);
  ADD ("half a reply is none", test_half_a_reply_is_none, NULL);
  ADD ("an old client gets no chunks", test_an_old_client_gets_no_chunks, NULL);
  ADD ("a server that is dropped stops", test_a_server_that_is_dropped_stops, NULL);
  ADD ("without a model there is an error", test_without_a_model, "without a model");
  return g_test_run ();
}
