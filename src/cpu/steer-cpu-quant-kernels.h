/* Products with packed quantised weights (steer-cpu-packed.h), written over the vector of steer-cpu-vector.h and
 *
 *   v_fused (a, b, c)                  a * b + c, rounded once
 *   Q_TOKENS                           tokens of a tile, at most 8
 *   Q_BYTES (kind)                     whether tiles of that kind are of bytes; if not, of words
 *   Q_BIAS                             128 where dot products take unsigned weights only, else 0
 *   q_lookup (codes)                   each byte of it, 0 .. 15, replaced by its level
 *   q_dot (kind, w, x, n)              sum over n steps of four elements a lane
 *   q_begin_add (kind, sum, w, x), q_end (kind, sum)
 *                                      one step of a tile of bytes; sums may be of another form until they end
 *   q_add_words (sum, w, x)            one step of two elements a lane
 */

#define Q_STEPS (STEER_CPU_QUANT_BLOCK / 4)
#define Q_PANELS 2

/* Blocks of one tile call. */
#define Q_BLOCKS (STEER_CPU_TILE_DEPTH / STEER_CPU_QUANT_BLOCK)

/* An expanded panel: scales [Q_BLOCKS] and minimums [Q_BLOCKS, 2] as vectors, then its codes. */
#define Q_MINIMUMS (Q_BLOCKS * V_BYTES)
#define Q_CODES (3 * Q_BLOCKS * V_BYTES)

/* How far ahead of its use a panel is asked for, in bytes. */
#define Q_PREFETCH 2048

typedef guint8 LaneBytes __attribute__ ((vector_size (V_LANES), aligned (1), may_alias));
typedef gint8 LaneSignedBytes __attribute__ ((vector_size (V_LANES), aligned (1), may_alias));

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

/* A byte a lane. */
INLINE VectorInt
q_load_unsigned (const guint8 *p)
{
  return __builtin_convertvector(*(const LaneBytes *) p, VectorInt);
}

INLINE VectorInt
q_load_signed (const guint8 *p)
{
  return __builtin_convertvector(*(const LaneSignedBytes *) (gconstpointer) p, VectorInt);
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
  Vector d[2]; /* of both blocks of a unit of 64, else d[0] */
  Vector m[2]; /* the same; dmin */
  const guint8 *scales;
  const guint8 *minimums;
  VectorBits unpacked[8]; /* scales and minimums where they were packed */
} QHeader;

INLINE void
q_load_header (const SteerCpuPacking packing, const guint8 *p, QHeader *header)
{
  const guint8 *scales = p + V_BYTES;
  const VectorBits low = (VectorBits) q_set (0x0f0f0f0f);

  if (packing.unit == 64)
    for (guint i = 0; i < 2; i++)
      {
        header->d[i] = v_load_f16 (p + i * V_BYTES / 2);
        if (packing.minimum)
          header->m[i] = -v_load_f16 (p + V_BYTES + i * V_BYTES / 2);
      }
  else if (packing.minimum)
    {
      header->d[0] = v_load_f16 (p);
      header->m[0] = v_load_f16 (p + V_BYTES / 2);
    }
  else
    header->d[0] = v_load_bytes (p);

  header->scales = scales;
  if (packing.scales == STEER_CPU_SCALES_SIX)
    {
      VectorBits high = q_load (scales + 2 * V_BYTES);

      for (guint i = 0; i < 2; i++)
        {
          VectorBits both = q_load (scales + i * V_BYTES);

          header->unpacked[i] = (both & low) | q_take_bits (high, 2, 2 * i, 4);
          header->unpacked[4 + i] = ((both >> 4) & low) | q_take_bits (high, 2, 4 + 2 * i, 4);
        }
    }
  else if (packing.scales == STEER_CPU_SCALES_NIBBLES)
    for (guint i = 0; i < 4; i++)
      {
        VectorBits both = q_load (scales + i * V_BYTES);

        header->unpacked[i] = both & low;
        header->unpacked[4 + i] = (both >> 4) & low;
      }
  if (packing.scales == STEER_CPU_SCALES_SIX || packing.scales == STEER_CPU_SCALES_NIBBLES)
    {
      header->scales = (const guint8 *) header->unpacked;
      header->minimums = (const guint8 *) (header->unpacked + 4);
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
  const guint8 *p = header->scales + group * V_LANES;

  return packing.scales == STEER_CPU_SCALES_INT8 ? q_load_signed (p) : q_load_unsigned (p);
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

INLINE Vector
q_minimum (const SteerCpuPacking packing, const QHeader *header, guint block, guint i)
{
  if (packing.unit == 64)
    return header->m[block];
  return header->m[0]
         * q_to_float (q_load_unsigned (header->minimums + (q_first_group (packing, block) + i) * V_LANES));
}

/* The minimum's part of a block, with the sums of the activations it belongs to. */
INLINE Vector
q_subtract_minimum (const guint n_minimums, const Vector *m, const SteerCpuQuantBlock *x, Vector t)
{
  if (n_minimums == 1)
    return v_fused (-m[0], v_set (x->sum), t);
  if (n_minimums == 2)
    for (guint i = 0; i < 2; i++)
      t = v_fused (-m[i], v_set ((float) x->sums[i]), t);
  return t;
}

INLINE VectorInt
q_block_dot (const SteerCpuPacking packing,
             const QHeader *header,
             guint block,
             const VectorBits *w,
             const gint8 *bytes,
             const SteerCpuQuantBlock *x)
{
  const gint32 zero = q_zero (packing);
  VectorInt sum = q_set (0);

  if (packing.group == 32)
    {
      sum = q_dot (q_kind (packing), w, bytes, Q_STEPS);
      return zero != 0 ? sum - zero * (x->sums[0] + x->sums[1]) : sum;
    }
  UNROLL
  for (guint g = 0; g < 2; g++)
    {
      VectorInt dot = q_dot (q_kind (packing), w + g * Q_STEPS / 2, bytes + g * 16, Q_STEPS / 2);

      if (zero != 0)
        dot -= zero * x->sums[g];
      sum += dot * q_integer_scale (packing, header, q_first_group (packing, block) + g);
    }
  return sum;
}

INLINE void
q_gemv_block (const SteerCpuPacking packing,
              const guint columns,
              const QHeader *header,
              guint block,
              const guint8 *codes,
              const SteerCpuQuantRows *x,
              gsize index,
              Vector *sum)
{
  VectorBits w[Q_STEPS];
  Vector scale = q_scale (packing, header, block);
  Vector m[2];

  for (gsize i = 0; i < steer_cpu_packing_get_bits (packing) * V_BYTES; i += 64)
    __builtin_prefetch (codes + Q_PREFETCH + i);
  UNROLL
  for (guint k = 0; k < Q_STEPS; k++)
    w[k] = q_load_codes (packing, codes, k);
  for (guint i = 0; i < q_n_minimums (packing); i++)
    m[i] = q_minimum (packing, header, block, i);
  for (guint c = 0; c < columns; c++)
    {
      const SteerCpuQuantBlock *part = x->blocks + c * (x->stride / STEER_CPU_QUANT_BLOCK) + index;
      const gint8 *bytes = x->bytes + c * x->stride + index * STEER_CPU_QUANT_BLOCK;
      Vector t = scale * q_to_float (q_block_dot (packing, header, block, w, bytes, part));

      t = q_subtract_minimum (q_n_minimums (packing), m, part, t);
      sum[c] = v_fused (v_set (part->scale), t, sum[c]);
    }
}

INLINE void
q_gemv_panel (const SteerCpuPacking packing,
              const guint columns,
              const guint8 *p,
              gsize n_blocks,
              const SteerCpuQuantRows *x,
              float *y,
              gsize y_stride)
{
  const guint unit_blocks = packing.unit / STEER_CPU_QUANT_BLOCK;
  Vector sum[STEER_CPU_GEMV_COLUMNS];

  for (guint c = 0; c < columns; c++)
    sum[c] = v_set (0.0f);
  for (gsize first = 0; first < n_blocks; first += unit_blocks)
    {
      QHeader header;
      const guint n = (guint) MIN (unit_blocks, n_blocks - first);

      q_load_header (packing, p, &header);
      p += steer_cpu_packing_get_header (packing) * V_BYTES;
      for (guint block = 0; block < n; block++)
        {
          q_gemv_block (packing, columns, &header, block, p, x, first + block, sum);
          p += steer_cpu_packing_get_bits (packing) * V_BYTES;
        }
    }
  for (guint c = 0; c < columns; c++)
    v_store (y + c * y_stride, sum[c]);
}

INLINE void
q_gemv (const SteerCpuPacking packing,
        const guint columns,
        const guint8 *panels,
        gsize panel_bytes,
        gsize n_panels,
        gsize depth,
        const SteerCpuQuantRows *x,
        float *y,
        gsize y_stride)
{
  for (gsize p = 0; p < n_panels; p++)
    q_gemv_panel (packing, columns, panels + p * panel_bytes, depth / STEER_CPU_QUANT_BLOCK, x, y + p * V_LANES,
                  y_stride);
}

/* Codes of a block as words: zero subtracted, and multiplied with a group of 16's scale. */
INLINE void
q_expand_words (const SteerCpuPacking packing, const QHeader *header, guint block, const guint8 *codes, guint8 *out)
{
  UNROLL
  for (guint k = 0; k < Q_STEPS; k++)
    {
      VectorInt quads = (VectorInt) q_load_codes (packing, codes, k);
      VectorInt scale = q_set (1);

      if (packing.group == 16)
        scale = q_integer_scale (packing, header, q_first_group (packing, block) + k / (Q_STEPS / 2));
      UNROLL
      for (guint half = 0; half < 2; half++)
        {
          VectorInt first, second;

          if (q_kind (packing) == Q_SIGNED_8)
            {
              first = (quads << (24 - 16 * half)) >> 24;
              second = (quads << (16 - 16 * half)) >> 24;
            }
          else
            {
              first = ((quads >> (16 * half)) & 0xff) - q_zero (packing);
              second = ((quads >> (16 * half + 8)) & 0xff) - q_zero (packing);
            }
          if (packing.group == 16)
            {
              first *= scale;
              second *= scale;
            }
          v_store ((float *) (gpointer) (out + (2 * k + half) * V_BYTES),
                   (Vector) ((first & 0xffff) | (VectorInt) ((VectorBits) second << 16)));
        }
    }
}

/* An expanded panel of at most Q_BLOCKS blocks. */
INLINE void
q_expand (const SteerCpuPacking packing, const guint8 *p, gsize n_blocks, guint8 *out)
{
  const guint unit_blocks = packing.unit / STEER_CPU_QUANT_BLOCK;
  guint8 *to = out + Q_CODES;

  for (gsize first = 0; first < n_blocks; first += unit_blocks)
    {
      QHeader header;

      q_load_header (packing, p, &header);
      p += steer_cpu_packing_get_header (packing) * V_BYTES;
      for (guint block = 0; block < MIN (unit_blocks, n_blocks - first); block++)
        {
          gsize index = first + block;

          v_store ((float *) (gpointer) (out + index * V_BYTES), q_scale (packing, &header, block));
          for (guint i = 0; i < q_n_minimums (packing); i++)
            v_store ((float *) (gpointer) (out + Q_MINIMUMS + (2 * index + i) * V_BYTES),
                     q_minimum (packing, &header, block, i));
          for (gsize i = 0; i < steer_cpu_packing_get_bits (packing) * V_BYTES; i += 64)
            __builtin_prefetch (p + Q_PREFETCH + i);
          if (Q_BYTES (q_kind (packing)) && packing.group == 32)
            {
              UNROLL
              for (guint k = 0; k < Q_STEPS; k++)
                v_store ((float *) (gpointer) (to + k * V_BYTES), (Vector) q_load_codes (packing, p, k));
              to += Q_STEPS * V_BYTES;
            }
          else
            {
              q_expand_words (packing, &header, block, p, to);
              to += 2 * Q_STEPS * V_BYTES;
            }
          p += steer_cpu_packing_get_bits (packing) * V_BYTES;
        }
    }
}

INLINE gint32
q_load_quad (gconstpointer p)
{
  gint32 quad;

  memcpy (&quad, p, sizeof quad);
  return quad;
}

/* From integer sums of a block to floats. @tile->minimums is a constant here, so that what is not there costs nothing.
 */
INLINE void
q_finish_block (const SteerCpuQuantTile *tile,
                const guint tokens,
                const guint n_minimums,
                gsize block,
                VectorInt sum[Q_TOKENS][Q_PANELS],
                gboolean from_zero)
{
  Vector scale[Q_PANELS];
  Vector m[Q_PANELS][2];

  UNROLL
  for (guint p = 0; p < Q_PANELS; p++)
    {
      const guint8 *panel = tile->panels + p * tile->panel_bytes;

      scale[p] = v_load_bytes (panel + block * V_BYTES);
      for (guint i = 0; i < n_minimums; i++)
        m[p][i] = v_load_bytes (panel + Q_MINIMUMS + (2 * block + i) * V_BYTES);
    }
  UNROLL
  for (guint t = 0; t < tokens; t++)
    {
      const SteerCpuQuantBlock *x = tile->x.blocks + t * (tile->x.stride / STEER_CPU_QUANT_BLOCK) + block;
      VectorInt zero = q_set (tile->zero * (x->sums[0] + x->sums[1]));

      UNROLL
      for (guint p = 0; p < Q_PANELS; p++)
        {
          float *c = tile->c + t * tile->c_stride + p * V_LANES;
          Vector product = scale[p] * q_to_float (sum[t][p] - zero);

          product = q_subtract_minimum (n_minimums, m[p], x, product);
          v_store (c, v_fused (v_set (x->scale), product, from_zero ? v_set (0.0f) : v_load (c)));
        }
    }
}

INLINE void
q_finish_any_block (const SteerCpuQuantTile *tile,
                    const guint tokens,
                    gsize block,
                    VectorInt sum[Q_TOKENS][Q_PANELS],
                    gboolean from_zero)
{
  switch (tile->n_minimums)
    {
    case 0:
      q_finish_block (tile, tokens, 0, block, sum, from_zero);
      break;
    case 1:
      q_finish_block (tile, tokens, 1, block, sum, from_zero);
      break;
    default:
      q_finish_block (tile, tokens, 2, block, sum, from_zero);
    }
}

INLINE void
q_tile_bytes (const SteerCpuQuantTile *tile, const QKind kind, const guint tokens)
{
  for (gsize block = 0; block < tile->n_blocks; block++)
    {
      const guint8 *codes = tile->panels + Q_CODES + block * Q_STEPS * V_BYTES;
      const gint8 *x = tile->x.bytes + block * STEER_CPU_QUANT_BLOCK;
      VectorInt sum[Q_TOKENS][Q_PANELS];

      UNROLL
      for (guint t = 0; t < tokens; t++)
        UNROLL
      for (guint p = 0; p < Q_PANELS; p++)
        sum[t][p] = q_set (0);
      for (guint k = 0; k < Q_STEPS; k++)
        {
          VectorBits w[Q_PANELS];

          UNROLL
          for (guint p = 0; p < Q_PANELS; p++)
            w[p] = q_load (codes + p * tile->panel_bytes + k * V_BYTES);
          UNROLL
          for (guint t = 0; t < tokens; t++)
            {
              VectorInt quad = q_set (q_load_quad (x + t * tile->x.stride + 4 * k));

              UNROLL
              for (guint p = 0; p < Q_PANELS; p++)
                sum[t][p] = q_begin_add (kind, sum[t][p], w[p], quad);
            }
        }
      UNROLL
      for (guint t = 0; t < tokens; t++)
        UNROLL
      for (guint p = 0; p < Q_PANELS; p++)
        sum[t][p] = q_end (kind, sum[t][p]);
      q_finish_any_block (tile, tokens, block, sum, block == 0 && !tile->accumulate);
    }
}

INLINE void
q_tile_words (const SteerCpuQuantTile *tile, const guint tokens)
{
  for (gsize block = 0; block < tile->n_blocks; block++)
    {
      const guint8 *codes = tile->panels + Q_CODES + block * 2 * Q_STEPS * V_BYTES;
      const gint16 *x = tile->x.words + block * STEER_CPU_QUANT_BLOCK;
      VectorInt sum[Q_TOKENS][Q_PANELS];

      UNROLL
      for (guint t = 0; t < tokens; t++)
        UNROLL
      for (guint p = 0; p < Q_PANELS; p++)
        sum[t][p] = q_set (0);
      for (guint k = 0; k < 2 * Q_STEPS; k++)
        {
          VectorBits w[Q_PANELS];

          UNROLL
          for (guint p = 0; p < Q_PANELS; p++)
            w[p] = q_load (codes + p * tile->panel_bytes + k * V_BYTES);
          UNROLL
          for (guint t = 0; t < tokens; t++)
            {
              VectorInt pair = q_set (q_load_quad (x + t * tile->x.stride + 2 * k));

              UNROLL
              for (guint p = 0; p < Q_PANELS; p++)
                sum[t][p] = q_add_words (sum[t][p], w[p], pair);
            }
        }
      q_finish_any_block (tile, tokens, block, sum, block == 0 && !tile->accumulate);
    }
}

#define Q_TILE_CASE(tokens, ...)                                                                                       \
  case tokens:                                                                                                         \
    if (tokens <= Q_TOKENS)                                                                                            \
      __VA_ARGS__;                                                                                                     \
    break;

#define DEFINE_QUANT_TILE(name, call)                                                                                  \
  static void name (const SteerCpuQuantTile *tile)                                                                     \
  {                                                                                                                    \
    switch (tile->n_tokens)                                                                                            \
      {                                                                                                                \
        Q_TILE_CASE (1, call (1))                                                                                      \
        Q_TILE_CASE (2, call (MIN (2, Q_TOKENS)))                                                                      \
        Q_TILE_CASE (3, call (MIN (3, Q_TOKENS)))                                                                      \
        Q_TILE_CASE (4, call (MIN (4, Q_TOKENS)))                                                                      \
        Q_TILE_CASE (5, call (MIN (5, Q_TOKENS)))                                                                      \
        Q_TILE_CASE (6, call (MIN (6, Q_TOKENS)))                                                                      \
        Q_TILE_CASE (7, call (MIN (7, Q_TOKENS)))                                                                      \
        Q_TILE_CASE (8, call (MIN (8, Q_TOKENS)))                                                                      \
      default:                                                                                                         \
        break;                                                                                                         \
      }                                                                                                                \
  }

#define Q_TILE_UNSIGNED_4(tokens) q_tile_bytes (tile, Q_UNSIGNED_4, tokens)
#define Q_TILE_BYTES(tokens) q_tile_bytes (tile, Q_BIAS != 0 ? Q_UNSIGNED_8 : Q_SIGNED_8, tokens)
#define Q_TILE_WORDS(tokens) q_tile_words (tile, tokens)

DEFINE_QUANT_TILE (quant_tile_unsigned_4, Q_TILE_UNSIGNED_4)
DEFINE_QUANT_TILE (quant_tile_words, Q_TILE_WORDS)
#if Q_ALL_BYTES
DEFINE_QUANT_TILE (quant_tile_bytes, Q_TILE_BYTES)
#else
#define quant_tile_bytes quant_tile_words
#endif

#define DEFINE_QUANT_KERNELS(suffix, dtype)                                                                            \
  static void quant_gemv_##suffix (const guint8 *panels, gsize panel_bytes, gsize n_panels, gsize depth,               \
                                   const SteerCpuQuantRows *x, guint n_columns, float *y, gsize y_stride)              \
  {                                                                                                                    \
    const SteerCpuPacking packing = steer_cpu_packing_get (dtype);                                                     \
    if (n_columns == 1)                                                                                                \
      q_gemv (packing, 1, panels, panel_bytes, n_panels, depth, x, y, y_stride);                                       \
    else                                                                                                               \
      q_gemv (packing, n_columns, panels, panel_bytes, n_panels, depth, x, y, y_stride);                               \
  }                                                                                                                    \
  static void quant_expand_##suffix (const guint8 *panel, gsize n_blocks, guint8 *out)                                 \
  {                                                                                                                    \
    q_expand (steer_cpu_packing_get (dtype), panel, n_blocks, out);                                                    \
  }

DEFINE_QUANT_KERNELS (q4_0, STEER_DTYPE_Q4_0)
DEFINE_QUANT_KERNELS (q4_1, STEER_DTYPE_Q4_1)
DEFINE_QUANT_KERNELS (q5_0, STEER_DTYPE_Q5_0)
DEFINE_QUANT_KERNELS (q5_1, STEER_DTYPE_Q5_1)
DEFINE_QUANT_KERNELS (q8_0, STEER_DTYPE_Q8_0)
DEFINE_QUANT_KERNELS (q2_k, STEER_DTYPE_Q2_K)
DEFINE_QUANT_KERNELS (q3_k, STEER_DTYPE_Q3_K)
DEFINE_QUANT_KERNELS (q4_k, STEER_DTYPE_Q4_K)
DEFINE_QUANT_KERNELS (q5_k, STEER_DTYPE_Q5_K)
DEFINE_QUANT_KERNELS (q6_k, STEER_DTYPE_Q6_K)
DEFINE_QUANT_KERNELS (iq4_nl, STEER_DTYPE_IQ4_NL)
DEFINE_QUANT_KERNELS (iq4_xs, STEER_DTYPE_IQ4_XS)

#define QUANT_KERNELS                                                                                                  \
  {                                                                                                                    \
    [STEER_DTYPE_Q4_0] = { quant_gemv_q4_0, quant_expand_q4_0, quant_tile_unsigned_4, 8, 0 },                          \
    [STEER_DTYPE_Q4_1] = { quant_gemv_q4_1, quant_expand_q4_1, quant_tile_unsigned_4, 0, 1 },                          \
    [STEER_DTYPE_Q5_0] = { quant_gemv_q5_0, quant_expand_q5_0, quant_tile_bytes, Q_ALL_BYTES ? 16 : 0, 0 },            \
    [STEER_DTYPE_Q5_1] = { quant_gemv_q5_1, quant_expand_q5_1, quant_tile_bytes, 0, 1 },                               \
    [STEER_DTYPE_Q8_0] = { quant_gemv_q8_0, quant_expand_q8_0, quant_tile_bytes, Q_ALL_BYTES ? Q_BIAS : 0, 0 },        \
    [STEER_DTYPE_Q2_K] = { quant_gemv_q2_k, quant_expand_q2_k, quant_tile_words, 0, 2 },                               \
    [STEER_DTYPE_Q3_K] = { quant_gemv_q3_k, quant_expand_q3_k, quant_tile_words, 0, 0 },                               \
    [STEER_DTYPE_Q4_K] = { quant_gemv_q4_k, quant_expand_q4_k, quant_tile_unsigned_4, 0, 1 },                          \
    [STEER_DTYPE_Q5_K] = { quant_gemv_q5_k, quant_expand_q5_k, quant_tile_bytes, 0, 1 },                               \
    [STEER_DTYPE_Q6_K] = { quant_gemv_q6_k, quant_expand_q6_k, quant_tile_words, 0, 0 },                               \
    [STEER_DTYPE_IQ4_NL] = { quant_gemv_iq4_nl, quant_expand_iq4_nl, quant_tile_bytes, Q_ALL_BYTES ? Q_BIAS : 0, 0 },  \
    [STEER_DTYPE_IQ4_XS] = { quant_gemv_iq4_xs, quant_expand_iq4_xs, quant_tile_bytes, Q_ALL_BYTES ? Q_BIAS : 0, 0 },  \
  }

/* The block's largest magnitude becomes 127; rounding to nearest even by adding a number whose unit is 1. */
static void
quantize (const float *x, gsize n, gint8 *bytes, gint16 *words, SteerCpuQuantBlock *blocks)
{
  typedef gint8 Narrow __attribute__ ((vector_size (V_LANES), aligned (1), may_alias));
  typedef gint16 Words __attribute__ ((vector_size (2 * V_LANES), aligned (1), may_alias));
  const Vector round = v_set (0x1.8p23f);

  for (gsize i = 0; i < n; i += STEER_CPU_QUANT_BLOCK, blocks++)
    {
      Vector most = v_set (0.0f);
      float largest, factor;

      for (guint j = 0; j < STEER_CPU_QUANT_BLOCK; j += V_LANES)
        {
          Vector v = (Vector) ((VectorInt) v_load (x + i + j) & 0x7fffffff);

          most = v_choose ((VectorInt) (v > most), v, most);
        }
      largest = v_largest (most);
      factor = largest > 0.0f ? 127.0f / largest : 0.0f;
      blocks->scale = largest / 127.0f;
      for (guint half = 0; half < 2; half++)
        {
          VectorInt total = q_set (0);
          gint32 sum = 0;

          for (guint j = half * 16; j < half * 16 + 16; j += V_LANES)
            {
              VectorInt q = (VectorInt) (v_load (x + i + j) * factor + round) - (VectorInt) round;

              total += q;
              *(Narrow *) (gpointer) (bytes + i + j) = __builtin_convertvector(q, Narrow);
              if (words != NULL)
                *(Words *) (gpointer) (words + i + j) = __builtin_convertvector(q, Words);
            }
          for (guint lane = 0; lane < V_LANES; lane++)
            sum += total[lane];
          blocks->sums[half] = sum;
        }
      blocks->sum = (float) (blocks->sums[0] + blocks->sums[1]);
    }
}
