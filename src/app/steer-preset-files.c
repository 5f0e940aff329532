/* Presets as files of the user's: names that are free, saving, renaming, putting aside, importing. */
#include "steer-preset-folder-private.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

/* What was put aside is cleared away at a later start. */
#define ASIDE_SECONDS (24 * 60 * 60)

/* Names of files may have 255 bytes; this leaves room for the ending and for numbers. */
#define MAX_STEM_BYTES 180

void
steer_preset_files_clear_aside (const char *user_dir)
{
  g_autofree char *aside = g_build_filename (user_dir, STEER_PRESET_ASIDE_DIR, NULL);
  g_autoptr (GDir) dir = g_dir_open (aside, 0, NULL);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (aside, name, NULL);
      GStatBuf status;

      if (g_stat (path, &status) == 0 && status.st_ctim.tv_sec + ASIDE_SECONDS < now)
        g_unlink (path);
    }
}

char *
steer_preset_folder_make_stem (const char *name)
{
  g_autofree char *valid = g_utf8_make_valid (name != NULL ? name : "", -1);
  g_autoptr (GString) stem = g_string_new (NULL);

  g_strstrip (valid);
  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      gboolean safe = !g_unichar_iscntrl (c) && (c >= 0x80 || strchr ("/\\:*?\"<>|", (int) c) == NULL);

      if (stem->len + 6 > MAX_STEM_BYTES)
        break;
      /* A leading dot would hide the file. */
      g_string_append_unichar (stem, safe && !(c == '.' && stem->len == 0) ? c : '-');
    }
  if (stem->len == 0)
    g_string_append (stem, "preset");
  return g_strdup (stem->str);
}

char *
steer_preset_folder_dup_path (SteerPresetFolder *self, const char *name)
{
  g_autofree char *stem = steer_preset_folder_make_stem (name);
  g_autofree char *file = g_strconcat (stem, ".yaml", NULL);

  return g_build_filename (steer_preset_folder_get_user_dir (self), file, NULL);
}

static gboolean
check_own (SteerPresetEntry *entry, GError **error)
{
  if (!steer_preset_entry_get_bundled (entry))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_READ_ONLY, _ ("“%s” comes with the program and cannot be changed"),
               steer_preset_entry_get_name (entry));
  return FALSE;
}

gboolean
steer_preset_folder_rename (SteerPresetFolder *self, SteerPresetEntry *entry, const char *name, GError **error)
{
  g_autoptr (SteerPreset) preset = NULL;
  g_autofree char *old = NULL;
  g_autofree char *path = NULL;

  g_return_val_if_fail (STEER_IS_PRESET_FOLDER (self), FALSE);
  g_return_val_if_fail (STEER_IS_PRESET_ENTRY (entry), FALSE);

  if (!check_own (entry, error))
    return FALSE;
  preset = steer_preset_new_from_file (steer_preset_entry_get_path (entry), error);
  if (preset == NULL)
    return FALSE;
  old = g_strdup (steer_preset_entry_get_path (entry));
  path = steer_preset_folder_dup_path (self, name);
  steer_preset_set_name (preset, name);
  if (!g_str_equal (path, old) && g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_EXIST, _ ("there is already a preset called “%s”"), name);
      return FALSE;
    }
  if (!steer_preset_save (preset, path, error))
    return FALSE;
  if (!g_str_equal (path, old))
    g_unlink (old);
  steer_preset_folder_refresh (self);
  return TRUE;
}

static gboolean
move_file (const char *from, const char *to, GError **error)
{
  g_autoptr (GFile) source = g_file_new_for_path (from);
  g_autoptr (GFile) target = g_file_new_for_path (to);

  return g_file_move (source, target, G_FILE_COPY_NOFOLLOW_SYMLINKS, NULL, NULL, NULL, error);
}

/* "dir/name", or "dir/name 2", ... when that is taken. */
static char *
make_free_path (const char *dir, const char *name)
{
  g_autofree char *stem = steer_preset_dup_stem (name);
  char *path = g_build_filename (dir, name, NULL);

  for (guint i = 2; g_file_test (path, G_FILE_TEST_EXISTS | G_FILE_TEST_IS_SYMLINK); i++)
    {
      g_autofree char *numbered = g_strdup_printf ("%s %u.yaml", stem, i);

      g_free (path);
      path = g_build_filename (dir, numbered, NULL);
    }
  return path;
}

char *
steer_preset_folder_delete (SteerPresetFolder *self, SteerPresetEntry *entry, GError **error)
{
  g_autofree char *aside = NULL;
  g_autofree char *name = NULL;
  g_autofree char *token = NULL;

  g_return_val_if_fail (STEER_IS_PRESET_FOLDER (self), NULL);
  g_return_val_if_fail (STEER_IS_PRESET_ENTRY (entry), NULL);

  if (!check_own (entry, error))
    return NULL;
  aside = g_build_filename (steer_preset_folder_get_user_dir (self), STEER_PRESET_ASIDE_DIR, NULL);
  name = g_path_get_basename (steer_preset_entry_get_path (entry));
  g_mkdir_with_parents (aside, 0700);
  token = make_free_path (aside, name);
  if (!move_file (steer_preset_entry_get_path (entry), token, error))
    return NULL;
  steer_preset_folder_refresh (self);
  return g_steal_pointer (&token);
}

gboolean
steer_preset_folder_undelete (SteerPresetFolder *self, const char *token, GError **error)
{
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;

  g_return_val_if_fail (STEER_IS_PRESET_FOLDER (self), FALSE);
  g_return_val_if_fail (token != NULL, FALSE);

  name = g_path_get_basename (token);
  path = make_free_path (steer_preset_folder_get_user_dir (self), name);
  if (!move_file (token, path, error))
    return FALSE;
  steer_preset_folder_refresh (self);
  return TRUE;
}

char *
steer_preset_folder_import (SteerPresetFolder *self, const char *path, GError **error)
{
  g_autoptr (SteerPreset) preset = NULL;
  g_autofree char *wanted = NULL;
  g_autofree char *name = NULL;
  g_autofree char *target = NULL;

  g_return_val_if_fail (STEER_IS_PRESET_FOLDER (self), NULL);
  g_return_val_if_fail (path != NULL, NULL);

  preset = steer_preset_new_from_file (path, error);
  if (preset == NULL)
    return NULL;
  wanted = steer_preset_folder_dup_path (self, steer_preset_get_name (preset));
  name = g_path_get_basename (wanted);
  target = make_free_path (steer_preset_folder_get_user_dir (self), name);
  if (!g_str_equal (target, wanted))
    {
      g_autofree char *stem = steer_preset_dup_stem (target);

      steer_preset_set_name (preset, stem);
    }
  if (!steer_preset_save (preset, target, error))
    return NULL;
  steer_preset_folder_refresh (self);
  return g_steal_pointer (&target);
}
