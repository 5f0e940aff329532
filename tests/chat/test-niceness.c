#include "chat/steer-niceness.h"

#include <gio/gio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Niceness is a thread's on Linux. */

#define NICENESS 3

static int
get_niceness (void)
{
  return getpriority (PRIO_PROCESS, (id_t) gettid ());
}

static gpointer
add_and_tell (gpointer data)
{
  steer_niceness_add (NICENESS);
  return GINT_TO_POINTER (get_niceness ());
}

static void
test_own (void)
{
  int before = get_niceness ();
  int in_thread = GPOINTER_TO_INT (g_thread_join (g_thread_new ("nice", add_and_tell, NULL)));

  g_assert_cmpint (in_thread, ==, MIN (before + NICENESS, 19));
  g_assert_cmpint (get_niceness (), ==, before);
}

static void
tell (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_int (task, get_niceness ());
}

static void
on_told (GObject *source, GAsyncResult *result, gpointer told)
{
  *(int *) told = (int) g_task_propagate_int (G_TASK (result), NULL);
}

/* Also of the threads that are begun from here later on. */
static void
test_tasks (void)
{
  int before = get_niceness ();

  steer_niceness_add_to_tasks (NICENESS);
  g_assert_cmpint (get_niceness (), ==, before);
  for (guint i = 0; i < 4; i++)
    {
      int told = G_MAXINT;
      g_autoptr (GTask) task = g_task_new (NULL, NULL, on_told, &told);

      g_task_run_in_thread (task, tell);
      while (told == G_MAXINT)
        g_main_context_iteration (NULL, TRUE);
      g_assert_cmpint (told, ==, MIN (before + NICENESS, 19));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/niceness/a thread's own is added to", test_own);
  g_test_add_func ("/niceness/threads of tasks give way, and the one that asked for it does not", test_tasks);
  return g_test_run ();
}
