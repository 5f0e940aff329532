/* The tree of a conversation: what is added, chosen, removed, and the path that follows from it. */
#include "steer-store-private.h"

struct _SteerRemoval
{
  SteerConversation *conversation;
  SteerMessage *parent;
  SteerMessage *message; /* nullable: restored */
  guint index;
  gboolean was_active;
};

gboolean
steer_conversation_find (SteerConversation *self, SteerMessage *message, guint *position)
{
  if (message->depth >= self->path->len || g_ptr_array_index (self->path, message->depth) != message)
    return FALSE;
  *position = message->depth;
  return TRUE;
}

SteerMessage *
steer_conversation_get_last (SteerConversation *self)
{
  return self->path->len > 0 ? g_ptr_array_index (self->path, self->path->len - 1) : self->root;
}

void
steer_conversation_follow_active (SteerConversation *self, SteerMessage *parent)
{
  guint old_length = self->path->len;
  guint from = 0;
  SteerMessage *child;

  if (parent != self->root)
    {
      if (!steer_conversation_find (self, parent, &from))
        return;
      from++;
    }
  g_ptr_array_set_size (self->path, (int) from);
  while ((child = steer_message_get_child (parent, parent->active_child)) != NULL)
    {
      child->depth = self->path->len;
      g_ptr_array_add (self->path, child);
      parent = child;
    }
  g_list_model_items_changed (G_LIST_MODEL (self), from, old_length - from, self->path->len - from);
}

/* Whether @message hangs on this conversation's tree. */
static gboolean
is_attached (SteerConversation *self, SteerMessage *message)
{
  while (message != NULL && message != self->root)
    message = message->parent;
  return message == self->root;
}

SteerMessage *
steer_conversation_add_child (SteerConversation *self, SteerMessage *parent, SteerMessage *child)
{
  guint index = steer_message_get_n_children (parent);

  if (self->store != NULL)
    child->id = steer_store_make_id ();
  steer_message_insert_child (parent, index, child);
  parent->active_child = index;
  steer_conversation_follow_active (self, parent);
  steer_conversation_name (self);
  steer_conversation_save_message (self, child);
  return child;
}

SteerMessage *
steer_conversation_get_parent (SteerConversation *self, SteerMessage *message)
{
  g_return_val_if_fail (STEER_IS_CONVERSATION (self), NULL);
  return message->parent != self->root ? message->parent : NULL;
}

SteerMessage *
steer_conversation_append (SteerConversation *self, SteerRole role, const char *text)
{
  g_return_val_if_fail (STEER_IS_CONVERSATION (self), NULL);
  g_return_val_if_fail (text != NULL, NULL);

  return steer_conversation_add_child (self, steer_conversation_get_last (self), steer_message_new (role, text));
}

SteerMessage *
steer_conversation_edit (SteerConversation *self, SteerMessage *message, const char *text)
{
  g_return_val_if_fail (STEER_IS_CONVERSATION (self), NULL);
  g_return_val_if_fail (STEER_IS_MESSAGE (message), NULL);
  g_return_val_if_fail (text != NULL, NULL);

  if (!is_attached (self, message))
    return NULL;
  return steer_conversation_add_child (self, message->parent, steer_message_new (message->role, text));
}

void
steer_conversation_select_alternative (SteerConversation *self, SteerMessage *message, guint index)
{
  SteerMessage *parent;

  g_return_if_fail (STEER_IS_CONVERSATION (self));
  g_return_if_fail (STEER_IS_MESSAGE (message));

  parent = message->parent;
  if (!is_attached (self, message) || index >= steer_message_get_n_children (parent) || index == parent->active_child)
    return;
  parent->active_child = index;
  steer_conversation_follow_active (self, parent);
  steer_conversation_name (self);
  steer_conversation_save_active (self, parent);
}

gboolean
steer_conversation_show_message (SteerConversation *self, gint64 id, guint *position)
{
  g_autoptr (GPtrArray) messages = NULL;
  SteerMessage *found = NULL;

  g_return_val_if_fail (STEER_IS_CONVERSATION (self), FALSE);

  messages = steer_message_list_subtree (self->root);
  for (guint i = 0; i < messages->len && found == NULL; i++)
    if (g_ptr_array_index (messages, i) != self->root && ((SteerMessage *) g_ptr_array_index (messages, i))->id == id)
      found = g_ptr_array_index (messages, i);
  if (found == NULL)
    return FALSE;
  /* From the end up: the path changes once, at the topmost alternative that is another one. */
  for (SteerMessage *m = found; m != self->root; m = m->parent)
    if (m->parent->active_child != m->alternative)
      {
        m->parent->active_child = m->alternative;
        steer_conversation_save_active (self, m->parent);
        steer_conversation_follow_active (self, m->parent);
      }
  return steer_conversation_find (self, found, position);
}

SteerRemoval *
steer_conversation_remove (SteerConversation *self, SteerMessage *message)
{
  SteerMessage *parent;
  SteerRemoval *removal;
  g_autoptr (GPtrArray) subtree = NULL;

  g_return_val_if_fail (STEER_IS_CONVERSATION (self), NULL);
  g_return_val_if_fail (STEER_IS_MESSAGE (message), NULL);

  parent = message->parent;
  removal = g_new0 (SteerRemoval, 1);
  removal->conversation = g_object_ref (self);
  /* Whoever stops a reply may come too late to remove it. */
  if (!is_attached (self, message))
    return removal;
  subtree = steer_message_list_subtree (message);
  removal->parent = g_object_ref (parent);
  removal->index = message->alternative;
  removal->was_active = parent->active_child == message->alternative;
  removal->message = steer_message_remove_child (parent, message->alternative);

  /* The neighbour before it, or the one that took its place. */
  if (parent->active_child > removal->index || (removal->was_active && removal->index > 0))
    parent->active_child--;
  steer_conversation_follow_active (self, parent);
  steer_conversation_name (self);
  steer_conversation_save_removal (self, parent, subtree);

  /* Nobody would read the rest. */
  for (guint i = 0; i < subtree->len; i++)
    {
      SteerMessage *removed = g_ptr_array_index (subtree, i);

      if (removed->reply != NULL)
        steer_reply_stop (removed->reply);
    }
  return removal;
}

void
steer_conversation_restore (SteerConversation *self, SteerRemoval *removal)
{
  SteerMessage *parent = removal->parent;
  g_autoptr (GPtrArray) subtree = NULL;
  guint index;

  g_return_if_fail (STEER_IS_CONVERSATION (self));
  g_return_if_fail (removal->conversation == self);

  if (removal->message == NULL || !is_attached (self, parent))
    return;
  index = MIN (removal->index, steer_message_get_n_children (parent));
  subtree = steer_message_list_subtree (removal->message);
  steer_message_insert_child (parent, index, g_steal_pointer (&removal->message));
  if (removal->was_active || steer_message_get_n_children (parent) == 1)
    parent->active_child = index;
  else if (parent->active_child >= index)
    parent->active_child++;
  steer_conversation_follow_active (self, parent);
  steer_conversation_name (self);
  steer_conversation_save_restored (self, parent, subtree);
}

void
steer_removal_free (SteerRemoval *removal)
{
  if (removal == NULL)
    return;
  if (removal->message != NULL)
    {
      steer_message_dismantle (removal->message);
      g_object_unref (removal->message);
    }
  g_clear_object (&removal->parent);
  g_object_unref (removal->conversation);
  g_free (removal);
}

SteerConversation *
steer_conversation_branch (SteerConversation *self, SteerMessage *message)
{
  SteerConversation *branch;
  g_autoptr (GPtrArray) chain = g_ptr_array_new ();
  SteerMessage *parent;

  g_return_val_if_fail (STEER_IS_CONVERSATION (self), NULL);
  g_return_val_if_fail (STEER_IS_MESSAGE (message), NULL);

  if (!is_attached (self, message))
    return NULL;
  branch = steer_conversation_new ();
  branch->title = (g_free (branch->title), g_strdup (self->title));
  branch->title_by_hand = self->title_by_hand;
  branch->system_prompt = g_strdup (self->system_prompt);
  for (SteerMessage *m = message; m != self->root; m = m->parent)
    g_ptr_array_add (chain, m);
  parent = branch->root;
  for (guint i = chain->len; i-- > 0;)
    {
      SteerMessage *copy = steer_message_copy (g_ptr_array_index (chain, i));

      steer_message_insert_child (parent, 0, copy);
      parent = copy;
    }
  steer_conversation_follow_active (branch, branch->root);
  if (self->store != NULL)
    steer_store_adopt (self->store, branch);
  return branch;
}
