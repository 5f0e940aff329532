#pragma once

#include "chat/steer-conversation.h"
#include "chat/steer-reply-private.h"

G_BEGIN_DECLS

/* A reply that no engine writes: the test is its worker. */
SteerReply *test_reply_new (void);

/* One token with its text, as the worker posts it; then waits until it has arrived on the main context. */
void test_reply_write (SteerReply *reply, const char *text, SteerPlan *plan);

/* Waits until who writes the reply has come to its end, be that an error. */
void test_reply_wait (SteerReply *reply, double seconds);

/* Ends the reply and waits until it has finished. */
void test_reply_finish (SteerReply *reply, SteerStopReason reason);

/* One operation: layer 15, index 21576. */
SteerPlan *test_plan_new (float strength, SteerMode mode);
SteerPlan *test_plan_new_labelled (float strength, SteerMode mode, const char *label);

/* "role:text|role:text" of the active path, roles by their first letter. */
char *test_conversation_dup_path (SteerConversation *conversation);

G_END_DECLS
