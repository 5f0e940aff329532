/* A conversation from JSON, which may come from anyone.
 *
 * {"format": "steer-chat-conversation", "version": 1, "title", "title_by_hand", "system_prompt", "created", "modified",
 *  "messages": [{"id", "parent", "role", "text", "active", "created",
 *                "preset", "seed", "n_tokens", "tokens_per_second", "stop_reason",
 *                "runs": [{"start", "length", "n_tokens", "steering": [...]}]}]}
 *
 * Needed are only "messages" and in each "role" and "text" (or "content"). Times are Unix microseconds. "parent" names
 * the id of an earlier message, so there is no way to write a cycle; null begins the conversation; without it a message
 * follows the one before. Keys that are not known are passed over.
 */
#include <json-glib/json-glib.h>
#include <string.h>

#include "steer-conversation-private.h"
#include "steer-sampler.h"
#include "tensor/steer-json-scanner.h"

#define MAX_BYTES ((gsize) 256 << 20)
#define FIRST_BYTES ((gsize) 64 << 10)
#define MAX_MESSAGES 1000000
#define MAX_STEERING_BYTES 65536

/* What a message's "parent" may name. */
typedef struct
{
  SteerConversation *conversation;
  GHashTable *by_id;  /* gint64 -> SteerMessage */
  SteerMessage *last; /* the sentinel at first */
} Import;

static void set_invalid (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
set_invalid (GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_INVALID,
               "the conversation cannot be imported: %s; choose a file that this program has exported", message);
}

/* json-glib calls itself for every level without a limit, and loses what came first when a text holds two values, so
 * the text goes through the scanner before: it has a limit, and wants one value. */
static gboolean
check_syntax (const char *json, gsize length, GError **error)
{
  g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (json, length, "JSON");
  g_autoptr (GError) local_error = NULL;
  SteerJsonToken token;

  while ((token = steer_json_scanner_next (scanner, &local_error)) != STEER_JSON_END)
    if (token == STEER_JSON_ERROR)
      {
        set_invalid (error, "it is not JSON (%s)", local_error->message);
        return FALSE;
      }
  return TRUE;
}

/* The member when it is of @type, else NULL. */
static JsonNode *
get_value (JsonObject *object, const char *name, GType type)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type ? node : NULL;
}

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name, G_TYPE_STRING);
  const char *text = node != NULL ? json_node_get_string (node) : NULL;

  return text != NULL && g_utf8_validate (text, -1, NULL) ? text : NULL;
}

static gint64
get_int (JsonObject *object, const char *name, gint64 minimum, gint64 maximum, gint64 otherwise)
{
  JsonNode *node = get_value (object, name, G_TYPE_INT64);

  return node != NULL ? CLAMP (json_node_get_int (node), minimum, maximum) : otherwise;
}

static double
get_double (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);
  double value = node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_double (node) : 0.0;

  return value > 0.0 && value < 1e9 ? value : 0.0;
}

static gboolean
get_boolean (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name, G_TYPE_BOOLEAN);

  return node != NULL && json_node_get_boolean (node);
}

static SteerStopReason
get_stop_reason (JsonObject *object)
{
  const char *name = get_string (object, "stop_reason");

  for (SteerStopReason reason = STEER_STOP_NONE; reason <= STEER_STOP_ERROR; reason++)
    {
      if (g_strcmp0 (name, steer_stop_reason_get_name (reason)) == 0)
        return reason;
    }
  return STEER_STOP_NONE;
}

static gboolean
import_run (SteerMessage *message, JsonNode *node)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  JsonNode *steering_node;
  g_autofree char *steering = NULL;

  if (object == NULL)
    return FALSE;
  steering_node = json_object_get_member (object, "steering");
  if (steering_node != NULL && JSON_NODE_HOLDS_ARRAY (steering_node))
    steering = json_to_string (steering_node, FALSE);
  if (steering != NULL && strlen (steering) > MAX_STEERING_BYTES)
    return FALSE;
  return steer_message_add_run (message, (gsize) get_int (object, "start", 0, G_MAXINT32, 0),
                                (gsize) get_int (object, "length", 0, G_MAXINT32, 0),
                                (guint) get_int (object, "n_tokens", 0, G_MAXINT32, 0), steering);
}

/* Runs are a record for the eye: where they contradict the text, the text stays and they go. */
static void
import_runs (SteerMessage *message, JsonObject *object)
{
  JsonNode *node = json_object_get_member (object, "runs");
  JsonArray *runs = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n_runs = runs != NULL ? json_array_get_length (runs) : 0;

  for (guint i = 0; i < n_runs; i++)
    {
      if (!import_run (message, json_array_get_element (runs, i)))
        {
          g_array_set_size (message->runs, 0);
          return;
        }
    }
}

/* NULL with an error when it names none. *@found is NULL without one to name. */
static gboolean
find_parent (Import *self, JsonObject *object, guint index, SteerMessage **found, GError **error)
{
  JsonNode *node = json_object_get_member (object, "parent");
  gint64 id;

  if (node == NULL)
    {
      *found = self->last;
      return TRUE;
    }
  if (JSON_NODE_HOLDS_NULL (node))
    {
      *found = self->conversation->root;
      return TRUE;
    }
  if (get_value (object, "parent", G_TYPE_INT64) == NULL)
    {
      set_invalid (error, "the parent of message %u is not a number", index);
      return FALSE;
    }
  id = json_node_get_int (node);
  *found = g_hash_table_lookup (self->by_id, &id);
  if (*found == NULL)
    set_invalid (error, "message %u follows message %" G_GINT64_FORMAT ", which does not come before it", index, id);
  return *found != NULL;
}

static gboolean
import_message (Import *self, JsonNode *node, guint index, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  const char *role_name = object != NULL ? get_string (object, "role") : NULL;
  const char *text = object != NULL ? get_string (object, "text") : NULL;
  const char *seed;
  SteerMessage *message, *parent;
  SteerRole role;
  gint64 id;

  if (text == NULL && object != NULL)
    text = get_string (object, "content");
  if (role_name == NULL || !steer_role_from_name (role_name, &role))
    {
      set_invalid (error, "message %u has no role \"user\", \"assistant\" or \"system\"", index);
      return FALSE;
    }
  if (text == NULL)
    {
      set_invalid (error, "message %u has no text", index);
      return FALSE;
    }
  if (!find_parent (self, object, index, &parent, error))
    return FALSE;
  id = get_int (object, "id", 0, G_MAXINT64, (gint64) index + 1);
  if (g_hash_table_contains (self->by_id, &id))
    {
      set_invalid (error, "two messages have the id %" G_GINT64_FORMAT, id);
      return FALSE;
    }

  message = steer_message_new (role, text);
  message->created = get_int (object, "created", 0, G_MAXINT64, message->created);
  message->preset_name = g_strdup (get_string (object, "preset"));
  seed = get_string (object, "seed");
  message->seed = seed != NULL ? g_ascii_strtoull (seed, NULL, 10) : 0;
  message->n_tokens = (guint) get_int (object, "n_tokens", 0, G_MAXINT32, 0);
  message->tokens_per_second = get_double (object, "tokens_per_second");
  message->stop_reason = get_stop_reason (object);
  import_runs (message, object);

  steer_message_attach_child (parent, G_MAXUINT, message);
  if (get_boolean (object, "active") || steer_message_get_n_children (parent) == 1)
    parent->active_child = steer_message_get_n_children (parent) - 1;
  g_hash_table_insert (self->by_id, g_memdup2 (&id, sizeof id), message);
  self->last = message;
  return TRUE;
}

/* A chat in the common form begins with its system prompt; here that is the conversation's own. */
static void
take_system_prompt (SteerConversation *conversation)
{
  SteerMessage *first = steer_message_get_child (conversation->root, 0);

  if (conversation->system_prompt != NULL || steer_message_get_n_children (conversation->root) != 1
      || first->role != STEER_ROLE_SYSTEM || steer_message_get_n_children (first) == 0)
    return;
  conversation->system_prompt = g_strdup (first->text->str);
  for (guint i = 0; i < first->children->len; i++)
    steer_message_attach_child (conversation->root, G_MAXUINT, g_object_ref (steer_message_get_child (first, i)));
  conversation->root->active_child = first->active_child;
  g_clear_pointer (&first->children, g_ptr_array_unref);
  g_object_unref (g_ptr_array_steal_index (conversation->root->children, 0));
}

static void
number_tree (SteerConversation *conversation)
{
  g_autoptr (GPtrArray) messages = steer_message_list_subtree (conversation->root);

  for (guint i = 0; i < messages->len; i++)
    steer_message_number_children (g_ptr_array_index (messages, i));
}

static gboolean
import_head (SteerConversation *conversation, JsonObject *object, GError **error)
{
  const char *format = get_string (object, "format");
  const char *title = get_string (object, "title");

  if (format != NULL && strcmp (format, "steer-chat-conversation") != 0)
    {
      set_invalid (error, "its format is \"%.40s\"", format);
      return FALSE;
    }
  if (get_int (object, "version", 0, G_MAXINT64, 1) > 1)
    {
      set_invalid (error, "it was written by a newer version of this program");
      return FALSE;
    }
  if (title != NULL && *title != '\0')
    {
      JsonNode *by_hand = get_value (object, "title_by_hand", G_TYPE_BOOLEAN);

      g_free (conversation->title);
      conversation->title = g_strdup (title);
      conversation->title_by_hand = by_hand == NULL || json_node_get_boolean (by_hand);
    }
  conversation->system_prompt = g_strdup (get_string (object, "system_prompt"));
  conversation->created = get_int (object, "created", 0, G_MAXINT64, conversation->created);
  conversation->modified = get_int (object, "modified", 0, g_get_real_time (), conversation->modified);
  return TRUE;
}

static gboolean
import_messages (SteerConversation *conversation, JsonObject *object, GError **error)
{
  g_autoptr (GHashTable) by_id = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  Import import = { .conversation = conversation, .by_id = by_id, .last = conversation->root };
  JsonNode *node = json_object_get_member (object, "messages");
  JsonArray *messages = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (messages == NULL)
    {
      set_invalid (error, "it has no list of messages");
      return FALSE;
    }
  if (json_array_get_length (messages) > MAX_MESSAGES)
    {
      set_invalid (error, "it has more than %d messages", MAX_MESSAGES);
      return FALSE;
    }
  for (guint i = 0; i < json_array_get_length (messages); i++)
    {
      if (!import_message (&import, json_array_get_element (messages, i), i, error))
        return FALSE;
    }
  return TRUE;
}

SteerConversation *
steer_conversation_new_from_json (const char *json, gssize length, GError **error)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) parse_error = NULL;
  gsize n_bytes = length < 0 ? strlen (json) : (gsize) length;
  JsonNode *root;

  if (n_bytes > MAX_BYTES)
    {
      set_invalid (error, "it is larger than %zu MiB", MAX_BYTES >> 20);
      return NULL;
    }
  if (!g_utf8_validate_len (json, n_bytes, NULL))
    {
      set_invalid (error, "it is not UTF-8 text");
      return NULL;
    }
  if (!check_syntax (json, n_bytes, error))
    return NULL;
  if (!json_parser_load_from_data (parser, json, (gssize) n_bytes, &parse_error))
    {
      set_invalid (error, "it is not JSON (%s)", parse_error->message);
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      set_invalid (error, "it is not a JSON object");
      return NULL;
    }
  if (!import_head (conversation, json_node_get_object (root), error)
      || !import_messages (conversation, json_node_get_object (root), error))
    return NULL;
  take_system_prompt (conversation);
  number_tree (conversation);
  steer_conversation_follow_active (conversation, conversation->root);
  steer_conversation_name (conversation);
  return g_steal_pointer (&conversation);
}

/* Twice as much room, but for no more than one byte above the limit, which tells that it is passed. */
static gboolean
grow (char **bytes, gsize *size, GError **error)
{
  gsize wanted = *size > 0 ? MIN (*size * 2, MAX_BYTES + 1) : FIRST_BYTES;
  char *grown = g_try_realloc (*bytes, wanted);

  if (grown == NULL)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                   "the conversation cannot be imported: no memory for %" G_GSIZE_FORMAT " bytes of it", wanted);
      return FALSE;
    }
  *bytes = grown;
  *size = wanted;
  return TRUE;
}

SteerConversation *
steer_conversation_new_from_stream (GInputStream *stream, GCancellable *cancellable, GError **error)
{
  g_autofree char *json = NULL;
  gsize size = 0, length = 0, n_read;

  g_return_val_if_fail (G_IS_INPUT_STREAM (stream), NULL);

  do
    {
      if (!grow (&json, &size, error)
          || !g_input_stream_read_all (stream, json + length, size - length, &n_read, cancellable, error))
        return NULL;
      length += n_read;
    }
  while (length == size && length <= MAX_BYTES);
  return steer_conversation_new_from_json (json, (gssize) length, error);
}
