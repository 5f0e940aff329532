#include "steer-tokenizer-parts.h"

#include "tensor/steer-json-scanner.h"

#include <gio/gio.h>
#include <string.h>

/* The file is read in one pass. Vocabulary and merges, 9 MB of it, go straight into their tables; the rest is small
 * and is kept as a tree until all of it is there. */
typedef struct
{
  SteerTokenizer *tokenizer;
  SteerJsonScanner *scanner;
  const char *json; /* [length] */
  gsize length;
  const char *name;

  JsonNode *added;
  JsonNode *normalizer;
  JsonNode *pretokenizer;
  JsonNode *post_processor;
  JsonNode *decoder;
  gboolean have_model;
  gboolean have_vocab;
  gboolean have_merges;
  gsize merges_offset; /* of merges that stand before the vocabulary; 0: none */
  char *unknown;
} Reader;

static void
reader_clear (Reader *reader)
{
  steer_json_scanner_free (reader->scanner);
  g_clear_pointer (&reader->added, json_node_unref);
  g_clear_pointer (&reader->normalizer, json_node_unref);
  g_clear_pointer (&reader->pretokenizer, json_node_unref);
  g_clear_pointer (&reader->post_processor, json_node_unref);
  g_clear_pointer (&reader->decoder, json_node_unref);
  g_free (reader->unknown);
}

static gboolean G_GNUC_PRINTF (3, 4) fail (Reader *reader, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, "%s: %s (at byte %" G_GSIZE_FORMAT ")", reader->name,
               message, steer_json_scanner_get_offset (reader->scanner));
  return FALSE;
}

/* The next token; the scanner's errors become this room's. */
static SteerJsonToken
next (Reader *reader, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  SteerJsonToken token = steer_json_scanner_next (reader->scanner, &local_error);

  if (token == STEER_JSON_ERROR)
    g_set_error_literal (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, local_error->message);
  return token;
}

static gboolean
skip (Reader *reader, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (steer_json_scanner_skip (reader->scanner, &local_error))
    return TRUE;
  g_set_error_literal (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, local_error->message);
  return FALSE;
}

static gboolean
expect (Reader *reader, SteerJsonToken token, SteerJsonToken expected, const char *what, GError **error)
{
  if (token == expected)
    return TRUE;
  return token != STEER_JSON_ERROR && fail (reader, error, "%s", what);
}

/* --- small values, as a tree --- */

/* The value that begins with @token. Depth is bounded by the scanner's. */
static JsonNode *
read_node (Reader *reader, SteerJsonToken token, GError **error)
{
  gint64 integer;

  switch (token)
    {
    case STEER_JSON_OBJECT_BEGIN:
      {
        g_autoptr (JsonObject) object = json_object_new ();

        while ((token = next (reader, error)) == STEER_JSON_KEY)
          {
            g_autofree char *member = g_strdup (steer_json_scanner_get_string (reader->scanner, NULL));
            JsonNode *value = read_node (reader, next (reader, error), error);

            if (value == NULL)
              return NULL;
            json_object_set_member (object, member, value);
          }
        if (token == STEER_JSON_ERROR)
          return NULL;
        return json_node_init_object (json_node_alloc (), object);
      }
    case STEER_JSON_ARRAY_BEGIN:
      {
        g_autoptr (JsonArray) array = json_array_new ();

        while ((token = next (reader, error)) != STEER_JSON_ARRAY_END)
          {
            JsonNode *value = read_node (reader, token, error);

            if (value == NULL)
              return NULL;
            json_array_add_element (array, value);
          }
        return json_node_init_array (json_node_alloc (), array);
      }
    case STEER_JSON_STRING:
      return json_node_init_string (json_node_alloc (), steer_json_scanner_get_string (reader->scanner, NULL));
    case STEER_JSON_NUMBER:
      if (steer_json_scanner_get_int64 (reader->scanner, &integer))
        return json_node_init_int (json_node_alloc (), integer);
      return json_node_init_double (json_node_alloc (), steer_json_scanner_get_double (reader->scanner));
    case STEER_JSON_TRUE:
    case STEER_JSON_FALSE:
      return json_node_init_boolean (json_node_alloc (), token == STEER_JSON_TRUE);
    case STEER_JSON_NULL:
      return json_node_init_null (json_node_alloc ());
    case STEER_JSON_ERROR:
      return NULL;
    case STEER_JSON_END:
    case STEER_JSON_OBJECT_END:
    case STEER_JSON_ARRAY_END:
    case STEER_JSON_KEY:
    default:
      fail (reader, error, "a value is missing");
      return NULL;
    }
}

static gboolean
keep_node (Reader *reader, JsonNode **node, GError **error)
{
  g_clear_pointer (node, json_node_unref);
  *node = read_node (reader, next (reader, error), error);
  return *node != NULL;
}

/* --- the model --- */

static gboolean
read_vocab (Reader *reader, GError **error)
{
  SteerJsonToken token = next (reader, error);

  if (token == STEER_JSON_ARRAY_BEGIN)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                   "%s: the tokenizer model is of type Unigram; this program knows BPE", reader->name);
      return FALSE;
    }
  if (!expect (reader, token, STEER_JSON_OBJECT_BEGIN, "the model's \"vocab\" is not an object", error))
    return FALSE;
  if (reader->have_vocab)
    return fail (reader, error, "a second \"vocab\"");
  reader->have_vocab = TRUE;

  while ((token = next (reader, error)) == STEER_JSON_KEY)
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

      token = next (reader, error);
      if (token == STEER_JSON_ERROR)
        return FALSE;
      if (token != STEER_JSON_NUMBER || !steer_json_scanner_get_int64 (reader->scanner, &id) || id < 0
          || id >= STEER_MAX_TOKENS)
        return fail (reader, error, "the token \"%.*s\" has no id between 0 and %u", (int) MIN (length, 64), content,
                     STEER_MAX_TOKENS - 1);
      if (!steer_tokenizer_add_token (reader->tokenizer, (guint32) id, content, length, reader->name, error))
        return FALSE;
    }
  return token != STEER_JSON_ERROR;
}

static gboolean
add_merge (Reader *reader, guint32 rank, const GString *joined, gsize left_length, GError **error)
{
  SteerStringTable *contents = &reader->tokenizer->contents;
  gint32 left = steer_string_table_find (contents, joined->str, left_length);
  gint32 right = steer_string_table_find (contents, joined->str + left_length, joined->len - left_length);
  gint32 merged = steer_string_table_find (contents, joined->str, joined->len);

  if (left < 0 || right < 0 || merged < 0)
    {
      const char *missing = left < 0 ? joined->str : right < 0 ? joined->str + left_length : joined->str;
      gsize length = left < 0 ? left_length : right < 0 ? joined->len - left_length : joined->len;

      return fail (reader, error, "merge %u needs the token \"%.*s\", which the vocabulary lacks", rank,
                   (int) MIN (length, 64), missing);
    }
  if (!steer_bpe_add_merge (&reader->tokenizer->bpe, (guint32) left, (guint32) right, rank, (guint32) merged))
    return fail (reader, error, "not enough memory for merge %u", rank);
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
read_merges (Reader *reader, GError **error)
{
  g_autoptr (GString) joined = g_string_new (NULL);
  SteerJsonToken token = next (reader, error);
  guint32 rank = 0;

  if (!expect (reader, token, STEER_JSON_ARRAY_BEGIN, "the model's \"merges\" is not a list", error))
    return FALSE;
  if (!steer_bpe_reserve_merges (&reader->tokenizer->bpe, reader->tokenizer->contents.n_ids))
    return fail (reader, error, "not enough memory for the merges");

  while ((token = next (reader, error)) != STEER_JSON_ARRAY_END)
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
            return fail (reader, error, "merge %u, \"%.64s\", is not two tokens with a space between", rank,
                         joined->str);
        }
      else if (token == STEER_JSON_ARRAY_BEGIN)
        {
          g_string_truncate (joined, 0);
          for (guint i = 0; i < 2; i++)
            {
              if (!expect (reader, next (reader, error), STEER_JSON_STRING, "a merge is not a pair of strings", error))
                return FALSE;
              text = steer_json_scanner_get_string (reader->scanner, &length);
              left_length = joined->len;
              g_string_append_len (joined, text, (gssize) length);
            }
          if (!expect (reader, next (reader, error), STEER_JSON_ARRAY_END, "a merge is not a pair of strings", error))
            return FALSE;
        }
      else
        return token != STEER_JSON_ERROR && fail (reader, error, "merge %u is neither a string nor a pair", rank);
      if (!add_merge (reader, rank, joined, left_length, error))
        return FALSE;
      if (++rank == G_MAXUINT32)
        return fail (reader, error, "too many merges");
    }
  return TRUE;
}

static gboolean
read_merges_member (Reader *reader, GError **error)
{
  if (reader->have_merges)
    return fail (reader, error, "a second \"merges\"");
  reader->have_merges = TRUE;
  if (reader->have_vocab)
    return read_merges (reader, error);

  /* the vocabulary comes later: pass over them now */
  if (next (reader, error) == STEER_JSON_ERROR)
    return FALSE;
  reader->merges_offset = steer_json_scanner_get_offset (reader->scanner);
  return skip (reader, error);
}

static gboolean
read_early_merges (Reader *reader, GError **error)
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
fail_unsupported (Reader *reader, GError **error, const char *what)
{
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
               "%s: the BPE model uses %s, which is not supported", reader->name, what);
  return FALSE;
}

/* A member of the model other than vocabulary and merges. */
static gboolean
read_model_member (Reader *reader, const char *member, GError **error)
{
  SteerBpe *bpe = &reader->tokenizer->bpe;
  SteerJsonToken token = next (reader, error);
  const char *text = token == STEER_JSON_STRING ? steer_json_scanner_get_string (reader->scanner, NULL) : NULL;

  if (token == STEER_JSON_ERROR)
    return FALSE;
  if (g_str_equal (member, "type") && text != NULL)
    {
      if (!g_str_equal (text, "BPE"))
        {
          g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                       "%s: the tokenizer model is of type %.64s; this program knows BPE", reader->name, text);
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
  return skip (reader, error);
}

static gboolean
read_model (Reader *reader, GError **error)
{
  SteerJsonToken token = next (reader, error);

  if (!expect (reader, token, STEER_JSON_OBJECT_BEGIN, "\"model\" is not an object", error))
    return FALSE;
  if (reader->have_model)
    return fail (reader, error, "a second \"model\"");
  reader->have_model = TRUE;
  while ((token = next (reader, error)) == STEER_JSON_KEY)
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
    return fail (reader, error, "the model has no \"%s\"; only BPE models are known",
                 reader->have_vocab ? "merges" : "vocab");
  if (reader->merges_offset > 0 && !read_early_merges (reader, error))
    return FALSE;
  if (reader->unknown != NULL)
    reader->tokenizer->bpe.unknown = steer_tokenizer_find (reader->tokenizer, reader->unknown);
  return TRUE;
}

/* --- the whole --- */

static gboolean
read_top (Reader *reader, GError **error)
{
  const struct
  {
    const char *member;
    JsonNode **node;
  } parts[] = {
    { "added_tokens", &reader->added },
    { "normalizer", &reader->normalizer },
    { "pre_tokenizer", &reader->pretokenizer },
    { "post_processor", &reader->post_processor },
    { "decoder", &reader->decoder },
  };
  SteerJsonToken token = next (reader, error);

  if (!expect (reader, token, STEER_JSON_OBJECT_BEGIN, "this is not a tokenizer.json: no object", error))
    return FALSE;
  while ((token = next (reader, error)) == STEER_JSON_KEY)
    {
      const char *member = steer_json_scanner_get_string (reader->scanner, NULL);
      gboolean done = FALSE;
      guint i = 0;

      while (i < G_N_ELEMENTS (parts) && !g_str_equal (member, parts[i].member))
        i++;
      if (i < G_N_ELEMENTS (parts))
        done = keep_node (reader, parts[i].node, error);
      else if (g_str_equal (member, "model"))
        done = read_model (reader, error);
      else
        done = next (reader, error) != STEER_JSON_ERROR && skip (reader, error);
      if (!done)
        return FALSE;
    }
  if (token == STEER_JSON_ERROR || next (reader, error) == STEER_JSON_ERROR)
    return FALSE;
  if (!reader->have_model)
    return fail (reader, error, "this is not a tokenizer.json: it has no \"model\"");
  return TRUE;
}

static gboolean
read_parts (Reader *reader, GError **error)
{
  SteerTokenizer *tokenizer = reader->tokenizer;
  g_autoptr (GArray) added = NULL;
  gboolean byte_level;

  if (!steer_tokenizer_read_normalizer (tokenizer, reader->normalizer, reader->name, error)
      || !steer_tokenizer_read_pretokenizer (tokenizer, reader->pretokenizer, reader->name, &byte_level, error)
      || !steer_tokenizer_read_post_processor (tokenizer, reader->post_processor, reader->name, error)
      || !steer_tokenizer_read_decoder (tokenizer, reader->decoder, reader->name, error))
    return FALSE;
  added = steer_tokenizer_read_added (reader->added, reader->name, error);
  return added != NULL
         && steer_tokenizer_finish (tokenizer, (const SteerAddedEntry *) (gpointer) added->data, added->len, byte_level,
                                    reader->name, error);
}

SteerTokenizer *
steer_tokenizer_new_from_json (const char *json, gsize length, const char *name, GError **error)
{
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  Reader reader = { .json = json, .length = length, .name = name };
  gboolean done;

  g_return_val_if_fail (json != NULL || length == 0, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  if (length >= 11 && memcmp (json, "version htt", 11) == 0)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: this is a Git LFS pointer, not the file itself; fetch it with \"git lfs pull\"", name);
      return NULL;
    }
  tokenizer = steer_tokenizer_new_empty ();
  reader.tokenizer = tokenizer;
  reader.scanner = steer_json_scanner_new (json, length, name);
  done = read_top (&reader, error) && read_parts (&reader, error);
  reader_clear (&reader);
  return done ? g_steal_pointer (&tokenizer) : NULL;
}

SteerTokenizer *
steer_tokenizer_new_from_file (const char *path, GError **error)
{
  g_autoptr (GMappedFile) file = NULL;
  g_autofree char *name = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  file = g_mapped_file_new (path, FALSE, error);
  if (file == NULL)
    return NULL;
  name = g_filename_display_name (path);
  return steer_tokenizer_new_from_json (g_mapped_file_get_contents (file), g_mapped_file_get_length (file), name,
                                        error);
}
