#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * SteerDtype:
 *
 * How the elements of a tensor are stored. The first group holds one element in a fixed number of bytes; the
 * second, quantised, holds a block of elements in a block of bytes, as GGUF defines them
 * (steer-dequantize.c).
 *
 * The numeric values are ours and are never written to a file.
 */
typedef enum
{
  STEER_DTYPE_F64,
  STEER_DTYPE_F32,
  STEER_DTYPE_F16,
  STEER_DTYPE_BF16,
  STEER_DTYPE_I64,
  STEER_DTYPE_I32,
  STEER_DTYPE_I16,
  STEER_DTYPE_I8,
  STEER_DTYPE_U8,
  STEER_DTYPE_BOOL,

  STEER_DTYPE_Q4_0,
  STEER_DTYPE_Q4_1,
  STEER_DTYPE_Q5_0,
  STEER_DTYPE_Q5_1,
  STEER_DTYPE_Q8_0,
  STEER_DTYPE_Q2_K,
  STEER_DTYPE_Q3_K,
  STEER_DTYPE_Q4_K,
  STEER_DTYPE_Q5_K,
  STEER_DTYPE_Q6_K,
  STEER_DTYPE_IQ4_NL,
  STEER_DTYPE_IQ4_XS,

  STEER_N_DTYPES
} SteerDtype;

/* "F32", "BF16", "Q4_K", ...; never NULL. */
const char *steer_dtype_get_name (SteerDtype dtype);

/* The safetensors or GGUF spelling, case-sensitive. FALSE when the name is unknown; *dtype is then left alone. */
gboolean steer_dtype_from_name (const char *name, SteerDtype *dtype);

/* Elements in a block: 1 for plain types, 32 or 256 for quantised ones. */
gsize steer_dtype_get_block_elements (SteerDtype dtype);

/* Bytes of a block, so a plain type's size. */
gsize steer_dtype_get_block_bytes (SteerDtype dtype);

gboolean steer_dtype_is_quantized (SteerDtype dtype);

/* One element, or a run of them, between storage and float32. Conversions from f32 round to nearest even. */
float steer_f16_to_f32 (guint16 half);
guint16 steer_f32_to_f16 (float value);
float steer_bf16_to_f32 (guint16 brain);
guint16 steer_f32_to_bf16 (float value);

G_END_DECLS
