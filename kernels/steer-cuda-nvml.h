#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What NVIDIA's management library tells of a device without a context on it. */
typedef struct
{
  char *driver; /* "580.82.07"; free with g_free() */
  guint64 memory_total;
  guint64 memory_free;
} SteerCudaNvml;

/* @pci: "0000:1b:00.0". FALSE where the library is missing or does not know the device. */
gboolean steer_cuda_nvml_query (const char *pci, SteerCudaNvml *result);

G_END_DECLS
