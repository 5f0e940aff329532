#include "steer-niceness.h"

#include <errno.h>
#include <gio/gio.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

/* On Linux a niceness, and a policy, is a thread's, and the threads it starts inherit it. */
void
steer_niceness_add (int niceness)
{
  id_t thread = (id_t) gettid ();

  if (niceness > 0 && setpriority (PRIO_PROCESS, thread, getpriority (PRIO_PROCESS, thread) + niceness) != 0)
    g_debug ("a thread keeps its priority: %s", g_strerror (errno));
}

void
steer_niceness_go_behind (void)
{
  const struct sched_param none = { 0 };

  steer_niceness_add (STEER_NICENESS_BEHIND);
  if (sched_setscheduler (0, SCHED_BATCH, &none) != 0)
    g_debug ("a thread keeps its scheduling: %s", g_strerror (errno));
}

static gpointer
make_pool (gpointer data)
{
  steer_niceness_go_behind ();
  g_type_ensure (G_TYPE_TASK);
  return NULL;
}

/* GLib gives the threads of shared pools the scheduling of the thread that made the first such pool, which GTask's type
 * does. */
void
steer_niceness_put_tasks_behind (void)
{
  g_thread_join (g_thread_new ("steer-pool", make_pool, NULL));
}
