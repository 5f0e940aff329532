#pragma once

#include "steering/steer-preset.h"

G_BEGIN_DECLS

/* What the steering panel does to a preset, without widgets. */

/* Puts a copy of the feature at @position behind it. */
void steer_steering_duplicate (SteerPreset *preset, guint position);

/* Every strength to the recommended one (0 where none is known), every row on, the master switch on at × 1. */
void steer_steering_reset (SteerPreset *preset);

/**
 * SteerSolo:
 *
 * Lets one feature of a preset work alone, and remembers which of the others were enabled. Whoever enables or
 * disables a row by hand meanwhile is right: ending the solo then only touches the rows that are as solo left them.
 */
typedef struct _SteerSolo SteerSolo;

SteerSolo *steer_solo_begin (SteerPreset *preset, SteerFeature *feature);
/* Enables what was enabled before, and frees. */
void steer_solo_end (SteerSolo *self);
SteerFeature *steer_solo_get_feature (SteerSolo *self);

/**
 * SteerFeatureQuery:
 *
 * What was typed into a search for features. A feature fits when every word, or phrase in quotes, is somewhere in its
 * label, whatever its case and accents are, or is a number that begins its layer or its index; "15:215" is layer 15 and
 * an index that begins with 215.
 */
typedef struct _SteerFeatureQuery SteerFeatureQuery;

SteerFeatureQuery *steer_feature_query_new (const char *text);
void steer_feature_query_free (SteerFeatureQuery *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerFeatureQuery, steer_feature_query_free)

/* @folded_label: by steer_steering_fold(), done once for labels that are searched often. */
gboolean steer_feature_query_matches (SteerFeatureQuery *self, const char *folded_label, guint layer, guint64 index);

/* "Café" becomes "cafe". Any thread. */
char *steer_steering_fold (const char *text);

G_END_DECLS
