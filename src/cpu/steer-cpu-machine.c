#include "steer-cpu-machine.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#define PROC_CPUINFO "/proc/cpuinfo"
#define PROC_MEMINFO "/proc/meminfo"
#define PROC_CGROUP "/proc/self/cgroup"
#define SYS_CGROUP "/sys/fs/cgroup"

/* The first line of a file under /proc or /sys, or NULL. */
static char *
read_line (const char *path)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  text[strcspn (text, "\n")] = '\0';
  return g_steal_pointer (&text);
}

/* The mask of the process, and not of the calling thread, which may be pinned. */
static GArray *
list_allowed (void)
{
  long n_configured = sysconf (_SC_NPROCESSORS_CONF);
  guint n_cpus = (guint) CLAMP (n_configured, 1, 65536);
  GArray *allowed = g_array_new (FALSE, FALSE, sizeof (guint));
#ifdef __linux__
  cpu_set_t mask;
  gboolean known = sched_getaffinity (getpid (), sizeof mask, &mask) == 0;
#endif

  for (guint cpu = 0; cpu < n_cpus; cpu++)
    {
#ifdef __linux__
      if (known && (cpu >= CPU_SETSIZE || !CPU_ISSET (cpu, &mask)))
        continue;
#endif
      g_array_append_val (allowed, cpu);
    }
  return allowed;
}

/* Logical CPUs that share a core have the same list of siblings, so the list names the core. */
static char *
dup_core_name (guint cpu)
{
  g_autofree char *path = g_strdup_printf ("/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
  char *siblings = read_line (path);

  return siblings != NULL ? siblings : g_strdup_printf ("%u", cpu);
}

static void
find_cores (SteerCpuMachine *self)
{
  g_autoptr (GArray) allowed = list_allowed ();
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  self->cores = g_new0 (guint, MAX (allowed->len, 1));
  for (guint i = 0; i < allowed->len; i++)
    {
      guint cpu = g_array_index (allowed, guint, i);

      if (g_hash_table_add (seen, dup_core_name (cpu)))
        self->cores[self->n_cores++] = cpu;
    }
  self->n_cores = MAX (self->n_cores, 1);
}

/* Path of this process's control group below /sys/fs/cgroup, "/" where there is none (version 2). */
static char *
dup_cgroup (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (PROC_CGROUP, &text, NULL, NULL))
    return g_strdup ("/");
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "0::/"))
      return g_strdup (lines[i] + strlen ("0::"));
  return g_strdup ("/");
}

/* "max 100000" or "150000 100000": microseconds of CPU time a period. 0 when there is no limit. */
static guint
parse_cpu_max (const char *line)
{
  char *end;
  guint64 quota = g_ascii_strtoull (line, &end, 10);
  guint64 period = end != line ? g_ascii_strtoull (end, NULL, 10) : 0;

  return quota > 0 && period > 0 ? (guint) MIN ((quota + period - 1) / period, 65536) : 0;
}

/* The memory that a group still leaves, the kernel's reclaimable file cache counted as free. */
static void
apply_memory_limit (SteerCpuMachine *self, const char *directory)
{
  g_autofree char *limit_path = g_build_filename (directory, "memory.max", NULL);
  g_autofree char *used_path = g_build_filename (directory, "memory.current", NULL);
  g_autofree char *stat_path = g_build_filename (directory, "memory.stat", NULL);
  g_autofree char *limit_text = read_line (limit_path);
  g_autofree char *used_text = read_line (used_path);
  g_autofree char *stat = NULL;
  guint64 limit, used;
  guint64 cached = 0;

  if (limit_text == NULL || used_text == NULL || !g_ascii_isdigit (limit_text[0]))
    return;
  limit = g_ascii_strtoull (limit_text, NULL, 10);
  used = g_ascii_strtoull (used_text, NULL, 10);
  if (g_file_get_contents (stat_path, &stat, NULL, NULL))
    {
      const char *line = strstr (stat, "\ninactive_file ");

      if (line != NULL)
        cached = g_ascii_strtoull (line + strlen ("\ninactive_file "), NULL, 10);
    }
  used -= MIN (used, cached);
  self->memory_total = MIN (self->memory_total, limit);
  self->memory_free = MIN (self->memory_free, limit > used ? limit - used : 0);
}

/* A limit of any group above this process's own binds too. */
static void
apply_cgroup_limits (SteerCpuMachine *self)
{
  g_autofree char *group = dup_cgroup ();

  while (TRUE)
    {
      g_autofree char *directory = g_build_filename (SYS_CGROUP, group, NULL);
      g_autofree char *cpu_path = g_build_filename (directory, "cpu.max", NULL);
      g_autofree char *cpu_text = read_line (cpu_path);
      guint limit = cpu_text != NULL ? parse_cpu_max (cpu_text) : 0;
      char *slash;

      if (limit > 0)
        self->n_usable = MIN (self->n_usable, limit);
      apply_memory_limit (self, directory);

      slash = strrchr (group, '/');
      if (slash == NULL || g_str_equal (group, "/"))
        break;
      *(slash == group ? slash + 1 : slash) = '\0';
    }
}

static guint64
find_meminfo (const char *text, const char *key)
{
  const char *line = strstr (text, key);

  return line != NULL ? g_ascii_strtoull (line + strlen (key), NULL, 10) * 1024 : 0;
}

static void
find_memory (SteerCpuMachine *self)
{
  long page = sysconf (_SC_PAGESIZE);
  long n_pages = sysconf (_SC_PHYS_PAGES);
  g_autofree char *text = NULL;

  self->memory_total = page > 0 && n_pages > 0 ? (guint64) page * (guint64) n_pages : 0;
  self->memory_free = self->memory_total;
  if (g_file_get_contents (PROC_MEMINFO, &text, NULL, NULL))
    {
      self->memory_total = find_meminfo (text, "MemTotal:");
      self->memory_free = find_meminfo (text, "MemAvailable:");
    }
}

void
steer_cpu_machine_init (SteerCpuMachine *self)
{
  memset (self, 0, sizeof *self);
  find_cores (self);
  self->n_usable = self->n_cores;
  find_memory (self);
  apply_cgroup_limits (self);
}

void
steer_cpu_machine_clear (SteerCpuMachine *self)
{
  g_clear_pointer (&self->cores, g_free);
}

char *
steer_cpu_machine_dup_name (void)
{
  static const char *const keys[] = { "model name", "Model", "cpu model" };
  g_autofree char *text = NULL;

  if (!g_file_get_contents (PROC_CPUINFO, &text, NULL, NULL))
    return g_strdup ("CPU");
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      const char *line = strstr (text, keys[i]);
      const char *colon = line != NULL ? strpbrk (line, ":\n") : NULL;

      if (colon != NULL && *colon == ':')
        return g_strstrip (g_strndup (colon + 1, strcspn (colon + 1, "\n")));
    }
  return g_strdup ("CPU");
}

void
steer_cpu_machine_pin_thread (guint cpu)
{
#ifdef __linux__
  cpu_set_t set;

  if (cpu >= CPU_SETSIZE)
    return;
  CPU_ZERO (&set);
  CPU_SET (cpu, &set);
  /* A refusal (the mask was narrowed meanwhile) only costs speed. */
  (void) sched_setaffinity (0, sizeof set, &set);
#endif
}
