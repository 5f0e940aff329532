#include "steer-safetensors-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_HEADER_LENGTH 100000000
/* Between two looks at the cancellable. */
#define WRITE_CHUNK (4 * 1024 * 1024)

static gboolean G_GNUC_PRINTF (3, 4) fail (const char *path, GError **error, const char *format, ...)
{
  g_autofree char *name = g_filename_display_name (path);
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID, "%s: cannot be written: %s", name, what);
  return FALSE;
}

static gboolean
fail_errno (const char *path, GError **error)
{
  int saved = errno;
  g_autofree char *name = g_filename_display_name (path);

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "%s: cannot be written: %s", name,
               g_strerror (saved));
  return FALSE;
}

static gsize
get_n_bytes (const SteerTensor *tensor)
{
  return (gsize) steer_tensor_get_n_elements (tensor) * steer_dtype_get_block_bytes (tensor->dtype);
}

/* Larger elements first, so that every tensor is aligned to its own element size, which other readers rely on. */
static int
compare_tensors (gconstpointer a, gconstpointer b)
{
  const SteerTensor *x = *(const SteerTensor *const *) a;
  const SteerTensor *y = *(const SteerTensor *const *) b;
  gsize x_size = steer_dtype_get_block_bytes (x->dtype);
  gsize y_size = steer_dtype_get_block_bytes (y->dtype);

  if (x_size != y_size)
    return x_size > y_size ? -1 : 1;
  return strcmp (x->name, y->name);
}

static gboolean
check_tensors (const char *path, const SteerTensor *tensors, guint n_tensors, GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < n_tensors; i++)
    {
      const SteerTensor *tensor = &tensors[i];

      if (tensor->name == NULL || *tensor->name == '\0' || !g_utf8_validate (tensor->name, -1, NULL)
          || strcmp (tensor->name, "__metadata__") == 0)
        return fail (path, error, "tensor %u has no usable name", i);
      if (!g_hash_table_add (names, (gpointer) tensor->name))
        return fail (path, error, "two tensors are named \"%s\"", tensor->name);
      if (steer_dtype_is_quantized (tensor->dtype))
        return fail (path, error, "tensor \"%s\": safetensors has no dtype %s", tensor->name,
                     steer_dtype_get_name (tensor->dtype));
      if (!steer_tensor_is_contiguous (tensor) || tensor->n_bytes < get_n_bytes (tensor))
        return fail (path, error, "tensor \"%s\" is not contiguous", tensor->name);
    }
  return TRUE;
}

static void
append_json_string (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (const char *p = text; *p != '\0'; p++)
    {
      if (*p == '"' || *p == '\\')
        g_string_append_printf (out, "\\%c", *p);
      else if ((guchar) *p < 0x20)
        g_string_append_printf (out, "\\u%04x", (guchar) *p);
      else
        g_string_append_c (out, *p);
    }
  g_string_append_c (out, '"');
}

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static gboolean
append_metadata (GString *header, const char *path, GHashTable *metadata, GError **error)
{
  g_autofree const char **keys = NULL; /* [n_keys] */
  guint n_keys;

  keys = (const char **) g_hash_table_get_keys_as_array (metadata, &n_keys);
  if (n_keys > 1)
    qsort (keys, n_keys, sizeof (char *), compare_strings);
  g_string_append (header, "\"__metadata__\":{");
  for (guint i = 0; i < n_keys; i++)
    {
      const char *value = g_hash_table_lookup (metadata, keys[i]);

      if (!g_utf8_validate (keys[i], -1, NULL) || !g_utf8_validate (value, -1, NULL))
        return fail (path, error, "metadata that is not valid UTF-8");
      if (i > 0)
        g_string_append_c (header, ',');
      append_json_string (header, keys[i]);
      g_string_append_c (header, ':');
      append_json_string (header, value);
    }
  g_string_append_c (header, '}');
  return TRUE;
}

/* The length field and the JSON text, padded so that the data begins at a multiple of 8. */
static GString *
make_header (const char *path, const SteerTensor *const *sorted, guint n_tensors, GHashTable *metadata, GError **error)
{
  g_autoptr (GString) header = g_string_new ("12345678{");
  guint64 position = 0;
  guint64 length;

  if (metadata != NULL && !append_metadata (header, path, metadata, error))
    return NULL;
  for (guint i = 0; i < n_tensors; i++)
    {
      const SteerTensor *tensor = sorted[i];
      guint64 end;

      if (!g_uint64_checked_add (&end, position, get_n_bytes (tensor)) || end > G_MAXINT64)
        {
          fail (path, error, "the tensors are too large for one file");
          return NULL;
        }
      if (i > 0 || metadata != NULL)
        g_string_append_c (header, ',');
      append_json_string (header, tensor->name);
      g_string_append_printf (header, ":{\"dtype\":\"%s\",\"shape\":[", steer_dtype_get_name (tensor->dtype));
      for (guint d = 0; d < tensor->n_dims; d++)
        g_string_append_printf (header, "%s%" G_GINT64_FORMAT, d > 0 ? "," : "", tensor->shape[d]);
      g_string_append_printf (header, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}", position,
                              end);
      position = end;
    }
  g_string_append_c (header, '}');
  while (header->len % 8 != 0)
    g_string_append_c (header, ' ');

  length = header->len - sizeof length;
  if (length > MAX_HEADER_LENGTH)
    {
      fail (path, error, "names and metadata take more than %d bytes", MAX_HEADER_LENGTH);
      return NULL;
    }
  length = GUINT64_TO_LE (length);
  memcpy (header->str, &length, sizeof length);
  return g_steal_pointer (&header);
}

static gboolean
write_all (int descriptor, const char *path, const void *data, gsize size, GCancellable *cancellable, GError **error)
{
  const guint8 *bytes = data;

  while (size > 0)
    {
      gssize written;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      written = write (descriptor, bytes, MIN (size, WRITE_CHUNK));
      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return fail_errno (path, error);
      bytes += written;
      size -= (gsize) written;
    }
  return TRUE;
}

static gboolean
write_contents (int descriptor,
                const char *path,
                const GString *header,
                const SteerTensor *const *sorted,
                guint n_tensors,
                GCancellable *cancellable,
                GError **error)
{
  if (!write_all (descriptor, path, header->str, header->len, cancellable, error))
    return FALSE;
  for (guint i = 0; i < n_tensors; i++)
    if (!write_all (descriptor, path, sorted[i]->data, get_n_bytes (sorted[i]), cancellable, error))
      return FALSE;
  /* Without this, a crash soon after the rename could leave a file of the right name and no contents. */
  if (fsync (descriptor) != 0)
    return fail_errno (path, error);
  return TRUE;
}

/* Unlike mkstemp(), leaves the file's permissions to the umask, as those of any other document. */
static int
open_beside (const char *path, char **temporary)
{
  for (guint attempt = 0; attempt < 100; attempt++)
    {
      g_autofree char *name = g_strdup_printf ("%s.%08x.tmp", path, g_random_int ());
      int descriptor = g_open (name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

      if (descriptor >= 0)
        *temporary = g_steal_pointer (&name);
      if (descriptor >= 0 || errno != EEXIST)
        return descriptor;
    }
  return -1;
}

gboolean
steer_safetensors_write (const char *path,
                         const SteerTensor *tensors,
                         guint n_tensors,
                         GHashTable *metadata,
                         GCancellable *cancellable,
                         GError **error)
{
  g_autofree const SteerTensor **sorted = g_new (const SteerTensor *, MAX (n_tensors, 1)); /* [n_tensors] */
  g_autofree char *temporary = NULL;
  g_autoptr (GString) header = NULL;
  gboolean written;
  int descriptor;

  g_return_val_if_fail (path != NULL && (tensors != NULL || n_tensors == 0), FALSE);

  if (!check_tensors (path, tensors, n_tensors, error))
    return FALSE;
  for (guint i = 0; i < n_tensors; i++)
    sorted[i] = &tensors[i];
  qsort (sorted, n_tensors, sizeof *sorted, compare_tensors);
  header = make_header (path, sorted, n_tensors, metadata, error);
  if (header == NULL)
    return FALSE;

  descriptor = open_beside (path, &temporary);
  if (descriptor < 0)
    return fail_errno (path, error);
  written = write_contents (descriptor, path, header, sorted, n_tensors, cancellable, error);
  if (close (descriptor) != 0 && written)
    written = fail_errno (path, error);
  if (written && g_rename (temporary, path) != 0)
    written = fail_errno (path, error);
  if (!written)
    g_unlink (temporary);
  return written;
}
