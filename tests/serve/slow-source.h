#pragma once

#include "steering/steer-vector-source.h"

G_BEGIN_DECLS

/* Another source's features by the id "slow": each is read only when it is let, so that what goes on meanwhile can be
 * looked at. Who waits for half a minute is told that the vector cannot be read. */
#define SLOW_TYPE_SOURCE (slow_source_get_type ())
G_DECLARE_FINAL_TYPE (SlowSource, slow_source, SLOW, SOURCE, GObject)

SlowSource *slow_source_new (SteerVectorSource *inner);

/* Features of this index can be read from now on, or cannot for ever: "the disk is scratched". */
void slow_source_let (SlowSource *self, guint64 index);
void slow_source_break (SlowSource *self, guint64 index);

/* How many reads have begun. */
guint slow_source_get_n_reads (SlowSource *self);
/* (nullable): of the newest read; not to be used but to compare. */
GThread *slow_source_get_reader (SlowSource *self);

G_END_DECLS
