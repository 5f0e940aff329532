#include "steer-cuda-device.h"

#include <string.h>

#include "steer-cuda-error.h"
#include "steer-cuda-nvml.h"

#define PREFIX "cuda:"

/* The driver takes memory as it goes along, for the stack of a kernel or the growth of its heap. */
#define MARGIN_BYTES ((guint64) 96 << 20)

/* "13.0" of 13000. */
static char *
dup_version (int version)
{
  return g_strdup_printf ("%d.%d", version / 1000, version % 1000 / 10);
}

static char *
dup_driver_version (void)
{
  int version = 0;

  if (cudaDriverGetVersion (&version) != cudaSuccess || version == 0)
    return NULL;
  return dup_version (version);
}

/* Why there is no device at all. */
static char *
explain_count (cudaError_t status)
{
  g_autofree char *has = dup_driver_version ();
  g_autofree char *wanted = dup_version (CUDART_VERSION);

  if (status == cudaErrorInsufficientDriver && has == NULL)
    return g_strdup ("there is no NVIDIA driver: install the one that your system offers, version 580 or newer");
  if (status == cudaErrorInsufficientDriver)
    return g_strdup_printf ("its driver serves CUDA %s and this build needs %s: update the NVIDIA driver", has, wanted);
  if (status == cudaSuccess || status == cudaErrorNoDevice)
    return g_strdup ("the driver shows no device: look whether CUDA_VISIBLE_DEVICES hides it, and at the system's "
                     "messages of the driver");
  return g_strdup_printf ("the driver does not start: %s; after an update of the driver, restart the computer",
                          cudaGetErrorString (status));
}

static SteerDevice *
make_unusable (cudaError_t status)
{
  SteerDevice *device = g_new0 (SteerDevice, 1);

  device->id = g_strdup (PREFIX "0");
  device->name = g_strdup ("NVIDIA GPU");
  device->driver = dup_driver_version ();
  device->why_not = explain_count (status);
  return device;
}

static void
fill_memory (SteerDevice *device, int ordinal, const struct cudaDeviceProp *properties)
{
  g_autofree char *pci = g_strdup_printf ("%08x:%02x:%02x.0", (guint) properties->pciDomainID,
                                          (guint) properties->pciBusID, (guint) properties->pciDeviceID);
  g_autofree char *cuda = dup_driver_version ();
  SteerCudaNvml nvml;
  size_t available, total;

  if (steer_cuda_nvml_query (pci, &nvml))
    {
      device->memory_total = nvml.memory_total;
      device->memory_free = nvml.memory_free;
      device->driver = g_strdup_printf ("%s, CUDA %s", nvml.driver, cuda);
      g_free (nvml.driver);
      return;
    }
  device->driver = g_strdup_printf ("CUDA %s", cuda);
  device->memory_total = properties->totalGlobalMem;
  if (cudaSetDevice (ordinal) == cudaSuccess && cudaMemGetInfo (&available, &total) == cudaSuccess)
    device->memory_free = available;
  cudaGetLastError ();
}

static SteerDevice *
make_device (int ordinal)
{
  SteerDevice *device = g_new0 (SteerDevice, 1);
  struct cudaDeviceProp properties;
  cudaError_t status = cudaGetDeviceProperties (&properties, ordinal);

  device->id = g_strdup_printf (PREFIX "%d", ordinal);
  if (status != cudaSuccess)
    {
      cudaGetLastError ();
      device->name = g_strdup ("NVIDIA GPU");
      device->why_not = g_strdup_printf ("the driver does not describe it: %s", cudaGetErrorString (status));
      return device;
    }
  device->name = g_strdup (properties.name);
  fill_memory (device, ordinal, &properties);
  if (properties.major * 10 + properties.minor < STEER_CUDA_MIN_ARCH)
    device->why_not
      = g_strdup_printf ("its compute capability %d.%d is below the %d.%d that this build needs", properties.major,
                         properties.minor, STEER_CUDA_MIN_ARCH / 10, STEER_CUDA_MIN_ARCH % 10);
  device->usable = device->why_not == NULL;
  return device;
}

GPtrArray *
steer_cuda_device_list (void)
{
  GPtrArray *devices = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_device_free);
  int n = 0;
  cudaError_t status = cudaGetDeviceCount (&n);

  if (status != cudaSuccess || n == 0)
    {
      cudaGetLastError ();
      g_ptr_array_add (devices, make_unusable (status));
      return devices;
    }
  for (int i = 0; i < n; i++)
    g_ptr_array_add (devices, make_device (i));
  return devices;
}

gboolean
steer_cuda_device_parse (const char *id, int *ordinal, GError **error)
{
  guint64 value;

  if (g_str_has_prefix (id, PREFIX)
      && g_ascii_string_to_unsigned (id + strlen (PREFIX), 10, 0, G_MAXINT16, &value, NULL))
    {
      *ordinal = (int) value;
      return TRUE;
    }
  g_set_error (error, STEER_MODEL_ERROR, STEER_MODEL_ERROR_DEVICE, "there is no device %s", id);
  return FALSE;
}

gboolean
steer_cuda_device_select (int ordinal, GError **error)
{
  return steer_cuda_check (cudaSetDevice (ordinal), "selecting the device", error);
}

gboolean
steer_cuda_device_get_free (int ordinal, guint64 *n_bytes, GError **error)
{
  size_t available, total;

  if (!steer_cuda_device_select (ordinal, error)
      || !steer_cuda_check (cudaMemGetInfo (&available, &total), "asking for free memory", error))
    return FALSE;
  *n_bytes = available > MARGIN_BYTES ? available - MARGIN_BYTES : 0;
  return TRUE;
}

char *
steer_cuda_device_dup_name (int ordinal)
{
  struct cudaDeviceProp properties;

  if (cudaGetDeviceProperties (&properties, ordinal) == cudaSuccess)
    return g_strdup (properties.name);
  cudaGetLastError ();
  return g_strdup ("NVIDIA GPU");
}
