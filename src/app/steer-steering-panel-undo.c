/* What the panel tells in toasts, and how it goes back from there. */
#include "steer-steering-panel-private.h"

#include <glib/gi18n.h>

/* What Undo goes back to: the preset as it was, and the file it belonged to. */
struct _SteerSteeringUndo
{
  SteerSteeringPanel *panel; /* owned */
  SteerPreset *preset;
  char *path;  /* nullable */
  char *token; /* nullable: of a deleted file, to be brought back first */
};

GtkWindow *
steer_steering_panel_get_window (SteerSteeringPanel *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));

  return root != NULL ? GTK_WINDOW (root) : NULL;
}

SteerPreset *
steer_steering_panel_get_preset (SteerSteeringPanel *self)
{
  return steer_workspace_get_preset (self->workspace);
}

/* The user's own file of the preset in use; NULL when it has none or came with the program. */
SteerPresetEntry *
steer_steering_panel_get_own_entry (SteerSteeringPanel *self)
{
  SteerPresetEntry *entry = steer_preset_folder_find (steer_workspace_get_presets (self->workspace),
                                                      steer_workspace_get_preset_path (self->workspace));

  return entry != NULL && !steer_preset_entry_get_bundled (entry) ? entry : NULL;
}

gboolean
steer_steering_panel_is_bundled (SteerSteeringPanel *self)
{
  SteerPresetEntry *entry = steer_preset_folder_find (steer_workspace_get_presets (self->workspace),
                                                      steer_workspace_get_preset_path (self->workspace));

  return entry != NULL && steer_preset_entry_get_bundled (entry);
}

/* Names and errors come from strangers' files: never markup. */
AdwToast *
steer_steering_make_toast (const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  return adw_toast_new (escaped);
}

/* Takes @toast. */
void
steer_steering_panel_take_toast (SteerSteeringPanel *self, AdwToast *toast)
{
  g_signal_emit_by_name (self, "toast", toast);
  g_object_unref (toast);
}

void
steer_steering_panel_show_text (SteerSteeringPanel *self, const char *text)
{
  steer_steering_panel_take_toast (self, steer_steering_make_toast (text));
}

void
steer_steering_panel_show_error (SteerSteeringPanel *self, const char *what, GError *error)
{
  g_autofree char *text = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  text = g_strdup_printf ("%s: %s", what, error->message);
  steer_steering_panel_show_text (self, text);
}

gboolean
steer_steering_panel_is_local (SteerSteeringPanel *self, GFile *file)
{
  if (g_file_peek_path (file) == NULL)
    steer_steering_panel_show_text (self, _ ("Only files of this computer can be opened"));
  return g_file_peek_path (file) != NULL;
}

void
steer_steering_undo_free (SteerSteeringUndo *undo)
{
  g_object_unref (undo->panel);
  g_object_unref (undo->preset);
  g_free (undo->path);
  g_free (undo->token);
  g_free (undo);
}

SteerSteeringUndo *
steer_steering_undo_new (SteerSteeringPanel *self)
{
  SteerSteeringUndo *undo = g_new0 (SteerSteeringUndo, 1);

  undo->panel = g_object_ref (self);
  undo->preset = steer_preset_copy (steer_steering_panel_get_preset (self));
  undo->path = g_strdup (steer_workspace_get_preset_path (self->workspace));
  return undo;
}

static void
on_undo (AdwToast *toast, SteerSteeringUndo *undo)
{
  SteerSteeringPanel *self = undo->panel;
  g_autoptr (GError) error = NULL;

  if (undo->token != NULL
      && !steer_preset_folder_undelete (steer_workspace_get_presets (self->workspace), undo->token, &error))
    steer_steering_panel_show_error (self, _ ("The preset could not be brought back"), error);
  /* The file is what the preset is measured by; its unsaved changes are put back on top of it. */
  if (undo->path != NULL && steer_workspace_open_preset (self->workspace, undo->path, NULL))
    steer_preset_assign (steer_steering_panel_get_preset (self), undo->preset);
  else
    steer_workspace_set_preset (self->workspace, undo->preset);
}

static void
undo_closure_free (gpointer data, GClosure *closure)
{
  steer_steering_undo_free (data);
}

/* Takes @undo. */
void
steer_steering_panel_show_undo (SteerSteeringPanel *self, const char *text, SteerSteeringUndo *undo)
{
  AdwToast *toast = steer_steering_make_toast (text);

  adw_toast_set_button_label (toast, _ ("_Undo"));
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo), undo, undo_closure_free, 0);
  steer_steering_panel_take_toast (self, toast);
}

void
steer_steering_undo_set_token (SteerSteeringUndo *undo, char *token)
{
  undo->token = token;
}
