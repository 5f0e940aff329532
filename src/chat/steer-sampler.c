#include "steer-sampler.h"

#include <math.h>

typedef struct
{
  float logit;
  gint32 id;
} Candidate;

struct _SteerSampler
{
  guint n_vocab;
  Candidate *heap;   /* [n_vocab] */
  Candidate *sorted; /* [n_vocab]: taken off the heap, so in falling order */
  guint n_heap;
  guint n_sorted;
};

SteerSampler *
steer_sampler_new (guint n_vocab)
{
  SteerSampler *self = g_new0 (SteerSampler, 1);

  self->n_vocab = n_vocab;
  self->heap = g_new (Candidate, n_vocab);
  self->sorted = g_new (Candidate, n_vocab);
  return self;
}

void
steer_sampler_free (SteerSampler *self)
{
  if (self == NULL)
    return;
  g_free (self->heap);
  g_free (self->sorted);
  g_free (self);
}

/* Falling logit, then rising id. */
static inline gboolean
comes_before (Candidate a, Candidate b)
{
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void
sift_down (Candidate *heap, guint n, guint i)
{
  Candidate moving = heap[i];

  for (;;)
    {
      guint child = 2 * i + 1;

      if (child >= n)
        break;
      if (child + 1 < n && comes_before (heap[child + 1], heap[child]))
        child++;
      if (!comes_before (heap[child], moving))
        break;
      heap[i] = heap[child];
      i = child;
    }
  heap[i] = moving;
}

/* A heap and not a sort: the nucleus is usually a few dozen of 128,256 tokens, and only they need an order. */
static void
build_heap (SteerSampler *self, const float *logits)
{
  self->n_heap = 0;
  self->n_sorted = 0;
  for (guint id = 0; id < self->n_vocab; id++)
    {
      if (logits[id] > -INFINITY)
        self->heap[self->n_heap++] = (Candidate){ logits[id], (gint32) id };
    }
  for (guint i = self->n_heap / 2; i-- > 0;)
    sift_down (self->heap, self->n_heap, i);
}

static Candidate
take_next (SteerSampler *self)
{
  Candidate top = self->heap[0];

  self->heap[0] = self->heap[--self->n_heap];
  if (self->n_heap > 0)
    sift_down (self->heap, self->n_heap, 0);
  self->sorted[self->n_sorted++] = top;
  return top;
}

static gint32
choose_greedily (const float *logits, guint n_vocab)
{
  guint best = 0;

  for (guint id = 1; id < n_vocab; id++)
    {
      if (logits[id] > logits[best])
        best = id;
    }
  return (gint32) best;
}

static void
apply_repetition_penalty (float *logits, guint n_vocab, const guint32 *seen, float penalty)
{
  for (guint word = 0; word < (n_vocab + 31) / 32; word++)
    {
      for (guint32 bits = seen[word]; bits != 0; bits &= bits - 1)
        {
          guint id = word * 32 + (guint) g_bit_nth_lsf (bits, -1);

          if (id < n_vocab)
            logits[id] = logits[id] < 0.0f ? logits[id] * penalty : logits[id] / penalty;
        }
    }
}

static inline double
weight_of (Candidate candidate, double max)
{
  return exp ((double) candidate.logit - max);
}

/* top-k as transformers defines it: what ties with the k-th stays. Returns the total weight of what stays, all of it in
 * `sorted`. */
static double
keep_top_k (SteerSampler *self, guint top_k, double max)
{
  double total = 0.0;
  float kth;

  while (self->n_sorted < top_k && self->n_heap > 0)
    total += weight_of (take_next (self), max);
  kth = self->sorted[self->n_sorted - 1].logit;
  while (self->n_heap > 0 && self->heap[0].logit == kth)
    total += weight_of (take_next (self), max);
  self->n_heap = 0;
  return total;
}

static double
sum_weights (SteerSampler *self, double max)
{
  double total = 0.0;

  for (guint i = 0; i < self->n_heap; i++)
    total += weight_of (self->heap[i], max);
  return total;
}

/* Candidate i in falling order, taken off the heap when it is needed; FALSE past the last one. */
static gboolean
get_candidate (SteerSampler *self, guint i, Candidate *candidate)
{
  if (i >= self->n_sorted && self->n_heap == 0)
    return FALSE;
  *candidate = i < self->n_sorted ? self->sorted[i] : take_next (self);
  return TRUE;
}

gint32
steer_sampler_choose (SteerSampler *self,
                      const SteerSampling *sampling,
                      float *logits,
                      const guint32 *seen,
                      double uniform)
{
  Candidate candidate;
  double max, total, kept, reached;
  guint n_kept;
  gboolean filtered = sampling->top_p < 1.0 || sampling->min_p > 0.0;

  if (seen != NULL && sampling->repetition_penalty != 1.0)
    apply_repetition_penalty (logits, self->n_vocab, seen, (float) sampling->repetition_penalty);
  for (guint id = 0; id < self->n_vocab; id++)
    {
      if (isnan (logits[id]))
        logits[id] = -INFINITY;
    }
  if (sampling->temperature <= 0.0)
    return choose_greedily (logits, self->n_vocab);

  for (guint id = 0; id < self->n_vocab; id++)
    logits[id] = (float) ((double) logits[id] / sampling->temperature);
  build_heap (self, logits);
  if (self->n_heap == 0)
    return 0;
  max = self->heap[0].logit;
  /* An infinite logit leaves no distribution: it is certain. */
  if (max == INFINITY)
    return self->heap[0].id;

  total = sampling->top_k > 0 ? keep_top_k (self, sampling->top_k, max) : sum_weights (self, max);

  /* top-p keeps a token while the mass before it is under top_p; min-p compares with the most likely one. Both keep at
   * least one token. */
  kept = total;
  n_kept = G_MAXUINT;
  if (filtered)
    {
      double before = 0.0;

      for (n_kept = 0; get_candidate (self, n_kept, &candidate); n_kept++)
        {
          double weight = weight_of (candidate, max);

          if (n_kept > 0 && ((sampling->top_p < 1.0 && before >= sampling->top_p * total) || weight < sampling->min_p))
            break;
          before += weight;
        }
      kept = before;
    }

  reached = 0.0;
  candidate.id = 0;
  for (guint i = 0; i < n_kept && get_candidate (self, i, &candidate); i++)
    {
      reached += weight_of (candidate, max);
      if (uniform * kept < reached)
        break;
    }
  return candidate.id;
}

/* SplitMix64 (Steele, Lea, Flood 2014) of the seed's stream, 53 bits of it. */
double
steer_sampler_uniform (guint64 seed, guint64 n)
{
  guint64 z = seed * G_GUINT64_CONSTANT (0xd1342543de82ef95) + (n + 1) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  z ^= z >> 31;
  return (double) (z >> 11) * 0x1.0p-53;
}
