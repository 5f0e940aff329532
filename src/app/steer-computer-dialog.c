#include "steer-computer-dialog.h"

#include <glib/gi18n.h>

#include "remote/steer-remote-hosts.h"
#include "remote/steer-remote-listing.h"
#include "steer-dialogs.h"
#include "steer-status-page.h"

struct _SteerComputerDialog
{
  AdwWindow parent_instance;

  SteerWorkspace *workspace;
  SteerRemoteAddress *computer; /* nullable: the one that is being asked, or has answered */
  GCancellable *cancellable;    /* nullable: of the question that is under way */
  GCancellable *looking;        /* of looking for names */

  GtkEditable *name;
  GtkWidget *connect;
  GtkStack *pages;
  GtkListBox *hosts;
  AdwStatusPage *problem;
  AdwPreferencesGroup *models_group;
  GtkListBox *models;
  GtkEditable *path;
};

G_DEFINE_FINAL_TYPE (SteerComputerDialog, steer_computer_dialog, ADW_TYPE_WINDOW)

/* @path: there. */
static void
choose (SteerComputerDialog *self, const char *path)
{
  g_autofree char *address = NULL;

  steer_remote_address_set_path (self->computer, path);
  address = steer_remote_address_to_string (self->computer);
  steer_workspace_load_model (self->workspace, address);
  gtk_window_close (GTK_WINDOW (self));
}

static void
choose_model (GtkWidget *widget, const char *name, GVariant *parameter)
{
  choose (STEER_COMPUTER_DIALOG (widget), g_variant_get_string (parameter, NULL));
}

/* What begins neither with / nor with ~/ is meant to be in the home. */
static void
on_path_typed (SteerComputerDialog *self)
{
  g_autofree char *typed = g_strstrip (g_strdup (gtk_editable_get_text (self->path)));
  g_autofree char *path
    = g_path_is_absolute (typed) || g_str_has_prefix (typed, "~/") ? g_strdup (typed) : g_strconcat ("~/", typed, NULL);

  if (*typed != '\0')
    choose (self, path);
}

static void
add_model (SteerComputerDialog *self, const SteerRemoteModel *model)
{
  g_autofree char *size = g_format_size (model->bytes), *detail = g_strdup_printf ("%s · %s", size, model->path);
  GtkWidget *row = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", model->name, "subtitle", detail,
                                 "subtitle-lines", 1, "activatable", TRUE, "action-name", "computer.choose", NULL);

  gtk_actionable_set_action_target (GTK_ACTIONABLE (row), "s", model->path);
  gtk_list_box_append (self->models, row);
}

/* "NVIDIA H200, 139 GB free": what models can run on there. */
static char *
dup_devices (const SteerRemoteListing *listing)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < listing->devices->len; i++)
    {
      const SteerDevice *device = g_ptr_array_index (listing->devices, i);
      g_autofree char *size = g_format_size (device->memory_free);

      if (!device->usable)
        continue;
      if (text->len > 0)
        g_string_append_c (text, '\n');
      /* Translators: a device and its memory, "NVIDIA H200, 139 GB free" */
      g_string_append_printf (text, _ ("%s, %s free"), device->name, size);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
show_listing (SteerComputerDialog *self, const SteerRemoteListing *listing)
{
  g_autofree char *devices = dup_devices (listing), *escaped = g_markup_escape_text (devices, -1);
  GtkWidget *row;

  while ((row = gtk_widget_get_first_child (GTK_WIDGET (self->models))) != NULL)
    gtk_list_box_remove (self->models, row);
  for (guint i = 0; i < listing->models->len; i++)
    add_model (self, g_ptr_array_index (listing->models, i));
  gtk_widget_set_visible (GTK_WIDGET (self->models), listing->models->len > 0);
  adw_preferences_group_set_title (self->models_group, self->computer->host);
  adw_preferences_group_set_description (self->models_group, escaped);
  gtk_stack_set_visible_child_name (self->pages, "models");
  gtk_widget_child_focus (GTK_WIDGET (self->models_group), GTK_DIR_TAB_FORWARD);
}

static void
show_problem (SteerComputerDialog *self, const GError *error)
{
  g_autofree char *text = steer_status_page_dup_error_text (NULL, error->message);

  adw_status_page_set_description (self->problem, text);
  gtk_stack_set_visible_child_name (self->pages, "problem");
}

static void
list_in_thread (GTask *task, gpointer source, gpointer address, GCancellable *cancellable)
{
  GError *error = NULL;
  SteerRemoteListing *listing = steer_remote_list (address, cancellable, &error);

  if (listing != NULL)
    g_task_return_pointer (task, listing, (GDestroyNotify) steer_remote_listing_free);
  else
    g_task_return_error (task, error);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  SteerComputerDialog *self = STEER_COMPUTER_DIALOG (source);
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerRemoteListing) listing = g_task_propagate_pointer (G_TASK (result), &error);

  /* Another one has been asked since, or the window is closed. */
  if (g_task_get_cancellable (G_TASK (result)) != self->cancellable)
    return;
  g_clear_object (&self->cancellable);
  if (listing != NULL)
    show_listing (self, listing);
  else
    show_problem (self, error);
}

static void
cancel (SteerComputerDialog *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
}

static void
on_connect (SteerComputerDialog *self)
{
  const char *typed = gtk_editable_get_text (self->name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GTask) task = NULL;

  cancel (self);
  g_clear_pointer (&self->computer, steer_remote_address_free);
  self->computer = steer_remote_address_parse_computer (typed, &error);
  if (self->computer == NULL)
    {
      show_problem (self, error);
      return;
    }
  g_settings_set_string (steer_workspace_get_settings (self->workspace), "computer", typed);
  gtk_stack_set_visible_child_name (self->pages, "asking");
  self->cancellable = g_cancellable_new ();
  task = g_task_new (self, self->cancellable, on_listed, NULL);
  g_task_set_task_data (task, steer_remote_address_copy (self->computer), (GDestroyNotify) steer_remote_address_free);
  g_task_run_in_thread (task, list_in_thread);
}

static void
on_host_chosen (SteerComputerDialog *self, GtkListBoxRow *row)
{
  gtk_editable_set_text (self->name, adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row)));
  on_connect (self);
}

/* The names that ssh's configuration has, where there is one. */
static void
on_config_read (GObject *file, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerComputerDialog) self = data;
  g_autofree char *text = NULL;
  g_auto (GStrv) hosts = NULL;
  gsize length;

  if (!g_file_load_contents_finish (G_FILE (file), result, &text, &length, NULL, NULL))
    return;
  hosts = steer_remote_parse_hosts (text, length);
  for (guint i = 0; hosts[i] != NULL; i++)
    {
      GtkWidget *row
        = g_object_new (ADW_TYPE_ACTION_ROW, "use-markup", FALSE, "title", hosts[i], "activatable", TRUE, NULL);

      adw_action_row_add_suffix (ADW_ACTION_ROW (row), gtk_image_new_from_icon_name ("go-next-symbolic"));
      gtk_list_box_append (self->hosts, row);
    }
  gtk_widget_set_visible (GTK_WIDGET (self->hosts), hosts[0] != NULL);
}

static void
look_for_hosts (SteerComputerDialog *self)
{
  g_autofree char *path = steer_remote_dup_hosts_path ();
  g_autoptr (GFile) file = g_file_new_for_path (path);

  g_file_load_contents_async (file, self->looking, on_config_read, g_object_ref (self));
}

static void
on_name_changed (SteerComputerDialog *self)
{
  g_autofree char *typed = g_strstrip (g_strdup (gtk_editable_get_text (self->name)));

  gtk_widget_set_sensitive (self->connect, *typed != '\0');
}

/* Not sooner, for the reason that SteerHubDialog has. */
static void
steer_computer_dialog_map (GtkWidget *widget)
{
  SteerComputerDialog *self = STEER_COMPUTER_DIALOG (widget);

  GTK_WIDGET_CLASS (steer_computer_dialog_parent_class)->map (widget);
  gtk_widget_grab_focus (GTK_WIDGET (self->name));
}

/* A question holds the window until it has ended, so its disposal would come too late. */
static void
steer_computer_dialog_unmap (GtkWidget *widget)
{
  cancel (STEER_COMPUTER_DIALOG (widget));
  g_cancellable_cancel (STEER_COMPUTER_DIALOG (widget)->looking);
  GTK_WIDGET_CLASS (steer_computer_dialog_parent_class)->unmap (widget);
}

static void
steer_computer_dialog_dispose (GObject *object)
{
  SteerComputerDialog *self = STEER_COMPUTER_DIALOG (object);

  cancel (self);
  g_clear_object (&self->looking);
  g_clear_pointer (&self->computer, steer_remote_address_free);
  g_clear_object (&self->workspace);
  G_OBJECT_CLASS (steer_computer_dialog_parent_class)->dispose (object);
}

static void
steer_computer_dialog_class_init (SteerComputerDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = steer_computer_dialog_dispose;
  widget_class->map = steer_computer_dialog_map;
  widget_class->unmap = steer_computer_dialog_unmap;
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-computer-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerComputerDialog, name);
  gtk_widget_class_bind_template_child (widget_class, SteerComputerDialog, connect);
  gtk_widget_class_bind_template_child (widget_class, SteerComputerDialog, pages);
  gtk_widget_class_bind_template_child (widget_class, SteerComputerDialog, hosts);
  gtk_widget_class_bind_template_child (widget_class, SteerComputerDialog, problem);
  gtk_widget_class_bind_template_child (widget_class, SteerComputerDialog, models_group);
  gtk_widget_class_bind_template_child (widget_class, SteerComputerDialog, models);
  gtk_widget_class_bind_template_child (widget_class, SteerComputerDialog, path);
  gtk_widget_class_bind_template_callback (widget_class, on_name_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_connect);
  gtk_widget_class_bind_template_callback (widget_class, on_host_chosen);
  gtk_widget_class_bind_template_callback (widget_class, on_path_typed);
  gtk_widget_class_install_action (widget_class, "computer.choose", "s", choose_model);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
steer_computer_dialog_init (SteerComputerDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->looking = g_cancellable_new ();
  look_for_hosts (self);
}

GtkWidget *
steer_computer_dialog_new (GtkWindow *parent, SteerWorkspace *workspace)
{
  SteerComputerDialog *self = g_object_new (STEER_TYPE_COMPUTER_DIALOG, "transient-for", parent, NULL);
  g_autofree char *last = g_settings_get_string (steer_workspace_get_settings (workspace), "computer");

  steer_dialog_forget_parent (GTK_WINDOW (self));
  self->workspace = g_object_ref (workspace);
  gtk_editable_set_text (self->name, last);
  on_name_changed (self);
  return GTK_WIDGET (self);
}
