#include "steer-paths.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static char *
find_first (const char *const *roots, guint n_roots, const char *relative)
{
  for (guint i = 0; i < n_roots; i++)
    {
      g_autofree char *path = NULL;

      if (roots[i] == NULL)
        continue;
      path = g_build_filename (roots[i], relative, NULL);
      if (g_file_test (path, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&path);
    }
  return NULL;
}

/* What this code lies in: the program, or the shared library that a script has loaded. */
static char *
find_own_file (void)
{
  Dl_info info;

  if (dladdr ((gconstpointer) (gsize) steer_paths_find_data, &info) != 0 && strstr (info.dli_fname, ".so") != NULL)
    {
      char *path = realpath (info.dli_fname, NULL);
      char *copy = g_strdup (path);

      free (path);
      return copy;
    }
  return g_file_read_link ("/proc/self/exe", NULL);
}

/* A program that still lies in its build folder takes its data from the sources; an installed one never looks there. */
static gboolean
is_uninstalled (const char *program)
{
  return program != NULL && g_str_has_prefix (program, STEER_BUILD_ROOT "/");
}

char *
steer_paths_find_data (const char *relative)
{
  g_autofree char *program = find_own_file ();
  g_autofree char *folder = program != NULL ? g_path_get_dirname (program) : NULL;
  /* Where a whole installation was moved to another place, or is staged in one. */
  g_autofree char *moved = folder != NULL ? g_build_filename (folder, "..", "share", "steer-chat", NULL) : NULL;
  const char *const roots[]
    = { g_getenv ("STEER_DATA_DIR"), is_uninstalled (program) ? STEER_SOURCE_DATADIR : NULL, moved, STEER_PKGDATADIR };

  return find_first (roots, G_N_ELEMENTS (roots), relative);
}

char *
steer_paths_find_module (const char *name, const char *variable)
{
  g_autofree char *program = find_own_file ();
  g_autofree char *folder = program != NULL ? g_path_get_dirname (program) : NULL;
  g_autofree char *beside = folder != NULL ? g_build_filename (folder, "lib", NULL) : NULL;
  const char *const roots[]
    = { is_uninstalled (program) ? STEER_BUILD_ROOT "/kernels" : NULL, beside, STEER_PKGLIBDIR };
  const char *chosen = g_getenv (variable);

  if (chosen != NULL)
    return g_strdup (chosen);
  return find_first (roots, G_N_ELEMENTS (roots), name);
}
