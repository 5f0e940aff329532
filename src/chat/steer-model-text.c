#include "steer-model-text.h"

#include <string.h>

#include "steer-chat-error.h"
#include "text/steer-tokenizer-gguf.h"

/* Models are published with an EOS that ends a document while their template ends a turn with another token; both end
 * a reply in a chat. */
static GArray *
find_ends (SteerTokenizer *tokenizer, SteerChatTemplate *template)
{
  static const char *const contents[STEER_N_TEMPLATES][3] = {
    [STEER_TEMPLATE_LLAMA3] = { "<|eot_id|>", "<|eom_id|>" },
    [STEER_TEMPLATE_CHATML] = { "<|im_end|>" },
    [STEER_TEMPLATE_LLAMA2] = { "</s>" },
    [STEER_TEMPLATE_MISTRAL] = { "</s>" },
    [STEER_TEMPLATE_GEMMA] = { "<end_of_turn>" },
    [STEER_TEMPLATE_ZEPHYR] = { "</s>" },
    [STEER_TEMPLATE_DEEPSEEK] = { "<｜end▁of▁sentence｜>" },
  };
  GArray *ends = g_array_new (FALSE, FALSE, sizeof (gint32));

  if (tokenizer == NULL || template == NULL)
    return ends;
  for (const char *const *content = contents[steer_chat_template_get_family (template)]; *content != NULL; content++)
    {
      gint32 id = steer_tokenizer_find (tokenizer, *content);

      if (id >= 0)
        g_array_append_val (ends, id);
    }
  return ends;
}

static SteerChatTemplate *
find_template (const char *path, const char *family_name, GError **error)
{
  SteerTemplateFamily family;

  if (family_name == NULL)
    return steer_chat_template_new_for_model (path, error);
  if (!steer_template_family_from_name (family_name, &family))
    {
      g_set_error (
        error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
        "there is no chat template called \"%s\": use llama3, chatml, llama2, mistral, gemma, zephyr or deepseek",
        family_name);
      return NULL;
    }
  return steer_chat_template_new_for_family (family, NULL, NULL);
}

/* A model that lacks them serves requests by ids, so that is no failure. */
gboolean
steer_model_text_load (SteerModelText *self, const char *files, const char *family, GError **error)
{
  g_auto (SteerModelText) text = { 0 };
  g_autoptr (GError) local = NULL;

  text.tokenizer = steer_tokenizer_new_for_model (files, &local);
  if (text.tokenizer == NULL && !g_error_matches (local, STEER_TEXT_ERROR, STEER_TEXT_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (text.tokenizer != NULL)
    text.template = find_template (files, family, &local);
  /* A family that was asked for by a wrong name is the caller's mistake. */
  if (text.tokenizer != NULL && text.template == NULL && family != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  text.problem = g_steal_pointer (&local);
  text.ends = find_ends (text.tokenizer, text.template);
  *self = text;
  text = (SteerModelText){ 0 };
  return TRUE;
}

void
steer_model_text_copy (SteerModelText *self, const SteerModelText *from)
{
  *self = (SteerModelText){ 0 };
  g_set_object (&self->tokenizer, from->tokenizer);
  g_set_object (&self->template, from->template);
  self->problem = from->problem != NULL ? g_error_copy (from->problem) : NULL;
  self->ends = g_array_ref (from->ends);
}

void
steer_model_text_clear (SteerModelText *self)
{
  g_clear_object (&self->tokenizer);
  g_clear_object (&self->template);
  g_clear_error (&self->problem);
  g_clear_pointer (&self->ends, g_array_unref);
}

static GArray *
fail (const SteerModelText *self, GError **error)
{
  g_set_error_literal (error, STEER_CHAT_ERROR, STEER_CHAT_ERROR_NO_TEXT, self->problem->message);
  return NULL;
}

GArray *
steer_model_text_encode_turns (const SteerModelText *self,
                               const SteerTurn *turns,
                               guint n_turns,
                               SteerOpening opening,
                               const char *date,
                               GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (SteerRendering) rendering = NULL;

  if (self->tokenizer == NULL || self->template == NULL)
    return fail (self, error);
  rendering = steer_chat_template_render (self->template, turns, n_turns, opening, date, error);
  if (rendering == NULL)
    return NULL;
  /* The template writes BOS itself where the model wants one. */
  if (!steer_tokenizer_encode_spans (self->tokenizer, rendering->text,
                                     (const SteerTextSpan *) (gpointer) rendering->spans->data, rendering->spans->len,
                                     STEER_ENCODE_DEFAULT, ids, error))
    return NULL;
  return g_steal_pointer (&ids);
}

GArray *
steer_model_text_encode (const SteerModelText *self, const char *text, GError **error)
{
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  if (self->tokenizer == NULL)
    return fail (self, error);
  if (!steer_tokenizer_encode (self->tokenizer, text, strlen (text), STEER_ENCODE_ADD_BOS, ids, error))
    return NULL;
  return g_steal_pointer (&ids);
}

guint32 *
steer_model_text_find_special (const SteerModelText *self, guint n_vocab)
{
  guint32 *special = g_new0 (guint32, (n_vocab + 31) / 32);
  guint n = self->tokenizer != NULL ? steer_tokenizer_get_n_tokens (self->tokenizer) : 0;

  for (guint id = 0; id < MIN (n_vocab, n); id++)
    {
      if (steer_tokenizer_is_special (self->tokenizer, (gint32) id))
        special[id / 32] |= 1u << (id % 32);
    }
  return special;
}
