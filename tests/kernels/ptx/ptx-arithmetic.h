#pragma once

/* What PTX's instructions compute where C++ does not say it in one expression: "Instruction Set" in NVIDIA's "PTX ISA".
 * Translated kernels (translate-ptx.py) are made of these. */

#include "cuda_runtime.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

/* A register's bits as a value of another type; the lower ones where that has fewer. */
template <typename To, typename From>
static inline To
ptx_as (From from)
{
  To to;

  static_assert (sizeof to <= sizeof from, "a register holds less than is asked for");
  std::memcpy (&to, &from, sizeof to);
  return to;
}

template <typename T>
static inline T
ptx_read (const unsigned char *from)
{
  T value;

  std::memcpy (&value, from, sizeof value);
  return value;
}

/* What lies in memory: with whatever is there else, and wherever. */
#define PTX_IN_MEMORY __attribute__ ((may_alias, aligned (1)))
typedef uint8_t ptx_uint8_t PTX_IN_MEMORY;
typedef uint16_t ptx_uint16_t PTX_IN_MEMORY;
typedef uint32_t ptx_uint32_t PTX_IN_MEMORY;
typedef uint64_t ptx_uint64_t PTX_IN_MEMORY;
typedef int8_t ptx_int8_t PTX_IN_MEMORY;
typedef int16_t ptx_int16_t PTX_IN_MEMORY;
typedef int32_t ptx_int32_t PTX_IN_MEMORY;
typedef int64_t ptx_int64_t PTX_IN_MEMORY;
typedef float ptx_float PTX_IN_MEMORY;
typedef double ptx_double PTX_IN_MEMORY;

/* --- Integers, which wrap around --- */

template <typename T>
static inline T
ptx_add (T a, T b)
{
  return (T) ((std::make_unsigned_t<T>) a + (std::make_unsigned_t<T>) b);
}

template <typename T>
static inline T
ptx_subtract (T a, T b)
{
  return (T) ((std::make_unsigned_t<T>) a - (std::make_unsigned_t<T>) b);
}

template <typename T>
static inline T
ptx_multiply (T a, T b)
{
  return (T) ((uint64_t) a * (uint64_t) b);
}

/* By zero, whose quotient PTX leaves open: all bits, as the GPUs do. */
template <typename T>
static inline T
ptx_divide (T a, T b)
{
  if (b == 0)
    return (T) ~(T) 0;
  return std::is_signed_v<T> && b == (T) -1 ? ptx_subtract ((T) 0, a) : (T) (a / b);
}

template <typename T>
static inline T
ptx_remainder (T a, T b)
{
  return ptx_subtract (a, ptx_multiply (ptx_divide (a, b), b));
}

/* By more than a register's width: all bits go. */
template <typename T>
static inline T
ptx_shift_left (T a, uint32_t n)
{
  return n >= 8 * sizeof a ? (T) 0 : (T) ((std::make_unsigned_t<T>) a << n);
}

template <typename T>
static inline T
ptx_shift_right (T a, uint32_t n)
{
  return n >= 8 * sizeof a ? (T) (a < 0 ? -1 : 0) : (T) (a >> n);
}

/* The lowest @n bits of @a into @b, from bit @at on. */
template <typename T>
static inline T
ptx_insert (T a, T b, uint32_t at, uint32_t n)
{
  T field;

  at &= 0xff;
  n &= 0xff;
  field = ptx_shift_left (n >= 8 * sizeof a ? (T) ~(T) 0 : (T) (((T) 1 << n) - 1), at);
  return (T) ((b & ~field) | (ptx_shift_left (a, at) & field));
}

/* Bit by bit the function of three bits whose table is @table. */
static inline uint32_t
ptx_lop3 (uint32_t a, uint32_t b, uint32_t c, uint32_t table)
{
  uint32_t result = 0;

  for (uint32_t row = 0; row < 8; row++)
    if ((table >> row & 1) != 0)
      result |= ((row & 4) != 0 ? a : ~a) & ((row & 2) != 0 ? b : ~b) & ((row & 1) != 0 ? c : ~c);
  return result;
}

/* Four bytes out of eight; with 8 in its digit of the selector a byte's sign is copied over it. */
static inline uint32_t
ptx_prmt (uint32_t a, uint32_t b, uint32_t selector)
{
  uint64_t both = (uint64_t) b << 32 | a;
  uint32_t result = 0;

  for (uint32_t i = 0; i < 4; i++)
    {
      uint32_t digit = selector >> (4 * i) & 0xf;
      uint32_t byte = (uint32_t) (both >> (8 * (digit & 7))) & 0xff;

      if ((digit & 8) != 0)
        byte = (byte & 0x80) != 0 ? 0xff : 0;
      result |= byte << (8 * i);
    }
  return result;
}

/* --- Floats --- */

float ptx_fma_down (float a, float b, float c);

/* The number of the two where one is none; -0 is below +0. */
template <typename T>
static inline T
ptx_min (T a, T b)
{
  return a == b ? (std::signbit (a) ? a : b) : std::fmin (a, b);
}

template <typename T>
static inline T
ptx_max (T a, T b)
{
  return a == b ? (std::signbit (a) ? b : a) : std::fmax (a, b);
}

/* As wrong as PTX allows, by 2 units of the last place, now above and now below; 2^0 is 1. */
float ptx_exp2 (float x);

/* Smaller than any normal number: zero. */
static inline float
ptx_flush (float x)
{
  return std::fabs (x) < std::numeric_limits<float>::min () ? std::copysign (0.0f, x) : x;
}

/* Into 0 .. 1; what is no number becomes 0. */
static inline float
ptx_saturate (float x)
{
  return x > 1 ? 1 : x > 0 ? x : 0;
}

int32_t ptx_round_s32 (float x);
int32_t ptx_truncate_s32 (float x);
uint64_t ptx_truncate_u64 (double x);
float ptx_widen_f16 (uint16_t bits);
uint16_t ptx_round_f16 (float x);
uint16_t ptx_round_bf16 (float x);

static inline float
ptx_widen_bf16 (uint16_t bits)
{
  return ptx_as<float> ((uint32_t) bits << 16);
}

/* --- Between the lanes of a warp --- */

enum class PtxShuffle
{
  up,
  down,
  bfly,
  idx,
};

/* What the lane that @way, @bits and @clamp name has as @value. @in_range gets whether there is such a lane; if there
 * is none, the value is the lane's own. */
uint32_t ptx_shuffle (PtxShuffle way, uint32_t value, uint32_t bits, uint32_t clamp, uint32_t members, bool *in_range);

/* c and the products of a[i] and b[i], as the tensor cores of compute capability 8 add them: exact products, each cut
 * off below 24 binary places of the largest exponent of all, where a product has the sum of its factors'; the sum cut
 * off to 24 bits. Hopper's have one place more and add 16 at once. After Khattak and Mikaitis, "Accurate Models of
 * NVIDIA Tensor Cores" (2025), whose models give the same bits as the GPUs. @least_exponent: of the factors' type. */
#define PTX_ADDED_AT_ONCE 8
float ptx_add_products (const float *a, const float *b, int least_exponent, float c);

/* mma.m16n8k16: c[16, 8] += a[16, 16] b[16, 8], each lane's fragments as PTX lays them out. */
void ptx_multiply_f16 (float *c, const uint32_t *a, const uint32_t *b);
void ptx_multiply_bf16 (float *c, const uint32_t *a, const uint32_t *b);

/* mma.m16n8k32 and k16 of bytes: c[16, 8] += a[16, depth] b[depth, 8], b's bytes signed; whole numbers wrap around. */
template <bool is_signed, int depth> void ptx_multiply_bytes (int32_t *c, const uint32_t *a, const uint32_t *b);
