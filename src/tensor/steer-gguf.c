/* GGUF files as archives, also those that are split as NAME-00001-of-00003.gguf. */

#include "steer-gguf-reader.h"

#include <string.h>

#define MAX_SPLITS 99999

static gboolean
looks_like_gguf (const SteerFileMap *file)
{
  return file->size >= 4 && memcmp (file->data, "GGUF", 4) == 0;
}

/* Whether the data that the header describes is there. A file that ends where the data would begin is a description
 * without data, which is valid. */
static gboolean
check_data (const SteerFileMap *file, const SteerGgufHeader *header, gboolean *has_data, GError **error)
{
  guint64 rest = file->size >= header->data_start ? file->size - header->data_start : 0;

  *has_data = TRUE;
  if (header->tensors->len == 0)
    return TRUE;
  if (file->size == header->data_start && header->data_size > 0)
    {
      *has_data = FALSE;
      return TRUE;
    }
  if (file->size >= header->data_start && rest >= header->data_size)
    return TRUE;
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_TRUNCATED,
               "%s: the header describes %" G_GUINT64_FORMAT " bytes of data from byte %" G_GUINT64_FORMAT
               " on, but only %" G_GUINT64_FORMAT " are there: the file is incomplete, download it again",
               file->name, header->data_size, header->data_start, rest);
  return FALSE;
}

static void
add_opaque (SteerArchiveTable *table, const SteerGgufTensor *tensor, const char *name)
{
  SteerOpaqueTensor opaque = { .name = name, .type = tensor->type_name, .n_dims = tensor->n_dims };
  g_autofree char *why = tensor->readable ? g_strdup ("the file holds a description only, no data")
                                          : g_strdup_printf ("the type %s is not supported", tensor->type_name);

  memcpy (opaque.shape, tensor->shape, sizeof tensor->shape);
  opaque.why = steer_archive_table_dup_string (table, why);
  steer_archive_table_add_opaque (table, &opaque);
}

static gboolean
add_tensor (SteerArchiveTable *table, const SteerGgufTensor *tensor, const char *name, const guint8 *data)
{
  SteerTensor view = { .name = name, .dtype = tensor->dtype, .n_dims = tensor->n_dims };
  gint64 stride = 1;
  gboolean empty = FALSE;

  for (guint i = 0; i < tensor->n_dims; i++)
    empty = empty || tensor->shape[i] == 0;
  for (guint i = tensor->n_dims; i-- > 0;)
    {
      view.shape[i] = tensor->shape[i];
      view.stride[i] = stride;
      /* The product of all sizes was checked; where one of them is 0, no stride is ever used. */
      stride = empty ? 0 : stride * tensor->shape[i];
    }
  view.data = data + tensor->offset;
  view.n_bytes = (gsize) tensor->n_bytes;
  return steer_archive_table_add_tensor (table, &view);
}

static gboolean
add_tensors (SteerArchiveTable *table, const SteerFileMap *file, const SteerGgufHeader *header, GError **error)
{
  gboolean has_data;

  if (!check_data (file, header, &has_data, error))
    return FALSE;
  for (guint i = 0; i < header->tensors->len; i++)
    {
      const SteerGgufTensor *tensor = &g_array_index (header->tensors, SteerGgufTensor, i);
      const char *name = steer_archive_table_dup_string (table, tensor->name);

      if (!has_data || !tensor->readable)
        {
          add_opaque (table, tensor, name);
        }
      else if (!add_tensor (table, tensor, name, file->data + header->data_start))
        {
          g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID,
                       "%s: tensor \"%s\": another part of the split holds a tensor of this name", file->name, name);
          return FALSE;
        }
    }
  return TRUE;
}

static void
add_keys (SteerArchiveTable *table, const SteerGgufHeader *header)
{
  for (guint i = 0; i < header->keys->len; i++)
    {
      const SteerGgufKey *key = &g_array_index (header->keys, SteerGgufKey, i);

      steer_archive_table_add_value (table, key->key, &key->value);
    }
}

/* PREFIX of PREFIX-00002-of-00003.gguf, or NULL when the path is not called like that. */
static char *
dup_split_prefix (const char *path, guint64 no, guint64 count)
{
  g_autofree char *suffix = g_strdup_printf ("-%05" G_GUINT64_FORMAT "-of-%05" G_GUINT64_FORMAT ".gguf", no + 1, count);

  return g_str_has_suffix (path, suffix) ? g_strndup (path, strlen (path) - strlen (suffix)) : NULL;
}

typedef struct
{
  SteerArchiveTable *table;
  const SteerFileMap *opened; /* the part that the user named */
  guint64 opened_no;
  char *prefix;
  guint64 count;
} Split;

/* A file of the set, checked to be the one it should be. */
static gboolean
read_part (Split *self, guint64 no, GCancellable *cancellable, GError **error)
{
  g_autofree char *path
    = g_strdup_printf ("%s-%05" G_GUINT64_FORMAT "-of-%05" G_GUINT64_FORMAT ".gguf", self->prefix, no + 1, self->count);
  g_autoptr (SteerGgufHeader) header = NULL;
  const SteerFileMap *file = self->opened;

  if (no != self->opened_no)
    {
      SteerFileMap *opened = steer_file_map_open (path, error);

      if (opened == NULL)
        {
          g_prefix_error (error, "part %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " of %s: ", no + 1, self->count,
                          self->opened->name);
          return FALSE;
        }
      file = steer_archive_table_take_file (self->table, opened);
    }
  if (!steer_file_map_check_not_pointer (file, error)
      || (header = steer_gguf_header_read (file, cancellable, error)) == NULL)
    return FALSE;
  if (steer_gguf_header_get_uint (header, "split.no", G_MAXUINT64) != no
      || steer_gguf_header_get_uint (header, "split.count", 0) != self->count)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID,
                   "%s: it does not say of itself to be part %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT, file->name,
                   no + 1, self->count);
      return FALSE;
    }
  add_keys (self->table, header);
  return add_tensors (self->table, file, header, error);
}

static gboolean
check_split_total (const Split *self, const SteerGgufHeader *header, GError **error)
{
  guint64 found = self->table->tensors->len + self->table->opaque->len;
  guint64 expected = steer_gguf_header_get_uint (header, "split.tensors.count", found);

  if (found == expected)
    return TRUE;
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID,
               "%s: its %" G_GUINT64_FORMAT " parts hold %" G_GUINT64_FORMAT
               " tensors, but split.tensors.count is %" G_GUINT64_FORMAT,
               self->opened->name, self->count, found, expected);
  return FALSE;
}

static gboolean
read_split (SteerArchiveTable *table,
            const SteerFileMap *file,
            const SteerGgufHeader *header,
            GCancellable *cancellable,
            GError **error)
{
  Split self = { .table = table, .opened = file };
  g_autofree char *prefix = NULL;

  self.count = steer_gguf_header_get_uint (header, "split.count", 0);
  self.opened_no = steer_gguf_header_get_uint (header, "split.no", G_MAXUINT64);
  if (self.count > MAX_SPLITS || self.opened_no >= self.count)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID,
                   "%s: split.no and split.count do not tell which part of how many this is", file->name);
      return FALSE;
    }
  self.prefix = prefix = dup_split_prefix (file->path, self.opened_no, self.count);
  if (prefix == NULL)
    {
      g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID,
                   "%s: part %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                   ", but its name does not end in -%05" G_GUINT64_FORMAT "-of-%05" G_GUINT64_FORMAT
                   ".gguf, so the other parts cannot be found",
                   file->name, self.opened_no + 1, self.count, self.opened_no + 1, self.count);
      return FALSE;
    }
  table->format = g_strdup_printf ("GGUF v%u in %" G_GUINT64_FORMAT " parts", header->version, self.count);
  for (guint64 no = 0; no < self.count; no++)
    if (g_cancellable_set_error_if_cancelled (cancellable, error) || !read_part (&self, no, cancellable, error))
      return FALSE;
  return check_split_total (&self, header, error);
}

static gboolean
read_gguf (SteerArchiveTable *table, const SteerFileMap *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerGgufHeader) header = steer_gguf_header_read (file, cancellable, error);

  if (header == NULL)
    return FALSE;
  if (steer_gguf_header_get_uint (header, "split.count", 0) > 1)
    return read_split (table, file, header, cancellable, error);
  table->format = g_strdup_printf ("GGUF v%u", header->version);
  add_keys (table, header);
  return add_tensors (table, file, header, error);
}

const SteerArchiveFormat steer_gguf_format = {
  .matches = looks_like_gguf,
  .read = read_gguf,
};
