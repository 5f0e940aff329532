/* The vector of sixteen floats of AVX-512 (F, BW, DQ, VL), for a file of kernels that has included <immintrin.h>,
 * defined KERNELS_SYMBOL, KERNELS_ISA and KERNELS_NAME, and goes on with the kernels of quantised weights. A tile of 14
 * x 32 takes 28 of the 32 registers. */

#include "steer-cpu-kernels.h"

#define V_BYTES 64
#define TILE_ROWS 14
#define TILE_VECTORS 2
#define Q_TOKENS 8

typedef float Vector __attribute__ ((vector_size (64)));

static inline Vector
v_set (float x)
{
  return (Vector) _mm512_set1_ps (x);
}

static inline Vector
v_fma (Vector a, Vector b, Vector c)
{
  return (Vector) _mm512_fmadd_ps ((__m512) a, (__m512) b, (__m512) c);
}

#define V_LARGER

static inline Vector
v_larger (Vector a, Vector b)
{
  return (Vector) _mm512_max_ps ((__m512) a, (__m512) b);
}

static inline Vector
v_smaller (Vector a, Vector b)
{
  return (Vector) _mm512_min_ps ((__m512) a, (__m512) b);
}

static inline float
v_sum (Vector v)
{
  __m256 y = _mm256_add_ps (_mm512_castps512_ps256 ((__m512) v), _mm512_extractf32x8_ps ((__m512) v, 1));
  __m128 x = _mm_add_ps (_mm256_castps256_ps128 (y), _mm256_extractf128_ps (y, 1));

  x = _mm_add_ps (x, _mm_movehl_ps (x, x));
  return _mm_cvtss_f32 (_mm_add_ss (x, _mm_movehdup_ps (x)));
}

static inline float
v_largest (Vector v)
{
  __m256 y = _mm256_max_ps (_mm512_castps512_ps256 ((__m512) v), _mm512_extractf32x8_ps ((__m512) v, 1));
  __m128 x = _mm_max_ps (_mm256_castps256_ps128 (y), _mm256_extractf128_ps (y, 1));

  x = _mm_max_ps (x, _mm_movehl_ps (x, x));
  return _mm_cvtss_f32 (_mm_max_ss (x, _mm_movehdup_ps (x)));
}

static inline __m256i
load_halves (const guint8 *p)
{
  return _mm256_loadu_si256 ((const __m256i *) (gconstpointer) p);
}

static inline Vector
v_load_bf16 (const guint8 *p)
{
  return (Vector) _mm512_slli_epi32 (_mm512_cvtepu16_epi32 (load_halves (p)), 16);
}

static inline Vector
v_load_f16 (const guint8 *p)
{
  return (Vector) _mm512_cvtph_ps (load_halves (p));
}

/* Pairs, then quadruples of rows inside each quarter of the registers, then the quarters. */
static inline void
v_transpose (Vector rows[16])
{
  __m512i pairs[16];
  __m512i quads[16];

  for (guint i = 0; i < 16; i += 2)
    {
      pairs[i] = _mm512_unpacklo_epi32 ((__m512i) rows[i], (__m512i) rows[i + 1]);
      pairs[i + 1] = _mm512_unpackhi_epi32 ((__m512i) rows[i], (__m512i) rows[i + 1]);
    }
  for (guint i = 0; i < 16; i += 4)
    {
      quads[i] = _mm512_unpacklo_epi64 (pairs[i], pairs[i + 2]);
      quads[i + 1] = _mm512_unpackhi_epi64 (pairs[i], pairs[i + 2]);
      quads[i + 2] = _mm512_unpacklo_epi64 (pairs[i + 1], pairs[i + 3]);
      quads[i + 3] = _mm512_unpackhi_epi64 (pairs[i + 1], pairs[i + 3]);
    }
  for (guint i = 0; i < 4; i++)
    {
      __m512i even_low = _mm512_shuffle_i32x4 (quads[i], quads[i + 4], 0x88);
      __m512i even_high = _mm512_shuffle_i32x4 (quads[i + 8], quads[i + 12], 0x88);
      __m512i odd_low = _mm512_shuffle_i32x4 (quads[i], quads[i + 4], 0xdd);
      __m512i odd_high = _mm512_shuffle_i32x4 (quads[i + 8], quads[i + 12], 0xdd);

      rows[i] = (Vector) _mm512_shuffle_i32x4 (even_low, even_high, 0x88);
      rows[i + 4] = (Vector) _mm512_shuffle_i32x4 (odd_low, odd_high, 0x88);
      rows[i + 8] = (Vector) _mm512_shuffle_i32x4 (even_low, even_high, 0xdd);
      rows[i + 12] = (Vector) _mm512_shuffle_i32x4 (odd_low, odd_high, 0xdd);
    }
}

static inline void
v_store_f16 (guint16 *p, Vector v)
{
  _mm256_storeu_si256 ((__m256i *) (gpointer) p, _mm512_cvtps_ph ((__m512) v, _MM_FROUND_TO_NEAREST_INT));
}

#include "steer-cpu-vector.h"

#define v_fused v_fma

INLINE VectorBits
v_load_words (const gint8 *p)
{
  return (VectorBits) _mm512_cvtepi8_epi16 (load_halves ((const guint8 *) p));
}

INLINE VectorBits
q_lookup (VectorBits codes)
{
  __m512i levels = _mm512_broadcast_i32x4 (_mm_loadu_si128 ((const __m128i *) (gconstpointer) steer_cpu_levels));

  return (VectorBits) _mm512_shuffle_epi8 (levels, (__m512i) codes);
}

INLINE __m512i
q_quad_512 (const gint8 *x)
{
  gint32 quad;

  memcpy (&quad, x, sizeof quad);
  return _mm512_set1_epi32 (quad);
}

INLINE void
q_store_bytes (gint8 *p, const VectorInt *v)
{
  for (guint i = 0; i < 2; i++)
    _mm_storeu_si128 ((__m128i *) (gpointer) (p + 16 * i), _mm512_cvtepi32_epi8 ((__m512i) v[i]));
}
