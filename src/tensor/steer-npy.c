#include "steer-npy.h"

#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define MAX_HEADER_BYTES 65536
#define MAX_DESCR_BYTES 64

typedef struct
{
  const SteerFileMap *file;
  const char *name; /* of the array */
  const char *at;   /* in the header */
  const char *end;  /* of the header */
  char descr[MAX_DESCR_BYTES];
  gboolean fortran_order;
  gboolean seen_descr;
  gboolean seen_order;
  gboolean seen_shape;
  SteerTensor tensor;
} Header;

static const struct
{
  const char *descr;
  SteerDtype dtype;
} dtypes[] = {
  { "<f8", STEER_DTYPE_F64 }, { "<f4", STEER_DTYPE_F32 }, { "<f2", STEER_DTYPE_F16 },
  { "<i8", STEER_DTYPE_I64 }, { "<i4", STEER_DTYPE_I32 }, { "<i2", STEER_DTYPE_I16 },
  { "|i1", STEER_DTYPE_I8 },  { "|u1", STEER_DTYPE_U8 },  { "|b1", STEER_DTYPE_BOOL },
};

static gboolean G_GNUC_PRINTF (4, 5)
  fail (const Header *self, SteerTensorError code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TENSOR_ERROR, code, "%s: array \"%s\": %s", self->file->name, self->name, what);
  return FALSE;
}

static gboolean
fail_header (const Header *self, GError **error)
{
  return fail (self, STEER_TENSOR_ERROR_INVALID, error, "its header is not a dict of descr, fortran_order and shape");
}

static void
skip_space (Header *self)
{
  while (self->at < self->end && (*self->at == ' ' || *self->at == '\n'))
    self->at++;
}

static gboolean
take (Header *self, const char *text)
{
  gsize length = strlen (text);

  skip_space (self);
  if ((gsize) (self->end - self->at) < length || memcmp (self->at, text, length) != 0)
    return FALSE;
  self->at += length;
  return TRUE;
}

/* A text in single or double quotes without escapes. */
static gboolean
take_text (Header *self, char text[MAX_DESCR_BYTES])
{
  char quote;
  gsize length = 0;

  skip_space (self);
  if (self->at == self->end || (*self->at != '\'' && *self->at != '"'))
    return FALSE;
  quote = *self->at++;
  while (self->at < self->end && *self->at != quote)
    {
      if (*self->at == '\\' || *self->at == '\0' || length + 1 >= MAX_DESCR_BYTES)
        return FALSE;
      text[length++] = *self->at++;
    }
  text[length] = '\0';
  if (self->at == self->end)
    return FALSE;
  self->at++;
  return g_utf8_validate (text, -1, NULL);
}

static gboolean
take_size (Header *self, gint64 *size)
{
  const char *start;

  skip_space (self);
  *size = 0;
  for (start = self->at; self->at < self->end && g_ascii_isdigit (*self->at); self->at++)
    {
      if (*size > (G_MAXINT64 - 9) / 10)
        return FALSE;
      *size = *size * 10 + (*self->at - '0');
    }
  return self->at > start;
}

/* (3, 4), (3,) or (). */
static gboolean
take_shape (Header *self, GError **error)
{
  if (!take (self, "("))
    return fail_header (self, error);
  while (!take (self, ")"))
    {
      if (self->tensor.n_dims == STEER_TENSOR_MAX_DIMS)
        return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "it has more than %d dimensions",
                     STEER_TENSOR_MAX_DIMS);
      if (!take_size (self, &self->tensor.shape[self->tensor.n_dims++]))
        return fail_header (self, error);
      if (!take (self, ",") && (self->at == self->end || *self->at != ')'))
        return fail_header (self, error);
    }
  return TRUE;
}

static gboolean
take_descr (Header *self, GError **error)
{
  skip_space (self);
  if (self->at < self->end && *self->at == '[')
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                 "its elements are records, not numbers: save each field as an array of its own");
  return take_text (self, self->descr) || fail_header (self, error);
}

static gboolean
take_item (Header *self, GError **error)
{
  char key[MAX_DESCR_BYTES];
  gboolean *seen;

  if (!take_text (self, key) || !take (self, ":"))
    return fail_header (self, error);
  if (strcmp (key, "descr") == 0)
    seen = &self->seen_descr;
  else if (strcmp (key, "fortran_order") == 0)
    seen = &self->seen_order;
  else if (strcmp (key, "shape") == 0)
    seen = &self->seen_shape;
  else
    return fail_header (self, error);
  if (*seen)
    return fail_header (self, error);
  *seen = TRUE;
  if (seen == &self->seen_descr)
    return take_descr (self, error);
  if (seen == &self->seen_shape)
    return take_shape (self, error);
  self->fortran_order = take (self, "True");
  return self->fortran_order || take (self, "False") || fail_header (self, error);
}

static gboolean
parse_dict (Header *self, GError **error)
{
  if (!take (self, "{"))
    return fail_header (self, error);
  while (!take (self, "}"))
    {
      if (!take_item (self, error))
        return FALSE;
      if (!take (self, ",") && (self->at == self->end || *self->at != '}'))
        return fail_header (self, error);
    }
  skip_space (self);
  if (self->at != self->end || !self->seen_descr || !self->seen_order || !self->seen_shape)
    return fail_header (self, error);
  return TRUE;
}

/* The header's text, after magic, version and length. */
static gboolean
find_header (Header *self, const guint8 *data, gsize size, gsize *data_start, GError **error)
{
  gsize prefix, length;

  if (size < MAGIC_BYTES + 4 || memcmp (data, MAGIC, MAGIC_BYTES) != 0)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "it does not begin as NumPy's arrays do");
  if (data[6] < 1 || data[6] > 3 || data[7] != 0)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "version %u.%u of NumPy's format is not known", data[6],
                 data[7]);
  prefix = data[6] == 1 ? MAGIC_BYTES + 4 : MAGIC_BYTES + 6;
  if (size < prefix)
    return fail (self, STEER_TENSOR_ERROR_TRUNCATED, error, "it ends within its header");
  length = data[8] | (gsize) data[9] << 8;
  if (data[6] > 1)
    length |= (gsize) data[10] << 16 | (gsize) data[11] << 24;
  if (length > MAX_HEADER_BYTES)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                 "its header of %" G_GSIZE_FORMAT " bytes is over the limit of %d", length, MAX_HEADER_BYTES);
  if (length > size - prefix)
    return fail (self, STEER_TENSOR_ERROR_TRUNCATED, error, "it ends within its header");
  self->at = (const char *) data + prefix;
  self->end = self->at + length;
  *data_start = prefix + length;
  return TRUE;
}

/* Strides of a row-major or column-major array whose number of elements is known to fit. */
static void
set_strides (SteerTensor *tensor, gboolean fortran_order, gboolean empty)
{
  gint64 stride = 1;

  for (guint i = 0; i < tensor->n_dims; i++)
    {
      guint dim = fortran_order ? i : tensor->n_dims - 1 - i;

      tensor->stride[dim] = stride;
      stride = empty ? 0 : stride * tensor->shape[dim];
    }
}

static gboolean
place (Header *self, const guint8 *data, gsize size, GError **error)
{
  SteerTensor *tensor = &self->tensor;
  guint64 n_elements = 1;
  guint64 n_bytes;

  for (guint i = 0; i < tensor->n_dims; i++)
    if (!g_uint64_checked_mul (&n_elements, n_elements, (guint64) tensor->shape[i]))
      return fail (self, STEER_TENSOR_ERROR_INVALID, error, "the size of its shape overflows");
  if (n_elements > G_MAXINT64
      || !g_uint64_checked_mul (&n_bytes, n_elements, steer_dtype_get_block_bytes (tensor->dtype)))
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "the size of its shape overflows");
  if (n_bytes != size)
    return fail (self, n_bytes > size ? STEER_TENSOR_ERROR_TRUNCATED : STEER_TENSOR_ERROR_INVALID, error,
                 "its shape takes %" G_GUINT64_FORMAT " bytes, but %" G_GSIZE_FORMAT " are there", n_bytes, size);
  set_strides (tensor, self->fortran_order, n_elements == 0);
  tensor->data = data;
  tensor->n_bytes = size;
  return TRUE;
}

static void
add_opaque (SteerArchiveTable *table, const Header *header)
{
  g_autofree char *why = g_strdup_printf ("the type %s is not supported", header->descr);
  SteerOpaqueTensor opaque = { .name = header->tensor.name, .n_dims = header->tensor.n_dims };

  opaque.type = steer_archive_table_dup_string (table, header->descr);
  opaque.why = steer_archive_table_dup_string (table, why);
  memcpy (opaque.shape, header->tensor.shape, sizeof opaque.shape);
  steer_archive_table_add_opaque (table, &opaque);
}

static gboolean
find_dtype (const char *descr, SteerDtype *dtype)
{
  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++)
    if (strcmp (descr, dtypes[i].descr) == 0)
      {
        *dtype = dtypes[i].dtype;
        return TRUE;
      }
  return FALSE;
}

gboolean
steer_npy_read (SteerArchiveTable *table,
                const SteerFileMap *file,
                const char *name,
                const guint8 *data,
                gsize size,
                GError **error)
{
  Header header = { .file = file, .name = name };
  gsize data_start = 0;

  if (!find_header (&header, data, size, &data_start, error) || !parse_dict (&header, error))
    return FALSE;
  if (strchr (header.descr, 'O') != NULL)
    return fail (&header, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                 "its elements are Python objects (%s), which are refused because reading them could run code",
                 header.descr);
  header.tensor.name = steer_archive_table_dup_string (table, name);
  if (!find_dtype (header.descr, &header.tensor.dtype))
    {
      add_opaque (table, &header);
      return TRUE;
    }
  if (!place (&header, data + data_start, size - data_start, error))
    return FALSE;
  if (!steer_archive_table_add_tensor (table, &header.tensor))
    return fail (&header, STEER_TENSOR_ERROR_INVALID, error, "two arrays have this name");
  return TRUE;
}

static gboolean
looks_like_npy (const SteerFileMap *file)
{
  return file->size >= MAGIC_BYTES && memcmp (file->data, MAGIC, MAGIC_BYTES) == 0;
}

static gboolean
read_npy (SteerArchiveTable *table, const SteerFileMap *file, GCancellable *cancellable, GError **error)
{
  table->format = g_strdup ("NumPy array");
  return steer_npy_read (table, file, "tensor", file->data, file->size, error);
}

const SteerArchiveFormat steer_npy_format = {
  .matches = looks_like_npy,
  .read = read_npy,
};
