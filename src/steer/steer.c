#include "steer.h"

#include "chat/steer-chat-entry.h"
#include "chat/steer-inspection.h"
#include "chat/steer-sweep.h"
#include "cpu/steer-cpu.h"
#include "lab/steer-lab.h"
#include "remote/steer-remote-model.h"
#include "steering/steer-contrast.h"
#include "steering/steer-gunzip.h"
#include "steering/steer-label-store.h"
#include "steering/steer-library.h"
#include "steering/steer-sae.h"
#include "steering/steer-vector-dict.h"

#include <json-glib/json-glib.h>
#include <sqlite3.h>
#include <yaml.h>

#include "steer-cuda.h"
#include "steer-paths.h"

/* A class that names another type waits, while GObject holds the lock of all classes, for the thread that registers
 * that type, and such a thread may wait for the lock: so no thread but the first registers one. */
void
steer_init_types (void)
{
  g_type_ensure (STEER_TYPE_ARCHIVE);
  g_type_ensure (STEER_TYPE_CHAT_ENTRY);
  g_type_ensure (STEER_TYPE_CHAT_TEMPLATE);
  g_type_ensure (STEER_TYPE_CONTRAST);
  g_type_ensure (STEER_TYPE_CONVERSATION);
  g_type_ensure (STEER_TYPE_ENCODER);
  g_type_ensure (STEER_TYPE_ENGINE);
  g_type_ensure (STEER_TYPE_FEATURE);
  g_type_ensure (STEER_TYPE_GUNZIP);
  g_type_ensure (STEER_TYPE_INSPECTION);
  g_type_ensure (STEER_TYPE_LAB);
  g_type_ensure (STEER_TYPE_LABEL_STORE);
  g_type_ensure (STEER_TYPE_LIBRARY);
  g_type_ensure (STEER_TYPE_MESSAGE);
  g_type_ensure (STEER_TYPE_MODE);
  g_type_ensure (STEER_TYPE_MODEL);
  g_type_ensure (STEER_TYPE_PLAN);
  g_type_ensure (STEER_TYPE_PRESET);
  g_type_ensure (STEER_TYPE_REPLY);
  g_type_ensure (STEER_TYPE_SAE);
  g_type_ensure (STEER_TYPE_SAE_FOLDER);
  g_type_ensure (STEER_TYPE_STORE);
  g_type_ensure (STEER_TYPE_SWEEP);
  g_type_ensure (STEER_TYPE_TOKENIZER);
  g_type_ensure (STEER_TYPE_VECTOR_DICT);
  g_type_ensure (STEER_TYPE_VECTOR_LIBRARY);
  g_type_ensure (STEER_TYPE_VECTOR_SOURCE);
}

void
steer_init (void)
{
  static gsize once = 0;

  if (g_once_init_enter (&once))
    {
      steer_init_types ();
      steer_backend_register (steer_cuda_backend ());
      steer_backend_register (steer_cpu_backend ());
      steer_remote_register ();
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
