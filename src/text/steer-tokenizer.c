#include "steer-tokenizer-private.h"

#include "steer-detokenizer.h"

#include <string.h>

G_DEFINE_FINAL_TYPE (SteerTokenizer, steer_tokenizer, G_TYPE_OBJECT)

static void
steer_tokenizer_finalize (GObject *object)
{
  SteerTokenizer *self = STEER_TOKENIZER (object);

  steer_bpe_clear (&self->bpe);
  steer_string_table_clear (&self->contents);
  steer_string_table_clear (&self->bytes);
  steer_added_set_clear (&self->raw_added);
  steer_added_set_clear (&self->normalized_added);
  steer_normalizer_free (self->normalizer);
  steer_pretokenizer_free (self->pretokenizer);
  steer_decoder_free (self->decoder);
  g_array_unref (self->prefix);
  g_array_unref (self->suffix);
  g_free (self->special);

  G_OBJECT_CLASS (steer_tokenizer_parent_class)->finalize (object);
}

static void
steer_tokenizer_class_init (SteerTokenizerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = steer_tokenizer_finalize;
}

static void
steer_tokenizer_init (SteerTokenizer *self)
{
  steer_bpe_init (&self->bpe);
  steer_string_table_init (&self->contents);
  steer_string_table_init (&self->bytes);
  steer_added_set_init (&self->raw_added);
  steer_added_set_init (&self->normalized_added);
  self->normalizer = steer_normalizer_new ();
  self->pretokenizer = steer_pretokenizer_new ();
  self->decoder = steer_decoder_new ();
  self->prefix = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->suffix = g_array_new (FALSE, FALSE, sizeof (gint32));
}

SteerTokenizer *
steer_tokenizer_new_empty (void)
{
  return g_object_new (STEER_TYPE_TOKENIZER, NULL);
}

/* --- questions --- */

guint
steer_tokenizer_get_n_tokens (SteerTokenizer *self)
{
  g_return_val_if_fail (STEER_IS_TOKENIZER (self), 0);
  return self->contents.n_ids;
}

gint32
steer_tokenizer_find (SteerTokenizer *self, const char *content)
{
  g_return_val_if_fail (STEER_IS_TOKENIZER (self), -1);
  return steer_string_table_find (&self->contents, content, strlen (content));
}

const char *
steer_tokenizer_get_content (SteerTokenizer *self, gint32 id)
{
  g_return_val_if_fail (STEER_IS_TOKENIZER (self), NULL);
  return id < 0 ? NULL : steer_string_table_get (&self->contents, (guint32) id, NULL);
}

gboolean
steer_tokenizer_is_special (SteerTokenizer *self, gint32 id)
{
  g_return_val_if_fail (STEER_IS_TOKENIZER (self), FALSE);
  return id >= 0 && (guint) id < self->contents.n_ids && self->special[id];
}

gsize
steer_tokenizer_get_memory_size (SteerTokenizer *self)
{
  g_return_val_if_fail (STEER_IS_TOKENIZER (self), 0);
  return steer_string_table_get_size (&self->contents) + steer_string_table_get_size (&self->bytes)
         + steer_bpe_get_size (&self->bpe) + self->contents.n_ids;
}

/* --- ids to text --- */

gboolean
steer_tokenizer_decode_append (SteerTokenizer *self,
                               const gint32 *ids,
                               gsize n_ids,
                               gboolean skip_special,
                               GString *text,
                               GError **error)
{
  g_autoptr (SteerDetokenizer) detokenizer = NULL;
  gsize old_length;

  g_return_val_if_fail (STEER_IS_TOKENIZER (self), FALSE);
  g_return_val_if_fail (ids != NULL || n_ids == 0, FALSE);

  old_length = text->len;
  detokenizer = steer_detokenizer_new (self, skip_special);
  for (gsize i = 0; i < n_ids; i++)
    if (!steer_detokenizer_push (detokenizer, ids[i], text, error))
      {
        g_string_truncate (text, old_length);
        return FALSE;
      }
  steer_detokenizer_finish (detokenizer, text);
  return TRUE;
}

char *
steer_tokenizer_decode (SteerTokenizer *self, const gint32 *ids, gsize n_ids, gboolean skip_special, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (!steer_tokenizer_decode_append (self, ids, n_ids, skip_special, text, error))
    return NULL;
  return g_string_free (g_steal_pointer (&text), FALSE);
}
