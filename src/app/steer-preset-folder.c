#include "steer-preset-folder-private.h"

#include <string.h>

/* Editors save a file in several steps; one look after the last is enough. */
#define SETTLE_MS 100

/* More files than these would hold up a frame; a thread reads them. */
#define N_AT_ONCE 40

struct _SteerPresetFolder
{
  GObject parent_instance;

  char *bundled_dir; /* nullable */
  char *user_dir;
  GPtrArray *entries; /* (element-type SteerPresetEntry), as listed */
  GFileMonitor *monitor;
  guint settle_id;
  GCancellable *reading; /* nullable: of the thread that reads */
};

static void steer_preset_folder_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerPresetFolder,
                               steer_preset_folder,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, steer_preset_folder_list_model_init))

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
  g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
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

      if (g_str_equal (steer_preset_entry_get_path (entry), path))
        return entry;
    }
  return NULL;
}

static gboolean
is_preset_file (const char *name)
{
  return name[0] != '.' && (g_str_has_suffix (name, ".yaml") || g_str_has_suffix (name, ".yml"));
}

/* Entries that are there already stay the same objects, so that what is bound to them stays bound. @stale: gets those
 * whose files are to be read. */
static void
list_dir (SteerPresetFolder *self, const char *path, gboolean bundled, GPtrArray *entries, GPtrArray *stale)
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
      entry = entry != NULL ? g_object_ref (entry) : steer_preset_entry_new (file, bundled);
      if (steer_preset_entry_check (entry))
        g_ptr_array_add (stale, entry);
      else if (steer_preset_entry_get_name (entry) == NULL)
        {
          g_object_unref (entry); /* gone since it was listed */
          continue;
        }
      g_ptr_array_add (entries, entry);
    }
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  SteerPresetEntry *left = *(SteerPresetEntry *const *) a;
  SteerPresetEntry *right = *(SteerPresetEntry *const *) b;
  g_autofree char *left_name = g_utf8_casefold (steer_preset_entry_get_name (left), -1);
  g_autofree char *right_name = g_utf8_casefold (steer_preset_entry_get_name (right), -1);
  int order;

  if (steer_preset_entry_get_bundled (left) != steer_preset_entry_get_bundled (right))
    return steer_preset_entry_get_bundled (left) ? 1 : -1;
  order = g_utf8_collate (left_name, right_name);
  return order != 0 ? order : strcmp (steer_preset_entry_get_path (left), steer_preset_entry_get_path (right));
}

/* @entries: (transfer full): what is listed from now on, in any order. */
static void
show_entries (SteerPresetFolder *self, GPtrArray *entries)
{
  g_autoptr (GPtrArray) old = self->entries;
  guint head = 0;
  guint tail = 0;

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

static GArray *
make_readings (GPtrArray *stale)
{
  GArray *readings = g_array_new (FALSE, FALSE, sizeof (SteerPresetReading));

  g_array_set_clear_func (readings, (GDestroyNotify) steer_preset_reading_clear);
  g_array_set_size (readings, stale->len);
  for (guint i = 0; i < stale->len; i++)
    steer_preset_reading_init (&g_array_index (readings, SteerPresetReading, i),
                               steer_preset_entry_get_path (g_ptr_array_index (stale, i)));
  return readings;
}

static void
read_all (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GArray *readings = data;

  for (guint i = 0; i < readings->len && !g_cancellable_is_cancelled (cancellable); i++)
    steer_preset_reading_read (&g_array_index (readings, SteerPresetReading, i));
  g_task_return_boolean (task, TRUE);
}

static void
on_all_read (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerPresetFolder *self = STEER_PRESET_FOLDER (source);
  GArray *readings = g_task_get_task_data (G_TASK (result));
  GPtrArray *entries = g_ptr_array_new_with_free_func (g_object_unref);

  if (!g_task_propagate_boolean (G_TASK (result), NULL))
    {
      g_ptr_array_unref (entries);
      return;
    }
  for (guint i = 0; i < readings->len; i++)
    {
      const SteerPresetReading *reading = &g_array_index (readings, SteerPresetReading, i);
      SteerPresetEntry *entry = find_entry (self, reading->path);

      if (entry != NULL)
        steer_preset_entry_take (entry, reading);
    }
  for (guint i = 0; i < self->entries->len; i++)
    g_ptr_array_add (entries, g_object_ref (g_ptr_array_index (self->entries, i)));
  show_entries (self, entries);
}

/* Until they are read, files go by their own names. */
static void
read_later (SteerPresetFolder *self, GPtrArray *stale)
{
  g_autoptr (GTask) task = NULL;

  for (guint i = 0; i < stale->len; i++)
    {
      SteerPresetEntry *entry = g_ptr_array_index (stale, i);
      g_autofree char *stem = steer_preset_dup_stem (steer_preset_entry_get_path (entry));

      if (steer_preset_entry_get_name (entry) == NULL)
        steer_preset_entry_take (entry, &(SteerPresetReading){ .name = stem });
    }
  if (self->reading == NULL)
    self->reading = g_cancellable_new ();
  task = g_task_new (self, self->reading, on_all_read, NULL);
  g_task_set_task_data (task, make_readings (stale), (GDestroyNotify) g_array_unref);
  g_task_run_in_thread (task, read_all);
}

static void
read_now (GPtrArray *stale)
{
  g_autoptr (GArray) readings = make_readings (stale);

  for (guint i = 0; i < stale->len; i++)
    {
      SteerPresetReading *reading = &g_array_index (readings, SteerPresetReading, i);

      steer_preset_reading_read (reading);
      steer_preset_entry_take (g_ptr_array_index (stale, i), reading);
    }
}

static void
rescan (SteerPresetFolder *self)
{
  GPtrArray *entries = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) stale = g_ptr_array_new ();

  list_dir (self, self->bundled_dir, TRUE, entries, stale);
  list_dir (self, self->user_dir, FALSE, entries, stale);
  if (stale->len <= N_AT_ONCE)
    read_now (stale);
  else
    read_later (self, stale);
  show_entries (self, entries);
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

SteerPresetFolder *
steer_preset_folder_new (const char *bundled_dir, const char *user_dir)
{
  SteerPresetFolder *self = g_object_new (STEER_TYPE_PRESET_FOLDER, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (user_dir);

  self->bundled_dir = g_strdup (bundled_dir);
  self->user_dir = g_strdup (user_dir);
  if (g_mkdir_with_parents (user_dir, 0700) != 0)
    g_message ("%s cannot be made; presets will not be kept", user_dir);
  steer_preset_files_clear_aside (user_dir);
  self->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (self->monitor != NULL)
    g_signal_connect_swapped (self->monitor, "changed", G_CALLBACK (on_folder_changed), self);
  rescan (self);
  return self;
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

const char *
steer_preset_folder_get_user_dir (SteerPresetFolder *self)
{
  return self->user_dir;
}
