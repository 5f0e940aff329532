#include "steer-message-view-private.h"

#include <glib/gi18n.h>
#include <string.h>

#include "steer-aside-layout.h"
#include "steer-transcript-closures.h"
#include "steer-whole-box.h"
#include "steer-wrap-layout.h"

enum
{
  PROP_0,
  PROP_CHAT,
  PROP_MESSAGE,
  PROP_COMPACT,
  PROP_SHOW_STEERING,
  PROP_STEERING,
  N_PROPS
};

enum
{
  BRANCH_REQUESTED,
  DELETE_REQUESTED,
  INSPECT_REQUESTED,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerMessageView, steer_message_view, GTK_TYPE_WIDGET)

/* Closures that only this template needs. */

static gboolean
has_text (gpointer self, const char *text)
{
  return text != NULL && *text != '\0';
}

static gboolean
has_text_and_room (gpointer self, const char *text, gboolean compact)
{
  return has_text (self, text) && !compact;
}

static gboolean
has_alternatives (gpointer self, guint n_alternatives, gboolean compact)
{
  return n_alternatives > 1 && !compact;
}

/* The switch for it is looked at when it matters: a tooltip is asked for often. */
static char *
dup_token_features (gsize source, gpointer data)
{
  SteerMessageView *self = data;
  SteerWorkspace *workspace = steer_chat_get_workspace (self->chat);
  SteerInspector *inspector = steer_workspace_get_inspector (workspace);

  if (!g_settings_get_boolean (steer_workspace_get_settings (workspace), "tell-token-features")
      || !steer_message_get_complete (self->message) || !steer_chat_get_can_send (self->chat)
      || !steer_inspector_is_able (inspector))
    return NULL;
  return steer_inspector_dup_token_text (inspector, steer_chat_get_conversation (self->chat), self->message, source);
}

static void
on_inspector_ready (SteerMessageView *self)
{
  gtk_widget_trigger_tooltip_query (GTK_WIDGET (self));
}

static void
on_more (SteerMessageView *self)
{
  double x, y;

  gtk_widget_translate_coordinates (self->more_button, GTK_WIDGET (self),
                                    gtk_widget_get_width (self->more_button) / 2.0,
                                    gtk_widget_get_height (self->more_button), &x, &y);
  steer_message_view_popup_at (self, x, y);
}

static void
on_secondary_press (SteerMessageView *self, int n_press, double x, double y)
{
  if (!self->compact && self->editor == NULL)
    steer_message_view_popup_at (self, x, y);
}

static void
on_long_press (SteerMessageView *self, double x, double y)
{
  on_secondary_press (self, 1, x, y);
}

static void
update_steering (SteerMessageView *self)
{
  char *steering = steer_transcript_dup_steering (steer_message_get_preset_name (self->message),
                                                  steer_message_get_runs (self->message));

  if (g_strcmp0 (steering, self->steering) == 0)
    {
      g_free (steering);
      return;
    }
  g_free (self->steering);
  self->steering = steering;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STEERING]);
}

static void
on_appended (SteerMessageView *self)
{
  steer_message_view_schedule (self);
  update_steering (self);
}

static void
on_complete (SteerMessageView *self)
{
  if (!steer_message_get_complete (self->message))
    return;
  steer_message_view_finish (self);
  update_steering (self);
  steer_message_view_update_actions (self);
}

static void
on_style_changed (SteerMessageView *self)
{
  steer_message_view_remark_tail (self);
}

/* The pill tells the strengths at the end of the reply, all of them when they changed. */
static gboolean
on_pill_tooltip (SteerMessageView *self, int x, int y, gboolean keyboard, GtkTooltip *tooltip)
{
  const GArray *runs = steer_message_get_runs (self->message);
  g_autoptr (GString) text = g_string_new (NULL);
  const char *last = NULL;

  for (guint i = 0; i < runs->len && i < 12; i++)
    {
      const char *steering = g_array_index (runs, SteerTextRun, i).steering;
      g_autofree char *strengths = NULL;

      if (i > 0 && g_strcmp0 (steering, last) == 0)
        continue;
      strengths = steer_transcript_dup_strengths (steering);
      g_string_append_printf (text, "%s%s", text->len > 0 ? "\n↓\n" : "", strengths);
      last = steering;
    }
  if (runs->len > 12)
    g_string_append (text, "\n…");
  gtk_tooltip_set_text (tooltip, text->str);
  return text->len > 0;
}

/* What can be done with a question shows when one turns to it; below the bubble it would leave a hole there. */
static void
put_actions_beside (SteerMessageView *self)
{
  gtk_widget_set_layout_manager (self->column, g_object_new (STEER_TYPE_ASIDE_LAYOUT, NULL));
  gtk_box_reorder_child_after (GTK_BOX (self->column), self->footer, NULL);
  gtk_widget_set_valign (self->footer, GTK_ALIGN_CENTER);
}

static void
steer_message_view_constructed (GObject *object)
{
  SteerMessageView *self = STEER_MESSAGE_VIEW (object);
  gboolean reply = steer_message_get_role (self->message) == STEER_ROLE_ASSISTANT;
  GtkLayoutManager *wrap = gtk_widget_get_layout_manager (self->footer);

  G_OBJECT_CLASS (steer_message_view_parent_class)->constructed (object);

  g_object_set (wrap, "align-end", !reply, NULL);
  gtk_widget_add_css_class (GTK_WIDGET (self), reply ? "reply" : "question");
  if (!reply)
    put_actions_beside (self);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  reply ? _ ("Reply") : _ ("Your message"), -1);

  steer_text_style_set_details (self->style, dup_token_features, self);
  g_signal_connect_object (steer_workspace_get_inspector (steer_chat_get_workspace (self->chat)), "ready",
                           G_CALLBACK (on_inspector_ready), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->style, "changed", G_CALLBACK (on_style_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->message, "appended", G_CALLBACK (on_appended), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->message, "notify::complete", G_CALLBACK (on_complete), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->message, "notify::n-alternatives", G_CALLBACK (steer_message_view_update_actions),
                           self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "notify::can-send", G_CALLBACK (steer_message_view_update_actions), self,
                           G_CONNECT_SWAPPED);
  if (steer_message_get_complete (self->message))
    steer_message_view_show_whole (self);
  else
    steer_message_view_flush (self);
  update_steering (self);
  steer_message_view_update_actions (self);
}

static void
steer_message_view_dispose (GObject *object)
{
  SteerMessageView *self = STEER_MESSAGE_VIEW (object);

  steer_message_view_cancel_schedule (self);
  if (self->tail_view != NULL)
    g_signal_handlers_disconnect_by_data (self->tail_view, self);
  self->tail_view = NULL;
  self->tail_label = NULL;
  self->thought = NULL;
  g_clear_pointer (&self->menu, gtk_widget_unparent);
  g_clear_pointer (&self->column, gtk_widget_unparent);
  if (self->style != NULL)
    steer_text_style_set_details (self->style, NULL, NULL);
  g_clear_object (&self->style);
  g_clear_object (&self->message);
  g_clear_object (&self->chat);
  g_clear_pointer (&self->steering, g_free);
  G_OBJECT_CLASS (steer_message_view_parent_class)->dispose (object);
}

static void
steer_message_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerMessageView *self = STEER_MESSAGE_VIEW (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_MESSAGE:
      g_value_set_object (value, self->message);
      break;
    case PROP_COMPACT:
      g_value_set_boolean (value, self->compact);
      break;
    case PROP_SHOW_STEERING:
      g_value_set_boolean (value, steer_text_style_get_show (self->style));
      break;
    case PROP_STEERING:
      g_value_set_string (value, self->steering);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_message_view_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerMessageView *self = STEER_MESSAGE_VIEW (object);

  switch (id)
    {
    case PROP_CHAT:
      self->chat = g_value_dup_object (value);
      break;
    case PROP_MESSAGE:
      self->message = g_value_dup_object (value);
      self->style
        = steer_text_style_new (self->message, steer_workspace_get_features (steer_chat_get_workspace (self->chat)));
      break;
    case PROP_COMPACT:
      self->compact = g_value_get_boolean (value);
      break;
    case PROP_SHOW_STEERING:
      steer_message_view_set_show_steering (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
bind_template (GtkWidgetClass *widget_class)
{
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-message-view.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerMessageView, column);
  gtk_widget_class_bind_template_child (widget_class, SteerMessageView, bubble);
  gtk_widget_class_bind_template_child (widget_class, SteerMessageView, content);
  gtk_widget_class_bind_template_child (widget_class, SteerMessageView, footer);
  gtk_widget_class_bind_template_child (widget_class, SteerMessageView, actions);
  gtk_widget_class_bind_template_child (widget_class, SteerMessageView, copy_button);
  gtk_widget_class_bind_template_child (widget_class, SteerMessageView, edit_button);
  gtk_widget_class_bind_template_child (widget_class, SteerMessageView, regenerate_button);
  gtk_widget_class_bind_template_child (widget_class, SteerMessageView, more_button);
  gtk_widget_class_bind_template_callback (widget_class, steer_transcript_dup_tokens);
  gtk_widget_class_bind_template_callback (widget_class, steer_transcript_dup_rate);
  gtk_widget_class_bind_template_callback (widget_class, steer_transcript_dup_stop_note);
  gtk_widget_class_bind_template_callback (widget_class, steer_transcript_dup_alternative);
  gtk_widget_class_bind_template_callback (widget_class, has_text);
  gtk_widget_class_bind_template_callback (widget_class, has_text_and_room);
  gtk_widget_class_bind_template_callback (widget_class, has_alternatives);
  gtk_widget_class_bind_template_callback (widget_class, on_more);
  gtk_widget_class_bind_template_callback (widget_class, on_secondary_press);
  gtk_widget_class_bind_template_callback (widget_class, on_long_press);
  gtk_widget_class_bind_template_callback (widget_class, on_pill_tooltip);
}

static void
steer_message_view_class_init (SteerMessageViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags once = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  object_class->constructed = steer_message_view_constructed;
  object_class->dispose = steer_message_view_dispose;
  object_class->get_property = steer_message_view_get_property;
  object_class->set_property = steer_message_view_set_property;

  properties[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, STEER_TYPE_CHAT, once);
  properties[PROP_MESSAGE] = g_param_spec_object ("message", NULL, NULL, STEER_TYPE_MESSAGE, once);
  properties[PROP_COMPACT] = g_param_spec_boolean ("compact", NULL, NULL, FALSE, once);
  properties[PROP_SHOW_STEERING]
    = g_param_spec_boolean ("show-steering", NULL, NULL, TRUE,
                            G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  properties[PROP_STEERING] = g_param_spec_string ("steering", NULL, NULL, NULL,
                                                   G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  signals[BRANCH_REQUESTED] = g_signal_new ("branch-requested", STEER_TYPE_MESSAGE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL,
                                            NULL, NULL, G_TYPE_NONE, 0);
  signals[DELETE_REQUESTED] = g_signal_new ("delete-requested", STEER_TYPE_MESSAGE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL,
                                            NULL, NULL, G_TYPE_NONE, 0);
  signals[INSPECT_REQUESTED] = g_signal_new ("inspect-requested", STEER_TYPE_MESSAGE_VIEW, G_SIGNAL_RUN_LAST, 0, NULL,
                                             NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);

  g_type_ensure (STEER_TYPE_MESSAGE);
  g_type_ensure (STEER_TYPE_WHOLE_BOX);
  g_type_ensure (STEER_TYPE_WRAP_LAYOUT);
  bind_template (widget_class);
  steer_message_view_install_actions (widget_class);
  gtk_widget_class_set_layout_manager_type (widget_class, GTK_TYPE_BIN_LAYOUT);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
  gtk_widget_class_set_css_name (widget_class, "message");
}

static void
steer_message_view_init (SteerMessageView *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->blocks = GTK_BOX (self->content);
  self->tail_box = GTK_BOX (self->bubble);
}

GtkWidget *
steer_message_view_new (SteerChat *chat, SteerMessage *message, gboolean compact, gboolean show_steering)
{
  return g_object_new (STEER_TYPE_MESSAGE_VIEW, "chat", chat, "message", message, "compact", compact, "show-steering",
                       show_steering, NULL);
}

SteerMessage *
steer_message_view_get_message (SteerMessageView *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE_VIEW (self), NULL);
  return self->message;
}

void
steer_message_view_set_show_steering (SteerMessageView *self, gboolean show)
{
  g_return_if_fail (STEER_IS_MESSAGE_VIEW (self));

  if (steer_text_style_get_show (self->style) == show)
    return;
  steer_text_style_set_show (self->style, show);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SHOW_STEERING]);
}

void
steer_message_view_focus (SteerMessageView *self)
{
  g_return_if_fail (STEER_IS_MESSAGE_VIEW (self));

  if (!gtk_widget_grab_focus (self->copy_button))
    gtk_widget_child_focus (GTK_WIDGET (self), GTK_DIR_TAB_FORWARD);
}

gboolean
steer_message_view_has_menu (SteerMessageView *self)
{
  g_return_val_if_fail (STEER_IS_MESSAGE_VIEW (self), FALSE);
  return self->menu != NULL;
}
