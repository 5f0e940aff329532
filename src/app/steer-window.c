#include "steer-window-private.h"

#include <glib/gi18n.h>

#include "steer-firing-dialog.h"
#include "steer-model-button.h"
#include "steer-model-names.h"
#include "steer-renderer.h"
#include "steer-status-page.h"
#include "steer-steering-panel.h"

#define CHATS_WIDTH 250
#define STEERING_WIDTH 344

enum
{
  PROP_0,
  PROP_CHAT,
  PROP_EMPTY,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (SteerWindow, steer_window, ADW_TYPE_APPLICATION_WINDOW)

SteerWorkspace *
steer_window_get_workspace (SteerWindow *self)
{
  return steer_chat_get_workspace (self->chat);
}

GSettings *
steer_window_get_settings (SteerWindow *self)
{
  return steer_workspace_get_settings (steer_window_get_workspace (self));
}

/* An empty chat has a page of its own for what the notice says above the messages of another. */
gboolean
steer_window_has_notice (gpointer self,
                         gboolean empty,
                         const char *loading_path,
                         const char *load_error,
                         const char *model_path)
{
  if (empty)
    return loading_path == NULL && load_error != NULL && model_path != NULL;
  return loading_path != NULL || load_error != NULL || model_path == NULL;
}

char *
steer_window_dup_notice (gpointer self, const char *loading_path, const char *load_error)
{
  if (loading_path != NULL)
    {
      g_autofree char *title = steer_model_dup_title (loading_path);

      return g_strdup_printf (_ ("Loading %s…"), title);
    }
  if (load_error != NULL)
    return g_strdup_printf (_ ("The model did not load: %s"), load_error);
  return g_strdup (_ ("No model is loaded"));
}

static char *
dup_notice_button (gpointer self, const char *loading_path)
{
  return g_strdup (loading_path != NULL ? _ ("_Cancel") : _ ("_Load"));
}

static char *
dup_notice_action (gpointer self, const char *loading_path)
{
  return g_strdup (loading_path != NULL ? "win.cancel-load" : "win.retry-load");
}

static gboolean
is_roomy (gpointer self, gboolean chats_folded, gboolean steering_folded)
{
  return !(chats_folded && steering_folded);
}

static const char *
get_key (SteerWindow *self, AdwFlap *flap)
{
  return flap == self->chats_flap ? "show-chats" : "show-steering";
}

/* Folding puts a side away; unfolding brings it back if that is how it was left. */
static void
on_folded (SteerWindow *self, GParamSpec *pspec, AdwFlap *flap)
{
  if (self->chat == NULL)
    return;
  self->folding = TRUE;
  adw_flap_set_reveal_flap (flap, !adw_flap_get_folded (flap)
                                    && g_settings_get_boolean (steer_window_get_settings (self), get_key (self, flap)));
  self->folding = FALSE;
}

/* The buttons of the window stand at its upper corners, in whichever header is there. */
static void
update_title_buttons (SteerWindow *self)
{
  gboolean chats = adw_flap_get_reveal_flap (self->chats_flap) && !adw_flap_get_folded (self->chats_flap);
  gboolean steering = adw_flap_get_reveal_flap (self->steering_flap) && !adw_flap_get_folded (self->steering_flap);

  adw_header_bar_set_show_start_title_buttons (self->header, !chats);
  adw_header_bar_set_show_end_title_buttons (self->header, !steering);
}

static void
on_revealed (SteerWindow *self, GParamSpec *pspec, AdwFlap *flap)
{
  gboolean revealed = adw_flap_get_reveal_flap (flap);

  if (self->chat == NULL)
    return;
  if (!self->folding && !adw_flap_get_folded (flap))
    g_settings_set_boolean (steer_window_get_settings (self), get_key (self, flap), revealed);
  update_title_buttons (self);
  if (!revealed && self->composer != NULL && gtk_widget_get_mapped (GTK_WIDGET (self)))
    steer_composer_focus (self->composer);
}

static void
update_empty (SteerWindow *self)
{
  gboolean empty = g_list_model_get_n_items (G_LIST_MODEL (steer_chat_get_conversation (self->chat))) == 0;

  gtk_stack_set_visible_child_name (self->stack, empty ? "status" : "transcript");
  if (empty == self->empty)
    return;
  self->empty = empty;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EMPTY]);
}

static void
update_title (SteerWindow *self)
{
  const char *title = steer_conversation_get_title (steer_chat_get_conversation (self->chat));

  gtk_window_set_title (GTK_WINDOW (self), *title != '\0' ? title : _ ("Steer Chat"));
}

static void
on_messages_changed (SteerWindow *self)
{
  update_empty (self);
  steer_window_update_actions (self);
}

/* The conversations that the window has shown may go on changing: only the present one's signals count. */
static void
forget_conversation (SteerWindow *self)
{
  if (self->conversation != NULL)
    g_signal_handlers_disconnect_by_data (self->conversation, self);
  g_clear_object (&self->conversation);
}

static void
on_conversation_changed (SteerWindow *self, GParamSpec *pspec, SteerChat *chat)
{
  SteerConversation *conversation = steer_chat_get_conversation (chat);

  forget_conversation (self);
  self->conversation = g_object_ref (conversation);
  g_signal_connect_swapped (conversation, "items-changed", G_CALLBACK (on_messages_changed), self);
  g_signal_connect_swapped (conversation, "notify::title", G_CALLBACK (update_title), self);
  on_messages_changed (self);
  update_title (self);
  g_settings_set_int64 (steer_window_get_settings (self), "last-chat", steer_conversation_get_id (conversation));
  if (steer_chat_list_has_keys (self->chat_list))
    return;
  if (adw_flap_get_folded (self->chats_flap))
    adw_flap_set_reveal_flap (self->chats_flap, FALSE);
  if (gtk_widget_get_mapped (GTK_WIDGET (self)))
    steer_composer_focus (self->composer);
}

/* By Enter or a double click: on to what is to be said in it. */
static void
on_list_opened (SteerWindow *self)
{
  if (adw_flap_get_folded (self->chats_flap))
    adw_flap_set_reveal_flap (self->chats_flap, FALSE);
  steer_composer_focus (self->composer);
}

static void
on_hit (SteerWindow *self, gint64 message, const char *query)
{
  guint position;

  if (steer_conversation_show_message (steer_chat_get_conversation (self->chat), message, &position))
    steer_transcript_show_message (self->transcript, position, query);
}

static void
on_feature_chosen (SteerWindow *self, SteerFeature *feature)
{
  steer_steering_panel_add (STEER_STEERING_PANEL (self->panel), feature);
}

static void
on_inspect (SteerWindow *self, SteerMessage *message, const char *words)
{
  GtkWidget *dialog
    = steer_firing_dialog_new (GTK_WINDOW (self), steer_workspace_get_inspector (steer_window_get_workspace (self)),
                               steer_chat_get_conversation (self->chat), message, words);

  g_signal_connect_object (dialog, "chosen", G_CALLBACK (on_feature_chosen), self, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_steering_close_requested (SteerWindow *self)
{
  adw_flap_set_reveal_flap (self->steering_flap, FALSE);
}

/* The chat that is shown tells it itself, where the answer would be. */
static void
on_failed (SteerWindow *self, SteerConversation *conversation, const char *message)
{
  g_autofree char *text = NULL;

  if (conversation == steer_chat_get_conversation (self->chat))
    return;
  text = g_strdup_printf (_ ("“%s” was not answered: %s"), steer_conversation_get_title (conversation), message);
  steer_window_show_message (self, text);
}

/* Whoever looks elsewhere is told that the reply is there. */
static void
on_replied (SteerWindow *self, SteerConversation *conversation, SteerMessage *message)
{
  GtkApplication *application = gtk_window_get_application (GTK_WINDOW (self));
  g_autoptr (GNotification) notification = NULL;
  g_autofree char *answer = NULL, *begin = NULL, *id = NULL;

  if (application == NULL || gtk_window_is_active (GTK_WINDOW (self)))
    return;
  answer = steer_message_dup_answer (message);
  begin = g_utf8_substring (answer, 0, MIN (160, g_utf8_strlen (answer, -1)));
  notification = g_notification_new (steer_conversation_get_title (conversation));
  g_notification_set_body (notification, begin);
  g_notification_set_default_action_and_target (notification, "app.show-chat", "x",
                                                steer_conversation_get_id (conversation));
  id = g_strdup_printf ("reply-%" G_GINT64_FORMAT, steer_conversation_get_id (conversation));
  g_application_send_notification (G_APPLICATION (application), id, notification);
}

static void
on_branched (SteerWindow *self, SteerConversation *conversation)
{
  steer_chat_set_conversation (self->chat, conversation);
  steer_window_show_message (self, _ ("Branched into a new chat"));
}

static void
on_store_failed (SteerWindow *self, const GError *error)
{
  g_autofree char *text = g_strdup_printf (_ ("Chats could not be saved: %s"), error->message);

  steer_window_show_message (self, text);
}

static void
on_label_failed (SteerWindow *self, const GError *error)
{
  g_autofree char *text = g_strdup_printf (_ ("Your label could not be kept: %s"), error->message);

  steer_window_show_message (self, text);
}

static void
add_toast (SteerWindow *self, AdwToast *toast)
{
  steer_window_add_toast (self, toast);
}

static void
build (SteerWindow *self)
{
  SteerWorkspace *workspace = steer_window_get_workspace (self);
  GtkWidget *panel = steer_steering_panel_new (workspace);
  GtkWidget *status = steer_status_page_new (workspace);
  GtkWidget *clamp = adw_clamp_new ();

  self->panel = panel;
  self->chat_list = STEER_CHAT_LIST (steer_chat_list_new (self->chat));
  self->transcript = STEER_TRANSCRIPT (steer_transcript_new (self->chat));
  self->composer = STEER_COMPOSER (steer_composer_new (self->chat));

  gtk_widget_set_size_request (GTK_WIDGET (self->chat_list), CHATS_WIDTH, -1);
  adw_flap_set_flap (self->chats_flap, GTK_WIDGET (self->chat_list));
  gtk_widget_set_size_request (panel, STEERING_WIDTH, -1);
  adw_flap_set_flap (self->steering_flap, panel);
  adw_header_bar_set_title_widget (self->header, steer_model_button_new (self->chat));
  gtk_widget_add_css_class (GTK_WIDGET (self->transcript), "steer-text");
  gtk_stack_add_named (self->stack, GTK_WIDGET (self->transcript), "transcript");
  gtk_stack_add_named (self->stack, status, "status");
  gtk_widget_add_css_class (GTK_WIDGET (self->composer), "steer-text");
  /* As wide as the messages above it. */
  adw_clamp_set_maximum_size (ADW_CLAMP (clamp), STEER_TRANSCRIPT_WIDTH);
  adw_clamp_set_tightening_threshold (ADW_CLAMP (clamp), STEER_TRANSCRIPT_THRESHOLD);
  adw_clamp_set_child (ADW_CLAMP (clamp), GTK_WIDGET (self->composer));
  gtk_box_append (self->middle, clamp);

  g_signal_connect_object (self->chat_list, "toast", G_CALLBACK (add_toast), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat_list, "opened", G_CALLBACK (on_list_opened), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->transcript, "inspect", G_CALLBACK (on_inspect), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat_list, "hit", G_CALLBACK (on_hit), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->transcript, "toast", G_CALLBACK (add_toast), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->transcript, "branched", G_CALLBACK (on_branched), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (panel, "toast", G_CALLBACK (add_toast), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (panel, "close-requested", G_CALLBACK (on_steering_close_requested), self, G_CONNECT_SWAPPED);
  g_object_bind_property (self->steering_flap, "folded", panel, "show-close-button", G_BINDING_SYNC_CREATE);
  g_settings_bind (steer_window_get_settings (self), "mark-steered-text", self->transcript, "show-steering",
                   G_SETTINGS_BIND_GET);
}

static void
steer_window_constructed (GObject *object)
{
  SteerWindow *self = STEER_WINDOW (object);
  GSettings *settings = steer_window_get_settings (self);
  SteerStore *store = steer_workspace_get_store (steer_window_get_workspace (self));

  G_OBJECT_CLASS (steer_window_parent_class)->constructed (object);

  build (self);
  steer_window_add_actions (self);
  steer_window_add_drop_target (self);
#ifdef STEER_HAS_HUB
  steer_window_watch_downloads (self);
#endif

  gtk_window_set_default_size (GTK_WINDOW (self), g_settings_get_int (settings, "window-width"),
                               g_settings_get_int (settings, "window-height"));
  if (g_settings_get_boolean (settings, "window-maximized"))
    gtk_window_maximize (GTK_WINDOW (self));
  self->folding = TRUE;
  adw_flap_set_reveal_flap (self->chats_flap, g_settings_get_boolean (settings, "show-chats"));
  adw_flap_set_reveal_flap (self->steering_flap, g_settings_get_boolean (settings, "show-steering"));
  self->folding = FALSE;
  update_title_buttons (self);

  g_signal_connect_object (self->chat, "notify::conversation", G_CALLBACK (on_conversation_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "failed", G_CALLBACK (on_failed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->chat, "replied", G_CALLBACK (on_replied), self, G_CONNECT_SWAPPED);
  if (store != NULL)
    g_signal_connect_object (store, "failed", G_CALLBACK (on_store_failed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (steer_workspace_get_labels (steer_window_get_workspace (self)), "failed",
                           G_CALLBACK (on_label_failed), self, G_CONNECT_SWAPPED);
  on_conversation_changed (self, NULL, self->chat);
  steer_composer_focus (self->composer);
}

static gboolean
steer_window_close_request (GtkWindow *window)
{
  SteerWindow *self = STEER_WINDOW (window);
  GSettings *settings = steer_window_get_settings (self);
  int width, height;

  gtk_window_get_default_size (window, &width, &height);
  g_settings_set_boolean (settings, "window-maximized", gtk_window_is_maximized (window));
  if (width >= 360 && height >= 294)
    {
      g_settings_set_int (settings, "window-width", width);
      g_settings_set_int (settings, "window-height", height);
    }
  return GTK_WINDOW_CLASS (steer_window_parent_class)->close_request (window);
}

static void
steer_window_dispose (GObject *object)
{
  SteerWindow *self = STEER_WINDOW (object);

  forget_conversation (self);
  if (self->chat != NULL)
    steer_window_remove_actions (self);
  g_cancellable_cancel (self->opening);
  g_clear_object (&self->opening);
  G_OBJECT_CLASS (steer_window_parent_class)->dispose (object);
  g_clear_object (&self->chat);
}

static void
steer_window_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerWindow *self = STEER_WINDOW (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_EMPTY:
      g_value_set_boolean (value, self->empty);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_window_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerWindow *self = STEER_WINDOW (object);

  if (id == PROP_CHAT)
    self->chat = g_value_dup_object (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_window_realize (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (steer_window_parent_class)->realize (widget);
  steer_renderer_spare_animations (GTK_NATIVE (widget));
}

static void
steer_window_class_init (SteerWindowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->constructed = steer_window_constructed;
  object_class->dispose = steer_window_dispose;
  object_class->get_property = steer_window_get_property;
  object_class->set_property = steer_window_set_property;
  widget_class->realize = steer_window_realize;
  GTK_WINDOW_CLASS (klass)->close_request = steer_window_close_request;

  properties[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, STEER_TYPE_CHAT,
                                               G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_EMPTY] = g_param_spec_boolean ("empty", NULL, NULL, TRUE,
                                                 G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-window.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerWindow, side_toasts);
  gtk_widget_class_bind_template_child (widget_class, SteerWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, SteerWindow, steering_flap);
  gtk_widget_class_bind_template_child (widget_class, SteerWindow, chats_flap);
  gtk_widget_class_bind_template_child (widget_class, SteerWindow, header);
  gtk_widget_class_bind_template_child (widget_class, SteerWindow, middle);
  gtk_widget_class_bind_template_child (widget_class, SteerWindow, stack);
  gtk_widget_class_bind_template_callback (widget_class, on_folded);
  gtk_widget_class_bind_template_callback (widget_class, on_revealed);
  gtk_widget_class_bind_template_callback (widget_class, is_roomy);
  gtk_widget_class_bind_template_callback (widget_class, dup_notice_button);
  gtk_widget_class_bind_template_callback (widget_class, dup_notice_action);
  gtk_widget_class_bind_template_callback (widget_class, steer_window_has_notice);
  gtk_widget_class_bind_template_callback (widget_class, steer_window_dup_notice);
}

static void
steer_window_init (SteerWindow *self)
{
  self->empty = TRUE;
  gtk_widget_init_template (GTK_WIDGET (self));
}

SteerWindow *
steer_window_new (GtkApplication *application, SteerWorkspace *workspace)
{
  g_autoptr (SteerChat) chat = steer_chat_new (workspace);

  return g_object_new (STEER_TYPE_WINDOW, "application", application, "chat", chat, NULL);
}

SteerChat *
steer_window_get_chat (SteerWindow *self)
{
  g_return_val_if_fail (STEER_IS_WINDOW (self), NULL);
  return self->chat;
}

static void
on_chat_loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerWindow) self = data;
  g_autoptr (SteerConversation) conversation = steer_store_load_finish (STEER_STORE (source), result, NULL);

  if (conversation != NULL && self->chat != NULL)
    steer_chat_set_conversation (self->chat, conversation);
}

void
steer_window_open_chat (SteerWindow *self, gint64 id)
{
  SteerStore *store;

  g_return_if_fail (STEER_IS_WINDOW (self));
  store = steer_workspace_get_store (steer_window_get_workspace (self));
  if (store == NULL || id == 0)
    return;
  g_cancellable_cancel (self->opening);
  g_clear_object (&self->opening);
  self->opening = g_cancellable_new ();
  steer_store_load_async (store, id, self->opening, on_chat_loaded, g_object_ref (self));
}
