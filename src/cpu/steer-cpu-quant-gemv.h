/* Products of a few tokens with packed weights, over steer-cpu-quant-codes.h: each block is unpacked in registers. */

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
