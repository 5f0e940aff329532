/* Import: rows of all files are gathered beside the database, then go into it in one transaction, in the order that the
 * index wants. While files are read the database stays free for others. */
#include "steer-label-private.h"

#include <string.h>

/* Examples of a feature that are kept. */
#define N_EXAMPLES "3"

#define PROGRESS_MICROSECONDS 100000

/* Reading files is most of the work; the rest of the bar is for the transaction. */
#define READING_SHARE 0.8

typedef struct
{
  sqlite3 *db;
  const char *model;  /* nullable */
  const char *source; /* nullable */
  SteerLabelImport *result;
  SteerLabelProgressFunc progress; /* nullable */
  gpointer progress_data;
  GCancellable *cancellable;

  gint64 last_told;

  GHashTable *sources; /* "model\nname" -> number in the gathering, from 1 */
  sqlite3_stmt *add_source;
  sqlite3_stmt *add_row;
  sqlite3_stmt *add_example;
} Import;

static void
tell (Import *self, double fraction)
{
  gint64 now = g_get_monotonic_time ();

  if (self->progress == NULL || now - self->last_told < PROGRESS_MICROSECONDS)
    return;
  self->last_told = now;
  self->progress (fraction, self->progress_data);
}

static void
on_read (double fraction, gpointer data)
{
  tell (data, READING_SHARE * fraction);
}

/* Of one feature the first label counts, whichever of several explanations comes first. */
static const char gathering[] = "PRAGMA temp_store = FILE;"
                                "CREATE TEMP TABLE new_source (n INTEGER PRIMARY KEY, model TEXT NOT NULL, name TEXT "
                                "NOT NULL, layer INTEGER NOT NULL);"
                                "CREATE TEMP TABLE new_feature (n INTEGER NOT NULL, feature INTEGER NOT NULL, text "
                                "TEXT, density REAL, activation REAL,"
                                "  PRIMARY KEY (n, feature)) WITHOUT ROWID;"
                                "CREATE TEMP TABLE new_example (n INTEGER NOT NULL, feature INTEGER NOT NULL, value "
                                "REAL NOT NULL, text TEXT NOT NULL);"
                                "BEGIN;";

static const char transfer[]
  = "COMMIT;"
    "BEGIN IMMEDIATE;"
    "INSERT OR IGNORE INTO source (model, name, layer) SELECT model, name, layer FROM new_source ORDER BY n;"
    "CREATE TEMP TABLE arriving AS SELECT"
    "  (min (length (new_feature.text), 1023) << 44) | (source.id << 32) | new_feature.feature AS id,"
    "  source.id AS source, new_feature.feature AS feature, new_feature.text AS text, density, activation"
    "  FROM new_feature JOIN new_source USING (n) JOIN source USING (model, name);"
    "CREATE TEMP TABLE leaving AS SELECT label.id AS id, label.text AS text FROM arriving JOIN feature USING (source, "
    "feature)"
    "  JOIN label ON label.id = feature.label WHERE arriving.text IS NOT NULL;"
    "INSERT INTO label_text (label_text, rowid, text) SELECT 'delete', id, text FROM leaving ORDER BY id;"
    "DELETE FROM label WHERE id IN (SELECT id FROM leaving);"
    "INSERT INTO label (id, text) SELECT id, text FROM arriving WHERE text IS NOT NULL ORDER BY id;"
    "INSERT INTO label_text (rowid, text) SELECT id, text FROM arriving WHERE text IS NOT NULL ORDER BY id;"
    "INSERT INTO feature (source, feature, label, density, activation)"
    "  SELECT source, feature, ifnull (id, 0), ifnull (density, -1), ifnull (activation, 0) FROM arriving"
    "  WHERE true ORDER BY source, feature"
    "  ON CONFLICT DO UPDATE SET label = iif (excluded.label <> 0, excluded.label, label),"
    "    density = iif (excluded.density >= 0, excluded.density, density),"
    "    activation = iif (excluded.activation > 0, excluded.activation, activation);"
    "CREATE TEMP TABLE arriving_example AS SELECT source.id AS source, feature, value, text FROM"
    "  (SELECT *, row_number () OVER (PARTITION BY n, feature ORDER BY value DESC) AS place FROM new_example)"
    "  JOIN new_source USING (n) JOIN source USING (model, name) WHERE place <= " N_EXAMPLES ";"
    "DELETE FROM example WHERE id IN (SELECT example.id FROM (SELECT DISTINCT source, feature FROM arriving_example)"
    "  JOIN example USING (source, feature));"
    "INSERT INTO example (source, feature, value, text) SELECT source, feature, value, text FROM arriving_example;";

/* The number of a row's source in the gathering; 0 after an error. */
static gint64
find_source (Import *self, const SteerLabelRow *row, GError **error)
{
  const char *model = row->model != NULL ? row->model : self->model != NULL ? self->model : "";
  const char *name = row->source != NULL ? row->source : self->source;
  g_autofree char *key = g_strconcat (model, "\n", name, NULL);
  gint64 n = (gint64) GPOINTER_TO_SIZE (g_hash_table_lookup (self->sources, key));
  const char *suffix;
  int layer;

  if (n > 0)
    return n;
  n = (gint64) g_hash_table_size (self->sources) + 1;
  if (n > STEER_LABEL_MAX_SOURCE)
    {
      g_set_error (error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_INVALID,
                   "more than %d sources are named: import fewer files at a time", STEER_LABEL_MAX_SOURCE);
      return 0;
    }
  steer_label_source_parse (name, &layer, &suffix);
  sqlite3_bind_int64 (self->add_source, 1, n);
  sqlite3_bind_text (self->add_source, 2, model, -1, SQLITE_TRANSIENT);
  sqlite3_bind_text (self->add_source, 3, name, -1, SQLITE_TRANSIENT);
  sqlite3_bind_int (self->add_source, 4, layer);
  if (!steer_label_run (self->db, self->add_source, error))
    return 0;
  g_hash_table_insert (self->sources, g_steal_pointer (&key), GSIZE_TO_POINTER ((gsize) n));
  return n;
}

static void
bind_known (sqlite3_stmt *statement, int at, double value, gboolean known)
{
  if (known)
    sqlite3_bind_double (statement, at, value);
  else
    sqlite3_bind_null (statement, at);
}

static gboolean
add_row (Import *self, const SteerLabelRow *row, GError **error)
{
  gboolean has_label = row->label != NULL && *row->label != '\0';
  gboolean has_numbers = row->density >= 0.0 || row->activation > 0.0;
  gint64 n;

  if (!row->has_index || (row->source == NULL && self->source == NULL)
      || (!has_label && !has_numbers && row->example == NULL))
    {
      self->result->n_passed_over++;
      return TRUE;
    }
  n = find_source (self, row, error);
  if (n == 0)
    return FALSE;
  if (has_label || has_numbers)
    {
      sqlite3_bind_int64 (self->add_row, 1, n);
      sqlite3_bind_int64 (self->add_row, 2, (gint64) row->index);
      sqlite3_bind_text (self->add_row, 3, has_label ? row->label : NULL, -1, SQLITE_STATIC);
      bind_known (self->add_row, 4, row->density, row->density >= 0.0);
      bind_known (self->add_row, 5, row->activation, row->activation > 0.0);
      if (!steer_label_run (self->db, self->add_row, error))
        return FALSE;
      self->result->n_features += has_numbers;
    }
  if (row->example != NULL)
    {
      sqlite3_bind_int64 (self->add_example, 1, n);
      sqlite3_bind_int64 (self->add_example, 2, (gint64) row->index);
      sqlite3_bind_double (self->add_example, 3, row->value);
      sqlite3_bind_text (self->add_example, 4, row->example, -1, SQLITE_STATIC);
      if (!steer_label_run (self->db, self->add_example, error))
        return FALSE;
      self->result->n_examples++;
    }
  return TRUE;
}

static gboolean
take_line (const char *line, gsize length, const char *name, gpointer data, GError **error)
{
  g_auto (SteerLabelRow) row = { 0 };

  return steer_label_row_read (&row, line, length, name, error) && add_row (data, &row, error);
}

static gboolean
begin (Import *self, GError **error)
{
  if (!steer_label_execute (self->db, gathering, error))
    return FALSE;
  self->add_source
    = steer_label_prepare (self->db, "INSERT INTO new_source (n, model, name, layer) VALUES (?, ?, ?, ?)", error);
  self->add_row
    = steer_label_prepare (self->db,
                           "INSERT INTO new_feature (n, feature, text, density, activation) "
                           "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                           "text = ifnull (text, excluded.text), density = ifnull (excluded.density, density),"
                           "activation = ifnull (excluded.activation, activation)",
                           error);
  self->add_example
    = steer_label_prepare (self->db, "INSERT INTO new_example (n, feature, value, text) VALUES (?, ?, ?, ?)", error);
  return self->add_source != NULL && self->add_row != NULL && self->add_example != NULL;
}

static gboolean
count (Import *self, const char *sql, guint64 *number, GError **error)
{
  g_autoptr (sqlite3_stmt) statement = steer_label_prepare (self->db, sql, error);

  if (statement == NULL)
    return FALSE;
  if (sqlite3_step (statement) != SQLITE_ROW)
    return steer_label_fail (self->db, self->cancellable, error);
  *number = (guint64) sqlite3_column_int64 (statement, 0);
  return TRUE;
}

/* Statement by statement, so that progress can be told between them; a cancellable stops each. */
static gboolean
put_in (Import *self, GError **error)
{
  const char *sql = transfer;
  guint64 newest = 0;

  steer_label_watch (self->db, self->cancellable);
  while (*sql != '\0')
    {
      g_autoptr (sqlite3_stmt) statement = NULL;

      if (sqlite3_prepare_v2 (self->db, sql, -1, &statement, &sql) != SQLITE_OK
          || (statement != NULL && sqlite3_step (statement) != SQLITE_DONE))
        return steer_label_fail (self->db, self->cancellable, error);
      tell (self, READING_SHARE + (1.0 - READING_SHARE) * (double) (sql - transfer) / (double) strlen (transfer));
    }
  if (!count (self, "SELECT count (*) FROM arriving WHERE text IS NOT NULL", &self->result->n_labels, error)
      || !count (self, "SELECT ifnull (max (id), 0) FROM source", &newest, error))
    return FALSE;
  if (newest > STEER_LABEL_MAX_SOURCE)
    {
      g_set_error (error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_STORE,
                   "the database holds labels of %d SAEs, as many as it can: remove some first",
                   STEER_LABEL_MAX_SOURCE);
      return FALSE;
    }
  if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  steer_label_watch (self->db, NULL); /* what is complete is kept */
  return steer_label_execute (self->db, "COMMIT", error);
}

gboolean
steer_label_store_import (SteerLabelStore *self,
                          const char *path,
                          const char *model,
                          const char *source,
                          SteerLabelImport *result,
                          SteerLabelProgressFunc progress,
                          gpointer progress_data,
                          GCancellable *cancellable,
                          GError **error)
{
  SteerLabelImport counts = { 0 };
  Import import = { .model = model,
                    .source = source,
                    .result = &counts,
                    .progress = progress,
                    .progress_data = progress_data,
                    .cancellable = cancellable };
  GError *local = NULL;
  gboolean done;

  g_return_val_if_fail (STEER_IS_LABEL_STORE (self) && path != NULL, FALSE);

  /* Its temporary tables, and a transaction that failed, go with the connection. */
  import.db = steer_label_store_open_connection (self, error);
  if (import.db == NULL)
    return FALSE;
  import.sources = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  done = begin (&import, &local)
         && steer_label_files_read (path, take_line, on_read, &import, &counts.n_files, cancellable, &local)
         && put_in (&import, &local);
  sqlite3_finalize (import.add_source);
  sqlite3_finalize (import.add_row);
  sqlite3_finalize (import.add_example);
  sqlite3_close (import.db);
  g_hash_table_unref (import.sources);
  if (result != NULL)
    *result = counts;
  if (!done)
    g_propagate_error (error, local);
  else if (progress != NULL)
    progress (1.0, progress_data);
  return done;
}
