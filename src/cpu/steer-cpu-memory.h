#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Zeroed memory of which a page costs nothing until it is first written or read, so that room for a long context can
 * be kept without being taken. Aligned to a page. NULL when the address space or the system's limits do not allow it;
 * @n_bytes may be 0. */
gpointer steer_cpu_memory_reserve (gsize n_bytes);
/* The same for memory that is read again and again: in large pages where the system has them, which spares looking up
 * where each small page lies. What is taken at a time is then up to 2 MiB. */
gpointer steer_cpu_memory_reserve_large (gsize n_bytes);
void steer_cpu_memory_release (gpointer memory, gsize n_bytes);

/* Makes the pages of a mapped file's bytes present, from the disk if need be, without copying them. FALSE when the
 * file no longer has them, because it was cut off after it had been mapped. */
gboolean steer_cpu_memory_touch (const guint8 *data, gsize n_bytes);

G_END_DECLS
