/* `steer template`: JSON lines with messages to JSON lines with the prompt's text and ids. No weights are read. */
#include <string.h>
#include <unistd.h>

#include "steer-cli-messages.h"
#include "steer-cli-options.h"
#include "steer-cli-output.h"
#include "text/steer-tokenizer-gguf.h"

/* Output is collected up to this size while more input is at hand. */
#define OUTPUT_SIZE (64 * 1024)

static const SteerCliUsage usage = {
  .name = "template",
  .arguments = "[OPTION…] <LINES",
  .description
  = "Reads JSON lines {\"messages\": [{\"role\", \"content\"}, …], \"add_generation_prompt\", \"date_string\"} and "
    "writes\n"
    "for each a line {\"text\", \"ids\"}: the prompt as the model's chat template writes it, and its tokens. The last\n"
    "two members may be missing: no generation prompt, and the template's own date. A line that cannot be\n"
    "processed gives {\"error\": \"…\"}, and the exit status is then 1. The weights are not needed.",
  .examples
  = "  echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"add_generation_prompt\": true}' |\n"
    "    steer template --model DIR",
  .groups = STEER_CLI_GROUP_MODEL | STEER_CLI_GROUP_THINKING,
};

typedef struct
{
  SteerTokenizer *tokenizer;
  SteerChatTemplate *template;
  SteerOpening opening; /* of a generation prompt */
  GString *out;
  gboolean failed; /* one of the lines */
} Work;

static gboolean
render_line (Work *work, const char *json, gsize length, GError **error)
{
  g_auto (SteerCliMessages) messages = { 0 };
  g_autoptr (SteerRendering) rendering = NULL;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  if (!steer_cli_messages_parse (&messages, json, length, "JSON", error))
    return FALSE;
  rendering = steer_chat_template_render (
    work->template, (const SteerTurn *) (gpointer) messages.turns->data, messages.turns->len,
    messages.add_generation_prompt ? work->opening : STEER_OPENING_NONE, messages.date_string, error);
  if (rendering == NULL
      || !steer_tokenizer_encode_spans (work->tokenizer, rendering->text,
                                        (const SteerTextSpan *) (gpointer) rendering->spans->data,
                                        rendering->spans->len, STEER_ENCODE_DEFAULT, ids, error))
    return FALSE;

  g_string_append (work->out, "{\"text\":");
  steer_cli_append_json_string (work->out, rendering->text, strlen (rendering->text));
  g_string_append (work->out, ",\"ids\":[");
  for (guint i = 0; i < ids->len; i++)
    g_string_append_printf (work->out, i > 0 ? ",%d" : "%d", g_array_index (ids, gint32, i));
  g_string_append (work->out, "]}\n");
  return TRUE;
}

static gboolean
process_line (const char *json, gsize length, guint64 number, gboolean more, gpointer data)
{
  Work *work = data;
  g_autoptr (GError) error = NULL;

  if (!render_line (work, json, length, &error))
    {
      g_string_append (work->out, "{\"error\":");
      steer_cli_append_json_string (work->out, error->message, strlen (error->message));
      g_string_append (work->out, "}\n");
      steer_cli_note ("steer template: line %" G_GUINT64_FORMAT ": %s\n", number, error->message);
      work->failed = TRUE;
    }
  if (work->out->len >= OUTPUT_SIZE || !more)
    {
      steer_cli_write (work->out->str, work->out->len);
      g_string_truncate (work->out, 0);
    }
  return steer_cli_output_works ();
}

static SteerChatTemplate *
open_template (const SteerCliOptions *options, const char *model, GError **error)
{
  SteerTemplateFamily family;

  if (options->template != NULL && steer_template_family_from_name (options->template, &family))
    return steer_chat_template_new_for_family (family, NULL, NULL);
  return steer_chat_template_new_for_model (steer_cli_options_get_files (options, model), error);
}

SteerCliStatus
steer_cli_template (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *model = NULL;
  g_autoptr (SteerTokenizer) tokenizer = NULL;
  g_autoptr (SteerChatTemplate) template = NULL;
  SteerCliStatus status;
  Work work = { 0 };

  if (!steer_cli_options_parse (&options, &usage, NULL, argc, argv, &status))
    return status;
  if ((model = steer_cli_options_dup_model (&options, &error)) == NULL
      || (template = open_template (&options, model, &error)) == NULL
      || !steer_cli_options_check_thinking (&options, template, &error))
    return steer_cli_fail (usage.name, error);
  if ((tokenizer = steer_tokenizer_new_for_model (steer_cli_options_get_files (&options, model), &error)) == NULL)
    return steer_cli_fail (usage.name, error);

  work.tokenizer = tokenizer;
  work.template = template;
  work.opening = steer_cli_options_get_opening (&options);
  work.out = g_string_sized_new (OUTPUT_SIZE * 2);
  if (!steer_cli_each_line (STDIN_FILENO, process_line, &work, &error))
    {
      steer_cli_fail (usage.name, error);
      work.failed = TRUE;
    }
  steer_cli_write (work.out->str, work.out->len);
  g_string_free (work.out, TRUE);
  return work.failed || !steer_cli_output_works () ? STEER_CLI_FAILED : STEER_CLI_OK;
}
