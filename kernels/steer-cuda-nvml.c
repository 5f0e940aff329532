#include "steer-cuda-nvml.h"

#include <gmodule.h>

/* The part of NVML's interface that is used; the library comes with the driver, its header does not. */
typedef struct
{
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
} NvmlMemory;

typedef struct
{
  int (*init) (void);
  int (*shutdown) (void);
  int (*get_driver) (char *version, unsigned int length);
  int (*find_device) (const char *pci, gpointer *device);
  int (*get_memory) (gpointer device, NvmlMemory *memory);
} Nvml;

static gboolean
load (Nvml *self, GModule *module)
{
  return g_module_symbol (module, "nvmlInit_v2", (gpointer *) &self->init)
         && g_module_symbol (module, "nvmlShutdown", (gpointer *) &self->shutdown)
         && g_module_symbol (module, "nvmlSystemGetDriverVersion", (gpointer *) &self->get_driver)
         && g_module_symbol (module, "nvmlDeviceGetHandleByPciBusId_v2", (gpointer *) &self->find_device)
         && g_module_symbol (module, "nvmlDeviceGetMemoryInfo", (gpointer *) &self->get_memory);
}

gboolean
steer_cuda_nvml_query (const char *pci, SteerCudaNvml *result)
{
  GModule *module = g_module_open ("libnvidia-ml.so.1", G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL);
  Nvml nvml = { 0 };
  gpointer device = NULL;
  NvmlMemory memory = { 0 };
  char driver[96] = "";
  gboolean found = FALSE;

  if (module == NULL)
    return FALSE;
  if (load (&nvml, module) && nvml.init () == 0)
    {
      found = nvml.get_driver (driver, sizeof driver) == 0 && nvml.find_device (pci, &device) == 0
              && nvml.get_memory (device, &memory) == 0;
      nvml.shutdown ();
    }
  g_module_close (module);
  if (!found)
    return FALSE;
  result->driver = g_strdup (driver);
  result->memory_total = memory.total;
  result->memory_free = memory.free;
  return TRUE;
}
