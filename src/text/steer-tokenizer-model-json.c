/* The model of a tokenizer.json: vocabulary and merges. */

#include "steer-tokenizer-reader.h"

#include "steer-unicode.h"

#include <string.h>

static gboolean
read_vocab (SteerTokenizerReader *reader, GError **error)
{
  SteerJsonToken token = steer_reader_next (reader, error);

  if (token == STEER_JSON_ARRAY_BEGIN)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                   "%s: the tokenizer model is of type Unigram; this program knows BPE", reader->name);
      return FALSE;
    }
  if (!steer_reader_expect (reader, token, STEER_JSON_OBJECT_BEGIN, "the model's \"vocab\" is not an object", error))
    return FALSE;
  if (reader->have_vocab)
    return steer_reader_fail (reader, error, "a second \"vocab\"");
  reader->have_vocab = TRUE;

  while ((token = steer_reader_next (reader, error)) == STEER_JSON_KEY)
    {
      gsize length;
      const char *content = steer_json_scanner_get_string (reader->scanner, &length);
      char buffer[256];
      g_autofree char *long_content = NULL;
      gint64 id;

      /* the string lives in the scanner's buffer only until the next call */
      if (length < sizeof buffer)
        content = memcpy (buffer, content, length);
      else
        content = long_content = g_memdup2 (content, length);

      token = steer_reader_next (reader, error);
      if (token == STEER_JSON_ERROR)
        return FALSE;
      if (token != STEER_JSON_NUMBER || !steer_json_scanner_get_int64 (reader->scanner, &id) || id < 0
          || id >= STEER_MAX_TOKENS)
        {
          g_autofree char *excerpt = steer_utf8_excerpt (content, length);

          return steer_reader_fail (reader, error, "the token \"%s\" has no id between 0 and %u", excerpt,
                                    STEER_MAX_TOKENS - 1);
        }
      if (!steer_tokenizer_add_token (reader->tokenizer, (guint32) id, content, length, reader->name, error))
        return FALSE;
    }
  return token != STEER_JSON_ERROR;
}

static gboolean
add_merge (SteerTokenizerReader *reader, guint32 rank, const GString *joined, gsize left_length, GError **error)
{
  SteerStringTable *contents = &reader->tokenizer->contents;
  gint32 left = steer_string_table_find (contents, joined->str, left_length);
  gint32 right = steer_string_table_find (contents, joined->str + left_length, joined->len - left_length);
  gint32 merged = steer_string_table_find (contents, joined->str, joined->len);

  if (left < 0 || right < 0 || merged < 0)
    {
      const char *missing = left < 0 ? joined->str : right < 0 ? joined->str + left_length : joined->str;
      gsize length = left < 0 ? left_length : right < 0 ? joined->len - left_length : joined->len;
      g_autofree char *excerpt = steer_utf8_excerpt (missing, length);

      return steer_reader_fail (reader, error, "merge %u needs the token \"%s\", which the vocabulary lacks", rank,
                                excerpt);
    }
  if (!steer_bpe_add_merge (&reader->tokenizer->bpe, (guint32) left, (guint32) right, rank, (guint32) merged))
    return steer_reader_fail (reader, error, "not enough memory for merge %u", rank);
  return TRUE;
}

/* "a b", where neither has a space. */
static gboolean
split_merge (GString *merge, gsize *left_length)
{
  const char *space = memchr (merge->str, ' ', merge->len);
  gsize at;

  if (space == NULL || memchr (space + 1, ' ', merge->len - (gsize) (space + 1 - merge->str)) != NULL)
    return FALSE;
  at = (gsize) (space - merge->str);
  g_string_erase (merge, (gssize) at, 1);
  *left_length = at;
  return TRUE;
}

/* The next token is the list's beginning. */
static gboolean
read_merges (SteerTokenizerReader *reader, GError **error)
{
  g_autoptr (GString) joined = g_string_new (NULL);
  SteerJsonToken token = steer_reader_next (reader, error);
  guint32 rank = 0;

  if (!steer_reader_expect (reader, token, STEER_JSON_ARRAY_BEGIN, "the model's \"merges\" is not a list", error))
    return FALSE;
  if (!steer_bpe_reserve_merges (&reader->tokenizer->bpe, reader->tokenizer->contents.n_ids))
    return steer_reader_fail (reader, error, "not enough memory for the merges");

  while ((token = steer_reader_next (reader, error)) != STEER_JSON_ARRAY_END)
    {
      gsize left_length = 0;
      gsize length;
      const char *text;

      if (token == STEER_JSON_STRING)
        {
          text = steer_json_scanner_get_string (reader->scanner, &length);
          g_string_truncate (joined, 0);
          g_string_append_len (joined, text, (gssize) length);
          if (rank == 0 && g_str_has_prefix (joined->str, "#version"))
            continue;
          if (!split_merge (joined, &left_length))
            {
              g_autofree char *excerpt = steer_utf8_excerpt (joined->str, joined->len);

              return steer_reader_fail (reader, error, "merge %u, \"%s\", is not two tokens with a space between", rank,
                                        excerpt);
            }
        }
      else if (token == STEER_JSON_ARRAY_BEGIN)
        {
          g_string_truncate (joined, 0);
          for (guint i = 0; i < 2; i++)
            {
              if (!steer_reader_expect (reader, steer_reader_next (reader, error), STEER_JSON_STRING,
                                        "a merge is not a pair of strings", error))
                return FALSE;
              text = steer_json_scanner_get_string (reader->scanner, &length);
              left_length = joined->len;
              g_string_append_len (joined, text, (gssize) length);
            }
          if (!steer_reader_expect (reader, steer_reader_next (reader, error), STEER_JSON_ARRAY_END,
                                    "a merge is not a pair of strings", error))
            return FALSE;
        }
      else
        return token != STEER_JSON_ERROR
               && steer_reader_fail (reader, error, "merge %u is neither a string nor a pair", rank);
      if (!add_merge (reader, rank, joined, left_length, error))
        return FALSE;
      if (++rank == G_MAXUINT32)
        return steer_reader_fail (reader, error, "too many merges");
    }
  return TRUE;
}

static gboolean
read_merges_member (SteerTokenizerReader *reader, GError **error)
{
  if (reader->have_merges)
    return steer_reader_fail (reader, error, "a second \"merges\"");
  reader->have_merges = TRUE;
  if (reader->have_vocab)
    return read_merges (reader, error);

  /* the vocabulary comes later: pass over them now */
  if (steer_reader_next (reader, error) == STEER_JSON_ERROR)
    return FALSE;
  reader->merges_offset = steer_json_scanner_get_offset (reader->scanner);
  return steer_reader_skip (reader, error);
}

static gboolean
read_early_merges (SteerTokenizerReader *reader, GError **error)
{
  SteerJsonScanner *whole = reader->scanner;
  gboolean done;

  reader->scanner = steer_json_scanner_new (reader->json + reader->merges_offset,
                                            reader->length - reader->merges_offset, reader->name);
  done = read_merges (reader, error);
  steer_json_scanner_free (reader->scanner);
  reader->scanner = whole;
  return done;
}

static gboolean
fail_unsupported (SteerTokenizerReader *reader, GError **error, const char *what)
{
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
               "%s: the BPE model uses %s, which is not supported", reader->name, what);
  return FALSE;
}

/* A member of the model other than vocabulary and merges. */
static gboolean
read_model_member (SteerTokenizerReader *reader, const char *member, GError **error)
{
  SteerBpe *bpe = &reader->tokenizer->bpe;
  SteerJsonToken token = steer_reader_next (reader, error);
  const char *text = token == STEER_JSON_STRING ? steer_json_scanner_get_string (reader->scanner, NULL) : NULL;

  if (token == STEER_JSON_ERROR)
    return FALSE;
  if (g_str_equal (member, "type") && text != NULL)
    {
      if (!g_str_equal (text, "BPE"))
        {
          g_autofree char *excerpt = steer_utf8_excerpt (text, strlen (text));

          g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                       "%s: the tokenizer model is of type %s; this program knows BPE", reader->name, excerpt);
          return FALSE;
        }
    }
  else if (g_str_equal (member, "unk_token") && text != NULL)
    {
      g_free (reader->unknown);
      reader->unknown = g_strdup (text);
    }
  else if (g_str_equal (member, "continuing_subword_prefix") && text != NULL && *text != '\0')
    return fail_unsupported (reader, error, "continuing_subword_prefix");
  else if (g_str_equal (member, "end_of_word_suffix") && text != NULL && *text != '\0')
    return fail_unsupported (reader, error, "end_of_word_suffix");
  else if (g_str_equal (member, "dropout") && token == STEER_JSON_NUMBER
           && steer_json_scanner_get_double (reader->scanner) != 0.0)
    return fail_unsupported (reader, error, "dropout, that is chance");
  else if (g_str_equal (member, "fuse_unk"))
    bpe->fuse_unknown = token == STEER_JSON_TRUE;
  else if (g_str_equal (member, "byte_fallback"))
    bpe->byte_fallback = token == STEER_JSON_TRUE;
  else if (g_str_equal (member, "ignore_merges"))
    bpe->ignore_merges = token == STEER_JSON_TRUE;
  return steer_reader_skip (reader, error);
}

gboolean
steer_reader_read_model (SteerTokenizerReader *reader, GError **error)
{
  SteerJsonToken token = steer_reader_next (reader, error);

  if (!steer_reader_expect (reader, token, STEER_JSON_OBJECT_BEGIN, "\"model\" is not an object", error))
    return FALSE;
  if (reader->have_model)
    return steer_reader_fail (reader, error, "a second \"model\"");
  reader->have_model = TRUE;
  while ((token = steer_reader_next (reader, error)) == STEER_JSON_KEY)
    {
      g_autofree char *member = g_strdup (steer_json_scanner_get_string (reader->scanner, NULL));
      gboolean done;

      if (g_str_equal (member, "vocab"))
        done = read_vocab (reader, error);
      else if (g_str_equal (member, "merges"))
        done = read_merges_member (reader, error);
      else
        done = read_model_member (reader, member, error);
      if (!done)
        return FALSE;
    }
  if (token == STEER_JSON_ERROR)
    return FALSE;
  if (!reader->have_vocab || !reader->have_merges)
    return steer_reader_fail (reader, error, "the model has no \"%s\"; only BPE models are known",
                              reader->have_vocab ? "merges" : "vocab");
  if (reader->merges_offset > 0 && !read_early_merges (reader, error))
    return FALSE;
  if (reader->unknown != NULL)
    reader->tokenizer->bpe.unknown = steer_tokenizer_find (reader->tokenizer, reader->unknown);
  return TRUE;
}
