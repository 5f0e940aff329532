/* The vector that the kernels are written over. It is no header in the usual sense: a file that includes
 * steer-cpu-vector.h, steer-cpu-weight-kernels.h and steer-cpu-row-kernels.h, in this order, has defined, for its
 * instruction set,
 *
 *   V_BYTES, TILE_ROWS, TILE_VECTORS       size of a vector, shape of a tile (TILE_VECTORS vectors wide)
 *   Vector                                 float vector of V_BYTES
 *   v_set (x)                              x in every lane
 *   v_fma (a, b, c)                        a * b + c; fused or not, but always the same
 *   v_sum (v), v_largest (v)               over the lanes, the upper half onto the lower until one is left
 *   v_load_bf16 (p), v_load_f16 (p)        V_LANES elements at any address, as float
 *   V_LARGER                               optional: v_larger (a, b) and v_smaller (a, b), a > b or a < b ? a : b
 *   v_transpose (rows)                     transposes [V_LANES] vectors in place
 *   v_store_f16 (p, v)                     rounds to nearest even
 *   v_load_words (p)                       2 * V_LANES bytes as numbers of 16 bits; defined after this header
 *   KERNELS_SYMBOL, KERNELS_ISA, KERNELS_NAME
 */

#include <math.h>
#include <string.h>

#define V_LANES (V_BYTES / 4)
#define TILE_COLUMNS (TILE_VECTORS * V_LANES)

/* Everything below is one loop a kernel once inlined, except where that costs a compiler minutes: where each access is
 * checked, and where instructions are written out in plain C. */
#if defined(__SANITIZE_ADDRESS__) || defined(STEER_CPU_EMULATED)
#define INLINE static inline __attribute__ ((unused))
#else
#define INLINE static inline __attribute__ ((always_inline))
#endif
#ifdef __clang__
#define UNROLL _Pragma ("unroll")
#else
#define UNROLL _Pragma ("GCC unroll 16")
#endif

typedef gint32 VectorInt __attribute__ ((vector_size (V_BYTES)));
typedef guint32 VectorBits __attribute__ ((vector_size (V_BYTES)));
typedef float VectorAny __attribute__ ((vector_size (V_BYTES), aligned (1), may_alias));

/* What the bytes of a quantised weight hold, at most. */
typedef enum
{
  Q_UNSIGNED_4, /* 0 .. 15 */
  Q_UNSIGNED_6, /* 0 .. 63 */
  Q_UNSIGNED_8,
  Q_SIGNED_8,
} QKind;

INLINE Vector
v_load_bytes (gconstpointer p)
{
  return (Vector) * (const VectorAny *) p;
}

INLINE Vector
v_load (const float *p)
{
  return v_load_bytes (p);
}

INLINE void
v_store (float *p, Vector v)
{
  *(VectorAny *) (gpointer) p = (VectorAny) v;
}

/* The first @n lanes; the others are zero. */
INLINE Vector
v_load_some (const float *p, gsize n)
{
  float lanes[V_LANES] = { 0.0f };

  memcpy (lanes, p, n * sizeof (float));
  return v_load (lanes);
}

INLINE void
v_store_some (float *p, Vector v, gsize n)
{
  float lanes[V_LANES];

  v_store (lanes, v);
  memcpy (p, lanes, n * sizeof (float));
}

/* Where @mask is all ones, @a, else @b. */
INLINE Vector
v_choose (VectorInt mask, Vector a, Vector b)
{
  return (Vector) (((VectorInt) a & mask) | ((VectorInt) b & ~mask));
}

#ifndef V_LARGER
INLINE Vector
v_larger (Vector a, Vector b)
{
  return v_choose ((VectorInt) (a > b), a, b);
}

INLINE Vector
v_smaller (Vector a, Vector b)
{
  return v_choose ((VectorInt) (a < b), a, b);
}
#endif

/* exp(x) by 2^n * exp(r) with |r| <= ln(2)/2 and the polynomial of Cephes' expf; n from -125 to 127. */
INLINE Vector
v_exp_between (Vector x)
{
  const Vector round = v_set (0x1.8p23f); /* adding it leaves the nearest integer in the low bits */
  Vector shifted = v_fma (x, v_set (1.44269504f), round);
  Vector n = shifted - round;
  Vector r = v_fma (n, v_set (-0.693359375f), x);
  Vector p;

  r = v_fma (n, v_set (2.12194440e-4f), r);
  p = v_fma (v_set (1.9875691500e-4f), r, v_set (1.3981999507e-3f));
  p = v_fma (p, r, v_set (8.3334519073e-3f));
  p = v_fma (p, r, v_set (4.1665795894e-2f));
  p = v_fma (p, r, v_set (1.6666665459e-1f));
  p = v_fma (p, r, v_set (5.0000001201e-1f));
  p = v_fma (p * r, r, r) + 1.0f;
  return (Vector) ((VectorBits) p + ((VectorBits) shifted << 23)); /* onto the exponent */
}

/* Where n is -125. */
#define V_EXP_LOWEST -86.9f

/* exp(x), x not above 0, to about one unit in the last place; below V_EXP_LOWEST 0, so that a masked score of
 * -INFINITY counts exactly nothing. */
INLINE Vector
v_exp_falling (Vector x)
{
  const Vector lowest = v_set (V_EXP_LOWEST);
  VectorInt too_low = (VectorInt) (x < lowest);

  return (Vector) ((VectorInt) v_exp_between (v_larger (lowest, x)) & ~too_low);
}

/* The same of any x; above 88.37 as there. */
INLINE Vector
v_exp (Vector x)
{
  return v_exp_falling (v_smaller (v_set (88.37626f), x));
}
