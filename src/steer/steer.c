#include "steer.h"

#include "cpu/steer-cpu.h"

#include <json-glib/json-glib.h>
#include <sqlite3.h>
#include <yaml.h>

#include "steer-cuda.h"
#include "steer-paths.h"

void
steer_init (void)
{
  static gsize once = 0;

  if (g_once_init_enter (&once))
    {
      steer_backend_register (steer_cuda_backend ());
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

char *
steer_dup_demo_model_path (void)
{
  g_autofree char *config = steer_paths_find_data ("demo/model/config.json");

  return config != NULL ? g_path_get_dirname (config) : NULL;
}

char *
steer_dup_demo_vectors_path (void)
{
  return steer_paths_find_data ("demo/sae/vectors.safetensors");
}

char *
steer_dup_demo_sae_path (void)
{
  return steer_paths_find_data ("demo/sae");
}

char *
steer_dup_presets_path (void)
{
  return steer_paths_find_data ("presets");
}
