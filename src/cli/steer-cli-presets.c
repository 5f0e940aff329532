/* Presets by name: of their file, or as the window shows them. */
#include "steer-cli-steering.h"

#include <string.h>

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Those that the desktop app keeps, then the bundled ones. Free with g_strfreev(). */
static char **
list_folders (void)
{
  char **folders = g_new0 (char *, 3);

  folders[0] = g_build_filename (g_get_user_data_dir (), "steer-chat", "presets", NULL);
  folders[1] = steer_dup_presets_path ();
  return folders;
}

/* Without ".yaml", sorted; free with g_strfreev(). */
static char **
list_files (void)
{
  g_auto (GStrv) folders = list_folders ();
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; folders[i] != NULL; i++)
    {
      g_autoptr (GDir) dir = g_dir_open (folders[i], 0, NULL);
      const char *file;

      while (dir != NULL && (file = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *name = g_strndup (file, strlen (file) - MIN (strlen (file), strlen (".yaml")));

          if (*file != '.' && g_str_has_suffix (file, ".yaml")
              && !g_ptr_array_find_with_equal_func (names, name, g_str_equal, NULL))
            g_ptr_array_add (names, g_steal_pointer (&name));
        }
    }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

/* The bundled presets are numbered for the sake of their order: "01-eiffel-tower" answers to "eiffel-tower". */
static const char *
skip_number (const char *file)
{
  gsize digits = strspn (file, "0123456789");

  return digits > 0 && file[digits] == '-' && file[digits + 1] != '\0' ? file + digits + 1 : file;
}

/* (transfer full) */
static SteerPreset *
open_file (const char *file, GError **error)
{
  g_auto (GStrv) folders = list_folders ();
  g_autofree char *name = g_strconcat (file, ".yaml", NULL);
  g_autofree char *path = g_build_filename (folders[0], name, NULL);

  if (!g_file_test (path, G_FILE_TEST_EXISTS) && folders[1] != NULL)
    {
      g_free (path);
      path = g_build_filename (folders[1], name, NULL);
    }
  return steer_preset_new_from_file (path, error);
}

/* What the window shows. */
static gboolean
is_shown_as (const char *file, const char *name)
{
  g_autoptr (SteerPreset) preset = open_file (file, NULL);
  const char *shown = preset != NULL ? steer_preset_get_name (preset) : NULL;
  g_autofree char *a = shown != NULL ? g_utf8_casefold (shown, -1) : NULL;
  g_autofree char *b = g_utf8_casefold (name, -1);

  return g_strcmp0 (a, b) == 0;
}

/* The very file, else what is called so but for its number, else what is shown so. NULL: none. */
static const char *
find_file (char **files, const char *name)
{
  if (g_strv_contains ((const char *const *) files, name))
    return name;
  for (guint i = 0; files[i] != NULL; i++)
    if (g_ascii_strcasecmp (skip_number (files[i]), name) == 0)
      return files[i];
  for (guint i = 0; files[i] != NULL; i++)
    if (is_shown_as (files[i], name))
      return files[i];
  return NULL;
}

char **
steer_cli_list_presets (void)
{
  char **files = list_files ();

  for (guint i = 0; files[i] != NULL; i++)
    {
      const char *name = skip_number (files[i]);

      if (g_str_equal (find_file (files, name), files[i]))
        memmove (files[i], name, strlen (name) + 1);
    }
  return files;
}

static void
fail_unknown (const char *name, GError **error)
{
  g_auto (GStrv) known = steer_cli_list_presets ();
  g_autofree char *list = g_strjoinv (", ", known);

  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
               "there is no file \"%s\", and no preset of that name either; presets known by name: %s%s", name,
               known[0] != NULL ? list : "none", known[0] != NULL ? "; or by what the window calls them" : "");
}

SteerPreset *
steer_cli_open_preset (const char *name, GError **error)
{
  if (strchr (name, G_DIR_SEPARATOR) != NULL || g_file_test (name, G_FILE_TEST_EXISTS))
    return steer_preset_new_from_file (name, error);
  return steer_cli_open_known_preset (name, error);
}

SteerPreset *
steer_cli_open_known_preset (const char *name, GError **error)
{
  g_auto (GStrv) files = list_files ();
  const char *file = find_file (files, name);

  if (file != NULL)
    return open_file (file, error);
  fail_unknown (name, error);
  return NULL;
}
