/* Bodies of requests and answers. */
#include "steer-server-private.h"

#include <math.h>
#include <string.h>

#include "chat/steer-chat-error.h"
#include "tensor/steer-json-scanner.h"
#include "text/steer-chat-template.h"

void
steer_server_answer (SoupServerMessage *message, JsonNode *node)
{
  char *text = json_to_string (node, FALSE);

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_TAKE, text, strlen (text));
}

guint
steer_server_get_status (const GError *error)
{
  if (error->domain == STEER_SERVER_ERROR)
    return (guint) error->code;
  if (g_error_matches (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_MODEL))
    return STEER_SERVER_ERROR_NO_MODEL;
  if (error->domain == STEER_STEERING_ERROR || error->domain == STEER_CHAT_ERROR || error->domain == STEER_TEXT_ERROR)
    return STEER_SERVER_ERROR_BAD_REQUEST;
  return STEER_SERVER_ERROR_FAILED;
}

JsonNode *
steer_server_describe_error (const GError *error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  guint status = steer_server_get_status (error);

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "error");
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "message");
  json_builder_add_string_value (builder, error->message);
  json_builder_set_member_name (builder, "type");
  json_builder_add_string_value (builder, status < 500 ? "invalid_request_error" : "server_error");
  json_builder_set_member_name (builder, "param");
  json_builder_add_null_value (builder);
  json_builder_set_member_name (builder, "code");
  json_builder_add_null_value (builder);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  return json_builder_get_root (builder);
}

void
steer_server_answer_error (SoupServerMessage *message, const GError *error)
{
  g_autoptr (JsonNode) node = steer_server_describe_error (error);

  steer_server_answer (message, node);
  soup_server_message_set_status (message, steer_server_get_status (error), NULL);
}

gboolean
steer_server_fail (GError **error, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  if (error != NULL)
    *error = g_error_new_valist (STEER_SERVER_ERROR, STEER_SERVER_ERROR_BAD_REQUEST, format, arguments);
  va_end (arguments);
  return FALSE;
}

JsonObject *
steer_server_read_body (SoupServerMessage *message, GError **error)
{
  GByteArray *body = g_object_get_data (G_OBJECT (message), STEER_SERVER_BODY_KEY);

  return steer_server_parse_body (body != NULL && body->len > 0 ? (const char *) body->data : "",
                                  body != NULL ? body->len : 0, error);
}

JsonObject *
steer_server_parse_body (const char *text, gsize length, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) local = NULL;
  JsonNode *root;

  if (!steer_json_check (text, length, STEER_SERVER_MAX_VALUES, "the body", &local)
      || !json_parser_load_from_data (parser, text, (gssize) length, &local))
    {
      steer_server_fail (error, "%s", local->message);
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      steer_server_fail (error, "the body must be one JSON object");
      return NULL;
    }
  return json_object_ref (json_node_get_object (root));
}

static JsonNode *
get_member (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

gboolean
steer_server_has (JsonObject *object, const char *name)
{
  return get_member (object, name) != NULL;
}

gboolean
steer_server_read_boolean (JsonObject *object, const char *name, gboolean *value, GError **error)
{
  JsonNode *node = get_member (object, name);

  if (node == NULL)
    return TRUE;
  if (json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return steer_server_fail (error, "\"%s\" must be true or false", name);
  *value = json_node_get_boolean (node);
  return TRUE;
}

gboolean
steer_server_read_double (JsonObject *object, const char *name, double *value, GError **error)
{
  JsonNode *node = get_member (object, name);
  GType type;

  if (node == NULL)
    return TRUE;
  type = json_node_get_value_type (node);
  if ((type != G_TYPE_DOUBLE && type != G_TYPE_INT64) || !isfinite (json_node_get_double (node)))
    return steer_server_fail (error, "\"%s\" must be a number", name);
  *value = json_node_get_double (node);
  return TRUE;
}

gboolean
steer_server_read_uint (JsonObject *object, const char *name, guint64 *value, GError **error)
{
  JsonNode *node = get_member (object, name);

  if (node == NULL)
    return TRUE;
  if (json_node_get_value_type (node) != G_TYPE_INT64 || json_node_get_int (node) < 0)
    return steer_server_fail (error, "\"%s\" must be a whole number, at least 0", name);
  *value = (guint64) json_node_get_int (node);
  return TRUE;
}

gboolean
steer_server_read_int (JsonObject *object, const char *name, gint64 *value, GError **error)
{
  JsonNode *node = get_member (object, name);

  if (node == NULL)
    return TRUE;
  if (json_node_get_value_type (node) != G_TYPE_INT64)
    return steer_server_fail (error, "\"%s\" must be a whole number", name);
  *value = json_node_get_int (node);
  return TRUE;
}

gboolean
steer_server_read_string (JsonObject *object, const char *name, const char **value, GError **error)
{
  JsonNode *node = get_member (object, name);

  if (node == NULL)
    return TRUE;
  if (json_node_get_value_type (node) != G_TYPE_STRING)
    return steer_server_fail (error, "\"%s\" must be a string", name);
  *value = json_node_get_string (node);
  return TRUE;
}

gboolean
steer_server_read_array (JsonObject *object, const char *name, JsonArray **value, GError **error)
{
  JsonNode *node = get_member (object, name);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return steer_server_fail (error, "\"%s\" must be an array", name);
  *value = json_node_get_array (node);
  return TRUE;
}

gboolean
steer_server_read_object (JsonObject *object, const char *name, JsonObject **value, GError **error)
{
  JsonNode *node = get_member (object, name);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return steer_server_fail (error, "\"%s\" must be an object", name);
  *value = json_node_get_object (node);
  return TRUE;
}
