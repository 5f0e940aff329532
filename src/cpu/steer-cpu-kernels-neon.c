#include "steer-cpu-kernels.h"

#include <arm_neon.h>
#include <string.h>

/* Kernels for 64-bit ARM with NEON and its dot products (ARMv8.2): vectors of four floats. A tile of 6 x 16 takes 24 of
 * the 32 registers. */

#define V_BYTES 16
#define TILE_ROWS 6
#define TILE_VECTORS 4
#define Q_TOKENS 8
#define KERNELS_SYMBOL steer_cpu_kernels_neon
#define KERNELS_ISA STEER_CPU_ISA_NEON
#define KERNELS_NAME "NEON"

typedef float Vector __attribute__ ((vector_size (16)));

static inline Vector
v_set (float x)
{
  return (Vector) vdupq_n_f32 (x);
}

static inline Vector
v_fma (Vector a, Vector b, Vector c)
{
  return (Vector) vfmaq_f32 ((float32x4_t) c, (float32x4_t) a, (float32x4_t) b);
}

static inline float
v_sum (Vector v)
{
  return (v[0] + v[2]) + (v[1] + v[3]);
}

static inline float
v_largest (Vector v)
{
  float even = v[0] > v[2] ? v[0] : v[2];
  float odd = v[1] > v[3] ? v[1] : v[3];

  return even > odd ? even : odd;
}

static inline uint16x4_t
load_halves (const guint8 *p)
{
  return vreinterpret_u16_u8 (vld1_u8 (p));
}

static inline Vector
v_load_bf16 (const guint8 *p)
{
  return (Vector) vreinterpretq_f32_u32 (vshll_n_u16 (load_halves (p), 16));
}

static inline Vector
v_load_f16 (const guint8 *p)
{
  return (Vector) vcvt_f32_f16 (vreinterpret_f16_u16 (load_halves (p)));
}

static inline void
v_transpose (Vector rows[4])
{
  float32x4x2_t low = vtrnq_f32 ((float32x4_t) rows[0], (float32x4_t) rows[1]);
  float32x4x2_t high = vtrnq_f32 ((float32x4_t) rows[2], (float32x4_t) rows[3]);

  for (guint i = 0; i < 2; i++)
    {
      rows[i] = (Vector) vcombine_f32 (vget_low_f32 (low.val[i]), vget_low_f32 (high.val[i]));
      rows[i + 2] = (Vector) vcombine_f32 (vget_high_f32 (low.val[i]), vget_high_f32 (high.val[i]));
    }
}

static inline void
v_store_f16 (guint16 *p, Vector v)
{
  vst1_u16 (p, vreinterpret_u16_f16 (vcvt_f16_f32 ((float32x4_t) v)));
}

#include "steer-cpu-vector.h"

#define Q_BLOCKS_OF(kind) TRUE
#define Q_PAIRS 0
#define Q_BIAS 0

#define v_fused v_fma

INLINE VectorBits
v_load_words (const gint8 *p)
{
  return (VectorBits) vmovl_s8 (vld1_s8 (p));
}

INLINE VectorBits
q_lookup (VectorBits codes)
{
  return (VectorBits) vqtbl1q_s8 (vld1q_s8 (steer_cpu_levels), (uint8x16_t) codes);
}

/* Codes are below 128, so all may be taken as signed. */
INLINE VectorInt
q_begin_add (const QKind kind, VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) vdotq_s32 ((int32x4_t) sum, (int8x16_t) w, (int8x16_t) x);
}

INLINE VectorInt
q_end (const QKind kind, VectorInt sum)
{
  return sum;
}

/* Two sums, because one dot product takes as long as several can be begun. */
INLINE VectorInt
q_dot (const QKind kind, const VectorBits *w, const gint8 *x, const guint n)
{
  VectorInt sums[2] = { { 0 }, { 0 } };

  UNROLL
  for (guint k = 0; k < n; k++)
    {
      gint32 quad;

      memcpy (&quad, x + 4 * k, sizeof quad);
      sums[k % 2] = q_begin_add (kind, sums[k % 2], w[k], (VectorInt) vdupq_n_s32 (quad));
    }
  return sums[0] + sums[1];
}

INLINE VectorInt
q_add_words (VectorInt sum, VectorBits w, VectorInt x)
{
  int16x8_t left = (int16x8_t) w;
  int16x8_t right = (int16x8_t) x;
  int32x4_t low = vmull_s16 (vget_low_s16 (left), vget_low_s16 (right));
  int32x4_t high = vmull_high_s16 (left, right);

  return sum + (VectorInt) vpaddq_s32 (low, high);
}

INLINE void
q_store_bytes (gint8 *p, const VectorInt *v)
{
  for (guint i = 0; i < 2; i++)
    {
      int16x8_t low = vcombine_s16 (vmovn_s32 ((int32x4_t) v[4 * i]), vmovn_s32 ((int32x4_t) v[4 * i + 1]));
      int16x8_t high = vcombine_s16 (vmovn_s32 ((int32x4_t) v[4 * i + 2]), vmovn_s32 ((int32x4_t) v[4 * i + 3]));

      vst1q_s8 (p + 16 * i, vcombine_s8 (vmovn_s16 (low), vmovn_s16 (high)));
    }
}

#include "steer-cpu-weight-kernels.h"

#include "steer-cpu-cache-kernels.h"

#include "steer-cpu-quant-kernels.h"

#include "steer-cpu-cache-bytes.h"

#include "steer-cpu-row-kernels.h"
