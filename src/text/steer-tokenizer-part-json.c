#include "steer-tokenizer-part-json.h"

/* The object's member, or NULL when it is missing, null, or of another type. */
const char *
steer_part_get_string (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
           ? json_node_get_string (node)
           : NULL;
}

gboolean
steer_part_get_boolean (JsonObject *object, const char *member, gboolean fallback)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_BOOLEAN
           ? json_node_get_boolean (node)
           : fallback;
}

gboolean
steer_part_get_integer (JsonObject *object, const char *member, gint64 *value)
{
  JsonNode *node = json_object_get_member (object, member);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  *value = json_node_get_int (node);
  return TRUE;
}

JsonObject *
steer_part_get_object (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

JsonArray *
steer_part_get_array (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

gboolean
steer_part_is_absent (JsonNode *node)
{
  return node == NULL || JSON_NODE_HOLDS_NULL (node);
}

gboolean
steer_part_fail_invalid (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, format, args);
  va_end (args);
  return FALSE;
}

gboolean
steer_part_fail_unsupported (const char *name, const char *part, const char *type, const char *known, GError **error)
{
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
               "%s: the %s \"%s\" is not supported; this program knows %s", name, part, type, known);
  return FALSE;
}

/* The object of a part and its "type". */
JsonObject *
steer_part_open (JsonNode *node, const char *name, const char *part, const char **type, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  *type = object != NULL ? steer_part_get_string (object, "type") : NULL;
  if (*type == NULL)
    {
      steer_part_fail_invalid (error, "%s: the %s is not an object with a \"type\"", name, part);
      return NULL;
    }
  return object;
}

gunichar
steer_part_get_character (JsonObject *object, const char *member)
{
  const char *text = steer_part_get_string (object, member);

  return text != NULL && *text != '\0' && *g_utf8_next_char (text) == '\0' ? g_utf8_get_char (text) : 0;
}

/* A "Sequence": each of the parts in @member. */
gboolean
steer_part_read_sequence (SteerTokenizer *tokenizer,
                          JsonObject *object,
                          const char *member,
                          const char *name,
                          SteerPartFunc func,
                          gpointer user_data,
                          GError **error)
{
  JsonArray *parts = steer_part_get_array (object, member);

  if (parts == NULL)
    return steer_part_fail_invalid (error, "%s: a Sequence has no list \"%s\"", name, member);
  for (guint i = 0; i < json_array_get_length (parts); i++)
    if (!func (tokenizer, json_array_get_element (parts, i), name, user_data, error))
      return FALSE;
  return TRUE;
}

/* {"String": …} or {"Regex": …}: one of the two is set. */
gboolean
steer_part_read_pattern (JsonObject *object,
                         const char *name,
                         const char *part,
                         const char **literal,
                         const char **expression,
                         GError **error)
{
  JsonObject *pattern = steer_part_get_object (object, "pattern");

  *literal = pattern != NULL ? steer_part_get_string (pattern, "String") : NULL;
  *expression = pattern != NULL && *literal == NULL ? steer_part_get_string (pattern, "Regex") : NULL;
  if (*literal == NULL && *expression == NULL)
    return steer_part_fail_invalid (error, "%s: the %s has no pattern, neither String nor Regex", name, part);
  if (*literal != NULL && **literal == '\0')
    return steer_part_fail_invalid (error, "%s: the %s has an empty pattern", name, part);
  return TRUE;
}

gboolean
steer_part_read_prepend_scheme (JsonObject *object,
                                const char *name,
                                const char *part,
                                SteerPrependScheme *scheme,
                                GError **error)
{
  const char *scheme_name = steer_part_get_string (object, "prepend_scheme");

  if (scheme_name == NULL) /* as files were written before there were schemes */
    *scheme = steer_part_get_boolean (object, "add_prefix_space", TRUE) ? STEER_PREPEND_ALWAYS : STEER_PREPEND_NEVER;
  else if (g_str_equal (scheme_name, "always"))
    *scheme = STEER_PREPEND_ALWAYS;
  else if (g_str_equal (scheme_name, "first"))
    *scheme = STEER_PREPEND_FIRST;
  else if (g_str_equal (scheme_name, "never"))
    *scheme = STEER_PREPEND_NEVER;
  else
    return steer_part_fail_unsupported (name, part, scheme_name, "always, first and never", error);
  return TRUE;
}
