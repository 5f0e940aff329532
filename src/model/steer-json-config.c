#include "steer-json-config.h"

#include "tensor/steer-json-scanner.h"

#include <math.h>

/* Real files have a few kilobytes. */
#define MAX_FILE_SIZE (4 * 1024 * 1024)

static gboolean G_GNUC_PRINTF (4, 5)
  fail (const SteerJsonConfig *self, const char *key, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "%s: \"%s\" %s", self->name, key, what);
  return FALSE;
}

/* json-glib recurses once a level without a limit, so the text goes through the scanner first, which has one; its
 * errors also tell line and byte. */
static gboolean
check_syntax (const char *text, gsize length, const char *name, GError **error)
{
  g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (text, length, name);
  g_autoptr (GError) local_error = NULL;
  SteerJsonToken token;

  while ((token = steer_json_scanner_next (scanner, &local_error)) != STEER_JSON_END)
    if (token == STEER_JSON_ERROR)
      {
        g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, local_error->message);
        return FALSE;
      }
  return TRUE;
}

static gboolean
load_text (const char *path, const char *name, char **text, gsize *length, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, "%s: there is no such file", name);
      return FALSE;
    }
  if (!g_file_get_contents (path, text, length, &local_error))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, "%s: cannot be read: %s", name,
                   local_error->message);
      return FALSE;
    }
  if (*length > MAX_FILE_SIZE)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID,
                   "%s: %" G_GSIZE_FORMAT " bytes are too many for a configuration", name, *length);
      return FALSE;
    }
  return TRUE;
}

SteerJsonConfig *
steer_json_config_read (const char *path, GError **error)
{
  g_autofree char *name = g_filename_display_name (path);
  g_autofree char *text = NULL;
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) local_error = NULL;
  SteerJsonConfig *self;
  JsonNode *root;
  gsize length;

  if (!load_text (path, name, &text, &length, error) || !check_syntax (text, length, name, error))
    return NULL;
  if (!json_parser_load_from_data (parser, text, (gssize) length, &local_error))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "%s: %s", name, local_error->message);
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_INVALID, "%s: not a JSON object", name);
      return NULL;
    }
  self = g_new0 (SteerJsonConfig, 1);
  self->object = json_object_ref (json_node_get_object (root));
  self->name = g_steal_pointer (&name);
  return self;
}

void
steer_json_config_free (SteerJsonConfig *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->object, json_object_unref);
  g_free (self->name);
  g_free (self);
}

/* NULL when absent or null. */
static JsonNode *
get_member (const SteerJsonConfig *self, const char *key)
{
  JsonNode *node = json_object_get_member (self->object, key);

  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

gboolean
steer_json_config_has (const SteerJsonConfig *self, const char *key)
{
  return get_member (self, key) != NULL;
}

gboolean
steer_json_config_is_null (const SteerJsonConfig *self, const char *key)
{
  JsonNode *node = json_object_get_member (self->object, key);

  return node != NULL && JSON_NODE_HOLDS_NULL (node);
}

gboolean
steer_json_config_require (const SteerJsonConfig *self, const char *key, GError **error)
{
  return steer_json_config_has (self, key) ? TRUE : fail (self, key, error, "is missing");
}

/* Also takes 4096.0, which some tools write. */
static gboolean
node_get_integer (JsonNode *node, gint64 *value)
{
  GType type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_NONE;

  if (type == G_TYPE_INT64)
    {
      *value = json_node_get_int (node);
      return TRUE;
    }
  if (type == G_TYPE_DOUBLE)
    {
      double number = json_node_get_double (node);

      if (fabs (number) > 0x1p53 || number != floor (number))
        return FALSE;
      *value = (gint64) number;
      return TRUE;
    }
  return FALSE;
}

gboolean
steer_json_config_get_uint (const SteerJsonConfig *self,
                            const char *key,
                            guint min,
                            guint max,
                            guint *value,
                            GError **error)
{
  JsonNode *node = get_member (self, key);
  gint64 integer;

  if (node == NULL)
    return TRUE;
  if (!node_get_integer (node, &integer))
    return fail (self, key, error, "is not an integer");
  if (integer < min || integer > max)
    return fail (self, key, error, "is %" G_GINT64_FORMAT ", but must lie between %u and %u", integer, min, max);
  *value = (guint) integer;
  return TRUE;
}

gboolean
steer_json_config_get_bool (const SteerJsonConfig *self, const char *key, gboolean *value, GError **error)
{
  JsonNode *node = get_member (self, key);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return fail (self, key, error, "is neither true nor false");
  *value = json_node_get_boolean (node);
  return TRUE;
}

gboolean
steer_json_config_get_double (const SteerJsonConfig *self, const char *key, double above, double *value, GError **error)
{
  JsonNode *node = get_member (self, key);
  GType type;
  double number;

  if (node == NULL)
    return TRUE;
  type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_NONE;
  if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE)
    return fail (self, key, error, "is not a number");
  number = json_node_get_double (node);
  if (!isfinite (number) || number <= above)
    return fail (self, key, error, "is %g, but must be finite and above %g", number, above);
  *value = number;
  return TRUE;
}

gboolean
steer_json_config_get_string (const SteerJsonConfig *self, const char *key, const char **value, GError **error)
{
  JsonNode *node = get_member (self, key);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return fail (self, key, error, "is not a string");
  *value = json_node_get_string (node);
  return TRUE;
}

gboolean
steer_json_config_get_ids (const SteerJsonConfig *self, const char *key, GArray **ids, GError **error)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (gint64));
  JsonNode *node = get_member (self, key);
  gint64 id;

  *ids = NULL;
  if (node == NULL)
    return TRUE;
  if (JSON_NODE_HOLDS_ARRAY (node))
    {
      JsonArray *array = json_node_get_array (node);

      for (guint i = 0; i < json_array_get_length (array); i++)
        {
          if (!node_get_integer (json_array_get_element (array, i), &id))
            return fail (self, key, error, "holds something other than integers");
          g_array_append_val (found, id);
        }
    }
  else if (node_get_integer (node, &id))
    {
      g_array_append_val (found, id);
    }
  else
    {
      return fail (self, key, error, "is neither an integer nor a list of integers");
    }
  *ids = g_steal_pointer (&found);
  return TRUE;
}

gboolean
steer_json_config_get_object (const SteerJsonConfig *self, const char *key, SteerJsonConfig **object, GError **error)
{
  JsonNode *node = get_member (self, key);

  *object = NULL;
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return fail (self, key, error, "is not an object");
  *object = g_new0 (SteerJsonConfig, 1);
  (*object)->object = json_object_ref (json_node_get_object (node));
  (*object)->name = g_strdup_printf ("%s: %s", self->name, key);
  return TRUE;
}
