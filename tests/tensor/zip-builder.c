#include "zip-builder.h"

#include <string.h>

static void
member_clear (gpointer data)
{
  g_free (((ZipBuilderMember *) data)->name);
}

static void
append (GByteArray *array, guint64 value, guint n_bytes)
{
  for (guint i = 0; i < n_bytes; i++)
    {
      guint8 byte = i < 8 ? (guint8) (value >> 8 * i) : 0;

      g_byte_array_append (array, &byte, 1);
    }
}

static void
append_text (GByteArray *array, const char *text)
{
  g_byte_array_append (array, (const guint8 *) text, (guint) strlen (text));
}

ZipBuilder *
zip_builder_new (void)
{
  ZipBuilder *self = g_new0 (ZipBuilder, 1);

  self->file = g_byte_array_new ();
  self->members = g_array_new (FALSE, FALSE, sizeof (ZipBuilderMember));
  g_array_set_clear_func (self->members, member_clear);
  return self;
}

/* Local headers carry no sizes, as PyTorch writes them. */
ZipBuilderMember *
zip_builder_add (ZipBuilder *self, const char *name, const void *data, gsize size)
{
  ZipBuilderMember member = { .name = g_strdup (name), .flags = 0x0808, .stored_size = size, .size = size };

  member.offset = self->file->len;
  append (self->file, 0x04034b50, 4);
  append (self->file, 20, 2);
  append (self->file, member.flags, 2);
  append (self->file, 0, 2 + 4 + 12);
  append (self->file, strlen (name), 2);
  append (self->file, 0, 2);
  append_text (self->file, name);
  g_byte_array_append (self->file, data, (guint) size);
  g_array_append_val (self->members, member);
  return &g_array_index (self->members, ZipBuilderMember, self->members->len - 1);
}

static void
append_record (ZipBuilder *self, const ZipBuilderMember *member)
{
  append (self->file, 0x02014b50, 4);
  append (self->file, 20, 2);
  append (self->file, 20, 2);
  append (self->file, member->flags, 2);
  append (self->file, member->method, 2);
  append (self->file, 0, 4);
  append (self->file, member->crc, 4);
  append (self->file, self->zip64 ? G_MAXUINT32 : member->stored_size, 4);
  append (self->file, self->zip64 ? G_MAXUINT32 : member->size, 4);
  append (self->file, strlen (member->name), 2);
  append (self->file, self->zip64 ? 28 : 0, 2);
  append (self->file, 0, 2 + 2 + 2 + 4);
  append (self->file, self->zip64 ? G_MAXUINT32 : member->offset, 4);
  append_text (self->file, member->name);
  if (!self->zip64)
    return;
  append (self->file, 0x0001, 2);
  append (self->file, 24, 2);
  append (self->file, member->size, 8);
  append (self->file, member->stored_size, 8);
  append (self->file, member->offset, 8);
}

static void
append_end64 (ZipBuilder *self, guint64 directory, guint64 size)
{
  guint64 at = self->file->len;

  append (self->file, 0x06064b50, 4);
  append (self->file, 44, 8);
  append (self->file, 45, 2);
  append (self->file, 45, 2);
  append (self->file, 0, 8);
  append (self->file, self->members->len, 8);
  append (self->file, self->members->len, 8);
  append (self->file, size, 8);
  append (self->file, directory, 8);
  append (self->file, 0x07064b50, 4);
  append (self->file, 0, 4);
  append (self->file, at, 8);
  append (self->file, 1, 4);
}

GBytes *
zip_builder_end (ZipBuilder *self)
{
  guint64 directory = self->file->len;
  guint64 size;
  GBytes *bytes;

  for (guint i = 0; i < self->members->len; i++)
    append_record (self, &g_array_index (self->members, ZipBuilderMember, i));
  size = self->file->len - directory;
  if (self->zip64)
    append_end64 (self, directory, size);
  append (self->file, 0x06054b50, 4);
  append (self->file, 0, 4);
  append (self->file, self->zip64 ? G_MAXUINT16 : self->members->len, 2);
  append (self->file, self->zip64 ? G_MAXUINT16 : self->members->len, 2);
  append (self->file, self->zip64 ? G_MAXUINT32 : size, 4);
  append (self->file, self->zip64 ? G_MAXUINT32 : directory, 4);
  append (self->file, 0, 2);
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&self->file));
  g_array_unref (self->members);
  g_free (self);
  return bytes;
}
