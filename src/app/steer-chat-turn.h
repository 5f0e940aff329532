#pragma once

#include "steer-workspace.h"

G_BEGIN_DECLS

/* The columns of a comparison. The steered reply comes first: its slot is the one whose cache other replies reuse. */
enum
{
  STEER_CHAT_TURN_STEERED = 0,
  STEER_CHAT_TURN_PLAIN = 1,
};

/**
 * SteerChatTurn:
 *
 * One answer in the making: a reply, or the two of a comparison, with the messages that follow them.
 */
typedef struct
{
  SteerConversation *conversation;
  SteerReply *replies[2];    /* [n_replies] */
  SteerMessage *messages[2]; /* [n_replies] */
  guint n_replies;
  guint n_running;  /* replies that have not finished; counted down by the owner */
  gboolean waiting; /* a comparison of which neither was chosen */
} SteerChatTurn;

/* @asked: the message that is answered. @n_before: alternatives there are already, so that a fixed seed gives each its
 * own. Sampling, reuse and steering are those of the workspace. */
SteerChatTurn *steer_chat_turn_start (SteerWorkspace *workspace,
                                      SteerConversation *conversation,
                                      SteerMessage *asked,
                                      guint n_before,
                                      gboolean compare);
void steer_chat_turn_free (SteerChatTurn *self);

gboolean steer_chat_turn_contains (SteerChatTurn *self, SteerReply *reply);
void steer_chat_turn_stop (SteerChatTurn *self);

/* What went wrong, once it has finished; NULL: nothing. */
const GError *steer_chat_turn_get_error (SteerChatTurn *self);

/* Takes replies that ended before they said anything out of the conversation, so that the question can be asked again.
 */
void steer_chat_turn_drop_empty (SteerChatTurn *self);

G_END_DECLS
