#pragma once

#include <cmark.h>

#include "steer-markdown.h"
#include "steer-rich-label.h"

G_BEGIN_DECLS

/* The source of a document, and where the search for the next text in it begins. */
typedef struct
{
  const char *text;
  gsize length;
  gsize base;    /* of @text in the message */
  GArray *lines; /* gsize: where each line begins, and the length at the end */
  gsize cursor;  /* texts are met in order, so each is looked for after the last */
  SteerTextStyle *style;
} SteerMarkdownSource;

/* (element-type SteerRichSegment) (transfer full): the inline children of @node. */
GArray *steer_markdown_collect_inlines (SteerMarkdownSource *source, cmark_node *node);

/* The bytes of @node's lines; *end is behind the last line's break. */
void steer_markdown_get_extent (const SteerMarkdownSource *source, cmark_node *node, gsize *start, gsize *end);

/* A block of code with its language and a button that copies it. */
GtkWidget *steer_code_block_new (const char *code,
                                 gsize length,
                                 const char *language,
                                 gsize source,
                                 gboolean literal,
                                 SteerTextStyle *style);

G_END_DECLS
