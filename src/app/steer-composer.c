#include "steer-composer.h"

#include <glib/gi18n.h>
#include <string.h>

#include "steer-context-gauge.h"
#include "steer-long-words.h"
#include "steer-whole-box.h"

/* A draft is stored when typing pauses. */
#define DRAFT_DELAY_MS 300

struct _SteerComposer
{
  GtkWidget parent_instance;

  SteerChat *chat;
  SteerConversation *conversation; /* whose draft it is */
  gboolean empty;
  guint draft_timer;
  guint resize_id;  /* the entry asks for its height again */
  gboolean setting; /* the text is being set by us: no draft to store */

  GtkWidget *frame;
  GtkScrolledWindow *scrolled;
  GtkTextView *entry;
  GtkTextBuffer *buffer;
};

enum
{
  PROP_0,
  PROP_CHAT,
  PROP_EMPTY,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerComposer, steer_composer, GTK_TYPE_WIDGET)

static gboolean
is_placeholder_visible (gpointer self, gboolean empty)
{
  return empty;
}

static char *
dup_button_page (gpointer self, gboolean busy)
{
  return g_strdup (busy ? "stop" : "send");
}

static char *
dup_text (SteerComposer *self)
{
  GtkTextIter start, end;

  gtk_text_buffer_get_bounds (self->buffer, &start, &end);
  return gtk_text_buffer_get_text (self->buffer, &start, &end, FALSE);
}

static void
update_actions (SteerComposer *self)
{
  g_autofree char *text = dup_text (self);
  gboolean blank = *g_strstrip (text) == '\0';

  gtk_widget_action_set_enabled (GTK_WIDGET (self), "composer.send",
                                 self->chat != NULL && !blank && steer_chat_get_can_send (self->chat));
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "composer.stop",
                                 self->chat != NULL && steer_chat_get_busy (self->chat));
}

static void
store_draft (SteerComposer *self)
{
  g_autofree char *text = NULL;

  g_clear_handle_id (&self->draft_timer, g_source_remove);
  if (self->conversation == NULL)
    return;
  text = dup_text (self);
  steer_conversation_set_draft (self->conversation, text);
}

static gboolean
on_draft_timer (gpointer data)
{
  SteerComposer *self = data;

  self->draft_timer = 0;
  store_draft (self);
  return G_SOURCE_REMOVE;
}

static void
on_text_changed (SteerComposer *self)
{
  gboolean empty = gtk_text_buffer_get_char_count (self->buffer) == 0;

  if (empty != self->empty)
    {
      self->empty = empty;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EMPTY]);
    }
  update_actions (self);
  if (self->setting)
    return;
  g_clear_handle_id (&self->draft_timer, g_source_remove);
  self->draft_timer = g_timeout_add (DRAFT_DELAY_MS, on_draft_timer, self);
}

static gboolean
resize (gpointer data)
{
  SteerComposer *self = data;

  self->resize_id = 0;
  gtk_widget_queue_resize (GTK_WIDGET (self->entry));
  return G_SOURCE_REMOVE;
}

/* A text view may learn its height in the middle of a layout, and what it asks for then is forgotten: its one line
 * would stay cut off. */
static void
on_scrolling_changed (SteerComposer *self)
{
  GtkAdjustment *adjustment;
  double page;

  if (self->buffer == NULL) /* it goes */
    return;
  adjustment = gtk_scrolled_window_get_vadjustment (self->scrolled);
  page = gtk_adjustment_get_page_size (adjustment);
  if (self->resize_id == 0 && gtk_adjustment_get_upper (adjustment) > page
      && page < gtk_scrolled_window_get_max_content_height (self->scrolled))
    self->resize_id = g_idle_add (resize, self);
}

static void
show_text (SteerComposer *self, const char *text)
{
  GtkTextIter end;

  self->setting = TRUE;
  gtk_text_buffer_set_text (self->buffer, text, -1);
  gtk_text_buffer_get_end_iter (self->buffer, &end);
  gtk_text_buffer_place_cursor (self->buffer, &end);
  self->setting = FALSE;
}

/* Somebody else changed it: sending empties it. */
static void
on_draft_changed (SteerComposer *self)
{
  g_autofree char *text = dup_text (self);
  const char *draft = steer_conversation_get_draft (self->conversation);

  if (strcmp (text, draft) == 0)
    return;
  g_clear_handle_id (&self->draft_timer, g_source_remove);
  show_text (self, draft);
}

static void
set_conversation (SteerComposer *self, SteerConversation *conversation)
{
  if (self->conversation == conversation)
    return;
  if (self->conversation != NULL)
    {
      if (self->draft_timer != 0)
        store_draft (self);
      g_signal_handlers_disconnect_by_data (self->conversation, self);
    }
  g_set_object (&self->conversation, conversation);
  if (conversation == NULL)
    return;
  g_signal_connect_object (conversation, "notify::draft", G_CALLBACK (on_draft_changed), self, G_CONNECT_SWAPPED);
  show_text (self, steer_conversation_get_draft (conversation));
}

static void
on_conversation_changed (SteerComposer *self)
{
  set_conversation (self, steer_chat_get_conversation (self->chat));
}

static void
send_text (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerComposer *self = STEER_COMPOSER (widget);
  g_autofree char *text = dup_text (self);

  if (!steer_chat_get_can_send (self->chat) || *g_strstrip (text) == '\0')
    return;
  /* The chat empties the draft, which must be what is on the screen for the screen to follow. */
  store_draft (self);
  steer_chat_send (self->chat, text);
}

static void
stop (GtkWidget *widget, const char *name, GVariant *parameter)
{
  steer_chat_stop (STEER_COMPOSER (widget)->chat);
}

static gboolean
on_key (SteerComposer *self, guint key, guint code, GdkModifierType state, GtkEventController *keys)
{
  GdkEvent *event = gtk_event_controller_get_current_event (keys);

  if (key != GDK_KEY_Return && key != GDK_KEY_KP_Enter && key != GDK_KEY_ISO_Enter)
    return GDK_EVENT_PROPAGATE;
  if ((state & (GDK_SHIFT_MASK | GDK_ALT_MASK)) != 0)
    return GDK_EVENT_PROPAGATE;
  /* An input method may need the key to finish a word. */
  if (event != NULL && gtk_text_view_im_context_filter_keypress (self->entry, event))
    return GDK_EVENT_STOP;
  gtk_widget_activate_action (GTK_WIDGET (self), "composer.send", NULL);
  return GDK_EVENT_STOP;
}

static void
on_press (SteerComposer *self)
{
  steer_composer_focus (self);
}

static void
set_chat (SteerComposer *self, SteerChat *chat)
{
  if (self->chat == chat)
    return;
  if (self->chat != NULL)
    g_signal_handlers_disconnect_by_data (self->chat, self);
  g_set_object (&self->chat, chat);
  if (chat == NULL)
    {
      set_conversation (self, NULL);
      return;
    }
  g_signal_connect_object (chat, "notify::conversation", G_CALLBACK (on_conversation_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "notify::can-send", G_CALLBACK (update_actions), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (chat, "notify::busy", G_CALLBACK (update_actions), self, G_CONNECT_SWAPPED);
  on_conversation_changed (self);
  update_actions (self);
}

static void
steer_composer_dispose (GObject *object)
{
  SteerComposer *self = STEER_COMPOSER (object);

  /* What was typed in the last moment is kept too. */
  if (self->draft_timer != 0 && self->buffer != NULL)
    store_draft (self);
  set_chat (self, NULL);
  g_clear_handle_id (&self->resize_id, g_source_remove);
  self->buffer = NULL;
  g_clear_pointer (&self->frame, gtk_widget_unparent);
  G_OBJECT_CLASS (steer_composer_parent_class)->dispose (object);
}

static void
steer_composer_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerComposer *self = STEER_COMPOSER (object);

  if (id == PROP_CHAT)
    g_value_set_object (value, self->chat);
  else if (id == PROP_EMPTY)
    g_value_set_boolean (value, self->empty);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_composer_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_CHAT)
    set_chat (STEER_COMPOSER (object), g_value_get_object (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_composer_class_init (SteerComposerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = steer_composer_dispose;
  object_class->get_property = steer_composer_get_property;
  object_class->set_property = steer_composer_set_property;

  properties[PROP_CHAT]
    = g_param_spec_object ("chat", NULL, NULL, STEER_TYPE_CHAT, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  properties[PROP_EMPTY] = g_param_spec_boolean ("empty", NULL, NULL, TRUE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  g_type_ensure (STEER_TYPE_CONTEXT_GAUGE);
  g_type_ensure (STEER_TYPE_WHOLE_BOX);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-composer.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerComposer, frame);
  gtk_widget_class_bind_template_child (widget_class, SteerComposer, scrolled);
  gtk_widget_class_bind_template_child (widget_class, SteerComposer, entry);
  gtk_widget_class_bind_template_child (widget_class, SteerComposer, buffer);
  gtk_widget_class_bind_template_callback (widget_class, is_placeholder_visible);
  gtk_widget_class_bind_template_callback (widget_class, dup_button_page);
  gtk_widget_class_bind_template_callback (widget_class, on_text_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_key);
  gtk_widget_class_bind_template_callback (widget_class, on_press);
  gtk_widget_class_install_action (widget_class, "composer.send", NULL, send_text);
  gtk_widget_class_install_action (widget_class, "composer.stop", NULL, stop);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "composer.stop", NULL);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_css_name (widget_class, "composer");
}

static void
steer_composer_init (SteerComposer *self)
{
  self->empty = TRUE;
  gtk_widget_init_template (GTK_WIDGET (self));
  steer_long_words_follow (self->entry);
  g_signal_connect_object (gtk_scrolled_window_get_vadjustment (self->scrolled), "changed",
                           G_CALLBACK (on_scrolling_changed), self, G_CONNECT_SWAPPED);
  update_actions (self);
}

GtkWidget *
steer_composer_new (SteerChat *chat)
{
  return g_object_new (STEER_TYPE_COMPOSER, "chat", chat, NULL);
}

void
steer_composer_focus (SteerComposer *self)
{
  g_return_if_fail (STEER_IS_COMPOSER (self));
  gtk_widget_grab_focus (GTK_WIDGET (self->entry));
}

void
steer_composer_set_text (SteerComposer *self, const char *text)
{
  g_return_if_fail (STEER_IS_COMPOSER (self));
  g_return_if_fail (text != NULL);

  show_text (self, text);
  store_draft (self);
}
