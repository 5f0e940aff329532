#pragma once

#include "steer-message.h"

G_BEGIN_DECLS

#define STEER_TYPE_CONVERSATION (steer_conversation_get_type ())

/**
 * SteerConversation:
 *
 * A tree of messages of which one path is shown: a GListModel of SteerMessage from the first to the last message of
 * the active path. Regenerating and editing add siblings; choosing an alternative switches the path below it. Every
 * change goes to the store at once (when the conversation has one); nothing waits for the disk. Main thread.
 *
 * Properties (notifying): id (int64), title (string), draft (string: unsent text of the composer), system-prompt
 * (string, nullable), created, modified (int64, Unix microseconds).
 */
G_DECLARE_FINAL_TYPE (SteerConversation, steer_conversation, STEER, CONVERSATION, GObject)

/* Without a store: kept in memory only. */
SteerConversation *steer_conversation_new (void);

gint64 steer_conversation_get_id (SteerConversation *self);
const char *steer_conversation_get_title (SteerConversation *self);
void steer_conversation_set_title (SteerConversation *self, const char *title);
const char *steer_conversation_get_draft (SteerConversation *self);
void steer_conversation_set_draft (SteerConversation *self, const char *draft);
const char *steer_conversation_get_system_prompt (SteerConversation *self);
void steer_conversation_set_system_prompt (SteerConversation *self, const char *system_prompt);

/* What @message answers; NULL for the first of a conversation. (transfer none) */
SteerMessage *steer_conversation_get_parent (SteerConversation *self, SteerMessage *message);

/* Adds a message at the end of the active path. (transfer none) */
SteerMessage *steer_conversation_append (SteerConversation *self, SteerRole role, const char *text);

/* A sibling of @message with other text becomes active; what followed stays with the old one. For typed messages.
 * Here and below, a message that was removed in the meantime is left alone (NULL, or a removal that restores nothing).
 */
SteerMessage *steer_conversation_edit (SteerConversation *self, SteerMessage *message, const char *text);

/* Shows alternative @index (0 .. n_alternatives - 1) of @message and the path below it. */
void steer_conversation_select_alternative (SteerConversation *self, SteerMessage *message, guint index);

/* Shows the path that leads to the message of that id, whichever alternatives it takes, and tells its place in it.
 * FALSE: there is none. */
gboolean steer_conversation_show_message (SteerConversation *self, gint64 id, guint *position);

/* Removes the message with everything below it from the tree. The token restores it, whatever has changed in the
 * meantime, unless what it followed was removed too; for Undo. */
typedef struct _SteerRemoval SteerRemoval;
void steer_removal_free (SteerRemoval *removal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerRemoval, steer_removal_free)
SteerRemoval *steer_conversation_remove (SteerConversation *self, SteerMessage *message);
void steer_conversation_restore (SteerConversation *self, SteerRemoval *removal);

/* A new conversation (in the same store) with the active path up to and including @message. */
SteerConversation *steer_conversation_branch (SteerConversation *self, SteerMessage *message);

/**
 * steer_conversation_begin_reply:
 * @parent: (nullable): the message to answer; NULL: the last of the active path. When it already has an answer the
 *   new one becomes its active alternative (regenerate).
 * @preset_name: (nullable): what steers it, for the record
 *
 * Adds an incomplete assistant message that follows @reply: text and runs are appended and stored batch by batch as
 * they arrive, and the message completes with the reply, whatever ends it.
 */
SteerMessage *steer_conversation_begin_reply (SteerConversation *self,
                                              SteerMessage *parent,
                                              SteerReply *reply,
                                              guint64 seed,
                                              const char *preset_name);

/* Adds the active path up to and including @last ((nullable): all of it), the system prompt first, to @request. */
void steer_conversation_fill_request (SteerConversation *self, SteerMessage *last, SteerRequest *request);

/* Export; free with g_free(). JSON holds the whole tree and comes back through import. */
char *steer_conversation_to_markdown (SteerConversation *self);
char *steer_conversation_to_json (SteerConversation *self);
SteerConversation *steer_conversation_new_from_json (const char *json, gssize length, GError **error);
/* Reads no more of @stream than a conversation may have. Any thread; blocks. Errors of the stream, too, and
 * STEER_TENSOR_ERROR_NO_MEMORY. */
SteerConversation *steer_conversation_new_from_stream (GInputStream *stream, GCancellable *cancellable, GError **error);

G_END_DECLS
