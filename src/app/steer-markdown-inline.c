/* Text within a block: emphasis, code, links, each stretch with its place in the source.
 *
 * The parser's own positions of inline text are wrong in later lines of lists and quotations, so a text is looked for
 * in the source behind the text before it: only syntax lies between the two. */
#include "steer-markdown-private.h"

#include <string.h>

#include "steer-transcript-closures.h"

/* Deeper nesting is shown, but not formatted: nobody writes it. */
#define MAX_DEPTH 24

typedef struct
{
  SteerMarkdownSource *source;
  GArray *segments;
} Collector;

/* The length of the entity at the start of @text; 0 when there is none. */
static gsize
measure_entity (const char *text, gsize length)
{
  gsize n = 1;

  if (length < 3 || text[0] != '&')
    return 0;
  while (n < length && n < 40 && (g_ascii_isalnum (text[n]) || text[n] == '#'))
    n++;
  return n > 1 && n < length && text[n] == ';' ? n + 1 : 0;
}

/* A text that stands in the source with escapes or entities in it: character by character. */
static void
append_aligned (Collector *self, const char *text, SteerRichFlags flags, const char *uri)
{
  SteerMarkdownSource *source = self->source;
  gsize position = source->cursor;

  while (*text != '\0')
    {
      gsize n = 0;
      gsize entity;

      while (position < source->length && text[0] != source->text[position]
             && measure_entity (source->text + position, source->length - position) == 0)
        position++;
      if (position == source->length)
        {
          steer_rich_text_append (self->segments, text, strlen (text), flags, uri, source->base + source->cursor,
                                  FALSE);
          return;
        }
      entity = measure_entity (source->text + position, source->length - position);
      if (entity > 0)
        n = (gsize) (g_utf8_next_char (text) - text);
      else
        while (text[n] != '\0' && position + n < source->length && text[n] == source->text[position + n]
               && (n == 0 || text[n] != '&'))
          n++;
      /* Bytes of one character stay together. */
      while (((guchar) text[n] & 0xc0) == 0x80)
        n++;
      steer_rich_text_append (self->segments, text, n, flags, uri, source->base + position, entity == 0);
      position += entity > 0 ? entity : n;
      source->cursor = position = MIN (position, source->length);
      text += n;
    }
}

static void
append_text (Collector *self, const char *text, SteerRichFlags flags, const char *uri)
{
  SteerMarkdownSource *source = self->source;
  gsize length = text != NULL ? strlen (text) : 0;
  const char *hit;

  if (length == 0)
    return;
  hit = g_strstr_len (source->text + source->cursor, (gssize) (source->length - source->cursor), text);
  if (hit != NULL)
    {
      gsize offset = (gsize) (hit - source->text);

      steer_rich_text_append (self->segments, text, length, flags, uri, source->base + offset, TRUE);
      source->cursor = offset + length;
    }
  else
    append_aligned (self, text, flags, uri);
}

static void collect (Collector *self, cmark_node *parent, SteerRichFlags flags, const char *uri, guint depth);

static void
collect_link (Collector *self, cmark_node *node, SteerRichFlags flags, const char *uri, guint depth)
{
  const char *target = cmark_node_get_url (node);

  collect (self, node, flags, steer_transcript_is_safe_uri (target) ? target : uri, depth);
}

/* Its description, as a link to where it is: nothing is loaded. */
static void
collect_image (Collector *self, cmark_node *node, SteerRichFlags flags, guint depth)
{
  const char *target = cmark_node_get_url (node);
  const char *uri = steer_transcript_is_safe_uri (target) ? target : NULL;

  if (cmark_node_first_child (node) == NULL)
    append_text (self, uri, flags, uri);
  collect (self, node, flags | STEER_RICH_ITALIC, uri, depth);
}

static void
append_leaf (Collector *self, cmark_node *node, SteerRichFlags flags, const char *uri)
{
  switch (cmark_node_get_type (node))
    {
    case CMARK_NODE_TEXT:
    case CMARK_NODE_HTML_INLINE:
    case CMARK_NODE_CUSTOM_INLINE:
      append_text (self, cmark_node_get_literal (node), flags, uri);
      break;
    case CMARK_NODE_CODE:
      append_text (self, cmark_node_get_literal (node), flags | STEER_RICH_CODE, uri);
      break;
    case CMARK_NODE_SOFTBREAK:
    case CMARK_NODE_LINEBREAK:
      append_text (self, "\n", flags, uri);
      break;
    default:
      break;
    }
}

/* All that is below @node, as what is around it: an iterator goes to any depth. */
static void
collect_unformatted (Collector *self, cmark_node *node, SteerRichFlags flags, const char *uri)
{
  cmark_iter *iter = cmark_iter_new (node);

  while (cmark_iter_next (iter) != CMARK_EVENT_DONE)
    append_leaf (self, cmark_iter_get_node (iter), flags, uri);
  cmark_iter_free (iter);
}

static void
collect (Collector *self, cmark_node *parent, SteerRichFlags flags, const char *uri, guint depth)
{
  for (cmark_node *node = cmark_node_first_child (parent); node != NULL; node = cmark_node_next (node))
    {
      if (depth >= MAX_DEPTH)
        {
          collect_unformatted (self, node, flags, uri);
          continue;
        }
      switch (cmark_node_get_type (node))
        {
        case CMARK_NODE_EMPH:
          collect (self, node, flags | STEER_RICH_ITALIC, uri, depth + 1);
          break;
        case CMARK_NODE_STRONG:
          collect (self, node, flags | STEER_RICH_BOLD, uri, depth + 1);
          break;
        case CMARK_NODE_LINK:
          collect_link (self, node, flags, uri, depth + 1);
          break;
        case CMARK_NODE_IMAGE:
          collect_image (self, node, flags, depth + 1);
          break;
        default:
          append_leaf (self, node, flags, uri);
          break;
        }
    }
}

GArray *
steer_markdown_collect_inlines (SteerMarkdownSource *source, cmark_node *node)
{
  Collector collector = { source, steer_rich_text_new () };

  collect (&collector, node, 0, NULL, 0);
  return collector.segments;
}

GArray *
steer_markdown_parse_inlines (const char *text, gsize length, gsize base)
{
  SteerMarkdownSource source = { .text = text, .length = length, .base = base };
  cmark_node *document = cmark_parse_document (text, length, CMARK_OPT_DEFAULT | CMARK_OPT_VALIDATE_UTF8);
  GArray *segments;
  cmark_node *paragraph = cmark_node_first_child (document);

  if (paragraph != NULL && cmark_node_get_type (paragraph) == CMARK_NODE_PARAGRAPH
      && cmark_node_next (paragraph) == NULL)
    segments = steer_markdown_collect_inlines (&source, paragraph);
  else
    {
      /* "1." or "# x" in a cell is no list and no heading there. */
      segments = steer_rich_text_new ();
      if (length > 0)
        steer_rich_text_append (segments, text, length, 0, NULL, base, TRUE);
    }
  cmark_node_free (document);
  return segments;
}
