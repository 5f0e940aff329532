/* A conversation as text for people and as JSON for programs. The JSON is documented in steer-conversation-import.c. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "steer-conversation-private.h"

#define MEMBER(builder, name) json_builder_set_member_name (builder, name)

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  if (value == NULL)
    return;
  MEMBER (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  MEMBER (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_runs (JsonBuilder *builder, const GArray *runs)
{
  MEMBER (builder, "runs");
  json_builder_begin_array (builder);
  for (guint i = 0; i < runs->len; i++)
    {
      const SteerTextRun *run = &g_array_index (runs, SteerTextRun, i);
      JsonNode *steering = run->steering != NULL ? json_from_string (run->steering, NULL) : NULL;

      json_builder_begin_object (builder);
      add_int (builder, "start", (gint64) run->start);
      add_int (builder, "length", (gint64) run->length);
      add_int (builder, "n_tokens", run->n_tokens);
      if (steering != NULL)
        {
          MEMBER (builder, "steering");
          json_builder_add_value (builder, steering);
        }
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_reply (JsonBuilder *builder, const SteerMessage *message)
{
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, message->seed);
  const char *stop = steer_stop_reason_get_name (message->complete ? message->stop_reason : STEER_STOP_CANCELLED);

  add_string (builder, "preset", message->preset_name);
  /* As text: 64 unsigned bits do not fit a JSON number everywhere. */
  add_string (builder, "seed", seed);
  add_int (builder, "n_tokens", message->n_tokens);
  MEMBER (builder, "tokens_per_second");
  json_builder_add_double_value (builder, message->tokens_per_second);
  add_string (builder, "stop_reason", stop);
  add_runs (builder, message->runs);
}

/* Messages are numbered in the order of the file: parents come first. */
static void
add_message (JsonBuilder *builder, SteerConversation *self, SteerMessage *message, guint number, GHashTable *numbers)
{
  json_builder_begin_object (builder);
  add_int (builder, "id", number);
  if (message->parent != self->root)
    add_int (builder, "parent", GPOINTER_TO_UINT (g_hash_table_lookup (numbers, message->parent)));
  else
    {
      MEMBER (builder, "parent");
      json_builder_add_null_value (builder);
    }
  add_string (builder, "role", steer_role_get_name (message->role));
  add_string (builder, "text", message->text->str);
  MEMBER (builder, "active");
  json_builder_add_boolean_value (builder, message->parent->active_child == message->alternative);
  add_int (builder, "created", message->created);
  if (message->n_tokens > 0 || message->runs->len > 0)
    add_reply (builder, message);
  json_builder_end_object (builder);
}

char *
steer_conversation_to_json (SteerConversation *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GPtrArray) messages = NULL;
  g_autoptr (GHashTable) numbers = g_hash_table_new (NULL, NULL);

  g_return_val_if_fail (STEER_IS_CONVERSATION (self), NULL);

  messages = steer_message_list_subtree (self->root);
  json_builder_begin_object (builder);
  add_string (builder, "format", "steer-chat-conversation");
  add_int (builder, "version", 1);
  add_string (builder, "title", self->title);
  MEMBER (builder, "title_by_hand");
  json_builder_add_boolean_value (builder, self->title_by_hand);
  add_string (builder, "system_prompt", self->system_prompt);
  add_int (builder, "created", self->created);
  add_int (builder, "modified", self->modified);
  MEMBER (builder, "messages");
  json_builder_begin_array (builder);
  /* The sentinel is the first. */
  for (guint i = 1; i < messages->len; i++)
    {
      SteerMessage *message = g_ptr_array_index (messages, i);

      g_hash_table_insert (numbers, message, GUINT_TO_POINTER (i));
      add_message (builder, self, message, i, numbers);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_data (generator, NULL);
}

static const char *
get_speaker (SteerRole role)
{
  switch (role)
    {
    case STEER_ROLE_SYSTEM:
      return "System";
    case STEER_ROLE_USER:
      return "You";
    case STEER_ROLE_ASSISTANT:
    default:
      return "Assistant";
    }
}

/* A title is one line without markup of its own. */
static void
append_title (GString *text, const char *title)
{
  g_autofree char *line = steer_text_summarize (title, 200);

  g_string_append (text, "# ");
  for (const char *p = line; *p != '\0'; p++)
    {
      if (strchr ("\\`*_[]<>#", *p) != NULL)
        g_string_append_c (text, '\\');
      g_string_append_c (text, *p);
    }
  g_string_append (text, "\n\n");
}

/* As a quotation, which also ends whatever of Markdown is open in it. */
static void
append_thought (GString *text, const char *thought, gsize length)
{
  const char *end = thought + length;

  g_string_append (text, "> **Thought:**\n>\n");
  while (thought < end)
    {
      const char *line_break = memchr (thought, '\n', (gsize) (end - thought));
      const char *line_end = line_break != NULL ? line_break : end;

      g_string_append (text, line_end > thought ? "> " : ">");
      g_string_append_len (text, thought, line_end - thought);
      g_string_append_c (text, '\n');
      thought = line_end + 1;
    }
  g_string_append_c (text, '\n');
}

static void
append_text (GString *text, const SteerMessage *message)
{
  SteerThinking thinking;

  steer_message_read_thinking (message, &thinking);
  if (steer_thinking_has_thought (&thinking))
    append_thought (text, message->text->str + thinking.start, thinking.end - thinking.start);
  if (thinking.answer < message->text->len || !steer_thinking_has_thought (&thinking))
    g_string_append_printf (text, "%s\n\n", message->text->str + thinking.answer);
}

char *
steer_conversation_to_markdown (SteerConversation *self)
{
  GString *text = g_string_new (NULL);

  g_return_val_if_fail (STEER_IS_CONVERSATION (self), NULL);

  append_title (text, *self->title != '\0' ? self->title : "Chat");
  if (self->system_prompt != NULL && *self->system_prompt != '\0')
    g_string_append_printf (text, "**System**\n\n%s\n\n", self->system_prompt);
  for (guint i = 0; i < self->path->len; i++)
    {
      const SteerMessage *message = g_ptr_array_index (self->path, i);

      g_string_append_printf (text, "**%s**", get_speaker (message->role));
      if (message->preset_name != NULL && *message->preset_name != '\0')
        g_string_append_printf (text, " (%s)", message->preset_name);
      g_string_append (text, "\n\n");
      append_text (text, message);
    }
  g_string_truncate (text, text->len - 1);
  return g_string_free (text, FALSE);
}
