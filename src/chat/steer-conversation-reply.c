/* A reply's way into a conversation: each batch is kept and stored as it arrives. */
#include "steer-store-private.h"

#include <string.h>

/* Beyond it the list of chats shows nothing of a message. */
#define PREVIEW_BYTES 600

/* Lives until the reply has finished, and keeps the conversation alive until then. */
typedef struct
{
  SteerConversation *conversation;
  SteerMessage *message;
  SteerReply *reply;
  SteerPlan *plan; /* nullable: what @steering describes */
  char *steering;  /* nullable */
} Follower;

static void
follower_free (Follower *self)
{
  self->message->reply = NULL;
  g_signal_handlers_disconnect_by_data (self->reply, self);
  g_object_unref (self->conversation);
  g_object_unref (self->message);
  g_object_unref (self->reply);
  g_clear_pointer (&self->plan, steer_plan_unref);
  g_free (self->steering);
  g_free (self);
}

static void
describe (Follower *self, SteerPlan *plan)
{
  if (self->plan == plan)
    return;
  g_clear_pointer (&self->plan, steer_plan_unref);
  self->plan = plan != NULL ? steer_plan_ref (plan) : NULL;
  g_free (self->steering);
  self->steering = steer_plan_describe (plan);
}

static void
on_chunk (Follower *self, const SteerChunk *chunk)
{
  describe (self, chunk->plan);
  steer_conversation_save_batch (self->conversation, self->message, chunk->text, chunk->n_tokens, self->steering);
  steer_message_append (self->message, chunk->text, chunk->length, chunk->n_tokens, self->steering);
  /* The list of chats shows how it begins. */
  if (self->conversation->store != NULL && self->message->text->len < PREVIEW_BYTES)
    steer_store_refresh_entry (self->conversation->store, self->conversation);
}

static void
on_rate (Follower *self)
{
  double rate;

  g_object_get (self->reply, "tokens-per-second", &rate, NULL);
  steer_message_set_rate (self->message, rate);
}

static void
on_finished (Follower *self)
{
  self->message->reply = NULL;
  on_rate (self);
  /* Told to the store first: whoever hears of the completion may ask it to flush. */
  self->message->stop_reason = steer_reply_get_stop_reason (self->reply);
  self->message->complete = TRUE;
  steer_conversation_save_completion (self->conversation, self->message);
  steer_message_complete (self->message, self->message->stop_reason);
  follower_free (self);
}

SteerMessage *
steer_conversation_begin_reply (SteerConversation *self,
                                SteerMessage *parent,
                                SteerReply *reply,
                                guint64 seed,
                                const char *preset_name)
{
  SteerMessage *message;
  Follower *follower;

  g_return_val_if_fail (STEER_IS_CONVERSATION (self), NULL);
  g_return_val_if_fail (STEER_IS_REPLY (reply), NULL);

  message = steer_message_new (STEER_ROLE_ASSISTANT, "");
  message->complete = FALSE;
  message->seed = seed;
  message->preset_name = preset_name != NULL ? g_utf8_make_valid (preset_name, -1) : NULL;
  message->reply = reply;

  follower = g_new0 (Follower, 1);
  follower->conversation = g_object_ref (self);
  follower->message = g_object_ref (message);
  follower->reply = g_object_ref (reply);
  g_signal_connect_swapped (reply, "chunk", G_CALLBACK (on_chunk), follower);
  g_signal_connect_swapped (reply, "notify::tokens-per-second", G_CALLBACK (on_rate), follower);
  g_signal_connect_swapped (reply, "finished", G_CALLBACK (on_finished), follower);

  steer_conversation_add_child (self, parent != NULL ? parent : steer_conversation_get_last (self), message);
  if (steer_reply_get_state (reply) == STEER_REPLY_DONE)
    {
      /* It ended before anyone followed it. */
      const char *text = steer_reply_get_text (reply);
      guint n_tokens;

      steer_reply_get_tokens (reply, &n_tokens);
      steer_message_append (message, text, strlen (text), n_tokens, NULL);
      on_finished (follower);
    }
  return message;
}
