#include "steer-detokenizer.h"

#include "steer-tokenizer-private.h"

struct _SteerDetokenizer
{
  SteerTokenizer *tokenizer;
  SteerDecodeState *state;
  gboolean skip_special;
};

SteerDetokenizer *
steer_detokenizer_new (SteerTokenizer *tokenizer, gboolean skip_special)
{
  SteerDetokenizer *self;

  g_return_val_if_fail (STEER_IS_TOKENIZER (tokenizer), NULL);

  self = g_new0 (SteerDetokenizer, 1);
  self->tokenizer = g_object_ref (tokenizer);
  self->state = steer_decode_state_new (tokenizer->decoder);
  self->skip_special = skip_special;
  return self;
}

void
steer_detokenizer_free (SteerDetokenizer *self)
{
  if (self == NULL)
    return;
  steer_decode_state_free (self->state);
  g_object_unref (self->tokenizer);
  g_free (self);
}

gboolean
steer_detokenizer_push (SteerDetokenizer *self, gint32 id, GString *text, GError **error)
{
  gsize length;
  const char *content = id < 0 ? NULL : steer_string_table_get (&self->tokenizer->contents, (guint32) id, &length);

  if (content == NULL)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNKNOWN_TOKEN,
                   "the vocabulary has no token with id %d; ids go from 0 to %u", id,
                   MAX (self->tokenizer->contents.n_ids, 1) - 1);
      return FALSE;
    }
  if (self->skip_special && self->tokenizer->special[id])
    return TRUE;
  steer_decode_state_push (self->state, content, length, text);
  return TRUE;
}

void
steer_detokenizer_finish (SteerDetokenizer *self, GString *text)
{
  steer_decode_state_finish (self->state, text);
}
