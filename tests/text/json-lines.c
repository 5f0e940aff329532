#include "json-lines.h"

#include <gio/gio.h>

guint
json_lines_foreach (const char *path, void (*func) (JsonObject *line, gpointer data), gpointer data)
{
  return json_lines_foreach_lenient (path, func, NULL, data);
}

guint
json_lines_foreach_lenient (const char *path,
                            void (*func) (JsonObject *line, gpointer data),
                            void (*broken) (const char *line, gpointer data),
                            gpointer data)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInputStream) raw = g_file_read (file, NULL, &error);
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GDataInputStream) lines = NULL;
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  guint n = 0;

  g_assert_no_error (error);
  if (g_str_has_suffix (path, ".gz"))
    {
      g_autoptr (GZlibDecompressor) gzip = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP);

      stream = g_converter_input_stream_new (G_INPUT_STREAM (raw), G_CONVERTER (gzip));
    }
  else
    stream = g_object_ref (G_INPUT_STREAM (raw));
  lines = g_data_input_stream_new (stream);

  for (;;)
    {
      gsize length;
      g_autofree char *line = g_data_input_stream_read_line (lines, &length, NULL, &error);

      g_assert_no_error (error);
      if (line == NULL)
        return n;
      if (length == 0)
        continue;
      n++;
      if (json_parser_load_from_data (parser, line, (gssize) length, &error))
        func (json_node_get_object (json_parser_get_root (parser)), data);
      else if (broken != NULL)
        {
          g_clear_error (&error);
          broken (line, data);
        }
      else
        g_error ("%s, line %u: %s", path, n, error->message);
    }
}

GArray *
json_lines_get_ids (JsonObject *line, const char *member)
{
  JsonArray *values = json_object_get_array_member (line, member);
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (guint i = 0; i < json_array_get_length (values); i++)
    {
      gint32 id = (gint32) json_array_get_int_element (values, i);

      g_array_append_val (ids, id);
    }
  return ids;
}

const char *
json_lines_get_text (JsonObject *line, const char *member)
{
  const char *text = json_object_get_string_member (line, member);

  g_assert_nonnull (text);
  return text;
}

static char *
format_ids (const GArray *ids, guint from)
{
  GString *text = g_string_new (NULL);

  for (guint i = from; i < ids->len && i < from + 8; i++)
    g_string_append_printf (text, " %d", g_array_index (ids, gint32, i));
  return g_string_free (text, FALSE);
}

void
json_lines_assert_ids (const char *text, const GArray *ids, const GArray *expected)
{
  guint i = 0;

  while (i < ids->len && i < expected->len && g_array_index (ids, gint32, i) == g_array_index (expected, gint32, i))
    i++;
  if (i < ids->len || i < expected->len)
    {
      g_autofree char *got = format_ids (ids, i);
      g_autofree char *wanted = format_ids (expected, i);
      g_autofree char *shown = g_strescape (text, NULL);

      g_error ("\"%s\": from id %u of %u (expected %u) on:%s, expected:%s", shown, i, ids->len, expected->len, got,
               wanted);
    }
}

char *
json_lines_read_file (const char *path, gsize *length)
{
  g_autoptr (GError) error = NULL;
  char *contents;

  g_file_get_contents (path, &contents, length, &error);
  g_assert_no_error (error);
  return contents;
}
