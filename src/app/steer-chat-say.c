/* What is said in a chat: questions are sent and answered, replies stopped, chosen, asked for again. */
#include "steer-chat-private.h"

/* The turn of @conversation that runs or waits for a choice; NULL: none. */
SteerChatTurn *
steer_chat_find_turn (SteerChat *self, SteerConversation *conversation)
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

void
steer_chat_set_failure (SteerChat *self, SteerConversation *conversation, const GError *error)
{
  gint64 id = steer_conversation_get_id (conversation);

  /* One that is not kept has no id, and does not come back once it was left. */
  if (id == 0 && conversation != self->conversation)
    return;
  if (error != NULL)
    g_hash_table_insert (self->failures, g_memdup2 (&id, sizeof id), g_error_copy (error));
  else
    g_hash_table_remove (self->failures, &id);
}

const GError *
steer_chat_find_failure (SteerChat *self, SteerConversation *conversation)
{
  gint64 id = steer_conversation_get_id (conversation);

  return g_hash_table_lookup (self->failures, &id);
}

static void
on_reply_progress (SteerReply *reply, GParamSpec *pspec, SteerChat *self)
{
  guint n_prompt, n_tokens;
  double rate;

  if (reply != steer_chat_get_reply (self))
    return;
  g_object_get (reply, "n-prompt-tokens", &n_prompt, "n-tokens", &n_tokens, "tokens-per-second", &rate, NULL);
  steer_chat_set_context_used (self, n_prompt + n_tokens);
  if (rate > 0)
    steer_chat_set_tokens_per_second (self, rate);
}

static void
finish_turn (SteerChat *self, SteerChatTurn *turn)
{
  g_autoptr (SteerConversation) conversation = g_object_ref (turn->conversation);
  g_autoptr (SteerMessage) message = g_object_ref (turn->messages[0]);
  const GError *failure = steer_chat_turn_get_error (turn);
  g_autoptr (GError) error = failure != NULL ? g_error_copy (failure) : NULL;

  steer_chat_turn_drop_empty (turn);
  steer_chat_set_failure (self, conversation, error);
  if (!turn->waiting)
    g_ptr_array_remove (self->turns, turn);
  if (conversation == self->conversation)
    steer_chat_notify_turn (self);
  if (error != NULL)
    g_signal_emit_by_name (self, "failed", conversation, error->message);
  else if (*steer_message_get_text (message) != '\0')
    g_signal_emit_by_name (self, "replied", conversation, message);
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

/* @n_before: replies to @asked that are there already */
static void
start_turn (SteerChat *self, SteerMessage *asked, guint n_before, gboolean compare)
{
  SteerChatTurn *old = steer_chat_find_turn (self, self->conversation);
  SteerChatTurn *turn;

  /* Whoever goes on without choosing keeps the steered one, which is the active alternative. */
  if (old != NULL)
    g_ptr_array_remove (self->turns, old);
  turn = steer_chat_turn_start (self->workspace, self->conversation, asked, n_before, compare);
  g_ptr_array_add (self->turns, turn);
  for (guint i = 0; i < turn->n_replies; i++)
    {
      g_signal_connect (turn->replies[i], "notify::n-prompt-tokens", G_CALLBACK (on_reply_progress), self);
      g_signal_connect (turn->replies[i], "notify::n-tokens", G_CALLBACK (on_reply_progress), self);
      g_signal_connect (turn->replies[i], "notify::tokens-per-second", G_CALLBACK (on_reply_progress), self);
      g_signal_connect (turn->replies[i], "finished", G_CALLBACK (on_reply_finished), self);
    }
  steer_chat_notify_turn (self);
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
  SteerMessage *asked;

  g_return_if_fail (STEER_IS_CHAT (self));
  g_return_if_fail (text != NULL);

  said = g_strstrip (g_strdup (text));
  if (*said == '\0' || !steer_chat_get_can_send (self))
    return;
  if (g_list_model_get_n_items (G_LIST_MODEL (self->conversation)) == 0)
    choose_system_prompt (self);
  asked = steer_conversation_append (self->conversation, STEER_ROLE_USER, said);
  steer_conversation_set_draft (self->conversation, "");
  start_turn (self, asked, 0, self->comparing);
}

gboolean
steer_chat_can_regenerate (SteerChat *self, SteerMessage *message)
{
  g_return_val_if_fail (STEER_IS_CHAT (self), FALSE);
  g_return_val_if_fail (STEER_IS_MESSAGE (message), FALSE);

  return steer_chat_get_can_send (self) && steer_message_get_role (message) == STEER_ROLE_ASSISTANT
         && steer_conversation_get_parent (self->conversation, message) != NULL;
}

void
steer_chat_regenerate (SteerChat *self, SteerMessage *message)
{
  g_return_if_fail (STEER_IS_CHAT (self));
  g_return_if_fail (STEER_IS_MESSAGE (message));

  if (!steer_chat_can_regenerate (self, message))
    return;
  start_turn (self, steer_conversation_get_parent (self->conversation, message),
              steer_message_get_n_alternatives (message), FALSE);
}

void
steer_chat_edit (SteerChat *self, SteerMessage *message, const char *text)
{
  SteerMessage *edited;

  g_return_if_fail (STEER_IS_CHAT (self));
  g_return_if_fail (STEER_IS_MESSAGE (message));
  g_return_if_fail (text != NULL);

  if (!steer_message_get_complete (message))
    return;
  edited = steer_conversation_edit (self->conversation, message, text);
  if (edited != NULL && steer_message_get_role (edited) == STEER_ROLE_USER && steer_chat_get_can_send (self))
    start_turn (self, edited, 0, self->comparing);
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
    start_turn (self, last, 0, self->comparing);
}

void
steer_chat_stop (SteerChat *self)
{
  SteerChatTurn *turn;

  g_return_if_fail (STEER_IS_CHAT (self));
  turn = steer_chat_find_turn (self, self->conversation);
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

gboolean
steer_chat_leave (SteerChat *self, gint64 id)
{
  g_return_val_if_fail (STEER_IS_CHAT (self), FALSE);

  for (guint i = self->turns->len; i-- > 0;)
    {
      SteerChatTurn *turn = g_ptr_array_index (self->turns, i);

      if (steer_conversation_get_id (turn->conversation) != id)
        continue;
      /* A comparison waits no longer. */
      turn->waiting = FALSE;
      if (turn->n_running > 0)
        steer_chat_turn_stop (turn);
      else
        g_ptr_array_remove_index (self->turns, i);
    }
  if (steer_conversation_get_id (self->conversation) != id)
    return FALSE;
  steer_chat_start_new (self);
  return TRUE;
}

void
steer_chat_keep (SteerChat *self, SteerMessage *message)
{
  SteerChatTurn *turn;

  g_return_if_fail (STEER_IS_CHAT (self));
  g_return_if_fail (STEER_IS_MESSAGE (message));

  turn = steer_chat_find_turn (self, self->conversation);
  if (turn == NULL || (message != turn->messages[0] && message != turn->messages[1]))
    return;
  steer_conversation_select_alternative (self->conversation, message, steer_message_get_alternative (message));
  turn->waiting = FALSE;
  if (turn->n_running > 0)
    steer_chat_turn_stop (turn);
  else
    g_ptr_array_remove (self->turns, turn);
  steer_chat_notify_turn (self);
}
