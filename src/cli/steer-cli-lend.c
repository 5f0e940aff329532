/* `steer lend`: this computer's models and devices for Steer Chat on another one, over the streams that ssh gives. */
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <string.h>
#include <unistd.h>

#include "remote/steer-lend.h"
#include "steer-cli-options.h"
#include "steer-cli-output.h"

#ifdef STEER_HAS_HUB
#include "hub/steer-hub-cache.h"
#endif

static const SteerCliUsage usage = {
  .name = "lend",
  .arguments = "",
  .description
  = "Lends this computer's models and devices to Steer Chat on another one. Nobody types it: ssh starts it for a\n"
    "model that is called ssh://[USER@]HOST[:PORT]/PATH, and it ends with the connection. PATH is that of a model on\n"
    "this computer; what begins with /~/ is in the home. Found by themselves are models in the Hub's cache and those\n"
    "in ~/models.",
  .examples = "  steer info ssh://big.example.org\n"
              "  steer chat --model ssh://anna@big.example.org/~/models/Llama-3.1-8B-Instruct",
};

/* A folder of models as people keep them: of each folder in it, and of each GGUF file, one. */
static void
find_in_folder (const char *folder, SteerLendFoundFunc found, gpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr (SteerArchive) archive = NULL;

      if (*name == '.' || !steer_model_config_check (path, NULL))
        continue;
      archive = steer_archive_open (path, NULL, NULL);
      if (archive != NULL)
        found (path, name, steer_archive_get_file_size (archive), data);
    }
}

static void
find_models (SteerLendFoundFunc found, gpointer data)
{
  g_autofree char *models = g_build_filename (g_get_home_dir (), "models", NULL);
#ifdef STEER_HAS_HUB
  g_autofree char *cache = steer_hub_cache_dup_default_path ();
  g_autoptr (GPtrArray) held = steer_hub_cache_list (cache, NULL);

  for (guint i = 0; i < held->len; i++)
    {
      const SteerHubHeld *one = g_ptr_array_index (held, i);
      g_autofree char *name = *one->name != '\0' ? g_strdup_printf ("%s, %s", one->repo_id, one->name) : NULL;

      if (one->kind == STEER_HUB_MODEL)
        found (one->path, name != NULL ? name : one->repo_id, one->bytes, data);
    }
#endif
  find_in_folder (models, found, data);
}

/* What anybody prints goes to standard error from now on: standard output is the borrower's. */
static int
take_standard_output (void)
{
  int fd = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

  dup2 (STDERR_FILENO, STDOUT_FILENO);
  return fd;
}

SteerCliStatus
steer_cli_lend (int argc, char **argv)
{
  g_auto (SteerCliOptions) options = { 0 };
  const SteerLendOptions lend = { .program_version = steer_get_version (), .find_models = find_models };
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  SteerCliStatus status;

  if (!steer_cli_options_parse (&options, &usage, NULL, argc, argv, &status))
    return status;
  if (isatty (STDIN_FILENO))
    {
      g_set_error_literal (&error, STEER_CLI_ERROR, STEER_CLI_ERROR_USAGE,
                           "Steer Chat on another computer starts this through ssh; by hand there is nothing to type");
      return steer_cli_fail (usage.name, error);
    }
  input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  output = g_unix_output_stream_new (take_standard_output (), TRUE);
  return steer_lend_run (input, output, &lend, &error) ? STEER_CLI_OK : steer_cli_fail (usage.name, error);
}
