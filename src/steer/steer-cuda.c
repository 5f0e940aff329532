#include "steer-cuda.h"

#include <gmodule.h>
#include <string.h>

#include "model/steer-backend-module.h"
#include "steer-paths.h"

#define DRIVER "libcuda.so.1"
#define MODULE "libsteer-cuda.so"
#define MODULE_VARIABLE "STEER_CUDA_MODULE"

/* PCI: who makes it, and the class of what shows pictures or computes them. */
#define VENDOR_NVIDIA 0x10de
#define CLASS_DISPLAY 0x03

static gboolean
read_hex (const char *folder, const char *name, guint64 *value)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  *value = g_ascii_strtoull (text, NULL, 16);
  return TRUE;
}

static gboolean
has_nvidia_gpu (void)
{
  const char *bus = "/sys/bus/pci/devices";
  g_autoptr (GDir) dir = g_dir_open (bus, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *folder = g_build_filename (bus, name, NULL);
      guint64 vendor, class;

      if (read_hex (folder, "vendor", &vendor) && vendor == VENDOR_NVIDIA && read_hex (folder, "class", &class)
          && class >> 16 == CLASS_DISPLAY)
        return TRUE;
    }
  return FALSE;
}

static gboolean
check_driver (const char *driver, GError **error)
{
  /* Left open: the module needs it, and a driver does not like to be unloaded. */
  if (driver == NULL || g_module_open (driver, G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL) != NULL)
    return TRUE;
  if (has_nvidia_gpu ())
    g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
                 "there is no NVIDIA driver (%s): install the one that your system offers, version 580 or newer",
                 driver);
  else
    g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING, "this machine has no NVIDIA GPU");
  return FALSE;
}

const SteerBackend *
steer_cuda_module_open (const char *driver, const char *path, GError **error)
{
  GModule *module;
  SteerBackendModuleEntry enter;
  const SteerBackend *backend;
  guint64 version = 0;

  if (!check_driver (driver, error))
    return NULL;
  if (path == NULL)
    {
      g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
                           "this build has no CUDA module: build it where nvcc is installed, with -Dcuda=enabled");
      return NULL;
    }
  /* Not lazily: a module that misses a function is refused here and not in the middle of a reply. */
  module = g_module_open (path, G_MODULE_BIND_LOCAL);
  if (module == NULL || !g_module_symbol (module, STEER_BACKEND_MODULE_ENTRY, (gpointer *) &enter))
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "the CUDA module cannot be opened: %s",
                   g_module_error ());
      g_clear_pointer (&module, g_module_close);
      return NULL;
    }
  backend = enter (&version);
  if (version != STEER_BACKEND_MODULE_VERSION)
    {
      g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE,
                   "%s belongs to another version of this program: install both from one build", path);
      g_module_close (module);
      return NULL;
    }
  g_module_make_resident (module);
  return backend;
}

typedef struct
{
  const SteerBackend *backend; /* nullable */
  GError *error;               /* nullable: why there is none */
} Module;

static const Module *
get_module (void)
{
  static gsize once = 0;
  static Module module;

  if (g_once_init_enter (&once))
    {
      g_autofree char *path = steer_paths_find_module (MODULE, MODULE_VARIABLE);

      /* Whoever names a module means it, whatever it needs: tests name one that brings its own GPU. */
      module.backend = steer_cuda_module_open (g_getenv (MODULE_VARIABLE) != NULL ? NULL : DRIVER, path, &module.error);
      g_once_init_leave (&once, 1);
    }
  return &module;
}

static GPtrArray *
list_devices (void)
{
  const Module *module = get_module ();
  GPtrArray *devices;
  SteerDevice *device;

  if (module->backend != NULL)
    return module->backend->list_devices ();

  devices = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_device_free);
  device = g_new0 (SteerDevice, 1);
  device->id = g_strdup ("cuda:0");
  device->name = g_strdup ("NVIDIA GPU");
  device->why_not = g_strdup (module->error->message);
  device->absent = g_error_matches (module->error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_MISSING);
  g_ptr_array_add (devices, device);
  return devices;
}

static gboolean
fail_without_module (GError **error)
{
  g_set_error_literal (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, get_module ()->error->message);
  return FALSE;
}

static gboolean
estimate (SteerModel *model,
          const char *device_id,
          const SteerContextOptions *options,
          SteerMemoryEstimate *result,
          GError **error)
{
  const SteerBackend *backend = get_module ()->backend;

  return backend != NULL ? backend->estimate (model, device_id, options, result, error) : fail_without_module (error);
}

static SteerContext *
open_context (SteerModel *model,
              const char *device_id,
              const SteerContextOptions *options,
              SteerProgressFunc progress,
              gpointer progress_data,
              GCancellable *cancellable,
              GError **error)
{
  const SteerBackend *backend = get_module ()->backend;

  if (backend != NULL)
    return backend->open (model, device_id, options, progress, progress_data, cancellable, error);
  fail_without_module (error);
  return NULL;
}

/* A context names the module's own backend, so nobody closes or runs one here. */
static const SteerBackend stand_in = {
  .name = "cuda",
  .can_choose = TRUE,
  .list_devices = list_devices,
  .estimate = estimate,
  .open = open_context,
};

const SteerBackend *
steer_cuda_backend (void)
{
  return &stand_in;
}
