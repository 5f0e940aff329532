/* Products with packed quantised weights (steer-cpu-packed.h), written over the vector of steer-cpu-vector.h and
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

/* A compiler that works on all of a step's products at once runs out of registers for the sums; so each is finished
 * before the next. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(STEER_CPU_EMULATED)
#define Q_KEEP(v) __asm__("" : "+x"(v))
#else
#define Q_KEEP(v)
#endif

#define Q_STEPS (STEER_CPU_QUANT_BLOCK / 4)
#define Q_PANELS 2

/* Blocks of one tile call. */
#define Q_BLOCKS (STEER_CPU_TILE_DEPTH / STEER_CPU_QUANT_BLOCK)

/* An expanded panel: scales [Q_BLOCKS] and minimums [Q_BLOCKS, 2] as vectors, then its codes. */
#define Q_MINIMUMS (Q_BLOCKS * V_BYTES)
#define Q_CODES (3 * Q_BLOCKS * V_BYTES)

/* How far ahead of its use a panel is asked for, in bytes. */
#define Q_PREFETCH 2048

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
  Vector offsets[2];

  for (gsize i = 0; i < steer_cpu_packing_get_bits (packing) * V_BYTES; i += 64)
    __builtin_prefetch (codes + Q_PREFETCH + i);
  UNROLL
  for (guint k = 0; k < Q_STEPS; k++)
    w[k] = q_load_codes (packing, codes, k);
  for (guint i = 0; i < q_n_minimums (packing); i++)
    offsets[i] = q_offset (packing, header, block, i);
  for (guint c = 0; c < columns; c++)
    {
      const SteerCpuQuantBlock *part = x->blocks + c * (x->stride / STEER_CPU_QUANT_BLOCK) + index;
      const gint8 *bytes = x->bytes + c * x->stride + index * STEER_CPU_QUANT_BLOCK;
      Vector t = scale * q_to_float (q_block_dot (packing, header, block, w, bytes, part));

      t = q_add_offsets (q_n_minimums (packing), offsets, part, t);
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
  const guint together = packing.unit == 64 ? 2 : packing.group == 16 ? 2 : 4;
  Vector sum[STEER_CPU_GEMV_COLUMNS];

  for (guint c = 0; c < columns; c++)
    sum[c] = v_set (0.0f);
  for (gsize first = 0; first < n_blocks; first += unit_blocks)
    {
      QHeader header;
      const guint n = (guint) MIN (unit_blocks, n_blocks - first);

      q_load_header (packing, p, &header);
      p += steer_cpu_packing_get_header (packing) * V_BYTES;
      /* Unrolled as far as one vector has scales, so that shifts are constants. */
      for (guint block = 0; block < n; block += together)
        UNROLL
      for (guint i = 0; i < together; i++)
        {
          if (block + i >= n)
            break;
          q_gemv_block (packing, columns, &header, block + i, p, x, first + block + i, sum);
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

/* How a tile reads a type's codes. */
typedef enum
{
  Q_TILE_BLOCKS, /* bytes; sums of a block before they are scaled */
  Q_TILE_PAIRS,  /* bytes; two steps are added up in 16 bits, then scaled with the S of groups of 16 */
  Q_TILE_WORDS,  /* 16 bits, S multiplied in */
} QTileKind;

INLINE QTileKind
q_tile_kind (const SteerCpuPacking packing)
{
  if (packing.group == 32 && Q_BLOCKS_OF (q_kind (packing)))
    return Q_TILE_BLOCKS;
  return Q_PAIRS && q_kind (packing) != Q_SIGNED_8 && !(packing.group == 16 && packing.minimum) ? Q_TILE_PAIRS
                                                                                                : Q_TILE_WORDS;
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
                     q_offset (packing, &header, block, i));
          for (gsize i = 0; i < steer_cpu_packing_get_bits (packing) * V_BYTES; i += 64)
            __builtin_prefetch (p + Q_PREFETCH + i);
          if (q_tile_kind (packing) != Q_TILE_WORDS)
            {
              if (packing.group == 16)
                {
                  VectorInt first_scale = q_integer_scale (packing, &header, q_first_group (packing, block));
                  VectorInt second_scale = q_integer_scale (packing, &header, q_first_group (packing, block) + 1);

                  v_store ((float *) (gpointer) (out + Q_MINIMUMS + 2 * index * V_BYTES),
                           (Vector) ((first_scale & 0xffff) | (VectorInt) ((VectorBits) second_scale << 16)));
                }
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

/* What is known of a tile when it is compiled. */
typedef struct
{
  QTileKind kind;
  QKind codes;
  gint32 zero;
  gboolean groups; /* of 16 with a scale each, of Q_TILE_PAIRS */
  guint n_minimums;
} QTile;

INLINE QTile
q_tile_of (const SteerCpuPacking packing)
{
  const QTileKind kind = q_tile_kind (packing);

  return (QTile){ kind, q_kind (packing), kind == Q_TILE_WORDS ? 0 : q_zero (packing),
                  kind == Q_TILE_PAIRS && packing.group == 16, q_n_minimums (packing) };
}

/* Steps of a block in which sums are kept in vectors. x: the first token's block, in bytes; stride: in bytes. */
INLINE void
q_sum_blocks (const QTile is,
              const guint tokens,
              const guint8 *codes,
              gsize panel_bytes,
              const guint8 *x,
              gsize stride,
              VectorInt sum[Q_TOKENS][Q_PANELS])
{
  for (guint k = 0; k < (is.kind == Q_TILE_WORDS ? 2 * Q_STEPS : Q_STEPS); k++)
    {
      VectorBits w[Q_PANELS];

      UNROLL
      for (guint p = 0; p < Q_PANELS; p++)
        w[p] = q_load (codes + p * panel_bytes + k * V_BYTES);
      UNROLL
      for (guint t = 0; t < tokens; t++)
        {
          VectorInt quad = q_set (q_load_quad (x + t * stride + 4 * k));

          UNROLL
          for (guint p = 0; p < Q_PANELS; p++)
            {
              sum[t][p] = is.kind == Q_TILE_WORDS ? q_add_words (sum[t][p], w[p], quad)
                                                  : q_begin_add (is.codes, sum[t][p], w[p], quad);
              Q_KEEP (sum[t][p]);
            }
        }
    }
  if (is.kind == Q_TILE_BLOCKS)
    UNROLL
  for (guint t = 0; t < tokens; t++)
    UNROLL
  for (guint p = 0; p < Q_PANELS; p++)
    sum[t][p] = q_end (is.codes, sum[t][p]);
}

#if Q_PAIRS
INLINE void
q_sum_pairs (const QTile is,
             const guint tokens,
             const guint8 *codes,
             gsize panel_bytes,
             const VectorInt *scales,
             const guint8 *x,
             gsize stride,
             VectorInt sum[Q_TOKENS][Q_PANELS])
{
  UNROLL
  for (guint g = 0; g < 2; g++)
    {
      VectorInt factor[Q_PANELS];

      UNROLL
      for (guint p = 0; p < Q_PANELS; p++)
        if (!is.groups)
          factor[p] = q_set (0x00010001);
        else if (g == 0)
          factor[p] = (scales[p] & 0xffff) | (VectorInt) ((VectorBits) scales[p] << 16);
        else
          factor[p] = (VectorInt) ((VectorBits) scales[p] >> 16) | (scales[p] & (gint32) 0xffff0000);
      for (guint k = g * Q_STEPS / 2; k < (g + 1) * Q_STEPS / 2; k += 2)
        {
          VectorBits w[2][Q_PANELS];

          UNROLL
          for (guint i = 0; i < 2; i++)
            UNROLL
          for (guint p = 0; p < Q_PANELS; p++)
            w[i][p] = q_load (codes + p * panel_bytes + (k + i) * V_BYTES);
          UNROLL
          for (guint t = 0; t < tokens; t++)
            {
              VectorInt first = q_set (q_load_quad (x + t * stride + 4 * k));
              VectorInt second = q_set (q_load_quad (x + t * stride + 4 * k + 4));

              UNROLL
              for (guint p = 0; p < Q_PANELS; p++)
                sum[t][p] = q_add_words (sum[t][p], q_add_two (w[0][p], first, w[1][p], second), factor[p]);
            }
        }
    }
}
#endif

/* From integer sums of a block to floats. */
INLINE void
q_finish_block (const QTile is,
                const SteerCpuQuantTile tile,
                const guint tokens,
                gsize block,
                const VectorInt *scales,
                const SteerCpuQuantBlock *x,
                float *c,
                VectorInt sum[Q_TOKENS][Q_PANELS])
{
  const gsize x_stride = tile.x.stride / STEER_CPU_QUANT_BLOCK;
  Vector scale[Q_PANELS];
  Vector offsets[Q_PANELS][2];

  UNROLL
  for (guint p = 0; p < Q_PANELS; p++)
    {
      const guint8 *panel = tile.panels + p * tile.panel_bytes;

      scale[p] = v_load_bytes (panel + block * V_BYTES);
      UNROLL
      for (guint i = 0; i < is.n_minimums; i++)
        offsets[p][i] = v_load_bytes (panel + Q_MINIMUMS + (2 * block + i) * V_BYTES);
    }
  UNROLL
  for (guint t = 0; t < tokens; t++)
    {
      const SteerCpuQuantBlock *part = x + t * x_stride + block;
      VectorInt total = q_set (is.zero * (part->sums[0] + part->sums[1]));
      VectorInt both = q_set ((part->sums[0] & 0xffff) | (gint32) ((guint32) part->sums[1] << 16));

      UNROLL
      for (guint p = 0; p < Q_PANELS; p++)
        {
          float *to = c + t * tile.c_stride + p * V_LANES;
          VectorInt integer = sum[t][p];
          Vector product;

          if (is.groups)
            integer -= q_add_words (q_set (0), (VectorBits) both, scales[p]) * is.zero;
          else if (is.zero != 0)
            integer -= total;
          product = scale[p] * q_to_float (integer);
          product = q_add_offsets (is.n_minimums, offsets[p], part, product);
          v_store (to, v_fused (v_set (part->scale), product, v_load (to)));
        }
    }
}

INLINE void
q_tile_tokens (const QTile is, const SteerCpuQuantTile tile, const guint tokens, guint first)
{
  const guint size = is.kind == Q_TILE_WORDS ? 2 : 1;
  const guint8 *x = (const guint8 *) (is.kind == Q_TILE_WORDS ? (gconstpointer) (tile.x.words + first * tile.x.stride)
                                                              : (gconstpointer) (tile.x.bytes + first * tile.x.stride));
  const SteerCpuQuantBlock *blocks = tile.x.blocks + first * (tile.x.stride / STEER_CPU_QUANT_BLOCK);
  float *c = tile.c + first * tile.c_stride;

  if (!tile.accumulate)
    for (guint t = 0; t < tokens; t++)
      memset (c + t * tile.c_stride, 0, Q_PANELS * V_BYTES);
  for (gsize block = 0; block < tile.n_blocks; block++)
    {
      const guint8 *codes = tile.panels + Q_CODES + block * Q_STEPS * size * V_BYTES;
      const guint8 *part = x + block * STEER_CPU_QUANT_BLOCK * size;
      VectorInt sum[Q_TOKENS][Q_PANELS];
      VectorInt scales[Q_PANELS];

      UNROLL
      for (guint t = 0; t < tokens; t++)
        UNROLL
      for (guint p = 0; p < Q_PANELS; p++)
        sum[t][p] = q_set (0);
      UNROLL
      for (guint p = 0; p < Q_PANELS; p++)
        scales[p] = (VectorInt) q_load (tile.panels + p * tile.panel_bytes + Q_MINIMUMS + 2 * block * V_BYTES);
#if Q_PAIRS
      if (is.kind == Q_TILE_PAIRS)
        q_sum_pairs (is, tokens, codes, tile.panel_bytes, scales, part, tile.x.stride, sum);
      else
#endif
        q_sum_blocks (is, tokens, codes, tile.panel_bytes, part, tile.x.stride * size, sum);
      q_finish_block (is, tile, tokens, block, scales, blocks, c, sum);
    }
}

/* Tokens that go together; sums of pairs need more registers. */
#define Q_TOKENS_OF(is) ((is).kind == Q_TILE_PAIRS ? 4 : Q_TOKENS)

INLINE void
q_tile (const QTile is, const SteerCpuQuantTile *tile)
{
  const SteerCpuQuantTile copy = *tile;
  guint t = 0;

  for (; t + Q_TOKENS_OF (is) <= copy.n_tokens; t += Q_TOKENS_OF (is))
    q_tile_tokens (is, copy, Q_TOKENS_OF (is), t);
  for (; t + 2 <= copy.n_tokens; t += 2)
    q_tile_tokens (is, copy, 2, t);
  if (t < copy.n_tokens)
    q_tile_tokens (is, copy, 1, t);
}

/* Tiles, one for all types that it reads alike. */
#define DEFINE_QUANT_TILE(suffix, dtype)                                                                               \
  static void quant_tile_##suffix (const SteerCpuQuantTile *tile)                                                      \
  {                                                                                                                    \
    q_tile (q_tile_of (steer_cpu_packing_get (dtype)), tile);                                                          \
  }

DEFINE_QUANT_TILE (q4_0, STEER_DTYPE_Q4_0)
DEFINE_QUANT_TILE (q4_k, STEER_DTYPE_Q4_K) /* and Q4_1 */
DEFINE_QUANT_TILE (q5_0, STEER_DTYPE_Q5_0)
DEFINE_QUANT_TILE (q5_k, STEER_DTYPE_Q5_K) /* and Q5_1 */
DEFINE_QUANT_TILE (q8_0, STEER_DTYPE_Q8_0) /* and IQ4_NL, IQ4_XS */
DEFINE_QUANT_TILE (q2_k, STEER_DTYPE_Q2_K)
DEFINE_QUANT_TILE (q3_k, STEER_DTYPE_Q3_K)
DEFINE_QUANT_TILE (q6_k, STEER_DTYPE_Q6_K)

#define DEFINE_QUANT_GEMV(suffix, dtype, single)                                                                       \
  static void quant_gemv_##suffix (const guint8 *panels, gsize panel_bytes, gsize n_panels, gsize depth,               \
                                   const SteerCpuQuantRows *x, guint n_columns, float *y, gsize y_stride)              \
  {                                                                                                                    \
    const SteerCpuPacking packing = steer_cpu_packing_get (dtype);                                                     \
                                                                                                                       \
    if (single && n_columns == 1)                                                                                      \
      q_gemv (packing, 1, panels, panel_bytes, n_panels, depth, x, y, y_stride);                                       \
    else                                                                                                               \
      q_gemv (packing, n_columns, panels, panel_bytes, n_panels, depth, x, y, y_stride);                               \
  }                                                                                                                    \
  static void quant_expand_##suffix (const guint8 *panel, gsize n_blocks, guint8 *out)                                 \
  {                                                                                                                    \
    q_expand (steer_cpu_packing_get (dtype), panel, n_blocks, out);                                                    \
  }

/* The types that most files have get a function of their own for a single column. */
DEFINE_QUANT_GEMV (q4_0, STEER_DTYPE_Q4_0, TRUE)
DEFINE_QUANT_GEMV (q4_1, STEER_DTYPE_Q4_1, FALSE)
DEFINE_QUANT_GEMV (q5_0, STEER_DTYPE_Q5_0, FALSE)
DEFINE_QUANT_GEMV (q5_1, STEER_DTYPE_Q5_1, FALSE)
DEFINE_QUANT_GEMV (q8_0, STEER_DTYPE_Q8_0, TRUE)
DEFINE_QUANT_GEMV (q2_k, STEER_DTYPE_Q2_K, FALSE)
DEFINE_QUANT_GEMV (q3_k, STEER_DTYPE_Q3_K, FALSE)
DEFINE_QUANT_GEMV (q4_k, STEER_DTYPE_Q4_K, TRUE)
DEFINE_QUANT_GEMV (q5_k, STEER_DTYPE_Q5_K, TRUE)
DEFINE_QUANT_GEMV (q6_k, STEER_DTYPE_Q6_K, TRUE)
DEFINE_QUANT_GEMV (iq4_nl, STEER_DTYPE_IQ4_NL, FALSE)
DEFINE_QUANT_GEMV (iq4_xs, STEER_DTYPE_IQ4_XS, FALSE)

#define QUANT_KERNELS                                                                                                  \
  {                                                                                                                    \
    [STEER_DTYPE_Q4_0] = { quant_gemv_q4_0, quant_expand_q4_0, quant_tile_q4_0 },                                      \
    [STEER_DTYPE_Q4_1] = { quant_gemv_q4_1, quant_expand_q4_1, quant_tile_q4_k },                                      \
    [STEER_DTYPE_Q5_0] = { quant_gemv_q5_0, quant_expand_q5_0, quant_tile_q5_0 },                                      \
    [STEER_DTYPE_Q5_1] = { quant_gemv_q5_1, quant_expand_q5_1, quant_tile_q5_k },                                      \
    [STEER_DTYPE_Q8_0] = { quant_gemv_q8_0, quant_expand_q8_0, quant_tile_q8_0 },                                      \
    [STEER_DTYPE_Q2_K] = { quant_gemv_q2_k, quant_expand_q2_k, quant_tile_q2_k },                                      \
    [STEER_DTYPE_Q3_K] = { quant_gemv_q3_k, quant_expand_q3_k, quant_tile_q3_k },                                      \
    [STEER_DTYPE_Q4_K] = { quant_gemv_q4_k, quant_expand_q4_k, quant_tile_q4_k },                                      \
    [STEER_DTYPE_Q5_K] = { quant_gemv_q5_k, quant_expand_q5_k, quant_tile_q5_k },                                      \
    [STEER_DTYPE_Q6_K] = { quant_gemv_q6_k, quant_expand_q6_k, quant_tile_q6_k },                                      \
    [STEER_DTYPE_IQ4_NL] = { quant_gemv_iq4_nl, quant_expand_iq4_nl, quant_tile_q8_0 },                                \
    [STEER_DTYPE_IQ4_XS] = { quant_gemv_iq4_xs, quant_expand_iq4_xs, quant_tile_q8_0 },                                \
  }

/* The block's largest magnitude becomes 127; rounding to nearest even by adding a number whose unit is 1. */
static void
quantize (const float *x, gsize n, gint8 *bytes, gint16 *words, SteerCpuQuantBlock *blocks)
{
  typedef gint8 Bytes __attribute__ ((vector_size (16), aligned (1), may_alias));
  typedef gint16 Words __attribute__ ((vector_size (32), aligned (1), may_alias));
  enum
  {
    N = STEER_CPU_QUANT_BLOCK / V_LANES
  };
  const Vector round = v_set (0x1.8p23f);

  for (gsize i = 0; i < n; i += STEER_CPU_QUANT_BLOCK, blocks++)
    {
      Vector values[N];
      VectorInt integers[N];
      Vector most = v_set (0.0f);
      Vector halves[2] = { v_set (0.0f), v_set (0.0f) };
      float largest, factor;

      UNROLL
      for (guint j = 0; j < N; j++)
        {
          Vector magnitude;

          values[j] = v_load (x + i + j * V_LANES);
          magnitude = (Vector) ((VectorInt) values[j] & 0x7fffffff);
          most = v_choose ((VectorInt) (magnitude > most), magnitude, most);
        }
      largest = v_largest (most);
      factor = largest > 0.0f ? 127.0f / largest : 0.0f;
      UNROLL
      for (guint j = 0; j < N; j++)
        {
          Vector shifted = values[j] * factor + round;

          integers[j] = (VectorInt) shifted - (VectorInt) round;
          halves[2 * j / N] += shifted - round; /* exact */
        }
      q_store_bytes (bytes + i, integers);
      if (words != NULL)
        for (guint half = 0; half < 2; half++)
          *(Words *) (gpointer) (words + i + 16 * half)
            = __builtin_convertvector(*(const Bytes *) (gconstpointer) (bytes + i + 16 * half), Words);
      blocks->scale = largest / 127.0f;
      for (guint half = 0; half < 2; half++)
        blocks->sums[half] = (gint32) v_sum (halves[half]);
      blocks->sum = (float) (blocks->sums[0] + blocks->sums[1]);
    }
}
