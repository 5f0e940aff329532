#pragma once

#include "steer-label-book.h"

G_BEGIN_DECLS

typedef enum
{
  STEER_FINDER_LISTING, /* the sources' lists are being read */
  STEER_FINDER_EMPTY,   /* there are no labels at all */
  STEER_FINDER_UNASKED, /* there are labels to search, and nothing to show before */
  STEER_FINDER_NOTHING, /* none has what was typed */
  STEER_FINDER_FOUND,
} SteerFinderState;

#define STEER_TYPE_FEATURE_FINDER (steer_feature_finder_get_type ())

/**
 * SteerFeatureFinder:
 *
 * Finds features of the loaded sources by what is typed: in the labels that the sources bring themselves, and in those
 * of the book, imported or given by the user. A feature is found by the name that it is shown under. Searches run in a
 * thread; a new one cancels the one before. Main thread.
 *
 * Best first: what the user has named, then the label that is the query, those that have it as a phrase, those that
 * begin with it, the shorter.
 *
 * Signal `found`: the list and the state are those of the newest search.
 */
G_DECLARE_FINAL_TYPE (SteerFeatureFinder, steer_feature_finder, STEER, FEATURE_FINDER, GObject)

SteerFeatureFinder *steer_feature_finder_new (SteerLibrary *library, SteerLabelBook *labels);

/* Reads the sources' lists anew, by a thread, and searches again. */
void steer_feature_finder_refresh (SteerFeatureFinder *self);

/* @text: words, phrases in quotes, "15:21576"; "": everything that the sources list. */
void steer_feature_finder_search (SteerFeatureFinder *self, const char *text);

/* (element-type SteerFeature) (transfer none): with their labels and sources, and nothing else; another list with each
 * `found`. */
GListModel *steer_feature_finder_get_found (SteerFeatureFinder *self);
SteerFinderState steer_feature_finder_get_state (SteerFeatureFinder *self);
/* Of imported labels that belong to what is loaded. */
guint64 steer_feature_finder_count_labels (SteerFeatureFinder *self);

/* Nothing more is found, and no thread works for it. */
void steer_feature_finder_stop (SteerFeatureFinder *self);

G_END_DECLS
