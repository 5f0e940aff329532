/* A preset on disk, as far as a list of them needs to know it. */
#include "steer-preset-folder-private.h"

#include <glib/gstdio.h>
#include <string.h>

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

char *
steer_preset_dup_stem (const char *path)
{
  g_autofree char *shown = g_filename_display_basename (path);
  char *dot = strrchr (shown, '.');

  if (dot != NULL && dot != shown)
    *dot = '\0';
  return g_steal_pointer (&shown);
}

void
steer_preset_reading_init (SteerPresetReading *self, const char *path)
{
  *self = (SteerPresetReading){ .path = g_strdup (path) };
}

void
steer_preset_reading_read (SteerPresetReading *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerPreset) preset = steer_preset_new_from_file (self->path, &error);

  if (preset != NULL)
    self->name = g_strdup (steer_preset_get_name (preset));
  if (self->name == NULL)
    self->name = steer_preset_dup_stem (self->path);
  if (error != NULL)
    self->error = g_strdup (error->message);
}

void
steer_preset_reading_clear (SteerPresetReading *self)
{
  g_clear_pointer (&self->path, g_free);
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->error, g_free);
}

gboolean
steer_preset_entry_check (SteerPresetEntry *self)
{
  gint64 mtime_us;
  GStatBuf status;

  if (g_stat (self->path, &status) != 0)
    return FALSE;
  mtime_us = (gint64) status.st_mtim.tv_sec * G_USEC_PER_SEC + status.st_mtim.tv_nsec / 1000;
  if (self->mtime_us == mtime_us && self->size == status.st_size)
    return FALSE;
  self->mtime_us = mtime_us;
  self->size = status.st_size;
  return TRUE;
}

void
steer_preset_entry_take (SteerPresetEntry *self, const SteerPresetReading *reading)
{
  set_string (self, &self->name, reading->name, PROP_NAME);
  set_string (self, &self->error, reading->error, PROP_ERROR);
}

SteerPresetEntry *
steer_preset_entry_new (const char *path, gboolean bundled)
{
  SteerPresetEntry *self = g_object_new (STEER_TYPE_PRESET_ENTRY, NULL);

  self->path = g_strdup (path);
  self->bundled = bundled;
  self->size = -1; /* of no file */
  return self;
}
