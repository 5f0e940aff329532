/* The dot products of AVX-512 VNNI for steer-cpu-quant-codes.h. The left operand is unsigned, so signed weights are
 * moved up by 128. */

#define Q_BLOCKS_OF(kind) TRUE
#define Q_PAIRS 0
#define Q_BIAS 128

INLINE VectorInt
q_begin_add (const QKind kind, VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) _mm512_dpbusd_epi32 ((__m512i) sum, (__m512i) w, (__m512i) x);
}

INLINE VectorInt
q_end (const QKind kind, VectorInt sum)
{
  return sum;
}

/* Two sums, because one dot product takes as long as four can be begun. */
INLINE VectorInt
q_dot (const QKind kind, const VectorBits *w, const gint8 *x, const guint n)
{
  VectorInt sums[2] = { { 0 }, { 0 } };

  UNROLL
  for (guint k = 0; k < n; k++)
    sums[k % 2] = q_begin_add (kind, sums[k % 2], w[k], (VectorInt) q_quad_512 (x + 4 * k));
  return sums[0] + sums[1];
}

INLINE VectorInt
q_add_words (VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) _mm512_dpwssd_epi32 ((__m512i) sum, (__m512i) w, (__m512i) x);
}
