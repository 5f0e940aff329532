#pragma once

#include "text/steer-chat-template.h"

G_BEGIN_DECLS

/* How a model's tokens are words and messages are a prompt: what its files say of tokenizer and chat template.
 * Immutable once it is loaded; any thread. A model that lacks them still computes with token ids. */
typedef struct
{
  SteerTokenizer *tokenizer;   /* nullable */
  SteerChatTemplate *template; /* nullable */
  GError *problem;             /* nullable: why one of them is missing */
  GArray *ends;                /* gint32: ids that end a turn of the template, beside the model's own EOS */
} SteerModelText;

/* @files: steer_model_get_files(). @family: (nullable): the template to use instead of the model's own. Errors: a
 * tokenizer that is there and broken, a family that there is not. */
gboolean steer_model_text_load (SteerModelText *self, const char *files, const char *family, GError **error);

void steer_model_text_copy (SteerModelText *self, const SteerModelText *from);
void steer_model_text_clear (SteerModelText *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SteerModelText, steer_model_text_clear)

/**
 * steer_model_text_encode_turns:
 * @turns: [n_turns]: what was said; the prompt ends with the opening of a reply
 * @date: (nullable): as steer_chat_template_render() has it
 *
 * (transfer full) (element-type gint32). Errors: STEER_CHAT_ERROR_NO_TEXT, STEER_TEXT_ERROR.
 */
GArray *steer_model_text_encode_turns (const SteerModelText *self,
                                       const SteerTurn *turns,
                                       guint n_turns,
                                       SteerOpening opening,
                                       const char *date,
                                       GError **error);

/* The same of text that is no chat, with what the tokenizer begins a document with. */
GArray *steer_model_text_encode (const SteerModelText *self, const char *text, GError **error);

/* Bit set [(n_vocab + 31) / 32] of the special tokens, for steer_session_set_special(); all zero without a tokenizer.
 * (transfer full) */
guint32 *steer_model_text_find_special (const SteerModelText *self, guint n_vocab);

G_END_DECLS
