/* A tokenizer.json's tokenizer as GGUF keeps it. */

#include "steer-tokenizer-gguf.h"

#include "steer-tokenizer-private.h"
#include "steer-tokenizer-vocab.h"

#include <string.h>

#define KEY(name) "tokenizer.ggml." name
#define SPACE_MARK "\342\226\201"

static gboolean
fail (GError **error, int code, const char *name, const char *what)
{
  g_set_error (error, STEER_TEXT_ERROR, code, "%s: %s", name, what);
  return FALSE;
}

/* --- tokens --- */

static void
mark_added (SteerTokenizer *self, const SteerAddedSet *set, gint32 *types)
{
  for (guint i = 0; i < set->tokens->len; i++)
    {
      gint32 id = g_array_index (set->tokens, SteerAddedToken, i).id;

      types[id] = self->special[id] ? STEER_TOKEN_CONTROL : STEER_TOKEN_USER_DEFINED;
    }
}

/* Tokens that are looked for before spaces get their mark are written with spaces, as llama.cpp's converter does: those
 * of several spaces, which Gemma has. */
static const char *
write_spaces (const char *token, GPtrArray *made)
{
  g_auto (GStrv) parts = g_strsplit (token, SPACE_MARK, -1);

  if (parts[0] == NULL || parts[1] == NULL)
    return token;
  g_ptr_array_add (made, g_strjoinv (" ", parts));
  return g_ptr_array_index (made, made->len - 1);
}

static void
write_tokens (SteerTokenizer *self, SteerGgufWriter *writer, guint n_vocab)
{
  guint n_tokens = steer_tokenizer_get_n_tokens (self);
  g_autoptr (GPtrArray) made = g_ptr_array_new_with_free_func (g_free);
  g_autofree const char **tokens = g_new0 (const char *, n_vocab);
  g_autofree gint32 *types = g_new0 (gint32, n_vocab);

  for (guint id = 0; id < n_vocab; id++)
    {
      tokens[id] = id < n_tokens ? steer_tokenizer_get_content (self, (gint32) id) : NULL;
      types[id] = STEER_TOKEN_NORMAL;
      if (tokens[id] != NULL)
        continue;
      tokens[id] = g_strdup_printf ("[PAD%u]", id);
      types[id] = STEER_TOKEN_UNUSED;
      g_ptr_array_add (made, (gpointer) tokens[id]);
    }
  for (guint byte = 0; self->bpe.byte_fallback && byte < 256; byte++)
    if (self->bpe.byte_ids[byte] >= 0)
      types[self->bpe.byte_ids[byte]] = STEER_TOKEN_BYTE;
  mark_added (self, &self->raw_added, types);
  mark_added (self, &self->normalized_added, types);
  if (self->bpe.unknown >= 0)
    types[self->bpe.unknown] = STEER_TOKEN_UNKNOWN;
  for (guint id = 0; !self->bpe.byte_level && id < n_vocab; id++)
    if (types[id] == STEER_TOKEN_USER_DEFINED)
      tokens[id] = write_spaces (tokens[id], made);
  steer_gguf_writer_add_string_list (writer, KEY ("tokens"), tokens, n_vocab);
  steer_gguf_writer_add_int_list (writer, KEY ("token_type"), types, n_vocab);
}

/* --- merges --- */

static int
compare_merges (gconstpointer a, gconstpointer b)
{
  const SteerMerge *left = a;
  const SteerMerge *right = b;

  return (left->rank > right->rank) - (left->rank < right->rank);
}

/* Those that are in use, the first is done first: of SteerMerge. */
static GArray *
list_merges (SteerTokenizer *self)
{
  GArray *merges = g_array_new (FALSE, FALSE, sizeof (SteerMerge));

  for (gsize slot = 0; slot < self->bpe.n_merge_slots; slot++)
    if (self->bpe.merges[slot].merged != G_MAXUINT32 && self->bpe.merges[slot].rank != G_MAXUINT32)
      g_array_append_val (merges, self->bpe.merges[slot]);
  g_array_sort (merges, compare_merges);
  return merges;
}

static gboolean
write_byte_level (SteerTokenizer *self, SteerGgufWriter *writer, const char *name, GError **error)
{
  const char *pre = steer_vocab_find_pre (self);
  g_autoptr (GArray) merges = list_merges (self);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  if (pre == NULL)
    return fail (error, STEER_TEXT_ERROR_UNSUPPORTED, name, "GGUF has no name for the way this tokenizer cuts words");
  steer_gguf_writer_add_string (writer, KEY ("model"), "gpt2");
  steer_gguf_writer_add_string (writer, KEY ("pre"), pre);
  for (guint i = 0; i < merges->len; i++)
    {
      const SteerMerge *merge = &g_array_index (merges, SteerMerge, i);

      g_ptr_array_add (lines, g_strjoin (" ", steer_tokenizer_get_content (self, (gint32) merge->left),
                                         steer_tokenizer_get_content (self, (gint32) merge->right), NULL));
    }
  steer_gguf_writer_add_string_list (writer, KEY ("merges"), (const char *const *) lines->pdata, lines->len);
  return TRUE;
}

/* --- SentencePiece --- */

/* How it writes spaces, in the ways of writing that down in a tokenizer.json. FALSE: in another one. */
static gboolean
find_space_prefix (SteerTokenizer *self, gboolean *prefix)
{
  static const struct
  {
    gboolean prepends;
    gboolean replaces;
    gboolean cuts; /* after the spaces, of which the normalizer has left none: Gemma's */
    gboolean has_mark;
    SteerPrependScheme scheme;
    gboolean prefix;
  } forms[] = {
    { TRUE, TRUE, FALSE, FALSE, STEER_PREPEND_NEVER, TRUE },  { FALSE, TRUE, FALSE, FALSE, STEER_PREPEND_NEVER, FALSE },
    { FALSE, TRUE, TRUE, FALSE, STEER_PREPEND_NEVER, FALSE }, { FALSE, FALSE, FALSE, TRUE, STEER_PREPEND_ALWAYS, TRUE },
    { FALSE, FALSE, FALSE, TRUE, STEER_PREPEND_FIRST, TRUE }, { FALSE, FALSE, FALSE, TRUE, STEER_PREPEND_NEVER, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      g_autoptr (SteerNormalizer) normalizer = steer_normalizer_new ();
      g_autoptr (SteerPretokenizer) pretokenizer = steer_pretokenizer_new ();

      if (forms[i].prepends)
        steer_normalizer_add_prepend (normalizer, SPACE_MARK);
      if (forms[i].replaces)
        steer_normalizer_add_replace (normalizer, " ", SPACE_MARK);
      if (forms[i].cuts)
        steer_pretokenizer_add_literal (pretokenizer, " ", STEER_SPLIT_MERGED_WITH_PREVIOUS, FALSE);
      if (forms[i].has_mark)
        steer_pretokenizer_add_metaspace (pretokenizer, SPACE_MARK, forms[i].scheme, FALSE);
      *prefix = forms[i].prefix;
      if (steer_normalizer_equal (normalizer, self->normalizer)
          && steer_pretokenizer_equal (pretokenizer, self->pretokenizer))
        return TRUE;
    }
  return FALSE;
}

/* SentencePiece numbers its pieces in the order of merging, and the score of one is minus its number; characters that
 * no merge makes come last. */
static void
write_scores (SteerTokenizer *self, SteerGgufWriter *writer, guint n_vocab)
{
  g_autoptr (GArray) merges = list_merges (self);
  g_autofree float *scores = g_new0 (float, n_vocab);

  for (guint id = 0; id < n_vocab; id++)
    scores[id] = -(float) (merges->len + id);
  for (guint i = merges->len; i-- > 0;)
    scores[g_array_index (merges, SteerMerge, i).merged] = -(float) i;
  steer_gguf_writer_add_float_list (writer, KEY ("scores"), scores, n_vocab);
}

static gboolean
write_sentencepiece (SteerTokenizer *self, SteerGgufWriter *writer, guint n_vocab, const char *name, GError **error)
{
  gboolean prefix;

  if (!self->bpe.byte_fallback || self->bpe.ignore_merges || !find_space_prefix (self, &prefix))
    return fail (error, STEER_TEXT_ERROR_UNSUPPORTED, name,
                 "GGUF has no name for this kind of tokenizer, which is neither byte-level nor SentencePiece");
  steer_gguf_writer_add_string (writer, KEY ("model"), "llama");
  steer_gguf_writer_add_string (writer, KEY ("pre"), "default");
  steer_gguf_writer_add_bool (writer, KEY ("add_space_prefix"), prefix);
  write_scores (self, writer, n_vocab);
  return TRUE;
}

gboolean
steer_tokenizer_write_gguf (SteerTokenizer *self,
                            SteerGgufWriter *writer,
                            guint n_vocab,
                            const char *name,
                            GError **error)
{
  g_return_val_if_fail (STEER_IS_TOKENIZER (self) && writer != NULL, FALSE);

  if (steer_tokenizer_get_n_tokens (self) > n_vocab)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID,
                   "%s: the tokenizer has %u tokens, but the model's embedding has %u rows", name,
                   steer_tokenizer_get_n_tokens (self), n_vocab);
      return FALSE;
    }
  if (!(self->bpe.byte_level ? write_byte_level (self, writer, name, error)
                             : write_sentencepiece (self, writer, n_vocab, name, error)))
    return FALSE;
  write_tokens (self, writer, n_vocab);
  if (self->bpe.unknown >= 0)
    steer_gguf_writer_add_uint (writer, KEY ("unknown_token_id"), (guint32) self->bpe.unknown);
  steer_gguf_writer_add_bool (writer, KEY ("add_bos_token"), self->prefix->len > 0);
  steer_gguf_writer_add_bool (writer, KEY ("add_eos_token"), self->suffix->len > 0);
  return TRUE;
}
