#include "steer-chat-list-private.h"

#include <glib/gi18n.h>

#include "steer-chat-row.h"
#include "steer-growing-list.h"
#include "steer-late-list.h"
#include "steer-tab-stop.h"

enum
{
  PROP_0,
  PROP_CHAT,
  PROP_N_ITEMS,
  PROP_SEARCHING,
  N_PROPS
};

enum
{
  TOAST,
  OPENED,
  HIT,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (SteerChatList, steer_chat_list, GTK_TYPE_WIDGET)

char *
steer_chat_list_dup_preview_markup (gpointer self, const char *preview)
{
  g_autofree char *escaped = preview != NULL ? g_markup_escape_text (preview, -1) : g_strdup ("");
  g_autoptr (GString) markup = g_string_new (NULL);
  gboolean open = FALSE;

  /* g_markup_escape_text() writes control characters as character references. */
  for (const char *p = escaped; *p != '\0';)
    if (g_str_has_prefix (p, "&#x1;"))
      {
        g_string_append (markup, open ? "" : "<b>");
        open = TRUE;
        p += strlen ("&#x1;");
      }
    else if (g_str_has_prefix (p, "&#x2;"))
      {
        g_string_append (markup, open ? "</b>" : "");
        open = FALSE;
        p += strlen ("&#x2;");
      }
    else
      g_string_append_c (markup, *p++);
  g_string_append (markup, open ? "</b>" : "");
  return g_string_free (g_steal_pointer (&markup), FALSE);
}

char *
steer_chat_list_dup_page (gpointer self, guint n_items, gboolean searching)
{
  return g_strdup (n_items > 0 ? "list" : searching ? "nothing" : "empty");
}

SteerStore *
steer_chat_list_get_store (SteerChatList *self)
{
  return steer_workspace_get_store (steer_chat_get_workspace (self->chat));
}

void
steer_chat_list_emit_toast (SteerChatList *self, AdwToast *toast)
{
  g_signal_emit (self, signals[TOAST], 0, toast);
}

void
steer_chat_list_toast (SteerChatList *self, const char *format, ...)
{
  g_autofree char *text = NULL, *escaped = NULL;
  g_autoptr (AdwToast) toast = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  escaped = g_markup_escape_text (text, -1);
  toast = adw_toast_new (escaped);
  steer_chat_list_emit_toast (self, toast);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerChatList) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SteerConversation) conversation = steer_store_load_finish (STEER_STORE (source), result, &error);

  if (conversation != NULL && self->chat != NULL)
    {
      steer_chat_set_conversation (self->chat, conversation);
      if (self->hit != 0)
        g_signal_emit (self, signals[HIT], 0, self->hit, gtk_editable_get_text (GTK_EDITABLE (self->search)));
      self->hit = 0;
    }
  else if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    steer_chat_list_toast (self, _ ("The chat could not be opened: %s"), error->message);
}

void
steer_chat_list_open (SteerChatList *self, gint64 id)
{
  g_cancellable_cancel (self->opening);
  g_clear_object (&self->opening);
  self->opening = g_cancellable_new ();
  steer_store_load_async (steer_chat_list_get_store (self), id, self->opening, on_opened, g_object_ref (self));
}

/* In a search the message that was found is shown, in the chat that is open already too. */
static void
open_entry (SteerChatList *self, SteerChatEntry *entry)
{
  gint64 open = steer_conversation_get_id (steer_chat_get_conversation (self->chat));

  self->hit = self->in_search ? steer_chat_entry_get_hit (entry) : 0;
  if (steer_chat_entry_get_id (entry) != open || self->hit != 0)
    steer_chat_list_open (self, steer_chat_entry_get_id (entry));
}

static void
on_selected (SteerChatList *self)
{
  SteerChatEntry *entry = gtk_single_selection_get_selected_item (self->selection);

  if (entry != NULL)
    open_entry (self, entry);
}

/* A click or Enter on the row that is open already: where the list covers the transcript, that is how it goes away. */
static void
on_activated (SteerChatList *self, guint position)
{
  g_autoptr (SteerChatEntry) entry = g_list_model_get_item (G_LIST_MODEL (self->selection), position);

  if (entry != NULL)
    open_entry (self, entry);
  g_signal_emit (self, signals[OPENED], 0);
}

static guint
find_position (GListModel *model, gint64 id)
{
  for (guint i = 0; i < g_list_model_get_n_items (model); i++)
    {
      g_autoptr (SteerChatEntry) entry = g_list_model_get_item (model, i);

      if (steer_chat_entry_get_id (entry) == id)
        return i;
    }
  return GTK_INVALID_LIST_POSITION;
}

/* The row of the conversation that is open is the selected one, wherever it has moved to. */
static void
sync_selection (SteerChatList *self)
{
  gint64 id = self->chat != NULL ? steer_conversation_get_id (steer_chat_get_conversation (self->chat)) : 0;
  guint position = find_position (G_LIST_MODEL (self->selection), id);

  g_signal_handlers_block_by_func (self->selection, on_selected, self);
  gtk_single_selection_set_selected (self->selection, position);
  g_signal_handlers_unblock_by_func (self->selection, on_selected, self);
}

static void
on_items_changed (SteerChatList *self)
{
  sync_selection (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_ITEMS]);
}

static void
show_model (SteerChatList *self, GListModel *model, gboolean in_search)
{
  g_signal_handlers_block_by_func (self->selection, on_selected, self);
  steer_growing_list_set_model (self->shown, model);
  g_signal_handlers_unblock_by_func (self->selection, on_selected, self);
  self->in_search = in_search;
  on_items_changed (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SEARCHING]);
}

static gboolean
is_there (gpointer entry, gpointer data)
{
  SteerChatList *self = data;
  SteerStore *store = self->chat != NULL ? steer_chat_list_get_store (self) : NULL;

  return store == NULL || !steer_store_is_deleted (store, steer_chat_entry_get_id (entry));
}

/* What was found is a list of its own, which does not know what is deleted after the search. */
static void
on_chats_changed (SteerChatList *self)
{
  if (self->in_search)
    gtk_filter_changed (self->deleted, GTK_FILTER_CHANGE_DIFFERENT);
}

/* (transfer full) */
static GListModel *
hide_deleted (SteerChatList *self, GListModel *found)
{
  return G_LIST_MODEL (gtk_filter_list_model_new (g_object_ref (found), g_object_ref (self->deleted)));
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (SteerChatList) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GListModel) found = steer_store_search_finish (STEER_STORE (source), result, &error);

  if (found != NULL && self->searching != NULL)
    {
      g_autoptr (GListModel) shown = hide_deleted (self, found);

      show_model (self, shown, TRUE);
    }
  else if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    steer_chat_list_toast (self, _ ("The search failed: %s"), error->message);
}

static gboolean
search (gpointer data)
{
  SteerChatList *self = data;
  g_autofree char *query = g_strstrip (g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->search))));
  SteerStore *store = self->chat != NULL ? steer_chat_list_get_store (self) : NULL;

  self->search_id = 0;
  g_cancellable_cancel (self->searching);
  g_clear_object (&self->searching);
  if (*query == '\0' || store == NULL)
    show_model (self, self->chats, FALSE);
  else
    {
      self->searching = g_cancellable_new ();
      steer_store_search_async (store, query, self->searching, on_found, g_object_ref (self));
    }
  return G_SOURCE_REMOVE;
}

/* Text that is replaced is gone for a moment, for which all chats would be shown. */
static void
on_search_changed (SteerChatList *self)
{
  if (self->search_id == 0)
    self->search_id = g_idle_add_full (G_PRIORITY_DEFAULT, search, self, NULL);
}

void
steer_chat_list_search_again (SteerChatList *self)
{
  if (self->in_search)
    on_search_changed (self);
}

static void
on_stop_search (SteerChatList *self)
{
  gtk_editable_set_text (GTK_EDITABLE (self->search), "");
}

/* Enter in the search entry opens the best hit. */
static void
on_search_activate (SteerChatList *self)
{
  g_autoptr (SteerChatEntry) first = g_list_model_get_item (G_LIST_MODEL (self->selection), 0);

  if (first == NULL)
    return;
  open_entry (self, first);
  g_signal_emit (self, signals[OPENED], 0);
}

static void
setup_row (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
  gtk_list_item_set_child (item, steer_chat_row_new ());
}

static void
bind_row (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
  steer_chat_row_set_entry (STEER_CHAT_ROW (gtk_list_item_get_child (item)), gtk_list_item_get_item (item));
}

static void
unbind_row (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
  steer_chat_row_set_entry (STEER_CHAT_ROW (gtk_list_item_get_child (item)), NULL);
}

static void
steer_chat_list_constructed (GObject *object)
{
  SteerChatList *self = STEER_CHAT_LIST (object);
  g_autoptr (GtkListItemFactory) factory = gtk_signal_list_item_factory_new ();
  SteerStore *store = steer_chat_list_get_store (self);

  G_OBJECT_CLASS (steer_chat_list_parent_class)->constructed (object);

  self->chats = store != NULL ? G_LIST_MODEL (steer_late_list_new (G_LIST_MODEL (store)))
                              : G_LIST_MODEL (g_list_store_new (STEER_TYPE_CHAT_ENTRY));
  self->shown = steer_growing_list_new (
    NULL, GTK_SCROLLED_WINDOW (gtk_widget_get_ancestor (GTK_WIDGET (self->list), GTK_TYPE_SCROLLED_WINDOW)));
  self->selection = gtk_single_selection_new (G_LIST_MODEL (g_object_ref (self->shown)));
  gtk_single_selection_set_autoselect (self->selection, FALSE);
  gtk_single_selection_set_can_unselect (self->selection, TRUE);
  g_signal_connect_object (self->selection, "notify::selected", G_CALLBACK (on_selected), self, G_CONNECT_SWAPPED);

  g_signal_connect (factory, "setup", G_CALLBACK (setup_row), NULL);
  g_signal_connect (factory, "bind", G_CALLBACK (bind_row), NULL);
  g_signal_connect (factory, "unbind", G_CALLBACK (unbind_row), NULL);
  gtk_list_view_set_factory (self->list, factory);
  gtk_list_view_set_model (self->list, GTK_SELECTION_MODEL (self->selection));
  g_signal_connect_object (self->list, "activate", G_CALLBACK (on_activated), self, G_CONNECT_SWAPPED);

  self->deleted = GTK_FILTER (gtk_custom_filter_new (is_there, self, NULL));
  if (store != NULL)
    g_signal_connect_object (store, "items-changed", G_CALLBACK (on_chats_changed), self, G_CONNECT_SWAPPED);
  show_model (self, self->chats, FALSE);
  /* After the selection has followed the change itself. */
  g_signal_connect_object (self->selection, "items-changed", G_CALLBACK (on_items_changed), self,
                           G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  g_signal_connect_object (self->chat, "notify::conversation", G_CALLBACK (sync_selection), self, G_CONNECT_SWAPPED);
}

static void
steer_chat_list_dispose (GObject *object)
{
  SteerChatList *self = STEER_CHAT_LIST (object);
  GtkWidget *child = gtk_widget_get_first_child (GTK_WIDGET (self));

  g_clear_handle_id (&self->search_id, g_source_remove);
  g_cancellable_cancel (self->searching);
  g_clear_object (&self->searching);
  g_cancellable_cancel (self->opening);
  g_clear_object (&self->opening);
  if (child != NULL)
    gtk_widget_unparent (child);
  g_clear_object (&self->selection);
  g_clear_object (&self->shown);
  g_clear_object (&self->chats);
  g_clear_object (&self->deleted);
  g_clear_object (&self->chat);
  G_OBJECT_CLASS (steer_chat_list_parent_class)->dispose (object);
}

static void
steer_chat_list_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerChatList *self = STEER_CHAT_LIST (object);

  switch (id)
    {
    case PROP_CHAT:
      g_value_set_object (value, self->chat);
      break;
    case PROP_N_ITEMS:
      g_value_set_uint (value, self->selection != NULL ? g_list_model_get_n_items (G_LIST_MODEL (self->selection)) : 0);
      break;
    case PROP_SEARCHING:
      g_value_set_boolean (value, self->in_search);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_chat_list_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerChatList *self = STEER_CHAT_LIST (object);

  if (id == PROP_CHAT)
    self->chat = g_value_dup_object (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
steer_chat_list_class_init (SteerChatListClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->constructed = steer_chat_list_constructed;
  object_class->dispose = steer_chat_list_dispose;
  object_class->get_property = steer_chat_list_get_property;
  object_class->set_property = steer_chat_list_set_property;

  properties[PROP_CHAT] = g_param_spec_object ("chat", NULL, NULL, STEER_TYPE_CHAT,
                                               G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  properties[PROP_N_ITEMS] = g_param_spec_uint ("n-items", NULL, NULL, 0, G_MAXUINT, 0,
                                                G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  properties[PROP_SEARCHING] = g_param_spec_boolean (
    "searching", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  signals[TOAST] = g_signal_new ("toast", STEER_TYPE_CHAT_LIST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                 ADW_TYPE_TOAST);
  signals[OPENED]
    = g_signal_new ("opened", STEER_TYPE_CHAT_LIST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);

  signals[HIT] = g_signal_new ("hit", STEER_TYPE_CHAT_LIST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                               G_TYPE_INT64, G_TYPE_STRING);

  g_type_ensure (STEER_TYPE_TAB_STOP);
  gtk_widget_class_set_template_from_resource (widget_class, "/com/example/SteerChat/steer-chat-list.ui");
  gtk_widget_class_bind_template_child (widget_class, SteerChatList, search);
  gtk_widget_class_bind_template_child (widget_class, SteerChatList, list);
  gtk_widget_class_bind_template_callback (widget_class, steer_chat_list_dup_page);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_stop_search);
  gtk_widget_class_bind_template_callback (widget_class, on_search_activate);
  steer_chat_list_install_actions (widget_class);
}

static void
steer_chat_list_init (SteerChatList *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
steer_chat_list_new (SteerChat *chat)
{
  return g_object_new (STEER_TYPE_CHAT_LIST, "chat", chat, NULL);
}

void
steer_chat_list_search (SteerChatList *self)
{
  g_return_if_fail (STEER_IS_CHAT_LIST (self));
  gtk_widget_grab_focus (GTK_WIDGET (self->search));
}

gboolean
steer_chat_list_has_keys (SteerChatList *self)
{
  GtkRoot *root;

  g_return_val_if_fail (STEER_IS_CHAT_LIST (self), FALSE);
  root = gtk_widget_get_root (GTK_WIDGET (self));
  /* A click puts the focus into the list, too, but does not show it. */
  return GTK_IS_WINDOW (root) && gtk_window_get_focus_visible (GTK_WINDOW (root))
         && gtk_widget_get_focus_child (GTK_WIDGET (self->list)) != NULL;
}

void
steer_chat_list_step (SteerChatList *self, int step)
{
  guint n, position;
  gint64 target;

  g_return_if_fail (STEER_IS_CHAT_LIST (self));
  n = g_list_model_get_n_items (G_LIST_MODEL (self->selection));
  position = gtk_single_selection_get_selected (self->selection);
  target = position == GTK_INVALID_LIST_POSITION ? (step > 0 ? 0 : -1) : (gint64) position + step;
  if (target < 0 || target >= n)
    return;
  gtk_single_selection_set_selected (self->selection, (guint) target);
  gtk_widget_activate_action (GTK_WIDGET (self->list), "list.scroll-to-item", "u", (guint) target);
}

void
steer_chat_list_delete_open (SteerChatList *self)
{
  gint64 id;

  g_return_if_fail (STEER_IS_CHAT_LIST (self));
  id = steer_conversation_get_id (steer_chat_get_conversation (self->chat));
  if (find_position (self->chats, id) != GTK_INVALID_LIST_POSITION)
    steer_chat_list_delete (self, id);
}
