#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerThreadPool:
 *
 * A team of threads that works off the items of one job after another. The items of a job are claimed one by one by
 * whoever is free, so a core that is slow or busy with something else holds nobody up; hence a job's result must not
 * depend on which thread does which item, or in which order. Between jobs the threads spin for a moment, because the
 * next job of a forward pass comes within microseconds, and then sleep.
 *
 * The thread that calls run() is the team's thread 0. One thread at a time may use a pool.
 */
typedef struct _SteerThreadPool SteerThreadPool;

/* @item: 0 .. n_items - 1; @thread: 0 .. n_threads - 1, for picking a work area */
typedef void (*SteerThreadFunc) (gpointer data, guint item, guint thread);

#define STEER_THREAD_POOL_MAX 256

/* @n_threads: 0: one a usable physical core; at most STEER_THREAD_POOL_MAX. A thread that the system refuses is done
 * without. Never NULL. */
SteerThreadPool *steer_thread_pool_new (guint n_threads);
void steer_thread_pool_free (SteerThreadPool *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerThreadPool, steer_thread_pool_free)

guint steer_thread_pool_get_n_threads (SteerThreadPool *self);

/* Returns when all items are done; what they wrote is then visible to the caller. */
void steer_thread_pool_run (SteerThreadPool *self, guint n_items, SteerThreadFunc func, gpointer data);

G_END_DECLS
