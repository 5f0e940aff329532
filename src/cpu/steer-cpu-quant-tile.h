/* Products of many tokens with packed weights, over steer-cpu-quant-expand.h: two panels with a few tokens at a time,
 * whose sums are kept in registers. */

/* A compiler that works on all of a step's products at once runs out of registers for the sums; so each is finished
 * before the next. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(STEER_CPU_EMULATED)
#define Q_KEEP(v) __asm__("" : "+x"(v))
#else
#define Q_KEEP(v)
#endif

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
