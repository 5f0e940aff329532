/* The store as an object: the file, the conversations that are alive, and what is asked of the threads. */
#include "steer-store-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "steer-sampler.h"

enum
{
  FAILED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerStore,
                               steer_store,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, steer_store_list_model_init))

static void
steer_store_finalize (GObject *object)
{
  SteerStore *self = STEER_STORE (object);

  if (self->pool != NULL)
    g_thread_pool_free (self->pool, FALSE, TRUE);
  if (self->writer != NULL)
    {
      steer_store_purge (self);
      steer_writer_free (self->writer);
    }
  g_clear_pointer (&self->reader, steer_reader_free);
  if (self->lock >= 0)
    close (self->lock);
  g_clear_object (&self->unsent);
  g_weak_ref_clear (self->weak_self);
  g_free (self->weak_self);
  g_ptr_array_unref (self->entries);
  g_hash_table_unref (self->deleted);
  g_hash_table_unref (self->living);
  g_main_context_unref (self->context);
  g_free (self->path);
  G_OBJECT_CLASS (steer_store_parent_class)->finalize (object);
}

static void
steer_store_class_init (SteerStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_store_finalize;

  signals[FAILED] = g_signal_new ("failed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_ERROR | G_SIGNAL_TYPE_STATIC_SCOPE);
}

static void
steer_store_init (SteerStore *self)
{
  self->lock = STEER_STORE_NOT_LOCKED;
  self->context = g_main_context_ref_thread_default ();
  self->entries = g_ptr_array_new_with_free_func (g_object_unref);
  self->deleted = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_object_unref);
  self->living = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->weak_self = g_new0 (GWeakRef, 1);
  g_weak_ref_init (self->weak_self, self);
}

/* Ids are made by several threads. */
static GMutex id_lock;
static gint64 last_id = 0;

void
steer_store_reserve_id (gint64 id)
{
  g_mutex_lock (&id_lock);
  last_id = MAX (last_id, MIN (id, G_MAXINT64 - G_MAXINT32));
  g_mutex_unlock (&id_lock);
}

gint64
steer_store_make_id (void)
{
  /* Microseconds and ten bits of chance: two programs that write to one file do not meet. */
  gint64 id = (g_get_real_time () << 10) | (gint64) (g_random_int () & 0x3ff);

  g_mutex_lock (&id_lock);
  id = last_id = MAX (last_id + 1, id);
  g_mutex_unlock (&id_lock);
  return id;
}

typedef struct
{
  SteerStore *store; /* nullable: gone by the time */
  GError *error;
} Failure;

static void
failure_free (gpointer data)
{
  Failure *failure = data;

  g_clear_object (&failure->store);
  g_error_free (failure->error);
  g_free (failure);
}

static gboolean
tell_failure (gpointer data)
{
  Failure *failure = data;

  if (failure->store != NULL)
    g_signal_emit (failure->store, signals[FAILED], 0, failure->error);
  return G_SOURCE_REMOVE;
}

/* On the writer's thread. The reference taken here is given back on the main context. */
static void
on_writer_failed (const GError *error, gpointer user_data)
{
  GWeakRef *weak = user_data;
  SteerStore *store = g_weak_ref_get (weak);
  g_autoptr (GSource) source = NULL;
  Failure *failure;

  if (store == NULL)
    return;
  failure = g_new0 (Failure, 1);
  failure->store = store;
  failure->error = g_error_copy (error);
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, tell_failure, failure, failure_free);
  g_source_attach (source, store->context);
}

static gboolean
load_entries (SteerStore *self, sqlite3 *db, gint64 *unsent, GError **error)
{
  sqlite3_stmt *statement = NULL;
  int status = SQLITE_ERROR;

  if (steer_store_prepare_statement (db,
                                     "SELECT id, title, preview, modified, EXISTS (SELECT 1 FROM message"
                                     " WHERE message.conversation = conversation.id), draft <> '' FROM conversation"
                                     " WHERE NOT deleted ORDER BY modified DESC, id DESC",
                                     &statement, error))
    {
      while ((status = sqlite3_step (statement)) == SQLITE_ROW)
        {
          gint64 id = sqlite3_column_int64 (statement, 0);
          g_autofree char *title = steer_store_dup_column (statement, 1);
          g_autofree char *preview = steer_store_dup_column (statement, 2);

          steer_store_reserve_id (id);
          if (sqlite3_column_int (statement, 4) != 0)
            g_ptr_array_add (self->entries,
                             steer_chat_entry_new (id, title, preview, MAX (sqlite3_column_int64 (statement, 3), 0)));
          else if (sqlite3_column_int (statement, 5) != 0 && *unsent == 0)
            *unsent = id;
        }
      if (status != SQLITE_DONE)
        steer_store_set_error (db, "read", error);
    }
  sqlite3_finalize (statement);
  return status == SQLITE_DONE;
}

static gboolean
reserve_message_ids (sqlite3 *db, GError **error)
{
  sqlite3_stmt *statement = NULL;
  gboolean ok = steer_store_prepare_statement (db, "SELECT max (id) FROM message", &statement, error);

  if (ok && sqlite3_step (statement) == SQLITE_ROW)
    steer_store_reserve_id (sqlite3_column_int64 (statement, 0));
  sqlite3_finalize (statement);
  return ok;
}

typedef enum
{
  LOAD,
  SEARCH,
  EXPORT_MARKDOWN,
  EXPORT_JSON,
} QuestionKind;

typedef struct
{
  GTask *task;
  QuestionKind kind;
  gint64 id;   /* of a search: what must be on disk before it */
  char *query; /* nullable: of a search */
} Question;

static gboolean
drop_question (gpointer data)
{
  Question *question = data;

  g_object_unref (question->task);
  g_free (question->query);
  g_free (question);
  return G_SOURCE_REMOVE;
}

static void
answer_question (SteerStore *self, Question *question)
{
  g_autoptr (SteerConversation) conversation = NULL;
  GError *error = NULL;

  if (question->kind == SEARCH)
    {
      GListStore *found;

      /* A disk that is full does not keep anyone from searching. */
      if (question->id != 0)
        steer_writer_wait (self->writer, question->id, NULL);
      found = steer_reader_search (self->reader, question->query, &error);
      if (found != NULL)
        g_task_return_pointer (question->task, found, g_object_unref);
      else
        g_task_return_error (question->task, error);
      return;
    }
  /* What was just said may still be on its way to the disk. */
  if (steer_writer_wait (self->writer, question->id, &error))
    conversation = steer_reader_load (self->reader, question->id, &error);
  if (conversation == NULL)
    g_task_return_error (question->task, error);
  else if (question->kind == LOAD)
    g_task_return_pointer (question->task, g_steal_pointer (&conversation), g_object_unref);
  else if (question->kind == EXPORT_MARKDOWN)
    g_task_return_pointer (question->task, steer_conversation_to_markdown (conversation), g_free);
  else
    g_task_return_pointer (question->task, steer_conversation_to_json (conversation), g_free);
}

/* On the thread that reads. The task may hold the last reference of the store, which must not end on this thread, so
 * the question goes back to the main context. */
static void
answer (gpointer data, gpointer user_data)
{
  Question *question = data;
  SteerStore *self = user_data;
  GTask *task = question->task;
  g_autoptr (GMainContext) context = g_main_context_ref (self->context);
  g_autoptr (GSource) source = g_idle_source_new ();

  if (!g_task_return_error_if_cancelled (task))
    answer_question (self, question);
  g_source_set_callback (source, drop_question, question, NULL);
  g_source_attach (source, context);
}

/* A file that is refused is left alone: not even a lock lies beside it. */
static gboolean
take_file (SteerStore *self, sqlite3 *db, GError **error)
{
  if (!steer_store_prepare (db, self->path, error))
    return FALSE;
  self->lock = steer_store_lock (self->path);
  return steer_store_recover (db, self->lock, &self->alone, error);
}

static gboolean
open_file (SteerStore *self, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (self->path);
  gint64 unsent = 0;
  sqlite3 *db;

  if (g_mkdir_with_parents (folder, 0700) != 0)
    {
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE,
                   "the folder '%s' for conversations cannot be made (%s): make it, or choose another", folder,
                   g_strerror (errno));
      return FALSE;
    }
  db = steer_store_connect (self->path, TRUE, error);
  if (db == NULL)
    return FALSE;
  if (!take_file (self, db, error) || !load_entries (self, db, &unsent, error) || !reserve_message_ids (db, error))
    {
      sqlite3_close_v2 (db);
      return FALSE;
    }
  /* Conversations are private. */
  g_chmod (self->path, 0600);
  self->writer = steer_writer_new (db, on_writer_failed, self->weak_self, error);
  if (self->writer == NULL)
    return FALSE;
  self->reader = steer_reader_new (self->path, error);
  if (self->reader == NULL)
    return FALSE;
  /* What was typed into a new chat and never sent is found again in the next new chat; another program's is its own. */
  if (unsent != 0 && self->alone)
    self->unsent = steer_reader_load (self->reader, unsent, NULL);
  self->pool = g_thread_pool_new (answer, self, 1, FALSE, error);
  return self->pool != NULL;
}

SteerStore *
steer_store_open (const char *path, GError **error)
{
  g_autoptr (SteerStore) self = g_object_new (STEER_TYPE_STORE, NULL);

  g_return_val_if_fail (path != NULL, NULL);

  self->path = g_strdup (path);
  return open_file (self, error) ? g_steal_pointer (&self) : NULL;
}

gboolean
steer_store_flush (SteerStore *self, GError **error)
{
  g_return_val_if_fail (STEER_IS_STORE (self), FALSE);
  return steer_writer_wait (self->writer, 0, error);
}

void
steer_store_write (SteerStore *self, SteerWriteGroup *group)
{
  steer_writer_push (self->writer, group);
}

static void
on_conversation_gone (gpointer data, GObject *conversation)
{
  GWeakRef *weak = data;
  g_autoptr (SteerStore) self = g_weak_ref_get (weak);
  GHashTableIter iter;
  gpointer value;

  if (self != NULL)
    {
      g_hash_table_iter_init (&iter, self->living);
      while (g_hash_table_iter_next (&iter, NULL, &value))
        {
          if (value == conversation)
            g_hash_table_iter_remove (&iter);
        }
    }
  g_weak_ref_clear (weak);
  g_free (weak);
}

void
steer_store_register (SteerStore *self, SteerConversation *conversation)
{
  GWeakRef *weak = g_new0 (GWeakRef, 1);

  g_set_object (&conversation->store, self);
  g_hash_table_insert (self->living, g_memdup2 (&conversation->id, sizeof (gint64)), conversation);
  g_weak_ref_init (weak, self);
  g_object_weak_ref (G_OBJECT (conversation), on_conversation_gone, weak);
}

SteerConversation *
steer_store_create (SteerStore *self)
{
  SteerConversation *conversation;

  g_return_val_if_fail (STEER_IS_STORE (self), NULL);

  conversation = g_steal_pointer (&self->unsent);
  if (conversation == NULL)
    {
      conversation = steer_conversation_new ();
      conversation->id = steer_store_make_id ();
    }
  steer_store_register (self, conversation);
  return conversation;
}

void
steer_store_prepare_adoption (SteerConversation *conversation)
{
  g_return_if_fail (STEER_IS_CONVERSATION (conversation));
  g_return_if_fail (conversation->store == NULL && conversation->adoption == NULL);

  conversation->id = steer_store_make_id ();
  steer_conversation_prepare_save (conversation);
}

void
steer_store_adopt (SteerStore *self, SteerConversation *conversation)
{
  g_return_if_fail (STEER_IS_STORE (self));
  g_return_if_fail (STEER_IS_CONVERSATION (conversation));
  g_return_if_fail (conversation->store == NULL);

  if (conversation->adoption == NULL)
    steer_store_prepare_adoption (conversation);
  steer_store_register (self, conversation);
  steer_conversation_save_prepared (conversation);
}

static void
ask (SteerStore *self, GTask *task, QuestionKind kind, gint64 id, const char *query)
{
  Question *question = g_new0 (Question, 1);

  question->task = g_object_ref (task);
  question->kind = kind;
  question->id = id;
  question->query = g_strdup (query);
  g_task_set_return_on_cancel (task, FALSE);
  g_thread_pool_push (self->pool, question, NULL);
}

static GError *
make_deleted_error (void)
{
  return g_error_new_literal (STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE,
                              "this conversation was deleted: take that back to open it");
}

void
steer_store_load_async (SteerStore *self,
                        gint64 id,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  SteerConversation *living;

  g_return_if_fail (STEER_IS_STORE (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, steer_store_load_async);
  living = g_hash_table_lookup (self->living, &id);
  if (steer_store_is_deleted (self, id))
    g_task_return_error (task, make_deleted_error ());
  else if (living != NULL)
    g_task_return_pointer (task, g_object_ref (living), g_object_unref);
  else
    ask (self, task, LOAD, id, NULL);
}

SteerConversation *
steer_store_load_finish (SteerStore *self, GAsyncResult *result, GError **error)
{
  g_autoptr (SteerConversation) conversation = NULL;
  SteerConversation *living;

  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  conversation = g_task_propagate_pointer (G_TASK (result), error);
  /* It may have been deleted while it was on its way. */
  if (conversation != NULL && steer_store_is_deleted (self, conversation->id))
    {
      g_propagate_error (error, make_deleted_error ());
      return NULL;
    }
  if (conversation == NULL || conversation->store != NULL)
    return g_steal_pointer (&conversation);
  /* Another call for the same one may have been faster. */
  living = g_hash_table_lookup (self->living, &conversation->id);
  if (living != NULL)
    return g_object_ref (living);
  steer_store_register (self, conversation);
  return g_steal_pointer (&conversation);
}

void
steer_store_export_async (SteerStore *self,
                          gint64 id,
                          gboolean markdown,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (STEER_IS_STORE (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, steer_store_export_async);
  ask (self, task, markdown ? EXPORT_MARKDOWN : EXPORT_JSON, id, NULL);
}

char *
steer_store_export_finish (SteerStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
steer_store_search_async (SteerStore *self,
                          const char *query,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (STEER_IS_STORE (self));
  g_return_if_fail (query != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, steer_store_search_async);
  ask (self, task, SEARCH, self->last_deleted, query);
}

GListModel *
steer_store_search_finish (SteerStore *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
