#pragma once

#include "steer-workspace.h"

G_BEGIN_DECLS

#define STEER_TYPE_CHAT (steer_chat_get_type ())

/**
 * SteerChat:
 *
 * One window's conversation in progress: what the composer, the transcript and the header act on. No widgets.
 *
 * Properties (notifying): workspace; conversation (SteerConversation, never NULL, writable: switching stops nothing,
 * a reply goes on being written into its own conversation); reply (SteerReply, nullable: the one being written into
 * this conversation); busy (boolean); can-send (boolean: a model is ready, nothing is being written here);
 * comparing (boolean, writable); plain-message, steered-message (SteerMessage, nullable: the two columns of a
 * comparison that waits for a choice); context-used, context-size (uint, tokens: the gauge); tokens-per-second
 * (double, live); unanswered (boolean: the conversation ends with what the person said, and nothing answers it);
 * failure (string, nullable: why the last answer in this conversation ended with an error, until the conversation
 * changes); context-full (boolean: that the context does not hold the conversation is why).
 *
 * Signals: `failed` (SteerConversation, const char *message): a reply ended with an error, in whichever conversation.
 * `replied` (SteerConversation, SteerMessage): a reply ended with text, in whichever conversation; for announcing it.
 */
G_DECLARE_FINAL_TYPE (SteerChat, steer_chat, STEER, CHAT, GObject)

SteerChat *steer_chat_new (SteerWorkspace *workspace);

SteerWorkspace *steer_chat_get_workspace (SteerChat *self);
SteerConversation *steer_chat_get_conversation (SteerChat *self);
void steer_chat_set_conversation (SteerChat *self, SteerConversation *conversation);
/* (transfer none) (nullable) */
SteerReply *steer_chat_get_reply (SteerChat *self);
SteerMessage *steer_chat_get_plain_message (SteerChat *self);
SteerMessage *steer_chat_get_steered_message (SteerChat *self);
gboolean steer_chat_get_busy (SteerChat *self);
gboolean steer_chat_get_can_send (SteerChat *self);
/* A reply is being written into any conversation of this chat's. */
gboolean steer_chat_get_writing (SteerChat *self);
gboolean steer_chat_get_unanswered (SteerChat *self);
/* (transfer none) (nullable) */
const char *steer_chat_get_failure (SteerChat *self);
gboolean steer_chat_get_context_full (SteerChat *self);
void steer_chat_set_comparing (SteerChat *self, gboolean comparing);

/* A new, empty conversation becomes the chat's. */
void steer_chat_start_new (SteerChat *self);

/* Appends what the person said and starts the reply: two, side by side, while comparing. */
void steer_chat_send (SteerChat *self, const char *text);

/* @message is the assistant's, answers another one, and nothing is being written here. */
gboolean steer_chat_can_regenerate (SteerChat *self, SteerMessage *message);
/* Another answer in the place of @message, with another seed, where that can be. */
void steer_chat_regenerate (SteerChat *self, SteerMessage *message);

/* Changes @message's text as a new alternative. An edited user message is answered at once. */
void steer_chat_edit (SteerChat *self, SteerMessage *message, const char *text);

/* Answers the last message when it is the user's. */
void steer_chat_continue (SteerChat *self);

/* Ends what is being written into the chat's conversation, within a token; what was written stays. */
void steer_chat_stop (SteerChat *self);
/* The same for every conversation; before quitting. */
void steer_chat_stop_all (SteerChat *self);
/* Conversation @id is deleted: nothing more is written into it. TRUE when it was the chat's, which has a new one then.
 */
gboolean steer_chat_leave (SteerChat *self, gint64 id);

/* Keeps one column of a comparison as the conversation's reply. The other stays as an alternative. */
void steer_chat_keep (SteerChat *self, SteerMessage *message);

G_END_DECLS
