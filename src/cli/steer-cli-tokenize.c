/* `steer tokenize`: JSON lines with text to JSON lines with ids, and back. Only tokenizer.json is read. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "steer-cli-messages.h"
#include "steer-cli-options.h"
#include "steer-cli-output.h"
#include "text/steer-tokenizer-gguf.h"
#include "text/steer-detokenizer.h"

/* Output is collected up to this size while more input is at hand. */
#define OUTPUT_SIZE (64 * 1024)

static gboolean decode;
static gboolean add_bos;
static gboolean parse_special;
static gboolean skip_special;

static const GOptionEntry entries[] = {
  { "decode", 0, 0, G_OPTION_ARG_NONE, &decode, "From {\"ids\": [1, 2]} to {\"text\": \"…\"}", NULL },
  { "bos", 0, 0, G_OPTION_ARG_NONE, &add_bos, "Begin as the tokenizer begins a text of its own", NULL },
  { "special", 0, 0, G_OPTION_ARG_NONE, &parse_special, "Read special tokens in the text as such", NULL },
  { "skip-special", 0, 0, G_OPTION_ARG_NONE, &skip_special, "With --decode: leave special tokens out", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "tokenize",
  .arguments = "[OPTION…] <LINES",
  .description
  = "Reads JSON lines {\"text\": \"…\"} and writes for each a line {\"ids\": [1, 2, 3]}; other members are "
    "ignored.\nWith --decode, the other way round. A line that cannot be processed gives "
    "{\"error\": \"…\"}, and the exit\nstatus is then 1. The weights are not needed: a folder with "
    "tokenizer.json is enough.",
  .examples = "  echo '{\"text\": \"Hello world\"}' | steer tokenize --model DIR\n"
              "  echo '{\"ids\": [9906, 1917]}' | steer tokenize --model DIR --decode",
  .groups = STEER_CLI_GROUP_MODEL,
};

typedef struct
{
  SteerTokenizer *tokenizer;
  GArray *ids;   /* gint32: scratch */
  GString *text; /* scratch */
  GString *out;
  gboolean failed; /* one of the lines */
} Work;

G_GNUC_PRINTF (3, 4)
static gboolean
complain (GError **error, SteerJsonScanner *scanner, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, STEER_TEXT_ERROR, STEER_TEXT_ERROR_INVALID, "byte %zu: %s",
               steer_json_scanner_get_offset (scanner), message);
  return FALSE;
}

static gboolean
read_ids (SteerJsonScanner *scanner, Work *work, GError **error)
{
  SteerJsonToken token = steer_json_scanner_next (scanner, error);

  if (token != STEER_JSON_ARRAY_BEGIN)
    return token == STEER_JSON_ERROR ? FALSE : complain (error, scanner, "\"ids\" must be an array");
  g_array_set_size (work->ids, 0);
  while ((token = steer_json_scanner_next (scanner, error)) == STEER_JSON_NUMBER)
    {
      gint64 id;
      gint32 narrow;

      if (!steer_json_scanner_get_int64 (scanner, &id) || id < 0 || id > G_MAXINT32)
        return complain (error, scanner, "a token id is a whole number from 0 on");
      narrow = (gint32) id;
      g_array_append_val (work->ids, narrow);
    }
  if (token == STEER_JSON_ERROR)
    return FALSE;
  return token == STEER_JSON_ARRAY_END || complain (error, scanner, "\"ids\" must hold numbers");
}

static gboolean
read_text (SteerJsonScanner *scanner, Work *work, GError **error)
{
  SteerJsonToken token = steer_json_scanner_next (scanner, error);
  const char *string;
  gsize length;

  if (token != STEER_JSON_STRING)
    return token == STEER_JSON_ERROR ? FALSE : complain (error, scanner, "\"text\" must be a string");
  string = steer_json_scanner_get_string (scanner, &length);
  g_string_truncate (work->text, 0);
  g_string_append_len (work->text, string, (gssize) length);
  return TRUE;
}

/* Finds the one member that counts and leaves its value in @work. */
static gboolean
read_line (const char *json, gsize length, Work *work, GError **error)
{
  const char *wanted = decode ? "ids" : "text";
  g_autoptr (SteerJsonScanner) scanner = steer_json_scanner_new (json, length, "JSON");
  SteerJsonToken token = steer_json_scanner_next (scanner, error);
  gboolean found = FALSE;

  if (token != STEER_JSON_OBJECT_BEGIN)
    return token == STEER_JSON_ERROR ? FALSE : complain (error, scanner, "a line must be an object");
  while ((token = steer_json_scanner_next (scanner, error)) == STEER_JSON_KEY)
    {
      if (strcmp (steer_json_scanner_get_string (scanner, NULL), wanted) != 0)
        {
          if (!steer_json_scanner_skip (scanner, error))
            return FALSE;
          continue;
        }
      if (!(decode ? read_ids (scanner, work, error) : read_text (scanner, work, error)))
        return FALSE;
      found = TRUE;
    }
  if (token == STEER_JSON_ERROR || steer_json_scanner_next (scanner, error) == STEER_JSON_ERROR)
    return FALSE;
  return found || complain (error, scanner, "there is no \"%s\"", wanted);
}

/* By way of the streaming decoder, whose text may hold NUL. */
static gboolean
decode_ids (Work *work, GError **error)
{
  g_autoptr (SteerDetokenizer) detokenizer = steer_detokenizer_new (work->tokenizer, skip_special);

  g_string_truncate (work->text, 0);
  for (guint i = 0; i < work->ids->len; i++)
    {
      if (!steer_detokenizer_push (detokenizer, g_array_index (work->ids, gint32, i), work->text, error))
        return FALSE;
    }
  steer_detokenizer_finish (detokenizer, work->text);
  g_string_append (work->out, "{\"text\":");
  steer_cli_append_json_string (work->out, work->text->str, work->text->len);
  return TRUE;
}

static gboolean
encode_text (Work *work, GError **error)
{
  SteerEncodeFlags flags
    = (add_bos ? STEER_ENCODE_ADD_BOS : 0) | (parse_special ? STEER_ENCODE_PARSE_SPECIAL : STEER_ENCODE_DEFAULT);

  g_array_set_size (work->ids, 0);
  if (!steer_tokenizer_encode (work->tokenizer, work->text->str, work->text->len, flags, work->ids, error))
    return FALSE;
  g_string_append (work->out, "{\"ids\":[");
  for (guint i = 0; i < work->ids->len; i++)
    g_string_append_printf (work->out, i > 0 ? ",%d" : "%d", g_array_index (work->ids, gint32, i));
  g_string_append_c (work->out, ']');
  return TRUE;
}

static gboolean
process_line (const char *json, gsize length, guint64 number, gboolean more, gpointer data)
{
  Work *work = data;
  g_autoptr (GError) error = NULL;
  gsize before = work->out->len;

  if (!read_line (json, length, work, &error) || !(decode ? decode_ids (work, &error) : encode_text (work, &error)))
    {
      g_string_truncate (work->out, before);
      g_string_append (work->out, "{\"error\":");
      steer_cli_append_json_string (work->out, error->message, strlen (error->message));
      steer_cli_note ("steer tokenize: line %" G_GUINT64_FORMAT ": %s\n", number, error->message);
      work->failed = TRUE;
    }
  g_string_append (work->out, "}\n");
  if (work->out->len >= OUTPUT_SIZE || !more)
    {
      steer_cli_write (work->out->str, work->out->len);
      g_string_truncate (work->out, 0);
    }
  return steer_cli_output_works ();
}

SteerCliStatus
steer_cli_tokenize (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  SteerCliStatus status;
  Work work = { 0 };

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if ((model = steer_cli_options_dup_model (&options, &error)) == NULL)
    return steer_cli_fail (usage.name, error);
  tokenizer = steer_tokenizer_new_for_model (steer_cli_options_get_files (&options, model), &error);
  if (tokenizer == NULL)
    return steer_cli_fail (usage.name, error);

  work.tokenizer = tokenizer;
  work.ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  work.text = g_string_new (NULL);
  work.out = g_string_sized_new (OUTPUT_SIZE * 2);
  if (!steer_cli_each_line (STDIN_FILENO, process_line, &work, &error))
    {
      steer_cli_fail (usage.name, error);
      work.failed = TRUE;
    }
  steer_cli_write (work.out->str, work.out->len);
  g_array_unref (work.ids);
  g_string_free (work.text, TRUE);
  g_string_free (work.out, TRUE);
  return work.failed || !steer_cli_output_works () ? STEER_CLI_FAILED : STEER_CLI_OK;
}
