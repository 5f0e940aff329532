#pragma once

#include "steer-conversation.h"
#include "steer-message-private.h"
#include "steer-store.h"

G_BEGIN_DECLS

struct _SteerConversation
{
  GObject parent_instance;

  SteerStore *store; /* nullable: memory only */
  gint64 id;
  char *title;
  gboolean title_by_hand; /* else it follows the first user message */
  char *draft;
  char *system_prompt; /* nullable */
  gint64 created;
  gint64 modified;
  gboolean stored;                   /* its row is in the store, or on the way there */
  struct _SteerWriteGroup *adoption; /* nullable: all of it, for the store that takes it */

  SteerMessage *root; /* sentinel: its children begin the conversation */
  GPtrArray *path;    /* SteerMessage, owned by the tree: the active path */
};

/* The tree. */

/* TRUE with its place in the active path. */
gboolean steer_conversation_find (SteerConversation *self, SteerMessage *message, guint *position);
/* The new last child of @parent becomes active. @child: (transfer full), returned borrowed. */
SteerMessage *steer_conversation_add_child (SteerConversation *self, SteerMessage *parent, SteerMessage *child);
/* Follows the active children anew from @parent on, when it is on the active path. */
void steer_conversation_follow_active (SteerConversation *self, SteerMessage *parent);
/* The last message of the active path, or the sentinel. */
SteerMessage *steer_conversation_get_last (SteerConversation *self);
/* Names a conversation that was not named by hand. */
void steer_conversation_name (SteerConversation *self);
void steer_conversation_touch (SteerConversation *self);
/* What the list of chats shows below the title. */
char *steer_conversation_dup_preview (SteerConversation *self);

/* What changes, as transactions for the store; nothing without one. Each touches the conversation. */

void steer_conversation_save_message (SteerConversation *self, SteerMessage *message);
/* All of it; prepared in any thread. */
void steer_conversation_prepare_save (SteerConversation *self);
void steer_conversation_save_prepared (SteerConversation *self);
void steer_conversation_save_active (SteerConversation *self, SteerMessage *parent);
void steer_conversation_save_removal (SteerConversation *self, SteerMessage *parent, GPtrArray *removed);
void steer_conversation_save_restored (SteerConversation *self, SteerMessage *parent, GPtrArray *restored);
void steer_conversation_save_batch (SteerConversation *self,
                                    SteerMessage *message,
                                    const char *text,
                                    guint n_tokens,
                                    const char *steering);
void steer_conversation_save_completion (SteerConversation *self, SteerMessage *message);
void steer_conversation_save_title (SteerConversation *self);
void steer_conversation_save_draft (SteerConversation *self);
void steer_conversation_save_system_prompt (SteerConversation *self);

G_END_DECLS
