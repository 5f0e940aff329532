/* The safetensors format, as the reference library checks it (huggingface/safetensors, safetensors/src/tensor.rs), with
 * one rule more: no key may stand twice. */

#include "steer-archive-private.h"

#include "steer-json-scanner.h"

#include <string.h>

#define LENGTH_BYTES 8
#define MAX_HEADER_LENGTH 100000000

#define SUPPORTED_DTYPES "F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL"

typedef struct
{
  SteerTensor tensor; /* data is set when all entries have been checked */
  guint64 begin;      /* in the data section */
  guint64 end;
  guint order; /* in the header */
} Entry;

typedef struct
{
  SteerArchiveTable *table;
  const SteerFileMap *file;
  const guint8 *data; /* [data_size]: what follows the header */
  guint64 data_size;
  SteerJsonScanner *json;
  GArray *entries;   /* (element-type Entry) */
  GHashTable *names; /* set of the tensor names seen */
} Reader;

static gboolean G_GNUC_PRINTF (4, 5) fail (Reader *self, const char *tensor, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  if (tensor != NULL)
    g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID, "%s: tensor \"%s\": %s", self->file->name,
                 tensor, what);
  else
    g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID, "%s: %s", self->file->name, what);
  return FALSE;
}

static gboolean
expect_token (Reader *self, SteerJsonToken wanted, const char *tensor, const char *what, GError **error)
{
  SteerJsonToken token = steer_json_scanner_next (self->json, error);

  if (token == STEER_JSON_ERROR)
    return FALSE;
  if (token == wanted)
    return TRUE;
  return fail (self, tensor, error, "byte %" G_GSIZE_FORMAT " of the header: %s is expected",
               steer_json_scanner_get_offset (self->json), what);
}

/* The string just read, or NULL when it holds a NUL, which a C string cannot carry. */
static const char *
get_plain_string (Reader *self, GError **error)
{
  gsize length;
  const char *string = steer_json_scanner_get_string (self->json, &length);

  if (strlen (string) == length)
    return string;
  fail (self, NULL, error, "byte %" G_GSIZE_FORMAT " of the header: a name or value holds a NUL character",
        steer_json_scanner_get_offset (self->json));
  return NULL;
}

static gboolean
read_dtype (Reader *self, Entry *entry, GError **error)
{
  const char *name;

  if (!expect_token (self, STEER_JSON_STRING, entry->tensor.name, "the name of a dtype", error)
      || (name = get_plain_string (self, error)) == NULL)
    return FALSE;
  if (steer_dtype_from_name (name, &entry->tensor.dtype) && !steer_dtype_is_quantized (entry->tensor.dtype))
    return TRUE;
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_UNSUPPORTED,
               "%s: tensor \"%s\": dtype %s is not supported; supported are " SUPPORTED_DTYPES, self->file->name,
               entry->tensor.name, name);
  return FALSE;
}

/* Reads [a, b, ...] of non-negative integers. *n is how many there were. */
static gboolean
read_integers (Reader *self, const char *tensor, const char *key, gint64 *values, guint max, guint *n, GError **error)
{
  SteerJsonToken token;

  *n = 0;
  if (!expect_token (self, STEER_JSON_ARRAY_BEGIN, tensor, "a list of integers", error))
    return FALSE;
  while ((token = steer_json_scanner_next (self->json, error)) != STEER_JSON_ARRAY_END)
    {
      gint64 value;

      if (token == STEER_JSON_ERROR)
        return FALSE;
      if (token != STEER_JSON_NUMBER || !steer_json_scanner_get_int64 (self->json, &value) || value < 0)
        return fail (self, tensor, error, "%s holds something other than an integer from 0 to 2^63 - 1", key);
      if (*n >= max)
        {
          g_set_error (error, STEER_TENSOR_ERROR,
                       max == 2 ? STEER_TENSOR_ERROR_INVALID : STEER_TENSOR_ERROR_UNSUPPORTED,
                       "%s: tensor \"%s\": %s holds more than %u numbers", self->file->name, tensor, key, max);
          return FALSE;
        }
      values[(*n)++] = value;
    }
  return TRUE;
}

static gboolean
read_offsets (Reader *self, Entry *entry, GError **error)
{
  gint64 offsets[2];
  guint n;

  if (!read_integers (self, entry->tensor.name, "data_offsets", offsets, 2, &n, error))
    return FALSE;
  if (n != 2)
    return fail (self, entry->tensor.name, error, "data_offsets needs a begin and an end");
  entry->begin = (guint64) offsets[0];
  entry->end = (guint64) offsets[1];
  return TRUE;
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}; other members are skipped, as the reference does. */
static gboolean
read_entry (Reader *self, Entry *entry, GError **error)
{
  enum
  {
    DTYPE,
    SHAPE,
    OFFSETS,
    N_FIELDS
  };
  static const char *const fields[N_FIELDS] = { "dtype", "shape", "data_offsets" };
  const char *name = entry->tensor.name;
  gboolean seen[N_FIELDS] = { FALSE };
  SteerJsonToken token;

  if (!expect_token (self, STEER_JSON_OBJECT_BEGIN, name, "an object that describes it", error))
    return FALSE;
  while ((token = steer_json_scanner_next (self->json, error)) == STEER_JSON_KEY)
    {
      const char *key = steer_json_scanner_get_string (self->json, NULL);
      gboolean read;
      guint field;

      for (field = 0; field < N_FIELDS && strcmp (key, fields[field]) != 0; field++)
        ;
      if (field < N_FIELDS && seen[field])
        return fail (self, name, error, "\"%s\" is given twice", fields[field]);
      if (field < N_FIELDS)
        seen[field] = TRUE;

      if (field == DTYPE)
        read = read_dtype (self, entry, error);
      else if (field == SHAPE)
        read = read_integers (self, name, "shape", entry->tensor.shape, STEER_TENSOR_MAX_DIMS, &entry->tensor.n_dims,
                              error);
      else if (field == OFFSETS)
        read = read_offsets (self, entry, error);
      else
        read = steer_json_scanner_skip (self->json, error);
      if (!read)
        return FALSE;
    }
  if (token == STEER_JSON_ERROR)
    return FALSE;
  for (guint field = 0; field < N_FIELDS; field++)
    if (!seen[field])
      return fail (self, name, error, "\"%s\" is missing", fields[field]);
  return TRUE;
}

/* {"key": "value", ...} or null. */
static gboolean
read_metadata (Reader *self, GError **error)
{
  g_autoptr (GHashTable) keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  SteerJsonToken token = steer_json_scanner_next (self->json, error);

  if (token == STEER_JSON_NULL)
    return TRUE;
  if (token != STEER_JSON_OBJECT_BEGIN)
    return token == STEER_JSON_ERROR ? FALSE : fail (self, NULL, error, "__metadata__ is not an object of strings");

  while ((token = steer_json_scanner_next (self->json, error)) == STEER_JSON_KEY)
    {
      g_autofree char *key = g_strdup (get_plain_string (self, error));
      const char *value;

      if (key == NULL)
        return FALSE;
      token = steer_json_scanner_next (self->json, error);
      if (token == STEER_JSON_ERROR)
        return FALSE;
      if (token != STEER_JSON_STRING)
        return fail (self, NULL, error, "__metadata__: the value of \"%s\" is not a string", key);
      if ((value = get_plain_string (self, error)) == NULL)
        return FALSE;
      steer_archive_table_add_metadata (self->table, key, value);
      if (g_hash_table_contains (keys, key))
        return fail (self, NULL, error, "__metadata__: the key \"%s\" is given twice", key);
      g_hash_table_add (keys, g_steal_pointer (&key));
    }
  return token == STEER_JSON_OBJECT_END;
}

static gboolean
read_member (Reader *self, gboolean *has_metadata, GError **error)
{
  const char *name = get_plain_string (self, error);
  Entry entry = { .order = self->entries->len };

  if (name == NULL)
    return FALSE;
  if (strcmp (name, "__metadata__") == 0)
    {
      if (*has_metadata)
        return fail (self, NULL, error, "\"__metadata__\" is given twice");
      *has_metadata = TRUE;
      return read_metadata (self, error);
    }
  entry.tensor.name = steer_archive_table_dup_string (self->table, name);
  if (!g_hash_table_add (self->names, (gpointer) entry.tensor.name))
    return fail (self, entry.tensor.name, error, "the name is given twice");
  if (!read_entry (self, &entry, error))
    return FALSE;
  g_array_append_val (self->entries, entry);
  return TRUE;
}

static gboolean
read_header (Reader *self, GCancellable *cancellable, GError **error)
{
  gboolean has_metadata = FALSE;
  SteerJsonToken token;

  if (!expect_token (self, STEER_JSON_OBJECT_BEGIN, NULL, "a JSON object", error))
    return FALSE;
  while ((token = steer_json_scanner_next (self->json, error)) == STEER_JSON_KEY)
    if (g_cancellable_set_error_if_cancelled (cancellable, error) || !read_member (self, &has_metadata, error))
      return FALSE;
  return token != STEER_JSON_ERROR && steer_json_scanner_next (self->json, error) == STEER_JSON_END;
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *x = a;
  const Entry *y = b;

  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end)
    return x->end < y->end ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

/* Row-major strides, and bytes from shape and dtype, with every product checked: also [2^40, 2^40, 0] is refused. */
static gboolean
measure_entry (Entry *entry, guint64 *n_bytes)
{
  SteerTensor *tensor = &entry->tensor;
  guint64 n_elements = 1;
  gint64 stride = 1;

  for (guint i = 0; i < tensor->n_dims; i++)
    if (!g_uint64_checked_mul (&n_elements, n_elements, (guint64) tensor->shape[i]))
      return FALSE;
  if (n_elements > G_MAXINT64
      || !g_uint64_checked_mul (n_bytes, n_elements, steer_dtype_get_block_bytes (tensor->dtype)))
    return FALSE;
  /* The product above passes through every partial product from the left; those from the right are no larger than
   * it unless a dimension is 0, and then no stride is ever used. */
  for (guint i = tensor->n_dims; i-- > 0;)
    {
      tensor->stride[i] = stride;
      stride = n_elements != 0 ? stride * tensor->shape[i] : 0;
    }
  return TRUE;
}

/* The entries, in order of their offsets, must follow each other without hole or overlap and fill the data section. */
static gboolean
place_entries (Reader *self, GError **error)
{
  guint64 position = 0;

  if (self->entries->len > 1)
    g_array_sort (self->entries, compare_entries);
  for (guint i = 0; i < self->entries->len; i++)
    {
      Entry *entry = &g_array_index (self->entries, Entry, i);
      const char *name = entry->tensor.name;
      guint64 n_bytes;

      if (entry->end < entry->begin)
        return fail (self, name, error,
                     "its data ends at byte %" G_GUINT64_FORMAT ", before its begin at %" G_GUINT64_FORMAT, entry->end,
                     entry->begin);
      if (!measure_entry (entry, &n_bytes))
        {
          g_autofree char *shape = steer_tensor_dup_shape_string (&entry->tensor);
          return fail (self, name, error, "the size of shape %s overflows", shape);
        }
      if (entry->end - entry->begin != n_bytes)
        {
          g_autofree char *shape = steer_tensor_dup_shape_string (&entry->tensor);
          return fail (self, name, error,
                       "%s of shape %s takes %" G_GUINT64_FORMAT " bytes, but data_offsets spans %" G_GUINT64_FORMAT,
                       steer_dtype_get_name (entry->tensor.dtype), shape, n_bytes, entry->end - entry->begin);
        }
      if (entry->begin != position)
        return fail (self, name, error,
                     "its data begins at byte %" G_GUINT64_FORMAT ", which leaves %s: %" G_GUINT64_FORMAT
                     " is expected",
                     entry->begin, entry->begin < position ? "an overlap" : "a hole", position);
      position = entry->end;
      entry->tensor.n_bytes = (gsize) n_bytes;
    }

  if (position > self->data_size)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_TRUNCATED,
                   "%s: the header describes %" G_GUINT64_FORMAT " bytes of data, but only %" G_GUINT64_FORMAT
                   " are there: the file is incomplete, download it again",
                   self->file->name, position, self->data_size);
      return FALSE;
    }
  if (position < self->data_size)
    return fail (self, NULL, error, "%" G_GUINT64_FORMAT " bytes follow the last tensor and belong to none",
                 self->data_size - position);
  return TRUE;
}

/* The bytes of the header, after checking that they are all there. */
static gboolean
find_header (Reader *self, const char **header, gsize *header_length, GError **error)
{
  guint64 length;

  if (self->file->size < LENGTH_BYTES)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_TRUNCATED,
                   "%s: %" G_GSIZE_FORMAT " bytes are too few for a safetensors file", self->file->name,
                   self->file->size);
      return FALSE;
    }
  memcpy (&length, self->file->data, sizeof length);
  length = GUINT64_FROM_LE (length);
  if (length > MAX_HEADER_LENGTH)
    return fail (self, NULL, error,
                 "the header's length, %" G_GUINT64_FORMAT " bytes, is over the limit of %d: "
                 "not a safetensors file, or a damaged one",
                 length, MAX_HEADER_LENGTH);
  if (length > self->file->size - LENGTH_BYTES)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_TRUNCATED,
                   "%s: the header should be %" G_GUINT64_FORMAT " bytes long, but the file ends after %" G_GSIZE_FORMAT
                   ": it is incomplete, download it again",
                   self->file->name, length, self->file->size - LENGTH_BYTES);
      return FALSE;
    }
  *header = (const char *) self->file->data + LENGTH_BYTES;
  *header_length = (gsize) length;
  self->data = self->file->data + LENGTH_BYTES + length;
  self->data_size = self->file->size - LENGTH_BYTES - length;
  return TRUE;
}

gboolean
steer_safetensors_read_file (SteerArchiveTable *table,
                             const SteerFileMap *file,
                             SteerTensorFilter filter,
                             gpointer filter_data,
                             GCancellable *cancellable,
                             GError **error)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (SteerJsonScanner) json = NULL;
  Reader reader = { .table = table, .file = file, .entries = entries, .names = names };
  const char *header = NULL;
  gsize header_length = 0;

  if (!find_header (&reader, &header, &header_length, error))
    return FALSE;
  json = steer_json_scanner_new (header, header_length, file->name);
  reader.json = json;
  if (!read_header (&reader, cancellable, error) || !place_entries (&reader, error))
    return FALSE;

  for (guint i = 0; i < entries->len; i++)
    {
      Entry *entry = &g_array_index (entries, Entry, i);

      if (filter != NULL && !filter (entry->tensor.name, filter_data))
        continue;
      entry->tensor.data = reader.data + entry->begin;
      if (!steer_archive_table_add_tensor (table, &entry->tensor))
        return fail (&reader, entry->tensor.name, error, "another shard holds a tensor of this name");
    }
  return TRUE;
}

/* A small length, then an object, maybe behind white space. */
static gboolean
looks_like_safetensors (const SteerFileMap *file)
{
  guint64 length;
  gsize i = LENGTH_BYTES;

  if (file->size <= LENGTH_BYTES)
    return FALSE;
  memcpy (&length, file->data, sizeof length);
  if (GUINT64_FROM_LE (length) > MAX_HEADER_LENGTH)
    return FALSE;
  while (i < file->size && file->data[i] != '\0' && strchr (" \t\r\n", file->data[i]) != NULL)
    i++;
  return i < file->size && file->data[i] == '{';
}

static gboolean
read_single_file (SteerArchiveTable *table, const SteerFileMap *file, GCancellable *cancellable, GError **error)
{
  table->format = g_strdup ("safetensors");
  return steer_safetensors_read_file (table, file, NULL, NULL, cancellable, error);
}

const SteerArchiveFormat steer_safetensors_format = {
  .matches = looks_like_safetensors,
  .read = read_single_file,
};
