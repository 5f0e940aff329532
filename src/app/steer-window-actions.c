/* What the window does: actions, and the keys of all of them in one column. */
#include "steer-window-private.h"

#include <glib/gi18n.h>

#include "steer-computer-dialog.h"
#include "steer-dialogs.h"
#include "steer-steering-panel.h"

void
steer_window_install_accels (GtkApplication *application)
{
  static const struct
  {
    const char *action;
    const char *accels[3];
  } keys[] = {
    { "win.new-chat", { "<Control>n" } },
    { "win.search", { "<Control>f" } },
    { "win.show-chats", { "F9" } },
    { "win.show-steering", { "<Shift>F9" } },
    { "win.toggle-steering", { "<Control>e" } },
    { "win.compare", { "<Control><Shift>c" } },
    { "win.regenerate", { "<Control>r" } },
    { "win.stop", { "Escape" } },
    { "win.focus-composer", { "<Control>l" } },
    { "win.next-chat", { "<Control>Page_Down" } },
    { "win.previous-chat", { "<Control>Page_Up" } },
    { "win.open-preset", { "<Control>o" } },
    { "win.open-model", { "<Control><Shift>o" } },
    { "win.text-larger", { "<Control>plus", "<Control>equal" } },
    { "win.text-smaller", { "<Control>minus" } },
    { "win.text-normal", { "<Control>0" } },
    { "win.show-help-overlay", { "<Control>question" } },
    { "window.close", { "<Control>w" } },
    { "app.preferences", { "<Control>comma" } },
    { "app.quit", { "<Control>q" } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    gtk_application_set_accels_for_action (application, keys[i].action, (const char *const *) keys[i].accels);
}

static void
new_chat (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerWindow *self = data;

  steer_chat_start_new (self->chat);
  steer_composer_focus (self->composer);
}

static void
search (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerWindow *self = data;

  adw_flap_set_reveal_flap (self->chats_flap, TRUE);
  steer_chat_list_search (self->chat_list);
}

static void
toggle_steering (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerWindow *self = data;
  SteerPreset *preset = steer_workspace_get_preset (steer_window_get_workspace (self));

  steer_preset_set_master_enabled (preset, !steer_preset_get_master_enabled (preset));
}

/* (transfer full) (nullable) */
static SteerMessage *
dup_last_message (SteerWindow *self)
{
  GListModel *messages = G_LIST_MODEL (steer_chat_get_conversation (self->chat));
  guint n = g_list_model_get_n_items (messages);

  return n > 0 ? g_list_model_get_item (messages, n - 1) : NULL;
}

static gboolean
can_regenerate (SteerWindow *self)
{
  g_autoptr (SteerMessage) last = dup_last_message (self);

  if (last == NULL)
    return FALSE;
  return steer_message_get_role (last) == STEER_ROLE_USER ? steer_chat_get_can_send (self->chat)
                                                          : steer_chat_can_regenerate (self->chat, last);
}

static void
regenerate (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerWindow *self = data;
  g_autoptr (SteerMessage) last = dup_last_message (self);

  if (last == NULL)
    return;
  if (steer_message_get_role (last) == STEER_ROLE_ASSISTANT)
    steer_chat_regenerate (self->chat, last);
  else
    steer_chat_continue (self->chat);
}

static void
stop (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_chat_stop (((SteerWindow *) data)->chat);
}

static void
focus_composer (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_composer_focus (((SteerWindow *) data)->composer);
}

static void
next_chat (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_chat_list_step (((SteerWindow *) data)->chat_list, +1);
}

static void
previous_chat (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_chat_list_step (((SteerWindow *) data)->chat_list, -1);
}

static void
delete_chat (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_chat_list_delete_open (((SteerWindow *) data)->chat_list);
}

static void
on_file_chosen (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerWindow) self = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);

  if (file != NULL && self->chat != NULL)
    steer_window_open_file (self, file);
}

static void
open_preset (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_dialog_open_file_async (data, _ ("Open Preset"), STEER_FILES_PRESET, on_file_chosen, g_object_ref (data));
}

static void
open_model (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_dialog_open_folder_async (data, _ ("Open the Folder of a Model"), on_file_chosen, g_object_ref (data));
}

static void
open_model_file (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_dialog_open_file_async (data, _ ("Open a Model"), STEER_FILES_MODEL, on_file_chosen, g_object_ref (data));
}

static void
find_computer (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  gtk_window_present (GTK_WINDOW (steer_computer_dialog_new (data, steer_window_get_workspace (data))));
}

static void
load_model (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  const char *path = g_variant_get_string (parameter, NULL);

  steer_workspace_load_model (steer_window_get_workspace (data), *path != '\0' ? path : NULL);
}

static void
retry_load (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_workspace_retry_load (steer_window_get_workspace (data));
}

static void
cancel_load (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  steer_workspace_cancel_load (steer_window_get_workspace (data));
}

/* Puts a preset in force and asks: what the suggestions of the empty page do. */
static void
suggest (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  SteerWindow *self = data;
  SteerWorkspace *workspace = steer_window_get_workspace (self);
  GListModel *presets = G_LIST_MODEL (steer_workspace_get_presets (workspace));
  const char *name, *prompt;

  g_variant_get (parameter, "(&s&s)", &name, &prompt);
  for (guint i = 0; *name != '\0' && i < g_list_model_get_n_items (presets); i++)
    {
      g_autoptr (SteerPresetEntry) entry = g_list_model_get_item (presets, i);

      if (g_strcmp0 (steer_preset_entry_get_name (entry), name) != 0)
        continue;
      steer_steering_panel_use (STEER_STEERING_PANEL (self->panel), steer_preset_entry_get_path (entry));
      break;
    }
  steer_chat_send (self->chat, prompt);
  steer_composer_focus (self->composer);
}

static void
scale_text (SteerWindow *self, double factor)
{
  GSettings *settings = steer_window_get_settings (self);
  double scale = factor > 0 ? g_settings_get_double (settings, "text-scale") * factor : 1;

  g_settings_set_double (settings, "text-scale", CLAMP (scale, 0.75, 2.0));
}

static void
text_larger (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  scale_text (data, 1.1);
}

static void
text_smaller (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  scale_text (data, 1 / 1.1);
}

static void
text_normal (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  scale_text (data, 0);
}

static void
set_enabled (SteerWindow *self, const char *name, gboolean enabled)
{
  g_simple_action_set_enabled (G_SIMPLE_ACTION (g_action_map_lookup_action (G_ACTION_MAP (self), name)), enabled);
}

/* Escape belongs to whatever else wants it unless there is something to stop. */
void
steer_window_update_actions (SteerWindow *self)
{
  gboolean can_send = steer_chat_get_can_send (self->chat);
  gboolean empty = g_list_model_get_n_items (G_LIST_MODEL (steer_chat_get_conversation (self->chat))) == 0;

  set_enabled (self, "stop", steer_chat_get_busy (self->chat));
  set_enabled (self, "regenerate", can_regenerate (self));
  set_enabled (self, "suggest", can_send);
  set_enabled (self, "delete-chat", !empty);
}

void
steer_window_add_actions (SteerWindow *self)
{
  static const GActionEntry entries[] = {
    { "new-chat", new_chat },
    { "search", search },
    { "toggle-steering", toggle_steering },
    { "regenerate", regenerate },
    { "stop", stop },
    { "focus-composer", focus_composer },
    { "next-chat", next_chat },
    { "previous-chat", previous_chat },
    { "delete-chat", delete_chat },
    { "open-preset", open_preset },
    { "open-model", open_model },
    { "open-model-file", open_model_file },
    { "find-computer", find_computer },
    { "load-model", load_model, "s" },
    { "retry-load", retry_load },
    { "cancel-load", cancel_load },
    { "suggest", suggest, "(ss)" },
    { "text-larger", text_larger },
    { "text-smaller", text_smaller },
    { "text-normal", text_normal },
  };
  g_autoptr (GAction) compare = G_ACTION (g_property_action_new ("compare", self->chat, "comparing"));
  g_autoptr (GAction) chats = G_ACTION (g_property_action_new ("show-chats", self->chats_flap, "reveal-flap"));
  g_autoptr (GAction) steering = G_ACTION (g_property_action_new ("show-steering", self->steering_flap, "reveal-flap"));
  g_autoptr (GAction) tell = g_settings_create_action (steer_window_get_settings (self), "tell-token-features");
  g_autoptr (GAction) mark = g_settings_create_action (steer_window_get_settings (self), "mark-steered-text");

  g_action_map_add_action_entries (G_ACTION_MAP (self), entries, G_N_ELEMENTS (entries), self);
  g_action_map_add_action (G_ACTION_MAP (self), compare);
  g_action_map_add_action (G_ACTION_MAP (self), chats);
  g_action_map_add_action (G_ACTION_MAP (self), steering);
  g_action_map_add_action (G_ACTION_MAP (self), mark);
  g_action_map_add_action (G_ACTION_MAP (self), tell);

  g_signal_connect_object (self->chat, "notify::busy", G_CALLBACK (steer_window_update_actions), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::can-send", G_CALLBACK (steer_window_update_actions), self,
                           G_CONNECT_SWAPPED);
  steer_window_update_actions (self);
}

void
steer_window_remove_actions (SteerWindow *self)
{
  static const char *const names[] = { "compare", "show-chats", "show-steering" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_action_map_remove_action (G_ACTION_MAP (self), names[i]);
}
