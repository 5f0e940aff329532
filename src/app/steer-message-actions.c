/* What can be done with a message: the actions of its buttons, keys and menu. */
#include "steer-message-view-private.h"

#include <glib/gi18n.h>
#include <string.h>

static void
copy (GtkWidget *widget, const char *name, GVariant *parameter)
{
  g_autofree char *answer = steer_message_dup_answer (STEER_MESSAGE_VIEW (widget)->message);

  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), answer);
}

static void
edit (GtkWidget *widget, const char *name, GVariant *parameter)
{
  steer_message_view_begin_edit (STEER_MESSAGE_VIEW (widget));
}

static void
regenerate (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerMessageView *self = STEER_MESSAGE_VIEW (widget);

  steer_chat_regenerate (self->chat, self->message);
}

static void
branch (GtkWidget *widget, const char *name, GVariant *parameter)
{
  g_signal_emit_by_name (widget, "branch-requested");
}

static void
delete_message (GtkWidget *widget, const char *name, GVariant *parameter)
{
  g_signal_emit_by_name (widget, "delete-requested");
}

/* The words that are selected in one of the message's labels that can be seen. */
static char *
dup_selection (GtkWidget *widget)
{
  int start, end;
  char *found = NULL;

  if (!gtk_widget_get_visible (widget))
    return NULL;
  if (GTK_IS_LABEL (widget) && gtk_label_get_selection_bounds (GTK_LABEL (widget), &start, &end))
    return g_utf8_substring (gtk_label_get_text (GTK_LABEL (widget)), start, end);
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL && found == NULL;
       child = gtk_widget_get_next_sibling (child))
    found = dup_selection (child);
  return found;
}

static void
inspect (GtkWidget *widget, const char *name, GVariant *parameter)
{
  g_autofree char *words = dup_selection (STEER_MESSAGE_VIEW (widget)->bubble);

  g_signal_emit_by_name (widget, "inspect-requested", words);
}

/* Round, so that one button reaches them all. */
static void
step_alternative (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerMessageView *self = STEER_MESSAGE_VIEW (widget);
  guint n = steer_message_get_n_alternatives (self->message);
  guint step = strcmp (name, "message.next-alternative") == 0 ? 1 : n - 1;

  steer_conversation_select_alternative (steer_chat_get_conversation (self->chat), self->message,
                                         (steer_message_get_alternative (self->message) + step) % n);
}

void
steer_message_view_update_actions (SteerMessageView *self)
{
  GtkWidget *widget = GTK_WIDGET (self);
  gboolean complete = steer_message_get_complete (self->message);
  gboolean reply = steer_message_get_role (self->message) == STEER_ROLE_ASSISTANT;
  gboolean several = steer_message_get_n_alternatives (self->message) > 1;

  gtk_widget_action_set_enabled (widget, "message.edit", complete && !self->compact);
  gtk_widget_action_set_enabled (widget, "message.regenerate",
                                 complete && !self->compact && steer_chat_can_regenerate (self->chat, self->message));
  gtk_widget_action_set_enabled (widget, "message.branch", complete && !self->compact);
  gtk_widget_action_set_enabled (widget, "message.inspect", complete && steer_chat_get_can_send (self->chat));
  gtk_widget_action_set_enabled (widget, "message.delete", !self->compact);
  gtk_widget_action_set_enabled (widget, "message.previous-alternative", several);
  gtk_widget_action_set_enabled (widget, "message.next-alternative", several);
  gtk_widget_set_visible (self->actions, complete);
  /* Beside a question there is little room; its menu copies too. */
  gtk_widget_set_visible (self->copy_button, reply);
  gtk_widget_set_visible (self->edit_button, !self->compact);
  gtk_widget_set_visible (self->regenerate_button, reply && !self->compact);
  gtk_widget_set_visible (self->more_button, !self->compact);
}

static GtkWidget *
get_menu (SteerMessageView *self)
{
  g_autoptr (GMenu) menu = NULL;
  g_autoptr (GMenu) risky = NULL;

  if (self->menu != NULL)
    return self->menu;
  menu = g_menu_new ();
  risky = g_menu_new ();
  g_menu_append (menu, _ ("_Copy"), "message.copy");
  g_menu_append (menu, _ ("_Edit"), "message.edit");
  if (steer_message_get_role (self->message) == STEER_ROLE_ASSISTANT)
    g_menu_append (menu, _ ("_Regenerate"), "message.regenerate");
  g_menu_append (menu, _ ("_Branch Into New Chat"), "message.branch");
  g_menu_append (menu, _ ("_Features in This Text…"), "message.inspect");
  g_menu_append (risky, _ ("_Delete"), "message.delete");
  g_menu_append_section (menu, NULL, G_MENU_MODEL (risky));
  self->menu = gtk_popover_menu_new_from_model (G_MENU_MODEL (menu));
  gtk_widget_set_parent (self->menu, GTK_WIDGET (self));
  gtk_popover_set_has_arrow (GTK_POPOVER (self->menu), FALSE);
  return self->menu;
}

void
steer_message_view_popup_at (SteerMessageView *self, double x, double y)
{
  GtkPopover *menu = GTK_POPOVER (get_menu (self));

  gtk_popover_set_pointing_to (menu, &(GdkRectangle){ (int) x, (int) y, 1, 1 });
  gtk_popover_popup (menu);
}

void
steer_message_view_install_actions (GtkWidgetClass *widget_class)
{
  gtk_widget_class_install_action (widget_class, "message.copy", NULL, copy);
  gtk_widget_class_install_action (widget_class, "message.edit", NULL, edit);
  gtk_widget_class_install_action (widget_class, "message.regenerate", NULL, regenerate);
  gtk_widget_class_install_action (widget_class, "message.branch", NULL, branch);
  gtk_widget_class_install_action (widget_class, "message.inspect", NULL, inspect);
  gtk_widget_class_install_action (widget_class, "message.delete", NULL, delete_message);
  gtk_widget_class_install_action (widget_class, "message.previous-alternative", NULL, step_alternative);
  gtk_widget_class_install_action (widget_class, "message.next-alternative", NULL, step_alternative);
}
