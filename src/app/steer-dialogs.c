#include "steer-dialogs.h"

#include <glib/gi18n.h>

#define MAX_NAME_CHARS 80

static void
set_cancelled (GTask *task)
{
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "dismissed");
}

static void
on_file_response (GtkNativeDialog *dialog, int response, gpointer data)
{
  g_autoptr (GTask) task = data;

  if (response == GTK_RESPONSE_ACCEPT)
    g_task_return_pointer (task, gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog)), g_object_unref);
  else
    set_cancelled (task);
  gtk_native_dialog_destroy (dialog);
  g_object_unref (dialog);
}

static void
add_filter (GtkFileChooser *chooser, SteerFileKind kind)
{
  static const struct
  {
    const char *name;
    const char *suffixes[6];
  } kinds[] = {
    [STEER_FILES_PRESET] = { N_ ("Presets"), { "yaml", "yml" } },
    [STEER_FILES_CHAT] = { N_ ("Chats"), { "json" } },
    [STEER_FILES_MARKDOWN] = { N_ ("Markdown"), { "md" } },
    [STEER_FILES_MODEL] = { N_ ("Models"), { "gguf" } },
    [STEER_FILES_VECTORS] = { N_ ("Vectors and Autoencoders"), { "safetensors", "pt", "npz", "npy", "gguf" } },
    [STEER_FILES_LABELS] = { N_ ("Labels"), { "jsonl", "jsonl.gz" } },
  };
  g_autoptr (GtkFileFilter) filter = gtk_file_filter_new ();
  g_autoptr (GtkFileFilter) all = gtk_file_filter_new ();

  gtk_file_filter_set_name (filter, _ (kinds[kind].name));
  for (guint i = 0; kinds[kind].suffixes[i] != NULL; i++)
    gtk_file_filter_add_suffix (filter, kinds[kind].suffixes[i]);
  gtk_file_chooser_add_filter (chooser, filter);
  gtk_file_filter_set_name (all, _ ("All Files"));
  gtk_file_filter_add_pattern (all, "*");
  gtk_file_chooser_add_filter (chooser, all);
}

static GtkFileChooserNative *
show_chooser (GtkWindow *parent,
              const char *title,
              GtkFileChooserAction action,
              gpointer tag,
              GAsyncReadyCallback callback,
              gpointer data)
{
  GtkFileChooserNative *chooser = gtk_file_chooser_native_new (title, parent, action, NULL, NULL);
  GTask *task = g_task_new (NULL, NULL, callback, data);

  g_task_set_source_tag (task, tag);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  g_signal_connect (chooser, "response", G_CALLBACK (on_file_response), task);
  return chooser;
}

void
steer_dialog_open_file_async (GtkWindow *parent,
                              const char *title,
                              SteerFileKind kind,
                              GAsyncReadyCallback callback,
                              gpointer data)
{
  GtkFileChooserNative *chooser
    = show_chooser (parent, title, GTK_FILE_CHOOSER_ACTION_OPEN, steer_dialog_open_file_async, callback, data);

  add_filter (GTK_FILE_CHOOSER (chooser), kind);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

void
steer_dialog_open_folder_async (GtkWindow *parent, const char *title, GAsyncReadyCallback callback, gpointer data)
{
  GtkFileChooserNative *chooser = show_chooser (parent, title, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER,
                                                steer_dialog_open_folder_async, callback, data);

  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

void
steer_dialog_save_file_async (GtkWindow *parent,
                              const char *title,
                              const char *name,
                              SteerFileKind kind,
                              GAsyncReadyCallback callback,
                              gpointer data)
{
  GtkFileChooserNative *chooser
    = show_chooser (parent, title, GTK_FILE_CHOOSER_ACTION_SAVE, steer_dialog_save_file_async, callback, data);

  add_filter (GTK_FILE_CHOOSER (chooser), kind);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (chooser), name);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

GFile *
steer_dialog_file_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
on_text_response (AdwMessageDialog *dialog, const char *response, gpointer data)
{
  g_autoptr (GTask) task = data;
  GtkEditable *entry = GTK_EDITABLE (adw_message_dialog_get_extra_child (dialog));

  if (g_str_equal (response, "accept"))
    g_task_return_pointer (task, g_strstrip (g_strdup (gtk_editable_get_text (entry))), g_free);
  else
    set_cancelled (task);
}

static void
on_text_changed (GtkEditable *entry, AdwMessageDialog *dialog)
{
  g_autofree char *text = g_strstrip (g_strdup (gtk_editable_get_text (entry)));

  adw_message_dialog_set_response_enabled (dialog, "accept", *text != '\0');
}

static AdwMessageDialog *
make_question (GtkWindow *parent,
               const char *heading,
               const char *body,
               const char *accept,
               AdwResponseAppearance appearance)
{
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, heading, body));

  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "accept", accept, NULL);
  adw_message_dialog_set_response_appearance (dialog, "accept", appearance);
  adw_message_dialog_set_close_response (dialog, "cancel");
  return dialog;
}

void
steer_dialog_ask_text_async (GtkWindow *parent,
                             const char *heading,
                             const char *label,
                             const char *text,
                             const char *accept,
                             GAsyncReadyCallback callback,
                             gpointer data)
{
  AdwMessageDialog *dialog = make_question (parent, heading, NULL, accept, ADW_RESPONSE_SUGGESTED);
  GTask *task = g_task_new (NULL, NULL, callback, data);
  GtkWidget *entry = gtk_entry_new ();

  g_task_set_source_tag (task, steer_dialog_ask_text_async);
  adw_message_dialog_set_default_response (dialog, "accept");
  adw_message_dialog_set_extra_child (dialog, entry);
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  g_signal_connect (entry, "changed", G_CALLBACK (on_text_changed), dialog);
  gtk_editable_set_text (GTK_EDITABLE (entry), text != NULL ? text : "");
  on_text_changed (GTK_EDITABLE (entry), dialog);
  g_signal_connect (dialog, "response", G_CALLBACK (on_text_response), task);
  gtk_window_present (GTK_WINDOW (dialog));
  gtk_widget_grab_focus (entry);
}

char *
steer_dialog_ask_text_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
on_confirm_response (AdwMessageDialog *dialog, const char *response, gpointer data)
{
  g_autoptr (GTask) task = data;

  if (g_str_equal (response, "accept"))
    g_task_return_boolean (task, TRUE);
  else
    set_cancelled (task);
}

void
steer_dialog_confirm_async (GtkWindow *parent,
                            const char *heading,
                            const char *body,
                            const char *accept,
                            gboolean destructive,
                            GAsyncReadyCallback callback,
                            gpointer data)
{
  AdwMessageDialog *dialog
    = make_question (parent, heading, body, accept, destructive ? ADW_RESPONSE_DESTRUCTIVE : ADW_RESPONSE_SUGGESTED);
  GTask *task = g_task_new (NULL, NULL, callback, data);

  g_task_set_source_tag (task, steer_dialog_confirm_async);
  adw_message_dialog_set_default_response (dialog, destructive ? "cancel" : "accept");
  g_signal_connect (dialog, "response", G_CALLBACK (on_confirm_response), task);
  gtk_window_present (GTK_WINDOW (dialog));
}

gboolean
steer_dialog_confirm_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
steer_dialog_tell (GtkWindow *parent, const char *text)
{
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, NULL, text));

  adw_message_dialog_add_response (dialog, "close", _ ("_Close"));
  adw_message_dialog_set_default_response (dialog, "close");
  gtk_window_present (GTK_WINDOW (dialog));
}

char *
steer_dialog_make_file_name (const char *title, const char *suffix)
{
  g_autoptr (GString) name = g_string_new (NULL);
  guint n_chars = 0;

  for (const char *p = title; *p != '\0' && n_chars < MAX_NAME_CHARS; p = g_utf8_next_char (p), n_chars++)
    {
      gunichar c = g_utf8_get_char (p);

      g_string_append_unichar (name,
                               g_unichar_iscntrl (c) || (c < 128 && strchr ("/\\:*?\"<>|", (int) c) != NULL) ? '-' : c);
    }
  g_strstrip (name->str);
  name->len = strlen (name->str);
  /* A leading dot would hide the file. */
  while (name->len > 0 && name->str[0] == '.')
    g_string_erase (name, 0, 1);
  if (name->len == 0)
    g_string_append (name, _ ("Untitled"));
  g_string_append (name, suffix);
  return g_string_free (g_steal_pointer (&name), FALSE);
}

static void
on_unrealize (GtkWindow *dialog)
{
  gtk_window_set_transient_for (dialog, NULL);
}

void
steer_dialog_forget_parent (GtkWindow *dialog)
{
  g_return_if_fail (GTK_IS_WINDOW (dialog));
  g_signal_connect (dialog, "unrealize", G_CALLBACK (on_unrealize), NULL);
}
