/* Both ends of a product of many tokens, over steer-cpu-quant-codes.h: panels as tiles read them, and what becomes of
 * integer sums. */

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
