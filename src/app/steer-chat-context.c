/* How much of the context a conversation fills. */
#include "steer-chat-private.h"

/* Beyond this much text the gauge scales the count of its end up: what is far beyond a context is not worth a second of
 * a processor after each message. */
#define MAX_COUNTED_BYTES (48 * 1024)

typedef struct
{
  SteerChat *chat; /* not a reference: it cancels the count before it goes */
  double scale;    /* of all bytes to those that are counted */
} Count;

static void
on_counted (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Count *count = data;
  gssize n_tokens = steer_engine_count_tokens_finish (result, NULL);

  if (n_tokens < 0)
    return;
  g_clear_object (&count->chat->counting);
  steer_chat_set_context_used (count->chat, (guint) MIN ((double) n_tokens * count->scale, (double) G_MAXINT));
}

/* The end of the conversation in @request, @all and @counted bytes. */
static void
take_end (SteerConversation *conversation, SteerRequest *request, gsize *all, gsize *counted)
{
  GListModel *messages = G_LIST_MODEL (conversation);
  guint n = g_list_model_get_n_items (messages), first = n;

  *all = *counted = 0;
  for (guint i = n; i-- > 0;)
    {
      g_autoptr (SteerMessage) message = g_list_model_get_item (messages, i);

      *all += steer_message_get_length (message);
      if (*all > MAX_COUNTED_BYTES && first < n)
        continue;
      *counted = *all;
      first = i;
    }
  if (first == 0)
    steer_conversation_fill_request (conversation, NULL, request);
  for (guint i = first; first > 0 && i < n; i++)
    {
      g_autoptr (SteerMessage) message = g_list_model_get_item (messages, i);

      steer_request_add_message (request, steer_message_get_role (message), steer_message_get_text (message));
    }
}

static gboolean
count_context (gpointer data)
{
  SteerChat *self = data;
  g_autoptr (SteerRequest) request = steer_request_new ();
  gsize all, counted;
  Count *count;

  self->count_id = 0;
  /* Its tokens are told by the reply itself. */
  if (steer_chat_get_reply (self) != NULL)
    return G_SOURCE_REMOVE;
  if (g_list_model_get_n_items (G_LIST_MODEL (self->conversation)) == 0)
    {
      steer_chat_set_context_used (self, 0);
      return G_SOURCE_REMOVE;
    }
  take_end (self->conversation, request, &all, &counted);
  count = g_new0 (Count, 1);
  count->chat = self;
  count->scale = counted > 0 ? (double) all / (double) counted : 1;
  self->counting = g_cancellable_new ();
  steer_engine_count_tokens_async (steer_workspace_get_engine (self->workspace), request, self->counting, on_counted,
                                   count);
  return G_SOURCE_REMOVE;
}

void
steer_chat_cancel_count (SteerChat *self)
{
  g_clear_handle_id (&self->count_id, g_source_remove);
  g_cancellable_cancel (self->counting);
  g_clear_object (&self->counting);
}

/* In an idle: a conversation changes in several steps, and it is worth counting once. */
void
steer_chat_schedule_count (SteerChat *self)
{
  steer_chat_cancel_count (self);
  self->count_id = g_idle_add (count_context, self);
}
