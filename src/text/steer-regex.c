#include "steer-regex.h"

#include "steer-tokenizer.h"

#include <string.h>

/* PCRE2's \s also has U+180E. */
#define WHITE_SPACE                                                                                                    \
  "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

static char *
translate (const char *pattern, const char **unsupported)
{
  g_autoptr (GString) out = g_string_new (NULL);
  gboolean in_class = FALSE;
  const char *class_start = NULL; /* first character after [ or [^ */

  for (const char *p = pattern; *p != '\0'; p++)
    {
      if (*p == '\\' && p[1] != '\0')
        {
          p++;
          if (*p == 's')
            g_string_append (out, in_class ? WHITE_SPACE : "[" WHITE_SPACE "]");
          else if (*p == 'S' && !in_class)
            g_string_append (out, "[^" WHITE_SPACE "]");
          else if (*p == 'S' || *p == 'h' || *p == 'H')
            {
              *unsupported = *p == 'S' ? "\\S inside brackets" : "\\h";
              return NULL;
            }
          else
            g_string_append_printf (out, "\\%c", *p);
        }
      else if (in_class && *p == '[')
        {
          const char *end = p[1] == ':' ? strstr (p + 2, ":]") : NULL;

          if (end == NULL)
            {
              *unsupported = "brackets inside brackets";
              return NULL;
            }
          g_string_append_len (out, p, end + 2 - p);
          p = end + 1;
        }
      else if (in_class && p[0] == '&' && p[1] == '&')
        {
          *unsupported = "&& inside brackets";
          return NULL;
        }
      else
        {
          if (!in_class && *p == '[')
            {
              in_class = TRUE;
              class_start = p[1] == '^' ? p + 2 : p + 1;
            }
          else if (in_class && *p == ']' && p != class_start)
            in_class = FALSE;
          g_string_append_c (out, *p);
        }
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

GRegex *
steer_regex_new (const char *pattern, const char *name, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  const char *unsupported = NULL;
  g_autofree char *translated = translate (pattern, &unsupported);
  GRegex *regex;

  if (translated == NULL)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                   "%s: the regular expression \"%s\" uses %s, which this program does not support", name, pattern,
                   unsupported);
      return NULL;
    }
  regex = g_regex_new (translated, G_REGEX_OPTIMIZE | G_REGEX_NEWLINE_LF, 0, &local_error);
  if (regex == NULL)
    g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                 "%s: the regular expression \"%s\" is not understood: %s", name, pattern, local_error->message);
  return regex;
}

gboolean
steer_regex_find_all (GRegex *regex, const char *text, gsize length, GArray *matches, GError **error)
{
  g_autoptr (GMatchInfo) info = NULL;
  g_autoptr (GError) local_error = NULL;

  if (length > G_MAXINT)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                   "a text of %" G_GSIZE_FORMAT " bytes is too long to tokenize; split it", length);
      return FALSE;
    }
  g_regex_match_full (regex, text, (gssize) length, 0, 0, &info, &local_error);
  while (local_error == NULL && g_match_info_matches (info))
    {
      int start, end;

      if (g_match_info_fetch_pos (info, 0, &start, &end) && end > start)
        {
          SteerMatch match = { (gsize) start, (gsize) end };

          g_array_append_val (matches, match);
        }
      g_match_info_next (info, &local_error);
    }
  if (local_error != NULL)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                   "the tokenizer's regular expression gives up on this text: %s", local_error->message);
      return FALSE;
    }
  return TRUE;
}

void
steer_literal_find_all (const char *needle, gsize needle_length, const char *text, gsize length, GArray *matches)
{
  const char *at = text;
  const char *end = text + length;

  while ((at = memmem (at, (gsize) (end - at), needle, needle_length)) != NULL)
    {
      SteerMatch match = { (gsize) (at - text), (gsize) (at - text) + needle_length };

      g_array_append_val (matches, match);
      at += needle_length;
    }
}
