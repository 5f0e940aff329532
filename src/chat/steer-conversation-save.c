/* What changes in a conversation, as transactions for its store. */
#include "steer-store-private.h"

/* The conversation's own row comes first. */
static SteerWriteGroup *
make_group (SteerConversation *self, gboolean synced)
{
  SteerWriteGroup *group = steer_write_group_new (self->id, synced);

  if (!self->stored)
    {
      steer_write_group_add (group, STEER_WRITE_ADD_CONVERSATION, STEER_INT (self->id), STEER_TEXT (self->title),
                             STEER_INT (self->title_by_hand), STEER_TEXT (self->system_prompt),
                             STEER_TEXT (self->draft), STEER_INT (self->created), STEER_INT (self->modified));
      self->stored = TRUE;
    }
  return group;
}

/* NULL without a store. */
static SteerWriteGroup *
begin (SteerConversation *self, gboolean synced)
{
  return self->store != NULL ? make_group (self, synced) : NULL;
}

/* Begins a change of what the conversation says. */
static SteerWriteGroup *
begin_change (SteerConversation *self)
{
  steer_conversation_touch (self);
  return begin (self, TRUE);
}

/* Ends it: the list of chats follows. */
static void
end (SteerConversation *self, SteerWriteGroup *group)
{
  g_autofree char *preview = steer_conversation_dup_preview (self);

  steer_write_group_add (group, STEER_WRITE_TOUCH, STEER_INT (self->id), STEER_INT (self->modified),
                         STEER_TEXT (preview), STEER_TEXT (self->title));
  steer_store_write (self->store, group);
  steer_store_refresh_entry (self->store, self);
}

static void
add_active (SteerConversation *self, SteerWriteGroup *group, SteerMessage *parent)
{
  SteerMessage *child = steer_message_get_child (parent, parent->active_child);
  gint64 child_id = child != NULL ? child->id : 0;

  if (parent == self->root)
    steer_write_group_add (group, STEER_WRITE_SET_FIRST, STEER_INT (self->id), STEER_INT (child_id));
  else
    steer_write_group_add (group, STEER_WRITE_SET_ACTIVE, STEER_INT (parent->id), STEER_INT (child_id));
}

static void
add_run (SteerWriteGroup *group, SteerMessage *message, guint sequence, const SteerTextRun *run)
{
  g_autofree char *text = NULL;

  if (message->complete)
    {
      steer_write_group_add (group, STEER_WRITE_ADD_RUN, STEER_INT (message->id), STEER_INT (sequence),
                             STEER_INT (run->start), STEER_INT (run->length), STEER_INT (run->n_tokens),
                             STEER_TEXT (run->steering));
      return;
    }
  text = g_strndup (message->text->str + run->start, run->length);
  steer_write_group_add (group, STEER_WRITE_ADD_BATCH, STEER_INT (message->id), STEER_INT (sequence), STEER_TEXT (text),
                         STEER_INT (run->n_tokens), STEER_TEXT (run->steering));
  message->n_batches = sequence + 1;
}

static void
add_message (SteerConversation *self, SteerWriteGroup *group, SteerMessage *message)
{
  SteerMessage *active = steer_message_get_child (message, message->active_child);

  if (message->id == 0)
    message->id = steer_store_make_id ();
  message->stored = TRUE;
  message->n_batches = 0;
  steer_write_group_add (
    group, STEER_WRITE_ADD_MESSAGE, STEER_INT (message->id), STEER_INT (self->id),
    STEER_INT (message->parent != self->root ? message->parent->id : 0), STEER_INT (active != NULL ? active->id : 0),
    STEER_INT (message->role), STEER_TEXT (message->complete ? message->text->str : ""), STEER_INT (message->complete),
    STEER_TEXT (message->preset_name), STEER_INT (message->seed), STEER_INT (message->n_tokens),
    STEER_REAL (message->tokens_per_second), STEER_INT (message->stop_reason), STEER_INT (message->created));
  for (guint i = 0; i < message->runs->len; i++)
    add_run (group, message, i, &g_array_index (message->runs, SteerTextRun, i));
}

/* A new id first for all: a message's row names its active child, which comes after it. */
static void
make_ids (GPtrArray *messages)
{
  for (guint i = 0; i < messages->len; i++)
    {
      SteerMessage *message = g_ptr_array_index (messages, i);

      if (message->id == 0)
        message->id = steer_store_make_id ();
    }
}

void
steer_conversation_save_message (SteerConversation *self, SteerMessage *message)
{
  SteerWriteGroup *group = begin_change (self);

  if (group != NULL)
    {
      add_message (self, group, message);
      add_active (self, group, message->parent);
      end (self, group);
    }
}

void
steer_conversation_prepare_save (SteerConversation *self)
{
  SteerWriteGroup *group = make_group (self, TRUE);
  g_autoptr (GPtrArray) messages = steer_message_list_subtree (self->root);

  g_ptr_array_remove_index (messages, 0);
  make_ids (messages);
  for (guint i = 0; i < messages->len; i++)
    add_message (self, group, g_ptr_array_index (messages, i));
  add_active (self, group, self->root);
  self->adoption = group;
}

void
steer_conversation_save_prepared (SteerConversation *self)
{
  end (self, g_steal_pointer (&self->adoption));
}

void
steer_conversation_save_active (SteerConversation *self, SteerMessage *parent)
{
  SteerWriteGroup *group = begin_change (self);

  if (group == NULL)
    return;
  add_active (self, group, parent);
  end (self, group);
}

void
steer_conversation_save_removal (SteerConversation *self, SteerMessage *parent, GPtrArray *removed)
{
  SteerWriteGroup *group = begin_change (self);

  for (guint i = 0; i < removed->len; i++)
    {
      SteerMessage *message = g_ptr_array_index (removed, i);

      if (group != NULL)
        steer_write_group_add (group, STEER_WRITE_REMOVE_MESSAGE, STEER_INT (message->id));
      message->stored = FALSE;
    }
  if (group == NULL)
    return;
  add_active (self, group, parent);
  end (self, group);
}

void
steer_conversation_save_restored (SteerConversation *self, SteerMessage *parent, GPtrArray *restored)
{
  SteerWriteGroup *group = begin_change (self);

  if (group == NULL)
    return;
  make_ids (restored);
  for (guint i = 0; i < restored->len; i++)
    add_message (self, group, g_ptr_array_index (restored, i));
  add_active (self, group, parent);
  end (self, group);
}

void
steer_conversation_save_batch (SteerConversation *self,
                               SteerMessage *message,
                               const char *text,
                               guint n_tokens,
                               const char *steering)
{
  SteerWriteGroup *group = message->stored ? begin (self, FALSE) : NULL;

  if (group == NULL)
    return;
  steer_write_group_add (group, STEER_WRITE_ADD_BATCH, STEER_INT (message->id), STEER_INT (message->n_batches++),
                         STEER_TEXT (text), STEER_INT (n_tokens), STEER_TEXT (steering));
  steer_store_write (self->store, group);
}

void
steer_conversation_save_completion (SteerConversation *self, SteerMessage *message)
{
  SteerWriteGroup *group = begin_change (self);

  if (group == NULL)
    return;
  if (!message->stored)
    {
      /* Removed while it was written: it is stored when it is restored. */
      steer_write_group_free (group);
      return;
    }
  steer_write_group_add (group, STEER_WRITE_COMPLETE, STEER_INT (message->id), STEER_TEXT (message->text->str),
                         STEER_INT (message->n_tokens), STEER_REAL (message->tokens_per_second),
                         STEER_INT (message->stop_reason));
  steer_write_group_add (group, STEER_WRITE_DROP_BATCHES, STEER_INT (message->id));
  /* A program that knows nothing of this one's lock may have completed the message in the meantime. */
  steer_write_group_add (group, STEER_WRITE_DROP_RUNS, STEER_INT (message->id));
  for (guint i = 0; i < message->runs->len; i++)
    add_run (group, message, i, &g_array_index (message->runs, SteerTextRun, i));
  end (self, group);
}

void
steer_conversation_save_title (SteerConversation *self)
{
  SteerWriteGroup *group = begin (self, TRUE);

  if (group == NULL)
    return;
  steer_write_group_add (group, STEER_WRITE_SET_TITLE, STEER_INT (self->id), STEER_TEXT (self->title),
                         STEER_INT (self->title_by_hand));
  steer_store_write (self->store, group);
  steer_store_refresh_entry (self->store, self);
}

void
steer_conversation_save_draft (SteerConversation *self)
{
  SteerWriteGroup *group = begin (self, FALSE);

  if (group == NULL)
    return;
  steer_write_group_add (group, STEER_WRITE_SET_DRAFT, STEER_INT (self->id), STEER_TEXT (self->draft));
  steer_store_write (self->store, group);
}

void
steer_conversation_save_system_prompt (SteerConversation *self)
{
  SteerWriteGroup *group = begin (self, TRUE);

  if (group == NULL)
    return;
  steer_write_group_add (group, STEER_WRITE_SET_SYSTEM_PROMPT, STEER_INT (self->id), STEER_TEXT (self->system_prompt));
  steer_store_write (self->store, group);
}
