#include "steer-cli-output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static gboolean output_failed;

void
steer_cli_append_safe (GString *out, const char *text, gsize length)
{
  const char *end = text + length;

  while (text < end)
    {
      gunichar c = g_utf8_get_char_validated (text, end - text);
      const char *next;

      if (c == (gunichar) -1 || c == (gunichar) -2 || *text == '\0')
        {
          g_string_append_printf (out, "\\x%02x", (guint8) *text);
          text++;
          continue;
        }
      next = g_utf8_next_char (text);
      if ((c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0))
        g_string_append_printf (out, "\\x%02x", c);
      else
        g_string_append_len (out, text, next - text);
      text = next;
    }
}

char *
steer_cli_dup_safe (const char *text)
{
  GString *safe = g_string_new (NULL);

  steer_cli_append_safe (safe, text, strlen (text));
  return g_string_free (safe, FALSE);
}

/* All of it, also where the descriptor does not block; FALSE with errno set. */
static gboolean
write_all (int fd, const char *text, gsize length)
{
  while (length > 0)
    {
      ssize_t n = write (fd, text, length);

      if (n >= 0)
        {
          text += n;
          length -= (gsize) n;
        }
      else if (errno == EAGAIN)
        {
          struct pollfd wait = { .fd = fd, .events = POLLOUT };

          poll (&wait, 1, -1);
        }
      else if (errno != EINTR)
        return FALSE;
    }
  return TRUE;
}

gboolean
steer_cli_write (const char *text, gsize length)
{
  if (output_failed)
    return FALSE;
  if (write_all (STDOUT_FILENO, text, length))
    return TRUE;
  output_failed = TRUE;
  if (errno != EPIPE)
    steer_cli_note ("steer: standard output cannot be written: %s\n", g_strerror (errno));
  return FALSE;
}

gboolean
steer_cli_print (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  return steer_cli_write (text, strlen (text));
}

gboolean
steer_cli_output_works (void)
{
  return !output_failed;
}

void
steer_cli_note (const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *safe = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  safe = steer_cli_dup_safe (text);
  write_all (STDERR_FILENO, safe, strlen (safe));
}

GQuark
steer_cli_error_quark (void)
{
  return g_quark_from_static_string ("steer-cli-error-quark");
}

SteerCliStatus
steer_cli_fail (const char *command, const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    steer_cli_note ("steer %s: stopped\n", command);
  else
    steer_cli_note ("steer %s: %s\n", command, error->message);
  if (!g_error_matches (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE))
    return STEER_CLI_FAILED;
  steer_cli_note ("`steer %s --help` shows how it is used\n", command);
  return STEER_CLI_USAGE;
}

gboolean
steer_cli_has_colors (int fd)
{
  const char *no_color = g_getenv ("NO_COLOR");
  const char *term = g_getenv ("TERM");

  return isatty (fd) && (no_color == NULL || *no_color == '\0') && term != NULL && *term != '\0'
         && strcmp (term, "dumb") != 0;
}

const char *
steer_cli_plural (guint64 n)
{
  return n == 1 ? "" : "s";
}

/* Controls beyond ASCII stand in strings only, where JSON need not escape them but a terminal would obey them. Returns
 * what is behind the string that @p begins. */
static const char *
append_json_text (GString *out, const char *p)
{
  gboolean escaped = FALSE;
  const char *begin = p;

  for (; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c >= 0x7f && c < 0xa0)
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_len (out, p, g_utf8_next_char (p) - p);
      if (c == '"' && !escaped && p > begin)
        return p + 1;
      escaped = c == '\\' && !escaped;
    }
  return p;
}

/* json-glib writes seventeen digits, of which the last ones may tell of nothing but binary fractions. */
static const char *
append_json_number (GString *out, const char *p)
{
  gsize length = strspn (p, "+-.0123456789eE");
  double number = g_ascii_strtod (p, NULL);
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  if (memchr (p, '.', length) == NULL && memchr (p, 'e', length) == NULL)
    {
      g_string_append_len (out, p, (gssize) length);
      return p + length;
    }
  for (int precision = 15; precision <= 17; precision++)
    {
      g_autofree char *format = g_strdup_printf ("%%.%dg", precision);

      g_ascii_formatd (digits, sizeof digits, format, number);
      if (g_ascii_strtod (digits, NULL) == number)
        break;
    }
  g_string_append (out, digits);
  if (strpbrk (digits, ".e") == NULL)
    g_string_append (out, ".0"); /* no integer */
  return p + length;
}

gboolean
steer_cli_print_json (JsonNode *node, gboolean pretty)
{
  g_autofree char *text = json_to_string (node, pretty);
  g_autoptr (GString) safe = g_string_sized_new (strlen (text) + 1);
  const char *p = text;

  while (*p != '\0')
    {
      if (*p == '"')
        p = append_json_text (safe, p);
      else if (*p == '-' || g_ascii_isdigit (*p))
        p = append_json_number (safe, p);
      else
        g_string_append_c (safe, *p++);
    }
  g_string_append_c (safe, '\n');
  return steer_cli_write (safe->str, safe->len);
}

void
steer_cli_append_json_string (GString *out, const char *text, gsize length)
{
  const char *end = text + length;

  g_string_append_c (out, '"');
  while (text < end)
    {
      const char *run = text;
      guint8 c = (guint8) *text;

      /* Most of a text is plain ASCII: copied in runs. */
      while (run < end && (guint8) *run >= 0x20 && (guint8) *run < 0x7f && *run != '"' && *run != '\\')
        run++;
      if (run > text)
        {
          g_string_append_len (out, text, run - text);
          text = run;
          continue;
        }
      if (c >= 0x80)
        {
          gunichar character = g_utf8_get_char_validated (text, end - text);

          if (character == (gunichar) -1 || character == (gunichar) -2)
            {
              g_string_append (out, "\357\277\275");
              text++;
              continue;
            }
          run = g_utf8_next_char (text);
          /* C1 controls would act on a terminal, so they are escaped although JSON does not ask for it. */
          if (character < 0xa0)
            g_string_append_printf (out, "\\u%04x", character);
          else
            g_string_append_len (out, text, run - text);
          text = run;
          continue;
        }
      if (c == '"' || c == '\\')
        g_string_append_printf (out, "\\%c", c);
      else if (c == '\n')
        g_string_append (out, "\\n");
      else if (c == '\t')
        g_string_append (out, "\\t");
      else if (c == '\r')
        g_string_append (out, "\\r");
      else
        g_string_append_printf (out, "\\u%04x", c);
      text++;
    }
  g_string_append_c (out, '"');
}
