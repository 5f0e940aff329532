#include "steer-preset-folder.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

/* Editors save a file in several steps; one look after the last is enough. */
#define SETTLE_MS 100

/* Deleted presets wait here for Undo, and are cleared away at a later start. */
#define ASIDE_DIR ".deleted"
#define ASIDE_SECONDS (24 * 60 * 60)

/* Names of files may have 255 bytes; this leaves room for the ending and for numbers. */
#define MAX_STEM_BYTES 180

struct _SteerPresetEntry
{
  GObject parent_instance;

  char *name;
  char *path;
  char *error;
  gboolean bundled;
  gint64 mtime_us; /* of the file as it was read */
  goffset size;
};

enum
{
  PROP_0,
  PROP_NAME,
  PROP_PATH,
  PROP_BUNDLED,
  PROP_ERROR,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerPresetEntry, steer_preset_entry, G_TYPE_OBJECT)

struct _SteerPresetFolder
{
  GObject parent_instance;

  char *bundled_dir; /* nullable */
  char *user_dir;
  GPtrArray *entries; /* (element-type SteerPresetEntry), as listed */
  GFileMonitor *monitor;
  guint settle_id;
};

static void steer_preset_folder_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerPresetFolder,
                               steer_preset_folder,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, steer_preset_folder_list_model_init))

static void
steer_preset_entry_finalize (GObject *object)
{
  SteerPresetEntry *self = STEER_PRESET_ENTRY (object);

  g_free (self->name);
  g_free (self->path);
  g_free (self->error);
  G_OBJECT_CLASS (steer_preset_entry_parent_class)->finalize (object);
}

static void
steer_preset_entry_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerPresetEntry *self = STEER_PRESET_ENTRY (object);

  switch (id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_PATH:
      g_value_set_string (value, self->path);
      break;
    case PROP_BUNDLED:
      g_value_set_boolean (value, self->bundled);
      break;
    case PROP_ERROR:
      g_value_set_string (value, self->error);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_preset_entry_class_init (SteerPresetEntryClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = steer_preset_entry_finalize;
  object_class->get_property = steer_preset_entry_get_property;
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);
  properties[PROP_PATH] = g_param_spec_string ("path", NULL, NULL, NULL, flags);
  properties[PROP_BUNDLED] = g_param_spec_boolean ("bundled", NULL, NULL, FALSE, flags);
  properties[PROP_ERROR] = g_param_spec_string ("error", NULL, NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_preset_entry_init (SteerPresetEntry *self)
{
}

const char *
steer_preset_entry_get_name (SteerPresetEntry *self)
{
  g_return_val_if_fail (STEER_IS_PRESET_ENTRY (self), NULL);
  return self->name;
}

const char *
steer_preset_entry_get_path (SteerPresetEntry *self)
{
  g_return_val_if_fail (STEER_IS_PRESET_ENTRY (self), NULL);
  return self->path;
}

gboolean
steer_preset_entry_get_bundled (SteerPresetEntry *self)
{
  g_return_val_if_fail (STEER_IS_PRESET_ENTRY (self), FALSE);
  return self->bundled;
}

const char *
steer_preset_entry_get_error (SteerPresetEntry *self)
{
  g_return_val_if_fail (STEER_IS_PRESET_ENTRY (self), NULL);
  return self->error;
}

static void
set_string (SteerPresetEntry *self, char **place, const char *value, guint property)
{
  if (g_strcmp0 (*place, value) == 0)
    return;
  g_free (*place);
  *place = g_strdup (value);
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

static char *
dup_stem (const char *path)
{
  g_autofree char *shown = g_filename_display_basename (path);
  char *dot = strrchr (shown, '.');

  if (dot != NULL && dot != shown)
    *dot = '\0';
  return g_steal_pointer (&shown);
}

/* Reads the file again when it is not the one that was read. */
static void
entry_refresh (SteerPresetEntry *self)
{
  g_autoptr (SteerPreset) preset = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *stem = dup_stem (self->path);
  gint64 mtime_us;
  GStatBuf status;

  if (g_stat (self->path, &status) != 0)
    return;
  mtime_us = (gint64) status.st_mtim.tv_sec * G_USEC_PER_SEC + status.st_mtim.tv_nsec / 1000;
  if (self->name != NULL && self->mtime_us == mtime_us && self->size == status.st_size)
    return;
  self->mtime_us = mtime_us;
  self->size = status.st_size;
  preset = steer_preset_new_from_file (self->path, &error);
  set_string (self, &self->name, preset != NULL ? steer_preset_get_name (preset) : stem, PROP_NAME);
  set_string (self, &self->error, error != NULL ? error->message : NULL, PROP_ERROR);
}

static SteerPresetEntry *
entry_new (const char *path, gboolean bundled)
{
  SteerPresetEntry *self = g_object_new (STEER_TYPE_PRESET_ENTRY, NULL);

  self->path = g_strdup (path);
  self->bundled = bundled;
  return self;
}

static GType
get_item_type (GListModel *model)
{
  return STEER_TYPE_PRESET_ENTRY;
}

static guint
get_n_items (GListModel *model)
{
  return STEER_PRESET_FOLDER (model)->entries->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  SteerPresetFolder *self = STEER_PRESET_FOLDER (model);

  return position < self->entries->len ? g_object_ref (g_ptr_array_index (self->entries, position)) : NULL;
}

static void
steer_preset_folder_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static void
steer_preset_folder_dispose (GObject *object)
{
  SteerPresetFolder *self = STEER_PRESET_FOLDER (object);

  g_clear_handle_id (&self->settle_id, g_source_remove);
  if (self->monitor != NULL)
    g_file_monitor_cancel (self->monitor);
  g_clear_object (&self->monitor);
  G_OBJECT_CLASS (steer_preset_folder_parent_class)->dispose (object);
}

static void
steer_preset_folder_finalize (GObject *object)
{
  SteerPresetFolder *self = STEER_PRESET_FOLDER (object);

  g_free (self->bundled_dir);
  g_free (self->user_dir);
  g_ptr_array_unref (self->entries);
  G_OBJECT_CLASS (steer_preset_folder_parent_class)->finalize (object);
}

static void
steer_preset_folder_class_init (SteerPresetFolderClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = steer_preset_folder_dispose;
  object_class->finalize = steer_preset_folder_finalize;
}

static void
steer_preset_folder_init (SteerPresetFolder *self)
{
  self->entries = g_ptr_array_new_with_free_func (g_object_unref);
}

static SteerPresetEntry *
find_entry (SteerPresetFolder *self, const char *path)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      SteerPresetEntry *entry = g_ptr_array_index (self->entries, i);

      if (g_str_equal (entry->path, path))
        return entry;
    }
  return NULL;
}

static gboolean
is_preset_file (const char *name)
{
  return name[0] != '.' && (g_str_has_suffix (name, ".yaml") || g_str_has_suffix (name, ".yml"));
}

/* Entries that are there already stay the same objects, so that what is bound to them stays bound. */
static void
list_dir (SteerPresetFolder *self, const char *path, gboolean bundled, GPtrArray *entries)
{
  g_autoptr (GDir) dir = path != NULL ? g_dir_open (path, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      SteerPresetEntry *entry;

      if (!is_preset_file (name))
        continue;
      entry = find_entry (self, file);
      entry = entry != NULL ? g_object_ref (entry) : entry_new (file, bundled);
      entry_refresh (entry);
      if (entry->name != NULL)
        g_ptr_array_add (entries, entry);
      else
        g_object_unref (entry); /* gone since it was listed */
    }
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const SteerPresetEntry *left = *(SteerPresetEntry *const *) a;
  const SteerPresetEntry *right = *(SteerPresetEntry *const *) b;
  g_autofree char *left_name = g_utf8_casefold (left->name, -1);
  g_autofree char *right_name = g_utf8_casefold (right->name, -1);
  int order;

  if (left->bundled != right->bundled)
    return left->bundled ? -1 : 1;
  order = g_utf8_collate (left_name, right_name);
  return order != 0 ? order : strcmp (left->path, right->path);
}

static void
rescan (SteerPresetFolder *self)
{
  g_autoptr (GPtrArray) old = self->entries;
  GPtrArray *entries = g_ptr_array_new_with_free_func (g_object_unref);
  guint head = 0;
  guint tail = 0;

  list_dir (self, self->bundled_dir, TRUE, entries);
  list_dir (self, self->user_dir, FALSE, entries);
  g_ptr_array_sort (entries, compare_entries);
  self->entries = entries;

  while (head < MIN (old->len, entries->len) && old->pdata[head] == entries->pdata[head])
    head++;
  while (tail < MIN (old->len, entries->len) - head
         && old->pdata[old->len - 1 - tail] == entries->pdata[entries->len - 1 - tail])
    tail++;
  if (old->len - head - tail > 0 || entries->len - head - tail > 0)
    g_list_model_items_changed (G_LIST_MODEL (self), head, old->len - head - tail, entries->len - head - tail);
}

static gboolean
on_settled (gpointer data)
{
  SteerPresetFolder *self = data;

  self->settle_id = 0;
  rescan (self);
  return G_SOURCE_REMOVE;
}

static void
on_folder_changed (SteerPresetFolder *self)
{
  if (self->settle_id != 0)
    g_source_remove (self->settle_id);
  self->settle_id = g_timeout_add (SETTLE_MS, on_settled, self);
}

static void
clear_old_asides (SteerPresetFolder *self)
{
  g_autofree char *aside = g_build_filename (self->user_dir, ASIDE_DIR, NULL);
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

SteerPresetFolder *
steer_preset_folder_new (const char *bundled_dir, const char *user_dir)
{
  SteerPresetFolder *self = g_object_new (STEER_TYPE_PRESET_FOLDER, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (user_dir);

  self->bundled_dir = g_strdup (bundled_dir);
  self->user_dir = g_strdup (user_dir);
  if (g_mkdir_with_parents (user_dir, 0700) != 0)
    g_message ("%s cannot be made; presets will not be kept", user_dir);
  clear_old_asides (self);
  self->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (self->monitor != NULL)
    g_signal_connect_swapped (self->monitor, "changed", G_CALLBACK (on_folder_changed), self);
  rescan (self);
  return self;
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

  return g_build_filename (self->user_dir, file, NULL);
}

char *
steer_preset_folder_save (SteerPresetFolder *self, SteerPreset *preset, gboolean overwrite, GError **error)
{
  g_autofree char *path = NULL;

  g_return_val_if_fail (STEER_IS_PRESET_FOLDER (self), NULL);
  g_return_val_if_fail (STEER_IS_PRESET (preset), NULL);

  path = steer_preset_folder_dup_path (self, steer_preset_get_name (preset));
  if (!overwrite && g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_EXIST, _ ("there is already a preset called “%s”"),
                   steer_preset_get_name (preset));
      return NULL;
    }
  if (!steer_preset_save (preset, path, error))
    return NULL;
  rescan (self);
  return g_steal_pointer (&path);
}

static gboolean
check_own (SteerPresetEntry *entry, GError **error)
{
  if (!entry->bundled)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_READ_ONLY, _ ("“%s” comes with the program and cannot be changed"),
               entry->name);
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
  preset = steer_preset_new_from_file (entry->path, error);
  if (preset == NULL)
    return FALSE;
  old = g_strdup (entry->path);
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
  rescan (self);
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
  g_autofree char *stem = dup_stem (name);
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
  aside = g_build_filename (self->user_dir, ASIDE_DIR, NULL);
  name = g_path_get_basename (entry->path);
  g_mkdir_with_parents (aside, 0700);
  token = make_free_path (aside, name);
  if (!move_file (entry->path, token, error))
    return NULL;
  rescan (self);
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
  path = make_free_path (self->user_dir, name);
  if (!move_file (token, path, error))
    return FALSE;
  rescan (self);
  return TRUE;
}

SteerPresetEntry *
steer_preset_folder_find (SteerPresetFolder *self, const char *path)
{
  g_return_val_if_fail (STEER_IS_PRESET_FOLDER (self), NULL);
  return path != NULL ? find_entry (self, path) : NULL;
}

void
steer_preset_folder_refresh (SteerPresetFolder *self)
{
  g_return_if_fail (STEER_IS_PRESET_FOLDER (self));
  rescan (self);
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
  target = make_free_path (self->user_dir, name);
  if (!g_str_equal (target, wanted))
    {
      g_autofree char *stem = dup_stem (target);

      steer_preset_set_name (preset, stem);
    }
  if (!steer_preset_save (preset, target, error))
    return NULL;
  rescan (self);
  return g_steal_pointer (&target);
}
