/* Presets are saved and exported: written to files by a thread. */
#include "steer-steering-panel-private.h"

#include <glib/gi18n.h>

#include "steer-dialogs.h"
#include "steer-steering-closures.h"

/* A disk may take its time to make a file durable, so files are written by a thread, from a copy of the preset. */
typedef struct
{
  SteerPreset *original; /* nullable: whose file and whose name these are once they are on disk */
  SteerPreset *preset;   /* its copy, which the thread has to itself */
  char *path;
  gboolean renamed; /* the copy has a name of its own */
} Writing;

static void
writing_free (gpointer data)
{
  Writing *writing = data;

  g_clear_object (&writing->original);
  g_object_unref (writing->preset);
  g_free (writing->path);
  g_free (writing);
}

static void
write_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Writing *writing = data;
  GError *error = NULL;

  if (steer_preset_save (writing->preset, writing->path, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
adopt (SteerSteeringPanel *self, Writing *writing)
{
  g_autoptr (SteerPreset) newer = NULL;

  if (writing->renamed)
    steer_preset_set_name (writing->original, steer_preset_get_name (writing->preset));
  if (steer_preset_equal (writing->original, writing->preset))
    {
      steer_workspace_preset_saved (self->workspace, writing->path);
      return;
    }
  /* A slider moved while the file was written. */
  newer = steer_preset_copy (writing->original);
  if (steer_workspace_open_preset (self->workspace, writing->path, NULL))
    steer_preset_assign (steer_steering_panel_get_preset (self), newer);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerSteeringPanel *self = STEER_STEERING_PANEL (source);
  Writing *writing = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  g_autofree char *name = g_filename_display_basename (writing->path);
  g_autofree char *text = g_strdup_printf (_ ("Saved as “%s”"), name);

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    {
      steer_steering_panel_show_error (self, _ ("The preset could not be saved"), error);
      return;
    }
  if (self->workspace == NULL)
    return;
  steer_preset_folder_refresh (steer_workspace_get_presets (self->workspace));
  /* Another preset may have been chosen meanwhile: the file is not its. */
  if (writing->original == steer_steering_panel_get_preset (self))
    adopt (self, writing);
  else
    steer_steering_panel_show_text (self, text);
}

/* @name: (nullable): what the preset is called from then on; NULL: as before. @keep: the file is the preset's from then
 * on. */
static void
write_preset (SteerSteeringPanel *self, SteerPreset *preset, const char *path, const char *name, gboolean keep)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, on_written, NULL);
  Writing *writing = g_new0 (Writing, 1);

  writing->original = keep ? g_object_ref (preset) : NULL;
  writing->preset = steer_preset_copy (preset);
  writing->path = g_strdup (path);
  writing->renamed = name != NULL;
  if (name != NULL)
    steer_preset_set_name (writing->preset, name);
  g_task_set_task_data (task, writing, writing_free);
  g_task_run_in_thread (task, write_in_thread);
}

/* What Save As asks about. Until the file is written it may end with nothing done. */
typedef struct
{
  SteerSteeringPanel *panel;
  SteerPreset *preset;
  char *name; /* NULL until it is told */
} Naming;

static Naming *
naming_new (SteerSteeringPanel *panel, SteerPreset *preset, const char *name)
{
  Naming *naming = g_new0 (Naming, 1);

  naming->panel = g_object_ref (panel);
  naming->preset = g_object_ref (preset);
  naming->name = g_strdup (name);
  return naming;
}

static void
naming_free (Naming *naming)
{
  g_object_unref (naming->panel);
  g_object_unref (naming->preset);
  g_free (naming->name);
  g_free (naming);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Naming, naming_free)

static void
on_overwrite (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Naming) naming = data;
  g_autofree char *path = NULL;

  if (!steer_dialog_confirm_finish (result, NULL))
    return;
  path = steer_preset_folder_dup_path (steer_workspace_get_presets (naming->panel->workspace), naming->name);
  write_preset (naming->panel, naming->preset, path, naming->name, TRUE);
}

static void
on_name_to_save (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Naming) naming = data;
  SteerSteeringPanel *self = naming->panel;
  g_autofree char *name = steer_dialog_ask_text_finish (result, NULL);
  g_autofree char *path = NULL, *body = NULL;

  if (name == NULL)
    return;
  path = steer_preset_folder_dup_path (steer_workspace_get_presets (self->workspace), name);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      write_preset (self, naming->preset, path, name, TRUE);
      return;
    }
  body = g_strdup_printf (_ ("There is already a preset called “%s”. Replacing it loses what is in it."), name);
  steer_dialog_confirm_async (steer_steering_panel_get_window (self), _ ("Replace Preset?"), body, _ ("_Replace"), TRUE,
                              on_overwrite, naming_new (self, naming->preset, name));
}

static void
save_as (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  SteerPreset *preset = steer_steering_panel_get_preset (self);
  const char *name = steer_preset_get_name (preset);
  g_autofree char *proposed
    = steer_steering_panel_is_bundled (self) ? g_strdup_printf (_ ("My %s"), name) : g_strdup (name);

  steer_dialog_ask_text_async (steer_steering_panel_get_window (self), _ ("Save Preset As"), _ ("Name"), proposed,
                               _ ("_Save"), on_name_to_save, naming_new (self, preset, NULL));
}

static void
save (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  const char *path = steer_workspace_get_preset_path (self->workspace);

  if (path == NULL || steer_steering_panel_is_bundled (self))
    save_as (action, parameter, data);
  else
    write_preset (self, steer_steering_panel_get_preset (self), path, NULL, TRUE);
}

void
steer_steering_panel_export (SteerSteeringPanel *self, GFile *file)
{
  g_return_if_fail (STEER_IS_STEERING_PANEL (self));

  if (steer_steering_panel_is_local (self, file))
    write_preset (self, steer_steering_panel_get_preset (self), g_file_peek_path (file), NULL, FALSE);
}

static void
on_file_to_export (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSteeringPanel) self = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);

  if (file != NULL && self->workspace != NULL)
    steer_steering_panel_export (self, file);
}

static void
export_preset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  g_autofree char *title
    = steer_steering_dup_preset_name (NULL, steer_preset_get_name (steer_steering_panel_get_preset (self)));
  g_autofree char *name = steer_dialog_make_file_name (title, ".yaml");

  steer_dialog_save_file_async (steer_steering_panel_get_window (self), _ ("Export Preset"), name, STEER_FILES_PRESET,
                                on_file_to_export, g_object_ref (self));
}

void
steer_steering_panel_add_save_actions (SteerSteeringPanel *self)
{
  static const GActionEntry entries[] = {
    { "save", save },
    { "save-as", save_as },
    { "export", export_preset },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
}
