/* The thread that writes: a queue of transactions, each tried until it is on disk. */
#include "steer-store-private.h"

#include "steer-niceness.h"
#include "steer-sampler.h"

/* A disk that was full is looked at again so often. */
#define RETRY_US (2 * G_USEC_PER_SEC)

/* Who has a core may keep it for a few milliseconds, whoever else wants it. A long transaction, as an import is, gives
 * it back that often by itself, and rests for as long, while nobody waits for it. It keeps the file's lock meanwhile.
 */
#define WORK_US 1000

/* In the order of SteerWriteKind; the values of a change are bound to ?1, ?2, ... */
static const char *const statements[STEER_N_WRITES] = {
  [STEER_WRITE_ADD_CONVERSATION]
  = "INSERT INTO conversation (id, title, title_by_hand, system_prompt, draft, created, modified)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
  [STEER_WRITE_SET_TITLE] = "UPDATE conversation SET title = ?2, title_by_hand = ?3 WHERE id = ?1",
  [STEER_WRITE_SET_DRAFT] = "UPDATE conversation SET draft = ?2 WHERE id = ?1",
  [STEER_WRITE_SET_SYSTEM_PROMPT] = "UPDATE conversation SET system_prompt = ?2 WHERE id = ?1",
  [STEER_WRITE_TOUCH] = "UPDATE conversation SET modified = ?2, preview = ?3, title = ?4 WHERE id = ?1",
  [STEER_WRITE_SET_FIRST] = "UPDATE conversation SET first = ?2 WHERE id = ?1",
  [STEER_WRITE_SET_DELETED] = "UPDATE conversation SET deleted = ?2 WHERE id = ?1",
  [STEER_WRITE_PURGE] = "DELETE FROM conversation WHERE id = ?1",
  [STEER_WRITE_ADD_MESSAGE]
  = "INSERT INTO message (id, conversation, parent, active, role, text, complete, preset, seed, n_tokens, rate, stop,"
    " created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
  [STEER_WRITE_SET_ACTIVE] = "UPDATE message SET active = ?2 WHERE id = ?1",
  [STEER_WRITE_COMPLETE]
  = "UPDATE message SET text = ?2, n_tokens = ?3, rate = ?4, stop = ?5, complete = 1 WHERE id = ?1",
  [STEER_WRITE_REMOVE_MESSAGE] = "DELETE FROM message WHERE id = ?1",
  [STEER_WRITE_ADD_BATCH]
  = "INSERT INTO batch (message, sequence, text, n_tokens, steering) VALUES (?1, ?2, ?3, ?4, ?5)",
  [STEER_WRITE_DROP_BATCHES] = "DELETE FROM batch WHERE message = ?1",
  [STEER_WRITE_DROP_RUNS] = "DELETE FROM run WHERE message = ?1",
  [STEER_WRITE_ADD_RUN]
  = "INSERT INTO run (message, sequence, start, length, n_tokens, steering) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
};

typedef struct
{
  SteerWriteKind kind;
  guint first_value; /* in the group's values */
  guint n_values;
} Write;

struct _SteerWriteGroup
{
  gint64 conversation;
  gboolean synced;
  GArray *writes;      /* Write */
  GArray *values;      /* SteerValue */
  GStringChunk *texts; /* what the values point to */
};

struct _SteerWriter
{
  sqlite3 *db;
  sqlite3_stmt *statements[STEER_N_WRITES];
  gboolean synced; /* the connection's setting now */
  SteerWriterFailed failed;
  gpointer user_data;
  GThread *thread;
  int n_waiting; /* atomic: who wants everything written soon */

  /* Under the mutex. */
  GMutex mutex;
  GCond changed;
  GQueue groups; /* SteerWriteGroup: the head is being written */
  guint64 n_pushed;
  guint64 n_done;
  guint64 n_failures;
  GError *failure; /* nullable: why the head cannot be written */
  gboolean writing;
  gboolean retry;
  gboolean quit;
};

SteerWriteGroup *
steer_write_group_new (gint64 conversation, gboolean synced)
{
  SteerWriteGroup *self = g_new0 (SteerWriteGroup, 1);

  self->conversation = conversation;
  self->synced = synced;
  self->writes = g_array_new (FALSE, FALSE, sizeof (Write));
  self->values = g_array_new (FALSE, FALSE, sizeof (SteerValue));
  self->texts = g_string_chunk_new (256);
  return self;
}

void
steer_write_group_free (SteerWriteGroup *self)
{
  g_array_unref (self->writes);
  g_array_unref (self->values);
  g_string_chunk_free (self->texts);
  g_free (self);
}

void
steer_write_group_add_values (SteerWriteGroup *self, SteerWriteKind kind, const SteerValue *values, guint n_values)
{
  Write write = { kind, self->values->len, n_values };

  for (guint i = 0; i < n_values; i++)
    {
      SteerValue value = values[i];

      if (value.type == STEER_VALUE_TEXT && value.text != NULL)
        value.text = g_string_chunk_insert (self->texts, value.text);
      g_array_append_val (self->values, value);
    }
  g_array_append_val (self->writes, write);
}

static gboolean
run_write (SteerWriter *self, const SteerWriteGroup *group, const Write *write)
{
  sqlite3_stmt *statement = self->statements[write->kind];

  for (guint i = 0; i < write->n_values; i++)
    {
      const SteerValue *value = &g_array_index (group->values, SteerValue, write->first_value + i);
      int place = (int) i + 1;

      if (value->type == STEER_VALUE_INT)
        sqlite3_bind_int64 (statement, place, value->integer);
      else if (value->type == STEER_VALUE_REAL)
        sqlite3_bind_double (statement, place, value->real);
      else if (value->text != NULL)
        sqlite3_bind_text (statement, place, value->text, -1, SQLITE_STATIC);
      else
        sqlite3_bind_null (statement, place);
    }
  return sqlite3_step (statement) == SQLITE_DONE;
}

/* Errors that the next try cannot mend: the change contradicts what is in the file. */
static gboolean
is_hopeless (int code)
{
  return (code & 0xff) == SQLITE_CONSTRAINT || (code & 0xff) == SQLITE_TOOBIG || (code & 0xff) == SQLITE_MISMATCH;
}

static void
rest (SteerWriter *self, gint64 *begun)
{
  if (g_get_monotonic_time () - *begun < WORK_US || g_atomic_int_get (&self->n_waiting) > 0)
    return;
  g_usleep (WORK_US);
  *begun = g_get_monotonic_time ();
}

/* One transaction. */
static gboolean
write_group (SteerWriter *self, const SteerWriteGroup *group, gboolean *hopeless, GError **error)
{
  gint64 begun;
  gboolean ok = TRUE;

  *hopeless = FALSE;
  if (self->synced != group->synced)
    {
      if (!steer_store_exec (self->db, group->synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                             error))
        return FALSE;
      self->synced = group->synced;
    }
  if (!steer_store_exec (self->db, "BEGIN IMMEDIATE", error))
    return FALSE;
  begun = g_get_monotonic_time ();
  for (guint i = 0; ok && i < group->writes->len; i++)
    {
      const Write *write = &g_array_index (group->writes, Write, i);

      ok = run_write (self, group, write);
      if (!ok)
        {
          steer_store_set_error (self->db, "written", error);
          *hopeless = is_hopeless (sqlite3_errcode (self->db));
        }
      sqlite3_reset (self->statements[write->kind]);
      sqlite3_clear_bindings (self->statements[write->kind]);
      if (i + 1 < group->writes->len)
        rest (self, &begun);
    }
  if (ok)
    ok = steer_store_exec (self->db, "COMMIT", error);
  if (!ok && !sqlite3_get_autocommit (self->db))
    sqlite3_exec (self->db, "ROLLBACK", NULL, NULL, NULL);
  return ok;
}

/* With the mutex held. */
static void
finish_head (SteerWriter *self)
{
  steer_write_group_free (g_queue_pop_head (&self->groups));
  self->n_done++;
  g_clear_error (&self->failure);
}

/* With the mutex held; takes it off while it writes. Returns FALSE when writing must pause. */
static gboolean
write_head (SteerWriter *self)
{
  SteerWriteGroup *group = g_queue_peek_head (&self->groups);
  g_autoptr (GError) error = NULL;
  gboolean ok, first, hopeless;

  self->retry = FALSE;
  self->writing = TRUE;
  g_mutex_unlock (&self->mutex);
  ok = write_group (self, group, &hopeless, &error);
  g_mutex_lock (&self->mutex);
  self->writing = FALSE;

  if (ok)
    finish_head (self);
  else
    {
      first = self->failure == NULL;
      self->n_failures++;
      g_clear_error (&self->failure);
      self->failure = g_error_copy (error);
      if (hopeless)
        finish_head (self);
      if (first)
        {
          g_mutex_unlock (&self->mutex);
          self->failed (error, self->user_data);
          g_mutex_lock (&self->mutex);
        }
    }
  g_cond_broadcast (&self->changed);
  return ok || hopeless;
}

static gpointer
run_writer (gpointer data)
{
  SteerWriter *self = data;

  steer_niceness_go_behind ();
  g_mutex_lock (&self->mutex);
  while (TRUE)
    {
      while (g_queue_is_empty (&self->groups) && !self->quit)
        g_cond_wait (&self->changed, &self->mutex);
      if (g_queue_is_empty (&self->groups))
        break;
      if (!write_head (self))
        {
          gint64 deadline = g_get_monotonic_time () + RETRY_US;

          if (self->quit)
            break;
          while (!self->retry && !self->quit && g_cond_wait_until (&self->changed, &self->mutex, deadline))
            ;
        }
    }
  g_mutex_unlock (&self->mutex);
  return NULL;
}

SteerWriter *
steer_writer_new (sqlite3 *db, SteerWriterFailed failed, gpointer user_data, GError **error)
{
  SteerWriter *self = g_new0 (SteerWriter, 1);

  self->db = db;
  self->synced = TRUE;
  self->failed = failed;
  self->user_data = user_data;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->changed);
  g_queue_init (&self->groups);
  for (guint i = 0; i < STEER_N_WRITES; i++)
    {
      if (!steer_store_prepare_statement (db, statements[i], &self->statements[i], error))
        {
          steer_writer_free (self);
          return NULL;
        }
    }
  self->thread = g_thread_new ("steer-store", run_writer, self);
  return self;
}

void
steer_writer_free (SteerWriter *self)
{
  guint n_lost;

  if (self->thread != NULL)
    {
      g_atomic_int_inc (&self->n_waiting);
      g_mutex_lock (&self->mutex);
      self->quit = TRUE;
      g_cond_broadcast (&self->changed);
      g_mutex_unlock (&self->mutex);
      g_thread_join (self->thread);
    }
  n_lost = g_queue_get_length (&self->groups);
  if (n_lost > 0)
    g_message ("%u changes of conversations could not be saved: %s", n_lost,
               self->failure != NULL ? self->failure->message : "writing failed");
  g_queue_clear_full (&self->groups, (GDestroyNotify) steer_write_group_free);
  for (guint i = 0; i < STEER_N_WRITES; i++)
    sqlite3_finalize (self->statements[i]);
  sqlite3_close_v2 (self->db);
  g_clear_error (&self->failure);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->changed);
  g_free (self);
}

void
steer_writer_push (SteerWriter *self, SteerWriteGroup *group)
{
  g_mutex_lock (&self->mutex);
  g_queue_push_tail (&self->groups, group);
  self->n_pushed++;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->mutex);
}

/* With the mutex held: the number that n_done must reach before all that concerns @conversation is written. */
static guint64
get_target (SteerWriter *self, gint64 conversation)
{
  guint64 target = self->n_pushed;

  for (GList *l = self->groups.tail; l != NULL; l = l->prev, target--)
    {
      const SteerWriteGroup *group = l->data;

      if (conversation == 0 || group->conversation == conversation || group->conversation == 0)
        return target;
    }
  return 0;
}

gboolean
steer_writer_wait (SteerWriter *self, gint64 conversation, GError **error)
{
  guint64 target, n_failures;
  gboolean ok;

  g_atomic_int_inc (&self->n_waiting);
  g_mutex_lock (&self->mutex);
  target = get_target (self, conversation);
  /* A try that is under way may have begun before the caller mended the cause. */
  n_failures = self->n_failures + (self->writing ? 2 : 1);
  self->retry = TRUE;
  g_cond_broadcast (&self->changed);
  while (self->n_done < target && self->n_failures < n_failures)
    {
      self->retry = TRUE;
      g_cond_wait (&self->changed, &self->mutex);
    }
  ok = self->n_done >= target;
  if (!ok && error != NULL)
    *error = self->failure != NULL
               ? g_error_copy (self->failure)
               : g_error_new_literal (STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE, "conversations cannot be written");
  g_mutex_unlock (&self->mutex);
  (void) g_atomic_int_dec_and_test (&self->n_waiting);
  return ok;
}
