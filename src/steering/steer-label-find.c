/* What is known of one feature. */
#include "steer-label-private.h"

SteerLabel *
steer_label_read (sqlite3_stmt *statement)
{
  SteerLabel *label = g_new0 (SteerLabel, 1);

  label->source = sqlite3_column_int64 (statement, 0);
  label->model = g_strdup ((const char *) sqlite3_column_text (statement, 1));
  label->source_name = g_strdup ((const char *) sqlite3_column_text (statement, 2));
  label->layer = sqlite3_column_int (statement, 3);
  label->index = (guint64) sqlite3_column_int64 (statement, 4);
  label->label = g_strdup ((const char *) sqlite3_column_text (statement, 5));
  label->by_user = label->source == 0;
  label->density = sqlite3_column_double (statement, 6);
  label->activation = sqlite3_column_double (statement, 7);
  if (label->label == NULL)
    label->label = g_strdup ("");
  return label;
}

/* The first row as a label; NULL without one, or after an error. */
static SteerLabel *
take_first (sqlite3 *db, sqlite3_stmt *statement, GError **error)
{
  int status = sqlite3_step (statement);

  if (status == SQLITE_ROW)
    return steer_label_read (statement);
  if (status != SQLITE_DONE)
    steer_label_fail (db, NULL, error);
  return NULL;
}

/* ?1: layer, ?2: feature, ?3: model or NULL, ?4: source or 0. What the user said of this model is nearer than what was
 * said of any. */
static SteerLabel *
find (sqlite3 *db, int layer, guint64 index, const SteerLabelFilter *filter, GError **error)
{
  static const char *const statements[]
    = { "SELECT " STEER_LABEL_OWN_COLUMNS " FROM own WHERE layer = ?1 AND feature = ?2 "
        "AND (?3 IS NULL OR model IN ('', ?3)) ORDER BY model DESC LIMIT 1",
        "SELECT " STEER_LABEL_COLUMNS
        " FROM source CROSS JOIN feature ON feature.source = source.id AND feature.feature = ?2 "
        "CROSS JOIN label ON label.id = feature.label "
        "WHERE source.layer = ?1 AND (?3 IS NULL OR source.model = ?3) AND (?4 = 0 OR source.id = ?4) "
        "ORDER BY source.id LIMIT 1" };
  SteerLabel *found = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (statements) && found == NULL; i++)
    {
      g_autoptr (sqlite3_stmt) statement = steer_label_prepare (db, statements[i], error);
      GError *local = NULL;

      if (statement == NULL)
        return NULL;
      sqlite3_bind_int (statement, 1, layer);
      sqlite3_bind_int64 (statement, 2, (gint64) index);
      sqlite3_bind_text (statement, 3, filter != NULL ? filter->model : NULL, -1, SQLITE_TRANSIENT);
      if (sqlite3_bind_parameter_count (statement) >= 4)
        sqlite3_bind_int64 (statement, 4, filter != NULL ? filter->source : 0);
      found = take_first (db, statement, &local);
      if (local != NULL)
        {
          g_propagate_error (error, local);
          return NULL;
        }
    }
  return found;
}

SteerLabel *
steer_label_store_find (SteerLabelStore *self, int layer, guint64 index, const SteerLabelFilter *filter, GError **error)
{
  SteerLabel *found;
  sqlite3 *db;

  g_return_val_if_fail (STEER_IS_LABEL_STORE (self), NULL);

  if (index > STEER_LABEL_MAX_FEATURE)
    return NULL;
  db = steer_label_store_connect (self, FALSE, error);
  if (db == NULL)
    return NULL;
  found = find (db, layer, index, filter, error);
  steer_label_store_release (self, db, FALSE);
  return found;
}

SteerLabel *
steer_label_store_find_imported (SteerLabelStore *self, gint64 source, guint64 index, GError **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  SteerLabel *found = NULL;
  sqlite3 *db;

  g_return_val_if_fail (STEER_IS_LABEL_STORE (self), NULL);

  if (index > STEER_LABEL_MAX_FEATURE)
    return NULL;
  db = steer_label_store_connect (self, FALSE, error);
  if (db == NULL)
    return NULL;
  statement = steer_label_prepare (db,
                                   "SELECT " STEER_LABEL_COLUMNS
                                   " FROM feature CROSS JOIN source ON source.id = feature.source "
                                   "CROSS JOIN label ON label.id = feature.label "
                                   "WHERE feature.source = ? AND feature.feature = ?",
                                   error);
  if (statement != NULL)
    {
      sqlite3_bind_int64 (statement, 1, source);
      sqlite3_bind_int64 (statement, 2, (gint64) index);
      found = take_first (db, statement, error);
    }
  g_clear_pointer (&statement, sqlite3_finalize);
  steer_label_store_release (self, db, FALSE);
  return found;
}

char *
steer_label_store_find_user_label (SteerLabelStore *self,
                                   const char *const *models,
                                   int layer,
                                   guint64 index,
                                   GError **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  char *label = NULL;
  sqlite3 *db;

  g_return_val_if_fail (STEER_IS_LABEL_STORE (self) && models != NULL, NULL);

  if (index > STEER_LABEL_MAX_FEATURE)
    return NULL;
  db = steer_label_store_connect (self, FALSE, error);
  if (db == NULL)
    return NULL;
  statement = steer_label_prepare (db, "SELECT text FROM own WHERE layer = ? AND feature = ? AND model = ?", error);
  for (guint i = 0; statement != NULL && models[i] != NULL && label == NULL; i++)
    {
      int status;

      sqlite3_reset (statement);
      sqlite3_bind_int (statement, 1, layer);
      sqlite3_bind_int64 (statement, 2, (gint64) index);
      sqlite3_bind_text (statement, 3, models[i], -1, SQLITE_TRANSIENT);
      status = sqlite3_step (statement);
      if (status == SQLITE_ROW)
        label = g_strdup ((const char *) sqlite3_column_text (statement, 0));
      else if (status != SQLITE_DONE)
        {
          steer_label_fail (db, NULL, error);
          break;
        }
    }
  g_clear_pointer (&statement, sqlite3_finalize);
  steer_label_store_release (self, db, FALSE);
  return label;
}

GPtrArray *
steer_label_store_list_examples (SteerLabelStore *self, const SteerLabel *label, guint n_most, GError **error)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (g_free);
  sqlite3_stmt *statement;
  sqlite3 *db;
  gboolean listed = FALSE;

  g_return_val_if_fail (STEER_IS_LABEL_STORE (self) && label != NULL, NULL);

  db = steer_label_store_connect (self, FALSE, error);
  if (db == NULL)
    return NULL;
  /* What the user has named may have been imported too. */
  statement
    = steer_label_prepare (db,
                           "SELECT example.text FROM source CROSS JOIN example ON example.source = source.id AND "
                           "example.feature = ?1 WHERE (?2 = 0 AND source.layer = ?3) OR source.id = ?2 "
                           "ORDER BY example.value DESC LIMIT ?4",
                           error);
  if (statement != NULL)
    {
      int status;

      sqlite3_bind_int64 (statement, 1, (gint64) label->index);
      sqlite3_bind_int64 (statement, 2, label->source);
      sqlite3_bind_int (statement, 3, label->layer);
      sqlite3_bind_int64 (statement, 4, n_most);
      while ((status = sqlite3_step (statement)) == SQLITE_ROW)
        g_ptr_array_add (list, g_strdup ((const char *) sqlite3_column_text (statement, 0)));
      listed = status == SQLITE_DONE || steer_label_fail (db, NULL, error);
      sqlite3_finalize (statement);
    }
  steer_label_store_release (self, db, FALSE);
  return listed ? g_steal_pointer (&list) : NULL;
}
