#pragma once

#include <gtk/gtk.h>

#include "steer-text-style.h"

G_BEGIN_DECLS

typedef enum
{
  STEER_RICH_BOLD = 1 << 0,
  STEER_RICH_ITALIC = 1 << 1,
  STEER_RICH_CODE = 1 << 2,
} SteerRichFlags;

/* A stretch of formatted text that knows where in its message it stands. */
typedef struct
{
  char *text; /* as it is shown */
  SteerRichFlags flags;
  char *uri;           /* nullable: a link, safe to open */
  gsize source;        /* byte offset in the message's text */
  gsize source_length; /* length of text when the source has the same bytes, else 0 */
} SteerRichSegment;

/* (element-type SteerRichSegment) (transfer full) */
GArray *steer_rich_text_new (void);
/* @literal: whether the source has the same bytes at @source. */
void steer_rich_text_append (GArray *segments,
                             const char *text,
                             gsize length,
                             SteerRichFlags flags,
                             const char *uri,
                             gsize source,
                             gboolean literal);

/**
 * steer_rich_label_new:
 * @segments: (transfer full)
 *
 * A GtkLabel that shows them, marked by the strengths they were written under, with a tooltip that tells these.
 * Nothing in the text is ever taken for markup. Marks follow @style; the text never changes.
 */
GtkWidget *steer_rich_label_new (GArray *segments, SteerTextStyle *style);

/* For a text that still grows: @segments: (transfer full) */
void steer_rich_label_set_segments (GtkLabel *label, GArray *segments);

/* The same for text without format: @text stands at @source of the message. */
GtkWidget *steer_rich_label_new_plain (const char *text, gsize length, gsize source, SteerTextStyle *style);

/* The tooltip for the byte at @source: the strengths in force. NULL when the whole message is not steered. */
char *steer_text_style_dup_tooltip (SteerTextStyle *style, gsize source);

/* The Pango markup of @segments; for tests. */
char *steer_rich_text_to_markup (const GArray *segments, SteerTextStyle *style);

G_END_DECLS
