#pragma once

#include "steer-cli.h"

G_BEGIN_DECLS

/**
 * SteerCliTerminal:
 *
 * The chat's way in and out. Lines are read all the time through the main loop; a reply's text goes to standard output
 * as it comes, everything else to standard error.
 *
 * On a terminal the line being typed and the text being written share the screen: while a reply is written there is no
 * prompt; the first key brings it up on a line of its own and holds the text back until the line is entered or emptied.
 * Elsewhere (a pipe, TERM=dumb) lines are taken as they come.
 */
typedef struct _SteerCliTerminal SteerCliTerminal;

/* Lines are valid UTF-8 without newline, but for pasted text, which may hold some. @end: nothing more will come. */
typedef struct
{
  void (*line) (const char *text, gpointer data);
  void (*end) (gpointer data);
} SteerCliTerminalEvents;

SteerCliTerminal *steer_cli_terminal_new (const SteerCliTerminalEvents *events, gpointer data);
/* Gives the terminal back as it was. */
void steer_cli_terminal_free (SteerCliTerminal *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerCliTerminal, steer_cli_terminal_free)

/* Somebody sits at it: standard input is a terminal. */
gboolean steer_cli_terminal_is_interactive (SteerCliTerminal *self);

/* While reading is off, input waits where it is. Initially off. */
void steer_cli_terminal_set_reading (SteerCliTerminal *self, gboolean reading);

/* A reply is being written: no prompt. Initially so. */
void steer_cli_terminal_set_busy (SteerCliTerminal *self, gboolean busy);

/* A piece of a reply; made safe. FALSE once nobody reads any more. */
gboolean steer_cli_terminal_write (SteerCliTerminal *self, const char *text, gsize length);

/* Ends the reply's last line. */
void steer_cli_terminal_end_reply (SteerCliTerminal *self);

/* A line that stands for itself until anything else is written: how far something is. Only where lines are edited. */
void steer_cli_terminal_set_status (SteerCliTerminal *self, const char *text);

/* Lines for the person, on lines of their own; made safe. */
void steer_cli_terminal_note (SteerCliTerminal *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void steer_cli_terminal_complain (SteerCliTerminal *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Empties the line that is being typed; FALSE when there was nothing. */
gboolean steer_cli_terminal_clear_line (SteerCliTerminal *self);

G_END_DECLS
