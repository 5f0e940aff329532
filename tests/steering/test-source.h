#pragma once

#include "steer-vector-source.h"

G_BEGIN_DECLS

/* A source in memory for tests: any feature of layers 0 .. n_layers - 1, as the unit vector along index % d_model; it
 * remembers how often and by which thread a vector was asked of it. */
#define TEST_TYPE_SOURCE (test_source_get_type ())
G_DECLARE_FINAL_TYPE (TestSource, test_source, TEST, SOURCE, GObject)

TestSource *test_source_new (const char *id, guint d_model, guint n_layers);
guint test_source_get_n_loads (TestSource *self);
/* (nullable): not to be used but to compare. */
GThread *test_source_get_reader (TestSource *self);

G_END_DECLS
