#pragma once

#include <gtk/gtk.h>

#include "steer-text-style.h"

G_BEGIN_DECLS

/**
 * steer_markdown_append_blocks:
 * @box: a vertical box that the blocks are appended to
 * @source: [length] Markdown, valid UTF-8, part of a message's text
 * @base: where @source begins in that text
 *
 * Adds one widget for each block: headings, paragraphs, lists, quotations, tables, code with a copy button, rules.
 * CommonMark with pipe tables; line breaks are kept. HTML is shown as text, images as their description. Nothing is
 * loaded, nothing in the text is taken for Pango markup, and only links that steer_transcript_is_safe_uri() knows are
 * links. The widgets never change afterwards but for their marks.
 */
void steer_markdown_append_blocks (GtkBox *box, const char *source, gsize length, gsize base, SteerTextStyle *style);

/* How many bytes at the start of @text are blocks that nothing which follows can change; 0: none yet. */
gsize steer_markdown_find_boundary (const char *text, gsize length);

/* A table of pipes. */
typedef struct
{
  guint n_columns;
  GPtrArray *cells;   /* (element-type SteerMarkdownCell) [n_rows * n_columns], the header's row first */
  GArray *alignments; /* float [n_columns]: 0 left, 0.5 middle, 1 right */
} SteerMarkdownTable;

typedef struct
{
  char *text;   /* with escaped pipes resolved */
  gsize source; /* byte offset of the cell in what was parsed */
} SteerMarkdownCell;

/**
 * steer_markdown_parse_table:
 * @text: [length] the lines of a paragraph
 * @start: (out): where the table begins: a paragraph may stand before it
 *
 * NULL when there is none. A table takes all lines that follow it.
 */
SteerMarkdownTable *steer_markdown_parse_table (const char *text, gsize length, gsize *start);
void steer_markdown_table_free (SteerMarkdownTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerMarkdownTable, steer_markdown_table_free)

/* (element-type SteerRichSegment) (transfer full): @source, a line or paragraph, as formatted text. */
GArray *steer_markdown_parse_inlines (const char *source, gsize length, gsize base);

G_END_DECLS
