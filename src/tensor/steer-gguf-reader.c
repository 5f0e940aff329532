/* The header of a GGUF file: key-value pairs and the list of tensors. The rules are those of the format's description
 * (ggml-org/ggml, docs/gguf.md) and of the reader in llama.cpp (ggml/src/gguf.cpp). */

#include "steer-gguf-reader.h"

#include <string.h>

#define MAX_NAME_LENGTH 64
#define MAX_KEY_LENGTH 65535
/* Not the format's, but this program's: the longest real strings are chat templates of some 100 kB, the longest lists
 * some million elements. A sparse file of terabytes must not make it allocate or walk as much. */
#define MAX_STRING_LENGTH (64 * 1024 * 1024)
#define MAX_LIST_LENGTH (1 << 30)
#define DEFAULT_ALIGNMENT 32
/* The format allows lists of lists without saying how deep. */
#define MAX_ARRAY_DEPTH 8

/* The least that a pair (length, one byte of key, type, one byte of value) and a tensor (length, number of dimensions,
 * type, offset) take: counts that the file has no room for are refused before anything is allocated. */
#define MIN_KEY_BYTES 14
#define MIN_TENSOR_BYTES 24

typedef struct
{
  const char *name;
  guint16 block_elements;
  guint16 block_bytes;
  gint8 dtype; /* SteerDtype, or -1: only its size is known here */
} TypeInfo;

/* By the number that files use. Numbers without a name were never released or are withdrawn. */
static const TypeInfo type_infos[] = {
  [0] = { "F32", 1, 4, STEER_DTYPE_F32 },
  [1] = { "F16", 1, 2, STEER_DTYPE_F16 },
  [2] = { "Q4_0", 32, 18, STEER_DTYPE_Q4_0 },
  [3] = { "Q4_1", 32, 20, STEER_DTYPE_Q4_1 },
  [6] = { "Q5_0", 32, 22, STEER_DTYPE_Q5_0 },
  [7] = { "Q5_1", 32, 24, STEER_DTYPE_Q5_1 },
  [8] = { "Q8_0", 32, 34, STEER_DTYPE_Q8_0 },
  [9] = { "Q8_1", 32, 36, -1 },
  [10] = { "Q2_K", 256, 84, STEER_DTYPE_Q2_K },
  [11] = { "Q3_K", 256, 110, STEER_DTYPE_Q3_K },
  [12] = { "Q4_K", 256, 144, STEER_DTYPE_Q4_K },
  [13] = { "Q5_K", 256, 176, STEER_DTYPE_Q5_K },
  [14] = { "Q6_K", 256, 210, STEER_DTYPE_Q6_K },
  [15] = { "Q8_K", 256, 292, -1 },
  [16] = { "IQ2_XXS", 256, 66, -1 },
  [17] = { "IQ2_XS", 256, 74, -1 },
  [18] = { "IQ3_XXS", 256, 98, -1 },
  [19] = { "IQ1_S", 256, 50, -1 },
  [20] = { "IQ4_NL", 32, 18, STEER_DTYPE_IQ4_NL },
  [21] = { "IQ3_S", 256, 110, -1 },
  [22] = { "IQ2_S", 256, 82, -1 },
  [23] = { "IQ4_XS", 256, 136, STEER_DTYPE_IQ4_XS },
  [24] = { "I8", 1, 1, STEER_DTYPE_I8 },
  [25] = { "I16", 1, 2, STEER_DTYPE_I16 },
  [26] = { "I32", 1, 4, STEER_DTYPE_I32 },
  [27] = { "I64", 1, 8, STEER_DTYPE_I64 },
  [28] = { "F64", 1, 8, STEER_DTYPE_F64 },
  [29] = { "IQ1_M", 256, 56, -1 },
  [30] = { "BF16", 1, 2, STEER_DTYPE_BF16 },
  [34] = { "TQ1_0", 256, 54, -1 },
  [35] = { "TQ2_0", 256, 66, -1 },
  [39] = { "MXFP4", 32, 17, -1 },
  [40] = { "NVFP4", 64, 36, -1 },
  [41] = { "Q1_0", 128, 18, -1 },
};

typedef struct
{
  const SteerFileMap *file;
  gsize position;
  GCancellable *cancellable;
  SteerGgufHeader *header;
} Reader;

static gboolean G_GNUC_PRINTF (4, 5) fail (const Reader *self, int code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TENSOR_ERROR, code, "%s: %s", self->file->name, what);
  return FALSE;
}

static gsize
get_rest (const Reader *self)
{
  return self->file->size - self->position;
}

/* The next @size bytes; @where says to people what they belong to. */
static const guint8 *
take (Reader *self, guint64 size, const char *where, GError **error)
{
  const guint8 *bytes = self->file->data + self->position;

  if (size > get_rest (self))
    {
      fail (self, STEER_TENSOR_ERROR_TRUNCATED, error,
            "%s needs %" G_GUINT64_FORMAT " bytes at byte %" G_GSIZE_FORMAT ", but the file ends after %" G_GSIZE_FORMAT
            ": it is incomplete or damaged",
            where, size, self->position, get_rest (self));
      return NULL;
    }
  self->position += (gsize) size;
  return bytes;
}

static gboolean
take_u32 (Reader *self, const char *where, guint32 *value, GError **error)
{
  const guint8 *bytes = take (self, sizeof *value, where, error);

  if (bytes == NULL)
    return FALSE;
  memcpy (value, bytes, sizeof *value);
  *value = GUINT32_FROM_LE (*value);
  return TRUE;
}

static gboolean
take_u64 (Reader *self, const char *where, guint64 *value, GError **error)
{
  const guint8 *bytes = take (self, sizeof *value, where, error);

  if (bytes == NULL)
    return FALSE;
  memcpy (value, bytes, sizeof *value);
  *value = GUINT64_FROM_LE (*value);
  return TRUE;
}

/* The bytes of a string that are not necessarily text. */
static gboolean
take_string (Reader *self, const char *where, const guint8 **bytes, gsize *length, GError **error)
{
  guint64 stated;

  if (!take_u64 (self, where, &stated, error))
    return FALSE;
  *bytes = take (self, stated, where, error);
  *length = (gsize) stated;
  return *bytes != NULL;
}

/* A name: UTF-8 without NUL. */
static char *
take_name (Reader *self, gsize max_length, const char *where, GError **error)
{
  const guint8 *bytes;
  gsize length;

  if (!take_string (self, where, &bytes, &length, error))
    return NULL;
  if (length > max_length)
    fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s is longer than %" G_GSIZE_FORMAT " bytes", where, max_length);
  else if (!g_utf8_validate ((const char *) bytes, (gssize) length, NULL))
    fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s is not valid UTF-8", where);
  else
    return g_strndup ((const char *) bytes, length);
  return NULL;
}

static gboolean
check_type (const Reader *self, guint32 type, const char *where, GError **error)
{
  return type < STEER_N_VALUE_TYPES
         || fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s has the unknown type %u", where, type);
}

static gboolean
skip_elements (Reader *self, SteerValueType type, guint64 n, guint depth, const char *where, GError **error)
{
  gsize size = steer_value_type_get_size (type);
  guint64 n_bytes;

  if (n > MAX_LIST_LENGTH)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s: a list of %" G_GUINT64_FORMAT " elements, over %d",
                 where, n, MAX_LIST_LENGTH);
  if (size > 0)
    {
      if (!g_uint64_checked_mul (&n_bytes, n, size))
        n_bytes = G_MAXUINT64; /* take() says that the file is not that long */
      return take (self, n_bytes, where, error) != NULL;
    }
  if (depth > MAX_ARRAY_DEPTH)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error, "%s: lists in lists, more than %d deep", where,
                 MAX_ARRAY_DEPTH);
  /* Every string and every list takes at least its length, so this ends with the file whatever n is. */
  for (guint64 i = 0; i < n; i++)
    {
      const guint8 *bytes;
      gsize length;
      guint32 inner_type;
      guint64 inner_n;

      if (i % 65536 == 0 && g_cancellable_set_error_if_cancelled (self->cancellable, error))
        return FALSE;
      if (type == STEER_VALUE_STRING)
        {
          if (!take_string (self, where, &bytes, &length, error))
            return FALSE;
          continue;
        }
      if (!take_u32 (self, where, &inner_type, error) || !check_type (self, inner_type, where, error)
          || !take_u64 (self, where, &inner_n, error)
          || !skip_elements (self, (SteerValueType) inner_type, inner_n, depth + 1, where, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_array (Reader *self, const char *where, SteerArchiveValue *value, GError **error)
{
  guint32 element_type;
  guint64 n;

  if (!take_u32 (self, where, &element_type, error) || !check_type (self, element_type, where, error)
      || !take_u64 (self, where, &n, error))
    return FALSE;
  value->element_type = (SteerValueType) element_type;
  value->data = self->file->data + self->position;
  if (!skip_elements (self, value->element_type, n, 1, where, error))
    return FALSE;
  value->n = (gsize) n;
  return TRUE;
}

static gboolean
read_value (Reader *self, const char *key, SteerArchiveValue *value, GError **error)
{
  g_autofree char *where = g_strdup_printf ("the value of key \"%s\"", key);
  guint32 type;

  if (!take_u32 (self, where, &type, error) || !check_type (self, type, where, error))
    return FALSE;
  value->type = (SteerValueType) type;
  if (value->type == STEER_VALUE_ARRAY)
    return read_array (self, where, value, error);
  if (value->type == STEER_VALUE_STRING)
    return take_string (self, where, &value->data, &value->n, error)
           && (value->n <= MAX_STRING_LENGTH
               || fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s is a string of more than %d bytes", where,
                        MAX_STRING_LENGTH));
  value->data = take (self, steer_value_type_get_size (value->type), where, error);
  return value->data != NULL;
}

static gboolean
read_keys (Reader *self, guint64 n_keys, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  if (n_keys > get_rest (self) / MIN_KEY_BYTES)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error,
                 "%" G_GUINT64_FORMAT " keys are announced, more than the file has room for", n_keys);
  for (guint64 i = 0; i < n_keys; i++)
    {
      g_autofree char *where = g_strdup_printf ("the name of key %" G_GUINT64_FORMAT, i);
      SteerGgufKey key = { 0 };

      if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
        return FALSE;
      key.key = take_name (self, MAX_KEY_LENGTH, where, error);
      if (key.key == NULL)
        return FALSE;
      g_array_append_val (self->header->keys, key);
      if (*key.key == '\0')
        return fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s is empty", where);
      if (!g_hash_table_add (seen, key.key))
        return fail (self, STEER_TENSOR_ERROR_INVALID, error, "the key \"%s\" is given twice", key.key);
      if (!read_value (self, key.key, &key.value, error))
        return FALSE;
      g_array_index (self->header->keys, SteerGgufKey, self->header->keys->len - 1).value = key.value;
    }
  return TRUE;
}

static const SteerArchiveValue *
find_key (const SteerGgufHeader *self, const char *key)
{
  for (guint i = 0; i < self->keys->len; i++)
    if (strcmp (g_array_index (self->keys, SteerGgufKey, i).key, key) == 0)
      return &g_array_index (self->keys, SteerGgufKey, i).value;
  return NULL;
}

guint64
steer_gguf_header_get_uint (const SteerGgufHeader *self, const char *key, guint64 fallback)
{
  const SteerArchiveValue *value = find_key (self, key);
  gsize size = value != NULL ? steer_value_type_get_size (value->type) : 0;
  guint64 number = 0;

  if (size == 0 || value->type == STEER_VALUE_F32 || value->type == STEER_VALUE_F64)
    return fallback;
  for (gsize i = 0; i < size; i++)
    number |= (guint64) value->data[i] << 8 * i;
  return number;
}

static gboolean
read_alignment (Reader *self, guint64 *alignment, GError **error)
{
  const SteerArchiveValue *value = find_key (self->header, "general.alignment");

  *alignment = DEFAULT_ALIGNMENT;
  if (value == NULL)
    return TRUE;
  if (value->type != STEER_VALUE_U32)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "general.alignment is not an unsigned 32-bit integer");
  *alignment = steer_gguf_header_get_uint (self->header, "general.alignment", 0);
  if (*alignment == 0 || (*alignment & (*alignment - 1)) != 0)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error,
                 "general.alignment is %" G_GUINT64_FORMAT ", which is not a power of two", *alignment);
  return TRUE;
}

/* Sizes are stored innermost first; the shape is turned round. */
static gboolean
read_shape (Reader *self, SteerGgufTensor *tensor, const char *where, GError **error)
{
  guint64 n_elements = 1;
  guint32 n_dims;

  if (!take_u32 (self, where, &n_dims, error))
    return FALSE;
  if (n_dims > STEER_GGUF_MAX_DIMS)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s has %u dimensions, but at most %d are possible", where,
                 n_dims, STEER_GGUF_MAX_DIMS);
  tensor->n_dims = n_dims;
  for (guint i = 0; i < n_dims; i++)
    {
      guint64 size;

      if (!take_u64 (self, where, &size, error))
        return FALSE;
      if (size > G_MAXINT64)
        return fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s: dimension %u is negative or over 2^63", where, i);
      if (!g_uint64_checked_mul (&n_elements, n_elements, size) || n_elements > G_MAXINT64)
        return fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s: the number of elements overflows", where);
      tensor->shape[n_dims - 1 - i] = (gint64) size;
    }
  return TRUE;
}

static gboolean
read_type (Reader *self, SteerGgufTensor *tensor, const char *where, GError **error)
{
  guint64 n_blocks = 1;
  gint64 row = tensor->n_dims > 0 ? tensor->shape[tensor->n_dims - 1] : 1;
  const TypeInfo *info;
  guint32 type;

  if (!take_u32 (self, where, &type, error))
    return FALSE;
  if (type >= G_N_ELEMENTS (type_infos) || type_infos[type].name == NULL)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s has the unknown type %u", where, type);
  info = &type_infos[type];
  tensor->type_name = info->name;
  tensor->readable = info->dtype >= 0;
  tensor->dtype = tensor->readable ? (SteerDtype) info->dtype : STEER_DTYPE_U8;
  if (row % info->block_elements != 0)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error,
                 "%s: rows of %" G_GINT64_FORMAT " elements do not divide into the blocks of %u of type %s", where, row,
                 info->block_elements, info->name);
  for (guint i = 0; i < tensor->n_dims; i++)
    n_blocks *= (guint64) tensor->shape[i]; /* the product was checked */
  n_blocks /= info->block_elements;
  if (!g_uint64_checked_mul (&tensor->n_bytes, n_blocks, info->block_bytes))
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s: its size in bytes overflows", where);
  return TRUE;
}

/* Rounds up to a multiple of @alignment, a power of two. */
static gboolean
align (guint64 value, guint64 alignment, guint64 *aligned)
{
  if (!g_uint64_checked_add (aligned, value, alignment - 1))
    return FALSE;
  *aligned &= ~(alignment - 1);
  return TRUE;
}

/* Each tensor begins at the first aligned byte after the one before it. */
static gboolean
read_offset (Reader *self, SteerGgufTensor *tensor, guint64 alignment, const char *where, GError **error)
{
  SteerGgufHeader *header = self->header;
  guint64 padded;

  if (!take_u64 (self, where, &tensor->offset, error))
    return FALSE;
  if (tensor->offset % alignment != 0)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error,
                 "%s: its offset %" G_GUINT64_FORMAT " is not a multiple of the alignment, %" G_GUINT64_FORMAT, where,
                 tensor->offset, alignment);
  if (tensor->offset != header->data_size)
    return fail (
      self, STEER_TENSOR_ERROR_INVALID, error,
      "%s: its offset is %" G_GUINT64_FORMAT ", but the tensors before it, by their shapes and types, end at "
      "%" G_GUINT64_FORMAT ": an offset, a shape or a type (of the one before it: %s) is wrong",
      where, tensor->offset, header->data_size,
      header->tensors->len > 0 ? g_array_index (header->tensors, SteerGgufTensor, header->tensors->len - 1).type_name
                               : "none");
  if (!align (tensor->n_bytes, alignment, &padded)
      || !g_uint64_checked_add (&header->data_size, header->data_size, padded))
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "%s: the size of all tensors overflows", where);
  return TRUE;
}

static gboolean
read_tensor (Reader *self, guint64 index, guint64 alignment, SteerGgufTensor *tensor, GError **error)
{
  g_autofree char *position = g_strdup_printf ("the name of tensor %" G_GUINT64_FORMAT, index);
  g_autofree char *where = NULL;

  tensor->name = take_name (self, MAX_NAME_LENGTH, position, error);
  if (tensor->name == NULL)
    return FALSE;
  where = g_strdup_printf ("tensor \"%s\"", tensor->name);
  return read_shape (self, tensor, where, error) && read_type (self, tensor, where, error)
         && read_offset (self, tensor, alignment, where, error);
}

static gboolean
read_tensors (Reader *self, guint64 n_tensors, guint64 alignment, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  if (n_tensors > get_rest (self) / MIN_TENSOR_BYTES)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error,
                 "%" G_GUINT64_FORMAT " tensors are announced, more than the file has room for", n_tensors);
  for (guint64 i = 0; i < n_tensors; i++)
    {
      SteerGgufTensor tensor = { 0 };
      gboolean read;

      if (g_cancellable_set_error_if_cancelled (self->cancellable, error))
        return FALSE;
      read = read_tensor (self, i, alignment, &tensor, error);
      g_array_append_val (self->header->tensors, tensor);
      if (!read)
        return FALSE;
      if (!g_hash_table_add (seen, tensor.name))
        return fail (self, STEER_TENSOR_ERROR_INVALID, error, "the tensor \"%s\" is described twice", tensor.name);
    }
  return TRUE;
}

static gboolean
read_start (Reader *self, guint64 *n_tensors, guint64 *n_keys, GError **error)
{
  const char *where = "the header";
  const guint8 *magic = take (self, 4, where, error);
  guint32 version;

  if (magic == NULL)
    return FALSE;
  if (memcmp (magic, "GGUF", 4) != 0)
    return fail (self, STEER_TENSOR_ERROR_INVALID, error, "it does not begin with \"GGUF\" and is no GGUF file");
  if (!take_u32 (self, where, &version, error))
    return FALSE;
  if ((version & 0xffff) == 0 && version != 0)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                 "a GGUF file for big-endian machines, which is not supported");
  if (version != 2 && version != 3)
    return fail (self, STEER_TENSOR_ERROR_UNSUPPORTED, error,
                 "version %u of GGUF is not supported; supported are 2 and 3", version);
  self->header->version = version;
  return take_u64 (self, where, n_tensors, error) && take_u64 (self, where, n_keys, error);
}

static gboolean
read_header (Reader *self, GError **error)
{
  guint64 n_tensors = 0, n_keys = 0, alignment = 0;

  return read_start (self, &n_tensors, &n_keys, error) && read_keys (self, n_keys, error)
         && read_alignment (self, &alignment, error) && read_tensors (self, n_tensors, alignment, error)
         && (align (self->position, alignment, &self->header->data_start)
             || fail (self, STEER_TENSOR_ERROR_INVALID, error, "the start of the data overflows"));
}

static void
clear_key (gpointer data)
{
  g_free (((SteerGgufKey *) data)->key);
}

static void
clear_tensor (gpointer data)
{
  g_free (((SteerGgufTensor *) data)->name);
}

SteerGgufHeader *
steer_gguf_header_read (const SteerFileMap *file, GCancellable *cancellable, GError **error)
{
  g_autoptr (SteerGgufHeader) self = g_new0 (SteerGgufHeader, 1);
  Reader reader = { .file = file, .cancellable = cancellable, .header = self };

  self->keys = g_array_new (FALSE, TRUE, sizeof (SteerGgufKey));
  g_array_set_clear_func (self->keys, clear_key);
  self->tensors = g_array_new (FALSE, TRUE, sizeof (SteerGgufTensor));
  g_array_set_clear_func (self->tensors, clear_tensor);
  return read_header (&reader, error) ? g_steal_pointer (&self) : NULL;
}

void
steer_gguf_header_free (SteerGgufHeader *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->keys);
  g_array_unref (self->tensors);
  g_free (self);
}
