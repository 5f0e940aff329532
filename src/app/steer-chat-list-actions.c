/* What the menu of a chat does: rename, delete, export, import. */
#include "steer-chat-list-private.h"

#include <glib/gi18n.h>

#include "steer-chat-row.h"
#include "steer-dialogs.h"

/* What an asynchronous step needs to know: the list is kept alive by it. */
typedef struct
{
  SteerChatList *list;
  gint64 id;
  gboolean was_open; /* of a deletion */
  gboolean markdown; /* of an export */
  GFile *file;       /* nullable: of an export */
} Step;

static Step *
step_new (SteerChatList *list, gint64 id)
{
  Step *self = g_new0 (Step, 1);

  self->list = g_object_ref (list);
  self->id = id;
  return self;
}

static void
step_free (Step *self)
{
  g_object_unref (self->list);
  g_clear_object (&self->file);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Step, step_free)

static void
step_free_with_closure (gpointer data, GClosure *closure)
{
  step_free (data);
}

static GtkWindow *
get_window (SteerChatList *self)
{
  return GTK_WINDOW (gtk_widget_get_ancestor (GTK_WIDGET (self), GTK_TYPE_WINDOW));
}

static char *
dup_title (SteerChatList *self, gint64 id)
{
  for (guint i = 0; i < g_list_model_get_n_items (self->chats); i++)
    {
      g_autoptr (SteerChatEntry) entry = g_list_model_get_item (self->chats, i);

      if (steer_chat_entry_get_id (entry) == id)
        return g_strdup (steer_chat_entry_get_title (entry));
    }
  return g_strdup ("");
}

static void
on_renamed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Step) step = data;
  g_autofree char *title = steer_dialog_ask_text_finish (result, NULL);

  if (title != NULL)
    steer_store_rename (steer_chat_list_get_store (step->list), step->id, title);
}

static void
rename_chat (SteerChatList *self, gint64 id)
{
  g_autofree char *title = dup_title (self, id);

  steer_dialog_ask_text_async (get_window (self), _ ("Rename Chat"), _ ("Title"), title, _ ("_Rename"), on_renamed,
                               step_new (self, id));
}

static void
on_undo (AdwToast *toast, Step *step)
{
  steer_store_undelete (steer_chat_list_get_store (step->list), step->id);
  steer_chat_list_search_again (step->list);
  if (step->was_open)
    steer_chat_list_open (step->list, step->id);
}

void
steer_chat_list_delete (SteerChatList *self, gint64 id)
{
  g_autofree char *title = dup_title (self, id);
  /* A long title is cut off at its end. */
  g_autofree char *text = g_strdup_printf (_ ("Deleted “%s”"), *title != '\0' ? title : _ ("New Chat"));
  g_autofree char *escaped = g_markup_escape_text (text, -1);
  g_autoptr (AdwToast) toast = adw_toast_new (escaped);
  Step *step;

  /* Its row may still be there for a moment. */
  if (!steer_store_delete (steer_chat_list_get_store (self), id))
    return;
  step = step_new (self, id);
  step->was_open = steer_chat_leave (self->chat, id);
  adw_toast_set_button_label (toast, _ ("_Undo"));
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo), step, step_free_with_closure, 0);
  steer_chat_list_emit_toast (self, toast);
}

static void
on_exported (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Step) step = data;
  g_autoptr (GError) error = NULL;

  if (g_file_replace_contents_finish (G_FILE (source), result, NULL, &error))
    steer_chat_list_toast (step->list, _ ("Chat exported"));
  else
    steer_chat_list_toast (step->list, _ ("The chat could not be exported: %s"), error->message);
}

static void
on_export_made (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Step) step = data;
  g_autoptr (GError) error = NULL;
  char *text = steer_store_export_finish (STEER_STORE (source), result, &error);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GFile) file = NULL;

  if (text == NULL)
    {
      steer_chat_list_toast (step->list, _ ("The chat could not be exported: %s"), error->message);
      return;
    }
  bytes = g_bytes_new_take (text, strlen (text));
  file = g_steal_pointer (&step->file);
  g_file_replace_contents_bytes_async (file, bytes, NULL, FALSE, G_FILE_CREATE_NONE, NULL, on_exported,
                                       g_steal_pointer (&step));
}

void
steer_chat_list_export (SteerChatList *self, gint64 id, gboolean markdown, GFile *file)
{
  Step *step = step_new (self, id);

  step->file = g_object_ref (file);
  steer_store_export_async (steer_chat_list_get_store (self), id, markdown, NULL, on_export_made, step);
}

static void
on_export_place (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Step) step = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);

  if (file != NULL)
    steer_chat_list_export (step->list, step->id, step->markdown, file);
}

static void
export_chat (SteerChatList *self, gint64 id, gboolean markdown)
{
  g_autofree char *title = dup_title (self, id);
  g_autofree char *name = steer_dialog_make_file_name (title, markdown ? ".md" : ".json");
  SteerFileKind kind = markdown ? STEER_FILES_MARKDOWN : STEER_FILES_CHAT;
  Step *step = step_new (self, id);

  step->markdown = markdown;
  steer_dialog_save_file_async (get_window (self), _ ("Export Chat"), name, kind, on_export_place, step);
}

/* Nothing of the conversation is known to anyone else yet, so a thread can make it. */
static void
import_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SteerConversation *conversation = NULL;
  GError *error = NULL;
  g_autoptr (GFileInputStream) stream = g_file_read (data, cancellable, &error);

  if (stream != NULL)
    conversation = steer_conversation_new_from_stream (G_INPUT_STREAM (stream), cancellable, &error);
  if (conversation == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  steer_store_prepare_adoption (conversation);
  g_task_return_pointer (task, conversation, g_object_unref);
}

static void
on_imported (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerChatList *self = STEER_CHAT_LIST (source);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) conversation = g_task_propagate_pointer (G_TASK (result), &error);

  if (conversation == NULL)
    {
      steer_chat_list_toast (self, _ ("The chat could not be imported: %s"), error->message);
      return;
    }
  if (self->chat == NULL)
    return;
  if (steer_chat_list_get_store (self) != NULL)
    steer_store_adopt (steer_chat_list_get_store (self), conversation);
  steer_chat_set_conversation (self->chat, conversation);
}

void
steer_chat_list_import (SteerChatList *self, GFile *file)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (STEER_IS_CHAT_LIST (self));

  task = g_task_new (self, NULL, on_imported, NULL);
  g_task_set_task_data (task, g_object_ref (file), g_object_unref);
  g_task_run_in_thread (task, import_in_thread);
}

static void
on_import_chosen (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerChatList) self = data;
  g_autoptr (GFile) file = steer_dialog_file_finish (result, NULL);

  if (file != NULL)
    steer_chat_list_import (self, file);
}

static void
import_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerChatList *self = STEER_CHAT_LIST (widget);

  steer_dialog_open_file_async (get_window (self), _ ("Import Chat"), STEER_FILES_CHAT, on_import_chosen,
                                g_object_ref (self));
}

/* An action on the chat whose id is the parameter. */
static void
chat_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerChatList *self = STEER_CHAT_LIST (widget);
  gint64 id = g_variant_get_int64 (parameter);

  if (steer_chat_list_get_store (self) == NULL)
    return;
  if (g_str_equal (name, "chats.rename"))
    rename_chat (self, id);
  else if (g_str_equal (name, "chats.delete"))
    steer_chat_list_delete (self, id);
  else
    export_chat (self, id, g_str_equal (name, "chats.export-markdown"));
}

/* The row that the keyboard is on: the focus is on the list's own widget around it. */
static SteerChatRow *
get_focused_row (SteerChatList *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  GtkWidget *focus = root != NULL ? gtk_root_get_focus (root) : NULL;
  GtkWidget *child;

  if (focus == NULL || !gtk_widget_is_ancestor (focus, GTK_WIDGET (self->list)))
    return NULL;
  child = gtk_widget_get_first_child (focus);
  if (child != NULL && STEER_IS_CHAT_ROW (child))
    return STEER_CHAT_ROW (child);
  return STEER_CHAT_ROW (gtk_widget_get_ancestor (focus, STEER_TYPE_CHAT_ROW));
}

static void
focused_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerChatList *self = STEER_CHAT_LIST (widget);
  SteerChatRow *row = get_focused_row (self);

  if (row == NULL || steer_chat_row_get_entry (row) == NULL)
    return;
  if (g_str_equal (name, "chats.menu-focused"))
    steer_chat_row_popup (row);
  else if (g_str_equal (name, "chats.rename-focused"))
    rename_chat (self, steer_chat_entry_get_id (steer_chat_row_get_entry (row)));
  else
    steer_chat_list_delete (self, steer_chat_entry_get_id (steer_chat_row_get_entry (row)));
}

void
steer_chat_list_install_actions (GtkWidgetClass *widget_class)
{
  gtk_widget_class_install_action (widget_class, "chats.import", NULL, import_action);
  gtk_widget_class_install_action (widget_class, "chats.rename", "x", chat_action);
  gtk_widget_class_install_action (widget_class, "chats.delete", "x", chat_action);
  gtk_widget_class_install_action (widget_class, "chats.export-markdown", "x", chat_action);
  gtk_widget_class_install_action (widget_class, "chats.export-json", "x", chat_action);
  gtk_widget_class_install_action (widget_class, "chats.rename-focused", NULL, focused_action);
  gtk_widget_class_install_action (widget_class, "chats.delete-focused", NULL, focused_action);
  gtk_widget_class_install_action (widget_class, "chats.menu-focused", NULL, focused_action);
}
