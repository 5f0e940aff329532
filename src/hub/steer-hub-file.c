#include "steer-hub-file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

gboolean
steer_hub_fail_errno (const char *what, const char *path, GError **error)
{
  int code = errno;

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "%s %s: %s", what, path, g_strerror (code));
  return FALSE;
}

gboolean
steer_hub_make_parent (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  return g_mkdir_with_parents (folder, 0777) == 0 || steer_hub_fail_errno ("could not make", folder, error);
}

const char *
steer_hub_get_variable (const char *name)
{
  const char *value = g_getenv (name);

  return value != NULL && *value != '\0' ? value : NULL;
}

/* "$NAME" and "${NAME}"; what is not set stays as it is written. */
static char *
put_in_variables (const char *text)
{
  g_autoptr (GString) result = g_string_new (NULL);

  while (*text != '\0')
    {
      gboolean braces = text[0] == '$' && text[1] == '{';
      const char *begin = text + (braces ? 2 : 1), *end = begin, *value = NULL;
      g_autofree char *name = NULL;

      if (*text == '$')
        while (g_ascii_isalnum (*end) || *end == '_')
          end++;
      if (*text == '$' && end > begin && (!braces || *end == '}'))
        {
          name = g_strndup (begin, (gsize) (end - begin));
          value = g_getenv (name);
        }
      if (value == NULL)
        {
          g_string_append_c (result, *text++);
          continue;
        }
      g_string_append (result, value);
      text = end + braces;
    }
  return g_strdup (result->str);
}

char *
steer_hub_dup_path_variable (const char *name)
{
  const char *value = steer_hub_get_variable (name);
  g_autofree char *home = NULL, *whole = NULL;

  if (value == NULL)
    return NULL;
  if (value[0] == '~' && (value[1] == '/' || value[1] == '\0'))
    home = g_strconcat (g_get_home_dir (), value + 1, NULL);
  whole = put_in_variables (home != NULL ? home : value);
  return g_canonicalize_filename (whole, NULL);
}

/* As huggingface_hub reads it. */
gboolean
steer_hub_is_offline (void)
{
  const char *value = steer_hub_get_variable ("HF_HUB_OFFLINE");

  return value != NULL
         && (strcmp (value, "1") == 0 || g_ascii_strcasecmp (value, "true") == 0
             || g_ascii_strcasecmp (value, "yes") == 0 || g_ascii_strcasecmp (value, "on") == 0);
}
