#include "steer-tokenizer-private.h"

#include "steer-byte-alphabet.h"
#include "steer-detokenizer.h"
#include "steer-unicode.h"

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

/* --- construction --- */

static gboolean
add_content (SteerTokenizer *self, guint32 id, const char *content, gsize length, const char *name, GError **error)
{
  switch (steer_string_table_add (&self->contents, id, content, length))
    {
    case STEER_STRING_ADDED:
      return TRUE;
    case STEER_STRING_ID_TAKEN:
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: the id %u belongs to both the token \"%s\" and the token \"%.*s\"", name, id,
                   steer_string_table_get (&self->contents, id, NULL), (int) MIN (length, 64), content);
      return FALSE;
    case STEER_STRING_TEXT_TAKEN:
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: the token \"%.*s\" has both the id %d and the id %u", name, (int) MIN (length, 64), content,
                   steer_string_table_find (&self->contents, content, length), id);
      return FALSE;
    case STEER_STRING_TOO_MANY:
    default:
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: the token \"%.*s\" with id %u cannot be kept; ids must be below %u", name,
                   (int) MIN (length, 64), content, id, STEER_MAX_TOKENS);
      return FALSE;
    }
}

gboolean
steer_tokenizer_add_token (SteerTokenizer *self,
                           guint32 id,
                           const char *content,
                           gsize length,
                           const char *name,
                           GError **error)
{
  return add_content (self, id, content, length, name, error);
}

static gboolean
fail_memory (const char *name, GError **error)
{
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM, "%s: not enough memory for the tokenizer", name);
  return FALSE;
}

/* "<|name|>" is how the words of a prompt format look; some files forget to call them special. */
static gboolean
looks_like_control (const char *content, gsize length)
{
  return length > 4
         && ((memcmp (content, "<|", 2) == 0 && memcmp (content + length - 2, "|>", 2) == 0)
             || (length > 8 && memcmp (content, "<\357\275\234", 4) == 0
                 && memcmp (content + length - 4, "\357\275\234>", 4) == 0));
}

static gboolean
add_added (SteerTokenizer *self, const SteerAddedEntry *entry, gint32 id, GError **error)
{
  SteerAddedToken token = {
    .id = id,
    .control = entry->special || looks_like_control (entry->content, entry->length),
    .single_word = entry->single_word,
    .left_strip = entry->left_strip,
    .right_strip = entry->right_strip,
  };
  g_autoptr (GString) text = g_string_new_len (entry->content, (gssize) entry->length);

  if (entry->normalized && !steer_normalizer_apply (self->normalizer, text, NULL, error))
    return FALSE;
  token.length = text->len;
  if (entry->length > 0 && g_str_has_suffix (text->str, entry->content))
    token.lead = text->len - strlen (entry->content);
  token.text = g_string_free (g_steal_pointer (&text), FALSE);
  steer_added_set_add (entry->normalized ? &self->normalized_added : &self->raw_added, token);
  return TRUE;
}

/* The model's own tokens as raw bytes. One that is not spelled in the alphabet can come from no text. */
static gboolean
fill_bytes (SteerTokenizer *self)
{
  g_autofree char *buffer = g_malloc (self->contents.max_length + 1);

  for (guint id = 0; id < self->contents.n_ids; id++)
    {
      gsize length;
      const char *content = steer_string_table_get (&self->contents, id, &length);
      gssize n;

      if (content == NULL || self->bpe.whole[id] == STEER_WHOLE_OUTSIDE)
        continue;
      n = steer_byte_alphabet_read (content, length, buffer);
      if (n > 0 && steer_string_table_add (&self->bytes, id, buffer, (gsize) n) == STEER_STRING_TOO_MANY)
        return FALSE;
    }
  steer_string_table_trim (&self->bytes);
  for (guint byte = 0; byte < 256; byte++)
    {
      char text = (char) byte;

      self->bpe.byte_ids[byte] = steer_string_table_find (&self->bytes, &text, 1);
    }
  return TRUE;
}

static void
find_fallback_bytes (SteerTokenizer *self)
{
  for (guint byte = 0; byte < 256; byte++)
    {
      char content[8];

      g_snprintf (content, sizeof content, "<0x%02X>", byte);
      self->bpe.byte_ids[byte] = steer_string_table_find (&self->contents, content, 6);
    }
}

/* What is put around every text must exist. */
static gboolean
check_ids (SteerTokenizer *self, const GArray *ids, const char *name, GError **error)
{
  for (guint i = 0; i < ids->len; i++)
    {
      gint32 id = g_array_index (ids, gint32, i);

      if (steer_string_table_get (&self->contents, (guint32) id, NULL) == NULL)
        {
          g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                       "%s: the post-processor adds the id %d, which no token has", name, id);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
steer_tokenizer_finish (SteerTokenizer *self,
                        const SteerAddedEntry *added,
                        guint n_added,
                        gboolean byte_level,
                        const char *name,
                        GError **error)
{
  g_autofree gint32 *ids = g_new (gint32, MAX (n_added, 1));          /* [n_added] */
  g_autofree gboolean *outside = g_new0 (gboolean, MAX (n_added, 1)); /* [n_added] */

  for (guint i = 0; i < n_added; i++)
    {
      /* a token that the model knows keeps the model's id, as in the reference */
      ids[i] = steer_string_table_find (&self->contents, added[i].content, added[i].length);
      outside[i] = added[i].outside || ids[i] < 0;
      if (ids[i] >= 0)
        continue;
      if (added[i].id < 0)
        {
          g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                       "%s: the added token \"%s\" has the id %d, which is not possible", name, added[i].content,
                       added[i].id);
          return FALSE;
        }
      ids[i] = added[i].id;
      if (!add_content (self, (guint32) ids[i], added[i].content, added[i].length, name, error))
        return FALSE;
    }
  steer_string_table_trim (&self->contents);
  if (!check_ids (self, self->prefix, name, error) || !check_ids (self, self->suffix, name, error))
    return FALSE;

  self->special = g_try_new0 (guint8, MAX (self->contents.n_ids, 1));
  self->bpe.whole = g_try_new0 (guint8, MAX (self->contents.n_ids, 1));
  if (self->special == NULL || self->bpe.whole == NULL)
    return fail_memory (name, error);
  for (guint i = 0; i < n_added; i++)
    {
      guint8 *whole = &self->bpe.whole[ids[i]];

      if (added[i].special)
        {
          self->special[ids[i]] = TRUE;
          if (added[i].outside && (guint) added[i].id < self->contents.n_ids)
            self->special[added[i].id] = TRUE; /* the same content under a second id */
        }
      if (outside[i])
        *whole = STEER_WHOLE_OUTSIDE;
      else if (added[i].special && *whole != STEER_WHOLE_OUTSIDE)
        *whole = STEER_WHOLE_SPECIAL;
      if (!add_added (self, &added[i], ids[i], error))
        return FALSE;
    }
  steer_added_set_finish (&self->raw_added);
  steer_added_set_finish (&self->normalized_added);

  self->bpe.byte_level = byte_level;
  if (byte_level && !fill_bytes (self))
    return fail_memory (name, error);
  if (!byte_level && self->bpe.byte_fallback)
    find_fallback_bytes (self);
  if (!steer_bpe_finish (&self->bpe, byte_level ? &self->bytes : &self->contents, self->contents.n_ids))
    return fail_memory (name, error);
  return TRUE;
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

/* --- text to ids --- */

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
