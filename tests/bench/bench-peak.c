/* What the machine's processors multiply at most, in loops that do nothing else: the measure of how near products come.
 *
 *   bench-peak [THREADS]
 *
 * A figure counts a product and its sum as two operations. x86-64 with AVX2 or AVX-512; other machines are told that
 * they have none of it.
 */

#include <glib.h>
#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>

#define N_SUMS 14 /* independent, more than the instructions under way */
#define N_STEPS 40000000
#define MAX_THREADS 64

#define KEEP(v) __asm__ volatile("" : "+v"(v))

#define DEFINE_LOOP(name, features, type, zero, multiply)                                                              \
  __attribute__ ((target (features))) static gpointer name (gpointer data)                                             \
  {                                                                                                                    \
    type a = zero, b = zero;                                                                                           \
    type sums[N_SUMS];                                                                                                 \
                                                                                                                       \
    _Pragma ("GCC unroll 14") for (guint i = 0; i < N_SUMS; i++) sums[i] = zero;                                       \
    KEEP (a);                                                                                                          \
    KEEP (b);                                                                                                          \
    for (guint step = 0; step < N_STEPS; step++)                                                                       \
      {                                                                                                                \
        _Pragma ("GCC unroll 14") for (guint i = 0; i < N_SUMS; i++)                                                   \
        {                                                                                                              \
          KEEP (a);                                                                                                    \
          sums[i] = multiply;                                                                                          \
          KEEP (sums[i]);                                                                                              \
        }                                                                                                              \
      }                                                                                                                \
    return data;                                                                                                       \
  }

DEFINE_LOOP (run_floats_avx2, "avx2,fma", __m256, _mm256_setzero_ps (), _mm256_fmadd_ps (a, b, sums[i]))
DEFINE_LOOP (run_words_avx2,
             "avx2",
             __m256i,
             _mm256_setzero_si256 (),
             _mm256_add_epi32 (sums[i], _mm256_madd_epi16 (a, b)))
DEFINE_LOOP (run_floats, "avx512f", __m512, _mm512_setzero_ps (), _mm512_fmadd_ps (a, b, sums[i]))
DEFINE_LOOP (run_bytes, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512 (), _mm512_dpbusd_epi32 (sums[i], a, b))
DEFINE_LOOP (run_bf16,
             "avx512f,avx512bf16",
             __m512,
             _mm512_setzero_ps (),
             _mm512_dpbf16_ps (sums[i], (__m512bh) a, (__m512bh) b))

/* @n_products: of one instruction */
static void
measure (const char *name, GThreadFunc func, guint n_products, guint n_threads)
{
  GThread *threads[MAX_THREADS];
  gint64 start;

  func (NULL);
  start = g_get_monotonic_time ();
  for (guint i = 0; i < n_threads; i++)
    threads[i] = g_thread_new (name, func, NULL);
  for (guint i = 0; i < n_threads; i++)
    g_thread_join (threads[i]);
  printf ("%-24s %8.0f G operations/s\n", name,
          2e-3 * n_products * n_threads * N_SUMS * N_STEPS / (double) (g_get_monotonic_time () - start));
}

int
main (int argc, char **argv)
{
  guint n_threads = argc > 1 ? (guint) CLAMP (atoi (argv[1]), 1, MAX_THREADS) : g_get_num_processors ();

  n_threads = MIN (n_threads, MAX_THREADS);
  if (!__builtin_cpu_supports ("avx2") || !__builtin_cpu_supports ("fma"))
    {
      printf ("this machine has no AVX2\n");
      return 0;
    }
  measure ("float32, AVX2", run_floats_avx2, 8, n_threads);
  measure ("16 bits, AVX2", run_words_avx2, 16, n_threads);
  if (!__builtin_cpu_supports ("avx512f"))
    return 0;
  measure ("float32, AVX-512", run_floats, 16, n_threads);
  if (__builtin_cpu_supports ("avx512vnni"))
    measure ("bytes, VNNI", run_bytes, 64, n_threads);
  if (__builtin_cpu_supports ("avx512bf16"))
    measure ("BF16, dot products", run_bf16, 32, n_threads);
  return 0;
}
