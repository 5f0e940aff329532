#pragma once

#include "model/steer-backend.h"

G_BEGIN_DECLS

/* (element-type SteerDevice): every GPU that the driver shows, usable or not. Where the driver itself will not do,
 * one device that cannot be used and says why. No context is made on a device that NVML can ask instead, since that
 * would take some of its memory for as long as the program runs. */
GPtrArray *steer_cuda_device_list (void);

/* "cuda:3" -> 3. Errors: STEER_MODEL_ERROR_DEVICE. */
gboolean steer_cuda_device_parse (const char *id, int *ordinal, GError **error);

/* Makes the device the calling thread's own. Every thread that calls CUDA does this first. */
gboolean steer_cuda_device_select (int ordinal, GError **error);

/* Bytes that can be allocated now, less a margin that the driver needs for itself. */
gboolean steer_cuda_device_get_free (int ordinal, guint64 *n_bytes, GError **error);

/* "NVIDIA H200". Free with g_free(). */
char *steer_cuda_device_dup_name (int ordinal);

G_END_DECLS
