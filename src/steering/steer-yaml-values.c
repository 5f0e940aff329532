#include "steer-yaml.h"

#include <math.h>
#include <string.h>
#include <yaml.h>

#include "steer-vector-source.h"

/* Longest piece of a stranger's file that a message repeats, in characters. */
#define MAX_QUOTED 40

static gboolean
is_plain (SteerYaml *self)
{
  return self->kind == STEER_YAML_SCALAR && self->style == YAML_PLAIN_SCALAR_STYLE;
}

gboolean
steer_yaml_is_null (SteerYaml *self)
{
  static const char *const spellings[] = { "", "~", "null", "Null", "NULL", NULL };

  return is_plain (self) && g_strv_contains (spellings, self->value);
}

static char *
quote (const char *text)
{
  GString *quoted = g_string_new ("\"");
  guint n = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (n++ == MAX_QUOTED)
        {
          g_string_append (quoted, "…");
          break;
        }
      g_string_append_unichar (quoted, g_unichar_iscntrl (c) ? ' ' : c);
    }
  g_string_append_c (quoted, '"');
  return g_string_free (quoted, FALSE);
}

char *
steer_yaml_describe (SteerYaml *self)
{
  g_autofree char *quoted = NULL;

  if (self->kind == STEER_YAML_MAPPING)
    return g_strdup ("a mapping");
  if (self->kind == STEER_YAML_SEQUENCE)
    return g_strdup ("a list");
  if (steer_yaml_is_null (self))
    return g_strdup ("nothing");
  quoted = quote (self->value);
  return g_strdup_printf (is_plain (self) ? "%s" : "the quoted text %s", quoted);
}

gboolean
steer_yaml_fail (SteerYaml *self, const char *name, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (self != NULL)
    g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID, "%s:%u:%u: %s", name, self->line,
                 self->column, message);
  else
    g_set_error (error, STEER_STEERING_ERROR, STEER_STEERING_ERROR_INVALID, "%s: %s", name, message);
  return FALSE;
}

static gboolean
fail_found (SteerYaml *self, const char *name, const char *what, GError **error, const char *expected)
{
  g_autofree char *found = steer_yaml_describe (self);

  return steer_yaml_fail (self, name, error, "expected %s for %s, found %s", expected, what, found);
}

/* A decimal number as YAML writes it. g_ascii_strtod() alone would also take hexadecimal, infinities and NaN. */
static gboolean
is_decimal (const char *text)
{
  const char *p = text;
  guint n_digits = 0;

  if (*p == '-' || *p == '+')
    p++;
  for (; g_ascii_isdigit (*p); p++)
    n_digits++;
  if (*p == '.')
    p++;
  for (; g_ascii_isdigit (*p); p++)
    n_digits++;
  if (n_digits == 0)
    return FALSE;
  if (*p == 'e' || *p == 'E')
    {
      p++;
      if (*p == '-' || *p == '+')
        p++;
      if (!g_ascii_isdigit (*p))
        return FALSE;
      while (g_ascii_isdigit (*p))
        p++;
    }
  return *p == '\0';
}

gboolean
steer_yaml_to_double (SteerYaml *self,
                      const char *name,
                      const char *what,
                      double minimum,
                      double maximum,
                      double *out,
                      GError **error)
{
  char low[G_ASCII_DTOSTR_BUF_SIZE];
  char high[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *expected = NULL;

  if (is_plain (self) && is_decimal (self->value))
    {
      double value = g_ascii_strtod (self->value, NULL);

      if (isfinite (value) && value >= minimum && value <= maximum)
        {
          *out = value;
          return TRUE;
        }
    }
  g_ascii_formatd (low, sizeof low, "%.6g", minimum);
  g_ascii_formatd (high, sizeof high, "%.6g", maximum);
  expected = g_strdup_printf ("a number from %s to %s", low, high);
  return fail_found (self, name, what, error, expected);
}

gboolean
steer_yaml_to_uint64 (SteerYaml *self,
                      const char *name,
                      const char *what,
                      guint64 maximum,
                      guint64 *out,
                      GError **error)
{
  g_autofree char *expected = NULL;

  if (is_plain (self) && g_ascii_isdigit (self->value[0])
      && g_ascii_string_to_unsigned (self->value, 10, 0, maximum, out, NULL))
    return TRUE;
  expected = g_strdup_printf ("a whole number from 0 to %" G_GUINT64_FORMAT, maximum);
  return fail_found (self, name, what, error, expected);
}

static SteerYaml *
look_up (const SteerYamlReader *reader, const char *key, gboolean *found)
{
  SteerYaml *value = steer_yaml_lookup (reader->mapping, key);

  if (found != NULL)
    *found = value != NULL;
  return value;
}

static char *
quote_key (const char *key)
{
  return g_strdup_printf ("'%s'", key);
}

gboolean
steer_yaml_read_double (const SteerYamlReader *reader,
                        const char *key,
                        double minimum,
                        double maximum,
                        double *out,
                        gboolean *found,
                        GError **error)
{
  SteerYaml *value = look_up (reader, key, found);
  g_autofree char *what = quote_key (key);

  return value == NULL || steer_yaml_to_double (value, reader->name, what, minimum, maximum, out, error);
}

gboolean
steer_yaml_read_uint64 (const SteerYamlReader *reader,
                        const char *key,
                        guint64 maximum,
                        guint64 *out,
                        gboolean *found,
                        GError **error)
{
  SteerYaml *value = look_up (reader, key, found);
  g_autofree char *what = quote_key (key);

  return value == NULL || steer_yaml_to_uint64 (value, reader->name, what, maximum, out, error);
}

gboolean
steer_yaml_read_uint (const SteerYamlReader *reader,
                      const char *key,
                      guint maximum,
                      guint *out,
                      gboolean *found,
                      GError **error)
{
  guint64 wide = *out;

  if (!steer_yaml_read_uint64 (reader, key, maximum, &wide, found, error))
    return FALSE;
  *out = (guint) wide;
  return TRUE;
}

/* YAML 1.1's words, because Python's writer and many people use them. */
gboolean
steer_yaml_read_boolean (const SteerYamlReader *reader, const char *key, gboolean *out, GError **error)
{
  static const char *const yes[] = { "true", "yes", "on", NULL };
  static const char *const no[] = { "false", "no", "off", NULL };
  SteerYaml *value = look_up (reader, key, NULL);
  g_autofree char *what = quote_key (key);
  g_autofree char *word = NULL;

  if (value == NULL)
    return TRUE;
  word = is_plain (value) ? g_ascii_strdown (value->value, -1) : g_strdup ("");
  if (!g_strv_contains (yes, word) && !g_strv_contains (no, word))
    return fail_found (value, reader->name, what, error, "true or false");
  *out = g_strv_contains (yes, word);
  return TRUE;
}

gboolean
steer_yaml_read_string (const SteerYamlReader *reader, const char *key, char **out, GError **error)
{
  SteerYaml *value = look_up (reader, key, NULL);
  g_autofree char *what = quote_key (key);

  if (value == NULL)
    return TRUE;
  if (value->kind != STEER_YAML_SCALAR)
    return fail_found (value, reader->name, what, error, "text");
  g_free (*out);
  *out = steer_yaml_is_null (value) ? NULL : g_strdup (value->value);
  return TRUE;
}
