#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The sum of a file's content as the Hub names it: SHA-256, or for files that git keeps itself the SHA-1 of
 * "blob SIZE\0" and the content. One thread at a time. */
typedef struct _SteerHubSum SteerHubSum;

/* @expected: of 64 or 40 hexadecimal digits; @size: of the whole content. */
SteerHubSum *steer_hub_sum_new (const char *expected, guint64 size);
void steer_hub_sum_free (SteerHubSum *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerHubSum, steer_hub_sum_free)

/* @bytes: [length], what comes next. */
void steer_hub_sum_add (SteerHubSum *self, const void *bytes, gsize length);
/* Back to before the first byte. */
void steer_hub_sum_reset (SteerHubSum *self);
/* How many bytes were added. */
guint64 steer_hub_sum_get_length (SteerHubSum *self);
/* Whether all of it was added and is what was expected. Ends the sum: nothing but reset or free may follow. */
gboolean steer_hub_sum_is_right (SteerHubSum *self);

G_END_DECLS
