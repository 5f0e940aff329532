#include "steer-bpe-private.h"

#include "steer-tokenizer.h"
#include "steer-unicode.h"

/* --- a word's first symbols --- */

void
steer_bpe_scratch_clear (SteerBpeScratch *scratch)
{
  g_free (scratch->symbols);
  g_free (scratch->heap);
  *scratch = (SteerBpeScratch){ 0 };
}

static gboolean
reserve_symbols (SteerBpeScratch *scratch, gsize n, GError **error)
{
  gpointer symbols;

  if (n <= scratch->symbols_size)
    return TRUE;
  n = MAX (n, 256);
  symbols = g_try_malloc_n (n, sizeof (SteerBpeSymbol));
  if (symbols == NULL)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
                   "not enough memory to tokenize a word of %" G_GSIZE_FORMAT " bytes", n);
      return FALSE;
    }
  g_free (scratch->symbols);
  scratch->symbols = symbols;
  scratch->symbols_size = n;
  return TRUE;
}

static gboolean
fail_unknown (const char *character, gsize length, gboolean is_byte, GError **error)
{
  if (is_byte)
    g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNKNOWN_TOKEN,
                 "the vocabulary has no token for byte 0x%02x and no unknown token", (guint8) character[0]);
  else
    g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNKNOWN_TOKEN,
                 "the vocabulary has no token for the character '%.*s' (U+%04X) and no unknown token", (int) length,
                 character, g_utf8_get_char (character));
  return FALSE;
}

typedef struct
{
  SteerBpeSymbol *symbols;
  gsize n;
  gint32 pending_start; /* unknown text that waits to be fused; -1: none */
  guint32 pending_length;
} Start;

static inline void
push_symbol (Start *out, gint32 id, gsize start, gsize length)
{
  out->symbols[out->n++] = (SteerBpeSymbol){ .id = id, .start = (guint32) start, .length = (guint32) length };
}

static void
flush_unknown (const SteerBpe *self, Start *out)
{
  if (out->pending_start >= 0)
    push_symbol (out, self->unknown, (gsize) out->pending_start, out->pending_length);
  out->pending_start = -1;
}

static gboolean
start_bytes (const SteerBpe *self, const char *word, gsize length, Start *out, GError **error)
{
  for (gsize i = 0; i < length; i++)
    {
      gint32 id = self->byte_ids[(guint8) word[i]];

      if (id < 0)
        id = self->unknown;
      if (id < 0)
        return fail_unknown (word + i, 1, TRUE, error);
      if (id == self->unknown && self->fuse_unknown && out->n > 0 && out->symbols[out->n - 1].id == id)
        out->symbols[out->n - 1].length++;
      else
        push_symbol (out, id, i, 1);
    }
  return TRUE;
}

static gboolean
start_characters (const SteerBpe *self, const char *word, gsize length, Start *out, GError **error)
{
  for (gsize i = 0; i < length;)
    {
      gboolean have_bytes = self->byte_fallback;
      guint size;
      gint32 id;

      steer_utf8_get (word + i, &size);
      id = steer_string_table_find (self->pieces, word + i, size);
      if (id >= 0 && self->whole[id] == STEER_WHOLE_OUTSIDE)
        id = -1;
      if (id >= 0 || self->score_ranks != NULL)
        {
          flush_unknown (self, out);
          push_symbol (out, id, i, size);
          i += size;
          continue;
        }

      for (guint k = 0; have_bytes && k < size; k++)
        have_bytes = self->byte_ids[(guint8) word[i + k]] >= 0;
      if (have_bytes)
        {
          for (guint k = 0; k < size; k++)
            push_symbol (out, self->byte_ids[(guint8) word[i + k]], i + k, 1);
        }
      else if (self->unknown < 0)
        return fail_unknown (word + i, size, FALSE, error);
      else if (self->fuse_unknown && out->pending_start >= 0)
        out->pending_length += size;
      else
        {
          flush_unknown (self, out);
          out->pending_start = (gint32) i;
          out->pending_length = size;
        }
      i += size;
    }
  flush_unknown (self, out);
  return TRUE;
}

/* After score merging: text that became no token is spelled in bytes, or is unknown. */
static gboolean
append_spelled (const SteerBpe *self, const char *word, const SteerBpeSymbol *symbol, GArray *ids, GError **error)
{
  gboolean follows_unknown
    = symbol->start > 0 && ids->len > 0 && g_array_index (ids, gint32, ids->len - 1) == self->unknown;
  gboolean have_bytes = self->byte_fallback;

  for (guint k = 0; have_bytes && k < symbol->length; k++)
    have_bytes = self->byte_ids[(guint8) word[symbol->start + k]] >= 0;
  if (have_bytes)
    for (guint k = 0; k < symbol->length; k++)
      g_array_append_val (ids, self->byte_ids[(guint8) word[symbol->start + k]]);
  else if (self->unknown < 0)
    return fail_unknown (word + symbol->start, symbol->length, FALSE, error);
  else if (!follows_unknown || !self->fuse_unknown)
    g_array_append_val (ids, self->unknown);
  return TRUE;
}

static gboolean
encode_part (const SteerBpe *self,
             SteerBpeScratch *scratch,
             const char *word,
             gsize length,
             GArray *ids,
             GError **error)
{
  gint32 whole = steer_string_table_find (self->pieces, word, length);
  Start start = { .pending_start = -1 };
  gsize n;

  if (whole >= 0)
    {
      guint8 known = __atomic_load_n (&self->whole[whole], __ATOMIC_RELAXED);

      if (known == STEER_WHOLE_YES || (self->ignore_merges && known < STEER_WHOLE_SPECIAL))
        {
          g_array_append_val (ids, whole);
          return TRUE;
        }
      if (known != STEER_WHOLE_UNKNOWN)
        whole = -1;
    }
  if (length >= G_MAXINT32 / 4)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                   "a single word of %" G_GSIZE_FORMAT " bytes is too long to tokenize; split the text", length);
      return FALSE;
    }
  if (!reserve_symbols (scratch, length, error))
    return FALSE;

  start.symbols = scratch->symbols;
  if (!(self->byte_level ? start_bytes : start_characters) (self, word, length, &start, error))
    return FALSE;
  n = start.n;
  if (!steer_bpe_merge (self, scratch, word, &n, error))
    return FALSE;

  for (gsize i = 0; i < n; i++)
    if (start.symbols[i].id >= 0)
      g_array_append_val (ids, start.symbols[i].id);
    else if (!append_spelled (self, word, &start.symbols[i], ids, error))
      return FALSE;
  if (whole >= 0)
    __atomic_store_n (&self->whole[whole], n == 1 && start.symbols[0].id == whole ? STEER_WHOLE_YES : STEER_WHOLE_NO,
                      __ATOMIC_RELAXED);
  return TRUE;
}

static gboolean
is_token (const SteerBpe *self, const char *character, guint size)
{
  gint32 id = steer_string_table_find (self->pieces, character, size);

  return id >= 0 && self->whole[id] != STEER_WHOLE_OUTSIDE;
}

gboolean
steer_bpe_encode (const SteerBpe *self,
                  SteerBpeScratch *scratch,
                  const char *word,
                  gsize length,
                  GArray *ids,
                  GError **error)
{
  gsize start = 0, previous_at = 0;
  gunichar previous = 0;
  guint size, previous_size = 0;

  if (self->joints == NULL)
    return encode_part (self, scratch, word, length, ids, error);
  for (gsize at = 0; at < length; at += size)
    {
      gunichar character = steer_utf8_get (word + at, &size);

      /* unknown characters stay together: they may become one token */
      if (at > 0 && !steer_joints_has (self->joints, previous, character)
          && (is_token (self, word + previous_at, previous_size) || is_token (self, word + at, size)))
        {
          if (!encode_part (self, scratch, word + start, at - start, ids, error))
            return FALSE;
          start = at;
        }
      previous = character;
      previous_at = at;
      previous_size = size;
    }
  return encode_part (self, scratch, word + start, length - start, ids, error);
}
