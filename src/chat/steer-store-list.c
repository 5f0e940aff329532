/* The list of chats, newest first, and what is done to chats from there. */
#include "steer-store-private.h"

static GType
get_item_type (GListModel *model)
{
  return STEER_TYPE_CHAT_ENTRY;
}

static guint
get_n_items (GListModel *model)
{
  return STEER_STORE (model)->entries->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  SteerStore *self = STEER_STORE (model);

  return position < self->entries->len ? g_object_ref (g_ptr_array_index (self->entries, position)) : NULL;
}

void
steer_store_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

/* FALSE when it is not listed. */
static gboolean
find_entry (SteerStore *self, gint64 id, guint *position)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      if (steer_chat_entry_get_id (g_ptr_array_index (self->entries, i)) == id)
        {
          *position = i;
          return TRUE;
        }
    }
  return FALSE;
}

/* By time, newest first. @entry: (transfer full) */
static void
insert_entry (SteerStore *self, SteerChatEntry *entry)
{
  guint position = 0;

  while (position < self->entries->len
         && steer_chat_entry_get_modified (g_ptr_array_index (self->entries, position))
              > steer_chat_entry_get_modified (entry))
    position++;
  g_ptr_array_insert (self->entries, (int) position, entry);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 0, 1);
}

/* (transfer full) */
static SteerChatEntry *
take_entry (SteerStore *self, guint position)
{
  SteerChatEntry *entry = g_ptr_array_steal_index (self->entries, position);

  g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 0);
  return entry;
}

void
steer_store_refresh_entry (SteerStore *self, SteerConversation *conversation)
{
  g_autofree char *preview = steer_conversation_dup_preview (conversation);
  SteerChatEntry *entry = g_hash_table_lookup (self->deleted, &conversation->id);
  guint position = 0;

  if (entry != NULL || find_entry (self, conversation->id, &position))
    {
      gboolean listed = entry == NULL;

      if (listed)
        entry = g_ptr_array_index (self->entries, position);
      steer_chat_entry_update (entry, conversation->title, preview, conversation->modified);
      if (listed && position > 0
          && steer_chat_entry_get_modified (g_ptr_array_index (self->entries, position - 1)) < conversation->modified)
        insert_entry (self, take_entry (self, position));
    }
  else if (conversation->path->len > 0)
    insert_entry (self, steer_chat_entry_new (conversation->id, conversation->title, preview, conversation->modified));
}

void
steer_store_rename (SteerStore *self, gint64 id, const char *title)
{
  SteerConversation *living;
  SteerWriteGroup *group;
  guint position;

  g_return_if_fail (STEER_IS_STORE (self));
  g_return_if_fail (title != NULL);

  living = g_hash_table_lookup (self->living, &id);
  if (living != NULL)
    {
      steer_conversation_set_title (living, title);
      return;
    }
  if (*title == '\0' || !find_entry (self, id, &position))
    return;
  group = steer_write_group_new (id, TRUE);
  steer_write_group_add (group, STEER_WRITE_SET_TITLE, STEER_INT (id), STEER_TEXT (title), STEER_INT (TRUE));
  steer_store_write (self, group);
  {
    SteerChatEntry *entry = g_ptr_array_index (self->entries, position);

    steer_chat_entry_update (entry, title, steer_chat_entry_get_preview (entry), steer_chat_entry_get_modified (entry));
  }
}

static void
set_deleted (SteerStore *self, gint64 id, gboolean deleted)
{
  SteerWriteGroup *group = steer_write_group_new (id, TRUE);

  steer_write_group_add (group, STEER_WRITE_SET_DELETED, STEER_INT (id), STEER_INT (deleted));
  steer_store_write (self, group);
  self->last_deleted = id;
}

gboolean
steer_store_delete (SteerStore *self, gint64 id)
{
  guint position;

  g_return_val_if_fail (STEER_IS_STORE (self), FALSE);

  if (!find_entry (self, id, &position))
    return FALSE;
  set_deleted (self, id, TRUE);
  /* Whoever is told that it left the list finds it among the deleted. */
  g_hash_table_insert (self->deleted, g_memdup2 (&id, sizeof id),
                       g_object_ref (g_ptr_array_index (self->entries, position)));
  g_object_unref (take_entry (self, position));
  return TRUE;
}

gboolean
steer_store_is_deleted (SteerStore *self, gint64 id)
{
  g_return_val_if_fail (STEER_IS_STORE (self), FALSE);

  return g_hash_table_contains (self->deleted, &id);
}

void
steer_store_undelete (SteerStore *self, gint64 id)
{
  SteerChatEntry *entry;

  g_return_if_fail (STEER_IS_STORE (self));

  entry = g_hash_table_lookup (self->deleted, &id);
  if (entry == NULL)
    return;
  g_object_ref (entry);
  g_hash_table_remove (self->deleted, &id);
  set_deleted (self, id, FALSE);
  insert_entry (self, entry);
}

void
steer_store_purge (SteerStore *self)
{
  GHashTableIter iter;
  gpointer key;

  g_return_if_fail (STEER_IS_STORE (self));

  g_hash_table_iter_init (&iter, self->deleted);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      gint64 id = *(gint64 *) key;
      SteerConversation *living = g_hash_table_lookup (self->living, &id);
      SteerWriteGroup *group = steer_write_group_new (id, TRUE);

      /* One that is still on the screen goes on in memory only. */
      if (living != NULL)
        {
          g_hash_table_remove (self->living, &id);
          g_clear_object (&living->store);
        }
      steer_write_group_add (group, STEER_WRITE_PURGE, STEER_INT (id));
      steer_store_write (self, group);
      g_hash_table_iter_remove (&iter);
    }
}
