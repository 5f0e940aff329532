#include "tensor-test-util.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

char *
test_write_file (const char *dir, const char *name, const void *data, gsize size)
{
  char *path = g_build_filename (dir, name, NULL);
  FILE *file;

  /* A new file, so that a mapping of the old one stays valid; and no flush to the disk, which g_file_set_contents()
   * makes and which costs too much for tests that write thousands of files. */
  g_unlink (path);
  file = g_fopen (path, "wb");
  g_assert_nonnull (file);
  g_assert_cmpuint (size > 0 ? fwrite (data, 1, size, file) : 0, ==, size);
  g_assert_cmpint (fclose (file), ==, 0);
  return path;
}

char *
test_write_text (const char *dir, const char *name, const char *text)
{
  return test_write_file (dir, name, text, strlen (text));
}

GBytes *
test_safetensors_bytes (const char *header, gsize data_size)
{
  GByteArray *bytes = g_byte_array_new ();
  guint64 length = GUINT64_TO_LE ((guint64) strlen (header));

  g_byte_array_append (bytes, (const guint8 *) &length, sizeof length);
  g_byte_array_append (bytes, (const guint8 *) header, strlen (header));
  for (gsize i = 0; i < data_size; i++)
    {
      guint8 byte = (guint8) i;
      g_byte_array_append (bytes, &byte, 1);
    }
  return g_byte_array_free_to_bytes (bytes);
}

char *
test_write_safetensors (const char *dir, const char *name, const char *header, gsize data_size)
{
  g_autoptr (GBytes) bytes = test_safetensors_bytes (header, data_size);

  return test_write_file (dir, name, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

char *
test_write_sparse_safetensors (const char *dir, const char *name, const char *header, guint64 data_size)
{
  char *path = test_write_safetensors (dir, name, header, 0);
  int descriptor = g_open (path, O_WRONLY, 0);

  g_assert_cmpint (descriptor, >=, 0);
  g_assert_cmpint (ftruncate (descriptor, (off_t) (8 + strlen (header) + data_size)), ==, 0);
  close (descriptor);
  return path;
}

void
test_assert_refused (const char *path, int code, ...)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, &error);
  const char *word;
  va_list words;

  g_assert_null (archive);
  g_assert_error (error, STEER_TENSOR_ERROR, code);
  va_start (words, code);
  while ((word = va_arg (words, const char *)) != NULL)
    if (strstr (error->message, word) == NULL)
      g_error ("\"%s\" does not mention \"%s\"", error->message, word);
  va_end (words);
}
