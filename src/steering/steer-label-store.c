/* The database: how it is opened, what is in it, and whose labels there are. */
#include "steer-label-private.h"

#include <string.h>

/* "Stlb", in the file's header: says that a file is ours. */
#define APPLICATION_ID 0x53746c62
#define VERSION 1

/* While another process writes. */
#define BUSY_MILLISECONDS 10000

struct _SteerLabelStore
{
  GObject parent_instance;

  char *path;
  int flags;          /* SQLITE_OPEN_ */
  GMutex mutex;       /* guards what follows */
  GQueue readers;     /* sqlite3: idle connections that read */
  GMutex write_mutex; /* held by whoever writes, with @writer */
  sqlite3 *writer;
};

G_DEFINE_FINAL_TYPE (SteerLabelStore, steer_label_store, G_TYPE_OBJECT)

G_DEFINE_QUARK (steer_label_error_quark, steer_label_error)

/* The index takes its text from the tables. It must be fed in order of rowids, or it makes a segment of every row: so
 * for labels whoever changes the table does that, and for the user's few own a trigger. Short prefixes have lists of
 * their own, which is what makes the first letters of a word fast. */
static const char schema[]
  = "CREATE TABLE source (id INTEGER PRIMARY KEY, model TEXT NOT NULL, name TEXT NOT NULL, layer INTEGER NOT NULL,"
    "  UNIQUE (model, name));"
    "CREATE TABLE feature (source INTEGER NOT NULL, feature INTEGER NOT NULL, label INTEGER NOT NULL DEFAULT 0,"
    "  density REAL NOT NULL DEFAULT -1, activation REAL NOT NULL DEFAULT 0, PRIMARY KEY (source, feature))"
    "  WITHOUT ROWID;"
    "CREATE TABLE label (id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
    "CREATE VIRTUAL TABLE label_text USING fts5 (text, content = 'label', content_rowid = 'id',"
    "  tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3 4');"
    "CREATE TABLE example (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, feature INTEGER NOT NULL,"
    "  value REAL NOT NULL, text TEXT NOT NULL);"
    "CREATE INDEX example_by_feature ON example (source, feature, value DESC);"
    "CREATE TABLE own (id INTEGER PRIMARY KEY, model TEXT NOT NULL, layer INTEGER NOT NULL, feature INTEGER NOT NULL,"
    "  text TEXT NOT NULL, UNIQUE (layer, feature, model));"
    "CREATE VIRTUAL TABLE own_text USING fts5 (text, content = 'own', content_rowid = 'id',"
    "  tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3 4');";

static void
steer_label_store_finalize (GObject *object)
{
  SteerLabelStore *self = STEER_LABEL_STORE (object);

  for (sqlite3 *db; (db = g_queue_pop_head (&self->readers)) != NULL;)
    sqlite3_close (db);
  sqlite3_close (self->writer);
  g_mutex_clear (&self->mutex);
  g_mutex_clear (&self->write_mutex);
  g_free (self->path);
  G_OBJECT_CLASS (steer_label_store_parent_class)->finalize (object);
}

static void
steer_label_store_class_init (SteerLabelStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_label_store_finalize;
}

static void
steer_label_store_init (SteerLabelStore *self)
{
  self->flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  g_mutex_init (&self->mutex);
  g_mutex_init (&self->write_mutex);
  g_queue_init (&self->readers);
}

gboolean
steer_label_fail (sqlite3 *db, GCancellable *cancellable, GError **error)
{
  const char *path = sqlite3_db_filename (db, "main");

  if (!g_cancellable_set_error_if_cancelled (cancellable, error))
    g_set_error (error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_STORE, "%s: the database of labels: %s",
                 path != NULL ? path : "", sqlite3_errmsg (db));
  return FALSE;
}

sqlite3_stmt *
steer_label_prepare (sqlite3 *db, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v2 (db, sql, -1, &statement, NULL) != SQLITE_OK)
    steer_label_fail (db, NULL, error);
  return statement;
}

gboolean
steer_label_execute (sqlite3 *db, const char *sql, GError **error)
{
  return sqlite3_exec (db, sql, NULL, NULL, NULL) == SQLITE_OK || steer_label_fail (db, NULL, error);
}

gboolean
steer_label_run (sqlite3 *db, sqlite3_stmt *statement, GError **error)
{
  int status = sqlite3_step (statement);

  sqlite3_reset (statement);
  return status == SQLITE_DONE || steer_label_fail (db, NULL, error);
}

static int
is_cancelled (void *data)
{
  return g_cancellable_is_cancelled (data);
}

void
steer_label_watch (sqlite3 *db, GCancellable *cancellable)
{
  sqlite3_progress_handler (db, cancellable != NULL ? 2000 : 0, cancellable != NULL ? is_cancelled : NULL, cancellable);
}

static sqlite3 *
open_connection (SteerLabelStore *self, GError **error)
{
  sqlite3 *db = NULL;

  if (sqlite3_open_v2 (self->path, &db, self->flags, NULL) != SQLITE_OK)
    {
      steer_label_fail (db, NULL, error);
      sqlite3_close (db);
      return NULL;
    }
  sqlite3_busy_timeout (db, BUSY_MILLISECONDS);
  sqlite3_limit (db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config (db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  if (steer_label_execute (db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768;",
                           error))
    return db;
  sqlite3_close (db);
  return NULL;
}

static gboolean
read_number (sqlite3 *db, const char *sql, int *value, GError **error)
{
  g_autoptr (sqlite3_stmt) statement = steer_label_prepare (db, sql, error);

  if (statement == NULL)
    return FALSE;
  if (sqlite3_step (statement) != SQLITE_ROW)
    return steer_label_fail (db, NULL, error);
  *value = sqlite3_column_int (statement, 0);
  return TRUE;
}

static gboolean
set_up (SteerLabelStore *self, GError **error)
{
  sqlite3 *db = self->writer;
  g_autofree char *stamp
    = g_strdup_printf ("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;", APPLICATION_ID, VERSION);
  int application = 0;
  int version = 0;
  int n_tables = 0;

  if (!steer_label_execute (db, "BEGIN IMMEDIATE", error)
      || !read_number (db, "PRAGMA application_id", &application, error)
      || !read_number (db, "PRAGMA user_version", &version, error)
      || !read_number (db, "SELECT count (*) FROM sqlite_master", &n_tables, error))
    return FALSE;
  if (n_tables == 0)
    return steer_label_execute (db, schema, error) && steer_label_execute (db, stamp, error);
  if (application == APPLICATION_ID && version == VERSION)
    return steer_label_execute (db, "COMMIT", error);
  g_set_error (error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_STORE,
               application == APPLICATION_ID ? "%s: a newer version of this program has written it: use that one"
                                             : "%s: it is no database of labels of this program: choose another file",
               self->path);
  return FALSE;
}

/* Connections to the same name see the same database, until the last one is closed. */
SteerLabelStore *
steer_label_store_open_in_memory (GError **error)
{
  static int n_made;
  g_autoptr (SteerLabelStore) self = g_object_new (STEER_TYPE_LABEL_STORE, NULL);

  self->path = g_strdup_printf ("file:labels-%d?mode=memory&cache=shared", g_atomic_int_add (&n_made, 1));
  self->flags |= SQLITE_OPEN_URI;
  self->writer = open_connection (self, error);
  return self->writer != NULL && set_up (self, error) ? g_steal_pointer (&self) : NULL;
}

SteerLabelStore *
steer_label_store_open (const char *path, GError **error)
{
  g_autoptr (SteerLabelStore) self = g_object_new (STEER_TYPE_LABEL_STORE, NULL);
  g_autofree char *folder = NULL;

  self->path
    = path != NULL ? g_strdup (path) : g_build_filename (g_get_user_data_dir (), "steer-chat", "labels.sqlite", NULL);
  folder = g_path_get_dirname (self->path);
  if (path == NULL)
    g_mkdir_with_parents (folder, 0700); /* what fails here fails at the file, with its name */
  self->writer = open_connection (self, error);
  return self->writer != NULL && set_up (self, error) ? g_steal_pointer (&self) : NULL;
}

sqlite3 *
steer_label_store_open_connection (SteerLabelStore *self, GError **error)
{
  return open_connection (self, error);
}

sqlite3 *
steer_label_store_connect (SteerLabelStore *self, gboolean for_writing, GError **error)
{
  sqlite3 *db;

  if (for_writing)
    {
      g_mutex_lock (&self->write_mutex);
      return self->writer;
    }
  g_mutex_lock (&self->mutex);
  db = g_queue_pop_head (&self->readers);
  g_mutex_unlock (&self->mutex);
  return db != NULL ? db : open_connection (self, error);
}

void
steer_label_store_release (SteerLabelStore *self, sqlite3 *db, gboolean for_writing)
{
  steer_label_watch (db, NULL);
  if (for_writing)
    {
      g_mutex_unlock (&self->write_mutex);
      return;
    }
  g_mutex_lock (&self->mutex);
  g_queue_push_head (&self->readers, db);
  g_mutex_unlock (&self->mutex);
}

void
steer_label_source_free (SteerLabelSource *self)
{
  if (self == NULL)
    return;
  g_free (self->model);
  g_free (self->name);
  g_free (self->sae);
  g_free (self);
}

void
steer_label_free (SteerLabel *self)
{
  if (self == NULL)
    return;
  g_free (self->model);
  g_free (self->source_name);
  g_free (self->label);
  g_free (self);
}

gboolean
steer_label_source_parse (const char *name, int *layer, const char **suffix)
{
  const char *dash = strrchr (name, '-');
  guint64 number = 0;
  const char *p = name;

  *layer = -1;
  *suffix = "";
  for (; g_ascii_isdigit (*p) && number <= G_MAXUINT16; p++)
    number = number * 10 + (guint64) (*p - '0');
  if (p == name || number > G_MAXUINT16 || (*p != '\0' && *p != '-'))
    return FALSE;
  *layer = (int) number;
  if (dash != NULL)
    *suffix = dash + 1;
  return TRUE;
}

/* Where the SAEs behind Neuronpedia's names are published. */
static const char *
find_sae (const char *model, const char *name)
{
  static const struct
  {
    const char *model;
    const char *suffix;
    const char *sae;
  } known[] = {
    { "llama3.1-8b-it", "aa", "andyrdt/saes-llama-3.1-8b-instruct" },
    { "llama3.1-8b-it", "gf", "Goodfire/Llama-3.1-8B-Instruct-SAE-l19" },
    { "qwen2.5-7b-it", "aa", "andyrdt/saes-qwen2.5-7b-instruct" },
    { "gpt-oss-20b", "aa", "andyrdt/saes-gpt-oss-20b" },
  };
  const char *suffix;
  int layer;

  steer_label_source_parse (name, &layer, &suffix);
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (model, known[i].model) == 0 && strcmp (suffix, known[i].suffix) == 0)
      return known[i].sae;
  return NULL;
}

static GPtrArray *
list_sources (sqlite3 *db, GError **error)
{
  g_autoptr (sqlite3_stmt) statement
    = steer_label_prepare (db,
                           "SELECT id, model, name, layer, (SELECT count (*) FROM feature WHERE source = source.id AND "
                           "label <> 0) FROM source ORDER BY model, layer, name",
                           error);
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_label_source_free);
  int status;

  if (statement == NULL)
    return NULL;
  while ((status = sqlite3_step (statement)) == SQLITE_ROW)
    {
      SteerLabelSource *source = g_new0 (SteerLabelSource, 1);

      source->id = sqlite3_column_int64 (statement, 0);
      source->model = g_strdup ((const char *) sqlite3_column_text (statement, 1));
      source->name = g_strdup ((const char *) sqlite3_column_text (statement, 2));
      source->layer = sqlite3_column_int (statement, 3);
      source->sae = g_strdup (find_sae (source->model, source->name));
      source->n_labels = sqlite3_column_int64 (statement, 4);
      g_ptr_array_add (list, source);
    }
  if (status == SQLITE_DONE)
    return g_steal_pointer (&list);
  steer_label_fail (db, NULL, error);
  return NULL;
}

GPtrArray *
steer_label_store_list_sources (SteerLabelStore *self, GError **error)
{
  sqlite3 *db;
  GPtrArray *list;

  g_return_val_if_fail (STEER_IS_LABEL_STORE (self), NULL);

  db = steer_label_store_connect (self, FALSE, error);
  if (db == NULL)
    return NULL;
  list = list_sources (db, error);
  steer_label_store_release (self, db, FALSE);
  return list;
}

gboolean
steer_label_store_remove_source (SteerLabelStore *self, gint64 source, GError **error)
{
  g_autofree char *sql = g_strdup_printf ("BEGIN IMMEDIATE;"
                                          "INSERT INTO label_text (label_text, rowid, text) SELECT 'delete', id, text"
                                          " FROM label WHERE (id >> 32 & 4095) = %1$" G_GINT64_FORMAT " ORDER BY id;"
                                          "DELETE FROM label WHERE (id >> 32 & 4095) = %1$" G_GINT64_FORMAT ";"
                                          "DELETE FROM feature WHERE source = %1$" G_GINT64_FORMAT ";"
                                          "DELETE FROM example WHERE source = %1$" G_GINT64_FORMAT ";"
                                          "DELETE FROM source WHERE id = %1$" G_GINT64_FORMAT ";"
                                          "COMMIT;",
                                          source);
  sqlite3 *db;
  gboolean removed;

  g_return_val_if_fail (STEER_IS_LABEL_STORE (self), FALSE);

  db = steer_label_store_connect (self, TRUE, error);
  removed = steer_label_execute (db, sql, error);
  if (!removed)
    sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
  steer_label_store_release (self, db, TRUE);
  return removed;
}

/* ?1: layer, ?2: feature, ?3: model, ?4: text. */
static gboolean
set_user_label (sqlite3 *db, const char *model, int layer, guint64 index, const char *label, GError **error)
{
  static const char *const statements[] = {
    ("INSERT INTO own_text (own_text, rowid, text) SELECT 'delete', id, text FROM own "
     "WHERE layer = ?1 AND feature = ?2 AND model = ?3"),
    "DELETE FROM own WHERE layer = ?1 AND feature = ?2 AND model = ?3",
    "INSERT INTO own (layer, feature, model, text) VALUES (?1, ?2, ?3, ?4)",
    "INSERT INTO own_text (rowid, text) SELECT id, text FROM own WHERE layer = ?1 AND feature = ?2 AND model = ?3"
  };
  gboolean has_label = label != NULL && *label != '\0';

  if (!steer_label_execute (db, "BEGIN IMMEDIATE", error))
    return FALSE;
  for (guint i = 0; i < (has_label ? G_N_ELEMENTS (statements) : 2); i++)
    {
      g_autoptr (sqlite3_stmt) statement = steer_label_prepare (db, statements[i], error);

      if (statement == NULL)
        return FALSE;
      sqlite3_bind_int (statement, 1, layer);
      sqlite3_bind_int64 (statement, 2, (gint64) index);
      sqlite3_bind_text (statement, 3, model, -1, SQLITE_TRANSIENT);
      if (sqlite3_bind_parameter_count (statement) >= 4)
        sqlite3_bind_text (statement, 4, label, -1, SQLITE_TRANSIENT);
      if (!steer_label_run (db, statement, error))
        return FALSE;
    }
  return steer_label_execute (db, "COMMIT", error);
}

gboolean
steer_label_store_set_user_label (SteerLabelStore *self,
                                  const char *model,
                                  int layer,
                                  guint64 index,
                                  const char *label,
                                  GError **error)
{
  g_autofree char *valid = label != NULL ? g_utf8_make_valid (label, -1) : NULL;
  sqlite3 *db;
  gboolean set;

  g_return_val_if_fail (STEER_IS_LABEL_STORE (self), FALSE);
  g_return_val_if_fail (index <= STEER_LABEL_MAX_FEATURE, FALSE);

  if (valid != NULL && strlen (valid) > STEER_LABEL_MAX_BYTES)
    {
      char *end = g_utf8_find_prev_char (valid, valid + STEER_LABEL_MAX_BYTES);

      if (end != NULL)
        *end = '\0';
    }
  db = steer_label_store_connect (self, TRUE, error);
  set = set_user_label (db, model != NULL ? model : "", layer, index, valid, error);
  if (!set)
    sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
  steer_label_store_release (self, db, TRUE);
  return set;
}
