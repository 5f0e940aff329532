/* How much of the context a conversation fills. */
#include "steer-chat-private.h"

/* Beyond this much text the gauge scales the count of its end up, so that counting never holds up a frame. */
#define MAX_COUNTED_BYTES (48 * 1024)

/* The end of the conversation that the count looks at: (transfer none), and which share of all bytes that is. */
static guint
count_end (SteerChat *self)
{
  GListModel *messages = G_LIST_MODEL (self->conversation);
  g_autoptr (SteerRequest) request = steer_request_new ();
  guint n = g_list_model_get_n_items (messages), first = n;
  gsize all = 0, counted = 0;
  guint n_tokens;

  for (guint i = n; i-- > 0;)
    {
      g_autoptr (SteerMessage) message = g_list_model_get_item (messages, i);
      gsize length = strlen (steer_message_get_text (message));

      all += length;
      if (all > MAX_COUNTED_BYTES && first < n)
        continue;
      counted = all;
      first = i;
    }
  if (n == 0)
    return 0;
  if (first == 0)
    {
      steer_conversation_fill_request (self->conversation, NULL, request);
      return steer_engine_count_tokens (steer_workspace_get_engine (self->workspace), request);
    }
  for (guint i = first; i < n; i++)
    {
      g_autoptr (SteerMessage) message = g_list_model_get_item (messages, i);

      steer_request_add_message (request, steer_message_get_role (message), steer_message_get_text (message));
    }
  n_tokens = steer_engine_count_tokens (steer_workspace_get_engine (self->workspace), request);
  return counted > 0 ? (guint) MIN ((double) n_tokens * all / counted, (double) G_MAXINT) : n_tokens;
}

static gboolean
count_context (gpointer data)
{
  SteerChat *self = data;

  self->count_id = 0;
  if (steer_chat_get_reply (self) == NULL)
    steer_chat_set_context_used (self, count_end (self));
  return G_SOURCE_REMOVE;
}

/* In an idle: a conversation changes in several steps, and it is worth counting once. */
void
steer_chat_schedule_count (SteerChat *self)
{
  if (self->count_id == 0)
    self->count_id = g_idle_add (count_context, self);
}
