/* Files of labels, line by line: plain and packed, alone and in folders. */
#include "steer-gunzip.h"
#include "steer-label-private.h"

#include <string.h>

#define MAX_LINE_BYTES ((gsize) 16 << 20)
#define MAX_UNPACKED_BYTES ((guint64) 64 << 30)
#define BUFFER_BYTES ((gsize) 256 << 10)
#define MAX_DEPTH 8
#define MAX_FILES 100000

typedef struct
{
  SteerLabelLineFunc take;
  SteerLabelProgressFunc progress;
  gpointer data;
  GCancellable *cancellable;

  guint64 total; /* bytes of all files */
  guint64 done;
} Reading;

static gboolean
read_line (Reading *self, const char *line, gsize length, const char *path, guint64 number, GError **error)
{
  g_autofree char *name = NULL;

  while (length > 0 && g_ascii_isspace (line[length - 1]))
    length--;
  if (length == 0)
    return TRUE;
  name = g_strdup_printf ("%s:%" G_GUINT64_FORMAT, path, number);
  return self->take (line, length, name, self->data, error);
}

/* Hands out what is whole of @buffer and keeps the rest. */
static gboolean
take_lines (Reading *self, GByteArray *buffer, gboolean last, const char *path, guint64 *number, GError **error)
{
  gsize at = 0;

  while (at < buffer->len)
    {
      const char *line = (const char *) buffer->data + at;
      const char *end = memchr (line, '\n', buffer->len - at);
      gsize length = end != NULL ? (gsize) (end - line) : buffer->len - at;

      if (end == NULL && !last)
        break;
      if (!read_line (self, line, length, path, ++*number, error))
        return FALSE;
      at += length + (end != NULL);
    }
  g_byte_array_remove_range (buffer, 0, (guint) at);
  if (buffer->len <= MAX_LINE_BYTES)
    return TRUE;
  g_set_error (error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_INVALID,
               "%s:%" G_GUINT64_FORMAT ": the line is longer than %" G_GSIZE_FORMAT " bytes: this is no file of labels",
               path, *number + 1, MAX_LINE_BYTES);
  return FALSE;
}

static gboolean
read_stream (Reading *self, GInputStream *stream, GSeekable *packed, const char *path, GError **error)
{
  g_autoptr (GByteArray) buffer = g_byte_array_new ();
  g_autofree guint8 *piece = g_malloc (BUFFER_BYTES);
  guint64 number = 0;
  guint64 unpacked = 0;
  gssize n;

  while ((n = g_input_stream_read (stream, piece, BUFFER_BYTES, self->cancellable, error)) > 0)
    {
      unpacked += (guint64) n;
      if (unpacked > MAX_UNPACKED_BYTES)
        {
          g_set_error (error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_INVALID, "%s: it unpacks to more than 64 GiB", path);
          return FALSE;
        }
      g_byte_array_append (buffer, piece, (guint) n);
      if (!take_lines (self, buffer, FALSE, path, &number, error))
        return FALSE;
      self->progress ((double) (self->done + (guint64) g_seekable_tell (packed)) / (double) MAX (self->total, 1),
                      self->data);
    }
  if (n < 0)
    {
      if (!g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_prefix_error (error, "%s: ", path);
      return FALSE;
    }
  return take_lines (self, buffer, TRUE, path, &number, error);
}

static guint64
get_size (const char *path)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInfo) info = g_file_query_info (file, G_FILE_ATTRIBUTE_STANDARD_SIZE, 0, NULL, NULL);

  return info != NULL ? (guint64) g_file_info_get_size (info) : 0;
}

static gboolean
read_file (Reading *self, const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInputStream) raw = g_file_read (file, self->cancellable, error);
  g_autoptr (GInputStream) stream = NULL;
  gboolean read;

  if (raw == NULL)
    return FALSE;
  if (g_str_has_suffix (path, ".gz"))
    {
      g_autoptr (GConverter) unpacker = steer_gunzip_new ();

      stream = g_converter_input_stream_new (G_INPUT_STREAM (raw), unpacker);
    }
  else
    stream = g_object_ref (G_INPUT_STREAM (raw));
  read = read_stream (self, stream, G_SEEKABLE (raw), path, error);
  self->done += get_size (path);
  return read;
}

static gboolean
is_labels (const char *name)
{
  return g_str_has_suffix (name, ".jsonl") || g_str_has_suffix (name, ".jsonl.gz");
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Links to folders are not followed, which could lead round in circles. */
static void
find_files (const char *path, guint depth, GPtrArray *found)
{
  g_autoptr (GDir) dir = depth < MAX_DEPTH ? g_dir_open (path, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && found->len < MAX_FILES && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR))
        {
          if (!g_file_test (child, G_FILE_TEST_IS_SYMLINK))
            find_files (child, depth + 1, found);
        }
      else if (is_labels (name))
        g_ptr_array_add (found, g_steal_pointer (&child));
    }
}

gboolean
steer_label_files_read (const char *path,
                        SteerLabelLineFunc take,
                        SteerLabelProgressFunc progress,
                        gpointer data,
                        guint *n_files,
                        GCancellable *cancellable,
                        GError **error)
{
  Reading reading = { .take = take, .progress = progress, .data = data, .cancellable = cancellable };
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    find_files (path, 0, files);
  else
    g_ptr_array_add (files, g_strdup (path));
  g_ptr_array_sort (files, compare_paths);
  *n_files = files->len;
  if (files->len == 0)
    {
      g_set_error (error, STEER_LABEL_ERROR, STEER_LABEL_ERROR_INVALID,
                   "%s: there is no .jsonl or .jsonl.gz file in this folder", path);
      return FALSE;
    }
  for (guint i = 0; i < files->len; i++)
    reading.total += get_size (g_ptr_array_index (files, i));
  for (guint i = 0; i < files->len; i++)
    if (!read_file (&reading, g_ptr_array_index (files, i), error))
      return FALSE;
  return TRUE;
}
