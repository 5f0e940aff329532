/* How packed quantised weights (steer-cpu-packed.h) are read, written over the vector of steer-cpu-vector.h and
 *
 *   v_fused (a, b, c)                  a * b + c, rounded once
 *   Q_TOKENS                           tokens that go through a tile together
 *   Q_BLOCKS_OF (kind)                 whether the sums of a block of such codes can be kept by q_begin_add()
 *   Q_PAIRS                            whether there is q_add_two()
 *   Q_BIAS                             128 where dot products take unsigned weights only, else 0
 *   q_lookup (codes)                   each byte of it, 0 .. 15, replaced by its level
 *   q_dot (kind, w, x, n)              sum over n steps of four elements a lane
 *   q_begin_add (kind, sum, w, x), q_end (kind, sum)
 *                                      one step of a tile of bytes; sums may be of another form until they end
 *   q_add_words (sum, w, x)            one step of two elements a lane, of 16 bits
 *   q_add_two (w, x, w', x')           products of neighbours in two steps, added up in 16 bits
 *   q_store_bytes (p, v)               a block of 32 integers as bytes
 */

#define Q_STEPS (STEER_CPU_QUANT_BLOCK / 4)
#define Q_PANELS 2

/* Blocks of one tile call. */
#define Q_BLOCKS (STEER_CPU_TILE_DEPTH / STEER_CPU_QUANT_BLOCK)

/* An expanded panel: scales [Q_BLOCKS] and minimums [Q_BLOCKS, 2] as vectors, then its codes. */
#define Q_MINIMUMS (Q_BLOCKS * V_BYTES)
#define Q_CODES (3 * Q_BLOCKS * V_BYTES)

/* How far ahead of its use a panel is asked for, in bytes. */
#define Q_PREFETCH 4096

INLINE gint32
q_load_quad (gconstpointer p)
{
  gint32 quad;

  memcpy (&quad, p, sizeof quad);
  return quad;
}

INLINE VectorBits
q_load (const guint8 *p)
{
  return (VectorBits) v_load_bytes (p);
}

INLINE VectorInt
q_set (gint32 x)
{
  return (VectorInt) v_set (0.0f) + x;
}

INLINE Vector
q_to_float (VectorInt v)
{
  return __builtin_convertvector(v, Vector);
}

INLINE QKind
q_kind (const SteerCpuPacking packing)
{
  if (packing.low_bits == 8 || packing.levels)
    return Q_BIAS != 0 ? Q_UNSIGNED_8 : Q_SIGNED_8;
  return packing.low_bits + packing.high_bits <= 4 ? Q_UNSIGNED_4 : Q_UNSIGNED_6;
}

INLINE gint32
q_zero (const SteerCpuPacking packing)
{
  return packing.low_bits == 8 || packing.levels ? Q_BIAS : packing.zero;
}

/* Bits @at and following of each byte moved to bits @to and following. */
INLINE VectorBits
q_take_bits (VectorBits v, const guint bits, const guint at, const guint to)
{
  const guint32 mask = ((1u << bits) - 1) * 0x01010101u;

  return (at >= to ? v >> (at - to) : v << (to - at)) & (mask << to);
}

/* Step @k of a block: four elements a lane, in bytes. */
INLINE VectorBits
q_load_codes (const SteerCpuPacking packing, const guint8 *codes, const guint k)
{
  const guint low_vectors = packing.low_bits;
  const guint high_vectors = packing.high_bits;
  VectorBits v = q_load (codes + (k % low_vectors) * V_BYTES);

  if (packing.low_bits < 8)
    v = q_take_bits (v, packing.low_bits, k / low_vectors * packing.low_bits, 0);
  if (packing.high_bits > 0)
    v |= q_take_bits (q_load (codes + (low_vectors + k % MAX (high_vectors, 1)) * V_BYTES), packing.high_bits,
                      k / MAX (high_vectors, 1) * packing.high_bits, packing.low_bits);
  if (packing.levels)
    v = q_lookup (v);
  return q_kind (packing) == Q_UNSIGNED_8 ? v ^ 0x80808080u : v;
}

/* What stands before a unit's codes. */
typedef struct
{
  Vector d[2];          /* of both blocks of a unit of 64, else d[0] */
  Vector m[2];          /* the same of -m; -dmin */
  VectorBits scales[4]; /* of four groups each, in bytes */
  VectorBits minimums[4];
} QHeader;

INLINE void
q_load_header (const SteerCpuPacking packing, const guint8 *p, QHeader *header)
{
  const guint8 *scales = p + V_BYTES;
  const VectorBits low = (VectorBits) q_set (0x0f0f0f0f);
  const guint n = packing.scales == STEER_CPU_SCALES_NONE ? 0 : packing.unit / packing.group / 4;

  if (packing.unit == 64)
    for (guint i = 0; i < 2; i++)
      {
        header->d[i] = v_load_f16 (p + i * V_BYTES / 2);
        if (packing.minimum)
          header->m[i] = v_load_f16 (p + V_BYTES + i * V_BYTES / 2);
      }
  else if (packing.minimum)
    {
      header->d[0] = v_load_f16 (p);
      header->m[0] = -v_load_f16 (p + V_BYTES / 2);
    }
  else
    header->d[0] = v_load_bytes (p);

  UNROLL
  for (guint i = 0; i < n; i++)
    {
      VectorBits both = q_load (scales + i * V_BYTES);

      header->scales[i] = packing.scales == STEER_CPU_SCALES_INT8 ? both : both & low;
      header->minimums[i] = (both >> 4) & low;
      if (packing.scales == STEER_CPU_SCALES_SIX)
        {
          VectorBits high = q_load (scales + 2 * V_BYTES);

          header->scales[i] |= q_take_bits (high, 2, 2 * i, 4);
          header->minimums[i] |= q_take_bits (high, 2, 4 + 2 * i, 4);
        }
    }
}

/* Index of a block's first group in its unit. */
INLINE guint
q_first_group (const SteerCpuPacking packing, guint block)
{
  return block * (STEER_CPU_QUANT_BLOCK / packing.group);
}

INLINE guint
q_n_minimums (const SteerCpuPacking packing)
{
  return !packing.minimum ? 0 : STEER_CPU_QUANT_BLOCK / packing.group;
}

/* The integer S of a group. */
INLINE VectorInt
q_integer_scale (const SteerCpuPacking packing, const QHeader *header, guint group)
{
  VectorBits four = header->scales[group / 4];

  if (packing.scales == STEER_CPU_SCALES_INT8)
    return (VectorInt) (four << (24 - group % 4 * 8)) >> 24;
  return (VectorInt) (four >> (group % 4 * 8)) & 0xff;
}

/* The float scale of a block. */
INLINE Vector
q_scale (const SteerCpuPacking packing, const QHeader *header, guint block)
{
  if (packing.unit == 64)
    return header->d[block];
  if (packing.group == 16)
    return header->d[0];
  return header->d[0] * q_to_float (q_integer_scale (packing, header, block));
}

/* -m of a block or of one of its groups. */
INLINE Vector
q_offset (const SteerCpuPacking packing, const QHeader *header, guint block, guint i)
{
  guint group = q_first_group (packing, block) + i;

  if (packing.unit == 64)
    return header->m[block];
  return header->m[0] * q_to_float ((VectorInt) (header->minimums[group / 4] >> (group % 4 * 8)) & 0xff);
}

/* The offsets' part of a block, with the sums of the activations that they belong to. */
INLINE Vector
q_add_offsets (const guint n_minimums, const Vector *offsets, const SteerCpuQuantBlock *x, Vector t)
{
  if (n_minimums == 1)
    return v_fused (offsets[0], v_set (x->sum), t);
  if (n_minimums == 2)
    for (guint i = 0; i < 2; i++)
      t = v_fused (offsets[i], v_set ((float) x->sums[i]), t);
  return t;
}
