#include "steer-sae-private.h"

#include <math.h>
#include <string.h>

#include "steer-feature.h"
#include "steer-gunzip.h"
#include "tensor/steer-json-scanner.h"

#define NAME "labels.jsonl"
#define PACKED_NAME "labels.jsonl.gz"
/* Of a packed file's text: some ten times what 131,072 features of seven layers take. */
#define MAX_TEXT_BYTES ((gsize) 1 << 30)

/* One row, as far as it matters here. */
typedef struct
{
  int layer;
  guint64 index;
  gboolean has_index;
  char *label;
  double recommended;
  double minimum;
  double maximum;
  double layer_norm;
} Row;

static void
row_clear (Row *self)
{
  g_free (self->label);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Row, row_clear)

/* The layer that a source id begins with: "15-resid-post-aa". */
static int
parse_source_id (const char *text)
{
  char *end;
  guint64 layer;

  if (!g_ascii_isdigit (*text))
    return -1;
  layer = g_ascii_strtoull (text, &end, 10);
  return layer <= STEER_FEATURE_MAX_LAYER && (*end == '\0' || *end == '-') ? (int) layer : -1;
}

static void
take_text (Row *row, const char *key, const char *text)
{
  if (strcmp (key, "layer") == 0)
    row->layer = parse_source_id (text);
  else if (strcmp (key, "index") == 0)
    row->has_index = g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, &row->index, NULL);
  else if (strcmp (key, "description") == 0)
    {
      g_free (row->label);
      row->label = g_strdup (text);
    }
}

static void
take_number (Row *row, const char *key, SteerJsonScanner *json)
{
  double number = steer_json_scanner_get_double (json);
  gint64 integer;

  if (!isfinite (number) || fabs (number) > STEER_FEATURE_MAX_STRENGTH)
    return;
  if (strcmp (key, "recommendedStrength") == 0)
    row->recommended = number;
  else if (strcmp (key, "usefulMin") == 0)
    row->minimum = number;
  else if (strcmp (key, "usefulMax") == 0)
    row->maximum = number;
  else if (strcmp (key, "layerNorm") == 0 && number > 0.0)
    row->layer_norm = number;
  else if (strcmp (key, "layer") == 0 && number >= 0.0 && number <= STEER_FEATURE_MAX_LAYER)
    row->layer = (int) number;
  else if (strcmp (key, "index") == 0 && steer_json_scanner_get_int64 (json, &integer) && integer >= 0)
    {
      row->index = (guint64) integer;
      row->has_index = TRUE;
    }
}

static gboolean
read_row (Row *row, const char *line, gsize length, const char *name, GError **error)
{
  g_autoptr (SteerJsonScanner) json = steer_json_scanner_new (line, length, name);
  SteerJsonToken token = steer_json_scanner_next (json, error);

  row->layer = -1;
  if (token != STEER_JSON_OBJECT_BEGIN)
    {
      if (token != STEER_JSON_ERROR)
        g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID, "%s: not a JSON object", name);
      return FALSE;
    }
  while ((token = steer_json_scanner_next (json, error)) == STEER_JSON_KEY)
    {
      g_autofree char *key = g_strdup (steer_json_scanner_get_string (json, NULL));

      token = steer_json_scanner_next (json, error);
      if (token == STEER_JSON_ERROR)
        return FALSE;
      if (token == STEER_JSON_STRING)
        take_text (row, key, steer_json_scanner_get_string (json, NULL));
      else if (token == STEER_JSON_NUMBER)
        take_number (row, key, json);
      else if (!steer_json_scanner_skip (json, error))
        return FALSE;
    }
  return token == STEER_JSON_OBJECT_END;
}

static int
compare_infos (gconstpointer a, gconstpointer b)
{
  const SteerFeatureInfo *x = *(const SteerFeatureInfo *const *) a;
  const SteerFeatureInfo *y = *(const SteerFeatureInfo *const *) b;

  return x->index < y->index ? -1 : x->index > y->index;
}

/* Sorts, and keeps the first row of each index: sorting pointer arrays is stable. */
static void
sort_infos (SteerLabels *self)
{
  g_autoptr (GPtrArray) all = g_steal_pointer (&self->infos);

  self->infos = g_ptr_array_new_full (all->len, (GDestroyNotify) steer_feature_info_free);
  g_ptr_array_sort (all, compare_infos);
  g_ptr_array_set_free_func (all, NULL);
  for (guint i = 0; i < all->len; i++)
    {
      SteerFeatureInfo *info = g_ptr_array_index (all, i);
      SteerFeatureInfo *last = self->infos->len > 0 ? g_ptr_array_index (self->infos, self->infos->len - 1) : NULL;

      if (last != NULL && last->index == info->index)
        steer_feature_info_free (info);
      else
        g_ptr_array_add (self->infos, info);
    }
}

static void
add_row (SteerLabels *self, Row *row)
{
  SteerFeatureInfo *info = g_new0 (SteerFeatureInfo, 1);

  info->layer = (guint) row->layer;
  info->index = row->index;
  info->label = g_steal_pointer (&row->label);
  info->recommended = row->recommended;
  if (row->minimum < row->maximum)
    {
      info->minimum = row->minimum;
      info->maximum = row->maximum;
    }
  if (self->layer_norm == 0.0)
    self->layer_norm = row->layer_norm;
  g_ptr_array_add (self->infos, info);
}

static gboolean
read_lines (SteerLabels *self,
            const char *path,
            const char *text,
            gsize length,
            guint layer,
            guint64 n_features,
            GCancellable *cancellable,
            GError **error)
{
  const char *end = length > 0 ? text + length : text; /* no bytes may mean no pointer */
  guint number = 0;

  for (const char *line = text; line < end;)
    {
      const char *next = memchr (line, '\n', (gsize) (end - line));
      gsize size = (gsize) ((next != NULL ? next : end) - line);
      g_auto (Row) row = { 0 };

      number++;
      if (number % 1024 == 0 && g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      while (size > 0 && g_ascii_isspace (line[size - 1]))
        size--;
      if (size > 0)
        {
          g_autofree char *name = g_strdup_printf ("%s:%u", path, number);

          if (!read_row (&row, line, size, name, error))
            return FALSE;
          if (row.has_index && row.layer == (int) layer && row.index < n_features)
            add_row (self, &row);
        }
      line = next != NULL ? next + 1 : end;
    }
  sort_infos (self);
  return TRUE;
}

static GBytes *
unpack (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInputStream) packed = g_file_read (file, cancellable, error);
  g_autoptr (GConverter) unpacker = steer_gunzip_new ();
  g_autoptr (GByteArray) text = g_byte_array_new ();
  g_autoptr (GInputStream) stream = NULL;
  guint8 piece[16384];
  gssize n;

  if (packed == NULL)
    return NULL;
  stream = g_converter_input_stream_new (G_INPUT_STREAM (packed), unpacker);
  while ((n = g_input_stream_read (stream, piece, sizeof piece, cancellable, error)) > 0)
    {
      if (text->len > MAX_TEXT_BYTES - (gsize) n)
        {
          g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID,
                       "%s: it unpacks to more than %" G_GSIZE_FORMAT " bytes", path, MAX_TEXT_BYTES);
          return NULL;
        }
      g_byte_array_append (text, piece, (guint) n);
    }
  if (n < 0)
    {
      g_prefix_error (error, "%s: ", path);
      return NULL;
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&text));
}

/* The text of the labels in @folder. FALSE without an error when there are none. */
static gboolean
load_text (const char *folder, char **path, GBytes **text, GCancellable *cancellable, GError **error)
{
  g_autofree char *plain = g_build_filename (folder, NAME, NULL);
  g_autofree char *packed = g_build_filename (folder, PACKED_NAME, NULL);
  g_autoptr (GMappedFile) file = NULL;

  if (g_file_test (plain, G_FILE_TEST_IS_REGULAR))
    {
      file = g_mapped_file_new (plain, FALSE, error);
      *text = file != NULL ? g_mapped_file_get_bytes (file) : NULL;
      *path = g_steal_pointer (&plain);
    }
  else if (g_file_test (packed, G_FILE_TEST_IS_REGULAR))
    {
      *text = unpack (packed, cancellable, error);
      *path = g_steal_pointer (&packed);
    }
  return *text != NULL;
}

gboolean
steer_labels_read_beside (SteerLabels *self,
                          const char *path,
                          guint layer,
                          guint64 n_features,
                          GCancellable *cancellable,
                          GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  self->infos = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_feature_info_free);
  for (guint up = 0; up < 3; up++)
    {
      g_autofree char *above = g_path_get_dirname (folder);
      g_autofree char *labels = NULL;
      g_autoptr (GBytes) text = NULL;
      g_autoptr (GError) local = NULL;
      gsize length;

      if (load_text (folder, &labels, &text, cancellable, &local))
        {
          const char *start = g_bytes_get_data (text, &length);

          return read_lines (self, labels, start, length, layer, n_features, cancellable, error);
        }
      if (local != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return FALSE;
        }
      g_free (folder);
      folder = g_steal_pointer (&above);
    }
  return TRUE;
}

void
steer_labels_clear (SteerLabels *self)
{
  g_clear_pointer (&self->infos, g_ptr_array_unref);
}

const SteerFeatureInfo *
steer_labels_find (const SteerLabels *self, guint64 index)
{
  guint low = 0;
  guint high = self->infos->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const SteerFeatureInfo *info = g_ptr_array_index (self->infos, middle);

      if (info->index == index)
        return info;
      if (info->index < index)
        low = middle + 1;
      else
        high = middle;
    }
  return NULL;
}
