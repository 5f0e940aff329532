#include "steer-gguf-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "steer-archive-private.h"
#include "steer-gguf-reader.h"

#define VERSION 3
#define ALIGNMENT 32
#define MAX_NAME 64 /* bytes, the NUL of C included */

typedef struct
{
  char *name;
  SteerDtype dtype;
  guint n_dims;
  gint64 shape[STEER_GGUF_MAX_DIMS];
  guint64 n_bytes;
} Tensor;

struct _SteerGgufWriter
{
  char *path;
  char *temporary; /* the file while it is being written; NULL: none */
  int descriptor;  /* -1: none */
  char *mistake;   /* the first that was made before the file was begun */
  GHashTable *names;
  GByteArray *keys;
  guint64 n_keys;
  GArray *tensors;  /* of Tensor */
  guint current;    /* tensor */
  guint64 written;  /* of the current tensor */
  guint64 position; /* in the file */
  guint64 size;
};

static void
tensor_clear (gpointer data)
{
  g_free (((Tensor *) data)->name);
}

SteerGgufWriter *
steer_gguf_writer_new (const char *path)
{
  SteerGgufWriter *self = g_new0 (SteerGgufWriter, 1);

  self->path = g_strdup (path);
  self->descriptor = -1;
  self->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->keys = g_byte_array_new ();
  self->tensors = g_array_new (FALSE, FALSE, sizeof (Tensor));
  g_array_set_clear_func (self->tensors, tensor_clear);
  return self;
}

void
steer_gguf_writer_free (SteerGgufWriter *self)
{
  if (self == NULL)
    return;
  if (self->descriptor >= 0)
    close (self->descriptor);
  if (self->temporary != NULL)
    g_unlink (self->temporary);
  g_free (self->path);
  g_free (self->temporary);
  g_free (self->mistake);
  g_hash_table_unref (self->names);
  g_byte_array_unref (self->keys);
  g_array_unref (self->tensors);
  g_free (self);
}

static void G_GNUC_PRINTF (2, 3) note_mistake (SteerGgufWriter *self, const char *format, ...)
{
  va_list args;

  if (self->mistake != NULL)
    return;
  va_start (args, format);
  self->mistake = g_strdup_vprintf (format, args);
  va_end (args);
}

static gboolean
fail (const SteerGgufWriter *self, const char *what, GError **error)
{
  g_autofree char *name = g_filename_display_name (self->path);

  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID, "%s: cannot be written: %s", name, what);
  return FALSE;
}

static gboolean
fail_errno (const SteerGgufWriter *self, GError **error)
{
  int saved = errno;
  g_autofree char *name = g_filename_display_name (self->path);

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved), "%s: cannot be written: %s", name,
               g_strerror (saved));
  return FALSE;
}

/* --- keys --- */

static void
append_uint (GByteArray *out, guint64 value, guint n_bytes)
{
  guint8 bytes[8];

  for (guint i = 0; i < n_bytes; i++)
    bytes[i] = (guint8) (value >> 8 * i);
  g_byte_array_append (out, bytes, n_bytes);
}

static void
append_float (GByteArray *out, float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  append_uint (out, bits, 4);
}

static void
append_string (GByteArray *out, const char *text)
{
  append_uint (out, strlen (text), 8);
  g_byte_array_append (out, (const guint8 *) text, (guint) strlen (text));
}

static void
begin_key (SteerGgufWriter *self, const char *key, SteerValueType type)
{
  g_autofree char *unique = g_strconcat ("key ", key, NULL);

  if (*key == '\0' || !g_utf8_validate (key, -1, NULL))
    note_mistake (self, "a key without a usable name");
  if (!g_hash_table_add (self->names, g_steal_pointer (&unique)))
    note_mistake (self, "the key \"%s\" is there twice", key);
  append_string (self->keys, key);
  append_uint (self->keys, type, 4);
  self->n_keys++;
}

static void
begin_list (SteerGgufWriter *self, const char *key, SteerValueType type, guint64 n)
{
  begin_key (self, key, STEER_VALUE_ARRAY);
  append_uint (self->keys, type, 4);
  append_uint (self->keys, n, 8);
}

static void
check_text (SteerGgufWriter *self, const char *key, const char *text)
{
  if (!g_utf8_validate (text, -1, NULL))
    note_mistake (self, "the key \"%s\" is no valid UTF-8", key);
}

void
steer_gguf_writer_add_string (SteerGgufWriter *self, const char *key, const char *value)
{
  begin_key (self, key, STEER_VALUE_STRING);
  check_text (self, key, value);
  append_string (self->keys, value);
}

void
steer_gguf_writer_add_uint (SteerGgufWriter *self, const char *key, guint32 value)
{
  begin_key (self, key, STEER_VALUE_U32);
  append_uint (self->keys, value, 4);
}

void
steer_gguf_writer_add_float (SteerGgufWriter *self, const char *key, float value)
{
  begin_key (self, key, STEER_VALUE_F32);
  append_float (self->keys, value);
}

void
steer_gguf_writer_add_bool (SteerGgufWriter *self, const char *key, gboolean value)
{
  begin_key (self, key, STEER_VALUE_BOOL);
  append_uint (self->keys, value ? 1 : 0, 1);
}

void
steer_gguf_writer_add_string_list (SteerGgufWriter *self, const char *key, const char *const *values, guint n_values)
{
  begin_list (self, key, STEER_VALUE_STRING, n_values);
  for (guint i = 0; i < n_values; i++)
    {
      check_text (self, key, values[i]);
      append_string (self->keys, values[i]);
    }
}

void
steer_gguf_writer_add_int_list (SteerGgufWriter *self, const char *key, const gint32 *values, guint n_values)
{
  begin_list (self, key, STEER_VALUE_I32, n_values);
  for (guint i = 0; i < n_values; i++)
    append_uint (self->keys, (guint32) values[i], 4);
}

void
steer_gguf_writer_add_float_list (SteerGgufWriter *self, const char *key, const float *values, guint n_values)
{
  begin_list (self, key, STEER_VALUE_F32, n_values);
  for (guint i = 0; i < n_values; i++)
    append_float (self->keys, values[i]);
}

/* The bytes of the elements of a list that the reader has checked. */
static gsize
measure_list (const SteerArchiveValue *value)
{
  gsize size = steer_value_type_get_size (value->element_type) * value->n;
  const guint8 *data = value->data;

  if (value->element_type != STEER_VALUE_STRING)
    return size;
  for (gsize i = 0; i < value->n; i++)
    {
      guint64 length = 0;

      for (guint j = 0; j < 8; j++)
        length |= (guint64) data[j] << 8 * j;
      data += 8 + length;
    }
  return (gsize) (data - value->data);
}

gboolean
steer_gguf_writer_copy_key (SteerGgufWriter *self, SteerArchive *archive, const char *key)
{
  const SteerArchiveValue *value = g_hash_table_lookup (steer_archive_get_table (archive)->values, key);
  gsize size;

  if (value == NULL || (value->type == STEER_VALUE_ARRAY && value->element_type == STEER_VALUE_ARRAY))
    return FALSE;
  if (value->type == STEER_VALUE_ARRAY)
    begin_list (self, key, value->element_type, value->n);
  else
    begin_key (self, key, value->type);
  if (value->type == STEER_VALUE_STRING)
    append_uint (self->keys, value->n, 8);
  size = value->type == STEER_VALUE_ARRAY    ? measure_list (value)
         : value->type == STEER_VALUE_STRING ? value->n
                                             : steer_value_type_get_size (value->type);
  g_byte_array_append (self->keys, value->data, (guint) size);
  return TRUE;
}

/* --- tensors --- */

static guint32
get_type_number (SteerDtype dtype)
{
  static const gint8 numbers[STEER_N_DTYPES] = {
    [STEER_DTYPE_F32] = 0,     [STEER_DTYPE_F16] = 1,     [STEER_DTYPE_Q4_0] = 2,  [STEER_DTYPE_Q4_1] = 3,
    [STEER_DTYPE_Q5_0] = 6,    [STEER_DTYPE_Q5_1] = 7,    [STEER_DTYPE_Q8_0] = 8,  [STEER_DTYPE_Q2_K] = 10,
    [STEER_DTYPE_Q3_K] = 11,   [STEER_DTYPE_Q4_K] = 12,   [STEER_DTYPE_Q5_K] = 13, [STEER_DTYPE_Q6_K] = 14,
    [STEER_DTYPE_IQ4_NL] = 20, [STEER_DTYPE_IQ4_XS] = 23, [STEER_DTYPE_BF16] = 30, [STEER_DTYPE_I8] = 24,
    [STEER_DTYPE_I16] = 25,    [STEER_DTYPE_I32] = 26,    [STEER_DTYPE_I64] = 27,  [STEER_DTYPE_F64] = 28,
  };

  return (guint32) numbers[dtype];
}

static guint64
align (guint64 position)
{
  return (position + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void
steer_gguf_writer_add_tensor (SteerGgufWriter *self,
                              const char *name,
                              SteerDtype dtype,
                              guint n_dims,
                              const gint64 *shape)
{
  Tensor tensor = { .name = g_strdup (name), .dtype = dtype, .n_dims = n_dims };
  gint64 block = (gint64) steer_dtype_get_block_elements (dtype);
  guint64 n_elements = 1;

  if (*name == '\0' || strlen (name) >= MAX_NAME || !g_utf8_validate (name, -1, NULL))
    note_mistake (self, "the tensor's name \"%s\" is not from 1 to %d bytes of UTF-8", name, MAX_NAME - 1);
  if (!g_hash_table_add (self->names, g_strconcat ("tensor ", name, NULL)))
    note_mistake (self, "the tensor \"%s\" is there twice", name);
  if (dtype == STEER_DTYPE_U8 || dtype == STEER_DTYPE_BOOL)
    note_mistake (self, "the tensor \"%s\": GGUF has no type %s", name, steer_dtype_get_name (dtype));
  if (n_dims < 1 || n_dims > STEER_GGUF_MAX_DIMS)
    note_mistake (self, "the tensor \"%s\" has %u dimensions", name, n_dims);
  for (guint i = 0; i < MIN (n_dims, STEER_GGUF_MAX_DIMS); i++)
    {
      tensor.shape[i] = shape[i];
      if (shape[i] < 1 || !g_uint64_checked_mul (&n_elements, n_elements, (guint64) MAX (shape[i], 1))
          || n_elements > G_MAXINT64 / 16)
        {
          note_mistake (self, "the tensor \"%s\" is empty or too large", name);
          n_elements = 1;
        }
    }
  if (n_dims >= 1 && n_dims <= STEER_GGUF_MAX_DIMS && shape[n_dims - 1] % block != 0)
    note_mistake (self, "the rows of tensor \"%s\" are no multiple of %d elements, as %s needs", name, (int) block,
                  steer_dtype_get_name (dtype));
  tensor.n_bytes = n_elements / (guint64) block * steer_dtype_get_block_bytes (dtype);
  g_array_append_val (self->tensors, tensor);
}

static void
append_tensors (SteerGgufWriter *self, GByteArray *out)
{
  guint64 offset = 0;

  for (guint i = 0; i < self->tensors->len; i++)
    {
      const Tensor *tensor = &g_array_index (self->tensors, Tensor, i);

      append_string (out, tensor->name);
      append_uint (out, tensor->n_dims, 4);
      for (guint d = tensor->n_dims; d-- > 0;)
        append_uint (out, (guint64) tensor->shape[d], 8);
      append_uint (out, get_type_number (tensor->dtype), 4);
      append_uint (out, offset, 8);
      offset += align (tensor->n_bytes);
    }
}

/* --- the file --- */

static gboolean
write_all (SteerGgufWriter *self, const guint8 *bytes, gsize n_bytes, GError **error)
{
  while (n_bytes > 0)
    {
      gssize written = write (self->descriptor, bytes, n_bytes);

      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return fail_errno (self, error);
      bytes += written;
      n_bytes -= (gsize) written;
      self->position += (guint64) written;
    }
  return TRUE;
}

static gboolean
pad (SteerGgufWriter *self, GError **error)
{
  static const guint8 zeros[ALIGNMENT];

  return write_all (self, zeros, (gsize) (align (self->position) - self->position), error);
}

/* Unlike mkstemp(), leaves the file's permissions to the umask, as those of any other document. */
static gboolean
open_beside (SteerGgufWriter *self, GError **error)
{
  for (guint attempt = 0; attempt < 100; attempt++)
    {
      g_autofree char *name = g_strdup_printf ("%s.%08x.tmp", self->path, g_random_int ());

      self->descriptor = g_open (name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (self->descriptor >= 0)
        {
          self->temporary = g_steal_pointer (&name);
          return TRUE;
        }
      if (errno != EEXIST)
        break;
    }
  return fail_errno (self, error);
}

gboolean
steer_gguf_writer_begin (SteerGgufWriter *self, GError **error)
{
  g_autoptr (GByteArray) head = g_byte_array_new ();
  g_autoptr (GByteArray) tensors = g_byte_array_new ();

  g_return_val_if_fail (self->descriptor < 0, FALSE);

  if (self->mistake != NULL)
    return fail (self, self->mistake, error);
  g_byte_array_append (head, (const guint8 *) "GGUF", 4);
  append_uint (head, VERSION, 4);
  append_uint (head, self->tensors->len, 8);
  append_uint (head, self->n_keys, 8);
  append_tensors (self, tensors);
  self->size = align ((guint64) head->len + self->keys->len + tensors->len);
  for (guint i = 0; i < self->tensors->len; i++)
    if (!g_uint64_checked_add (&self->size, self->size, align (g_array_index (self->tensors, Tensor, i).n_bytes))
        || self->size > G_MAXINT64)
      return fail (self, "the tensors are too large for one file", error);
  return open_beside (self, error) && write_all (self, head->data, head->len, error)
         && write_all (self, self->keys->data, self->keys->len, error)
         && write_all (self, tensors->data, tensors->len, error) && pad (self, error);
}

gboolean
steer_gguf_writer_write (SteerGgufWriter *self, const guint8 *bytes, gsize n_bytes, GError **error)
{
  const Tensor *tensor;

  g_return_val_if_fail (self->descriptor >= 0, FALSE);

  if (self->current == self->tensors->len)
    return fail (self, "there are more bytes than the tensors have", error);
  tensor = &g_array_index (self->tensors, Tensor, self->current);
  if (n_bytes > tensor->n_bytes - self->written)
    return fail (self, "there are more bytes than the tensor has", error);
  if (!write_all (self, bytes, n_bytes, error))
    return FALSE;
  self->written += n_bytes;
  if (self->written < tensor->n_bytes)
    return TRUE;
  self->current++;
  self->written = 0;
  return pad (self, error);
}

gboolean
steer_gguf_writer_end (SteerGgufWriter *self, GError **error)
{
  int descriptor = self->descriptor;

  g_return_val_if_fail (descriptor >= 0, FALSE);

  if (self->current < self->tensors->len)
    return fail (self, "bytes of some tensors are missing", error);
  /* Without this, a crash soon after the rename could leave a file of the right name and no contents. */
  if (fsync (descriptor) != 0)
    return fail_errno (self, error);
  self->descriptor = -1;
  if (close (descriptor) != 0 || g_rename (self->temporary, self->path) != 0)
    return fail_errno (self, error);
  g_clear_pointer (&self->temporary, g_free);
  return TRUE;
}

guint64
steer_gguf_writer_get_size (SteerGgufWriter *self)
{
  return self->size;
}
