/* Finding labels. A query is asked in tiers, from the strictest to the loosest, each of which stops after a few rows:
 * the index hands out the shortest labels first (see steer-label-private.h), so that what is left out would have ranked
 * lower than what is there. */
#include "steer-label-private.h"

#include <string.h>

/* Candidates that a tier hands on for ranking, beyond what is asked for. */
#define SPARE 50
/* A query is cut here; nobody types as much. */
#define MAX_QUERY_BYTES 512

typedef struct
{
  SteerLabel *label;
  guint tier;
  guint likeness; /* 0: it is the query; 1: begins with it; 2: neither */
  glong length;   /* characters */
} Candidate;

static void
candidate_clear (gpointer data)
{
  g_clear_pointer (&((Candidate *) data)->label, steer_label_free);
}

/* One search. */
typedef struct
{
  sqlite3 *db;
  const SteerLabelFilter *filter; /* nullable */
  GCancellable *cancellable;
  char *folded;  /* the query, casefolded */
  char *sources; /* (nullable): "1,4,7": what the filter allows */
  guint n_most;
  GArray *found;     /* Candidate */
  GHashTable *seen;  /* "layer:index:model": named by the user */
  GHashTable *taken; /* rowids that an earlier tier found */
} Search;

static int
bind_filter_layer (const SteerLabelFilter *filter)
{
  return filter != NULL ? filter->layer : -1;
}

static gboolean
is_allowed (const SteerLabelFilter *filter, gint64 source)
{
  if (filter == NULL || filter->sources == NULL)
    return TRUE;
  for (guint i = 0; i < filter->sources->len; i++)
    if (g_array_index (filter->sources, gint64, i) == source)
      return TRUE;
  return FALSE;
}

static gboolean
list_allowed (Search *self, GError **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  g_autoptr (GString) list = g_string_new (NULL);
  int status;

  if (self->filter == NULL
      || (self->filter->model == NULL && self->filter->source == 0 && self->filter->sources == NULL
          && self->filter->layer < 0))
    return TRUE;
  statement = steer_label_prepare (self->db,
                                   "SELECT id FROM source WHERE (?1 IS NULL OR model = ?1) AND (?2 = 0 OR id = ?2) AND "
                                   "(?3 < 0 OR layer = ?3)",
                                   error);
  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, self->filter->model, -1, SQLITE_TRANSIENT);
  sqlite3_bind_int64 (statement, 2, self->filter->source);
  sqlite3_bind_int (statement, 3, self->filter->layer);
  while ((status = sqlite3_step (statement)) == SQLITE_ROW)
    if (is_allowed (self->filter, sqlite3_column_int64 (statement, 0)))
      g_string_append_printf (list, "%s%" G_GINT64_FORMAT, list->len > 0 ? "," : "",
                              (gint64) sqlite3_column_int64 (statement, 0));
  self->sources = g_string_free (g_steal_pointer (&list), FALSE);
  return status == SQLITE_DONE || steer_label_fail (self->db, self->cancellable, error);
}

static char *
make_place (int layer, guint64 index)
{
  return g_strdup_printf ("%d:%" G_GUINT64_FORMAT, layer, index);
}

/* Takes @label. */
static void
add_candidate (Search *self, SteerLabel *label, guint tier)
{
  g_autofree char *folded = g_utf8_casefold (label->label, -1);
  Candidate candidate = { .label = label, .tier = tier, .length = g_utf8_strlen (label->label, -1) };

  candidate.likeness = strcmp (folded, self->folded) == 0 ? 0 : g_str_has_prefix (folded, self->folded) ? 1 : 2;
  g_array_append_val (self->found, candidate);
}

/* Adds what a statement gives, and remembers the places where the user has spoken. */
static gboolean
collect (Search *self, sqlite3_stmt *statement, guint tier, GError **error)
{
  int status;

  while ((status = sqlite3_step (statement)) == SQLITE_ROW)
    {
      SteerLabel *label = steer_label_read (statement);
      g_autofree char *place = make_place (label->layer, label->index);

      if (label->by_user)
        g_hash_table_add (self->seen, g_strdup (place));
      else if (g_hash_table_contains (self->seen, place) || !is_allowed (self->filter, label->source))
        {
          steer_label_free (label);
          continue;
        }
      add_candidate (self, label, tier);
    }
  return status == SQLITE_DONE || steer_label_fail (self->db, self->cancellable, error);
}

static gboolean
search_own (Search *self, const char *match, GError **error)
{
  g_autoptr (sqlite3_stmt) statement
    = steer_label_prepare (self->db,
                           "SELECT " STEER_LABEL_OWN_COLUMNS " FROM own_text CROSS JOIN own ON own.id = own_text.rowid "
                           "WHERE own_text MATCH ?1 AND (?2 < 0 OR own.layer = ?2) "
                           "AND (?3 IS NULL OR own.model = '' OR own.model = ?3) LIMIT ?4",
                           error);

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, match, -1, SQLITE_TRANSIENT);
  sqlite3_bind_int (statement, 2, bind_filter_layer (self->filter));
  sqlite3_bind_text (statement, 3, self->filter != NULL ? self->filter->model : NULL, -1, SQLITE_TRANSIENT);
  sqlite3_bind_int64 (statement, 4, (gint64) self->n_most + SPARE);
  return collect (self, statement, 0, error);
}

/* A feature that the user has named otherwise is not found by what others call it. */
static gboolean
is_renamed (Search *self, sqlite3_stmt *statement, const SteerLabel *label)
{
  gboolean renamed;

  sqlite3_bind_int (statement, 1, label->layer);
  sqlite3_bind_int64 (statement, 2, (gint64) label->index);
  sqlite3_bind_text (statement, 3, label->model, -1, SQLITE_TRANSIENT);
  renamed = sqlite3_step (statement) == SQLITE_ROW;
  sqlite3_reset (statement);
  return renamed;
}

static gboolean
add_rows (Search *self, const GArray *rows, guint tier, GError **error)
{
  g_autoptr (sqlite3_stmt) statement = steer_label_prepare (
    self->db,
    "SELECT " STEER_LABEL_COLUMNS " FROM label CROSS JOIN feature ON feature.source = (label.id >> 32 & "
    "4095) AND feature.feature = (label.id & 4294967295) CROSS JOIN source ON source.id = "
    "feature.source WHERE label.id = ?",
    error);
  g_autoptr (sqlite3_stmt) own = steer_label_prepare (
    self->db, "SELECT 1 FROM own WHERE layer = ? AND feature = ? AND (model = '' OR model = ?)", error);

  if (statement == NULL || own == NULL)
    return FALSE;
  for (guint i = 0; i < rows->len; i++)
    {
      int status;

      sqlite3_bind_int64 (statement, 1, g_array_index (rows, gint64, i));
      status = sqlite3_step (statement);
      if (status == SQLITE_ROW)
        {
          SteerLabel *label = steer_label_read (statement);

          if (is_renamed (self, own, label))
            steer_label_free (label);
          else
            add_candidate (self, label, tier);
        }
      else if (status != SQLITE_DONE)
        return steer_label_fail (self->db, self->cancellable, error);
      sqlite3_reset (statement);
    }
  return TRUE;
}

static gboolean
search_imported (Search *self, const char *match, guint tier, GError **error)
{
  g_autofree char *sql = g_strdup_printf ("SELECT rowid FROM label_text WHERE label_text MATCH ?1 %s%s%s LIMIT ?2",
                                          self->sources != NULL ? "AND (rowid >> 32 & 4095) IN (" : "",
                                          self->sources != NULL ? self->sources : "", self->sources != NULL ? ")" : "");
  g_autoptr (sqlite3_stmt) statement = steer_label_prepare (self->db, sql, error);
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (gint64));
  int status;

  if (statement == NULL)
    return FALSE;
  sqlite3_bind_text (statement, 1, match, -1, SQLITE_TRANSIENT);
  sqlite3_bind_int64 (statement, 2, (gint64) self->n_most + SPARE);
  while ((status = sqlite3_step (statement)) == SQLITE_ROW)
    {
      gint64 row = sqlite3_column_int64 (statement, 0);

      if (g_hash_table_contains (self->taken, &row))
        continue;
      g_hash_table_add (self->taken, g_memdup2 (&row, sizeof row));
      g_array_append_val (rows, row);
    }
  if (status != SQLITE_DONE)
    return steer_label_fail (self->db, self->cancellable, error);
  return add_rows (self, rows, tier, error);
}

/* "15:21576", or a number alone. */
static gboolean
parse_number (const char *query, int *layer, guint64 *index)
{
  g_auto (GStrv) parts = g_strsplit (query, ":", 3);
  guint n = g_strv_length (parts);
  guint64 number;

  *layer = -1;
  if (n == 0 || n > 2
      || !g_ascii_string_to_unsigned (g_strstrip (parts[n - 1]), 10, 0, STEER_LABEL_MAX_FEATURE, index, NULL))
    return FALSE;
  if (n == 1)
    return TRUE;
  if (!g_ascii_string_to_unsigned (g_strstrip (parts[0]), 10, 0, G_MAXUINT16, &number, NULL))
    return FALSE;
  *layer = (int) number;
  return TRUE;
}

static gboolean
search_number (Search *self, int layer, guint64 index, GError **error)
{
  static const char *const statements[]
    = { "SELECT " STEER_LABEL_OWN_COLUMNS " FROM own WHERE (?1 < 0 OR layer = ?1) AND feature = ?2 "
        "AND (?3 IS NULL OR model = '' OR model = ?3) LIMIT ?4",
        "SELECT " STEER_LABEL_COLUMNS
        " FROM source CROSS JOIN feature ON feature.source = source.id AND feature.feature = ?2 "
        "CROSS JOIN label ON label.id = feature.label "
        "WHERE (?1 < 0 OR source.layer = ?1) AND (?3 IS NULL OR source.model = ?3) AND (?5 = 0 OR source.id = ?5) "
        "ORDER BY source.layer LIMIT ?4" };

  if (layer < 0)
    layer = bind_filter_layer (self->filter);
  for (guint i = 0; i < G_N_ELEMENTS (statements); i++)
    {
      g_autoptr (sqlite3_stmt) statement = steer_label_prepare (self->db, statements[i], error);

      if (statement == NULL)
        return FALSE;
      sqlite3_bind_int (statement, 1, layer);
      sqlite3_bind_int64 (statement, 2, (gint64) index);
      sqlite3_bind_text (statement, 3, self->filter != NULL ? self->filter->model : NULL, -1, SQLITE_TRANSIENT);
      sqlite3_bind_int64 (statement, 4, (gint64) self->n_most + SPARE);
      if (sqlite3_bind_parameter_count (statement) >= 5)
        sqlite3_bind_int64 (statement, 5, self->filter != NULL ? self->filter->source : 0);
      if (!collect (self, statement, 0, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_tiers (Search *self, const char *text, GError **error)
{
  g_auto (SteerLabelQuery) query = { 0 };
  g_autofree char *words = NULL;

  steer_label_query_init (&query, text);
  if (query.parts->len == 0)
    return TRUE;
  words = steer_label_query_make_words (&query);
  if (!search_own (self, words, error))
    return FALSE;
  if (!query.has_phrases)
    {
      g_autofree char *closed = steer_label_query_make_phrase (&query, FALSE);
      g_autofree char *open = steer_label_query_make_phrase (&query, TRUE);

      if (!search_imported (self, closed, 1, error)
          || (query.is_open && self->found->len < self->n_most && !search_imported (self, open, 2, error)))
        return FALSE;
    }
  return self->found->len >= self->n_most || search_imported (self, words, 3, error);
}

static int
compare_density (double a, double b)
{
  if (a == b)
    return 0;
  if (a < 0.0 || b < 0.0) /* what is not known comes last */
    return a < 0.0 ? 1 : -1;
  return a < b ? -1 : 1;
}

static int
compare_candidates (gconstpointer a, gconstpointer b)
{
  const Candidate *x = a;
  const Candidate *y = b;
  int density;

  if (x->label->by_user != y->label->by_user)
    return x->label->by_user ? -1 : 1;
  if (x->likeness == 0 || y->likeness == 0)
    if (x->likeness != y->likeness)
      return x->likeness < y->likeness ? -1 : 1;
  if (x->tier != y->tier)
    return x->tier < y->tier ? -1 : 1;
  if (x->likeness != y->likeness)
    return x->likeness < y->likeness ? -1 : 1;
  if (x->length != y->length)
    return x->length < y->length ? -1 : 1;
  density = compare_density (x->label->density, y->label->density);
  if (density != 0)
    return density;
  if (x->label->layer != y->label->layer)
    return x->label->layer < y->label->layer ? -1 : 1;
  return x->label->index < y->label->index ? -1 : x->label->index > y->label->index;
}

static GPtrArray *
take_best (Search *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_label_free);

  g_array_sort (self->found, compare_candidates);
  for (guint i = 0; i < self->found->len && i < self->n_most; i++)
    g_ptr_array_add (list, g_steal_pointer (&g_array_index (self->found, Candidate, i).label));
  return list;
}

static GPtrArray *
search (sqlite3 *db,
        const char *text,
        const SteerLabelFilter *filter,
        guint n_most,
        GCancellable *cancellable,
        GError **error)
{
  Search self = { .db = db, .filter = filter, .cancellable = cancellable, .n_most = n_most };
  GPtrArray *list = NULL;
  guint64 index;
  int layer;
  gboolean done;

  self.folded = g_utf8_casefold (text, -1);
  self.found = g_array_new (FALSE, FALSE, sizeof (Candidate));
  g_array_set_clear_func (self.found, candidate_clear);
  self.seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self.taken = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  done = list_allowed (&self, error)
         && (!parse_number (text, &layer, &index) || search_number (&self, layer, index, error))
         && run_tiers (&self, text, error);
  if (done)
    list = take_best (&self);
  g_hash_table_unref (self.taken);
  g_hash_table_unref (self.seen);
  g_array_unref (self.found);
  g_free (self.sources);
  g_free (self.folded);
  return list;
}

GPtrArray *
steer_label_store_search (SteerLabelStore *self,
                          const char *query,
                          const SteerLabelFilter *filter,
                          guint n_most,
                          GCancellable *cancellable,
                          GError **error)
{
  g_autofree char *text = NULL;
  GPtrArray *list;
  sqlite3 *db;

  g_return_val_if_fail (STEER_IS_LABEL_STORE (self) && query != NULL, NULL);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  text = g_utf8_make_valid (query, (gssize) strnlen (query, MAX_QUERY_BYTES));
  g_strstrip (text);
  db = steer_label_store_connect (self, FALSE, error);
  if (db == NULL)
    return NULL;
  steer_label_watch (db, cancellable);
  list = search (db, text, filter, MIN (n_most, 100000), cancellable, error);
  steer_label_store_release (self, db, FALSE);
  return list;
}
