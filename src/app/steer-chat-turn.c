#include "steer-chat-turn.h"

static SteerRequest *
make_request (SteerWorkspace *workspace,
              SteerConversation *conversation,
              SteerMessage *parent,
              const SteerSampling *sampling,
              gboolean steered)
{
  GSettings *settings = steer_workspace_get_settings (workspace);
  gboolean recompute = g_settings_get_boolean (settings, "recompute-after-steering");
  SteerRequest *request = steer_request_new ();
  g_autofree char *date = steer_chat_template_dup_today ();

  steer_conversation_fill_request (conversation, parent, request);
  steer_request_set_sampling (request, sampling);
  steer_request_set_date (request, date);
  steer_request_set_thinking (request, g_settings_get_boolean (settings, "think-first"));
  steer_request_set_reuse (request, recompute ? STEER_REUSE_SAME_PLAN : STEER_REUSE_ANY_PLAN);
  if (steered)
    steer_request_set_live_plan (request, steer_workspace_get_live_plan (workspace));
  return request;
}

/* Seed 0 of the preferences or the preset means another one each time; it is recorded with the message either way. */
static guint64
choose_seed (guint64 wanted, guint n_before)
{
  return wanted != 0 ? wanted + n_before : 1 + (guint64) g_random_int ();
}

static SteerMessage *
begin (SteerChatTurn *self,
       SteerWorkspace *workspace,
       SteerMessage *parent,
       SteerReply *reply,
       guint64 seed,
       gboolean steered)
{
  SteerPreset *preset = steer_workspace_get_preset (workspace);
  gboolean named
    = steered && steer_preset_get_master_enabled (preset) && g_list_model_get_n_items (G_LIST_MODEL (preset)) > 0;

  return g_object_ref (steer_conversation_begin_reply (self->conversation, parent, reply, seed,
                                                       named ? steer_preset_get_name (preset) : NULL));
}

SteerChatTurn *
steer_chat_turn_start (SteerWorkspace *workspace,
                       SteerConversation *conversation,
                       SteerMessage *asked,
                       guint n_before,
                       gboolean compare)
{
  SteerEngine *engine = steer_workspace_get_engine (workspace);
  SteerChatTurn *self = g_new0 (SteerChatTurn, 1);
  SteerSampling sampling;

  steer_workspace_get_sampling (workspace, &sampling);
  sampling.seed = choose_seed (sampling.seed, n_before);

  self->conversation = g_object_ref (conversation);
  self->n_replies = self->n_running = compare ? 2 : 1;
  self->waiting = compare;
  if (compare)
    {
      g_autoptr (SteerRequest) steered = make_request (workspace, conversation, asked, &sampling, TRUE);
      g_autoptr (SteerRequest) plain = make_request (workspace, conversation, asked, &sampling, FALSE);
      SteerRequest *requests[2] = { steered, plain };

      steer_engine_reply_together (engine, requests, 2, self->replies);
      /* The one that begins last is the active alternative. */
      self->messages[STEER_CHAT_TURN_PLAIN]
        = begin (self, workspace, asked, self->replies[STEER_CHAT_TURN_PLAIN], sampling.seed, FALSE);
    }
  else
    {
      g_autoptr (SteerRequest) request = make_request (workspace, conversation, asked, &sampling, TRUE);

      self->replies[0] = steer_engine_reply (engine, request);
    }
  self->messages[0] = begin (self, workspace, asked, self->replies[0], sampling.seed, TRUE);
  return self;
}

void
steer_chat_turn_free (SteerChatTurn *self)
{
  for (guint i = 0; i < self->n_replies; i++)
    {
      g_clear_object (&self->replies[i]);
      g_clear_object (&self->messages[i]);
    }
  g_object_unref (self->conversation);
  g_free (self);
}

gboolean
steer_chat_turn_contains (SteerChatTurn *self, SteerReply *reply)
{
  for (guint i = 0; i < self->n_replies; i++)
    if (self->replies[i] == reply)
      return TRUE;
  return FALSE;
}

void
steer_chat_turn_stop (SteerChatTurn *self)
{
  for (guint i = 0; i < self->n_replies; i++)
    steer_reply_stop (self->replies[i]);
}

const GError *
steer_chat_turn_get_error (SteerChatTurn *self)
{
  for (guint i = 0; i < self->n_replies; i++)
    {
      const GError *error = steer_reply_get_error (self->replies[i]);

      if (error != NULL)
        return error;
    }
  return NULL;
}

void
steer_chat_turn_drop_empty (SteerChatTurn *self)
{
  for (guint i = 0; i < self->n_replies; i++)
    {
      SteerStopReason reason = steer_reply_get_stop_reason (self->replies[i]);

      if (*steer_message_get_text (self->messages[i]) != '\0'
          || (reason != STEER_STOP_ERROR && reason != STEER_STOP_CANCELLED))
        continue;
      steer_removal_free (steer_conversation_remove (self->conversation, self->messages[i]));
      self->waiting = FALSE;
    }
}
