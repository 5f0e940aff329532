/* The vector of eight floats of AVX2, FMA and F16C, for a file of kernels that has included <immintrin.h>, defined
 * KERNELS_SYMBOL, KERNELS_ISA and KERNELS_NAME, and goes on with the kernels of quantised weights. A tile of 6 x 16
 * takes 12 of the 16 registers. */

#include "steer-cpu-kernels.h"

#define V_BYTES 32
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define Q_TOKENS 6

typedef float Vector __attribute__ ((vector_size (32)));

static inline Vector
v_set (float x)
{
  return (Vector) _mm256_set1_ps (x);
}

static inline Vector
v_fma (Vector a, Vector b, Vector c)
{
  return (Vector) _mm256_fmadd_ps ((__m256) a, (__m256) b, (__m256) c);
}

#define V_LARGER

static inline Vector
v_larger (Vector a, Vector b)
{
  return (Vector) _mm256_max_ps ((__m256) a, (__m256) b);
}

static inline Vector
v_smaller (Vector a, Vector b)
{
  return (Vector) _mm256_min_ps ((__m256) a, (__m256) b);
}

static inline float
v_sum (Vector v)
{
  __m128 x = _mm_add_ps (_mm256_castps256_ps128 ((__m256) v), _mm256_extractf128_ps ((__m256) v, 1));

  x = _mm_add_ps (x, _mm_movehl_ps (x, x));
  return _mm_cvtss_f32 (_mm_add_ss (x, _mm_movehdup_ps (x)));
}

static inline float
v_largest (Vector v)
{
  __m128 x = _mm_max_ps (_mm256_castps256_ps128 ((__m256) v), _mm256_extractf128_ps ((__m256) v, 1));

  x = _mm_max_ps (x, _mm_movehl_ps (x, x));
  return _mm_cvtss_f32 (_mm_max_ss (x, _mm_movehdup_ps (x)));
}

static inline __m128i
load_halves (const guint8 *p)
{
  return _mm_loadu_si128 ((const __m128i *) (gconstpointer) p);
}

static inline Vector
v_load_bf16 (const guint8 *p)
{
  return (Vector) _mm256_slli_epi32 (_mm256_cvtepu16_epi32 (load_halves (p)), 16);
}

static inline Vector
v_load_f16 (const guint8 *p)
{
  return (Vector) _mm256_cvtph_ps (load_halves (p));
}

/* Pairs, then quadruples of rows inside each half of the registers, then the halves. */
static inline void
v_transpose (Vector rows[8])
{
  __m256 pairs[8];
  __m256 quads[8];

  for (guint i = 0; i < 8; i += 2)
    {
      pairs[i] = _mm256_unpacklo_ps ((__m256) rows[i], (__m256) rows[i + 1]);
      pairs[i + 1] = _mm256_unpackhi_ps ((__m256) rows[i], (__m256) rows[i + 1]);
    }
  for (guint i = 0; i < 8; i += 4)
    {
      quads[i] = _mm256_shuffle_ps (pairs[i], pairs[i + 2], 0x44);
      quads[i + 1] = _mm256_shuffle_ps (pairs[i], pairs[i + 2], 0xee);
      quads[i + 2] = _mm256_shuffle_ps (pairs[i + 1], pairs[i + 3], 0x44);
      quads[i + 3] = _mm256_shuffle_ps (pairs[i + 1], pairs[i + 3], 0xee);
    }
  for (guint i = 0; i < 4; i++)
    {
      rows[i] = (Vector) _mm256_permute2f128_ps (quads[i], quads[i + 4], 0x20);
      rows[i + 4] = (Vector) _mm256_permute2f128_ps (quads[i], quads[i + 4], 0x31);
    }
}

static inline void
v_store_f16 (guint16 *p, Vector v)
{
  _mm_storeu_si128 ((__m128i *) (gpointer) p, _mm256_cvtps_ph ((__m256) v, _MM_FROUND_TO_NEAREST_INT));
}

#include "steer-cpu-vector.h"

#define v_fused v_fma

INLINE VectorBits
v_load_words (const gint8 *p)
{
  return (VectorBits) _mm256_cvtepi8_epi16 (load_halves ((const guint8 *) p));
}

INLINE VectorBits
q_lookup (VectorBits codes)
{
  __m256i levels = _mm256_broadcastsi128_si256 (_mm_loadu_si128 ((const __m128i *) (gconstpointer) steer_cpu_levels));

  return (VectorBits) _mm256_shuffle_epi8 (levels, (__m256i) codes);
}

INLINE __m256i
q_quad_256 (const gint8 *x)
{
  gint32 quad;

  memcpy (&quad, x, sizeof quad);
  return _mm256_set1_epi32 (quad);
}

INLINE void
q_store_bytes (gint8 *p, const VectorInt *v)
{
  __m256i low = _mm256_packs_epi32 ((__m256i) v[0], (__m256i) v[1]);
  __m256i high = _mm256_packs_epi32 ((__m256i) v[2], (__m256i) v[3]);
  /* Packing works in halves of a register, so groups of four come out as 0 2 4 6, 1 3 5 7. */
  __m256i bytes
    = _mm256_permutevar8x32_epi32 (_mm256_packs_epi16 (low, high), _mm256_setr_epi32 (0, 4, 1, 5, 2, 6, 3, 7));

  _mm256_storeu_si256 ((__m256i *) (gpointer) p, bytes);
}
