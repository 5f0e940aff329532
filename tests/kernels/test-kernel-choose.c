#include "kernel-test.h"

#include <math.h>
#include <string.h>

#include "chat/steer-sampler.h"

/* The device chooses the token that the sampler of src/chat chooses, from the same logits, settings and number. */

typedef struct
{
  int n_vocab;
  int n_columns;
  float *logits; /* [n_columns, n_vocab] */
  SteerCudaChoice choices[STEER_CUDA_MAX_COLUMNS];
  guint32 *seen; /* (nullable): [n_columns, (n_vocab + 31) / 32] */
} Fixture;

/* Chooses on the device, twice, since a call must leave the scratch area as it found it. */
static void
choose (Fixture *self, gint32 *tokens)
{
  gsize n = (gsize) (self->n_columns * self->n_vocab);
  gsize n_words = (gsize) (self->n_vocab + 31) / 32;
  gsize n_scratch = steer_cuda_choose_get_scratch (self->n_vocab, self->n_columns);
  gpointer scratch = kernel_test_alloc (n_scratch);
  guint32 *seen = self->seen != NULL ? kernel_test_upload (self->seen, n_words * (gsize) self->n_columns * 4) : NULL;
  SteerCudaChoice *choices;
  guint64 *chosen;

  kernel_test_check (cudaMemset (scratch, 0, n_scratch));
  kernel_test_check (cudaHostAlloc ((gpointer *) &chosen, STEER_CUDA_MAX_COLUMNS * 8, cudaHostAllocMapped));
  for (int c = 0; c < self->n_columns; c++)
    {
      self->choices[c].seen = seen != NULL ? seen + n_words * (gsize) c : NULL;
      self->choices[c].stamp = (guint32) (1000 + c);
    }
  choices = kernel_test_upload (self->choices, sizeof self->choices);
  for (int i = 0; i < 2; i++)
    {
      float *logits = kernel_test_upload (self->logits, n * sizeof (float));

      kernel_test_check (
        steer_cuda_choose (kernel_test_get_queue (), logits, self->n_vocab, choices, self->n_columns, scratch, chosen));
      cudaFree (logits);
      for (int c = 0; c < self->n_columns; c++)
        {
          g_assert_cmpuint (chosen[c] >> 32, ==, 1000 + c);
          if (i > 0)
            g_assert_cmpint (tokens[c], ==, (gint32) chosen[c]);
          tokens[c] = (gint32) chosen[c];
        }
    }
  cudaFree (scratch);
  cudaFree (seen);
  cudaFree (choices);
  cudaFreeHost (chosen);
}

static gint32
choose_on_host (const Fixture *self, int column)
{
  g_autoptr (SteerSampler) sampler = steer_sampler_new ((guint) self->n_vocab);
  const SteerCudaChoice *choice = &self->choices[column];
  SteerSampling sampling;
  g_autofree float *logits = g_memdup2 (self->logits + column * self->n_vocab, (gsize) self->n_vocab * sizeof (float));
  const guint32 *seen = self->seen != NULL ? self->seen + (self->n_vocab + 31) / 32 * column : NULL;

  steer_sampling_init (&sampling);
  sampling.temperature = choice->temperature;
  sampling.top_k = choice->top_k;
  sampling.top_p = choice->top_p;
  sampling.min_p = choice->min_p;
  sampling.repetition_penalty = choice->repetition_penalty;
  return steer_sampler_choose (sampler, &sampling, logits, seen, choice->uniform);
}

static void
check (Fixture *self)
{
  gint32 tokens[STEER_CUDA_MAX_COLUMNS];

  choose (self, tokens);
  for (int c = 0; c < self->n_columns; c++)
    {
      const SteerCudaChoice *choice = &self->choices[c];
      gint32 expected = choose_on_host (self, c);

      if (tokens[c] != expected)
        g_error ("column %d of %d tokens: temperature %g, top-k %u, top-p %g, min-p %g, penalty %g, uniform %.17g: "
                 "chose %d, should choose %d",
                 c, self->n_vocab, choice->temperature, choice->top_k, choice->top_p, choice->min_p,
                 choice->repetition_penalty, choice->uniform, tokens[c], expected);
    }
}

/* Sum of twelve, so roughly normal, as logits are. */
static float
draw_logit (double spread)
{
  double sum = -6.0;

  for (guint i = 0; i < 12; i++)
    sum += g_test_rand_double ();
  return (float) (spread * sum);
}

static void
fixture_init (Fixture *self, int n_vocab, int n_columns, double spread)
{
  memset (self, 0, sizeof *self);
  self->n_vocab = n_vocab;
  self->n_columns = n_columns;
  self->logits = g_new (float, n_vocab *n_columns);
  for (int i = 0; i < n_vocab * n_columns; i++)
    self->logits[i] = draw_logit (spread);
  for (int c = 0; c < n_columns; c++)
    self->choices[c] = (SteerCudaChoice){
      .temperature = 1.0, .top_p = 1.0, .repetition_penalty = 1.0, .uniform = g_test_rand_double ()
    };
}

static void
fixture_clear (Fixture *self)
{
  g_free (self->logits);
  g_free (self->seen);
}

static void
see_some_tokens (Fixture *self)
{
  int n_words = (self->n_vocab + 31) / 32 * self->n_columns;

  self->seen = g_new (guint32, n_words);
  for (int i = 0; i < n_words; i++)
    self->seen[i] = (guint32) g_test_rand_int () & (guint32) g_test_rand_int ();
}

static void
set_at_random (SteerCudaChoice *choice)
{
  static const double temperatures[] = { 0.0, 0.3, 0.7, 1.0, 1.7, 5.0 };
  static const guint top_ks[] = { 0, 0, 1, 2, 40, 100000 };
  static const double top_ps[] = { 1.0, 1.0, 0.01, 0.5, 0.95 };
  static const double min_ps[] = { 0.0, 0.0, 0.05, 0.5, 1.0 };
  static const double penalties[] = { 1.0, 1.3, 0.8 };

  choice->temperature = kernel_test_pick (temperatures);
  choice->top_k = kernel_test_pick (top_ks);
  choice->top_p = kernel_test_pick (top_ps);
  choice->min_p = kernel_test_pick (min_ps);
  choice->repetition_penalty = kernel_test_pick (penalties);
}

static void
test_settings (void)
{
  static const int sizes[] = { 1, 2, 31, 257, 2000, 5003 };
  static const double spreads[] = { 0.0, 0.01, 1.0, 3.0, 12.0 };

  for (guint i = 0; i < 60; i++)
    {
      Fixture fixture;

      fixture_init (&fixture, kernel_test_pick (sizes), 1 + (int) i % STEER_CUDA_MAX_COLUMNS,
                    kernel_test_pick (spreads));
      see_some_tokens (&fixture);
      for (int c = 0; c < fixture.n_columns; c++)
        set_at_random (&fixture.choices[c]);
      check (&fixture);
      fixture_clear (&fixture);
    }
}

/* Equal logits are chosen from in the order of ids; top-k keeps all that tie with its last. */
static void
test_ties (void)
{
  for (guint i = 0; i < 60; i++)
    {
      static const guint top_ks[] = { 0, 1, 3, 17 };
      static const double top_ps[] = { 1.0, 0.5, 0.25 };
      Fixture fixture;

      fixture_init (&fixture, 700, 2, 1.0);
      for (int k = 0; k < 2 * 700; k++)
        fixture.logits[k] = (float) g_test_rand_int_range (-3, 1);
      for (int c = 0; c < 2; c++)
        {
          fixture.choices[c].top_k = kernel_test_pick (top_ks);
          fixture.choices[c].top_p = kernel_test_pick (top_ps);
        }
      check (&fixture);
      fixture_clear (&fixture);
    }
}

/* The chosen token's share of many draws is its probability, so the cases above do not all choose the first. */
static void
test_all_of_the_distribution (void)
{
  guint counts[4] = { 0 };
  Fixture fixture;

  fixture_init (&fixture, 4, 1, 0.0);
  for (int i = 0; i < 4; i++)
    fixture.logits[i] = (float) log (i + 1.0);
  for (guint i = 0; i < 100; i++)
    {
      gint32 token;

      fixture.choices[0].uniform = (i + 0.5) / 100.0;
      choose (&fixture, &token);
      counts[token]++;
    }
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (counts[i], ==, 10 * (i + 1));
  fixture_clear (&fixture);
}

static void
test_numbers_that_are_none (void)
{
  static const float odd[] = { NAN, -INFINITY, INFINITY, 0.0f, -0.0f, 3e38f, -3e38f };

  for (guint i = 0; i < 35; i++)
    {
      Fixture fixture;

      fixture_init (&fixture, 40, 3, 2.0);
      see_some_tokens (&fixture);
      for (int c = 0; c < 3; c++)
        {
          float what = odd[(i + (guint) c) % G_N_ELEMENTS (odd)];

          set_at_random (&fixture.choices[c]);
          for (int k = 0; k < 40; k++)
            if (g_test_rand_int_range (0, 4) < (i % 5 == 0 ? 4 : 1))
              fixture.logits[c * 40 + k] = what;
        }
      check (&fixture);
      fixture_clear (&fixture);
    }
}

/* As many tokens as Llama 3 has. */
static void
test_large_vocabulary (void)
{
  Fixture fixture;

  fixture_init (&fixture, 128256, 2, 2.5);
  fixture.choices[0].top_p = 0.95;
  fixture.choices[0].temperature = 0.7;
  fixture.choices[1].top_k = 50;
  check (&fixture);
  fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kernels/choose/settings", test_settings);
  g_test_add_func ("/kernels/choose/ties", test_ties);
  g_test_add_func ("/kernels/choose/all-of-the-distribution", test_all_of_the_distribution);
  g_test_add_func ("/kernels/choose/numbers-that-are-none", test_numbers_that_are_none);
  g_test_add_func ("/kernels/choose/large-vocabulary", test_large_vocabulary);
  return g_test_run ();
}
