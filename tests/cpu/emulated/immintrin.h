#pragma once

/* Stands before the compiler's <immintrin.h> when kernels of an instruction set that this machine may lack are compiled
 * for the tests: what they use of AVX-512, VNNI, AVX-VNNI and AMX is written out in plain C over the compiler's
 * vectors, and works wherever AVX2 does. Each function is Intel's definition of the intrinsic of its name. Only those
 * that the kernels use are here; another one fails to compile, because its instruction set is off. */

#include_next <immintrin.h>

#include <stdint.h>
#include <string.h>

#define EMULATED static inline __attribute__ ((unused))

typedef float EmuFloats __attribute__ ((vector_size (64)));
typedef int32_t EmuInts __attribute__ ((vector_size (64)));
typedef int64_t EmuLongs __attribute__ ((vector_size (64)));
typedef int16_t EmuWords __attribute__ ((vector_size (64)));
typedef int8_t EmuBytes __attribute__ ((vector_size (64)));
typedef uint8_t EmuUnsignedBytes __attribute__ ((vector_size (64)));
typedef uint8_t EmuOctets __attribute__ ((vector_size (64)));

/* --- dot products --- */

EMULATED __m256i
emu_dpbusd_256 (__m256i sum, __m256i a, __m256i b)
{
  int32_t s[8];
  uint8_t x[32];
  int8_t y[32];

  memcpy (s, &sum, 32);
  memcpy (x, &a, 32);
  memcpy (y, &b, 32);
  for (int i = 0; i < 32; i++)
    s[i / 4] += x[i] * y[i];
  memcpy (&sum, s, 32);
  return sum;
}

EMULATED __m256i
emu_dpwssd_256 (__m256i sum, __m256i a, __m256i b)
{
  int32_t s[8];
  int16_t x[16], y[16];

  memcpy (s, &sum, 32);
  memcpy (x, &a, 32);
  memcpy (y, &b, 32);
  for (int i = 0; i < 16; i++)
    s[i / 2] += x[i] * y[i];
  memcpy (&sum, s, 32);
  return sum;
}

#define _mm256_dpbusd_avx_epi32 emu_dpbusd_256
#define _mm256_dpwssd_avx_epi32 emu_dpwssd_256

/* --- the halves of a vector of 512 bits --- */

typedef union
{
  __m256i half[2];
  EmuInts all;
} EmuHalves;

/* What works on each half by itself, by an instruction of AVX2. */
#define EMU_HALVES(name, call)                                                                                         \
  EMULATED __m512i name (__m512i a, __m512i b)                                                                         \
  {                                                                                                                    \
    EmuHalves x = { .all = (EmuInts) a }, y = { .all = (EmuInts) b };                                                  \
    for (int i = 0; i < 2; i++)                                                                                        \
      x.half[i] = call (x.half[i], y.half[i]);                                                                         \
    return (__m512i) x.all;                                                                                            \
  }

EMU_HALVES (emu_maddubs_512, _mm256_maddubs_epi16)
EMU_HALVES (emu_madd_512, _mm256_madd_epi16)
EMU_HALVES (emu_shuffle_bytes_512, _mm256_shuffle_epi8)
EMU_HALVES (emu_unpacklo_epi32_512, _mm256_unpacklo_epi32)
EMU_HALVES (emu_unpackhi_epi32_512, _mm256_unpackhi_epi32)
EMU_HALVES (emu_unpacklo_epi64_512, _mm256_unpacklo_epi64)
EMU_HALVES (emu_unpackhi_epi64_512, _mm256_unpackhi_epi64)

#define _mm512_maddubs_epi16 emu_maddubs_512
#define _mm512_madd_epi16 emu_madd_512
#define _mm512_shuffle_epi8 emu_shuffle_bytes_512
#define _mm512_unpacklo_epi32 emu_unpacklo_epi32_512
#define _mm512_unpackhi_epi32 emu_unpackhi_epi32_512
#define _mm512_unpacklo_epi64 emu_unpacklo_epi64_512
#define _mm512_unpackhi_epi64 emu_unpackhi_epi64_512

EMULATED __m512i
emu_dpbusd_512 (__m512i sum, __m512i a, __m512i b)
{
  EmuHalves s = { .all = (EmuInts) sum }, x = { .all = (EmuInts) a }, y = { .all = (EmuInts) b };

  for (int i = 0; i < 2; i++)
    s.half[i] = emu_dpbusd_256 (s.half[i], x.half[i], y.half[i]);
  return (__m512i) s.all;
}

EMULATED __m512i
emu_dpwssd_512 (__m512i sum, __m512i a, __m512i b)
{
  EmuHalves s = { .all = (EmuInts) sum }, x = { .all = (EmuInts) a }, y = { .all = (EmuInts) b };

  for (int i = 0; i < 2; i++)
    s.half[i] = emu_dpwssd_256 (s.half[i], x.half[i], y.half[i]);
  return (__m512i) s.all;
}

#define _mm512_dpbusd_epi32 emu_dpbusd_512
#define _mm512_dpwssd_epi32 emu_dpwssd_512

/* --- whole vectors --- */

EMULATED __m512
emu_max_ps_512 (__m512 a, __m512 b)
{
  EmuFloats x = (EmuFloats) a, y = (EmuFloats) b;

  for (int i = 0; i < 16; i++)
    x[i] = x[i] > y[i] ? x[i] : y[i];
  return (__m512) x;
}

EMULATED __m512
emu_min_ps_512 (__m512 a, __m512 b)
{
  EmuFloats x = (EmuFloats) a, y = (EmuFloats) b;

  for (int i = 0; i < 16; i++)
    x[i] = x[i] < y[i] ? x[i] : y[i];
  return (__m512) x;
}

EMULATED __m512
emu_set1_ps_512 (float x)
{
  return (__m512) ((EmuFloats){ 0.0f } + x);
}

EMULATED __m512i
emu_set1_epi32_512 (int32_t x)
{
  return (__m512i) ((EmuInts){ 0 } + x);
}

EMULATED __m512i
emu_set1_epi16_512 (int16_t x)
{
  return (__m512i) ((EmuWords){ 0 } + x);
}

EMULATED __m512i
emu_setzero_512 (void)
{
  return (__m512i) (EmuInts){ 0 };
}

EMULATED __m512
emu_fmadd_512 (__m512 a, __m512 b, __m512 c)
{
  union
  {
    __m256 half[2];
    EmuFloats all;
  } x = { .all = (EmuFloats) a }, y = { .all = (EmuFloats) b }, z = { .all = (EmuFloats) c };

  for (int i = 0; i < 2; i++)
    x.half[i] = _mm256_fmadd_ps (x.half[i], y.half[i], z.half[i]);
  return (__m512) x.all;
}

EMULATED __m256
emu_extract_ps_512 (__m512 a, int index)
{
  __m256 half;

  memcpy (&half, (const char *) &a + 32 * index, sizeof half);
  return half;
}

EMULATED __m512i
emu_add_epi16_512 (__m512i a, __m512i b)
{
  return (__m512i) ((EmuWords) a + (EmuWords) b);
}

EMULATED __m512i
emu_abs_epi8_512 (__m512i a)
{
  EmuBytes negative = (EmuBytes) a < 0;

  /* The magnitude of -128 is 128, which only unsigned bytes hold. */
  return (__m512i) ((EmuUnsignedBytes) ((EmuBytes) a ^ negative) - (EmuUnsignedBytes) negative);
}

EMULATED uint64_t
emu_movepi8_mask_512 (__m512i a)
{
  uint64_t mask = 0;

  for (int i = 0; i < 64; i++)
    mask |= (uint64_t) (((EmuBytes) a)[i] < 0) << i;
  return mask;
}

EMULATED __m512i
emu_mask_sub_epi8_512 (__m512i from, uint64_t mask, __m512i a, __m512i b)
{
  EmuBytes result = (EmuBytes) from;

  for (int i = 0; i < 64; i++)
    if (mask >> i & 1)
      result[i] = (int8_t) (((EmuOctets) a)[i] - ((EmuOctets) b)[i]);
  return (__m512i) result;
}

EMULATED __m512i
emu_broadcast_i32x4_512 (__m128i a)
{
  EmuInts all;

  for (int i = 0; i < 4; i++)
    memcpy ((char *) &all + 16 * i, &a, 16);
  return (__m512i) all;
}

EMULATED __m128i
emu_cvtepi32_epi8_512 (__m512i a)
{
  int8_t bytes[16];
  __m128i result;

  for (int i = 0; i < 16; i++)
    bytes[i] = (int8_t) ((EmuInts) a)[i];
  memcpy (&result, bytes, 16);
  return result;
}

EMULATED __m512i
emu_cvtepu16_epi32_512 (__m256i a)
{
  uint16_t words[16];
  EmuInts result;

  memcpy (words, &a, 32);
  for (int i = 0; i < 16; i++)
    result[i] = words[i];
  return (__m512i) result;
}

EMULATED __m512i
emu_cvtepi8_epi16_512 (__m256i a)
{
  int8_t bytes[32];
  EmuWords result;

  memcpy (bytes, &a, 32);
  for (int i = 0; i < 32; i++)
    result[i] = bytes[i];
  return (__m512i) result;
}

EMULATED __m512i
emu_slli_epi32_512 (__m512i a, int n)
{
  return (__m512i) ((EmuInts) a << n);
}

EMULATED __m512
emu_cvtph_ps_512 (__m256i a)
{
  EmuFloats result;
  __m128i part[2];

  memcpy (part, &a, 32);
  for (int i = 0; i < 2; i++)
    {
      __m256 half = _mm256_cvtph_ps (part[i]);

      memcpy ((char *) &result + 32 * i, &half, 32);
    }
  return (__m512) result;
}

EMULATED __m256i
emu_cvtps_ph_512 (__m512 a, int rounding)
{
  __m128i part[2];
  __m256i result;

  (void) rounding;
  for (int i = 0; i < 2; i++)
    part[i] = _mm256_cvtps_ph (emu_extract_ps_512 (a, i), _MM_FROUND_TO_NEAREST_INT);
  memcpy (&result, part, 32);
  return result;
}

/* Two quarters of the first vector, then two of the second, two bits of @choice each. */
EMULATED __m512i
emu_shuffle_i32x4_512 (__m512i a, __m512i b, int choice)
{
  EmuInts result;

  for (int i = 0; i < 4; i++)
    memcpy ((char *) &result + 16 * i, (const char *) (i < 2 ? &a : &b) + 16 * (choice >> (2 * i) & 3), 16);
  return (__m512i) result;
}

#define _mm512_set1_ps emu_set1_ps_512
#define _mm512_max_ps emu_max_ps_512
#define _mm512_min_ps emu_min_ps_512
#define _mm512_set1_epi32 emu_set1_epi32_512
#define _mm512_set1_epi16 emu_set1_epi16_512
#define _mm512_setzero_si512 emu_setzero_512
#define _mm512_fmadd_ps emu_fmadd_512
#define _mm512_castps512_ps256(a) emu_extract_ps_512 (a, 0)
#undef _mm512_extractf32x8_ps
#define _mm512_extractf32x8_ps emu_extract_ps_512
#define _mm512_add_epi16 emu_add_epi16_512
#define _mm512_abs_epi8 emu_abs_epi8_512
#define _mm512_movepi8_mask emu_movepi8_mask_512
#define _mm512_mask_sub_epi8 emu_mask_sub_epi8_512
#define _mm512_broadcast_i32x4 emu_broadcast_i32x4_512
#define _mm512_cvtepi32_epi8 emu_cvtepi32_epi8_512
#define _mm512_cvtepu16_epi32 emu_cvtepu16_epi32_512
#define _mm512_cvtepi8_epi16 emu_cvtepi8_epi16_512
#undef _mm512_slli_epi32
#define _mm512_slli_epi32 emu_slli_epi32_512
#define _mm512_cvtph_ps emu_cvtph_ps_512
#undef _mm512_cvtps_ph
#define _mm512_cvtps_ph emu_cvtps_ph_512
#undef _mm512_shuffle_i32x4
#define _mm512_shuffle_i32x4 emu_shuffle_i32x4_512

#include "tiles.h"
