#include "steer-model-names.h"

#include <glib/gi18n.h>

#include "remote/steer-remote-address.h"
#include "remote/steer-remote-model.h"
#include "steer/steer.h"

/* "models--owner--name" is how the Hugging Face cache calls a repository. */
static char *
dup_hub_name (const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, G_DIR_SEPARATOR_S, -1);

  for (guint i = 0; parts[i] != NULL; i++)
    {
      g_auto (GStrv) words = NULL;

      if (!g_str_has_prefix (parts[i], "models--"))
        continue;
      words = g_strsplit (parts[i] + strlen ("models--"), "--", 2);
      return words[1] != NULL ? g_strconcat (words[0], "/", words[1], NULL) : g_strdup (words[0]);
    }
  return NULL;
}

static gboolean
is_bundled (const char *path)
{
  g_autofree char *bundled = steer_dup_demo_model_path ();

  return g_strcmp0 (path, bundled) == 0;
}

char *
steer_model_dup_title (const char *path)
{
  return path != NULL && is_bundled (path) ? g_strdup (_ ("Steer Demo")) : steer_model_dup_name (path);
}

/* NULL where @path is no address of a model. */
static SteerRemoteAddress *
read_address (const char *path)
{
  g_autoptr (SteerRemoteAddress) address
    = g_str_has_prefix (path, STEER_REMOTE_SCHEME) ? steer_remote_address_parse (path, NULL) : NULL;

  return address != NULL && address->path != NULL ? g_steal_pointer (&address) : NULL;
}

char *
steer_model_dup_place (const char *path)
{
  g_autoptr (SteerRemoteAddress) address = read_address (path);

  return address != NULL ? g_strdup_printf ("%s: %s", address->host, address->path) : g_strdup (path);
}

char *
steer_model_dup_name (const char *path)
{
  g_autoptr (SteerRemoteAddress) address = NULL;
  g_autofree char *title = NULL;

  if (path == NULL || *path == '\0')
    return g_strdup ("");
  if (is_bundled (path))
    return g_strdup ("steer-demo");
  address = read_address (path);
  if (address != NULL)
    path = address->path;
  title = dup_hub_name (path);
  if (title == NULL)
    title = g_path_get_basename (path);
  if (g_str_has_suffix (title, ".gguf"))
    title[strlen (title) - strlen (".gguf")] = '\0';
  return g_steal_pointer (&title);
}

/* "Intel Xeon, 2 cores, AVX-512": of a CPU only the instruction set, its last part, tells how fast it will be. */
static char *
dup_short_name (const char *device_name, gboolean is_cpu)
{
  const char *comma = is_cpu ? strrchr (device_name, ',') : NULL;

  return g_strstrip (g_strdup (comma != NULL ? comma + 1 : device_name));
}

char *
steer_model_dup_subtitle (const char *device_id, const char *device_name, double tokens_per_second)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean is_cpu;

  if (device_id == NULL)
    return g_strdup ("");
  /* One of another computer, which its name tells of. */
  if (g_str_has_prefix (device_id, STEER_REMOTE_DEVICE_PREFIX))
    device_id += strlen (STEER_REMOTE_DEVICE_PREFIX);
  is_cpu = g_str_has_prefix (device_id, "cpu");
  g_string_append (text, is_cpu ? _ ("CPU") : _ ("GPU"));
  if (device_name != NULL && *device_name != '\0')
    {
      g_autofree char *name = dup_short_name (device_name, is_cpu);

      g_string_append_printf (text, " · %s", name);
    }
  if (tokens_per_second >= 0.05)
    {
      g_string_append (text, " · ");
      /* Translators: speed of a reply, "268 tokens/s" */
      g_string_append_printf (text, _ ("%.*f tokens/s"), tokens_per_second < 9.95 ? 1 : 0, tokens_per_second);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}
