#include "steer-sae-hits.h"

#include <stdlib.h>

#define FIRST_ROOM 1024

/* --- Lists --- */

/* Takes @n out of the budget, or nothing. */
static gboolean
take (gint *budget, gsize n)
{
  gint left = g_atomic_int_get (budget);

  while ((gsize) MAX (left, 0) >= n)
    {
      if (g_atomic_int_compare_and_exchange (budget, left, left - (gint) n))
        return TRUE;
      left = g_atomic_int_get (budget);
    }
  return FALSE;
}

static gboolean
grow (SteerSaeHits *self, gint *budget)
{
  gsize room = MAX (2 * self->room, FIRST_ROOM);
  SteerSaeHit *hits = take (budget, room - self->room) ? g_try_renew (SteerSaeHit, self->hits, room) : NULL;

  if (hits == NULL)
    return FALSE;
  self->hits = hits;
  self->room = room;
  return TRUE;
}

gboolean
steer_sae_hits_append (SteerSaeHits *self, const SteerSaeHit *hit, gint *budget)
{
  if (self->n == self->room && !grow (self, budget))
    return FALSE;
  self->hits[self->n++] = *hit;
  return TRUE;
}

void
steer_sae_hits_clear (SteerSaeHits *self)
{
  g_free (self->hits);
  *self = (SteerSaeHits){ NULL };
}

/* --- The best k --- */

/* Lower scores come first, and of equal ones the higher index, so that the lower index is kept. */
static gboolean
is_less (const SteerSaeHit *a, const SteerSaeHit *b)
{
  if (a->score != b->score)
    return a->score < b->score;
  return a->feature > b->feature;
}

static void
swap (SteerSaeHit *a, SteerSaeHit *b)
{
  SteerSaeHit kept = *a;

  *a = *b;
  *b = kept;
}

static void
sift_down (SteerSaeHit *heap, guint n, guint at)
{
  for (;;)
    {
      guint least = at;

      for (guint child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
        if (is_less (&heap[child], &heap[least]))
          least = child;
      if (least == at)
        return;
      swap (&heap[at], &heap[least]);
      at = least;
    }
}

void
steer_sae_hits_keep_best (SteerSaeHit *heap, guint *n_kept, guint k, const SteerSaeHit *hit)
{
  if (*n_kept == k)
    {
      if (!is_less (&heap[0], hit))
        return;
      heap[0] = *hit;
      sift_down (heap, k, 0);
      return;
    }
  heap[(*n_kept)++] = *hit;
  for (guint at = *n_kept - 1; at > 0 && is_less (&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
    swap (&heap[at], &heap[(at - 1) / 2]);
}

/* --- Codes --- */

static int
compare_features (const void *a, const void *b)
{
  const SteerSaeActive *x = a;
  const SteerSaeActive *y = b;

  return x->feature < y->feature ? -1 : x->feature > y->feature;
}

/* Each token's in the order of the lists; @next: [n_tokens], where the token's next one goes. */
static void
distribute (const SteerSaeHits *lists, guint n_lists, gsize *next, SteerSaeActive *active)
{
  for (guint i = 0; i < n_lists; i++)
    for (gsize j = 0; j < lists[i].n; j++)
      {
        const SteerSaeHit *hit = &lists[i].hits[j];

        active[next[hit->token]++] = (SteerSaeActive){ hit->feature, hit->value };
      }
}

SteerSaeCodes *
steer_sae_hits_make_codes (const SteerSaeHits *lists, guint n_lists, guint n_tokens)
{
  g_autoptr (SteerSaeCodes) codes = g_new0 (SteerSaeCodes, 1);
  gsize n = 0;

  for (guint i = 0; i < n_lists; i++)
    n += lists[i].n;
  codes->n_tokens = n_tokens;
  codes->begin = g_try_new0 (gsize, (gsize) n_tokens + 1);
  codes->active = g_try_new (SteerSaeActive, MAX (n, 1));
  if (codes->begin == NULL || codes->active == NULL)
    return NULL;

  for (guint i = 0; i < n_lists; i++)
    for (gsize j = 0; j < lists[i].n; j++)
      codes->begin[lists[i].hits[j].token + 1]++;
  for (guint t = 0; t < n_tokens; t++)
    codes->begin[t + 1] += codes->begin[t];
  /* Distributing moves every token's begin to its end, which is the next one's begin. */
  distribute (lists, n_lists, codes->begin, codes->active);
  for (guint t = n_tokens; t > 0; t--)
    codes->begin[t] = codes->begin[t - 1];
  codes->begin[0] = 0;
  for (guint t = 0; t < n_tokens; t++)
    qsort (codes->active + codes->begin[t], codes->begin[t + 1] - codes->begin[t], sizeof *codes->active,
           compare_features);
  return g_steal_pointer (&codes);
}
