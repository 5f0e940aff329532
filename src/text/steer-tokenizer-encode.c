#include "steer-tokenizer-private.h"

#include "steer-unicode.h"

#include <string.h>

typedef struct
{
  SteerTokenizer *self;
  SteerBpeScratch scratch;
  GArray *ids; /* gint32 */
} Encoding;

static gboolean
encode_word (const char *word, gsize length, gpointer user_data, GError **error)
{
  Encoding *encoding = user_data;

  return steer_bpe_encode (&encoding->self->bpe, &encoding->scratch, word, length, encoding->ids, error);
}

/* Text that has been normalized. */
static gboolean
encode_normalized (Encoding *encoding,
                   const char *text,
                   gsize length,
                   const SteerTrust *trust,
                   gboolean at_start,
                   GError **error)
{
  SteerTokenizer *self = encoding->self;
  gsize done = 0;

  while (done < length)
    {
      gsize start = length, end = length;
      const SteerAddedToken *token
        = steer_added_set_find (&self->normalized_added, text, length, trust, done, &start, &end);

      if (start > done
          && !steer_pretokenizer_run (self->pretokenizer, text + done, start - done, at_start && done == 0, encode_word,
                                      encoding, error))
        return FALSE;
      if (token != NULL)
        g_array_append_val (encoding->ids, token->id);
      done = end;
    }
  return TRUE;
}

static gboolean
encode_piece (Encoding *encoding,
              const char *text,
              gsize length,
              const SteerTrust *trust,
              gboolean at_start,
              GError **error)
{
  g_autoptr (GString) normal = NULL;
  g_autoptr (GString) normal_trust = NULL;
  SteerTrust new_trust = *trust;

  if (steer_normalizer_is_empty (encoding->self->normalizer))
    return encode_normalized (encoding, text, length, trust, at_start, error);
  normal = g_string_new_len (text, (gssize) length);
  if (trust->bytes != NULL)
    normal_trust = g_string_new_len (trust->bytes, (gssize) length);
  if (!steer_normalizer_apply (encoding->self->normalizer, normal, normal_trust, error))
    return FALSE;
  new_trust.bytes = normal_trust != NULL ? normal_trust->str : NULL;
  return encode_normalized (encoding, normal->str, normal->len, &new_trust, at_start, error);
}

static gboolean
encode_text (Encoding *encoding, const char *text, gsize length, const SteerTrust *trust, GError **error)
{
  gsize done = 0;

  while (done < length)
    {
      gsize start = length, end = length;
      const SteerAddedToken *token
        = steer_added_set_find (&encoding->self->raw_added, text, length, trust, done, &start, &end);

      if (start > done)
        {
          SteerTrust piece_trust = { trust->bytes != NULL ? trust->bytes + done : NULL, trust->all };

          if (!encode_piece (encoding, text + done, start - done, &piece_trust, done == 0, error))
            return FALSE;
        }
      if (token != NULL)
        g_array_append_val (encoding->ids, token->id);
      done = end;
    }
  return TRUE;
}

static gboolean
encode_valid (SteerTokenizer *self,
              const char *text,
              gsize length,
              const SteerTrust *trust,
              SteerEncodeFlags flags,
              GArray *ids,
              GError **error)
{
  Encoding encoding = { .self = self, .ids = ids };
  guint old_length = ids->len;
  gboolean done;

  if (flags & STEER_ENCODE_ADD_BOS)
    g_array_append_vals (ids, self->prefix->data, self->prefix->len);
  done = encode_text (&encoding, text, length, trust, error);
  if (done && (flags & STEER_ENCODE_ADD_BOS))
    g_array_append_vals (ids, self->suffix->data, self->suffix->len);
  if (!done)
    g_array_set_size (ids, old_length);
  steer_bpe_scratch_clear (&encoding.scratch);
  return done;
}

gboolean
steer_tokenizer_encode (SteerTokenizer *self,
                        const char *text,
                        gsize length,
                        SteerEncodeFlags flags,
                        GArray *ids,
                        GError **error)
{
  SteerTextSpan span = { 0, length, (flags & STEER_ENCODE_PARSE_SPECIAL) != 0 };

  return steer_tokenizer_encode_spans (self, text, &span, 1, flags, ids, error);
}

gboolean
steer_tokenizer_encode_spans (SteerTokenizer *self,
                              const char *text,
                              const SteerTextSpan *spans,
                              guint n_spans,
                              SteerEncodeFlags flags,
                              GArray *ids,
                              GError **error)
{
  g_autoptr (GString) valid = NULL;
  g_autoptr (GString) trusted = NULL;
  gboolean all_valid = TRUE;
  gsize length = 0;
  SteerTrust trust = { NULL, n_spans > 0 && spans[0].trusted };

  g_return_val_if_fail (STEER_IS_TOKENIZER (self), FALSE);
  g_return_val_if_fail (ids != NULL && g_array_get_element_size (ids) == sizeof (gint32), FALSE);

  for (guint i = 0; i < n_spans; i++)
    {
      g_return_val_if_fail (spans[i].start == length, FALSE);
      length += spans[i].length;
      if (spans[i].trusted != spans[0].trusted && trusted == NULL)
        trusted = g_string_new (NULL);
    }
  g_return_val_if_fail (text != NULL || length == 0, FALSE);

  /* A span boundary inside a character is not valid either: each span stands for itself. */
  for (guint i = 0; i < n_spans && all_valid; i++)
    all_valid = steer_utf8_is_valid (text + spans[i].start, spans[i].length);
  if (!all_valid)
    valid = g_string_sized_new (length);
  for (guint i = 0; i < n_spans && (!all_valid || trusted != NULL); i++)
    {
      gsize size = spans[i].length;

      if (!all_valid)
        {
          gsize old = valid->len;

          steer_utf8_append_lossy (valid, text + spans[i].start, spans[i].length, TRUE);
          size = valid->len - old;
        }
      if (trusted != NULL)
        {
          gsize old = trusted->len;

          g_string_set_size (trusted, old + size);
          memset (trusted->str + old, spans[i].trusted ? 1 : 0, size);
        }
    }
  if (trusted != NULL)
    trust.bytes = trusted->str;
  return encode_valid (self, valid != NULL ? valid->str : text, valid != NULL ? valid->len : length, &trust, flags, ids,
                       error);
}
