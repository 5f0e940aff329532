#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Of what works behind a window: beside it on one core, such a thread gets a quarter of the time. */
#define STEER_NICENESS_BEHIND 5

/* So that whoever waits at a window goes first: adds to the niceness of the calling thread, and of threads that it will
 * start. Where the system has no niceness a thread, all stays as it is. Any thread; it cannot be taken back. */
void steer_niceness_add (int niceness);

/* For a thread that works behind the window and is mostly waiting: STEER_NICENESS_BEHIND more, and when it is woken it
 * waits until whoever is running pauses. The window's own thread is, as a rule, who woke it. Not for a model's threads,
 * which wait for each other. */
void steer_niceness_go_behind (void);

/* The threads that GTask and other shared pools lend, in the whole program, do so, and so does GLib's own worker. From
 * the main thread, before there is such a pool. */
void steer_niceness_put_tasks_behind (void);

G_END_DECLS
