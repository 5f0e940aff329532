#include "cpu/steer-thread-pool.h"

#include <string.h>

#define N_ITEMS 1000

typedef struct
{
  guint counts[N_ITEMS]; /* how often each item was done */
  guint n_threads;
  gint wrong_thread;
} Job;

static void
count_item (gpointer data, guint item, guint thread)
{
  Job *job = data;

  /* Without an atomic: two threads at one item would be a fault that the counts, or a sanitiser, show. */
  job->counts[item]++;
  if (thread >= job->n_threads)
    g_atomic_int_inc (&job->wrong_thread);
}

static void
check_every_item_once (guint n_threads, guint n_jobs)
{
  g_autoptr (SteerThreadPool) pool = steer_thread_pool_new (n_threads);
  Job job = { .n_threads = steer_thread_pool_get_n_threads (pool) };

  for (guint i = 0; i < n_jobs; i++)
    {
      guint n_items = (guint) g_test_rand_int_range (0, N_ITEMS + 1);

      memset (job.counts, 0, sizeof job.counts);
      steer_thread_pool_run (pool, n_items, count_item, &job);
      for (guint item = 0; item < N_ITEMS; item++)
        g_assert_cmpuint (job.counts[item], ==, item < n_items ? 1 : 0);
    }
  g_assert_cmpint (job.wrong_thread, ==, 0);
}

static void
test_every_item_once (void)
{
  check_every_item_once (0, 2000);
  check_every_item_once (1, 20);
  check_every_item_once (2, 2000);
}

static void
test_more_threads_than_cores (void)
{
  check_every_item_once (13, 200);
}

static void
test_after_sleep (void)
{
  g_autoptr (SteerThreadPool) pool = steer_thread_pool_new (3);
  Job job = { .n_threads = 3 };

  for (guint i = 0; i < 10; i++)
    {
      memset (job.counts, 0, sizeof job.counts);
      steer_thread_pool_run (pool, N_ITEMS, count_item, &job);
      for (guint item = 0; item < N_ITEMS; item++)
        g_assert_cmpuint (job.counts[item], ==, 1);
      g_usleep (3000);
    }
}

/* The slow item comes first; the other thread does everything else meanwhile. */
static void
wait_for_the_others (gpointer data, guint item, guint thread)
{
  gint *n_done = data;
  gint64 end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  if (item == 0)
    while (g_atomic_int_get (n_done) < N_ITEMS - 1 && g_get_monotonic_time () < end)
      g_thread_yield ();
  else
    g_atomic_int_inc (n_done);
  if (item == 0)
    g_assert_cmpint (g_atomic_int_get (n_done), ==, N_ITEMS - 1);
}

static void
test_slow_item (void)
{
  g_autoptr (SteerThreadPool) pool = steer_thread_pool_new (2);
  gint n_done = 0;

  if (steer_thread_pool_get_n_threads (pool) < 2)
    {
      g_test_skip ("the system gives this process no second thread");
      return;
    }
  steer_thread_pool_run (pool, N_ITEMS, wait_for_the_others, &n_done);
  g_assert_cmpint (n_done, ==, N_ITEMS - 1);
}

static void
test_free_unused (void)
{
  steer_thread_pool_free (steer_thread_pool_new (4));
  steer_thread_pool_free (NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cpu/thread pool/every item of every job is done once", test_every_item_once);
  g_test_add_func ("/cpu/thread pool/more threads than cores do the same work", test_more_threads_than_cores);
  g_test_add_func ("/cpu/thread pool/threads that fell asleep take up the next job", test_after_sleep);
  g_test_add_func ("/cpu/thread pool/an item that takes long holds up no other item", test_slow_item);
  g_test_add_func ("/cpu/thread pool/a pool that never ran can be freed", test_free_unused);
  return g_test_run ();
}
