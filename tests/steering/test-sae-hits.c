#include "steering/steer-sae-hits.h"
#include "test-util.h"

/* What several threads have found of some tokens' features, and how it becomes codes. */

#define N_LISTS 3
#define N_TOKENS 5
#define N_FEATURES 40

/* Which features fire is drawn by chance; each is found by one of the threads, in any order of tokens. */
static void
test_codes (void)
{
  SteerSaeHits lists[N_LISTS] = { { NULL } };
  g_autoptr (SteerSaeCodes) codes = NULL;
  float values[N_TOKENS][N_FEATURES] = { { 0.0f } };
  gint budget = N_LISTS * 4096;

  for (guint32 feature = 0; feature < N_FEATURES; feature++)
    for (guint32 token = N_TOKENS; token-- > 0;)
      {
        SteerSaeHit hit = { .token = token, .feature = feature, .value = (float) g_test_rand_double_range (0.1, 1.0) };

        if (token == 2 || g_test_rand_int_range (0, 3) > 0)
          continue;
        values[token][feature] = hit.value;
        g_assert_true (steer_sae_hits_append (&lists[g_test_rand_int_range (0, N_LISTS)], &hit, &budget));
      }

  codes = steer_sae_hits_make_codes (lists, N_LISTS, N_TOKENS);
  g_assert_cmpuint (codes->n_tokens, ==, N_TOKENS);
  g_assert_cmpuint (codes->begin[0], ==, 0);
  for (guint token = 0; token < N_TOKENS; token++)
    {
      gsize next = codes->begin[token];

      for (guint32 feature = 0; feature < N_FEATURES; feature++)
        if (values[token][feature] > 0.0f)
          {
            g_assert_cmpuint (next, <, codes->begin[token + 1]);
            g_assert_cmpuint (codes->active[next].feature, ==, feature);
            g_assert_true (codes->active[next++].value == values[token][feature]);
          }
      g_assert_cmpuint (next, ==, codes->begin[token + 1]);
    }
  for (guint i = 0; i < N_LISTS; i++)
    steer_sae_hits_clear (&lists[i]);
}

/* Not each thread by itself. */
static void
test_budget (void)
{
  SteerSaeHits lists[N_LISTS] = { { NULL } };
  const SteerSaeHit hit = { .value = 1.0f };
  gint budget = 5000;
  gsize n = 0;

  for (guint i = 0; i < N_LISTS; i++)
    {
      while (steer_sae_hits_append (&lists[i], &hit, &budget))
        g_assert_cmpuint (++n, <=, 5000);
    }
  g_assert_cmpuint (n, >=, 4096);
  for (guint i = 0; i < N_LISTS; i++)
    {
      g_assert_cmpuint (lists[i].n, ==, lists[i].room);
      steer_sae_hits_clear (&lists[i]);
    }
}

/* By score, and of equal ones those that come first, whatever the order in which they are met. */
static void
test_best (void)
{
  enum
  {
    n = 30,
    k = 7,
  };
  guint32 order[n];
  SteerSaeHit heap[k];
  guint n_kept = 0;

  for (guint32 i = 0; i < n; i++)
    {
      guint32 at = (guint32) g_test_rand_int_range (0, (gint) i + 1);

      order[i] = order[at];
      order[at] = i;
    }
  for (guint i = 0; i < n; i++)
    {
      /* Scores 0, 0, 0, 1, 1, 1, ...: the best are 27 to 29, 24 to 26, and of 21 to 23 the first. */
      SteerSaeHit hit = { .feature = order[i], .score = (float) (order[i] / 3) };

      steer_sae_hits_keep_best (heap, &n_kept, k, &hit);
    }
  g_assert_cmpuint (n_kept, ==, k);
  for (guint i = 0; i < k; i++)
    g_assert_true (heap[i].feature >= 24 || heap[i].feature == 21);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sae-hits/codes-have-every-token's-features-in-order", test_codes);
  g_test_add_func ("/sae-hits/all-lists-share-one-budget", test_budget);
  g_test_add_func ("/sae-hits/the-best-k-are-kept", test_best);
  return g_test_run ();
}
