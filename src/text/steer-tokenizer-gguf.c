/* Tokenizers of GGUF files. Reference for what silence means: llama.cpp, src/llama-vocab.cpp. */

#include "steer-tokenizer-gguf.h"

#include "steer-tokenizer-vocab.h"

#include <string.h>

#define KEY(name) "tokenizer.ggml." name

/* The lists of a file, as SteerVocabOptions wants them. */
typedef struct
{
  SteerArchive *archive;
  const char *name; /* of the file, for messages */
  SteerVocabOptions options;
  char *token_bytes;
  const char **tokens; /* [n_tokens] into token_bytes */
  char *merge_bytes;
  const char **merges; /* [n_merges] into merge_bytes */
  gint32 *types;
  float *scores;
} Reader;

static void
reader_clear (Reader *self)
{
  g_free (self->token_bytes);
  g_free (self->tokens);
  g_free (self->merge_bytes);
  g_free (self->merges);
  g_free (self->types);
  g_free (self->scores);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reader, reader_clear)

static gboolean G_GNUC_PRINTF (4, 5) fail (const Reader *self, int code, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TEXT_ERROR, code, "%s: %s", self->name, what);
  return FALSE;
}

static gboolean
has_key (const Reader *self, const char *key)
{
  return steer_archive_get_metadata (self->archive, key) != NULL;
}

/* The strings of a list with a NUL after each, all in one block of memory. */
static gboolean
read_strings (const Reader *self, const char *key, char **bytes, const char ***strings, guint *n, GError **error)
{
  gsize n_found, size = 0;
  g_autofree SteerArchiveString *found = steer_archive_get_string_array (self->archive, key, &n_found);
  char *to;

  if (found == NULL)
    return fail (self, STEER_TEXT_ERROR_INVALID, error, "the key \"%s\" is %s", key,
                 has_key (self, key) ? "not a list of strings" : "missing");
  if (n_found > G_MAXINT32)
    return fail (self, STEER_TEXT_ERROR_INVALID, error, "the list \"%s\" is too long", key);
  /* the strings lie in a mapped file, so their sizes cannot overflow */
  for (gsize i = 0; i < n_found; i++)
    size += found[i].length + 1;
  to = *bytes = g_try_malloc (MAX (size, 1));
  *strings = g_try_new (const char *, MAX (n_found, 1));
  if (*bytes == NULL || *strings == NULL)
    return fail (self, STEER_TEXT_ERROR_INVALID, error, "there is not enough memory for the list \"%s\"", key);
  for (gsize i = 0; i < n_found; i++)
    {
      (*strings)[i] = to;
      memcpy (to, found[i].bytes, found[i].length);
      to[found[i].length] = '\0';
      to += found[i].length + 1;
    }
  *n = (guint) n_found;
  return TRUE;
}

static gboolean
read_types (Reader *self, GError **error)
{
  gsize n;
  g_autofree gint64 *found = NULL;

  if (!has_key (self, KEY ("token_type")))
    return TRUE;
  found = steer_archive_get_int_array (self->archive, KEY ("token_type"), &n);
  if (found == NULL || n != self->options.n_tokens)
    return fail (self, STEER_TEXT_ERROR_INVALID, error, "the key \"" KEY ("token_type") "\" is not one number a token");
  self->types = g_try_new (gint32, MAX (n, 1));
  if (self->types == NULL)
    return fail (self, STEER_TEXT_ERROR_INVALID, error, "there is not enough memory for the types of the tokens");
  for (gsize i = 0; i < n; i++)
    self->types[i]
      = found[i] >= STEER_TOKEN_NORMAL && found[i] <= STEER_TOKEN_BYTE ? (gint32) found[i] : STEER_TOKEN_NORMAL;
  self->options.types = self->types;
  return TRUE;
}

static gboolean
read_scores (Reader *self, GError **error)
{
  gsize n;
  g_autofree double *found = steer_archive_get_double_array (self->archive, KEY ("scores"), &n);

  if (found == NULL || n != self->options.n_tokens)
    return fail (self, STEER_TEXT_ERROR_INVALID, error, "the key \"" KEY ("scores") "\" is not one number a token");
  self->scores = g_try_new (float, MAX (n, 1));
  if (self->scores == NULL)
    return fail (self, STEER_TEXT_ERROR_INVALID, error, "there is not enough memory for the scores of the tokens");
  for (gsize i = 0; i < n; i++)
    self->scores[i] = (float) found[i];
  self->options.scores = self->scores;
  return TRUE;
}

/* An id that is no token stands for none: converters write such for models without one. */
static gint32
read_id (const Reader *self, const char *key, gint32 fallback)
{
  guint64 id;

  if (!has_key (self, key))
    return fallback >= 0 && (guint) fallback < self->options.n_tokens ? fallback : -1;
  return steer_archive_get_uint (self->archive, key, &id) && id < self->options.n_tokens ? (gint32) id : -1;
}

static gboolean
read_flag (const Reader *self, const char *key, gboolean fallback)
{
  gboolean flag = fallback;

  steer_archive_get_bool (self->archive, key, &flag);
  return flag;
}

static gboolean
read_sentencepiece (Reader *self, GError **error)
{
  SteerVocabOptions *options = &self->options;

  options->model = STEER_VOCAB_SENTENCEPIECE;
  options->unknown = read_id (self, KEY ("unknown_token_id"), 0);
  options->bos = read_id (self, KEY ("bos_token_id"), 1);
  options->eos = read_id (self, KEY ("eos_token_id"), 2);
  options->add_space_prefix = read_flag (self, KEY ("add_space_prefix"), TRUE);
  options->add_bos = read_flag (self, KEY ("add_bos_token"), TRUE);
  options->add_eos = read_flag (self, KEY ("add_eos_token"), FALSE);
  return read_scores (self, error);
}

static gboolean
read_byte_level (Reader *self, GError **error)
{
  SteerVocabOptions *options = &self->options;

  options->model = STEER_VOCAB_BYTE_LEVEL;
  options->pre = steer_archive_get_string (self->archive, KEY ("pre"));
  options->unknown = read_id (self, KEY ("unknown_token_id"), -1);
  options->bos = read_id (self, KEY ("bos_token_id"), -1);
  options->eos = read_id (self, KEY ("eos_token_id"), -1);
  options->add_bos = read_flag (self, KEY ("add_bos_token"), steer_vocab_pre_begins_with_bos (options->pre));
  options->add_eos = read_flag (self, KEY ("add_eos_token"), FALSE);
  if (!read_strings (self, KEY ("merges"), &self->merge_bytes, &self->merges, &options->n_merges, error))
    return FALSE;
  options->merges = self->merges;
  return TRUE;
}

SteerTokenizer *
steer_tokenizer_new_from_archive (SteerArchive *archive, GError **error)
{
  g_auto (Reader) self = { .archive = archive, .options = STEER_VOCAB_OPTIONS_INIT };
  g_autofree char *display = NULL;
  const char *model;

  g_return_val_if_fail (STEER_IS_ARCHIVE (archive), NULL);

  self.name = display = g_filename_display_name (steer_archive_get_path (archive));
  model = steer_archive_get_string (archive, KEY ("model"));
  if (model == NULL || g_str_equal (model, "no_vocab") || g_str_equal (model, "none"))
    {
      fail (&self, STEER_TEXT_ERROR_NOT_FOUND, error,
            "the file has no tokenizer: give token ids instead of text, or convert the model again with its tokenizer");
      return NULL;
    }
  if (!g_str_equal (model, "llama") && !g_str_equal (model, "gpt2"))
    {
      fail (&self, STEER_TEXT_ERROR_UNSUPPORTED, error,
            "the tokenizer \"%s\" is not supported; supported are llama and gpt2", model);
      return NULL;
    }
  if (!read_strings (&self, KEY ("tokens"), &self.token_bytes, &self.tokens, &self.options.n_tokens, error))
    return NULL;
  self.options.tokens = self.tokens;
  if (!read_types (&self, error)
      || !(g_str_equal (model, "llama") ? read_sentencepiece (&self, error) : read_byte_level (&self, error)))
    return NULL;
  return steer_tokenizer_new_from_vocab (&self.options, self.name, error);
}

SteerTokenizer *
steer_tokenizer_new_for_model (const char *path, GError **error)
{
  g_autoptr (SteerArchive) archive = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    {
      g_autofree char *json = g_build_filename (path, "tokenizer.json", NULL);

      if (g_file_test (json, G_FILE_TEST_EXISTS))
        return steer_tokenizer_new_from_file (json, error);
      g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_NOT_FOUND,
                   "%s has no tokenizer.json: copy it from where the model was published, or give token ids instead of "
                   "text",
                   path);
      return NULL;
    }
  if (g_str_has_suffix (path, ".json"))
    return steer_tokenizer_new_from_file (path, error);
  archive = steer_archive_open (path, NULL, error);
  return archive != NULL ? steer_tokenizer_new_from_archive (archive, error) : NULL;
}
