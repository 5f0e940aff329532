/* What names of the Hub may be. */
#include "steer-hub-name.h"

#include <string.h>

#define MAX_NAME 96 /* of the owner, and of the rest */
#define MAX_REVISION 200
#define MAX_PATH 1024
#define MAX_PATH_PART 255 /* what file systems take */

G_DEFINE_QUARK (steer - hub - error - quark, steer_hub_error)

gboolean
steer_hub_is_repo_id (const char *text)
{
  g_auto (GStrv) parts = NULL;

  if (text == NULL || *text == '\0' || strlen (text) > 2 * MAX_NAME + 1 || strstr (text, "--") != NULL
      || strstr (text, "..") != NULL || g_str_has_suffix (text, ".git"))
    return FALSE;
  parts = g_strsplit (text, "/", 3);
  if (g_strv_length (parts) > 2)
    return FALSE;
  for (guint i = 0; parts[i] != NULL; i++)
    {
      gsize n = strlen (parts[i]);

      if (n == 0 || n > MAX_NAME || strchr ("-.", parts[i][0]) != NULL || strchr ("-.", parts[i][n - 1]) != NULL)
        return FALSE;
      for (const char *p = parts[i]; *p != '\0'; p++)
        if (!g_ascii_isalnum (*p) && strchr ("-_.", *p) == NULL)
          return FALSE;
    }
  return TRUE;
}

static gboolean
is_hex (const char *text, gsize length)
{
  return text != NULL && strlen (text) == length && strspn (text, "0123456789abcdef") == length;
}

gboolean
steer_hub_is_commit (const char *text)
{
  return is_hex (text, 40);
}

gboolean
steer_hub_is_path (const char *text)
{
  g_auto (GStrv) parts = NULL;

  if (text == NULL || *text == '\0' || strlen (text) > MAX_PATH || !g_utf8_validate (text, -1, NULL)
      || strchr (text, '\\') != NULL)
    return FALSE;
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT)
        return FALSE;
    }
  parts = g_strsplit (text, "/", -1);
  for (guint i = 0; parts[i] != NULL; i++)
    if (*parts[i] == '\0' || strlen (parts[i]) > MAX_PATH_PART || strcmp (parts[i], ".") == 0
        || strcmp (parts[i], "..") == 0)
      return FALSE;
  return TRUE;
}

gboolean
steer_hub_is_revision (const char *text)
{
  if (!steer_hub_is_path (text) || strlen (text) > MAX_REVISION || strstr (text, "..") != NULL
      || strstr (text, "@{") != NULL)
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isgraph (*p) || strchr ("~^:?*[\\", *p) != NULL)
      return FALSE;
  return TRUE;
}

/* What follows the host in the address of a page; @text itself where it is no address; NULL where it is one of another
 * site or scheme. */
static const char *
skip_host (const char *text)
{
  static const char *const hosts[] = { "huggingface.co/", "www.huggingface.co/", "hf.co/" };
  const char *scheme = strstr (text, "://");
  const char *rest = text;

  if (scheme != NULL)
    {
      gsize length = (gsize) (scheme - text);

      if (g_ascii_strncasecmp (text, "hf", MAX (length, 2)) == 0)
        return g_str_has_prefix (scheme + 3, "models/") ? scheme + 3 + strlen ("models/") : scheme + 3;
      if (g_ascii_strncasecmp (text, "https", MAX (length, 5)) != 0
          && g_ascii_strncasecmp (text, "http", MAX (length, 4)) != 0)
        return NULL;
      rest = scheme + 3;
    }
  for (guint i = 0; i < G_N_ELEMENTS (hosts); i++)
    if (g_ascii_strncasecmp (rest, hosts[i], strlen (hosts[i])) == 0)
      return rest + strlen (hosts[i]);
  return scheme == NULL ? text : NULL;
}

/* "/tree/main/layer_12" and the like: the pages of a revision, a folder, a file. */
static gboolean
read_page (char **parts, char **revision, char **path)
{
  static const char *const kinds[] = { "tree", "blob", "resolve", "raw", "commit" };

  if (*parts == NULL || **parts == '\0')
    return TRUE;
  if (!g_strv_contains (((const char *const[]){ kinds[0], kinds[1], kinds[2], kinds[3], kinds[4], NULL }), *parts))
    return strcmp (*parts, "discussions") == 0; /* the page of something beside the files */
  if (parts[1] == NULL || *parts[1] == '\0')
    return TRUE;
  *revision = g_uri_unescape_string (parts[1], NULL);
  if (parts[2] != NULL && *parts[2] != '\0')
    {
      g_autofree char *joined = g_strjoinv ("/", parts + 2);

      if (g_str_has_suffix (joined, "/"))
        joined[strlen (joined) - 1] = '\0';
      *path = g_uri_unescape_string (joined, NULL);
      if (*path == NULL)
        return FALSE;
    }
  return *revision != NULL;
}

/* Of repositories that are no models. */
static gboolean
is_of_something_else (char **parts)
{
  static const char *const words[] = { "datasets", "spaces", "collections", "papers", "docs", "models", NULL };

  return parts[0] != NULL && parts[1] != NULL && g_strv_contains (words, parts[0]);
}

gboolean
steer_hub_parse_name (const char *text, char **repo_id, char **revision, char **path, GError **error)
{
  g_autofree char *stripped = g_strstrip (g_strdup (text));
  g_autofree char *id = NULL, *found_revision = NULL, *found_path = NULL, *what = NULL;
  const char *rest = skip_host (stripped);
  g_auto (GStrv) parts = NULL;
  guint n;

  *repo_id = *revision = *path = NULL;
  if (rest != NULL)
    {
      g_autofree char *plain = g_strndup (rest, strcspn (rest, "?#"));
      char *colon = strchr (plain, ':');

      /* "owner/name:q4_k_m", as other programs write what of a repository is meant */
      if (colon != NULL)
        {
          what = g_strdup (colon + 1);
          *colon = '\0';
        }

      parts = g_strsplit (plain, "/", -1);
      n = g_strv_length (parts);
      id = n > 1 && *parts[1] != '\0' ? g_strconcat (parts[0], "/", parts[1], NULL)
           : n > 0                    ? g_strdup (parts[0])
                                      : NULL;
      if (steer_hub_is_repo_id (id) && !is_of_something_else (parts)
          && read_page (parts + MIN (n, 2), &found_revision, &found_path)
          && (found_revision == NULL || steer_hub_is_revision (found_revision))
          && (found_path == NULL || steer_hub_is_path (found_path))
          && (what == NULL || (found_path == NULL && steer_hub_is_path (what))))
        {
          if (what != NULL)
            found_path = g_steal_pointer (&what);
          *repo_id = g_steal_pointer (&id);
          *revision = g_steal_pointer (&found_revision);
          *path = g_steal_pointer (&found_path);
          return TRUE;
        }
    }
  g_set_error (error, STEER_HUB_ERROR, STEER_HUB_ERROR_INVALID,
               "\"%s\" is not the name of a repository: it is OWNER/NAME, or the address of its page", stripped);
  return FALSE;
}
