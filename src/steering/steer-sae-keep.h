#pragma once

#include "steer-sae-encode.h"

G_BEGIN_DECLS

/* What an encoder's numbers are kept as in memory. */
typedef enum
{
  STEER_SAE_KEEP_BF16, /* two bytes each: half of float32 */
  STEER_SAE_KEEP_INT8, /* 34 bytes for 32 of them with one scale: little more than a quarter */
} SteerSaeKeep;

/* "bf16", "int8". FALSE when it is neither. */
gboolean steer_sae_keep_from_name (const char *name, SteerSaeKeep *keep);

/**
 * steer_sae_keep:
 * @progress: (nullable)
 *
 * Reads the encoder once, in the order of its file, and keeps it in memory, feature by feature. The SAE that comes back
 * encodes from there, without its file's 2 GB passing by each time; everything else is as before, and directions are
 * read from the file. Activations differ by the rounding of the weights: some thousandths of the largest for bf16, some
 * hundredths for int8; what fires strongly is the same.
 *
 * Errors: STEER_STEERING_ERROR_INVALID (no usable encoder; int8 of a width that 32 does not divide),
 * STEER_TENSOR_ERROR_NO_MEMORY with the size, G_IO_ERROR_CANCELLED. Blocks; any thread.
 */
SteerSae *steer_sae_keep (SteerSae *self,
                          SteerSaeKeep keep,
                          SteerSaeProgressFunc progress,
                          gpointer progress_data,
                          GCancellable *cancellable,
                          GError **error);

G_END_DECLS
