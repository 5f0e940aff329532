#pragma once

#include "steer-archive-private.h"

G_BEGIN_DECLS

/* Reads one array of NumPy's format (numpy/lib/format.py, versions 1 to 3) and adds it to the table as @name. An array
 * whose elements are no numbers, but for Python objects, is added as opaque.
 * @data: [size], lives as long as the table. Errors: STEER_TENSOR_ERROR_INVALID, _TRUNCATED, _UNSUPPORTED. */
gboolean steer_npy_read (SteerArchiveTable *table,
                         const SteerFileMap *file,
                         const char *name,
                         const guint8 *data,
                         gsize size,
                         GError **error);

G_END_DECLS
