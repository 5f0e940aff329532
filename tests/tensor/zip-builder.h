#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Writes zip files byte by byte, right and wrong ones. Everything that a directory record says can be changed before
 * the file is finished. */
typedef struct
{
  char *name;
  guint16 flags;
  guint16 method;
  guint32 crc;
  guint64 stored_size;
  guint64 size;
  guint64 offset; /* of the local header */
} ZipBuilderMember;

typedef struct
{
  GByteArray *file;
  GArray *members; /* (element-type ZipBuilderMember) */
  gboolean zip64;  /* sizes and offsets stand in the 64-bit fields */
} ZipBuilder;

ZipBuilder *zip_builder_new (void);
/* A stored member; valid until the next one is added. */
ZipBuilderMember *zip_builder_add (ZipBuilder *self, const char *name, const void *data, gsize size);
/* Frees the builder. */
GBytes *zip_builder_end (ZipBuilder *self);

G_END_DECLS
