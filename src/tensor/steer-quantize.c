/* Compiled without contraction of a*b-c to a fused operation, as steer-dequantize.c is, so that every machine writes
 * the same file. */

#include "steer-quantize.h"

#include <math.h>
#include <string.h>

#define SMALL_BLOCK 32
#define BLOCK 256

/* The largest scale that half precision can hold: beyond it the element, not the whole block, is lost. */
#define MAX_HALF 65504.0f

static void
store_u16 (guint8 *bytes, guint16 value)
{
  bytes[0] = (guint8) value;
  bytes[1] = (guint8) (value >> 8);
}

/* Returns the value that is stored. */
static float
store_half (guint8 *bytes, float value)
{
  guint16 half = steer_f32_to_f16 (CLAMP (value, -MAX_HALF, MAX_HALF));

  store_u16 (bytes, half);
  return steer_f16_to_f32 (half);
}

static void
take_finite (const float *values, guint n, float *x)
{
  for (guint i = 0; i < n; i++)
    x[i] = fabsf (values[i]) <= G_MAXFLOAT ? values[i] : 0.0f;
}

/* roundf() for |x| < 2^22, in a form that compilers can do many at a time: the float below a half, so that what is
 * just below a half is not carried over it. */
static inline int
round_away (float x)
{
  return (int) (x + copysignf (0x1.fffffep-2f, x));
}

static inline int
round_within (float x, int low, int high)
{
  float bounded = x < (float) low ? (float) low : x;

  return round_away (bounded > (float) high ? (float) high : bounded);
}

/* Far below what a half stores as other than 0, and the levels times the inverse of it are finite still. */
#define SMALLEST 0x1p-120f

/* 0 for scales of which nothing is stored, whatever the levels are: their inverse may be infinite. */
static float
invert_scale (float d)
{
  return fabsf (d) >= SMALLEST ? 1.0f / d : 0.0f;
}

/* The element of largest magnitude with its sign, the first of equals. */
static float
find_extreme (const float *x, guint n)
{
  float extreme = 0.0f;

  for (guint i = 0; i < n; i++)
    if (fabsf (x[i]) > fabsf (extreme))
      extreme = x[i];
  return extreme;
}

/* --- blocks of 32: scale by the extreme --- */

static void
quantize_q8_0 (const float *values, guint8 *block)
{
  float x[SMALL_BLOCK];
  float largest = 0.0f;
  float d, inverse;

  take_finite (values, SMALL_BLOCK, x);
  for (guint i = 0; i < SMALL_BLOCK; i++)
    largest = fabsf (x[i]) > largest ? fabsf (x[i]) : largest;
  d = largest / 127.0f;
  inverse = invert_scale (d);
  store_half (block, d);
  for (guint i = 0; i < SMALL_BLOCK; i++)
    block[2 + i] = (guint8) round_within (x[i] * inverse, -127, 127);
}

/* The extreme becomes the most negative level, of which there is one more than of positive ones. */
static void
quantize_q4_0 (const float *values, guint8 *block)
{
  float x[SMALL_BLOCK];
  float d, inverse;

  take_finite (values, SMALL_BLOCK, x);
  d = find_extreme (x, SMALL_BLOCK) / -8.0f;
  inverse = invert_scale (d);
  store_half (block, d);
  for (guint j = 0; j < 16; j++)
    {
      int low = (int) fminf (x[j] * inverse + 8.5f, 15.0f);
      int high = (int) fminf (x[j + 16] * inverse + 8.5f, 15.0f);

      block[2 + j] = (guint8) (low | high << 4);
    }
}

static void
quantize_q5_0 (const float *values, guint8 *block)
{
  float x[SMALL_BLOCK];
  guint32 fifth_bits = 0;
  float d, inverse;

  take_finite (values, SMALL_BLOCK, x);
  d = find_extreme (x, SMALL_BLOCK) / -16.0f;
  inverse = invert_scale (d);
  store_half (block, d);
  for (guint j = 0; j < 16; j++)
    {
      guint low = (guint) fminf (x[j] * inverse + 16.5f, 31.0f);
      guint high = (guint) fminf (x[j + 16] * inverse + 16.5f, 31.0f);

      block[6 + j] = (guint8) ((low & 15) | (high & 15) << 4);
      fifth_bits |= (low >> 4) << j | (high >> 4) << (j + 16);
    }
  store_u16 (block + 2, (guint16) fifth_bits);
  store_u16 (block + 4, (guint16) (fifth_bits >> 16));
}

/* --- eight elements at a time ---
 *
 * The searches below are what makes quantising slow. They are written over a vector of eight floats, which compilers
 * lower to what the machine has, and compiled once more for AVX2; both give the same bits. */

#define LANES 8

typedef float Vector __attribute__ ((vector_size (LANES * sizeof (float)), aligned (4)));
typedef gint32 VectorInt __attribute__ ((vector_size (LANES * sizeof (gint32))));

#define INLINE static inline __attribute__ ((always_inline))

INLINE Vector
v_load (const float *x)
{
  Vector vector;

  memcpy (&vector, x, sizeof vector);
  return vector;
}

INLINE Vector
v_choose (VectorInt mask, Vector yes, Vector no)
{
  return (Vector) ((mask & (VectorInt) yes) | (~mask & (VectorInt) no));
}

/* Rounds what lies in [low, high] after it was brought there; a half goes up. @low is not positive. */
INLINE Vector
v_round_within (Vector x, float low, float high)
{
  Vector lowest = (Vector){ 0 } + low;
  Vector highest = (Vector){ 0 } + high;

  x = v_choose ((VectorInt) (x < lowest), lowest, x);
  x = v_choose ((VectorInt) (x > highest), highest, x);
  return __builtin_convertvector(__builtin_convertvector(x - low + 0.5f, VectorInt), Vector) + low;
}

INLINE float
v_sum (Vector x)
{
  return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]));
}

/* --- Q6_K: sixteen groups of 16, a signed scale each --- */

#define Q6_GROUPS 16
#define Q6_GROUP 16
#define Q6_TRIES 9 /* on either side of the scale that brings the extreme to the last level */

/* The scale s and levels q = -32 .. 31 of least sum of (x - s q)^2, as far as the candidates find it. For given levels
 * the best s is sum(x q) / sum(q^2), and what it takes off the error is sum(x q)^2 / sum(q^2). */
INLINE float
search_scale (const float *x)
{
  float extreme = find_extreme (x, Q6_GROUP);
  float best_gain = 0.0f;
  float scale = 0.0f;

  if (fabsf (extreme) < SMALLEST)
    return 0.0f;
  for (int try = -Q6_TRIES; try <= Q6_TRIES; try++)
    {
      float inverse = -(32.0f + 0.1f * (float) try) / extreme;
      Vector products = { 0 };
      Vector squares = { 0 };
      float product, square;

      for (guint i = 0; i < Q6_GROUP; i += LANES)
        {
          Vector q = v_round_within (v_load (x + i) * inverse, -32.0f, 31.0f);

          products += v_load (x + i) * q;
          squares += q * q;
        }
      product = v_sum (products);
      square = v_sum (squares);
      if (square > 0.0f && product * product > best_gain * square)
        {
          best_gain = product * product / square;
          scale = product / square;
        }
    }
  return scale;
}

INLINE void
store_q6_k (const guint8 *levels, guint8 *block)
{
  for (guint half = 0; half < 2; half++)
    {
      const guint8 *q = levels + half * 128;  /* [4, 32] */
      guint8 *low = block + half * 64;        /* [64] */
      guint8 *high = block + 128 + half * 32; /* [32] */

      for (guint l = 0; l < 32; l++)
        {
          low[l] = (guint8) ((q[l] & 15) | (q[l + 64] & 15) << 4);
          low[l + 32] = (guint8) ((q[l + 32] & 15) | (q[l + 96] & 15) << 4);
          high[l] = (guint8) (q[l] >> 4 | q[l + 32] >> 4 << 2 | q[l + 64] >> 4 << 4 | q[l + 96] >> 4 << 6);
        }
    }
}

INLINE void
quantize_q6_k_any (const float *values, guint8 *block)
{
  float x[BLOCK];
  float scales[Q6_GROUPS];
  guint8 levels[BLOCK];
  float d;

  take_finite (values, BLOCK, x);
  for (guint g = 0; g < Q6_GROUPS; g++)
    scales[g] = search_scale (x + g * Q6_GROUP);
  d = store_half (block + 208, find_extreme (scales, Q6_GROUPS) / -128.0f);
  for (guint g = 0; g < Q6_GROUPS; g++)
    {
      int scale = d != 0.0f ? round_within (scales[g] / d, -128, 127) : 0;
      float step = d * (float) scale;
      float inverse = invert_scale (step);

      block[192 + g] = (guint8) scale;
      for (guint i = 0; i < Q6_GROUP; i++)
        levels[g * Q6_GROUP + i] = (guint8) (round_within (x[g * Q6_GROUP + i] * inverse, -32, 31) + 32);
    }
  store_q6_k (levels, block);
}

/* --- Q4_K: eight groups of 32, a scale and a minimum each --- */

#define Q4_GROUPS 8
#define Q4_GROUP 32
#define Q4_LEVELS 15.0f
#define Q4_TRIES 20
#define Q4_PACKED_MAX 63 /* scales and minima are stored in six bits */

/* x = scale * q - minimum, q = 0 .. 15; minimum is not negative. */
typedef struct
{
  float scale;
  float minimum;
} Line;

/* The elements of a group as levels of a line that begins at -@minimum with 1/@inverse from level to level. */
INLINE void
set_levels (const float *x, float inverse, float minimum, Vector *q)
{
  for (guint i = 0; i < Q4_GROUP / LANES; i++)
    q[i] = v_round_within ((v_load (x + i * LANES) + minimum) * inverse, 0.0f, Q4_LEVELS);
}

/* For levels q, the line of least squares, or with a minimum of 0 where it came out negative. Returns by how much it
 * falls short of the sum of x^2; 0 where the levels are all alike. */
INLINE float
fit_line (const float *x, const Vector *q, Line *line)
{
  Vector sums[4] = { 0 };
  float sum_x, sum_q, sum_qq, sum_xq, determinant;

  for (guint i = 0; i < Q4_GROUP / LANES; i++)
    {
      Vector element = v_load (x + i * LANES);

      sums[0] += element;
      sums[1] += q[i];
      sums[2] += q[i] * q[i];
      sums[3] += element * q[i];
    }
  sum_x = v_sum (sums[0]);
  sum_q = v_sum (sums[1]);
  sum_qq = v_sum (sums[2]);
  sum_xq = v_sum (sums[3]);
  determinant = (float) Q4_GROUP * sum_qq - sum_q * sum_q;
  if (determinant <= 0.0f)
    return 0.0f;
  line->scale = ((float) Q4_GROUP * sum_xq - sum_x * sum_q) / determinant;
  line->minimum = (sum_q * sum_xq - sum_qq * sum_x) / determinant;
  if (line->minimum < 0.0f)
    *line = (Line){ sum_xq / sum_qq, 0.0f };
  /* At the least, what is left over is at right angles to the line. */
  return line->scale > 0.0f ? line->scale * sum_xq - line->minimum * sum_x : 0.0f;
}

/* Candidates spread the range of the elements over a little fewer and a little more levels than there are. */
INLINE Line
search_line (const float *x)
{
  float low = 0.0f; /* a minimum above 0 cannot be stored */
  float high = x[0];
  float most = 0.0f;
  Vector q[Q4_GROUP / LANES];
  Line best = { 0 };
  Line line = { 0 };

  for (guint i = 0; i < Q4_GROUP; i++)
    {
      low = x[i] < low ? x[i] : low;
      high = x[i] > high ? x[i] : high;
    }
  best.minimum = -low;
  if (high - low < SMALLEST)
    return best;
  for (guint try = 0; try <= Q4_TRIES; try++)
    {
      float gain;

      set_levels (x, (Q4_LEVELS - 1.0f + 0.1f * (float) try) / (high - low), -low, q);
      gain = fit_line (x, q, &line);
      if (gain > most)
        {
          most = gain;
          best = line;
        }
    }
  /* The nearest levels of the best line, and the best line of those: neither step makes it worse. */
  if (most > 0.0f)
    {
      set_levels (x, invert_scale (best.scale), best.minimum, q);
      if (fit_line (x, q, &line) > most)
        best = line;
    }
  return best;
}

INLINE float
get_error (const float *x, Line line, Vector *q)
{
  Vector errors = { 0 };

  set_levels (x, invert_scale (line.scale), line.minimum, q);
  for (guint i = 0; i < Q4_GROUP / LANES; i++)
    {
      Vector error = line.scale * q[i] - line.minimum - v_load (x + i * LANES);

      errors += error * error;
    }
  return v_sum (errors);
}

/* Of the six-bit numbers about those that lie nearest, the pair that gives the least error. */
INLINE Line
round_line (const float *x, Line wanted, float d, float dmin, guint8 *scale, guint8 *minimum)
{
  int near_scale = d > 0.0f ? round_within (wanted.scale / d, 0, Q4_PACKED_MAX) : 0;
  int near_minimum = dmin > 0.0f ? round_within (wanted.minimum / dmin, 0, Q4_PACKED_MAX) : 0;
  float least = G_MAXFLOAT;
  Vector q[Q4_GROUP / LANES];
  Line best = { 0 };

  for (int s = MAX (near_scale - 1, 0); s <= MIN (near_scale + 1, Q4_PACKED_MAX); s++)
    for (int m = MAX (near_minimum - 1, 0); m <= MIN (near_minimum + 1, Q4_PACKED_MAX); m++)
      {
        Line line = { d * (float) s, dmin * (float) m };
        float error = get_error (x, line, q);

        if (error >= least)
          continue;
        least = error;
        best = line;
        *scale = (guint8) s;
        *minimum = (guint8) m;
      }
  return best;
}

/* Six bits each, as steer-dequantize.c unpacks them. */
INLINE void
pack_scales (const guint8 *scales, const guint8 *minima, guint8 *packed)
{
  for (guint j = 0; j < 4; j++)
    {
      packed[j] = (guint8) (scales[j] | scales[j + 4] >> 4 << 6);
      packed[j + 4] = (guint8) (minima[j] | minima[j + 4] >> 4 << 6);
      packed[j + 8] = (guint8) ((scales[j + 4] & 15) | (minima[j + 4] & 15) << 4);
    }
}

INLINE void
quantize_q4_k_any (const float *values, guint8 *block)
{
  float x[BLOCK];
  Line lines[Q4_GROUPS];
  guint8 scales[Q4_GROUPS] = { 0 };
  guint8 minima[Q4_GROUPS] = { 0 };
  float largest_scale = 0.0f;
  float largest_minimum = 0.0f;
  float d, dmin;

  take_finite (values, BLOCK, x);
  for (guint g = 0; g < Q4_GROUPS; g++)
    {
      lines[g] = search_line (x + g * Q4_GROUP);
      largest_scale = MAX (largest_scale, lines[g].scale);
      largest_minimum = MAX (largest_minimum, lines[g].minimum);
    }
  d = store_half (block, largest_scale / (float) Q4_PACKED_MAX);
  dmin = store_half (block + 2, largest_minimum / (float) Q4_PACKED_MAX);
  memset (block + 16, 0, BLOCK / 2);
  for (guint g = 0; g < Q4_GROUPS; g++)
    {
      Line line = round_line (x + g * Q4_GROUP, lines[g], d, dmin, &scales[g], &minima[g]);
      Vector q[Q4_GROUP / LANES];

      get_error (x + g * Q4_GROUP, line, q);
      for (guint l = 0; l < Q4_GROUP; l++)
        block[16 + g / 2 * Q4_GROUP + l] |= (guint8) ((guint) q[l / LANES][l % LANES] << g % 2 * 4);
    }
  pack_scales (scales, minima, block + 4);
}

static void
quantize_q4_k (const float *values, guint8 *block)
{
  quantize_q4_k_any (values, block);
}

static void
quantize_q6_k (const float *values, guint8 *block)
{
  quantize_q6_k_any (values, block);
}

#ifdef __x86_64__

/* AVX2 without FMA: a fused product would round otherwise. */
__attribute__ ((target ("avx2"))) static void
quantize_q4_k_avx2 (const float *values, guint8 *block)
{
  quantize_q4_k_any (values, block);
}

__attribute__ ((target ("avx2"))) static void
quantize_q6_k_avx2 (const float *values, guint8 *block)
{
  quantize_q6_k_any (values, block);
}

#endif

/* --- all --- */

static void
quantize_f32 (const float *values, guint8 *block)
{
  memcpy (block, values, sizeof (float));
}

static void
quantize_f16 (const float *values, guint8 *block)
{
  store_u16 (block, steer_f32_to_f16 (*values));
}

static void
quantize_bf16 (const float *values, guint8 *block)
{
  store_u16 (block, steer_f32_to_bf16 (*values));
}

typedef void (*QuantizeBlock) (const float *values, guint8 *block);

static const QuantizeBlock quantize_block[STEER_N_DTYPES] = {
  [STEER_DTYPE_F32] = quantize_f32,   [STEER_DTYPE_F16] = quantize_f16,   [STEER_DTYPE_BF16] = quantize_bf16,
  [STEER_DTYPE_Q8_0] = quantize_q8_0, [STEER_DTYPE_Q4_0] = quantize_q4_0, [STEER_DTYPE_Q5_0] = quantize_q5_0,
  [STEER_DTYPE_Q4_K] = quantize_q4_k, [STEER_DTYPE_Q6_K] = quantize_q6_k,
};

gboolean
steer_can_quantize (SteerDtype dtype)
{
  return (guint) dtype < STEER_N_DTYPES && quantize_block[dtype] != NULL;
}

void
steer_quantize (SteerDtype dtype, const float *values, gsize n_blocks, guint8 *blocks)
{
  gsize n_elements = steer_dtype_get_block_elements (dtype);
  gsize n_bytes = steer_dtype_get_block_bytes (dtype);

  QuantizeBlock one;

  g_return_if_fail (steer_can_quantize (dtype));

  one = quantize_block[dtype];
#ifdef __x86_64__
  if (__builtin_cpu_supports ("avx2"))
    one = dtype == STEER_DTYPE_Q4_K ? quantize_q4_k_avx2 : dtype == STEER_DTYPE_Q6_K ? quantize_q6_k_avx2 : one;
#endif
  for (gsize i = 0; i < n_blocks; i++)
    one (values + i * n_elements, blocks + i * n_bytes);
}
