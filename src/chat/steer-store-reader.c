/* Loading a conversation: rows to a tree, on the thread that reads. The file is not trusted. */
#include "steer-store-private.h"

#include <string.h>

#include "steer-sampler.h"

SteerReader *
steer_reader_new (const char *path, GError **error)
{
  SteerReader *self = g_new0 (SteerReader, 1);

  self->db = steer_store_connect (path, FALSE, error);
  if (self->db != NULL && steer_store_exec (self->db, "PRAGMA query_only = ON", error)
      && steer_store_prepare_statement (self->db,
                                        "SELECT title, title_by_hand, system_prompt, draft, created, modified, first"
                                        " FROM conversation WHERE id = ?1",
                                        &self->load_conversation, error)
      && steer_store_prepare_statement (self->db,
                                        "SELECT id, parent, active, role, text, complete, preset, seed, n_tokens,"
                                        " rate, stop, created FROM message WHERE conversation = ?1 ORDER BY id",
                                        &self->load_messages, error)
      && steer_store_prepare_statement (self->db,
                                        "SELECT run.message, start, length, run.n_tokens, steering FROM message"
                                        " JOIN run ON run.message = message.id WHERE conversation = ?1"
                                        " ORDER BY message.id, sequence",
                                        &self->load_runs, error)
      && steer_store_prepare_statement (self->db,
                                        "SELECT batch.message, batch.text, batch.n_tokens, steering FROM message"
                                        " JOIN batch ON batch.message = message.id"
                                        " WHERE conversation = ?1 AND complete = 0 ORDER BY message.id, sequence",
                                        &self->load_batches, error)
      /* ?2 and ?3 frame a hit. Titles come first: who names a chat looks for it by its name. */
      && steer_store_prepare_statement (
        self->db,
        "SELECT * FROM (SELECT c.id, c.title, c.modified, highlight(conversation_title, 0, ?2, ?3), 0"
        " FROM conversation_title JOIN conversation c ON c.id = conversation_title.rowid"
        " WHERE conversation_title MATCH ?1 AND NOT c.deleted ORDER BY conversation_title.rank LIMIT 100)"
        " UNION ALL "
        "SELECT * FROM (SELECT c.id, c.title, c.modified, snippet(message_text, 0, ?2, ?3, '…', 14),"
        " m.id"
        " FROM message_text JOIN message m ON m.id = message_text.rowid JOIN conversation c ON c.id = m.conversation"
        " WHERE message_text MATCH ?1 AND NOT c.deleted ORDER BY message_text.rank LIMIT 400)",
        &self->search, error))
    return self;
  steer_reader_free (self);
  return NULL;
}

void
steer_reader_free (SteerReader *self)
{
  sqlite3_finalize (self->load_conversation);
  sqlite3_finalize (self->load_messages);
  sqlite3_finalize (self->load_runs);
  sqlite3_finalize (self->load_batches);
  sqlite3_finalize (self->search);
  sqlite3_close_v2 (self->db);
  g_free (self);
}

/* Runs a query to its end and makes its statement ready for the next. */
static gboolean
finish_query (SteerReader *self, sqlite3_stmt *statement, int status, GError **error)
{
  gboolean ok = status == SQLITE_DONE || status == SQLITE_ROW;

  if (!ok)
    steer_store_set_error (self->db, "read", error);
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return ok;
}

static gboolean
load_head (SteerReader *self, SteerConversation *conversation, gint64 *first, GError **error)
{
  sqlite3_stmt *statement = self->load_conversation;
  int status;

  sqlite3_bind_int64 (statement, 1, conversation->id);
  status = sqlite3_step (statement);
  if (status == SQLITE_ROW)
    {
      g_autofree char *title = steer_store_dup_column (statement, 0);
      g_autofree char *draft = steer_store_dup_column (statement, 3);

      g_free (conversation->title);
      g_free (conversation->draft);
      conversation->title = title != NULL ? g_steal_pointer (&title) : g_strdup ("");
      conversation->draft = draft != NULL ? g_steal_pointer (&draft) : g_strdup ("");
      conversation->title_by_hand = sqlite3_column_int (statement, 1) != 0;
      conversation->system_prompt = steer_store_dup_column (statement, 2);
      conversation->created = MAX (sqlite3_column_int64 (statement, 4), 0);
      conversation->modified = MAX (sqlite3_column_int64 (statement, 5), 0);
      *first = sqlite3_column_int64 (statement, 6);
    }
  else if (status == SQLITE_DONE)
    {
      sqlite3_reset (statement);
      g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE,
                           "this conversation is no longer in the store: it was deleted");
      return FALSE;
    }
  return finish_query (self, statement, status, error);
}

/* A row of the message table before it has its place. */
typedef struct
{
  SteerMessage *message;
  gint64 parent;
  gint64 active;
} Row;

static void
row_clear (gpointer data)
{
  g_clear_object (&((Row *) data)->message);
}

static Row
read_row (sqlite3_stmt *statement)
{
  const char *text = (const char *) sqlite3_column_text (statement, 4);
  int role = sqlite3_column_int (statement, 3);
  int stop = sqlite3_column_int (statement, 10);
  SteerMessage *message = steer_message_new (STEER_ROLE_USER, text != NULL ? text : "");

  message->id = sqlite3_column_int64 (statement, 0);
  message->role = role >= STEER_ROLE_SYSTEM && role <= STEER_ROLE_ASSISTANT ? (SteerRole) role : STEER_ROLE_USER;
  /* Nothing is writing it in this program: what a crash left is complete. */
  message->complete = TRUE;
  message->preset_name = steer_store_dup_column (statement, 6);
  message->seed = (guint64) sqlite3_column_int64 (statement, 7);
  message->n_tokens = (guint) CLAMP (sqlite3_column_int64 (statement, 8), 0, G_MAXUINT);
  message->tokens_per_second = MAX (sqlite3_column_double (statement, 9), 0.0);
  message->stop_reason = stop >= STEER_STOP_NONE && stop <= STEER_STOP_ERROR ? (SteerStopReason) stop : STEER_STOP_NONE;
  if (sqlite3_column_int (statement, 5) == 0)
    message->stop_reason = STEER_STOP_CANCELLED;
  message->created = MAX (sqlite3_column_int64 (statement, 11), 0);
  message->stored = TRUE;
  return (Row){ message, sqlite3_column_int64 (statement, 1), sqlite3_column_int64 (statement, 2) };
}

/* Rows in the order of their ids, which is the order of siblings. */
static gboolean
load_rows (SteerReader *self, gint64 id, GArray *rows, GHashTable *by_id, GError **error)
{
  int status;

  sqlite3_bind_int64 (self->load_messages, 1, id);
  while ((status = sqlite3_step (self->load_messages)) == SQLITE_ROW)
    {
      Row row = read_row (self->load_messages);

      g_array_append_val (rows, row);
      g_hash_table_insert (by_id, &row.message->id, row.message);
    }
  return finish_query (self, self->load_messages, status, error);
}

static gboolean
load_runs (SteerReader *self, gint64 id, GHashTable *by_id, GError **error)
{
  sqlite3_stmt *statement = self->load_runs;
  int status;

  sqlite3_bind_int64 (statement, 1, id);
  while ((status = sqlite3_step (statement)) == SQLITE_ROW)
    {
      gint64 message_id = sqlite3_column_int64 (statement, 0);
      gint64 start = sqlite3_column_int64 (statement, 1);
      gint64 length = sqlite3_column_int64 (statement, 2);
      gint64 n_tokens = sqlite3_column_int64 (statement, 3);
      const char *steering = (const char *) sqlite3_column_text (statement, 4);
      SteerMessage *message = g_hash_table_lookup (by_id, &message_id);

      if (message != NULL && start >= 0 && length >= 0 && (steering == NULL || g_utf8_validate (steering, -1, NULL)))
        steer_message_add_run (message, (gsize) start, (gsize) length, (guint) CLAMP (n_tokens, 0, G_MAXUINT),
                               steering);
    }
  return finish_query (self, statement, status, error);
}

static gboolean
load_batches (SteerReader *self, gint64 id, GHashTable *by_id, GError **error)
{
  sqlite3_stmt *statement = self->load_batches;
  int status;

  sqlite3_bind_int64 (statement, 1, id);
  while ((status = sqlite3_step (statement)) == SQLITE_ROW)
    {
      gint64 message_id = sqlite3_column_int64 (statement, 0);
      g_autofree char *text = steer_store_dup_column (statement, 1);
      g_autofree char *steering = steer_store_dup_column (statement, 3);
      gint64 n_tokens = sqlite3_column_int64 (statement, 2);
      SteerMessage *message = g_hash_table_lookup (by_id, &message_id);

      if (message != NULL && text != NULL)
        steer_message_append (message, text, strlen (text), (guint) CLAMP (n_tokens, 0, G_MAXUINT), steering);
    }
  return finish_query (self, statement, status, error);
}

/* The active child of @parent by id; the last one when the file names none of them. */
static void
set_active (SteerMessage *parent, gint64 active)
{
  guint n_children = steer_message_get_n_children (parent);

  parent->active_child = n_children > 0 ? n_children - 1 : 0;
  for (guint i = 0; i < n_children; i++)
    {
      if (steer_message_get_child (parent, i)->id == active)
        parent->active_child = i;
    }
  steer_message_number_children (parent);
}

/* Parents are looked for among smaller ids only, so that no file can tie a knot. A message without one is left out. */
static void
link_rows (SteerConversation *conversation, GArray *rows, GHashTable *by_id, gint64 first)
{
  for (guint i = 0; i < rows->len; i++)
    {
      Row *row = &g_array_index (rows, Row, i);
      SteerMessage *parent = row->parent == 0 ? conversation->root : g_hash_table_lookup (by_id, &row->parent);

      if (parent != NULL && (parent == conversation->root || parent->id < row->message->id))
        steer_message_attach_child (parent, G_MAXUINT, g_object_ref (row->message));
    }
  set_active (conversation->root, first);
  for (guint i = 0; i < rows->len; i++)
    {
      Row *row = &g_array_index (rows, Row, i);

      set_active (row->message, row->active);
    }
}

SteerConversation *
steer_reader_load (SteerReader *self, gint64 id, GError **error)
{
  g_autoptr (SteerConversation) conversation = steer_conversation_new ();
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (Row));
  g_autoptr (GHashTable) by_id = g_hash_table_new (g_int64_hash, g_int64_equal);
  gint64 first = 0;
  gboolean ok;

  g_array_set_clear_func (rows, row_clear);
  conversation->id = id;
  conversation->stored = TRUE;
  /* One snapshot for all queries. */
  if (!steer_store_exec (self->db, "BEGIN", error))
    return NULL;
  ok = load_head (self, conversation, &first, error) && load_rows (self, id, rows, by_id, error)
       && load_runs (self, id, by_id, error) && load_batches (self, id, by_id, error);
  sqlite3_exec (self->db, "COMMIT", NULL, NULL, NULL);
  if (!ok)
    return NULL;
  link_rows (conversation, rows, by_id, first);
  steer_conversation_follow_active (conversation, conversation->root);
  return g_steal_pointer (&conversation);
}
