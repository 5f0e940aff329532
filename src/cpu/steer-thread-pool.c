#include "steer-thread-pool.h"

#include <stdatomic.h>

#include "steer-cpu-machine.h"

/* How often an idle thread looks for work before it sleeps: about 100 us, longer than the serial work between two
 * jobs of a forward pass and shorter than a scheduler would notice. */
#define SPIN_ROUNDS 2000

typedef struct
{
  SteerThreadPool *pool;
  guint index; /* 1 .. n_threads - 1 */
  gboolean pin;
  guint cpu;
} Worker;

/* `ticket` holds the job's number of items in its upper half and the next unclaimed item in its lower half. One
 * atomic addition both claims an item and tells whether it was there. A thread that comes late, after the next job
 * was published, thereby gets an item of the new job, and the new job's func and data were written before its ticket.
 * A job is over when `pending` is 0; nobody touches func or data of a job of which it holds no item. */
struct _SteerThreadPool
{
  guint n_threads;
  guint n_spins;
  GThread **threads; /* [n_threads - 1] */
  Worker *workers;   /* [n_threads - 1] */
  SteerThreadFunc func;
  gpointer data;
  GMutex mutex;
  GCond wake; /* workers sleep here */
  GCond done; /* the caller sleeps here */

  char padding_0[STEER_CPU_CACHE_LINE];
  _Atomic guint64 ticket;
  char padding_1[STEER_CPU_CACHE_LINE];
  _Atomic guint pending;
  char padding_2[STEER_CPU_CACHE_LINE];
  _Atomic guint n_sleeping;
  _Atomic gboolean caller_sleeps;
  _Atomic gboolean stop;
};

static inline void
relax (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static inline gboolean
ticket_has_items (guint64 ticket)
{
  return (guint32) ticket < (guint32) (ticket >> 32);
}

static inline gboolean
claim (SteerThreadPool *self, guint *item)
{
  guint64 ticket = atomic_load (&self->ticket);

  /* Looking first keeps idle threads from counting the lower half up without bound. */
  if (!ticket_has_items (ticket))
    return FALSE;
  ticket = atomic_fetch_add (&self->ticket, 1);
  *item = (guint32) ticket;
  return ticket_has_items (ticket);
}

static void
work (SteerThreadPool *self, guint thread)
{
  guint n_done = 0;
  guint item;

  while (claim (self, &item))
    {
      self->func (self->data, item, thread);
      n_done++;
    }
  if (n_done == 0)
    return;
  if (atomic_fetch_sub (&self->pending, n_done) != n_done)
    return;
  if (atomic_load (&self->caller_sleeps))
    {
      g_mutex_lock (&self->mutex);
      g_cond_signal (&self->done);
      g_mutex_unlock (&self->mutex);
    }
}

static gboolean
has_work (SteerThreadPool *self)
{
  return atomic_load (&self->stop) || ticket_has_items (atomic_load (&self->ticket));
}

static void
wait_for_work (SteerThreadPool *self)
{
  for (guint i = 0; i < self->n_spins; i++)
    {
      if (has_work (self))
        return;
      relax ();
    }

  g_mutex_lock (&self->mutex);
  /* Counted before looking once more: run() publishes first and counts afterwards, so one of the two sees the other. */
  atomic_fetch_add (&self->n_sleeping, 1);
  while (!has_work (self))
    g_cond_wait (&self->wake, &self->mutex);
  atomic_fetch_sub (&self->n_sleeping, 1);
  g_mutex_unlock (&self->mutex);
}

static gpointer
run_worker (gpointer data)
{
  Worker *worker = data;
  SteerThreadPool *self = worker->pool;

  if (worker->pin)
    steer_cpu_machine_pin_thread (worker->cpu);
  while (!atomic_load (&self->stop))
    {
      work (self, worker->index);
      wait_for_work (self);
    }
  return NULL;
}

static void
wait_until_done (SteerThreadPool *self)
{
  for (guint i = 0; i < self->n_spins; i++)
    {
      if (atomic_load (&self->pending) == 0)
        return;
      relax ();
    }
  g_mutex_lock (&self->mutex);
  atomic_store (&self->caller_sleeps, TRUE);
  while (atomic_load (&self->pending) != 0)
    g_cond_wait (&self->done, &self->mutex);
  atomic_store (&self->caller_sleeps, FALSE);
  g_mutex_unlock (&self->mutex);
}

static void
run_alone (guint n_items, SteerThreadFunc func, gpointer data)
{
  for (guint i = 0; i < n_items; i++)
    func (data, i, 0);
}

void
steer_thread_pool_run (SteerThreadPool *self, guint n_items, SteerThreadFunc func, gpointer data)
{
  if (self->n_threads == 1 || n_items <= 1)
    {
      run_alone (n_items, func, data);
      return;
    }
  self->func = func;
  self->data = data;
  atomic_store (&self->pending, n_items);
  atomic_store (&self->ticket, (guint64) n_items << 32);
  if (atomic_load (&self->n_sleeping) > 0)
    {
      g_mutex_lock (&self->mutex);
      g_cond_broadcast (&self->wake);
      g_mutex_unlock (&self->mutex);
    }
  work (self, 0);
  wait_until_done (self);
}

guint
steer_thread_pool_get_n_threads (SteerThreadPool *self)
{
  return self->n_threads;
}

SteerThreadPool *
steer_thread_pool_new (guint n_threads)
{
  SteerThreadPool *self = g_new0 (SteerThreadPool, 1);
  g_auto (SteerCpuMachine) machine = { 0 };
  guint n_started = 0;
  gboolean fits;

  steer_cpu_machine_init (&machine);
  if (n_threads == 0)
    n_threads = machine.n_usable;
  n_threads = CLAMP (n_threads, 1, STEER_THREAD_POOL_MAX);
  fits = n_threads <= machine.n_usable;

  self->n_threads = n_threads;
  /* With fewer cores than threads, a thread that spins takes the time of one that has work, and pinning would put
   * several on one core for good. */
  self->n_spins = fits ? SPIN_ROUNDS : 1;
  self->threads = g_new0 (GThread *, n_threads);
  self->workers = g_new0 (Worker, n_threads);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->wake);
  g_cond_init (&self->done);

  for (guint i = 1; i < n_threads; i++)
    {
      Worker *worker = &self->workers[n_started];

      worker->pool = self;
      worker->index = n_started + 1;
      worker->pin = fits;
      worker->cpu = fits ? machine.cores[i] : 0;
      self->threads[n_started] = g_thread_try_new ("steer-cpu", run_worker, worker, NULL);
      if (self->threads[n_started] != NULL)
        n_started++;
    }
  /* Workers read n_threads never, so it may still change here. */
  self->n_threads = n_started + 1;
  return self;
}

void
steer_thread_pool_free (SteerThreadPool *self)
{
  if (self == NULL)
    return;
  g_mutex_lock (&self->mutex);
  atomic_store (&self->stop, TRUE);
  g_cond_broadcast (&self->wake);
  g_mutex_unlock (&self->mutex);
  for (guint i = 0; i + 1 < self->n_threads; i++)
    g_thread_join (self->threads[i]);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->wake);
  g_cond_clear (&self->done);
  g_free (self->threads);
  g_free (self->workers);
  g_free (self);
}
