#pragma once

#include "steer-label-ties.h"

G_BEGIN_DECLS

/* More than anybody reads; whoever wants another one types another word. */
#define STEER_FEATURE_SEARCH_MAX_FOUND 300

/* What a search comes upon. */
typedef struct
{
  SteerVectorSource *source; /* not owned: the search's */
  guint layer;
  guint64 index;
  char *label; /* nullable */
  gboolean by_user;
  guint likeness; /* to what was typed; the smaller the nearer */
  glong length;   /* of the label, in characters */
  guint order;    /* in which it was come upon */
} SteerFeatureHit;

/* One line of a source's own list. */
typedef struct
{
  SteerVectorSource *source;
  SteerFeatureInfo *info;
  char *folded; /* label, for searching */
} SteerFeatureCandidate;

/* What the sources list, each feature once: as the first that has it. (transfer full) (element-type
 * SteerFeatureCandidate). Any thread; takes long for an SAE with labels of its own. */
GPtrArray *steer_feature_search_list (GPtrArray *sources, GCancellable *cancellable);

/**
 * SteerFeatureSearch: one search for features by what is typed, for any one thread. See steer-feature-finder.h for what
 * is found, and in which order.
 */
typedef struct _SteerFeatureSearch SteerFeatureSearch;

/* @sources: (element-type SteerVectorSource). @candidates: of steer_feature_search_list(). */
SteerFeatureSearch *
steer_feature_search_new (const char *text, GPtrArray *sources, GPtrArray *candidates, SteerLabelTies *ties);
void steer_feature_search_free (SteerFeatureSearch *self);

/* Best first. (element-type SteerFeatureHit) (transfer none). A cancelled search may have found anything. */
GArray *steer_feature_search_run (SteerFeatureSearch *self, GCancellable *cancellable);

G_END_DECLS
