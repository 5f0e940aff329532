#include "steer-cpu.h"

#include <string.h>

#include "steer-cpu-machine.h"
#include "steer-cpu-memory.h"
#include "steer-thread-pool.h"

/* Far more than the last level cache of any machine hands to one program, so that memory is what is measured. */
#define AREA_BYTES ((gsize) 1 << 30)
#define AREA_BYTES_MIN ((gsize) 1 << 26)
#define ITEM_BYTES ((gsize) 1 << 20)
#define N_PASSES 5

/* Memory is read as weights are: a few streams at a time, asked for ahead. */
#define N_STREAMS 4
#define STREAM_BYTES 8192
#define PREFETCH_BYTES 1024

#define N_WORDS 8

typedef guint64 Words __attribute__ ((vector_size (8 * N_WORDS)));

typedef struct
{
  const guint8 *area; /* [n_bytes] */
  guint64 sums[STEER_THREAD_POOL_MAX];
} Job;

static void
read_item (gpointer data, guint item, guint thread)
{
  Job *job = data;
  const guint8 *p = job->area + item * ITEM_BYTES;
  Words sums[N_STREAMS] = { { 0 } };

  for (gsize start = 0; start < ITEM_BYTES; start += N_STREAMS * STREAM_BYTES)
    for (gsize i = 0; i < STREAM_BYTES; i += sizeof (Words))
      for (guint s = 0; s < N_STREAMS; s++)
        {
          const guint8 *q = p + start + s * STREAM_BYTES + i;

          __builtin_prefetch (q + PREFETCH_BYTES);
          sums[s] ^= *(const Words *) (gconstpointer) q;
        }
  for (guint s = 0; s < N_STREAMS; s++)
    for (guint i = 0; i < N_WORDS; i++)
      job->sums[thread] ^= sums[s][i];
}

double
steer_cpu_measure_bandwidth (guint n_threads)
{
  g_autoptr (SteerThreadPool) pool = steer_thread_pool_new (n_threads);
  g_auto (SteerCpuMachine) machine = { 0 };
  gsize n_bytes = AREA_BYTES;
  guint8 *area = NULL;
  Job *job = g_new0 (Job, 1);
  gint64 best = G_MAXINT64;

  steer_cpu_machine_init (&machine);
  while (n_bytes >= AREA_BYTES_MIN
         && (n_bytes > machine.memory_free / 2 || (area = steer_cpu_memory_reserve (n_bytes)) == NULL))
    n_bytes /= 2;
  if (area == NULL)
    {
      g_free (job);
      return 0.0;
    }
  /* A page that was never written is one and the same page of zeros, and lives in the cache. */
  memset (area, 0x5a, n_bytes);
  job->area = area;
  for (guint pass = 0; pass < N_PASSES; pass++)
    {
      gint64 start = g_get_monotonic_time ();

      steer_thread_pool_run (pool, (guint) (n_bytes / ITEM_BYTES), read_item, job);
      best = MIN (best, g_get_monotonic_time () - start);
    }
  /* The sums are used, so that no compiler leaves the reading out. */
  for (guint i = 1; i < STEER_THREAD_POOL_MAX; i++)
    job->sums[0] ^= job->sums[i];
  if (job->sums[0] == 1)
    best++;
  steer_cpu_memory_release (area, n_bytes);
  g_free (job);
  return (double) n_bytes * G_USEC_PER_SEC / (double) MAX (best, 1);
}
