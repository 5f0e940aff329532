#pragma once

#include "chat/steer-message.h"

G_BEGIN_DECLS

#define STEER_TYPE_TEXT_STYLE (steer_text_style_get_type ())

/**
 * SteerTextStyle:
 *
 * How strongly each stretch of one message's text is marked, and in which colours: what all labels and the text view
 * of that message share. Main thread.
 *
 * Signal `changed`: degrees or colours are others now; the text is to be marked again.
 */
G_DECLARE_FINAL_TYPE (SteerTextStyle, steer_text_style, STEER, TEXT_STYLE, GObject)

/* @features: (nullable) (element-type SteerFeature): where recommended strengths and norms are looked up. */
SteerTextStyle *steer_text_style_new (SteerMessage *message, GListModel *features);

/* FALSE: every level is 0. */
void steer_text_style_set_show (SteerTextStyle *self, gboolean show);
gboolean steer_text_style_get_show (SteerTextStyle *self);

/* The message got more runs, or is complete. */
void steer_text_style_update (SteerTextStyle *self);

/* What else is known of the byte at @source, for the tooltip: a new string, or NULL. */
typedef char *(*SteerTextDetails) (gsize source, gpointer data);
void steer_text_style_set_details (SteerTextStyle *self, SteerTextDetails details, gpointer data);
char *steer_text_style_dup_details (SteerTextStyle *self, gsize source);

/* The level (0 .. STEER_N_LEVELS - 1) of the byte at @offset of the message's text; *end: where another run begins. */
guint steer_text_style_get_level (SteerTextStyle *self, gsize offset, gsize *end);
/* The run at @offset; NULL beyond the last. Valid until the message changes. */
const SteerTextRun *steer_text_style_get_run (SteerTextStyle *self, gsize offset);

/* "#rrggbb" for an underline of @level, 1 .. STEER_N_LEVELS - 1. */
const char *steer_text_style_get_color (SteerTextStyle *self, guint level);
/* Behind the text, under the underline: the same hue everywhere, and so many percent of it a level. */
#define STEER_TINT "#e66100"
#define STEER_TINT_PERCENT 2

/* For the background of code in a line of text. */
const char *steer_text_style_get_code_color (SteerTextStyle *self);

G_END_DECLS
