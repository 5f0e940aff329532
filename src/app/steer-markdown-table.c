/* Pipe tables, which CommonMark does not have: the rules are those of GitHub's. */
#include <string.h>

#include "steer-markdown.h"

/* Beyond these a table is more widgets than a reader can use; it stays text. */
#define MAX_COLUMNS 32
#define MAX_CELLS 4000

static void
cell_free (gpointer data)
{
  SteerMarkdownCell *cell = data;

  g_free (cell->text);
  g_free (cell);
}

void
steer_markdown_table_free (SteerMarkdownTable *table)
{
  if (table == NULL)
    return;
  g_ptr_array_unref (table->cells);
  g_array_unref (table->alignments);
  g_free (table);
}

/* A stretch of the text. */
typedef struct
{
  gsize start;
  gsize end;
} Span;

static Span
strip (const char *text, Span span)
{
  while (span.start < span.end && g_ascii_isspace (text[span.start]))
    span.start++;
  while (span.end > span.start && g_ascii_isspace (text[span.end - 1]))
    span.end--;
  return span;
}

/* The line that begins at @start, without its break. */
static Span
get_line (const char *text, gsize length, gsize start)
{
  const char *end = memchr (text + start, '\n', length - start);

  return (Span){ start, end != NULL ? (gsize) (end - text) : length };
}

/* (element-type Span): the cells of a line. A backslash keeps a pipe from dividing. NULL when it has no pipe. */
static GArray *
split_row (const char *text, Span line)
{
  g_autoptr (GArray) cells = g_array_new (FALSE, FALSE, sizeof (Span));
  gboolean any_pipe = FALSE;
  Span inner = strip (text, line);
  gsize start;

  if (inner.start < inner.end && text[inner.start] == '|')
    {
      inner.start++;
      any_pipe = TRUE;
    }
  start = inner.start;
  for (gsize i = inner.start; i < inner.end; i++)
    {
      Span cell = { start, i };

      if (text[i] == '\\' && i + 1 < inner.end)
        {
          i++;
          continue;
        }
      if (text[i] != '|')
        continue;
      cell = strip (text, cell);
      g_array_append_val (cells, cell);
      start = i + 1;
      any_pipe = TRUE;
    }
  if (start < inner.end)
    {
      Span cell = strip (text, (Span){ start, inner.end });

      g_array_append_val (cells, cell);
    }
  return any_pipe && cells->len > 0 ? g_steal_pointer (&cells) : NULL;
}

/* ":--", ":-:", "--:" */
static gboolean
parse_alignment (const char *text, Span cell, float *alignment)
{
  gboolean left = cell.start < cell.end && text[cell.start] == ':';
  gboolean right = cell.end > cell.start + 1 && text[cell.end - 1] == ':';
  gsize first = cell.start + (left ? 1 : 0), last = cell.end - (right ? 1 : 0);

  if (first >= last)
    return FALSE;
  for (gsize i = first; i < last; i++)
    {
      if (text[i] != '-')
        return FALSE;
    }
  *alignment = right ? (left ? 0.5f : 1.0f) : 0.0f;
  return TRUE;
}

/* NULL when it is not the line under a table's header. */
static GArray *
parse_delimiters (const char *text, Span line)
{
  g_autoptr (GArray) cells = split_row (text, line);
  g_autoptr (GArray) alignments = g_array_new (FALSE, FALSE, sizeof (float));

  if (cells == NULL || cells->len > MAX_COLUMNS)
    return NULL;
  for (guint i = 0; i < cells->len; i++)
    {
      float alignment;

      if (!parse_alignment (text, g_array_index (cells, Span, i), &alignment))
        return NULL;
      g_array_append_val (alignments, alignment);
    }
  return g_steal_pointer (&alignments);
}

static SteerMarkdownCell *
make_cell (const char *text, Span span)
{
  SteerMarkdownCell *cell = g_new0 (SteerMarkdownCell, 1);
  GString *resolved = g_string_sized_new (span.end - span.start);

  for (gsize i = span.start; i < span.end; i++)
    {
      if (text[i] == '\\' && i + 1 < span.end && text[i + 1] == '|')
        i++;
      g_string_append_c (resolved, text[i]);
    }
  cell->text = g_string_free (resolved, FALSE);
  cell->source = span.start;
  return cell;
}

/* Missing cells are empty, those too many are left out. */
static void
add_row (SteerMarkdownTable *table, const char *text, Span line)
{
  g_autoptr (GArray) cells = split_row (text, line);

  for (guint i = 0; i < table->n_columns; i++)
    {
      Span span = { line.end, line.end };

      if (cells == NULL && i == 0)
        span = strip (text, line);
      else if (cells != NULL && i < cells->len)
        span = g_array_index (cells, Span, i);
      g_ptr_array_add (table->cells, make_cell (text, span));
    }
}

SteerMarkdownTable *
steer_markdown_parse_table (const char *text, gsize length, gsize *start)
{
  for (gsize begin = 0; begin < length;)
    {
      Span header = get_line (text, length, begin);
      Span rule = header.end < length ? get_line (text, length, header.end + 1) : (Span){ 0, 0 };
      g_autoptr (GArray) alignments = header.end < length ? parse_delimiters (text, rule) : NULL;
      g_autoptr (GArray) cells = alignments != NULL ? split_row (text, header) : NULL;
      g_autoptr (SteerMarkdownTable) table = NULL;

      begin = header.end + 1;
      if (cells == NULL || cells->len != alignments->len)
        continue;
      *start = header.start;
      table = g_new0 (SteerMarkdownTable, 1);
      table->n_columns = alignments->len;
      table->alignments = g_steal_pointer (&alignments);
      table->cells = g_ptr_array_new_with_free_func (cell_free);
      add_row (table, text, header);
      for (gsize next = rule.end + 1; next < length;)
        {
          Span line = get_line (text, length, next);
          Span inner = strip (text, line);

          if (inner.start < inner.end)
            add_row (table, text, line);
          if (table->cells->len > MAX_CELLS)
            return NULL;
          next = line.end + 1;
        }
      return g_steal_pointer (&table);
    }
  return NULL;
}
