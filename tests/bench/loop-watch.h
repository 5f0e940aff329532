#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Measures the main loop of the main context, which must be the calling thread's, and the frames of all of its windows.
 *
 * A turn begins when the loop has something to do and ends when it waits again; whatever happens in between, frames
 * included, holds up every key and every token. Of what the thread computes in a turn, the layout and the painting of
 * frames are GTK's and are told apart from the rest, which is the program's own. */

/* Computed longer than this, a turn is a long one. */
#define LOOP_WATCH_LIMIT_MS 16.0

/* @verbose: every turn that is long by the clock is named on standard error, with the time in which the thread was
 * ready but had no core, and with its end on the monotonic clock, by which perf(1) can tell what it did (-k
 * CLOCK_MONOTONIC). To be called once, after GTK is there. */
void loop_watch_start (gboolean verbose);

/* @name must outlive the phase. */
void loop_watch_begin_phase (const char *name);

/* Prints a row of the table that loop_watch_print_head() begins. */
void loop_watch_end_phase (void);

void loop_watch_print_head (void);

/* The phase that runs. */
const char *loop_watch_get_phase (void);

G_END_DECLS
