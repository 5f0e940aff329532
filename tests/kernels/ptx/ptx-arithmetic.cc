#include "ptx-arithmetic.h"

#include <algorithm>
#include <cfenv>
#include <climits>

float
ptx_fma_down (float a, float b, float c)
{
  volatile float x = a, y = b, z = c; /* computed between the two changes of rounding */
  int before = std::fegetround ();
  volatile float result;

  std::fesetround (FE_DOWNWARD);
  result = std::fma (x, y, z);
  std::fesetround (before);
  return result;
}

float
ptx_exp2 (float x)
{
  float rounded = (float) std::exp2 ((double) x);
  bool above = (ptx_as<uint32_t> (x) * 2654435761u >> 31) != 0; /* no pattern that sums could cancel */

  if (x == 0 || std::isnan (x) || std::isinf (rounded) || rounded < std::numeric_limits<float>::min ())
    return rounded;
  return ptx_as<float> (ptx_as<uint32_t> (rounded) + (above ? 2u : -2u));
}

int32_t
ptx_round_s32 (float x)
{
  return ptx_truncate_s32 (std::nearbyint (x));
}

int32_t
ptx_truncate_s32 (float x)
{
  if (std::isnan (x))
    return 0;
  return x >= 2147483648.0f ? INT32_MAX : x < -2147483648.0f ? INT32_MIN : (int32_t) x;
}

/* Unlike narrower ones, what is no number becomes the highest bit. */
uint64_t
ptx_truncate_u64 (double x)
{
  if (std::isnan (x))
    return (uint64_t) 1 << 63;
  if (x <= 0)
    return 0;
  return x >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t) x;
}

/* --- 16 bits --- */

float
ptx_widen_f16 (uint16_t bits)
{
  int exponent = bits >> 10 & 0x1f;
  int fraction = bits & 0x3ff;
  float magnitude;

  if (exponent == 0x1f)
    magnitude = fraction != 0 ? std::numeric_limits<float>::quiet_NaN () : std::numeric_limits<float>::infinity ();
  else if (exponent == 0)
    magnitude = std::ldexp ((float) fraction, -24);
  else
    magnitude = std::ldexp ((float) (fraction + 1024), exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

/* To the nearest, a tie to the even one. */
uint16_t
ptx_round_f16 (float x)
{
  uint16_t sign = std::signbit (x) ? 0x8000 : 0;
  float magnitude = std::fabs (x);
  int exponent;
  float units;

  if (std::isnan (x))
    return 0x7fff;
  if (magnitude >= 65520)
    return sign | 0x7c00;
  if (magnitude == 0)
    return sign;
  std::frexp (magnitude, &exponent);
  exponent = std::max (exponent, -13); /* below it the numbers have the distance of the smallest normal ones */
  units = std::nearbyint (std::ldexp (magnitude, 11 - exponent));
  /* 1024 .. 2048 units of the binade, or fewer where the exponent is the least: adding carries into the exponent. */
  return sign | (uint16_t) ((exponent + 13) * 1024 + (int) units);
}

uint16_t
ptx_round_bf16 (float x)
{
  uint32_t bits = ptx_as<uint32_t> (x);

  if (std::isnan (x))
    return 0x7fff;
  return (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* --- Warps --- */

uint32_t
ptx_shuffle (PtxShuffle way, uint32_t value, uint32_t bits, uint32_t clamp, uint32_t members, bool *in_range)
{
  const unsigned char *all = steer_shim_share (members, &value, sizeof value);
  int lane = (int) (threadIdx.x % 32);
  int segment = (int) (clamp >> 8 & 0x1f);
  int last = (lane & segment) | ((int) (clamp & 0x1f) & ~segment);
  int first = lane & segment;
  int by = (int) (bits & 0x1f);
  int other = lane;

  switch (way)
    {
    case PtxShuffle::up:
      other = lane - by;
      *in_range = other >= last;
      break;
    case PtxShuffle::down:
      other = lane + by;
      *in_range = other <= last;
      break;
    case PtxShuffle::bfly:
      other = lane ^ by;
      *in_range = other <= last;
      break;
    case PtxShuffle::idx:
      other = first | (by & ~segment);
      *in_range = other <= last;
      break;
    }
  if (!*in_range)
    other = lane;
  return ptx_read<uint32_t> (all + other * STEER_SHIM_SLOT);
}

static int
get_exponent (float x, int least)
{
  int exponent = (int) (ptx_as<uint32_t> (x) >> 23 & 0xff) - 127;

  return std::max (exponent, least);
}

/* 2^exponent, of a normal double. */
static double
get_power (int exponent)
{
  return ptx_as<double> ((uint64_t) (exponent + 1023) << 52);
}

float
ptx_add_products (const float *a, const float *b, int least_exponent, float c)
{
  double summands[PTX_ADDED_AT_ONCE + 1];
  double all = c;
  double unit, count = 0;
  int exponent = c != 0 ? get_exponent (c, -126) : INT_MIN;

  summands[PTX_ADDED_AT_ONCE] = c;
  for (int i = 0; i < PTX_ADDED_AT_ONCE; i++)
    {
      summands[i] = (double) a[i] * b[i];
      all += summands[i];
      if (summands[i] != 0)
        exponent = std::max (exponent, get_exponent (a[i], least_exponent) + get_exponent (b[i], least_exponent));
    }
  if (!std::isfinite (all) || exponent == INT_MIN)
    return (float) all;
  unit = get_power (24 - exponent);
  for (double summand : summands)
    count += std::trunc (summand * unit); /* exact: less than 2^30 units */
  /* To 24 bits, whose last place is worth more units when the sum has more. */
  while (std::fabs (count) >= 1 << 24)
    {
      count = std::trunc (count / 2);
      unit /= 2;
    }
  return (float) (count / unit);
}

/* Of a warp's fragments each lane computes its own four elements, two rows of a and two columns of b. The elements of
 * row or column r at k and k + 1 stand in lane 4 (r % 8) + k / 2 % 4. */
template <float (*widen) (uint16_t), int least_exponent>
static void
multiply_fragments (float *c, const uint32_t *a, const uint32_t *b)
{
  uint32_t mine[6] = { a[0], a[1], a[2], a[3], b[0], b[1] };
  const unsigned char *all = steer_shim_share (0xffffffffu, mine, sizeof mine);
  uint32_t lane = threadIdx.x % 32;
  float rows[2][16], columns[2][16];

  for (uint32_t k = 0; k < 16; k += 2)
    for (uint32_t i = 0; i < 2; i++)
      {
        uint32_t column = 2 * (lane % 4) + i;
        const unsigned char *of_row = all + (lane / 4 * 4 + k % 8 / 2) * STEER_SHIM_SLOT;
        const unsigned char *of_column = all + (column * 4 + k % 8 / 2) * STEER_SHIM_SLOT;
        uint32_t in_row = ptx_read<uint32_t> (of_row + 4 * (i + 2 * (k / 8)));
        uint32_t in_column = ptx_read<uint32_t> (of_column + 4 * (4 + k / 8));

        rows[i][k] = widen ((uint16_t) in_row);
        rows[i][k + 1] = widen ((uint16_t) (in_row >> 16));
        columns[i][k] = widen ((uint16_t) in_column);
        columns[i][k + 1] = widen ((uint16_t) (in_column >> 16));
      }
  for (uint32_t i = 0; i < 4; i++)
    for (uint32_t k = 0; k < 16; k += PTX_ADDED_AT_ONCE)
      c[i] = ptx_add_products (rows[i / 2] + k, columns[i % 2] + k, least_exponent, c[i]);
}

void
ptx_multiply_f16 (float *c, const uint32_t *a, const uint32_t *b)
{
  multiply_fragments<ptx_widen_f16, -14> (c, a, b);
}

void
ptx_multiply_bf16 (float *c, const uint32_t *a, const uint32_t *b)
{
  multiply_fragments<ptx_widen_bf16, -126> (c, a, b);
}

/* The elements of row or column r at k .. k + 3 stand in lane 4 (r % 8) + k / 4 % 4. */
template <bool is_signed, int depth>
void
ptx_multiply_bytes (int32_t *c, const uint32_t *a, const uint32_t *b)
{
  uint32_t mine[6] = { a[0], a[1], a[2], a[3], b[0], b[1] };
  const unsigned char *all = steer_shim_share (0xffffffffu, mine, sizeof mine);
  uint32_t lane = threadIdx.x % 32;

  for (uint32_t i = 0; i < 4; i++)
    {
      uint32_t row = lane / 4 + 8 * (i / 2);
      uint32_t column = 2 * (lane % 4) + i % 2;
      uint32_t sum = (uint32_t) c[i];

      for (uint32_t k = 0; k < depth; k++)
        {
          const unsigned char *of_row = all + (row % 8 * 4 + k / 4 % 4) * STEER_SHIM_SLOT;
          const unsigned char *of_column = all + (column * 4 + k / 4 % 4) * STEER_SHIM_SLOT;
          unsigned char x = of_row[4 * (row / 8 + 2 * (k / 16)) + k % 4];
          unsigned char y = of_column[4 * (4 + k / 16) + k % 4];

          sum += (uint32_t) ((is_signed ? (int8_t) x : (int) x) * (int8_t) y);
        }
      c[i] = (int32_t) sum;
    }
}

template void ptx_multiply_bytes<true, 16> (int32_t *c, const uint32_t *a, const uint32_t *b);
template void ptx_multiply_bytes<false, 16> (int32_t *c, const uint32_t *a, const uint32_t *b);
template void ptx_multiply_bytes<true, 32> (int32_t *c, const uint32_t *a, const uint32_t *b);
template void ptx_multiply_bytes<false, 32> (int32_t *c, const uint32_t *a, const uint32_t *b);
