#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* From then on every other computer is this one, logged in to as the owner of @home, which has the tiny model as
 * ~/models/tiny; what lends it there is the `steer` that was built. Before there is another thread. */
void test_lend (const char *home);

G_END_DECLS
