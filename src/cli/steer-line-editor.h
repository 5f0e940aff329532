#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerLineEditor:
 *
 * One line of text being typed, with history: what keys do to it, and how it looks. It reads and writes nothing itself
 * but the history file; bytes of a terminal in raw mode go in, a drawing comes out.
 *
 * Keys: arrows, Home, End, Delete, Backspace, Ctrl+A E B F D H K U W P N T and L, Alt+B F and D, Ctrl with the arrows.
 * Pasted text (bracketed paste) may hold newlines, which stay in the line.
 */
typedef struct _SteerLineEditor SteerLineEditor;

typedef enum
{
  STEER_LINE_NONE,   /* all bytes are used; the line may look different now */
  STEER_LINE_DONE,   /* Enter: take it with steer_line_editor_take() */
  STEER_LINE_END,    /* Ctrl+D on an empty line */
  STEER_LINE_REDRAW, /* Ctrl+L: the screen is to be cleared */
} SteerLineEvent;

/* @history: (nullable): a file, made with its folder when the first line is kept. */
SteerLineEditor *steer_line_editor_new (const char *history);
void steer_line_editor_free (SteerLineEditor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerLineEditor, steer_line_editor_free)

/* Uses bytes up to the first event; *@used tells how many. The rest is for the next call. */
SteerLineEvent steer_line_editor_feed (SteerLineEditor *self, const char *bytes, gsize length, gsize *used);

gboolean steer_line_editor_is_empty (SteerLineEditor *self);

/* The line as UTF-8, which is kept in the history; the editor is empty afterwards. Free with g_free(). */
char *steer_line_editor_take (SteerLineEditor *self);

/* Empties it without a trace. */
void steer_line_editor_clear (SteerLineEditor *self);

/**
 * steer_line_editor_draw:
 * @prompt: may hold escape sequences
 * @prompt_columns: how wide it shows
 * @columns: of the terminal
 *
 * What to write to a terminal so that its current row shows prompt and line with the cursor in place. A line that is
 * too long is shown in part, around the cursor. Free with g_free().
 */
char *steer_line_editor_draw (SteerLineEditor *self, const char *prompt, guint prompt_columns, guint columns);

G_END_DECLS
