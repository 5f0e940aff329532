/* What the kernel tests call of GLib, in its place where there is none for the target: a cross compiler comes without
 * libraries. Types and macros are those of the host's headers. Random numbers are other ones than GLib's. */

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/steer-cpu-kernels.h"

const SteerCpuKernels *
steer_cpu_kernels_get (SteerCpuIsa isa)
{
  return isa == STEER_CPU_ISA_PLAIN  ? &steer_cpu_kernels_plain
         : isa == STEER_CPU_ISA_NEON ? &steer_cpu_kernels_neon
                                     : NULL;
}

static G_GNUC_NORETURN void
fail (const char *what)
{
  fprintf (stderr, "%s\n", what);
  exit (1);
}

gpointer (g_malloc) (gsize n)
{
  gpointer memory = malloc (MAX (n, 1));

  if (memory == NULL)
    fail ("out of memory");
  return memory;
}

gpointer (g_malloc0) (gsize n)
{
  return memset (g_malloc (n), 0, n);
}

gpointer (g_malloc_n) (gsize n, gsize size)
{
  return g_malloc (n * size);
}

gpointer (g_malloc0_n) (gsize n, gsize size)
{
  return g_malloc0 (n * size);
}

void (g_free) (gpointer memory)
{
  free (memory);
}

#undef g_memdup2
gpointer g_memdup2 (gconstpointer memory, gsize n);

gpointer
g_memdup2 (gconstpointer memory, gsize n)
{
  return memcpy (g_malloc (n), memory, n);
}

char *(g_strdup_printf) (const char *format, ...)
{
  char *text = g_malloc (1024);
  va_list args;

  va_start (args, format);
  vsnprintf (text, 1024, format, args);
  va_end (args);
  return text;
}

void
g_assertion_message (const char *domain, const char *file, int line, const char *func, const char *message)
{
  fprintf (stderr, "%s:%d: %s: %s\n", file, line, func, message);
  exit (1);
}

void
g_assertion_message_expr (const char *domain, const char *file, int line, const char *func, const char *expr)
{
  g_assertion_message (domain, file, line, func, expr);
  exit (1);
}

void
g_assertion_message_cmpnum (const char *domain,
                            const char *file,
                            int line,
                            const char *func,
                            const char *expr,
                            long double a,
                            const char *cmp,
                            long double b,
                            char type)
{
  fprintf (stderr, "%g %s %g: ", (double) a, cmp, (double) b);
  g_assertion_message (domain, file, line, func, expr);
}

void
g_log_structured_standard (const char *domain,
                           GLogLevelFlags level,
                           const char *file,
                           const char *line,
                           const char *func,
                           const char *format,
                           ...)
{
  va_list args;

  va_start (args, format);
  vfprintf (stderr, format, args);
  va_end (args);
  exit (1);
}

void
g_return_if_fail_warning (const char *domain, const char *func, const char *expr)
{
  fprintf (stderr, "%s: %s\n", func, expr);
  exit (1);
}

/* --- tests --- */

static struct
{
  char *path;
  GTestDataFunc func;
  GTestFunc plain_func;
  gconstpointer data;
} tests[256];

static guint n_tests;
static guint64 state = 88172645463325252u;

void (g_test_init) (int *argc, char ***argv, ...)
{
}

void
g_test_add_data_func (const char *path, gconstpointer data, GTestDataFunc func)
{
  tests[n_tests].path = strdup (path);
  tests[n_tests].func = func;
  tests[n_tests++].data = data;
}

void
g_test_add_func (const char *path, GTestFunc func)
{
  tests[n_tests].path = strdup (path);
  tests[n_tests++].plain_func = func;
}

int
g_test_run (void)
{
  printf ("1..%u\n", n_tests);
  for (guint i = 0; i < n_tests; i++)
    {
      if (tests[i].func != NULL)
        tests[i].func (tests[i].data);
      else
        tests[i].plain_func ();
      printf ("ok %u %s\n", i + 1, tests[i].path);
      fflush (stdout);
    }
  return 0;
}

gint32
g_test_rand_int (void)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (gint32) (state >> 32);
}

gint32
g_test_rand_int_range (gint32 begin, gint32 end)
{
  return begin + (gint32) ((guint32) g_test_rand_int () % (guint32) (end - begin));
}

double
g_test_rand_double_range (double begin, double end)
{
  return begin + (end - begin) * (double) (guint32) g_test_rand_int () / 4294967296.0;
}
