#pragma once

#include "steer-sae-encode.h"

G_BEGIN_DECLS

/* A feature that fires on a token. */
typedef struct
{
  guint32 token;
  guint32 feature;
  float value;
  float score; /* what top-k compares */
} SteerSaeHit;

/**
 * SteerSaeHits:
 *
 * What one thread has found; all threads take their room out of one budget, since an SAE that is no sparse code at all
 * would fill any memory. One thread.
 */
typedef struct
{
  SteerSaeHit *hits;
  gsize n;
  gsize room;
} SteerSaeHits;

/* @budget: atomic: hits that all lists together may still make room for. FALSE when that is spent, or no memory left.
 */
gboolean steer_sae_hits_append (SteerSaeHits *self, const SteerSaeHit *hit, gint *budget);
void steer_sae_hits_clear (SteerSaeHits *self);

/* Keeps the @k best by score in a heap whose root is the least of them; of equal ones those of lower index.
 * heap: [k], of which *n_kept are there. */
void steer_sae_hits_keep_best (SteerSaeHit *heap, guint *n_kept, guint k, const SteerSaeHit *hit);

/* All lists' hits by token and feature. @lists: [n_lists]. NULL when there is no memory. */
SteerSaeCodes *steer_sae_hits_make_codes (const SteerSaeHits *lists, guint n_lists, guint n_tokens);

G_END_DECLS
