/* The dot products of VNNI, of 256 or 512 bits, for steer-cpu-quant-codes.h. The left operand is unsigned, so signed
 * weights are moved up by 128. The including file has defined, for a register VNNI_REGISTER of V_BYTES,
 *
 *   vnni_bytes (sum, a, b)   four unsigned bytes a lane times signed ones
 *   vnni_words (sum, a, b)   two numbers of 16 bits a lane
 *   vnni_quad (p)            four bytes, everywhere
 */

#define Q_BLOCKS_OF(kind) TRUE
#define Q_PAIRS 0
#define Q_BIAS 128

INLINE VectorInt
q_begin_add (const QKind kind, VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) vnni_bytes ((VNNI_REGISTER) sum, (VNNI_REGISTER) w, (VNNI_REGISTER) x);
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
    sums[k % 2] = q_begin_add (kind, sums[k % 2], w[k], (VectorInt) vnni_quad (x + 4 * k));
  return sums[0] + sums[1];
}

INLINE VectorInt
q_add_words (VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) vnni_words ((VNNI_REGISTER) sum, (VNNI_REGISTER) w, (VNNI_REGISTER) x);
}
