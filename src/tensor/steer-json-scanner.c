#include "steer-json-scanner.h"

#include "steer-tensor.h"
#include "steer-utf8.h"

#include <string.h>

#define MAX_DEPTH 256

/* What the grammar allows next. */
typedef enum
{
  EXPECT_VALUE,         /* the top-level value, or a member's after its colon, or an element's after a comma */
  EXPECT_FIRST_ELEMENT, /* an element or ] */
  EXPECT_FIRST_KEY,     /* a key or } */
  EXPECT_COMMA,         /* a comma or the container's end */
  EXPECT_END,           /* white space only */
} Expectation;

struct _SteerJsonScanner
{
  const char *text; /* [length] */
  gsize length;
  gsize position; /* of the next byte to read */
  char *name;

  Expectation expect;
  char containers[MAX_DEPTH]; /* [depth]: '{' or '[' */
  guint depth;

  SteerJsonToken token;
  gsize token_start;
  gsize token_end; /* of a number */
  char *string;    /* [string_size]: the unescaped text of the last key or string, NUL-terminated */
  gsize string_length;
  gsize string_size;
  GError *error;
};

SteerJsonScanner *
steer_json_scanner_new (const char *text, gsize length, const char *name)
{
  SteerJsonScanner *self;

  g_return_val_if_fail (text != NULL || length == 0, NULL);

  self = g_new0 (SteerJsonScanner, 1);
  self->text = text;
  self->length = length;
  self->name = g_strdup (name);
  self->expect = EXPECT_VALUE;
  return self;
}

void
steer_json_scanner_free (SteerJsonScanner *self)
{
  if (self == NULL)
    return;
  g_clear_error (&self->error);
  g_free (self->string);
  g_free (self->name);
  g_free (self);
}

static SteerJsonToken
fail (SteerJsonScanner *self, GError **error)
{
  self->token = STEER_JSON_ERROR;
  if (error != NULL)
    g_propagate_error (error, g_error_copy (self->error));
  return STEER_JSON_ERROR;
}

static SteerJsonToken G_GNUC_PRINTF (4, 5)
  fail_at (SteerJsonScanner *self, gsize position, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  gsize line = 1;
  gsize line_start = 0;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);

  for (gsize i = 0; i < position; i++)
    if (self->text[i] == '\n')
      {
        line++;
        line_start = i + 1;
      }
  self->error = g_error_new (STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID,
                             "%s: line %" G_GSIZE_FORMAT ", byte %" G_GSIZE_FORMAT ": %s", self->name, line,
                             position - line_start + 1, what);
  return fail (self, error);
}

static SteerJsonToken
fail_early_end (SteerJsonScanner *self, GError **error)
{
  return fail_at (self, self->length, error, "the JSON text ends too early");
}

static SteerJsonToken
fail_unexpected (SteerJsonScanner *self, const char *expected, GError **error)
{
  guint8 byte = (guint8) self->text[self->position];

  if (g_ascii_isprint ((char) byte))
    return fail_at (self, self->position, error, "found '%c' where %s belongs", byte, expected);
  return fail_at (self, self->position, error, "found byte 0x%02x where %s belongs", byte, expected);
}

static inline void
skip_space (SteerJsonScanner *self)
{
  const char *text = self->text;
  gsize position = self->position;

  while (position < self->length
         && (text[position] == ' ' || text[position] == '\n' || text[position] == '\r' || text[position] == '\t'))
    position++;
  self->position = position;
}

static gboolean
append_bytes (SteerJsonScanner *self, const char *bytes, gsize length, GError **error)
{
  gsize needed = self->string_length + length + 1; /* both lie inside the text: no overflow */

  if (needed > self->string_size)
    {
      gsize size = MAX (needed + needed / 2, 64);
      char *grown = g_try_realloc (self->string, size);

      if (grown == NULL)
        {
          g_clear_error (&self->error);
          self->error = g_error_new (STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_NO_MEMORY,
                                     "%s: no memory for a string of %" G_GSIZE_FORMAT " bytes", self->name, needed);
          fail (self, error);
          return FALSE;
        }
      self->string = grown;
      self->string_size = size;
    }
  if (length > 0)
    memcpy (self->string + self->string_length, bytes, length);
  self->string_length += length;
  self->string[self->string_length] = '\0';
  return TRUE;
}

/* Four hexadecimal digits at @position, or -1. */
static gint32
read_hex4 (SteerJsonScanner *self, gsize position)
{
  gint32 value = 0;

  if (self->length - position < 4)
    return -1;
  for (guint i = 0; i < 4; i++)
    {
      int digit = g_ascii_xdigit_value (self->text[position + i]);

      if (digit < 0)
        return -1;
      value = value << 4 | digit;
    }
  return value;
}

/* position: behind the u of \u. */
static gboolean
read_unicode_escape (SteerJsonScanner *self, GError **error)
{
  gsize start = self->position;
  gint32 code = read_hex4 (self, start);
  char utf8[6];
  int length;

  if (code < 0)
    {
      fail_at (self, start - 2, error, "\\u is not followed by four hexadecimal digits");
      return FALSE;
    }
  self->position += 4;
  if (code >= 0xd800 && code <= 0xdbff)
    {
      gint32 low = -1;

      if (self->length - self->position >= 6 && self->text[self->position] == '\\'
          && self->text[self->position + 1] == 'u')
        low = read_hex4 (self, self->position + 2);
      if (low >= 0xdc00 && low <= 0xdfff)
        {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          self->position += 6;
        }
    }
  if (code >= 0xd800 && code <= 0xdfff)
    {
      fail_at (self, start - 2, error, "the escape \\u%04x is half of a surrogate pair", (guint) code);
      return FALSE;
    }
  length = g_unichar_to_utf8 ((gunichar) code, utf8);
  return append_bytes (self, utf8, (gsize) length, error);
}

/* position: behind a backslash. */
static gboolean
read_escape (SteerJsonScanner *self, GError **error)
{
  static const char letters[] = "\"\\/bfnrt";
  static const char meanings[] = "\"\\/\b\f\n\r\t";
  const char *found;
  char letter;

  if (self->position >= self->length)
    {
      fail_early_end (self, error);
      return FALSE;
    }
  letter = self->text[self->position++];
  if (letter == 'u')
    return read_unicode_escape (self, error);
  found = letter != '\0' ? strchr (letters, letter) : NULL;
  if (found == NULL)
    {
      fail_at (self, self->position - 2, error, "a backslash is followed by byte 0x%02x, which is no JSON escape",
               (guint8) letter);
      return FALSE;
    }
  return append_bytes (self, meanings + (found - letters), 1, error);
}

/* position: at the opening quote. */
static gboolean
read_string (SteerJsonScanner *self, GError **error)
{
  const guint8 *text = (const guint8 *) self->text;

  self->position++;
  self->string_length = 0;
  for (;;)
    {
      gsize start = self->position;
      gsize position = start;

      /* A run without quotes and escapes is copied as a whole. */
      for (;;)
        {
          gboolean complete;
          gsize sequence;

          while (position < self->length && text[position] >= 0x20 && text[position] < 0x80 && text[position] != '"'
                 && text[position] != '\\')
            position++;
          if (position >= self->length || text[position] < 0x80)
            break;
          sequence = steer_utf8_scan (text + position, self->length - position, &complete);
          if (!complete)
            {
              fail_at (self, position, error, "byte 0x%02x does not belong to valid UTF-8", text[position]);
              return FALSE;
            }
          position += sequence;
        }
      if (!append_bytes (self, self->text + start, position - start, error))
        return FALSE;
      self->position = position;

      if (position >= self->length)
        {
          fail_early_end (self, error);
          return FALSE;
        }
      if (text[position] == '"')
        {
          self->position++;
          return TRUE;
        }
      if (text[position] != '\\')
        {
          fail_at (self, position, error, "a string holds the control byte 0x%02x, which must be escaped",
                   text[position]);
          return FALSE;
        }
      self->position++;
      if (!read_escape (self, error))
        return FALSE;
    }
}

static gsize
skip_digits (SteerJsonScanner *self, gsize position)
{
  while (position < self->length && g_ascii_isdigit (self->text[position]))
    position++;
  return position;
}

/* position: at a minus sign or a digit. The number is only delimited here; its value is computed when asked for. */
static gboolean
read_number (SteerJsonScanner *self, GError **error)
{
  gsize position = self->position;
  gsize digits;

  if (self->text[position] == '-')
    position++;
  digits = position;
  position = skip_digits (self, position);
  if (position == digits || (self->text[digits] == '0' && position - digits > 1))
    goto malformed;
  if (position < self->length && self->text[position] == '.')
    {
      digits = ++position;
      position = skip_digits (self, position);
      if (position == digits)
        goto malformed;
    }
  if (position < self->length && (self->text[position] == 'e' || self->text[position] == 'E'))
    {
      position++;
      if (position < self->length && (self->text[position] == '+' || self->text[position] == '-'))
        position++;
      digits = position;
      position = skip_digits (self, position);
      if (position == digits)
        goto malformed;
    }
  self->token_end = position;
  self->position = position;
  return TRUE;

malformed:
  fail_at (self, self->position, error, "not a JSON number");
  return FALSE;
}

static SteerJsonToken
finish_value (SteerJsonScanner *self, SteerJsonToken token)
{
  self->expect = self->depth > 0 ? EXPECT_COMMA : EXPECT_END;
  return self->token = token;
}

static SteerJsonToken
open_container (SteerJsonScanner *self, char bracket, GError **error)
{
  if (self->depth >= MAX_DEPTH)
    return fail_at (self, self->position, error, "nested deeper than %d levels", MAX_DEPTH);
  self->containers[self->depth++] = bracket;
  self->position++;
  self->expect = bracket == '{' ? EXPECT_FIRST_KEY : EXPECT_FIRST_ELEMENT;
  return self->token = bracket == '{' ? STEER_JSON_OBJECT_BEGIN : STEER_JSON_ARRAY_BEGIN;
}

static SteerJsonToken
close_container (SteerJsonScanner *self)
{
  char bracket = self->containers[--self->depth];

  self->position++;
  return finish_value (self, bracket == '{' ? STEER_JSON_OBJECT_END : STEER_JSON_ARRAY_END);
}

static SteerJsonToken
read_word (SteerJsonScanner *self, const char *word, SteerJsonToken token, GError **error)
{
  gsize length = strlen (word);

  if (self->length - self->position < length || memcmp (self->text + self->position, word, length) != 0)
    return fail_unexpected (self, "a value", error);
  self->position += length;
  return finish_value (self, token);
}

/* position: at the first byte of a value. */
static SteerJsonToken
read_value (SteerJsonScanner *self, GError **error)
{
  switch (self->text[self->position])
    {
    case '{':
    case '[':
      return open_container (self, self->text[self->position], error);
    case '"':
      return read_string (self, error) ? finish_value (self, STEER_JSON_STRING) : STEER_JSON_ERROR;
    case 't':
      return read_word (self, "true", STEER_JSON_TRUE, error);
    case 'f':
      return read_word (self, "false", STEER_JSON_FALSE, error);
    case 'n':
      return read_word (self, "null", STEER_JSON_NULL, error);
    case '-':
    case '0' ... '9':
      return read_number (self, error) ? finish_value (self, STEER_JSON_NUMBER) : STEER_JSON_ERROR;
    default:
      return fail_unexpected (self, "a value", error);
    }
}

/* position: at the opening quote of a key. Reads its colon too. */
static SteerJsonToken
read_key (SteerJsonScanner *self, GError **error)
{
  if (self->text[self->position] != '"')
    return fail_unexpected (self, "a key in quotes", error);
  if (!read_string (self, error))
    return STEER_JSON_ERROR;
  skip_space (self);
  if (self->position >= self->length)
    return fail_early_end (self, error);
  if (self->text[self->position] != ':')
    return fail_unexpected (self, "a colon", error);
  self->position++;
  self->expect = EXPECT_VALUE;
  return self->token = STEER_JSON_KEY;
}

static SteerJsonToken
read_after_value (SteerJsonScanner *self, GError **error)
{
  gboolean in_object = self->containers[self->depth - 1] == '{';

  if (self->text[self->position] == (in_object ? '}' : ']'))
    return close_container (self);
  if (self->text[self->position] != ',')
    return fail_unexpected (self, in_object ? "a comma or }" : "a comma or ]", error);
  self->position++;
  skip_space (self);
  self->token_start = self->position;
  if (self->position >= self->length)
    return fail_early_end (self, error);
  return in_object ? read_key (self, error) : read_value (self, error);
}

SteerJsonToken
steer_json_scanner_next (SteerJsonScanner *self, GError **error)
{
  g_return_val_if_fail (self != NULL, STEER_JSON_ERROR);

  if (self->error != NULL)
    return fail (self, error);

  skip_space (self);
  self->token_start = self->position;
  if (self->expect == EXPECT_END)
    {
      if (self->position < self->length)
        return fail_unexpected (self, "the end of the text", error);
      return self->token = STEER_JSON_END;
    }
  if (self->position >= self->length)
    return fail_early_end (self, error);

  switch (self->expect)
    {
    case EXPECT_FIRST_ELEMENT:
      return self->text[self->position] == ']' ? close_container (self) : read_value (self, error);
    case EXPECT_FIRST_KEY:
      return self->text[self->position] == '}' ? close_container (self) : read_key (self, error);
    case EXPECT_COMMA:
      return read_after_value (self, error);
    case EXPECT_VALUE:
    case EXPECT_END:
    default:
      return read_value (self, error);
    }
}

const char *
steer_json_scanner_get_string (SteerJsonScanner *self, gsize *length)
{
  g_return_val_if_fail (self->token == STEER_JSON_KEY || self->token == STEER_JSON_STRING, NULL);

  if (length != NULL)
    *length = self->string_length;
  return self->string;
}

double
steer_json_scanner_get_double (SteerJsonScanner *self)
{
  gsize length = self->token_end - self->token_start;
  g_autofree char *long_copy = NULL;
  char copy[64];
  gint64 integer;

  g_return_val_if_fail (self->token == STEER_JSON_NUMBER, 0.0);

  /* Below 2^53 the conversion is exact; above, the decimal text must be rounded once. "-0" must keep its sign. */
  if (length < 16 && steer_json_scanner_get_int64 (self, &integer) && integer != 0)
    return (double) integer;
  if (length >= sizeof copy)
    {
      long_copy = g_strndup (self->text + self->token_start, length);
      return g_ascii_strtod (long_copy, NULL);
    }
  memcpy (copy, self->text + self->token_start, length);
  copy[length] = '\0';
  return g_ascii_strtod (copy, NULL);
}

gboolean
steer_json_scanner_get_int64 (SteerJsonScanner *self, gint64 *value)
{
  gsize position = self->token_start;
  gboolean negative;
  guint64 magnitude = 0;

  g_return_val_if_fail (self->token == STEER_JSON_NUMBER && value != NULL, FALSE);

  negative = self->text[position] == '-';
  if (negative)
    position++;
  for (; position < self->token_end; position++)
    {
      if (!g_ascii_isdigit (self->text[position]))
        return FALSE;
      if (!g_uint64_checked_mul (&magnitude, magnitude, 10)
          || !g_uint64_checked_add (&magnitude, magnitude, (guint64) (self->text[position] - '0')))
        return FALSE;
    }
  if (magnitude > (guint64) G_MAXINT64 + (negative ? 1 : 0))
    return FALSE;
  *value = negative ? (gint64) (0 - magnitude) : (gint64) magnitude;
  return TRUE;
}

gboolean
steer_json_scanner_skip (SteerJsonScanner *self, GError **error)
{
  guint depth;

  if (self->token == STEER_JSON_KEY && steer_json_scanner_next (self, error) == STEER_JSON_ERROR)
    return FALSE;
  if (self->token == STEER_JSON_ERROR)
    {
      if (self->error != NULL)
        fail (self, error);
      return FALSE;
    }
  if (self->token != STEER_JSON_OBJECT_BEGIN && self->token != STEER_JSON_ARRAY_BEGIN)
    return TRUE;

  depth = self->depth;
  while (self->depth >= depth)
    if (steer_json_scanner_next (self, error) == STEER_JSON_ERROR)
      return FALSE;
  return TRUE;
}

gsize
steer_json_scanner_get_offset (SteerJsonScanner *self)
{
  return self->token_start;
}

static gboolean
fail_check (SteerJsonScanner *self, const char *name, const char *message, GError **error)
{
  g_set_error (error, STEER_TENSOR_ERROR, STEER_TENSOR_ERROR_INVALID, "%s: byte %zu: %s", name,
               steer_json_scanner_get_offset (self), message);
  return FALSE;
}

/* Whether the number just read is an integer, as json-glib tells them, that is outside of int64. */
static gboolean
is_too_large (SteerJsonScanner *self, const char *text, gsize length)
{
  gsize i = steer_json_scanner_get_offset (self);
  gint64 value;

  while (i < length && (text[i] == '-' || g_ascii_isdigit (text[i])))
    i++;
  if (i < length && (text[i] == '.' || text[i] == 'e' || text[i] == 'E'))
    return FALSE;
  return !steer_json_scanner_get_int64 (self, &value);
}

gboolean
steer_json_check (const char *text, gsize length, guint max_tokens, const char *name, GError **error)
{
  g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (text, length, name);
  SteerJsonToken token;
  guint n_tokens = 0;

  while ((token = steer_json_scanner_next (scanner, error)) != STEER_JSON_END)
    {
      gboolean is_text = token == STEER_JSON_STRING || token == STEER_JSON_KEY;
      gsize n = 0;
      const char *string = is_text ? steer_json_scanner_get_string (scanner, &n) : "";

      if (token == STEER_JSON_ERROR)
        return FALSE;
      if (++n_tokens > max_tokens)
        return fail_check (scanner, name, "there are too many values", error);
      if (strlen (string) != n)
        return fail_check (scanner, name, "a text with a NUL in it", error);
      if (token == STEER_JSON_NUMBER && is_too_large (scanner, text, length))
        return fail_check (scanner, name, "an integer that is too large", error);
    }
  return TRUE;
}
