/* What torch.save() writes: a zip file with data.pkl, which describes a value, and data/N, the storages that its
 * tensors lie in. */

#include "steer-pickle.h"
#include "steer-zip.h"

#include <string.h>

#define MAX_DEPTH 32
#define MAX_NAME_BYTES 1024
/* All names together, so that sharing and long keys cannot make a small pickle into a huge list. */
#define NAME_BYTES_A_PICKLE_BYTE 16
#define NAME_BYTES_ALWAYS (1 << 20)

#define BARE_TENSOR_NAME "tensor"

typedef struct
{
  SteerArchiveTable *table;
  const SteerFileMap *file;
  const SteerZip *zip;
  const char *prefix; /* of the members: "ae/" */
  GCancellable *cancellable;
  GString *path; /* of the value at work */
  gsize name_bytes;
  gsize max_name_bytes;
} Reader;

static gboolean G_GNUC_PRINTF (4, 5) fail (Reader *self, SteerTensorError code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  if (self->path->len > 0)
    g_set_error (error, STEER_TENSOR_ERROR, code, "%s: \"%s\": %s", self->file->name, self->path->str, what);
  else
    g_set_error (error, STEER_TENSOR_ERROR, code, "%s: %s", self->file->name, what);
  return FALSE;
}

/* The member's bytes lie in the file as they are. */
static gboolean
check_stored (Reader *self, const SteerZipEntry *entry, GError **error)
{
  if (!entry->deflated)
    return TRUE;
  return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
               "member \"%s\" is compressed, which PyTorch never does: unpack the file and zip it without compression",
               entry->name);
}

static gboolean
add_tensor (Reader *self, const SteerPickleTensor *described, GError **error)
{
  g_autofree char *key = g_strndup (described->storage.key, described->storage.key_length);
  g_autofree char *member = g_strconcat (self->prefix, "data/", key, NULL);
  const SteerZipEntry *entry = steer_zip_find (self->zip, member);
  gsize size = steer_dtype_get_block_bytes (described->storage.dtype);
  const char *name = self->path->len > 0 ? self->path->str : BARE_TENSOR_NAME;
  SteerTensor tensor = { .dtype = described->storage.dtype, .n_dims = described->n_dims };
  guint64 storage_bytes;

  if (entry == NULL)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "its storage, member \"%s\", is missing", member);
  if (!check_stored (self, entry, error))
    return FALSE;
  if (!g_uint64_checked_mul (&storage_bytes, described->storage.n_elements, size) || storage_bytes != entry->size)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error,
                 "its storage should have %" G_GUINT64_FORMAT
                 " elements of %s, but member \"%s\" has %" G_GUINT64_FORMAT " bytes",
                 described->storage.n_elements, steer_dtype_get_name (described->storage.dtype), member, entry->size);
  tensor.name = steer_archive_table_dup_string (self->table, name);
  memcpy (tensor.shape, described->shape, sizeof tensor.shape);
  memcpy (tensor.stride, described->stride, sizeof tensor.stride);
  /* Offset and extent were checked to lie inside the storage, whose size is now known to be the member's. */
  tensor.data = entry->data + described->offset * size;
  tensor.n_bytes = (gsize) described->extent * size;
  if (!steer_archive_table_add_tensor (self->table, &tensor))
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "two tensors have this name");
  return TRUE;
}

/* A scalar's eight bytes, little-endian, that live as long as the archive. */
static void
add_scalar (Reader *self, SteerValueType type, guint64 bits)
{
  SteerArchiveValue value = { .type = type, .n = 1 };

  bits = GUINT64_TO_LE (bits);
  value.data
    = (const guint8 *) g_string_chunk_insert_len (self->table->strings, (const char *) &bits, (gssize) sizeof bits);
  steer_archive_table_add_value (self->table, self->path->str, &value);
}

static void
add_metadata (Reader *self, const SteerPickleValue *value)
{
  guint64 bits;

  if (self->path->len == 0)
    return;
  if (value->kind == STEER_PICKLE_STRING)
    {
      SteerArchiveValue string
        = { .type = STEER_VALUE_STRING, .n = value->string.length, .data = (const guint8 *) value->string.bytes };

      steer_archive_table_add_value (self->table, self->path->str, &string);
    }
  else if (value->kind == STEER_PICKLE_FLOAT)
    {
      memcpy (&bits, &value->number, sizeof bits);
      add_scalar (self, STEER_VALUE_F64, bits);
    }
  else
    {
      add_scalar (self, value->kind == STEER_PICKLE_BOOL ? STEER_VALUE_BOOL : STEER_VALUE_I64,
                  (guint64) value->integer);
    }
}

/* Appends the text of a key to the path. FALSE for kinds of keys that no file of tensors has. */
static gboolean
append_key (Reader *self, const SteerPickleValue *key)
{
  if (self->path->len > 0)
    g_string_append_c (self->path, '.');
  switch (key->kind)
    {
    case STEER_PICKLE_STRING:
      g_string_append_len (self->path, key->string.bytes, (gssize) MIN (key->string.length, MAX_NAME_BYTES + 1));
      return TRUE;
    case STEER_PICKLE_INT:
      g_string_append_printf (self->path, "%" G_GINT64_FORMAT, key->integer);
      return TRUE;
    case STEER_PICKLE_TUPLE:
      for (guint i = 0; key->items != NULL && i < key->items->len; i++)
        {
          const SteerPickleValue *part = g_ptr_array_index (key->items, i);

          if (i > 0)
            g_string_append_c (self->path, '.');
          if (part->kind == STEER_PICKLE_INT)
            g_string_append_printf (self->path, "%" G_GINT64_FORMAT, part->integer);
          else if (part->kind == STEER_PICKLE_STRING)
            g_string_append_len (self->path, part->string.bytes,
                                 (gssize) MIN (part->string.length, MAX_NAME_BYTES + 1));
          else
            return FALSE;
          if (self->path->len > MAX_NAME_BYTES)
            return TRUE;
        }
      return key->items != NULL;
    case STEER_PICKLE_NONE:
    case STEER_PICKLE_BOOL:
    case STEER_PICKLE_FLOAT:
    case STEER_PICKLE_LIST:
    case STEER_PICKLE_DICT:
    case STEER_PICKLE_TENSOR:
    case STEER_PICKLE_GLOBAL:
    case STEER_PICKLE_STORAGE:
    default:
      return FALSE;
    }
}

static gboolean
check_name (Reader *self, GError **error)
{
  gsize length = self->path->len;

  self->name_bytes += length + 1;
  if (length > MAX_NAME_BYTES)
    {
      g_autofree char *valid = g_utf8_make_valid (self->path->str, 80);

      g_string_assign (self->path, valid);
      return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "a name is longer than %d bytes", MAX_NAME_BYTES);
    }
  if (self->name_bytes > self->max_name_bytes)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                 "the names of all values together are longer than a file of this size should need");
  return TRUE;
}

static gboolean add_value (Reader *self, const SteerPickleValue *value, guint depth, GError **error);

/* The value under @key, or under @index where there is no key. */
static gboolean
add_member (Reader *self,
            const SteerPickleValue *key,
            guint index,
            const SteerPickleValue *value,
            guint depth,
            GError **error)
{
  gsize length = self->path->len;
  gboolean added;

  if (key == NULL)
    g_string_append_printf (self->path, "%s%u", length > 0 ? "." : "", index);
  else if (!append_key (self, key))
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                 "a key is neither a text nor an integer nor a tuple of them");
  added = check_name (self, error) && add_value (self, value, depth + 1, error);
  if (added)
    g_string_truncate (self->path, length);
  return added;
}

static gboolean
add_value (Reader *self, const SteerPickleValue *value, guint depth, GError **error)
{
  guint n = 0;

  if (depth > MAX_DEPTH)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "values are nested more than %d deep", MAX_DEPTH);
  if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  switch (value->kind)
    {
    case STEER_PICKLE_TENSOR:
      return add_tensor (self, value->tensor, error);
    case STEER_PICKLE_BOOL:
    case STEER_PICKLE_INT:
    case STEER_PICKLE_FLOAT:
    case STEER_PICKLE_STRING:
      add_metadata (self, value);
      return TRUE;
    case STEER_PICKLE_TUPLE:
    case STEER_PICKLE_LIST:
      n = value->items != NULL ? value->items->len : 0;
      for (guint i = 0; i < n; i++)
        if (!add_member (self, NULL, i, g_ptr_array_index (value->items, i), depth, error))
          return FALSE;
      return TRUE;
    case STEER_PICKLE_DICT:
      n = value->items != NULL ? value->items->len : 0;
      for (guint i = 0; i + 1 < n; i += 2)
        if (!add_member (self, g_ptr_array_index (value->items, i), 0, g_ptr_array_index (value->items, i + 1), depth,
                         error))
          return FALSE;
      return TRUE;
    case STEER_PICKLE_NONE:
    case STEER_PICKLE_GLOBAL:
    case STEER_PICKLE_STORAGE:
    default:
      return TRUE;
    }
}

/* The member whose name ends in "/data.pkl"; the folder before it is called as the file once was. */
static const SteerZipEntry *
find_pickle (const SteerZip *zip)
{
  for (guint i = 0; i < zip->entries->len; i++)
    {
      const SteerZipEntry *entry = &g_array_index (zip->entries, SteerZipEntry, i);

      if (g_str_has_suffix (entry->name, "/data.pkl"))
        return entry;
    }
  return NULL;
}

static gboolean
check_byte_order (Reader *self, GError **error)
{
  g_autofree char *member = g_strconcat (self->prefix, "byteorder", NULL);
  const SteerZipEntry *entry = steer_zip_find (self->zip, member);

  if (entry == NULL)
    return TRUE;
  if (!check_stored (self, entry, error))
    return FALSE;
  if (entry->size == strlen ("little") && memcmp (entry->data, "little", strlen ("little")) == 0)
    return TRUE;
  return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
               "it was written on a machine of the other byte order: load it in PyTorch and save it as safetensors");
}

static gboolean
read_members (SteerArchiveTable *table,
              const SteerFileMap *file,
              const SteerZip *zip,
              GCancellable *cancellable,
              GError **error)
{
  g_autoptr (GString) path = g_string_new (NULL);
  g_autoptr (SteerPickle) pickle = NULL;
  g_autofree char *prefix = NULL;
  const SteerZipEntry *entry = find_pickle (zip);
  Reader self = { .table = table, .file = file, .zip = zip, .cancellable = cancellable, .path = path };

  if (entry == NULL)
    return fail (&self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                 "a zip file without data.pkl was not written by PyTorch, and without .npy not by NumPy");
  self.prefix = prefix = g_strndup (entry->name, strlen (entry->name) - strlen ("data.pkl"));
  if (!check_stored (&self, entry, error) || !check_byte_order (&self, error))
    return FALSE;
  pickle = steer_pickle_read (entry->data, (gsize) entry->size, file->name, cancellable, error);
  if (pickle == NULL)
    return FALSE;
  self.max_name_bytes = NAME_BYTES_ALWAYS + NAME_BYTES_A_PICKLE_BYTE * (gsize) entry->size;
  return add_value (&self, pickle->result, 0, error);
}

static gboolean
looks_like_torch_zip (const SteerFileMap *file)
{
  return steer_zip_begins_with (file, "");
}

static gboolean
read_torch_zip (SteerArchiveTable *table, const SteerFileMap *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerZip) zip = steer_zip_read (file, cancellable, error);

  table->format = g_strdup ("PyTorch zip");
  return zip != NULL && read_members (table, file, zip, cancellable, error);
}

const SteerArchiveFormat steer_torch_zip_format = {
  .matches = looks_like_torch_zip,
  .read = read_torch_zip,
};
