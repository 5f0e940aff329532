#include "steer-tokenizer-vocab.h"

#include "steer-regex.h"
#include "steer-tokenizer-private.h"
#include "steer-unicode.h"

#include <math.h>
#include <string.h>

#define SPACE_MARK "\342\226\201"

/* Mistral Nemo's pattern, which GGUF calls tekken. */
#define TEKKEN                                                                                                         \
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|"                         \
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|"                         \
  "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* DeepSeek's patterns, which are applied one after the other. */
#define LINE_ENDS "[\\r\\n]"
#define EAST_ASIAN "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"
#define DEEPSEEK_MARKS "[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+"

static gboolean G_GNUC_PRINTF (3, 4) fail (GError **error, const char *name, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, "%s: %s", name, what);
  return FALSE;
}

static SteerTokenType
get_type (const SteerVocabOptions *options, guint id)
{
  return options->types != NULL ? (SteerTokenType) options->types[id] : STEER_TOKEN_NORMAL;
}

static gboolean
add_tokens (SteerTokenizer *tokenizer, const SteerVocabOptions *options, const char *name, GError **error)
{
  for (guint id = 0; id < options->n_tokens; id++)
    {
      const char *content = options->tokens[id];
      gsize length = strlen (content);

      if (!g_utf8_validate (content, (gssize) length, NULL))
        return fail (error, name, "the token %u is not valid UTF-8", id);
      /* converted files have been seen to repeat fillers: the first is the one that is found */
      if (steer_string_table_find (&tokenizer->contents, content, length) >= 0)
        {
          if (!steer_string_table_add_hidden (&tokenizer->contents, id, content, length))
            return fail (error, name, "the vocabulary of %u tokens is too large", options->n_tokens);
        }
      else if (!steer_tokenizer_add_token (tokenizer, id, content, length, name, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
fail_merge (GError **error, const char *name, guint rank, const char *merge, const char *what)
{
  g_autofree char *excerpt = steer_utf8_excerpt (merge, strlen (merge));

  return fail (error, name, "merge %u, \"%s\", %s", rank, excerpt, what);
}

static gboolean
add_merges (SteerTokenizer *tokenizer, const SteerVocabOptions *options, const char *name, GError **error)
{
  g_autoptr (GString) joined = g_string_new (NULL);

  if (!steer_bpe_reserve_merges (&tokenizer->bpe, options->n_merges))
    return fail (error, name, "there is not enough memory for %u merges", options->n_merges);
  for (guint rank = 0; rank < options->n_merges; rank++)
    {
      const char *merge = options->merges[rank];
      const char *space = strchr (merge, ' ');
      gint32 left, right, merged;

      if (space == NULL)
        return fail_merge (error, name, rank, merge, "is not two tokens with a space between");
      g_string_assign (joined, merge);
      g_string_erase (joined, space - merge, 1);
      left = steer_string_table_find (&tokenizer->contents, merge, (gsize) (space - merge));
      right = steer_string_table_find (&tokenizer->contents, space + 1, strlen (space + 1));
      merged = steer_string_table_find (&tokenizer->contents, joined->str, joined->len);
      if (left < 0 || right < 0 || merged < 0)
        return fail_merge (error, name, rank, merge, "needs a token that the vocabulary lacks");
      if (!steer_bpe_add_merge (&tokenizer->bpe, (guint32) left, (guint32) right, rank, (guint32) merged))
        return fail (error, name, "there is not enough memory for %u merges", options->n_merges);
    }
  return TRUE;
}

/* A way to cut words, as tokenizer.ggml.pre names it. */
typedef struct
{
  const char *names[6];    /* several models cut alike; NULL-terminated */
  SteerSplitKind split;    /* STEER_N_SPLITS: the patterns, one after the other */
  const char *patterns[6]; /* NULL-terminated */
  gboolean ignore_merges;
  gboolean digits;      /* digit by digit, before anything else */
  gboolean digits_last; /* or after all */
  gboolean composes;    /* text is brought into NFC */
  gboolean begins_with_bos;
} Pre;

static const Pre pres[] = {
  { .names = { "gpt-2", "default", "gpt2", "phi-2" }, .split = STEER_SPLIT_GPT2 },
  { .names = { "llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral" },
    .split = STEER_SPLIT_LLAMA3,
    .ignore_merges = TRUE,
    .begins_with_bos = TRUE },
  { .names = { "smaug-bpe", "dbrx" }, .split = STEER_SPLIT_LLAMA3 },
  { .names = { "qwen2", "deepseek-r1-qwen", "megrez" }, .split = STEER_SPLIT_QWEN2, .composes = TRUE },
  { .names = { "smollm", "starcoder", "refact", "codeshell", "minerva-7b" },
    .split = STEER_SPLIT_GPT2,
    .digits = TRUE },
  { .names = { "tekken" },
    .split = STEER_N_SPLITS,
    .patterns = { TEKKEN },
    .ignore_merges = TRUE,
    .begins_with_bos = TRUE },
  { .names = { "deepseek-llm" },
    .split = STEER_N_SPLITS,
    .patterns = { LINE_ENDS, "\\s?[\\p{Lu}\\p{Ll}\\p{Lt}]+", "\\s?" DEEPSEEK_MARKS, "\\s+$", EAST_ASIAN },
    .digits_last = TRUE },
  { .names = { "deepseek-coder" },
    .split = STEER_N_SPLITS,
    .patterns = { LINE_ENDS, "\\s?\\p{L}+", "\\s?\\p{P}+", EAST_ASIAN },
    .digits_last = TRUE },
};

static const Pre *
find_pre (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (pres); i++)
    if (g_strv_contains (pres[i].names, name))
      return &pres[i];
  return NULL;
}

gboolean
steer_vocab_pre_begins_with_bos (const char *name)
{
  const Pre *pre = name != NULL ? find_pre (name) : NULL;

  return pre != NULL && pre->begins_with_bos;
}

static gboolean
fill_pre (const Pre *pre,
          SteerNormalizer *normalizer,
          SteerPretokenizer *pretokenizer,
          const char *name,
          GError **error)
{
  if (pre->composes)
    steer_normalizer_add_form (normalizer, G_NORMALIZE_NFC);
  if (pre->digits)
    steer_pretokenizer_add_digits (pretokenizer, TRUE);
  if (pre->split != STEER_N_SPLITS)
    steer_pretokenizer_add_scan (pretokenizer, pre->split);
  for (const char *const *pattern = pre->patterns; *pattern != NULL; pattern++)
    {
      GRegex *regex = steer_regex_new (*pattern, name, error);

      if (regex == NULL)
        return FALSE;
      steer_pretokenizer_add_regex (pretokenizer, regex, STEER_SPLIT_ISOLATED, FALSE);
    }
  if (pre->digits_last)
    steer_pretokenizer_add_digits (pretokenizer, TRUE);
  return TRUE;
}

static gboolean
set_pre (SteerTokenizer *tokenizer, const char *name_of_pre, const char *name, GError **error)
{
  const Pre *pre = find_pre (name_of_pre);

  if (pre == NULL)
    {
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_UNSUPPORTED,
                   "%s: the pre-tokenizer \"%s\" is not known; this program knows those of Llama 3, GPT-2, Qwen2, "
                   "SmolLM, Mistral Nemo and DeepSeek",
                   name, name_of_pre);
      return FALSE;
    }
  tokenizer->bpe.ignore_merges = pre->ignore_merges;
  return fill_pre (pre, tokenizer->normalizer, tokenizer->pretokenizer, name, error);
}

const char *
steer_vocab_find_pre (SteerTokenizer *tokenizer)
{
  for (guint i = 0; i < G_N_ELEMENTS (pres); i++)
    {
      g_autoptr (SteerNormalizer) normalizer = steer_normalizer_new ();
      g_autoptr (SteerPretokenizer) pretokenizer = steer_pretokenizer_new ();

      if (pres[i].ignore_merges == tokenizer->bpe.ignore_merges
          && fill_pre (&pres[i], normalizer, pretokenizer, "", NULL)
          && steer_normalizer_equal (normalizer, tokenizer->normalizer)
          && steer_pretokenizer_equal (pretokenizer, tokenizer->pretokenizer))
        return pres[i].names[0];
    }
  return NULL;
}

/* --- SentencePiece --- */

static gint
compare_scores (gconstpointer left, gconstpointer right, gpointer user_data)
{
  const float *scores = user_data;
  float a = scores[*(const guint32 *) left];
  float b = scores[*(const guint32 *) right];

  return (a < b) - (a > b);
}

/* Ranks of the tokens that may come out of a merge: the best score is 0, equal ones share a rank. */
static gboolean
rank_scores (SteerTokenizer *tokenizer, const SteerVocabOptions *options, const char *name, GError **error)
{
  guint n = options->n_tokens;
  g_autofree float *scores = g_try_new (float, MAX (n, 1)); /* [n_tokens] without NaN, which has no order */
  g_autofree guint32 *order = g_try_new (guint32, MAX (n, 1));

  tokenizer->bpe.score_ranks = g_try_new (guint32, MAX (n, 1));
  if (scores == NULL || order == NULL || tokenizer->bpe.score_ranks == NULL)
    return fail (error, name, "there is not enough memory for %u scores", n);
  for (guint i = 0; i < n; i++)
    {
      scores[i] = isnan (options->scores[i]) ? -G_MAXFLOAT : options->scores[i];
      order[i] = i;
    }
  g_qsort_with_data (order, (gint) n, sizeof *order, compare_scores, scores);
  for (guint i = 0, rank = 0; i < n; i++)
    {
      if (i > 0 && scores[order[i]] != scores[order[i - 1]])
        rank = i;
      tokenizer->bpe.score_ranks[order[i]] = get_type (options, order[i]) == STEER_TOKEN_NORMAL ? rank : G_MAXUINT32;
    }
  return TRUE;
}

static gboolean
set_sentencepiece (SteerTokenizer *tokenizer, const SteerVocabOptions *options, const char *name, GError **error)
{
  if (options->scores == NULL)
    return fail (error, name, "a SentencePiece vocabulary needs scores");
  if (options->add_space_prefix)
    steer_normalizer_add_prepend (tokenizer->normalizer, SPACE_MARK);
  steer_normalizer_add_replace (tokenizer->normalizer, " ", SPACE_MARK);
  tokenizer->bpe.byte_fallback = TRUE;
  tokenizer->bpe.fuse_unknown = TRUE;
  steer_decoder_add_replace (tokenizer->decoder, SPACE_MARK, NULL, " ");
  steer_decoder_add_byte_fallback (tokenizer->decoder);
  steer_decoder_add_fuse (tokenizer->decoder);
  if (options->add_space_prefix)
    steer_decoder_add_strip (tokenizer->decoder, ' ', 1, 0);
  return rank_scores (tokenizer, options, name, error);
}

/* --- the whole --- */

static gboolean
check_id (const SteerVocabOptions *options, gint32 id, const char *what, const char *name, GError **error)
{
  if (id >= -1 && (id < 0 || (guint) id < options->n_tokens))
    return TRUE;
  return fail (error, name, "the %s id %d is not one of the %u tokens", what, id, options->n_tokens);
}

/* The tokens that are found in text as wholes. */
static GArray *
collect_added (const SteerVocabOptions *options)
{
  GArray *added = g_array_new (FALSE, FALSE, sizeof (SteerAddedEntry));

  for (guint id = 0; id < options->n_tokens; id++)
    {
      SteerTokenType type = get_type (options, id);
      SteerAddedEntry entry = { .id = (gint32) id, .outside = TRUE };

      if (type != STEER_TOKEN_CONTROL && type != STEER_TOKEN_UNKNOWN && type != STEER_TOKEN_USER_DEFINED)
        continue;
      entry.content = (char *) options->tokens[id];
      entry.length = strlen (options->tokens[id]);
      entry.special = type != STEER_TOKEN_USER_DEFINED;
      g_array_append_val (added, entry);
    }
  return added;
}

SteerTokenizer *
steer_tokenizer_new_from_vocab (const SteerVocabOptions *options, const char *name, GError **error)
{
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  g_autoptr (GArray) added = NULL;
  gboolean byte_level;

  g_return_val_if_fail (options != NULL && name != NULL, NULL);
  g_return_val_if_fail (options->tokens != NULL || options->n_tokens == 0, NULL);

  byte_level = options->model == STEER_VOCAB_BYTE_LEVEL;
  tokenizer = steer_tokenizer_new_empty ();
  if (!check_id (options, options->bos, "BOS", name, error) || !check_id (options, options->eos, "EOS", name, error)
      || !check_id (options, options->unknown, "unknown token's", name, error)
      || !add_tokens (tokenizer, options, name, error))
    return NULL;
  tokenizer->bpe.unknown = options->unknown;
  if (byte_level)
    {
      if (!add_merges (tokenizer, options, name, error)
          || !set_pre (tokenizer, options->pre != NULL ? options->pre : "default", name, error))
        return NULL;
      steer_decoder_add_byte_level (tokenizer->decoder);
    }
  else if (!set_sentencepiece (tokenizer, options, name, error))
    return NULL;

  if (options->add_bos && options->bos >= 0)
    g_array_append_val (tokenizer->prefix, options->bos);
  if (options->add_eos && options->eos >= 0)
    g_array_append_val (tokenizer->suffix, options->eos);
  added = collect_added (options);
  if (!steer_tokenizer_finish (tokenizer, (const SteerAddedEntry *) (gpointer) added->data, added->len, byte_level,
                               name, error))
    return NULL;
  return g_steal_pointer (&tokenizer);
}
