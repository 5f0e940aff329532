#include "steer-transcript-private.h"

#include <glib/gi18n.h>
#include <string.h>

#include "steer-column-layout.h"
#include "steer-seen-box.h"
#include "steer-status-page.h"
#include "steer-wrap-layout.h"

enum
{
  PROP_0,
  PROP_CHAT,
  PROP_SHOW_STEERING,
  N_PROPS
};

enum
{
  BRANCHED,
  TOAST,
  INSPECT,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerTranscript, steer_transcript, GTK_TYPE_WIDGET)

/* Closures that only this template needs. */

static gboolean
has_notice (gpointer self, gboolean unanswered, const char *failure)
{
  return unanswered || failure != NULL;
}

/* Markup. */
static char *
dup_notice (gpointer self, const char *failure)
{
  return failure != NULL ? steer_status_page_dup_error_text (self, failure) : g_strdup (_ ("Not answered"));
}

static char *
dup_retry (gpointer self, const char *failure)
{
  return g_strdup (failure != NULL ? _ ("Try Again") : _ ("Answer"));
}

static gboolean
is_failure (gpointer self, const char *failure)
{
  return failure != NULL;
}

/* What Undo of a deletion needs. */
typedef struct
{
  SteerConversation *conversation;
  SteerRemoval *removal;
} Undo;

static void
undo_free (gpointer data, GClosure *closure)
{
  Undo *undo = data;

  steer_removal_free (undo->removal);
  g_object_unref (undo->conversation);
  g_free (undo);
}

static void
on_undo (Undo *undo)
{
  steer_conversation_restore (undo->conversation, undo->removal);
}

static void
on_delete_requested (SteerTranscript *self, SteerMessageView *view)
{
  Undo *undo = g_new0 (Undo, 1);
  AdwToast *toast = adw_toast_new (_ ("Message deleted"));

  undo->conversation = g_object_ref (self->conversation);
  undo->removal = steer_conversation_remove (self->conversation, steer_message_view_get_message (view));
  adw_toast_set_button_label (toast, _ ("_Undo"));
  g_signal_connect_data (toast, "button-clicked", G_CALLBACK (on_undo), undo, undo_free, G_CONNECT_SWAPPED);
  g_signal_emit (self, signals[TOAST], 0, toast);
  g_object_unref (toast);
}

static void
on_branch_requested (SteerTranscript *self, SteerMessageView *view)
{
  g_autoptr (SteerConversation) branch
    = steer_conversation_branch (self->conversation, steer_message_view_get_message (view));

  if (branch != NULL)
    g_signal_emit (self, signals[BRANCHED], 0, branch);
}

static void
on_inspect_requested (SteerTranscript *self, const char *words, SteerMessageView *view)
{
  g_signal_emit (self, signals[INSPECT], 0, steer_message_view_get_message (view), words);
}

GtkWidget *
steer_transcript_make_view (SteerTranscript *self, SteerMessage *message)
{
  GtkWidget *view = steer_message_view_new (self->chat, message, FALSE, self->show_steering);

  g_signal_connect_object (view, "delete-requested", G_CALLBACK (on_delete_requested), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (view, "inspect-requested", G_CALLBACK (on_inspect_requested), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (view, "branch-requested", G_CALLBACK (on_branch_requested), self, G_CONNECT_SWAPPED);
  return view;
}

/* The view that an action means: the one in focus, else the last. */
static SteerMessageView *
find_view (SteerTranscript *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  GtkWidget *focus = root != NULL ? gtk_root_get_focus (root) : NULL;
  GtkWidget *view = focus != NULL ? gtk_widget_get_ancestor (focus, STEER_TYPE_MESSAGE_VIEW) : NULL;

  if (view != NULL && gtk_widget_is_ancestor (view, GTK_WIDGET (self)))
    return STEER_MESSAGE_VIEW (view);
  return self->views->len > 0 ? g_ptr_array_index (self->views, self->views->len - 1) : NULL;
}

static void
activate (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerMessageView *view = find_view (STEER_TRANSCRIPT (widget));
  g_autofree char *action = g_strconcat ("message.", name + strlen ("transcript."), NULL);

  if (view != NULL)
    gtk_widget_activate_action (GTK_WIDGET (view), action, NULL);
}

static void
scroll_to_end (GtkWidget *widget, const char *name, GVariant *parameter)
{
  steer_transcript_scroll_to_end (STEER_TRANSCRIPT (widget));
}

static void
stay (GtkWidget *widget, const char *name, GVariant *parameter)
{
  steer_transcript_stay (STEER_TRANSCRIPT (widget));
}

static void
stop (GtkWidget *widget, const char *name, GVariant *parameter)
{
  SteerTranscript *self = STEER_TRANSCRIPT (widget);

  if (self->chat != NULL)
    steer_chat_stop (self->chat);
}

static void
on_items_changed (SteerTranscript *self, guint position, guint removed, guint added)
{
  steer_transcript_change_items (self, position, removed, added);
}

static void
on_conversation_changed (SteerTranscript *self)
{
  SteerConversation *conversation = self->chat != NULL ? steer_chat_get_conversation (self->chat) : NULL;

  if (conversation == self->conversation)
    return;
  if (self->conversation != NULL)
    g_signal_handlers_disconnect_by_func (self->conversation, on_items_changed, self);
  g_set_object (&self->conversation, conversation);
  if (conversation != NULL)
    g_signal_connect_object (conversation, "items-changed", G_CALLBACK (on_items_changed), self, G_CONNECT_SWAPPED);
  steer_transcript_show_end (self);
  steer_transcript_update_compare (self);
  steer_transcript_scroll_to_end (self);
}

/* Assistive technology hears the whole answer, once, and not its tokens. */
static void
on_replied (SteerTranscript *self, SteerConversation *conversation, SteerMessage *message)
{
  g_autofree char *answer = NULL;

  if (conversation != self->conversation)
    return;
  answer = steer_message_dup_answer (message);
  gtk_widget_hide (GTK_WIDGET (self->announcement));
  gtk_label_set_text (self->announcement, answer);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->announcement), GTK_ACCESSIBLE_PROPERTY_LABEL, answer, -1);
  gtk_widget_show (GTK_WIDGET (self->announcement));
}

/* What a person sends is seen, wherever they were reading. */
static void
on_busy_changed (SteerTranscript *self)
{
  if (steer_chat_get_busy (self->chat))
    steer_transcript_scroll_to_end (self);
}

static void
update_text_size (SteerTranscript *self)
{
  double scale = 1.0;
  g_autofree char *css = NULL;
  char percent[G_ASCII_DTOSTR_BUF_SIZE];

  if (self->chat != NULL)
    scale = g_settings_get_double (steer_workspace_get_settings (steer_chat_get_workspace (self->chat)), "text-scale");
  g_ascii_formatd (percent, sizeof percent, "%.1f", scale * 100.0);
  css = g_strdup_printf ("transcript { font-size: %s%%; }", percent);
  gtk_css_provider_load_from_data (self->text_size, css, -1);
}

static void
watch_chat (SteerTranscript *self)
{
  GSettings *settings = steer_workspace_get_settings (steer_chat_get_workspace (self->chat));

  g_signal_connect_object (self->chat, "notify::conversation", G_CALLBACK (on_conversation_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::plain-message", G_CALLBACK (steer_transcript_update_compare), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::steered-message", G_CALLBACK (steer_transcript_update_compare), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::busy", G_CALLBACK (on_busy_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "replied", G_CALLBACK (on_replied), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (settings, "changed::text-scale", G_CALLBACK (update_text_size), self, G_CONNECT_SWAPPED);
}

void
steer_transcript_set_chat (SteerTranscript *self, SteerChat *chat)
{
  g_return_if_fail (STEER_IS_TRANSCRIPT (self));

  if (self->chat == chat)
    return;
  if (self->chat != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->chat, self);
      g_signal_handlers_disconnect_by_data (steer_workspace_get_settings (steer_chat_get_workspace (self->chat)), self);
    }
  g_set_object (&self->chat, chat);
  if (chat != NULL)
    watch_chat (self);
  if (self->text_size != NULL)
    update_text_size (self);
  on_conversation_changed (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CHAT]);
}

static void
set_show_steering (SteerTranscript *self, gboolean show)
{
  if (self->show_steering == show)
    return;
  self->show_steering = show;
  for (guint i = 0; i < self->views->len; i++)
    steer_message_view_set_show_steering (g_ptr_array_index (self->views, i), show);
  if (self->compare != NULL)
    steer_compare_view_set_show_steering (self->compare, show);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SHOW_STEERING]);
}

static void
steer_transcript_dispose (GObject *object)
{
  SteerTranscript *self = STEER_TRANSCRIPT (object);

  steer_transcript_cancel_fill (self);
  if (self->overlay != NULL)
    {
      steer_transcript_set_chat (self, NULL);
      self->compare = NULL;
      steer_transcript_cancel_dropping (self);
      g_ptr_array_set_size (self->views, 0);
    }
  g_clear_pointer (&self->overlay, gtk_widget_unparent);
  g_clear_object (&self->text_size);
  G_OBJECT_CLASS (steer_transcript_parent_class)->dispose (object);
}

static void
steer_transcript_finalize (GObject *object)
{
  g_ptr_array_unref (STEER_TRANSCRIPT (object)->leaving);
  g_ptr_array_unref (STEER_TRANSCRIPT (object)->views);
  G_OBJECT_CLASS (steer_transcript_parent_class)->finalize (object);
}

static void
steer_transcript_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerTranscript *self = STEER_TRANSCRIPT (object);

  if (id == PROP_CHAT)
    g_value_set_object (value, self->chat);
  else if (id == PROP_SHOW_STEERING)
    g_value_set_boolean (value, self->show_steering);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_transcript_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerTranscript *self = STEER_TRANSCRIPT (object);

  if (id == PROP_CHAT)
    steer_transcript_set_chat (self, g_value_get_object (value));
  else if (id == PROP_SHOW_STEERING)
    set_show_steering (self, g_value_get_boolean (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_transcript_class_init (SteerTranscriptClass *klass)
{
  static const char *const actions[] = {
    "transcript.copy",
    "transcript.edit",
    "transcript.regenerate",
    "transcript.branch",
    "transcript.delete",
    "transcript.previous-alternative",
    "transcript.next-alternative",
  };
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->dispose = steer_transcript_dispose;
  object_class->finalize = steer_transcript_finalize;
  object_class->get_property = steer_transcript_get_property;
  object_class->set_property = steer_transcript_set_property;

  properties[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, STEER_TYPE_CHAT, flags);
  properties[PROP_SHOW_STEERING] = g_param_spec_boolean ("show-steering", NULL, NULL, TRUE, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  signals[BRANCHED] = g_signal_new ("branched", STEER_TYPE_TRANSCRIPT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 1, STEER_TYPE_CONVERSATION);
  signals[TOAST] = g_signal_new ("toast", STEER_TYPE_TRANSCRIPT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                 ADW_TYPE_TOAST);

  signals[INSPECT] = g_signal_new ("inspect", STEER_TYPE_TRANSCRIPT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 2, STEER_TYPE_MESSAGE, G_TYPE_STRING);

  g_type_ensure (STEER_TYPE_COLUMN_LAYOUT);
  g_type_ensure (STEER_TYPE_SEEN_BOX);
  g_type_ensure (STEER_TYPE_WRAP_LAYOUT);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-transcript.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerTranscript, overlay);
  gtk_widget_class_bind_template_child (widget_class, SteerTranscript, scrolled);
  gtk_widget_class_bind_template_child (widget_class, SteerTranscript, clamp);
  gtk_widget_class_bind_template_child (widget_class, SteerTranscript, messages);
  gtk_widget_class_bind_template_child (widget_class, SteerTranscript, compare_bin);
  gtk_widget_class_bind_template_child (widget_class, SteerTranscript, end_revealer);
  gtk_widget_class_bind_template_child (widget_class, SteerTranscript, announcement);
  gtk_widget_class_bind_template_callback (widget_class, has_notice);
  gtk_widget_class_bind_template_callback (widget_class, dup_notice);
  gtk_widget_class_bind_template_callback (widget_class, dup_retry);
  gtk_widget_class_bind_template_callback (widget_class, is_failure);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    gtk_widget_class_install_action (widget_class, actions[i], NULL, activate);
  gtk_widget_class_install_action (widget_class, "transcript.scroll-to-end", NULL, scroll_to_end);
  gtk_widget_class_install_action (widget_class, "transcript.stay", NULL, stay);
  gtk_widget_class_install_action (widget_class, "transcript.stop", NULL, stop);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "transcript.stop", NULL);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_LOG);
  gtk_widget_class_set_css_name (widget_class, "transcript");
}

static void
steer_transcript_init (SteerTranscript *self)
{
  /* Text that can be selected is reached by Tab, which must not select all of it. */
  g_object_set (gtk_settings_get_default (), "gtk-label-select-on-focus", FALSE, NULL);
  self->show_steering = TRUE;
  self->target = G_MAXUINT;
  self->views = g_ptr_array_new ();
  self->leaving = g_ptr_array_new_with_free_func (g_object_unref);
  self->text_size = gtk_css_provider_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_style_context_add_provider (gtk_widget_get_style_context (GTK_WIDGET (self)),
                                  GTK_STYLE_PROVIDER (self->text_size), GTK_STYLE_PROVIDER_PRIORITY_APPLICATION + 1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Transcript"), -1);
  adw_clamp_set_maximum_size (self->clamp, STEER_TRANSCRIPT_WIDTH);
  adw_clamp_set_tightening_threshold (self->clamp, STEER_TRANSCRIPT_THRESHOLD);
  steer_transcript_watch_scrolling (self);
}

GtkWidget *
steer_transcript_new (SteerChat *chat)
{
  return g_object_new (STEER_TYPE_TRANSCRIPT, "chat", chat, NULL);
}
