#include "steer-chat-private.h"

enum
{
  PROP_0,
  PROP_WORKSPACE,
  PROP_CONVERSATION,
  PROP_REPLY,
  PROP_BUSY,
  PROP_CAN_SEND,
  PROP_COMPARING,
  PROP_PLAIN_MESSAGE,
  PROP_STEERED_MESSAGE,
  PROP_CONTEXT_USED,
  PROP_CONTEXT_SIZE,
  PROP_TOKENS_PER_SECOND,
  PROP_UNANSWERED,
  PROP_FAILURE,
  PROP_CONTEXT_FULL,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerChat, steer_chat, G_TYPE_OBJECT)

static void
notify (SteerChat *self, guint property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

static guint
get_context_size (SteerChat *self)
{
  guint n_context = 0;

  g_object_get (steer_workspace_get_engine (self->workspace), "n-context", &n_context, NULL);
  return n_context;
}

void
steer_chat_set_context_used (SteerChat *self, guint used)
{
  if (self->context_used == used)
    return;
  self->context_used = used;
  notify (self, PROP_CONTEXT_USED);
}

void
steer_chat_set_tokens_per_second (SteerChat *self, double rate)
{
  if (self->tokens_per_second == rate)
    return;
  self->tokens_per_second = rate;
  notify (self, PROP_TOKENS_PER_SECOND);
}

static void
on_engine_changed (SteerChat *self)
{
  notify (self, PROP_CAN_SEND);
  notify (self, PROP_CONTEXT_SIZE);
  steer_chat_schedule_count (self);
}

/* Whatever depends on how the present conversation ends is another one now. */
static void
notify_end (SteerChat *self)
{
  notify (self, PROP_UNANSWERED);
  notify (self, PROP_FAILURE);
  notify (self, PROP_CONTEXT_FULL);
}

static void
on_items_changed (SteerChat *self)
{
  steer_chat_set_failure (self, self->conversation, NULL);
  notify_end (self);
  steer_chat_schedule_count (self);
}

void
steer_chat_notify_turn (SteerChat *self)
{
  notify (self, PROP_REPLY);
  notify (self, PROP_BUSY);
  notify (self, PROP_CAN_SEND);
  notify (self, PROP_PLAIN_MESSAGE);
  notify (self, PROP_STEERED_MESSAGE);
  notify_end (self);
  steer_chat_schedule_count (self);
}

static void
steer_chat_dispose (GObject *object)
{
  SteerChat *self = STEER_CHAT (object);

  steer_chat_cancel_count (self);
  for (guint i = 0; i < self->turns->len; i++)
    {
      SteerChatTurn *turn = g_ptr_array_index (self->turns, i);

      for (guint j = 0; j < turn->n_replies; j++)
        g_signal_handlers_disconnect_by_data (turn->replies[j], self);
    }
  if (self->conversation != NULL)
    g_signal_handlers_disconnect_by_data (self->conversation, self);
  if (self->workspace != NULL)
    g_signal_handlers_disconnect_by_data (steer_workspace_get_engine (self->workspace), self);
  G_OBJECT_CLASS (steer_chat_parent_class)->dispose (object);
}

static void
steer_chat_finalize (GObject *object)
{
  SteerChat *self = STEER_CHAT (object);

  g_ptr_array_unref (self->turns);
  g_hash_table_unref (self->failures);
  g_clear_object (&self->conversation);
  g_clear_object (&self->workspace);
  G_OBJECT_CLASS (steer_chat_parent_class)->finalize (object);
}

static void
steer_chat_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerChat *self = STEER_CHAT (object);

  switch (id)
    {
    case PROP_WORKSPACE:
      g_value_set_object (value, self->workspace);
      break;
    case PROP_CONVERSATION:
      g_value_set_object (value, self->conversation);
      break;
    case PROP_REPLY:
      g_value_set_object (value, steer_chat_get_reply (self));
      break;
    case PROP_BUSY:
      g_value_set_boolean (value, steer_chat_get_busy (self));
      break;
    case PROP_CAN_SEND:
      g_value_set_boolean (value, steer_chat_get_can_send (self));
      break;
    case PROP_COMPARING:
      g_value_set_boolean (value, self->comparing);
      break;
    case PROP_PLAIN_MESSAGE:
      g_value_set_object (value, steer_chat_get_plain_message (self));
      break;
    case PROP_STEERED_MESSAGE:
      g_value_set_object (value, steer_chat_get_steered_message (self));
      break;
    case PROP_CONTEXT_USED:
      g_value_set_uint (value, self->context_used);
      break;
    case PROP_CONTEXT_SIZE:
      g_value_set_uint (value, get_context_size (self));
      break;
    case PROP_TOKENS_PER_SECOND:
      g_value_set_double (value, self->tokens_per_second);
      break;
    case PROP_UNANSWERED:
      g_value_set_boolean (value, steer_chat_get_unanswered (self));
      break;
    case PROP_FAILURE:
      g_value_set_string (value, steer_chat_get_failure (self));
      break;
    case PROP_CONTEXT_FULL:
      g_value_set_boolean (value, steer_chat_get_context_full (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_chat_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerChat *self = STEER_CHAT (object);

  switch (id)
    {
    case PROP_CONVERSATION:
      steer_chat_set_conversation (self, g_value_get_object (value));
      break;
    case PROP_COMPARING:
      steer_chat_set_comparing (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_chat_class_init (SteerChatClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GParamFlags writable = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->dispose = steer_chat_dispose;
  object_class->finalize = steer_chat_finalize;
  object_class->get_property = steer_chat_get_property;
  object_class->set_property = steer_chat_set_property;

  properties[PROP_WORKSPACE] = g_param_spec_object ("workspace", NULL, NULL, STEER_TYPE_WORKSPACE, readable);
  properties[PROP_CONVERSATION] = g_param_spec_object ("conversation", NULL, NULL, STEER_TYPE_CONVERSATION, writable);
  properties[PROP_REPLY] = g_param_spec_object ("reply", NULL, NULL, STEER_TYPE_REPLY, readable);
  properties[PROP_BUSY] = g_param_spec_boolean ("busy", NULL, NULL, FALSE, readable);
  properties[PROP_CAN_SEND] = g_param_spec_boolean ("can-send", NULL, NULL, FALSE, readable);
  properties[PROP_COMPARING] = g_param_spec_boolean ("comparing", NULL, NULL, FALSE, writable);
  properties[PROP_PLAIN_MESSAGE] = g_param_spec_object ("plain-message", NULL, NULL, STEER_TYPE_MESSAGE, readable);
  properties[PROP_STEERED_MESSAGE] = g_param_spec_object ("steered-message", NULL, NULL, STEER_TYPE_MESSAGE, readable);
  properties[PROP_CONTEXT_USED] = g_param_spec_uint ("context-used", NULL, NULL, 0, G_MAXUINT, 0, readable);
  properties[PROP_CONTEXT_SIZE] = g_param_spec_uint ("context-size", NULL, NULL, 0, G_MAXUINT, 0, readable);
  properties[PROP_TOKENS_PER_SECOND]
    = g_param_spec_double ("tokens-per-second", NULL, NULL, 0, G_MAXDOUBLE, 0, readable);
  properties[PROP_UNANSWERED] = g_param_spec_boolean ("unanswered", NULL, NULL, FALSE, readable);
  properties[PROP_FAILURE] = g_param_spec_string ("failure", NULL, NULL, NULL, readable);
  properties[PROP_CONTEXT_FULL] = g_param_spec_boolean ("context-full", NULL, NULL, FALSE, readable);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  g_signal_new ("failed", STEER_TYPE_CHAT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                STEER_TYPE_CONVERSATION, G_TYPE_STRING);
  g_signal_new ("replied", STEER_TYPE_CHAT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                STEER_TYPE_CONVERSATION, STEER_TYPE_MESSAGE);
}

static void
steer_chat_init (SteerChat *self)
{
  self->turns = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_chat_turn_free);
  self->failures = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, (GDestroyNotify) g_error_free);
}

SteerChat *
steer_chat_new (SteerWorkspace *workspace)
{
  SteerChat *self = g_object_new (STEER_TYPE_CHAT, NULL);
  SteerEngine *engine = steer_workspace_get_engine (workspace);

  self->workspace = g_object_ref (workspace);
  g_signal_connect_swapped (engine, "notify::state", G_CALLBACK (on_engine_changed), self);
  g_signal_connect_swapped (engine, "notify::n-context", G_CALLBACK (on_engine_changed), self);
  steer_chat_start_new (self);
  return self;
}

SteerWorkspace *
steer_chat_get_workspace (SteerChat *self)
{
  g_return_val_if_fail (STEER_IS_CHAT (self), NULL);
  return self->workspace;
}

SteerConversation *
steer_chat_get_conversation (SteerChat *self)
{
  g_return_val_if_fail (STEER_IS_CHAT (self), NULL);
  return self->conversation;
}

void
steer_chat_set_conversation (SteerChat *self, SteerConversation *conversation)
{
  g_return_if_fail (STEER_IS_CHAT (self));
  g_return_if_fail (STEER_IS_CONVERSATION (conversation));

  if (conversation == self->conversation)
    return;
  if (self->conversation != NULL)
    g_signal_handlers_disconnect_by_data (self->conversation, self);
  g_hash_table_remove (self->failures, &(gint64){ 0 }); /* of one that was not kept */
  g_set_object (&self->conversation, conversation);
  g_signal_connect_swapped (conversation, "items-changed", G_CALLBACK (on_items_changed), self);
  g_signal_connect_swapped (conversation, "notify::system-prompt", G_CALLBACK (steer_chat_schedule_count), self);
  notify (self, PROP_CONVERSATION);
  steer_chat_set_tokens_per_second (self, 0);
  steer_chat_notify_turn (self);
}

SteerReply *
steer_chat_get_reply (SteerChat *self)
{
  SteerChatTurn *turn;

  g_return_val_if_fail (STEER_IS_CHAT (self), NULL);
  turn = steer_chat_find_turn (self, self->conversation);
  return turn != NULL && turn->n_running > 0 ? turn->replies[0] : NULL;
}

gboolean
steer_chat_get_busy (SteerChat *self)
{
  return steer_chat_get_reply (self) != NULL;
}

gboolean
steer_chat_get_writing (SteerChat *self)
{
  g_return_val_if_fail (STEER_IS_CHAT (self), FALSE);

  for (guint i = 0; i < self->turns->len; i++)
    if (((SteerChatTurn *) g_ptr_array_index (self->turns, i))->n_running > 0)
      return TRUE;
  return FALSE;
}

gboolean
steer_chat_get_can_send (SteerChat *self)
{
  SteerEngineState state;

  g_return_val_if_fail (STEER_IS_CHAT (self), FALSE);
  state = steer_engine_get_state (steer_workspace_get_engine (self->workspace));
  return (state == STEER_ENGINE_READY || state == STEER_ENGINE_BUSY) && !steer_chat_get_busy (self);
}

/* A comparison's columns are shown from its first token until one is chosen. */
static SteerMessage *
get_column (SteerChat *self, guint column)
{
  SteerChatTurn *turn = steer_chat_find_turn (self, self->conversation);

  return turn != NULL && turn->n_replies == 2 ? turn->messages[column] : NULL;
}

SteerMessage *
steer_chat_get_plain_message (SteerChat *self)
{
  g_return_val_if_fail (STEER_IS_CHAT (self), NULL);
  return get_column (self, STEER_CHAT_TURN_PLAIN);
}

SteerMessage *
steer_chat_get_steered_message (SteerChat *self)
{
  g_return_val_if_fail (STEER_IS_CHAT (self), NULL);
  return get_column (self, STEER_CHAT_TURN_STEERED);
}

gboolean
steer_chat_get_unanswered (SteerChat *self)
{
  g_autoptr (SteerMessage) last = NULL;
  guint n;

  g_return_val_if_fail (STEER_IS_CHAT (self), FALSE);

  n = g_list_model_get_n_items (G_LIST_MODEL (self->conversation));
  last = n > 0 ? g_list_model_get_item (G_LIST_MODEL (self->conversation), n - 1) : NULL;
  return last != NULL && steer_message_get_role (last) == STEER_ROLE_USER && !steer_chat_get_busy (self);
}

const char *
steer_chat_get_failure (SteerChat *self)
{
  const GError *error;

  g_return_val_if_fail (STEER_IS_CHAT (self), NULL);

  error = steer_chat_find_failure (self, self->conversation);
  return error != NULL ? error->message : NULL;
}

gboolean
steer_chat_get_context_full (SteerChat *self)
{
  g_return_val_if_fail (STEER_IS_CHAT (self), FALSE);

  return g_error_matches (steer_chat_find_failure (self, self->conversation), STEER_CHAT_ERROR,
                          STEER_CHAT_ERROR_CONTEXT_FULL);
}

void
steer_chat_set_comparing (SteerChat *self, gboolean comparing)
{
  g_return_if_fail (STEER_IS_CHAT (self));

  if (self->comparing == !!comparing)
    return;
  self->comparing = !!comparing;
  notify (self, PROP_COMPARING);
}

void
steer_chat_start_new (SteerChat *self)
{
  SteerStore *store;
  g_autoptr (SteerConversation) conversation = NULL;

  g_return_if_fail (STEER_IS_CHAT (self));
  store = steer_workspace_get_store (self->workspace);
  conversation = store != NULL ? steer_store_create (store) : steer_conversation_new ();
  steer_chat_set_conversation (self, conversation);
}
