#include "steer-message-private.h"

#include <string.h>

enum
{
  PROP_0,
  PROP_ID,
  PROP_ROLE,
  PROP_TEXT,
  PROP_COMPLETE,
  PROP_PRESET_NAME,
  PROP_N_TOKENS,
  PROP_TOKENS_PER_SECOND,
  PROP_STOP_REASON,
  PROP_N_ALTERNATIVES,
  PROP_ALTERNATIVE,
  N_PROPS
};

enum
{
  APPENDED,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerMessage, steer_message, G_TYPE_OBJECT)

static void
run_clear (gpointer data)
{
  SteerTextRun *run = data;

  g_free (run->steering);
}

static void
steer_message_finalize (GObject *object)
{
  SteerMessage *self = STEER_MESSAGE (object);

  g_string_free (self->text, TRUE);
  g_array_unref (self->runs);
  g_free (self->preset_name);
  g_clear_pointer (&self->children, g_ptr_array_unref);
  G_OBJECT_CLASS (steer_message_parent_class)->finalize (object);
}

static void
steer_message_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerMessage *self = STEER_MESSAGE (object);

  switch (id)
    {
    case PROP_ID:
      g_value_set_int64 (value, self->id);
      break;
    case PROP_ROLE:
      g_value_set_int (value, (int) self->role);
      break;
    case PROP_TEXT:
      g_value_set_string (value, self->text->str);
      break;
    case PROP_COMPLETE:
      g_value_set_boolean (value, self->complete);
      break;
    case PROP_PRESET_NAME:
      g_value_set_string (value, self->preset_name);
      break;
    case PROP_N_TOKENS:
      g_value_set_uint (value, self->n_tokens);
      break;
    case PROP_TOKENS_PER_SECOND:
      g_value_set_double (value, self->tokens_per_second);
      break;
    case PROP_STOP_REASON:
      g_value_set_int (value, (int) self->stop_reason);
      break;
    case PROP_N_ALTERNATIVES:
      g_value_set_uint (value, self->n_alternatives);
      break;
    case PROP_ALTERNATIVE:
      g_value_set_uint (value, self->alternative);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_message_class_init (SteerMessageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = steer_message_finalize;
  object_class->get_property = steer_message_get_property;

  properties[PROP_ID] = g_param_spec_int64 ("id", NULL, NULL, 0, G_MAXINT64, 0, flags);
  properties[PROP_ROLE] = g_param_spec_int ("role", NULL, NULL, 0, STEER_ROLE_ASSISTANT, 0, flags);
  properties[PROP_TEXT] = g_param_spec_string ("text", NULL, NULL, "", flags);
  properties[PROP_COMPLETE] = g_param_spec_boolean ("complete", NULL, NULL, TRUE, flags);
  properties[PROP_PRESET_NAME] = g_param_spec_string ("preset-name", NULL, NULL, NULL, flags);
  properties[PROP_N_TOKENS] = g_param_spec_uint ("n-tokens", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_TOKENS_PER_SECOND] = g_param_spec_double ("tokens-per-second", NULL, NULL, 0, G_MAXDOUBLE, 0, flags);
  properties[PROP_STOP_REASON] = g_param_spec_int ("stop-reason", NULL, NULL, 0, STEER_STOP_ERROR, 0, flags);
  properties[PROP_N_ALTERNATIVES] = g_param_spec_uint ("n-alternatives", NULL, NULL, 1, G_MAXUINT, 1, flags);
  properties[PROP_ALTERNATIVE] = g_param_spec_uint ("alternative", NULL, NULL, 0, G_MAXUINT, 0, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  signals[APPENDED] = g_signal_new ("appended", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 2, G_TYPE_STRING | G_SIGNAL_TYPE_STATIC_SCOPE, G_TYPE_POINTER);
}

static void
steer_message_init (SteerMessage *self)
{
  self->text = g_string_new (NULL);
  self->runs = g_array_new (FALSE, FALSE, sizeof (SteerTextRun));
  g_array_set_clear_func (self->runs, run_clear);
  self->complete = TRUE;
  self->n_alternatives = 1;
}

static void
append_valid (GString *string, const char *text, gsize length)
{
  if (g_utf8_validate_len (text, length, NULL))
    g_string_append_len (string, text, (gssize) length);
  else
    {
      g_autofree char *valid = g_utf8_make_valid (text, (gssize) length);

      g_string_append (string, valid);
    }
}

SteerMessage *
steer_message_new (SteerRole role, const char *text)
{
  SteerMessage *self = g_object_new (STEER_TYPE_MESSAGE, NULL);

  self->role = role;
  self->created = g_get_real_time ();
  append_valid (self->text, text, strlen (text));
  return self;
}

SteerMessage *
steer_message_copy (SteerMessage *self)
{
  SteerMessage *copy = steer_message_new (self->role, self->text->str);

  copy->preset_name = g_strdup (self->preset_name);
  copy->tokens_per_second = self->tokens_per_second;
  copy->stop_reason = self->complete ? self->stop_reason : STEER_STOP_CANCELLED;
  copy->seed = self->seed;
  copy->created = self->created;
  for (guint i = 0; i < self->runs->len; i++)
    {
      SteerTextRun run = g_array_index (self->runs, SteerTextRun, i);

      run.steering = g_strdup (run.steering);
      g_array_append_val (copy->runs, run);
    }
  copy->n_tokens = self->n_tokens;
  return copy;
}

static SteerTextRun *
get_last_run (SteerMessage *self)
{
  return self->runs->len > 0 ? &g_array_index (self->runs, SteerTextRun, self->runs->len - 1) : NULL;
}

void
steer_message_append (SteerMessage *self, const char *text, gsize length, guint n_tokens, const char *steering)
{
  gsize start = self->text->len;
  SteerTextRun *run = get_last_run (self);
  g_autofree char *added = NULL;

  if (run == NULL || g_strcmp0 (run->steering, steering) != 0)
    {
      SteerTextRun fresh = { .start = start, .steering = g_strdup (steering) };

      g_array_append_val (self->runs, fresh);
      run = get_last_run (self);
    }
  append_valid (self->text, text, length);
  run->length += self->text->len - start;
  run->n_tokens += n_tokens;
  self->n_tokens += n_tokens;

  /* A handler may read the text again while it grows, so the signal carries its own. */
  added = g_strdup (self->text->str + start);
  g_signal_emit (self, signals[APPENDED], 0, added, run);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TEXT]);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_TOKENS]);
}

static gboolean
is_char_boundary (const GString *text, gsize offset)
{
  return offset <= text->len && ((guchar) text->str[offset] & 0xc0) != 0x80;
}

gboolean
steer_message_add_run (SteerMessage *self, gsize start, gsize length, guint n_tokens, const char *steering)
{
  SteerTextRun *last = get_last_run (self);
  SteerTextRun run = { start, length, n_tokens, NULL };
  gsize end;

  if (!g_size_checked_add (&end, start, length) || !is_char_boundary (self->text, start)
      || !is_char_boundary (self->text, end) || start != (last != NULL ? last->start + last->length : 0))
    return FALSE;
  run.steering = g_strdup (steering);
  g_array_append_val (self->runs, run);
  return TRUE;
}

void
steer_message_set_rate (SteerMessage *self, double tokens_per_second)
{
  self->tokens_per_second = tokens_per_second;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TOKENS_PER_SECOND]);
}

void
steer_message_complete (SteerMessage *self, SteerStopReason reason)
{
  self->stop_reason = reason;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STOP_REASON]);
  self->complete = TRUE;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_COMPLETE]);
}

guint
steer_message_get_n_children (SteerMessage *self)
{
  return self->children != NULL ? self->children->len : 0;
}

SteerMessage *
steer_message_get_child (SteerMessage *self, guint index)
{
  return index < steer_message_get_n_children (self) ? g_ptr_array_index (self->children, index) : NULL;
}

void
steer_message_number_children (SteerMessage *self)
{
  guint n_children = steer_message_get_n_children (self);

  for (guint i = 0; i < n_children; i++)
    {
      SteerMessage *child = g_ptr_array_index (self->children, i);

      if (child->alternative != i)
        {
          child->alternative = i;
          g_object_notify_by_pspec (G_OBJECT (child), properties[PROP_ALTERNATIVE]);
        }
      if (child->n_alternatives != n_children)
        {
          child->n_alternatives = n_children;
          g_object_notify_by_pspec (G_OBJECT (child), properties[PROP_N_ALTERNATIVES]);
        }
    }
}

void
steer_message_attach_child (SteerMessage *self, guint index, SteerMessage *child)
{
  if (self->children == NULL)
    self->children = g_ptr_array_new_with_free_func (g_object_unref);
  child->parent = self;
  g_ptr_array_insert (self->children, (int) MIN (index, self->children->len), child);
}

void
steer_message_insert_child (SteerMessage *self, guint index, SteerMessage *child)
{
  steer_message_attach_child (self, index, child);
  steer_message_number_children (self);
}

SteerMessage *
steer_message_remove_child (SteerMessage *self, guint index)
{
  SteerMessage *child = g_ptr_array_steal_index (self->children, index);

  child->parent = NULL;
  steer_message_number_children (self);
  return child;
}

GPtrArray *
steer_message_list_subtree (SteerMessage *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);

  /* Breadth first: the list is its own queue. */
  g_ptr_array_add (list, g_object_ref (self));
  for (guint i = 0; i < list->len; i++)
    {
      SteerMessage *message = g_ptr_array_index (list, i);

      for (guint j = 0; j < steer_message_get_n_children (message); j++)
        g_ptr_array_add (list, g_object_ref (steer_message_get_child (message, j)));
    }
  return list;
}

GPtrArray *
steer_message_take_apart (SteerMessage *self)
{
  GPtrArray *pieces = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);

  if (self->children != NULL)
    g_ptr_array_add (pieces, g_steal_pointer (&self->children));
  /* Breadth first: the pieces are their own queue. */
  for (guint i = 0; i < pieces->len; i++)
    {
      GPtrArray *siblings = g_ptr_array_index (pieces, i);

      for (guint j = 0; j < siblings->len; j++)
        {
          SteerMessage *message = g_ptr_array_index (siblings, j);

          message->parent = NULL;
          if (message->children != NULL)
            g_ptr_array_add (pieces, g_steal_pointer (&message->children));
        }
    }
  return pieces;
}

void
steer_message_dismantle (SteerMessage *self)
{
  g_ptr_array_unref (steer_message_take_apart (self));
  self->parent = NULL;
}

gint64
steer_message_get_id (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), 0);
  return self->id;
}

SteerRole
steer_message_get_role (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), STEER_ROLE_USER);
  return self->role;
}

const char *
steer_message_get_text (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), "");
  return self->text->str;
}

gsize
steer_message_get_length (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), 0);
  return self->text->len;
}

void
steer_message_read_thinking (const SteerMessage *self, SteerThinking *thinking)
{
  *thinking = (SteerThinking){ .state = STEER_THINKING_NONE };
  if (self->role != STEER_ROLE_ASSISTANT)
    return;
  thinking->state = STEER_THINKING_POSSIBLE;
  steer_thinking_read (thinking, self->text->str, self->text->len, self->complete);
}

const char *
steer_message_get_answer (const SteerMessage *self)
{
  SteerThinking thinking;

  steer_message_read_thinking (self, &thinking);
  return self->text->str + thinking.answer;
}

char *
steer_message_dup_answer (SteerMessage *self)
{
  SteerThinking thinking;

  g_return_val_if_fail (STEER_IS_MESSAGE (self), NULL);

  steer_message_read_thinking (self, &thinking);
  if (thinking.answer < self->text->len || !steer_thinking_has_thought (&thinking))
    return g_strdup (self->text->str + thinking.answer);
  return g_strndup (self->text->str + thinking.start, thinking.end - thinking.start);
}

gboolean
steer_message_get_complete (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), TRUE);
  return self->complete;
}

const char *
steer_message_get_preset_name (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), NULL);
  return self->preset_name;
}

guint
steer_message_get_n_tokens (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), 0);
  return self->n_tokens;
}

double
steer_message_get_tokens_per_second (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), 0.0);
  return self->tokens_per_second;
}

SteerStopReason
steer_message_get_stop_reason (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), STEER_STOP_NONE);
  return self->stop_reason;
}

guint64
steer_message_get_seed (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), 0);
  return self->seed;
}

guint
steer_message_get_n_alternatives (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), 1);
  return self->n_alternatives;
}

guint
steer_message_get_alternative (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), 0);
  return self->alternative;
}

const GArray *
steer_message_get_runs (SteerMessage *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE (self), NULL);
  return self->runs;
}
