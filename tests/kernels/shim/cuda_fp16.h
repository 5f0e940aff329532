#pragma once

/* Half precision on the CPU: storage and conversions, no arithmetic. */

#include "cuda_runtime.h"

struct alignas (2) __half
{
  uint16_t bits;
};

struct alignas (4) __half2
{
  __half x, y;
};

/* Exponent and mantissa moved into place give the value times 2^-112, also where it is subnormal. */
static __forceinline__ float
__half2float (__half h)
{
  unsigned magnitude = (unsigned) (h.bits & 0x7fff) << 13;
  unsigned bits
    = magnitude >= 0x7c00u << 13 ? magnitude | 0x7f800000u : __float_as_uint (__uint_as_float (magnitude) * 0x1p112f);

  return __uint_as_float (bits | (unsigned) (h.bits & 0x8000) << 16);
}

/* To nearest, ties to even. */
static __forceinline__ __half
__float2half_rn (float x)
{
  unsigned bits = __float_as_uint (x);
  unsigned sign = bits >> 16 & 0x8000;
  unsigned magnitude = bits & 0x7fffffff;
  unsigned result;

  if (magnitude > 0x7f800000)
    result = 0x7fff;
  else if (magnitude >= 0x477ff000)
    result = 0x7c00;
  else if (magnitude >= 0x38800000)
    result = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
  else /* adding 0.5 puts the last bit of a subnormal half at the last bit of a float, which rounds it */
    result = __float_as_uint (__uint_as_float (magnitude) + 0.5f) - __float_as_uint (0.5f);
  return { (uint16_t) (sign | result) };
}

static __forceinline__ float2
__half22float2 (__half2 h)
{
  return { __half2float (h.x), __half2float (h.y) };
}

static __forceinline__ __half2
__floats2half2_rn (float x, float y)
{
  return { __float2half_rn (x), __float2half_rn (y) };
}
