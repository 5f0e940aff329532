/* Typed metadata: values that lie in a mapped file, and the archive's accessors of them. */

#include "steer-archive-private.h"

#include <math.h>
#include <string.h>

/* Of a list, for people. */
#define MAX_SHOWN_ELEMENTS 8
#define MAX_SHOWN_BYTES 64

gsize
steer_value_type_get_size (SteerValueType type)
{
  switch (type)
    {
    case STEER_VALUE_U8:
    case STEER_VALUE_I8:
    case STEER_VALUE_BOOL:
      return 1;
    case STEER_VALUE_U16:
    case STEER_VALUE_I16:
      return 2;
    case STEER_VALUE_U32:
    case STEER_VALUE_I32:
    case STEER_VALUE_F32:
      return 4;
    case STEER_VALUE_U64:
    case STEER_VALUE_I64:
    case STEER_VALUE_F64:
      return 8;
    case STEER_VALUE_STRING:
    case STEER_VALUE_ARRAY:
    case STEER_N_VALUE_TYPES:
    default:
      return 0;
    }
}

static guint64
load_bits (const guint8 *data, gsize size)
{
  guint64 bits = 0;

  for (gsize i = 0; i < size; i++)
    bits |= (guint64) data[i] << 8 * i;
  return bits;
}

/* A number as an integer: *negative tells how to read *bits. FALSE for a fraction and what is no number. */
static gboolean
load_integer (SteerValueType type, const guint8 *data, guint64 *bits, gboolean *negative)
{
  gsize size = steer_value_type_get_size (type);
  double number;
  float single;
  guint32 bits32;

  *bits = load_bits (data, size);
  *negative = FALSE;
  switch (type)
    {
    case STEER_VALUE_U8:
    case STEER_VALUE_U16:
    case STEER_VALUE_U32:
    case STEER_VALUE_U64:
      return TRUE;
    case STEER_VALUE_I8:
    case STEER_VALUE_I16:
    case STEER_VALUE_I32:
    case STEER_VALUE_I64:
      *negative = (*bits >> (8 * size - 1)) != 0;
      if (*negative && size < 8)
        *bits |= G_MAXUINT64 << 8 * size;
      return TRUE;
    case STEER_VALUE_F32:
      bits32 = (guint32) *bits;
      memcpy (&single, &bits32, sizeof single);
      number = (double) single;
      break;
    case STEER_VALUE_F64:
      memcpy (&number, bits, sizeof number);
      break;
    case STEER_VALUE_BOOL:
    case STEER_VALUE_STRING:
    case STEER_VALUE_ARRAY:
    case STEER_N_VALUE_TYPES:
    default:
      return FALSE;
    }
  if (!(fabs (number) < 0x1p63) || number != floor (number))
    return FALSE;
  *negative = number < 0.0;
  *bits = (guint64) (gint64) number;
  return TRUE;
}

static gboolean
load_double (SteerValueType type, const guint8 *data, double *number)
{
  gboolean negative;
  guint64 bits;
  guint32 bits32;
  float single;

  if (type == STEER_VALUE_F32)
    {
      bits32 = (guint32) load_bits (data, 4);
      memcpy (&single, &bits32, sizeof single);
      *number = (double) single;
      return TRUE;
    }
  if (type == STEER_VALUE_F64)
    {
      bits = load_bits (data, 8);
      memcpy (number, &bits, sizeof *number);
      return TRUE;
    }
  if (!load_integer (type, data, &bits, &negative))
    return FALSE;
  *number = negative ? (double) (gint64) bits : (double) bits;
  return TRUE;
}

static void
append_scalar (GString *out, SteerValueType type, const guint8 *data)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  gboolean negative;
  guint64 bits;
  double number = 0.0;

  if (type == STEER_VALUE_BOOL)
    g_string_append (out, *data != 0 ? "true" : "false");
  else if (type == STEER_VALUE_F32 || type == STEER_VALUE_F64)
    {
      load_double (type, data, &number);
      /* The shortest of these that still tell every value apart. */
      g_string_append (out,
                       g_ascii_formatd (buffer, sizeof buffer, type == STEER_VALUE_F32 ? "%.9g" : "%.17g", number));
    }
  else if (load_integer (type, data, &bits, &negative))
    g_string_append_printf (out, negative ? "%" G_GINT64_FORMAT : "%" G_GUINT64_FORMAT, bits);
}

/* The string whose length stands at @data; *next is where the one after it begins. */
static SteerArchiveString
load_string (const guint8 *data, const guint8 **next)
{
  SteerArchiveString string = { (const char *) data + 8, (gsize) load_bits (data, 8) };

  *next = data + 8 + string.length;
  return string;
}

static void
append_array (GString *out, const SteerArchiveValue *value)
{
  gsize size = steer_value_type_get_size (value->element_type);
  const guint8 *data = value->data;
  gsize n_shown = MIN (value->n, MAX_SHOWN_ELEMENTS);

  g_string_append_c (out, '[');
  if (value->element_type == STEER_VALUE_ARRAY)
    n_shown = 0;
  for (gsize i = 0; i < n_shown; i++)
    {
      if (i > 0)
        g_string_append (out, ", ");
      if (value->element_type == STEER_VALUE_STRING)
        {
          SteerArchiveString string = load_string (data, &data);
          gboolean cut = string.length > MAX_SHOWN_BYTES;
          g_autofree char *text = g_utf8_make_valid (string.bytes, cut ? MAX_SHOWN_BYTES : (gssize) string.length);

          g_string_append_printf (out, "\"%s%s\"", text, cut ? "…" : "");
        }
      else
        {
          append_scalar (out, value->element_type, data);
          data += size;
        }
    }
  if (n_shown < value->n)
    g_string_append_printf (out, "%s… %" G_GSIZE_FORMAT " in all", n_shown > 0 ? ", " : "", value->n);
  g_string_append_c (out, ']');
}

char *
steer_archive_value_dup_text (const SteerArchiveValue *self)
{
  g_autoptr (GString) out = NULL;

  if (self->type == STEER_VALUE_STRING)
    return g_utf8_make_valid ((const char *) self->data, (gssize) self->n);
  out = g_string_new (NULL);
  if (self->type == STEER_VALUE_ARRAY)
    append_array (out, self);
  else
    append_scalar (out, self->type, self->data);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static const SteerArchiveValue *
find_value (SteerArchive *self, const char *key)
{
  return g_hash_table_lookup (steer_archive_get_table (self)->values, key);
}

gboolean
steer_archive_get_uint (SteerArchive *self, const char *key, guint64 *value)
{
  const SteerArchiveValue *found;
  gboolean negative;
  guint64 bits;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && key != NULL && value != NULL, FALSE);

  found = find_value (self, key);
  if (found == NULL || !load_integer (found->type, found->data, &bits, &negative) || negative)
    return FALSE;
  *value = bits;
  return TRUE;
}

gboolean
steer_archive_get_int (SteerArchive *self, const char *key, gint64 *value)
{
  const SteerArchiveValue *found;
  gboolean negative;
  guint64 bits;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && key != NULL && value != NULL, FALSE);

  found = find_value (self, key);
  if (found == NULL || !load_integer (found->type, found->data, &bits, &negative) || (!negative && bits > G_MAXINT64))
    return FALSE;
  *value = (gint64) bits;
  return TRUE;
}

gboolean
steer_archive_get_double (SteerArchive *self, const char *key, double *value)
{
  const SteerArchiveValue *found;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && key != NULL && value != NULL, FALSE);

  found = find_value (self, key);
  return found != NULL && load_double (found->type, found->data, value);
}

gboolean
steer_archive_get_bool (SteerArchive *self, const char *key, gboolean *value)
{
  const SteerArchiveValue *found;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && key != NULL && value != NULL, FALSE);

  found = find_value (self, key);
  if (found == NULL || found->type != STEER_VALUE_BOOL)
    return FALSE;
  *value = *found->data != 0;
  return TRUE;
}

const char *
steer_archive_get_string (SteerArchive *self, const char *key)
{
  const SteerArchiveValue *found;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && key != NULL, NULL);

  found = find_value (self, key);
  if (found != NULL && found->type != STEER_VALUE_STRING)
    return NULL;
  return g_hash_table_lookup (steer_archive_get_table (self)->metadata, key);
}

/* The list under @key, or NULL. A number's size times n fits: the reader found all of it in the file. */
static const SteerArchiveValue *
find_array (SteerArchive *self, const char *key)
{
  const SteerArchiveValue *found = find_value (self, key);

  return found != NULL && found->type == STEER_VALUE_ARRAY ? found : NULL;
}

SteerArchiveString *
steer_archive_get_string_array (SteerArchive *self, const char *key, gsize *n)
{
  const SteerArchiveValue *found;
  SteerArchiveString *strings;
  const guint8 *data;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && key != NULL && n != NULL, NULL);

  found = find_array (self, key);
  if (found == NULL || found->element_type != STEER_VALUE_STRING)
    return NULL;
  strings = g_try_new (SteerArchiveString, MAX (found->n, 1));
  if (strings == NULL)
    return NULL;
  data = found->data;
  for (gsize i = 0; i < found->n; i++)
    strings[i] = load_string (data, &data);
  *n = found->n;
  return strings;
}

gint64 *
steer_archive_get_int_array (SteerArchive *self, const char *key, gsize *n)
{
  const SteerArchiveValue *found;
  g_autofree gint64 *numbers = NULL;
  SteerValueType type;
  gsize size;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && key != NULL && n != NULL, NULL);

  found = find_array (self, key);
  numbers = found != NULL ? g_try_new (gint64, MAX (found->n, 1)) : NULL;
  if (numbers == NULL)
    return NULL;
  type = found->element_type == STEER_VALUE_BOOL ? STEER_VALUE_U8 : found->element_type;
  size = steer_value_type_get_size (type);
  for (gsize i = 0; i < found->n; i++)
    {
      gboolean negative;
      guint64 bits;

      if (!load_integer (type, found->data + i * size, &bits, &negative) || (!negative && bits > G_MAXINT64))
        return NULL;
      numbers[i] = (gint64) bits;
    }
  *n = found->n;
  return g_steal_pointer (&numbers);
}

double *
steer_archive_get_double_array (SteerArchive *self, const char *key, gsize *n)
{
  const SteerArchiveValue *found;
  g_autofree double *numbers = NULL;
  gsize size;

  g_return_val_if_fail (STEER_IS_ARCHIVE (self) && key != NULL && n != NULL, NULL);

  found = find_array (self, key);
  numbers = found != NULL ? g_try_new (double, MAX (found->n, 1)) : NULL;
  if (numbers == NULL)
    return NULL;
  size = steer_value_type_get_size (found->element_type);
  for (gsize i = 0; i < found->n; i++)
    if (!load_double (found->element_type, found->data + i * size, &numbers[i]))
      return NULL;
  *n = found->n;
  return g_steal_pointer (&numbers);
}
