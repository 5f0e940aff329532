#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* English prose of several kinds, in which the residual stream's typical length is measured. */
extern const char *const steer_norm_text;

/* Norms that were measured of the model at @path and kept in the user's cache folder; NULL where there are none, where
 * the model's files have changed since, or where there are not @n_layers of them. (element-type double). Blocks. */
GArray *steer_norm_cache_read (const char *path, guint n_layers);

/* Keeps them. A folder that cannot be written to is no failure: they are measured again. */
void steer_norm_cache_write (const char *path, GArray *norms);

G_END_DECLS
