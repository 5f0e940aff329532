/* `steer info`: what a file or a folder is, and what it lacks. */
#include "steer-cli-info.h"

#include <string.h>

#include "steer-cli-options.h"
#include "steer-cli-output.h"
#include "model/steer-json-config.h"
#include "remote/steer-remote-address.h"
#include "steering/steer-sae.h"
#include "text/steer-tokenizer-gguf.h"

static gboolean as_json;
static gboolean all_tensors;

static const GOptionEntry entries[] = {
  { "tensors", 0, 0, G_OPTION_ARG_NONE, &all_tensors, "One line for each tensor", NULL },
  { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "One JSON object instead of text, with every tensor", NULL },
  { 0 },
};

static const SteerCliUsage usage = {
  .name = "info",
  .arguments = "[OPTION…] PATH",
  .description
  = "Tells what PATH is: a model's folder or GGUF file (its kind, tokenizer, chat template, tensors, and what it\n"
    "lacks), a file of tensors, a source of steering vectors (a library, an SAE, a control vector), a preset, or a\n"
    "tokenizer.json. Weights are not read. PATH may also be ssh://[USER@]HOST, another computer, which is then asked\n"
    "for its devices and models, or a model there.",
  .examples = "  steer info ~/models/Llama-3.1-8B-Instruct\n  steer info --json vectors.safetensors\n"
              "  steer info ssh://big.example.org",
  .max_arguments = 1,
};

void
steer_cli_info_clear (SteerCliInfo *self)
{
  g_clear_object (&self->elsewhere);
  g_clear_object (&self->archive);
  g_clear_object (&self->tokenizer);
  g_clear_object (&self->template);
  g_clear_pointer (&self->lacks, g_ptr_array_unref);
  g_clear_object (&self->vectors);
  g_clear_pointer (&self->made, steer_made_feature_free);
  g_clear_object (&self->preset);
}

const char *
steer_cli_info_get_kind_name (const SteerCliInfo *self)
{
  static const char *const names[] = {
    [STEER_CLI_INFO_MODEL] = "model",   [STEER_CLI_INFO_ARCHIVE] = "archive",     [STEER_CLI_INFO_VECTORS] = "vectors",
    [STEER_CLI_INFO_PRESET] = "preset", [STEER_CLI_INFO_TOKENIZER] = "tokenizer",
  };

  return names[self->kind];
}

static void
lack (SteerCliInfo *self, GError *error)
{
  for (guint i = 0; i < self->lacks->len; i++)
    {
      if (strcmp (g_ptr_array_index (self->lacks, i), error->message) == 0)
        {
          g_error_free (error);
          return;
        }
    }
  g_ptr_array_add (self->lacks, g_strdup (error->message));
  g_error_free (error);
}

/* Every part for itself, so that one that is missing hides nothing of the others. */
static void
examine_model (SteerCliInfo *self)
{
  GError *error = NULL;

  self->kind = STEER_CLI_INFO_MODEL;
  self->lacks = g_ptr_array_new_with_free_func (g_free);

  self->has_config = steer_model_config_read (&self->config, self->files, &error);
  if (!self->has_config)
    lack (self, g_steal_pointer (&error));
  self->archive = steer_archive_open (self->files, NULL, &error);
  if (self->archive == NULL)
    lack (self, g_steal_pointer (&error));
  if (self->has_config && self->archive != NULL)
    {
      g_autoptr (SteerModel) model = steer_model_open (self->files, NULL, &error);

      if (model == NULL)
        lack (self, g_steal_pointer (&error));
    }

  self->tokenizer = steer_tokenizer_new_for_model (self->files, &error);
  if (self->tokenizer == NULL)
    lack (self, g_steal_pointer (&error));
  self->template = steer_chat_template_new_for_model (self->files, &error);
  if (self->template == NULL)
    lack (self, g_steal_pointer (&error));
}

/* FALSE when the path is nothing that steers, which need not be an error. */
static gboolean
examine_vectors (SteerCliInfo *self, GError **error)
{
  const char *path = self->files;

  self->vectors = steer_vector_source_open (path, NULL, NULL, error);
  if (self->vectors == NULL)
    return FALSE;
  self->kind = STEER_CLI_INFO_VECTORS;
  if (STEER_IS_SAE (self->vectors))
    path = steer_sae_get_path (STEER_SAE (self->vectors));
  if (STEER_IS_VECTOR_LIBRARY (self->vectors))
    self->made = steer_made_feature_new_from_library (STEER_VECTOR_LIBRARY (self->vectors), NULL);
  self->archive = steer_archive_open (path, NULL, NULL);
  return TRUE;
}

static gboolean
examine_archive (SteerCliInfo *self, GError **error)
{
  self->kind = STEER_CLI_INFO_ARCHIVE;
  self->archive = steer_archive_open (self->files, NULL, error);
  return self->archive != NULL;
}

/* Whether the config.json is that of a model, and not of an SAE, whose folder has one too. */
static gboolean
is_model_config (const char *path)
{
  g_autoptr (SteerJsonConfig) config = steer_json_config_read (path, NULL);

  return config == NULL || steer_json_config_has (config, "architectures")
         || steer_json_config_has (config, "model_type") || steer_json_config_has (config, "hidden_size");
}

static gboolean
examine_folder (SteerCliInfo *self, GError **error)
{
  g_autofree char *config = g_build_filename (self->files, "config.json", NULL);
  g_autofree char *tokenizer = g_build_filename (self->files, "tokenizer.json", NULL);
  g_autoptr (GError) why_no_vectors = NULL;
  gboolean has_config = g_file_test (config, G_FILE_TEST_EXISTS);

  if (examine_vectors (self, &why_no_vectors))
    return TRUE;
  if ((has_config && is_model_config (config)) || g_file_test (tokenizer, G_FILE_TEST_EXISTS))
    {
      examine_model (self);
      return TRUE;
    }
  if (!has_config)
    return examine_archive (self, error);
  g_propagate_error (error, g_steal_pointer (&why_no_vectors));
  return FALSE;
}

/* A GGUF file that describes a model, whether or not it is of a kind that can be run. */
static gboolean
is_gguf_model (const char *path)
{
  g_autoptr (SteerArchive) archive = steer_archive_open (path, NULL, NULL);
  const char *arch = archive != NULL ? steer_archive_get_string (archive, "general.architecture") : NULL;

  return arch != NULL && g_str_has_prefix (steer_archive_get_format (archive), "GGUF")
         && strcmp (arch, "controlvector") != 0;
}

/* What another computer has; a model that cannot be opened there tells no more than why. */
static gboolean
examine_elsewhere (SteerCliInfo *self, GError **error)
{
  self->elsewhere = steer_model_open (self->path, NULL, error);
  if (self->elsewhere == NULL)
    return FALSE;
  self->files = steer_model_get_files (self->elsewhere);
  examine_model (self);
  return TRUE;
}

static gboolean
examine (SteerCliInfo *self, GError **error)
{
  if (steer_model_is_address (self->path))
    return examine_elsewhere (self, error);
  if (g_file_test (self->files, G_FILE_TEST_IS_DIR))
    return examine_folder (self, error);
  if (g_str_has_suffix (self->files, ".yaml") || g_str_has_suffix (self->files, ".yml"))
    {
      self->kind = STEER_CLI_INFO_PRESET;
      self->preset = steer_preset_new_from_file (self->files, error);
      return self->preset != NULL;
    }
  if (g_str_has_suffix (self->files, ".json"))
    {
      self->kind = STEER_CLI_INFO_TOKENIZER;
      self->tokenizer = steer_tokenizer_new_from_file (self->files, error);
      return self->tokenizer != NULL;
    }
  if (is_gguf_model (self->files))
    {
      examine_model (self);
      return TRUE;
    }
  return examine_vectors (self, NULL) || examine_archive (self, error);
}

/* Whether it is an address that names no model. A broken one is told when it is opened. */
static gboolean
is_computer (const char *path)
{
  g_autoptr (SteerRemoteAddress) address
    = steer_model_is_address (path) ? steer_remote_address_parse (path, NULL) : NULL;

  return address != NULL && address->path == NULL;
}

SteerCliStatus
steer_cli_info (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  g_auto (SteerCliInfo) info = { 0 };
  g_autoptr (GError) error = NULL;
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, entries, argc, argv, &status))
    return status;
  if (options.n_arguments == 0)
    {
      g_set_error_literal (&error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE, "name a file or a folder");
      return steer_cli_fail (usage.name, error);
    }
  info.path = info.files = options.arguments[0];
  if (is_computer (info.path))
    return steer_cli_info_print_computer (info.path, as_json, &error) && steer_cli_output_works ()
             ? STEER_CLI_OK
             : steer_cli_fail (usage.name, error);
  if (!examine (&info, &error))
    return steer_cli_fail (usage.name, error);
  if (as_json)
    steer_cli_info_print_json (&info);
  else
    steer_cli_info_print_text (&info, all_tensors);
  return steer_cli_output_works () ? STEER_CLI_OK : STEER_CLI_FAILED;
}
