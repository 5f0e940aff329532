#pragma once

#include "steer-archive-private.h"

G_BEGIN_DECLS

/* A member of a zip file. Its bytes lie in the mapping. */
typedef struct
{
  const char *name;   /* valid UTF-8 */
  const guint8 *data; /* [stored_size], as they are in the file */
  guint64 stored_size;
  guint64 size; /* unpacked; the same when the member is stored */
  guint32 crc;
  gboolean deflated;
} SteerZipEntry;

/**
 * SteerZip:
 *
 * The central directory of a zip file (PKWARE's APPNOTE 6.3), ZIP64 included. PyTorch writes local headers without
 * sizes, so only the directory is believed; each local header is checked to be where the directory says and to carry
 * the same name. Members may be stored or deflated; encryption, other methods and several volumes are refused by name.
 * No two members share a byte, so that the sizes of all stored members together are at most the file's.
 */
typedef struct
{
  const SteerFileMap *file;
  GStringChunk *strings;
  GArray *entries;     /* (element-type SteerZipEntry), in the directory's order */
  GHashTable *by_name; /* name -> its index + 1 */
} SteerZip;

/* Errors: STEER_TENSOR_ERROR, naming the file and the member; G_IO_ERROR_CANCELLED. The file must live longer. */
SteerZip *steer_zip_read (const SteerFileMap *file, GCancellable *cancellable, GError **error);
void steer_zip_free (SteerZip *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SteerZip, steer_zip_free)

/* NULL when there is none. */
const SteerZipEntry *steer_zip_find (const SteerZip *self, const char *name);

/* The unpacked bytes of a deflated member, with size and checksum as the directory has them. */
GBytes *steer_zip_inflate (const SteerZip *self, const SteerZipEntry *entry, GCancellable *cancellable, GError **error);

/* The checksum of zip files. @data: [size] */
guint32 steer_zip_compute_crc (const guint8 *data, gsize size);

/* Whether the file begins with a member, and the name of that member has @suffix. */
gboolean steer_zip_begins_with (const SteerFileMap *file, const char *suffix);

G_END_DECLS
