/* Changes of the steering: one feature at a time, and in which order they count where vectors have to be read. */
#include <string.h>

#include "cpu/steer-cpu.h"
#include "serve/steer-server-private.h"
#include "server-test-util.h"
#include "test-util.h"

#define A "{\"layer\":2,\"index\":97,\"strength\":3}"
#define B "{\"layer\":2,\"index\":98,\"strength\":4,\"mode\":\"clamp\"}"
#define SLOW_A "{\"layer\":2,\"index\":97,\"strength\":80,\"source\":\"slow\"}"
#define SLOW_B "{\"layer\":2,\"index\":98,\"strength\":80,\"source\":\"slow\"}"

static JsonObject *
put (ServerTest *f, const char *body)
{
  return server_test_ask (f, "PUT", "/v1/steering", body, 200);
}

static ServerTestCall *
begin_put (ServerTest *f, const char *body)
{
  return server_test_call (f, "PUT", "/v1/steering", body);
}

/* The list of an answer: "97:80 98:-4" and behind what is off "!". Free with g_free(). */
static char *
list_features (JsonObject *answer)
{
  JsonArray *features = json_object_get_array_member (answer, "features");
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < json_array_get_length (features); i++)
    {
      JsonObject *feature = json_array_get_object_element (features, i);

      g_string_append_printf (text, "%s%d:%g%s", i > 0 ? " " : "", (int) json_object_get_int_member (feature, "index"),
                              json_object_get_double_member (feature, "strength"),
                              json_object_get_boolean_member (feature, "enabled") ? "" : "!");
    }
  return g_string_free (text, FALSE);
}

/* Frees @answer. */
static void
assert_features (JsonObject *answer, const char *expected)
{
  g_autofree char *listed = list_features (answer);

  g_assert_cmpstr (listed, ==, expected);
  json_object_unref (answer);
}

static void
assert_in_force (ServerTest *f, const char *expected)
{
  g_autoptr (SteerPlan) plan = steer_live_plan_dup (f->server->live);
  GString *text = g_string_new (NULL);
  g_autofree char *listed = NULL;

  assert_features (server_test_ask (f, "GET", "/v1/steering", NULL, 200), expected);
  for (guint i = 0; i < steer_plan_get_n_ops (plan); i++)
    g_string_append_printf (text, "%s%d:%g", i > 0 ? " " : "", (int) steer_plan_get_ops (plan)[i].index,
                            steer_plan_get_ops (plan)[i].strength);
  listed = g_string_free (text, FALSE);
  g_assert_cmpstr (listed, ==, expected);
}

typedef struct
{
  ServerTest *f;
  guint n;
} Count;

static gboolean
is_read (gpointer data)
{
  Count *count = data;

  return slow_source_get_n_reads (count->f->slow) == count->n;
}

static void
wait_for_reads (ServerTest *f, guint n)
{
  test_wait_until (is_read, &(Count){ f, n }, 20);
}

static gboolean
has_changes (gpointer data)
{
  Count *count = data;

  return count->f->server->changes->len == count->n;
}

static void
wait_for_changes (ServerTest *f, guint n)
{
  test_wait_until (has_changes, &(Count){ f, n }, 20);
}

/* Of feature 97, which A names first; an empty text takes it away. */
static void
test_condition (ServerTest *f)
{
  static const char *const steps[][2] = {
    { "projection(98)>1", "projection(98) > 1.0" },
    { NULL, "projection(98) > 1.0" },
    { "", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autofree char *when = steps[i][0] != NULL ? g_strdup_printf (",\"when\":\"%s\"", steps[i][0]) : g_strdup ("");
      g_autofree char *body = g_strdup_printf ("{\"change\":{\"layer\":2,\"index\":97%s}}", when);
      g_autoptr (JsonObject) told = server_test_ask (f, "PATCH", "/v1/steering", body, 200);
      JsonObject *feature = json_array_get_object_element (json_object_get_array_member (told, "features"), 1);

      g_assert_cmpint (json_object_get_int_member (feature, "index"), ==, 97);
      g_assert_cmpstr (json_object_get_string_member_with_default (feature, "when", NULL), ==, steps[i][1]);
    }
}

static void
test_one_feature_is_changed (ServerTest *f, gconstpointer data)
{
  static const struct
  {
    const char *body, *features;
  } steps[] = {
    { "{\"change\":{\"layer\":2,\"index\":97,\"strength\":-1.5}}", "97:-1.5 98:4 97:3" },
    { "{\"change\":{\"layer\":2,\"index\":97,\"occurrence\":1,\"strength\":9,\"enabled\":false}}",
      "97:-1.5 98:4 97:9!" },
    { "{\"change\":{\"layer\":2,\"index\":97,\"occurrence\":1,\"enabled\":true}}", "97:-1.5 98:4 97:9" },
    { "{\"change\":{\"layer\":2,\"index\":98}}", "97:-1.5 98:4 97:9" },
    { "{\"remove\":{\"layer\":2,\"index\":97}}", "98:4 97:9" },
    { "{\"add\":{\"layer\":1,\"index\":10,\"strength\":2,\"position\":1}}", "98:4 10:2 97:9" },
    { "{\"add\":{\"layer\":1,\"index\":27,\"strength\":5,\"enabled\":false}}", "98:4 10:2 97:9 27:5!" },
    { "{\"enabled\":false}", "98:4 10:2 97:9 27:5!" },
    { "{\"multiplier\":0.5,\"remove\":{\"layer\":1,\"index\":10}}", "98:4 97:9 27:5!" },
    { "{}", "98:4 97:9 27:5!" },
  };
  g_autoptr (JsonObject) last = NULL;
  JsonObject *feature;

  json_object_unref (put (f, "{\"features\":[" A "," B "," A "]}"));
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    assert_features (server_test_ask (f, "PATCH", "/v1/steering", steps[i].body, 200), steps[i].features);
  last = server_test_ask (f, "PATCH", "/v1/steering",
                          "{\"change\":{\"layer\":2,\"index\":97,\"mode\":\"cap\"},\"enabled\":true}", 200);
  feature = json_array_get_object_element (json_object_get_array_member (last, "features"), 1);
  g_assert_cmpstr (json_object_get_string_member (feature, "mode"), ==, "cap");
  g_assert_true (json_object_get_boolean_member (last, "enabled"));
  g_assert_cmpfloat (json_object_get_double_member (last, "multiplier"), ==, 0.5);
  test_condition (f);
  /* What nobody named is as it was. */
  feature = json_array_get_object_element (json_object_get_array_member (last, "features"), 0);
  g_assert_cmpstr (json_object_get_string_member (feature, "mode"), ==, "clamp");
}

static const char *
get_when (JsonObject *answer, guint position)
{
  JsonArray *features = json_object_get_array_member (answer, "features");

  return json_object_get_string_member_with_default (json_array_get_object_element (features, position), "when", NULL);
}

static void
test_a_list_has_conditions (ServerTest *f, gconstpointer data)
{
  static const char *const bodies[] = {
    "{\"features\":[{\"layer\":2,\"index\":97,\"strength\":3,\"when\":\"projection(98)<=2\"}," B "]}",
    "{\"features\":[{\"layer\":2,\"index\":97,\"strength\":3,\"when\":\"\"}," B "]}",
    "{\"features\":[{\"layer\":2,\"index\":97,\"strength\":3,\"when\":null}," B "]}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autoptr (JsonObject) answer = put (f, bodies[i]);
      g_autoptr (JsonObject) told = server_test_ask (f, "GET", "/v1/steering", NULL, 200);
      g_autoptr (SteerPlan) plan = steer_live_plan_dup (f->server->live);
      const SteerPlanGate *gate = &steer_plan_get_ops (plan)->gate;

      g_assert_cmpstr (get_when (answer, 0), ==, i == 0 ? "projection(98) <= 2.0" : NULL);
      g_assert_cmpstr (get_when (told, 0), ==, i == 0 ? "projection(98) <= 2.0" : NULL);
      g_assert_null (get_when (told, 1));
      g_assert_cmpint (gate->when, ==, i == 0 ? STEER_WHEN_BELOW : STEER_WHEN_ALWAYS);
    }
}

static void
test_a_list_with_a_wrong_condition_changes_nothing (ServerTest *f, gconstpointer data)
{
  static const char *const wrong[]
    = { "\"always\"", "\"projection >= 1\"", "\"projection > nan\"", "\"activation > 1\"", "7", "[]" };
  g_autoptr (JsonObject) kept = put (f, "{\"features\":[" A "]}");
  g_autoptr (JsonNode) before = json_node_init_object (json_node_alloc (), kept);

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *body = g_strdup_printf (
        "{\"multiplier\":0.5,\"features\":[" B ",{\"layer\":2,\"index\":97,\"when\":%s}]}", wrong[i]);
      g_autoptr (JsonObject) error = server_test_ask (f, "PUT", "/v1/steering", body, 400);
      g_autoptr (JsonObject) now = server_test_ask (f, "GET", "/v1/steering", NULL, 200);
      g_autoptr (JsonNode) after = json_node_init_object (json_node_alloc (), now);

      g_assert_cmpuint (strlen (server_test_get_error (error)), >, 5);
      g_assert_true (json_node_equal (before, after));
    }
}

static void
test_a_wrong_change_changes_nothing (ServerTest *f, gconstpointer data)
{
  static const struct
  {
    const char *body;
    guint status;
  } wrong[] = {
    { "{\"change\":{\"layer\":2,\"index\":10,\"strength\":1},\"multiplier\":2}", 404 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"occurrence\":1,\"strength\":1}}", 404 },
    { "{\"remove\":{\"layer\":1,\"index\":97},\"enabled\":false}", 404 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"strength\":\"1\"},\"enabled\":false}", 400 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"mode\":\"louder\"}}", 400 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"mode\":\"sae-clamp\"}}", 400 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"when\":\"always\"}}", 400 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"when\":\"activation > 1\"}}", 400 }, /* no encoder */
    { "{\"change\":{\"layer\":2,\"index\":97,\"when\":\"projection(12345) > 1\"}}", 400 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"when\":7}}", 400 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"occurrence\":-1}}", 400 },
    { "{\"change\":{\"index\":97,\"strength\":1}}", 400 },
    { "{\"change\":[]}", 400 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"strength\":1},\"remove\":{\"layer\":2,\"index\":97}}", 400 },
    { "{\"change\":{\"layer\":2,\"index\":97,\"strength\":1},\"multiplier\":2.5}", 400 },
    { "{\"add\":{\"layer\":2,\"index\":12345}}", 400 },
    { "{\"add\":{\"layer\":2,\"index\":98,\"position\":\"first\"}}", 400 },
    { "{\"features\":[]}", 400 },
    { "{\"preset\":\"Letters\"}", 400 },
    { "[]", 400 },
    { "", 400 },
  };
  g_autoptr (JsonObject) kept = put (f, "{\"features\":[" A "]}");
  g_autoptr (JsonNode) before = json_node_init_object (json_node_alloc (), kept);

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (JsonObject) error = server_test_ask (f, "PATCH", "/v1/steering", wrong[i].body, wrong[i].status);
      g_autoptr (JsonObject) now = server_test_ask (f, "GET", "/v1/steering", NULL, 200);
      g_autoptr (JsonNode) after = json_node_init_object (json_node_alloc (), now);

      g_assert_cmpuint (strlen (server_test_get_error (error)), >, 5);
      g_assert_true (json_node_equal (before, after));
    }
}

/* Later than all before it, and the same while nothing is changed: an answer that was overtaken is known by it. */
static void
test_revisions_grow (ServerTest *f, gconstpointer data)
{
  static const char *const bodies[] = { "{\"features\":[" A "]}", "{\"multiplier\":0.5}", "{\"enabled\":false}" };
  gint64 last = 0;

  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autoptr (JsonObject) changed = put (f, bodies[i]);
      g_autoptr (JsonObject) same = put (f, bodies[i]);
      g_autoptr (JsonObject) told = server_test_ask (f, "GET", "/v1/steering", NULL, 200);

      g_assert_cmpint (json_object_get_int_member (changed, "revision"), >, last);
      last = json_object_get_int_member (changed, "revision");
      g_assert_cmpint (json_object_get_int_member (same, "revision"), ==, last);
      g_assert_cmpint (json_object_get_int_member (told, "revision"), ==, last);
    }
}

/* Nothing but what is told of the plan may change, too. */
static void
test_an_error_that_goes_is_news (ServerTest *f, gconstpointer data)
{
  g_autoptr (SteerFeature) feature = steer_feature_new (2, 97);
  g_autoptr (JsonObject) broken = NULL, mended = NULL;

  steer_library_remove (f->library, STEER_VECTOR_SOURCE (f->slow));
  steer_feature_set_source (feature, "slow");
  steer_feature_set_strength (feature, 80.0);
  steer_preset_append (f->preset, feature);
  broken = server_test_ask (f, "GET", "/v1/steering", NULL, 200);
  g_assert_nonnull (strstr (json_object_get_string_member (broken, "error"), "slow"));
  steer_library_add (f->library, STEER_VECTOR_SOURCE (f->slow));
  slow_source_let (f->slow, 97);
  mended = server_test_ask (f, "PATCH", "/v1/steering", "{}", 200);
  g_assert_true (json_object_get_null_member (mended, "error"));
  g_assert_cmpint (json_object_get_int_member (mended, "revision"), >, json_object_get_int_member (broken, "revision"));
  assert_in_force (f, "97:80");
}

static void
test_a_change_acts_in_mid_reply (ServerTest *f, gconstpointer data)
{
  ServerTestStream reading;
  g_autoptr (GPtrArray) events = NULL;
  g_autofree char *joined = NULL;

  json_object_unref (put (f, "{\"features\":[{\"layer\":2,\"index\":97,\"strength\":0}]}"));
  server_test_stream_begin (&reading, f, "{" HELLO ",\"temperature\":0,\"max_tokens\":1500,\"stream\":true}");
  test_wait_until (server_test_stream_has_text, &reading, 20);
  json_object_unref (
    server_test_ask (f, "PATCH", "/v1/steering", "{\"change\":{\"layer\":2,\"index\":97,\"strength\":80}}", 200));
  server_test_stream_end (&reading);
  events = server_test_split_events (reading.text->str);
  joined = server_test_join (events, "content");
  g_assert_false (g_str_has_prefix (joined, "aaaaaaaaaa"));
  g_assert_true (g_str_has_suffix (joined, "aaaaaaaaaa"));
  g_string_free (reading.text, TRUE);
}

static void
test_others_are_served_while_vectors_are_read (ServerTest *f, gconstpointer data)
{
  ServerTestCall *call = begin_put (f, "{\"features\":[" SLOW_A "]}");
  ServerTestStream reading;
  g_autoptr (JsonObject) reply = NULL;

  wait_for_reads (f, 1);
  g_assert_true (slow_source_get_reader (f->slow) != g_thread_self ());
  server_test_stream_begin (&reading, f, "{" HELLO ",\"max_tokens\":50,\"stream\":true}");
  server_test_stream_end (&reading);
  assert_in_force (f, "");
  g_assert_false (call->answered);
  slow_source_let (f->slow, 97);
  assert_features (server_test_call_end (call, 200), "97:80");
  assert_in_force (f, "97:80");
  reply = server_test_ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"max_tokens\":8}", 200);
  g_assert_cmpstr (server_test_get_content (reply), ==, "aaaaaaaa");
  /* What is read is read. */
  json_object_unref (
    server_test_ask (f, "PATCH", "/v1/steering", "{\"change\":{\"layer\":2,\"index\":97,\"strength\":2}}", 200));
  json_object_unref (put (f, "{\"features\":[]}"));
  json_object_unref (put (f, "{\"features\":[" SLOW_A "]}"));
  g_assert_cmpuint (slow_source_get_n_reads (f->slow), ==, 1);
  g_string_free (reading.text, TRUE);
}

/* The first one's vector comes last. */
static void
test_the_last_list_wins (ServerTest *f, gconstpointer data)
{
  ServerTestCall *first = begin_put (f, "{\"multiplier\":0.5,\"features\":[" SLOW_A "]}"), *last;

  wait_for_reads (f, 1);
  last = begin_put (f, "{\"features\":[" SLOW_B "]}");
  wait_for_reads (f, 2);
  slow_source_let (f->slow, 98);
  assert_features (server_test_call_end (last, 200), "98:80");
  g_assert_false (first->answered);
  assert_in_force (f, "98:80");
  slow_source_let (f->slow, 97);
  assert_features (server_test_call_end (first, 200), "98:80");
  /* Of the first one holds what the last one said nothing about. */
  g_assert_cmpfloat (steer_preset_get_master_multiplier (f->preset), ==, 0.5);
  steer_preset_set_master_multiplier (f->preset, 1.0);
  assert_in_force (f, "98:80");
}

/* And where it comes first it holds until the last one's does. */
static void
test_lists_come_in_order (ServerTest *f, gconstpointer data)
{
  ServerTestCall *first = begin_put (f, "{\"features\":[" SLOW_A "]}"), *last;

  wait_for_reads (f, 1);
  last = begin_put (f, "{\"features\":[" SLOW_B "]}");
  wait_for_reads (f, 2);
  slow_source_let (f->slow, 97);
  assert_features (server_test_call_end (first, 200), "97:80");
  g_assert_false (last->answered);
  assert_in_force (f, "97:80");
  slow_source_let (f->slow, 98);
  assert_features (server_test_call_end (last, 200), "98:80");
  assert_in_force (f, "98:80");
}

/* A slider acts at once whatever is being read, and the list that is being read does not set it back. */
static void
test_a_slider_does_not_wait (ServerTest *f, gconstpointer data)
{
  ServerTestCall *call;

  json_object_unref (put (f, "{\"features\":[" A "]}"));
  call = begin_put (f, "{\"features\":[" SLOW_B "," A "]}");
  wait_for_reads (f, 1);
  for (guint i = 0; i <= 50; i++)
    {
      g_autofree char *body = g_strdup_printf ("{\"change\":{\"layer\":2,\"index\":97,\"strength\":%u}}", i);
      g_autofree char *expected = g_strdup_printf ("97:%u", i);

      assert_features (server_test_ask (f, "PATCH", "/v1/steering", body, 200), expected);
    }
  assert_in_force (f, "97:50");
  g_assert_false (call->answered);
  /* The one that waits, and all of the slider. */
  g_assert_cmpuint (f->server->changes->len, ==, 2);
  slow_source_let (f->slow, 98);
  assert_features (server_test_call_end (call, 200), "98:80 97:50");
  assert_in_force (f, "98:80 97:50");
  g_assert_cmpuint (f->server->changes->len, ==, 0);
}

/* Only neighbours that need no order may be left out of it. */
static void
test_changes_are_kept_in_order (ServerTest *f, gconstpointer data)
{
  static const char *const bodies[] = {
    "{\"change\":{\"layer\":2,\"index\":97,\"strength\":5,\"mode\":\"clamp\"}}",
    "{\"change\":{\"layer\":2,\"index\":97,\"strength\":6}}",
    "{\"remove\":{\"layer\":2,\"index\":97}}",
    "{\"add\":" A "}",
    "{\"change\":{\"layer\":2,\"index\":97,\"strength\":7}}",
  };
  ServerTestCall *call;

  json_object_unref (put (f, "{\"features\":[" A "]}"));
  call = begin_put (f, "{\"features\":[" SLOW_B "," A "]}");
  wait_for_reads (f, 1);
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    json_object_unref (server_test_ask (f, "PATCH", "/v1/steering", bodies[i], 200));
  g_assert_cmpuint (f->server->changes->len, ==, 6);
  slow_source_let (f->slow, 98);
  assert_features (server_test_call_end (call, 200), "98:80 97:7");
}

/* It is none of the others' business. */
static void
test_what_cannot_be_read_changes_nothing (ServerTest *f, gconstpointer data)
{
  ServerTestCall *good, *bad, *slider;
  g_autoptr (JsonObject) error = NULL, missing = NULL;

  json_object_unref (put (f, "{\"features\":[" A "]}"));
  good = begin_put (f, "{\"multiplier\":0.5}");
  json_object_unref (server_test_call_end (good, 200));
  bad = begin_put (f, "{\"multiplier\":2,\"features\":[" SLOW_B "]}");
  wait_for_reads (f, 1);
  good = begin_put (f, "{\"features\":[" SLOW_A "]}");
  wait_for_reads (f, 2);
  slider = server_test_call (f, "PATCH", "/v1/steering", "{\"change\":{\"layer\":2,\"index\":98,\"strength\":1}}");
  wait_for_changes (f, 2);
  slow_source_break (f->slow, 98);
  error = server_test_call_end (bad, 400);
  g_assert_cmpstr (server_test_get_error (error), ==, "the disk is scratched");
  missing = server_test_call_end (slider, 404);
  slow_source_let (f->slow, 97);
  assert_features (server_test_call_end (good, 200), "97:80");
  g_assert_cmpfloat (steer_preset_get_master_multiplier (f->preset), ==, 0.5);
}

static void
test_what_is_being_added_can_be_changed (ServerTest *f, gconstpointer data)
{
  ServerTestCall *add = server_test_call (f, "PATCH", "/v1/steering", "{\"add\":" SLOW_A "}"), *change;

  wait_for_reads (f, 1);
  change = server_test_call (f, "PATCH", "/v1/steering", "{\"change\":{\"layer\":2,\"index\":97,\"strength\":7}}");
  wait_for_changes (f, 2);
  assert_in_force (f, "");
  /* What nobody adds does not wait. */
  json_object_unref (server_test_ask (f, "PATCH", "/v1/steering", "{\"remove\":{\"layer\":2,\"index\":98}}", 404));
  slow_source_let (f->slow, 97);
  assert_features (server_test_call_end (add, 200), "97:80");
  assert_features (server_test_call_end (change, 200), "97:7");
  assert_in_force (f, "97:7");
}

static void
test_others_change_the_preset_meanwhile (ServerTest *f, gconstpointer data)
{
  ServerTestCall *call;

  json_object_unref (put (f, "{\"features\":[" A "]}"));
  call = server_test_call (f, "PATCH", "/v1/steering", "{\"add\":" SLOW_B "}");
  wait_for_reads (f, 1);
  json_object_unref (
    server_test_ask (f, "PATCH", "/v1/steering", "{\"change\":{\"layer\":2,\"index\":97,\"strength\":7}}", 200));
  steer_preset_set_system_prompt (f->preset, "Speak of towers.");
  slow_source_let (f->slow, 98);
  assert_features (server_test_call_end (call, 200), "97:7 98:80");
  g_assert_cmpstr (steer_preset_get_system_prompt (f->preset), ==, "Speak of towers.");
}

static void
test_only_so_many_wait (ServerTest *f, gconstpointer data)
{
  ServerTestCall *calls[STEER_SERVER_MAX_CHANGES];

  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    calls[i] = begin_put (f, "{\"features\":[" SLOW_A "]}");
  wait_for_changes (f, STEER_SERVER_MAX_CHANGES);
  json_object_unref (server_test_ask (f, "PUT", "/v1/steering", "{\"features\":[" SLOW_A "]}", 429));
  json_object_unref (server_test_ask (f, "PATCH", "/v1/steering", "{\"enabled\":true}", 200));
  slow_source_let (f->slow, 97);
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    assert_features (server_test_call_end (calls[i], 200), "97:80");
  assert_in_force (f, "97:80");
}

/* Another client's. */
static ServerTestCall *
call_as (ServerTest *f, SoupSession *session, const char *method, const char *path, const char *body)
{
  SoupSession *own = g_steal_pointer (&f->session);
  ServerTestCall *call;

  f->session = session;
  call = server_test_call (f, method, path, body);
  f->session = own;
  return call;
}

#define SLOW_CHAT "{" HELLO ",\"max_tokens\":8,\"steering\":{\"features\":[" SLOW_B "]}}"

static gboolean
has_no_exchange (gpointer data)
{
  return ((ServerTest *) data)->server->exchanges->len == 0;
}

/* A change is made all the same; a reply that nobody waits for is not written. */
static void
test_who_leaves_leaves_nothing_behind (ServerTest *f, gconstpointer data)
{
  g_autoptr (SoupSession) other = soup_session_new ();
  ServerTestCall *change = call_as (f, other, "PUT", "/v1/steering", "{\"features\":[" SLOW_A "]}");
  ServerTestCall *chat = call_as (f, other, "POST", "/v1/chat/completions", SLOW_CHAT);

  wait_for_reads (f, 2);
  soup_session_abort (other);
  server_test_call_end (change, 0);
  server_test_call_end (chat, 0);
  test_wait_until (has_no_exchange, f, 20);
  slow_source_let (f->slow, 98);
  slow_source_let (f->slow, 97);
  wait_for_changes (f, 0);
  assert_in_force (f, "97:80");
  g_assert_true (server_test_is_idle (f));
}

static void
test_a_server_that_is_dropped_waits_for_nothing (ServerTest *f, gconstpointer data)
{
  ServerTestCall *change = begin_put (f, "{\"features\":[" SLOW_A "]}");
  ServerTestCall *chat = server_test_call (f, "POST", "/v1/chat/completions", SLOW_CHAT);

  wait_for_reads (f, 2);
  g_object_add_weak_pointer (G_OBJECT (f->server), (gpointer *) &f->server);
  g_object_unref (f->server);
  g_assert_null (f->server);
  server_test_call_end (change, 0);
  server_test_call_end (chat, 0);
  slow_source_let (f->slow, 97);
  slow_source_let (f->slow, 98);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (f->preset)), ==, 0);
}

static void
test_a_reply_waits_for_its_own_vectors_alone (ServerTest *f, gconstpointer data)
{
  ServerTestCall *steered = server_test_call (f, "POST", "/v1/chat/completions", SLOW_CHAT), *bad;
  g_autoptr (JsonObject) other = NULL, reply = NULL, error = NULL;

  wait_for_reads (f, 1);
  other = server_test_ask (f, "POST", "/v1/chat/completions", "{" HELLO ",\"max_tokens\":8}", 200);
  g_assert_false (steered->answered);
  slow_source_let (f->slow, 98);
  reply = server_test_call_end (steered, 200);
  g_assert_cmpstr (server_test_get_content (reply), ==, "bbbbbbbb");
  slow_source_break (f->slow, 97);
  bad = server_test_call (f, "POST", "/v1/chat/completions",
                          "{" HELLO ",\"stream\":true,\"steering\":{\"features\":[" SLOW_A "]}}");
  error = server_test_call_end (bad, 400);
  g_assert_cmpstr (server_test_get_error (error), ==, "the disk is scratched");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  steer_backend_register (steer_cpu_backend ());
#define ADD(name, func)                                                                                                \
  g_test_add ("/server change/" name, ServerTest, NULL, server_test_set_up, func, server_test_tear_down)
  ADD ("one feature is changed", test_one_feature_is_changed);
  ADD ("a list has conditions", test_a_list_has_conditions);
  ADD ("a list with a wrong condition changes nothing", test_a_list_with_a_wrong_condition_changes_nothing);
  ADD ("a wrong change changes nothing", test_a_wrong_change_changes_nothing);
  ADD ("revisions grow", test_revisions_grow);
  ADD ("an error that goes is news", test_an_error_that_goes_is_news);
  ADD ("a change acts in mid-reply", test_a_change_acts_in_mid_reply);
  ADD ("others are served while vectors are read", test_others_are_served_while_vectors_are_read);
  ADD ("the last list wins", test_the_last_list_wins);
  ADD ("lists come in order", test_lists_come_in_order);
  ADD ("a slider does not wait", test_a_slider_does_not_wait);
  ADD ("changes are kept in order", test_changes_are_kept_in_order);
  ADD ("what cannot be read changes nothing", test_what_cannot_be_read_changes_nothing);
  ADD ("what is being added can be changed", test_what_is_being_added_can_be_changed);
  ADD ("others change the preset meanwhile", test_others_change_the_preset_meanwhile);
  ADD ("only so many wait", test_only_so_many_wait);
  ADD ("who leaves leaves nothing behind", test_who_leaves_leaves_nothing_behind);
  ADD ("a server that is dropped waits for nothing", test_a_server_that_is_dropped_waits_for_nothing);
  ADD ("a reply waits for its own vectors alone", test_a_reply_waits_for_its_own_vectors_alone);
  return g_test_run ();
}
