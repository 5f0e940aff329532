/* What numpy.savez() and numpy.savez_compressed() write: a zip file of .npy arrays. */

#include "steer-npy.h"
#include "steer-zip.h"

#include <string.h>

#define SUFFIX ".npy"

static gboolean
read_member (SteerArchiveTable *table,
             const SteerZip *zip,
             const SteerZipEntry *entry,
             GCancellable *cancellable,
             GError **error)
{
  g_autofree char *name = NULL;
  GBytes *unpacked;

  if (!g_str_has_suffix (entry->name, SUFFIX))
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_UNSUPPORTED,
                   "%s: member \"%s\" is no array; a file of NumPy arrays has none but *" SUFFIX, zip->file->name,
                   entry->name);
      return FALSE;
    }
  name = g_strndup (entry->name, strlen (entry->name) - strlen (SUFFIX));
  if (!entry->deflated)
    return steer_npy_read (table, zip->file, name, entry->data, (gsize) entry->size, error);
  unpacked = steer_zip_inflate (zip, entry, cancellable, error);
  if (unpacked == NULL)
    return FALSE;
  steer_archive_table_take_bytes (table, unpacked);
  return steer_npy_read (table, zip->file, name, g_bytes_get_data (unpacked, NULL), g_bytes_get_size (unpacked), error);
}

static gboolean
looks_like_npz (const SteerFileMap *file)
{
  return steer_zip_begins_with (file, SUFFIX);
}

static gboolean
read_npz (SteerArchiveTable *table, const SteerFileMap *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerZip) zip = steer_zip_read (file, cancellable, error);

  if (zip == NULL)
    return FALSE;
  table->format = g_strdup ("NumPy arrays");
  for (guint i = 0; i < zip->entries->len; i++)
    if (g_cancellable_set_error_if_cancelled (cancellable, error)
        || !read_member (table, zip, &g_array_index (zip->entries, SteerZipEntry, i), cancellable, error))
      return FALSE;
  return TRUE;
}

const SteerArchiveFormat steer_npz_format = {
  .matches = looks_like_npz,
  .read = read_npz,
};
