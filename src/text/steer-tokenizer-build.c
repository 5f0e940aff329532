#include "steer-tokenizer-private.h"

#include "steer-byte-alphabet.h"
#include "steer-unicode.h"

#include <string.h>

gboolean
steer_tokenizer_add_token (SteerTokenizer *self,
                           guint32 id,
                           const char *content,
                           gsize length,
                           const char *name,
                           GError **error)
{
  SteerStringAdded added = steer_string_table_add (&self->contents, id, content, length);
  g_autofree char *excerpt = added == STEER_STRING_ADDED ? NULL : steer_utf8_excerpt (content, length);

  switch (added)
    {
    case STEER_STRING_ADDED:
      return TRUE;
    case STEER_STRING_ID_TAKEN:
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: the id %u belongs to both the token \"%s\" and the token \"%s\"", name, id,
                   steer_string_table_get (&self->contents, id, NULL), excerpt);
      return FALSE;
    case STEER_STRING_TEXT_TAKEN:
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: the token \"%s\" has both the id %d and the id %u", name, excerpt,
                   steer_string_table_find (&self->contents, content, length), id);
      return FALSE;
    case STEER_STRING_NO_MEMORY:
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: no memory for the token \"%s\" with id %u; close other programs", name, excerpt, id);
      return FALSE;
    case STEER_STRING_TOO_MANY:
    default:
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: the token \"%s\" with id %u cannot be kept; ids must be below %u", name, excerpt, id,
                   STEER_MAX_TOKENS);
      return FALSE;
    }
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
      if (n > 0 && steer_string_table_add (&self->bytes, id, buffer, (gsize) n) >= STEER_STRING_TOO_MANY)
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
      if (!steer_tokenizer_add_token (self, (guint32) ids[i], added[i].content, added[i].length, name, error))
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
        {
          g_prefix_error (error, "%s: the added token \"%s\": ", name, added[i].content);
          return FALSE;
        }
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
