/* `steer quantize`: a model as a GGUF file. */
#include <string.h>
#include <unistd.h>

#include "model/steer-gguf-export.h"
#include "steer-cli-options.h"
#include "steer-cli-output.h"
#include "steer-cli-thread.h"
#include "text/steer-tokenizer-gguf.h"

static char *type_name;
static char *output;
static int n_threads;

static const GOptionEntry entries[] = {
  { "type", 't', 0, G_OPTION_ARG_STRING, &type_name, "What the weights become: f32, f16, bf16, q8_0, q4_0 or q4_k_m",
    "TYPE" },
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "The file to write", "FILE.gguf" },
  { "threads", 0, 0, G_OPTION_ARG_INT, &n_threads, "Threads; without it, one a processor", "N" },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "quantize",
  .arguments = "[OPTION…] MODEL --type TYPE -o FILE.gguf",
  .description
  = "Writes a model, a Hugging Face folder or a GGUF file, as a GGUF file with weights of another type: with its\n"
    "hyper-parameters, tokenizer and chat template, so that this program, llama.cpp and others open it.\n"
    "q8_0 halves a bf16 model at no loss that is felt; q4_k_m makes it a third, q4_0 a little less and worse. A file\n"
    "that exists is replaced once the new one is whole.",
  .examples = "  steer quantize ~/models/Llama-3.1-8B-Instruct --type q4_k_m -o llama-3.1-8b-q4_k_m.gguf",
  .max_arguments = 1,
};

typedef struct
{
  const char *path;
  SteerExportType type;
  int shown; /* per cent */
  guint64 size;
} Quantization;

static void
on_progress (double fraction, gpointer data)
{
  Quantization *self = data;
  int percent = (int) (fraction * 100.0);

  if (percent == self->shown || !isatty (STDERR_FILENO))
    return;
  self->shown = percent;
  steer_cli_note ("\r%d %%%s", percent, percent == 100 ? "\n" : "");
}

/* The end that the model's own tokenizer names is that of a turn; the configuration may list others first. */
static gint32
find_eos (const SteerModelConfig *config, SteerTokenizer *tokenizer, const char *content)
{
  gint32 id = content != NULL ? steer_tokenizer_find (tokenizer, content) : -1;

  return id >= 0 || config->n_eos_ids == 0 ? id : config->eos_ids[0];
}

/* A folder's tokenizer and template. A model that has none becomes a file that has none. */
static gboolean
add_text (const Quantization *self, SteerModel *model, SteerGgufWriter *writer, GError **error)
{
  const SteerModelConfig *config = steer_model_get_config (model);
  g_auto (SteerTemplateFiles) files = { 0 };
  g_autoptr (GError) local = NULL;
  g_autoptr (SteerTokenizer) tokenizer = steer_tokenizer_new_for_model (self->path, &local);
  gint32 eos;

  if (tokenizer == NULL && g_error_matches (local, STEER_TEXT_ERROR, STEER_TEXT_ERROR_NOT_FOUND))
    {
      steer_cli_note ("steer quantize: %s\n", local->message);
      return TRUE;
    }
  if (tokenizer == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (!steer_template_files_read (&files, self->path, error)
      || !steer_tokenizer_write_gguf (tokenizer, writer, config->n_vocab, self->path, error))
    return FALSE;
  eos = find_eos (config, tokenizer, files.eos);
  if (eos >= 0)
    steer_gguf_writer_add_uint (writer, "tokenizer.ggml.eos_token_id", (guint32) eos);
  if (files.source != NULL)
    steer_gguf_writer_add_string (writer, "tokenizer.chat_template", files.source);
  return TRUE;
}

static gboolean
quantize (gpointer data, GCancellable *cancellable, GError **error)
{
  Quantization *self = data;
  g_autoptr (SteerModel) model = steer_model_open (self->path, cancellable, error);
  g_autoptr (SteerGgufWriter) writer = steer_gguf_writer_new (output);

  if (model == NULL || (g_file_test (self->path, G_FILE_TEST_IS_DIR) && !add_text (self, model, writer, error))
      || !steer_model_export_gguf (model, self->type, writer, (guint) n_threads, on_progress, self, cancellable, error))
    return FALSE;
  self->size = steer_gguf_writer_get_size (writer);
  return TRUE;
}

static gboolean
check_options (const SteerCliOptions *options, Quantization *self, GError **error)
{
  const char *lacks = NULL;

  if (options->n_arguments == 0)
    lacks = "name a model, a folder or a GGUF file";
  else if (type_name == NULL)
    lacks = "say what the weights become, with --type q8_0, q4_0, q4_k_m, f16, bf16 or f32";
  else if (!steer_export_type_from_name (type_name, &self->type))
    lacks = "--type is one of q8_0, q4_0, q4_k_m, f16, bf16 and f32";
  else if (output == NULL)
    lacks = "name the file to write with -o";
  else if (n_threads < 0)
    lacks = "--threads is a number from 1 on";
  if (lacks == NULL)
    return TRUE;
  g_set_error_literal (error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, lacks);
  return FALSE;
}

SteerCliStatus
steer_cli_quantize (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *size = NULL;
  Quantization self = { .shown = -1 };
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (!check_options (&options, &self, &error))
    return steer_cli_fail (usage.name, error);
  self.path = options.arguments[0];
  if (!steer_cli_run_in_thread (quantize, &self, &error))
    return steer_cli_fail (usage.name, error);
  size = g_format_size_full (self.size, G_FORMAT_SIZE_IEC_UNITS);
  return steer_cli_print ("%s: %s, %s\n", output, steer_export_type_get_name (self.type), size) ? STEER_CLI_OK
                                                                                                : STEER_CLI_FAILED;
}
