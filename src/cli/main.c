/* The `steer` command: which word leads where. */
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "steer-cli-output.h"

static const SteerCliCommand commands[] = {
  { "chat", "talk with a model in the terminal and steer it while it speaks", steer_cli_chat },
  { "generate", "one reply, as text or as JSON", steer_cli_generate },
  { "trace", "logits and residual stream of a prompt, as a safetensors file", steer_cli_trace },
  { "extract", "directions of features out of SAEs, as a small file", steer_cli_extract },
  { "inspect", "which features of an SAE fire on a text", steer_cli_inspect },
  { "contrast", "a feature of your own, from examples of what it is about", steer_cli_contrast },
  { "sweep", "what each strength of a feature makes of the same prompts", steer_cli_sweep },
#ifdef STEER_HAS_HUB
  { "hub", "models and features from the Hugging Face Hub", steer_cli_hub },
#endif
#ifdef STEER_HAS_SERVE
  { "serve", "a model over HTTP, for programs and for a browser", steer_cli_serve },
#endif
  { "lend", "this computer's models and devices, to Steer Chat on another one", steer_cli_lend },
  { "features", "labels of features: search, show, import, name", steer_cli_features },
  { "tokenize", "text to token ids and back, line by line", steer_cli_tokenize },
  { "template", "messages to a prompt, line by line", steer_cli_template },
  { "bench", "how fast a model runs here, and what steering costs", steer_cli_bench },
  { "quantize", "a model as a GGUF file, with smaller weights", steer_cli_quantize },
  { "info", "what a model, a tensor file or a preset is, and what it lacks", steer_cli_info },
  { "devices", "what models can run on", steer_cli_devices },
};

static SteerCliStatus
print_help (void)
{
  g_autoptr (GString) help = g_string_new ("Usage: steer COMMAND [OPTION…]\n\nLocal language models, steered through "
                                           "features of their residual stream while they speak.\n\nCommands:\n");

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    g_string_append_printf (help, "  %-10s %s\n", commands[i].name, commands[i].summary);
  g_string_append (help, "\n`steer COMMAND --help` explains each. `steer --version` tells the versions in use.\n"
                         "Exit status: 0 done, 1 failed, 2 the command line is wrong.\n");
  return steer_cli_write (help->str, help->len) ? STEER_CLI_OK : STEER_CLI_FAILED;
}

static SteerCliStatus
print_version (void)
{
  g_autofree char *versions = steer_dup_library_versions ();

  return steer_cli_print ("steer %s\n%s%s", steer_get_version (), versions,
                          g_str_has_suffix (versions, "\n") ? "" : "\n")
           ? STEER_CLI_OK
           : STEER_CLI_FAILED;
}

static const SteerCliCommand *
find_command (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (strcmp (commands[i].name, name) == 0)
        return &commands[i];
    }
  return NULL;
}

static gboolean
is_help (const char *word)
{
  return strcmp (word, "--help") == 0 || strcmp (word, "-h") == 0 || strcmp (word, "help") == 0;
}

int
main (int argc, char **argv)
{
  const SteerCliCommand *command;

  setlocale (LC_ALL, "");
  /* A reader that goes away is noticed by write(), which lets replies end in order. */
  signal (SIGPIPE, SIG_IGN);

  if (argc < 2)
    {
      print_help ();
      return STEER_CLI_USAGE;
    }
  if (strcmp (argv[1], "--version") == 0)
    return print_version ();
  if (is_help (argv[1]))
    {
      command = argc > 2 ? find_command (argv[2]) : NULL;
      if (command != NULL)
        {
          char *help[] = { argv[2], (char *) "--help", NULL };

          return command->run (2, help);
        }
      return print_help ();
    }

  command = find_command (argv[1]);
  if (command == NULL)
    {
      steer_cli_note ("steer: there is no command \"%s\"; `steer --help` lists them\n", argv[1]);
      return STEER_CLI_USAGE;
    }
  steer_init ();
  return command->run (argc - 1, argv + 1);
}
