#pragma once

/* bfloat16 on the CPU: storage and conversions, no arithmetic. */

#include "cuda_runtime.h"

struct alignas (2) __nv_bfloat16
{
  uint16_t bits;
};

struct alignas (4) __nv_bfloat162
{
  __nv_bfloat16 x, y;
};

static __forceinline__ float
__bfloat162float (__nv_bfloat16 b)
{
  return __uint_as_float ((unsigned) b.bits << 16);
}

/* To nearest, ties to even. */
static __forceinline__ __nv_bfloat16
__float2bfloat16_rn (float x)
{
  unsigned bits = __float_as_uint (x);

  if ((bits & 0x7fffffff) > 0x7f800000)
    return { 0x7fff };
  return { (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) };
}

static __forceinline__ __nv_bfloat162
__floats2bfloat162_rn (float x, float y)
{
  return { __float2bfloat16_rn (x), __float2bfloat16_rn (y) };
}
