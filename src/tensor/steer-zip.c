#include "steer-zip.h"

#include <string.h>

#define LOCAL_MAGIC 0x04034b50u
#define CENTRAL_MAGIC 0x02014b50u
#define END_MAGIC 0x06054b50u
#define END64_MAGIC 0x06064b50u
#define LOCATOR64_MAGIC 0x07064b50u

#define LOCAL_BYTES 30
#define CENTRAL_BYTES 46
#define END_BYTES 22
#define END64_BYTES 56
#define LOCATOR64_BYTES 20
#define MAX_COMMENT 65535

#define FLAG_ENCRYPTED (1u << 0 | 1u << 6 | 1u << 13)
#define METHOD_STORED 0
#define METHOD_DEFLATED 8
#define EXTRA_ZIP64 0x0001

/* Deflate never packs better than this, so a member that claims more is lying. */
#define MAX_DEFLATE_RATIO 1032

/* Where the directory is, from the end of the file. */
typedef struct
{
  guint64 n_entries;
  guint64 size;
  guint64 offset;
} Directory;

static guint16
load16 (const guint8 *data)
{
  return (guint16) (data[0] | data[1] << 8);
}

static guint32
load32 (const guint8 *data)
{
  return (guint32) load16 (data) | (guint32) load16 (data + 2) << 16;
}

static guint64
load64 (const guint8 *data)
{
  return (guint64) load32 (data) | (guint64) load32 (data + 4) << 32;
}

static gboolean G_GNUC_PRINTF (4, 5)
  fail (const SteerFileMap *file, SteerTensorError code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TENSOR_ERROR, code, "%s: %s", file->name, what);
  return FALSE;
}

static gboolean
fail_incomplete (const SteerFileMap *file, GError **error)
{
  return fail (file, STEER_TENSOR_ERROR_TRUNCATED, error,
               "the zip directory at its end is missing: the file is incomplete, download it again");
}

/* The record that ends the file; behind it stands only its own comment. */
static gboolean
find_end (const SteerFileMap *file, gsize *position, GError **error)
{
  gsize lowest;

  if (file->size < END_BYTES)
    return fail_incomplete (file, error);
  lowest = file->size - END_BYTES > MAX_COMMENT ? file->size - END_BYTES - MAX_COMMENT : 0;
  for (gsize at = file->size - END_BYTES + 1; at-- > lowest;)
    if (load32 (file->data + at) == END_MAGIC && at + END_BYTES + load16 (file->data + at + 20) == file->size)
      {
        *position = at;
        return TRUE;
      }
  return fail_incomplete (file, error);
}

/* Replaces what did not fit in 32 bits. */
static gboolean
read_end64 (const SteerFileMap *file, gsize end, Directory *directory, GError **error)
{
  const guint8 *locator = end >= LOCATOR64_BYTES ? file->data + end - LOCATOR64_BYTES : NULL;
  const guint8 *record;
  guint64 offset;

  if (locator == NULL || load32 (locator) != LOCATOR64_MAGIC)
    return TRUE;
  offset = load64 (locator + 8);
  if (load32 (locator + 4) != 0 || load32 (locator + 16) > 1)
    return fail (file, STEER_TENSOR_ERROR_UNSUPPORTED, error, "a zip file in several volumes cannot be read");
  if (end - LOCATOR64_BYTES < END64_BYTES || offset > end - LOCATOR64_BYTES - END64_BYTES)
    return fail (file, STEER_TENSOR_ERROR_INVALID, error,
                 "the ZIP64 record should be at byte %" G_GUINT64_FORMAT ", past the zip directory", offset);
  record = file->data + offset;
  if (load32 (record) != END64_MAGIC)
    return fail (file, STEER_TENSOR_ERROR_INVALID, error, "there is no ZIP64 record at byte %" G_GUINT64_FORMAT,
                 offset);
  if (load32 (record + 16) != 0 || load32 (record + 20) != 0)
    return fail (file, STEER_TENSOR_ERROR_UNSUPPORTED, error, "a zip file in several volumes cannot be read");
  directory->n_entries = load64 (record + 32);
  directory->size = load64 (record + 40);
  directory->offset = load64 (record + 48);
  return TRUE;
}

static gboolean
find_directory (const SteerFileMap *file, Directory *directory, GError **error)
{
  gsize end = 0;

  if (!find_end (file, &end, error))
    return FALSE;
  directory->n_entries = load16 (file->data + end + 10);
  directory->size = load32 (file->data + end + 12);
  directory->offset = load32 (file->data + end + 16);
  if (load16 (file->data + end + 4) != 0 && load16 (file->data + end + 4) != G_MAXUINT16)
    return fail (file, STEER_TENSOR_ERROR_UNSUPPORTED, error, "a zip file in several volumes cannot be read");
  if (!read_end64 (file, end, directory, error))
    return FALSE;
  if (directory->offset > end || directory->size > end - directory->offset)
    return fail (file, STEER_TENSOR_ERROR_INVALID, error,
                 "the zip directory, %" G_GUINT64_FORMAT " bytes from byte %" G_GUINT64_FORMAT
                 " on, reaches past its own end at byte %" G_GSIZE_FORMAT,
                 directory->size, directory->offset, end);
  if (directory->n_entries > directory->size / CENTRAL_BYTES)
    return fail (file, STEER_TENSOR_ERROR_INVALID, error,
                 "a zip directory of %" G_GUINT64_FORMAT " bytes cannot hold %" G_GUINT64_FORMAT " members",
                 directory->size, directory->n_entries);
  return TRUE;
}

/* The 64-bit values stand in the extra field, in this order, for those members that are all ones. */
static gboolean
read_extra64 (const SteerFileMap *file,
              const char *name,
              const guint8 *extra,
              gsize length,
              guint64 *values[3],
              GError **error)
{
  for (gsize at = 0; length - at >= 4;)
    {
      guint16 id = load16 (extra + at);
      gsize size = load16 (extra + at + 2);
      const guint8 *field = extra + at + 4;

      if (size > length - at - 4)
        break;
      at += 4 + size;
      if (id != EXTRA_ZIP64)
        continue;
      for (guint i = 0; i < 3; i++)
        {
          if (*values[i] != G_MAXUINT32)
            continue;
          if (size < 8)
            return fail (file, STEER_TENSOR_ERROR_INVALID, error, "member \"%s\": its ZIP64 field is too short", name);
          *values[i] = load64 (field);
          field += 8;
          size -= 8;
        }
      return TRUE;
    }
  return TRUE;
}

/* Finds the member's bytes behind its local header. */
static gboolean
place_entry (const SteerFileMap *file,
             const Directory *directory,
             guint64 offset,
             gsize name_length,
             SteerZipEntry *entry,
             GError **error)
{
  const guint8 *local;
  guint64 begin;

  /* Members stand before the directory. */
  if (directory->offset < LOCAL_BYTES || offset > directory->offset - LOCAL_BYTES)
    return fail (file, STEER_TENSOR_ERROR_INVALID, error,
                 "member \"%s\": its header should be at byte %" G_GUINT64_FORMAT ", past the members' end",
                 entry->name, offset);
  local = file->data + offset;
  if (load32 (local) != LOCAL_MAGIC)
    return fail (file, STEER_TENSOR_ERROR_INVALID, error,
                 "member \"%s\": there is no header of it at byte %" G_GUINT64_FORMAT, entry->name, offset);
  begin = offset + LOCAL_BYTES + load16 (local + 26) + load16 (local + 28);
  if (begin > directory->offset || entry->stored_size > directory->offset - begin)
    return fail (file, STEER_TENSOR_ERROR_INVALID, error,
                 "member \"%s\": its %" G_GUINT64_FORMAT " bytes from byte %" G_GUINT64_FORMAT
                 " on reach past the members' end at byte %" G_GUINT64_FORMAT,
                 entry->name, entry->stored_size, begin, directory->offset);
  if (load16 (local + 26) != name_length || memcmp (local + LOCAL_BYTES, entry->name, name_length) != 0)
    return fail (file, STEER_TENSOR_ERROR_INVALID, error,
                 "member \"%s\": the header at byte %" G_GUINT64_FORMAT " names another one", entry->name, offset);
  entry->data = file->data + begin;
  return TRUE;
}

static gboolean
check_packing (const SteerFileMap *file, guint flags, guint method, SteerZipEntry *entry, GError **error)
{
  guint64 most;

  if ((flags & FLAG_ENCRYPTED) != 0)
    return fail (file, STEER_TENSOR_ERROR_UNSUPPORTED, error, "member \"%s\" is encrypted", entry->name);
  if (method != METHOD_STORED && method != METHOD_DEFLATED)
    return fail (file, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                 "member \"%s\" is packed by method %u; only stored and deflated members can be read", entry->name,
                 method);
  entry->deflated = method == METHOD_DEFLATED;
  if (!entry->deflated && entry->stored_size != entry->size)
    return fail (file, STEER_TENSOR_ERROR_INVALID, error,
                 "member \"%s\" is stored as it is, but its sizes differ: %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT,
                 entry->name, entry->stored_size, entry->size);
  if (entry->deflated && (!g_uint64_checked_mul (&most, entry->stored_size, MAX_DEFLATE_RATIO) || entry->size > most))
    return fail (file, STEER_TENSOR_ERROR_INVALID, error,
                 "member \"%s\": %" G_GUINT64_FORMAT " deflated bytes cannot hold %" G_GUINT64_FORMAT, entry->name,
                 entry->stored_size, entry->size);
  return TRUE;
}

/* One record of the directory; *position moves behind it. */
static gboolean
read_entry (SteerZip *self, const Directory *directory, guint64 *position, GError **error)
{
  guint64 end = directory->offset + directory->size;
  const guint8 *record = self->file->data + *position;
  SteerZipEntry entry = { 0 };
  guint64 offset;
  gsize name_length, extra_length, length;

  if (end - *position < CENTRAL_BYTES || load32 (record) != CENTRAL_MAGIC)
    return fail (self->file, STEER_TENSOR_ERROR_INVALID, error,
                 "the zip directory is damaged at byte %" G_GUINT64_FORMAT, *position);
  name_length = load16 (record + 28);
  extra_length = load16 (record + 30);
  length = CENTRAL_BYTES + name_length + extra_length + load16 (record + 32);
  if (length > end - *position)
    return fail (self->file, STEER_TENSOR_ERROR_INVALID, error,
                 "the zip directory's record at byte %" G_GUINT64_FORMAT " reaches past its end", *position);
  if (!g_utf8_validate_len ((const char *) record + CENTRAL_BYTES, name_length, NULL))
    return fail (self->file, STEER_TENSOR_ERROR_INVALID, error,
                 "the member at byte %" G_GUINT64_FORMAT " of the zip directory has a name that is not UTF-8",
                 *position);
  entry.name = g_string_chunk_insert_len (self->strings, (const char *) record + CENTRAL_BYTES, (gssize) name_length);
  entry.crc = load32 (record + 16);
  entry.stored_size = load32 (record + 20);
  entry.size = load32 (record + 24);
  offset = load32 (record + 42);
  if (!read_extra64 (self->file, entry.name, record + CENTRAL_BYTES + name_length, extra_length,
                     (guint64 *[3]){ &entry.size, &entry.stored_size, &offset }, error)
      || !check_packing (self->file, load16 (record + 8), load16 (record + 10), &entry, error)
      || !place_entry (self->file, directory, offset, name_length, &entry, error))
    return FALSE;
  if (g_hash_table_contains (self->by_name, entry.name))
    return fail (self->file, STEER_TENSOR_ERROR_INVALID, error, "there are two members \"%s\"", entry.name);
  g_array_append_val (self->entries, entry);
  g_hash_table_insert (self->by_name, (gpointer) entry.name, GUINT_TO_POINTER (self->entries->len));
  *position += length;
  return TRUE;
}

static int
compare_places (gconstpointer a, gconstpointer b)
{
  const SteerZipEntry *x = *(const SteerZipEntry *const *) a;
  const SteerZipEntry *y = *(const SteerZipEntry *const *) b;

  if (x->data != y->data)
    return x->data < y->data ? -1 : 1;
  return x->stored_size < y->stored_size ? -1 : x->stored_size > y->stored_size;
}

/* Members that share bytes would let a small file unpack to a huge one. */
static gboolean
check_overlaps (SteerZip *self, GError **error)
{
  g_autoptr (GPtrArray) sorted = g_ptr_array_sized_new (self->entries->len);

  for (guint i = 0; i < self->entries->len; i++)
    g_ptr_array_add (sorted, &g_array_index (self->entries, SteerZipEntry, i));
  g_ptr_array_sort (sorted, compare_places);
  for (guint i = 1; i < sorted->len; i++)
    {
      const SteerZipEntry *before = g_ptr_array_index (sorted, i - 1);
      const SteerZipEntry *entry = g_ptr_array_index (sorted, i);

      if (before->data + before->stored_size > entry->data)
        return fail (self->file, STEER_TENSOR_ERROR_INVALID, error, "members \"%s\" and \"%s\" overlap", before->name,
                     entry->name);
    }
  return TRUE;
}

SteerZip *
steer_zip_read (const SteerFileMap *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerZip) self = g_new0 (SteerZip, 1);
  Directory directory = { 0 };
  guint64 position;

  self->file = file;
  self->strings = g_string_chunk_new (1024);
  self->entries = g_array_new (FALSE, FALSE, sizeof (SteerZipEntry));
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  if (!find_directory (file, &directory, error))
    return NULL;
  position = directory.offset;
  for (guint64 i = 0; i < directory.n_entries; i++)
    if (g_cancellable_set_error_if_cancelled (cancellable, error) || !read_entry (self, &directory, &position, error))
      return NULL;
  return check_overlaps (self, error) ? g_steal_pointer (&self) : NULL;
}

void
steer_zip_free (SteerZip *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->by_name);
  g_array_unref (self->entries);
  g_string_chunk_free (self->strings);
  g_free (self);
}

const SteerZipEntry *
steer_zip_find (const SteerZip *self, const char *name)
{
  guint position = GPOINTER_TO_UINT (g_hash_table_lookup (self->by_name, name));

  return position != 0 ? &g_array_index (self->entries, SteerZipEntry, position - 1) : NULL;
}

/* CRC-32 with the polynomial 0xedb88320, bits reversed. */
guint32
steer_zip_compute_crc (const guint8 *data, gsize size)
{
  guint32 table[256];
  guint32 crc = G_MAXUINT32;

  for (guint32 i = 0; i < 256; i++)
    {
      table[i] = i;
      for (guint bit = 0; bit < 8; bit++)
        table[i] = table[i] >> 1 ^ ((table[i] & 1) != 0 ? 0xedb88320u : 0);
    }
  for (gsize i = 0; i < size; i++)
    crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
  return ~crc;
}

static gboolean
inflate (const SteerZipEntry *entry, guint8 *out, GCancellable *cancellable, GError **error)
{
  g_autoptr (GZlibDecompressor) zlib = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW);
  const guint8 *in = entry->data;
  gsize n_in = (gsize) entry->stored_size;
  gsize n_out = (gsize) entry->size;
  guint8 beyond[1];

  for (;;)
    {
      /* With all bytes there, one more call with room for a byte must end the stream without filling it. */
      gboolean full = n_out == 0;
      gsize piece = MIN (n_in, (gsize) 1 << 24);
      gsize read = 0, written = 0;
      GConverterResult result;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      result
        = g_converter_convert (G_CONVERTER (zlib), in, piece, full ? beyond : out, full ? 1 : n_out,
                               piece == n_in ? G_CONVERTER_INPUT_AT_END : G_CONVERTER_NO_FLAGS, &read, &written, error);
      if (result == G_CONVERTER_ERROR)
        return FALSE;
      if (full && written > 0)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                               "it unpacks to more than its directory says");
          return FALSE;
        }
      in += read;
      n_in -= read;
      out += written;
      n_out -= written;
      if (result == G_CONVERTER_FINISHED && n_out == 0)
        return TRUE;
      if (result == G_CONVERTER_FINISHED || (read == 0 && written == 0))
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                               "it unpacks to less than its directory says");
          return FALSE;
        }
    }
}

GBytes *
steer_zip_inflate (const SteerZip *self, const SteerZipEntry *entry, GCancellable *cancellable, GError **error)
{
  g_autofree guint8 *data = entry->size <= G_MAXSIZE - 1 ? g_try_malloc ((gsize) entry->size + 1) : NULL;
  g_autoptr (GError) local = NULL;

  if (data == NULL)
    {
      fail (self->file, STEER_TENSOR_ERROR_NO_MEMORY, error,
            "member \"%s\": not enough memory for %" G_GUINT64_FORMAT " bytes", entry->name, entry->size);
      return NULL;
    }
  if (!inflate (entry, data, cancellable, &local))
    {
      if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_propagate_error (error, g_steal_pointer (&local));
      else
        fail (self->file, STEER_TENSOR_ERROR_INVALID, error, "member \"%s\" is damaged: %s", entry->name,
              local->message);
      return NULL;
    }
  if (steer_zip_compute_crc (data, (gsize) entry->size) != entry->crc)
    {
      fail (self->file, STEER_TENSOR_ERROR_INVALID, error, "member \"%s\" is damaged: its checksum is wrong",
            entry->name);
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&data), (gsize) entry->size);
}

gboolean
steer_zip_begins_with (const SteerFileMap *file, const char *suffix)
{
  gsize length = strlen (suffix);
  gsize name_length;

  if (file->size < LOCAL_BYTES || load32 (file->data) != LOCAL_MAGIC)
    return FALSE;
  name_length = load16 (file->data + 26);
  return name_length >= length && name_length <= file->size - LOCAL_BYTES
         && memcmp (file->data + LOCAL_BYTES + name_length - length, suffix, length) == 0;
}
