#pragma once

#include "steer-cuda-weights.h"

G_BEGIN_DECLS

/**
 * SECTION: weights from files to the device
 *
 * Several threads each own two pieces of pinned memory: while one is copied to the device, the other is filled from the
 * mapped file. A single thread that reads a file from the page cache reaches some 5 GB/s and one stream of copies
 * over 20, so it is the reading that is done by many. Quantising, and taking GGUF's blocks apart, run on the device,
 * behind the copy.
 */

typedef struct
{
  guint n_threads;
  gsize piece_bytes;   /* of pinned memory and, where the device changes the weights, of its memory; two a thread */
  gsize staging_bytes; /* device memory for all threads, 0 when all weights stay as they are */
} SteerCudaUploadSize;

/* @transfers: (element-type SteerCudaTransfer) */
void steer_cuda_upload_measure (GArray *transfers, SteerCudaUploadSize *size);

/**
 * steer_cuda_upload_run:
 * @ordinal: the device
 * @staging: device memory, [staging_bytes]
 *
 * Copies all transfers and waits for them. Errors: STEER_MODEL_ERROR_INVALID when a file was cut off while it was open,
 * _NO_MEMORY, _DEVICE, G_IO_ERROR_CANCELLED. @progress is called from the calling thread.
 */
gboolean steer_cuda_upload_run (SteerModel *model,
                                int ordinal,
                                GArray *transfers,
                                const SteerCudaUploadSize *size,
                                guint8 *staging,
                                SteerProgressFunc progress,
                                gpointer progress_data,
                                GCancellable *cancellable,
                                GError **error);

G_END_DECLS
