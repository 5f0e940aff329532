#pragma once

#include "steer-dtype.h"

G_BEGIN_DECLS

/**
 * steer_dequantize:
 * @dtype: a quantised type
 * @blocks: [n_blocks * steer_dtype_get_block_bytes (dtype)] bytes, of any alignment
 * @out: [n_blocks * steer_dtype_get_block_elements (dtype)]
 *
 * The value of every element as the GGUF format defines it. The arithmetic is float32, in the order of ggml's
 * reference (ggml/src/ggml-quants.c, dequantize_row_*), so results are equal to its to the bit. Any thread.
 */
void steer_dequantize (SteerDtype dtype, const guint8 *blocks, gsize n_blocks, float *out);

G_END_DECLS
