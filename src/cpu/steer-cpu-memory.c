#include "steer-cpu-memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

/* Since Linux 5.14; older C libraries do not name it. */
#if defined(__linux__) && !defined(MADV_POPULATE_READ)
#define MADV_POPULATE_READ 22
#endif

gpointer
steer_cpu_memory_reserve (gsize n_bytes)
{
  gpointer memory
    = mmap (NULL, MAX (n_bytes, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  return memory == MAP_FAILED ? NULL : memory;
}

gpointer
steer_cpu_memory_reserve_large (gsize n_bytes)
{
  gpointer memory = steer_cpu_memory_reserve (n_bytes);

#ifdef MADV_HUGEPAGE
  if (memory != NULL)
    madvise (memory, n_bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

void
steer_cpu_memory_release (gpointer memory, gsize n_bytes)
{
  if (memory != NULL)
    munmap (memory, MAX (n_bytes, 1));
}

gboolean
steer_cpu_memory_touch (const guint8 *data, gsize n_bytes)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  gsize before = (guintptr) data % page;
  guint8 sum = 0;

  if (n_bytes == 0)
    return TRUE;
#ifdef MADV_POPULATE_READ
  if (madvise ((gpointer) (data - before), n_bytes + before, MADV_POPULATE_READ) == 0)
    return TRUE;
  if (errno == EFAULT)
    return FALSE;
#endif
  for (gsize i = 0; i < n_bytes; i += page)
    sum ^= *(const volatile guint8 *) (data + i);
  sum ^= *(const volatile guint8 *) (data + n_bytes - 1);
  (void) sum;
  return TRUE;
}
