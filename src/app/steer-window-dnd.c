/* Files that are dropped on the window or opened with the program. */
#include "steer-window-private.h"

#include <glib/gi18n.h>

#include "steer-steering-panel.h"

/* The panel tells what was left by it, where there is anything to tell, and that is enough. */
static void
open_preset (SteerWindow *self, const char *path)
{
  SteerWorkspace *workspace = steer_window_get_workspace (self);
  gboolean modified = steer_workspace_get_preset_modified (workspace);
  const char *name;
  g_autofree char *text = NULL;

  if (!steer_steering_panel_use (STEER_STEERING_PANEL (self->panel), path) || modified)
    return;
  name = steer_preset_get_name (steer_workspace_get_preset (workspace));
  text = g_strdup_printf (_ ("Preset “%s” is in use"), name != NULL ? name : _ ("Untitled"));
  steer_window_show_message (self, text);
}

void
steer_window_open_file (SteerWindow *self, GFile *file)
{
  SteerWorkspace *workspace;
  g_autofree char *path = NULL;

  g_return_if_fail (STEER_IS_WINDOW (self));

  workspace = steer_window_get_workspace (self);
  path = g_file_get_path (file);
  if (path == NULL)
    steer_window_show_message (self, _ ("Only files of this computer can be opened"));
  else if (g_file_test (path, G_FILE_TEST_IS_DIR) || g_str_has_suffix (path, ".gguf"))
    steer_workspace_load_model (workspace, path);
  else if (g_str_has_suffix (path, ".safetensors") || g_str_has_suffix (path, "config.json"))
    {
      g_autofree char *folder = g_path_get_dirname (path);

      steer_workspace_load_model (workspace, folder);
    }
  else if (g_str_has_suffix (path, ".json"))
    steer_chat_list_import (self->chat_list, file);
  else
    open_preset (self, path);
}

static gboolean
on_drop (SteerWindow *self, const GValue *value)
{
  g_autoptr (GSList) files = NULL;

  if (!G_VALUE_HOLDS (value, GDK_TYPE_FILE_LIST))
    return FALSE;
  files = gdk_file_list_get_files (g_value_get_boxed (value));
  for (GSList *item = files; item != NULL; item = item->next)
    steer_window_open_file (self, item->data);
  return files != NULL;
}

void
steer_window_add_drop_target (SteerWindow *self)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  g_signal_connect_object (target, "drop", G_CALLBACK (on_drop), self, G_CONNECT_SWAPPED);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (target));
}
