#pragma once

#include "steer-bpe.h"

G_BEGIN_DECLS

#define STEER_BPE_FREE G_MAXUINT32  /* a slot without a merge */
#define STEER_BPE_NEVER G_MAXUINT32 /* the rank of what is not merged */

/* One symbol of a word while it is being merged. */
typedef struct
{
  gint32 id; /* -1: text that is no token yet (score merging only) */
  guint32 start;
  guint32 length; /* 0 once merged into the symbol before it */
  gint32 previous;
  gint32 next; /* -1: none */
} SteerBpeSymbol;

static inline gsize
steer_bpe_merge_slot (guint64 seed, guint32 left, guint32 right, gsize n_slots)
{
  /* multiply and fold, the mixing step of wyhash */
  unsigned __int128 product
    = (unsigned __int128) (((guint64) left << 32 | right) ^ seed) * G_GUINT64_CONSTANT (0xa0761d6478bd642f);

  return (gsize) ((guint64) product ^ (guint64) (product >> 64)) & (n_slots - 1);
}

static inline SteerMerge *
steer_bpe_find_slot (SteerMerge *merges, gsize n_slots, guint64 seed, guint32 left, guint32 right)
{
  gsize slot = steer_bpe_merge_slot (seed, left, right, n_slots);

  while (merges[slot].merged != STEER_BPE_FREE && (merges[slot].left != left || merges[slot].right != right))
    slot = (slot + 1) & (n_slots - 1);
  return &merges[slot];
}

/* Merges the @n symbols of scratch->symbols, which spell @word from its beginning to its end, until no pair is left
 * that merges; @n is then how many there are. Errors: G_FILE_ERROR_NOMEM. */
gboolean steer_bpe_merge (const SteerBpe *self, SteerBpeScratch *scratch, const char *word, gsize *n, GError **error);

G_END_DECLS
