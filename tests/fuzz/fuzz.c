#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

gboolean fuzz_accepted;

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
