#pragma once

#include "steer-dtype.h"

G_BEGIN_DECLS

/* Whether steer_quantize() makes this type: F32, F16, BF16, Q8_0, Q4_0, Q5_0, Q4_K and Q6_K. */
gboolean steer_can_quantize (SteerDtype dtype);

/**
 * steer_quantize:
 * @dtype: a type for which steer_can_quantize() is TRUE
 * @values: [n_blocks * steer_dtype_get_block_elements (dtype)]; what is not finite counts as 0 in a block type
 * @blocks: [n_blocks * steer_dtype_get_block_bytes (dtype)] bytes, of any alignment
 *
 * Plain types round to nearest even. Q8_0, Q4_0 and Q5_0 are ggml's reference to the bit
 * (ggml/src/ggml-quants.c, quantize_row_*_ref): the element of largest magnitude decides the scale. Q4_K and Q6_K leave
 * the choice of scales to the writer: each group's scale, and minimum, are searched for the least squared error, then
 * rounded, and the elements rounded again under what they were rounded to. A block's bytes depend on its own elements
 * only, so work may be cut anywhere between blocks. Any thread.
 */
void steer_quantize (SteerDtype dtype, const float *values, gsize n_blocks, guint8 *blocks);

G_END_DECLS
