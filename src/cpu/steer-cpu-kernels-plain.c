#include "steer-cpu-kernels.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Kernels for any machine: the compiler's own vectors of four floats, which every 64-bit processor has in hardware. */

#define V_BYTES 16
#define TILE_ROWS 4
#define TILE_VECTORS 2
#define Q_TOKENS 4
#define KERNELS_SYMBOL steer_cpu_kernels_plain
#define KERNELS_ISA STEER_CPU_ISA_PLAIN
#define KERNELS_NAME "plain C"

typedef float Vector __attribute__ ((vector_size (16)));
typedef guint32 Bits __attribute__ ((vector_size (16)));
typedef guint16 Halves __attribute__ ((vector_size (8)));
typedef guint16 HalvesAny __attribute__ ((vector_size (8), aligned (1), may_alias));

static inline Vector
v_set (float x)
{
  return (Vector){ x, x, x, x };
}

static inline Vector
v_fma (Vector a, Vector b, Vector c)
{
  return a * b + c;
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

static inline Bits
load_bits (const guint8 *p)
{
  return __builtin_convertvector((Halves) * (const HalvesAny *) (gconstpointer) p, Bits);
}

static inline Vector
v_load_bf16 (const guint8 *p)
{
  return (Vector) (load_bits (p) << 16);
}

/* Exponent and mantissa moved into place give the value times 2^-112, also where it is subnormal; an infinity or NaN
 * needs its exponent filled up. */
static inline Vector
v_load_f16 (const guint8 *p)
{
  Bits bits = load_bits (p);
  Bits magnitude = (bits & 0x7fff) << 13;
  Bits value = (Bits) ((Vector) magnitude * 0x1p112f);
  Bits special = (Bits) (magnitude >= 0x7c00u << 13);

  return (Vector) (value | (special & 0x7f800000u) | ((bits & 0x8000) << 16));
}

static inline void
v_transpose (Vector rows[4])
{
  Vector from[4] = { rows[0], rows[1], rows[2], rows[3] };

  for (guint i = 0; i < 4; i++)
    rows[i] = (Vector){ from[0][i], from[1][i], from[2][i], from[3][i] };
}

static inline void
v_store_f16 (guint16 *p, Vector v)
{
  for (guint i = 0; i < 4; i++)
    p[i] = steer_f32_to_f16 (v[i]);
}

#include "steer-cpu-vector.h"

#define Q_BLOCKS_OF(kind) TRUE
#define Q_PAIRS 0
#define Q_BIAS 0

INLINE Vector
v_fused (Vector a, Vector b, Vector c)
{
  for (guint i = 0; i < V_LANES; i++)
    c[i] = __builtin_fmaf (a[i], b[i], c[i]);
  return c;
}

INLINE VectorBits
v_load_words (const gint8 *p)
{
  typedef gint8 Bytes __attribute__ ((vector_size (8), aligned (1), may_alias));
  typedef gint16 Words __attribute__ ((vector_size (16)));

  return (VectorBits) __builtin_convertvector(*(const Bytes *) (gconstpointer) p, Words);
}

static __attribute__ ((noinline)) VectorBits
q_lookup (VectorBits codes)
{
  guint8 bytes[V_BYTES];

  memcpy (bytes, &codes, sizeof bytes);
  for (guint i = 0; i < V_BYTES; i++)
    bytes[i] = (guint8) steer_cpu_levels[bytes[i]];
  memcpy (&codes, bytes, sizeof bytes);
  return codes;
}

/* The definition of the integer part of every quantised product. Bytes of a lane are in the order of memory. */
static __attribute__ ((noinline)) VectorInt
q_begin_add (const QKind kind, VectorInt sum, VectorBits w, VectorInt x)
{
  gint8 left[V_BYTES], right[V_BYTES]; /* unsigned codes stay below 128 */

  memcpy (left, &w, sizeof left);
  memcpy (right, &x, sizeof right);
  for (guint lane = 0; lane < V_LANES; lane++)
    for (guint i = 4 * lane; i < 4 * lane + 4; i++)
      sum[lane] += left[i] * right[i];
  return sum;
}

INLINE VectorInt
q_end (const QKind kind, VectorInt sum)
{
  return sum;
}

static __attribute__ ((noinline)) VectorInt
q_dot (const QKind kind, const VectorBits *w, const gint8 *x, const guint n)
{
  VectorInt sum = { 0 };

  for (guint k = 0; k < n; k++)
    {
      gint32 quad;

      memcpy (&quad, x + 4 * k, sizeof quad);
      sum = q_begin_add (kind, sum, w[k], (VectorInt){ quad, quad, quad, quad });
    }
  return sum;
}

INLINE void
q_store_bytes (gint8 *p, const VectorInt *v)
{
  for (guint i = 0; i < STEER_CPU_QUANT_BLOCK; i++)
    p[i] = (gint8) v[i / V_LANES][i % V_LANES];
}

/* What SSE2 has an instruction for, as every x86-64 processor has; without it, 32-bit products are slow there. */
INLINE VectorInt
q_add_words (VectorInt sum, VectorBits w, VectorInt x)
{
#ifdef __SSE2__
  return sum + (VectorInt) _mm_madd_epi16 ((__m128i) w, (__m128i) x);
#else
  VectorInt left = (VectorInt) w;
  VectorInt low = ((VectorInt) (w << 16) >> 16) * ((VectorInt) ((VectorBits) x << 16) >> 16);

  return sum + low + (left >> 16) * (x >> 16);
#endif
}

#include "steer-cpu-weight-kernels.h"
#include "steer-cpu-cache-kernels.h"
#include "steer-cpu-quant-kernels.h"
#include "steer-cpu-cache-bytes.h"
#include "steer-cpu-row-kernels.h"
