#include "steer.h"

#include "cpu/steer-cpu.h"

#include <json-glib/json-glib.h>
#include <sqlite3.h>
#include <yaml.h>

void
steer_init (void)
{
  static gsize once = 0;

  if (g_once_init_enter (&once))
    {
      steer_backend_register (steer_cpu_backend ());
      g_once_init_leave (&once, 1);
    }
}

const char *
steer_get_version (void)
{
  return STEER_VERSION;
}

char *
steer_dup_library_versions (void)
{
  return g_strdup_printf ("GLib %u.%u.%u\njson-glib %d.%d.%d\nlibyaml %s\nSQLite %s\n", glib_major_version,
                          glib_minor_version, glib_micro_version, JSON_MAJOR_VERSION, JSON_MINOR_VERSION,
                          JSON_MICRO_VERSION, yaml_get_version_string (), sqlite3_libversion ());
}

/* A program that still lies in its build folder takes its data from the sources; an installed one never looks there. */
static gboolean
is_uninstalled (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);

  return program != NULL && g_str_has_prefix (program, STEER_BUILD_ROOT "/");
}

static char *
find_data (const char *relative)
{
  const char *const roots[]
    = { g_getenv ("STEER_DATA_DIR"), is_uninstalled () ? STEER_SOURCE_DATADIR : NULL, STEER_PKGDATADIR };

  for (guint i = 0; i < G_N_ELEMENTS (roots); i++)
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

char *
steer_dup_demo_model_path (void)
{
  g_autofree char *config = find_data ("demo/model/config.json");

  return config != NULL ? g_path_get_dirname (config) : NULL;
}

char *
steer_dup_demo_vectors_path (void)
{
  return find_data ("demo/sae/vectors.safetensors");
}

char *
steer_dup_demo_sae_path (void)
{
  return find_data ("demo/sae");
}

char *
steer_dup_presets_path (void)
{
  return find_data ("presets");
}
