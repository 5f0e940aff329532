/* A message's text as an entry, in its place. */
#include <glib/gi18n.h>
#include <string.h>

#include "steer-long-words.h"
#include "steer-message-view-private.h"

static char *
dup_editor_text (SteerMessageView *self)
{
  GtkTextIter start, end;

  gtk_text_buffer_get_bounds (self->editor_buffer, &start, &end);
  return gtk_text_buffer_get_text (self->editor_buffer, &start, &end, FALSE);
}

void
steer_message_view_end_edit (SteerMessageView *self)
{
  if (self->editor == NULL)
    return;
  /* The focus leaves before its place goes. */
  gtk_widget_show (self->bubble);
  gtk_widget_show (self->footer);
  gtk_widget_grab_focus (self->edit_button);
  self->editor_buffer = NULL;
  gtk_box_remove (GTK_BOX (self->column), g_steal_pointer (&self->editor));
}

static void
save (SteerMessageView *self)
{
  g_autofree char *text = dup_editor_text (self);
  gboolean changed = strcmp (text, steer_message_get_text (self->message)) != 0;
  gboolean asks = steer_message_get_role (self->message) == STEER_ROLE_USER;

  if (asks && *g_strstrip (text) == '\0')
    return;
  /* The alternative takes the place of this view. */
  g_object_ref (self);
  steer_message_view_end_edit (self);
  if (changed)
    steer_chat_edit (self->chat, self->message, text);
  g_object_unref (self);
}

static gboolean
on_key (SteerMessageView *self, guint key, guint code, GdkModifierType state)
{
  if (key == GDK_KEY_Escape)
    steer_message_view_end_edit (self);
  else if ((key == GDK_KEY_Return || key == GDK_KEY_KP_Enter) && (state & GDK_CONTROL_MASK) != 0)
    save (self);
  else
    return GDK_EVENT_PROPAGATE;
  return GDK_EVENT_STOP;
}

static GtkWidget *
make_entry (SteerMessageView *self)
{
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  GtkWidget *entry = gtk_text_view_new ();
  GtkEventController *keys = gtk_event_controller_key_new ();

  self->editor_buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (entry));
  gtk_text_buffer_set_text (self->editor_buffer, steer_message_get_text (self->message), -1);
  steer_long_words_follow (GTK_TEXT_VIEW (entry));
  gtk_text_view_set_accepts_tab (GTK_TEXT_VIEW (entry), FALSE);
  gtk_widget_add_css_class (entry, "message-text");
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Edited Message"), -1);
  g_signal_connect_swapped (keys, "key-pressed", G_CALLBACK (on_key), self);
  gtk_event_controller_set_propagation_phase (keys, GTK_PHASE_CAPTURE);
  gtk_widget_add_controller (entry, keys);

  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scrolled), 72);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scrolled), 420);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), entry);
  return scrolled;
}

static GtkWidget *
make_buttons (SteerMessageView *self)
{
  GtkWidget *buttons = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *cancel = gtk_button_new_with_mnemonic (_ ("_Cancel"));
  gboolean asks = steer_message_get_role (self->message) == STEER_ROLE_USER;
  GtkWidget *done = gtk_button_new_with_mnemonic (asks ? _ ("_Send") : _ ("_Save"));

  gtk_widget_add_css_class (done, "suggested-action");
  gtk_widget_set_tooltip_text (done,
                               asks ? _ ("Ask Again With This Text (Ctrl+Enter)") : _ ("Keep This Text (Ctrl+Enter)"));
  g_signal_connect_swapped (cancel, "clicked", G_CALLBACK (steer_message_view_end_edit), self);
  g_signal_connect_swapped (done, "clicked", G_CALLBACK (save), self);
  gtk_widget_set_halign (buttons, GTK_ALIGN_END);
  gtk_box_append (GTK_BOX (buttons), cancel);
  gtk_box_append (GTK_BOX (buttons), done);
  return buttons;
}

void
steer_message_view_begin_edit (SteerMessageView *self)
{
  GtkWidget *entry;

  g_return_if_fail (STEER_IS_MESSAGE_VIEW (self));

  if (self->editor != NULL || !steer_message_get_complete (self->message))
    return;
  self->editor = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  entry = make_entry (self);
  gtk_widget_set_hexpand (self->editor, TRUE);
  gtk_widget_add_css_class (self->editor, "message-editor");
  gtk_box_append (GTK_BOX (self->editor), entry);
  gtk_box_append (GTK_BOX (self->editor), make_buttons (self));
  gtk_box_append (GTK_BOX (self->column), self->editor);
  gtk_widget_hide (self->bubble);
  gtk_widget_hide (self->footer);
  gtk_widget_grab_focus (gtk_scrolled_window_get_child (GTK_SCROLLED_WINDOW (entry)));
}
