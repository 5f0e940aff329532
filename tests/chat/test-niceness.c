#include "chat/steer-niceness.h"

#include <gio/gio.h>
#include <sched.h>
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

typedef struct
{
  int niceness;
  int policy;
} Scheduling;

static gpointer
make_scheduling (void)
{
  Scheduling *self = g_new (Scheduling, 1);

  *self = (Scheduling){ get_niceness (), sched_getscheduler (0) };
  return self;
}

static gpointer
go_behind_and_tell (gpointer data)
{
  steer_niceness_go_behind ();
  return make_scheduling ();
}

static void
assert_behind (const Scheduling *scheduling)
{
  g_assert_cmpint (scheduling->niceness, ==, MIN (get_niceness () + STEER_NICENESS_BEHIND, 19));
  g_assert_cmpint (scheduling->policy, ==, SCHED_BATCH);
}

static void
test_behind (void)
{
  int before = sched_getscheduler (0);
  g_autofree Scheduling *in_thread = g_thread_join (g_thread_new ("behind", go_behind_and_tell, NULL));

  assert_behind (in_thread);
  g_assert_cmpint (sched_getscheduler (0), ==, before);
}

static void
tell (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, make_scheduling (), g_free);
}

static void
on_told (GObject *source, GAsyncResult *result, gpointer told)
{
  *(Scheduling **) told = g_task_propagate_pointer (G_TASK (result), NULL);
}

/* Also of the threads that are begun from here later on. */
static void
test_tasks (void)
{
  const Scheduling before = { get_niceness (), sched_getscheduler (0) };

  steer_niceness_put_tasks_behind ();
  g_assert_cmpint (get_niceness (), ==, before.niceness);
  g_assert_cmpint (sched_getscheduler (0), ==, before.policy);
  for (guint i = 0; i < 4; i++)
    {
      g_autofree Scheduling *told = NULL;
      g_autoptr (GTask) task = g_task_new (NULL, NULL, on_told, &told);

      g_task_run_in_thread (task, tell);
      while (told == NULL)
        g_main_context_iteration (NULL, TRUE);
      assert_behind (told);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/niceness/a thread's own is added to", test_own);
  g_test_add_func ("/niceness/a thread behind the window does not take a core from who runs", test_behind);
  g_test_add_func ("/niceness/threads of tasks give way, and the one that asked for it does not", test_tasks);
  return g_test_run ();
}
