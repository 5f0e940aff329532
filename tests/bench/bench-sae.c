/* What it takes to encode tokens with an SAE, from its file and kept in memory.
 *
 *     build/tests/bench/bench-sae PATH [TOKENS]
 *
 * Tokens are random. Times are of all threads together on the processor, and of the clock. */
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "steering/steer-sae-keep.h"

static double
get_processor_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) usage.ru_utime.tv_sec + (double) usage.ru_utime.tv_usec / 1e6 + (double) usage.ru_stime.tv_sec
         + (double) usage.ru_stime.tv_usec / 1e6;
}

static void
measure (SteerSae *sae, const char *name, const float *residual, guint n_tokens)
{
  double processor = get_processor_seconds ();
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerSaeCodes) codes = steer_sae_encode (sae, residual, n_tokens, 0, NULL, NULL, NULL, &error);

  if (codes == NULL)
    g_error ("%s", error->message);
  g_print ("%-6s %5u tokens: %6.2f s of processor time, %6.2f s by the clock, %" G_GSIZE_FORMAT " activations\n", name,
           n_tokens, get_processor_seconds () - processor, (double) (g_get_monotonic_time () - start) / 1e6,
           codes->begin[n_tokens]);
}

int
main (int argc, char **argv)
{
  static const char *const names[] = { "bf16", "int8" };
  guint n_tokens = argc > 2 ? (guint) atoi (argv[2]) : 512;
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerSae) sae = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  g_autofree float *residual = NULL; /* [n_tokens, d_model] */
  gsize n;

  if (argc < 2 || n_tokens == 0)
    g_error ("usage: bench-sae PATH [TOKENS]");
  sae = steer_sae_open (argv[1], NULL, NULL, &error);
  if (sae == NULL)
    g_error ("%s", error->message);
  n = (gsize) n_tokens * steer_sae_get_d_model (sae);
  residual = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    residual[i] = (float) g_rand_double_range (rand, -0.3, 0.3);
  g_print ("%s, %" G_GUINT64_FORMAT " features of width %u\n", steer_sae_get_format (sae),
           steer_sae_get_n_features (sae), steer_sae_get_d_model (sae));
  measure (sae, "file", residual, n_tokens);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      SteerSaeKeep keep;
      gint64 start = g_get_monotonic_time ();
      g_autoptr (SteerSae) kept = NULL;

      steer_sae_keep_from_name (names[i], &keep);
      kept = steer_sae_keep (sae, keep, NULL, NULL, NULL, &error);
      if (kept == NULL)
        g_error ("%s", error->message);
      g_print ("%-6s kept in %.1f s\n", names[i], (double) (g_get_monotonic_time () - start) / 1e6);
      measure (kept, names[i], residual, n_tokens);
    }
  return 0;
}
