#include "steer-niceness.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/resource.h>
#include <unistd.h>

/* On Linux a niceness is a thread's, and the threads it starts inherit it. */
void
steer_niceness_add (int niceness)
{
  id_t thread = (id_t) gettid ();

  if (niceness > 0 && setpriority (PRIO_PROCESS, thread, getpriority (PRIO_PROCESS, thread) + niceness) != 0)
    g_debug ("a thread keeps its priority: %s", g_strerror (errno));
}

static gpointer
make_pool (gpointer data)
{
  steer_niceness_add (GPOINTER_TO_INT (data));
  g_type_ensure (G_TYPE_TASK);
  return NULL;
}

/* GLib gives the threads of shared pools the scheduling of the thread that made the first such pool, which GTask's type
 * does. */
void
steer_niceness_add_to_tasks (int niceness)
{
  g_thread_join (g_thread_new ("steer-pool", make_pool, GINT_TO_POINTER (niceness)));
}
