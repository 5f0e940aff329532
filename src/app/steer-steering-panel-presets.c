/* What the panel does with files: presets are loaded, renamed, deleted and imported. */
#include "steer-steering-panel-private.h"

#include <glib/gi18n.h>

#include "steer-dialogs.h"
#include "steer-steering-closures.h"

/* Runs @use, which puts another preset in use; says so with an Undo where changes would be lost. */
static gboolean
leave_preset (SteerSteeringPanel *self,
              gboolean (*use) (SteerSteeringPanel *, const char *, GError **),
              const char *path)
{
  gboolean modified = steer_workspace_get_preset_modified (self->workspace);
  SteerSteeringUndo *undo = modified ? steer_steering_undo_new (self) : NULL;
  g_autofree char *name
    = steer_steering_dup_preset_name (NULL, steer_preset_get_name (steer_steering_panel_get_preset (self)));
  g_autofree char *text = g_strdup_printf (_ ("Left “%s” with unsaved changes"), name);
  g_autoptr (GError) error = NULL;

  if (!use (self, path, &error))
    {
      g_clear_pointer (&undo, steer_steering_undo_free);
      steer_steering_panel_show_error (self, _ ("The preset could not be loaded"), error);
      return FALSE;
    }
  if (undo != NULL)
    steer_steering_panel_show_undo (self, text, undo);
  return TRUE;
}

static gboolean
use_file (SteerSteeringPanel *self, const char *path, GError **error)
{
  return steer_workspace_open_preset (self->workspace, path, error);
}

static gboolean
use_new (SteerSteeringPanel *self, const char *path, GError **error)
{
  g_autoptr (SteerPreset) preset = steer_preset_new ();

  steer_preset_set_default_clamp (
    preset, g_settings_get_boolean (steer_workspace_get_settings (self->workspace), "clamp-new-features"));
  steer_workspace_set_preset (self->workspace, preset);
  return TRUE;
}

gboolean
steer_steering_panel_use (SteerSteeringPanel *self, const char *path)
{
  g_return_val_if_fail (STEER_IS_STEERING_PANEL (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  return leave_preset (self, use_file, path);
}

static void
new_preset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  leave_preset (data, use_new, NULL);
}

static void
load (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_steering_panel_use (data, g_variant_get_string (parameter, NULL));
}

static void
on_name_to_rename (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSteeringPanel) self = data;
  g_autofree char *name = steer_dialog_ask_text_finish (result, NULL);
  SteerPresetFolder *folder = steer_workspace_get_presets (self->workspace);
  SteerPresetEntry *entry = steer_steering_panel_get_own_entry (self);
  g_autoptr (SteerPreset) changed = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  if (name == NULL)
    return;
  if (entry != NULL && !steer_preset_folder_rename (folder, entry, name, &error))
    {
      steer_steering_panel_show_error (self, _ ("The preset could not be renamed"), error);
      return;
    }
  steer_preset_set_name (steer_steering_panel_get_preset (self), name);
  if (entry == NULL)
    return;
  /* Renaming saves nothing else: what was changed stays changed. */
  changed = steer_preset_copy (steer_steering_panel_get_preset (self));
  path = steer_preset_folder_dup_path (folder, name);
  if (steer_workspace_open_preset (self->workspace, path, NULL))
    steer_preset_assign (steer_steering_panel_get_preset (self), changed);
}

static void
rename_preset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;

  steer_dialog_ask_text_async (steer_steering_panel_get_window (self), _ ("Rename Preset"), _ ("Name"),
                               steer_preset_get_name (steer_steering_panel_get_preset (self)), _ ("_Rename"),
                               on_name_to_rename, g_object_ref (self));
}

static void
delete_preset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  SteerPresetEntry *entry = steer_steering_panel_get_own_entry (self);
  SteerSteeringUndo *undo;
  char *token;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (entry == NULL)
    return;
  undo = steer_steering_undo_new (self);
  text = g_strdup_printf (_ ("Deleted “%s”"), steer_preset_entry_get_name (entry));
  token = steer_preset_folder_delete (steer_workspace_get_presets (self->workspace), entry, &error);
  if (token == NULL)
    {
      steer_steering_undo_free (undo);
      steer_steering_panel_show_error (self, _ ("The preset could not be deleted"), error);
      return;
    }
  steer_steering_undo_set_token (undo, token);
  steer_workspace_preset_saved (self->workspace, NULL);
  steer_steering_panel_show_undo (self, text, undo);
}

void
steer_steering_panel_import (SteerSteeringPanel *self, GFile *file)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  g_return_if_fail (STEER_IS_STEERING_PANEL (self));

  if (!steer_steering_panel_is_local (self, file))
    return;
  path = steer_preset_folder_import (steer_workspace_get_presets (self->workspace), g_file_peek_path (file), &error);
  if (path == NULL)
    steer_steering_panel_show_error (self, _ ("The preset could not be imported"), error);
  else
    steer_steering_panel_use (self, path);
}

static void
on_file_to_import (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSteeringPanel) self = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);

  if (file != NULL && self->workspace != NULL)
    steer_steering_panel_import (self, file);
}

static void
import (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;

  steer_dialog_open_file_async (steer_steering_panel_get_window (self), _ ("Import Preset"), STEER_FILES_PRESET,
                                on_file_to_import, g_object_ref (self));
}

void
steer_steering_panel_add_preset_actions (SteerSteeringPanel *self)
{
  static const GActionEntry entries[] = {
    { "new", new_preset },       { "load", load, "s" }, { "rename", rename_preset },
    { "delete", delete_preset }, { "import", import },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
}
