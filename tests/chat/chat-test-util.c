#include "chat-test-util.h"

#include <string.h>

#include "test-util.h"

SteerReply *
test_reply_new (void)
{
  g_autoptr (SteerRequest) request = steer_request_new ();

  return steer_reply_new (g_main_context_default (), request);
}

static void
count_chunk (guint *n_tokens, const SteerChunk *chunk)
{
  *n_tokens += chunk->n_tokens;
}

static gboolean
is_positive (gpointer data)
{
  return *(guint *) data > 0;
}

void
test_reply_write (SteerReply *reply, const char *text, SteerPlan *plan)
{
  guint n_tokens = 0;
  gulong handler = g_signal_connect_swapped (reply, "chunk", G_CALLBACK (count_chunk), &n_tokens);

  steer_reply_post_token (reply, 7, text, strlen (text), plan);
  test_wait_until (is_positive, &n_tokens, 5);
  g_signal_handler_disconnect (reply, handler);
}

static gboolean
is_done (gpointer data)
{
  return steer_reply_get_state (data) == STEER_REPLY_DONE;
}

void
test_reply_wait (SteerReply *reply, double seconds)
{
  test_wait_until (is_done, reply, seconds);
}

void
test_reply_finish (SteerReply *reply, SteerStopReason reason)
{
  steer_reply_post_done (reply, reason, NULL, 0.1, 0.5, NULL);
  test_reply_wait (reply, 5);
}

SteerPlan *
test_plan_new (float strength, SteerMode mode)
{
  return test_plan_new_labelled (strength, mode, NULL);
}

SteerPlan *
test_plan_new_labelled (float strength, SteerMode mode, const char *label)
{
  g_autoptr (SteerPlanBuilder) builder = steer_plan_builder_new (2);
  const float values[2] = { 1.0f, 0.0f };
  g_autoptr (GBytes) vector = g_bytes_new (values, sizeof values);

  steer_plan_builder_set_label (builder, label);
  g_assert_true (steer_plan_builder_add (builder, 15, 21576, mode, strength, vector));
  return steer_plan_builder_end (builder);
}

char *
test_conversation_dup_path (SteerConversation *conversation)
{
  GString *path = g_string_new (NULL);

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (conversation)); i++)
    {
      g_autoptr (SteerMessage) message = g_list_model_get_item (G_LIST_MODEL (conversation), i);

      g_string_append_printf (path, "%s%c:%s", i > 0 ? "|" : "", "sua"[steer_message_get_role (message)],
                              steer_message_get_text (message));
    }
  return g_string_free (path, FALSE);
}
