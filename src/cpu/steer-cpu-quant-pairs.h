/* The dot products of instruction sets that add neighbouring products up in 16 bits, for steer-cpu-quant-codes.h. The
 * including file has defined, for a register PAIRS_REGISTER of V_BYTES,
 *
 *   pairs_multiply (a, b)       unsigned bytes times signed ones, neighbours added with saturation
 *   pairs_multiply_signed (a, b)  the same of signed bytes
 *   pairs_add (a, b)            sums of 16 bits
 *   pairs_widen (a, b)          products of 16 bits, neighbours added
 *   pairs_set (x)               x in each 16 bits
 *   pairs_quad (p)              four bytes, everywhere
 */

#define Q_BLOCKS_OF(kind) ((kind) == Q_UNSIGNED_4)
#define Q_PAIRS 1
#define Q_BIAS 0

/* Sums saturate beyond 32767: two products of codes up to 15 may be added up eight times, of codes up to 63 twice, and
 * of signed weights once, the sign having been moved to the activation. */
INLINE PAIRS_REGISTER
q_pairs (const QKind kind, VectorBits w, PAIRS_REGISTER x)
{
  return kind == Q_SIGNED_8 ? pairs_multiply_signed ((PAIRS_REGISTER) w, x) : pairs_multiply ((PAIRS_REGISTER) w, x);
}

INLINE VectorInt
q_dot (const QKind kind, const VectorBits *w, const gint8 *x, const guint n)
{
  const guint together = kind == Q_UNSIGNED_4 ? 8 : kind == Q_UNSIGNED_6 ? 2 : 1;
  VectorInt sum = { 0 };

  UNROLL
  for (guint k = 0; k < n; k += together)
    {
      PAIRS_REGISTER pairs = q_pairs (kind, w[k], pairs_quad (x + 4 * k));

      UNROLL
      for (guint i = k + 1; i < MIN (k + together, n); i++)
        pairs = pairs_add (pairs, q_pairs (kind, w[i], pairs_quad (x + 4 * i)));
      sum += (VectorInt) pairs_widen (pairs, pairs_set (1));
    }
  return sum;
}

/* Codes up to 63 only. */
INLINE VectorBits
q_add_two (VectorBits w0, VectorInt x0, VectorBits w1, VectorInt x1)
{
  return (VectorBits) pairs_add (q_pairs (Q_UNSIGNED_6, w0, (PAIRS_REGISTER) x0),
                                 q_pairs (Q_UNSIGNED_6, w1, (PAIRS_REGISTER) x1));
}

/* Of 4-bit codes alone: the sums of a whole block fit into 16 bits. */
INLINE VectorInt
q_begin_add (const QKind kind, VectorInt sum, VectorBits w, VectorInt x)
{
  return (VectorInt) pairs_add ((PAIRS_REGISTER) sum, q_pairs (kind, w, (PAIRS_REGISTER) x));
}

INLINE VectorInt
q_end (const QKind kind, VectorInt sum)
{
  return (VectorInt) pairs_widen ((PAIRS_REGISTER) sum, pairs_set (1));
}

INLINE VectorInt
q_add_words (VectorInt sum, VectorBits w, VectorInt x)
{
  return sum + (VectorInt) pairs_widen ((PAIRS_REGISTER) w, (PAIRS_REGISTER) x);
}
