#include "chat/steer-chat-error.h"
#include "steer-lab-private.h"

/* --- Text --- */

/* (transfer full): what is in @ids (transfer full), as an array. */
static gint32 *
take_ids (GArray *ids, gsize *n_tokens)
{
  *n_tokens = 0;
  return ids != NULL ? g_array_steal (ids, n_tokens) : NULL;
}

gint32 *
steer_lab_encode (SteerLab *self, const char *text, gsize *n_tokens, GError **error)
{
  g_autoptr (GArray) ids = NULL;

  g_return_val_if_fail (STEER_IS_LAB (self) && text != NULL, NULL);
  ids = steer_model_text_encode (&self->text, text, error);
  return take_ids (ids, n_tokens);
}

gint32 *
steer_lab_encode_chat (SteerLab *self, const char *system, const char *const *strings, gsize *n_tokens, GError **error)
{
  g_autoptr (GArray) turns = g_array_new (FALSE, FALSE, sizeof (SteerTurn));
  g_autoptr (GArray) ids = NULL;

  g_return_val_if_fail (STEER_IS_LAB (self) && strings != NULL, NULL);
  if (system != NULL)
    g_array_append_vals (turns, &(SteerTurn){ STEER_ROLE_SYSTEM, system }, 1);
  for (guint i = 0; strings[i] != NULL; i++)
    g_array_append_vals (turns, &(SteerTurn){ i % 2 == 0 ? STEER_ROLE_USER : STEER_ROLE_ASSISTANT, strings[i] }, 1);
  ids = steer_model_text_encode_turns (&self->text, (const SteerTurn *) (gpointer) turns->data, turns->len,
                                       STEER_OPENING_ANSWER, NULL, error);
  return take_ids (ids, n_tokens);
}

char *
steer_lab_decode (SteerLab *self, const gint32 *tokens, gsize n_tokens, GError **error)
{
  g_return_val_if_fail (STEER_IS_LAB (self), NULL);
  if (self->text.tokenizer == NULL)
    {
      g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_TEXT, self->text.problem->message);
      return NULL;
    }
  return steer_tokenizer_decode (self->text.tokenizer, tokens, n_tokens, FALSE, error);
}

gboolean
steer_lab_is_end (SteerLab *self, gint32 token)
{
  g_return_val_if_fail (STEER_IS_LAB (self), FALSE);
  for (guint i = 0; i < self->config->n_eos_ids; i++)
    if (self->config->eos_ids[i] == token)
      return TRUE;
  for (guint i = 0; i < self->text.ends->len; i++)
    if (g_array_index (self->text.ends, gint32, i) == token)
      return TRUE;
  return FALSE;
}
