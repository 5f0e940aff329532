/* The file: how it is opened, what is in it, and how older files become today's. */
#include "steer-store-private.h"

/* "Ster", in the file's header: says that a file is ours. */
#define APPLICATION_ID 0x53746572

/* Migration i makes version i + 1 from version i. Never edited once released: a change is another one at the end. */
static const char *const migrations[] = {
  /* Messages of one conversation are a tree: parent 0 begins it, first and active name the children that are shown.
   * A message that is being written has its text in batches; when it completes, the text moves to the message and its
   * stretches of equal steering to runs. */
  "CREATE TABLE conversation (id INTEGER PRIMARY KEY, title TEXT NOT NULL DEFAULT '',"
  "  title_by_hand INTEGER NOT NULL DEFAULT 0, system_prompt TEXT, draft TEXT NOT NULL DEFAULT '',"
  "  preview TEXT NOT NULL DEFAULT '', created INTEGER NOT NULL, modified INTEGER NOT NULL,"
  "  first INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0);"
  "CREATE TABLE message (id INTEGER PRIMARY KEY,"
  "  conversation INTEGER NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,"
  "  parent INTEGER NOT NULL DEFAULT 0, active INTEGER NOT NULL DEFAULT 0, role INTEGER NOT NULL, text TEXT NOT NULL,"
  "  complete INTEGER NOT NULL DEFAULT 1, preset TEXT, seed INTEGER NOT NULL DEFAULT 0,"
  "  n_tokens INTEGER NOT NULL DEFAULT 0, rate REAL NOT NULL DEFAULT 0, stop INTEGER NOT NULL DEFAULT 0,"
  "  created INTEGER NOT NULL);"
  "CREATE INDEX message_by_conversation ON message (conversation, id);"
  "CREATE INDEX message_incomplete ON message (id) WHERE complete = 0;"
  "CREATE TABLE run (message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE, sequence INTEGER NOT NULL,"
  "  start INTEGER NOT NULL, length INTEGER NOT NULL, n_tokens INTEGER NOT NULL, steering TEXT,"
  "  PRIMARY KEY (message, sequence)) WITHOUT ROWID;"
  "CREATE TABLE batch (message INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE, sequence INTEGER NOT NULL,"
  "  text TEXT NOT NULL, n_tokens INTEGER NOT NULL, steering TEXT,"
  "  PRIMARY KEY (message, sequence)) WITHOUT ROWID;",

  /* Full-text search; the index takes its text from the tables and follows them by triggers. */
  "CREATE VIRTUAL TABLE message_text USING fts5 (text, content = 'message', content_rowid = 'id',"
  "  tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');"
  "CREATE VIRTUAL TABLE conversation_title USING fts5 (title, content = 'conversation', content_rowid = 'id',"
  "  tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');"
  "INSERT INTO message_text (message_text) VALUES ('rebuild');"
  "INSERT INTO conversation_title (conversation_title) VALUES ('rebuild');"
  "CREATE TRIGGER message_added AFTER INSERT ON message BEGIN"
  "  INSERT INTO message_text (rowid, text) VALUES (new.id, new.text); END;"
  "CREATE TRIGGER message_removed AFTER DELETE ON message BEGIN"
  "  INSERT INTO message_text (message_text, rowid, text) VALUES ('delete', old.id, old.text); END;"
  "CREATE TRIGGER message_changed AFTER UPDATE OF text ON message BEGIN"
  "  INSERT INTO message_text (message_text, rowid, text) VALUES ('delete', old.id, old.text);"
  "  INSERT INTO message_text (rowid, text) VALUES (new.id, new.text); END;"
  "CREATE TRIGGER conversation_added AFTER INSERT ON conversation BEGIN"
  "  INSERT INTO conversation_title (rowid, title) VALUES (new.id, new.title); END;"
  "CREATE TRIGGER conversation_removed AFTER DELETE ON conversation BEGIN"
  "  INSERT INTO conversation_title (conversation_title, rowid, title) VALUES ('delete', old.id, old.title); END;"
  "CREATE TRIGGER conversation_changed AFTER UPDATE OF title ON conversation WHEN old.title <> new.title BEGIN"
  "  INSERT INTO conversation_title (conversation_title, rowid, title) VALUES ('delete', old.id, old.title);"
  "  INSERT INTO conversation_title (rowid, title) VALUES (new.id, new.title); END;",
};

#define VERSION ((int) G_N_ELEMENTS (migrations))

void
steer_store_set_error (sqlite3 *db, const char *doing, GError **error)
{
  int code = sqlite3_errcode (db);
  const char *path = sqlite3_db_filename (db, "main");
  const char *remedy;

  switch (code & 0xff)
    {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      remedy = "the file is damaged or not a conversation store: move it away to start afresh, or save what is in it "
               "with the .recover command of sqlite3";
      break;
    case SQLITE_FULL:
      remedy = "make room on the disk";
      break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      remedy = "check that the file and its folder can be written";
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      remedy = "another program is using it: close that";
      break;
    default:
      remedy = "check the disk";
    }
  g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE, "conversations in '%s' cannot be %s (%s): %s",
               path != NULL && *path != '\0' ? path : "memory", doing, sqlite3_errmsg (db), remedy);
}

gboolean
steer_store_exec (sqlite3 *db, const char *sql, GError **error)
{
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  steer_store_set_error (db, "used", error);
  return FALSE;
}

gboolean
steer_store_prepare_statement (sqlite3 *db, const char *sql, sqlite3_stmt **statement, GError **error)
{
  if (sqlite3_prepare_v3 (db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) == SQLITE_OK)
    return TRUE;
  steer_store_set_error (db, "used", error);
  return FALSE;
}

char *
steer_store_dup_column (sqlite3_stmt *statement, int column)
{
  const char *text = (const char *) sqlite3_column_text (statement, column);

  return text != NULL ? g_utf8_make_valid (text, -1) : NULL;
}

static gboolean
read_int (sqlite3 *db, const char *sql, gint64 *value, GError **error)
{
  sqlite3_stmt *statement = NULL;
  gboolean ok;

  ok = sqlite3_prepare_v2 (db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step (statement) == SQLITE_ROW;
  if (ok)
    *value = sqlite3_column_int64 (statement, 0);
  else
    steer_store_set_error (db, "read", error);
  sqlite3_finalize (statement);
  return ok;
}

sqlite3 *
steer_store_connect (const char *path, gboolean writable, GError **error)
{
  sqlite3 *db = NULL;

  if (sqlite3_open_v2 (path, &db, SQLITE_OPEN_READWRITE | (writable ? SQLITE_OPEN_CREATE : 0) | SQLITE_OPEN_NOMUTEX,
                       NULL)
      != SQLITE_OK)
    {
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE,
                   "conversations in '%s' cannot be opened (%s): check that the file and its folder can be written",
                   path, db != NULL ? sqlite3_errmsg (db) : "out of memory");
      sqlite3_close_v2 (db);
      return NULL;
    }
  sqlite3_extended_result_codes (db, 1);
  sqlite3_busy_timeout (db, 2000);
  /* The file may come from a stranger: nothing in it overwrites SQLite's own tables. */
  sqlite3_db_config (db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  return db;
}

static gboolean
migrate (sqlite3 *db, int version, GError **error)
{
  g_autofree char *stamp
    = g_strdup_printf ("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID, VERSION);

  if (!steer_store_exec (db, "BEGIN IMMEDIATE", error))
    return FALSE;
  for (int i = version; i < VERSION; i++)
    {
      if (!steer_store_exec (db, migrations[i], error))
        {
          sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
          return FALSE;
        }
    }
  if (steer_store_exec (db, stamp, error))
    return TRUE;
  sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
  return FALSE;
}

/* Refuses before anything is written. */
static gboolean
check_file (sqlite3 *db, const char *path, int *version, GError **error)
{
  gint64 application, n_tables, file_version;

  if (!read_int (db, "PRAGMA application_id", &application, error)
      || !read_int (db, "PRAGMA user_version", &file_version, error)
      || !read_int (db, "SELECT count(*) FROM sqlite_schema", &n_tables, error))
    return FALSE;
  if (n_tables > 0 && application != APPLICATION_ID)
    {
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE,
                   "'%s' is the database of another program: choose another place for the conversations", path);
      return FALSE;
    }
  if (file_version < 0 || file_version > VERSION)
    {
      g_set_error (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_STORE,
                   "conversations in '%s' were written by a newer version of this program (format %" G_GINT64_FORMAT
                   ", this one knows %d): update the program",
                   path, file_version, VERSION);
      return FALSE;
    }
  *version = (int) file_version;
  return TRUE;
}

gboolean
steer_store_prepare (sqlite3 *db, const char *path, GError **error)
{
  int version = 0;

  if (!check_file (db, path, &version, error))
    return FALSE;
  if (!steer_store_exec (db,
                         "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
                         "PRAGMA synchronous = FULL",
                         error))
    return FALSE;
  return version == VERSION || migrate (db, version, error);
}
