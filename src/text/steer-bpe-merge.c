#include "steer-bpe-private.h"

#include <gio/gio.h>
#include <string.h>

/* Up to this many symbols, looking through all pairs is faster than a heap. */
#define SHORT_WORD 32

/* The token that @left and @right merge to, and its rank; STEER_BPE_NEVER when they do not. */
static inline guint32
find_pair (const SteerBpe *self,
           const char *word,
           const SteerBpeSymbol *left,
           const SteerBpeSymbol *right,
           guint32 *merged)
{
  if (self->score_ranks != NULL)
    {
      gint32 id = steer_string_table_find (self->pieces, word + left->start, (gsize) left->length + right->length);

      if (id < 0)
        return STEER_BPE_NEVER;
      *merged = (guint32) id;
      return self->score_ranks[id];
    }
  if (self->n_merge_slots == 0)
    return STEER_BPE_NEVER;
  else
    {
      const SteerMerge *slot
        = steer_bpe_find_slot (self->merges, self->n_merge_slots, self->seed, (guint32) left->id, (guint32) right->id);

      if (slot->merged == STEER_BPE_FREE)
        return STEER_BPE_NEVER;
      *merged = slot->merged;
      return slot->rank;
    }
}

static gsize
merge_short (const SteerBpe *self, const char *word, SteerBpeSymbol *symbols, gsize n)
{
  guint32 ranks[SHORT_WORD];  /* [n - 1] of the pair that begins at each symbol */
  guint32 merged[SHORT_WORD]; /* [n - 1] */

  for (gsize i = 0; i + 1 < n; i++)
    ranks[i] = find_pair (self, word, &symbols[i], &symbols[i + 1], &merged[i]);

  while (n > 1)
    {
      gsize best = 0;

      for (gsize i = 1; i + 1 < n; i++)
        if (ranks[i] < ranks[best])
          best = i;
      if (ranks[best] == STEER_BPE_NEVER)
        break;

      symbols[best].id = (gint32) merged[best];
      symbols[best].length += symbols[best + 1].length;
      n--;
      memmove (&symbols[best + 1], &symbols[best + 2], (n - best - 1) * sizeof *symbols);
      memmove (&ranks[best], &ranks[best + 1], (n - best - 1) * sizeof *ranks);
      memmove (&merged[best], &merged[best + 1], (n - best - 1) * sizeof *merged);
      if (best + 1 < n)
        ranks[best] = find_pair (self, word, &symbols[best], &symbols[best + 1], &merged[best]);
      if (best > 0)
        ranks[best - 1] = find_pair (self, word, &symbols[best - 1], &symbols[best], &merged[best - 1]);
    }
  return n;
}

/* A pair that could be merged when it was pushed. It still can exactly when the two symbols at its place have the
 * same length together: symbols only grow, and grow by whole symbols. */
typedef struct
{
  guint64 key; /* rank << 32 | index of the left symbol */
  guint32 length;
  guint32 merged;
} Candidate;

static void
sift_down (Candidate *heap, gsize n, gsize at)
{
  Candidate moving = heap[at];

  for (gsize child; (child = at * 2 + 1) < n; at = child)
    {
      child += child + 1 < n && heap[child + 1].key < heap[child].key;
      if (heap[child].key >= moving.key)
        break;
      heap[at] = heap[child];
    }
  heap[at] = moving;
}

static void
sift_up (Candidate *heap, gsize at)
{
  Candidate moving = heap[at];

  while (at > 0 && heap[(at - 1) / 2].key > moving.key)
    {
      heap[at] = heap[(at - 1) / 2];
      at = (at - 1) / 2;
    }
  heap[at] = moving;
}

static void
push_candidate (const SteerBpe *self,
                SteerBpeScratch *scratch,
                const char *word,
                const SteerBpeSymbol *symbols,
                gsize left)
{
  Candidate *heap = scratch->heap;
  const SteerBpeSymbol *a = &symbols[left];
  const SteerBpeSymbol *b = &symbols[a->next];
  guint32 merged;
  guint32 rank = find_pair (self, word, a, b, &merged);

  if (rank == STEER_BPE_NEVER)
    return;
  heap[scratch->heap_used] = (Candidate){ (guint64) rank << 32 | left, a->length + b->length, merged };
  sift_up (heap, scratch->heap_used++);
}

static gboolean
reserve_heap (SteerBpeScratch *scratch, gsize n, GError **error)
{
  gpointer heap;

  scratch->heap_used = 0;
  if (n <= scratch->heap_size)
    return TRUE;
  heap = g_try_malloc_n (n, sizeof (Candidate));
  if (heap == NULL)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
                   "not enough memory to tokenize a word of %" G_GSIZE_FORMAT " characters", n / 3);
      return FALSE;
    }
  g_free (scratch->heap);
  scratch->heap = heap;
  scratch->heap_size = n;
  return TRUE;
}

static gboolean
merge_long (const SteerBpe *self, SteerBpeScratch *scratch, const char *word, gsize *n, GError **error)
{
  SteerBpeSymbol *symbols = scratch->symbols;
  Candidate *heap;
  gsize kept = 0;

  /* n - 1 pairs to begin with, and two new ones for each of at most n - 1 merges */
  if (!reserve_heap (scratch, *n * 3, error))
    return FALSE;
  heap = scratch->heap;
  for (gsize i = 0; i < *n; i++)
    {
      symbols[i].previous = (gint32) i - 1;
      symbols[i].next = i + 1 < *n ? (gint32) i + 1 : -1;
    }
  for (gsize i = 0; i + 1 < *n; i++)
    push_candidate (self, scratch, word, symbols, i);

  while (scratch->heap_used > 0)
    {
      Candidate top = heap[0];
      gsize at = (guint32) top.key;
      SteerBpeSymbol *left = &symbols[at];
      SteerBpeSymbol *right;

      heap[0] = heap[--scratch->heap_used];
      if (scratch->heap_used > 0)
        sift_down (heap, scratch->heap_used, 0);
      if (left->length == 0 || left->next < 0)
        continue;
      right = &symbols[left->next];
      if (left->length + right->length != top.length)
        continue;

      left->id = (gint32) top.merged;
      left->length = top.length;
      left->next = right->next;
      right->length = 0;
      if (left->next >= 0)
        {
          symbols[left->next].previous = (gint32) at;
          push_candidate (self, scratch, word, symbols, at);
        }
      if (left->previous >= 0)
        push_candidate (self, scratch, word, symbols, (gsize) left->previous);
    }

  for (gsize i = 0; i < *n; i++)
    if (symbols[i].length > 0)
      symbols[kept++] = symbols[i];
  *n = kept;
  return TRUE;
}

gboolean
steer_bpe_merge (const SteerBpe *self, SteerBpeScratch *scratch, const char *word, gsize *n, GError **error)
{
  if (*n > SHORT_WORD)
    return merge_long (self, scratch, word, n, error);
  *n = merge_short (self, word, scratch->symbols, *n);
  return TRUE;
}
