#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#define LOOKS_A_SECOND 10

gboolean fuzz_accepted;

static volatile sig_atomic_t n_looks; /* at the input that runs now; far below zero between two inputs */

static void
look (int number)
{
  static const char message[] = "an input took a second of processor time\n";
  G_GNUC_UNUSED ssize_t written;

  /* Of a second that begins just after a look, one look less is seen. */
  if (++n_looks < LOOKS_A_SECOND - 1)
    return;
  /* Nothing else may be called from here; libFuzzer keeps the input of a program that aborts. */
  written = write (STDERR_FILENO, message, sizeof message - 1);
  abort ();
}

static void
start_looking (void)
{
  struct sigaction action = { .sa_handler = look, .sa_flags = SA_RESTART };
  struct timeval pause = { .tv_usec = 1000000 / LOOKS_A_SECOND };
  struct itimerval timer = { .it_interval = pause, .it_value = pause };

  if (sigaction (SIGPROF, &action, NULL) != 0 || setitimer (ITIMER_PROF, &timer, NULL) != 0)
    g_error ("the processor time of inputs cannot be watched: %s", g_strerror (errno));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static gboolean looking;
  int result;

  if (!looking)
    start_looking ();
  looking = TRUE;
  n_looks = 0;
  result = fuzz_one_input (data, size);
  n_looks = G_MININT / 2;
  return result;
}

static void
write_all (int descriptor, const uint8_t *data, size_t size)
{
  if (ftruncate (descriptor, 0) != 0 || pwrite (descriptor, data, size, 0) != (ssize_t) size)
    g_error ("an input cannot be written: %s", g_strerror (errno));
}

const char *
fuzz_file (const uint8_t *data, size_t size)
{
  static int descriptor = -1;
  static char path[32];

  if (descriptor < 0)
    {
      descriptor = memfd_create ("fuzz", MFD_CLOEXEC);
      g_snprintf (path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
  write_all (descriptor, data, size);
  return path;
}

static char *folder;
static GHashTable *paths; /* name -> path */

static void
remove_folder (void)
{
  GHashTableIter iter;
  gpointer path;

  g_hash_table_iter_init (&iter, paths);
  while (g_hash_table_iter_next (&iter, NULL, &path))
    g_unlink (path);
  g_rmdir (folder);
}

const char *
fuzz_folder (void)
{
  if (folder == NULL)
    {
      /* Memory where there is some: a target writes thousands of files a second. */
      const char *base = g_access ("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir ();

      folder = g_build_filename (base, "steer-fuzz-XXXXXX", NULL);
      if (g_mkdtemp (folder) == NULL)
        g_error ("%s cannot be made: %s", folder, g_strerror (errno));
      paths = g_hash_table_new (g_str_hash, g_str_equal);
      atexit (remove_folder);
    }
  return folder;
}

const char *
fuzz_folder_write (const char *name, const uint8_t *data, size_t size)
{
  const char *base = fuzz_folder ();
  char *path = g_hash_table_lookup (paths, name);
  int descriptor;

  if (path == NULL)
    {
      path = g_build_filename (base, name, NULL);
      g_hash_table_insert (paths, g_strdup (name), path);
    }
  if (data == NULL)
    {
      g_unlink (path);
      return path;
    }
  descriptor = g_open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  write_all (descriptor, data, size);
  g_close (descriptor, NULL);
  return path;
}
