#include "steer-remote-hosts.h"

#include <string.h>

#include "steer-remote-address.h"

/* More than a person would choose from. */
#define MAX_HOSTS 100

char *
steer_remote_dup_hosts_path (void)
{
  return g_build_filename (g_get_home_dir (), ".ssh", "config", NULL);
}

static gboolean
is_computer (const char *name)
{
  g_autoptr (SteerRemoteAddress) address = NULL;

  if (strpbrk (name, "*?!/") != NULL)
    return FALSE;
  address = steer_remote_address_parse_computer (name, NULL);
  return address != NULL;
}

/* What stands behind the keyword Host, in whatever case, and a blank or =; NULL where another keyword does. */
static const char *
find_names (const char *line)
{
  const char *rest = line + strlen ("Host");

  if (g_ascii_strncasecmp (line, "Host", strlen ("Host")) != 0 || strchr (" \t=", *rest) == NULL || *rest == '\0')
    return NULL;
  return rest + strspn (rest, " \t=");
}

static void
add_names (GPtrArray *hosts, GHashTable *seen, const char *names)
{
  g_auto (GStrv) words = g_strsplit_set (names, " \t\"", -1);

  for (guint i = 0; words[i] != NULL && *words[i] != '#' && hosts->len < MAX_HOSTS; i++)
    if (*words[i] != '\0' && is_computer (words[i]) && g_hash_table_add (seen, g_strdup (words[i])))
      g_ptr_array_add (hosts, g_strdup (words[i]));
}

char **
steer_remote_parse_hosts (const char *text, gsize length)
{
  g_autoptr (GPtrArray) hosts = g_ptr_array_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) length);
  g_auto (GStrv) lines = g_strsplit (valid, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *names = find_names (g_strstrip (lines[i]));

      if (names != NULL)
        add_names (hosts, seen, names);
    }
  g_ptr_array_add (hosts, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&hosts), FALSE);
}
