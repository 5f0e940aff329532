/* What a crash left unfinished, and what nobody will ask for again. */
#include "steer-store-private.h"

#include <string.h>

#include "steer-sampler.h"

/* What arrived of a message whose reply was cut off, as its text and runs. */
static SteerMessage *
gather_batches (sqlite3 *db, gint64 id, GError **error)
{
  g_autoptr (SteerMessage) message = steer_message_new (STEER_ROLE_ASSISTANT, "");
  sqlite3_stmt *statement = NULL;
  int status = SQLITE_ERROR;

  if (!steer_store_prepare_statement (
        db, "SELECT text, n_tokens, steering FROM batch WHERE message = ?1 ORDER BY sequence", &statement, error))
    return NULL;
  sqlite3_bind_int64 (statement, 1, id);
  while ((status = sqlite3_step (statement)) == SQLITE_ROW)
    {
      g_autofree char *text = steer_store_dup_column (statement, 0);
      g_autofree char *steering = steer_store_dup_column (statement, 2);

      steer_message_append (message, text != NULL ? text : "", text != NULL ? strlen (text) : 0,
                            (guint) CLAMP (sqlite3_column_int64 (statement, 1), 0, G_MAXUINT), steering);
    }
  if (status != SQLITE_DONE)
    {
      steer_store_set_error (db, "read", error);
      g_clear_object (&message);
    }
  sqlite3_finalize (statement);
  return g_steal_pointer (&message);
}

static gboolean
step_once (sqlite3 *db, sqlite3_stmt *statement, GError **error)
{
  gboolean ok = sqlite3_step (statement) == SQLITE_DONE;

  if (!ok)
    steer_store_set_error (db, "written", error);
  sqlite3_reset (statement);
  return ok;
}

/* What the list of chats shows of the conversation that message @id ends. */
static gboolean
update_preview (sqlite3 *db, gint64 id, const char *text, GError **error)
{
  sqlite3_stmt *statement = NULL;
  g_autofree char *preview = steer_text_dup_reply_preview (text);
  gboolean ok;

  if (*preview == '\0')
    return TRUE;
  if (!steer_store_prepare_statement (
        db, "UPDATE conversation SET preview = ?2 WHERE id = (SELECT conversation FROM message WHERE id = ?1)",
        &statement, error))
    return FALSE;
  sqlite3_bind_int64 (statement, 1, id);
  sqlite3_bind_text (statement, 2, preview, -1, SQLITE_STATIC);
  ok = step_once (db, statement, error);
  sqlite3_finalize (statement);
  return ok;
}

static gboolean
complete_message (sqlite3 *db, gint64 id, sqlite3_stmt *complete, sqlite3_stmt *add_run, GError **error)
{
  g_autoptr (SteerMessage) message = gather_batches (db, id, error);

  if (message == NULL)
    return FALSE;
  sqlite3_bind_int64 (complete, 1, id);
  sqlite3_bind_text (complete, 2, message->text->str, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (complete, 3, message->n_tokens);
  sqlite3_bind_int (complete, 4, STEER_STOP_CANCELLED);
  if (!step_once (db, complete, error) || !update_preview (db, id, steer_message_get_answer (message), error))
    return FALSE;
  for (guint i = 0; i < message->runs->len; i++)
    {
      const SteerTextRun *run = &g_array_index (message->runs, SteerTextRun, i);

      sqlite3_bind_int64 (add_run, 1, id);
      sqlite3_bind_int64 (add_run, 2, i);
      sqlite3_bind_int64 (add_run, 3, (gint64) run->start);
      sqlite3_bind_int64 (add_run, 4, (gint64) run->length);
      sqlite3_bind_int64 (add_run, 5, run->n_tokens);
      if (run->steering != NULL)
        sqlite3_bind_text (add_run, 6, run->steering, -1, SQLITE_STATIC);
      else
        sqlite3_bind_null (add_run, 6);
      if (!step_once (db, add_run, error))
        return FALSE;
    }
  return TRUE;
}

/* Replies that were being written when the program died. */
static gboolean
complete_interrupted (sqlite3 *db, GError **error)
{
  sqlite3_stmt *list = NULL, *complete = NULL, *add_run = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  int status = SQLITE_ERROR;
  gboolean ok;

  ok = steer_store_prepare_statement (db, "SELECT id FROM message WHERE complete = 0", &list, error)
       && steer_store_prepare_statement (
         db, "UPDATE message SET text = ?2, n_tokens = ?3, stop = ?4, complete = 1 WHERE id = ?1", &complete, error)
       && steer_store_prepare_statement (db, "INSERT OR REPLACE INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6)", &add_run,
                                         error);
  while (ok && (status = sqlite3_step (list)) == SQLITE_ROW)
    {
      gint64 id = sqlite3_column_int64 (list, 0);

      g_array_append_val (ids, id);
    }
  if (ok && status != SQLITE_DONE)
    {
      steer_store_set_error (db, "read", error);
      ok = FALSE;
    }
  for (guint i = 0; ok && i < ids->len; i++)
    ok = complete_message (db, g_array_index (ids, gint64, i), complete, add_run, error);
  sqlite3_finalize (list);
  sqlite3_finalize (complete);
  sqlite3_finalize (add_run);
  return ok && steer_store_exec (db, "DELETE FROM batch", error);
}

/* Empty conversations that nobody will ask for again: all but the newest with a draft, which becomes the next new one.
 */
static const char drop_empty[]
  = "WITH empty AS (SELECT id, draft, modified FROM conversation"
    "  WHERE NOT EXISTS (SELECT 1 FROM message WHERE message.conversation = conversation.id))"
    "DELETE FROM conversation WHERE id IN (SELECT id FROM empty) AND id IS NOT"
    "  (SELECT id FROM empty WHERE draft <> '' ORDER BY modified DESC, id DESC LIMIT 1)";

static gboolean
recover (sqlite3 *db, int lock, gboolean *alone, GError **error)
{
  *alone = steer_store_is_alone (lock);
  if (!*alone)
    return TRUE;
  return complete_interrupted (db, error) && steer_store_exec (db, "DELETE FROM conversation WHERE deleted", error)
         && steer_store_exec (db, drop_empty, error);
}

gboolean
steer_store_recover (sqlite3 *db, int lock, gboolean *alone, GError **error)
{
  /* Whoever takes the lock after it was looked at writes nothing before this transaction ends. */
  if (!steer_store_exec (db, "BEGIN IMMEDIATE", error))
    return FALSE;
  if (recover (db, lock, alone, error) && steer_store_exec (db, "COMMIT", error))
    return TRUE;
  sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
  return FALSE;
}
