/* Kernels on rows of activations, and the table of all kernels; written over the vector of steer-cpu-vector.h. */

static void
rms_norm (const float *x, const float *weight, gsize n, float eps, float *out)
{
  Vector squares[2] = { v_set (0.0f), v_set (0.0f) };
  gsize i = 0;
  float factor;

  for (; i + 2 * V_LANES <= n; i += 2 * V_LANES)
    {
      Vector first = v_load (x + i);
      Vector second = v_load (x + i + V_LANES);

      squares[0] = v_fma (first, first, squares[0]);
      squares[1] = v_fma (second, second, squares[1]);
    }
  for (; i < n; i += V_LANES)
    {
      Vector rest = v_load_some (x + i, MIN (V_LANES, n - i));

      squares[0] = v_fma (rest, rest, squares[0]);
    }
  factor = 1.0f / sqrtf (v_sum (squares[0] + squares[1]) / (float) n + eps);
  for (i = 0; i < n; i++)
    out[i] = weight[i] * (x[i] * factor);
}

static void
rope (float *x, const float *cosine, const float *sine, gsize n)
{
  gsize half = n / 2;
  float *low = x;
  float *high = x + half;

  for (gsize i = 0; i < half; i++)
    {
      float a = low[i];
      float b = high[i];

      low[i] = a * cosine[i] - b * sine[i];
      high[i] = b * cosine[i] + a * sine[i];
    }
}

static void
rope_interleaved (float *x, const float *cosine, const float *sine, gsize n)
{
  for (gsize i = 0; i < n / 2; i++)
    {
      float a = x[2 * i];
      float b = x[2 * i + 1];

      x[2 * i] = a * cosine[i] - b * sine[i];
      x[2 * i + 1] = b * cosine[i] + a * sine[i];
    }
}

static void
silu_mul (const float *gate, const float *up, gsize n, float *out)
{
  for (gsize i = 0; i < n; i += V_LANES)
    {
      gsize count = MIN (V_LANES, n - i);
      Vector g = count == V_LANES ? v_load (gate + i) : v_load_some (gate + i, count);
      Vector u = count == V_LANES ? v_load (up + i) : v_load_some (up + i, count);
      Vector y = g / (1.0f + v_exp (-g)) * u;

      if (count == V_LANES)
        v_store (out + i, y);
      else
        v_store_some (out + i, y, count);
    }
}

/* (1 + tanh (u)) / 2 is 1 / (1 + exp (-2u)), which loses nothing where tanh is near -1. */
static void
gelu_mul (const float *gate, const float *up, gsize n, float *out)
{
  const float twice_root = 1.59576912f; /* 2 * sqrt (2 / pi) */

  for (gsize i = 0; i < n; i += V_LANES)
    {
      gsize count = MIN (V_LANES, n - i);
      Vector g = count == V_LANES ? v_load (gate + i) : v_load_some (gate + i, count);
      Vector u = count == V_LANES ? v_load (up + i) : v_load_some (up + i, count);
      Vector inner = twice_root * (g + 0.044715f * (g * g * g));
      Vector y = g / (1.0f + v_exp (-inner)) * u;

      if (count == V_LANES)
        v_store (out + i, y);
      else
        v_store_some (out + i, y, count);
    }
}

/* Of a small number by the polynomial of Cephes' tanhf, where the quotient would lose its last bits. */
INLINE Vector
v_tanh (Vector x)
{
  Vector size = (Vector) ((VectorBits) x & 0x7fffffff);
  VectorBits sign = (VectorBits) x & 0x80000000;
  Vector square = x * x;
  Vector p = v_fma (v_set (-5.70498872745e-3f), square, v_set (2.06390887954e-2f));
  Vector large = 1.0f - 2.0f / (1.0f + v_exp (size + size));

  p = v_fma (p, square, v_set (-5.37397155531e-2f));
  p = v_fma (p, square, v_set (1.33314422036e-1f));
  p = v_fma (p, square, v_set (-3.33332819422e-1f));
  p = v_fma (p * square, x, x);
  return v_choose ((VectorInt) (size < v_set (0.625f)), p, (Vector) ((VectorBits) large | sign));
}

static void
softcap (const float *x, gsize n, float cap, float *out)
{
  for (gsize i = 0; i < n; i += V_LANES)
    {
      gsize count = MIN (V_LANES, n - i);
      Vector v = count == V_LANES ? v_load (x + i) : v_load_some (x + i, count);
      Vector y = cap * v_tanh (v / cap);

      if (count == V_LANES)
        v_store (out + i, y);
      else
        v_store_some (out + i, y, count);
    }
}

static float
softmax_block (float *scores, gsize n, float *max, float *sum)
{
  Vector most = v_set (-INFINITY);
  Vector total = v_set (0.0f);
  float new_max, factor;

  for (gsize i = 0; i < n; i += V_LANES)
    {
      Vector s = v_load (scores + i);

      most = v_larger (s, most);
    }
  new_max = v_largest (most);
  new_max = new_max > *max ? new_max : *max;
  if (new_max == -INFINITY)
    {
      memset (scores, 0, n * sizeof (float));
      return 1.0f;
    }
  for (gsize i = 0; i < n; i += V_LANES)
    {
      Vector p = v_exp (v_load (scores + i) - new_max);

      v_store (scores + i, p);
      total += p;
    }
  factor = *max == new_max ? 1.0f : *max == -INFINITY ? 0.0f : expf (*max - new_max);
  *max = new_max;
  *sum = *sum * factor + v_sum (total);
  return factor;
}

static void
scale (float *x, gsize n, float factor)
{
  for (gsize i = 0; i < n; i++)
    x[i] *= factor;
}

static void
axpy (float a, const float *x, gsize n, float *y)
{
  for (gsize i = 0; i < n; i++)
    y[i] += a * x[i];
}

#define DOT_LANES 16

static double
dot (const float *x, const float *y, gsize n)
{
  double sum[DOT_LANES] = { 0.0 };
  gsize i = 0;

  for (; i + DOT_LANES <= n; i += DOT_LANES)
    for (guint j = 0; j < DOT_LANES; j++)
      sum[j] += (double) x[i + j] * (double) y[i + j];
  for (guint j = 0; i + j < n; j++)
    sum[j] += (double) x[i + j] * (double) y[i + j];
  for (guint half = DOT_LANES / 2; half > 0; half /= 2)
    for (guint j = 0; j < half; j++)
      sum[j] += sum[j + half];
  return sum[0];
}

static gsize
argmax (const float *x, gsize n)
{
  Vector most = v_set (-INFINITY);
  gsize i = 0;
  float max;

  for (; i + V_LANES <= n; i += V_LANES)
    {
      Vector v = v_load (x + i);

      most = v_larger (v, most);
    }
  max = v_largest (most);
  for (; i < n; i++)
    max = x[i] > max ? x[i] : max;
  for (i = 0; i < n; i++)
    if (x[i] == max)
      return i;
  return 0;
}

static void
narrow_f16 (const float *x, gsize n, guint16 *out)
{
  gsize i = 0;

  for (; i + V_LANES <= n; i += V_LANES)
    v_store_f16 (out + i, v_load (x + i));
  if (i < n)
    {
      guint16 lanes[V_LANES];

      v_store_f16 (lanes, v_load_some (x + i, n - i));
      memcpy (out + i, lanes, (n - i) * sizeof (guint16));
    }
}

const SteerCpuKernels KERNELS_SYMBOL = {
  .isa = KERNELS_ISA,
  .name = KERNELS_NAME,
  .tile_rows = TILE_ROWS,
  .tile_columns = TILE_COLUMNS,
  .weights = {
    [STEER_DTYPE_F32] = { gemv_f32, pack_f32, expand_f32 },
    [STEER_DTYPE_BF16] = { gemv_bf16, pack_bf16, expand_bf16 },
    [STEER_DTYPE_F16] = { gemv_f16, pack_f16, expand_f16 },
  },
  .panel_rows = V_LANES,
  .quant = QUANT_KERNELS,
  .quantize = quantize,
  .tile = tile,
  .cache_tile_f16 = cache_tile_f16,
  .cache_tile_f32 = cache_tile_f32,
  .cache_bytes = CACHE_BYTES_KERNELS,
  .rms_norm = rms_norm,
  .rope = rope,
  .rope_interleaved = rope_interleaved,
  .silu_mul = silu_mul,
  .gelu_mul = gelu_mul,
  .softcap = softcap,
  .softmax_block = softmax_block,
  .scale = scale,
  .axpy = axpy,
  .dot = dot,
  .argmax = argmax,
  .narrow_f16 = narrow_f16,
};

G_STATIC_ASSERT (TILE_ROWS <= STEER_CPU_MAX_TILE_ROWS);
G_STATIC_ASSERT (STEER_CPU_MAX_TILE_COLUMNS % TILE_COLUMNS == 0);
