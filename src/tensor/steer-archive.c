#include "steer-archive-private.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct _SteerArchive
{
  GObject parent_instance;

  char *path;
  SteerArchiveTable table;
};

G_DEFINE_FINAL_TYPE (SteerArchive, steer_archive, G_TYPE_OBJECT)

/* Tried in this order. */
static const SteerArchiveFormat *const formats[] = {
  &steer_gguf_format, &steer_npz_format, &steer_torch_zip_format, &steer_npy_format, &steer_safetensors_format,
};

static void
steer_archive_finalize (GObject *object)
{
  SteerArchive *self = STEER_ARCHIVE (object);

  g_free (self->path);
  g_free (self->table.format);
  g_clear_pointer (&self->table.by_name, g_hash_table_unref);
  g_clear_pointer (&self->table.metadata, g_hash_table_unref);
  g_clear_pointer (&self->table.values, g_hash_table_unref);
  g_clear_pointer (&self->table.opaque, g_ptr_array_unref);
  g_clear_pointer (&self->table.tensors, g_array_unref);
  g_clear_pointer (&self->table.strings, g_string_chunk_free);
  g_clear_pointer (&self->table.blocks, g_ptr_array_unref);
  g_clear_pointer (&self->table.files, g_ptr_array_unref);

  G_OBJECT_CLASS (steer_archive_parent_class)->finalize (object);
}

static void
steer_archive_class_init (SteerArchiveClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_archive_finalize;
}

static void
steer_archive_init (SteerArchive *self)
{
  self->table.files = g_ptr_array_new_with_free_func ((GDestroyNotify) steer_file_map_free);
  self->table.blocks = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  self->table.strings = g_string_chunk_new (4096);
  self->table.tensors = g_array_new (FALSE, TRUE, sizeof (SteerTensor));
  self->table.by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->table.metadata = g_hash_table_new (g_str_hash, g_str_equal);
  self->table.values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  self->table.opaque = g_ptr_array_new_with_free_func (g_free);
}

const SteerFileMap *
steer_archive_table_take_file (SteerArchiveTable *self, SteerFileMap *file)
{
  g_ptr_array_add (self->files, file);
  return file;
}

void
steer_archive_table_take_bytes (SteerArchiveTable *self, GBytes *bytes)
{
  g_ptr_array_add (self->blocks, bytes);
}

const char *
steer_archive_table_dup_string (SteerArchiveTable *self, const char *string)
{
  return g_string_chunk_insert (self->strings, string);
}

gboolean
steer_archive_table_add_tensor (SteerArchiveTable *self, const SteerTensor *tensor)
{
  if (g_hash_table_contains (self->by_name, tensor->name))
    return FALSE;
  g_array_append_val (self->tensors, *tensor);
  g_hash_table_insert (self->by_name, (gpointer) tensor->name, GUINT_TO_POINTER (self->tensors->len));
  return TRUE;
}

void
steer_archive_table_add_metadata (SteerArchiveTable *self, const char *key, const char *value)
{
  if (g_hash_table_contains (self->metadata, key))
    return;
  g_hash_table_insert (self->metadata, g_string_chunk_insert (self->strings, key),
                       g_string_chunk_insert (self->strings, value));
}

void
steer_archive_table_add_value (SteerArchiveTable *self, const char *key, const SteerArchiveValue *value)
{
  g_autofree char *text = steer_archive_value_dup_text (value);

  if (g_hash_table_contains (self->values, key))
    return;
  steer_archive_table_add_metadata (self, key, text);
  g_hash_table_insert (self->values, g_string_chunk_insert (self->strings, key), g_memdup2 (value, sizeof *value));
}

void
steer_archive_table_add_opaque (SteerArchiveTable *self, const SteerOpaqueTensor *tensor)
{
  g_ptr_array_add (self->opaque, g_memdup2 (tensor, sizeof *tensor));
}

/* A file of none of the known formats: says what it is where that is easy to see. */
static gboolean
refuse_unknown (const SteerFileMap *file, GError **error)
{
  if (file->size == 0)
    g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_TRUNCATED, "%s: the file is empty", file->name);
  else if (file->size >= 4 && memcmp (file->data, "\x80\x02\x8a\x0a", 4) == 0)
    g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_UNSUPPORTED,
                 "%s: a file as PyTorch wrote them before version 1.6 cannot be read: load it in PyTorch and save it "
                 "again, or convert it to safetensors",
                 file->name);
  else
    g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_UNSUPPORTED,
                 "%s: not a file of a known format; known are safetensors, GGUF, PyTorch's .pt, .npz and .npy",
                 file->name);
  return FALSE;
}

static gboolean
read_file (SteerArchiveTable *table, const char *path, GCancellable *cancellable, GError **error)
{
  const SteerFileMap *file;
  SteerFileMap *opened = steer_file_map_open (path, error);

  if (opened == NULL)
    return FALSE;
  file = steer_archive_table_take_file (table, opened);
  if (!steer_file_map_check_not_pointer (file, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i]->matches (file))
      return formats[i]->read (table, file, cancellable, error);

  /* The bytes are not those of any format. When the name says what the file was meant to be, that format's reader
   * can tell what is wrong with it. */
  if (file->size > 0 && g_str_has_suffix (path, ".safetensors"))
    return steer_safetensors_format.read (table, file, cancellable, error);
  if (file->size > 0 && g_str_has_suffix (path, ".gguf"))
    return steer_gguf_format.read (table, file, cancellable, error);
  return refuse_unknown (file, error);
}

SteerArchive *
steer_archive_open (const char *path, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerArchive) self = NULL;
  gboolean read;

  g_return_val_if_fail (path != NULL, NULL);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;
  self = g_object_new (STEER_TYPE_ARCHIVE, NULL);
  self->path = g_strdup (path);
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    read = steer_safetensors_read_folder (&self->table, path, cancellable, error);
  else
    read = read_file (&self->table, path, cancellable, error);
  return read ? g_steal_pointer (&self) : NULL;
}

const char *
steer_archive_get_format (SteerArchive *self)
{
  g_return_val_if_fail (STEER_IS_ARCHIVE (self), NULL);

  return self->table.format;
}

const char *
steer_archive_get_path (SteerArchive *self)
{
  g_return_val_if_fail (STEER_IS_ARCHIVE (self), NULL);

  return self->path;
}

guint64
steer_archive_get_file_size (SteerArchive *self)
{
  guint64 size = 0;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self), 0);

  for (guint i = 0; i < self->table.files->len; i++)
    size += ((const SteerFileMap *) g_ptr_array_index (self->table.files, i))->size;
  return size;
}

/* The mapped file that the tensor's bytes lie in, or NULL. */
static const SteerFileMap *
find_file (SteerArchive *self, const SteerTensor *tensor)
{
  for (guint i = 0; i < self->table.files->len; i++)
    {
      const SteerFileMap *file = g_ptr_array_index (self->table.files, i);

      /* An empty tensor may stand at the very end. */
      if (file->data != NULL && tensor->data >= file->data && tensor->data <= file->data + file->size)
        return file;
    }
  return NULL;
}

guint
steer_archive_get_n_files (SteerArchive *self)
{
  g_return_val_if_fail (STEER_IS_ARCHIVE (self), 0);

  return self->table.files->len;
}

void
steer_archive_get_file (SteerArchive *self, guint index, SteerArchiveFile *file)
{
  const SteerFileMap *map;

  g_return_if_fail (STEER_IS_ARCHIVE (self));
  g_return_if_fail (index < self->table.files->len);

  map = g_ptr_array_index (self->table.files, index);
  *file = (SteerArchiveFile){ map->path, map->data, map->size, map->size };
  for (guint i = 0; i < self->table.tensors->len; i++)
    {
      const SteerTensor *tensor = &g_array_index (self->table.tensors, SteerTensor, i);

      if (tensor->n_bytes > 0 && find_file (self, tensor) == map)
        file->head_size = MIN (file->head_size, (gsize) (tensor->data - map->data));
    }
}

guint
steer_archive_get_n_tensors (SteerArchive *self)
{
  g_return_val_if_fail (STEER_IS_ARCHIVE (self), 0);

  return self->table.tensors->len;
}

const SteerTensor *
steer_archive_get_tensor (SteerArchive *self, guint index)
{
  g_return_val_if_fail (STEER_IS_ARCHIVE (self), NULL);
  g_return_val_if_fail (index < self->table.tensors->len, NULL);

  return &g_array_index (self->table.tensors, SteerTensor, index);
}

const SteerTensor *
steer_archive_find (SteerArchive *self, const char *name)
{
  guint position;
  const char *alias_of;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && name != NULL, NULL);

  position = GPOINTER_TO_UINT (g_hash_table_lookup (self->table.by_name, name));
  if (position == 0 && (alias_of = g_hash_table_lookup (self->table.metadata, name)) != NULL)
    position = GPOINTER_TO_UINT (g_hash_table_lookup (self->table.by_name, alias_of));
  return position != 0 ? &g_array_index (self->table.tensors, SteerTensor, position - 1) : NULL;
}

const SteerArchiveTable *
steer_archive_get_table (SteerArchive *self)
{
  return &self->table;
}

guint
steer_archive_get_n_opaque (SteerArchive *self)
{
  g_return_val_if_fail (STEER_IS_ARCHIVE (self), 0);

  return self->table.opaque->len;
}

const SteerOpaqueTensor *
steer_archive_get_opaque (SteerArchive *self, guint index)
{
  g_return_val_if_fail (STEER_IS_ARCHIVE (self), NULL);
  g_return_val_if_fail (index < self->table.opaque->len, NULL);

  return g_ptr_array_index (self->table.opaque, index);
}

const SteerOpaqueTensor *
steer_archive_find_opaque (SteerArchive *self, const char *name)
{
  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && name != NULL, NULL);

  for (guint i = 0; i < self->table.opaque->len; i++)
    {
      const SteerOpaqueTensor *tensor = g_ptr_array_index (self->table.opaque, i);

      if (strcmp (tensor->name, name) == 0)
        return tensor;
    }
  return NULL;
}

const char *
steer_archive_get_metadata (SteerArchive *self, const char *key)
{
  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && key != NULL, NULL);

  return g_hash_table_lookup (self->table.metadata, key);
}

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

const char **
steer_archive_list_metadata (SteerArchive *self)
{
  const char **keys;
  guint n_keys;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self), NULL);

  keys = (const char **) g_hash_table_get_keys_as_array (self->table.metadata, &n_keys);
  if (n_keys > 1)
    qsort (keys, n_keys, sizeof (char *), compare_strings);
  return keys;
}

const char *
steer_archive_get_tensor_file (SteerArchive *self, const SteerTensor *tensor)
{
  const SteerFileMap *file;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && tensor != NULL, NULL);

  file = find_file (self, tensor);
  return file != NULL ? file->name : self->path;
}

void
steer_archive_prefetch (SteerArchive *self, const SteerTensor *tensor)
{
  guintptr page = (guintptr) sysconf (_SC_PAGESIZE);
  guintptr start, end;

  g_return_if_fail (STEER_IS_ARCHIVE (self) && tensor != NULL);

  /* Memory of another kind, whose contents madvise() could drop, is left alone. */
  if (tensor->n_bytes == 0 || find_file (self, tensor) == NULL)
    return;
  start = (guintptr) tensor->data / page * page;
  end = (guintptr) tensor->data + tensor->n_bytes;
  madvise ((void *) start, end - start, MADV_WILLNEED);
}

void
steer_archive_release (SteerArchive *self, const SteerTensor *tensor)
{
  guintptr page = (guintptr) sysconf (_SC_PAGESIZE);
  guintptr start, end;

  g_return_if_fail (STEER_IS_ARCHIVE (self) && tensor != NULL);

  /* Memory of another kind, whose contents madvise() could drop, is left alone. */
  if (tensor->n_bytes == 0 || find_file (self, tensor) == NULL)
    return;
  /* Only whole pages: a neighbour may still be in use. */
  start = ((guintptr) tensor->data + page - 1) / page * page;
  end = ((guintptr) tensor->data + tensor->n_bytes) / page * page;
  if (end > start)
    madvise ((void *) start, end - start, MADV_DONTNEED);
}
