/* Blocks of Markdown as widgets. */
#include "steer-aside-layout.h"
#include "steer-markdown-private.h"

#include <glib/gi18n.h>
#include <string.h>

/* Deeper lists and quotations are shown as they were written. */
#define MAX_DEPTH 12

/* A label of more than this is slow to lay out; a paragraph is cut at its lines. */
#define MAX_LABEL_BYTES 6000

static void append_children (GtkBox *box, SteerMarkdownSource *source, cmark_node *parent, guint depth);

static GArray *
index_lines (const char *text, gsize length)
{
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (gsize));
  gsize start = 0;

  g_array_append_val (lines, start);
  for (gsize i = 0; i < length; i++)
    {
      /* The parser takes a lone carriage return for a line's end too. */
      if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == length || text[i + 1] != '\n')))
        {
          start = i + 1;
          g_array_append_val (lines, start);
        }
    }
  g_array_append_val (lines, length);
  return lines;
}

static gsize
get_line_start (const SteerMarkdownSource *source, int line)
{
  guint index = (guint) CLAMP (line - 1, 0, (int) source->lines->len - 1);

  return g_array_index (source->lines, gsize, index);
}

void
steer_markdown_get_extent (const SteerMarkdownSource *source, cmark_node *node, gsize *start, gsize *end)
{
  *start = get_line_start (source, cmark_node_get_start_line (node));
  *end = MAX (get_line_start (source, cmark_node_get_end_line (node) + 1), *start);
}

static void
add_label (GtkBox *box, GArray *segments, SteerTextStyle *style)
{
  gtk_box_append (box, steer_rich_label_new (segments, style));
}

/* Long ones as several labels, cut between segments, which are lines or stretches of one format. */
static void
append_text (GtkBox *box, SteerMarkdownSource *source, GArray *segments)
{
  g_autoptr (GArray) all = segments;
  GArray *part = steer_rich_text_new ();
  gsize length = 0;

  for (guint i = 0; i < all->len; i++)
    {
      SteerRichSegment *segment = &g_array_index (all, SteerRichSegment, i);
      gboolean is_break = strcmp (segment->text, "\n") == 0;

      if (is_break && length > MAX_LABEL_BYTES)
        {
          add_label (box, part, source->style);
          part = steer_rich_text_new ();
          length = 0;
          continue;
        }
      length += strlen (segment->text);
      g_array_append_val (part, *segment);
      /* Moved, not copied. */
      memset (segment, 0, sizeof *segment);
    }
  if (part->len > 0)
    add_label (box, part, source->style);
  else
    g_array_unref (part);
}

static GtkWidget *
make_table (SteerMarkdownSource *source, const SteerMarkdownTable *table, gsize start)
{
  GtkWidget *grid = gtk_grid_new ();
  GtkWidget *scrolled = gtk_scrolled_window_new ();

  gtk_widget_add_css_class (grid, "message-table");
  for (guint i = 0; i < table->cells->len; i++)
    {
      const SteerMarkdownCell *cell = g_ptr_array_index (table->cells, i);
      float alignment = g_array_index (table->alignments, float, i % table->n_columns);
      GtkWidget *label = steer_rich_label_new (
        steer_markdown_parse_inlines (cell->text, strlen (cell->text), source->base + start + cell->source),
        source->style);

      gtk_label_set_xalign (GTK_LABEL (label), alignment);
      gtk_label_set_max_width_chars (GTK_LABEL (label), 40);
      gtk_label_set_yalign (GTK_LABEL (label), 0.0f);
      gtk_widget_add_css_class (label, i < table->n_columns ? "table-header" : "table-cell");
      gtk_grid_attach (GTK_GRID (grid), label, (int) (i % table->n_columns), (int) (i / table->n_columns), 1, 1);
    }
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_AUTOMATIC, GTK_POLICY_NEVER);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_scrolled_window_set_propagate_natural_width (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), grid);
  gtk_widget_set_halign (scrolled, GTK_ALIGN_START);
  gtk_widget_add_css_class (scrolled, "message-table-frame");
  return scrolled;
}

/* A paragraph may hold a table, with or without text before it. */
static void
append_paragraph (GtkBox *box, SteerMarkdownSource *source, cmark_node *node)
{
  gsize start, end, table_start = 0;
  g_autoptr (SteerMarkdownTable) table = NULL;

  steer_markdown_get_extent (source, node, &start, &end);
  if (memchr (source->text + start, '|', end - start) != NULL)
    table = steer_markdown_parse_table (source->text + start, end - start, &table_start);
  if (table == NULL)
    {
      append_text (box, source, steer_markdown_collect_inlines (source, node));
      return;
    }
  if (table_start > 0)
    append_text (box, source,
                 steer_markdown_parse_inlines (source->text + start, table_start - 1, source->base + start));
  gtk_box_append (box, make_table (source, table, start));
  source->cursor = end;
}

static void
append_heading (GtkBox *box, SteerMarkdownSource *source, cmark_node *node)
{
  static const char *const classes[] = { "heading-1", "heading-2", "heading-3", "heading-4", "heading-4", "heading-4" };
  GtkWidget *label = steer_rich_label_new (steer_markdown_collect_inlines (source, node), source->style);
  int level = CLAMP (cmark_node_get_heading_level (node), 1, 6);

  gtk_widget_add_css_class (label, classes[level - 1]);
  gtk_box_append (box, label);
}

static void
append_code (GtkBox *box, SteerMarkdownSource *source, cmark_node *node)
{
  g_autofree char *code = g_strdup (cmark_node_get_literal (node));
  const char *language = cmark_node_get_fence_info (node);
  gsize length = code != NULL ? strlen (code) : 0;
  const char *hit;
  gsize start, end;

  /* The last line's break is the fence's. */
  if (length > 0 && code[length - 1] == '\n')
    code[--length] = '\0';
  steer_markdown_get_extent (source, node, &start, &end);
  hit = length > 0 ? g_strstr_len (source->text + start, (gssize) (end - start), code) : NULL;
  gtk_box_append (box, steer_code_block_new (code, length, language,
                                             source->base + (hit != NULL ? (gsize) (hit - source->text) : start),
                                             hit != NULL, source->style));
  source->cursor = MAX (source->cursor, end);
}

/* As it was written. */
static void
append_source (GtkBox *box, SteerMarkdownSource *source, cmark_node *node)
{
  gsize start, end;

  steer_markdown_get_extent (source, node, &start, &end);
  while (end > start && g_ascii_isspace (source->text[end - 1]))
    end--;
  gtk_box_append (box,
                  steer_rich_label_new_plain (source->text + start, end - start, source->base + start, source->style));
  source->cursor = MAX (source->cursor, end);
}

static void
append_quote (GtkBox *box, SteerMarkdownSource *source, cmark_node *node, guint depth)
{
  GtkWidget *quote = gtk_box_new (GTK_ORIENTATION_VERTICAL, 8);

  gtk_widget_add_css_class (quote, "message-quote");
  append_children (GTK_BOX (quote), source, node, depth + 1);
  gtk_box_append (box, quote);
}

static GtkWidget *
make_marker (cmark_node *list, int number, guint depth)
{
  static const char *const bullets[] = { "•", "◦", "▪" };
  gboolean ordered = cmark_node_get_list_type (list) == CMARK_ORDERED_LIST;
  g_autofree char *text
    = ordered ? g_strdup_printf ("%d.", number) : g_strdup (bullets[depth % G_N_ELEMENTS (bullets)]);
  GtkWidget *marker = gtk_label_new (text);

  gtk_widget_set_valign (marker, GTK_ALIGN_START);
  gtk_label_set_xalign (GTK_LABEL (marker), 1.0f);
  gtk_widget_add_css_class (marker, "message-marker");
  gtk_widget_add_css_class (marker, "message-text");
  if (ordered)
    gtk_widget_add_css_class (marker, "numeric");
  return marker;
}

static void
append_list (GtkBox *box, SteerMarkdownSource *source, cmark_node *node, guint depth)
{
  gboolean tight = cmark_node_get_list_tight (node) != 0;
  GtkWidget *list = gtk_box_new (GTK_ORIENTATION_VERTICAL, tight ? 3 : 8);
  g_autoptr (GtkSizeGroup) group = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  int number = cmark_node_get_list_start (node);

  gtk_widget_add_css_class (list, "message-list");
  for (cmark_node *item = cmark_node_first_child (node); item != NULL; item = cmark_node_next (item))
    {
      GtkWidget *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);
      GtkWidget *marker = make_marker (node, number, depth);
      GtkWidget *content = gtk_box_new (GTK_ORIENTATION_VERTICAL, tight ? 3 : 8);

      gtk_widget_set_layout_manager (row, g_object_new (STEER_TYPE_ASIDE_LAYOUT, NULL));
      gtk_size_group_add_widget (group, marker);
      gtk_widget_set_margin_end (marker, 8);
      gtk_widget_set_hexpand (content, TRUE);
      append_children (GTK_BOX (content), source, item, depth + 1);
      gtk_box_append (GTK_BOX (row), marker);
      gtk_box_append (GTK_BOX (row), content);
      gtk_box_append (GTK_BOX (list), row);
      if (number < G_MAXINT)
        number++;
    }
  gtk_box_append (box, list);
}

static void
append_rule (GtkBox *box)
{
  GtkWidget *rule = gtk_separator_new (GTK_ORIENTATION_HORIZONTAL);

  gtk_widget_add_css_class (rule, "message-rule");
  gtk_box_append (box, rule);
}

static void
append_children (GtkBox *box, SteerMarkdownSource *source, cmark_node *parent, guint depth)
{
  for (cmark_node *node = cmark_node_first_child (parent); node != NULL; node = cmark_node_next (node))
    {
      cmark_node_type type = cmark_node_get_type (node);

      if (depth > MAX_DEPTH && (type == CMARK_NODE_LIST || type == CMARK_NODE_BLOCK_QUOTE))
        append_source (box, source, node);
      else if (type == CMARK_NODE_PARAGRAPH)
        append_paragraph (box, source, node);
      else if (type == CMARK_NODE_HEADING)
        append_heading (box, source, node);
      else if (type == CMARK_NODE_LIST)
        append_list (box, source, node, depth);
      else if (type == CMARK_NODE_CODE_BLOCK)
        append_code (box, source, node);
      else if (type == CMARK_NODE_BLOCK_QUOTE)
        append_quote (box, source, node, depth);
      else if (type == CMARK_NODE_THEMATIC_BREAK)
        append_rule (box);
      else
        append_source (box, source, node);
    }
}

void
steer_markdown_append_blocks (GtkBox *box, const char *text, gsize length, gsize base, SteerTextStyle *style)
{
  g_autoptr (GArray) lines = index_lines (text, length);
  SteerMarkdownSource source = { .text = text, .length = length, .base = base, .lines = lines, .style = style };
  cmark_node *document = cmark_parse_document (text, length, CMARK_OPT_DEFAULT | CMARK_OPT_VALIDATE_UTF8);

  append_children (box, &source, document, 0);
  cmark_node_free (document);
}
