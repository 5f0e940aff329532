#include "steer-chat.h"

#include "steer-chat-turn.h"

/* Beyond this much text the gauge scales the count of its end up, so that counting never holds up a frame. */
#define MAX_COUNTED_BYTES (48 * 1024)

struct _SteerChat
{
  GObject parent_instance;

  SteerWorkspace *workspace;
  SteerConversation *conversation;
  GPtrArray *turns; /* (element-type SteerChatTurn): at most one a conversation */
  gboolean comparing;
  guint context_used;
  double tokens_per_second;
  guint count_id;
};

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
  N_PROPS
};

enum
{
  FAILED,
  REPLIED,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerChat, steer_chat, G_TYPE_OBJECT)

static void
notify (SteerChat *self, guint property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

/* The turn of @conversation that runs or waits for a choice; NULL: none. */
static SteerChatTurn *
find_turn (SteerChat *self, SteerConversation *conversation)
{
  for (guint i = 0; i < self->turns->len; i++)
    {
      SteerChatTurn *turn = g_ptr_array_index (self->turns, i);

      if (turn->conversation == conversation)
        return turn;
    }
  return NULL;
}

static SteerChatTurn *
find_turn_of_reply (SteerChat *self, SteerReply *reply)
{
  for (guint i = 0; i < self->turns->len; i++)
    {
      SteerChatTurn *turn = g_ptr_array_index (self->turns, i);

      if (steer_chat_turn_contains (turn, reply))
        return turn;
    }
  return NULL;
}

static guint
get_context_size (SteerChat *self)
{
  guint n_context = 0;

  g_object_get (steer_workspace_get_engine (self->workspace), "n-context", &n_context, NULL);
  return n_context;
}

static void
set_context_used (SteerChat *self, guint used)
{
  if (self->context_used == used)
    return;
  self->context_used = used;
  notify (self, PROP_CONTEXT_USED);
}

static void
set_tokens_per_second (SteerChat *self, double rate)
{
  if (self->tokens_per_second == rate)
    return;
  self->tokens_per_second = rate;
  notify (self, PROP_TOKENS_PER_SECOND);
}

/* The end of the conversation that the count looks at: (transfer none), and which share of all bytes that is. */
static guint
count_end (SteerChat *self)
{
  GListModel *messages = G_LIST_MODEL (self->conversation);
  g_autoptr (SteerRequest) request = steer_request_new ();
  guint n = g_list_model_get_n_items (messages), first = n;
  gsize all = 0, counted = 0;
  guint n_tokens;

  for (guint i = n; i-- > 0;)
    {
      g_autoptr (SteerMessage) message = g_list_model_get_item (messages, i);
      gsize length = strlen (steer_message_get_text (message));

      all += length;
      if (all > MAX_COUNTED_BYTES && first < n)
        continue;
      counted = all;
      first = i;
    }
  if (n == 0)
    return 0;
  if (first == 0)
    {
      steer_conversation_fill_request (self->conversation, NULL, request);
      return steer_engine_count_tokens (steer_workspace_get_engine (self->workspace), request);
    }
  for (guint i = first; i < n; i++)
    {
      g_autoptr (SteerMessage) message = g_list_model_get_item (messages, i);

      steer_request_add_message (request, steer_message_get_role (message), steer_message_get_text (message));
    }
  n_tokens = steer_engine_count_tokens (steer_workspace_get_engine (self->workspace), request);
  return counted > 0 ? (guint) MIN ((double) n_tokens * all / counted, (double) G_MAXINT) : n_tokens;
}

static gboolean
count_context (gpointer data)
{
  SteerChat *self = data;

  self->count_id = 0;
  if (steer_chat_get_reply (self) == NULL)
    set_context_used (self, count_end (self));
  return G_SOURCE_REMOVE;
}

/* In an idle: a conversation changes in several steps, and it is worth counting once. */
static void
schedule_count (SteerChat *self)
{
  if (self->count_id == 0)
    self->count_id = g_idle_add (count_context, self);
}

static void
on_engine_changed (SteerChat *self)
{
  notify (self, PROP_CAN_SEND);
  notify (self, PROP_CONTEXT_SIZE);
  schedule_count (self);
}

static void
notify_turn (SteerChat *self)
{
  notify (self, PROP_REPLY);
  notify (self, PROP_BUSY);
  notify (self, PROP_CAN_SEND);
  notify (self, PROP_PLAIN_MESSAGE);
  notify (self, PROP_STEERED_MESSAGE);
  schedule_count (self);
}

static void
on_reply_progress (SteerReply *reply, GParamSpec *pspec, SteerChat *self)
{
  guint n_prompt, n_tokens;
  double rate;

  if (reply != steer_chat_get_reply (self))
    return;
  g_object_get (reply, "n-prompt-tokens", &n_prompt, "n-tokens", &n_tokens, "tokens-per-second", &rate, NULL);
  set_context_used (self, n_prompt + n_tokens);
  if (rate > 0)
    set_tokens_per_second (self, rate);
}

static void
finish_turn (SteerChat *self, SteerChatTurn *turn)
{
  g_autoptr (SteerConversation) conversation = g_object_ref (turn->conversation);
  g_autoptr (SteerMessage) message = g_object_ref (turn->messages[0]);
  g_autofree char *error = steer_chat_turn_dup_error (turn);

  steer_chat_turn_drop_empty (turn);
  if (!turn->waiting)
    g_ptr_array_remove (self->turns, turn);
  if (conversation == self->conversation)
    notify_turn (self);
  if (error != NULL)
    g_signal_emit (self, signals[FAILED], 0, error);
  else if (*steer_message_get_text (message) != '\0')
    g_signal_emit (self, signals[REPLIED], 0, conversation, message);
}

static void
on_reply_finished (SteerReply *reply, SteerChat *self)
{
  SteerChatTurn *turn = find_turn_of_reply (self, reply);

  if (turn == NULL)
    return;
  on_reply_progress (reply, NULL, self);
  g_signal_handlers_disconnect_by_data (reply, self);
  if (--turn->n_running == 0)
    finish_turn (self, turn);
}

/* Answers @parent ((nullable): the last message). */
static void
start_turn (SteerChat *self, SteerMessage *parent, guint n_before, gboolean compare)
{
  SteerChatTurn *old = find_turn (self, self->conversation);
  SteerChatTurn *turn;

  /* Whoever goes on without choosing keeps the steered one, which is the active alternative. */
  if (old != NULL)
    g_ptr_array_remove (self->turns, old);
  turn = steer_chat_turn_start (self->workspace, self->conversation, parent, n_before, compare);
  g_ptr_array_add (self->turns, turn);
  for (guint i = 0; i < turn->n_replies; i++)
    {
      g_signal_connect (turn->replies[i], "notify::n-prompt-tokens", G_CALLBACK (on_reply_progress), self);
      g_signal_connect (turn->replies[i], "notify::n-tokens", G_CALLBACK (on_reply_progress), self);
      g_signal_connect (turn->replies[i], "notify::tokens-per-second", G_CALLBACK (on_reply_progress), self);
      g_signal_connect (turn->replies[i], "finished", G_CALLBACK (on_reply_finished), self);
    }
  notify_turn (self);
}

static void
steer_chat_dispose (GObject *object)
{
  SteerChat *self = STEER_CHAT (object);

  g_clear_handle_id (&self->count_id, g_source_remove);
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
  g_object_class_install_properties (object_class, N_PROPS, properties);

  signals[FAILED]
    = g_signal_new ("failed", STEER_TYPE_CHAT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[REPLIED] = g_signal_new ("replied", STEER_TYPE_CHAT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                                   STEER_TYPE_CONVERSATION, STEER_TYPE_MESSAGE);
}

static void
steer_chat_init (SteerChat *self)
{
  self->turns = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_chat_turn_free);
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
  g_set_object (&self->conversation, conversation);
  g_signal_connect_swapped (conversation, "items-changed", G_CALLBACK (schedule_count), self);
  g_signal_connect_swapped (conversation, "notify::system-prompt", G_CALLBACK (schedule_count), self);
  notify (self, PROP_CONVERSATION);
  set_tokens_per_second (self, 0);
  notify_turn (self);
}

SteerReply *
steer_chat_get_reply (SteerChat *self)
{
  SteerChatTurn *turn;

  g_return_val_if_fail (STEER_IS_CHAT (self), NULL);
  turn = find_turn (self, self->conversation);
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
  SteerChatTurn *turn = find_turn (self, self->conversation);

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
steer_chat_get_comparing (SteerChat *self)
{
  g_return_val_if_fail (STEER_IS_CHAT (self), FALSE);
  return self->comparing;
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

/* A conversation begins with the system prompt of its preset or of the preferences, and stays with it. */
static void
choose_system_prompt (SteerChat *self)
{
  const char *own = steer_conversation_get_system_prompt (self->conversation);
  const char *preset = steer_preset_get_system_prompt (steer_workspace_get_preset (self->workspace));
  g_autofree char *preferred = g_settings_get_string (steer_workspace_get_settings (self->workspace), "system-prompt");

  if (own != NULL && *own != '\0')
    return;
  if (preset != NULL && *preset != '\0')
    steer_conversation_set_system_prompt (self->conversation, preset);
  else if (*preferred != '\0')
    steer_conversation_set_system_prompt (self->conversation, preferred);
}

void
steer_chat_send (SteerChat *self, const char *text)
{
  g_autofree char *said = NULL;

  g_return_if_fail (STEER_IS_CHAT (self));
  g_return_if_fail (text != NULL);

  said = g_strstrip (g_strdup (text));
  if (*said == '\0' || !steer_chat_get_can_send (self))
    return;
  if (g_list_model_get_n_items (G_LIST_MODEL (self->conversation)) == 0)
    choose_system_prompt (self);
  steer_conversation_append (self->conversation, STEER_ROLE_USER, said);
  steer_conversation_set_draft (self->conversation, "");
  start_turn (self, NULL, 0, self->comparing);
}

void
steer_chat_regenerate (SteerChat *self, SteerMessage *message)
{
  g_return_if_fail (STEER_IS_CHAT (self));
  g_return_if_fail (STEER_IS_MESSAGE (message));

  if (!steer_chat_get_can_send (self) || steer_message_get_role (message) != STEER_ROLE_ASSISTANT)
    return;
  start_turn (self, steer_conversation_get_parent (self->conversation, message),
              steer_message_get_n_alternatives (message), FALSE);
}

void
steer_chat_edit (SteerChat *self, SteerMessage *message, const char *text)
{
  g_return_if_fail (STEER_IS_CHAT (self));
  g_return_if_fail (STEER_IS_MESSAGE (message));
  g_return_if_fail (text != NULL);

  if (!steer_message_get_complete (message))
    return;
  steer_conversation_edit (self->conversation, message, text);
  if (steer_message_get_role (message) == STEER_ROLE_USER && steer_chat_get_can_send (self))
    start_turn (self, NULL, 0, self->comparing);
}

void
steer_chat_continue (SteerChat *self)
{
  guint n;
  g_autoptr (SteerMessage) last = NULL;

  g_return_if_fail (STEER_IS_CHAT (self));
  n = g_list_model_get_n_items (G_LIST_MODEL (self->conversation));
  last = n > 0 ? g_list_model_get_item (G_LIST_MODEL (self->conversation), n - 1) : NULL;
  if (last != NULL && steer_message_get_role (last) == STEER_ROLE_USER && steer_chat_get_can_send (self))
    start_turn (self, NULL, 0, self->comparing);
}

void
steer_chat_stop (SteerChat *self)
{
  SteerChatTurn *turn;

  g_return_if_fail (STEER_IS_CHAT (self));
  turn = find_turn (self, self->conversation);
  if (turn != NULL)
    steer_chat_turn_stop (turn);
}

void
steer_chat_stop_all (SteerChat *self)
{
  g_return_if_fail (STEER_IS_CHAT (self));
  for (guint i = 0; i < self->turns->len; i++)
    steer_chat_turn_stop (g_ptr_array_index (self->turns, i));
}

void
steer_chat_keep (SteerChat *self, SteerMessage *message)
{
  SteerChatTurn *turn;

  g_return_if_fail (STEER_IS_CHAT (self));
  g_return_if_fail (STEER_IS_MESSAGE (message));

  turn = find_turn (self, self->conversation);
  if (turn == NULL || (message != turn->messages[0] && message != turn->messages[1]))
    return;
  steer_conversation_select_alternative (self->conversation, message, steer_message_get_alternative (message));
  turn->waiting = FALSE;
  if (turn->n_running > 0)
    steer_chat_turn_stop (turn);
  else
    g_ptr_array_remove (self->turns, turn);
  notify_turn (self);
}
