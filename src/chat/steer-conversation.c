#include "steer-niceness.h"
#include "steer-reply-private.h"
#include "steer-store-private.h"

/* Of the title that the first message gives. */
#define TITLE_CHARS 40

/* More messages take longer to free than a frame has time for. */
#define N_FREED_AT_ONCE 500

/* So much later a thread frees them: by then what is shown instead has been drawn, for which cores are wanted more. */
#define FREED_AFTER_US (300 * 1000)

enum
{
  PROP_0,
  PROP_ID,
  PROP_TITLE,
  PROP_DRAFT,
  PROP_SYSTEM_PROMPT,
  PROP_CREATED,
  PROP_MODIFIED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static void steer_conversation_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SteerConversation,
                               steer_conversation,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, steer_conversation_list_model_init))

static GType
get_item_type (GListModel *model)
{
  return STEER_TYPE_MESSAGE;
}

static guint
get_n_items (GListModel *model)
{
  return STEER_CONVERSATION (model)->path->len;
}

static gpointer
get_item (GListModel *model, guint position)
{
  SteerConversation *self = STEER_CONVERSATION (model);

  return position < self->path->len ? g_object_ref (g_ptr_array_index (self->path, position)) : NULL;
}

static void
steer_conversation_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = get_item_type;
  iface->get_n_items = get_n_items;
  iface->get_item = get_item;
}

static gpointer
free_pieces (gpointer pieces)
{
  steer_niceness_go_behind ();
  g_usleep (FREED_AFTER_US);
  g_ptr_array_unref (pieces);
  return NULL;
}

static void
free_messages (SteerConversation *self)
{
  g_autoptr (GPtrArray) pieces = steer_message_take_apart (self->root);
  GThread *thread = pieces->len > N_FREED_AT_ONCE ? g_thread_try_new ("steer-free", free_pieces, pieces, NULL) : NULL;

  if (thread == NULL)
    return;
  g_thread_unref (thread);
  pieces = NULL;
}

static void
steer_conversation_finalize (GObject *object)
{
  SteerConversation *self = STEER_CONVERSATION (object);

  free_messages (self);
  g_object_unref (self->root);
  g_ptr_array_unref (self->path);
  g_clear_pointer (&self->adoption, steer_write_group_free);
  g_clear_object (&self->store);
  g_free (self->title);
  g_free (self->draft);
  g_free (self->system_prompt);
  G_OBJECT_CLASS (steer_conversation_parent_class)->finalize (object);
}

static void
steer_conversation_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  SteerConversation *self = STEER_CONVERSATION (object);

  switch (id)
    {
    case PROP_ID:
      g_value_set_int64 (value, self->id);
      break;
    case PROP_TITLE:
      g_value_set_string (value, self->title);
      break;
    case PROP_DRAFT:
      g_value_set_string (value, self->draft);
      break;
    case PROP_SYSTEM_PROMPT:
      g_value_set_string (value, self->system_prompt);
      break;
    case PROP_CREATED:
      g_value_set_int64 (value, self->created);
      break;
    case PROP_MODIFIED:
      g_value_set_int64 (value, self->modified);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_conversation_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  SteerConversation *self = STEER_CONVERSATION (object);

  switch (id)
    {
    case PROP_TITLE:
      steer_conversation_set_title (self, g_value_get_string (value));
      break;
    case PROP_DRAFT:
      steer_conversation_set_draft (self, g_value_get_string (value));
      break;
    case PROP_SYSTEM_PROMPT:
      steer_conversation_set_system_prompt (self, g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
steer_conversation_class_init (SteerConversationClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GParamFlags writable = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = steer_conversation_finalize;
  object_class->get_property = steer_conversation_get_property;
  object_class->set_property = steer_conversation_set_property;

  properties[PROP_ID] = g_param_spec_int64 ("id", NULL, NULL, 0, G_MAXINT64, 0, readable);
  properties[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, "", writable);
  properties[PROP_DRAFT] = g_param_spec_string ("draft", NULL, NULL, "", writable);
  properties[PROP_SYSTEM_PROMPT] = g_param_spec_string ("system-prompt", NULL, NULL, NULL, writable);
  properties[PROP_CREATED] = g_param_spec_int64 ("created", NULL, NULL, 0, G_MAXINT64, 0, readable);
  properties[PROP_MODIFIED] = g_param_spec_int64 ("modified", NULL, NULL, 0, G_MAXINT64, 0, readable);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
steer_conversation_init (SteerConversation *self)
{
  self->title = g_strdup ("");
  self->draft = g_strdup ("");
  self->created = self->modified = g_get_real_time ();
  self->path = g_ptr_array_new ();
  self->root = steer_message_new (STEER_ROLE_SYSTEM, "");
}

SteerConversation *
steer_conversation_new (void)
{
  return g_object_new (STEER_TYPE_CONVERSATION, NULL);
}

/* NULL counts as empty; what is not UTF-8 is made so. TRUE when the value changed. */
static gboolean
set_string (char **place, const char *value)
{
  g_autofree char *valid = value != NULL ? g_utf8_make_valid (value, -1) : NULL;

  if (g_strcmp0 (*place, valid) == 0)
    return FALSE;
  g_free (*place);
  *place = g_steal_pointer (&valid);
  return TRUE;
}

void
steer_conversation_touch (SteerConversation *self)
{
  self->modified = MAX (g_get_real_time (), self->modified + 1);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MODIFIED]);
}

void
steer_conversation_name (SteerConversation *self)
{
  if (self->title_by_hand)
    return;
  for (guint i = 0; i < self->path->len; i++)
    {
      SteerMessage *message = g_ptr_array_index (self->path, i);
      g_autofree char *title = NULL;

      if (message->role != STEER_ROLE_USER)
        continue;
      title = steer_text_summarize (message->text->str, TITLE_CHARS);
      if (set_string (&self->title, title))
        g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TITLE]);
      return;
    }
}

char *
steer_conversation_dup_preview (SteerConversation *self)
{
  for (guint i = self->path->len; i-- > 0;)
    {
      SteerMessage *message = g_ptr_array_index (self->path, i);
      const char *answer = steer_message_get_answer (message);

      if (*answer != '\0')
        return steer_message_get_role (message) == STEER_ROLE_ASSISTANT ? steer_text_dup_reply_preview (answer)
                                                                        : steer_text_dup_preview (answer);
    }
  return g_strdup ("");
}

gint64
steer_conversation_get_id (SteerConversation *self)
{
  g_return_val_if_fail (STEER_IS_CONVERSATION (self), 0);
  return self->id;
}

const char *
steer_conversation_get_title (SteerConversation *self)
{
  g_return_val_if_fail (STEER_IS_CONVERSATION (self), "");
  return self->title;
}

void
steer_conversation_set_title (SteerConversation *self, const char *title)
{
  g_return_if_fail (STEER_IS_CONVERSATION (self));

  if (title == NULL)
    title = "";
  /* An empty name gives the choice of it back to the first message. */
  self->title_by_hand = *title != '\0';
  if (!set_string (&self->title, title))
    return;
  if (self->title_by_hand)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TITLE]);
  else
    steer_conversation_name (self);
  steer_conversation_save_title (self);
}

const char *
steer_conversation_get_draft (SteerConversation *self)
{
  g_return_val_if_fail (STEER_IS_CONVERSATION (self), "");
  return self->draft;
}

void
steer_conversation_set_draft (SteerConversation *self, const char *draft)
{
  g_return_if_fail (STEER_IS_CONVERSATION (self));

  if (!set_string (&self->draft, draft != NULL ? draft : ""))
    return;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DRAFT]);
  steer_conversation_save_draft (self);
}

const char *
steer_conversation_get_system_prompt (SteerConversation *self)
{
  g_return_val_if_fail (STEER_IS_CONVERSATION (self), NULL);
  return self->system_prompt;
}

void
steer_conversation_set_system_prompt (SteerConversation *self, const char *system_prompt)
{
  g_return_if_fail (STEER_IS_CONVERSATION (self));

  if (!set_string (&self->system_prompt, system_prompt))
    return;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SYSTEM_PROMPT]);
  steer_conversation_save_system_prompt (self);
}

void
steer_conversation_fill_request (SteerConversation *self, SteerMessage *last, SteerRequest *request)
{
  g_autoptr (GPtrArray) messages = g_ptr_array_new ();

  g_return_if_fail (STEER_IS_CONVERSATION (self));

  if (self->system_prompt != NULL && *self->system_prompt != '\0')
    steer_request_add_message (request, STEER_ROLE_SYSTEM, self->system_prompt);
  if (last == NULL)
    last = steer_conversation_get_last (self);
  for (SteerMessage *message = last; message != NULL && message != self->root; message = message->parent)
    g_ptr_array_add (messages, message);
  for (guint i = messages->len; i-- > 0;)
    {
      SteerMessage *message = g_ptr_array_index (messages, i);

      steer_request_add_text (request, message->role, message->text->str, message->text->len);
    }
}
