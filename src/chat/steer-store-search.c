/* Full-text search: what a person types as a query that cannot break, and the hits as entries. */
#include "steer-store-private.h"

#include <string.h>

/* Nobody reads further. */
#define MAX_RESULTS 100

/* Longer queries are pasted text, not a search; their first words find it. */
#define MAX_WORDS 16

/* Each word as a quoted string that matches as a prefix: FTS5's operators have no meaning inside quotes. */
static char *
make_expression (const char *query)
{
  g_autofree char *valid = g_utf8_make_valid (query, -1);
  g_auto (GStrv) words = g_strsplit_set (valid, " \t\r\n\v\f", -1);
  GString *expression = g_string_new (NULL);
  guint n_words = 0;

  for (guint i = 0; words[i] != NULL && n_words < MAX_WORDS; i++)
    {
      if (*words[i] == '\0')
        continue;
      g_string_append (expression, n_words > 0 ? " \"" : "\"");
      for (const char *p = words[i]; *p != '\0'; p++)
        {
          if (*p == '"')
            g_string_append_c (expression, '"');
          g_string_append_c (expression, *p);
        }
      g_string_append (expression, "\"*");
      n_words++;
    }
  return g_string_free (expression, FALSE);
}

/* A message may hold the bytes that mark a hit, so the query marks with words of chance, exchanged afterwards. */
static char *
mark_hits (const char *text, const char *open, const char *close)
{
  GString *marked = g_string_new (text);

  for (gsize i = 0; i < marked->len; i++)
    {
      if (marked->str[i] == '\001' || marked->str[i] == '\002' || marked->str[i] == '\n' || marked->str[i] == '\r'
          || marked->str[i] == '\t')
        marked->str[i] = ' ';
    }
  g_string_replace (marked, open, "\001", 0);
  g_string_replace (marked, close, "\002", 0);
  return g_string_free (marked, FALSE);
}

GListStore *
steer_reader_search (SteerReader *self, const char *query, GError **error)
{
  g_autoptr (GListStore) results = g_list_store_new (STEER_TYPE_CHAT_ENTRY);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  g_autofree char *expression = make_expression (query);
  g_autofree char *open = g_strdup_printf ("<%08x%08x<", g_random_int (), g_random_int ());
  g_autofree char *close = g_strdup_printf (">%08x%08x>", g_random_int (), g_random_int ());
  sqlite3_stmt *statement = self->search;
  int status = SQLITE_DONE;

  if (*expression == '\0')
    return g_steal_pointer (&results);
  sqlite3_bind_text (statement, 1, expression, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 2, open, -1, SQLITE_STATIC);
  sqlite3_bind_text (statement, 3, close, -1, SQLITE_STATIC);
  while (g_hash_table_size (seen) < MAX_RESULTS && (status = sqlite3_step (statement)) == SQLITE_ROW)
    {
      gint64 id = sqlite3_column_int64 (statement, 0);
      g_autofree char *title = steer_store_dup_column (statement, 1);
      g_autofree char *hit = steer_store_dup_column (statement, 3);
      g_autofree char *marked = mark_hits (hit != NULL ? hit : "", open, close);
      g_autoptr (SteerChatEntry) entry = NULL;

      if (!g_hash_table_add (seen, g_memdup2 (&id, sizeof id)))
        continue;
      entry = steer_chat_entry_new (id, title != NULL ? title : "", marked, sqlite3_column_int64 (statement, 2));
      steer_chat_entry_set_hit (entry, MAX (sqlite3_column_int64 (statement, 4), 0));
      g_list_store_append (results, entry);
    }
  if (status != SQLITE_DONE && status != SQLITE_ROW)
    {
      steer_store_set_error (self->db, "searched", error);
      g_clear_object (&results);
    }
  sqlite3_reset (statement);
  sqlite3_clear_bindings (statement);
  return g_steal_pointer (&results);
}
