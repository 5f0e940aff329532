#pragma once

#include "steer-message.h"
#include "text/steer-thinking.h"

G_BEGIN_DECLS

/* A node of the tree. The conversation owns its first node, a sentinel without text, and every node its children. */
struct _SteerMessage
{
  GObject parent_instance;

  gint64 id;
  SteerRole role;
  GString *text;
  GArray *runs; /* SteerTextRun, in order, touching each other */
  gboolean complete;
  char *preset_name; /* nullable */
  guint n_tokens;
  double tokens_per_second;
  SteerStopReason stop_reason;
  guint64 seed;
  gint64 created;
  guint n_alternatives;
  guint alternative;

  SteerReply *reply;    /* nullable, not owned: what is writing it */
  SteerMessage *parent; /* nullable, not owned */
  GPtrArray *children;  /* SteerMessage, owned; nullable */
  guint active_child;   /* index in children */
  guint depth;          /* position in a path; the sentinel's is not used */
  gboolean stored;      /* its row is in the store, or on the way there */
  guint n_batches;      /* batches written so far, while incomplete */
};

/* @text is made valid UTF-8. Complete until told otherwise. */
SteerMessage *steer_message_new (SteerRole role, const char *text);

/* A copy without id and place in a tree. */
SteerMessage *steer_message_copy (SteerMessage *self);

/* Adds to the last run when @steering is the same, else begins a new one. @steering: (nullable) */
void steer_message_append (SteerMessage *self, const char *text, gsize length, guint n_tokens, const char *steering);
/* For a run read from outside: FALSE, adding nothing, when it does not follow the last one inside the text. */
gboolean steer_message_add_run (SteerMessage *self, gsize start, gsize length, guint n_tokens, const char *steering);
void steer_message_set_rate (SteerMessage *self, double tokens_per_second);
void steer_message_complete (SteerMessage *self, SteerStopReason reason);

/* Where a child of @self lies in its path. @child: (transfer full) */
void steer_message_insert_child (SteerMessage *self, guint index, SteerMessage *child);
/* The same for a tree that is read as a whole: the children are numbered once, afterwards. */
void steer_message_attach_child (SteerMessage *self, guint index, SteerMessage *child);
void steer_message_number_children (SteerMessage *self);
/* (transfer full) */
SteerMessage *steer_message_remove_child (SteerMessage *self, guint index);
guint steer_message_get_n_children (SteerMessage *self);
SteerMessage *steer_message_get_child (SteerMessage *self, guint index);

/* @self and all below it, parents before children, without recursion: a chat of 100,000 messages is that deep.
 * (element-type SteerMessage) (transfer full) */
GPtrArray *steer_message_list_subtree (SteerMessage *self);
/* Takes all below @self apart node by node, so that freeing it does not recurse either; it is freed with the result,
 * in any thread. (element-type GPtrArray) (transfer full) */
GPtrArray *steer_message_take_apart (SteerMessage *self);
/* The same, freed at once. */
void steer_message_dismantle (SteerMessage *self);

/* Where a reply's thought lies; of anything else all is the answer. */
void steer_message_read_thinking (const SteerMessage *self, SteerThinking *thinking);
/* What follows the thought, if any; "" before it begins. Valid until the message changes. */
const char *steer_message_get_answer (const SteerMessage *self);

/* Line breaks and runs of spaces made one space, at most @n_chars, cut at a word where one is near. */
char *steer_text_summarize (const char *text, guint n_chars);
/* What the list of chats shows of what a person said, and of a reply, which is Markdown. */
char *steer_text_dup_preview (const char *text);
char *steer_text_dup_reply_preview (const char *text);

G_END_DECLS
