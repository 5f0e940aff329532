/* Norms are a matter of seconds to measure and eight bytes a layer to keep: a key file a model, named by what tells
 * whether the model is still the same. */
#include "steer-norm-cache.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define GROUP "norms"

const char *const steer_norm_text
  = "The harbour lay quiet that morning, and the first boats had already gone out beyond the lighthouse. Anna counted "
    "the crates on the quay, wrote the number in her book, and walked back to the office to make a telephone call. "
    "Nobody answered.\n\n"
    "Water boils at a lower temperature on a mountain than at the sea, because the air above it is thinner and presses "
    "less. A cook who lives high up must therefore give potatoes more time. The same rule explains why a pressure "
    "cooker "
    "is fast: it raises the pressure, and with it the temperature at which the water boils.\n\n"
    "\"Have you read the report?\" he asked. \"Most of it,\" she said, \"and I do not agree with the second chapter. "
    "The "
    "figures for 1998 are too high, and no source is given for them.\" They spent the rest of the afternoon in the "
    "archive and found the mistake shortly before five o'clock.\n\n"
    "To install the program, open a terminal, download the archive and unpack it in a folder of your choice. Then run "
    "the script and answer its three questions. If something goes wrong, look into the log file first; it usually says "
    "what is missing. In 1889 the tower was the tallest building in the world, and it remained so for forty-one "
    "years.\n";

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Changes when a file of the model does: names, sizes and times of what lies in its folder. */
static char *
make_key (const char *path)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (absolute, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_build_filename (absolute, name, NULL));
  if (dir == NULL)
    g_ptr_array_add (names, g_strdup (absolute));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *line = NULL;
      GStatBuf info;

      if (g_stat (g_ptr_array_index (names, i), &info) != 0)
        continue;
      line = g_strdup_printf ("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", (char *) g_ptr_array_index (names, i),
                              (gint64) info.st_size, (gint64) info.st_mtime);
      g_checksum_update (checksum, (const guchar *) line, -1);
    }
  g_checksum_update (checksum, (const guchar *) steer_norm_text, -1);
  return g_strdup (g_checksum_get_string (checksum));
}

static char *
make_file_name (const char *path)
{
  g_autofree char *key = make_key (path);

  return g_build_filename (g_get_user_cache_dir (), "steer-chat", "norms", key, NULL);
}

GArray *
steer_norm_cache_read (const char *path, guint n_layers)
{
  g_autofree char *file = make_file_name (path);
  g_autoptr (GKeyFile) keys = g_key_file_new ();
  g_autofree double *values = NULL;
  GArray *norms;
  gsize n = 0;

  if (!g_key_file_load_from_file (keys, file, G_KEY_FILE_NONE, NULL))
    return NULL;
  values = g_key_file_get_double_list (keys, GROUP, "norms", &n, NULL);
  if (values == NULL || n != n_layers)
    return NULL;
  for (gsize i = 0; i < n; i++)
    if (!isfinite (values[i]) || values[i] < 0.0)
      return NULL;
  norms = g_array_new (FALSE, FALSE, sizeof (double));
  g_array_append_vals (norms, values, (guint) n);
  return norms;
}

void
steer_norm_cache_write (const char *path, GArray *norms)
{
  g_autofree char *file = make_file_name (path);
  g_autofree char *folder = g_path_get_dirname (file);
  g_autoptr (GKeyFile) keys = g_key_file_new ();

  g_key_file_set_string (keys, GROUP, "model", path);
  g_key_file_set_double_list (keys, GROUP, "norms", (double *) (gpointer) norms->data, norms->len);
  if (g_mkdir_with_parents (folder, 0700) == 0)
    g_key_file_save_to_file (keys, file, NULL);
}
