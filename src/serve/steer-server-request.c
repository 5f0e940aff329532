/* What a client asks for: OpenAI's parameters, those that other local servers add, and the steering. */
#include "steer-server-private.h"

#include <string.h>

#define MAX_STOPS 16

void
steer_server_ask_clear (SteerServerAsk *self)
{
  g_clear_pointer (&self->request, steer_request_unref);
  g_clear_object (&self->preset);
}

static gboolean
read_role (JsonObject *object, SteerRole *role, GError **error)
{
  const char *name = NULL;

  if (!steer_server_read_string (object, "role", &name, error))
    return FALSE;
  if (g_strcmp0 (name, "developer") == 0)
    name = "system";
  if (name != NULL && steer_role_from_name (name, role))
    return TRUE;
  return steer_server_fail (error, "\"role\" must be system, developer, user or assistant");
}

/* A string, or parts of type "text", which are joined. */
static gboolean
read_content (JsonObject *object, GString *text, GError **error)
{
  JsonNode *node = json_object_get_member (object, "content");
  JsonArray *parts;

  if (node != NULL && json_node_get_value_type (node) == G_TYPE_STRING)
    {
      g_string_append (text, json_node_get_string (node));
      return TRUE;
    }
  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return steer_server_fail (error, "\"content\" must be a string or an array of parts");
  parts = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (parts); i++)
    {
      JsonNode *part = json_array_get_element (parts, i);
      const char *type = NULL, *piece = NULL;

      if (!JSON_NODE_HOLDS_OBJECT (part) || !steer_server_read_string (json_node_get_object (part), "type", &type, NULL)
          || !steer_server_read_string (json_node_get_object (part), "text", &piece, NULL)
          || g_strcmp0 (type, "text") != 0 || piece == NULL)
        return steer_server_fail (error, "only parts of type \"text\" are understood");
      g_string_append (text, piece);
    }
  return TRUE;
}

/* What was thought before a reply, which clients may give back as they got it. */
static gboolean
read_thought (JsonObject *object, SteerRole role, GString *text, GError **error)
{
  const char *thought = NULL;
  g_autofree char *block = NULL;

  if (!steer_server_read_string (object, "reasoning_content", &thought, error))
    return FALSE;
  if (thought == NULL || *thought == '\0' || role != STEER_ROLE_ASSISTANT)
    return TRUE;
  block = g_strdup_printf ("<think>\n%s\n</think>\n\n", thought);
  g_string_append (text, block);
  return TRUE;
}

/* The preset's prompt, where the client has none of its own. */
static void
add_system_prompt (SteerServerAsk *self, SteerRole first)
{
  const char *prompt = steer_preset_get_system_prompt (self->preset);

  if (prompt != NULL && *prompt != '\0' && first != STEER_ROLE_SYSTEM)
    steer_request_add_message (self->request, STEER_ROLE_SYSTEM, prompt);
}

static gboolean
read_messages (SteerServerAsk *self, JsonObject *body, GError **error)
{
  JsonArray *messages = NULL;

  if (!steer_server_read_array (body, "messages", &messages, error))
    return FALSE;
  if (messages == NULL || json_array_get_length (messages) == 0)
    return steer_server_fail (error, "\"messages\" must be an array of at least one message");
  for (guint i = 0; i < json_array_get_length (messages); i++)
    {
      JsonNode *node = json_array_get_element (messages, i);
      g_autoptr (GString) text = g_string_new (NULL);
      SteerRole role;

      if (!JSON_NODE_HOLDS_OBJECT (node))
        return steer_server_fail (error, "a message must be an object");
      if (!read_role (json_node_get_object (node), &role, error)
          || !read_thought (json_node_get_object (node), role, text, error)
          || !read_content (json_node_get_object (node), text, error))
        return FALSE;
      if (i == 0)
        add_system_prompt (self, role);
      steer_request_add_message (self->request, role, text->str);
    }
  return TRUE;
}

/* A string, or an array of one, as some clients send it. */
static gboolean
read_prompt (SteerServerAsk *self, JsonObject *body, GError **error)
{
  JsonNode *node = json_object_get_member (body, "prompt");

  if (node != NULL && JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 1)
    node = json_array_get_element (json_node_get_array (node), 0);
  if (node == NULL || json_node_get_value_type (node) != G_TYPE_STRING)
    return steer_server_fail (error, "\"prompt\" must be one string");
  steer_request_set_text (self->request, json_node_get_string (node));
  return TRUE;
}

/* As everywhere: what is asked for, else the preset's, else the model's advice. */
static void
find_sampling (SteerServer *server, SteerPreset *preset, SteerSampling *sampling)
{
  SteerModel *model = steer_engine_get_model (server->engine);

  steer_sampling_init (sampling);
  if (model != NULL)
    steer_sampling_merge (sampling, &steer_model_get_config (model)->sampling,
                          steer_model_get_config (model)->sampling_fields);
  steer_sampling_merge (sampling, steer_preset_get_sampling (preset), steer_preset_get_sampling_fields (preset));
}

static gboolean
read_sampling (SteerServerAsk *self, SteerServer *server, JsonObject *body, GError **error)
{
  static const SteerSamplingFields measures[STEER_SAMPLING_N_MEASURES]
    = { STEER_SAMPLING_TEMPERATURE, STEER_SAMPLING_TOP_K, STEER_SAMPLING_TOP_P, STEER_SAMPLING_MIN_P,
        STEER_SAMPLING_REPETITION_PENALTY };
  gboolean has_seed = (steer_preset_get_sampling_fields (self->preset) & STEER_SAMPLING_SEED) != 0;
  SteerSampling sampling;
  guint64 max_tokens;
  gint64 seed;

  find_sampling (server, self->preset, &sampling);
  for (guint i = 0; i < G_N_ELEMENTS (measures); i++)
    {
      double value = steer_sampling_get (&sampling, measures[i]);

      if (!steer_server_read_double (body, steer_sampling_keys[i], &value, error))
        return FALSE;
      if (!steer_sampling_set (&sampling, measures[i], value))
        return steer_server_fail (error, "\"%s\" cannot be %g", steer_sampling_keys[i], value);
    }
  max_tokens = sampling.max_tokens;
  /* Any whole number is a seed. */
  seed = has_seed ? (gint64) sampling.seed : (gint64) g_random_int ();
  if (!steer_server_read_int (body, "seed", &seed, error)
      || !steer_server_read_uint (body, "max_tokens", &max_tokens, error)
      || !steer_server_read_uint (body, "max_completion_tokens", &max_tokens, error))
    return FALSE;
  sampling.seed = (guint64) seed;
  sampling.max_tokens = (guint) MIN (max_tokens, G_MAXUINT);
  steer_request_set_sampling (self->request, &sampling);
  return TRUE;
}

static gboolean
read_stop (SteerServerAsk *self, SteerServer *server, JsonObject *body, GError **error)
{
  JsonNode *node = steer_server_has (body, "stop") ? json_object_get_member (body, "stop") : NULL;
  const char *stops[MAX_STOPS + 1] = { NULL };
  JsonArray *array;

  if (node == NULL)
    {
      steer_request_set_stop_strings (self->request, (const char *const *) server->stop_strings);
      return TRUE;
    }
  if (json_node_get_value_type (node) == G_TYPE_STRING)
    stops[0] = json_node_get_string (node);
  else if (!JSON_NODE_HOLDS_ARRAY (node) || json_array_get_length (json_node_get_array (node)) > MAX_STOPS)
    return steer_server_fail (error, "\"stop\" must be a string or an array of up to %u", MAX_STOPS);
  array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *stop = json_array_get_element (array, i);

      if (json_node_get_value_type (stop) != G_TYPE_STRING)
        return steer_server_fail (error, "\"stop\" must be strings");
      stops[i] = json_node_get_string (stop);
    }
  steer_request_set_stop_strings (self->request, stops);
  return TRUE;
}

/* A client that says nothing of steering is steered as the server is, and feels every change. */
static gboolean
read_steering (SteerServerAsk *self, SteerServer *server, JsonObject *body, GError **error)
{
  JsonObject *wishes = NULL;
  g_autoptr (SteerServerWish) wish = NULL;

  if (!steer_server_read_object (body, "steering", &wishes, error))
    return FALSE;
  if (wishes == NULL)
    {
      self->preset = g_object_ref (server->preset);
      steer_request_set_live_plan (self->request, server->live);
      return TRUE;
    }
  wish = steer_server_wish_new (wishes, FALSE, server->open_preset, error);
  if (wish == NULL)
    return FALSE;
  self->is_steered = TRUE;
  self->preset = steer_preset_copy (server->preset);
  if (!steer_server_wish_apply (wish, self->preset, error))
    return FALSE;
  steer_server_describe (server, self->preset);
  return TRUE;
}

/* Whether a value asks for nothing: false, 0, "none", "auto", {}, [] or {"type": "text"}. */
static gboolean
asks_nothing (JsonNode *node)
{
  GType type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  if (type == G_TYPE_STRING)
    return g_str_equal (json_node_get_string (node), "none") || g_str_equal (json_node_get_string (node), "auto")
           || *json_node_get_string (node) == '\0';
  if (type == G_TYPE_BOOLEAN)
    return !json_node_get_boolean (node);
  if (type == G_TYPE_INT64 || type == G_TYPE_DOUBLE)
    return json_node_get_double (node) == 0.0;
  if (object != NULL)
    return json_object_get_size (object) == 0
           || g_strcmp0 (json_object_get_string_member_with_default (object, "type", NULL), "text") == 0;
  return JSON_NODE_HOLDS_ARRAY (node) && json_array_get_length (json_node_get_array (node)) == 0;
}

/* What would change the answer and is not done is refused rather than ignored. */
static gboolean
check_rest (JsonObject *body, GError **error)
{
  static const char *const refused[]
    = { "tools",  "tool_choice", "functions",       "function_call",     "logit_bias",       "logprobs",
        "suffix", "echo",        "response_format", "frequency_penalty", "presence_penalty", "audio" };
  guint64 n = 1, best_of = 1;

  if (!steer_server_read_uint (body, "n", &n, error) || !steer_server_read_uint (body, "best_of", &best_of, error))
    return FALSE;
  if (n != 1 || best_of != 1)
    return steer_server_fail (error, "\"n\" and \"best_of\" must be 1: ask again for another reply");
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    if (steer_server_has (body, refused[i]) && !asks_nothing (json_object_get_member (body, refused[i])))
      return steer_server_fail (error, "\"%s\" is not supported", refused[i]);
  return TRUE;
}

gboolean
steer_server_ask_read (SteerServerAsk *self, SteerServer *server, JsonObject *body, gboolean chat, GError **error)
{
  JsonObject *stream_options = NULL, *template = NULL;
  gboolean thinking = TRUE;

  self->request = steer_request_new ();
  /* The preset, of which sampling and system prompt may be, comes first. */
  if (!check_rest (body, error) || !read_steering (self, server, body, error)
      || !(chat ? read_messages (self, body, error) : read_prompt (self, body, error))
      || !read_sampling (self, server, body, error) || !read_stop (self, server, body, error)
      || !steer_server_read_boolean (body, "stream", &self->stream, error)
      || !steer_server_read_object (body, "stream_options", &stream_options, error)
      || !steer_server_read_object (body, "chat_template_kwargs", &template, error))
    return FALSE;
  if (stream_options != NULL
      && !steer_server_read_boolean (stream_options, "include_usage", &self->include_usage, error))
    return FALSE;
  if (template != NULL && !steer_server_read_boolean (template, "enable_thinking", &thinking, error))
    return FALSE;
  steer_request_set_thinking (self->request, thinking);
  return TRUE;
}
