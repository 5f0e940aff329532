/* What the panel's menus and keys do. Whatever throws work away can be undone from its toast. */
#include "steer-steering-panel-private.h"

#include <glib/gi18n.h>

#include "steer-add-feature-dialog.h"
#include "steer-dialogs.h"
#include "steer-steering-closures.h"

/* What Undo goes back to: the preset as it was, and the file it belonged to. */
typedef struct
{
  SteerSteeringPanel *panel; /* owned */
  SteerPreset *preset;
  char *path;  /* nullable */
  char *token; /* nullable: of a deleted file, to be brought back first */
} Undo;

static GtkWindow *
get_window (SteerSteeringPanel *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));

  return root != NULL ? GTK_WINDOW (root) : NULL;
}

static SteerPreset *
get_preset (SteerSteeringPanel *self)
{
  return steer_workspace_get_preset (self->workspace);
}

/* The user's own file of the preset in use; NULL when it has none or came with the program. */
static SteerPresetEntry *
get_own_entry (SteerSteeringPanel *self)
{
  SteerPresetEntry *entry = steer_preset_folder_find (steer_workspace_get_presets (self->workspace),
                                                      steer_workspace_get_preset_path (self->workspace));

  return entry != NULL && !steer_preset_entry_get_bundled (entry) ? entry : NULL;
}

static gboolean
is_bundled (SteerSteeringPanel *self)
{
  SteerPresetEntry *entry = steer_preset_folder_find (steer_workspace_get_presets (self->workspace),
                                                      steer_workspace_get_preset_path (self->workspace));

  return entry != NULL && steer_preset_entry_get_bundled (entry);
}

/* Names and errors come from strangers' files: never markup. */
static AdwToast *
make_toast (const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  return adw_toast_new (escaped);
}

/* Takes @toast. */
static void
emit_toast (SteerSteeringPanel *self, AdwToast *toast)
{
  g_signal_emit_by_name (self, "toast", toast);
  g_object_unref (toast);
}

static void
show_text (SteerSteeringPanel *self, const char *text)
{
  emit_toast (self, make_toast (text));
}

static void
show_error (SteerSteeringPanel *self, const char *what, GError *error)
{
  g_autofree char *text = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  text = g_strdup_printf ("%s: %s", what, error->message);
  show_text (self, text);
}

static void
undo_free (Undo *undo)
{
  g_object_unref (undo->panel);
  g_object_unref (undo->preset);
  g_free (undo->path);
  g_free (undo->token);
  g_free (undo);
}

static Undo *
undo_new (SteerSteeringPanel *self)
{
  Undo *undo = g_new0 (Undo, 1);

  undo->panel = g_object_ref (self);
  undo->preset = steer_preset_copy (get_preset (self));
  undo->path = g_strdup (steer_workspace_get_preset_path (self->workspace));
  return undo;
}

static void
on_undo (AdwToast *toast, Undo *undo)
{
  SteerSteeringPanel *self = undo->panel;
  g_autoptr (GError) error = NULL;

  if (undo->token != NULL
      && !steer_preset_folder_undelete (steer_workspace_get_presets (self->workspace), undo->token, &error))
    show_error (self, _ ("The preset could not be brought back"), error);
  /* The file is what the preset is measured by; its unsaved changes are put back on top of it. */
  if (undo->path != NULL && steer_workspace_open_preset (self->workspace, undo->path, NULL))
    steer_preset_assign (get_preset (self), undo->preset);
  else
    steer_workspace_set_preset (self->workspace, undo->preset);
}

static void
undo_closure_free (gpointer data, GClosure *closure)
{
  undo_free (data);
}

/* Takes @undo. */
static void
show_undo (SteerSteeringPanel *self, const char *text, Undo *undo)
{
  AdwToast *toast = make_toast (text);

  adw_toast_set_button_label (toast, _ ("_Undo"));
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo), undo, undo_closure_free, 0);
  emit_toast (self, toast);
}

static void
toggle (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerPreset *preset = get_preset (data);

  steer_preset_set_master_enabled (preset, !steer_preset_get_master_enabled (preset));
}

/* Back to the file where there is one, else to what the sources recommend. */
static void
reset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  SteerPreset *preset = get_preset (self);
  const char *path = steer_workspace_get_preset_path (self->workspace);
  gboolean modified = steer_workspace_get_preset_modified (self->workspace);
  Undo *undo = undo_new (self);

  steer_steering_panel_set_solo (self, NULL);
  if (path != NULL && modified && steer_workspace_open_preset (self->workspace, path, NULL))
    {
      show_undo (self, _ ("Back to the saved strengths"), undo);
      return;
    }
  steer_steering_reset (preset);
  show_undo (self, _ ("Back to the recommended strengths"), undo);
}

static void
on_chosen (SteerSteeringPanel *self, SteerFeature *feature)
{
  SteerPreset *preset = get_preset (self);

  steer_feature_set_clamp (feature, steer_preset_get_default_clamp (preset));
  steer_preset_append (preset, feature);
  steer_steering_panel_focus_row (self, g_list_model_get_n_items (G_LIST_MODEL (preset)) - 1);
}

static void
add_feature (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  GtkWidget *dialog = steer_add_feature_dialog_new (get_window (self), steer_workspace_get_library (self->workspace));

  g_signal_connect_object (dialog, "chosen", G_CALLBACK (on_chosen), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
duplicate_row (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  guint position = g_variant_get_uint32 (parameter);

  if (position >= g_list_model_get_n_items (G_LIST_MODEL (get_preset (self))))
    return;
  steer_steering_duplicate (get_preset (self), position);
  steer_steering_panel_focus_row (self, position + 1);
}

typedef struct
{
  SteerPreset *preset;
  SteerFeature *feature;
  guint position;
} Removal;

static void
on_undo_removal (AdwToast *toast, Removal *removal)
{
  steer_preset_insert (removal->preset, removal->position, removal->feature);
}

static void
removal_free (gpointer data, GClosure *closure)
{
  Removal *removal = data;

  g_object_unref (removal->preset);
  g_object_unref (removal->feature);
  g_free (removal);
}

static void
remove_row (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  SteerPreset *preset = get_preset (self);
  guint position = g_variant_get_uint32 (parameter);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (preset));
  g_autoptr (SteerFeature) feature = g_list_model_get_item (G_LIST_MODEL (preset), position);
  g_autofree char *title = NULL, *text = NULL;
  Removal *removal;
  AdwToast *toast;

  if (feature == NULL)
    return;
  /* Others that the solo silenced must not stay silent for a row that is gone. */
  if (self->solo != NULL && steer_solo_get_feature (self->solo) == feature)
    steer_steering_panel_set_solo (self, NULL);
  title = steer_steering_dup_title (NULL, steer_feature_get_label (feature), steer_feature_get_index (feature));
  text = g_strdup_printf (_ ("Removed “%s”"), title);
  removal = g_new0 (Removal, 1);
  removal->preset = g_object_ref (preset);
  removal->feature = g_object_ref (feature);
  removal->position = position;
  steer_preset_remove (preset, position);
  if (n > 1)
    steer_steering_panel_focus_row (self, MIN (position, n - 2));

  toast = make_toast (text);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo_removal), removal, removal_free, 0);
  emit_toast (self, toast);
}

static void
move_row (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  SteerPreset *preset = get_preset (self);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (preset));
  guint from, to;

  g_variant_get (parameter, "(uu)", &from, &to);
  if (from >= n || to >= n)
    return;
  steer_preset_move (preset, from, to);
  steer_steering_panel_focus_row (self, to);
}

/* Runs @use, which puts another preset in use; says so with an Undo where changes would be lost. */
static gboolean
leave_preset (SteerSteeringPanel *self,
              gboolean (*use) (SteerSteeringPanel *, const char *, GError **),
              const char *path)
{
  gboolean modified = steer_workspace_get_preset_modified (self->workspace);
  Undo *undo = modified ? undo_new (self) : NULL;
  g_autofree char *name = steer_steering_dup_preset_name (NULL, steer_preset_get_name (get_preset (self)));
  g_autofree char *text = g_strdup_printf (_ ("Left “%s” with unsaved changes"), name);
  g_autoptr (GError) error = NULL;

  if (!use (self, path, &error))
    {
      g_clear_pointer (&undo, undo_free);
      show_error (self, _ ("The preset could not be loaded"), error);
      return FALSE;
    }
  if (undo != NULL)
    show_undo (self, text, undo);
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

  steer_preset_set_default_clamp (preset, steer_preset_get_default_clamp (get_preset (self)));
  steer_workspace_set_preset (self->workspace, preset);
  return TRUE;
}

static void
new_preset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  leave_preset (data, use_new, NULL);
}

static void
load (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  leave_preset (data, use_file, g_variant_get_string (parameter, NULL));
}

/* A disk may take its time to make a file durable, so files are written by a thread, from a copy of the preset. */
typedef struct
{
  SteerPreset *preset;
  char *path;
  gboolean adopt; /* the file is the preset in use from now on */
} Writing;

static void
writing_free (gpointer data)
{
  Writing *writing = data;

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
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerSteeringPanel *self = STEER_STEERING_PANEL (source);
  Writing *writing = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  g_autofree char *name = g_filename_display_basename (writing->path);
  g_autofree char *text = g_strdup_printf (_ ("Saved as “%s”"), name);

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    {
      show_error (self, _ ("The preset could not be saved"), error);
      return;
    }
  if (self->workspace == NULL)
    return;
  steer_preset_folder_refresh (steer_workspace_get_presets (self->workspace));
  if (!writing->adopt)
    show_text (self, text);
  else if (steer_preset_equal (get_preset (self), writing->preset))
    steer_workspace_preset_saved (self->workspace, writing->path);
  else
    {
      /* A slider moved while the file was written. */
      g_autoptr (SteerPreset) newer = steer_preset_copy (get_preset (self));

      if (steer_workspace_open_preset (self->workspace, writing->path, NULL))
        steer_preset_assign (get_preset (self), newer);
    }
}

static void
write_preset (SteerSteeringPanel *self, const char *path, gboolean adopt)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, on_written, NULL);
  Writing *writing = g_new0 (Writing, 1);

  writing->preset = steer_preset_copy (get_preset (self));
  writing->path = g_strdup (path);
  writing->adopt = adopt;
  g_task_set_task_data (task, writing, writing_free);
  g_task_run_in_thread (task, write_in_thread);
}

static void
on_overwrite (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSteeringPanel) self = data;
  g_autofree char *path = NULL;

  if (!steer_dialog_confirm_finish (result, NULL))
    return;
  path = steer_preset_folder_dup_path (steer_workspace_get_presets (self->workspace),
                                       steer_preset_get_name (get_preset (self)));
  write_preset (self, path, TRUE);
}

static void
on_name_to_save (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSteeringPanel) self = data;
  g_autofree char *name = steer_dialog_ask_text_finish (result, NULL);
  g_autofree char *path = NULL, *body = NULL;

  if (name == NULL)
    return;
  path = steer_preset_folder_dup_path (steer_workspace_get_presets (self->workspace), name);
  steer_preset_set_name (get_preset (self), name);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      write_preset (self, path, TRUE);
      return;
    }
  body = g_strdup_printf (_ ("There is already a preset called “%s”. Replacing it loses what is in it."), name);
  steer_dialog_confirm_async (get_window (self), _ ("Replace Preset?"), body, _ ("_Replace"), TRUE, on_overwrite,
                              g_object_ref (self));
}

static void
save_as (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  const char *name = steer_preset_get_name (get_preset (self));
  g_autofree char *proposed = is_bundled (self) ? g_strdup_printf (_ ("My %s"), name) : g_strdup (name);

  steer_dialog_ask_text_async (get_window (self), _ ("Save Preset As"), _ ("Name"), proposed, _ ("_Save"),
                               on_name_to_save, g_object_ref (self));
}

static void
save (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  const char *path = steer_workspace_get_preset_path (self->workspace);

  if (path == NULL || is_bundled (self))
    save_as (action, parameter, data);
  else
    write_preset (self, path, TRUE);
}

static void
on_name_to_rename (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSteeringPanel) self = data;
  g_autofree char *name = steer_dialog_ask_text_finish (result, NULL);
  SteerPresetFolder *folder = steer_workspace_get_presets (self->workspace);
  SteerPresetEntry *entry = get_own_entry (self);
  g_autoptr (SteerPreset) changed = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  if (name == NULL)
    return;
  if (entry != NULL && !steer_preset_folder_rename (folder, entry, name, &error))
    {
      show_error (self, _ ("The preset could not be renamed"), error);
      return;
    }
  steer_preset_set_name (get_preset (self), name);
  if (entry == NULL)
    return;
  /* Renaming saves nothing else: what was changed stays changed. */
  changed = steer_preset_copy (get_preset (self));
  path = steer_preset_folder_dup_path (folder, name);
  if (steer_workspace_open_preset (self->workspace, path, NULL))
    steer_preset_assign (get_preset (self), changed);
}

static void
rename_preset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;

  steer_dialog_ask_text_async (get_window (self), _ ("Rename Preset"), _ ("Name"),
                               steer_preset_get_name (get_preset (self)), _ ("_Rename"), on_name_to_rename,
                               g_object_ref (self));
}

static void
delete_preset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  SteerPresetEntry *entry = get_own_entry (self);
  Undo *undo;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (entry == NULL)
    return;
  undo = undo_new (self);
  text = g_strdup_printf (_ ("Deleted “%s”"), steer_preset_entry_get_name (entry));
  undo->token = steer_preset_folder_delete (steer_workspace_get_presets (self->workspace), entry, &error);
  if (undo->token == NULL)
    {
      undo_free (undo);
      show_error (self, _ ("The preset could not be deleted"), error);
      return;
    }
  steer_workspace_preset_saved (self->workspace, NULL);
  show_undo (self, text, undo);
}

static void
on_file_to_import (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSteeringPanel) self = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  if (file == NULL)
    return;
  path = steer_preset_folder_import (steer_workspace_get_presets (self->workspace), g_file_peek_path (file), &error);
  if (path == NULL)
    show_error (self, _ ("The preset could not be imported"), error);
  else
    leave_preset (self, use_file, path);
}

static void
import (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;

  steer_dialog_open_file_async (get_window (self), _ ("Import Preset"), STEER_FILES_PRESET, on_file_to_import,
                                g_object_ref (self));
}

static void
on_file_to_export (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerSteeringPanel) self = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);

  if (file != NULL && g_file_peek_path (file) != NULL)
    write_preset (self, g_file_peek_path (file), FALSE);
}

static void
export_preset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerSteeringPanel *self = data;
  g_autofree char *title = steer_steering_dup_preset_name (NULL, steer_preset_get_name (get_preset (self)));
  g_autofree char *name = steer_dialog_make_file_name (title, ".yaml");

  steer_dialog_save_file_async (get_window (self), _ ("Export Preset"), name, STEER_FILES_PRESET, on_file_to_export,
                                g_object_ref (self));
}

static void
enable (SteerSteeringPanel *self, const char *name, gboolean enabled)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), name);

  g_simple_action_set_enabled (G_SIMPLE_ACTION (action), enabled);
}

void
steer_steering_panel_update_actions (SteerSteeringPanel *self)
{
  gboolean has_file = steer_workspace_get_preset_path (self->workspace) != NULL;

  enable (self, "save", !has_file || steer_workspace_get_preset_modified (self->workspace));
  enable (self, "delete", get_own_entry (self) != NULL);
  enable (self, "rename", !is_bundled (self));
}

void
steer_steering_panel_add_actions (SteerSteeringPanel *self)
{
  static const GActionEntry entries[] = {
    { "toggle", toggle },
    { "reset", reset },
    { "add-feature", add_feature },
    { "duplicate-row", duplicate_row, "u" },
    { "remove-row", remove_row, "u" },
    { "move-row", move_row, "(uu)" },
    { "new", new_preset },
    { "load", load, "s" },
    { "save", save },
    { "save-as", save_as },
    { "rename", rename_preset },
    { "delete", delete_preset },
    { "import", import },
    { "export", export_preset },
  };

  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "steering", G_ACTION_GROUP (self->actions));
}
