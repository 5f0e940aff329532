#pragma once

#include "steer-chat-turn.h"
#include "steer-chat.h"

G_BEGIN_DECLS

struct _SteerChat
{
  GObject parent_instance;

  SteerWorkspace *workspace;
  SteerConversation *conversation;
  GPtrArray *turns;     /* (element-type SteerChatTurn): at most one a conversation */
  GHashTable *failures; /* id of a conversation -> GError: why its last answer failed */
  gboolean comparing;
  guint context_used;
  double tokens_per_second;
  guint count_id;
  GCancellable *counting; /* nullable: a thread counts */
};

/* steer-chat.c */
void steer_chat_set_context_used (SteerChat *self, guint used);
void steer_chat_set_tokens_per_second (SteerChat *self, double rate);
/* Whatever depends on the turn of the present conversation is another one now. */
void steer_chat_notify_turn (SteerChat *self);

/* steer-chat-context.c: a thread counts once the main loop has nothing else to do. */
void steer_chat_schedule_count (SteerChat *self);
void steer_chat_cancel_count (SteerChat *self);

/* steer-chat-say.c */

/* Why the last answer in @conversation failed, until the conversation changes: also for what is loaded anew under its
 * id. @error: (nullable): it did not */
void steer_chat_set_failure (SteerChat *self, SteerConversation *conversation, const GError *error);
/* (nullable) */
const GError *steer_chat_find_failure (SteerChat *self, SteerConversation *conversation);

/* The turn of @conversation that runs or waits for a choice; NULL: none. */
SteerChatTurn *steer_chat_find_turn (SteerChat *self, SteerConversation *conversation);

G_END_DECLS
